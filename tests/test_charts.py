"""Pictures: what is in them, in which order and colour, whose names they show, and that they are made offline."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
import vl_convert
from hypothesis import example, given
from hypothesis import strategies as st
from test_audit_tables import TABLES
from world import TODAY, World, day

from caseassign import Casework, Client, InvalidRecordError, Period, Project, User, audit_tables, charts
from caseassign.charts import look
from caseassign.charts.one_user import _first_of, _next
from caseassign.charts.timelines import _gaps
from caseassign.display import words
from caseassign.period import as_day

HOSTILE = "</script><script>alert(1)</script>"


def spec(chart: Any) -> dict[str, Any]:
    """Return what a chart is made of."""
    made: dict[str, Any] = chart.to_dict(validate=False)  # it takes long, and saving a picture does it
    return made


def rows(chart: Any, *fields: str) -> list[tuple[Any, ...]]:
    """Return the data of a chart that has all these fields, in its order."""
    made = spec(chart)
    sets = {json.dumps(found["values"]) for found in _found(made, "data") if "values" in found}
    sets |= {json.dumps(each) for each in made.get("datasets", {}).values()}
    every = (row for of_one in sorted(sets) for row in json.loads(of_one))
    return [tuple(row[field] for field in fields) for row in every if set(fields) <= row.keys()]


def _found(thing: Any, key: str) -> Iterator[Any]:
    """Yield whatever stands under a key, however deep."""
    if isinstance(thing, dict):
        for name, each in thing.items():
            if name == key:
                yield each
            yield from _found(each, key)
    elif isinstance(thing, list):
        for each in thing:
            yield from _found(each, key)


def svg(chart: Any) -> str:
    """Return a chart as it is drawn."""
    return str(vl_convert.vegalite_to_svg(json.dumps(spec(chart)), allowed_base_urls=[]))


@pytest.fixture
def busy() -> World:
    """A world in which a client was held by many, in all ways there are."""
    world = World()
    stay = world.stay("c1", "01-02")
    world.kim.assign(stay, start="2026-01-05", end="2026-01-20")
    world.lee.assign(stay, start="2026-01-20", end="2026-01-20")
    world.sam.assign(stay, start="2026-01-22")
    world.system.cover("sam", "lee", "2026-02-02", "2026-02-10")
    primary = world.kim.assign(stay, role="Primary", start="2026-02-12").assignment
    world.system.exit(stay, on="2026-02-20", end_assignments=[primary])
    again = world.stay("c1", "02-25", project="rrh")
    world.kim.assign(again, start="2026-03-10")
    return world


# Timelines


def test_a_timeline_shows_stays_stints_and_who_held_them(busy: World) -> None:
    """SPEC 7.11: each enrollment is a band, the earliest first, and each user in a role has a row below it."""
    chart = charts.timeline(busy.system.client_record("c1"))
    drawn = rows(chart, "lane", "what", "from", "until", "same_day", "open")
    end = drawn[0][3] if drawn[0][5] else max(row[3] for row in drawn)
    assert sorted(drawn) == [
        (0, "Enrolled", "2026-01-02", "2026-02-20", False, False),
        (1, "Case manager", "2026-01-05", "2026-01-20", False, False),
        (2, "Case manager", "2026-01-20", "2026-01-20", True, False),
        (3, "Case manager", "2026-01-22", "2026-02-20", False, False),
        (3, "Kept after exit", "2026-02-20", end, False, True),
        (4, "Cover", "2026-02-02", "2026-02-10", False, False),
        (5, "Other role", "2026-02-12", "2026-02-20", False, False),
        (6, "Nobody responsible", "2026-01-02", "2026-01-05", False, False),
        (6, "Nobody responsible", "2026-01-20", "2026-01-22", False, False),
        (7, "Enrolled", "2026-02-25", end, False, True),
        (8, "Case manager", "2026-03-10", end, False, True),
        (9, "Nobody responsible", "2026-02-25", "2026-03-03", False, False),
    ]
    (labels,) = {of_axis["labelExpr"] for of_axis in _found(spec(chart), "axis") if of_axis and "labelExpr" in of_axis}
    assert json.loads(labels.removesuffix("[datum.value]")) == [
        "Haven Shelter", "kim", "lee", "sam", "lee, Cover", "kim, Primary", "nobody", "Haven Homes", "kim", "nobody",
    ]  # fmt: skip


def test_days_are_half_open_and_those_of_the_data(busy: World) -> None:
    """SPEC 3.1: a bar ends on the day of its end, whatever zone the machine is in; today ends with its line."""
    chart = charts.timeline(busy.system.client_record("c1"))
    scales = [scale for scale in _found(spec(chart), "scale") if scale and "type" in scale]
    assert {scale["type"] for scale in scales} == {"utc"}
    assert rows(chart, "says", "from") == [("2 Mar 2026", "2026-03-03")]
    assert ("from 5 Jan 2026, ends on 20 Jan 2026",) in rows(chart, "days")
    assert ("Same day, 20 Jan 2026",) in rows(chart, "days")
    assert ("from 10 Mar 2026",) in rows(chart, "days")


def test_what_is_in_a_picture_is_in_its_legend_and_nothing_else(busy: World) -> None:
    """House: a legend names the colours that are there."""
    chart = charts.timeline(busy.system.client_record("c1"))
    domains = [scale["domain"] for scale in _found(spec(chart), "scale") if scale and "range" in scale]
    assert domains[0] == [
        "Enrolled", "Case manager", "Other role", "Cover", "Kept after exit", "Nobody responsible",
    ]  # fmt: skip
    plain = World()
    plain.kim.assign(plain.stay("c1"), start="2026-01-10")
    chart = charts.timeline(plain.system.client_record("c1"))
    domains = [scale["domain"] for scale in _found(spec(chart), "scale") if scale and "range" in scale]
    assert domains[0] == ["Enrolled", "Case manager"]


def test_a_household_is_the_records_of_its_members(busy: World) -> None:
    """SPEC 7.11: with several records each band says whose it is, and a title names three clients at most."""
    busy.family(3, entry="02-27", case_manager="kim")
    records = [busy.system.client_record(f"c{number}") for number in (1, 2, 3)]
    chart = charts.timeline(*records)
    assert spec(chart)["title"]["text"] == "Timeline of c1, c2, c3"
    assert "c2: Haven Shelter" in svg(chart)
    assert spec(charts.timeline(*records, records[0]))["title"]["text"] == "Timeline of 4 clients"


def test_a_timeline_of_nothing_says_so() -> None:
    """House: a client who was never enrolled is a picture with a sentence; no record at all is refused."""
    chart = charts.timeline(World().system.client_record("c1"))
    assert rows(chart, "says") == [("No enrollments.",)]
    with pytest.raises(InvalidRecordError, match="are none: give the client record"):
        charts.timeline()


@pytest.mark.parametrize("end", ["9999-12-31", "2031-01-01"])
def test_what_ends_far_ahead_is_drawn_as_what_goes_on(end: str) -> None:
    """SPEC 3.1: any day can be an end; a picture looks three years ahead, so that the others are still to be seen."""
    world = World()
    stay = world.stay("c1", "01-02")
    world.kim.assign(stay, start="2026-01-05", end=end)
    world.system.edit_enrollment(stay, exit_date=end)
    chart = charts.timeline(world.system.client_record("c1"))
    drawn = rows(chart, "what", "from", "until", "open", "days")
    assert (
        "Case manager",
        "2026-01-05",
        "2026-03-04",
        True,
        f"from 5 Jan 2026, ends on {words.day(as_day(end, 'end'))}",
    ) in drawn


@pytest.mark.parametrize("as_of", ["0001-01-01", "2026-03-02", "9999-12-31"])
def test_the_calendar_has_two_ends(as_of: str) -> None:
    """SPEC 3.1: whatever day it is, and whatever days there are, a picture comes of it."""
    world = World()
    stay = world.system.enroll("c1", "es", on="0001-01-01", case_manager=None).enrollment
    world.system.assign(stay, "kim", start="0001-01-01", end="9999-12-31")
    assert rows(charts.timeline(world.system.client_record("c1", as_of)), "what", "from")
    assert rows(charts.caseload(world.system.cases_during("kim", "0001-01-01", "9999-12-31")), "what", "number", "low")


def test_a_stay_that_exits_before_its_entry_is_drawn_all_the_same() -> None:
    """SPEC 5: dirty data can be shown; where nobody can have stayed there is a day, and no gap."""
    world = World()
    stay = world.stay("c1")
    world.put_raw(attrs.evolve(stay, exit_date=day("01-05")))
    chart = charts.timeline(world.system.client_record("c1"))
    assert rows(chart, "what", "from", "until", "same_day") == [("Enrolled", "2026-01-10", "2026-01-10", True)]


def test_a_stint_that_is_kept_is_kept_from_the_exit_on() -> None:
    """SPEC 6.8: what runs past an exit is marked from the exit on, and what is handed over after it altogether."""
    world = World()
    stay = world.stay("c1")
    kept = world.kim.assign(stay, start="2026-01-12").assignment
    world.kim.exit(stay, on="2026-02-01", end_assignments=False)
    world.kim.hand_over(kept, "lee", on="2026-02-10")
    drawn = rows(charts.timeline(world.system.client_record("c1")), "what", "from", "until")
    assert drawn[:3] == [
        ("Enrolled", "2026-01-10", "2026-02-01"),
        ("Case manager", "2026-01-12", "2026-02-01"),
        ("Kept after exit", "2026-02-01", "2026-02-10"),
    ]
    assert drawn[3][:2] == ("Kept after exit", "2026-02-10")
    assert drawn[4:] == [("Nobody responsible", "2026-01-10", "2026-01-12")]


DAYS = st.integers(0, 20).map(lambda number: TODAY + timedelta(days=number))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """A period of some days, or without end."""
    start, length = draw(DAYS), draw(st.none() | st.integers(0, 9))
    return Period(start, None if length is None else start + timedelta(days=length))


@given(periods(), st.lists(periods(), max_size=5), DAYS)
def test_a_gap_is_every_day_of_a_stay_up_to_now_that_is_in_no_stint(
    stay: Period, held: list[Period], as_of: date
) -> None:
    """SPEC 3.2: the days that are drawn as nobody's are those, day by day, and gaps do not touch each other."""
    gaps = list(_gaps(stay, sorted(held, key=lambda each: each.start), as_of))
    every = [TODAY + timedelta(days=number) for number in range(60)]
    bare = [each for each in every if each in stay and each <= as_of and not any(each in of_one for of_one in held)]
    assert [each for each in every if any(each in gap for gap in gaps)] == bare
    assert all(not gap.is_empty for gap in gaps)
    assert all(first.end is not None and first.end < second.start for first, second in pairwise(gaps))


# One user


@pytest.fixture
def handed() -> World:
    """A world in which lee got cases of kim's, gave one back, covered some and ended one."""
    world = World()
    for number in (1, 2, 3):
        world.kim.assign(world.stay(f"c{number}"), start="2026-01-12")
    world.kim.assign(world.stay("c4", "01-20"), "lee", start="2026-01-20", end="2026-02-16")
    world.system.apply(world.system.plan_reassignment("kim", "lee", on="2026-02-02", clients=["c1", "c2"]))
    back = next(case.assignment for case in world.lee.active_cases() if case.client.personal_id == "c1")
    assert back is not None
    world.lee.hand_over(back, "kim", on="2026-02-16")
    world.system.cover("kim", "lee", "2026-02-20", "2026-02-25")
    world.kim.assign(world.stay("c5", "02-20"), "lee", start="2026-02-20", end="2026-02-20")
    return world


def test_a_caseload_is_what_is_held_at_the_close_of_each_day(handed: World) -> None:
    """SPEC 3.2: the height of the picture on a day is the number of active cases as of it, cover on top."""
    start, end = date(2026, 1, 15), date(2026, 3, 2)
    chart = charts.caseload(handed.system.cases_during("lee", start, end))
    levels = {(what, at): number for at, what, number in rows(chart, "day", "what", "number")}
    for what in ("Own cases", "Cover"):
        held = 0
        for number in range((end - start).days):
            as_of = start + timedelta(days=number)
            held = levels.get((what, as_of.isoformat()), held)
            roles = [case.assignment.role for case in handed.system.active_cases("lee", as_of) if case.assignment]
            assert held == sum((role == "Cover") is (what == "Cover") for role in roles), (what, as_of)
        assert levels[what, end.isoformat()] == held


def test_what_was_handed_over_is_told_from_what_is_new_or_ended(handed: World) -> None:
    """SPEC 6.11, 6.16: the history says which cases came from others and went to others; without it nobody knows."""
    cases = handed.system.cases_during("lee", "2026-01-01", "2026-03-02")
    fields = ("from", "until", "what", "low", "high")
    assert rows(charts.caseload(cases, handed.system.history(user="lee")), *fields) == [
        ("2026-01-20", "2026-01-21", "New", 0, 1),
        ("2026-02-02", "2026-02-03", "Taken over", 0, 2),
        ("2026-02-16", "2026-02-17", "Ended", 0, -1),
        ("2026-02-16", "2026-02-17", "Handed over", -1, -2),
        ("2026-02-20", "2026-02-21", "New", 0, 1),
        ("2026-02-20", "2026-02-21", "Ended", 0, -1),
    ]
    counted: Counter[str] = Counter()
    for what, number, _ in rows(charts.caseload(cases), "what", "number", "low"):
        counted[what] += number
    assert counted == {"Came": 4, "Went": 3}
    with pytest.raises(InvalidRecordError, match="history is not that of the user"):
        charts.caseload(cases, handed.system.history(user="kim"))


def test_a_hand_over_that_was_undone_is_none() -> None:
    """SPEC 6.12: after an undo the picture is as before."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    days = ("2026-02-01", "2026-03-10")
    before = spec(charts.caseload(world.system.cases_during("kim", *days), world.system.history(user="kim")))
    world.system.undo(world.system.reassign("kim", "lee", on="2026-02-16").batch_id or "")
    after = spec(charts.caseload(world.system.cases_during("kim", *days), world.system.history(user="kim")))
    assert after == before
    assert "0 ended" not in after["description"]
    assert after["description"].endswith("1 assignment; nothing came or went.")


def test_an_end_is_a_hand_over_only_as_long_as_it_stands() -> None:
    """SPEC 6.12, 6.16: what ended by itself on the day of a hand-over that was undone is not told as handed over."""
    world = World()
    stint = world.kim.assign(world.stay("c1"), start="2026-01-12").assignment

    def came_and_went() -> list[tuple[Any, ...]]:
        cases = world.system.cases_during("kim", "2026-02-01", "2026-03-10")
        return rows(charts.caseload(cases, world.system.history(user="kim")), "from", "what", "low")

    moved = world.system.reassign("kim", "lee", on="2026-02-16").batch_id or ""
    undone = world.system.undo(moved).batch_id or ""
    world.system.undo(undone)
    assert came_and_went() == [("2026-02-16", "Handed over", 0)]
    world.system.undo(world.system.history(user="kim")[-1].batch_id)
    assert came_and_went() == []
    world.system.end(stint, on="2026-02-16")
    assert came_and_went() == [("2026-02-16", "Ended", 0)]


@pytest.mark.parametrize(
    ("end", "unit", "first", "until"),
    [
        ("2026-03-01", "day", "2026-01-21", "2026-01-22"),
        ("2026-06-01", "week", "2026-01-19", "2026-01-26"),
        ("2027-06-01", "month", "2026-01-01", "2026-02-01"),
    ],
)
def test_long_times_are_counted_by_week_and_by_month(end: str, unit: str, first: str, until: str) -> None:
    """House: a bar stands for the days, weeks or months that fit into the picture, and stays within its days."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-21")
    chart = charts.caseload(world.system.cases_during("kim", "2026-01-01", end))
    assert rows(chart, "from", "until", "what", "number", "low") == [(first, until, "Came", 1, 0)]
    assert f"Came and went by {unit}" in svg(chart)
    chart = charts.caseload(world.system.cases_during("kim", "2026-01-20", end))
    assert rows(chart, "from", "low") == [(max(first, "2026-01-20"), 0)]


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.sampled_from(["day", "week", "month"]))
def test_every_day_is_in_one_day_week_and_month(of: date, unit: Any) -> None:
    """SPEC 3.1: days, weeks and months are half-open, and follow each other."""
    first = _first_of(unit, of)
    following = _next(unit, first)
    assert first <= of < following
    assert _first_of(unit, following) == following


def test_a_caseload_wants_the_whole_list_of_a_user_and_a_period(handed: World) -> None:
    """House: what cannot be drawn is refused with what to ask for; nothing held is a picture that says so."""
    wrong = (
        handed.system.active_cases("lee"),
        handed.system.case_managers("c1"),
        handed.system.unassigned(),
        handed.system.cases_during("lee", "2026-01-01", "2026-03-01", limit=1),
    )
    for cases in wrong:
        with pytest.raises(InvalidRecordError, match="are no whole list of cases_during"):
            charts.caseload(cases)
    nothing = charts.caseload(handed.system.cases_during("bo", "2026-01-01", "2026-03-01"))
    assert rows(nothing, "says") == [("No cases.",)]


# A team


def test_a_team_is_sorted_by_what_it_holds(handed: World) -> None:
    """SPEC 7.6: most cases first, cover apart, and each row says its numbers."""
    handed.system.deactivate("sam", on="2026-02-10")
    chart = charts.caseloads(handed.system.caseloads("2026-02-20"), limit=2)
    assert rows(chart, "user", "total", "says") == [
        ("kim", 2, "2"), ("lee", 3, "1 + 2"), ("bo", 0, "0"), ("super", 0, "0"),
    ]  # fmt: skip
    assert sorted(rows(chart, "user", "what", "count")) == [
        ("kim", "Own cases", 2), ("lee", "Cover", 2), ("lee", "Own cases", 1),
    ]  # fmt: skip
    assert rows(chart, "limit", "says") == [(2, "Limit of own cases: 2")]
    orders = {json.dumps(y["sort"]) for y in _found(spec(chart), "y") if "sort" in y}
    assert orders == {'["kim", "lee", "bo", "super"]'}


def test_who_has_left_is_marked() -> None:
    """SPEC 5, held-by-departed: a bar of somebody who is gone says so, from the first day gone on."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    world.system.deactivate("kim", on="2026-02-10")
    assert ("kim, has left", 1) in rows(charts.caseloads(world.system.caseloads("2026-02-10")), "user", "total")
    assert ("kim", 1) in rows(charts.caseloads(world.system.caseloads("2026-02-09")), "user", "total")


def test_caseloads_of_a_period_say_its_days() -> None:
    """SPEC 7.12: from a day, until a day."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    made = spec(charts.caseloads(world.system.caseloads_during("2026-01-01", "2026-02-01")))
    assert made["title"]["subtitle"] == "from 1 Jan 2026 until 1 Feb 2026"
    none = charts.caseloads(attrs.evolve(world.system.caseloads(), rows=()))
    assert rows(none, "says") == [("Nobody holds a case, and nobody could take one.",)]


def test_months_are_columns_in_their_order(handed: World) -> None:
    """SPEC 7.6: one column for each day, the earliest first, and one row for each user, those who are gone included."""
    days = ["2026-02-28", "2026-01-15", "2026-02-15"]
    chart = charts.caseloads_over_time([handed.system.caseloads(each) for each in days])
    assert [number for row, _, number in rows(chart, "row", "column", "number") if row == "lee"] == [0, 3, 1]
    domains = [scale["domain"] for scale in _found(spec(chart), "scale") if scale and "scheme" not in scale]
    assert domains[:2] == [["15 Jan 2026", "15 Feb 2026", "28 Feb 2026"], ["bo", "gone", "kim", "lee", "sam", "super"]]


def test_a_team_of_which_nobody_holds_a_case_is_drawn(tmp_path: Path) -> None:
    """SPEC 7.6: those who could take a case are in the picture, whether anybody holds one or not."""
    charts.caseloads(World().system.caseloads(), limit=None).save(tmp_path / "caseloads.png")
    assert (tmp_path / "caseloads.png").stat().st_size > 1_000


@given(st.integers(0, 10**7), st.integers(-(10**7), 0))
@example(most=200_002, least=-999_999)
def test_an_axis_says_whole_round_numbers(most: int, least: int) -> None:
    """House: each number on an axis is whole and stands once; there are a few, nought and another one."""
    said = look.ticks(most, least)
    assert 0 in said
    assert len(set(said)) == len(said) <= 8
    assert min(said) >= least
    assert max(said) <= most
    assert len(said) > 1 or most == least == 0


def test_what_may_not_be_seen_and_what_was_asked_stand_below_the_title(handed: World) -> None:
    """SPEC 7.1, 7.8, 8.2: a picture of a part says that it is one: of which projects, as known when, without what."""
    system, now = handed.system, datetime.now(UTC)
    system.add(
        User(user_id="ann", organization_ids={"other"}, permissions={"audit.run", "caseload.view", "client.view"})
    )
    ann = Casework(handed.store, user="ann", clock=lambda: TODAY)
    span = ("2026-01-01", "2026-03-02")
    part: Any = {"projects": ["es"], "known_at": now}
    asked = f"in project es, as known at {words.known_at(now).removeprefix('as known at ')}"

    def below(chart: Any) -> str:
        return str(spec(chart)["title"]["subtitle"])

    assert below(charts.caseload(system.cases_during("lee", *span, **part))).endswith(f"until 2 Mar 2026, {asked}")
    assert below(charts.caseloads(system.caseloads(**part))) == f"as of 2 Mar 2026, {asked}"
    assert f"as of 2 Mar 2026, {asked}: " in below(charts.findings(system.audit(**part)))
    assert below(charts.caseloads_over_time([system.caseloads(**part)])).endswith(asked)
    assert below(charts.timeline(system.client_record("c1", known_at=now))).endswith("UTC")
    assert below(charts.caseload(ann.cases_during("lee", *span))).endswith("; 6 cases withheld")
    assert rows(charts.caseload(ann.cases_during("lee", *span)), "says") == [("No cases that may be seen.",)]
    assert below(charts.caseloads(ann.caseloads())).endswith("cases withheld")
    assert below(charts.timeline(ann.client_record("c1"))).endswith("; 1 enrollment withheld")
    assert rows(charts.timeline(ann.client_record("c1")), "says") == [("No enrollments that may be seen.",)]
    assert "enrollments withheld" in below(charts.findings(ann.audit()))
    assert rows(charts.findings(ann.audit()), "says") == [("Nothing found in what may be seen.",)]
    of_months = {str(day): ann.audit(day) for day in span}
    assert below(charts.findings(of_months)).count("withheld") == 1


def test_a_grid_of_days_wants_each_day_once(handed: World) -> None:
    """House: a day that is given twice, or a period, is refused; nobody at all is a picture that says so."""
    loads = handed.system.caseloads()
    for wrong in ([loads, loads], [handed.system.caseloads_during("2026-01-01", "2026-02-01")]):
        with pytest.raises(InvalidRecordError, match="is not one list of caseloads for each of several days"):
            charts.caseloads_over_time(wrong)
    assert rows(charts.caseloads_over_time([]), "says") != []


# Findings


def test_findings_are_counted_required_ones_first() -> None:
    """SPEC 7.9: a bar for each code, what must hold before what is worth a look, most first."""
    world = World()
    stays = [world.stay(f"c{number}") for number in (1, 2, 3, 4)]
    stint = world.kim.assign(stays[0], start="2026-01-12").assignment
    world.put_raw(attrs.evolve(stint, start_date=day("01-02")))
    assert rows(charts.findings(world.system.audit()), "what", "code", "number") == [
        ("Required", "starts-before-entry", 1),
        ("Advisory", "unassigned", 3),
    ]


def test_places_are_rows_and_codes_are_columns() -> None:
    """SPEC 7.9: with an audit for each place the picture says where findings are; a place without any is there too."""
    world = World()
    for number in (1, 2):
        world.stay(f"c{number}")
    world.stay("c3", project="rrh")
    audits = {project: world.system.audit(projects=[project]) for project in ("es", "rrh", "th")}
    chart = charts.findings(audits)
    assert rows(chart, "row", "column", "number") == [("es", "unassigned", 2), ("rrh", "unassigned", 1)]
    domains = [scale["domain"] for scale in _found(spec(chart), "scale") if scale and "scheme" not in scale]
    assert domains[:2] == [["unassigned"], ["es", "rrh", "th"]]
    assert spec(chart)["title"]["subtitle"] == "as of 2 Mar 2026: 0 required findings, 3 advisory findings"


def test_months_beside_each_other_and_audits_of_tables_are_drawn_too() -> None:
    """SPEC 5.3: audits as of several days, and of tables that lie elsewhere, are audits like any other."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        days = {"January": "2026-01-31", "March": "2026-03-02"}
        chart = charts.findings({name: audit_tables(connection, as_of=each) for name, each in days.items()})
        alone = charts.findings(audit_tables(connection, as_of="2026-03-02"))
    assert spec(chart)["title"]["subtitle"].startswith("as of 31 Jan 2026, 2 Mar 2026: ")
    assert ("March", "overlaps-own (required)", 1) in rows(chart, "row", "column", "number")
    assert ("Required", "overlaps-own", 1) in rows(alone, "what", "code", "number")


def test_no_findings_are_a_picture_that_says_so() -> None:
    """House: that all is well is worth a picture; no audit is refused."""
    assert rows(charts.findings(World().system.audit()), "says") == [("Nothing found: all is as it should be.",)]
    with pytest.raises(InvalidRecordError, match="is no audit, and has none"):
        charts.findings({})


# All of them


def picture(kind: str, world: World, *, names: bool = False) -> Any:
    """Return a picture of a kind."""
    system, period, ends = world.system, ("2026-01-01", "2026-03-01"), ("2026-01-31", "2026-02-28")
    of_kind: dict[str, Callable[[], Any]] = {
        "timeline": lambda: charts.timeline(*map(system.client_record, ("c1", "c2")), names=names),
        "caseload": lambda: charts.caseload(
            system.cases_during("kim", *period), system.history(user="kim"), names=names
        ),
        "caseloads": lambda: charts.caseloads(system.caseloads(), limit=2, names=names),
        "caseloads_over_time": lambda: charts.caseloads_over_time(map(system.caseloads, ends), names=names),
        "nothing": lambda: charts.timeline(system.client_record("c5"), names=names),
        "findings": lambda: charts.findings(system.audit()),
        "places": lambda: charts.findings({HOSTILE: system.audit(), "elsewhere": system.audit("2026-02-01")}),
    }
    return of_kind[kind]()


OF_PEOPLE = ("timeline", "caseload", "caseloads", "caseloads_over_time", "nothing")
KINDS = (*OF_PEOPLE, "findings", "places")


def test_every_kind_of_picture_is_looked_at() -> None:
    """House: what is said of all pictures is said of each function."""
    assert {*charts.__all__} <= {*KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_shown_only_if_they_are_asked_for(kind: str, busy: World) -> None:
    """SPEC 8.4: a picture is passed on, and shows ids; names, if the caller says so."""
    names = ("Kim Example", "Marigold", "Ada", "Sample")
    assert not any(name in json.dumps(spec(picture(kind, busy))) for name in names)
    if kind in OF_PEOPLE:
        assert any(name in json.dumps(spec(picture(kind, busy, names=True))) for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_data_says_gets_out_of_the_script_of_a_page(kind: str, busy: World) -> None:
    """SPEC 8.4: a notebook gets a picture as a page with a script, and no name in it ends that script."""
    user = User(user_id="kim", first_name=HOSTILE, last_name="\u202e\x1b", organization_ids=frozenset({"haven"}))
    busy.system.add(*(Client(personal_id=f"c{number}", first_name=HOSTILE) for number in range(1, 6)), user)
    busy.system.add(Project(project_id="es", organization_id="haven", project_name=HOSTILE))
    made = json.dumps(spec(picture(kind, busy, names=True)), ensure_ascii=False)
    assert "<script" not in made
    assert "</script" not in made
    assert "\u202e" not in made
    assert "\\u001b" not in made


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_made_offline_and_says_what_it_is(kind: str, busy: World, tmp_path: Path) -> None:
    """House: `.save` needs no network, for nothing points elsewhere; and there is a sentence for who cannot see it."""
    chart = picture(kind, busy)
    made = spec(chart)
    assert not list(_found(made, "url"))
    assert made["title"]["text"]
    assert made["description"].endswith(".")
    assert made["config"]["background"] == "white"
    chart.save(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert svg(chart).startswith("<svg")


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_those_that_can_be_told_apart(kind: str, busy: World) -> None:
    """House: the colours of what is told apart are those of Okabe and Ito, each once in a picture, or a grey."""
    okabe_ito = {"#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"}
    for scale in _found(spec(picture(kind, busy)), "scale"):
        of_one = (scale or {}).get("range", [])
        assert {*of_one} <= okabe_ito | {look.GREY}
        assert len({*of_one}) == len(of_one)


@pytest.mark.parametrize("kind", OF_PEOPLE[:-1])
def test_labels_are_not_cut_off(kind: str, busy: World) -> None:
    """House: however long a name is, it is in the picture to its last letter."""
    name = "Maximiliana-Theodora Alexandrina von Hohenstein-Wolkenstein und zu Ober-Ammerschwyhr"
    busy.system.add(User(user_id="kim", last_name=name, organization_ids=frozenset({"haven"})))
    drawn = svg(picture(kind, busy, names=True))
    assert f"{name} (kim)" in drawn
    assert "…" not in drawn


def test_who_lacks_the_extra_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """House: the pictures name their extra."""
    for name in [name for name in sys.modules if name.startswith("caseassign.charts")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(
        ImportError, match=r"caseassign.charts needs altair: python -m pip install 'caseassign\[charts\]'"
    ):
        __import__("caseassign.charts")
