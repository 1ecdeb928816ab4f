"""What a store of a host keeps beside its records, ready made: the history, what imports said, and personal texts.

They stand in tables of their own on the connection of the host, SQLite or PostgreSQL, and in its transaction.
"""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from caseassign.errors import StorageError, WrongStoreError
from caseassign.stores.block import Block
from caseassign.stores.sql import Statements
from caseassign.stores.sql_records import Beside
from caseassign.stores.sqlite_errors import translated
from caseassign.stores.sqlite_rows import FORMS
from caseassign.stores.sqlite_schema import check_version
from caseassign.stores.sqlite_session import DIALECT, Session, execute
from caseassign.stores.sqlite_tables import BESIDE_STEPS, PREFIX

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = sqlite3.Connection | psycopg.Connection[Any]

SCHEMA: Final = "caseassign_beside"
"""The schema of PostgreSQL in which the tables stand, unless the host names another one."""

NOT_THERE: Final = (
    "the tables that stand beside those of the host are not there, or of an older version: "
    "call create_beside(connection), for example in a migration"
)
"""What a host is told that has not created them."""

_SQL: Final = Statements(attrs.evolve(DIALECT, table=f'"{PREFIX}{{}}"'), FORMS)


def create_beside(connection: Connection, *, schema: str = SCHEMA) -> None:
    """Create the tables, or bring them to this version of the library: for the host's migrations.

    It is done in the transaction that the host has begun on the ``connection`` of its driver, so it is the host that
    commits it. On PostgreSQL the tables stand in a ``schema`` of their own, on SQLite their names begin with
    ``caseassign_``. Where they are there already, nothing happens.

    Raises `WrongStoreError` where a newer version of the library has made them, or where the schema is somebody
    else's.
    """
    if isinstance(connection, sqlite3.Connection):
        _create(connection)
    else:
        _postgres().create(connection, schema)


@contextmanager
def beside(connection: Connection, block: Block, *, schema: str = SCHEMA) -> Iterator[Beside]:
    """Offer, for as long as ``block`` is open, ``history``, ``imported`` and ``personal``, as `Transaction` has them.

    ``connection`` is that of the host's driver, a `sqlite3.Connection` or `psycopg.Connection`, on which the host has
    begun a transaction. That is joined: a call that fails undoes what it did itself, and it is the host that commits,
    or rolls back what an exception leaves. On PostgreSQL a block that may write waits here for the one before it.

    Raises `StorageError` where there is no transaction, or the tables are not there (see `create_beside`); and in the
    end, so that the host does not commit, where a failure or the host has undone the transaction on the way.
    """
    if isinstance(connection, sqlite3.Connection):
        joined = _joined(connection, block)
    else:
        joined = _postgres().joined(connection, block, schema)
    with joined as offered:
        yield offered


def _postgres() -> ModuleType:
    try:
        # An extra: who does not use it need not have it.
        from caseassign.stores import postgres_beside  # noqa: PLC0415
    except ImportError as error:
        raise ImportError("but for SQLite it needs psycopg: python -m pip install 'caseassign[postgres]'") from error
    return postgres_beside


def _create(connection: sqlite3.Connection) -> None:
    check_version(sqlite3.sqlite_version_info)
    _check_joinable(connection)
    with Session(connection, Block(write=True)).all_or_nothing(), translated():
        for statement in chain.from_iterable(BESIDE_STEPS[_version(connection) :]):
            execute(connection, statement)
        execute(connection, f"UPDATE {PREFIX}version SET version = {len(BESIDE_STEPS)}")


@contextmanager
def _joined(connection: sqlite3.Connection, block: Block) -> Iterator[Beside]:
    _check_joinable(connection)
    if _version(connection) < len(BESIDE_STEPS):
        raise StorageError(NOT_THERE)
    with Session(connection, block) as session:
        yield Beside(session, _SQL)
        session.check()


def _check_joinable(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise StorageError("there is no transaction to join: begin one on the connection first")


def _version(connection: sqlite3.Connection) -> int:
    look = f"SELECT 1 FROM sqlite_schema WHERE name = '{PREFIX}version'"
    with translated():
        if not execute(connection, look).fetchall():
            return 0
        ((version,),) = execute(connection, f"SELECT max(version) FROM {PREFIX}version")
    if version > len(BESIDE_STEPS):
        raise WrongStoreError("the tables were written by a newer version of caseassign: upgrade to use them")
    return int(version)
