"""pandera: a schema for each of the frames of the polars peer, which collects whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from benchmarks.clockwork import streaming
from benchmarks.errands import Task
from benchmarks.peers.polars_frames import (
    IDS,
    OF_HOLES,
    OF_HOUSEHOLDS,
    OF_PAIRS,
    OF_STAYS,
    OF_STINTS,
    frames,
)


def audit(task: Task) -> dict[str, Any]:
    """Walk through every violation."""
    today = date.fromisoformat(task.asked()["today"])

    def found() -> Iterator[tuple[str, ...]]:
        all_ = frames(task.file, today.isoformat(), (today + timedelta(days=1)).isoformat())
        for code, row in _wrong(all_.stints, OF_STINTS):
            yield code, row["assignment_id"]
        for code, row in _wrong(all_.stays, OF_STAYS):
            yield code, row["enrollment_id"]
        for code, row in _wrong(all_.pairs, OF_PAIRS):
            yield code, row["assignment_id"], row["assignment_id_2"]
        for code, row in _wrong(all_.holes, OF_HOLES):
            yield code, row["enrollment_id"]
        for code, row in _wrong(all_.households, OF_HOUSEHOLDS):
            yield code, *sorted(row[IDS[code]])

    return streaming(task, found())


def _wrong(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows that do not fit a schema, each with the name of the check."""

    def right(wrong: pl.Expr) -> Any:
        return lambda data: data.lazyframe.select(~wrong.fill_null(value=False))

    schema = pa.DataFrameSchema(checks=[pa.Check(right(wrong), name=code) for code, wrong in rules.items()])
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        for code, place in cases.select("check", "index").unique().iter_rows():
            yield code, frame.row(place, named=True)
