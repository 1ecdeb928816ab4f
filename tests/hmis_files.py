"""Small HMIS CSV exports, written as a test wants them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

HEADERS = {
    "Export": "ExportID,ImplementationID,CSVVersion,ExportStartDate,ExportEndDate,ExportDirective,HashStatus",
    "Organization": "OrganizationID,OrganizationName,DateUpdated",
    "User": "UserID,UserFirstName,UserLastName,DateUpdated",
    "Project": "ProjectID,OrganizationID,ProjectName,ProjectType,OperatingStartDate,OperatingEndDate,DateUpdated",
    "Client": "PersonalID,FirstName,LastName,DateUpdated",
    "Enrollment": (
        "EnrollmentID,PersonalID,ProjectID,EntryDate,HouseholdID,RelationshipToHoH,UserID,DateUpdated,DateDeleted"
    ),
    "Exit": "ExitID,EnrollmentID,PersonalID,ExitDate,DateUpdated,DateDeleted",
}
ROWS = {
    "Export": ["X1,IMP,2026 v1.0,2026-01-01,2026-06-30,2,1"],
    "Organization": ["O1,Haven,"],
    "User": ["U1,Kim,Ode,"],
    "Project": ["P1,O1,Night Shelter,0,2020-01-01,,"],
    "Client": ["C1,Ann,Lee,"],
    "Enrollment": ["E1,C1,P1,2026-01-05,H1,1,U1,,"],
    "Exit": [],
}


def csv_of(name: str, *rows: str) -> bytes:
    """One file: its header and these rows."""
    return "".join(f"{line}\n" for line in (HEADERS[name], *rows)).encode()


def contents(**files: list[str] | bytes | None) -> dict[str, bytes]:
    """An export of one client in one project, with other rows, other bytes or none at all for some of its files."""
    chosen = ROWS | files
    return {
        f"{name}.csv": rows if isinstance(rows, bytes) else csv_of(name, *rows)
        for name, rows in chosen.items()
        if rows is not None
    }


def write(folder: Path, **files: list[str] | bytes | None) -> Path:
    """Write such an export as a folder."""
    return write_folder(folder, contents(**files))


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files, by their path in the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write files, by their path in the zip."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
