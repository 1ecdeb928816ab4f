"""Lines of history, by hand: sealed one over the other in the same form as the library's, and appended."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from caseassign.history import Change, RecordKey
from caseassign.ids import new_id
from caseassign.model import CaseAssignment

_HEAD: Final = "SELECT number, digest, recorded_at FROM change ORDER BY number DESC LIMIT 1"
_APPEND: Final = "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def plain(stint: CaseAssignment) -> dict[str, Any]:
    """Return a stint as it stands in a line."""
    return {
        "assignment_id": stint.assignment_id,
        "enrollment_id": stint.enrollment_id,
        "user_id": stint.user_id,
        "start_date": stint.start_date.isoformat(),
        "end_date": None if stint.end_date is None else stint.end_date.isoformat(),
        "role": stint.role,
        "kept_after_exit": stint.kept_after_exit,
        "voided": stint.voided,
    }


def append(
    db: sqlite3.Connection,
    user_id: str,
    changes: Iterable[tuple[str, CaseAssignment | None, CaseAssignment]],
) -> tuple[str, list[Change]]:
    """Write the lines of one batch (action, before, after); return its id and the lines."""
    number, before_digest, last = db.execute(_HEAD).fetchone() or (0, "", "")
    moment = datetime.now(UTC)
    recorded_at = max(moment.isoformat(), last)
    batch_id = new_id()
    lines, rows = [], []
    for action, old, new in changes:
        number += 1
        change_id = new_id()
        before, after = None if old is None else plain(old), plain(new)
        record = RecordKey("assignment", new.assignment_id)
        sealed = [
            before_digest,
            number,
            change_id,
            recorded_at,
            user_id,
            action,
            *record,
            before,
            after,
            None,
            batch_id,
        ]
        before_digest = hashlib.sha256(_encode(sealed).encode()).hexdigest()
        lines.append(
            Change(
                number=number,
                change_id=change_id,
                recorded_at=moment,
                user_id=user_id,
                action=action,
                record=record,
                before=before,
                after=after,
                reason=None,
                batch_id=batch_id,
                digest=before_digest,
            )
        )
        old_text = None if before is None else _encode(before)
        rows.append(
            (
                number,
                change_id,
                recorded_at,
                user_id,
                action,
                *record,
                old_text,
                _encode(after),
                None,
                batch_id,
                before_digest,
            )
        )
    db.executemany(_APPEND, rows)
    return batch_id, lines


def is_whole(db: sqlite3.Connection) -> bool:
    """Whether every line is sealed over the one before."""
    digest = ""
    for row in db.execute("SELECT * FROM change ORDER BY number"):
        *line, before, after, reason, batch_id, sealed = row
        plains = [None if text is None else json.loads(text) for text in (before, after)]
        digest = hashlib.sha256(_encode([digest, *line, *plains, reason, batch_id]).encode()).hexdigest()
        if digest != sealed:
            return False
    return True
