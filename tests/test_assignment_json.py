"""Case assignments as JSON: what is written fits the published schema, and what does not fit it is refused."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
import traceback
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_assignment_csv import AS_OF, DAYS, PAIRS, stint

from caseassign import CaseAssignment, HmisCsvError, InvalidRecordError
from caseassign.acts.import_assignments import AssignmentRow, Issue
from caseassign.formats import assignment_csv, assignment_json
from caseassign.formats.assignment_list import AssignmentList

TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {
    *("$schema", "$id", "title", "description", "default", "format", "$defs"),
    *("$ref", "anyOf", "type", "const", "enum", "minLength", "pattern", "required", "additionalProperties"),
    *("properties", "items"),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is valid under a schema (the part of JSON Schema 2020-12 that ours makes use of)."""
    return all(_checks(value, schema, schema["$defs"]))


def _checks(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[bool]:
    assert schema.keys() <= KNOWN
    if "$ref" in schema:
        yield from _checks(value, definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    if "anyOf" in schema:
        yield any(all(_checks(value, each, definitions)) for each in schema["anyOf"])
    yield isinstance(value, TYPES[schema["type"]] if "type" in schema else object)
    yield value == schema.get("const", value)
    yield value in schema.get("enum", [value])
    if isinstance(value, str):
        yield len(value) >= schema.get("minLength", 0)
        yield bool(re.search(schema.get("pattern", "").replace("$", r"\Z"), value))
    if isinstance(value, list):
        for item in value:
            yield from _checks(item, schema.get("items", {}), definitions)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield set(schema.get("required", ())) <= value.keys()
        yield schema.get("additionalProperties", True) or value.keys() <= known.keys()
        for name in value.keys() & known.keys():
            yield from _checks(value[name], known[name], definitions)


SCHEMA = assignment_json.schema()
ASSIGNMENT: dict[str, Any] = {
    "assignment_id": "a1",
    "enrollment_id": "e1",
    "personal_id": "c1",
    "user_id": "kim",
    "role": "Case Manager",
    "start_date": "2026-01-05",
    "end_date": None,
    "kept_after_exit": False,
    "status": "active",
    "voided": False,
}


def document(*assignments: Any, **changes: Any) -> dict[str, Any]:
    """A document with these assignments."""
    head = {"schema": "urn:caseassign:case-assignments:1", "as_of": "2026-03-02", "assignments": list(assignments)}
    return head | changes


def read(folder: Path, content: Any, **how: Any) -> AssignmentList:
    """Read a document with this content."""
    path = folder / "list.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return assignment_json.read(path, **how)


def refusal(folder: Path, content: Any) -> str:
    """Return why a document is refused."""
    with pytest.raises(HmisCsvError) as refused:
        read(folder, content)
    assert refused.value.path == "list.json"
    return refused.value.problem


# Writing


def test_what_a_document_looks_like(tmp_path: Path) -> None:
    """SPEC 9.6: one document with its schema, the day and the assignments, one a line, in UTF-8."""
    path = tmp_path / "list.json"
    kept = stint("a2", end_date=AS_OF, role="Émile", kept_after_exit=True)
    rows = [(stint(), "c1"), (kept, None), (stint("a3", voided=True), "c1")]
    assert assignment_json.write(path, rows, "2026-03-02") == 3
    head, *lines, tail = path.read_text("utf-8").splitlines()
    assert head == '{"schema": "urn:caseassign:case-assignments:1", "as_of": "2026-03-02", "assignments": ['
    assert [json.loads(line.rstrip(",")) for line in lines] == [
        ASSIGNMENT,
        ASSIGNMENT
        | {"assignment_id": "a2", "personal_id": None, "role": "Émile"}
        | {"end_date": "2026-03-02", "kept_after_exit": True, "status": "inactive"},
        ASSIGNMENT | {"assignment_id": "a3", "status": None, "voided": True},
    ]
    assert "Émile" in lines[1]
    assert tail == "]}"


@given(PAIRS, DAYS)
def test_what_is_written_fits_the_schema_and_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[CaseAssignment, str | None]], as_of: date
) -> None:
    """SPEC 9.6: whatever is written is valid under the published schema, and comes back equal and without an issue."""
    path = tmp_path_factory.mktemp("round") / "list.json"
    assert assignment_json.write(path, pairs, as_of) == len(pairs)
    assert fits(json.loads(path.read_bytes()), SCHEMA)
    found = assignment_json.read(path, trust="status")
    assert [(row.assignment(str(row.assignment_id)), row.personal_id) for row in found] == pairs
    assert list(found.issues) == []


@given(PAIRS, DAYS)
def test_both_formats_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[CaseAssignment, str | None]], as_of: date
) -> None:
    """SPEC 9.6: the same records give the same rows in both formats, and have the same status."""
    folder = tmp_path_factory.mktemp("both")
    assignment_json.write(folder / "list", pairs, as_of)
    statuses = [each["status"] for each in json.loads((folder / "list").read_bytes())["assignments"]]
    rows = [attrs.evolve(row, line=row.line + 1) for row in assignment_json.read(folder / "list")]
    assignment_csv.write(folder / "list", pairs, as_of)
    assert list(assignment_csv.read(folder / "list", as_of=as_of)) == rows
    with (folder / "list").open(encoding="utf-8", newline="") as file:
        assert [row["Status"].lower() or None for row in csv.DictReader(file)] == statuses


def test_assignments_are_written_as_they_come() -> None:
    """SPEC 9.6: writing streams: each assignment is written before the next one is asked for."""

    def rows() -> Iterator[tuple[CaseAssignment, str | None]]:
        for number in range(5):
            assert file.getvalue().count("assignment_id") == number
            yield stint(f"a{number}"), None

    file = io.StringIO()
    assert assignment_json.write(file, rows(), AS_OF) == 5


# The schema


def test_the_published_schema_is_the_one_that_documents_name() -> None:
    """SPEC 9.6: the schema is JSON Schema 2020-12, comes with the package, and its id is what a document names."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == assignment_json.SCHEMA == SCHEMA["properties"]["schema"]["const"]
    assert fits(document(ASSIGNMENT), SCHEMA)
    assert list(SCHEMA["$defs"]["assignment"]["properties"]) == list(ASSIGNMENT)


def test_what_may_be_left_out_is_what_the_schema_says(tmp_path: Path) -> None:
    """SPEC 9.6: a field that is left out means what the schema says, and without an id a new one is made on import."""
    fields = SCHEMA["$defs"]["assignment"]
    least = {name: ASSIGNMENT[name] for name in fields["required"]}
    defaults = {name: each["default"] for name, each in fields["properties"].items() if name not in least}
    rows = [*read(tmp_path, document(least)), *read(tmp_path, document(least | defaults))]
    row = AssignmentRow(file="list.json", line=1, enrollment_id="e1", user_id="kim", start_date=date(2026, 1, 5))
    assert rows == [row, row]


VALUES = st.sampled_from(
    [
        *(None, True, False, 0, 1, 1.5, "", "x", "a1", "active", "Active", "2026-01-05", "2026-1-5", "2026-01-05\n"),
        *("\u0662026-01-05", "urn:caseassign:case-assignments:2", [], {}, [ASSIGNMENT], [None], ["x"], [[]]),
    ]
)


@given(
    st.sampled_from(["document", "assignment"]),
    st.sampled_from([*ASSIGNMENT, *document(), "another"]),
    VALUES,
    st.booleans(),
)
@example("assignment", "start_date", "2026-01-05\n", False)
@example("assignment", "end_date", "\u0662026-01-05", False)
@example("assignment", "voided", 0, False)
@example("assignment", "role", None, False)
def test_what_does_not_fit_the_schema_is_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, where: str, name: str, value: Any, gone: bool
) -> None:
    """SPEC 9.6: a document is read if it is valid under the published schema, and refused if it is not."""
    changed = copy.deepcopy(document(ASSIGNMENT, {**ASSIGNMENT, "assignment_id": "a2"}))
    part = changed if where == "document" else changed["assignments"][1]
    if gone:
        part.pop(name, None)
    else:
        part[name] = value
    folder = tmp_path_factory.mktemp("changed")
    if fits(changed, SCHEMA):
        found = read(folder, changed)
        assert len(list(found)) + len(list(found.issues)) >= len(changed["assignments"])
    else:
        refusal(folder, changed)


# Refusals


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (document([]), "assignment 1: is no object"),
        (document(ASSIGNMENT, None), "assignment 2: is no object"),
        (document(ASSIGNMENT, ASSIGNMENT | {"user_id": None}), "assignment 2, user_id: is no text, or is empty"),
        (document(ASSIGNMENT | {"role": ""}), "assignment 1, role: is no text, or is empty"),
        (document(ASSIGNMENT | {"role": "\ud800"}), "assignment 1, role: has half a character in it"),
        (
            document(ASSIGNMENT | {"start_date": "1/5/2026"}),
            "assignment 1, start_date: is no day written as YYYY-MM-DD",
        ),
        (document(ASSIGNMENT | {"end_date": 0}), "assignment 1, end_date: is no day written as YYYY-MM-DD"),
        (document(ASSIGNMENT | {"voided": 0}), "assignment 1, voided: is neither true nor false"),
        (document(ASSIGNMENT | {"kept_after_exit": None}), "assignment 1, kept_after_exit: is neither true nor false"),
        (
            document(ASSIGNMENT | {"status": "Active"}),
            "assignment 1, status: is none of upcoming, active, inactive, null",
        ),
        (document({"user_id": "kim", "start_date": "2026-01-05"}), "assignment 1, enrollment_id: is missing"),
        (document(ASSIGNMENT | {"first_name": "Ada"}), "assignment 1, a field: is none that the schema knows"),
        (document(name="Ada"), "the document, a field: is none that the schema knows"),
        (document(as_of="2026-02-30"), "the document, as_of: is no day of the calendar"),
        (document(assignments={}), "the document, assignments: is no array"),
        (
            document(schema="urn:caseassign:case-assignments:2", assignments=None),
            "the document, schema: is not urn:caseassign:case-assignments:1: it is of another kind, or another version",
        ),
        ({}, "the document, schema: is missing"),
        ([document()], "the document: is no object"),
        (b"{\n  'a'", "it is no JSON: see line 2, column 3"),
        (b"", "it is no JSON: see line 1, column 1"),
        (b'"\xff\xff"', "it is no JSON in UTF-8, or none of a sensible size"),
        (b"[" * 500_000, "it is no JSON in UTF-8, or none of a sensible size"),
        (b"9" * 5_000, "it is no JSON in UTF-8, or none of a sensible size"),
        (
            b'{"as_of": "2026-03-02", "as_of": "2026-03-03"}',
            "it has an object that names a field twice: which value counts is not known",
        ),
    ],
)
def test_a_refusal_names_the_place(tmp_path: Path, content: Any, problem: str) -> None:
    """SPEC 9.6: what is no such document is one clear error with the number of the assignment and the field."""
    assert refusal(tmp_path, content) == problem


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """SPEC 9.6: a document that begins with a BOM is read."""
    assert list(read(tmp_path, b"\xef\xbb\xbf" + json.dumps(document()).encode())) == []


def test_what_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    """SPEC 9.6: a document that is not there is refused by its name."""
    with pytest.raises(HmisCsvError, match=r"^list\.json: it cannot be read: No such file"):
        assignment_json.read(tmp_path / "list.json")


def test_a_policy_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """SPEC 9.6: the policy for statuses is one of two."""
    with pytest.raises(InvalidRecordError, match="trust"):
        read(tmp_path, document(), trust="people")


# Issues


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"start_date": "2026-02-30"}, "StartDate", "bad-date"),
        ({"end_date": "2026-13-01"}, "EndDate", "bad-date"),
        ({"end_date": "2026-01-04"}, "EndDate", "ends-before-start"),
        ({"assignment_id": "a0"}, "AssignmentID", "duplicate-id"),
    ],
)
def test_what_no_schema_can_tell_is_an_issue(tmp_path: Path, changes: dict[str, Any], column: str, code: str) -> None:
    """SPEC 9.6: a valid assignment that cannot be one is left out and reported, as it is in CSV; others are read."""
    before, bad, after = ({"assignment_id": name} for name in ("a0", "a1", "a2"))
    wrong = document(ASSIGNMENT | before, ASSIGNMENT | bad | changes, ASSIGNMENT | after)
    assert fits(wrong, SCHEMA)
    found = read(tmp_path, wrong)
    for _ in range(2):
        assert [(row.line, row.assignment_id) for row in found] == [(1, "a0"), (3, "a2")]
        assert list(found.issues) == [Issue("list.json", 2, column, code, changes.get("assignment_id", "a1"))]


@pytest.mark.parametrize(("trust", "end"), [("dates", None), ("status", AS_OF)])
def test_a_status_that_disagrees_is_resolved_as_in_csv(tmp_path: Path, trust: str, end: date | None) -> None:
    """SPEC 9.6: the status is compared with the days as of the day that the document names."""
    found = read(tmp_path, document(ASSIGNMENT | {"status": "inactive"}), trust=trust)
    assert [row.end_date for row in found] == [end]
    assert list(found.issues) == [Issue("list.json", 1, "Status", "status-disagrees", "a1")]
    assert list(read(tmp_path, document(ASSIGNMENT | {"status": "upcoming"}, as_of="2026-01-04")).issues) == []


MARK = "Zzyzx"


@given(
    st.sampled_from([*ASSIGNMENT, MARK]), st.sampled_from([MARK, [MARK], {MARK: MARK}, {"schema": MARK}]), st.booleans()
)
def test_nothing_of_a_document_is_told(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any, at_the_top: bool
) -> None:
    """SPEC 8.4: no error holds a value, or a name of a field that the schema does not know."""
    folder = tmp_path_factory.mktemp("marked")
    contents: list[Any] = [
        document(ASSIGNMENT | {name: value}),
        document(value),
        f"{MARK}".encode(),
        f'["{MARK}'.encode(),
    ]
    if at_the_top:
        contents.append(document(ASSIGNMENT, **{name: value}))
    for content in contents:
        try:
            told = repr([*read(folder, content).issues])
        except HmisCsvError as error:
            told = "".join(traceback.format_exception(error)) + repr(error)
        assert MARK not in told
