"""What becomes of each row of an HMIS CSV export."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hmis_files import write

from caseassign.formats import hmis_csv
from caseassign.model import Client, Enrollment, Organization, Project, ProjectType, RelationshipToHoH, User

ENTRY = date(2026, 1, 5)
KINDS = ("client", "user", "organization", "project", "enrollment")


def issues_of(folder: Path, **files: list[str] | bytes | None) -> list[tuple[Any, ...]]:
    """The issues of an export as plain tuples, file names without their ending."""
    with hmis_csv.read(write(folder, **files)) as export:
        issues: list[tuple[Any, ...]] = [(file.removesuffix(".csv"), *rest) for file, *rest in export.issues]
        assert export.issue_counts == {
            code: [i[3] for i in issues].count(code) for code in sorted({i[3] for i in issues})
        }
        assert list(export.issue_counts) == sorted(export.issue_counts)
        assert len(export.issues) == len(issues)
        return issues


def enrollments_of(folder: Path) -> list[Enrollment]:
    """The enrollments of an export that was written already."""
    with hmis_csv.read(folder) as export:
        return list(export.enrollments)


@pytest.mark.parametrize(
    ("name", "rows", "column"),
    [
        ("Organization", ["O1,Haven,2026-01-02", "O1,Old,2026-01-01"], "OrganizationID"),
        ("User", ["U1,Kim,Ode,2026-01-02 10:00", "U1,Old,Old,1/2/2026 9:00"], "UserID"),
        ("Project", ["P1,O1,Night Shelter,0,,,02-JAN-2026", "P1,O9,Old,99,x,x,"], "ProjectID"),
        ("Client", ["C1,Ann,Lee,1/2/26", "C1,Old,Old,", "C1,Ann,Lee,2026-01-01"], "PersonalID"),
        ("Exit", ["X1,E1,C1,2026-02-01,2026-01-02,", "X2,E1,C9,x,2026-01-01,x"], "EnrollmentID"),
        (
            "Enrollment",
            ["E1,C1,P1,2026-01-05,H1,1,U1,2026-01-02,", "E1,C9,P9,x,,x,U9,2026-01-01,2026-01-01"],
            "EnrollmentID",
        ),
    ],
)
def test_of_rows_with_one_id_the_latest_wins_and_the_others_are_judged_no_further(
    tmp_path: Path, name: str, rows: list[str], column: str
) -> None:
    """SPEC 9.2: duplicate ids; the row with the latest DateUpdated wins, and each loser is one issue."""
    losers = [number for number in range(2, 2 + len(rows)) if number != (4 if name == "Client" else 2)]
    id_ = "E1" if name == "Exit" else rows[0][:2]
    assert issues_of(tmp_path / "a", **{name: rows}) == [(name, line, column, "duplicate-id", id_) for line in losers]
    backwards = sorted(2 + len(rows) + 1 - line for line in losers)
    assert issues_of(tmp_path / "b", **{name: rows[::-1]}) == [
        (name, line, column, "duplicate-id", id_) for line in backwards
    ]
    for kind in KINDS:
        with hmis_csv.read(tmp_path / "a") as one, hmis_csv.read(tmp_path / "b") as other:
            assert list(one.rows(kind)) == list(other.rows(kind))
            assert "Old" not in str([one.rows(kind)])


@pytest.mark.parametrize("updated", [["", ""], ["x", ""], ["", "3/3/26"], ["2026-01-01", "1/1/2026 0:00"]])
def test_of_rows_of_one_moment_the_later_row_wins(tmp_path: Path, updated: list[str]) -> None:
    """SPEC 9.2: a tie goes to the later row; a DateUpdated that is missing or unreadable is the oldest."""
    rows = [f"C1,{name},Lee,{moment}" for name, moment in zip(("Old", "New"), updated, strict=True)]
    assert issues_of(tmp_path, Client=rows) == [("Client", 2, "PersonalID", "duplicate-id", "C1")]
    with hmis_csv.read(tmp_path) as export:
        assert [client.first_name for client in export.clients] == ["New"]


def test_an_exit_without_its_enrollment_is_an_orphan_and_nothing_else(tmp_path: Path) -> None:
    """SPEC 9.2: exits without enrollment; exits are identified by EnrollmentID alone."""
    rows = ["X1,E9,C9,x,,x", "X1,E1,C1,2026-01-05,,", "X1,,C1,x,,"]
    assert issues_of(tmp_path, Exit=rows) == [
        ("Exit", 2, "EnrollmentID", "orphan-exit", "E9"),
        ("Exit", 4, "EnrollmentID", "missing-value", None),
    ]
    assert enrollments_of(tmp_path)[0].exit_date == ENTRY


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("Organization", ",Haven,", "OrganizationID"),
        ("User", ",Kim,Ode,", "UserID"),
        ("Project", ",O9,Shelter,99,x,x,", "ProjectID"),
        ("Client", ' "",Ann,Lee,', "PersonalID"),
    ],
)
def test_a_row_without_its_id_is_not_imported(tmp_path: Path, name: str, row: str, column: str) -> None:
    """SPEC 9.2: a row without its id becomes one issue."""
    good = {"Organization": "O1,Haven,", "User": "U1,Kim,Ode,", "Project": "P1,O1,A,0,,,", "Client": "C1,Ann,Lee,"}
    rows = [good[name], row.replace('""', "")]
    assert issues_of(tmp_path, **{name: rows}) == [(name, 3, column, "missing-value", None)]


def test_what_the_export_refers_to_and_lacks_is_a_bare_record_and_one_issue(tmp_path: Path) -> None:
    """SPEC 9.2: enrollments whose client, project or user is missing, and projects without their organization."""
    issues = issues_of(
        tmp_path,
        Project=["P1,O8,A,0,,,", "P2,O8,B,0,,,", "P3,,C,0,,,", "P4,O1,D,0,,,"],
        Enrollment=[
            "E1,C1,P1,x,H1,1,U7,,",
            "E2,C8,P8,2026-01-05,H1,1,U8,,2026-01-06",
            "E3,C8,P8,2026-01-05,H1,1,U8,,",
            "E4,C1,P1,2026-01-05,H1,1,,,",
            "E5,C9,P7,,H1,1,U7,,",
        ],
        Exit=["X1,E3,C8,2026-01-06,,"],
    )
    assert issues == [
        ("Project", 2, "OrganizationID", "unknown-organization", "O8"),
        ("Enrollment", 2, "EntryDate", "bad-date", "E1"),
        ("Enrollment", 3, "PersonalID", "unknown-client", "C8"),
        ("Enrollment", 3, "ProjectID", "unknown-project", "P8"),
        ("Enrollment", 3, "UserID", "unknown-user", "U8"),
        ("Enrollment", 6, "EntryDate", "missing-value", "E5"),
    ]
    with hmis_csv.read(tmp_path) as export:
        bare = {kind: [row.record for row in export.rows(kind) if row.bare] for kind in KINDS}
        assert len(export.users) == 2
    assert bare == {
        "client": [Client(personal_id="C8")],
        "project": [Project(project_id="P8")],
        "user": [User(user_id="U8")],
        "organization": [Organization(organization_id="O8")],
        "enrollment": [],
    }


@pytest.mark.parametrize(
    ("enrollment", "exits", "issue"),
    [
        (",,,,,x,U9,,x", [], ("Enrollment", 2, "EnrollmentID", "missing-value", None)),
        ("E1,,,,,x,U9,,x", ["X1,E1,,,,"], ("Enrollment", 2, "PersonalID", "missing-value", "E1")),
        ("E1,C9,,,,x,U9,,x", ["X1,E1,C1,x,,"], ("Enrollment", 2, "ProjectID", "missing-value", "E1")),
        ("E1,C9,P9,,,x,U9,,x", ["X1,E1,C1,x,,"], ("Enrollment", 2, "EntryDate", "missing-value", "E1")),
        ("E1,C9,P9,46027,,x,U9,,x", ["X1,E1,C1,x,,"], ("Enrollment", 2, "EntryDate", "bad-date", "E1")),
        ("E1,C9,P9,1/5/26,,x,U9,,", ["X1,E1,C1,1/5/2026,,"], ("Enrollment", 2, "EntryDate", "bad-date", "E1")),
        ("E1,C9,P9,1/5/2026,,x,U9,,x", ["X1,E1,C1,,,x"], ("Exit", 2, "ExitDate", "missing-value", "E1")),
        ("E1,C9,P9,1/5/2026,,x,U9,,x", ["X1,E1,C1,2026-02-30,,,x"], ("Exit", 2, "ExitDate", "bad-date", "E1")),
        ("E1,C9,P9,1/5/2026,,x,U9,,x", ["X1,E1,C1,1/4/2026,,"], ("Exit", 2, "ExitDate", "exit-before-entry", "E1")),
    ],
)
def test_an_enrollment_that_cannot_be_imported_is_kept_out_with_one_issue(
    tmp_path: Path, enrollment: str, exits: list[str], issue: tuple[Any, ...]
) -> None:
    """SPEC 9.2: a row without a needed value, with an unreadable date or an exit before its entry is one issue."""
    good = "E2,C1,P1,2026-01-05,H1,1,U1,,"
    assert issues_of(tmp_path, Enrollment=[enrollment + ",surplus", good], Exit=exits) == [issue]
    with hmis_csv.read(tmp_path) as export:
        assert [row.enrollment_id for row in export.enrollments] == ["E2"]
        assert export.kept_out == {"enrollments": 1}
        assert len(export.clients) == len(export.projects) == len(export.users) == 1


def test_losers_are_not_counted_as_kept_out(tmp_path: Path) -> None:
    """SPEC 9.2: of several bad rows with one id, the winner is kept out and the others are duplicates."""
    rows = ["E1,,P1,2026-01-05,H1,1,U1,,", "E1,C1,P1,x,H1,1,U1,,", ",C1,P1,x,H1,1,U1,,", ",C1,P1,x,H1,1,U1,,"]
    issues = issues_of(tmp_path, Enrollment=rows, Exit=["X1,E1,C1,x,,", "X2,E1,C1,2026-02-01,,"])
    assert [(file, line, code) for file, line, _, code, _ in issues] == [
        ("Enrollment", 2, "duplicate-id"),
        ("Enrollment", 3, "bad-date"),
        ("Enrollment", 4, "missing-value"),
        ("Enrollment", 5, "missing-value"),
        ("Exit", 2, "duplicate-id"),
    ]
    assert hmis_csv.read(tmp_path).kept_out == {"enrollments": 3}


def test_a_same_day_stay_is_fine(tmp_path: Path) -> None:
    """SPEC 3.3: an enrollment that exits on the day of its entry is on record."""
    assert issues_of(tmp_path, Exit=["X1,E1,C1,2026-01-05 08:00:00,,"]) == []
    assert enrollments_of(tmp_path)[0].exit_date == ENTRY


def test_a_value_that_is_not_needed_is_left_empty_where_it_cannot_be_read(tmp_path: Path) -> None:
    """SPEC 9.2: a code outside its picklist, or an unreadable day that is not needed, is an issue and no value."""
    issues = issues_of(
        tmp_path,
        Project=["P1,O1,A,5,x,1/1/20,", "P2,O1,B,013,,,", "P3,O1,C,1.0,,,", "P4,O1,D,-1,,,", "P5,O1,E,,,,"],
        Enrollment=[
            "E1,C1,P1,2026-01-05,H1,6,U1,,soon",
            "E2,C1,P1,2026-01-05,H1,099,U1,,",
            "E3,C1,P1,2026-01-05,H1,,U1,,",
        ],
        Exit=["X1,E1,C1,2026-02-01,,soon"],
    )
    assert issues == [
        ("Project", 2, "ProjectType", "bad-value", "P1"),
        ("Project", 2, "OperatingStartDate", "bad-value", "P1"),
        ("Project", 2, "OperatingEndDate", "bad-value", "P1"),
        ("Project", 4, "ProjectType", "bad-value", "P3"),
        ("Project", 5, "ProjectType", "bad-value", "P4"),
        ("Enrollment", 2, "RelationshipToHoH", "bad-value", "E1"),
        ("Enrollment", 2, "DateDeleted", "bad-value", "E1"),
        ("Exit", 2, "DateDeleted", "bad-value", "E1"),
    ]
    with hmis_csv.read(tmp_path) as export:
        assert [project.project_type for project in export.projects] == [None, 13, None, None, None]
        assert {project.operating_start_date for project in export.projects} == {None}
        assert [row.relationship_to_hoh for row in export.enrollments] == [None, 99, None]
        assert [row.deleted for row in export.enrollments] == [False] * 3
        assert next(iter(export.enrollments)).exit_date == date(2026, 2, 1)


def test_every_code_of_the_picklists_is_read(tmp_path: Path) -> None:
    """SPEC 9.1: the picklists are those of the standard."""
    projects = [f"P{code:02},O1,A,{code},,," for code in ProjectType]
    rows = [f"E{code:02},C1,P01,2026-01-05,H1,{code},U1,," for code in RelationshipToHoH]
    assert issues_of(tmp_path, Project=projects, Enrollment=rows) == []
    with hmis_csv.read(tmp_path) as export:
        assert [project.project_type for project in export.projects] == list(ProjectType)
        assert [row.relationship_to_hoh for row in export.enrollments] == list(RelationshipToHoH)


def test_the_exit_of_another_client_is_matched_and_reported(tmp_path: Path) -> None:
    """SPEC 9.2: an exit belongs to its EnrollmentID, whatever PersonalID it names."""
    rows = ["E1,C1,P1,2026-01-05,H1,1,U1,,", "E2,C1,P1,2026-01-05,H1,1,U1,,"]
    exits = ["X1,E1,C2,2026-02-01,,", "X2,E2,,2026-02-01,,"]
    assert issues_of(tmp_path, Enrollment=rows, Exit=exits) == [("Exit", 2, "PersonalID", "other-client", "E1")]
    assert {row.exit_date for row in enrollments_of(tmp_path)} == {date(2026, 2, 1)}


def test_an_enrollment_without_a_household_is_imported(tmp_path: Path) -> None:
    """SPEC 9.2: a missing HouseholdID is an issue and a household of one's own."""
    rows = ["E1,C1,P1,2026-01-05,,1,U1,,"]
    assert issues_of(tmp_path, Enrollment=rows) == [("Enrollment", 2, "HouseholdID", "missing-value", "E1")]
    assert enrollments_of(tmp_path)[0].household_key is None


def test_deleted_enrollments_are_marked_and_deleted_exits_are_none(tmp_path: Path) -> None:
    """SPEC 9.3: DateDeleted marks enrollments; a deleted exit is no exit, and no issue of any kind."""
    rows = ["E1,C1,P1,2026-01-05,H1,1,U1,,2026-01-09 10:00:00", "E2,C1,P1,2026-01-05,H1,1,U1,,"]
    exits = [
        "X1,E1,C1,2026-02-01,,",
        "X2,E2,C9,x,,1/9/2026,surplus",
        "X3,E9,C1,2026-02-01,,2026-01-09",
        "X4,,C1,2026-02-01,,2026-01-09",
    ]
    assert issues_of(tmp_path, Enrollment=rows, Exit=exits) == []
    assert [(row.deleted, row.exit_date) for row in enrollments_of(tmp_path)] == [
        (True, date(2026, 2, 1)),
        (False, None),
    ]


def test_in_a_delta_an_exit_that_is_removed_must_say_whose(tmp_path: Path) -> None:
    """SPEC 9.2: where it is not known which exit was taken back, somebody has to be told."""
    delta = ["X1,IMP,2026 v1.0,2026-01-01,2026-06-30,1,1"]
    exits = ["X4,,C1,2026-02-01,,2026-01-09", "X5,E1,C1,,,2026-01-09"]
    assert issues_of(tmp_path, Export=delta, Exit=exits) == [("Exit", 2, "EnrollmentID", "missing-value", None)]


@pytest.mark.parametrize(("deleted_row", "exit_date"), [(0, date(2026, 2, 1)), (1, None)])
def test_whether_a_row_is_deleted_is_said_by_the_row_that_wins(
    tmp_path: Path, deleted_row: int, exit_date: date | None
) -> None:
    """SPEC 9.3: DateDeleted belongs to the row that wins."""
    deleted = ["2026-01-09" if number == deleted_row else "" for number in range(2)]
    issues = issues_of(
        tmp_path,
        Enrollment=[f"E1,C1,P1,2026-01-05,H1,1,U1,,{day}" for day in deleted],
        Exit=[f"X{number},E1,C1,2026-02-01,,{day}" for number, day in enumerate(deleted)],
    )
    assert [(file, line, code) for file, line, _, code, _ in issues] == [
        ("Enrollment", 2, "duplicate-id"),
        ("Exit", 2, "duplicate-id"),
    ]
    assert [(row.deleted, row.exit_date) for row in enrollments_of(tmp_path)] == [(deleted_row == 1, exit_date)]


def test_other_formats_of_days_are_read_and_reported_once_a_column(tmp_path: Path) -> None:
    """SPEC 9.1: every format but the standard one is reported, at the first row that is imported."""
    issues = issues_of(
        tmp_path,
        Project=["P1,O1,A,0,1/1/2020,2030-01-01,", "P2,O1,B,0,1/1/2020,1-1-2030,", "P3,O1,C,0,1/1/2020,1-1-2030,"],
        Enrollment=[
            "E0,,P1,1/5/2026,H1,1,U1,,",
            "E1,C1,P1,2026-01-05,H1,1,U1,1/5/2026,",
            "E2,C1,P1,1/5/2026 10:00 AM,H1,1,U1,1/5/2026,",
            "E2,C1,P1,05-JAN-2026,H1,1,U1,1/6/2026,",
            "E3,C1,P1,2026-1-5,H1,1,U1,,5-JAN-2026",
        ],
        Exit=["X1,E9,C1,1/5/2026,,", "X2,E1,C1,01-05-2026,,", "X3,E2,C1,1/5/2026,,"],
    )
    assert [issue for issue in issues if issue[3] == "date-format"] == [
        ("Project", 2, "OperatingStartDate", "date-format", "P1"),
        ("Project", 3, "OperatingEndDate", "date-format", "P2"),
        ("Enrollment", 5, "EntryDate", "date-format", "E2"),
        ("Enrollment", 6, "DateDeleted", "date-format", "E3"),
        ("Exit", 3, "ExitDate", "date-format", "E1"),
    ]
    assert [code for *_, code, _ in issues if code != "date-format"] == ["missing-value", "duplicate-id", "orphan-exit"]
    assert {row.entry_date for row in enrollments_of(tmp_path)} == {ENTRY}
