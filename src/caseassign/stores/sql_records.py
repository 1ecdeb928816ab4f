"""What a transaction on a SQL store offers: the records of each kind, the history, and what imports said.

What is iterated may be changed meanwhile: each record that was there comes exactly once, as it was or as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from itertools import chain
from typing import Generic, Never, Protocol, TypeVar

from caseassign.batches import in_batches
from caseassign.errors import AlreadyExistsError, DamagedStoreError, NotFoundError
from caseassign.history import Change, Head, RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User
from caseassign.storage import Row
from caseassign.stores.chain import Chain
from caseassign.stores.sql import ROWS_AT_ONCE, Statements, Table

R = TypeVar("R")


class Session(Protocol):
    """Runs statements on behalf of one block, and raises only the library's errors."""

    def rows(self, sql: str, **values: object) -> list[Row]:
        """Return what a query finds."""

    def stream(self, sql: str, **values: object) -> Iterator[list[Row]]:
        """Yield what a query finds, batch by batch."""

    def search(self, statements: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield each row with the number of its statement, in the order of the statements, which have no values."""

    def write(self, sql: str, rows: Iterable[Row]) -> None:
        """Run a statement once for each of the rows; only within `all_or_nothing`."""

    def all_or_nothing(self) -> AbstractContextManager[None]:
        """Open a step that may only write if the block may, and of which an exception leaves nothing."""


class Beside:
    """What a transaction offers beside the records: the history, what imports said, and personal texts."""

    def __init__(self, session: Session, sql: Statements) -> None:
        self.history = _History(session, sql)
        self.imported = _Imported(session, sql)
        self.personal = _Personal(session, sql)


class SQLTransaction(Beside):
    """All that can be done inside a transaction block on a store that speaks SQL."""

    def __init__(self, session: Session, sql: Statements) -> None:
        super().__init__(session, sql)
        self.clients: _Records[Client] = _Records(session, sql, sql.clients)
        self.users: _Records[User] = _Records(session, sql, sql.users)
        self.organizations: _Records[Organization] = _Records(session, sql, sql.organizations)
        self.projects: _Records[Project] = _Records(session, sql, sql.projects)
        self.enrollments = _Enrollments(session, sql, sql.enrollments)
        self.assignments = _Assignments(session, sql, sql.assignments)
        self.tables = sql.tables
        self._session = session

    def search(self, statements: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Yield each row with the number of its statement, in the order of the statements."""
        for number, row in self._session.search(statements):
            if not isinstance(row[0], int) or not all(isinstance(key, str | None) for key in row[1:]):
                raise DamagedStoreError("a search found what can be no id")
            yield number, row


class _Found(dict[str, R]):
    """Records by id. One that others refer to is there, for the tables see to it: unless the store is damaged."""

    kind: str

    def __missing__(self, key: str) -> Never:
        raise DamagedStoreError(f"{self.kind} {key} is not there, and another record refers to it")


class _Records(Generic[R]):
    """The records of one kind, as the rows of their table."""

    def __init__(self, session: Session, sql: Statements, table: Table[R]) -> None:
        self._session = session
        self._sql = sql
        self._table = table
        self._form = table.form

    def get(self, ids: Iterable[str]) -> dict[str, R]:
        """Return the records with these ids, by id, in the order of the ids."""
        rows = self._session.rows(self._table.with_ids, ids=self._ids(ids))
        found = _Found((row[0], record) for row, record in zip(rows, self._made(rows), strict=True))
        found.kind = self._form.kind
        return found

    def add(self, records: Iterable[R]) -> None:
        """Add new records, or none of them."""
        with self._session.all_or_nothing():
            clashing: set[str] = set()
            for rows in in_batches(map(self._form.to_row, records), ROWS_AT_ONCE):
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
                raise AlreadyExistsError(self._form.kind, tuple(sorted(clashing)))

    def replace(self, records: Iterable[R]) -> None:
        """Replace records, or none of them."""
        with self._session.all_or_nothing():
            missing: set[str] = set()
            for rows in in_batches(map(self._form.to_row, records), ROWS_AT_ONCE):
                missing.update({row[0] for row in rows} - self._there(rows))
                self._session.write(self._table.update, ((*others, key) for key, *others in rows))
            if missing:
                raise NotFoundError(self._form.kind, tuple(sorted(missing)))

    def __iter__(self) -> Iterator[R]:
        """Yield every record, in the order of the ids."""
        return self.each(self._table.everything)

    def each(self, sql: str, **values: object) -> Iterator[R]:
        """Yield what a query finds, without holding it all in memory."""
        for rows in self._session.stream(sql, **values):
            yield from self._made(rows)

    def found(self, sql: str, **values: object) -> list[R]:
        """Return what a query finds."""
        return self._made(self._session.rows(sql, **values))

    def _ids(self, ids: Iterable[str]) -> object:
        return self._sql.dialect.ids(ids)

    def _there(self, rows: Iterable[Row]) -> set[str]:
        found = self._session.rows(self._table.ids_there, ids=self._ids(row[0] for row in rows))
        return {key for (key,) in found}

    def _made(self, rows: Iterable[Row]) -> list[R]:
        records = []
        for row in rows:
            try:
                records.append(self._form.from_row(*row))
            except (TypeError, ValueError):
                raise DamagedStoreError(f"{self._form.named(row)} is not what a record can be") from None
        return records


class _Enrollments(_Records[Enrollment]):
    """The enrollments; in answers by entry date, then id."""

    def of_clients(self, personal_ids: Iterable[str]) -> list[Enrollment]:
        """Return the enrollments of these clients."""
        return self.found(self._sql.of_clients, ids=self._ids(personal_ids))

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Enrollment]:
        """Return the members of these households."""
        return self.found(self._sql.of_households, pairs=self._sql.dialect.pairs(keys))

    def by_household(self, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield every enrollment by project, household and id; those without household come first in a project."""
        return self.each(self._sql.by_household, **_in_projects(self._sql, projects))

    def unassigned(self, as_of: date, projects: Collection[str] | None = None) -> Iterator[Enrollment]:
        """Yield, in the order of `by_household`, those open as of a day on which nobody is active as of it."""
        day = self._sql.dialect.day(as_of)
        return self.each(self._sql.unassigned, day=day, **_in_projects(self._sql, projects))

    def count(self, projects: Collection[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many enrollments there are; with a day, only those on which nobody is active as of it."""
        values = _in_projects(self._sql, projects)
        if unassigned_on is None:
            return _number(self._session, self._sql.count, **values)
        return _number(self._session, self._sql.count_unassigned, day=self._sql.dialect.day(unassigned_on), **values)

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> dict[str, str]:
        """Return the project id of each of these enrollments, by their ids."""
        return dict(self._session.rows(self._sql.projects_of, ids=self._ids(enrollment_ids), deleted=deleted))


class _Assignments(_Records[CaseAssignment]):
    """The assignments; in answers by start date, then id."""

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[CaseAssignment]:
        """Return the assignments on these enrollments."""
        return self.found(self._sql.of_enrollments, ids=self._ids(enrollment_ids))

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Collection[str] | None = None
    ) -> list[CaseAssignment]:
        """Return the assignments of these users; with a day, only those that have not ended as of it."""
        asked: dict[str, object] = {"ids": self._ids(user_ids)}
        if ending_after is not None:
            asked["day"] = self._sql.dialect.day(ending_after)
        if projects is not None:
            asked["projects"] = self._ids(projects)
        return self.found(self._sql.of_users[ending_after is not None, projects is not None], **asked)


def _in_projects(sql: Statements, projects: Collection[str] | None) -> dict[str, object]:
    return {"every": projects is None, "projects": sql.dialect.ids(projects or ())}


def _number(session: Session, sql: str, **values: object) -> int:
    return int(session.rows(sql, **values)[0][0])


class _History:
    """The lines of history; in answers by number."""

    def __init__(self, session: Session, sql: Statements) -> None:
        self._session = session
        self._sql = sql
        self._lines = _Records(session, sql, sql.changes)
        self._heads = _Records(session, sql, sql.heads)

    def head(self) -> Head:
        """Return where the chain ends."""
        for head in self._heads.found(self._sql.heads.select()):
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
        return self._lines.found(self._sql.of_records, pairs=self._sql.dialect.pairs(records))

    def of_batches(self, batch_ids: Iterable[str]) -> list[Change]:
        """Return the lines of these batches."""
        return self._lines.found(self._sql.of_batches, ids=self._sql.dialect.ids(batch_ids))

    def of_kind(self, kind: str) -> list[Change]:
        """Return the lines about records of one kind."""
        return self._lines.found(self._sql.of_kinds, ids=self._sql.dialect.ids([kind]))

    def after(self, moment: datetime) -> Iterator[Change]:
        """Yield the lines that follow the last one recorded up to a moment."""
        return self._lines.each(self._sql.following, number=self._last_by(moment))

    def count(self, records: Iterable[RecordKey]) -> int:
        """Return how many lines there are about these records."""
        return _number(self._session, self._sql.count_of_records, pairs=self._sql.dialect.pairs(records))

    def __iter__(self) -> Iterator[Change]:
        """Yield every line."""
        return iter(self._lines)

    def _last_by(self, moment: datetime) -> int:
        """Return the number of the last line recorded up to a moment, going back from the end; 0 if there is none."""
        for number, recorded_at in chain.from_iterable(self._session.stream(self._sql.latest_first)):
            try:
                is_recorded = datetime.fromisoformat(recorded_at) <= moment
            except (TypeError, ValueError):
                raise DamagedStoreError(f"the row of the table change with number {number} has no moment") from None
            if is_recorded:
                return int(number)
        return 0


class _Imported:
    """What the last import said of each record."""

    def __init__(self, session: Session, sql: Statements) -> None:
        self._session = session
        self._sql = sql

    def get(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """Return what was said of the records with these ids, by id, in the order of the ids."""
        listed = self._sql.dialect.ids
        return dict(self._session.rows(self._sql.said, kinds=listed([kind]), ids=listed(ids)))

    def put(self, kind: str, said: Mapping[str, str]) -> None:
        """Remember what is said of each id."""
        with self._session.all_or_nothing():
            self._session.write(self._sql.say, ((kind, key, text) for key, text in said.items()))


class _Personal:
    """The personal texts that lines of history stand for, by imprint."""

    def __init__(self, session: Session, sql: Statements) -> None:
        self._session = session
        self._sql = sql

    def get(self, imprints: Iterable[str]) -> dict[str, str]:
        """Return the texts that are there, by imprint, in the order of the imprints."""
        return dict(self._session.rows(self._sql.told, ids=self._sql.dialect.ids(imprints)))

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep each text under its imprint."""
        with self._session.all_or_nothing():
            self._session.write(self._sql.tell, texts.items())

    def remove(self, imprints: Iterable[str]) -> None:
        """Forget the texts with these imprints."""
        with self._session.all_or_nothing():
            self._session.write(self._sql.forget, ((imprint,) for imprint in imprints))
