"""A server with the demonstration, put back before each test, and headless Chromium in which somebody is logged in.

CASEASSIGN_BROWSER_ON=postgres has it on PostgreSQL instead of SQLite. CASEASSIGN_CHROMIUM says where Chromium is, if
not where the packages of a system put it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host_app.ground import Ground, ground_on, serving

if TYPE_CHECKING:
    from browser.people import Person

# Who has not the extra runs the other tests.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_of(system: Any) -> Any:
    """Start the Chromium of the machine, headless and talking to nobody but this machine."""
    named = os.environ.get("CASEASSIGN_CHROMIUM")
    path = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail(
            "there is no Chromium: install it from the packages of the system, or name it in CASEASSIGN_CHROMIUM"
        )
    return system.chromium.launch(executable_path=path, args=ARGUMENTS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests; each has its own profile in it."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # of an extra

    with sync_playwright() as system:
        browser = chromium_of(system)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, str, str]]:
    """What lends databases, the one that is served, and where."""
    folder: Path = tmp_path_factory.mktemp("site")
    engine: Any = os.environ.get("CASEASSIGN_BROWSER_ON", "sqlite")
    with ground_on(engine, folder) as ground, ground.filled() as name, serving(name, folder / "log") as url:
        yield ground, name, url


@pytest.fixture
def url(site: tuple[Ground, str, str]) -> str:
    """Where the application is served, as if nobody had done anything yet."""
    ground, name, url = site
    ground.refill(name)
    return url


@pytest.fixture
def visitor(chromium: Any, url: str) -> Iterator[Person]:
    """Somebody who is not logged in yet."""
    from browser.people import Person  # noqa: PLC0415  # needs the extra, too

    context = chromium.new_context(base_url=url, viewport={"width": 1200, "height": 900}, color_scheme="light")
    context.set_default_timeout(10_000)
    yield Person(context.new_page())
    context.close()


@pytest.fixture(params=["kim", "sam"], ids=["worker", "supervisor"])
def me(request: pytest.FixtureRequest, visitor: Person) -> Person:
    """A case manager, and then a supervisor: both hold Quinn Cinderwick, and have held Yusuf Amberrow."""
    return visitor.log_in(request.param)
