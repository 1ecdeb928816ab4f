"""How a SQLite store takes in very many new records at once: its indexes are made at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlite_files import raw, small_store

from caseassign import SYSTEM, Casework
from caseassign.demo.synthetic import write_export
from caseassign.errors import StorageError
from caseassign.formats import hmis_csv
from caseassign.model import Client, Organization
from caseassign.storage import Fillable
from caseassign.stores.sqlite import SQLiteStore, SQLiteTransaction

INDEXES = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """An empty store."""
    with closing(SQLiteStore(tmp_path / "haven.sqlite")) as store:
        yield store


def indexes(tx: object) -> set[str]:
    """Return the names of the indexes, as a block sees them."""
    connection: sqlite3.Connection = tx._session._connection  # type: ignore[attr-defined]  # inside, on purpose
    return {name for name, _ in connection.execute(INDEXES)}


def test_an_import_leaves_the_file_as_it_was_made(store: SQLiteStore, tmp_path: Path) -> None:
    """SPEC 10.4: after the first import every index stands there again, and holds what it should."""
    with raw(tmp_path / "haven.sqlite") as connection:
        made = connection.execute(INDEXES).fetchall()
    write_export(tmp_path / "export", households=60)
    with hmis_csv.read(tmp_path / "export") as export:
        Casework(store, user=SYSTEM).import_export(export, case_managers_from="Enrollment.UserID")
    with raw(tmp_path / "haven.sqlite") as connection:
        assert connection.execute(INDEXES).fetchall() == made
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_indexes_are_away_only_while_there_is_no_enrollment(store: SQLiteStore, tmp_path: Path) -> None:
    """SPEC 9.2: a store is filled without them; in one with enrollments they stay, for much is looked up by them."""
    with store.transaction(write=True) as tx:
        assert isinstance(tx, Fillable)
        before = indexes(tx)
        with tx.filling():
            assert {name for name in before - indexes(tx) if name.startswith("sqlite_")} == set()
            assert before - indexes(tx) >= {"enrollment_by_client", "assignment_by_user"}
        assert indexes(tx) == before
    with small_store(tmp_path / "small.sqlite") as small, small.transaction(write=True) as tx, tx.filling():
        assert indexes(tx) == before


def test_an_index_of_somebody_else_comes_back_too(store: SQLiteStore, tmp_path: Path) -> None:
    """SPEC 10.4: an analyst who has made an index of their own, whatever its name, finds it after the import."""
    made = 'CREATE INDEX "my ""own"" index" ON enrollment (entry_date)'
    with raw(tmp_path / "haven.sqlite") as connection:
        connection.execute(made)
    with store.transaction(write=True) as tx, tx.filling():
        assert 'my "own" index' not in indexes(tx)
    with raw(tmp_path / "haven.sqlite") as connection:
        assert (made,) in connection.execute("SELECT sql FROM sqlite_schema").fetchall()


@pytest.mark.parametrize("depth", [1, 2])
def test_a_failure_undoes_the_whole_block(store: SQLiteStore, depth: int) -> None:
    """SPEC 10.1: whoever catches it and goes on cannot commit a file without its indexes."""

    def fail(tx: SQLiteTransaction, depth: int) -> None:
        with tx.filling():
            tx.organizations.add([Organization(organization_id=f"O{depth}")])
            if depth > 1:
                fail(tx, depth - 1)
            raise LookupError

    def catch_and_go_on() -> None:
        with store.transaction(write=True) as tx:
            with suppress(LookupError):
                fail(tx, depth)
            tx.clients.add([Client(personal_id="c1")])

    with pytest.raises(StorageError, match="has undone"):
        catch_and_go_on()
    with store.transaction() as tx:
        assert not list(tx.organizations)
        assert not list(tx.clients)
        assert "assignment_by_user" in indexes(tx)


def test_only_a_block_that_writes_fills(store: SQLiteStore) -> None:
    """SPEC 10.1: a block that may only read cannot take an index away."""
    with store.transaction() as tx, pytest.raises(StorageError, match="only read"), tx.filling():
        pass
