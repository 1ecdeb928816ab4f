"""Stints: assign, end, hand over, reactivate, amend, void, and the Status box."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import attrs
import pytest
from world import World, day

from caseassign import (
    SYSTEM,
    AssignmentStatus,
    CaseAssignment,
    DefaultPolicy,
    InvalidRecordError,
    NotFoundError,
    Request,
    RuleViolationError,
    User,
    Violation,
)
from caseassign.casework import Casework
from caseassign.model import KINDS
from caseassign.rules import EnrollmentFacts

FIELDS = {"end_assignments", *(field.name for kind in KINDS.values() for field in attrs.fields(kind))}
"""What a form can mark: the fields of records, and the boxes of the exit form."""


def refused(act: Any, *codes: str) -> RuleViolationError:
    """Carry out an act that must be refused with exactly these codes, each for a field that a form can mark."""
    with pytest.raises(RuleViolationError) as error:
        act()
    assert sorted(violation.code for violation in error.value.violations) == sorted(codes)
    assert {violation.field for violation in error.value.violations} <= FIELDS
    assert {violation.against or violation.field for violation in error.value.violations} <= FIELDS
    return error.value


def holders(world: World, enrollment: Any, as_of: str) -> set[str]:
    """Who holds an enrollment as of a day."""
    cases = world.system.case_managers(enrollment.personal_id, as_of=day(as_of))
    return {c.assignment.user_id for c in cases if c.assignment and c.status is AssignmentStatus.ACTIVE}


# assign


def test_assigning_defaults_to_me_from_today_until_further_notice(world: World) -> None:
    """SPEC 6.2: start defaults to today, the user to the acting user, end to none, role to "Case Manager"."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    assert (stint.user_id, stint.start_date, stint.end_date, stint.role) == ("kim", world.today, None, "Case Manager")
    assert world.kim.active_cases()[0].assignment == stint


def test_several_case_managers_at_once_are_allowed(world: World) -> None:
    """SPEC 6.2: a client can have several case managers."""
    stay = world.stay()
    world.kim.assign(stay)
    world.kim.assign(stay, "lee")
    world.kim.assign(stay, "kim", role="Navigator")
    assert holders(world, stay, "03-02") == {"kim", "lee"}


def test_a_case_that_starts_tomorrow_is_upcoming(world: World) -> None:
    """SPEC 7.3, 4.1: a future start is upcoming, and not active today."""
    stint = world.kim.assign(world.stay(), start="2026-03-03").assignment
    assert len(world.kim.active_cases()) == 0
    assert [case.assignment for case in world.kim.upcoming_cases()] == [stint]


def test_the_enrollment_is_open_during_the_whole_stint(world: World) -> None:
    """SPEC 6.2: the enrollment must be open during the whole stint."""
    stay = world.stay(entry="02-01")
    world.system.exit(stay, on="2026-02-20")
    refused(lambda: world.kim.assign(stay, start="2026-01-31", end="2026-02-10"), "starts-before-entry")
    refused(lambda: world.kim.assign(stay, start="2026-02-02"), "open-after-exit")
    refused(lambda: world.kim.assign(stay, start="2026-02-02", end="2026-02-21"), "ends-after-exit")
    refused(lambda: world.kim.assign(stay), "starts-after-exit", "open-after-exit")
    world.kim.assign(stay, start="2026-02-01", end="2026-02-20")


def test_a_refusal_names_everything_and_writes_nothing(world: World) -> None:
    """SPEC 5.1: refused, whole, with all violations."""
    stay = world.stay(entry="02-01")
    state, lines = world.state(), world.lines()
    refused(
        lambda: world.sam.assign(stay, "bo", start="2026-01-01", client="c2"),
        "starts-before-entry",
        "no-access",
        "wrong-client",
    )
    assert (world.state(), world.lines()) == (state, lines)


@pytest.mark.parametrize(
    ("user", "code"), [("gone", "case-manager-left"), ("clerk", "not-a-case-manager"), ("bo", "no-access")]
)
def test_only_who_may_hold_a_case_gets_one(world: World, user: str, code: str) -> None:
    """SPEC 5: the guards are asked when an act gives a stint its holder."""
    refused(lambda: world.kim.assign(world.stay(), user), code)


def test_the_system_is_nobodys_case_manager(world: World) -> None:
    """SPEC 6: SYSTEM is nobody's case manager, neither as the default nor by name."""
    stay = world.stay()
    refused(lambda: world.system.assign(stay), "not-a-case-manager")
    refused(lambda: world.kim.assign(stay, SYSTEM), "not-a-case-manager")


def test_back_dating_before_an_open_stint_of_the_same_user_is_refused(world: World) -> None:
    """SPEC 11: back-dating before an open stint makes two open ones."""
    stay = world.stay()
    world.kim.assign(stay)
    refused(lambda: world.kim.assign(stay, start="2026-02-01"), "overlaps-own")
    world.kim.assign(stay, start="2026-02-01", end="2026-03-02")


def test_an_end_before_the_start_is_refused_with_a_hint(world: World) -> None:
    """SPEC 6: what cannot be said of a stint has a code too."""
    error = refused(lambda: world.kim.assign(world.stay(), start="2026-03-05", end="2026-03-04"), "ends-before-start")
    assert "void" in str(error)


def test_a_stint_may_be_assigned_for_no_day(world: World) -> None:
    """SPEC 3.3: start == end is legal, when it is made and when it is amended."""
    stint = world.kim.assign(world.stay(), start="2026-03-05", end="2026-03-05").assignment
    assert stint.period.is_empty
    assert world.kim.amend(stint, start_date="2026-03-06", end_date="2026-03-06").assignment.period.is_empty


def test_unknown_records_are_named(world: World) -> None:
    """SPEC 6: an act takes records or their ids; what the store does not have is an error with the id."""
    with pytest.raises(NotFoundError, match="no enrollment with id nowhere"):
        world.kim.assign("nowhere")
    with pytest.raises(NotFoundError, match="no user with id nobody"):
        world.kim.assign(world.stay(), "nobody")
    with pytest.raises(NotFoundError, match="no assignment with id a0"):
        world.kim.end("a0")


def test_a_record_that_is_handed_over_stands_for_its_id(world: World) -> None:
    """SPEC 6: its other fields are not looked at."""
    stay = world.stay()
    other = CaseAssignment(
        assignment_id=world.kim.assign(stay).assignment.assignment_id,
        enrollment_id="elsewhere",
        user_id="x",
        start_date=date(1999, 1, 1),
    )
    assert world.kim.end(other).assignment.enrollment_id == stay.enrollment_id
    world.kim.assign(stay, User(user_id="lee", left_on=date(1999, 1, 1)))


def test_a_household_is_assigned_at_once(world: World) -> None:
    """SPEC 6.2: every member who has not exited by the start, from the later of the start and their own entry."""
    family = world.family(4)
    world.system.exit(family[1], on="2026-02-01")
    world.system.exit(family[3], on="2026-03-02")
    late = world.system.enroll("c5", "es", on="2026-03-20", household_id=family[0].household_id, case_manager=None)
    outcome = world.kim.assign(family[0], household=True)
    starts = {stint.enrollment_id: stint.start_date for stint in outcome.assignments}
    assert starts == {
        family[0].enrollment_id: day("03-02"),
        family[2].enrollment_id: day("03-02"),
        late.enrollment.enrollment_id: day("03-20"),
    }
    assert {skipped.id for skipped in outcome.skipped} == {family[1].enrollment_id, family[3].enrollment_id}


def test_a_household_is_assigned_whole_or_not_at_all(world: World) -> None:
    """SPEC 6.2: all or nothing."""
    family = world.family(3)
    world.kim.assign(family[2])
    lines = world.lines()
    refused(lambda: world.kim.assign(family[0], household=True), "overlaps-own")
    assert world.lines() == lines


def test_a_member_who_enters_after_the_end_is_left_out_and_named(world: World) -> None:
    """SPEC 6.2: who was left out is named."""
    family = world.family(1)
    late = world.system.enroll("c5", "es", on="2026-03-20", household_id=family[0].household_id, case_manager=None)
    outcome = world.kim.assign(family[0], household=True, end="2026-03-20")
    assert outcome.assignment.enrollment_id == family[0].enrollment_id
    assert [skipped.id for skipped in outcome.skipped] == [late.enrollment.enrollment_id]


# replace


def test_replacing_ends_the_holder_on_the_day(any_world: World) -> None:
    """SPEC 6.17: the present holder of the role ends where the new one starts; other roles stay."""
    world = any_world
    stay = world.stay()
    primary = world.kim.assign(stay, role="Primary", start="2026-02-01").assignment
    world.kim.assign(stay, "sam", role="Navigator", start="2026-02-01")
    outcome = world.kim.assign(stay, "lee", start="2026-03-05", role="Primary", replace=True)
    ended, started = outcome.assignments
    assert (ended.assignment_id, ended.end_date) == (primary.assignment_id, day("03-05"))
    assert (started.user_id, started.start_date, started.end_date) == ("lee", day("03-05"), None)
    assert [holders(world, stay, on) for on in ("03-04", "03-05")] == [{"kim", "sam"}, {"lee", "sam"}]
    world.system.undo(outcome.batch_id or "")
    assert holders(world, stay, "03-05") == {"kim", "sam"}


def test_replacing_where_nobody_holds_the_role_is_assigning(world: World) -> None:
    """SPEC 6.17: past holders, and those who end on the day, stay as they are."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01", end="2026-02-10")
    world.kim.assign(stay, "sam", start="2026-02-10", end="2026-03-02")
    assert world.kim.assign(stay, "lee", replace=True).assignment.user_id == "lee"


def test_a_replacement_that_ends_has_to_outlast_the_holder(world: World) -> None:
    """SPEC 6.17: refused where the holder would have held past its end, for those days would be nobody's."""
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01", end="2026-04-01")
    for end in ("2026-03-31", "2026-03-05"):
        refused(lambda end=end: world.kim.assign(stay, "lee", start="2026-03-05", end=end, replace=True), "role-taken")
    world.kim.assign(stay, "lee", start="2026-03-05", end="2026-04-01", replace=True)
    assert [len(holders(world, stay, on)) for on in ("03-04", "03-05", "03-31", "04-01")] == [1, 1, 1, 0]


def test_a_holder_who_starts_later_is_not_replaced(world: World) -> None:
    """SPEC 6.17: refused where a holder starts later; not where the replacement has ended by then."""
    stay = world.stay()
    lees = world.kim.assign(stay, "lee", start="2026-03-10").assignment
    error = refused(lambda: world.kim.assign(stay, "sam", replace=True), "role-taken")
    assert error.violations[0].ids == (lees.assignment_id,)
    world.kim.assign(stay, "sam", end="2026-03-10", replace=True)


def test_a_holder_from_the_same_day_is_replaced_and_was_never_responsible(world: World) -> None:
    """SPEC 6.17, 3.3: their stint is a same-day stint."""
    stay = world.stay()
    world.kim.assign(stay)
    ended, _ = world.kim.assign(stay, "lee", replace=True).assignments
    assert ended.period.is_empty
    refused(lambda: world.kim.assign(stay, "lee", replace=True), "overlaps-own")


class Asked(DefaultPolicy):
    """The default policy, which remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def denial(self, request: Request) -> str | None:
        """As by default."""
        self.requests.append(request)
        return super().denial(request)


def test_whoever_replaces_a_holder_may_end_their_case(world: World) -> None:
    """SPEC 6.17, 8.1: the policy is asked for the ending too, in that project."""
    stay, policy = world.stay(case_manager="kim"), Asked()
    world.as_("kim", policy=policy).assign(stay, "lee", replace=True)
    asked = policy.requests[-1]
    assert (asked.action, [project.project_id for project in asked.projects]) == ("assignment.end", ["es"])


def test_replacing_in_a_household_is_all_or_nothing(world: World) -> None:
    """SPEC 6.2, 6.17: each member's holder ends; a later holder of one member refuses them all."""
    family = world.family(3, case_manager="kim")
    outcome = world.kim.assign(family[0], "lee", household=True, replace=True)
    assert [stint.user_id for stint in outcome.assignments] == ["kim", "lee"] * 3
    world.kim.assign(family[1], "sam", start="2026-05-01", role="Navigator")
    lines = world.lines()
    refused(lambda: world.kim.assign(family[0], "lee", household=True, replace=True, role="Navigator"), "role-taken")
    assert world.lines() == lines


# end


def test_a_stint_that_ends_today_is_no_longer_active(world: World) -> None:
    """SPEC 3.2, 6.3: an assignment ended on a day is not active as of it."""
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    assert world.kim.end(stint).assignment.end_date == world.today
    assert len(world.kim.active_cases()) == 0
    assert len(world.kim.active_cases(as_of="2026-03-01")) == 1


def test_a_stint_may_start_and_end_today(world: World) -> None:
    """SPEC 3.3: it is on record and was never active."""
    stint = world.kim.assign(world.stay()).assignment
    world.kim.end(stint)
    assert len(world.kim.active_cases()) == 0
    assert [case.assignment.assignment_id for case in world.kim.inactive_cases() if case.assignment] == [
        stint.assignment_id
    ]


def test_ending_early_takes_the_place_of_a_later_end(world: World) -> None:
    """SPEC 6.3, 11: ending earlier than its end is allowed."""
    stint = world.kim.assign(world.stay(), start="2026-02-01", end="2026-12-31").assignment
    assert world.kim.end(stint, on="2026-03-10").assignment.end_date == day("03-10")


def test_ending_before_the_start_is_refused_with_a_hint_to_void(world: World) -> None:
    """SPEC 6.3: ends-before-start."""
    stint = world.kim.assign(world.stay(), start="2026-02-10").assignment
    assert "void" in str(refused(lambda: world.kim.end(stint, on="2026-02-09"), "ends-before-start"))


def test_ending_again_writes_nothing_and_ending_later_hints_at_amend(world: World) -> None:
    """SPEC 6.3: ending on the day on which it already ends is a no-op; later is refused with a hint to amend."""
    stint = world.kim.end(world.kim.assign(world.stay(), start="2026-02-01").assignment, on="2026-02-10").assignment
    lines = world.lines()
    again = world.kim.end(stint, on="2026-02-10")
    assert (again.assignment, again.changes, again.batch_id) == (stint, (), None)
    assert world.kim.end(stint).assignment == stint
    assert world.lines() == lines
    assert "amend" in str(refused(lambda: world.kim.end(stint, on="2026-02-11"), "already-ended"))


def test_the_default_end_on_an_exited_enrollment_is_the_exit_day(world: World) -> None:
    """SPEC 5.1: unless the stint is kept."""
    stay = world.stay()
    kept = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-20", end_assignments=False)
    assert world.kim.end(kept).assignment.end_date == world.today
    dirty = CaseAssignment(
        assignment_id="dirty", enrollment_id=stay.enrollment_id, user_id="lee", start_date=day("02-01")
    )
    world.put_raw(dirty)
    assert world.kim.end("dirty").assignment.end_date == day("02-20")
    late = CaseAssignment(
        assignment_id="late", enrollment_id=stay.enrollment_id, user_id="lee", start_date=day("02-25")
    )
    world.put_raw(late)
    assert world.kim.end("late").assignment.end_date == day("02-25")


def test_an_exit_that_lies_ahead_is_no_default_end(world: World) -> None:
    """SPEC 5.1, 6.3: a stint that is ended today ends today."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-03-20")
    assert world.kim.end(stint).assignment.end_date == world.today


@pytest.mark.parametrize("dirt", ["departed", "deleted", "overlap", "outside"])
def test_ending_and_voiding_are_never_refused_by_a_rule(world: World, dirt: str) -> None:
    """SPEC 5.1: not for a user who left, a closed or deleted enrollment, or a record that came in dirty."""
    stay = world.stay()
    values: dict[str, Any] = {"enrollment_id": stay.enrollment_id, "user_id": "gone", "start_date": day("02-10")}
    if dirt == "deleted":
        with world.store.transaction(write=True) as tx:
            tx.enrollments.replace([type(stay)(**{**_fields(stay), "deleted": True})])
    if dirt == "outside":
        values["start_date"] = day("01-01")
    one, two = (CaseAssignment(assignment_id=key, **values) for key in ("d1", "d2"))
    world.put_raw(one, *([two] if dirt == "overlap" else []))
    assert world.kim.end("d1", on="2026-02-20").assignment.end_date == day("02-20")
    assert world.kim.void("d1", "never happened").assignment.voided


def held_by_somebody(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An agency's rule that every ending would break: an enrollment has a stint that is not over."""
    if not any(stint.end_date is None for stint in facts.assignments):
        yield Violation("held-by-somebody", "user_id", [facts.enrollment.enrollment_id], "nobody holds it")


def test_no_rule_of_an_agency_refuses_an_ending_either(world: World) -> None:
    """SPEC 5.1: ending and voiding are never refused by a rule, whoever wrote it."""
    kim = world.as_("kim", required=(held_by_somebody,))
    one, two = kim.enroll("c1", "es").assignment, kim.enroll("c2", "es").assignment
    assert kim.end(one).assignment.end_date == world.today
    assert kim.void(two, "wrong client").assignment.voided
    refused(lambda: kim.amend(kim.enroll("c3", "es").assignment, end_date="2026-04-01"), "held-by-somebody")


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__ if name != "__weakref__"}


# hand over


def test_a_hand_over_has_exactly_one_holder_as_of_every_day(world: World) -> None:
    """SPEC 3.2, 6.16: one act, no gap and no overlap, same role, same planned end."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01", end="2026-06-01", role="Navigator").assignment
    ended, started = world.kim.hand_over(stint, "lee", on="2026-03-10").assignments
    assert (ended.end_date, started.start_date, started.end_date, started.role) == (
        day("03-10"),
        day("03-10"),
        day("06-01"),
        "Navigator",
    )
    for number in range(1, 31):
        assert len(holders(world, stay, f"03-{number:02}")) == 1


def test_a_stint_that_has_not_begun_is_handed_over_from_its_first_day(world: World) -> None:
    """SPEC 6.16: the day defaults to today, or to the first day of a stint that lies ahead."""
    stint = world.kim.assign(world.stay(), start="2026-03-20").assignment
    assert world.kim.hand_over(stint, "lee").assignments[1].start_date == day("03-20")


@pytest.mark.parametrize(
    ("start", "on", "voided"), [("03-20", "03-20", True), ("03-20", "03-25", False), ("03-02", "03-02", False)]
)
def test_a_stint_that_never_began_and_is_handed_over_whole_is_void(
    world: World, start: str, on: str, voided: bool
) -> None:
    """SPEC 6.16, 4.2: the holder never had it; one that begins today, or keeps some days, ends."""
    stint = world.kim.assign(world.stay(), start=f"2026-{start}").assignment
    before, _ = world.kim.hand_over(stint, "lee", on=f"2026-{on}").assignments
    assert (before.voided, before.end_date) == (voided, None if voided else day(on))


def test_what_cannot_be_handed_over_is_refused(world: World) -> None:
    """SPEC 6.16: before its start, after its end, to a user who may not hold it."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01", end="2026-03-10").assignment
    refused(lambda: world.kim.hand_over(stint, "lee", on="2026-01-31"), "ends-before-start")
    refused(lambda: world.kim.hand_over(stint, "lee", on="2026-03-10"), "already-ended")
    refused(lambda: world.kim.hand_over(stint, "gone"), "case-manager-left")
    world.kim.assign(stay, "lee")
    refused(lambda: world.kim.hand_over(stint, "lee"), "overlaps-own")


def test_handing_over_to_the_holder_writes_nothing(world: World) -> None:
    """SPEC 6: the state asked for is there already."""
    stint = world.kim.assign(world.stay()).assignment
    outcome = world.kim.hand_over(stint, "kim")
    assert (outcome.assignment, outcome.batch_id) == (stint, None)


# reactivate


def test_reactivating_is_a_stint_of_its_own(world: World) -> None:
    """SPEC 6.5, 4.3: a past stint is never re-used; the client leaves the inactive list."""
    stint = world.kim.end(world.kim.assign(world.stay(), start="2026-02-01").assignment, on="2026-02-10").assignment
    again = world.kim.reactivate(stint).assignment
    assert again.assignment_id != stint.assignment_id
    assert (again.start_date, again.end_date, again.user_id) == (world.today, None, "kim")
    assert len(world.kim.inactive_cases()) == 0
    assert len(world.kim.active_cases()) == 1


def test_a_b_a_gives_three_stints(world: World) -> None:
    """SPEC 4.3, 11: A, then B, then A again is three stints, and each of their days is still known."""
    stay = world.stay()
    first = world.kim.assign(stay, start="2026-02-01").assignment
    second = world.kim.hand_over(first, "lee", on="2026-02-10").assignments[1]
    world.kim.hand_over(second, "kim", on="2026-02-20")
    assert len(world.system.case_managers("c1")) == 3
    assert [holders(world, stay, on) for on in ("02-05", "02-15", "02-25")] == [{"kim"}, {"lee"}, {"kim"}]


def test_reactivating_what_is_active_returns_it_and_writes_nothing(world: World) -> None:
    """SPEC 6.5: where that user and role are active there already, that stint is returned."""
    stay = world.stay()
    past = world.kim.end(world.kim.assign(stay, start="2026-02-01").assignment, on="2026-02-10").assignment
    present = world.kim.reactivate(past).assignment
    outcome = world.kim.reactivate(past)
    assert (outcome.assignment, outcome.changes) == (present, ())


def test_what_is_not_inactive_is_not_reactivated(world: World) -> None:
    """SPEC 6.5: not-inactive."""
    refused(lambda: world.kim.reactivate(world.kim.assign(world.stay(), start="2026-04-01").assignment), "not-inactive")


def test_reactivating_is_checked_like_a_new_stint(world: World) -> None:
    """SPEC 6.5: all rules checked."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-10")
    refused(lambda: world.kim.reactivate(stint), "starts-after-exit", "open-after-exit")


def test_a_kept_stint_is_handed_over_and_reactivated_as_kept(world: World) -> None:
    """SPEC 6.8: a kept case can be handed over, and the new stint is kept as well."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-10", end_assignments=False)
    lees = world.kim.hand_over(stint, "lee", on="2026-02-20").assignments[1]
    assert lees.kept_after_exit
    ended = world.lee.end(lees, on="2026-02-25").assignment
    assert world.lee.reactivate(ended).assignment.kept_after_exit


def test_a_role_is_reactivated_as_it_was(world: World) -> None:
    """SPEC 6.5: a new stint of the same user and role."""
    stint = world.kim.assign(world.stay(), start="2026-02-01", end="2026-02-10", role="Navigator").assignment
    assert world.kim.reactivate(stint).assignment.role == "Navigator"


# amend


def test_amending_corrects_days_and_role(world: World) -> None:
    """SPEC 6.4: what is left out is unchanged, end_date=None means open-ended, before and after are in history."""
    stint = world.kim.assign(world.stay(), start="2026-02-01", end="2026-03-01").assignment
    amended = world.kim.amend(stint, start_date="2026-02-03", reason="typing error").assignment
    assert (amended.start_date, amended.end_date) == (day("02-03"), day("03-01"))
    assert world.kim.amend(stint, end_date=None, role="Navigator").assignment.end_date is None
    line = world.kim.history(assignment=stint.assignment_id)[1]
    assert line.before is not None
    assert line.after is not None
    assert (line.before["start_date"], line.after["start_date"], line.reason) == (
        "2026-02-01",
        "2026-02-03",
        "typing error",
    )


def test_an_amended_stint_is_checked_like_a_new_one(world: World) -> None:
    """SPEC 6.4: rules and, where start or role change, guards."""
    stay = world.stay(entry="02-01")
    stint = world.kim.assign(stay).assignment
    refused(lambda: world.kim.amend(stint, start_date="2026-01-31"), "starts-before-entry")
    refused(lambda: world.kim.amend(stint, end_date="2026-03-01"), "ends-before-start")
    world.system.add(User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=day("02-20")))
    refused(lambda: world.lee.amend(stint, start_date="2026-02-25"), "case-manager-left")
    world.lee.amend(stint, end_date="2026-03-10")


def test_amending_to_what_it_is_writes_nothing(world: World) -> None:
    """SPEC 6: repeating is recognised where the state asked for is already there."""
    stint = world.kim.assign(world.stay()).assignment
    assert world.kim.amend(stint, start_date=stint.start_date).changes == ()


def test_a_day_that_an_act_sets_may_not_stay_wrong(world: World) -> None:
    """SPEC 5.1: an act may leave a violation that it found, but not on a day that it sets itself."""
    stay = world.stay(entry="02-01")
    world.put_raw(
        CaseAssignment(assignment_id="d", enrollment_id=stay.enrollment_id, user_id="kim", start_date=day("01-01"))
    )
    world.kim.amend("d", role="Navigator")
    refused(lambda: world.kim.amend("d", start_date="2026-01-02"), "starts-before-entry")
    world.kim.amend("d", start_date="2026-02-01")


# void


def test_a_voided_stint_leaves_every_list_and_stays_in_history(world: World) -> None:
    """SPEC 4.2, 6.6: void carries who and why."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    world.kim.void(stint, "wrong client")
    assert len(world.kim.active_cases()) == len(world.kim.inactive_cases()) == 0
    assert len(world.system.case_managers("c1")) == 0
    line = world.kim.history(stint)[-1]
    assert (line.user_id, line.reason, line.action) == ("kim", "wrong client", "assignment.void")
    world.kim.assign(stay)


def test_voiding_again_writes_nothing_and_needs_a_reason(world: World) -> None:
    """SPEC 6.6: with a reason; repeating writes nothing."""
    stint = world.kim.assign(world.stay()).assignment
    with pytest.raises(InvalidRecordError, match="reason"):
        world.kim.void(stint, "  ")
    world.kim.void(stint, "wrong")
    assert world.kim.void(stint, "wrong").changes == ()


@pytest.mark.parametrize("act", ["end", "amend", "reactivate", "hand_over", "set_status"])
def test_a_voided_stint_is_left_alone(world: World, act: str) -> None:
    """SPEC 6: what cannot be said of a voided stint is refused with the code voided."""
    stint = world.kim.void(world.kim.assign(world.stay()).assignment, "wrong").assignment
    calls: dict[str, Any] = {
        "end": lambda: world.kim.end(stint),
        "amend": lambda: world.kim.amend(stint, role="X"),
        "reactivate": lambda: world.kim.reactivate(stint, on="2026-05-01"),
        "hand_over": lambda: world.kim.hand_over(stint, "lee"),
        "set_status": lambda: world.kim.set_status(stint, "inactive"),
    }
    refused(calls[act], "voided")


# the Status box


def test_the_status_box_maps_onto_the_days(world: World) -> None:
    """SPEC 4.1: Inactive ends the stint, today if no day is given; Active on an inactive one reactivates it."""
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    assert world.kim.set_status(stint, "active").changes == ()
    assert world.kim.set_status(stint, AssignmentStatus.ACTIVE, "2026-04-01").assignment.end_date == day("04-01")
    assert world.kim.set_status(stint, "active").assignment.end_date == day("04-01")
    assert world.kim.set_status(stint, "active", None).assignment.end_date is None
    assert world.kim.set_status(stint, "inactive", world.today).assignment.end_date == world.today
    assert world.kim.set_status(stint, "inactive").assignment.end_date == world.today
    again = world.kim.set_status(stint, "Active", "2026-05-01", reason="came back")
    assert again.assignment.assignment_id != stint.assignment_id
    assert (again.assignment.end_date, again.action) == (day("05-01"), "assignment.reactivate")
    with pytest.raises(InvalidRecordError, match="status"):
        world.kim.set_status(stint, "Closed")


def test_the_status_box_ends_a_stint_on_the_day_beside_it(world: World) -> None:
    """SPEC 4.1: Inactive ends the stint on the day that is given."""
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    assert world.kim.set_status(stint, "inactive", "2026-02-20").assignment.end_date == day("02-20")


@pytest.mark.parametrize(
    ("status", "end"), [("inactive", "2026-03-03"), ("active", "2026-03-02"), ("active", "2026-02-20")]
)
def test_a_status_that_contradicts_the_end_is_refused_with_both_readings(world: World, status: str, end: str) -> None:
    """SPEC 4.1, 11: status and dates disagree."""
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    error = refused(lambda: world.kim.set_status(stint, status, end), "status-contradicts-end")
    assert "Active" in str(error)
    assert "Inactive" in str(error)


def test_me_is_no_acting_user(world: World) -> None:
    """SPEC 8.1: every operation names an acting user."""
    from caseassign import ME  # noqa: PLC0415  # only this test needs it

    with pytest.raises(InvalidRecordError, match="name the acting user"):
        Casework(world.store, user=ME)
