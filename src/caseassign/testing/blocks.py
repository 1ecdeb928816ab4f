"""What must be true of transaction blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from caseassign.errors import AlreadyExistsError, CaseAssignError, NotFoundError, StorageError
from caseassign.model import HouseholdKey
from caseassign.storage import Store, Transaction
from caseassign.stores.memory import MemoryStore
from caseassign.testing.expecting import UndoError, expect, fail, refused, refuses
from caseassign.testing.place import Place
from caseassign.testing.threads import Threads

WRITES: Final[dict[str, Callable[[Place, Transaction], None]]] = {
    "add": lambda place, tx: tx.clients.add([place.client("new")]),
    "replace": lambda place, tx: tx.users.replace([place.user("kim", first_name="Kim")]),
    "add an enrollment": lambda place, tx: tx.enrollments.add([place.enrollment("new", household_id=place.id("h1"))]),
    "replace an enrollment": lambda place, tx: tx.enrollments.replace([place.enrollment("e2")]),
    "add an assignment": lambda place, tx: tx.assignments.add([place.stint("new")]),
    "replace an assignment": lambda place, tx: tx.assignments.replace([place.stint("a1", user_id=place.id("lee"))]),
    "append": lambda place, tx: tx.history.append(place.lines(tx.history.head(), {}, {})),
    "put": lambda place, tx: tx.imported.put("client", {place.id("new"): "…"}),
    "put over": lambda place, tx: tx.imported.put("client", {place.id("c1"): "…"}),
    "put a text": lambda place, tx: tx.personal.put({place.id("new"): "…"}),
    "put over a text": lambda place, tx: tx.personal.put({place.id("p1"): "…"}),
    "remove a text": lambda place, tx: tx.personal.remove([place.id("p2")]),
}
"""One write of each kind on the ground."""


class InterruptError(BaseException):
    """What stands for an interrupt: an exception that is no `Exception`."""


def leaving_the_block_commits(place: Place) -> None:
    """Leaving the block commits all that was written in it, and the next block sees it."""
    store = place.fill()
    with store.transaction(write=True) as tx:
        for write in WRITES.values():
            write(place, tx)
        after = place.everything(tx)
    with store.transaction() as tx:
        expect("in the next block", place.everything(tx), after)
        expect("the clients", place.names(tx.clients), ["c1", "c2", "new"])


def own_writes_are_seen(place: Place) -> None:
    """A transaction sees what it has written itself, in every finder, before it is committed."""
    with place.fill().transaction(write=True) as tx:
        for name, write in WRITES.items():
            before = place.everything(tx)
            write(place, tx)
            if place.everything(tx) == before:
                fail(f"after {name}, the block does not see what it wrote")
        stays, stints = tx.enrollments, tx.assignments
        expect("of_households", place.names(stays.of_households([place.household("h1")])), ["e1", "new"])
        expect("of_users", place.names(stints.of_users(place.ids(["lee"]))), ["a1", "a2"])
        expect("unassigned", place.names(stays.unassigned(place.enrollment("e1").entry_date)), ["new"])
        expect("count", stays.count(place.ids(["es"])), 3)


def an_exception_undoes_everything(place: Place) -> None:
    """An exception that leaves the block undoes all that was written in it, whatever it was."""
    _expect_undone(place, UndoError)


def an_interrupt_undoes_everything(place: Place) -> None:
    """An interrupt, or any other exception that is no `Exception`, undoes the block like an error."""
    _expect_undone(place, InterruptError)


def errors_of_the_caller_come_out(place: Place) -> None:
    """An exception that is raised inside the block comes out of it as it is."""
    raised = UndoError("the caller's own")
    expect("the exception that came out of the block", _left_with(raised, place.store) is raised, expected=True)


def a_failed_call_leaves_nothing(place: Place) -> None:
    """A call that fails leaves nothing of itself, and the block goes on and commits what else was written."""
    with place.fill().transaction(write=True) as tx:
        tx.clients.add([place.client("before")])
        for part in (
            lambda: tx.clients.add([place.client("n1"), place.client("c1")]),
            lambda: tx.clients.replace([place.client("c1", first_name="Other"), place.client("n1")]),
            lambda: tx.assignments.add([place.stint("n1"), place.stint("a1")]),
            lambda: tx.history.append([*place.lines(tx.history.head(), {}), *place.lines(tx.history.head(), {})]),
        ):
            refuses("a call that is half wrong", part, CaseAssignError)
        tx.clients.add([place.client("n1", first_name="Later")])
    with place.store.transaction() as tx:
        expect("the clients", place.names(tx.clients), ["before", "c1", "c2", "n1"])
        expect("a client", tx.clients.get(place.ids(["c1"]))[place.id("c1")].first_name, "Ada")
        expect("the assignments", place.names(tx.assignments), ["a1", "a2"])
        expect("the lines", len(tx.history.of_batches(place.ids(["b1"]))), 1)


def only_errors_of_the_library_come_out(place: Place) -> None:
    """What is refused is refused with an error of the library, and never with one of the storage engine."""
    with place.fill().transaction(write=True) as tx:
        uses: dict[str, tuple[Callable[[], object], type[CaseAssignError]]] = {
            "add what is there": (lambda: tx.clients.add([place.client("c1")]), AlreadyExistsError),
            "add twice": (lambda: tx.organizations.add([place.organization("n")] * 2), AlreadyExistsError),
            "replace what is not there": (lambda: tx.users.replace([place.user("no")]), NotFoundError),
            "append a wrong line": (
                lambda: tx.history.append(place.lines(tx.history.head(), {"number": -1})),
                StorageError,
            ),
        }
        for what, (use, error) in uses.items():
            refuses(what, use, error)
    with refused("refer to nothing", StorageError), place.store.transaction(write=True) as tx:
        tx.enrollments.add([place.enrollment("n", personal_id=place.id("no"))])
    with refused("refer to nobody", StorageError), place.store.transaction(write=True) as tx:
        tx.assignments.replace([place.stint("a1", user_id=place.id("no"))])
    with refused("write while reading", StorageError), place.store.transaction() as tx:
        WRITES["add"](place, tx)


def a_reading_block_cannot_write(place: Place) -> None:
    """A write in a block that was opened for reading is refused with `StorageError`, and changes nothing."""
    store = place.fill()
    with store.transaction() as tx:
        before = place.everything(tx)
    for name, write in WRITES.items():
        with store.transaction() as tx:
            refuses(f"{name} in a block for reading", partial(write, place, tx), StorageError)
    with store.transaction() as tx:
        expect("afterwards", place.everything(tx), before)


def a_transaction_ends_with_its_block(place: Place) -> None:
    """What a block gave is refused with `StorageError` after it: finders, writes, and iterators, begun or not."""
    with place.fill().transaction(write=True) as tx:
        begun = [iter(tx.clients), iter(tx.history), tx.enrollments.by_household()]
        iterators = [iter(tx.users), iter(tx.history), tx.enrollments.by_household(), *begun]
        for iterator in begun:
            next(iterator)
    uses: list[Callable[[], object]] = [
        lambda: tx.clients.get(place.ids(["c1"])),
        lambda: tx.enrollments.of_clients(place.ids(["c1"])),
        lambda: tx.enrollments.of_households([HouseholdKey("es", "h1")]),
        tx.enrollments.count,
        lambda: tx.assignments.of_users(place.ids(["kim"])),
        tx.history.head,
        lambda: tx.history.of_kind("assignment"),
        lambda: tx.imported.get("client", place.ids(["c1"])),
        lambda: tx.personal.get(place.ids(["p1"])),
        *(partial(write, place, tx) for write in WRITES.values()),
        *(partial(list, iterator) for iterator in iterators),
    ]
    for use in uses:
        refuses("use what a block gave, after it", use, StorageError)


def a_thread_is_in_one_block_at_a_time(place: Place) -> None:
    """A second block inside the first is refused with `StorageError`, and the first goes on unharmed."""
    store = place.fill()
    with store.transaction(write=True) as tx:
        WRITES["add"](place, tx)
        for write in (False, True):
            with refused("a block inside a block", StorageError), store.transaction(write=write):
                pass
        expect("the first block", place.names(tx.clients), ["c1", "c2", "new"])
    with store.transaction() as tx:
        expect("what the first block wrote", place.names(tx.clients), ["c1", "c2", "new"])


def a_transaction_belongs_to_its_thread(place: Place) -> None:
    """Another thread can neither use a transaction nor leave its block, and nobody is kept out by its trying."""
    store = place.fill()
    with store.transaction() as tx:
        refuses("use another thread's block", _elsewhere(lambda: tx.clients.get(place.ids(["c1"]))), StorageError)
    block = store.transaction(write=True)
    WRITES["add"](place, block.__enter__())
    refuses("leave another thread's block", _elsewhere(lambda: block.__exit__(None, None, None)), StorageError)
    with store.transaction() as tx:
        expect("what it had written", place.names(tx.clients), ["c1", "c2"])


def blocks_of_two_stores_go_together(place: Place) -> None:
    """A thread may be in blocks of two stores at once, to copy from one to the other."""
    other = MemoryStore()
    with place.fill().transaction() as source, other.transaction(write=True) as target:
        target.clients.add(place.own(source.clients))
    with other.transaction() as tx, place.store.transaction(write=True) as target:
        target.clients.replace(tx.clients)
        expect("the copy", list(tx.clients), place.own(target.clients))


def closing_ends_it(place: Place) -> None:
    """A store is closed once or twice; a block that is open goes on to its end, and none begins after it."""
    store = place.fill()
    with store.transaction(write=True) as tx:
        store.close()
        WRITES["add"](place, tx)
        expect("in the open block", place.names(tx.clients), ["c1", "c2", "new"])
    store.close()
    with refused("a block on a closed store", StorageError), store.transaction():
        pass


def _expect_undone(place: Place, error: type[BaseException]) -> None:
    store = place.fill()
    with store.transaction() as tx:
        before = place.everything(tx)
    for name, write in WRITES.items():
        _left_with(error(), store, partial(write, place))
        with store.transaction() as tx:
            expect(f"after {name} in a block that was left with {error.__name__}", place.everything(tx), before)
    with store.transaction(write=True) as tx:
        for write in WRITES.values():
            write(place, tx)


def _left_with(error: BaseException, store: Store, write: Callable[[Transaction], None] | None = None) -> object:
    """Leave a block with an error, and return what came out of it."""

    def fail_at_the_end(tx: Transaction) -> None:
        if write is not None:
            write(tx)
        raise error

    try:
        with store.transaction(write=True) as tx:
            fail_at_the_end(tx)
    except BaseException as came:  # noqa: BLE001  # it is looked at
        return came
    return None


def _elsewhere(do: Callable[[], object]) -> Callable[[], object]:
    """Return what does something in a thread of its own, and raises here what it raises."""

    def in_another_thread() -> object:
        with Threads() as threads:
            return threads.begin(do).result()

    return in_another_thread
