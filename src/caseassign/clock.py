"""The two clocks that are handed to the library: which day it is, and which moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeAlias

from dateutil import tz

from caseassign.errors import InvalidRecordError

Clock: TypeAlias = Callable[[], date]
"""Says which day it is."""

Now: TypeAlias = Callable[[], datetime]
"""Says which moment it is, with a time zone."""


def today_in(time_zone: str) -> Clock:
    """Return a clock for the day that it is in a named time zone, such as ``"America/Chicago"``."""
    zone = tz.gettz(time_zone)
    if zone is None or not time_zone:
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
