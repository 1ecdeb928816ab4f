"""The stores that are raced on, whole or broken on purpose, and how each participant opens them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from caseassign import Casework, MemoryStore, PostgresStore, SQLiteStore
from caseassign.acts.outcome import Outcome
from caseassign.acts.run import run
from caseassign.history import Change
from caseassign.storage import Store, Transaction
from caseassign.stores.postgres_schema import Schema

Wrap: TypeAlias = Callable[[Store], Store]

PLANTS: Final = {
    "late": "what an act decides on is read before it is its turn to write",
    "checks-before": "the rules are asked before the transaction and not inside it",
    "piecemeal": "late, and every record is committed by itself",
    "unrecorded": "late, and the history is not told",
    "impatient": "nobody waits for anybody: a turn that is taken is an error",
    "unlocked": "READ COMMITTED on PostgreSQL, and no turns",
}
"""What can be broken on purpose, to see that it is found."""


@attrs.frozen
class Place:
    """Where the stores of a race are: threads share one, and each process opens it for itself."""

    kind: str
    shared: bool
    plant: str | None = None
    dsn: str | None = None

    @contextmanager
    def new(self) -> Iterator[Home]:
        """Return a new store, which goes when it is left."""
        with ExitStack() as stack:
            if self.kind == "memory":
                opener: Callable[[], Store] = MemoryStore
            elif self.kind == "sqlite":
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                opener = partial(SQLiteStore, Path(folder, "races.sqlite"), **self._patience())
            else:
                from postgres_server import new_schema  # noqa: PLC0415  # it wants psycopg and pytest

                assert self.dsn is not None
                schema = stack.enter_context(new_schema(self.dsn))
                opener = partial(PostgresStore, self.dsn, schema=schema, **self._patience())
            store = stack.enter_context(closing(opener()))
            yield Home(store, opener, self)

    def _patience(self) -> dict[str, float]:
        return {"timeout": 0.001} if self.plant == "impatient" else {}

    def broken(self, store: Store) -> Store:
        """Return a store as participants get it: whole, or with what was planted."""
        match self.plant:
            case "late" | "piecemeal" | "unrecorded":
                return Late(store, self.plant)
            case "unlocked":
                return unlocked(store)
        return store

    @property
    def casework(self) -> type[Casework]:
        """The front door that participants go through."""
        return ChecksBefore if self.plant == "checks-before" else Casework


@attrs.frozen
class Home:
    """One store: as it is for whoever judges, and as participants open it."""

    store: Store
    _opener: Callable[[], Store]
    _place: Place

    @contextmanager
    def open(self) -> Iterator[Store]:
        """Open it for a participant."""
        if self._place.shared:
            yield self._place.broken(self.store)
            return
        with closing(self._opener()) as store:
            yield self._place.broken(store)


@contextmanager
def postgres(dsn: str | None) -> Iterator[str]:
    """Return the connection string of a server: the one that is named, or one that is started for as long as needed.

    It waits for the disk as it does wherever it is in earnest.
    """
    named = dsn or os.environ.get("CASEASSIGN_POSTGRES_DSN")
    if named is not None:
        yield named
        return
    from postgres_server import server  # noqa: PLC0415  # it wants psycopg and pytest

    with server() as started:
        yield started.dsn


class ChecksBefore(Casework):
    """Asks the rules and then, in another transaction, does what they allowed."""

    def _act(self, action: Any, act: Any, **how: Any) -> Outcome:
        run(self._desk, action, act, **how | {"dry_run": True, "command_id": None})
        return run(attrs.evolve(self._desk, required=(), guards=()), action, act, **how)


@attrs.frozen
class Late:
    """Reads in one transaction, notes what is to be written, and writes it in another one when it is its turn."""

    _store: Store
    _plant: str

    def transaction(self, *, write: bool = False) -> AbstractContextManager[Transaction]:
        """Open a transaction."""
        return self._late() if write else self._store.transaction()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @contextmanager
    def _late(self) -> Iterator[Any]:
        noted: list[Callable[[Transaction], None]] = []
        with self._store.transaction() as tx:
            yield _Noting(tx, noted, is_recorded=self._plant != "unrecorded")
        for notes in [[note] for note in noted] if self._plant == "piecemeal" else [noted]:
            with self._store.transaction(write=True) as tx:
                for note in notes:
                    note(tx)


@attrs.frozen
class _Noting:
    """A transaction that reads and notes what is to be written."""

    _tx: Transaction
    _noted: list[Callable[[Transaction], None]]
    _is_recorded: bool

    def __getattr__(self, part: str) -> _NotingPart:
        is_kept = self._is_recorded or part != "history"
        return _NotingPart(part, getattr(self._tx, part), self._noted if is_kept else [])


@attrs.frozen
class _NotingPart:
    """The records of one kind, or the history, of such a transaction."""

    _part: str
    _read: Any
    _noted: list[Callable[[Transaction], None]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read)

    def add(self, records: Iterable[Any]) -> None:
        """Note records to add."""
        for record in records:
            self._noted.append(partial(self._write, "add", [record]))

    def replace(self, records: Iterable[Any]) -> None:
        """Note records to replace."""
        for record in records:
            self._noted.append(partial(self._write, "replace", [record]))

    def append(self, lines: Iterable[Change]) -> None:
        """Note lines to append."""
        kept = list(lines)
        self._noted.append(lambda tx: tx.history.append(at_the_end(tx, kept)))

    def _write(self, how: str, records: list[Any], tx: Transaction) -> None:
        getattr(getattr(tx, self._part), how)(records)


def at_the_end(tx: Transaction, lines: Iterable[Change]) -> Iterator[Change]:
    """Yield lines as if they had been written onto whatever end the history has by now."""
    head = tx.history.head()
    for line in lines:
        moment = line.recorded_at if head.recorded_at is None else max(line.recorded_at, head.recorded_at)
        line = attrs.evolve(line, number=head.number + 1, recorded_at=moment).sealed(head)  # noqa: PLW2901  # moved
        head = line.head
        yield line


def unlocked(store: Store) -> Store:
    """Let the transactions of a PostgreSQL store begin without a turn, and see what others commit meanwhile."""
    assert isinstance(store, PostgresStore), "only PostgreSQL can be unlocked"
    source: Any = store._source
    source._schema = _NoTurns(source._schema.name)
    return store


class _NoTurns(Schema):
    def enter(self, connection: Any, *, write: bool, first: str = "") -> None:
        super().enter(
            connection, write=False, first=first.replace("SERIALIZABLE", "READ COMMITTED") if write else first
        )
