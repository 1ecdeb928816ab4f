"""What starting costs: which modules are loaded, and how many. A clock would say more of the machine than of us."""

from __future__ import annotations

import ast
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from world import World

import caseassign
from caseassign import SQLiteStore
from caseassign.cli import _MODULES, _parser

OPTIONAL = {"altair", "apsw", "duckdb", "hypothesis", "pandas", "polars", "psycopg", "pyarrow", "pytest", "rich"}
"""What is no run-time dependency."""

SELDOM = {"asyncio", "cattrs", "csv", "dateutil", "importlib.metadata", "logging", "zipfile"}
"""What takes long to load, and few need."""

SAYS_WHAT_IT_LOADS = """
import os, sys
before = set(sys.modules)
{code}
loaded = sorted(set(sys.modules) - before)
modules = [sys.modules[name] for name in loaded if name.split(".")[0] == "caseassign"]
classes = {{
    value
    for module in modules
    for value in vars(module).values()
    if isinstance(value, type) and value.__module__ == module.__name__ and "__attrs_attrs__" in vars(value)
}}
sys.stdout.flush()
os.write(2, (" ".join(loaded) + chr(10) + str(len(classes))).encode())
"""


def loaded_by(code: str, *words: object) -> tuple[list[str], int]:
    """Return the modules that a fresh process loads for some code, and how many attrs classes of ours it makes."""
    command = [sys.executable, "-c", SAYS_WHAT_IT_LOADS.format(code=code), *map(str, words)]
    modules, number = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    return modules.split(), int(number)


def loaded_by_command(*words: object) -> tuple[list[str], int]:
    """Return the same of a command line."""
    return loaded_by("from caseassign.cli import main; assert main(sys.argv[1:]) == 0", *words)


def own(modules: Iterable[str]) -> list[str]:
    """Return the modules of the library among them."""
    return [name for name in modules if name.split(".")[0] == "caseassign"]


def with_packages(modules: Iterable[str]) -> set[str]:
    """Return modules and the packages that they belong to."""
    return {*modules, *(name.split(".")[0] for name in modules)}


# The import


def test_the_import_loads_nothing_until_somebody_asks() -> None:
    """House: `import caseassign` loads no other module of the library, and makes none of its classes."""
    modules, classes = loaded_by("import caseassign")
    assert own(modules) == ["caseassign"]
    assert classes == 0
    assert len(modules) <= 40


def test_all_that_is_public_loads_nothing_optional() -> None:
    """House: who takes every public name pays for attrs and sqlite3, and for nothing optional or seldom used."""
    modules, classes = loaded_by("from caseassign import *")
    assert not (OPTIONAL | SELDOM) & with_packages(modules)
    assert not [name for name in own(modules) if name.split(".")[1:2] in (["cli"], ["display"], ["demo"], ["testing"])]
    assert len(modules) <= 210
    assert classes <= 70


def test_a_name_loads_what_it_needs() -> None:
    """House: whoever writes a rule loads no store, and whoever opens one no acts."""
    rules, _ = loaded_by("from caseassign import REQUIRED_RULES, Violation")
    assert not any(name.startswith(("caseassign.stores", "caseassign.acts", "sqlite3")) for name in rules)
    store, _ = loaded_by("from caseassign import SQLiteStore")
    assert not any(name.startswith(("caseassign.acts", "caseassign.casework")) for name in store)


PUBLIC: frozenset[str] = frozenset(vars(caseassign)["__all__"])


def homes() -> dict[str, str]:
    """Return where the imports that type checkers see take each public name from."""
    tree = ast.parse(Path(caseassign.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(tree.body)
    assert all(alias.asname == alias.name for node in imports for alias in node.names), "else it is not exported"
    return {alias.name: f"{node.module}" for node in imports for alias in node.names}


def test_what_is_loaded_is_what_type_checkers_see() -> None:
    """API: a public name comes from where the imports say that type checkers see, and is one of `__all__`."""
    home_of = vars(caseassign)["_HOME_OF"]
    assert {name: f"caseassign.{home}" for name, home in home_of.items()} == homes()
    assert set(home_of) == PUBLIC
    for name, home in homes().items():
        assert getattr(caseassign, name) is getattr(sys.modules[home], name)


def test_no_public_name_is_that_of_a_module() -> None:
    """API: whichever is loaded first, a name stands for the same thing."""
    modules = {module.name for module in pkgutil.iter_modules(caseassign.__path__)}
    assert not modules & PUBLIC


def test_type_checkers_see_no_getattr() -> None:
    """API: a slip in a public name is an error of types, for what finds names stands where only Python looks."""
    assert "__getattr__" in vars(caseassign)
    assert "__getattr__" not in Path(caseassign.__file__).with_suffix(".pyi").read_text(encoding="utf-8")


def test_a_public_name_is_a_plain_attribute_once_it_was_asked_for() -> None:
    """API: what was loaded is kept, so that asking again costs nothing."""
    assert caseassign.Casework is vars(caseassign)["Casework"]


def test_dir_lists_what_is_public_before_it_is_loaded() -> None:
    """API: what completes names finds every public one."""
    code = "import caseassign; assert set(caseassign.__all__) < set(dir(caseassign))"
    assert own(loaded_by(code)[0]) == ["caseassign"]


def test_modules_are_attributes_as_if_they_had_been_imported() -> None:
    """API: after `import caseassign` alone, `caseassign.rules` and whatever else public names come from is there."""
    loaded_by("import caseassign; caseassign.rules.check; caseassign.stores.Gate; caseassign.model.KINDS")


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """API: a slip is told like that of any module, with the name that was meant."""
    library: Any = caseassign
    with pytest.raises(AttributeError, match="module 'caseassign' has no attribute 'Caswork'") as raised:
        _ = library.Caswork
    assert (raised.value.name, raised.value.obj) == ("Caswork", caseassign)
    with pytest.raises(ImportError, match="cannot import name 'Caswork'"):
        exec("from caseassign import Caswork", {})  # noqa: S102  # a slip that no checker shall see


def test_what_was_pickled_is_read_by_a_process_that_has_loaded_nothing() -> None:
    """API: records, errors and violations are pickled by the modules that they are in."""
    things = (caseassign.User(user_id="kim"), caseassign.NotFoundError("user", ("kim",)), caseassign.SYSTEM)
    loaded_by("import pickle; pickle.loads(bytes.fromhex(sys.argv[1]))", pickle.dumps(things).hex())


# Commands


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """A store in a file, with a case of kim."""
    path = tmp_path / "county.sqlite"
    with closing(SQLiteStore(path)) as store:
        world = World(store)
        world.kim.assign(world.stay("c1"), start="2026-01-12")
    return path


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_question_loads_what_answers_it(county: Path, form: list[str]) -> None:
    """House: `caseassign active` loads no act, no other question, no file format, and nothing optional."""
    modules, classes = loaded_by_command("active", "--store", county, "--user", "kim", *form)
    assert not (OPTIONAL | SELDOM) & with_packages(modules)
    others = ("acts", "audit", "caseloads", "casework", "demo", "display.text", "formats", "overview", "testing")
    assert not [name for name in modules if name.startswith(tuple(f"caseassign.{other}" for other in others))]
    assert [name for name in modules if name.startswith("caseassign.stores.postgres")] == []
    assert len(own(modules)) <= 60
    assert len(modules) <= 170
    assert classes <= 45


@pytest.mark.parametrize("module", _MODULES)
def test_a_command_loads_its_own_module(module: str) -> None:
    """House: a command loads the module that it is in, those that this builds on, and nothing optional."""
    modules, _ = loaded_by_command(_MODULES[module].split()[0], "--help")
    builds_on = {"caseloads": {"lists"}, "teamwork": {"acts"}, "retention": {"acts"}}
    commands = {name.rpartition(".")[2] for name in modules if name.startswith("caseassign.cli.")} & set(_MODULES)
    assert commands == {module} | builds_on.get(module, set())
    assert not OPTIONAL & with_packages(modules)


def test_every_command_is_found_in_its_module() -> None:
    """API: help lists each command once, and whichever is given is found."""
    for words in ((), *((name,) for names in _MODULES.values() for name in names.split())):
        modules = [names for names in _MODULES.values() if not words or words[0] in names.split()]
        (commands,) = (action.choices for action in _parser(words)._actions if action.nargs == "A...")
        assert list(commands or ()) == " ".join(modules).split()
