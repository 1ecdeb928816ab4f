"""What all tests share: the agency on each store, and the documentation that is executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from postgres_server import database, new_schema, postgres_store
from sqlite_files import new_sqlite_store
from world import World

from caseassign import MemoryStore, SQLiteStore
from caseassign.storage import Store

settings.register_profile(
    "suite", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
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


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_store(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[Store]]:
    """What opens a new and durable store for as long as it is needed, of each kind in turn."""
    return new_sqlite_store if request.param == "sqlite" else partial(postgres_store, request.getfixturevalue("dsn"))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn."""
    match request.param:
        case "memory":
            opened: AbstractContextManager[Store] = closing(MemoryStore())
        case "sqlite":
            opened = closing(SQLiteStore(tmp_path / "store.sqlite"))
        case _:
            opened = postgres_store(request.getfixturevalue("dsn"))
    with opened as store:
        yield store


@pytest.fixture
def world() -> World:
    """The agency, in memory."""
    return World()


@pytest.fixture
def any_world(store: Store) -> World:
    """The agency, on each store in turn."""
    return World(store)
