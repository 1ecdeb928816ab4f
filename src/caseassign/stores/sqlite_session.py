"""SQLite's dialect, and its statements inside one transaction block: checked, translated, and in batches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Final, Self

from caseassign.errors import StorageError
from caseassign.storage import Row
from caseassign.stores.block import Block
from caseassign.stores.sql import ROWS_AT_ONCE, Dialect, one_by_one
from caseassign.stores.sqlite_errors import translated
from caseassign.stores.sqlite_search import open_readers, search

_INDEXES: Final = """
    SELECT name, sql FROM sqlite_schema
    WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('enrollment', 'assignment')
    AND NOT EXISTS (SELECT 1 FROM enrollment)
"""
"""Those that two tables have beside their keys, if both are empty: there is no assignment without its enrollment."""


def _listed(ids: Iterable[object]) -> str:
    # json_each cuts off at NUL, which no stored id holds. What is no text comes from a damaged file, and is not found.
    return json.dumps([key for key in ids if isinstance(key, str) and "\0" not in key])


def _listed_pairs(pairs: Iterable[tuple[object, object]]) -> str:
    return json.dumps([pair for pair in pairs if all(isinstance(key, str) and "\0" not in key for key in pair)])


DIALECT: Final = Dialect(
    table='"{}"',
    mark="?",
    value=":{}",
    among="IN (SELECT value FROM json_each(:{}))",
    among_pairs="IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:{}))",
    # The + has SQLite sort before the first row, in a file of its own. So an enrollment that is moved to another
    # household meanwhile does not come twice; and it is faster than going through the index in an order that the
    # table is not in.
    unindexed="+{}",
    ids=_listed,
    pairs=_listed_pairs,
    day=date.isoformat,
    of_user="(SELECT user_id, value AS {0} FROM {2}, json_each({1}))",
    join="CROSS JOIN",  # which keeps to the order of the tables: that of the rows of the first one
)


def execute(connection: sqlite3.Connection, sql: str, values: Mapping[str, object] | None = None) -> sqlite3.Cursor:
    """Run a statement, whatever kind of rows the connection was made for."""
    cursor = connection.cursor()
    cursor.row_factory = None
    try:
        return cursor.execute(sql, values or {})
    except BaseException:
        cursor.close()  # or whoever keeps the error keeps the file open, and its locks
        raise


class Session:
    """Runs statements on behalf of one block: only while it is open, and writes only if it may write.

    As a context manager it gives back, at its end, the locks that unfinished streams hold.
    """

    def __init__(self, connection: sqlite3.Connection, block: Block, path: Path | None = None) -> None:
        self._connection = connection
        self._path = path
        self._block = block
        self._streams = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.close()

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Return what a query finds."""
        self.check()
        with translated():
            return execute(self._connection, sql, values).fetchall()

    def stream(self, sql: str, **values: object) -> Iterator[list[Row]]:
        """Yield what a query finds, batch by batch."""
        self.check()
        with translated():
            cursor = self._streams.enter_context(closing(execute(self._connection, sql, values)))
        while rows := self._next_batch(cursor):
            yield rows

    def search(self, statements: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield the rows of each statement: two statements at a time, where the file can be read beside the block."""
        self.check()
        return self._block.each(self._streams.enter_context(closing(self._found(statements))))

    def write(self, sql: str, rows: Iterable[Row]) -> None:
        """Run a statement once for each of the rows; only within `all_or_nothing`, which has checked that it may."""
        with translated():
            self._connection.executemany(sql, rows)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back, on an exception, what was written inside the block."""
        self.check(write=True)
        self._run("SAVEPOINT step")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK TO step")
                self._run("RELEASE step")
            raise
        self._run("RELEASE step")

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Take the indexes off while there is no enrollment yet, and make them at the end, which is twice as fast."""
        self.check(write=True)
        indexes = self.rows(_INDEXES)
        try:
            for name, _ in indexes:
                self._run('DROP INDEX "{}"'.format(name.replace('"', '""')))
            yield
            for _, creation in indexes:
                self._run(creation)
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK")  # the indexes have to be there, whatever becomes of the records
            raise

    def check(self, *, write: bool = False) -> None:
        """Raise a `StorageError` unless the block is open, may write if it is to, and nothing has undone it."""
        self._block.check(write=write)
        if not self._connection.in_transaction:
            raise StorageError("an earlier failure has undone this transaction")

    def commit(self) -> None:
        """Keep what was written."""
        self.check()
        self._run("COMMIT")

    def _found(self, statements: Sequence[str]) -> Generator[tuple[int, Row]]:
        readers = []
        if self._path is not None and not self._block.may_write:
            readers = open_readers(self._path, self._connection)
        yield from search(readers, statements) if readers else one_by_one(self.stream, statements)

    def _run(self, sql: str) -> None:
        with translated():
            execute(self._connection, sql)

    def _next_batch(self, cursor: sqlite3.Cursor) -> list[Row]:
        self.check()
        with translated():
            return cursor.fetchmany(ROWS_AT_ONCE)
