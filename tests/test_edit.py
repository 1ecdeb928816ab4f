"""Editing an enrollment: the pen."""

from __future__ import annotations

import pytest
from hypothesis import given
from test_assign import refused
from test_exit import stints
from test_period import days_of, periods
from world import World, day

from caseassign import CaseAssignment, Enrollment, Period, RuleViolationError


def test_an_edit_that_leaves_stints_outside_is_refused_with_the_violations(world: World) -> None:
    """SPEC 6.10: refused with the violations if stints would fall outside."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-01-10")
    refused(lambda: world.kim.edit_enrollment(stay, entry_date="2026-01-11"), "starts-before-entry")
    refused(lambda: world.kim.edit_enrollment(stay, exit_date="2026-02-01"), "open-after-exit")
    refused(
        lambda: world.kim.edit_enrollment(stay, exit_date="2026-01-09"),
        "exits-before-entry",
        "starts-after-exit",
        "open-after-exit",
    )


def test_adjusting_clips_or_voids_and_reports_each(world: World) -> None:
    """SPEC 6.10: with adjust=True it clips or voids them and reports each."""
    stay = world.stay()
    over = world.kim.assign(stay, "sam", start="2026-01-10", end="2026-01-20").assignment
    running = world.kim.assign(stay, start="2026-01-10").assignment
    later = world.kim.assign(stay, "lee", start="2026-03-01").assignment
    within = world.kim.assign(stay, "lee", start="2026-02-01", end="2026-02-05").assignment
    outcome = world.kim.edit_enrollment(stay, entry_date="2026-01-25", exit_date="2026-02-10", adjust=True)
    after = {stint.assignment_id: stint for stint in outcome.assignments}
    assert set(after) == {over.assignment_id, running.assignment_id, later.assignment_id}
    assert after[over.assignment_id].voided
    assert after[later.assignment_id].voided
    assert after[running.assignment_id].period == Period(day("01-25"), day("02-10"))
    assert stints(world)[within.assignment_id] == within


@given(stay=periods(), stint=periods())
def test_adjusted_stints_are_the_days_that_lie_within_the_stay(stay: Period, stint: Period) -> None:
    """SPEC 6.10: no day is invented and none that fits is lost; after adjusting nothing is refused."""
    world = World()
    enrollment = Enrollment(enrollment_id="e", personal_id="c1", project_id="es", entry_date=day("01-10"))
    held = CaseAssignment(
        assignment_id="a", enrollment_id="e", user_id="kim", start_date=stint.start, end_date=stint.end
    )
    world.put_raw(enrollment, held)
    world.kim.edit_enrollment("e", entry_date=stay.start, exit_date=stay.end, adjust=True)
    left = [days_of(adjusted.period) for adjusted in stints(world).values()]
    assert (left[0] if left else set()) == days_of(stay) & days_of(stint)
    assert not any(finding.required for finding in world.system.audit())


def test_an_edit_sets_its_days_right_or_not_at_all(world: World) -> None:
    """SPEC 5.1: an act may not leave a violation on a day that it sets itself."""
    stay = world.stay(entry="02-01")
    dirty = CaseAssignment(
        assignment_id="d",
        enrollment_id=stay.enrollment_id,
        user_id="kim",
        start_date=day("01-01"),
        end_date=day("02-10"),
    )
    world.put_raw(dirty)
    world.kim.edit_enrollment(stay, exit_date="2026-03-01")
    with pytest.raises(RuleViolationError):
        world.kim.edit_enrollment(stay, entry_date="2026-01-15")
    world.kim.edit_enrollment(stay, entry_date="2026-01-01")


def test_an_edit_may_not_leave_wrong_what_lies_before_the_day_that_it_sets(world: World) -> None:
    """SPEC 5.1: the entry day is set, and a stint that came in before it would still lie before it."""
    stay = world.stay(entry="02-01")
    values = {"enrollment_id": stay.enrollment_id, "user_id": "kim", "start_date": day("01-01")}
    world.put_raw(CaseAssignment(assignment_id="d", **values))  # type: ignore[arg-type]  # the values of its own fields
    refused(lambda: world.kim.edit_enrollment(stay, entry_date="2026-01-15"), "starts-before-entry")
    world.kim.edit_enrollment(stay, entry_date="2026-01-01")


def test_opening_an_enrollment_again_keeps_nothing_past_an_exit(world: World) -> None:
    """SPEC 6.8, 6.10: without an exit there is nothing to be kept past."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    outcome = world.kim.edit_enrollment(stay, exit_date=None)
    assert (outcome.assignment.assignment_id, outcome.assignment.kept_after_exit) == (stint.assignment_id, False)


def test_a_kept_stint_is_not_clipped_to_a_moved_exit(world: World) -> None:
    """SPEC 6.8: it is exempt from the exit rules."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    world.kim.edit_enrollment(stay, exit_date="2026-02-10", adjust=True)
    assert [stint.end_date for stint in stints(world).values()] == [None]


def test_relationship_and_household_are_edited(world: World) -> None:
    """SPEC 6.10: dates, relationship to the head, household; what is left out is unchanged."""
    stay = world.stay()
    edited = world.kim.edit_enrollment(stay, relationship_to_hoh=3, household_id="h9").enrollment
    assert (edited.relationship_to_hoh, edited.household_id, edited.entry_date) == (3, "h9", stay.entry_date)
    assert world.kim.edit_enrollment(stay, relationship_to_hoh=3).changes == ()


def test_adjusting_does_not_hide_an_exit_before_the_entry(world: World) -> None:
    """SPEC 6.10: nonsense is refused, adjusted or not."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-01-10")
    with pytest.raises(RuleViolationError, match="exits-before-entry"):
        world.kim.edit_enrollment(stay, exit_date="2026-01-01", adjust=True)
