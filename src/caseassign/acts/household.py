"""Households change: a member joins, leaves, or two households become one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import attrs

from caseassign.acts.assign import Unset, end_on, start_stint
from caseassign.acts.caseload import AHousehold, household_named
from caseassign.acts.draft import Draft, refuse
from caseassign.acts.exit import let_go_of_kept
from caseassign.errors import InvalidRecordError
from caseassign.ids import new_id
from caseassign.model import (
    COVER,
    AssignmentStatus,
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

    Whoever was responsible for it before, and is not for the household, ends on that day, unless nobody is
    responsible for the household. Cover goes on.
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
    day = max(on, joined.entry_date)
    if share_case_managers and joined.is_open(day):
        ends = _responsible(draft, members, day)
        if ends:
            _end_others(draft, joined, ends, day)
        _share(draft, joined, ends, day)


def leave_household(draft: Draft, enrollment_id: str, on: date) -> None:
    """Let an enrollment leave its household: it is a household of its own, and its case managers stay."""
    enrollment = draft.enrollment(enrollment_id)
    draft.answer(enrollment)
    if on < enrollment.entry_date:
        refuse("not-enrolled-yet", "entry_date", [enrollment_id], f"enrollment {enrollment_id} begins after that day")
    if len(draft.household(enrollment)) > 1:
        draft.put(attrs.evolve(enrollment, household_id=new_id(), relationship_to_hoh=RelationshipToHoH.SELF))


def merge_households(draft: Draft, from_: AHousehold, into: AHousehold, on: date) -> None:
    """Make two households of one project one, of which everybody who was responsible in either is responsible.

    Two enrollments of one client that share days become one, the earlier one: what was on the other one goes on
    there, and where one user held both in one role, in one stint from the earliest start.
    """
    source, target = _two_households(draft, from_, into)
    moving, staying = _members(draft, source), _members(draft, target)
    has_head = any(member.is_head for member in staying)
    ends = _responsible(draft, [*staying, *moving], on)
    merged: list[Enrollment] = []
    for member in [*staying, *moving]:
        one = attrs.evolve(member, household_id=target.household_id)
        if member in moving and one.is_head and has_head:
            one = attrs.evolve(one, relationship_to_hoh=RelationshipToHoH.DATA_NOT_COLLECTED)
        draft.put(one)
        while (double := next((other for other in merged if _is_double(one, other)), None)) is not None:
            merged.remove(double)
            one = _fold(draft, double, one)
        merged.append(one)
    for member in merged:
        draft.answer(member)
        _share(draft, member, ends, on)


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


def _responsible(draft: Draft, members: Iterable[Enrollment], on: date) -> dict[Responsibility, date | None]:
    """Return who is responsible for members who are open as of a day, and until when at the longest; cover aside."""
    ends: defaultdict[Responsibility, list[date | None]] = defaultdict(list)
    for member in members:
        for stint in draft.stints(member.enrollment_id) if member.is_open(on) else ():
            if stint.role != COVER and stint.status(on) is AssignmentStatus.ACTIVE:
                ends[Responsibility(stint.user_id, stint.role)].append(stint.end_date)
    return {held: _latest(of_one) for held, of_one in ends.items()}


def _latest(ends: Iterable[date | None]) -> date | None:
    """Return the latest end; None, which is later than any day, where one of them is open."""
    known = list(ends)
    return None if None in known else max(end for end in known if end is not None)


def _share(draft: Draft, member: Enrollment, ends: Mapping[Responsibility, date | None], on: date) -> None:
    """Make everybody responsible for a member from a day on, where they are not already."""
    start = max(on, member.entry_date)
    for held, end in ends.items():
        if not member.is_open(start) or (end is not None and end <= start):
            continue
        days = Period(start, end).clipped_to(Period(member.entry_date, member.exit_date))
        own = [s.period for s in draft.stints(member.enrollment_id) if Responsibility(s.user_id, s.role) == held]
        for piece in () if days is None else days.without(own):
            start_stint(draft, member, held.user_id, piece, role=held.role)


def _end_others(draft: Draft, member: Enrollment, ends: Mapping[Responsibility, date | None], on: date) -> None:
    """End what is active on a day and held by nobody who is responsible from then on; cover goes on."""
    for stint in draft.stints(member.enrollment_id):
        is_other = stint.role != COVER and Responsibility(stint.user_id, stint.role) not in ends
        if is_other and stint.status(on) is AssignmentStatus.ACTIVE:
            draft.answer(stint)
            end_on(draft, stint, on)


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
