"""What a store in memory keeps between transactions: the records, the lines, the texts, and what finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from caseassign.errors import StorageError
from caseassign.history import EMPTY, Change, Head
from caseassign.model import CaseAssignment, Client, Enrollment, Organization, Project, Record, User

R = TypeVar("R", bound=Record)


class Data:
    """Everything that the store keeps between transactions."""

    def __init__(self) -> None:
        self.organizations: Table[Organization] = Table("organization")
        self.projects: Table[Project] = Table("project", {"organization_id": self.organizations})
        self.users: Table[User] = Table("user")
        self.clients: Table[Client] = Table("client")
        self.enrollments: Table[Enrollment] = Table(
            "enrollment",
            {"personal_id": self.clients, "project_id": self.projects},
            found_by=("personal_id", "household_key"),
        )
        self.assignments: Table[CaseAssignment] = Table(
            "assignment",
            {"enrollment_id": self.enrollments, "user_id": self.users},
            found_by=("enrollment_id", "user_id"),
        )
        self.lines = Lines()
        self.said: dict[tuple[str, str], str] = {}
        self.personal: dict[str, str] = {}


class Table(Generic[R]):
    """The records of one kind by id, the kinds that they refer to, and what finds them without looking at all."""

    def __init__(
        self, kind: str, refers_to: Mapping[str, Table[Any]] | None = None, *, found_by: Iterable[str] = ()
    ) -> None:
        self.kind = kind
        self.rows: dict[str, R] = {}
        self._refers_to = refers_to or {}
        self._found_by: dict[str, dict[Hashable, dict[str, R]]] = {field: {} for field in found_by}

    def set(self, key: str, record: R | None) -> None:
        """Let ``record`` stand under ``key``, whatever stood there before; None lets nothing stand there."""
        before = self.rows.pop(key, None)
        if record is not None:
            self.rows[key] = record
        for field, groups in self._found_by.items():
            if before is not None:
                group = groups[getattr(before, field)]
                del group[key]
                if not group:
                    del groups[getattr(before, field)]
            if record is not None:
                groups.setdefault(getattr(record, field), {})[key] = record

    def found(self, field: str, values: Iterable[Hashable]) -> list[R]:
        """Return the records with one of these values in ``field``."""
        groups = self._found_by[field]
        return [record for value in set(values) for record in groups.get(value, {}).values()]

    def check_references(self, record: R) -> None:
        """Raise `StorageError` if ``record`` refers to one that is not there."""
        for field, table in self._refers_to.items():
            key = getattr(record, field)
            if key is not None and key not in table.rows:
                raise StorageError("a record refers to another one that is not in the store")


class Lines:
    """The lines of history, what finds them, and where the chain ends."""

    def __init__(self) -> None:
        self.lines: list[Change] = []
        self.head: Head = EMPTY
        self.ids: set[str] = set()
        self.by_record: defaultdict[Hashable, list[Change]] = defaultdict(list)
        self.by_batch: defaultdict[Hashable, list[Change]] = defaultdict(list)
        self.by_kind: defaultdict[Hashable, list[Change]] = defaultdict(list)

    def append(self, line: Change) -> None:
        """Add a line at the end, and move the head on to it."""
        self.lines.append(line)
        self.head = line.head
        self.ids.add(line.change_id)
        for group in self._groups(line):
            group.append(line)

    def take_back(self, head: Head) -> None:
        """Undo the last `append`, before which the chain ended with ``head``."""
        line = self.lines.pop()
        self.head = head
        self.ids.remove(line.change_id)
        for group in self._groups(line):
            group.pop()

    def _groups(self, line: Change) -> tuple[list[Change], ...]:
        return self.by_record[line.record], self.by_batch[line.batch_id], self.by_kind[line.record.kind]
