"""An HMIS CSV export of a world, with what real exports get wrong in about one row of a hundred."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.world import TODAY, Dice, Enrollment, World
from caseassign.demo.fy2026 import COLUMNS

_OPENED: Final = f"{TODAY.year - 10}-07-01"
_EXPORT_ID: Final = "BENCH1"

Row = dict[str, str]


def duplicate(rows: list[Row], exits: list[Row]) -> None:
    """An older row of the same enrollment."""
    rows.append(rows[0] | {"RelationshipToHoH": "99", "DateUpdated": f"{_OPENED} 08:00:00"})


def orphan(rows: list[Row], exits: list[Row]) -> None:
    """An exit from an enrollment that is not there."""
    exits.append(_exit(rows[0] | {"EnrollmentID": f"{rows[0]['EnrollmentID']}X"}, rows[0]["EntryDate"]))


def no_household(rows: list[Row], exits: list[Row]) -> None:
    """An enrollment without HouseholdID."""
    rows[0]["HouseholdID"] = ""


def early_exit(rows: list[Row], exits: list[Row]) -> None:
    """An exit before the entry."""
    exits[:] = [_exit(rows[0], "1999-01-01")]


def spreadsheet_day(rows: list[Row], exits: list[Row]) -> None:
    """A day as a spreadsheet writes it."""
    year, month, day = rows[0]["EntryDate"].split("-")
    rows[0]["EntryDate"] = f"{int(month)}/{int(day)}/{year}"


def no_such_day(rows: list[Row], exits: list[Row]) -> None:
    """A day that the calendar does not have."""
    rows[0]["EntryDate"] = f"{rows[0]['EntryDate'][:4]}-02-30"


def strange_relationship(rows: list[Row], exits: list[Row]) -> None:
    """A relationship that the picklist does not have."""
    rows[0]["RelationshipToHoH"] = "7"


def strange_user(rows: list[Row], exits: list[Row]) -> None:
    """A UserID that User.csv does not have."""
    rows[0]["UserID"] = f"x{len(rows[0]['HouseholdID'])}"


QUIRKS: Final[tuple[Callable[[list[Row], list[Row]], None], ...]] = (
    duplicate,
    orphan,
    no_household,
    early_exit,
    spreadsheet_day,
    no_such_day,
    strange_relationship,
    strange_user,
)


def write_export(world: World, folder: Path) -> None:
    """Write the seven files of a full refresh."""
    folder.mkdir(parents=True)
    dice = Dice(f"quirks {world.size.enrollments}")
    users = [user.user_id for user in world.users]
    with _table(folder, "Export") as export:
        export(
            {
                "ExportID": _EXPORT_ID,
                "SourceType": "1",
                "ExportDate": f"{TODAY} 23:30:00",
                "ExportStartDate": str(TODAY - timedelta(days=3650)),
                "ExportEndDate": str(TODAY),
                "CSVVersion": "2026 v1.0",
                "ExportPeriodType": "3",
                "ExportDirective": "2",
                "HashStatus": "1",
                "ImplementationID": "benchmark",
            }
        )
    with _table(folder, "Organization") as organization:
        for key, name in world.organizations:
            organization({"OrganizationID": key, "OrganizationName": name} | _metadata(users[0]))
    with _table(folder, "User") as user:
        for row in world.users:
            user(
                {"UserID": row.user_id, "UserFirstName": row.first_name, "UserLastName": row.last_name}
                | _metadata(None)
            )
    with _table(folder, "Project") as project:
        for key, organization_id, name, kind in world.projects:
            names = {"ProjectID": key, "OrganizationID": organization_id, "ProjectName": name, "ProjectType": str(kind)}
            project(names | {"OperatingStartDate": _OPENED, "ContinuumProject": "1"} | _metadata(users[0]))
    with _table(folder, "Client") as client:
        for key, first, last in sorted(world.clients, key=lambda row: row.personal_id[::-1]):
            names = {"PersonalID": key, "FirstName": first or "", "LastName": last, "NameDataQuality": "1"}
            client(names | {"DOB": "1980-01-01", "DOBDataQuality": "1", "VeteranStatus": "99"} | _metadata(users[0]))
    with _table(folder, "Enrollment") as enrollment, _table(folder, "Exit") as exit_:
        for stay in sorted(world.enrollments, key=lambda row: (row.entry_date, row.enrollment_id)):
            rows, exits = _rows(stay, dice.pick(users))
            if dice.share() < world.size.dirt:
                dice.pick(QUIRKS)(rows, exits)
            for each in rows:
                enrollment(each)
            for each in exits:
                exit_(each)


def _rows(stay: Enrollment, user: str) -> tuple[list[Row], list[Row]]:
    row = {
        "EnrollmentID": stay.enrollment_id,
        "PersonalID": stay.personal_id,
        "ProjectID": stay.project_id,
        "EntryDate": stay.entry_date.isoformat(),
        "HouseholdID": stay.household_id or "",
        "RelationshipToHoH": str(stay.relationship_to_hoh),
        "EnrollmentCoC": "XX-501",
        "LivingSituation": "116",
        "DisablingCondition": "99",
    } | _metadata(user)
    if stay.deleted:
        row["DateDeleted"] = row["DateUpdated"]
    return [row], [] if stay.exit_date is None else [_exit(row, stay.exit_date.isoformat())]


def _exit(row: Row, day: str) -> Row:
    return {
        "ExitID": row["EnrollmentID"],
        "EnrollmentID": row["EnrollmentID"],
        "PersonalID": row["PersonalID"],
        "ExitDate": day,
        "Destination": "410",
    } | _metadata(row["UserID"])


def _metadata(user: str | None) -> Row:
    dates = {"DateCreated": "2026-01-05 10:15:00", "DateUpdated": "2026-01-05 16:40:00", "ExportID": _EXPORT_ID}
    return dates if user is None else dates | {"UserID": user}


@contextmanager
def _table(folder: Path, name: str) -> Iterator[Callable[[Row], Any]]:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS[name], restval="", lineterminator="\n")
        writer.writeheader()
        yield writer.writerow
