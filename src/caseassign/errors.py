"""Every error of the library, in one tree, and the violation that a rule reports.

::

    CaseAssignError
    ├── InvalidRecordError (ValueError)    a record or an argument that cannot be what it claims
    ├── RuleViolationError                 an act refused, whole, with every violation
    ├── PermissionDeniedError              the policy says no: action and reason
    ├── NotFoundError (LookupError)        an id that the store does not have
    ├── AlreadyExistsError                 an id that the store has already
    ├── HmisCsvError                       a file that is not what it should be
    └── StorageError                       the storage engine failed
        ├── ConflictError                  another transaction was in the way: try again
        ├── DamagedStoreError              the file is damaged
        └── WrongStoreError                the file is another application's, or a newer version's

Messages hold ids, codes and names of fields, and never a name, a birth date or a free text.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs


def _sorted(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(ids))


@attrs.frozen
class Violation:
    """One thing that is not as it must be, as data.

    ``code`` is stable (``"overlaps-own"``), ``field`` is the field that a form would mark, ``ids`` are the
    records concerned, sorted, and ``message`` says it to a person without personal data. Where a rule
    compares two fields, ``against`` names the other one. Where there can be more or less of it, ``amount`` says how
    much: an act that makes it less, or leaves it as it is, does not introduce it.
    """

    code: str
    field: str
    ids: tuple[str, ...] = attrs.field(converter=_sorted)
    message: str
    against: str | None = None
    amount: int | None = None


class CaseAssignError(Exception):
    """Whatever this library refuses or cannot do."""


@attrs.define
class InvalidRecordError(CaseAssignError, ValueError):
    """A record or an argument that cannot be what it claims; names the kind and the field, never the value."""

    kind: str
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.field} {self.problem}"


@attrs.define
class RuleViolationError(CaseAssignError):
    """An act was refused, and nothing was written; ``violations`` holds every reason."""

    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        return "; ".join(f"{violation.code}: {violation.message}" for violation in self.violations)


@attrs.define
class PermissionDeniedError(CaseAssignError):
    """The policy denied ``action``, and nothing was written."""

    action: str
    reason: str

    def __str__(self) -> str:
        return f"{self.action} is denied: {self.reason}"


@attrs.define
class NotFoundError(CaseAssignError, LookupError):
    """The store has no record of this kind with these ids."""

    kind: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"no {self.kind} with id {', '.join(self.ids)}"


@attrs.define
class AlreadyExistsError(CaseAssignError):
    """The store has records of this kind with these ids already."""

    kind: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {', '.join(self.ids)} is in the store already"


@attrs.define
class HmisCsvError(CaseAssignError):
    """A file that cannot be read as what it should be; ``problem`` says what to do."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


@attrs.define
class StorageError(CaseAssignError):
    """The storage engine failed; nothing of the transaction was kept, unless its commit is what failed.

    Then it was kept whole or not at all, and an act that is repeated with its ``command_id`` happens once.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


@attrs.define
class ConflictError(StorageError):
    """Another transaction was in the way; nothing was written, and the same act may be tried again."""


@attrs.define
class DamagedStoreError(StorageError):
    """The file is damaged: keep it as it is, and restore a backup."""


@attrs.define
class WrongStoreError(StorageError):
    """The file belongs to another application, or to a newer version of this library."""
