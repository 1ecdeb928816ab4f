"""Import an export, by hand: every row is written as it comes, in one transaction, and indexes are made last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from time import perf_counter
from typing import Any, Final

from benchmarks.errands import Task, peak
from benchmarks.peers.by_hand.files import INDEXES, TABLES, connect
from benchmarks.reading import Reading

_encode: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

INSERT: Final = {
    "organization": "INSERT INTO organization VALUES (?, ?, ?)",
    "project": "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?)",
    "user": "INSERT INTO \"user\" VALUES (?, ?, ?, '', 0, 1, NULL, ?)",
    "client": "INSERT INTO client VALUES (?, ?, ?, ?)",
    "enrollment": "INSERT INTO enrollment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
}
"""What takes the fields that an export says of a record, and the text that remembers them."""

SAID: Final = {
    "organization": "organization_id, organization_name FROM organization",
    "project": "project_id, organization_id, project_name, project_type FROM project",
    "user": 'user_id, first_name, last_name FROM "user"',
    "client": "personal_id, first_name, last_name FROM client",
    "enrollment": "enrollment_id, personal_id, project_id, household_id, relationship_to_hoh, entry_date,"
    " exit_date, deleted FROM enrollment",
}


def import_(task: Task) -> dict[str, Any]:
    """Read an export into an empty file, remembering what it said of each record."""
    return _import(task, remembers=True)


def import_once(task: Task) -> dict[str, Any]:
    """Read an export into an empty file, remembering nothing for the export of next month."""
    return _import(task, remembers=False)


def _import(task: Task, *, remembers: bool) -> dict[str, Any]:
    with closing(connect(task.file)) as db:
        db.execute("PRAGMA cache_size = -400000")
        db.execute("PRAGMA foreign_keys = OFF")  # every reference is looked up in the reading
        db.executescript(TABLES)
        begin = perf_counter()
        db.execute("BEGIN")
        reading = Reading(task.export, lambda kind, rows: _write(db, kind, rows, remembers=remembers))
        reading.carry_out()
        db.executemany("INSERT INTO issue VALUES (?, ?, ?, ?, ?)", reading.issues)
        for statement in INDEXES.split(";"):
            db.execute(statement)
        db.execute("COMMIT")
        result = {"seconds": {"import": perf_counter() - begin}, "answer": "", "peak": peak()}
        if task.check:
            rows = {kind: db.execute(f"SELECT {columns}") for kind, columns in SAID.items()}
            result["answer"] = reading.answer(rows)
    return result


def _write(db: sqlite3.Connection, kind: str, rows: Iterable[tuple[Any, ...]], *, remembers: bool) -> None:
    if remembers:
        db.executemany(INSERT[kind], ((*row, _encode(row[1:])) for row in rows))
    else:
        db.executemany(INSERT[kind], ((*row, None) for row in rows))
