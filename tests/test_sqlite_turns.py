"""Whose turn it is to write to a SQLite store: first come, first served, and nobody is held up by what went wrong."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlite_files import add_client, client_ids, finished, go, raw, ready, start

from caseassign.errors import ConflictError
from caseassign.stores.sqlite import SQLiteStore
from caseassign.stores.turns import HAS_TICKETS, Turn

pytestmark = pytest.mark.skipif(not HAS_TICKETS, reason="this system has no locks of open files")


ACTS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store is created."""
    return tmp_path / "haven.sqlite"


@pytest.fixture
def tickets(path: Path) -> Path:
    """The file in which those who write to the store lock bytes."""
    return path.with_name(f"{path.name}-turns")


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """A store without records, that waits for others as long as need be."""
    with closing(SQLiteStore(path)) as store:
        yield store


def test_whoever_came_first_is_next(path: Path) -> None:
    """SPEC 10.1: turns come in the order in which they were first asked for; who has given up is not waited for."""
    with ExitStack() as stack:
        first, second, third, fourth = (stack.enter_context(closing(Turn(path))) for _ in range(4))
        assert [turn.has_come() for turn in (first, second, third, fourth)] == [True, False, False, False]
        second.close()
        assert [turn.has_come() for turn in (fourth, third, first)] == [False, False, True]
        first.close()
        assert [turn.has_come() for turn in (fourth, third)] == [False, True]
        third.close()
        assert fourth.has_come()


def test_threads_without_a_pause(store: SQLiteStore) -> None:
    """SPEC 10.1: of four threads that write without a pause none is kept waiting until another one has finished."""

    def write(name: str) -> list[str]:
        barrier.wait()
        for number in range(ACTS):
            add_client(store, f"{name}-{number}")
        return client_ids(store)

    barrier = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        assert_fair(pool.map(write, "abcd"))


ADD = """
import sys
from caseassign.model import Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
store = SQLiteStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id=f"{sys.argv[2]}-{number}")])
with store.transaction() as tx:
    print(*(client.personal_id for client in tx.clients))
"""


def test_processes_without_a_pause(path: Path) -> None:
    """SPEC 10.1: of four processes that write without a pause none is kept waiting until another one has finished."""
    processes = [start(ADD, path, name, ACTS) for name in "abcd"]
    for process in processes:
        ready(process)
    for process in processes:
        go(process)
    assert_fair([process.communicate()[0].split() for process in processes])
    assert [process.returncode for process in processes] == [0] * 4


def assert_fair(seen: Iterable[list[str]]) -> None:
    """Assert that, when the first writer had finished, each had done half; ``seen`` is what each found at its end."""
    first = min(seen, key=len)
    done = Counter(key[0] for key in first)
    assert min(done[name] for name in "abcd") >= ACTS / 2


def test_waiting_for_a_turn_has_an_end(path: Path, store: SQLiteStore) -> None:
    """SPEC 10.1: what is waited for one's turn counts as waiting: after the timeout it is a conflict."""
    with closing(SQLiteStore(path, timeout=0.2)) as other, ThreadPoolExecutor(1) as pool:
        with store.transaction(write=True):
            began = time.monotonic()
            with pytest.raises(ConflictError, match="try again"):
                pool.submit(add_client, other, "n1").result()
            assert 0.2 <= time.monotonic() - began < 5
        add_client(other, "n1")


def test_who_does_not_want_to_wait(path: Path, store: SQLiteStore) -> None:
    """SPEC 10.1: with a timeout of nothing, a write is a conflict at once where another one is under way."""

    def seconds() -> float:
        began = time.monotonic()
        with pytest.raises(ConflictError):
            add_client(other, "n1")
        return time.monotonic() - began

    with closing(SQLiteStore(path, timeout=0)) as other, ThreadPoolExecutor(1) as pool, store.transaction(write=True):
        assert min(pool.submit(seconds).result() for _ in range(5)) < 0.05


@pytest.mark.parametrize("timeout", [0, 0.05, 30, float("inf")])
def test_a_turn_that_is_never_used(path: Path, timeout: float) -> None:
    """SPEC 10.1: who has come first and does nothing, as a process that was stopped, keeps nobody from writing."""
    with closing(SQLiteStore(path, timeout=timeout)) as store, closing(Turn(path)) as stopped:
        assert stopped.has_come()
        add_client(store, "n1")
        add_client(store, "n2")
        assert client_ids(store) == ["n1", "n2"]


def test_other_programs_do_not_queue(path: Path, store: SQLiteStore) -> None:
    """SPEC 10.1: whose turn has come waits for a program that knows nothing of turns."""
    with raw(path) as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(add_client, store, "n1")
        time.sleep(0.02)
        assert not waiting.done()
        other.execute("COMMIT")
        waiting.result()
    assert client_ids(store) == ["n1"]


HOLD = """
import sys, time
from pathlib import Path
from caseassign.stores.turns import Turn
turn = Turn(Path(sys.argv[1]))
assert turn.has_come()
print("ready", flush=True)
time.sleep(60)
"""


def test_a_turn_of_a_process_that_is_killed(path: Path) -> None:
    """SPEC 10.1: the turn of a process that is killed is over."""
    process = start(HOLD, path)
    ready(process)
    with closing(Turn(path)) as next_one:
        assert not next_one.has_come()
        process.kill()
        finished(process)
        assert next_one.has_come()


def test_a_fork_does_not_prolong_a_turn(path: Path) -> None:
    """SPEC 10.1: a turn that is over in the process that had it is over, though a fork of it lives on."""
    with closing(Turn(path)) as turn:
        assert turn.has_come()
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(writer)
            os.read(reader, 1)  # until the parent closes its end
            os._exit(0)
        os.close(reader)
        turn.close()
        with closing(Turn(path)) as next_one:
            assert next_one.has_come()
        os.close(writer)
        os.waitpid(child, 0)


# The file of tickets


def test_only_writers_need_the_file(path: Path, tickets: Path) -> None:
    """SPEC 10.4: opening and reading a store makes no file of tickets; writing makes one, which stays empty."""
    with closing(SQLiteStore(path)) as store:
        assert client_ids(store) == []
        assert not tickets.exists()
        add_client(store, "n1")
        assert tickets.stat().st_size == 0
    with closing(SQLiteStore(path)) as store:
        tickets.unlink()
        assert client_ids(store) == ["n1"]
        assert not tickets.exists()


def test_who_may_write_may_queue(store: SQLiteStore, path: Path, tickets: Path) -> None:
    """SPEC 10.4: the file of tickets has the rights of the database, whatever the process gives to new files."""
    path.chmod(0o664)
    before = os.umask(0o077)
    try:
        add_client(store, "n1")
    finally:
        os.umask(before)
    assert tickets.stat().st_mode & 0o777 == 0o664


def test_one_queue_for_all_names(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    """SPEC 10.1: who opens the file by another name stands in the same queue."""
    other_name = tmp_path / "elsewhere" / "other.sqlite"
    other_name.parent.mkdir()
    other_name.symlink_to(path)
    with closing(SQLiteStore(other_name)) as other:
        add_client(other, "n1")
    assert client_ids(store) == ["n1"]
    assert list(other_name.parent.iterdir()) == [other_name]


def _remove(tickets: Path) -> None:
    tickets.unlink()


def _put_a_folder(tickets: Path) -> None:
    tickets.unlink()
    tickets.mkdir()


def _put_a_link(tickets: Path) -> None:
    tickets.unlink()
    tickets.symlink_to(tickets.with_name("elsewhere"))


@pytest.mark.parametrize("spoil", [_remove, _put_a_folder, _put_a_link])
def test_nothing_rests_on_the_file(
    store: SQLiteStore, path: Path, tickets: Path, spoil: Callable[[Path], None]
) -> None:
    """SPEC 10.1: whatever becomes of the file of tickets, also while it is used, one writes after the other."""
    with ThreadPoolExecutor(3) as pool:
        with store.transaction(write=True):
            waiting = [pool.submit(add_client, store, "n1")]
            time.sleep(0.02)
            spoil(tickets)
            waiting += (pool.submit(add_client, store, key) for key in ("n2", "n3"))
            time.sleep(0.02)
            assert not any(each.done() for each in waiting)
        for each in waiting:
            each.result()
    assert client_ids(store) == ["n1", "n2", "n3"]
    assert not path.with_name("elsewhere").exists()


def test_a_file_that_cannot_be_locked(path: Path, tickets: Path) -> None:
    """SPEC 10.1: where the file system refuses locks, the turn has always come."""
    with closing(Turn(path)) as first, closing(Turn(path)) as turn:
        assert first.has_come()
        assert not turn.has_come()
        read_only = os.open(tickets, os.O_RDONLY)
        assert turn._descriptor is not None
        os.dup2(read_only, turn._descriptor)  # of a file that is open for reading, Linux gives no lock to a writer
        os.close(read_only)
        assert turn.has_come()


WITHOUT_LOCKS = """
import sys
sys.modules["fcntl"] = None
from concurrent.futures import ThreadPoolExecutor
from caseassign.model import Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore

def add(name):
    for number in range(10):
        with store.transaction(write=True) as tx:
            tx.clients.add([Client(personal_id=f"{name}{number}")])

store = SQLiteStore(sys.argv[1])
with ThreadPoolExecutor(4) as pool:
    list(pool.map(add, "abcd"))
store.close()
"""


def test_a_system_without_such_locks(path: Path, tickets: Path) -> None:
    """SPEC 10.1: where the system has no locks of open files, writers wait for each other all the same."""
    assert finished(start(WITHOUT_LOCKS, path)) == 0
    with closing(SQLiteStore(path)) as store:
        assert client_ids(store) == [f"{name}{number}" for name in "abcd" for number in range(10)]
    assert not tickets.exists()
