"""Enrolling one client, or a household at once."""

from __future__ import annotations

from typing import Any

import pytest
from test_assign import refused
from world import CLIENTS, World, day

from caseassign import ME, SYSTEM, Client, InvalidRecordError, NotFoundError, PermissionDeniedError, RelationshipToHoH


def test_the_case_manager_defaults_to_whoever_enrolls(world: World) -> None:
    """SPEC 6.1: the case manager defaults to the acting user, and the stint starts on the entry date."""
    outcome = world.kim.enroll("c1", "es", on="2026-02-20")
    assert outcome.enrollment.entry_date == outcome.assignment.start_date == day("02-20")
    assert outcome.assignment.user_id == "kim"
    assert outcome.enrollment.relationship_to_hoh is RelationshipToHoH.SELF


def test_enrolling_defaults_to_today(world: World) -> None:
    """SPEC 6.1: on a day, today if none is given."""
    assert world.kim.enroll("c1", "es").enrollment.entry_date == world.today


def test_another_case_manager_can_be_named_or_nobody(world: World) -> None:
    """SPEC 6.1: another can be named for all, or nobody."""
    assert world.kim.enroll("c1", "es", case_manager="lee").assignment.user_id == "lee"
    assert world.kim.enroll("c2", "es", case_manager=None).assignments == ()


def test_a_household_is_enrolled_at_once_with_a_case_manager_per_member(world: World) -> None:
    """SPEC 6.1: members with their relationship to the head; one case manager per member, or nobody."""
    outcome = world.kim.enroll(
        {"c1": 1, "c2": 2, "c3": 3, "c4": 2}, "es", case_manager={"c1": "lee", "c2": None, "c3": ME}
    )
    assert [(e.personal_id, e.relationship_to_hoh) for e in outcome.enrollments] == [
        ("c1", 1),
        ("c2", 2),
        ("c3", 3),
        ("c4", 2),
    ]
    assert len({e.household_key for e in outcome.enrollments}) == 1
    by_client = {e.enrollment_id: e.personal_id for e in outcome.enrollments}
    held = {by_client[stint.enrollment_id]: stint.user_id for stint in outcome.assignments}
    assert held == {"c1": "lee", "c3": "kim", "c4": "kim"}
    assert len({line.batch_id for line in outcome.changes}) == 1


def test_a_household_may_have_members_of_every_relationship(world: World) -> None:
    """SPEC 6.1, 2: every code of the picklist at once."""
    world.system.add(Client(personal_id="c6"))
    members: dict[Client | str, int] = {f"c{number}": code for number, code in enumerate(RelationshipToHoH, start=1)}
    assert len(world.kim.enroll(members, "es").enrollments) == len(RelationshipToHoH)


def test_a_client_who_joins_a_household_is_no_second_head(world: World) -> None:
    """SPEC 6.1, 2: one of the members is the head."""
    head = world.family(1)[0]
    joined = world.kim.enroll("c5", "es", household_id=head.household_id).enrollment
    assert joined.household_key == head.household_key
    assert joined.relationship_to_hoh is RelationshipToHoH.DATA_NOT_COLLECTED


def test_enrolling_twice_is_refused_like_any_other_overlap(world: World) -> None:
    """SPEC 6: enroll makes something new and is refused like any other overlap."""
    first = world.kim.enroll("c1", "es", on="2026-02-01").enrollment
    error = refused(lambda: world.kim.enroll("c1", "es", on="2026-02-10"), "already-enrolled")
    assert error.violations[0].ids == (first.enrollment_id,)
    world.kim.exit(first, on="2026-02-10")
    refused(lambda: world.kim.enroll("c1", "es", on="2026-02-09"), "already-enrolled")
    world.kim.enroll("c1", "es", on="2026-02-10")
    world.kim.enroll("c1", "rrh", on="2026-02-10")


def test_a_same_day_stay_is_no_overlap(world: World) -> None:
    """SPEC 3.1, 3.3: leaving and re-entering on one day is no overlap."""
    stay = world.kim.enroll("c1", "es", on="2026-02-10").enrollment
    world.kim.exit(stay, on="2026-02-10")
    world.kim.enroll("c1", "es", on="2026-02-01")


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"client": {}}, InvalidRecordError, "^Household.members .*at least one client"),
        ({"client": {"c1": 7}}, InvalidRecordError, "^Enrollment.relationship_to_hoh .*picklist"),
        ({"client": {"c1": 1, CLIENTS[0]: 2}}, InvalidRecordError, "^Household.members .*twice"),
        (
            {"client": {"c1": 1}, "case_manager": {"c2": "lee"}},
            InvalidRecordError,
            "^Household.case_manager .* not a memb",
        ),
        ({"client": "nobody"}, NotFoundError, "no client with id nobody"),
        ({"client": "c1", "project": "nowhere"}, NotFoundError, "no project with id nowhere"),
        ({"client": "c1", "case_manager": "nobody"}, NotFoundError, "no user with id nobody"),
        ({"client": "c1", "on": "02/20/2026"}, InvalidRecordError, "YYYY-MM-DD"),
        ({"client": "c1", "project": "th"}, PermissionDeniedError, "no access"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_clearly(
    world: World, arguments: dict[str, Any], error: Any, match: str
) -> None:
    """SPEC 6.1, 8.2: a clear error that names the place, and nothing is written."""
    lines = world.lines()
    with pytest.raises(error, match=match):
        world.kim.enroll(**({"project": "es"} | arguments))
    assert world.lines() == lines


def test_the_guards_are_asked_for_each_member(world: World) -> None:
    """SPEC 5.1, 6.1: refused, whole, with every violation."""
    refused(
        lambda: world.kim.enroll({"c1": 1, "c2": 2}, "es", case_manager={"c1": "bo", "c2": "gone"}),
        "no-access",
        "case-manager-left",
    )
    refused(lambda: world.as_(SYSTEM).enroll("c1", "es"), "not-a-case-manager")
