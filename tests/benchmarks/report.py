"""What came of it: the table in Markdown, and how each cost grows with size, as a picture."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.works import WORKS, Measure, Result

Results = Mapping[str, Mapping[str, list[Result]]]
"""What was measured, by work and peer, round after round."""

_BEGIN: Final = "<!-- measured: begin -->"
_END: Final = "<!-- measured: end -->"

NAMES: Final = {
    "library": "**caseassign**",
    "by_hand": "hand-written sqlite3",
    "by_hand_once": "hand-written, remembering nothing",
    "two_threads": "hand-written, two threads",
    "sqlalchemy_orm": "SQLAlchemy ORM",
    "sqlalchemy_core": "SQLAlchemy Core",
    "django_orm": "Django ORM",
    "duckdb_sql": "DuckDB",
    "polars_frames": "polars",
    "polars_import": "polars",
    "pandera_checks": "pandera",
}


def machine() -> str:
    """Return where this is measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def table(results: Results) -> str:
    """Return the table of one size."""
    lines = [
        "| work | who | median | from | to | ratio to hand-written | peak memory | goal | |",
        "|---|---|--:|--:|--:|--:|--:|---|---|",
    ]
    for work in WORKS:
        for measure in work.measures if work.name in results else ():
            lines += _lines(measure, results[work.name])
    return "\n".join(lines)


FLAT: Final = ("import_", "audit", "export")
"""The works that go through everything, in memory that does not grow with it."""


def memory(sizes: Mapping[str, Results]) -> str:
    """Return how much memory the library took at most, at each size."""
    lines = [f"| peak memory | {' | '.join(sizes)} |", f"|---|{'--:|' * len(sizes)}"]
    for work in WORKS:
        if work.name in FLAT and all(work.name in results for results in sizes.values()):
            peaks = [max(result["peak"] for result in results[work.name]["library"]) for results in sizes.values()]
            lines.append(f"| {work.measures[0].title} | {' | '.join(f'{peak:.0f} MiB' for peak in peaks)} |")
    return "\n".join(lines)


def _lines(measure: Measure, by_peer: Mapping[str, list[Result]]) -> Iterator[str]:
    yardstick = _seconds(by_peer.get("by_hand", []), measure.name)
    for peer, rounds in by_peer.items():
        taken = _seconds(rounds, measure.name)
        if not taken:
            continue
        ratio = median(taken) / median(yardstick) if yardstick else None
        goal, met = "", ""
        if peer == "library" and measure.goal:
            judged = median(taken) if measure.absolute else ratio
            goal = measure.goal
            met = "" if judged is None else "met" if judged <= measure.most else "**not met**"
            errors = sum(result.get("errors", 0) for result in rounds)
            met = f"**{errors} errors**" if errors else met
        peaks = [result["peak"] for result in rounds if "peak" in result]
        acts = sum(result["acts"] for result in rounds) if "slowest" in measure.name else 0
        yield (
            f"| {measure.title if peer == 'library' else ''} | {NAMES[peer]} | {_time(median(taken))} "
            f"| {_time(min(taken))} | {_time(max(taken))} | {'' if ratio is None else f'{ratio:.2f}'} "
            f"| {f'{max(peaks):.0f} MiB' if peaks else ''}{f'{acts} acts' if acts else ''} | {goal} | {met} |"
        )


def _seconds(rounds: list[Result], name: str) -> list[float]:
    return [result["seconds"][name] for result in rounds if name in result["seconds"]]


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def write_page(page: Path, said: str, sizes: Mapping[str, Results]) -> None:
    """Put what was measured between the marks of a page, and the picture beside it."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{said}{_END}{after}", encoding="utf-8")
    draw(sizes, page.with_suffix(".svg"))


def draw(sizes: Mapping[str, Results], path: Path) -> None:
    """Draw how what caseassign takes grows with the number of enrollments."""
    import altair as alt  # noqa: PLC0415  # drawn at the very end, and loaded by nothing that is measured

    from benchmarks.world import SIZES  # noqa: PLC0415  # for the same reason

    points: list[dict[str, Any]] = []
    for size, results in sizes.items():
        for work in WORKS:
            for measure in work.measures if work.name in results else ():
                for peer in ("library", "by_hand"):
                    taken = _seconds(list(results[work.name].get(peer, [])), measure.name)
                    if taken:
                        points.append(
                            {
                                "enrollments": SIZES[size].enrollments,
                                "seconds": median(taken),
                                "work": measure.title.partition(",")[0].partition(" (")[0],
                                "who": NAMES[peer].strip("*"),
                            }
                        )
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("enrollments:Q", scale=alt.Scale(type="log"), axis=alt.Axis(values=[1e4, 1e5, 1e6], format="~s")),
            y=alt.Y("seconds:Q", scale=alt.Scale(type="log"), axis=alt.Axis(values=[1e-3, 1e-2, 0.1, 1, 10, 100])),
            color=alt.Color("who:N", title=None),
        )
        .properties(width=180, height=120)
        .facet(alt.Facet("work:N", title=None, sort=None), columns=3)
    )
    chart.save(path)
    print(f"wrote {path}", file=sys.stderr)
