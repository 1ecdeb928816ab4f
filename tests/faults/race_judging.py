"""What is looked at after each round: whether all is whole, and whether it is what a serial order gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby, permutations
from typing import Any, TypeAlias

import attrs
from race_meeting import Answer, answered
from race_scenes import After, Known, Round, Scene, fill, front_of

from caseassign import SYSTEM, MemoryStore
from caseassign.audit import Finding
from caseassign.history import IMPORT, Change, Head, RecordKey, to_plain, verify
from caseassign.model import KINDS, CaseAssignment, Enrollment
from caseassign.storage import Store

Picture: TypeAlias = Hashable
"""What a round was told and has left, in words that are the same in every store."""

Order: TypeAlias = tuple[int, ...]
"""Whose steps came one after the other, by seat."""


@attrs.frozen
class Snapshot:
    """All that is in a store in which nobody is at work, and which required rules an audit finds broken."""

    lines: Sequence[Change]
    head: Head
    records: Mapping[RecordKey, Any]
    findings: Sequence[Finding]

    @classmethod
    def of(cls, store: Store) -> Snapshot:
        """Look at a store."""
        findings = [found for found in front_of(store)(SYSTEM).audit() if found.required]
        with store.transaction() as tx:
            records = {RecordKey(kind, record.key): record for kind in KINDS for record in getattr(tx, f"{kind}s")}
            return cls(tuple(tx.history), tx.history.head(), records, findings)

    def faults(self) -> Iterator[str]:
        """Yield what is not whole: the history, and each record against the last line about it."""
        for broken in verify(self.lines, self.head):
            yield f"history, line {broken.number}: {broken.problem}"
        last = {line.record: line for line in self.lines}
        imports = {line.batch_id for line in self.lines if line.record.kind == IMPORT}
        for key, record in self.records.items():
            line = last.get(key)
            if line is None and record.batch_id not in imports:
                yield f"{key.kind} {key.id} has no line"
            elif line is not None and line.after != to_plain(record):
                yield f"{key.kind} {key.id} is not as its last line says"
        yield from (f"{key.kind} {key.id} is lost" for key in last if key.kind in KINDS and key not in self.records)

    def after(self, round_: Round, known: Known, answers: Sequence[Sequence[Answer]], lines_before: int) -> After:
        """Return what there is of a round."""
        records = self.records.values()
        stays = {
            record.enrollment_id: record
            for record in records
            if isinstance(record, Enrollment) and round_.name(record.personal_id) != record.personal_id
        }
        stints = [record for record in records if isinstance(record, CaseAssignment) and record.enrollment_id in stays]
        lines = self.lines[lines_before:]
        findings = [(found.code, str(found.enrollment_id)) for found in self.findings if found.enrollment_id in stays]
        return After(round_, known, answers, list(stays.values()), stints, lines, findings)


def line_count(store: Store) -> int:
    """Return how many lines of history there are."""
    with store.transaction() as tx:
        return tx.history.head().number


def picture(seen: After) -> Picture:
    """Return what a round was told and has left, without ids that are new each time."""
    name = seen.round.name
    client_of = {stay.enrollment_id: name(stay.personal_id) for stay in seen.stays}
    stays = [(name(s.personal_id), s.entry_date, s.exit_date, s.deleted) for s in seen.stays]
    stints = [
        (client_of[s.enrollment_id], name(s.user_id), s.start_date, s.end_date, s.role, s.kept_after_exit, s.voided)
        for s in seen.stints
    ]
    findings = Counter((code, client_of.get(enrollment_id)) for code, enrollment_id in seen.findings)
    said = tuple(tuple(answer.said for answer in answers) for answers in seen.answers)
    return said, _counted(stays), _counted(stints), tuple(_batches(seen.lines)), frozenset(findings.items())


def _counted(rows: Sequence[Hashable]) -> Hashable:
    return frozenset(Counter(rows).items())


def _batches(lines: Sequence[Change]) -> Iterator[Hashable]:
    for _, batch in groupby(lines, key=lambda line: line.batch_id):
        yield _counted([(line.user_id, line.action, line.record.kind, line.before is None) for line in batch])


def serial(scene: Scene, round_: Round) -> dict[Picture, list[Order]]:
    """Return what the steps of a round give in each order in which they can come one after the other."""
    found: dict[Picture, list[Order]] = {}
    for order in _orders(scene, round_):
        with closing(MemoryStore()) as store:
            front = front_of(store)
            fill(front)
            known = scene.prepare(front, round_)
            lines_before = line_count(store)
            steps = [iter(scene.steps(front, round_, known, seat)) for seat in (0, 1)]
            answers: tuple[list[Answer], list[Answer]] = ([], [])
            for seat in order:
                answers[seat].append(answered(next(steps[seat])))
            seen = Snapshot.of(store).after(round_, known, answers, lines_before)
            found.setdefault(picture(seen), []).append(order)
    return found


def _orders(scene: Scene, round_: Round) -> list[Order]:
    with closing(MemoryStore()) as store:
        front = front_of(store)
        fill(front)
        known = scene.prepare(front, round_)
        seats = [seat for seat in (0, 1) for _ in scene.steps(front, round_, known, seat)]
    return sorted(set(permutations(seats)))


def order_of(answers: Sequence[Sequence[Answer]]) -> Order:
    """Return in which order the steps of a round ended."""
    ended = [(answer.ended, seat) for seat in (0, 1) for answer in answers[seat]]
    return tuple(seat for _, seat in sorted(ended))


def met(answers: Sequence[Sequence[Answer]]) -> bool:
    """Whether the two were at work at the same moment."""
    return max(each[0].began for each in answers) < min(each[-1].ended for each in answers)
