"""The SQLite that a fault test runs the store on: Python's own, or a newer one, with the journal that is wanted.

Python's `sqlite3` uses the SQLite of the machine, and the store chooses its journal by the version of it. apsw brings
an SQLite of its own, and can put a layer of Python between it and the files. So that the store runs on apsw unchanged,
a connection of apsw is given the face of one of `sqlite3`, as far as the store looks at it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import apsw

ENGINES = {
    "sqlite3": "Python's own SQLite, with the journal that the store chooses for it",
    "sqlite3-wal": "Python's own SQLite, with a write-ahead log whatever its version",
    "apsw-wal": "the SQLite of apsw, with a write-ahead log",
    "apsw-truncate": "the SQLite of apsw, with the rollback journal that older versions get",
}
_OLDER, _FIXED = (3, 40, 1), (3, 51, 3)


@contextmanager
def engine(name: str, vfs: str | None = None) -> Iterator[str]:
    """Run every `SQLiteStore` inside the block on an engine, and return what to call it in a report.

    ``vfs`` names a layer between apsw and the files.
    """
    if name == "sqlite3":
        yield f"SQLite {sqlite3.sqlite_version} of Python"
        return

    def connect(path: Path, timeout: float = 5.0, **_: object) -> Connection:
        return Connection(path, timeout, vfs)

    with patch.object(sqlite3, "sqlite_version_info", _FIXED if name.endswith("wal") else _OLDER):
        if name == "sqlite3-wal":
            yield f"SQLite {sqlite3.sqlite_version} of Python"
        else:
            with patch.object(sqlite3, "connect", connect):
                yield f"SQLite {apsw.sqlite_lib_version()} of apsw"


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    """Raise the error that `sqlite3` would raise."""
    try:
        yield
    except UnicodeDecodeError:
        raise sqlite3.OperationalError("Could not decode to UTF-8 column") from None
    except apsw.Error as error:
        raised = sqlite3.OperationalError(str(error))
        raised.sqlite_errorcode = getattr(error, "extendedresult", sqlite3.SQLITE_ERROR)
        raise raised from None


class Cursor:
    """A cursor of apsw that looks like one of `sqlite3`."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Self:
        """Run a statement."""
        with _as_sqlite3():
            self._cursor.execute(sql, values)
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Self:
        """Run a statement once for each row."""
        with _as_sqlite3():
            self._cursor.executemany(sql, rows)
        return self

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""
        return iter(self.fetchall())

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        with _as_sqlite3():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        with _as_sqlite3():
            return self._cursor.fetchall()

    def fetchmany(self, size: int) -> list[Any]:
        """Return the next rows, so many of them."""
        with _as_sqlite3():
            return list(islice(self._cursor, size))

    def close(self) -> None:
        """Let go of the statement."""
        with _as_sqlite3():
            self._cursor.close()


class Connection:
    """A connection of apsw that looks like one of `sqlite3` without transactions of its own."""

    def __init__(self, path: Path, timeout: float, vfs: str | None) -> None:
        with _as_sqlite3():
            self._connection = apsw.Connection(str(path), vfs=vfs)
            self._connection.set_busy_timeout(round(timeout * 1000))

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self._connection.cursor())

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Cursor:
        """Run a statement."""
        return self.cursor().execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """Run a statement once for each row."""
        return self.cursor().executemany(sql, rows)

    def backup(self, target: Connection) -> None:
        """Copy the whole of the file."""
        with _as_sqlite3(), target._connection.backup("main", self._connection, "main") as copying:
            copying.step()

    def close(self) -> None:
        """Close the connection, which undoes what is not committed."""
        with suppress(apsw.Error):  # SQLite closes whatever happens, and `sqlite3` says nothing of it
            self._connection.close()


@contextmanager
def cramped() -> Iterator[None]:
    """Give every `SQLiteStore` inside the block a cache of one page, and a write-ahead log of a few.

    So an act reaches the file long before it is committed, and the log is copied into the file all the time.
    """
    connect = sqlite3.connect

    def connect_cramped(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **kwargs)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("PRAGMA wal_autocheckpoint = 8")
        return connection

    with patch.object(sqlite3, "connect", connect_cramped):
        yield
