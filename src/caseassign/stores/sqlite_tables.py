"""What a transaction on a `SQLiteStore` offers: the records of each kind, the history, and what imports said.

What is iterated may be changed meanwhile: each record that was there comes exactly once, as it was or as it is.
"""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import chain
from typing import Final, Generic, TypeVar

from caseassign.batches import in_batches
from caseassign.errors import AlreadyExistsError, DamagedStoreError, NotFoundError
from caseassign.history import Change, Head, RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User
from caseassign.stores.chain import Chain
from caseassign.stores.sqlite_rows import (
    ASSIGNMENTS,
    CHANGES,
    CLIENTS,
    ENROLLMENTS,
    HEADS,
    ORGANIZATIONS,
    PROJECTS,
    USERS,
    Row,
    Table,
)
from caseassign.stores.sqlite_session import ROWS_AT_ONCE, Session, listed, listed_pairs

R = TypeVar("R")

_LISTED: Final = "IN (SELECT value FROM json_each(?))"
_LISTED_PAIRS: Final = "IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"

# The ids of the projects, or NULL for all of them, are bound twice.
_IN_PROJECTS: Final = f"(? IS NULL OR project_id {_LISTED})"

_OF_CLIENTS: Final = ENROLLMENTS.select(f"WHERE personal_id {_LISTED} ORDER BY entry_date, enrollment_id")
_OF_HOUSEHOLDS: Final = ENROLLMENTS.select(
    f"WHERE (project_id, household_id) {_LISTED_PAIRS} ORDER BY entry_date, enrollment_id"
)
# The + has SQLite sort before the first row, in a file of its own. So an enrollment that is moved to another household
# meanwhile does not come twice; and it is faster than going through the index in an order that the table is not in.
_IN_ORDER: Final = "ORDER BY +project_id, household_id, enrollment_id"
_NOBODYS: Final = f"""
    WHERE {_IN_PROJECTS} AND NOT deleted AND entry_date <= ? AND (exit_date IS NULL OR exit_date > ?) AND NOT EXISTS (
        SELECT 1 FROM assignment WHERE assignment.enrollment_id = enrollment.enrollment_id
        AND NOT voided AND start_date <= ? AND (end_date IS NULL OR end_date > ?)
    )
"""
_BY_HOUSEHOLD: Final = ENROLLMENTS.select(f"WHERE {_IN_PROJECTS} {_IN_ORDER}")
_UNASSIGNED: Final = ENROLLMENTS.select(f"{_NOBODYS} {_IN_ORDER}")
_COUNT: Final = f"SELECT count(*) FROM enrollment WHERE {_IN_PROJECTS}"
_COUNT_UNASSIGNED: Final = f"SELECT count(*) FROM enrollment {_NOBODYS}"
_PROJECTS_OF: Final = f"""
    SELECT enrollment_id, project_id FROM enrollment WHERE enrollment_id {_LISTED} AND (? OR NOT deleted)
    ORDER BY enrollment_id
"""
_OF_ENROLLMENTS: Final = ASSIGNMENTS.select(f"WHERE enrollment_id {_LISTED} ORDER BY start_date, assignment_id")
_OF_USERS: Final = ASSIGNMENTS.select(
    f"""
    WHERE user_id {_LISTED} AND (? IS NULL OR end_date IS NULL OR end_date > ?) AND (? IS NULL OR EXISTS (
        SELECT 1 FROM enrollment WHERE enrollment.enrollment_id = assignment.enrollment_id AND project_id {_LISTED}
    )) ORDER BY start_date, assignment_id
    """
)
_OF_RECORDS: Final = CHANGES.select(f"WHERE (kind, record_id) {_LISTED_PAIRS} ORDER BY number")
_OF_BATCHES: Final = CHANGES.select(f"WHERE batch_id {_LISTED} ORDER BY number")
_OF_KIND: Final = CHANGES.select("WHERE kind = ? ORDER BY number")
_LATEST_FIRST: Final = 'SELECT number, recorded_at FROM "change" ORDER BY number DESC'
_FOLLOWING: Final = CHANGES.select('WHERE number > ? AND number <= (SELECT max(number) FROM "change") ORDER BY number')
_COUNT_OF_RECORDS: Final = f'SELECT count(*) FROM "change" WHERE (kind, record_id) {_LISTED_PAIRS}'
_SAID: Final = "SELECT id, said FROM imported WHERE kind = ? AND id IN (SELECT value FROM json_each(?)) ORDER BY id"
_SAY: Final = """
    INSERT INTO imported (kind, id, said) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET said = excluded.said
"""


class SQLiteTransaction:
    """All that can be done inside a transaction block on a `SQLiteStore`."""

    def __init__(self, session: Session) -> None:
        self.clients: _Records[Client] = _Records(session, CLIENTS)
        self.users: _Records[User] = _Records(session, USERS)
        self.organizations: _Records[Organization] = _Records(session, ORGANIZATIONS)
        self.projects: _Records[Project] = _Records(session, PROJECTS)
        self.enrollments = _Enrollments(session, ENROLLMENTS)
        self.assignments = _Assignments(session, ASSIGNMENTS)
        self.history = _History(session)
        self.imported = _Imported(session)


class _Records(Generic[R]):
    """The records of one kind, as the rows of their table."""

    def __init__(self, session: Session, table: Table[R]) -> None:
        self._session = session
        self._table = table

    def get(self, ids: Iterable[str]) -> dict[str, R]:
        """Return the records with these ids, by id, in the order of the ids."""
        rows = self._session.rows(self._table.with_ids, listed(ids))
        return {row[0]: record for row, record in zip(rows, self._made(rows), strict=True)}

    def add(self, records: Iterable[R]) -> None:
        """Add new records, or none of them."""
        with self._session.all_or_nothing():
            clashing: set[str] = set()
            for rows in in_batches(map(self._table.to_row, records), ROWS_AT_ONCE):
                there = self._there(rows)
                new = []
                for row in rows:
                    if row[0] in there:
                        clashing.add(row[0])
                    else:
                        there.add(row[0])
                        new.append(row)
                self._session.write(self._table.insert, new)
            if clashing:
                raise AlreadyExistsError(self._table.kind, tuple(sorted(clashing)))

    def replace(self, records: Iterable[R]) -> None:
        """Replace records, or none of them."""
        with self._session.all_or_nothing():
            missing: set[str] = set()
            for rows in in_batches(map(self._table.to_row, records), ROWS_AT_ONCE):
                missing.update({row[0] for row in rows} - self._there(rows))
                self._session.write(self._table.update, ((*others, key) for key, *others in rows))
            if missing:
                raise NotFoundError(self._table.kind, tuple(sorted(missing)))

    def __iter__(self) -> Iterator[R]:
        """Yield every record, in the order of the ids."""
        return self.each(self._table.everything)

    def each(self, sql: str, *values: object) -> Iterator[R]:
        """Yield what a query finds, without holding it all in memory."""
        for rows in self._session.stream(sql, *values):
            yield from self._made(rows)

    def found(self, sql: str, *values: object) -> list[R]:
        """Return what a query finds."""
        return self._made(self._session.rows(sql, *values))

    def _there(self, rows: Iterable[Row]) -> set[str]:
        found = self._session.rows(self._table.ids_there, listed(row[0] for row in rows))
        return {key for (key,) in found}

    def _made(self, rows: Iterable[Row]) -> list[R]:
        records = []
        for row in rows:
            try:
                records.append(self._table.from_row(*row))
            except (TypeError, ValueError):
                raise DamagedStoreError(f"{self._table.named(row)} is not what a record can be") from None
        return records


class _Enrollments(_Records[Enrollment]):
    """The enrollments; in answers by entry date, then id."""

    def of_clients(self, personal_ids: Iterable[str]) -> list[Enrollment]:
        """Return the enrollments of these clients."""
        return self.found(_OF_CLIENTS, listed(personal_ids))

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of these households."""
        return self.found(_OF_HOUSEHOLDS, listed_pairs(keys))

    def by_household(self, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield every enrollment by project, household and id; those without household come first in a project."""
        return self.each(_BY_HOUSEHOLD, *_twice(projects))

    def unassigned(self, as_of: date, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield, in the order of `by_household`, those open as of a day on which nobody is active as of it."""
        return self.each(_UNASSIGNED, *_twice(projects), *[as_of.isoformat()] * 4)

    def count(self, projects: Collection[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many enrollments there are; with a day, only those on which nobody is active as of it."""
        if unassigned_on is None:
            return self._session.number(_COUNT, *_twice(projects))
        return self._session.number(_COUNT_UNASSIGNED, *_twice(projects), *[unassigned_on.isoformat()] * 4)

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> dict[str, str]:
        """Return the project id of each of these enrollments, by their ids."""
        return dict(self._session.rows(_PROJECTS_OF, listed(enrollment_ids), deleted))


class _Assignments(_Records[CaseAssignment]):
    """The assignments; in answers by start date, then id."""

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[CaseAssignment]:
        """Return the assignments on these enrollments."""
        return self.found(_OF_ENROLLMENTS, listed(enrollment_ids))

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Collection[str] | None = None
    ) -> list[CaseAssignment]:
        """Return the assignments of these users; with a day, only those that have not ended as of it."""
        day = None if ending_after is None else ending_after.isoformat()
        return self.found(_OF_USERS, listed(user_ids), day, day, *_twice(projects))


def _twice(projects: Collection[str] | None) -> tuple[str | None, str | None]:
    ids = None if projects is None else listed(projects)
    return ids, ids


class _History:
    """The lines of history; in answers by number."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lines = _Records(session, CHANGES)
        self._heads = _Records(session, HEADS)

    def head(self) -> Head:
        """Return where the chain ends."""
        for head in self._heads.found(HEADS.select()):
            return head
        raise DamagedStoreError("the end of the history is not on record")

    def append(self, lines: Iterable[Change]) -> None:
        """Add sealed lines that continue the chain, or none of them."""
        with self._session.all_or_nothing():
            end = Chain(self.head())
            self._lines.add(end.continued_by(lines))
            self._heads.replace([end.head])

    def of_records(self, records: Iterable[RecordKey]) -> list[Change]:
        """Return the lines about these records."""
        return self._lines.found(_OF_RECORDS, listed_pairs(records))

    def of_batches(self, batch_ids: Iterable[str]) -> list[Change]:
        """Return the lines of these batches."""
        return self._lines.found(_OF_BATCHES, listed(batch_ids))

    def of_kind(self, kind: str) -> list[Change]:
        """Return the lines about records of one kind."""
        return self._lines.found(_OF_KIND, kind)

    def after(self, moment: datetime) -> Iterator[Change]:
        """Yield the lines that follow the last one recorded up to a moment."""
        return self._lines.each(_FOLLOWING, self._last_by(moment))

    def count(self, records: Iterable[RecordKey]) -> int:
        """Return how many lines there are about these records."""
        return self._session.number(_COUNT_OF_RECORDS, listed_pairs(records))

    def __iter__(self) -> Iterator[Change]:
        """Yield every line."""
        return iter(self._lines)

    def _last_by(self, moment: datetime) -> int:
        """Return the number of the last line recorded up to a moment, going back from the end; 0 if there is none."""
        for number, recorded_at in chain.from_iterable(self._session.stream(_LATEST_FIRST)):
            try:
                is_recorded = datetime.fromisoformat(recorded_at) <= moment
            except (TypeError, ValueError):
                raise DamagedStoreError(f"the row of the table change with number {number} has no moment") from None
            if is_recorded:
                return int(number)
        return 0


class _Imported:
    """What the last import said of each record."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """Return what was said of the records with these ids, by id, in the order of the ids."""
        return dict(self._session.rows(_SAID, kind, listed(ids)))

    def put(self, kind: str, said: Mapping[str, str]) -> None:
        """Remember what is said of each id."""
        with self._session.all_or_nothing():
            self._session.write(_SAY, ((kind, key, text) for key, text in said.items()))
