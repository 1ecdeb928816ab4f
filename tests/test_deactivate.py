"""A user leaves: from a day on, with a plan for their caseload or without one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from test_invariants import check, that_counts
from test_reassign import assert_nothing_is_half_done, caseload, codes, held, stint_of, user
from world import TODAY, World, day

from caseassign import (
    ADVISORY_RULES,
    SYSTEM,
    DefaultPolicy,
    InvalidRecordError,
    NotFoundError,
    PermissionDeniedError,
    Request,
    RuleViolationError,
    User,
    caseload_at_most,
)


def leaver(world: World, key: str = "kim") -> User:
    """The user as they stand."""
    with world.store.transaction() as tx:
        return tx.users.get([key])[key]


def test_without_a_plan_it_is_said_what_they_hold_and_that_it_stays(any_world: World) -> None:
    """SPEC 6.13: what is held on that day or later is listed, and the audit finds what is active on who has left."""
    world = any_world
    going_on, ending, upcoming, over, empty = caseload(world, "01-10", "01-10", "01-10", "01-10", "01-10")
    world.system.amend(ending, end_date="2026-04-01")
    world.system.amend(upcoming, start_date="2026-05-01")
    world.system.amend(over, end_date="2026-03-20")
    world.system.amend(empty, start_date="2026-05-01", end_date="2026-05-01")
    outcome = world.super.deactivate("kim", on="2026-03-20", reason="moves away")
    assert leaver(world).left_on == day("03-20")
    assert [(line.action, line.reason, line.record.id) for line in outcome.changes] == [
        ("user.manage", "moves away", "kim")
    ]
    stay = {going_on.assignment_id, ending.assignment_id, upcoming.assignment_id}
    assert {skipped.id for skipped in outcome.skipped} == stay
    assert all("held-by-departed" in skipped.reason for skipped in outcome.skipped)
    assert {stint.assignment_id for stint in outcome.assignments} >= stay
    assert outcome.action == "user.manage"
    departed = [f for f in world.system.audit(as_of="2026-03-20") if f.code == "held-by-departed"]
    assert {f.assignment_id for f in departed} == {going_on.assignment_id, ending.assignment_id}
    assert world.super.deactivate("kim", on="2026-03-20").changes == ()


def test_with_a_plan_what_they_hold_is_moved_in_the_same_act(any_world: World) -> None:
    """SPEC 6.13: one batch, in which the moves are caseload.reassign and the departure is user.manage."""
    world = any_world
    first, second = caseload(world, "01-10", "01-11")
    plan = world.super.plan_reassignment("kim", ["lee", "sam"], "2026-03-06", balance=True)
    outcome = world.super.deactivate("kim", "2026-03-06", plan, reason="leaves on friday")
    assert sorted(line.action for line in outcome.changes) == ["caseload.reassign"] * 4 + ["user.manage"]
    assert len({line.batch_id for line in outcome.changes}) == 1
    assert (outcome.skipped, outcome.action, len(outcome.assignments)) == ((), "user.manage", 4)
    assert held(world, "kim", day("03-06")) == set()
    assert len(held(world, "kim", day("03-05"))) == 2
    assert {len(held(world, key, day("03-06"))) for key in ("lee", "sam")} == {1}
    assert stint_of(world, first).end_date == stint_of(world, second).end_date == day("03-06")
    assert not [f for f in world.system.audit(as_of="2026-03-06") if f.code == "held-by-departed"]
    check(world)


def test_what_the_plan_leaves_out_or_refuses_stays_and_is_named(world: World) -> None:
    """SPEC 6.13: each case once, with its reason."""
    first, second, third = caseload(world, "01-10", "01-11", "01-12")
    limited = world.as_("super", advisory=(*ADVISORY_RULES, caseload_at_most(1, hard=True)))
    plan = limited.plan_reassignment("kim", "lee")
    moved = next(line.assignment for line in plan if line.is_carried_out)
    refused = [line.assignment for line in plan if line.violations]
    plan = plan.without(refused[0])
    outcome = limited.deactivate("kim", plan=plan)
    assert {skipped.id: skipped.reason for skipped in outcome.skipped} == {
        refused[0].assignment_id: "it stays with the user who leaves (held-by-departed)",
        refused[1].assignment_id: "caseload-above",
    }
    assert {moved, *refused} == {first, second, third}
    assert held(world, "lee") == {(moved.enrollment_id, moved.role)}


def test_a_plan_for_somebody_else_or_an_outdated_one_is_refused_and_nobody_leaves(any_world: World) -> None:
    """SPEC 6.13, 6.11: nothing is half done."""
    world = any_world
    stint = caseload(world, "01-10")[0]
    plan = world.super.plan_reassignment("kim", "lee")
    state, lines = world.state(), world.lines()
    with pytest.raises(InvalidRecordError, match=r"^Deactivate\.plan .*another user's caseload"):
        world.super.deactivate("lee", plan=plan)
    assert (world.state(), world.lines()) == (state, lines)
    world.system.amend(stint, role="Navigator")
    with pytest.raises(RuleViolationError) as refused:
        world.super.deactivate("kim", plan=plan)
    assert codes(refused.value) == ["plan-outdated"]
    assert leaver(world).left_on is None
    with pytest.raises(NotFoundError, match="nobody"):
        world.super.deactivate("nobody")
    for nobody in (SYSTEM, None):
        with pytest.raises(InvalidRecordError, match="one user, or its id, is meant"):
            world.super.deactivate(nobody)  # type: ignore[arg-type]  # wrong on purpose


def test_a_departure_goes_on_where_its_plan_can_move_nothing(world: World) -> None:
    """SPEC 6.13: whoever leaves leaves; what stays with them is named, with what speaks against the receiver."""
    stint = caseload(world, "01-10")[0]
    outcome = world.super.deactivate("kim", plan=world.super.plan_reassignment("kim", "gone"))
    assert leaver(world).left_on == TODAY
    assert [(one.id, one.reason) for one in outcome.skipped] == [(stint.assignment_id, "case-manager-left")]


def test_who_leaves_gets_nothing_from_that_day_on(world: World) -> None:
    """SPEC 5, 6.13: nor does a plan of the same day give them a case."""
    caseload(world, "01-10")
    plan = world.super.plan_reassignment("kim", "lee", "2026-03-10")
    world.super.deactivate("lee", on="2026-03-11")
    world.super.apply(plan, dry_run=True)
    world.super.deactivate("lee", on="2026-03-10")
    with pytest.raises(RuleViolationError, match="plan-outdated"):
        world.super.apply(plan)


def test_a_departure_is_undone_with_its_moves(any_world: World) -> None:
    """Issue 3.3, SPEC 6.12: undone like everything else; and so is a departure on another day."""
    world = any_world
    caseload(world, "01-10", "01-11")
    before = that_counts(world)
    plan = world.super.plan_reassignment("kim", "lee")
    batch_id = world.super.deactivate("kim", plan=plan).batch_id or ""
    assert leaver(world).left_on == TODAY
    moved = world.super.deactivate("kim", on="2026-03-09").batch_id or ""
    with pytest.raises(RuleViolationError) as refused:
        world.system.undo(batch_id)
    assert [(v.code, v.field, v.ids) for v in refused.value.violations] == [("changed-since", "user_id", ("kim",))]
    world.system.undo(moved)
    world.system.undo(batch_id)
    assert that_counts(world) == before


def test_a_departure_needs_user_manage_and_its_plan_caseload_reassign(world: World) -> None:
    """SPEC 8.1, 8.2: each part of the act under its own name."""
    caseload(world, "01-10")
    plan = world.super.plan_reassignment("kim", "lee")
    user(world, "super", permissions=frozenset({"user.manage"}))
    user(world, "sam", permissions=frozenset({"caseload.reassign"}))
    user(world, "gone", permissions=frozenset({"user.manage"}))
    for actor, action in (("kim", "user.manage"), ("sam", "user.manage"), ("gone", "user.manage")):
        with pytest.raises(PermissionDeniedError) as denied:
            world.as_(actor).deactivate("kim", plan=plan)
        assert denied.value.action == action
    with pytest.raises(PermissionDeniedError) as denied:
        world.super.deactivate("kim", plan=plan)
    assert denied.value.action == "caseload.reassign"
    assert leaver(world).left_on is None
    world.super.deactivate("kim")


def test_a_host_s_policy_hears_who_leaves(world: World) -> None:
    """SPEC 8.1: a policy may ask whose caseload it is about."""

    class Guarded(DefaultPolicy):
        def denial(self, request: Request) -> str | None:
            """Nobody lets kim go."""
            about = None if request.user is None else request.user.user_id
            return "not kim" if about == "kim" else super().denial(request)

    world.as_("super", policy=Guarded()).deactivate("lee")
    with pytest.raises(PermissionDeniedError, match="not kim"):
        world.as_("super", policy=Guarded()).deactivate("kim")


def test_what_one_may_not_see_is_withheld_and_counted(world: World) -> None:
    """SPEC 8.2: a departure names no case of another organization."""
    mine = caseload(world, "01-10", user="sam")[0]
    world.stay("c2", project="th", case_manager="sam")
    outcome = world.super.deactivate("sam", plan=world.super.plan_reassignment("sam", "lee"))
    assert outcome.withheld == 1
    assert {stint.enrollment_id for stint in outcome.assignments} == {mine.enrollment_id}


def test_a_departure_with_a_command_id_happens_once_and_a_dry_run_not_at_all(any_world: World) -> None:
    """SPEC 6: the first outcome again, with what was skipped and withheld."""
    world = any_world
    caseload(world, "01-10")
    lines = world.lines()
    would: Any = world.super.deactivate("kim", dry_run=True)
    assert (len(would.changes), would.batch_id, world.lines()) == (1, None, lines)
    first = world.super.deactivate("kim", command_id="once")
    world.super.add(attrs.evolve(leaver(world), left_on=None))
    assert world.super.deactivate("kim", command_id="once") == first
    assert leaver(world).left_on is None


def test_a_store_that_fails_half_way_leaves_nothing_changed(any_world: World) -> None:
    """SPEC 6, issue 3: whichever write fails, nothing of it is kept."""
    world = any_world
    caseload(world, "01-10", "01-11")
    plan = world.system.plan_reassignment("kim", "lee")
    assert_nothing_is_half_done(world, lambda front: front.deactivate("kim", plan=plan))
