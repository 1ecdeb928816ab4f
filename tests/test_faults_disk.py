"""What tests/faults/disk.py finds: nothing in the store, and every fault that is planted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_files import WAL, add_client, raw, small_store
from test_faults_kill import run

from caseassign.errors import ConflictError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "every"),
    [
        ("sqlite3", "300"),
        pytest.param("sqlite3-wal", "10", marks=pytest.mark.long),
        pytest.param("apsw-truncate", "10", marks=pytest.mark.long),
        pytest.param("apsw-wal", "10", marks=pytest.mark.long),
    ],
)
def test_each_call_to_the_disk_fails_once(engine: str, every: str) -> None:
    """SPEC 10.1: where the disk fails, a clean error comes out, nothing is half done, and the next act works."""
    status, report = run(
        "disk.py", "--engine", engine, "--failures", "write", "full", "sync", "truncate", "open", "--every", every
    )
    assert status == 0, report
    assert " 0 failures lost something" in report


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("deaf", "was acknowledged, and is not there whole"),
        ("blind", "StorageError came out: SQLite failed"),
        ("leaky", "OperationalError came out"),
    ],
)
def test_a_store_that_mistreats_failures_is_found_out(broken: str, problem: str) -> None:
    """SPEC 10.1, 8.4: a COMMIT whose failure is swallowed, a blind rollback and a leaked error are found."""
    status, report = run("disk.py", "--engine", "sqlite3", "--failures", "write", "--every", "9", "--broken", broken)
    assert status == 1, report
    assert problem in report


@pytest.mark.skipif(WAL, reason="with a write-ahead log, readers do not keep a writer from committing")
def test_an_error_that_somebody_keeps_holds_no_lock(tmp_path: Path) -> None:
    """SPEC 10.1: after a commit that failed the file is free, also while the error is kept, as a debugger keeps it."""
    path = tmp_path / "haven.sqlite"
    with small_store(path) as store, raw(path) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM client").fetchall()
        with pytest.raises(ConflictError) as kept:
            add_client(store, "n1")
        other.execute("COMMIT")
        other.execute("BEGIN EXCLUSIVE")
        assert kept.value.__traceback__ is not None
