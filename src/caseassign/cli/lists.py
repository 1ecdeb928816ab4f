"""The commands that list cases as of a day: who holds, held or will hold whom, and what nobody holds."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Final, get_args

from caseassign.cases import Cases
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands, Parser
from caseassign.cli.output import answer
from caseassign.cli.store import check_part, client_of, opened, user_of
from caseassign.display import lists as display
from caseassign.display.blocks import as_asked
from caseassign.model import Actor
from caseassign.questions import Order
from caseassign.storage import Store
from caseassign.viewer import Listing, Viewer

_HELD: Final = (
    ("active", Viewer.active_cases, "List the cases that a user holds."),
    ("inactive", Viewer.inactive_cases, "List the past cases of a user."),
    ("upcoming", Viewer.upcoming_cases, "List the cases that a user will hold."),
)


def add_commands(commands: Commands) -> None:
    """Add every command that lists cases."""
    for name, question, summary in _HELD:
        held = arguments.command(commands, name, _held, summary)
        held.set_defaults(question=question)
        held.add_argument("--user", required=True, metavar="ID", help="whose list")
        arguments.as_of(held)
        arguments.known_at(held)
        add_listing(held)
        add_roles(held)

    managers = arguments.command(commands, "managers", _managers, "List who holds, held or will hold a client.")
    managers.add_argument("client", metavar="CLIENT", help="the id of the client")
    managers.add_argument("--household", action="store_true", help="with the members of their households")
    arguments.as_of(managers)
    arguments.known_at(managers)

    unassigned = arguments.command(commands, "unassigned", _unassigned, "List the open enrollments that nobody holds.")
    arguments.as_of(unassigned)
    arguments.known_at(unassigned)
    add_listing(unassigned)
    unassigned.set_defaults(role=None)


def add_listing(parser: Parser) -> None:
    """Add how a list is narrowed, sorted and cut off."""
    arguments.part(parser)
    parser.add_argument("--order", choices=get_args(Order), default="client", help="by client name, or by start")
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="at most so many")


def add_roles(parser: Parser) -> None:
    """Add the roles that a list is narrowed to."""
    arguments.several(parser, "--role", "ROLE", "only these roles")


def _held(args: Namespace) -> int:
    question: Callable[..., Cases] = args.question
    with opened(args) as store:
        listing = checked(store, args)
        user = user_of(store, args.user)
        cases = question(_system(store), user, args.as_of, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: as_asked(cases, display.held(cases, user)))
    return DONE


def _unassigned(args: Namespace) -> int:
    with opened(args) as store:
        listing = checked(store, args)
        cases = _system(store).unassigned(args.as_of, args.known_at, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: as_asked(cases, display.unassigned(cases)))
    return DONE


def _managers(args: Namespace) -> int:
    with opened(args) as store:
        cases = _system(store).case_managers(args.client, args.as_of, args.household, args.known_at)
        client = client_of(store, args.client)
    answer(args, data=cases.to_dicts, blocks=lambda: as_asked(cases, display.case_managers(cases, client)))
    return DONE


def _system(store: Store) -> Viewer:
    return Viewer(store, user=Actor.SYSTEM)


def checked(store: Store, args: Namespace) -> Listing:
    """Return how a list is narrowed, after making sure that there is what it is narrowed to."""
    check_part(store, args)
    return {
        "projects": args.project,
        "organizations": args.organization,
        "roles": args.role,
        "order": args.order,
        "limit": args.limit,
    }
