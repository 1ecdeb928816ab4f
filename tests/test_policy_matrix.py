"""Every action, for everybody: allowed or denied as docs/reference/actions.md says, through the method that asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from test_import_export import county
from world import World, day

from caseassign import (
    SYSTEM,
    Action,
    CaseAssignment,
    Casework,
    Client,
    Enrollment,
    HouseholdKey,
    Organization,
    Outcome,
    PermissionDeniedError,
    Project,
    ReassignmentPlan,
    RuleViolationError,
    User,
)
from caseassign.acts.import_assignments import AssignmentRow

SUPERVISES: Final = frozenset(
    {"caseload.view", "caseload.reassign", "caseload.cover", "batch.undo", "user.manage"},
)
OF_ABROAD: Final = SUPERVISES | {"export.import", "client.deidentify"}
WORKER, SUPERVISOR, OUTSIDER, LEFT = "kim", "boss", "bo", "gone"
ABROAD: Final = "chief"
"""A supervisor of another organization: with every permission, and without access."""

INSIDE: Final = frozenset({WORKER, SUPERVISOR, SYSTEM})
SUPERVISING: Final = frozenset({SUPERVISOR, ABROAD, SYSTEM})
ANYBODY: Final = frozenset({WORKER, SUPERVISOR, OUTSIDER, ABROAD, SYSTEM})


class Agency(NamedTuple):
    """An agency with something to do for everybody."""

    world: World
    stay: Enrollment
    stint: CaseAssignment
    past: CaseAssignment
    exited: Enrollment
    batch_id: str


@pytest.fixture
def agency(world: World) -> Agency:
    """A family and a single client, whom kim holds, in a project of Haven; one who has exited; a batch to undo."""
    world.system.add(
        User(user_id=SUPERVISOR, organization_ids=frozenset({"haven"}), permissions=SUPERVISES),
        User(user_id=ABROAD, organization_ids=frozenset({"bridge"}), permissions=OF_ABROAD),
    )
    family = world.kim.enroll({"c1": 1, "c2": 2}, "es", on="2026-01-10", household_id="h1")
    world.kim.enroll("c3", "es", on="2026-01-10", household_id="h2")
    past = world.kim.assign(family.enrollments[0], "lee", start="2026-02-01", end="2026-02-10").assignment
    exited = world.kim.enroll("c4", "es", on="2026-01-10").enrollment
    world.kim.exit(exited, on="2026-02-01")
    batch_id = world.kim.assign(family.enrollments[1], "sam", role="Navigator").batch_id
    assert batch_id is not None
    return Agency(world, family.enrollments[0], family.assignments[0], past, exited, batch_id)


class Entry(NamedTuple):
    """One row of the matrix: what is asked for, by which call, and who may.

    ``first`` is what the call asks for before, where that is something else: it denies who may do nothing at all.
    """

    action: str
    name: str
    call: Callable[[Casework, Agency], Any]
    allowed: frozenset[Any]
    first: str | None = None


def row(a: Agency) -> AssignmentRow:
    """A row of a list of assignments."""
    return AssignmentRow(enrollment_id=a.stay.enrollment_id, user_id="sam", start_date=day("02-01"))


def plan_of(a: Agency, user: str) -> ReassignmentPlan:
    """What a supervisor plans for somebody's caseload."""
    return a.world.as_(SUPERVISOR).plan_reassignment(user, "sam")


MATRIX: Final = [
    Entry("record.add", "a new client", lambda f, a: f.add(Client(personal_id="new")), ANYBODY),
    Entry("record.add", "a client of others", lambda f, a: f.add(Client(personal_id="c1", first_name="X")), INSIDE),
    Entry("record.add", "a project", lambda f, a: f.add(Project(project_id="n", organization_id="haven")), INSIDE),
    Entry(
        "record.add",
        "a project that is taken away",
        lambda f, a: f.add(Project(project_id="es", organization_id="bridge")),
        frozenset({SYSTEM}),
    ),
    Entry("record.add", "an organization", lambda f, a: f.add(Organization(organization_id="n")), frozenset({SYSTEM})),
    Entry("user.manage", "add", lambda f, a: f.add(User(user_id="new")), SUPERVISING, "record.add"),
    Entry("user.manage", "add again", lambda f, a: f.add(User(user_id="lee", left_on=None)), SUPERVISING, "record.add"),
    Entry("user.manage", "deactivate", lambda f, a: f.deactivate("lee", on="2026-03-10"), SUPERVISING),
    Entry("enrollment.start", "enroll", lambda f, a: f.enroll("c5", "es", case_manager=None), INSIDE),
    Entry("enrollment.edit", "edit", lambda f, a: f.edit_enrollment(a.stay, entry_date="2026-01-09"), INSIDE),
    Entry("enrollment.exit", "exit", lambda f, a: f.exit(a.stay), INSIDE),
    Entry("enrollment.exit", "exit all", lambda f, a: f.exit(a.stay, household=True), INSIDE),
    Entry("enrollment.undo-exit", "undo_exit", lambda f, a: f.undo_exit(a.exited), INSIDE),
    Entry("assignment.start", "assign", lambda f, a: f.assign(a.stay, "sam"), INSIDE),
    Entry("assignment.start", "replace", lambda f, a: f.assign(a.stay, "sam", replace=True), INSIDE),
    Entry("assignment.start", "find", lambda f, a: f.find_case_managers("", enrollment=a.stay), INSIDE),
    Entry("assignment.end", "end", lambda f, a: f.end(a.stint), INSIDE),
    Entry("assignment.amend", "amend", lambda f, a: f.amend(a.stint, role="Navigator"), INSIDE),
    Entry("assignment.reactivate", "reactivate", lambda f, a: f.reactivate(a.past), INSIDE),
    Entry("assignment.hand-over", "hand_over", lambda f, a: f.hand_over(a.stint, "sam"), INSIDE),
    Entry("assignment.void", "void", lambda f, a: f.void(a.stint, "never happened"), INSIDE),
    Entry("caseload.view", "active", lambda f, a: f.active_cases("lee"), SUPERVISING),
    Entry("caseload.view", "inactive", lambda f, a: f.inactive_cases("lee"), SUPERVISING),
    Entry("caseload.view", "upcoming", lambda f, a: f.upcoming_cases("lee"), SUPERVISING),
    Entry("caseload.view", "during", lambda f, a: f.cases_during("lee", "2026-01-01", "2026-04-01"), SUPERVISING),
    Entry("caseload.view", "caseloads", lambda f, a: f.caseloads(), SUPERVISING),
    Entry("caseload.view", "loads during", lambda f, a: f.caseloads_during("2026-01-01", "2026-04-01"), SUPERVISING),
    Entry("caseload.view", "coming up", lambda f, a: f.coming_up(7, user="lee"), SUPERVISING),
    Entry("caseload.reassign", "plan", lambda f, a: f.plan_reassignment("kim", "lee"), SUPERVISING),
    Entry("caseload.reassign", "reassign", lambda f, a: f.reassign("kim", "lee"), SUPERVISING),
    Entry("caseload.reassign", "apply", lambda f, a: f.apply(plan_of(a, "lee")), SUPERVISING),
    Entry("caseload.cover", "cover", lambda f, a: f.cover("kim", "sam", "2026-03-05", "2026-03-20"), SUPERVISING),
    Entry("household.change", "join", lambda f, a: f.join_household(a.stay, "h2"), INSIDE),
    Entry("household.change", "leave", lambda f, a: f.leave_household(a.stay), INSIDE),
    Entry("household.change", "merge", lambda f, a: f.merge_households("h2", "h1"), INSIDE),
    Entry("household.change", "merge keys", lambda f, a: f.merge_households(HouseholdKey("es", "h2"), "h1"), INSIDE),
    Entry("batch.undo", "undo", lambda f, a: f.undo(a.batch_id), frozenset({SUPERVISOR, SYSTEM})),
    Entry("client.view", "case_managers", lambda f, a: f.case_managers("c1"), ANYBODY),
    Entry("client.view", "client_record", lambda f, a: f.client_record("c1"), ANYBODY),
    Entry("client.view", "set_status", lambda f, a: f.set_status(a.stint, "inactive"), INSIDE),
    Entry("history.view", "history", lambda f, a: list(f.history(a.stay)), ANYBODY),
    Entry("audit.run", "audit", lambda f, a: list(f.audit()), ANYBODY),
    Entry("audit.run", "unassigned", lambda f, a: f.unassigned(), ANYBODY),
    Entry("audit.run", "verify_history", lambda f, a: f.verify_history(), ANYBODY),
    Entry("audit.run", "history_head", lambda f, a: f.history_head(), ANYBODY),
    Entry("audit.run", "out_of_use", lambda f, a: f.out_of_use("2026-03-02"), ANYBODY),
    Entry("client.deidentify", "of nobody", lambda f, a: f.deidentify("c5"), frozenset({SYSTEM, ABROAD})),
    Entry("client.deidentify", "of others", lambda f, a: f.deidentify("c4"), frozenset({SYSTEM})),
    Entry("export.import", "import", lambda f, a: f.import_export(county()), frozenset({SYSTEM, ABROAD})),
    Entry("export.import", "list", lambda f, a: f.import_assignments([row(a)]), frozenset({SYSTEM})),
]


def test_the_matrix_has_every_action() -> None:
    """SPEC 8.1: none is left out."""
    assert {entry.action for entry in MATRIX} == set(Action)


def unspeakable(world: World) -> list[str]:
    """Names of people, organizations and projects, and ids of clients: what an error may not say."""
    with world.store.transaction() as tx:
        people = [
            name for kind in (tx.clients, tx.users) for each in kind for name in (each.first_name, each.last_name)
        ]
        names = [each.project_name for each in tx.projects] + [each.organization_name for each in tx.organizations]
        ids = [client.personal_id for client in tx.clients] + [stay.enrollment_id for stay in tx.enrollments]
    return [text for text in (*people, *names, *ids) if text]


@pytest.mark.parametrize("actor", [WORKER, SUPERVISOR, OUTSIDER, ABROAD, LEFT, "nobody", SYSTEM])
@pytest.mark.parametrize("entry", MATRIX, ids=lambda entry: f"{entry.action}: {entry.name}")
def test_who_may_do_what(agency: Agency, entry: Entry, actor: Any) -> None:
    """SPEC 8.1, 8.2, 8.4: a denied act writes nothing, and names action and reason and nobody's data."""
    world = agency.world
    front, state, lines = world.as_(actor), world.state(), world.lines()
    if actor in entry.allowed:
        entry.call(front, agency)
        return
    with pytest.raises(PermissionDeniedError) as error:
        entry.call(front, agency)
    may_nothing = actor in {LEFT, "nobody"}
    assert error.value.action == (entry.first or entry.action if may_nothing else entry.action)
    assert error.value.reason
    assert (world.state(), world.lines()) == (state, lines)
    said = str(error.value).replace("client c1", "the client who was named")
    assert not [text for text in unspeakable(world) if text in said]


@pytest.mark.parametrize(
    "act",
    [
        lambda front: front.reassign("kim", "sam"),
        lambda front: front.cover("kim", "sam", "2026-03-05", "2026-03-20"),
        lambda front: front.deactivate("kim", on="2026-03-10"),
    ],
    ids=["reassign", "cover", "deactivate"],
)
def test_a_supervisor_elsewhere_moves_nothing_that_they_may_not_see(agency: Agency, act: Any) -> None:
    """SPEC 8.2: the permission is one thing and access another; what is left alone is counted, and not named."""
    before = agency.world.state()["assignment"]
    outcome: Outcome = act(agency.world.as_(ABROAD))
    assert (outcome.assignments, outcome.enrollments, outcome.skipped, outcome.withheld) == ((), (), (), 3)
    assert agency.world.state()["assignment"] == before


def test_a_plan_for_what_one_may_not_see_is_not_applied(agency: Agency) -> None:
    """SPEC 8.2, 6.11: not even with the permission, by somebody to whom the plan was handed."""
    world, plan = agency.world, plan_of(agency, "kim")
    state = world.state()
    with pytest.raises(RuleViolationError, match="plan-outdated"):
        world.as_(ABROAD).apply(plan)
    assert world.state() == state


def test_an_own_caseload_needs_no_permission(agency: Agency) -> None:
    """SPEC 8.2: everybody sees their own stints; reassigning them is another's to allow."""
    assert len(agency.world.kim.active_cases()) == len(agency.world.kim.active_cases("kim")) == 3
    for act in (agency.world.kim.plan_reassignment, agency.world.kim.reassign):
        with pytest.raises(PermissionDeniedError, match=r"lacks the permission caseload\.reassign"):
            act("kim", "lee")


def test_a_plan_within_a_departure_needs_both_permissions(agency: Agency) -> None:
    """SPEC 6.13, 8.2: who leaves is one thing, and who gets their cases another."""
    world = agency.world
    world.system.add(User(user_id="hr", organization_ids=frozenset({"haven"}), permissions=frozenset({"user.manage"})))
    plan = plan_of(agency, "kim")
    state = world.state()
    with pytest.raises(PermissionDeniedError) as error:
        world.as_("hr").deactivate("kim", plan=plan)
    assert error.value.action == "caseload.reassign"
    assert world.state() == state
    world.as_(SUPERVISOR).deactivate("kim", plan=plan)
