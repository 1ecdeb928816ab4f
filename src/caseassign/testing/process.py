"""Other processes that work on the store that is checked, and that may be killed.

What opens the store has to get there. Where it can be pickled (a function or class of a module that can be imported,
or a `functools.partial` of one), a new process is started; where it cannot, this process is forked, if it can be.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from typing import IO, Concatenate, Final, ParamSpec, TypeAlias

from caseassign.testing.expecting import CheckFailedError, NotRunError, told
from caseassign.testing.place import Place

P = ParamSpec("P")

Say: TypeAlias = Callable[[str], None]
"""Says one line to the process that started this one."""

Task: TypeAlias = Callable[Concatenate[Place, Say, P], None]
"""What another process does."""

_MARK: Final = "caseassign: "
_FAILED: Final = "failed: "
_DONE: Final = "done"
_START: Final = "from caseassign.testing.process import main; main()"


class Process:
    """Another process, as the one that started it sees it."""

    def __init__(self, output: IO[str], kill: Callable[[], None], wait: Callable[[], object]) -> None:
        self._output = output
        self._kill = kill
        self._wait = wait
        self._has_ended = False

    def read(self) -> str | None:
        """Return what the process says next; None at its end. Raises `CheckFailedError` if it failed."""
        for line in self._output:
            said = line.rstrip("\n")
            if said.startswith(_MARK + _FAILED):
                raise CheckFailedError(f"in another process: {said.removeprefix(_MARK + _FAILED)}")
            if said.startswith(_MARK):  # what the store itself prints has none
                return said.removeprefix(_MARK)
        return None

    def finish(self) -> None:
        """Wait until the process has done all; raise `CheckFailedError` if it did not."""
        said: str | None = ""
        while said != _DONE:
            said = self.read()
            if said is None:
                raise CheckFailedError("another process ended before it had done its work")
        self._let_go()

    def kill(self) -> list[str]:
        """Kill the process if it is there, and return what it had said and nobody had read."""
        if self._has_ended:
            return []
        self._kill()
        unread = list(iter(self.read, None))
        self._let_go()
        return unread

    def _let_go(self) -> None:
        self._has_ended = True
        self._wait()


def start(place: Place, task: Task[P], *args: P.args, **kwargs: P.kwargs) -> Process:
    """Start a process that does something on the store; `NotRunError` where none can be started.

    What is open here is closed before, so that nothing is carried over. Leaving the place kills the process.
    """
    place.close()
    try:
        process = _spawned(_pickled((place.open_store, place.prefix, task, args, kwargs)))
    except (pickle.PicklingError, AttributeError, TypeError):
        if not hasattr(os, "fork"):
            raise NotRunError("another process cannot import open_store: give a function of a module") from None
        process = _forked(Place(place.open_store, prefix=place.prefix), lambda at, say: task(at, say, *args, **kwargs))
    place.at_the_end(process.kill)
    return process


def main() -> None:
    """Do what the process that started this one has sent."""

    def say(text: str) -> None:
        print(f"{_MARK}{text}", flush=True)  # noqa: T201  # how it speaks to its parent

    with _failures_said(say):
        open_store, prefix, task, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent
        with closing(Place(open_store, prefix=prefix)) as place:
            task(place, say, *args, **kwargs)


def in_time_zone(zone: str) -> None:
    """Put this process into a time zone, written as POSIX has it, where the system can do that."""
    os.environ["TZ"] = zone
    with suppress(AttributeError):  # on Windows
        time.tzset()


class _failures_said:  # noqa: N801  # reads like what it is: a block
    """Says how a block ended, and lets nothing out of it."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if error is None:
            self._say(_DONE)
        else:
            sentence = str(error) if isinstance(error, CheckFailedError) else told(error)
            self._say(_FAILED + sentence.replace("\n", " "))
        return True


def _pickled(task: object) -> bytes:
    data = pickle.dumps(task)
    if b"__main__" in data:  # for what a script defines, another process would have to run the script
        raise pickle.PicklingError
    return data


def _spawned(task: bytes) -> Process:
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(  # noqa: S603  # this interpreter
        [sys.executable, "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdin is not None  # it is a pipe
    assert process.stdout is not None  # so is this
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(task)
    return _process(process.stdout, process.kill, process.wait)


def _forked(place: Place, task: Callable[[Place, Say], None]) -> Process:
    here, there = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forking beside other threads; the child uses nothing but what it opens itself.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _do_in_fork(place, task, os.fdopen(there, "w", encoding="utf-8"))
    os.close(there)
    return _process(os.fdopen(here, "rb"), lambda: os.kill(child, signal.SIGKILL), lambda: os.waitpid(child, 0))


def _do_in_fork(place: Place, task: Callable[[Place, Say], None], output: IO[str]) -> None:
    """Do a task in the child, in which nothing else of this program must run."""

    def say(text: str) -> None:
        print(f"{_MARK}{text}", file=output, flush=True)

    with _failures_said(say), closing(place):
        task(place, say)
    output.close()
    os._exit(0)


def _process(output: IO[bytes], kill: Callable[[], None], wait: Callable[[], object]) -> Process:
    text = io.TextIOWrapper(output, encoding="utf-8", errors="replace")

    def wait_and_close() -> None:
        wait()
        text.close()

    return Process(text, kill, wait_and_close)
