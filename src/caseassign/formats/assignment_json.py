"""Case assignments as JSON, one document whose schema is published: what CaseAssignment.csv holds, for programs.

::

    {"schema": "urn:caseassign:case-assignments:1", "as_of": "2026-03-02", "assignments": [
    {"assignment_id": "a1", "enrollment_id": "e1", "personal_id": "c1", "user_id": "kim", "role": "Case Manager",
     "start_date": "2026-01-05", "end_date": null, "kept_after_exit": false, "status": "active", "voided": false}
    ]}

``end_date`` is the first day no longer responsible, and ``status`` is what the days make of it as of ``as_of``. The
schema, ``case_assignments.schema.json``, says which fields may be left out. What does not fit it is one clear error
that names the place. What no schema can tell becomes an issue, under the names that it has in CaseAssignment.csv.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final, NewType, TextIO, TypeVar

import attrs
from cattrs import ClassValidationError, Converter

from caseassign.acts.import_assignments import AssignmentRow, Issue
from caseassign.errors import HmisCsvError, InvalidRecordError
from caseassign.formats.assignment_list import (
    AssignmentList,
    Entry,
    Judge,
    Reading,
    Trust,
    name_of,
    open_for_writing,
    unreadable_refused,
)
from caseassign.model import CASE_MANAGER, AssignmentStatus, CaseAssignment
from caseassign.period import as_day

SCHEMA: Final = "urn:caseassign:case-assignments:1"
"""What a document says in ``schema``: the id of the published schema, which ends with its version."""

_T = TypeVar("_T")

_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")


def schema() -> dict[str, Any]:
    """Return the published schema (JSON Schema 2020-12)."""
    text = resources.files("caseassign.formats").joinpath("case_assignments.schema.json").read_text("utf-8")
    published: dict[str, Any] = json.loads(text)
    return published


def write(
    file_or_path: TextIO | str | os.PathLike[str],
    rows: Iterable[tuple[CaseAssignment, str | None]],
    as_of: date | str,
) -> int:
    """Write assignments, each with the personal_id of its enrollment, one a line; return how many there were.

    ``status`` is what each is as of a day, and null for what is void.
    """
    day = as_day(as_of, "as_of")
    count = 0
    with open_for_writing(file_or_path) as file:
        file.write(f'{{"schema": "{SCHEMA}", "as_of": "{day}", "assignments": [')
        for count, (assignment, personal_id) in enumerate(rows, start=1):
            file.write("\n" if count == 1 else ",\n")
            file.write(json.dumps(_plain(assignment, personal_id, day), ensure_ascii=False))
        file.write("\n]}\n")
    return count


def _plain(assignment: CaseAssignment, personal_id: str | None, as_of: date) -> dict[str, Any]:
    end = assignment.end_date
    return {
        "assignment_id": assignment.assignment_id,
        "enrollment_id": assignment.enrollment_id,
        "personal_id": personal_id,
        "user_id": assignment.user_id,
        "role": assignment.role,
        "start_date": assignment.start_date.isoformat(),
        "end_date": None if end is None else end.isoformat(),
        "kept_after_exit": assignment.kept_after_exit,
        "status": None if assignment.voided else assignment.status(as_of).value,
        "voided": assignment.voided,
    }


def read(path: str | os.PathLike[str], *, trust: Trust = "dates") -> AssignmentList:
    """Read a document, which is then held in memory; ``trust`` says what counts where status and days disagree.

    Raises `HmisCsvError`, which names the place, where the document is not what the schema says.
    """
    name = name_of(path)
    with unreadable_refused(name), Path(path).open("rb") as file:
        content = file.read()
    document = _structured(name, "the document", _Document, _parsed(name, content))
    entries = [
        _entry(number, _structured(name, f"assignment {number}", _Assignment, value))
        for number, value in enumerate(document.assignments, start=1)
    ]
    return AssignmentList(name, partial(_walk, entries, Reading(name=name, as_of=document.as_of, trust=trust)))


def _walk(entries: Iterable[Entry], reading: Reading) -> Iterator[AssignmentRow | Issue]:
    with closing(Judge(reading)) as judge:
        for entry in entries:
            yield from judge.judge(entry)


# The schema, as types


_Schema = NewType("_Schema", str)
_Text = NewType("_Text", str)
_Day = NewType("_Day", str)
_Array = NewType("_Array", list[Any])


@attrs.frozen
class _Document:
    schema: _Schema
    as_of: date
    assignments: _Array


@attrs.frozen(kw_only=True)
class _Assignment:
    assignment_id: _Text | None = None
    enrollment_id: _Text
    personal_id: _Text | None = None
    user_id: _Text
    role: _Text = _Text(CASE_MANAGER)
    start_date: _Day
    end_date: _Day | None = None
    kept_after_exit: bool = False
    status: AssignmentStatus | None = None
    voided: bool = False


def _entry(number: int, assignment: _Assignment) -> Entry:
    return Entry(
        line=number,
        assignment_id=assignment.assignment_id,
        enrollment_id=assignment.enrollment_id,
        personal_id=assignment.personal_id,
        user_id=assignment.user_id,
        role=assignment.role,
        start_date=assignment.start_date,
        end_date=assignment.end_date,
        kept_after_exit=assignment.kept_after_exit,
        status=assignment.status,
        voided=assignment.voided,
    )


class _FlawError(Exception):
    """What is wrong with a value, without the value."""


def _read_schema(value: object, _: object) -> str:
    if value != SCHEMA:
        raise _FlawError(f"is not {SCHEMA}: it is of another kind, or another version")
    return SCHEMA


def _read_text(value: object, _: object) -> str:
    if not isinstance(value, str) or not value:
        raise _FlawError("is no text, or is empty")
    if _HALF_CHARACTER.search(value):
        raise _FlawError("has half a character in it")
    return value


def _read_day_text(value: object, _: object) -> str:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _FlawError("is no day written as YYYY-MM-DD")
    return value


def _read_day(value: object, _: object) -> date:
    try:
        return as_day(_read_day_text(value, _))
    except InvalidRecordError:
        raise _FlawError("is no day of the calendar") from None


def _read_array(value: object, _: object) -> object:
    if not isinstance(value, list):
        raise _FlawError("is no array")
    return value


def _read_flag(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise _FlawError("is neither true nor false")
    return value


def _read_status(value: object, _: object) -> AssignmentStatus:
    for status in AssignmentStatus:
        if value == status.value:
            return status
    raise _FlawError(f"is none of {', '.join(AssignmentStatus)}, null")


_READS: Final[Mapping[Any, Callable[[object, object], object]]] = {
    _Schema: _read_schema,
    _Text: _read_text,
    _Day: _read_day_text,
    _Array: _read_array,
    date: _read_day,
    bool: _read_flag,
    AssignmentStatus: _read_status,
}
_STRICT: Final = Converter(forbid_extra_keys=True)
for _kind, _read in _READS.items():
    _STRICT.register_structure_hook(_kind, _read)


def _parsed(name: str, content: bytes) -> object:
    try:
        return json.loads(content, object_pairs_hook=partial(_object, name))
    except json.JSONDecodeError as error:
        raise HmisCsvError(name, f"it is no JSON: see line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise HmisCsvError(name, "it is no JSON in UTF-8, or none of a sensible size") from None


def _object(name: str, pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise HmisCsvError(name, "it has an object that names a field twice: which value counts is not known")
    return members


def _structured(name: str, place: str, kind: type[_T], value: object) -> _T:
    """Return an object of the document as a value of ``kind``; raise `HmisCsvError` with the first flaw."""
    if not isinstance(value, dict):
        raise HmisCsvError(name, f"{place}: is no object")
    try:
        return _STRICT.structure(value, kind)
    except ClassValidationError as error:
        raise HmisCsvError(name, f"{place}, {_first_flaw(error)}") from None


def _first_flaw(error: ClassValidationError) -> str:
    """Return the field and what is wrong with it."""
    of_fields, _ = error.group_exceptions()
    if not of_fields:
        return "a field: is none that the schema knows"
    flaw, note = of_fields[0]
    return f"{note.name}: {'is missing' if isinstance(flaw, KeyError) else flaw}"
