"""polars: an export in data frames, checked column by column, and written into the tables of the hand-written peer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import polars as pl

from benchmarks.errands import Task, peak
from benchmarks.peers.by_hand.files import INDEXES, TABLES, connect
from benchmarks.peers.by_hand.importing import INSERT, SAID
from benchmarks.reading import PROJECT_TYPES, RELATIONSHIPS, WIDTHS, answer_of

_COLUMNS: Final = {
    "Organization": ("OrganizationID", "OrganizationName"),
    "User": ("UserID", "UserFirstName", "UserLastName"),
    "Client": ("PersonalID", "FirstName", "LastName"),
    "Project": (
        "ProjectID",
        "OrganizationID",
        "ProjectName",
        "ProjectType",
        "OperatingStartDate",
        "OperatingEndDate",
    ),
    "Exit": ("EnrollmentID", "PersonalID", "ExitDate", "DateDeleted"),
    "Enrollment": (
        "EnrollmentID",
        "PersonalID",
        "ProjectID",
        "HouseholdID",
        "RelationshipToHoH",
        "EntryDate",
        "DateDeleted",
        "UserID",
        "DateUpdated",
    ),
}

Issue = tuple[str, int, str | None, str, str | None]


def import_(task: Task) -> dict[str, Any]:
    """Read an export into an empty file."""
    with closing(connect(task.file)) as db:
        db.execute("PRAGMA cache_size = -400000")
        db.execute("PRAGMA foreign_keys = OFF")
        db.executescript(TABLES)
        begin = perf_counter()
        db.execute("BEGIN")
        issues = _Importing(db, Path(task.export)).carry_out()
        db.executemany("INSERT INTO issue VALUES (?, ?, ?, ?, ?)", issues)
        for statement in INDEXES.split(";"):
            db.execute(statement)
        db.execute("COMMIT")
        result: dict[str, Any] = {"seconds": {"import": perf_counter() - begin}, "answer": "", "peak": peak()}
        if task.check:
            rows = {kind: db.execute(f"SELECT {columns}") for kind, columns in SAID.items()}
            result["answer"] = answer_of(issues, rows)
    return result


class _Importing:
    """One import on its way, and what is wrong."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._issues: list[Issue] = []

    def carry_out(self) -> list[Issue]:
        """Read, check and write file after file; return what is wrong."""
        ids = {}
        for name in ("Organization", "User", "Client"):
            frame = self._read(name)
            self._insert(name.lower(), frame.select(_COLUMNS[name]))
            ids[name] = frame.select(frame.columns[1])
        projects = self._read("Project").with_columns(
            pl.col("ProjectType").replace_strict(PROJECT_TYPES, default=None, return_dtype=pl.Int64)
        )
        self._insert("project", projects.select(_COLUMNS["Project"]))
        ids["Project"] = projects.select("ProjectID")
        self._enrollments(ids)
        return self._issues

    def _enrollments(self, ids: dict[str, pl.DataFrame]) -> None:
        exits = _with_day(self._read("Exit").filter(pl.col("DateDeleted").is_null()), "ExitDate").select(
            "EnrollmentID", "ExitDate", exit_line="line", exit_client="PersonalID"
        )
        stays = _with_day(self._read("Enrollment"), "EntryDate")
        is_older = pl.col("DateUpdated") < pl.col("DateUpdated").max().over("EnrollmentID")
        self._find("Enrollment.csv", stays.filter(is_older), "EnrollmentID", "duplicate-id")
        stays = stays.filter(~is_older).join(exits, on="EnrollmentID", how="left")
        orphans = exits.join(stays, on="EnrollmentID", how="anti").rename({"exit_line": "line"})
        self._find("Exit.csv", orphans, "EnrollmentID", "orphan-exit")
        undated = stays["EntryDate"].is_null()
        self._find("Enrollment.csv", stays.filter(undated), "EntryDate", "bad-date")
        stays = stays.filter(~undated)
        is_early = (pl.col("ExitDate") < pl.col("EntryDate")).fill_null(value=False)
        early = stays.filter(is_early).with_columns(line="exit_line")
        self._find("Exit.csv", early, "ExitDate", "exit-before-entry")
        stays = stays.filter(~is_early)
        other = stays.filter(pl.col("exit_client") != pl.col("PersonalID")).with_columns(line="exit_line")
        self._find("Exit.csv", other, "PersonalID", "other-client")
        self._find("Enrollment.csv", stays.filter(~pl.col("standard")).head(1), "EntryDate", "date-format")
        self._find("Enrollment.csv", stays.filter(pl.col("HouseholdID").is_null()), "HouseholdID", "missing-value")
        codes = pl.col("RelationshipToHoH").replace_strict(RELATIONSHIPS, default=None, return_dtype=pl.Int64)
        stays = stays.with_columns(code=codes)
        misread = stays.filter(pl.col("code").is_null() & pl.col("RelationshipToHoH").is_not_null())
        self._find("Enrollment.csv", misread, "RelationshipToHoH", "bad-value")
        for name, column in (("Client", "PersonalID"), ("Project", "ProjectID"), ("User", "UserID")):
            self._refer(stays, ids[name], name.lower(), column)
        self._insert(
            "enrollment",
            stays.select(
                "EnrollmentID",
                "PersonalID",
                "ProjectID",
                "HouseholdID",
                "code",
                "EntryDate",
                "ExitDate",
                deleted=pl.col("DateDeleted").is_not_null().cast(pl.Int64),
            ),
        )

    def _refer(self, stays: pl.DataFrame, known: pl.DataFrame, kind: str, column: str) -> None:
        unknown = stays.filter(pl.col(column).is_not_null()).join(known, on=column, how="anti")
        for key, line in unknown.group_by(column).agg(pl.col("line").min()).iter_rows():
            self._issues.append(("Enrollment.csv", line, column, f"unknown-{kind}", key))
            self._db.execute(INSERT[kind], (key, *[None] * WIDTHS[kind]))

    def _find(self, file: str, rows: pl.DataFrame, column: str, code: str) -> None:
        found = rows.select("line", "EnrollmentID").iter_rows()
        self._issues += ((file, line, column, code, key) for line, key in found)

    def _read(self, name: str) -> pl.DataFrame:
        """Read a file whose rows have a line each."""
        frame = pl.read_csv(
            self._folder / f"{name}.csv",
            columns=list(_COLUMNS[name]),
            infer_schema=False,
        )
        frame = frame.with_columns(pl.all().str.strip_chars().replace("", None))
        return frame.with_row_index("line", offset=2)

    def _insert(self, kind: str, rows: pl.DataFrame) -> None:
        self._db.executemany(INSERT[kind], rows.with_columns(said=pl.lit(None)).iter_rows())


def _with_day(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Read a column of days, and say of each whether it was written as it should be."""
    text = pl.col(column)
    standard = text.str.head(10).str.to_date("%Y-%m-%d", strict=False)
    return rows.with_columns(
        pl.coalesce(standard, text.str.to_date("%m/%d/%Y", strict=False)).dt.to_string("%Y-%m-%d").alias(column),
        standard=standard.is_not_null(),
    )
