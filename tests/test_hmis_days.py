"""Days as real exports write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caseassign.formats.hmis_days import ReadDay, read_day, read_moment

DAY = date(2015, 2, 1)
STANDARD = ["2015-02-01", "2015-02-01 00:00:00", "2015-02-01T11:42:16Z", "2015-02-01 9:05"]
OTHERS = ["2015-2-1", "2015-02-1", "2/1/2015", "02/01/2015", "2-1-2015", "02-01-2015", "01-FEB-2015", "1-feb-2015"]
TIMES = [
    "",
    " 0:00",
    "T00:00",
    " 23:59:59",
    " 23:59:59.1",
    " 23:59:59.1234567",
    " 12:00 AM",
    " 1:02:03 pm",
    " 01:02PM",
    "T08:00:00Z",
    "T23:30:00-11:00",
    " 00:30+14:00",
]


def moment(text: str) -> int:
    """When ``text`` is, as a number."""
    read = read_day(text)
    assert read is not None
    return read.moment


@pytest.mark.parametrize("text", STANDARD)
def test_the_standard_format_with_or_without_a_time_is_the_standard_format(text: str) -> None:
    """SPEC 9.1: YYYY-MM-DD is the format of a day."""
    read = read_day(text)
    assert read is not None
    assert read[:2] == (DAY, True)


@pytest.mark.parametrize("text", OTHERS)
@pytest.mark.parametrize("time", TIMES)
def test_other_formats_are_read_with_the_month_first_and_said_to_be_others(text: str, time: str) -> None:
    """SPEC 9.1: the formats of real exports are read, with or without a time, and no time zone shifts the day."""
    read = read_day(text + time)
    assert read is not None
    assert read[:2] == (DAY, False)


@pytest.mark.parametrize("time", TIMES)
def test_a_time_of_any_shape_leaves_the_day_as_it_is_written(time: str) -> None:
    """SPEC 9.1: the day is as written, whatever time and time zone stand behind it."""
    read = read_day("2015-02-01" + time)
    assert read is not None
    assert read[:2] == (DAY, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NULL",
        "Feb",
        "42036",
        "20150201",
        "15-02-01",
        "2/1/15",
        "01-FEB-15",
        "13/02/2015",
        "2015-02-30",
        "0000-01-01",
        "2015-13-01",
        "2015/02/01",
        "2-1/2015",
        "01-FEBRUARY-2015",
        "01-XXX-2015",
        "2015-W05-7",
        "\u0662\u0660\u0661\u0665-02-01",
        "2015-02-01 ",
        "2015-02-01 24:00",
        "2015-02-01 10:60",
        "2015-02-01 10",
        "2015-02-01 0:30 AM",
        "2015-02-01 13:00 PM",
        "2015-02-01  10:00",
        "2015-02-01 10:00 EST",
        "2015-02-01 10:00+25:00",
        "2015-02-01\n",
    ],
)
def test_everything_else_is_no_day(text: str) -> None:
    """SPEC 9.2: two-digit years, Excel's numbers, words and days that no calendar has are not guessed at."""
    assert read_day(text) is None


@given(st.dates())
def test_every_day_comes_back_from_the_standard_format(day: date) -> None:
    """SPEC 9.1: every day of the calendar can be read."""
    read = read_day(day.isoformat())
    assert read is not None
    assert read[:2] == (day, True)


@given(st.dates(date(1000, 1, 1)))
def test_every_day_comes_back_from_the_american_format(day: date) -> None:
    """SPEC 9.1: the month comes first where a format has both orders."""
    read = read_day(f"{day.month}/{day.day}/{day.year}")
    assert read is not None
    assert read[:2] == (day, False)


@given(st.text(alphabet="0123456789-/: TZAPMFEB+.", max_size=24))
def test_no_text_makes_reading_fail(text: str) -> None:
    """SPEC 9.2: whatever stands in a cell is a day or none."""
    assert isinstance(read_day(text), ReadDay | None)


@pytest.mark.parametrize(
    "texts",
    [
        ["1/2/2014", "2015-02-01", "2015-02-01 00:00:01", "02-01-2015 12:30 AM", "2015-02-01 1:00", "2015-02-01T13:00"],
        ["2015-02-01 10:00:00.1", "2015-02-01 10:00:00.12", "2015-02-01 10:00:00.9", "2015-02-01 10:00:01"],
        ["2015-02-01T10:00:00+05:00", "2015-02-01T06:00:00Z", "2015-02-01T02:30:00-05:30", "2015-02-01 11:00 AM"],
    ],
)
def test_moments_are_in_the_order_of_time(texts: list[str]) -> None:
    """SPEC 9.3: which of two rows is the newer one is decided by time, in whatever format it is written."""
    moments = [moment(text) for text in texts]
    assert moments == sorted(set(moments))


def test_one_moment_written_in_two_ways_is_one_moment() -> None:
    """SPEC 9.3: formats and time zones do not make a row newer."""
    assert moment("2015-02-01 00:00:00") == moment("2/1/2015") == moment("2015-02-01T01:00:00+01:00")
    assert moment("2015-02-01 12:00 PM") == moment("2015-02-01 12:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2015-02-01", "2015-02-01T00:00:00"),
        ("02-07-2023 12:00:00", "2023-02-07T12:00:00"),
        ("2015-02-01T23:30:00.1234567-11:00", "2015-02-02T10:30:00.123456"),
        ("soon", None),
        ("0001-01-01T00:00+01:00", None),
        ("9999-12-31T23:00-02:00", None),
    ],
)
def test_a_moment_is_read_in_utc_where_it_names_a_zone(text: str, moment: str | None) -> None:
    """SPEC 9.3: which of two exports is the older one goes by moments, and none lies outside of the calendar."""
    read = read_moment(text)
    assert (None if read is None else read.isoformat()) == moment
