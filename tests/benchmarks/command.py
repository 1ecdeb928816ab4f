"""The command: measures the works, prints a table, and renews the page that shows it."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.ground import Ground
from benchmarks.report import Results, machine, memory, table, write_page
from benchmarks.works import WORKS, Result, rounds

PAGE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "performance.md"
SIZES: Final = ("S", "M", "L")
NEEDS: Final = {
    "sqlalchemy_orm": "sqlalchemy",
    "sqlalchemy_core": "sqlalchemy",
    "django_orm": "django",
    "duckdb_sql": "duckdb_extension_sqlite_scanner",
    "polars_frames": "polars",
    "polars_import": "polars",
    "pandera_checks": "pandera",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line."""
    args = _parser().parse_args(argv)
    sizes = SIZES[: SIZES.index(args.size) + 1] if args.page else [args.size]
    measured = {size: _measure(args, size, 1 if size != args.size else args.rounds) for size in sizes}
    said = f"Size {args.size}: {machine()}, median of {args.rounds}.\n\n{table(measured[args.size])}\n"
    print(said)
    if args.json is not None:
        args.json.write_text(json.dumps({"machine": machine(), "sizes": measured}, indent=1), encoding="utf-8")
    if args.page:
        write_page(PAGE, f"{said}\n{memory(measured)}\n", measured)
    return 0


def _measure(args: argparse.Namespace, size: str, count: int) -> Results:
    ground = Ground(args.folder, size, args.seed)
    measured: dict[str, dict[str, list[Result]]] = {}
    for work in WORKS:
        if args.work and work.name not in args.work:
            continue
        peers = [peer for peer in work.peers if not args.peers or peer in args.peers]
        for peer in [peer for peer in peers if peer in NEEDS and find_spec(NEEDS[peer]) is None]:
            print(f"{work.name}: {peer} is left out, for {NEEDS[peer]} is not installed", file=sys.stderr)
            peers.remove(peer)
        by_peer: defaultdict[str, list[Result]] = defaultdict(list)
        for peer, result in rounds(ground, work, peers, count):
            print(f"{size} {work.name} {peer}: {result['seconds']}", file=sys.stderr, flush=True)
            by_peer[peer].append(result)
        measured[work.name] = dict(by_peer)
    return measured


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="Measure caseassign and its peers.")
    parser.add_argument(
        "--size", choices=("T", *SIZES), default="S", help="600, 10,000, 100,000, 1,000,000 enrollments"
    )
    parser.add_argument("--work", nargs="+", choices=[work.name for work in WORKS], help="only these works")
    parser.add_argument("--peers", nargs="+", help="only these peers")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, one after the other")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--seed", type=int, default=2026, help="what chance begins with")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "caseassign-benchmarks",
        help="where worlds are kept; the next run takes them from there",
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="measure the smaller sizes once too, and renew the page of the documentation",
    )
    return parser
