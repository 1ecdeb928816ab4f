"""What is personal in history: the names of clients, and reasons. A line holds imprints of them, never the texts.

A line is sealed and stays as it is for ever; a personal text has to be gone one day. So the text is kept beside the
lines, together with a salt, and what stands in the line is the SHA-256 of the two, its imprint. A text that is removed
leaves the line, and the chain, as they are. Without the salt nobody finds out by trying which name it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from caseassign.history import Break, Change, Plain, digest_of
from caseassign.model import Client

Texts: TypeAlias = Callable[[Iterable[str]], Mapping[str, str]]
"""Returns those of the texts that are there, salted, by imprint: ``tx.personal.get``."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {Client.KIND: ("first_name", "last_name")}
"""The personal fields of each kind of record that has any. The reason of a line is personal whatever it is about."""

_SALT: Final = 32
"""How many characters of a salted text are the salt: 128 bits in hexadecimal."""

_IMPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")


def imprint_of(salted: str) -> str:
    """Return the imprint of a text that begins with its salt."""
    return f"sha256:{digest_of(salted)}"


def imprinted(plain: Plain | None, kind: str, imprint: Callable[[str], str]) -> Plain | None:
    """Return a record as plain data with imprints in the place of its personal texts; ``imprint`` makes them."""
    return _replaced(plain, kind, imprint)


def imprints_in(lines: Iterable[Change]) -> set[str]:
    """Return the imprints that stand in lines."""
    return {text for line in lines for text in _personal(line) if _IMPRINT.fullmatch(text)}


def is_in_the_clear(line: Change) -> bool:
    """Whether a line holds a personal text itself, as lines did before there were imprints."""
    return any(not _IMPRINT.fullmatch(text) for text in _personal(line))


def told(lines: Iterable[Change], texts: Texts) -> list[Change]:
    """Return lines with their texts put back; None stands where a text was removed."""
    return _told(lines, texts, lambda _: None)


def told_or_imprinted(lines: Iterable[Change], texts: Texts) -> list[Change]:
    """Return lines with their texts put back; where a text was removed, its imprint stays, which equals no text."""
    return _told(lines, texts, lambda imprint: imprint)


def plains_told(plains: Mapping[str, Plain | None], kind: str, texts: Texts) -> dict[str, Plain | None]:
    """Return records of one kind as plain data with their texts put back; None stands where a text was removed."""
    found = texts({text for plain in plains.values() for text in _of_plain(plain, kind) if _IMPRINT.fullmatch(text)})
    back = _putting_back(found, lambda _: None)
    return {key: _replaced(plain, kind, back) for key, plain in plains.items()}


def misfits(lines: Iterable[Change], texts: Texts) -> Iterator[Break]:
    """Yield a break for each line that stands for a text which is there, and is not the one that was written."""
    lines = list(lines)
    wrong = {imprint for imprint, salted in texts(imprints_in(lines)).items() if imprint_of(salted) != imprint}
    for line in lines if wrong else ():
        if not wrong.isdisjoint(_personal(line)):
            yield Break(line.number, "a name or a reason that the line stands for is not as it was written")


def _told(lines: Iterable[Change], texts: Texts, removed: Callable[[str], str | None]) -> list[Change]:
    lines = list(lines)
    back = _putting_back(texts(imprints_in(lines)), removed)
    return [_with_texts(line, back) for line in lines]


def _putting_back(found: Mapping[str, str], removed: Callable[[str], str | None]) -> Callable[[str], str | None]:
    def back(text: str) -> str | None:
        if not _IMPRINT.fullmatch(text):
            return text
        return found[text][_SALT:] if text in found else removed(text)

    return back


def _with_texts(line: Change, back: Callable[[str], str | None]) -> Change:
    kind = line.record.kind
    if line.reason is None and kind not in FIELDS:
        return line
    return attrs.evolve(
        line,
        before=_replaced(line.before, kind, back),
        after=_replaced(line.after, kind, back),
        reason=None if line.reason is None else back(line.reason),
    )


def _replaced(plain: Plain | None, kind: str, replace: Callable[[str], str | None]) -> Plain | None:
    if plain is None or kind not in FIELDS:
        return plain
    return {**plain, **{field: replace(plain[field]) for field in FIELDS[kind] if isinstance(plain.get(field), str)}}


def _personal(line: Change) -> Iterator[str]:
    """Yield the personal texts of a line, or what stands for them."""
    if line.reason is not None:
        yield line.reason
    for plain in (line.before, line.after):
        yield from _of_plain(plain, line.record.kind)


def _of_plain(plain: Any, kind: str) -> Iterator[str]:
    for field in FIELDS.get(kind, ()) if plain is not None else ():
        if isinstance(plain.get(field), str):
            yield plain[field]
