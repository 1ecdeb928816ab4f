"""Measures what acts and questions cost in a PostgreSQL that is full, and in one that is not: ``--help`` says how.

The history is filled too, with lines that stand for a past. They have the size of real ones, and do not verify.
"""

# ruff: noqa: S608  # the SQL is made of this module's own numbers

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, Final

import psycopg

from caseassign import SYSTEM, Casework, PostgresStore
from caseassign.storage import Row

TODAY: Final = date(2026, 3, 2)
_STAYS_PER_PROJECT: Final = 1_000
_PROJECTS_PER_ORGANIZATION: Final = 5
_USERS_PER_ORGANIZATION: Final = 18
"""So that a user holds about 40 active cases: of 100 stays 15 are open, and 1 open one in 50 is held by nobody."""

# Of each row, chance(number, what) is a number that is always the same. Ids are those that other systems draw.
_WORLD: Final = """
CREATE OR REPLACE FUNCTION pg_temp.chance(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT hashint8extended($1, $2) & 9223372036854775807';
CREATE TEMP TABLE stay AS SELECT number, md5(number::text) AS enrollment_id, number / 2 AS household,
    pg_temp.chance(number / 2, 0) % {projects} AS project, pg_temp.chance(number, 3) AS luck,
    DATE '2026-03-01' - (pg_temp.chance(number / 2, 1) % 3640)::int AS entry_date,
    pg_temp.chance(number / 2, 2) % 100 < 15 AS is_open, NULL::date AS exit_date, NULL::date AS middle
    FROM generate_series(0, {stays} - 1) number;
UPDATE stay SET exit_date = LEAST(entry_date + (luck % 700)::int, DATE '2026-03-01') WHERE NOT is_open;
UPDATE stay SET middle = entry_date + (COALESCE(exit_date, DATE '2026-03-01') - entry_date) / 2 WHERE luck % 10 < 3;
INSERT INTO {schema}.organization SELECT 'O' || n, 'House ' || n FROM generate_series(0, {organizations} - 1) n;
INSERT INTO {schema}.project SELECT 'P' || n, 'O' || n / {per_organization}, 'Program ' || n, 1 + n % 4
    FROM generate_series(0, {projects} - 1) n;
INSERT INTO {schema}."user" SELECT 'U' || n, 'Kim', 'Example ' || n, ARRAY['O' || n / {of_organization}], '{{}}', TRUE
    FROM generate_series(0, {users} - 1) n;
INSERT INTO {schema}.client SELECT 'C' || n, 'Ada', 'Sample ' || n FROM generate_series(0, {clients} - 1) n;
INSERT INTO {schema}.enrollment SELECT enrollment_id, 'C' || number % {clients}, 'P' || project, 'H' || household,
    1 + number % 2, entry_date, exit_date, FALSE, 'import' FROM stay;
INSERT INTO {schema}.assignment SELECT md5(enrollment_id || part), enrollment_id,
    'U' || project / {per_organization} * {of_organization} + (luck / 1000 + part) % {of_organization},
    CASE part WHEN 0 THEN entry_date ELSE middle END,
    CASE WHEN part = 0 AND middle IS NOT NULL THEN middle ELSE exit_date END, 'Case Manager', FALSE, FALSE, 'import'
    FROM stay, generate_series(0, (middle IS NOT NULL)::int) part WHERE NOT (is_open AND luck % 50 = 0);
INSERT INTO {schema}.change SELECT row_number() OVER (), md5('c' || assignment_id), '2026-03-01T09:00:00+00:00',
    user_id, 'assignment.start', 'assignment', assignment_id, NULL,
    jsonb_build_object('assignment_id', assignment_id, 'end_date', end_date, 'enrollment_id', enrollment_id,
        'kept_after_exit', FALSE, 'role', role, 'start_date', start_date, 'user_id', user_id, 'voided', FALSE),
    NULL, md5('b' || assignment_id), md5(assignment_id) || enrollment_id FROM {schema}.assignment;
UPDATE {schema}.change_head SET (number, digest, recorded_at) = (SELECT number, digest, recorded_at
    FROM {schema}.change ORDER BY number DESC LIMIT 1);
"""
_INDEXES: Final = """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s AND indexname NOT IN (
    SELECT conname FROM pg_constraint WHERE connamespace = %s::regnamespace)"""
_SPENT: Final = """SELECT sum(calls), sum(rows), sum(shared_blks_hit + shared_blks_read), sum(shared_blks_read),
    sum(wal_fpi),    pg_current_wal_insert_lsn() - '0/0' FROM pg_stat_statements"""
_STINTS: Final = """SELECT assignment_id, enrollment_id, 'U' || mate / {of_organization} * {of_organization} +
    (mate + 1) % {of_organization} FROM (SELECT assignment_id, enrollment_id, substr(user_id, 2)::int AS mate
    FROM {schema}.assignment WHERE end_date IS NULL AND NOT voided AND start_date < '{today}'
    ORDER BY md5(assignment_id || '{any}') LIMIT {limit}) stint"""
_FETCH: Final = """SELECT sum(pg_prewarm(oid)) FROM pg_class WHERE relnamespace = %s::regnamespace
    AND relname ~ '^(organization|project|user|client|enrollment|assignment)' AND relkind IN ('r', 'i')"""
_SIZES: Final = """SELECT relname, reltuples::bigint, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
    WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND reltuples >= 1000 ORDER BY relname"""


def main() -> int:
    """Fill a schema where it is not there yet, and say what each act and question costs in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dsn", help="a database to fill, as a superuser of a server with pg_stat_statements loaded")
    parser.add_argument("--stays", type=int, nargs="+", default=[10_000, 5_000_000], help="enrollments of each store")
    parser.add_argument("--at-once", type=int, default=4, help="how many processes act at the same time (default: 4)")
    parser.add_argument("--times", type=int, default=300, help="how often each is done (default: 300)")
    parser.add_argument("--cold", action="store_true", help="do not have the server read the records into memory first")
    options = parser.parse_args()
    with psycopg.connect(options.dsn, autocommit=True) as watch:
        watch.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        for stays in options.stays:
            schema = f"scale_{stays}"
            with closing(PostgresStore(options.dsn, schema=schema)) as store:
                if not watch.execute(f"SELECT EXISTS (SELECT FROM {schema}.project)").fetchall()[0][0]:
                    began = time.perf_counter()
                    _fill(watch, schema, stays)
                    print(f"{schema}: filled in {time.perf_counter() - began:.0f} s")
                for name, rows, table, indexes in watch.execute(_SIZES, [schema]).fetchall():
                    each = f"{table / rows:.0f} + {indexes / rows:.0f} bytes a row with its indexes"
                    print(f"  {name}: {rows:,} rows, {table / 2**20:,.0f} + {indexes / 2**20:,.0f} MiB, {each}")
                if not options.cold:
                    watch.execute(_FETCH, [schema])
                _measure(watch, schema, store, options.times)
            _act_at_once(watch, options.dsn, schema, options.at_once, options.times)
    return 0


def _fill(connection: psycopg.Connection[Any], schema: str, stays: int) -> None:
    projects = max(stays // _STAYS_PER_PROJECT, 10)
    organizations = projects // _PROJECTS_PER_ORGANIZATION
    sizes = {"stays": stays, "projects": projects, "organizations": organizations, "clients": round(stays / 1.45)}
    of_organization = {"per_organization": _PROJECTS_PER_ORGANIZATION, "of_organization": _USERS_PER_ORGANIZATION}
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # what is made here refers to what there is
        connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
        indexes = connection.execute(_INDEXES, [schema, schema]).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {schema}.{name}")
        users = organizations * _USERS_PER_ORGANIZATION
        connection.execute(_WORLD.format(schema=schema, users=users, **sizes, **of_organization).encode())
        connection.execute("DROP TABLE stay")
        for _, definition in indexes:
            connection.execute(definition.encode())
    for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall():
        connection.execute(f'VACUUM ANALYZE {schema}."{name}"')
    connection.execute("CHECKPOINT")


def _measure(watch: psycopg.Connection[Any], schema: str, store: PostgresStore, times: int) -> None:
    def ids(table: str) -> list[str]:
        """Return ids of a table, for as many works, in an order that has nothing to do with them."""
        rows = watch.execute(f'SELECT * FROM {schema}."{table}" LIMIT 100000').fetchall()
        return random.Random(2026).choices([row[0] for row in rows], k=times)

    users, clients, projects = (ids(table) for table in ("user", "client", "project"))
    stints = _stints(watch, schema, 2 * times)
    pairs = [(f"U{n}", f"U{n + 1}") for n in range(0, min(times // 3, len({*users}) // 2 * 2), 2)]
    system = Casework(store, user=SYSTEM, clock=lambda: TODAY)
    role = _new_role()
    moved: list[str] = []

    def move(user: str, to: str) -> None:
        outcome = system.reassign(user, to, on=TODAY)
        moved.append(str(outcome.batch_id))

    works: dict[str, Iterable[Callable[[], Any]]] = {
        "active cases": (partial(system.active_cases, user) for user in users),
        "case managers": (partial(system.case_managers, client) for client in clients),
        "unassigned": (partial(system.unassigned, projects=[project]) for project in projects),
        "reassign": (partial(move, *pair) for pair in pairs),
        "undo": (lambda: system.undo(moved.pop()) for _ in pairs),
        "assign": (partial(system.assign, stay, mate, start=TODAY, role=role) for _, stay, mate in stints[:times]),
        "end": (partial(system.end, stint, on=TODAY) for stint, *_ in stints[times:]),
    }
    print(f"  {'':14} {'median':>9} {'p99':>9}  each: statements, rows, pages (fetched); log (whole pages)")
    for name, each in works.items():
        watch.execute("SELECT pg_stat_statements_reset()")
        [(*_, start)] = watch.execute(_SPENT).fetchall()
        took = sorted(map(_seconds, each))
        [(*spent, end)] = watch.execute(_SPENT).fetchall()
        median, slow = statistics.median(took), took[len(took) * 99 // 100]
        calls, rows, pages, fetched, whole = (float(number) / len(took) for number in spent)
        log = float(end - start) / len(took) / 1024
        said = f"{calls:.1f}, {rows:.1f}, {pages:.0f} ({fetched:.1f}); {log:.1f} KiB ({whole:.1f})"
        print(f"  {name:14} {1000 * median:6.1f} ms {1000 * slow:6.1f} ms  {said}", flush=True)


def _stints(watch: psycopg.Connection[Any], schema: str, limit: int) -> list[Row]:
    """Return any active assignments, each with its enrollment and another user of its organization."""
    what = {"of_organization": _USERS_PER_ORGANIZATION, "today": TODAY, "any": time.time_ns(), "limit": limit}
    sql = _STINTS.format(schema=schema, **what)
    return watch.execute(sql.encode()).fetchall()


def _act_at_once(watch: psycopg.Connection[Any], dsn: str, schema: str, processes: int, times: int) -> None:
    stints = _stints(watch, schema, processes * times)
    began = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        every = pool.map(partial(_acts, dsn, schema, _new_role()), [stints[n::processes] for n in range(processes)])
        took = sorted(chain.from_iterable(every))
    rate = len(took) / (time.perf_counter() - began)
    print(f"  {processes} processes assign: {rate:.0f} acts a second, the slowest took {1000 * took[-1]:.0f} ms")


def _acts(dsn: str, schema: str, role: str, stints: Sequence[Row]) -> list[float]:
    with closing(PostgresStore(dsn, schema=schema)) as store:
        system = Casework(store, user=SYSTEM, clock=lambda: TODAY)
        return [_seconds(partial(system.assign, stay, mate, start=TODAY, role=role)) for _, stay, mate in stints]


def _new_role() -> str:
    """Return a role in which nobody holds anything, whatever was measured before."""
    return f"Helper {time.time_ns()}"


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
