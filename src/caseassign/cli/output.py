"""What commands print: one JSON document for programs, blocks for people, progress on standard error."""

from __future__ import annotations

import io
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from caseassign.display.blocks import Block, clean, plain

Progress: TypeAlias = Callable[[str, int], None]
"""Told what is being read, and how much of it was read so far."""

_CLEAR_LINE: Final = "\r\x1b[2K"


class UntoldError(Exception):
    """An act was carried out, and what it did cannot be printed."""


def answer(args: Namespace, *, data: Callable[[], object], blocks: Callable[[], Iterable[Block]]) -> None:
    """Print what a command answers, in the form that was asked for."""
    if args.json:
        print_data(data())
    else:
        print_blocks(blocks())


@contextmanager
def telling(batch_id: str | None) -> Iterator[None]:
    """Print in this block what an act did; if that fails, say that what was written is written."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if batch_id is None:
            raise
        let_go_of_output()
        problem = f"it was carried out, as batch {batch_id}, but what it did cannot be shown"
        raise UntoldError(f"{problem}: {error.strerror}") from None


def let_go_of_output() -> None:
    """Send what is left to be printed nowhere, so that Python does not stumble over it when it ends."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, suppress(OSError):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def print_data(data: object) -> None:
    """Print plain data as one JSON document."""
    print_json([json.dumps(data, ensure_ascii=False), "\n"])


def print_json(parts: Iterable[str]) -> None:
    """Print the parts of one JSON document, which is UTF-8 wherever it goes."""
    _reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stdout.writelines(parts)


def print_blocks(blocks: Iterable[Block]) -> None:
    """Print blocks for people: with rich on a terminal, if it is installed, and as plain text otherwise."""
    _reconfigure(errors="replace")
    if sys.stdout.isatty():
        try:
            from caseassign.display import terminal  # noqa: PLC0415  # an extra, and slow to import
        except ImportError:
            pass
        else:
            terminal.draw(blocks, sys.stdout)
            return
    sys.stdout.writelines(f"{line}\n" for line in plain(blocks))


def print_error(message: str) -> None:
    """Print one sentence on standard error."""
    if sys.stderr is None:  # it was closed, and what goes to None would go to standard output
        return
    print(f"caseassign: {clean(message)}", file=sys.stderr)  # noqa: T201  # what a command line is for


@contextmanager
def progress() -> Iterator[Progress]:
    """Show progress in one line of standard error, if somebody is looking at it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _what, _number: None
        return

    def show(what: str, number: int) -> None:
        sys.stderr.write(f"{_CLEAR_LINE}{what}: {number:,}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(_CLEAR_LINE)


def _reconfigure(**how: Any) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(**how)
