"""The documentation as a site: ``python -m sphinx -W --keep-going docs FOLDER``, with the extra ``docs``.

The pages are plain Markdown, so that they read as well where the project lies. What a site needs besides is made here:
the tree of pages out of the index, and the way to the files that stand above this folder.
"""

import re
from importlib.metadata import version as version_of
from pathlib import Path

project = "caseassign"
author = "The caseassign maintainers"
copyright = author
release = version = version_of(project)

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
default_role = "py:obj"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"  # the tests execute them; what is shown is what they keep

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "caseassign"
html_static_path: list[str] = []
copybutton_prompt_text = "$ "

HERE = Path(__file__).parent


def tree(index: str) -> str:
    """Return a hidden tree of the pages that each section of the index points to."""
    trees = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        pages = re.findall(r"\]\(([\w/.-]+)\.(?:md|rst|ipynb)\)", section)
        trees.append("\n".join([":::{toctree}", ":hidden:", f":caption: {section.splitlines()[0]}", "", *pages, ":::"]))
    return "\n\n".join(trees)


def without_folders(text: str, where: Path) -> str:
    """Return the text of a page without its links to folders, which a site has no page for."""
    link = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)\)")
    return link.sub(lambda found: found[1] if (where / found[2]).is_dir() else found[0], text)


def read(app, page: str, source: list[str]) -> None:
    """Make a page what it is on the site, where the README is the first page and leads to all the others."""
    if page == "index":
        index = source[0].replace("(../CHANGELOG.md)", "(changelog.rst)")
        readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
        readme = readme.replace("](docs/", "](").replace("(CHANGELOG.md)", "(changelog.rst)")
        source[0] = readme.replace("[Apache-2.0](LICENSE)", "Apache-2.0") + tree(index)
    else:
        source[0] = re.sub(r"\]\((?:\.\./)+CHANGELOG\.md", "](/changelog.rst", source[0])
        if not page.startswith("notebooks/"):
            source[0] = without_folders(source[0], (HERE / page).parent)


def setup(app) -> None:
    """Have each page read so."""
    app.connect("source-read", read)
