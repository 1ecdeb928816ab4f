"""Read an export by hand, every row checked: what the peers share, who differ in how they write the rows.

Each file is read once. All ids and all exits are held in memory, which is the fastest that it gets, and not flat.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from benchmarks.errands import digest

Write = Callable[[str, Iterable[tuple[Any, ...]]], None]
"""Writes rows of a kind: the fields that an export says, in order, days as text."""

WIDTHS: Final = {"organization": 2, "project": 6, "user": 3, "client": 3}
"""How many fields an export says of each kind that rows refer to."""

RELATIONSHIPS: Final = {str(code): code for code in (1, 2, 3, 4, 5, 99)}
PROJECT_TYPES: Final = {str(code): code for code in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14)}
_SPREADSHEET_DAY: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


class Reading:
    """One export on its way: what is known by now, and what is wrong."""

    def __init__(self, folder: str, write: Write) -> None:
        self._folder = Path(folder)
        self._write = write
        self._days: dict[str, tuple[str | None, bool]] = {"": (None, True)}
        self._issues: dict[tuple[str, int], list[tuple[str | None, str, str | None]]] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._misread: set[str] = set()

    def carry_out(self) -> None:
        """Read file after file; what rows refer to, and no file has, is written before them, known by its id alone."""
        organizations = self._plain("Organization", ("OrganizationID", "OrganizationName"))
        users = self._plain("User", ("UserID", "UserFirstName", "UserLastName"))
        clients = self._plain("Client", ("PersonalID", "FirstName", "LastName"))
        projects = self._projects(organizations)
        self._enrollments(projects, clients, users, self._exits())

    @property
    def issues(self) -> Iterator[tuple[str, int, str | None, str, str | None]]:
        """What is wrong: file, line, column, code and id."""
        return ((file, line, *issue) for (file, line), issues in self._issues.items() for issue in issues)

    def answer(self, rows: Mapping[str, Iterable[Sequence[Any]]]) -> str:
        """Return what came of it, to be compared, given the rows of each kind as they stand now."""
        return answer_of(self.issues, rows)

    def _plain(self, name: str, columns: Sequence[str]) -> set[str]:
        """Read a file whose rows refer to nothing; return its ids."""
        seen: set[str] = set()

        def rows() -> Iterator[tuple[str | None, ...]]:
            for line, values in self._rows(name, columns):
                key = values[0]
                if key in seen or not key:
                    self._issue(
                        f"{name}.csv", line, columns[0], "duplicate-id" if key else "missing-value", key or None
                    )
                    continue
                seen.add(key)
                yield tuple(value or None for value in values)

        self._write(name.lower(), rows())
        return seen

    def _projects(self, organizations: set[str]) -> set[str]:
        seen: set[str] = set()
        columns = (
            "ProjectID",
            "OrganizationID",
            "ProjectName",
            "ProjectType",
            "OperatingStartDate",
            "OperatingEndDate",
        )

        def rows() -> Iterator[tuple[Any, ...]]:
            for line, (key, organization, name, kind, start, end) in self._rows("Project", columns):
                seen.add(key)
                if organization and organization not in organizations:
                    self._refer("Project.csv", line, "organization", "OrganizationID", organization)
                code = PROJECT_TYPES.get(kind)
                if code is None and kind:
                    self._issue("Project.csv", line, "ProjectType", "bad-value", key)
                yield key, organization or None, name or None, code, self._day(start)[0], self._day(end)[0]

        self._write("project", rows())
        return seen

    def _exits(self) -> dict[str, tuple[int, str, str]]:
        """Return line, client and day of each exit."""
        exits: dict[str, tuple[int, str, str]] = {}
        for line, (key, client, day, deleted) in self._rows(
            "Exit", ("EnrollmentID", "PersonalID", "ExitDate", "DateDeleted")
        ):
            if deleted:
                continue
            if not key:
                self._issue("Exit.csv", line, "EnrollmentID", "missing-value", None)
                continue
            if key in exits:
                raise ValueError(f"line {line}: two exits of one enrollment, which is not among the quirks")
            exits[key] = line, client, day
        return exits

    def _enrollments(
        self, projects: set[str], clients: set[str], users: set[str], exits: dict[str, tuple[int, str, str]]
    ) -> None:
        columns = (
            "EnrollmentID",
            "PersonalID",
            "ProjectID",
            "HouseholdID",
            "RelationshipToHoH",
            "EntryDate",
            "UserID",
            "DateUpdated",
            "DateDeleted",
        )
        seen: dict[str, str] = {}
        file, read_day, relationships = "Enrollment.csv", self._day, RELATIONSHIPS

        def rows() -> Iterator[tuple[Any, ...]]:
            for line, (key, client, project, household, relationship, entry, user, at, deleted) in self._rows(
                "Enrollment", columns
            ):
                if key in seen:
                    if at >= seen[key]:
                        raise ValueError(
                            f"line {line}: a row that is newer than one above, which is not among the quirks"
                        )
                    self._issue(file, line, "EnrollmentID", "duplicate-id", key)
                    continue
                seen[key] = at
                missing = [name for name, value in zip(columns, (key, client, project), strict=False) if not value]
                day, is_standard = read_day(entry)
                exited = exits.pop(key, None)
                left = None if exited is None else read_day(exited[2])[0]
                if missing or day is None:
                    code = "missing-value" if missing or not entry else "bad-date"
                    self._issue(file, line, (missing or ["EntryDate"])[0], code, key or None)
                    continue
                if exited is not None and (left is None or left < day):
                    code = "exit-before-entry" if left is not None else "bad-date" if exited[2] else "missing-value"
                    self._issue("Exit.csv", exited[0], "ExitDate", code, key)
                    continue
                if exited is not None and exited[1] != client:
                    self._issue("Exit.csv", exited[0], "PersonalID", "other-client", key)
                if not is_standard and "EntryDate" not in self._misread:
                    self._misread.add("EntryDate")
                    self._issue(file, line, "EntryDate", "date-format", key)
                if not household:
                    self._issue(file, line, "HouseholdID", "missing-value", key)
                code_of = relationships.get(relationship)
                if code_of is None and relationship:
                    self._issue(file, line, "RelationshipToHoH", "bad-value", key)
                if client not in clients:
                    self._refer(file, line, "client", "PersonalID", client)
                if project not in projects:
                    self._refer(file, line, "project", "ProjectID", project)
                if user and user not in users:
                    self._refer(file, line, "user", "UserID", user)
                yield key, client, project, household or None, code_of, day, left, bool(deleted)

        self._write("enrollment", rows())
        for key, (line, _, _) in exits.items():
            self._issue("Exit.csv", line, "EnrollmentID", "orphan-exit", key)

    def _rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the line on which each row starts, and its values."""
        with (self._folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [column.strip().lower() for column in next(reader)]
            pick = itemgetter(*(header.index(column.lower()) for column in columns))
            line = reader.line_num + 1
            for cells in reader:
                yield line, tuple(map(str.strip, pick(cells)))
                line = reader.line_num + 1

    def _day(self, text: str) -> tuple[str | None, bool]:
        """Return the day that a text is, and whether it is written as it should be."""
        known = self._days.get(text)
        if known is None:
            known = self._days[text] = _read_day(text)
        return known

    def _refer(self, file: str, line: int, kind: str, column: str, key: str) -> None:
        """Write a record that is known by its id alone, where it is the first time that one hears of it."""
        if (kind, key) not in self._unknown:
            self._unknown.add((kind, key))
            self._write(kind, [(key, *[None] * (WIDTHS[kind] - 1))])
            self._issue(file, line, column, f"unknown-{kind}", key)

    def _issue(self, file: str, line: int, column: str | None, code: str, key: str | None) -> None:
        self._issues.setdefault((file, line), []).append((column, code, key))


def _read_day(text: str) -> tuple[str | None, bool]:
    try:
        return date.fromisoformat(text[:10]).isoformat(), True
    except ValueError:
        match = _SPREADSHEET_DAY.fullmatch(text)
    try:
        return (
            (None, False) if match is None else (date(int(match[3]), int(match[1]), int(match[2])).isoformat(), False)
        )
    except ValueError:
        return None, False


def told(values: Sequence[Any]) -> list[str]:
    """Return a row as texts, whatever a store makes of days and of truth values."""
    return [str(int(value)) if isinstance(value, int) else str(value) for value in values]


def answer_of(issues: Iterable[Sequence[Any]], rows: Mapping[str, Iterable[Sequence[Any]]]) -> str:
    """Return what came of an import, to be compared: the issues, and the rows of each kind."""
    return " ".join([digest(issues), *(f"{kind} {digest(map(told, rows[kind]))}" for kind in sorted(rows))])
