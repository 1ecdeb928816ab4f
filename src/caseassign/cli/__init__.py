"""The command line: ``caseassign import``, ``caseassign active`` and so on; ``caseassign --help`` lists them.

It trusts whoever holds the file. Exit status 0: done; 1: refused or denied, or a review found what must not be;
2: wrong usage, or something that cannot be read or written.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from caseassign.cli.arguments import DONE, INTERRUPTED, REFUSED, UNUSABLE, Parser, WrongUsageError
from caseassign.cli.options import of_options
from caseassign.cli.output import UntoldError, let_go_of_output, print_data, print_error
from caseassign.display.words import known_at, refusal
from caseassign.errors import (
    CaseAssignError,
    ConflictError,
    InvalidRecordError,
    NotFoundError,
    PermissionDeniedError,
    RuleViolationError,
    Violation,
)

_MODULES: Final[Mapping[str, str]] = {
    "exchange": "import export",
    "lists": "active inactive upcoming managers unassigned",
    "caseloads": "held caseloads coming-up",
    "acts": "enroll assign end amend hand-over reactivate void exit undo-exit edit",
    "teamwork": "reassign deactivate cover undo household",
    "reviews": "history audit",
    "retention": "out-of-use deidentify verify",
    "staff": "user",
    "check_store": "check-store",
    "demonstration": "demo",
}
"""Which module has which commands, in the order in which help lists them. A command loads its own module only."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line, and return its exit status."""
    if sys.stdout is None:  # it was closed: what is done matters, and nobody reads what is said
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
    try:
        status = _carry_out(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output has read enough
        let_go_of_output()
        return DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # nobody shall see a traceback
        sentence, status = _explained(error)
        print_error(sentence)
    return status


def _parser(words: Sequence[str] = ()) -> Parser:
    """Return the parser of the command that is given; of every command where it is none, for help or an error."""
    parser = Parser(
        prog="caseassign", description="Who is responsible for this client, since when, until when, and who said so."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    given = [module for module, names in _MODULES.items() if words and words[0] in names.split()]
    for module in given or _MODULES:
        import_module(f"{__name__}.{module}").add_commands(commands)
    return parser


def _carry_out(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    try:
        args = _parser(words).read(words)
    except SystemExit:  # argparse has shown its help
        return DONE
    try:
        return int(args.run(args))
    except RuleViolationError as error:
        refused: dict[str, object] = {"refused": [_plain(violation) for violation in error.violations]}
        sentence = f"refused, and nothing was written: {refusal(error.violations)}"
    except PermissionDeniedError as error:
        refused = {"denied": {"action": error.action, "reason": error.reason}}
        sentence = f"denied, and nothing was written: {error.reason} ({error.action})"
    except InvalidRecordError as error:
        raise WrongUsageError(of_options(error, args.command)) from None
    except NotFoundError as error:
        if getattr(args, "known_at", None) is None:
            raise
        then = known_at(args.known_at)
        raise WrongUsageError(f"{error}, {then}: look whether this is the right id, and was recorded by then") from None
    if args.json:
        print_data(refused)
    else:
        print_error(sentence)
    return REFUSED


def _plain(violation: Violation) -> dict[str, object]:
    return {
        "code": violation.code,
        "field": violation.field,
        "ids": list(violation.ids),
        "message": violation.message,
    }


def _explained(error: BaseException) -> tuple[str, int]:
    """Return an error as a sentence that says what to do, and the exit status."""
    match error:
        case ConflictError():
            return str(error), REFUSED
        case NotFoundError():
            return f"{error}: look whether this is the right id, and the right store", UNUSABLE
        case CaseAssignError() | WrongUsageError() | UntoldError():
            return str(error), UNUSABLE
        case OSError():
            return f"{_file(error)} cannot be used: {error.strerror}", UNUSABLE
        case KeyboardInterrupt():
            return "interrupted; what was not finished has written nothing", INTERRUPTED
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__}, line {place.lineno} of {Path(place.filename).name}"
    return f"this should not happen ({where}): please report it", UNUSABLE


def _file(error: OSError) -> str:
    if error.filename is None:
        let_go_of_output()
        return "the output"
    return str(error.filename)
