"""caseassign itself, through its front door, with its default policy and rules."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from benchmarks.clockwork import acting, asking, streaming, writing_a_list
from benchmarks.errands import Task, digest, peak
from benchmarks.reading import told as told_row
from benchmarks.world import World
from caseassign import (
    SYSTEM,
    CaseAssignment,
    Cases,
    Casework,
    Client,
    Enrollment,
    Organization,
    PermissionDeniedError,
    Project,
    RuleViolationError,
    SQLiteStore,
    User,
)
from caseassign.batches import in_batches
from caseassign.cli import main
from caseassign.formats import hmis_csv

_AT_ONCE = 50_000


def build(task: Task) -> dict[str, Any]:
    """Write a world into a new store, and nothing where there is no world."""
    with closing(SQLiteStore(task.file)) as store:
        if task.size is not None:
            _fill(store, task.world())
    return {}


def _fill(store: SQLiteStore, world: World) -> None:
    with store.transaction(write=True) as tx:
        tx.organizations.add(Organization(**row._asdict()) for row in world.organizations)
        tx.projects.add(Project(**row._asdict()) for row in world.projects)
        tx.users.add(User(**row._asdict()) for row in world.users)
        for clients in in_batches(world.clients, _AT_ONCE):
            tx.clients.add(Client(**row._asdict()) for row in clients)
        for enrollments in in_batches(world.enrollments, _AT_ONCE):
            tx.enrollments.add(Enrollment(**row._asdict()) for row in enrollments)
        for assignments in in_batches(world.assignments, _AT_ONCE):
            tx.assignments.add(CaseAssignment(**row._asdict()) for row in assignments)


def cases(task: Task) -> dict[str, Any]:
    """Ask for the active cases of one user after the other."""
    asked = task.asked()
    today = date.fromisoformat(asked["today"])
    with closing(SQLiteStore(task.file)) as store:
        return asking(
            task, asked["users"], lambda user: Casework(store, user=user, clock=lambda: today).active_cases(), told
        )


def told(found: Cases) -> list[dict[str, Any]]:
    """Return a list of cases as plain data."""
    return found.to_dicts()


def assigning(store: SQLiteStore, today: date) -> Callable[[Sequence[str]], str]:
    """Return what makes one user responsible, and says ``"done"``, or why not."""

    def assign(errand: Sequence[str]) -> str:
        enrollment_id, user_id, start, role = errand
        try:
            Casework(store, user=user_id, clock=lambda: today).assign(enrollment_id, start=start, role=role)
        except RuleViolationError as refused:
            return " ".join(sorted({violation.code for violation in refused.violations}))
        except PermissionDeniedError:
            return "denied"
        return "done"

    return assign


def add(task: Task) -> dict[str, Any]:
    """Assign one after the other."""
    asked = task.asked()
    with closing(SQLiteStore(task.file)) as store:
        result = acting(task, asked, assigning(store, date.fromisoformat(asked["today"])))
        if task.check:
            with store.transaction() as tx:
                touched = sorted({errand[0] for errand in (*asked["refused"], *asked["adds"])})
                stints = tx.assignments.of_enrollments(touched)
                rows = [
                    [s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.role]
                    for s in stints
                    if not s.voided
                ]
                result["answer"] += digest(rows) + f" {tx.history.head().number} lines"
            assert not Casework(store, user=SYSTEM).verify_history()
    return result


four = add


def reassign(task: Task) -> dict[str, Any]:
    """Plan, apply and undo the reassignment of a whole caseload."""
    asked = task.asked()
    today = date.fromisoformat(asked["today"])
    with closing(SQLiteStore(task.file)) as store:
        casework = Casework(store, user=asked["holder"], clock=lambda: today)
        begin = perf_counter()
        plan = casework.plan_reassignment(asked["holder"], asked["receiver"])
        outcome = casework.apply(plan)
        middle = perf_counter()
        undone = casework.undo(str(outcome.batch_id))
        end = perf_counter()
        result: dict[str, Any] = {
            "seconds": {"reassign": middle - begin, "undo": end - middle},
            "answer": f"{len(outcome.assignments)} {len(undone.assignments)}",
            "peak": peak(),
        }
        if task.check:
            with store.transaction() as tx:
                stints = tx.assignments.of_users([asked["holder"], asked["receiver"]])
                rows = [[s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.voided] for s in stints]
                result["answer"] += f" {digest(rows)} {digest(line.case.to_dict() for line in plan)}"
                result["lines"] = tx.history.head().number
            assert not casework.verify_history()
    return result


def audit(task: Task) -> dict[str, Any]:
    """Walk through every violation."""
    today = date.fromisoformat(task.asked()["today"])
    with closing(SQLiteStore(task.file)) as store:
        findings = Casework(store, user=SYSTEM, clock=lambda: today).audit()
        return streaming(task, ((finding.code, *finding.ids) for finding in findings))


def export(task: Task) -> dict[str, Any]:
    """Write the list of all assignments, as the command does."""
    today = task.asked()["today"]

    def write(path: Path) -> None:
        with redirect_stdout(io.StringIO()):
            assert main(["export", str(path), "--store", task.file, "--as-of", today]) == 0

    return writing_a_list(task, write)


def import_(task: Task) -> dict[str, Any]:
    """Read an export and import it into an empty store."""
    with closing(SQLiteStore(task.file)) as store:
        begin = perf_counter()
        with hmis_csv.read(task.export) as export:
            issues = (
                digest([i.file, i.line, i.column, i.code, i.record_id] for i in export.issues) if task.check else ""
            )
            Casework(store, user=SYSTEM).import_export(export)
        seconds = perf_counter() - begin
        result: dict[str, Any] = {"seconds": {"import": seconds}, "answer": issues, "peak": peak()}
        if task.check:
            with store.transaction() as tx:
                for kind, names in _SAID.items():
                    records: Any = getattr(tx, f"{kind}s")
                    rows = (told_row([getattr(record, name) for name in names]) for record in records)
                    result["answer"] += f" {kind} {digest(rows)}"
    return result


_SAID: Final = {
    "client": ("personal_id", "first_name", "last_name"),
    "enrollment": (
        "enrollment_id",
        "personal_id",
        "project_id",
        "household_id",
        "relationship_to_hoh",
        "entry_date",
        "exit_date",
        "deleted",
    ),
    "organization": ("organization_id", "organization_name"),
    "project": ("project_id", "organization_id", "project_name", "project_type"),
    "user": ("user_id", "first_name", "last_name"),
}
