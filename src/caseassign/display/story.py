"""History as a story: who did what to whom, as of which day, why, and in which batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from caseassign.display.blocks import Block, Line, Title
from caseassign.display.fields import changed, changed_names, ends, filled
from caseassign.display.words import counted, day, moment, relationship, withheld
from caseassign.histories import History
from caseassign.history import EMPTY, IMPORT, Break, Change, Head, from_plain
from caseassign.model import CASE_MANAGER, COVER, CaseAssignment, Enrollment, User
from caseassign.period import Period
from caseassign.policy import Action

_HANDING_OVER: Final = frozenset[str]({Action.ASSIGNMENT_HAND_OVER, Action.CASELOAD_REASSIGN})
"""Acts that end a stint so that somebody else can go on; any other just ends it."""

_RESTORING: Final = frozenset[str]({Action.ENROLLMENT_UNDO_EXIT, Action.BATCH_UNDO})

NOBODY: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
"""Where it is not known for whom covers are."""


def history(
    of: str,
    lines: History,
    users: Mapping[str, User],
    more: Iterable[Change] = (),
    covered: Mapping[str, Collection[str]] = NOBODY,
    at_most: int | None = None,
) -> Iterator[Block]:
    """Yield the history of a record, or of a batch; ``users`` are those whose names are known.

    Each change is told in a sentence. The changes of one batch follow each other, and who, when and why is said once.
    ``more`` are lines that are not told, and say to whom a case was handed over. ``covered`` says for whom a cover
    is, by its id. No more than ``at_most`` lines are told.
    """
    yield Title(f"History of {of}")
    teller = _Teller(users, (*lines, *more), covered)
    shown = lines.lines[:at_most]
    for _, batch in groupby(shown, key=lambda line: (line.batch_id, line.recorded_at, line.user_id, line.reason)):
        yield from map(Line, teller.told(list(batch)))
    if len(shown) < len(lines):
        yield Line(f"… and {len(lines) - len(shown):,} more")
    yield Line(f"{counted(len(lines), 'line')}.{withheld(lines.withheld)}")


def batches_of_hand_overs(lines: Iterable[Change]) -> frozenset[str]:
    """Return the batches in which a case was handed over; their lines say to whom."""
    return frozenset(line.batch_id for line in lines if _hands_over(line))


def covers_in(lines: Iterable[Change]) -> list[CaseAssignment]:
    """Return the covers that lines of history begin with."""
    new: list[CaseAssignment] = [
        from_plain(CaseAssignment.KIND, line.after or {})
        for line in lines
        if line.record.kind == CaseAssignment.KIND and line.before is None
    ]
    return [stint for stint in new if stint.role == COVER]


def _hands_over(line: Change) -> bool:
    return line.record.kind == CaseAssignment.KIND and line.action in _HANDING_OVER and ends(line)


def users_in(lines: Iterable[Change]) -> frozenset[str]:
    """Return the ids of the users whom lines of history speak of."""
    acting = {line.user_id for line in lines if line.user_id is not None}
    holding = {str((line.after or {})["user_id"]) for line in lines if line.record.kind == CaseAssignment.KIND}
    return frozenset(acting | holding)


def verification(breaks: Sequence[Break], head: Head = EMPTY) -> Iterator[Block]:
    """Yield what verifying the history found, and the head to be noted down, if there is one and it can be trusted."""
    if not breaks:
        yield Line("The history is whole: no line of it was changed, removed or put in.")
        if head.number:
            yield Line(f"Note down elsewhere where it ends: {head.number}:{head.digest}")
    for found in breaks:
        yield Line(f"Line {found.number} of the history: {found.problem}.")


class _Teller:
    """Tells lines of history as sentences; knows the names of users, who goes on with a case, who is covered."""

    def __init__(
        self, users: Mapping[str, User], lines: Iterable[Change], covered: Mapping[str, Collection[str]]
    ) -> None:
        self._covered = covered
        self._new: defaultdict[tuple[str, str, str], list[CaseAssignment]] = defaultdict(list)
        for line in lines:
            if line.record.kind == CaseAssignment.KIND and line.before is None:
                stint: CaseAssignment = from_plain(CaseAssignment.KIND, line.after or {})
                self._new[line.batch_id, stint.enrollment_id, stint.role].append(stint)
        names = {key: " ".join(filter(None, (user.first_name, user.last_name))) for key, user in users.items()}
        often = Counter(names.values())
        self._names = {key: name if often[name] == 1 else f"{name} ({key})" for key, name in names.items() if name}

    def told(self, batch: Sequence[Change]) -> Iterator[str]:
        """Yield the lines of one batch: a whole sentence, and what it goes on with."""
        # The line of an import is written last, when it has counted: it says what all the others are about.
        first, *more = sorted(batch, key=lambda change: change.record.kind != IMPORT)
        who = "the system" if first.user_id is None else self._name(first.user_id)
        why = f": {first.reason}" if first.reason else ""
        how = " by import" if first.action == Action.EXPORT_IMPORT and first.record.kind != IMPORT else ""
        yield f"{moment(first.recorded_at)}, {who} {self._deed(first)}{how}{why}, batch {first.batch_id}"
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
        return self._user(change) if kind == User.KIND else _other(change, f"{kind} {key}")

    def _user(self, change: Change) -> str:
        name = self._name(change.record.id)
        if change.before is not None and changed_names(change) == {"left_on"}:
            leaver = from_plain(User.KIND, change.after or {})
            if leaver.left_on is not None:
                return f"set {day(leaver.left_on)} as the first day gone of {name}"
        return _other(change, f"user {name}")

    def _assignment(self, change: Change) -> str:
        after: CaseAssignment = from_plain(CaseAssignment.KIND, change.after or {})
        is_own = after.user_id == change.user_id
        whose = "their own" if is_own else f"{self._name(after.user_id)}'s"
        if change.before is None:
            return self._new_assignment(change, after, "themselves" if is_own else self._name(after.user_id), whose)
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
            days = Period(after.end_date, before.end_date)
            to = self._receiver(change, after, days) if _hands_over(change) else None
            ended = f"ended {held}" if to is None else f"handed {held} over to {to}"
            return f"{ended} as of {day(after.end_date)}{planned}"
        return f"amended {held} ({changed(change)})"

    def _receiver(self, change: Change, ended: CaseAssignment, days: Period) -> str | None:
        """Return who goes on on the days that a stint no longer has; None where nobody new does."""
        for new in self._new[change.batch_id, ended.enrollment_id, ended.role]:
            if days.overlaps(new.period):
                return "themselves" if new.user_id == change.user_id else self._name(new.user_id)
        return None

    def _new_assignment(self, change: Change, after: CaseAssignment, whom: str, whose: str) -> str:
        days = _days(after) + (", kept after the exit" if after.kept_after_exit else "")
        if change.action == Action.ASSIGNMENT_REACTIVATE:
            return f"reactivated {whose} {_held(after)}{days}"
        if after.role == COVER:
            names = " and ".join(map(self._name, sorted(self._covered.get(after.assignment_id, ()))))
            where = f"enrollment {after.enrollment_id}"
            return f"assigned {whom} to cover {f'for {names} on {where}' if names else where}{days}"
        return f"assigned {whom} to enrollment {after.enrollment_id} as {after.role}{days}"


def _other(change: Change, what: str) -> str:
    if change.action == Action.CLIENT_DEIDENTIFY:
        return f"de-identified {what}"
    if change.before is None:
        return f"added {what} ({filled(change)})"
    return f"changed {what} ({changed(change) or 'what has been removed since'})"


def _import(change: Change) -> str:
    after: Any = change.after
    imported = sorted(after["imported"].items())
    new = ", ".join(counted(number, kind.removesuffix("s")) for kind, number in imported if number)
    changed_too = sum(after.get("changed", {}).values())
    also = f", {counted(changed_too, 'record')} changed" if changed_too else ""
    return f"imported export {after['export_id']} ({new or 'nothing'} new{also})"


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
