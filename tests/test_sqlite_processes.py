"""What a SQLite store promises when others use its file: threads, forks, other processes, a kill, and a full disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

import pytest
from sqlite_files import WAL, add_client, client_ids, finished, go, in_child, raw, ready, small_store, start
from store_examples import UndoError, fill

from caseassign.errors import ConflictError, StorageError
from caseassign.history import verify
from caseassign.model import Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
from caseassign.stores.sqlite_schema import APPLICATION_ID, STEPS

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be created."""
    return tmp_path / "haven.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """A store with a few records and a line of history, that waits for nobody."""
    with small_store(path) as store:
        yield store


def test_a_writer_waits_and_then_gives_up(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.1: while another process writes, a write is a conflict once the time is over, and works afterwards."""
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConflictError, match="try again"):
            add_client(store, "n1")
        assert client_ids(store) == ["c1", "c2"]
    add_client(store, "n1")
    assert client_ids(store) == ["c1", "c2", "n1"]


@pytest.mark.skipif(WAL, reason="with a write-ahead log, readers do not keep a writer from committing")
def test_a_commit_that_fails_leaves_nothing_open(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.1: where a reader keeps a block from being committed, all of it is undone and the lock is given back."""
    with raw(path) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM client").fetchall()
        with pytest.raises(ConflictError):
            add_client(store, "n1")
        other.execute("COMMIT")
        assert other.execute("SELECT count(*) FROM client").fetchone() == (2,)
        other.execute("BEGIN IMMEDIATE")
    add_client(store, "n1")
    assert client_ids(store) == ["c1", "c2", "n1"]


@pytest.mark.parametrize("fails", [False, True], ids=["committed", "undone"])
def test_an_unfinished_iteration_holds_no_lock(store: SQLiteStore, path: Path, fails: bool) -> None:
    """SPEC 10.1: what a block began to iterate and left unfinished keeps nobody from writing after the block."""
    with store.transaction(write=True) as tx:
        tx.clients.add(Client(personal_id=f"{number:04}") for number in range(6_000))
    with suppress(UndoError), store.transaction(write=True) as tx:
        unfinished = iter(tx.clients)
        next(unfinished)
        if fails:
            raise UndoError
    with raw(path) as other:
        other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError):
        list(unfinished)


def test_errors_of_others_pass(store: SQLiteStore) -> None:
    """SPEC 10.1: an error of another database that reaches the block is not taken for one of the store."""

    def use(tx: Transaction) -> None:
        tx.clients.add([Client(personal_id="n1")])
        raise sqlite3.OperationalError("foreign")

    with pytest.raises(sqlite3.OperationalError, match="foreign"), store.transaction(write=True) as tx:
        use(tx)
    assert client_ids(store) == ["c1", "c2"]


def test_threads_that_come_and_go(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.2: a thread that has ended leaves no file open, and closing the store from any thread closes them all."""
    threads = [threading.Thread(target=client_ids, args=[store]) for _ in range(20)]
    for thread in threads:
        thread.start()
        thread.join()
    assert open_files(path) <= 3
    closing_thread = threading.Thread(target=store.close)
    closing_thread.start()
    closing_thread.join()
    assert open_files(path) == 0


def test_closing_during_a_transaction(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.2: a transaction that is open when the store is closed ends as usual, and leaves no file open."""
    with store.transaction(write=True) as tx:
        store.close()
        tx.clients.add([Client(personal_id="n1")])
    assert open_files(path) == 0
    with closing(SQLiteStore(path)) as again:
        assert client_ids(again) == ["c1", "c2", "n1"]


def open_files(path: Path) -> int:
    """Return how many files this process has open that belong to a store."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(descriptor.readlink()))
    return sum(name.startswith(str(path)) for name in names)


def test_a_forked_process(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.2: after a fork both processes go on with the store; the child inherits no open file of it."""

    def child() -> None:
        assert open_files(path) == 0
        add_client(store, "child")
        assert client_ids(store) == ["c1", "c2", "child"]

    assert open_files(path)
    in_child(child)
    add_client(store, "parent")
    assert client_ids(store) == ["c1", "c2", "child", "parent"]


def test_a_fork_inside_a_transaction(store: SQLiteStore) -> None:
    """SPEC 10.1: a child that is forked inside a block can neither use it nor open one in it; the parent goes on."""

    def child() -> None:
        with pytest.raises(StorageError, match="process"):
            tx.clients.add([Client(personal_id="child")])
        with pytest.raises(StorageError):
            client_ids(store)

    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id="n1")])
        in_child(child)
        tx.clients.add([Client(personal_id="n2")])
    assert client_ids(store) == ["c1", "c2", "n1", "n2"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(WAL, reason="with a write-ahead log, readers need to write beside the file")
def test_a_file_that_may_only_be_read(open_folder: Path) -> None:
    """SPEC 10.2: a store that may only be read can be read; a write is refused, and says why."""
    path = open_folder / "haven.sqlite"
    with closing(SQLiteStore(path)) as store:
        fill(store)
    path.chmod(0o444)

    def child() -> None:
        if os.getuid() == 0:
            os.setuid(NOBODY)
        with closing(SQLiteStore(path)) as store:
            assert client_ids(store) == ["c1", "c2"]
            with pytest.raises(StorageError, match="only be read"):
                add_client(store, "n1")
        with pytest.raises(StorageError):
            SQLiteStore(open_folder / "new.sqlite")

    in_child(child)


def test_a_process_that_was_faster(path: Path) -> None:
    """SPEC 10.4: where another process is just creating the file, a store waits for that, and takes what is there."""
    with raw(path, timeout=5) as faster, ThreadPoolExecutor(1) as pool:
        faster.execute("BEGIN IMMEDIATE")
        opening = pool.submit(SQLiteStore, path, timeout=5)
        with suppress(TimeoutError):
            opening.result(timeout=0.2)
        for statement in chain.from_iterable(STEPS):
            faster.execute(statement)
        faster.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        faster.execute(f"PRAGMA user_version = {len(STEPS)}")
        faster.execute("INSERT INTO client (personal_id) VALUES ('n1')")
        faster.execute("COMMIT")
        with closing(opening.result()) as store:
            assert client_ids(store) == ["n1"]


OPEN = """
import sys
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
print("ready", flush=True)
sys.stdin.readline()
SQLiteStore(sys.argv[1]).close()
"""


def test_processes_that_create_one_file(path: Path) -> None:
    """SPEC 10.4: processes that open one new file at the same moment all succeed, and it is created once."""
    processes = [start(OPEN, path) for _ in range(4)]
    for process in processes:
        ready(process)
    for process in processes:
        go(process)
    assert [finished(process) for process in processes] == [0] * 4
    assert sorted(file.name for file in path.parent.iterdir()) in (
        ["haven.sqlite"],
        ["haven.sqlite", "haven.sqlite-journal"],
    )
    with closing(SQLiteStore(path)) as store:
        fill(store)


APPEND = """
import sys
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
from store_examples import lines_after
store = SQLiteStore(sys.argv[1])
for number in range(10):
    with store.transaction(write=True) as tx:
        draft = {"change_id": f"{sys.argv[2]}-{number}", "batch_id": sys.argv[2]}
        tx.history.append(lines_after(tx.history.head(), draft))
store.close()
"""


def test_processes_that_write(path: Path) -> None:
    """SPEC 10.1, 8.5: four processes that append to the history at once all succeed, and the chain is whole."""
    SQLiteStore(path).close()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    processes = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(path), str(name)], env=environment) for name in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    with closing(SQLiteStore(path)) as store, store.transaction() as tx:
        assert list(verify(tx.history, tx.history.head())) == []
        assert [len(tx.history.of_batches([str(name)])) for name in range(4)] == [10] * 4


WRITE_AND_HANG = """
import sys, time
from caseassign.model import Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
with SQLiteStore(sys.argv[1]).transaction(write=True) as tx:
    tx.clients.replace(Client(personal_id=f"{number:05}", last_name="x" * 500) for number in range(5_000))
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed(path: Path) -> None:
    """SPEC 10.1: a process that is killed inside a block leaves nothing of it, not even what had reached the file."""
    with closing(SQLiteStore(path)) as store, store.transaction(write=True) as tx:
        tx.clients.add(Client(personal_id=f"{number:05}", last_name="y" * 500) for number in range(5_000))
    before = path.read_bytes()
    process = start(WRITE_AND_HANG, path)
    ready(process)
    process.kill()
    finished(process)
    assert WAL or path.read_bytes() != before
    with closing(SQLiteStore(path)) as store, store.transaction() as tx:
        assert {client.last_name for client in tx.clients} == {"y" * 500}
    assert path.read_bytes() == before


FILL_THE_DISK = """
import resource, sys
from itertools import chain
from pathlib import Path
from caseassign.errors import StorageError
from caseassign.model import Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore

def clients(prefix, count):
    return (Client(personal_id=f"{prefix}{number:05}", last_name="x" * 500) for number in range(count))

store = SQLiteStore(sys.argv[1])
with store.transaction(write=True) as tx:
    tx.clients.add(clients("before", 10))
limit = Path(sys.argv[1]).stat().st_size + 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

def stubborn(tx):
    try:
        tx.clients.add(clients("large", 20_000))
    except StorageError:
        yield from clients("stubborn", 1)

refused = []
try:
    with store.transaction(write=True) as tx:
        tx.clients.add(clients("small", 500))
except StorageError as error:
    refused.append(f"at the end: {error}")
try:
    with store.transaction(write=True) as tx:
        tx.clients.add(stubborn(tx))
except StorageError as error:
    refused.append(f"on the way: {error}")
try:
    with store.transaction(write=True) as tx:
        for use in (
            lambda: tx.clients.add(clients("large", 20_000)),
            lambda: tx.clients.add(clients("after", 1)),
            lambda: tx.clients.get(["before00000"]),
        ):
            try:
                use()
            except StorageError as error:
                refused.append(f"inside: {error}")
except StorageError as error:
    refused.append(f"at the end: {error}")
with store.transaction(write=True) as tx:
    tx.clients.add(clients("later", 1))
store.close()
print(*refused, sep="\\n")
"""


def test_a_full_disk(path: Path) -> None:
    """SPEC 10.1: on a full disk a block is undone as a whole, even if its code goes on; a later block works."""
    process = start(FILL_THE_DISK, path)
    said, _ = process.communicate()
    refused = said.splitlines()
    assert process.returncode == 0
    where, why = zip(*(line.split(": ") for line in refused), strict=True)
    assert where == ("at the end", "on the way", "inside", "inside", "inside", "at the end")
    assert ["disk" in problem for problem in why] == [True, False, True, False, False, False]
    assert ["undone" in problem for problem in why] == [False, True, False, True, True, True]
    with closing(SQLiteStore(path)) as store:
        assert client_ids(store) == [*(f"before{number:05}" for number in range(10)), "later00000"]


def test_many_records_need_little_memory(path: Path) -> None:
    """SPEC 9.2: records are added from a stream, replaced and iterated without being held in memory."""
    count = 25_000
    with closing(SQLiteStore(path)) as store, store.transaction(write=True) as tx:
        tracemalloc.start()
        tx.clients.add(Client(personal_id=f"{number:05}", last_name=f"{number:050}") for number in range(count))
        tx.clients.replace(Client(personal_id=f"{number:05}", last_name=f"{number:051}") for number in range(count))
        assert sum(1 for _ in tx.clients) == count
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000
