"""Write a HUD HMIS CSV export (FY2026) of people who do not exist: any size, and the same bytes every time.

One household after the other: its people, then its stays, each in another project than the one before, then
perhaps one of the quirks that real exports have. Rows go to disk as they are made, so memory stays flat.

The export that comes with the package is what `write_export` writes when nothing is chosen. To renew it::

    python -c "from caseassign.demo.synthetic import write_export; write_export('src/caseassign/demo/export')"
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import date, timedelta
from importlib.resources import as_file, files
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, TypeVar

import attrs

from caseassign.demo.fy2026 import COLUMNS
from caseassign.demo.quirks import PLACED, PLACED_WITHIN, QUIRKS, HouseholdRows, Row, exit_row
from caseassign.errors import InvalidRecordError
from caseassign.model import ProjectType, RelationshipToHoH
from caseassign.period import as_day

_T = TypeVar("_T")

_SPAN: Final = 1096
"""How far back entries lie: three years, in days."""

_COC: Final = "XX-501"
_NOT_COLLECTED: Final = "99"
_NO_RACE: Final = dict.fromkeys(COLUMNS["Client"][11:18], "0") | {"RaceNone": _NOT_COLLECTED}

_WORDS: Final = {
    "given": (
        "Aiyana Amara Anouk Bao Carmen Chidi Dalia Denise Elif Emeka Farah Gus Hana Imani Inés Ivo Jamal Joaquín "
        "Kaya Keiko Leilani Lucia Malik Marcus Marisol Mateo Mei Nadia Oksana Omar Priya Quinn Rosa Ruth Samira Tala "
        "Thomas Tobias Uma Viktor Wanda Xavier Yusuf Zoë"
    ),
    "family": "Amber Bramble Candle Cinder Clover Copper Fennel Indigo Juniper Lantern Pepper Saffron Velvet",
    "endings": "bank bell bridge fell lark mere quill row song thorn vale wick",
    "organization": "Lantern Marigold Kettle Juniper Driftwood Umbrella Sparrow",
    "kind": "House Bridge Commons Street Partners",
}
_FIRST_NAMES: Final = _WORDS["given"].split()
_LAST_NAMES: Final = [first + ending for first in _WORDS["family"].split() for ending in _WORDS["endings"].split()]
_STAFF_NAMES: Final = ["Kim", "Lee", "Robin", "Noor", "Alex", "Dana", *_FIRST_NAMES]
_ORGANIZATION_NAMES: Final = [
    f"{name} {kind}" for kind in _WORDS["kind"].split() for name in _WORDS["organization"].split()
]

_HEAD: Final = RelationshipToHoH.SELF
_CHILD: Final = RelationshipToHoH.CHILD
_SIZES: Final = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5)
_SECOND_MEMBERS: Final = tuple(map(RelationshipToHoH, (3, 3, 3, 3, 2, 2, 2, 2, 4, 5)))
_FURTHER_MEMBERS: Final = tuple(map(RelationshipToHoH, (2, 2, 2, 2, 2, 2, 2, 2, 4, 5)))
_DAYS_BETWEEN_STAYS: Final = (0, 0, 0, 1, 4, 12, 30)
_DESTINATIONS: Final = ("101", "116", "302", "312", "410", "410", "421", "422", "423", _NOT_COLLECTED)


@attrs.frozen
class _Program:
    """What a project does, and for how many days people stay at most."""

    name: str
    project_type: ProjectType
    longest_stay: int
    rrh_sub_type: str = ""


_PROGRAMS: Final = (
    _Program("Emergency Shelter", ProjectType.EMERGENCY_SHELTER_ENTRY_EXIT, 180),
    _Program("Rapid Re-Housing", ProjectType.RAPID_REHOUSING, 900, rrh_sub_type="2"),
    _Program("Street Outreach", ProjectType.STREET_OUTREACH, 450),
    _Program("Supportive Housing", ProjectType.PERMANENT_SUPPORTIVE_HOUSING, 3650),
    _Program("Night Shelter", ProjectType.EMERGENCY_SHELTER_NIGHT_BY_NIGHT, 240),
    _Program("Transitional Housing", ProjectType.TRANSITIONAL_HOUSING, 900),
    _Program("Coordinated Entry", ProjectType.COORDINATED_ENTRY, 600),
)


@attrs.frozen
class _Project:
    """A program of an organization, and the users who work there."""

    project_id: str
    organization: int
    program: _Program
    team: Sequence[str]


@attrs.frozen
class _Stay:
    """What the members of a household mostly share."""

    project: _Project
    entry: date
    exit: date | None


@attrs.frozen
class _Member:
    """One person in a household."""

    personal_id: str
    relationship: RelationshipToHoH


class _Dice:
    """Chance made of `Random.random` alone: the one method whose numbers Python promises never to change."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random  # noqa: S311  # no secrets here

    def happens(self, share: float) -> bool:
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[int(self._random() * len(choices))]


@attrs.frozen
class _Generator:
    """What one export is made from, and the numbers that it has given out."""

    dice: _Dice
    today: date
    export_id: str
    users: Sequence[str]
    projects: Sequence[_Project]
    _clients: Iterator[int] = attrs.field(factory=lambda: count(1))
    _enrollments: Iterator[int] = attrs.field(factory=lambda: count(1))
    _households: Iterator[int] = attrs.field(factory=lambda: count(1))

    def organizations(self) -> Iterator[Row]:
        """Make the organizations that run the projects."""
        for number in dict.fromkeys(project.organization for project in self.projects):
            yield {
                "OrganizationID": f"ORG{number + 1}",
                "OrganizationName": _ORGANIZATION_NAMES[number % len(_ORGANIZATION_NAMES)],
                "VictimServiceProvider": "0",
            } | self._metadata(self._opened(), self.users[0])

    def staff(self) -> Iterator[Row]:
        """Make the users."""
        for number, user in enumerate(self.users):
            yield {
                "UserFirstName": _STAFF_NAMES[number % len(_STAFF_NAMES)],
                "UserLastName": self.dice.pick(_LAST_NAMES),
                "UserEmail": f"{user.lower()}@example.org",
            } | self._metadata(self._opened(), user)

    def programs(self) -> Iterator[Row]:
        """Make the projects."""
        for project in self.projects:
            name = _ORGANIZATION_NAMES[project.organization % len(_ORGANIZATION_NAMES)]
            yield {
                "ProjectID": project.project_id,
                "OrganizationID": f"ORG{project.organization + 1}",
                "ProjectName": f"{name} {project.program.name}",
                "OperatingStartDate": str(self._opened()),
                "ContinuumProject": "1",
                "ProjectType": str(project.program.project_type),
                "RRHSubType": project.program.rrh_sub_type,
                "TargetPopulation": "4",
            } | self._metadata(self._opened(), project.team[0])

    def household(self) -> HouseholdRows:
        """Make one household: its people, and all their stays."""
        rows = HouseholdRows()
        stays = self._stays()
        others = [_SECOND_MEMBERS, *[_FURTHER_MEMBERS] * 3][: self.dice.pick(_SIZES) - 1]
        relationships = [_HEAD, *(self.dice.pick(choices) for choices in others)]
        members = [_Member(f"C{next(self._clients):04d}", relationship) for relationship in relationships]
        rows.clients.extend(self._people(members, stays[0]))
        for stay in stays:
            members = self._enroll(members, stay, rows)
        return rows

    def _stays(self) -> list[_Stay]:
        """Make one stay, or some: each but the first begins soon after the exit from the one before."""
        place = self.dice.between(0, len(self.projects) - 1)
        # The smaller of two: recent entries are more frequent, so that enough of the stays are open.
        entry = self.today - timedelta(days=min(self.dice.between(0, _SPAN), self.dice.between(0, _SPAN)))
        stays = [self._stay(place, entry)]
        while (left := stays[-1].exit) and self.dice.happens(0.4):
            entry = left + timedelta(days=self.dice.pick(_DAYS_BETWEEN_STAYS))
            if entry > self.today:
                break
            place = (place + self.dice.between(1, len(self.projects) - 1)) % len(self.projects)
            stays.append(self._stay(place, entry))
        return stays

    def _stay(self, place: int, entry: date) -> _Stay:
        project = self.projects[place]
        left = entry + timedelta(days=self.dice.between(1, project.program.longest_stay))
        return _Stay(project, entry, left if left <= self.today else None)

    def _people(self, members: Sequence[_Member], stay: _Stay) -> Iterator[Row]:
        """Make the clients of a household: the head and whoever is no child are adults."""
        dice = self.dice
        family_name = dice.pick(_LAST_NAMES)
        user = dice.pick(stay.project.team)
        head_age = dice.between(19 * 366, 72 * 365)
        for member in members:
            age = head_age if member.relationship is _HEAD else dice.between(19 * 366, 72 * 365)
            if member.relationship is _CHILD:
                age = dice.between(30, min(17 * 365, head_age - 16 * 366))
            row = {
                "PersonalID": member.personal_id,
                "FirstName": dice.pick(_FIRST_NAMES),
                "LastName": family_name if dice.happens(0.8) else dice.pick(_LAST_NAMES),
                "NameDataQuality": "1",
                "SSNDataQuality": _NOT_COLLECTED,
                "DOB": str(stay.entry - timedelta(days=age)),
                "DOBDataQuality": "1",
                "Sex": dice.pick(("0", "0", "1", "1", _NOT_COLLECTED)),
                "VeteranStatus": _NOT_COLLECTED,
            }
            yield row | _NO_RACE | self._metadata(stay.entry, user)

    def _enroll(self, members: Sequence[_Member], stay: _Stay, rows: HouseholdRows) -> list[_Member]:
        """Add the rows of one stay, and return who is still with the household when it ends."""
        dice = self.dice
        household_id = f"H{next(self._households):04d}"
        case_manager = dice.pick(stay.project.team if dice.happens(0.9) else self.users)
        destination = dice.pick(_DESTINATIONS)
        days = ((stay.exit or self.today) - stay.entry).days
        remaining = []
        for member in members:
            entry, left = stay.entry, stay.exit
            if member.relationship is not _HEAD and days > 1 and dice.happens(0.12):
                day = stay.entry + timedelta(days=dice.between(1, days - 1))
                entry, left = (day, left) if dice.happens(0.6) else (entry, day)
            enrollment = {
                "EnrollmentID": f"E{next(self._enrollments):04d}",
                "PersonalID": member.personal_id,
                "ProjectID": stay.project.project_id,
                "EntryDate": str(entry),
                "HouseholdID": household_id,
                "RelationshipToHoH": str(member.relationship),
                "EnrollmentCoC": _COC if member.relationship is _HEAD else "",
                "DisablingCondition": _NOT_COLLECTED,
            } | self._metadata(entry, case_manager if dice.happens(0.92) else dice.pick(self.users))
            rows.enrollments.append(enrollment)
            if left is not None:
                rows.exits.append(exit_row(enrollment, str(left), destination))
            if left == stay.exit:
                remaining.append(member)
        return remaining

    def _opened(self) -> date:
        return date(self.today.year - 10, 7, 1)

    def _metadata(self, created: date, user: str) -> Row:
        return {
            "DateCreated": f"{created} 10:15:00",
            "DateUpdated": f"{created} 16:40:00",
            "UserID": user,
            "ExportID": self.export_id,
        }


def _export(today: date, seed: int, export_id: str) -> Row:
    return {
        "ExportID": export_id,
        "SourceType": "1",
        "SourceID": _COC,
        "SourceName": "Made up by caseassign",
        "ExportDate": f"{today} 23:30:00",
        "ExportStartDate": str(today - timedelta(days=_SPAN)),
        "ExportEndDate": str(today),
        "SoftwareName": "caseassign",
        "CSVVersion": "2026 v1.0",
        "ExportPeriodType": "3",
        "ExportDirective": "2",
        "HashStatus": "1",
        "ImplementationID": f"synthetic-{seed}",
    }


def _projects(organizations: int, users: Sequence[str]) -> list[_Project]:
    """Give each organization its two or three projects, and its share of the users."""
    teams: list[list[str]] = [[] for _ in range(organizations)]
    for number, user in enumerate(users):
        teams[number * organizations // len(users)].append(user)
    total = organizations * len(_PROGRAMS) // 3
    projects = []
    for number in range(total):
        owner = number * organizations // total
        program = _PROGRAMS[number % len(_PROGRAMS)]
        projects.append(_Project(f"P{number + 1:02d}", owner, program, teams[owner] or users))
    return projects


def write_export(
    folder: str | os.PathLike[str],
    *,
    households: int = 60,
    users: int = 6,
    organizations: int = 3,
    seed: int = 2026,
    dirt: float = 0.01,
    today: date = date(2026, 3, 2),
) -> None:
    """Write the seven files of a synthetic export into a folder, which is made where there is none.

    A household has two and a half enrollments on average. The first sixty households carry each quirk once (the
    start of the list in `caseassign.demo.quirks`); of the enrollments after them, about ``dirt`` carry one by
    chance. With ``dirt=0`` there are no quirks at all, and every other byte stays as it is.
    """
    if households < 0 or min(users, organizations) < 1 or not 0 <= dirt <= 1:
        raise InvalidRecordError("Synthetic export", "households, users, organizations, dirt", "is out of range")
    today = as_day(today, "today")
    export_id = f"SYN{today:%Y%m%d}"
    user_ids = [f"U{number}" for number in range(1, users + 1)]
    chance = _Dice(f"quirks {seed}")
    made = _Generator(_Dice(f"stays {seed}"), today, export_id, user_ids, _projects(organizations, user_ids))
    with ExitStack() as stack:
        Path(folder).mkdir(parents=True, exist_ok=True)

        def table(name: str) -> csv.DictWriter[str]:
            file = stack.enter_context((Path(folder) / f"{name}.csv").open("w", encoding="utf-8", newline=""))
            writer = csv.DictWriter(file, COLUMNS[name], lineterminator="\n")
            writer.writeheader()
            return writer

        table("Export").writerow(_export(today, seed, export_id))
        table("User").writerows(made.staff())
        table("Organization").writerows(made.organizations())
        table("Project").writerows(made.programs())
        clients, enrollments, exits = table("Client"), table("Enrollment"), table("Exit")
        for number in range(1, households + 1):
            rows = made.household()
            if dirt and number in PLACED:
                PLACED[number](rows)
            elif number > PLACED_WITHIN and chance.happens(dirt * len(rows.enrollments)):
                chance.pick(QUIRKS)(rows)
            clients.writerows(rows.clients)
            enrollments.writerows(rows.enrollments)
            exits.writerows(rows.exits)


def bundled_export() -> AbstractContextManager[Path]:
    """Return a context that gives the folder of the export that comes with the package."""
    return as_file(files("caseassign.demo") / "export")
