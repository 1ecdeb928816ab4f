"""What must be true of transaction blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from caseassign.errors import AlreadyExistsError, CaseAssignError, NotFoundError, StorageError
from caseassign.storage import Store, Transaction
from caseassign.stores.memory import MemoryStore
from caseassign.testing.expecting import UndoError, expect, fail, refused, refuses
from caseassign.testing.place import Place
from caseassign.testing.threads import Threads
from caseassign.testing.uses import ITERATORS, WRITES, all_uses, write_all


class InterruptError(BaseException):
    """What stands for an interrupt: an exception that is no `Exception`."""


def leaving_the_block_commits(place: Place) -> None:
    """Leaving the block commits all that was written in it, and the next block sees it."""
    store = place.fill()
    with store.transaction(write=True) as tx:
        write_all(place, tx)
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
    _expect_undone(place, InterruptError, SystemExit, KeyboardInterrupt)


def errors_of_the_caller_come_out(place: Place) -> None:
    """An exception that is raised inside the block comes out of it as it is."""
    store = place.fill()
    with store.transaction() as tx:
        before = place.everything(tx)
    for raised in (
        UndoError("the caller's own"),
        *(kind("the caller's own") for kind in (ValueError, TypeError, KeyError, OSError, RuntimeError, TimeoutError)),
        *(NotFoundError("client", ("x",)), AlreadyExistsError("client", ("x",)), StorageError("the caller's own")),
        *(kind("the caller's own") for kind in (InterruptError, SystemExit, KeyboardInterrupt)),
    ):
        name = type(raised).__name__
        for write in (True, False):
            came = _left_with(raised, store, partial(WRITES["add a client"], place) if write else None, write=write)
            expect(f"whether the {name} of the caller came out as it is", came is raised, expected=True)
        with store.transaction() as tx:
            expect(f"after a block that was left with {name}", place.everything(tx), before)


def a_failed_call_leaves_nothing(place: Place) -> None:
    """A call that fails leaves nothing of itself, and the block goes on and commits what else was written."""
    no = place.id("not there")
    with place.fill().transaction(write=True) as tx:
        tx.clients.add([place.client("before")])
        before = place.everything(tx)
        for part in (
            lambda: tx.clients.add([place.client("n1"), place.client("c1")]),
            lambda: tx.clients.replace([place.client("c1", first_name="Other"), place.client("n1")]),
            lambda: tx.assignments.add([place.stint("n1"), place.stint("a1")]),
            lambda: tx.history.append([*place.lines(tx.history.head(), {}), *place.lines(tx.history.head(), {})]),
            lambda: tx.projects.add([place.project("n1"), place.project("n2", organization_id=no)]),
            lambda: tx.enrollments.add([place.enrollment("n1"), place.enrollment("n2", personal_id=no)]),
            lambda: tx.enrollments.replace([place.enrollment("e1"), place.enrollment("e2", project_id=no)]),
            lambda: tx.assignments.add([place.stint("n1"), place.stint("n2", user_id=no)]),
            lambda: tx.assignments.replace([place.stint("a1", role="Other"), place.stint("a2", enrollment_id=no)]),
        ):
            refuses("a call that is half wrong", part, CaseAssignError)
            expect("after a call that was half wrong", place.everything(tx), before)
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
        WRITES["add a client"](place, tx)


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
    store = place.fill(place.enrollment("idle"))  # so that every iterator has something to yield
    with store.transaction() as tx:
        before = place.everything(tx)
    with store.transaction(write=True) as tx:
        begun = {f"{name}, begun": begin(tx) for name, begin in ITERATORS.items()}
        iterators = {f"{name}, not begun": begin(tx) for name, begin in ITERATORS.items()} | begun
        for iterator in begun.values():
            next(iterator)
    uses = all_uses(place, tx) | {name: partial(list, iterator) for name, iterator in iterators.items()}
    for name, use in uses.items():
        refuses(f"use what a block gave, after it: {name}", use, StorageError)
    with store.transaction() as tx:
        expect("afterwards", place.everything(tx), before)


def a_thread_is_in_one_block_at_a_time(place: Place) -> None:
    """A second block inside the first is refused with `StorageError`, and the first goes on unharmed."""
    store = place.fill()
    for outer in (False, True):
        with store.transaction(write=outer) as tx:
            if outer:
                WRITES["add a client"](place, tx)
            there = place.names(tx.clients)
            for write in (False, True):
                with refused("a block inside a block", StorageError), store.transaction(write=write):
                    pass
            expect("the first block", place.names(tx.clients), there)
    with store.transaction() as tx:
        expect("what the first block wrote", place.names(tx.clients), ["c1", "c2", "new"])


def a_transaction_belongs_to_its_thread(place: Place) -> None:
    """Another thread can neither use a transaction nor leave its block, and nobody is kept out by its trying."""
    store = place.fill()
    for write in (False, True):
        with store.transaction(write=write) as tx:
            before = place.everything(tx)
            for name, use in all_uses(place, tx).items():
                refuses(f"use another thread's block: {name}", _elsewhere(use), StorageError)
            for name, begin in ITERATORS.items():
                refuses(f"go on in another thread: {name}", _elsewhere(partial(list, begin(tx))), StorageError)
            expect("after another thread tried to use it", place.everything(tx), before)
    block = store.transaction(write=True)
    WRITES["add a client"](place, block.__enter__())
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
        WRITES["replace a client"](place, tx)
        _elsewhere(store.close)()
        store.close()
        WRITES["add a client"](place, tx)
        expect("in the open block", place.names(tx.clients), ["c1", "c2", "new"])
        expect("what it wrote before", tx.clients.get(place.ids(["c2"]))[place.id("c2")].first_name, "Other")
    store.close()
    with refused("a block on a closed store", StorageError), store.transaction():
        pass


def _expect_undone(place: Place, each: type[BaseException], *errors: type[BaseException]) -> None:
    """Expect one error to undo each write, and more errors to undo all of them together."""
    store = place.fill()
    with store.transaction() as tx:
        before = place.everything(tx)
    cases = [(each(), name, partial(write, place)) for name, write in WRITES.items()]
    cases += [(error(), "all writes", partial(write_all, place)) for error in errors]
    for error, name, write in cases:
        _left_with(error, store, write)
        with store.transaction() as tx:
            what = f"after {name} in a block that was left with {type(error).__name__}"
            expect(what, place.everything(tx), before)
    with store.transaction(write=True) as tx:
        write_all(place, tx)


def _left_with(
    error: BaseException, store: Store, do: Callable[[Transaction], None] | None = None, *, write: bool = True
) -> object:
    """Leave a block with an error, and return what came out of it."""

    def fail_at_the_end(tx: Transaction) -> None:
        if do is not None:
            do(tx)
        raise error

    try:
        with store.transaction(write=write) as tx:
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
