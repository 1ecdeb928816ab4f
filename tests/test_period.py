"""Days, half-open."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caseassign import InvalidRecordError, Period
from caseassign.period import as_day

DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 9))
WINDOW = [date(2025, 12, 30) + timedelta(days=n) for n in range(15)]


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Short periods close together, so that every way of lying to one another comes up."""
    start = draw(DAYS)
    return Period(start, draw(st.none() | st.dates(start, date(2026, 1, 10))))


def days_of(period: Period) -> set[date]:
    """The days of a period, counted one by one, up to the end of the window."""
    return {day for day in WINDOW if day >= period.start and (period.end is None or day < period.end)}


START = date(2026, 1, 1)
EVERY = [
    Period(START + timedelta(days=first), None if days is None else START + timedelta(days=first + days))
    for first in range(3)
    for days in (None, *range(4 - first))
]
"""Every period that starts on one of three days and ends on none, or by the day after them."""


@given(periods())
def test_a_day_is_in_a_period_from_its_start_up_to_but_not_including_its_end(period: Period) -> None:
    """SPEC 3.1: windows are half-open."""
    assert {day for day in WINDOW if day in period} == days_of(period)


@given(periods(), periods())
def test_two_periods_overlap_exactly_if_they_share_a_day(one: Period, other: Period) -> None:
    """SPEC 3.1: leaving and coming back on one day is no overlap, and a same-day stay overlaps nothing."""
    assert one.overlaps(other) == bool(days_of(one) & days_of(other))
    assert one.overlaps(other) == other.overlaps(one)


@given(periods())
def test_a_period_is_empty_exactly_if_it_holds_no_day(period: Period) -> None:
    """SPEC 3.3: start == end is legal and holds no day."""
    assert period.is_empty == (not days_of(period))


@given(periods(), DAYS)
def test_a_period_has_ended_exactly_if_it_holds_no_day_from_then_on_but_for_its_future(
    period: Period, day: date
) -> None:
    """SPEC 3.2: as of a day means at its close."""
    assert period.has_ended(day) == (period.end is not None and period.end <= day)
    assert not (period.has_ended(day) and day in period)


@given(periods(), periods())
def test_what_a_period_contains_has_no_day_outside_it(one: Period, other: Period) -> None:
    """SPEC 3.1: containing is about the days and about where an empty period lies."""
    if one.contains(other):
        assert days_of(other) <= days_of(one)
    elif not other.is_empty:
        assert other.end is None or not days_of(other) <= days_of(one)
    assert one.contains(one)


def test_an_empty_period_lies_within_where_it_starts() -> None:
    """SPEC 3.3: a same-day stint on the exit day lies within the stay, one after it does not."""
    stay = Period(date(2026, 1, 1), date(2026, 1, 5))
    assert stay.contains(Period(date(2026, 1, 5), date(2026, 1, 5)))
    assert not stay.contains(Period(date(2026, 1, 6), date(2026, 1, 6)))
    assert not stay.contains(Period(date(2026, 1, 4)))


@given(periods(), periods())
def test_clipping_leaves_the_days_that_lie_within(one: Period, bounds: Period) -> None:
    """SPEC 6.10: adjusting clips a stint to the stay, and leaves nothing where it lies outside."""
    clipped = one.clipped_to(bounds)
    assert (set() if clipped is None else days_of(clipped)) == days_of(one) & days_of(bounds)
    if clipped is not None:
        assert bounds.contains(clipped)
    if clipped is None and not one.is_empty:
        assert not one.overlaps(bounds)


def test_clipping_keeps_a_stint_that_starts_on_the_exit_day() -> None:
    """SPEC 6.10, 3.3: what starts on the exit day becomes a same-day stint, what ended on the entry day is left out."""
    stay = Period(date(2026, 1, 3), date(2026, 1, 5))
    assert Period(date(2026, 1, 5), date(2026, 1, 9)).clipped_to(stay) == Period(date(2026, 1, 5), date(2026, 1, 5))
    assert Period(date(2026, 1, 1), date(2026, 1, 3)).clipped_to(stay) is None
    assert Period(date(2026, 1, 6)).clipped_to(stay) is None


def test_clipping_leaves_alone_what_lies_within() -> None:
    """SPEC 6.10, 3.3: a stint within the stay stays as it is, a same-day one on either end of it too."""
    for one, bounds in product(EVERY, repeat=2):
        clipped = one.clipped_to(bounds)
        assert clipped == one if bounds.contains(one) else clipped != one


def test_whatever_two_others_take_is_counted_day_by_day() -> None:
    """SPEC 6.11: of each short period, without each two others, exactly the days of neither are left."""
    for period, one, other in product(EVERY, repeat=3):
        left = days_of(period) - days_of(one) - days_of(other)
        assert [days_of(part) for part in period.without([one, other])] == runs(left)


@given(periods(), st.lists(periods(), max_size=5))
def test_what_is_left_without_others_is_counted_day_by_day(period: Period, others: list[Period]) -> None:
    """SPEC 5, 6.11: the days of none of the others, as few runs as possible, in order, none of them empty."""
    parts = list(period.without(others))
    left = days_of(period).difference(*(days_of(other) for other in others))
    assert [days_of(part) for part in parts] == runs(left)
    assert all(part.end is not None for part in parts[:-1])
    assert not any(part.is_empty for part in parts)
    assert list(period.without(iter(others[::-1]))) == parts


def runs(days: set[date]) -> list[set[date]]:
    """The days, each unbroken run of them by itself."""
    found: list[set[date]] = []
    for day in sorted(days):
        if found and day - timedelta(days=1) in found[-1]:
            found[-1].add(day)
        else:
            found.append({day})
    return found


def test_an_open_end_stays_open_unless_another_takes_it() -> None:
    """SPEC 6.11: without an end the last part has none either."""
    day = date(2026, 1, 1)
    assert list(Period(day).without([Period(day, date(2026, 1, 3))])) == [Period(date(2026, 1, 3))]
    assert list(Period(day).without([Period(date(2026, 1, 3))])) == [Period(day, date(2026, 1, 3))]
    assert list(Period(day).without([])) == [Period(day)]


def test_an_end_before_the_start_cannot_be_built() -> None:
    """SPEC 3.3: end < start cannot be built."""
    with pytest.raises(InvalidRecordError, match=r"^Period\.end lies before the start"):
        Period(date(2026, 1, 2), date(2026, 1, 1))


@given(periods())
def test_the_last_day_is_the_day_before_the_end(period: Period) -> None:
    """SPEC 3.6: one named place adds the day for people who think in last days."""
    if period.last_day is not None:
        assert period.last_day == max(days_of(period))
        assert Period.through(period.start, period.last_day) == period
    else:
        assert period.is_empty or period.end is None


@pytest.mark.parametrize(
    "text",
    ["2026-1-5", "2026-02-30", "20260105", "2026-W01-1", "05/01/2026", " 2026-01-05", "2026-01-05T00:00", "", "Jan"],
)
def test_a_day_is_read_from_nothing_but_four_two_two_digits(text: str) -> None:
    """SPEC 3.4: a day is parsed from exactly YYYY-MM-DD, and the error does not repeat what was given."""
    with pytest.raises(InvalidRecordError) as error:
        as_day(text, "start")
    assert (error.value.kind, error.value.field) == ("Day", "start")
    assert not text.strip() or text not in str(error.value)


def test_a_day_is_read_from_its_one_form() -> None:
    """SPEC 3.4: a day is parsed from exactly YYYY-MM-DD."""
    assert as_day("2026-01-05") == as_day(date(2026, 1, 5)) == date(2026, 1, 5)


@pytest.mark.parametrize("value", [datetime(2026, 1, 5), 20260105, None, 1.5])  # noqa: DTZ001  # the datetime is the mistake
def test_what_is_no_day_is_refused_where_a_day_is_meant(value: object) -> None:
    """SPEC 3.4: a datetime is refused where a day is meant."""
    for refuse, named in (
        (lambda: as_day(value), ("Day", "day")),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: as_day(value, "end"), ("Day", "end")),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: value in Period(START), ("Period", "day")),
    ):
        with pytest.raises(InvalidRecordError) as error:
            refuse()
        assert (error.value.kind, error.value.field) == named
        assert error.value.problem.startswith("is ")


def test_a_period_prints_as_people_write_it() -> None:
    """SPEC 3.1: the brackets show which end belongs."""
    assert str(Period(date(2026, 1, 1), date(2026, 1, 2))) == "[2026-01-01, 2026-01-02)"
    assert str(Period(date(2026, 1, 1))) == "[2026-01-01, …)"
