"""The store in memory: the reference for what every store does, and what tests use in place of a database.

Nothing is copied to be able to undo: each write remembers how to take itself back, so that a small act on a store
of a million records stays small.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import date, datetime
from functools import partial
from itertools import takewhile
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from caseassign.errors import AlreadyExistsError, NotFoundError
from caseassign.history import Change, Head, RecordKey
from caseassign.model import (
    CaseAssignment,
    Enrollment,
    HouseholdKey,
    Record,
)
from caseassign.storage import entry_order, household_order, start_order
from caseassign.stores.block import Block, Gate
from caseassign.stores.chain import Chain
from caseassign.stores.memory_data import Data, Lines, Table

R = TypeVar("R", bound=Record)
K = TypeVar("K", bound=Hashable)


class MemoryStore:
    """A store that lives as long as the process. Transactions of several threads wait for each other."""

    durable: Final = False
    """It keeps nothing; whoever certifies stores asks for this."""

    def __init__(self) -> None:
        self._gate = Gate()
        self._lock = threading.Lock()
        self._data = Data()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[MemoryTransaction]:
        """Open a transaction: the block keeps what was written, and an exception puts everything back."""
        with self._gate.block(write=write) as block, self._lock:
            work = _Work(block)
            with work.all_or_nothing():
                yield MemoryTransaction(self._data, work)
                block.check()

    def close(self) -> None:
        """Let no transaction begin any more."""
        self._gate.close()


class MemoryTransaction:
    """All that can be done inside a transaction block on a `MemoryStore`."""

    def __init__(self, data: Data, work: _Work) -> None:
        self.clients = _Records(data.clients, work)
        self.users = _Records(data.users, work)
        self.organizations = _Records(data.organizations, work)
        self.projects = _Records(data.projects, work)
        self.enrollments = _Enrollments(data, work)
        self.assignments = _Assignments(data, work)
        self.history = _History(data.lines, work)
        self.imported = _Imported(data.said, work)
        self.personal = _Personal(data.personal, work)


class _Work:
    """What a transaction has done so far, as the steps that take it back."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._undo: list[Callable[[], None]] = []

    def done(self, undo: Callable[[], None]) -> None:
        """Remember how to take back what was just done."""
        self._undo.append(undo)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back, on an exception, what was done inside the block."""
        steps_before = len(self._undo)
        try:
            yield
        except BaseException:
            while len(self._undo) > steps_before:
                self._undo.pop()()
            raise


class _Records(Generic[R]):
    """The records of one kind, as one transaction sees them."""

    def __init__(self, table: Table[R], work: _Work) -> None:
        self._table = table
        self._work = work

    def get(self, ids: Iterable[str]) -> dict[str, R]:
        """Return the records with these ids, by id, in the order of the ids."""
        self._work.block.check()
        rows = self._table.rows
        return {key: rows[key] for key in sorted(set(ids)) if key in rows}

    def add(self, records: Iterable[R]) -> None:
        """Add new records, or none of them."""
        self._write(records, known=False, error=AlreadyExistsError)

    def replace(self, records: Iterable[R]) -> None:
        """Replace records, or none of them."""
        self._write(records, known=True, error=NotFoundError)

    def __iter__(self) -> Iterator[R]:
        """Yield every record that is there at the start, as it is then, in the order of the ids."""
        return self._work.block.each(sorted(self._table.rows.values(), key=attrgetter("key")))

    def _write(self, records: Iterable[R], *, known: bool, error: type[AlreadyExistsError | NotFoundError]) -> None:
        table = self._table
        self._work.block.check(write=True)
        with self._work.all_or_nothing():
            wrong = set()
            for record in records:
                key = record.key
                if (key in table.rows) != known:
                    wrong.add(key)
                    continue
                table.check_references(record)
                self._work.done(partial(table.set, key, table.rows.get(key)))
                table.set(key, record)
            if wrong:
                raise error(table.kind, tuple(sorted(wrong)))

    def _found(self, field: str, values: Iterable[Hashable], order: Callable[[R], Any]) -> list[R]:
        self._work.block.check()
        return sorted(self._table.found(field, values), key=order)


class _Enrollments(_Records[Enrollment]):
    """The enrollments; in answers by entry date, then id."""

    def __init__(self, data: Data, work: _Work) -> None:
        super().__init__(data.enrollments, work)
        self._stints = data.assignments

    def of_clients(self, personal_ids: Iterable[str]) -> list[Enrollment]:
        """Return the enrollments of these clients."""
        return self._found("personal_id", personal_ids, entry_order)

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of these households."""
        return self._found("household_key", keys, entry_order)

    def by_household(self, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield every enrollment by project, household and id; those without household come first in a project."""
        rows = self._table.rows.values()
        wanted = [e for e in rows if projects is None or e.project_id in projects]
        return self._work.block.each(sorted(wanted, key=household_order))

    def unassigned(self, as_of: date, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield, in the order of `by_household`, those open as of a day on which nobody is active as of it."""
        return (e for e in self.by_household(projects) if e.is_open(as_of) and not self._is_held(e, as_of))

    def count(self, projects: Collection[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many enrollments there are; with a day, only those on which nobody is active as of it."""
        counted = self.by_household(projects) if unassigned_on is None else self.unassigned(unassigned_on, projects)
        return sum(1 for _ in counted)

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> dict[str, str]:
        """Return the project id of each of these enrollments, by their ids."""
        found = self.get(enrollment_ids)
        return {key: e.project_id for key, e in found.items() if deleted or not e.deleted}

    def _is_held(self, enrollment: Enrollment, as_of: date) -> bool:
        stints = self._stints.found("enrollment_id", [enrollment.enrollment_id])
        return any(not stint.voided and as_of in stint.period for stint in stints)


class _Assignments(_Records[CaseAssignment]):
    """The assignments; in answers by start date, then id."""

    def __init__(self, data: Data, work: _Work) -> None:
        super().__init__(data.assignments, work)
        self._stays = data.enrollments.rows

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[CaseAssignment]:
        """Return the assignments on these enrollments."""
        return self._found("enrollment_id", enrollment_ids, start_order)

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Collection[str] | None = None
    ) -> list[CaseAssignment]:
        """Return the assignments of these users; with a day, only those that have not ended as of it."""
        found = self._found("user_id", user_ids, start_order)
        found = [a for a in found if ending_after is None or not a.period.has_ended(ending_after)]
        return [a for a in found if projects is None or self._stays[a.enrollment_id].project_id in projects]


class _History:
    """The lines of history, as one transaction sees them; in answers by number.

    What goes in and out is copied, so that nobody holds the plain data of a line that is on record.
    """

    def __init__(self, lines: Lines, work: _Work) -> None:
        self._lines = lines
        self._work = work

    def head(self) -> Head:
        """Return where the chain ends."""
        self._work.block.check()
        return self._lines.head

    def append(self, lines: Iterable[Change]) -> None:
        """Add sealed lines that continue the chain, or none of them."""
        self._work.block.check(write=True)
        with self._work.all_or_nothing():
            head = self._lines.head
            known = set()
            for line in Chain(head).continued_by(lines):
                if line.change_id in self._lines.ids:
                    known.add(line.change_id)
                    continue
                self._lines.append(deepcopy(line))
                self._work.done(partial(self._lines.take_back, head))
                head = line.head
            if known:
                raise AlreadyExistsError("change", tuple(sorted(known)))

    def of_records(self, records: Iterable[RecordKey]) -> list[Change]:
        """Return the lines about these records."""
        return self._found(self._lines.by_record, records)

    def of_batches(self, batch_ids: Iterable[str]) -> list[Change]:
        """Return the lines of these batches."""
        return self._found(self._lines.by_batch, batch_ids)

    def of_kind(self, kind: str) -> list[Change]:
        """Return the lines about records of one kind."""
        return self._found(self._lines.by_kind, [kind])

    def after(self, moment: datetime) -> Iterator[Change]:
        """Yield the lines that follow the last one recorded up to a moment."""
        later = list(takewhile(lambda line: line.recorded_at > moment, reversed(self._lines.lines)))
        return map(deepcopy, self._work.block.each(reversed(later)))

    def count(self, records: Iterable[RecordKey]) -> int:
        """Return how many lines there are about these records."""
        self._work.block.check()
        return sum(len(self._lines.by_record.get(record, ())) for record in set(records))

    def __iter__(self) -> Iterator[Change]:
        """Yield every line that is there at the start."""
        return map(deepcopy, self._work.block.each(tuple(self._lines.lines)))

    def _found(self, groups: Mapping[Hashable, list[Change]], keys: Iterable[Hashable]) -> list[Change]:
        self._work.block.check()
        lines = (deepcopy(line) for key in set(keys) for line in groups.get(key, ()))
        return sorted(lines, key=attrgetter("number"))


class _Texts(Generic[K]):
    """Texts by key, as one transaction sees them."""

    def __init__(self, texts: dict[K, str], work: _Work) -> None:
        self._texts = texts
        self._work = work

    def _put(self, texts: Mapping[K, str | None]) -> None:
        """Let each text stand under its key; None lets nothing stand there."""
        self._work.block.check(write=True)
        for key, text in texts.items():
            self._work.done(partial(self._set, key, self._texts.get(key)))
            self._set(key, text)

    def _set(self, key: K, text: str | None) -> None:
        if text is None:
            self._texts.pop(key, None)
        else:
            self._texts[key] = text


class _Imported(_Texts[tuple[str, str]]):
    """What the last import said of each record, by kind and id."""

    def get(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """Return what was said of the records with these ids, by id, in the order of the ids."""
        self._work.block.check()
        return {key: self._texts[kind, key] for key in sorted(set(ids)) if (kind, key) in self._texts}

    def put(self, kind: str, said: Mapping[str, str]) -> None:
        """Remember what is said of each id."""
        self._put({(kind, key): text for key, text in said.items()})


class _Personal(_Texts[str]):
    """The personal texts that lines of history stand for, by imprint."""

    def get(self, imprints: Iterable[str]) -> dict[str, str]:
        """Return the texts that are there, by imprint, in the order of the imprints."""
        self._work.block.check()
        return {key: self._texts[key] for key in sorted(set(imprints)) if key in self._texts}

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep each text under its imprint."""
        self._put(texts)

    def remove(self, imprints: Iterable[str]) -> None:
        """Forget the texts with these imprints."""
        self._put(dict.fromkeys(imprints))
