"""The store: the agency's tables as caseassign wants them, on Django's connection and in Django's transaction.

Where a transaction of the agency is open, a block joins it and is a savepoint; where none is, it is one of its own.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, transaction
from django.db.models import QuerySet

from agency.records import Assignments, Enrollments, Records
from caseassign import ConflictError, StorageError
from caseassign.model import is_text
from caseassign.stores import Gate, beside
from caseassign.stores.block import Block

BUSY = {"40001", "40P01", "23505", "55P03", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}
"""What an engine says where another transaction was in the way: the whole may be tried again."""


@contextmanager
def serial() -> Iterator[None]:
    """Open a transaction of the agency: as if all ran one after the other. Its errors are caseassign's."""
    here = connections[DEFAULT_DB_ALIAS]
    is_first = not here.in_atomic_block
    try:
        with ExitStack() as left, transaction.atomic():
            if is_first and here.vendor == "postgresql":
                with here.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            try:
                yield
            finally:
                left.enter_context(on(here))
    except Error as error:
        raise refused(error) from None


@contextmanager
def on(here: Any) -> Iterator[None]:
    """Be on the connection on which a transaction was begun, whichever thread it is that leaves it."""
    own = connections[DEFAULT_DB_ALIAS]
    if own is here:
        yield
        return
    here.inc_thread_sharing()
    connections[DEFAULT_DB_ALIAS] = here
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own
        here.dec_thread_sharing()


def refused(error: Error) -> StorageError:
    """Return what stands for an error of the database, which would print values."""
    code = getattr(error.__cause__, "sqlstate", None) or getattr(error.__cause__, "sqlite_errorname", None)
    return (ConflictError if code in BUSY else StorageError)(f"the database refused: {code}")


class AgencyStore:
    """One for the whole process: Django has a connection for each thread."""

    def __init__(self) -> None:
        self._gate = Gate()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator["Transaction"]:
        """Open a block: it is kept when it is left, and undone on an exception."""
        with self._gate.block(write=write) as block, serial():
            tx = Transaction(block)
            with beside(connection.connection, block) as ready:
                tx.history, tx.imported, tx.personal = ready.history, ready.imported, ready.personal
                yield tx
            block.check()

    def close(self) -> None:
        """Let nobody in any more."""
        self._gate.close()


class Transaction:
    """What can be done in a block."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.organizations, self.projects = Records(self, "organization"), Records(self, "project")
        self.users, self.clients = Records(self, "user"), Records(self, "client")
        self.enrollments, self.assignments = Enrollments(self, "enrollment"), Assignments(self, "assignment")
        self.history: Any = None
        self.imported: Any = None
        self.personal: Any = None

    @contextmanager
    def step(self, *, write: bool = False) -> Iterator[None]:
        """Ask the database something; a call that writes and fails has done nothing."""
        self.block.check(write=write)
        try:
            with transaction.atomic() if write else nullcontext():
                yield
        except Error as error:
            self.block.end()
            raise refused(error) from None

    def rows(self, query: QuerySet[Any]) -> list[Any]:
        """Return what a query finds."""
        with self.step():
            return list(query)

    def found(self, query: QuerySet[Any], path: str, values: Iterable[str | None]) -> list[Any]:
        """Return the rows in which a path has one of the values, in pages: a database takes only so many at once."""
        wanted = sorted({value for value in values if value and is_text(value)})
        rows = []
        for start in range(0, len(wanted), 500):
            with self.step():
                rows += query.filter(**{f"{path}__in": wanted[start : start + 500]})
        return rows
