"""Broken stores whose fault shows in a corner: one part, one text, one moment; and good ones that look broken."""

# ruff: noqa: D102, D106  # a store says what is wrong with it; its parts and methods need not

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import attrs
from broken_stores import (
    KINDS,
    Altered,
    BrokenStore,
    Changed,
    Copies,
    Merges,
    Part,
    WritesOnClose,
    each_field,
    in_utc,
    on_all,
)

from caseassign import AlreadyExistsError, ConflictError, MemoryStore, NotFoundError, SQLiteStore, StorageError
from caseassign.stores.memory import MemoryTransaction, _Work
from caseassign.stores.memory_data import Data

# Ids and texts


def as_number(text: Any) -> Any:
    """Return what a column of numbers makes of a text."""
    return str(int(text)) if isinstance(text, str) and text.isdecimal() and len(text) < 20 else text


def every_id(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what changes the id of a record, and those that it refers to."""

    def changed(record: Any) -> Any:
        names = [field.name for field in attrs.fields(type(record)) if field.name.endswith("_id")]
        return attrs.evolve(record, **{name: change(getattr(record, name)) for name in names})

    return changed


class KeepsIdsAsNumbers(Altered):
    """Keeps ids of digits as numbers."""

    class Numbers(Changed):
        def get(self, ids: Iterable[str]) -> Any:
            return self._part.get(map(as_number, ids))

    parts: ClassVar = dict.fromkeys(KINDS, partial(Numbers, every_id(as_number)))


class KeepsShortIds(Altered):
    """Has room for 64 characters in an id."""

    parts: ClassVar = {"users": partial(Changed, lambda user: attrs.evolve(user, user_id=user.user_id[:64]))}


class KeepsBatchesAsNumbers(Altered):
    """Keeps batches of digits as numbers."""

    parts: ClassVar = on_all(lambda record: attrs.evolve(record, batch_id=as_number(record.batch_id)))


class TakesNoBatchForNone(Altered):
    """Takes a batch without a letter for none."""

    parts: ClassVar = on_all(lambda record: attrs.evolve(record, batch_id=record.batch_id or None))


class RefusesNul(Altered):
    """Lets out the error of its driver, where a batch with NUL is asked for."""

    class Refusing(Part):
        def of_batches(self, ids: Iterable[str]) -> Any:
            asked = list(ids)
            if any("\0" in key for key in asked):
                raise ValueError("A string literal cannot contain NUL (0x00) characters.")
            return self._part.of_batches(asked)

    parts: ClassVar = {"history": Refusing}


class TakesFewBatches(Altered):
    """Takes no more batches than a list in some databases."""

    class Few(Part):
        def of_batches(self, ids: Iterable[str]) -> Any:
            asked = list(ids)
            if len(asked) > 1_000:
                raise StorageError("too many expressions in a list")
            return self._part.of_batches(asked)

    parts: ClassVar = {"history": Few}


class FoldsUsers(Altered):
    """Finds the assignments of users whatever the case of their ids."""

    class Folding(Part):
        def of_users(self, ids: Iterable[str], *rest: Any) -> Any:
            wanted = {key.casefold() for key in ids}
            return self._part.of_users({a.user_id for a in self._part if a.user_id.casefold() in wanted}, *rest)

    parts: ClassVar = {"assignments": Folding}


class JoinsPermissions(Altered):
    """Keeps permissions joined by commas."""

    parts: ClassVar = {
        "users": partial(Changed, lambda user: attrs.evolve(user, permissions=",".join(user.permissions).split(",")))
    }


class CutsRoles(Altered):
    """Has room for 20 characters in a role."""

    parts: ClassVar = {"assignments": partial(Changed, lambda stint: attrs.evolve(stint, role=stint.role[:20]))}


# Order and iteration


def by_utf_16(enrollment: Any) -> Any:
    """Return what `by_household` orders by where texts are ordered by their UTF-16."""
    texts = enrollment.project_id, enrollment.household_id or "", enrollment.enrollment_id
    project, household, key = (text.encode("utf-16-be") for text in texts)
    return project, enrollment.household_id is not None, household, key


class OrdersHouseholdsByUtf16(Altered):
    """Orders by UTF-16, where some characters of four bytes come before others of two."""

    class Utf16(Part):
        def by_household(self, projects: Any = None) -> Iterator[Any]:
            found = sorted(self._part.by_household(projects), key=by_utf_16)
            return self._part._work.block.each(found)  # type: ignore[no-any-return]  # a part may be any

    parts: ClassVar = {"enrollments": Utf16}


def folded(answer: Any) -> dict[str, Any]:
    """Return an answer in the order of a dictionary."""
    return dict(sorted(answer.items(), key=lambda item: str(item[0]).casefold()))


class FoldsAnswers(Altered):
    """Answers by id in the order of a dictionary."""

    class Enrollments(Part):
        def projects_of(self, *ids: Any, **options: Any) -> Any:
            return folded(self._part.projects_of(*ids, **options))

    class Texts(Part):
        def get(self, *ids: Any) -> Any:
            return folded(self._part.get(*ids))

    parts: ClassVar = {"enrollments": Enrollments, "imported": Texts, "personal": Texts}


class IteratesWhatChanges(Altered):
    """Iterates the assignments as they are kept, and fails when one is added."""

    class Live(Part):
        def __iter__(self) -> Iterator[Any]:
            rows = self._part._table.rows
            there = len(rows)
            for key in sorted(rows):
                if len(rows) != there:
                    raise StorageError("changed during iteration")
                yield rows[key]

    parts: ClassVar = {"assignments": Live}


class OutlivesItsBlock(Altered):
    """Reads all that is unassigned when it is asked, and so gives it after the block too."""

    class Read(Part):
        def unassigned(self, *asked: Any) -> Iterator[Any]:
            return iter(list(self._part.unassigned(*asked)))

    parts: ClassVar = {"enrollments": Read}


# History


class ComparesSeconds(Altered):
    """Keeps moments to the second."""

    class Seconds(Part):
        def after(self, moment: datetime) -> Any:
            return self._part.after(moment.replace(microsecond=0) + timedelta(microseconds=999_999))

    parts: ClassVar = {"history": Seconds}


class FollowsTheHistory(Altered):
    """Yields after a moment what is appended meanwhile too."""

    class Following(Part):
        def after(self, moment: datetime) -> Iterator[Any]:
            return (line for line in self._part._lines.lines if line.recorded_at > moment)

    parts: ClassVar = {"history": Following}


class SharesWhatWas(Altered):
    """Copies what a record is after a change, and not what it was before it."""

    class Shared(Part):
        def append(self, lines: Iterable[Any]) -> None:
            given = list(lines)
            self._part.append(given)
            for line in given:
                object.__setattr__(self._part._lines.lines[line.number - 1], "before", line.before)

    parts: ClassVar = {"history": Shared}


class HasAFinderOfItsOwn(Altered):
    """Finds the last lines too: nothing is wrong with that."""

    class Last(Part):
        def __dir__(self) -> list[str]:
            return [*dir(self._part), "last"]

    parts: ClassVar = {"history": Last}


# Calls


class KeepsWhatCame(Altered):
    """Appends the lines that came before an error, and makes the error its own."""

    class Patient(Part):
        def append(self, lines: Iterable[Any]) -> None:
            came: list[Any] = []
            try:
                came.extend(lines)
            finally:
                self._part.append(came)

    parts: ClassVar = {"history": Patient}


class AddsUpToTheWrongOne(Altered):
    """Adds enrollments one after the other, up to the one that refers to nothing."""

    class OneByOne(Part):
        def add(self, records: Iterable[Any]) -> None:
            for record in records:
                self._part.add([record])

    parts: ClassVar = {"enrollments": OneByOne}


class RefusesNothing(Altered):
    """Cannot make a statement of nothing."""

    class NotEmpty(Part):
        def add(self, records: Iterable[Any]) -> None:
            given = list(records)
            if not given:
                raise StorageError("near ')': syntax error")
            self._part.add(given)

    parts: ClassVar = {"assignments": NotEmpty}


class QuotesRecords(Altered):
    """Raises its errors from those of an engine, which quote what was written."""

    class Quoting(Part):
        def add(self, records: Iterable[Any]) -> None:
            given = list(records)
            try:
                self._part.add(given)
            except AlreadyExistsError as error:
                quoted = RuntimeError(f"duplicate key: {[each.last_name for each in given]}")
                raise AlreadyExistsError(error.kind, error.ids) from quoted

    parts: ClassVar = {"clients": Quoting}


class LeaksKeys(Altered):
    """Lets the error of its engine out where there is no record to replace."""

    class Leaking(Part):
        def replace(self, records: Iterable[Any]) -> None:
            try:
                self._part.replace(records)
            except NotFoundError as error:
                raise KeyError(*error.ids) from None

    parts: ClassVar = {"users": Leaking}


# Blocks


class Anytime:
    """A block that lets everybody do everything."""

    def check(self, **_: Any) -> None:
        """Refuse nothing."""

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        """Yield everything."""
        return iter(list(items))


class GuardsNoOrganizations(MemoryStore):
    """Forgets to guard the organizations and the projects."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            for part in (tx.organizations, tx.projects):
                part._work = copy.copy(tx.clients._work)
                part._work.block = Anytime()  # type: ignore[assignment]  # what is wrong with it
            yield tx


class TranslatesErrors(MemoryStore):
    """Takes the caller's own error for one of its engine."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        try:
            with super().transaction(write=write) as tx:
                yield tx
        except (ValueError, KeyError, OSError) as error:
            raise StorageError("the engine failed") from error


class SwallowsNotFound(MemoryStore):
    """Takes an id that the caller did not find for no error at all."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx, suppress(NotFoundError):
            yield tx


class CommitsOnExit(MemoryStore):
    """Commits when the program ends inside a block."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            try:
                yield tx
            except SystemExit:
                tx.clients._work._undo.clear()
                raise


class ReadsInsideReading(MemoryStore):
    """Lets a thread read in a second block inside one in which it reads."""

    def __init__(self) -> None:
        super().__init__()
        self._reading = threading.local()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        if not write and getattr(self._reading, "tx", None) is not None:
            yield self._reading.tx
            return
        with super().transaction(write=write) as tx:
            self._reading.tx = None if write else tx
            try:
                yield tx
            finally:
                self._reading.tx = None


class ClosedByAnother(MemoryStore):
    """Ends the block that is open when another thread closes the store."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            self._open = threading.get_ident(), tx.clients._work.block
            yield tx

    def close(self) -> None:
        """End the block of another thread."""
        super().close()
        owner, block = self._open
        if owner != threading.get_ident():
            block.end()


class MergesUsers(Merges):
    """Lets the last one win who replaces a user."""

    def keep(self, before: Data, mine: Data) -> None:
        """Take what others did to a user meanwhile for what was read."""
        for key, user in mine.users.rows.items():
            if user != before.users.rows.get(key):
                before.users.set(key, self._data.users.rows.get(key))
        super().keep(before, mine)


class RefusesWhoIsOvertaken(Copies):
    """Refuses everybody, readers too, who was overtaken by a commit: nothing is wrong with that."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with self._gate.block(write=write) as block:
            with self._lock:
                before = self._data
                mine = copy.deepcopy(before)
            yield MemoryTransaction(mine, _Work(block))
            block.check()
            with self._lock:
                if self._data is not before:
                    raise ConflictError("somebody else has written meanwhile")
                if write:
                    self._data = mine


# Opening again


class LosesPermissions(WritesOnClose):
    """Has no column for what users are permitted."""

    def write(self) -> None:
        """Write the file without it."""
        for key, user in self._data.users.rows.items():
            self._data.users.set(key, attrs.evolve(user, permissions=()))
        super().write()


class CachesUsers(SQLiteStore):
    """Remembers the users that it has read."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        known = self.__dict__.setdefault("known", {})

        class Cached(Part):
            def get(self, ids: Iterable[str]) -> dict[str, Any]:
                asked = set(ids)
                known.update({key: user for key, user in self._part.get(asked).items() if key not in known})
                return {key: known[key] for key in sorted(asked) if key in known}

            def replace(self, records: Iterable[Any]) -> None:
                known.clear()
                self._part.replace(records)

        with super().transaction(write=write) as tx:
            tx.users = Cached(tx.users)  # type: ignore[assignment]  # what is wrong with it
            yield tx


class LosesWhatFollowsClosing(SQLiteStore):
    """Undoes a block during which it was closed, and tells nobody."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with suppress(TimeoutError), super().transaction(write=write) as tx:
            yield tx
            if self._gate.is_closed:
                raise TimeoutError


class KeepsLocalMidnightOfStints(SQLiteStore):
    """Keeps a day of an assignment, a user or a project as the moment at which it begins where the process runs."""

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        with super().transaction(write=write) as tx:
            for part in ("projects", "users", "assignments"):
                setattr(tx, part, Changed(each_field(in_utc), getattr(tx, part)))
            yield tx


CORNERS = (
    BrokenStore(JoinsPermissions, "every-kind-comes-back-equal"),
    BrokenStore(CutsRoles, "texts-come-back-equal"),
    BrokenStore(KeepsBatchesAsNumbers, "batches-come-back"),
    BrokenStore(TakesNoBatchForNone, "batches-come-back"),
    BrokenStore(KeepsIdsAsNumbers, "ids-may-be-digits"),
    BrokenStore(KeepsShortIds, "ids-may-be-digits"),
    BrokenStore(RefusesNul, "ids-no-record-can-have-find-nothing"),
    BrokenStore(TakesFewBatches, "many-ids-at-once"),
    BrokenStore(FoldsUsers, "ids-are-told-apart"),
    BrokenStore(FoldsUsers, "finders-find-what-belongs"),
    BrokenStore(KeepsWhatCame, "what-is-added-may-fail-on-the-way"),
    BrokenStore(RefusesNothing, "calls-with-nothing-do-nothing"),
    BrokenStore(QuotesRecords, "errors-tell-no-names"),
    BrokenStore(LeaksKeys, "errors-tell-no-names"),
    BrokenStore(IteratesWhatChanges, "what-is-iterated-may-be-written"),
    BrokenStore(OrdersHouseholdsByUtf16, "members-of-a-household-come-together"),
    BrokenStore(FoldsAnswers, "projects-of-enrollments"),
    BrokenStore(FoldsAnswers, "what-imports-said-comes-back"),
    BrokenStore(FoldsAnswers, "personal-texts-come-back"),
    BrokenStore(ComparesSeconds, "lines-after-a-moment"),
    BrokenStore(FollowsTheHistory, "a-history-that-grows-comes-to-an-end"),
    BrokenStore(SharesWhatWas, "lines-are-handed-out-as-copies"),
    BrokenStore(AddsUpToTheWrongOne, "a-failed-call-leaves-nothing"),
    BrokenStore(TranslatesErrors, "errors-of-the-caller-come-out"),
    BrokenStore(SwallowsNotFound, "errors-of-the-caller-come-out"),
    BrokenStore(CommitsOnExit, "an-interrupt-undoes-everything"),
    BrokenStore(GuardsNoOrganizations, "a-reading-block-cannot-write"),
    BrokenStore(GuardsNoOrganizations, "a-transaction-ends-with-its-block"),
    BrokenStore(GuardsNoOrganizations, "a-transaction-belongs-to-its-thread"),
    BrokenStore(OutlivesItsBlock, "a-transaction-ends-with-its-block"),
    BrokenStore(ReadsInsideReading, "a-thread-is-in-one-block-at-a-time"),
    BrokenStore(ClosedByAnother, "closing-ends-it"),
    BrokenStore(MergesUsers, "no-update-is-lost"),
    BrokenStore(CachesUsers, "openings-see-one-another"),
    BrokenStore(LosesPermissions, "what-was-committed-is-there-when-opened-again"),
    BrokenStore(LosesWhatFollowsClosing, "what-ends-after-closing-is-kept"),
    BrokenStore(KeepsLocalMidnightOfStints, "days-do-not-depend-on-the-time-zone"),
)
"""Broken stores that a kit which looks at one part, or at plain texts, lets pass."""

UNHARMED = (
    BrokenStore(HasAFinderOfItsOwn, "history-cannot-be-changed"),
    BrokenStore(RefusesWhoIsOvertaken, "a-reader-sees-one-state"),
    BrokenStore(RefusesWhoIsOvertaken, "no-update-is-lost"),
)
"""Stores that do what the contract allows, and the check that must not mind."""
