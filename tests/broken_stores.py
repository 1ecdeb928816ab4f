"""Broken stores: each does one thing wrong, and is caught by the check that is named for it."""

# ruff: noqa: D102, D106  # a store says what is wrong with it; its parts and methods need not

from __future__ import annotations

import copy
import os
import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any, ClassVar, NamedTuple

import attrs

from caseassign import (
    AlreadyExistsError,
    ConflictError,
    MemoryStore,
    NotFoundError,
    SQLiteStore,
    StorageError,
)
from caseassign.storage import start_order
from caseassign.stores.memory import MemoryTransaction, _Work
from caseassign.stores.memory_data import Data
from caseassign.testing.expecting import UndoError

DAY = timedelta(days=1)


class Part:
    """A part of a transaction that passes everything on; what it does wrong stands in a subclass."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._part)


class Altered(MemoryStore):
    """A store in memory of whose transactions some parts do something wrong: by name, what is put before them."""

    parts: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            for name, broken in self.parts.items():
                setattr(tx, name, broken(getattr(tx, name)))
            yield tx


KINDS = ("organizations", "projects", "users", "clients", "enrollments", "assignments")


class Changed(Part):
    """Changes what it is given, and keeps that."""

    def __init__(self, change: Callable[[Any], Any], part: Any) -> None:
        super().__init__(part)
        self._change = change

    def add(self, records: Iterable[Any]) -> None:
        self._part.add(map(self._change, records))

    def replace(self, records: Iterable[Any]) -> None:
        self._part.replace(map(self._change, records))


def on_all(change: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """Return what changes the records of each kind."""
    return dict.fromkeys(KINDS, partial(Changed, change))


def each_field(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what changes every field of a record but the id."""

    def changed(record: Any) -> Any:
        values = {field.name: getattr(record, field.name) for field in attrs.fields(type(record))[1:]}
        return attrs.evolve(record, **{name: change(value) for name, value in values.items()})

    return changed


# What comes back


class LosesEnds(Altered):
    """Forgets when an assignment ends."""

    parts: ClassVar = {"assignments": partial(Changed, lambda record: attrs.evolve(record, end_date=None))}


def before_1970(value: Any) -> Any:
    """Shift a day as moments of local midnight do that were taken for moments of UTC."""
    return value + DAY if type(value) is date and value < date(1970, 1, 1) else value


class ShiftsDays(Altered):
    """Keeps days as moments, and shifts those before 1970 by a time zone."""

    parts: ClassVar = on_all(each_field(before_1970))


class LosesBatches(Altered):
    """Takes the batch for no part of a record, as equality does."""

    parts: ClassVar = on_all(lambda record: attrs.evolve(record, batch_id=None))


class TrimsTexts(Altered):
    """Cuts the blanks off texts."""

    parts: ClassVar = {
        "organizations": partial(
            Changed, lambda o: attrs.evolve(o, organization_name=o.organization_name and o.organization_name.strip())
        )
    }


class NullsTexts(Altered):
    """Takes an empty text for none at all, as some databases do."""

    parts: ClassVar = {
        "clients": partial(Changed, lambda client: attrs.evolve(client, first_name=client.first_name or None))
    }


class LosesFlags(Altered):
    """Has no column for an assignment that is kept after the exit."""

    parts: ClassVar = {"assignments": partial(Changed, lambda record: attrs.evolve(record, kept_after_exit=False))}


class KeepsOldValues(Altered):
    """Takes an empty field of a replacement for one that is not to be changed."""

    class Keeping(Part):
        def replace(self, records: Iterable[Any]) -> None:
            for record in records:
                there = self._part.get([record.key]).get(record.key, record)
                old = {field.name: getattr(there, field.name) for field in attrs.fields(type(record))}
                self._part.replace(
                    [attrs.evolve(record, **{k: v for k, v in old.items() if getattr(record, k) is None})]
                )

    parts: ClassVar = {"enrollments": Keeping}


class FoldsIds(Altered):
    """Finds clients whatever the case of their ids, as the usual collation of some databases does."""

    class Folding(Part):
        def get(self, ids: Iterable[str]) -> dict[str, Any]:
            folded = {key.casefold() for key in ids}
            return {record.key: record for record in self._part if record.key.casefold() in folded}

    parts: ClassVar = {"clients": Folding}


class AsksForEachIdOnce(Altered):
    """Takes no more ids than a statement of SQLite takes parameters."""

    class Limited(Part):
        def get(self, ids: Iterable[str]) -> Any:
            asked = list(ids)
            if len(asked) > 32_766:
                raise StorageError("too many SQL variables")
            return self._part.get(asked)

    parts: ClassVar = {"enrollments": Limited}


class RefusesUnknownIds(Altered):
    """Raises an error for an id that is not there, where it should be left out."""

    class Strict(Part):
        def get(self, ids: Iterable[str]) -> Any:
            asked = set(ids)
            found = self._part.get(asked)
            if len(found) < len(asked) and len(asked) > 1:
                raise NotFoundError("user", ("no",))
            return found

    parts: ClassVar = {"users": Strict}


# Adding and replacing


class AddReplaces(Altered):
    """Puts what is added over what is there."""

    class Over(Part):
        def add(self, records: Iterable[Any]) -> None:
            for record in records:
                (self._part.replace if self._part.get([record.key]) else self._part.add)([record])

    parts: ClassVar = {"clients": Over}


class ReplaceAdds(Altered):
    """Adds what is replaced and is not there."""

    class Upsert(Part):
        def replace(self, records: Iterable[Any]) -> None:
            for record in records:
                (self._part.replace if self._part.get([record.key]) else self._part.add)([record])

    parts: ClassVar = {"users": Upsert}


class AddsHalf(Altered):
    """Adds one after the other, and leaves those that went well when one goes wrong."""

    class OneByOne(Part):
        def add(self, records: Iterable[Any]) -> None:
            for record in records:
                self._part.add([record])

    parts: ClassVar = {"assignments": OneByOne}


class DropsWhatFails(Altered):
    """Takes an error on the way for the end of what is added."""

    class Patient(Part):
        def add(self, records: Iterable[Any]) -> None:
            def until_it_fails() -> Iterator[Any]:
                with suppress(Exception):
                    yield from records

            self._part.add(list(until_it_fails()))

    parts: ClassVar = {"clients": Patient}


class TakesAnyReference(MemoryStore):
    """Looks at no foreign key of assignments."""

    def __init__(self) -> None:
        super().__init__()
        self._data.assignments._refers_to = {}


class LeaksDriverErrors(Altered):
    """Lets out the error of its driver, which tells the values that were written."""

    class Leaking(Part):
        def add(self, records: Iterable[Any]) -> None:
            try:
                self._part.add(records)
            except AlreadyExistsError as error:
                raise sqlite3.IntegrityError("UNIQUE constraint failed: Ada Example") from error

    parts: ClassVar = {"organizations": Leaking}


# Finders and order


class FoldsOrder(Altered):
    """Orders ids as a dictionary would, and not by code point."""

    class Folding(Part):
        def __iter__(self) -> Iterator[Any]:
            return iter(sorted(self._part, key=lambda record: (record.key.casefold(), record.key)))

    parts: ClassVar = {"projects": Folding}


class PagesByOffset(Altered):
    """Iterates in pages that are counted from the beginning, which moves when something is added."""

    class Paged(Part):
        def __iter__(self) -> Iterator[Any]:
            offset, rows = 0, list(self._part)
            while page := rows[offset : offset + 500]:
                yield from page
                offset, rows = offset + 500, list(self._part)

    parts: ClassVar = {"clients": Paged}


class UnstableOrder(Altered):
    """Orders by day alone; what has the same day comes as it likes."""

    class ByDay(Part):
        def of_users(self, *args: Any) -> list[Any]:
            found = self._part.of_users(*args)
            found.reverse()
            return sorted(found, key=lambda record: record.start_date)

    parts: ClassVar = {"assignments": ByDay}


class SplitsHouseholds(Altered):
    """Puts enrollments without household among the households, where they part the members of one."""

    class ByAnyId(Part):
        def by_household(self, projects: Any = None) -> Iterator[Any]:
            return iter(
                sorted(self._part.by_household(projects), key=lambda e: (e.project_id, e.household_id or e.key, e.key))
            )

    parts: ClassVar = {"enrollments": ByAnyId}


class HidesDeleted(Altered):
    """Leaves deleted enrollments out where nobody asked for that."""

    class Live(Part):
        def of_clients(self, ids: Iterable[str]) -> list[Any]:
            return [record for record in self._part.of_clients(ids) if not record.deleted]

    parts: ClassVar = {"enrollments": Live}


class IncludesTheEnd(Altered):
    """Takes the day on which a stint ends for one on which it has not ended."""

    class Inclusive(Part):
        def of_users(self, ids: Iterable[str], ending_after: Any = None, projects: Any = None) -> Any:
            return self._part.of_users(ids, ending_after and ending_after - DAY, projects)

    parts: ClassVar = {"assignments": Inclusive}


class ListsTheAssigned(Altered):
    """Takes an enrollment with an ended stint and a live one for unassigned."""

    class Unassigned(Part):
        def unassigned(self, as_of: date, projects: Any = None) -> Iterator[Any]:
            stints = self._part._stints
            for record in self._part.by_household(projects):
                held = [stint for stint in stints.found("enrollment_id", [record.key]) if not stint.voided]
                if record.is_open(as_of) and not (held and all(as_of in stint.period for stint in held)):
                    yield record

        def count(self, projects: Any = None, unassigned_on: date | None = None) -> int:
            if unassigned_on is None:
                return int(self._part.count(projects))
            return len(list(self.unassigned(unassigned_on, projects)))

    parts: ClassVar = {"enrollments": Unassigned}


class TakesNoProjectsForAll(Altered):
    """Takes the empty list of projects for all projects, and shows everything to who may see nothing."""

    class All(Part):
        def by_household(self, projects: Any = None) -> Any:
            return self._part.by_household(projects or None)

    parts: ClassVar = {"enrollments": All}


class CountsDeletedProjects(Altered):
    """Names the projects of deleted enrollments though it is told not to."""

    class Careless(Part):
        def projects_of(self, ids: Iterable[str], *, deleted: bool = True) -> Any:
            return self._part.projects_of(ids)

    parts: ClassVar = {"enrollments": Careless}


class FindsWhatWas(Altered):
    """Does not take a replaced assignment out of its index."""

    class Indexed(Part):
        def replace(self, records: Iterable[Any]) -> None:
            for record in records:
                [before] = self._part.get([record.key]).values() or [record]
                self._part.replace([record])
                self._part._table._found_by["user_id"].setdefault(before.user_id, {})[record.key] = record

    parts: ClassVar = {"assignments": Indexed}


class FindsTooMuch(Altered):
    """Finds the households of other projects that have the same id."""

    class Loose(Part):
        def of_households(self, keys: Iterable[Any]) -> list[Any]:
            households = {key.household_id for key in keys}
            found = [record for record in self._part if record.household_id in households]
            return sorted(found, key=lambda record: (record.entry_date, record.key))

    parts: ClassVar = {"enrollments": Loose}


# History


class OverwritesLines(Altered):
    """Puts a line in the place of the one with its number."""

    class Overwriting(Part):
        def append(self, lines: Iterable[Any]) -> None:
            for line in lines:
                for old in [each for each in self._part._lines.lines if each.number == line.number]:
                    self._part._lines.lines[old.number - 1] = line
                    break
                else:
                    self._part.append([line])

    parts: ClassVar = {"history": Overwriting}


class OffersRemoval(Altered):
    """Has a way to remove a line."""

    class Removing(Part):
        def __dir__(self) -> list[str]:
            return [*dir(self._part), "remove"]

    parts: ClassVar = {"history": Removing}


class SharesLines(Altered):
    """Hands out the lines themselves, with plain data that anybody can change."""

    class Shared(Part):
        def of_batches(self, ids: Iterable[str]) -> list[Any]:
            wanted = set(ids)
            return [line for line in self._part._lines.lines if line.batch_id in wanted]

    parts: ClassVar = {"history": Shared}


class TakesAnyLine(Altered):
    """Seals lines anew where they do not continue the history."""

    class Sealing(Part):
        def append(self, lines: Iterable[Any]) -> None:
            for line in lines:
                head = self._part.head()
                self._part.append([attrs.evolve(line, number=head.number + 1).sealed(head)])

    parts: ClassVar = {"history": Sealing}


class RepeatsChangeIds(Altered):
    """Forgets which change ids there are."""

    class Forgetting(Part):
        def append(self, lines: Iterable[Any]) -> None:
            for line in lines:
                self._part._lines.ids = Grown()
                self._part.append([line])

    parts: ClassVar = {"history": Forgetting}


class Grown(set[str]):
    """A set from which everything can be removed."""

    def remove(self, element: str) -> None:
        self.discard(element)


class LosesZones(Altered):
    """Keeps moments in UTC, and not the zone that they were recorded in, which the digest covers."""

    class Utc(Part):
        def of_records(self, records: Iterable[Any]) -> list[Any]:
            return [
                attrs.evolve(line, recorded_at=line.recorded_at.astimezone(UTC))
                for line in self._part.of_records(records)
            ]

    parts: ClassVar = {"history": Utc}


class IncludesTheMoment(Altered):
    """Takes what was recorded at a moment for later."""

    class Inclusive(Part):
        def after(self, moment: datetime) -> Any:
            return self._part.after(moment - timedelta(microseconds=1))

    parts: ClassVar = {"history": Inclusive}


class StaleHead(Altered):
    """Says where the history ended when the block began."""

    class Stale(Part):
        def __init__(self, part: Any) -> None:
            super().__init__(part)
            self._head = part.head()

        def head(self) -> Any:
            return self._head

    parts: ClassVar = {"history": Stale}


class GrowsWithoutEnd(Altered):
    """Iterates the history as it grows."""

    class Growing(Part):
        def __iter__(self) -> Iterator[Any]:
            return iter(self._part._lines.lines)

    parts: ClassVar = {"history": Growing}


class FindsLinesTwice(Altered):
    """Answers twice for a record that is asked for twice."""

    class Twice(Part):
        def count(self, records: Iterable[Any]) -> int:
            return sum(self._part.count([record]) for record in records)

    parts: ClassVar = {"history": Twice}


class Hangs(Altered):
    """Waits for something that does not come."""

    class Hanging(Part):
        def of_kind(self, kind: str) -> Any:
            threading.Event().wait(30)

    parts: ClassVar = {"history": Hanging}


class MixesImports(Altered):
    """Keeps what imports said by id alone."""

    class Mixed(Part):
        def get(self, _: str, ids: Iterable[str]) -> Any:
            return self._part.get("", ids)

        def put(self, _: str, said: Any) -> None:
            self._part.put("", said)

    parts: ClassVar = {"imported": Mixed}


class TrimsTextsOfPeople(Altered):
    """Trims personal texts, as a column of a fixed width does."""

    class Trimmed(Part):
        def put(self, texts: Any) -> None:
            self._part.put({imprint: text.rstrip() for imprint, text in texts.items()})

    parts: ClassVar = {"personal": Trimmed}


class KeepsTheFirst(Altered):
    """Leaves a personal text as it is, if there is one."""

    class First(Part):
        def put(self, texts: Any) -> None:
            there = self._part.get(texts)
            self._part.put({imprint: text for imprint, text in texts.items() if imprint not in there})

    parts: ClassVar = {"personal": First}


class KeepsAllTexts(Altered):
    """Removes no personal text."""

    class Kept(Part):
        def remove(self, imprints: Iterable[str]) -> None:
            self._part.put(self._part.get(imprints))  # a write, so that only what it leaves is wrong

    parts: ClassVar = {"personal": Kept}


# Blocks


class KeepsWhatFailed(MemoryStore):
    """Commits though the block was left with an exception."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            try:
                yield tx
            except Exception:
                tx.clients._work._undo.clear()
                raise


class KeepsWhatIsInterrupted(MemoryStore):
    """Undoes what was left with an error, and not what was interrupted."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            try:
                yield tx
            except Exception:
                raise
            except BaseException:
                tx.clients._work._undo.clear()
                raise


class SwallowsErrors(MemoryStore):
    """Undoes the block, and tells nobody why."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with suppress(UndoError), super().transaction(write=write) as tx:
            yield tx


class DoesNotCommit(Altered):
    """Loses at the end of the block what imports said."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            before = dict(self._data.said)
            yield tx
            self._data.said.clear()
            self._data.said.update(before)


class HidesOwnWrites(MemoryStore):
    """Writes at the end of the block what imports said, and does not see it before."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        late: list[tuple[str, Any]] = []
        with super().transaction(write=write) as tx:
            imported: Any = tx.imported

            class Late(Part):
                def put(self, kind: str, said: Any) -> None:
                    imported._work.block.check(write=True)
                    late.append((kind, dict(said)))

            tx.imported = Late(imported)  # type: ignore[assignment]  # what is wrong with it
            yield tx
            for kind, said in late:
                imported.put(kind, said)


class WritesWhileReading(MemoryStore):
    """Lets every block write."""

    def transaction(self, *, write: bool = False) -> Any:  # what is wrong with it
        return super().transaction(write=True)


class LivesOn(MemoryStore):
    """Lets what a block gave be used after it."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            tx.clients._work.block.end = lambda: None  # type: ignore[method-assign]  # what is wrong with it
            yield tx


class Anything:
    """Is equal to everything, and contains nothing."""

    def __eq__(self, _: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __contains__(self, _: object) -> bool:
        return False

    def add(self, _: object) -> None:
        """Keep nothing."""

    discard = add


class Nests(MemoryStore):
    """Opens a block inside a block."""

    def __init__(self) -> None:
        super().__init__()
        self._lock: Any = threading.RLock()
        self._gate._inside = Anything()  # type: ignore[assignment]  # what is wrong with it


class AnyThread(MemoryStore):
    """Lets any thread use any transaction."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            tx.clients._work.block._owner = Anything()  # type: ignore[assignment]  # what is wrong with it
            yield tx


class StaysOpen(MemoryStore):
    """Does not mind being closed."""

    def close(self) -> None:
        """Do nothing."""


class OnlyOne(MemoryStore):
    """Lets a thread into one block of any store at a time, and not only of this one."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx, _refusing_others():
            yield tx


@contextmanager
def _refusing_others() -> Iterator[None]:
    """Refuse the blocks of all other stores in memory, as one connection for all stores would."""
    theirs = MemoryStore.transaction

    def refuse(self: Any, *, write: bool = False) -> Any:
        raise StorageError("another store is in a block")

    MemoryStore.transaction = refuse  # type: ignore[method-assign]  # as one connection for all stores would
    try:
        yield
    finally:
        MemoryStore.transaction = theirs  # type: ignore[method-assign]  # as it was


class RemembersUndone(Altered):
    """Keeps what a finder has found, until something is appended, though the block in which it was found was undone."""

    class Remembering(Part):
        def __init__(self, part: Any) -> None:
            super().__init__(part)
            self._found = part._lines.__dict__.setdefault("found", {})

        def append(self, lines: Iterable[Any]) -> None:
            self._found.clear()
            self._part.append(lines)

        def of_batches(self, ids: Iterable[str]) -> Any:
            asked = tuple(ids)
            return self._found.setdefault(asked, self._part.of_batches(asked))

    parts: ClassVar = {"history": Remembering}


# Races


class ShowsUncommitted(MemoryStore):
    """Lets readers in while somebody writes."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        if write:
            with super().transaction(write=True) as tx:
                yield tx
        else:
            with self._gate.block(write=False) as block:
                yield MemoryTransaction(self._data, _Work(block))


class Copies(MemoryStore):
    """Works on a copy in each block, and puts that in the place of what is there, whatever happened meanwhile."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with self._gate.block(write=write) as block:
            with self._lock:
                before = self._data
                mine = copy.deepcopy(before)
            yield MemoryTransaction(mine, _Work(block))
            block.check()
            if write:
                with self._lock:
                    self.keep(before, mine)

    def keep(self, _: Data, mine: Data) -> None:
        """Keep what was written in a block."""
        self._data = mine


class Merges(Copies):
    """Refuses to write what another has written meanwhile, and does not look at what was only read."""

    def keep(self, before: Data, mine: Data) -> None:
        """Add what was written to what others have written; the same record is a conflict."""
        now = copy.deepcopy(self._data)
        for kind in KINDS:
            old, new, there = (getattr(data, kind).rows for data in (before, mine, now))
            written = {key: record for key, record in new.items() if old.get(key) is None or record != old[key]}
            if any(there.get(key) != old.get(key) for key in written):
                raise ConflictError("somebody else has written the same record")
            for key, record in written.items():
                getattr(now, kind).set(key, record)
        self.keep_lines(now, mine.lines.lines[len(before.lines.lines) :], moved=now.lines.head != before.lines.head)
        now.said |= mine.said
        self._data = now

    def keep_lines(self, now: Data, lines: list[Any], *, moved: bool) -> None:
        """Append new lines; what others have appended meanwhile is a conflict."""
        if lines and moved:
            raise ConflictError("the history went on")
        for line in lines:
            now.lines.append(line)


class Rebases(Merges):
    """Seals the new lines anew where the history went on, so that not even that is a conflict."""

    def keep_lines(self, now: Data, lines: list[Any], *, moved: bool) -> None:  # what is wrong
        """Append new lines wherever the history ends."""
        for line in lines:
            head = now.lines.head
            now.lines.append(attrs.evolve(line, number=head.number + 1).sealed(head))


class ForksHistory(Merges):
    """Appends new lines as they were sealed, wherever the history ends."""

    def keep_lines(self, now: Data, lines: list[Any], *, moved: bool) -> None:  # what is wrong
        """Append new lines as they are."""
        for line in lines:
            now.lines.append(line)


class ReadsCommitted(Merges):
    """Reads what is committed at each moment, and not at the beginning of the block."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        if write:
            with self._lock_of_writers, super().transaction(write=True) as tx:
                yield tx
        else:
            with self._gate.block(write=False) as block:
                yield _Fresh(self, _Work(block))

    def __init__(self) -> None:
        super().__init__()
        self._lock_of_writers = threading.Lock()


class _Fresh:
    """A transaction that looks again whenever it is asked."""

    def __init__(self, store: Any, work: _Work) -> None:
        self._store, self._work = store, work

    def __getattr__(self, part: str) -> Any:
        return getattr(MemoryTransaction(self._store._data, self._work), part)


# Opening again


class Forgets(MemoryStore):
    """Says that it is durable, and is not."""

    durable = True  # type: ignore[misc]  # what is wrong with it
    shared = False


class WritesOnClose(MemoryStore):
    """Writes its file when it is closed."""

    durable = True  # type: ignore[misc]  # it is, as far as it goes
    shared = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self._data = pickle.loads(path.read_bytes())  # noqa: S301  # our own

    def close(self) -> None:
        """Write the file."""
        if not self._gate.is_closed:
            self.write()
        super().close()

    def write(self) -> None:
        """Write the file, the whole or none of it."""
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        part.write_bytes(pickle.dumps(self._data))
        part.replace(self._path)


class ReadsOnOpen(WritesOnClose):
    """Writes its file in each block, and reads it only when it is opened, though it says that it is shared."""

    shared = True

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            yield tx
            if write:
                self.write()

    def close(self) -> None:
        """Write nothing."""
        MemoryStore.close(self)


class SharesWithoutLock(ReadsOnOpen):
    """Reads its file in each block, and lets other processes write meanwhile."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        if self._path.exists():
            self._data = pickle.loads(self._path.read_bytes())  # noqa: S301  # our own
        with super().transaction(write=write) as tx:
            sleep(0.003 * write)
            yield tx


class DecidesBeforeLocking(SQLiteStore):
    """Reads the assignments before it takes the lock, and decides on what it has read then."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction() as tx:
            read = list(tx.assignments)
        sleep(0.003 * write)

        class Read(Part):
            def of_enrollments(self, ids: Iterable[str]) -> list[Any]:
                wanted = set(ids)
                return sorted((a for a in read if a.enrollment_id in wanted), key=start_order)

        with super().transaction(write=write) as tx:
            if write:
                tx.assignments = Read(tx.assignments)  # type: ignore[assignment]  # what is wrong with it
            yield tx


class CommitsHalf(SQLiteStore):
    """Commits whenever clients were added."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            clients: Any = tx.clients

            class Half(Part):
                def replace(self, records: Iterable[Any]) -> None:
                    self._part.replace(records)
                    clients._session._run("COMMIT")
                    clients._session._run("BEGIN IMMEDIATE")

            tx.clients = Half(clients)  # type: ignore[assignment]  # what is wrong with it
            yield tx


def in_utc(day: Any) -> Any:
    """Return the day that it is in UTC when it begins here."""
    is_far = type(day) is date and date(1950, 1, 1) < day < date(2100, 1, 1)
    return datetime.combine(day, time()).astimezone(UTC).date() if is_far else day


class KeepsLocalMidnight(SQLiteStore):
    """Keeps a day as the moment at which it begins where the process runs."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            tx.enrollments = Changed(each_field(in_utc), tx.enrollments)  # type: ignore[assignment]  # what is wrong
            yield tx


class BrokenStore(NamedTuple):
    """A broken store: the class, the check that is named for it, and whether one thread in one place shows it."""

    kind: Any
    check: str
    in_machine: bool = False

    def opener(self, folder: Path) -> Callable[[], Any]:
        """Return what opens it."""
        in_file = issubclass(self.kind, SQLiteStore | WritesOnClose)
        return partial(self.kind, folder / "broken") if in_file else self.kind


BROKEN = (
    BrokenStore(LosesFlags, "every-kind-comes-back-equal"),
    BrokenStore(NullsTexts, "texts-come-back-equal"),
    BrokenStore(TrimsTexts, "texts-come-back-equal"),
    BrokenStore(ShiftsDays, "days-come-back-equal"),
    BrokenStore(LosesEnds, "ends-come-back", in_machine=True),
    BrokenStore(LosesBatches, "batches-come-back", in_machine=True),
    BrokenStore(FoldsIds, "ids-are-told-apart"),
    BrokenStore(RefusesUnknownIds, "ids-may-be-unknown-or-repeated"),
    BrokenStore(FoldsOrder, "records-come-in-the-order-of-their-ids", in_machine=True),
    BrokenStore(AsksForEachIdOnce, "many-ids-at-once"),
    BrokenStore(AddReplaces, "adding-what-is-there-is-refused", in_machine=True),
    BrokenStore(ReplaceAdds, "replacing-what-is-not-there-is-refused", in_machine=True),
    BrokenStore(KeepsOldValues, "replacing-replaces-every-field", in_machine=True),
    BrokenStore(TakesAnyReference, "a-reference-to-nothing-is-refused", in_machine=True),
    BrokenStore(DropsWhatFails, "what-is-added-may-fail-on-the-way"),
    BrokenStore(PagesByOffset, "what-is-iterated-may-be-written"),
    BrokenStore(FindsTooMuch, "finders-find-what-belongs", in_machine=True),
    BrokenStore(UnstableOrder, "answers-have-a-total-order", in_machine=True),
    BrokenStore(SplitsHouseholds, "members-of-a-household-come-together"),
    BrokenStore(HidesDeleted, "deleted-and-void-records-are-among-the-answers", in_machine=True),
    BrokenStore(IncludesTheEnd, "what-has-ended-is-left-out", in_machine=True),
    BrokenStore(ListsTheAssigned, "who-is-unassigned", in_machine=True),
    BrokenStore(TakesNoProjectsForAll, "finders-keep-to-projects", in_machine=True),
    BrokenStore(CountsDeletedProjects, "projects-of-enrollments", in_machine=True),
    BrokenStore(FindsWhatWas, "finders-follow-what-is-replaced", in_machine=True),
    BrokenStore(LosesZones, "lines-come-back-equal"),
    BrokenStore(FindsLinesTwice, "lines-are-found"),
    BrokenStore(StaleHead, "the-head-moves-on", in_machine=True),
    BrokenStore(IncludesTheMoment, "lines-after-a-moment", in_machine=True),
    BrokenStore(TakesAnyLine, "a-line-that-does-not-continue-is-refused", in_machine=True),
    BrokenStore(RepeatsChangeIds, "a-change-id-comes-once", in_machine=True),
    BrokenStore(OverwritesLines, "history-cannot-be-changed"),
    BrokenStore(OffersRemoval, "history-cannot-be-changed"),
    BrokenStore(SharesLines, "lines-are-handed-out-as-copies"),
    BrokenStore(GrowsWithoutEnd, "a-history-that-grows-comes-to-an-end"),
    BrokenStore(MixesImports, "what-imports-said-comes-back", in_machine=True),
    BrokenStore(TrimsTextsOfPeople, "personal-texts-come-back"),
    BrokenStore(KeepsTheFirst, "personal-texts-come-back", in_machine=True),
    BrokenStore(KeepsAllTexts, "personal-texts-can-be-removed", in_machine=True),
    BrokenStore(DoesNotCommit, "leaving-the-block-commits", in_machine=True),
    BrokenStore(HidesOwnWrites, "own-writes-are-seen", in_machine=True),
    BrokenStore(KeepsWhatFailed, "an-exception-undoes-everything", in_machine=True),
    BrokenStore(KeepsWhatIsInterrupted, "an-interrupt-undoes-everything"),
    BrokenStore(SwallowsErrors, "errors-of-the-caller-come-out"),
    BrokenStore(AddsHalf, "a-failed-call-leaves-nothing", in_machine=True),
    BrokenStore(LeaksDriverErrors, "only-errors-of-the-library-come-out", in_machine=True),
    BrokenStore(WritesWhileReading, "a-reading-block-cannot-write"),
    BrokenStore(LivesOn, "a-transaction-ends-with-its-block"),
    BrokenStore(Nests, "a-thread-is-in-one-block-at-a-time"),
    BrokenStore(AnyThread, "a-transaction-belongs-to-its-thread"),
    BrokenStore(OnlyOne, "blocks-of-two-stores-go-together"),
    BrokenStore(ShowsUncommitted, "nobody-sees-what-is-not-committed"),
    BrokenStore(ReadsCommitted, "a-reader-sees-one-state"),
    BrokenStore(Copies, "no-update-is-lost"),
    BrokenStore(Merges, "what-was-decided-on-still-holds"),
    BrokenStore(Rebases, "an-exclusive-role-has-one-holder"),
    BrokenStore(ForksHistory, "a-history-does-not-fork"),
    BrokenStore(RemembersUndone, "agrees-with-the-reference", in_machine=True),
    BrokenStore(ReadsOnOpen, "openings-see-one-another"),
    BrokenStore(SharesWithoutLock, "processes-lose-no-update"),
    BrokenStore(DecidesBeforeLocking, "processes-share-an-exclusive-role"),
    BrokenStore(Forgets, "what-was-committed-is-there-when-opened-again"),
    BrokenStore(WritesOnClose, "nothing-acknowledged-is-lost-to-a-kill"),
    BrokenStore(CommitsHalf, "a-kill-inside-a-block-leaves-nothing-of-it"),
    BrokenStore(KeepsLocalMidnight, "days-do-not-depend-on-the-time-zone"),
    BrokenStore(StaysOpen, "closing-ends-it"),
)
"""Every check has a broken store that is caught by it."""
