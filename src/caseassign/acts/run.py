"""The skeleton of every act, written once.

Open a transaction, load the facts, ask the policy, compute the new records, check the rules before and after,
write records and history, return what happened. An act is a function of a `Draft`; `run` does all the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from caseassign.acts.check import check_draft
from caseassign.acts.draft import Draft
from caseassign.acts.ledger import Ledger
from caseassign.acts.outcome import Outcome
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError, PermissionDeniedError
from caseassign.history import COMMAND, RecordKey
from caseassign.model import is_text
from caseassign.personal import told
from caseassign.policy import Action


class Repeat(TypedDict, total=False):
    """What every act takes besides."""

    command_id: str | None
    dry_run: bool


class How(Repeat, total=False):
    """What every act takes that does not take a reason by position."""

    reason: str | None


def run(
    desk: Desk,
    action: Action,
    act: Callable[[Draft], None],
    *,
    reason: str | None = None,
    command_id: str | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Carry out one act in one transaction, or, in a dry run, say what it would do.

    An act that carries the ``command_id`` of an earlier one is not carried out: it returns the first outcome.
    """
    _check_text("reason", reason)
    _check_text("command_id", command_id)
    with desk.store.transaction(write=not dry_run) as tx:
        draft = Draft(desk, tx, action)
        first = None if command_id is None else _first_outcome(draft, command_id)
        if first is not None:
            return first
        act(draft)
        check_draft(draft)
        changes = draft.changes()
        if not changes and command_id is None:
            return draft.outcome((), None)
        ledger = Ledger(desk, tx, reason)
        lines = [ledger.change(part, before, after) for before, after, part in changes]
        told_lines = ledger.told(lines)
        if dry_run:
            return draft.outcome(told_lines, None)
        draft.write(changes, ledger.batch_id)
        outcome = draft.outcome(told_lines, ledger.batch_id if lines else None)
        if command_id is not None:
            lines.append(ledger.line(action, RecordKey(COMMAND, command_id), None, outcome.remembered()))
        ledger.append(lines)
        return outcome


def _check_text(name: str, text: str | None) -> None:
    if text is not None and not (is_text(text) and text):
        raise InvalidRecordError("Act", name, "is no text, is empty, or has a character that cannot be written")


def _first_outcome(draft: Draft, command_id: str) -> Outcome | None:
    history = draft.tx.history
    for command in history.of_records([RecordKey(COMMAND, command_id)]):
        if command.user_id != draft.desk.user_id:
            raise PermissionDeniedError(draft.action, "the command is another user's")
        if command.action != draft.action:
            raise InvalidRecordError("Command", "command_id", "was given to another act already: give each its own")
        changes = [line for line in history.of_batches([command.batch_id]) if line.record.kind != COMMAND]
        remembered: Any = command.after
        return Outcome.recalled(command, remembered, told(changes, draft.tx.personal.get))
    return None
