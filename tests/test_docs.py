"""The documentation is true: what it shows is carried out, where it points there is a page, its lists are complete."""

from __future__ import annotations

import ast
import inspect
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import caseassign
from caseassign import ADVISORY_RULES, GUARDS, REQUIRED_RULES, Casework
from caseassign.acts.import_assignments import COLUMNS
from caseassign.cli import _parser, main
from caseassign.display.meanings import ISSUES, LIST_ISSUES
from caseassign.formats.hmis_staging import TABLES
from caseassign.model import ProjectType, RelationshipToHoH
from caseassign.policy import Action

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "caseassign"
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def named(page: Path) -> str:
    """Return what a page is called in the names of tests."""
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def reference(name: str) -> str:
    """Return the text of a page of the reference."""
    return text_of(REFERENCE / f"{name}.md")


# What is shown is carried out

FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
STATUS = re.compile(r"^# exit status (?P<status>\d+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page: its language, the line on which its text begins, and the text."""

    language: str
    line: int
    text: str


class Step(NamedTuple):
    """Something that a page shows: Python or a command, the line it stands on, and what is shown to come of it."""

    is_command: bool
    line: int
    code: str
    output: str | None
    status: int = 0


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page; a ``text`` block that follows another one at once is the output of that."""
    before = 0
    for fenced in FENCED.finditer(text):
        is_output = fenced["language"] == "text" and before and not text[before : fenced.start()].strip()
        line = text.count("\n", 0, fenced.start("body")) + 1
        yield Block("output" if is_output else fenced["language"], line, fenced["body"])
        before = fenced.end()


def steps(text: str) -> Iterator[Step]:
    """Yield what a page shows, in order."""
    for block, following in pairwise([*blocks(text), Block("", 0, "")]):
        if block.language == "python":
            output = following.text if following.language == "output" else None
            yield Step(is_command=False, line=block.line, code=block.text, output=output)
        elif block.language == "console":
            yield from commands(block)


def commands(block: Block) -> Iterator[Step]:
    """Yield the commands of a console block; a line that ends with a backslash goes on in the next one."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)\n", block.text, flags=re.MULTILINE)
    line = block.line + parts[0].count("\n")
    for code, output in zip(parts[1::2], parts[2::2], strict=True):
        status = STATUS.search(output)
        yield Step(
            is_command=True,
            line=line,
            code=code.replace("\\\n", " "),
            output=STATUS.sub("", output).strip() or None,
            status=int(status["status"]) if status else 0,
        )
        line += code.count("\n") + 1 + output.count("\n")


class Ids:
    """The ids that a page shows, and those that were made in their place this time."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def made(self, code: str) -> str:
        """Return a command with the ids that were made in the place of those that the page shows."""
        return AN_ID.sub(lambda shown: self._made.get(shown[0], shown[0]), code)

    def match(self, wanted: str, output: str) -> bool:
        """Whether an output is the one shown: blanks are alike, ``...`` is any text, an id that is new is any id."""
        groups: dict[str, str] = {}
        pattern = ""
        for part in re.split(rf"(\.\.\.|\s+|{AN_ID.pattern})", wanted.strip()):
            if part == "...":
                pattern += ".*?"
            elif part.isspace():
                pattern += r"\s+"
            elif not AN_ID.fullmatch(part) or part in self._made:
                pattern += re.escape(self._made.get(part, part))
            elif part in groups:
                pattern += f"(?P={groups[part]})"
            else:
                groups[part] = f"id_{len(groups)}"
                pattern += f"(?P<{groups[part]}>{AN_ID.pattern})"
        found = re.fullmatch(pattern, output.strip(), re.DOTALL)
        if found is None:
            return False
        self._made |= {shown: found[group] for shown, group in groups.items()}
        return True


def carry_out(words: list[str], typed: str) -> tuple[int, str]:
    """Carry out one command with what is piped into it, and return its exit status and its output."""
    if words[0] == "caseassign":
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            status = main(words[1:])
        return status, output.getvalue()
    if words[0] == "cat":
        return 0, "".join(text_of(Path(name)) for name in words[1:])
    assert words[0] == "python", f"the documentation shows a command that cannot be carried out: {words[0]}"
    ran = subprocess.run(
        [sys.executable, *words[1:]],
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return ran.returncode, ran.stdout


def carry_out_line(code: str) -> tuple[int, str]:
    """Carry out a command line, each command piped into the next; the exit status is that of the first."""
    parts: list[list[str]] = [[]]
    for word in shlex.split(code):
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    first, output = carry_out(parts[0], "")
    for words in parts[1:]:
        _, output = carry_out(words, output)
    return first, output


@pytest.fixture
def county(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database ``county``, on the server that connection strings mean when they name none."""
    for name, value in conninfo_to_dict(dsn).items():
        monkeypatch.setenv(f"PG{name.upper()}", str(value))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE county")
        yield
        connection.execute("DROP DATABASE county WITH (FORCE)")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.stem == "certify-a-store" else [], id=named(page))
        for page in PAGES
    ],
)
def test_what_a_page_shows_is_what_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Every Python and console block of a page, in order and in one folder, does what the page says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASEASSIGN_TIME_ZONE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    if "dbname=county" in text_of(page):
        request.getfixturevalue("county")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    ids = Ids()
    for step in steps(text_of(page)):
        status = 0
        if step.is_command:
            status, output = carry_out_line(ids.made(step.code))
        else:
            code = compile("\n" * (step.line - 1) + step.code, page, "exec", dont_inherit=True)
            with redirect_stdout(io.StringIO()) as printed:
                exec(code, namespace)  # noqa: S102  # our own documentation
            output = printed.getvalue()
        if status != step.status or (step.output is not None and not ids.match(step.output, output)):
            pytest.fail(f"{named(page)}, line {step.line}: exit status {status}, and this came of it:\n{output}")


def test_the_first_two_commands_of_the_readme_are_one_line_each() -> None:
    """The README's first two sh blocks install and show the library, and install and run its tests."""
    shown = [block.text for block in blocks(text_of(README)) if block.language == "sh"]
    assert shown[:2] == [
        'python -m pip install ".[cli]" && caseassign demo\n',
        'python -m pip install -e ".[test]" && python -m pytest -q -n auto\n',
    ]


# Where it points, there is something

LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page: its headings, as links name them."""
    return {
        re.sub(r"[^\w\- ]", "", heading["title"].lower()).replace(" ", "-")
        for heading in HEADING.finditer(FENCED.sub("", text))
    }


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the pages of the project that a page points to, with the anchor."""
    for link in LINK.finditer(FENCED.sub("", text_of(page))):
        target, _, anchor = link["target"].partition("#")
        if "://" not in target:
            yield (page.parent / target).resolve() if target else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and every anchor a heading in it."""
    for target, anchor in links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(text_of(target)), f"{target}#{anchor}"


def test_every_page_can_be_reached_from_the_index() -> None:
    """The index of the documentation points to every page of it."""
    pages = {target for target, _ in links(ROOT / "docs" / "index.md")}
    assert {page.resolve() for page in PAGES[1:]} - {(ROOT / "docs" / "index.md").resolve()} <= pages


# What is listed is complete


def listed(text: str, heading: str = "") -> set[str]:
    """Return what the tables of a page, or of one section of it, name in their first column."""
    if heading:
        text = re.split(rf"^## {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
        text = re.split(r"^## ", text, flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| (`[^|]+`) +\|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def refused_by_acts() -> Iterator[str]:
    """Yield the codes that acts give to ``refuse``."""
    for module in (SOURCE / "acts").glob("*.py"):
        for node in ast.walk(ast.parse(text_of(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refuse":
                assert isinstance(node.args[0], ast.Constant), f"{module.name}, line {node.lineno}"
                yield str(node.args[0].value)


def texts_in(module: Path) -> Iterator[str]:
    """Yield every text that stands in the code of a module, docstrings included."""
    for node in ast.walk(ast.parse(text_of(module))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(
    ("heading", "rules"),
    [("Required rules", REQUIRED_RULES), ("Guards", GUARDS), ("Advisory rules", ADVISORY_RULES)],
    ids=["required", "guards", "advisory"],
)
def test_every_rule_is_in_the_reference(heading: str, rules: tuple[Any, ...]) -> None:
    """The reference lists the rules of each set, and no others."""
    assert listed(reference("rules"), heading) == {rule.__name__.replace("_", "-") for rule in rules}


def test_every_code_that_acts_refuse_with_is_in_the_reference() -> None:
    """The reference lists what cannot be said, and nothing else."""
    assert listed(reference("rules"), "What cannot be said") == set(refused_by_acts())


def test_every_issue_code_is_in_the_reference() -> None:
    """The reference lists the issues of exports and of lists of assignments, and no others."""
    assert listed(reference("issues"), "Issues of an HMIS CSV export") == set(ISSUES)
    assert listed(reference("issues"), "Issues of a list of assignments") == set(LIST_ISSUES)


def test_whatever_looks_like_a_code_in_a_reader_is_in_the_reference() -> None:
    """No reader gives an issue a code that the reference does not know."""
    modules = [*(SOURCE / "formats").glob("*.py"), SOURCE / "acts" / "import_assignments.py"]
    code = re.compile(r"(?:^|')([a-z]+(?:-[a-z]+)+)(?:$|')")
    found = {each for module in modules for text in texts_in(module) for each in code.findall(text)}
    known = "".join(text_of(page) for page in REFERENCE.glob("*.md"))
    assert {"duplicate-id", "status-disagrees"} <= found
    assert {each for each in found if f"`{each}`" not in known and f'"{each}"' not in known} == set()


def test_every_public_name_is_in_the_reference() -> None:
    """The reference of the API names all that `caseassign` exports, and every act and question."""
    page = reference("api")
    known = listed(page) | {heading["title"] for heading in HEADING.finditer(page)}
    assert set(vars(caseassign)["__all__"]) <= {re.split(r"[(.]", name)[0] for name in known}
    methods = {name for name, _ in inspect.getmembers(Casework, inspect.isfunction) if not name.startswith("_")}
    assert methods == {name.partition("(")[0] for name in listed(reference("api"), "Casework")}


OPTION = re.compile(r"(?<!-)--[a-z][a-z-]*")


def command_parsers(parser: Any = None, before: str = "") -> dict[str, Any]:
    """Return the parser of each command, by its name, which may be of several words."""
    found: dict[str, Any] = {}
    subparsers: list[Any] = [action for action in (parser or _parser())._actions if action.nargs == "A..."]
    for action in subparsers:
        for name, command in action.choices.items():
            found |= command_parsers(command, f"{before}{name} ") or {f"{before}{name}": command}
    return found


@pytest.mark.parametrize("command", command_parsers())
def test_every_command_is_in_the_reference_with_its_options(command: str) -> None:
    """The reference of the command line has a section for each command, which names its options, and no others."""
    page = reference("command-line")
    section = re.split(r"^##", re.split(rf"^### {command}$", page, flags=re.MULTILINE)[1], flags=re.MULTILINE)[0]
    options = {name for action in command_parsers()[command]._actions for name in action.option_strings}
    common = set(OPTION.findall(re.split(r"^## ", page, flags=re.MULTILINE)[1]))
    named_here = set(OPTION.findall(section))
    assert options - {"-h"} <= common | named_here
    assert named_here <= options


def test_no_command_is_documented_that_is_not_there() -> None:
    """The sections of the reference of the command line are the commands."""
    assert set(re.findall(r"^### ([a-z -]+)$", reference("command-line"), re.MULTILINE)) == set(command_parsers())


def test_every_column_that_is_read_is_in_the_reference() -> None:
    """The reference of HMIS fields lists every column of every file that is read, and every code of a picklist."""
    page = reference("hmis-fields")
    for table in TABLES:
        assert listed(page, table.file) == {column.name for column in table.columns}
    assert listed(page, "RelationshipToHoH") == {str(int(code)) for code in RelationshipToHoH}
    assert listed(page, "ProjectType") == {str(int(code)) for code in ProjectType}


def test_every_column_of_our_own_csv_is_in_the_reference() -> None:
    """The reference of CaseAssignment.csv lists its columns."""
    assert listed(reference("case-assignment-csv"), "Columns") == set(COLUMNS.values())


def test_every_action_is_in_the_reference() -> None:
    """The reference of actions lists them all, and no others."""
    assert listed(reference("actions"), "Actions") == set(Action)
