"""What stands beside the records in PostgreSQL, in a schema of its own and in the transaction of the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg

from caseassign.errors import StorageError
from caseassign.stores.beside import NOT_THERE
from caseassign.stores.block import Block
from caseassign.stores.postgres_errors import translated
from caseassign.stores.postgres_rows import FORMS
from caseassign.stores.postgres_schema import OutdatedError, Schema
from caseassign.stores.postgres_session import Session, check_joinable, dialect, savepoint
from caseassign.stores.postgres_tables import BESIDE_STEPS
from caseassign.stores.sql import Statements
from caseassign.stores.sql_records import Beside


def create(connection: psycopg.Connection[Any], schema: str) -> None:
    """Create the tables, or bring them to this version."""
    check_joinable(connection)
    tables = Schema(schema, BESIDE_STEPS)
    with savepoint(connection), translated():
        if not tables.is_current(connection):
            tables.migrate(connection)


@contextmanager
def joined(connection: psycopg.Connection[Any], block: Block, schema: str) -> Iterator[Beside]:
    """Open what stands beside the records for one block; one that may write waits for its turn."""
    check_joinable(connection)
    # What is not there, or not given, is no reason for the transaction of the host to fail.
    with savepoint(connection), translated():
        try:
            Schema(schema, BESIDE_STEPS).enter(connection, write=block.may_write)
        except OutdatedError:
            raise StorageError(NOT_THERE) from None
    session = Session(connection, block)
    yield Beside(session, _statements(schema))
    session.finish()


@cache
def _statements(schema: str) -> Statements:
    return Statements(dialect(schema), FORMS)
