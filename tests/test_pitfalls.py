"""What other systems got wrong (SPEC 11): each pitfall is one test, on each store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hmis_files import write
from test_assign import holders, refused
from world import TODAY, World, day

from caseassign import (
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    Period,
)
from caseassign.cases import Cases
from caseassign.formats import hmis_csv

WINDOW = [TODAY + timedelta(days=number) for number in range(-40, 41)]
NOBODY: tuple[Any, ...] = ("", [], ())


def live(world: World) -> list[CaseAssignment]:
    """Every stint that is not void."""
    with world.store.transaction() as tx:
        return [stint for stint in tx.assignments if not stint.voided]


def stint_of(world: World, assignment_id: str) -> CaseAssignment:
    """A stint as it stands."""
    with world.store.transaction() as tx:
        return tx.assignments.get([assignment_id])[assignment_id]


def held_on(world: World, on: date) -> set[str]:
    """Who holds anything on a day, counted one by one."""
    return {s.user_id for s in live(world) if s.start_date <= on and (s.end_date is None or on < s.end_date)}


def ids(cases: Cases) -> list[str]:
    """The assignments that a list shows."""
    return [case.assignment.assignment_id for case in cases if case.assignment is not None]


def many(world: World, count: int, **how: Any) -> list[CaseAssignment]:
    """As many cases of kim as are wanted, each of a client of their own."""
    clients = [Client(personal_id=f"p{number:03}") for number in range(count)]
    world.system.add(*clients)
    return [world.kim.enroll(client, "es", on="2026-01-10", **how).assignment for client in clients]


def test_status_and_dates_cannot_disagree(any_world: World) -> None:
    """SPEC 4.1, 11: the status follows from the days, on every day; a form that says two things is refused."""
    world = any_world
    stint = world.kim.assign(world.stay(), start="2026-02-10", end="2026-03-10").assignment
    refused(lambda: world.kim.set_status(stint, "inactive", "2026-03-20"), "status-contradicts-end")
    refused(lambda: world.kim.set_status(stint, "active", "2026-02-20"), "status-contradicts-end")
    assert world.kim.set_status(stint, "inactive").assignment.end_date == TODAY
    for on in WINDOW:
        lists = [
            world.kim.upcoming_cases(as_of=on),
            world.kim.active_cases(as_of=on),
            world.kim.inactive_cases(as_of=on),
        ]
        expected = [on < day("02-10"), day("02-10") <= on < TODAY, on >= TODAY]
        assert [len(cases) == 1 for cases in lists] == expected


def test_back_dating_before_an_open_stint_does_not_make_two_open_ones(any_world: World) -> None:
    """SPEC 5.2, 11: overlap is checked against the whole timeline, in both directions."""
    world = any_world
    stay = world.stay()
    world.kim.assign(stay, start="2026-02-20")
    later = world.kim.assign(stay, "lee", start="2026-03-20").assignment
    refused(lambda: world.kim.assign(stay, start="2026-02-01"), "overlaps-own")
    refused(lambda: world.kim.assign(stay, "lee"), "overlaps-own")
    world.kim.assign(stay, "lee", end="2026-03-10")
    refused(lambda: world.kim.amend(later, start_date="2026-03-09"), "overlaps-own")
    world.kim.assign(stay, start="2026-02-01", end="2026-02-20")
    for on in WINDOW:
        held = [s.user_id for s in live(world) if on in s.period]
        assert len(held) == len(set(held))


def test_ending_early_takes_the_place_of_a_future_end(any_world: World) -> None:
    """SPEC 6.3, 11: a planned end is no reason to leave a stint as it is."""
    world = any_world
    stint = world.kim.assign(world.stay(), start="2026-02-01", end="2026-12-31").assignment
    assert world.kim.end(stint).assignment.end_date == TODAY
    assert stint_of(world, stint.assignment_id).end_date == TODAY
    assert ids(world.kim.active_cases()) == []
    assert ids(world.kim.inactive_cases()) == [stint.assignment_id]


def test_a_then_b_then_a_again_keeps_the_first_a(any_world: World) -> None:
    """SPEC 4.3, 11: three stints, each with its days, whichever act brings A back."""
    world = any_world
    stay = world.stay()
    first = world.kim.assign(stay, start="2026-02-01").assignment
    second = world.kim.hand_over(first, "lee", on="2026-02-10").assignments[1]
    world.lee.hand_over(second, "kim", on="2026-02-20")
    world.kim.end(ids(world.kim.active_cases())[0], on="2026-02-25")
    world.kim.reactivate(first)
    assert [holders(world, stay, on) for on in ("02-05", "02-15", "02-22", "02-27", "03-02")] == [
        {"kim"},
        {"lee"},
        {"kim"},
        set(),
        {"kim"},
    ]
    assert len(live(world)) == 4
    assert stint_of(world, first.assignment_id).period == Period(day("02-01"), day("02-10"))


def test_re_opening_restores_what_the_exit_ended_and_nothing_else(any_world: World) -> None:
    """SPEC 6.9, 11: not what ended long before, and not what was done to it since."""
    world = any_world
    stay = world.stay()
    long_ago = world.kim.assign(stay, "sam", start="2026-01-12", end="2026-01-20").assignment
    planned = world.kim.assign(stay, "lee", start="2026-02-01", end="2026-06-01").assignment
    running = world.kim.assign(stay, start="2026-02-01").assignment
    world.kim.exit(stay, on="2026-02-20")
    assert stint_of(world, long_ago.assignment_id) == long_ago
    since = world.kim.amend(planned, end_date="2026-02-15").assignment
    outcome = world.kim.undo_exit(stay)
    assert stint_of(world, long_ago.assignment_id) == long_ago
    assert stint_of(world, planned.assignment_id) == since
    assert stint_of(world, running.assignment_id) == running
    assert [skipped.id for skipped in outcome.skipped] == [planned.assignment_id]


def test_a_transfer_on_a_past_day_does_not_forget_what_has_ended_since(any_world: World) -> None:
    """SPEC 6.11, 11: what was held on the hand-over day is moved up to its end."""
    world = any_world
    stay, other = world.stay(), world.stay("c2")
    ended = world.kim.assign(stay, start="2026-01-15", end="2026-02-20").assignment
    running = world.kim.assign(other, start="2026-01-15").assignment
    world.super.reassign("kim", "lee", on="2026-02-10")
    for before, stays in ((ended, stay), (running, other)):
        assert stint_of(world, before.assignment_id).end_date == day("02-10")
        assert holders(world, stays, "02-09") == {"kim"}
        assert holders(world, stays, "02-10") == holders(world, stays, "02-19") == {"lee"}
    assert [holders(world, stays, "02-20") for stays in (stay, other)] == [set(), {"lee"}]


def test_a_bulk_act_does_not_stop_after_ten_or_at_a_page(any_world: World) -> None:
    """SPEC 6.11, 11: all of them, in one batch."""
    world = any_world
    cases = many(world, 111)
    assert len(world.kim.active_cases(limit=10)) == 10
    plan = world.super.plan_reassignment("kim", "lee")
    assert plan.counts["move"] == 111
    outcome = world.super.reassign("kim", "lee")
    assert len(outcome.assignments) == 222
    assert len(world.kim.active_cases()) == 0
    assert len(world.lee.active_cases()) == len(cases)
    assert world.system.undo(outcome.batch_id or "").changes != ()
    assert sorted(ids(world.kim.active_cases())) == sorted(stint.assignment_id for stint in cases)


def test_a_bulk_act_does_not_swallow_errors(any_world: World) -> None:
    """SPEC 6.11, 11: one case that cannot be moved refuses them all; a plan that was read names it."""
    world = any_world
    many(world, 12, case_manager="sam")
    world.sam.enroll("c1", "th")
    (barred,) = ids(world.sam.active_cases(projects=["th"]))
    state, lines = world.state(), world.lines()
    error = refused(lambda: world.system.reassign("sam", "lee"), "no-access")
    assert error.violations[0].ids == (barred,)
    assert (world.state(), world.lines()) == (state, lines)
    plan = world.system.plan_reassignment("sam", "lee")
    assert (plan.counts["move"], plan.counts["refuse"]) == (12, 1)
    outcome = world.system.apply(plan)
    assert [(skipped.id, skipped.reason) for skipped in outcome.skipped] == [(barred, "no-access")]
    assert ids(world.sam.active_cases()) == [barred]


def test_blank_does_not_mean_unassign(any_world: World) -> None:
    """SPEC 6.11, 11: a field that was left empty takes nobody's case manager away."""
    world = any_world
    stint = many(world, 3)[0]
    state, lines = world.state(), world.lines()
    for nobody in NOBODY:
        with pytest.raises((InvalidRecordError, NotFoundError)):
            world.super.reassign("kim", nobody, balance=True)
    with pytest.raises((InvalidRecordError, NotFoundError)):
        world.kim.hand_over(stint, "")
    assert world.super.reassign("kim", {}).changes == ()
    assert world.super.reassign("kim", {"p000": None, "p001": None}).changes == ()
    assert world.kim.set_status(stint, "active", None).changes == ()
    assert world.kim.amend(stint).changes == ()
    assert (world.state(), world.lines()) == (state, lines)
    world.super.reassign("kim", {"p000": None, "p001": "lee"})
    assert [len(front.active_cases()) for front in (world.kim, world.lee)] == [2, 1]


def test_no_fast_path_skips_history(any_world: World) -> None:
    """SPEC 8.5, 11: a line for each record that an act on many changes, with what it was and what it is."""
    world = any_world
    many(world, 12)
    before = {row["assignment_id"]: row for row in world.state()["assignment"]}
    outcome = world.super.reassign("kim", "lee", reason="kim leaves")
    after = {row["assignment_id"]: row for row in world.state()["assignment"]}
    changed = {key: row for key, row in after.items() if before.get(key) != row}
    lines = list(world.system.history(batch=outcome.batch_id))
    assert {line.record.id: (line.before, line.after) for line in lines} == {
        key: (before.get(key), row) for key, row in changed.items()
    }
    assert len(lines) == 24
    assert {(line.user_id, line.reason, line.action) for line in lines} == {
        ("super", "kim leaves", "caseload.reassign")
    }
    assert world.system.verify_history() == ()


def test_an_end_is_a_day_that_was_said_and_not_an_edit_time_stamp(any_world: World, tmp_path: Path) -> None:
    """SPEC 3.5, 9.4, 11: neither the moment of recording nor the export's DateUpdated says when something ended."""
    world = any_world
    world.now.moment = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    assert world.kim.end(stint).assignment.end_date == TODAY
    user = {"case_managers_from": "Enrollment.UserID"}
    with hmis_csv.read(write(tmp_path / "first")) as first:
        world.system.import_export(first, **user)  # type: ignore[arg-type]  # the one choice there is
    rows = ["X1,E1,C1,2026-02-01,2026-02-20 09:00:00,"]
    edited = ["E1,C1,P1,2026-01-05,H1,1,U1,2026-02-25 10:00:00,"]
    with hmis_csv.read(write(tmp_path / "second", Exit=rows, Enrollment=edited)) as second:
        world.system.import_export(second, at_exit="end")
    (case,) = world.system.case_managers("C1")
    assert case.assignment is not None
    assert (case.assignment.start_date, case.assignment.end_date) == (day("01-05"), day("02-01"))
    world.system.amend(case.assignment, role="Navigator")
    assert stint_of(world, case.assignment.assignment_id).end_date == day("02-01")


def test_one_bad_record_does_not_break_the_whole_list(any_world: World, tmp_path: Path) -> None:
    """SPEC 9.2, 11: a bad row is kept out and named; a dirty record is listed among the others."""
    world = any_world
    good, bad = "E1,C1,P1,2026-01-05,H1,1,U1,,", "E2,C1,P1,soon,H1,1,U1,,"
    with hmis_csv.read(write(tmp_path, Enrollment=[bad, good, "E3,C1,P1,2026-02-05,,77,U1,,"])) as export:
        result = world.system.import_export(export, case_managers_from="Enrollment.UserID")
    assert result.imported["enrollments"] == 2
    assert result.kept_out["enrollments"] == 1
    assert sum(result.issues.values()) >= 2
    stay: dict[str, Any] = {"personal_id": "c1", "project_id": "es", "entry_date": day("01-10")}
    world.put_raw(
        Enrollment(enrollment_id="d1", exit_date=day("01-01"), **stay),
        Enrollment(enrollment_id="d2", household_id="h", relationship_to_hoh=1, **stay),
        Enrollment(enrollment_id="d3", household_id="h", relationship_to_hoh=1, **(stay | {"personal_id": "c2"})),
        Enrollment(enrollment_id="d4", deleted=True, **stay),
        Enrollment(enrollment_id="d5", **(stay | {"project_id": "nobodys"})),
        *(
            CaseAssignment(assignment_id=f"a{n}", enrollment_id=f"d{n}", user_id="kim", start_date=day("01-01"))
            for n in range(1, 6)
        ),
    )
    assert sorted(ids(world.system.active_cases("kim"))) == ["a1", "a2", "a3", "a5"]
    assert len(world.system.active_cases("U1")) == 2
    assert len(world.system.case_managers("c1")) == 3
    assert len(world.system.client_record("c1").enrollments) == 3
    assert world.system.audit().counts()["exits-before-entry"] == 1


def test_merged_households_do_not_crash_on_duplicates(any_world: World) -> None:
    """SPEC 6.15, 11: one client in both, with one worker on both, is one enrollment with one stint."""
    world = any_world
    world.system.enroll({"c1": 1, "c2": 2}, "es", on="2026-01-10", household_id="h1", case_manager="kim")
    stay: dict[str, Any] = {"project_id": "es", "household_id": "h2", "entry_date": day("01-20")}
    world.put_raw(
        Enrollment(enrollment_id="again", personal_id="c1", relationship_to_hoh=1, **stay),
        Enrollment(enrollment_id="never", personal_id="c1", exit_date=day("01-15"), **stay),
        Enrollment(enrollment_id="more", personal_id="c3", **stay),
        *(
            CaseAssignment(assignment_id=f"of-{key}", enrollment_id=key, user_id="kim", start_date=day("01-20"))
            for key in ("again", "more")
        ),
    )
    world.kim.merge_households("h2", "h1")
    held = [case.enrollment.personal_id for case in world.kim.active_cases()]
    assert held == ["c1", "c2", "c3"]
    assert world.kim.active_cases()[0].household_size == 3
    assert [(s.start_date, s.end_date) for s in live(world)].count((day("01-10"), None)) == 2
    assert set(world.system.audit().counts()) == {"exits-before-entry"}


def test_who_typed_the_intake_is_not_the_case_manager_for_ever(any_world: World, tmp_path: Path) -> None:
    """SPEC 6.1, 9.5, 11: nobody, another, or the typist until further notice; a later editor is no hand-over."""
    world = any_world
    assert world.kim.enroll("c1", "es", case_manager=None).assignments == ()
    assert world.kim.enroll("c2", "es", case_manager="lee").assignment.user_id == "lee"
    world.kim.hand_over(world.kim.enroll("c3", "es").assignment, "lee")
    assert ids(world.kim.active_cases()) == []
    users = ["U1,Kim,Ode,", "U2,Lee,Poe,"]
    with hmis_csv.read(write(tmp_path / "first", User=users)) as first:
        world.system.import_export(first)
    assert len(world.system.case_managers("C1")) == 0
    edited = ["E1,C1,P1,2026-01-05,H1,1,U2,2026-02-25,", "E2,C1,P1,2026-02-05,H2,1,U2,,"]
    with hmis_csv.read(write(tmp_path / "second", User=users, Enrollment=edited)) as second:
        world.system.import_export(second, case_managers_from="Enrollment.UserID")
    held = [(case.enrollment.enrollment_id, case.assignment.user_id) for case in _held(world, "C1")]
    assert held == [("E2", "U2")]
    world.system.add(*_with_access(world, "U1"))
    world.system.hand_over(ids(world.system.active_cases("U2"))[0], "U1")
    with hmis_csv.read(write(tmp_path / "third", User=users, Enrollment=edited)) as third:
        world.system.import_export(third, case_managers_from="Enrollment.UserID")
    assert ids(world.system.active_cases("U2")) == []


def _held(world: World, client: str) -> list[Any]:
    """The cases of a client that somebody holds."""
    return [case for case in world.system.case_managers(client) if case.status is AssignmentStatus.ACTIVE]


def _with_access(world: World, user_id: str) -> list[Any]:
    """A user as they stand, with access to the organization of the export."""
    with world.store.transaction() as tx:
        user = tx.users.get([user_id])[user_id]
    return [type(user)(user_id=user_id, organization_ids=frozenset({"O1"}))]


def test_just_after_midnight_nothing_changes(any_world: World) -> None:
    """SPEC 3.5, 4.1, 11: neither when the day is over elsewhere, nor in what is on record when it is over here."""
    world = any_world
    ending = world.kim.assign(world.stay("c1"), start="2026-02-01", end="2026-03-03").assignment
    starting = world.kim.assign(world.stay("c2"), start="2026-03-03").assignment
    world.now.moment = datetime(2026, 3, 3, 0, 0, 1, tzinfo=UTC)

    def seen(as_of: date | None) -> list[list[str]]:
        lists = world.kim.active_cases, world.kim.inactive_cases, world.kim.upcoming_cases
        return [ids(cases(as_of=as_of)) for cases in lists]

    one, other = [ending.assignment_id], [starting.assignment_id]
    assert seen(None) == seen(TODAY) == [one, [], other]
    assert world.kim.assign(world.stay("c3"), end="2026-03-02").assignment.start_date == TODAY
    state, lines, yesterday = world.state(), world.lines(), seen(TODAY)
    world.today = TODAY + timedelta(days=1)
    assert seen(None)[0] == other
    assert seen(TODAY) == yesterday
    assert (world.state(), world.lines()) == (state, lines)


def test_end_then_add_leaves_no_gap_and_no_overlap(any_world: World) -> None:
    """SPEC 6.16, 6.17, 3.2, 11: one act, and exactly one holder as of every day."""
    world = any_world
    stay = world.stay(entry="01-01")
    first = world.kim.assign(stay, start=WINDOW[0]).assignment
    second = world.kim.hand_over(first, "lee", on="2026-02-10").assignments[1]
    world.lee.hand_over(second, "sam", on="2026-02-10")
    world.sam.assign(stay, "kim", start="2026-02-20", replace=True)
    world.super.reassign("kim", "lee", on="2026-03-10")
    for on in WINDOW:
        assert len([s for s in live(world) if on in s.period]) == 1, on
    assert world.system.audit(as_of=WINDOW[-1]).counts() == {}
    assert world.system.verify_history() == ()
