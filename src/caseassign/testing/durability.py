"""What must be true of a store that is opened again: after closing it, after a kill, twice at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from caseassign.storage import Transaction
from caseassign.testing.expecting import expect, fail
from caseassign.testing.lines import expect_whole
from caseassign.testing.place import ENTRY, Place, add, kind_of, replace
from caseassign.testing.process import Say, in_time_zone, start
from caseassign.testing.races import insist
from caseassign.testing.records import DAYS
from caseassign.testing.threads import Threads
from caseassign.testing.uses import write_all

KILLS: Final = 5
"""How often a process is killed that writes."""

_EAST: Final = "EAST-13"
_WEST: Final = "WEST+11"


def what_was_committed_is_there_when_opened_again(place: Place) -> None:
    """What was committed is there when the store is closed and opened again, and what was not is not."""
    store = place.fill()
    for text in ("first", "last"):
        with store.transaction(write=True) as tx:
            replace(tx, place.filled(text, ENTRY + timedelta(days=len(text))))
            tx.history.append(place.lines(tx.history.head(), {}, {"reason": text, "before": {"a": text}}))
            tx.imported.put("client", {place.id("c1"): text})
            tx.personal.put({place.id("p1"): text})
            tx.personal.remove(place.ids(["p2"]))
    with store.transaction() as tx:
        before = place.everything(tx)
    block = place.store.transaction(write=True)
    write_all(place, block.__enter__())
    block.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    place.close()
    with place.store.transaction() as tx:
        expect("after opening it again", place.everything(tx), before)
        expect_whole(tx)


def openings_see_one_another(place: Place) -> None:
    """Of two openings of the same data, each sees what was committed in the other, and continues its history."""
    one, other = place.store, place.open()
    place.fill()
    for opening in (one, other):
        with opening.transaction() as tx:
            place.everything(tx)
    for number, (writing, reading) in enumerate([(one, other), (other, one), (one, other)]):
        with writing.transaction(write=True) as tx:
            tx.clients.add([place.client(f"n{number}")])
            replace(tx, place.filled(f"written {number}", ENTRY + timedelta(days=number)))
            tx.history.append(place.lines(tx.history.head(), {}))
            tx.imported.put("client", {place.id("c1"): str(number)})
            tx.personal.put({place.id("p1"): str(number)})
            after = place.everything(tx)
        with reading.transaction() as tx:
            expect("in the other opening", place.everything(tx), after)


def what_ends_after_closing_is_kept(place: Place) -> None:
    """A block that is open while the store is closed, by whatever thread, commits, and what it wrote is kept."""
    place.fill()
    for number, closed_by in enumerate((lambda close: close(), _in_another_thread)):
        store = place.store
        with store.transaction(write=True) as tx:
            replace(tx, place.filled(f"before closing {number}"))
            closed_by(store.close)
            tx.clients.add([place.client(f"n{number}")])
            tx.history.append(place.lines(tx.history.head(), {}))
            after = place.everything(tx)
        place.close()
        with place.store.transaction() as tx:
            expect("after opening it again", place.everything(tx), after)


def nothing_acknowledged_is_lost_to_a_kill(place: Place) -> None:
    """What was committed before a process was killed is there, and of the block that it was in all or nothing."""
    with place.store.transaction(write=True) as tx:
        tx.clients.add([place.client("last")])
    written = 0
    for kill in range(KILLS):
        process = start(place, keep_writing, written)
        said = [str(written), *(process.read() or "" for _ in range(3 * kill + 1))]
        acknowledged = int([*said, *process.kill()][-1])
        with place.store.transaction() as tx:
            written = _expect_whole_blocks(place, tx, acknowledged)


def a_kill_inside_a_block_leaves_nothing_of_it(place: Place) -> None:
    """A process that is killed inside a block leaves nothing of it, and nobody is kept out afterwards."""
    with place.fill().transaction() as tx:
        before = place.everything(tx)
    process = start(place, write_and_wait)
    process.read()
    process.kill()

    def go_on() -> None:
        with place.store.transaction(write=True) as tx:
            expect("after the kill", place.everything(tx), before)
            tx.clients.add([place.client("new")])

    insist(go_on)  # a server may need a moment to notice that somebody is gone


def days_do_not_depend_on_the_time_zone(place: Place) -> None:
    """A day that was written by a process in one time zone is the same day for one in any other."""
    place.fill()
    for zone in (_EAST, _WEST):
        start(place, write_days, zone).finish()
    for zone in (_EAST, _WEST):
        start(place, read_days, zone).finish()


def keep_writing(place: Place, say: Say, written: int) -> None:
    """Write blocks without end, and acknowledge each when it is committed."""
    number = written
    while True:
        number += 1
        with place.store.transaction(write=True) as tx:
            tx.clients.add([place.client(f"n{number:05}")])
            tx.history.append(place.lines(tx.history.head(), {"change_id": place.id(f"n{number:05}")}))
            tx.clients.replace([place.client("last", last_name=str(number))])
        say(str(number))


def write_and_wait(place: Place, say: Say, seconds: float = 3_600) -> None:
    """Write in a block, say so, and wait inside it."""
    with place.store.transaction(write=True) as tx:
        tx.clients.add(place.client(f"x{number:05}", last_name="x" * 500) for number in range(1_000))
        tx.clients.replace([place.client("c1", first_name="Other")])
        tx.history.append(place.lines(tx.history.head(), {}))
        say("inside")
        time.sleep(seconds)


def write_days(place: Place, _: Say, zone: str) -> None:
    """Write records with all kinds of days, in a time zone."""
    in_time_zone(zone)
    with place.store.transaction(write=True) as tx:
        for records in _with_days(place, zone):
            add(tx, records)


def read_days(place: Place, _: Say, zone: str) -> None:
    """Expect what was written in each time zone, in another one."""
    in_time_zone(zone)
    with place.store.transaction() as tx:
        for written in (_EAST, _WEST):
            for records in _with_days(place, written):
                keys = [record.key for record in records]
                found = list(kind_of(tx, records[0].KIND).get(keys).values())
                expect(f"written in {written}, read in {zone}", found, records)
                came = [each for each in kind_of(tx, records[0].KIND) if each.key in set(keys)]
                expect(f"written in {written}, iterated in {zone}", came, records)
            ended = tx.assignments.of_users(place.ids(["kim"]), DAYS[0])
            days = [stint.start_date for stint in ended if place.id(written) in stint.key]
            expect(f"of_users with a day, written in {written}, read in {zone}", days, list(DAYS[1:]))


def _with_days(place: Place, zone: str) -> list[list[Any]]:
    """Return records of each kind that has days, in the order of their ids."""
    names = {f"{zone} {number}": day for number, day in enumerate(DAYS)}
    return [
        [place.project(name, operating_start_date=day, operating_end_date=day) for name, day in names.items()],
        [place.user(name, left_on=day) for name, day in names.items()],
        [place.enrollment(name, entry_date=day, exit_date=day) for name, day in names.items()],
        [place.stint(name, start_date=day, end_date=day) for name, day in names.items()],
    ]


def _in_another_thread(do: Callable[[], None]) -> None:
    with Threads() as threads:
        threads.begin(do).result()


def _expect_whole_blocks(place: Place, tx: Transaction, acknowledged: int) -> int:
    """Expect whole blocks, of which one may have been committed and not acknowledged, and return how many they are."""
    names = [name for name in place.names(tx.clients) if name != "last"]
    written = max(acknowledged, len(names))
    expect("the blocks that are there", names, [f"n{number:05}" for number in range(1, written + 1)])
    expect("the lines that are there", place.names(tx.history.of_batches(place.ids(["b1"]))), names)
    last = tx.clients.get(place.ids(["last"]))[place.id("last")].last_name
    expect("the last block", last, str(written) if written else None)
    if written - acknowledged > 1:
        fail("blocks were committed that nobody had been told of")
    expect_whole(tx)
    return written
