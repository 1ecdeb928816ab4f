"""The records: what each guards of itself, and what it shows."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import CLIENTS, PROJECTS, USERS, day

from caseassign import (
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Household,
    HouseholdKey,
    InvalidRecordError,
    Organization,
    Project,
    ProjectType,
    RelationshipToHoH,
    User,
)
from caseassign.history import from_plain, to_plain
from caseassign.model import KINDS, id_of


def stint(start: str = "03-02", end: str | None = None, **fields: Any) -> CaseAssignment:
    """A stint of kim on e1."""
    values: dict[str, Any] = {"assignment_id": "a1", "enrollment_id": "e1", "user_id": "kim"} | fields
    return CaseAssignment(start_date=day(start), end_date=None if end is None else day(end), **values)


def stay(**fields: Any) -> Enrollment:
    """A stay of c1 in the shelter."""
    values: dict[str, Any] = {
        "enrollment_id": "e1",
        "personal_id": "c1",
        "project_id": "es",
        "entry_date": day("01-10"),
    } | fields
    return Enrollment(**values)


@given(st.integers(-3, 3), st.none() | st.integers(0, 4))
def test_status_is_computed_from_the_days(offset: int, length: int | None) -> None:
    """SPEC 4.1: upcoming before the start, active until the end, inactive from it on; never anything else."""
    start, as_of = day("03-02"), day("03-02") + timedelta(days=offset)
    end = None if length is None else start + timedelta(days=length)
    status = stint(end=None if end is None else end.isoformat()[5:]).status(as_of)
    if as_of < start:
        assert status is AssignmentStatus.UPCOMING
    elif end is None or as_of < end:
        assert status is AssignmentStatus.ACTIVE
    else:
        assert status is AssignmentStatus.INACTIVE


def test_a_stint_that_starts_today_is_active_and_one_that_ends_today_is_not() -> None:
    """SPEC 3.2: as of a day means at its close."""
    assert stint("03-02").status(day("03-02")) is AssignmentStatus.ACTIVE
    assert stint("02-01", "03-02").status(day("03-02")) is AssignmentStatus.INACTIVE
    assert stint("03-03").status(day("03-02")) is AssignmentStatus.UPCOMING


def test_a_stint_that_starts_and_ends_today_was_never_active() -> None:
    """SPEC 3.3: a same-day stint is on record and never active as of any day."""
    same_day = stint("03-02", "03-02")
    assert {same_day.status(day("03-02") + timedelta(days=n)) for n in range(-3, 4)} == {
        AssignmentStatus.UPCOMING,
        AssignmentStatus.INACTIVE,
    }


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: stint("03-02", "03-01"), "end_date"),
        (lambda: stint(role=""), "role"),
        (lambda: stint(assignment_id=""), "assignment_id"),
        (lambda: stint(user_id=None), "user_id"),
        (lambda: stint(voided=1), "voided"),
        (lambda: stay(entry_date=datetime(2026, 1, 1)), "entry_date"),  # noqa: DTZ001  # the datetime is the mistake
        (lambda: stay(entry_date="2026-01-01"), "entry_date"),
        (lambda: stay(exit_date=5), "exit_date"),
        (lambda: stay(relationship_to_hoh=7), "relationship_to_hoh"),
        (lambda: stay(household_id=3), "household_id"),
        (lambda: Project(project_id="p", project_type=5), "project_type"),
        (lambda: User(user_id="u", organization_ids="haven"), "organization_ids"),
        (lambda: Client(personal_id="c", first_name=b"x"), "first_name"),  # type: ignore[arg-type]  # wrong on purpose
    ],
)
def test_a_record_guards_what_is_true_of_itself(build: Any, field: str) -> None:
    """SPEC 3.3, 3.4: what a record cannot be is refused, and the error names the field."""
    with pytest.raises(InvalidRecordError) as error:
        build()
    assert field in error.value.field


def test_a_record_shows_its_ids_and_no_name() -> None:
    """SPEC 8.4: names never appear in repr."""
    shown = repr([*CLIENTS, *USERS])
    assert "c1" in shown
    assert "kim" in shown
    people: list[Any] = [*CLIENTS, *USERS]
    for person in people:
        assert not person.last_name or person.last_name not in shown
        assert not person.first_name or person.first_name not in shown


def test_provenance_does_not_make_a_record_another() -> None:
    """SPEC 8.5: every record carries the batch that first recorded it, which is not part of what it says."""
    assert Client(personal_id="c1", batch_id="b1") == Client(personal_id="c1")
    assert "b1" not in repr(Client(personal_id="c1", batch_id="b1"))


@pytest.mark.parametrize(
    ("exit_date", "as_of", "is_open"),
    [
        (None, "01-09", False),
        (None, "01-10", True),
        ("01-12", "01-11", True),
        ("01-12", "01-12", False),
        ("01-10", "01-10", False),
    ],
)
def test_a_stay_is_open_from_its_entry_up_to_its_exit(exit_date: str | None, as_of: str, is_open: bool) -> None:
    """SPEC 3.1: exit_date is the first day on which the enrollment is no longer open."""
    assert stay(exit_date=None if exit_date is None else day(exit_date)).is_open(day(as_of)) is is_open
    assert not stay(deleted=True).is_open(day(as_of))


def test_a_household_is_what_shares_household_id_and_project() -> None:
    """SPEC 2: real exports re-use household ids across projects."""
    assert stay(household_id="h").household_key == HouseholdKey("es", "h")
    assert stay(household_id="h").household_key != stay(household_id="h", project_id="th").household_key
    assert stay().household_key is None


def test_the_head_is_the_one_member_with_relationship_one() -> None:
    """SPEC 7.2: no head, or more than one, is null; an exited head stays the head."""
    head = stay(relationship_to_hoh=1, exit_date=day("01-20"))
    child = stay(enrollment_id="e2", personal_id="c2", relationship_to_hoh=2)
    assert Household(members=(child, head)).head == head
    assert Household(members=(child,)).head is None
    assert Household(members=(head, stay(enrollment_id="e3", relationship_to_hoh=1))).head is None
    assert Household(members=(child, head)).open_clients(day("02-01")) == {"c2"}


@pytest.mark.parametrize(
    ("user", "project", "may"),
    [
        (USERS[0], PROJECTS[0], True),
        (USERS[0], PROJECTS[2], False),
        (USERS[0], PROJECTS[3], False),
        (User(user_id="u", permissions=frozenset({"all-organizations"})), PROJECTS[3], True),
    ],
)
def test_access_is_to_organizations(user: User, project: Project, may: bool) -> None:
    """SPEC 8.2: all-organizations widens access; a project without organization is open to those only."""
    assert user.can_access(project) is may


def test_a_user_has_left_from_the_first_day_gone() -> None:
    """SPEC 2: left_on is the first day no longer worked."""
    gone = User(user_id="u", left_on=day("03-02"))
    assert not gone.has_left(day("03-01"))
    assert gone.has_left(day("03-02"))
    assert not User(user_id="u").has_left(date.max)


RECORDS = (
    Organization(organization_id="o", organization_name="O"),
    PROJECTS[0],
    USERS[-1],
    USERS[4],
    CLIENTS[0],
    stay(exit_date=day("03-01"), relationship_to_hoh=1),
    stint(end="03-05"),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.KIND)
def test_a_record_survives_plain_data_and_pickling(record: Any) -> None:
    """SPEC 8.5: before and after in history say all that a record says."""
    plain = to_plain(record)
    assert from_plain(record.KIND, plain) == record
    assert "batch_id" not in plain
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301  # our own pickle
    assert KINDS[record.KIND] is type(record)
    kind = type(record)
    assert id_of(record, kind) == id_of(record.key, kind) == record.key


def test_the_picklists_are_those_of_the_standard() -> None:
    """SPEC 9.1: the codes of HMIS 3.15.1 and 2.02.6."""
    assert sorted(RelationshipToHoH) == [1, 2, 3, 4, 5, 99]
    assert sorted(ProjectType) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14]


def test_the_days_of_a_stay_and_of_a_stint_are_periods() -> None:
    """SPEC 3.1: one value type answers every question about days."""
    assert str(stay(exit_date=day("01-12")).period) == "[2026-01-10, 2026-01-12)"
    assert str(stint().period) == "[2026-03-02, …)"
