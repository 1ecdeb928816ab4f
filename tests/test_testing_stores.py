"""The stores of the library are certified by the kit, in its three forms, as anybody's store would be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from world import effort

from caseassign import MemoryStore, SQLiteStore
from caseassign.testing import CHECKS, Check, check_store, name_of
from caseassign.testing.checks import IF_DURABLE, IF_SHARED
from caseassign.testing.machine import store_machine
from caseassign.testing.run import Candidate, run
from caseassign.testing.suite import StoreSuite

NOT_IN_MEMORY = {name_of(check) for check in (*IF_SHARED, *IF_DURABLE)}


def test_sqlite_is_certified(tmp_path: Path) -> None:
    """SPEC 10.3: SQLite passes every check, and none is skipped."""
    report = check_store(partial(SQLiteStore, tmp_path / "store.sqlite"))
    assert (report.failures, report.skipped) == ((), {})
    assert report.certified
    assert report.passed == tuple(map(name_of, CHECKS))


@pytest.mark.parametrize("check", [*IF_SHARED, *IF_DURABLE], ids=name_of)
def test_what_cannot_be_imported_is_checked_too(check: Check, tmp_path: Path) -> None:
    """SPEC 10.3: where another process cannot import what opens the store, this one is forked, and it is checked."""
    assert run(check, Candidate.of(lambda: SQLiteStore(tmp_path / "store.sqlite"))).outcome == "passed"


@pytest.mark.parametrize("one_for_all", [False, True], ids=["a new one each time", "the same each time"])
def test_memory_is_certified(one_for_all: bool) -> None:
    """SPEC 10.3: the store in memory says itself that it is not durable, and passes all else."""
    store = MemoryStore()
    report = check_store((lambda: store) if one_for_all else MemoryStore)
    assert report.failures == ()
    assert set(report.skipped) == NOT_IN_MEMORY
    assert report.certified


class TestMemory(StoreSuite):
    """SPEC 10.3: the store in memory passes the tests of the suite."""

    because = "it lives as long as the process"

    @pytest.fixture
    def open_store(self) -> Callable[[], MemoryStore]:
        """What opens a store in memory."""
        return MemoryStore


class TestSQLite(StoreSuite):
    """SPEC 10.3: SQLite passes the tests of the suite."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], SQLiteStore]:
        """What opens a store in a file."""
        return partial(SQLiteStore, tmp_path / "store.sqlite")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_stores_agree_with_the_reference(kind: str, tmp_path: Path) -> None:
    """SPEC 10.3: after any steps in any blocks, kept, undone or with the store opened again, all finders agree."""
    open_store = MemoryStore if kind == "memory" else partial(SQLiteStore, tmp_path / "store.sqlite")
    run_state_machine_as_test(
        store_machine(open_store), settings=settings(max_examples=effort(15), stateful_step_count=20)
    )
