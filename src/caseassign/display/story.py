"""History as a story: who did what to whom, as of which day, why, and in which batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from caseassign.display.blocks import Block, Line, Title
from caseassign.display.fields import changed, changed_names, ends, filled
from caseassign.display.words import counted, day, moment, relationship, withheld
from caseassign.histories import History
from caseassign.history import IMPORT, Break, Change, from_plain
from caseassign.model import CASE_MANAGER, COVER, CaseAssignment, Enrollment, User
from caseassign.policy import Action

_ENDED: Final[Mapping[str, str]] = {
    Action.ASSIGNMENT_HAND_OVER: "handed over",
    Action.CASELOAD_REASSIGN: "reassigned",
}
"""Acts that end a stint so that somebody else can go on; any other just ends it."""

_RESTORING: Final = frozenset[str]({Action.ENROLLMENT_UNDO_EXIT, Action.BATCH_UNDO})


def history(of: str, lines: History, users: Mapping[str, User]) -> Iterator[Block]:
    """Yield the history of a record, or of a batch; ``users`` are those whose names are known.

    Each change is told in a sentence. The changes of one batch follow each other, and who, when and why is said once.
    """
    yield Title(f"History of {of}")
    teller = _Teller(users)
    for _, batch in groupby(lines, key=lambda line: (line.batch_id, line.recorded_at, line.user_id, line.reason)):
        yield from map(Line, teller.told(list(batch)))
    yield Line(f"{counted(len(lines), 'line')}.{withheld(lines.withheld)}")


def users_in(lines: Iterable[Change]) -> frozenset[str]:
    """Return the ids of the users whom lines of history speak of."""
    acting = {line.user_id for line in lines if line.user_id is not None}
    holding = {str((line.after or {})["user_id"]) for line in lines if line.record.kind == CaseAssignment.KIND}
    return frozenset(acting | holding)


def verification(breaks: Sequence[Break]) -> Iterator[Block]:
    """Yield what verifying the history found."""
    if not breaks:
        yield Line("The history is whole: no line of it was changed, removed or put in.")
    for found in breaks:
        yield Line(f"Line {found.number} of the history: {found.problem}.")


class _Teller:
    """Tells lines of history as sentences; knows the names of users."""

    def __init__(self, users: Mapping[str, User]) -> None:
        names = {key: " ".join(filter(None, (user.first_name, user.last_name))) for key, user in users.items()}
        often = Counter(names.values())
        self._names = {key: name if often[name] == 1 else f"{name} ({key})" for key, name in names.items() if name}

    def told(self, batch: Sequence[Change]) -> Iterator[str]:
        """Yield the lines of one batch: a whole sentence, and what it goes on with."""
        first, *more = batch
        who = "the system" if first.user_id is None else self._name(first.user_id)
        why = f": {first.reason}" if first.reason else ""
        yield f"{moment(first.recorded_at)}, {who} {self._deed(first)}{why}, batch {first.batch_id}"
        for change in more:
            yield f"  and {self._deed(change)}"

    def _name(self, user_id: str) -> str:
        return self._names.get(user_id, user_id)

    def _deed(self, change: Change) -> str:
        kind, key = change.record
        if kind == IMPORT:
            return _import(change)
        if kind == Enrollment.KIND:
            return _enrollment(change)
        if kind == CaseAssignment.KIND:
            return self._assignment(change)
        if kind == User.KIND and change.before is not None and changed_names(change) == {"left_on"}:
            leaver = from_plain(kind, change.after or {})
            if leaver.left_on is not None:
                return f"set {day(leaver.left_on)} as the first day gone of {self._name(key)}"
        what = f"{kind} {key if kind != User.KIND else self._name(key)}"
        return f"added {what} ({filled(change)})" if change.before is None else f"changed {what} ({changed(change)})"

    def _assignment(self, change: Change) -> str:
        after: CaseAssignment = from_plain(CaseAssignment.KIND, change.after or {})
        is_own = after.user_id == change.user_id
        whose = "their own" if is_own else f"{self._name(after.user_id)}'s"
        if change.before is None:
            return _new_assignment(change, after, "themselves" if is_own else self._name(after.user_id), whose)
        before: CaseAssignment = from_plain(CaseAssignment.KIND, change.before)
        held = f"{whose} {_held(after)}"
        if after.voided and not before.voided:
            return f"voided {held}{_days(after)}"
        if change.action in _RESTORING:
            return f"restored {held}{_days(after)}{', until further notice' if after.end_date is None else ''}"
        if after.kept_after_exit and not before.kept_after_exit:
            return f"kept {held} after the exit"
        if ends(change) and after.end_date is not None:
            planned = "" if before.end_date is None else f" instead of {day(before.end_date)}"
            return f"{_ENDED.get(change.action, 'ended')} {held} as of {day(after.end_date)}{planned}"
        return f"amended {held} ({changed(change)})"


def _import(change: Change) -> str:
    after: Any = change.after
    imported = sorted(after["imported"].items())
    new = ", ".join(counted(number, kind.removesuffix("s")) for kind, number in imported if number)
    return f"imported export {after['export_id']} ({new or 'nothing'} new)"


def _enrollment(change: Change) -> str:
    after: Enrollment = from_plain(Enrollment.KIND, change.after or {})
    what = f"enrollment {after.enrollment_id}"
    if change.before is None:
        of_one = "" if after.household_id is None else f"household {after.household_id}, "
        where = f"{what}, {of_one}{relationship(after.relationship_to_hoh)}"
        return f"enrolled client {after.personal_id} in project {after.project_id} on {day(after.entry_date)} ({where})"
    before: Enrollment = from_plain(Enrollment.KIND, change.before)
    names = changed_names(change)
    was, now = before.exit_date, after.exit_date
    if names == {"exit_date"} and was is None and now is not None:
        return f"exited {what} as of {day(now)}"
    if names == {"exit_date"} and was is not None and now is None:
        return f"re-opened {what}, which had exited on {day(was)}"
    if names == {"deleted"}:
        return f"marked {what} as {'deleted' if after.deleted else 'no longer deleted'}"
    if "household_id" in names and names <= {"household_id", "relationship_to_hoh"}:
        return _move(what, before, after)
    return f"changed {what} ({changed(change)})"


def _move(what: str, before: Enrollment, after: Enrollment) -> str:
    was, now = before.household_id, after.household_id
    if now is None:
        return f"took {what} out of household {was}"
    member = relationship(after.relationship_to_hoh)
    if was is None:
        return f"put {what} into household {now} ({member})"
    return f"moved {what} from household {was} into household {now} ({member})"


def _new_assignment(change: Change, after: CaseAssignment, whom: str, whose: str) -> str:
    days = _days(after) + (", kept after the exit" if after.kept_after_exit else "")
    if change.action == Action.ASSIGNMENT_REACTIVATE:
        return f"reactivated {whose} {_held(after)}{days}"
    if after.role == COVER:
        return f"assigned {whom} to cover enrollment {after.enrollment_id}{days}"
    return f"assigned {whom} to enrollment {after.enrollment_id} as {after.role}{days}"


def _held(stint: CaseAssignment) -> str:
    """Return what somebody holds, like ``assignment to enrollment E1``."""
    if stint.role == COVER:
        return f"cover of enrollment {stint.enrollment_id}"
    role = "" if stint.role == CASE_MANAGER else f" as {stint.role}"
    return f"assignment to enrollment {stint.enrollment_id}{role}"


def _days(stint: CaseAssignment) -> str:
    if stint.period.is_empty:
        return f", Same day, {day(stint.start_date)}"
    if stint.end_date is None:
        return f" from {day(stint.start_date)}"
    return f" from {day(stint.start_date)}, {'back' if stint.role == COVER else 'ending'} on {day(stint.end_date)}"
