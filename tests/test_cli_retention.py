"""The commands out-of-use, deidentify and verify."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_files import raw
from test_cli import Shell, assert_one_sentence
from test_deidentify import count
from test_personal import version_1
from world import World

from caseassign import SQLiteStore, User


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line, and no store yet."""
    return Shell(tmp_path, capsys)


@pytest.fixture
def agency(shell: Shell) -> Iterator[World]:
    """The agency of the tests in the store of the command line: c1 was here in 2018, c2 still is."""
    with closing(SQLiteStore(shell.path)) as store:
        world = World(store)
        stay = world.system.enroll("c1", "es", on="2018-01-10", case_manager="lee", reason="Ada came alone").enrollment
        world.system.exit(stay, on="2018-02-01")
        world.stay("c2")
        yield world


def test_who_is_out_of_use_is_listed(agency: World, shell: Shell) -> None:
    """SPEC 8.5: as plain data, and as a table; nobody is a sentence."""
    assert shell.json("out-of-use", "--since", "2019-03-02") == [
        {"personal_id": "c1", "first_name": "Ada", "last_name": "Marigold"}
    ]
    assert shell.json("out-of-use", "--since", "2018-01-31") == []
    told = shell("out-of-use", "--since", "2019-03-02").out
    assert told == "Out of use since 2 Mar 2019\nClient\nAda Marigold (c1)\n1 client.\n"
    assert (
        shell("out-of-use", "--since", "2018-01-31").out
        == "Nobody who has been out of use since 31 Jan 2018 is left to be de-identified.\n"
    )
    assert_one_sentence(shell("out-of-use"))


def test_clients_are_de_identified_by_their_ids(agency: World, shell: Shell) -> None:
    """SPEC 8.5: what was done is said, and nothing of them is in the file afterwards; there is no undo to offer."""
    words = ("deidentify", "c1", "--user", "SYSTEM", "--reason", "seven years")
    dry = shell(*words, "--dry-run")
    assert dry.out == "Dry run, nothing written.\nWould have de-identified 1 client: c1.\n"
    assert count(shell.folder, "Ada") > 0
    told = shell(*words)
    assert (told.status, told.err) == (0, "")
    first, last = told.out.splitlines()
    assert first == "De-identified 1 client: c1."
    assert last.startswith("Batch ")
    assert count(shell.folder, "Ada") == 0
    assert shell(*words).out.startswith("Nothing to do: all is so already.")
    assert shell.json(*words)["changes"] == 0
    assert shell.json("verify")["breaks"] == []


def test_everybody_who_is_out_of_use_is_de_identified(agency: World, shell: Shell) -> None:
    """SPEC 8.5: those whom the acting user may see; the others are counted."""
    agency.system.add(User(user_id="chief", organization_ids={"haven"}, permissions={"client.deidentify"}))
    outcome = agency.system.enroll("c3", "th", on="2018-01-10", case_manager=None)
    agency.system.exit(outcome.enrollment, on="2018-02-01")
    words = ("deidentify", "--out-of-use-since", "2019-03-02", "--user", "chief")
    told = shell(*words).out
    assert told.startswith("De-identified 1 client: c1.\n1 client withheld.\nBatch ")
    assert "withheld" not in shell("deidentify", "--out-of-use-since", "2018-01-01", "--user", "chief").out
    with agency.store.transaction() as tx:
        assert [client.first_name for client in tx.clients.get(["c1", "c3"]).values()] == [None, "Cleo"]


def test_who_is_meant_is_said_once(agency: World, shell: Shell) -> None:
    """API: ids or a day, not both and not neither; who is in use is refused."""
    who = ("--user", "SYSTEM")
    assert_one_sentence(shell("deidentify", *who))
    assert_one_sentence(shell("deidentify", "c1", "--out-of-use-since", "2019-03-02", *who))
    refused = shell("deidentify", "c1", "c2", *who, "--json")
    assert (refused.status, refused.json["refused"][0]["code"]) == (1, "in-use")
    with agency.store.transaction() as tx:
        assert tx.clients.get(["c1"])["c1"].first_name == "Ada"
    denied = shell("deidentify", "c1", "--user", "kim")
    assert denied.status == 1
    assert "client.deidentify" in denied.err


def test_what_is_in_the_way_can_be_tried_again(agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.1: the act is told of; while somebody reads, the file is not written anew; the next time it is."""
    monkeypatch.setattr("caseassign.cli.store.SQLiteStore", lambda path: SQLiteStore(path, timeout=0.05))
    words = ("deidentify", "c1", "--user", "SYSTEM")
    written: list[str] = []

    def vacuum(store: SQLiteStore) -> None:
        with raw(Path(shell.path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM client").fetchone()
            written.append("tried")
            original(store)

    original = SQLiteStore.vacuum
    monkeypatch.setattr(SQLiteStore, "vacuum", vacuum)
    ran = shell(*words)
    assert (ran.status, written) == (1, ["tried"])
    assert ran.out.startswith("De-identified 1 client: c1.")
    assert "try again" in ran.err
    monkeypatch.setattr(SQLiteStore, "vacuum", original)
    assert shell(*words).status == 0
    assert count(shell.folder, "Ada") == 0


def test_lines_that_hold_names_are_named(shell: Shell) -> None:
    """SPEC 8.5: what cannot be removed from a store of version 1 is said, whenever it is asked for."""
    version_1(Path(shell.path))
    words = ("deidentify", "c1", "--user", "SYSTEM")
    told = shell(*words).out
    why = "(the line of history holds a name or a reason itself, as in version 1 of the store, and stays)"
    assert why in " ".join(told.split())
    again = " ".join(shell(*words).out.split())
    assert again.startswith("Nothing to do: all is so already. Left out: ")
    assert why in again
    assert [line["kind"] for line in shell.json(*words)["skipped"]][:1] == ["line"]


def test_a_history_is_held_against_what_was_noted_down(agency: World, shell: Shell) -> None:
    """SPEC 8.5: who cuts the tail off and writes a head that fits is found with an anchor, and only with one."""
    head = shell.json("verify")["head"]
    anchor = f"{head['number']}:{head['digest']}"
    assert anchor in shell("verify", "--anchor", anchor).out
    with closing(sqlite3.connect(shell.path, isolation_level=None)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("DELETE FROM change WHERE number = ?", (head["number"],))
        db.execute(
            "UPDATE change_head SET (number, digest, recorded_at) = "
            "(SELECT number, digest, recorded_at FROM change ORDER BY number DESC LIMIT 1)"
        )
        for _, statement in triggers:
            db.execute(statement)
    assert shell.json("verify")["breaks"] == []
    ran = shell("verify", "--anchor", anchor, "--json")
    assert (ran.status, [found["number"] for found in ran.json["breaks"]]) == (1, [head["number"]])
    told = shell("verify", "--anchor", anchor)
    assert told.out.startswith(f"Line {head['number']} of the history: ")
    assert "Note down" not in told.out
    for wrong in ("12", "0:" + "0" * 64, "12:xyz", f"-1:{'0' * 64}"):
        assert_one_sentence(shell("verify", f"--anchor={wrong}"))


def test_an_empty_history_has_nothing_to_be_noted_down(shell: Shell) -> None:
    """SPEC 8.5: without lines there is no anchor."""
    SQLiteStore(shell.path).close()
    assert shell("verify").out == "The history is whole: no line of it was changed, removed or put in.\n"
    assert shell.json("verify") == {"breaks": [], "head": {"number": 0, "digest": ""}}
