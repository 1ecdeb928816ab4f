"""Let each call to the disk fail once, in turn, while acts are carried out.

The first write fails, then the second, and so on, until the acts need no such call; and so for writes to a full disk,
syncs, truncations, openings, deletions and reads. Each time the act must raise a clean `StorageError`, nothing may be
half done, the next act on the same store must work, and so must opening the file again, also as a crash would have left
it.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final
from unittest.mock import patch

from busywork import Office, Receipt, batches, problems, receipt, say, tells_values
from engines import ENGINES, cramped
from failing_disk import FAILURES, Disk, failing_engine

from caseassign import CaseAssignError, SQLiteStore, StorageError
from caseassign.history import COMMAND, RecordKey
from caseassign.stores import sqlite_session
from caseassign.stores.sqlite_session import Session

ACTS: Final = 6
COMMAND_ID: Final = "the last act"
MESSAGES: Final = frozenset(
    {
        "the disk is full",
        "the disk, or the file system, failed",
        "the file cannot be opened: is it a file, and may it be read?",
    }
)


@contextmanager
def _deaf() -> Iterator[None]:
    """A store that does not hear of a COMMIT that failed."""

    def commit(self: Session) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("COMMIT")

    with patch.object(Session, "commit", commit):
        yield


@contextmanager
def _blind() -> Iterator[None]:
    """A store that rolls back without looking whether there is anything to roll back."""

    @contextmanager
    def all_or_nothing(self: Session) -> Iterator[None]:
        self.check(write=True)
        self._run("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK TO step")
            raise
        self._run("RELEASE step")

    with patch.object(Session, "all_or_nothing", all_or_nothing):
        yield


@contextmanager
def _leaky() -> Iterator[None]:
    """A store that lets out the errors of the driver."""
    with patch.object(sqlite_session, "translated", nullcontext):
        yield


BROKEN: dict[str, tuple[str, Callable[[], AbstractContextManager[None]]]] = {
    "deaf": ("the error of a COMMIT is swallowed", _deaf),
    "blind": ("what has been rolled back already is rolled back once more", _blind),
    "leaky": ("errors of the driver come out", _leaky),
}


def main() -> int:
    """Let every call fail that is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="apsw-wal", help="which SQLite, and with which journal")
    parser.add_argument("--failures", nargs="+", choices=FAILURES, default=list(FAILURES), help="default: all of them")
    parser.add_argument("--every", type=int, default=1, help="let only every so manieth call fail (default: 1)")
    parser.add_argument("--broken", choices=BROKEN, help="switch safety off, to see that it is found out")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        disk = Disk()
        name = stack.enter_context(failing_engine(options.engine, disk))
        if options.broken:
            stack.enter_context(BROKEN[options.broken][1]())
        trial = Trial(Path(folder), disk)
        for failure in options.failures:
            for tight in (nullcontext, cramped):
                with tight():
                    number = 1
                    while trial.fail(failure, number):
                        number += options.every
    if options.broken:
        say(f"Safety off: {BROKEN[options.broken][0]}.")
    say(
        f"{sum(trial.failed.values())} failures on {name} as {options.engine} ({time.monotonic() - began:.0f} s), "
        f"{', '.join(f'{count} of {failure}' for failure, count in trial.failed.items())}. "
        f"{trial.refused} times a clean error came out: {trial.undone} times nothing of the act was there, "
        f"{trial.kept} times all of it ({trial.kept_by_a_crash} times after a crash). "
        f"{trial.harmless} failures disturbed nobody, and the acts were there. "
        f"{len(trial.found)} failures lost something, left something half done or came out unclean."
    )
    for problem in trial.found[:10]:
        say(f"  {problem}")
    return 1 if trial.found else 0


class Trial:
    """One failure after the other, each on a copy of the same file, and what was found."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._path = folder / "work" / "store.sqlite"
        self._path.parent.mkdir()
        with closing(SQLiteStore(folder / "fresh.sqlite")) as store:
            Office(store, 0).set_up()
            self._known = batches(store)
        self.failed: Counter[str] = Counter()
        self.refused = self.undone = self.kept = self.kept_by_a_crash = self.harmless = 0
        self.found: list[str] = []

    def fail(self, failure: str, number: int) -> bool:
        """Let the call with this number fail; return whether the acts needed so many of them."""
        shutil.rmtree(self._path.parent)
        self._path.parent.mkdir()
        shutil.copy(self._folder / "fresh.sqlite", self._path)
        self._disk.arm(failure, number)
        try:
            found = self._acts()
        except CaseAssignError as error:
            found = [f"afterwards the store could not be used: {error}"]
        if self._disk.has_failed:
            self.failed[failure] += 1
        if found:
            self.found.append(f"{failure} {number}: {'; '.join(found[:3])}")
        return self._disk.has_failed

    def _acts(self) -> list[str]:
        """Open the store, act, and close it; return what is not as it must be."""
        acknowledged = dict(self._known)
        found: list[str] = []
        to_undo: str | None = None
        store: SQLiteStore | None = None
        try:
            store = SQLiteStore(self._path)
            office = Office(store, 7)
            for _ in range(ACTS):
                outcome = office.act()
                acknowledged[str(outcome.batch_id)] = receipt(outcome.changes)
            to_undo = str(outcome.batch_id)
            outcome = office.take_back(to_undo, COMMAND_ID)
            acknowledged[str(outcome.batch_id)] = receipt(outcome.changes)
            store.close()
        except Exception as error:  # noqa: BLE001  # whatever comes out is what is tested
            self._disk.disarm()
            self.refused += 1
            if not isinstance(error, StorageError) or tells_values(error) or str(error) not in MESSAGES:
                found.append(f"{type(error).__name__} came out: {error}")
            found += self._after_a_crash(acknowledged)
            found += self._goes_on(store or SQLiteStore(self._path), acknowledged, to_undo)
        else:
            self._disk.disarm()
            self.harmless += self._disk.has_failed
        with closing(SQLiteStore(self._path)) as store:
            return found + problems(store, acknowledged, unannounced=0)

    def _goes_on(self, store: SQLiteStore, acknowledged: dict[str, Receipt], to_undo: str | None) -> list[str]:
        """Use the store on which an act failed, and give a command again; acknowledge what is there."""
        found = problems(store, acknowledged)
        if batches(store).keys() > acknowledged.keys():
            self.kept += 1
        else:
            self.undone += 1
        office = Office(store, 8)
        if to_undo is not None:
            office.take_back(to_undo, COMMAND_ID)
            with store.transaction() as tx:
                if len(tx.history.of_records([RecordKey(COMMAND, COMMAND_ID)])) != 1:
                    found.append("a command that was given again was not carried out once")
        acknowledged |= batches(store)
        outcome = office.act()
        acknowledged[str(outcome.batch_id)] = receipt(outcome.changes)
        store.close()
        return found

    def _after_a_crash(self, acknowledged: dict[str, Receipt]) -> list[str]:
        """Look at the file as it would be found if the machine were switched off now."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            for file in self._path.parent.iterdir():
                if not file.name.endswith("-shm"):  # which is memory
                    shutil.copy(file, folder)
            with closing(SQLiteStore(Path(folder, self._path.name))) as store:
                self.kept_by_a_crash += batches(store).keys() > acknowledged.keys()
                return problems(store, acknowledged)


if __name__ == "__main__":
    sys.exit(main())
