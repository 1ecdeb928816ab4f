"""The commands that list cases: what a user holds, what nobody holds, and who holds a client."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Final, get_args

from caseassign.cases import Cases
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands, Parser
from caseassign.cli.output import answer
from caseassign.cli.store import check_part, client_of, opened, user_of
from caseassign.display import text
from caseassign.model import Actor
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
        _listing(held)
        arguments.several(held, "--role", "ROLE", "only these roles")

    managers = arguments.command(commands, "managers", _managers, "List who holds, held or will hold a client.")
    managers.add_argument("client", metavar="CLIENT", help="the id of the client")
    managers.add_argument("--household", action="store_true", help="with the members of their households")
    arguments.as_of(managers)

    unassigned = arguments.command(commands, "unassigned", _unassigned, "List the open enrollments that nobody holds.")
    arguments.as_of(unassigned)
    _listing(unassigned)
    unassigned.set_defaults(role=None)


def _listing(parser: Parser) -> None:
    arguments.part(parser)
    parser.add_argument("--order", choices=get_args(Order), default="client", help="by client name, or by start")
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="at most so many")


def _held(args: Namespace) -> int:
    question: Callable[..., Cases] = args.question
    with opened(args) as store:
        listing = _checked(store, args)
        user = user_of(store, args.user)
        cases = question(Casework(store, user=Actor.SYSTEM), user, args.as_of, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: text.held(cases, user))
    return DONE


def _unassigned(args: Namespace) -> int:
    with opened(args) as store:
        listing = _checked(store, args)
        cases = Casework(store, user=Actor.SYSTEM).unassigned(args.as_of, **listing)
    answer(args, data=cases.to_dicts, blocks=lambda: text.unassigned(cases))
    return DONE


def _managers(args: Namespace) -> int:
    with opened(args) as store:
        cases = Casework(store, user=Actor.SYSTEM).case_managers(args.client, args.as_of, household=args.household)
        client = client_of(store, args.client)
    answer(args, data=cases.to_dicts, blocks=lambda: text.case_managers(cases, client))
    return DONE


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
