"""What real exports get wrong, done on purpose: each quirk spoils one row, or so, of one household."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final, TypeAlias

import attrs

Row: TypeAlias = dict[str, str]


@attrs.frozen
class HouseholdRows:
    """The rows of one household: its clients, all their enrollments, and their exits."""

    clients: list[Row] = attrs.field(factory=list)
    enrollments: list[Row] = attrs.field(factory=list)
    exits: list[Row] = attrs.field(factory=list)

    @property
    def last(self) -> Row:
        """The enrollment that quirks fall on: the last member's, in the last stay."""
        return self.enrollments[-1]


Quirk: TypeAlias = Callable[[HouseholdRows], None]


def exit_row(enrollment: Row, day: str, destination: str = "99") -> Row:
    """Return the exit on a day of what an enrollment says."""
    recorded = max(day, enrollment["EntryDate"])
    return {
        "ExitID": f"X{enrollment['EnrollmentID'][1:]}",
        "EnrollmentID": enrollment["EnrollmentID"],
        "PersonalID": enrollment["PersonalID"],
        "ExitDate": day,
        "Destination": destination,
        "DateCreated": f"{recorded} 17:05:00",
        "DateUpdated": f"{recorded} 17:20:00",
        "UserID": enrollment["UserID"],
        "ExportID": enrollment["ExportID"],
    }


def _later(day: str, days: int) -> str:
    return str(date.fromisoformat(day) + timedelta(days=days))


def _exit_last(rows: HouseholdRows, days: int) -> None:
    others = [row for row in rows.exits if row["EnrollmentID"] != rows.last["EnrollmentID"]]
    rows.exits[:] = [*others, exit_row(rows.last, _later(rows.last["EntryDate"], days))]


def duplicate_enrollment_id(rows: HouseholdRows) -> None:
    """A second row of the same EnrollmentID: an older one, that says a week earlier."""
    older = {"EntryDate": _later(rows.last["EntryDate"], -7), "DateUpdated": rows.last["DateCreated"]}
    rows.enrollments.append(rows.last | older)


def exit_without_enrollment(rows: HouseholdRows) -> None:
    """An exit from an enrollment that the export does not have: the id of the last one, and an X."""
    nowhere = rows.last | {"EnrollmentID": f"{rows.last['EnrollmentID']}X"}
    rows.exits.append(exit_row(nowhere, nowhere["EntryDate"]))


def missing_household_id(rows: HouseholdRows) -> None:
    """An enrollment without HouseholdID."""
    rows.last["HouseholdID"] = ""


def exit_before_entry(rows: HouseholdRows) -> None:
    """An exit a week before the entry."""
    _exit_last(rows, -7)


def day_as_in_excel(rows: HouseholdRows) -> None:
    """An EntryDate as M/D/YYYY: what Excel makes of it on saving."""
    day = date.fromisoformat(rows.last["EntryDate"])
    rows.last["EntryDate"] = f"{day.month}/{day.day}/{day.year}"


def unreadable_entry_date(rows: HouseholdRows) -> None:
    """An EntryDate on 30 February."""
    rows.last["EntryDate"] = f"{rows.last['EntryDate'][:4]}-02-30"


def relationship_outside_picklist(rows: HouseholdRows) -> None:
    """A RelationshipToHoH of 7, which the picklist does not have."""
    rows.last["RelationshipToHoH"] = "7"


def unknown_user(rows: HouseholdRows) -> None:
    """An Enrollment.UserID that User.csv does not have."""
    rows.last["UserID"] = "U0"


def no_head(rows: HouseholdRows) -> None:
    """A household whose head has relationship 99, so that it has none."""
    for row in rows.enrollments:
        if row["HouseholdID"] == rows.last["HouseholdID"] and row["RelationshipToHoH"] == "1":
            row["RelationshipToHoH"] = "99"


def deleted_enrollment(rows: HouseholdRows) -> None:
    """An enrollment with a DateDeleted."""
    rows.last["DateDeleted"] = rows.last["DateUpdated"]


def same_day_stay(rows: HouseholdRows) -> None:
    """An exit on the day of the entry: legal, and never open."""
    _exit_last(rows, 0)


PLACED_WITHIN: Final = 60
"""The households at the start of an export that carry the placed quirks, and no others."""

PLACED: Final[Mapping[int, Quirk]] = {
    4: exit_without_enrollment,
    8: duplicate_enrollment_id,
    15: missing_household_id,
    25: day_as_in_excel,
    29: unreadable_entry_date,
    31: exit_before_entry,
    35: relationship_outside_picklist,
    46: unknown_user,
    56: no_head,
    57: same_day_stay,
    60: deleted_enrollment,
}
"""Every quirk once, by the number of the household that carries it: those that suit it in the bundled export."""

QUIRKS: Final[tuple[Quirk, ...]] = tuple(PLACED.values())
