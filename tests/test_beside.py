"""What `beside` keeps for a store of a host, in the host's own transaction, on SQLite and PostgreSQL."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from store_examples import UndoError, lines_after

from caseassign.errors import AlreadyExistsError, ConflictError, StorageError, WrongStoreError
from caseassign.history import EMPTY, RecordKey, verify
from caseassign.stores import Gate, beside, create_beside
from caseassign.stores.sql_records import Beside

Connection = Any
"""Either driver's: what the tests ask of it, both understand."""

SERIALIZABLE = psycopg.IsolationLevel.SERIALIZABLE


class Host:
    """An application with a database of its own, and connections to it in any number."""

    def __init__(self, connect: Callable[[], Connection], name: str, schema: str) -> None:
        self.connect = connect
        self.name = name
        self.schema = schema
        self.is_sqlite = name.startswith("caseassign_")

    @contextmanager
    def begun(self) -> Iterator[Connection]:
        """Begin a transaction; leaving the block commits it, and an exception rolls it back."""
        with closing(self.connect()) as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def block(self, connection: Connection, *, write: bool = True) -> Iterator[Beside]:
        """Open a block, and in it what is kept beside."""
        with Gate().block(write=write) as block, beside(connection, block, schema=self.schema) as kept:
            yield kept

    def create(self, connection: Connection) -> None:
        """Create the tables."""
        create_beside(connection, schema=self.schema)

    def table(self, name: str) -> str:
        """Return a table as SQL names it."""
        return self.name + name


@pytest.fixture(params=["sqlite", "postgres"])
def new_host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """A host that has not created the tables."""
    if request.param == "sqlite":
        path = tmp_path / "host.sqlite"
        return Host(lambda: sqlite3.connect(path, isolation_level=None, timeout=0.05), "caseassign_", "")
    dsn, schema = request.getfixturevalue("dsn"), request.getfixturevalue("schema")
    connect = lambda: psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=50ms")  # noqa: E731  # as above
    return Host(connect, f"{schema}.", schema)


@pytest.fixture
def host(new_host: Host) -> Host:
    """A host whose migrations have created the tables."""
    with new_host.begun() as connection:
        new_host.create(connection)
    return new_host


def keep(kept: Beside) -> None:
    """Keep one of each."""
    kept.history.append(lines_after(kept.history.head(), {}))
    kept.imported.put("client", {"c1": "{}"})
    kept.personal.put({"p1": "Ada"})


def kept_by(host: Host) -> tuple[int, dict[str, str], dict[str, str]]:
    """Return how much of each is there, and that it verifies."""
    with host.begun() as connection, host.block(connection, write=False) as kept:
        head, lines = kept.history.head(), list(kept.history)
        assert head.number == len(lines)
        assert list(verify(lines, head)) == []
        return head.number, dict(kept.imported.get("client", ["c1"])), dict(kept.personal.get(["p1"]))


NOTHING: tuple[int, dict[str, str], dict[str, str]] = (0, {}, {})
ONE_OF_EACH = (1, {"c1": "{}"}, {"p1": "Ada"})


# The tables


def test_tables_that_nobody_has_created(new_host: Host) -> None:
    """SPEC 10.1: without its tables a block is refused with what to do, and the transaction of the host goes on."""
    with new_host.begun() as connection:
        for write in (False, True):
            with pytest.raises(StorageError, match="create_beside"), new_host.block(connection, write=write):
                pytest.fail("the block was opened")
        connection.execute("CREATE TEMP TABLE went_on (number integer)")


def test_tables_are_created_in_the_transaction_of_the_host(new_host: Host) -> None:
    """SPEC 10.1, 10.4: they are there at once, go with a rollback, and are created again without harm."""
    with suppress(UndoError), new_host.begun() as connection:
        new_host.create(connection)
        with new_host.block(connection) as kept:
            keep(kept)
        raise UndoError
    with pytest.raises(StorageError, match="create_beside"):
        kept_by(new_host)
    for expected in (NOTHING, ONE_OF_EACH):
        with new_host.begun() as connection:
            new_host.create(connection)
        assert kept_by(new_host) == expected
        with new_host.begun() as connection, new_host.block(connection) as kept:
            if expected == NOTHING:
                keep(kept)


def test_tables_that_cannot_be_created(new_host: Host) -> None:
    """SPEC 10.4: where a table of the host's is in the way, none is created, and the host's transaction goes on."""
    with new_host.begun() as connection:
        if not new_host.is_sqlite:
            connection.execute(f"CREATE SCHEMA {new_host.schema}")
        connection.execute(f"CREATE TABLE {new_host.table('imported')} (note text)")
        with pytest.raises(StorageError):
            new_host.create(connection)
        connection.execute(f"ALTER TABLE {new_host.table('imported')} ADD COLUMN went_on text")
        connection.execute(f"CREATE TABLE {new_host.table('change')} (note text)")


def test_tables_of_a_newer_version(host: Host) -> None:
    """SPEC 10.4: tables that a newer version of the library has made are refused, and left as they are."""
    version = host.table("version" if host.is_sqlite else "caseassign_version")
    with host.begun() as connection:
        connection.execute(f"UPDATE {version} SET version = 9")  # noqa: S608  # a table of ours
        with pytest.raises(WrongStoreError, match="newer"):
            host.create(connection)
        with pytest.raises(WrongStoreError, match="newer"), host.block(connection, write=False):
            pytest.fail("the block was opened")
        assert connection.execute(f"SELECT version FROM {version}").fetchall() == [(9,)]  # noqa: S608  # of ours


def test_tables_of_an_older_version(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.4: they are refused until the host has migrated them, which keeps all that is in them."""
    with host.begun() as connection, host.block(connection) as kept:
        keep(kept)
    where, name = "beside" if host.is_sqlite else "postgres_beside", "BESIDE_STEPS"
    module = importlib.import_module(f"caseassign.stores.{where}")
    newer = (*getattr(module, name), (f"ALTER TABLE {host.table('imported')} ADD COLUMN note text",))
    monkeypatch.setattr(module, name, newer)
    with pytest.raises(StorageError, match="create_beside"):
        kept_by(host)
    with host.begun() as connection:
        host.create(connection)
        connection.execute(f"UPDATE {host.table('imported')} SET note = 'n'")  # noqa: S608  # a table of ours
    assert kept_by(host) == ONE_OF_EACH


# The transaction of the host


def test_a_commit_of_the_host_keeps_all(host: Host) -> None:
    """SPEC 10.1: what was kept is there once the host commits, together with its own rows."""
    with host.begun() as connection:
        connection.execute(f"CREATE TABLE {host.table('note')} (text text)")
        with host.block(connection) as kept:
            keep(kept)
            assert kept.history.of_records([RecordKey("assignment", "a1")]) == list(kept.history)
    assert kept_by(host) == ONE_OF_EACH
    with host.begun() as connection, host.block(connection) as kept:
        assert connection.execute(f"SELECT * FROM {host.table('note')}").fetchall() == []  # noqa: S608  # its own
        kept.personal.remove(["p1"])
    assert kept_by(host) == (*ONE_OF_EACH[:2], {})


def test_a_rollback_of_the_host_undoes_all(host: Host) -> None:
    """SPEC 10.1: what a block has kept, and ended well, goes with the transaction of the host."""
    with suppress(UndoError), host.begun() as connection:
        with host.block(connection) as kept:
            keep(kept)
        raise UndoError
    assert kept_by(host) == NOTHING


def test_a_savepoint_of_the_host_undoes_its_own(host: Host) -> None:
    """SPEC 10.1: the host's savepoint takes back what was kept since, and leaves what was kept before."""
    with host.begun() as connection:
        with host.block(connection) as kept:
            keep(kept)
        connection.execute("SAVEPOINT step")
        with suppress(UndoError), host.block(connection) as kept:
            keep(kept)
            next(iter(kept.history))
            raise UndoError
        connection.execute("ROLLBACK TO SAVEPOINT step")
    assert kept_by(host) == ONE_OF_EACH


def test_a_call_that_fails_leaves_nothing_and_the_block_goes_on(host: Host) -> None:
    """SPEC 10.1: lines that do not continue the history, or come twice, are refused whole; the next ones are not."""
    with host.begun() as connection, host.block(connection) as kept:
        with pytest.raises(ConflictError):
            kept.history.append([*lines_after(EMPTY, {}), *lines_after(EMPTY, {})])
        with pytest.raises(AlreadyExistsError):
            kept.history.append(lines_after(EMPTY, {"change_id": "same"}, {"change_id": "same"}))
        keep(kept)
    assert kept_by(host) == ONE_OF_EACH


def test_a_block_that_may_only_read(host: Host) -> None:
    """SPEC 10.1: it writes nothing, and nobody can use what it gave after its end."""
    with host.begun() as connection:
        with host.block(connection, write=False) as kept, pytest.raises(StorageError, match="write=True"):
            kept.personal.put({"p1": "Ada"})
        for use in (kept.history.head, lambda: kept.imported.get("client", []), lambda: kept.personal.get([])):
            with pytest.raises(StorageError, match="over"):
                use()
    assert kept_by(host) == NOTHING


def test_a_connection_without_a_transaction(host: Host) -> None:
    """SPEC 10.1: there is nothing to join where the host has begun none, and nothing is written outside of one."""
    with closing(host.connect()) as connection:
        with pytest.raises(StorageError, match="begin one"):
            host.create(connection)
        with pytest.raises(StorageError, match="begin one"), host.block(connection):
            pytest.fail("the block was opened")


def test_a_transaction_that_is_undone_on_the_way(host: Host) -> None:
    """SPEC 10.1: a block does not end well where its transaction is not there any more, so nobody commits the rest."""
    with closing(host.connect()) as connection:
        connection.execute("BEGIN")

        def roll_back() -> None:
            with host.block(connection) as kept:
                keep(kept)
                connection.execute("ROLLBACK")

        with pytest.raises(StorageError, match="undone"):
            roll_back()
    assert kept_by(host) == NOTHING


def test_a_failure_of_the_host_ends_the_block(host: Host) -> None:
    """SPEC 10.1: a store that has ended its block, as the engine failed in it, is not left to commit it."""

    def fail_and_go_on() -> None:
        with (
            host.begun() as connection,
            Gate().block(write=True) as block,
            beside(connection, block, schema=host.schema) as kept,
        ):
            keep(kept)
            block.end()

    with pytest.raises(StorageError, match="over"):
        fail_and_go_on()
    assert kept_by(host) == NOTHING


def test_two_that_write_at_once(host: Host) -> None:
    """SPEC 10.1: while one host writes, another one is refused as a conflict, and its own transaction goes on."""
    with host.begun() as first, host.begun() as second:
        with host.block(first) as kept:
            keep(kept)
        with pytest.raises(ConflictError), host.block(second) as kept:
            keep(kept)
        second.execute("CREATE TEMP TABLE went_on (number integer)")
        second.execute("ROLLBACK")
        second.execute("BEGIN")
    assert kept_by(host) == ONE_OF_EACH


def test_history_cannot_be_changed(host: Host) -> None:
    """SPEC 8.2: the tables beside those of a host refuse to have a line changed or removed, as those of a store do."""
    with host.begun() as connection, host.block(connection) as kept:
        keep(kept)
    lines = host.table("change")
    for change in (f"UPDATE {lines} SET reason = 'x'", f"DELETE FROM {lines}"):  # noqa: S608  # a table of ours
        with pytest.raises((sqlite3.Error, psycopg.Error), match=r"appended|permission"), host.begun() as connection:
            connection.execute(change)
    assert kept_by(host) == ONE_OF_EACH


def test_a_host_with_rows_of_its_own(host: Host) -> None:
    """SPEC 10.1: what kind of rows the host has its connection return makes no difference, and stays as it is."""
    with host.begun() as connection:
        connection.row_factory = by_name if host.is_sqlite else dict_row
        host.create(connection)
        with host.block(connection) as kept:
            keep(kept)
            assert len(list(kept.history)) == 1
        assert connection.execute("SELECT 1 AS one").fetchall() == [{"one": 1}]
    assert kept_by(host) == ONE_OF_EACH


def by_name(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row as dictionaries are made of it by applications."""
    return {name: value for (name, *_), value in zip(cursor.description, row, strict=True)}


# PostgreSQL alone


def test_a_host_that_has_not_seen_the_latest(dsn: str, schema: str) -> None:
    """SPEC 10.1: a serializable transaction that began before another one wrote is refused as a conflict."""
    with psycopg.connect(dsn) as ours, psycopg.connect(dsn) as theirs:
        create_beside(theirs, schema=schema)
        theirs.commit()
        ours.isolation_level = SERIALIZABLE
        ours.execute("SELECT 1")
        with Gate().block(write=True) as block, beside(theirs, block, schema=schema) as kept:
            keep(kept)
        theirs.commit()
        with (
            pytest.raises(ConflictError),
            Gate().block(write=True) as block,
            beside(ours, block, schema=schema) as kept,
        ):
            keep(kept)
        ours.rollback()


def test_those_that_write_take_turns(dsn: str, schema: str) -> None:
    """SPEC 10.1: a block that may write waits for the one before from its beginning, and one that reads does not."""
    options = "-c lock_timeout=50ms"
    with psycopg.connect(dsn, options=options) as first, psycopg.connect(dsn, options=options) as second:
        create_beside(first, schema=schema)
        first.commit()
        with Gate().block(write=True) as block, beside(first, block, schema=schema):
            with Gate().block(write=False) as reading, beside(second, reading, schema=schema) as kept:
                assert kept.history.head() == EMPTY
            with (
                pytest.raises(ConflictError),
                Gate().block(write=True) as writing,
                beside(second, writing, schema=schema),
            ):
                pytest.fail("both may write")
        second.rollback()
        first.rollback()


def test_a_host_that_may_not_create_anything(dsn: str, schema: str) -> None:
    """SPEC 10.4: where the server refuses to create the tables, the transaction of the host goes on."""
    with psycopg.connect(dsn) as connection:
        connection.read_only = True
        with pytest.raises(StorageError, match="read"):
            create_beside(connection, schema=schema)
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
        connection.rollback()


def test_nothing_is_left_open(dsn: str, schema: str) -> None:
    """SPEC 10.1: an iteration that a block left unfinished holds nothing in the transaction of the host."""
    with psycopg.connect(dsn) as connection:
        create_beside(connection, schema=schema)
        with Gate().block(write=True) as block, beside(connection, block, schema=schema) as kept:
            keep(kept)
            next(iter(kept.history))
        assert connection.execute("SELECT name FROM pg_cursors").fetchall() == []
        connection.rollback()


def test_it_stands_beside_a_schema_of_the_host_and_in_none(dsn: str, schema: str) -> None:
    """SPEC 10.4: a schema in which somebody else keeps something is refused, and left as it is."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.note (text text)".encode())
        with pytest.raises(WrongStoreError, match="another application"):
            create_beside(connection, schema=schema)
        with pytest.raises(StorageError, match="small letters"):
            create_beside(connection, schema="Not A Name")
        connection.rollback()


def test_psycopg_is_asked_for_only_where_it_is_needed() -> None:
    """HOUSE: without the extra, SQLite is enough, and who has another connection is told the name of the extra."""
    code = """
import sqlite3, sys
sys.modules["psycopg"] = None
from caseassign.stores import Gate, beside, create_beside
connection = sqlite3.connect(":memory:", isolation_level=None)
connection.execute("BEGIN")
create_beside(connection)
with Gate().block(write=True) as block, beside(connection, block) as kept:
    print(kept.history.head().number)
try:
    create_beside(object())
except ImportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("0\n")
    assert "caseassign[postgres]" in ran.stdout
