"""The works: who does them, what is measured, what the goals are, and how a round of each goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from statistics import median
from time import perf_counter
from typing import Any, Final

from benchmarks.ground import Ground, environment, start

Result = dict[str, Any]

PROCESSES: Final = 4
STARTS: Final = 5
"""How many fresh processes one round starts."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One line of the table: a number of a work, and the goal that caseassign has for it, if there is one.

    ``most`` bounds the ratio of its time to that of the hand-written peer, or, if ``absolute``, its seconds.
    """

    name: str
    title: str
    goal: str = ""
    most: float = inf
    absolute: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """One work. ``writes`` says that each round needs a file of its own."""

    name: str
    peers: tuple[str, ...]
    measures: tuple[Measure, ...]
    measure: Callable[[Ground, Work, str, int, bool], Result]


VARIANTS: Final = {
    "by_hand_once": ("by_hand", "import_once"),
    "two_threads": ("by_hand", "audit_in_two_threads"),
    "sqlalchemy_core": ("sqlalchemy_orm", "import_core"),
}
"""Those who do a work in another way than the module of their tables: that module, and the function."""


OVER_BY_HAND: Final = ("duckdb_sql", "polars_frames", "pandera_checks")
"""Those who read the tables of the hand-written peer."""


def _reading(ground: Ground, work: Work, peer: str, number: int, check: bool) -> Result:
    name, function = VARIANTS.get(peer, (peer, work.name))
    tables = "by_hand" if peer in OVER_BY_HAND else name
    return ground.carry_out(ground.task(name, function, ground.file(tables), check=check))


def _writing(ground: Ground, work: Work, peer: str, number: int, check: bool) -> Result:
    result = ground.carry_out(ground.task(peer, work.name, ground.copy(peer), check=check))
    ground.empty(peer)
    return result


def _importing(ground: Ground, work: Work, peer: str, number: int, check: bool) -> Result:
    name, function = VARIANTS.get(peer, (peer, work.name))
    result = ground.carry_out(ground.task(name, function, ground.empty(peer), check=check, export=str(ground.export)))
    ground.empty(peer)
    return result


def _four(ground: Ground, work: Work, peer: str, number: int, check: bool) -> Result:
    if check:
        return {"answer": "", "seconds": {}}
    task = ground.task(peer, work.name, ground.copy(peer))
    running = [start(replace(task, share=(place, PROCESSES))) for place in range(PROCESSES)]
    results = [json.loads(process.communicate()[0]) for process in running]
    ground.empty(peer)
    return {
        "answer": "",
        "seconds": {"slowest": max(result["seconds"]["slowest"] for result in results)},
        "acts": sum(result["acts"] for result in results),
        "errors": sum(result["errors"] for result in results),
    }


IMPORTED: Final = {
    "library": "import caseassign",
    "by_hand": "import sqlite3",
    "sqlalchemy_orm": "import sqlalchemy.orm",
    "django_orm": "import django; from django.conf import settings; settings.configure(); django.setup()\n"
    "from django.db import models",
}


DOOR: Final = "from caseassign import Casework, SQLiteStore"
"""What a small program imports, where ``import caseassign`` alone loads what is asked of it and no more."""


def _starting(ground: Ground, work: Work, peer: str, number: int, check: bool) -> Result:
    file, asked = ground.file(peer), json.loads(ground.errands.read_text(encoding="utf-8"))
    user, today = asked["users"][0], asked["today"]
    command = [sys.executable, "-m", f"benchmarks.peers.{peer}_cold", str(file), user, today]
    if peer == "library":
        command = [sys.executable, "-m", "caseassign", "active", "--store", str(file), "--user", user, "--as-of", today]
    if check:
        shown = _said(command + ["--json"] * (peer == "library"))
        return {"answer": str(len(json.loads(shown)) if peer == "library" else shown.count("\n")), "seconds": {}}
    imported = {"import": IMPORTED[peer]} | ({"door": DOOR} if peer == "library" else {})
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(STARTS):
        for name, statement in imported.items():
            taken[name].append(float(_said([sys.executable, "-c", _WATCHED.format(statement)])))
        begin = perf_counter()
        _said(command)
        taken["cold"].append(perf_counter() - begin)
    return {"answer": "", "seconds": {name: median(seconds) for name, seconds in taken.items()}}


_WATCHED: Final = "from time import perf_counter\nbegin = perf_counter()\n{}\nprint(perf_counter() - begin)"


def _said(command: list[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment()).stdout


WORKS: Final = (
    Work(
        name="cases",
        peers=("library", "by_hand", "sqlalchemy_orm", "django_orm"),
        measures=(
            Measure(name="cases", title="my active cases (about 40 rows), median", goal="at most 1.15", most=1.15),
        ),
        measure=_reading,
    ),
    Work(
        name="add",
        peers=("library", "by_hand", "sqlalchemy_orm", "django_orm"),
        measures=(
            Measure(name="act", title="add one assignment, durable", goal="at most 1.25 (0.8 of the rate)", most=1.25),
        ),
        measure=_writing,
    ),
    Work(
        name="four",
        peers=("library", "by_hand", "sqlalchemy_orm", "django_orm"),
        measures=(
            Measure(
                name="slowest",
                title="slowest act of four processes adding (for 10 s)",
                goal="below 0.5 s",
                most=0.5,
                absolute=True,
            ),
        ),
        measure=_four,
    ),
    Work(
        name="reassign",
        peers=("library", "by_hand", "sqlalchemy_orm", "django_orm"),
        measures=(
            Measure(name="reassign", title="reassign a caseload (of 10,000 in L)", goal="at most 2", most=2),
            Measure(name="undo", title="undo the reassignment", goal="at most 2", most=2),
        ),
        measure=_writing,
    ),
    Work(
        name="audit",
        peers=("library", "by_hand", "two_threads", "duckdb_sql", "polars_frames", "pandera_checks"),
        measures=(Measure(name="audit", title="audit of everything", goal="at most 0.7", most=0.7),),
        measure=_reading,
    ),
    Work(
        name="export",
        peers=("library", "by_hand"),
        measures=(Measure(name="export", title="export of all assignments as CSV"),),
        measure=_reading,
    ),
    Work(
        name="import_",
        peers=(
            "library",
            "by_hand",
            "by_hand_once",
            "sqlalchemy_orm",
            "sqlalchemy_core",
            "django_orm",
            "polars_import",
        ),
        measures=(Measure(name="import", title="import an export (every row checked)", goal="at most 1.1", most=1.1),),
        measure=_importing,
    ),
    Work(
        name="start",
        peers=("library", "by_hand", "sqlalchemy_orm", "django_orm"),
        measures=(
            Measure(
                name="import",
                title="`import caseassign` (which loads names as they are used), or what the peer is made with",
                goal="at most 60 ms",
                most=0.06,
                absolute=True,
            ),
            Measure(name="door", title=f"`{DOOR}`", goal="at most 60 ms", most=0.06, absolute=True),
            Measure(name="cold", title="cold list of active cases", goal="at most 120 ms", most=0.12, absolute=True),
        ),
        measure=_starting,
    ),
)


def answers(ground: Ground, work: Work, peers: Sequence[str]) -> dict[str, str]:
    """Return what each peer answers, in a form to be compared."""
    return {peer: work.measure(ground, work, peer, 0, True)["answer"] for peer in peers}


def rounds(ground: Ground, work: Work, peers: Sequence[str], count: int) -> Iterator[tuple[str, Result]]:
    """Compare the answers of all peers, then yield what each measures, one after the other, round after round."""
    found = answers(ground, work, peers)
    if len(set(found.values())) > 1:
        raise SystemExit(f"{work.name}: the answers differ: {found}")
    for number in range(count):
        for peer in peers:
            yield peer, work.measure(ground, work, peer, number, False)
