"""Opens the store for the conformance kit: `caseassign check-store certify:open_store`, and `certify:open_joined`.

Give it a database of its own (AGENCY_DATABASE): what the checks write stays there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  # Django has to be set up first
from django.db import connection  # noqa: E402

from agency.store import AgencyStore, serial  # noqa: E402
from caseassign.stores import Gate  # noqa: E402


class Alone:
    """The store outside of any transaction of the agency; like Django after each request, it gives connections back."""

    def __init__(self) -> None:
        self._store = AgencyStore()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a block, which commits."""
        try:
            with self._store.transaction(write=write) as tx:
                yield tx
        finally:
            if not connection.in_atomic_block:
                connection.close()

    def close(self) -> None:
        """Let nobody in any more."""
        self._store.close()


class Joined(Alone):
    """The store in a transaction that the agency has open, and that it commits when the block is left."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = Gate()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction of the agency, and in it a block, which is a savepoint."""
        with self._gate.block(write=write), serial(), super().transaction(write=write) as tx:
            yield tx

    def close(self) -> None:
        """Let nobody in any more."""
        self._gate.close()


def open_store() -> Alone:
    """Open the store, with tables if there are none."""
    call_command("migrate", verbosity=0)
    return Alone()


def open_joined() -> Joined:
    """Open the store as one that joins, with tables if there are none."""
    call_command("migrate", verbosity=0)
    return Joined()
