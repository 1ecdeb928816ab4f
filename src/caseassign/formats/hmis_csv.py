"""Reads a HUD HMIS CSV export (FY2022, FY2024, FY2026), a folder or a zip, as records and issues.

::

    with hmis_csv.read("export.zip") as export:
        print(export.issue_counts, len(export.enrollments))

What is wrong with a row never stops the reading and is never left out in silence: it is an `Issue`. Everything is
staged in a private database on the disk, so that memory stays flat however many rows there are.
"""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeAlias, TypeVar

import attrs

from caseassign.errors import StorageError
from caseassign.formats.hmis_days import read_day, read_moment
from caseassign.formats.hmis_judging import count_kept_out, judge, names_every_enrollment, without_row
from caseassign.formats.hmis_source import FILES, open_source
from caseassign.formats.hmis_staging import Progress, export_row, has_only_changes, load, open_staging, read_number
from caseassign.model import Client, Enrollment, Organization, Project, User

T_co = TypeVar("T_co", covariant=True)

_FULL_REFRESH: Final = 2
"""The ExportDirective of an export that has all records, and not only those that changed (HMIS 1.2)."""

_REPORTING_PERIOD: Final = 3
"""The ExportPeriodType of an export of the enrollments that were open in a period (HMIS 1.1)."""

ExportRecord: TypeAlias = Client | User | Organization | Project | Enrollment


class Row(NamedTuple):
    """A record of an export. A ``bare`` one is known by its id alone: rows refer to it, and its file lacks it.

    ``entered_by`` is the user who last edited an enrollment (its UserID), and None for every other kind.
    ``tells_exit`` is whether the export says if, and when, an enrollment exited.
    """

    record: ExportRecord
    bare: bool
    entered_by: str | None
    tells_exit: bool = True


class LoneExit(NamedTuple):
    """A row of Exit.csv in a delta whose enrollment has no row in it; without ``exit_date`` the exit is removed."""

    line: int
    enrollment_id: str
    personal_id: str | None
    exit_date: date | None


class Issue(NamedTuple):
    """One thing that is wrong with an export, without personal data.

    ``line`` is the one on which the row starts; the header is line 1. ``column`` is None where the row as a whole
    is meant, ``record_id`` where the row has no id that could be read.
    """

    file: str
    line: int
    column: str | None
    code: str
    record_id: str | None


@attrs.frozen
class Listing(Generic[T_co]):
    """Rows that can be walked again and again, and counted, without holding them in memory."""

    _walk: Callable[[], Iterator[T_co]] = attrs.field(repr=False)
    _count: Callable[[], int] = attrs.field(repr=False)

    def __iter__(self) -> Iterator[T_co]:
        return self._walk()

    def __len__(self) -> int:
        return self._count()


class _Kind(NamedTuple):
    """Where the rows of one kind are staged, and how the record is built of the fields that are selected.

    ``about`` says who entered a row, and whether Exit.csv has one for it.
    """

    table: str
    fields: str
    build: Callable[..., ExportRecord]
    about: str = "NULL, 1"


def _client(personal_id: str, first_name: str | None, last_name: str | None, batch_id: str | None) -> Client:
    return Client(personal_id=personal_id, first_name=first_name, last_name=last_name, batch_id=batch_id)


def _user(user_id: str, first_name: str | None, last_name: str | None, batch_id: str | None) -> User:
    return User(user_id=user_id, first_name=first_name, last_name=last_name, batch_id=batch_id)


def _organization(organization_id: str, organization_name: str | None, batch_id: str | None) -> Organization:
    return Organization(organization_id=organization_id, organization_name=organization_name, batch_id=batch_id)


def _project(
    project_id: str,
    organization_id: str | None,
    name: str | None,
    kind: int | None,
    start: int | None,
    end: int | None,
    batch_id: str | None,
) -> Project:
    return Project(
        project_id=project_id,
        organization_id=organization_id,
        project_name=name,
        project_type=kind,
        operating_start_date=_day(start),
        operating_end_date=_day(end),
        batch_id=batch_id,
    )


def _enrollment(
    enrollment_id: str,
    personal_id: str,
    project_id: str,
    household_id: str | None,
    relationship: int | None,
    entry: int,
    exit_: int | None,
    deleted: int,
    batch_id: str | None,
) -> Enrollment:
    return Enrollment(
        enrollment_id=enrollment_id,
        personal_id=personal_id,
        project_id=project_id,
        household_id=household_id,
        relationship_to_hoh=relationship,
        entry_date=date.fromordinal(entry),
        exit_date=_day(exit_),
        deleted=bool(deleted),
        batch_id=batch_id,
    )


def _day(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)


_KINDS: Final[Mapping[str, _Kind]] = {
    Client.KIND: _Kind("client", "id, first_name, last_name", _client),
    User.KIND: _Kind("user", "id, first_name, last_name", _user),
    Organization.KIND: _Kind("organization", "id, organization_name", _organization),
    Project.KIND: _Kind(
        "project",
        "id, organization_id, project_name, project_type, abs(operating_start_date), abs(operating_end_date)",
        _project,
    ),
    Enrollment.KIND: _Kind(
        "enrollment",
        "id, personal_id, project_id, household_id, relationship_to_hoh, abs(entry_date),"
        " (SELECT abs(x.exit_date) FROM exit AS x WHERE x.id = enrollment.id), deleted IS NOT NULL",
        _enrollment,
        "user_id, id IN (SELECT x.id FROM exit AS x) OR id IN (SELECT r.id FROM removed_exit AS r)",
    ),
}


_LONE_EXITS: Final = (
    "SELECT line, id, personal_id, abs(exit_date) FROM exit WHERE id NOT IN (SELECT e.id FROM enrollment AS e)"
    " UNION ALL "
    "SELECT line, id, personal_id, NULL FROM removed_exit WHERE id NOT IN (SELECT e.id FROM enrollment AS e)"
    " ORDER BY 2"
)


@attrs.frozen(kw_only=True, eq=False)
class Export:
    """An export that was read: its records, bare ones included, and its issues.

    It gives back the disk when it is closed, or when nobody holds it any more.
    Records come in the order of their ids, issues in that of files and lines. What Export.csv says is None where
    it does not say it. ``kept_out`` counts the enrollments that could not be imported, and ``sha256`` is the same
    for the same files, zipped or not. ``exported_at`` is ExportDate, in UTC where it names a zone.
    ``is_delta`` is whether it has only what changed. ``has_exits`` is whether it says who has exited: a delta does,
    row by row; any other export does if there is a row in its Exit.csv.
    ``full_refresh`` is the first and the last day of the period of which it has every enrollment of its projects:
    where it is a full refresh of a reporting period, and the id of every row of Enrollment.csv can be read.
    """

    name: str
    export_id: str | None
    implementation_id: str | None
    csv_version: str | None
    exported_at: datetime | None
    export_start_date: date | None
    export_end_date: date | None
    export_period_type: int | None
    export_directive: int | None
    hash_status: int | None
    sha256: str
    is_delta: bool
    has_exits: bool
    full_refresh: tuple[date, date] | None
    issue_counts: dict[str, int]
    kept_out: dict[str, int]
    _db: sqlite3.Connection = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, self._db.close)

    @property
    def clients(self) -> Listing[Client]:
        """The clients."""
        return self._listing(Client.KIND)

    @property
    def users(self) -> Listing[User]:
        """The users."""
        return self._listing(User.KIND)

    @property
    def organizations(self) -> Listing[Organization]:
        """The organizations."""
        return self._listing(Organization.KIND)

    @property
    def projects(self) -> Listing[Project]:
        """The projects."""
        return self._listing(Project.KIND)

    @property
    def enrollments(self) -> Listing[Enrollment]:
        """The enrollments, deleted ones included, with the day of their exit."""
        return self._listing(Enrollment.KIND)

    @property
    def issues(self) -> Listing[Issue]:
        """Whatever is wrong with the export."""
        return Listing(self._walk_issues, partial(self._count, "issue"))

    def rows(self, kind: str, batch_id: str | None = None) -> Iterator[Row]:
        """Yield the records of a kind (``"client"``, …, ``"enrollment"``) with what an import must know of them.

        The records are of the batch that records them first, if it is given.
        """
        table, fields, build, about = _KINDS[kind]
        is_told = self.has_exits and not self.is_delta
        for bare, entered_by, has_exit, *values in self._select(
            f"SELECT bare, {about}, {fields}, ? FROM {table} ORDER BY id", batch_id
        ):
            yield Row(build(*values), bool(bare), entered_by, bool(has_exit) or is_told)

    def lone_exits(self) -> Iterator[LoneExit]:
        """Yield the exits of a delta whose enrollments have no row in it, those that it removes among them.

        Which enrollments they are about is not known here: in any other export, such an exit is an issue.
        """
        for line, enrollment_id, personal_id, exit_date in self._select(_LONE_EXITS):
            yield LoneExit(line, enrollment_id, personal_id, _day(exit_date))

    def lacking(self, enrollment_ids: Iterable[str]) -> list[str]:
        """Return those of these ids for which there is no row in Enrollment.csv, not even one that is kept out."""
        with _walking():
            return without_row(self._db, enrollment_ids)

    def close(self) -> None:
        """Give back the disk space; closing twice is harmless."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _listing(self, kind: str) -> Listing[Any]:
        return Listing(lambda: (row.record for row in self.rows(kind)), partial(self._count, _KINDS[kind].table))

    def _walk_issues(self) -> Iterator[Issue]:
        issues = self._select("SELECT file, line, field, code, record_id FROM issue ORDER BY file, line, rowid")
        return (Issue(FILES[file], *issue) for file, *issue in issues)

    def _count(self, table: str) -> int:
        ((count,),) = self._select(f"SELECT count(*) FROM {table}")
        return int(count)

    def _select(self, sql: str, *values: object) -> Iterator[Any]:
        with _walking():
            yield from self._db.execute(sql, values)


@contextmanager
def _walking() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"the export that was read cannot be walked: {error}") from None


def read(path: str | os.PathLike[str], progress: Progress | None = None) -> Export:
    """Read an export, a folder or a zip, once.

    ``progress`` is told the name of a file and the number of its rows so far, every 50,000 rows and at its end.
    Raises `HmisCsvError` where ``path`` is no HMIS CSV export, or a damaged one.
    """
    db = open_staging()
    try:
        db.execute("BEGIN")
        with open_source(path) as source:
            sha256 = load(db, source, progress or _say_nothing)
        is_delta = has_only_changes(db)
        ((has_exits,),) = db.execute("SELECT EXISTS (SELECT 1 FROM exit WHERE id IS NOT NULL)")
        judge(db, is_delta=is_delta)
        db.execute("COMMIT")
        return _export(db, source.name, sha256, is_delta=is_delta, has_exits=is_delta or bool(has_exits))
    except sqlite3.Error as error:
        db.close()
        raise StorageError(f"the export cannot be staged on the disk: {error}") from None
    except BaseException:
        db.close()
        raise


def _say_nothing(file: str, rows: int) -> None:
    """Report no progress."""


def _export(db: sqlite3.Connection, name: str, sha256: str, *, is_delta: bool, has_exits: bool) -> Export:
    export_id, implementation_id, csv_version, made, start, end, period_type, directive, hash_status = export_row(db)
    first, last = _written_day(start), _written_day(end)
    is_full = read_number(directive) == _FULL_REFRESH
    is_full &= period_type is None or read_number(period_type) == _REPORTING_PERIOD
    return Export(
        name=name,
        export_id=export_id,
        implementation_id=implementation_id,
        csv_version=csv_version,
        exported_at=read_moment(made or ""),
        export_start_date=first,
        export_end_date=last,
        export_period_type=read_number(period_type),
        export_directive=read_number(directive),
        hash_status=read_number(hash_status),
        sha256=sha256,
        is_delta=is_delta,
        has_exits=has_exits,
        full_refresh=_span(first, last) if is_full and names_every_enrollment(db) else None,
        issue_counts=dict(db.execute("SELECT code, count(*) FROM issue GROUP BY code ORDER BY code")),
        kept_out={"enrollments": count_kept_out(db)},
        db=db,
    )


def _span(first: date | None, last: date | None) -> tuple[date, date] | None:
    return None if first is None or last is None or last < first else (first, last)


def _written_day(text: str | None) -> date | None:
    read_as = read_day(text or "")
    return None if read_as is None else read_as.day
