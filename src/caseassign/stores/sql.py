"""What SQL stores ask their engine: each statement once, for every dialect that such a store speaks."""

# ruff: noqa: S608  # the names in the SQL are constants of this package

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from inspect import signature
from typing import Final, Generic, TypeAlias, TypeVar

import attrs

from caseassign.history import Change, Head
from caseassign.model import CaseAssignment, Client, Enrollment, Organization, Project, User
from caseassign.rules import Tables
from caseassign.storage import Row

R = TypeVar("R")

Steps: TypeAlias = tuple[tuple[str, ...], ...]
"""The statements that lead from each version of some tables to the next; the first step creates version 1."""

ROWS_AT_ONCE: Final = 5_000
"""How many rows are held in memory, where there is no end to them."""


@attrs.frozen(kw_only=True)
class Dialect:
    """What engines write differently. ``{}`` stands for the name of a table, a value or a column.

    ``of_user`` is a table of what each user has, each in a column called ``{0}``, from the column ``{1}`` of the
    table ``{2}``; ``join`` joins two tables of which much is read. ``ids``, ``pairs`` and ``day`` turn what is asked
    for into values as the engine takes them; an id that it could not have stored is left out.
    """

    table: str
    mark: str
    value: str
    among: str
    among_pairs: str
    unindexed: str
    of_user: str
    join: str
    ids: Callable[[Iterable[str]], object]
    pairs: Callable[[Iterable[tuple[str, str]]], object]
    day: Callable[[date], object]


@attrs.frozen
class Form(Generic[R]):
    """How the records of one kind are written as rows, and read from them.

    ``columns`` are in the order of ``to_row`` and of the parameters of ``from_row``; the first is the id. ``order``
    names the column by which all rows are read.
    """

    kind: str
    to_row: Callable[[R], Row]
    from_row: Callable[..., R]
    columns: tuple[str, ...] = attrs.field()
    order: str = attrs.field()

    @columns.default
    def _parameters(self) -> tuple[str, ...]:
        return tuple(signature(self.from_row).parameters)

    @order.default
    def _id(self) -> str:
        return self.columns[0]

    def named(self, row: Row) -> str:
        """Return what to call a row in an error: its table, and its place in the order of the table."""
        return f"the row of the table {self.kind} with {self.order} {row[self.columns.index(self.order)]}"


@attrs.frozen(kw_only=True)
class Forms:
    """The forms of all that a store keeps in tables of its own."""

    organizations: Form[Organization]
    projects: Form[Project]
    users: Form[User]
    clients: Form[Client]
    enrollments: Form[Enrollment]
    assignments: Form[CaseAssignment]
    changes: Form[Change]
    heads: Form[Head]


class Table(Generic[R]):
    """What is asked of every table, written from the names of its columns, none of which comes from outside."""

    def __init__(self, form: Form[R], dialect: Dialect) -> None:
        self.form = form
        self.name = dialect.table.format(form.kind)
        self._names = ", ".join(f'"{column}"' for column in form.columns)
        key, *others = form.columns
        among_ids, order = f"{key} {dialect.among.format('ids')}", form.order
        marks = ", ".join(dialect.mark for _ in form.columns)
        changes = ", ".join(f'"{column}" = {dialect.mark}' for column in others)
        # Bounded by what is last at the start, so that it comes to an end even if more is added on the way.
        self.everything = self.select(f"WHERE {order} <= (SELECT max({order}) FROM {self.name}) ORDER BY {order}")
        self.with_ids = self.select(f"WHERE {among_ids} ORDER BY {key}")
        self.ids_there = f"SELECT {key} FROM {self.name} WHERE {among_ids}"
        self.insert = f"INSERT INTO {self.name} ({self._names}) VALUES ({marks})"
        self.update = f"UPDATE {self.name} SET {changes} WHERE {key} = {dialect.mark}"

    def select(self, which: str = "") -> str:
        """Return the query for these rows: an SQL condition, order, or both."""
        return f"SELECT {self._names} FROM {self.name} {which}"


class Statements:
    """Every statement of a store, in its dialect and with its forms.

    Values have names. With ``every``, what follows about ``projects`` is not looked at; with ``ever``, that about
    ``day``.
    """

    def __init__(self, dialect: Dialect, forms: Forms) -> None:
        self.dialect = dialect
        self.organizations = Table(forms.organizations, dialect)
        self.projects = Table(forms.projects, dialect)
        self.users = Table(forms.users, dialect)
        self.clients = Table(forms.clients, dialect)
        self.enrollments = Table(forms.enrollments, dialect)
        self.assignments = Table(forms.assignments, dialect)
        self.changes = Table(forms.changes, dialect)
        self.heads = Table(forms.heads, dialect)
        self.tables = self._tables()
        self._enrollments()
        self._assignments()
        self._history()
        self._imported()
        self._personal()

    def _tables(self) -> Tables:
        """Return what the six tables are called over which the rules are written."""
        users, of_user = self.users.name, self.dialect.of_user
        return Tables(
            enrollments=self.enrollments.name,
            assignments=self.assignments.name,
            projects=self.projects.name,
            users=users,
            user_organizations=of_user.format("organization_id", "organization_ids", users),
            user_permissions=of_user.format("permission", "permissions", users),
            join=self.dialect.join,
        )

    def _enrollments(self) -> None:
        stays, stints = self.enrollments, self.assignments
        ids, day = self._among("ids"), self._value("day")
        in_projects = f"({self._value('every')} OR project_id {self._among('projects')})"
        first = self.dialect.unindexed.format("project_id")
        in_order = f"ORDER BY {first}, household_id NULLS FIRST, enrollment_id"
        nobodys = f"""
            WHERE {in_projects} AND NOT deleted AND entry_date <= {day} AND (exit_date IS NULL OR exit_date > {day})
            AND NOT EXISTS (
                SELECT 1 FROM {stints.name} AS stint WHERE stint.enrollment_id = stay.enrollment_id
                AND NOT voided AND start_date <= {day} AND (end_date IS NULL OR end_date > {day})
            )
        """
        pairs = self.dialect.among_pairs.format("pairs")
        self.of_clients = stays.select(f"WHERE personal_id {ids} ORDER BY entry_date, enrollment_id")
        self.of_households = stays.select(
            f"WHERE (project_id, household_id) {pairs} ORDER BY entry_date, enrollment_id"
        )
        self.by_household = stays.select(f"WHERE {in_projects} {in_order}")
        self.unassigned = stays.select(f"AS stay {nobodys} {in_order}")
        self.count = f"SELECT count(*) FROM {stays.name} WHERE {in_projects}"
        self.count_unassigned = f"SELECT count(*) FROM {stays.name} AS stay {nobodys}"
        self.projects_of = f"""
            SELECT enrollment_id, project_id FROM {stays.name}
            WHERE enrollment_id {ids} AND ({self._value("deleted")} OR NOT deleted) ORDER BY enrollment_id
        """

    def _assignments(self) -> None:
        stays, stints = self.enrollments, self.assignments
        ids, day = self._among("ids"), self._value("day")
        self.of_enrollments = stints.select(f"WHERE enrollment_id {ids} ORDER BY start_date, assignment_id")
        in_projects = f"""EXISTS (
            SELECT 1 FROM {stays.name} AS stay
            WHERE stay.enrollment_id = stint.enrollment_id AND project_id {self._among("projects")}
        )"""
        # In two parts, each of which an index answers: an engine that reads "or" looks at all that a user ever held.
        self.of_users = {
            (ends, narrowed): " UNION ALL ".join(
                stints.select(f"AS stint WHERE user_id {ids} AND {end}{f' AND {in_projects}' if narrowed else ''}")
                for end in ("end_date IS NULL", f"end_date > {day}" if ends else "end_date IS NOT NULL")
            )
            + " ORDER BY start_date, assignment_id"
            for ends in (False, True)
            for narrowed in (False, True)
        }

    def _history(self) -> None:
        lines, pairs = self.changes, self.dialect.among_pairs.format("pairs")
        self.of_records = lines.select(f"WHERE (kind, record_id) {pairs} ORDER BY number")
        self.of_batches = lines.select(f"WHERE batch_id {self._among('ids')} ORDER BY number")
        self.of_kinds = lines.select(f"WHERE kind {self._among('ids')} ORDER BY number")
        self.latest_first = f"SELECT number, recorded_at FROM {lines.name} ORDER BY number DESC"
        self.following = lines.select(
            f"WHERE number > {self._value('number')} AND number <= (SELECT max(number) FROM {lines.name}) "
            "ORDER BY number"
        )
        self.count_of_records = f"SELECT count(*) FROM {lines.name} WHERE (kind, record_id) {pairs}"

    def _imported(self) -> None:
        name, mark = self.dialect.table.format("imported"), self.dialect.mark
        self.said = (
            f"SELECT id, said FROM {name} WHERE kind {self._among('kinds')} AND id {self._among('ids')} ORDER BY id"
        )
        self.say = f"""
            INSERT INTO {name} (kind, id, said) VALUES ({mark}, {mark}, {mark})
            ON CONFLICT (kind, id) DO UPDATE SET said = excluded.said
        """

    def _personal(self) -> None:
        name, mark = self.dialect.table.format("personal"), self.dialect.mark
        self.told = f'SELECT imprint, "text" FROM {name} WHERE imprint {self._among("ids")} ORDER BY imprint'
        self.tell = f"""
            INSERT INTO {name} (imprint, "text") VALUES ({mark}, {mark})
            ON CONFLICT (imprint) DO UPDATE SET "text" = excluded."text"
        """
        self.forget = f"DELETE FROM {name} WHERE imprint = {mark}"

    def _value(self, name: str) -> str:
        return self.dialect.value.format(name)

    def _among(self, name: str) -> str:
        return self.dialect.among.format(name)


def one_by_one(stream: Callable[[str], Iterator[list[Row]]], statements: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Yield each row with the number of its statement, given what streams the rows of one."""
    for number, sql in enumerate(statements):
        for rows in stream(sql):
            for row in rows:
                yield number, row
