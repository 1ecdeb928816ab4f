"""The folder of a benchmark: worlds written once for each peer, kept, and copied for works that write."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.errands import Task

HERE: Final = Path(__file__).parent
MAKERS: Final = ("world.py", "dirt.py")
"""The files that say what a world is: where one changes, what was built of it is no longer taken."""

TABLES_OF: Final = {
    "by_hand": ("peers/by_hand/files.py",),
    "sqlalchemy_orm": ("peers/sqlalchemy_models.py",),
    "django_orm": ("peers/django_tables/models.py",),
}
"""The files that say what the tables of a peer are."""


class Ground:
    """What is built of one world, in a folder; ``carry_out`` does a task, by default in a process of its own."""

    def __init__(
        self, folder: Path, size: str, seed: int, carry_out: Callable[[Task], dict[str, Any]] | None = None
    ) -> None:
        self.carry_out = in_a_process if carry_out is None else carry_out
        self.size = size
        self.seed = seed
        self._folder = folder / f"{size}-{seed}-{_digest(*MAKERS)}"
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def errands(self) -> Path:
        """The file that says what is asked of this world."""
        return self._built("ground", "errands", f"errands-{_digest('errands.py')}.json")

    @property
    def export(self) -> Path:
        """The folder of the export of this world."""
        return self._built("ground", "export", f"export-{_digest('exports.py')}")

    def file(self, peer: str) -> Path:
        """Return the world in the tables of a peer."""
        return self._built(peer, "build", f"{peer}-{_schema(peer)}.sqlite")

    def copy(self, peer: str) -> Path:
        """Return a new copy of the world in the tables of a peer, all of it on the disk."""
        copy = self.empty(peer)
        shutil.copyfile(self.file(peer), copy)
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        return copy

    def empty(self, peer: str) -> Path:
        """Return a path for a peer at which there is no file."""
        path = self._folder / f"{peer}-copy.sqlite"
        for each in self._folder.glob(f"{path.name}*"):
            each.unlink()
        return path

    def task(self, peer: str, work: str, file: Path, **more: Any) -> Task:
        """Return a task about this world."""
        return Task(
            peer=peer, work=work, size=self.size, seed=self.seed, file=str(file), errands=str(self.errands), **more
        )

    def _built(self, peer: str, work: str, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            half = path.with_name(f"half-{name}")
            if half.is_dir():
                shutil.rmtree(half)
            half.unlink(missing_ok=True)
            print(f"building {name} of size {self.size}", file=sys.stderr, flush=True)
            self.carry_out(Task(peer=peer, work=work, size=self.size, seed=self.seed, file=str(half)))
            half.rename(path)
        return path


def in_a_process(task: Task) -> dict[str, Any]:
    """Have a process of its own carry out a task, and return what came of it."""
    result: dict[str, Any] = json.loads(start(task).communicate()[0])
    return result


def start(task: Task) -> subprocess.Popen[str]:
    """Start a process that carries out a task."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.child", task.to_json()],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def environment() -> dict[str, str]:
    """Return the environment in which a process finds these modules, and keeps what it compiles as is usual."""
    path = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**usual, "PYTHONPATH": os.pathsep.join(path), "PYTHONWARNINGS": "ignore"}


def _digest(*names: str) -> str:
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in names)).hexdigest()[:8]


def _schema(peer: str) -> str:
    """Return what changes when the tables of a peer do."""
    if peer != "library":
        return _digest(*TABLES_OF[peer])
    from caseassign.stores.sqlite_schema import STEPS  # noqa: PLC0415  # the runner itself stays small

    return hashlib.sha256(repr(STEPS).encode()).hexdigest()[:8]
