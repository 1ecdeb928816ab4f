"""Cut the power while acts are carried out, and look for what was lost.

A killed process leaves its writes with the operating system; a machine that goes off loses those that were not synced.
So a layer between SQLite and the files (a VFS of apsw) writes down every write, truncation, sync, creation and
deletion. Then files are built as a disk could hold them at random moments: all that was synced, and of the rest any
part, sector by sector, in any order. Each time the store is opened: every act that was acknowledged by then must be
there whole, and of one more all or nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import apsw
import attrs
from busywork import Office, Receipt, batches, problems, receipt, say
from engines import ENGINES, cramped, engine

from caseassign import CaseAssignError, SQLiteStore
from caseassign.stores import sqlite_schema

SECTOR: Final = 512
ACTS_A_STORE: Final = 12
CUTS_A_STORE: Final = 50


@attrs.frozen
class Event:
    """One thing that was asked of the disk: ``what`` of the file ``name``; or an act that was acknowledged."""

    what: str
    name: str
    data: bytes = b""
    number: int = 0
    receipt: Receipt | None = None


class _Recorder(apsw.VFS):
    NAME = "recorder"

    def __init__(self) -> None:
        self.events: list[Event] = []
        super().__init__(self.NAME, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # a name of apsw
        if name is None:  # a file that lives no longer than its connection
            return apsw.VFSFile("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if not path.exists():
            self.events.append(Event("create", path.name))
        return _File(self.events, path.name, name, flags)

    def xDelete(self, name: str, sync_dir: bool) -> None:  # noqa: N802
        super().xDelete(name, sync_dir)
        self.events.append(Event("delete", Path(name).name, number=sync_dir))


class _File(apsw.VFSFile):
    def __init__(self, events: list[Event], short: str, name: Any, flags: list[int]) -> None:
        self._events = events
        self._name = short
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._events.append(Event("write", self._name, bytes(data), offset))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._events.append(Event("truncate", self._name, number=size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._events.append(Event("sync", self._name))


class Surface:
    """What one file is on the disk: what is sure, and what is on its way."""

    def __init__(self, content: bytes, *, is_sure: bool) -> None:
        self.sure = bytearray(content)
        self.on_its_way: list[Event] = []
        self.is_sure = is_sure
        """Whether the folder is known to name the file."""

    def sync(self) -> None:
        """Make sure of all that is on its way."""
        for event in self.on_its_way:
            self._apply(self.sure, event)
        self.on_its_way.clear()
        self.is_sure = True  # SQLite syncs the folder with the first sync of a file that it has created

    def found(self, luck: random.Random) -> bytes | None:
        """Return what is found after the power was cut: of what was on its way any part. None is no file."""
        if not self.is_sure and luck.random() < 1 / 2:
            return None
        content = bytearray(self.sure)
        share = luck.choice((0, 1 / 2, 9 / 10, 1))
        for event in self.on_its_way:
            for part in _sectors(event):
                if luck.random() < share:
                    self._apply(content, part)
        return bytes(content)

    @staticmethod
    def _apply(content: bytearray, event: Event) -> None:
        end = event.number + len(event.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        if event.what == "truncate":
            del content[event.number :]
        else:
            content[event.number : end] = event.data


def _sectors(event: Event) -> Iterator[Event]:
    """Yield a write as the sectors that a disk writes one by one."""
    if event.what != "write":
        yield event
        return
    begin = 0
    while begin < len(event.data):
        end = min(begin + SECTOR - (event.number + begin) % SECTOR, len(event.data))
        yield Event("write", event.name, event.data[begin:end], event.number + begin)
        begin = end


def main() -> int:
    """Cut the power as often as is asked for, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    engines = [name for name in ENGINES if name.startswith("apsw")]
    parser.add_argument("--engine", choices=engines, default="apsw-wal", help="with which journal")
    parser.add_argument("--cuts", type=int, default=1000, help="how often to cut the power (default: 1000)")
    parser.add_argument("--synchronous-off", action="store_true", help="have SQLite sync nothing, to see what is lost")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="to cut at the same moments again")
    options = parser.parse_args()
    luck = random.Random(options.seed)
    cuts = acknowledged = 0
    found: list[str] = []
    began = time.monotonic()
    with ExitStack() as stack:
        if options.synchronous_off:
            stack.enter_context(patch.dict(sqlite_schema._BEHAVIOUR, synchronous=0))
        while cuts < options.cuts:
            fresh, known, events = _recorded(options.engine, luck.randrange(10**9), is_cramped=luck.random() < 1 / 2)
            acknowledged += sum(event.what == "act" for event in events)
            for _ in range(min(CUTS_A_STORE, options.cuts - cuts)):
                cuts += 1
                with engine(options.engine) as name:
                    lost = _lost(fresh, dict(known), events[: luck.randrange(len(events) + 1)], luck)
                if lost:
                    found.append(f"cut {cuts}: {'; '.join(lost[:3])}")
    if options.synchronous_off:
        say("Safety off: nothing is synced.")
    say(
        f"{cuts} cuts on {name} as {options.engine} (seed {options.seed}, {time.monotonic() - began:.0f} s), while "
        f"{acknowledged} acts were carried out: {len(found)} lost something or left something half done."
    )
    for problem in found[:10]:
        say(f"  {problem}")
    return 1 if found else 0


def _recorded(name: str, seed: int, *, is_cramped: bool) -> tuple[dict[str, bytes], dict[str, Receipt], list[Event]]:
    """Carry out acts; return the files before them, what was known by then, and all that was asked of the disk."""
    recorder = _Recorder()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.sqlite")
        with engine(name), closing(SQLiteStore(path)) as store:
            Office(store, 0).set_up()
            known = batches(store)
        fresh = {file.name: file.read_bytes() for file in Path(folder).iterdir()}
        with (
            engine(name, _Recorder.NAME),
            cramped() if is_cramped else ExitStack(),
            closing(SQLiteStore(path)) as store,
        ):
            office = Office(store, seed)
            for _ in range(ACTS_A_STORE):
                outcome = office.act()
                recorder.events.append(Event("act", str(outcome.batch_id), receipt=receipt(outcome.changes)))
    recorder.unregister()
    return fresh, known, recorder.events


def _after(fresh: dict[str, bytes], events: list[Event], luck: random.Random) -> dict[str, Surface]:
    """Return the files as the disk has them after these events."""
    disk = {name: Surface(content, is_sure=True) for name, content in fresh.items()}
    for event in events:
        match event.what:
            case "create":
                disk[event.name] = Surface(b"", is_sure=False)
            case "sync":
                disk[event.name].sync()
            case "delete" if event.number or luck.random() < 1 / 2:  # the folder is synced, or may be
                del disk[event.name]
            case "write" | "truncate":
                disk[event.name].on_its_way.append(event)
    return disk


def _lost(
    fresh: dict[str, bytes], acknowledged: dict[str, Receipt], events: list[Event], luck: random.Random
) -> list[str]:
    """Return what is not as it must be if the power is cut after these events."""
    acknowledged |= {event.name: event.receipt for event in events if event.receipt is not None}
    disk = _after(fresh, events, luck)
    with tempfile.TemporaryDirectory() as folder:
        for name, surface in disk.items():
            if (content := surface.found(luck)) is not None:
                Path(folder, name).write_bytes(content)
        try:
            with closing(SQLiteStore(Path(folder, "store.sqlite"))) as store:
                found = problems(store, acknowledged)
                if not found:
                    Office(store, luck.randrange(10**9)).act()
                return found
        except CaseAssignError as error:
            return [f"the store cannot be used: {error}"]


if __name__ == "__main__":
    sys.exit(main())
