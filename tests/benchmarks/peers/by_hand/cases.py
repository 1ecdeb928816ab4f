"""My active cases, by hand: two statements on one connection, and the records that the library returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import Any, Final

from benchmarks.clockwork import asking
from benchmarks.errands import Task
from benchmarks.peers.by_hand.files import connect
from caseassign.cases import Case, Cases
from caseassign.model import CaseAssignment, Client, Enrollment, Project, User

_USER: Final = """
SELECT first_name, last_name, permissions, is_case_manager, left_on,
    (SELECT group_concat(organization_id, ' ') FROM access WHERE access.user_id = "user".user_id)
FROM "user" WHERE user_id = ?
"""

_HELD: Final = """
WHERE a.user_id = :user AND NOT a.voided AND ifnull(a.end_date, '~') > :day AND a.start_date <= :day AND NOT e.deleted
"""

_CASES: Final = f"""
SELECT a.assignment_id, a.enrollment_id, a.start_date, a.end_date, a.role, a.kept_after_exit,
    e.personal_id, e.project_id, e.household_id, e.relationship_to_hoh, e.entry_date, e.exit_date,
    c.first_name, c.last_name, p.organization_id, p.project_name, p.project_type,
    p.operating_start_date, p.operating_end_date,
    (SELECT min(b.start_date) FROM assignment AS b WHERE b.enrollment_id = a.enrollment_id AND b.user_id = a.user_id
        AND b.role = a.role AND NOT b.voided AND b.start_date < a.start_date)
FROM assignment AS a JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
JOIN client AS c ON c.personal_id = e.personal_id JOIN project AS p ON p.project_id = e.project_id
{_HELD}
"""  # noqa: S608  # all of it stands in this module

_HOUSEHOLDS: Final = f"""
SELECT a.assignment_id, m.relationship_to_hoh, m.personal_id, m.entry_date, m.exit_date, c.first_name, c.last_name
FROM assignment AS a JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
JOIN enrollment AS m ON m.project_id = e.project_id AND m.household_id = e.household_id AND NOT m.deleted
LEFT JOIN client AS c ON m.relationship_to_hoh = 1 AND c.personal_id = m.personal_id
{_HELD}
"""  # noqa: S608  # all of it stands in this module

_EARLIER: Final = """
SELECT start_date, end_date FROM assignment
WHERE enrollment_id = ? AND user_id = ? AND role = ? AND NOT voided AND start_date < ? ORDER BY start_date DESC
"""


def cases(task: Task) -> dict[str, Any]:
    """Ask for the active cases of one user after the other."""
    asked = task.asked()
    with closing(connect(task.file)) as db:
        return asking(task, asked["users"], active_cases_of(db, date.fromisoformat(asked["today"])), Cases.to_dicts)


def active_cases_of(db: sqlite3.Connection, today: date) -> Callable[[str], Cases]:
    """Return what returns the active cases of a user, who asks for them."""

    def ask(user_id: str) -> Cases:
        db.execute("BEGIN")
        found = active_cases(db, user_of(db, user_id), today)
        db.execute("COMMIT")
        return found

    return ask


def user_of(db: sqlite3.Connection, user_id: str) -> User:
    """Return a user."""
    first, last, permissions, is_case_manager, left_on, organizations = db.execute(_USER, (user_id,)).fetchone()
    return User(
        user_id=user_id,
        first_name=first,
        last_name=last,
        organization_ids=(organizations or "").split(),
        permissions=permissions.split(),
        is_case_manager=bool(is_case_manager),
        left_on=None if left_on is None else date.fromisoformat(left_on),
    )


def active_cases(db: sqlite3.Connection, user: User, today: date) -> Cases:
    """Return the cases of a user; names are withheld where the user's access is gone."""
    if user.has_left(today):
        raise PermissionError(user.user_id)
    day = today.isoformat()
    values = {"user": user.user_id, "day": day}
    heads: dict[str, list[Client]] = {}
    present: dict[str, set[str]] = {}
    for key, relationship, member, entry, left, first, last in db.execute(_HOUSEHOLDS, values):
        if relationship == 1:
            heads.setdefault(key, []).append(Client(personal_id=member, first_name=first, last_name=last))
        if entry <= day and (left is None or left > day):
            present.setdefault(key, set()).add(member)
    projects: dict[str, Project] = {}
    fetched = []
    for (
        assignment_id,
        enrollment_id,
        start,
        end,
        role,
        kept,
        personal_id,
        project_id,
        household_id,
        relationship,
        entry,
        left,
        first,
        last,
        organization_id,
        project_name,
        project_type,
        opened,
        closed,
        earliest,
    ) in db.execute(_CASES, values):
        project = projects.get(project_id)
        if project is None:
            project = projects[project_id] = Project(
                project_id=project_id,
                organization_id=organization_id,
                project_name=project_name,
                project_type=project_type,
                operating_start_date=None if opened is None else date.fromisoformat(opened),
                operating_end_date=None if closed is None else date.fromisoformat(closed),
            )
        enrollment = Enrollment(
            enrollment_id=enrollment_id,
            personal_id=personal_id,
            project_id=project_id,
            household_id=household_id,
            relationship_to_hoh=relationship,
            entry_date=date.fromisoformat(entry),
            exit_date=None if left is None else date.fromisoformat(left),
        )
        assignment = CaseAssignment(
            assignment_id=assignment_id,
            enrollment_id=enrollment_id,
            user_id=user.user_id,
            start_date=date.fromisoformat(start),
            end_date=None if end is None else date.fromisoformat(end),
            role=role,
            kept_after_exit=bool(kept),
        )
        seen = user.can_access(project)
        client = (
            Client(personal_id=personal_id, first_name=first, last_name=last)
            if seen
            else Client(personal_id=personal_id)
        )
        among = heads.get(assignment_id, ())
        if household_id is None and relationship == 1:
            head: Client | None = client
        else:
            head = among[0] if len(among) == 1 else None
            if head is not None and not seen:
                head = Client(personal_id=head.personal_id)
        case = Case(
            as_of=today,
            assignment=assignment,
            enrollment=enrollment,
            client=client,
            project=project,
            head_of_household=head,
            household_size=len(present.get(assignment_id, set()) | {personal_id}),
            case_manager=user,
            since=assignment.start_date if earliest is None else _since(db, assignment),
        )
        name = ", ".join(part for part in (client.last_name, client.first_name) if part)
        fetched.append(((not name, name.casefold(), personal_id, start, enrollment_id, assignment_id), case))
    fetched.sort(key=lambda pair: pair[0])
    return Cases(title="Active cases", as_of=today, rows=tuple(case for _, case in fetched))


def _since(db: sqlite3.Connection, stint: CaseAssignment) -> date:
    """Return the start of the unbroken run of touching stints, of which there is an earlier one."""
    start = stint.start_date.isoformat()
    for begin, end in db.execute(_EARLIER, (stint.enrollment_id, stint.user_id, stint.role, start)):
        if end is None or end >= start:
            start = begin
    return date.fromisoformat(start)
