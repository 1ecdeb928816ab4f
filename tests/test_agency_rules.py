"""The rules that an agency makes its own: exclusive roles, a list of roles, limits to caseloads."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assign import refused
from test_model import stay, stint
from test_rules import about_stay, about_stint, codes
from world import TODAY, USERS, World, day, effort

from caseassign import (
    ADVISORY_RULES,
    GUARDS,
    REQUIRED_RULES,
    SYSTEM,
    CaseAssignError,
    CaseAssignment,
    Casework,
    Client,
    InvalidRecordError,
    RuleViolationError,
    SQLiteStore,
    User,
    Violation,
    caseload_at_most,
    exclusive_role,
    for_heads_of_household,
    for_project_types,
    known_roles,
)
from caseassign.acts.import_assignments import AssignmentRow
from caseassign.model import ProjectType
from caseassign.rules import CaseloadFacts, advisory, check
from caseassign.storage import Store

PRIMARY = (*REQUIRED_RULES, exclusive_role("Primary"))
WINDOW = [TODAY + timedelta(days=number) for number in range(-8, 16)]


def live(world: World) -> list[CaseAssignment]:
    """Every stint that is not void."""
    with world.store.transaction() as tx:
        return [stint for stint in tx.assignments if not stint.voided]


def limited(world: World, limit: int, user: Any = "sam", **how: Any) -> Casework:
    """The front door of a user where caseloads have a hard limit."""
    return world.as_(user, advisory=(*ADVISORY_RULES, caseload_at_most(limit, hard=True, **how)))


# an exclusive role


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"user_id": "kim"}, {"user_id": "lee", "start": "03-10"}, 1),
        ({"user_id": "kim", "end": "03-10"}, {"user_id": "lee", "start": "03-10"}, 0),
        ({"user_id": "kim", "end": "03-11"}, {"user_id": "lee", "start": "03-10"}, 1),
        ({"user_id": "kim"}, {"user_id": "lee", "start": "03-10", "end": "03-10"}, 0),
        ({"user_id": "kim"}, {"user_id": "lee", "role": "Navigator"}, 0),
        ({"user_id": "kim"}, {"user_id": "kim", "start": "03-10"}, 0),
    ],
)
def test_an_exclusive_role_has_at_most_one_holder(one: Any, other: Any, found: int) -> None:
    """SPEC 5: role-taken, to the day; one user twice is overlaps-own, and other roles are not looked at."""
    pair = [stint(assignment_id=f"a{n}", **({"role": "Primary"} | values)) for n, values in enumerate((other, one))]
    violations = list(check((exclusive_role("Primary"),), [about_stay(stay(), *pair)]))
    expected = ("role-taken", "role", "start_date", ("a0", "a1"))
    assert [(v.code, v.field, v.against, v.ids) for v in violations] == [expected] * found


def test_a_second_holder_of_an_exclusive_role_is_refused_by_every_act(any_world: World) -> None:
    """SPEC 5, 6.17: by assigning, amending, reactivating and handing over; not in another role."""
    world = any_world
    kim = world.as_("kim", required=PRIMARY)
    there = world.stay()
    past = kim.assign(there, "sam", start="2026-02-01", end="2026-02-10", role="Primary").assignment
    kim.assign(there, "kim", role="Primary")
    navigator = kim.assign(there, "lee", role="Navigator").assignment
    refused(lambda: kim.assign(there, "lee", role="Primary", start="2026-04-01"), "role-taken")
    refused(lambda: kim.amend(navigator, role="Primary"), "role-taken")
    refused(lambda: kim.amend(past, end_date="2026-03-03"), "role-taken")
    refused(lambda: kim.reactivate(past), "role-taken")
    assert world.as_("kim").assign(there, "sam", role="Primary").changes, "an agency without the rule"


@pytest.mark.parametrize("roles", [(), ("",), (3,), (["Primary", "Navigator"],)])
def test_a_list_of_roles_is_made_of_texts(roles: Any) -> None:
    """SPEC 5: a rule that could never find anything is a mistake."""
    with pytest.raises(InvalidRecordError, match=r"^Rule\.known_roles names no role"):
        known_roles(*roles)
    if len(roles) == 1:
        with pytest.raises(InvalidRecordError, match=r"^Rule\.exclusive_role names no role"):
            exclusive_role(*roles)


PRIMARY_ACTS = st.tuples(
    st.sampled_from(["assign", "assign", "replace", "replace", "hand_over", "reassign", "amend", "reactivate", "undo"]),
    st.integers(0, 7),
    st.sampled_from(["kim", "lee", "sam"]),
    st.integers(-5, 8).map(lambda number: TODAY + timedelta(days=number)),
    st.none() | st.integers(0, 6),
    st.sampled_from(["Primary", "Primary", "Navigator"]),
)


def carry_out(front: Casework, world: World, act: tuple[Any, ...]) -> None:
    """Carry out one act on whatever there is, or be refused."""
    name, nth, user, on, length, role = act
    end = None if length is None else on + timedelta(days=length)
    held = live(world)
    with world.store.transaction() as tx:
        stays = list(tx.enrollments)
        batch_id = [line.batch_id for line in tx.history][-1 - nth]
    there, one = stays[nth % len(stays)], held[nth % len(held)] if held else ""
    calls: dict[str, Callable[[], object]] = {
        "assign": lambda: front.assign(there, user, start=on, end=end, role=role),
        "replace": lambda: front.assign(there, user, start=on, end=end, role=role, replace=True),
        "hand_over": lambda: front.hand_over(one, user, on=on),
        "reassign": lambda: front.reassign(user, ["kim", "lee"] if user == "sam" else "sam", on=on, balance=True),
        "amend": lambda: front.amend(one, start_date=on, end_date=end, role=role),
        "lengthen": lambda: front.amend(one, end_date=end),
        "reactivate": lambda: front.reactivate(one, on=on),
        "household": lambda: front.assign(there, user, start=on, end=end, role=role, household=True),
        "join": lambda: front.join_household(there, "h1", on=on),
        "cover": lambda: front.cover(user, "lee" if user == "kim" else "kim", on, on + timedelta(days=3)),
        "end": lambda: front.end(one, on=on),
        "undo": lambda: front.undo(batch_id),
    }
    before = live(world)
    try:
        calls[name]()
    except CaseAssignError:
        assert live(world) == before


def families(store: Store | None = None) -> World:
    """The agency with a family of two and two clients by themselves, whom nobody holds."""
    world = World(store)
    world.family(2, household_id="h1")
    world.stay("c3")
    world.stay("c4")
    return world


@pytest.mark.slow
@settings(max_examples=effort(40))
@given(st.lists(PRIMARY_ACTS, min_size=4, max_size=14), st.booleans())
def test_an_exclusive_role_has_one_holder_a_day_after_any_sequence_of_acts(acts: list[Any], in_memory: bool) -> None:
    """SPEC 5, 6.17: at most one holder as of any day, on both stores."""
    with tempfile.TemporaryDirectory() as folder:
        store = None if in_memory else SQLiteStore(Path(folder) / "store.sqlite")
        world = families(store)
        front = world.as_(SYSTEM, required=PRIMARY)
        for act in acts:
            carry_out(front, world, act)
        for on in WINDOW:
            held = [s.enrollment_id for s in live(world) if s.role == "Primary" and on in s.period]
            assert len(held) == len(set(held))
        world.store.close()


# a list of roles


def test_a_role_is_one_of_those_that_the_agency_lists(world: World) -> None:
    """SPEC 5: unknown-role, to the letter, asked when a stint begins or its role is amended; Cover is always known."""
    kim = world.as_("kim", guards=(*GUARDS, known_roles("Primary", "Case Manager")))
    there = world.stay(case_manager="kim")
    refused(lambda: kim.assign(there, "lee", role="primary"), "unknown-role")
    primary = kim.assign(there, "lee", role="Primary").assignment
    error = refused(lambda: kim.amend(primary, role="Secret Role"), "unknown-role")
    assert (error.violations[0].field, error.violations[0].ids) == ("role", (primary.assignment_id,))
    assert "Secret" not in str(error)
    world.as_(SYSTEM, guards=(known_roles("Primary"),)).cover("kim", "sam", "2026-03-05", "2026-03-10")


def test_a_retired_role_does_not_stand_in_the_way_of_ending(world: World) -> None:
    """SPEC 5.1: ending and voiding are never refused, and what was there may stay."""
    stint = world.kim.assign(world.stay(), role="Old").assignment
    kim = world.as_("kim", guards=(*GUARDS, known_roles("New")))
    kim.amend(stint, end_date="2026-04-01")
    kim.end(stint)
    kim.void(stint, "mistake")


# a required rule about households


def test_a_required_rule_about_households_is_asked_of_the_one_left_and_the_one_joined(world: World) -> None:
    """SPEC 5.1: a rule that an outsider writes gets every member, in the household that changes and in the other."""
    strict = world.as_("kim", required=(*REQUIRED_RULES, advisory.no_head, advisory.several_heads))
    family = world.family(3, household_id="h1")
    deleted = attrs.evolve(family[2], enrollment_id="d", deleted=True, relationship_to_hoh=1)
    world.put_raw(deleted)
    alone = world.stay("c4")
    refused(lambda: strict.leave_household(family[0]), "no-head")
    refused(lambda: strict.join_household(alone, "h1", relationship_to_hoh=1), "several-heads")
    refused(lambda: strict.enroll({"c5": 2}, "es"), "no-head")
    strict.join_household(alone, "h1")
    strict.edit_enrollment("d", relationship_to_hoh=2)


# a limit


def caseload(*cases: Any) -> CaseloadFacts:
    """The facts of kim's caseload."""
    return CaseloadFacts(user=USERS[0], cases=cases, as_of=TODAY)


def test_a_limit_counts_cases_or_households_and_no_cover() -> None:
    """SPEC 5, 6.14: caseload-above; a household is one project and one id, an enrollment without id one of its own."""
    family = [
        about_stint(stint(assignment_id=f"a{n}"), stay(enrollment_id=f"e{n}", household_id="h")) for n in range(3)
    ]
    alone = [about_stint(stint(assignment_id=f"b{n}"), stay(enrollment_id=f"f{n}")) for n in range(2)]
    elsewhere = about_stint(stint(assignment_id="x"), stay(enrollment_id="g", household_id="h", project_id="rrh"))
    cover = about_stint(stint(assignment_id="y", role="Cover"), stay(enrollment_id="i"))
    every = caseload(*family, *alone, elsewhere, cover)
    assert codes((caseload_at_most(6), caseload_at_most(4, counting="households")), every) == []
    cases, households = check((caseload_at_most(5), caseload_at_most(3, counting="households")), [every])
    assert (cases.code, cases.field, cases.ids) == ("caseload-above", "user_id", ("kim",))
    assert cases.message == "user kim holds more than 5 cases as of 2026-03-02"
    assert households.message == "user kim holds more than 3 households as of 2026-03-02"
    assert codes((caseload_at_most(0),), caseload()) == []


def test_a_limit_that_makes_no_sense_is_refused() -> None:
    """SPEC 5: it counts cases or households, and is not below zero."""
    with pytest.raises(InvalidRecordError, match=r"^Rule\.limit is below zero"):
        caseload_at_most(-1)
    with pytest.raises(InvalidRecordError, match=r"^Rule\.counting is neither 'cases' nor 'households'"):
        caseload_at_most(1, counting="clients")  # type: ignore[arg-type]  # wrong on purpose


def test_a_limit_that_is_not_hard_is_for_the_audit(world: World) -> None:
    """SPEC 5: advisory rules never block."""
    kim = world.as_("kim", advisory=(*ADVISORY_RULES, caseload_at_most(1)))
    kim.enroll({"c1": 1, "c2": 2}, "es")
    found = [finding for finding in kim.audit() if finding.code == "caseload-above"]
    assert [(finding.user_id, finding.required) for finding in found] == [("kim", False)]
    assert kim.audit(as_of="2026-03-01").counts() == {}


def test_a_hard_limit_among_the_advisory_rules_is_a_guard_too(any_world: World) -> None:
    """SPEC 5: the case above it is refused, whole; the audit lists who was above it before."""
    world = any_world
    sam = limited(world, 2)
    sam.enroll({"c1": 1, "c2": 2}, "es")
    lines = world.lines()
    error = refused(lambda: sam.enroll("c3", "th"), "caseload-above")
    assert error.violations[0].ids == ("sam",)
    assert world.lines() == lines
    sam.enroll("c3", "th", case_manager=None)
    assert limited(world, 1).audit().counts() == {"caseload-above": 1, "unassigned": 1}


def test_a_limit_among_the_guards_is_hard_and_is_asked_once() -> None:
    """SPEC 5: a guard refuses, so a limit that does not is a mistake there; one given twice is one."""
    world = World()
    hard, soft = caseload_at_most(0, hard=True), caseload_at_most(0)
    with pytest.raises(InvalidRecordError, match=r"^Casework\.guards .* say hard=True"):
        world.as_("kim", guards=(*GUARDS, soft))
    for both in ({"guards": (hard,)}, {"guards": (hard,), "advisory": (hard, soft)}):
        kim = world.as_("kim", **both)
        refused(lambda kim=kim: kim.enroll("c1", "es"), "caseload-above")
    with pytest.raises(InvalidRecordError, match="required holds a rule about CaseloadFacts"):
        world.as_("kim", required=(hard,))


def test_an_outsiders_rule_about_caseloads_may_be_a_guard(world: World) -> None:
    """SPEC 5: a rule that an outsider writes gets the same facts as ours."""

    def no_shelter_beside_housing(facts: CaseloadFacts) -> Iterator[Violation]:
        """Nobody holds cases in a shelter and in housing at once."""
        if len({case.project.project_type for case in facts.cases}) > 1:
            yield Violation("shelter-beside-housing", "user_id", [facts.user.user_id], "two types of projects")

    kim = world.as_("kim", guards=(*GUARDS, no_shelter_beside_housing))
    shelter = kim.enroll("c1", "es").assignment
    refused(lambda: kim.enroll("c2", "rrh"), "shelter-beside-housing")
    world.kim.enroll("c2", "rrh")
    kim.enroll("c3", "rrh")
    kim.end(shelter)
    kim.enroll("c4", "rrh")


def test_what_there_was_none_of_is_less_than_one(world: World) -> None:
    """SPEC 5: an amount of nothing that becomes one is more of it, and is refused."""

    def one_alone(facts: CaseloadFacts) -> Iterator[Violation]:
        """Nobody holds more than one case; whoever holds one is told, with an amount of none."""
        if facts.cases:
            yield Violation("one-alone", "user_id", [facts.user.user_id], "cases", amount=len(facts.cases) - 1)

    world.kim.enroll("c1", "es")
    refused(lambda: world.as_("kim", guards=(one_alone,)).enroll("c2", "es"), "one-alone")


def test_the_cases_of_a_caseload_are_seen_as_of_its_day(world: World) -> None:
    """SPEC 5: a rule that an outsider writes finds each case active on the day that it is asked about."""

    def one_active(facts: CaseloadFacts) -> Iterator[Violation]:
        """Nobody is active on two cases."""
        if sum(case.is_active for case in facts.cases) > 1:
            yield Violation("one-active", "user_id", [facts.user.user_id], "two cases")

    world.sam.assign(world.stay("c1"), start="2026-04-01")
    refused(lambda: world.as_("sam", guards=(one_active,)).assign(world.stay("c2")), "one-active")


def test_every_user_above_the_limit_is_named(world: World) -> None:
    """SPEC 5.1: refused, whole, with all violations."""
    front = limited(world, 0)
    refused(
        lambda: front.enroll({"c1": 1, "c2": 2}, "es", case_manager={"c1": "kim", "c2": "lee"}),
        *("caseload-above", "caseload-above"),
    )


def test_a_case_that_is_void_is_none(world: World) -> None:
    """SPEC 4.2: a voided stint leaves every count."""
    world.sam.void(world.sam.assign(world.stay("c1")).assignment, "wrong client")
    limited(world, 1).assign(world.stay("c2"))


def test_a_limit_holds_on_every_day_of_the_new_stint(world: World) -> None:
    """SPEC 5: also on a day in the past, or on one that lies ahead, when others begin."""
    sam = limited(world, 1)
    one, two, three = (world.stay(f"c{number}") for number in (1, 2, 3))
    sam.assign(one, start="2026-04-01", end="2026-05-01")
    refused(lambda: sam.assign(two), "caseload-above")
    error = refused(lambda: sam.assign(two, start="2026-04-30"), "caseload-above")
    assert "as of 2026-04-30" in str(error)
    sam.assign(two, end="2026-04-01")
    sam.assign(three, start="2026-05-01")
    sam.assign(three, start="2026-04-10", end="2026-04-10", role="Navigator")
    assert len(sam.upcoming_cases()) == 3


def test_what_leaves_the_count_as_it_is_is_not_refused(world: World) -> None:
    """SPEC 5: a correction, or a further member of a household that is held, though the user is above the limit."""
    there = world.family(3, household_id="h1")
    held = world.sam.assign(there[0]).assignment
    world.stay("c4", entry="02-01", case_manager="sam")
    limited(world, 1, counting="households").assign(there[1])
    sam = limited(world, 1)
    refused(lambda: sam.assign(there[2]), "caseload-above")
    sam.assign(there[2], role="Cover")
    sam.amend(held, role="Navigator")
    sam.amend(held, start_date="2026-03-05")
    refused(lambda: sam.amend(held, start_date="2026-02-20"), "caseload-above")


def test_a_swap_is_looked_at_up_to_the_day_on_which_the_other_case_would_have_ended(world: World) -> None:
    """SPEC 5: a case given for one that ends anyway is one above the limit from then on."""
    for client, end in (("c1", None), ("c2", None), ("c3", "2026-04-01")):
        world.sam.assign(world.stay(client), end=end)
    third = next(stint for stint in live(world) if stint.end_date is not None)
    sam = limited(world, 2)
    error = refused(lambda: sam.amend(third, end_date="2026-05-01", role="Navigator"), "caseload-above")
    assert "as of 2026-04-01" in str(error)
    sam.amend(third, end_date="2026-03-20", role="Navigator")


@pytest.mark.parametrize(
    "act",
    [
        lambda front, world, there, past: front.assign(there, "sam"),
        lambda front, world, there, past: front.assign(there, "sam", household=True, start="2026-03-10"),
        lambda front, world, there, past: front.assign(there, "sam", replace=True),
        lambda front, world, there, past: front.enroll("c5", "es", case_manager="sam"),
        lambda front, world, there, past: front.reactivate(past),
        lambda front, world, there, past: front.hand_over(world.lee.active_cases()[0].assignment, "sam"),
        lambda front, world, there, past: front.reassign("lee", "sam"),
        lambda front, world, there, past: front.amend(past, end_date=None),
        lambda front, world, there, past: front.amend(past, start_date="2026-02-20", end_date="2026-03-03"),
    ],
    ids=[
        "assign",
        "household",
        "replace",
        "enroll",
        "reactivate",
        "hand_over",
        "reassign",
        "lengthen",
        "amend",
    ],
)
def test_every_act_that_gives_a_case_asks_the_limit(world: World, act: Any) -> None:
    """SPEC 5, 6.4: whichever way the case above the limit would come about; and nothing is written."""
    world.stay("c1", household_id="h1", case_manager="sam")
    past = world.sam.assign(world.stay("c2"), start="2026-02-01", end="2026-02-10").assignment
    there = world.stay("c3", case_manager="lee")
    front = limited(world, 1, SYSTEM)
    state = world.state()
    with pytest.raises(RuleViolationError) as error:
        act(front, world, there, past)
    assert {violation.code for violation in error.value.violations} == {"caseload-above"}
    assert world.state() == state


@pytest.mark.parametrize(
    "act",
    [
        lambda front, there: front.join_household(there, "h1"),
        lambda front, there: front.merge_households(there.household_id, "h1"),
    ],
    ids=["join", "merge"],
)
def test_whose_caseload_is_full_is_not_shared_but_named(world: World, act: Any) -> None:
    """SPEC 5, 6.15: a household changes all the same, and nobody gets a case above the limit."""
    world.stay("c1", household_id="h1", case_manager="sam")
    there = world.stay("c3", case_manager="lee")
    outcome = act(limited(world, 1, SYSTEM), there)
    assert {one.reason for one in outcome.skipped} == {"caseload-above"}
    assert [len(front.active_cases()) for front in (world.sam, world.lee)] == [1, 1]


def test_a_cover_that_becomes_a_case_counts_from_then(world: World) -> None:
    """SPEC 6.14, 5: cover stays out of limits, and a role that is amended is asked like a new stint."""
    sam = limited(world, 1)
    sam.enroll("c1", "es")
    cover = sam.assign(world.stay("c2"), role="Cover").assignment
    refused(lambda: sam.amend(cover, role="Case Manager"), "caseload-above")


def test_a_limit_is_counted_over_the_households_that_a_merge_makes(world: World) -> None:
    """SPEC 6.15, 5: two households that become one are one from then on; each member stays a case."""
    for number in (1, 2):
        world.stay(f"c{number}", household_id=f"h{number}", case_manager="sam")
    world.stay("c3", household_id="h2", case_manager="lee")
    as_cases = limited(world, 2, SYSTEM).merge_households("h2", "h1", dry_run=True)
    assert [one.reason for one in as_cases.skipped] == ["caseload-above", "caseload-above"]
    assert limited(world, 2, SYSTEM, counting="households").merge_households("h2", "h1").skipped == ()


def test_doubles_that_a_merge_folds_count_as_the_one_that_is_left(world: World) -> None:
    """SPEC 6.15, 5: a stint that is carried over is counted like the one that it comes from."""
    world.stay("c1", household_id="h1", entry="02-01")
    world.stay("c2", household_id="h1", case_manager="lee")
    moving = world.stay("c1", entry="01-10", project="rrh", case_manager="sam")
    double = world.stay("c3", entry="02-10", household_id="h2", case_manager="sam")
    with world.store.transaction(write=True) as tx:
        again = type(double)(
            enrollment_id=double.enrollment_id,
            personal_id="c1",
            project_id="es",
            household_id="h2",
            entry_date=day("02-10"),
        )
        tx.enrollments.replace([again])
    outcome = limited(world, 2, SYSTEM).merge_households("h2", "h1", dry_run=True)
    assert [one.reason for one in outcome.skipped] == ["caseload-above"]
    limited(world, 3, SYSTEM).merge_households("h2", "h1")
    assert moving.enrollment_id in {case.enrollment.enrollment_id for case in world.sam.active_cases()}
    assert len(world.sam.active_cases()) == 3


def test_a_case_on_a_deleted_enrollment_is_none(world: World) -> None:
    """SPEC 5.4: a deleted enrollment leaves every count."""
    there = world.stay(case_manager="sam")
    with world.store.transaction(write=True) as tx:
        tx.enrollments.replace([attrs.evolve(there, deleted=True)])
    sam = limited(world, 1)
    sam.enroll("c2", "es")
    refused(lambda: sam.enroll("c3", "es"), "caseload-above")


def test_a_list_that_is_imported_tells_what_was(world: World) -> None:
    """SPEC 5, 9.6: importing asks no guard, and no limit."""
    stay = world.stay()
    row = AssignmentRow(enrollment_id=stay.enrollment_id, user_id="sam", start_date=day("02-01"), end_date=day("02-10"))
    front = limited(world, 0, SYSTEM)
    assert front.import_assignments([row]).added == 1
    stint = live(world)[0]
    named = AssignmentRow(
        assignment_id=stint.assignment_id,
        enrollment_id=stint.enrollment_id,
        user_id="sam",
        start_date=day("02-01"),
        end_date=day("05-01"),
    )
    assert front.import_assignments([named]).changed == 1


def test_a_plan_fills_each_receiver_up_to_the_limit(world: World) -> None:
    """SPEC 6.11, 5: respecting each receiver's limit; what has no place is refused and stays."""
    for number in range(1, 6):
        world.stay(f"c{number}", case_manager="sam")
    front = limited(world, 2, SYSTEM)
    plan = front.plan_reassignment("sam", ["kim", "lee"], balance=True)
    assert plan.counts == {"move": 4, "end-only": 0, "keep": 0, "refuse": 1}
    front.apply(plan)
    assert [len(front.active_cases(user)) for user in ("kim", "lee", "sam")] == [2, 2, 1]


def test_a_limit_is_narrowed_to_project_types(world: World) -> None:
    """SPEC 5: per project type; the cases elsewhere are not counted, and a hard limit stays hard."""
    shelters = for_project_types(caseload_at_most(1, hard=True), {ProjectType(1)})
    kim = world.as_("kim", advisory=(*ADVISORY_RULES, shelters))
    kim.enroll("c1", "es")
    kim.enroll("c2", "rrh")
    kim.enroll("c3", "rrh")
    refused(lambda: kim.enroll("c4", "es"), "caseload-above")


def test_a_rule_object_is_narrowed_like_a_function() -> None:
    """SPEC 5: whatever can be a rule can be narrowed."""

    class Never:
        """A rule that is an object."""

        def __call__(self, facts: CaseloadFacts) -> Iterator[Violation]:
            """Nobody holds anything."""
            if facts.cases:
                yield Violation("never", "user_id", [facts.user.user_id], "holds something")

    narrowed = for_project_types(Never(), {ProjectType(1)})
    assert codes((narrowed,), caseload(about_stint(stint(), stay()))) == ["never"]
    assert codes((for_project_types(Never(), {ProjectType(13)}),), caseload(about_stint(stint(), stay()))) == []
    with pytest.raises(InvalidRecordError, match="cannot narrow a rule about CaseloadFacts"):
        for_heads_of_household(Never())


LIMIT = 2
LIMITED_ACTS = st.tuples(
    st.sampled_from(
        [
            *("assign", "assign", "household", "replace", "hand_over", "reassign"),
            *("amend", "lengthen", "reactivate", "join", "cover", "end"),
        ]
    ),
    st.integers(0, 7),
    st.sampled_from(["kim", "lee", "sam"]),
    st.integers(-5, 8).map(lambda number: TODAY + timedelta(days=number)),
    st.none() | st.integers(0, 6),
    st.sampled_from(["Case Manager", "Navigator", "Cover"]),
)


def most_held(world: World, on: date, counting: str) -> int:
    """How many cases, or households, the user with the most of them holds, counted one by one."""
    with world.store.transaction() as tx:
        household_of = {stay.enrollment_id: stay.household_id for stay in tx.enrollments}
    most = 0
    for user in ("kim", "lee", "sam"):
        own = [s for s in live(world) if s.user_id == user and s.role != "Cover" and on in s.period]
        most = max(most, len(own) if counting == "cases" else len({household_of[s.enrollment_id] for s in own}))
    return most


@pytest.mark.slow
@settings(max_examples=effort(50))
@given(st.lists(LIMITED_ACTS, min_size=5, max_size=20), st.booleans(), st.sampled_from(["cases", "households"]))
def test_a_hard_limit_holds_on_every_day_after_any_sequence_of_acts(
    acts: list[Any], in_memory: bool, counting: str
) -> None:
    """SPEC 5: however the stints came about, in any order of acts, on both stores."""
    with tempfile.TemporaryDirectory() as folder:
        store = None if in_memory else SQLiteStore(Path(folder) / "store.sqlite")
        world = families(store)
        front = limited(world, LIMIT, SYSTEM, counting=counting)
        for act in acts:
            carry_out(front, world, act)
        assert max(most_held(world, on, counting) for on in WINDOW) <= LIMIT
        world.store.close()


def test_two_who_race_for_the_last_place_do_not_both_get_it(tmp_path: Path) -> None:
    """SPEC 5, 10.1: transactions are serial, so a limit holds between processes that know nothing of each other."""
    path = tmp_path / "store.sqlite"
    store = SQLiteStore(path)
    world = World(store)
    world.system.add(*(Client(personal_id=f"p{number}") for number in range(20)))
    stays = [world.stay(f"p{number}") for number in range(20)]
    gate, outcomes = threading.Barrier(4), []

    def race(part: int) -> None:
        own = SQLiteStore(path)
        front = _front(own)
        gate.wait()
        for there in stays[part::4]:
            try:
                front.assign(there, "kim")
                outcomes.append("given")
            except RuleViolationError as error:
                outcomes.append(error.violations[0].code)
        own.close()

    threads = [threading.Thread(target=race, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["caseload-above"] * 17 + ["given"] * 3
    assert len(world.kim.active_cases()) == 3
    store.close()


def _front(store: Store) -> Casework:
    """A front door where nobody holds more than three cases."""
    limit = caseload_at_most(3, hard=True)
    return Casework(store, user=SYSTEM, clock=lambda: TODAY, advisory=(*ADVISORY_RULES, limit))


def test_the_limit_of_a_user_who_left_is_no_matter(world: World) -> None:
    """SPEC 5: every guard that speaks against a stint is named."""
    sam = limited(world, 0, "kim")
    world.system.add(User(user_id="lee", organization_ids=frozenset({"haven"}), left_on=day("03-01")))
    refused(lambda: sam.enroll("c1", "es", case_manager="lee"), "case-manager-left", "caseload-above")
