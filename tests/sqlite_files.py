"""The files of SQLite stores, for the tests that look at them from outside."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
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


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process that runs ``code``."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ready(process: subprocess.Popen[str]) -> None:
    """Wait until a process has said that it is ready."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def go(process: subprocess.Popen[str]) -> None:
    """Tell a process that waits for a line to go on."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def finished(process: subprocess.Popen[str]) -> int:
    """Wait until a process has ended, and return how."""
    process.communicate()
    return process.returncode


def in_child(do: Callable[[], object]) -> None:
    """Run ``do`` in a fork of this process, and fail if it fails there."""
    child = os.fork()
    if not child:
        try:
            do()
        except BaseException:  # noqa: BLE001  # nothing may get past the end of the child
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
