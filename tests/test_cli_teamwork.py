"""The command line of teamwork: plans that are shown and agreed to, leavers, cover, households, undo."""

from __future__ import annotations

import io
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from test_cli import Ran, Shell, Terminal, assert_one_sentence
from world import World, day

from caseassign import CaseAssignment, Client, Enrollment, SQLiteStore, User
from caseassign.cli import main
from caseassign.display import plans
from caseassign.display.blocks import plain
from caseassign.display.deeds import deeds, left_out

ON = ("--on", "2026-03-06")
FROM_KIM = ("reassign", "--from", "kim", "--user", "boss", *ON)
TO_LEE = (*FROM_KIM, "--to", "lee")
MAY_ALL = frozenset(
    {"all-organizations", "caseload.view", "caseload.reassign", "caseload.cover", "user.manage", "batch.undo"}
)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line."""
    return Shell(tmp_path, capsys)


@pytest.fixture
def agency(shell: Shell) -> Iterator[World]:
    """The agency of the tests, with a boss who may do everything, in the store of the command line."""
    with closing(SQLiteStore(shell.path)) as store:
        world = World(store)
        world.system.add(User(user_id="boss", first_name="Dana", permissions=MAY_ALL))
        yield world


class Typing:
    """Somebody at a terminal, who answers when asked."""

    def __init__(self, answer: str | Callable[[], str]) -> None:
        self._answer = answer
        self.was_asked = False

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True

    def readline(self) -> str:
        """Answer."""
        self.was_asked = True
        return self._answer() if callable(self._answer) else self._answer


@pytest.fixture
def converse(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Carries out a command on a wide terminal, and answers what it asks."""

    def of(typing: Typing | None, *words: str, seen: bool = True) -> Ran:
        capsys.readouterr()
        monkeypatch.setenv("COLUMNS", "200")
        screen = Terminal() if seen else io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", screen)
            patch.setattr(sys, "stdin", typing)
            status = main([*words, "--store", str(shell.path)])
        return Ran(status, screen.getvalue(), capsys.readouterr().err)

    return of


def held(agency: World, user: str, as_of: str = "2026-03-06") -> list[str]:
    """Whom a user holds as of the hand-over day."""
    return sorted(case.client.personal_id for case in agency.system.active_cases(user, as_of=as_of))


def kims_cases(agency: World) -> list[CaseAssignment]:
    """A family of three that Kim holds, and two clients on their own."""
    stays = [*agency.family(3), agency.stay("c4"), agency.stay("c5")]
    return [agency.kim.assign(stay, start=stay.entry_date).assignment for stay in stays]


def barred(agency: World) -> Enrollment:
    """An enrollment of Sam's in an organization that Kim and Lee cannot access."""
    stay = agency.stay("c5", project="th")
    agency.sam.assign(stay, start=stay.entry_date)
    return stay


# The plan, read and agreed to


def test_a_plan_is_shown_before_anybody_is_asked(agency: World, shell: Shell) -> None:
    """SPEC 6.11, 3.6: client, enrollment, to whom, from when, households together, and the counts."""
    kims_cases(agency)
    agency.system.add(Client(personal_id="c2", first_name="Ben", last_name="Aster"))
    ran = shell(*TO_LEE, "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[:3] == [
        "Dry run, nothing written.",
        "",
        "Plan: the caseload of Kim Example (kim), handed over on 6 Mar 2026",
    ]
    header, *rows = (" ".join(line.split()) for line in lines[5:11])
    assert lines[4] == "Move: 5 cases"
    assert header == "Client Client ID Head of household Project Enrollment To Starts on"
    assert [" ".join(row.split()[:3]) for row in rows] == [
        "Marigold, Ada c1",
        "Aster, Ben c2",
        "Marigold, Cleo c3",
        "Marigold, Dov c4",
        "Marigold, Eve c5",
    ]
    assert "c2 Marigold, Ada Haven Shelter" in rows[1]
    assert all(row.endswith("Lee Sample (lee) 6 Mar 2026") for row in rows)
    assert lines[12:] == ["In all", "Lee Sample (lee) gets 5 cases of 3 households.", "5 cases: 5 move."]
    assert held(agency, "kim") == ["c1", "c2", "c3", "c4", "c5"]


def test_a_dry_run_prints_the_plan_as_data(agency: World, shell: Shell) -> None:
    """API: `--dry-run --json` prints the plan, and writes nothing."""
    kims_cases(agency)
    lines = agency.lines()
    plan = agency.as_("boss").plan_reassignment("kim", "lee", on="2026-03-06")
    assert shell.json(*TO_LEE, "--dry-run") == plan.to_dict()
    assert agency.lines() == lines


@pytest.mark.parametrize("answer", ["y\n", "Yes \n"])
def test_a_plan_that_is_agreed_to_is_carried_out(agency: World, converse: Any, answer: str) -> None:
    """SPEC 6.11: what was read is what happens."""
    kims_cases(agency)
    ran = converse(typing := Typing(answer), *TO_LEE)
    assert (ran.status, ran.err, typing.was_asked) == (0, "", True)
    assert "Carry out? [y/N] Moved 5 cases.\nUndo with: caseassign undo " in ran.out
    assert (held(agency, "kim"), held(agency, "lee")) == ([], ["c1", "c2", "c3", "c4", "c5"])


@pytest.mark.parametrize("answer", ["n\n", "\n", "yessir\n", ""])
def test_a_plan_that_is_not_agreed_to_is_not_carried_out(agency: World, converse: Any, answer: str) -> None:
    """SPEC 6.11: anything but a yes, the end of input too, writes nothing and ends with 1."""
    kims_cases(agency)
    lines = agency.lines()
    ran = converse(Typing(answer), *TO_LEE)
    assert (ran.status, ran.err) == (1, "caseassign: nothing was written\n")
    assert agency.lines() == lines


def test_where_nobody_can_be_asked_nothing_is_written(agency: World, shell: Shell, converse: Any) -> None:
    """A command that nobody sees never waits: without --yes it writes nothing, says so, and ends with 1."""
    kims_cases(agency)
    lines = agency.lines()
    unseen = Typing("y\n")
    for ran in (shell(*TO_LEE), converse(unseen, *TO_LEE, seen=False), converse(None, *TO_LEE)):
        assert ran.status == 1
        assert "5 cases: 5 move.\n" in ran.out
        assert ran.err.startswith("caseassign: nothing was written, for nobody could be asked")
        assert "--yes" in ran.err
    data = converse(unseen, *TO_LEE, "--json")
    assert (data.status, data.json["counts"]["move"]) == (1, 5)
    assert not unseen.was_asked
    assert agency.lines() == lines


def test_a_script_says_yes_beforehand(agency: World, shell: Shell) -> None:
    """API: with --yes nobody is asked, and the act prints what every act prints."""
    kims_cases(agency)
    done = shell.json(*TO_LEE, "--yes", "--reason", "transfer")
    assert list(done) == ["batch_id", "assignments", "enrollments", "changes"]
    assert (len(done["assignments"]), done["changes"]) == (10, 10)
    assert agency.system.history(batch=done["batch_id"])[0].reason == "transfer"
    assert held(agency, "lee") == ["c1", "c2", "c3", "c4", "c5"]


def test_what_has_changed_since_the_plan_was_shown_refuses_it(agency: World, converse: Any) -> None:
    """SPEC 6.11: a plan that rests on what is no longer so is refused, and nothing is written."""
    first, *_ = kims_cases(agency)

    def answer() -> str:
        agency.kim.end(first, on="2026-03-01")
        return "y\n"

    ran = converse(Typing(answer), *TO_LEE)
    assert ran.status == 1
    assert "(plan-outdated)" in ran.err
    assert held(agency, "lee") == []


def test_the_last_line_takes_it_back(agency: World, shell: Shell) -> None:
    """SPEC 6.12: what is printed at the end, typed as it is, undoes the act; and the undo can be undone."""
    kims_cases(agency)
    before = held(agency, "kim")
    done = shell(*TO_LEE, "--yes").out.splitlines()[-1]
    assert done.startswith("Undo with: caseassign undo ")
    undone = shell.bare(*shlex.split(done.removeprefix("Undo with: caseassign ")))
    assert undone.status == 0
    assert undone.out.startswith("Restored 5 assignments: ")
    assert (held(agency, "kim"), held(agency, "lee")) == (before, [])
    again = undone.out.splitlines()[-1].removeprefix("Undo with: caseassign ")
    assert shell.bare(*shlex.split(again)).status == 0
    assert (held(agency, "kim"), held(agency, "lee")) == ([], before)


def test_the_last_line_can_be_typed_whatever_the_file_is_called(agency: World, shell: Shell, tmp_path: Path) -> None:
    """SPEC 6.12: a blank in the name of the store is quoted."""
    kims_cases(agency)
    store = tmp_path / "our county.sqlite"
    shutil.copy(shell.path, store)
    done = shell(*TO_LEE, "--yes", store=store).out.splitlines()[-1]
    assert shell.bare(*shlex.split(done.removeprefix("Undo with: caseassign "))).status == 0


def test_an_undo_that_is_repeated_has_nothing_to_do(agency: World, shell: Shell) -> None:
    """SPEC 6.12: undoing twice is a no-op, and offers nothing to take back."""
    kims_cases(agency)
    batch = shell.json(*TO_LEE, "--yes")["batch_id"]
    undo = ("undo", batch, "--user", "boss", "--reason", "kim stays")
    assert shell.json(*undo)["changes"] == 10
    assert shell(*undo).out == "Nothing to do: all is so already.\n"
    assert_one_sentence(shell("undo", "nothing", "--user", "boss"))
    assert_one_sentence(shell("undo", batch, "--user", "kim"), status=1)


# Refused, kept, withheld


def test_one_refused_case_refuses_all_unless_it_may_stay(agency: World, shell: Shell) -> None:
    """SPEC 6.11: bulk swallows no errors: what a rule refuses is shown, and stays only if that is said."""
    barred(agency)
    stay = agency.stay("c1")
    agency.sam.assign(stay, start=stay.entry_date)
    lines = agency.lines()
    words = ("reassign", "--from", "sam", "--to", "lee", "--user", "boss", *ON, "--yes")
    ran = shell(*words)
    assert ran.status == 1
    assert "Refused, and stay as they are: 1 case\n" in ran.out
    assert "user lee has no access to the organization that runs project th (no-access)\n" in ran.out
    assert " To " not in ran.out.partition("Refused")[2].splitlines()[1]
    assert "2 cases: 1 move, 1 refused.\n" in ran.out
    assert ran.err == "caseassign: nothing was written, for 1 case cannot move: --leave-refused moves the others only\n"
    assert [v["code"] for v in shell(*words, "--json").json["refused"]] == ["no-access"]
    assert agency.lines() == lines
    done = shell(*words, "--leave-refused")
    assert (done.status, done.err) == (0, "")
    assert "Moved 1 case; 1 case stayed.\n" in done.out
    assert (held(agency, "sam"), held(agency, "lee")) == (["c5"], ["c1"])


def test_the_question_names_how_many_stay(agency: World, converse: Any) -> None:
    """SPEC 6.11: who agrees on a terminal has read how many refused cases stay with the holder."""
    agency.system.enroll({"c1": 1, "c2": 2}, "th", on=day("01-10"), case_manager="sam")
    agency.system.enroll("c3", "es", on=day("01-10"), case_manager="sam")
    words = ("reassign", "--from", "sam", "--to", "lee", "--user", "boss", *ON)
    ran = converse(Typing("y\n"), *words)
    assert "2 cases that cannot move stay with Sam Specimen (sam). Carry out? [y/N] Moved 1 case" in ran.out
    agency.system.enroll("c4", "es", on=day("01-10"), case_manager="sam")
    one = converse(Typing("n\n"), *words, "--client", "c1", "c4", "--split-households")
    assert "1 case that cannot move stays with Sam Specimen (sam). Carry out? [y/N] " in one.out


def test_a_plan_that_can_move_nothing_is_refused_without_a_question(agency: World, shell: Shell, converse: Any) -> None:
    """SPEC 6.11: where every case is refused there is nothing to agree to, and the reasons are told."""
    barred(agency)
    words = ("reassign", "--from", "sam", "--to", "lee", "--user", "boss", *ON)
    ran = converse(typing := Typing("y\n"), *words)
    assert (ran.status, typing.was_asked) == (1, False)
    assert ran.err.startswith("caseassign: refused, and nothing was written: user lee has no access")
    assert [v["code"] for v in shell(*words, "--yes", "--json").json["refused"]] == ["no-access"]


def test_a_caseload_without_cases_is_a_sentence(agency: World, shell: Shell) -> None:
    """Nothing to hand over: nothing is asked, nothing is written, and it is no failure."""
    ran = shell(*TO_LEE)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("\nKim Example (kim) holds no case on that day or later.\nNothing to do: no case moves.\n")


def test_cases_that_may_not_be_seen_are_counted(agency: World, shell: Shell) -> None:
    """SPEC 8.2: the plan says how many cases were withheld, and they stay."""
    barred(agency)
    words = ("reassign", "--from", "sam", "--to", "lee", "--user", "super", *ON, "--yes")
    assert "holds no case on that day or later. 1 case withheld.\n" in shell(*words).out
    stay = agency.stay("c1")
    agency.sam.assign(stay, start=stay.entry_date)
    assert "1 case: 1 move. 1 case withheld.\n" in shell(*words, "--dry-run").out
    assert shell.json(*words)["withheld"] == 1
    assert held(agency, "sam") == ["c5"]


def test_what_the_receiver_holds_already_only_ends(agency: World, shell: Shell) -> None:
    """SPEC 6.11: what ends only is shown apart, and so are the days that the receiver lacks, and other roles."""
    both, ending, primary = agency.stay("c1"), agency.stay("c2"), agency.stay("c3")
    agency.kim.assign(both, start="2026-01-12")
    agency.lee.assign(both, start="2026-02-01")
    agency.kim.assign(ending, start="2026-01-12", end="2026-06-30")
    agency.lee.assign(ending, start="2026-04-01", end="2026-05-01")
    agency.kim.assign(primary, start="2026-01-12", role="Primary")
    ran = shell(*TO_LEE, "--yes")
    assert "End only, for the receiver holds them already: 1 case\n" in ran.out
    assert "6 Mar 2026; 1 May 2026  1 Apr 2026; 30 Jun 2026\n" in ran.out
    assert "  Primary\n" in ran.out
    assert "3 cases: 2 move, 1 end only.\nMoved 2 cases, ended 1 case that the receiver holds already.\n" in ran.out


def test_what_has_ended_since_a_past_day_moves_or_stays(agency: World, shell: Shell) -> None:
    """SPEC 6.11: a hand-over on a past day says what becomes of a case that has ended since, and why it stays."""
    agency.kim.assign(agency.stay("c1"), start="2026-01-12", end="2026-02-20")
    words = ("reassign", "--from", "kim", "--to", "lee", "--user", "boss", "--on", "2026-02-01", "--dry-run")
    assert shell.json(*words)["counts"]["move"] == 1
    kept = shell(*words, "--ended-since", "keep").out
    assert "Stay as they are: 1 case\n" in kept
    assert "  has ended since the hand-over day\n" in kept
    assert kept.endswith("1 case: 1 stay.\n")


# Who gets what


def receivers(shell: Shell, *options: str) -> dict[str, str | None]:
    """Who would get each of Kim's cases, by client."""
    cases = shell.json(*FROM_KIM, *options, "--dry-run")["cases"]
    return {case["personal_id"]: case["to"] for case in cases}


def test_some_cases_go_elsewhere_and_their_households_along(agency: World, shell: Shell) -> None:
    """SPEC 6.11: `--to` takes all but those that `--to-case` names, by client, enrollment or assignment."""
    *_, single, last = kims_cases(agency)
    to_lee = ("--to", "lee")
    named = receivers(shell, *to_lee, "--to-case", "c2=sam", f"{single.enrollment_id}=none")
    assert named == {"c1": "sam", "c2": "sam", "c3": "sam", "c4": None, "c5": "lee"}
    split = receivers(shell, *to_lee, "--to-case", "c2=sam", "--split-households")
    assert split == {"c1": "lee", "c2": "sam", "c3": "lee", "c4": "lee", "c5": "lee"}
    alone = receivers(shell, "--to-case", f"{last.assignment_id}=sam")
    assert alone == {"c1": None, "c2": None, "c3": None, "c4": None, "c5": "sam"}


def test_a_refused_case_stays_refused_where_others_are_named(agency: World, shell: Shell) -> None:
    """SPEC 6.11: naming somebody for one case does not silence what is refused of the others."""
    barred(agency)
    stay = agency.stay("c1")
    agency.sam.assign(stay, start=stay.entry_date)
    words = ("reassign", "--from", "sam", "--to", "lee", "--to-case", "c1=kim", "--user", "boss", *ON, "--dry-run")
    assert {case["personal_id"]: case["outcome"] for case in shell.json(*words)["cases"]} == {
        "c1": "move",
        "c5": "refuse",
    }


def test_a_caseload_is_spread(agency: World, shell: Shell) -> None:
    """SPEC 6.11: several users share it, households together, the lightest caseload first."""
    kims_cases(agency)
    spread = receivers(shell, "--to", "lee", "sam", "--balance")
    assert spread == {"c1": "lee", "c2": "lee", "c3": "lee", "c4": "sam", "c5": "sam"}
    told = shell(*FROM_KIM, "--to", "lee", "--to", "sam", "--balance", "--dry-run").out
    assert "Lee Sample (lee) gets 3 cases of 1 household.\nSam Specimen (sam) gets 2 cases of 2 households.\n" in told


def test_a_part_of_a_caseload_is_meant(agency: World, shell: Shell) -> None:
    """SPEC 6.11: filters by project, organization, household, client and role; households are moved whole."""
    kims_cases(agency)
    other = agency.stay("c4", project="rrh", household_id="h9")
    agency.kim.assign(other, start="2026-01-12", role="Navigator")

    def moved(*options: str) -> int:
        return int(shell.json(*TO_LEE, "--dry-run", *options)["counts"]["move"])

    assert moved("--project", "rrh") == moved("--household", "h9") == moved("--role", "Navigator") == 1
    assert (moved("--organization", "haven"), moved("--organization", "bridge")) == (6, 0)
    assert (moved("--client", "c2"), moved("--client", "c2", "--split-households")) == (3, 1)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ((), "say who takes over"),
        (("--to", "lee", "sam"), "add --balance"),
        (("--to-case", "c1"), "write CASE=ID"),
        (("--to-case", "=lee"), "write CASE=ID"),
        (("--to-case", "c1="), "write CASE=ID"),
        (("--to", "nobody"), "no user with id nobody"),
        (("--to", "lee", "--client", "nobody"), "no client with id nobody"),
        (("--to", "lee", "--project", "nowhere"), "no project with id nowhere"),
        (("--to-case", "c9=lee"), "no case of that user"),
        (("--to", "kim"), "names the user whose caseload it is"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(agency: World, shell: Shell, options: tuple[str, ...], hint: str) -> None:
    """API: wrong usage and unknown ids end with 2, in one sentence, before anything is shown."""
    ran = shell(*FROM_KIM, *options)
    assert_one_sentence(ran)
    assert hint in ran.err


def test_who_may_not_reassign_is_denied(agency: World, shell: Shell) -> None:
    """SPEC 6.11, 8.2: reassigning needs its own permission; nobody is asked about what is denied."""
    kims_cases(agency)
    words = ("reassign", "--from", "kim", "--to", "lee", "--user", "lee", *ON)
    assert_one_sentence(shell(*words), status=1)
    assert shell(*words, "--json").json["denied"]["action"] == "caseload.reassign"


def test_a_reassignment_with_an_id_happens_once(agency: World, shell: Shell) -> None:
    """SPEC 6: repeated with its command_id, it tells the first outcome, though there is no plan any more."""
    kims_cases(agency)
    words = (*FROM_KIM, "--to-case", "c4=lee", "--yes", "--command-id", "form 7")
    first = shell.json(*words)
    kept = agency.lines()
    assert shell.json(*words) == first
    told = shell(*words)
    assert told.out.startswith("The command with this id was carried out before; this is what it did then.\nEnded 1 ")
    assert f"caseassign undo {first['batch_id']} " in told.out
    assert agency.lines() == kept


# Leavers


def test_a_leaver_without_a_plan_keeps_what_they_hold(agency: World, shell: Shell) -> None:
    """SPEC 6.13: without a plan it says how many cases stay, and how to hand them over."""
    kims_cases(agency)
    words = ("deactivate", "kim", "--user", "boss", *ON)
    dry = shell(*words, "--dry-run").out
    assert dry == (
        "Dry run, nothing written.\n"
        "Kim Example (kim) leaves. First day gone: 6 Mar 2026.\n"
        "5 cases stay with kim (held-by-departed): caseassign reassign --from kim hands over.\n"
    )
    done = shell.json(*words)
    assert (done["changes"], len(done["skipped"]), len(done["assignments"])) == (1, 5, 5)
    assert "first day gone 6 Mar 2026" in next(deeds(agency.system.history(batch=done["batch_id"])))
    again = shell(*words).out
    assert again.startswith("Kim Example (kim) leaves. First day gone: 6 Mar 2026.\n5 cases stay")
    assert "Undo with" not in again


def test_a_leaver_with_a_plan_leaves_nothing_behind(agency: World, shell: Shell, converse: Any) -> None:
    """SPEC 6.13: with a plan, which is shown and agreed to, the caseload moves in the same act."""
    kims_cases(agency)
    words = ("deactivate", "kim", "--user", "boss", *ON, "--to", "lee", "--to-case", "c4=sam")
    assert shell.json(*words, "--dry-run")["counts"]["move"] == 5
    assert converse(Typing("n\n"), *words).status == 1
    assert held(agency, "kim") == ["c1", "c2", "c3", "c4", "c5"]
    ran = converse(Typing("y\n"), *words)
    assert ran.status == 0
    assert "Moved 5 cases.\nKim Example (kim) leaves. First day gone: 6 Mar 2026.\n" in ran.out
    assert "\nkim holds no case from that day on.\n" in ran.out
    assert (held(agency, "kim"), held(agency, "sam")) == ([], ["c4"])
    undo = ran.out.splitlines()[-1].removeprefix("Undo with: caseassign ")
    undone = shell.bare(*shlex.split(undo)).out
    assert undone.startswith("Changed 1 user: kim (first day gone none (before: 6 Mar 2026)); restored 5 assignments")
    assert held(agency, "kim") == ["c1", "c2", "c3", "c4", "c5"]


def test_a_leaver_whose_plan_is_refused_in_part_keeps_that_part(agency: World, shell: Shell) -> None:
    """SPEC 6.13: a case that is refused stays with the leaver only if that is said, and is counted."""
    barred(agency)
    stay = agency.stay("c1")
    agency.sam.assign(stay, start=stay.entry_date)
    words = ("deactivate", "sam", "--user", "boss", *ON, "--to", "lee", "--yes")
    assert shell(*words).status == 1
    assert "1 case stays with sam (held-by-departed)" in shell(*words, "--leave-refused").out


def test_nobody_is_asked_about_a_departure_that_is_denied(agency: World, shell: Shell, converse: Any) -> None:
    """SPEC 6.13, 8.2: who may reassign and may not manage users is denied before the plan is shown."""
    kims_cases(agency)
    lead = User(user_id="lead", organization_ids=frozenset({"haven"}), permissions=frozenset({"caseload.reassign"}))
    agency.system.add(lead)
    ran = converse(typing := Typing("y\n"), "deactivate", "kim", "--to", "lee", "--user", "lead", *ON)
    assert (ran.status, ran.out, typing.was_asked) == (1, "", False)
    assert "user.manage" in ran.err
    assert_one_sentence(shell("deactivate", "nobody", "--user", "boss"))


def test_a_departure_with_an_id_happens_once(agency: World, shell: Shell) -> None:
    """SPEC 6: repeated with its command_id, a departure with its plan tells the first outcome."""
    kims_cases(agency)
    words = ("deactivate", "kim", "--user", "boss", *ON, "--to", "lee", "--yes", "--command-id", "form 8")
    assert shell.json(*words) == shell.json(*words)
    told = shell(*words).out
    said = "\nKim Example (kim) leaves. First day gone: 6 Mar 2026.\nkim holds no case from that day on.\n"
    assert told.startswith(f"The command with this id was carried out before; this is what it did then.{said}")


def test_a_leaver_is_shown_by_what_was_said_of_them() -> None:
    """SPEC 3.6: a departure that is told of a user who has no first day gone names none."""
    nobody = User(user_id="kim")
    world = World()
    nothing = attrs.evolve(world.super.deactivate("kim", on="2026-03-06", dry_run=True), changes=())
    assert next(plain(plans.departure(nobody, nothing, dry_run=False))) == "kim leaves."


# Cover


def test_cover_says_for_whom_and_when_they_are_back(agency: World, shell: Shell) -> None:
    """SPEC 6.14, 3.6: who stands in, for how many cases, from when, and "Back on"."""
    ending, *_ = kims_cases(agency)
    agency.kim.amend(ending, end_date="2026-07-20")
    agency.lee.assign(agency.system.active_cases("kim")[0].enrollment, start="2026-01-12")
    words = ("cover", "--user", "boss", "--for", "kim", "--by", "lee", "--start", "2026-07-06", "--end", "2026-08-03")
    dry = shell(*words, "--dry-run").out
    assert dry.startswith("Dry run, nothing written.\nLee Sample (lee) would cover 4 cases of Kim Example (kim) from")
    ran = shell(*words)
    assert ran.out.startswith(
        "Lee Sample (lee) covers 4 cases of Kim Example (kim) from 6 Jul 2026. Back on 3 Aug 2026.\nLeft out: "
    )
    assert "(user lee holds the enrollment on these days already).\nUndo with: caseassign undo " in ran.out
    again = shell(*words)
    assert (again.status, again.out.startswith("Nothing to do: left out: ")) == (0, True)


def test_cover_is_narrowed_and_counts_what_is_withheld(agency: World, shell: Shell) -> None:
    """SPEC 6.14, 8.2: a part of a caseload is covered; what the acting user may not see is counted."""
    barred(agency)
    stay = agency.stay("c1")
    agency.sam.assign(stay, start=stay.entry_date)
    agency.system.add(User(user_id="lead", organization_ids={"haven"}, permissions={"caseload.cover"}))
    words = ("cover", "--user", "lead", "--for", "sam", "--by", "lee", "--start", "2026-07-06", "--end", "2026-08-03")
    assert shell.json(*words, "--dry-run", "--client", "c2")["assignments"] == []
    ran = shell(*words).out
    assert "covers 1 case of Sam Specimen (sam)" in ran
    assert "\n1 case withheld.\nBatch " in ran
    assert shell(*words).out.endswith("\n1 case withheld.\n")
    batch = ran.split("Batch ")[1].rstrip().removesuffix(".")
    told = next(deeds(agency.system.history(batch=batch)))
    assert told.endswith(f"(lee covers enrollment {stay.enrollment_id} from 6 Jul 2026, back on 3 Aug 2026)")


def test_a_cover_of_nothing_says_that_there_is_no_case(agency: World, shell: Shell) -> None:
    """SPEC 6.14: there is no case to cover, which is not the same as being done already."""
    words = ("cover", "--user", "boss", "--for", "kim", "--by", "lee", "--start", "2026-07-06", "--end", "2026-08-03")
    span = "6 Jul 2026 until 3 Aug 2026"
    assert shell(*words).out == f"Nothing to do: there is no case of Kim Example (kim) to cover from {span}.\n"


def test_who_gets_nothing_is_named(agency: World, shell: Shell) -> None:
    """SPEC 6.11: of each receiver that was named the plan says what they get, and of some that it is nothing."""
    kims_cases(agency)
    told = shell(*TO_LEE, "bo", "--balance", "--dry-run").out
    assert "\nBo Bridge (bo) gets none.\nLee Sample (lee) gets 5 cases of 3 households.\n" in told
    told = shell(*FROM_KIM, "--to-case", "c4=lee", "c5=none", "--dry-run").out
    assert "In all\nLee Sample (lee) gets 1 case of 1 household.\n5 cases" in told


def test_options_are_named_as_they_were_typed(agency: World, shell: Shell) -> None:
    """Errors speak of options, and not of Python."""
    cover = ("cover", "--user", "boss", "--for", "kim", "--start", "2026-07-06")
    for words, said in (
        ((*FROM_KIM, "--to", "kim"), "--to names the user whose caseload it is"),
        ((*FROM_KIM, "--to-case", "c9=lee"), "--to-case names c9, which is no case of that user"),
        ((*cover, "--by", "kim", "--end", "2026-08-03"), "--by names the user who is to be covered"),
        ((*cover, "--by", "lee", "--end", "2026-07-01"), "--end lies before the start"),
        ((*cover, "--by", "lee", "--end", "2026-07-06"), "--end leaves no span of days"),
        (("deactivate", "kim", "--to", "kim", "--user", "boss"), "--to names the user whose caseload it is"),
        (("household", "merge", "h1", "h1", "--user", "boss"), "INTO is the household itself"),
    ):
        ran = shell(*words)
        assert_one_sentence(ran)
        assert ran.err.startswith(f"caseassign: {said}"), ran.err
    for project in ("es", "rrh"):
        agency.system.enroll("c1", project, on=day("01-10"), case_manager=None, household_id="h1")
        agency.system.enroll("c3", project, on=day("01-10"), case_manager=None, household_id="h2")
    ran = shell("household", "merge", "h2", "h1", "--user", "boss", *ON)
    assert ran.err == "caseassign: INTO stands in several projects: say which with --project\n"


def test_only_who_may_undo_is_told_how(agency: World, shell: Shell) -> None:
    """SPEC 6.12, 8.2: the last line is a command that works, or the batch for somebody who may undo it."""
    first, second, third, fourth, fifth = kims_cases(agency)
    end = ("end", "--on", "2026-03-01")
    assert "\nUndo with: caseassign undo " in shell(*end, first.assignment_id, "--user", "boss").out
    assert "\nUndo with: caseassign undo " in shell(*end, second.assignment_id, "--user", "SYSTEM").out
    told = shell(*end, third.assignment_id, "--user", "kim").out
    assert "Undo with" not in told
    batch = told.rstrip().rpartition("\nBatch ")[2].removesuffix(".")
    assert agency.system.history(batch=batch)[0].record.id == third.assignment_id
    assert "Batch" not in shell(*end, third.assignment_id, "--user", "kim").out
    assert "Batch" not in shell(*end, fourth.assignment_id, "--user", "kim", "--dry-run").out
    repeat = (*end, fifth.assignment_id, "--user", "kim", "--command-id", "form 9")
    told = shell(*repeat).out
    again = shell(*repeat).out
    assert again == f"The command with this id was carried out before; this is what it did then.\n{told}"


# Households


def test_an_enrollment_joins_and_leaves_a_household(agency: World, shell: Shell) -> None:
    """SPEC 6.15: joining takes over the household's case managers, unless it shall not; leaving keeps them."""
    head, *_ = agency.family(2)
    single = agency.stay("c3")
    agency.lee.assign(head, start=head.entry_date)
    agency.kim.assign(single, start=single.entry_date)
    join = ("household", "join", single.enrollment_id, str(head.household_id), "--user", "boss", *ON)
    alone = shell.json(*join, "--no-share", "--relationship", "2", "--dry-run")
    assert (alone["changes"], alone["enrollments"][0]["relationship_to_hoh"]) == (1, 2)
    ran = shell(*join)
    now = f"(now relationship data not collected) into household {head.household_id}; ended"
    assert ran.out.startswith(f"Moved enrollment {single.enrollment_id} {now}")
    assert (held(agency, "kim"), held(agency, "lee")) == ([], ["c1", "c3"])
    leave = ("household", "leave", single.enrollment_id, "--user", "boss", *ON)
    assert shell(*leave).out.startswith(f"Moved enrollment {single.enrollment_id} (now head) into household ")
    assert shell(*leave).out == "Nothing to do: all is so already.\n"
    assert held(agency, "lee") == ["c1", "c3"]


def test_two_households_become_one_and_two_again(agency: World, shell: Shell) -> None:
    """SPEC 6.15, 6.12: a merge makes duplicates one and is told; undone, every record is as before."""
    agency.system.enroll({"c1": 1, "c2": 2}, "es", on=day("01-10"), case_manager="kim", household_id="h1")
    agency.system.enroll({"c3": 1, "c4": 2}, "es", on=day("01-10"), case_manager="lee", household_id="h2")
    for project in ("rrh", "th"):
        agency.system.enroll("c1", project, on=day("01-10"), case_manager=None, household_id="h1")
        agency.system.enroll("c3", project, on=day("01-10"), case_manager=None, household_id="h2")
    merge = ("household", "merge", "h2", "h1", "--user", "boss", *ON)
    assert_one_sentence(shell(*merge))
    ran = shell(*merge, "--project", "es")
    assert ran.out.startswith("Moved 2 enrollments into household h1: ")
    assert held(agency, "kim") == held(agency, "lee") == ["c1", "c2", "c3", "c4"]
    undo = ran.out.splitlines()[-1].removeprefix("Undo with: caseassign ")
    undone = shell.bare(*shlex.split(undo)).out
    assert undone.startswith("Restored 2 enrollments: ")
    assert "household id h2 (before: h1)" in undone
    assert (held(agency, "kim"), held(agency, "lee")) == (["c1", "c2"], ["c3", "c4"])


def test_a_household_command_needs_its_second_word(agency: World, shell: Shell) -> None:
    """API: `household` alone, or with a word that it does not know, is wrong usage."""
    assert_one_sentence(shell.bare("household"))
    assert_one_sentence(shell.bare("household", "divide"))


# assign --replace


def test_the_holder_of_a_role_is_replaced(agency: World, shell: Shell) -> None:
    """SPEC 6.17: `assign --replace` ends whoever holds the role on the day of the start."""
    stay = agency.stay("c1")
    agency.kim.assign(stay, start="2026-01-12", role="Primary")
    words = ("assign", stay.enrollment_id, "--user", "lee", "--role", "Primary", "--start", "2026-03-06")
    ended, new = shell.json(*words, "--replace")["assignments"]
    assert (ended["user_id"], ended["end_date"]) == ("kim", "2026-03-06")
    assert (new["user_id"], new["start_date"]) == ("lee", "2026-03-06")


# What is said


def test_few_records_are_named_and_many_are_counted(world: World) -> None:
    """SPEC 6: up to ten records are named one by one; of more it is said how many there are."""
    world.system.add(*(Client(personal_id=f"m{number}") for number in range(11)))
    stays = [world.stay(f"m{number}") for number in range(11)]
    for stay in stays[:10]:
        world.kim.assign(stay, start=stay.entry_date)
    (ended, _) = deeds(world.super.reassign("kim", "lee", on="2026-03-06", dry_run=True).changes)
    assert ended.startswith("ended 10 assignments: ")
    world.kim.assign(stays[10], start=stays[10].entry_date)
    assert list(deeds(world.super.reassign("kim", "lee", on="2026-03-06", dry_run=True).changes)) == [
        "ended 11 assignments",
        "made 11 assignments",
    ]
    skipped = world.super.deactivate("kim", on="2026-03-06", dry_run=True).skipped
    why = "(it stays with the user who leaves (held-by-departed))"
    assert list(left_out(skipped)) == [f"left out: 11 assignments {why}"]
    assert list(left_out(skipped[:2])) == [f"left out: {skipped[0].id}, {skipped[1].id} {why}"]


def test_an_undone_enrollment_is_marked_as_deleted(world: World) -> None:
    """SPEC 6.12: what an undo does to enrollments is said in words: marked as deleted, or restored."""
    enrolled = world.kim.enroll("c1", "es", on="2026-01-10")
    stay = enrolled.enrollment.enrollment_id
    edited = world.kim.edit_enrollment(stay, relationship_to_hoh=None)
    undone = world.system.undo(str(edited.batch_id))
    assert next(deeds(undone.changes)) == f"restored enrollment {stay} (relationship to head 1 (before: none))"
    deleted = list(deeds(world.system.undo(str(enrolled.batch_id)).changes))
    assert f"marked enrollment {stay} as deleted" in deleted


def test_a_merge_of_doubles_says_what_became_of_them(world: World) -> None:
    """SPEC 6.15: of two enrollments of one client the later one is marked as deleted, and the other one goes on."""
    first = world.system.enroll("c1", "es", on=day("01-10"), case_manager="kim", household_id="h1").enrollment
    world.system.exit(first, on="2026-02-10")
    second = world.system.enroll("c1", "es", on=day("02-10"), case_manager="kim", household_id="h2").enrollment
    world.put_raw(attrs.evolve(second, entry_date=day("02-01")))
    told = list(deeds(world.system.merge_households("h2", "h1", on="2026-03-06").changes))
    assert f"marked enrollment {second.enrollment_id} as deleted" in told
    assert f"changed enrollment {first.enrollment_id} (exits on none (before: 10 Feb 2026))" in told


def test_a_name_cannot_steer_the_question(agency: World, converse: Any) -> None:
    """A name with control characters is asked about, and told, without them."""
    agency.system.add(User(user_id="sam", first_name="S\x1b[2Jam", organization_ids=frozenset({"haven", "bridge"})))
    barred(agency)
    agency.system.enroll("c1", "es", on=day("01-10"), case_manager="sam")
    asked = converse(Typing("n\n"), "reassign", "--from", "sam", "--to", "lee", "--user", "boss", *ON).out
    assert "stays with S\ufffd[2Jam (sam). Carry out?" in asked
    assert "\x1b[2J" not in asked


def test_nothing_personal_is_in_an_error(agency: World, shell: Shell, converse: Any) -> None:
    """SPEC 8.4: names and reasons stand in the plan, and never in errors."""
    mark = "Zzyzx"
    agency.system.add(User(user_id="sam", last_name=mark, organization_ids=frozenset({"haven", "bridge"})))
    agency.system.add(Client(personal_id="c5", first_name=mark, last_name=mark))
    barred(agency)
    agency.system.enroll("c1", "es", on=day("01-10"), case_manager="sam")
    words = ("reassign", "--from", "sam", "--to", "lee", "--user", "boss", "--reason", mark, *ON)
    errors = [
        shell(*words),
        shell(*words, "--yes"),
        shell(*words, "--client", "c5", "--yes"),
        converse(Typing(f"{mark}\n"), *words),
        shell("undo", "nothing", "--user", "boss", "--reason", mark),
        shell("household", "join", "nothing", "h1", "--user", "boss", "--reason", mark),
        shell("deactivate", "sam", "--user", "kim", "--reason", mark),
    ]
    assert {ran.status for ran in errors} == {1, 2}
    assert all(ran.err for ran in errors)
    assert mark not in "".join(ran.err for ran in errors)


@pytest.mark.parametrize(
    "words",
    [
        ("reassign", "--from", "kim", "--to", "lee"),
        ("deactivate", "kim"),
        ("cover", "--for", "kim", "--by", "lee", "--start", "2026-03-02", "--end", "2026-03-09"),
        ("undo", "b"),
        ("household", "join", "e", "h"),
        ("household", "leave", "e"),
        ("household", "merge", "h", "i"),
    ],
    ids=" ".join,
)
def test_a_store_that_is_not_there_is_refused_and_not_made(shell: Shell, words: tuple[str, ...]) -> None:
    """No command for teamwork makes a store."""
    assert_one_sentence(shell(*words, "--user", "kim"))
    assert list(shell.folder.iterdir()) == []
