"""What becomes of each staged row: imported, kept out, or set aside, with an issue for whatever is not as it should be.

A row that is not imported has one issue, which says why; a row that is imported has one for each thing that
had to be left empty, filled in or read with good will.
"""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from caseassign.formats.csv_rows import BROKEN_ROW
from caseassign.formats.hmis_days import read_day
from caseassign.formats.hmis_staging import (
    CLIENT,
    ENROLLMENT,
    EXIT,
    EXPORT,
    ORGANIZATION,
    PROJECT,
    TABLES,
    UNREADABLE,
    USER,
    Table,
    stage_day,
)

_IS_DELETED: Final = f"deleted IS NOT NULL AND deleted <> '{UNREADABLE}'"
_IS_ALONE: Final = "NOT EXISTS (SELECT 1 FROM enrollment AS e WHERE e.id = exit.id)"


class _Defect(NamedTuple):
    """What keeps an enrollment ``e`` with its exit ``x`` out, and the cell to blame."""

    when: str
    table: Table
    column: str
    code: str


_DEFECTS: Final = (
    _Defect("e.id IS NULL", ENROLLMENT, "EnrollmentID", "missing-value"),
    _Defect("e.personal_id IS NULL", ENROLLMENT, "PersonalID", "missing-value"),
    _Defect("e.project_id IS NULL", ENROLLMENT, "ProjectID", "missing-value"),
    _Defect("e.entry_date IS NULL", ENROLLMENT, "EntryDate", "missing-value"),
    _Defect(f"e.entry_date = '{UNREADABLE}'", ENROLLMENT, "EntryDate", "bad-date"),
    _Defect("x.line IS NOT NULL AND x.exit_date IS NULL", EXIT, "ExitDate", "missing-value"),
    _Defect(f"x.exit_date = '{UNREADABLE}'", EXIT, "ExitDate", "bad-date"),
    _Defect("abs(x.exit_date) < abs(e.entry_date)", EXIT, "ExitDate", "exit-before-entry"),
)
"""The first that is true of an enrollment is its issue."""

_REFERENCES: Final = (
    (PROJECT, "organization_id", ORGANIZATION),
    (ENROLLMENT, "personal_id", CLIENT),
    (ENROLLMENT, "project_id", PROJECT),
    (ENROLLMENT, "user_id", USER),
)
"""Which table refers, in which field, to which: what the export lacks there becomes a bare record."""


def judge(db: sqlite3.Connection, *, is_delta: bool) -> None:
    """Leave exactly what is imported in the staging tables, and in ``issue`` what is wrong with the export.

    A delta can bring an exit without its enrollment, and take back one that was sent before: such exits stay in
    ``exit``, and in ``removed_exit``.
    """
    _find(db, EXPORT, None, "extra-row", "line > (SELECT min(line) FROM export)")
    _drop(db, EXPORT, "extra-row")
    for table in TABLES[1:]:
        _drop_duplicates(db, table)
    db.execute("CREATE TABLE removed_exit (line INTEGER PRIMARY KEY, id, personal_id)")
    if is_delta:
        db.execute(
            f"INSERT INTO removed_exit SELECT line, id, personal_id FROM exit WHERE id IS NOT NULL AND {_IS_DELETED}"
        )
        _find(db, EXIT, EXIT.key, "missing-value", f"id IS NULL AND {_IS_DELETED}")  # which exit is gone is not known
    db.execute("CREATE INDEX removed_exit_by_id ON removed_exit (id)")
    db.execute(f"DELETE FROM exit WHERE {_IS_DELETED}")
    _keep_out_enrollments(db)
    for table in (ORGANIZATION, USER, PROJECT, CLIENT, EXIT):
        _find(db, table, table.key, "missing-value", "id IS NULL")
        _drop(db, table, "missing-value")
    if is_delta:
        _find(db, EXIT, "ExitDate", "missing-value", f"{_IS_ALONE} AND exit_date IS NULL")
        _find(db, EXIT, "ExitDate", "bad-date", f"{_IS_ALONE} AND exit_date = '{UNREADABLE}'")
    else:
        _find(db, EXIT, EXIT.key, "orphan-exit", _IS_ALONE)
    for code in ("missing-value", "bad-date", "orphan-exit"):
        _drop(db, EXIT, code)
    for table in TABLES:
        _judge_rows(db, table)
        _judge_cells(db, table)
    _find(db, ENROLLMENT, "HouseholdID", "missing-value", "household_id IS NULL")
    other_client = "personal_id <> (SELECT e.personal_id FROM enrollment AS e WHERE e.id = exit.id)"
    _find(db, EXIT, "PersonalID", "other-client", other_client)
    for table, field, referred in _REFERENCES:
        _add_bare_records(db, table, field, referred)
    db.execute("CREATE INDEX issue_in_order ON issue (file, line)")


def _find(db: sqlite3.Connection, table: Table, column: str | None, code: str, where: str) -> None:
    """Report the rows of which ``where`` is true; without a column, the row as a whole is meant."""
    db.execute(
        f"INSERT INTO issue SELECT ?, line, ?, ?, id FROM {table.name} WHERE {where}", (table.number, column, code)
    )


def _drop(db: sqlite3.Connection, table: Table, code: str) -> None:
    """Set aside the rows that are reported under ``code``."""
    db.execute(
        f"DELETE FROM {table.name} WHERE line IN (SELECT line FROM issue WHERE file = ? AND code = ?)",
        (table.number, code),
    )


def _drop_duplicates(db: sqlite3.Connection, table: Table) -> None:
    rows = db.execute(
        f"SELECT id, line, updated FROM {table.name}"
        f" WHERE id IN (SELECT id FROM {table.name} GROUP BY id HAVING count(*) > 1) ORDER BY id, line"
    )
    db.executemany(
        "INSERT INTO issue VALUES (?, ?, ?, 'duplicate-id', ?)",
        ((table.number, line, table.key, id_) for id_, line in _losers(rows)),
    )
    _drop(db, table, "duplicate-id")


def _losers(rows: Iterable[tuple[str, int, str | None]]) -> Iterator[tuple[str, int]]:
    """Yield id and line of each row for whose id there is a later one.

    A moment that cannot be read is the oldest. Of rows of one moment the last stays.
    """
    for id_, same in groupby(rows, key=itemgetter(0)):
        stays, latest = 0, -1
        for _, line, updated in same:
            read = read_day(updated or "")
            moment = 0 if read is None else read.moment
            if moment < latest:
                yield id_, line
                continue
            if stays:
                yield id_, stays
            stays, latest = line, moment


def _keep_out_enrollments(db: sqlite3.Connection) -> None:
    """Set aside the enrollments that cannot be imported, and their exits with them."""
    defect = " ".join(f"WHEN {defect.when} THEN {number}" for number, defect in enumerate(_DEFECTS))
    db.execute(
        f"CREATE TABLE kept_out AS SELECT e.id AS id, e.line AS line, x.line AS exit_line, CASE {defect} END AS defect"
        " FROM enrollment AS e LEFT JOIN exit AS x ON x.id = e.id WHERE defect IS NOT NULL"
    )
    for number, (_, table, column, code) in enumerate(_DEFECTS):
        line = "exit_line" if table is EXIT else "line"
        db.execute(
            f"INSERT INTO issue SELECT ?, {line}, ?, ?, id FROM kept_out WHERE defect = ?",
            (table.number, column, code, number),
        )
    db.execute("CREATE INDEX kept_out_by_id ON kept_out (id)")
    db.execute("DELETE FROM enrollment WHERE line IN (SELECT line FROM kept_out)")
    db.execute("DELETE FROM exit WHERE id IN (SELECT id FROM kept_out)")
    db.execute("DELETE FROM removed_exit WHERE id IN (SELECT id FROM kept_out)")


def count_kept_out(db: sqlite3.Connection) -> int:
    """Return how many enrollments are kept out, the rows that could not be read among them."""
    ((count,),) = db.execute(
        "SELECT (SELECT count(*) FROM kept_out) + (SELECT count(*) FROM flaw WHERE file = ? AND code = ?)",
        (ENROLLMENT.number, BROKEN_ROW),
    )
    return int(count)


def names_every_enrollment(db: sqlite3.Connection) -> bool:
    """Whether Enrollment.csv has rows, and the id of each can be read."""
    ((count, nameless),) = db.execute(
        "SELECT (SELECT count(*) FROM enrollment) + (SELECT count(*) FROM kept_out WHERE id IS NOT NULL),"
        " (SELECT count(*) FROM kept_out WHERE id IS NULL)"
        " + (SELECT count(*) FROM flaw WHERE file = ? AND code = ?)",
        (ENROLLMENT.number, BROKEN_ROW),
    )
    return bool(count and not nameless)


def without_row(db: sqlite3.Connection, enrollment_ids: Iterable[str]) -> list[str]:
    """Return those of the ids that no row of Enrollment.csv has, be it imported or kept out."""
    found = db.execute(
        "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM enrollment AS e WHERE e.id = value)"
        " AND NOT EXISTS (SELECT 1 FROM kept_out AS k WHERE k.id = value)",
        (json.dumps(list(enrollment_ids)),),
    )
    return [key for (key,) in found]


def _judge_rows(db: sqlite3.Connection, table: Table) -> None:
    """Report the flaws of rows: of those that were read, only where they are imported."""
    db.execute(
        f"INSERT INTO issue SELECT file, flaw.line, NULL, code, id FROM flaw LEFT JOIN {table.name} AS t"
        " ON t.line = flaw.line WHERE file = ? AND (t.line IS NOT NULL OR code = ?)",
        (table.number, BROKEN_ROW),
    )


def _judge_cells(db: sqlite3.Connection, table: Table) -> None:
    """Report and empty the cells that cannot be read, and report each column of days in another format once."""
    for name, field, stage in table.columns:
        if stage is not None:
            unreadable = f"{field} = '{UNREADABLE}'"
            _find(db, table, name, "bad-value", unreadable)
            db.execute(f"UPDATE {table.name} SET {field} = NULL WHERE {unreadable}")
        if stage is stage_day:
            _find(db, table, name, "date-format", f"{field} < 0 ORDER BY line LIMIT 1")


def _add_bare_records(db: sqlite3.Connection, table: Table, field: str, referred: Table) -> None:
    """Add a record with nothing but its id for each that rows refer to and the export lacks."""
    code = f"unknown-{referred.name}"
    db.execute(
        f"INSERT INTO issue SELECT ?, min(line), ?, ?, {field} FROM {table.name} WHERE {field} IS NOT NULL"
        f" AND NOT EXISTS (SELECT 1 FROM {referred.name} AS r WHERE r.id = {table.name}.{field}) GROUP BY {field}",
        (table.number, referred.key, code),
    )
    db.execute(f"INSERT INTO {referred.name} (id, bare) SELECT record_id, 1 FROM issue WHERE code = ?", (code,))
