"""The queue: four write at once what nobody disputes, while two read; nobody is sent away, or sees half an act."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, Final

import attrs
from race_judging import Snapshot
from race_meeting import kit, orders, start_together, team
from race_scenes import ENTRY, TODAY, Front, fill, front_of
from race_stores import Home, Place

from caseassign import SYSTEM, Client
from caseassign.errors import CaseAssignError
from caseassign.storage import Store, Transaction

WRITERS: Final = 4
READERS: Final = 2
MEMBERS: Final = 3


@attrs.define
class Work:
    """What one of them did: how long each act or list took, how long it waited for its turn, and what went wrong."""

    took: list[float] = attrs.field(factory=list)
    waited: list[float] = attrs.field(factory=list)
    wrong: list[str] = attrs.field(factory=list)


@attrs.frozen
class Timed:
    """A store that notes how long it takes until a transaction is open."""

    _store: Store
    _waited: list[float]

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Transaction]:
        """Open a transaction."""
        began = time.monotonic()
        with self._store.transaction(write=write) as tx:
            self._waited.append(time.monotonic() - began)
            yield tx

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def queue(place: Place, how: str, acts: int) -> tuple[str, list[str]]:
    """Let each of four writers carry out a number of acts; return a report, and what was wrong."""
    with place.new() as home:
        fill(front_of(home.store))
        clients = [client for seat in range(WRITERS) for act in range(0, acts, 3) for client in _clients(seat, act)]
        front_of(home.store)(SYSTEM).add(*(Client(personal_id=client) for client in clients))
        tools = kit(how)
        barrier, is_over = tools.Barrier(WRITERS + READERS), tools.Event()
        parts = [partial(_write, barrier)] * WRITERS + [partial(_read, barrier, is_over)] * READERS
        with team(how, home, parts) as everybody:
            for seat in range(WRITERS + READERS):
                everybody.tell(seat, acts)
            began = time.monotonic()
            writers = [everybody.hear(seat) for seat in range(WRITERS)]
            seconds = time.monotonic() - began
            is_over.set()
            readers = [everybody.hear(WRITERS + seat) for seat in range(READERS)]
        wrong = [problem for work in [*writers, *readers] for problem in work.wrong]
        there = Snapshot.of(home.store)
        wrong += there.faults()
        wrong += (f"{found.code}: {', '.join(found.ids)}" for found in there.findings)
        with home.store.transaction() as tx:
            wrong += _lost(tx, acts)
    report = (
        f"queue: nobody is sent away, and nobody sees half an act. {WRITERS} writers, {acts} acts each, "
        f"{WRITERS * acts / seconds:.0f} a second; waited for a turn: {_spread(writers, 'waited')}; whole act: "
        f"{_spread(writers, 'took')}; the writers were done after {_ends(writers)} s. {READERS} readers, "
        f"{sum(len(work.took) for work in readers)} rounds of lists: {_spread(readers, 'took')}; {len(wrong)} wrong"
    )
    return report, wrong


def _spread(works: Sequence[Work], what: str) -> str:
    found = sorted(1000 * value for work in works for value in getattr(work, what)) or [0.0]
    return (
        f"median {median(found):.1f}, 99 of 100 within {found[len(found) * 99 // 100]:.0f}, longest {found[-1]:.0f} ms"
    )


def _ends(writers: Sequence[Work]) -> str:
    return ", ".join(f"{sum(work.took):.1f}" for work in writers)


def _write(barrier: Any, home: Home, seat: int, connection: Any) -> None:
    """Enroll a household, assign a second case manager, and exit it, over and over."""
    for acts in orders(connection):
        work = Work()
        with home.open() as store:
            front = front_of(Timed(store, work.waited))
            start_together(barrier)
            stay = ""
            for number in range(acts):
                began = time.monotonic()
                try:
                    stay = _act(front, seat, number, stay)
                except CaseAssignError as error:
                    work.wrong.append(f"writer {seat}, act {number}: {type(error).__name__}: {error}")
                work.took.append(time.monotonic() - began)
        connection.send(work)


def _clients(seat: int, number: int) -> list[str]:
    """Return whom a writer enrolls in the act of that number."""
    return [f"w{seat}-{number}-{member}" for member in range(MEMBERS)]


def _act(front: Front, seat: int, number: int, stay: str) -> str:
    match number % 3:
        case 0:
            household = {client: 2 if member else 1 for member, client in enumerate(_clients(seat, number))}
            outcome = front("kim").enroll(household, "es", on=ENTRY)
            return outcome.enrollments[0].enrollment_id
        case 1:
            front("lee").assign(stay, household=True)
        case _:
            front("kim").exit(stay, household=True)
    return stay


def _read(barrier: Any, is_over: Any, home: Home, seat: int, connection: Any) -> None:
    """Ask for lists until the writers are done, and look whether they show whole households."""
    for _ in orders(connection):
        work = Work()
        with home.open() as store:
            front = front_of(Timed(store, work.waited))
            start_together(barrier)
            while not is_over.is_set():
                began = time.monotonic()
                try:
                    work.wrong += (f"reader {seat}: {problem}" for problem in _halves(front))
                except CaseAssignError as error:
                    work.wrong.append(f"reader {seat}: {type(error).__name__}: {error}")
                work.took.append(time.monotonic() - began)
        connection.send(work)


def _halves(front: Front) -> Iterator[str]:
    """Yield what shows an act that is half done: a household in part, or without a case manager."""
    for user in ("kim", "lee"):
        shown: defaultdict[str | None, list[int]] = defaultdict(list)
        for case in front(user).active_cases(as_of=TODAY):
            shown[case.enrollment.household_id].append(case.household_size)
        for sizes in shown.values():
            if sizes != [MEMBERS] * MEMBERS:
                yield f"of a household {len(sizes)} members are shown, and the sizes {sizes}"
    unassigned = len(front(SYSTEM).unassigned(as_of=TODAY))
    if unassigned:
        yield f"{unassigned} members have no case manager"


def _lost(tx: Transaction, acts: int) -> Iterator[str]:
    """Yield which of the acts, each of which was said to be done, are not in the store."""
    wanted = {"enroll": (acts + 2) // 3, "assign": (acts + 1) // 3, "exit": acts // 3}
    households: defaultdict[str | None, list[Any]] = defaultdict(list)
    for stay in tx.enrollments:
        households[stay.household_id].append(stay)
    stints = tx.assignments.of_users(["lee"])
    found = {
        "enroll": len(households) / WRITERS,
        "assign": len(stints) / MEMBERS / WRITERS,
        "exit": sum(stays[0].exit_date is not None for stays in households.values()) / WRITERS,
    }
    if found != wanted:
        yield f"of the acts of each writer there are {found}, and not {wanted}"
