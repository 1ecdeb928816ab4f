"""How a check says that a store is not what it should be: what was expected, and what came."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from caseassign.errors import CaseAssignError
from caseassign.history import Change

_ROOM: Final = 300
"""How many characters of a value are shown."""


class CheckFailedError(AssertionError):
    """A store does not keep a sentence of the contract; the message says what was expected, and what came."""


class NotRunError(Exception):
    """A check cannot be run here; the message says why."""


class UndoError(Exception):
    """What a check raises to leave a block without keeping anything."""


def fail(what: str) -> None:
    """Say that the store does not do ``what``."""
    raise CheckFailedError(what)


def expect(what: str, came: object, expected: object) -> None:
    """Raise `CheckFailedError` unless what came is what was expected, the types of its parts included."""
    if _parts(came) != _parts(expected):
        raise CheckFailedError(f"{what}: expected {_shown(expected)}, came {_shown(came)}{_difference(came, expected)}")


@contextmanager
def refused(what: str, *by: type[CaseAssignError]) -> Iterator[list[Any]]:
    """Raise `CheckFailedError` unless the block raises just one of these errors; yields a list that will hold it."""
    caught: list[Any] = []
    names = " or ".join(error.__name__ for error in by)
    try:
        yield caught
    except by as error:
        caught.append(error)
        return
    except CheckFailedError:
        raise
    except Exception as error:
        raise CheckFailedError(f"{what}: expected {names}, came {told(error)}") from error
    raise CheckFailedError(f"{what}: expected {names}, and nothing was raised")


def refuses(what: str, use: Callable[[], object], *by: type[CaseAssignError]) -> None:
    """Raise `CheckFailedError` unless one call is refused with one of these errors."""
    with refused(what, *by):
        use()


def told(error: BaseException) -> str:
    """Return an error as a report tells it: those of the library in full, of others the type and the place."""
    name = type(error).__name__
    if isinstance(error, CaseAssignError):
        return f"{name} ({error})"
    *_, place = traceback.extract_tb(error.__traceback__) or [None]
    return name if place is None else f"{name} (line {place.lineno} of {Path(place.filename).name})"


def _parts(value: Any) -> Any:
    """Return all that a value is made of, with the types: ``==`` leaves the batch of a record aside."""
    if attrs.has(type(value)):
        fields = attrs.astuple(value, recurse=False)
        zone = value.recorded_at.utcoffset() if isinstance(value, Change) else None
        return type(value), [_parts(field) for field in fields], zone
    if isinstance(value, Mapping):
        return {key: _parts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_parts(each) for each in value]
    return type(value), value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}…"


def _difference(came: Any, expected: Any) -> str:
    """Return which fields differ, where two records do."""
    both_are_lists = isinstance(came, list | tuple) and isinstance(expected, list | tuple)
    for one, other in zip(came, expected, strict=False) if both_are_lists else [(came, expected)]:
        if attrs.has(type(other)) and type(one) is type(other) and _parts(one) != _parts(other):
            names = [field.name for field in attrs.fields(type(other))]
            wrong = [name for name in names if _parts(getattr(one, name)) != _parts(getattr(other, name))]
            return f"; what differs is {', '.join(wrong)} of {other!r}"
    return ""
