"""Mutation testing of one act, whose every mutant is noticed; and that it says so where one is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "faults" / "mutants.py"


def mutants(*options: str) -> subprocess.CompletedProcess[str]:
    """What comes of planting bugs in the act that edits an enrollment."""
    command = [sys.executable, str(SCRIPT), "--only", "acts/edit", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_no_bug_that_is_planted_in_an_act_goes_unnoticed() -> None:
    """SPEC 6.10: each is noticed by a test, refused by the type checker, or has a reason."""
    done = mutants()
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 without one" in done.stdout


@pytest.mark.long
def test_a_bug_that_no_test_notices_is_shown() -> None:
    """SPEC 6.10: with the tests of another act alone, bugs survive, and the command fails."""
    done = mutants("--tests", "test_exit.py")
    assert done.returncode == 1
    assert "survived: acts/edit." in done.stdout
