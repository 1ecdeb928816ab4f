"""Feed the readers of files with spoiled files, and see that nothing but their documented error comes out.

Run as ``python tests/faults/fuzz.py TARGET --runs N``. With atheris (the extra ``faults``), what is tried next
depends on which branches of the readers were reached; ``--engine random`` needs nothing but the project.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import fuzz_inputs as inputs
import fuzz_plants
from fuzz_checks import Answer, Finding, check_rows
from fuzz_export_checks import ExportChecks
from fuzz_grown import GROWN, Grown
from fuzz_list_checks import ListChecks

MOST_SECONDS: Final = 5.0
"""Of the processor, that an input of a few thousand bytes may take."""

MOST_MEMORY: Final = 64 * 2**20
"""Bytes by which the peak of the process may grow at one input of a few thousand bytes."""

MOST_HEAP: Final = 3 * 2**20
"""Bytes by which the peak of Python's memory may grow where a file is eight times as long."""

LONGEST_INPUT: Final = 2**15
GROW_AT: Final = (500, 50_000)
"""At the first of these runs, and at every multiple of the second, a long file is read and its memory measured."""

_DONE: Final = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/(\S+) .*rss: (\d+)Mb")
_TOLD: Final = re.compile(r"^FUZZ (.*)$", re.MULTILINE)


class Target(NamedTuple):
    """What is fuzzed: the seeds it starts from, how they are spoiled, what is checked, and how a long file is made."""

    seeds: Callable[[], list[bytes]]
    mutate: inputs.Mutator
    check: Callable[[Path], Callable[[bytes], Answer]]
    grown: Grown


TARGETS: Final = {
    "rows": Target(inputs.file_seeds, inputs.mutate_csv, lambda _: check_rows, GROWN["rows"]),
    "export": Target(
        inputs.export_seeds, inputs.mutate_export, lambda folder: ExportChecks(folder).check_export, GROWN["export"]
    ),
    "zip": Target(inputs.zip_seeds, inputs.mutate_zip, lambda folder: ExportChecks(folder).check_zip, GROWN["zip"]),
    "csv": Target(inputs.list_seeds, inputs.mutate_csv, lambda folder: ListChecks(folder).check_csv, GROWN["csv"]),
    "json": Target(inputs.json_seeds, inputs.mutate_json, lambda folder: ListChecks(folder).check_json, GROWN["json"]),
}


class Guarded:
    """A check that also watches the clock and the memory, and counts what came of the inputs."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._check = target.check(folder)
        self._peak = 0
        self._slowest = 0.0
        self.runs = self._read = self._rows = self._issues = 0

    def __call__(self, data: bytes) -> None:
        """Try one input; whatever is wrong comes out as an exception."""
        self.runs += 1
        started, before = time.process_time(), _peak_memory()
        answer = self._check(data)
        took = time.process_time() - started
        self._slowest = max(self._slowest, took)
        self._read += answer.read
        self._rows += answer.rows
        self._issues += answer.issues
        if took > MOST_SECONDS:
            raise Finding(f"{len(data)} bytes take {took:.1f} s")
        if self.runs > GROW_AT[0] and _peak_memory() - before > MOST_MEMORY:
            raise Finding(f"{len(data)} bytes take {(_peak_memory() - before) >> 20} MiB of memory")
        if self.runs == GROW_AT[0] or self.runs % GROW_AT[1] == 0:
            self._grow()

    def _grow(self) -> None:
        """Read a long file and one eight times as long: what is held in memory may not depend on it."""
        short, long = (self._heap_of(length) for length in (2**20, 2**23))
        if long - short > MOST_HEAP * self._target.grown.times:
            raise Finding(f"a file eight times as long takes {(long - short) >> 20} MiB more of memory")

    def _heap_of(self, length: int) -> int:
        path = self._target.grown.write(self._folder, length)
        tracemalloc.start()
        try:
            self._target.grown.walk(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def told(self) -> dict[str, Any]:
        """Return what was counted."""
        return {
            "runs": self.runs,
            "read": self._read,
            "rows": self._rows,
            "issues": self._issues,
            "slowest": self._slowest,
            "memory": _peak_memory(),
        }


def _peak_memory() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def spoiled(data: bytes, mutate: inputs.Mutator, random: Random) -> bytes:
    """Return an input with a few things wrong in it."""
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        data = mutate(data, random)
    return data[:LONGEST_INPUT]


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder, in memory where the system has such a place, for the files that the readers open."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108
        before = os.environ.get("SQLITE_TMPDIR")
        os.environ["SQLITE_TMPDIR"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("SQLITE_TMPDIR")
            if before is not None:
                os.environ["SQLITE_TMPDIR"] = before


# The engines


def run_random(name: str, runs: int, seed: int, keep: Path) -> dict[str, Any]:
    """Try the seeds, and then what a chance makes of them, so many times."""
    target, random = TARGETS[name], Random(seed)
    seeds = target.seeds()
    with scratch() as folder:
        guarded = Guarded(target, folder)
        while guarded.runs < runs:
            known = guarded.runs < len(seeds)
            data = seeds[guarded.runs] if known else spoiled(random.choice(seeds), target.mutate, random)
            try:
                guarded(data)
            except Exception as error:  # noqa: BLE001  # whatever comes out is what is looked for
                return guarded.told() | {"found": described(error), "input": str(_kept(keep, data))}
        return guarded.told()


def run_atheris(name: str, runs: int, seed: int, keep: Path, plant: str | None) -> dict[str, Any]:
    """Let a process with atheris do it, which ends at the first finding."""
    with tempfile.TemporaryDirectory() as corpus, scratch() as folder:
        for number, data in enumerate(TARGETS[name].seeds()):
            (Path(corpus) / f"seed{number}").write_bytes(data)
        keep.mkdir(parents=True, exist_ok=True)
        options = [f"-runs={runs}", f"-seed={seed or 1}", f"-max_len={LONGEST_INPUT}", "-len_control=0", "-timeout=60"]
        options += ["-rss_limit_mb=2048", f"-artifact_prefix={keep}/", "-print_final_stats=0", corpus]
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("fuzz_atheris.py")),
                name,
                plant or "-",
                str(folder),
                *options,
            ],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
    told: dict[str, Any] = json.loads((_TOLD.findall(done.stderr) or ['{"runs": 0}'])[-1])
    last = _DONE.search(done.stderr)
    if last is not None:
        told |= {"runs": int(last[1]), "edges": int(last[2]), "features": int(last[3]), "corpus": int(last[4])}
    if done.returncode and "found" not in told:
        told["found"] = f"the fuzzer ended with {done.returncode}: {done.stderr[-2000:]}"
    return told


def described(error: BaseException) -> str:
    """Return what came out of a reader, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:300]} ({Path(place.filename).name}, line {place.lineno})"


def _kept(keep: Path, data: bytes) -> Path:
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / "finding"
    path.write_bytes(data)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz one target, and say what was done and found; the exit status is 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Feed the readers of files with spoiled files.")
    parser.add_argument("target", choices=TARGETS, help="which reader")
    parser.add_argument("--runs", type=int, default=10_000, help="how many inputs (10,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the chance (1)")
    parser.add_argument("--engine", choices=("atheris", "random"), default="atheris", help="what chooses the inputs")
    parser.add_argument(
        "--plant", choices=fuzz_plants.NAMES, help="put this defect into the reader first, as a control"
    )
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="where an input that fails goes")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    if given.engine == "atheris":
        told = run_atheris(given.target, given.runs, given.seed, given.keep, given.plant)
    else:
        with fuzz_plants.planted(given.target, given.plant):
            told = run_random(given.target, given.runs, given.seed, given.keep)
    sys.stdout.write(f"{report(given.target, told, time.monotonic() - started)}\n")
    return 1 if "found" in told else 0


def report(name: str, told: dict[str, Any], seconds: float) -> str:
    """Return one paragraph on what was done and found."""
    text = f"{name}: {told['runs']:,} runs in {seconds:,.0f} s ({told['runs'] / seconds:,.0f} a second)"
    if "read" in told:
        text += f"; {told['read']:,} inputs were read, with {told['rows']:,} rows and {told['issues']:,} issues"
        text += f"; the slowest took {told['slowest']:.2f} s; {told['memory'] >> 20} MiB of memory at most"
    if "edges" in told:
        text += f"; {told['edges']:,} edges reached, {told['features']:,} features, a corpus of {told['corpus']:,}"
    if "found" in told:
        return f"{text}. FOUND after {told['runs']:,} runs: {told['found']} (input: {told.get('input', 'see --keep')})"
    return f"{text}. Nothing was found."


if __name__ == "__main__":
    sys.exit(main())
