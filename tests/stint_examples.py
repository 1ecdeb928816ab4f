"""Any stints on a few enrollments, and who holds what on which day, counted without the library."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from world import World, day

from caseassign import CaseAssignment, Enrollment

DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 12))
HOLDERS: Final = ("kim", "lee", "gone")


def _stay(key: str, client: str, project: str, household: str | None, *, deleted: bool = False) -> Enrollment:
    return Enrollment(
        enrollment_id=key,
        personal_id=client,
        project_id=project,
        household_id=household,
        entry_date=day("01-01"),
        deleted=deleted,
    )


STAYS: Final = {
    stay.key: stay
    for stay in (
        _stay("e0", "c1", "es", "h"),
        _stay("e1", "c2", "es", "h"),
        _stay("e2", "c1", "rrh", "h"),
        _stay("e3", "c3", "th", None),
        _stay("e4", "c4", "es", None, deleted=True),
    )
}


@st.composite
def stints(draw: Any) -> list[CaseAssignment]:
    """Stints of a few users on the enrollments: on any days, some of them cover, some void."""
    drawn = []
    for number in range(draw(st.integers(0, 8))):
        one, other = draw(DAYS), draw(st.none() | DAYS)
        drawn.append(
            CaseAssignment(
                assignment_id=f"a{number}",
                enrollment_id=draw(st.sampled_from(list(STAYS))),
                user_id=draw(st.sampled_from(HOLDERS)),
                start_date=one if other is None else min(one, other),
                end_date=None if other is None else max(one, other),
                role=draw(st.sampled_from(["Case Manager", "Navigator", "Cover"])),
                voided=draw(st.integers(0, 4)) == 0,
            )
        )
    return drawn


def agency_with(drawn: list[CaseAssignment]) -> World:
    """Return the agency with the enrollments and these stints."""
    world = World()
    world.put_raw(*STAYS.values(), *drawn)
    return world


def counts(stint: CaseAssignment) -> bool:
    """Whether a stint is neither void nor on a deleted enrollment."""
    return not stint.voided and not STAYS[stint.enrollment_id].deleted


def held_on(stint: CaseAssignment, on: date) -> bool:
    """Whether a stint is active as of a day, to the letter of SPEC 4.1."""
    return stint.start_date <= on and (stint.end_date is None or on < stint.end_date)


def held_during(stint: CaseAssignment, start: date, end: date) -> bool:
    """Whether a stint is active as of a day of a period, or is a same-day stint that starts inside."""
    days = [start + timedelta(days=number) for number in range((end - start).days)]
    is_same_day = stint.start_date == stint.end_date
    return any(stint.start_date == on if is_same_day else held_on(stint, on) for on in days)
