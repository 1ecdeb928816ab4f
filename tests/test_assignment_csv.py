"""CaseAssignment.csv: what is written is read as it was, and what is wrong in a list is reported, and never lost."""

from __future__ import annotations

import csv
import io
import os
import random
import sqlite3
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caseassign import AssignmentStatus, CaseAssignment, HmisCsvError, InvalidRecordError, Period, StorageError
from caseassign.acts.import_assignments import AssignmentRow, Issue
from caseassign.formats import assignment_csv
from caseassign.formats.assignment_list import AssignmentList, Judge, Reading, name_of

HEADER = "AssignmentID,EnrollmentID,PersonalID,UserID,Role,StartDate,EndDate,KeptAfterExit,Status,Voided"
COLUMNS = HEADER.split(",")
AS_OF = date(2026, 3, 2)
DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"

NASTY = st.sampled_from(
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\t=1", " =1", "\r=1", '=HYPERLINK("x","y")'),
        *("'", "''", "'''", "'a'", "'a", "a'", "'\\u0041'", "'\\ud800'", "\\", "'\\", "\\n"),
        *('"', '""', 'a"b', '"""x"""', '","', "a,b", ";", "a;=1"),
        *(
            " a",
            "a ",
            "\xa0a\xa0",
            "\u2028",
            "\x85",
            "\n",
            "a\nb",
            "a\r\nb",
            "\r",
            "\x1c",
            "\ufeff",
            "\ufeffa",
        ),
        *("1", "007", "1e5", "2026-03-02", "Émile", "李", "\U0001f600", "\U00100000"),
    ]
)
TEXTS = NASTY | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
DAYS = st.dates(date(2026, 2, 27), date(2026, 3, 5)) | st.dates()


@st.composite
def stints(draw: st.DrawFn) -> CaseAssignment:
    """An assignment with nasty texts in it."""
    start, end = sorted([draw(DAYS), draw(DAYS)])
    return CaseAssignment(
        assignment_id=draw(TEXTS),
        enrollment_id=draw(TEXTS),
        user_id=draw(TEXTS),
        role=draw(TEXTS),
        start_date=start,
        end_date=draw(st.sampled_from([None, end])),
        kept_after_exit=draw(st.booleans()),
        voided=draw(st.booleans()),
    )


PAIRS = st.lists(st.tuples(stints(), TEXTS | st.none()), max_size=5, unique_by=lambda pair: pair[0].assignment_id)


def stint(assignment_id: str = "a1", **changes: Any) -> CaseAssignment:
    """An assignment without anything nasty."""
    fields: dict[str, Any] = {"enrollment_id": "e1", "user_id": "kim", "start_date": date(2026, 1, 5)}
    return CaseAssignment(assignment_id=assignment_id, **(fields | changes))


def written(rows: list[tuple[CaseAssignment, str | None]], as_of: date = AS_OF) -> str:
    """Return what is written for rows."""
    file = io.StringIO(newline="")
    assert assignment_csv.write(file, rows, as_of) == len(rows)
    return file.getvalue()


def read_text(folder: Path, text: str | bytes, **how: Any) -> AssignmentList:
    """Read a list with this content."""
    path = folder / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return assignment_csv.read(path, **({"as_of": AS_OF} | how))


def read_row(folder: Path, **cells: str) -> tuple[list[AssignmentRow], list[Issue]]:
    """Read a list with one row between two that are sound; return what became of that row."""
    how = {name: cells.pop(name) for name in ("end_dates", "trust") if name in cells}
    row = dict.fromkeys(COLUMNS, "") | {"AssignmentID": "a2", "EnrollmentID": "e2", "UserID": "kim"} | cells
    row.setdefault("StartDate", "")
    row["StartDate"] = cells.get("StartDate", "2026-01-05")
    file = io.StringIO(newline="")
    lines = csv.writer(file, lineterminator="\n")
    sound = ["a1", "e1", "", "kim", "", "2026-01-01", "", "", "", ""]
    lines.writerows([COLUMNS, sound, list(row.values()), ["a3", *sound[1:]]])
    found = read_text(folder, file.getvalue(), **how)
    first, *middle, last = found
    assert (first.assignment_id, last.assignment_id) == ("a1", "a3")
    issues = list(found.issues)
    assert {(issue.file, issue.line) for issue in issues} <= {("list.csv", 3)}
    assert middle or issues
    return middle, issues


# Writing


def test_what_a_list_looks_like(tmp_path: Path) -> None:
    """SPEC 9.6: the columns in their order, UTF-8 and LF, and a Status for people to read as of a day."""
    rows = [
        (stint("a1"), "c1"),
        (stint("a2", end_date=AS_OF, role="Émile, Cover", kept_after_exit=True), "c1"),
        (stint("a3", start_date=date(2026, 4, 1)), None),
        (stint("a4", voided=True), "=c1"),
    ]
    path = tmp_path / "CaseAssignment.csv"
    assert assignment_csv.write(path, rows, "2026-03-02") == 4
    assert path.read_bytes().decode("utf-8") == (
        f"{HEADER}\n"
        "a1,e1,c1,kim,Case Manager,2026-01-05,,0,Active,0\n"
        'a2,e1,c1,kim,"Émile, Cover",2026-01-05,2026-03-02,1,Inactive,0\n'
        "a3,e1,,kim,Case Manager,2026-04-01,,0,Upcoming,0\n"
        "a4,e1,'=c1',kim,Case Manager,2026-01-05,,0,,1\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["CaseAssignment.csv"]


@given(PAIRS, DAYS)
def test_what_is_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[CaseAssignment, str | None]], as_of: date
) -> None:
    """SPEC 9.6: a list that was written is read without an issue, whatever texts are in it, void and kept included."""
    path = tmp_path_factory.mktemp("round") / "list.csv"
    assert assignment_csv.write(path, pairs, as_of) == len(pairs)
    found = assignment_csv.read(path, as_of=as_of, trust="status")
    assert [(row.assignment(str(row.assignment_id)), row.personal_id) for row in found] == pairs
    assert list(found.issues) == []


@given(PAIRS)
def test_no_cell_is_a_formula(pairs: list[tuple[CaseAssignment, str | None]]) -> None:
    """SPEC 9.6: no cell begins as a formula does in a spreadsheet, and every row stays on one line of printed text."""
    text = written(pairs)
    for cells in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.startswith(tuple(DANGEROUS)) or cell != cell.strip() for cell in cells)
    assert text.count("\n") == len(pairs) + 1
    assert not set(text) & set(map(chr, range(32))) - {"\n"}


@given(stints(), DAYS)
def test_status_is_that_of_the_day(assignment: CaseAssignment, as_of: date) -> None:
    """SPEC 4.1, 9.6: Status is what the days make of it as of the day, and blank for what is void."""
    (row,) = csv.DictReader(io.StringIO(written([(assignment, None)], as_of), newline=""))
    ended = assignment.end_date is not None and assignment.end_date <= as_of
    computed = "Upcoming" if as_of < assignment.start_date else "Inactive" if ended else "Active"
    assert row["Status"] == ("" if assignment.voided else computed)


def test_what_fails_leaves_the_list_before(tmp_path: Path) -> None:
    """SPEC 9.6: a list is there when it is complete; one that was there stays until then."""

    def broken() -> Iterator[tuple[CaseAssignment, str | None]]:
        yield stint(), "c1"
        assert path.read_text("utf-8") == before
        raise ZeroDivisionError

    path = tmp_path / "list.csv"
    assignment_csv.write(path, [(stint("a0"), None)], AS_OF)
    before = path.read_text("utf-8")
    with pytest.raises(ZeroDivisionError):
        assignment_csv.write(path, broken(), AS_OF)
    assert path.read_text("utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["list.csv"]


def test_a_link_and_what_is_no_file_are_written_to(tmp_path: Path) -> None:
    """SPEC 9.6: a list goes where a link leads, and into a pipe as it is, which is never put aside for a file."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "list.csv")
    assignment_csv.write(tmp_path / "link.csv", [], AS_OF)
    assert (tmp_path / "list.csv").read_text("utf-8") == f"{HEADER}\n"
    assert (tmp_path / "link.csv").is_symlink()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # no device of the machine: a suite may run as root
    try:
        assert assignment_csv.write(pipe, [], AS_OF) == 0
        assert pipe.is_fifo()
        assert os.read(reader, 1_000).decode() == f"{HEADER}\n"
    finally:
        os.close(reader)


def test_rows_are_written_as_they_come() -> None:
    """SPEC 9.6: writing streams: each row is written before the next one is asked for."""

    def rows() -> Iterator[tuple[CaseAssignment, str | None]]:
        for number in range(5):
            assert file.getvalue().count("\n") == number + 1
            yield stint(f"a{number}"), None

    file = io.StringIO(newline="")
    assert assignment_csv.write(file, rows(), AS_OF) == 5


# What a list may look like


@given(st.permutations(COLUMNS), st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]), st.randoms())
def test_columns_are_found_by_name(
    tmp_path_factory: pytest.TempPathFactory,
    columns: list[str],
    bom: bool,
    blanks: bool,
    end: str,
    chance: random.Random,
) -> None:
    """SPEC 9.6: whatever the order and case of the columns, a BOM, CRLF, blank rows and blanks around values."""
    cells = dict(
        zip(COLUMNS, ["a1", "e1", "c1", "kim", "Cover", "2026-01-05", "2026-02-05", "1", "INACTIVE", "0"], strict=True)
    )
    header = ",".join("".join(chance.choice([c.lower(), c.upper()]) for c in name) for name in columns)
    row = ",".join(f" {cells[name]} " if blanks else cells[name] for name in columns)
    blank = [",,,,,,,,,", "", "   "] if blanks else []
    text = end.join([f"{header},Another column", *blank, f"{row},Another value", *blank])
    found = read_text(tmp_path_factory.mktemp("columns"), f"{chr(0xFEFF) * bom}{text}")
    expected = stint("a1", role="Cover", end_date=date(2026, 2, 5), kept_after_exit=True)
    assert [(row.assignment("a1"), row.personal_id, row.line) for row in found] == [(expected, "c1", 2 + len(blank))]
    assert list(found.issues) == []


def test_three_columns_are_enough(tmp_path: Path) -> None:
    """SPEC 9.6: EnrollmentID, UserID and StartDate are required; without an id, a new one is made on import."""
    found = read_text(tmp_path, "userid,startdate,enrollmentid\nkim,2026-01-05,e1\n")
    assert list(found) == [
        AssignmentRow(file="list.csv", line=2, enrollment_id="e1", user_id="kim", start_date=date(2026, 1, 5))
    ]
    assert list(found.issues) == []
    assert found.name == "list.csv"


def test_blank_cells_mean_what_is_left_out(tmp_path: Path) -> None:
    """SPEC 9.6: blank is no id, no client, Case Manager, until further notice, not kept and not void."""
    (row,), issues = read_row(tmp_path, AssignmentID="", Status="")
    assert row == AssignmentRow(file="list.csv", line=3, enrollment_id="e2", user_id="kim", start_date=date(2026, 1, 5))
    assert issues == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [("O'Neil", "O'Neil"), ("'x", "'x"), ("'", "'"), ("'x'", "x"), ("'\"'", "'\"'"), ("'\\ud800'", "'\\ud800'")],
)
def test_apostrophes_of_a_legacy_list(tmp_path: Path, cell: str, text: str) -> None:
    """SPEC 9.6: only a pair of apostrophes with JSON between them is taken off; every other one stays."""
    (row,), _ = read_row(tmp_path, Role=cell)
    assert row.role == text


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_legacy_encodings(tmp_path: Path, encoding: str) -> None:
    """SPEC 9.6: a list of an old system is read in the encoding that it has."""
    text = "EnrollmentID,UserID,StartDate,Role\ne1,kim,2026-01-05,Émile\n"
    assert [row.role for row in read_text(tmp_path, text.encode(encoding))] == ["Émile"]


# What is wrong with a row


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"EnrollmentID": ""}, "EnrollmentID", "missing-value"),
        ({"EnrollmentID": "''"}, "EnrollmentID", "missing-value"),
        ({"UserID": " "}, "UserID", "missing-value"),
        ({"StartDate": ""}, "StartDate", "missing-value"),
        ({"StartDate": "2026-02-30"}, "StartDate", "bad-date"),
        ({"StartDate": "1/5/2026"}, "StartDate", "bad-date"),
        ({"StartDate": "2026-01-05 00:00:00"}, "StartDate", "bad-date"),
        ({"StartDate": "20260105"}, "StartDate", "bad-date"),
        ({"EndDate": "never"}, "EndDate", "bad-date"),
        ({"EndDate": "9999-12-31", "end_dates": "last-day"}, "EndDate", "bad-date"),
        ({"EndDate": "2026-01-04"}, "EndDate", "ends-before-start"),
        ({"EndDate": "2026-01-04", "end_dates": "last-day"}, "EndDate", "ends-before-start"),
        ({"KeptAfterExit": "yes"}, "KeptAfterExit", "bad-value"),
        ({"KeptAfterExit": "2"}, "KeptAfterExit", "bad-value"),
        ({"Voided": "TRUE"}, "Voided", "bad-value"),
        ({"Status": "Closed", "trust": "status"}, "Status", "bad-value"),
        ({"Status": "Closed", "Voided": "1", "trust": "status"}, "Status", "bad-value"),
        ({"AssignmentID": "a1"}, "AssignmentID", "duplicate-id"),
        ({"AssignmentID": "a1", "StartDate": "never"}, "AssignmentID", "duplicate-id"),
        ({"AssignmentID": "'a1'"}, "AssignmentID", "duplicate-id"),
        ({"AssignmentID": "", "StartDate": "never"}, "StartDate", "bad-date"),
    ],
)
def test_a_bad_row_is_left_out_and_reported(tmp_path: Path, cells: dict[str, str], column: str, code: str) -> None:
    """SPEC 9.6: a row that cannot be read becomes one issue; the rows around it are read."""
    record_id = cells.get("AssignmentID", "a2").strip("'") or None
    assert read_row(tmp_path, **cells) == ([], [Issue("list.csv", 3, column, code, record_id)])


def test_a_status_that_is_not_understood_leaves_the_days(tmp_path: Path) -> None:
    """SPEC 9.6: where the dates are trusted, a Status that says nothing known is reported, and the row is read."""
    (row,), issues = read_row(tmp_path, Status="Closed", trust="dates")
    assert row.assignment("a2") == stint("a2", enrollment_id="e2")
    assert issues == [Issue("list.csv", 3, "Status", "bad-value", "a2")]


def test_rows_of_a_wrong_shape_are_left_out_and_reported(tmp_path: Path) -> None:
    """SPEC 9.6: a row with too many values, or a quote that stays open, is reported by its line alone."""
    text = (
        "EnrollmentID,UserID,StartDate\n"
        "e1,kim,2026-01-05\n"
        "Doe, Jane,kim,2026-01-05\n"
        "e2,kim,2026-01-05,,\n"
        'e3,"kim,2026-01-05\n'
        "e4,kim,2026-01-05\n"
        'e5,"kim,2026-01-05\n'
    )
    found = read_text(tmp_path, text)
    assert [(row.line, row.enrollment_id) for row in found] == [(2, "e1"), (4, "e2"), (6, "e4")]
    assert list(found.issues) == [
        Issue("list.csv", 3, None, "ragged-row", None),
        Issue("list.csv", 5, None, "broken-row", None),
        Issue("list.csv", 7, None, "broken-row", None),
    ]


CELLS = st.sampled_from(
    ["", "a1", "e1", "2026-01-05", "2026-02-30", "0", "1", "Active", "'", '"', "x,y", "\n", "=", "\0"]
)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=12), max_size=8), st.booleans())
def test_no_row_is_lost(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], trusting: bool) -> None:
    """SPEC 9.6: of every row that is not blank there is an assignment or an issue, and reading never stops."""
    file = io.StringIO(newline="")
    lines = csv.writer(file, lineterminator="\n")
    lines.writerows([COLUMNS, *rows])
    found = read_text(tmp_path_factory.mktemp("rows"), file.getvalue(), trust="status" if trusting else "dates")
    read, issues = Counter(row.line for row in found), Counter(issue.line for issue in found.issues)
    single = not any("\n" in cell for row in rows for cell in row)
    for line, row in enumerate(rows, start=2):
        if single and any(cell.strip('" \0') for cell in row):
            assert read[line] + issues[line]
    assert all(count == 1 for count in read.values())


# Days and status


@given(st.dates(max_value=date.max - timedelta(days=1)), st.dates(max_value=date.max - timedelta(days=1)))
def test_end_dates_mean_what_the_caller_names(tmp_path_factory: pytest.TempPathFactory, one: date, other: date) -> None:
    """SPEC 3.6, 9.6: an end date is the first day after, or, where the caller says so, the last day responsible."""
    start, end = sorted([one, other])
    folder = tmp_path_factory.mktemp("ends")
    cells = {"StartDate": str(start), "EndDate": str(end)}
    (after,), _ = read_row(folder, **cells)
    (last,), _ = read_row(folder, **cells, end_dates="last-day")
    assert (after.start_date, after.end_date) == (start, end)
    assert Period(last.start_date, last.end_date).last_day == end


def resolved(start: date, end: date | None, status: str, trust: str) -> tuple[date | None, bool, list[str]]:
    """Say it again, in other words: the end, whether the row is read, and the codes of the issues."""
    begun, ended = start <= AS_OF, end is not None and end <= AS_OF
    agrees = {"Upcoming": not begun, "Active": begun and not ended, "Inactive": begun and ended}[status]
    if agrees:
        return end, True, []
    if trust == "dates" or status == "Upcoming" or (status == "Active" and not begun):
        return end, True, ["status-disagrees"]
    if status == "Active":
        return None, True, ["status-disagrees"]
    return AS_OF, begun, ["status-disagrees"] if begun else ["status-disagrees", "ends-before-start"]


@given(
    st.integers(-2, 2),
    st.none() | st.integers(0, 4),
    st.sampled_from(["Active", "Inactive", "Upcoming"]),
    st.sampled_from(["dates", "status"]),
    st.booleans(),
)
@example(0, None, "Inactive", "status", False)
@example(0, 0, "Active", "status", False)
@example(1, None, "Inactive", "status", False)
@example(1, 2, "Active", "status", False)
def test_status_and_dates_that_disagree(
    tmp_path_factory: pytest.TempPathFactory, start: int, days: int | None, status: str, trust: str, void: bool
) -> None:
    """SPEC 4.1, 9.6: a Status that the days contradict is reported, and resolved by the policy; void has none."""
    first = AS_OF + timedelta(days=start)
    last = None if days is None else first + timedelta(days=days)
    cells = {"StartDate": str(first), "EndDate": str(last or ""), "Status": status, "Voided": str(int(void))}
    rows, issues = read_row(tmp_path_factory.mktemp("status"), **cells, trust=trust)
    end, is_read, codes = (last, True, []) if void else resolved(first, last, status, trust)
    assert [(row.start_date, row.end_date, row.voided) for row in rows] == [(first, end, void)] * is_read
    assert [(issue.column, issue.code) for issue in issues] == [("Status", code) for code in codes]


@given(st.integers(-2, 2), st.none() | st.integers(0, 4), st.sampled_from(["Active", "Inactive"]))
def test_a_trusted_status_is_what_comes_out(
    tmp_path_factory: pytest.TempPathFactory, start: int, days: int | None, status: str
) -> None:
    """SPEC 9.6: where the status is trusted, what has begun is read as being what its Status says."""
    first = AS_OF + timedelta(days=start)
    last = "" if days is None else str(first + timedelta(days=days))
    folder = tmp_path_factory.mktemp("trust")
    rows, _ = read_row(folder, StartDate=str(first), EndDate=last, Status=status, trust="status")
    for row in rows:
        assert row.assignment("a2").status(AS_OF) == (status.lower() if start <= 0 else AssignmentStatus.UPCOMING)


# The file


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "lacks the column EnrollmentID, UserID, StartDate"),
        (b"EnrollmentID,Start\ne1,2026-01-05\n", "lacks the column UserID, StartDate"),
        (b"PK\x03\x04\0\0\0", "lacks the column"),
        (b'"EnrollmentID,UserID\n', "has a quote that is not closed"),
        (b"x" * 200_000, "damaged"),
    ],
)
def test_what_is_no_list_is_one_clear_error(tmp_path: Path, content: bytes, problem: str) -> None:
    """SPEC 9.2, 9.6: what is no list of assignments is refused when it is opened, by the name of the file."""
    with pytest.raises(HmisCsvError, match=problem) as refused:
        read_text(tmp_path, content)
    assert refused.value.path == "list.csv"


def test_what_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    """SPEC 9.6: a file that is not there, or is a folder, is refused; the folder that it is in is not named."""
    for path in (tmp_path / "list.csv", tmp_path, str(tmp_path / "list.csv")):
        with pytest.raises(HmisCsvError, match=r"cannot be read: (No such file|Is a directory)") as refused:
            assignment_csv.read(path, as_of=AS_OF)
        assert refused.value.path == Path(path).name
        assert str(tmp_path) not in str(refused.value)
        assert refused.value.__suppress_context__
    assert name_of(".") == "."


@pytest.mark.parametrize("how", [{"end_dates": "last"}, {"trust": "people"}, {"as_of": "today"}, {"as_of": None}])
def test_a_policy_that_there_is_not_is_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    """SPEC 9.6: the policies are stated; another one is refused before anything is read."""
    with pytest.raises(InvalidRecordError):
        read_text(tmp_path, HEADER, **how)


def test_a_list_can_be_walked_again(tmp_path: Path) -> None:
    """SPEC 9.6: rows and issues come again on every walk, two at a time too, and each walk reads the file as it is."""
    found = read_text(tmp_path, f"{HEADER}\na1,e1,,kim,,2026-01-05\na1,e1,,kim,,2026-01-05\n")
    issues = found.issues
    for _ in range(2):
        assert [one.line == other.line for one, other in zip(found, found, strict=True)] == [True]
        assert [issue.code for issue in issues] == ["duplicate-id"]
    next(iter(found))
    (tmp_path / "list.csv").write_text("Name\n", "utf-8")
    with pytest.raises(HmisCsvError, match="lacks the column"):
        list(found)
    (tmp_path / "list.csv").unlink()
    with pytest.raises(HmisCsvError, match="cannot be read"):
        list(issues)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """SPEC 9.2, 9.6: a list of ten times as many rows takes no more memory to write and to read."""

    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            path = tmp_path / "list.csv"
            assignment_csv.write(path, ((stint(f"assignment number {n}"), "c1") for n in range(rows)), AS_OF)
            found = assignment_csv.read(path, as_of=AS_OF)
            assert sum(1 for _ in found) == rows
            assert not any(found.issues)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(5_000) < peak(500) + 50_000


def test_a_full_disk_is_an_error_of_the_library() -> None:
    """SPEC 8.4: what the engine says where ids are kept while reading is replaced, and holds no id."""
    reading = Reading(name="list.csv", as_of=AS_OF, trust="dates")
    with closing(Judge(reading)) as judge:
        judge._seen.execute("DROP TABLE seen")
        with pytest.raises(StorageError, match="cannot be kept on the disk") as refused:
            judge._is_first("a1")
    assert not isinstance(refused.value, sqlite3.Error)
    assert "a1" not in str(refused.value)


# Personal data

MARK = "Zzyzx"


@given(
    st.lists(
        st.lists(st.sampled_from([MARK, f"'{MARK}'", f'"{MARK}', "", "2026-01-05", "x"]), max_size=10), max_size=6
    ),
    st.booleans(),
)
def test_nothing_of_a_row_but_its_id_is_told(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], headed: bool
) -> None:
    """SPEC 8.4: no issue and no error holds anything that stands in a list, the AssignmentID aside."""
    header = COLUMNS if headed else [MARK, *COLUMNS[4:]]
    text = "\n".join(",".join(cells) for cells in [header, *(["a1", *row] for row in rows)])
    told = ""
    try:
        found = read_text(tmp_path_factory.mktemp("marked"), text)
        told = repr([*found.issues, found])
    except HmisCsvError as error:
        told = "".join(traceback.format_exception(error)) + repr(error)
    assert MARK not in told


def test_a_row_keeps_its_own_days() -> None:
    """SPEC 9.6: what a row says is on it as it was read, and can be had as a record with an id."""
    row = AssignmentRow(enrollment_id="e1", user_id="kim", start_date=date(2026, 1, 5))
    assert row.assignment("a1") == stint("a1")
    assert attrs.evolve(row, role="Cover").assignment("a1").role == "Cover"


@pytest.mark.parametrize("column", ["AssignmentID", "EnrollmentID", "PersonalID", "UserID", "Role"])
def test_a_text_that_cannot_be_written_down_is_left_out(tmp_path: Path, column: str) -> None:
    """SPEC 9.6, 9.2: a NUL behind an escape is an issue of its row, and does not stop the others."""
    good = {"AssignmentID": "a1", "EnrollmentID": "e1", "PersonalID": "c1", "UserID": "kim", "Role": "x"}
    days = {"StartDate": "2026-01-05"}
    bad = good | {"AssignmentID": "a2"} | {column: "'a\\u0000b'"}
    lines = [",".join((row | days).values()) for row in (good, bad)]
    found = read_text(tmp_path, "\n".join([",".join(good | days), *lines, ""]))
    assert [row.assignment_id for row in found] == ["a1"]
    assert [(issue.column, issue.code) for issue in found.issues] == [(column, "bad-value")]
