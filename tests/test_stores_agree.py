"""Every store says of any sequence of blocks what the store in memory, the reference, says of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_examples import UndoError, exactly, lines_after
from world import effort

from caseassign.errors import CaseAssignError
from caseassign.history import RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User
from caseassign.storage import Store, Transaction
from caseassign.stores.memory import MemoryStore

KEYS = ("a", "B", "é", "😀")
DAYS = tuple(date(2026, 3, number) for number in (1, 2, 3))
PARTS: tuple[tuple[str, ...] | None, ...] = (None, (), ("é",), ("é", "a", "no"))
MOMENTS = tuple(datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in range(11, 15))

keys = st.sampled_from(KEYS)
days = st.sampled_from(DAYS)
batches = st.none() | keys


class Write(NamedTuple):
    """One call on one part of a transaction."""

    part: str
    method: str
    records: list[Any]


class Block(NamedTuple):
    """What happens in one transaction block, and whether it is undone in the end."""

    writes: list[Write]
    undone: bool


def _writes(part: str, records: st.SearchStrategy[Any]) -> st.SearchStrategy[Write]:
    return st.builds(Write, st.just(part), st.sampled_from(["add", "add", "replace"]), st.lists(records, max_size=4))


writes = st.one_of(
    _writes(
        "organizations", st.builds(Organization, organization_id=keys, organization_name=batches, batch_id=batches)
    ),
    _writes("projects", st.builds(Project, project_id=keys, organization_id=batches, batch_id=batches)),
    _writes("users", st.builds(User, user_id=keys, permissions=st.frozensets(keys), left_on=st.none() | days)),
    _writes("clients", st.builds(Client, personal_id=keys, last_name=batches, batch_id=batches)),
    _writes(
        "enrollments",
        st.builds(
            Enrollment,
            enrollment_id=keys,
            personal_id=keys,
            project_id=keys,
            household_id=batches,
            entry_date=days,
            exit_date=st.none() | days,
            deleted=st.booleans(),
            batch_id=batches,
        ),
    ),
    _writes(
        "assignments",
        st.builds(
            CaseAssignment,
            assignment_id=keys,
            enrollment_id=keys,
            user_id=keys,
            start_date=st.just(DAYS[0]),
            end_date=st.none() | days,
            voided=st.booleans(),
            batch_id=batches,
        ),
    ),
    st.builds(
        Write,
        st.just("history"),
        st.just("append"),
        st.lists(
            st.fixed_dictionaries(
                {
                    "change_id": st.sampled_from([str(number) for number in range(12)]),
                    "record": st.builds(RecordKey, st.sampled_from(["client", "user"]), keys),
                    "batch_id": keys,
                },
                optional={"number": st.integers(1, 6), "recorded_at": st.sampled_from(MOMENTS)},
            ),
            max_size=3,
        ),
    ),
    st.builds(Write, st.just("imported"), keys, st.lists(st.tuples(keys, keys), max_size=3)),
)

# Everything refers to something: a sequence begins with what makes most references good.
GROUND = Block(
    [
        Write("organizations", "add", [Organization(organization_id=key) for key in KEYS]),
        Write("projects", "add", [Project(project_id=key) for key in KEYS[:3]]),
        Write("users", "add", [User(user_id=key) for key in KEYS[:3]]),
        Write("clients", "add", [Client(personal_id=key) for key in KEYS[:3]]),
        Write(
            "enrollments", "add", [Enrollment(enrollment_id="a", personal_id="B", project_id="é", entry_date=DAYS[1])]
        ),
    ],
    undone=False,
)


def perform(write: Write, tx: Transaction) -> tuple[type[CaseAssignError], str] | None:
    """Make a call, and return the error that it raised."""
    try:
        match write.part:
            case "history":
                tx.history.append(lines_after(tx.history.head(), *write.records))
            case "imported":
                tx.imported.put(write.method, dict(write.records))
            case part:
                getattr(getattr(tx, part), write.method)(write.records)
    except CaseAssignError as error:
        return type(error), str(error)
    return None


def answers(tx: Transaction) -> list[Any]:
    """Return what every finder says."""
    households = [HouseholdKey(project, household) for project in KEYS for household in KEYS]
    kinds = (tx.organizations, tx.projects, tx.users, tx.clients, tx.enrollments, tx.assignments)
    about = [RecordKey(kind, key) for kind in ("client", "user", "enrollment", "assignment") for key in KEYS]
    return [
        [[exactly(record) for record in records] for records in kinds],
        [[exactly(record) for record in records.get(KEYS[1:]).values()] for records in kinds],
        [tx.enrollments.of_clients([key]) for key in KEYS],
        tx.enrollments.of_clients(KEYS),
        tx.enrollments.of_households(households),
        [tx.enrollments.of_households([key]) for key in households],
        [list(tx.enrollments.by_household(part)) for part in PARTS],
        [[list(tx.enrollments.unassigned(day, part)) for part in PARTS] for day in DAYS],
        [[tx.enrollments.count(part, day) for part in PARTS] for day in (None, *DAYS)],
        [list(tx.enrollments.projects_of(KEYS, deleted=deleted).items()) for deleted in (True, False)],
        tx.assignments.of_enrollments(KEYS),
        [tx.assignments.of_users([key], day, part) for key in KEYS for day in (None, *DAYS) for part in PARTS],
        tx.assignments.of_users(KEYS),
        tx.history.head(),
        [exactly(line) for line in tx.history],
        tx.history.of_records(about),
        tx.history.count(about),
        [tx.history.of_batches([key]) for key in KEYS],
        tx.history.of_kind("user"),
        [list(tx.history.after(moment)) for moment in MOMENTS],
    ]


def imports(tx: Transaction) -> list[Any]:
    """Return what imports said."""
    return [list(tx.imported.get(kind, KEYS).items()) for kind in KEYS]


def told(store: Store, block: Block) -> list[Any]:
    """Return everything that a store says in one block, after each of its writes, and after it."""
    said: list[Any] = []
    with suppress(UndoError), store.transaction(write=True) as tx:
        for write in block.writes:
            said += [perform(write, tx), answers(tx), imports(tx)]
        if block.undone:
            raise UndoError
    with store.transaction() as tx:
        said += [answers(tx), imports(tx)]
    return said


@pytest.mark.slow
@settings(max_examples=effort(20))
@given(blocks=st.lists(st.builds(Block, st.lists(writes, max_size=5), st.booleans()), max_size=5))
def test_stores_agree(new_store: Callable[[], AbstractContextManager[Store]], blocks: list[Block]) -> None:
    """SPEC 10.1, 10.3: after any writes, errors and undone blocks, every finder of a store says what memory says."""
    with new_store() as store:
        reference = MemoryStore()
        for block in [GROUND, *blocks]:
            assert told(store, block) == told(reference, block)
