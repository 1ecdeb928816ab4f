"""The transaction block: one at a time for each thread, used only by that thread, and only until it ends.

For stores that others write, too: a store makes one `Gate`, and every transaction is a `Block` of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from caseassign.errors import StorageError

T = TypeVar("T")


class Block:
    """What may be done inside one transaction block, by whom and until when.

    It belongs to the thread and the process that made it. Whoever uses it checks it first, each time. ``may_write``
    says whether it was opened to write.
    """

    def __init__(self, *, write: bool) -> None:
        self.may_write = write
        self._ended = False
        self._owner = os.getpid(), threading.get_ident()

    def check(self, *, write: bool = False) -> None:
        """Raise `StorageError` unless the block is open, is used where it was opened, and may write if it is to."""
        if self._ended:
            raise StorageError("the transaction is over: use what it gave only inside its block")
        if self._owner != (os.getpid(), threading.get_ident()):
            raise StorageError("a transaction can be used only in the thread and the process that opened it")
        if write and not self.may_write:
            raise StorageError("this transaction may only read: open it with write=True")

    def is_inherited(self) -> bool:
        """Whether the block is that of another process, of which this one is a fork."""
        return self._owner[0] != os.getpid()

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Yield ``items`` for as long as the block is open; raise `StorageError` for every use after it."""
        self.check()
        for item in items:
            yield item
            self.check()

    def end(self) -> None:
        """From now on, refuse every use: at the end of the block, or when the engine has failed in it."""
        self._ended = True


class Gate:
    """Lets each thread into one block at a time, and none after the store was closed."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self.is_closed = False

    @contextmanager
    def block(self, *, write: bool) -> Iterator[Block]:
        """Open a block for this thread; raise `StorageError` while it is in another one, or if the store is closed.

        Whoever leaves it, in whatever way and thread, has ended it, and its thread may open the next one.
        """
        thread = threading.get_ident()
        if self.is_closed:
            raise StorageError("the store is closed")
        if thread in self._inside:
            raise StorageError(
                "this thread is inside a transaction already: finish the first one before opening a second, "
                "for example by turning what is iterated into a list"
            )
        block = Block(write=write)
        self._inside.add(thread)
        try:
            yield block
        finally:
            block.end()
            self._inside.discard(thread)

    def close(self) -> None:
        """Let nobody in any more; blocks that are open may go on to their end."""
        self.is_closed = True
