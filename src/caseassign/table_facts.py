"""The facts that rules look at, read from the six tables on any engine, one household after the other.

Ids may be numbers there, flags texts, and days moments: they are made what a record has. A row of which no record can
be made is an error that names it, for rules without SQL have nothing but records to look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

from caseassign.errors import InvalidRecordError
from caseassign.model import CaseAssignment, Enrollment, Project, User
from caseassign.period import as_day
from caseassign.rules import EnrollmentFacts, Tables
from caseassign.search import in_projects
from caseassign.storage import Row

Ask: TypeAlias = Callable[[str], Iterator[Row]]
"""What runs a query on the engine, and yields its rows."""

R = TypeVar("R")

_STAYS: Final = """
    SELECT enrollment.enrollment_id, enrollment.personal_id, enrollment.project_id, enrollment.household_id,
    enrollment.relationship_to_hoh, enrollment.entry_date, enrollment.exit_date, enrollment.deleted,
    assignment.assignment_id, assignment.user_id, assignment.start_date, assignment.end_date, assignment.role,
    assignment.kept_after_exit
    FROM {enrollments} enrollment LEFT JOIN {assignments} assignment
    ON assignment.enrollment_id = enrollment.enrollment_id AND NOT assignment.voided
"""
_IN_ORDER: Final = """
    ORDER BY enrollment.project_id, enrollment.household_id, enrollment.enrollment_id,
    assignment.start_date, assignment.assignment_id
"""
_PROJECTS: Final = "SELECT project_id, organization_id, project_type FROM {projects} project"
_USERS: Final = "SELECT user_id, left_on FROM {users} holder"
_ORGANIZATIONS: Final = "SELECT user_id, organization_id FROM {user_organizations} access"
_PERMISSIONS: Final = "SELECT user_id, permission FROM {user_permissions} permission"


def households(
    ask: Ask, tables: Tables, as_of: date, projects: Collection[str] | None
) -> Iterator[tuple[EnrollmentFacts, ...]]:
    """Yield the facts of the members of each household, without holding them all in memory.

    Users and projects are held, and those that assignments and enrollments name and the tables lack have only an id.
    """

    def rows(sql: str) -> Iterator[Row]:
        return ask(tables.named_in(sql, as_of))

    known = {project.project_id: project for project in (_project(*row) for row in rows(_PROJECTS))}
    users = _users(rows)
    of_one = groupby(rows(_STAYS + in_projects(projects) + _IN_ORDER), key=itemgetter(0))
    facts = (_facts(list(found), known, users, as_of) for _, found in of_one)
    for _, members in groupby(facts, key=lambda each: each.enrollment.household_key or each.enrollment.enrollment_id):
        yield tuple(members)


def _users(rows: Callable[[str], Iterator[Row]]) -> dict[str, User]:
    organizations: defaultdict[str, set[str]] = defaultdict(set)
    permissions: defaultdict[str, set[str]] = defaultdict(set)
    for held, sql in ((organizations, _ORGANIZATIONS), (permissions, _PERMISSIONS)):
        for user_id, each in rows(sql):
            if user_id is not None and each is not None:
                held[str(user_id)].add(str(each))
    left = {str(user_id): left_on for user_id, left_on in rows(_USERS)}
    return {
        user_id: _made(
            User,
            user_id=user_id,
            organization_ids=frozenset(organizations[user_id]),
            permissions=frozenset(permissions[user_id]),
            left_on=left.get(user_id),
        )
        for user_id in {**left, **organizations, **permissions}
    }


def _project(project_id: Any, organization_id: Any, project_type: Any) -> Project:
    return _made(Project, project_id=project_id, organization_id=organization_id, project_type=project_type)


def _facts(rows: Sequence[Row], projects: dict[str, Project], users: dict[str, User], as_of: date) -> EnrollmentFacts:
    key, personal_id, project_id, household_id, relationship_to_hoh, entry_date, exit_date, deleted, *_ = rows[0]
    stints = [_stint(key, *row[8:]) for row in rows if row[8] is not None]
    enrollment = _made(
        Enrollment,
        enrollment_id=key,
        personal_id=personal_id,
        project_id=project_id,
        household_id=household_id,
        relationship_to_hoh=relationship_to_hoh,
        entry_date=entry_date,
        exit_date=exit_date,
        deleted=deleted,
    )
    return EnrollmentFacts(
        enrollment=enrollment,
        project=projects.get(enrollment.project_id) or Project(project_id=enrollment.project_id),
        assignments=tuple(stints),
        users={stint.user_id: users.get(stint.user_id) or User(user_id=stint.user_id) for stint in stints},
        as_of=as_of,
    )


def _stint(
    enrollment_id: Any, assignment_id: Any, user_id: Any, start_date: Any, end_date: Any, role: Any, kept: Any
) -> CaseAssignment:
    return _made(
        CaseAssignment,
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        user_id=user_id,
        start_date=start_date,
        end_date=end_date,
        role=role,
        kept_after_exit=kept,
    )


def _made(kind: type[R], **row: Any) -> R:
    """Return the record of a row, whose id is its first field."""
    try:
        return kind(**{name: _READ.get(name, _text)(value) for name, value in row.items()})
    except InvalidRecordError as error:
        own, key = next(iter(row.items()))
        where = f"in the row with {own} {key}: a rule without SQL needs rows that can be records"
        raise InvalidRecordError(error.kind, error.field, f"{error.problem} ({where})") from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    try:
        return None if value is None or value == "" else int(value)
    except ValueError:
        raise InvalidRecordError("Row", "relationship_to_hoh, project_type", "is no number") from None


_FLAGS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def _flag(value: object) -> bool:
    flag = _FLAGS.get(str(value).lower())
    if flag is None:
        raise InvalidRecordError("Row", "deleted, kept_after_exit", "is neither true nor false")
    return flag


def _day(day: Any) -> Any:
    """Return the day that a value stands for; a record refuses what is none."""
    if isinstance(day, datetime):
        return day.date()
    return as_day(day) if isinstance(day, str) else day


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "organization_ids": frozenset,
    "permissions": frozenset,
    "relationship_to_hoh": _number,
    "project_type": _number,
    "deleted": _flag,
    "kept_after_exit": _flag,
    "left_on": _day,
    "entry_date": _day,
    "exit_date": _day,
    "start_date": _day,
    "end_date": _day,
}
"""What is made of each field that is no text."""
