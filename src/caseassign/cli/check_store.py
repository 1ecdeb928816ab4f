"""The command that checks somebody's store against the contract."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from functools import reduce
from pathlib import Path
from typing import Any

from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, REFUSED, Commands, WrongUsageError
from caseassign.cli.output import answer, progress


def add_commands(commands: Commands) -> None:
    """Add the command that checks a store."""
    parser = arguments.command(
        commands, "check-store", _check, "Check a store of your own against the contract.", store=False
    )
    parser.add_argument("factory", metavar="MODULE:FACTORY", help="what opens the store, such as haven.stores:open_it")
    parser.add_argument("--not-durable", action="store_true", help="it keeps nothing when it is closed")
    parser.add_argument("--not-shared", action="store_true", help="it can be open only once at a time")
    parser.add_argument("--because", metavar="TEXT", help="why not, for the report")
    parser.add_argument(
        "--limit", type=arguments.positive, metavar="SECONDS", help="how long a check may take; default: 60"
    )


def _check(args: Namespace) -> int:
    from caseassign.testing import CHECKS, NotCheckableError, Result, check_store  # noqa: PLC0415  # as none else does
    from caseassign.testing.run import LIMIT  # noqa: PLC0415  # only this command needs the kit

    open_store = _imported(args.factory)
    done: list[Result] = []
    with progress() as show:

        def told_of(result: Result) -> None:
            done.append(result)
            show(f"checks of {len(CHECKS)}", len(done))

        try:
            report = check_store(
                open_store,
                durable=False if args.not_durable else None,
                shared=False if args.not_shared else None,
                because=args.because,
                limit=args.limit or LIMIT,
                told_of=told_of,
            )
        except NotCheckableError as error:
            raise WrongUsageError(f"{args.factory} cannot be checked: {error}") from None
    answer(args, data=report.to_dict, blocks=report.blocks)
    return DONE if report.certified else REFUSED


def _imported(name: str) -> Any:
    """Return what ``MODULE:FACTORY`` names; modules of the current folder are found too."""
    module, _, factory = name.partition(":")
    if not module or not factory:
        raise WrongUsageError("name what opens the store as MODULE:FACTORY, such as haven.stores:open_it")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise WrongUsageError(f"there is no module {error.name} in this folder, or among those installed") from None
    except Exception as error:  # noqa: BLE001  # a module that somebody else wrote does whatever it likes
        raise WrongUsageError(f"the module {module} cannot be imported: {type(error).__name__} came out") from None
    try:
        return reduce(getattr, factory.split("."), found)
    except AttributeError:
        raise WrongUsageError(f"the module {module} has no {factory}") from None
