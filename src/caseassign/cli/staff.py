"""The command that shows a user, and adds or changes one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from typing import Any

import attrs

from caseassign.acts.assign import UNCHANGED
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands
from caseassign.cli.output import answer, print_error, telling
from caseassign.cli.store import check_known, opened, opened_or_new, user_of
from caseassign.display import text
from caseassign.history import to_plain
from caseassign.model import ALL_ORGANIZATIONS, Actor, Organization, User
from caseassign.policy import Action


def add_commands(commands: Commands) -> None:
    """Add the command for users."""
    user = arguments.command(commands, "user", _user, "Show a user; or add one, or change what is given.")
    user.add_argument("user", metavar="ID", help="the id of the user")
    user.add_argument("--name", metavar='"FIRST LAST"', help="the name")
    for option, metavar, summary in (
        ("--organization", "ID", "the organizations that the user can access, in place of the former ones"),
        ("--permission", "NAME", "what the user may do besides, in place of what it was"),
    ):
        user.add_argument(option, action="extend", nargs="*", metavar=metavar, help=f"{summary}; alone: none")
    user.add_argument(
        "--left-on", type=arguments.day_or_none, default=UNCHANGED, metavar="DAY|none", help="the first day gone"
    )
    available = user.add_mutually_exclusive_group()
    available.add_argument("--case-manager", action="store_true", dest="is_case_manager", help="may be assigned")
    available.add_argument("--not-a-case-manager", action="store_false", dest="is_case_manager", help="may not")
    user.set_defaults(is_case_manager=None)
    arguments.how(user)


def _user(args: Namespace) -> int:
    changes = _changes(args)
    return _change(args, changes) if changes else _show(args)


def _show(args: Namespace) -> int:
    with opened(args) as store:
        user = user_of(store, args.user)
    answer(args, data=lambda: to_plain(user), blocks=lambda: text.user(user))
    return DONE


def _change(args: Namespace, changes: dict[str, Any]) -> int:
    with opened_or_new(args, write=False) as store:
        check_known(store, Organization.KIND, args.organization)
    with opened_or_new(args, write=not args.dry_run) as store:
        with store.transaction() as tx:
            former = tx.users.get([args.user]).get(args.user) or User(user_id=args.user)
        user = attrs.evolve(former, **changes)
        outcome = Casework(store, user=Actor.SYSTEM).add(
            user, reason=args.reason, command_id=args.command_id, dry_run=args.dry_run
        )
    _warn_of_unknown(args.permission or ())
    with telling(outcome.batch_id):
        answer(
            args,
            data=lambda: to_plain(user),
            blocks=lambda: (*text.outcome(outcome, dry_run=args.dry_run), *text.user(user)),
        )
    return DONE


def _warn_of_unknown(permissions: Iterable[str]) -> None:
    """Say which permissions mean nothing to the default policy: a host may have names of its own."""
    unknown = sorted(set(permissions) - {ALL_ORGANIZATIONS, *Action})
    if unknown:
        print_error(f"warning: no action is called {', '.join(unknown)}: only a policy of your own can know it")


def _changes(args: Namespace) -> dict[str, Any]:
    """Return the fields that were given."""
    changes: dict[str, Any] = {}
    if args.name is not None:
        first, _, last = args.name.strip().partition(" ")
        changes |= {"first_name": first or None, "last_name": last.strip() or None}
    given = {
        "organization_ids": args.organization,
        "permissions": args.permission,
        "is_case_manager": args.is_case_manager,
    }
    changes |= {field: value for field, value in given.items() if value is not None}
    if args.left_on is not UNCHANGED:
        changes["left_on"] = args.left_on
    return changes
