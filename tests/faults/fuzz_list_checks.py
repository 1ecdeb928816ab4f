"""What must be true of every list of assignments that is read, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import fuzz_count
from fuzz_checks import REFUSED, TODAY, Answer, chance, must, store_of_a_few, variants

from caseassign import SYSTEM, Casework, HmisCsvError
from caseassign.acts.import_assignments import AssignmentRow
from caseassign.formats import assignment_csv, assignment_json
from caseassign.formats.assignment_list import AssignmentList


class ListChecks:
    """Checks of lists of assignments, in a folder that they take for themselves."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "list"
        self._again = folder / "again"

    def check_csv(self, data: bytes) -> Answer:
        """A CaseAssignment.csv: every row is an assignment or an issue; spelling does not matter."""
        random = chance(data)
        how: dict[str, Any] = {
            "as_of": random.choice(("2026-03-02", "0001-01-01", "9999-12-31")),
            "end_dates": random.choice(("first-day-after", "last-day")),
            "trust": random.choice(("dates", "status")),
        }
        answer = self._check(data, lambda path: assignment_csv.read(path, **how), _csv_rows, random)
        if answer.read and random.random() < 0.1:
            said = _listed(assignment_csv.read(self._path, **how))
            for what, spelled in variants(data):
                self._path.write_bytes(spelled)
                must(_listed(assignment_csv.read(self._path, **how)) == said, f"{what} changes the answer")
        return answer

    def check_json(self, data: bytes) -> Answer:
        """A document: every assignment in it is one, or an issue."""
        random = chance(data)
        how: dict[str, Any] = {"trust": random.choice(("dates", "status"))}
        return self._check(data, lambda path: assignment_json.read(path, **how), _json_rows, random)

    def _check(
        self,
        data: bytes,
        read: Callable[[Path], AssignmentList],
        counted: Callable[[bytes, Iterable[Any]], Iterable[int]],
        random: Random,
    ) -> Answer:
        self._path.write_bytes(data)
        try:
            given = read(self._path)
            rows, issues = _listed(given)
        except HmisCsvError:
            return REFUSED
        lines = [row.line for row in rows]
        must(lines == sorted(set(lines)), "rows do not come by their lines")
        told = {*lines, *(issue.line for issue in issues)}
        must({*counted(data, issues)} <= told, "a row is neither an assignment nor an issue")
        ids = [row.assignment_id for row in rows if row.assignment_id is not None]
        must(len(ids) == len(set(ids)), "two assignments have one id")
        chosen = random.random()
        if chosen < 0.25:
            self._check_import(rows)
        elif chosen < 0.35:
            self._check_round_trip(rows)
        elif chosen < 0.45:
            must(_listed(given) == (rows, issues), "reading twice gives two answers")
        return Answer(read=True, rows=len(rows), issues=len(issues))

    def _check_import(self, rows: list[AssignmentRow]) -> None:
        """Every row is added, changed, unchanged, or an issue; taking them in again changes nothing."""
        system = Casework(store_of_a_few(), user=SYSTEM, clock=lambda: TODAY)
        result = system.import_assignments(rows)
        left_out = {issue.line for issue in result.issues}
        must(len(rows) == result.added + result.changed + result.unchanged + len(left_out), "a row is lost on import")
        again = system.import_assignments(rows)
        must(again.batch_id is None and not again.added, "importing again changes something")

    def _check_round_trip(self, rows: list[AssignmentRow]) -> None:
        """What is written of these rows is read as it was."""
        named = [(row.assignment(row.assignment_id), row.personal_id) for row in rows if row.assignment_id is not None]
        assignment_csv.write(self._again, named, TODAY)
        must(_written(assignment_csv.read(self._again, as_of=TODAY)) == named, "a list is not read as it was written")
        assignment_json.write(self._again, named, TODAY)
        must(_written(assignment_json.read(self._again)) == named, "a document is not read as it was written")


def _listed(given: AssignmentList) -> tuple[list[AssignmentRow], list[Any]]:
    return list(given), list(given.issues)


def _written(given: AssignmentList) -> list[tuple[Any, str | None]]:
    must(not list(given.issues), "what was written has issues")
    return [(row.assignment(str(row.assignment_id)), row.personal_id) for row in given]


def _csv_rows(data: bytes, issues: Iterable[Any]) -> list[int]:
    """Return the lines of the rows of a list, as far as they can be counted."""
    file = fuzz_count.plain(data)
    broken = [issue.line for issue in issues if issue.code == "broken-row"]
    return [] if file is None else [row.first for row in file.sure(broken).rows]


def _json_rows(data: bytes, _: Iterable[Any]) -> Iterable[int]:
    """Return the numbers of the assignments of a document."""
    return range(1, len(json.loads(data)["assignments"]) + 1)
