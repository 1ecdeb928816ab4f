"""What the frameworks' peers share, for none of them has it: the rules of an act, a sealed line, a row of a list."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from caseassign.stores.sqlite_schema import journal_mode

JOURNAL: Final = journal_mode(sqlite3.sqlite_version_info)
"""The journal mode of a `SQLiteStore`."""

_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class RefusedError(Exception):
    """Holds the codes of what speaks against an act."""


def refusals(
    user: Any, enrollment: Any, stints: Iterable[Any], start: date, end: date | None, role: str, *, sees: bool
) -> list[str]:
    """Return what speaks against a stint of a user on an enrollment that has these stints."""
    left, codes = enrollment.exit_date, set()
    if start < enrollment.entry_date:
        codes.add("starts-before-entry")
    if left is not None:
        if start > left:
            codes.add("starts-after-exit")
        if end is None:
            codes.add("open-after-exit")
        elif end > left:
            codes.add("ends-after-exit")
    if enrollment.deleted:
        codes.add("enrollment-deleted")
    for stint in stints:
        if not stint.voided and stint.user_id == user.user_id and stint.role == role:
            first = max(start, stint.start_date)
            if (end is None or first < end) and (stint.end_date is None or first < stint.end_date):
                codes.add("overlaps-own")
    if user.left_on is not None and user.left_on <= start:
        codes.add("case-manager-left")
    if not user.is_case_manager:
        codes.add("not-a-case-manager")
    if not sees:
        codes.add("no-access")
    return sorted(codes)


def plain(stint: Any) -> dict[str, Any]:
    """Return a stint as it stands in a line of history."""
    return {
        "assignment_id": stint.assignment_id,
        "enrollment_id": stint.enrollment_id,
        "user_id": stint.user_id,
        "start_date": stint.start_date.isoformat(),
        "end_date": _iso(stint.end_date),
        "role": stint.role,
        "kept_after_exit": stint.kept_after_exit,
        "voided": stint.voided,
    }


def to_json(value: object) -> str:
    """Return a value in the form that digests are made of."""
    return _encode(value)


def sealed(previous: str, line: Sequence[Any]) -> str:
    """Return the digest of a line over that of the line before."""
    return hashlib.sha256(_encode([previous, *line]).encode()).hexdigest()


def new_id() -> str:
    """Return an id whose text begins with the moment of its making."""
    value = f"{time.time_ns() // 1_000_000 << 80 | 7 << 76 | 2 << 62 | secrets.randbits(62):032x}"
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def since(stint: Any, stints: Iterable[Any]) -> date:
    """Return the start of the unbroken run of touching stints of one user in one role."""
    start: date = stint.start_date
    own = [s for s in stints if not s.voided and s.user_id == stint.user_id and s.role == stint.role]
    for earlier in sorted(own, key=lambda s: (s.start_date, s.assignment_id), reverse=True):
        if earlier.start_date < start and (earlier.end_date is None or earlier.end_date >= start):
            start = earlier.start_date
    return start


def name_of(person: Any) -> str | None:
    """Return a name as lists show it."""
    return ", ".join(name for name in (person.last_name, person.first_name) if name) or None


def row(stint: Any, members: Iterable[Any], user: Any, today: date, *, seen: bool) -> dict[str, Any]:
    """Return a row of a list, given a stint with all that hangs on it and the members of its household."""
    enrollment, client, project = stint.enrollment, stint.enrollment.client, stint.enrollment.project
    present = [member for member in members if not member.deleted]
    heads = [member for member in present if member.relationship_to_hoh == 1]
    head = heads[0] if len(heads) == 1 else None
    open_ones = {
        m.personal_id for m in present if m.entry_date <= today and (m.exit_date is None or m.exit_date > today)
    }
    return {
        "assignment_id": stint.assignment_id,
        "enrollment_id": enrollment.enrollment_id,
        "personal_id": enrollment.personal_id,
        "client_name": name_of(client) if seen else None,
        "project_id": project.project_id,
        "project_name": project.project_name,
        "entry_date": _iso(enrollment.entry_date),
        "exit_date": _iso(enrollment.exit_date),
        "household_id": enrollment.household_id,
        "household_size": len(open_ones | {enrollment.personal_id}),
        "head_of_household": None if head is None else head.personal_id,
        "head_name": None if head is None or not seen else name_of(head.client),
        "user_id": stint.user_id,
        "case_manager_name": name_of(user),
        "role": stint.role,
        "start_date": _iso(stint.start_date),
        "end_date": _iso(stint.end_date),
        "since": _iso(since(stint, enrollment.assignments_())),
        "status": "active",
    }


def case_order(stint: Any, *, seen: bool) -> tuple[Any, ...]:
    """Return what lists are sorted by."""
    name = name_of(stint.enrollment.client) if seen else None
    key = stint.enrollment
    return (
        name is None,
        (name or "").casefold(),
        key.personal_id,
        stint.start_date,
        key.enrollment_id,
        stint.assignment_id,
    )


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
