"""Households change: a member joins, leaves, or two households become one.

Who is responsible for a household is asked of every day from the day of the change on, not of that day alone: what
somebody handed over, or plans to, is shared as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import attrs

from caseassign.acts.assign import Unset, start_stint
from caseassign.acts.caseload import AHousehold, household_named
from caseassign.acts.check import introduced
from caseassign.acts.draft import Draft, refuse
from caseassign.acts.exit import let_go_of_kept
from caseassign.acts.outcome import Skipped
from caseassign.errors import InvalidRecordError, Violation
from caseassign.ids import new_id
from caseassign.model import (
    COVER,
    CaseAssignment,
    Enrollment,
    HouseholdKey,
    Project,
    RelationshipToHoH,
)
from caseassign.period import Period


class Responsibility(NamedTuple):
    """Who is responsible, and in which role."""

    user_id: str
    role: str

    @classmethod
    def of(cls, stint: CaseAssignment) -> Responsibility:
        """Return who is responsible by a stint."""
        return cls(stint.user_id, stint.role)


class Share(NamedTuple):
    """Days on which somebody is responsible for a member, and the stint that says so."""

    days: Period
    stint: CaseAssignment


def join_household(
    draft: Draft,
    enrollment_id: str,
    household_id: str,
    on: date,
    relationship_to_hoh: int | Unset | None,
    *,
    share_case_managers: bool,
) -> None:
    """Let an enrollment join a household of its project, and take over the household's case managers from a day.

    Whoever was responsible for it before, and is not for the household, ends as soon as the household's take over,
    and stays on days on which none of these can be shared. Cover goes on.
    """
    enrollment = draft.enrollment(enrollment_id)
    members = _members(draft, HouseholdKey(enrollment.project_id, household_id))
    draft.answer(enrollment)
    if enrollment.household_id == household_id:
        return
    joined = attrs.evolve(enrollment, household_id=household_id)
    if not isinstance(relationship_to_hoh, Unset):
        joined = attrs.evolve(joined, relationship_to_hoh=relationship_to_hoh)
    elif joined.is_head and any(member.is_head for member in members):
        joined = attrs.evolve(joined, relationship_to_hoh=RelationshipToHoH.DATA_NOT_COLLECTED)
    draft.put(joined)
    _name_headless(draft, enrollment)
    days = _days_from(joined, on)
    if share_case_managers and days is not None:
        _take_over(draft, joined, _responsible(draft, members, on), days)


def leave_household(draft: Draft, enrollment_id: str, on: date) -> None:
    """Let an enrollment leave its household: it is a household of its own, and its case managers stay.

    Where it was the only head, one of those who are left is named: who is head now is for people to say.
    """
    enrollment = draft.enrollment(enrollment_id)
    draft.answer(enrollment)
    if on < enrollment.entry_date:
        refuse("not-enrolled-yet", "entry_date", [enrollment_id], f"enrollment {enrollment_id} begins after that day")
    if len(draft.household(enrollment)) > 1:
        draft.put(attrs.evolve(enrollment, household_id=new_id(), relationship_to_hoh=RelationshipToHoH.SELF))
        _name_headless(draft, enrollment)


def merge_households(draft: Draft, from_: AHousehold, into: AHousehold, on: date) -> None:
    """Make two households of one project one, of which everybody who was responsible in either is responsible.

    Two enrollments of one client that share days become one, the earlier one: what was on the other one goes on
    there, and where one user held both in one role, in one stint from the earliest start. Who cannot be shared is
    named, and goes on where they are.
    """
    source, target = _two_households(draft, from_, into)
    moving, staying = _members(draft, source), _members(draft, target)
    has_head = any(member.is_head for member in staying)
    merged: list[Enrollment] = []
    for member in [*staying, *moving]:
        one = attrs.evolve(member, household_id=target.household_id)
        if member in moving and one.is_head and has_head:
            one = attrs.evolve(one, relationship_to_hoh=RelationshipToHoH.DATA_NOT_COLLECTED)
        draft.put(one)
        place = len(merged)
        while (double := next((other for other in merged if _is_double(one, other)), None)) is not None:
            place = min(place, merged.index(double))
            merged.remove(double)
            one = _fold(draft, double, one)
        merged.insert(place, one)
    responsible = _responsible(draft, merged, on)
    for member in merged:
        draft.answer(member)
        days = _days_from(member, on)
        if days is not None:
            _share(draft, member, responsible, days)


def _two_households(draft: Draft, from_: AHousehold, into: AHousehold) -> tuple[HouseholdKey, HouseholdKey]:
    """Return the keys of two households; a HouseholdID alone is looked for in every project, first in those seen."""
    named = [household_named(given) for given in (from_, into)]
    ids = [given.household_id if isinstance(given, HouseholdKey) else given for given in named]
    given_projects = {given.project_id for given in named if isinstance(given, HouseholdKey)}
    projects = draft.load(Project, sorted(given_projects)) if given_projects else list(draft.tx.projects)
    if given_projects:
        draft.authorize(projects=projects)
    if len(given_projects) > 1:
        refuse("other-project", "household_id", ids, "the households are of two projects, and cannot become one")
    if ids[0] == ids[1]:
        raise InvalidRecordError("Household", "into", "is the household itself: name another one")
    seen = [project for project in projects if draft.desk.policy.may_see(draft.actor, project)]
    pairs = _pairs(draft, seen, ids)
    if not pairs:
        pairs = _pairs(draft, projects, ids)
        draft.authorize(projects=draft.load(Project, [one.project_id for one, _ in pairs]))
    if not pairs:
        refuse("unknown-household", "household_id", ids, "there are no two such households in one project")
    if len(pairs) > 1:
        raise InvalidRecordError("Household", "into", "stands in several projects: give HouseholdKey(project_id, id)")
    return pairs[0]


def _pairs(draft: Draft, projects: Iterable[Project], ids: list[str]) -> list[tuple[HouseholdKey, HouseholdKey]]:
    """Return in which of the projects there are households of both ids."""
    wanted = [
        (HouseholdKey(project.project_id, ids[0]), HouseholdKey(project.project_id, ids[1])) for project in projects
    ]
    members = draft.found.members([key for pair in wanted for key in pair])
    there = {member.household_key for member in members if not member.deleted}
    return [pair for pair in wanted if there.issuperset(pair)]


def _members(draft: Draft, key: HouseholdKey) -> list[Enrollment]:
    """Return the members of a household; refuse where there are none."""
    members = [member for member in draft.found.members([key]) if not member.deleted]
    if not members:
        refuse(
            "unknown-household",
            "household_id",
            [key.household_id],
            f"project {key.project_id} has no household {key.household_id}",
        )
    return draft.open([member.enrollment_id for member in members])


def _name_headless(draft: Draft, left: Enrollment) -> None:
    """Name one of the members whom their head left, where none of them is a head."""
    others = [member for member in draft.household(left) if member.enrollment_id != left.enrollment_id]
    if left.is_head and others and not any(member.is_head for member in others):
        draft.skip(others[0], "the household has no head now")


def _days_from(member: Enrollment, on: date) -> Period | None:
    """Return the days of a stay from a day on; None where there are none."""
    start = max(on, member.entry_date)
    return Period(start, member.exit_date) if member.is_open(start) else None


def _responsible(draft: Draft, members: Iterable[Enrollment], on: date) -> dict[Responsibility, list[Share]]:
    """Return who is responsible for a member on which days of their stay from a day on; cover aside."""
    responsible: defaultdict[Responsibility, list[Share]] = defaultdict(list)
    for member in members:
        stay = _days_from(member, on)
        if stay is None:
            continue
        for stint in _not_cover(draft, member):
            for days in _within(stay, [stint.period]):
                responsible[Responsibility.of(stint)].append(Share(days, stint))
    return dict(responsible)


def _not_cover(draft: Draft, member: Enrollment) -> list[CaseAssignment]:
    return [stint for stint in draft.stints(member.enrollment_id) if stint.role != COVER]


def _within(bounds: Period, periods: Iterable[Period]) -> list[Period]:
    """Return what days periods have within bounds."""
    clipped = [period.clipped_to(bounds) for period in periods]
    return [period for period in clipped if period is not None and not period.is_empty]


def _union(periods: Iterable[Period]) -> list[Period]:
    """Return periods as those of them that share days, or touch, are one."""
    union: list[Period] = []
    for period in sorted(periods, key=lambda period: period.start):
        if union and union[-1].begins_within(period.start):
            union[-1] = Period(union[-1].start, _latest([union[-1].end, period.end]))
        else:
            union.append(period)
    return union


def _latest(ends: Iterable[date | None]) -> date | None:
    """Return the latest end; None, which is later than any day, where one of them is open."""
    known = list(ends)
    return None if None in known else max(end for end in known if end is not None)


def _share(
    draft: Draft, member: Enrollment, responsible: Mapping[Responsibility, list[Share]], stay: Period
) -> list[Period]:
    """Make everybody responsible for a member within days of its stay, where they are not already.

    Return the days on which somebody cannot be, because a rule speaks against it.
    """
    refused: list[Period] = []
    for held, shares in responsible.items():
        own = [s.period for s in draft.stints(member.enrollment_id) if Responsibility.of(s) == held]
        common = _within(stay, _union(share.days for share in shares))
        for days in [piece for period in common for piece in period.without(own)]:
            branch = draft.branch()
            start_stint(branch, member, held.user_id, days, role=held.role)
            violations = introduced(branch)
            if violations:
                refused.append(days)
                _name(draft, next(share.stint for share in shares if share.days.overlaps(days)), violations)
            else:
                draft.join(branch)
    return refused


def _name(draft: Draft, stint: CaseAssignment, violations: Iterable[Violation]) -> None:
    """Name a stint that cannot be shared with everybody, once for what speaks against it."""
    skipped = Skipped(stint.KIND, stint.key, ", ".join(dict.fromkeys(v.code for v in violations)))
    if skipped not in draft.skipped:
        draft.skipped.append(skipped)


def _take_over(
    draft: Draft, joined: Enrollment, responsible: Mapping[Responsibility, list[Share]], days: Period
) -> None:
    """Let the case managers of a household take over a member who joins; the member's own give way to them.

    Whether somebody can be shared is tried as if the member's own had gone, for two may be in each other's way. The
    own then go from the first day on which somebody takes over, but for the days on which nobody can be shared.
    """
    from_then_on = Period(days.start)
    own = [
        (stint, [share.days for share in responsible.get(Responsibility.of(stint), ())])
        for stint in _not_cover(draft, joined)
        if _within(from_then_on, [stint.period])
    ]
    cleared = draft.branch()
    for stint, shared in own:
        _give_way(cleared, stint, from_then_on.without(shared), days.start)
    trial = cleared.branch()
    refused = _share(trial, joined, responsible, days)
    taken = _within(from_then_on, [stint.period for stint in _not_cover(trial, joined)])
    nobodys = [piece for period in refused for piece in period.without(taken)]
    first_day = min((period.start for period in taken), default=None)
    gone = [] if first_day is None else list(Period(first_day).without(nobodys))
    for stint, shared in own:
        others = [piece for period in taken for piece in period.without(shared)]
        _give_way(draft, stint, others if shared else gone, days.start)
    draft.join(trial)


def _give_way(draft: Draft, stint: CaseAssignment, gone: Iterable[Period], on: date) -> None:
    """Take days from a stint: what is left first stays its own, and what is left later is a stint like it.

    Where nothing is left it ends on the day ``on`` if it began by then, and is void if it would have begun later.
    """
    left = list(stint.period.without(gone))
    if left == [stint.period]:
        return
    draft.answer(stint)
    if not left:
        over = attrs.evolve(stint, end_date=on) if stint.start_date <= on else attrs.evolve(stint, voided=True)
        draft.put(over, ending=True)
    for number, days in enumerate(left):
        key = new_id() if number else stint.assignment_id
        piece = attrs.evolve(stint, assignment_id=key, start_date=days.start, end_date=days.end)
        draft.put(piece, ending=number == 0 and days.start == stint.start_date)
        draft.answer(piece)


def _is_double(one: Enrollment, other: Enrollment) -> bool:
    """Whether two enrollments are of one client on the same days."""
    if one.personal_id != other.personal_id:
        return False
    make_sense = all(stay.exit_date is None or stay.entry_date <= stay.exit_date for stay in (one, other))
    return make_sense and one.period.overlaps(other.period)


def _fold(draft: Draft, one: Enrollment, other: Enrollment) -> Enrollment:
    """Make two enrollments of one client the earlier one; the later one is marked as deleted, and its stints void."""
    first, second = (one, other) if one.entry_date <= other.entry_date else (other, one)
    related = other if other.is_head else one
    survivor = attrs.evolve(
        first, exit_date=_latest([one.exit_date, other.exit_date]), relationship_to_hoh=related.relationship_to_hoh
    )
    draft.put(survivor)
    draft.put(attrs.evolve(second, deleted=True))
    for stint in draft.stints(second.enrollment_id):
        draft.put(attrs.evolve(stint, voided=True))
        _carry_over(draft, stint, survivor)
    if survivor.exit_date is None:
        let_go_of_kept(draft, survivor.enrollment_id)
    return survivor


def _carry_over(draft: Draft, stint: CaseAssignment, survivor: Enrollment) -> None:
    """Put a stint onto another enrollment, as one with those of that user and role that share days with it."""
    same = [
        other
        for other in draft.stints(survivor.enrollment_id)
        if (other.user_id, other.role) == (stint.user_id, stint.role) and other.period.overlaps(stint.period)
    ]
    every = [stint, *same]
    one = same[0] if same else attrs.evolve(stint, assignment_id=new_id(), enrollment_id=survivor.enrollment_id)
    one = attrs.evolve(
        one,
        start_date=min(other.start_date for other in every),
        end_date=_latest(other.end_date for other in every),
        kept_after_exit=any(other.kept_after_exit for other in every),
    )
    draft.put(one)
    draft.answer(one)
    for doubled in same[1:]:
        draft.put(attrs.evolve(doubled, voided=True))
