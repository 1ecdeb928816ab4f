"""Records as rows of a `SQLiteStore`, and back: by hand, column for column, because millions of them pass here."""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from inspect import signature
from typing import Any, Final, Generic, TypeAlias, TypeVar

from caseassign.history import Change, Head, Plain, RecordKey, to_json
from caseassign.model import CaseAssignment, Client, Enrollment, Organization, Project, User

R = TypeVar("R")

Row: TypeAlias = tuple[Any, ...]


class Table(Generic[R]):
    """One kind of record in its table: its columns, and the ways to rows and back.

    The parameters of ``from_row`` are the columns, in the order of ``to_row``; the first is the id. What is asked
    of every table stands here as SQL, written once from these names, none of which comes from outside.
    """

    def __init__(
        self, kind: str, to_row: Callable[[R], Row], from_row: Callable[..., R], order: str | None = None
    ) -> None:
        self.kind = kind
        self.to_row = to_row
        self.from_row = from_row
        columns = tuple(signature(from_row).parameters)
        key, *others = columns
        self._names = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" for _ in columns)
        changes = ", ".join(f'"{column}" = ?' for column in others)
        listed = f"{key} IN (SELECT value FROM json_each(?))"
        order = order or key
        self._order = order
        self._at = columns.index(order)
        # Bounded by what is last at the start, so that it comes to an end even if more is added on the way.
        self.everything = self.select(f'WHERE {order} <= (SELECT max({order}) FROM "{kind}") ORDER BY {order}')
        self.with_ids = self.select(f"WHERE {listed} ORDER BY {key}")
        self.ids_there = f'SELECT {key} FROM "{kind}" WHERE {listed}'
        self.insert = f'INSERT INTO "{kind}" ({self._names}) VALUES ({marks})'
        self.update = f'UPDATE "{kind}" SET {changes} WHERE {key} = ?'

    def named(self, row: Row) -> str:
        """Return what to call a row in an error: its table, and its place in the order of the table."""
        return f"the row of the table {self.kind} with {self._order} {row[self._at]}"

    def select(self, which: str = "") -> str:
        """Return the query for these rows: an SQL condition, order, or both."""
        return f'SELECT {self._names} FROM "{self.kind}" {which}'


def _organization_row(record: Organization) -> Row:
    return record.organization_id, record.organization_name, record.batch_id


def _organization(organization_id: str, organization_name: str | None, batch_id: str | None) -> Organization:
    return Organization(organization_id=organization_id, organization_name=organization_name, batch_id=batch_id)


ORGANIZATIONS: Final = Table("organization", _organization_row, _organization)


def _project_row(record: Project) -> Row:
    return (
        record.project_id,
        record.organization_id,
        record.project_name,
        record.project_type,
        _day_text(record.operating_start_date),
        _day_text(record.operating_end_date),
        record.batch_id,
    )


def _project(
    project_id: str,
    organization_id: str | None,
    project_name: str | None,
    project_type: int | None,
    operating_start_date: str | None,
    operating_end_date: str | None,
    batch_id: str | None,
) -> Project:
    return Project(
        project_id=project_id,
        organization_id=organization_id,
        project_name=project_name,
        project_type=project_type,
        operating_start_date=_day(operating_start_date),
        operating_end_date=_day(operating_end_date),
        batch_id=batch_id,
    )


PROJECTS: Final = Table("project", _project_row, _project)


def _user_row(record: User) -> Row:
    return (
        record.user_id,
        record.first_name,
        record.last_name,
        to_json(sorted(record.organization_ids)),
        to_json(sorted(record.permissions)),
        record.is_case_manager,
        _day_text(record.left_on),
        record.batch_id,
    )


def _user(
    user_id: str,
    first_name: str | None,
    last_name: str | None,
    organization_ids: str,
    permissions: str,
    is_case_manager: int,
    left_on: str | None,
    batch_id: str | None,
) -> User:
    return User(
        user_id=user_id,
        first_name=first_name,
        last_name=last_name,
        organization_ids=json.loads(organization_ids),
        permissions=json.loads(permissions),
        is_case_manager=bool(is_case_manager),
        left_on=_day(left_on),
        batch_id=batch_id,
    )


USERS: Final = Table("user", _user_row, _user)


def _client_row(record: Client) -> Row:
    return record.personal_id, record.first_name, record.last_name, record.batch_id


def _client(personal_id: str, first_name: str | None, last_name: str | None, batch_id: str | None) -> Client:
    return Client(personal_id=personal_id, first_name=first_name, last_name=last_name, batch_id=batch_id)


CLIENTS: Final = Table("client", _client_row, _client)


def _enrollment_row(record: Enrollment) -> Row:
    return (
        record.enrollment_id,
        record.personal_id,
        record.project_id,
        record.household_id,
        record.relationship_to_hoh,
        record.entry_date.isoformat(),
        _day_text(record.exit_date),
        record.deleted,
        record.batch_id,
    )


def _enrollment(
    enrollment_id: str,
    personal_id: str,
    project_id: str,
    household_id: str | None,
    relationship_to_hoh: int | None,
    entry_date: str,
    exit_date: str | None,
    deleted: int,
    batch_id: str | None,
) -> Enrollment:
    return Enrollment(
        enrollment_id=enrollment_id,
        personal_id=personal_id,
        project_id=project_id,
        household_id=household_id,
        relationship_to_hoh=relationship_to_hoh,
        entry_date=date.fromisoformat(entry_date),
        exit_date=_day(exit_date),
        deleted=bool(deleted),
        batch_id=batch_id,
    )


ENROLLMENTS: Final = Table("enrollment", _enrollment_row, _enrollment)


def _assignment_row(record: CaseAssignment) -> Row:
    return (
        record.assignment_id,
        record.enrollment_id,
        record.user_id,
        record.start_date.isoformat(),
        _day_text(record.end_date),
        record.role,
        record.kept_after_exit,
        record.voided,
        record.batch_id,
    )


def _assignment(
    assignment_id: str,
    enrollment_id: str,
    user_id: str,
    start_date: str,
    end_date: str | None,
    role: str,
    kept_after_exit: int,
    voided: int,
    batch_id: str | None,
) -> CaseAssignment:
    return CaseAssignment(
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        user_id=user_id,
        start_date=date.fromisoformat(start_date),
        end_date=_day(end_date),
        role=role,
        kept_after_exit=bool(kept_after_exit),
        voided=bool(voided),
        batch_id=batch_id,
    )


ASSIGNMENTS: Final = Table("assignment", _assignment_row, _assignment)


def _change_row(line: Change) -> Row:
    return (
        line.change_id,
        line.number,
        line.recorded_at.isoformat(),
        line.user_id,
        line.action,
        line.record.kind,
        line.record.id,
        _plain_text(line.before),
        _plain_text(line.after),
        line.reason,
        line.batch_id,
        line.digest,
    )


def _change(
    change_id: str,
    number: int,
    recorded_at: str,
    user_id: str | None,
    action: str,
    kind: str,
    record_id: str,
    before: str | None,
    after: str | None,
    reason: str | None,
    batch_id: str,
    digest: str,
) -> Change:
    return Change(
        number=number,
        change_id=change_id,
        recorded_at=datetime.fromisoformat(recorded_at),
        user_id=user_id,
        action=action,
        record=RecordKey(kind, record_id),
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        batch_id=batch_id,
        digest=digest,
    )


CHANGES: Final = Table("change", _change_row, _change, order="number")


def _head_row(head: Head) -> Row:
    return "history", head.number, head.digest, None if head.recorded_at is None else head.recorded_at.isoformat()


def _head(chain: str, number: int, digest: str, recorded_at: str | None) -> Head:  # noqa: ARG001  # names a column
    return Head(number, digest, None if recorded_at is None else datetime.fromisoformat(recorded_at))


HEADS: Final = Table("change_head", _head_row, _head)


def _day_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _plain_text(plain: Plain | None) -> str | None:
    return None if plain is None else to_json(plain)


def _plain(text: str | None) -> Plain | None:
    return None if text is None else json.loads(text)
