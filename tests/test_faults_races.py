"""What the races of tests/faults/races.py find: nothing in the library's stores, and each fault that is planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCENES = ("primaries", "exits", "reassignments", "plans", "undos", "imports", "commands", "queue")


def races(*options: str | int) -> subprocess.CompletedProcess[str]:
    """Run the command, and return what came of it."""
    script = Path(__file__).parent / "faults" / "races.py"
    return subprocess.run(
        [sys.executable, script, *map(str, options)], text=True, capture_output=True, check=False, timeout=600
    )


def expect_nothing_wrong(done: subprocess.CompletedProcess[str], rounds: int) -> None:
    """Expect that every scene was played to its end, and nothing found."""
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()[1:-1]
    assert [line.partition(":")[0] for line in said] == list(SCENES)
    assert all(f" {rounds} rounds, " in line and " 0 rounds wrong;" in line for line in said[:-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "how"),
    [
        ("memory", "threads"),
        ("sqlite", "processes"),
        pytest.param("sqlite", "threads", marks=pytest.mark.long),
    ],
)
def test_races(store: str, how: str) -> None:
    """SPEC 10.1, 6: whatever two do at once leaves what one after the other would, and all of it is on record."""
    expect_nothing_wrong(races("--store", store, "--with", how, "--rounds", 15), 15)


@pytest.mark.long
@pytest.mark.parametrize("how", ["threads", "processes"])
def test_races_on_postgres(dsn: str, how: str) -> None:
    """SPEC 10.1, 10.2: the same holds on PostgreSQL."""
    expect_nothing_wrong(races("--store", "postgres", "--dsn", dsn, "--with", how, "--rounds", 15), 15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "scene", "problem"),
    [
        ("late", "primaries", "2 hold the exclusive role"),
        pytest.param("late", "exits", "somebody is open after the exit", marks=pytest.mark.long),
        pytest.param("late", "reassignments", "the caseload was torn apart", marks=pytest.mark.long),
        pytest.param("late", "plans", "told: ['done', 'done']", marks=pytest.mark.long),
        pytest.param("late", "undos", "history shows 2 undos", marks=pytest.mark.long),
        pytest.param("late", "commands", "carried out 2 times", marks=pytest.mark.long),
        ("checks-before", "primaries", "2 hold the exclusive role"),
        pytest.param("checks-before", "exits", "somebody is open after the exit", marks=pytest.mark.long),
        pytest.param("unrecorded", "exits", "is not as its last line says", marks=pytest.mark.long),
        pytest.param("piecemeal", "queue", "members have no case manager", marks=pytest.mark.long),
        pytest.param("impatient", "queue", "ConflictError: another process is writing", marks=pytest.mark.long),
    ],
)
def test_planted_faults_are_found(plant: str, scene: str, problem: str) -> None:
    """SPEC 10.1: a store, or a front door, that lets two act at once on what they saw before is found out."""
    done = races("--plant", plant, "--only", scene, "--rounds", 40)
    assert done.returncode == 1, done.stdout + done.stderr
    assert problem in done.stdout


@pytest.mark.long
def test_planted_faults_are_found_on_postgres(dsn: str) -> None:
    """SPEC 10.1: READ COMMITTED without turns is not enough, and is found out."""
    done = races("--store", "postgres", "--dsn", dsn, "--plant", "unlocked", "--only", "reassignments", "--rounds", 60)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the caseload was torn apart" in done.stdout
