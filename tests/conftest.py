"""What all tests share: the agency on each store, and the documentation that is executed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from world import World

from caseassign import MemoryStore, SQLiteStore
from caseassign.storage import Store

settings.register_profile(
    "suite", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("suite")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn."""
    store = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def world() -> World:
    """The agency, in memory."""
    return World()


@pytest.fixture
def any_world(store: Store) -> World:
    """The agency, on each store in turn."""
    return World(store)
