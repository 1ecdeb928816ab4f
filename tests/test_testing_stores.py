"""The stores of the library are certified by the kit, in its three forms, as anybody's store would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import psycopg_pool
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from postgres_server import EmptySchemas
from world import effort

from caseassign import MemoryStore, PostgresStore, SQLiteStore
from caseassign.storage import Store, Transaction
from caseassign.stores.block import Gate
from caseassign.testing import CHECKS, Check, OpenStore, check_store, name_of
from caseassign.testing.checks import IF_DURABLE, IF_SHARED
from caseassign.testing.machine import store_machine
from caseassign.testing.run import Candidate, run
from caseassign.testing.suite import StoreSuite

NOT_IN_MEMORY = {name_of(check) for check in (*IF_SHARED, *IF_DURABLE)}


class Host:
    """An application that has each block in a transaction of its own, on a connection of its own, and commits it."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._schema = schema
        self._gate = Gate()
        self._pool = psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=8, open=True)

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Transaction]:
        """Open a transaction of the host, and in it a block of the store that joins it."""
        with self._gate.block(write=write), self._pool.connection() as connection:
            connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            with PostgresStore(connection, schema=self._schema).transaction(write=write) as tx:
                yield tx

    def close(self) -> None:
        """Close the connections on which nobody is in a transaction, and the others when it ends."""
        self._gate.close()
        self._pool.close()


@pytest.fixture
def certified(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """What opens a durable store of the kind that the test is about."""
    if request.param == "sqlite":
        yield partial(SQLiteStore, tmp_path / "store.sqlite")
        return
    schemas: EmptySchemas = request.getfixturevalue("empty_schemas")
    with schemas.lent() as schema:
        opened: Callable[..., Store] = PostgresStore if request.param == "postgres" else Host
        yield partial(opened, schemas.dsn, schema=schema)


# The checks are the same in each form of the kit: the suite, below, is enough from day to day.
@pytest.mark.long
@pytest.mark.parametrize("certified", ["sqlite", "postgres", "a host that commits"], indirect=True)
def test_a_durable_store_is_certified(certified: OpenStore) -> None:
    """SPEC 10.3: SQLite and PostgreSQL, its own connections and a host's, pass every check, and none is skipped."""
    report = check_store(certified)
    assert (report.failures, report.skipped) == ((), {})
    assert report.certified
    assert report.passed == tuple(map(name_of, CHECKS))


@pytest.mark.slow
@pytest.mark.parametrize("certified", ["sqlite", "postgres"], indirect=True)
@pytest.mark.parametrize("check", [*IF_SHARED, *IF_DURABLE], ids=name_of)
def test_what_cannot_be_imported_is_checked_too(check: Check, certified: OpenStore) -> None:
    """SPEC 10.3: where another process cannot import what opens the store, this one is forked, and it is checked."""
    assert run(check, Candidate.of(lambda: certified())).outcome == "passed"  # noqa: PLW0108  # what cannot be pickled


@pytest.mark.parametrize(
    "one_for_all",
    [
        pytest.param(False, id="a new one each time", marks=pytest.mark.slow),
        pytest.param(True, id="the same each time", marks=pytest.mark.long),
    ],
)
def test_memory_is_certified(one_for_all: bool) -> None:
    """SPEC 10.3: the store in memory says itself that it is not durable, and passes all else."""
    store = MemoryStore()
    report = check_store((lambda: store) if one_for_all else MemoryStore)
    assert report.failures == ()
    assert set(report.skipped) == NOT_IN_MEMORY
    assert report.certified


@pytest.fixture
def joined(empty_schemas: EmptySchemas) -> Iterator[OpenStore]:
    """What opens a store in a transaction that a host has open, and that is rolled back in the end."""
    with empty_schemas.lent() as schema, psycopg.connect(empty_schemas.dsn) as connection:
        yield lambda: PostgresStore(connection, schema=schema)
        connection.rollback()


UNCOMMITTED = "what is kept, and what others see, is for the host to say when it commits its transaction"


@pytest.mark.long
def test_postgresql_is_certified_in_a_transaction_of_the_host(joined: OpenStore) -> None:
    """SPEC 10.1, 10.3: in a transaction that the host has open, every check passes but what the host decides."""
    report = check_store(joined, durable=False, shared=False, because=UNCOMMITTED)
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


@pytest.mark.slow
@pytest.mark.parametrize("certified", ["sqlite", "postgres"], indirect=True)
class TestDurable(StoreSuite):
    """SPEC 10.3: SQLite and PostgreSQL pass the tests of the suite."""

    @pytest.fixture
    def open_store(self, certified: OpenStore) -> OpenStore:
        """What opens the store."""
        return certified


@pytest.mark.slow
class TestInATransactionOfTheHost(StoreSuite):
    """SPEC 10.1, 10.3: PostgreSQL passes them in a transaction that the host has open."""

    durable = False
    shared = False
    because = UNCOMMITTED

    @pytest.fixture
    def open_store(self, joined: OpenStore) -> OpenStore:
        """What opens the store."""
        return joined


def drive(open_store: OpenStore, *, durable: bool | None = None, shared: bool | None = None) -> None:
    """Drive a store and the reference side by side."""
    machine = store_machine(open_store, durable=durable, shared=shared)
    run_state_machine_as_test(machine, settings=settings(max_examples=effort(15), stateful_step_count=20))


def test_memory_agrees_with_the_reference() -> None:
    """SPEC 10.3: after any steps in any blocks, kept or undone, all finders agree."""
    drive(MemoryStore)


@pytest.mark.slow
@pytest.mark.parametrize("certified", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True)
def test_durable_stores_agree_with_the_reference(certified: OpenStore) -> None:
    """SPEC 10.3: after any steps in any blocks, kept, undone or with the store opened again, all finders agree."""
    drive(certified)


@pytest.mark.long
def test_postgresql_in_a_transaction_of_the_host_agrees_with_the_reference(joined: OpenStore) -> None:
    """SPEC 10.1, 10.3: the same holds in a transaction that the host has open."""
    drive(joined, durable=False, shared=False)
