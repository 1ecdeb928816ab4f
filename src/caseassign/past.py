"""The past: what a transaction's records were, as known at a moment.

The first line of history after the moment about a record says, as its ``before``, what the record was then. A record
without such a line stands as it is, unless a later import was the first to record it. So a look into the past costs
what the lines after its moment cost, however many lie before it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import takewhile
from typing import Any, Final, Generic, Never, TypeVar

from caseassign import personal
from caseassign.batches import in_batches
from caseassign.errors import StorageError
from caseassign.history import EMPTY, IMPORT, Change, Head, Plain, RecordKey, from_plain
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, Record, User
from caseassign.storage import Records, Transaction, entry_order, household_order, start_order

R = TypeVar("R", bound=Record)

_ENROLLMENTS_AT_ONCE: Final = 2_000


def present(tx: Transaction) -> Transaction:
    """Return the transaction as it stands now: what may be seen is judged by that, also where the past is asked."""
    return tx.present if isinstance(tx, Past) else tx


class Past:
    """A transaction's records as they were known at a moment. It can only be read, and ends with the transaction."""

    def __init__(self, now: Transaction, moment: datetime) -> None:
        since = _Since(now, moment)
        self.present = now
        self.clients: _Records[Client] = _Records(Client, now.clients, since)
        self.users: _Records[User] = _Records(User, now.users, since)
        self.organizations: _Records[Organization] = _Records(Organization, now.organizations, since)
        self.projects: _Records[Project] = _Records(Project, now.projects, since)
        self.enrollments = _Enrollments(self, now, since)
        self.assignments = _Assignments(self, now, since)
        self.history = _History(now, since.last)
        self.personal = now.personal

    @property
    def imported(self) -> Never:
        """What an import said of a record is kept of the last one alone."""
        raise StorageError("what an import said is not known of the past")


class _Since:
    """What the lines after a moment say of the time before them."""

    def __init__(self, now: Transaction, moment: datetime) -> None:
        self.last: int | None = None
        """The number of the last line that was written by then; None where none was written since."""
        self.imports: set[str] = set()
        """The batches of imports since: what they recorded first was not known."""
        self.before: defaultdict[str, dict[str, Plain | None]] = defaultdict(dict)
        """What each record that changed since was, by kind and id; None where it was not known."""
        for line in now.history.after(moment):
            if self.last is None:
                self.last = line.number - 1
            if line.record.kind == IMPORT:
                self.imports.add(line.batch_id)
            self.before[line.record.kind].setdefault(line.record.id, line.before)
        for kind in personal.FIELDS:
            self.before[kind] = personal.plains_told(self.before[kind], kind, now.personal.get)


class _Records(Generic[R]):
    """The records of one kind, as they were."""

    def __init__(self, kind: type[R], now: Records[R], since: _Since) -> None:
        self._kind = kind.KIND
        self._all = now
        self._before = since.before[kind.KIND]
        self._imports = since.imports
        self._groups: dict[str, defaultdict[Hashable, list[R]]] = {}

    def get(self, ids: Iterable[str]) -> dict[str, R]:
        """Return the records with these ids, by id, in the order of the ids."""
        return {record.key: record for record in self._then(self._all.get(ids).values())}

    def add(self, records: Iterable[R]) -> Never:  # noqa: ARG002  # the protocol's name
        """Refuse to write."""
        _refuse()

    def replace(self, records: Iterable[R]) -> Never:  # noqa: ARG002  # the protocol's name
        """Refuse to write."""
        _refuse()

    def __iter__(self) -> Iterator[R]:
        """Yield every record, in the order of the ids."""
        return self._then(self._all)

    def _then(self, records: Iterable[R]) -> Iterator[R]:
        """Yield what records were; those that were not known are left out."""
        for record in records:
            if record.batch_id in self._imports:
                continue
            if record.key not in self._before:
                yield record
            elif (before := self._before[record.key]) is not None:
                yield from_plain(self._kind, before, record.batch_id)

    def _unchanged(self, records: Iterable[R]) -> Iterator[R]:
        """Yield those of the records that stand as they were."""
        return (r for r in records if r.key not in self._before and r.batch_id not in self._imports)

    def _changed(self, field: str) -> Mapping[Hashable, list[R]]:
        """Return the records that have changed since, as they were, by what stood in a field."""
        if field not in self._groups:
            groups = self._groups[field] = defaultdict(list)
            for record in self.get(self._before).values():
                groups[getattr(record, field)].append(record)
        return self._groups[field]

    def _found(self, now: Iterable[R], field: str, values: Collection[Hashable], order: Callable[[R], Any]) -> list[R]:
        """Return the records that had one of these values in a field; ``now`` are those that have one."""
        groups = self._changed(field)
        changed = (record for value in set(values) for record in groups.get(value, ()))
        return sorted([*self._unchanged(now), *changed], key=order)


class _Enrollments(_Records[Enrollment]):
    """The enrollments, as they were."""

    def __init__(self, past: Past, now: Transaction, since: _Since) -> None:
        super().__init__(Enrollment, now.enrollments, since)
        self._past = past
        self._now = now.enrollments

    def of_clients(self, personal_ids: Iterable[str]) -> list[Enrollment]:
        """Return the enrollments of these clients."""
        ids = set(personal_ids)
        return self._found(self._now.of_clients(ids), "personal_id", ids, entry_order)

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of these households."""
        households = set(keys)
        return self._found(self._now.of_households(households), "household_key", households, entry_order)

    def by_household(self, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield every enrollment by project, household and id; those without household come first in a project."""
        groups = self._changed("project_id")
        changed = [e for project, each in groups.items() if projects is None or project in projects for e in each]
        unchanged = self._unchanged(self._now.by_household(projects))
        return heapq.merge(unchanged, sorted(changed, key=household_order), key=household_order)

    def unassigned(self, as_of: date, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield, in the order of `by_household`, those open as of a day on which nobody is active as of it."""
        if self._imports:  # which enrollments an import has given a holder, no line says
            return self._nobodys(self.by_household(projects), as_of)
        touched = self._before.keys() | self._past.assignments.enrollments_changed()
        there = (e for e in self.get(touched).values() if projects is None or e.project_id in projects)
        changed = self._nobodys(sorted(there, key=household_order), as_of)
        unchanged = (e for e in self._now.unassigned(as_of, projects) if e.enrollment_id not in touched)
        return heapq.merge(unchanged, changed, key=household_order)

    def _nobodys(self, enrollments: Iterable[Enrollment], as_of: date) -> Iterator[Enrollment]:
        for batch in in_batches(enrollments, _ENROLLMENTS_AT_ONCE):
            open_ones = [enrollment for enrollment in batch if enrollment.is_open(as_of)]
            stints = self._past.assignments.of_enrollments([enrollment.enrollment_id for enrollment in open_ones])
            held = {stint.enrollment_id for stint in stints if not stint.voided and as_of in stint.period}
            yield from (e for e in open_ones if e.enrollment_id not in held)

    def count(self, projects: Collection[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many enrollments there were; with a day, only those on which nobody was active as of it."""
        counted = self.by_household(projects) if unassigned_on is None else self.unassigned(unassigned_on, projects)
        return sum(1 for _ in counted)

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> dict[str, str]:
        """Return the project id of each of these enrollments, by their ids."""
        found = self.get(enrollment_ids)
        return {key: e.project_id for key, e in found.items() if deleted or not e.deleted}


class _Assignments(_Records[CaseAssignment]):
    """The assignments, as they were."""

    def __init__(self, past: Past, now: Transaction, since: _Since) -> None:
        super().__init__(CaseAssignment, now.assignments, since)
        self._past = past
        self._now = now.assignments

    def enrollments_changed(self) -> set[str]:
        """Return the ids of the enrollments of which an assignment has changed since, or was made."""
        now = self._now.get(self._before).values()
        return {stint.enrollment_id for stint in now} | {stint.enrollment_id for stint in self._then(now)}

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[CaseAssignment]:
        """Return the assignments on these enrollments."""
        ids = set(enrollment_ids)
        return self._found(self._now.of_enrollments(ids), "enrollment_id", ids, start_order)

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Collection[str] | None = None
    ) -> list[CaseAssignment]:
        """Return the assignments of these users; with a day, only those that had not ended as of it."""
        ids = set(user_ids)
        found = self._found(self._now.of_users(ids, ending_after), "user_id", ids, start_order)
        found = [a for a in found if ending_after is None or not a.period.has_ended(ending_after)]
        if projects is None:
            return found
        # An assignment that stands as it was may be on an enrollment that was in another project.
        places = self._past.enrollments.projects_of({a.enrollment_id for a in found})
        return [a for a in found if places[a.enrollment_id] in projects]


class _History:
    """The lines of history that were written by then."""

    def __init__(self, now: Transaction, last: int | None) -> None:
        self._now = now.history
        self._last = last

    def head(self) -> Head:
        """Return where the chain ended. Reads all lines up to there, if more were written since."""
        if self._last is None:
            return self._now.head()
        ends = deque((line.head for line in self), maxlen=1)
        return ends[0] if ends else EMPTY

    def append(self, lines: Iterable[Change]) -> Never:  # noqa: ARG002  # the protocol's name
        """Refuse to write."""
        _refuse()

    def of_records(self, records: Iterable[RecordKey]) -> list[Change]:
        """Return the lines about these records."""
        return list(self._written(self._now.of_records(records)))

    def of_batches(self, batch_ids: Iterable[str]) -> list[Change]:
        """Return the lines of these batches."""
        return list(self._written(self._now.of_batches(batch_ids)))

    def of_kind(self, kind: str) -> list[Change]:
        """Return the lines about records of one kind."""
        return list(self._written(self._now.of_kind(kind)))

    def after(self, moment: datetime) -> Iterator[Change]:
        """Yield the lines that follow the last one recorded up to a moment."""
        return self._written(self._now.after(moment))

    def count(self, records: Iterable[RecordKey]) -> int:
        """Return how many lines there are about these records."""
        return len(self.of_records(records))

    def __iter__(self) -> Iterator[Change]:
        """Yield every line."""
        return self._written(self._now)

    def _written(self, lines: Iterable[Change]) -> Iterator[Change]:
        return takewhile(lambda line: self._last is None or line.number <= self._last, lines)


def _refuse() -> Never:
    raise StorageError("the past can only be read")
