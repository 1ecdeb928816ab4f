"""What an act has looked at: each record as it stands in the store, read once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from caseassign.history import RecordKey
from caseassign.model import Enrollment, HouseholdKey, Record
from caseassign.storage import Records, Transaction


class Found:
    """The records that an act found. It shares them with whatever it tries out on the way."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._records: dict[RecordKey, Record] = {}
        self._stints: dict[str, list[str]] = {}
        self._caseloads: dict[str, list[str]] = {}

    def read(self, kind: str, ids: Iterable[str]) -> dict[str, Any]:
        """Return those of the records that are there, by id, after reading those that were not read before."""
        wanted = [RecordKey(kind, key) for key in ids]
        missing = sorted({key.id for key in wanted if key not in self._records})
        if missing:
            records: Records[Any] = getattr(self._tx, f"{kind}s")
            self.take(records.get(missing).values())
        return {key.id: self._records[key] for key in wanted if key in self._records}

    def get(self, key: RecordKey) -> Record | None:
        """Return a record that was read; None where the store has none."""
        return self._records.get(key)

    @property
    def opened(self) -> list[str]:
        """The ids of the enrollments whose stints were read."""
        return list(self._stints)

    def is_open(self, enrollment_id: str) -> bool:
        """Whether the stints on an enrollment were read."""
        return enrollment_id in self._stints

    def open(self, enrollment_ids: Iterable[str]) -> None:
        """Read the stints on enrollments, and the users who hold them."""
        new = list(enrollment_ids)
        self._stints |= {key: [] for key in new}
        stints = self._tx.assignments.of_enrollments(new)
        self.take(stints)
        for stint in stints:
            self._stints[stint.enrollment_id].append(stint.assignment_id)
        self.read("user", {stint.user_id for stint in stints})

    def stints_on(self, enrollment_id: str) -> list[str]:
        """Return the ids of the stints on an enrollment, by start date; none where they were not read."""
        return self._stints.get(enrollment_id, [])

    def caseload(self, user_id: str) -> list[str]:
        """Return the ids of all stints of a user, read with their enrollments and projects."""
        if user_id not in self._caseloads:
            stints = self._tx.assignments.of_users([user_id])
            self.take(stints)
            self._caseloads[user_id] = [stint.assignment_id for stint in stints]
            self.read(Enrollment.KIND, {stint.enrollment_id for stint in stints})
            enrollments = [self._records[RecordKey(Enrollment.KIND, stint.enrollment_id)] for stint in stints]
            self.read("project", {e.project_id for e in enrollments if isinstance(e, Enrollment)})
        return self._caseloads[user_id]

    def members(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of households who stand in the store, deleted ones too, by entry date and id."""
        members = self._tx.enrollments.of_households(keys)
        self.take(members)
        return members

    def take(self, records: Iterable[Record]) -> None:
        """Take in records as they stand in the store."""
        for record in records:
            self._records.setdefault(RecordKey(record.KIND, record.key), record)
