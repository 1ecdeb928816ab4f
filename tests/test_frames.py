"""Frames: what a result says as a table of polars, pandas or pyarrow, with the types that its columns have."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any, get_args

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from test_audit_tables import TABLES
from test_html import every_result
from world import World

from caseassign import InvalidRecordError, TablesAudit, audit_tables
from caseassign.frames import COLUMNS
from caseassign.histories import History
from caseassign.history import Plain
from caseassign.results import Engine, Streamed

ENGINES = get_args(Engine)

ARROW: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
    Plain: pa.string(),
}
POLARS: Mapping[Any, Any] = {
    str: pl.String,
    int: pl.Int64,
    bool: pl.Boolean,
    date: pl.Date,
    datetime: pl.Datetime("us", "UTC"),
    Plain: pl.String,
}


def listed(results: Mapping[str, Any]) -> dict[str, Streamed[Any]]:
    """Return the results that are rows."""
    return {name: result for name, result in results.items() if isinstance(result, Streamed)}


NAMES = sorted(listed(every_result(World())))


@pytest.fixture(scope="module")
def results() -> dict[str, Streamed[Any]]:
    """A result of each kind that is rows, some of them without any."""
    return listed(every_result(World()))


def arrow_type(shape: Any) -> pa.DataType:
    """Return the type that a column has in pyarrow."""
    if isinstance(shape, list):
        return pa.list_(arrow_type(shape[0]))
    if isinstance(shape, dict):
        return pa.struct([(name, arrow_type(of_one)) for name, of_one in shape.items()])
    return ARROW[shape]


def polars_type(shape: Any) -> Any:
    """Return the type that a column has in polars."""
    if isinstance(shape, list):
        return pl.List(polars_type(shape[0]))
    if isinstance(shape, dict):
        return pl.Struct({name: polars_type(of_one) for name, of_one in shape.items()})
    return POLARS[shape]


def plain_value(value: Any) -> Any:
    """Return a cell as it stands in plain data."""
    match value:
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case dict():
            return {key: plain_value(each) for key, each in value.items()}
        case list():
            return [plain_value(each) for each in value]
        case _:
            return value


def plain_rows(result: Streamed[Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain data, what is JSON text read again."""
    texts = {name for name, shape in COLUMNS[type(result)].items() if shape is Plain}
    return [
        {name: json.loads(value) if name in texts and value else plain_value(value) for name, value in row.items()}
        for row in rows
    ]


# What is in a frame


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_has_the_rows_and_the_order_of_to_dicts(name: str, results: dict[str, Streamed[Any]]) -> None:
    """API frames: the same columns in the same order, and the same cells, in each engine."""
    result = results[name]
    wanted = json.loads(json.dumps(result.to_dicts()))
    table = result.to_frame("pyarrow")
    assert table.column_names == list(COLUMNS[type(result)])
    assert all(list(row) == table.column_names for row in wanted)
    assert plain_rows(result, table.to_pylist()) == wanted
    assert plain_rows(result, result.to_frame("polars").to_dicts()) == wanted
    assert pa.Table.from_pandas(result.to_frame("pandas"), preserve_index=False).equals(table)


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_its_type_with_rows_and_without(name: str, results: dict[str, Streamed[Any]]) -> None:
    """API frames: days are dates, moments have a zone, numbers are whole; an empty frame has the same types."""
    result = results[name]
    shapes = COLUMNS[type(result)]
    assert result.to_frame("pyarrow").schema == pa.schema([(each, arrow_type(of)) for each, of in shapes.items()])
    assert dict(result.to_frame("polars").schema) == {each: polars_type(of) for each, of in shapes.items()}
    types = result.to_frame("pandas").dtypes.to_dict()
    assert types == {each: pd.ArrowDtype(arrow_type(of)) for each, of in shapes.items()}


def test_there_are_results_without_rows_among_them(results: dict[str, Streamed[Any]]) -> None:
    """API frames: what is said above is said of empty results too."""
    assert {name for name, result in results.items() if not result.to_dicts()} >= {"no_cases", "nothing_coming_up"}
    assert {type(result) for result in results.values()} | {TablesAudit} == set(COLUMNS)


def test_a_day_is_a_date_to_reckon_with() -> None:
    """SPEC 3.1: how long somebody has been responsible is a difference of two columns, in whole days."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12", end="2026-04-01")
    cases = world.kim.active_cases()
    assert cases.to_frame().select((pl.col("end_date") - pl.col("since")).dt.total_days()).item() == 79
    frame = cases.to_frame("pandas")
    assert (frame["end_date"] - frame["since"]).dt.days.tolist() == [79]
    assert frame["start_date"][0] == date(2026, 1, 12)
    assert frame["exit_date"].isna().all()


def test_a_client_record_has_a_row_for_each_case_and_one_where_nobody_holds() -> None:
    """SPEC 7.5: no enrollment is missing in the frame of a client record, whether somebody holds it or not."""
    world = World()
    held, alone = world.family(2, entry="01-10")
    world.kim.assign(held, start="2026-01-12")
    world.lee.assign(held, start="2026-01-12")
    fields = ["enrollment_id", "user_id", "status", "head_of_household", "household_size", "project_id"]
    rows = world.system.client_record("c1").to_frame().select(fields).rows()
    assert rows == [(held.enrollment_id, user, "active", "c1", 2, "es") for user in ("kim", "lee")]
    [row] = world.system.client_record("c2").to_frame().select(fields).rows()
    assert row == (alone.enrollment_id, None, None, "c1", 2, "es")


def test_what_an_act_wrote_is_a_frame() -> None:
    """SPEC 9.2: the rows of an outcome are the lines of history that the act wrote."""
    world = World()
    outcome = world.kim.assign(world.stay("c1"), start="2026-01-12")
    assert outcome.to_dicts() == world.system.history(batch=outcome.batch_id).to_dicts()
    assert outcome.to_frame()["action"].to_list() == ["assignment.start"]


def test_a_moment_is_one_in_utc() -> None:
    """SPEC 3.5: what history recorded when is a moment with a time zone."""
    world = World()
    frame = world.system.history(world.stay("c1")).to_frame()
    assert frame["recorded_at"][0] == datetime(2026, 3, 2, 12, 0, 2, tzinfo=UTC)
    assert json.loads(frame["after"][0])["entry_date"] == "2026-01-10"


def test_a_number_that_is_missing_leaves_the_others_whole() -> None:
    """SPEC 7.13: pandas, too, counts cases in whole numbers where a row has none to count."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12", end="2026-03-20")
    world.system.deactivate("lee", on="2026-03-10")
    frame = world.system.coming_up(30).to_frame("pandas")
    assert frame["kind"].tolist() == ["user-leaves", "assignment-ends"]
    assert frame["cases"][0] == 0
    assert frame["cases"][1] is pd.NA


def test_polars_is_what_comes_if_nothing_is_named(results: dict[str, Streamed[Any]]) -> None:
    """API frames: without an engine it is polars."""
    assert isinstance(results["active_cases"].to_frame(), pl.DataFrame)


def test_what_an_audit_of_tables_finds_is_a_frame() -> None:
    """SPEC 5.3: the violations in the tables of a warehouse go on as a frame; the stream is read once."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        audit = audit_tables(connection, as_of="2026-03-02")
        assert audit.to_frame("polars").to_dicts() == audit.to_dicts()
        connection.executescript("DELETE FROM assignments; DELETE FROM enrollments")
        assert audit.to_frame("pandas").dtypes["required"] == pd.ArrowDtype(pa.bool_())


def test_lines_that_were_put_together_by_hand_are_a_frame() -> None:
    """API frames: an empty history has its columns."""
    assert History(lines=()).to_frame().columns[:3] == ["number", "recorded_at", "user_id"]


# What is refused


def test_an_engine_that_is_not_known_is_refused() -> None:
    """API frames: a slip in the engine is told with those that there are."""
    with pytest.raises(InvalidRecordError, match="is none of 'polars', 'pandas' and 'pyarrow'"):
        World().system.caseloads().to_frame("spark")  # type: ignore[arg-type]  # the slip


@pytest.mark.parametrize(
    ("engine", "missing", "needs"),
    [
        ("polars", "narwhals", "narwhals, polars"),
        ("polars", "polars", "narwhals, polars"),
        ("pandas", "pyarrow", "narwhals, pandas and pyarrow"),
        ("pyarrow", "pyarrow", "narwhals, pyarrow"),
    ],
)
def test_what_is_not_installed_is_named_with_its_extra(
    engine: Engine, missing: str, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """House: whoever lacks the extra is told how to get it."""
    loads = World().system.caseloads()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError) as raised:
        loads.to_frame(engine)
    assert str(raised.value) == f"to_frame needs {needs}: python -m pip install 'caseassign[frames]'"


def test_nobody_pays_for_frames_who_asks_for_none() -> None:
    """House: a question, its plain data and its drawing load no frame library."""
    code = """
import sys
from caseassign import SYSTEM, Casework, MemoryStore
loads = Casework(MemoryStore(), user=SYSTEM).caseloads()
loads.to_dicts(), loads.to_text(), loads._repr_html_()
assert not {"narwhals", "pandas", "polars", "pyarrow", "altair", "caseassign.frames"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
