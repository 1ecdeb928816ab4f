"""Assign one user, by hand: five statements in one durable transaction, with the same policy, rules and history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from typing import Any, Final

from benchmarks.clockwork import acting
from benchmarks.errands import Task, digest
from benchmarks.peers.by_hand import lines
from benchmarks.peers.by_hand.files import connect, writing
from caseassign.history import Change
from caseassign.ids import new_id
from caseassign.model import CaseAssignment

_FACTS: Final = """
SELECT u.left_on, u.is_case_manager, e.entry_date, e.exit_date, e.deleted,
    u.sees_all OR EXISTS (
        SELECT 1 FROM access AS a WHERE a.user_id = u.user_id AND a.organization_id = p.organization_id
    )
FROM "user" AS u, enrollment AS e JOIN project AS p ON p.project_id = e.project_id
WHERE u.user_id = ? AND e.enrollment_id = ?
"""

_OWN: Final = """
SELECT start_date, end_date FROM assignment WHERE enrollment_id = ? AND user_id = ? AND role = ? AND NOT voided
"""

_INSERT: Final = "INSERT INTO assignment VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class RefusedError(Exception):
    """Holds the codes of what speaks against an act."""


def assign(
    db: sqlite3.Connection, today: str, enrollment_id: str, user_id: str, start: str, role: str, end: str | None = None
) -> tuple[CaseAssignment, list[Change]]:
    """Make the acting user responsible for an enrollment."""
    with writing(db):
        refused = _refusal(db, today, enrollment_id, user_id, start, role, end)
        if refused:
            raise RefusedError(refused)
        assignment = CaseAssignment(
            assignment_id=new_id(),
            enrollment_id=enrollment_id,
            user_id=user_id,
            start_date=date.fromisoformat(start),
            end_date=None if end is None else date.fromisoformat(end),
            role=role,
        )
        db.execute(_INSERT, (assignment.assignment_id, enrollment_id, user_id, start, end, role, 0, 0))
        _, changes = lines.append(db, user_id, [("assignment.start", None, assignment)])
    return assignment, changes


def _refusal(
    db: sqlite3.Connection, today: str, enrollment_id: str, user_id: str, start: str, role: str, end: str | None
) -> str:
    left_on, is_case_manager, entry, left, deleted, sees = db.execute(_FACTS, (user_id, enrollment_id)).fetchone()
    if (left_on is not None and left_on <= today) or not sees:
        return "denied"
    codes = set()
    if start < entry:
        codes.add("starts-before-entry")
    if left is not None:
        if start > left:
            codes.add("starts-after-exit")
        if end is None:
            codes.add("open-after-exit")
        elif end > left:
            codes.add("ends-after-exit")
    if deleted:
        codes.add("enrollment-deleted")
    for begin, until in db.execute(_OWN, (enrollment_id, user_id, role)):
        first = max(start, begin)
        if (end is None or first < end) and (until is None or first < until):
            codes.add("overlaps-own")
    if left_on is not None and left_on <= start:
        codes.add("case-manager-left")
    if not is_case_manager:
        codes.add("not-a-case-manager")
    return " ".join(sorted(codes))


def assigning(db: sqlite3.Connection, today: str) -> Callable[[Sequence[str]], str]:
    """Return what makes one user responsible, and says ``"done"``, or why not."""

    def act(errand: Sequence[str]) -> str:
        enrollment_id, user_id, start, role = errand
        try:
            assign(db, today, enrollment_id, user_id, start, role)
        except RefusedError as refused:
            return str(refused)
        return "done"

    return act


def add(task: Task) -> dict[str, Any]:
    """Assign one after the other."""
    asked = task.asked()
    with closing(connect(task.file)) as db:
        result = acting(task, asked, assigning(db, asked["today"]))
        if task.check:
            stints: list[list[str]] = []
            for touched in sorted({errand[0] for errand in (*asked["refused"], *asked["adds"])}):
                found = db.execute(
                    "SELECT enrollment_id, user_id, start_date, ifnull(end_date, 'None'), role FROM assignment"
                    " WHERE enrollment_id = ? AND NOT voided",
                    (touched,),
                )
                stints += map(list, found)
            ((written,),) = db.execute("SELECT count(*) FROM change")
            result["answer"] += digest(stints) + f" {written} lines"
            assert lines.is_whole(db)
    return result


four = add
