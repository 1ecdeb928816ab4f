"""The commands about caseloads, periods and what comes up, and what every list says as it was known at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from test_cli import CASE_KEYS, Shell, assert_one_sentence, keys
from world import World, day

from caseassign import SQLiteStore, User

TODAY = ("--as-of", "2026-03-02")


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line, and no store yet."""
    return Shell(tmp_path, capsys)


@pytest.fixture
def agency(shell: Shell) -> Iterator[World]:
    """The agency of the tests, in the store of the command line; Kim and Lee hold something."""
    with closing(SQLiteStore(shell.path)) as store:
        world = World(store)
        world.kim.assign(world.stay("c1"), start="2026-02-01", end="2026-03-20")
        world.kim.assign(world.stay("c2", project="rrh"), "lee", start="2026-02-01")
        yield world


def test_caseloads_are_listed_for_everybody_or_for_one(agency: World, shell: Shell) -> None:
    """SPEC 7.6: a row for each user, as of a day, over a period, of one user, of some projects."""
    rows = shell.json("caseloads", *TODAY)
    assert keys(rows[0]) == "user_id case_manager_name cases clients households cover left_on"
    assert {row["user_id"]: row["cases"] for row in rows} == {"bo": 0, "kim": 1, "lee": 1, "sam": 0, "super": 0}
    (lee,) = shell.json("caseloads", *TODAY, "--user", "lee")
    assert (lee["user_id"], lee["clients"]) == ("lee", 1)
    assert shell.json("caseloads", "--as-of", "2026-01-31", "--user", "lee")[0]["cases"] == 0
    in_january = ("--from", "2026-01-01", "--until", "2026-02-01")
    assert {row["cases"] for row in shell.json("caseloads", *in_january)} == {0}
    assert shell.json("caseloads", "--from", "2026-01-01", "--until", "2026-02-02", "--user", "kim")[0]["cases"] == 1
    assert sum(row["cases"] for row in shell.json("caseloads", *TODAY, "--project", "rrh")) == 1
    assert shell.json("caseloads", *TODAY, "--organization", "bridge", "--user", "kim") == []
    told = shell("caseloads", *TODAY).out
    assert told.startswith("Caseloads as of 2 Mar 2026\nCase manager")
    assert told.endswith("5 users, 2 cases.\n")


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "2026-01-01"),
        ("--until", "2026-01-01"),
        ("--from", "2026-01-01", "--until", "2026-02-01", *TODAY),
        ("--from", "2026-02-01", "--until", "2026-01-01"),
        ("--user", "x"),
        ("--project", "x"),
    ],
    ids=" ".join,
)
def test_caseloads_that_cannot_be_asked_for_are_one_sentence(
    agency: World, shell: Shell, words: tuple[str, ...]
) -> None:
    """API: wrong usage, and ids that are not there, end with 2."""
    assert_one_sentence(shell("caseloads", *words))


def test_whom_a_user_held_is_listed(agency: World, shell: Shell) -> None:
    """SPEC 7.12: the objects are those of every list of cases; the period is told in words."""
    period = ("--user", "kim", "--from", "2026-01-01", "--until", "2026-04-01")
    (row,) = shell.json("held", *period)
    assert keys(row) == CASE_KEYS
    assert (row["personal_id"], row["status"]) == ("c1", "inactive")
    assert shell.json("held", *period, "--project", "rrh") == []
    assert shell.json("held", *period, "--role", "Navigator") == []
    assert shell("held", *period).out.startswith("Cases of Kim Example (kim) from 1 Jan 2026 until 1 Apr 2026\n")
    assert_one_sentence(shell("held", "--user", "kim", "--from", "2026-01-01"))


def test_what_comes_up_is_listed_for_everybody_or_for_one(agency: World, shell: Shell) -> None:
    """SPEC 7.13: within thirty days if nothing is said."""
    agency.system.add(User(user_id="lee", first_name="Lee", organization_ids={"haven"}, left_on=day("04-20")))
    (ends,) = shell.json("coming-up", *TODAY)
    assert (ends["kind"], ends["user_id"], ends["day"]) == ("assignment-ends", "kim", "2026-03-20")
    assert [row["kind"] for row in shell.json("coming-up", *TODAY, "--days", 60)] == ["assignment-ends", "user-leaves"]
    assert [row["user_id"] for row in shell.json("coming-up", *TODAY, "--days", 60, "--user", "lee")] == ["lee"]
    assert shell.json("coming-up", *TODAY, "--days", 17) == []
    assert shell.json("coming-up", *TODAY, "--project", "rrh") == []
    told = shell("coming-up", *TODAY, "--user", "kim").out
    assert told.startswith("Coming up for Kim Example (kim) after 2 Mar 2026, by 1 Apr 2026\nEnds on")
    assert_one_sentence(shell("coming-up", *TODAY, "--days", 99_999_999))
    assert_one_sentence(shell("coming-up", *TODAY, "--days", 0))
    assert_one_sentence(shell("coming-up", *TODAY, "--user", "x"))


def moment(world: World) -> datetime:
    """The moment up to which everything is recorded so far."""
    return world.now.moment


def test_every_list_can_be_asked_as_it_was_known(agency: World, shell: Shell) -> None:
    """SPEC 7.8: with `--known-at` a list is answered from what was recorded up to a moment."""
    before = ("--known-at", moment(agency).isoformat())
    for case in (*agency.kim.active_cases(), *agency.lee.active_cases()):
        assert case.assignment is not None
        agency.super.void(case.assignment, "typed twice")
    stay = agency.stay("c3")
    period = ("--from", "2026-01-01", "--until", "2026-04-01")
    for words, now, then in (
        (("active", "--user", "kim", *TODAY), 0, 1),
        (("inactive", "--user", "kim", "--as-of", "2026-03-20"), 0, 1),
        (("upcoming", "--user", "kim", "--as-of", "2026-01-20"), 0, 1),
        (("managers", "c1", *TODAY), 0, 1),
        (("unassigned", *TODAY), 3, 0),
        (("held", "--user", "kim", *period), 0, 1),
        (("coming-up", *TODAY), 0, 1),
        (("history", "--client", "c1"), 4, 3),
    ):
        assert (len(shell.json(*words)), len(shell.json(*words, *before))) == (now, then), words
    assert sum(row["cases"] for row in shell.json("caseloads", *TODAY)) == 0
    assert sum(row["cases"] for row in shell.json("caseloads", *TODAY, *before)) == 2
    assert sum(row["cases"] for row in shell.json("caseloads", *period, *before)) == 2
    assert shell.json("audit", *TODAY)["counts"] == {"unassigned": 3}
    assert shell.json("audit", *TODAY, *before)["counts"] == {}
    assert_one_sentence(shell("history", "--enrollment", stay.enrollment_id, *before))


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("2026-03-02T11:59", 0),
        ("2026-03-02T12:00", 1),
        ("2026-03-02T1200Z", 1),
        ("2026-03-02T12:00:00", 0),
        ("2026-03-02T12:00:59Z", 1),
        ("2026-03-02T12:10", 1),
        ("2026-03-02T12:10Z", 1),
        ("2026-03-02T07:10-05:00", 1),
        ("2026-03-02T07:10", 0),
        ("2026-03-02T12:10+01:00", 0),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(agency: World, shell: Shell, typed: str, known: int) -> None:
    """SPEC 7.8, 3.5: a moment without time zone is meant in UTC."""
    assert len(shell.json("unassigned", *TODAY, "--known-at", typed)) == 0
    assert sum(row["cases"] for row in shell.json("caseloads", *TODAY, "--known-at", typed)) == 2 * known


@pytest.mark.parametrize("typed", ["2026-03-02", "yesterday", "12:10", "2026-03-02T25:00", "9999-12-31T23:59-05:00"])
def test_what_is_no_moment_is_refused(agency: World, shell: Shell, typed: str) -> None:
    """SPEC 7.8: a day is no moment, and neither is what is not in the calendar."""
    ran = shell("unassigned", "--known-at", typed)
    assert_one_sentence(ran)
    assert "write a moment as YYYY-MM-DDTHH:MM" in ran.err


def test_what_is_asked_as_known_at_a_moment_says_so(agency: World, shell: Shell) -> None:
    """SPEC 7.8: the title names the moment, so that no answer about then looks like one about now."""
    then = ("--known-at", "2026-03-02T12:10")
    known = ", as known at 2 Mar 2026 12:10 UTC"
    assert shell("active", "--user", "kim", *TODAY, *then).out.partition("\n")[0].endswith(known)
    assert shell("caseloads", *TODAY, *then).out.startswith(f"Caseloads as of 2 Mar 2026{known}\n")
    assert shell("history", "--client", "c1", *then).out.startswith(f"History of client c1{known}\n")
    assert shell("audit", *TODAY, *then).out.startswith(f"Audit as of 2 Mar 2026{known}\n")
    assert shell("unassigned", *TODAY, *then).out.startswith("As known at 2 Mar 2026 12:10 UTC:\nNo open enrollment")
    assert "as known" not in shell("caseloads", *TODAY).out


def test_who_was_not_known_at_a_moment_is_told_so(agency: World, shell: Shell) -> None:
    """SPEC 7.8: a user who was recorded later is no mistyped id."""
    then = ("--known-at", "2026-03-02T12:10")
    agency.now.moment += timedelta(days=1)
    agency.system.add(User(user_id="new"))
    ran = shell("active", "--user", "new", *then)
    assert_one_sentence(ran)
    assert "no user with id new, as known at 2 Mar 2026 12:10 UTC: look whether" in ran.err


def test_what_a_line_of_history_says_it_was_recorded_at_includes_it(agency: World, shell: Shell) -> None:
    """SPEC 7.8: the moment that a screen prints, typed as --known-at, is late enough for its own line."""
    printed = shell("history", "--client", "c1").out.splitlines()[-2]
    assert printed.startswith("  and") or "12:00 UTC" in printed
    assert len(shell.json("history", "--client", "c1", "--known-at", "2026-03-02T12:00")) == 3


def test_a_period_without_days_is_wrong_usage(agency: World, shell: Shell) -> None:
    """SPEC 3.3, 7.12: a period that begins and ends on one day holds none: it is no empty list."""
    empty = ("--from", "2026-03-01", "--until", "2026-03-01")
    for words in (("held", "--user", "kim", *empty), ("caseloads", *empty)):
        ran = shell(*words)
        assert_one_sentence(ran)
        assert "the period holds no day" in ran.err
    ran = shell("held", "--user", "kim", "--from", "2026-03-01", "--until", "2026-02-01")
    assert_one_sentence(ran)
    assert "caseassign: --until lies before the start\n" in ran.err


def test_one_user_without_cases_is_no_nobody(agency: World, shell: Shell) -> None:
    """SPEC 7.6: of one user it is said that they hold nothing, and not that nobody does."""
    told = shell("caseloads", *TODAY, "--user", "clerk").out
    assert told == "clerk holds no case as of 2 Mar 2026.\n"


def test_who_stands_in_for_whom_is_told(agency: World, shell: Shell) -> None:
    """SPEC 6.14, 7.13, 7.8: on the list of who is away as on that of the stand-in, and in history."""
    agency.system.cover("lee", "kim", "2026-03-05", "2026-03-15")
    for user in ("lee", "kim"):
        (row, *_) = shell.json("coming-up", *TODAY, "--user", user)
        assert (row["kind"], row["user_id"], row["covers_for"]) == ("cover-ends", "kim", ["lee"])
    enrollment = row["enrollment_id"]
    history = shell("history", "--enrollment", enrollment).out
    assert f"assigned Kim Example to cover for Lee Sample on enrollment {enrollment} from 5 Mar 2026, back" in history


def test_the_history_of_a_user_names_who_took_over(agency: World, shell: Shell) -> None:
    """SPEC 7.8: to whom a case went is told, though the receiver's lines are not the user's."""
    agency.system.reassign("lee", "sam", on="2026-03-01")
    assert "handed Lee Sample's assignment to enrollment" in (told := shell("history", "--user", "lee").out)
    assert "over to Sam Specimen as of 1 Mar 2026" in told
