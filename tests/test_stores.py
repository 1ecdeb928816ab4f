"""What every store promises: one suite for all of them, through the fixture `store`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_examples import (
    CLIENTS,
    UndoError,
    agencies,
    enrollment,
    exactly,
    fill,
    ids,
    lines_after,
    moments,
    of_kind,
    plains,
    some_text,
    stint,
    texts,
    undone,
)

from caseassign.errors import AlreadyExistsError, ConflictError, NotFoundError, StorageError
from caseassign.history import EMPTY, Change, Head, RecordKey, verify
from caseassign.model import AssignmentStatus, Client, Enrollment, HouseholdKey, Organization, Project, Record, User
from caseassign.storage import Store, Transaction
from caseassign.stores.memory import MemoryStore

each_store = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

WRITES: dict[str, Callable[[Transaction], None]] = {
    "add": lambda tx: tx.clients.add([Client(personal_id="new")]),
    "replace": lambda tx: tx.users.replace([User(user_id="kim", first_name="Kim")]),
    "add where finders look": lambda tx: tx.enrollments.add([enrollment("new", household_id="h1")]),
    "replace where finders look": lambda tx: tx.assignments.replace([stint("a1", user_id="lee")]),
    "append": lambda tx: tx.history.append(lines_after(tx.history.head(), {}, {})),
    "put what is new": lambda tx: tx.imported.put("client", {"new": "…"}),
    "put over what is there": lambda tx: tx.imported.put("client", {"c1": "…"}),
    "put a text": lambda tx: tx.personal.put({"new": "…", "p1": "…"}),
    "remove a text": lambda tx: tx.personal.remove(["p2"]),
}


@pytest.fixture
def filled(store: Store) -> Store:
    """Each store in turn, with two of most things in it."""
    fill(store)
    with store.transaction(write=True) as tx:
        tx.enrollments.add([enrollment("e1", household_id="h1"), enrollment("e2", personal_id="c2", household_id="h1")])
        tx.assignments.add([stint("a1"), stint("a2", user_id="lee", enrollment_id="e2")])
        tx.history.append(lines_after(EMPTY, {}))
        tx.imported.put("client", {"c1": "said"})
        tx.personal.put({"p1": "Ada", "p2": "Ben"})
    return store


def everything(tx: Transaction) -> dict[str, Any]:
    """Return every answer of the filled store."""
    kinds = (tx.organizations, tx.projects, tx.users, tx.clients, tx.enrollments, tx.assignments)
    return {
        "records": [exactly(record) for records in kinds for record in records],
        "of_clients": tx.enrollments.of_clients(["c1", "c2"]),
        "of_households": tx.enrollments.of_households([HouseholdKey("es", "h1")]),
        "by_household": list(tx.enrollments.by_household()),
        "of_enrollments": tx.assignments.of_enrollments(["e1", "e2"]),
        "kim": tx.assignments.of_users(["kim"]),
        "lee": tx.assignments.of_users(["lee"]),
        "head": tx.history.head(),
        "lines": list(tx.history),
        "of_records": tx.history.of_records([RecordKey("assignment", "a1")]),
        "of_batches": tx.history.of_batches(["b1"]),
        "of_kind": tx.history.of_kind("assignment"),
        "imported": tx.imported.get("client", ["c1", "new"]),
        "personal": tx.personal.get(["p1", "p2", "new"]),
    }


@each_store
@given(agency=agencies())
def test_records_come_back_equal(store: Store, agency: list[Record]) -> None:
    """SPEC 10.1: a record of any kind comes back equal to what went in, its batch and the types of its values too."""
    with undone(store) as tx:
        for record in agency:
            of_kind(tx, record).add([record])
        for record in agency:
            assert exactly(of_kind(tx, record).get([record.key])[record.key]) == exactly(record)
            assert exactly(record) in map(exactly, of_kind(tx, record))
        for record in agency:
            if isinstance(record, Enrollment):
                assert record in tx.enrollments.of_clients([record.personal_id])
                if record.household_key is not None:
                    assert record in tx.enrollments.of_households([record.household_key])


@each_store
@given(
    drafts=st.lists(
        st.fixed_dictionaries(
            {
                "change_id": ids,
                "recorded_at": moments,
                "user_id": some_text,
                "action": texts,
                "record": st.builds(RecordKey, texts, ids),
                "before": plains,
                "after": plains,
                "reason": some_text,
                "batch_id": ids,
            }
        ),
        max_size=4,
        unique_by=lambda draft: draft["change_id"],
    )
)
def test_lines_come_back_equal(store: Store, drafts: list[dict[str, Any]]) -> None:
    """SPEC 10.1, 8.5: a line of history comes back equal to what went in, from every finder, its digest still right."""
    lines = lines_after(EMPTY, *drafts)
    with undone(store) as tx:
        tx.history.append(lines)
        assert [exactly(line) for line in tx.history] == [exactly(line) for line in lines]
        assert [line.recorded_at.utcoffset() for line in tx.history] == [line.recorded_at.utcoffset() for line in lines]
        assert tx.history.of_records([line.record for line in lines]) == lines
        assert tx.history.of_batches([line.batch_id for line in lines]) == lines
        assert tx.history.head() == (lines[-1].head if lines else EMPTY)
        assert list(verify(tx.history, tx.history.head())) == []


@each_store
@given(said=st.dictionaries(ids, texts, max_size=4), kind=ids)
def test_what_imports_said_comes_back_equal(store: Store, said: dict[str, str], kind: str) -> None:
    """SPEC 9.3, 10.1: what an import said of records comes back as it was put, under its own kind alone."""
    with undone(store) as tx:
        tx.imported.put(kind, said)
        assert tx.imported.get(kind, said) == said
        assert tx.imported.get(f"other {kind}", said) == {}


@each_store
@given(put=st.lists(st.dictionaries(ids, texts, max_size=4), max_size=3), removed=st.lists(ids, max_size=3))
def test_personal_texts_come_back_equal(store: Store, put: list[dict[str, str]], removed: list[str]) -> None:
    """SPEC 10.1: a personal text comes back by its imprint as it was put last, unless it was removed."""
    expected: dict[str, str] = {}
    with undone(store) as tx:
        for texts_put in put:
            tx.personal.put(texts_put)
            expected |= texts_put
        gone = [*removed, *list(expected)[::2]]
        tx.personal.remove(gone)
        left = {imprint: text for imprint, text in expected.items() if imprint not in gone}
        assert tx.personal.get([*gone, *expected]) == left


def test_what_was_written_is_there_afterwards(filled: Store) -> None:
    """SPEC 10.1: leaving the block commits all that was written in it."""
    with filled.transaction() as tx:
        answers = everything(tx)
        assert [record.key for record in tx.clients] == ["c1", "c2"]
        assert exactly(tx.clients.get(["c1"])["c1"]) == exactly(CLIENTS[0])
    assert [record.key for record in answers["by_household"]] == ["e1", "e2"]
    assert (answers["head"].number, answers["imported"]) == (1, {"c1": "said"})


@pytest.mark.parametrize("write", WRITES)
def test_own_writes_are_seen(filled: Store, write: str) -> None:
    """SPEC 10.1: a transaction sees what it has written itself, and the next one sees it too."""
    with filled.transaction(write=True) as tx:
        before = everything(tx)
        WRITES[write](tx)
        after = everything(tx)
    assert after != before
    with filled.transaction() as tx:
        assert everything(tx) == after


@pytest.mark.parametrize("write", WRITES)
def test_an_exception_undoes_everything(filled: Store, write: str) -> None:
    """SPEC 10.1: an exception that leaves the block puts every answer back, and the write can then be made again."""
    with filled.transaction() as tx:
        before = everything(tx)
    with undone(filled) as tx:
        tx.organizations.add([Organization(organization_id="haven")])
        WRITES[write](tx)
    with filled.transaction(write=True) as tx:
        assert everything(tx) == before
        WRITES[write](tx)
        assert everything(tx) != before


@pytest.mark.parametrize("write", WRITES)
def test_a_reading_transaction_cannot_write(filled: Store, write: str) -> None:
    """SPEC 10.1: a write in a transaction that was opened for reading is refused, and changes nothing."""
    with filled.transaction() as tx:
        before = everything(tx)
        head = tx.history.head()
    with filled.transaction() as tx:
        with pytest.raises(StorageError, match="write=True"):
            tx.history.append(lines_after(head, {})) if write == "append" else WRITES[write](tx)
        assert everything(tx) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_transaction_ends_with_its_block(filled: Store, write: str) -> None:
    """SPEC 10.1: what a block gave cannot be used after it: not for writing, reading or going on to iterate."""
    with filled.transaction(write=True) as tx:
        begun = [iter(tx.clients), iter(tx.history), tx.enrollments.by_household()]
        unbegun = [iter(tx.organizations), iter(tx.users), iter(tx.history), tx.enrollments.by_household()]
        for iterator in begun:
            next(iterator)
    uses: list[Callable[[], object]] = [
        lambda: WRITES[write](tx),
        lambda: tx.clients.get(["c1"]),
        lambda: tx.enrollments.of_clients(["c1"]),
        lambda: tx.assignments.of_users(["kim"]),
        tx.history.head,
        lambda: tx.history.of_kind("assignment"),
        lambda: tx.imported.get("client", ["c1"]),
        lambda: tx.personal.get(["p1"]),
        *(partial(list, iterator) for iterator in [*unbegun, *begun]),
    ]
    for use in uses:
        with pytest.raises(StorageError, match="over"):
            use()


def test_a_thread_is_in_one_transaction_at_a_time(filled: Store) -> None:
    """SPEC 10.1: a second transaction inside the first is refused with a way out, and the first goes on unharmed."""
    with filled.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id="new")])
        with pytest.raises(StorageError, match="list"), filled.transaction():
            pytest.fail("a second transaction was opened")
        assert "new" in tx.clients.get(["new"])
    with filled.transaction() as tx:
        assert "new" in tx.clients.get(["new"])


def in_another_thread(do: Callable[[], object]) -> None:
    """Do something in a thread of its own; what it raises is raised here."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(do).result()


def test_a_transaction_belongs_to_its_thread(filled: Store) -> None:
    """SPEC 10.1: another thread can neither use a transaction nor leave its block, and nobody is blocked by trying."""
    with filled.transaction() as tx, pytest.raises(StorageError, match="thread"):
        in_another_thread(lambda: tx.clients.get(["c1"]))
    block = filled.transaction(write=True)
    WRITES["add"](block.__enter__())
    with pytest.raises(StorageError, match="thread"):
        in_another_thread(lambda: block.__exit__(None, None, None))
    with filled.transaction() as tx:
        assert tx.clients.get(["new"]) == {}


def test_threads_lose_no_update(filled: Store) -> None:
    """SPEC 10.1: transactions are serial: eight threads that count on in one record all count."""

    def count() -> None:
        for _ in range(5):
            with filled.transaction(write=True) as tx:
                client = tx.clients.get(["c1"])["c1"]
                counted = str(int(client.last_name or 0) + 1)
                tx.clients.replace([attrs.evolve(client, last_name=counted)])

    with ThreadPoolExecutor(8) as pool:
        for counting in [pool.submit(count) for _ in range(8)]:
            counting.result()
    with filled.transaction() as tx:
        assert tx.clients.get(["c1"])["c1"].last_name == "40"


def test_a_reader_sees_one_state(filled: Store) -> None:
    """SPEC 10.1: what others commit during a transaction does not show in it before it ends."""
    begun, seen = threading.Event(), []

    def write() -> None:
        begun.set()
        with filled.transaction(write=True) as tx:
            WRITES["replace"](tx)

    with ThreadPoolExecutor(1) as pool:
        with filled.transaction() as tx:
            seen.append(tx.users.get(["kim"]))
            writing = pool.submit(write)
            begun.wait()
            with suppress(TimeoutError):
                writing.result(timeout=0.1)
            seen.append(tx.users.get(["kim"]))
        writing.result()
    assert seen[0] == seen[1]
    with filled.transaction() as tx:
        assert tx.users.get(["kim"]) != seen[0]


def test_unknown_ids_are_left_out(filled: Store) -> None:
    """SPEC 10.1: ids may be unknown, come twice and in any order; who asks for nothing gets nothing."""
    with filled.transaction() as tx:
        assert list(tx.clients.get(["c2", "no", "c1", "c2"])) == ["c1", "c2"]
        assert [e.key for e in tx.enrollments.of_clients(["no", "c1", "c1"])] == ["e1"]
        assert [e.key for e in tx.enrollments.of_households([HouseholdKey("es", "h1")] * 2)] == ["e1", "e2"]
        assert tx.enrollments.of_households([HouseholdKey("th", "h1"), HouseholdKey("es", "no")]) == []
        assert [a.key for a in tx.assignments.of_enrollments(["no", "e1", "e1"])] == ["a1"]
        assert [a.key for a in tx.assignments.of_users(["no", "lee", "lee"])] == ["a2"]
        assert [line.number for line in tx.history.of_batches(["no", "b1", "b1"])] == [1]
        about = [RecordKey("assignment", "no"), RecordKey("enrollment", "a1"), *[RecordKey("assignment", "a1")] * 2]
        assert [line.number for line in tx.history.of_records(about)] == [1]
        assert tx.history.of_kind("no") == []
        assert tx.imported.get("client", ["no", "c1", "c1"]) == {"c1": "said"}
        assert list(tx.personal.get(["p2", "no", "p1", "p1"]).items()) == [("p1", "Ada"), ("p2", "Ben")]
        assert not tx.clients.get([])
        assert not tx.enrollments.of_clients([])
        assert not tx.enrollments.of_households([])
        assert not tx.assignments.of_users([])


def test_an_id_with_nul_finds_nothing_else(filled: Store) -> None:
    """SPEC 10.1: an id that only begins like another one finds nothing, even if what follows is the character NUL."""
    with filled.transaction() as tx:
        assert not tx.clients.get(["c1\0"])
        assert not tx.enrollments.of_clients(["c1\0", "\0c1"])
        assert not tx.enrollments.of_households([HouseholdKey("es", "h1\0"), HouseholdKey("es\0", "h1")])
        assert not tx.imported.get("client", ["c1\0"])
        assert not tx.personal.get(["p1\0"])


def test_finders_have_a_total_order(filled: Store) -> None:
    """SPEC 10.1: finders order by day and then by id, by code point, whatever the order of writing and asking."""
    keys = ["é", "e\u0301", "Z", "a", "10", "9", "😀", "\uffff"]
    clients, users, later = ("c1", "c2"), ("kim", "lee"), date(2026, 1, 11)
    stays, stints = {}, {}
    for number, key in enumerate(keys):
        client, user = clients[number % 2], users[number % 2]
        stays[key] = enrollment(f"E{key}", personal_id=client, project_id="th", household_id=f"h{client}")
        stints[key] = stint(f"A{key}", enrollment_id=f"E{keys[number % 2]}", user_id=user)
    with filled.transaction(write=True) as tx:
        tx.enrollments.add(stays.values())
        tx.enrollments.replace([attrs.evolve(stays["10"], entry_date=later)])
        tx.assignments.add(stints.values())
        tx.assignments.replace([attrs.evolve(stints["10"], start_date=later)])
    first = sorted(key for key in keys if key != "10")
    with filled.transaction() as tx:
        households = [HouseholdKey("th", f"h{key}") for key in reversed(clients)]
        expected = [f"E{key}" for key in first]
        assert [e.key for e in tx.enrollments.of_households(households)] == [*expected, "E10"]
        assert [e.key for e in tx.enrollments.of_clients(reversed(clients))] == [*expected, "e1", "e2", "E10"]
        assert [e.key for e in tx.enrollments] == sorted([*(f"E{key}" for key in keys), "e1", "e2"])
        expected = [f"A{key}" for key in first]
        assert [a.key for a in tx.assignments.of_enrollments(stay.key for stay in stays.values())] == [*expected, "A10"]
        assert [a.key for a in tx.assignments.of_users(reversed(users))] == [*expected, "a1", "a2", "A10"]


@each_store
@given(agency=agencies(), data=st.data())
def test_finders_of_some_projects_agree_with_filtering_by_hand(
    store: Store, agency: list[Record], data: st.DataObject
) -> None:
    """SPEC 8.2, 10.1: with projects, a finder finds just those of its answers that belong to them, and counts them."""
    projects = [record.key for record in agency if isinstance(record, Project)]
    users = [record.key for record in agency if isinstance(record, User)]
    part = data.draw(st.frozensets(st.sampled_from([*projects, "not there"])))
    as_of = data.draw(st.sampled_from([e.entry_date for e in agency if isinstance(e, Enrollment)]) | st.dates())
    with undone(store) as tx:
        for record in agency:
            of_kind(tx, record).add([record])
        stays = list(tx.enrollments.by_household())
        stints = tx.assignments.of_enrollments([stay.key for stay in stays])
        assert sorted(stay.key for stay in stays) == [stay.key for stay in tx.enrollments]
        held = {s.enrollment_id for s in stints if s.status(as_of) is AssignmentStatus.ACTIVE and not s.voided}
        nobodys = [stay for stay in stays if stay.is_open(as_of) and stay.key not in held]
        assert list(tx.enrollments.unassigned(as_of)) == nobodys
        assert (tx.enrollments.count(), tx.enrollments.count(unassigned_on=as_of)) == (len(stays), len(nobodys))
        inside = {stay.key for stay in stays if stay.project_id in part}
        assert list(tx.enrollments.by_household(part)) == [stay for stay in stays if stay.key in inside]
        assert list(tx.enrollments.unassigned(as_of, part)) == [stay for stay in nobodys if stay.key in inside]
        assert tx.enrollments.count(part) == len(inside)
        assert tx.enrollments.count(part, as_of) == len([stay for stay in nobodys if stay.key in inside])
        for day in (None, as_of):
            of_all = tx.assignments.of_users(users, day)
            assert tx.assignments.of_users(users, day, part) == [a for a in of_all if a.enrollment_id in inside]
        ids = [stay.key for stay in stays]
        assert tx.enrollments.projects_of([*ids, "not there"]) == {stay.key: stay.project_id for stay in stays}
        live = {stay.key: stay.project_id for stay in stays if not stay.deleted}
        assert tx.enrollments.projects_of(ids, deleted=False) == live


@pytest.mark.parametrize(
    ("days", "stints", "is_listed"),
    [
        ({}, [], True),
        ({}, [{}], False),
        ({}, [{"voided": True}], True),
        ({}, [{"end_date": date(2026, 3, 2)}], True),
        ({}, [{"end_date": date(2026, 3, 3)}], False),
        ({}, [{"start_date": date(2026, 3, 2)}], False),
        ({}, [{"start_date": date(2026, 3, 3)}], True),
        ({}, [{"start_date": date(2026, 3, 2), "end_date": date(2026, 3, 2)}], True),
        ({}, [{"end_date": date(2026, 2, 1)}, {"start_date": date(2026, 2, 2)}], False),
        ({"deleted": True}, [], False),
        ({"exit_date": date(2026, 3, 2)}, [], False),
        ({"exit_date": date(2026, 3, 3)}, [], True),
        ({"entry_date": date(2026, 3, 2)}, [], True),
        ({"entry_date": date(2026, 3, 3)}, [], False),
    ],
)
def test_who_is_unassigned(store: Store, days: dict[str, Any], stints: list[dict[str, Any]], is_listed: bool) -> None:
    """SPEC 7.7, 3.2: an open enrollment on which nobody is active at the close of the day, and no other."""
    fill(store)
    as_of = date(2026, 3, 2)
    with store.transaction(write=True) as tx:
        tx.enrollments.add([enrollment("e1", **days)])
        tx.assignments.add(stint(f"a{number}", **values) for number, values in enumerate(stints))
        assert [stay.key for stay in tx.enrollments.unassigned(as_of)] == ["e1"] * is_listed
        assert tx.enrollments.count(["es"], as_of) == is_listed
        assert tx.enrollments.count(["th"], as_of) == 0


@each_store
@given(steps=st.lists(st.integers(0, 2), max_size=6), asked=st.integers(-1, 12))
def test_the_end_of_the_history_is_found_from_a_moment_on(store: Store, steps: list[int], asked: int) -> None:
    """SPEC 7.8: `after` yields what was recorded later than a moment, and not what was recorded at it."""
    zones = (UTC, timezone(timedelta(hours=5, minutes=45)))
    moments = [datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(minutes=sum(steps[: n + 1])) for n in range(len(steps))]
    lines = lines_after(EMPTY, *({"recorded_at": m.astimezone(zones[n % 2])} for n, m in enumerate(moments)))
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(minutes=asked)
    with undone(store) as tx:
        tx.history.append(lines)
        assert list(tx.history.after(moment)) == [line for line in lines if line.recorded_at > moment]
        assert list(tx.history.after(moment.astimezone(zones[1]))) == list(tx.history.after(moment))
        about = [RecordKey("assignment", "a1"), RecordKey("assignment", "no"), RecordKey("assignment", "a1")]
        assert tx.history.count(about) == len(tx.history.of_records(about)) == len(lines)


def test_members_of_a_household_come_together(store: Store) -> None:
    """SPEC 2, 10.1: by_household keeps the members of a household together, whatever other ids look like theirs."""
    fill(store)
    stays = [
        enrollment("a", household_id="h1"),
        enrollment("h1"),  # alone, and called like a household
        enrollment("z", household_id="h1"),
        enrollment("h0"),
        enrollment("m", household_id=" "),
        enrollment("n", household_id="h1", project_id="th"),  # the same id, in another project
        enrollment("h1x", household_id="h0"),
        enrollment("b", household_id="h0"),
    ]
    with store.transaction(write=True) as tx:
        tx.enrollments.add(stays)
    with store.transaction() as tx:
        assert [e.key for e in tx.enrollments.by_household()] == ["h0", "h1", "m", "b", "h1x", "a", "z", "n"]


def test_of_users_leaves_out_what_has_ended(filled: Store) -> None:
    """SPEC 3.1, 3.2: of_users with a day leaves out what has ended as of it, and keeps what ends later or never."""
    start, day, next_day = date(2026, 1, 10), date(2026, 3, 2), date(2026, 3, 3)
    ends = {"before": date(2026, 3, 1), "on": day, "after": next_day, "never": None}
    with filled.transaction(write=True) as tx:
        tx.assignments.add(stint(key, start_date=start, end_date=end) for key, end in ends.items())
        tx.assignments.add([stint("same day", start_date=day, end_date=day)])
        tx.assignments.add([stint("upcoming", start_date=next_day, end_date=next_day, voided=True)])
    with filled.transaction() as tx:
        assert [a.key for a in tx.assignments.of_users(["kim"], day)] == ["a1", "after", "never", "upcoming"]
        assert [a.key for a in tx.assignments.of_users(["kim"], next_day)] == ["a1", "never"]
        assert len(tx.assignments.of_users(["kim"])) == len(ends) + 3
        assert [a.key for a in tx.assignments.of_users(["kim", "lee"], date.max)] == ["a1", "a2", "never"]


def test_finders_follow_a_replaced_record(filled: Store) -> None:
    """SPEC 10.1: a record that was replaced is found under what it says now, and no more under what it said."""
    with filled.transaction(write=True) as tx:
        tx.enrollments.replace([enrollment("e2", personal_id="c1", project_id="th")])
        tx.assignments.replace([stint("a2", user_id="kim", enrollment_id="e1")])
    with filled.transaction() as tx:
        assert [e.key for e in tx.enrollments.of_clients(["c1"])] == ["e1", "e2"]
        assert tx.enrollments.of_clients(["c2"]) == []
        assert [e.key for e in tx.enrollments.of_households([HouseholdKey("es", "h1")])] == ["e1"]
        assert [a.key for a in tx.assignments.of_enrollments(["e1"])] == ["a1", "a2"]
        assert tx.assignments.of_enrollments(["e2"]) == []
        assert tx.assignments.of_users(["lee"]) == []


def test_replacing_replaces_all_of_a_record(filled: Store) -> None:
    """SPEC 10.1: a replaced record is the new one in every field, and of two with one id the later one stays."""
    full = stint("a1", end_date=date(2026, 5, 1), role="Cover", kept_after_exit=True, voided=True, batch_id="b9")
    bare = stint("a1", start_date=date(2026, 2, 1))
    with filled.transaction(write=True) as tx:
        for record in (full, bare):
            tx.assignments.replace([record])
            assert exactly(tx.assignments.get(["a1"])["a1"]) == exactly(record)
        tx.assignments.replace([bare, full])
        assert exactly(tx.assignments.get(["a1"])["a1"]) == exactly(full)


def test_adding_what_is_there_is_refused(filled: Store) -> None:
    """SPEC 10.1: an id that is there, or twice in the call, is named; nothing of the call stays, and all else does."""
    clients = [Client(personal_id=key, first_name="Other") for key in ("n1", "c2", "n2", "n2", "c1", "n3")]
    with filled.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id="before")])
        with pytest.raises(AlreadyExistsError) as caught:
            tx.clients.add(iter(clients))
        tx.clients.add([Client(personal_id="n1")])
    assert (caught.value.kind, caught.value.ids) == ("client", ("c1", "c2", "n2"))
    with filled.transaction() as tx:
        assert [exactly(client) for client in tx.clients] == [
            exactly(client) for client in (Client(personal_id="before"), *CLIENTS, Client(personal_id="n1"))
        ]


def test_replacing_what_is_not_there_is_refused(filled: Store) -> None:
    """SPEC 10.1: replacing ids that are not there names them and adds nothing; nothing of the call stays."""
    with filled.transaction(write=True) as tx:
        before = everything(tx)
        with pytest.raises(NotFoundError) as caught:
            tx.users.replace(User(user_id=key, first_name="Other") for key in ("kim", "z", "lee", "no", "no"))
        assert everything(tx) == before
    assert (caught.value.kind, caught.value.ids) == ("user", ("no", "z"))
    with filled.transaction() as tx:
        assert everything(tx) == before


@pytest.mark.parametrize(
    "record",
    [
        Project(project_id="new", organization_id="no"),
        enrollment("new", personal_id="no"),
        enrollment("new", project_id="no"),
        stint("new", enrollment_id="no"),
        stint("new", user_id="no"),
    ],
    ids=["project-organization", "enrollment-client", "enrollment-project", "assignment-enrollment", "assignment-user"],
)
def test_a_reference_to_nothing_is_refused(filled: Store, record: Record) -> None:
    """SPEC 10.1: a record that refers to one that is not there is refused, added or replaced, and nothing is kept."""
    existing: dict[str, Any] = {
        "project": Project(project_id="es"),
        "enrollment": enrollment("e1"),
        "assignment": stint("a1"),
    }
    key = next(iter(attrs.asdict(record)))
    with filled.transaction(write=True) as tx:
        before = everything(tx)
        with pytest.raises(StorageError, match="refers to"):
            of_kind(tx, record).add([attrs.evolve(existing[record.KIND], **{key: "first"}), record])
        with pytest.raises(StorageError, match="refers to"):
            of_kind(tx, record).replace([attrs.evolve(record, **{key: existing[record.KIND].key})])
        assert everything(tx) == before


def test_what_is_added_may_fail_on_the_way(filled: Store) -> None:
    """SPEC 10.1: an error of whoever hands over the records comes out as it is, and nothing of the call stays."""

    def failing() -> Iterator[Client]:
        yield Client(personal_id="n1")
        raise UndoError

    with filled.transaction(write=True) as tx:
        with pytest.raises(UndoError):
            tx.clients.add(failing())
        tx.clients.add([Client(personal_id="n2")])
    with filled.transaction() as tx:
        assert list(tx.clients.get(["n1", "n2"])) == ["n2"]


@pytest.mark.slow
def test_ten_thousand_ids(filled: Store) -> None:
    """SPEC 10.1: ten thousand records are added, found and replaced at once, and their double is found out."""
    count = 10_000
    keys = [f"{number:05}" for number in range(count)]
    with filled.transaction(write=True) as tx:
        tx.enrollments.add(enrollment(key, household_id=key) for key in keys)
        with pytest.raises(AlreadyExistsError) as caught:
            tx.clients.add(Client(personal_id=key) for key in [*keys, keys[0]])
        tx.enrollments.replace(enrollment(key, household_id=f"h{key}") for key in keys)
    assert caught.value.ids == (keys[0],)
    with filled.transaction() as tx:
        assert list(tx.enrollments.get(reversed(keys))) == keys
        assert not tx.clients.get(keys)
        households = [HouseholdKey("es", f"h{key}") for key in keys]
        assert [e.key for e in tx.enrollments.of_households(households)] == keys
        assert tx.enrollments.of_households([HouseholdKey("es", key) for key in keys]) == []
        assert sum(1 for _ in tx.enrollments.by_household()) == count + 2


def test_iterating_while_writing(filled: Store) -> None:
    """SPEC 10.1: records may be replaced and added while they are iterated; each that was there comes exactly once."""
    keys = [f"n{number:04}" for number in range(6_000)]
    with filled.transaction(write=True) as tx:
        tx.clients.add(Client(personal_id=key) for key in keys)
        seen = []
        for client in tx.clients:
            seen.append(client.personal_id)
            if len(seen) % 1_000 == 0:
                tx.clients.replace([attrs.evolve(client, last_name="Seen")])
                tx.clients.add([Client(personal_id=f"a{len(seen)}"), Client(personal_id=f"z{len(seen)}")])
                with pytest.raises(AlreadyExistsError):
                    tx.clients.add([Client(personal_id="late"), client])
        tx.users.replace(attrs.evolve(user, first_name="Seen") for user in tx.users)
        assert [user.first_name for user in tx.users] == ["Seen", "Seen"]
    assert seen == ["c1", "c2", *keys]
    with filled.transaction() as tx:
        assert sum(1 for client in tx.clients if client.last_name == "Seen") == 6
        assert sum(1 for _ in tx.clients) == 2 + 6_000 + 12


def test_moving_members_while_iterating_households(filled: Store) -> None:
    """SPEC 10.1: a member who is moved to a later household while households are iterated comes exactly once."""
    keys = [f"n{number:04}" for number in range(6_000)]
    with filled.transaction(write=True) as tx:
        tx.enrollments.add(enrollment(key, household_id=f"x{key}") for key in keys)
        seen = []
        for stay in tx.enrollments.by_household():
            seen.append(stay.enrollment_id)
            if len(seen) <= 3:
                tx.enrollments.replace([attrs.evolve(stay, household_id="z")])
        assert [e.key for e in tx.enrollments.of_households([HouseholdKey("es", "z")])] == ["e1", "e2", "n0000"]
    assert seen == ["e1", "e2", *keys]


def test_appending_while_iterating_history(filled: Store) -> None:
    """SPEC 8.5: a history that grows while it is iterated comes to an end."""
    with filled.transaction(write=True) as tx:
        tx.history.append(lines_after(tx.history.head(), *[{}] * 4_999))
        seen = 0
        for seen, _ in enumerate(tx.history, start=1):
            if seen % 1_000 == 0:
                tx.history.append(lines_after(tx.history.head(), {}))
        assert (seen, tx.history.head().number) == (5_000, 5_005)


def test_history_has_nothing_but_appending(filled: Store) -> None:
    """SPEC 8.5: a history offers nothing that would change or remove a line."""
    with filled.transaction(write=True) as tx:
        offered = {name for name in dir(tx.history) if not name.startswith("_")}
    assert offered == {"head", "append", "of_records", "of_batches", "of_kind", "after", "count"}


def test_an_empty_history(store: Store) -> None:
    """SPEC 8.5: a history without lines ends where every history begins."""
    with store.transaction(write=True) as tx:
        tx.history.append([])
    with store.transaction() as tx:
        assert (tx.history.head(), list(tx.history)) == (EMPTY, [])


def test_lines_are_found(filled: Store) -> None:
    """SPEC 7.8, 8.5: lines are found by record, batch and kind, by number, and the head moves on with them."""
    a1, e1, a0 = RecordKey("assignment", "a1"), RecordKey("enrollment", "e1"), RecordKey("assignment", "a0")
    drafts = [{"record": e1, "batch_id": "b2"}, {"record": a1, "batch_id": "b0"}, {"record": e1, "batch_id": "b2"}]
    with filled.transaction(write=True) as tx:
        lines = lines_after(tx.history.head(), *drafts, {"record": a0})
        tx.history.append(lines)
    with filled.transaction() as tx:
        assert tx.history.head() == lines[-1].head
        assert [line.number for line in tx.history] == [1, 2, 3, 4, 5]
        assert [line.number for line in tx.history.of_records([e1])] == [2, 4]
        assert [line.number for line in tx.history.of_records([e1, a0, a1])] == [1, 2, 3, 4, 5]
        assert [line.number for line in tx.history.of_batches(["b2", "b0"])] == [2, 3, 4]
        assert [line.number for line in tx.history.of_kind("assignment")] == [1, 3, 5]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda head: lines_after(EMPTY, {}),
        lambda head: lines_after(head, {"number": head.number + 2}),
        lambda head: lines_after(head, {"number": head.number}),
        lambda head: lines_after(head._replace(digest="0" * 64), {}),
        lambda head: [attrs.evolve(line, reason="other") for line in lines_after(head, {})],
        lambda head: [*lines_after(head, {}), *lines_after(head, {"change_id": "other"})],
        lambda head: list(reversed(lines_after(head, {}, {}))),
    ],
    ids=["stale", "gap", "repeated", "another chain", "changed", "forked", "reversed"],
)
def test_a_line_that_does_not_continue_is_refused(filled: Store, wrong: Callable[[Head], list[Change]]) -> None:
    """SPEC 8.5: lines that do not continue the chain are refused as a conflict, and none of them stays."""
    with filled.transaction(write=True) as tx:
        before = everything(tx)
        with pytest.raises(ConflictError):
            tx.history.append(wrong(tx.history.head()))
        assert everything(tx) == before
        tx.history.append(lines_after(tx.history.head(), {}))
    with filled.transaction() as tx:
        assert [line.number for line in tx.history] == [1, 2]


def test_a_change_id_comes_once(filled: Store) -> None:
    """SPEC 8.5: a change id that is in the history, or twice in the call, is named, and nothing of the call stays."""
    with filled.transaction(write=True) as tx:
        before = everything(tx)
        again = [{"change_id": key} for key in ("n1", "change-1", "n2", "n1")]
        with pytest.raises(AlreadyExistsError) as caught:
            tx.history.append(lines_after(tx.history.head(), *again))
        assert everything(tx) == before
    assert (caught.value.kind, caught.value.ids) == ("change", ("change-1", "n1"))


def test_closing(filled: Store) -> None:
    """SPEC 10.1: a store is closed once or twice; an open transaction goes on to its end, and none begins after it."""
    with filled.transaction(write=True) as tx:
        filled.close()
        WRITES["add"](tx)
        assert everything(tx)
    filled.close()
    with pytest.raises(StorageError, match="closed"), filled.transaction():
        pytest.fail("a transaction began")


def test_stores_do_not_stand_in_each_others_way(filled: Store) -> None:
    """SPEC 10.1: a thread may be in transactions on two stores at once, to copy from one to the other."""
    other = MemoryStore()
    with filled.transaction() as source, other.transaction(write=True) as target:
        target.clients.add(source.clients)
    with other.transaction() as tx:
        assert [exactly(client) for client in tx.clients] == [exactly(client) for client in CLIENTS]
