"""Which day it is, and ids that sort in the order in which they were made."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from caseassign import InvalidRecordError, today_in
from caseassign.clock import agency_today, utc_now
from caseassign.ids import new_id


def test_today_is_the_day_in_a_named_time_zone() -> None:
    """SPEC 3.5: the ends of the earth are on different days."""
    assert today_in("Pacific/Kiritimati")() > today_in("Pacific/Pago_Pago")()


def test_a_time_zone_may_be_a_rule() -> None:
    """SPEC 3.5: what Python's own time zones do not know, dateutil does, such as a rule without a name."""
    assert today_in("XYZ-14")() > today_in("XYZ+12")()


NO_TIME_ZONES = {
    "nothing": "",
    "nowhere": "Nowhere/Land",
    "a folder": "America",
    "no text": "no\0name",
    "too long": "A" * 300,
    "another file": __file__,
}


@pytest.mark.parametrize("name", NO_TIME_ZONES.values(), ids=list(NO_TIME_ZONES))
def test_a_time_zone_that_does_not_exist_is_refused(name: str) -> None:
    """SPEC 3.5: a clear error, and not the day of somewhere else, for a folder or another file too."""
    with pytest.raises(InvalidRecordError, match="time zone"):
        today_in(name)


def test_the_agency_names_its_time_zone_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 3.5: CASEASSIGN_TIME_ZONE, and America/New_York without it."""
    monkeypatch.setenv("CASEASSIGN_TIME_ZONE", "Pacific/Kiritimati")
    assert agency_today() == today_in("Pacific/Kiritimati")()
    monkeypatch.delenv("CASEASSIGN_TIME_ZONE")
    assert agency_today() == today_in("America/New_York")()


def test_the_moment_is_in_utc() -> None:
    """SPEC 3.5: the second clock says the moment, by default in UTC."""
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert utc_now().tzinfo is UTC


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    """API: ids that the library makes are UUIDv7, none twice, none going back."""
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(key).version for key in ids[:100]} == {7}
    moment = datetime.fromtimestamp((uuid.UUID(ids[0]).int >> 80) / 1000, UTC)
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)
