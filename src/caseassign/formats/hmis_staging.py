"""The rows of an export in a private database on the disk, where millions of them can be compared.

Each is staged under the line on which it starts. A day is staged as its ordinal, below zero where it was not
written in the format of the standard; a day or a code that cannot be read, as `UNREADABLE`.
"""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

import enum
import hashlib
import io
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Final, NamedTuple, TypeAlias

import attrs

from caseassign.errors import HmisCsvError
from caseassign.formats.csv_rows import CsvRows, Row
from caseassign.formats.hmis_days import read_day
from caseassign.formats.hmis_source import FILES, Source
from caseassign.model import ProjectType, RelationshipToHoH

Staged: TypeAlias = int | str | None

Progress: TypeAlias = Callable[[str, int], None]
"""Told the name of a file and how many of its rows were read so far."""

ROWS_PER_REPORT: Final = 50_000

_NUMBER: Final = re.compile(r"0*([0-9]{1,9})")

UNREADABLE: Final = "?"

_LONGEST_DAY: Final = 64
"""Characters. Whatever is longer is no day; it is not looked at, and above all not remembered."""

_CHUNK: Final = 2**18
"""Bytes that are read at a time."""

_PAGES_IN_MEMORY: Final = -16_000
"""Of the database: kibibytes, as SQLite wants them."""

_DELTA: Final = 1
"""The ExportDirective of an export that has only what changed (HMIS 1.2)."""

_NAMES_ARE_HASHED: Final = (2, 4)
"""The HashStatus of an export in which the names of clients are hashes (HMIS 1.5)."""


class Column(NamedTuple):
    """A column of a file, the field that it is staged in, and how."""

    name: str
    field: str
    stage: Callable[[str | None], Staged] | None = None


@attrs.frozen
class Table:
    """A file, the table that it is staged in, and its columns, the id first.

    Without a ``required`` file there is no export; a file that is there has the ``needed`` columns.
    """

    file: str
    name: str
    columns: tuple[Column, ...]
    needed: tuple[str, ...] = ()
    required: bool = False

    @property
    def number(self) -> int:
        """The place of the file in the order of reading."""
        return FILES.index(self.file)

    @property
    def key(self) -> str:
        """The name of the column with the id."""
        return self.columns[0].name


def read_number(text: str | None) -> int | None:
    """Return the number that ``text`` is in plain digits; None where it is none, or has more than nine of them.

    Zeros before it do not count, however many.
    """
    match = None if text is None else _NUMBER.fullmatch(text)
    return None if match is None else int(match[1])  # a number of thousands of digits, Python refuses to read


def stage_day(text: str | None) -> Staged:
    """Return how a day is staged."""
    if text is None:
        return None
    return _stage_short_day(text) if len(text) <= _LONGEST_DAY else UNREADABLE


@lru_cache(maxsize=2**14)
def _stage_short_day(text: str) -> Staged:
    read = read_day(text)
    if read is None:
        return UNREADABLE
    return read.day.toordinal() if read.standard else -read.day.toordinal()


def _stages_code_of(picklist: type[enum.IntEnum]) -> Callable[[str | None], Staged]:
    codes = frozenset(picklist)

    def stage_code(text: str | None) -> Staged:
        number = read_number(text)
        return number if number in codes or text is None else UNREADABLE

    return stage_code


_UPDATED: Final = Column("DateUpdated", "updated")

EXPORT: Final = Table(
    "Export.csv",
    "export",
    (
        Column("ExportID", "id"),
        Column("ImplementationID", "implementation_id"),
        Column("CSVVersion", "csv_version"),
        Column("ExportDate", "export_date"),
        Column("ExportStartDate", "start_date"),
        Column("ExportEndDate", "end_date"),
        Column("ExportPeriodType", "period_type"),
        Column("ExportDirective", "directive"),
        Column("HashStatus", "hash_status"),
    ),
)
ORGANIZATION: Final = Table(
    "Organization.csv",
    "organization",
    (Column("OrganizationID", "id"), _UPDATED, Column("OrganizationName", "organization_name")),
)
USER: Final = Table(
    "User.csv",
    "user",
    (Column("UserID", "id"), _UPDATED, Column("UserFirstName", "first_name"), Column("UserLastName", "last_name")),
)
PROJECT: Final = Table(
    "Project.csv",
    "project",
    (
        Column("ProjectID", "id"),
        _UPDATED,
        Column("OrganizationID", "organization_id"),
        Column("ProjectName", "project_name"),
        Column("ProjectType", "project_type", _stages_code_of(ProjectType)),
        Column("OperatingStartDate", "operating_start_date", stage_day),
        Column("OperatingEndDate", "operating_end_date", stage_day),
    ),
    needed=("ProjectID",),
    required=True,
)
CLIENT: Final = Table(
    "Client.csv",
    "client",
    (Column("PersonalID", "id"), _UPDATED, Column("FirstName", "first_name"), Column("LastName", "last_name")),
)
ENROLLMENT: Final = Table(
    "Enrollment.csv",
    "enrollment",
    (
        Column("EnrollmentID", "id"),
        _UPDATED,
        Column("PersonalID", "personal_id"),
        Column("ProjectID", "project_id"),
        Column("HouseholdID", "household_id"),
        Column("RelationshipToHoH", "relationship_to_hoh", _stages_code_of(RelationshipToHoH)),
        Column("EntryDate", "entry_date", stage_day),
        Column("UserID", "user_id"),
        Column("DateDeleted", "deleted", stage_day),
    ),
    needed=("EnrollmentID", "PersonalID", "ProjectID", "EntryDate"),
    required=True,
)
EXIT: Final = Table(
    "Exit.csv",
    "exit",
    (
        Column("EnrollmentID", "id"),
        _UPDATED,
        Column("PersonalID", "personal_id"),
        Column("ExitDate", "exit_date", stage_day),
        Column("DateDeleted", "deleted", stage_day),
    ),
    needed=("EnrollmentID", "ExitDate"),
)
TABLES: Final = (EXPORT, ORGANIZATION, USER, PROJECT, CLIENT, ENROLLMENT, EXIT)


def open_staging() -> sqlite3.Connection:
    """Open an empty staging database: a file of its own that vanishes when it is closed."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in ("temp_store = FILE", f"cache_size = {_PAGES_IN_MEMORY}", "journal_mode = OFF", "synchronous = OFF"):
        db.execute(f"PRAGMA {pragma}")
    for table in TABLES:
        fields = ", ".join(column.field for column in table.columns)
        db.execute(f"CREATE TABLE {table.name} (line INTEGER PRIMARY KEY, bare INTEGER NOT NULL DEFAULT 0, {fields})")
    db.execute("CREATE TABLE flaw (file INTEGER, line INTEGER, code TEXT)")
    db.execute("CREATE TABLE issue (file INTEGER, line INTEGER, field TEXT, code TEXT, record_id TEXT)")
    return db


def load(db: sqlite3.Connection, source: Source, progress: Progress) -> str:
    """Stage every file of an export; return the SHA-256 over their names and bytes, in hexadecimal.

    An empty file, or one of a byte order mark alone, counts as one that is not there. Raises `HmisCsvError` where a
    file is not what it must be.
    """
    read = hashlib.sha256()
    for table in TABLES:
        with source.open(table.file) as file:
            rows = CsvRows(source.name, table.file, io.BufferedReader(file, _CHUNK))
            if not rows.is_empty:
                _load_rows(db, source.name, table, rows, progress)
                read.update(f"{table.file} {file.sha256}\n".encode())
            elif table.required:
                raise HmisCsvError(source.name, f"{table.file} is missing or empty: make a complete export")
        db.execute(f"CREATE INDEX {table.name}_by_id ON {table.name} (id)")
    return read.hexdigest()


def _load_rows(db: sqlite3.Connection, path: str, table: Table, rows: CsvRows, progress: Progress) -> None:
    if lacking := rows.lacks(table.needed):
        raise HmisCsvError(path, f"{table.file} lacks the column {', '.join(lacking)}: make a complete export")
    columns = table.columns[:2] if table is CLIENT and _names_are_hashed(db) else table.columns
    fields = [column.field for column in columns]

    def note_flaw(line: int, code: str) -> None:
        db.execute("INSERT INTO flaw VALUES (?, ?, ?)", (table.number, line, code))

    db.executemany(
        f"INSERT INTO {table.name} ({', '.join(fields)}, line) VALUES ({'?, ' * len(fields)}?)",
        _staged(rows.read([column.name for column in columns], note_flaw), columns, partial(progress, table.file)),
    )


def _staged(rows: Iterable[Row], columns: Iterable[Column], progress: Callable[[int], None]) -> Iterator[list[Staged]]:
    stages = [(place, column.stage) for place, column in enumerate(columns) if column.stage is not None]
    count = 0
    for count, (line, values) in enumerate(rows, start=1):
        staged: list[Staged] = [*values, line]
        for place, stage in stages:
            staged[place] = stage(values[place])
        yield staged
        if count % ROWS_PER_REPORT == 0:
            progress(count)
    progress(count)


def export_row(db: sqlite3.Connection) -> Sequence[str | None]:
    """Return the columns of the first row of Export.csv, each None where there is no such row."""
    row: Sequence[str | None] | None = db.execute(
        f"SELECT {', '.join(column.field for column in EXPORT.columns)} FROM export ORDER BY line LIMIT 1"
    ).fetchone()
    return [None] * len(EXPORT.columns) if row is None else row


def has_only_changes(db: sqlite3.Connection) -> bool:
    """Whether Export.csv says that the export is a delta: it has only the rows that changed."""
    *_, directive, _ = export_row(db)
    return read_number(directive) == _DELTA


def _names_are_hashed(db: sqlite3.Connection) -> bool:
    *_, hash_status = export_row(db)
    return read_number(hash_status) in _NAMES_ARE_HASHED
