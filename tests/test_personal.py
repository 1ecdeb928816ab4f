"""What is personal in history stands beside its lines: what a line holds of it, and how it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_import_export import Row, Sent
from test_invariants import SEQUENCES, busy_world, carry_out
from test_privacy import MARK
from world import World, effort

from caseassign import SYSTEM, Casework, Change, Client, PostgresStore, SQLiteStore
from caseassign.acts.ledger import Ledger
from caseassign.history import IMPORT, RecordKey, to_plain, verify
from caseassign.personal import (
    FIELDS,
    imprint_of,
    imprinted,
    imprints_in,
    is_in_the_clear,
    misfits,
    told,
    told_or_imprinted,
)
from caseassign.storage import Store
from caseassign.stores import postgres_schema, sqlite_schema
from caseassign.stores.postgres_connections import Own
from caseassign.stores.postgres_schema import Schema

VERSION_1 = Path(__file__).with_name("version_1.sql")
SALT = "5" * 32


def raw_lines(store: Store) -> list[Change]:
    """Every line as it stands in the store."""
    with store.transaction() as tx:
        return list(tx.history)


def texts_in(store: Store) -> dict[str, str]:
    """Every text that a line of the store stands for, by imprint, without its salt."""
    with store.transaction() as tx:
        return {imprint: salted[32:] for imprint, salted in tx.personal.get(imprints_in(tx.history)).items()}


def change(kind: str, before: Any = None, after: Any = None, reason: str | None = None) -> Change:
    """A line, unsealed, of which only this matters."""
    moment = World().now()
    return Change(
        number=1,
        change_id="n1",
        recorded_at=moment,
        user_id=None,
        action="record.add",
        record=RecordKey(kind, "x"),
        before=before,
        after=after,
        reason=reason,
        batch_id="b",
    )


# What a line holds


def test_a_line_holds_neither_a_name_nor_a_reason(any_world: World) -> None:
    """SPEC 8.4, 8.5: names of clients, and reasons, are not in any line; whoever reads the history gets both."""
    world = any_world
    world.system.add(Client(personal_id="c1", first_name="Ada", last_name="Finch"), reason="she married")
    world.kim.assign(world.stay(), reason="speaks Somali")
    world.system.import_export(
        Sent([Row(Client(personal_id="c1", first_name="Adah", last_name="Finch"))]), reason="monthly"
    )
    lines = raw_lines(world.store)
    held = [each for line in lines for each in (line.before, line.after, line.reason)]
    for text in ("Ada", "Marigold", "Finch", "she married", "speaks Somali", "monthly"):
        assert text not in str(held)
        assert text in texts_in(world.store).values()
    assert "Kim" in str(held)  # users are no clients
    history = world.system.history(client="c1")
    assert [line.reason for line in history] == [None, "she married", None, "speaks Somali", "monthly"]
    assert [(line.after or {}).get("last_name") for line in history] == ["Marigold", "Finch", None, None, "Finch"]
    assert not any(map(is_in_the_clear, lines))


def test_none_is_no_text(world: World) -> None:
    """SPEC 8.5: where there is no name, and no reason, nothing stands for it."""
    line = world.system.add(Client(personal_id="n", first_name="")).changes[0]
    raw = raw_lines(world.store)[-1]
    assert (line.after, line.reason) == ({"personal_id": "n", "first_name": "", "last_name": None}, None)
    assert raw.after == line.after | {"first_name": (raw.after or {})["first_name"]}  # type: ignore[operator]  # a dict
    assert imprints_in([raw]) == {(raw.after or {})["first_name"]}


def test_a_name_has_another_imprint_in_every_line(world: World) -> None:
    """SPEC 8.4: two clients of one name, and two lines about one client, cannot be told to be of one name."""
    world.system.add(*(Client(personal_id=key, first_name="Same", last_name="Same") for key in ("n1", "n2")))
    world.system.add(Client(personal_id="n1", first_name="Same", last_name="Other"))
    one, two, three = (line for line in raw_lines(world.store)[-3:])
    assert len(imprints_in([one])) == len(imprints_in([two])) == 1
    assert not imprints_in([one]) & imprints_in([two])
    assert not imprints_in([one]) & imprints_in([three])
    assert (three.before or {})["first_name"] == (three.after or {})["first_name"] != (three.after or {})["last_name"]


def test_a_batch_keeps_its_reason_once(world: World) -> None:
    """SPEC 8.5: a bulk act writes one text, and its command none; another batch writes its own."""
    family = world.family()
    stints = [world.kim.assign(stay).assignment for stay in family]
    before = len(texts_in(world.store))
    for to in ("lee", "sam"):
        world.system.reassign("kim" if to == "lee" else "lee", to, reason="on leave", command_id=to)
    assert len(texts_in(world.store)) == before + 2
    lines = [line for line in raw_lines(world.store) if line.reason is not None]
    assert len(lines) == 2 * 2 * len(stints)
    assert len({line.reason for line in lines}) == 2


def test_outcomes_say_what_was_given(world: World) -> None:
    """SPEC 6: an outcome has its texts, in a dry run, when it is done, and when the command is repeated."""
    stay = world.stay()
    for how in ({"dry_run": True}, {"command_id": "once"}, {"command_id": "once"}):
        outcome = world.kim.assign(stay, reason="speaks Somali", **how)
        assert [line.reason for line in outcome.changes] == ["speaks Somali"]
    (added,) = world.system.add(Client(personal_id="n", first_name="Nia"), dry_run=True).changes
    assert (added.after or {})["first_name"] == "Nia"


def test_what_is_not_written_leaves_no_text(world: World) -> None:
    """SPEC 6: a dry run, an act that changes nothing and an import without news write no text."""
    sent = Sent([Row(Client(personal_id="c1", first_name="Ada"))])
    world.system.import_export(sent)
    store: Any = world.store
    before = dict(store._data.personal)
    world.system.add(Client(personal_id="n", first_name="Nia"), reason="why", dry_run=True)
    world.system.add(Client(personal_id="c1", first_name="Ada"), reason="why")
    world.system.import_export(sent, reason="why")
    world.system.import_export(Sent([Row(Client(personal_id="c1", first_name="X"))]), reason="why", dry_run=True)
    assert store._data.personal == before


def test_a_ledger_without_lines_leaves_no_text(any_world: World) -> None:
    """SPEC 8.5: a text that no line stands for could never be found again, to be removed."""
    with any_world.store.transaction(write=True) as tx:
        ledger = Ledger(any_world.system._desk, tx, "why")
        ledger.append([])
        line = ledger.line("record.add", RecordKey("note", "x"), None, None)
        assert line.reason is not None
        assert not tx.personal.get([line.reason])
        ledger.append([line])
        assert tx.personal.get([line.reason])[line.reason].endswith("why")


@settings(max_examples=effort(25))
@given(acts=SEQUENCES)
def test_no_text_is_in_any_line_whatever_is_done(acts: list[tuple[Any, ...]]) -> None:
    """SPEC 8.4, 8.5: after any sequence of acts, every personal text of every line is an imprint, and fits its text."""
    world = busy_world()
    world.system.add(*(Client(personal_id=f"c{n}", first_name=MARK, last_name=MARK) for n in range(1, 5)), reason=MARK)
    for act in acts:
        carry_out(world, act)
    lines = raw_lines(world.store)
    assert MARK not in str([(line.before, line.after, line.reason) for line in lines])
    assert not any(map(is_in_the_clear, lines))
    assert texts_in(world.store).keys() == imprints_in(lines)
    assert world.system.verify_history() == ()


# What is read


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)


@given(first=st.none() | texts, last=st.none() | texts, reason=st.none() | texts, removed=st.booleans())
def test_texts_are_put_back(first: str | None, last: str | None, reason: str | None, removed: bool) -> None:
    """SPEC 8.5: a line reads as it was written; with its texts removed it says None, or keeps the imprint if asked."""
    kept: dict[str, str] = {}

    def imprint(text: str) -> str:
        kept[imprint_of(SALT + text)] = SALT + text
        return imprint_of(SALT + text)

    plain = to_plain(Client(personal_id="x", first_name=first, last_name=last))
    written = change("client", None, plain, reason)
    line = attrs.evolve(
        written,
        after=imprinted(plain, "client", imprint),
        reason=None if reason is None else imprint(reason),
    )
    there = {} if removed else kept
    found = lambda wanted: {each: there[each] for each in wanted if each in there}  # noqa: E731  # as a store does
    if not removed:
        assert told([line], found) == told_or_imprinted([line], found) == [written]
        return
    bare = attrs.evolve(written, after=plain | dict.fromkeys(FIELDS["client"]), reason=None)
    assert told([line], found) == [bare]
    assert told_or_imprinted([line], found) == [line]


def test_a_text_that_only_looks_like_an_imprint_is_a_text() -> None:
    """SPEC 8.5: what stands in a line and is no imprint, to the letter, was written before there were any."""
    for text in ("sha256:", f"sha256:{'0' * 63}", f"sha256:{'0' * 64}\n", f"SHA256:{'0' * 64}", "Ada"):
        line = change("enrollment", reason=text)
        assert told([line], lambda _: {}) == [line]
        assert is_in_the_clear(line)
    assert not is_in_the_clear(change("enrollment", {"first_name": "a field of another kind"}))


def test_a_changed_name_can_be_undone(any_world: World) -> None:
    """SPEC 6.12: an undo compares what was written, and not what stands for it; the undo can be undone."""
    world = any_world
    batch = world.system.add(Client(personal_id="c1", first_name="Adah", last_name="Finch"), reason="typo").batch_id
    undone = world.system.undo(batch or "")
    assert [client["first_name"] for client in world.state()["client"]][:2] == ["Ada", "Ben"]
    assert undone.changes[0].after == {"personal_id": "c1", "first_name": "Ada", "last_name": "Marigold"}
    world.system.undo(undone.batch_id or "")
    assert world.state()["client"][0]["last_name"] == "Finch"
    assert not world.system.undo(undone.batch_id or "").changes


def test_the_past_knows_old_names(any_world: World) -> None:
    """SPEC 7.8: as known at a moment, a client has the name of then, and the history its reasons."""
    world = any_world
    stay = world.stay()
    then = world.now.moment
    world.system.add(Client(personal_id="c1", first_name="Adah"), reason="typo")
    world.system.add(Client(personal_id="c1", first_name="Adele"))
    assert world.system.client_record("c1").client.first_name == "Adele"
    known = world.system.client_record("c1", known_at=then)
    assert (known.client.first_name, known.client.last_name) == ("Ada", "Marigold")
    assert [line.reason for line in world.system.history(client="c1", known_at=world.now.moment)][-2:] == ["typo", None]
    assert len(world.system.history(client="c1", known_at=then)) == 2
    assert world.kim.case_managers("c1", known_at=then).rows == ()
    assert stay.personal_id == "c1"


# Verifying


def test_a_text_that_was_changed_is_found(any_world: World) -> None:
    """SPEC 8.5: where a text is not the one that was written, verifying says for which lines."""
    world = any_world
    stay = world.stay()
    world.kim.assign(stay, reason="speaks Somali")
    line = raw_lines(world.store)[-1]
    assert line.reason is not None
    with world.store.transaction(write=True) as tx:
        salted = tx.personal.get([line.reason])[line.reason]
        tx.personal.put({line.reason: salted.replace("Somali", "French")})
    (found,) = world.system.verify_history()
    assert (found.number, "not as it was written" in found.problem) == (line.number, True)
    assert "French" not in str(found)
    with world.store.transaction(write=True) as tx:
        tx.personal.put({line.reason: f"x{salted[1:]}"})
    assert [each.number for each in world.system.verify_history()] == [line.number]


def test_a_text_that_was_removed_breaks_nothing(any_world: World) -> None:
    """SPEC 8.5: the chain does not need the texts."""
    world = any_world
    with world.store.transaction(write=True) as tx:
        tx.personal.remove(imprints_in(tx.history))
    assert world.system.verify_history() == ()
    assert raw_lines(world.store)[-1].reason is None
    assert {line.reason for line in world.system.history(client="c1")} == {None}


def test_breaks_come_in_order(world: World) -> None:
    """SPEC 8.5: those of texts among those of lines, by number."""
    world.kim.assign(world.stay(), reason="speaks Somali")
    store: Any = world.store
    lines = store._data.lines.lines
    store._data.personal |= dict.fromkeys(imprints_in(lines[:1] + lines[-1:]), "")
    lines[3] = attrs.evolve(lines[3], action="other")
    numbers = [found.number for found in world.system.verify_history()]
    assert numbers == sorted(numbers)
    assert {4, len(lines)} <= set(numbers)


def test_lines_that_hold_texts_themselves_fit_nothing_and_break_nothing() -> None:
    """SPEC 8.5: what was written before there were imprints is verified by the chain alone."""
    line = change("client", {"first_name": "Ada", "last_name": None}, None, "why")
    assert list(misfits([line], lambda wanted: dict.fromkeys(wanted, ""))) == []


# Stores of version 1


def version_1(path: Path) -> None:
    """Make the file of a store of version 1, in which history holds names and reasons itself."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_1.read_text(encoding="utf-8"))


def of_version_1(path: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table of version 1."""
    with closing(sqlite3.connect(path)) as old:
        old.row_factory = sqlite3.Row
        return [dict(row) for row in old.execute(f'SELECT * FROM "{name}"')]  # noqa: S608  # a table of ours


@pytest.fixture(params=["sqlite", "postgres"])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """What opens a store that was made by version 1."""
    path = tmp_path / "old.sqlite"
    version_1(path)
    if request.param == "sqlite":
        return lambda: SQLiteStore(path)
    dsn, schema, raw = (request.getfixturevalue(name) for name in ("dsn", "schema", "raw"))
    Own(dsn, Schema(schema, postgres_schema.STEPS[:1]), 1).close_idle()
    raw.execute("DELETE FROM change_head")
    for name in ("organization", "project", "user", "client", "enrollment", "assignment", "change", "change_head"):
        for row in of_version_1(path, name):
            values = {
                key: bool(each) if key in {"deleted", "kept_after_exit", "voided", "is_case_manager"} else each
                for key, each in row.items()
            } | {key: [] for key in row if key in {"organization_ids", "permissions"}}
            columns, marks = ", ".join(f'"{key}"' for key in values), ", ".join("%s" for _ in values)
            insert = f'INSERT INTO "{name}" ({columns}) VALUES ({marks})'  # noqa: S608  # tables of ours
            raw.execute(insert, list(values.values()))
    return lambda: PostgresStore(dsn, schema=schema)


def test_a_store_of_version_1_is_migrated(migrated: Callable[[], Store]) -> None:
    """SPEC 10.4: its history reads as before and verifies, and what is written from then on holds imprints."""
    for _ in range(2):
        with closing(migrated()) as store:
            system = Casework(store, user=SYSTEM)
            assert system.verify_history() == ()
            lines = system.history(client="c1")
            assert [line.reason for line in lines][:2] == ["set up", "Ada came with her sister"]
            assert {(line.after or {}).get("last_name") for line in lines} >= {"Marigold", "Marigold-Finch"}
            before = raw_lines(store)
            with store.transaction() as tx:
                assert list(verify(tx.history, tx.history.head())) == []
    with closing(migrated()) as store:
        system = Casework(store, user=SYSTEM)
        system.add(Client(personal_id="c1", first_name="Adele"), reason="typo")
        *old, new = raw_lines(store)
        assert old == before
        assert all(is_in_the_clear(line) for line in old if line.record.kind == "client")
        assert not is_in_the_clear(new)
        assert system.verify_history() == ()


def test_the_frozen_schema_is_that_of_the_first_step(tmp_path: Path) -> None:
    """SPEC 10.4: the first step makes what it has always made, so that what was made by it can be migrated."""
    version_1(tmp_path / "old.sqlite")
    sqlite_schema.open_file(tmp_path / "new.sqlite", 1, sqlite_schema.STEPS[:1]).close()
    made = []
    for name in ("old.sqlite", "new.sqlite"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            schema = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
            made.append({(kind, each, " ".join(sql.split())) for kind, each, sql in schema})
    assert made[0] == made[1]


def test_undo_and_the_past_go_by_old_lines(migrated: Callable[[], Store]) -> None:
    """SPEC 6.12, 7.8: a change that version 1 wrote is undone, and looked back at, like any other."""
    with closing(migrated()) as store:
        system = Casework(store, user=SYSTEM)
        renamed = next(line for line in system.history(client="c1") if line.reason == "she married")
        before = next(iter(system.history(client="c1"))).recorded_at
        assert system.client_record("c1", known_at=before).client.last_name == "Marigold"
        system.undo(renamed.batch_id)
        assert system.client_record("c1").client.last_name == "Marigold"


def test_the_line_of_an_import_keeps_its_reason_beside(world: World) -> None:
    """SPEC 8.5: the reason of an import is personal like any other."""
    world.system.import_export(Sent([Row(Client(personal_id="n", first_name="Nia"))]), reason="monthly")
    (line,) = (line for line in raw_lines(world.store) if line.record.kind == IMPORT)
    assert line.reason in texts_in(world.store)
