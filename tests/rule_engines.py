"""The engines on which the second form of a rule is tried, each with the six tables of a world in it."""

# ruff: noqa: S608  # the names in the SQL stand in this file

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from enum import IntEnum
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from rule_worlds import AS_OF, Found, Key, World
from sqlite_files import new_sqlite_store

from caseassign.model import KINDS
from caseassign.rules import EnrollmentFacts, Rows, Rule, Rules, Tables, subject
from caseassign.search import Search, searches
from caseassign.storage import Row, Store

PLAIN: Final = Tables(
    enrollments="stays",
    assignments="(SELECT * FROM stints)",
    projects="(SELECT * FROM programs)",
    users="(SELECT * FROM staff)",
    user_organizations="staff_organizations",
    user_permissions="staff_permissions",
)
"""The six tables under names of a host's own, some of them queries."""

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "stays": {
        "enrollment_id": "text",
        "personal_id": "text",
        "project_id": "text",
        "household_id": "text",
        "relationship_to_hoh": "integer",
        "entry_date": "date",
        "exit_date": "date",
        "deleted": "boolean",
    },
    "stints": {
        "assignment_id": "text",
        "enrollment_id": "text",
        "user_id": "text",
        "start_date": "date",
        "end_date": "date",
        "role": "text",
        "kept_after_exit": "boolean",
        "voided": "boolean",
    },
    "programs": {"project_id": "text", "organization_id": "text", "project_type": "integer"},
    "staff": {"user_id": "text", "left_on": "date"},
    "staff_organizations": {"user_id": "text", "organization_id": "text"},
    "staff_permissions": {"user_id": "text", "permission": "text"},
}
"""The columns of the tables, and what they hold."""

Ask = Callable[[str], Iterable[Row]]


class Engine(NamedTuple):
    """Where the tables of a world lie, what they are called there, and how to ask.

    ``apart`` says whether the library asks such an engine about a rule that looks further in a statement of its own.
    """

    tables: Tables
    ask: Ask
    apart: bool

    def found(
        self, required: Rules, advisory: Rules, as_of: date = AS_OF, projects: Collection[str] | None = None
    ) -> Found:
        """Return what the rules' SQL finds, as `World.found` does for Python."""
        made, *others = searches(required, advisory, as_of, projects, apart=self.apart)
        assert others == [(), ()]
        found: Found = Counter()
        for search in made:
            found.update(self.found_by(search))
        return found

    def found_by(self, search: Search) -> Iterator[tuple[str, bool, Key]]:
        """Yield what one statement finds."""
        yield from self.read(search, search.sql(self.tables))

    def read(self, search: Search, sql: str) -> Iterator[tuple[str, bool, Key]]:
        """Yield what a search finds, by the statement that is given."""
        for total, *ids in self.ask(sql):
            row = dict(zip(search.columns, ids, strict=True))
            for each in search.broken(total):
                yield each.code, each.required, _key(search.rows, each.rule, row)


def _key(rows: Rows, rule: Rule, row: Mapping[str, Any]) -> Key:
    match rows:
        case Rows.PAIRS:
            return tuple(sorted((row["assignment_id"], row["other_assignment_id"])))
        case Rows.HOUSEHOLDS if row["enrollment_id"] is None:
            return row["project_id"], row["household_id"]
        case Rows.CASELOADS:
            return (row["user_id"],)
        case Rows.ASSIGNMENTS if subject(rule) is not EnrollmentFacts:
            return (row["assignment_id"],)
        case _:
            return (row["enrollment_id"],)


def tables_of(world: World) -> dict[str, list[Row]]:
    """Return the rows of the six tables, by the names that `PLAIN` gives them."""
    users = world.of("user").values()
    kinds = {"stays": "enrollment", "stints": "assignment", "programs": "project", "staff": "user"}
    return {
        name: [tuple(_plain(getattr(each, column)) for column in COLUMNS[name]) for each in world.of(kind).values()]
        for name, kind in kinds.items()
    } | {
        "staff_organizations": [(user.user_id, each) for user in users for each in sorted(user.organization_ids)],
        "staff_permissions": [(user.user_id, each) for user in users for each in sorted(user.permissions)],
    }


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, IntEnum) else value


def with_days_as_text(rows: Iterable[Row]) -> list[Row]:
    """Return rows with each day as text."""
    return [tuple(value.isoformat() if isinstance(value, date) else value for value in row) for row in rows]


def _definition(name: str, kinds: Mapping[str, str]) -> str:
    columns = ", ".join(f"{column} {kinds.get(kind, kind)}" for column, kind in COLUMNS[name].items())
    return f"CREATE TABLE {name} ({columns})"


@contextmanager
def in_sqlite(world: World) -> Iterator[Engine]:
    """Put the tables into a database of SQLite, with days as text."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, rows in tables_of(world).items():
            connection.execute(_definition(name, {"date": "text"}))
            marks = ", ".join("?" for _ in COLUMNS[name])
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", with_days_as_text(rows))
        connection.execute("CREATE INDEX stints_of_stay ON stints (enrollment_id)")
        yield Engine(PLAIN, lambda sql: connection.execute(sql).fetchall(), apart=True)


@contextmanager
def in_postgres(world: World, dsn: str) -> Iterator[Engine]:
    """Put the tables into a database of PostgreSQL for a while, and ask as a `PostgresStore` does."""
    with psycopg.connect(dsn) as connection:
        for name, rows in tables_of(world).items():
            connection.execute(_definition(name, {}).replace("CREATE", "CREATE TEMPORARY").encode())
            with connection.cursor().copy(f"COPY {name} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        connection.execute("CREATE INDEX stints_of_stay ON stints (enrollment_id)")
        connection.execute("ANALYZE stays, stints")
        yield Engine(PLAIN, lambda sql: connection.execute(sql.encode()).fetchall(), apart=False)
        connection.rollback()


@contextmanager
def in_duckdb(world: World, days: str) -> Iterator[Engine]:
    """Put the tables into DuckDB, with days as a ``date`` or as ``text``."""
    duckdb = pytest.importorskip("duckdb")
    with closing(duckdb.connect()) as connection:
        for name, rows in tables_of(world).items():
            connection.execute(_definition(name, {"date": days}))
            columns = [list(column) for column in zip(*with_days_as_text(rows), strict=True)]
            if columns:
                marks = ", ".join("unnest(?)" for _ in columns)
                connection.execute(f"INSERT INTO {name} SELECT {marks}", columns)
        yield Engine(PLAIN, lambda sql: connection.execute(sql).fetchall(), apart=True)


def fill(store: Store, world: World) -> None:
    """Put the records of a world into a store, past every act and rule."""
    with store.transaction(write=True) as tx:
        for kind in KINDS:
            getattr(tx, f"{kind}s").add(world.of(kind).values())


@contextmanager
def in_store(world: World) -> Iterator[Engine]:
    """Put the records into a `SQLiteStore`, and ask its own tables."""
    with new_sqlite_store() as store:
        fill(store, world)
        with store.transaction() as tx:
            yield Engine(tx.tables, lambda sql: [row for _, row in tx.search([sql])], apart=False)
