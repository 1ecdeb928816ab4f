"""What a PostgreSQL store promises about connections: the host's, a pool's, its own, lost ones, and those of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import psycopg
import psycopg_pool
import pytest
from postgres_server import add_client, client_ids, new_schema, small_store
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from store_examples import UndoError, enrollment, fill, lines_after, stint
from world import TODAY, World, effort

from caseassign import (
    REQUIRED_RULES,
    Casework,
    Client,
    Enrollment,
    PostgresStore,
    RuleViolationError,
    exclusive_role,
    retrying,
)
from caseassign.errors import ConflictError, StorageError
from caseassign.history import verify
from caseassign.storage import Transaction

SERIALIZABLE = psycopg.IsolationLevel.SERIALIZABLE


@pytest.fixture
def store(dsn: str, schema: str) -> Iterator[PostgresStore]:
    """A store with a few records and a line of history, that waits for nobody."""
    with small_store(make_conninfo(dsn, application_name=schema), schema) as store:
        yield store


@pytest.fixture
def host(dsn: str, schema: str) -> Iterator[psycopg.Connection[Any]]:
    """The connection of a host application, which begins transactions by itself."""
    assert schema  # which is removed after the connection is closed
    with closing(psycopg.connect(dsn)) as connection:
        yield connection


# The store calls its connections by the name of its schema, in which the other program looks for tables.
THOSE_OF_THE_STORE = "FROM pg_stat_activity WHERE application_name = current_setting('search_path')"


def connections(raw: psycopg.Connection[Any]) -> int:
    """Return how many connections the store has open."""
    return len(raw.execute(f"SELECT {THOSE_OF_THE_STORE}").fetchall())


def wait_for_connections(raw: psycopg.Connection[Any], number: int) -> None:
    """Wait until the store has no more connections than these: the server takes a moment to notice."""
    for _ in range(500):
        if connections(raw) <= number:
            return
        time.sleep(0.01)
    pytest.fail("connections stay open")


def terminate(raw: psycopg.Connection[Any]) -> None:
    """End every connection that the store has open, as a server does that goes down."""
    raw.execute(f"SELECT pg_terminate_backend(pid, 5000) {THOSE_OF_THE_STORE}").fetchall()


Step = Callable[[Transaction], object]


def write(store: PostgresStore, *steps: Step) -> None:
    """Take some steps in one transaction."""
    with store.transaction(write=True) as tx:
        for step in steps:
            step(tx)


def adding(key: str) -> Step:
    """Return the step that adds a client."""
    return lambda tx: tx.clients.add([Client(personal_id=key)])


def appending(key: str) -> Step:
    """Return the step that appends a line of history."""
    return lambda tx: tx.history.append(lines_after(tx.history.head(), {"change_id": key}))


def failing(_: Transaction) -> None:
    """Leave a transaction without keeping anything."""
    raise UndoError


# The connection of the host


def test_a_commit_of_the_host_keeps_all(store: PostgresStore, host: psycopg.Connection[Any], schema: str) -> None:
    """SPEC 10.1: what was done in the host's transaction is seen by others once the host commits."""
    joined = PostgresStore(host, schema=schema)
    write(joined, adding("n1"), appending("line"))
    joined.close()
    assert host.info.transaction_status == TransactionStatus.INTRANS
    assert client_ids(store) == ["c1", "c2"]
    host.commit()
    assert client_ids(store) == ["c1", "c2", "n1"]


def test_a_rollback_of_the_host_undoes_all(store: PostgresStore, host: psycopg.Connection[Any], schema: str) -> None:
    """SPEC 10.1: whole acts in the host's transaction, and the host's own rows, go together when it rolls back."""
    World(PostgresStore(host, schema=f"{schema}"))
    host.execute(sql.SQL("CREATE TABLE {}.note (text text)").format(sql.Identifier(schema)))
    host.rollback()
    assert client_ids(store) == ["c1", "c2"]
    with store.transaction() as tx:
        assert tx.history.head().number == 1


def test_an_exception_undoes_only_the_block(host: psycopg.Connection[Any], store: PostgresStore, schema: str) -> None:
    """SPEC 10.1: a block that fails in the host's transaction is undone, and what was done before it stays."""
    joined = PostgresStore(host, schema=schema)
    host.execute("SAVEPOINT step")
    add_client(joined, "n1")
    with pytest.raises(UndoError):
        write(joined, adding("n2"), failing)
    with pytest.raises(psycopg.errors.DivisionByZero):
        write(joined, adding("n3"), lambda _: host.execute("SELECT 1 / 0"))
    host.execute("RELEASE SAVEPOINT step")
    host.commit()
    assert client_ids(store) == ["c1", "c2", "n1"]


def test_tables_that_a_host_creates(host: psycopg.Connection[Any], dsn: str, schema: str) -> None:
    """SPEC 10.4: tables that are not there are created in the host's transaction, and are kept or undone with it."""
    joined = PostgresStore(host, schema=schema)
    for _ in range(2):
        assert client_ids(joined) == []
        add_client(joined, "n1")
        host.rollback()
    add_client(joined, "n1")
    host.commit()
    with closing(PostgresStore(dsn, schema=schema)) as store:
        assert client_ids(store) == ["n1"]


@pytest.mark.usefixtures("store")
def test_a_host_with_ways_of_its_own(dsn: str, schema: str) -> None:
    """SPEC 10.1: the host's kinds of cursors and rows, its way of writing days and its isolation level stay its own."""
    options = "-c DateStyle=German -c search_path=pg_catalog"
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row, options=options) as host:
        host.cursor_factory = psycopg.ClientCursor
        joined = PostgresStore(host, schema=schema)
        with pytest.raises(StorageError, match="begin one"):
            client_ids(joined)
        with host.transaction():
            with joined.transaction(write=True) as tx:
                assert tx.assignments.get(["a1"]) == {"a1": stint("a1")}
                tx.enrollments.add([enrollment("e2")])
                assert list(tx.enrollments) == [enrollment("e1"), enrollment("e2")]
            assert host.execute("SHOW transaction_isolation").fetchone() == {"transaction_isolation": "read committed"}
        with host.transaction(), joined.transaction() as tx:
            assert list(tx.enrollments.get(["e1", "e2"])) == ["e1", "e2"]


def test_a_host_whose_transaction_has_failed(host: psycopg.Connection[Any], store: PostgresStore, schema: str) -> None:
    """SPEC 10.1: a transaction of the host that has failed already is said to have, and is left to the host."""
    assert store is not None
    joined = PostgresStore(host, schema=schema)
    with pytest.raises(psycopg.errors.DivisionByZero):
        host.execute("SELECT 1 / 0")
    with pytest.raises(StorageError, match="roll it back first"):
        client_ids(joined)
    host.rollback()
    assert client_ids(joined) == ["c1", "c2"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_host_that_ends_its_transaction_too_early(
    host: psycopg.Connection[Any], store: PostgresStore, schema: str, end: str
) -> None:
    """SPEC 10.1: a block whose transaction is ended by the host on the way goes no further."""
    joined = PostgresStore(host, schema=schema)
    for steps in ([], [adding("n1")]):
        with pytest.raises(StorageError, match="undone"):
            write(joined, lambda _: getattr(host, end)(), *steps)
    with pytest.raises(StorageError, match="ended inside"):
        write(joined, lambda _: getattr(host, end)(), lambda _: host.execute("SELECT 1"))
    host.rollback()
    assert client_ids(store) == ["c1", "c2"]


def test_what_was_begun_to_be_read_is_closed(host: psycopg.Connection[Any], store: PostgresStore, schema: str) -> None:
    """SPEC 10.1: an iteration that a block left unfinished holds nothing in the host's transaction."""
    write(store, lambda tx: tx.clients.add(Client(personal_id=f"d{number:04}") for number in range(6_000)))
    first, second = PostgresStore(host, schema=schema), PostgresStore(host, schema=schema)
    with first.transaction() as tx:
        begun = iter(tx.clients)
        next(begun)
        with second.transaction() as other:
            assert next(iter(other.clients)).personal_id == "c1"
        assert next(begun).personal_id == "c2"
    assert host.execute("SELECT name FROM pg_cursors").fetchall() == []


def test_two_threads_on_one_connection(host: psycopg.Connection[Any], store: PostgresStore, schema: str) -> None:
    """SPEC 10.1: two threads do not get into each other's steps of one transaction: one waits, but not for ever."""
    assert store is not None
    joined = PostgresStore(host, schema=schema, timeout=0.05)
    with joined.transaction(), ThreadPoolExecutor(1) as pool, pytest.raises(ConflictError, match="thread"):
        pool.submit(client_ids, joined).result()
    joined = PostgresStore(host, schema=schema)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: add_client(joined, f"n{number}"), range(8)))
    assert client_ids(joined) == ["c1", "c2", *(f"n{number}" for number in range(8))]


def test_a_host_that_has_not_seen_the_latest(host: psycopg.Connection[Any], store: PostgresStore, schema: str) -> None:
    """SPEC 10.1: a serializable transaction of the host that began before another act is refused as a conflict."""
    host.isolation_level = SERIALIZABLE
    joined = PostgresStore(host, schema=schema)
    assert client_ids(joined) == ["c1", "c2"]
    write(store, appending("theirs"))
    with pytest.raises(ConflictError):
        write(joined, appending("ours"))
    host.rollback()
    write(joined, appending("ours"))
    host.commit()


def test_tables_that_are_too_new_for_the_host(host: psycopg.Connection[Any], dsn: str, schema: str) -> None:
    """SPEC 10.4: tables that were created after the host's transaction began are a conflict, and there in the next."""
    host.isolation_level = SERIALIZABLE
    host.execute("SELECT 1")
    PostgresStore(dsn, schema=schema).close()
    joined = PostgresStore(host, schema=schema)
    with pytest.raises(ConflictError, match="just created"):
        client_ids(joined)
    host.rollback()
    assert client_ids(joined) == []


# A pool


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_pool(dsn: str, schema: str, autocommit: bool) -> None:
    """SPEC 10.1: a store borrows connections, gives them back as they were, and leaves the pool open."""
    with psycopg_pool.ConnectionPool(dsn, kwargs={"autocommit": autocommit}, min_size=1, max_size=2) as pool:
        store = PostgresStore(pool, schema=schema)
        fill(store)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: add_client(store, f"n{number}"), range(8)))
        with pytest.raises(UndoError):
            write(store, adding("no"), failing)
        assert client_ids(store) == ["c1", "c2", *(f"n{number}" for number in range(8))]
        store.close()
        with pytest.raises(StorageError, match="closed"):
            client_ids(store)
        with pool.connection() as connection:
            assert connection.autocommit == autocommit
            assert connection.execute("SHOW transaction_isolation").fetchall() == [("read committed",)]


def test_a_pool_that_has_none_left(dsn: str, schema: str) -> None:
    """SPEC 10.1: where the pool has no connection to lend, the library's own error says so."""
    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1, timeout=0.1) as pool:
        store = PostgresStore(pool, schema=schema)
        with pool.connection(), pytest.raises(StorageError, match="reached"):
            client_ids(store)
        assert client_ids(store) == []


def test_a_pool_that_lends_what_is_in_use(dsn: str, schema: str) -> None:
    """SPEC 10.1: a transaction that somebody has open on a connection of the pool is not taken for the store's."""

    class Careless:
        @contextmanager
        def connection(self) -> Iterator[psycopg.Connection[Any]]:
            with psycopg.connect(dsn) as connection:
                connection.execute("SELECT 1")
                yield connection

    with pytest.raises(StorageError, match="pool lent"):
        PostgresStore(Careless(), schema=schema)


def test_statements_that_are_prepared_at_once(dsn: str, schema: str) -> None:
    """SPEC 10.1: a pool or a host may have every statement prepared when it is first used."""
    with psycopg_pool.ConnectionPool(dsn, kwargs={"prepare_threshold": 0}, min_size=1, max_size=1) as pool:
        store = PostgresStore(pool, schema=schema)
        add_client(store, "n1")
        with pool.connection() as host:
            assert client_ids(PostgresStore(host, schema=schema)) == ["n1"]


# Its own connections, and lost ones


@pytest.mark.parametrize("step", [adding("n2"), lambda tx: tx.clients.get(["c1"])], ids=["writing", "reading"])
def test_a_connection_that_is_lost_inside_a_block(
    store: PostgresStore, raw: psycopg.Connection[Any], step: Step
) -> None:
    """SPEC 10.1: a connection that is lost undoes its block, with the library's own error; the next one works."""

    def refused(tx: Transaction) -> None:
        with pytest.raises(StorageError):
            step(tx)

    for steps in ([], [step], [refused], [refused, refused]):
        with pytest.raises(StorageError):
            write(store, adding("n1"), lambda _: terminate(raw), *steps)
        assert client_ids(store) == ["c1", "c2"]
    add_client(store, "n1")


def test_a_connection_that_is_lost_inside_a_call(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: a call during which the connection is lost ends with the library's own error."""

    def clients() -> Iterator[Client]:
        yield Client(personal_id="n1")
        terminate(raw)

    with pytest.raises(StorageError):
        write(store, lambda tx: tx.clients.add(clients()))
    assert client_ids(store) == ["c1", "c2"]


def test_connections_that_are_lost_while_nobody_uses_them(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.2: a server that was restarted between two transactions is no error."""
    with ThreadPoolExecutor(3) as pool:
        gate = threading.Barrier(3)

        def look() -> None:
            with store.transaction():
                gate.wait()

        for looking in [pool.submit(look) for _ in range(3)]:
            looking.result()
    assert connections(raw) >= 3
    terminate(raw)
    assert client_ids(store) == ["c1", "c2"]


class InterruptError(BaseException):
    """Raised by a signal, as Ctrl-C does."""


def interrupt(*_: object) -> None:
    """Raise what no part of the library catches."""
    raise InterruptError


def test_an_interrupt_while_waiting_for_others(dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: who is interrupted while waiting for others leaves no transaction and no connection behind."""
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with closing(PostgresStore(make_conninfo(dsn, application_name=schema), schema=schema)) as store:
            with raw.transaction():
                raw.execute("LOCK TABLE change_head IN SHARE ROW EXCLUSIVE MODE")
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(InterruptError):
                    add_client(store, "n1")
            add_client(store, "n2")
            assert client_ids(store) == ["n2"]
            wait_for_connections(raw, 1)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("timeout", "waits"), [(0, False), (1e-9, False), (float("inf"), True)])
def test_how_long_it_waits(dsn: str, schema: str, raw: psycopg.Connection[Any], timeout: float, waits: bool) -> None:
    """SPEC 10.1: a store that is to wait for nobody does not, and one that is to wait for ever does."""
    with closing(PostgresStore(dsn, schema=schema, timeout=timeout)) as store, ThreadPoolExecutor(1) as pool:
        with raw.transaction():
            raw.execute("LOCK TABLE change_head IN SHARE ROW EXCLUSIVE MODE")
            adding = pool.submit(add_client, store, "n1")
            with pytest.raises(TimeoutError if waits else ConflictError):
                adding.result(0.2 if waits else 10)
        if waits:
            adding.result()
        assert client_ids(store) == ["n1"] * waits


def test_errors_of_others_pass(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: an error of another connection that reaches the block is not taken for one of the store."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        write(store, adding("n1"), lambda _: raw.execute("SELECT 1 / 0"))
    assert client_ids(store) == ["c1", "c2"]


def test_threads_that_come_and_go(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.2: a thread that has ended leaves no connection open, and closing the store closes them all."""
    for _ in range(10):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client_ids, store).result()
    assert connections(raw) <= 2
    with store.transaction(write=True) as tx:
        store.close()
        tx.clients.add([Client(personal_id="n1")])
    wait_for_connections(raw, 0)


def test_a_store_that_is_closed_in_a_block_that_fails(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.2: a block that fails after the store was closed leaves no connection open either."""
    with pytest.raises(UndoError):
        write(store, lambda _: store.close(), failing)
    wait_for_connections(raw, 0)


def in_child(do: Callable[[], object]) -> None:
    """Run ``do`` in a fork of this process, and fail if it fails there."""
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            do()
            status = 0
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def cannot_use(tx: Transaction) -> None:
    """Be refused to use a transaction."""
    with pytest.raises(StorageError, match="process"):
        tx.clients.get(["c1"])


def test_a_forked_process(store: PostgresStore, dsn: str, schema: str) -> None:
    """SPEC 10.2: after a fork both processes go on with the store; the child inherits no connection of it."""

    def child() -> None:
        with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}") as raw:
            wait_for_connections(raw, 0)
        add_client(store, "child")

    in_child(child)
    add_client(store, "parent")
    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id="second")])
        in_child(lambda: cannot_use(tx))
    assert client_ids(store) == ["c1", "c2", "child", "parent", "second"]


def test_a_block_of_another_process(store: PostgresStore) -> None:
    """SPEC 10.2: the connection of a block that this process was forked in is neither used nor given back."""
    sessions: list[Any] = []

    def as_in_a_fork(tx: Any) -> None:
        sessions.append(tx.clients._session)
        sessions[0]._block._owner = (-1, threading.get_ident())

    with pytest.raises(StorageError, match="process"):
        write(store, adding("n1"), as_in_a_fork)
    assert client_ids(store) == ["c1", "c2"]
    assert sessions[0]._connection.info.transaction_status == TransactionStatus.INTRANS
    sessions[0]._connection.close()


def test_a_fork_that_leaves_the_block_of_its_parent(store: PostgresStore) -> None:
    """SPEC 10.2: a child that leaves the block in which it was forked ends nothing of its parent's."""
    parent = os.getpid()
    try:
        with store.transaction(write=True) as tx:
            tx.clients.add([Client(personal_id="n1")])
            child = os.fork()
            if not child:
                failing(tx)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            tx.clients.add([Client(personal_id="n2")])
    except BaseException as error:
        if os.getpid() != parent:
            os._exit(not isinstance(error, UndoError))
        raise
    assert client_ids(store) == ["c1", "c2", "n1", "n2"]


@pytest.mark.slow
def test_many_records_need_little_memory(store: PostgresStore) -> None:
    """SPEC 9.2: records are added from a stream, replaced and iterated without being held in memory."""
    count = 12_000
    with store.transaction(write=True) as tx:
        tracemalloc.start()
        tx.clients.add(Client(personal_id=f"{number:05}", last_name=f"{number:050}") for number in range(count))
        tx.clients.replace(Client(personal_id=f"{number:05}", last_name=f"{number:051}") for number in range(count))
        assert sum(1 for _ in tx.clients) == count + 2
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 6_000_000


# Others who write


def test_a_writer_waits_and_then_gives_up(store: PostgresStore, dsn: str, schema: str) -> None:
    """SPEC 10.1: while another writes, a write is a conflict once the time is over; readers wait for nobody."""
    with closing(PostgresStore(dsn, schema=schema)) as other, ThreadPoolExecutor(1) as pool:
        with other.transaction(write=True) as tx:
            tx.clients.add([Client(personal_id="n1")])
            with pytest.raises(ConflictError, match="try again"):
                pool.submit(add_client, store, "n2").result()
            assert pool.submit(client_ids, store).result() == ["c1", "c2"]
        add_client(store, "n2")
        assert client_ids(store) == ["c1", "c2", "n1", "n2"]


def skewed(raw: psycopg.Connection[Any]) -> Step:
    """Return a step that rests on what another program changes, while that rests on what the step changes."""

    def step(tx: Transaction) -> None:
        with raw.transaction():
            tx.users.get(["kim"])
            raw.execute("SELECT * FROM client").fetchall()
            tx.clients.replace([Client(personal_id="c1", last_name="By the store")])
            raw.execute("UPDATE \"user\" SET last_name = 'By the other' WHERE user_id = 'kim'")

    return step


def test_another_program_that_writes_what_was_read(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: transactions are serial with those of any other program that is serializable, or one is a conflict."""
    raw.isolation_level = SERIALIZABLE
    with pytest.raises(ConflictError):
        write(store, skewed(raw))
    assert raw.execute("SELECT last_name FROM client WHERE personal_id = 'c1'").fetchall() == [(None,)]


def test_a_conflict_that_is_passed_over_stays_one(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: a block that goes on after a conflict which has undone it ends as a conflict, and can be retried."""
    raw.isolation_level = SERIALIZABLE

    def refused(tx: Transaction) -> None:
        with pytest.raises(ConflictError):
            list(tx.users)

    with pytest.raises(ConflictError, match="undone"):
        write(store, skewed(raw), refused)


# Races


def count_on(store: PostgresStore) -> None:
    """Count on in one record."""
    with store.transaction(write=True) as tx:
        client = tx.clients.get(["c1"])["c1"]
        tx.clients.replace([attrs.evolve(client, last_name=str(int(client.last_name or 0) + 1))])


PRIMARY = (*REQUIRED_RULES, exclusive_role("Primary"))

RACE = """
import sys
from test_postgres_connections import race
race(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
"""


def race(dsn: str, schema: str, user: str, rounds: int) -> None:
    """Have a user try to become the primary of one enrollment after the other, and count on after each."""
    with closing(PostgresStore(dsn, schema=schema)) as store:
        front = Casework(store, user=user, required=PRIMARY, clock=lambda: TODAY)
        for number in range(rounds):
            with suppress(RuleViolationError):
                retrying(partial(front.assign, f"r{number}", user, role="Primary"))
            retrying(partial(count_on, store))


def ready_for_races(dsn: str, schema: str, rounds: int) -> World:
    """Return the agency with an enrollment for each round."""
    world = World(PostgresStore(dsn, schema=schema))
    world.put_raw(
        *(Enrollment(enrollment_id=f"r{n}", personal_id="c1", project_id="es", entry_date=TODAY) for n in range(rounds))
    )
    return world


def check_races(world: World, rounds: int, racers: int) -> None:
    """Each enrollment has one primary, nobody's count is lost, and the history is whole."""
    with world.store.transaction() as tx:
        stints = list(tx.assignments)
        assert sorted(a.enrollment_id for a in stints) == sorted(f"r{n}" for n in range(rounds))
        assert tx.clients.get(["c1"])["c1"].last_name == str(rounds * racers)
        assert list(verify(tx.history, tx.history.head())) == []
    world.store.close()


def test_threads_that_race(dsn: str, schema: str) -> None:
    """SPEC 5, 10.1: of threads that race for a role exactly one gets it, each round, and no count is lost."""
    rounds = effort(40)
    world = ready_for_races(dsn, schema, rounds)
    world.put_raw(Client(personal_id="c1"))
    with ThreadPoolExecutor(3) as pool:
        for racing in [pool.submit(race, dsn, schema, user, rounds) for user in ("kim", "lee", "sam")]:
            racing.result()
    check_races(world, rounds, 3)


@pytest.mark.slow
def test_processes_that_race(dsn: str, schema: str) -> None:
    """SPEC 5, 10.1: the same holds of processes."""
    rounds = effort(40)
    world = ready_for_races(dsn, schema, rounds)
    world.put_raw(Client(personal_id="c1"))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, dsn, schema, user, str(rounds)], env=environment)
        for user in ("kim", "lee")
    ]
    assert [racer.wait() for racer in racers] == [0, 0]
    check_races(world, rounds, 2)


def test_hosts_that_race(dsn: str, schema: str) -> None:
    """SPEC 10.1: two hosts that assign in transactions of their own, at any level, never make two primaries."""
    rounds = effort(30)
    world = ready_for_races(dsn, schema, rounds)
    levels = {"kim": SERIALIZABLE, "lee": psycopg.IsolationLevel.READ_COMMITTED}

    def host(user: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.isolation_level = levels[user]
            front = Casework(PostgresStore(connection, schema=schema), user=user, required=PRIMARY)

            def act(number: int) -> None:
                with connection.transaction():
                    front.active_cases()
                    with suppress(RuleViolationError):
                        front.assign(f"r{number}", user, start=TODAY, role="Primary")

            for number in range(rounds):
                retrying(partial(act, number), attempts=50)

    with ThreadPoolExecutor(2) as pool:
        for racing in [pool.submit(host, user) for user in levels]:
            racing.result()
    with world.store.transaction() as tx:
        assert sorted(a.enrollment_id for a in tx.assignments) == sorted(f"r{n}" for n in range(rounds))
    world.store.close()


def test_processes_that_create_one_schema(dsn: str) -> None:
    """SPEC 10.4: processes that open one new schema at the same moment all succeed."""
    code = "import sys; from caseassign import PostgresStore; PostgresStore(sys.argv[1], schema=sys.argv[2]).close()"
    with new_schema(dsn) as schema:
        opening = [subprocess.Popen([sys.executable, "-c", code, dsn, schema]) for _ in range(4)]
        assert [process.wait() for process in opening] == [0] * 4
