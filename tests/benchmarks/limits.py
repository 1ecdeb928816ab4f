"""What the parts of an import cost by themselves, beside all of it by hand: ``python tests/benchmarks/limits.py``.

Each part does what the import cannot do without, on rows that lie ready in memory, and nothing else.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

sys.path[0] = str(Path(__file__).parents[1])  # so that the modules are those of a package, here and in each child

from benchmarks.ground import Ground  # noqa: E402  # found by what stands above
from benchmarks.report import machine  # noqa: E402  # found by what stands above
from benchmarks.works import WORKS  # noqa: E402  # found by what stands above
from caseassign import SQLiteStore  # noqa: E402  # found by what stands above
from caseassign.formats import hmis_csv  # noqa: E402  # found by what stands above
from caseassign.formats.hmis_source import FILES  # noqa: E402  # found by what stands above

KINDS: Final = ("organization", "project", "user", "client", "enrollment")


def main() -> int:
    """Print what each part takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("S", "M", "L"), default="M", help="10,000, 100,000, 1,000,000 enrollments")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, one after the other")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "caseassign-benchmarks")
    options = parser.parse_args()
    ground = Ground(options.folder, options.size, 2026)
    taken: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for part, seconds in _parts(ground):
            taken.setdefault(part, []).append(seconds)
    whole = median(taken["all of it, by hand"])
    print(f"Size {options.size}: {machine()}, median of {options.rounds}.\n")
    print("| part of an import | seconds | of the import by hand |\n|---|--:|--:|")
    for part, each in taken.items():
        print(f"| {part} | {median(each):.2f} | {median(each) / whole:.2f} |")
    return 0


def _parts(ground: Ground) -> Iterator[tuple[str, float]]:
    work = next(work for work in WORKS if work.name == "import_")
    yield "all of it, by hand", work.measure(ground, work, "by_hand", 0, False)["seconds"]["import"]
    yield "splitting the lines, with `csv.reader`", _timed(lambda: _split(ground.export))
    begin = perf_counter()
    with hmis_csv.read(ground.export) as export:
        yield "reading and judging every row, on the disk", perf_counter() - begin
        yield "making the records out of that", _timed(lambda: [sum(1 for _ in export.rows(kind)) for kind in KINDS])
        records = {kind: [row.record for row in export.rows(kind)] for kind in KINDS}
    path = ground.empty("library")
    with closing(SQLiteStore(path)) as store:
        yield "adding the records to a store, and nothing else", _timed(lambda: _add(store, records))
    ground.empty("library")


def _timed(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def _split(folder: Path) -> None:
    for name in FILES:
        if (folder / name).exists():
            with (folder / name).open(encoding="utf-8", newline="") as file:
                sum(1 for _ in csv.reader(file))


def _add(store: SQLiteStore, records: dict[str, list[Any]]) -> None:
    with store.transaction(write=True) as tx, tx.filling():
        for kind in KINDS:
            getattr(tx, f"{kind}s").add(records[kind])


if __name__ == "__main__":
    sys.exit(main())
