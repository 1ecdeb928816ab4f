"""The stores of kill.py: one that says how far it is, and two that are broken."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from caseassign.history import Change
from caseassign.storage import Store, Transaction

READING, DECIDING, WRITING, COMMITTING, COMMITTED = range(5)
PHASES: Final = (
    "between acts",
    "inside an act",
    "while it wrote",
    "in its commit",
    "between that and the acknowledgement",
)


class Told:
    """A store that says, in memory that outlives the process, how far the act is that is under way."""

    def __init__(self, store: Store, progress: mmap.mmap) -> None:
        self._store = store
        self._progress = progress

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction."""
        with self._store.transaction(write=write) as tx:
            self._progress[0] = DECIDING if write else READING
            yield _With(tx, history=_With(tx.history, append=lambda lines: self._append(tx, lines)))
            self._progress[0] = COMMITTING if write else READING
        self._progress[0] = COMMITTED if write else READING

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _append(self, tx: Transaction, lines: Iterable[Change]) -> None:
        self._progress[0] = WRITING  # the records are written by now
        tx.history.append(lines)


class Late:
    """A broken store: it commits every third block only, and says of the others that they were."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = ExitStack()
        self._tx: Transaction | None = None
        self._blocks = 0

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Transaction]:
        """Go on with the transaction that is open."""
        if self._tx is None:
            self._tx = self._open.enter_context(self._store.transaction(write=True))
        yield self._tx
        self._blocks += write
        if self._blocks == 3:
            self._open.close()
            self._tx, self._blocks = None, 0

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class Halves:
    """A broken store: it commits the records first, and their history in a second transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction, and keep what is appended to the history for a second one."""
        lines: list[Any] = []
        with self._store.transaction(write=write) as tx:
            yield _With(tx, history=_With(tx.history, append=lines.extend))
        if lines:
            with self._store.transaction(write=True) as tx:
                tx.history.append(lines)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class _With:
    """Something with other attributes."""

    def __init__(self, thing: Any, **others: Any) -> None:
        self._thing = thing
        self.__dict__ |= others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thing, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._thing)
