"""The benchmarks measure the same works: every peer answers alike, on a world that is the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from benchmarks.command import NEEDS
from benchmarks.errands import Task, errands_of
from benchmarks.ground import Ground, in_a_process
from benchmarks.works import WORKS, Work, answers
from benchmarks.world import SIZES, World

from caseassign import ADVISORY_RULES, REQUIRED_RULES, SYSTEM, Casework, SQLiteStore

IN_THIS_PROCESS = {"ground", "library", "by_hand", "sqlalchemy_orm"}


def carried_out(task: Task) -> dict[str, Any]:
    """Carry out a task here, if what it loads does no harm to other tests."""
    if task.peer not in IN_THIS_PROCESS:
        return in_a_process(task)
    result: dict[str, Any] = getattr(import_module(f"benchmarks.peers.{task.peer}"), task.work)(task)
    return result


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A tiny world, with much dirt in it."""
    return Ground(tmp_path_factory.mktemp("benchmarks"), "T", 2026, carried_out)


def compared() -> Iterator[Any]:
    """Yield each work with each peer, besides the library; skipped where the peer's packages are not installed."""
    for work in WORKS:
        for peer in work.peers[1:] if work.name != "four" else ():  # four at once give no answer, only times
            needed = NEEDS.get(peer)
            is_missing = needed is not None and find_spec(needed) is None
            skip = pytest.mark.skipif(is_missing, reason=f"{needed} is not installed: it comes with the extra bench")
            yield pytest.param(work, peer, marks=skip, id=f"{work.name}-{peer}")


@pytest.fixture(scope="module")
def library_answers(ground: Ground) -> dict[str, str]:
    """What the library answers, by the name of the work, once it was asked."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize(("work", "peer"), [*compared()])
def test_every_peer_answers_alike(ground: Ground, library_answers: dict[str, str], work: Work, peer: str) -> None:
    """What is timed is the same work: each peer's answer is that of the library."""
    if work.name not in library_answers:
        library_answers |= {work.name: answers(ground, work, ["library"])["library"]}
    answer = answers(ground, work, [peer])[peer]
    assert answer
    assert answer == library_answers[work.name]


def test_a_world_is_the_same_for_the_same_seed() -> None:
    """Two runs measure the same rows and ask the same; another seed gives other ones."""
    one, again, other = (World(SIZES["T"], seed=seed) for seed in (1, 1, 2))
    assert one.assignments == again.assignments
    assert one.enrollments == again.enrollments
    assert errands_of(one) == errands_of(again)
    assert one.enrollments != other.enrollments


def test_the_dirt_is_of_every_kind(ground: Ground) -> None:
    """Every code of a rule that needs nothing from an agency is found by the audit that is timed (SPEC 5)."""
    store = SQLiteStore(ground.file("library"))
    codes = {finding.code for finding in Casework(store, user=SYSTEM).audit()}
    store.close()
    assert codes == {rule.__name__.replace("_", "-") for rule in (*REQUIRED_RULES, *ADVISORY_RULES)}


def test_what_was_built_is_not_built_again(ground: Ground) -> None:
    """A second run takes the files of the first."""
    built: Path = ground.file("by_hand")
    before = built.stat().st_mtime_ns
    assert ground.file("by_hand") == built
    assert built.stat().st_mtime_ns == before
