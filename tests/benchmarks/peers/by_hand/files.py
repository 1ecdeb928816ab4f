"""The file of the hand-written peer: text ids, ISO days, and an index for each of the works.

What the last import said of a record stands in the column ``said`` beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.errands import Task
from benchmarks.rules import JOURNAL
from benchmarks.world import World

TABLES: Final = """
CREATE TABLE organization (organization_id TEXT PRIMARY KEY, organization_name TEXT, said TEXT) WITHOUT ROWID;
CREATE TABLE project (
    project_id TEXT PRIMARY KEY, organization_id TEXT REFERENCES organization, project_name TEXT, project_type INTEGER,
    operating_start_date TEXT, operating_end_date TEXT, said TEXT
) WITHOUT ROWID;
CREATE TABLE "user" (
    user_id TEXT PRIMARY KEY, first_name TEXT, last_name TEXT, permissions TEXT NOT NULL,
    sees_all INTEGER NOT NULL, is_case_manager INTEGER NOT NULL, left_on TEXT, said TEXT
) WITHOUT ROWID;
CREATE TABLE access (
    user_id TEXT REFERENCES "user", organization_id TEXT, PRIMARY KEY (user_id, organization_id)
) WITHOUT ROWID;
CREATE TABLE client (personal_id TEXT PRIMARY KEY, first_name TEXT, last_name TEXT, said TEXT) WITHOUT ROWID;
CREATE TABLE enrollment (
    enrollment_id TEXT PRIMARY KEY, personal_id TEXT NOT NULL REFERENCES client,
    project_id TEXT NOT NULL REFERENCES project, household_id TEXT, relationship_to_hoh INTEGER,
    entry_date TEXT NOT NULL, exit_date TEXT, deleted INTEGER NOT NULL, said TEXT
) WITHOUT ROWID;
CREATE TABLE assignment (
    assignment_id TEXT PRIMARY KEY, enrollment_id TEXT NOT NULL REFERENCES enrollment,
    user_id TEXT NOT NULL REFERENCES "user", start_date TEXT NOT NULL, end_date TEXT, role TEXT NOT NULL,
    kept_after_exit INTEGER NOT NULL, voided INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE change (
    number INTEGER PRIMARY KEY, change_id TEXT NOT NULL, recorded_at TEXT NOT NULL, user_id TEXT, action TEXT NOT NULL,
    kind TEXT NOT NULL, record_id TEXT NOT NULL, "before" TEXT, "after" TEXT, reason TEXT, batch_id TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE TABLE issue (file TEXT, line INTEGER, field TEXT, code TEXT, record_id TEXT);
"""

INDEXES: Final = """
CREATE INDEX enrollment_by_client ON enrollment (personal_id);
CREATE INDEX enrollment_by_household ON enrollment (
    project_id, household_id, deleted, relationship_to_hoh, entry_date, exit_date, personal_id
);
CREATE INDEX assignment_by_enrollment ON assignment (
    enrollment_id, user_id, role, start_date, end_date, kept_after_exit, voided
) WHERE NOT voided;
CREATE INDEX assignment_by_user ON assignment (user_id, ifnull(end_date, '~'), start_date, enrollment_id, voided)
    WHERE NOT voided;
CREATE INDEX change_by_record ON change (kind, record_id);
CREATE INDEX change_by_batch ON change (batch_id);
"""


def connect(path: str) -> sqlite3.Connection:
    """Return a connection as durable as that of a `SQLiteStore`."""
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA journal_mode = {JOURNAL}")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    return db


def build(task: Task) -> dict[str, Any]:
    """Write a world into a new file, and nothing where there is no world."""
    db = connect(task.file)
    db.executescript(TABLES)
    if task.size is not None:
        _fill(db, task.world())
    db.executescript(INDEXES)
    db.execute("ANALYZE")
    db.close()
    return {}


def _fill(db: sqlite3.Connection, world: World) -> None:
    db.execute("BEGIN")
    _insert(db, "organization", ((*row, None) for row in world.organizations))
    _insert(db, "project", ((*project, None, None, None) for project in world.projects))
    _insert(
        db,
        '"user"',
        (
            (
                u.user_id,
                u.first_name,
                u.last_name,
                " ".join(u.permissions),
                "all-organizations" in u.permissions,
                1,
                _iso(u.left_on),
                None,
            )
            for u in world.users
        ),
    )
    _insert(db, "access", ((u.user_id, key) for u in world.users for key in u.organization_ids))
    _insert(db, "client", ((*row, None) for row in world.clients))
    _insert(
        db,
        "enrollment",
        ((*e[:5], e.entry_date.isoformat(), _iso(e.exit_date), e.deleted, None) for e in world.enrollments),
    )
    _insert(
        db,
        "assignment",
        ((*a[:3], a.start_date.isoformat(), _iso(a.end_date), *a[5:]) for a in world.assignments),
    )
    db.execute("COMMIT")


def _insert(db: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    stream = iter(rows)
    first = next(stream, None)
    if first is not None:
        statement = f"INSERT INTO {table} VALUES ({', '.join('?' for _ in first)})"  # noqa: S608  # names of this module
        db.execute(statement, first)
        db.executemany(statement, stream)


def _iso(day: Any) -> str | None:
    return None if day is None else day.isoformat()


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Write all of a block, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
