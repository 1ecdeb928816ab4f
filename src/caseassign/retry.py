"""Trying again where another transaction was in the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from caseassign.errors import ConflictError

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0


def retrying(act: Callable[[], T], *, attempts: int = 8, sleep: Callable[[float], object] = time.sleep) -> T:
    """Carry out ``act`` until it raises no `ConflictError`, ``attempts`` times at most; return what it returns.

    The error of the last attempt comes out. Before each new one it sleeps for a random part of a second, longer each
    time, so that those who were in each other's way do not meet again. ``act`` begins anew each time, so what it rests
    on must be read inside it::

        retrying(lambda: kim.hand_over(assignment, "lee", on="2026-03-02"))

    In a transaction of the host, it is the whole of that transaction that must begin anew.
    """
    pause = _FIRST_PAUSE
    for _ in range(attempts - 1):
        try:
            return act()
        except ConflictError:
            sleep(random.uniform(0, pause))  # noqa: S311  # no secret
            pause = min(2 * pause, _LONGEST_PAUSE)
    return act()
