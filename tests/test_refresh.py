"""The monthly refresh: what a newer export brings for enrollments that are there, and what becomes of their stints."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from hmis_files import write
from hypothesis import assume, example, given
from hypothesis import strategies as st
from test_import_export import NOTHING, Row, Sent, county
from world import World, day

from caseassign import (
    SYSTEM,
    CaseAssignment,
    Casework,
    Client,
    Enrollment,
    ImportResult,
    Project,
    RuleViolationError,
    SQLiteStore,
    User,
    Violation,
)
from caseassign.cli import main
from caseassign.rules import REQUIRED_RULES, HouseholdFacts

YEAR = (day("01-01"), day("12-31"))


def refreshed(world: World, export: Sent | None = None, **changes: Any) -> ImportResult:
    """Import a newer export of the county, and carry out what arrives."""
    return world.system.import_export(county(**changes) if export is None else export, at_exit="end")


def holding(world: World, *days: tuple[str, str, str | None], enrollment: str = "E1", **fields: Any) -> list[str]:
    """Have users hold an enrollment on days of 2026; return the ids of the stints."""
    stints = [
        CaseAssignment(
            assignment_id=f"{enrollment}-{number}",
            enrollment_id=enrollment,
            user_id=user,
            start_date=day(start),
            end_date=None if end is None else day(end),
            **fields,
        )
        for number, (user, start, end) in enumerate(days, start=1)
    ]
    world.put_raw(*stints)
    return [stint.assignment_id for stint in stints]


def stint(world: World, assignment_id: str) -> tuple[date, date | None, bool, bool]:
    """Return the days of a stint, whether it is kept, and whether it is void."""
    with world.store.transaction() as tx:
        found = tx.assignments.get([assignment_id])[assignment_id]
    return found.start_date, found.end_date, found.kept_after_exit, found.voided


def enrollment(world: World, enrollment_id: str = "E1") -> Enrollment:
    """Return an enrollment as it stands."""
    with world.store.transaction() as tx:
        return tx.enrollments.get([enrollment_id])[enrollment_id]


def required(world: World) -> list[str]:
    """Return the codes of the required rules that the store breaks."""
    return [finding.code for finding in world.system.audit() if finding.required]


# Reported


@pytest.mark.parametrize(
    ("before", "after", "arrived"),
    [
        ({}, {"exit_date": day("02-20")}, {"exited"}),
        ({}, {"entry_date": day("01-06")}, {"moved"}),
        ({}, {"entry_date": day("01-06"), "exit_date": day("02-20")}, {"exited", "moved"}),
        ({"exit_date": day("02-20")}, {"exit_date": day("02-21")}, {"moved"}),
        ({"exit_date": day("02-20")}, {}, {"reopened"}),
        ({"exit_date": day("02-20")}, {"entry_date": day("01-06")}, {"reopened", "moved"}),
        ({}, {"deleted": True, "exit_date": day("02-20")}, {"deleted"}),
        ({"deleted": True}, {"deleted": True, "exit_date": day("02-20")}, set()),
        ({"deleted": True}, {"exit_date": day("02-20")}, {"returned", "exited"}),
        ({}, {"relationship_to_hoh": 1}, set()),
    ],
)
@pytest.mark.parametrize("at_exit", ["report", "end"])
def test_what_arrives_is_named(
    any_world: World, before: dict[str, Any], after: dict[str, Any], arrived: set[str], at_exit: Any
) -> None:
    """SPEC 9.3, 9.4: exits, moved days, removed exits and deletions that arrive, by the ids of the enrollments."""
    world = any_world
    first = world.system.import_export(county(**before))
    result = world.system.import_export(county(**after), at_exit=at_exit)
    assert not any(first.arrived.values())
    assert {what for what, ids in result.arrived.items() if ids} == arrived
    assert {ids for ids in result.arrived.values() if ids} <= {("E1",)}
    assert result.to_dict()["arrived"] == {what: int(what in arrived) for what in result.arrived}


def test_what_arrives_leaves_stints_alone_unless_the_caller_says_otherwise(any_world: World) -> None:
    """SPEC 9.4: reported by default, with the violations that it brings."""
    world = any_world
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    result = world.system.import_export(county(exit_date=day("02-20")))
    assert stint(world, held) == (day("01-05"), None, False, False)
    assert [violation.code for violation in result.violations] == ["open-after-exit"]
    assert (result.changed["assignments"], set(result.adjusted.values())) == (0, {0})


# Carried out


def test_an_exit_that_arrives_ends_what_runs_past_it(any_world: World) -> None:
    """SPEC 9.4, 6.7: stints that run past the exit end on it, later ones are voided, those that ended before stay."""
    world = any_world
    world.system.import_export(county())
    over, running, planned, later = holding(
        world, ("U1", "01-05", "01-20"), ("U2", "01-10", None), ("U1", "01-20", "06-01"), ("U2", "03-10", "04-01")
    )
    result = refreshed(world, exit_date=day("02-20"))
    assert stint(world, over) == (day("01-05"), day("01-20"), False, False)
    assert stint(world, running) == (day("01-10"), day("02-20"), False, False)
    assert stint(world, planned) == (day("01-20"), day("02-20"), False, False)
    assert stint(world, later) == (day("03-10"), day("04-01"), False, True)
    assert result.adjusted == {"ended": 2, "clipped": 0, "voided": 1, "restored": 0}
    assert result.changed == NOTHING | {"enrollments": 1, "assignments": 3}
    assert (result.violations, required(world)) == ((), [])


def test_every_stint_that_a_refresh_changes_is_a_line_of_its_batch(any_world: World) -> None:
    """SPEC 8.5, 9.4: one batch, with the import's line, the enrollment's and one for each stint."""
    world = any_world
    world.system.import_export(county())
    ended, over = holding(world, ("U1", "01-05", None), ("U2", "01-05", "01-10"))
    result = world.system.import_export(county(exit_date=day("02-20")), at_exit="end", reason="February")
    lines = world.system.history(batch=result.batch_id)
    assert [(line.action, line.record.kind, line.reason) for line in lines] == [
        ("export.import", "enrollment", "February"),
        ("export.import", "assignment", "February"),
        ("export.import", "import", "February"),
    ]
    assert lines[1].record.id == ended != over
    assert lines[2].after is not None
    assert (lines[2].after["at_exit"], lines[2].after["absent"]) == ("end", "report")
    assert world.system.verify_history() == ()


def test_what_somebody_kept_stays_kept(any_world: World) -> None:
    """SPEC 9.4, 6.8: an import cannot ask, so a stint that is marked as kept past the exit is left to people."""
    world = any_world
    world.system.import_export(county())
    kept, after = holding(world, ("U1", "01-05", None), ("U2", "03-10", None), kept_after_exit=True)
    result = refreshed(world, exit_date=day("02-20"))
    assert stint(world, kept) == (day("01-05"), None, True, False)
    assert stint(world, after) == (day("03-10"), None, True, False)
    assert (result.changed["assignments"], result.violations) == (0, ())
    refreshed(world, exit_date=day("02-25"), entry_date=day("01-08"))
    assert stint(world, kept) == (day("01-08"), None, True, False)


def test_moved_days_clip_stints_or_void_them(any_world: World) -> None:
    """SPEC 9.4, 6.10: as an edit that adjusts."""
    world = any_world
    world.system.import_export(county(exit_date=day("02-20")))
    early, whole, late = holding(world, ("U1", "01-05", "01-08"), ("U2", "01-05", "02-20"), ("U1", "02-15", "02-20"))
    result = refreshed(world, entry_date=day("01-10"), exit_date=day("02-10"))
    assert stint(world, early) == (day("01-05"), day("01-08"), False, True)
    assert stint(world, whole) == (day("01-10"), day("02-10"), False, False)
    assert stint(world, late) == (day("02-15"), day("02-20"), False, True)
    assert result.adjusted == {"ended": 0, "clipped": 1, "voided": 2, "restored": 0}
    assert (result.violations, required(world)) == ((), [])


def test_a_stay_that_becomes_one_of_the_same_day_holds_a_stint_of_that_day(world: World) -> None:
    """SPEC 9.4, 3.3: a same-day stay makes sense, and its stints are fitted to it."""
    world.system.import_export(county())
    (running,) = holding(world, ("U1", "01-05", None))
    result = refreshed(world, entry_date=day("01-10"), exit_date=day("01-10"))
    assert stint(world, running) == (day("01-10"), day("01-10"), False, False)
    assert (result.violations, required(world)) == ((), [])


def test_days_that_moved_while_an_enrollment_was_deleted_are_fitted_when_it_returns(world: World) -> None:
    """SPEC 9.4, 5.4: of what is deleted nothing is fitted; what returns is, at once, and has nothing to catch up."""
    world.system.import_export(county())
    (running,) = holding(world, ("U1", "01-05", None))
    refreshed(world, deleted=True, entry_date=day("01-10"))
    assert stint(world, running) == (day("01-05"), None, False, False)
    result = refreshed(world, entry_date=day("01-10"))
    assert stint(world, running) == (day("01-10"), None, False, False)
    assert (result.arrived["returned"], result.caught_up) == (("E1",), ())


@pytest.mark.parametrize("by_act", [False, True])
def test_a_removed_exit_restores_what_the_exit_left(any_world: World, by_act: bool) -> None:
    """SPEC 9.4, 6.9: stints that are as the exit left them, be it an import's or an act's; the others are named."""
    world = any_world
    world.system.import_export(county())
    running, changed, later, over = holding(
        world, ("U1", "01-05", None), ("U2", "01-05", None), ("kim", "03-10", None), ("U2", "01-05", "01-05")
    )
    if by_act:
        world.system.exit("E1", on="2026-02-20")
    refreshed(world, exit_date=day("02-20"))
    world.system.amend(changed, end_date="2026-02-01")
    result = refreshed(world)
    assert enrollment(world).exit_date is None
    assert stint(world, running) == (day("01-05"), None, False, False)
    assert stint(world, changed) == (day("01-05"), day("02-01"), False, False)
    assert stint(world, later) == (day("03-10"), None, False, False)
    assert stint(world, over) == (day("01-05"), day("01-05"), False, False)
    assert result.adjusted == {"ended": 0, "clipped": 0, "voided": 0, "restored": 2}
    assert [(left.id, left.reason) for left in result.not_restored] == [
        (changed, "the assignment is no longer as the exit left it")
    ]
    assert result.to_dict()["not_restored"] == [changed]


def test_an_exit_that_came_with_the_first_import_is_opened_with_nothing_to_restore(world: World) -> None:
    """SPEC 9.4, 6.9: no stint is touched, but what was kept past the exit is kept no more."""
    world.system.import_export(county(exit_date=day("02-20")))
    (over,) = holding(world, ("U1", "01-05", "02-20"))
    world.put_raw(
        CaseAssignment(
            assignment_id="k", enrollment_id="E1", user_id="U2", start_date=day("01-05"), kept_after_exit=True
        )
    )
    result = refreshed(world)
    assert stint(world, over) == (day("01-05"), day("02-20"), False, False)
    assert stint(world, "k") == (day("01-05"), None, False, False)
    assert (result.adjusted["restored"], result.not_restored) == (1, ())


def test_nothing_is_restored_against_what_was_done_since(any_world: World) -> None:
    """SPEC 9.4, 6.9: a stint that would now overlap another one stays, is named, and the others are restored."""
    world = any_world
    world.system.import_export(county())
    mine, other = holding(world, ("U1", "01-05", None), ("U2", "01-05", None))
    refreshed(world, exit_date=day("02-10"))
    holder = world.as_(SYSTEM, guards=())
    world.system.import_export(county(exit_date=day("02-20")))
    since = holder.assign("E1", "U1", start="2026-02-12", end="2026-02-18").assignment
    result = refreshed(world)
    assert stint(world, mine) == (day("01-05"), day("02-10"), False, False)
    assert stint(world, other) == (day("01-05"), None, False, False)
    assert stint(world, since.assignment_id) == (day("02-12"), day("02-18"), False, False)
    assert [left.id for left in result.not_restored] == [mine]
    assert "overlaps-own" in result.not_restored[0].reason
    assert (result.violations, required(world)) == ((), [])


def test_what_moved_days_did_stays_when_the_exit_of_the_same_import_is_removed(world: World) -> None:
    """SPEC 9.4: only the exit is undone; a stint that the moved entry voided or clipped stays so."""
    world.system.import_export(county())
    early, running = holding(world, ("U1", "01-05", "01-08"), ("U2", "01-05", None))
    refreshed(world, entry_date=day("01-10"), exit_date=day("02-10"))
    refreshed(world, entry_date=day("01-06"), exit_date=day("02-10"))
    result = refreshed(world, entry_date=day("01-06"))
    assert stint(world, early) == (day("01-05"), day("01-08"), False, True)
    assert stint(world, running) == (day("01-10"), None, False, False)
    assert result.not_restored == ()


def test_what_is_restored_lies_within_the_days_as_they_are_now(world: World) -> None:
    """SPEC 9.4: the exit is removed and the entry moved, by the same export or by one in between."""
    world.system.import_export(county())
    (running, later) = holding(world, ("U1", "01-05", None), ("U2", "03-01", None))
    refreshed(world, exit_date=day("02-10"))
    refreshed(world, entry_date=day("03-05"), exit_date=day("03-10"))
    result = refreshed(world, entry_date=day("03-07"))
    assert stint(world, running) == (day("01-05"), day("02-10"), False, True)
    assert stint(world, later) == (day("03-07"), None, False, False)
    assert [left.id for left in result.not_restored] == [running]


def test_the_stints_of_a_deleted_enrollment_are_reported_and_never_touched(any_world: World) -> None:
    """SPEC 9.3: violation enrollment-deleted; when the enrollment comes back, its stints are fitted to its days."""
    world = any_world
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    result = refreshed(world, deleted=True, exit_date=day("02-20"))
    assert {violation.code for violation in result.violations} == {"enrollment-deleted", "open-after-exit"}
    assert stint(world, held) == (day("01-05"), None, False, False)
    assert refreshed(world, deleted=True, exit_date=day("02-21")).changed["assignments"] == 0
    result = refreshed(world, exit_date=day("02-21"))
    assert result.arrived["returned"] == ("E1",)
    assert stint(world, held) == (day("01-05"), day("02-21"), False, False)
    assert (result.violations, required(world)) == ((), [])


def test_an_exit_that_is_removed_while_an_enrollment_comes_back_is_undone_too(world: World) -> None:
    """SPEC 9.3, 9.4: deleted, exited and put right in one export."""
    world.system.import_export(county())
    held, later = holding(world, ("U1", "01-05", None), ("U2", "03-10", None))
    refreshed(world, exit_date=day("02-20"))
    refreshed(world, exit_date=day("02-20"), deleted=True)
    result = refreshed(world)
    assert (result.arrived["returned"], result.arrived["reopened"]) == (("E1",), ("E1",))
    assert stint(world, held) == (day("01-05"), None, False, False)
    assert stint(world, later) == (day("03-10"), None, False, False)


def test_days_that_make_no_sense_together_are_reported_and_stints_stay(world: World) -> None:
    """SPEC 9.3, 9.4: an act moved the entry, the export exits before it; which is right is for people to say."""
    world.system.import_export(county())
    world.system.edit_enrollment("E1", entry_date="2026-02-10")
    (held,) = holding(world, ("U1", "02-10", None))
    result = refreshed(world, exit_date=day("02-01"))
    assert stint(world, held) == (day("02-10"), None, False, False)
    assert {violation.code for violation in result.violations} >= {"exits-before-entry", "open-after-exit"}


def test_a_project_that_is_new_can_be_the_one_that_an_enrollment_moves_to(world: World) -> None:
    """SPEC 9.3: rules see the project that the newer export names."""
    world.system.import_export(county())
    holding(world, ("U1", "01-05", None))
    newer = county(project_id="P2", exit_date=day("02-20"))
    newer.sent.insert(1, Row(Project(project_id="P2", organization_id="O1")))
    result = refreshed(world, newer)
    assert (result.imported["projects"], result.changed["assignments"], result.violations) == (1, 1, ())


def test_an_agencys_rule_about_households_is_asked_of_a_refresh(world: World) -> None:
    """SPEC 5: whatever rules are required, what an update brings against them is reported."""

    def two_at_most(facts: HouseholdFacts) -> Any:
        """A household has two members who have not exited at most."""
        staying = [member.enrollment.enrollment_id for member in facts.members if member.enrollment.exit_date is None]
        if len(staying) > 2:
            yield Violation("two-at-most", "household_id", staying, "more than two members stay")

    worker = User(user_id="clerk", permissions=frozenset({"export.import"}))
    world.system.add(worker)
    clerk = world.as_("clerk", required=(*REQUIRED_RULES, two_at_most))

    def export(first: date | None) -> Sent:
        stays = [
            Enrollment(
                enrollment_id=f"E{number}",
                personal_id="C1",
                project_id="P1",
                household_id="H1",
                entry_date=day("01-05"),
                exit_date=first if number == 1 else None,
            )
            for number in (1, 2, 3)
        ]
        return Sent([*county().sent[:-2], *map(Row, stays)])

    clerk.import_export(export(day("02-01")))
    result = clerk.import_export(export(None), at_exit="end")
    assert [(violation.code, violation.ids) for violation in result.violations] == [("two-at-most", ("E1", "E2", "E3"))]


def test_three_hundred_exits_are_one_import(any_world: World) -> None:
    """SPEC 9.4: three hundred exits at once end three hundred assignments, in one batch."""
    world = any_world

    def export(exit_date: date | None) -> Sent:
        stays = [
            Enrollment(
                enrollment_id=f"N{number:03}",
                personal_id="C1",
                project_id="P1",
                entry_date=day("01-05"),
                exit_date=exit_date,
            )
            for number in range(300)
        ]
        return Sent([*county().sent[:-2], *(Row(stay, entered_by="U1") for stay in stays)])

    world.system.import_export(export(None), case_managers_from="Enrollment.UserID")
    result = refreshed(world, export(day("02-20")))
    assert len(result.arrived["exited"]) == result.adjusted["ended"] == result.changed["assignments"] == 300
    assert len(world.system.history(batch=result.batch_id)) == 601
    assert (result.violations, required(world)) == ((), [])
    back = refreshed(world, export(None))
    assert (back.adjusted["restored"], back.not_restored) == (300, ())


# Catching up


def test_what_was_only_reported_is_caught_up_with_by_the_same_export(any_world: World) -> None:
    """SPEC 9.4: with at_exit="end" stints follow days that had arrived before; once more, nothing changes."""
    world = any_world
    world.system.import_export(county())
    running, later, early, kept, before = holding(
        world,
        ("U1", "01-07", None),
        ("U2", "03-10", None),
        ("U2", "01-05", "01-20"),
        ("U1", "01-05", None),
        ("U1", "01-05", "01-05"),
    )
    world.put_raw(
        CaseAssignment(
            assignment_id=kept,
            enrollment_id="E1",
            user_id="U1",
            role="Kept",
            start_date=day("01-05"),
            kept_after_exit=True,
        )
    )
    newer = county(entry_date=day("01-06"), exit_date=day("02-20"))
    reported = world.system.import_export(newer)
    assert set(reported.adjusted.values()) == {0}
    assert world.system.import_export(newer).changed == NOTHING
    result = world.system.import_export(newer, at_exit="end")
    assert stint(world, running) == (day("01-07"), day("02-20"), False, False)
    assert stint(world, later) == (day("03-10"), None, False, True)
    assert stint(world, early) == (day("01-06"), day("01-20"), False, False)
    assert stint(world, kept) == (day("01-06"), None, True, False)
    assert stint(world, before) == (day("01-05"), day("01-05"), False, True)
    assert (result.caught_up, result.to_dict()["caught_up"], result.changed["enrollments"]) == (("E1",), 1, 0)
    assert result.adjusted == {"ended": 1, "clipped": 2, "voided": 2, "restored": 0}
    assert (result.violations, required(world)) == ((), [])
    again = world.system.import_export(newer, at_exit="end")
    assert (again.changed, again.caught_up, again.batch_id) == (NOTHING, (), None)


def test_a_row_that_says_something_else_catches_up_too(world: World) -> None:
    """SPEC 9.4: what an earlier import reported follows with the next one that carries out, in the same line."""
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    world.system.import_export(county(entry_date=day("01-06")))
    result = world.system.import_export(county(entry_date=day("01-06"), exit_date=day("02-20")), at_exit="end")
    assert stint(world, held) == (day("01-06"), day("02-20"), False, False)
    assert len([line for line in world.system.history(batch=result.batch_id) if line.record.id == held]) == 1


def test_what_catches_up_is_named_batch_by_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.4: however many rows there are, every enrollment that catches up is named."""
    monkeypatch.setattr("caseassign.acts.import_export._ROWS_AT_ONCE", 1)

    def stays(**changes: Any) -> Sent:
        one = Enrollment(enrollment_id="N1", personal_id="C1", project_id="P1", entry_date=day("01-05"))
        return Sent([*county().sent, *(Row(attrs.evolve(one, enrollment_id=key, **changes)) for key in ("N1", "N2"))])

    world.system.import_export(stays())
    for key in ("N1", "N2"):
        holding(world, ("U1", "01-05", None), enrollment=key)
    world.system.import_export(stays(exit_date=day("02-20")))
    assert refreshed(world, stays(exit_date=day("02-20"))).caught_up == ("N1", "N2")


def test_nothing_is_caught_up_with_where_people_have_to_say_first(world: World) -> None:
    """SPEC 9.4: not on a deleted enrollment, not where its days contradict each other, not without its row."""
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    world.system.import_export(county(exit_date=day("02-20")))
    rest = Sent([Row(Client(personal_id="C1", first_name="Ada"))])
    assert world.system.import_export(rest, at_exit="end").changed == NOTHING
    world.put_raw(attrs.evolve(enrollment(world), deleted=True))
    assert refreshed(world, exit_date=day("02-20")).changed == NOTHING
    world.put_raw(attrs.evolve(enrollment(world), deleted=False, exit_date=day("01-01")))
    assert refreshed(world, exit_date=day("02-20")).changed == NOTHING
    assert stint(world, held) == (day("01-05"), None, False, False)


def test_a_rule_that_an_agency_leaves_out_is_not_caught_up_with(world: World) -> None:
    """SPEC 5, 9.4: where assignments may end after the exit, those that do are left, and the others are fitted."""
    world.system.import_export(county())
    planned, running = holding(world, ("U1", "01-05", "03-01"), ("U2", "01-05", None))
    world.system.add(User(user_id="clerk", permissions=frozenset({"export.import"})))
    clerk = world.as_("clerk", required=tuple(r for r in REQUIRED_RULES if r.__name__ != "ends_after_exit"))
    clerk.import_export(county(exit_date=day("02-20")))
    clerk.import_export(county(exit_date=day("02-20")), at_exit="end")
    assert stint(world, planned)[1] == day("03-01")
    assert stint(world, running)[1] == day("02-20")


@pytest.mark.parametrize("at_exit", ["report", "end"])
def test_who_is_open_again_without_anybody_responsible_is_named(any_world: World, at_exit: Any) -> None:
    """SPEC 9.4: an exit that came first has nothing to restore; only those who are open today and unheld are named."""
    world = any_world
    world.system.import_export(county(exit_date=day("02-20")), case_managers_from="Enrollment.UserID")
    result = world.system.import_export(county(), at_exit=at_exit)
    assert (result.arrived["reopened"], result.unassigned, result.not_restored) == (("E1",), ("E1",), ())
    assert result.to_dict()["unassigned"] == ["E1"]
    world.system.import_export(county(exit_date=day("02-20")))
    holding(world, ("U2", "01-06", None))
    assert world.system.import_export(county(), at_exit=at_exit).unassigned == ()


def test_a_stint_that_was_clipped_and_stays_ended_leaves_its_enrollment_named(world: World) -> None:
    """SPEC 9.4: an exit that was reported, then moved and carried out, then removed; a void stint is nobody's."""
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    holding(world, ("U2", "01-05", None), enrollment="E2")
    world.put_raw(
        CaseAssignment(assignment_id="v", enrollment_id="E1", user_id="U2", start_date=day("01-05"), voided=True)
    )
    world.system.import_export(county(exit_date=day("02-20")))
    refreshed(world, exit_date=day("02-10"))
    result = refreshed(world)
    assert (stint(world, held)[1], result.unassigned) == (day("02-10"), ("E1",))


def test_the_command_line_says_how_to_catch_up_and_who_is_unassigned(shell: Callable[..., str], tmp_path: Path) -> None:
    """SPEC 9.3, 9.4: at most ten violations one by one, what to do about them, and what has followed."""
    stays = [f"N{number:02},C1,P1,2026-01-05,,1,U1,," for number in range(12)]
    exits = [f"X{number},N{number:02},C1,2026-02-01,," for number in range(12)]
    some = export_of(tmp_path / "b", stays=stays, exits=exits)
    shell(export_of(tmp_path / "a", stays=stays, exits=[]), "--case-managers-from", "Enrollment.UserID")
    dry = shell(some, "--dry-run")
    assert "What to do about open-after-exit: import it with --at-exit end, and the assignments follow." in dry
    told = shell(some)
    assert "What to do about open-after-exit: import it again with --at-exit end, and the assignments follow." in told
    assert (told.count("and enrollment N"), "… and 2 more; caseassign audit lists all." in told) == (10, True)
    assert "12 enrollments whose days had arrived before: the assignments follow now.\n" in shell(
        some, "--at-exit", "end"
    )
    back = shell(export_of(tmp_path / "c", stays=stays, exits=["X,E1,C1,2026-02-01,,"]))
    assert "Nobody is responsible now for 12 of those that are open again: N00, N01, " in back
    assert "N09, …. " not in back
    assert "N09, … and 2 more. caseassign unassigned lists them." in back
    gone = [f"{stay}2026-02-02" for stay in stays[:1]]
    deleted = shell(export_of(tmp_path / "d", stays=[*gone, *stays[1:]], exits=["X,E1,C1,2026-02-01,,"]), "--dry-run")
    assert "What to do about enrollment-deleted: void the assignments" in deleted


def test_the_command_line_says_what_even_carrying_out_cannot_fit(shell: Callable[..., str], tmp_path: Path) -> None:
    """SPEC 9.4: days that contradict each other are for people to correct."""
    shell(export_of(tmp_path / "a", stays=[], exits=[]), "--case-managers-from", "Enrollment.UserID")
    with closing(SQLiteStore(tmp_path / "county.sqlite")) as store:
        Casework(store, user=SYSTEM).edit_enrollment("E1", entry_date="2026-02-10", adjust=True)
    told = shell(export_of(tmp_path / "b", stays=[], exits=["X1,E1,C1,2026-02-01,,"]), "--at-exit", "end")
    assert "open-after-exit, starts-after-exit: correct the days of the enrollment, and import it again." in told


def test_acts_go_on_after_a_refresh(any_world: World) -> None:
    """SPEC 6.9, 9.4: an exit that an import brought is edited away, not undone; everything else is as ever."""
    world = any_world
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    refreshed(world, exit_date=day("02-20"))
    with pytest.raises(RuleViolationError, match="exit-not-by-act"):
        world.system.undo_exit("E1")
    world.system.edit_enrollment("E1", exit_date=None)
    world.system.amend(held, end_date=None)
    world.system.exit("E1", on="2026-02-25")
    assert refreshed(world, exit_date=day("02-20")).changed == NOTHING
    world.system.undo_exit("E1")
    assert stint(world, held) == (day("01-05"), None, False, False)
    assert refreshed(world).changed == NOTHING


def test_a_dry_run_tells_what_would_become_of_stints(any_world: World) -> None:
    """SPEC 6, 9.4: everything is computed and told, nothing is written."""
    world = any_world
    world.system.import_export(county())
    holding(world, ("U1", "01-05", None))
    state, lines = world.state(), world.lines()
    result = world.system.import_export(county(exit_date=day("02-20")), at_exit="end", dry_run=True)
    assert (result.adjusted["ended"], result.arrived["exited"], result.batch_id) == (1, ("E1",), None)
    assert (world.state(), world.lines()) == (state, lines)


# As by hand


class Stint(NamedTuple):
    """What `assign` is asked for."""

    case_manager: str
    start: date
    end: date | None
    role: str


BASE = day("01-10")
STAY = Enrollment(enrollment_id="E1", personal_id="C1", project_id="P1", household_id="H1", entry_date=BASE)
DAYS = st.integers(0, 12).map(lambda number: BASE + timedelta(days=number))
ENDS = st.none() | DAYS
STATES = st.builds(lambda entry, leave: attrs.evolve(STAY, entry_date=entry, exit_date=leave), DAYS, ENDS).filter(
    lambda stay: stay.exit_date is None or stay.exit_date >= stay.entry_date
)
ASSIGN = st.builds(Stint, st.sampled_from(["U1", "U2"]), DAYS, ENDS, st.sampled_from(["Case Manager", "Primary"]))
STEPS = st.lists(st.one_of(STATES, STATES, ASSIGN, ASSIGN, DAYS), min_size=1, max_size=7)


def front_door(world: World) -> Casework:
    """Return a front door that asks no guard."""
    return world.as_(SYSTEM, guards=())


def timeline(world: World) -> list[tuple[Any, ...]]:
    """Return every stint, whatever its id."""
    with world.store.transaction() as tx:
        return sorted(
            (each.user_id, each.role, each.start_date, str(each.end_date), each.kept_after_exit, each.voided)
            for each in tx.assignments
        )


def attempt(act: Callable[[Casework], object], *worlds: World) -> None:
    """Carry out the same act in several worlds; all of them refuse it, or none."""
    done = []
    for world in worlds:
        try:
            act(front_door(world))
        except RuleViolationError:
            done.append(False)
        else:
            done.append(True)
    assert len(set(done)) == 1


def by_hand(world: World, after: Enrollment) -> None:
    """Bring an enrollment to a state with the acts of SPEC 6.7, 6.9 and 6.10."""
    door, before = front_door(world), enrollment(world)
    if before.exit_date is not None and after.exit_date is None:
        try:
            door.undo_exit("E1")
        except RuleViolationError as refused:
            # What an undo would refuse, an import leaves as it is and names: that has a test of its own.
            assume({violation.code for violation in refused.violations} == {"exit-not-by-act"})
            door.edit_enrollment("E1", exit_date=None)
    moved = before.exit_date is not None and after.exit_date is not None
    door.edit_enrollment(
        "E1",
        entry_date=after.entry_date,
        exit_date=after.exit_date if moved else enrollment(world).exit_date,
        adjust=True,
    )
    if after.exit_date is not None and not moved:
        door.exit("E1", on=after.exit_date)


@given(STATES, STEPS)
@example(STAY, [Stint("U1", BASE, None, "Primary"), attrs.evolve(STAY, exit_date=day("01-15")), STAY])
def test_a_refresh_does_what_the_acts_do_by_hand(first: Enrollment, steps: list[Any]) -> None:
    """SPEC 9.4: exits, moved days and removed exits that arrive do what 6.7, 6.10 and 6.9 do, and break no rule."""
    imported, twin = World(), World()
    sent = county()
    for world in (imported, twin):
        world.system.import_export(Sent([*sent.sent[:-2], Row(first)]))
    said = first
    for step in steps:
        if isinstance(step, Enrollment):
            there = enrollment(twin)
            news = {
                field: getattr(step, field)
                for field in ("entry_date", "exit_date")
                if getattr(step, field) != getattr(said, field)
            }
            after, said = attrs.evolve(there, **news), step
            assume(after.exit_date is None or after.exit_date >= after.entry_date)
            export = Sent([Row(step)])
            result = refreshed(imported, export)
            by_hand(twin, after)
            assert (result.violations, required(imported)) == ((), [])
            state, lines = imported.state(), imported.lines()
            again = refreshed(imported, export)
            assert (again.changed, any(again.arrived.values()), again.batch_id) == (NOTHING, False, None)
            assert (imported.state(), imported.lines()) == (state, lines)
        elif isinstance(step, Stint):
            attempt(partial(Casework.assign, enrollment="E1", **step._asdict()), imported, twin)
        else:
            attempt(partial(Casework.exit, enrollment="E1", on=step, end_assignments=False), imported, twin)
        assert enrollment(imported) == enrollment(twin)
        assert timeline(imported) == timeline(twin)
    assert imported.system.verify_history() == ()


@given(STATES, STEPS)
def test_a_refresh_that_only_reports_changes_no_stint(first: Enrollment, steps: list[Any]) -> None:
    """SPEC 9.4: by default stints stay, and every violation that was not there before is in the result."""
    world = World()
    world.system.import_export(Sent([*county().sent[:-2], Row(first)]))
    for step in steps:
        if isinstance(step, Enrollment):
            stints, broken = timeline(world), set(required(world))
            result = world.system.import_export(Sent([Row(step)]))
            assert timeline(world) == stints
            assert set(required(world)) - broken <= {violation.code for violation in result.violations}
        elif isinstance(step, Stint):
            attempt(partial(Casework.assign, enrollment="E1", **step._asdict()), world)


@given(STATES, STEPS)
def test_catching_up_leaves_no_violation_and_nothing_to_do(first: Enrollment, steps: list[Any]) -> None:
    """SPEC 9.3, 9.4: whatever was reported before, one import that carries out puts right, and a second finds done."""
    world = World()
    world.system.import_export(Sent([*county().sent[:-2], Row(first)]))
    last = Sent([Row(first)])
    for step in steps:
        if isinstance(step, Enrollment):
            last = Sent([Row(step)])
            world.system.import_export(last)
        elif isinstance(step, Stint):
            attempt(partial(Casework.assign, enrollment="E1", **step._asdict()), world)
    world.system.import_export(last, at_exit="end")
    assert [code for code in required(world) if code != "overlaps-own"] == []
    state, lines = world.state(), world.lines()
    assert world.system.import_export(last, at_exit="end").batch_id is None
    assert (world.state(), world.lines()) == (state, lines)


# Absent


def without(*enrollment_ids: str, **fields: Any) -> Sent:
    """Return a full refresh of the county in which enrollments are missing."""
    export = attrs.evolve(county(), **({"full_refresh": YEAR} | fields))
    export.sent = [row for row in export.sent if row.record.key not in enrollment_ids]
    return export


def test_what_a_full_refresh_no_longer_has_is_reported_as_absent(any_world: World) -> None:
    """SPEC 9.3: an issue and a name; the enrollment stays as it is."""
    world = any_world
    world.system.import_export(county())
    state, lines = world.state(), world.lines()
    result = world.system.import_export(without("E1"))
    assert (result.arrived["absent"], result.issues["absent"]) == (("E1",), 1)
    assert (result.changed, result.batch_id) == (NOTHING, None)
    assert (world.state(), world.lines()) == (state, lines)


def test_what_is_absent_is_marked_deleted_where_the_caller_says_so(any_world: World) -> None:
    """SPEC 9.3, 8.5: with a line of history each, and the violations that it brings; again, nothing."""
    world = any_world
    world.system.import_export(county())
    (held,) = holding(world, ("U1", "01-05", None))
    result = world.system.import_export(without("E1"), absent="delete", at_exit="end")
    assert enrollment(world).deleted
    assert stint(world, held) == (day("01-05"), None, False, False)
    assert [violation.code for violation in result.violations] == ["enrollment-deleted"]
    assert (result.arrived["absent"], result.arrived["deleted"]) == (("E1",), ())
    assert result.changed == NOTHING | {"enrollments": 1}
    assert [line.record.kind for line in world.system.history(batch=result.batch_id)] == ["enrollment", "import"]
    again = world.system.import_export(without("E1"), absent="delete")
    assert (again.changed, again.arrived["absent"], again.batch_id) == (NOTHING, (), None)


@pytest.mark.parametrize("how", [{}, {"at_exit": "end", "absent": "delete"}])
def test_an_enrollment_that_was_absent_comes_back_with_its_row(any_world: World, how: dict[str, Any]) -> None:
    """SPEC 9.3: the row says nothing new, but that it is there again."""
    world = any_world
    world.system.import_export(county())
    world.system.import_export(without("E1"), absent="delete")
    result = world.system.import_export(county(), **how)
    assert not enrollment(world).deleted
    assert (result.arrived["returned"], result.changed["enrollments"]) == (("E1",), 1)
    assert world.system.import_export(county(), **how).changed == NOTHING


@pytest.mark.parametrize("full_refresh", [None, (day("02-02"), day("12-31")), (day("01-01"), day("01-04"))])
def test_nothing_is_absent_from_what_does_not_claim_to_have_it(world: World, full_refresh: Any) -> None:
    """SPEC 9.3: not from a delta, nor from a full refresh of days on which the enrollment was not open."""
    world.system.import_export(county())
    result = world.system.import_export(without("E2", full_refresh=full_refresh), absent="delete")
    assert (result.arrived["absent"], result.changed, "absent" in result.issues) == ((), NOTHING, False)


@pytest.mark.parametrize("full_refresh", [(day("02-01"), day("02-01")), (day("01-01"), day("01-05"))])
def test_entry_and_exit_day_are_days_of_the_stay_in_a_reporting_period(world: World, full_refresh: Any) -> None:
    """SPEC 9.3: EntryDate is no later than the last day, and ExitDate no earlier than the first."""
    world.system.import_export(county())
    assert world.system.import_export(without("E2", full_refresh=full_refresh)).arrived["absent"] == ("E2",)


def test_only_what_an_import_brought_and_the_export_should_have_can_be_absent(world: World) -> None:
    """SPEC 9.3: not what was enrolled here, is of another project, is kept out, or is deleted already."""
    world.system.import_export(county())
    world.system.add(Project(project_id="P2", organization_id="O1"), Client(personal_id="C9"))
    world.system.enroll("C9", "P1", on="2026-01-05", case_manager=None)
    elsewhere = Enrollment(enrollment_id="E3", personal_id="C9", project_id="P2", entry_date=day("01-05"))
    gone = Enrollment(enrollment_id="E4", personal_id="C9", project_id="P1", entry_date=day("01-05"), deleted=True)
    world.system.import_export(Sent([Row(elsewhere), Row(gone)]))
    assert world.system.import_export(without("E1", kept_out_ids=frozenset({"E1"}))).arrived["absent"] == ()
    bare = without("E1")
    bare.sent[1] = Row(Project(project_id="P1"), bare=True)
    assert world.system.import_export(bare).arrived["absent"] == ()


@pytest.mark.parametrize(("said", "there"), [(day("01-20"), None), (None, day("01-20"))])
def test_an_enrollment_is_absent_only_by_its_own_days_and_by_those_that_were_sent(
    world: World, said: date | None, there: date | None
) -> None:
    """SPEC 9.3: where an act changed the exit, the other system may rightly have left the enrollment out."""
    world.system.import_export(county(exit_date=said))
    world.system.edit_enrollment("E1", exit_date=there)
    period = (day("02-01"), day("12-31"))
    assert world.system.import_export(without("E1", full_refresh=period), absent="delete").arrived["absent"] == ()


class Unasked(Sent):
    """An export that nobody asks what it lacks."""

    def lacking(self, enrollment_ids: Iterable[str]) -> Collection[str]:
        """Fail."""
        raise AssertionError(enrollment_ids)


def test_nothing_is_absent_from_a_first_import(world: World) -> None:
    """SPEC 9.3: what was enrolled here before is not what an import brought, and need not be walked."""
    world.stay()
    first = Unasked(county().sent, full_refresh=YEAR)
    assert world.system.import_export(first).arrived["absent"] == ()


def test_many_absent_enrollments_are_found_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2, 9.3: however many there are, they are marked while the store is walked."""
    monkeypatch.setattr("caseassign.acts.import_export._ROWS_AT_ONCE", 7)
    store = SQLiteStore(tmp_path / "store.sqlite")
    world = World(store)
    stays = [
        Enrollment(enrollment_id=f"N{number:02}", personal_id="C1", project_id="P1", entry_date=day("01-05"))
        for number in range(40)
    ]
    world.system.import_export(Sent([*county().sent, *map(Row, stays)]))
    result = world.system.import_export(without(), absent="delete")
    assert result.arrived["absent"] == tuple(stay.enrollment_id for stay in stays)
    assert result.changed["enrollments"] == 40
    store.close()


# From files, and for people


STAYS = [f"E{number},C1,P1,2026-01-05,H{number},1,U1,," for number in (1, 2, 3)]


def export_of(folder: Path, *, stays: list[str], exits: list[str]) -> Path:
    """Write an export of the stays E1 to E3 of one client, and of more."""
    return write(folder, Enrollment=[*STAYS, *stays], Exit=exits)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A command line that imports exports into one store, and returns what it prints."""

    def run(*words: object) -> str:
        capsys.readouterr()
        assert main(["import", *map(str, words), "--store", str(tmp_path / "county.sqlite")]) == 0
        return capsys.readouterr().out

    return run


def test_the_command_line_tells_what_a_refresh_brought(shell: Callable[..., str], tmp_path: Path) -> None:
    """SPEC 9.3, 9.4: look first with a dry run, then import; every absent enrollment is an issue in the file."""
    shell(
        export_of(tmp_path / "first", stays=["E4,C1,P1,2026-01-05,H4,1,U1,,"], exits=[]),
        "--case-managers-from",
        "Enrollment.UserID",
    )
    second = export_of(tmp_path / "second", stays=[], exits=["X1,E1,C1,2026-02-01,,", "X2,E2,C1,2026-02-01,,"])
    dry = shell(second, "--dry-run")
    assert "What arrived for enrollments that were there\n2 exited, 1 absent from the export.\n" in dry
    assert "Assignments would stay as they are; with --at-exit end they would follow." in dry
    issues = tmp_path / "issues.csv"
    told = shell(second, "--at-exit", "end", "--issues", issues)
    assert "2 exited, 1 absent from the export.\nOf their assignments 2 ended.\n" in told
    assert "    1  absent  A full refresh has no row for an enrollment that an earlier import brought." in told
    assert issues.read_text(encoding="utf-8") == "file,line,column,code,record_id\nEnrollment.csv,,,absent,E4\n"
    deleted = json.loads(shell(second, "--absent", "delete", "--json"))
    assert (deleted["arrived"]["absent"], deleted["issues"], deleted["violations"]) == (
        1,
        {"absent": 1},
        {"enrollment-deleted": 1},
    )
    assert json.loads(shell(second, "--absent", "delete", "--json"))["issues"] == {}


def test_the_command_line_names_what_could_not_be_restored(shell: Callable[..., str], tmp_path: Path) -> None:
    """SPEC 6.9, 9.4: by id and with the reason, the first fifty of them."""
    stays = [f"N{number:02},C1,P1,2026-01-05,,1,U1,," for number in range(52)]
    exits = [f"X{number},N{number:02},C1,2026-02-01,," for number in range(52)]
    shell(export_of(tmp_path / "first", stays=stays, exits=[]), "--case-managers-from", "Enrollment.UserID")
    shell(export_of(tmp_path / "second", stays=stays, exits=exits), "--at-exit", "end")
    with closing(SQLiteStore(tmp_path / "county.sqlite")) as store:
        system = Casework(store, user=SYSTEM)
        with store.transaction() as tx:
            ended = [each.assignment_id for each in tx.assignments if each.enrollment_id.startswith("N")]
        for assignment_id in ended:
            system.amend(assignment_id, end_date="2026-01-20")
    told = shell(export_of(tmp_path / "third", stays=stays, exits=["X,E1,C1,2026-02-01,,"]), "--at-exit", "end")
    assert "52 open again." in told
    assert told.count("the assignment is no longer as the exit left it") == 50
    assert f"Not restored: assignment {ended[0]} (the assignment is no longer as the exit left it)." in told
    assert "… and 2 more that were not restored." in told
