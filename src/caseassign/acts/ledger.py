"""The ledger: writes the lines of one batch onto the end of history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from caseassign.desk import Desk
from caseassign.history import COMMAND, Change, Plain, RecordKey, to_plain
from caseassign.ids import new_id, new_salt
from caseassign.model import Record
from caseassign.personal import imprint_of, imprinted, told
from caseassign.policy import Action
from caseassign.storage import Transaction


class Ledger:
    """Seals lines one after the other, all of one batch, one moment, one user and one reason.

    Imprints stand in them for what is personal; what stands for the reason is the same in all. The line that remembers
    a command has no reason: it is about no client, so nobody would remove it.
    """

    def __init__(self, desk: Desk, tx: Transaction, reason: str | None) -> None:
        self.batch_id = new_id()
        self._tx = tx
        self._head = tx.history.head()
        self._user_id = desk.user_id
        self._texts: dict[str, str] = {}
        self._why = reason
        self._reason: str | None = None
        now = desk.moment
        self._recorded_at = now if self._head.recorded_at is None else max(now, self._head.recorded_at)

    def line(self, action: str, record: RecordKey, before: Plain | None, after: Plain | None) -> Change:
        """Return the next line of the chain, sealed; `append` writes it.

        A text that stands in the line more than once has one imprint there, and another one in every other line. What
        a de-identification takes away is not written down once more: its imprint stands for nothing.
        """
        if self._reason is None and self._why is not None and record.kind != COMMAND:
            self._reason = self._imprint(self._why)
        names: dict[str, str] = {}

        def imprint(text: str) -> str:
            if text not in names:
                names[text] = self._imprint(text)
            return names[text]

        line = Change(
            number=self._head.number + 1,
            change_id=new_id(),
            recorded_at=self._recorded_at,
            user_id=self._user_id,
            action=str(action),
            record=record,
            before=imprinted(before, record.kind, imprint),
            after=imprinted(after, record.kind, imprint),
            reason=None if record.kind == COMMAND else self._reason,
            batch_id=self.batch_id,
        ).sealed(self._head)
        self._head = line.head
        if action == Action.CLIENT_DEIDENTIFY:
            for lost in names.values():
                del self._texts[lost]
        return line

    def change(self, action: str, before: Record | None, after: Record) -> Change:
        """Return the line that says that a record is new, or is no longer as it was."""
        plain: dict[str, Any] | None = None if before is None else to_plain(before)
        return self.line(action, RecordKey(after.KIND, after.key), plain, to_plain(after))

    def told(self, lines: Iterable[Change]) -> tuple[Change, ...]:
        """Return lines that are not written yet with their texts put back."""
        return tuple(told(lines, lambda wanted: {each: self._texts[each] for each in wanted if each in self._texts}))

    def append(self, lines: Sequence[Change]) -> None:
        """Write lines that `line` and `change` returned, in their order, and the texts that they stand for."""
        if lines and self._texts:
            self._tx.personal.put(self._texts)
            self._texts = {}
        self._tx.history.append(lines)

    def _imprint(self, text: str) -> str:
        salted = new_salt() + text
        imprint = imprint_of(salted)
        self._texts[imprint] = salted
        return imprint
