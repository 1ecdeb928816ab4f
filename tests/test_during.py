"""During a period: whom a user held at any time of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from stint_examples import DAYS, agency_with, counts, held_during, stints
from world import World, day

from caseassign import (
    SYSTEM,
    CaseAssignment,
    InvalidRecordError,
    NotFoundError,
    Period,
    PermissionDeniedError,
    User,
)
from caseassign.display import caseloads as display
from caseassign.display.blocks import plain

QUARTER = ("2026-01-01", "2026-04-01")
KIM = User(user_id="kim", first_name="Kim", last_name="Example")


def held(world: World, *period: Any) -> list[str]:
    """The clients whom Kim held during a period, by their stints."""
    return [case.client.personal_id for case in world.kim.cases_during("kim", *period)]


def test_a_period_is_half_open(any_world: World) -> None:
    """SPEC 7.12: stints that share a day with [start, end): not what ends on the start, nor what starts on the end."""
    world = any_world
    for client, start, end in (
        ("c1", "01-10", "01-20"),
        ("c2", "01-20", "02-01"),
        ("c3", "01-10", None),
        ("c4", "02-01", None),
    ):
        world.kim.assign(world.stay(client), start=day(start), end=None if end is None else day(end))
    assert held(world, "2026-01-20", "2026-02-01") == ["c2", "c3"]
    assert held(world, "2026-01-19", "2026-02-02") == ["c1", "c2", "c3", "c4"]
    assert held(world, date.min, date.max) == ["c1", "c2", "c3", "c4"]
    assert held(world, "2026-01-20", "2026-01-20") == []


def test_same_day_stints_that_start_inside_are_included_and_marked(world: World) -> None:
    """SPEC 7.12, 3.3, 3.6: a same-day stint is on record, and reads "Same day, 20 Jan 2026"."""
    for client, on in (("c1", "01-19"), ("c2", "01-20"), ("c3", "02-01")):
        world.kim.assign(world.stay(client), start=day(on), end=day(on))
    world.kim.assign(world.stay("c4"), start="2026-01-25")
    cases = world.kim.cases_during(start="2026-01-20", end="2026-02-01")
    assert [(case.client.personal_id, case.is_same_day) for case in cases] == [("c2", True), ("c4", False)]
    shown = "\n".join(plain(display.cases_during(cases, KIM, Period("2026-01-20", "2026-02-01"))))
    assert shown.startswith("Cases of Kim Example (kim) from 20 Jan 2026 until 1 Feb 2026\n")
    assert "Same day, 20 Jan 2026" in shown
    assert shown.endswith("\n2 cases.")
    world.stay("c5")
    assert not world.kim.unassigned()[0].is_same_day


def test_rows_stand_as_of_the_last_day_of_the_period(world: World) -> None:
    """SPEC 7.12, 3.2: what is held at the close of the last day is active, and what ended before is not."""
    world.kim.assign(world.stay("c1"), start="2026-01-10", end="2026-02-01")
    world.kim.assign(world.stay("c2"), start="2026-01-10", end="2026-01-31")
    cases = world.kim.cases_during("kim", "2026-01-01", "2026-02-01")
    assert cases.as_of == day("01-31")
    assert [str(case.status) for case in cases] == ["active", "inactive"]
    assert world.kim.cases_during("kim", "2026-01-01", "2026-01-01").as_of == day("01-01")


def test_every_stint_is_a_row_and_void_ones_are_none(world: World) -> None:
    """SPEC 3 (4.3), 4.2: A, then B, then A again is two rows for A; what is void is none."""
    stay = world.stay()
    first = world.kim.assign(stay, start="2026-01-10").assignment
    second = world.kim.hand_over(first, "lee", "2026-01-20").assignments[1]
    world.kim.hand_over(second, "kim", "2026-02-01")
    world.kim.void(world.kim.assign(world.stay("c2")).assignment, "typed twice")
    assert held(world, *QUARTER) == ["c1", "c1"]


def test_a_period_needs_two_days_in_order(world: World) -> None:
    """SPEC 7.12: without a start or an end, or the wrong way round, it is refused in a sentence."""
    for wrong, said in (
        ({}, "are both needed"),
        ({"start": "2026-01-01"}, "are both needed"),
        ({"end": "2026-01-01"}, "are both needed"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "lies before the start"),
        ({"start": "January", "end": "2026-01-01"}, "start"),
    ):
        with pytest.raises(InvalidRecordError, match=said):
            world.kim.cases_during(**wrong)  # type: ignore[arg-type]  # the wrong arguments


def test_a_list_of_a_period_is_narrowed_sorted_and_paged_like_any_other(world: World) -> None:
    """SPEC 7.1, 7.10: by project and role, by start, page by page."""
    world.kim.assign(world.stay("c1"), start="2026-02-01")
    world.kim.assign(world.stay("c2", project="rrh"), start="2026-01-15", role="Navigator")
    world.kim.assign(world.stay("c3"), start="2026-01-20")
    ask = world.kim.cases_during

    def clients(**listing: Any) -> list[str]:
        return [case.client.personal_id for case in ask("kim", *QUARTER, **listing)]

    assert clients(order="start") == ["c2", "c3", "c1"]
    assert clients(projects=["es"]) == ["c1", "c3"]
    assert clients(roles=["Navigator"]) == ["c2"]
    first = ask("kim", *QUARTER, limit=2)
    assert clients(after=first.next_page) == ["c3"]
    shown = list(plain(display.cases_during(first, KIM, Period(*QUARTER))))
    assert shown[-1] == "2 cases. More follow."


def test_the_policy_is_that_of_active_cases(world: World) -> None:
    """SPEC 8.2: others' only with caseload.view; rows without access are withheld; one's own are shown."""
    world.system.assign(world.stay("c1"), "sam")
    world.system.assign(world.stay("c2", project="th"), "sam")
    with pytest.raises(PermissionDeniedError):
        world.kim.cases_during("sam", *QUARTER)
    seen = world.super.cases_during("sam", *QUARTER)
    assert (len(seen), seen.withheld) == (1, 1)
    assert len(world.sam.cases_during(start="2026-01-01", end="2026-04-01")) == 2
    with pytest.raises(InvalidRecordError):
        world.as_(SYSTEM).cases_during(start="2026-01-01", end="2026-04-01")
    with pytest.raises(NotFoundError):
        world.super.cases_during("nobody", *QUARTER)
    bo = world.system.cases_during("bo", *QUARTER)
    assert list(plain(display.cases_during(bo, User(user_id="bo"), Period(*QUARTER)))) == [
        "bo held no cases from 1 Jan 2026 until 1 Apr 2026."
    ]


def test_a_period_as_it_was_known(any_world: World) -> None:
    """SPEC 7.8, 7.12: answered from what was recorded up to a moment; a user who was not known then is not found."""
    world = any_world
    stint = world.kim.assign(world.stay()).assignment
    before = world.now.moment
    world.kim.void(stint, "typed twice")
    world.system.add(User(user_id="new"))
    assert held(world, *QUARTER) == []
    assert held(world, *QUARTER, before) == ["c1"]
    with pytest.raises(NotFoundError):
        world.system.cases_during("new", *QUARTER, known_at=before)


@given(stints(), DAYS, DAYS)
def test_whom_a_user_held_is_what_a_count_day_by_day_says(drawn: list[CaseAssignment], one: date, other: date) -> None:
    """SPEC 7.12: whatever the stints and the period, those that are active on one of its days, and same-day ones."""
    world = agency_with(drawn)
    start, end = min(one, other), max(one, other)
    for user_id in ("kim", "gone"):
        wanted = [s.key for s in drawn if s.user_id == user_id and counts(s) and held_during(s, start, end)]
        cases = world.system.cases_during(user_id, start, end)
        assert sorted(case.assignment.key for case in cases if case.assignment is not None) == sorted(wanted)


@pytest.mark.parametrize(
    ("listing", "problem"),
    [
        ({"limit": "3"}, "limit is no whole number"),
        ({"limit": True}, "limit is no whole number"),
        ({"limit": 0}, "limit is no whole number"),
        ({"after": "x"}, "after is no place in a list"),
        ({"projects": ["es", None]}, "neither a text nor such a record"),
        ({"projects": 5}, "no list"),
        ({"organizations": [CaseAssignment]}, "neither a text nor such a record"),
        ({"roles": [None]}, "neither a text nor such a record"),
    ],
    ids=str,
)
def test_what_cannot_narrow_or_cut_a_list_is_refused(world: World, listing: Any, problem: str) -> None:
    """SPEC 7.1, 7.10: an argument that is not what it should be is refused in a sentence, for every list."""
    with pytest.raises(InvalidRecordError, match=problem):
        world.kim.active_cases(**listing)
    with pytest.raises(InvalidRecordError, match=problem):
        world.kim.cases_during("kim", *QUARTER, **listing)
    with pytest.raises(InvalidRecordError, match=problem):
        world.system.unassigned(**listing)
