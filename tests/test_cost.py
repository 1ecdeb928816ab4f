"""What questions and acts cost, counted where time would be noise: statements, and steps of the engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from world import TODAY, World, day

from caseassign import SYSTEM, CaseAssignment, Casework, Client, Enrollment, SQLiteStore
from caseassign.stores import sqlite_schema, sqlite_search

FEW, MANY = 12, 240

QUESTIONS: dict[str, Callable[[Casework], Any]] = {
    "active cases": lambda front: front.active_cases("kim"),
    "inactive cases": lambda front: front.inactive_cases("kim"),
    "upcoming cases": lambda front: front.upcoming_cases("kim"),
    "cases during": lambda front: front.cases_during("kim", start="2026-01-01", end="2026-04-01"),
    "case managers": lambda front: front.case_managers("k1", household=True),
    "client record": lambda front: front.client_record("k1"),
    "find case managers": lambda front: front.find_case_managers("", enrollment="e1"),
    "caseloads": lambda front: front.caseloads(),
    "coming up": lambda front: front.coming_up(30),
    "unassigned": lambda front: front.unassigned(),
    "history of a user": lambda front: front.history(user="kim"),
    "history of an enrollment": lambda front: front.history(enrollment="e1"),
    "audit": lambda front: list(front.audit()),
}
ACTS: dict[str, Callable[[Casework], Any]] = {
    "enroll": lambda front: front.enroll("k1", "rrh", case_manager="kim"),
    "enroll a household": lambda front: front.enroll({"k1": 1, "k2": 2}, "rrh", case_manager="kim"),
    "assign": lambda front: front.assign("e1", "lee", start="2026-02-01"),
    "end": lambda front: front.end("a1"),
    "amend": lambda front: front.amend("a1", end_date="2026-08-01"),
    "hand over": lambda front: front.hand_over("a1", "lee"),
    "void": lambda front: front.void("a1", "never was"),
    "exit a household": lambda front: front.exit("e1", household=True),
    "edit an enrollment": lambda front: front.edit_enrollment("e1", relationship_to_hoh=1),
    "reassign": lambda front: front.reassign("kim", "lee"),
    "cover": lambda front: front.cover("kim", "lee", "2026-03-05", "2026-03-12"),
    "deactivate": lambda front: front.deactivate("kim"),
}


class Meter:
    """Counts the queries on the connections of a store, and the steps that SQLite takes to answer."""

    def __init__(self) -> None:
        self.queries = 0
        self.steps = 0

    def attach(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Count what a connection does."""
        connection.set_trace_callback(self._told)
        connection.set_progress_handler(self._stepped, 1)
        return connection

    def _told(self, statement: str) -> None:
        self.queries += statement.lstrip().startswith(("SELECT", "PRAGMA"))

    def _stepped(self) -> int:
        self.steps += 1
        return 0


@contextmanager
def agency(path: Path, monkeypatch: pytest.MonkeyPatch, held: int, others: int) -> Iterator[tuple[Casework, Meter]]:
    """An agency in a file where kim holds so many cases and lee so many others, with what is counted."""
    meter = Meter()
    opened = sqlite_schema.open_file
    reader = sqlite_search._reader
    monkeypatch.setattr("caseassign.stores.sqlite.open_file", lambda *given: meter.attach(opened(*given)))
    monkeypatch.setattr("caseassign.stores.sqlite_search._reader", lambda *given: meter.attach(reader(*given)))
    store = SQLiteStore(path)
    World(store)
    with store.transaction(write=True) as tx:
        every = range(held + others)
        tx.clients.add(Client(personal_id=f"k{n}", first_name="A", last_name=f"Sample {n}") for n in every)
        stay: dict[str, Any] = {"project_id": "es", "entry_date": day("01-10"), "relationship_to_hoh": 1}
        tx.enrollments.add(
            Enrollment(enrollment_id=f"e{n}", personal_id=f"k{n}", household_id=f"h{n // 2}", **stay) for n in every
        )
        tx.assignments.add(
            CaseAssignment(
                assignment_id=f"a{n}",
                enrollment_id=f"e{n}",
                user_id="kim" if n < held else "lee",
                start_date=day("01-10"),
            )
            for n in every
        )
    meter.queries = meter.steps = 0
    yield Casework(store, user=SYSTEM, clock=lambda: TODAY), meter
    store.close()


@pytest.mark.parametrize("asked", [*QUESTIONS, *ACTS])
def test_the_number_of_queries_does_not_depend_on_the_number_of_cases(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 7, 6.11, 11: no question and no act asks the store about each case."""
    counted = []
    for number in (FEW, MANY):
        with agency(tmp_path / f"{number}.sqlite", monkeypatch, number, number) as (front, meter):
            (QUESTIONS | ACTS)[asked](front)
            counted.append(meter.queries)
    assert 0 < counted[0] == counted[1] < 60


@pytest.mark.parametrize("asked", ["active cases", "case managers", "client record", "assign", "end", "hand over"])
def test_what_is_about_some_costs_what_they_cost(asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 7.1, 10.2: the steps that SQLite takes depend on the rows that come out, and not on all the others."""
    steps = []
    for others in (FEW, 20 * FEW):
        with agency(tmp_path / f"{others}.sqlite", monkeypatch, FEW, others) as (front, meter):
            (QUESTIONS | ACTS)[asked](front)
            steps.append(meter.steps)
    assert steps[1] <= steps[0] * 1.05
