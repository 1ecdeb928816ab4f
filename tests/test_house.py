"""The house rules: layers, sizes, names."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
import tomllib
from pathlib import Path

import attrs
import pytest

import caseassign
from caseassign.model import KINDS

ROOT = Path(__file__).parents[1]
PUBLIC: list[str] = vars(caseassign)["__all__"]
SOURCES = sorted((ROOT / "src" / "caseassign").rglob("*.py"))


def test_everything_public_is_listed_sorted_and_there() -> None:
    """API: the public names are listed, sorted, and there."""
    assert sorted(PUBLIC) == PUBLIC
    assert all(hasattr(caseassign, name) for name in PUBLIC)


def test_everything_public_says_what_it_is() -> None:
    """Every public class, and every public method and function of it, has a docstring."""
    for name in PUBLIC:
        thing = getattr(caseassign, name)
        if inspect.isclass(thing):
            assert inspect.getdoc(thing), name
            for member, value in vars(thing).items():
                if inspect.isfunction(value) and not member.startswith("_"):
                    assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_file_grows_past_comfort(source: Path) -> None:
    """Files of about 400 lines at most, each with a docstring that says its one idea."""
    text = source.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 420
    assert ast.get_docstring(ast.parse(text))


def lines_of_code(source: Path) -> int:
    """How many lines a file has without docstrings, comments and blank lines."""
    text = source.read_text(encoding="utf-8")
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            documented |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    spoken: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            spoken |= set(range(token.start[0], token.end[0] + 1))
    return len(spoken - documented)


def test_the_library_stays_small() -> None:
    """What one reads to know the domain, and all but the extras, stay small enough to be read (see the design page)."""
    extras = {"charts", "cli", "demo", "display", "frames.py", "testing"}
    adapters = {"stores", "formats"}
    library = [path for path in SOURCES if not extras & set(path.parts) and not path.name.startswith("postgres")]
    sizes = {path: lines_of_code(path) for path in library}
    assert sum(size for path, size in sizes.items() if not adapters & set(path.parts)) < 6_900
    assert sum(sizes.values()) < 10_000


def test_run_time_dependencies_stay_three() -> None:
    """Run-time dependencies stay attrs, cattrs, python-dateutil."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [name.split(">")[0] for name in project["dependencies"]] == ["attrs", "cattrs", "python-dateutil"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_records_are_frozen_slotted_and_keyword_only(kind: type) -> None:
    """API: records are attrs, frozen, keyword-only; no inheritance among them."""
    assert kind.__bases__ == (object,)
    assert all(field.kw_only for field in attrs.fields(kind))
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (caseassign.Client, "personal_id first_name last_name"),
        (caseassign.Organization, "organization_id organization_name"),
        (
            caseassign.Project,
            "project_id organization_id project_name project_type operating_start_date operating_end_date",
        ),
        (caseassign.User, "user_id first_name last_name organization_ids permissions is_case_manager left_on"),
        (
            caseassign.Enrollment,
            "enrollment_id personal_id project_id household_id relationship_to_hoh entry_date exit_date deleted",
        ),
        (
            caseassign.CaseAssignment,
            "assignment_id enrollment_id user_id start_date end_date role kept_after_exit voided",
        ),
    ],
)
def test_the_fields_of_the_records_are_those_that_outsiders_rely_on(kind: type, fields: str) -> None:
    """API: the records, field by field."""
    assert [field.name for field in attrs.fields(kind)] == [*fields.split(), "batch_id"]


def test_the_tour_in_the_docstring_runs() -> None:
    """The usage tour of the package is true."""
    doc = inspect.getdoc(caseassign) or ""
    code = "\n".join(line[4:] for line in doc.splitlines() if line.startswith("    "))
    exec(compile(code, "tour", "exec"), {})  # noqa: S102  # our own documentation
