"""The history of a record: every line about it, from the one that first recorded it on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, overload

import attrs

from caseassign.desk import Desk
from caseassign.errors import NotFoundError
from caseassign.history import COMMAND, IMPORT, Break, Change, RecordKey, verify
from caseassign.model import Actor, CaseAssignment, Client, Enrollment, Record, User
from caseassign.policy import Action
from caseassign.storage import Records, Transaction


@attrs.frozen(kw_only=True)
class History(Sequence[Change]):
    """Lines of history, in the order in which they were written; ``withheld`` of them may not be seen."""

    lines: tuple[Change, ...]
    withheld: int = 0

    @overload
    def __getitem__(self, index: int) -> Change: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...

    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        return self.lines[index]

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.lines)


def history_of(desk: Desk, kind: str, key: str) -> History:
    """Return the history of a record, or of a batch.

    That of an enrollment includes the lines of its stints, that of a client the lines of their enrollments, that of
    a user the lines of the stints that they hold. That of a record that was imported begins with the import's line.
    """
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.HISTORY_VIEW)
        desk.authorize(actor, Action.HISTORY_VIEW)
        lines = tx.history.of_batches([key]) if kind == "batch" else _about(tx, kind, key)
        if kind == "batch" and not lines:
            raise NotFoundError(kind, (key,))
        lines = [line for line in lines if line.record.kind != COMMAND]
        shown = _visible(desk, tx, actor, lines)
    return History(lines=tuple(shown), withheld=len(lines) - len(shown))


def verify_history(desk: Desk) -> tuple[Break, ...]:
    """Return every place at which the history is not as it was written; none, if nobody touched it."""
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.AUDIT_RUN)
        desk.authorize(actor, Action.AUDIT_RUN)
        return tuple(verify(tx.history, tx.history.head()))


def _about(tx: Transaction, kind: str, key: str) -> list[Change]:
    records: Records[Any] = getattr(tx, f"{kind}s")
    found = records.get([key])
    if key not in found:
        raise NotFoundError(kind, (key,))
    related: list[Record] = [found[key]]
    if kind == Client.KIND:
        related += tx.enrollments.of_clients([key])
    if kind == User.KIND:
        related += tx.assignments.of_users([key])
    else:
        related += tx.assignments.of_enrollments([r.enrollment_id for r in related if isinstance(r, Enrollment)])
    lines = tx.history.of_records([RecordKey(record.KIND, record.key) for record in related])
    batches = tx.history.of_batches({record.batch_id for record in related if record.batch_id is not None})
    imports = [line for line in batches if line.record.kind == IMPORT]
    return sorted([*imports, *lines], key=lambda line: line.number)


def _visible(desk: Desk, tx: Transaction, actor: User | Actor, lines: Collection[Change]) -> list[Change]:
    """Return the lines that the actor may see: those about enrollments and clients whose project is open to them."""
    of_clients = tx.enrollments.of_clients({line.record.id for line in lines if line.record.kind == Client.KIND})
    of_lines = tx.enrollments.get({key for line in lines if (key := _enrollment_id(line)) is not None})
    enrollments = {e.enrollment_id: e for e in [*of_clients, *of_lines.values()]}
    projects = tx.projects.get({enrollment.project_id for enrollment in enrollments.values()})
    seen = {key for key, e in enrollments.items() if desk.policy.may_see(actor, projects[e.project_id])}
    hidden_clients = {e.personal_id for e in of_clients} - {e.personal_id for e in of_clients if e.key in seen}
    return [line for line in lines if _is_seen(line, seen, hidden_clients)]


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
