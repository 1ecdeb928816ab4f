"""Coming up: assignments that end, covers that run out, users who leave."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stint_examples import DAYS, agency_with, counts, stints
from test_questions import CountingStore
from world import TODAY, USERS, World, day

from caseassign import (
    ME,
    SYSTEM,
    CaseAssignment,
    Casework,
    ComingUp,
    Ending,
    InvalidRecordError,
    NotFoundError,
    PermissionDeniedError,
    Policy,
    Request,
    Unrestricted,
    User,
)
from caseassign.display import caseloads as display
from caseassign.display.blocks import plain


def said(of: ComingUp) -> list[tuple[str, str, str]]:
    """What comes up: its kind, the user and the day."""
    return [(ending.kind, ending.user_id, ending.day.isoformat()) for ending in of]


def leaves(world: World, user_id: str, on: str) -> None:
    """Put down the first day on which a user no longer works."""
    (user,) = [user for user in USERS if user.user_id == user_id]
    world.system.add(attrs.evolve(user, left_on=day(on)))


@pytest.fixture
def busy(any_world: World) -> World:
    """An agency in which a few things come to an end."""
    world = any_world
    stay = world.stay("c1")
    world.kim.assign(stay, end="2026-03-20")
    world.kim.assign(stay, "lee", end="2026-03-10", role="Cover")
    world.kim.assign(world.stay("c2"), "lee")
    leaves(world, "lee", "04-01")
    return world


def test_what_ends_is_listed_by_day_and_kind(busy: World) -> None:
    """SPEC 7.13: covers that run out, stints that end, users who leave, by day."""
    assert said(busy.super.coming_up(30)) == [
        ("cover-ends", "lee", "2026-03-10"),
        ("assignment-ends", "kim", "2026-03-20"),
        ("user-leaves", "lee", "2026-04-01"),
    ]


def test_the_days_are_those_after_today_up_to_and_including_the_last(busy: World) -> None:
    """SPEC 7.13: within N days: after the day, and at the latest N days later."""
    assert said(busy.super.coming_up(18)) == said(busy.super.coming_up(30))[:2]
    assert len(busy.super.coming_up(17)) == 1
    assert said(busy.super.coming_up(1, "2026-03-09"))[0][0] == "cover-ends"
    assert len(busy.super.coming_up(1, "2026-03-10")) == 0
    assert len(busy.super.coming_up(1, "2026-04-01")) == 0
    found = busy.super.coming_up(30)
    assert (found.as_of, found.until) == (TODAY, day("04-01"))


def test_who_leaves_is_listed_with_what_they_still_hold_then(busy: World) -> None:
    """SPEC 7.13, 6.13: a leaver's row counts what is active on them on the first day gone."""
    leaver = busy.super.coming_up(30)[-1]
    assert (leaver.cases, leaver.case, leaver.assignment) == (1, None, None)
    held = busy.super.active_cases("lee", roles=["Case Manager"])[0].assignment
    assert held is not None
    busy.kim.hand_over(held, "kim", "2026-04-01")
    assert [row.cases for row in busy.super.coming_up(30) if row.kind == "user-leaves"] == [0]
    ending = busy.super.coming_up(30)[0]
    assert ending.cases is None
    assert ending.case is not None
    assert ending.case.client.personal_id == "c1"
    assert ending.assignment == ending.case.assignment


def test_a_worker_sees_their_own_and_a_supervisor_everybodys(busy: World) -> None:
    """SPEC 8.2: without caseload.view only what is one's own; with it whatever one may see, or one user's."""
    assert said(busy.kim.coming_up(30)) == [
        ("cover-ends", "lee", "2026-03-10"),
        ("assignment-ends", "kim", "2026-03-20"),
    ]
    assert said(busy.lee.coming_up(30, user=ME)) == [
        ("cover-ends", "lee", "2026-03-10"),
        ("user-leaves", "lee", "2026-04-01"),
    ]
    assert said(busy.super.coming_up(30, user="lee")) == said(busy.lee.coming_up(30))
    assert said(busy.super.coming_up(30, user=ME)) == []
    assert said(busy.system.coming_up(30)) == said(busy.super.coming_up(30))
    with pytest.raises(PermissionDeniedError):
        busy.kim.coming_up(30, user="lee")
    with pytest.raises(InvalidRecordError):
        busy.system.coming_up(30, user=ME)
    with pytest.raises(NotFoundError):
        busy.system.coming_up(30, user="nobody")
    with pytest.raises(PermissionDeniedError):
        busy.as_("gone").coming_up(30)


class Closed(Unrestricted):
    """A policy that denies everything, to the system too."""

    def denial(self, request: Request) -> str | None:
        """Deny."""
        return "closed"


def test_a_policy_may_deny_the_system(world: World) -> None:
    """SPEC 8.1: a host's policy decides; the system has no cases of its own to show instead."""
    policy: Policy = Closed()
    with pytest.raises(PermissionDeniedError):
        world.as_(SYSTEM, policy=policy).coming_up(30)


def test_rows_that_may_not_be_seen_are_withheld_and_counted(world: World) -> None:
    """SPEC 8.2: stints without access, and leavers who only hold and access what is closed."""
    world.system.assign(world.stay("c1", project="th"), "bo", end="2026-03-20")
    world.system.assign(world.stay("c2", project="th"), "bo")
    world.system.assign(world.stay("c3", project="th"), "sam")
    leaves(world, "bo", "03-25")
    leaves(world, "sam", "03-26")
    found = world.super.coming_up(30)
    assert (said(found), found.withheld) == ([("user-leaves", "sam", "2026-03-26")], 2)
    assert found[0].cases == 0
    assert len(world.system.coming_up(30)) == 3
    own = world.as_("bo").coming_up(30)
    assert (len(own), own.withheld) == (2, 0)


def test_it_is_narrowed_to_projects_and_organizations(busy: World) -> None:
    """SPEC 7.1: only the cases of some projects, and those who leave them."""
    stay = busy.stay("c3", project="th")
    busy.system.assign(stay, "sam", end="2026-03-12")
    leaves(busy, "bo", "03-25")
    assert said(busy.system.coming_up(30, projects=["th"])) == [
        ("assignment-ends", "sam", "2026-03-12"),
        ("user-leaves", "bo", "2026-03-25"),
    ]
    haven = busy.system.coming_up(30, organizations=["haven"])
    assert said(haven) == said(busy.super.coming_up(30))
    assert haven.withheld == 0


def test_a_leaver_without_access_or_cases_is_the_business_of_who_sees_everything(world: World) -> None:
    """SPEC 7.13: nobody who leaves is missed by the system; a supervisor sees those of their own organizations."""
    world.system.add(User(user_id="new", left_on=day("03-20")))
    assert said(world.system.coming_up(30)) == [("user-leaves", "new", "2026-03-20")]
    assert (said(world.super.coming_up(30)), world.super.coming_up(30).withheld) == ([], 0)


def test_what_is_void_deleted_or_held_on_no_day_does_not_end(world: World) -> None:
    """SPEC 3.3, 4.2, 5.4: void stints, stints on deleted enrollments and same-day stints are not listed."""
    world.kim.void(world.kim.assign(world.stay("c1"), end="2026-03-20").assignment, "typed twice")
    gone = world.stay("c2")
    world.kim.assign(gone, end="2026-03-20")
    world.put_raw(attrs.evolve(gone, deleted=True))
    world.kim.assign(world.stay("c3"), start="2026-03-20", end="2026-03-20")
    found = world.kim.coming_up(30)
    assert (len(found), found.withheld) == (0, 0)


@pytest.mark.parametrize("days", [0, -1, 10**7, 10**12, "5", 2.5, True, None])
def test_days_are_at_least_one_and_stay_within_the_calendar(world: World, days: Any) -> None:
    """SPEC 7.13: a number of days that means nothing is refused in a sentence."""
    with pytest.raises(InvalidRecordError, match="days"):
        world.kim.coming_up(days)


def test_what_comes_up_as_it_was_known(any_world: World) -> None:
    """SPEC 7.8: answered from what was recorded up to a moment."""
    world = any_world
    world.kim.assign(world.stay(), end="2026-03-20")
    before = world.now.moment
    leaves(world, "kim", "03-25")
    assert len(world.kim.coming_up(30)) == 2
    assert said(world.kim.coming_up(30, known_at=before)) == [("assignment-ends", "kim", "2026-03-20")]


def test_rows_become_plain_data(busy: World) -> None:
    """What comes up as JSON: keys are field names, and null where something does not apply."""
    found = busy.super.coming_up(30)
    cover, ends, leaver = found.to_dicts()
    assert (cover["user_id"], cover["covers_for"]) == ("lee", ["kim"])
    stint = found[1].assignment
    assert stint is not None
    assert ends == {
        "kind": "assignment-ends",
        "day": "2026-03-20",
        "user_id": "kim",
        "case_manager_name": "Example, Kim",
        "cases": None,
        "covers_for": None,
        "assignment_id": stint.assignment_id,
        "enrollment_id": stint.enrollment_id,
        "personal_id": "c1",
        "client_name": "Marigold, Ada",
        "project_id": "es",
        "project_name": "Haven Shelter",
        "role": "Case Manager",
        "start_date": "2026-03-02",
        "end_date": "2026-03-20",
    }
    assert list(leaver) == list(ends)
    assert (leaver["kind"], leaver["day"], leaver["cases"]) == ("user-leaves", "2026-04-01", 1)
    assert {leaver[name] for name in list(ends)[5:]} == {None}
    assert (len(found), list(found[1:])) == (3, list(found.rows[1:]))


def test_a_screen_says_ends_on_back_on_and_first_day_gone(busy: World) -> None:
    """SPEC 3.6: the words for an assignment, for cover and for a leaver."""
    shown = list(plain(display.coming_up(busy.super.coming_up(30))))
    assert shown[0] == "Coming up after 2 Mar 2026, by 1 Apr 2026"
    assert shown[1].startswith(
        "Ends on      Back on      First day gone  Case manager  User  Covers for         Cases still held"
    )
    assert shown[2].startswith("             10 Mar 2026                  Sample, Lee   lee   Kim Example (kim)  ")
    assert shown[3].startswith("20 Mar 2026                               Example, Kim  kim ")
    assert (
        shown[4] == "                          1 Apr 2026      Sample, Lee   lee                                     1"
    )
    assert shown[5] == "3 rows."
    kim = User(user_id="kim", first_name="Kim")
    assert list(plain(display.coming_up(busy.kim.coming_up(1), kim))) == [
        "Nothing ends for Kim (kim) after 2 Mar 2026, by 3 Mar 2026."
    ]
    shown = list(plain(display.coming_up(busy.kim.coming_up(30), kim)))
    assert shown[0] == "Coming up for Kim (kim) after 2 Mar 2026, by 1 Apr 2026"


def test_the_number_of_queries_depends_neither_on_users_nor_on_cases() -> None:
    """SPEC 7: a few plural finders, and never one query a user or a row."""
    taken = []
    for number in (2, 60):
        world = World()
        stay = world.stay()
        users = [User(user_id=f"u{each}", organization_ids={"haven"}, left_on=day("03-20")) for each in range(number)]
        world.system.add(*users)
        for user in users:
            world.system.assign(stay, user, end="2026-03-15")
        store = CountingStore(world.store)
        assert len(Casework(store, user=SYSTEM).coming_up(30, TODAY)) == 2 * number
        taken.append(len(store.calls))
    assert taken[0] == taken[1]


@given(stints(), DAYS, st.integers(1, 6))
def test_what_comes_up_is_what_a_count_by_hand_says(drawn: list[CaseAssignment], as_of: date, days: int) -> None:
    """SPEC 7.13: whatever the stints, those that end on one of the days, cover told apart."""
    world = agency_with(drawn)
    wanted: list[Any] = [
        ("cover-ends" if stint.role == "Cover" else "assignment-ends", stint.assignment_id)
        for stint in drawn
        if counts(stint)
        and stint.end_date in {as_of + timedelta(days=number) for number in range(1, days + 1)}
        and stint.end_date != stint.start_date
    ]

    def of_stint(ending: Ending) -> tuple[str, str]:
        assert ending.assignment is not None
        return ending.kind, ending.assignment.assignment_id

    found = world.system.coming_up(days, as_of)
    assert sorted(map(of_stint, found)) == sorted(wanted)
    assert [ending.day for ending in found] == sorted(ending.day for ending in found)


# For whom a cover is


def covers(found: ComingUp) -> list[tuple[str, tuple[str, ...]]]:
    """Who stands in, and for whom."""
    return [(ending.user_id, tuple(user.user_id for user in ending.covers_for)) for ending in found]


def test_a_cover_comes_up_for_who_is_away_as_for_who_stands_in(any_world: World) -> None:
    """SPEC 6.14, 7.13: both read when the cover runs out; the row says who stands in for whom."""
    world = any_world
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    world.kim.assign(world.stay("c2"), start="2026-01-12", role="Navigator")
    world.lee.assign(world.stay("c3"), start="2026-01-12")
    world.system.cover("kim", "lee", "2026-03-05", "2026-03-20")
    for found in (
        world.kim.coming_up(30),
        world.lee.coming_up(30),
        world.super.coming_up(30),
        world.super.coming_up(30, user="kim"),
    ):
        assert covers(found) == [("lee", ("kim",)), ("lee", ("kim",))]
        assert {ending.kind for ending in found} == {"cover-ends"}
    assert covers(world.sam.coming_up(30)) == []
    assert covers(world.kim.coming_up(30, as_of="2026-03-20")) == []
    assert covers(world.kim.coming_up(3)) == []
    shown = list(plain(display.coming_up(world.kim.coming_up(30), User(user_id="kim"))))
    assert "Covers for" in shown[1]
    assert "Sample, Lee   lee   Kim Example (kim)" in shown[2]


def test_a_cover_is_for_who_holds_the_case_on_its_first_day(world: World) -> None:
    """SPEC 6.14: it stands beside the holder; a void stint and another cover hold nothing."""
    stay = world.stay()
    kims = world.kim.assign(stay, start="2026-01-12").assignment
    world.kim.void(world.kim.assign(stay, "super", start="2026-01-12").assignment, "typed twice")
    world.system.cover("kim", "lee", "2026-03-05", "2026-03-20")
    world.system.hand_over(kims, "sam", "2026-03-10")
    assert covers(world.system.coming_up(30, user="lee")) == [("lee", ("kim",))]
    assert covers(world.system.coming_up(30, user="sam")) == []


def test_a_cover_before_there_is_a_holder_is_for_who_holds_the_case_later(world: World) -> None:
    """SPEC 6.14: where nobody holds the case on the first day of the cover, it is for whoever does during it."""
    stay = world.stay()
    world.kim.assign(stay, "lee", start="2026-03-05", end="2026-03-20", role="Cover")
    assert covers(world.system.coming_up(30)) == [("lee", ())]
    world.kim.assign(stay, start="2026-03-10")
    assert covers(world.system.coming_up(30)) == [("lee", ("kim",))]


def test_for_whom_a_cover_is_stays_hidden_with_the_enrollment(world: World) -> None:
    """SPEC 8.2: who stands in without access any more sees their own cover, and not who else holds the case."""
    world.sam.assign(world.stay("c1", project="th"), start="2026-01-12")
    world.system.cover("sam", "bo", "2026-03-05", "2026-03-20")
    assert covers(world.as_("bo").coming_up(30)) == [("bo", ("sam",))]
    world.system.add(User(user_id="bo", organization_ids={"haven"}))
    assert covers(world.as_("bo").coming_up(30)) == [("bo", ())]
    world.system.add(User(user_id="sam", organization_ids={"haven"}))
    found = world.sam.coming_up(30)
    assert (covers(found), found.withheld) == ([], 1)
