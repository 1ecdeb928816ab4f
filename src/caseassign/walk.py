"""Going through everything household by household, for rules that look at facts and have no other form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from caseassign.errors import Violation
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


class Met(NamedTuple):
    """A violation that was met on the way, with the facts in which it lies."""

    facts: Facts
    violation: Violation
    required: bool


def examined(rules: Rules, facts: Iterable[Facts], *, required: bool) -> Iterator[Met]:
    """Yield every violation of the rules in the facts."""
    for each, violation in examine(rules, facts):
        yield Met(each, violation, required)


def walked(
    households: Iterable[Sequence[EnrollmentFacts]], required: Rules, advisory: Rules, as_of: date
) -> Iterator[Met]:
    """Yield every violation in households, of which each is given with all its members, and then in caseloads.

    Deleted members are no part of their household: only the required rules look at each of them.
    """
    caseloads: defaultdict[str, list[AssignmentFacts]] = defaultdict(list)
    wants_caseloads = bool(by_subject(advisory)[CaseloadFacts])
    for members in households:
        present = tuple(member for member in members if not member.enrollment.deleted)
        deleted = [member for member in members if member.enrollment.deleted]
        together = [HouseholdFacts(members=present, as_of=as_of)] if present else []
        yield from examined(required, together, required=True)
        yield from examined(advisory, together, required=False)
        yield from examined(required, deleted, required=True)
        if wants_caseloads:
            for stint in (stint for member in present for stint in member.stints if stint.is_active):
                caseloads[stint.user.user_id].append(stint)
    for _, cases in sorted(caseloads.items()):
        caseload = CaseloadFacts(user=cases[0].user, cases=tuple(cases), as_of=as_of)
        yield from examined(advisory, [caseload], required=False)
