"""Who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from world import PROJECTS, TODAY, USERS, World

from caseassign import (
    SYSTEM,
    Action,
    DefaultPolicy,
    Outcome,
    PermissionDeniedError,
    Project,
    Request,
    Unrestricted,
    User,
)

ACTS: dict[str, Any] = {
    "enrollment.start": lambda front, stay, stint: front.enroll("c5", "es", case_manager=None),
    "enrollment.edit": lambda front, stay, stint: front.edit_enrollment(stay, household_id="h2"),
    "enrollment.exit": lambda front, stay, stint: front.exit(stay),
    "enrollment.undo-exit": lambda front, stay, stint: front.undo_exit(stay),
    "assignment.start": lambda front, stay, stint: front.assign(stay, "sam"),
    "assignment.end": lambda front, stay, stint: front.end(stint),
    "assignment.amend": lambda front, stay, stint: front.amend(stint, role="Navigator"),
    "assignment.reactivate": lambda front, stay, stint: front.reactivate(stint),
    "assignment.hand-over": lambda front, stay, stint: front.hand_over(stint, "sam"),
    "assignment.void": lambda front, stay, stint: front.void(stint, "wrong"),
}


@pytest.mark.parametrize("action", ACTS)
@pytest.mark.parametrize(
    ("user", "may"), [("kim", True), ("super", True), (SYSTEM, True), ("bo", False), ("gone", False)]
)
def test_the_policy_matrix(world: World, action: str, user: Any, may: bool) -> None:
    """SPEC 8.1, 8.2: each act names its action; a worker acts within their organizations, and nobody who has left."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    lines = world.lines()
    if may:
        ACTS[action](world.as_(user), stay, stint)
        return
    with pytest.raises(PermissionDeniedError) as error:
        ACTS[action](world.as_(user), stay, stint)
    assert error.value.action == action
    assert error.value.reason
    assert world.lines() == lines


def test_a_denial_comes_before_any_answer_about_the_record(world: World) -> None:
    """SPEC 8.1: an outsider learns nothing from a refusal, not even that there is nothing to do."""
    stay = world.stay()
    stint = world.kim.assign(stay, start="2026-02-01", end="2026-02-05").assignment
    bo = world.as_("bo")
    acts: list[Callable[[], Outcome]] = [
        lambda: bo.end(stint, on="2026-02-05"),
        lambda: bo.end(stint, on="2026-01-01"),
        lambda: bo.undo_exit(stay),
        lambda: bo.enroll("c1", "es"),
        lambda: bo.void(stint, "x", dry_run=True),
    ]
    for act in acts:
        with pytest.raises(PermissionDeniedError):
            act()


def test_a_project_without_organization_is_open_to_the_system_and_all_organizations(world: World) -> None:
    """SPEC 8.2: and to those only."""
    with pytest.raises(PermissionDeniedError):
        world.kim.enroll("c1", "nobodys")
    world.system.enroll("c1", "nobodys", case_manager=None)
    world.system.add(User(user_id="all", permissions=frozenset({"all-organizations"})))
    world.as_("all").enroll("c2", "nobodys")


@pytest.mark.parametrize("action", list(Action))
def test_the_default_policy_knows_every_action(action: Action) -> None:
    """SPEC 8.1: actions have stable names that map one to one to a host's permission names."""
    policy = DefaultPolicy()
    kim = USERS[0]
    named = {"user.manage", "caseload.view", "caseload.reassign", "caseload.cover", "batch.undo", "export.import"}
    named.add("client.deidentify")
    assert (policy.denial(Request(actor=kim, action=action, today=TODAY)) is not None) == (str(action) in named)
    allowed = User(user_id="u", permissions=frozenset({str(action)}))
    assert policy.denial(Request(actor=allowed, action=action, today=TODAY)) is None
    assert policy.denial(Request(actor=SYSTEM, action=action, today=TODAY)) is None


def test_the_names_of_the_actions_are_stable() -> None:
    """SPEC 8.1: the names, to the letter."""
    assert " ".join(Action) == (
        "record.add user.manage enrollment.start enrollment.edit enrollment.exit enrollment.undo-exit "
        "assignment.start assignment.end assignment.amend assignment.reactivate assignment.hand-over assignment.void "
        "caseload.view caseload.reassign caseload.cover household.change batch.undo client.view history.view "
        "audit.run export.import client.deidentify"
    )


def test_doing_without_a_policy_is_asked_for_by_name(world: World) -> None:
    """SPEC 8.3: Unrestricted lets everybody who is known do and see everything."""
    gone = world.as_("gone", policy=Unrestricted())
    gone.enroll("c1", "th", case_manager="bo")
    assert [case.client.first_name for case in gone.active_cases("bo")] == ["Ada"]


class Weekdays:
    """A host's own policy: nobody ends anything, and nobody sees the shelter."""

    def denial(self, request: Request) -> str | None:
        """Deny the one action."""
        return "not on a Monday" if request.action is Action.ASSIGNMENT_END else None

    def may_see(self, actor: Any, project: Project) -> bool:
        """Hide the one project."""
        return project != PROJECTS[0]


def test_a_host_puts_its_own_policy_in_the_place_of_the_default(world: World) -> None:
    """SPEC 8.1: a policy, which the host application may replace, answers allow or deny with a reason."""
    lee = world.as_("lee", policy=Weekdays())
    stint = lee.enroll("c1", "es", case_manager="kim").assignment
    with pytest.raises(PermissionDeniedError, match=r"assignment\.end is denied: not on a Monday"):
        lee.end(stint)
    assert lee.active_cases("kim").withheld == 1


def test_the_status_box_is_no_way_round_a_denied_action(world: World) -> None:
    """SPEC 8.1, 4.1: setting Inactive is ending, and is asked for as ending."""
    lee = world.as_("lee", policy=Weekdays())
    stint = lee.enroll("c1", "es").assignment
    lee.set_status(stint, "active", "2026-05-01")
    with pytest.raises(PermissionDeniedError, match="not on a Monday"):
        lee.set_status(stint, "inactive")


def test_what_follows_from_the_clock_is_asked_of_the_clock() -> None:
    """SPEC 3.5: a user who leaves tomorrow may act today."""
    world = World()
    world.system.add(User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=TODAY.replace(day=3)))
    world.kim.enroll("c1", "es")
    world.today = TODAY.replace(day=3)
    with pytest.raises(PermissionDeniedError):
        world.kim.active_cases()
