"""The rows of CSV files as real exports write them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hmis_files import HEADERS, csv_of, write
from hypothesis import given
from hypothesis import strategies as st

from caseassign.errors import HmisCsvError
from caseassign.formats import hmis_csv
from caseassign.formats.csv_rows import CsvRows

COLUMNS = ("PersonalID", "FirstName", "LastName", "Veteran")
HEADER = ",".join(COLUMNS)


def rows_of(data: bytes | str, columns: tuple[str, ...] = COLUMNS) -> list[Any]:
    """The rows and the flaws of a file, in the order in which they are met."""
    met: list[Any] = []
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(data if isinstance(data, bytes) else data.encode()))
    rows = CsvRows("export.zip", "Client.csv", stream)
    for line, values in rows.read(columns, lambda line, flaw: met.append((line, flaw))):
        met.append((line, *values))
    return met


def test_columns_are_found_by_name_in_any_case_and_order() -> None:
    """SPEC 9.1: case drift, reordered and extra columns do no harm, and a column that is not there is blank."""
    data = "veteran,Extra, LASTNAME ,PersonalId,Extra,lastname\n1,x,Lee,C1,y,Li\n"
    assert rows_of(data) == [(2, "C1", None, "Lee", "1")]


def test_values_are_stripped_and_blank_ones_are_none() -> None:
    """SPEC 9.1: empty strings, bare nulls and blanks are all the same."""
    assert rows_of(f'{HEADER}\n C1 ,"",,"  "\n\tC2\u00a0,\u3000,"\n", x\n') == [
        (2, "C1", None, None, None),
        (3, "C2", None, None, "x"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way_and_the_last_one_need_not(end: str) -> None:
    """SPEC 9.1: CRLF and LF."""
    assert rows_of(end.join([HEADER, "C1,Ann,Lee,0", "C2,Bo,Lee,1"])) == [
        (2, "C1", "Ann", "Lee", "0"),
        (3, "C2", "Bo", "Lee", "1"),
    ]


def test_blank_rows_are_passed_over_and_counted_as_lines() -> None:
    """SPEC 9.2: an issue names the line on which its row starts, as an editor counts it."""
    assert rows_of(f'\n{HEADER}\n\n,,,\n"","",,\n , \nC1\n\n') == [(7, "C1", None, None, None)]


def test_a_row_may_be_too_short_or_too_long() -> None:
    """SPEC 9.1: missing cells are blank, and surplus ones are a flaw only if something stands in them."""
    assert rows_of(f'{HEADER}\nC1,Ann\nC2,Bo,Lee,0,,""\nC3,Cy,Lee,0,,x\n') == [
        (2, "C1", "Ann", None, None),
        (3, "C2", "Bo", "Lee", "0"),
        (4, "ragged-row"),
        (4, "C3", "Cy", "Lee", "0"),
    ]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (f"{HEADER}\nC1,Zoë\n".encode(), "Zoë"),
        (f"{HEADER}\nC1,Zoë\n".encode("utf-8-sig"), "Zoë"),
        (f"{HEADER}\nC1,Zoë\n".encode("utf-16"), "Zoë"),
        (f"{HEADER}\nC1,Zoë\n".encode("utf-16-be").join([b"\xfe\xff", b""]), "Zoë"),
        (f"{HEADER}\nC1,".encode() + b"Zo\xeb \xe2\x80\x94 \x93Zoe\x94 \x81\n", "Zoë — “Zoe” \x81"),
        (f"{HEADER}\nC1,".encode() + b"Zo\xc3\xab \xff\n", "Zoë ÿ"),
        (f"{HEADER}\nC1,Z\0o\0e\0\n".encode(), "Zoe"),
        (f"{HEADER}\nC1,Zoe\n\0\0".encode(), "Zoe"),
        (f"{HEADER}\nC1,Zoe\n".encode("utf-16") + b"\x00\xd8", "Zoe"),
    ],
)
def test_text_may_be_in_any_of_the_encodings_of_real_exports(data: bytes, name: str) -> None:
    """SPEC 9.1: UTF-8 with or without BOM, UTF-16 with BOM, bytes that are Windows-1252, NUL characters."""
    assert rows_of(data)[0] == (2, "C1", name, None, None)


def test_the_fallback_is_for_reading_only() -> None:
    """SPEC 9.1: reading bytes as Windows-1252 hides no error of writing."""
    with pytest.raises(UnicodeEncodeError):
        "ü".encode("ascii", "caseassign-windows-1252")


def test_a_file_that_was_quoted_twice_loses_one_layer_of_quotes() -> None:
    """SPEC 9.1: everything as triple quotes, though a lone such value in another file is valid data."""
    twice = '"""PersonalID""","""FirstName""","""LastName""","""Veteran"""'
    assert rows_of(f'{twice}\n"""C1""","""""Ann""""","""""",0\n"""""","""""","""""",""""""\n"""C2""","\n') == [
        (2, "C1", '"Ann"', None, "0"),
        (4, "broken-row"),
    ]
    assert rows_of(f'{HEADER}\n"""C1""","""Chicago""","A ""B"" C",""""\n') == [(2, '"C1"', '"Chicago"', 'A "B" C', '"')]


def test_stray_quotes_within_a_line_are_read_with_good_will() -> None:
    """SPEC 9.1: bare strings and quotes in them."""
    assert rows_of(f'{HEADER}\nC1,Ann "Annie",Lee"\nC2,"Bo"b,Lee\n') == [
        (2, "C1", 'Ann "Annie"', 'Lee"', None),
        (3, "C2", "Bob", "Lee", None),
    ]


def test_a_name_may_have_line_breaks_in_it() -> None:
    """SPEC 9.1: a value in quotes may have commas and line breaks in it, and lines are counted on."""
    assert rows_of(f'{HEADER},Note\nC1,"Ann\r\nMarie","Lee,\n Jr",0,"a,\nb\n\nc"\nC2,Bo\n') == [
        (2, "C1", "Ann\nMarie", "Lee,\n Jr", "0"),
        (8, "C2", "Bo", None, None),
    ]


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (['C1,"Ann,Lee,0', "C2,Bo,Lee,0", "C3,Cy,Lee,0"], "23"),
        (['C1,"Ann,Lee,0', "C2,Bo,Lee,0", 'C3,"Cy",Lee,0'], "23"),
        (['C1,"Ann,Lee,0', 'C2,Bo",Lee,0', "C3,Cy,Lee,0"], "23"),
        (['C1,"Ann,Lee,0', "C2,Bo,Lee,0", 'C3,Cy,Lee",0'], "23"),
        (['"C1,Ann,Lee,0', 'C2,Bo,Lee,0"', "C3,Cy,Lee,0"], "23"),
        (['C1,Ann,Lee,"0', "C2", 'C3,Cy,Lee",0'], "3"),
        (['C1,"Ann', 'Marie","x"y,0', "C3,Cy,Lee,0"], "3"),
        (["C1,Ann,Lee,0", 'C2,"Bo,Lee,0', 'C3,"Cy,Lee,0'], "1"),
        (["C1,Ann,Lee,0", "C2,Bo,Lee,0", 'C3,"Cy,Lee,0'], "12"),
        (['"C1","Ann","Lee","0', '"C2","Bo","Lee","0"', '"C3","Cy","Lee","0"'], "23"),
        (['"C1","Ann,"Lee","0"', '"C2","Bo","Lee","0"', '"C3","Cy","Lee","0'], "12"),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_quote_that_is_not_closed_costs_one_row_and_is_reported(lines: list[str], read: str, end: str) -> None:
    """SPEC 9.2: a stray quote never swallows the rows behind it; the row with the quote becomes an issue."""
    met = rows_of("\n".join([HEADER, *lines]) + end)
    broken = {line for line, *rest in met if rest == ["broken-row"]}
    ids = {values[0].replace('"', "")[:2]: line for line, *values in met if line not in broken}
    assert [line for line, *_ in met] == [2, 3, 4]
    assert {f"C{number}" for number in read} <= ids.keys()
    assert all(ids[id_] == int(id_[1]) + 1 for id_ in ids)
    assert len(ids) + len(broken) == 3


def test_what_is_left_of_a_broken_row_is_no_row_of_its_own() -> None:
    """SPEC 9.2: lines behind a stray quote that are no whole rows are issues and never records; blank ones nothing."""
    assert rows_of(f'{HEADER}\nC1,"Ann\n\nMarie","x"y,0\nC2,Bo,Lee,0\nC3,"Cy\n\n') == [
        (2, "broken-row"),
        (4, "broken-row"),
        (5, "C2", "Bo", "Lee", "0"),
        (6, "broken-row"),
    ]


def test_a_stray_quote_in_a_long_file_costs_one_row() -> None:
    """SPEC 9.2: however many rows come behind a stray quote, they are read."""
    lines = [f"C{number},Ann,Lee,0" for number in range(1000)]
    lines[10] = 'C10,"Ann,Lee,0'
    lines[700] = 'C700,"' + "x" * 70_000
    lines[701] = 'C701,"' + "x" * 70_000
    met = rows_of("\n".join([HEADER, *lines]))
    assert [line for line, *rest in met if rest == ["broken-row"]] == [12, 702, 703]
    assert [line for line, *_ in met] == list(range(2, 1002))


def test_a_value_that_csv_refuses_is_a_broken_row() -> None:
    """SPEC 9.2: a host program that allows shorter values only makes longer ones issues, and loses no row."""
    before = csv.field_size_limit(20)
    try:
        assert rows_of(f"{HEADER}\nC1,{'x' * 21}\nC2,Bo,Lee,0\n") == [(2, "broken-row"), (3, "C2", "Bo", "Lee", "0")]
    finally:
        csv.field_size_limit(before)


def test_a_line_that_no_export_has_is_one_clear_error() -> None:
    """SPEC 9.2: a huge value is an error that names file and line, and is not kept in memory."""
    with pytest.raises(HmisCsvError, match=r"export\.zip: line 3 of Client\.csv has 131,072 characters or more"):
        rows_of(f"{HEADER}\nC1,Ann\nC2,{'x' * 10**6}\n")


def test_a_header_with_a_stray_quote_is_one_clear_error() -> None:
    """SPEC 9.2: where the header cannot be trusted, nothing is read."""
    with pytest.raises(HmisCsvError, match=r"the header of Client\.csv has a quote that is not closed"):
        rows_of('PersonalID,"FirstName,LastName\nC1,Ann,Lee\n')


@pytest.mark.parametrize("data", ["", "\n", "\n\n,,\n"])
def test_a_file_without_a_header_has_no_columns(data: str) -> None:
    """SPEC 9.2: a file of blank lines has no columns and no rows."""
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(data.encode()))
    rows = CsvRows("export.zip", "Client.csv", stream)
    assert rows.lacks(COLUMNS) == list(COLUMNS)
    assert rows_of(data) == []


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Z][0-9]{1,3}", fullmatch=True),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8),
            st.text("ab,\"' ", max_size=8),
            st.sampled_from(["", "0", "1"]),
        )
    ),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str, str]], quoting: Any, end: str, encoding: str
) -> None:
    """SPEC 9.1: every well-formed file is read as it was written, whatever the names in it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    writer.writerow([*COLUMNS, "ExportID"])
    writer.writerows((*row, "X1") for row in rows)
    met = rows_of(text.getvalue().encode(encoding))
    assert [tuple(values) for _, *values in met] == [tuple(value.strip() or None for value in row) for row in rows]


@given(st.lists(st.lists(st.text('C1 "', max_size=5), min_size=4, max_size=5).map(",".join), max_size=6))
def test_no_row_is_lost_whatever_the_quotes(lines: list[str]) -> None:
    """SPEC 9.2: every line that has the cells of a row is a row or an issue of its own, wherever quotes stand."""
    met = rows_of("\n".join([HEADER, *lines]))
    starts = [line for line, *rest in met if rest != ["ragged-row"]]
    assert starts == sorted(set(starts))
    assert {number for number, line in enumerate(lines, start=2) if "C" in line or "1" in line} <= set(starts)


def test_each_kind_of_file_may_be_ragged_or_broken(tmp_path: Path) -> None:
    """SPEC 9.2: a broken row of any file is an issue with file and line, and a ragged one is read all the same."""
    rows = {
        "Organization": ["O1,Haven,,x", 'O2,"Hope,'],
        "User": ["U1,Kim,Ode,,x", 'U2,"Lee,Li,'],
        "Project": ["P1,O1,Shelter,0,2020-01-01,,,x", 'P2,O1,"Shelter,0,,,'],
        "Client": ["C1,Ann,Lee,,x", 'C2,"Ann,Lee,'],
        "Enrollment": ["E1,C1,P1,2026-01-05,H1,1,U1,,,x", 'E2,C1,"P1,2026-01-05,H1,1,U1,,'],
        "Exit": ["X1,E1,C1,2026-02-01,,,x", 'X2,E1,"C1,2026-02-01,,'],
        "Export": ["X1,IMP,2026 v1.0,2026-01-01,2026-06-30,2,1,x", 'X2,"'],
    }
    export = hmis_csv.read(write(tmp_path, **rows))
    files = [f"{name}.csv" for name in HEADERS]
    ids = ["X1", "O1", "U1", "P1", "C1", "E1", "E1"]
    assert list(export.issues) == [
        issue
        for file, id_ in zip(files, ids, strict=True)
        for issue in ((file, 2, None, "ragged-row", id_), (file, 3, None, "broken-row", None))
    ]
    assert export.kept_out == {"enrollments": 1}
    assert len(export.enrollments) == len(export.clients) == len(export.users) == len(export.projects) == 1


def test_a_broken_header_or_a_missing_column_stops_the_reading(tmp_path: Path) -> None:
    """SPEC 9.2: a file that is no HMIS CSV is one clear error."""
    data = csv_of("Enrollment").replace(b"EntryDate,", b"")
    with pytest.raises(HmisCsvError, match=r"Enrollment\.csv lacks the column EntryDate: "):
        hmis_csv.read(write(tmp_path, Enrollment=data))
