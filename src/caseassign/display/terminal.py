"""Blocks on a terminal, drawn by rich: titles in bold, tables that fit the window. Needs the extra ``cli``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TextIO

from rich import box
from rich import table as rich
from rich.console import Console
from rich.text import Text

from caseassign.display.blocks import Block, Table, Title

_BETWEEN: Final = 3
"""How many places rich leaves between two columns."""


def draw(blocks: Iterable[Block], file: TextIO) -> None:
    """Draw blocks on a terminal. What they say is text, and never the markup of rich."""
    console = Console(file=file, highlight=False)
    for number, block in enumerate(blocks):
        if isinstance(block, Table):
            for drawn in _table(block, console.width):
                console.print(drawn)
            if block.rest:
                console.print(Text(block.rest))
        elif isinstance(block, Title):
            console.print(Text("\n" * bool(number) + block.text, style="bold"))
        else:
            console.print(Text(block.text))


def _table(table: Table, room: int) -> Iterator[rich.Table | Text]:
    """Yield a table as rich draws it: on one line a row if there is room, on several if not, else a card for each.

    Nothing is left out, and no id is broken, however narrow the window: ids are there to be copied.
    """
    for shown in (table, table.stacked()):
        if sum(shown.narrowest_widths) + _BETWEEN * len(shown.headers) <= room:
            yield _rows(shown, show_lines=shown is not table)
            return
    for lines in table.cards(room):
        yield Text("\n".join((*lines, "")), overflow="fold")


def _rows(table: Table, *, show_lines: bool) -> rich.Table:
    drawn = rich.Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=show_lines)
    for header, is_number, is_prose in zip(table.headers, table.numbers, table.prose, strict=True):
        drawn.add_column(Text(header), justify="right" if is_number else "left", overflow="fold", no_wrap=not is_prose)
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn
