"""Days and moments as real HMIS exports write them.

``YYYY-MM-DD``, with or without a time, is the format of the standard. One-digit months and days, ``M/D/YYYY``,
``M-D-YYYY`` (the month first: HUD is a US standard) and ``DD-MON-YYYY`` are read too, and the caller is told.
Everything else, two-digit years included, is no day.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

_TIME: Final = (
    r"(?:[T ](?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>(?i:[AP]M)))?"
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?"
)
_STANDARD: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})" + _TIME)
_FORMATS: Final = (
    _STANDARD,
    re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})" + _TIME),
    re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})" + _TIME),
    re.compile(r"(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})-(?P<year>[0-9]{4})" + _TIME),
    re.compile(r"(?P<day>[0-9]{1,2})-(?P<month>[A-Za-z]{3})-(?P<year>[0-9]{4})" + _TIME),
)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_HOURS_ON_A_DIAL: Final = range(1, 13)
_SECOND: Final = 10**9
_DAY: Final = 86_400 * _SECOND


class ReadDay(NamedTuple):
    """A day as it was written, with no shift between time zones.

    ``standard`` says whether the format was that of the standard. ``moment`` is greater the later the moment is,
    the time zone taken into account; without a time, it is midnight.
    """

    day: date
    standard: bool
    moment: int


def read_day(text: str) -> ReadDay | None:
    """Return the day, and the moment, that ``text`` names; None where it is no day of the calendar."""
    matches = (pattern.fullmatch(text) for pattern in _FORMATS)
    match = next(filter(None, matches), None)
    if match is None:
        return None
    try:
        day = date(int(match["year"]), _month(match["month"]), int(match["day"]))
        return ReadDay(day, match.re is _STANDARD, day.toordinal() * _DAY + _nanoseconds(match))
    except ValueError:
        return None


def read_moment(text: str) -> datetime | None:
    """Return the moment that ``text`` names, in UTC where it names a zone, to the microsecond; None where it is none.

    None also for a moment outside of the calendar, which only a zone can make of a day in it.
    """
    read = read_day(text)
    if read is None:
        return None
    since_midnight = timedelta(microseconds=(read.moment - read.day.toordinal() * _DAY) // 1000)
    try:
        return datetime.combine(read.day, time()) + since_midnight
    except OverflowError:
        return None


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text.upper()) + 1


def _nanoseconds(match: re.Match[str]) -> int:
    """Return the time of day, in UTC where a zone is given. Raises `ValueError` where no dial shows the hour."""
    hour = int(match["hour"] or 0)
    if match["half"] is not None:
        if hour not in _HOURS_ON_A_DIAL:
            raise ValueError("no dial shows this hour")
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    minutes = hour * 60 + int(match["minute"] or 0) - _offset(match["zone"] or "Z")
    fraction = int((match["fraction"] or "").ljust(9, "0"))
    return (minutes * 60 + int(match["second"] or 0)) * _SECOND + fraction


def _offset(zone: str) -> int:
    """Return the minutes by which a zone is ahead of UTC."""
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:])
    return -minutes if zone[0] == "-" else minutes
