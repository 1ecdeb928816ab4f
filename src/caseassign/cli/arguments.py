"""How command lines are read: the parser, the options that commands share, and days as they are typed."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, HelpFormatter, Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final, NoReturn, Protocol, TypeAlias

from caseassign.errors import InvalidRecordError
from caseassign.period import as_day

Run: TypeAlias = Callable[[Namespace], int]
"""What carries a command out, and returns its exit status."""

DONE: Final = 0
REFUSED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 130

_TO_THE_MINUTE: Final = re.compile(r"T[0-9]{2}:?[0-9]{2}(?![:0-9])")
"""A time without seconds."""

NONE: Final = "none"
"""What is typed for a field that shall be empty."""


_OF_ANY_WIDTH: Final = partial(HelpFormatter, width=80)
"""What each option that is added is checked with. One that asked how wide the terminal is would take far longer."""


class WrongUsageError(Exception):
    """A command line that cannot be understood; never repeats a text that was typed as a value."""


class Parser(ArgumentParser):
    """A parser that raises `WrongUsageError`, and takes options by their full names only."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "allow_abbrev": False, "formatter_class": _OF_ANY_WIDTH})

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class = HelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, and say where help is to be had."""
        raise WrongUsageError(f"{message} ({self.prog} --help shows what can be given)")

    def read(self, argv: Sequence[str]) -> Namespace:
        """Return what a command line says."""
        args, unknown = self.parse_known_args(argv)
        options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
        if options:
            self.error(f"there is no option {', '.join(options)}")
        if unknown:
            self.error("there are more words than the command takes: put a text with blanks into quotes")
        return args


class Options(Protocol):
    """A parser, or a group of options in it."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Add an option."""


class Commands(Protocol):
    """What argparse keeps the commands of a parser in."""

    def add_parser(self, name: str, *, help: str, description: str) -> Any:  # noqa: A002  # argparse's own name
        """Return the parser of a new command."""


def command(commands: Commands, name: str, run: Run, summary: str, *, store: bool = True) -> Parser:
    """Add a command, with the options that every command has, and return its parser."""
    parser: Parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run, command=name)
    if store:
        parser.add_argument("--store", required=True, metavar="FILE", help="the file that the store is in")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def as_of(parser: Parser) -> None:
    """Add the day that a question is about."""
    parser.add_argument("--as-of", type=day, metavar="DAY", help="as of the close of this day; default: today")


def known_at(parser: Parser) -> None:
    """Add the moment up to which what was recorded counts."""
    parser.add_argument(
        "--known-at", type=moment, metavar="MOMENT", help="as it was known at this moment; default: as it is known now"
    )


def part(parser: Parser) -> None:
    """Add what a question is narrowed to."""
    several(parser, "--project", "ID", "only these projects")
    several(parser, "--organization", "ID", "only the projects of these organizations")


def several(parser: Options, option: str, metavar: str, summary: str, **more: Any) -> None:
    """Add an option that takes one value or more, and can be given more than once."""
    parser.add_argument(option, action="extend", nargs="+", metavar=metavar, help=summary, **more)


def how(parser: Parser, *, reason_required: bool = False) -> None:
    """Add why an act is carried out, and in what manner."""
    parser.add_argument("--reason", required=reason_required, metavar="TEXT", help="why, for the history")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    parser.add_argument("--command-id", metavar="ID", help="repeated with the same id, the act happens once")


def day(text: str) -> date:
    """Return the day that was typed."""
    try:
        return as_day(text)
    except InvalidRecordError:
        raise ArgumentTypeError("write a day of the calendar as YYYY-MM-DD, such as 2026-03-01") from None


def moment(text: str) -> datetime:
    """Return the moment that was typed, in UTC, which is also meant where no time zone is.

    Without seconds it is the end of that minute: what a screen says was recorded at 14:05 is known at 14:05.
    """
    from dateutil.parser import isoparse  # noqa: PLC0415  # slow to import, and few command lines name a moment

    try:
        read = isoparse(text) if "T" in text else None
        if read is not None:
            if _TO_THE_MINUTE.search(text):
                read = read.replace(second=59, microsecond=999_999)
            return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError("write a moment as YYYY-MM-DDTHH:MM, in UTC, or with a time zone: 2026-03-01T14:05-05:00")


def day_or_none(text: str) -> date | None:
    """Return the day that was typed, or None for ``none``."""
    return None if text == NONE else day(text)


def text_or_none(text: str) -> str | None:
    """Return what was typed, or None for ``none``."""
    return None if text == NONE else text


def number(text: str) -> int:
    """Return the number that was typed."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError("write a whole number, such as 20")
    return int(text)


def positive(text: str) -> int:
    """Return the number that was typed, at least 1."""
    if number(text) == 0:
        raise ArgumentTypeError("write a number from 1 on")
    return int(text)


def number_or_none(text: str) -> int | None:
    """Return the number that was typed, or None for ``none``."""
    return None if text == NONE else number(text)
