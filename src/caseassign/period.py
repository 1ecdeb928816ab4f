"""Days, and the half-open span of days that everything in this library is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import attrs

from caseassign.errors import InvalidRecordError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def as_day(value: date | str, field: str = "day") -> date:
    """Return the day that ``value`` is: a ``date``, or text of exactly ``YYYY-MM-DD``.

    A ``datetime`` is refused: which day it falls on depends on where one stands.
    """
    if isinstance(value, str):
        if _DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise InvalidRecordError("Day", field, "is no day of the calendar written as YYYY-MM-DD") from None
    if isinstance(value, datetime):
        raise InvalidRecordError("Day", field, "is a datetime; give the day, as a date")
    if isinstance(value, date):
        return value
    raise InvalidRecordError("Day", field, "is no day: give a date, or text like 2026-03-01")


@attrs.frozen
class Period:
    """The days from ``start`` up to, but not including, ``end``; without ``end``, until further notice.

    ``start == end`` is legal and holds no day at all (a same-day stay). ``end < start`` cannot be built.
    Whatever the library asks about days, it asks here.
    """

    start: date = attrs.field(converter=as_day)
    end: date | None = attrs.field(default=None, converter=attrs.converters.optional(as_day))

    def __attrs_post_init__(self) -> None:
        if self.end is not None and self.end < self.start:
            raise InvalidRecordError("Period", "end", "lies before the start")

    @classmethod
    def through(cls, start: date, last_day: date) -> Period:
        """Return the period of which ``last_day`` is the last day: the one place that adds the day."""
        return cls(start, as_day(last_day) + timedelta(days=1))

    @property
    def is_empty(self) -> bool:
        """Whether the period holds no day."""
        return self.start == self.end

    @property
    def last_day(self) -> date | None:
        """The last day in the period, or None where there is none (open-ended, or empty)."""
        return None if self.end is None or self.is_empty else self.end - timedelta(days=1)

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, date) or isinstance(day, datetime):
            raise InvalidRecordError("Period", "day", "is no day: give a date")
        return self.start <= day and not self.has_ended(day)

    def has_ended(self, day: date) -> bool:
        """Whether the period is over at the close of ``day``."""
        return self.end is not None and self.end <= day

    def overlaps(self, other: Period) -> bool:
        """Whether the two share a day. An empty period shares none, and neither do periods that only touch."""
        start = max(self.start, other.start)
        return start in self and start in other

    def contains(self, other: Period) -> bool:
        """Whether ``other`` begins and ends within this period, its ends included."""
        return self.begins_within(other.start) and (
            self.end is None or (other.end is not None and other.end <= self.end)
        )

    def begins_within(self, day: date) -> bool:
        """Whether something that starts on ``day`` starts within this period; its end counts as within."""
        return self.start <= day and (self.end is None or day <= self.end)

    def clipped_to(self, bounds: Period) -> Period | None:
        """Return the part of this period that lies within ``bounds``; None if that leaves nothing of it."""
        if self.start < bounds.start and self.has_ended(bounds.start):
            return None
        if not bounds.begins_within(max(self.start, bounds.start)):
            return None
        ends = [end for end in (self.end, bounds.end) if end is not None]
        return Period(max(self.start, bounds.start), min(ends, default=None))

    def without(self, others: Iterable[Period]) -> Iterator[Period]:
        """Yield the parts of this period that share no day with any of ``others``, in order."""
        rest = self
        for other in sorted(others, key=lambda period: period.start):
            if not other.overlaps(rest):
                continue
            if rest.start < other.start:
                yield Period(rest.start, other.start)
            if other.end is None or rest.has_ended(other.end):
                return
            rest = Period(other.end, self.end)
        if not rest.is_empty:
            yield rest

    def __str__(self) -> str:
        return f"[{self.start}, {self.end or '…'})"
