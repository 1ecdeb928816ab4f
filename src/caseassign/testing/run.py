"""Checking a store: every check in turn, each within a time limit, and none kept from running by another's failure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs

from caseassign.storage import Store
from caseassign.testing.checks import CHECKS, IF_DURABLE, IF_SHARED, Check, name_of, sentence_of
from caseassign.testing.expecting import CheckFailedError, NotRunError, told
from caseassign.testing.place import OpenStore, Place
from caseassign.testing.report import Report, Result
from caseassign.testing.threads import error_within

LIMIT: Final = 60.0
"""How many seconds a check may take, if nothing else is said."""


_NEEDED: Final = "give a function or a class that takes nothing and returns a store"


class NotCheckableError(Exception):
    """What is to be checked opens no store, or declares what nobody understands; the message says what to do."""


class _HungError(CheckFailedError):
    """A check did not come to an end."""


@attrs.define(kw_only=True)
class Candidate:
    """A store that is to be checked: what opens it, what it is declared to do, and why not, where it does not.

    A store that is ``durable`` keeps what it has when it is closed, or its process killed. One that is ``shared`` can
    be open several times at once, in several processes too. One that is neither ``lasts``: it stays open during all
    checks, until it is closed here.
    """

    name: str
    open_store: OpenStore
    durable: bool
    shared: bool
    because: str | None
    lasts: bool
    stays_open: Store | None

    @classmethod
    def of(
        cls,
        open_store: OpenStore,
        durable: bool | None = None,
        shared: bool | None = None,
        because: str | None = None,
        limit: float = LIMIT,
    ) -> Candidate:
        """Return a store with what is declared of it, or else with what it says of itself by the same names.

        Who says nothing declares both; but what is not durable is taken not to be shared either. Raises
        `NotCheckableError` where no store can be opened, and `CheckFailedError` if that takes longer than ``limit``.
        """
        if not callable(open_store):
            raise NotCheckableError(f"what opens the store is a {type(open_store).__name__}, no function: {_NEEDED}")
        candidates: list[Candidate] = []
        error = _error(lambda: candidates.append(cls._opened(open_store, durable, shared, because)), limit)
        if error is not None:
            raise error
        return candidates[0]

    @classmethod
    def _opened(
        cls, open_store: OpenStore, durable: bool | None, shared: bool | None, because: str | None
    ) -> Candidate:
        store = _opened(open_store)
        is_durable = _declared("durable", durable, store, otherwise=True)
        is_shared = _declared("shared", shared, store, otherwise=is_durable)
        lasts = not is_durable and not is_shared
        if not lasts:
            _close(store)
        return cls(
            name=type(store).__name__,
            open_store=open_store,
            durable=is_durable,
            shared=is_shared,
            because=(because or "").strip() or None,
            lasts=lasts,
            stays_open=store if lasts else None,
        )

    def place(self) -> Place:
        """Return a place for one check."""
        if self.lasts and self.stays_open is None:
            self.stays_open = self.open_store()
        return Place(self.open_store, stays_open=self.stays_open)

    def let_go(self) -> None:
        """Leave what is open to whoever hangs in it; the next place opens the store once more."""
        self.stays_open = None

    def close(self, limit: float = LIMIT) -> None:
        """Close what is open."""
        store, self.stays_open = self.stays_open, None
        if store is not None:
            _error(lambda: _close(store), limit)

    def why_not(self, check: Check) -> str | None:
        """Return why a check is not for a store that is declared like this; None if it is for it."""
        for ability, checks, has_it in (("durable", IF_DURABLE, self.durable), ("shared", IF_SHARED, self.shared)):
            if check in checks and not has_it:
                return f"declared {ability}=False: {self.because or 'no reason is given'}"
        return None


def check_store(
    open_store: OpenStore,
    *,
    durable: bool | None = None,
    shared: bool | None = None,
    because: str | None = None,
    limit: float = LIMIT,
    told_of: Callable[[Result], None] | None = None,
) -> Report:
    """Check a store against the contract, and report on every check.

    ``open_store`` takes nothing and opens the store; called twice, it opens the same data. What is there is left
    alone, but the checks write into it: give them a place of their own. ``durable=False`` and ``shared=False``
    declare what the store cannot do, and ``because`` why; if neither is given, the attributes of the same names on
    the store count. A store that is neither is opened once, and closed at the end. ``limit`` is how many seconds
    a check may take, and opening the store for the first time, and ``told_of`` is told of each result at once.

    Raises `NotCheckableError` if ``open_store`` opens no store, or a declaration is neither True nor False.
    """
    try:
        candidate = Candidate.of(open_store, durable, shared, because, limit)
    except _HungError as error:
        return _not_opened(open_store, str(error), told_of)
    results = []
    try:
        for check in CHECKS:
            results.append(run(check, candidate, limit))
            if told_of is not None:
                told_of(results[-1])
    finally:
        candidate.close(limit)
    return Report(
        store=candidate.name,
        results=tuple(results),
        durable=candidate.durable,
        shared=candidate.shared,
        because=candidate.because,
    )


def run(check: Check, candidate: Candidate, limit: float = LIMIT) -> Result:
    """Run one check in a place of its own."""
    result = Result(check=name_of(check), sentence=sentence_of(check), outcome="passed")
    declared = candidate.why_not(check)
    if declared is not None:
        return attrs.evolve(result, outcome="skipped", why=declared, declared=True)
    error = _error_of(check, candidate, limit)
    if isinstance(error, NotRunError):
        return attrs.evolve(result, outcome="skipped", why=str(error))
    return result if error is None else attrs.evolve(result, outcome="failed", why=_why(error))


def _error_of(check: Check, candidate: Candidate, limit: float) -> BaseException | None:
    """Return what a check raises; whoever hangs in it is left behind, with the store."""
    places: list[Place] = []

    def do() -> None:
        places.append(candidate.place())
        try:
            check(places[0])
        finally:
            with suppress(Exception):  # how a store is closed is for the check of closing
                places[0].leave()

    error = _error(do, limit)
    if isinstance(error, _HungError):
        for place in places:
            place.abandon()
        candidate.let_go()
    return error


def _error(do: Callable[[], object], limit: float) -> BaseException | None:
    """Return what something raises, or that it did not come to an end."""
    try:
        return error_within(limit, do)
    except TimeoutError:
        return _HungError(f"it did not come to an end within {limit:g} seconds")


def _opened(open_store: OpenStore) -> Store:
    """Return the store; raise `NotCheckableError` where none comes."""
    missing = _arguments(open_store)
    if missing:
        raise NotCheckableError(f"what opens the store needs arguments ({', '.join(missing)}): {_NEEDED}")
    try:
        store = open_store()
    except BaseException as error:
        raise NotCheckableError(f"what opens the store raised {told(error)}: {_NEEDED}") from error
    if not all(callable(getattr(store, name, None)) for name in ("transaction", "close")):
        came = type(store).__name__
        raise NotCheckableError(f"what opens the store returned a {came}, without transaction or close: {_NEEDED}")
    return store


def _arguments(open_store: OpenStore) -> list[str]:
    """Return the names of the arguments without which it cannot be called, as far as that can be known."""
    try:
        parameters = inspect.signature(open_store).parameters.values()
    except ValueError:  # of some that are written in C
        return []
    optional = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]


def _declared(ability: str, given: object, store: Store, *, otherwise: bool) -> bool:
    """Return whether a store has an ability, as it is given, or else said by the store, or else ``otherwise``."""
    said = given if given is not None else getattr(store, ability, otherwise)
    if not isinstance(said, bool):
        raise NotCheckableError(f"{ability} is declared with a {type(said).__name__}: declare it with True or False")
    return said


def _close(store: Store) -> None:
    with suppress(Exception):  # how a store is closed is for the check of closing
        store.close()


def _not_opened(open_store: OpenStore, why: str, told_of: Callable[[Result], None] | None) -> Report:
    """Return the report on a store that nobody gets to see, and that is called like what should have opened it."""
    opening = Result(check="opens", sentence="What opens the store returns it.", outcome="failed", why=why)
    if told_of is not None:
        told_of(opening)
    return Report(store=getattr(open_store, "__name__", type(open_store).__name__), results=(opening,))


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, CheckFailedError) else f"{told(error)} came out"
