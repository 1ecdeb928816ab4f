"""The audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from world import World, day

from caseassign import (
    ADVISORY_RULES,
    CaseAssignment,
    Client,
    Enrollment,
    Finding,
    InvalidRecordError,
    User,
    Violation,
)
from caseassign.rules import CaseloadFacts
from caseassign.rules.advisory import no_head


def dirty(world: World) -> None:
    """Put records that no act would have let in."""
    stay: dict[str, Any] = {"personal_id": "c1", "project_id": "es", "entry_date": day("01-10")}
    world.put_raw(
        Enrollment(enrollment_id="e1", household_id="h", relationship_to_hoh=1, **stay),
        Enrollment(enrollment_id="e2", household_id="h", relationship_to_hoh=1, **(stay | {"personal_id": "c2"})),
        Enrollment(enrollment_id="e3", deleted=True, **stay),
        Enrollment(enrollment_id="e4", exit_date=day("01-01"), relationship_to_hoh=1, **stay),
        CaseAssignment(assignment_id="a1", enrollment_id="e1", user_id="kim", start_date=day("01-01")),
        CaseAssignment(assignment_id="a2", enrollment_id="e1", user_id="kim", start_date=day("02-01")),
        CaseAssignment(assignment_id="a3", enrollment_id="e2", user_id="gone", start_date=day("02-01")),
        CaseAssignment(assignment_id="a4", enrollment_id="e3", user_id="bo", start_date=day("02-01")),
        CaseAssignment(assignment_id="void", enrollment_id="e1", user_id="kim", start_date=day("01-01"), voided=True),
    )


def test_the_audit_lists_every_violation_required_and_advisory(world: World) -> None:
    """SPEC 7.9: as data, with the ids that each is about."""
    dirty(world)
    assert world.system.audit().counts() == {
        "enrollment-deleted": 1,
        "exits-before-entry": 1,
        "held-by-departed": 1,
        "household-differs": 1,
        "overlaps-own": 1,
        "several-heads": 1,
        "starts-before-entry": 1,
    }
    found = {finding.code: finding for finding in world.system.audit()}
    overlap = found["overlaps-own"]
    assert (overlap.required, overlap.assignment_id, overlap.enrollment_id, overlap.user_id, overlap.ids) == (
        True,
        "a1",
        "e1",
        "kim",
        ("a1", "a2"),
    )
    assert (found["household-differs"].required, found["household-differs"].household_id) == (False, "h")
    assert list(found["held-by-departed"].to_dict()) == [
        "code",
        "required",
        "assignment_id",
        "enrollment_id",
        "user_id",
        "personal_id",
        "household_id",
        "message",
    ]
    assert found["exits-before-entry"].to_dict()["assignment_id"] is None
    assert found["several-heads"].enrollment_id is None


def test_the_audit_is_as_of_a_day(world: World) -> None:
    """SPEC 7.9: advisory rules look at the day, required ones hold whenever one looks."""
    dirty(world)
    early = world.system.audit(as_of="2026-01-20").counts()
    assert early["unassigned"] == 1
    assert "held-by-departed" not in early
    assert early["overlaps-own"] == 1


def test_the_audit_can_be_run_again_and_narrowed(world: World) -> None:
    """SPEC 7.9: over all data or a part."""
    dirty(world)
    audit = world.system.audit(projects=["th"])
    assert list(audit) == []
    assert audit.withheld == 0
    whole = world.system.audit(organizations=["haven"])
    assert list(whole) == list(whole) != []


def test_the_audit_withholds_what_may_not_be_seen(world: World) -> None:
    """SPEC 8.2: audits are limited to what the acting user may see, and say how many were withheld."""
    dirty(world)
    bo = world.as_("bo").audit()
    assert list(bo) == []
    assert bo.withheld == 4


def test_the_audit_says_how_far_it_is(world: World) -> None:
    """SPEC 7.9: with progress."""
    for number in range(3):
        world.system.add(Client(personal_id=f"p{number}"))
        world.stay(f"p{number}")
    seen: list[int] = []
    list(world.system.audit(progress=seen.append))
    assert seen == [3]


def test_a_household_of_its_own_is_named_by_its_enrollment(world: World) -> None:
    """SPEC 7.9: a household without HouseholdID has nothing else to be named by."""
    world.put_raw(Enrollment(enrollment_id="e1", personal_id="c1", project_id="es", entry_date=day("01-10")))
    found = {finding.code: finding for finding in world.system.audit()}
    assert (found["no-head"].enrollment_id, found["no-head"].household_id) == ("e1", None)


def at_most_one(facts: CaseloadFacts) -> Iterator[Violation]:
    """A user holds at most one case."""
    if len(facts.cases) > 1:
        yield Violation("at-most-one", "user_id", [facts.user.user_id], "more than one case")


def test_an_agencys_rule_about_caseloads_is_audited(world: World) -> None:
    """SPEC 5: a rule has one subject, a user's caseload among them."""
    world.kim.enroll({"c1": 1, "c2": 2}, "es")
    world.lee.enroll("c3", "es")
    audit = world.as_("kim", advisory=(*ADVISORY_RULES, at_most_one)).audit()
    assert [(finding.code, finding.user_id, finding.required) for finding in audit] == [("at-most-one", "kim", False)]


def test_a_rule_that_no_act_could_ask_is_refused_where_it_is_given(world: World) -> None:
    """SPEC 5: a required rule or a guard is never left unasked in silence."""
    with pytest.raises(InvalidRecordError, match="required holds a rule about CaseloadFacts"):
        world.as_("kim", required=(at_most_one,))
    with pytest.raises(InvalidRecordError, match="guards holds a rule about HouseholdFacts"):
        world.as_("kim", guards=(no_head,))


def test_an_assignment_and_an_enrollment_may_have_the_same_id(world: World) -> None:
    """SPEC 7.9: ids are the host's; a finding about the enrollment is not taken for one about the stint."""
    world.put_raw(
        Enrollment(
            enrollment_id="1", personal_id="c1", project_id="es", entry_date=day("01-10"), relationship_to_hoh=1
        ),
        CaseAssignment(
            assignment_id="1", enrollment_id="1", user_id="kim", start_date=day("01-10"), end_date=day("02-01")
        ),
    )
    finding: Finding = next(iter(world.system.audit()))
    assert (finding.code, finding.enrollment_id, finding.assignment_id, finding.user_id) == (
        "unassigned",
        "1",
        None,
        None,
    )


def test_a_departed_users_cases_are_found(world: World) -> None:
    """SPEC 1: staff leave and still hold forty clients."""
    world.kim.enroll({"c1": 1, "c2": 2}, "es")
    world.super.add(User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=day("03-02")))
    assert world.system.audit().counts() == {"held-by-departed": 2}
