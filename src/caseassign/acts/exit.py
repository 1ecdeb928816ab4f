"""Exit an enrollment or a household, with the box that ends its case assignments; and undo it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any

import attrs

from caseassign.acts.draft import Draft, refuse
from caseassign.errors import InvalidRecordError
from caseassign.history import Change, RecordKey, from_plain, to_plain
from caseassign.model import CaseAssignment, Enrollment, id_of
from caseassign.policy import Action


def exit_enrollment(
    draft: Draft,
    enrollment_id: str,
    on: date,
    end_assignments: bool | Collection[CaseAssignment | str],  # the box of the exit form
    *,
    household: bool,
) -> None:
    """Exit an enrollment, or every member of its household who is open, on a day.

    A stint that runs past the exit ends on it if its box is ticked, and is marked as kept if not. A stint that
    starts after the exit is voided either way.
    """
    named = draft.enrollment(enrollment_id)
    leaving = _leaving(draft, named, on) if household else [named]
    ticked = end_assignments if isinstance(end_assignments, bool) else _ticked(draft, end_assignments, leaving)
    draft.answer(*leaving)
    for enrollment in leaving:
        if enrollment.exit_date == on:
            continue
        if enrollment.exit_date is not None:
            refuse(
                "already-exited",
                "exit_date",
                [enrollment.enrollment_id],
                f"enrollment {enrollment.enrollment_id} has exited on another day: to move its exit, edit it",
            )
        exited = attrs.evolve(enrollment, exit_date=on)
        draft.put(exited)
        draft.sets(exited, "exit_date")
        for stint in draft.stints(enrollment.enrollment_id):
            is_ticked = ticked if isinstance(ticked, bool) else stint.assignment_id in ticked
            exit_stint(draft, stint, on, is_ticked=is_ticked)


def exit_stint(draft: Draft, stint: CaseAssignment, on: date, *, is_ticked: bool) -> None:
    """Put a stint as the exit of its enrollment on a day leaves it."""
    if stint.period.has_ended(on):
        return
    if stint.start_date > on:
        after = attrs.evolve(stint, voided=True)
    elif is_ticked:
        after = attrs.evolve(stint, end_date=on, kept_after_exit=False)
    else:
        after = attrs.evolve(stint, kept_after_exit=True)
    draft.put(after)
    draft.answer(after)


def _leaving(draft: Draft, named: Enrollment, on: date) -> list[Enrollment]:
    leaving = []
    for member in draft.household(named):
        if member.enrollment_id == named.enrollment_id or member.is_open(on):
            leaving.append(member)
        elif member.exit_date is None:
            draft.skip(member, "the member enters after the exit")
        else:
            draft.skip(member, "the member has exited already")
    return leaving


def _ticked(
    draft: Draft, assignments: Collection[CaseAssignment | str], leaving: Collection[Enrollment]
) -> frozenset[str]:
    if isinstance(assignments, str | CaseAssignment):
        raise InvalidRecordError("Exit", "end_assignments", "is one assignment: give a list of them")
    ticked = frozenset(id_of(assignment, CaseAssignment) for assignment in assignments)
    enrollment_ids = {enrollment.enrollment_id for enrollment in leaving}
    strangers = [
        a.assignment_id for a in draft.load(CaseAssignment, sorted(ticked)) if a.enrollment_id not in enrollment_ids
    ]
    if strangers:
        refuse("wrong-enrollment", "end_assignments", strangers, "an assignment to end is not one of what exits")
    return ticked


def undo_exit(draft: Draft, enrollment_id: str, *, household: bool) -> None:
    """Open an exited enrollment again, with each stint that is still as the exit left it.

    With ``household`` every member that the same act exited is opened again. An exit that came with an import is
    not undone but edited away.
    """
    named = draft.enrollment(enrollment_id)
    draft.answer(named)
    if named.exit_date is None:
        return
    made = lines_of_exit(draft, [enrollment_id]).get(enrollment_id)
    if made is None or made.action == Action.EXPORT_IMPORT:
        refuse(
            "exit-not-by-act",
            "exit_date",
            [enrollment_id],
            f"no act exited enrollment {enrollment_id}; it came so: to open it again, edit its exit away",
        )
    batch = draft.tx.history.of_batches([made.batch_id])
    for line in batch:
        if line.record == made.record:
            _reopen(draft, named, batch)
        elif household and line.record.kind == Enrollment.KIND:
            member = draft.enrollment(line.record.id)
            latest = lines_of_exit(draft, [member.enrollment_id]).get(member.enrollment_id)
            if member.exit_date is not None and latest is not None and latest.batch_id == made.batch_id:
                _reopen(draft, member, batch)
            else:
                draft.skip(member, "the member is no longer as the exit left them")


def lines_of_exit(draft: Draft, enrollment_ids: Iterable[str]) -> dict[str, Change]:
    """Return the line of history that exited each enrollment last; none for one that came exited."""
    lines = draft.tx.history.of_records(RecordKey(Enrollment.KIND, key) for key in enrollment_ids)
    return {line.record.id: line for line in lines if _exits(line)}


def _exits(line: Change) -> bool:
    before, after = line.before or {}, line.after or {}
    return before.get("exit_date") is None and after.get("exit_date") is not None


def _reopen(draft: Draft, enrollment: Enrollment, batch: Iterable[Change]) -> None:
    reopened = attrs.evolve(enrollment, exit_date=None)
    draft.put(reopened)
    draft.answer(reopened)
    for _, before in as_exit_left(draft, enrollment.enrollment_id, batch):
        draft.put(before)
        draft.answer(before)
    let_go_of_kept(draft, enrollment.enrollment_id)


def as_exit_left(
    draft: Draft, enrollment_id: str, batch: Iterable[Change]
) -> Iterator[tuple[CaseAssignment, CaseAssignment]]:
    """Yield each stint that is still as the batch of an exit left it, and as it was before; name the others."""
    for line in batch:
        after: Any = line.after
        if line.record.kind == CaseAssignment.KIND and after["enrollment_id"] == enrollment_id:
            stint = draft.load(CaseAssignment, [line.record.id])[0]
            if line.before is None or to_plain(stint) != after:
                draft.skip(stint, "the assignment is no longer as the exit left it")
            else:
                yield stint, from_plain(CaseAssignment.KIND, line.before, stint.batch_id)


def let_go_of_kept(draft: Draft, enrollment_id: str) -> None:
    """Put the stints of an enrollment that is open again as kept no more: without an exit there is nothing to keep."""
    for stint in draft.stints(enrollment_id):
        if stint.kept_after_exit:
            draft.put(attrs.evolve(stint, kept_after_exit=False))
            draft.answer(stint)
