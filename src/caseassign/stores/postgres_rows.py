"""Records as rows of a `PostgresStore`, and back: each field in a column of its own type.

Days are of the type ``date``, and sets are sorted arrays.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final, TypeVar

import attrs

from caseassign.model import CaseAssignment, Enrollment, Project, Record, User
from caseassign.storage import Row
from caseassign.stores.sql import Form, Forms
from caseassign.stores.sql_rows import CHANGES, CLIENTS, HEADS, ORGANIZATIONS

R = TypeVar("R", bound=Record)


def _form(record: type[R]) -> Form[R]:
    columns = tuple(field.name for field in attrs.fields(record))
    to_row = attrgetter(*columns)

    def from_row(*row: Any) -> R:
        return record(**dict(zip(columns, row, strict=True)))

    return Form(record.KIND, to_row, from_row, columns)


def _user_row(record: User) -> Row:
    return (
        record.user_id,
        record.first_name,
        record.last_name,
        sorted(record.organization_ids),
        sorted(record.permissions),
        record.is_case_manager,
        record.left_on,
        record.batch_id,
    )


FORMS: Final = Forms(
    organizations=ORGANIZATIONS,
    projects=_form(Project),
    users=attrs.evolve(_form(User), to_row=_user_row),
    clients=CLIENTS,
    enrollments=_form(Enrollment),
    assignments=_form(CaseAssignment),
    changes=CHANGES,
    heads=HEADS,
)
