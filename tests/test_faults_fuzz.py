"""Fuzzing of the readers, a little of it and without atheris; and that it finds what is wrong with a reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "faults" / "fuzz.py"
TARGETS = {"rows": 450, "export": 150, "zip": 150, "csv": 300, "json": 450}
SLOW = pytest.mark.long


def fuzz(keep: Path, target: str, runs: int, *options: str) -> subprocess.CompletedProcess[str]:
    """What comes of so many runs whose inputs chance alone chooses."""
    command = [sys.executable, str(SCRIPT), target, "--engine", "random", "--runs", str(runs), "--keep", str(keep)]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_but_the_documented_error_comes_out_of_a_reader(tmp_path: Path, target: str) -> None:
    """SPEC 9.2: whatever is wrong with a file, no row is lost, and no other spelling of it says anything else."""
    done = fuzz(tmp_path, target, TARGETS[target])
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith(f"{target}: {TARGETS[target]} runs in ")
    assert "Nothing was found." in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("plant", ["crash", "loss", pytest.param("memory", marks=SLOW)])
@pytest.mark.parametrize("target", ["rows", *(pytest.param(name, marks=SLOW) for name in TARGETS if name != "rows")])
def test_a_defect_that_is_put_into_a_reader_is_found(tmp_path: Path, target: str, plant: str) -> None:
    """SPEC 9.2: an error that gets out, a row that is lost, a file that is held in memory: each is found and kept."""
    done = fuzz(tmp_path, target, 4_000, "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FOUND after " in done.stdout
    assert (tmp_path / "finding").exists()


@pytest.mark.long
def test_a_fuzzer_that_is_led_by_coverage_finds_it_too(tmp_path: Path) -> None:
    """SPEC 9.2: atheris, where it is at hand, tries the same inputs under the same checks."""
    pytest.importorskip("atheris", reason="atheris, of the extra 'faults', is not at hand")
    command = [sys.executable, str(SCRIPT), "csv", "--runs", "20000", "--keep", str(tmp_path)]
    sound = subprocess.run([*command[:-3], "400", *command[-2:]], capture_output=True, text=True, check=False)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert " edges reached" in sound.stdout
    planted = subprocess.run([*command, "--plant", "loss"], capture_output=True, text=True, check=False)
    assert planted.returncode == 1, planted.stdout + planted.stderr
    assert "a row is neither an assignment nor an issue" in planted.stdout
    assert list(tmp_path.glob("crash-*"))
