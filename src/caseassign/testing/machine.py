"""The state machine of hypothesis: steps that it chooses on the store and on the store in memory, and the same answers.

It goes on where the check ``agrees-with-the-reference`` stops: other steps each time, in smaller parts, with the store
opened again in between, and the fewest that show a fault. Like the check, it works in one thread, with few ids, days
and texts, and certifies nothing. Needs the extra ``testing``.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from caseassign.testing.place import OpenStore
from caseassign.testing.run import Candidate
from caseassign.testing.side_by_side import GROUND, PARTS, VOCABULARY, SideBySide, Step


def store_machine(
    open_store: OpenStore, *, durable: bool | None = None, shared: bool | None = None
) -> type[RuleBasedStateMachine]:
    """Return a state machine that drives the store and the store in memory side by side.

    Its ``TestCase`` is a test for pytest and unittest, and ``run_state_machine_as_test`` runs it anywhere. What the
    store is declared to do is said as to `check_store`.
    """

    class StoreMachine(RuleBasedStateMachine):
        """Blocks of calls, kept or undone, on both stores."""

        def __init__(self) -> None:
            super().__init__()
            self._candidate = Candidate.of(open_store, durable, shared)
            self._place = self._candidate.place()
            self._sides = SideBySide(self._place)

        @initialize()
        def lay_the_ground(self) -> None:
            self._sides.take_block(GROUND, undone=False)

        @precondition(lambda self: not self._sides.is_in_block)
        @rule()
        def open_a_block(self) -> None:
            self._sides.begin()

        @precondition(lambda self: self._sides.is_in_block)
        @rule(calls=st.lists(steps(), min_size=1, max_size=4))
        def call(self, calls: list[Step]) -> None:
            for step in calls:
                self._sides.take(step)
            self._sides.compare()

        @precondition(lambda self: self._sides.is_in_block)
        @rule(undone=st.booleans())
        def leave_the_block(self, undone: bool) -> None:
            self._sides.end(undone=undone)

        @precondition(lambda self: self._candidate.durable and not self._sides.is_in_block)
        @rule()
        def open_it_again(self) -> None:
            self._sides.reopen()

        def teardown(self) -> None:
            self._sides.abandon()
            self._place.leave()
            self._candidate.close()

    return StoreMachine


def steps() -> st.SearchStrategy[Step]:
    """Calls on any part of a transaction, some of which a store has to refuse."""
    return st.sampled_from(PARTS).flatmap(_steps_on)


def _steps_on(part: str) -> st.SearchStrategy[Step]:
    _, fields = VOCABULARY[part]
    given: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {name: st.sampled_from(tuple(values)) for name, values in fields.items()}
    )
    replaces = st.sampled_from([False, False, True])
    return st.builds(Step, st.just(part), st.lists(given, min_size=1, max_size=3).map(tuple), replaces)
