"""What can be imported: an export of another system, as an import asks for it, and what it finds wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol


class Row(Protocol):
    """One record of an export. ``bare`` ones are known by their id alone; ``entered_by`` edited an enrollment last.

    An enrollment without ``tells_exit`` says nothing about its exit: the record has none, and what is known stays.
    """

    @property
    def record(self) -> Any:
        """The record."""

    @property
    def bare(self) -> bool:
        """Whether the export only refers to it."""

    @property
    def entered_by(self) -> str | None:
        """The id of the user who edited an enrollment last."""

    @property
    def tells_exit(self) -> bool:
        """Whether the export says if, and when, an enrollment exited."""


class LoneExit(Protocol):
    """An exit, or the end of one (no ``exit_date``), whose enrollment is not among the rows of the export."""

    @property
    def line(self) -> int:
        """The line on which it stands."""

    @property
    def enrollment_id(self) -> str:
        """The enrollment that exited."""

    @property
    def personal_id(self) -> str | None:
        """The client, as the exit has them."""

    @property
    def exit_date(self) -> date | None:
        """The day; None where an exit that was sent before is removed."""


class Export(Protocol):
    """What can be imported: the rows of each kind, as often as they are asked for, and where they come from."""

    @property
    def name(self) -> str:
        """The name of the file or folder."""

    @property
    def export_id(self) -> str | None:
        """What the sending system calls the export."""

    @property
    def implementation_id(self) -> str | None:
        """Which system it comes from."""

    @property
    def exported_at(self) -> datetime | None:
        """When it was made."""

    @property
    def sha256(self) -> str:
        """The digest of the files."""

    @property
    def issue_counts(self) -> Mapping[str, int]:
        """How many issues of each code reading it gave."""

    @property
    def kept_out(self) -> Mapping[str, int]:
        """How many rows of each kind could not become a record."""

    @property
    def has_exits(self) -> bool:
        """Whether it says who has exited, be it of all or of those that changed."""

    @property
    def full_refresh(self) -> tuple[date, date] | None:
        """The first and the last day of the period of which it has every enrollment of its projects.

        None where it does not claim to have them all: then nothing is absent.
        """

    def rows(self, kind: str, batch_id: str | None = None) -> Iterable[Row]:
        """Yield the rows of one kind, their records of the batch that records them first."""

    def lone_exits(self) -> Iterable[LoneExit]:
        """Yield the exits whose enrollments are not among the rows, and perhaps in the store."""

    def lacking(self, enrollment_ids: Iterable[str]) -> Collection[str]:
        """Return those of these ids for which it has no row at all, not even one that is kept out."""


class ImportIssue(NamedTuple):
    """One thing that is wrong with an export, and is known only where it is held against the store.

    ``line`` is None where what is meant stands on no line, ``column`` where a row as a whole is meant.
    """

    file: str
    line: int | None
    column: str | None
    code: str
    record_id: str | None
