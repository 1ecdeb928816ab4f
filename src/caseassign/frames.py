"""Data frames of results, for whoever analyses them: polars, pandas, or tables of pyarrow. Needs the extra ``frames``.

A frame has the columns of `to_dicts`, each with its type, whether there are rows or not. Days are dates and moments
have a time zone; what is a list or a record within a row stays one, and what is before and after a change, which has
other fields each time, is JSON text. Frames of pandas have the types of pyarrow, for which a day is a day, and a
number that is missing does not make a fraction of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any, Final, get_args

from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import ReassignmentPlan
from caseassign.audit import Audit
from caseassign.caseloads import Caseloads
from caseassign.cases import Cases
from caseassign.coming_up import ComingUp
from caseassign.errors import InvalidRecordError
from caseassign.histories import History
from caseassign.history import Plain, to_json
from caseassign.out_of_use import OutOfUse
from caseassign.questions import ClientRecord, Users
from caseassign.results import Engine, Streamed, as_plain
from caseassign.tables_audit import TablesAudit

_CASE: Final[Mapping[str, Any]] = {
    "assignment_id": str,
    "enrollment_id": str,
    "personal_id": str,
    "client_name": str,
    "project_id": str,
    "project_name": str,
    "entry_date": date,
    "exit_date": date,
    "household_id": str,
    "household_size": int,
    "head_of_household": str,
    "head_name": str,
    "user_id": str,
    "case_manager_name": str,
    "role": str,
    "start_date": date,
    "end_date": date,
    "since": date,
    "status": str,
}

_CHANGE: Final[Mapping[str, Any]] = {
    "number": int,
    "recorded_at": datetime,
    "user_id": str,
    "action": str,
    "record": {"kind": str, "id": str},
    "before": Plain,
    "after": Plain,
    "reason": str,
    "batch_id": str,
}

COLUMNS: Final[Mapping[type[Streamed[Any]], Mapping[str, Any]]] = {
    Audit: {
        "code": str,
        "required": bool,
        "assignment_id": str,
        "enrollment_id": str,
        "user_id": str,
        "personal_id": str,
        "household_id": str,
        "message": str,
    },
    Caseloads: {
        "user_id": str,
        "case_manager_name": str,
        "cases": int,
        "clients": int,
        "households": int,
        "cover": int,
        "left_on": date,
    },
    Cases: _CASE,
    ComingUp: {
        "kind": str,
        "day": date,
        "user_id": str,
        "case_manager_name": str,
        "cases": int,
        "covers_for": [str],
        "assignment_id": str,
        "enrollment_id": str,
        "personal_id": str,
        "client_name": str,
        "project_id": str,
        "project_name": str,
        "role": str,
        "start_date": date,
        "end_date": date,
    },
    ClientRecord: _CASE,
    History: _CHANGE,
    OutOfUse: {"personal_id": str, "first_name": str, "last_name": str},
    Outcome: _CHANGE,
    ReassignmentPlan: {
        "outcome": str,
        "to": str,
        "on": date,
        "days": [{"start_date": date, "end_date": date}],
        "reason": str,
        "violations": [{"code": str, "ids": [str], "message": str}],
        **_CASE,
    },
    TablesAudit: {
        "code": str,
        "required": bool,
        "assignment_id": str,
        "other_assignment_id": str,
        "enrollment_id": str,
        "personal_id": str,
        "project_id": str,
        "household_id": str,
        "user_id": str,
    },
    Users: {
        "user_id": str,
        "first_name": str,
        "last_name": str,
        "organization_ids": [str],
        "permissions": [str],
        "is_case_manager": bool,
        "left_on": date,
    },
}
"""What `to_dicts` of each result has in it. A list of one shape is a list of such, a mapping a record of such."""


def frame(of: Streamed[Any], engine: Engine) -> Any:
    """Return the rows of a result as a frame of an engine."""
    if engine not in get_args(Engine):
        raise InvalidRecordError("Frame", "engine", "is none of 'polars', 'pandas' and 'pyarrow'")
    builder = "polars" if engine == "polars" else "pyarrow"
    try:
        narwhals, library, _ = map(import_module, ("narwhals", engine, builder))
    except ImportError as error:
        needs = f"narwhals, {engine}" + ("" if engine == builder else f" and {builder}")
        raise ImportError(f"to_frame needs {needs}: python -m pip install 'caseassign[frames]'") from error
    columns = COLUMNS[type(of)]
    rows = [as_plain(row) for row in of]
    values = {name: [_read(shape, row[name]) for row in rows] for name, shape in columns.items()}
    schema = {name: _type(narwhals, shape) for name, shape in columns.items()}
    made = narwhals.from_dict(values, schema, backend=builder).to_native()
    return made.to_pandas(types_mapper=library.ArrowDtype) if engine == "pandas" else made


_READ: Final[Mapping[Any, Callable[[Any], object]]] = {
    date: date.fromisoformat,
    datetime: lambda moment: datetime.fromisoformat(moment).astimezone(UTC),
    Plain: to_json,
}
"""What is made of plain data that stands for something else."""


def _read(shape: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(shape, list):
        return [_read(shape[0], each) for each in value]
    if isinstance(shape, dict):
        return {name: _read(of_one, value[name]) for name, of_one in shape.items()}
    return _READ[shape](value) if shape in _READ else value


def _type(narwhals: Any, shape: Any) -> Any:
    """Return the type of a column."""
    if isinstance(shape, list):
        return narwhals.List(_type(narwhals, shape[0]))
    if isinstance(shape, dict):
        return narwhals.Struct({name: _type(narwhals, of_one) for name, of_one in shape.items()})
    if shape is datetime:
        return narwhals.Datetime("us", "UTC")
    return {int: narwhals.Int64, bool: narwhals.Boolean, date: narwhals.Date}.get(shape, narwhals.String)
