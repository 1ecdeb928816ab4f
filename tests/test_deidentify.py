"""De-identifying clients: what goes, what stays, who is refused, and who is out of use."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_files import raw
from test_import_export import Row, Sent
from test_invariants import SEQUENCES, busy_world, carry_out, records
from test_personal import raw_lines, texts_in, version_1
from test_privacy import MARK
from world import CLIENTS, TODAY, World, day, effort

from caseassign import (
    SYSTEM,
    CaseAssignment,
    Casework,
    Client,
    ConflictError,
    Enrollment,
    InvalidRecordError,
    NotFoundError,
    OutOfUse,
    PermissionDeniedError,
    RuleViolationError,
    SQLiteStore,
    StorageError,
    User,
)
from caseassign import out_of_use as of_out_of_use
from caseassign.acts import deidentify as acts_deidentify
from caseassign.acts.outcome import Skipped
from caseassign.history import to_plain
from caseassign.model import KINDS
from caseassign.storage import Store
from caseassign.stores import sqlite_schema

NAMELESS = {"personal_id": "c1", "first_name": None, "last_name": None}


def all_of(store: Store) -> str:
    """All that a store has of records, history and texts, but for what lines and texts stand for each other."""
    with store.transaction() as tx:
        plains: list[Any] = [to_plain(record) for kind in KINDS for record in getattr(tx, f"{kind}s")]
        plains += [[line.before, line.after, line.reason] for line in tx.history]
        plains += tx.imported.get("client", [client.personal_id for client in tx.clients]).values()
        plains += [line.record for line in tx.history]
    return json.dumps([*plains, *texts_in(store).values()])


def gone(world: World, client: str = "c1", **how: Any) -> Enrollment:
    """A stay of a client that began and ended, held by kim, each with a reason that names them."""
    stay = world.stay(client, reason=f"{client} came with Ada", **how)
    world.kim.assign(stay, start=day("01-10"), reason=f"{client} knows Kim")
    world.kim.exit(stay, on="2026-02-01", reason=f"{client} moved to Ada's")
    return stay


# What goes, and what stays


def test_names_and_reasons_are_gone_and_the_rest_stays(any_world: World) -> None:
    """SPEC 8.4, 8.5: who the client was is nowhere any more; what was done is, unchanged, and verifies."""
    world = any_world
    stay = gone(world)
    world.system.import_export(Sent([Row(Client(personal_id="c1", first_name="Adah", last_name="Finch"))]))
    before, heads = raw_lines(world.store), world.system.history_head()
    cases = world.system.case_managers("c1").rows
    outcome = world.system.deidentify("c1", reason="seven years")
    assert [(line.action, line.after) for line in outcome.changes] == [("client.deidentify", NAMELESS)]
    assert world.state()["client"][0] == NAMELESS
    everything = all_of(world.store)
    for text in ("Ada", "Finch", "came with", "knows", "moved"):
        assert text not in everything
    assert raw_lines(world.store)[: len(before)] == before
    assert world.system.verify_history([heads]) == ()
    assert [case.assignment for case in world.system.case_managers("c1")] == [case.assignment for case in cases]
    lines = world.system.history(client="c1")
    assert [line.reason for line in lines] == [None] * (len(lines) - 1) + ["seven years"]
    assert {(line.after or {}).get("first_name") for line in lines} == {None}
    assert world.system.client_record("c1").client == Client(personal_id="c1")
    assert stay.personal_id == "c1"


def test_others_keep_their_names_and_reasons(any_world: World) -> None:
    """SPEC 8.5: what is not about the client stays, but for a reason that one batch gave for both."""
    world = any_world
    for client in ("c1", "c2"):
        gone(world, client)
    both = world.system.enroll(
        {"c1": 1, "c2": 2}, "rrh", on="2026-01-10", case_manager=None, reason="Ada's household", command_id="both"
    )
    world.system.exit(both.enrollments[0], on="2026-02-01", household=True)
    world.system.deidentify([Client(personal_id="c1")])
    assert "Ben" in texts_in(world.store).values()
    assert [line.reason for line in world.system.history(client="c2")] == [
        None,
        "c2 came with Ada",
        "c2 knows Kim",
        "c2 moved to Ada's",
        "c2 moved to Ada's",
        None,
        None,
    ]
    assert "Ada's household" not in all_of(world.store)


def test_doing_it_again_writes_nothing(any_world: World) -> None:
    """SPEC 6: with a command id it happened once; without one there is nothing left to do."""
    world = any_world
    gone(world)
    first = world.system.deidentify("c1", reason="seven years", command_id="once")
    before = world.lines()
    assert world.system.deidentify("c1", reason="seven years", command_id="once").batch_id == first.batch_id
    for _ in range(2):
        again = world.system.deidentify(["c1", "c1"], reason="eight years")
        assert (again.changes, again.batch_id) == ((), None)
    assert world.lines() == before
    assert world.system.history(client="c1")[-1].reason == "seven years"


def test_a_dry_run_takes_nothing_away(any_world: World) -> None:
    """SPEC 6: it says whom it would de-identify, and nothing is gone."""
    world = any_world
    gone(world)
    before, state = all_of(world.store), world.state()
    outcome = world.system.deidentify(["c1", "c2"], dry_run=True)
    assert [line.record.id for line in outcome.changes] == ["c1", "c2"]
    assert (all_of(world.store), world.state()) == (before, state)


def test_who_was_never_enrolled_can_be_de_identified(world: World) -> None:
    """SPEC 8.5: a client alone."""
    world.system.deidentify(["c1"])
    assert world.state()["client"][0] == NAMELESS
    assert [client["first_name"] for client in world.state()["client"]][1:] == ["Ben", "Cleo", "Dov", "Eve"]


def test_a_client_without_a_name_loses_the_reasons(any_world: World) -> None:
    """SPEC 8.5: somebody whose name was never known may stand in the reasons; the line says that they are gone."""
    world = any_world
    world.system.add(Client(personal_id="c1"))
    gone(world)
    outcome = world.system.deidentify("c1")
    assert [(line.before, line.after) for line in outcome.changes] == [(NAMELESS, NAMELESS)]
    assert "knows Kim" not in all_of(world.store)
    assert not world.system.deidentify("c1").changes


def test_what_is_written_later_can_be_removed_later(any_world: World) -> None:
    """SPEC 8.5: who was named again is de-identified again; why it was done the first time stays."""
    world = any_world
    stay = gone(world)
    sent = Sent([Row(Client(personal_id="c1", first_name="Ada", last_name="Marigold"))])
    world.system.import_export(sent)
    world.system.deidentify("c1", reason="seven years")
    assert not world.system.verify_history()
    world.system.import_export(sent)
    assert world.state()["client"][0]["first_name"] == "Ada"
    world.system.edit_enrollment(stay, relationship_to_hoh=2, reason="Ada was the daughter")
    world.system.deidentify("c1", reason="once more")
    assert "Ada" not in all_of(world.store).replace("moved to Ada's", "")
    assert [line.reason for line in world.system.history(client="c1") if line.reason] == ["seven years", "once more"]


def test_the_past_has_no_names_either(any_world: World) -> None:
    """SPEC 7.8: as known at a moment before, the client is there, and nameless."""
    world = any_world
    gone(world)
    then = world.now.moment
    world.system.add(Client(personal_id="c1", first_name="Adah"))
    later = world.now.moment
    world.system.deidentify("c1")
    for moment in (then, later):
        assert world.system.client_record("c1", known_at=moment).client == Client(personal_id="c1")
        assert {line.reason for line in world.system.history(client="c1", known_at=moment)} == {None}
    assert world.system.client_record("c2", known_at=then).client == CLIENTS[1]


def test_nobody_can_undo_it(any_world: World) -> None:
    """SPEC 6.12: nor what named the client before."""
    world = any_world
    world.system.add(Client(personal_id="c1", first_name="Adah"))
    named = world.system.history(client="c1")[-1].batch_id
    world.system.add(Client(personal_id="c1", first_name="Adele"))
    batch_id = world.system.deidentify("c1").batch_id
    for batch, code in ((batch_id, "deidentify-not-undone"), (named, "changed-since")):
        with pytest.raises(RuleViolationError) as error:
            world.system.undo(batch or "")
        assert [violation.code for violation in error.value.violations] == [code]
    assert world.state()["client"][0] == NAMELESS


def test_an_undo_never_puts_back_a_name_that_was_removed(any_world: World) -> None:
    """SPEC 6.12, 8.5: also where the record stands as the batch left it, as its name had been taken away before."""
    world = any_world
    world.system.add(Client(personal_id="c1"))
    cleared = world.system.history(client="c1")[-1].batch_id
    world.system.add(Client(personal_id="c1", first_name="Eve"))
    world.system.deidentify("c1")
    with pytest.raises(RuleViolationError, match="changed-since"):
        world.system.undo(cleared)
    assert world.state()["client"][0] == NAMELESS


def test_a_command_that_changed_nothing_keeps_no_reason(any_world: World) -> None:
    """SPEC 8.4, 8.5: it is about no client, so nobody would ever remove it."""
    world = any_world
    stay = gone(world)
    world.system.exit(stay, on="2026-02-01", reason="Ada fled her husband", command_id="again")
    assert "Ada fled her husband" not in all_of(world.store)


def test_the_reason_of_an_import_goes_with_whom_it_brought(any_world: World) -> None:
    """SPEC 8.5: the history of an imported client begins with the line of the import."""
    world = any_world
    world.system.import_export(Sent([Row(Client(personal_id="n", first_name="Nia"))]), reason="because Nia moved")
    assert world.system.history(client="n")[0].reason == "because Nia moved"
    world.system.deidentify("n")
    assert [line.reason for line in world.system.history(client="n")] == [None, None]
    assert "Nia" not in all_of(world.store)


def test_nobody_is_out_of_use_since_a_day_to_come(world: World) -> None:
    """SPEC 8.5: a mistyped year must not list everybody for what cannot be undone."""
    with pytest.raises(InvalidRecordError, match="future"):
        world.system.out_of_use(TODAY + timedelta(days=1))


def test_what_was_done_to_the_enrollment_can_still_be_undone(any_world: World) -> None:
    """SPEC 6.9, 6.12: days and holders are not personal, and are put back as they were."""
    world = any_world
    stay = gone(world)
    batch_id = world.system.history(stay)[-1].batch_id
    world.system.deidentify("c1")
    world.system.undo(batch_id)
    with world.store.transaction() as tx:
        assert tx.enrollments.get([stay.enrollment_id])[stay.enrollment_id].exit_date is None


# Lines of version 1


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """SPEC 8.5: lines that hold names themselves stay as they are; each is named, whenever it is done."""
    path = tmp_path / "old.sqlite"
    version_1(path)
    with closing(SQLiteStore(path)) as store:
        system = Casework(store, user=SYSTEM)
        system.add(Client(personal_id="c1", first_name="Adele"), reason="typo")
        clear = [line.number for line in raw_lines(store) if line.record.id == "c1" and line.action == "record.add"][:2]
        for changes in (1, 0):
            outcome = system.deidentify("c1")
            assert len(outcome.changes) == changes
            named = {skipped.id for skipped in outcome.skipped}
            assert {skipped.kind for skipped in outcome.skipped} == {"line"}
            assert set(map(str, clear)) <= named
        assert "Adele" not in texts_in(store).values()
        assert Skipped("line", str(clear[0]), outcome.skipped[0].reason) in outcome.skipped
        assert system.deidentify("c2").skipped
        assert system.verify_history() == ()


# Who is refused


@pytest.mark.parametrize(
    ("do", "is_in_use"),
    [
        (lambda w: w.stay("c1"), True),
        (lambda w: w.stay("c1", entry="03-20"), True),
        (lambda w: w.system.exit(w.stay("c1"), on="2026-03-03"), True),
        (lambda w: w.system.exit(w.stay("c1"), on="2026-03-02"), False),
        (lambda w: w.put_raw(stay(deleted=True)), False),
        (lambda w: w.put_raw(stay(exit_date=day("02-01")), stint(end_date=None)), True),
        (lambda w: w.put_raw(stay(exit_date=day("02-01")), stint(end_date=day("03-03"))), True),
        (lambda w: w.put_raw(stay(exit_date=day("02-01")), stint(end_date=day("03-02"))), False),
        (lambda w: w.put_raw(stay(exit_date=day("02-01")), stint(end_date=None, voided=True)), False),
        (lambda w: w.put_raw(stay(deleted=True), stint(end_date=None)), False),
        (lambda w: w.put_raw(stay(entry_date=day("03-03"), exit_date=day("02-01"))), True),
    ],
    ids=[
        "open",
        "to come",
        "exits tomorrow",
        "exited today",
        "deleted",
        "kept",
        "held until tomorrow",
        "held until today",
        "void",
        "held on a deleted one",
        "enters tomorrow, exited before",
    ],
)
def test_who_is_in_use_is_refused(world: World, do: Callable[[World], object], is_in_use: bool) -> None:
    """SPEC 5, 8.5: enrolled, or held, today or later; the answer is that of `out_of_use`."""
    do(world)
    assert ("c1" not in [client.personal_id for client in world.system.out_of_use(TODAY)]) == is_in_use
    if not is_in_use:
        assert world.system.deidentify("c1").changes
        return
    before, state = all_of(world.store), world.state()
    with pytest.raises(RuleViolationError) as error:
        world.system.deidentify(["c2", "c1"])
    (violation,) = error.value.violations
    assert (violation.code, violation.field, violation.ids) == ("in-use", "personal_id", ("c1",))
    assert (all_of(world.store), world.state()) == (before, state)


def stay(**fields: Any) -> Enrollment:
    """An enrollment of c1 as it may have come from anywhere."""
    usual: dict[str, Any] = {"enrollment_id": "e", "personal_id": "c1", "project_id": "es", "entry_date": day("01-10")}
    return Enrollment(**(usual | fields))


def stint(**fields: Any) -> CaseAssignment:
    """An assignment on it."""
    usual: dict[str, Any] = {"assignment_id": "a", "enrollment_id": "e", "user_id": "kim", "start_date": day("01-10")}
    return CaseAssignment(**(usual | fields))


@pytest.mark.parametrize("at_once", [1, 2, 9])
def test_all_who_are_in_use_are_named_at_once(world: World, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 5.1: an act is refused whole, with all that speaks against it, however many are looked at in one go."""
    for module in (acts_deidentify, of_out_of_use):
        monkeypatch.setattr(module, "_CLIENTS_AT_ONCE", at_once)
    assert len(world.system.deidentify(world.system.out_of_use(TODAY), dry_run=True).changes) == 5
    world.stay("c2")
    world.stay("c4")
    with pytest.raises(RuleViolationError) as error:
        world.system.deidentify([f"c{number}" for number in range(1, 6)])
    assert [violation.ids for violation in error.value.violations] == [("c2", "c4")]


def test_it_takes_the_permission_and_access(world: World) -> None:
    """SPEC 8.1, 8.2: the permission of its name, and access to every project in which the client was."""
    gone(world)
    for user, organizations, permissions, may in (
        ("n1", {"haven"}, set(), False),
        ("n2", {"bridge"}, {"client.deidentify"}, False),
        ("n3", {"haven"}, {"client.deidentify"}, True),
    ):
        world.system.add(User(user_id=user, organization_ids=organizations, permissions=permissions))
        out = world.as_(user).out_of_use(TODAY)
        assert ("c1" in [client.personal_id for client in out], out.withheld) == (
            (True, 0) if user != "n2" else (False, 1)
        )
        if may:
            assert world.as_(user).deidentify("c1").changes[0].user_id == user
            continue
        with pytest.raises(PermissionDeniedError) as error:
            world.as_(user).deidentify("c1")
        assert error.value.action == "client.deidentify"


def test_clients_who_are_not_there_are_named(world: World) -> None:
    """API: unknown ids, and what is no id, are refused; nobody at all is nothing to do."""
    with pytest.raises(NotFoundError) as error:
        world.system.deidentify(["c1", "no"])
    assert error.value.ids == ("no",)
    with pytest.raises(InvalidRecordError):
        world.system.deidentify([7])  # type: ignore[list-item]  # wrong on purpose
    assert not world.system.deidentify([]).changes


# Who is out of use


def out(world: World, since: date | str) -> list[str]:
    """Who has been out of use since a day."""
    found = world.system.out_of_use(since)
    assert isinstance(found, OutOfUse)
    assert found.to_dicts() == [to_plain(client) for client in found]
    assert len(found) == len(list(found)) == len(found[:])
    return [client.personal_id for client in found]


def test_who_has_been_out_of_use_since_a_day(any_world: World) -> None:
    """SPEC 8.5: by days of service, half-open like all days; by id, and only until they are de-identified."""
    world = any_world
    gone(world, "c1")
    later = world.stay("c2", entry="01-10")
    world.kim.assign(later, start=day("01-12"), end=day("02-20"))
    world.system.exit(later, on="2026-02-15", end_assignments=False)
    world.stay("c3")
    assert out(world, "2026-01-31") == []
    assert out(world, "2026-02-01") == ["c1"]
    assert out(world, "2026-02-19") == ["c1"]
    assert out(world, day("02-20")) == ["c1", "c2"]
    world.system.deidentify(world.system.out_of_use("2026-02-20"))
    assert out(world, "2026-02-20") == []


def test_who_was_never_enrolled_goes_by_when_they_were_recorded(any_world: World) -> None:
    """SPEC 8.5: whoever was added, changed or imported this morning and is to be enrolled is in use."""
    world = any_world
    assert out(world, TODAY - timedelta(days=1)) == []
    assert out(world, TODAY) == ["c1", "c2", "c3", "c4", "c5"]
    world.now.moment += timedelta(days=400)
    world.system.add(Client(personal_id="c2", first_name="Benno"))
    world.system.import_export(Sent([Row(Client(personal_id="n", first_name="Nia"))]))
    assert out(world, TODAY) == ["c1", "c3", "c4", "c5"]
    world.put_raw(Client(personal_id="unwritten"))
    assert "unwritten" not in out(world, TODAY)  # nothing of them is left to be removed
    world.put_raw(Client(personal_id="unwritten", first_name="Una"))
    assert "unwritten" in out(world, TODAY)


def test_who_has_no_name_is_listed_for_the_reasons(any_world: World) -> None:
    """SPEC 8.5: as long as something can be removed."""
    world = any_world
    world.system.add(Client(personal_id="c1"))
    assert "c1" in out(world, TODAY)  # what they were called stands in the history
    world.system.deidentify("c1")
    assert "c1" not in out(world, TODAY)


@pytest.mark.slow
@settings(max_examples=effort(15))
@given(acts=SEQUENCES, since=st.integers(-8, 8))
def test_whoever_is_out_of_use_can_be_de_identified(
    new_store: Callable[[], AbstractContextManager[Store]], acts: list[tuple[Any, ...]], since: int
) -> None:
    """SPEC 8.4, 8.5: after any acts, on any store: nothing is left of whom is listed, and others are as they were."""
    with new_store() as store:
        world = busy_world(store)
        for act in acts:
            carry_out(world, act)
        for number in (1, 2, 3, 4):
            world.system.add(Client(personal_id=f"c{number}", first_name=f"{MARK}{number}"), reason=f"{MARK}{number}")
        listed = world.system.out_of_use(TODAY + timedelta(days=min(since, 0)))
        state, heads = world.state(), world.system.history_head()
        world.system.deidentify(listed, reason="seven years")
        assert list(world.system.out_of_use(listed.since)) == []
        ids = {client.personal_id for client in listed}
        everything = all_of(store)
        for number in (1, 2, 3, 4):
            assert (f"{MARK}{number}" in everything) == (f"c{number}" not in ids)
        after = world.state()
        assert {kind: after[kind] for kind in after if kind != "client"} == {
            kind: state[kind] for kind in state if kind != "client"
        }
        assert world.system.verify_history([heads]) == ()
        assert len(records(world)[0]) == len(state["enrollment"])


# What is left in the file


def test_nothing_is_left_in_the_file(tmp_path: Path) -> None:
    """SPEC 8.4: after `vacuum`, no byte of the file, or of one beside it, holds a name or a reason that was removed."""
    path = tmp_path / "haven.sqlite"
    names = {f"c{number}": f"{MARK}{number:04}" for number in range(1_500)}
    with closing(SQLiteStore(path)) as store:
        world = World(store)
        world.system.add(*(Client(personal_id=key, first_name=name) for key, name in names.items()))
        rows = [Row(Client(personal_id=key, first_name=f"{name}!")) for key, name in names.items()]
        world.system.import_export(Sent(rows), reason=f"{MARK} refresh")
        assert count(tmp_path, MARK) > 1_500
        with pytest.raises(StorageError, match="inside a transaction"), store.transaction():
            store.vacuum()
        world.system.deidentify(list(names)[:1_400], reason="seven years")
        store.vacuum()
        assert count(tmp_path, MARK) > 100
        world.system.deidentify(list(names), reason="seven years")
        store.vacuum()
        assert count(tmp_path, MARK) == 0
        assert world.system.verify_history() == ()
    assert count(tmp_path, MARK) == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("mode", ["TRUNCATE", "WAL"])
def test_a_file_that_is_being_read_cannot_be_written_anew(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 10.1: in each journal mode `vacuum` says that somebody is in the way, and does it all the next time."""
    monkeypatch.setattr(sqlite_schema, "journal_mode", lambda _: mode)  # WAL is for versions that this may not be
    path = tmp_path / "haven.sqlite"
    with closing(SQLiteStore(path, timeout=0.05)) as store:
        World(store).system.add(Client(personal_id="n", first_name=MARK), reason=MARK)
        with raw(path) as reader:
            assert reader.execute("PRAGMA journal_mode").fetchone() == (mode.lower() if mode == "WAL" else "delete",)
            Casework(store, user=SYSTEM).deidentify("n")
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM client").fetchone()
            with pytest.raises(ConflictError):
                store.vacuum()
        store.vacuum()
        assert count(tmp_path, MARK) == 0
        assert Casework(store, user=SYSTEM).verify_history() == ()


def count(folder: Path, text: str) -> int:
    """How often a text stands in the bytes of the files of a folder."""
    return sum(file.read_bytes().count(text.encode()) for file in folder.iterdir())


def test_what_is_removed_is_overwritten_at_once(tmp_path: Path) -> None:
    """SPEC 8.4: without `vacuum` too, but for copies that the engine left when it moved rows."""
    path = tmp_path / "haven.sqlite"
    with closing(SQLiteStore(path)) as store:
        World(store).system.add(Client(personal_id="n", first_name=MARK), reason=f"{MARK} came")
    assert count(tmp_path, MARK) >= 3
    with closing(SQLiteStore(path)) as store:
        Casework(store, user=SYSTEM).deidentify("n")
    assert count(tmp_path, MARK) == 0
