"""The store in a PostgreSQL database: for many machines, or beside the tables of a host application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from caseassign.stores.block import Gate
from caseassign.stores.sql import Statements
from caseassign.stores.sql_records import SQLTransaction

if TYPE_CHECKING:
    import psycopg

    from caseassign.stores.postgres_connections import Pool


class PostgresStore:
    """A store in a schema of a PostgreSQL database (15 or newer), which is created if it is not there.

    ``database`` is one of three things:

    * a connection string, as psycopg takes it; the store then makes its own connections;
    * a pool of connections, as of psycopg_pool, which stays its owner's to close;
    * a connection of psycopg that belongs to the host application. The store then joins the transaction that is open
      on it, and neither commits it nor rolls it back; an exception undoes no more than the block that it left. The host
      chooses the isolation level, which should be SERIALIZABLE, and how long to wait for a lock.

    One transaction writes at a time, on all machines together; another one that wants to write waits up to ``timeout``
    seconds for it, and then raises `ConflictError`, as it does where a program other than this library is in the way;
    `retrying` tries again. What only reads sees one state and waits for nobody. If the connection is lost while a block
    is being committed, it is not known whether it was: repeat an act with its ``command_id``.

    Fork a process between transactions, and not inside one. Needs the extra ``postgres``.
    """

    def __init__(
        self, database: str | Pool | psycopg.Connection[Any], *, schema: str = "caseassign", timeout: float = 30.0
    ) -> None:
        try:
            # An extra: who does not use it need not have it.
            from caseassign.stores import postgres_connections, postgres_rows, postgres_schema  # noqa: PLC0415
            from caseassign.stores.postgres_session import dialect  # noqa: PLC0415
        except ImportError as error:
            raise ImportError("PostgresStore needs psycopg: python -m pip install 'caseassign[postgres]'") from error
        self._gate = Gate()
        self._source = postgres_connections.source(database, postgres_schema.Schema(schema), timeout)
        self._sql = Statements(dialect(schema), postgres_rows.FORMS)

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[SQLTransaction]:
        """Open a transaction: the block commits when it is left, and an exception undoes everything.

        On a connection of the host, it is the host's transaction that commits.
        """
        try:
            with self._gate.block(write=write) as block, self._source.session(block, write=write) as session:
                yield SQLTransaction(session, self._sql)
        finally:
            if self._gate.is_closed:
                self.close()

    def close(self) -> None:
        """Let no transaction begin any more; one that is open goes on to its end."""
        self._gate.close()
        self._source.close_idle()
