"""The rows of one CSV file as real exports write them: any encoding, any line end, stray quotes and all."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, TypeAlias

from caseassign.errors import HmisCsvError

LONGEST_LINE: Final = 131_072
"""Characters. A longer line is none of a CSV of an HMIS, whose longest value has a few hundred."""

MOST_LINES: Final = 100
"""Lines that one row may have. Where a quote stays open for longer, it is a stray one."""

RAGGED_ROW: Final = "ragged-row"
"""The flaw of a row with more values than the header has columns. The row is read."""

BROKEN_ROW: Final = "broken-row"
"""The flaw of a row in which a quote is opened and not closed. The row is not read; those behind it are."""

Row: TypeAlias = tuple[int, list[str | None]]
"""The line on which a row starts, and the values of the columns that were asked for; None where one is blank."""

_WINDOWS_1252: Final = [bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256)]


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8 as Windows-1252, which is what they are in the exports of old systems."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(_WINDOWS_1252[byte] for byte in error.object[error.start : error.end]), error.end


codecs.register_error("caseassign-windows-1252", _as_windows_1252)


class CsvRows:
    """The rows of one CSV file, its columns found by name, whatever their case and order.

    ``path`` and ``name`` are what errors call the export and the file in it.
    """

    def __init__(self, path: str, name: str, stream: io.BufferedReader) -> None:
        self._path = path
        self._name = name
        self._text = _decoded(stream)
        self._lines: list[str] = []  # of the record that the csv reader is at
        self._again: deque[str] = deque()  # to be read once more
        self._line = 0  # the number of lines before the record
        self._unclosed = False
        self._ended = False
        self._width = 0
        self._no_texts: Sequence[int] = ()  # where a value with a line break in it cannot be
        self._records = self._read_records()
        self._read_header()

    @property
    def is_empty(self) -> bool:
        """Whether the file has no line at all, not even a blank one."""
        return not self._width and not self._line

    def lacks(self, columns: Iterable[str]) -> list[str]:
        """Return those of ``columns`` that the header does not have."""
        return [column for column in columns if column.lower() not in self._places]

    def read(self, columns: Sequence[str], flaw: Callable[[int, str], None]) -> Iterator[Row]:
        """Yield the rows that are not blank; ``flaw`` is told the line and the flaw of each that has one.

        Of a column that the header lacks, every value is blank.
        """
        width = self._width
        places = [self._places.get(column.lower(), width) for column in columns]
        self._no_texts = [place for place, column in zip(places, columns, strict=True) if not column.endswith("Name")]
        pick = itemgetter(*places)
        for line, cells in self._records:
            if cells is None:
                flaw(line, BROKEN_ROW)
                continue
            if len(cells) != width:
                if any(map(_is_filled, cells[width:])):
                    flaw(line, RAGGED_ROW)
                cells[width:] = [""] * (width - len(cells))
            cells.append("")
            values = [value.strip() or None for value in pick(cells)]
            if self._wrapped:
                values = [_unwrapped(value) for value in values]
            yield line, values

    def _read_header(self) -> None:
        _, cells = next(self._records, (1, []))
        if cells is None:
            raise HmisCsvError(
                self._path, f"the header of {self._name} has a quote that is not closed: export it again"
            )
        names = [cell.strip() for cell in cells]
        self._wrapped = bool(names) and all(map(_is_wrapped, names))
        if self._wrapped:
            names = [name[1:-1].strip() for name in names]
        self._width = len(names)
        self._places: dict[str, int] = {}
        for place, name in enumerate(names):
            self._places.setdefault(name.lower(), place)

    def _read_records(self) -> Iterator[tuple[int, list[str] | None]]:
        """Yield the records that are not blank, and where each starts; None for a line of one that is broken."""
        while self._again or not self._ended:
            try:
                for cells in csv.reader(self._feed()):
                    if (self._unclosed or len(self._lines) > 1) and self._is_broken(cells):
                        yield from self._give_up()
                        continue
                    if any(map(_is_filled, cells)):
                        yield self._line + 1, cells
                    self._line += len(self._lines)
                    self._lines.clear()
            except csv.Error:  # a value that is too long: a stray quote has run over many lines
                yield from self._give_up()

    def _feed(self) -> Iterator[str]:
        """Yield the lines to the csv reader, and keep those of the record that it is at."""
        self._unclosed = False
        while len(self._lines) < MOST_LINES:
            line = self._again.popleft() if self._again else self._next_line()
            if line is None:
                self._ended = True
                break
            self._lines.append(line)
            yield line
        self._unclosed = bool(self._lines)

    def _next_line(self) -> str | None:
        line = self._text.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            number = self._line + len(self._lines) + 1
            raise HmisCsvError(
                self._path,
                f"line {number} of {self._name} has {LONGEST_LINE:,} characters or more: "
                "this is no CSV file, or a damaged one; export it again",
            )
        return line.replace("\0", "") if line else None

    def _give_up(self) -> Iterator[tuple[int, None]]:
        """Leave the first line of the record out, and those behind it that are no whole row; read on from there."""
        rest = deque(self._lines[1:])
        self._lines.clear()
        self._line += 1
        yield self._line, None
        while rest and not self._is_whole(rest[0]):
            self._line += 1
            if _is_filled(rest.popleft()):
                yield self._line, None
        self._again.extendleft(reversed(rest))

    def _is_whole(self, line: str) -> bool:
        return line.count(",") >= self._width - 1

    def _is_broken(self, cells: Sequence[str]) -> bool:
        """Whether a record of several lines is rather several rows that a stray quote has run together.

        It is where the quote is not closed or closed in the midst of a value, where every line would make a row
        of its own, and where a value that is an id, a day or a number would have a line break in it.
        """
        if self._unclosed:
            return True
        try:
            next(csv.reader(self._lines, strict=True))
        except csv.Error:
            return True
        return all(map(self._is_whole, self._lines)) or any(
            "\n" in cells[place].strip() for place in self._no_texts if place < len(cells)
        )


def _decoded(stream: io.BufferedReader) -> io.TextIOWrapper:
    if stream.peek(2)[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return io.TextIOWrapper(stream, "utf-16", "replace")
    return io.TextIOWrapper(stream, "utf-8-sig", "caseassign-windows-1252")


def _is_filled(cell: str) -> bool:
    return cell.strip(' \t\n"') != ""


def _is_wrapped(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] == '"'


def _unwrapped(value: str | None) -> str | None:
    """Take off the quotes of a file that was quoted twice."""
    return value[1:-1].strip() or None if value is not None and _is_wrapped(value) else value
