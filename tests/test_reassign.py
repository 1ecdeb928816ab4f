"""A caseload changes hands: a plan that says what applying it does, and applying it, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assign import FIELDS, Asked
from test_invariants import ACTS, DAYS, ENDED_SINCE, SEQUENCES, busy_world, carry_out, check, records, without_ids
from world import TODAY, World, day, effort

from caseassign import (
    ADVISORY_RULES,
    GUARDS,
    ME,
    REQUIRED_RULES,
    SYSTEM,
    Actor,
    CaseAssignment,
    Casework,
    Client,
    DefaultPolicy,
    Enrollment,
    Household,
    HouseholdKey,
    InvalidRecordError,
    NotFoundError,
    Outcome,
    Period,
    PermissionDeniedError,
    PlannedCase,
    PlannedOutcome,
    Project,
    ReassignmentPlan,
    Request,
    RuleViolationError,
    StorageError,
    User,
    Violation,
    caseload_at_most,
    exclusive_role,
)
from caseassign.history import to_plain
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, HouseholdFacts

MOVE, END_ONLY, KEEP, REFUSE = PlannedOutcome
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


class Watched:
    """A store around another one, which tells of every call before it is made."""

    def __init__(self, store: Any, tell: Callable[[str, str], None]) -> None:
        self._store = store
        self._tell = tell

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction of the store within."""
        self._tell("store", "write" if write else "read")
        with self._store.transaction(write=write) as tx:
            yield _WatchedPart(tx, self._tell)

    def close(self) -> None:
        """Close nothing."""


class _WatchedPart:
    """The part of a transaction that has records of one kind, or the transaction itself, which has the parts."""

    def __init__(self, part: Any, tell: Callable[[str, str], None], name: str = "") -> None:
        self._part = part
        self._tell = tell
        self._name = name

    def __getattr__(self, name: str) -> Any:
        there = getattr(self._part, name)
        if not self._name:
            return _WatchedPart(there, self._tell, name)
        self._tell(self._name, name)
        return there

    def __iter__(self) -> Iterator[Any]:
        self._tell(self._name, "iter")
        return iter(self._part)


def failing_at(world: World, nth: int) -> tuple[Casework, list[str]]:
    """The system's front door to a store in which the n-th call that writes fails, and the calls that wrote."""
    written: list[str] = []

    def tell(part: str, name: str) -> None:
        if name in {"add", "replace", "append", "put"}:
            written.append(f"{part}.{name}")
            if len(written) == nth:
                raise StorageError("the disk is full")

    watched = Watched(world.store, tell)
    return Casework(watched, user=SYSTEM, clock=lambda: world.today, now=world.now), written


def assert_nothing_is_half_done(world: World, act: Callable[[Casework], Outcome]) -> None:
    """Let an act fail at every call that writes, and then let it happen."""
    state, lines = world.state(), world.lines()
    for nth in range(1, 50):
        front, written = failing_at(world, nth)
        try:
            act(front)
        except StorageError:
            assert (world.state(), world.lines()) == (state, lines)
        else:
            assert len(written) == nth - 1 >= 3
            assert world.lines() > lines
            return


def caseload(world: World, *entries: str, user: str = "kim", project: str = "es") -> list[CaseAssignment]:
    """Stints of a user on new enrollments of one client after the other, each a household of its own."""
    return [
        world.system.enroll(f"c{n}", project, on=day(entry), case_manager=user).assignment
        for n, entry in enumerate(entries, start=1)
    ]


def line_of(plan: ReassignmentPlan, stint: CaseAssignment | str) -> PlannedCase:
    """The line of a case."""
    key = stint if isinstance(stint, str) else stint.assignment_id
    return next(line for line in plan if line.assignment.assignment_id == key)


def outcomes(plan: Iterable[PlannedCase]) -> list[PlannedOutcome]:
    """What would happen to each case."""
    return [line.outcome for line in plan]


def codes(line: PlannedCase | RuleViolationError) -> list[str]:
    """Why a case is refused, each for a field that a form can mark."""
    assert {violation.field for violation in line.violations} <= FIELDS
    return [violation.code for violation in line.violations]


def stint_of(world: World, key: str | CaseAssignment) -> CaseAssignment:
    """A stint as it stands."""
    key = key if isinstance(key, str) else key.assignment_id
    return next(stint for stint in records(world)[1] if stint.assignment_id == key)


def held(world: World, user: str, on: date = TODAY) -> set[tuple[str, str]]:
    """The enrollments and roles that a user holds as of a day, straight from the records."""
    return {
        (stint.enrollment_id, stint.role)
        for stint in records(world)[1]
        if stint.user_id == user and not stint.voided and on in stint.period
    }


# One receiver


def test_a_caseload_goes_to_one_user_in_one_batch(any_world: World) -> None:
    """SPEC 6.11, 8.5: a move ends one stint and starts the other, with its role and planned end, with a line each."""
    world = any_world
    family = world.family(2, case_manager="kim")
    stay = world.stay("c3")
    world.kim.assign(stay, start="2026-02-01", end="2026-06-01", role="Navigator")
    before = held(world, "kim")
    plan = world.super.plan_reassignment("kim", "lee")
    assert (plan.from_, plan.on, plan.withheld, len(plan)) == ("kim", TODAY, 0, 3)
    assert plan.counts == {"move": 3, "end-only": 0, "keep": 0, "refuse": 0}
    outcome = world.super.apply(plan, reason="kim moves on")
    assert held(world, "kim") == set()
    assert held(world, "kim", YESTERDAY) == held(world, "lee") == before
    assert held(world, "lee", day("06-01")) == {(stay.enrollment_id, "Case Manager") for stay in family}
    assert len(outcome.assignments) == len(outcome.changes) == 6
    assert {(line.batch_id, line.reason, line.user_id, line.action) for line in outcome.changes} == {
        (outcome.batch_id, "kim moves on", "super", "caseload.reassign")
    }
    assert list(world.system.history(batch=outcome.batch_id)) == list(outcome.changes)
    check(world)


def test_planning_reads_and_writes_nothing(any_world: World) -> None:
    """SPEC 6.11: a plan is computed without writing, in a transaction that may only read."""
    world = any_world
    caseload(world, "01-10", "02-10")
    state, lines = world.state(), world.lines()
    opened: list[str] = []

    def tell(part: str, name: str) -> None:
        assert name not in {"add", "replace", "append", "put"}
        opened.extend([name] if part == "store" else [])

    front = Casework(Watched(world.store, tell), user=SYSTEM, clock=lambda: TODAY)
    first, again = (front.plan_reassignment("kim", ["lee", "sam"], balance=True) for _ in range(2))
    assert opened == ["read", "read"]
    assert first == again
    assert (world.state(), world.lines()) == (state, lines)


def test_planned_and_done_at_once_is_the_same_as_a_plan_applied(any_world: World) -> None:
    """SPEC 6.11, API: reassign is plan, then apply."""
    world = any_world
    stints = caseload(world, "01-10", "02-10")
    would = world.super.reassign("kim", "lee", dry_run=True)
    assert would.batch_id is None
    assert held(world, "lee") == set()
    outcome = world.super.reassign("kim", "lee", reason="moves on")
    assert {line.reason for line in outcome.changes} == {"moves on"}
    assert held(world, "lee") == {(stint.enrollment_id, stint.role) for stint in stints}


def test_the_policy_is_asked_whose_caseload_is_planned(world: World) -> None:
    """SPEC 6.11, 8.1: it needs its own permission, for the caseload of that user."""
    policy = Asked()
    world.as_("super", policy=policy).plan_reassignment("kim", "lee")
    assert [asked.user.user_id for asked in policy.requests if asked.user is not None] == ["kim"]


def a_month_at_least(facts: AssignmentFacts) -> Iterator[Violation]:
    """An agency's rule: a stint lasts thirty days at least."""
    days = facts.assignment.period
    if days.end is not None and (days.end - days.start).days < 30:
        yield Violation("a-month-at-least", "end_date", [facts.assignment.assignment_id], "a stint is too short")


def two_at_least(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An agency's rule: an enrollment has two stints at least."""
    if len(facts.assignments) < 2:
        yield Violation("two-at-least", "user_id", [facts.enrollment.enrollment_id], "one stint, or none")


def test_no_rule_of_an_agency_refuses_that_a_case_ends_with_its_holder(world: World) -> None:
    """SPEC 5.1, 6.11: ending and voiding are never refused, for what is moved and for what the receiver holds."""
    (short,) = caseload(world, "02-20")
    other = world.stay("c2", case_manager="lee")
    ahead = world.system.assign(other, "kim", start="2026-03-20").assignment
    strict = world.as_("super", required=(a_month_at_least, two_at_least))
    strict.reassign("kim", "lee")
    assert (stint_of(world, short).end_date, stint_of(world, ahead).voided) == (TODAY, True)


def test_a_plan_is_plain_data_and_a_sequence_of_lines(world: World) -> None:
    """Issue 3.1: a plan can be read, as a table and as JSON."""
    first, second = caseload(world, "01-10", "01-11")
    world.system.assign(second.enrollment_id, "lee", start=TODAY)
    plan = world.super.plan_reassignment("kim", "lee")
    plain = json.loads(json.dumps(plan.to_dict()))
    assert {key: plain[key] for key in ("from", "on", "withheld", "counts")} == {
        "from": "kim",
        "on": "2026-03-02",
        "withheld": 0,
        "counts": {"move": 1, "end-only": 1, "keep": 0, "refuse": 0},
    }
    assert [case["assignment_id"] for case in plain["cases"]] == [first.assignment_id, second.assignment_id]
    assert plain["cases"][0]["days"] == [{"start_date": "2026-03-02", "end_date": None}]
    assert plain["cases"][0]["client_name"] == "Marigold, Ada"
    assert (plain["cases"][1]["outcome"], plain["cases"][1]["on"], plain["cases"][1]["to"]) == (
        "end-only",
        "2026-03-02",
        "lee",
    )
    assert plan[0] == plan[-2] == next(iter(plan))
    assert list(plan[1:]) == [plan[1]]
    assert "Ada" not in repr(plan)
    refused = world.super.plan_reassignment("kim", "gone").to_dict()["cases"][0]
    (violation,) = refused["violations"]
    assert {key: violation[key] for key in violation if key != "ids"} == {
        "code": "case-manager-left",
        "message": "user gone has left by the start of the assignment",
    }
    assert len(violation["ids"]) == 1
    world.kim.amend(first, end_date="2026-06-01")
    ending = world.super.plan_reassignment("kim", "lee").to_dict()["cases"][0]
    assert ending["days"] == [{"start_date": "2026-03-02", "end_date": "2026-06-01"}]
    kept = world.super.plan_reassignment("kim", "lee", clients=["c1"]).to_dict()["cases"][1]
    assert (kept["on"], kept["reason"]) == (None, "outside the selection")


@pytest.mark.parametrize(
    ("to", "options", "match"),
    [
        ([], {}, "^Reassignment.to names nobody"),
        (["lee", "sam"], {}, "^Reassignment.to .*several users"),
        ("kim", {}, "^Reassignment.to .*whose caseload it is"),
        (["lee", "kim"], {"balance": True}, "whose caseload it is"),
        ("lee", {"ended_since": "forget"}, "^Reassignment.ended_since is neither 'move' nor 'keep'"),
        (None, {}, "one user, or its id, is meant"),
        ({"c1": SYSTEM}, {}, "one user, or its id, is meant"),
        ({5: "lee"}, {}, "^Reassignment.to .*no case, assignment, enrollment or client"),
        ("lee", {"clients": "c1"}, "^Caseload.clients is one text"),
        ("lee", {"households": "h1"}, "^Caseload.households is one household"),
        ("lee", {"households": HouseholdKey("es", "h1")}, "one household"),
        ("lee", {"households": [5]}, "^Caseload.households .*no household"),
        ("lee", {"households": [Household(members=())]}, "^Caseload.households .*no HouseholdID"),
        ("lee", {"projects": "es"}, "one text"),
    ],
)
def test_what_does_not_say_one_thing_is_refused_clearly(world: World, to: Any, options: Any, match: str) -> None:
    """SPEC 6.11: who gets what is said, and never guessed."""
    caseload(world, "01-10")
    with pytest.raises(InvalidRecordError, match=match):
        world.super.plan_reassignment("kim", to, **options)


def test_users_who_are_not_there_are_named(world: World) -> None:
    """SPEC 6: an id that the store does not have; the system holds no cases, and ME is whoever acts."""
    caseload(world, "01-10", user="super")
    for from_, to in (("nobody", "lee"), ("kim", "nobody"), ("super", {"c1": "nobody"})):
        with pytest.raises(NotFoundError, match="no user with id nobody"):
            world.super.plan_reassignment(from_, to)
    with pytest.raises(InvalidRecordError, match="system"):
        world.system.plan_reassignment(ME, "lee")
    with pytest.raises(InvalidRecordError, match="system"):
        world.super.reassign(SYSTEM, "lee")
    assert world.super.plan_reassignment(ME, "lee").counts["move"] == 1


# Whom it may go to


@pytest.mark.parametrize(
    ("to", "code"), [("gone", "case-manager-left"), ("bo", "no-access"), ("clerk", "not-a-case-manager")]
)
def test_who_may_not_take_a_case_is_refused_with_the_reason(world: World, to: str, code: str) -> None:
    """SPEC 5, 6.11: the guards are asked for each case, and the line names the stint that would be followed."""
    stint = caseload(world, "01-10")[0]
    plan = world.super.plan_reassignment("kim", to)
    assert (plan[0].outcome, codes(plan[0]), plan[0].violations[0].ids, plan[0].days, plan[0].to) == (
        REFUSE,
        [code],
        (stint.assignment_id,),
        (),
        to,
    )
    lines = world.lines()
    acts: list[Callable[[], Outcome]] = [
        lambda: world.super.apply(plan),
        lambda: world.super.reassign("kim", to),
    ]
    for act in acts:
        with pytest.raises(RuleViolationError) as refused:
            act()
        assert refused.value.violations == plan[0].violations
    assert world.lines() == lines


def test_a_violation_that_names_the_stint_that_was_tried_out_names_the_one_before_it(world: World) -> None:
    """SPEC 5: an outsider's rule may put ids in its message; the plan shows ids that exist, and stays the same."""

    def not_by_lee(facts: AssignmentFacts) -> Iterator[Violation]:
        """Lee takes nothing."""
        if facts.user.user_id == "lee" and facts.enrollment.personal_id == "c1":
            key = facts.assignment.assignment_id
            yield Violation("not-lee", "user_id", [key], f"assignment {key} is not for lee")

    first, second = caseload(world, "01-10", "01-11")
    strict = world.as_("super", guards=(*GUARDS, not_by_lee))
    plan = strict.plan_reassignment("kim", "lee")
    assert plan[0].violations[0].message == f"assignment {first.assignment_id} is not for lee"
    outcome = strict.apply(plan)
    assert [(skipped.id, skipped.reason) for skipped in outcome.skipped] == [(first.assignment_id, "not-lee")]
    assert held(world, "lee") == {(second.enrollment_id, "Case Manager")}


def test_what_the_receiver_holds_already_is_not_given_again(any_world: World) -> None:
    """SPEC 6.11: the receiver gets exactly the days that they do not hold already in that role, in several pieces."""
    world = any_world
    all_of_it, nothing, pieces = caseload(world, "01-10", "01-11", "01-12")
    world.system.assign(all_of_it.enrollment_id, "lee", start="2026-02-01")
    world.system.assign(nothing.enrollment_id, "lee", start="2026-02-01", role="Navigator")
    for start, end in (("2026-02-01", "2026-03-10"), ("2026-03-20", "2026-03-25"), ("2026-04-01", "2026-04-02")):
        world.system.assign(pieces.enrollment_id, "lee", start=start, end=end)
    voided = world.system.assign(pieces.enrollment_id, "lee", start="2026-05-01").assignment
    world.system.void(voided, "wrong")
    plan = world.super.plan_reassignment("kim", "lee")
    assert outcomes(plan) == [END_ONLY, MOVE, MOVE]
    assert plan[0].days == ()
    assert plan[1].days == (Period(TODAY),)
    assert plan[2].days == (
        Period(day("03-10"), day("03-20")),
        Period(day("03-25"), day("04-01")),
        Period(day("04-02")),
    )
    outcome = world.super.apply(plan)
    assert [stint.period for stint in outcome.assignments if stint.enrollment_id == pieces.enrollment_id] == [
        Period(day("01-12"), TODAY),
        *plan[2].days,
    ]
    for stint in (all_of_it, nothing, pieces):
        assert stint_of(world, stint).end_date == TODAY
        for on in (TODAY, day("03-22"), day("04-01"), day("07-01")):
            assert (stint.enrollment_id, "Case Manager") in held(world, "lee", on)
    check(world)


def test_a_hard_limit_refuses_what_is_above_it_and_lets_what_is_only_ended_pass(world: World) -> None:
    """SPEC 5, 6.11: the rules are asked about each household after the ones before it."""
    first, second, third = caseload(world, "01-10", "01-11", "01-12")
    world.system.assign(third.enrollment_id, "lee", start="2026-02-01")
    limited = world.as_("super", advisory=(*ADVISORY_RULES, caseload_at_most(2, hard=True)))
    plan = limited.plan_reassignment("kim", "lee")
    assert sorted(outcomes(plan)) == [END_ONLY, MOVE, REFUSE]
    assert line_of(plan, third).outcome is END_ONLY
    refused = next(line for line in plan if line.outcome is REFUSE)
    assert codes(refused) == ["caseload-above"]
    outcome = limited.apply(plan)
    assert [(skipped.id, skipped.reason) for skipped in outcome.skipped] == [
        (refused.assignment.assignment_id, "caseload-above")
    ]
    assert len(held(world, "lee")) == 2
    assert refused.assignment.assignment_id in {first.assignment_id, second.assignment_id}
    assert stint_of(world, refused.assignment) == refused.assignment
    with pytest.raises(RuleViolationError, match="caseload-above"):
        limited.apply(limited.plan_reassignment("kim", "lee"))


def test_a_limit_of_an_outsider_counts_the_households_that_were_planned_before(world: World) -> None:
    """SPEC 5: a guard about a caseload gets the facts as they would be; one by one only where it refuses them all."""
    seen: list[tuple[str, int]] = []

    def spy(facts: CaseloadFacts) -> Iterator[Violation]:
        """A user holds two cases at most."""
        seen.append((facts.user.user_id, len(facts.cases)))
        if len(facts.cases) > limit:
            yield Violation("too-many", "user_id", [facts.user.user_id], "too many")

    limit = 3
    caseload(world, "01-10", "01-11", "01-12")
    spying = world.as_("super", guards=(*GUARDS, spy))
    assert spying.plan_reassignment("kim", "lee").counts["move"] == 3
    assert seen == [("lee", 3)]
    limit = 2
    assert spying.plan_reassignment("kim", "lee").counts == {"move": 2, "end-only": 0, "keep": 0, "refuse": 1}
    assert {user for user, _ in seen} == {"lee"}


def test_an_exclusive_role_is_handed_on_and_not_taken(world: World) -> None:
    """SPEC 6.11, 6.17: a role that is exclusive goes to the receiver, unless somebody else holds it from then on."""
    first, second = caseload(world, "01-10", "01-11", user="sam")
    for stint in (first, second):
        world.system.assign(stint.enrollment_id, "kim", start="2026-02-01", role="Primary")
    world.put_raw(
        CaseAssignment(
            assignment_id="later", enrollment_id=first.enrollment_id, user_id="sam", role="Primary", start_date=TOMORROW
        )
    )
    strict = world.as_("super", required=(*REQUIRED_RULES, exclusive_role("Primary")))
    plan = strict.plan_reassignment("kim", "lee")
    assert [(line.outcome, codes(line)) for line in plan] == [(REFUSE, ["role-taken"]), (MOVE, [])]
    assert "later" in plan[0].violations[0].ids


# Households


def test_a_household_moves_whole_or_not_at_all(world: World) -> None:
    """SPEC 6.11: where one member is refused the others are, and say why."""
    family = world.family(3, case_manager="kim")
    alone = world.stay("c4", case_manager="kim")
    world.put_raw(attrs.evolve(family[1], exit_date=day("02-15")))
    plan = world.super.plan_reassignment("kim", "lee")
    lines = {line.assignment.enrollment_id: line for line in plan}
    assert "open-after-exit" in codes(lines[family[1].enrollment_id])
    for member in (family[0], family[2]):
        line = lines[member.enrollment_id]
        assert (line.outcome, codes(line), line.violations[0].ids) == (
            REFUSE,
            ["household-split"],
            (line.assignment.assignment_id,),
        )
    outcome = world.super.apply(plan)
    assert len(outcome.skipped) == 3
    assert held(world, "lee") == {(alone.enrollment_id, "Case Manager")}
    with pytest.raises(RuleViolationError) as refused:
        world.super.reassign("kim", "lee")
    assert codes(refused.value).count("household-split") == 2


def test_a_household_may_be_split_if_the_caller_says_so(world: World) -> None:
    """SPEC 6.11: households whole by default."""
    family = world.family(3, case_manager="kim")
    world.put_raw(attrs.evolve(family[1], exit_date=day("02-15")))
    plan = world.super.plan_reassignment("kim", "lee", whole_households=False)
    assert sorted(outcomes(plan)) == [MOVE, MOVE, REFUSE]
    plan = world.super.plan_reassignment("kim", "lee", whole_households=False, clients=["c1"])
    assert sorted(outcomes(plan)) == [KEEP, KEEP, MOVE]


def test_one_id_in_two_projects_is_two_households(world: World) -> None:
    """SPEC 2: real exports use a HouseholdID again in another project."""
    shelter = world.system.enroll({"c1": 1, "c2": 2}, "es", on=day("01-10"), case_manager="kim", household_id="h")
    homes = world.system.enroll({"c1": 1, "c2": 2}, "rrh", on=day("02-10"), case_manager="kim", household_id="h")
    plan = world.super.plan_reassignment("kim", "lee", households=[HouseholdKey("rrh", "h")])
    assert {line.assignment.enrollment_id for line in plan if line.outcome is MOVE} == {
        stay.enrollment_id for stay in homes.enrollments
    }
    named: list[Household | HouseholdKey | str] = [Household(members=shelter.enrollments), HouseholdKey("rrh", "h")]
    assert world.super.plan_reassignment("kim", "lee", households=named).counts["move"] == 4
    with pytest.raises(InvalidRecordError, match=r"^Caseload\.households .*several projects"):
        world.super.plan_reassignment("kim", "lee", households=["h"])
    assert world.super.plan_reassignment("kim", "lee", households=["h"], projects=["es"]).counts["move"] == 2


def test_a_rule_about_households_is_asked_while_planning(world: World) -> None:
    """SPEC 5.1: any required rule, also one about households."""

    def two_at_most(facts: HouseholdFacts) -> Iterator[Violation]:
        """Lee holds no household of three."""
        if len(facts.members) > 2 and any("lee" in member.holders for member in facts.members):
            yield Violation("too-big", "household_id", facts.ids, "three members are too many for lee")

    world.family(3, case_manager="kim")
    strict = world.as_("super", required=(*REQUIRED_RULES, two_at_most))
    plan = strict.plan_reassignment("kim", ["lee", "sam"], balance=True)
    assert {line.to for line in plan} == {"sam"}
    assert {tuple(codes(line)) for line in strict.plan_reassignment("kim", "lee")} == {("too-big",)}


# Several receivers


def spread(world: World, receivers: Iterable[str], sizes: Iterable[int], **options: Any) -> dict[str, str | None]:
    """Who gets which household, of those that kim gets first."""
    for nth, size in enumerate(sizes):
        clients = {f"k{nth}{member}": 1 if member == 0 else 2 for member in range(size)}
        world.system.add(*(Client(personal_id=key) for key in clients))
        world.system.enroll(clients, "es", on=day("01-10"), household_id=f"h{nth}", case_manager="kim")
    plan = world.as_("super", **options).plan_reassignment("kim", receivers, balance=True)
    to = {(line.case.enrollment.household_id or "", line.to) for line in plan if line.is_carried_out}
    assert len(to) == len({household for household, _ in to}), "a household was split"
    return dict(sorted(to))


def test_three_receivers_get_the_same_load_and_whole_households() -> None:
    """SPEC 6.11: the largest household first, to the lightest caseload, ties by the user's id; in any order given."""
    for receivers in permutations(["lee", "sam", "super"]):
        spread_out = spread(World(), receivers, [1, 4, 2, 2, 1, 1, 1])
        assert spread_out == {
            "h1": "lee",
            "h2": "sam",
            "h3": "super",
            "h0": "sam",
            "h4": "super",
            "h5": "sam",
            "h6": "super",
        }


def test_the_order_in_which_households_came_does_not_matter() -> None:
    """SPEC 6.11: balancing is deterministic, although assignments get ids by chance."""
    found = set()
    for order in permutations(range(4)):
        world = World()
        for nth in order:
            world.system.enroll(f"c{nth + 1}", "es", on=day("01-10"), case_manager="kim", household_id=f"h{nth}")
        plan = world.super.plan_reassignment("kim", ["sam", "lee", "super"], balance=True)
        found.add(tuple(sorted((line.case.client.personal_id, line.to) for line in plan)))
    assert found == {(("c1", "lee"), ("c2", "sam"), ("c3", "super"), ("c4", "lee"))}


def test_who_holds_less_gets_more_and_cover_and_what_is_held_already_are_no_load(world: World) -> None:
    """SPEC 6.11, 6.14: lighter caseloads first, as of the hand-over day; deleted enrollments and cover aside."""
    lees = caseload(world, "01-10", "01-11", user="lee")
    world.system.assign(lees[0].enrollment_id, "sam", start="2026-02-01", role="Cover")
    gone = caseload(world, "01-10", "01-11", "01-12", user="sam", project="th")
    for stint in gone:
        world.put_raw(attrs.evolve(stint, user_id="super"))
    with world.store.transaction() as tx:
        stays = tx.enrollments.get([stint.enrollment_id for stint in gone])
    world.put_raw(*(attrs.evolve(stay, deleted=True) for stay in stays.values()))
    assert spread(world, ["lee", "sam", "super"], [1, 1, 1, 1, 1]) == {
        "h0": "sam",
        "h1": "super",
        "h2": "sam",
        "h3": "super",
        "h4": "lee",
    }


def test_what_a_receiver_is_only_relieved_of_does_not_make_them_heavier(world: World) -> None:
    """SPEC 6.11: a case that the receiver holds already adds nothing, and one that they cover for adds nothing."""
    both = world.system.enroll("c1", "es", on=day("01-10"), case_manager="kim", household_id="a").enrollment
    world.system.assign(both, "lee", start="2026-02-01")
    world.system.assign(both, "sam", start="2026-02-01")
    cover = world.system.enroll("c2", "es", on=day("01-10"), case_manager=None, household_id="b").enrollment
    world.system.assign(cover, "kim", start="2026-02-01", role="Cover")
    world.system.enroll("c3", "es", on=day("02-01"), case_manager="kim", household_id="c")
    plan = world.super.plan_reassignment("kim", ["lee", "sam"], balance=True)
    assert {(line.case.client.personal_id, line.outcome, line.to) for line in plan} == {
        ("c1", END_ONLY, "lee"),
        ("c2", MOVE, "lee"),
        ("c3", MOVE, "lee"),
    }


def test_balancing_passes_over_who_may_not_take_a_household(world: World) -> None:
    """SPEC 6.11: each receiver's access, limit and departure are respected; the reasons are the lightest one's."""
    assert set(spread(world, ["bo", "gone", "clerk", "lee"], [1, 2, 1]).values()) == {"lee"}
    world = World()
    limited = {"advisory": (caseload_at_most(2, hard=True),)}
    assert spread(world, ["lee", "sam"], [3, 2, 1, 1, 1], **limited) == {"h1": "lee", "h2": "sam", "h3": "sam"}
    plan = world.as_("super", **limited).plan_reassignment("kim", ["lee", "sam"], balance=True)
    assert {(line.to, *codes(line)) for line in plan if line.outcome is REFUSE} == {
        ("lee", "caseload-above"),
    }
    leaving = World()
    leaving.super.deactivate("lee", on="2026-03-10")
    stint = caseload(leaving, "01-10")[0]
    for on, to in (("2026-03-09", "lee"), ("2026-03-10", "sam")):
        plan = leaving.super.plan_reassignment("kim", ["lee", "sam"], on, balance=True)
        assert (plan[0].outcome, plan[0].to) == (MOVE, to)
    assert stint_of(leaving, stint) == stint


def test_a_limit_to_households_counts_the_household_once(world: World) -> None:
    """SPEC 5: an agency may count households."""
    limited = {"advisory": (caseload_at_most(1, counting="households", hard=True),)}
    assert spread(world, ["lee", "sam"], [3, 2, 1], **limited) == {"h0": "lee", "h1": "sam"}


# A receiver for each case


def test_each_case_goes_to_whom_it_is_given_by_case_enrollment_or_client(world: World) -> None:
    """SPEC 6.11: a mapping per case; what is not named, or named with nobody, is kept: blank never unassigns."""
    a, b, c, d, e = caseload(world, "01-10", "01-11", "01-12", "01-13", "01-14")
    case = next(case for case in world.kim.active_cases() if case.assignment == a)
    stay = next(stay for stay in records(world)[0] if stay.enrollment_id == b.enrollment_id)
    to: dict[Any, Any] = {case: "lee", stay: "sam", Client(personal_id="c3"): User(user_id="lee"), "c4": None}
    plan = world.super.plan_reassignment("kim", to)
    assert [(line.outcome, line.to, line.reason) for line in plan] == [
        (MOVE, "lee", None),
        (MOVE, "sam", None),
        (MOVE, "lee", None),
        (KEEP, None, "no receiver is named"),
        (KEEP, None, "no receiver is named"),
    ]
    world.super.apply(plan)
    assert held(world, "kim") == {(stint.enrollment_id, "Case Manager") for stint in (d, e)}
    to = {d.assignment_id: "lee", e: "kim"}
    plan = world.super.plan_reassignment("kim", to)
    assert [(line.outcome, line.reason) for line in plan] == [(MOVE, None), (KEEP, "it is the receiver's already")]
    assert world.super.plan_reassignment("kim", {}).counts["keep"] == 2
    assert c == stint_of(world, c) or stint_of(world, c).end_date == TODAY


def test_the_most_exact_name_counts(world: World) -> None:
    """SPEC 6.11: an assignment is named more exactly than its enrollment, and that more than its client."""
    stay = world.stay("c1")
    manager, navigator = (
        world.system.assign(stay, "kim", start="2026-02-01", role=role).assignment
        for role in ("Case Manager", "Navigator")
    )
    homes = world.stay("c1", project="rrh", case_manager="kim")
    plan = world.super.plan_reassignment("kim", {"c1": "lee", stay: "sam", navigator: None})
    assert {line.assignment.assignment_id: line.to for line in plan} == {
        manager.assignment_id: "sam",
        navigator.assignment_id: None,
        line_of(
            plan, next(s for s in records(world)[1] if s.enrollment_id == homes.enrollment_id)
        ).assignment.key: "lee",
    }


def test_a_member_who_is_not_named_goes_along_with_the_household(world: World) -> None:
    """SPEC 6.11: households are moved whole, where those who are named go to one user."""
    family = world.family(3, case_manager="kim")
    receivers = {line.case.client.personal_id: line.to for line in world.super.plan_reassignment("kim", {"c1": "lee"})}
    assert receivers == {"c1": "lee", "c2": "lee", "c3": "lee"}
    named: list[dict[str, str | None]] = [{"c1": "lee", "c2": None}, {"c1": "lee", "c2": "sam"}]
    for to, third in zip(named, ("lee", None), strict=True):
        plan = world.super.plan_reassignment("kim", to)
        assert [line.to for line in plan] == [*to.values(), third]
    plan = world.super.plan_reassignment("kim", {family[0]: "lee"}, whole_households=False)
    assert outcomes(plan) == [MOVE, KEEP, KEEP]
    plan = world.super.plan_reassignment("kim", {"c1": "gone", "c2": None, "c3": "lee"})
    assert [(line.outcome, codes(line)) for line in plan] == [
        (REFUSE, ["case-manager-left"]),
        (KEEP, []),
        (REFUSE, ["household-split"]),
    ]


def test_a_name_that_means_nothing_or_two_things_is_refused(world: World) -> None:
    """SPEC 6.11: an id of several kinds is asked back for, and one case is not given to two users."""
    stint = caseload(world, "01-10")[0]
    world.put_raw(
        Enrollment(enrollment_id="c1", personal_id="c2", project_id="es", entry_date=day("01-10")),
        CaseAssignment(assignment_id="c3", enrollment_id="c1", user_id="kim", start_date=day("01-10")),
    )
    lees = world.stay("c4", case_manager="lee")
    ambiguous: list[tuple[dict[Any, Any], str]] = [
        ({"c1": "lee"}, "names c1, which is an id of several kinds"),
        ({"nobody": "lee"}, "names nobody, which is no case"),
        ({lees: "lee"}, f"names {lees.enrollment_id}, which is no case of that user"),
        ({stint: "lee", stint.assignment_id: "sam"}, "twice"),
        ({stint: "lee", next(c for c in world.kim.active_cases() if c.assignment == stint): "sam"}, "twice"),
        ({5: "sam"}, "no case, assignment"),
    ]
    for to, match in ambiguous:
        with pytest.raises(InvalidRecordError, match=rf"^Reassignment\.to .*{match}"):
            world.super.plan_reassignment("kim", to)
    plan = world.super.plan_reassignment("kim", {Client(personal_id="c1"): "lee", "c3": "sam"})
    assert {(line.case.client.personal_id, line.to) for line in plan} == {("c1", "lee"), ("c2", "sam")}
    same = world.super.plan_reassignment("kim", {stint: "lee", stint.assignment_id: "lee"})
    assert same.counts["move"] == 1


# Which part of it


def test_a_part_of_a_caseload_is_chosen_and_the_rest_is_kept(world: World) -> None:
    """SPEC 6.11: projects, organizations, households, clients, roles."""
    family = world.family(2, case_manager="kim")
    homes = world.stay("c3", project="rrh", case_manager="kim")
    world.system.assign(homes, "kim", start="2026-02-01", role="Navigator")
    bridge = world.stay("c4", project="th")
    world.put_raw(
        CaseAssignment(assignment_id="th", enrollment_id=bridge.enrollment_id, user_id="kim", start_date=day("01-10"))
    )

    def moved(**part: Any) -> list[str]:
        plan = world.system.plan_reassignment("kim", "sam", **part)
        assert {line.reason for line in plan if line.outcome is KEEP} <= {"outside the selection"}
        return sorted(line.case.client.personal_id for line in plan if line.outcome is MOVE)

    assert moved() == ["c1", "c2", "c3", "c3", "c4"]
    assert moved(projects=["es", "th"]) == ["c1", "c2", "c4"]
    assert moved(projects=(Project(project_id=key) for key in ("rrh",))) == ["c3", "c3"]
    assert moved(organizations=["bridge"]) == ["c4"]
    assert moved(roles=["Navigator"]) == ["c3"]
    assert moved(households=[family[0].household_id]) == ["c1", "c2"]
    assert moved(clients=["c2", "c3"]) == ["c1", "c2", "c3", "c3"]
    assert moved(clients=["c2"], whole_households=False) == ["c2"]
    assert moved(clients=[Client(personal_id="c3")], roles=["Case Manager"]) == ["c3"]
    assert moved(clients=["c2"], households=[homes.household_id]) == []
    assert moved(clients=[]) == []
    alone = Enrollment(enrollment_id="alone", personal_id="c5", project_id="es", entry_date=TODAY)
    with pytest.raises(InvalidRecordError, match=r"^Caseload\.households .*name its client"):
        moved(households=[Household(members=(alone,))])


# The hand-over day


def test_a_hand_over_on_a_past_day_forgets_nothing_that_has_ended_since(any_world: World) -> None:
    """SPEC 6.11, 11: what was active then is moved from then on, up to its end where it has ended, or kept."""
    world = any_world
    going_on, ended, before, upcoming, empty = caseload(world, "01-10", "01-10", "01-10", "02-20", "01-10")
    world.system.end(ended, on="2026-02-10")
    world.system.end(before, on="2026-02-01")
    world.system.end(empty, on="2026-01-10")
    later = world.system.assign(empty.enrollment_id, "kim", start="2026-02-05").assignment
    world.system.end(later, on="2026-02-05")
    on = day("02-01")
    plan = world.super.plan_reassignment("kim", "lee", on)
    assert {line.assignment.assignment_id: (line.outcome, line.on, line.days) for line in plan} == {
        going_on.assignment_id: (MOVE, on, (Period(on),)),
        ended.assignment_id: (MOVE, on, (Period(on, day("02-10")),)),
        upcoming.assignment_id: (MOVE, day("02-20"), (Period(day("02-20")),)),
        later.assignment_id: (KEEP, None, ()),
    }
    assert line_of(plan, later).reason == "begins and ends on one day"
    kept = world.super.plan_reassignment("kim", "lee", "2026-02-01", ended_since="keep")
    assert line_of(kept, ended).reason == "has ended since the hand-over day"
    assert kept.counts == {"move": 2, "end-only": 0, "keep": 2, "refuse": 0}
    world.super.apply(plan)
    assert held(world, "lee", day("02-09")) == {(stint.enrollment_id, "Case Manager") for stint in (going_on, ended)}
    assert len(held(world, "lee", day("02-10"))) == 1
    assert held(world, "kim", on) == held(world, "kim", TODAY) == set()
    assert stint_of(world, before).end_date == on
    check(world)


def test_a_hand_over_on_a_future_day_takes_what_is_held_then(any_world: World) -> None:
    """SPEC 6.11: what ends before is kept, what is planned is moved from its own start."""
    world = any_world
    going_on, ending, planned = caseload(world, "01-10", "01-10", "01-10")
    world.system.amend(ending, end_date="2026-03-20")
    world.system.amend(planned, start_date="2026-04-01", end_date="2026-05-01")
    plan = world.super.plan_reassignment("kim", "lee", day("03-20"))
    assert [(line.outcome, line.on, line.days) for line in (line_of(plan, s) for s in (going_on, ending, planned))] == [
        (MOVE, day("03-20"), (Period(day("03-20")),)),
        (KEEP, None, ()),
        (MOVE, day("04-01"), (Period(day("04-01"), day("05-01")),)),
    ]
    assert line_of(plan, ending).reason == "ends by the hand-over day"
    world.super.apply(plan)
    moved = stint_of(world, planned)
    assert (moved.start_date, moved.end_date, moved.voided) == (day("04-01"), day("05-01"), True)
    assert len(held(world, "kim", day("03-19"))) == 2
    assert len(held(world, "lee", day("03-20"))) == 1
    assert len(held(world, "lee", day("04-30"))) == 2
    check(world)


def test_a_hand_over_before_the_holder_starts_is_one_from_the_start(world: World) -> None:
    """SPEC 6.11, 16: the old one ends on its start, as a hand-over of one case does."""
    stint = caseload(world, "02-20")[0]
    plan = world.super.plan_reassignment("kim", "lee", "2026-01-01")
    assert (plan[0].outcome, plan[0].on) == (MOVE, day("02-20"))
    world.super.apply(plan)
    assert stint_of(world, stint).period == Period(day("02-20"), day("02-20"))
    assert held(world, "lee", day("02-20")) == {(stint.enrollment_id, "Case Manager")}


def test_a_kept_case_stays_kept(world: World) -> None:
    """SPEC 6.8: reassigning a kept stint on an exited enrollment gives a kept stint."""
    stint = caseload(world, "01-10")[0]
    world.system.exit(stint.enrollment_id, on="2026-02-10", end_assignments=False)
    plan = world.super.plan_reassignment("kim", "lee")
    assert plan[0].outcome is MOVE
    assert world.super.apply(plan).assignments[-1].kept_after_exit
    assert {f.code for f in world.system.audit() if f.enrollment_id == stint.enrollment_id} == {"kept-after-exit"}


def test_stints_that_came_in_dirty_are_moved_where_they_break_nothing_new(world: World) -> None:
    """SPEC 5.1: two stints of one user on the same days become one holder; past an exit, a successor is refused."""
    stay = world.stay("c1")
    exited = Enrollment(
        enrollment_id="exited", personal_id="c2", project_id="es", entry_date=day("01-10"), exit_date=day("02-01")
    )
    early = Enrollment(enrollment_id="early", personal_id="c3", project_id="es", entry_date=TOMORROW)
    deleted = Enrollment(
        enrollment_id="deleted", personal_id="c4", project_id="es", entry_date=day("01-10"), deleted=True
    )

    def dirty(key: str, enrollment_id: str, **values: Any) -> CaseAssignment:
        values = {"start_date": day("01-10")} | values
        return CaseAssignment(assignment_id=key, enrollment_id=enrollment_id, user_id="kim", **values)

    world.put_raw(
        exited,
        early,
        deleted,
        dirty("one", stay.enrollment_id, end_date=day("04-01")),
        dirty("two", stay.enrollment_id, start_date=day("01-11"), end_date=day("05-01")),
        dirty("open", "exited"),
        dirty("before", "early"),
        dirty("on deleted", "deleted"),
        dirty("void", stay.enrollment_id, voided=True),
    )
    plan = world.super.plan_reassignment("kim", "lee")
    assert {line.assignment.assignment_id: (line.outcome, *codes(line)) for line in plan} == {
        "one": (MOVE,),
        "two": (MOVE,),
        "open": (REFUSE, "starts-after-exit", "open-after-exit"),
        "before": (REFUSE, "starts-before-entry"),
    }
    assert (line_of(plan, "one").days, line_of(plan, "two").days) == (
        (Period(TODAY, day("04-01")),),
        (Period(day("04-01"), day("05-01")),),
    )
    only_two = plan.without("one", "open", "before")
    assert [s.period for s in world.super.apply(only_two).assignments] == [
        Period(day("01-11"), TODAY),
        *line_of(plan, "two").days,
    ]


# How many


@pytest.mark.slow
def test_eleven_cases_and_thousands_take_the_same_number_of_calls() -> None:
    """SPEC 6.11, 11: bulk does not stop after ten or at a page, and does not ask the store about each case."""
    calls: dict[int, tuple[int, int, int, int]] = {}
    many = effort(2_000)
    for size in (11, many):
        world = World()
        with world.store.transaction(write=True) as tx:
            tx.clients.add(Client(personal_id=f"k{n}") for n in range(size))
            tx.enrollments.add(
                Enrollment(
                    enrollment_id=f"e{n}",
                    personal_id=f"k{n}",
                    project_id="es",
                    household_id=f"h{n // 2}",
                    entry_date=day("01-10"),
                )
                for n in range(size)
            )
            tx.assignments.add(
                CaseAssignment(assignment_id=f"a{n}", enrollment_id=f"e{n}", user_id="kim", start_date=day("01-10"))
                for n in range(size)
            )
        told: list[str] = []
        watched = Watched(world.store, lambda part, name, told=told: told.append(f"{part}.{name}"))  # type: ignore[misc]  # told is this world's
        front = Casework(watched, user=SYSTEM, clock=lambda: TODAY)
        counted = []
        plan = front.plan_reassignment("kim", ["lee", "sam", "super"], balance=True)
        counted.append(len(told))
        assert plan.counts["move"] == size
        assert front.plan_reassignment("kim", plan.receivers).receivers == plan.receivers
        counted.append(len(told))
        batch_id = front.apply(plan).batch_id
        counted.append(len(told))
        assert held(world, "kim") == set()
        assert sum(len(held(world, user)) for user in ("lee", "sam", "super")) == size
        front.undo(batch_id or "")
        counted.append(len(told))
        assert len(held(world, "kim")) == size
        calls[size] = tuple(counted)  # type: ignore[assignment]  # four of them
    assert calls[11] == calls[many]
    assert calls[11][-1] < 100


# A plan is edited, applied, refused


def test_a_plan_is_narrowed_and_planned_again_with_other_receivers(world: World) -> None:
    """Issue 3.1: filtered and edited per case; what is left out stays."""
    first, second, third = caseload(world, "01-10", "01-11", "01-12")
    plan = world.super.plan_reassignment("kim", "lee")
    assert plan.receivers == dict.fromkeys((first, second, third), "lee")
    narrowed = plan.without(first, plan[1]).without(plan[1].case)
    assert [(line.outcome, line.reason) for line in narrowed] == [
        (KEEP, "left out of the plan"),
        (KEEP, "left out of the plan"),
        (MOVE, None),
    ]
    assert plan.counts["move"] == 3
    assert narrowed.receivers == {first: None, second: None, third: "lee"}
    assert plan.only(lambda line: line.assignment == third) == narrowed
    assert set(world.super.plan_reassignment("kim", "gone").receivers.values()) == {None}
    edited = world.super.plan_reassignment("kim", narrowed.receivers | {second: "sam"})
    assert [line.to for line in edited] == [None, "sam", "lee"]
    world.super.apply(edited.without(second.assignment_id))
    assert {user: len(held(world, user)) for user in ("kim", "lee", "sam")} == {"kim": 2, "lee": 1, "sam": 0}
    for wrong, match in (
        ("nobody", "not in the plan: nobody"),
        (attrs.evolve(plan[0].case, assignment=None), "has no"),
    ):
        with pytest.raises(InvalidRecordError, match=rf"^ReassignmentPlan\.cases .*{match}"):
            plan.without(wrong)


def test_a_plan_that_moves_nothing_writes_nothing(world: World) -> None:
    """SPEC 6: nothing to do is no error, and no batch."""
    caseload(world, "01-10")
    plan = world.super.plan_reassignment("kim", "gone")
    outcome = world.super.apply(plan.without(*plan))
    assert (outcome.changes, outcome.batch_id, outcome.skipped) == ((), None, ())
    assert world.super.reassign("lee", "kim").changes == ()


def user(world: World, key: str, **values: Any) -> None:
    """Change a user."""
    with world.store.transaction() as tx:
        before = tx.users.get([key])[key]
    world.system.add(attrs.evolve(before, **values))


OUTDATED: dict[str, Callable[[World, list[CaseAssignment]], object]] = {
    "a case was ended": lambda world, stints: world.system.end(stints[0], on=TOMORROW),
    "a case is over": lambda world, stints: world.system.end(stints[0], on=YESTERDAY),
    "a case was voided": lambda world, stints: world.system.void(stints[0], "wrong"),
    "a case has another role": lambda world, stints: world.system.amend(stints[0], role="Navigator"),
    "a case was handed over": lambda world, stints: world.system.hand_over(stints[0], "sam"),
    "there is another case": lambda world, stints: world.stay("c5", case_manager="kim"),
    "the enrollment exited": lambda world, stints: world.system.exit(stints[0].enrollment_id),
    "the enrollment exited before": lambda world, stints: world.put_raw(
        attrs.evolve(records(world)[0][0], exit_date=YESTERDAY)
    ),
    "the enrollment was deleted": lambda world, stints: world.put_raw(attrs.evolve(records(world)[0][0], deleted=True)),
    "the receiver leaves": lambda world, stints: world.super.deactivate("lee", on=TODAY),
    "the receiver has no access": lambda world, stints: user(world, "lee", organization_ids=frozenset({"bridge"})),
    "the receiver is no case manager": lambda world, stints: user(world, "lee", is_case_manager=False),
    "the receiver holds a case": lambda world, stints: world.system.assign(stints[0].enrollment_id, "lee"),
    "the receiver holds some days": lambda world, stints: world.system.assign(
        stints[0].enrollment_id, "lee", start="2026-05-01", end="2026-06-01"
    ),
    "the receiver is at the limit": lambda world, stints: world.stay("c5", case_manager="lee"),
    "the actor sees less": lambda world, stints: user(world, "super", organization_ids=frozenset()),
    "a household was joined": lambda world, stints: world.system.join_household(
        stints[0].enrollment_id, "h", share_case_managers=False
    ),
}


@pytest.mark.parametrize("name", OUTDATED)
def test_a_plan_is_refused_if_what_it_rests_on_has_changed(any_world: World, name: str) -> None:
    """SPEC 6.11: apply does it in one transaction, or not at all if a line would be another by now."""
    world = any_world
    stints = caseload(world, "01-10", "01-11")
    ending = world.stay("c3", case_manager="kim")
    world.system.end(next(s for s in records(world)[1] if s.enrollment_id == ending.enrollment_id), on="2026-04-01")
    blocked = world.system.enroll("c4", "es", on=day("01-12"), case_manager="kim", household_id="h").enrollment
    world.put_raw(attrs.evolve(blocked, exit_date=day("02-01")))
    limited = world.as_("super", advisory=(caseload_at_most(3, hard=True),))
    plan = limited.plan_reassignment("kim", "lee", "2026-03-02", ended_since="keep")
    assert plan.counts == {"move": 3, "end-only": 0, "keep": 0, "refuse": 1}
    OUTDATED[name](world, stints)
    state, lines = world.state(), world.lines()
    with pytest.raises(RuleViolationError) as refused:
        limited.apply(plan)
    assert codes(refused.value) == ["plan-outdated"]
    assert (world.state(), world.lines()) == (state, lines)


def test_a_plan_does_not_expire_at_midnight(any_world: World) -> None:
    """SPEC 6.11, 11: on another day nothing that the plan rests on has changed."""
    world = any_world
    first, second = caseload(world, "01-10", "01-11")
    world.system.end(second, on="2026-03-04")
    plan = world.super.plan_reassignment("kim", "lee", "2026-03-09", ended_since="keep")
    assert plan.counts == {"move": 1, "end-only": 0, "keep": 1, "refuse": 0}
    world.today = day("03-20")
    world.super.apply(plan)
    assert held(world, "lee", day("03-09")) == {(first.enrollment_id, first.role)}


def test_what_the_plan_does_not_touch_does_not_outdate_it(world: World) -> None:
    """SPEC 6.11: a case that was left out, or is not meant, may change."""
    first, second = caseload(world, "01-10", "01-11")
    plan = world.super.plan_reassignment("kim", "lee").without(second)
    world.kim.end(second)
    world.super.apply(plan)
    assert held(world, "lee") == {(first.enrollment_id, first.role)}


def test_a_slip_of_the_pen_is_no_caseload(any_world: World) -> None:
    """SPEC 6, 11: an option or an id that is not known is refused, and nothing is moved."""
    world = any_world
    caseload(world, "01-10")
    state = world.state()
    acts: list[Any] = [world.super.plan_reassignment, world.super.reassign]
    for act in acts:
        with pytest.raises(TypeError, match="client, dryrun"):
            act("kim", "lee", client=["c1"], dryrun=True)
        for part in ({"clients": ["typo"]}, {"projects": ["typo"]}, {"organizations": ["typo"]}):
            with pytest.raises(NotFoundError, match="typo"):
                act("kim", "lee", **part)
    with pytest.raises(TypeError, match="client"):
        world.system.cover("kim", "lee", TODAY, TOMORROW, client=["c1"])  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(InvalidRecordError, match=r"^Reassignment\.plan .*no plan"):
        world.super.apply("x")  # type: ignore[arg-type]  # wrong on purpose
    assert world.state() == state


def test_whoever_may_reassign_can_take_a_caseload_over(world: World) -> None:
    """API: ME is the acting user, as a receiver too."""
    (stint,) = caseload(world, "01-10")
    world.super.reassign("kim", ME)
    assert held(world, "super") == {(stint.enrollment_id, stint.role)}


def test_only_what_is_meant_is_asked_of_the_policy(world: World) -> None:
    """SPEC 8.1: who may read more than act can move that part of a caseload on which they may act."""

    class Reader(DefaultPolicy):
        """Everybody may see everything, and act where they have access."""

        def may_see(self, actor: User | Actor, project: Project) -> bool:
            """Show every case."""
            return True

        def denial(self, request: Request) -> str | None:
            """Deny what lies in a project without access."""
            actor = request.actor
            closed = isinstance(actor, User) and not all(map(actor.can_access, request.projects))
            return "no access" if closed else None

    world.stay("c1", case_manager="sam")
    world.stay("c2", project="th", case_manager="sam")
    reader = world.as_("super", policy=Reader())
    assert reader.plan_reassignment("sam", "lee", organizations=["haven"]).counts["move"] == 1
    assert len(reader.cover("sam", "lee", TODAY, TOMORROW, projects=["es"]).assignments) == 1
    with pytest.raises(PermissionDeniedError):
        reader.plan_reassignment("sam", "lee")
    assert len(reader.deactivate("sam").skipped) == 2


def test_nobody_comes_to_cover_for_themselves(world: World) -> None:
    """SPEC 6.14: cover that is handed to who is covered ends, and gives them nothing."""
    (stint,) = caseload(world, "01-10", user="lee")
    world.system.cover("lee", "sam", TODAY, TODAY + timedelta(days=30))
    assert world.super.reassign("sam", "lee", TOMORROW).skipped == ()
    assert held(world, "lee") == {(stint.enrollment_id, stint.role)}
    assert held(world, "sam", TODAY + timedelta(days=2)) == set()


def test_what_has_not_begun_was_never_the_holders(any_world: World) -> None:
    """SPEC 6.11, 7.2, 7.3: a planned case that moves whole stands in no list of who would have had it."""
    world = any_world
    world.stay("c1", entry="04-10", case_manager="kim")
    world.super.reassign("kim", "lee")
    assert len(world.super.upcoming_cases("lee")) == 1
    assert len(world.super.upcoming_cases("kim")) == 0
    assert len(world.super.inactive_cases("kim", as_of="2026-05-01")) == 0


def test_a_plan_is_applied_once_and_what_does_not_matter_does_not_outdate_it(world: World) -> None:
    """SPEC 6.11: only what the plan rests on counts."""
    first, second = caseload(world, "01-10", "01-11")
    plan = world.super.plan_reassignment("kim", "lee")
    world.system.add(Client(personal_id="c1", first_name="Adele"))
    world.system.assign(first.enrollment_id, "sam")
    world.system.edit_enrollment(second.enrollment_id, relationship_to_hoh=99)
    world.super.apply(plan)
    with pytest.raises(RuleViolationError, match="plan-outdated: what the plan rests on has changed for 2"):
        world.super.apply(plan)


def test_a_store_that_fails_half_way_leaves_nothing_changed(any_world: World) -> None:
    """SPEC 6, issue 3: whichever write fails, nothing of it is kept."""
    world = any_world
    caseload(world, "01-10", "01-11", "01-12")
    plan = world.system.plan_reassignment("kim", ["lee", "sam"], balance=True)
    assert_nothing_is_half_done(world, lambda front: front.apply(plan))
    assert_nothing_is_half_done(world, lambda front: front.reassign("lee", "kim"))


def test_a_reassignment_with_a_command_id_happens_once(any_world: World) -> None:
    """SPEC 6: it returns the first outcome, although the plan is outdated by then."""
    world = any_world
    caseload(world, "01-10", "01-11")
    world.stay("c3")
    limited = world.as_("super", advisory=(caseload_at_most(1, hard=True),))
    plan = limited.plan_reassignment("kim", "lee")
    first = limited.apply(plan, command_id="apply")
    lines = world.lines()
    assert limited.apply(plan, command_id="apply") == first
    assert len(first.skipped) == 1
    second = world.super.reassign("lee", "sam", command_id="reassign")
    assert world.super.reassign("lee", "sam", command_id="reassign") == second
    assert world.lines() == lines + len(second.changes) + 1
    dry = world.super.apply(world.super.plan_reassignment("sam", "lee"), dry_run=True)
    assert (len(dry.changes), dry.batch_id) == (2, None)
    assert len(held(world, "sam")) == 1


# Who may


def test_reassigning_needs_its_own_permission(world: World) -> None:
    """SPEC 6.11, 8.2: caseload.reassign, also for one's own caseload, and not for who has left."""
    caseload(world, "01-10")
    plan = world.super.plan_reassignment("kim", "lee")
    user(world, "gone", permissions=frozenset({"caseload.reassign"}))
    acts: list[Callable[[Casework], object]] = [
        lambda front: front.plan_reassignment("kim", "lee"),
        lambda front: front.reassign("kim", "lee"),
        lambda front: front.apply(plan),
    ]
    for actor, match in (("kim", "lacks"), ("lee", "lacks"), ("gone", "has left"), ("nobody", "not known")):
        for act in acts:
            with pytest.raises(PermissionDeniedError, match=match) as denied:
                act(world.as_(actor))
            assert denied.value.action == "caseload.reassign"
    assert world.system.apply(plan).batch_id


def test_cases_that_one_may_not_see_are_withheld_and_counted(any_world: World) -> None:
    """SPEC 8.2: lists show only what the actor may see; what they may not see stays as it is."""
    world = any_world
    mine = caseload(world, "01-10", user="sam")[0]
    other = world.stay("c2", project="th", case_manager="sam")
    plan = world.super.plan_reassignment("sam", "kim")
    assert (plan.withheld, [line.assignment for line in plan]) == (1, [mine])
    assert plan.to_dict()["withheld"] == 1
    for to in ({other: "kim"}, {"c2": "kim"}, {other.enrollment_id: "kim"}):
        with pytest.raises(InvalidRecordError, match=r"^Reassignment\.to .*is no case of that user"):
            world.super.plan_reassignment("sam", to)
    outcome = world.super.apply(plan)
    assert outcome.withheld == 1
    assert held(world, "sam") == {(other.enrollment_id, "Case Manager")}
    assert world.super.reassign("sam", "kim").withheld == 1
    user(world, "bo", permissions=frozenset({"caseload.reassign"}))
    strangers = world.as_("bo").plan_reassignment("kim", "bo")
    assert (len(strangers), strangers.withheld) == (0, 1)


# Any caseload


def days_of(world: World) -> set[date]:
    """Every day on which something begins or ends, and the ones beside it: where answers can change."""
    days = {d for s in records(world)[1] for d in (s.start_date, s.end_date) if d is not None}
    return {d + timedelta(days=n) for d in days | {TODAY} for n in (-1, 0, 1)}


def holders(world: World, on: date) -> set[tuple[str, str, str]]:
    """Who holds which enrollment in which role as of a day."""
    return {(s.enrollment_id, s.role, s.user_id) for s in records(world)[1] if not s.voided and on in s.period}


@settings(max_examples=effort(70))
@given(SEQUENCES, st.sampled_from(["kim", "lee", "sam"]), DAYS, ENDED_SINCE, st.booleans(), st.sets(st.integers(1, 4)))
def test_after_a_plan_is_applied_the_planned_receivers_hold_exactly_those_days_and_nothing_else_changed(
    acts: list[tuple[Any, ...]], holder: str, on: date, ended_since: Any, whole: bool, clients: set[int]
) -> None:
    """SPEC 3.2, 6.11: as of each day one holder in the place of the other, from the hand-over day on."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    receivers = sorted({"kim", "lee", "sam", "gone"} - {holder})
    plan = world.system.plan_reassignment(
        holder,
        receivers,
        on,
        balance=True,
        ended_since=ended_since,
        whole_households=whole,
        clients=[f"c{n}" for n in clients] or None,
    )
    days = days_of(world) | {on}
    before = {d: holders(world, d) for d in days}
    try:
        world.system.apply(plan)
    except RuleViolationError:
        assert not plan.counts["move"] + plan.counts["end-only"]
        assert plan.counts["refuse"]
        return
    for d in days:
        expected = set(before[d])
        for line in plan:
            if line.is_carried_out and line.on is not None and d >= line.on and d in line.assignment.period:
                key = (line.assignment.enrollment_id, line.assignment.role)
                expected.discard((*key, holder))
                if any(d in span for span in line.days):
                    expected.add((*key, str(line.to)))
        assert holders(world, d) == expected
    check(world)


def by_rank(world: World) -> list[Any]:
    """The stints of a world as days, users and roles, beside the rank of their enrollment."""
    ranks = {stay.enrollment_id: rank for rank, stay in enumerate(records(world)[0])}
    return sorted(
        [
            json.dumps({**to_plain(s), "assignment_id": None, "enrollment_id": ranks[s.enrollment_id]}, sort_keys=True)
            for s in records(world)[1]
        ]
    )


@settings(max_examples=effort(60))
@given(SEQUENCES, st.sampled_from(["kim", "lee", "sam"]), DAYS)
def test_applying_a_plan_is_handing_over_each_case_by_hand(acts: list[tuple[Any, ...]], holder: str, on: date) -> None:
    """SPEC 6.11, 6.16: a bulk act is many small ones."""
    bulk, by_hand = busy_world(), busy_world()
    for act in acts:
        carry_out(bulk, act)
        carry_out(by_hand, act)
    assert without_ids(bulk) == without_ids(by_hand)
    to = "sam" if holder != "sam" else "kim"
    plan = bulk.system.plan_reassignment(holder, to, on, whole_households=False)
    nth = {stint.assignment_id: number for number, stint in enumerate(records(bulk)[1])}
    whole = plan.only(lambda line: line.on is not None and line.days == (Period(line.on, line.assignment.end_date),))
    twins = records(by_hand)[1]
    bulk.system.apply(whole)
    for line in whole:
        if line.is_carried_out:
            by_hand.system.hand_over(twins[nth[line.assignment.assignment_id]], str(line.to), on=line.on)
    assert by_rank(bulk) == by_rank(by_hand)


DIRTY = st.lists(
    st.tuples(DAYS, st.none() | st.integers(0, 9), st.sampled_from(["kim", "lee"]), st.booleans()), max_size=5
)


@settings(max_examples=effort(100))
@given(DAYS, st.none() | st.integers(-3, 9), DIRTY, DAYS, ENDED_SINCE, st.lists(ACTS, max_size=3))
def test_no_reassignment_of_dirty_records_brings_a_violation_that_was_not_there(
    entry: date, stays: int | None, stints: list[Any], on: date, ended_since: Any, acts: list[tuple[Any, ...]]
) -> None:
    """SPEC 5.1: it leaves what it found and introduces none; and a plan is what applying it does, also then."""
    world = World()
    leave = None if stays is None else entry + timedelta(days=stays)
    world.put_raw(
        Enrollment(enrollment_id="0", personal_id="c1", project_id="es", entry_date=entry, exit_date=leave),
        *(
            CaseAssignment(
                assignment_id=f"0{n}",
                enrollment_id="0",
                user_id=holder,
                start_date=start,
                end_date=None if length is None else start + timedelta(days=length),
                kept_after_exit=kept,
            )
            for n, (start, length, holder, kept) in enumerate(stints)
        ),
    )
    for act in acts:
        carry_out(world, act)
    before = {(f.code, f.ids) for f in world.system.audit() if f.required}
    plan = world.system.plan_reassignment("kim", "lee", on, ended_since=ended_since)
    if not plan.counts["move"] + plan.counts["end-only"]:
        return
    outcome = world.system.apply(plan)
    given = {(s.enrollment_id, s.user_id, s.role, s.period) for s in outcome.assignments if s.user_id == "lee"}
    planned = {
        (line.assignment.enrollment_id, "lee", line.assignment.role, days) for line in plan for days in line.days
    }
    assert given == planned
    after = {(f.code, f.ids) for f in world.system.audit() if f.required}
    assert {(c, i) for c, i in after if c not in {"ends-after-exit", "open-after-exit"}} <= before
    still_open = {stay.enrollment_id for stay in records(world)[0] if stay.exit_date is None}
    assert not [
        s for s in outcome.assignments if s.user_id == "lee" and s.kept_after_exit and s.enrollment_id in still_open
    ]
