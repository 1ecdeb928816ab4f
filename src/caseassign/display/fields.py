"""Fields of records in words: what they are called, and what they hold, as a line of history has them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from caseassign.display.words import day
from caseassign.history import Change
from caseassign.policy import Action

_FIELDS: Final = {
    "relationship_to_hoh": "relationship to head",
    "organization_ids": "organizations",
    "is_case_manager": "available as case manager",
    "left_on": "first day gone",
    "entry_date": "entered on",
    "exit_date": "exits on",
    "start_date": "since",
    "end_date": "ends on",
    "kept_after_exit": "kept after exit",
    "voided": "void",
}
"""Fields whose name is not what a screen says."""

_OVER: Final = {"exit_date": "exited on", "end_date": "ended on"}
"""What it says of days that are not ahead."""


def changed_names(change: Change) -> frozenset[str]:
    """Return the names of the fields that are no longer as they were."""
    before, after = change.before or {}, change.after or {}
    return frozenset(name for name in after if before.get(name) != after[name])


def changed(change: Change, today: date | None = None) -> str:
    """Return what is no longer as it was, like ``exits on 2 Mar 2026 (before: none)``, or ``exited`` if it is over."""
    before, after, names = change.before or {}, change.after or {}, changed_names(change)
    return "; ".join(
        f"{_field(name, after[name], today)} {_value(name, after[name])} (before: {_value(name, before.get(name))})"
        for name in after
        if name in names
    )


def ends(change: Change) -> bool:
    """Whether a change does no more to an assignment than to end it, or to end it earlier; an amendment corrects it."""
    before, after, names = change.before or {}, change.after or {}, changed_names(change)
    if "end_date" not in names or after["end_date"] is None or change.action == Action.ASSIGNMENT_AMEND:
        return False
    is_earlier = before["end_date"] is None or after["end_date"] < before["end_date"]
    return is_earlier and names <= {"end_date", "kept_after_exit"}


def filled(change: Change) -> str:
    """Return what is known of a record that is new, its id aside."""
    after = change.after or {}
    nothing: Collection[Any] = (None, False, [], change.record.id)
    names = [name for name in after if after[name] not in nothing]
    return "; ".join(f"{_field(name)} {_value(name, after[name])}" for name in names) or "known by its id alone"


def _field(name: str, value: Any = None, today: date | None = None) -> str:
    if name in _OVER and value is not None and today is not None and date.fromisoformat(value) <= today:
        return _OVER[name]
    return _FIELDS.get(name) or name.replace("_", " ")


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if value is not None and (name.endswith("_date") or name == "left_on"):
        return day(date.fromisoformat(value))
    return "none" if value is None else str(value)
