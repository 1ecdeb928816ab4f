"""What all acts have in common: one transaction, reasons, dry runs, commands that happen once; and adding records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from world import PROJECTS, TODAY, USERS, World

from caseassign import (
    Casework,
    Client,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    Organization,
    Outcome,
    PermissionDeniedError,
    Project,
    RuleViolationError,
    StorageError,
    User,
)
from caseassign.history import COMMAND, RecordKey


def acts(world: World) -> dict[str, Callable[..., Outcome]]:
    """Every act, on records that are there for it."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01").assignment
    past = world.kim.assign(stay, "lee", start="2026-01-10", end="2026-02-01").assignment
    exited = world.stay("c2")
    world.kim.exit(exited, on="2026-02-10")
    return {
        "add": lambda **how: world.system.add(Client(personal_id="new"), **how),
        "enroll": lambda **how: world.kim.enroll("c3", "es", **how),
        "assign": lambda **how: world.kim.assign(stay, "sam", **how),
        "end": lambda **how: world.kim.end(stint, **how),
        "amend": lambda **how: world.kim.amend(stint, role="Navigator", **how),
        "reactivate": lambda **how: world.kim.reactivate(past, **how),
        "hand_over": lambda **how: world.kim.hand_over(stint, "sam", **how),
        "void": lambda **how: world.kim.void(stint, **({"reason": "wrong"} | how)),
        "set_status": lambda **how: world.kim.set_status(stint, "inactive", **how),
        "exit": lambda **how: world.kim.exit(stay, **how),
        "undo_exit": lambda **how: world.kim.undo_exit(exited, **how),
        "edit_enrollment": lambda **how: world.kim.edit_enrollment(stay, household_id="h2", **how),
    }


NAMES = tuple(acts(World()))


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_says_what_would_happen_and_writes_nothing(world: World, name: str) -> None:
    """SPEC 6: everything is computed and returned, nothing written."""
    act = acts(world)[name]
    state, lines = world.state(), world.lines()
    would = act(dry_run=True)
    assert (world.state(), world.lines()) == (state, lines)
    did = act()
    assert would.batch_id is None
    assert [(line.action, line.before) for line in would.changes] == [
        (line.action, line.before) for line in did.changes
    ]
    assert world.lines() == lines + len(did.changes) > lines


@pytest.mark.parametrize("name", NAMES)
def test_every_act_writes_a_line_for_each_record_with_its_reason_in_one_batch(world: World, name: str) -> None:
    """SPEC 8.5: who, what, when recorded, why, batch, before and after, in the same transaction."""
    act = acts(world)[name]
    outcome = act(reason="because")
    assert outcome.changes
    assert {line.batch_id for line in outcome.changes} == {outcome.batch_id}
    assert {line.reason for line in outcome.changes} == {"because"}
    assert outcome.withheld == 0
    assert {line.user_id for line in outcome.changes} == {None if name == "add" else "kim"}
    assert len({line.record for line in outcome.changes}) == len(outcome.changes)
    assert list(world.system.history(batch=outcome.batch_id)) == list(outcome.changes)
    assert world.system.verify_history() == ()


@pytest.mark.parametrize("name", NAMES)
def test_an_act_with_a_command_id_happens_once_and_returns_its_first_outcome(world: World, name: str) -> None:
    """SPEC 6: the same command_id again returns the first outcome, whatever has happened since."""
    act = acts(world)[name]
    first = act(command_id="once")
    world.system.exit(world.stay("c4"))
    lines = world.lines()
    assert act(command_id="once") == first
    assert world.lines() == lines


def test_a_record_carries_the_batch_that_first_recorded_it(world: World) -> None:
    """SPEC 8.5: whatever becomes of it later."""
    outcome = world.kim.assign(world.stay(), start="2026-02-01")
    world.kim.end(outcome.assignment)
    added = world.system.add(Client(personal_id="new"))
    world.system.add(Client(personal_id="new", first_name="Nell"))
    with world.store.transaction() as tx:
        (ended,) = tx.assignments.get([outcome.assignment.assignment_id]).values()
        (named,) = tx.clients.get(["new"]).values()
    assert (ended.end_date, ended.batch_id) == (TODAY, outcome.batch_id)
    assert (named.first_name, named.batch_id) == ("Nell", added.batch_id)


def test_a_command_that_had_nothing_to_do_stays_done(world: World) -> None:
    """SPEC 6: it happens once, even if it would have something to do by now."""
    stint = world.kim.end(world.kim.assign(world.stay(), start="2026-02-01").assignment).assignment
    once = world.kim.end(stint, command_id="once")
    assert (once.changes, once.batch_id) == ((), None)
    world.kim.amend(stint, end_date=None)
    assert world.kim.end(stint, command_id="once") == once
    assert world.kim.active_cases()[0].assignment is not None


def test_a_command_remembers_what_was_left_out_and_withheld(world: World) -> None:
    """SPEC 6, 8.3: the first outcome is returned with everything that it named, and a count of what it did not."""
    family = world.family(2)
    world.system.exit(family[1], on="2026-02-01")
    first = world.kim.assign(family[0], household=True, command_id="household")
    assert [skipped.id for skipped in first.skipped] == [family[1].enrollment_id]
    assert world.kim.assign(family[0], household=True, command_id="household") == first
    world.sam.enroll("c3", "th")
    world.sam.enroll("c4", "es")
    moved = world.super.reassign("sam", "lee", command_id="caseload")
    assert moved.withheld == 1
    assert world.super.reassign("sam", "lee", command_id="caseload") == moved


def test_a_command_from_before_anything_was_counted_withheld_nothing(world: World) -> None:
    """SPEC 6: what an earlier version remembered is still an outcome."""
    world.kim.assign(world.stay(), command_id="once")
    with world.store.transaction() as tx:
        (line,) = tx.history.of_records([RecordKey(COMMAND, "once")])
    remembered: dict[str, Any] = {**(line.after or {})}
    del remembered["withheld"]
    assert Outcome.recalled(line, remembered, []).withheld == 0


def test_a_command_belongs_to_one_act_of_one_user(world: World) -> None:
    """SPEC 6, 8.1: a command_id given to another act is an error, and nobody fetches another's outcome."""
    stint = world.kim.assign(world.stay(), command_id="once").assignment
    with pytest.raises(InvalidRecordError, match=r"^Command\.command_id .* another act"):
        world.kim.end(stint, command_id="once")
    with pytest.raises(PermissionDeniedError, match="another user's"):
        world.lee.assign("e", command_id="once")


def test_an_outcome_names_the_one_record_or_says_that_there_are_several(world: World) -> None:
    """SPEC 6, API: .assignment raises LookupError unless there is exactly one."""
    outcome = world.kim.enroll({"c1": 1, "c2": 2}, "es")
    with pytest.raises(LookupError, match="2 assignments"):
        _ = outcome.assignment
    with pytest.raises(LookupError, match="0 enrollments"):
        _ = world.kim.end(outcome.assignments[0]).enrollment


class FailingHistory:
    """A history that reads as it should, and cannot be written."""

    def __init__(self, history: Any) -> None:
        self._history = history

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)

    def append(self, lines: Any) -> None:
        """Fail, as a full disk would."""
        assert list(lines)
        raise StorageError("the disk is full")


class FailingTransaction:
    """A transaction in which only history fails, after the records were written."""

    def __init__(self, tx: Any) -> None:
        self._tx = tx
        self.history = FailingHistory(tx.history)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


class FailingStore:
    """A store around another one."""

    def __init__(self, store: Any) -> None:
        self._store = store

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction of the store within."""
        with self._store.transaction(write=write) as tx:
            yield FailingTransaction(tx)

    def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("name", ["assign", "exit", "enroll"])
def test_a_store_that_fails_half_way_leaves_nothing_changed(any_world: World, name: str) -> None:
    """SPEC 6: nothing is half done, on any store."""
    world = any_world
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-01")
    state, lines = world.state(), world.lines()
    kim = Casework(FailingStore(world.store), user="kim", clock=lambda: TODAY)
    act = {
        "assign": lambda: kim.assign(stay, "lee"),
        "exit": lambda: kim.exit(stay),
        "enroll": lambda: kim.enroll("c3", "es"),
    }
    with pytest.raises(StorageError, match="disk is full"):
        act[name]()
    assert (world.state(), world.lines()) == (state, lines)


def test_recorded_moments_never_go_back(world: World) -> None:
    """SPEC 3.5, 8.5: history keeps its order even if a clock is set back."""
    latest = world.kim.assign(world.stay()).changes[-1].recorded_at
    behind = Casework(world.store, user="kim", clock=lambda: TODAY, now=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert behind.assign(world.stay("c2")).changes[0].recorded_at >= latest


def test_an_agency_adds_a_rule_and_leaves_one_out(world: World) -> None:
    """SPEC 5: agencies add their own rules and leave out built-in ones."""
    from test_rules import AtMost  # noqa: PLC0415  # only this test needs it

    from caseassign import REQUIRED_RULES  # noqa: PLC0415  # only this test needs it
    from caseassign.rules.required import overlaps_own  # noqa: PLC0415  # only this test needs it

    stay = world.stay()
    strict = world.as_("kim", required=(*REQUIRED_RULES, AtMost(1)))
    strict.assign(stay)
    with pytest.raises(RuleViolationError, match="at-most"):
        strict.assign(stay, "lee")
    loose = world.as_("kim", required=tuple(rule for rule in REQUIRED_RULES if rule is not overlaps_own))
    loose.assign(stay)


def test_a_required_rule_about_households_is_asked_by_acts(world: World) -> None:
    """SPEC 5.1: an act may not introduce a violation of any required rule, and may leave one that it found."""
    from caseassign.rules.advisory import no_head, several_heads  # noqa: PLC0415  # only this test needs it

    headless = world.kim.enroll({"c4": 2}, "es", household_id="old").enrollment
    alone = Enrollment(
        enrollment_id="alone", personal_id="c5", project_id="es", entry_date=TODAY, relationship_to_hoh=1
    )
    world.put_raw(
        alone, Enrollment(enrollment_id="gone", personal_id="c5", project_id="es", entry_date=TODAY, deleted=True)
    )
    strict = world.as_("sam", required=(no_head, several_heads))
    family = strict.enroll({"c1": 1, "c2": 2}, "es").enrollments
    acts_on_heads: list[Callable[[], Outcome]] = [
        lambda: strict.enroll({"c3": 2}, "es"),
        lambda: strict.edit_enrollment(family[0], relationship_to_hoh=2),
        lambda: strict.edit_enrollment(family[1], relationship_to_hoh=1),
        lambda: strict.edit_enrollment(family[0], household_id="other"),
        lambda: strict.edit_enrollment("alone", relationship_to_hoh=2),
    ]
    for act in acts_on_heads:
        with pytest.raises(RuleViolationError, match="head"):
            act()
    strict.edit_enrollment(headless, entry_date="2026-03-01", adjust=True)
    strict.edit_enrollment("gone", entry_date="2026-03-01")
    strict.exit(family[0])


def test_what_is_neither_a_record_nor_an_id_is_refused_clearly(world: World) -> None:
    """SPEC 6: an act takes records or their ids."""
    with pytest.raises(InvalidRecordError, match="one assignment, or its id, is meant"):
        world.kim.end(None)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InvalidRecordError, match="one enrollment, or its id, is meant"):
        world.kim.exit(world.system.client_record("c1").client)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InvalidRecordError, match="now"):
        Casework(world.store, user="kim", now=datetime.now).enroll("c1", "es")
    for how in ({"reason": 5}, {"command_id": ""}, {"reason": "\ud800"}, {"command_id": "a\0b"}):
        with pytest.raises(InvalidRecordError, match=rf"^Act\.{next(iter(how))} is no text"):
            world.kim.enroll("c1", "es", **how)
    with pytest.raises(InvalidRecordError, match="clock"):
        Casework(world.store, user="kim", clock=lambda: "today").enroll("c1", "es")  # type: ignore[arg-type,return-value]  # wrong on purpose


# add


def test_adding_again_updates_and_writes_nothing_where_nothing_changed(world: World) -> None:
    """SPEC 6, API: add also updates."""
    assert world.system.add(*USERS, *PROJECTS).changes == ()
    outcome = world.system.add(Client(personal_id="c1", first_name="Adele"))
    assert [line.record.id for line in outcome.changes] == ["c1"]
    assert outcome.changes[0].before is not None


def test_adding_a_user_is_managing_users(world: World) -> None:
    """SPEC 8.2, 8.5: the line says which permission it took; taking that back is an undo like any other."""
    outcome = world.system.add(Client(personal_id="new"), User(user_id="kim"))
    assert {line.record.kind: line.action for line in outcome.changes} == {
        "client": "record.add",
        "user": "user.manage",
    }
    undone = world.system.undo(outcome.batch_id or "")
    assert [(line.record.kind, line.action) for line in undone.changes] == [("user", "batch.undo")]


def test_records_are_added_in_any_order(world: World) -> None:
    """SPEC 2: a project belongs to an organization that is there, or comes along."""
    world.system.add(
        Project(project_id="p", organization_id="o", project_name="P"),
        Organization(organization_id="o", organization_name="O"),
    )
    with pytest.raises(NotFoundError, match="no organization with id nowhere"):
        world.system.add(Project(project_id="q", organization_id="nowhere", project_name="Q"))


def test_enrollments_are_not_added_but_enrolled(world: World) -> None:
    """SPEC 6: enrollments and assignments come about by acts that check the rules."""
    with pytest.raises(InvalidRecordError, match=r"^Enrollment\.kind is not added but enrolled or assigned"):
        world.system.add(world.stay())  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("user", "record", "match"),
    [
        ("kim", User(user_id="new"), "user.manage"),
        ("kim", User(user_id="kim", permissions=frozenset({"all-organizations"})), "user.manage"),
        ("kim", Organization(organization_id="new", organization_name="N"), "all-organizations"),
        ("kim", Project(project_id="new", organization_id="bridge", project_name="N"), "no access"),
        ("kim", Project(project_id="th", organization_id="haven", project_name="N"), "no access"),
        ("gone", Client(personal_id="new"), "has left"),
        ("bo", Client(personal_id="c1", first_name="Ada", last_name="Marigold"), "no access"),
        ("nobody", Client(personal_id="new"), "not known"),
    ],
)
def test_adding_needs_permission(world: World, user: str, record: Any, match: str) -> None:
    """SPEC 8.2: adds and changes users only with user.manage; nobody opens an organization to themselves."""
    world.stay("c1")
    with pytest.raises(PermissionDeniedError, match=match):
        world.as_(user).add(record, dry_run=True)


def test_who_may_add_does(world: World) -> None:
    """SPEC 8.2: a worker adds clients and projects of their organization, a manager adds users."""
    world.kim.add(Client(personal_id="new"), Project(project_id="new", organization_id="haven", project_name="N"))
    world.super.add(User(user_id="new"))
    world.stay("c1", project="th")
    world.stay("c1")
    world.kim.add(Client(personal_id="c1", first_name="Adele"))
    world.as_("bo").add(Client(personal_id="c2", first_name="Benno"))
