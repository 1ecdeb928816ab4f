"""Worlds as no act would leave them, with ids that are hard to write: for what holds whatever there is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from rule_worlds import AS_OF, World

from caseassign import CaseAssignment, Client, Enrollment, Organization, Project, ProjectType, User
from caseassign.model import ALL_ORGANIZATIONS, CASE_MANAGER, COVER, Record, RelationshipToHoH

ODD: Final = "O'{b}"
PROJECTS: Final = ("es", ODD, 'a"b\\', "100%_")
EYE: Final = User(user_id="eye", organization_ids=frozenset({"haven"}))
"""A user who sees some of the projects."""

_days = st.sampled_from([*(AS_OF + timedelta(days=number) for number in range(-2, 3))] * 3 + [date.min, date.max])
_some_day = st.none() | _days
_organizations = st.sampled_from(["haven", "bridge", ODD])
_households = st.sampled_from([None, "h", ODD, "é"])
_roles = st.sampled_from([CASE_MANAGER, COVER, "Primary", ODD])
as_ofs: Final = st.sampled_from([AS_OF] * 8 + [date.min, date.max])
"""The day on which one looks: mostly one that is near the others."""


def _each(kind: Any, keys: Iterable[str], **fields: Any) -> st.SearchStrategy[list[Any]]:
    key = f"{'personal' if kind is Client else kind.KIND}_id"
    return st.tuples(*(st.builds(kind, **({key: st.just(each)} | fields)) for each in keys)).map(list)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world of a few records of each kind, whatever is allowed in them."""
    records: list[Record] = [Organization(organization_id=key) for key in ("haven", "bridge", ODD)]
    records += draw(
        _each(
            Project,
            PROJECTS,
            organization_id=st.none() | _organizations,
            project_type=st.sampled_from([None, *list(ProjectType)[:3]]),
        )
    )
    users: list[User] = draw(
        _each(
            User,
            ("kim", "Kim", ODD),
            organization_ids=st.frozensets(_organizations | st.just("")),
            permissions=st.frozensets(st.sampled_from([ALL_ORGANIZATIONS, "caseload.view"])),
            left_on=_some_day,
        )
    )
    records += [*users, EYE, Client(personal_id="c1"), Client(personal_id=ODD)]
    stays: list[Enrollment] = draw(
        _each(
            Enrollment,
            ("1", "2", "e", "É", "100%", ODD)[: draw(st.integers(0, 6))],
            personal_id=st.sampled_from(["c1", ODD]),
            project_id=st.sampled_from(PROJECTS),
            household_id=_households,
            relationship_to_hoh=st.none() | st.sampled_from(list(RelationshipToHoH)[:2]),
            entry_date=_days,
            exit_date=_some_day,
            deleted=st.sampled_from([False, False, True]),
        )
    )
    stints = draw(_stints([stay.key for stay in stays])) if stays else []
    return World([*records, *stays, *stints])


@st.composite
def _stints(draw: st.DrawFn, stays: list[str]) -> list[CaseAssignment]:
    stints = []
    for key in ("1", "2", "a", "B", "é", "😀", "100%", ODD)[: draw(st.integers(0, 8))]:
        start, end = draw(_days), draw(_some_day)
        stints.append(
            CaseAssignment(
                assignment_id=key,
                enrollment_id=draw(st.sampled_from(stays)),
                user_id=draw(st.sampled_from(["kim", "Kim", ODD])),
                start_date=start if end is None else min(start, end),
                end_date=None if end is None else max(start, end),
                role=draw(_roles),
                kept_after_exit=draw(st.booleans()),
                voided=draw(st.sampled_from([False, False, False, True])),
            )
        )
    return stints


def part_of(world: World, projects: Iterable[str], as_of: date) -> World:
    """Return a world in which there are only the enrollments of some projects, as of a day."""
    wanted = set(projects)
    stays = {key for key, stay in world.of("enrollment").items() if stay.project_id in wanted}
    everything = [
        record for kind in ("organization", "project", "user", "client") for record in world.of(kind).values()
    ]
    everything += [world.of("enrollment")[key] for key in sorted(stays)]
    return World([*everything, *(s for s in world.of("assignment").values() if s.enrollment_id in stays)], as_of)
