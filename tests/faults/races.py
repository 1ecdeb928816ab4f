"""Have two participants do at once what must not both succeed, a thousand times over, and look whether all is right.

Each scene of `race_scenes` is played round after round. The two wait for each other at a barrier; one of them, by
chance, begins a little later. After each round the history must verify, every record be as its last line says, no
required rule be broken that was not before, and all be as one of the serial orders of the same steps leaves it, which
are played on a store in memory. In the last scene, the queue, four write at once what nobody disputes, while two read:
nobody may see an error, or half an act. The exit status is 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

sys.path.append(str(Path(__file__).parents[1]))  # what the tests share

from race_judging import Order, Picture, Snapshot, line_count, met, order_of, picture, serial
from race_meeting import Answer, Team, answered, kit, orders, start_together, team
from race_queue import queue
from race_scenes import SCENES, Known, Round, Scene, fill, front_of
from race_stores import PLANTS, Home, Place, postgres

ROUNDS_PER_STORE: Final = 10
SHOWN: Final = 5
"""How many of the problems of a scene are told."""

MOST_STEPS: Final = 3
QUEUE: Final = "queue"
MOST_ACTS: Final = 300
"""Of each writer in the queue."""


@attrs.define
class Tally:
    """What the rounds of one scene came to.

    ``lead`` is for how many seconds the quicker of the two is at work. One of them may begin up to half of that later
    than the other, and nobody takes longer than that to think between two steps.
    """

    rounds: int = 0
    met: int = 0
    conflicts: int = 0
    failed: int = 0
    lead: float = 0.001
    orders: Counter[Order] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)

    def report(self, name: str, scene: Scene, seconds: float) -> str:
        """Return a sentence about a scene."""
        came = ", ".join(f"{_spelled(order)} {count}" for order, count in sorted(self.orders.items()))
        return (
            f"{name}: {scene.promise}. {self.rounds} rounds, in {self.met} of them both were at work at once; "
            f"who came when: {came}; {self.conflicts} conflicts; {self.failed} rounds wrong; {seconds:.0f} s"
        )


def _spelled(order: Order) -> str:
    return "".join("AB"[seat] for seat in order)


def race(scene: Scene, place: Place, how: str, rounds: int) -> Tally:
    """Play a scene for a number of rounds, on a new store every so many."""
    tally = Tally()
    expected: dict[int, dict[Picture, list[Order]]] = {}
    for first in range(0, rounds, ROUNDS_PER_STORE):
        with ExitStack() as stack:
            home = stack.enter_context(place.new())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            fill(front_of(home.store))
            barrier = kit(how).Barrier(2)
            part = partial(_take_part, scene, place, barrier)
            pair = stack.enter_context(team(how, home, [part, part]))
            for number in range(first, min(first + ROUNDS_PER_STORE, rounds)):
                round_ = Round(number, number % scene.variants, folder)
                if round_.variant not in expected:
                    expected[round_.variant] = serial(scene, round_)
                _play(scene, home, pair, round_, expected[round_.variant], tally)
    return tally


def _take_part(scene: Scene, place: Place, barrier: Any, home: Home, seat: int, connection: Any) -> None:
    """Play one part of a scene, round after round."""
    with home.open() as store:
        front = front_of(store, place.casework)
        for round_, known, pauses in orders(connection):
            steps = scene.steps(front, round_, known, seat)
            start_together(barrier)
            connection.send([answered(step, after=pause) for step, pause in zip(steps, pauses, strict=False)])


def _play(
    scene: Scene, home: Home, pair: Team, round_: Round, expected: dict[Picture, list[Order]], tally: Tally
) -> None:
    known: Known = scene.prepare(front_of(home.store), round_)
    lines_before = line_count(home.store)
    late = random.choice((None, 0, 1))
    for seat in (0, 1):
        pauses = [random.uniform(0, tally.lead / 2) for _ in range(MOST_STEPS)]
        pair.tell(seat, (round_, known, pauses if seat == late else [0.0, *pauses]))
    answers: list[list[Answer]] = [pair.hear(seat) for seat in (0, 1)]
    tally.rounds += 1
    tally.met += met(answers)
    tally.lead += 0.1 * (min(each[-1].ended - each[0].began for each in answers) - tally.lead)
    tally.conflicts += sum(answer.conflicts for each in answers for answer in each)
    problems, order = _judged(scene, home, round_, known, answers, lines_before, expected)
    tally.failed += bool(problems)
    tally.wrong += (f"round {round_.number + 1}: {problem}" for problem in problems)
    if order is not None:
        tally.orders[order] += 1


def _judged(
    scene: Scene,
    home: Home,
    round_: Round,
    known: Known,
    answers: Sequence[Sequence[Answer]],
    lines_before: int,
    expected: dict[Picture, list[Order]],
) -> tuple[list[str], Order | None]:
    """Return what is wrong after a round, and the order in which its steps came, if there is one."""
    there = Snapshot.of(home.store)
    seen = there.after(round_, known, answers, lines_before)
    problems = [*there.faults(), *scene.problems(seen)]
    possible = expected.get(picture(seen), [])
    if not possible:
        said = "; ".join(", ".join(answer.said for answer in each) for each in answers)
        problems.append(f"no serial order gives this; told: {said}")
        return problems, None
    ended = order_of(answers)
    return problems, ended if ended in possible else possible[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the races that the arguments name, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["memory", "sqlite", "postgres"], default="sqlite")
    parser.add_argument("--with", dest="how", choices=["threads", "processes"], default="processes")
    parser.add_argument("--rounds", type=int, default=1000, help="of each scene; acts in the queue, up to 300")
    parser.add_argument("--only", choices=[*SCENES, QUEUE], nargs="+", default=[*SCENES, QUEUE], metavar="NAME")
    parser.add_argument("--plant", choices=list(PLANTS), help="; ".join(f"{k}: {v}" for k, v in PLANTS.items()))
    parser.add_argument("--dsn", help="the PostgreSQL database to use, rather than one that is started")
    chosen = parser.parse_args(arguments)
    if chosen.how == "processes" and chosen.store == "memory":
        parser.error("processes share no memory: race them on a durable store")
    sys.setswitchinterval(0.0001)  # so that threads, too, interrupt each other inside their transactions
    _say(f"{chosen.store}, {chosen.how}, {f'broken: {chosen.plant}' if chosen.plant else 'whole'}")
    wrong = 0
    with ExitStack() as stack:
        dsn = stack.enter_context(postgres(chosen.dsn)) if chosen.store == "postgres" else None
        place = Place(chosen.store, chosen.how == "threads", chosen.plant, dsn)
        for name in chosen.only:
            line, problems = _run(name, place, chosen.how, chosen.rounds)
            _say(line, *(f"  wrong: {problem}" for problem in problems[:SHOWN]))
            wrong += len(problems)
    _say(f"{wrong} things are wrong" if wrong else "nothing was lost, doubled, half done or refused without a reason")
    return 1 if wrong else 0


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # a command that people read


def _run(name: str, place: Place, how: str, rounds: int) -> tuple[str, list[str]]:
    """Return a report, and what was wrong."""
    if name == QUEUE:
        return queue(place, how, min(rounds, MOST_ACTS))
    began = time.monotonic()
    tally = race(SCENES[name], place, how, rounds)
    return tally.report(name, SCENES[name], time.monotonic() - began), tally.wrong


if __name__ == "__main__":
    sys.exit(main())
