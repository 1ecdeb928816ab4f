"""polars: data frames of all rows in memory, read from SQLite's file, or from the files of an export."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl

from benchmarks.clockwork import streaming
from benchmarks.errands import Task


class Frames(NamedTuple):
    """What rules look at: stints with their enrollments and users, stays with their stints, households."""

    stints: pl.DataFrame
    stays: pl.DataFrame
    households: pl.DataFrame
    pairs: pl.DataFrame
    holes: pl.DataFrame


def audit(task: Task) -> dict[str, Any]:
    """Walk through every violation."""
    today = date.fromisoformat(task.asked()["today"])

    def reading() -> Iterator[tuple[str, ...]]:
        yield from found(frames(task.file, today.isoformat(), (today + timedelta(days=1)).isoformat()))

    return streaming(task, reading())


def _read(db: sqlite3.Connection, names: str, source: str, numbers: Sequence[str]) -> pl.DataFrame:
    """Read some columns, which is faster by way of Python's own driver than by that of ADBC."""
    rows = db.execute(f"SELECT {names} FROM {source}").fetchall()  # noqa: S608  # names of this module
    schema = {
        name.split(" ")[-1]: pl.Int64 if name.split(" ")[-1] in numbers else pl.String for name in names.split(", ")
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def frames(file: str, day: str, tomorrow: str) -> Frames:
    """Read and join all that rules look at."""
    with closing(sqlite3.connect(file)) as db:
        stays = _read(
            db,
            "enrollment_id, project_id, household_id, relationship_to_hoh, entry_date, exit_date, deleted",
            "enrollment",
            numbers=["relationship_to_hoh", "deleted"],
        )
        stints = _read(
            db,
            "assignment_id, enrollment_id, user_id, start_date, end_date, role, kept_after_exit AS kept",
            "assignment WHERE NOT voided",
            numbers=["kept"],
        )
        users = _read(db, "user_id, sees_all, left_on", '"user"', numbers=["sees_all"])
        access = _read(db, "user_id, project_id, 1 AS sees", "access JOIN project USING (organization_id)", ["sees"])
    users = users.with_columns(pl.col("left_on").fill_null("~"))
    stays = stays.with_columns(
        present=(pl.col("deleted") == 0)
        & (pl.col("entry_date") <= day)
        & (pl.col("exit_date").is_null() | (pl.col("exit_date") > day)),
        deleted=pl.col("deleted") == 1,
    )
    stints = (
        stints.join(stays, on="enrollment_id")
        .join(users, on="user_id")
        .join(access, on=["user_id", "project_id"], how="left")
        .with_columns(
            kept=pl.col("kept") == 1,
            until=pl.col("end_date").fill_null("~"),
            active=(pl.col("start_date") <= day) & (pl.col("end_date").is_null() | (pl.col("end_date") > day)),
            lasting=pl.col("end_date").is_null() | (pl.col("end_date") > day),
            departed=pl.col("left_on") <= day,
            sees=pl.col("sees").is_not_null() | (pl.col("sees_all") == 1),
        )
    )
    own = ["enrollment_id", "user_id", "role"]
    several = stints.filter(pl.len().over(own) > 1)
    pairs = several.join(several, on=own, suffix="_2").filter(pl.col("assignment_id") < pl.col("assignment_id_2"))
    held = stints.group_by("enrollment_id").agg(
        held=pl.col("active").any(),
        held_by_own=(pl.col("active") & (pl.col("role") != "Cover")).any(),
        holders=pl.col("user_id").filter(pl.col("active") & (pl.col("role") != "Cover")).unique().sort(),
    )
    stays = stays.join(held, on="enrollment_id", how="left").with_columns(
        pl.col("held", "held_by_own").fill_null(value=False), pl.col("holders").list.join(" ").fill_null("")
    )
    living = stays.filter(~pl.col("deleted")).with_columns(
        household=pl.coalesce(pl.col("household_id"), pl.col("enrollment_id"))
    )
    households = living.group_by("project_id", "household").agg(
        heads=(pl.col("relationship_to_hoh") == 1).fill_null(value=False).sum(),
        kinds=pl.col("holders").filter(pl.col("present") & pl.col("household_id").is_not_null()).n_unique(),
        ids=pl.col("enrollment_id"),
        head_ids=pl.col("enrollment_id").filter(pl.col("relationship_to_hoh") == 1),
        present_ids=pl.col("enrollment_id").filter("present"),
    )
    return Frames(stints, stays, households, pairs, _holes(stints.filter(~pl.col("deleted")), tomorrow))


def _holes(stints: pl.DataFrame, tomorrow: str) -> pl.DataFrame:
    """Return between which days nobody holds an enrollment: before each stint, and after the last."""
    first = pl.max_horizontal(pl.col("entry_date"), pl.col("start_date").min().over("enrollment_id"))
    stints = stints.with_columns(
        first=first, bound=pl.min_horizontal(pl.col("exit_date").fill_null("~"), pl.lit(tomorrow))
    )
    some = stints.filter(pl.col("until") > pl.col("start_date")).sort("enrollment_id", "start_date", "assignment_id")
    # The greatest end so far, as text: by its place among all ends, for frames have no running maximum of texts.
    ends = some.select(until=pl.col("until").unique().sort()).with_row_index("place")
    before = (
        some.join(ends, on="until", how="left", maintain_order="left")
        .with_columns(place=pl.col("place").cum_max().shift(1).over("enrollment_id"))
        .select("enrollment_id", "first", "bound", "place", end="start_date")
        .join(ends.rename({"until": "begin"}), on="place", how="left")
        .select("enrollment_id", "first", "bound", "begin", "end")
    )
    after = stints.group_by("enrollment_id").agg(
        pl.col("first").first(),
        pl.col("bound").first(),
        begin=pl.col("until").filter(pl.col("until") > pl.col("start_date")).max(),
        end=pl.lit("~~"),
    )
    return pl.concat([before, after.select(before.columns)]).with_columns(
        begin=pl.max_horizontal(pl.col("begin").fill_null(""), pl.col("first")),
        end=pl.min_horizontal(pl.col("end"), pl.col("bound")),
    )


_EXITED = pl.col("exit_date").is_not_null()
_HELD = pl.col("active") & ~pl.col("deleted")
_START = pl.max_horizontal("start_date", "start_date_2")

OF_STINTS = {
    "starts-before-entry": pl.col("start_date") < pl.col("entry_date"),
    "starts-after-exit": _EXITED & ~pl.col("kept") & (pl.col("start_date") > pl.col("exit_date")),
    "ends-after-exit": _EXITED & ~pl.col("kept") & (pl.col("end_date") > pl.col("exit_date")),
    "open-after-exit": _EXITED & ~pl.col("kept") & pl.col("end_date").is_null(),
    "enrollment-deleted": pl.col("deleted"),
    "held-by-departed": _HELD & pl.col("departed"),
    "held-without-access": _HELD & ~pl.col("sees"),
    "kept-after-exit": ~pl.col("deleted") & _EXITED & pl.col("kept") & pl.col("lasting"),
}
OF_STAYS = {
    "exits-before-entry": pl.col("exit_date") < pl.col("entry_date"),
    "unassigned": pl.col("present") & ~pl.col("held"),
    "only-cover": pl.col("present") & pl.col("held") & ~pl.col("held_by_own"),
}
OF_PAIRS = {"overlaps-own": pl.min_horizontal("until", "until_2") > _START}
OF_HOLES = {"gap": pl.col("begin") < pl.col("end")}
OF_HOUSEHOLDS = {
    "no-head": pl.col("heads") == 0,
    "several-heads": pl.col("heads") > 1,
    "household-differs": pl.col("kinds") > 1,
}
"""What is wrong with a row of each frame."""

IDS = {"no-head": "ids", "several-heads": "head_ids", "household-differs": "present_ids"}
"""Where the ids stand that a violation of a household names."""


def found(all_: Frames) -> Iterator[tuple[str, ...]]:
    """Yield code and ids of every violation."""
    for code, wrong in OF_STINTS.items():
        yield from ((code, key) for key in all_.stints.filter(wrong)["assignment_id"])
    for code, wrong in OF_STAYS.items():
        yield from ((code, key) for key in all_.stays.filter(wrong)["enrollment_id"])
    for code, wrong in OF_PAIRS.items():
        pairs = all_.pairs.filter(wrong).select("assignment_id", "assignment_id_2")
        yield from ((code, *ids) for ids in pairs.iter_rows())
    for code, wrong in OF_HOLES.items():
        yield from ((code, key) for key in all_.holes.filter(wrong)["enrollment_id"])
    for code, wrong in OF_HOUSEHOLDS.items():
        yield from ((code, *sorted(ids)) for ids in all_.households.filter(wrong)[IDS[code]])
