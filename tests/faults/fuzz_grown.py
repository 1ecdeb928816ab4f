"""Long files for the readers, to measure what they hold in memory: every row, and every cell, is another one."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from fuzz_inputs import LIST_HEADER, SCHEMA, small_export

from caseassign.formats import assignment_csv, assignment_json, hmis_csv
from caseassign.formats.csv_rows import CsvRows


class Grown(NamedTuple):
    """How a file of about so many bytes is written, and walked; ``times`` is how much more memory is documented."""

    write: Callable[[Path, int], Path]
    walk: Callable[[Path], None]
    times: int = 1


def _lines(header: str, row: str, length: int) -> Iterator[bytes]:
    """Yield lines until there are so many bytes, the number of each put into its row."""
    yield f"{header}\n".encode()
    written = number = 0
    while written < length:
        number += 1
        line = f"{row.replace('#', str(number))}\n".encode()
        written += len(line)
        yield line


_NOTE: Final = "x" * 500
_ENROLLMENTS: Final = (
    "EnrollmentID,PersonalID,ProjectID,EntryDate,HouseholdID,RelationshipToHoH,UserID,DateUpdated,DateDeleted",
    f"E#,C#,P1,2026-01-05,H#,1,U1,{_NOTE}#,{_NOTE * 8}#",
)


def _write_export(folder: Path, length: int) -> Path:
    place = folder / "long"
    place.mkdir(exist_ok=True)
    (place / "Project.csv").write_bytes(small_export(1)["Project"])
    with (place / "Enrollment.csv").open("wb") as file:
        file.writelines(_lines(*_ENROLLMENTS, length))
    return place


def _write_zip(folder: Path, length: int) -> Path:
    place = _write_export(folder, length)
    packed = folder / "long.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in place.iterdir():
            archive.write(path, path.name)
    return packed


def _walk_export(path: Path) -> None:
    with hmis_csv.read(path) as export:
        for listing in (export.enrollments, export.clients, export.issues):
            for _ in listing:
                pass


def _write_rows(folder: Path, length: int) -> Path:
    path = folder / "long.csv"
    with path.open("wb") as file:
        row = f'C#,Ann #,"Lee\n{_NOTE}#",2026-01-05 #'
        file.writelines(_lines("PersonalID,FirstName,LastName,DateUpdated", row, length))
    return path


def _walk_rows(path: Path) -> None:
    with path.open("rb") as file:
        for _ in CsvRows("the export", "the file", file).read(["PersonalID", "LastName"], lambda *_: None):
            pass


def _write_list(folder: Path, length: int) -> Path:
    path = folder / "long-list.csv"
    with path.open("wb") as file:
        row = f"A#,E#,C#,U1,Case Manager,2026-01-05,2026-01-0#,0,Active,0,{_NOTE}#"
        file.writelines(_lines(f"{LIST_HEADER},Note", row, length))
    return path


def _walk_list(path: Path) -> None:
    given = assignment_csv.read(path, as_of="2026-03-02")
    for part in (given, given.issues):
        for _ in part:
            pass


def _write_document(folder: Path, length: int) -> Path:
    path = folder / "long.json"
    one = '{"assignment_id": "A#", "enrollment_id": "E#", "user_id": "U#", "start_date": "2026-01-05", "role": "%s"},'
    with path.open("wb") as file:
        file.write(f'{{"schema": "{SCHEMA}", "as_of": "2026-03-02", "assignments":\n'.encode())
        file.writelines(_lines("[", one % _NOTE, length))
        file.write(b'{"enrollment_id": "E0", "user_id": "U0", "start_date": "2026-01-05"}]}')
    return path


def _walk_document(path: Path) -> None:
    for _ in assignment_json.read(path):
        pass


GROWN: Final = {
    "rows": Grown(_write_rows, _walk_rows),
    "export": Grown(_write_export, _walk_export),
    "zip": Grown(_write_zip, _walk_export),
    "csv": Grown(_write_list, _walk_list),
    "json": Grown(_write_document, _walk_document, times=12),  # a document is held in memory: that is documented
}
