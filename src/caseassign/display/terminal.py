"""Blocks on a terminal, drawn by rich: titles in bold, tables that fit the window. Needs the extra ``cli``."""

from __future__ import annotations

from collections.abc import Iterable
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
            console.print(_table(block, console.width))
        elif isinstance(block, Title):
            console.print(Text("\n" * bool(number) + block.text, style="bold"))
        else:
            console.print(Text(block.text))


def _table(table: Table, room: int) -> rich.Table:
    """Return a table as rich draws it: on one line a row if there is room, and on several if not."""
    fits = sum(table.widths) + _BETWEEN * len(table.widths) <= room
    shown = table if fits else table.stacked()
    drawn = rich.Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_lines=not fits)
    for place, (header, is_number) in enumerate(zip(shown.headers, shown.numbers, strict=True)):
        drawn.add_column(
            Text(header),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=not any(" " in row[place] for row in shown.rows),  # ids stay in one piece, to be copied
        )
    for row in shown.rows:
        drawn.add_row(*map(Text, row))
    return drawn
