"""The files of SQLite stores, for the tests that look at them from outside."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store_examples import enrollment, fill, lines_after, stint

from caseassign.history import EMPTY
from caseassign.model import Client
from caseassign.stores.sqlite import SQLiteStore
from caseassign.stores.sqlite_schema import journal_mode

WAL = journal_mode(sqlite3.sqlite_version_info) == "WAL"


@contextmanager
def new_sqlite_store() -> Iterator[SQLiteStore]:
    """Open a store in a new file, which goes with it."""
    with tempfile.TemporaryDirectory() as folder, closing(SQLiteStore(Path(folder, "new.sqlite"))) as store:
        yield store


@contextmanager
def small_store(path: Path) -> Iterator[SQLiteStore]:
    """Open a store with a few records and a line of history, that waits for nobody."""
    with closing(SQLiteStore(path, timeout=0.05)) as store:
        fill(store)
        with store.transaction(write=True) as tx:
            tx.enrollments.add([enrollment("e1")])
            tx.assignments.add([stint("a1")])
            tx.history.append(lines_after(EMPTY, {}))
        yield store


def raw(path: Path, timeout: float = 0.05) -> closing[sqlite3.Connection]:
    """Return a connection as any other program would make it."""
    return closing(sqlite3.connect(path, timeout=timeout, isolation_level=None))


def client_ids(store: SQLiteStore) -> list[str]:
    """Return the ids of the clients in a store."""
    with store.transaction() as tx:
        return [client.personal_id for client in tx.clients]


def add_client(store: SQLiteStore, key: str) -> None:
    """Add a client in a transaction of its own."""
    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id=key)])
