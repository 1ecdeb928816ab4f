"""What must be true of transactions that run at the same time, in threads and in processes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import attrs

from caseassign.casework import Casework
from caseassign.errors import ConflictError, RuleViolationError
from caseassign.model import Actor
from caseassign.policy import Unrestricted
from caseassign.rules import REQUIRED_RULES, exclusive_role
from caseassign.storage import Store, Transaction
from caseassign.testing.expecting import CheckFailedError, expect
from caseassign.testing.lines import expect_whole
from caseassign.testing.place import ENTRY, START, Place, kind_of, undone
from caseassign.testing.process import Process, Say, start
from caseassign.testing.threads import Threads
from caseassign.testing.uses import write_all

T = TypeVar("T")

ROUNDS: Final = 50
"""How often two transactions race for one exclusive role."""

_A_MOMENT: Final = 0.1
"""How many seconds one waits for another who, in a store that locks, cannot come."""

_PATIENCE: Final = 10.0
"""How many seconds one process waits for another."""

_TRIES: Final = 1_000


def insist(do: Callable[[], T]) -> T:
    """Do something again for as long as another transaction is in the way."""
    for _ in range(_TRIES):
        try:
            return do()
        except ConflictError:
            time.sleep(random.uniform(0, 0.01))  # noqa: S311  # nothing secret: so that two do not go in step
    raise CheckFailedError(f"{_TRIES} conflicts in a row: nobody gets on")


def nobody_sees_what_is_not_committed(place: Place) -> None:
    """What a transaction has written, others do not see before it is committed, and never if it is undone."""
    store = place.fill()
    written, looked = threading.Event(), threading.Event()

    def read() -> dict[str, Any]:
        with store.transaction() as tx:
            return place.everything(tx)

    def look() -> dict[str, Any]:
        written.wait()
        found = insist(read)
        looked.set()
        return found

    before = read()
    with Threads() as threads:
        looking = threads.begin(look)
        try:
            with undone(store) as tx:
                write_all(place, tx)
                written.set()
                looked.wait(_A_MOMENT)
        finally:
            written.set()
        expect("what another thread saw", looking.result(), before)


def a_reader_sees_one_state(place: Place) -> None:
    """What others commit during a transaction does not show in it before it ends, and does afterwards."""
    store = place.fill()

    def write() -> None:
        with store.transaction(write=True) as tx:
            write_all(place, tx)

    writing: list[Future[None]] = []

    def read() -> None:
        """Look twice; who is refused, as another has committed meanwhile, looks twice again."""
        with store.transaction() as tx:
            before = place.everything(tx)
            if not writing:
                writing.append(threads.begin(partial(insist, write)))
            with suppress(TimeoutError):
                writing[0].result(timeout=_A_MOMENT)
            expect("what it sees after another has committed", place.everything(tx), before)

    with Threads() as threads:
        insist(read)
        writing[0].result()
    with store.transaction() as tx:
        expect("what the next one sees", place.names(tx.clients), ["c1", "c2", "new"])


def no_update_is_lost(place: Place) -> None:
    """Two transactions that read a record and then replace it do so one after the other, or one has to try again."""
    store = place.fill()
    for kind, (read, write) in _replaceable(place).items():
        _at_once(store, read=read, write=partial(_put_name, write))
        with store.transaction() as tx:
            expect(f"who replaced {kind}", sorted({*read(tx).split()} & {"one", "two"}), ["one", "two"])
    _in_threads([partial(count_up, place, 5)] * 8)
    expect_counted(place, "8 threads, 5 times each", 40)


def what_was_decided_on_still_holds(place: Place) -> None:
    """Two transactions that look for what is not there, and then add it, do not both find it missing."""
    store = place.fill()
    _at_once(
        store,
        read=lambda tx: tx.assignments.of_enrollments(place.ids(["e2"])),
        write=lambda tx, found, name: (
            tx.assignments.add([place.stint(name, enrollment_id=place.id("e2"))]) if len(found) == 1 else None
        ),
    )
    with store.transaction() as tx:
        expect("how many were added", len(tx.assignments.of_enrollments(place.ids(["e2"]))) - 1, 1)


def an_exclusive_role_has_one_holder(place: Place) -> None:
    """Of two acts at once that each give somebody an exclusive role, one is refused, fifty times over."""
    _fill_for_roles(place)
    for number in range(ROUNDS):
        _in_threads([partial(take_role, place, user, number) for user in ("kim", "lee")])
    _expect_one_holder(place)


def a_history_does_not_fork(place: Place) -> None:
    """Of transactions that append at once each continues the history where the last one left it, and it verifies."""
    store = place.store
    _at_once(
        store,
        read=lambda tx: tx.history.head(),
        write=lambda tx, head, name: tx.history.append(place.lines(head, {"change_id": place.id(name)})),
    )

    def append(name: str) -> None:
        with store.transaction(write=True) as tx:
            tx.history.append(place.lines(tx.history.head(), {"change_id": place.id(name)}))

    def append_some(thread: int) -> None:
        for number in range(5):
            insist(partial(append, f"{thread}-{number}"))

    _in_threads([partial(append_some, thread) for thread in range(4)])
    with store.transaction() as tx:
        expect_whole(tx)
        expect("how many lines there are", len(tx.history.of_batches(place.ids(["b1"]))), 22)


def processes_lose_no_update(place: Place) -> None:
    """No update is lost between processes either."""
    place.fill()
    with TemporaryDirectory() as meeting:
        _finish([start(place, meet_and_count, meeting, me, 20) for me in (0, 1)])
    expect_counted(place, "2 processes, 20 times each", 40)


def processes_share_an_exclusive_role(place: Place) -> None:
    """Of two processes that each give somebody an exclusive role, one is refused, fifty times over."""
    _fill_for_roles(place)
    with TemporaryDirectory() as meeting:
        _finish([start(place, meet_and_take_roles, meeting, me) for me in (0, 1)])
    _expect_one_holder(place)


def meet_and_count(place: Place, _say: Say, meeting: str, me: int, times: int) -> None:
    """Wait for the other process, and count on in one record."""
    _meet(Path(meeting), me)
    count_up(place, times)


def meet_and_take_roles(place: Place, _say: Say, meeting: str, me: int) -> None:
    """Try to give a user the role on one enrollment after the other, each at the same time as the other process."""
    for number in range(ROUNDS):
        _meet(Path(meeting), me, number)
        take_role(place, ("kim", "lee")[me], number)


def count_up(place: Place, times: int) -> None:
    """Count on in one record, each time in a transaction of its own."""

    def count() -> None:
        with place.store.transaction(write=True) as tx:
            client = tx.clients.get(place.ids(["c2"]))[place.id("c2")]
            tx.clients.replace([attrs.evolve(client, last_name=str(int(client.last_name or 0) + 1))])

    for _ in range(times):
        insist(count)


def expect_counted(place: Place, who: str, number: int) -> None:
    """Expect what the record says in which was counted."""
    with place.store.transaction() as tx:
        expect(f"counted by {who}", tx.clients.get(place.ids(["c2"]))[place.id("c2")].last_name, str(number))


def take_role(place: Place, user: str, number: int) -> None:
    """Give a user an exclusive role on an enrollment, if nobody else has it."""
    casework = Casework(
        place.store,
        user=Actor.SYSTEM,
        clock=lambda: ENTRY,
        now=lambda: START,
        policy=Unrestricted(),
        required=(*REQUIRED_RULES, exclusive_role("Primary")),
        guards=(),
    )
    with suppress(RuleViolationError):
        insist(lambda: casework.assign(place.id(f"r{number:02}"), place.id(user), role="Primary"))


def _put_name(write: Callable[[Transaction, str], None], tx: Transaction, text: str, name: str) -> None:
    write(tx, f"{text} {name}")


def _replaceable(place: Place) -> dict[str, tuple[Callable[[Transaction], str], Callable[[Transaction, str], None]]]:
    """Return how a text in what can be replaced is read and replaced, for each kind of it."""

    def of_kind(kind: str, name: str, field: str) -> Any:
        def found(tx: Transaction) -> Any:
            return kind_of(tx, kind).get(place.ids([name]))[place.id(name)]

        return (
            lambda tx: str(getattr(found(tx), field)),
            lambda tx, text: kind_of(tx, kind).replace([attrs.evolve(found(tx), **{field: text})]),
        )

    c1, p1 = place.id("c1"), place.id("p1")
    return {
        "a client": of_kind("client", "c1", "last_name"),
        "a user": of_kind("user", "kim", "last_name"),
        "an organization": of_kind("organization", "haven", "organization_name"),
        "a project": of_kind("project", "es", "project_name"),
        "an enrollment": of_kind("enrollment", "e1", "household_id"),
        "an assignment": of_kind("assignment", "a1", "role"),
        "what an import said": (
            lambda tx: tx.imported.get("client", [c1])[c1],
            lambda tx, text: tx.imported.put("client", {c1: text}),
        ),
        "a personal text": (lambda tx: tx.personal.get([p1])[p1], lambda tx, text: tx.personal.put({p1: text})),
    }


def _fill_for_roles(place: Place) -> None:
    place.fill(*(place.enrollment(f"r{number:02}") for number in range(ROUNDS)))


def _expect_one_holder(place: Place) -> None:
    with place.store.transaction() as tx:
        for number in range(ROUNDS):
            held = [stint.user_id for stint in tx.assignments.of_enrollments(place.ids([f"r{number:02}"]))]
            expect(f"how many hold the role in round {number + 1}", len(held), 1)
        expect_whole(tx)


def _at_once(store: Store, *, read: Callable[[Transaction], T], write: Callable[[Transaction, T, str], object]) -> None:
    """Run two transactions of which each, if the store lets it, reads before the other writes."""
    both_have_read = threading.Barrier(2)

    def one(name: str) -> None:
        with store.transaction(write=True) as tx:
            found = read(tx)
            with suppress(threading.BrokenBarrierError):
                both_have_read.wait(_A_MOMENT)
            write(tx, found, name)

    _in_threads([partial(insist, partial(one, name)) for name in ("one", "two")])


def _in_threads(doings: Sequence[Callable[[], object]]) -> None:
    with Threads() as threads:
        for running in [threads.begin(do) for do in doings]:
            running.result()


def _finish(processes: Sequence[Process]) -> None:
    for process in processes:
        process.finish()


def _meet(meeting: Path, me: int, number: int = 0) -> None:
    """Wait for the other process, but not for ever; outside of the store, as a broken one may lose who has come."""
    (meeting / f"{me}-{number}").touch()
    latest = time.monotonic() + _PATIENCE
    while time.monotonic() < latest and not (meeting / f"{1 - me}-{number}").exists():
        time.sleep(0.001)
