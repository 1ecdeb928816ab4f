"""Checking a store: every check in turn, each within a time limit, and none kept from running by another's failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs

from caseassign.storage import Store
from caseassign.testing.checks import CHECKS, IF_DURABLE, IF_SHARED, Check, name_of, sentence_of
from caseassign.testing.expecting import CheckFailedError, NotRunError, told
from caseassign.testing.place import OpenStore, Place
from caseassign.testing.report import Report, Result

LIMIT: Final = 60.0
"""How many seconds a check may take, if nothing else is said."""


class _HungError(CheckFailedError):
    """A check did not come to an end."""


@attrs.define(kw_only=True)
class Candidate:
    """A store that is to be checked: what opens it, what it is declared to do, and why not, where it does not.

    A store that is ``durable`` keeps what it has when it is closed, or its process killed. One that is ``shared`` can
    be open several times at once, in several processes too. One that is neither stays open during all checks.
    """

    name: str
    open_store: OpenStore
    durable: bool
    shared: bool
    because: str
    stays_open: Store | None

    @classmethod
    def of(
        cls,
        open_store: OpenStore,
        durable: bool | None = None,
        shared: bool | None = None,
        because: str | None = None,
    ) -> Candidate:
        """Return a store with what is declared of it, or else with what it says of itself by the same names.

        Who says nothing declares both; but what is not durable is taken not to be shared either.
        """
        store = open_store()
        is_durable = bool(getattr(store, "durable", True)) if durable is None else durable
        is_shared = bool(getattr(store, "shared", is_durable)) if shared is None else shared
        if is_durable or is_shared:
            store.close()
        return cls(
            name=type(store).__name__,
            open_store=open_store,
            durable=is_durable,
            shared=is_shared,
            because=because or "no reason is given",
            stays_open=None if is_durable or is_shared else store,
        )

    def place(self) -> Place:
        """Return a place for one check."""
        return Place(self.open_store, stays_open=self.stays_open)

    def renew(self) -> None:
        """Open it once more, if it stays open: somebody hangs in the one that is open now."""
        if self.stays_open is not None:
            self.stays_open = self.open_store()

    def why_not(self, check: Check) -> str | None:
        """Return why a check is not for a store that is declared like this; None if it is for it."""
        for ability, checks, has_it in (("durable", IF_DURABLE, self.durable), ("shared", IF_SHARED, self.shared)):
            if check in checks and not has_it:
                return f"declared {ability}=False: {self.because}"
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
    the store count. A store that is not durable is opened once, and closed at the end. ``limit`` is how many seconds
    a check may take, and ``told_of`` is told of each result at once.
    """
    candidate = Candidate.of(open_store, durable, shared, because)
    results = []
    for check in CHECKS:
        results.append(run(check, candidate, limit))
        if told_of is not None:
            told_of(results[-1])
    return Report(store=candidate.name, results=tuple(results))


def run(check: Check, candidate: Candidate, limit: float = LIMIT) -> Result:
    """Run one check in a place of its own."""
    result = Result(check=name_of(check), sentence=sentence_of(check), outcome="passed")
    declared = candidate.why_not(check)
    if declared is not None:
        return attrs.evolve(result, outcome="skipped", why=declared, declared=True)
    error = _error(check, candidate.place(), limit)
    if isinstance(error, _HungError):
        candidate.renew()
    if isinstance(error, NotRunError):
        return attrs.evolve(result, outcome="skipped", why=str(error))
    return result if error is None else attrs.evolve(result, outcome="failed", why=_why(error))


def _error(check: Check, place: Place, limit: float) -> BaseException | None:
    """Return what a check raises; it runs in a thread of its own, so that one that hangs can be left behind."""
    errors: list[BaseException] = []

    def do() -> None:
        try:
            check(place)
        except BaseException as error:  # noqa: BLE001  # whatever a store raises is a result
            errors.append(error)
        with suppress(Exception):  # how a store is closed is for the check of closing
            place.leave()

    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        place.abandon()
        return _HungError(f"it did not come to an end within {limit:g} seconds")
    return errors[0] if errors else None


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, CheckFailedError) else f"{told(error)} came out"
