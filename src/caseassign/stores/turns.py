"""Turns: who wants to write to a SQLite file queues for it, and whoever came first is next.

SQLite has no queue. Who finds the file taken looks again after a pause, which grows to a tenth of a second, and a
writer that goes on without one is back long before. Looking more often lets the others in, but the unlucky one of
sixteen still waits for seconds.

So who wants to write draws a ticket: it locks one byte of an empty file beside the database, the byte whose number is
the moment, in nanoseconds since the machine was started. Its turn has come when it can lock all the bytes before that
one, too. The locks are those that Linux has for each open file: they tell threads apart as well as processes, and are
gone with the process that had them. A ticket keeps its place while its owner sleeps, so it is fair to look only now and
then. That keeps the timeout, too: a call that waits for a lock comes back only with the lock.

This is an order, and nothing rests on it: SQLite's own locks lie underneath. Whoever has waited for a tenth of a second
asks SQLite now and then, turn or not. So nobody is held up for good by a ticket whose owner was stopped, and other
programs may write as well. Where there are no such locks (macOS, Windows, some network shares, a folder that may only
be read), the turn has always come, and what is left is to look more often than SQLite does.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Final

try:
    from fcntl import F_OFD_SETLK, F_UNLCK, F_WRLCK, fcntl

    HAS_TICKETS = True
except ImportError:  # the system has no locks of open files
    HAS_TICKETS = False

_SHORTEST: Final = 0.0005
_LONGEST: Final = 0.005
_SHARE: Final = 1 / 25
"""How long to sleep until the next look: a share of the time waited so far, and between so many seconds."""

_OUT_OF_TURN: Final = 0.1
"""After so many seconds SQLite is asked, turn or not."""

_LONGEST_TIMEOUT: Final = 2**31 - 1
"""In milliseconds, as SQLite counts them."""


class Turn:
    """A place in the queue of those who want to write to the database at ``path``, until it is closed."""

    def __init__(self, path: Path) -> None:
        self._ticket: int | None = None
        self._descriptor = _opened(path) if HAS_TICKETS else None
        self.has_come()  # draws the ticket

    def has_come(self) -> bool:
        """Whether everybody who came before has left; also where there can be no queue."""
        if self._descriptor is None:
            return True
        try:
            if self._ticket is None:
                now = time.monotonic_ns()
                _lock(self._descriptor, F_WRLCK, now, 1)
                self._ticket = now
            _lock(self._descriptor, F_WRLCK, 0, self._ticket)
        except BlockingIOError:
            return False
        except OSError:  # the file system has no locks
            return True
        return True

    def close(self) -> None:
        """Let the next one in."""
        if self._descriptor is not None:
            with suppress(OSError):  # closing is not enough where a fork has the file open, too
                _lock(self._descriptor, F_UNLCK, 0, 0)
            os.close(self._descriptor)
            self._descriptor = None


def begin_to_write(connection: sqlite3.Connection, turn: Turn, timeout: float) -> None:
    """Begin a transaction that writes as soon as it is its turn.

    Raises SQLite's error if that is not within ``timeout`` seconds; the connection is of no use then.
    """
    began = asked = time.monotonic()
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        now = time.monotonic()
        is_last = now - began >= timeout
        if turn.has_come() or now - asked >= _OUT_OF_TURN or is_last:
            asked = now
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if is_last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
        time.sleep(min(max(_SHORTEST, _SHARE * (now - began)), _LONGEST))
    connection.execute(f"PRAGMA busy_timeout = {round(min(1000 * timeout, _LONGEST_TIMEOUT))}")


def _opened(path: Path) -> int | None:
    """Return a descriptor of the file of tickets, made if it is not there; None where that cannot be."""
    tickets = path.with_name(f"{path.name}-turns")
    with suppress(OSError):
        try:
            return os.open(tickets, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            descriptor = os.open(tickets, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(OSError):  # whoever may write to the database may queue for it
            database = path.stat()
            os.fchmod(descriptor, S_IMODE(database.st_mode))
            os.fchown(descriptor, database.st_uid, database.st_gid)
        return descriptor
    return None


def _lock(descriptor: int, kind: int, first: int, count: int) -> None:
    fcntl(descriptor, F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, first, count, 0))
