"""The stop watch of the works that are done many times in one process: the same for every peer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final, TypeVar

from benchmarks.errands import Task, digest, peak

A = TypeVar("A")

CHECKED: Final = 60
"""How many acts are compared before any is timed."""

TIMED: Final = 400
"""How many acts are timed in one round."""


def asking(
    task: Task, users: Sequence[str], ask: Callable[[str], A], told: Callable[[A], list[dict[str, Any]]]
) -> dict[str, Any]:
    """Ask once for each user, to have everything at hand, and once more with the watch."""
    answers = [ask(user) for user in users]
    result: dict[str, Any] = {"answer": digest(row for answer in answers for row in told(answer)) if task.check else ""}
    del answers
    taken = []
    for user in users:
        begin = perf_counter()
        ask(user)
        taken.append(perf_counter() - begin)
    return result | {"seconds": {"cases": median(taken)}, "peak": peak()}


def acting(task: Task, asked: dict[str, Any], act: Callable[[Sequence[str]], str]) -> dict[str, Any]:
    """Act, for a number of errands or, where several processes act at once, for some seconds."""
    if task.check:
        errands = [*asked["refused"], *asked["adds"][:CHECKED]]
        return {"answer": digest([*errand, act(errand)] for errand in errands), "seconds": {}, "peak": peak()}
    place, processes = task.share
    errands = asked["adds"][place::processes]
    taken, errors = [], 0
    first = perf_counter()
    for number, errand in enumerate(errands):
        begin = perf_counter()
        if begin - first > task.seconds if processes > 1 else number == TIMED:
            break
        try:
            errors += act(errand) != "done"
        except Exception:  # noqa: BLE001  # whatever it is, it is counted
            errors += 1
        taken.append(perf_counter() - begin)
    seconds = perf_counter() - first
    return {
        "answer": "",
        "seconds": {"act": seconds / len(taken), "slowest": max(taken)},
        "acts": len(taken),
        "errors": errors,
        "peak": peak(),
    }


def streaming(task: Task, found: Iterable[Sequence[str]]) -> dict[str, Any]:
    """Walk through what an audit finds: code and ids."""
    if task.check:
        return {"answer": digest(found), "seconds": {}, "peak": peak()}
    begin = perf_counter()
    count = sum(1 for _ in found)
    return {"answer": str(count), "seconds": {"audit": perf_counter() - begin}, "peak": peak()}


def writing_a_list(task: Task, write: Callable[[Path], None]) -> dict[str, Any]:
    """Write a list of everything into a file, and look at its lines."""
    path = Path(f"{task.file}-{task.peer}.csv")
    begin = perf_counter()
    write(path)
    seconds, most = perf_counter() - begin, peak()
    answer = digest(path.read_text(encoding="utf-8").splitlines()) if task.check else ""
    path.unlink()
    return {"answer": answer, "seconds": {"export": seconds}, "peak": most}
