"""The audit: every violation, required and advisory, over all data, as a stream."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

import attrs

from caseassign.batches import in_batches
from caseassign.cases import Selection
from caseassign.desk import Desk
from caseassign.errors import Violation
from caseassign.model import CaseAssignment, Enrollment, Project
from caseassign.policy import Action
from caseassign.rules import (
    AssignmentFacts,
    CaseloadFacts,
    EnrollmentFacts,
    Facts,
    HouseholdFacts,
    Rules,
    by_subject,
    examine,
)
from caseassign.sight import Sight
from caseassign.storage import Transaction

_HOUSEHOLDS_AT_ONCE: Final = 1_000


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


class Audit:
    """Every violation as of a day. Each iteration reads the store anew, in one transaction, with flat memory.

    After an iteration ``withheld`` says how many enrollments the acting user may not see.
    """

    def __init__(
        self, desk: Desk, as_of: date, selection: Selection, progress: Callable[[int], None] | None = None
    ) -> None:
        self.as_of = as_of
        self.withheld = 0
        self._desk = desk
        self._selection = selection
        self._progress = progress

    def __iter__(self) -> Iterator[Finding]:
        desk = self._desk
        self.withheld = 0
        seen = 0
        caseloads: defaultdict[str, list[AssignmentFacts]] = defaultdict(list)
        wants_caseloads = bool(by_subject(desk.required + desk.advisory)[CaseloadFacts])
        with desk.asking(Action.AUDIT_RUN) as (tx, actor):
            desk.authorize(actor, Action.AUDIT_RUN)
            sight = Sight(desk, tx, actor)
            part = sight.part(self._selection.takes)
            if part.hidden:
                self.withheld = tx.enrollments.count(part.hidden)
            enrollments = tx.enrollments.by_household(part.shown)
            households = groupby(enrollments, key=lambda e: e.household_key or e.enrollment_id)
            for batch in in_batches((tuple(members) for _, members in households), _HOUSEHOLDS_AT_ONCE):
                for household in self._facts(tx, sight, batch):
                    yield from self._household(household)
                    if wants_caseloads:
                        for stint in (stint for member in household for stint in member.stints if stint.is_active):
                            caseloads[stint.user.user_id].append(stint)
                seen += sum(len(members) for members in batch)
                if self._progress is not None:
                    self._progress(seen)
        for _, cases in sorted(caseloads.items()):
            facts = CaseloadFacts(user=cases[0].user, cases=tuple(cases), as_of=self.as_of)
            yield from self._examined([facts], advisory=True)

    def counts(self) -> dict[str, int]:
        """Return how many violations there are of each code, by code."""
        return dict(sorted(Counter(finding.code for finding in self).items()))

    def _facts(
        self, tx: Transaction, sight: Sight, households: Sequence[tuple[Enrollment, ...]]
    ) -> Iterator[list[EnrollmentFacts]]:
        found = [enrollment for members in households for enrollment in members]
        projects = tx.projects.get({enrollment.project_id for enrollment in found})
        seen = sight.of_enrollments({e.enrollment_id: e.project_id for e in found})
        enrollments = [enrollment for enrollment in found if enrollment.enrollment_id in seen]
        self.withheld += len(found) - len(enrollments)
        stints: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
        for stint in tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in enrollments]):
            if not stint.voided:
                stints[stint.enrollment_id].append(stint)
        users = tx.users.get({stint.user_id for of_one in stints.values() for stint in of_one})
        for members in households:
            project = projects[members[0].project_id]
            facts = [
                self._enrollment(member, project, stints[member.enrollment_id], users)
                for member in members
                if member.enrollment_id in seen
            ]
            if facts:
                yield facts

    def _enrollment(
        self, enrollment: Enrollment, project: Project, stints: Sequence[CaseAssignment], users: Any
    ) -> EnrollmentFacts:
        return EnrollmentFacts(
            enrollment=enrollment, project=project, assignments=tuple(stints), users=users, as_of=self.as_of
        )

    def _household(self, members: Sequence[EnrollmentFacts]) -> Iterator[Finding]:
        present = tuple(member for member in members if not member.enrollment.deleted)
        deleted = [member for member in members if member.enrollment.deleted]
        if present:
            yield from self._examined([HouseholdFacts(members=present, as_of=self.as_of)], advisory=True)
        yield from self._examined(deleted, advisory=False)

    def _examined(self, facts: Sequence[Facts], *, advisory: bool) -> Iterator[Finding]:
        sets: list[tuple[Rules, bool]] = [(self._desk.required, True)]
        if advisory:
            sets.append((self._desk.advisory, False))
        for rules, required in sets:
            for each, violation in examine(rules, facts):
                yield _finding(each, violation, required=required)


def _finding(facts: Facts, violation: Violation, *, required: bool) -> Finding:
    about: dict[str, str | None] = {}
    if isinstance(facts, CaseloadFacts):
        about["user_id"] = facts.user.user_id
    elif isinstance(facts, HouseholdFacts):
        about["household_id"] = facts.members[0].enrollment.household_id
        if len(facts.members) == 1:
            about |= _of_enrollment(facts.members[0].enrollment)
    else:
        about = _of_enrollment(facts.enrollment)
        stint = _stint(facts, violation)
        if stint is not None:
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
