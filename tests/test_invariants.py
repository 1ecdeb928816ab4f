"""Any sequence of acts, valid or refused, on either store: what must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import TODAY, World, effort

from caseassign import (
    AssignmentStatus,
    CaseAssignError,
    CaseAssignment,
    Enrollment,
    HouseholdKey,
    Outcome,
    RuleViolationError,
)
from caseassign.storage import Store

DAYS = st.integers(-6, 6).map(lambda n: TODAY + timedelta(days=n))
WINDOW = [TODAY + timedelta(days=n) for n in range(-8, 9)]
USERS = st.sampled_from(["kim", "lee", "sam", "kim", "lee", "sam", "kim", "lee", "gone", "bo"])
ROLES = st.sampled_from(["Case Manager", "Navigator"])
NTH = st.integers(0, 7)
BOOLEANS = st.booleans()
ENDED_SINCE = st.sampled_from(["move", "keep"])

ACTS = st.one_of(
    st.tuples(st.just("enroll"), st.sets(st.integers(1, 4), min_size=1, max_size=3), DAYS, st.none() | USERS),
    st.tuples(st.just("assign"), NTH, USERS, DAYS, st.none() | DAYS, ROLES, BOOLEANS),
    st.tuples(st.just("end"), NTH, st.none() | DAYS),
    st.tuples(st.just("amend"), NTH, DAYS, st.none() | DAYS),
    st.tuples(st.just("reactivate"), NTH, DAYS),
    st.tuples(st.just("hand_over"), NTH, USERS, st.none() | DAYS),
    st.tuples(st.just("void"), NTH),
    st.tuples(st.just("set_status"), NTH, st.sampled_from(["active", "inactive"]), st.none() | DAYS),
    st.tuples(st.just("exit"), NTH, DAYS, BOOLEANS | NTH, BOOLEANS),
    st.tuples(st.just("undo_exit"), NTH, BOOLEANS),
    st.tuples(st.just("edit"), NTH, DAYS, st.none() | DAYS, BOOLEANS),
    st.tuples(st.just("replace"), NTH, USERS, DAYS, st.none() | DAYS, ROLES),
    st.tuples(
        st.just("reassign"), USERS, st.sets(USERS, min_size=1), DAYS, st.sampled_from(["move", "keep"]), BOOLEANS
    ),
    st.tuples(st.just("apply"), USERS, USERS, DAYS, st.sets(st.integers(1, 4), min_size=1)),
    st.tuples(st.just("cover"), USERS, USERS, DAYS, st.integers(1, 5)),
    st.tuples(st.just("deactivate"), st.sampled_from(["lee", "bo"]), st.integers(4, 8)),
    st.tuples(st.just("join"), NTH, NTH, DAYS, BOOLEANS),
    st.tuples(st.just("leave"), NTH),
    st.tuples(st.just("merge"), NTH, NTH, DAYS),
    st.tuples(st.just("undo"), NTH),
)


SEQUENCES = st.lists(ACTS, min_size=6, max_size=24)


def busy_world(store: Store | None = None) -> World:
    """The agency with a family and a single client, who have been there for a while, and past and planned stints."""
    world = World(store)
    family = world.family(3, case_manager="kim")
    alone = world.stay("c4", case_manager="lee")
    world.kim.hand_over(world.kim.active_cases()[0].assignment or "", "lee", on=TODAY + timedelta(days=2))
    world.kim.assign(family[1], "sam", start=TODAY - timedelta(days=5), end=TODAY)
    world.kim.assign(alone, "sam", start=TODAY + timedelta(days=3))
    return world


def records(world: World) -> tuple[list[Enrollment], list[CaseAssignment]]:
    """Everything on record, in the order in which it was made."""
    with world.store.transaction() as tx:
        return list(tx.enrollments), list(tx.assignments)


def batches(world: World) -> list[str]:
    """The batches on record, the latest first."""
    with world.store.transaction() as tx:
        return list(dict.fromkeys(line.batch_id for line in tx.history))[::-1]


def outcome_of(world: World, act: tuple[Any, ...]) -> Outcome | None:
    """Carry out one act on whatever records there are; None where there are none to act on."""
    enrollments, assignments = records(world)
    name, *rest = act
    on_enrollments = {"assign", "replace", "exit", "undo_exit", "edit", "join", "leave", "merge"}
    on_assignments = {"end", "amend", "reactivate", "hand_over", "void", "set_status"}
    if (name in on_enrollments and not enrollments) or (name in on_assignments and not assignments):
        return None

    def stay(nth: int) -> Enrollment:
        return enrollments[nth % len(enrollments)]

    def stint(nth: int) -> CaseAssignment:
        return assignments[nth % len(assignments)]

    def household(nth: int) -> HouseholdKey:
        return stay(nth).household_key or HouseholdKey("es", "none")

    calls: dict[str, Any] = {
        "enroll": lambda who, on, user: world.sam.enroll(
            {f"c{n}": 1 if n == min(who) else 2 for n in sorted(who)}, "es", on=on, case_manager=user
        ),
        "assign": lambda n, user, start, end, role, household: world.sam.assign(
            stay(n), user, start=start, end=end, role=role, household=household
        ),
        "end": lambda n, on: world.sam.end(stint(n), on=on),
        "amend": lambda n, start, end: world.sam.amend(stint(n), start_date=start, end_date=end),
        "reactivate": lambda n, on: world.sam.reactivate(stint(n), on=on),
        "hand_over": lambda n, to, on: world.sam.hand_over(stint(n), to, on=on),
        "void": lambda n: world.sam.void(stint(n), "wrong"),
        "set_status": lambda n, status, end: world.sam.set_status(stint(n), status, end),
        "exit": lambda n, on, box, household: world.sam.exit(
            stay(n),
            on=on,
            end_assignments=box if isinstance(box, bool) else assignments[box : box + 1],
            household=household,
        ),
        "undo_exit": lambda n, household: world.sam.undo_exit(stay(n), household=household),
        "edit": lambda n, entry, leave, adjust: world.sam.edit_enrollment(
            stay(n), entry_date=entry, exit_date=leave, adjust=adjust
        ),
        "replace": lambda n, user, start, end, role: world.sam.assign(
            stay(n), user, start=start, end=end, role=role, replace=True
        ),
        "reassign": lambda user, to, on, since, whole: world.system.reassign(
            user, sorted(to - {user}) or ["sam"], on, balance=True, ended_since=since, whole_households=whole
        ),
        "apply": lambda user, to, on, clients: world.system.apply(
            world.system.plan_reassignment(user, to, on=on).only(
                lambda line: line.case.client.personal_id in {f"c{n}" for n in clients}
            )
        ),
        "cover": lambda user, by, start, days: world.system.cover(user, by, start, start + timedelta(days=days)),
        "deactivate": lambda user, days: world.system.deactivate(user, on=TODAY + timedelta(days=days)),
        "join": lambda n, other, on, share: world.sam.join_household(
            stay(n), household(other).household_id, on=on, share_case_managers=share
        ),
        "leave": lambda n: world.sam.leave_household(stay(n)),
        "merge": lambda n, other, on: world.sam.merge_households(household(n), household(other), on=on),
        "undo": lambda n: world.system.undo(batches(world)[n % len(batches(world))]),
    }
    outcome: Outcome = calls[name](*rest)
    return outcome


def carry_out(world: World, act: tuple[Any, ...]) -> object:
    """Carry out one act on whatever records there are; return what came of it, without ids."""
    state, lines = world.state(), world.lines()
    try:
        outcome = outcome_of(world, act)
    except CaseAssignError as error:
        assert (world.state(), world.lines()) == (state, lines), "a refused act wrote something"
        codes = [v.code for v in error.violations] if isinstance(error, RuleViolationError) else []
        return type(error), sorted(codes)
    if outcome is None:
        return None
    assert world.lines() == lines + len(outcome.changes)
    return len(outcome.changes), len(outcome.assignments), len(outcome.enrollments), len(outcome.skipped)


def without_ids(world: World) -> Any:
    """The state with the ids that the library made replaced by their rank."""
    state = world.state()
    made = sorted(
        {
            row[name]
            for kind in ("enrollment", "assignment")
            for row in state[kind]
            for name in row
            if name.endswith("_id")
        }
        - {None}
    )
    rank = {key: f"#{number}" for number, key in enumerate(made)}
    return {
        kind: [
            {name: rank.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
            for row in state[kind]
        ]
        for kind in ("enrollment", "assignment")
    }


def broken_rules(world: World) -> list[str]:
    """The required rules once more, written as one counts on fingers."""
    enrollments, assignments = records(world)
    stays = {stay.enrollment_id: stay for stay in enrollments}
    broken = [f"exit before entry: {e}" for e in enrollments if e.exit_date is not None and e.exit_date < e.entry_date]
    live = [stint for stint in assignments if not stint.voided]
    for stint in live:
        stay = stays[stint.enrollment_id]
        last = date.max if stay.exit_date is None or stint.kept_after_exit else stay.exit_date
        ends = date.max if stint.end_date is None else stint.end_date
        if not stay.entry_date <= stint.start_date <= last or ends > last:
            broken.append(f"outside the stay: {stint}")
    for on in WINDOW:
        held = [
            (s.enrollment_id, s.user_id, s.role)
            for s in live
            if s.start_date <= on and (s.end_date is None or on < s.end_date)
        ]
        broken += [f"twice on {on}: {key}" for key in held if held.count(key) > 1]
    return broken


def who_held(world: World, on: date) -> set[tuple[str, str]]:
    """Which user holds which stint as of a day, straight from the records."""
    _, assignments = records(world)
    return {
        (stint.user_id, stint.assignment_id)
        for stint in assignments
        if not stint.voided and stint.start_date <= on and (stint.end_date is None or on < stint.end_date)
    }


def check(world: World) -> None:
    """Everything that must hold after any sequence of acts."""
    assert broken_rules(world) == []
    assert [finding for finding in world.system.audit() if finding.required] == []
    assert world.system.verify_history() == ()
    enrollments, assignments = records(world)
    still_open = {stay.enrollment_id for stay in enrollments if stay.exit_date is None}
    assert not [s for s in assignments if s.kept_after_exit and not s.voided and s.enrollment_id in still_open]
    for on in WINDOW[::4]:
        truth = who_held(world, on)
        lists = {
            (user, case.assignment.assignment_id)
            for user in ("kim", "lee", "sam", "gone", "bo")
            for case in world.system.active_cases(user, as_of=on)
            if case.assignment
        }
        managers = {
            (case.assignment.user_id, case.assignment.assignment_id)
            for client in ("c1", "c2", "c3", "c4")
            for case in world.system.case_managers(client, as_of=on)
            if case.assignment and case.status is AssignmentStatus.ACTIVE
        }
        assert lists == managers == truth
        holding = {key for user, key in truth}
        _, assignments = records(world)
        held = {stint.enrollment_id for stint in assignments if stint.assignment_id in holding}
        nobodys = {stay.enrollment_id for stay in enrollments if stay.is_open(on)} - held
        assert {case.enrollment.enrollment_id for case in world.system.unassigned(as_of=on)} == nobodys
        audited = {f.enrollment_id for f in world.system.audit(as_of=on) if f.code == "unassigned"}
        assert audited == nobodys


@settings(max_examples=effort(90))
@given(SEQUENCES)
def test_no_sequence_of_acts_breaks_a_rule_or_gives_two_answers(acts: list[tuple[Any, ...]]) -> None:
    """SPEC 5.1, 3.2, 8.5: no required violation, one answer to who held this on a day, a history that verifies."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    check(world)


@settings(max_examples=effort(10))
@given(acts=SEQUENCES)
def test_all_stores_say_the_same_after_any_sequence_of_acts(
    new_store: Callable[[], AbstractContextManager[Store]], acts: list[tuple[Any, ...]]
) -> None:
    """SPEC 10.2: the in-memory store is the reference."""
    with new_store() as store:
        memory, durable = busy_world(), busy_world(store)
        for act in acts:
            assert carry_out(memory, act) == carry_out(durable, act)
        assert without_ids(memory) == without_ids(durable)
        check(durable)


DIRTY_STINTS = st.lists(
    st.tuples(USERS, DAYS, st.none() | st.integers(0, 5), ROLES, BOOLEANS).map(
        lambda raw: {
            "user_id": raw[0],
            "start_date": raw[1],
            "end_date": None if raw[2] is None else raw[1] + timedelta(days=raw[2]),
            "role": raw[3],
            "kept_after_exit": raw[4],
        }
    ),
    max_size=4,
)


def violations(world: World) -> set[tuple[str, tuple[str, ...]]]:
    """The required violations on record.

    Running past the exit is one thing, with an end or without: ending a stint that came in dirty is never refused
    (SPEC 5.1), and on a day after the exit it turns open-after-exit into ends-after-exit.
    """
    found = {(finding.code, finding.ids) for finding in world.system.audit() if finding.required}
    return {("past the exit" if code in {"open-after-exit", "ends-after-exit"} else code, ids) for code, ids in found}


@settings(max_examples=effort(120))
@given(DAYS, st.none() | DAYS, BOOLEANS, DIRTY_STINTS, st.lists(ACTS, max_size=6))
def test_no_act_on_dirty_records_brings_a_violation_that_was_not_there(
    entry: date, leave: date | None, deleted: bool, stints: list[dict[str, Any]], acts: list[tuple[Any, ...]]
) -> None:
    """SPEC 5.1: an act may leave a violation that it found, and introduce none."""
    world = World()
    world.put_raw(
        Enrollment(
            enrollment_id="0", personal_id="c1", project_id="es", entry_date=entry, exit_date=leave, deleted=deleted
        ),
        *(CaseAssignment(assignment_id=f"0{n}", enrollment_id="0", **values) for n, values in enumerate(stints)),
    )
    for act in acts:
        before = violations(world)
        carry_out(world, act)
        assert violations(world) <= before
    for n in range(len(stints)):
        world.sam.void(f"0{n}", "dirty")
    assert not {
        found for found in violations(world) if found[0] != "exits-before-entry" and found[1][0].startswith("0")
    }


@settings(max_examples=effort(90))
@given(SEQUENCES, NTH, DAYS, BOOLEANS, BOOLEANS)
def test_undoing_an_exit_at_once_restores_everything(
    acts: list[tuple[Any, ...]], nth: int, on: date, box: bool, household: bool
) -> None:
    """SPEC 6.9: what an exit did and what its undo does are the reverse of each other."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    enrollments, _ = records(world)
    still_open = [stay for stay in enrollments if stay.exit_date is None]
    if not still_open:
        return
    stay = still_open[nth % len(still_open)]
    before = world.state()
    try:
        world.sam.exit(stay, on=on, end_assignments=box, household=household)
    except RuleViolationError:
        return
    world.sam.undo_exit(stay, household=household)
    assert world.state() == before


def that_counts(world: World) -> dict[str, Any]:
    """The state without what should never have been: void assignments, and enrollments that are deleted."""
    state = world.state()
    return {
        kind: [row for row in rows if not row.get("voided") and not row.get("deleted")] for kind, rows in state.items()
    }


@pytest.mark.slow
@settings(max_examples=effort(150))
@given(SEQUENCES, ACTS)
def test_undoing_any_batch_at_once_restores_everything(acts: list[tuple[Any, ...]], last: tuple[Any, ...]) -> None:
    """SPEC 6.12: what a batch created is void, what it changed is as before; undoing twice is a no-op."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    before = that_counts(world)
    try:
        outcome = outcome_of(world, last)
    except CaseAssignError:
        return
    if outcome is None or outcome.batch_id is None:
        return
    world.system.undo(outcome.batch_id)
    assert that_counts(world) == before
    assert world.system.undo(outcome.batch_id).changes == ()
    check(world)
