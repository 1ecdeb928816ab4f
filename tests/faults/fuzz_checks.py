"""What must be true of every input that a reader is given: one check for each target of the fuzzer.

The checks of whole exports are in ``fuzz_export_checks.py``, those of lists in ``fuzz_list_checks.py``.

A check returns whether the input was read or refused (with `HmisCsvError`, the one documented error), and raises
whatever else comes out, or `Finding` where an answer is not as it must be. Some checks are made of a part of the
inputs only; which part, the digest of the input says, so that an input always gets the same checks.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, Final, NamedTuple

import fuzz_count

from caseassign import Client, Enrollment, HmisCsvError, MemoryStore, Organization, Project, User
from caseassign.formats.csv_rows import CsvRows

TODAY: Final = date(2026, 3, 2)
COLUMNS: Final = ("PersonalID", "FirstName", "LastName", "DateUpdated")
"""What the target `rows` reads of any file; names may have line breaks in them."""


class Finding(AssertionError):  # noqa: N818  # what a fuzzer is after
    """An answer that is not as it must be."""


class Answer(NamedTuple):
    """What came of an input: whether it was read, and how many rows and issues it has."""

    read: bool
    rows: int = 0
    issues: int = 0


REFUSED: Final = Answer(read=False)


def must(condition: object, what: str) -> None:
    """Raise `Finding` unless a condition is true."""
    if not condition:
        raise Finding(what)


def chance(data: bytes) -> Random:
    """Return the chance that an input decides by itself."""
    return Random(hashlib.blake2b(data, digest_size=8).digest())


def variants(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield other spellings of a file, which must be read as it is: a BOM, CRLF, a last line end, quotes all over."""
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return
    marked = data.startswith(codecs.BOM_UTF8)
    if not marked:
        yield "a BOM", codecs.BOM_UTF8 + data
    if b"\r" not in data:
        yield "CRLF", data.replace(b"\n", b"\r\n")
    if data[-1:] not in {b"\n", b"\r"}:
        yield "a line end at the end", data + b"\n"
    if {*data}.isdisjoint(b'"\r\0'):
        lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
        quoted = [b",".join(b'"%s"' % cell for cell in line.split(b",")) if line else b"" for line in lines]
        yield "quotes", (codecs.BOM_UTF8 if marked else b"") + b"\n".join(quoted)


def store_of_a_few() -> MemoryStore:
    """Return a store with three clients in one project, for lists and exports to refer to."""
    store = MemoryStore()
    with store.transaction(write=True) as tx:
        tx.organizations.add([Organization(organization_id="O1")])
        tx.projects.add([Project(project_id="P1", organization_id="O1")])
        tx.users.add(User(user_id=key, organization_ids=frozenset({"O1"})) for key in ("U1", "U2"))
        tx.clients.add(Client(personal_id=f"C{number}") for number in (1, 2, 3))
        tx.enrollments.add(
            Enrollment(enrollment_id=f"E{n}", personal_id=f"C{n}", project_id="P1", entry_date=date(2026, 1, n))
            for n in (1, 2, 3)
        )
    return store


def check_rows(data: bytes) -> Answer:
    """The rows of one file: none is lost, and another spelling of the file says the same."""
    try:
        read, flaws = _rows_of(data)
    except HmisCsvError:
        return REFUSED
    starts = [line for line, *_ in read]
    must(starts == sorted(set(starts)), "rows do not come by their lines")
    must(set(flaws.values()) <= {"broken-row", "ragged-row"}, "a flaw that is not documented")
    broken = {line for line, code in flaws.items() if code == "broken-row"}
    must(broken.isdisjoint(starts), "a row is both broken and read")
    for cell in (cell for _, *cells in read for cell in cells):
        must(cell is None or (cell and cell == cell.strip() and "\0" not in cell), "a cell is not stripped")
    lines = fuzz_count.lines_of(data)
    if b'"' not in data or fuzz_count.is_surely_lines(lines):
        _, *filled = fuzz_count.filled_lines(lines) or [0]
        must(set(filled) <= broken | {*starts}, "a line is neither a row nor an issue")
    if (file := fuzz_count.plain(data)) is not None:
        _check_plain_rows(file.sure(broken), {line: cells for line, *cells in read}, flaws)
    if chance(data).random() < 0.25:
        for what, spelled in variants(data):
            must(_rows_of(spelled) == (read, flaws), f"{what} changes the rows")
    return Answer(read=True, rows=len(read), issues=len(flaws))


def _rows_of(data: bytes) -> tuple[list[Any], dict[int, str]]:
    flaws: dict[int, str] = {}
    rows = CsvRows("the export", "the file", io.BufferedReader(io.BytesIO(data)))
    return [(line, *cells) for line, cells in rows.read(COLUMNS, flaws.__setitem__)], flaws


def _check_plain_rows(file: fuzz_count.PlainFile, read: dict[int, list[str | None]], flaws: dict[int, str]) -> None:
    for row in file.rows:
        must(row.first in read, "a row of a file that is well formed is lost")
        must(read[row.first] == [row.get(column) for column in COLUMNS], "a row is not read as it is written")
        must((flaws.get(row.first) == "ragged-row") == row.surplus, "surplus cells are not reported")
    last = file.rows[-1].last if file.rows else 0
    must(len([line for line in read if line <= last]) == len(file.rows), "there are more rows than the file has")
