"""Records and histories for the tests of stores: a few by hand, and any that can be thought of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import attrs
from hypothesis import strategies as st

from caseassign.history import Change, Head, RecordKey
from caseassign.model import (
    CaseAssignment,
    Client,
    Enrollment,
    Organization,
    Project,
    ProjectType,
    Record,
    RelationshipToHoH,
    User,
)
from caseassign.storage import Store, Transaction

CLIENTS = tuple(Client(personal_id=key, first_name="Ada", batch_id="b0") for key in ("c1", "c2"))
USERS = tuple(User(user_id=key) for key in ("kim", "lee"))
PROJECTS = tuple(Project(project_id=key) for key in ("es", "th"))


class UndoError(Exception):
    """What a test raises to leave a block without keeping anything."""


def enrollment(key: str, **values: Any) -> Enrollment:
    """Return an enrollment of the first client in the first project, unless it is said otherwise."""
    usual: dict[str, Any] = {"personal_id": "c1", "project_id": "es", "entry_date": date(2026, 1, 10)}
    return Enrollment(enrollment_id=key, **(usual | values))


def stint(key: str, **values: Any) -> CaseAssignment:
    """Return an assignment of the first user to the enrollment ``e1``, unless it is said otherwise."""
    usual: dict[str, Any] = {"enrollment_id": "e1", "user_id": "kim", "start_date": date(2026, 1, 10)}
    return CaseAssignment(assignment_id=key, **(usual | values))


def lines_after(head: Head, *drafts: dict[str, Any]) -> list[Change]:
    """Return sealed lines that continue a history, one for each draft."""
    lines: list[Change] = []
    for draft in drafts:
        usual: dict[str, Any] = {
            "number": head.number + 1,
            "change_id": f"change-{head.number + 1}",
            "recorded_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
            "user_id": "kim",
            "action": "assignment.start",
            "record": RecordKey("assignment", "a1"),
            "before": None,
            "after": {"role": "Cover"},
            "reason": None,
            "batch_id": "b1",
        }
        lines.append(Change(**(usual | draft)).sealed(head))
        head = lines[-1].head
    return lines


def fill(store: Store) -> None:
    """Put in the clients, users and projects that the examples refer to."""
    with store.transaction(write=True) as tx:
        tx.clients.add(CLIENTS)
        tx.users.add(USERS)
        tx.projects.add(PROJECTS)


@contextmanager
def undone(store: Store) -> Iterator[Transaction]:
    """Open a transaction of which nothing is kept."""
    with suppress(UndoError), store.transaction(write=True) as tx:
        yield tx
        raise UndoError


def of_kind(tx: Transaction, record: Record) -> Any:
    """Return where the records of this one's kind are."""
    return getattr(tx, f"{record.KIND}s")


def exactly(record: Any) -> tuple[Any, ...]:
    """Return all that a record is made of, with the types: what ``==`` leaves out is in it."""
    values = attrs.astuple(record, recurse=False)
    return type(record), values, tuple(type(value) for value in values)


_NASTY = (
    "O'Brien",
    '"',
    "\\",
    "😀👩‍👩‍👧",
    "e\u0301",
    "é",
    "\x01\x1b\x7f",
    " ",
    "%_",
    "null",
    "1e3",
    "007",
    "\ufeff",
    "x" * 5_000,
)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(_NASTY)
ids = texts.filter(bool)
days = st.dates()
some_day = st.none() | days
some_text = st.none() | texts
moments = st.datetimes(
    timezones=st.sampled_from(
        [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=3, minutes=30))]
    )
)
plains = st.none() | st.dictionaries(
    texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=3), max_size=4
)


def _unique(records: st.SearchStrategy[Any], at_least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(records, min_size=at_least, max_size=4, unique_by=lambda record: record.key)


@st.composite
def agencies(draw: st.DrawFn) -> list[Record]:
    """Records of every kind, whatever is allowed in them, each after those that it refers to."""
    batch = some_text
    organizations = draw(
        _unique(st.builds(Organization, organization_id=ids, organization_name=some_text, batch_id=batch))
    )
    organization_ids = st.none() | st.sampled_from([o.key for o in organizations]) if organizations else st.none()
    projects = draw(
        _unique(
            st.builds(
                Project,
                project_id=ids,
                organization_id=organization_ids,
                project_name=some_text,
                project_type=st.none() | st.sampled_from(ProjectType),
                operating_start_date=some_day,
                operating_end_date=some_day,
                batch_id=batch,
            ),
            at_least=1,
        )
    )
    users = draw(
        _unique(
            st.builds(
                User,
                user_id=ids,
                first_name=some_text,
                last_name=some_text,
                organization_ids=st.frozensets(ids, max_size=3),
                permissions=st.frozensets(ids, max_size=3),
                is_case_manager=st.booleans(),
                left_on=some_day,
                batch_id=batch,
            ),
            at_least=1,
        )
    )
    clients = draw(
        _unique(
            st.builds(Client, personal_id=ids, first_name=some_text, last_name=some_text, batch_id=batch), at_least=1
        )
    )
    enrollments = draw(
        _unique(
            st.builds(
                Enrollment,
                enrollment_id=ids,
                personal_id=st.sampled_from([client.key for client in clients]),
                project_id=st.sampled_from([project.key for project in projects]),
                household_id=st.none() | texts.filter(bool),
                relationship_to_hoh=st.none() | st.sampled_from(RelationshipToHoH),
                entry_date=days,
                exit_date=some_day,
                deleted=st.booleans(),
                batch_id=batch,
            ),
            at_least=1,
        )
    )
    start, end = sorted(draw(st.tuples(days, days)))
    assignments = draw(
        _unique(
            st.builds(
                CaseAssignment,
                assignment_id=ids,
                enrollment_id=st.sampled_from([stay.key for stay in enrollments]),
                user_id=st.sampled_from([user.key for user in users]),
                start_date=st.just(start),
                end_date=st.sampled_from([None, start, end]),
                role=ids,
                kept_after_exit=st.booleans(),
                voided=st.booleans(),
                batch_id=batch,
            )
        )
    )
    return [*organizations, *projects, *users, *clients, *enrollments, *assignments]
