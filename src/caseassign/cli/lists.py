"""The commands that list cases: who holds whom, what nobody holds, how much everybody holds, and what is coming up."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Final, get_args

import attrs

from caseassign.cases import Cases
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands, Parser, WrongUsageError
from caseassign.cli.output import answer
from caseassign.cli.store import check_part, client_of, opened, user_of
from caseassign.display import caseloads, text
from caseassign.model import Actor
from caseassign.period import Period
from caseassign.questions import Order
from caseassign.storage import Store
from caseassign.viewer import Listing

_HELD: Final = (
    ("active", Casework.active_cases, "List the cases that a user holds."),
    ("inactive", Casework.inactive_cases, "List the past cases of a user."),
    ("upcoming", Casework.upcoming_cases, "List the cases that a user will hold."),
)


def add_commands(commands: Commands) -> None:
    """Add every command that lists cases."""
    for name, question, summary in _HELD:
        held = arguments.command(commands, name, _held, summary)
        held.set_defaults(question=question)
        held.add_argument("--user", required=True, metavar="ID", help="whose list")
        arguments.as_of(held)
        arguments.known_at(held)
        _listing(held)
        _roles(held)

    during = arguments.command(commands, "held", _during, "List whom a user held during a period.")
    during.add_argument("--user", required=True, metavar="ID", help="whose list")
    _period(during, required=True)
    arguments.known_at(during)
    _listing(during)
    _roles(during)

    managers = arguments.command(commands, "managers", _managers, "List who holds, held or will hold a client.")
    managers.add_argument("client", metavar="CLIENT", help="the id of the client")
    managers.add_argument("--household", action="store_true", help="with the members of their households")
    arguments.as_of(managers)
    arguments.known_at(managers)

    unassigned = arguments.command(commands, "unassigned", _unassigned, "List the open enrollments that nobody holds.")
    arguments.as_of(unassigned)
    arguments.known_at(unassigned)
    _listing(unassigned)
    unassigned.set_defaults(role=None)

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


def _listing(parser: Parser) -> None:
    arguments.part(parser)
    parser.add_argument("--order", choices=get_args(Order), default="client", help="by client name, or by start")
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="at most so many")


def _roles(parser: Parser) -> None:
    arguments.several(parser, "--role", "ROLE", "only these roles")


def _period(parser: Parser, *, required: bool) -> None:
    parser.add_argument(
        "--from", dest="start", type=arguments.day, required=required, metavar="DAY", help="the first day"
    )
    parser.add_argument(
        "--until", dest="end", type=arguments.day, required=required, metavar="DAY", help="the first day after"
    )


def _held(args: Namespace) -> int:
    question: Callable[..., Cases] = args.question
    with opened(args) as store:
        listing = _checked(store, args)
        user = user_of(store, args.user)
        cases = question(_system(store), user, args.as_of, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: text.held(cases, user))
    return DONE


def _unassigned(args: Namespace) -> int:
    with opened(args) as store:
        listing = _checked(store, args)
        cases = _system(store).unassigned(args.as_of, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: text.unassigned(cases))
    return DONE


def _managers(args: Namespace) -> int:
    with opened(args) as store:
        cases = _system(store).case_managers(args.client, args.as_of, args.household, args.known_at)
        client = client_of(store, args.client)
    answer(args, data=cases.to_dicts, blocks=lambda: text.case_managers(cases, client))
    return DONE


def _during(args: Namespace) -> int:
    period = _asked_period(args)
    with opened(args) as store:
        listing = _checked(store, args)
        user = user_of(store, args.user)
        cases = _system(store).cases_during(user, args.start, args.end, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: caseloads.cases_during(cases, user, period))
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
    answer(args, data=found.to_dicts, blocks=lambda: caseloads.caseloads(found, user))
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
    answer(args, data=found.to_dicts, blocks=lambda: caseloads.coming_up(found, user))
    return DONE


def _system(store: Store) -> Casework:
    return Casework(store, user=Actor.SYSTEM)


def _checked(store: Store, args: Namespace) -> Listing:
    """Return how a list is narrowed, after making sure that there is what it is narrowed to."""
    check_part(store, args)
    return {
        "projects": args.project,
        "organizations": args.organization,
        "roles": args.role,
        "order": args.order,
        "limit": args.limit,
    }
