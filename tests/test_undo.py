"""Undo a batch: everything is as before it, unless something was built on it since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assign import held_by_somebody
from test_invariants import (
    ACTS,
    SEQUENCES,
    batches,
    busy_world,
    carry_out,
    check,
    outcome_of,
    records,
    that_counts,
    without_ids,
)
from test_reassign import assert_nothing_is_half_done
from world import TODAY, World, day, effort

from caseassign import (
    ADVISORY_RULES,
    SYSTEM,
    Action,
    CaseAssignError,
    CaseAssignment,
    Client,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    Organization,
    Outcome,
    PermissionDeniedError,
    Project,
    RuleViolationError,
    SQLiteStore,
    User,
    caseload_at_most,
)


def family_of(world: World) -> tuple[list[Enrollment], list[CaseAssignment]]:
    """A family of two whom kim holds, with a planned end for the second."""
    family = world.family(2, case_manager="kim")
    stints = [case.assignment for case in world.kim.active_cases() if case.assignment is not None]
    world.kim.amend(stints[1], end_date="2026-06-01")
    return family, [stint for stint in records(world)[1] if not stint.voided]


KINDS_OF_BATCH: dict[str, Callable[[World, list[Enrollment], list[CaseAssignment]], Outcome]] = {
    "enroll": lambda world, family, stints: world.kim.enroll({"c3": 1, "c5": 2}, "es", on="2026-02-01"),
    "assign": lambda world, family, stints: world.kim.assign(family[0], "sam", household=True),
    "replace": lambda world, family, stints: world.kim.assign(family[0], "sam", replace=True),
    "end": lambda world, family, stints: world.kim.end(stints[0]),
    "amend": lambda world, family, stints: world.kim.amend(stints[0], start_date="2026-02-01", role="Navigator"),
    "hand over": lambda world, family, stints: world.kim.hand_over(stints[1], "lee"),
    "void": lambda world, family, stints: world.kim.void(stints[0], "wrong"),
    "exit": lambda world, family, stints: world.kim.exit(family[0], on="2026-02-15", household=True),
    "exit, kept": lambda world, family, stints: world.kim.exit(family[0], on="2026-02-15", end_assignments=False),
    "edit": lambda world, family, stints: world.kim.edit_enrollment(family[0], entry_date="2026-02-01", adjust=True),
    "reassign": lambda world, family, stints: world.system.reassign("kim", "lee", on="2026-02-01"),
    "cover": lambda world, family, stints: world.system.cover("kim", "lee", "2026-02-01", "2026-04-01"),
    "deactivate": lambda world, family, stints: world.system.deactivate(
        "kim", plan=world.system.plan_reassignment("kim", "lee")
    ),
    "leave": lambda world, family, stints: world.kim.leave_household(family[1]),
    "join": lambda world, family, stints: world.kim.join_household(family[1], "other"),
    "merge": lambda world, family, stints: world.kim.merge_households("other", family[0].household_id or ""),
    "change": lambda world, family, stints: world.system.add(
        Client(personal_id="c1", first_name="Adele"),
        User(user_id="kim", organization_ids=frozenset({"bridge"})),
        Project(project_id="es", organization_id="bridge", project_name="Other"),
        Organization(organization_id="haven", organization_name="Other"),
    ),
}


@pytest.mark.parametrize("name", KINDS_OF_BATCH)
def test_undoing_any_kind_of_batch_puts_everything_back(any_world: World, name: str) -> None:
    """SPEC 6.12: what it created is void, what it changed as before; twice is a no-op; and the undo is undone."""
    world = any_world
    family, stints = family_of(world)
    world.system.enroll("c4", "es", on=day("02-01"), household_id="other", case_manager="sam")
    before = that_counts(world)
    batch_id = KINDS_OF_BATCH[name](world, family, stints).batch_id or ""
    after = world.state()
    undone = world.system.undo(batch_id, reason="a mistake")
    assert that_counts(world) == before
    assert {(line.action, line.reason, line.batch_id) for line in undone.changes} <= {
        (action, "a mistake", undone.batch_id) for action in ("batch.undo", "user.manage")
    }
    assert {line.record for line in undone.changes} == {line.record for line in world.system.history(batch=batch_id)}
    as_undone = world.state()
    again = world.system.undo(batch_id)
    assert (again.changes, again.batch_id) == ((), None)
    world.system.undo(undone.batch_id or "")
    assert world.state() == after
    world.system.undo(batch_id)
    assert world.state() == as_undone
    check(world)


def test_an_undone_reassignment_answers_every_question_as_before(world: World) -> None:
    """SPEC 6.12, 6.11: on every day the same user holds the same cases, since the same day."""
    family_of(world)

    def answers() -> list[Any]:
        return [
            row.to_dict()
            for on in ("2026-01-09", "2026-01-10", "2026-02-01", "2026-03-02", "2026-06-01")
            for user in ("kim", "lee")
            for question in (world.system.active_cases, world.system.inactive_cases, world.system.upcoming_cases)
            for row in question(user, as_of=on)
        ]

    before = answers()
    batch_id = world.system.reassign("kim", "lee", on="2026-02-01").batch_id or ""
    assert answers() != before
    outcome = world.system.undo(batch_id)
    assert answers() == before
    assert outcome.enrollments == ()
    assert sorted(stint.voided for stint in outcome.assignments) == [False, False, True, True]


def test_what_a_batch_added_stays_on_record_and_is_named(world: World) -> None:
    """SPEC 6.12, 6.13: users, clients, organizations and projects are never deleted."""
    outcome = world.system.add(Client(personal_id="c1"), Client(personal_id="new"), User(user_id="new"))
    undone = world.system.undo(outcome.batch_id or "")
    assert sorted((skipped.kind, skipped.id) for skipped in undone.skipped) == [("client", "new"), ("user", "new")]
    assert [line.record.id for line in undone.changes] == ["c1"]
    assert "stays on record" in undone.skipped[0].reason
    assert world.system.undo(outcome.batch_id or "").skipped == undone.skipped


def test_no_rule_refuses_that_what_should_not_have_been_is_void(world: World) -> None:
    """SPEC 5.1, 6.12: a stint that an undo voids is voided like any other, whatever an agency asks of enrollments."""
    batch_id = world.kim.assign(world.stay()).batch_id or ""
    (undone,) = world.as_(SYSTEM, required=(held_by_somebody,)).undo(batch_id).assignments
    assert undone.voided


LATER: dict[str, Callable[[World, CaseAssignment, CaseAssignment], object]] = {
    "ended": lambda world, old, new: world.kim.end(new),
    "amended": lambda world, old, new: world.kim.amend(new, role="Navigator"),
    "handed over": lambda world, old, new: world.kim.hand_over(new, "sam"),
    "exited": lambda world, old, new: world.kim.exit(new.enrollment_id, on="2026-02-20"),
    "moved on": lambda world, old, new: world.system.reassign("lee", "sam"),
    "ended elsewhere": lambda world, old, new: world.kim.amend(old, end_date="2026-01-20"),
}


@pytest.mark.parametrize("name", LATER)
def test_an_undo_is_refused_where_a_record_was_changed_since(any_world: World, name: str) -> None:
    """SPEC 6.12: refused, whole, with each record that is neither as before nor as the batch left it."""
    world = any_world
    stay = world.stay(case_manager="kim")
    other = world.stay("c2", case_manager="kim")
    old = next(stint for stint in records(world)[1] if stint.enrollment_id == stay.enrollment_id)
    outcome = world.system.reassign("kim", "lee", on="2026-02-01")
    new = next(s for s in outcome.assignments if s.user_id == "lee" and s.enrollment_id == stay.enrollment_id)
    LATER[name](world, old, new)
    state, lines = world.state(), world.lines()
    with pytest.raises(RuleViolationError) as refused:
        world.system.undo(outcome.batch_id or "")
    assert {v.code for v in refused.value.violations} == {"changed-since"}
    assert {v.field for v in refused.value.violations} == {"assignment_id"}
    assert all(
        set(v.ids) <= {stint["assignment_id"] for stint in state["assignment"]} for v in refused.value.violations
    )
    assert (world.state(), world.lines()) == (state, lines)
    assert other.enrollment_id


def test_a_client_who_was_changed_since_is_named_by_the_field_of_the_id(world: World) -> None:
    """SPEC 5: a violation names the field that a form would mark."""
    batch_id = world.system.add(Client(personal_id="c1", first_name="Adele")).batch_id or ""
    world.system.add(Client(personal_id="c1", first_name="Adela"))
    with pytest.raises(RuleViolationError) as refused:
        world.system.undo(batch_id)
    assert [(v.field, v.ids) for v in refused.value.violations] == [("personal_id", ("c1",))]


def test_what_was_undone_by_hand_in_part_is_not_undone_over_it(world: World) -> None:
    """SPEC 6.12: what was undone by hand was changed since, and refuses the undo whole."""
    family, stints = family_of(world)
    moved = world.system.reassign("kim", "lee")
    world.kim.void(next(s for s in moved.assignments if s.user_id == "lee"), "wrong")
    world.kim.amend(stints[0], end_date=None)
    outcome = world.kim.assign(family[0], "lee", role="Navigator", household=True)
    world.kim.void(outcome.assignments[0], "wrong")
    state = world.state()
    for batch_id in (moved.batch_id, outcome.batch_id):
        with pytest.raises(RuleViolationError, match="changed-since"):
            world.system.undo(batch_id or "")
    assert world.state() == state


@pytest.mark.parametrize("later", ["on the days", "on what was enrolled", "after an exit", "on what was deleted"])
def test_an_undo_that_would_break_a_rule_is_refused_by_that_rule(world: World, later: str) -> None:
    """SPEC 5.1, 6.12: something else stands on it."""
    stay = world.stay(case_manager="kim")
    stint = records(world)[1][0]
    if later == "on the days":
        batch_id = world.kim.end(stint, on="2026-02-01").batch_id
        world.kim.assign(stay, "kim", start="2026-02-10")
        code = "overlaps-own"
    elif later == "on what was enrolled":
        enrolled = world.kim.enroll("c2", "es")
        batch_id = enrolled.batch_id
        world.kim.assign(enrolled.enrollment, "lee")
        code = "enrollment-deleted"
    elif later == "after an exit":
        batch_id = world.kim.end(stint, on="2026-02-01").batch_id
        world.kim.exit(stay, on="2026-02-10")
        code = "open-after-exit"
    else:
        enrolled = world.kim.enroll("c2", "es")
        first = world.system.undo(enrolled.batch_id or "")
        batch_id = first.batch_id
        world.put_raw(attrs.evolve(enrolled.enrollment, deleted=True, exit_date=TODAY - timedelta(days=1)))
        code = "changed-since"
    state = world.state()
    with pytest.raises(RuleViolationError) as refused:
        world.system.undo(batch_id or "")
    assert code in {v.code for v in refused.value.violations}
    assert world.state() == state


def test_an_undo_asks_no_guard(world: World) -> None:
    """SPEC 5, 6.12: it gives nobody a case; it puts back who had it, also above a limit and for who has left since."""
    stint = next(iter(family_of(world)[1]))
    batch_id = world.kim.hand_over(stint, "lee").batch_id or ""
    world.super.deactivate("kim", on="2026-01-01")
    limited = world.as_(SYSTEM, advisory=(*ADVISORY_RULES, caseload_at_most(0, hard=True)))
    limited.undo(batch_id)
    assert next(s for s in records(world)[1] if s.assignment_id == stint.assignment_id) == stint


def test_nothing_is_kept_past_an_exit_that_was_undone(world: World) -> None:
    """SPEC 6.8, 6.12: on an open enrollment no stint is kept, also one that came after the exit."""
    stay = world.stay(case_manager="kim")
    exited = world.kim.exit(stay, on="2026-02-10", end_assignments=False)
    world.system.cover("kim", "lee", "2026-03-02", "2026-03-09")
    before = world.state()
    undone = world.system.undo(exited.batch_id or "")
    assert [(stint.role, stint.kept_after_exit) for stint in records(world)[1]] == [
        ("Case Manager", False),
        ("Cover", False),
    ]
    check(world)
    assert world.system.undo(exited.batch_id or "").changes == ()
    world.system.undo(undone.batch_id or "")
    assert world.state() == before


def test_a_stint_that_was_kept_comes_back_as_its_enrollment_is_now(world: World) -> None:
    """SPEC 6.8, 6.12: voided while it was kept, and back after the enrollment was opened again: nothing to keep."""
    stay = world.stay(case_manager="kim")
    stint = world.kim.exit(stay, on="2026-02-10", end_assignments=False).assignment
    voided = world.kim.void(stint, "wrong").batch_id or ""
    world.kim.undo_exit(stay)
    back = world.system.undo(voided)
    assert (back.assignment.voided, back.assignment.kept_after_exit) == (False, False)
    assert world.system.undo(voided).changes == ()
    check(world)


@pytest.mark.parametrize("batch_id", ["nothing", None, ""])
def test_a_batch_that_is_unknown_is_refused_clearly(world: World, batch_id: Any) -> None:
    """SPEC 6: an act that wrote nothing has no batch."""
    with pytest.raises((NotFoundError, InvalidRecordError), match=r"^no batch with id|^Batch\.batch_id is no id"):
        world.system.undo(batch_id)


def test_an_import_is_not_undone(any_world: World) -> None:
    """SPEC 6.12: any batch but an import, of an export or of a list of assignments."""
    world = any_world
    stay = world.stay(case_manager="kim")
    with world.store.transaction() as tx:
        line = tx.history.of_kind("assignment")[-1]
    with world.store.transaction(write=True) as tx:
        imported = attrs.evolve(
            line,
            number=tx.history.head().number + 1,
            change_id="import",
            action=Action.EXPORT_IMPORT,
            batch_id="import",
            recorded_at=tx.history.head().recorded_at or line.recorded_at,
        )
        tx.history.append([imported.sealed(tx.history.head())])
    with pytest.raises(RuleViolationError, match=r"^import-not-undone: ") as error:
        world.system.undo("import")
    assert [(v.field, v.ids) for v in error.value.violations] == [("batch_id", ("import",))]
    assert world.system.active_cases("kim")[0].enrollment == stay


def test_a_command_that_wrote_nothing_else_undoes_nothing(world: World) -> None:
    """SPEC 6, 6.12: a batch whose only line is the command's."""
    stint = family_of(world)[1][0]
    ended = world.kim.end(stint)
    world.kim.end(stint, command_id="again")
    assert world.system.undo(batches(world)[0]).changes == ()
    first = world.system.undo(ended.batch_id or "", command_id="undo")
    assert first.changes
    lines = world.lines()
    assert world.system.undo(ended.batch_id or "", command_id="undo") == first
    would = world.system.undo(first.batch_id or "", dry_run=True)
    assert (len(would.changes), would.batch_id, world.lines()) == (1, None, lines)


def test_a_store_that_fails_half_way_leaves_nothing_changed(any_world: World) -> None:
    """SPEC 6, issue 3: whichever write fails, nothing of it is kept."""
    world = any_world
    family_of(world)
    plan = world.system.plan_reassignment("kim", "lee")
    batch_id = world.system.deactivate("kim", plan=plan).batch_id or ""
    assert_nothing_is_half_done(world, lambda front: front.undo(batch_id))


def test_undoing_needs_its_own_permission_and_that_of_what_it_changes(world: World) -> None:
    """SPEC 8.1, 8.2: batch.undo; user.manage where users change; and sight of every project that it touches."""
    stay = world.stay(case_manager="sam")
    other = world.stay("c2", project="th", case_manager="sam")
    mine = world.kim.hand_over(records(world)[1][0], "kim").batch_id or ""
    both = world.system.reassign("sam", "bo", on="2026-03-05", clients=["c2"]).batch_id or ""
    left = world.super.deactivate("lee").batch_id or ""
    may = User(user_id="may", organization_ids=frozenset({"haven"}), permissions=frozenset({"batch.undo"}))
    manager = attrs.evolve(may, user_id="manager", permissions=frozenset({"batch.undo", "user.manage"}))
    strange = attrs.evolve(may, user_id="strange", organization_ids=frozenset({"bridge"}))
    gone = attrs.evolve(may, user_id="gone", left_on=TODAY)
    world.system.add(may, manager, strange, gone)
    lines = world.lines()
    for actor, batch_id, action in (
        ("kim", mine, "batch.undo"),
        ("super", mine, "batch.undo"),
        ("gone", mine, "batch.undo"),
        ("strange", mine, "batch.undo"),
        ("may", both, "batch.undo"),
        ("may", left, "user.manage"),
    ):
        with pytest.raises(PermissionDeniedError) as denied:
            world.as_(actor).undo(batch_id)
        assert denied.value.action == action
    assert world.lines() == lines
    world.as_("may").undo(mine)
    world.as_("manager").undo(left)
    world.as_("strange").undo(both)
    assert {stay.enrollment_id, other.enrollment_id} == {
        case.enrollment.enrollment_id for case in world.system.active_cases("sam")
    }


@settings(max_examples=effort(80))
@given(SEQUENCES, ACTS)
def test_undo_and_undo_of_the_undo_are_the_reverse_of_each_other(
    acts: list[tuple[Any, ...]], last: tuple[Any, ...]
) -> None:
    """SPEC 6.12: after any sequence of acts, on what the last one did."""
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
    after = world.state()
    undone = world.system.undo(outcome.batch_id)
    assert that_counts(world) == before
    world.system.undo(undone.batch_id or "")
    assert world.state() == after
    check(world)


@pytest.mark.slow
@settings(max_examples=effort(80))
@given(SEQUENCES, st.integers(0, 9))
def test_undoing_whatever_batch_introduces_no_violation_and_twice_is_once(
    acts: list[tuple[Any, ...]], nth: int
) -> None:
    """SPEC 5.1, 6.12: also where later acts stand on it; refused, it writes nothing."""
    world = busy_world()
    for act in acts:
        carry_out(world, act)
    batch_id = batches(world)[nth % len(batches(world))]
    state = world.state()
    try:
        world.system.undo(batch_id)
    except CaseAssignError:
        assert world.state() == state
    else:
        assert world.system.undo(batch_id).changes == ()
    check(world)


@settings(max_examples=effort(8))
@given(st.lists(ACTS, max_size=8), st.integers(0, 5))
def test_both_stores_undo_the_same(acts: list[tuple[Any, ...]], nth: int) -> None:
    """SPEC 10.2: the in-memory store is the reference."""
    memory = busy_world()
    with TemporaryDirectory() as folder:
        store = SQLiteStore(Path(folder) / "store.sqlite")
        sqlite = busy_world(store)
        for act in [*acts, ("undo", nth)]:
            assert carry_out(memory, act) == carry_out(sqlite, act)
        assert without_ids(memory) == without_ids(sqlite)
        store.close()


def test_a_batch_that_was_undone_stays_so_whatever_came_after(any_world: World) -> None:
    """SPEC 6.12: undoing twice is a no-op, also where a later act brings about the same days; nobody holds it twice."""
    world = any_world
    world.stay(case_manager="kim")
    first = world.system.reassign("kim", "lee").batch_id or ""
    undone = world.system.undo(first).batch_id or ""
    world.system.reassign("kim", "sam")
    state = world.state()
    assert world.system.undo(first).changes == ()
    with pytest.raises(RuleViolationError, match="changed-since"):
        world.system.undo(undone)
    assert world.state() == state


def test_an_undo_that_was_undone_lets_its_batch_be_undone_again(any_world: World) -> None:
    """SPEC 6.12: undo, redo, undo."""
    world = any_world
    world.stay(case_manager="kim")
    batch_id = world.system.reassign("kim", "lee").batch_id or ""
    undone = world.system.undo(batch_id).batch_id or ""
    world.system.undo(undone)
    assert len(world.system.active_cases("lee")) == 1
    assert world.system.undo(undone).changes == ()
    world.system.undo(batch_id)
    assert (len(world.system.active_cases("lee")), len(world.system.active_cases("kim"))) == (0, 1)


def test_what_was_taken_back_by_another_act_does_not_stand_in_the_way(any_world: World) -> None:
    """SPEC 6.12: an exit that was undone, or a date that was put right again, is no later change."""
    world = any_world
    stay = world.stay(case_manager="kim")
    batch_id = world.system.reassign("kim", "lee", TODAY - timedelta(days=5)).batch_id or ""
    world.kim.exit(stay, on=TODAY - timedelta(days=10))
    with pytest.raises(RuleViolationError, match="changed-since"):
        world.system.undo(batch_id)
    world.kim.undo_exit(stay)
    world.system.undo(batch_id)
    assert (len(world.system.active_cases("lee")), len(world.system.active_cases("kim"))) == (0, 1)
