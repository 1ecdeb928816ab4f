"""The store in one SQLite file: the embedded default, for one machine and any number of processes on it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from caseassign.errors import ConflictError, StorageError
from caseassign.stores.block import Gate
from caseassign.stores.forks import close_before_forks
from caseassign.stores.sql import Statements
from caseassign.stores.sql_records import SQLTransaction
from caseassign.stores.sqlite_errors import translated
from caseassign.stores.sqlite_rows import FORMS
from caseassign.stores.sqlite_schema import open_file, version_of
from caseassign.stores.sqlite_session import DIALECT, Session
from caseassign.stores.turns import Turn, begin_to_write

_SQL: Final = Statements(DIALECT, FORMS)


class SQLiteTransaction(SQLTransaction):
    """What a block on a `SQLiteStore` offers, and that very many records are added in less time."""

    _session: Session

    def filling(self) -> AbstractContextManager[None]:
        """Open a step in which records are added, and looked up by nothing but their ids."""
        return self._session.filling()


class SQLiteStore:
    """A store in the file at ``path``, which is created if it is not there.

    One transaction writes at a time, in all threads and processes together. Others that want to write wait up to
    ``timeout`` seconds, on Linux in the order in which they came, and then raise `ConflictError`. If the disk fails
    while a block is being committed, it may be there whole all the same: repeat an act with its ``command_id``. Fork a
    process between transactions, and not inside one.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 30.0) -> None:
        if os.fspath(path) in {"", ":memory:"}:
            raise StorageError("a SQLiteStore needs a file; for a store in memory there is MemoryStore()")
        self._path = Path(path).absolute()
        self._timeout = timeout
        self._gate = Gate()
        self._idle = [open_file(self._path, timeout)]
        self._file = self._path.resolve()  # one queue, whatever the file was called
        close_before_forks(self)

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[SQLiteTransaction]:
        """Open a transaction: the block commits when it is left, and an exception undoes everything."""
        with self._gate.block(write=write) as block, closing(Turn(self._file)) if write else nullcontext() as turn:
            connection = self._connection()
            try:
                with translated():
                    if turn is None:
                        connection.execute("BEGIN")
                    else:
                        begin_to_write(connection, turn, self._timeout)
                    version_of(connection, self._path)  # raises if it was migrated, or replaced, since it was opened
                with Session(connection, block, self._path) as session:
                    yield SQLiteTransaction(session, _SQL)
                    session.commit()
            except BaseException:
                connection.close()  # which undoes what is not committed
                raise
            self._idle.append(connection)
        if self._gate.is_closed:
            self.close()

    def vacuum(self) -> None:
        """Write the whole file anew, without anything that was removed from it; it takes as long as a copy of the file.

        What is removed is overwritten at once, but SQLite may have left a second copy of it behind when it moved rows
        from page to page. Raises `ConflictError` while somebody else is in a transaction, and `StorageError` inside
        one of this thread.
        """
        with self._gate.block(write=True), translated(), closing(open_file(self._path, self._timeout)) as connection:
            connection.execute("VACUUM")
            # The file in write-ahead mode is changed only by this; in others it does nothing.
            ((is_busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if is_busy:
                raise ConflictError("another process is reading the file: try again")

    def close(self) -> None:
        """Let no transaction begin any more; one that is open goes on to its end."""
        self._gate.close()
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that no transaction is using."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _connection(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return open_file(self._path, self._timeout)
