"""Results: what questions and acts return. They draw themselves, and become plain data and frames.

What draws them, and what makes frames of them, stands in layers above, for it has to know each of them. So it is
called by its name, when somebody wants to look: a question costs nothing for it, and a host that never looks neither.
`repr` and `str` show no names, since they end up in logs; what is drawn shows what the acting user may see.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias, TypeVar, overload

from caseassign.history import to_plain

T = TypeVar("T")

Engine: TypeAlias = Literal["polars", "pandas", "pyarrow"]
"""Who makes a data frame."""

AT_MOST: Final = 50
"""How many rows of a table are shown, unless more are asked for."""


class Result:
    """What a question or an act returns: a notebook draws it, and it can be read as text."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(import_module("caseassign.display.html").html(self._blocks(AT_MOST)))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002  # as IPython calls it
        printer.text(self.to_text())

    def to_text(self, at_most: int | None = AT_MOST) -> str:
        """Return what a terminal shows: at most so many rows of each table, or with None all. It may name people."""
        return "\n".join(import_module("caseassign.display.blocks").plain(self._blocks(at_most)))

    def _blocks(self, at_most: int | None) -> Iterable[Any]:
        return list(import_module("caseassign.display.results").blocks(self, at_most))


class Streamed(Result, Iterable[T]):
    """A result that is rows, each of which becomes plain data."""

    __slots__ = ()

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain data."""
        return list(map(as_plain, self))

    def to_frame(self, engine: Engine = "polars") -> Any:
        """Return the rows as a data frame, or a table of pyarrow, with days as dates. Needs the extra ``frames``.

        The columns are those of `to_dicts`, and have their types also where there are no rows.
        """
        return import_module("caseassign.frames").frame(self, engine)


def as_plain(row: Any) -> dict[str, Any]:
    """Return a row as plain data; the row may be a record."""
    return dict(row.to_dict() if hasattr(row, "to_dict") else to_plain(row))


class Listed(Streamed[T], Sequence[T]):
    """Rows that are at hand: a sequence of them."""

    __slots__ = ()

    @property
    @abstractmethod
    def rows(self) -> tuple[T, ...]:
        """The rows, in their order."""

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)
