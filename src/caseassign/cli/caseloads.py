"""The commands of a supervisor: whom a user held during a period, how much everybody holds, and what is coming up."""

from __future__ import annotations

from argparse import Namespace

import attrs

from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands, Parser, WrongUsageError
from caseassign.cli.lists import add_listing, add_roles, checked
from caseassign.cli.output import answer
from caseassign.cli.store import check_part, opened, user_of
from caseassign.display import caseloads as display
from caseassign.display.blocks import as_asked
from caseassign.model import Actor
from caseassign.overview import Overview
from caseassign.period import Period
from caseassign.storage import Store


def add_commands(commands: Commands) -> None:
    """Add the commands of a supervisor."""
    during = arguments.command(commands, "held", _during, "List whom a user held during a period.")
    during.add_argument("--user", required=True, metavar="ID", help="whose list")
    _period(during, required=True)
    arguments.known_at(during)
    add_listing(during)
    add_roles(during)

    loads = arguments.command(commands, "caseloads", _caseloads, "List how much each user holds.")
    loads.add_argument("--user", metavar="ID", help="only this user")
    arguments.as_of(loads)
    _period(loads, required=False)
    arguments.known_at(loads)
    arguments.part(loads)

    coming = arguments.command(commands, "coming-up", _coming_up, "List what ends soon, and who leaves.")
    coming.add_argument("--user", metavar="ID", help="only of this user; default: of everybody")
    coming.add_argument("--days", type=arguments.positive, default=30, metavar="N", help="within so many days")
    arguments.as_of(coming)
    arguments.known_at(coming)
    arguments.part(coming)


def _period(parser: Parser, *, required: bool) -> None:
    parser.add_argument(
        "--from", dest="start", type=arguments.day, required=required, metavar="DAY", help="the first day"
    )
    parser.add_argument(
        "--until", dest="end", type=arguments.day, required=required, metavar="DAY", help="the first day after"
    )


def _during(args: Namespace) -> int:
    period = _asked_period(args)
    with opened(args) as store:
        listing = checked(store, args)
        user = user_of(store, args.user)
        cases = _system(store).cases_during(user, args.start, args.end, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: as_asked(cases, display.cases_during(cases, user, period)))
    return DONE


def _caseloads(args: Namespace) -> int:
    days = [day for day in (args.start, args.end) if day is not None]
    if len(days) == 1 or (days and args.as_of is not None):
        raise WrongUsageError("give --from and --until, or --as-of, or none of them")
    period = _asked_period(args) if days else None
    with opened(args) as store:
        check_part(store, args)
        user = None if args.user is None else user_of(store, args.user)
        system, part = _system(store), {"projects": args.project, "organizations": args.organization}
        if period is not None:
            found = system.caseloads_during(args.start, args.end, args.known_at, **part)
        else:
            found = system.caseloads(args.as_of, args.known_at, **part)
    if user is not None:
        found = attrs.evolve(found, rows=tuple(row for row in found if row.user_id == user.user_id))
    answer(args, data=found.to_dicts, blocks=lambda: as_asked(found, display.caseloads(found, user)))
    return DONE


def _asked_period(args: Namespace) -> Period:
    """Return the period that is asked about, which must hold a day."""
    period = Period(args.start, args.end)
    if period.is_empty:
        raise WrongUsageError("--until is --from: the period holds no day, for --until is the first day after it")
    return period


def _coming_up(args: Namespace) -> int:
    with opened(args) as store:
        check_part(store, args)
        user = None if args.user is None else user_of(store, args.user)
        found = _system(store).coming_up(
            args.days, args.as_of, user, args.known_at, projects=args.project, organizations=args.organization
        )
    answer(args, data=found.to_dicts, blocks=lambda: as_asked(found, display.coming_up(found, user)))
    return DONE


def _system(store: Store) -> Overview:
    return Overview(store, user=Actor.SYSTEM)
