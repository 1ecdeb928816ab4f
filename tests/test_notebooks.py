"""The notebooks are true: they run, they show what is kept in them, and what is kept tells nothing of a machine."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def module(path: Path) -> Any:
    """Return a script of the documentation as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


RUN = module(FOLDER / "run.py")


def read(path: Path) -> dict[str, Any]:
    """Return a notebook."""
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the cells of a kind."""
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == kind]


@pytest.fixture
def _pictures_as_before() -> Iterator[None]:
    """A notebook says how altair draws; afterwards it draws as it did."""
    before = alt.renderers.active
    yield
    alt.renderers.enable(before)


@pytest.mark.usefixtures("_pictures_as_before")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_comes_of_its_cells(path: Path) -> None:
    """House: carried out from top to bottom, each cell shows what is kept of it, new ids aside."""
    for number, (cell, shown) in enumerate(zip(cells(path, "code"), RUN.outputs(read(path)), strict=True), 1):
        assert RUN.alike(shown) == RUN.alike(cell["outputs"]), "".join(cell["source"])
        assert cell["execution_count"] == number


def test_there_is_one_for_analysts_and_one_for_supervisors() -> None:
    """House: an export becomes caseloads, and a worker leaves."""
    assert [path.stem for path in NOTEBOOKS] == ["friday-a-worker-leaves", "from-an-export-to-caseloads"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_nothing_of_the_machine_that_made_it(path: Path) -> None:
    """SPEC 8.4: nothing that is shown is a path, an error, or of any other day than that of the story."""
    shown = " ".join(text for cell in cells(path, "code") for text in RUN.alike(cell["outputs"]))
    assert not re.search(r"/(home|root|tmp|usr|work|Users)\b|Traceback|object at 0x", shown)
    assert {year for year in re.findall(r"\b20\d\d\b", shown) if int(year) > 2026} == set()
    assert "image/png" in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    """House: every relative link names a file that is there."""
    text = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert targets
    assert all((path.parent / target).exists() for target in targets)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_one_by_the_format(path: Path) -> None:
    """House: version 4.5 of the format, in which each cell has an id of its own."""
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    kinds = {output["output_type"] for cell in cells(path, "code") for output in cell["outputs"]}
    assert kinds <= {"stream", "display_data"}


@pytest.mark.usefixtures("_pictures_as_before")
def test_renewing_keeps_what_is_the_same(tmp_path: Path) -> None:
    """House: the ids that the library makes are others each time, and no reason to write a notebook anew."""
    cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": []}
    source = ["from caseassign.ids import new_id\n", "print(new_id())\n", "new_id()"]
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": [cell | {"source": source}]}), encoding="utf-8")
    RUN.renew(path)
    first = path.read_text(encoding="utf-8")
    RUN.renew(path)
    assert path.read_text(encoding="utf-8") == first
    path.write_text(first.replace("print(new_id())", "print(1)"), encoding="utf-8")
    RUN.renew(path)
    (renewed,) = cells(path, "code")
    assert renewed["outputs"][0]["text"] == ["1\n"]


@pytest.mark.slow
def test_the_pictures_of_the_documentation_are_drawn_by_its_page(tmp_path: Path) -> None:
    """House: the script draws each picture that the pages show, from the code that they show."""
    module(FOLDER.parent / "images" / "draw.py").draw(tmp_path)
    page = (FOLDER.parent / "how-to" / "draw-pictures.md").read_text("utf-8")
    assert {path.name for path in tmp_path.iterdir()} == set(re.findall(r"\]\(\.\./images/([^)]+)\)", page))
