"""A draft and its branches: what is tried out counts once it is joined; and what a user holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reassign import caseload
from world import PROJECTS, TODAY, World, day, effort

from caseassign import (
    SYSTEM,
    CaseAssignment,
    Enrollment,
    Period,
    PermissionDeniedError,
    RuleViolationError,
    User,
)
from caseassign.acts.assign import end_on, start_stint
from caseassign.acts.caseload import Held, Part, by_household, held_by
from caseassign.acts.check import check_draft, introduced
from caseassign.acts.draft import Draft
from caseassign.desk import Desk
from caseassign.history import RecordKey
from caseassign.model import Actor
from caseassign.policy import Action


@contextmanager
def drafting(world: World, user: str | Actor = SYSTEM, action: Action = Action.ASSIGNMENT_START) -> Iterator[Draft]:
    """A draft of which nothing is written."""
    front = world.as_(user)
    desk: Desk = front._desk  # a draft stands on what the front door has bound
    with world.store.transaction() as tx:
        yield Draft(desk, tx, action)


def key_of(stint: CaseAssignment) -> RecordKey:
    """The key of a stint."""
    return RecordKey("assignment", stint.assignment_id)


def test_a_branch_sees_what_it_stands_on_and_keeps_what_it_puts_to_itself(any_world: World) -> None:
    """SPEC 6.11: planning is trying, and what was only tried leaves no trace."""
    world = any_world
    old = caseload(world, "01-10")[0]
    with drafting(world) as draft:
        stay = draft.enrollment(old.enrollment_id)
        end_on(draft, old, TODAY)
        branch = draft.branch()
        assert branch.stints(stay.enrollment_id) == [attrs.evolve(old, end_date=TODAY)]
        assert branch.before(key_of(old)) == branch.now(key_of(old)) == attrs.evolve(old, end_date=TODAY)
        assert draft.before(key_of(old)) == old
        new = start_stint(branch, stay, "lee", Period(TODAY))
        end_on(branch, old, day("03-01"))
        assert branch.before(key_of(old)) == attrs.evolve(old, end_date=TODAY)
        assert branch.stints(stay.enrollment_id) == [attrs.evolve(old, end_date=day("03-01")), new]
        assert (branch.before(key_of(new)), branch.now(key_of(new)), draft.now(key_of(new))) == (None, new, None)
        assert draft.stints(stay.enrollment_id) == [attrs.evolve(old, end_date=TODAY)]
        assert (branch.caseload("lee"), draft.caseload("lee")) == ([new.assignment_id], [])
        assert [after for _, after, _ in draft.changes()] == [attrs.evolve(old, end_date=TODAY)]


def test_a_joined_branch_counts_as_if_it_had_been_done_at_once(any_world: World) -> None:
    """SPEC 6.11: records, guards, days that are set, what is answered and skipped."""
    world = any_world
    one, other = caseload(world, "01-10", "01-11")
    with drafting(world, "super", Action.CASELOAD_REASSIGN) as draft:
        for stint in (one, other):
            branch = draft.branch()
            stay = branch.enrollment(stint.enrollment_id)
            end_on(branch, stint, TODAY)
            branch.sets(stint, "end_date")
            branch.skip(stay, "why not")
            start_stint(branch, stay, "lee", Period(TODAY))
            start_stint(branch, stay, "gone", Period(TODAY))
            assert {v.code for v in introduced(branch)} == {"case-manager-left"}
            draft.join(branch)
        assert [len(draft.stints(stint.enrollment_id)) for stint in (one, other)] == [3, 3]
        assert len(draft.caseload("lee")) == 2
        assert len(draft.changes()) == 6
        assert {action for _, _, action in draft.changes()} == {Action.CASELOAD_REASSIGN}
        outcome = draft.outcome((), None)
        assert [stint.user_id for stint in outcome.assignments] == ["lee", "gone"] * 2
        assert [skipped.id for skipped in outcome.skipped] == [one.enrollment_id, other.enrollment_id]
        assert len(draft.days_set) == 2
        with pytest.raises(RuleViolationError) as refused:
            check_draft(draft)
        assert [v.code for v in refused.value.violations] == ["case-manager-left"] * 2


def test_branches_stand_on_branches(world: World) -> None:
    """SPEC 6.11: a plan is made again inside of what is tried out, and one branch knows what was joined before it."""
    stint = caseload(world, "01-10")[0]
    with drafting(world) as draft:
        stay = draft.enrollment(stint.enrollment_id)
        outer = draft.branch()
        start_stint(outer, stay, "lee", Period(TODAY))
        inner = outer.branch()
        second = start_stint(inner, stay, "lee", Period(day("06-01")))
        assert {v.code for v in introduced(inner)} == {"overlaps-own"}
        assert introduced(outer) == ()
        assert len(inner.caseload("lee")) == 2
        outer.join(inner)
        assert {v.code for v in introduced(outer)} == {"overlaps-own"}
        assert outer.now(key_of(second)) == second
        assert draft.stints(stay.enrollment_id) == [stint]
        check_draft(draft)
        draft.join(outer)
        with pytest.raises(RuleViolationError, match="overlaps-own"):
            check_draft(draft)


def test_a_branch_finds_a_household_as_it_was_tried_out(world: World) -> None:
    """SPEC 6.15: who joined, who left, by entry and id."""
    family = world.family(2)
    alone = world.stay("c3", entry="01-05")
    with drafting(world) as draft:
        branch = draft.branch()
        for member, household_id in ((family[1], None), (alone, family[0].household_id)):
            stay = branch.enrollment(member.enrollment_id)
            branch.put(attrs.evolve(stay, household_id=household_id))
        assert [m.personal_id for m in branch.household(branch.enrollment(family[0].enrollment_id))] == ["c3", "c1"]
        assert [m.personal_id for m in draft.household(family[0])] == ["c1", "c2"]
        assert draft.household(attrs.evolve(alone, household_id=None)) == [alone]


@pytest.mark.parametrize("user", ["kim", "bo"])
def test_a_branch_asks_the_policy_like_its_trunk(world: World, user: str) -> None:
    """SPEC 8.1: whatever is opened, on whatever branch."""
    stay = world.stay()
    with drafting(world, user) as draft:
        branch = draft.branch()
        assert (branch.actor, branch.found) == (draft.actor, draft.found)
        if user == "bo":
            with pytest.raises(PermissionDeniedError, match="no access"):
                branch.enrollment(stay.enrollment_id)
        else:
            assert branch.enrollment(stay.enrollment_id) == draft.enrollment(stay.enrollment_id) == stay


def test_a_caseload_is_what_is_held_and_may_be_seen(any_world: World) -> None:
    """SPEC 8.2, 4.2, 5.4: neither void nor deleted, and what is withheld is counted."""
    world = any_world
    mine, void, gone = caseload(world, "01-10", "01-11", "01-12", user="sam")
    world.system.void(void, "wrong")
    world.system.end(gone, on="2026-02-01")
    world.stay("c4", project="th", case_manager="sam")
    deleted = Enrollment(enrollment_id="deleted", personal_id="c5", project_id="th", entry_date=TODAY, deleted=True)
    world.put_raw(
        deleted,
        CaseAssignment(assignment_id="deleted", enrollment_id="deleted", user_id="sam", start_date=TODAY),
    )
    sam = User(user_id="sam")
    for user, withheld, on in (("super", 1, TODAY), (SYSTEM, 0, TODAY), ("super", 1, day("01-20"))):
        with drafting(world, user, Action.CASELOAD_REASSIGN) as draft:
            cases = held_by(draft, sam, on)
            seen = {case.stint.assignment_id for case in cases}
            assert mine.assignment_id in seen
            assert (gone.assignment_id in seen) == (on < TODAY)
            assert not seen & {void.assignment_id, "deleted"}
            assert draft.withheld == withheld
            assert all(case.project.project_id == case.enrollment.project_id for case in cases)


def case_of(number: int, household: int | None) -> Held:
    """A case in a household, or in none."""
    with_id = None if household is None else f"h{household}"
    stay = Enrollment(
        enrollment_id=f"e{number}", personal_id=f"c{number}", project_id="es", household_id=with_id, entry_date=TODAY
    )
    stint = CaseAssignment(
        assignment_id=f"a{number}", enrollment_id=stay.enrollment_id, user_id="kim", start_date=TODAY
    )
    return Held(stint=stint, enrollment=stay, project=PROJECTS[0])


@settings(max_examples=effort(100))
@given(st.lists(st.none() | st.integers(0, 3), max_size=8), st.sets(st.integers(0, 7)), st.randoms())
def test_a_household_is_meant_whole_and_comes_in_one_order(
    households: list[int | None], clients: set[int], random: Random
) -> None:
    """SPEC 6.11: if one member is meant all are; the largest first, whatever the order of the cases."""
    cases = [case_of(number, household) for number, household in enumerate(households)]
    part = Part(clients=[f"c{number}" for number in clients])
    meant = part.of(cases)
    named = [case for case in cases if int(case.enrollment.personal_id[1:]) in clients]
    assert Part(clients=part.clients, whole_households=False).of(cases) == named
    assert meant == [case for case in cases if case.household in {one.household for one in named}]
    grouped = by_household(meant)
    assert [case for of_one in grouped for case in of_one] == sorted(
        meant, key=lambda case: (-sum(c.household == case.household for c in meant), case.household, cases.index(case))
    )
    shuffled = list(meant)
    random.shuffle(shuffled)
    assert [of_one[0].household for of_one in by_household(shuffled)] == [of_one[0].household for of_one in grouped]
