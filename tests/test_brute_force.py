"""An import and "my active cases" against a count that knows nothing of the library.

``CASEASSIGN_EXPORTS=FOLDER:FOLDER python -m pytest tests/test_brute_force.py`` tries it on exports of your own.
"""

from __future__ import annotations

import csv
import os
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from caseassign import SYSTEM, Casework, SQLiteStore
from caseassign.demo.synthetic import write_export
from caseassign.formats import hmis_csv

GIVEN = [Path(folder) for folder in os.environ.get("CASEASSIGN_EXPORTS", "").split(os.pathsep) if folder]
MADE: dict[str, dict[str, Any]] = {"bundled": {}, "dirty": {"households": 150, "seed": 7, "dirt": 0.3}}


class Stay(NamedTuple):
    """An enrollment as one reads it off the files."""

    user_id: str
    personal_id: str
    project_id: str
    deleted: bool
    entry: date
    leave: date | None


def rows(folder: Path, name: str, key: str) -> dict[str, dict[str, str]]:
    """The rows of a file by their id; of several the latest, and the last of those."""
    path = folder / f"{name}.csv"
    found: dict[str, dict[str, str]] = {}
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            for raw in csv.DictReader(file):
                row = {name: (value or "").strip() for name, value in raw.items() if name}
                before = found.get(row[key])
                if row[key] and (before is None or row["DateUpdated"] >= before["DateUpdated"]):
                    found[row[key]] = row
    return found


def day(text: str) -> date | None:
    """The day of a cell; None where there is none to read."""
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y"):
        try:
            return datetime.strptime(text.split(" ", maxsplit=1)[0], form).date()  # noqa: DTZ007  # a day has no time zone
        except ValueError:
            continue
    return None


def stays(folder: Path) -> dict[str, Stay]:
    """The enrollments that can be imported."""
    exits = {key: row for key, row in rows(folder, "Exit", "EnrollmentID").items() if not row["DateDeleted"]}
    found = {}
    for key, row in rows(folder, "Enrollment", "EnrollmentID").items():
        entry = day(row["EntryDate"])
        leave = day(exits[key]["ExitDate"]) if key in exits else None
        in_order = entry is not None and (leave is not None and leave >= entry if key in exits else True)
        if row["PersonalID"] and row["ProjectID"] and entry is not None and in_order:
            deleted = bool(row["DateDeleted"])
            found[key] = Stay(row["UserID"], row["PersonalID"], row["ProjectID"], deleted, entry, leave)
    return found


def compare(folder: Path, export: Path, store: SQLiteStore) -> None:
    """Import an export, and hold all that it says against the files."""
    truth = stays(folder)
    system = Casework(store, user=SYSTEM)
    with hmis_csv.read(export) as read:
        result = system.import_export(read, case_managers_from="Enrollment.UserID")
        assert sum(result.issues.values()) == len(list(read.issues))
    with hmis_csv.read(export) as read:
        again = system.import_export(read, case_managers_from="Enrollment.UserID")
    assert not any((*again.imported.values(), *again.changed.values()))
    assert result.imported["enrollments"] == len(truth)
    assert result.imported["clients"] == len(
        {s.personal_id for s in truth.values()} | {*rows(folder, "Client", "PersonalID")}
    )
    assert result.imported["projects"] == len(
        {s.project_id for s in truth.values()} | {*rows(folder, "Project", "ProjectID")}
    )
    users = {stay.user_id for stay in truth.values()} - {""}
    assert result.imported["users"] == len(users | {*rows(folder, "User", "UserID")})
    assert not [finding for finding in system.audit() if finding.required]
    entries = sorted(stay.entry for stay in truth.values())
    for as_of in {entries[0], entries[len(entries) // 2], entries[-1], entries[-1] + timedelta(days=100)}:
        for user in users:
            held = [case.enrollment.enrollment_id for case in system.active_cases(user, as_of=as_of)]
            assert sorted(held) == sorted(
                key
                for key, stay in truth.items()
                if stay.user_id == user
                and not stay.deleted
                and stay.entry <= as_of
                and (stay.leave is None or as_of < stay.leave)
            )


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("given", [*MADE, *GIVEN], ids=str)
def test_what_is_imported_is_what_the_files_say(tmp_path: Path, given: str | Path, packed: bool) -> None:
    """SPEC 9.1 to 9.5, 7.1: counts, and who holds whom on several days, equal a count by hand."""
    folder = tmp_path / "export" if isinstance(given, str) else given
    if isinstance(given, str):
        write_export(folder, **MADE[given])
    export = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder)) if packed else folder
    store = SQLiteStore(tmp_path / "store.sqlite")
    compare(folder, export, store)
    store.close()
