"""What was done, in words: the lines of history as clauses of a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from caseassign.acts.outcome import Skipped
from caseassign.display.fields import changed, changed_names, ends
from caseassign.display.words import counted, day, relationship, stint
from caseassign.history import Change, from_plain
from caseassign.model import COVER, CaseAssignment, Client, Enrollment
from caseassign.policy import Action

_RESTORING: Final = frozenset[str]({Action.ENROLLMENT_UNDO_EXIT, Action.BATCH_UNDO})
"""Acts that put things back as they were."""

_NAMED: Final = 10
"""How many records are named one by one; of more it is said how many there are."""


class _Deed(NamedTuple):
    """What was done to one record; deeds with the same verb, noun and circumstances are said in one clause."""

    verb: str
    noun: str
    circumstances: str
    to: str


def deeds(changes: Iterable[Change], today: date | None = None) -> Iterator[str]:
    """Yield clauses like ``ended 2 assignments: A1 (…), A2 (…)``; what is over ``today`` has ended."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        *clause, to = _deed(change, today)
        alike.setdefault(tuple(clause), []).append(to)  # type: ignore[arg-type]  # a deed less its last part
    for (verb, noun, circumstances), to_all in alike.items():
        if noun == Enrollment.KIND and len(to_all) == 1:
            yield f"{verb} {noun} {to_all[0]}{circumstances}"
        else:
            named = f": {', '.join(to_all)}" if len(to_all) <= _NAMED else ""
            yield f"{verb} {counted(len(to_all), noun)}{circumstances}{named}"


def left_out(skipped: Iterable[Skipped]) -> Iterator[str]:
    """Yield clauses like ``left out: E1, E2 (the member has exited by the start)``, each reason once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in skipped:
        alike.setdefault((one.kind, one.reason), []).append(one.id)
    for (kind, reason), ids in alike.items():
        yield f"left out: {', '.join(ids) if len(ids) <= _NAMED else counted(len(ids), kind)} ({reason})"


def _deed(change: Change, today: date | None) -> _Deed:
    kind, key = change.record
    if kind == Enrollment.KIND:
        return _to_enrollment(change, today)
    if kind == CaseAssignment.KIND:
        return _to_assignment(change, today)
    if change.action == Action.CLIENT_DEIDENTIFY:
        return _Deed("de-identified", kind, "", key)
    if change.before is None:
        return _Deed("added", kind, "", key)
    said = f" ({changed(change)})" if changed_names(change) == {"left_on"} else ""
    return _Deed("changed", kind, "", f"{key}{said}")


def _to_enrollment(change: Change, today: date | None) -> _Deed:
    key, enrollment = change.record.id, from_plain(Enrollment.KIND, change.after or {})
    if change.before is None:
        circumstances = f" in project {enrollment.project_id} on {day(enrollment.entry_date)}"
        return _Deed("enrolled", Client.KIND, circumstances, f"{enrollment.personal_id} (enrollment {key})")
    if change.action == Action.ENROLLMENT_EXIT:
        return _Deed("exited", Enrollment.KIND, f" on {day(enrollment.exit_date)}", key)
    if change.action == Action.ENROLLMENT_UNDO_EXIT:
        return _Deed("re-opened", Enrollment.KIND, "", key)
    return _to_changed_enrollment(change, enrollment, today)


def _to_changed_enrollment(change: Change, enrollment: Enrollment, today: date | None) -> _Deed:
    key, names = change.record.id, changed_names(change)
    if "deleted" in names and enrollment.deleted:
        return _Deed("marked", Enrollment.KIND, " as deleted", key)
    if change.action in _RESTORING:
        return _Deed("restored", Enrollment.KIND, "", f"{key} ({changed(change, today)})")
    if change.action == Action.HOUSEHOLD_CHANGE and names <= {"household_id", "relationship_to_hoh"}:
        now = f" (now {relationship(enrollment.relationship_to_hoh)})" if "relationship_to_hoh" in names else ""
        return _Deed("moved", Enrollment.KIND, f" into household {enrollment.household_id}", f"{key}{now}")
    return _Deed("changed", Enrollment.KIND, "", f"{key} ({changed(change, today)})")


def _to_assignment(change: Change, today: date | None) -> _Deed:
    assignment = from_plain(CaseAssignment.KIND, change.after or {})
    verb = _verb(change, assignment)
    if verb == "made":
        said = _cover(assignment) if assignment.role == COVER else stint(assignment, today)
    else:
        said = f"{assignment.user_id} on enrollment {assignment.enrollment_id}"
        if verb not in {"voided", "kept"}:
            said += f": {changed(change, today)}"
    return _Deed(verb, CaseAssignment.KIND, "", f"{assignment.assignment_id} ({said})")


def _cover(of: CaseAssignment) -> str:
    back = "" if of.end_date is None else f", back on {day(of.end_date)}"
    return f"{of.user_id} covers enrollment {of.enrollment_id} from {day(of.start_date)}{back}"


def _verb(change: Change, after: CaseAssignment) -> str:
    if change.before is None:
        return "made"
    if after.voided and not change.before["voided"]:
        return "voided"
    if after.kept_after_exit and not change.before["kept_after_exit"]:
        return "kept"
    if change.action in _RESTORING:
        return "restored"
    return "ended" if ends(change) else "changed"
