"""Blocks: what is shown to people, as titles, lines and tables, and how they are drawn as plain text.

Whatever comes from data is shown without control characters, so that a name cannot steer a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

import attrs

from caseassign.cases import EVERYTHING
from caseassign.display.words import narrowed_to

T = TypeVar("T")

_STEERING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that are not shown: controls, halves of characters, separators of lines."""

_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows them, and could make a line read as another."""

_WITHOUT_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})
"""Categories of characters that take no place of their own: accents, joiners."""

_PROSE: Final = 24
"""How many places a column of prose takes at least."""

_BETWEEN: Final = 3
"""How many places lie between the cells of a card that stand on one line."""


def clean(text: str) -> str:
    """Return a text on one line, with a replacement character for whatever could steer a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _TURNING or unicodedata.category(character) in _STEERING:
        return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
    return character


@attrs.frozen
class Title:
    """What the blocks that follow are about."""

    text: str = attrs.field(converter=clean)


@attrs.frozen
class Line:
    """A sentence or two."""

    text: str = attrs.field(converter=clean)


@attrs.frozen
class Column(Generic[T]):
    """A column: its header, and what a cell says of an item.

    The ends of numbers stand below each other. Where there is no room for columns side by side, those that follow
    each other with the same ``stack`` stand below each other. Prose may go on in the next line; all else stays in one
    piece, to be copied.
    """

    header: str
    says: Callable[[T], str]
    stack: str = ""
    is_number: bool = False
    is_prose: bool = False


@attrs.frozen
class Table:
    """Rows of cells under headers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]
    prose: tuple[bool, ...]
    stacks: tuple[str, ...]
    more: int = 0
    """How many rows there are besides, which are not shown."""

    @classmethod
    def of(cls, columns: Iterable[Column[T]], items: Iterable[T], at_most: int | None = None, *, more: int = 0) -> Self:
        """Return a table with a row for each item, or the first of them, without the columns that say nothing."""
        wanted, left = list(columns), iter(items)
        rows = [tuple(clean(column.says(item)) for column in wanted) for item in islice(left, at_most)]
        filled = [place for place in range(len(wanted)) if any(row[place] for row in rows)]
        return cls(
            headers=tuple(wanted[place].header for place in filled),
            rows=tuple(tuple(row[place] for place in filled) for row in rows),
            numbers=tuple(wanted[place].is_number for place in filled),
            prose=tuple(wanted[place].is_prose for place in filled),
            stacks=tuple(wanted[place].stack or str(place) for place in filled),
            more=more + sum(1 for _ in left),
        )

    @property
    def rest(self) -> str:
        """What is said of the rows that are not shown; nothing where all are."""
        return f"… and {self.more:,} more" if self.more else ""

    @property
    def widths(self) -> list[int]:
        """How many places on a terminal each column takes."""
        return [max(map(_width, cells)) for cells in self._columns()]

    @property
    def narrowest_widths(self) -> list[int]:
        """How many places each column takes at least, where prose goes on in the next line."""
        return [
            max(_PROSE, *(_width(word) for cell in cells for word in cell.split())) if is_prose else width
            for cells, width, is_prose in zip(self._columns(), self.widths, self.prose, strict=True)
        ]

    def _columns(self) -> Iterable[tuple[str, ...]]:
        return zip(self.headers, *self.rows, strict=True)

    def stacked(self) -> Table:
        """Return the table with each stack of columns as one, its cells on lines below each other."""
        stacks = [[place for place, _ in of_one] for _, of_one in groupby(enumerate(self.stacks), key=itemgetter(1))]

        def one_below_another(cells: tuple[str, ...]) -> tuple[str, ...]:
            return tuple("\n".join(cells[place] for place in stack) for stack in stacks)

        return Table(
            headers=one_below_another(self.headers),
            rows=tuple(map(one_below_another, self.rows)),
            numbers=tuple(all(self.numbers[place] for place in stack) for stack in stacks),
            prose=tuple(any(self.prose[place] for place in stack) for stack in stacks),
            stacks=tuple(self.stacks[stack[0]] for stack in stacks),
            more=self.more,
        )

    def cards(self, room: int) -> Iterator[list[str]]:
        """Yield each row as lines of ``Header: cell``, each stack on a line of its own if there is room for it."""
        for row in self.rows:
            lines: list[str] = []
            stack = ""
            for header, cell, of_stack in zip(self.headers, row, self.stacks, strict=True):
                said = f"{header}: {cell}"
                if not cell:
                    continue
                if lines and of_stack == stack and _width(lines[-1] + said) + _BETWEEN <= room:
                    lines[-1] += f"{' ' * _BETWEEN}{said}"
                else:
                    lines.append(said)
                stack = of_stack
            yield lines


Block: TypeAlias = Title | Line | Table


def as_asked(of: Any, blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield what a result says, and first what the question was narrowed to, and as known when it was asked."""
    said = narrowed_to(getattr(of, "selection", EVERYTHING), getattr(of, "known_at", None))
    for number, block in enumerate(blocks):
        if number or not said:
            yield block
        elif isinstance(block, Title):
            yield Title(f"{block.text}, {said}")
        else:
            yield Line(f"{said[0].upper()}{said[1:]}:")
            yield block


def plain(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield the lines of blocks as plain text, tables aligned, an empty line before each title but the first."""
    for number, block in enumerate(blocks):
        if isinstance(block, Table):
            yield from _aligned(block)
        else:
            if isinstance(block, Title) and number:
                yield ""
            yield block.text


def _aligned(table: Table) -> Iterator[str]:
    widths = table.widths
    for line in (table.headers, *table.rows):
        cells = zip(line, widths, table.numbers, strict=True)
        yield "  ".join(_padded(*cell) for cell in cells).rstrip()
    if table.rest:
        yield table.rest


def _padded(cell: str, width: int, is_number: bool) -> str:  # a column of a table
    blanks = " " * (width - _width(cell))
    return blanks + cell if is_number else cell + blanks


def _width(text: str) -> int:
    """Return how many places a text takes on a terminal, or the longest of its lines."""
    return max(len(line) if line.isascii() else sum(map(_places, line)) for line in text.split("\n"))


def _places(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
