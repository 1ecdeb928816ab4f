"""Reassign a whole caseload and undo it, by hand: few statements over all cases, the same checks and lines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from time import perf_counter
from typing import Any, Final

import attrs

from benchmarks.errands import Task, digest, peak
from benchmarks.peers.by_hand import lines
from benchmarks.peers.by_hand.cases import active_cases, user_of
from benchmarks.peers.by_hand.files import connect, writing
from caseassign.acts.plan import PlannedCase, PlannedOutcome
from caseassign.history import Change
from caseassign.ids import new_id
from caseassign.model import CaseAssignment
from caseassign.period import Period

# What a successor would break: each of these finds nothing where the caseload can move whole.
_IN_THE_WAY: Final = """
SELECT a.assignment_id FROM assignment AS a JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
JOIN project AS p ON p.project_id = e.project_id
WHERE a.user_id = :user AND NOT a.voided AND ifnull(a.end_date, '~') > :day AND a.start_date <= :day AND NOT e.deleted
AND (
    :day < e.entry_date OR e.exit_date IS NOT NULL OR EXISTS (
        SELECT 1 FROM assignment AS b WHERE b.enrollment_id = a.enrollment_id AND b.user_id = :to AND b.role = a.role
        AND NOT b.voided AND ifnull(b.end_date, '~') > :day
    ) OR NOT EXISTS (SELECT 1 FROM access AS x WHERE x.user_id = :to AND x.organization_id = p.organization_id)
)
UNION ALL SELECT user_id FROM "user" WHERE user_id = :to AND (left_on <= :day OR NOT is_case_manager)
"""

_NOW: Final = """
SELECT a.assignment_id, a.end_date, a.role, a.kept_after_exit, e.entry_date, e.exit_date
FROM assignment AS a JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
WHERE a.user_id = :user AND NOT a.voided AND ifnull(a.end_date, '~') > :day AND a.start_date <= :day AND NOT e.deleted
"""

_OF_BATCH: Final = 'SELECT number, kind, record_id, "before", "after" FROM change WHERE batch_id = ?'

_CHANGED_SINCE: Final = """
SELECT 1 FROM change AS c JOIN change AS later ON later.kind = c.kind AND later.record_id = c.record_id
WHERE c.batch_id = ? AND later.number > c.number
"""

_OVERLAPS: Final = """
SELECT 1 FROM json_each(?) AS touched JOIN assignment AS a ON a.assignment_id = touched.value
JOIN assignment AS b ON b.enrollment_id = a.enrollment_id AND b.user_id = a.user_id AND b.role = a.role
JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
WHERE NOT a.voided AND NOT b.voided AND (
    b.assignment_id <> a.assignment_id
    AND max(a.start_date, b.start_date) < min(ifnull(a.end_date, '~'), ifnull(b.end_date, '~'))
    OR a.start_date < e.entry_date OR ifnull(a.end_date, '~') > ifnull(e.exit_date, '~') OR e.deleted
)
"""

_STINT: Final = "assignment_id, enrollment_id, user_id, start_date, end_date, role, kept_after_exit, voided"


def plan(db: sqlite3.Connection, holder: str, to: str, on: date) -> list[PlannedCase]:
    """Return what would become of each case: as here all can move, or it is an error."""
    db.execute("BEGIN")
    found = active_cases(db, user_of(db, holder), on)
    if db.execute(_IN_THE_WAY, {"user": holder, "to": to, "day": on.isoformat()}).fetchone() is not None:
        raise PermissionError(to)
    db.execute("COMMIT")
    planned = []
    for case in found:
        stint = case.assignment
        assert stint is not None
        days = (Period(on, stint.end_date),)
        planned.append(PlannedCase(outcome=PlannedOutcome.MOVE, assignment=stint, case=case, to=to, on=on, days=days))
    return planned


def apply(
    db: sqlite3.Connection, actor: str, planned: list[PlannedCase], holder: str, to: str, on: date
) -> tuple[str, list[CaseAssignment], list[Change]]:
    """Carry out a plan, unless something has changed since; return the batch, the stints and the lines."""
    values = {"user": holder, "to": to, "day": on.isoformat()}
    with writing(db):
        now = {row[0]: row[1:] for row in db.execute(_NOW, values)}
        then = {
            line.assignment.assignment_id: (
                _iso(line.assignment.end_date),
                line.assignment.role,
                line.assignment.kept_after_exit,
                line.case.enrollment.entry_date.isoformat(),
                _iso(line.case.enrollment.exit_date),
            )
            for line in planned
        }
        if now != then or db.execute(_IN_THE_WAY, values).fetchone() is not None:
            raise PermissionError("outdated")
        ended, started, changes = [], [], []
        for line in planned:
            old = line.assignment
            over = attrs.evolve(old, end_date=on)
            new = attrs.evolve(old, assignment_id=new_id(), user_id=to, start_date=on)
            ended.append(over)
            started.append(new)
            changes += [("caseload.reassign", old, over), ("caseload.reassign", None, new)]
        db.executemany(
            "UPDATE assignment SET end_date = ? WHERE assignment_id = ?",
            [(on.isoformat(), stint.assignment_id) for stint in ended],
        )
        db.executemany(
            "INSERT INTO assignment VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [tuple(lines.plain(stint).values()) for stint in started],
        )
        batch_id, written = lines.append(db, actor, changes)
    return batch_id, [*ended, *started], written


def undo(db: sqlite3.Connection, actor: str, batch_id: str) -> tuple[list[CaseAssignment], list[Change]]:
    """Void what a batch created, and put back what it changed, unless something was built on it since."""
    with writing(db):
        if db.execute(_CHANGED_SINCE, (batch_id,)).fetchone() is not None:
            raise PermissionError("changed since")
        touched = {key: (before, after) for _, _, key, before, after in db.execute(_OF_BATCH, (batch_id,))}
        keys = json.dumps(list(touched))
        found = db.execute(
            f"SELECT {_STINT} FROM assignment WHERE assignment_id IN (SELECT value FROM json_each(?))",  # noqa: S608
            (keys,),
        )
        changes, rows = [], []
        for row in found.fetchall():
            now = _stint(row)
            before, after = touched[now.assignment_id]
            if lines.plain(now) != json.loads(after):
                raise PermissionError("changed since")
            was = attrs.evolve(now, voided=True) if before is None else _of_plain(json.loads(before))
            changes.append(("batch.undo", now, was))
            rows.append((was.start_date.isoformat(), _iso(was.end_date), was.voided, was.assignment_id))
        db.executemany("UPDATE assignment SET start_date = ?, end_date = ?, voided = ? WHERE assignment_id = ?", rows)
        if db.execute(_OVERLAPS, (keys,)).fetchone() is not None:
            raise PermissionError("overlaps")
        _, written = lines.append(db, actor, changes)
    return [after for _, _, after in changes], written


def reassign(task: Task) -> dict[str, Any]:
    """Plan, apply and undo the reassignment of a whole caseload."""
    asked = task.asked()
    holder, to, on = asked["holder"], asked["receiver"], date.fromisoformat(asked["today"])
    with closing(connect(task.file)) as db:
        begin = perf_counter()
        planned = plan(db, holder, to, on)
        batch_id, stints, _ = apply(db, holder, planned, holder, to, on)
        middle = perf_counter()
        undone, _ = undo(db, holder, batch_id)
        end = perf_counter()
        result: dict[str, Any] = {
            "seconds": {"reassign": middle - begin, "undo": end - middle},
            "answer": f"{len(stints)} {len(undone)}",
            "peak": peak(),
        }
        if task.check:
            result["answer"] += f" {digest(_rows(db, holder, to))} {digest(line.case.to_dict() for line in planned)}"
            ((result["lines"],),) = db.execute("SELECT count(*) FROM change")
            assert lines.is_whole(db)
    return result


def _rows(db: sqlite3.Connection, *users: str) -> Iterable[list[Any]]:
    for user in users:
        for row in db.execute(f"SELECT {_STINT} FROM assignment WHERE +user_id = ?", (user,)):  # noqa: S608
            yield [row[1], row[2], row[3], str(row[4]), bool(row[7])]


def _stint(row: tuple[Any, ...]) -> CaseAssignment:
    return CaseAssignment(
        assignment_id=row[0],
        enrollment_id=row[1],
        user_id=row[2],
        start_date=date.fromisoformat(row[3]),
        end_date=None if row[4] is None else date.fromisoformat(row[4]),
        role=row[5],
        kept_after_exit=bool(row[6]),
        voided=bool(row[7]),
    )


def _of_plain(said: dict[str, Any]) -> CaseAssignment:
    return _stint(tuple(said[name] for name in _STINT.split(", ")))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
