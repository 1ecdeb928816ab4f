"""Kill migrations, and let each call to the disk fail once while they are under way.

From every earlier version of the file, and from no file at all, to this version and to one that does not exist yet and
rewrites a table. Afterwards the file is either what it was, with all that it held, or of the new version with all that
it held and a copy of the old one beside it. Opening it again brings it to the new version.
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias
from unittest.mock import patch

import attrs
from busywork import Office, say, tells_values
from disk import MESSAGES
from engines import ENGINES, cramped
from failing_disk import FAILURES, Disk, failing_engine

from caseassign import CaseAssignError, SQLiteStore, StorageError
from caseassign.stores import sqlite_schema
from caseassign.stores.sql import Steps
from caseassign.stores.sqlite_schema import STEPS, open_file

TESTS: Final = Path(__file__).parents[1]
NEXT: Final = (
    "ALTER TABLE client ADD COLUMN nickname TEXT",
    "UPDATE client SET nickname = last_name",
    "CREATE TABLE household (household_id TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL) STRICT",
    "INSERT INTO household SELECT household_id, count(*) FROM enrollment WHERE household_id IS NOT NULL GROUP BY 1",
    "CREATE INDEX enrollment_by_entry ON enrollment (entry_date)",
)
"""A step that a later version might take."""

Shape: TypeAlias = tuple[int, frozenset[str]]
"""The version of a file, and its tables, indexes and triggers."""


@attrs.frozen
class Journey:
    """A migration: the file before it (None where there is none), and the steps to take."""

    version: int
    before: bytes | None
    steps: Steps


@contextmanager
def _piecemeal() -> Iterator[None]:
    """A migration in which each statement is a transaction of its own."""

    def migrate(connection: sqlite3.Connection, path: Path, steps: Steps) -> None:
        version = sqlite_schema.version_of(connection, path, newest=len(steps))
        if version:
            sqlite_schema._back_up(path, version)
        connection.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
        for statement in chain.from_iterable(steps[version:]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")

    with patch.object(sqlite_schema, "_migrate", migrate):
        yield


@contextmanager
def _without_copy() -> Iterator[None]:
    """A migration that makes no copy."""
    with patch.object(sqlite_schema, "_back_up", lambda *_: None):
        yield


BROKEN: dict[str, tuple[str, Callable[[], Any]]] = {
    "piecemeal": ("each statement of a migration is a transaction of its own", _piecemeal),
    "no-copy": ("no copy is made before a migration", _without_copy),
}


def main() -> int:
    """Kill as often, and let as much fail, as is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite3", help="which SQLite, and with which journal")
    parser.add_argument("--kills", type=int, default=1000, help="how often to kill (default: 1000)")
    parser.add_argument("--every", type=int, default=1, help="let only every so manieth call fail (default: 1)")
    parser.add_argument("--broken", choices=BROKEN, help="switch safety off, to see that it is found out")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to kill at similar moments again")
    options = parser.parse_args()
    disk = Disk()
    with ExitStack() as stack:
        name = stack.enter_context(failing_engine(options.engine, disk))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trial = Trial(folder, disk, random.Random(options.seed))
        files = [_file_of(version, folder) for version in range(len(STEPS) + 1)]
        journeys = [
            Journey(version, files[version], steps)
            for steps in (STEPS, (*STEPS, NEXT))
            for version in range(len(steps))
        ]
        if options.broken:
            stack.enter_context(BROKEN[options.broken][1]())
            say(f"Safety off: {BROKEN[options.broken][0]}.")
        for number in range(options.kills):
            with cramped() if number % 2 else nullcontext():
                trial.kill(journeys[number // 2 % len(journeys)])
        for journey in journeys:
            for failure in FAILURES:
                number = 1
                while trial.fail(journey, failure, number):
                    number += options.every
    ways = ", ".join(f"{journey.version} to {len(journey.steps)}" for journey in journeys)
    say(
        f"On {name} as {options.engine} (seed {options.seed}), from version {ways}. "
        f"{options.kills} kills: {trial.kills['under way']} while the migration was under way; afterwards "
        f"{trial.kills['old']} files were as before and {trial.kills['new']} new. "
        f"{sum(trial.failed.values())} failures of the disk "
        f"({', '.join(f'{count} of {failure}' for failure, count in trial.failed.items())}): "
        f"{trial.fails['old']} files were as before and {trial.fails['new']} new, "
        f"{trial.fails['refused']} clean errors came out. "
        f"{len(trial.found)} times something was lost, half done or came out unclean."
    )
    for problem in trial.found[:10]:
        say(f"  {problem}")
    return 1 if trial.found else 0


def _file_of(version: int, folder: Path) -> bytes | None:
    """Return a file of a version: an earlier one from its dump beside the tests, this one as an office leaves it."""
    path = folder / f"version-{version}.sqlite"
    if version == 0:
        return None
    if version == len(STEPS):
        with closing(SQLiteStore(path)) as store:
            office = Office(store, 0)
            office.set_up()
            office.act()
    else:
        # Only to lay out an old file, which no store of today can do.
        with closing(_plain_connection(path)) as connection:
            for statement in _statements((TESTS / f"version_{version}.sql").read_text(encoding="utf-8")):
                connection.execute(statement)
    return path.read_bytes()


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _plain_connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


class Trial:
    """One migration after the other, and what was found."""

    def __init__(self, folder: Path, disk: Disk, luck: random.Random) -> None:
        self._path = folder / "work" / "store.sqlite"
        self._disk = disk
        self._luck = luck
        self._arrivals: dict[Journey, Shape] = {}
        self.kills: Counter[str] = Counter()
        self.fails: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.found: list[str] = []

    def kill(self, journey: Journey) -> None:
        """Kill a process that migrates, and look at what is there."""
        self._lay_out(journey)
        with mmap.mmap(-1, mmap.PAGESIZE) as progress:
            child = os.fork()
            if not child:
                try:
                    progress[0] = 1
                    open_file(self._path, 5, journey.steps)
                    progress[0] = 2
                    time.sleep(60)
                finally:
                    os._exit(1)
            while not progress[0]:
                pass
            moment = time.monotonic() + self._luck.uniform(0, 0.06)
            while time.monotonic() < moment and progress[0] < 2:
                pass
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            self.kills["under way"] += progress[0] == 1
        self._look(f"kill from {journey.version} to {len(journey.steps)}", journey, self.kills)

    def fail(self, journey: Journey, failure: str, number: int) -> bool:
        """Let the call with this number fail during a migration; return whether it needed so many of them."""
        self._lay_out(journey)
        self._disk.arm(failure, number)
        what = f"{failure} {number} from {journey.version} to {len(journey.steps)}"
        try:
            open_file(self._path, 5, journey.steps).close()
        except Exception as error:  # noqa: BLE001  # whatever comes out is what is tested
            self.fails["refused"] += 1
            if not isinstance(error, StorageError) or tells_values(error) or str(error) not in MESSAGES:
                self.found.append(f"{what}: {type(error).__name__} came out: {error}")
        self._disk.disarm()
        self.failed[failure] += self._disk.has_failed
        self._look(what, journey, self.fails if self._disk.has_failed else Counter())
        return self._disk.has_failed

    def _lay_out(self, journey: Journey) -> None:
        shutil.rmtree(self._path.parent, ignore_errors=True)
        self._path.parent.mkdir()
        if journey.before is not None:
            self._path.write_bytes(journey.before)

    def _look(self, what: str, journey: Journey, counts: Counter[str]) -> None:
        """Look at the file, open it once more, and look again."""
        try:
            shape = _shape(self._path)
            counts["new" if shape[0] == len(journey.steps) else "old"] += 1
            problems = self._problems(journey, shape)
            open_file(self._path, 5, journey.steps).close()
            after = _shape(self._path)
            if after[0] != len(journey.steps):
                problems.append("opening it again did not bring it to the new version")
            problems += self._problems(journey, after)
        except (CaseAssignError, sqlite3.Error) as error:
            problems = [f"the file cannot be used: {error}"]
        self.found += [f"{what}: {problem}" for problem in problems]

    def _problems(self, journey: Journey, shape: Shape) -> list[str]:
        """Return what is not as it must be: the tables, what they hold, and the copy."""
        with tempfile.TemporaryDirectory() as folder:
            old = Path(folder, "old.sqlite")
            if journey.before is not None:
                old.write_bytes(journey.before)
            was = _shape(old)
            columns, held = _columns(old), _rows(old, _columns(old))
            if journey not in self._arrivals:
                open_file(old, 5, journey.steps).close()
                self._arrivals[journey] = _shape(old)
        found = []
        if shape not in (was, self._arrivals[journey]):
            found.append(f"it is half of version {shape[0]}")
        elif _rows(self._path, columns) != held:
            found.append("it does not hold what it held")
        copy = self._path.with_name(f"{self._path.name}.version-{journey.version}")
        if shape[0] > was[0] > 0 and (not copy.exists() or _shape(copy) != was or _rows(copy, columns) != held):
            found.append("there is no whole copy of what it was")
        return found


def _shape(path: Path) -> Shape:
    with closing(_plain_connection(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, frozenset(sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema").fetchall())


def _columns(path: Path) -> dict[str, str]:
    """Return the tables of a file, and the names of their columns."""
    with closing(_plain_connection(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        found = {}
        for (table,) in tables:
            names = connection.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall()
            found[table] = ", ".join(f'"{name}"' for (name,) in names)
        return found


def _rows(path: Path, columns: dict[str, str]) -> dict[str, list[Any]]:
    """Return what some columns of tables hold."""
    with closing(_plain_connection(path)) as connection:
        return {
            table: sorted(connection.execute(f'SELECT {names} FROM "{table}"').fetchall(), key=repr)  # noqa: S608
            for table, names in columns.items()
        }


if __name__ == "__main__":
    sys.exit(main())
