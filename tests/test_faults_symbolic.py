"""Solving for days on which periods and rules go wrong, a little of it; and that it finds what chance does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "faults" / "symbolic.py"
pytest.importorskip("hypothesis_crosshair_provider", reason="needs the extra faults")


def symbolic(*options: str) -> subprocess.CompletedProcess[str]:
    """What comes of trying the property of the days that a period holds."""
    command = [sys.executable, str(SCRIPT), "--only", "holds_the_days", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_no_day_is_found_that_a_period_deals_with_wrongly() -> None:
    """SPEC 3.1: windows are half-open, on every day that there is."""
    done = symbolic("--examples", "15")
    assert (done.returncode, done.stderr) == (0, "")
    assert ": held; " in done.stdout


@pytest.mark.long
def test_one_wrong_day_in_three_million_is_found_and_chance_does_not_find_it() -> None:
    """SPEC 3.1: the control, with a bug that one day shows."""
    found = symbolic("--plant", "--examples", "60")
    assert found.returncode == 1
    assert "datetime.date(2031, 3, 17)" in found.stdout
    assert symbolic("--plant", "--examples", "1000", "--backend", "hypothesis").returncode == 0
