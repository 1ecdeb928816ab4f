"""What an export says of a record, as text: compared with what the last import said, so that only news counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from caseassign.history import from_plain, to_json, to_plain
from caseassign.model import Client, Enrollment, Organization, Project, Record, User
from caseassign.personal import FIELDS

SAID: Final[Mapping[type[Record], tuple[str, ...]]] = {
    Organization: ("organization_name",),
    Project: ("organization_id", "project_name", "project_type", "operating_start_date", "operating_end_date"),
    User: ("first_name", "last_name"),
    Client: ("first_name", "last_name"),
    Enrollment: (
        "personal_id",
        "project_id",
        "household_id",
        "relationship_to_hoh",
        "entry_date",
        "exit_date",
        "deleted",
    ),
}
"""What an export says of each kind of record; the rest belongs to those who work here."""


def say(record: Record) -> str:
    """Return what an export says of a record."""
    plain = to_plain(record)
    return to_json([plain[field] for field in SAID[type(record)]])


def heard(kind: type[Record], said: str) -> dict[str, Any]:
    """Return what was said, by field, as plain data."""
    return dict(zip(SAID[kind], json.loads(said), strict=True))


def said_otherwise(kind: type[Record], said: str, **fields: Any) -> str:
    """Return what was said, with some of its fields otherwise."""
    return to_json([*(heard(kind, said) | fields).values()])


def unnamed(kind: type[Record], said: str) -> str:
    """Return what was said, without what is personal of it."""
    return said_otherwise(kind, said, **dict.fromkeys(FIELDS.get(kind.KIND, ())))


def merged(there: Record, says: str, said: str | None = None) -> Any:
    """Return the record with those fields changed of which the export says something else than last time.

    Without ``said`` everything that the export says is taken.
    """
    now, then = heard(type(there), says), {} if said is None else heard(type(there), said)
    news = {field: value for field, value in now.items() if field not in then or then[field] != value}
    return from_plain(there.KIND, to_plain(there) | news, there.batch_id)
