"""The two clocks that are handed to the library: which day it is, and which moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

from caseassign.errors import InvalidRecordError

Clock: TypeAlias = Callable[[], date]
"""Says which day it is."""

Now: TypeAlias = Callable[[], datetime]
"""Says which moment it is, with a time zone."""


def today_in(time_zone: str) -> Clock:
    """Return a clock for the day that it is in a named time zone, such as ``"America/Chicago"``."""
    zone = _zone(time_zone) if time_zone else None
    if zone is None:
        raise InvalidRecordError("Clock", "time_zone", "is no time zone by name, such as America/Chicago")
    return lambda: datetime.now(zone).date()


def agency_today() -> date:
    """Return the day that it is where the agency works.

    The environment variable ``CASEASSIGN_TIME_ZONE`` names the time zone; without it, it is America/New_York.
    """
    return today_in(os.environ.get("CASEASSIGN_TIME_ZONE") or "America/New_York")()


def utc_now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


def _zone(name: str) -> tzinfo | None:
    """Return the time zone with a name; None where there is none.

    dateutil brings zones along where the machine has none, and reads rules such as ``EST5EDT4,M3.2.0,M11.1.0``. Yet
    importing it takes longer than all the rest of a short command's work, so that what Python knows comes first.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        from dateutil import tz  # noqa: PLC0415  # as said above

    try:
        return tz.gettz(name)
    except (ValueError, OSError):  # a file that holds no time zone
        return None
