"""Exiting an enrollment or a household, and undoing it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from test_assign import refused
from world import World, day

from caseassign import CaseAssignment, Enrollment, InvalidRecordError, NotFoundError, Violation
from caseassign.rules import EnrollmentFacts


def stints(world: World, client: str = "c1") -> dict[str, CaseAssignment]:
    """The live stints of a client, by id."""
    cases = world.system.case_managers(client)
    return {case.assignment.assignment_id: case.assignment for case in cases if case.assignment}


def test_the_box_is_ticked_by_default(world: World) -> None:
    """SPEC 6.7: every stint that is active as of the exit day, or ends later, ends on the exit day."""
    stay = world.stay()
    open_ended = world.kim.assign(stay, start="2026-02-01").assignment
    planned = world.kim.assign(stay, "lee", start="2026-02-01", end="2026-12-01").assignment
    over = world.kim.assign(stay, "sam", start="2026-02-01", end="2026-02-05").assignment
    outcome = world.kim.exit(stay, on="2026-02-20")
    assert outcome.enrollment.exit_date == day("02-20")
    assert {s.assignment_id for s in outcome.assignments} == {open_ended.assignment_id, planned.assignment_id}
    assert {s.end_date for s in outcome.assignments} == {day("02-20")}
    assert stints(world)[over.assignment_id] == over


def test_an_exit_before_an_assignments_start_voids_it(world: World) -> None:
    """SPEC 6.7: every stint that starts later, ended or not, is voided, and all are named in the outcome."""
    stay = world.stay()
    later = world.kim.assign(stay, start="2026-03-10").assignment
    ended = world.kim.assign(stay, "lee", start="2026-03-10", end="2026-03-20").assignment
    outcome = world.kim.exit(stay, on="2026-03-05", end_assignments=False)
    assert {s.assignment_id: s.voided for s in outcome.assignments} == {
        later.assignment_id: True,
        ended.assignment_id: True,
    }


def test_an_exit_on_the_entry_day_is_a_same_day_stay(world: World) -> None:
    """SPEC 3.3, 6.7: it is legal, and its stint is a same-day stint."""
    outcome = world.kim.enroll("c1", "es", on="2026-02-20")
    exited = world.kim.exit(outcome.enrollment, on="2026-02-20")
    assert exited.assignment.start_date == exited.assignment.end_date == exited.enrollment.exit_date
    refused(lambda: world.kim.exit(world.stay("c2"), on="2026-01-09"), "exits-before-entry")


def test_what_is_left_unticked_is_kept(world: World) -> None:
    """SPEC 6.8: legal, exempt from the exit rules, listed by the audit, ended like any other."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    outcome = world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    assert outcome.assignment.kept_after_exit
    assert len(world.kim.active_cases()) == 1
    assert [finding.code for finding in world.system.audit()] == ["kept-after-exit"]
    world.kim.end(stint)
    assert list(world.system.audit()) == []


def test_the_box_is_per_case_manager(world: World) -> None:
    """SPEC 6.7: name the stints to end; the others that run past the exit are kept."""
    stay = world.stay()
    kims = world.kim.assign(stay, start="2026-02-01").assignment
    lees = world.kim.assign(stay, "lee", start="2026-02-01").assignment
    outcome = world.kim.exit(stay, on="2026-02-20", end_assignments=[lees])
    by_user = {stint.user_id: stint for stint in outcome.assignments}
    assert (by_user["lee"].end_date, by_user["lee"].kept_after_exit) == (day("02-20"), False)
    assert (by_user["kim"].end_date, by_user["kim"].kept_after_exit) == (None, True)
    assert kims.assignment_id in stints(world)


def test_a_named_stint_of_another_enrollment_is_refused(world: World) -> None:
    """SPEC 6.7: a named stint of another enrollment is refused, an unknown one is not found."""
    other = world.kim.assign(world.stay("c2")).assignment
    stay = world.stay()
    refused(lambda: world.kim.exit(stay, end_assignments=[other]), "wrong-enrollment")
    with pytest.raises(NotFoundError):
        world.kim.exit(stay, end_assignments=["nothing"])


def test_exiting_again_writes_nothing_or_hints_at_edit(world: World) -> None:
    """SPEC 6.7: on the same day a no-op, on another day refused with a hint to edit."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    world.kim.exit(stay, on="2026-02-20")
    again = world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    assert (again.changes, again.batch_id, again.enrollment.exit_date) == ((), None, day("02-20"))
    assert "edit" in str(refused(lambda: world.kim.exit(stay, on="2026-02-21"), "already-exited"))


def test_a_household_exits_without_those_who_are_gone_or_not_yet_there(world: World) -> None:
    """SPEC 6.7: all open members of a household; a household of four with one exited member."""
    family = world.family(4)
    for member in family:
        world.kim.assign(member, start="2026-01-20")
    world.kim.exit(family[3], on="2026-02-01")
    late = world.system.enroll("c5", "es", on="2026-03-20", household_id=family[0].household_id, case_manager=None)
    outcome = world.kim.exit(family[0], on="2026-02-20", household=True)
    assert [e.enrollment_id for e in outcome.enrollments] == [member.enrollment_id for member in family[:3]]
    assert {stint.end_date for stint in outcome.assignments} == {day("02-20")}
    assert len(outcome.assignments) == 3
    assert {skipped.id: skipped.reason for skipped in outcome.skipped} == {
        family[3].enrollment_id: "the member has exited already",
        late.enrollment.enrollment_id: "the member enters after the exit",
    }


def test_the_others_of_a_household_exit_after_the_one_who_has(world: World) -> None:
    """SPEC 6.7: exiting again on the same day writes nothing of that member, and the others still exit."""
    family = world.family(3)
    world.kim.exit(family[0], on="2026-02-20")
    outcome = world.kim.exit(family[0], on="2026-02-20", household=True)
    assert [line.record.id for line in outcome.changes] == [member.enrollment_id for member in family[1:]]


def test_a_stint_that_was_marked_as_kept_too_early_is_kept_no_more(world: World) -> None:
    """SPEC 6.8: a record that came in dirty; with its box ticked it ends, and nothing is kept."""
    stay = world.stay()
    values = {"enrollment_id": stay.enrollment_id, "user_id": "kim", "start_date": day("02-01")}
    world.put_raw(CaseAssignment(assignment_id="d", kept_after_exit=True, **values))  # type: ignore[arg-type]  # the values of its own fields
    ended = world.kim.exit(stay, on="2026-02-20").assignment
    assert (ended.end_date, ended.kept_after_exit) == (day("02-20"), False)


def forty_days(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An agency's rule: a stay lasts forty days at most."""
    stay = facts.enrollment
    if ((stay.exit_date or facts.as_of) - stay.entry_date).days > 40:
        yield Violation("forty-days", "exit_date", [stay.enrollment_id], "the stay lasts more than forty days")


def test_an_exit_sets_its_day_and_may_not_leave_it_wrong(world: World) -> None:
    """SPEC 5.1: an act may leave a violation that it found, but not on a day that it sets itself."""
    stay = world.stay(entry="01-10")
    strict = world.as_("kim", required=(forty_days,))
    refused(lambda: strict.exit(stay), "forty-days")
    strict.exit(stay, on="2026-02-19")
    family = [world.stay(client, household_id="h") for client in ("c2", "c3")]
    refused(lambda: strict.exit(family[0], household=True), "forty-days", "forty-days")


def test_an_enrollment_without_household_id_exits_alone(world: World) -> None:
    """SPEC 6.7, 9.1: no HouseholdID is a household of its own."""
    alone = Enrollment(enrollment_id="e1", personal_id="c1", project_id="es", entry_date=day("01-10"))
    other = Enrollment(enrollment_id="e2", personal_id="c2", project_id="es", entry_date=day("01-10"))
    world.put_raw(alone, other)
    assert [e.enrollment_id for e in world.kim.exit("e1", household=True).enrollments] == ["e1"]


def test_a_dirty_overlap_does_not_stop_an_exit(world: World) -> None:
    """SPEC 5.1: ending is never refused by a rule, and an act may leave a violation that it found."""
    stay = world.stay()
    world.put_raw(
        *(
            CaseAssignment(assignment_id=key, enrollment_id=stay.enrollment_id, user_id="kim", start_date=day("01-20"))
            for key in ("d1", "d2")
        )
    )
    assert len(world.kim.exit(stay).assignments) == 2


# undo


def test_undoing_an_exit_restores_what_it_ended_shortened_voided_and_kept(world: World) -> None:
    """SPEC 6.9: restores each stint that is still as that exit left it."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    world.kim.assign(stay, "lee", start="2026-02-01", end="2026-12-01")
    world.kim.assign(stay, "sam", start="2026-03-10")
    kept = world.kim.assign(stay, "lee", start="2026-02-01", role="Navigator").assignment
    before = world.state()
    to_end = [stint for stint in stints(world).values() if stint != kept]
    world.kim.exit(stay, on="2026-02-20", end_assignments=to_end)
    assert world.state() != before
    world.kim.undo_exit(stay)
    assert world.state() == before


def test_undo_of_an_exit_that_had_ended_two_of_three_stints(world: World) -> None:
    """SPEC 6.9, 11: re-opening does not restore what had ended long before."""
    stay = world.stay()
    over = world.kim.assign(stay, "sam", start="2026-01-20", end="2026-02-01").assignment
    world.kim.assign(stay, start="2026-02-01")
    world.kim.assign(stay, "lee", start="2026-02-01")
    world.kim.exit(stay, on="2026-02-20")
    outcome = world.kim.undo_exit(stay)
    assert {stint.user_id for stint in outcome.assignments} == {"kim", "lee"}
    assert {stint.end_date for stint in outcome.assignments} == {None}
    assert stints(world)[over.assignment_id].end_date == day("02-01")


def test_a_stint_that_changed_since_the_exit_is_named_and_left(world: World) -> None:
    """SPEC 6.9: names those that are not as the exit left them, and touches no others."""
    stay = world.stay()
    kims = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.assign(stay, "lee", start="2026-02-01")
    world.kim.exit(stay, on="2026-02-20")
    world.kim.amend(kims, end_date="2026-02-15")
    outcome = world.kim.undo_exit(stay)
    assert [stint.user_id for stint in outcome.assignments] == ["lee"]
    assert [skipped.id for skipped in outcome.skipped] == [kims.assignment_id]
    assert stints(world)[kims.assignment_id].end_date == day("02-15")


def test_stints_added_since_stay_and_an_overlap_with_them_refuses_the_undo(world: World) -> None:
    """SPEC 6.9: an overlap refuses the undo."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    world.kim.end(stint, on="2026-02-25")
    world.kim.reactivate(stint, on="2026-02-26")
    other = world.stay("c2")
    ended = world.kim.assign(other, start="2026-02-01").assignment
    world.kim.exit(other, on="2026-02-20")
    assert world.kim.undo_exit(stay).skipped[0].id == stint.assignment_id
    world.put_raw(
        CaseAssignment(
            assignment_id="since",
            enrollment_id=other.enrollment_id,
            user_id="kim",
            start_date=day("02-22"),
            kept_after_exit=True,
        )
    )
    error = refused(lambda: world.kim.undo_exit(other), "overlaps-own")
    assert set(error.violations[0].ids) == {"since", ended.assignment_id}


def test_a_household_that_exited_together_is_opened_together(world: World) -> None:
    """SPEC 6.9: with household=True every member that the same act exited, and nobody else."""
    family = world.family(4)
    for member in family:
        world.kim.assign(member, start="2026-01-20")
    world.kim.exit(family[3], on="2026-02-01")
    world.kim.exit(family[0], on="2026-02-20", household=True)
    world.kim.edit_enrollment(family[2], exit_date="2026-02-19", adjust=True)
    outcome = world.kim.undo_exit(family[0], household=True)
    assert [e.enrollment_id for e in outcome.enrollments] == [member.enrollment_id for member in family[:3]]
    assert [skipped.reason for skipped in outcome.skipped] == ["the assignment is no longer as the exit left it"]


def test_a_member_whom_another_act_exited_stays_exited(world: World) -> None:
    """SPEC 6.9: every member that the same act exited, even if another one did the same on the same day."""
    family = world.family(3)
    world.kim.exit(family[0], on="2026-02-20", household=True)
    world.kim.undo_exit(family[1])
    world.kim.exit(family[1], on="2026-02-20")
    world.kim.undo_exit(family[2])
    outcome = world.kim.undo_exit(family[0], household=True)
    assert [e.enrollment_id for e in outcome.enrollments] == [family[0].enrollment_id]
    assert {skipped.id for skipped in outcome.skipped} == {family[1].enrollment_id, family[2].enrollment_id}


def test_nothing_is_kept_on_an_enrollment_that_is_open_again(world: World) -> None:
    """SPEC 6.8, 6.9: kept is what is left unticked at an exit, and there is none any more."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-01-10").assignment
    world.kim.exit(stay, on="2026-02-01", end_assignments=False)
    lees = world.kim.hand_over(stint, "lee", on="2026-02-10").assignments[1]
    outcome = world.kim.undo_exit(stay)
    assert lees.assignment_id in {stint.assignment_id for stint in outcome.assignments}
    assert not any(stint.kept_after_exit for stint in stints(world).values())
    refused(lambda: world.kim.edit_enrollment(stay, exit_date="2026-03-01"), "open-after-exit")
    world.kim.exit(stay, on="2026-02-15")
    refused(lambda: world.kim.amend(lees, end_date=None), "open-after-exit")


def test_assignments_to_end_are_given_in_a_list(world: World) -> None:
    """SPEC 6.7: one assignment alone is refused with a sentence, and not taken apart."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    for alone in (stint, stint.assignment_id):
        with pytest.raises(InvalidRecordError, match=r"^Exit\.end_assignments is one assignment: give a list"):
            world.kim.exit(stay, end_assignments=alone)  # type: ignore[arg-type]  # wrong on purpose


def test_one_member_can_be_opened_alone(world: World) -> None:
    """SPEC 6.9: without household=True only the enrollment that was named."""
    family = world.family(2)
    world.kim.exit(family[0], on="2026-02-20", household=True)
    assert [e.enrollment_id for e in world.kim.undo_exit(family[0]).enrollments] == [family[0].enrollment_id]


def test_an_exit_that_no_act_made_is_opened_by_editing(world: World) -> None:
    """SPEC 6.9: refused with a hint to edit."""
    imported = Enrollment(
        enrollment_id="e1", personal_id="c1", project_id="es", entry_date=day("01-10"), exit_date=day("02-01")
    )
    world.put_raw(imported)
    assert "edit" in str(refused(lambda: world.kim.undo_exit("e1"), "exit-not-by-act"))
    assert world.kim.edit_enrollment("e1", exit_date=None).enrollment.exit_date is None


def test_undoing_what_is_not_exited_writes_nothing(world: World) -> None:
    """SPEC 6.9: undoing what is not exited writes nothing."""
    assert world.kim.undo_exit(world.stay()).changes == ()


def test_the_latest_exit_is_the_one_that_is_undone(world: World) -> None:
    """SPEC 6.9: exit, undo, exit again, undo again."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    before = world.state()
    for on in ("2026-02-20", "2026-02-25"):
        world.kim.exit(stay, on=on)
        world.kim.undo_exit(stay)
        assert world.state() == before


def test_an_edit_since_the_exit_does_not_hide_it(world: World) -> None:
    """SPEC 6.9: the exit is found behind whatever was written of the enrollment since."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-20")
    world.kim.edit_enrollment(stay, relationship_to_hoh=3)
    undone = world.kim.undo_exit(stay).assignment
    assert (undone, undone.batch_id) == (stint, stints(world)[stint.assignment_id].batch_id)


def test_an_exit_made_by_an_edit_is_undone_with_what_it_adjusted(world: World) -> None:
    """SPEC 6.9, 6.10: an edit is an act as well."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    before = world.state()
    world.kim.edit_enrollment(stay, exit_date="2026-02-20", adjust=True)
    world.kim.undo_exit(stay)
    assert world.state() == before
