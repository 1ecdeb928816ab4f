"""The ledger: writes the lines of one batch onto the end of history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from caseassign.desk import Desk
from caseassign.history import Change, Plain, RecordKey, to_plain
from caseassign.ids import new_id
from caseassign.model import Record
from caseassign.storage import Transaction


class Ledger:
    """Seals lines one after the other, all of one batch, one moment, one user and one reason."""

    def __init__(self, desk: Desk, tx: Transaction, reason: str | None) -> None:
        self.batch_id = new_id()
        self._tx = tx
        self._head = tx.history.head()
        self._user_id = desk.user_id
        self._reason = reason
        now = desk.moment
        self._recorded_at = now if self._head.recorded_at is None else max(now, self._head.recorded_at)

    def line(self, action: str, record: RecordKey, before: Plain | None, after: Plain | None) -> Change:
        """Return the next line of the chain, sealed; `append` writes it."""
        line = Change(
            number=self._head.number + 1,
            change_id=new_id(),
            recorded_at=self._recorded_at,
            user_id=self._user_id,
            action=str(action),
            record=record,
            before=before,
            after=after,
            reason=self._reason,
            batch_id=self.batch_id,
        ).sealed(self._head)
        self._head = line.head
        return line

    def change(self, action: str, before: Record | None, after: Record) -> Change:
        """Return the line that says that a record is new, or is no longer as it was."""
        plain: dict[str, Any] | None = None if before is None else to_plain(before)
        return self.line(action, RecordKey(after.KIND, after.key), plain, to_plain(after))

    def append(self, lines: Iterable[Change]) -> None:
        """Write lines that `line` and `change` returned, in their order."""
        self._tx.history.append(lines)
