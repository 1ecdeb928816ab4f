"""Clients who are out of use: not enrolled and not held any more since a day, and still to be de-identified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final

import attrs

from caseassign.batches import in_batches
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.histories import lines_about_clients
from caseassign.history import IMPORT, Change, RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment
from caseassign.personal import imprints_in
from caseassign.policy import Action
from caseassign.results import Listed
from caseassign.sight import Sight
from caseassign.storage import Transaction

_CLIENTS_AT_ONCE: Final = 1_000


@attrs.frozen(kw_only=True)
class OutOfUse(Listed[Client]):
    """Clients who have not been in use since a day, by id; ``withheld`` of them may not be seen."""

    since: date
    clients: tuple[Client, ...]
    withheld: int = 0

    @property
    def rows(self) -> tuple[Client, ...]:
        """The clients."""
        return self.clients


def out_of_use(desk: Desk, since: date) -> OutOfUse:
    """Return the clients who have not been in use since a day, as long as something is left to be de-identified.

    One who was never enrolled goes by the day on which they were recorded, or changed. Raises `InvalidRecordError`
    for a day to come: nobody can be out of use since then.
    """
    if since > desk.today:
        raise InvalidRecordError("Question", "since", "lies in the future")
    shown: list[Client] = []
    withheld = 0
    with desk.asking(Action.AUDIT_RUN) as (tx, actor):
        desk.authorize(actor, Action.AUDIT_RUN)
        sight = Sight(desk, tx, actor)
        for clients in in_batches(tx.clients, _CLIENTS_AT_ONCE):
            out = _out_of_use(tx, {client.personal_id: client for client in clients}, since)
            hidden = _partly_hidden(tx, sight, out)
            shown += (client for key, client in out.items() if key not in hidden)
            withheld += len(hidden)
    return OutOfUse(since=since, clients=tuple(shown), withheld=withheld)


def in_use(tx: Transaction, personal_ids: Iterable[str], since: date) -> set[str]:
    """Return those of the clients who are enrolled, or held, as of a day or later."""
    stays = {e.enrollment_id: e for e in tx.enrollments.of_clients(personal_ids) if not e.deleted}
    held = {s.enrollment_id for s in tx.assignments.of_enrollments(stays) if _is_later(s, since)}
    return {e.personal_id for key, e in stays.items() if key in held or _is_later(e, since)}


def texts_about(tx: Transaction, lines: Mapping[str, Iterable[Change]]) -> dict[str, set[str]]:
    """Return which of the personal texts that a client's lines stand for are there: their imprints, by client.

    Why somebody was de-identified is not among them: it stays.
    """
    of_each = {
        key: imprints_in(line for line in about if line.action != Action.CLIENT_DEIDENTIFY)
        for key, about in lines.items()
    }
    there = tx.personal.get(set().union(*of_each.values())).keys()
    return {key: imprints & there for key, imprints in of_each.items()}


def _is_later(record: Enrollment | CaseAssignment, since: date) -> bool:
    """Whether a record that is not deleted has not come to its end as of a day."""
    if isinstance(record, Enrollment):
        return record.entry_date > since or record.exit_date is None or record.exit_date > since
    return not record.voided and not record.period.has_ended(since)


def _out_of_use(tx: Transaction, clients: Mapping[str, Client], since: date) -> dict[str, Client]:
    out = clients.keys() - in_use(tx, clients, since)
    out -= _recorded_since(tx, [clients[key] for key in out], since)
    nameless = [key for key in out if clients[key].first_name is None and clients[key].last_name is None]
    texts = texts_about(tx, lines_about_clients(tx, nameless))
    out -= {key for key in nameless if not texts[key]}
    return {key: client for key, client in clients.items() if key in out}


def _recorded_since(tx: Transaction, clients: Iterable[Client], since: date) -> set[str]:
    """Return those of the clients who have no enrollment, and were recorded or changed later than a day."""
    enrolled = {e.personal_id for e in tx.enrollments.of_clients([c.personal_id for c in clients]) if not e.deleted}
    lines_of: defaultdict[RecordKey, set[str]] = defaultdict(set)
    for client in clients:
        if client.personal_id not in enrolled:
            lines_of[RecordKey(Client.KIND, client.personal_id)].add(client.personal_id)
            if client.batch_id is not None:
                lines_of[RecordKey(IMPORT, client.batch_id)].add(client.personal_id)
    later = (line.record for line in tx.history.of_records(lines_of) if line.recorded_at.date() > since)
    return set().union(*(lines_of[record] for record in later))


def _partly_hidden(tx: Transaction, sight: Sight, personal_ids: Collection[str]) -> set[str]:
    """Return those of the clients of whom the actor may not see every enrollment: they are not theirs to judge."""
    stays = {e.enrollment_id: e for e in tx.enrollments.of_clients(personal_ids)}
    seen = sight.of_enrollments({key: e.project_id for key, e in stays.items()})
    return {e.personal_id for key, e in stays.items() if key not in seen}
