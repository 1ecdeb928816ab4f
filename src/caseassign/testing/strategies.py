"""Strategies of hypothesis: records of each kind, periods, lines of history, whole worlds. Needs the extra ``testing``.

What they make is whatever a record can be, texts that are taken for something else included. Fields that a test
wants to choose itself are given by name, as values or as strategies: ``clients(last_name=st.none())``.
"""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from caseassign.history import Plain
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
from caseassign.period import Period
from caseassign.testing.records import TEXTS

_ZONES: Final = (UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=3, minutes=30)))


def texts() -> SearchStrategy[str]:
    """Any text that can be written down: without NUL, and without halves of characters."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(TEXTS)


def ids() -> SearchStrategy[str]:
    """Any text that can be an id."""
    return texts().filter(bool)


def plains() -> SearchStrategy[Plain | None]:
    """Plain data as a line of history holds it before and after."""
    values = st.none() | st.booleans() | st.integers() | texts() | st.lists(texts(), max_size=3)
    return st.none() | st.dictionaries(texts(), values, max_size=4)


def moments() -> SearchStrategy[Any]:
    """Moments in several time zones."""
    return st.datetimes(timezones=st.sampled_from(_ZONES))


def periods() -> SearchStrategy[Period]:
    """Any period: of many days, of none, and without an end."""
    ends = st.tuples(st.dates(), st.none() | st.dates())
    return ends.map(lambda days: Period(*days) if days[1] is None or days[0] <= days[1] else Period(days[1], days[0]))


def organizations(**fields: Any) -> SearchStrategy[Organization]:
    """Any organization."""
    return _any(Organization, {"organization_id": ids(), "organization_name": _some(texts())}, fields)


def projects(**fields: Any) -> SearchStrategy[Project]:
    """Any project; without organization, unless one is given."""
    usual = {
        "project_id": ids(),
        "project_name": _some(texts()),
        "project_type": _some(st.sampled_from(ProjectType)),
        "operating_start_date": _some(st.dates()),
        "operating_end_date": _some(st.dates()),
    }
    return _any(Project, usual, fields)


def users(**fields: Any) -> SearchStrategy[User]:
    """Any user."""
    usual = {
        "user_id": ids(),
        "first_name": _some(texts()),
        "last_name": _some(texts()),
        "organization_ids": st.frozensets(ids(), max_size=3),
        "permissions": st.frozensets(ids(), max_size=3),
        "is_case_manager": st.booleans(),
        "left_on": _some(st.dates()),
    }
    return _any(User, usual, fields)


def clients(**fields: Any) -> SearchStrategy[Client]:
    """Any client."""
    return _any(Client, {"personal_id": ids(), "first_name": _some(texts()), "last_name": _some(texts())}, fields)


def enrollments(**fields: Any) -> SearchStrategy[Enrollment]:
    """Any enrollment, one that exits before its entry included."""
    usual = {
        "enrollment_id": ids(),
        "personal_id": ids(),
        "project_id": ids(),
        "household_id": _some(ids()),
        "relationship_to_hoh": _some(st.sampled_from(RelationshipToHoH)),
        "entry_date": st.dates(),
        "exit_date": _some(st.dates()),
        "deleted": st.booleans(),
    }
    return _any(Enrollment, usual, fields)


@st.composite
def assignments(draw: st.DrawFn, /, **fields: Any) -> CaseAssignment:
    """Any assignment."""
    period = draw(periods())
    usual = {
        "assignment_id": ids(),
        "enrollment_id": ids(),
        "user_id": ids(),
        "start_date": st.just(period.start),
        "end_date": st.just(period.end),
        "role": ids(),
        "kept_after_exit": st.booleans(),
        "voided": st.booleans(),
    }
    assignment: CaseAssignment = draw(_any(CaseAssignment, usual, fields))
    return assignment


def records() -> SearchStrategy[Record]:
    """Any record of any kind."""
    return st.one_of(organizations(), projects(), users(), clients(), enrollments(), assignments())


@st.composite
def worlds(draw: st.DrawFn) -> list[Record]:
    """Records of every kind, each after those that it refers to, at least one that others can refer to of each."""
    of_organizations = draw(_several(organizations()))
    of_users, of_clients = draw(_several(users(), at_least=1)), draw(_several(clients(), at_least=1))
    organization_id = st.none() | st.sampled_from(of_organizations).map(_key) if of_organizations else st.none()
    of_projects = draw(_several(projects(organization_id=organization_id), at_least=1))
    of_enrollments = draw(
        _several(
            enrollments(
                personal_id=st.sampled_from(of_clients).map(_key), project_id=st.sampled_from(of_projects).map(_key)
            ),
            at_least=1,
        )
    )
    of_assignments = draw(
        _several(
            assignments(
                enrollment_id=st.sampled_from(of_enrollments).map(_key), user_id=st.sampled_from(of_users).map(_key)
            )
        )
    )
    return [*of_organizations, *of_projects, *of_users, *of_clients, *of_enrollments, *of_assignments]


def _some(values: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.none() | values


def _any(kind: Any, usual: dict[str, SearchStrategy[Any]], fields: dict[str, Any]) -> SearchStrategy[Any]:
    given = {name: value if isinstance(value, SearchStrategy) else st.just(value) for name, value in fields.items()}
    return st.builds(kind, **({"batch_id": _some(texts())} | usual | given))


def _several(records: SearchStrategy[Any], at_least: int = 0) -> SearchStrategy[list[Any]]:
    return st.lists(records, min_size=at_least, max_size=4, unique_by=_key)


def _key(record: Any) -> str:
    return str(record.key)
