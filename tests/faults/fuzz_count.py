"""What a CSV file holds, counted without the library: to be held against what a reader made of it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_WITH_TEXT: Final = re.compile(r'[^ \t\n",]')


class PlainRow(NamedTuple):
    """A row that is not blank: the first and the last line of it, and its cells by the names of their columns."""

    first: int
    last: int
    cells: dict[str, str | None]
    surplus: bool

    def get(self, column: str) -> str | None:
        """Return a cell; None where it is blank or there is no such column."""
        return self.cells.get(column.lower())


class PlainFile(NamedTuple):
    """A file whose bytes are well formed: a header, and rows."""

    columns: Sequence[str]
    rows: list[PlainRow]

    @property
    def is_flat(self) -> bool:
        """Whether every row stands on one line."""
        return all(row.first == row.last for row in self.rows)

    def sure(self, broken: Iterable[int]) -> PlainFile:
        """Return the rows of which there are no two opinions: all, if each stands on one line.

        Else those before the first line that a reader calls broken: it may rather take the lines of one row for
        several rows that a stray quote has run together, and then goes on with another line than csv does.
        """
        end = min(broken, default=None)
        if end is None or self.is_flat:
            return self
        return self._replace(rows=[row for row in self.rows if row.last < end])


def lines_of(data: bytes) -> list[str]:
    """Return the lines of a file, whatever its bytes: exact but for characters that are not UTF-8."""
    wide = data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    text = data.decode("utf-16" if wide else "utf-8-sig", "replace")
    return [line.replace("\0", "") for line in re.split("\r\n|\r|\n", text)]


def is_surely_lines(lines: Sequence[str]) -> bool:
    """Whether each line of a file, blank ones too, has the cells of the header, so that none is part of another row."""
    header = next(filter(_WITH_TEXT.search, lines), "")
    return all(line.count(",") >= header.count(",") for line in lines[: -1 if lines[-1] == "" else None])


def filled_lines(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the lines that have text in them, that of the header first."""
    return [number for number, line in enumerate(lines, start=1) if _WITH_TEXT.search(line)]


def plain(data: bytes) -> PlainFile | None:
    """Return what a file holds; None where its bytes are not well formed, or it has no header.

    Well formed is what decodes without an error, and what csv reads in its strict way. Beside that, a header that
    is quoted twice, on several lines or out of nothing but quotes is left to other checks.
    """
    wide = data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        records = _records(re.sub("\r\n|\r", "\n", text).replace("\0", ""))
    except (UnicodeError, csv.Error):
        return None
    if not records or records[0][0] != records[0][1]:
        return None
    header = [name.strip() for name in records[0][2]]
    if all(len(name) > 1 and name[0] == name[-1] == '"' for name in header):
        return None
    columns = [name.lower() for name in header]
    return PlainFile(columns, [_row(columns, *record) for record in records[1:]])


def _records(text: str) -> list[tuple[int, int, list[str]]]:
    """Return the records that are not blank, with their first and last lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found = []
    before = 0
    for cells in reader:
        if any(_WITH_TEXT.search(cell) or "," in cell for cell in cells):
            found.append((before + 1, reader.line_num, cells))
        before = reader.line_num
    return found


def _row(columns: Sequence[str], first: int, last: int, cells: Sequence[str]) -> PlainRow:
    named: dict[str, str | None] = {}
    for name, cell in zip(columns, cells, strict=False):
        named.setdefault(name, cell.strip() or None)
    surplus = any(_WITH_TEXT.search(cell) or "," in cell for cell in cells[len(columns) :])
    return PlainRow(first, last, named, surplus)
