"""The transaction block: one at a time for each thread, used only by that thread, and only until it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from caseassign.errors import StorageError


class Block:
    """What may be done inside one transaction block, by whom and until when."""

    def __init__(self, *, write: bool) -> None:
        self._may_write = write
        self._ended = False
        self._owner = os.getpid(), threading.get_ident()

    def check(self, *, write: bool = False) -> None:
        """Raise `StorageError` unless the block is open, is used where it was opened, and may write if it is to."""
        if self._ended:
            raise StorageError("the transaction is over: use what it gave only inside its block")
        if self._owner != (os.getpid(), threading.get_ident()):
            raise StorageError("a transaction can be used only in the thread and the process that opened it")
        if write and not self._may_write:
            raise StorageError("this transaction may only read: open it with write=True")

    def end(self) -> None:
        """From now on, refuse every use."""
        self._ended = True


class Gate:
    """Lets each thread into one block at a time, and none after the store was closed."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self.is_closed = False

    @contextmanager
    def block(self, *, write: bool) -> Iterator[Block]:
        """Open a block for this thread; raise `StorageError` while it is in another one, or if the store is closed."""
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
