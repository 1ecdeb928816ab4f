"""Blocks as HTML, for notebooks and pages: tables with captions and headers, in whatever colours there are around.

What blocks say is text, and never markup. No colour is set, so that it reads on dark ground as on light.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from caseassign.display.blocks import Block, Line, Table, Title

_LINE: Final = '<p style="margin: 0.2em 0; white-space: pre-wrap">'
_CAPTION: Final = '<caption style="caption-side: top; text-align: left; padding: 0.2em 0">'


def html(blocks: Iterable[Block]) -> str:
    """Return blocks as HTML. What stands before a table, from the last title on, is its caption."""
    return "\n".join(("<div>", *_parts(blocks), "</div>"))


def _parts(blocks: Iterable[Block]) -> Iterator[str]:
    before: list[Title | Line] = []
    for block in blocks:
        if isinstance(block, Table):
            yield from _table(block, before)
            before = []
        elif isinstance(block, Title):
            yield from map(_paragraph, before)
            before = [block]
        else:
            before.append(block)
    yield from map(_paragraph, before)


def _paragraph(block: Title | Line) -> str:
    return f"{_LINE}{_said(block)}</p>"


def _said(block: Title | Line) -> str:
    text = escape(block.text)
    return f"<strong>{text}</strong>" if isinstance(block, Title) else text


def _table(table: Table, caption: Sequence[Title | Line]) -> Iterator[str]:
    """Yield the lines of a table, in a box that can be scrolled, with the keyboard too, where it is too wide."""
    label = escape(" ".join(block.text for block in caption) or "Table")
    yield f'<div role="region" aria-label="{label}" tabindex="0" style="overflow-x: auto">\n<table>'
    if caption:
        yield f"{_CAPTION}{'<br>'.join(map(_said, caption))}</caption>"
    styles = list(map(_style, table.numbers, table.prose))
    headers = (f'<th scope="col"{how}>{escape(header)}</th>' for header, how in zip(table.headers, styles, strict=True))
    yield f"<thead>\n<tr>{''.join(headers)}</tr>\n</thead>\n<tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(_cells(row, styles, _of_row(row, table.numbers)))}</tr>"
    yield "</tbody>\n</table>\n</div>"
    if table.rest:
        yield _paragraph(Line(table.rest))


def _style(is_number: bool, is_prose: bool) -> str:  # a column of a table
    in_one_piece = "" if is_prose else "; white-space: nowrap"
    return f' style="text-align: {"right" if is_number else "left"}{in_one_piece}"'


def _of_row(row: Sequence[str], numbers: Sequence[bool]) -> int | None:
    """Return the place of the cell that says whose row it is: the first that says something, and is no number."""
    return next((place for place, cell in enumerate(row) if cell and not numbers[place]), None)


def _cells(row: Sequence[str], styles: Sequence[str], of_row: int | None) -> Iterator[str]:
    for place, (cell, how) in enumerate(zip(row, styles, strict=True)):
        yield f'<th scope="row"{how}>{escape(cell)}</th>' if place == of_row else f"<td{how}>{escape(cell)}</td>"
