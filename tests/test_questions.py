"""The questions: lists, client record, search, and what each may show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from world import TODAY, World, day

from caseassign import (
    SYSTEM,
    AssignmentStatus,
    CaseAssignment,
    Cases,
    Casework,
    Client,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    PermissionDeniedError,
    User,
)

KEYS = [
    "assignment_id",
    "enrollment_id",
    "personal_id",
    "client_name",
    "project_id",
    "project_name",
    "entry_date",
    "exit_date",
    "household_id",
    "household_size",
    "head_of_household",
    "head_name",
    "user_id",
    "case_manager_name",
    "role",
    "start_date",
    "end_date",
    "since",
    "status",
]


def clients(cases: Cases) -> list[str]:
    """The clients of a list, in its order."""
    return [case.client.personal_id for case in cases]


def test_a_case_shows_what_a_list_of_active_cases_shows(world: World) -> None:
    """SPEC 7.1: client, enrollment, head of household, household size, role, since when."""
    family = world.family(3)
    stint = world.kim.assign(family[1], start="2026-02-01").assignment
    row = world.kim.active_cases().to_dicts()[0]
    assert list(row) == KEYS
    assert row == {
        "assignment_id": stint.assignment_id,
        "enrollment_id": family[1].enrollment_id,
        "personal_id": "c2",
        "client_name": "Marigold, Ben",
        "project_id": "es",
        "project_name": "Haven Shelter",
        "entry_date": "2026-01-10",
        "exit_date": None,
        "household_id": family[0].household_id,
        "household_size": 3,
        "head_of_household": "c1",
        "head_name": "Marigold, Ada",
        "user_id": "kim",
        "case_manager_name": "Example, Kim",
        "role": "Case Manager",
        "start_date": "2026-02-01",
        "end_date": None,
        "since": "2026-02-01",
        "status": "active",
    }


def test_since_is_the_start_of_the_unbroken_run(world: World) -> None:
    """SPEC 7.1: touching stints of that user in that role are one run; a gap, another role or user breaks it."""
    stay = world.stay()
    for start, end, user, role in (
        ("01-10", "01-12", "kim", "Case Manager"),
        ("01-15", "01-20", "kim", "Case Manager"),
        ("01-20", "01-25", "kim", "Case Manager"),
        ("01-25", None, "kim", "Case Manager"),
        ("01-10", "01-15", "lee", "Case Manager"),
        ("01-10", "01-15", "kim", "Navigator"),
    ):
        world.kim.assign(stay, user, start=day(start), end=None if end is None else day(end), role=role)
    assert [case.since for case in world.kim.active_cases()] == [day("01-15")]


def test_household_size_counts_who_is_open_and_always_the_client(world: World) -> None:
    """SPEC 7.2: clients open as of the day, the case's own always; deleted members count nowhere (SPEC 5.4)."""
    family = world.family(4)
    world.kim.assign(family[0], start="2026-01-10", end="2026-02-10")
    world.kim.exit(family[1], on="2026-02-01")
    world.kim.exit(family[0], on="2026-02-20")
    with world.store.transaction(write=True) as tx:
        deleted = tx.enrollments.get([family[2].enrollment_id])[family[2].enrollment_id]
        values: dict[str, Any] = {
            name: getattr(deleted, name) for name in ("enrollment_id", "personal_id", "project_id", "household_id")
        }
        tx.enrollments.replace([Enrollment(**values, entry_date=deleted.entry_date, deleted=True)])
    assert [case.household_size for case in world.kim.active_cases(as_of="2026-01-20")] == [3]
    assert [case.household_size for case in world.kim.inactive_cases()] == [2]


@pytest.mark.parametrize(("relationships", "head"), [((1, 2), "c1"), ((2, 2), None), ((1, 1), None)])
def test_the_head_is_null_where_there_is_none_or_more_than_one(world: World, relationships: Any, head: Any) -> None:
    """SPEC 7.2: none, or more than one: null."""
    members = dict(zip(("c1", "c2"), relationships, strict=True))
    world.kim.enroll(members, "es", on="2026-01-10")
    assert {row["head_of_household"] for row in world.kim.active_cases().to_dicts()} == {head}


def test_an_exited_head_stays_the_head(world: World) -> None:
    """SPEC 2, 7.2: the head is the member with relationship 1, whatever their dates."""
    family = world.family(2)
    world.kim.assign(family[1])
    world.kim.exit(family[0])
    row = world.kim.active_cases().to_dicts()[0]
    assert (row["head_of_household"], row["household_size"]) == ("c1", 1)


def test_households_are_not_mixed_across_projects(world: World) -> None:
    """SPEC 2: real exports re-use household ids across projects."""
    world.kim.enroll({"c1": 1, "c2": 2}, "es", household_id="h")
    world.kim.enroll({"c3": 1}, "rrh", household_id="h")
    assert [case.household_size for case in world.kim.active_cases(projects=["rrh"])] == [1]


def test_an_inactive_list_holds_who_is_not_held_again(world: World) -> None:
    """SPEC 7.2: one row per past stint whose enrollment and role the user does not hold as of the day."""
    stay, other = world.stay(), world.stay("c2")
    for enrollment in (stay, other):
        world.kim.assign(enrollment, start="2026-01-10", end="2026-01-20")
        world.kim.assign(enrollment, start="2026-01-25", end="2026-02-01")
    world.kim.assign(stay, start="2026-02-10")
    world.kim.assign(stay, start="2026-01-10", end="2026-01-20", role="Navigator")
    rows = world.kim.inactive_cases().to_dicts()
    assert [(row["personal_id"], row["role"]) for row in rows] == [
        ("c1", "Navigator"),
        ("c2", "Case Manager"),
        ("c2", "Case Manager"),
    ]
    assert clients(world.kim.inactive_cases(as_of="2026-02-05")) == ["c1", "c1", "c1", "c2", "c2"]


def test_cover_that_has_run_out_stays_out_of_the_inactive_list(world: World) -> None:
    """SPEC 6.14: cover stays out of inactive lists."""
    world.kim.assign(world.stay(), start="2026-01-10", end="2026-01-20", role="Cover")
    assert len(world.kim.inactive_cases()) == 0
    assert len(world.kim.active_cases(as_of="2026-01-15")) == 1


def test_lists_are_sorted_by_client_name_or_by_start(world: World) -> None:
    """SPEC 7.1, 7.10: and stable under ties."""
    for client, start in (("c3", "02-01"), ("c1", "02-02"), ("c2", "02-03")):
        world.kim.assign(world.stay(client), start=day(start))
    world.system.add(Client(personal_id="c9"))
    world.kim.enroll("c9", "es")
    assert clients(world.kim.active_cases()) == ["c1", "c2", "c3", "c9"]
    assert clients(world.kim.active_cases(order="start")) == ["c3", "c1", "c2", "c9"]


def test_lists_are_narrowed_to_projects_organizations_and_roles(world: World) -> None:
    """SPEC 7.1: filter by project, organization, role."""
    sam = world.sam
    sam.enroll("c1", "es")
    sam.enroll("c2", "th")
    sam.assign(sam.enroll("c3", "rrh", case_manager=None).enrollment, role="Navigator")
    assert clients(sam.active_cases(projects=["es", "th"])) == ["c1", "c2"]
    assert clients(sam.active_cases(organizations=["haven"])) == ["c1", "c3"]
    assert clients(sam.active_cases(roles=["Navigator"])) == ["c3"]


def test_lists_page_by_key(world: World) -> None:
    """SPEC 7.10: no row twice and none lost, even if rows come and go between the pages."""
    for number in range(1, 6):
        world.kim.enroll(f"c{number}", "es")
    first = world.kim.active_cases(limit=2)
    assert "marigold" not in repr(first.next_page).casefold()
    assert clients(first) == ["c1", "c2"]
    world.kim.end(first[1].assignment or "")
    second = world.kim.active_cases(limit=2, after=first.next_page)
    third = world.kim.active_cases(limit=2, after=second.next_page)
    assert (clients(second), clients(third), third.next_page) == (["c3", "c4"], ["c5"], None)
    with pytest.raises(InvalidRecordError, match="limit"):
        world.kim.active_cases(limit=0)
    with pytest.raises(InvalidRecordError, match="list of texts"):
        world.kim.active_cases(projects="es")
    with pytest.raises(InvalidRecordError, match="order"):
        world.kim.active_cases(order="name")  # type: ignore[arg-type]  # wrong on purpose


def test_case_managers_of_a_client_come_active_first(world: World) -> None:
    """SPEC 7.4: active first, then inactive, then upcoming, grouped by enrollment."""
    stay = world.stay()
    late = world.system.enroll("c1", "rrh", on="2026-02-01", case_manager=None).enrollment
    world.kim.assign(late, "sam")
    world.kim.assign(stay, "lee", start="2026-04-01")
    world.kim.assign(stay, start="2026-01-10", end="2026-01-20")
    world.kim.assign(stay)
    rows = world.kim.case_managers("c1").to_dicts()
    assert [(row["status"], row["user_id"], row["project_id"]) for row in rows] == [
        ("active", "sam", "rrh"),
        ("active", "kim", "es"),
        ("inactive", "kim", "es"),
        ("upcoming", "lee", "es"),
    ]


def test_case_managers_of_the_household_come_on_request(world: World) -> None:
    """SPEC 7.4: with household members on request."""
    family = world.family(2)
    world.kim.assign(family[0], household=True)
    assert len(world.kim.case_managers("c1")) == 1
    assert {row["personal_id"] for row in world.kim.case_managers("c1", household=True).to_dicts()} == {"c1", "c2"}
    with pytest.raises(NotFoundError):
        world.kim.case_managers("nobody")


def test_the_client_record_shows_every_enrollment_open_first(world: World) -> None:
    """SPEC 7.11: those with nobody assigned included, each with household members and case managers."""
    family = world.family(2)
    world.kim.assign(family[0], start="2026-02-01")
    world.kim.exit(family[0], on="2026-02-10")
    nobodys = world.system.enroll("c1", "rrh", on="2026-02-10", case_manager=None).enrollment
    world.put_raw(
        Enrollment(
            enrollment_id="alone", personal_id="c1", project_id="rrh", entry_date=day("01-01"), exit_date=day("01-02")
        )
    )
    record = world.kim.client_record("c1")
    assert [e.enrollment.enrollment_id for e in record.enrollments] == [
        nobodys.enrollment_id,
        family[0].enrollment_id,
        "alone",
    ]
    assert record.client.first_name == "Ada"
    assert [case.status for case in record.enrollments[1].case_managers] == [AssignmentStatus.INACTIVE]
    assert [member.personal_id for member, _ in record.enrollments[1].members] == ["c1", "c2"]
    assert [len(e.members) for e in record.enrollments] == [1, 2, 1]
    assert record.enrollments[0].case_managers == ()


def test_the_search_finds_who_may_take_the_case(world: World) -> None:
    """SPEC 7.5: by part of a name, limited to those who may take this enrollment or, before enrolling, this project."""
    stay = world.stay()

    def found(text: str, **where: Any) -> list[str]:
        return [user.user_id for user in world.kim.find_case_managers(text, **where)]

    assert found("") == ["bo", "kim", "lee", "sam", "clerk", "gone", "super"]
    assert found("EXAM kim") == ["kim"]
    assert found("", enrollment=stay) == found("", project="es") == ["kim", "lee", "sam", "super"]
    assert [user.user_id for user in world.sam.find_case_managers("b", project="th")] == ["bo"]
    world.super.add(User(user_id="u9", first_name="Zoë"))
    assert found("ZOË") == ["u9"]
    with pytest.raises(PermissionDeniedError):
        found("", project="th")
    with pytest.raises(NotFoundError):
        found("", project="nowhere")
    with pytest.raises(NotFoundError):
        found("", enrollment="nowhere")


def test_whoever_is_found_can_be_assigned(world: World) -> None:
    """SPEC 7.5: the search and the guards say the same."""
    stay = world.stay()
    for user in world.kim.find_case_managers("", enrollment=stay):
        world.kim.assign(stay, user)


def test_unassigned_lists_open_enrollments_that_nobody_holds(world: World) -> None:
    """SPEC 7.7: a case with one ended and one live stint is not unassigned."""
    held = world.stay("c1")
    world.kim.assign(held, start="2026-01-10", end="2026-02-01")
    world.kim.assign(held, start="2026-02-01")
    ended = world.stay("c2")
    world.kim.assign(ended, start="2026-01-10", end="2026-02-01")
    never = world.stay("c3")
    world.kim.exit(world.stay("c4"))
    upcoming = world.stay("c5")
    world.kim.assign(upcoming, start="2026-03-03")
    assert clients(world.kim.unassigned()) == ["c2", "c3", "c5"]
    assert clients(world.kim.unassigned(limit=1)) == ["c2"]
    row = world.kim.unassigned().to_dicts()[1]
    assert list(row) == KEYS
    assert (row["enrollment_id"], row["assignment_id"], row["since"], row["status"]) == (
        never.enrollment_id,
        None,
        None,
        None,
    )
    codes = [finding.enrollment_id for finding in world.kim.audit() if finding.code == "unassigned"]
    assert sorted(filter(None, codes)) == sorted(row["enrollment_id"] for row in world.kim.unassigned().to_dicts())


def test_a_deleted_enrollment_leaves_every_list(world: World) -> None:
    """SPEC 5.4: every list, count and household."""
    family = world.family(2)
    world.kim.assign(family[0], household=True)
    with world.store.transaction(write=True) as tx:
        gone = tx.enrollments.get([family[0].enrollment_id])[family[0].enrollment_id]
        values: dict[str, Any] = {
            "enrollment_id": gone.enrollment_id,
            "personal_id": "c1",
            "project_id": "es",
            "household_id": gone.household_id,
        }
        tx.enrollments.replace([Enrollment(**values, relationship_to_hoh=1, entry_date=gone.entry_date, deleted=True)])
    rows = world.kim.active_cases().to_dicts()
    assert [(row["personal_id"], row["household_size"], row["head_of_household"]) for row in rows] == [("c2", 1, None)]
    assert len(world.kim.case_managers("c1")) == 0
    assert world.kim.client_record("c1").enrollments == ()
    assert "c1" not in clients(world.kim.unassigned())


# Who may see what


def test_others_caseloads_need_permission(world: World) -> None:
    """SPEC 8.2: sees others' caseloads only with caseload.view."""
    with pytest.raises(PermissionDeniedError, match=r"caseload\.view"):
        world.kim.active_cases("lee")
    assert len(world.super.active_cases("lee")) == 0
    assert len(world.kim.active_cases("kim")) == 0
    with pytest.raises(NotFoundError):
        world.system.active_cases("nobody")
    with pytest.raises(InvalidRecordError, match="name a user"):
        world.system.active_cases()


def test_rows_that_may_not_be_seen_are_withheld_and_counted(world: World) -> None:
    """SPEC 8.2: lists show only what the acting user may see and say how many rows were withheld."""
    world.sam.enroll("c1", "th")
    world.sam.enroll("c2", "es")
    cases = world.super.active_cases("sam")
    assert (clients(cases), cases.withheld) == (["c2"], 1)
    assert (clients(world.system.active_cases("sam")), world.system.active_cases("sam").withheld) == (["c1", "c2"], 0)
    world.kim.enroll("c1", "es", case_manager=None)
    managers = world.kim.case_managers("c1")
    assert (len(managers), managers.withheld) == (0, 1)
    record = world.kim.client_record("c1")
    assert (len(record.enrollments), record.withheld) == (1, 1)
    assert world.kim.unassigned().withheld == 0
    world.sam.enroll("c3", "th", case_manager=None)
    assert (clients(world.kim.unassigned()), world.kim.unassigned().withheld) == (["c1"], 1)


def test_everybody_sees_their_own_stints_without_names_where_access_is_gone(world: World) -> None:
    """SPEC 8.2: with names withheld where their access is gone."""
    world.sam.enroll({"c1": 1, "c2": 2}, "th")
    world.system.add(User(user_id="sam", organization_ids=frozenset({"haven"})))
    rows = world.sam.active_cases().to_dicts()
    assert [(row["personal_id"], row["client_name"], row["head_name"]) for row in rows] == [
        ("c1", None, None),
        ("c2", None, None),
    ]
    assert world.sam.client_record("c1").client.first_name is None


def test_who_has_left_or_is_unknown_asks_nothing(world: World) -> None:
    """SPEC 8.2: the acting user exists and has not left."""
    for user, match in (("gone", "has left"), ("nobody", "not known")):
        front = world.as_(user)
        for ask in (
            front.active_cases,
            front.unassigned,
            lambda front=front: front.case_managers("c1"),
            lambda front=front: front.client_record("c1"),
            lambda front=front: front.find_case_managers("a"),
            lambda front=front: front.history(client="c1"),
            lambda front=front: list(front.audit()),
            front.verify_history,
        ):
            with pytest.raises(PermissionDeniedError, match=match):
                ask()


# Queries


class Counting:
    """Anything of a store, counting the calls of its methods."""

    def __init__(self, inner: Any, calls: list[str]) -> None:
        self._inner, self._calls = inner, calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if callable(value):
            self._calls.append(name)
            return value
        return Counting(value, self._calls)

    def __iter__(self) -> Iterator[Any]:
        self._calls.append("iter")
        return iter(self._inner)


class CountingStore:
    """A store that counts what is asked of it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: list[str] = []

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """Open a transaction of the store within."""
        with self._store.transaction(write=write) as tx:
            yield Counting(tx, self.calls)

    def close(self) -> None:
        """Close nothing."""


def queries(ask: Any, stays: int) -> int:
    """How many queries a question takes when there are so many stays."""
    world = World()
    members = {}
    for number in range(stays):
        world.system.add(Client(personal_id=f"m{number}"))
        members[f"m{number}"] = 1 if number == 0 else 2
    world.kim.enroll(members, "es")
    store = CountingStore(world.store)
    ask(Casework(store, user="kim", clock=lambda: TODAY))
    return len(store.calls)


@pytest.mark.parametrize(
    "ask",
    [
        lambda kim: kim.active_cases(),
        lambda kim: kim.inactive_cases(),
        lambda kim: kim.upcoming_cases(),
        lambda kim: kim.case_managers("m0", household=True),
        lambda kim: kim.client_record("m0"),
        lambda kim: kim.find_case_managers("k", project="es"),
        lambda kim: kim.unassigned(),
        lambda kim: kim.history(client="m0"),
        lambda kim: list(kim.audit()),
    ],
    ids=["active", "inactive", "upcoming", "managers", "record", "find", "unassigned", "history", "audit"],
)
def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(ask: Any) -> None:
    """SPEC 7.1 to 7.11: plural finders, never one query a row."""
    assert queries(ask, 2) == queries(ask, 60) > 0


def test_a_stint_on_an_unassigned_case_is_none(world: World) -> None:
    """API: assignment, case manager, since and status are null where nobody holds the case."""
    world.stay()
    case = world.kim.unassigned()[0]
    assert (case.assignment, case.case_manager, case.since, case.status) == (None, None, None, None)
    assert world.kim.unassigned()[:1] == (case,)


def test_dirty_stints_do_not_break_a_list(world: World) -> None:
    """SPEC 11: one bad record breaks the whole list."""
    stay = world.stay()
    world.put_raw(
        CaseAssignment(assignment_id="d1", enrollment_id=stay.enrollment_id, user_id="gone", start_date=day("01-01")),
        CaseAssignment(assignment_id="d2", enrollment_id=stay.enrollment_id, user_id="gone", start_date=day("01-05")),
    )
    assert len(world.as_(SYSTEM).active_cases("gone")) == 2
    assert {case.since for case in world.as_(SYSTEM).active_cases("gone")} == {day("01-01")}
