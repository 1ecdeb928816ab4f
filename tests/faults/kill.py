"""Kill processes that write, and look for what was lost.

A process carries out real acts on a store and acknowledges each one after it returned. It is killed (SIGKILL) at a
random moment, and so, with `--store postgres-server`, is the server. Then the store is opened again: every act that was
acknowledged must be there whole, of one that was not all or nothing, and the next act must work at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import mmap
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol
from unittest.mock import patch
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the pieces are that all tests share

from busywork import Office, Receipt, batches, problems, receipt, say
from engines import ENGINES, cramped, engine
from kill_stores import COMMITTED, COMMITTING, DECIDING, PHASES, READING, WRITING, Halves, Late, Told

from caseassign import PostgresStore, SQLiteStore, StorageError
from caseassign.storage import Store
from caseassign.stores import sqlite_schema

KILLS_A_STORE: Final = 20


class Place(Protocol):
    """Where the store is that is killed."""

    def renew(self) -> None:
        """Begin with a new store."""

    def open(self) -> Store:
        """Open the store."""

    def aim(self) -> None:
        """Find out whom to kill, so that the kill itself takes no time."""

    def kill(self, child: int) -> bool:
        """Kill, and return whether the child, whose process id is given, ended as it should."""


class InFile:
    """A store in a file of SQLite, with a few households to begin with."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.sqlite"
        self._fresh = folder / "fresh.sqlite"
        with closing(SQLiteStore(self._fresh)) as store:
            Office(store, 0).set_up()

    def renew(self) -> None:
        """Begin with a new store."""
        for file in self._path.parent.glob(f"{self._path.name}*"):
            file.unlink()
        shutil.copy(self._fresh, self._path)

    def open(self) -> Store:
        """Open the store."""
        return SQLiteStore(self._path)

    def aim(self) -> None:
        """Aim at the child."""

    def kill(self, child: int) -> bool:
        """Kill the child."""
        return _killed(child)


class OnServer:
    """A store on a server of PostgreSQL. Either the client is killed or, with all its processes, the server."""

    def __init__(self, server: Any, *, kills_server: bool) -> None:
        self._server = server
        self._kills_server = kills_server
        self._schema = "none"
        self._workers: list[int] = []

    def renew(self) -> None:
        """Begin with a new store, in a schema of its own."""
        import psycopg  # noqa: PLC0415  # which SQLite does not need

        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            # After a crash a server syncs every file that it has.
            connection.execute(f'DROP SCHEMA IF EXISTS "{self._schema}" CASCADE')
        self._schema = f"kill_{uuid4().hex}"
        with closing(self.open()) as store:
            Office(store, 0).set_up()

    def open(self) -> Store:
        """Open the store."""
        return PostgresStore(self._server.dsn, schema=self._schema)

    def aim(self) -> None:
        """Aim at the child, or at all processes of the server."""
        if self._kills_server:
            self._workers = _children(self._server.process.pid)

    def kill(self, child: int) -> bool:
        """Kill the child, or the server; the child then ends by itself, with nothing but the library's error."""
        if not self._kills_server:
            return _killed(child)
        postmaster = self._server.process
        postmaster.send_signal(signal.SIGSTOP)  # so that it starts nobody any more
        _kill_all(self._workers)
        self._workers = _children(postmaster.pid)
        _kill_all(self._workers)
        postmaster.kill()
        postmaster.wait()
        _, status = os.waitpid(child, 0)
        while any(_is_running(worker) for worker in self._workers):
            time.sleep(0.001)
        self._server.start()
        return os.waitstatus_to_exitcode(status) == 0


def _killed(child: int) -> bool:
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _kill_all(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


Open = Callable[[], Store]

BROKEN: dict[str, tuple[str, Callable[[Store], Store]]] = {
    "late": ("acts are acknowledged before they are committed", Late),
    "halves": ("records and their history are committed one after the other", Halves),
    "no-journal": ("SQLite keeps no journal", lambda store: store),
    "asynchronous": ("PostgreSQL commits before it has written (synchronous_commit=off)", lambda store: store),
}


def main() -> int:
    """Kill as often as is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stores = [*ENGINES, "postgres", "postgres-server"]
    parser.add_argument("--store", choices=stores, default="sqlite3", help="SQLite on an engine, or PostgreSQL")
    parser.add_argument("--kills", type=int, default=1000, help="how often to kill (default: 1000)")
    parser.add_argument("--broken", choices=BROKEN, help="switch safety off, to see that it is found out")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to kill at similar moments again")
    options = parser.parse_args()
    with _place(options.store, options.broken) as (name, place):
        rounds = Rounds(place, options)
        began = time.monotonic()
        for number in range(options.kills):
            rounds.kill(number)
        took = time.monotonic() - began
    if options.broken:
        say(f"Safety off: {BROKEN[options.broken][0]}.")
    say(
        f"{options.kills} kills on {name} (seed {options.seed}, {took:.0f} s): "
        f"{', '.join(f'{rounds.phases[phase]} {text}' for phase, text in enumerate(PHASES))}. "
        f"{rounds.acknowledged} acts were acknowledged; {rounds.unannounced} more were there whole. "
        f"The longest time until the store was open again and the next act done was {rounds.longest:.2f} s. "
        f"{len(rounds.found)} kills lost something or left something half done."
    )
    for problem in rounds.found[:10]:
        say(f"  {problem}")
    return 1 if rounds.found else 0


@contextmanager
def _place(name: str, broken: str | None) -> Iterator[tuple[str, Place]]:
    with ExitStack() as stack:
        if name in ENGINES:
            engine_name = stack.enter_context(engine(name))
            if broken == "no-journal":
                stack.enter_context(patch.object(sqlite_schema, "journal_mode", lambda _: "OFF"))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            journal = sqlite_schema.journal_mode(sqlite3.sqlite_version_info)
            yield f"{engine_name}, journal {journal}", InFile(folder)
        else:
            logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of connections that are lost
            from postgres_server import server  # noqa: PLC0415  # needs psycopg, which SQLite does not

            settings = ("synchronous_commit=off",) if broken == "asynchronous" else ()
            running = stack.enter_context(server(*settings))
            kills_server = name == "postgres-server"
            whom = "the server" if kills_server else "the client"
            yield f"{_version(running.dsn)}, of {whom}", OnServer(running, kills_server=kills_server)


def _version(dsn: str) -> str:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(dsn) as connection:
        return f"PostgreSQL {connection.info.server_version // 10000}.{connection.info.server_version % 10000}"


class Rounds:
    """One kill after the other, and what was found."""

    def __init__(self, place: Place, options: argparse.Namespace) -> None:
        self._place = place
        self._random = random.Random(options.seed)
        self._break = BROKEN[options.broken][1] if options.broken else lambda store: store
        self._is_always_cramped = options.broken == "no-journal"
        self._known: dict[str, Receipt] = {}
        self.phases: Counter[int] = Counter()
        self.acknowledged = 0
        self.unannounced = 0
        self.longest = 0.0
        self.found: list[str] = []

    def kill(self, number: int) -> None:
        """Kill once, and look at what is there."""
        if number % KILLS_A_STORE == 0:
            self._place.renew()
            with closing(self._place.open()) as store:
                self._known = batches(store)
        told, ended_well = self._killed(is_cramped=self._is_always_cramped or bool(number % 2))
        self.acknowledged += len(told)
        self._known |= told
        try:
            found = self._looked_at()
        except StorageError as error:
            found = [f"the store cannot be used: {error}"]
        if not ended_well:
            found.append("the process that wrote failed by itself")
        if found:
            self.found.append(f"kill {number}: {'; '.join(found[:3])}")
            self._place.renew()
            with closing(self._place.open()) as store:
                self._known = batches(store)

    def _killed(self, *, is_cramped: bool) -> tuple[dict[str, Receipt], bool]:
        """Let a process work, and kill; return what it had acknowledged, and whether it ended as it should."""
        seed = self._random.randrange(10**9)
        reading, writing = os.pipe()
        with mmap.mmap(-1, mmap.PAGESIZE) as progress:
            child = os.fork()
            if not child:
                os.close(reading)
                with cramped() if is_cramped else ExitStack():
                    _work(self._place.open, self._break, writing, progress, seed)
            os.close(writing)
            self._wait(progress)
            ended_well = self._place.kill(child)
            self.phases[progress[0]] += 1
        with os.fdopen(reading) as acknowledged:
            told = {batch_id: (count, digest) for batch_id, count, digest in map(json.loads, acknowledged)}
        return told, ended_well

    def _wait(self, progress: mmap.mmap) -> None:
        """Wait for a random moment: any, or one of a phase that is aimed at."""
        aim = self._random.choice((None, DECIDING, WRITING, WRITING, COMMITTING, COMMITTING, COMMITTED))
        acts = 0 if aim is None else self._random.randrange(1, 4)
        give_up = time.monotonic() + 5
        while progress[1] < acts and time.monotonic() < give_up:
            pass
        self._place.aim()
        moment = time.monotonic() + self._random.uniform(0, 0.05)
        if aim is not None:
            while progress[0] != aim and time.monotonic() < give_up:
                pass
            moment = time.monotonic() + self._random.choice((0, self._random.uniform(0, 0.003)))
        while time.monotonic() < moment:
            pass

    def _looked_at(self) -> list[str]:
        """Open the store again, and return what is not as it must be; the next act must work at once."""
        began = time.monotonic()
        with closing(self._place.open()) as store:
            opened = time.monotonic()
            found = problems(store, self._known)
            if found:
                return found
            there = batches(store)
            self.unannounced += len(there) - len(self._known)
            acting = time.monotonic()
            outcome = Office(store, self._random.randrange(10**9)).act()
            self.longest = max(self.longest, opened - began + time.monotonic() - acting)
            self._known = there | {str(outcome.batch_id): receipt(outcome.changes)}
        return []


def _work(open_store: Open, break_: Callable[[Store], Store], pipe: int, progress: mmap.mmap, seed: int) -> NoReturn:
    """Go on acting, and acknowledge each act after it returned."""
    try:
        office = Office(Told(break_(open_store()), progress), seed)
        while True:
            outcome = office.act()
            said = [outcome.batch_id, *receipt(outcome.changes)]
            os.write(pipe, f"{json.dumps(said)}\n".encode())
            progress[0] = READING
            progress[1] = min(progress[1] + 1, 255)
    except StorageError:  # which, where it is the server that is killed, is what should come
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
