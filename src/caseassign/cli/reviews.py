"""The commands that look at what was done, and at what is not as it should be: history and audit."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from tempfile import TemporaryFile
from typing import Final, TextIO, TypeAlias

import attrs

from caseassign.audit import Audit, Finding
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, REFUSED, Commands
from caseassign.cli.output import answer, print_blocks, print_json, progress
from caseassign.cli.store import check_part, opened, output_file
from caseassign.coming_up import covered_by, stints_together
from caseassign.display import story, text
from caseassign.display.blocks import Block, Line, as_asked
from caseassign.display.words import counted
from caseassign.model import Actor, CaseAssignment
from caseassign.storage import Store, Transaction

Taker: TypeAlias = Callable[[Finding], object]
"""Takes in what an audit finds, one by one."""

_RECORDS: Final = ("enrollment", "assignment", "client", "user", "batch")
_SHOWN: Final = 50
_COLUMNS: Final = (
    "code",
    "required",
    "assignment_id",
    "enrollment_id",
    "user_id",
    "personal_id",
    "household_id",
    "message",
)


def add_commands(commands: Commands) -> None:
    """Add the commands that look back."""
    history = arguments.command(commands, "history", _history, "Show who did what, when and why.")
    record = history.add_mutually_exclusive_group(required=True)
    for kind in _RECORDS:
        record.add_argument(f"--{kind}", metavar="ID", help=f"the history of this {kind}")
    arguments.known_at(history)

    audit = arguments.command(
        commands, "audit", _audit, "List every violation; exit with 1 if a required one is found."
    )
    arguments.as_of(audit)
    arguments.known_at(audit)
    arguments.part(audit)
    audit.add_argument("--csv", metavar="FILE", help="write every violation to this file")


# History


def _history(args: Namespace) -> int:
    kind, key = next((kind, key) for kind in _RECORDS if (key := getattr(args, kind)) is not None)
    with opened(args) as store:
        lines = Casework(store, user=Actor.SYSTEM).history(**{kind: key}, known_at=args.known_at)
        with store.transaction() as tx:
            more = tx.history.of_batches(story.batches_of_hand_overs(lines))
            covered = _covered(tx, story.covers_in(lines))
            users = tx.users.get(story.users_in((*lines, *more)).union(*covered.values()))
    answer(
        args,
        data=lines.to_dicts,
        blocks=lambda: as_asked(lines, story.history(f"{kind} {key}", lines, users, more, covered)),
    )
    return DONE


def _covered(tx: Transaction, covers: Sequence[CaseAssignment]) -> dict[str, frozenset[str]]:
    """Return for whom each cover is."""
    together = stints_together(tx, [cover.enrollment_id for cover in covers])
    return {cover.assignment_id: covered_by(cover, together[cover.enrollment_id]) for cover in covers}


# Audit


@attrs.define
class _Tally:
    """What people are told of an audit: how many violations of each code there are, and the first of them."""

    required: Counter[str] = attrs.field(factory=Counter)
    advisory: Counter[str] = attrs.field(factory=Counter)
    first: list[Finding] = attrs.field(factory=list)

    def take(self, finding: Finding) -> None:
        """Count a violation."""
        (self.required if finding.required else self.advisory)[finding.code] += 1
        if len(self.first) < _SHOWN:
            self.first.append(finding)

    @property
    def counts(self) -> Counter[str]:
        """How many violations of each code there are, required or not."""
        return self.required + self.advisory


def _audit(args: Namespace) -> int:
    tally = _Tally()
    with TemporaryFile("w+", encoding="utf-8") as spool:
        with opened(args) as store, _written_as_csv(args) as writers:
            check_part(store, args)
            spoolers = [partial(_spool, spool)] if args.json else []
            audit = _walk(store, args, [tally.take, *spoolers, *writers])
        if args.json:
            print_json(_document(audit.as_of, tally.counts, spool))
        else:
            print_blocks(as_asked(audit, _report(audit, tally, args.csv)))
    return REFUSED if tally.required else DONE


def _walk(store: Store, args: Namespace, takers: Iterable[Taker]) -> Audit:
    """Hand every violation to each of the takers, and return the audit."""
    with progress() as show:
        audit = Casework(store, user=Actor.SYSTEM).audit(
            args.as_of,
            projects=args.project,
            organizations=args.organization,
            progress=partial(show, "Enrollments looked at"),
            known_at=args.known_at,
        )
        for finding in audit:
            for take in takers:
                take(finding)
    return audit


def _spool(spool: TextIO, finding: Finding) -> None:
    spool.write(json.dumps(finding.to_dict(), ensure_ascii=False) + "\n")


@contextmanager
def _written_as_csv(args: Namespace) -> Iterator[list[Taker]]:
    """Open the CSV file that was asked for, if one was, and give what writes to it."""
    if args.csv is None:
        yield []
        return
    with output_file(args, args.csv) as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        yield [lambda finding: writer.writerow(finding.to_dict())]


def _document(as_of: date, counts: Mapping[str, int], spool: TextIO) -> Iterator[str]:
    """Yield the JSON document of an audit, with the violations from the disk, where there is room for many."""
    yield f'{{"as_of": "{as_of}", "counts": {json.dumps(dict(sorted(counts.items())))}, "violations": ['
    spool.seek(0)
    for number, line in enumerate(spool):
        yield f"{', ' if number else ''}{line.rstrip()}"
    yield "]}\n"


def _report(audit: Audit, tally: _Tally, csv_file: str | None) -> Iterator[Block]:
    yield from text.audit(audit.as_of, tally.required, tally.advisory, audit.withheld)
    total = tally.counts.total()
    if csv_file is not None:
        yield Line(f"{counted(total, 'violation')} written to {csv_file}.")
    elif tally.first:
        yield from text.violations(tally.first)
        if total > len(tally.first):
            yield Line(f"… and {total - len(tally.first):,} more; --json or --csv lists all.")
