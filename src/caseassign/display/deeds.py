"""What was done, in words: the lines of history as clauses of a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from caseassign.display.words import counted, day, stint
from caseassign.history import IMPORT, Change, from_plain
from caseassign.model import CaseAssignment, Client, Enrollment
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

_VERBS: Final[Mapping[str, str]] = {
    Action.ASSIGNMENT_END: "ended",
    Action.ASSIGNMENT_HAND_OVER: "ended",
    Action.ENROLLMENT_EXIT: "ended",
    Action.ENROLLMENT_UNDO_EXIT: "restored",
}
"""What an act does to the days of an assignment; any other changes them."""


class _Deed(NamedTuple):
    """What was done to one record; deeds with the same verb, noun and circumstances are said in one clause."""

    verb: str
    noun: str
    circumstances: str
    to: str


def deeds(changes: Iterable[Change]) -> Iterator[str]:
    """Yield clauses like ``ended 2 assignments: A1 (…), A2 (…)``."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        *clause, to = _deed(change)
        alike.setdefault(tuple(clause), []).append(to)  # type: ignore[arg-type]  # a deed less its last part
    for (verb, noun, circumstances), to_all in alike.items():
        if noun == Enrollment.KIND and len(to_all) == 1:
            yield f"{verb} {noun} {to_all[0]}{circumstances}"
        else:
            yield f"{verb} {counted(len(to_all), noun)}{circumstances}: {', '.join(to_all)}"


def in_full(change: Change) -> str:
    """Return what a line of history says of its record, like ``enrollment E1: exits on 2 Mar 2026 (before: none)``."""
    after: Any = change.after
    record = f"{change.record.kind} {change.record.id}"
    if change.record.kind == IMPORT:
        new = ", ".join(
            counted(number, kind.removesuffix("s")) for kind, number in sorted(after["imported"].items()) if number
        )
        return f"import of export {after['export_id']}: {new or 'nothing'} new"
    if change.before is None:
        return f"{record} is new: {_fields(change)}"
    return f"{record}: {_changed_fields(change)}"


def _deed(change: Change) -> _Deed:
    if change.record.kind == Enrollment.KIND:
        return _to_enrollment(change)
    if change.record.kind == CaseAssignment.KIND:
        return _to_assignment(change)
    return _Deed("added" if change.before is None else "changed", change.record.kind, "", change.record.id)


def _to_enrollment(change: Change) -> _Deed:
    key, enrollment = change.record.id, from_plain(Enrollment.KIND, change.after or {})
    if change.before is None:
        circumstances = f" in project {enrollment.project_id} on {day(enrollment.entry_date)}"
        return _Deed("enrolled", Client.KIND, circumstances, f"{enrollment.personal_id} (enrollment {key})")
    if change.action == Action.ENROLLMENT_EXIT:
        return _Deed("exited", Enrollment.KIND, f" on {day(enrollment.exit_date)}", key)
    if change.action == Action.ENROLLMENT_UNDO_EXIT:
        return _Deed("re-opened", Enrollment.KIND, "", key)
    return _Deed("changed", Enrollment.KIND, "", f"{key} ({_changed_fields(change)})")


def _to_assignment(change: Change) -> _Deed:
    assignment = from_plain(CaseAssignment.KIND, change.after or {})
    verb = _verb(change, assignment)
    if verb == "made":
        said = stint(assignment)
    else:
        said = f"{assignment.user_id} on enrollment {assignment.enrollment_id}"
        if verb not in {"voided", "kept"}:
            said += f": {_changed_fields(change)}"
    return _Deed(verb, CaseAssignment.KIND, "", f"{assignment.assignment_id} ({said})")


def _verb(change: Change, after: CaseAssignment) -> str:
    if change.before is None:
        return "made"
    if after.voided and not change.before["voided"]:
        return "voided"
    if after.kept_after_exit and not change.before["kept_after_exit"]:
        return "kept"
    return _VERBS.get(change.action, "changed")


def _changed_fields(change: Change) -> str:
    before, after = change.before or {}, change.after or {}
    changed = [name for name in after if before.get(name) != after[name]]
    return "; ".join(
        f"{_field(name)} {_value(name, after[name])} (before: {_value(name, before.get(name))})" for name in changed
    )


def _fields(change: Change) -> str:
    after = change.after or {}
    filled = [name for name in after if after[name] not in (None, False, [], change.record.id)]
    return "; ".join(f"{_field(name)} {_value(name, after[name])}" for name in filled) or "known by its id alone"


def _field(name: str) -> str:
    return _FIELDS.get(name) or name.replace("_", " ")


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if value is not None and (name.endswith("_date") or name == "left_on"):
        return day(date.fromisoformat(value))
    return "none" if value is None else str(value)
