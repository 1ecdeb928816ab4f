"""Cover: somebody stands in for a while, beside the holder, and it ends by itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assign import Asked
from test_invariants import DAYS, SEQUENCES, busy_world, carry_out, check, records
from test_reassign import assert_nothing_is_half_done, caseload, holders, stint_of
from world import TODAY, World, day, effort

from caseassign import (
    ADVISORY_RULES,
    ME,
    SYSTEM,
    CaseAssignment,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    Outcome,
    Period,
    PermissionDeniedError,
    RuleViolationError,
    User,
    caseload_at_most,
)

LEAVE = ("2026-03-09", "2026-03-23")
DAYS_OFF = Period(*LEAVE)


def periods(outcome: Outcome) -> list[Period]:
    """The days that were given."""
    return [stint.period for stint in outcome.assignments]


def test_cover_stands_beside_the_holder_for_a_span_of_days(any_world: World) -> None:
    """SPEC 6.14, 8.5: in role Cover, on each case, in one batch; the holder's stints stay as they are."""
    world = any_world
    stints = caseload(world, "01-10", "01-11")
    outcome = world.system.cover("kim", "lee", *LEAVE, reason="leave")
    assert [(s.user_id, s.role, s.period, s.kept_after_exit) for s in outcome.assignments] == [
        ("lee", "Cover", DAYS_OFF, False)
    ] * 2
    assert {(line.action, line.reason, line.batch_id) for line in outcome.changes} == {
        ("caseload.cover", "leave", outcome.batch_id)
    }
    assert [stint_of(world, stint) for stint in stints] == stints
    assert len(world.system.active_cases("lee", as_of="2026-03-22")) == 2
    assert len(world.system.active_cases("lee", as_of="2026-03-23")) == 0
    check(world)


def test_the_policy_is_asked_whose_caseload_it_is_about(world: World) -> None:
    """SPEC 6.14, 8.1: whoever is covered is named to it."""
    policy = Asked()
    world.as_(SYSTEM, policy=policy).cover("kim", "lee", *LEAVE)
    assert [asked.user.user_id for asked in policy.requests if asked.user is not None] == ["kim"]


def test_cover_lasts_no_longer_than_what_it_covers(any_world: World) -> None:
    """SPEC 6.14: it begins and ends with the stint; what is over, planned for later, or has no day gets none."""
    world = any_world
    ending, upcoming, over, later, empty = caseload(world, "01-10", "01-10", "01-10", "01-10", "01-10")
    world.system.amend(ending, end_date="2026-03-12")
    world.system.amend(upcoming, start_date="2026-03-20")
    world.system.end(over, on="2026-03-09")
    world.system.amend(later, start_date="2026-03-23")
    world.system.amend(empty, start_date="2026-03-10", end_date="2026-03-10")
    outcome = world.system.cover("kim", "lee", *LEAVE)
    assert {stint.enrollment_id: stint.period for stint in outcome.assignments} == {
        ending.enrollment_id: Period("2026-03-09", "2026-03-12"),
        upcoming.enrollment_id: Period("2026-03-20", "2026-03-23"),
    }
    assert outcome.skipped == ()


def test_the_stand_in_gets_only_days_that_they_do_not_hold_in_any_role(any_world: World) -> None:
    """SPEC 6.14: in pieces, and none where they hold all of them, which is said."""
    world = any_world
    some, every, voided = caseload(world, "01-10", "01-11", "01-12")
    world.system.assign(some.enrollment_id, "lee", start="2026-03-11", end="2026-03-13", role="Navigator")
    world.system.assign(some.enrollment_id, "lee", start="2026-03-20", end="2026-04-01")
    world.system.assign(every.enrollment_id, "lee", start="2026-03-01", role="Navigator")
    world.system.void(world.system.assign(voided.enrollment_id, "lee").assignment, "wrong")
    outcome = world.system.cover("kim", "lee", *LEAVE)
    assert periods(outcome) == [
        Period("2026-03-09", "2026-03-11"),
        Period("2026-03-13", "2026-03-20"),
        DAYS_OFF,
    ]
    assert [(skipped.id, skipped.reason) for skipped in outcome.skipped] == [
        (every.assignment_id, "user lee holds the enrollment on these days already")
    ]
    again = world.system.cover("kim", "lee", *LEAVE)
    assert (again.changes, len(again.skipped)) == ((), 3)
    check(world)


def test_a_part_of_a_caseload_is_covered_and_cover_is_not(world: World) -> None:
    """SPEC 6.14: a caseload, or part of it; who stands in for another is not covered for that."""
    family = world.family(2, case_manager="kim")
    homes = world.stay("c3", project="rrh", case_manager="kim")
    sams = world.stay("c4", case_manager="sam")
    world.system.cover("sam", "kim", *LEAVE)

    def covered(**part: Any) -> set[str]:
        return {
            stint.enrollment_id for stint in world.system.cover("kim", "lee", *LEAVE, dry_run=True, **part).assignments
        }

    both = {stay.enrollment_id for stay in family}
    assert covered() == both | {homes.enrollment_id}
    assert covered(projects=["rrh"]) == {homes.enrollment_id}
    assert covered(clients=["c1"]) == both
    assert covered(clients=["c1"], whole_households=False) == {family[0].enrollment_id}
    assert covered(households=[family[0].household_id]) == both
    assert covered(roles=["Cover"]) == covered(organizations=["bridge"]) == set()
    assert sams.enrollment_id not in covered()


def test_somebody_who_holds_two_roles_is_covered_once(world: World) -> None:
    """SPEC 6.14: the stand-in holds the enrollment once on each day."""
    stay = world.stay()
    world.system.assign(stay, "kim", start="2026-02-01", end="2026-03-15")
    world.system.assign(stay, "kim", start="2026-02-01", role="Navigator")
    assert sorted(map(str, periods(world.system.cover("kim", "lee", *LEAVE)))) == [
        "[2026-03-09, 2026-03-15)",
        "[2026-03-15, 2026-03-23)",
    ]
    check(world)


def test_cover_is_no_case_of_ones_own(world: World) -> None:
    """SPEC 6.14: it stays out of inactive lists, of limits, and of what a household shares."""
    family = world.family(2, case_manager="kim")
    limited = world.as_(SYSTEM, advisory=(*ADVISORY_RULES, caseload_at_most(0, hard=True)))
    limited.cover("kim", "lee", *LEAVE, clients=["c1"], whole_households=False)
    found = {f.code for f in limited.audit(as_of="2026-03-10") if f.enrollment_id in {s.enrollment_id for s in family}}
    assert "household-differs" not in found
    assert [f.user_id for f in limited.audit(as_of="2026-03-10") if f.code == "caseload-above"] == ["kim"]
    for on in ("2026-03-10", "2026-03-23", "2026-05-01"):
        assert list(world.system.inactive_cases("lee", as_of=on)) == []
    with pytest.raises(RuleViolationError, match="caseload-above"):
        limited.reassign("kim", "lee")


def test_a_kept_case_is_covered_as_a_kept_one(world: World) -> None:
    """SPEC 6.8: covering a kept stint on the exited enrollment gives a kept stint."""
    stint = caseload(world, "01-10")[0]
    world.system.exit(stint.enrollment_id, on="2026-02-10", end_assignments=False)
    assert world.system.cover("kim", "lee", *LEAVE).assignment.kept_after_exit
    check(world)


def test_cover_is_ended_and_undone_like_everything_else(any_world: World) -> None:
    """Issue 3.3: it ends by itself, earlier by an end, and never was by an undo."""
    world = any_world
    first, _ = caseload(world, "01-10", "01-11")
    before = world.state()["assignment"]
    outcome = world.system.cover("kim", "lee", *LEAVE)
    world.system.undo(outcome.batch_id or "")
    assert [row for row in world.state()["assignment"] if not row["voided"]] == before
    again = world.system.cover("kim", "lee", *LEAVE)
    ended = world.system.end(again.assignments[0], on="2026-03-12").assignment
    assert ended.period == Period("2026-03-09", "2026-03-12")
    with pytest.raises(RuleViolationError, match="changed-since"):
        world.system.undo(again.batch_id or "")
    assert stint_of(world, first) == first


@pytest.mark.parametrize(
    ("by", "start", "end", "error", "match"),
    [
        ("kim", *LEAVE, InvalidRecordError, "^Cover.by .*is to be covered"),
        ("lee", "2026-03-09", "2026-03-09", InvalidRecordError, "^Cover.end .*first day on which the user is back"),
        ("lee", "2026-03-09", None, InvalidRecordError, "^Cover.end .*first day on which the user is back"),
        ("lee", "2026-03-09", "2026-03-08", InvalidRecordError, "before the start"),
        ("lee", None, "2026-03-08", InvalidRecordError, "is no day"),
        ("nobody", *LEAVE, NotFoundError, "no user with id nobody"),
        (SYSTEM, *LEAVE, RuleViolationError, "not-a-case-manager"),
        (ME, *LEAVE, RuleViolationError, "not-a-case-manager"),
        ("gone", *LEAVE, RuleViolationError, "case-manager-left"),
        ("bo", *LEAVE, RuleViolationError, "no-access"),
        ("clerk", *LEAVE, RuleViolationError, "not-a-case-manager"),
    ],
)
def test_what_is_no_cover_is_refused_and_writes_nothing(
    world: World, by: Any, start: Any, end: Any, error: type[Exception], match: str
) -> None:
    """SPEC 6.14, 5: a span of days, somebody else, who may hold the cases."""
    caseload(world, "01-10")
    lines = world.lines()
    with pytest.raises(error, match=match):
        world.system.cover("kim", by, start, end)
    with pytest.raises(NotFoundError):
        world.system.cover("nobody", "lee", *LEAVE)
    assert world.lines() == lines


def test_cover_needs_its_own_permission_and_leaves_what_one_may_not_see(world: World) -> None:
    """SPEC 8.1, 8.2: caseload.cover; cases of other organizations are withheld and counted."""
    mine = caseload(world, "01-10", user="sam")[0]
    world.stay("c2", project="th", case_manager="sam")
    for actor in ("kim", "super", "sam", "gone"):
        with pytest.raises(PermissionDeniedError) as denied:
            world.as_(actor).cover("sam", "lee", *LEAVE)
        assert denied.value.action == "caseload.cover"
    may = User(user_id="may", organization_ids=frozenset({"haven"}), permissions=frozenset({"caseload.cover"}))
    world.system.add(may)
    outcome = world.as_("may").cover("sam", ME, *LEAVE)
    assert (outcome.assignment.user_id, outcome.assignment.enrollment_id) == ("may", mine.enrollment_id)
    assert outcome.withheld == 1


def test_a_cover_with_a_command_id_happens_once_and_a_dry_run_not_at_all(any_world: World) -> None:
    """SPEC 6: the first outcome again, also once it is over."""
    world = any_world
    caseload(world, "01-10")
    lines = world.lines()
    would = world.system.cover("kim", "lee", *LEAVE, dry_run=True)
    assert (len(would.changes), would.batch_id, world.lines()) == (1, None, lines)
    first = world.system.cover("kim", "lee", *LEAVE, command_id="once")
    world.system.void(first.assignment, "wrong")
    assert world.system.cover("kim", "lee", *LEAVE, command_id="once") == first


def test_a_store_that_fails_half_way_leaves_nothing_changed(any_world: World) -> None:
    """SPEC 6, issue 3: whichever write fails, nothing of it is kept."""
    caseload(any_world, "01-10", "01-11")
    assert_nothing_is_half_done(any_world, lambda front: front.cover("kim", "lee", *LEAVE, reason="a week off"))


def test_a_deleted_enrollment_and_a_voided_stint_are_not_covered(world: World) -> None:
    """SPEC 5.4, 4.2: neither is a case."""
    deleted, voided = caseload(world, "01-10", "01-11")
    world.system.void(voided, "wrong")
    stay = next(stay for stay in records(world)[0] if stay.enrollment_id == deleted.enrollment_id)
    world.put_raw(attrs.evolve(stay, deleted=True))
    assert world.system.cover("kim", "lee", *LEAVE).changes == ()


@pytest.mark.slow
@settings(max_examples=effort(60))
@given(
    SEQUENCES, st.sampled_from(["kim", "lee", "sam"]), st.sampled_from(["kim", "lee", "sam"]), DAYS, st.integers(1, 9)
)
def test_a_covered_case_is_held_by_the_stand_in_on_those_days_and_nothing_else_changes(
    acts: list[tuple[Any, ...]], holder: str, by: str, start: date, length: int
) -> None:
    """SPEC 6.14: as of each day of the span, exactly where the holder holds a case and the stand-in did not."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    span = Period(start, start + timedelta(days=length))
    days = [TODAY + timedelta(days=n) for n in range(-9, 18)]
    before = {on: holders(world, on) for on in days}
    if holder == by:
        return
    live = {stay.enrollment_id for stay in records(world)[0] if not stay.deleted}
    with world.store.transaction() as tx:
        stand_in = tx.users.get([by])[by]
    if stand_in.left_on is not None:
        return
    outcome = world.system.cover(holder, by, span.start, span.end or start)
    for on in days:
        own = {key for key, role, user in before[on] if user == holder and role != "Cover" and key in live}
        already = {key for key, _, user in before[on] if user == by}
        given = {(key, "Cover", by) for key in own - already} if on in span else set()
        assert holders(world, on) == before[on] | given
    check(world)
    if outcome.batch_id is not None:
        world.system.undo(outcome.batch_id)
        assert {on: holders(world, on) for on in days} == before


def test_a_dirty_stint_that_cannot_be_covered_refuses_the_cover(world: World) -> None:
    """SPEC 5.1: a cover past the exit of a stint that is not kept would break a rule."""
    world.put_raw(
        Enrollment(enrollment_id="e", personal_id="c1", project_id="es", entry_date=day("01-10"), exit_date=TODAY),
        CaseAssignment(assignment_id="a", enrollment_id="e", user_id="kim", start_date=day("01-10")),
    )
    with pytest.raises(RuleViolationError, match="starts-after-exit"):
        world.system.cover("kim", "lee", *LEAVE)
