"""What each user may see: no list, count, search or history leaks what belongs to an organization of others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from world import PROJECTS, TODAY, World, day

from caseassign import (
    SYSTEM,
    Action,
    Actor,
    Casework,
    Client,
    DefaultPolicy,
    Enrollment,
    PermissionDeniedError,
    Project,
    User,
)
from caseassign.history import Change
from caseassign.policy import Request
from caseassign.rules import GUARDS, caseload_at_most, known_roles
from caseassign.storage import Store

NAMES = ("Umbra", "Penumbra")
QUESTIONS: dict[str, Any] = {
    "active cases": lambda front, hidden, when: front.active_cases("sam", known_at=when),
    "active cases of one organization": lambda front, hidden, when: front.active_cases(
        "sam", known_at=when, organizations=["bridge"], roles=["Case Manager"]
    ),
    "inactive cases": lambda front, hidden, when: front.inactive_cases("sam", as_of="2026-06-01", known_at=when),
    "upcoming cases": lambda front, hidden, when: front.upcoming_cases("sam", as_of="2026-01-01", known_at=when),
    "case managers": lambda front, hidden, when: front.case_managers("both", household=True, known_at=when),
    "case managers of the hidden": lambda front, hidden, when: front.case_managers(
        "hidden", household=True, known_at=when
    ),
    "client record": lambda front, hidden, when: front.client_record("both", known_at=when),
    "client record of the hidden": lambda front, hidden, when: front.client_record("hidden", known_at=when),
    "search": lambda front, hidden, when: front.find_case_managers("", known_at=when),
    "search for the hidden": lambda front, hidden, when: front.find_case_managers("", hidden.stay, known_at=when),
    "unassigned": lambda front, hidden, when: front.unassigned(known_at=when),
    "history of a user": lambda front, hidden, when: front.history(user="sam", known_at=when),
    "history of a client": lambda front, hidden, when: front.history(client="both", known_at=when),
    "history of the hidden": lambda front, hidden, when: front.history(client="hidden", known_at=when),
    "history of the hidden stay": lambda front, hidden, when: front.history(enrollment=hidden.stay, known_at=when),
    "history of the hidden stint": lambda front, hidden, when: front.history(assignment=hidden.stint, known_at=when),
    "history of a batch": lambda front, hidden, when: front.history(batch=hidden.batch, known_at=when),
    "audit": lambda front, hidden, when: Audited(front.audit(known_at=when)),
}
CASELOADS = {"active cases", "active cases of one organization", "inactive cases", "upcoming cases"}
DENIED: dict[str | Actor, set[str]] = {
    "kim": {"search for the hidden", "history of a user"} | CASELOADS,
    "super": {"search for the hidden"},
    "bo": {"history of a user"} | CASELOADS,
    "gone": set(QUESTIONS),
    SYSTEM: set(),
}


class Audited:
    """What an audit says, once it was read."""

    def __init__(self, audit: Any) -> None:
        self.findings = list(audit)
        self.withheld = audit.withheld


@attrs.frozen(kw_only=True)
class Hidden:
    """The ids of what belongs to Bridge alone."""

    stay: str
    stint: str
    batch: str
    ids: tuple[str, ...]


def shared(store: Store) -> tuple[World, Hidden]:
    """The agency with a family of Bridge alone, a client of both, and one of Haven alone; Sam holds them all."""
    world = World(store)
    world.system.add(
        Client(personal_id="hidden", first_name=NAMES[0], last_name=NAMES[0]),
        Client(personal_id="hidden-child", first_name=NAMES[1], last_name=NAMES[1]),
        Client(personal_id="both", first_name="Bea", last_name="Both"),
        Client(personal_id="own", first_name="Olga", last_name="Own"),
    )
    sam: dict[str, Any] = {"on": day("01-10"), "case_manager": "sam"}
    family = world.system.enroll({"hidden": 1, "hidden-child": 2}, "th", household_id="umbra-house", **sam)
    of_both = world.system.enroll("both", "th", household_id="penumbra-house", **sam)
    world.system.enroll("both", "es", household_id="open-house", **sam)
    own = world.system.enroll("own", "es", household_id="own-house", **sam)
    for outcome in (family, own):
        world.system.end(outcome.assignments[0], on="2026-02-01")
    stays = [*family.enrollments, *of_both.enrollments]
    stints = [*family.assignments, *of_both.assignments]
    return world, Hidden(
        stay=stays[0].enrollment_id,
        stint=stints[0].assignment_id,
        batch=family.batch_id or "",
        ids=(
            "hidden-child",
            "umbra-house",
            "penumbra-house",
            *[stay.enrollment_id for stay in stays],
            *[stint.assignment_id for stint in stints],
        ),
    )


def moment_of(world: World) -> datetime:
    """Return the moment at which the last line was recorded."""
    with world.store.transaction() as tx:
        recorded_at = tx.history.head().recorded_at
    assert recorded_at is not None
    return recorded_at


def text_of(answer: Any) -> str:
    """Return all that an answer holds, what `repr` leaves out included."""

    def plain(value: Any) -> Any:
        if attrs.has(type(value)):
            return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        return vars(value) if isinstance(value, Audited) else str(value)

    return json.dumps(answer, default=plain)


def rows_of(answer: Any) -> int:
    """Return how many rows an answer has."""
    return len(getattr(answer, "enrollments", answer))


@pytest.mark.slow
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_leaks_what_may_not_be_seen(store: Store, question: str, later: bool) -> None:
    """SPEC 8.1, 8.2, 7.8: each user is told what is open to them, how much is not, and no name or id of that."""
    world, hidden = shared(store)
    when = None
    if later:
        when = moment_of(world)
        for stay in hidden.ids[3:6]:
            world.system.exit(stay, on=TODAY - timedelta(days=3))
        world.system.add(Client(personal_id="hidden", first_name="Newname"))
    ask = QUESTIONS[question]
    everything = ask(world.system, hidden, when)
    for user, denied in DENIED.items():
        front = world.as_(user)
        if question in denied:
            with pytest.raises(PermissionDeniedError) as refused:
                ask(front, hidden, when)
            assert not [secret for secret in (*NAMES, *hidden.ids) if secret in str(refused.value)]
            continue
        told = ask(front, hidden, when)
        text = text_of(told)
        if user in {"kim", "super"}:
            assert not [secret for secret in (*NAMES, "Newname", *hidden.ids) if secret in text]
            if "the hidden" not in question and question != "history of a batch":
                assert '"hidden"' not in text
        if user == "bo":
            assert "Olga" not in text
            assert "own-house" not in text
        if isinstance(told, Audited):
            assert told.withheld == {SYSTEM: 0, "bo": 2}.get(user, 3)
        elif not question.startswith("search"):
            assert rows_of(told) + told.withheld == rows_of(everything)
            assert (told.withheld == 0) == (user is SYSTEM or rows_of(told) == rows_of(everything))


def test_the_matrix_has_something_to_hide(store: Store) -> None:
    """SPEC 8.2: the system is told the names and ids that the others are not."""
    world, hidden = shared(store)
    told = "".join(text_of(ask(world.system, hidden, None)) for ask in QUESTIONS.values())
    assert [secret for secret in (*NAMES, *hidden.ids) if secret not in told] == []


class Watched:
    """A store, or a part of it, that writes down every record that it gives."""

    def __init__(self, watched: Any, given: list[Any]) -> None:
        self._watched = watched
        self._given = given

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Open a transaction that writes down what it gives."""
        with self._watched.transaction() as tx:
            yield Watched(tx, self._given)

    def __iter__(self) -> Iterator[Any]:
        for each in self._watched:
            self._given.append(each)
            yield each

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._watched, name)
        if not callable(part):
            return Watched(part, self._given)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = part(*args, **kwargs)
            if isinstance(answer, Iterator):
                answer = list(answer)
            if not isinstance(answer, int):
                self._given.extend(answer.values() if isinstance(answer, dict) else answer)
            return iter(answer) if name in {"by_household", "unassigned"} else answer

        return call


@pytest.mark.parametrize(
    "question",
    [
        "active cases",
        "inactive cases",
        "upcoming cases",
        "unassigned",
        "audit",
        "client record",
        "case managers",
        "history of a user",
        "history of the hidden stay",
    ],
)
def test_what_may_not_be_seen_is_not_loaded(store: Store, question: str) -> None:
    """SPEC 8.2: the store's query leaves it out: no client, household or line of a hidden project comes out of it."""
    _, hidden = shared(store)
    given: list[Any] = []
    watched: Any = Watched(store, given)
    front = Casework(watched, user="super", clock=lambda: TODAY)
    told = QUESTIONS[question](front, hidden, None)
    assert told.withheld
    clients = {each.personal_id for each in given if isinstance(each, Client)}
    assert clients <= {"both", "own"}
    others = {each.personal_id for each in given if isinstance(each, Enrollment)}
    assert others <= ({"both", "own", "hidden"} if question == "history of the hidden stay" else {"both", "own"})
    lines = [each for each in given if isinstance(each, Change) and each.record.kind in {"enrollment", "assignment"}]
    assert not [line for line in lines if line.record.id in hidden.ids]


def test_ones_own_cases_are_shown_without_names(any_world: World) -> None:
    """SPEC 8.2: everybody sees their own stints, also in the past, with names withheld where their access is gone."""
    world = any_world
    world.family(2, case_manager="sam")
    world.system.end(world.sam.enroll("c1", "th", on="2026-01-05").assignment, on="2026-02-01")
    moment = moment_of(world)
    world.system.add(User(user_id="sam", organization_ids=frozenset({"bridge"})))
    for when in (None, moment):
        cases = world.sam.active_cases(known_at=when)
        assert [(case.client.first_name, case.household_size) for case in cases] == [(None, 2)] * 2
        assert {case.head_of_household for case in cases} == {Client(personal_id="c1")}
        assert {case.client.first_name for case in world.sam.inactive_cases(known_at=when)} == {"Ada"}
        both = world.sam.case_managers("c1", known_at=when)
        assert [(case.project.project_id, case.client.first_name) for case in both] == [("es", None), ("th", "Ada")]
        managers = world.sam.case_managers("c2", household=True, known_at=when)
        assert [case.client.first_name for case in managers] == [None, None]


def test_the_policy_is_asked_about_what_is_now(world: World) -> None:
    """SPEC 8.1, 7.8: a host's policy is given today's records, of the user asked about and of the projects."""
    asked: list[Any] = []

    class Listening:
        """Allows everything, and writes down what it is asked."""

        def denial(self, request: Request) -> str | None:
            """Write down who and what it is about."""
            asked.extend([request.user, *request.projects])
            return None

        def may_see(self, actor: Any, project: Any) -> bool:
            """Write down the project."""
            asked.append(project)
            return True

    stay = world.stay(case_manager="kim")
    moment = moment_of(world)
    world.system.add(
        User(user_id="kim", first_name="Kimberly", organization_ids=frozenset({"haven"})),
        attrs.evolve(PROJECTS[0], project_name="Haven House"),
    )
    front = world.as_("super", policy=Listening())
    case = front.active_cases("kim", known_at=moment)[0]
    assert (case.project.project_name, case.case_manager.first_name if case.case_manager else "") == (
        "Haven Shelter",
        "Kim",
    )
    assert "kim" in {user.user_id for user in front.find_case_managers("Kim", stay, known_at=moment)}
    people = [each for each in asked if isinstance(each, User)]
    assert {user.first_name for user in people} == {"Kimberly"}
    assert {p.project_name for p in asked if isinstance(p, Project) and p.project_id == "es"} == {"Haven House"}


def test_a_version_of_oneself_is_oneself(world: World) -> None:
    """SPEC 8.2: whose caseload it is, is said by the id: what else is known of the user may have changed."""
    kim = world.as_("kim")
    old = User(user_id="kim", first_name="Old")
    request = Request(actor=User(user_id="kim"), action=Action.CASELOAD_VIEW, today=TODAY, user=old)
    assert DefaultPolicy().denial(request) is None
    assert len(kim.active_cases(old)) == 0


def test_the_search_leaves_out_whose_caseload_is_full(any_world: World) -> None:
    """SPEC 7.5, 5: who may take an enrollment is asked of the guards, those about caseloads too, as of its start."""
    world = any_world
    stay = world.stay(case_manager="kim")
    other = world.stay("c2")
    world.system.assign(stay, "lee", start="2026-02-01", end="2026-03-01")
    world.system.void(world.system.assign(stay, "sam", start="2026-02-01").assignment, "wrong")
    full = world.as_("kim", guards=(*GUARDS, caseload_at_most(1, hard=True)))
    found = {user.user_id for user in full.find_case_managers("", other)}
    assert found >= {"lee", "sam"}
    assert "kim" not in found
    world.put_raw(attrs.evolve(stay, deleted=True))
    assert "kim" in {user.user_id for user in full.find_case_managers("", other)}


def test_the_search_does_not_choose_a_role(world: World) -> None:
    """SPEC 7.5: where an agency lists its roles, one is chosen after the user."""
    front = world.as_("kim", guards=(*GUARDS, known_roles("Navigator")))
    assert "lee" in {user.user_id for user in front.find_case_managers("", project="es")}
