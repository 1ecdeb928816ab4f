"""A list of case assignments, whatever its format: how it is read, and what becomes of each of its rows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, Generic, Literal, NamedTuple, TextIO, TypeAlias, TypeVar, get_args

import attrs

from caseassign.acts.import_assignments import COLUMNS, AssignmentRow, Issue
from caseassign.errors import HmisCsvError, InvalidRecordError, StorageError
from caseassign.model import CASE_MANAGER, AssignmentStatus, is_text
from caseassign.period import Period, as_day

EndDates: TypeAlias = Literal["first-day-after", "last-day"]
"""What the end dates of a list mean: the first day no longer responsible, or the last day responsible."""

Trust: TypeAlias = Literal["dates", "status"]
"""What counts where the status of a row and its days disagree."""

_T = TypeVar("_T", AssignmentRow, Issue)

_STATUSES: Final = {status.value: status for status in AssignmentStatus}


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
