"""What all tests share: the agency on each store, and the documentation that is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from importlib.util import find_spec
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import InvalidArgument
from postgres_server import EmptySchemas, database, new_schema
from sqlite_files import new_sqlite_store
from world import World

from caseassign import MemoryStore, SQLiteStore
from caseassign.storage import Store

collect_ignore = [] if find_spec("playwright") else ["browser"]
"""The pages in a browser are for the extra of that name."""

settings.register_profile(
    "suite", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile(
    "mutants",
    settings.get_profile("suite"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
with suppress(InvalidArgument):  # where crosshair is not installed
    settings.register_profile("crosshair", settings.get_profile("suite"), backend="crosshair", database=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    """The connection string of a database that the tests may fill."""
    with database() as dsn:
        yield dsn


@pytest.fixture
def schema(dsn: str) -> Iterator[str]:
    """The name of a schema of PostgreSQL that is not there yet."""
    with new_schema(dsn) as name:
        yield name


@pytest.fixture
def raw(dsn: str, schema: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as any other program would make it, which finds the tables by their names alone."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}") as connection:
        yield connection


@pytest.fixture(scope="session")
def empty_schemas(dsn: str) -> Iterator[EmptySchemas]:
    """Schemas of stores in PostgreSQL, with nothing in them."""
    with closing(EmptySchemas(dsn)) as schemas:
        yield schemas


# That the store in PostgreSQL is one is for its own tests, `test_stores` and the kit to say. What the acts do on it,
# and what hypothesis thinks of, takes longer than on the others, and says little more: it is tried with the slow tests.
SLOW_POSTGRES = pytest.param("postgres", marks=pytest.mark.slow)


@pytest.fixture(scope="session", params=["sqlite", SLOW_POSTGRES])
def new_store(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[Store]]:
    """What opens a new and durable store for as long as it is needed, of each kind in turn."""
    return new_sqlite_store if request.param == "sqlite" else request.getfixturevalue("empty_schemas").store


def opened(request: pytest.FixtureRequest) -> AbstractContextManager[Store]:
    """Open a store with nothing in it, of the kind that a fixture is to be."""
    match request.param:
        case "memory":
            return closing(MemoryStore())
        case "sqlite":
            return closing(SQLiteStore(request.getfixturevalue("tmp_path") / "store.sqlite"))
        case _:
            schemas: EmptySchemas = request.getfixturevalue("empty_schemas")
            return schemas.store()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each store in turn."""
    with opened(request) as store:
        yield store


@pytest.fixture
def world() -> World:
    """The agency, in memory."""
    return World()


@pytest.fixture(params=["memory", "sqlite", SLOW_POSTGRES])
def any_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The agency, on each store in turn."""
    with opened(request) as store:
        yield World(store)
