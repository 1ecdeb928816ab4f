"""What the fault tests share: an agency at work, one real act after the other, and what must be true afterwards."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

import attrs

from caseassign import (
    SYSTEM,
    CaseAssignError,
    Casework,
    Client,
    Organization,
    Project,
    StorageError,
    User,
)
from caseassign.acts.outcome import Outcome
from caseassign.history import COMMAND, Change, RecordKey, to_plain
from caseassign.model import KINDS
from caseassign.personal import told
from caseassign.storage import Store, Transaction

TODAY: Final = date(2026, 3, 2)
NAME: Final = "Marigold"
"""Part of every name and reason, so that a message that shows one is found out."""

_WORKERS: Final = ("bo", "kim", "lee", "sam")
_CLIENTS: Final = tuple(f"c{number}" for number in range(1, 25))

Receipt: TypeAlias = tuple[int, str]
"""What is acknowledged of a batch: how many lines of history it has, and the digest of the last one."""


def say(*lines: str) -> None:
    """Report to whoever has started the script."""
    print(*lines, sep="\n", flush=True)  # a command that people read


def receipt(lines: Iterable[Change]) -> Receipt:
    """Return what to remember of the lines of one batch."""
    of_batch = list(lines)
    return len(of_batch), of_batch[-1].digest


class Office:
    """An agency that goes on working on a store: enroll, assign, end, hand over, exit, re-open, reassign, undo."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)
        self._casework = Casework(store, user=SYSTEM, clock=lambda: TODAY)

    def set_up(self) -> None:
        """Add the people and the places, and a few households to begin with."""
        self._casework.add(
            Organization(organization_id="haven", organization_name=f"Haven {NAME}"),
            *(Project(project_id=key, organization_id="haven", project_name=f"{key} {NAME}") for key in ("es", "th")),
            *(User(user_id=key, last_name=NAME, organization_ids=frozenset({"haven"})) for key in _WORKERS),
            *(Client(personal_id=key, last_name=NAME) for key in _CLIENTS),
        )
        for number in range(0, 8, 2):
            members = {_CLIENTS[number]: 1, _CLIENTS[number + 1]: 2}
            self._casework.enroll(members, "es", on=self._day(), case_manager=self._worker())

    def act(self) -> Outcome:
        """Carry out the next act that is not refused, and return what it did."""
        while True:
            name = self._random.choice((*self._acts, "enroll"))
            try:
                outcome: Outcome = self._acts[name](self, reason=f"because of {NAME}")
            except StorageError:
                raise
            except (CaseAssignError, IndexError):  # refused by a rule, or there is nothing to act on
                continue
            if outcome.batch_id is not None:
                return outcome

    def take_back(self, batch_id: str, command_id: str) -> Outcome:
        """Undo a batch by a command, which happens once however often it is given."""
        return self._casework.undo(batch_id, command_id=command_id)

    def _enroll(self, **how: Any) -> Outcome:
        members = self._random.sample(_CLIENTS, 3)
        return self._casework.enroll(
            {key: 1 if key == members[0] else 2 for key in members},
            self._random.choice(("es", "th")),
            on=self._day(),
            case_manager=self._worker(),
            **how,
        )

    def _assign(self, **how: Any) -> Outcome:
        start = self._day()
        end = start + timedelta(days=self._random.randrange(1, 40))
        household = self._random.random() < 1 / 2
        return self._casework.assign(self._stay(), self._worker(), start=start, end=end, household=household, **how)

    def _end(self, **how: Any) -> Outcome:
        return self._casework.end(self._stint(), on=self._day(), **how)

    def _hand_over(self, **how: Any) -> Outcome:
        return self._casework.hand_over(self._stint(), self._worker(), on=self._day(), **how)

    def _exit(self, **how: Any) -> Outcome:
        return self._casework.exit(self._stay(), on=self._day(), household=self._random.random() < 1 / 2, **how)

    def _undo_exit(self, **how: Any) -> Outcome:
        return self._casework.undo_exit(self._stay(), household=True, **how)

    def _reassign(self, **how: Any) -> Outcome:
        from_, *to = self._random.sample(_WORKERS, 3)
        return self._casework.reassign(from_, to, on=TODAY, balance=True, **how)

    def _undo(self, **how: Any) -> Outcome:
        with self._store.transaction() as tx:
            batches = list(dict.fromkeys(line.batch_id for line in tx.history))
        return self._casework.undo(self._random.choice(batches[5:][-6:]), **how)

    _acts: Final = {
        "enroll": _enroll,
        "assign": _assign,
        "end": _end,
        "hand over": _hand_over,
        "exit": _exit,
        "undo exit": _undo_exit,
        "reassign": _reassign,
        "undo": _undo,
    }

    def _stay(self) -> str:
        with self._store.transaction() as tx:
            return self._random.choice([stay.key for stay in tx.enrollments if not stay.deleted])

    def _stint(self) -> str:
        with self._store.transaction() as tx:
            return self._random.choice([stint.key for stint in tx.assignments if not stint.voided])

    def _worker(self) -> str:
        return self._random.choice(_WORKERS)

    def _day(self) -> date:
        return TODAY + timedelta(days=self._random.randrange(-60, 10))


def batches(store: Store) -> dict[str, Receipt]:
    """Return a receipt for each batch on record."""
    with store.transaction() as tx:
        return _receipts(list(tx.history))


def problems(store: Store, acknowledged: Mapping[str, Receipt], unannounced: int = 1) -> list[str]:
    """Return what is not as it must be: whole batches, all that were acknowledged, and only so many others."""
    casework = Casework(store, user=SYSTEM, clock=lambda: TODAY)
    found = [f"history breaks at line {broken.number}" for broken in casework.verify_history()]
    with store.transaction() as tx:
        lines = list(tx.history)
        found += unlike_history(tx)
    there = _receipts(lines)
    found += [
        f"batch {key} was acknowledged, and is not there whole" for key, _ in acknowledged.items() - there.items()
    ]
    others = len(there.keys() - acknowledged.keys())
    if others > unannounced:
        found.append(f"{others} batches are there that nobody was told of")
    found += [f"required: {finding.code} of {finding.ids}" for finding in casework.audit() if finding.required]
    return found


def content(store: Store) -> str:
    """Return everything that can be read as one text: records, and lines with the texts that they stand for."""
    with store.transaction() as tx:
        records = [attrs.asdict(record) for kind in KINDS for record in getattr(tx, f"{kind}s")]
        lines = [attrs.asdict(line) for line in told(tx.history, tx.personal.get)]
        return json.dumps([records, lines, tx.history.head()], default=str)


def history_of(store: Store) -> str:
    """Return the history as one text, each line as it stands in the store."""
    with store.transaction() as tx:
        return json.dumps([[attrs.asdict(line) for line in tx.history], tx.history.head()], default=str)


def tells_values(error: BaseException) -> bool:
    """Whether the message of an error, or of one behind it, shows what was stored, or comes from a driver."""
    shown: BaseException | None = error
    while shown is not None:
        if not isinstance(shown, CaseAssignError) or NAME in str(shown):
            return True
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return False


def _receipts(lines: list[Change]) -> dict[str, Receipt]:
    of_batch: defaultdict[str, list[Change]] = defaultdict(list)
    for line in lines:
        if line.record.kind != COMMAND:  # which an outcome does not name
            of_batch[line.batch_id].append(line)
    return {batch_id: receipt(of_one) for batch_id, of_one in of_batch.items()}


def unlike_history(tx: Transaction) -> list[str]:
    """Compare each record with the last line about it, and its batch with that of the first."""
    lines = [line for line in told(tx.history, tx.personal.get) if line.record.kind != COMMAND]
    first = {line.record: line for line in reversed(lines)}
    last = {line.record: line for line in lines}
    found = []
    for kind in KINDS:
        there = {record.key: record for record in getattr(tx, f"{kind}s")}
        named = {key.id for key in last if key.kind == kind}
        found += [f"{kind} {key} has a record or a line, not both" for key in there.keys() ^ named]
        for key in there.keys() & named:
            line = RecordKey(kind, key)
            if to_plain(there[key]) != last[line].after:
                found.append(f"{kind} {key} is not as its last line says")
            if there[key].batch_id != first[line].batch_id:
                found.append(f"{kind} {key} is not of the batch of its first line")
    return found
