"""Caseloads: how much each user holds, as of a day and during a period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import attrs
import pytest
from hypothesis import given
from stint_examples import DAYS, HOLDERS, STAYS, agency_with, held_during, held_on, stints
from stint_examples import counts as is_counted
from test_questions import CountingStore
from world import TODAY, USERS, World, day

from caseassign import (
    SYSTEM,
    CaseAssignment,
    Caseload,
    Caseloads,
    Casework,
    InvalidRecordError,
    MemoryStore,
    Period,
    PermissionDeniedError,
    User,
)
from caseassign.display import caseloads as display
from caseassign.display.blocks import plain


def row(of: Caseloads, user_id: str) -> Caseload:
    """The row of a user."""
    (found,) = [caseload for caseload in of if caseload.user_id == user_id]
    return found


def counts(of: Caseloads, user_id: str) -> tuple[int, int, int, int]:
    """Cases, clients, households and cover of a user."""
    found = row(of, user_id)
    return found.cases, found.clients, found.households, found.cover


def users(of: Iterable[Caseload]) -> list[str]:
    """The users of a list, in its order."""
    return [caseload.user_id for caseload in of]


def test_a_worker_in_two_roles_counts_a_client_once(any_world: World) -> None:
    """SPEC 7.6: cases are assignments; clients and households are counted once each."""
    world = any_world
    for member in world.family(3):
        world.kim.assign(member)
    first = world.kim.active_cases()[0].enrollment
    world.kim.assign(first, role="Navigator")
    world.kim.assign(world.stay("c5"))
    loads = world.super.caseloads()
    assert counts(loads, "kim") == (5, 4, 2, 0)
    assert row(loads, "kim").cases == len(world.kim.active_cases())
    assert loads.as_of == TODAY


def test_enrollments_without_household_are_households_of_their_own(world: World) -> None:
    """SPEC 2, 7.6: a household is a HouseholdID in one project; one without is a household of its own."""
    stays = [
        world.stay("c1", household_id="h"),
        world.stay("c2", project="rrh", household_id="h"),
        world.stay("c3"),
        world.stay("c4"),
    ]
    world.put_raw(*(attrs.evolve(stay, household_id=None) for stay in stays[2:]))
    for stay in stays:
        world.kim.assign(stay)
    assert counts(world.super.caseloads(), "kim") == (4, 4, 4, 0)


def test_cover_is_counted_apart(any_world: World) -> None:
    """SPEC 6.14, 7.6: cases held as Cover are no part of cases, clients and households."""
    world = any_world
    stay, other = world.stay("c1"), world.stay("c2")
    world.kim.assign(stay)
    world.kim.assign(other, "lee")
    world.kim.assign(stay, "lee", end="2026-04-01", role="Cover")
    loads = world.super.caseloads()
    assert counts(loads, "kim") == (1, 1, 1, 0)
    assert counts(loads, "lee") == (1, 1, 1, 1)
    assert counts(world.super.caseloads(as_of="2026-04-01"), "lee") == (1, 1, 1, 0)


def test_what_is_void_deleted_past_or_upcoming_is_not_held(world: World) -> None:
    """SPEC 4.1, 4.2, 5.4, 7.6: only what is active as of the day, on enrollments that are not deleted."""
    gone = world.stay("c2")
    world.kim.void(world.kim.assign(world.stay("c1")).assignment, "typed twice")
    world.kim.assign(gone)
    world.put_raw(attrs.evolve(gone, deleted=True))
    world.kim.assign(world.stay("c3"), start="2026-02-01", end="2026-03-02")
    world.kim.assign(world.stay("c4"), start="2026-03-03")
    assert counts(world.super.caseloads(), "kim") == (0, 0, 0, 0)
    assert counts(world.super.caseloads(as_of="2026-03-03"), "kim") == (1, 1, 1, 0)
    assert counts(world.super.caseloads(as_of="2026-03-01"), "kim") == (1, 1, 1, 0)


def test_a_supervisor_sees_who_has_room_and_who_left_with_cases(world: World) -> None:
    """SPEC 7.6: all who hold something, leavers marked, and case managers who could take something; by name."""
    stay = world.stay()
    world.put_raw(CaseAssignment(assignment_id="a", enrollment_id=stay.key, user_id="gone", start_date=day("01-10")))
    loads = world.super.caseloads()
    assert users(loads) == ["kim", "lee", "sam", "gone", "super"]
    assert row(loads, "gone").left_on == day("02-01")
    assert row(loads, "gone").cases == 1
    assert row(loads, "kim").left_on is None
    world.system.end("a", "2026-03-02")
    assert "gone" not in users(world.super.caseloads())
    world.put_raw(CaseAssignment(assignment_id="b", enrollment_id=stay.key, user_id="clerk", start_date=day("01-10")))
    assert "clerk" in users(world.super.caseloads())
    assert users(world.system.caseloads(organizations=["bridge"])) == ["bo", "sam"]


def test_somebody_who_leaves_later_still_has_room(world: World) -> None:
    """SPEC 2, 7.6: left_on is the first day no longer worked."""
    world.system.add(attrs.evolve(USERS[1], left_on=day("03-03")))
    assert row(world.super.caseloads(), "lee").left_on == day("03-03")
    assert "lee" not in users(world.super.caseloads(as_of="2026-03-03"))


def test_a_worker_does_not_see_the_caseloads_of_others(world: World) -> None:
    """SPEC 8.2: others' caseloads only with caseload.view."""
    with pytest.raises(PermissionDeniedError) as denied:
        world.kim.caseloads()
    assert denied.value.action == "caseload.view"
    with pytest.raises(PermissionDeniedError):
        world.kim.caseloads_during("2026-01-01", "2026-02-01")


def test_only_cases_that_may_be_seen_are_counted(any_world: World) -> None:
    """SPEC 8.2: cases of projects without access are withheld and counted, and their holders not listed."""
    world = any_world
    world.system.assign(world.stay("c1"), "sam")
    world.system.assign(world.stay("c2", project="th"), "sam")
    world.system.assign(world.stay("c3", project="th"), "bo")
    loads = world.super.caseloads()
    assert (counts(loads, "sam"), loads.withheld) == ((1, 1, 1, 0), 2)
    assert "bo" not in users(loads)
    assert (counts(world.system.caseloads(), "sam"), world.system.caseloads().withheld) == ((2, 2, 2, 0), 0)
    bridge = world.super.caseloads(projects=["th"])
    assert (users(bridge), bridge.withheld) == (["super"], 2)
    haven = world.super.caseloads(organizations=["haven"])
    assert (counts(haven, "sam"), haven.withheld) == ((1, 1, 1, 0), 0)
    assert world.super.caseloads(projects=["rrh"]).withheld == 0


def test_everybody_sees_their_own_caseload_whole(world: World) -> None:
    """SPEC 8.2: one's own cases count where access is gone, and one's own row is there whatever one holds."""
    boss = attrs.evolve(USERS[-1], is_case_manager=False)
    world.system.add(boss)
    assert counts(world.super.caseloads(), "super") == (0, 0, 0, 0)
    there = world.stay("c1", project="th")
    world.put_raw(CaseAssignment(assignment_id="a", enrollment_id=there.key, user_id="super", start_date=day("01-10")))
    loads = world.super.caseloads()
    assert (counts(loads, "super"), loads.withheld) == ((1, 1, 1, 0), 0)
    assert row(loads, "super").cases == len(world.super.active_cases())


def test_a_period_counts_all_that_was_held_in_it(any_world: World) -> None:
    """SPEC 7.12: caseloads over a period: what shares a day with it, and same-day stints inside."""
    world = any_world
    world.kim.assign(world.stay("c1"), start="2026-01-10", end="2026-01-20")
    world.kim.assign(world.stay("c2"), start="2026-01-20", end="2026-02-01")
    world.kim.assign(world.stay("c3"), start="2026-01-20", end="2026-01-20")
    world.kim.assign(world.stay("c4"), start="2026-02-01")
    loads = world.super.caseloads_during("2026-01-20", "2026-02-01")
    assert counts(loads, "kim") == (2, 2, 2, 0)
    assert (loads.as_of, loads.period) == (day("01-31"), Period("2026-01-20", "2026-02-01"))
    assert counts(world.super.caseloads_during("2026-01-01", "2027-01-01", projects=["es"]), "kim")[0] == 4
    assert counts(world.super.caseloads_during(date.min, date.max), "kim")[0] == 4
    assert "gone" in users(loads)
    assert "gone" not in users(world.super.caseloads_during("2026-02-01", "2026-03-01"))


@pytest.mark.parametrize(("start", "end"), [(None, "2026-02-01"), ("2026-02-01", None), ("2026-02-02", "2026-02-01")])
def test_a_period_has_a_start_and_an_end(world: World, start: Any, end: Any) -> None:
    """SPEC 7.12: a period [start, end) needs both, in order."""
    with pytest.raises(InvalidRecordError):
        world.super.caseloads_during(start, end)


def test_caseloads_as_they_were_known(any_world: World) -> None:
    """SPEC 7.8: caseloads, answered from what was recorded up to a moment."""
    world = any_world
    stint = world.kim.assign(world.stay(), start="2026-02-01").assignment
    before = world.now.moment
    world.kim.void(stint, "typed twice")
    assert counts(world.super.caseloads(), "kim") == (0, 0, 0, 0)
    assert counts(world.super.caseloads(known_at=before), "kim") == (1, 1, 1, 0)
    assert counts(world.super.caseloads_during("2026-02-01", "2026-03-01", before), "kim") == (1, 1, 1, 0)


def test_rows_become_plain_data(world: World) -> None:
    """A caseload as JSON: keys are field names, days YYYY-MM-DD, null where something does not apply."""
    stay = world.stay()
    world.put_raw(CaseAssignment(assignment_id="a", enrollment_id=stay.key, user_id="gone", start_date=day("01-10")))
    loads = world.super.caseloads()
    assert loads.to_dicts()[3] == {
        "user_id": "gone",
        "case_manager_name": None,
        "cases": 1,
        "clients": 1,
        "households": 1,
        "cover": 0,
        "left_on": "2026-02-01",
    }
    assert (len(loads), loads[0], list(loads[1:])) == (5, loads.rows[0], list(loads.rows[1:]))


@pytest.mark.parametrize("during", [False, True])
def test_the_number_of_queries_depends_neither_on_users_nor_on_cases(during: bool) -> None:
    """SPEC 7: a few plural finders, and never one query a user."""
    taken = []
    for number in (2, 60):
        world = World()
        stay = world.stay()
        world.system.add(*(User(user_id=f"u{each}", organization_ids={"haven"}) for each in range(number)))
        for each in range(number):
            world.system.assign(stay, f"u{each}")
        store = CountingStore(world.store)
        system = Casework(store, user=SYSTEM)
        loads = system.caseloads_during("2026-01-01", "2027-01-01") if during else system.caseloads("2026-03-02")
        assert sum(caseload.cases for caseload in loads) == number
        taken.append(len(store.calls))
    assert taken[0] == taken[1]


def by_hand(held: list[CaseAssignment]) -> tuple[int, int, int, int]:
    """Cases, clients, households and cover of stints, counted without the library."""
    own = [STAYS[stint.enrollment_id] for stint in held if stint.role != "Cover"]
    households = {(stay.project_id, stay.household_id or stay.enrollment_id) for stay in own}
    return len(own), len({stay.personal_id for stay in own}), len(households), len(held) - len(own)


@given(stints(), DAYS, DAYS)
def test_caseloads_equal_a_count_by_hand(drawn: list[CaseAssignment], one: date, other: date) -> None:
    """SPEC 7.6, 7.12: whatever the stints, as of any day and during any period; as many as the lists have rows."""
    world = agency_with(drawn)
    start, end = min(one, other), max(one, other)
    on_day, in_period = world.system.caseloads(as_of=one), world.system.caseloads_during(start, end)
    for user_id in HOLDERS:
        own = [stint for stint in drawn if stint.user_id == user_id and is_counted(stint)]
        for loads, held, rows in (
            (on_day, [s for s in own if held_on(s, one)], world.system.active_cases(user_id, one)),
            (in_period, [s for s in own if held_during(s, start, end)], world.system.cases_during(user_id, start, end)),
        ):
            found = [counts(loads, user_id)] if user_id in users(loads) else []
            assert (found or [(0, 0, 0, 0)]) == [by_hand(held)]
            assert len(rows) == len(held)


def test_a_supervisor_reads_caseloads_as_a_table(world: World) -> None:
    """SPEC 7.6, 3.6: a row for each user, cover apart, the first day gone of those who left, and the sum."""
    stay = world.stay()
    world.kim.assign(stay)
    world.kim.assign(stay, "lee", end="2026-04-01", role="Cover")
    world.put_raw(CaseAssignment(assignment_id="a", enrollment_id=stay.key, user_id="gone", start_date=day("01-10")))
    assert list(plain(display.caseloads(world.super.caseloads()))) == [
        "Caseloads as of 2 Mar 2026",
        "Case manager   User   Cases  Clients  Households  Cover  First day gone",
        "Example, Kim   kim        1        1           1",
        "Sample, Lee    lee        0        0           0      1",
        "Specimen, Sam  sam        0        0           0",
        "               gone       1        1           1         1 Feb 2026",
        "               super      0        0           0",
        "5 users, 2 cases, and cover of 1 case.",
    ]
    world.system.assign(world.stay("c2", project="th"), "bo")
    shown = list(plain(display.caseloads(world.super.caseloads_during("2026-01-01", "2026-02-01"))))
    assert (shown[0], shown[-1]) == ("Caseloads from 1 Jan 2026 until 1 Feb 2026", "5 users, 1 case.")
    assert list(plain(display.caseloads(world.super.caseloads())))[-1].endswith("1 case. 1 case withheld.")


def test_no_caseloads_are_a_sentence() -> None:
    """SPEC 7.6: where nobody holds anything and nobody could, it is said."""
    nobody = Casework(MemoryStore(), user=SYSTEM).caseloads("2026-03-02")
    assert list(plain(display.caseloads(nobody))) == [
        "Nobody holds a case, and nobody could take one as of 2 Mar 2026."
    ]
