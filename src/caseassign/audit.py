"""The audit: every violation, required and advisory, over all data, as a stream."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cache, partial, reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Any, Final

import attrs

from caseassign.batches import in_batches
from caseassign.cases import Selection
from caseassign.desk import Desk
from caseassign.errors import DamagedStoreError, Violation
from caseassign.gather import caseload_facts, enrollment_facts
from caseassign.model import CaseAssignment, Enrollment, HouseholdKey
from caseassign.policy import Action
from caseassign.results import Streamed
from caseassign.rules import (
    AssignmentFacts,
    CaseloadFacts,
    EnrollmentFacts,
    Facts,
    HouseholdFacts,
    Rows,
    Rules,
)
from caseassign.search import Search, searches
from caseassign.sight import Sight
from caseassign.storage import Row, Searchable, Transaction
from caseassign.walk import Met, examined, walked

_AT_ONCE: Final = 1_000
"""How many households, enrollments or users are looked at together."""


@attrs.frozen(kw_only=True)
class Finding:
    """One violation that an audit found, with whatever ids it is about."""

    code: str
    field: str
    ids: tuple[str, ...]
    message: str
    required: bool
    assignment_id: str | None = None
    enrollment_id: str | None = None
    user_id: str | None = None
    personal_id: str | None = None
    household_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        names = ("code", "required", "assignment_id", "enrollment_id", "user_id", "personal_id", "household_id")
        return {name: getattr(self, name) for name in names} | {"message": self.message}


class Audit(Streamed[Finding]):
    """Every violation as of a day. Each iteration reads the store anew, in one transaction, with flat memory.

    Where the store is `Searchable`, what breaks the rules that have a second form is searched for, and only what is
    found is looked at; for the other rules, and in other stores, everything is gone through household by household.
    Both find the same, in another order. After an iteration ``withheld`` says how many enrollments the acting user may
    not see. ``selection`` is what the audit is narrowed to, ``known_at`` the moment up to which what was recorded
    counts.
    """

    def __init__(
        self, desk: Desk, as_of: date, selection: Selection, progress: Callable[[int], None] | None = None
    ) -> None:
        self.as_of = as_of
        self.withheld = 0
        self.selection = selection
        self.known_at = desk.known_at
        self._desk = desk
        self._progress = progress

    def __iter__(self) -> Iterator[Finding]:
        desk = self._desk
        self.withheld = 0
        with desk.asking(Action.AUDIT_RUN) as (tx, actor):
            desk.authorize(actor, Action.AUDIT_RUN)
            sight = Sight(desk, tx, actor)
            part = sight.part(self.selection.takes)
            if part.hidden:
                self.withheld = tx.enrollments.count(part.hidden)
            required, advisory = desk.required, desk.advisory
            if isinstance(tx, Searchable):
                found, required, advisory = searches(required, advisory, self.as_of, part.shown)
                yield from map(_finding, self._searched(tx, tx, found, part.shown))
            if required or advisory:
                households = self._households(tx, sight, part.shown)
                yield from map(_finding, walked(households, required, advisory, self.as_of))

    def counts(self) -> dict[str, int]:
        """Return how many violations there are of each code, by code."""
        return dict(sorted(Counter(finding.code for finding in self).items()))

    # What is searched for

    def _searched(
        self, tx: Transaction, where: Searchable, found: Sequence[Search], projects: frozenset[str] | None
    ) -> Iterator[Met]:
        every = 0 if self._progress is None else tx.enrollments.count(projects)
        rows = where.search([search.sql(where.tables) for search in found])
        for number, of_one in groupby(rows, key=itemgetter(0)):
            rules = cache(partial(_rules, found[number]))
            for total, facts in self._looked_at(tx, found[number], map(itemgetter(1), of_one)):
                required, advisory = rules(total)
                yield from examined(required, [facts], required=True)
                yield from examined(advisory, [facts], required=False)
            if self._progress is not None and number + 1 < len(found):
                self._progress(every * (number + 1) // len(found))
        if self._progress is not None:
            self._progress(every)

    def _looked_at(self, tx: Transaction, search: Search, rows: Iterable[Row]) -> Iterator[tuple[int, Facts]]:
        """Yield the facts of what a search found, each with the sum that stands for the rules that are broken there."""
        if search.rows is Rows.CASELOADS:
            return self._caseloads_found(tx, search, rows)
        if search.rows is Rows.HOUSEHOLDS:
            return self._households_found(tx, rows)
        return self._enrollments_found(tx, rows)

    def _caseloads_found(self, tx: Transaction, search: Search, rows: Iterable[Row]) -> Iterator[tuple[int, Facts]]:
        for batch in in_batches(rows, _AT_ONCE):
            users = tx.users.get([user_id for _, user_id in batch])
            held = caseload_facts(tx, users.values(), self.as_of, search.projects)
            for total, user_id in batch:
                yield total, CaseloadFacts(user=users[user_id], cases=tuple(held[user_id]), as_of=self.as_of)

    def _households_found(self, tx: Transaction, rows: Iterable[Row]) -> Iterator[tuple[int, Facts]]:
        for batch in in_batches(rows, _AT_ONCE):
            members = [
                *tx.enrollments.of_households(HouseholdKey(*key) for _, alone, *key in batch if alone is None),
                *tx.enrollments.get(alone for _, alone, *_ in batch if alone is not None).values(),
            ]
            households: defaultdict[HouseholdKey | str, list[EnrollmentFacts]] = defaultdict(list)
            for facts in enrollment_facts(tx, [member for member in members if not member.deleted], self.as_of):
                households[_household(facts.enrollment)].append(facts)
            for total, alone, *key in batch:
                found = tuple(households[alone or HouseholdKey(*key)])
                if not found:
                    raise DamagedStoreError("a search found a household of which no member is there")
                yield total, HouseholdFacts(members=found, as_of=self.as_of)

    def _enrollments_found(self, tx: Transaction, rows: Iterable[Row]) -> Iterator[tuple[int, Facts]]:
        totals = ((key, reduce(or_, (row[0] for row in of_one))) for key, of_one in groupby(rows, key=itemgetter(1)))
        for batch in in_batches(totals, _AT_ONCE):
            enrollments = tx.enrollments.get([key for key, _ in batch])
            facts = enrollment_facts(tx, [enrollments[key] for key, _ in batch], self.as_of)
            yield from zip((total for _, total in batch), facts, strict=True)

    # What is gone through

    def _households(
        self, tx: Transaction, sight: Sight, projects: frozenset[str] | None
    ) -> Iterator[tuple[EnrollmentFacts, ...]]:
        """Yield the facts of every household that the actor may see."""
        seen = 0
        households = groupby(tx.enrollments.by_household(projects), key=_household)
        for batch in in_batches((tuple(members) for _, members in households), _AT_ONCE):
            every = [enrollment for members in batch for enrollment in members]
            shown = sight.of_enrollments({e.enrollment_id: e.project_id for e in every})
            found = [enrollment for enrollment in every if enrollment.enrollment_id in shown]
            self.withheld += len(every) - len(found)
            facts = enrollment_facts(tx, found, self.as_of)
            for _, members in groupby(facts, key=lambda each: _household(each.enrollment)):
                yield tuple(members)
            seen += len(every)
            if self._progress is not None:
                self._progress(seen)


def _household(enrollment: Enrollment) -> HouseholdKey | str:
    return enrollment.household_key or enrollment.enrollment_id


def _rules(search: Search, total: int) -> tuple[Rules, Rules]:
    """Return the required and the advisory rules of a search for which a sum stands."""
    broken = search.broken(total)
    return tuple(e.rule for e in broken if e.required), tuple(e.rule for e in broken if not e.required)


def _finding(met: Met) -> Finding:
    facts, violation, required = met
    about: dict[str, str | None] = {}
    if isinstance(facts, CaseloadFacts):
        about["user_id"] = facts.user.user_id
    elif isinstance(facts, HouseholdFacts):
        about["household_id"] = facts.members[0].enrollment.household_id
        if len(facts.members) == 1:
            about |= _of_enrollment(facts.members[0].enrollment)
    else:
        about = _of_enrollment(facts.enrollment)
        if (stint := _stint(facts, violation)) is not None:
            about |= {"assignment_id": stint.assignment_id, "user_id": stint.user_id}
    return Finding(
        code=violation.code,
        field=violation.field,
        ids=violation.ids,
        message=violation.message,
        required=required,
        **about,
    )


def _of_enrollment(enrollment: Enrollment) -> dict[str, str | None]:
    return {
        "enrollment_id": enrollment.enrollment_id,
        "personal_id": enrollment.personal_id,
        "household_id": enrollment.household_id,
    }


def _stint(facts: AssignmentFacts | EnrollmentFacts, violation: Violation) -> CaseAssignment | None:
    """Return the stint that a violation is about, the first by id where it is about several."""
    if isinstance(facts, AssignmentFacts):
        return facts.assignment
    if violation.ids == (facts.enrollment.enrollment_id,):
        return None
    named = [stint for stint in facts.assignments if stint.assignment_id in violation.ids]
    return min(named, key=lambda stint: stint.assignment_id, default=None)
