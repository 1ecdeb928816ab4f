"""A second reading of the contract, row by row and with dictionaries, to which the staging database is held."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hmis_files import HEADERS, write_folder
from hypothesis import given
from hypothesis import strategies as st

from caseassign.formats import hmis_csv
from caseassign.formats.hmis_csv import Export, Issue, Row
from caseassign.model import Client, Organization, Project, User

KINDS = ("client", "user", "organization", "project", "enrollment")


DAYS: Mapping[str, tuple[date, bool] | None] = {
    "2026-01-05": (date(2026, 1, 5), True),
    "2026-01-06T23:59:59Z": (date(2026, 1, 6), True),
    "2026-01-04": (date(2026, 1, 4), True),
    "2026-01-07": (date(2026, 1, 7), True),
    "1/5/2026": (date(2026, 1, 5), False),
    "07-JAN-2026": (date(2026, 1, 7), False),
    "2026-1-6 10:00 PM": (date(2026, 1, 6), False),
    "1/5/26": None,
    "46027": None,
    "2026-02-30": None,
}
AGES = {"": 0, "soon": 0, "1/1/26": 0, "2026-01-01": 1, "1/1/2026 0:00": 1, "2026-01-01 10:00:00": 2, "02-JAN-2026": 3}
RELATIONSHIPS = {"1": 1, "02": 2, "99": 99, "": None, "6": None, "1.0": None, "x": None}
PROJECT_TYPES = {"0": 0, "13": 13, "": None, "5": None, "-1": None}


def ids(letter: str) -> st.SearchStrategy[str]:
    """Ids of one kind, few, so that they meet; seldom none."""
    return st.sampled_from([f"{letter}1", f"{letter}2", f"{letter}3", f" {letter}1", ""])


UPDATED = st.sampled_from(list(AGES))
DAY = st.sampled_from([*DAYS, " 2026-01-04 ", ""])
MAYBE_DAY = st.just("") | DAY
DIRT = {
    "Organization": {"OrganizationID": ids("O"), "OrganizationName": st.just("Haven"), "DateUpdated": UPDATED},
    "User": {
        "UserID": ids("U"),
        "UserFirstName": st.sampled_from(["Kim", ""]),
        "UserLastName": st.just("Ode"),
        "DateUpdated": UPDATED,
    },
    "Project": {
        "ProjectID": ids("P"),
        "OrganizationID": ids("O"),
        "ProjectName": st.just("Shelter, old"),
        "ProjectType": st.sampled_from(list(PROJECT_TYPES)),
        "OperatingStartDate": MAYBE_DAY,
        "OperatingEndDate": MAYBE_DAY,
        "DateUpdated": UPDATED,
    },
    "Client": {
        "PersonalID": ids("C"),
        "FirstName": st.sampled_from(["Ann", "", "An\nna"]),
        "LastName": st.just("Lee"),
        "DateUpdated": UPDATED,
    },
    "Enrollment": {
        "EnrollmentID": ids("E"),
        "PersonalID": ids("C"),
        "ProjectID": ids("P"),
        "EntryDate": st.just("2026-01-05") | DAY,
        "HouseholdID": st.sampled_from(["H1", ""]),
        "RelationshipToHoH": st.sampled_from(list(RELATIONSHIPS)),
        "UserID": ids("U"),
        "DateUpdated": UPDATED,
        "DateDeleted": MAYBE_DAY,
    },
    "Exit": {
        "EnrollmentID": ids("E"),
        "PersonalID": ids("C"),
        "ExitDate": st.just("2026-01-07") | DAY,
        "DateUpdated": UPDATED,
        "DateDeleted": MAYBE_DAY,
    },
}
SURPLUS = st.sampled_from(["", "", "", " ", "x"])
Rows = list[dict[str, str]]


@st.composite
def exports(draw: st.DrawFn) -> dict[str, Rows]:
    """The rows of an export, with dirt; ``+`` is a surplus cell."""
    return {
        name: draw(st.lists(st.fixed_dictionaries(columns | {"+": SURPLUS}), max_size=6))
        for name, columns in DIRT.items()
    }


def written(rows: Rows, columns: list[str], style: str) -> tuple[bytes, list[int]]:
    """One file in a style, and the line on which each row starts."""
    text = io.StringIO(newline="")
    end = "\r\n" if style == "crlf" else "\n"
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL if style == "plain" else csv.QUOTE_ALL, lineterminator=end)
    wrap: Callable[[str], str] = '"{}"'.format if style == "twice" else str
    writer.writerow([wrap(column) for column in columns])
    lines = []
    for row in rows:
        lines.append(text.getvalue().count("\n") + 1)
        writer.writerow([wrap(row[column]) for column in columns] + [wrap(row["+"])] * (row["+"] != ""))
        text.write(end * (style == "plain"))
    return text.getvalue().encode(), lines


class Model:
    """What the contract says of an export, worked out row by row."""

    def __init__(self, files: dict[str, Rows], lines: dict[str, list[int]]) -> None:
        self.issues: list[tuple[str, int, str | None, str, str | None]] = []
        self.kept_out = 0
        self.formats: set[tuple[str, str]] = set()
        self.files = {
            name: [
                {key: value.strip() for key, value in row.items()} | {"line": line}
                for row, line in zip(rows, lines[name], strict=True)
                if any(value.strip() for value in row.values())
            ]
            for name, rows in files.items()
        }
        self.exits = self._winners("Exit", "EnrollmentID")
        self.records: dict[str, dict[str, tuple[Any, ...] | None]] = {
            "enrollment": self._enrollments(),
            "client": self._people("Client", "PersonalID", "FirstName", "LastName"),
            "user": self._people("User", "UserID", "UserFirstName", "UserLastName"),
            "organization": self._people("Organization", "OrganizationID", "OrganizationName"),
            "project": self._projects(),
        }
        self._refer("Enrollment", self.enrolled, "PersonalID", "client")
        self._refer("Enrollment", self.enrolled, "ProjectID", "project")
        self._refer("Enrollment", self.enrolled, "UserID", "user")
        self._refer("Project", self.running, "OrganizationID", "organization")

    def _say(self, name: str, row: Any, column: str | None, code: str, id_: str | None) -> None:
        self.issues.append((f"{name}.csv", row["line"], column, code, id_ or None))

    def _winners(self, name: str, key: str) -> list[Any]:
        """The rows that count, in the order of lines; those without an id count each for itself."""
        same: dict[Any, list[Any]] = defaultdict(list)
        for row in self.files[name]:
            same[row[key] or row["line"]].append(row)
        won = []
        for rows in same.values():
            winner = max(rows, key=lambda row: (AGES[row["DateUpdated"]], row["line"]))
            won.append(winner)
            for row in rows:
                if row is not winner:
                    self._say(name, row, key, "duplicate-id", row[key])
        return sorted(won, key=lambda row: row["line"])

    def _day(self, name: str, row: Any, column: str, id_: str) -> date | None:
        """A day of an imported row that is not needed."""
        text = row[column]
        found = DAYS.get(text)
        if found is None:
            if text:
                self._say(name, row, column, "bad-value", id_)
            return None
        if not found[1] and (name, column) not in self.formats:
            self.formats.add((name, column))
            self._say(name, row, column, "date-format", id_)
        return found[0]

    def _code(self, name: str, row: Any, column: str, codes: dict[str, int | None], id_: str) -> int | None:
        if row[column] and codes[row[column]] is None:
            self._say(name, row, column, "bad-value", id_)
        return codes[row[column]]

    def _surplus(self, name: str, row: Any, id_: str) -> None:
        if row["+"]:
            self._say(name, row, None, "ragged-row", id_)

    def _people(self, name: str, key: str, *fields: str) -> dict[str, tuple[Any, ...] | None]:
        found: dict[str, tuple[Any, ...] | None] = {}
        for row in self._winners(name, key):
            if row[key]:
                self._surplus(name, row, row[key])
                found[row[key]] = tuple(row[field] or None for field in fields)
            else:
                self._say(name, row, key, "missing-value", None)
        return found

    def _projects(self) -> dict[str, tuple[Any, ...] | None]:
        found: dict[str, tuple[Any, ...] | None] = {}
        self.running = []
        for row in self._winners("Project", "ProjectID"):
            id_ = row["ProjectID"]
            if not id_:
                self._say("Project", row, "ProjectID", "missing-value", None)
                continue
            self.running.append(row)
            self._surplus("Project", row, id_)
            found[id_] = (
                row["OrganizationID"] or None,
                row["ProjectName"],
                self._code("Project", row, "ProjectType", PROJECT_TYPES, id_),
                self._day("Project", row, "OperatingStartDate", id_),
                self._day("Project", row, "OperatingEndDate", id_),
            )
        return found

    def _defect(self, row: Any, leaving: Any) -> tuple[str, Any, str, str] | None:
        """The first thing that keeps an enrollment out."""
        for column in ("EnrollmentID", "PersonalID", "ProjectID", "EntryDate"):
            if not row[column]:
                return "Enrollment", row, column, "missing-value"
        entry = DAYS.get(row["EntryDate"])
        if entry is None:
            return "Enrollment", row, "EntryDate", "bad-date"
        if leaving is None:
            return None
        if not leaving["ExitDate"]:
            return "Exit", leaving, "ExitDate", "missing-value"
        exit_ = DAYS.get(leaving["ExitDate"])
        if exit_ is None:
            return "Exit", leaving, "ExitDate", "bad-date"
        return ("Exit", leaving, "ExitDate", "exit-before-entry") if exit_[0] < entry[0] else None

    def _enrollments(self) -> dict[str, tuple[Any, ...] | None]:
        live = []
        for row in self.exits:
            if DAYS.get(row["DateDeleted"]):
                continue
            if row["EnrollmentID"]:
                live.append(row)
            else:
                self._say("Exit", row, "EnrollmentID", "missing-value", None)
        rows = self._winners("Enrollment", "EnrollmentID")
        there = {row["EnrollmentID"] for row in rows}
        for row in live:
            if row["EnrollmentID"] not in there:
                self._say("Exit", row, "EnrollmentID", "orphan-exit", row["EnrollmentID"])
        exits = {row["EnrollmentID"]: row for row in live}
        self.enrolled = []
        for row in rows:
            defect = self._defect(row, exits.get(row["EnrollmentID"]))
            if defect is None:
                self.enrolled.append(row)
            else:
                self.kept_out += 1
                self._say(*defect, row["EnrollmentID"])
        leaving = {row["EnrollmentID"]: exits.get(row["EnrollmentID"]) for row in self.enrolled}
        days = {
            row["EnrollmentID"]: self._exit_day(row, leaving)
            for row in sorted(filter(None, leaving.values()), key=lambda row: row["line"])
        }
        return {row["EnrollmentID"]: self._enrollment(row, days) for row in self.enrolled}

    def _exit_day(self, row: Any, leaving: dict[str, Any]) -> date | None:
        id_ = row["EnrollmentID"]
        self._surplus("Exit", row, id_)
        self._day("Exit", row, "DateDeleted", id_)
        (enrollment,) = (other for other in self.enrolled if other["EnrollmentID"] == id_)
        assert leaving[id_] is row
        if row["PersonalID"] not in ("", enrollment["PersonalID"]):
            self._say("Exit", row, "PersonalID", "other-client", id_)
        return self._day("Exit", row, "ExitDate", id_)

    def _enrollment(self, row: Any, exit_days: dict[str, date | None]) -> tuple[Any, ...]:
        id_ = row["EnrollmentID"]
        self._surplus("Enrollment", row, id_)
        if not row["HouseholdID"]:
            self._say("Enrollment", row, "HouseholdID", "missing-value", id_)
        return (
            row["PersonalID"],
            row["ProjectID"],
            row["HouseholdID"] or None,
            self._code("Enrollment", row, "RelationshipToHoH", RELATIONSHIPS, id_),
            self._day("Enrollment", row, "EntryDate", id_),
            exit_days.get(id_),
            self._day("Enrollment", row, "DateDeleted", id_) is not None,
            row["UserID"] or None,
        )

    def _refer(self, name: str, rows: list[Any], column: str, kind: str) -> None:
        for row in rows:
            id_ = row[column]
            if id_ and id_ not in self.records[kind]:
                self.records[kind][id_] = None
                self._say(name, row, column, f"unknown-{kind}", id_)


def as_model(export: Export) -> dict[str, dict[str, tuple[Any, ...] | None]]:
    """The records that were read, in the shape of the model; bare ones as None."""
    bare: dict[str, Callable[[str], Any]] = {
        "client": lambda id_: Client(personal_id=id_),
        "user": lambda id_: User(user_id=id_),
        "organization": lambda id_: Organization(organization_id=id_),
        "project": lambda id_: Project(project_id=id_),
    }
    read: dict[str, dict[str, tuple[Any, ...] | None]] = {}
    for kind in KINDS:
        rows = list(export.rows(kind))
        assert [row.record.key for row in rows] == sorted({row.record.key for row in rows})
        read[kind] = {row.record.key: None if row.bare else said_of(row) for row in rows}
        for row in rows:
            if row.bare:
                assert row.record == bare[kind](row.record.key)
    return read


def said_of(row: Row) -> tuple[Any, ...]:
    """What a record says beside its id."""
    record: Any = row.record
    if isinstance(record, Client | User):
        return record.first_name, record.last_name
    if isinstance(record, Organization):
        return (record.organization_name,)
    if isinstance(record, Project):
        days = record.operating_start_date, record.operating_end_date
        return record.organization_id, record.project_name, record.project_type, *days
    stay = record.entry_date, record.exit_date, record.deleted
    return record.personal_id, record.project_id, record.household_id, record.relationship_to_hoh, *stay, row.entered_by


@given(exports(), st.sampled_from(["plain", "crlf", "twice"]), st.randoms(use_true_random=False))
def test_every_row_is_imported_or_an_issue_as_the_contract_says(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Rows], style: str, random: Any
) -> None:
    """SPEC 9.2: no row is dropped in silence: records, issues and counts are those of a second, simpler reading."""
    data, lines = {}, {}
    for name, rows in files.items():
        columns = list(DIRT[name])
        random.shuffle(columns)
        data[f"{name}.csv"], lines[name] = written(rows, columns, style)
    model = Model(files, lines)
    with hmis_csv.read(write_folder(tmp_path_factory.mktemp("export"), data)) as export:
        assert as_model(export) == model.records
        assert sorted(export.issues, key=str) == sorted((Issue(*issue) for issue in model.issues), key=str)
        assert export.kept_out == {"enrollments": model.kept_out}
        places = [(list(HEADERS).index(issue.file.removesuffix(".csv")), issue.line) for issue in export.issues]
        assert places == sorted(places)
        assert len(export.enrollments) + model.kept_out == len(model._winners("Enrollment", "EnrollmentID"))
