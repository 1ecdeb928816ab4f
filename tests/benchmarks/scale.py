"""Audits as many stays and assignments as the United States have in a decade, on one machine: ``--help`` says how."""

# ruff: noqa: S608  # the SQL is made of this module's own numbers

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from caseassign import Tables, audit_tables

AS_OF: Final = "2026-03-02"
_STAYS_PER_CLIENT: Final = 1.45
_STAYS_PER_PROJECT: Final = 1_000
_STAYS_PER_USER: Final = 500
_PROJECTS_PER_ORGANIZATION: Final = 5

_WORLD: Final = """
CREATE TEMP TABLE household AS SELECT number, least(1 + number % 7, 3) AS members,
    'P' || lpad((hash(number) % {projects})::VARCHAR, 6, '0') AS project_id,
    (hash(number) % {projects} // {per_organization}) AS organization,
    DATE '2016-03-02' + (hash(number, 1) % 3640)::INTEGER AS entry_date, hash(number, 2) % 100 AS luck
    FROM range({households}) numbers(number);
CREATE TEMP TABLE stay AS SELECT md5(number || '.' || member) AS enrollment_id, household.*, member,
    hash(number, member, 3) % 100 < 1 AS dirty, hash(number, member, 4) AS chance,
    CASE WHEN luck < 15 THEN NULL
    ELSE least(entry_date + (hash(number, 5) % 700)::INTEGER, DATE '2026-03-01') END AS exit_date
    FROM household, range(3) places(member) WHERE member < members;
COPY (SELECT enrollment_id, 'C' || (chance % {clients}) AS personal_id, project_id,
    CASE WHEN members > 1 THEN 'H' || number END AS household_id,
    CASE WHEN member = 0 AND NOT (dirty AND chance % 5 = 0) THEN 1 ELSE 2 END AS relationship_to_hoh,
    entry_date, exit_date, dirty AND chance % 20 = 0 AS deleted FROM stay) TO '{folder}/enrollments' {as_parquet};
COPY (SELECT md5(enrollment_id || part) AS assignment_id, enrollment_id,
    'U' || (organization + {organizations} * (hash(number, part) % {of_organization})) AS user_id,
    CASE WHEN part = 1 THEN middle WHEN dirty AND chance % 3 = 0 THEN entry_date - 3 ELSE entry_date END AS start_date,
    CASE WHEN part = 0 AND parts = 2 THEN middle WHEN dirty AND chance % 3 = 1 THEN exit_date + 3 ELSE exit_date END
    AS end_date, 'Case Manager' AS role, FALSE AS kept_after_exit, FALSE AS voided
    FROM (SELECT *, CASE WHEN luck % 10 < 3 THEN 2 ELSE 1 END AS parts,
    entry_date + (date_diff('day', entry_date, coalesce(exit_date, DATE '{as_of}')) // 2)::INTEGER AS middle FROM stay)
    held, range(2) stints(part) WHERE part < parts AND NOT (exit_date IS NULL AND dirty AND chance % 3 = 2)
    ) TO '{folder}/assignments' {as_parquet};
COPY (SELECT 'P' || lpad(number::VARCHAR, 6, '0') AS project_id,
    'O' || (number // {per_organization}) AS organization_id, (number % 14)::INTEGER AS project_type
    FROM range({projects}) numbers(number)) TO '{folder}/projects' {as_parquet};
COPY (SELECT 'U' || number AS user_id, CASE WHEN number % 50 = 0 THEN DATE '2026-01-01' END AS left_on
    FROM range({users}) numbers(number)) TO '{folder}/users' {as_parquet};
COPY (SELECT 'U' || number AS user_id, 'O' || ((number + place) % {organizations}) AS organization_id
    FROM range({users}) numbers(number), range(3) places(place)) TO '{folder}/user_organizations' {as_parquet};
COPY (SELECT 'U' || number AS user_id, 'all-organizations' AS permission FROM range({users}) numbers(number)
    WHERE number % 200 = 0) TO '{folder}/user_permissions' {as_parquet};
"""


def main() -> int:
    """Make the tables where they are not there yet, audit them, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="duckdb", help="what the audit runs on (default: duckdb)")
    parser.add_argument("--stays", type=int, default=20_000_000, help="how many enrollments (default: 20,000,000)")
    parser.add_argument("--folder", type=Path, required=True, help="where the tables are kept: 4 GB for 20,000,000")
    parser.add_argument("--memory", default="8GB", help="what the engine may use (default: 8GB)")
    options = parser.parse_args()
    tables = options.folder / str(options.stays)
    if not (tables / "done").exists():
        _make(tables, options.stays)
    with ENGINES[options.engine](tables, options.memory) as (engine, names, count):
        stays, stints = count(names.enrollments), count(names.assignments)
        audit = audit_tables(engine, names, as_of=AS_OF)
        worked, began = _worked(), time.perf_counter()
        counts = audit.counts()
        seconds, worked = time.perf_counter() - began, _worked() - worked
        most = _most_memory()
    print(f"{options.engine}: {stays:,} enrollments, {stints:,} assignments, {sum(counts.values()):,} violations")
    print(f"{seconds:.1f} s, {1e6 * seconds / stints:.2f} s for a million assignments")
    print(f"{worked:.1f} s of processor time; {most:.1f} GiB of memory; load {os.getloadavg()[0]:.1f} at the end")
    for code, number in counts.items():
        print(f"  {code} {number:,}")
    return 0


def _processes() -> Iterable[Path]:
    """Return where Linux tells about this process and its children, for Spark runs in a process of its own."""
    own = os.getpid()
    children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
    return [Path("/proc", each) for each in (str(own), *children)]


def _most_memory() -> float:
    """Return the most memory that these processes have had, in GiB."""
    had = [re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text()) for process in _processes()]
    return sum(int(each[1]) for each in had if each) / 2**20


def _worked() -> float:
    """Return the seconds for which these processes have had a processor."""
    figures = [(process / "stat").read_text().rpartition(")")[2].split() for process in _processes()]
    return sum(int(each[11]) + int(each[12]) for each in figures) / os.sysconf("SC_CLK_TCK")


def _make(folder: Path, stays: int) -> None:
    import duckdb  # noqa: PLC0415  # of the extra bench

    for table in TABLES:
        (folder / table).mkdir(parents=True, exist_ok=True)
    projects = max(stays // _STAYS_PER_PROJECT, 10)
    organizations = projects // _PROJECTS_PER_ORGANIZATION
    users = max(stays // _STAYS_PER_USER // organizations, 5) * organizations
    statements = _WORLD.format(
        households=round(stays / (18 / 7)),
        projects=projects,
        per_organization=_PROJECTS_PER_ORGANIZATION,
        organizations=organizations,
        users=users,
        of_organization=users // organizations,
        clients=round(stays / _STAYS_PER_CLIENT),
        folder=folder,
        as_of=AS_OF,
        as_parquet="(FORMAT parquet, PER_THREAD_OUTPUT, OVERWRITE_OR_IGNORE)",
    )
    with duckdb.connect() as connection:
        connection.execute(statements)
    (folder / "done").touch()


@contextmanager
def _on_duckdb(folder: Path, memory: str) -> Iterator[tuple[Any, Tables, Callable[[str], int]]]:
    import duckdb  # noqa: PLC0415  # of the extra bench

    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute(f"SET temp_directory = '{folder / 'spilled'}'")
        connection.execute("SET preserve_insertion_order = false")
        names = Tables(**{table: f"read_parquet('{folder / table}/*.parquet')" for table in TABLES})  # type: ignore[arg-type]  # names of tables are texts
        yield connection, names, lambda name: connection.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0]


@contextmanager
def _on_spark(folder: Path, memory: str) -> Iterator[tuple[Any, Tables, Callable[[str], int]]]:
    from pyspark.sql import SparkSession  # noqa: PLC0415  # of the extra spark

    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", memory.lower().removesuffix("b"))
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.local.dir", str(folder / "spilled"))
        .config("spark.sql.shuffle.partitions", "64")
        # The keys are long texts, which are dear to sort and cheap to hash.
        .config("spark.sql.join.preferSortMergeJoin", "false")
        .config("spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold", "256m")
        # What lies by enrollment_id need not be moved for a join on that and more.
        .config("spark.sql.requireAllClusterKeysForCoPartition", "false")
        .getOrCreate()
    )
    for table in TABLES:
        spark.read.parquet(str(folder / table)).createOrReplaceTempView(table)
    yield spark, Tables(), lambda name: spark.table(name).count()
    spark.stop()


TABLES: Final = ("enrollments", "assignments", "projects", "users", "user_organizations", "user_permissions")
ENGINES: Final = {"duckdb": _on_duckdb, "spark": _on_spark}

if __name__ == "__main__":
    raise SystemExit(main())
