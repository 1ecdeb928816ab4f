"""What a store must offer: records by key, a few plural finders, a transaction block, append-only history.

The contract, which `Store` and its parts state in full:

* A transaction sees its own writes. Leaving the block commits them all; an exception, an interrupt too, undoes them
  all. A store may be used by many threads, each in blocks of its own: a block belongs to the thread that opened it,
  and what it gave, iterators too, ends with it.
* A call that fails leaves nothing of itself, and the block goes on. Where a call is wrong in several ways, any one of
  its errors may come. What goes wrong on the way into the call, in an iterable that it was given, comes out as it is.
* A record that refers to one that is not there is refused with `StorageError`, by the call that writes it, and not
  only at the end of the block.
* Transactions are serial: what happens is as if they ran one after the other, or one of them raises `ConflictError`.
  Any block may raise it, one for reading too, at any call or when it is left. Where an engine undoes a block in the
  middle, nothing of it is committed, even if the error was caught inside it.
* A record comes back equal to what went in, its ``batch_id`` included.
* Whatever returns several records returns them in the order that it documents, and texts are ordered by code point.
* Only errors of `caseassign.errors` come out.
* A line of history can be appended, and never changed or removed. A personal text can be removed.

An id is any text that is not empty, whoever made it; so the number of a row cannot stand for it. Ids may be given more
than once and in any order, and as many as one likes. Unknown ids are left out of answers, and so are those that no
record can have, as they hold NUL or half a character. Where a finder takes
``projects``, it finds only what belongs to enrollments in the projects with these ids; None stands for all projects.
So what somebody may not see is left out by the store's query, and never loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from caseassign.errors import NotFoundError
from caseassign.history import Change, Head, RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User
from caseassign.rules import Tables

R = TypeVar("R")

Row: TypeAlias = tuple[Any, ...]
"""One row of what a search finds."""


class Records(Protocol[R]):
    """The records of one kind, by their id."""

    def get(self, ids: Iterable[str]) -> Mapping[str, R]:
        """Return the records with these ids, by id, in the order of the ids."""

    def add(self, records: Iterable[R]) -> None:
        """Add new records; raise `AlreadyExistsError`, naming each, for ids that are there already or come twice."""

    def replace(self, records: Iterable[R]) -> None:
        """Put each record in the place of the one with its id; raise `NotFoundError`, naming each, for unknown ids.

        Of two records with one id the later one stays.
        """

    def __iter__(self) -> Iterator[R]:
        """Yield every record, in the order of the ids, without holding them all in memory.

        One that was there at the start comes once, as it was or as it is, even if records are added and replaced
        meanwhile. So it is with all that is yielded here.
        """


def one(records: Records[R], kind: str, key: str) -> R:
    """Return the record with this id; raise `NotFoundError` where there is none."""
    found = records.get([key])
    if key not in found:
        raise NotFoundError(kind, (key,))
    return found[key]


def entry_order(enrollment: Enrollment) -> tuple[date, str]:
    """Return what enrollments are ordered by: entry date, then id."""
    return enrollment.entry_date, enrollment.enrollment_id


def household_order(enrollment: Enrollment) -> tuple[str, bool, str, str]:
    """Return what `Enrollments.by_household` orders by: project, household and id."""
    household_id = enrollment.household_id
    return enrollment.project_id, household_id is not None, household_id or "", enrollment.enrollment_id


def start_order(assignment: CaseAssignment) -> tuple[date, str]:
    """Return what assignments are ordered by: start date, then id."""
    return assignment.start_date, assignment.assignment_id


class Enrollments(Records[Enrollment], Protocol):
    """Enrollments, deleted ones included; in answers by entry date, then id."""

    def of_clients(self, personal_ids: Iterable[str]) -> list[Enrollment]:
        """Return the enrollments of these clients."""

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of these households."""

    def by_household(self, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield every enrollment, without holding them all in memory, the members of one household together.

        By project, household and id; those without household come first in their project.
        """

    def unassigned(self, as_of: date, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield, in the order of `by_household`, those open as of a day on which nobody is active as of it.

        Open is what `Enrollment.is_open` says, and active what `CaseAssignment.status` says of a stint that is not
        voided.
        """

    def count(self, projects: Collection[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many enrollments `by_household` yields; with a day, how many `unassigned` yields."""

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> Mapping[str, str]:
        """Return the project id of each of these enrollments, by their ids in their order, and load nothing else.

        Without ``deleted``, only of those that are not deleted.
        """


class Assignments(Records[CaseAssignment], Protocol):
    """Assignments, voided ones included; in answers by start date, then id."""

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[CaseAssignment]:
        """Return the assignments on these enrollments."""

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Collection[str] | None = None
    ) -> list[CaseAssignment]:
        """Return the assignments of these users; with a day, only those that have not ended as of it."""


class History(Protocol):
    """The lines of history; in answers by number.

    A line comes back equal, with the UTC offset of its ``recorded_at``, which its digest covers. It is a copy: whoever
    changes the plain data in it changes nothing that is on record.
    """

    def head(self) -> Head:
        """Return where the chain ends, from a place of its own and not from the last line."""

    def append(self, lines: Iterable[Change]) -> None:
        """Add sealed lines that continue the chain.

        Raise `ConflictError` if it went on in the meantime, and `AlreadyExistsError`, of kind ``"change"``, for a
        ``change_id`` that is there already or comes twice. `caseassign.stores.Chain` tells whether lines continue it.
        """

    def of_records(self, records: Iterable[RecordKey]) -> list[Change]:
        """Return the lines about these records."""

    def of_batches(self, batch_ids: Iterable[str]) -> list[Change]:
        """Return the lines of these batches."""

    def of_kind(self, kind: str) -> list[Change]:
        """Return the lines about records of one kind; asked for imports, never for what there is much of."""

    def after(self, moment: datetime) -> Iterator[Change]:
        """Yield the lines that follow the last one recorded up to, and including, a moment with a time zone.

        Lines that are appended meanwhile do not come; so it is with iteration.
        What it takes depends on how many these are, and not on how many there are.
        """

    def count(self, records: Iterable[RecordKey]) -> int:
        """Return how many lines `of_records` returns."""

    def __iter__(self) -> Iterator[Change]:
        """Yield every line, without holding them all in memory."""


class Imported(Protocol):
    """What the last import said of each record, as text that only the importer reads."""

    def get(self, kind: str, ids: Iterable[str]) -> Mapping[str, str]:
        """Return what was said of the records with these ids, by id, in the order of the ids."""

    def put(self, kind: str, said: Mapping[str, str]) -> None:
        """Remember what is said of each id, in the place of what was said before."""


class Personal(Protocol):
    """The personal texts that lines of history stand for: each by its imprint, which is what a line holds.

    A line is never changed; what it stands for can be removed, and then is gone for good. So a store keeps no second
    copy of it.
    """

    def get(self, imprints: Iterable[str]) -> Mapping[str, str]:
        """Return the texts that are there, by imprint, in the order of the imprints."""

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep each text under its imprint, in the place of what was there before."""

    def remove(self, imprints: Iterable[str]) -> None:
        """Forget the texts with these imprints; one that is not there is none to forget."""


class Transaction(Protocol):
    """All that can be done inside a transaction block."""

    @property
    def clients(self) -> Records[Client]:
        """The clients."""

    @property
    def users(self) -> Records[User]:
        """The users."""

    @property
    def organizations(self) -> Records[Organization]:
        """The organizations."""

    @property
    def projects(self) -> Records[Project]:
        """The projects."""

    @property
    def enrollments(self) -> Enrollments:
        """The enrollments."""

    @property
    def assignments(self) -> Assignments:
        """The case assignments."""

    @property
    def history(self) -> History:
        """The history."""

    @property
    def imported(self) -> Imported:
        """What the last import said."""

    @property
    def personal(self) -> Personal:
        """The personal texts that lines of history stand for."""


@runtime_checkable
class Searchable(Protocol):
    """What a transaction may offer besides: to run SQL over its records where they lie, so that audits are fast.

    `caseassign.rules.sql` names the six tables, and what the SQL is made of.
    """

    @property
    def tables(self) -> Tables:
        """What the six tables are called."""

    def search(self, statements: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield each row with the number of its statement, in the order of the statements, holding few in memory.

        They find what the transaction sees. `caseassign.search` writes them.
        """


@runtime_checkable
class Fillable(Protocol):
    """What a transaction may offer besides: to take in very many new records in less time, so that imports are fast."""

    def filling(self) -> AbstractContextManager[None]:
        """Open a step in which records are added, and looked up by nothing but their ids.

        An exception that leaves it undoes the transaction.
        """


class Store(Protocol):
    """A place that keeps records and their history."""

    def transaction(self, *, write: bool = False) -> AbstractContextManager[Transaction]:
        """Open a transaction: the block commits when it is left, and undoes everything on an exception.

        Without ``write`` it may only read, and a call that writes raises `StorageError`. A thread has one transaction
        at a time: opening a second one inside the first raises `StorageError`, and so does opening one on a store that
        was closed. `caseassign.stores.Gate` sees to all that.
        """

    def close(self) -> None:
        """Give back what the store holds open; closing twice is harmless, and a block that is open goes on."""
