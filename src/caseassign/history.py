"""History: one line for each record that an act adds or changes, each sealed over the line before.

A line holds plain data, as it would stand in JSON, so that it says the same after any later version of the
library. Its digest covers the line itself and the digest before it: a line that was changed, removed or put in
later breaks the chain, and `verify` says where.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from caseassign.model import KINDS, Record

Plain: TypeAlias = Mapping[str, Any]
"""A record as plain data: texts, numbers, truth values, None, and lists of them."""


class RecordKey(NamedTuple):
    """Which record a line of history is about: its kind (``"assignment"``) and its id."""

    kind: str
    id: str


class Head(NamedTuple):
    """Where the chain ends: how many lines there are, and the digest and the moment of the last.

    Number and digest can be noted down elsewhere, as an anchor: `verify` tells whether the history still goes
    through them.
    """

    number: int
    digest: str
    recorded_at: datetime | None = None


EMPTY: Final = Head(0, "", None)
"""The head of a history without lines."""

IMPORT: Final = "import"
"""The kind of the line that stands for all records that an import saw for the first time."""

COMMAND: Final = "command"
"""The kind of the line that remembers what a command with an id returned."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    import hashlib  # noqa: PLC0415  # it loads OpenSSL, for which those who only read need not wait

    return hashlib.sha256(text.encode()).hexdigest()


@attrs.frozen(kw_only=True)
class Change:
    """One line of history: who did what to which record, when it was recorded, why, and in which batch.

    ``user_id`` is None where the system acted. ``before`` is None for a record that is new. ``recorded_at`` is
    a moment with a time zone, and never earlier than that of the line before. ``number`` counts from 1 without a gap.

    In a store, imprints stand for the reason and for the names of a client (see `caseassign.personal`), and the
    digest is that of the line as it stands there. Acts and questions return lines with the texts put back, and None
    where they were removed.
    """

    number: int
    change_id: str
    recorded_at: datetime
    user_id: str | None
    action: str
    record: RecordKey
    before: Plain | None = attrs.field(repr=False)
    after: Plain | None = attrs.field(repr=False)
    reason: str | None = attrs.field(repr=False)
    batch_id: str
    digest: str = ""

    def sealed(self, previous: Head) -> Change:
        """Return this line with the digest that it has after the line of ``previous``."""
        return attrs.evolve(self, digest=self.digest_after(previous.digest))

    def digest_after(self, previous: str) -> str:
        """Return the SHA-256, in hexadecimal, of this line and the digest of the line before."""
        line = [
            previous,
            self.number,
            self.change_id,
            self.recorded_at.isoformat(),
            self.user_id,
            self.action,
            *self.record,
            self.before,
            self.after,
            self.reason,
            self.batch_id,
        ]
        return digest_of(to_json(line))

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain data, without what seals it."""
        names = ("number", "recorded_at", "user_id", "action", "record", "before", "after", "reason", "batch_id")
        plain = {name: getattr(self, name) for name in names}
        return plain | {"recorded_at": self.recorded_at.isoformat(), "record": self.record._asdict()}

    @property
    def head(self) -> Head:
        """The head of a chain that ends with this line."""
        return Head(self.number, self.digest, self.recorded_at)


@attrs.frozen
class Break:
    """Where a history is not what was written: the number of the first line that is wrong, and how."""

    number: int
    problem: str


_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def to_json(value: object) -> str:
    """Return ``value`` as JSON in the one form that digests are made of: sorted keys, no blanks."""
    return _ENCODER.encode(value)


def to_plain(record: Record) -> dict[str, Any]:
    """Return a record as plain data: days as ``YYYY-MM-DD``, sets as sorted lists, no provenance."""
    return {name: _plain_value(getattr(record, name)) for name in _FIELDS[type(record)]}


_FIELDS: Final = {
    kind: tuple(field.name for field in attrs.fields(kind) if field.name != "batch_id") for kind in KINDS.values()
}


def _plain_value(value: Any) -> object:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, int) else sorted(value)


def from_plain(kind: str, plain: Plain, batch_id: str | None = None) -> Any:
    """Return the record that `to_plain` was given; ``batch_id`` is the batch that first recorded it."""
    values = {name: _record_value(name, value) for name, value in plain.items()}
    return KINDS[kind](**values, batch_id=batch_id)


def _record_value(name: str, value: Any) -> Any:
    is_day = name.endswith(("_date", "left_on")) and value is not None
    return date.fromisoformat(value) if is_day else value


def verify(lines: Iterable[Change], head: Head | None = None, anchors: Iterable[Head] = ()) -> Iterator[Break]:
    """Yield every place at which ``lines``, from the first on, are not the chain that was written.

    With ``head``, lines that are missing at the end are found too. ``anchors`` are heads that were noted down: who
    removes lines and writes others in their place, or a new head, cannot make the history go through them again.
    """
    noted: defaultdict[int, list[str]] = defaultdict(list)
    for anchor in anchors:
        if anchor != EMPTY:  # every history goes through that
            noted[anchor.number].append(anchor.digest)
    expected = EMPTY
    for line in lines:
        if line.number != expected.number + 1:
            yield Break(line.number, f"line {expected.number + 1} should stand here: lines were removed or put in")
        if line.digest != line.digest_after(expected.digest):
            yield Break(line.number, "the line, or the one before it, is not as it was written")
        if any(digest != line.digest for digest in noted.pop(line.number, ())):
            yield Break(line.number, "the line is not the one that was noted down: the history was written anew")
        expected = line.head
    for number in sorted(noted):
        yield Break(number, "the line was noted down, and is not there: lines were removed at the end")
    if head is not None and head != expected:
        yield Break(expected.number, "the end of the history is not as it was written")
