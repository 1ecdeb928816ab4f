"""What an act did: the records as they are now, the lines of history, and what it left as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import attrs

from caseassign.history import Change, Plain, from_plain, to_plain
from caseassign.model import CaseAssignment, Enrollment
from caseassign.results import Streamed

_R = TypeVar("_R", CaseAssignment, Enrollment)


@attrs.frozen
class Skipped:
    """A record that an act left as it was, or a line of history by its number, and why."""

    kind: str
    id: str
    reason: str


@attrs.frozen(kw_only=True)
class Outcome(Streamed[Change]):
    """What an act did, or would do if it was a dry run. Its rows are the lines of history.

    Records are as they are after the act, in the order given or made; where nothing had to be written, ``changes``
    is empty and ``batch_id`` None. ``skipped`` names what an act on several records left as it was, and why;
    ``withheld`` is how many cases of a caseload it left alone because the acting user may not see them.
    """

    action: str
    assignments: tuple[CaseAssignment, ...]
    enrollments: tuple[Enrollment, ...]
    changes: tuple[Change, ...] = attrs.field(repr=False)
    batch_id: str | None
    skipped: tuple[Skipped, ...] = ()
    withheld: int = 0

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def assignment(self) -> CaseAssignment:
        """The assignment; raises `LookupError` unless there is exactly one."""
        return _only("assignment", self.assignments)

    @property
    def enrollment(self) -> Enrollment:
        """The enrollment; raises `LookupError` unless there is exactly one."""
        return _only("enrollment", self.enrollments)

    def remembered(self) -> dict[str, Any]:
        """Return what a command that is repeated returns again, as plain data."""
        return {
            "action": self.action,
            "assignments": [to_plain(assignment) for assignment in self.assignments],
            "enrollments": [to_plain(enrollment) for enrollment in self.enrollments],
            "skipped": [list(attrs.astuple(skipped)) for skipped in self.skipped],
            "withheld": self.withheld,
        }

    @classmethod
    def recalled(cls, command: Change, plain: Plain, changes: Sequence[Change]) -> Outcome:
        """Return the outcome that a command with an id had when it was carried out."""
        return cls(
            action=plain["action"],
            assignments=tuple(from_plain("assignment", assignment) for assignment in plain["assignments"]),
            enrollments=tuple(from_plain("enrollment", enrollment) for enrollment in plain["enrollments"]),
            changes=tuple(changes),
            batch_id=command.batch_id if changes else None,
            skipped=tuple(Skipped(*skipped) for skipped in plain["skipped"]),
            withheld=plain.get("withheld", 0),
        )


def _only(kind: str, records: Sequence[_R]) -> _R:
    if len(records) != 1:
        raise LookupError(f"the outcome has {len(records)} {kind}s, not one: look at .{kind}s")
    return records[0]
