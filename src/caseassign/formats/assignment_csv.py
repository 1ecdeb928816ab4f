"""CaseAssignment.csv: case assignments as a list that people, spreadsheets and other systems read and write.

===============  ======================================================================================
AssignmentID     the id of the stint; without one, a new id is made on import
EnrollmentID     required
PersonalID       the client of the enrollment; on import it is compared, and may be left out
UserID           required: who is responsible
Role             ``Case Manager`` if left out
StartDate        required: the first day responsible
EndDate          the first day no longer responsible; blank until further notice
KeptAfterExit    1 if it was deliberately kept past the exit of the enrollment; 0, or blank, if not
Status           Active, Inactive or Upcoming as of a day, for people to read; blank for what is void
Voided           1 if it should never have existed; 0, or blank, if not
===============  ======================================================================================

UTF-8, line feeds, days as ``YYYY-MM-DD``. Columns are found by name, whatever their case and order.

A text that a spreadsheet might take for a formula (it begins with ``=``, ``+``, ``-`` or ``@``), that has blanks at
its ends or characters that are not printed, or that begins with an apostrophe, is written between apostrophes, with
the escapes of JSON: ``'=1+1'``. Reading takes them off again, so that a list that was written is read as it was.

`read` never stops at a row that is wrong; it becomes an `Issue`. Left out is a row with ``missing-value``,
``bad-date``, ``ends-before-start``, ``bad-value``, ``duplicate-id`` (every row of an AssignmentID but the first),
``ragged-row`` (more values than columns) or ``broken-row`` (a quote that is not closed). The Status of a row is
compared with its days; where they disagree, that is ``status-disagrees``, and ``trust`` says which of them counts:

* ``"dates"``: the days stand as they are, also beside a Status that is not understood (``bad-value``).
* ``"status"``: what is Inactive and has not ended ends on the day as of which one looks; what is Active and has
  ended is open-ended. What is Inactive and has not even begun is left out (``ends-before-start``), and so is a
  Status that is not understood. Where Status and start disagree otherwise, the days stand.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, Generic, Literal, NamedTuple, TextIO, TypeAlias, TypeVar, get_args

import attrs

from caseassign.acts.import_assignments import COLUMNS, AssignmentRow, Issue
from caseassign.errors import HmisCsvError, InvalidRecordError, StorageError
from caseassign.formats.csv_rows import CsvRows
from caseassign.model import CASE_MANAGER, AssignmentStatus, CaseAssignment, is_text
from caseassign.period import Period, as_day

EndDates: TypeAlias = Literal["first-day-after", "last-day"]
"""What the end dates of a list mean: the first day no longer responsible, or the last day responsible."""

Trust: TypeAlias = Literal["dates", "status"]
"""What counts where the status of a row and its days disagree."""

_T = TypeVar("_T", AssignmentRow, Issue)

_REQUIRED: Final = ("EnrollmentID", "UserID", "StartDate")
_FLAGS: Final[Mapping[str | None, bool]] = {None: False, "0": False, "1": True}
_BETWEEN_APOSTROPHES: Final = re.compile("'(.*)'")
_STATUSES: Final = {status.value: status for status in AssignmentStatus}
_FORMULA: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""With what a formula begins in a spreadsheet, in the wide forms of East Asia too."""


# Writing


def write(
    file_or_path: TextIO | str | os.PathLike[str],
    rows: Iterable[tuple[CaseAssignment, str | None]],
    as_of: date | str,
) -> int:
    """Write assignments, each with the PersonalID of its enrollment; return how many there were.

    ``Status`` is what each is as of a day. A file is there when it is complete; what fails leaves the one before.
    """
    day = as_day(as_of, "as_of")
    count = 0
    with open_for_writing(file_or_path) as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS.values())
        for assignment, personal_id in rows:
            lines.writerow(_cells(assignment, personal_id, day))
            count += 1
    return count


def _cells(assignment: CaseAssignment, personal_id: str | None, as_of: date) -> tuple[str | int, ...]:
    return (
        _guarded(assignment.assignment_id),
        _guarded(assignment.enrollment_id),
        _guarded(personal_id or ""),
        _guarded(assignment.user_id),
        _guarded(assignment.role),
        assignment.start_date.isoformat(),
        "" if assignment.end_date is None else assignment.end_date.isoformat(),
        int(assignment.kept_after_exit),
        "" if assignment.voided else assignment.status(as_of).capitalize(),
        int(assignment.voided),
    )


@contextmanager
def open_for_writing(file_or_path: TextIO | str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a file, which takes the place of the one before when the block ends without an exception.

    A file that is open already is written to and left open; so is what is no file, such as a pipe.
    """
    if not isinstance(file_or_path, str | os.PathLike):
        yield file_or_path
        return
    named = Path(file_or_path)
    if named.exists() and not named.is_file():
        with named.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    place = named.resolve()
    part = place.with_name(f"{place.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _guarded(text: str) -> str:
    """Return a text as it stands in a cell: between apostrophes where it would not come back as it is."""
    if text[:1] in _FORMULA or text[:1] == "'" or text != text.strip() or not text.isprintable():
        return f"'{json.dumps(text, ensure_ascii=False)[1:-1]}'"
    return text


def _unguarded(cell: str | None) -> str | None:
    between = None if cell is None else _BETWEEN_APOSTROPHES.fullmatch(cell)
    if between is None:
        return cell
    try:
        text = str(json.loads(f'"{between[1]}"'))
        text.encode()  # an escape can name half a character
    except ValueError:
        return cell
    return text or None


# Reading


@attrs.frozen
class AssignmentList:
    """The rows of a list and its issues. Both can be walked again and again; each time, the list is read again."""

    name: str
    _walk: Callable[[], Iterator[AssignmentRow | Issue]] = attrs.field(repr=False)

    def __iter__(self) -> Iterator[AssignmentRow]:
        return iter(_Part(self._walk, AssignmentRow))

    @property
    def issues(self) -> Iterable[Issue]:
        """Whatever is wrong with the list, by line."""
        return _Part(self._walk, Issue)


@attrs.frozen
class _Part(Generic[_T]):
    _walk: Callable[[], Iterator[AssignmentRow | Issue]]
    _kind: type[_T]

    def __iter__(self) -> Iterator[_T]:
        return (each for each in self._walk() if isinstance(each, self._kind))


def read(
    path: str | os.PathLike[str],
    *,
    as_of: date | str,
    end_dates: EndDates = "first-day-after",
    trust: Trust = "dates",
) -> AssignmentList:
    """Read a list of case assignments, ours or a legacy one.

    ``as_of`` is the day as of which its Status column was true: the day on which the list was made. ``end_dates``
    says what its end dates mean, and ``trust`` what counts where Status and days disagree. Raises `HmisCsvError`
    where ``path`` is no such list, here or, if the file changes, while it is walked.
    """
    name = name_of(path)
    reading = Reading(name=name, as_of=as_day(as_of, "as_of"), end_dates=end_dates, trust=trust)
    with _open(path, name):
        return AssignmentList(name, partial(_walk, path, reading))


def name_of(path: str | os.PathLike[str]) -> str:
    """Return what errors and issues call a file: its name, without the folders."""
    return Path(path).name or str(path)


@contextmanager
def unreadable_refused(name: str) -> Iterator[None]:
    """Raise the one error of a list that cannot be read for whatever the system says."""
    try:
        yield
    except OSError as error:
        raise HmisCsvError(name, f"it cannot be read: {error.strerror or 'input or output error'}") from None


@contextmanager
def _open(path: str | os.PathLike[str], name: str) -> Iterator[CsvRows]:
    with unreadable_refused(name), Path(path).open("rb") as file:
        rows = CsvRows(name, "the list", file)
        if lacking := rows.lacks(_REQUIRED):
            raise HmisCsvError(
                name, f"it lacks the column {', '.join(lacking)}: give a CSV with at least {', '.join(_REQUIRED)}"
            )
        yield rows


def _walk(path: str | os.PathLike[str], reading: Reading) -> Iterator[AssignmentRow | Issue]:
    flaws: list[Issue] = []

    def note_flaw(line: int, code: str) -> None:
        flaws.append(Issue(reading.name, line, None, code, None))

    with _open(path, reading.name) as rows, closing(Judge(reading)) as judge:
        for line, cells in rows.read(list(COLUMNS.values()), note_flaw):
            ragged = bool(flaws) and flaws[-1].line == line
            yield from flaws
            flaws.clear()
            if not ragged:  # else it is not known which value belongs to which column
                yield from judge.judge(_entry(line, cells))
        yield from flaws


def _entry(line: int, cells: Sequence[str | None]) -> Entry:
    *texts, start, end, kept, status, voided = cells
    assignment_id, enrollment_id, personal_id, user_id, role = map(_unguarded, texts)
    return Entry(
        line=line,
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        personal_id=personal_id,
        user_id=user_id,
        role=role,
        start_date=start,
        end_date=end,
        kept_after_exit=_FLAGS.get(kept),
        status=status and status.lower(),
        voided=_FLAGS.get(voided),
    )


# Judging, whatever the format


class Entry(NamedTuple):
    """A row as it was read: texts, None where there is none, and for a flag that is not understood."""

    line: int
    assignment_id: str | None
    enrollment_id: str | None
    personal_id: str | None
    user_id: str | None
    role: str | None
    start_date: str | None
    end_date: str | None
    kept_after_exit: bool | None
    status: str | None
    voided: bool | None


def _check_end_dates(_: Reading, field: attrs.Attribute[str], value: str) -> None:
    if value not in get_args(EndDates):
        raise InvalidRecordError("AssignmentList", field.name, "is neither 'first-day-after' nor 'last-day'")


def _check_trust(_: Reading, field: attrs.Attribute[str], value: str) -> None:
    if value not in get_args(Trust):
        raise InvalidRecordError("AssignmentList", field.name, "is neither 'dates' nor 'status'")


@attrs.frozen(kw_only=True)
class Reading:
    """How a list is read: what it is called, since when its statuses are true, and what its columns mean."""

    name: str
    as_of: date
    end_dates: EndDates = attrs.field(default="first-day-after", validator=_check_end_dates)
    trust: Trust = attrs.field(validator=_check_trust)


class _LeftOut(Exception):  # noqa: N818  # no error: it becomes an issue
    """What keeps a row out: the field to blame, and the code."""


class Judge:
    """Says of each row of a list what becomes of it: an assignment, issues, or both. Close it after the last."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._seen = sqlite3.connect("", isolation_level=None)  # on the disk, so that memory stays flat
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._seen.execute("BEGIN")

    def close(self) -> None:
        """Give back the disk space; closing twice is harmless."""
        self._seen.close()

    def judge(self, entry: Entry) -> Iterator[AssignmentRow | Issue]:
        """Yield the issues of a row, and the row itself unless it is left out."""
        try:
            row = self._row(entry)
        except _LeftOut as left_out:
            field, code = left_out.args
            yield Issue(self._reading.name, entry.line, COLUMNS[field], code, entry.assignment_id)
        else:
            yield from self._compared(row, entry.status)

    def _row(self, entry: Entry) -> AssignmentRow:
        for field in ("assignment_id", "enrollment_id", "personal_id", "user_id", "role"):
            if not is_text(getattr(entry, field) or ""):
                raise _LeftOut(field, "bad-value")
        if entry.assignment_id is not None and not self._is_first(entry.assignment_id):
            raise _LeftOut("assignment_id", "duplicate-id")
        start_date = _day("start_date", _given(entry, "start_date"))
        return AssignmentRow(
            file=self._reading.name,
            line=entry.line,
            assignment_id=entry.assignment_id,
            enrollment_id=_given(entry, "enrollment_id"),
            personal_id=entry.personal_id,
            user_id=_given(entry, "user_id"),
            role=entry.role or CASE_MANAGER,
            start_date=start_date,
            end_date=None if entry.end_date is None else self._end(start_date, _day("end_date", entry.end_date)),
            kept_after_exit=_flag(entry, "kept_after_exit"),
            voided=_flag(entry, "voided"),
        )

    def _is_first(self, assignment_id: str) -> bool:
        try:
            return self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (assignment_id,)).rowcount == 1
        except sqlite3.Error as error:
            raise StorageError(f"the ids of the list cannot be kept on the disk: {error}") from None

    def _end(self, start: date, written: date) -> date | None:
        if written < start:
            raise _LeftOut("end_date", "ends-before-start")
        if self._reading.end_dates == "first-day-after":
            return written
        try:
            return Period.through(start, written).end
        except OverflowError:  # no day comes after it
            raise _LeftOut("end_date", "bad-date") from None

    def _compared(self, row: AssignmentRow, written: str | None) -> Iterator[AssignmentRow | Issue]:
        """Yield a row whose days were read, after comparing them with its status; what is void has none."""
        if written is None:
            yield row
            return
        status = _STATUSES.get(written)
        if status is None:
            yield row.issue("status", "bad-value")
            if self._reading.trust == "dates":
                yield row
        elif row.voided or row.assignment("?").status(self._reading.as_of) is status:
            yield row
        else:
            yield row.issue("status", "status-disagrees")
            yield self._resolved(row, status)

    def _resolved(self, row: AssignmentRow, status: AssignmentStatus) -> AssignmentRow | Issue:
        """Return a row as the policy has it whose status and days disagree, or why it is left out."""
        has_begun = row.start_date <= self._reading.as_of
        if self._reading.trust == "dates" or status is AssignmentStatus.UPCOMING:
            return row
        if status is AssignmentStatus.ACTIVE:
            return attrs.evolve(row, end_date=None) if has_begun else row
        return (
            attrs.evolve(row, end_date=self._reading.as_of) if has_begun else row.issue("status", "ends-before-start")
        )


def _given(entry: Entry, field: str) -> str:
    value = getattr(entry, field)
    if value is None:
        raise _LeftOut(field, "missing-value")
    return str(value)


def _day(field: str, text: str) -> date:
    try:
        return as_day(text)
    except InvalidRecordError:
        raise _LeftOut(field, "bad-date") from None


def _flag(entry: Entry, field: str) -> bool:
    value = getattr(entry, field)
    if value is None:
        raise _LeftOut(field, "bad-value")
    return bool(value)
