"""Threads that nobody waits for at the end of the program: what hangs in a broken store can be left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self, TypeVar

T = TypeVar("T")


class Threads:
    """A block that begins things in threads of their own, and ends when all of them have ended.

    Like ``ThreadPoolExecutor``, whose threads, however, keep the interpreter from ending for as long as one hangs.
    """

    def __init__(self) -> None:
        self._begun: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._begun:
            thread.join()

    def begin(self, do: Callable[[], T]) -> Future[T]:
        """Begin something, and return what will hold its result, or its error."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(do())
            except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
                future.set_exception(error)

        self._begun.append(threading.Thread(target=run, daemon=True))
        self._begun[-1].start()
        return future


def error_within(limit: float, do: Callable[[], object]) -> BaseException | None:
    """Do something in a thread of its own, and return the error that it raises.

    Raises `TimeoutError` if it does not come to an end within ``limit`` seconds, and leaves it behind.
    """
    return Threads().begin(do).exception(limit)
