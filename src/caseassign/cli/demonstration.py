"""The command that tells the story of the demo."""

from __future__ import annotations

from argparse import Namespace

from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands
from caseassign.cli.output import answer
from caseassign.display.blocks import plain


def add_commands(commands: Commands) -> None:
    """Add the command that tells the story of the demo."""
    arguments.command(commands, "demo", _demo, "Show a day of a case manager, on a made-up export.", store=False)


def _demo(args: Namespace) -> int:
    from caseassign.demo.story import tell  # noqa: PLC0415  # only this command needs it

    answer(args, data=lambda: list(plain(tell())), blocks=tell)
    return DONE
