"""The check that new lines of history continue the chain, for every store to make before it writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from caseassign.errors import ConflictError
from caseassign.history import Change, Head


class Chain:
    """A history's end, which moves on with every line that continues it.

    It starts at what `History.head` returns; when all lines are through, ``head`` is what to keep as the new one.
    """

    def __init__(self, head: Head) -> None:
        self.head = head

    def continued_by(self, lines: Iterable[Change]) -> Iterator[Change]:
        """Yield each line, the head moved on to it; raise `ConflictError` for one that does not continue the chain."""
        for line in lines:
            if line.number != self.head.number + 1 or line.digest != line.digest_after(self.head.digest):
                raise ConflictError(f"line {line.number} does not continue the history: it went on in the meantime")
            self.head = line.head
            yield line
