"""Reading an HMIS CSV export as a whole."""

from __future__ import annotations

import codecs
import tracemalloc
from datetime import date
from pathlib import Path

import pytest
from hmis_files import HEADERS, csv_of, write
from hypothesis import given
from hypothesis import strategies as st

from caseassign.errors import HmisCsvError, StorageError
from caseassign.formats import hmis_csv, hmis_staging
from caseassign.formats.hmis_csv import Row
from caseassign.model import Client, Enrollment, Organization, Project, ProjectType, RelationshipToHoH, User

ENTRY = date(2026, 1, 5)
KINDS = ("client", "user", "organization", "project", "enrollment")


def test_an_export_is_read_as_records(tmp_path: Path) -> None:
    """SPEC 9.1: Export, Organization, User, Project, Client, Enrollment and Exit become records."""
    export = hmis_csv.read(
        write(
            tmp_path,
            Project=["P1,O1,Night Shelter,0,2020-01-01,2027-01-01 00:00:00,"],
            Exit=["X1,E1,C1,2026-02-01,,"],
        )
    )
    assert list(export.clients) == [Client(personal_id="C1", first_name="Ann", last_name="Lee")]
    assert list(export.users) == [User(user_id="U1", first_name="Kim", last_name="Ode")]
    assert list(export.organizations) == [Organization(organization_id="O1", organization_name="Haven")]
    assert list(export.projects) == [
        Project(
            project_id="P1",
            organization_id="O1",
            project_name="Night Shelter",
            project_type=ProjectType.EMERGENCY_SHELTER_ENTRY_EXIT,
            operating_start_date=date(2020, 1, 1),
            operating_end_date=date(2027, 1, 1),
        )
    ]
    assert list(export.enrollments) == [
        Enrollment(
            enrollment_id="E1",
            personal_id="C1",
            project_id="P1",
            household_id="H1",
            relationship_to_hoh=RelationshipToHoH.SELF,
            entry_date=ENTRY,
            exit_date=date(2026, 2, 1),
        )
    ]
    assert list(export.issues) == []
    assert export.issue_counts == {}
    assert export.kept_out == {"enrollments": 0}


def test_export_csv_says_what_the_export_is(tmp_path: Path) -> None:
    """SPEC 9.7, 9.2: what Export.csv says comes from its first row; any other one is an issue, and nothing more."""
    rows = ["X1, IMP ,2026 v1.0,1/1/2026,2026-06-30\t,02,1", "X2,OTHER,,,,,", "X1,,,,,,,surplus", ",,,,,1,"]
    export = hmis_csv.read(write(tmp_path, Export=rows))
    assert (export.export_id, export.implementation_id, export.csv_version) == ("X1", "IMP", "2026 v1.0")
    assert (export.export_start_date, export.export_end_date) == (date(2026, 1, 1), date(2026, 6, 30))
    assert (export.export_directive, export.hash_status) == (2, 1)
    assert list(export.issues) == [
        ("Export.csv", line, None, "extra-row", id_) for line, id_ in ((3, "X2"), (4, "X1"), (5, None))
    ]


@pytest.mark.parametrize(
    "data", [None, b"", b"ExportID\n", ["X1,,,2026,30 June,delta,1.0"], ["X1,,,,," + "9" * 20 + ",٢"]]
)
def test_what_export_csv_does_not_say_is_none(tmp_path: Path, data: list[str] | bytes | None) -> None:
    """SPEC 9.1: Export.csv may be missing or empty, and its values unreadable."""
    export = hmis_csv.read(write(tmp_path, Export=data))
    assert export.export_id == ("X1" if isinstance(data, list) else None)
    assert export.implementation_id is export.csv_version is None
    assert export.export_start_date is export.export_end_date is None
    assert export.export_directive is export.hash_status is None
    assert len(export.enrollments) == 1


def test_zeros_before_a_number_do_not_count_however_many(tmp_path: Path) -> None:
    """SPEC 9.2: a code of thousands of digits, which Python would refuse to read, stops nothing."""
    zeros = "0" * 5_000
    export = hmis_csv.read(
        write(
            tmp_path,
            Export=[f"X1,IMP,2026 v1.0,2026-01-01,2026-06-30,{zeros}2,{zeros}"],
            Project=[f"P1,O1,Night Shelter,{zeros}8,,,"],
            Enrollment=[f"E1,C1,P1,2026-01-05,H1,{zeros}7,U1,,"],
        )
    )
    assert (export.export_directive, export.hash_status) == (2, 0)
    assert [project.project_type for project in export.projects] == [ProjectType.SAFE_HAVEN]
    assert [(issue.column, issue.code) for issue in export.issues] == [("RelationshipToHoH", "bad-value")]


def test_days_that_are_none_are_not_remembered(tmp_path: Path) -> None:
    """SPEC 9.2: memory stays flat, however much text there is in the place of a day."""
    hmis_csv.read(write(tmp_path)).close()
    tracemalloc.start()
    rows = (f"E{number},C1,P1,2026-01-05,H1,1,U1,,{number}{'x' * 50_000}" for number in range(200))
    with hmis_csv.read(write(tmp_path, Enrollment=csv_of("Enrollment", *rows))) as export:
        assert export.issue_counts == {"bad-value": 200}
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * 2**20


@pytest.mark.parametrize("missing", [None, b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_only_enrollments_and_projects_must_be_there(tmp_path: Path, missing: bytes | None) -> None:
    """SPEC 9.1: empty files, and missing ones, are fine where nobody would look open or be lost."""
    files = dict.fromkeys(("Export", "Organization", "User", "Client", "Exit"), missing)
    export = hmis_csv.read(write(tmp_path, **files))
    assert [row.bare for kind in KINDS for row in export.rows(kind)] == [True, True, True, False, False]
    assert export.issue_counts == {"unknown-client": 1, "unknown-organization": 1, "unknown-user": 1}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"Project": None}, "Project.csv is missing or empty"),
        ({"Project": b""}, "Project.csv is missing or empty"),
        ({"Enrollment": b""}, "Enrollment.csv is missing or empty"),
        ({"Project": b"Name\nP1\n"}, "Project.csv lacks the column ProjectID"),
        ({"Enrollment": b"\n"}, "lacks the column EnrollmentID, PersonalID, ProjectID, EntryDate"),
        ({"Enrollment": b"EnrollmentID;PersonalID\n"}, "lacks the column EnrollmentID, PersonalID, ProjectID"),
        ({"Exit": b"\n"}, "Exit.csv lacks the column EnrollmentID, ExitDate"),
        ({"Exit": b"EnrollmentID,Date\n"}, "Exit.csv lacks the column ExitDate"),
    ],
)
def test_a_file_that_cannot_be_what_it_should_be_is_one_clear_error(
    tmp_path: Path, files: dict[str, bytes | None], problem: str
) -> None:
    """SPEC 9.2: a file that is no HMIS CSV is one clear error; without ExitDate everybody would look open."""
    with pytest.raises(HmisCsvError) as caught:
        hmis_csv.read(write(tmp_path / "export", **files))
    assert caught.value.path == "export"
    assert problem in caught.value.problem


def test_files_of_2022_and_2026_differ_in_columns_that_are_not_read(tmp_path: Path) -> None:
    """SPEC 9.1: the exports of FY2022 have neither ImplementationID nor CSVVersion."""
    data = b"ExportID,ExportStartDate,ExportEndDate,ExportDirective,HashStatus\nX1,2022-01-01,2022-06-30,2,1\n"
    export = hmis_csv.read(write(tmp_path, Export=data))
    assert (export.export_id, export.implementation_id, export.csv_version) == ("X1", None, None)


@pytest.mark.parametrize("status", ["2", "4", "04"])
def test_hashed_names_are_no_names(tmp_path: Path, status: str) -> None:
    """SPEC 9.1: where HashStatus says that the names of clients are hashes, they are left empty."""
    export = hmis_csv.read(write(tmp_path, Export=[f"X1,IMP,2026 v1,,,2,{status}"]))
    assert list(export.clients) == [Client(personal_id="C1")]
    assert list(export.users) == [User(user_id="U1", first_name="Kim", last_name="Ode")]


@pytest.mark.parametrize("status", ["1", "3", "", "x"])
def test_names_that_are_not_hashed_are_kept(tmp_path: Path, status: str) -> None:
    """SPEC 9.1: every other HashStatus leaves the names as they are."""
    export = hmis_csv.read(write(tmp_path, Export=[f"X1,IMP,2026 v1,,,2,{status}"], Client=["C1,Ann,,"]))
    assert list(export.clients) == [Client(personal_id="C1", first_name="Ann")]


def test_records_come_in_the_order_of_their_ids_again_and_again(tmp_path: Path) -> None:
    """SPEC 9.2: an export is read once, and can be walked again, in an order that is always the same."""
    rows = [f"{id_},C1,P1,2026-01-05,H1,1,,," for id_ in ("b", "é", "B", "10", "9")]
    export = hmis_csv.read(write(tmp_path, Enrollment=rows))
    once, again = iter(export.enrollments), iter(export.enrollments)
    assert next(once).enrollment_id == "10"
    assert [enrollment.enrollment_id for enrollment in again] == ["10", "9", "B", "b", "é"]
    assert [enrollment.enrollment_id for enrollment in once] == ["9", "B", "b", "é"]
    assert len(export.enrollments) == 5


def test_rows_say_who_edited_an_enrollment_last(tmp_path: Path) -> None:
    """SPEC 9.5: Enrollment.UserID is the last editor, and only enrollments have one here."""
    rows = ["E1,C1,P1,2026-01-05,H1,1,U1,,", "E2,C1,P1,2026-01-05,H1,1, ,,"]
    export = hmis_csv.read(write(tmp_path, Enrollment=rows, Exit=["X1,E1,C1,2026-02-01,,"]))
    assert {row.tells_exit for row in export.rows("enrollment")} == {True}
    assert [row.entered_by for row in export.rows("enrollment")] == ["U1", None]
    assert list(export.rows("client")) == [
        Row(Client(personal_id="C1", first_name="Ann", last_name="Lee"), False, None)
    ]
    assert {row.entered_by for kind in KINDS[:-1] for row in export.rows(kind)} == {None}


def test_progress_is_told_now_and_then_and_at_the_end_of_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 9.2: a caller can show how far the reading is."""
    monkeypatch.setattr(hmis_staging, "ROWS_PER_REPORT", 2)
    told: list[tuple[str, int]] = []
    rows = [f"E{number},C1,P1,2026-01-05,H1,1,U1,," for number in range(5)]
    hmis_csv.read(write(tmp_path, Enrollment=rows, User=None), lambda file, count: told.append((file, count)))
    assert told == [
        ("Export.csv", 1),
        ("Organization.csv", 1),
        ("Project.csv", 1),
        ("Client.csv", 1),
        ("Enrollment.csv", 2),
        ("Enrollment.csv", 4),
        ("Enrollment.csv", 5),
        ("Exit.csv", 0),
    ]


def test_reading_can_be_broken_off(tmp_path: Path) -> None:
    """SPEC 9.2: an exception of the caller comes out as it is."""

    def give_up(file: str, count: int) -> None:
        raise KeyboardInterrupt(file, count)

    with pytest.raises(KeyboardInterrupt):
        hmis_csv.read(write(tmp_path), give_up)


def test_an_export_can_be_closed_twice_and_is_not_walked_after(tmp_path: Path) -> None:
    """SPEC 8.4: a closed export raises the library's error, and keeps its counts."""
    with hmis_csv.read(write(tmp_path, User=[])) as export:
        walk = iter(export.clients)
    export.close()
    for attempt in (lambda: next(walk), lambda: list(export.issues), lambda: len(export.users)):
        with pytest.raises(StorageError, match="cannot be walked"):
            attempt()
    assert export.issue_counts == {"unknown-user": 1}


def test_a_full_disk_is_the_librarys_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 8.4: errors of the storage engine are replaced by the library's own."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(hmis_staging, "_PAGES_IN_MEMORY", -100)
    rows = [f"E{number},C1,P1,2026-01-05,H1,1,U1,," for number in range(20_000)]
    folder = write(tmp_path, Enrollment=rows)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot be staged on the disk") as caught:
            hmis_csv.read(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.__cause__ is None


def test_memory_stays_flat(tmp_path: Path) -> None:
    """SPEC 9.2: what is held in memory does not grow with the export."""
    header = HEADERS["Enrollment"].encode()
    peaks = []
    for count in (2_000, 12_000):
        rows = (f"E{number},C{number},P1,2026-01-05,H{number},1,U1,,".encode() for number in range(count))
        folder = write(tmp_path / str(count), Client=[], Enrollment=b"\n".join([header, *rows]))
        tracemalloc.start()
        with hmis_csv.read(folder) as export:
            for walk in (export.clients, export.enrollments, export.issues):
                assert sum(1 for _ in walk) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


NAMES = ["Quillfeather", "Zyzzyva", "Grimsby"]
COMMAS = st.sampled_from(["", ",", '"', '",', " ", "'"])
LINE_BREAKS = st.sampled_from(["", '"', '"\n', '""', " ", "'"])


@given(st.integers(0, 5), st.lists(COMMAS, min_size=3, max_size=3) | st.lists(LINE_BREAKS, min_size=3, max_size=3))
def test_no_name_comes_out_of_issues_errors_or_reprs(
    tmp_path_factory: pytest.TempPathFactory, place: int, dirt: list[str]
) -> None:
    """SPEC 8.4: names never appear in an issue, an error or a repr, whatever quotes and commas are in one of them."""
    mess = [dirt if number == place else [""] * 3 for number in range(6)]
    rows = [
        f"{id_},{before}{NAMES[0]}{after},{NAMES[1]}{end},{NAMES[2]}"
        for id_, (before, after, end) in zip(("C1", "C1", "", "U1", "U1", ""), mess, strict=True)
    ]
    folder = write(
        tmp_path_factory.mktemp("names"),
        Client=rows[:3],
        User=rows[3:],
        Enrollment=[f"E1,C1,P1,{NAMES[0]},H1,{NAMES[0]},U1,,{NAMES[0]}"],
        Project=[f"P1,O1,A,{NAMES[0]},{NAMES[0]},{NAMES[0]},"],
    )
    export = hmis_csv.read(folder)
    said = [repr(export), *map(repr, export.issues), *map(repr, export.clients), *map(repr, export.users)]
    with pytest.raises(HmisCsvError) as caught:
        hmis_csv.read(write(folder, Enrollment=f"{NAMES[0]},{NAMES[1]}\n{NAMES[2]}\n".encode()))
    said += [str(caught.value), repr(caught.value)]
    assert not [text for text in said for name in NAMES if name in text]


JANUARY = (date(2026, 1, 1), date(2026, 1, 31))
NAMED = "ExportID,ExportStartDate,ExportEndDate,ExportPeriodType,ExportDirective\n"


@pytest.mark.parametrize(
    ("row", "full_refresh", "period_type"),
    [
        ("X1,2026-01-01,2026-01-31,3,2", JANUARY, 3),
        ("X1,2026-01-01,2026-01-31,,2", JANUARY, None),
        ("X1,2026-01-01,2026-01-31,1,2", None, 1),
        ("X1,2026-01-01,2026-01-31,?,2", None, None),
        ("X1,2026-01-01,2026-01-31,3,1", None, 3),
        ("X1,2026-01-01,2026-01-31,3,", None, 3),
        ("X1,,2026-01-31,3,2", None, 3),
        ("X1,2026-01-01,soon,3,2", None, 3),
        ("X1,2026-01-31,2026-01-01,3,2", None, 3),
    ],
)
def test_only_a_full_refresh_of_a_reporting_period_has_all_enrollments(
    tmp_path: Path, row: str, full_refresh: tuple[date, date] | None, period_type: int | None
) -> None:
    """SPEC 9.3: a delta, what was updated in a period, or a period that is not known, lets nothing be absent."""
    export = hmis_csv.read(write(tmp_path, Export=f"{NAMED}{row}\n".encode()))
    assert (export.full_refresh, export.export_period_type) == (full_refresh, period_type)


@pytest.mark.parametrize("rows", [[], [",C1,P1,2026-01-05,H1,1,U1,,"], ['E2,C1,P1,2026-01-05,"H1,1,U1,,']])
def test_what_cannot_name_all_its_enrollments_does_not_have_them_all(tmp_path: Path, rows: list[str]) -> None:
    """SPEC 9.3: without rows, or with one whose id cannot be read, it is not known what is absent."""
    known = ["E1,C1,P1,2026-01-05,H1,1,U1,,"] if rows else []
    assert hmis_csv.read(write(tmp_path / "some", Enrollment=[*known, *rows])).full_refresh is None
    assert hmis_csv.read(write(tmp_path / "all")).full_refresh == (date(2026, 1, 1), date(2026, 6, 30))


def test_an_export_says_which_enrollments_it_has_no_row_for(tmp_path: Path) -> None:
    """SPEC 9.3: a row that is kept out, or comes twice, is a row."""
    rows = ["E1,C1,P1,2026-01-05,H1,1,U1,,", "E2,C1,P1,soon,H1,1,U1,,", "E3,C1,P1,,,,,,", "E3,C1,P1,,,,,,"]
    export = hmis_csv.read(write(tmp_path, Enrollment=rows))
    assert export.kept_out == {"enrollments": 2}
    assert export.full_refresh is not None
    assert export.lacking(["E4", "E1", "E2", "E3", "e1"]) == ["E4", "e1"]
    assert export.lacking([]) == []
    export.close()
    with pytest.raises(StorageError):
        export.lacking(["E1"])
