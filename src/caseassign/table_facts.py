"""The facts that rules look at, read from the six tables on any engine, one household after the other."""

# the names are those that the caller gives for tables

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

from caseassign.model import CaseAssignment, Enrollment, Project, User
from caseassign.period import as_day
from caseassign.rules import EnrollmentFacts, Tables
from caseassign.search import in_projects
from caseassign.storage import Row

Ask: TypeAlias = Callable[[str], Iterator[Row]]
"""What runs a query on the engine, and yields its rows."""

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

    known = {key: _project(key, *others) for key, *others in rows(_PROJECTS)}
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
            held[user_id].add(each)
    return {
        user_id: User(
            user_id=user_id,
            organization_ids=frozenset(organizations[user_id]),
            permissions=frozenset(permissions[user_id]),
            left_on=_day(left_on),
        )
        for user_id, left_on in rows(_USERS)
    }


def _project(project_id: str, organization_id: str | None, project_type: int | None) -> Project:
    return Project(project_id=project_id, organization_id=organization_id, project_type=project_type)


def _facts(rows: Sequence[Row], projects: dict[str, Project], users: dict[str, User], as_of: date) -> EnrollmentFacts:
    key, personal_id, project_id, household_id, relationship_to_hoh, entry_date, exit_date, deleted, *_ = rows[0]
    stints = [_stint(key, *row[8:]) for row in rows if row[8] is not None]
    return EnrollmentFacts(
        enrollment=Enrollment(
            enrollment_id=key,
            personal_id=personal_id,
            project_id=project_id,
            household_id=household_id,
            relationship_to_hoh=relationship_to_hoh,
            entry_date=as_day(entry_date),
            exit_date=_day(exit_date),
            deleted=bool(deleted),
        ),
        project=projects.get(project_id) or Project(project_id=project_id),
        assignments=tuple(stints),
        users={stint.user_id: users.get(stint.user_id) or User(user_id=stint.user_id) for stint in stints},
        as_of=as_of,
    )


def _stint(
    enrollment_id: str, assignment_id: str, user_id: str, start_date: Any, end_date: Any, role: str, kept: Any
) -> CaseAssignment:
    return CaseAssignment(
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        user_id=user_id,
        start_date=as_day(start_date),
        end_date=_day(end_date),
        role=role,
        kept_after_exit=bool(kept),
    )


def _day(day: date | str | None) -> date | None:
    return None if day is None else as_day(day)
