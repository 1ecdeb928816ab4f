"""The tables of a `PostgresStore`: a schema of their own, and how it is created, migrated, entered and refused.

The tables are plain enough to be opened by an analyst: a column has the name of the field of the record, days are of
the type ``date``, sets are sorted arrays. Moments are text, with the time zone that they came with.
"""

# ruff: noqa: S608  # the names in the SQL are constants, but for that of the schema, which is checked

from __future__ import annotations

import re
from itertools import chain
from typing import Any, Final

import psycopg

from caseassign.errors import ConflictError, StorageError, WrongStoreError
from caseassign.stores.postgres_session import execute
from caseassign.stores.postgres_tables import HISTORY, PERSONAL, VERSION
from caseassign.stores.sql import Steps

STEPS: Final[Steps] = (
    (
        *VERSION,
        """CREATE DOMAIN "{schema}".day AS date CHECK (VALUE BETWEEN '0001-01-01' AND '9999-12-31')""",
        """
        CREATE TABLE "{schema}".organization (
            organization_id text COLLATE "C" PRIMARY KEY,
            organization_name text,
            batch_id text
        )
        """,
        """
        CREATE TABLE "{schema}".project (
            project_id text COLLATE "C" PRIMARY KEY,
            organization_id text COLLATE "C" REFERENCES "{schema}".organization,
            project_name text,
            project_type integer,
            operating_start_date "{schema}".day,
            operating_end_date "{schema}".day,
            batch_id text
        )
        """,
        """
        CREATE TABLE "{schema}"."user" (
            user_id text COLLATE "C" PRIMARY KEY,
            first_name text,
            last_name text,
            organization_ids text[] NOT NULL,
            permissions text[] NOT NULL,
            is_case_manager boolean NOT NULL,
            left_on "{schema}".day,
            batch_id text
        )
        """,
        """
        CREATE TABLE "{schema}".client (
            personal_id text COLLATE "C" PRIMARY KEY,
            first_name text,
            last_name text,
            batch_id text
        )
        """,
        """
        CREATE TABLE "{schema}".enrollment (
            enrollment_id text COLLATE "C" PRIMARY KEY,
            personal_id text COLLATE "C" NOT NULL REFERENCES "{schema}".client,
            project_id text COLLATE "C" NOT NULL REFERENCES "{schema}".project,
            household_id text COLLATE "C",
            relationship_to_hoh integer,
            entry_date "{schema}".day NOT NULL,
            exit_date "{schema}".day,
            deleted boolean NOT NULL,
            batch_id text
        )
        """,
        'CREATE INDEX enrollment_by_client ON "{schema}".enrollment (personal_id)',
        """
        CREATE INDEX enrollment_by_household
        ON "{schema}".enrollment (project_id, household_id NULLS FIRST, enrollment_id)
        """,
        """
        CREATE TABLE "{schema}".assignment (
            assignment_id text COLLATE "C" PRIMARY KEY,
            enrollment_id text COLLATE "C" NOT NULL REFERENCES "{schema}".enrollment,
            user_id text COLLATE "C" NOT NULL REFERENCES "{schema}"."user",
            start_date "{schema}".day NOT NULL,
            end_date "{schema}".day,
            role text NOT NULL,
            kept_after_exit boolean NOT NULL,
            voided boolean NOT NULL,
            batch_id text,
            CHECK (end_date >= start_date)
        )
        """,
        'CREATE INDEX assignment_by_enrollment ON "{schema}".assignment (enrollment_id)',
        'CREATE INDEX assignment_by_user ON "{schema}".assignment (user_id, end_date)',
        *HISTORY,
    ),
    PERSONAL,
)
"""The statements that lead from each version to the next; the first step creates version 1 in an empty schema."""

_MIGRATING: Final = int.from_bytes(b"caseassi")
"""The advisory lock that whoever creates or migrates a schema holds."""

_OLDEST: Final = 15_00_00
"""The oldest version of the server, as it numbers them."""

PLAIN_PATH: Final = "SET LOCAL search_path = pg_catalog, pg_temp"
"""Has names without a schema mean PostgreSQL's own types and functions, whatever else is called like them."""

# Whatever is in a schema depends on it: tables, and functions and types too.
_LOOK: Final = """
SELECT to_regclass(%s), EXISTS (
    SELECT FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace(%s)
)
"""


class OutdatedError(StorageError):
    """The tables are not there, or are those of an older version."""


class Schema:
    """The schema called ``name``, at the version to which ``steps`` lead."""

    def __init__(self, name: str, steps: Steps = STEPS) -> None:
        if not re.fullmatch("[a-z_][a-z0-9_]{0,62}", name):
            raise StorageError("the name of a schema is made of small letters, digits and _, and begins with no digit")
        self.name = name
        self._steps = steps

    def enter(self, connection: psycopg.Connection[Any], *, write: bool, first: str = "") -> None:
        """Take the turn to write, if it is wanted, and make sure that the tables are, and stay, what they should be.

        ``first`` is run before. Nothing takes the snapshot of the transaction before it has its locks, so that it sees
        what the one before it has done.
        """
        turn = f'LOCK TABLE "{self.name}".change_head IN SHARE ROW EXCLUSIVE MODE;' if write else ""
        look = f'{self._lock("ACCESS SHARE")}; {turn} SELECT version FROM "{self.name}".caseassign_version'
        try:
            cursor = execute(connection, f"{first} {look}", prepare=False)  # as no more than one can be prepared
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise OutdatedError("the tables are not there any more") from None
        while cursor.nextset():
            pass
        _check_connection(connection)
        if self._checked(cursor.fetchone()) < len(self._steps):
            raise OutdatedError("the tables are of an older version: open the store again")

    def is_current(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether the schema is there, at this version; raise `WrongStoreError` if it is not ours, or newer."""
        return self._version(connection) == len(self._steps)

    def migrate(self, connection: psycopg.Connection[Any]) -> None:
        """Create what is not there, or bring it to this version, in the transaction that is open."""
        execute(connection, "SELECT pg_catalog.pg_advisory_xact_lock(%s)", [_MIGRATING])
        ((path,),) = execute(connection, "SELECT pg_catalog.current_setting('search_path')").fetchall()
        execute(connection, PLAIN_PATH)
        version = self._version(connection)  # another process may have been faster
        if version:
            execute(connection, self._lock("ACCESS EXCLUSIVE"))  # wait until nobody is in a transaction
        if not execute(connection, "SELECT to_regnamespace(%s)", [f'"{self.name}"']).fetchall()[0][0]:
            execute(connection, f'CREATE SCHEMA "{self.name}"')
        for statement in chain.from_iterable(self._steps[version:]):
            execute(connection, statement.format(schema=self.name))
        execute(connection, f'UPDATE "{self.name}".caseassign_version SET version = {len(self._steps)}')
        execute(connection, "SELECT set_config('search_path', %s, true)", [path])

    def _version(self, connection: psycopg.Connection[Any]) -> int:
        _check_connection(connection)
        marker = f'"{self.name}".caseassign_version'
        ((is_marked, is_used),) = execute(connection, _LOOK, [marker, f'"{self.name}"']).fetchall()
        if is_marked:
            return self._checked(execute(connection, f"SELECT version FROM {marker}").fetchone())
        if is_used:
            raise WrongStoreError(f"the schema {self.name} belongs to another application")
        return 0

    def _lock(self, mode: str) -> str:
        return f'LOCK TABLE "{self.name}".caseassign_version IN {mode} MODE'

    def _checked(self, row: tuple[Any, ...] | None) -> int:
        if row is None:
            raise ConflictError("another transaction has just created the tables of the store: try again")
        version = int(row[0])
        if version > len(self._steps):
            raise WrongStoreError(
                f"the schema {self.name} was written by a newer version of caseassign: upgrade to open it"
            )
        return version


def _check_connection(connection: psycopg.Connection[Any]) -> None:
    check_version(connection.info.server_version)
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise WrongStoreError("the database does not keep its texts in UTF8, as it needs to")
    if connection.info.encoding != "utf-8":
        raise StorageError("the connection does not write its texts in UTF8, as it needs to")


def check_version(number: int) -> None:
    """Raise `StorageError` for a server that is too old; its version is a number such as 150004 for 15.4."""
    if number < _OLDEST:
        raise StorageError("PostgreSQL 15 or newer is needed, and this server is older")
