"""PostgreSQL's dialect, and its statements inside one transaction block: checked, translated, and in batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from caseassign.errors import StorageError
from caseassign.model import is_text
from caseassign.storage import Row
from caseassign.stores.block import Block
from caseassign.stores.postgres_errors import translated
from caseassign.stores.sql import ROWS_AT_ONCE, Dialect, one_by_one

_NUMBERS: Final = count(1)
"""What tells the streams on one connection apart, whichever store they belong to."""


def dialect(schema: str) -> Dialect:
    """Return the dialect of PostgreSQL, for tables in a schema."""
    return Dialect(
        table=f'"{schema}"."{{}}"',
        mark="%s",
        value="%({})s",
        among="= ANY(%({})s)",
        among_pairs="IN (SELECT pair ->> 0, pair ->> 1 FROM json_array_elements(%({})s) AS pair)",
        unindexed="{}",  # a stream shows what was there when it began, whatever is written meanwhile
        ids=lambda ids: [key for key in ids if is_text(key)],
        pairs=lambda pairs: json.dumps([pair for pair in pairs if is_text(pair[0]) and is_text(pair[1])]),
        day=lambda day: day,
        of_user="(SELECT user_id, unnest({1}) AS {0} FROM {2})",
        join="JOIN",
    )


Values: TypeAlias = Sequence[Any] | Mapping[str, Any]


def execute(
    connection: psycopg.Connection[Any], sql: str, values: Values | None = None, *, prepare: bool | None = None
) -> psycopg.Cursor[Row]:
    """Run a statement, whatever kinds of cursors and rows the connection was made for."""
    return psycopg.Cursor(connection, row_factory=tuple_row).execute(sql, values, prepare=prepare)


def check_joinable(connection: psycopg.Connection[Any]) -> None:
    """Raise `StorageError` where the host has begun no transaction that could be joined."""
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        raise StorageError("there is no transaction to join: begin one on the connection first")


@contextmanager
def savepoint(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Take back, on an exception, what was done on a connection inside the block, and no more than that."""
    with translated():
        execute(connection, "SAVEPOINT step")
    try:
        yield
    except BaseException:
        if connection.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
            with translated():
                take_back(connection)
                execute(connection, "RELEASE SAVEPOINT step")
        raise
    with translated():
        execute(connection, "RELEASE SAVEPOINT step")


def take_back(connection: psycopg.Connection[Any]) -> None:
    """Undo what was done since the savepoint, which stays."""
    execute(connection, "ROLLBACK TO SAVEPOINT step")


class Session:
    """Runs statements on behalf of one block: only while it is open, and writes only if it may write."""

    def __init__(self, connection: psycopg.Connection[Any], block: Block) -> None:
        self._connection = connection
        self._block = block
        self._streams: set[str] = set()
        self._failure = StorageError

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Return what a query finds."""
        self.check()
        return self._run(sql, values).fetchall()

    def stream(self, sql: str, **values: object) -> Iterator[list[Row]]:
        """Yield what a query finds, batch by batch, as it was when the first one was asked for."""
        self.check()
        name = f"caseassign_stream_{next(_NUMBERS)}"
        self._run(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", values)
        self._streams.add(name)
        while len(rows := self._next_batch(name)) == ROWS_AT_ONCE:
            yield rows
        self._close(name)
        yield rows
        self.check()

    def search(self, statements: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield the rows of each statement, one statement after the other."""
        return one_by_one(self.stream, [sql.replace("%", "%%") for sql in statements])

    def write(self, sql: str, rows: Iterable[Row]) -> None:
        """Run a statement once for each of the rows; only within `all_or_nothing`, which has checked that it may."""
        with self._translated():
            psycopg.Cursor(self._connection).executemany(sql, rows)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back, on an exception, what was written inside the block; a stream that began inside ends with it."""
        self.check(write=True)
        streams = frozenset(self._streams)
        try:
            with savepoint(self._connection):
                yield
        except BaseException:
            self._streams &= streams
            raise

    def check(self, *, write: bool = False) -> None:
        """Raise a `StorageError` unless the block is open, may write if it is to, and nothing has undone it."""
        self._block.check(write=write)
        if self._connection.info.transaction_status != TransactionStatus.INTRANS:
            raise self._failure("an earlier failure has undone this transaction")

    def finish(self) -> None:
        """End what was begun to be read, before the block is kept."""
        self.check()
        for name in tuple(self._streams):
            self._close(name)

    def _next_batch(self, name: str) -> list[Row]:
        self.check()
        if name not in self._streams:
            raise StorageError("the call in which this iteration began has failed, and it ended with it")
        return self._run(f"FETCH {ROWS_AT_ONCE} FROM {name}").fetchall()

    def _close(self, name: str) -> None:
        self._run(f"CLOSE {name}")
        self._streams.remove(name)

    def _run(self, sql: str, values: Values | None = None) -> psycopg.Cursor[Row]:
        with self._translated():
            return execute(self._connection, sql, values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except StorageError as error:
            self._failure = type(error)
            raise
