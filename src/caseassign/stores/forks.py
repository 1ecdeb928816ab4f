"""Closing connections before a fork, after which two processes would believe that one connection is theirs."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress
from typing import Protocol


class Holder(Protocol):
    """Whatever holds connections between transactions."""

    def close_idle(self) -> None:
        """Close the connections that no transaction is using."""


_HOLDERS: weakref.WeakSet[Holder] = weakref.WeakSet()


def close_before_forks(holder: Holder) -> None:
    """Have ``holder`` close its idle connections whenever this process is about to fork."""
    _HOLDERS.add(holder)


def _before_fork() -> None:
    for holder in tuple(_HOLDERS):
        holder.close_idle()


with suppress(AttributeError):  # on Windows, where nothing forks
    os.register_at_fork(before=_before_fork)
