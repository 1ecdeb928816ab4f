"""Searches in a SQLite file: statements that read much and find little, two of them at once.

Python's `sqlite3` lets other threads run while SQLite works. So two threads, each with a connection of its own, use two
cores; more would wait for one another. Both see what the transaction sees, and its own connection stays free for what
is asked about the rows that they find.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import Empty, Full, Queue, SimpleQueue
from threading import Event, Thread
from typing import Final, TypeAlias

from caseassign.storage import Row
from caseassign.stores.sqlite_errors import translated

_READERS: Final = 2
_ROWS_AT_ONCE: Final = 500
_AHEAD: Final = 100
"""How many batches of rows a search is ahead of whoever looks at them."""
_SECONDS: Final = 0.05
"""How often a search looks whether anybody still wants its rows, and is told that nobody does."""
_KIBIBYTES: Final = 16_384

_Found: TypeAlias = "Queue[list[Row] | Exception | None]"


def open_readers(path: Path, connection: sqlite3.Connection) -> list[sqlite3.Connection]:
    """Return connections that see what the read transaction of ``connection`` sees; none where that cannot be had.

    They cannot be had while somebody waits to commit. What was committed since the transaction began, which in
    write-ahead mode does not wait for it, shows in the end of the history.
    """
    with ExitStack() as opened, suppress(sqlite3.Error):
        readers = [_reader(opened, path) for _ in range(_READERS)]
        if all(_end(reader) == _end(connection) for reader in readers):
            opened.pop_all()
            return readers
    return []


def _reader(opened: ExitStack, path: Path) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode=ro"
    reader = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    opened.callback(reader.close)
    reader.execute("PRAGMA trusted_schema = OFF")
    reader.execute(f"PRAGMA cache_size = -{_KIBIBYTES}")
    reader.execute("BEGIN")
    return reader


def _end(connection: sqlite3.Connection) -> list[Row]:
    return connection.execute("SELECT * FROM change_head").fetchall()


def search(readers: Iterable[sqlite3.Connection], statements: Sequence[str]) -> Generator[tuple[int, Row]]:
    """Yield each row with the number of its statement, in the order of the statements; close the readers at the end."""
    found: list[_Found] = [Queue(_AHEAD) for _ in statements]
    jobs: SimpleQueue[tuple[str, _Found]] = SimpleQueue()
    for job in zip(statements, found, strict=True):
        jobs.put(job)
    nobody_wants_more = Event()
    with ExitStack() as ending:
        for reader in readers:
            ending.enter_context(closing(reader))
            thread = Thread(target=_work, args=(reader, jobs, nobody_wants_more), daemon=True)
            thread.start()
            ending.callback(_stop, thread, reader)
        ending.callback(nobody_wants_more.set)
        for number, of_one in enumerate(found):
            while (rows := of_one.get()) is not None:
                if isinstance(rows, Exception):
                    with translated():
                        raise rows
                for row in rows:
                    yield number, row


def _stop(thread: Thread, reader: sqlite3.Connection) -> None:
    """End a thread whose rows nobody wants, also one that was just about to begin with a statement."""
    while thread.is_alive():
        reader.interrupt()
        thread.join(_SECONDS)


def _work(reader: sqlite3.Connection, jobs: SimpleQueue[tuple[str, _Found]], nobody_wants_more: Event) -> None:
    """Carry out one statement after the other, until there is none left or nobody wants more."""

    def hand_over(what: list[Row] | Exception | None) -> None:
        is_through = False
        while not (is_through or nobody_wants_more.is_set()):
            with suppress(Full):
                found.put(what, timeout=_SECONDS)
                is_through = True

    with suppress(Empty):
        while not nobody_wants_more.is_set():
            sql, found = jobs.get_nowait()
            try:
                cursor = reader.execute(sql)
                while not nobody_wants_more.is_set() and (rows := cursor.fetchmany(_ROWS_AT_ONCE)):
                    hand_over(rows)
            except Exception as error:  # noqa: BLE001  # whoever waits for the rows raises it
                hand_over(error)
            hand_over(None)
