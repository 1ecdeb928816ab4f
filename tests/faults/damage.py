"""Damage the file of a store, or put something else in its place, and see what is noticed, and by what.

Bytes are flipped (each bit of the header, and any bytes of the rest), the file is cut off at every page and anywhere
else; then there are files that are no store, or that may not be written. Each time nothing but a `StorageError` may
come out, without a value in it, no process may crash, and a file that is only opened and read stays as it is, byte for
byte. What a flip has changed in the history must be noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from busywork import (
    NAME,
    TODAY,
    Office,
    batches,
    content,
    history_of,
    problems,
    receipt,
    say,
    tells_values,
    unlike_history,
)
from engines import ENGINES, engine

from caseassign import SYSTEM, Casework, DamagedStoreError, SQLiteStore, StorageError, WrongStoreError
from caseassign.history import Change
from caseassign.stores import sqlite_schema
from caseassign.stores.sqlite_schema import STEPS

PAGE: Final = 4096
HEADER: Final = 100
NOBODY: Final = 65534
TRIALS_A_PROCESS: Final = 100

LAYERS: Final = {
    "opening": "opening refused it",
    "reading": "reading everything refused it",
    "verifying": "verify_history found it",
    "auditing": "the audit found a broken rule",
    "comparing": "comparing records with history found it",
    "nothing to notice": "it changed nothing that can be read",
    "forgetting": "a name or reason was gone from history, as if it had been removed",
    "unnoticed": "nothing noticed it",
}


def _trusting() -> AbstractContextManager[Any]:
    """A history that takes each line's word for its digest."""
    return patch.object(Change, "digest_after", lambda line, _: line.digest)


def _grasping() -> AbstractContextManager[Any]:
    """A store that takes any file of SQLite for its own."""

    def version_of(connection: sqlite3.Connection, *_: object, **__: object) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    return patch.object(sqlite_schema, "version_of", version_of)


BROKEN: Final = {
    "trusting": ("digests are not compared", _trusting),
    "grasping": ("any file of SQLite is taken for a store", _grasping),
}


def main() -> int:
    """Damage as often as is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite3", help="which SQLite, and with which journal")
    parser.add_argument("--flips", type=int, default=5000, help="how many bytes to flip anywhere (default: 5000)")
    parser.add_argument("--cuts", type=int, default=500, help="where else to cut the file off (default: 500)")
    parser.add_argument(
        "--every", type=int, default=1, help="flip only every so manieth bit of the header (default: 1)"
    )
    parser.add_argument("--broken", choices=BROKEN, help="switch safety off, to see that it is found out")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to damage the same bytes again")
    options = parser.parse_args()
    luck = random.Random(options.seed)
    with ExitStack() as stack:
        name = stack.enter_context(engine(options.engine))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder).chmod(0o755)  # for whoever may only read
        damage = Damage(Path(folder))
        if options.broken:
            stack.enter_context(BROKEN[options.broken][1]())
            say(f"Safety off: {BROKEN[options.broken][0]}.")
        size = len(damage.whole)
        header = [(bit // 8, 1 << bit % 8) for bit in range(0, HEADER * 8, options.every)]
        anywhere = [(luck.randrange(HEADER, size), luck.randrange(1, 256)) for _ in range(options.flips)]
        pages = list(range(PAGE, size, PAGE))
        cuts = [luck.randrange(1, size) for _ in range(options.cuts)]
        say(f"On {name} as {options.engine} (seed {options.seed}), a store of {size} bytes.")
        damage.report("bits of the header flipped", [damage.flipped(*flip) for flip in header])
        damage.report("bytes flipped elsewhere", [damage.flipped(*flip) for flip in anywhere])
        damage.report("times cut off at a page", [damage.whole[:cut] for cut in pages])
        damage.report("times cut off anywhere", [damage.whole[:cut] for cut in cuts])
        damage.no_stores()
        damage.read_only()
        damage.full_disk()
    say(f"{len(damage.found)} of these came out as they must not.")
    for problem in damage.found[:10]:
        say(f"  {problem}")
    return 1 if damage.found else 0


class Damage:
    """A whole store, what is done to copies of it, and what was found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "damaged" / "store.sqlite"
        self.path.parent.mkdir()
        with closing(SQLiteStore(folder / "whole.sqlite")) as store:
            office = Office(store, 0)
            office.set_up()
            for _ in range(20):
                office.act()
            self._content = content(store)
            self._history = history_of(store)
            self._known = batches(store)
        self.whole = (folder / "whole.sqlite").read_bytes()
        self.found: list[str] = []

    def flipped(self, position: int, bits: int) -> bytes:
        """Return the file with some bits of one byte flipped."""
        damaged = bytearray(self.whole)
        damaged[position] ^= bits
        return bytes(damaged)

    def report(self, what: str, files: list[bytes]) -> None:
        """Look at each of the files, and say what noticed how many of them."""
        layers: Counter[str] = Counter()
        errors: Counter[str] = Counter()
        for begin in range(0, len(files), TRIALS_A_PROCESS):
            part = files[begin : begin + TRIALS_A_PROCESS]
            answers = in_another_process(partial(self._all_noticed, part))
            if answers is None:
                self.found.append(f"{what}: the process crashed between {begin} and {begin + len(part)}")
                continue
            for layer, error, found in answers:
                layers[layer] += 1
                errors[error] += bool(error)
                self.found += [f"{what}: {problem}" for problem in found]
        noticed = ", ".join(f"{layers[layer]} {text}" for layer, text in LAYERS.items() if layers[layer])
        kinds = ", ".join(f"{count} {kind}" for kind, count in errors.most_common() if count)
        say(f"{len(files)} {what}: {noticed}. Errors: {kinds or 'none'}.")

    def _all_noticed(self, files: list[bytes]) -> list[tuple[str, str, list[str]]]:
        return [self._noticed_by(file) for file in files]

    def _noticed_by(self, file: bytes) -> tuple[str, str, list[str]]:
        """Open and read a file; return which layer noticed the damage, with which error, and what went wrong."""
        self.path.write_bytes(file)
        found: list[str] = []
        layer, error = "opening", ""
        try:
            with closing(SQLiteStore(self.path)) as store:
                layer = "reading"
                layer = self._read(store)
        except Exception as raised:  # noqa: BLE001  # whatever comes out is what is tested
            error = type(raised).__name__
            if not isinstance(raised, StorageError) or tells_values(raised):
                found.append(f"{error} came out")
        if _without_journal_mode(self.path.read_bytes()) != _without_journal_mode(file):
            found.append("the file was changed")
        if left := [other.name for other in self.path.parent.iterdir() if other != self.path]:
            found.append(f"{left} was left")
            for name in left:
                (self.path.parent / name).unlink()
        if layer == "history unnoticed":
            found.append("the history is not what was written, and nothing noticed it")
            layer = "unnoticed"
        return layer, error, found

    def _read(self, store: SQLiteStore) -> str:
        """Read everything; return what noticed that it is not as it was."""
        read = content(store)
        casework = Casework(store, user=SYSTEM, clock=lambda: TODAY)
        if casework.verify_history():
            return "verifying"
        if any(finding.required for finding in casework.audit()):
            return "auditing"
        with store.transaction() as tx:
            if unlike_history(tx):
                return "comparing"
        if history_of(store) != self._history:
            return "history unnoticed"
        if read == self._content:
            return "nothing to notice"
        return "forgetting" if read.count("null") > self._content.count("null") else "unnoticed"

    # What is no store, or may not be written

    def no_stores(self) -> None:
        """Open what is no store of ours; it must be refused with the right error, and stay as it is."""
        newer, lost, another = (self.folder / name for name in ("newer", "lost", "another"))
        for path, statement in (
            (newer, f"PRAGMA user_version = {len(STEPS) + 1}"),
            (lost, "PRAGMA user_version = 0"),
            (another, "CREATE TABLE note (text)"),
        ):
            if path != another:
                path.write_bytes(self.whole)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute(statement)
        files: dict[str, tuple[bytes, type[StorageError]]] = {
            "a newer version": (newer.read_bytes(), WrongStoreError),
            "a store without its version": (lost.read_bytes(), DamagedStoreError),
            "another application's": (another.read_bytes(), WrongStoreError),
            "a text": (NAME.encode() * 5000, DamagedStoreError),
            "zeros": (bytes(PAGE), DamagedStoreError),
        }
        for name, (file, right) in files.items():
            layer, error, found = self._noticed_by(file)
            if (layer, error) != ("opening", right.__name__):
                found.append(f"{error or 'nothing'} came out at {layer}, and not {right.__name__}")
            self.found += [f"{name}: {problem}" for problem in found]
        for name, path in (("a folder", self.folder), ("in no folder", self.folder / "no" / "store.sqlite")):
            try:
                SQLiteStore(path).close()
            except StorageError:
                continue
            self.found.append(f"{name}: it was opened")
        self.path.write_bytes(b"")
        with closing(SQLiteStore(self.path)) as store:
            Office(store, 0).set_up()
            self.found += [f"an empty file: {problem}" for problem in problems(store, batches(store))]
        say(f"Refused with the right error, and left as they were: {', '.join(files)}, a folder, a file in no folder.")
        say("A file without a byte is one in which a new store begins.")

    def read_only(self) -> None:
        """Open a store, as a user who may not write the file, or its folder, and try to write."""
        for name, protected in (("the file", self.path), ("the folder", self.path.parent)):
            shutil.rmtree(self.path.parent)
            self.path.parent.mkdir()
            self.path.write_bytes(self.whole)
            for path, mode in ((self.path, 0o666), (self.path.parent, 0o777)):
                path.chmod(mode if path != protected else mode & 0o555)
            answer = in_another_process(self._as_somebody_else)
            if answer is None:
                self.found.append(f"only reading {name}: the process crashed")
                continue
            for what, error in answer.items():
                say(f"Where {name} may only be read, {what}: {error or 'it worked'}.")
            if not answer["to write"]:
                self.found.append(f"only reading {name}: an act was carried out all the same")
            if self.path.read_bytes() != self.whole:
                self.found.append(f"only reading {name}: the file was changed")
            self.path.parent.chmod(0o755)

    def _as_somebody_else(self) -> dict[str, str | None]:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        answer: dict[str, str | None] = {"to read": None, "to write": None}
        for what in answer:
            try:
                with closing(SQLiteStore(self.path)) as store:
                    content(store)
                    if what == "to write":
                        Office(store, 1).act()
            except StorageError as error:
                answer[what] = f"{type(error).__name__}, {error}"
        return answer

    def full_disk(self) -> None:
        """Act until a small disk is full, and go on when there is room again."""
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={len(self.whole) + 50 * PAGE}", "tmpfs", str(disk)]
        if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
            say("A full disk was not tried: mounting a small one takes a privilege.")
            return
        try:
            self._fill(disk)
        finally:
            subprocess.run(["umount", str(disk)], check=True)  # noqa: S607  # wherever it is

    def _fill(self, disk: Path) -> None:
        path = disk / "store.sqlite"
        path.write_bytes(self.whole)
        acknowledged, acts = dict(self._known), 0
        with closing(SQLiteStore(path)) as store:
            office = Office(store, 3)
            try:
                while True:
                    outcome = office.act()
                    acknowledged[str(outcome.batch_id)] = receipt(outcome.changes)
                    acts += 1
            except Exception as error:  # noqa: BLE001  # whatever comes out is what is tested
                said = error
            if str(said) != "the disk is full" or tells_values(said):
                self.found.append(f"a full disk: {type(said).__name__}, {said}")
            self.found += [f"a full disk: {problem}" for problem in problems(store, acknowledged, unannounced=0)]
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)  # noqa: S607
            office.act()
            self.found += [f"room again: {problem}" for problem in problems(store, acknowledged)]
        say(f"On a small disk, after {acts} acts: {type(said).__name__}, {said}. With room again, the next act worked.")


def _without_journal_mode(file: bytes) -> bytes:
    """Return a file without what opening a store sets in it: the journal mode, and the counters of changes."""
    return file[:18] + file[20:24] + file[28:92] + file[96:]


def in_another_process(do: Callable[[], Any]) -> Any:
    """Return what ``do`` returns in a child, as JSON carries it; None if the child crashes."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(writing, "w") as answer:
                json.dump(do(), answer)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    return json.loads(said) if os.waitstatus_to_exitcode(status) == 0 else None


if __name__ == "__main__":
    sys.exit(main())
