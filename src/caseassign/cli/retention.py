"""The commands that end what is kept of clients, and that hold the history against what was noted down."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from caseassign.acts.outcome import Outcome
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.acts import Doing, acting, how
from caseassign.cli.arguments import DONE, REFUSED, Commands, WrongUsageError
from caseassign.cli.output import answer
from caseassign.cli.store import acting_user, opened
from caseassign.clock import agency_today
from caseassign.display import story, text
from caseassign.display.blocks import Block, Line
from caseassign.display.deeds import left_out
from caseassign.display.words import counted
from caseassign.history import Head
from caseassign.model import Actor, Client
from caseassign.out_of_use import OutOfUse

_ANCHOR: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def add_commands(commands: Commands) -> None:
    """Add the commands on what is kept, and for how long."""
    listing = arguments.command(
        commands, "out-of-use", _out_of_use, "List the clients who have not been enrolled, or held, since a day."
    )
    listing.add_argument(
        "--since", required=True, type=arguments.day, metavar="DAY", help="not in use as of this day, or later"
    )

    deidentify = acting(
        commands, "deidentify", _deidentify, "Remove who clients were, for good; what was done stays on record."
    )
    deidentify.add_argument("clients", nargs="*", metavar="CLIENT", help="the ids of the clients")
    deidentify.add_argument(
        "--out-of-use-since", type=arguments.day, metavar="DAY", help="everybody whom out-of-use lists for this day"
    )

    verify = arguments.command(
        commands, "verify", _verify, "Make sure that no line of history was changed, removed or put in."
    )
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=_anchor,
        metavar="NUMBER:DIGEST",
        help="what this command printed earlier; can be given more than once",
    )


def _out_of_use(args: Namespace) -> int:
    with opened(args) as store:
        found = Casework(store, user=Actor.SYSTEM).out_of_use(args.since)
    answer(args, data=found.to_dicts, blocks=lambda: text.out_of_use(found))
    return DONE


def _deidentify(args: Namespace) -> int:
    if bool(args.clients) == (args.out_of_use_since is not None):
        raise WrongUsageError("say who: the ids of clients, or --out-of-use-since DAY, and not both")
    with opened(args) as store:
        doing = attrs.evolve(Doing.of(store, args), may_undo=False)
        casework = Casework(store, user=acting_user(store, args.user))
        clients: Iterable[Any] = args.clients
        withheld = 0
        if args.out_of_use_since is not None:
            out: OutOfUse = casework.out_of_use(args.out_of_use_since)
            clients, withheld = out, out.withheld
        outcome = casework.deidentify(clients, **how(args))
        doing.told(args, outcome, lambda: _told(outcome, withheld, dry_run=args.dry_run))
        if not args.dry_run:
            store.vacuum()  # also where nothing was left to do: an earlier one may have been in somebody's way
    return DONE


def _told(outcome: Outcome, withheld: int, *, dry_run: bool) -> Iterator[Block]:
    yield from text.outcome(outcome, dry_run=dry_run, today=agency_today())
    if not outcome.changes:
        yield from (Line(f"{said[0].upper()}{said[1:]}.") for said in left_out(outcome.skipped))
    if withheld:
        yield Line(f"{counted(withheld, Client.KIND)} withheld.")


def _verify(args: Namespace) -> int:
    with opened(args) as store:
        casework = Casework(store, user=Actor.SYSTEM)
        head = casework.history_head()
        # Read before: whatever is written meanwhile only follows it.
        breaks = casework.verify_history([*args.anchor, head])
    answer(
        args,
        data=lambda: {
            "breaks": [attrs.asdict(found) for found in breaks],
            "head": {"number": head.number, "digest": head.digest},
        },
        blocks=lambda: story.verification(breaks, head),
    )
    return REFUSED if breaks else DONE


def _anchor(typed: str) -> Head:
    anchor = _ANCHOR.fullmatch(typed)
    if anchor is None:
        raise ArgumentTypeError("write an anchor as this command prints it, NUMBER:DIGEST")
    return Head(int(anchor[1]), anchor[2])
