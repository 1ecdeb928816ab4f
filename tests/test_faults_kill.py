"""What tests/faults/kill.py and power.py find: nothing in the library's stores, and every safety that is off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent / "faults"


def run(script: str, *options: str) -> tuple[int, str]:
    """Run a script, and return its exit status and its report."""
    command = [sys.executable, str(FAULTS / script), *options]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=600)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "store",
    [
        "sqlite3",
        pytest.param("apsw-wal", marks=pytest.mark.long),
        pytest.param("postgres", marks=pytest.mark.long),
        pytest.param("postgres-server", marks=pytest.mark.long),
    ],
)
def test_nothing_is_lost_to_a_kill(store: str) -> None:
    """SPEC 10.1, 8.5: whenever a process is killed, what was acknowledged is there whole, and nothing is half done."""
    status, report = run("kill.py", "--store", store, "--kills", "8" if store == "sqlite3" else "20")
    assert status == 0, report
    assert " 0 kills lost something" in report


@pytest.mark.long
@pytest.mark.parametrize(
    ("store", "broken", "problem"),
    [
        ("sqlite3", "late", "acknowledged, and is not there"),
        ("sqlite3", "halves", "a record or a line, not both"),
        ("sqlite3", "no-journal", "kill "),
        ("postgres", "late", "acknowledged, and is not there"),
        ("postgres", "halves", "a record or a line, not both"),
        ("postgres-server", "asynchronous", "acknowledged, and is not there"),
    ],
)
def test_a_store_that_loses_acts_is_found_out(store: str, broken: str, problem: str) -> None:
    """SPEC 10.1: the kills find out a store that acknowledges too early, splits an act or cannot roll back."""
    kills = {"no-journal": "200", "asynchronous": "10"}.get(broken, "60")
    status, report = run("kill.py", "--store", store, "--kills", kills, "--broken", broken)
    assert status == 1, report
    assert problem in report


@pytest.mark.parametrize("engine", ["apsw-wal", pytest.param("apsw-truncate", marks=pytest.mark.long)])
def test_nothing_is_lost_to_a_power_cut(engine: str) -> None:
    """SPEC 10.1: whenever the power is cut, what was acknowledged is there whole, and nothing is half done."""
    status, report = run("power.py", "--engine", engine, "--cuts", "30")
    assert status == 0, report
    assert " 0 lost something" in report


@pytest.mark.long
@pytest.mark.parametrize("engine", ["apsw-wal", "apsw-truncate"])
def test_a_store_that_syncs_nothing_is_found_out(engine: str) -> None:
    """SPEC 10.1: the power cuts find out a store that does not wait for the disk."""
    status, report = run("power.py", "--engine", engine, "--cuts", "30", "--synchronous-off")
    assert status == 1, report
    assert "acknowledged, and is not there" in report
