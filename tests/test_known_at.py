"""As known at a moment: what was recorded up to it, and nothing that came later."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_examples import exactly, lines_after
from test_import_export import Row, Sent
from test_invariants import SEQUENCES, busy_world, carry_out
from test_stores_agree import DAYS, KEYS, MOMENTS, answers
from world import PROJECTS, World, day

from caseassign import (
    Actor,
    CaseAssignError,
    CaseAssignment,
    Client,
    Enrollment,
    InvalidRecordError,
    MemoryStore,
    NotFoundError,
    Organization,
    Project,
    SQLiteStore,
    StorageError,
    User,
)
from caseassign.history import IMPORT, Change, RecordKey, to_plain
from caseassign.model import KINDS, Record
from caseassign.past import Past, present
from caseassign.storage import Store, Transaction

keys = st.sampled_from(KEYS[:3])
maybe = st.none() | keys
days = st.sampled_from(DAYS)

VERSIONS = st.one_of(
    st.builds(Organization, organization_id=keys, organization_name=maybe),
    st.builds(Project, project_id=keys, project_name=maybe),
    st.builds(User, user_id=keys, permissions=st.frozensets(keys), left_on=st.none() | days),
    st.builds(Client, personal_id=keys, last_name=maybe),
    *[
        st.builds(
            Enrollment,
            enrollment_id=keys,
            personal_id=keys,
            project_id=keys,
            household_id=maybe,
            relationship_to_hoh=st.sampled_from([None, 1, 99]),
            entry_date=days,
            exit_date=st.none() | days,
            deleted=st.booleans(),
        )
    ]
    * 2,
    *[
        st.builds(
            CaseAssignment,
            assignment_id=keys,
            enrollment_id=keys,
            user_id=keys,
            start_date=st.just(DAYS[0]),
            end_date=st.none() | days,
            voided=st.booleans(),
        )
    ]
    * 2,
)
"""Records of every kind, of few ids, so that they change often and refer to each other."""

BATCHES = st.lists(st.tuples(st.sampled_from(MOMENTS), st.booleans(), st.lists(VERSIONS, max_size=5)), max_size=6)


def record_batch(
    tx: Transaction, batch_id: str, moment: datetime, records: Iterable[Record], *, importing: bool
) -> None:
    """Write records as an act or an import does: a line for each, but one for all that an import sees first."""
    drafts: list[dict[str, Any]] = []
    for record in records:
        of_kind = getattr(tx, f"{record.KIND}s")
        before = of_kind.get([record.key]).get(record.key)
        if before is None:
            of_kind.add([attrs.evolve(record, batch_id=batch_id)])
        else:
            of_kind.replace([attrs.evolve(record, batch_id=before.batch_id)])
        if before is not None or not importing:
            plain = None if before is None else to_plain(before)
            about = RecordKey(record.KIND, record.key)
            drafts.append({"record": about, "before": plain, "after": to_plain(record)})
    if importing:
        drafts.append({"record": RecordKey(IMPORT, batch_id), "after": {}})
    head = tx.history.head()
    moment = moment if head.recorded_at is None else max(moment, head.recorded_at)
    tx.history.append(lines_after(head, *({"batch_id": batch_id, "recorded_at": moment} | each for each in drafts)))


def copied(tx: Transaction) -> MemoryStore:
    """Return a store with all that is there now."""
    copy = MemoryStore()
    with copy.transaction(write=True) as other:
        for kind in KINDS:
            getattr(other, f"{kind}s").add(getattr(tx, f"{kind}s"))
        other.history.append(tx.history)
    return copy


def ground() -> list[Record]:
    """What everything refers to."""
    records: list[Record] = []
    for key in KEYS[:3]:
        records += [Project(project_id=key), User(user_id=key), Client(personal_id=key)]
        records.append(Enrollment(enrollment_id=key, personal_id=key, project_id=key, entry_date=DAYS[0]))
    return records


@pytest.mark.slow
@settings(max_examples=60)
@given(BATCHES, st.booleans())
def test_every_finder_answers_as_it_did_then(
    batches: list[tuple[datetime, bool, list[Record]]], in_memory: bool
) -> None:
    """SPEC 7.8, 8.5, 10.1: whatever was recorded since, by acts and imports, each finder says what it said then."""
    with tempfile.TemporaryDirectory() as folder:
        store: Store = MemoryStore() if in_memory else SQLiteStore(Path(folder, "s.sqlite"))
        then: dict[datetime, MemoryStore] = {}
        with closing(store):
            for number, (moment, importing, records) in enumerate([(MOMENTS[0], False, ground()), *batches]):
                with store.transaction(write=True) as tx:
                    record_batch(tx, KEYS[number % 4] + str(number), moment, records, importing=importing)
                    recorded_at = tx.history.head().recorded_at
                    assert recorded_at is not None
                    then[recorded_at] = copied(tx)
            with store.transaction() as tx:
                for moment, copy in then.items():
                    with copy.transaction() as as_it_was:
                        assert answers(Past(tx, moment)) == answers(as_it_was)
                nothing_yet = Past(tx, MOMENTS[0] - timedelta(seconds=1))
                assert [list(getattr(nothing_yet, f"{kind}s")) for kind in KINDS] == [[]] * len(KINDS)
                assert nothing_yet.history.head().number == 0


def asked(world: World, user: str | Actor, known_at: datetime | None) -> list[Any]:
    """Return what a user is told by every question."""
    front = world.as_(user)
    calls: list[Any] = []
    for holder in ("kim", "lee", "sam", "bo"):
        calls += [
            lambda holder=holder: front.active_cases(holder, known_at=known_at),
            lambda holder=holder: front.inactive_cases(holder, known_at=known_at, order="start"),
            lambda holder=holder: front.upcoming_cases(holder, known_at=known_at, projects=["es", "th"]),
            lambda holder=holder: front.history(user=holder, known_at=known_at),
        ]
    for client in ("c1", "c2", "c4"):
        calls += [
            lambda client=client: front.case_managers(client, household=True, known_at=known_at),
            lambda client=client: front.client_record(client, known_at=known_at),
            lambda client=client: front.history(client=client, known_at=known_at),
        ]
    calls += [
        lambda: front.unassigned(known_at=known_at),
        lambda: front.find_case_managers("a", project="es", known_at=known_at),
        lambda: sorted(front.audit(known_at=known_at), key=repr),  # a store that searches has its own order
    ]
    return [outcome(call) for call in calls]


def outcome(call: Any) -> Any:
    """Return what a question says, or how it is refused."""
    try:
        return call()
    except CaseAssignError as error:
        return type(error), str(error)


def recorded(world: World) -> tuple[list[Any], list[Change]]:
    """Return every record, with its batch, and every line."""
    with world.store.transaction() as tx:
        return _everything(tx)


def _everything(tx: Transaction) -> tuple[list[Any], list[Change]]:
    return [exactly(record) for kind in KINDS for record in getattr(tx, f"{kind}s")], list(tx.history)


@settings(max_examples=20)
@given(SEQUENCES, st.booleans(), st.sets(st.integers(0, 24), max_size=3))
def test_every_question_is_answered_as_it_was_then(
    acts: list[tuple[Any, ...]], in_memory: bool, looks: set[int]
) -> None:
    """SPEC 7.8: as known at any moment of any sequence of acts, records and answers are what they were then."""
    with tempfile.TemporaryDirectory() as folder:
        store: Store = MemoryStore() if in_memory else SQLiteStore(Path(folder, "s.sqlite"))
        with closing(store):
            world = busy_world(store)
            seen = []
            for number, act in enumerate(acts):
                if number in looks:
                    told = {user: asked(world, user, None) for user in ("sam", "super", "bo", Actor.SYSTEM)}
                    seen.append((world.now.moment, recorded(world), told))
                carry_out(world, act)
            for moment, records, told in seen:
                with store.transaction() as tx:
                    assert _everything(Past(tx, moment)) == records
                for user, answered in told.items():
                    assert asked(world, user, moment) == answered


def moment_of(world: World) -> datetime:
    """Return the moment at which the last line was recorded."""
    with world.store.transaction() as tx:
        recorded_at = tx.history.head().recorded_at
    assert recorded_at is not None
    return recorded_at


def test_what_was_recorded_at_the_moment_itself_is_known(any_world: World) -> None:
    """SPEC 7.8: up to the moment means: with what was recorded at it, and to the microsecond."""
    world = any_world
    stay = world.stay()
    world.system.assign(stay, "kim", start="2026-02-01")
    moment = moment_of(world)
    just_before = moment - timedelta(microseconds=1)
    assert len(world.kim.active_cases(known_at=moment)) == 1
    assert len(world.kim.active_cases(known_at=just_before)) == 0
    assert len(world.system.unassigned(known_at=just_before)) == 1
    assert world.kim.active_cases(as_of="2026-01-31", known_at=moment).rows == ()


def test_what_an_import_recorded_first_is_unknown_before_it(any_world: World) -> None:
    """SPEC 8.5: before the batch that first recorded it a record is unknown, even if an act has changed it since."""
    world = any_world
    before = moment_of(world)
    rows = [
        Row(Organization(organization_id="O1")),
        Row(Project(project_id="P1", organization_id="O1")),
        Row(Client(personal_id="C1", first_name="Ann")),
        Row(Enrollment(enrollment_id="E1", personal_id="C1", project_id="P1", entry_date=day("01-10"))),
        Row(Enrollment(enrollment_id="E2", personal_id="C1", project_id="P1", entry_date=day("02-10"))),
    ]
    world.system.import_export(Sent(rows))
    imported = moment_of(world)
    world.system.edit_enrollment("E1", entry_date="2026-01-05")
    with pytest.raises(NotFoundError):
        world.system.client_record("C1", known_at=before)
    assert len(world.system.unassigned(known_at=before)) == 0
    assert world.system.audit(known_at=before).counts().get("unassigned") is None
    known = world.system.client_record("C1", known_at=imported)
    assert [record.enrollment.entry_date for record in known.enrollments] == [day("02-10"), day("01-10")]
    assert world.system.client_record("C1").enrollments[1].enrollment.entry_date == day("01-05")
    assert [line.record.kind for line in world.system.history(enrollment="E1", known_at=imported)] == [IMPORT]
    assert len(world.system.history(enrollment="E1")) == 2


def test_a_batch_is_unknown_before_it_was_recorded(world: World) -> None:
    """SPEC 7.8: the history of a batch, a record or a user that came later is not found."""
    before = moment_of(world)
    batch = world.system.enroll("c1", "es", case_manager="kim").batch_id
    world.system.add(User(user_id="new", organization_ids=frozenset({"haven"})))
    assert len(world.system.history(batch=batch, known_at=moment_of(world))) == 2
    for ask in (
        lambda: world.system.history(batch=batch, known_at=before),
        lambda: world.system.active_cases("new", known_at=before),
        lambda: world.as_("new").active_cases(known_at=before),
    ):
        with pytest.raises(NotFoundError):
            ask()


@pytest.mark.parametrize("known_at", [datetime(2026, 3, 2, 12), date(2026, 3, 2), "2026-03-02T12:00:00Z"])  # noqa: DTZ001  # wrong on purpose
def test_a_moment_has_a_time_zone(world: World, known_at: Any) -> None:
    """SPEC 7.8, 3.4: known_at is a moment, and is never guessed from a day, a text or a time without zone."""
    with pytest.raises(InvalidRecordError, match="known_at"):
        world.kim.active_cases(known_at=known_at)


def test_the_past_cannot_be_written(world: World) -> None:
    """SPEC 8.5: a look into the past changes nothing, and says nothing of what is not kept."""
    moment = moment_of(world)
    with world.store.transaction(write=True) as tx:
        past = Past(tx, moment)
        assert (present(past), present(tx)) == (tx, tx)
        writes: list[Callable[[], object]] = [
            lambda: past.clients.add([]),
            lambda: past.clients.replace([]),
            lambda: past.history.append([]),
            lambda: past.imported,
        ]
        for write in writes:
            with pytest.raises(StorageError):
                write()


def test_the_past_shows_no_more_than_the_present(any_world: World) -> None:
    """SPEC 7.8, 8.2: what somebody may see of the past is judged by what they may see now."""
    world = any_world
    stay = world.stay()
    world.system.assign(stay, "lee", start="2026-02-01")
    moment = moment_of(world)
    assert world.super.active_cases("lee", known_at=moment)[0].client.first_name == "Ada"
    world.system.add(attrs.evolve(PROJECTS[0], organization_id="bridge"))  # the shelter moves to others
    assert (len(world.super.active_cases("lee")), world.super.active_cases("lee").withheld) == (0, 1)
    then = world.super.active_cases("lee", known_at=moment)
    assert (len(then), then.withheld) == (0, 1)
    audit = world.super.audit(known_at=moment)
    assert (list(audit), audit.withheld) == ([], 1)
    assert world.super.client_record("c1", known_at=moment).client.first_name is None
    assert len(world.super.history(enrollment=stay, known_at=moment)) == 0
    own = world.lee.active_cases(known_at=moment)[0]
    assert (own.client.first_name, own.project.organization_id) == (None, "haven")


def test_an_enrollment_that_was_moved_is_seen_by_those_who_see_both_projects(any_world: World) -> None:
    """SPEC 7.8, 8.2: one that is in somebody else's project now is not shown where it was, and is counted."""
    world = any_world
    rows = [
        Row(Client(personal_id="C1", first_name="Ann")),
        Row(Enrollment(enrollment_id="E1", personal_id="C1", project_id="es", entry_date=day("01-10"))),
    ]
    world.system.import_export(Sent(rows))
    moment = moment_of(world)
    rows[1] = Row(attrs.evolve(rows[1].record, project_id="th"))
    world.system.import_export(Sent(rows))
    for user, may in (("kim", False), ("bo", False), ("sam", True)):
        front = world.as_(user)
        told = front.unassigned(known_at=moment)
        assert (len(told), told.withheld) == ((1, 0) if may else (0, 1))
        assert (front.client_record("C1", known_at=moment).client.first_name == "Ann") is may
        audit = front.audit(known_at=moment)
        assert bool(list(audit)) is may
        assert audit.withheld == (0 if may else 1)


def test_a_client_who_was_free_then_is_named_to_those_who_see_them_now(world: World) -> None:
    """SPEC 7.8, 8.2: that a client had no enrollment then gives nobody their name now."""
    moment = moment_of(world)
    world.system.enroll("c1", "th", case_manager=None)
    assert world.kim.client_record("c1", known_at=moment).client.first_name is None
    assert world.as_("bo").client_record("c1", known_at=moment).client.first_name == "Ada"
    assert len(world.kim.history(client="c1", known_at=moment)) == 0


def test_the_acting_user_is_who_they_are_now(world: World) -> None:
    """SPEC 8.2, 7.8: who has left since asks nothing about the time before, and new access opens it."""
    world.stay(case_manager="kim")
    moment = moment_of(world)
    with pytest.raises(CaseAssignError):
        world.as_("clerk").active_cases("kim", known_at=moment)
    world.system.add(
        User(user_id="clerk", organization_ids=frozenset({"haven"}), permissions=frozenset({"caseload.view"})),
        User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=day("03-01")),
    )
    assert len(world.as_("clerk").active_cases("kim", known_at=moment)) == 1
    with pytest.raises(CaseAssignError, match="has left"):
        world.kim.active_cases(known_at=moment)
