"""Plant small bugs in period, rules and acts, one at a time, and see whether the tests notice.

mutmut makes the bugs and runs the tests; this command gives it a private copy of the sources, and holds what survives
against the reasons in mutants.toml. Two things are done to the copy, so that mutmut plants bugs where they count:

- A decorator becomes a call after its function, for mutmut passes over what is decorated: properties, for example.
- A text with a space in it is put into triple quotes, which mutmut leaves alone. Such a text is words to people: which
  ones is for whoever writes them. Codes, fields and names have no space, and bugs are planted in them.

What survives the tests is shown to mypy as well. A bug that it refuses cannot get in, and needs no reason.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import libcst as cst

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = "src/caseassign"
KILLED, SURVIVED, NO_TEST = {1, 3}, 0, {5, 33}
TIMED_OUT = {36, 24, -24, 152, 255, -9}
MISTYPED = 37
GENERATE = """
from pathlib import Path
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants
Path("mutants").mkdir(exist_ok=True)
copy_src_dir()
copy_also_copy_files()
create_mutants(1)
"""
RUN = "from mutmut.__main__ import cli; cli(['run', '--max-children=1'])"
UNWANTED = ("cacheprovider", "cov", "xdist")
OF_FORM = {"redundant-expr", "truthy-bool", "truthy-function", "unused-ignore", "ignore-without-code"}
"""What mypy says of the form in which mutmut writes a bug, and not of its types."""
LEFT_TO_MUTMUT = {"classmethod", "staticmethod", "overload"}


class _Prepared(cst.CSTTransformer):
    """Sources as mutmut can work on them."""

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:  # noqa: N802  # as libcst calls it
        """Put words into triple quotes."""
        if " " in original_node.raw_value and len(original_node.quote) == 1:
            quotes = 3 * original_node.quote
            words = f"{original_node.prefix}{quotes}{original_node.raw_value}{quotes}"
            return updated_node.with_changes(value=words)
        return updated_node

    def leave_FunctionDef(  # noqa: N802  # as libcst calls it
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        """Write `name = decorator(name)` after a function instead of `@decorator` before it."""
        decorators = [each.decorator for each in updated_node.decorators]
        if not decorators or any(isinstance(each, cst.Name) and each.value in LEFT_TO_MUTMUT for each in decorators):
            return updated_node
        name: cst.BaseExpression = original_node.name
        for decorator in reversed(decorators):
            name = cst.Call(decorator, [cst.Arg(name)])
        assigned = cst.SimpleStatementLine([cst.Assign([cst.AssignTarget(original_node.name)], name)])
        return cst.FlattenSentinel([updated_node.with_changes(decorators=[]), assigned])


@attrs.frozen
class Mutant:
    """A planted bug: the function that it is in, the lines that it takes out and puts in, and how it ended."""

    function: str
    lines: tuple[str, ...]
    exit_code: int

    @property
    def is_alive(self) -> bool:
        """Whether nothing noticed it."""
        return self.exit_code not in {*KILLED, *TIMED_OUT, MISTYPED}

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What a reason names it by."""
        return self.function, self.lines

    def __str__(self) -> str:
        return "\n".join([self.function, *(f"    {line}" for line in self.lines)])


def prepare(group: dict[str, Any], place: Path) -> None:
    """Copy the project to a place, and get the sources of a group ready for mutmut."""
    ignored = shutil.ignore_patterns("__pycache__", "mutants")
    for folder in ("src", "tests"):
        shutil.rmtree(place / folder, ignore_errors=True)
        shutil.copytree(ROOT / folder, place / folder, ignore=ignored)
    for file in group["files"]:
        path = place / PACKAGE / file
        path.write_text(cst.parse_module(path.read_text("utf-8")).visit(_Prepared()).code, "utf-8")
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"{PACKAGE}/{file}" for file in group["files"]],
        "pytest_add_cli_args": ["--hypothesis-profile=mutants", *(f"-pno:{name}" for name in UNWANTED)],
        "pytest_add_cli_args_test_selection": [
            *(f"tests/{test}" for test in group["tests"]),
            *(f"--deselect=tests/{test}" for test in group["left_out"]),
            "-k=not sqlite and not postgres",
        ],
        "process_isolation": "forkserver",
        "timeout_multiplier": 5.0,
        "timeout_constant": 5.0,
        "track_dependencies": False,
        "use_git_change_detection": False,
    }
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (place / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]), "utf-8")


def run(group: dict[str, Any], place: Path) -> list[Mutant]:
    """Let mutmut plant its bugs in one group, and return them.

    Where an earlier run in this place has killed some, they stay so; what survived it is tried again.
    """
    prepare(group, place)
    mutated = place / "mutants"
    _mutmut(GENERATE, place)
    for file in group["files"]:
        path = mutated / PACKAGE / file
        meta = path.with_name(path.name + ".meta")
        known = json.loads(meta.read_text("utf-8"))
        mistyped = _mistyped(place, path) if group["types"] == "first" else set()
        known["exit_code_by_key"] = {
            name: MISTYPED if name.rpartition(".")[2] in mistyped else code if code in KILLED | TIMED_OUT else None
            for name, code in known["exit_code_by_key"].items()
        }
        meta.write_text(json.dumps(known), "utf-8")
    (mutated / "mutmut-stats.json").unlink(missing_ok=True)
    _mutmut(RUN, place)
    return list(mutants_of(group, place))


def _mutmut(code: str, place: Path) -> None:
    with (place / "mutmut.log").open("w") as log:
        done = subprocess.run([sys.executable, "-c", code], cwd=place, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"mutmut stopped:\n{(place / 'mutmut.log').read_text()[-2000:]}")


def mutants_of(group: dict[str, Any], place: Path) -> Iterator[Mutant]:
    """Yield what mutmut wrote down of a group's mutants."""
    for file in group["files"]:
        path = place / "mutants" / PACKAGE / file
        codes = json.loads(path.with_name(path.name + ".meta").read_text("utf-8"))["exit_code_by_key"]
        bodies, mistyped = _bodies(path), set() if group["types"] == "first" else _mistyped(place, path)
        for name, exit_code in codes.items():
            mangled = name.rpartition(".")[2]
            original, _, _ = mangled.rpartition("__mutmut_")
            function = original.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
            lines = _changed(bodies[f"{original}__mutmut_orig"], bodies[mangled])
            if exit_code not in KILLED | TIMED_OUT and mangled in mistyped:
                exit_code = MISTYPED  # noqa: PLW2901  # what survived the tests is shown to mypy
            yield Mutant(f"{file.removesuffix('.py')}.{function}", lines, exit_code)


def _bodies(path: Path) -> dict[str, list[str]]:
    """Return the lines of each function that mutmut made, by its name."""
    bodies: dict[str, list[str]] = {}
    module = cst.parse_module(path.read_text("utf-8"))
    classes = [each for each in module.body if isinstance(each, cst.ClassDef)]
    for statement in [*module.body, *(inner for each in classes for inner in each.body.body)]:
        if isinstance(statement, cst.FunctionDef):
            code = module.code_for_node(statement.with_changes(name=cst.Name("it"), decorators=[], leading_lines=[]))
            code = code.replace('"""', '"').replace("'''", "'")
            bodies[statement.name.value] = [line.strip() for line in code.splitlines()]
    return bodies


def _mistyped(place: Path, path: Path) -> set[str]:
    """Return the names of the functions in which mypy finds more than in what they were made of."""
    mutated = place / "mutants"
    command = [sys.executable, "-m", "mypy", "--output=json"]
    done = subprocess.run([*command, path.relative_to(mutated)], cwd=mutated, capture_output=True, check=False)
    errors = [error for error in map(json.loads, done.stdout.splitlines()) if error["code"] not in OF_FORM]
    found = [error for error in errors if error["severity"] == "error" and mutated / error["file"] == path]
    spans = json.loads(path.with_name(path.name + ".spans").read_text("utf-8"))["spans"]
    of_function = {
        name: Counter(error["message"] for error in found if first <= error["line"] <= last)
        for name, (first, last) in spans.items()
    }
    original = {name: name.rpartition("__mutmut_")[0] + "__mutmut_orig" for name in spans}
    return {name for name in spans if of_function[name] - of_function[original[name]]}


def _changed(before: list[str], after: list[str]) -> tuple[str, ...]:
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return (*(f"- {line}" for line in before), *(f"+ {line}" for line in after))


def report(name: str, mutants: list[Mutant], reasons: set[tuple[str, tuple[str, ...]]]) -> bool:
    """Say how a group fared; return whether nothing in it survived without a reason."""
    ends = Counter(mutant.exit_code for mutant in mutants)
    alive = [mutant for mutant in mutants if mutant.is_alive]
    lost = [mutant for mutant in alive if mutant.key not in reasons]
    needless = reasons - {mutant.key for mutant in alive}
    killed, endless = (sum(ends[code] for code in codes) for codes in (KILLED, TIMED_OUT))
    print(
        f"{name}: {len(mutants)} mutants: {killed} killed by a test, {endless} by running on and on, "
        f"{ends[MISTYPED]} refused by mypy; "
        f"{len(alive) - len(lost)} survived with a reason, {len(lost)} without one"
    )
    for mutant in lost:
        print(f"  {'no test reaches' if mutant.exit_code in NO_TEST else 'survived'}: {mutant}")
    for function, lines in sorted(needless):
        print(f"  a reason for what does not survive: {Mutant(function, lines, SURVIVED)}")
    return not lost and not needless


def main() -> int:
    """Run the groups that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", metavar="TEXT", help="only groups whose name begins so: period, rules, acts/exit")
    parser.add_argument("--tests", metavar="FILE", nargs="+", help="tests to run instead of the group's own")
    parser.add_argument("--work", type=Path, help="where to work, and go on where an earlier run stopped")
    asked = parser.parse_args()
    known = tomllib.loads((HERE / "mutants.toml").read_text("utf-8"))
    groups = {each["name"]: each for each in known["group"] if each["name"].startswith(asked.only or "")}
    if not groups:
        parser.error(f"no group begins with {asked.only}")
    fine = True
    with tempfile.TemporaryDirectory() as temporary:
        for name, group in groups.items():
            place = (asked.work or Path(temporary)) / name.replace("/", "-")
            place.mkdir(parents=True, exist_ok=True)
            tests = asked.tests or group["tests"]
            mutants = run({"types": "last", "left_out": known["left_out"]} | group | {"tests": tests}, place)
            files = tuple(f"{file.removesuffix('.py')}." for file in group["files"])
            reasons = {
                (each["function"], tuple(change.strip().splitlines()))
                for each in known["survivor"]
                if each["function"].startswith(files)
                for change in each["changes"]
            }
            fine = report(name, mutants, reasons) and fine
            sys.stdout.flush()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
