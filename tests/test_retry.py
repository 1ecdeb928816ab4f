"""Trying again where another transaction was in the way."""

from __future__ import annotations

import pytest

from caseassign import AlreadyExistsError, ConflictError, StorageError, retrying


class Busy:
    """An act that is a conflict a few times before it succeeds, and remembers how long it was waited for."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts = conflicts
        self.pauses: list[float] = []

    def __call__(self) -> str:
        """Carry out the act."""
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("try again")
        return "done"


def test_an_act_that_meets_nobody_is_carried_out_once() -> None:
    """SPEC 10.1: an act that meets no conflict is carried out once, and nobody waits."""
    busy = Busy(0)
    assert retrying(busy, sleep=busy.pauses.append) == "done"
    assert busy.pauses == []


@pytest.mark.parametrize("error", [StorageError("broken"), AlreadyExistsError("client", ("c1",))])
def test_what_is_no_conflict_is_not_tried_again(error: Exception) -> None:
    """SPEC 10.1: an error that another attempt would meet again comes out at once."""
    pauses: list[float] = []

    def failing() -> None:
        raise error

    with pytest.raises(type(error)):
        retrying(failing, sleep=pauses.append)
    assert pauses == []


def test_a_conflict_is_tried_again() -> None:
    """SPEC 10.1: a conflict is tried again after pauses that grow, by chance, and stay under a second."""
    busy = Busy(11)
    assert retrying(busy, attempts=12, sleep=busy.pauses.append) == "done"
    limits = [min(0.02 * 2**number, 1) for number in range(11)]
    assert all(0 <= pause <= limit for pause, limit in zip(busy.pauses, limits, strict=True))
    assert len(set(busy.pauses)) > 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_last_conflict_comes_out(attempts: int) -> None:
    """SPEC 10.1: who is refused as often as they wanted to try is told of the conflict."""
    busy = Busy(9)
    with pytest.raises(ConflictError):
        retrying(busy, attempts=attempts, sleep=busy.pauses.append)
    assert (busy.conflicts, len(busy.pauses)) == (9 - attempts, attempts - 1)
