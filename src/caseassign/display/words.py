"""Days, people and numbers in the words of a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from caseassign.cases import Selection
from caseassign.errors import Violation
from caseassign.model import CaseAssignment, Client, RelationshipToHoH, User

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_NAMED: Final = 5
"""How many ids of a kind are named at most."""


def day(of: date) -> str:
    """Return a day like ``2 Mar 2026``, whatever the language of the machine."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def moment(of: datetime) -> str:
    """Return a moment like ``2 Mar 2026 14:05 UTC``."""
    of = of.astimezone(UTC)
    return f"{day(of)} {of:%H:%M} UTC"


def known_at(of: datetime) -> str:
    """Return what the answer to a question says that was asked as known at a moment, to the second if it has any."""
    of = of.astimezone(UTC)
    is_whole_minute = (of.second, of.microsecond) == (59, 999_999)
    return f"as known at {moment(of) if is_whole_minute else f'{day(of)} {of:%H:%M:%S} UTC'}"


def narrowed_to(of: Selection, at: datetime | None) -> str:
    """Return what alone an answer holds for, like ``in project P1, as known at 2 Mar 2026 14:05 UTC``; or nothing."""
    of_kinds = (("in project", of.projects), ("in organization", of.organizations), ("in role", of.roles))
    said = [_among(what, sorted(ids)) for what, ids in of_kinds if ids is not None]
    return ", ".join([*said, *([] if at is None else [known_at(at)])])


def _among(what: str, ids: Sequence[str]) -> str:
    if not ids:
        return f"{what.replace('in ', 'in no ')}"
    more = [f"{len(ids) - _NAMED:,} more"] if len(ids) > _NAMED else []
    return f"{what}{'' if len(ids) == 1 else 's'} {' and '.join([', '.join(ids[:_NAMED]), *more])}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, like ``1 case`` or ``1,200 cases``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def withheld(number: int) -> str:
    """Return how many rows may not be seen, to follow a sentence; nothing where none is."""
    return f" {counted(number, 'row')} withheld." if number else ""


def person(of: Client | User) -> str:
    """Return a person like ``Kim Example (U1)``, or the id where no name is known, or may be shown."""
    name = " ".join(part for part in (of.first_name, of.last_name) if part)
    return f"{name} ({of.key})" if name else of.key


def relationship(code: RelationshipToHoH | None) -> str:
    """Return what a member is to the head of household."""
    if code is None:
        return "relationship unknown"
    if code is RelationshipToHoH.DATA_NOT_COLLECTED:
        return "relationship data not collected"
    return "head" if code is RelationshipToHoH.SELF else code.name.lower().replace("_", " ")


def stint(of: CaseAssignment, today: date | None = None) -> str:
    """Return who holds what on which days, like ``U1 on enrollment E1 from 2 Mar 2026, ends on 5 May 2026``.

    As of ``today``, if it is given, what is over has "ended".
    """
    if of.period.is_empty:
        days = f", Same day, {day(of.start_date)}"
    elif of.end_date is None:
        days = f" from {day(of.start_date)}"
    else:
        ends = "ended" if today is not None and of.period.has_ended(today) else "ends"
        days = f" from {day(of.start_date)}, {ends} on {day(of.end_date)}"
    return f"{of.user_id} on enrollment {of.enrollment_id}{days}, as {of.role}"


def refusal(violations: Iterable[Violation]) -> str:
    """Return why an act was refused, each reason once, with its code."""
    return "; ".join(dict.fromkeys(f"{violation.message} ({violation.code})" for violation in violations))
