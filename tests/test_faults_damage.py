"""What tests/faults/damage.py finds: nothing in the store, and every fault that is planted; and what it once found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_files import raw, small_store
from test_faults_kill import run

from caseassign import SYSTEM, Casework
from caseassign.errors import DamagedStoreError
from caseassign.stores.sqlite import SQLiteStore


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "flips", "every"),
    [
        ("sqlite3", "40", "11"),
        pytest.param("sqlite3-wal", "150", "3", marks=pytest.mark.long),
        pytest.param("apsw-wal", "150", "3", marks=pytest.mark.long),
    ],
)
def test_damage_is_noticed_and_made_no_worse(engine: str, flips: str, every: str) -> None:
    """SPEC 10.4, 8.5: a damaged file is reported with the right error and left as it is; history is never wrong."""
    status, report = run("damage.py", "--engine", engine, "--flips", flips, "--cuts", "20", "--every", every)
    assert status == 0, report
    assert "\n0 of these came out as they must not." in report


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "problem"),
    [("trusting", "the history is not what was written"), ("grasping", "another application's: the file was changed")],
)
def test_a_store_that_notices_no_damage_is_found_out(broken: str, problem: str) -> None:
    """SPEC 8.5, 10.4: a history that is not verified, and a store that takes any file for its own, are found."""
    status, report = run("damage.py", "--flips", "200", "--cuts", "1", "--every", "100", "--broken", broken)
    assert status == 1, report
    assert problem in report


@pytest.mark.parametrize("version", [0, -1, -(2**31)])
def test_a_version_that_never_was(tmp_path: Path, version: int) -> None:
    """SPEC 10.4: a file of ours with a version that never was is damaged; no migration is tried on it."""
    path = tmp_path / "haven.sqlite"
    with small_store(path):
        pass
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(DamagedStoreError, match="no version"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_schema_that_is_no_text(tmp_path: Path) -> None:
    """SPEC 10.4, 8.4: where SQLite complains in words that are no text, the file is damaged."""
    path = tmp_path / "haven.sqlite"
    with small_store(path):
        pass
    whole = path.read_bytes()
    path.write_bytes(
        whole.replace(b"tableclient", b"tablecli\xffnt").replace(b"CREATE TABLE client", b"CREATE TABLX client")
    )
    with pytest.raises(DamagedStoreError, match="backup"):
        SQLiteStore(path)


def test_a_reference_to_nothing(tmp_path: Path) -> None:
    """SPEC 10.4: a record that refers to one that is gone is damage, and an audit that comes across it says so."""
    path = tmp_path / "haven.sqlite"
    with small_store(path), raw(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE enrollment SET project_id = 'gone'")
    with closing(SQLiteStore(path)) as store, pytest.raises(DamagedStoreError, match="project gone is not there"):
        list(Casework(store, user=SYSTEM).audit())


def test_an_audit_that_is_told_of_nobody_says_that_the_file_is_damaged(tmp_path: Path) -> None:
    """SPEC 10.4: where an index names a household that the table has not, the audit says so in the library's words."""
    with closing(SQLiteStore(tmp_path / "haven.sqlite")) as store, store.transaction() as tx:
        audit = Casework(store, user=SYSTEM).audit()
        for nobody in [(1, None, "es", "nowhere"), (1, None, None, None)]:
            with pytest.raises(DamagedStoreError, match="no member is there"):
                list(audit._households_found(tx, [nobody]))


@pytest.mark.parametrize("row", [(b"\xff", "e1"), (1, b"\xff"), (1, 2.5)])
def test_a_search_that_finds_what_is_no_id_says_that_the_file_is_damaged(
    tmp_path: Path, row: tuple[object, ...]
) -> None:
    """SPEC 10.4: what stands in an index that is damaged is not taken for the id of a record."""
    with closing(SQLiteStore(tmp_path / "haven.sqlite")) as store, store.transaction() as tx:
        searching: Any = tx
        statement = "SELECT " + ", ".join(f"x'{v.hex()}'" if isinstance(v, bytes) else repr(v) for v in row)
        with pytest.raises(DamagedStoreError, match="no id"):
            list(searching.search([statement]))
