"""The file of a `SQLiteStore`: its tables, and how it is created, migrated, opened and refused.

The tables are plain enough to be opened by an analyst: a column has the name of the field of the record, days are
``YYYY-MM-DD``, sets are sorted JSON lists.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from stat import S_IMODE
from typing import Final, Literal

from caseassign.errors import ConflictError, DamagedStoreError, StorageError, WrongStoreError
from caseassign.stores.sql import Steps
from caseassign.stores.sqlite_errors import translated
from caseassign.stores.sqlite_tables import HISTORY, PERSONAL

APPLICATION_ID: Final = int.from_bytes(b"case")
"""What marks a SQLite file as ours."""

STEPS: Final[Steps] = (
    (
        """
        CREATE TABLE organization (
            organization_id TEXT NOT NULL PRIMARY KEY CHECK (instr(organization_id, char(0)) = 0),
            organization_name TEXT,
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE project (
            project_id TEXT NOT NULL PRIMARY KEY CHECK (instr(project_id, char(0)) = 0),
            organization_id TEXT REFERENCES organization,
            project_name TEXT,
            project_type INTEGER,
            operating_start_date TEXT CHECK (operating_start_date IS date(operating_start_date, '+0 days')),
            operating_end_date TEXT CHECK (operating_end_date IS date(operating_end_date, '+0 days')),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE "user" (
            user_id TEXT NOT NULL PRIMARY KEY CHECK (instr(user_id, char(0)) = 0),
            first_name TEXT,
            last_name TEXT,
            organization_ids TEXT NOT NULL,
            permissions TEXT NOT NULL,
            is_case_manager INTEGER NOT NULL CHECK (is_case_manager IN (0, 1)),
            left_on TEXT CHECK (left_on IS date(left_on, '+0 days')),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE client (
            personal_id TEXT NOT NULL PRIMARY KEY CHECK (instr(personal_id, char(0)) = 0),
            first_name TEXT,
            last_name TEXT,
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE enrollment (
            enrollment_id TEXT NOT NULL PRIMARY KEY CHECK (instr(enrollment_id, char(0)) = 0),
            personal_id TEXT NOT NULL REFERENCES client,
            project_id TEXT NOT NULL REFERENCES project,
            household_id TEXT CHECK (instr(household_id, char(0)) = 0),
            relationship_to_hoh INTEGER,
            entry_date TEXT NOT NULL CHECK (entry_date IS date(entry_date, '+0 days')),
            exit_date TEXT CHECK (exit_date IS date(exit_date, '+0 days')),
            deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
            batch_id TEXT
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX enrollment_by_client ON enrollment (personal_id)",
        "CREATE INDEX enrollment_by_household ON enrollment (project_id, household_id, enrollment_id)",
        """
        CREATE TABLE assignment (
            assignment_id TEXT NOT NULL PRIMARY KEY CHECK (instr(assignment_id, char(0)) = 0),
            enrollment_id TEXT NOT NULL REFERENCES enrollment,
            user_id TEXT NOT NULL REFERENCES "user",
            start_date TEXT NOT NULL CHECK (start_date IS date(start_date, '+0 days')),
            end_date TEXT CHECK (end_date IS date(end_date, '+0 days')),
            role TEXT NOT NULL,
            kept_after_exit INTEGER NOT NULL CHECK (kept_after_exit IN (0, 1)),
            voided INTEGER NOT NULL CHECK (voided IN (0, 1)),
            batch_id TEXT,
            CHECK (end_date >= start_date)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX assignment_by_enrollment ON assignment (enrollment_id)",
        "CREATE INDEX assignment_by_user ON assignment (user_id, end_date)",
        *(statement.format(prefix="") for statement in HISTORY),
    ),
    (
        *(statement.format(prefix="") for statement in PERSONAL),
        # An audit reads these two from one end to the other, and nothing else of what they are about.
        "DROP INDEX enrollment_by_household",
        """
        CREATE INDEX enrollment_by_household ON enrollment (
            project_id, household_id, enrollment_id, relationship_to_hoh, entry_date, exit_date, deleted
        )
        """,
        "DROP INDEX assignment_by_enrollment",
        """
        CREATE INDEX assignment_by_enrollment ON assignment (
            enrollment_id, start_date, end_date, user_id, role, kept_after_exit, voided
        )
        """,
        # What a user holds is in one of these, and whole in the first: a caseload is asked for more than anything else.
        "DROP INDEX assignment_by_user",
        """
        CREATE INDEX assignment_without_end ON assignment (
            user_id, end_date, start_date, enrollment_id, role, kept_after_exit, voided, batch_id
        ) WHERE end_date IS NULL
        """,
        "CREATE INDEX assignment_by_user ON assignment (user_id, end_date) WHERE end_date IS NOT NULL",
    ),
)
"""The statements that lead from each schema version to the next; the first step creates version 1 in an empty file."""

_CREATES: Final = re.compile(r'^\s*CREATE (?:TABLE|INDEX|TRIGGER) "?(\w+)')
"""What a statement creates, by its name."""

_BEHAVIOUR: Final = {
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "synchronous": 2,  # FULL: what was committed survives a power cut
    "secure_delete": 1,  # what was removed is overwritten, and not only given up
}


def open_file(path: Path, timeout: float, steps: Steps = STEPS) -> sqlite3.Connection:
    """Return a connection to the store at ``path``, created if it is not there, and migrated if it is older.

    Raises `WrongStoreError` for a file of another application or of a newer version, `DamagedStoreError` for one
    that is damaged; both leave it as it is.
    """
    journal = journal_mode(sqlite3.sqlite_version_info)
    with translated():
        if not path.parent.is_dir():
            raise StorageError(f"the folder {path.parent} is not there: create it first")
        connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            set_behaviour(connection)
            connection.execute("BEGIN")  # one look at all of it, while another process may be making the file
            version = version_of(connection, path, newest=len(steps))
            connection.execute("COMMIT")
            if version < len(steps):
                _migrate(connection, path, steps)
            _check_whole(connection, path, steps)
            _set_journal(connection, journal)
        except BaseException:
            connection.close()
            raise
    return connection


def version_of(connection: sqlite3.Connection, path: Path, newest: int = len(STEPS)) -> int:
    """Return the schema version of the file, 0 for an empty one.

    Raises `WrongStoreError` for a file that is not ours, `DamagedStoreError` for ours with a version that never was.
    """
    application_id, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application_id == version == 0 and not connection.execute("SELECT 1 FROM sqlite_schema").fetchall():
        return 0
    if application_id != APPLICATION_ID:
        raise WrongStoreError(f"{path} belongs to another application")
    if version > newest:
        raise WrongStoreError(f"{path} was written by a newer version of caseassign: upgrade to open it")
    if version < 1:
        raise DamagedStoreError(f"{path} has no version any more: keep it as it is, and restore a backup")
    return version


def journal_mode(version: tuple[int, ...]) -> Literal["WAL", "TRUNCATE"]:
    """Return the journal mode that is safe with this version of SQLite.

    Write-ahead logs can lose committed data before 3.51.3; the fix also went into 3.50.7 and 3.44.6.
    """
    check_version(version)
    is_fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return "WAL" if is_fixed else "TRUNCATE"


def check_version(version: tuple[int, ...]) -> None:
    """Raise `StorageError` for a version of SQLite that is too old for the tables."""
    if version < (3, 37):
        raise StorageError("SQLite 3.37 or newer is needed, and this Python has an older one")


def set_behaviour(connection: sqlite3.Connection) -> None:
    """Make the connection as strict as the store needs it, or raise `StorageError` if that cannot be had."""
    for pragma, value in _BEHAVIOUR.items():
        connection.execute(f"PRAGMA {pragma} = {value}")
        if _pragma(connection, pragma) != value:
            raise StorageError(f"this SQLite does not offer {pragma} = {value}, which the store needs")


def _migrate(connection: sqlite3.Connection, path: Path, steps: Steps) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = version_of(connection, path, newest=len(steps))  # another process may have been faster
    if 0 < version < len(steps):
        _back_up(path, version)
    for statement in chain.from_iterable(steps[version:]):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(steps)}")
    connection.execute("COMMIT")


def _check_whole(connection: sqlite3.Connection, path: Path, steps: Steps) -> None:
    """Raise `DamagedStoreError` if a table, an index or a trigger is not there: without them nothing is safe."""
    wanted = {name for step in steps for statement in step for name in _CREATES.findall(statement)}
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if missing := sorted(wanted - there):
        raise DamagedStoreError(f"{path} lacks {', '.join(missing)}: keep it as it is, and restore a backup")


def _back_up(path: Path, version: int) -> None:
    backup = path.with_name(f"{path.name}.version-{version}")
    backup.unlink(missing_ok=True)
    backup.touch(mode=S_IMODE(path.stat().st_mode))  # nobody may read the copy who may not read the file
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)


def _set_journal(connection: sqlite3.Connection, wanted: Literal["WAL", "TRUNCATE"]) -> None:
    with suppress(sqlite3.OperationalError):  # while others work in the file, its mode cannot change
        connection.execute(f"PRAGMA journal_mode = {wanted}")
    found = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if found == "wal" and wanted != "WAL":
        raise ConflictError("another process keeps the file in a mode that this older SQLite must not use")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
