"""Whose connection a transaction runs on: the store's own, one of a pool, or the host's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Protocol

import psycopg
from psycopg.pq import TransactionStatus

from caseassign.errors import ConflictError, StorageError
from caseassign.stores.block import Block
from caseassign.stores.forks import close_before_forks
from caseassign.stores.postgres_errors import translated
from caseassign.stores.postgres_schema import PLAIN_PATH, OutdatedError, Schema
from caseassign.stores.postgres_session import Session, check_joinable, execute, savepoint, take_back

Connection = psycopg.Connection[Any]


class Pool(Protocol):
    """What is asked of a pool, for example of a `psycopg_pool.ConnectionPool`."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for as long as the block is open."""


class Source(Protocol):
    """Where transactions get their connections from."""

    def session(self, block: Block, *, write: bool) -> AbstractContextManager[Session]:
        """Open a transaction: it is kept when the block is left, and an exception undoes everything."""

    def close_idle(self) -> None:
        """Close the connections that no transaction is using."""


def source(database: str | Pool | Connection, schema: Schema, timeout: float) -> Source:
    """Return where the transactions of a store get their connections from."""
    if isinstance(database, str):
        return Own(database, schema, timeout)
    if isinstance(database, psycopg.Connection):
        return Hosts(database, schema, timeout)
    return Pooled(database, schema, timeout)


class Own:
    """Connections that are made when they are needed, and kept for the next transaction."""

    def __init__(self, dsn: str, schema: Schema, timeout: float) -> None:
        self._dsn = dsn
        self._schema = schema
        self._timeout = timeout
        self._idle: list[Connection] = []
        connection = self._connected()
        try:
            _set_up(connection, schema, timeout)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        close_before_forks(self)

    @contextmanager
    def session(self, block: Block, *, write: bool) -> Iterator[Session]:
        """Open a transaction on a connection that nobody else is using."""
        connection = self._begun(write=write)
        try:
            with _kept_or_undone(connection, block) as session:
                yield session
        finally:
            if not block.is_inherited():
                self._take_back(connection)

    def close_idle(self) -> None:
        """Close the connections that no transaction is using."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _begun(self, *, write: bool) -> Connection:
        while True:
            try:
                connection, was_idle = self._idle.pop(), True
            except IndexError:
                connection, was_idle = self._connected(), False
            try:
                _begin(connection, self._schema, self._timeout, write=write)
            except BaseException as error:
                _undo(connection)
                self._take_back(connection)
                was_lost = was_idle and connection.closed  # while nobody used it: take another one
                if not (was_lost and isinstance(error, StorageError)):
                    raise
            else:
                return connection

    def _connected(self) -> Connection:
        with translated():
            try:
                return psycopg.connect(
                    self._dsn, autocommit=True, client_encoding="UTF8", fallback_application_name="caseassign"
                )
            except psycopg.ProgrammingError:
                raise StorageError("this is no connection string that PostgreSQL understands") from None
            except psycopg.OperationalError:  # which says more, but in words that hold what was typed
                raise StorageError(
                    "no connection: the server cannot be reached, or refuses the database, the role or the password"
                ) from None

    def _take_back(self, connection: Connection) -> None:
        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            connection.close()


class Pooled:
    """Connections that are borrowed from a pool for a transaction."""

    def __init__(self, pool: Pool, schema: Schema, timeout: float) -> None:
        self._pool = pool
        self._schema = schema
        self._timeout = timeout
        with self._lent() as connection:
            _set_up(connection, schema, timeout)

    @contextmanager
    def session(self, block: Block, *, write: bool) -> Iterator[Session]:
        """Open a transaction on a connection of the pool."""
        with self._lent() as connection:
            _begin(connection, self._schema, self._timeout, write=write)
            with _kept_or_undone(connection, block) as session:
                yield session

    def close_idle(self) -> None:
        """Do nothing: the pool is its owner's to close."""

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        with ExitStack() as lending:
            with translated():
                connection = lending.enter_context(self._pool.connection())
            if connection.info.transaction_status not in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}:
                raise StorageError("the pool lent a connection on which a transaction is open")
            yield connection


class Hosts:
    """The connection of the host, whose transaction is joined, and never ended."""

    def __init__(self, connection: Connection, schema: Schema, timeout: float) -> None:
        self._connection = connection
        self._schema = schema
        self._timeout = _bounded(timeout)
        self._turn = threading.Lock()

    @contextmanager
    def session(self, block: Block, *, write: bool) -> Iterator[Session]:
        """Open a step of the host's transaction: an exception undoes no more than the step.

        One thread after the other, as what they do on one connection cannot be told apart.
        """
        connection = self._connection
        if not self._turn.acquire(timeout=self._timeout):
            raise ConflictError("another thread is in a transaction on this connection: try again")
        try:
            check_joinable(connection)
            with savepoint(connection):
                self._enter(write=write)
                session = Session(connection, block)
                yield session
                session.finish()
        finally:
            self._turn.release()

    def close_idle(self) -> None:
        """Do nothing: the connection is its owner's to close."""

    def _enter(self, *, write: bool) -> None:
        with translated():
            try:
                self._schema.enter(self._connection, write=write)
            except OutdatedError:
                take_back(self._connection)
                self._schema.migrate(self._connection)
                self._schema.enter(self._connection, write=write)


def _begin(connection: Connection, schema: Schema, timeout: float, *, write: bool) -> None:
    """Begin a transaction.

    Those that write take turns, so that each of them sees all that was done before. What only reads sees one state,
    in between two of them: it waits for nobody, and nothing can be in its way.
    """
    how = "SERIALIZABLE, READ WRITE" if write else "REPEATABLE READ, READ ONLY"
    with translated():
        schema.enter(connection, write=write, first=_beginning(connection, timeout, how))


def _set_up(connection: Connection, schema: Schema, timeout: float) -> None:
    """Create or migrate the tables, in a transaction of its own, where that is called for."""
    with translated():
        try:
            execute(connection, _beginning(connection, timeout, "READ COMMITTED"), prepare=False)
            if not schema.is_current(connection):
                schema.migrate(connection)
            execute(connection, "COMMIT")
        except BaseException:
            _undo(connection)
            raise


def _beginning(connection: Connection, timeout: float, how: str) -> str:
    # Without autocommit, psycopg begins by itself.
    begin = "BEGIN;" if connection.autocommit else ""
    wait = f"SET LOCAL lock_timeout = {round(_bounded(timeout) * 1000)}"
    return f"{begin} SET TRANSACTION ISOLATION LEVEL {how}; {wait}; {PLAIN_PATH};"


def _bounded(timeout: float) -> float:
    """Return how many seconds to wait, as PostgreSQL takes them: to it, 0 is for ever, and a month is too long."""
    return min(max(timeout, 0.001), 2_000_000)


@contextmanager
def _kept_or_undone(connection: Connection, block: Block) -> Iterator[Session]:
    session = Session(connection, block)
    try:
        yield session
        session.finish()
        with translated():
            execute(connection, "COMMIT")
    except BaseException:
        if not block.is_inherited():
            _undo(connection)
        raise


def _undo(connection: Connection) -> None:
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()
