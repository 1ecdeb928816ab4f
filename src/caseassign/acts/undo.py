"""Undo a batch: what it created is voided, what it changed is as before, unless something was built on it since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import attrs

from caseassign.acts.add import Addable, add
from caseassign.acts.draft import Draft, refuse
from caseassign.acts.exit import let_go_of_kept
from caseassign.errors import InvalidRecordError, NotFoundError, RuleViolationError, Violation
from caseassign.history import COMMAND, Change, Plain, RecordKey, from_plain, to_plain
from caseassign.model import KINDS, CaseAssignment, Enrollment, Record
from caseassign.personal import imprints_in, told_or_imprinted
from caseassign.policy import Action


def undo(draft: Draft, batch_id: str) -> None:
    """Reverse a batch. One that was undone already stays so; a record that was changed since refuses the undo.

    Assignments that the batch created are voided, enrollments are marked as deleted. Clients, users, organizations
    and projects that it created stay on record. On an enrollment that is open again nothing is kept past the exit.
    """
    touched = {line.record: line for line in _lines(draft, batch_id) if line.record.kind != COMMAND}
    records = _records(draft, touched)
    standing = _standing(draft, touched)
    draft.answer(*(now for now in records.values() if isinstance(now, CaseAssignment | Enrollment)))
    changed: list[Violation] = []
    addable: list[Addable] = []
    for key, now in records.items():
        wanted = _wanted(draft, touched[key])
        if wanted is None:
            draft.skip(now, "it was added, and stays on record")
        elif touched[key] not in standing[key]:
            continue
        elif standing[key][-1] != touched[key] or to_plain(now) != touched[key].after or _is_lost(touched[key]):
            changed.append(_changed_since(key))
        elif isinstance(wanted, CaseAssignment | Enrollment):
            _put_back(draft, wanted)
        else:
            addable.append(wanted)
    if changed:
        raise RuleViolationError(tuple(changed))
    add(draft, addable)


def _lines(draft: Draft, batch_id: str) -> list[Change]:
    """Return the lines of a batch; refuse one that is unknown, an import, and what took names away."""
    if not isinstance(batch_id, str):
        raise InvalidRecordError("Batch", "batch_id", "is no id: an act that wrote nothing has no batch")
    lines = _told(draft, draft.tx.history.of_batches([batch_id]))
    if not lines:
        raise NotFoundError("batch", (batch_id,))
    if any(line.action == Action.EXPORT_IMPORT for line in lines):
        refuse(
            "import-not-undone",
            "batch_id",
            [batch_id],
            "the batch is an import, which is not undone: put right what is wrong by acts of its own, such as an edit",
        )
    if any(line.action == Action.CLIENT_DEIDENTIFY for line in lines):
        refuse(
            "deidentify-not-undone",
            "batch_id",
            [batch_id],
            "the batch took names away, and nobody has them any more: name the client again where that is right",
        )
    return lines


def _told(draft: Draft, lines: Iterable[Change]) -> list[Change]:
    """Return lines as they were written; the imprint of a text that was removed equals nothing that stands."""
    return told_or_imprinted(lines, draft.tx.personal.get)


def _is_lost(line: Change) -> bool:
    """Whether a name that a line, with its texts put back, stands for was removed since."""
    return bool(imprints_in([attrs.evolve(line, reason=None)]))


def _standing(draft: Draft, touched: Mapping[RecordKey, Change]) -> dict[RecordKey, list[Change]]:
    """Return the changes of each record that stand, from a batch on: what was undone is gone, and redone, back.

    What came later is gone too if another act took it back, such as an exit that was undone. The batch's own change is
    gone only by an undo: that a later act says the same of one record does not mean that the batch was taken back.
    """
    standing: dict[RecordKey, list[Change]] = {key: [line] for key, line in touched.items()}
    undone: defaultdict[RecordKey, list[Change]] = defaultdict(list)
    for line in _told(draft, draft.tx.history.of_records(touched)):
        if line.number <= touched[line.record].number:
            continue
        stand, gone = standing[line.record], undone[line.record]
        is_undo = line.action == Action.BATCH_UNDO
        is_taken_back = bool(stand) and _is_same(line.after, _plain_before(stand[-1]))
        if is_taken_back and (is_undo or len(stand) > 1):
            gone.append(stand.pop())
        elif is_undo and gone and _is_same(line.after, gone[-1].after):
            stand.append(gone.pop())
        else:
            stand.append(line)
            gone.clear()
    return standing


def _is_same(one: Plain | None, other: Plain | None) -> bool:
    """Whether a record is put back as it was; a stint is kept as its enrollment then allows."""
    return (
        one is not None and other is not None and {**one, "kept_after_exit": None} == {**other, "kept_after_exit": None}
    )


def _plain_before(line: Change) -> Plain | None:
    """Return what an undo of a change puts in its place."""
    if line.before is not None:
        return line.before
    created = _should_not_have_been(line)
    return None if created is None else to_plain(created)


def _records(draft: Draft, touched: Mapping[RecordKey, Change]) -> dict[RecordKey, Record]:
    """Return the records that a batch touched, as they are, enrollments first, after asking the policy for them."""
    records: dict[RecordKey, Record] = {}
    for kind in KINDS.values():
        ids = [key.id for key in touched if key.kind == kind.KIND]
        records |= {RecordKey(kind.KIND, record.key): record for record in draft.load(kind, ids)}
    stints = [record for record in records.values() if isinstance(record, CaseAssignment)]
    stays = [key.id for key in touched if key.kind == Enrollment.KIND]
    draft.open(dict.fromkeys([*stays, *(stint.enrollment_id for stint in stints)]))
    return records


def _wanted(draft: Draft, line: Change) -> Record | None:
    """Return the record as it was before a batch, or as one that should never have been; None where it stays."""
    kind = line.record.kind
    if line.before is None:
        return _should_not_have_been(line)
    before = _record(kind, line.before)
    if isinstance(before, CaseAssignment) and before.kept_after_exit and not before.voided:
        exit_date = draft.enrollment(before.enrollment_id).exit_date
        return attrs.evolve(before, kept_after_exit=exit_date is not None)
    return before


def _should_not_have_been(line: Change) -> Record | None:
    """Return a record that a line created as void, or deleted; None for one of a kind that can be neither."""
    created = _record(line.record.kind, line.after or {})
    if isinstance(created, CaseAssignment):
        return attrs.evolve(created, voided=True)
    return attrs.evolve(created, deleted=True) if isinstance(created, Enrollment) else None


def _put_back(draft: Draft, record: CaseAssignment | Enrollment) -> None:
    draft.put(record, ending=isinstance(record, CaseAssignment) and record.voided)
    if isinstance(record, Enrollment) and record.exit_date is None:
        let_go_of_kept(draft, record.enrollment_id)


def _record(kind: str, plain: Plain) -> Record:
    record: Record = from_plain(kind, plain)
    return record


def _changed_since(key: RecordKey) -> Violation:
    field = attrs.fields(KINDS[key.kind])[0].name
    return Violation("changed-since", field, [key.id], f"{key.kind} {key.id} was changed since the batch")
