"""Households change: a member joins, leaves, or two households become one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assign import refused
from test_invariants import that_counts
from world import TODAY, World, day, effort

from caseassign import (
    REQUIRED_RULES,
    CaseAssignment,
    Enrollment,
    Household,
    HouseholdKey,
    InvalidRecordError,
    NotFoundError,
    Outcome,
    PermissionDeniedError,
    RuleViolationError,
    SQLiteStore,
    Unrestricted,
    User,
    Violation,
    caseload_at_most,
    exclusive_role,
)
from caseassign.rules import AssignmentFacts

PRIMARY = (*REQUIRED_RULES, exclusive_role("Primary"))
WINDOW = [date(2026, 1, 1) + timedelta(days=number) for number in range(14)]


def family(world: World, household: str, *clients: str, by: str | None = "kim", **how: Any) -> list[Enrollment]:
    """A new household in the shelter: a head, and children."""
    members = {client: 1 if client == clients[0] else 2 for client in clients}
    how = {"on": "2026-01-10"} | how
    return list(world.sam.enroll(members, "es", case_manager=by, household_id=household, **how).enrollments)


def now(world: World, stay: Enrollment | str) -> Enrollment:
    """The enrollment as it stands."""
    key = stay if isinstance(stay, str) else stay.enrollment_id
    with world.store.transaction() as tx:
        return tx.enrollments.get([key])[key]


def live(world: World) -> list[CaseAssignment]:
    """Every stint that is not void."""
    with world.store.transaction() as tx:
        return [stint for stint in tx.assignments if not stint.voided]


def stints(world: World, stay: Enrollment) -> set[tuple[str, str, str, str]]:
    """User, role, start and end of each stint on an enrollment that is not void."""
    return {
        (stint.user_id, stint.role, stint.start_date.isoformat()[5:], str(stint.end_date)[5:])
        for stint in live(world)
        if stint.enrollment_id == stay.enrollment_id
    }


def leaves(world: World, user: str, on: str) -> None:
    """A user's last day of work is the one before."""
    world.system.deactivate(user, on=day(on))


def skipped(outcome: Outcome) -> list[tuple[str, str]]:
    """Which records an act left out, and why."""
    return [(one.id, one.reason) for one in outcome.skipped]


def held_from(world: World, stay: Enrollment, user: str, start: str, end: str | None = None, **how: Any) -> str:
    """A stint in the role of a case manager, or another one, put on record by the system; its id."""
    until = None if end is None else day(end)
    stint = world.system.assign(stay, user, start=day(start), end=until, **how).assignment
    return stint.assignment_id


def differs(world: World, as_of: date) -> bool:
    """Whether the audit finds members of a household with different case managers."""
    return any(finding.code == "household-differs" for finding in world.system.audit(as_of=as_of))


# join


def test_who_joins_gets_the_households_case_managers(any_world: World) -> None:
    """SPEC 6.15: from that day on, each with role and planned end; their own others end, and the past stays."""
    world = any_world
    there = family(world, "h1", "c1", "c2", by="kim")
    world.kim.assign(there[0], "sam", start="2026-02-01", end="2026-06-01", role="Navigator")
    alone = world.stay("c3", entry="02-01", case_manager="lee")
    outcome = world.kim.join_household(alone, "h1", on="2026-02-10", reason="moved in")
    assert stints(world, alone) == {
        ("lee", "Case Manager", "02-01", "02-10"),
        ("kim", "Case Manager", "02-10", ""),
        ("sam", "Navigator", "02-10", "06-01"),
    }
    joined = now(world, alone)
    assert (joined.household_id, joined.relationship_to_hoh) == ("h1", 99)
    assert outcome.enrollment == joined
    assert {line.reason for line in world.kim.history(enrollment=alone)[-4:]} == {"moved in"}
    world.system.undo(outcome.batch_id or "")
    assert stints(world, alone) == {("lee", "Case Manager", "02-01", "")}
    assert now(world, alone) == alone


def test_joining_may_change_the_household_alone(world: World) -> None:
    """SPEC 6.15: a member who joins may take over the household's case managers, or not."""
    family(world, "h1", "c1")
    alone = world.stay("c3", case_manager="lee")
    world.kim.join_household(alone, "h1", share_case_managers=False)
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}
    assert differs(world, world.today)


def test_where_nobody_is_responsible_for_the_household_the_members_own_stay(world: World) -> None:
    """SPEC 6.15: nobody loses their case manager to a household that has none."""
    family(world, "h1", "c1", by=None)
    alone = world.stay("c3", case_manager="lee")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}


def test_cover_is_neither_taken_over_nor_ended_by_joining(world: World) -> None:
    """SPEC 6.15, 6.14: cover belongs to the case that it covers."""
    there = family(world, "h1", "c1")
    world.kim.assign(there[0], "super", role="Cover", end="2026-04-01")
    alone = world.stay("c3", case_manager="sam")
    world.kim.assign(alone, "lee", start="2026-03-01", end="2026-05-01", role="Cover")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {
        ("sam", "Case Manager", "01-10", "03-02"),
        ("kim", "Case Manager", "03-02", ""),
        ("lee", "Cover", "03-01", "05-01"),
    }


def test_a_head_who_joins_a_household_without_head_stays_one(world: World) -> None:
    """SPEC 6.15: a household has one head; the relationship may be given."""
    world.put_raw(
        Enrollment(enrollment_id="e9", personal_id="c1", project_id="es", household_id="h1", entry_date=day("01-10"))
    )
    one, other = world.stay("c2"), world.stay("c3")
    world.kim.join_household(one, "h1")
    world.kim.join_household(other, "h1", relationship_to_hoh=3)
    assert [now(world, stay).relationship_to_hoh for stay in (one, other)] == [1, 3]


def test_joining_before_the_own_entry_counts_from_the_entry(world: World) -> None:
    """SPEC 6.15: responsibility begins with the stay, and what starts there gives way."""
    family(world, "h1", "c1")
    late = world.stay("c3", entry="03-20", case_manager="lee")
    world.kim.join_household(late, "h1", on="2026-03-02")
    assert stints(world, late) == {("lee", "Case Manager", "03-20", "03-20"), ("kim", "Case Manager", "03-20", "")}


def test_who_has_exited_keeps_their_stints_when_they_join(world: World) -> None:
    """SPEC 6.15, 6.8: nobody is ended on a stay that nobody takes over."""
    family(world, "h1", "c1")
    alone = world.stay("c3", case_manager="lee")
    world.kim.exit(alone, on="2026-02-10", end_assignments=False)
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}


def test_joining_again_writes_nothing_and_an_unknown_household_is_refused(world: World) -> None:
    """SPEC 6: the state asked for is there already; a household is there, in the project of the member."""
    there = family(world, "h1", "c1")
    world.sam.enroll("c2", "th", household_id="h2")
    assert world.kim.join_household(there[0], "h1").changes == ()
    refused(lambda: world.kim.join_household(there[0], "h2"), "unknown-household")
    refused(lambda: world.kim.join_household(there[0], "nowhere", dry_run=True), "unknown-household")


def test_who_joins_goes_along_with_a_hand_over_that_is_planned(any_world: World) -> None:
    """SPEC 6.15, 5.2: the household's case managers of every day from then on, not those of the day alone."""
    world = any_world
    there = family(world, "h1", "c1", "c2")
    for stint in [stint for stint in live(world) if stint.enrollment_id in {stay.key for stay in there}]:
        world.kim.hand_over(stint, "sam", on=day("03-07"))
    alone = world.stay("c3", case_manager="lee")
    outcome = world.kim.join_household(alone, "h1", on=day("03-02"))
    assert stints(world, alone) == {
        ("lee", "Case Manager", "01-10", "03-02"),
        ("kim", "Case Manager", "03-02", "03-07"),
        ("sam", "Case Manager", "03-07", ""),
    }
    world.system.undo(outcome.batch_id or "")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}


def test_who_joined_before_a_hand_over_goes_along_with_it(any_world: World) -> None:
    """SPEC 6.15, 5.2: a day that is past is as good as any, and what the member's own planned for later gives way."""
    world = any_world
    there = family(world, "h1", "c1", by=None)[0]
    held_from(world, there, "super", "01-10", "02-10")
    held_from(world, there, "kim", "02-10")
    alone = world.stay("c3", entry="01-10")
    held_from(world, alone, "lee", "01-10", "02-12")
    later = held_from(world, alone, "super", "02-12")
    outcome = world.kim.join_household(alone, "h1", on=day("02-01"))
    assert stints(world, alone) == {
        ("lee", "Case Manager", "01-10", "02-01"),
        ("super", "Case Manager", "02-01", "02-10"),
        ("kim", "Case Manager", "02-10", ""),
    }
    assert [stint.assignment_id for stint in outcome.assignments if stint.voided] == [later]


def test_the_members_own_stay_until_somebody_takes_over(world: World) -> None:
    """SPEC 6.15: a household whose case manager is yet to come leaves nobody alone until then."""
    there = family(world, "h1", "c1", by=None)[0]
    held_from(world, there, "kim", "03-07")
    alone = world.stay("c3", case_manager="lee")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "03-07"), ("kim", "Case Manager", "03-07", "")}


def test_who_holds_the_member_already_holds_them_on_the_days_of_the_household(world: World) -> None:
    """SPEC 6.15, 5.2: a user who is of the household on some days gives way on those on which another one is."""
    there = family(world, "h1", "c1", by=None)[0]
    held_from(world, there, "kim", "01-10", "03-07")
    held_from(world, there, "sam", "03-07", "03-10")
    held_from(world, there, "kim", "03-10", "03-20")
    alone = world.stay("c3", case_manager="kim")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {
        ("kim", "Case Manager", "01-10", "03-07"),
        ("sam", "Case Manager", "03-07", "03-10"),
        ("kim", "Case Manager", "03-10", ""),
    }


def test_days_on_which_one_user_is_responsible_for_several_members_are_one_stint(world: World) -> None:
    """SPEC 6.15: what touches or overlaps is one stint of who joins, and days of no member are nobody's."""
    there = family(world, "h1", "c1", "c2", by=None)
    held_from(world, there[0], "kim", "03-01", "03-10")
    held_from(world, there[1], "kim", "03-05", "03-12")
    held_from(world, there[0], "kim", "03-12", "03-15")
    held_from(world, there[1], "kim", "03-20")
    world.kim.exit(there[1], on=day("03-25"))
    alone = world.stay("c3")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {
        ("kim", "Case Manager", "03-02", "03-15"),
        ("kim", "Case Manager", "03-20", "03-25"),
    }


def test_what_is_kept_past_the_exit_of_another_member_is_not_taken_over(world: World) -> None:
    """SPEC 6.8, 6.15: only on days of their own stay is somebody responsible for a member of the household."""
    there = family(world, "h1", "c1")[0]
    world.kim.exit(there, on=day("03-10"), end_assignments=False)
    alone = world.stay("c3")
    world.kim.join_household(alone, "h1")
    assert stints(world, alone) == {("kim", "Case Manager", "03-02", "03-10")}


def test_who_may_not_begin_is_not_taken_over_but_named_and_the_others_are(any_world: World) -> None:
    """SPEC 5.1, 6.15: a household whose case manager left can be joined, and its other one takes over."""
    world = any_world
    there = family(world, "h1", "c1", "c2")
    held_from(world, there[0], "sam", "01-10", role="Navigator")
    alone = world.stay("c3", case_manager="lee")
    leaves(world, "kim", "03-01")
    outcome = world.super.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "03-02"), ("sam", "Navigator", "03-02", "")}
    kims = next(s for s in live(world) if (s.user_id, s.enrollment_id) == ("kim", there[0].enrollment_id))
    assert skipped(outcome) == [(kims.assignment_id, "case-manager-left")]


def test_where_nobody_of_the_household_can_be_shared_the_members_own_stay(world: World) -> None:
    """SPEC 6.15: nobody loses their case manager to one who left, nor to one without access."""
    there = family(world, "h1", "c1")[0]
    held_from(world, there, "sam", "01-10", role="Navigator")
    alone = world.stay("c3", case_manager="lee")
    leaves(world, "kim", "03-01")
    world.system.add(User(user_id="sam", organization_ids=frozenset({"bridge"})))
    outcome = world.super.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}
    assert [reason for _, reason in skipped(outcome)] == ["case-manager-left", "no-access"]
    assert now(world, alone).household_id == "h1"


def test_the_members_own_stay_on_days_on_which_nobody_can_be_shared(any_world: World) -> None:
    """SPEC 6.15: they give way to who can be shared, and are back when only somebody is responsible who cannot be."""
    world = any_world
    there = family(world, "h1", "c1", by=None)[0]
    held_from(world, there, "sam", "01-10", "02-10")
    kims = held_from(world, there, "kim", "02-10")
    leaves(world, "kim", "02-05")
    alone = world.stay("c3", case_manager="lee")
    outcome = world.super.join_household(alone, "h1", on=day("02-01"))
    assert stints(world, alone) == {
        ("lee", "Case Manager", "01-10", "02-01"),
        ("sam", "Case Manager", "02-01", "02-10"),
        ("lee", "Case Manager", "02-10", ""),
    }
    assert skipped(outcome) == [(kims, "case-manager-left")]
    world.system.undo(outcome.batch_id or "")
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}


def test_the_holder_of_an_exclusive_role_gives_way_to_that_of_the_household(any_world: World) -> None:
    """SPEC 6.15, 6.17: with what is planned; the members themselves may have two, of whom one is taken over."""
    world = any_world
    strict = world.as_("kim", required=PRIMARY)
    one, other = family(world, "h1", "c1", "c2", by=None)
    held_from(world, one, "kim", "01-10", role="Primary")
    sams = held_from(world, other, "sam", "01-10", role="Primary")
    alone = world.stay("c3")
    held_from(world, alone, "lee", "01-10", "03-20", role="Primary")
    held_from(world, alone, "super", "03-20", role="Primary")
    outcome = strict.join_household(alone, "h1")
    assert stints(world, alone) == {("lee", "Primary", "01-10", "03-02"), ("kim", "Primary", "03-02", "")}
    assert skipped(outcome) == [(sams, "role-taken")]


def test_a_hard_limit_is_kept_and_named(world: World) -> None:
    """SPEC 5, 6.15: a caseload that is full takes nobody on, and the member's own stays."""
    family(world, "h1", "c1", "c2")
    alone = world.stay("c3", case_manager="lee")
    limited = world.as_("lee", advisory=(caseload_at_most(2, hard=True),))
    outcome = limited.join_household(alone, "h1")
    assert [reason for _, reason in skipped(outcome)] == ["caseload-above"]
    assert stints(world, alone) == {("lee", "Case Manager", "01-10", "")}


# leave


def test_who_leaves_is_a_household_of_their_own_and_keeps_their_case_managers(any_world: World) -> None:
    """SPEC 6.15: a member leaves; alone, there is nothing to leave."""
    world = any_world
    there = family(world, "h1", "c1", "c2")
    before = stints(world, there[1])
    left = world.kim.leave_household(there[1]).enrollment
    assert left.household_id not in {None, "h1"}
    assert left.is_head
    assert stints(world, there[1]) == before
    assert world.kim.leave_household(there[1]).changes == ()
    refused(lambda: world.kim.leave_household(there[0], on="2026-01-09"), "not-enrolled-yet")
    assert world.kim.leave_household(there[0], on="2026-01-10").enrollment.enrollment_id == there[0].enrollment_id


def a_month_at_least(facts: AssignmentFacts) -> Iterator[Violation]:
    """An agency's rule: a stint lasts thirty days at least."""
    days = facts.assignment.period
    if days.end is not None and (days.end - days.start).days < 30:
        yield Violation("a-month-at-least", "end_date", [facts.assignment.assignment_id], "a stint is too short")


@pytest.mark.parametrize("start", ["2026-02-20", "2026-03-02"])
def test_no_rule_of_an_agency_refuses_that_a_case_gives_way(world: World, start: str) -> None:
    """SPEC 5.1, 6.15: the case manager of who joins ends, however short that leaves their stint."""
    family(world, "h1", "c1", by="lee")
    joining = world.stay("c3")
    own = world.sam.assign(joining, start=start).assignment
    outcome = world.as_("kim", required=(a_month_at_least,)).join_household(joining, "h1")
    assert {stint.user_id: stint.end_date for stint in outcome.assignments} == {"sam": TODAY, "lee": None}
    assert own.assignment_id in {stint.assignment_id for stint in outcome.assignments}


def sams_month(facts: AssignmentFacts) -> Iterator[Violation]:
    """An agency's rule about one user: their stints last thirty days at least."""
    if facts.user.user_id == "sam":
        yield from a_month_at_least(facts)


def test_a_case_that_begins_later_than_it_did_is_checked_like_a_new_one(world: World) -> None:
    """SPEC 5.1, 6.15: what is left after others is no ending, where its first days go."""
    there = family(world, "h1", "c1", by=None)[0]
    world.sam.assign(there, "lee", start="2026-02-01", end="2026-03-20")
    values = {"enrollment_id": there.enrollment_id, "user_id": "bo", "start_date": day("03-20")}
    world.put_raw(CaseAssignment(assignment_id="b", **values))  # type: ignore[arg-type]  # the values of its own fields
    joining = world.stay("c3")
    world.sam.assign(joining, start="2026-03-05", end="2026-04-10")
    refused(lambda: world.as_("kim", required=(sams_month,)).join_household(joining, "h1"), "a-month-at-least")
    left = world.kim.join_household(joining, "h1").assignments
    assert ("sam", day("03-20"), day("04-10")) in {(s.user_id, s.start_date, s.end_date) for s in left}


def test_who_gave_way_does_not_come_back_when_the_other_ends(world: World) -> None:
    """SPEC 6.15: the household's case managers take over from that day, and are not a cover."""
    there = family(world, "h1", "c1", by=None)[0]
    world.sam.assign(there, "lee", start="2026-02-01", end="2026-04-01")
    joining = world.stay("c3", case_manager="sam")
    outcome = world.kim.join_household(joining, "h1")
    assert sorted((stint.user_id, stint.end_date) for stint in outcome.assignments) == [
        ("lee", day("04-01")),
        ("sam", TODAY),
    ]


def test_who_has_exited_does_not_keep_the_others_from_sharing(world: World) -> None:
    """SPEC 6.15: the case managers of those who are still there take over."""
    world.sam.exit(family(world, "h1", "c1", on="2026-01-05")[0], on="2026-02-01")
    family(world, "h1", "c2", by="lee")
    joined = world.kim.join_household(world.stay("c3"), "h1")
    assert [stint.user_id for stint in joined.assignments] == ["lee"]


def test_of_two_enrollments_from_one_day_the_one_that_is_there_already_stays(world: World) -> None:
    """SPEC 6.15: duplicates become one from the earliest start; where that is the same, the one in the household."""
    there, double = (
        Enrollment(
            enrollment_id=key, personal_id="c1", project_id="es", household_id=household, entry_date=day("01-10")
        )
        for key, household in (("a", "h1"), ("b", "h2"))
    )
    world.put_raw(there, double)
    world.system.merge_households("h2", "h1")
    assert (now(world, "a").deleted, now(world, "b").deleted) == (False, True)


def test_a_household_that_its_head_leaves_is_named(world: World) -> None:
    """SPEC 6.15, 5: leaving it, or joining another one, is allowed, and who is head now is for people to say."""
    there = family(world, "h1", "c1", "c2", "c3")
    family(world, "h2", "c4")
    headless = [(there[1].enrollment_id, "the household has no head now")]
    assert skipped(world.kim.leave_household(there[2])) == []
    left = world.kim.leave_household(there[0])
    assert skipped(left) == headless
    assert [f.ids for f in world.system.audit() if f.code == "no-head"] == [(there[1].enrollment_id,)]
    world.system.undo(left.batch_id or "")
    assert skipped(world.kim.join_household(there[0], "h2")) == headless


def test_a_household_with_another_head_is_not_named(world: World) -> None:
    """SPEC 6.15: where two are head, one may leave."""
    there = family(world, "h1", "c1", "c2")
    world.kim.edit_enrollment(there[1], relationship_to_hoh=1)
    assert skipped(world.kim.leave_household(there[0])) == []


# merge


def test_two_households_become_one_with_everybody_responsible_for_all(any_world: World) -> None:
    """SPEC 6.15: the union of stints from the day on; the head of the one that is taken in is no longer one."""
    world = any_world
    one, other = family(world, "h1", "c1", "c2", by="kim"), family(world, "h2", "c3", "c4", by="lee")
    world.kim.exit(other[1], on="2026-02-01")
    outcome = world.kim.merge_households("h2", "h1")
    assert [stay.household_id for stay in outcome.enrollments] == ["h1"] * 4
    assert [stay.relationship_to_hoh for stay in outcome.enrollments] == [1, 2, 99, 2]
    for stay in one:
        assert stints(world, stay) == {("kim", "Case Manager", "01-10", ""), ("lee", "Case Manager", "03-02", "")}
    assert stints(world, other[0]) == {("lee", "Case Manager", "01-10", ""), ("kim", "Case Manager", "03-02", "")}
    assert stints(world, other[1]) == {("lee", "Case Manager", "01-10", "02-01")}
    assert not differs(world, world.today)


def test_a_member_who_enters_later_is_shared_from_the_entry(world: World) -> None:
    """SPEC 6.15: with everybody who is responsible for a member from then on, up to their planned end."""
    family(world, "h1", "c1", by="kim")
    there = family(world, "h2", "c3", by=None)
    world.kim.assign(there[0], "lee", end="2026-03-20")
    world.kim.assign(there[0], "sam", end="2026-03-25")
    world.kim.assign(there[0], "super", end="2026-03-10")
    late = world.sam.enroll("c4", "es", on="2026-03-20", household_id="h2", case_manager=None).enrollment
    world.kim.merge_households("h2", "h1")
    assert stints(world, late) == {("kim", "Case Manager", "03-20", ""), ("sam", "Case Manager", "03-20", "03-25")}


def test_a_merge_shares_what_was_and_what_is_planned(any_world: World) -> None:
    """SPEC 6.15, 5.2: as of a past day, with a hand-over since and one to come, both ways."""
    world = any_world
    one, other = family(world, "h1", "c1")[0], family(world, "h2", "c2", by=None)[0]
    held_from(world, other, "super", "01-10", "02-10")
    held_from(world, other, "lee", "02-10", "03-07")
    held_from(world, other, "sam", "03-07", "04-01")
    world.kim.merge_households("h2", "h1", on=day("02-01"))
    theirs = {("lee", "Case Manager", "02-10", "03-07"), ("sam", "Case Manager", "03-07", "04-01")}
    assert stints(world, one) == theirs | {
        ("kim", "Case Manager", "01-10", ""),
        ("super", "Case Manager", "02-01", "02-10"),
    }
    assert stints(world, other) == theirs | {
        ("kim", "Case Manager", "02-01", ""),
        ("super", "Case Manager", "01-10", "02-10"),
    }


def test_a_merge_before_the_entry_of_a_member_shares_both_ways(world: World) -> None:
    """SPEC 6.15, 5.2: whoever is responsible for the member from the entry on is so for the others from then on."""
    one = family(world, "h1", "c1")[0]
    late = family(world, "h2", "c2", by="lee", on="2026-03-20")[0]
    world.kim.merge_households("h2", "h1")
    assert stints(world, one) == {("kim", "Case Manager", "01-10", ""), ("lee", "Case Manager", "03-20", "")}
    assert stints(world, late) == {("kim", "Case Manager", "03-20", ""), ("lee", "Case Manager", "03-20", "")}


def test_a_merge_shares_whom_it_can_and_names_the_others_once(any_world: World) -> None:
    """SPEC 5.1, 6.15: one who has left, or lost access, is no obstacle, and goes on where they are."""
    world = any_world
    one, other = family(world, "h1", "c1", "c2"), family(world, "h2", "c3", "c4", by="lee")
    sams = held_from(world, other[0], "sam", "01-10", role="Navigator")
    leaves(world, "kim", "03-01")
    world.system.add(User(user_id="sam", organization_ids=frozenset({"bridge"})))
    kims = next(s.assignment_id for s in live(world) if s.enrollment_id == one[0].enrollment_id)
    outcome = world.super.merge_households("h2", "h1")
    assert skipped(outcome) == [(sams, "no-access"), (kims, "case-manager-left")]
    for stay in one:
        assert stints(world, stay) == {("kim", "Case Manager", "01-10", ""), ("lee", "Case Manager", "03-02", "")}
    assert stints(world, other[1]) == {("lee", "Case Manager", "01-10", "")}


def doubled(world: World, entry: str, *, stint: str, user: str = "kim", end: str | None = None) -> Enrollment:
    """Another enrollment of the first client, in household ``h2``, as two typists make it, with one stint."""
    stay = Enrollment(
        enrollment_id="again",
        personal_id="c1",
        project_id="es",
        household_id="h2",
        relationship_to_hoh=1,
        entry_date=day(entry),
    )
    held = CaseAssignment(
        assignment_id="again-1",
        enrollment_id="again",
        user_id=user,
        start_date=day(stint),
        end_date=None if end is None else day(end),
    )
    world.put_raw(stay, held)
    return stay


def test_duplicates_become_one_stint_from_the_earliest_start(any_world: World) -> None:
    """SPEC 6.15: the doubled enrollment is deleted, its stints are void, and no ghost is left behind."""
    world = any_world
    there = family(world, "h1", "c1", "c2")
    world.kim.end(world.kim.active_cases()[0].assignment or "", on="2026-02-01")
    doubled(world, "01-20", stint="01-25")
    before = that_counts(world)
    outcome = world.kim.merge_households("h2", "h1")
    assert stints(world, there[0]) == {("kim", "Case Manager", "01-10", "")}
    assert now(world, "again").deleted
    assert {stint.enrollment_id for stint in live(world)} == {stay.enrollment_id for stay in there}
    assert {stay.enrollment_id for stay in outcome.enrollments} == {stay.enrollment_id for stay in there}
    assert [case.assignment and case.assignment.start_date for case in world.kim.active_cases()] == [day("01-10")] * 2
    assert world.system.audit().counts() == {}
    lines = world.kim.history(enrollment="again")
    assert {line.action for line in lines} == {"household.change"}
    world.system.undo(outcome.batch_id or "")
    assert that_counts(world) == before


def test_the_earlier_enrollment_stays_whichever_household_it_is_in(world: World) -> None:
    """SPEC 6.15: duplicates become one from the earliest start, and past stints are carried over."""
    there = family(world, "h1", "c1", "c2")
    earlier = doubled(world, "01-01", stint="01-01", user="lee", end="01-05")
    world.kim.merge_households("h2", "h1")
    assert stints(world, earlier) == {("lee", "Case Manager", "01-01", "01-05"), ("kim", "Case Manager", "01-10", "")}
    assert now(world, there[0]).deleted
    survivor = now(world, earlier)
    assert (survivor.household_id, survivor.is_head, survivor.exit_date) == ("h1", True, None)


def test_the_head_of_a_household_without_another_stays_head_when_doubles_are_folded(world: World) -> None:
    """SPEC 6.15: one of them is the head, and a merge loses nobody's head."""
    world.put_raw(
        *(
            Enrollment(
                enrollment_id=f"e{number}",
                personal_id=f"c{number}",
                project_id="es",
                household_id="h1",
                relationship_to_hoh=2,
                entry_date=day("01-10"),
            )
            for number in (1, 2)
        )
    )
    doubled(world, "01-20", stint="01-25")
    world.kim.merge_households("h2", "h1")
    assert world.system.audit().counts() == {}


def test_a_stay_that_joins_two_others_folds_them_all(world: World) -> None:
    """SPEC 6.15: three enrollments of one client that touch each other's days are one afterwards."""
    one = family(world, "h1", "c1", "c2", on="2026-01-01")[0]
    world.kim.exit(one, on="2026-01-25")
    second = world.sam.enroll("c1", "es", on="2026-02-10", household_id="h1", case_manager="kim").enrollment
    doubled(world, "01-20", stint="01-20")
    world.kim.merge_households("h2", "h1")
    assert (now(world, one).exit_date, now(world, second).deleted) == (None, True)
    assert stints(world, one) == {("kim", "Case Manager", "01-01", "")}


def test_what_was_kept_past_an_exit_that_is_no_more_is_kept_no_more(world: World) -> None:
    """SPEC 6.8, 6.15: without an exit there is nothing to keep."""
    one = family(world, "h1", "c1")[0]
    world.kim.assign(one, "lee", start="2026-01-12")
    world.kim.exit(one, on="2026-01-25", end_assignments=False)
    doubled(world, "01-20", stint="01-20")
    world.kim.merge_households("h2", "h1")
    assert not any(stint.kept_after_exit for stint in live(world))


def test_a_kept_stint_of_a_double_is_kept_past_the_later_exit(world: World) -> None:
    """SPEC 6.8, 6.15: what was kept stays kept where the one that is left has an exit."""
    one = family(world, "h1", "c1", "c2", by=None)[0]
    again = doubled(world, "01-20", stint="01-20")
    world.sam.exit(one, on="2026-01-25")
    world.sam.exit(again, on="2026-02-10", end_assignments=False)
    world.kim.merge_households("h2", "h1")
    assert now(world, one).exit_date == day("02-10")
    assert [stint.kept_after_exit for stint in live(world)] == [True]


def test_what_is_kept_on_one_of_two_doubles_is_kept_on_the_one_that_is_left(world: World) -> None:
    """SPEC 6.8, 6.15: one stint from the earliest start, and past the exit like the one that was kept."""
    one = family(world, "h1", "c1")[0]
    again = doubled(world, "01-20", stint="01-25")
    world.sam.exit(again, on="2026-01-30", end_assignments=False)
    world.sam.exit(one, on="2026-02-10")
    world.kim.merge_households("h2", "h1")
    assert stints(world, one) == {("kim", "Case Manager", "01-10", "")}
    assert live(world)[0].kept_after_exit


def test_the_earliest_start_may_be_that_of_the_double(world: World) -> None:
    """SPEC 6.15: duplicates become one stint from the earliest start, with the latest end."""
    one = family(world, "h1", "c1", by=None)[0]
    world.kim.assign(one, start="2026-02-01", end="2026-04-01")
    doubled(world, "01-20", stint="01-25", end="02-10")
    world.kim.merge_households("h2", "h1")
    assert stints(world, one) == {("kim", "Case Manager", "01-25", "04-01")}


def test_a_household_of_deleted_members_is_none(world: World) -> None:
    """SPEC 5.4: a deleted enrollment leaves every household."""
    there = family(world, "h1", "c1")
    world.put_raw(
        Enrollment(
            enrollment_id="d1",
            personal_id="c2",
            project_id="es",
            household_id="h2",
            entry_date=day("01-10"),
            deleted=True,
        )
    )
    refused(lambda: world.kim.join_household(there[0], "h2"), "unknown-household")
    refused(lambda: world.kim.merge_households("h2", "h1"), "unknown-household")
    family(world, "h3", "c3")
    more = Enrollment(
        enrollment_id="d2", personal_id="c4", project_id="es", household_id="h3", entry_date=day("01-10"), deleted=True
    )
    world.put_raw(more, *(attrs.evolve(more, enrollment_id=h, project_id="rrh", household_id=h) for h in ("h1", "h3")))
    outcome = world.kim.merge_households("h3", "h1")
    assert {stay.personal_id for stay in outcome.enrollments} == {"c1", "c3"}
    assert now(world, "d2") == more


def test_dirty_doubles_do_not_crash_a_merge(world: World) -> None:
    """SPEC 11: merged households crash on duplicates; not on twice the same stint, nor on days that make no sense."""
    one = family(world, "h1", "c1", "c2")[0]
    doubled(world, "01-20", stint="01-25")
    world.put_raw(
        CaseAssignment(assignment_id="d1", enrollment_id=one.key, user_id="kim", start_date=day("01-20")),
        Enrollment(
            enrollment_id="e9",
            personal_id="c1",
            project_id="es",
            household_id="h2",
            entry_date=day("02-01"),
            exit_date=day("01-15"),
        ),
    )
    world.kim.merge_households("h2", "h1")
    assert stints(world, one) == {("kim", "Case Manager", "01-10", "")}
    assert world.system.audit().counts() == {"exits-before-entry": 1}


def test_a_client_twice_in_one_household_is_folded_as_well(world: World) -> None:
    """SPEC 6.15: duplicates become one, whichever of the households both are in."""
    family(world, "h1", "c2")
    first = family(world, "h2", "c1")[0]
    doubled(world, "01-20", stint="01-25")
    world.kim.merge_households("h2", "h1")
    assert now(world, "again").deleted
    assert stints(world, first) == {("kim", "Case Manager", "01-10", "")}


def test_of_two_holders_of_an_exclusive_role_each_goes_on_where_they_are(any_world: World) -> None:
    """SPEC 5, 6.15: both are named, and who has nobody in the role gets that of the household which stays."""
    world = any_world
    one, other = family(world, "h1", "c1", by="kim"), family(world, "h2", "c2", "c3", by=None)
    strict = world.as_("kim", required=PRIMARY)
    primaries = [strict.assign(stay[0], user, role="Primary") for stay, user in ((one, "kim"), (other, "lee"))]
    outcome = strict.merge_households("h2", "h1")
    assert sorted(skipped(outcome)) == sorted((made.assignment.assignment_id, "role-taken") for made in primaries)
    case_manager = ("kim", "Case Manager", "03-02", "")
    assert stints(world, one[0]) == {("kim", "Case Manager", "01-10", ""), ("kim", "Primary", "03-02", "")}
    assert stints(world, other[0]) == {("lee", "Primary", "03-02", ""), case_manager}
    assert stints(world, other[1]) == {("kim", "Primary", "03-02", ""), case_manager}


def test_of_two_holders_for_one_client_people_say_which(world: World) -> None:
    """SPEC 5, 6.15: doubles that would become one with two holders of an exclusive role refuse the merge."""
    one = family(world, "h1", "c1", "c2", by=None)[0]
    again = doubled(world, "01-20", stint="01-25")
    strict = world.as_("kim", required=PRIMARY)
    strict.assign(one, "kim", role="Primary")
    lees = strict.assign(again, "lee", role="Primary").assignment
    lines = world.lines()
    refused(lambda: strict.merge_households("h2", "h1"), "role-taken")
    assert world.lines() == lines
    strict.end(lees)
    strict.merge_households("h2", "h1")


def test_the_household_that_stays_comes_first_where_doubles_are_folded(world: World) -> None:
    """SPEC 5, 6.15: a member who is one with another one keeps the place in the household."""
    one, child = family(world, "h1", "c1", "c2", by=None)
    doubled(world, "01-20", stint="01-25")
    other = world.stay("c3", household_id="h2")
    strict = world.as_("kim", required=PRIMARY)
    strict.assign(one, "kim", role="Primary")
    strict.assign(other, "lee", role="Primary")
    strict.merge_households("h2", "h1")
    assert ("kim", "Primary", "03-02", "") in stints(world, child)


def test_households_are_named_by_id_by_key_or_by_record(world: World) -> None:
    """SPEC 2, 6.15: real exports use one id in several projects, so a key says in which."""
    one, other = family(world, "h1", "c1"), family(world, "h2", "c2")
    third = family(world, "h3", "c3")
    for household in ("h1", "h2"):
        world.sam.enroll("c4" if household == "h1" else "c5", "th", household_id=household)
    with pytest.raises(InvalidRecordError, match=r"^Household\.into .*several projects"):
        world.system.merge_households("h2", "h1")
    world.sam.merge_households(HouseholdKey("es", "h2"), "h1")
    assert now(world, other[0]).household_id == "h1"
    world.kim.merge_households(Household(members=tuple(third)), Household(members=(now(world, one[0]),)))
    assert now(world, third[0]).household_id == "h1"


def test_only_two_households_of_one_project_become_one(world: World) -> None:
    """SPEC 6.15: what cannot be merged is refused with what is wrong."""
    family(world, "h1", "c1")
    world.sam.enroll("c2", "th", household_id="h2")
    refused(lambda: world.sam.merge_households("h2", "h1"), "unknown-household")
    refused(lambda: world.sam.merge_households(HouseholdKey("th", "h2"), HouseholdKey("es", "h1")), "other-project")
    refused(lambda: world.sam.merge_households(HouseholdKey("th", "h1"), HouseholdKey("es", "h1")), "other-project")
    with pytest.raises(InvalidRecordError, match=r"^Household\.into .*itself"):
        world.sam.merge_households("h1", "h1")
    with pytest.raises(NotFoundError, match="no project"):
        world.sam.merge_households(HouseholdKey("nowhere", "h2"), "h1")


def test_a_household_id_of_a_project_that_is_not_seen_is_no_obstacle_and_no_news(world: World) -> None:
    """SPEC 8.2: ids that others use elsewhere are not in the way; where there are only those, access is denied."""
    one = family(world, "h1", "c1")
    family(world, "h2", "c2")
    for client, household in (("c3", "h1"), ("c4", "h2"), ("c5", "h3")):
        world.sam.enroll(client, "th", household_id=household)
    world.kim.merge_households("h2", "h1")
    assert now(world, one[0]).household_id == "h1"
    for project in ("es", "rrh"):
        for client, household in (("c4", "h4"), ("c5", "h5")):
            world.sam.enroll(client, project, household_id=household)
    acts: list[Callable[[], object]] = [
        lambda: world.kim.merge_households("h3", "h1"),
        lambda: world.kim.merge_households(HouseholdKey("th", "h3"), "h1"),
        lambda: world.kim.merge_households(HouseholdKey("th", "nowhere"), "h1"),
        lambda: world.as_("bo", guards=()).merge_households("h4", "h5"),
        lambda: world.as_("bo").join_household(one[0], "h1"),
    ]
    for act in acts:
        with pytest.raises(PermissionDeniedError):
            act()
    world.as_("kim", policy=Unrestricted()).merge_households(HouseholdKey("th", "h3"), "h1")


# properties

USERS = ["kim", "lee", "sam"]
ROLES = ["Case Manager", "Primary"]
STORES = pytest.mark.parametrize("kind", ["memory", "sqlite"])


@st.composite
def two_households(draw: st.DrawFn) -> list[Any]:
    """Enrollments of a few clients in two households of one project, and stints that break no rule, some of them kept.

    "Primary" has one holder a day, on each of the enrollments.
    """
    stays = []
    for number in range(draw(st.integers(2, 6))):
        entry = draw(st.sampled_from(WINDOW[:8]))
        length = draw(st.none() | st.integers(0, 6))
        stays.append(
            Enrollment(
                enrollment_id=f"e{number}",
                personal_id=draw(st.sampled_from(["c1", "c2", "c3"])),
                project_id="es",
                household_id=["h1", "h2"][number % 2],
                relationship_to_hoh=draw(st.sampled_from([None, 1, 2])),
                entry_date=entry,
                exit_date=None if length is None else entry + timedelta(days=length),
            )
        )
    held: list[CaseAssignment] = []
    for number in range(draw(st.integers(0, 8))):
        stay = draw(st.sampled_from(stays))
        start = stay.entry_date + timedelta(days=draw(st.integers(0, 5)))
        ends = [start + timedelta(days=length)] if (length := draw(st.none() | st.integers(0, 6))) is not None else []
        kept = stay.exit_date is not None and start <= stay.exit_date and draw(st.booleans())
        end = min([*ends, *([stay.exit_date] if stay.exit_date and not kept else [])], default=None)
        if end is None or start <= end:
            stint = CaseAssignment(
                assignment_id=f"a{number}",
                enrollment_id=stay.enrollment_id,
                user_id=draw(st.sampled_from(USERS)),
                role=draw(st.sampled_from([*ROLES, "Cover"])),
                start_date=start,
                end_date=end,
                kept_after_exit=kept,
            )
            if not any(collide(stint, other) and stint.period.overlaps(other.period) for other in held):
                held.append(stint)
    return [*stays, *held]


def collide(one: CaseAssignment, other: CaseAssignment) -> bool:
    """Whether two stints are on one enrollment, in one role, and of one user, or of two where there may be one."""
    same = (one.enrollment_id, one.role) == (other.enrollment_id, other.role)
    return same and (one.user_id == other.user_id or one.role == "Primary")


@contextmanager
def world_with(kind: str, records: list[Any], left: date | None) -> Iterator[World]:
    """The agency on a store of a kind, with records of any sort; Lee leaves on a day, if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(None if kind == "memory" else SQLiteStore(Path(folder) / "store.sqlite"))
        world.put_raw(*records, User(user_id="lee", organization_ids=frozenset({"haven"}), left_on=left))
        yield world
        world.store.close()


def held_by_day(world: World) -> Iterator[list[tuple[str, str, str]]]:
    """For each day of the window who holds which client in which role, counted one by one."""
    with world.store.transaction() as tx:
        client_of = {stay.enrollment_id: stay.personal_id for stay in tx.enrollments if not stay.deleted}
    for on in WINDOW:
        yield [
            (client_of[stint.enrollment_id], stint.user_id, stint.role)
            for stint in live(world)
            if stint.start_date <= on and (stint.end_date is None or on < stint.end_date)
        ]


def left_by(left: date | None) -> set[str]:
    """Who cannot be shared on some days: nobody, or Lee, who leaves."""
    return set() if left is None else {"lee"}


def of_household(world: World, keys: set[str], on: date) -> set[tuple[str, str]]:
    """Who is active on those of the enrollments that are open on a day, in which role, cover aside."""
    there = {key for key in keys if now(world, key).is_open(on)}
    return {
        (stint.user_id, stint.role)
        for stint in live(world)
        if stint.enrollment_id in there and stint.role != "Cover" and on in stint.period
    }


def are_refused_as_doubles(error: RuleViolationError, records: list[Any]) -> bool:
    """Whether a merge is refused for the two holders of a client who is there twice, and for nothing else."""
    clients = [stay.personal_id for stay in records if isinstance(stay, Enrollment)]
    return {violation.code for violation in error.violations} == {"role-taken"} and len(clients) > len(set(clients))


@pytest.mark.slow
@STORES
@settings(max_examples=effort(25))
@given(two_households(), st.sampled_from(WINDOW[:12]), st.none() | st.sampled_from(WINDOW), st.booleans())
def test_a_merge_takes_nothing_from_anybody_and_everybody_shares(
    kind: str, records: list[Any], on: date, left: date | None, strict: bool
) -> None:
    """SPEC 6.15, 5.2: who held a client still does, once; on every day from then on each member has all there are."""
    with world_with(kind, records, left) as world:
        before, counted = list(held_by_day(world)), that_counts(world)
        front = world.as_("kim", required=PRIMARY if strict else REQUIRED_RULES)
        try:
            outcome = front.merge_households("h2", "h1", on=on)
        except RuleViolationError as error:
            if not (strict and are_refused_as_doubles(error, records)):
                raise
            return
        kept = any(stint.kept_after_exit for stint in live(world))
        for was, became in zip(before, held_by_day(world), strict=True):
            assert set(was) <= set(became)
            assert kept or len(became) == len(set(became))
        members = {stay.enrollment_id for stay in outcome.enrollments}
        for on_day in [each for each in WINDOW if each >= on]:
            shared = of_household(world, members, on_day)
            for member in members if not strict else ():
                missing = shared - of_household(world, {member}, on_day)
                assert not now(world, member).is_open(on_day) or {user for user, _ in missing} <= left_by(left)
        assert strict or left is not None or not (differs(world, on) or outcome.skipped)
        assert [finding for finding in front.audit() if finding.required] == []
        assert {stint.enrollment_id for stint in live(world)} <= members
        world.system.undo(outcome.batch_id or "")
        assert that_counts(world) == counted


@STORES
@settings(max_examples=effort(40))
@given(two_households(), st.sampled_from(WINDOW[:12]), st.none() | st.sampled_from(WINDOW), st.booleans())
def test_who_joins_has_whom_the_household_has(
    kind: str, records: list[Any], on: date, left: date | None, strict: bool
) -> None:
    """SPEC 6.15, 5.2: on each day from then on those who can be shared, if there are any; nobody is left to nobody."""
    with world_with(kind, records, left) as world:
        joining, first_day = records[0], max(on, records[0].entry_date)
        others = {stay.key for stay in records if isinstance(stay, Enrollment) and stay.household_id == "h2"}
        before, counted = list(held_by_day(world)), that_counts(world)
        days = [each for each in WINDOW if each >= first_day and joining.is_open(first_day) and joining.is_open(each)]
        own = {each: of_household(world, {joining.key}, each) for each in days}
        front = world.as_("kim", required=PRIMARY if strict else REQUIRED_RULES)
        outcome = front.join_household(joining, "h2", on=on)
        for each in days:
            theirs, mine = of_household(world, others, each), of_household(world, {joining.key}, each)
            of_roles = {(user, role) for user, role in theirs if not strict or role != "Primary"}
            can_be_shared = {(user, role) for user, role in of_roles if user not in left_by(left)}
            assert can_be_shared <= mine
            assert mine <= theirs or not can_be_shared
            assert mine or not (own[each] and theirs)
        for each, was, became in zip(WINDOW, before, held_by_day(world), strict=True):
            assert each >= first_day or sorted(was) == sorted(became)
        assert [finding for finding in front.audit() if finding.required] == []
        world.system.undo(outcome.batch_id or "")
        assert that_counts(world) == counted
