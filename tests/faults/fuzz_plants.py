"""Defects to put into the readers, one at a time, to see that the fuzzer finds them.

``crash`` lets an error of Python out of a parser, ``loss`` leaves a row out in silence, and ``memory`` holds what it
reads.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from caseassign import HmisCsvError
from caseassign.formats import (
    assignment_csv,
    assignment_json,
    assignment_list,
    csv_rows,
    hmis_judging,
    hmis_source,
    hmis_staging,
)
from caseassign.formats.hmis_days import ReadDay
from caseassign.formats.hmis_staging import Table

NAMES: Final = ("crash", "loss", "memory")


def _is_filled_in_old_systems(cell: str) -> bool:
    return cell.encode("cp1252").strip(b' \t\n"') != b""


def _read_day_that_is_in_the_calendar(text: str) -> ReadDay | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", text):
        return None
    day = date.fromisoformat(text[:10])
    return ReadDay(day, standard=True, moment=day.toordinal())


def _unguarded_that_is_json(cell: str | None) -> str | None:
    between = None if cell is None else re.fullmatch("'(.*)'", cell)
    return cell if between is None else str(json.loads(f'"{between[1]}"'))


def _parsed_that_is_text(name: str, content: bytes) -> object:
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        raise HmisCsvError(name, "it is no JSON") from None


def _never_broken(*_: object) -> bool:
    return False


def _drop_duplicates_in_silence(db: sqlite3.Connection, table: Table) -> None:
    db.execute(f"DELETE FROM {table.name} WHERE line NOT IN (SELECT max(line) FROM {table.name} GROUP BY id)")  # noqa: S608  # constants


def _judged_in_silence(judge: Any) -> Any:
    def of_those_that_are_first(self: Any, entry: Any) -> Iterator[Any]:
        return (each for each in judge(self, entry) if getattr(each, "code", None) != "duplicate-id")

    return of_those_that_are_first


def _read_once(readinto: Any) -> Any:
    def into(self: Any, buffer: Any) -> int:
        if getattr(self, "_was_read", False):
            return 0
        self._was_read = True
        count: int = readinto(self, memoryview(buffer)[:200])
        return count

    return into


def _all_at_once(decoded: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda stream: decoded(io.BufferedReader(io.BytesIO(stream.read())))


def _unpacked_at_once(opened: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *entry: io.BytesIO(opened(*entry).read())


def _character_by_character(parsed: Callable[[str, bytes], object]) -> Callable[[str, bytes], object]:
    return lambda name, content: parsed(name, bytes([*content]))


_DECODED: Final = (csv_rows, "_decoded", _all_at_once(csv_rows._decoded))
_JUDGED: Final = (assignment_list.Judge, "judge", _judged_in_silence(assignment_list.Judge.judge))
_PLANTS: Final[dict[tuple[str, str], tuple[Any, str, Any]]] = {
    ("rows", "crash"): (csv_rows, "_is_filled", _is_filled_in_old_systems),
    ("rows", "loss"): (csv_rows.CsvRows, "_is_broken", _never_broken),
    ("rows", "memory"): _DECODED,
    ("export", "crash"): (hmis_staging, "read_day", _read_day_that_is_in_the_calendar),
    ("export", "loss"): (hmis_judging, "_drop_duplicates", _drop_duplicates_in_silence),
    ("export", "memory"): _DECODED,
    ("zip", "crash"): (hmis_source, "_DAMAGE", (zipfile.BadZipFile, struct.error, EOFError, RuntimeError, ValueError)),
    ("zip", "loss"): (hmis_source.ExportFile, "readinto", _read_once(hmis_source.ExportFile.readinto)),
    ("zip", "memory"): (hmis_source, "_open_packed", _unpacked_at_once(hmis_source._open_packed)),
    ("csv", "crash"): (assignment_csv, "_unguarded", _unguarded_that_is_json),
    ("csv", "loss"): _JUDGED,
    ("csv", "memory"): _DECODED,
    ("json", "crash"): (assignment_json, "_parsed", _parsed_that_is_text),
    ("json", "loss"): _JUDGED,
    ("json", "memory"): (assignment_json, "_parsed", _character_by_character(assignment_json._parsed)),
}


@contextmanager
def planted(target: str, name: str | None) -> Iterator[None]:
    """Put a defect into the reader of a target; without a name, none."""
    if name is None:
        yield
        return
    owner, attribute, defect = _PLANTS[target, name]
    sound = getattr(owner, attribute)
    setattr(owner, attribute, defect)
    try:
        yield
    finally:
        setattr(owner, attribute, sound)
