"""Participants who start together: two of them, in threads or in processes, and what each was answered."""

from __future__ import annotations

import multiprocessing
import multiprocessing.dummy
import random
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import attrs
from race_stores import Home

from caseassign.acts.import_export import ImportResult
from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import ReassignmentPlan
from caseassign.errors import CaseAssignError, ConflictError, RuleViolationError

Step: TypeAlias = Callable[[], Any]
"""One transaction of a participant."""

PATIENCE: Final = 600.0
"""For how many seconds one waits for the others."""

_SLOT: Final = 0.005
"""Participants start when the clock shows a multiple of this many seconds."""

_A_WHILE: Final = 0.02

_TRIES: Final = 1_000


@attrs.frozen
class Answer:
    """What a participant was told: in words that two stores share, in full, when, and after how many conflicts."""

    said: str
    gave: Any
    began: float
    ended: float
    conflicts: int


def answered(step: Step, after: float = 0) -> Answer:
    """Carry out a step, some seconds later, and again where a conflict is in the way; return what it was told."""
    if after:
        time.sleep(after)
    began = time.monotonic()
    for conflicts in range(_TRIES):
        try:
            said, gave = _told(step())
        except ConflictError:
            time.sleep(random.uniform(0, 0.002))
            continue
        except RuleViolationError as error:
            said, gave = "refused: " + ", ".join(sorted({v.code for v in error.violations})), None
        except CaseAssignError as error:
            said, gave = f"{type(error).__name__}: {error}", None
        return Answer(said, gave, began, time.monotonic(), conflicts)
    return Answer(f"{_TRIES} conflicts", None, began, time.monotonic(), _TRIES)


def _told(outcome: object) -> tuple[str, Any]:
    match outcome:
        case ReassignmentPlan():
            return f"planned {outcome.counts['move']} moves", None
        case Outcome():
            return "done" if outcome.changes else "nothing", (outcome.batch_id, outcome.remembered())
        case ImportResult():
            return "imported", outcome.batch_id
    raise TypeError("a step returns what an act, an import or a plan returns")


Part: TypeAlias = Callable[[Home, int, Any], Any]
"""What one participant does: the store, the seat, and what connects it with whoever started it."""


class Team:
    """Participants who are at work, each at the other end of a connection."""

    def __init__(self, connections: Sequence[Any]) -> None:
        self._connections = connections

    def tell(self, seat: int, what: object) -> None:
        """Tell one participant something."""
        self._connections[seat].send(what)

    def hear(self, seat: int) -> Any:
        """Return what one participant says; raise `RuntimeError` if it failed, or is silent for too long."""
        connection = self._connections[seat]
        # In small pieces, because in threads a message that comes just then wakes nobody.
        if not any(connection.poll(_A_WHILE) for _ in range(round(PATIENCE / _A_WHILE))):
            raise RuntimeError(f"participant {seat} says nothing")
        said = connection.recv()
        if isinstance(said, Failure):
            raise RuntimeError(f"participant {seat} failed:\n{said.text}")  # noqa: TRY004  # no matter of types
        return said


@attrs.frozen
class Failure:
    """What a participant says who cannot go on."""

    text: str


def kit(how: str) -> Any:
    """Return what makes threads, or forked processes, of one and the same shape."""
    return multiprocessing.dummy if how == "threads" else multiprocessing.get_context("fork")


@contextmanager
def team(how: str, home: Home, parts: Sequence[Part]) -> Iterator[Team]:
    """Have participants take part, in threads or in processes; they are at the end when they are told None."""
    ends, workers = [], []
    for seat, part in enumerate(parts):
        mine, theirs = kit(how).Pipe()
        worker = kit(how).Process(target=_take_part, args=(part, home, seat, theirs))
        worker.daemon = True
        worker.start()
        ends.append(mine)
        workers.append(worker)
    whole = Team(ends)
    yield whole
    for seat in range(len(parts)):
        whole.tell(seat, None)
    for worker in workers:
        worker.join(PATIENCE)


def _take_part(part: Part, home: Home, seat: int, connection: Any) -> None:
    try:
        part(home, seat, connection)
    except BaseException:  # noqa: BLE001  # whatever it was, the other side must hear of it
        connection.send(Failure(traceback.format_exc()))


def start_together(barrier: Any) -> None:
    """Wait for the others, and then for the clock: a barrier wakes one after the other, which is long for an act."""
    barrier.wait(PATIENCE)
    now = time.monotonic()
    time.sleep(_SLOT - (now + _SLOT / 5) % _SLOT + _SLOT / 5)


def orders(connection: Any) -> Iterator[Any]:
    """Yield what a participant is told to do, until there is nothing more."""
    return iter(connection.recv, None)
