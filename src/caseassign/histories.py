"""The history of a record: every line about it, from the one that first recorded it on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import attrs

from caseassign.batches import in_batches
from caseassign.desk import Desk
from caseassign.errors import NotFoundError
from caseassign.history import COMMAND, IMPORT, Break, Change, Head, RecordKey, verify
from caseassign.model import CaseAssignment, Client, Enrollment, Record, User
from caseassign.past import present
from caseassign.personal import misfits, told
from caseassign.policy import Action
from caseassign.results import Listed
from caseassign.sight import Sight
from caseassign.storage import Records, Transaction, one

_LINES_AT_ONCE: Final = 2_000


@attrs.frozen(kw_only=True)
class History(Listed[Change]):
    """Lines of history, in the order in which they were written; ``withheld`` of them may not be seen.

    ``about`` is the record, or the batch, that was asked about; None where nothing of it may be seen. ``known_at`` is
    the moment up to which what was recorded counts.
    """

    lines: tuple[Change, ...]
    withheld: int = 0
    about: RecordKey | None = None
    known_at: datetime | None = attrs.field(default=None, eq=False)

    @property
    def rows(self) -> tuple[Change, ...]:
        """The lines."""
        return self.lines


def history_of(desk: Desk, kind: str, key: str) -> History:
    """Return the history of a record, or of a batch.

    That of an enrollment includes the lines of its stints, that of a client the lines of their enrollments, that of
    a user the lines of the stints that they hold, for those who may see that caseload. That of a record that was
    imported begins with the import's line.
    """
    with desk.asking(Action.HISTORY_VIEW) as (tx, actor):
        desk.authorize(actor, Action.HISTORY_VIEW)
        if kind == User.KIND:
            desk.authorize(actor, Action.CASELOAD_VIEW, user=one(present(tx).users, kind, key))
        sight = Sight(desk, tx, actor)
        lines, hidden = _of_batch(tx, key) if kind == "batch" else _about(tx, sight, kind, key)
        lines = [line for line in lines if line.record.kind != COMMAND]
        shown = _visible(tx, sight, lines)
        shown = told(shown, tx.personal.get)
    about = RecordKey(kind, key) if shown else None
    return History(lines=tuple(shown), withheld=hidden + len(lines) - len(shown), about=about, known_at=desk.known_at)


def verify_history(desk: Desk, anchors: Iterable[Head] = ()) -> tuple[Break, ...]:
    """Return every place at which the history is not as it was written; none, if nobody touched it."""
    noted = list(anchors)
    with desk.asking(Action.AUDIT_RUN) as (tx, actor):
        desk.authorize(actor, Action.AUDIT_RUN)
        of_texts: list[Break] = []
        of_lines = list(verify(_with_texts_checked(tx, of_texts), tx.history.head(), noted))
    return tuple(sorted([*of_lines, *of_texts], key=lambda found: found.number))


def history_head(desk: Desk) -> Head:
    """Return where the history ends."""
    with desk.asking(Action.AUDIT_RUN) as (tx, actor):
        desk.authorize(actor, Action.AUDIT_RUN)
        return tx.history.head()


def lines_about_clients(tx: Transaction, personal_ids: Iterable[str]) -> dict[str, list[Change]]:
    """Return the lines about each client, their enrollments and the assignments on these, as they stand.

    The line of an import is about everybody whose records it was the first to see.
    """
    clients = tx.clients.get(personal_ids)
    stays = {stay.enrollment_id: stay for stay in tx.enrollments.of_clients(clients)}
    stints = tx.assignments.of_enrollments(stays)
    records: list[tuple[Record, str]] = [(client, key) for key, client in clients.items()]
    records += ((stay, stay.personal_id) for stay in stays.values())
    records += ((stint, stays[stint.enrollment_id].personal_id) for stint in stints)
    whose: defaultdict[RecordKey, set[str]] = defaultdict(set)
    for record, key in records:
        whose[RecordKey(record.KIND, record.key)].add(key)
        if record.batch_id is not None:
            whose[RecordKey(IMPORT, record.batch_id)].add(key)
    lines: dict[str, list[Change]] = {key: [] for key in clients}
    for line in tx.history.of_records(whose):
        for key in whose[line.record]:
            lines[key].append(line)
    return lines


def _with_texts_checked(tx: Transaction, found: list[Break]) -> Iterator[Change]:
    """Yield every line, and note where the text that it stands for is not the one that was written."""
    for lines in in_batches(tx.history, _LINES_AT_ONCE):
        found += misfits(lines, tx.personal.get)
        yield from lines


def _of_batch(tx: Transaction, batch_id: str) -> tuple[list[Change], int]:
    lines = tx.history.of_batches([batch_id])
    if not lines:
        raise NotFoundError("batch", (batch_id,))
    return lines, 0


def _about(tx: Transaction, sight: Sight, kind: str, key: str) -> tuple[list[Change], int]:
    """Return the lines about a record and what belongs to it, and how many more there are that may not be seen."""
    records: Records[Any] = getattr(tx, f"{kind}s")
    related: list[Record] = [one(records, kind, key)]
    if kind == Client.KIND:
        related += tx.enrollments.of_clients([key])
    if kind == User.KIND:
        related += tx.assignments.of_users([key])
    else:
        related += tx.assignments.of_enrollments([r.enrollment_id for r in related if isinstance(r, Enrollment)])
    on = {RecordKey(r.KIND, r.key): r.enrollment_id for r in related if isinstance(r, Enrollment | CaseAssignment)}
    seen = _seen(tx, sight, on.values())
    hidden = {record for record, enrollment_id in on.items() if enrollment_id not in seen}
    about = [RecordKey(record.KIND, record.key) for record in related]
    imports = [RecordKey(IMPORT, record.batch_id) for record in related if record.batch_id is not None]
    lines = tx.history.of_records([*imports, *(record for record in about if record not in hidden)])
    return lines, tx.history.count(hidden) if hidden else 0


def _visible(tx: Transaction, sight: Sight, lines: Collection[Change]) -> list[Change]:
    """Return the lines that the actor may see: those about enrollments and clients whose project is open to them."""
    seen = _seen(tx, sight, [key for line in lines if (key := _enrollment_id(line)) is not None])
    hidden_clients = sight.hidden_clients({line.record.id for line in lines if line.record.kind == Client.KIND})
    return [line for line in lines if _is_seen(line, seen, hidden_clients)]


def _seen(tx: Transaction, sight: Sight, enrollment_ids: Iterable[str]) -> Collection[str]:
    return sight.of_enrollments(tx.enrollments.projects_of(enrollment_ids))


def _is_seen(line: Change, enrollments: Collection[str], hidden_clients: Collection[str]) -> bool:
    enrollment_id = _enrollment_id(line)
    if enrollment_id is not None:
        return enrollment_id in enrollments
    return line.record.kind != Client.KIND or line.record.id not in hidden_clients


def _enrollment_id(line: Change) -> str | None:
    if line.record.kind == Enrollment.KIND:
        return line.record.id
    after: Any = line.after
    return str(after["enrollment_id"]) if line.record.kind == CaseAssignment.KIND else None
