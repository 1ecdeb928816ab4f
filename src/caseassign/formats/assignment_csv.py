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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from caseassign.acts.import_assignments import COLUMNS, AssignmentRow, Issue
from caseassign.errors import HmisCsvError
from caseassign.formats.assignment_list import (
    AssignmentList,
    EndDates,
    Entry,
    Judge,
    Reading,
    Trust,
    name_of,
    open_for_writing,
    unreadable_refused,
)
from caseassign.formats.csv_rows import CsvRows
from caseassign.model import CaseAssignment
from caseassign.period import as_day

_REQUIRED: Final = ("EnrollmentID", "UserID", "StartDate")
_FLAGS: Final[Mapping[str | None, bool]] = {None: False, "0": False, "1": True}
_BETWEEN_APOSTROPHES: Final = re.compile("'(.*)'")
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
    where ``path`` is no such list, here or, for a line that is too long or a file that changes, while it is walked.
    """
    name = name_of(path)
    reading = Reading(name=name, as_of=as_day(as_of, "as_of"), end_dates=end_dates, trust=trust)
    with _open(path, name):
        return AssignmentList(name, partial(_walk, path, reading))


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
