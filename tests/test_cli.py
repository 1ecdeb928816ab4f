"""The command line: every command, what it prints, and with which status it ends."""

from __future__ import annotations

import csv
import errno
import importlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from world import World, day

from caseassign import CaseAssignment, Client, SQLiteStore, User
from caseassign.cli import acts, lists, main
from caseassign.clock import agency_today
from caseassign.demo.synthetic import write_export

MARK = "Zzyzx"
PYTHON_M = [sys.executable, "-m", "caseassign"]

CASE_KEYS = (
    "assignment_id enrollment_id personal_id client_name project_id project_name entry_date exit_date household_id "
    "household_size head_of_household head_name user_id case_manager_name role start_date end_date since status"
)
ASSIGNMENT_KEYS = "assignment_id enrollment_id user_id start_date end_date role kept_after_exit voided"
ENROLLMENT_KEYS = "enrollment_id personal_id project_id household_id relationship_to_hoh entry_date exit_date deleted"
KINDS = "clients users organizations projects enrollments assignments"
OUTCOME_KEYS = "batch_id assignments enrollments changes"
VIOLATION_KEYS = "code field ids message"
HISTORY_KEYS = "number recorded_at user_id action record before after reason batch_id"


def keys(data: dict[str, Any]) -> str:
    """The keys of an object, in their order."""
    return " ".join(data)


@attrs.frozen
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


class Shell:
    """Carries out command lines on one store."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.path = folder / "agency.sqlite"
        self._capsys = capsys

    def __call__(self, *words: object, store: Path | None = None) -> Ran:
        """Carry out a command on the store."""
        return self.bare(*words, "--store", store or self.path)

    def bare(self, *words: object) -> Ran:
        """Carry out a command line to the letter."""
        self._capsys.readouterr()
        status = main([str(word) for word in words])
        captured = self._capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    def json(self, *words: object) -> Any:
        """Carry out a command that must be done, and return what it prints."""
        ran = self(*words, "--json")
        assert (ran.status, ran.err) == (0, "")
        return ran.json


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line, and no store yet."""
    return Shell(tmp_path, capsys)


@pytest.fixture
def agency(shell: Shell) -> Iterator[World]:
    """The agency of the tests, in the store of the command line."""
    with closing(SQLiteStore(shell.path)) as store:
        yield World(store)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A small synthetic export."""
    folder = tmp_path / "export"
    write_export(folder, households=60)
    return folder


def rows_of(export: Path, name: str) -> list[dict[str, str]]:
    """The rows of a file of an export."""
    with (export / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rewrite(export: Path, name: str, change: Callable[[dict[str, str]], None]) -> None:
    """Change every row of a file of an export."""
    rows = rows_of(export, name)
    for row in rows:
        change(row)
    with (export / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def assert_one_sentence(ran: Ran, status: int = 2) -> None:
    """The command ended in one sentence on standard error, and printed nothing else."""
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith("caseassign: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err


# import


def test_importing_prints_what_the_contract_says(shell: Shell, export: Path) -> None:
    """API: `import --json` prints imported, changed, kept_out, issues and violations."""
    result = shell.json("import", export, "--case-managers-from", "Enrollment.UserID")
    assert (
        keys(result) == "imported changed kept_out issues violations arrived adjusted not_restored caught_up unassigned"
    )
    assert (keys(result["imported"]), keys(result["changed"])) == (KINDS, KINDS)
    assert result["imported"]["clients"] == len(rows_of(export, "Client.csv"))
    assert result["kept_out"] == {"enrollments": 2}
    assert result["issues"]["orphan-exit"] == 1
    assert result["violations"] == {}


def test_importing_again_changes_nothing(shell: Shell, export: Path) -> None:
    """SPEC 9.3: the same export again imports nothing and changes nothing; people are told."""
    first = shell.json("import", export)
    again = shell.json("import", export)
    assert (first["imported"]["assignments"], set(again["imported"].values())) == (0, {0})
    assert set(again["changed"].values()) == {0}
    assert "Nothing was changed" in shell("import", export).out


def test_importing_a_newer_export_reports_what_it_brought(shell: Shell, export: Path) -> None:
    """SPEC 9.3: a newer export updates, and reports which assignments now break a rule."""
    shell.json("import", export, "--case-managers-from", "Enrollment.UserID", "--reason", "first load")
    rewrite(export, "Exit.csv", lambda row: row.update(ExitDate="2026-02-28", DateUpdated="2026-03-02 10:00:00"))
    newer = shell.json("import", export)
    assert newer["changed"]["enrollments"] > 0
    assert set(newer["violations"]) <= {"ends-after-exit", "open-after-exit"}


def test_importing_tells_people_what_happened(shell: Shell, export: Path) -> None:
    """SPEC 9.2, 9.5: a summary, issues in words, and what was taken from Enrollment.UserID."""
    ran = shell("import", export, "--case-managers-from", "Enrollment.UserID")
    assert ran.status == 0
    assert ran.out.startswith("Import of export\nRecords")
    assert "became its case manager" in ran.out
    assert "An exit belongs to no enrollment that is imported." in ran.out


def test_every_issue_can_be_written_to_a_file(shell: Shell, export: Path) -> None:
    """API: `--issues FILE` writes every issue as CSV: file, line, column, code, record_id."""
    issues = shell.folder / "issues.csv"
    ran = shell("import", export, "--issues", issues)
    with issues.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "line", "column", "code", "record_id"]
    assert len(rows) == sum(shell.json("import", export)["issues"].values())
    assert ["Exit.csv", "orphan-exit", "E0006X"] in [[row[0], row[3], row[4]] for row in rows]
    assert f"Every issue is in {issues}." in ran.out


def test_a_dry_import_writes_nothing(shell: Shell, export: Path) -> None:
    """SPEC 6: a dry run computes everything and writes nothing, not even a file."""
    dry = shell("import", export, "--dry-run")
    assert dry.out.startswith("Dry run, nothing written.\n")
    assert not shell.path.exists()
    shell.json("import", export)
    before = shell.path.read_bytes()
    shell.json("import", export, "--case-managers-from", "Enrollment.UserID", "--dry-run")
    assert shell.path.read_bytes() == before


def test_what_is_no_export_is_one_sentence_and_makes_no_store(shell: Shell) -> None:
    """SPEC 9.1, 9.2: unreadable input ends with 2, and no store is left behind."""
    ran = shell("import", shell.folder / "nowhere")
    assert_one_sentence(ran)
    assert not shell.path.exists()


def test_an_export_of_another_system_is_refused_unless_it_is_wanted(shell: Shell, export: Path) -> None:
    """SPEC 9.7: another ImplementationID is refused unless the caller says so."""
    shell.json("import", export)
    rewrite(export, "Export.csv", lambda row: row.update(ImplementationID="another"))
    assert_one_sentence(shell("import", export))
    assert shell.json("import", export, "--other-implementation")["imported"]["clients"] == 0


def test_a_list_of_assignments_comes_with_an_export(shell: Shell, export: Path) -> None:
    """SPEC 9.6: what `export` wrote, `import --assignments` reads; issues of both are told."""
    shell.json("import", export, "--case-managers-from", "Enrollment.UserID")
    listed = shell.folder / "CaseAssignment.csv"
    assert shell.json("export", listed)["assignments"] > 100
    with listed.open("a", encoding="utf-8") as file:
        file.write(",nowhere,,U1,,2026-03-01,,,,\n")
    other = shell.folder / "other.sqlite"
    issues = shell.folder / "issues.csv"
    result = shell("import", export, "--assignments", listed, "--issues", issues, "--json", store=other).json
    assert result["imported"]["assignments"] == shell.json("export", shell.folder / "again.csv")["assignments"]
    assert result["issues"]["unknown-enrollment"] == 1
    assert listed.name in issues.read_text(encoding="utf-8")
    assert result["imported"]["enrollments"] > 100
    told = shell("import", export, "--assignments", listed, store=other).out
    assert "Import of CaseAssignment.csv\n" in told
    assert "The store does not have the enrollment" in told


def test_a_dry_import_with_a_list_says_what_it_was_compared_with(shell: Shell, export: Path) -> None:
    """SPEC 6, 9.6: a dry run of a list knows only what the store has already."""
    listed = shell.folder / "list.csv"
    listed.write_text("EnrollmentID,UserID,StartDate\nE0001,U1,2026-03-01\n", encoding="utf-8")
    dry = shell("import", export, "--assignments", listed, "--dry-run")
    assert "without what the export would add" in dry.out
    shell.json("import", export)
    assert "without what" not in shell("import", export, "--assignments", listed, "--dry-run").out


def test_a_list_that_cannot_be_read_stops_the_import_before_it_begins(shell: Shell, export: Path) -> None:
    """SPEC 9.2: unreadable input ends with 2, and nothing was written."""
    assert_one_sentence(shell("import", export, "--assignments", shell.folder / "nowhere.csv"))
    assert not shell.path.exists()


# lists


def test_lists_print_the_objects_of_the_contract(agency: World, shell: Shell) -> None:
    """API: active, inactive, upcoming and unassigned print a list of cases with these keys, null where none applies."""
    stay = agency.stay("c1")
    agency.kim.assign(stay, start="2026-01-12", end="2026-02-01")
    agency.kim.assign(stay, start="2026-02-01")
    agency.kim.assign(agency.stay("c2"), start="2026-06-01")
    agency.kim.assign(agency.stay("c3"), start="2026-01-12", end="2026-01-20")
    as_of = ("--as-of", "2026-03-02")
    (active,) = shell.json("active", "--user", "kim", *as_of)
    (inactive,) = shell.json("inactive", "--user", "kim", *as_of)
    (upcoming,) = shell.json("upcoming", "--user", "kim", *as_of)
    nobodys = shell.json("unassigned", *as_of)
    assert all(keys(case) == CASE_KEYS for case in (active, inactive, upcoming, *nobodys))
    assert (active["status"], active["since"], active["start_date"]) == ("active", "2026-01-12", "2026-02-01")
    assert (active["client_name"], active["head_name"]) == ("Marigold, Ada", "Marigold, Ada")
    assert [case["personal_id"] for case in (inactive, upcoming, *nobodys)] == ["c3", "c2", "c2", "c3"]
    assert nobodys[0]["assignment_id"] is None


def test_lists_default_to_today(agency: World, shell: Shell) -> None:
    """SPEC 7.1: as of a day, default today."""
    agency.kim.assign(agency.stay("c1"), start=agency_today())
    assert len(shell.json("active", "--user", "kim")) == 1


def test_lists_are_narrowed_sorted_and_cut(agency: World, shell: Shell) -> None:
    """SPEC 7.1, 7.10: by project, organization and role; by client or start; at most so many."""
    agency.kim.assign(agency.stay("c2", project="rrh"), start="2026-01-11")
    agency.kim.assign(agency.stay("c1"), start="2026-01-12", role="Navigator")

    def clients(*options: str) -> list[str]:
        cases = shell.json("active", "--user", "kim", "--as-of", "2026-03-02", *options)
        return [case["personal_id"] for case in cases]

    assert clients() == ["c1", "c2"]
    assert clients("--order", "start") == ["c2", "c1"]
    assert clients("--limit", "1") == ["c1"]
    assert clients("--project", "rrh") == ["c2"]
    assert clients("--project", "rrh", "es", "--role", "Navigator") == ["c1"]
    assert clients("--organization", "bridge", "--organization", "haven") == ["c1", "c2"]
    unassigned = shell.json("unassigned", "--project", "th", "--limit", "1", "--order", "start")
    assert unassigned == []


def test_lists_name_what_they_cannot_be_narrowed_to(agency: World, shell: Shell) -> None:
    """A mistyped project is no empty list, but an error that names it."""
    ran = shell("active", "--user", "kim", "--project", "shelter")
    assert_one_sentence(ran)
    assert "no project with id shelter" in ran.err
    assert_one_sentence(shell("unassigned", "--organization", "heaven"))
    assert_one_sentence(shell("audit", "--project", "shelter"))


def test_people_get_a_table(agency: World, shell: Shell) -> None:
    """SPEC 3.6, 7: a list for people has a title, a table in plain text where no terminal is, and a count."""
    agency.kim.assign(agency.stay("c1"), start="2026-01-12")
    agency.stay("c2")
    lines = shell("active", "--user", "kim", "--as-of", "2026-03-02").out.splitlines()
    assert lines[0] == "Active cases of Kim Example (kim) as of 2 Mar 2026"
    assert "12 Jan 2026" in lines[2]
    assert lines[-1] == "1 case."
    assert shell("unassigned", "--as-of", "2026-03-02").out.endswith("1 enrollment.\n")
    empty = shell("inactive", "--user", "kim", "--as-of", "2026-03-02").out
    assert empty == "Kim Example (kim) has no inactive cases as of 2 Mar 2026.\n"


def test_managers_lists_all_statuses_active_first(agency: World, shell: Shell) -> None:
    """API: `managers` prints the same objects, all statuses, active first."""
    head, child = agency.family(2)
    agency.lee.assign(head, start="2026-01-11", end="2026-02-01")
    agency.kim.assign(head, start="2026-02-01")
    agency.sam.assign(child, start="2026-02-01")
    cases = shell.json("managers", "c1", "--as-of", "2026-03-02")
    assert [case["status"] for case in cases] == ["active", "inactive"]
    assert all(keys(case) == CASE_KEYS for case in cases)
    assert len(shell.json("managers", "c1", "--household", "--as-of", "2026-03-02")) == 3
    assert "Case managers of Ada Marigold (c1) as of 2 Mar 2026" in shell("managers", "c1", "--as-of", "2026-03-02").out


# acts


def test_acts_print_the_objects_of_the_contract(agency: World, shell: Shell) -> None:
    """API: acts print batch_id, assignments, enrollments and the number of changes."""
    agency.stay("c2")
    outcome = shell.json("enroll", "c1", "--project", "es", "--on", "2026-03-02", "--user", "kim", "--reason", "intake")
    assert keys(outcome) == OUTCOME_KEYS
    assert [keys(record) for record in outcome["assignments"]] == [ASSIGNMENT_KEYS]
    assert [keys(record) for record in outcome["enrollments"]] == [ENROLLMENT_KEYS]
    assert (outcome["changes"], outcome["assignments"][0]["user_id"]) == (2, "kim")
    (line, _) = shell.json("history", "--batch", outcome["batch_id"])
    assert line["reason"] == "intake"


def test_a_household_is_enrolled_at_once(agency: World, shell: Shell) -> None:
    """SPEC 6.1: members with their relationship; one case manager for all, one per member, or nobody."""
    words = ("enroll", "c1=1", "c2=2", "c3=2", "--project", "es", "--on", "2026-03-02", "--user", "kim")

    def holders(*options: str) -> dict[str, str]:
        outcome = shell.json(*words, "--dry-run", *options)
        clients = {record["enrollment_id"]: record["personal_id"] for record in outcome["enrollments"]}
        return {clients[stint["enrollment_id"]]: stint["user_id"] for stint in outcome["assignments"]}

    assert holders() == {"c1": "kim", "c2": "kim", "c3": "kim"}
    assert holders("--case-manager", "lee") == {"c1": "lee", "c2": "lee", "c3": "lee"}
    assert holders("--case-manager", "nobody") == {}
    assert holders("--case-manager", "c1=lee", "c2=nobody") == {"c1": "lee", "c3": "kim"}
    assert holders("--case-manager", "nobody", "--case-manager", "c3=sam") == {"c3": "sam"}
    outcome = shell.json(*words, "--household-id", "h9")
    assert [(e["household_id"], e["relationship_to_hoh"]) for e in outcome["enrollments"]] == [
        ("h9", 1),
        ("h9", 2),
        ("h9", 2),
    ]


def test_ids_may_hold_an_equals_sign(agency: World, shell: Shell) -> None:
    """Ids are the host's: what no number follows is part of the id."""
    agency.system.add(Client(personal_id="a="), Client(personal_id="a=b"))
    how = ("--project", "es", "--on", "2026-03-02", "--user", "kim")
    assert shell.json("enroll", "a=", *how)["enrollments"][0]["personal_id"] == "a="
    assert shell.json("enroll", "a=b=1", *how, "--case-manager", "a=b=lee")["assignments"][0]["user_id"] == "lee"


@pytest.mark.parametrize(
    "words",
    [
        ("c1", "c2"),
        ("c1=1", "c2"),
        ("c1=1", "c1=2"),
        ("c1=7",),
        ("c1", "--case-manager", "kim", "lee"),
        ("c9",),
        ("c1", "--case-manager", "c2=lee"),
    ],
)
def test_a_household_that_cannot_be_is_wrong_usage(agency: World, shell: Shell, words: tuple[str, ...]) -> None:
    """SPEC 6.1: every member has a relationship of the picklist, is named once, and is known."""
    assert_one_sentence(shell("enroll", *words, "--project", "es", "--user", "kim", "--on", "2026-03-02"))
    assert shell.json("unassigned", "--as-of", "2026-03-02") == []


def test_an_assignment_from_beginning_to_end(agency: World, shell: Shell) -> None:
    """SPEC 6.2 to 6.6, 6.16: assign, amend, end, reactivate, hand over, void."""
    stay = agency.stay("c1").enrollment_id
    words = ("--start", "2026-01-12", "--end", "2026-06-01", "--role", "Navigator", "--client", "c1")
    (made,) = shell.json("assign", stay, "--user", "kim", "--case-manager", "lee", *words)["assignments"]
    assert list(made.values())[2:] == ["lee", "2026-01-12", "2026-06-01", "Navigator", False, False]
    stint = made["assignment_id"]

    (amended,) = shell.json(
        "amend", stint, "--user", "kim", "--start-date", "2026-01-13", "--end-date", "none", "--role", "Case Manager"
    )["assignments"]
    assert list(amended.values())[3:6] == ["2026-01-13", None, "Case Manager"]
    assert shell.json("amend", stint, "--user", "kim", "--role", "Case Manager")["changes"] == 0

    ended = shell.json("end", stint, "--user", "kim", "--on", "2026-02-01")
    assert (ended["assignments"][0]["end_date"], ended["changes"]) == ("2026-02-01", 1)
    again = shell.json("end", stint, "--user", "kim", "--on", "2026-02-01")
    assert (again["batch_id"], again["changes"]) == (None, 0)

    (back,) = shell.json("reactivate", stint, "--user", "kim", "--on", "2026-02-10")["assignments"]
    assert (back["start_date"], back["user_id"]) == ("2026-02-10", "lee")
    handed = shell.json("hand-over", back["assignment_id"], "--to", "sam", "--user", "kim", "--on", "2026-02-20")
    assert [record["user_id"] for record in handed["assignments"]] == ["lee", "sam"]
    void = shell.json("void", stint, "--user", "kim", "--reason", "typed twice")
    assert void["assignments"][0]["voided"] is True
    holders = shell.json("managers", "c1", "--as-of", "2026-03-02")
    assert [case["user_id"] for case in holders] == ["sam", "lee"]


def test_a_household_is_assigned_and_who_was_left_out_is_named(agency: World, shell: Shell) -> None:
    """SPEC 6.2; API: "skipped" names who was left out, where somebody was."""
    head, gone = agency.family(2)
    agency.system.exit(gone, on="2026-02-01")
    outcome = shell.json("assign", head.enrollment_id, "--user", "kim", "--household", "--start", "2026-03-02")
    assert keys(outcome) == f"{OUTCOME_KEYS} skipped"
    assert outcome["skipped"] == [
        {"kind": "enrollment", "id": gone.enrollment_id, "reason": "the member has exited by the start"}
    ]


def test_exits_end_keep_or_name_assignments_and_are_undone(agency: World, shell: Shell) -> None:
    """SPEC 6.7 to 6.9: by default all end; --keep ends none; --end names those that do; undo-exit restores."""
    head, child = agency.family(2)
    kims, lees = (world.assign(head, start="2026-01-12").assignment for world in (agency.kim, agency.lee))
    words = ("exit", head.enrollment_id, "--user", "kim", "--on", "2026-03-01")

    def ends(*options: str) -> dict[str, tuple[str | None, bool]]:
        outcome = shell.json(*words, "--dry-run", *options)
        return {stint["user_id"]: (stint["end_date"], stint["kept_after_exit"]) for stint in outcome["assignments"]}

    assert ends() == {"kim": ("2026-03-01", False), "lee": ("2026-03-01", False)}
    assert ends("--keep") == {"kim": (None, True), "lee": (None, True)}
    assert ends("--end", kims.assignment_id) == {"kim": ("2026-03-01", False), "lee": (None, True)}
    assert ends("--end", kims.assignment_id, lees.assignment_id) == ends()
    outcome = shell.json(*words, "--household")
    assert {record["enrollment_id"] for record in outcome["enrollments"]} == {head.enrollment_id, child.enrollment_id}
    undone = shell.json("undo-exit", head.enrollment_id, "--user", "kim", "--household")
    assert [record["exit_date"] for record in undone["enrollments"]] == [None, None]
    assert_one_sentence(shell(*words, "--keep", "--end", kims.assignment_id))


def test_an_enrollment_is_corrected(agency: World, shell: Shell) -> None:
    """SPEC 6.10: dates, relationship and household; refused or adjusted where stints would fall outside."""
    stint = agency.kim.assign(agency.stay("c1"), start="2026-01-12").assignment
    words = ("edit", stint.enrollment_id, "--user", "kim", "--entry-date", "2026-01-20", "--exit-date", "2026-02-01")
    refused = shell(*words, "--json")
    assert (refused.status, refused.err) == (1, "")
    assert [keys(violation) for violation in refused.json["refused"]] == [VIOLATION_KEYS] * 2
    (adjusted,) = shell.json(*words, "--adjust")["assignments"]
    assert (adjusted["start_date"], adjusted["end_date"]) == ("2026-01-20", "2026-02-01")
    edit = ("edit", stint.enrollment_id, "--user", "kim")
    (edited,) = shell.json(*edit, "--exit-date", "none", "--household-id", "h2", "--relationship", "3")["enrollments"]
    assert (edited["exit_date"], edited["relationship_to_hoh"], edited["household_id"]) == (None, 3, "h2")
    (edited,) = shell.json(*edit, "--relationship", "none", "--household-id", "none")["enrollments"]
    assert (edited["relationship_to_hoh"], edited["household_id"]) == (None, None)


def test_acts_tell_people_what_they_did(agency: World, shell: Shell) -> None:
    """SPEC 6: done, dry, and nothing to do, each in a sentence."""
    stay = agency.stay("c1").enrollment_id
    words = ("exit", stay, "--user", "kim", "--on", "2026-03-01")
    assert shell(*words, "--dry-run").out.startswith("Dry run, nothing written.\nWould have exited enrollment ")
    assert shell(*words).out.startswith(f"Exited enrollment {stay} on 1 Mar 2026.\nBatch ")
    assert shell(*words).out == f"Nothing to do: enrollment {stay} exited on 1 Mar 2026.\n"


def test_a_dry_run_writes_nothing(agency: World, shell: Shell) -> None:
    """SPEC 6: everything is computed and returned, nothing written."""
    stay = agency.stay("c1").enrollment_id
    lines = agency.lines()
    dry = shell.json("assign", stay, "--user", "kim", "--start", "2026-03-02", "--dry-run")
    assert (dry["batch_id"], dry["changes"], agency.lines()) == (None, 1, lines)


def test_a_command_with_an_id_happens_once(agency: World, shell: Shell) -> None:
    """SPEC 6: an act that carries the same command_id again returns the first outcome."""
    stay = agency.stay("c1").enrollment_id
    words = ("assign", stay, "--user", "kim", "--start", "2026-03-02", "--command-id", "form 7")
    assert shell.json(*words) == shell.json(*words)


def test_the_system_acts_under_its_name_unless_a_user_has_it(agency: World, shell: Shell) -> None:
    """API: SYSTEM stands for the system, unless a user has that id."""
    stay = agency.stay("c1").enrollment_id
    words = ("assign", stay, "--user", "SYSTEM", "--start", "2026-03-02")
    ran = shell(*words, "--json")
    assert [violation["code"] for violation in ran.json["refused"]] == ["not-a-case-manager"]
    assert shell.json(*words, "--case-manager", "kim", "--dry-run")["changes"] == 1
    agency.system.add(User(user_id="SYSTEM", organization_ids=frozenset({"haven"})))
    assert shell.json(*words)["assignments"][0]["user_id"] == "SYSTEM"


# refused, denied, unusable


def test_what_is_refused_ends_with_1_and_says_why(agency: World, shell: Shell) -> None:
    """API: refused acts print the violations and end with 1; people read them on standard error."""
    stay = agency.stay("c1").enrollment_id
    words = ("assign", stay, "--user", "kim", "--case-manager", "bo", "--start", "2026-01-01")
    ran = shell(*words, "--json")
    assert ran.status == 1
    assert list(ran.json) == ["refused"]
    assert [violation["code"] for violation in ran.json["refused"]] == ["starts-before-entry", "no-access"]
    told = shell(*words)
    assert_one_sentence(told, status=1)
    assert "(starts-before-entry)" in told.err


def test_what_is_denied_ends_with_1_and_says_why(agency: World, shell: Shell) -> None:
    """API: denied acts print action and reason and end with 1."""
    stay = agency.stay("c1", project="th").enrollment_id
    words = ("assign", stay, "--user", "kim", "--start", "2026-03-02")
    ran = shell(*words, "--json")
    assert (ran.status, ran.err) == (1, "")
    assert list(ran.json) == ["denied"]
    assert ran.json["denied"]["action"] == "assignment.start"
    assert "no access" in ran.json["denied"]["reason"]
    assert_one_sentence(shell(*words), status=1)
    stranger = shell("assign", stay, "--user", "nobody-knows", "--json")
    assert stranger.json["denied"]["reason"] == "user nobody-knows is not known"


def test_another_writer_in_the_way_ends_with_1(agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.1: a conflict ends with 1: the same act may be tried again."""
    stay = agency.stay("c1").enrollment_id

    class Impatient(SQLiteStore):
        """A store that does not wait."""

        def __init__(self, path: str) -> None:
            super().__init__(path, timeout=0.01)

    monkeypatch.setattr("caseassign.cli.store.SQLiteStore", Impatient)
    with closing(sqlite3.connect(shell.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = shell("assign", stay, "--user", "kim", "--start", "2026-03-02")
    assert_one_sentence(ran, status=1)
    assert "try again" in ran.err


EVERY_COMMAND: list[tuple[str, ...]] = [
    ("active", "--user", "kim"),
    ("inactive", "--user", "kim"),
    ("upcoming", "--user", "kim"),
    ("managers", "c1"),
    ("unassigned",),
    ("enroll", "c1", "--project", "es", "--user", "kim"),
    ("assign", "e", "--user", "kim"),
    ("end", "a", "--user", "kim"),
    ("amend", "a", "--user", "kim"),
    ("hand-over", "a", "--to", "lee", "--user", "kim"),
    ("reactivate", "a", "--user", "kim"),
    ("void", "a", "--reason", "r", "--user", "kim"),
    ("exit", "e", "--user", "kim"),
    ("undo-exit", "e", "--user", "kim"),
    ("edit", "e", "--user", "kim"),
    ("history", "--client", "c1"),
    ("verify",),
    ("audit",),
    ("export", "out.csv"),
    ("user", "kim"),
]


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_a_store_that_is_not_there_is_refused_and_not_made(
    shell: Shell, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `import` and `user` make a store; every other command says that there is none."""
    monkeypatch.chdir(shell.folder)
    assert_one_sentence(shell(*words))
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("active", "--user", "x"),
        ("managers", "x"),
        ("enroll", "x", "--project", "es", "--user", "kim"),
        ("enroll", "c1", "--project", "x", "--user", "kim"),
        ("assign", "x", "--user", "kim"),
        ("end", "x", "--user", "kim"),
        ("hand-over", "x", "--to", "lee", "--user", "kim"),
        ("exit", "x", "--user", "kim"),
        ("edit", "x", "--user", "kim", "--exit-date", "none"),
        ("history", "--enrollment", "x"),
        ("history", "--assignment", "x"),
        ("history", "--client", "x"),
        ("history", "--user", "x"),
        ("history", "--batch", "x"),
        ("user", "x"),
        ("user", "kim", "--organization", "x"),
    ],
    ids=" ".join,
)
def test_ids_that_are_not_known_end_with_2(agency: World, shell: Shell, words: tuple[str, ...]) -> None:
    """API: what cannot be found ends with 2, and the sentence names kind and id."""
    ran = shell(*words, "--json")
    assert_one_sentence(ran)
    assert " with id x: look whether" in ran.err


@pytest.mark.parametrize(
    "text", ["2026-3-2", "02.03.2026", "2026-02-30", "20260302", "2026-03-02T00:00", "yesterday", ""]
)
def test_a_day_is_exactly_year_month_day(shell: Shell, text: str) -> None:
    """SPEC 3.4: a day is parsed from exactly YYYY-MM-DD."""
    ran = shell("active", "--user", "kim", "--as-of", text)
    assert_one_sentence(ran)
    assert "write a day of the calendar as YYYY-MM-DD" in ran.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "COMMAND"),
        (("activ",), "invalid choice"),
        (("active", "--user", "kim"), "--store"),
        (("active", "--store", "s"), "--user"),
        (("active", "--store", "s", "--user", "kim", "--as", "2026-03-02"), "there is no option --as"),
        (("active", "--store", "s", "--user", "kim", f"--secret={MARK}"), "there is no option --secret "),
        (("active", "--store", "s", "--user", "kim", "--limit", "0"), "from 1 on"),
        (("active", "--store", "s", "--user", "kim", "--limit", "-1"), "--limit"),
        (("active", "--store", "s", "--user", "kim", "--limit", "many"), "whole number"),
        (("active", "--store", "s", "--user", "kim", "--order", "age"), "--order"),
        (("user", "U1", "--store", "s", "--name", "Kim", MARK), "put a text with blanks into quotes"),
        (("void", "a", "--store", "s", "--user", "kim"), "--reason"),
        (("history", "--store", "s"), "--batch"),
        (("history", "--store", "s", "--user", "kim", "--client", "c1"), "not allowed with"),
        (("user", "U1", "--store", "s", "--case-manager", "--not-a-case-manager"), "not allowed with"),
        (("re-assign", "--store", "s"), "invalid choice"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(shell: Shell, words: tuple[str, ...], hint: str) -> None:
    """API: wrong usage ends with 2; the sentence says what is wrong, and repeats no text that was typed."""
    ran = shell.bare(*words)
    assert_one_sentence(ran)
    assert hint in ran.err
    assert MARK not in ran.err


def test_importing_the_program_runs_nothing() -> None:
    """`python -m caseassign` is the command line; importing it is not."""
    assert importlib.import_module("caseassign.__main__").main is main


def test_help_is_no_error(shell: Shell) -> None:
    """Help is printed on standard output and ends with 0."""
    ran = shell.bare("--help")
    assert (ran.status, ran.err) == (0, "")
    assert all(name in ran.out for name in ("import", "hand-over", "undo-exit", "demo"))
    assert "YYYY" not in shell.bare("exit", "--help").err


def test_arguments_that_cannot_be_are_told_by_field(agency: World, shell: Shell) -> None:
    """SPEC 6.6, 7: a void without a reason, the system's list."""
    stint = agency.kim.assign(agency.stay("c1")).assignment.assignment_id
    ran = shell("void", stint, "--user", "kim", "--reason", "  ")
    assert_one_sentence(ran)
    assert "caseassign: --reason is empty" in ran.err
    assert_one_sentence(shell("active", "--user", "SYSTEM"))


def test_options_are_named_as_they_were_typed(agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors speak of options, and not of Python."""
    stay = agency.stay("c1").enrollment_id
    stint = agency.kim.assign(stay, start="2026-01-12").assignment.assignment_id
    acting = ("--user", "kim")
    for words, said in (
        (("assign", stay, *acting, "--role", ""), "--role is "),
        (("amend", stint, *acting), "say what shall be corrected: --start-date, --end-date, --role"),
        (("edit", stay, *acting, "--adjust"), "say what shall be corrected: --entry-date, --exit-date, --rel"),
        (("edit", stay, *acting, "--relationship", "7"), "--relationship is not in the HMIS picklist"),
        (("edit", stay, *acting, "--household-id", ""), "--household-id is "),
        (("enroll", "c2=7", "--project", "es", *acting), "the relationship in CLIENT=RELATIONSHIP is not in the HMIS"),
        (("end", stint, *acting, "--command-id", ""), "--command-id is "),
        (("user", "", "--name", "Kim"), "ID is "),
        (("user", "kim", "--name", "K\udc80m"), "--name is "),
        (("caseloads", "--from", "2026-03-02", "--until", "2026-03-01"), "--until lies before the start"),
        (("coming-up", "--days", "99999999"), "--days lead beyond the calendar"),
    ):
        ran = shell(*words)
        assert_one_sentence(ran)
        assert ran.err.startswith(f"caseassign: {said}"), ran.err
    monkeypatch.setenv("CASEASSIGN_TIME_ZONE", "Mars")
    ran = shell("active", *acting)
    assert ran.err.startswith("caseassign: the environment variable CASEASSIGN_TIME_ZONE is no time zone by name")


def test_a_file_that_is_no_store_is_one_sentence(shell: Shell) -> None:
    """SPEC 10.4: a file of another application is refused with a clear error."""
    shell.path.write_text("a diary", encoding="utf-8")
    ran = shell("active", "--user", "kim")
    assert_one_sentence(ran)
    assert f"{shell.path} is no store" in ran.err
    assert_one_sentence(shell("user", "kim", "--name", "Kim"))
    assert shell.path.read_text(encoding="utf-8") == "a diary"
    for words in (("active", "--user", "kim"), ("user", "kim", "--name", "Kim")):
        ran = shell(*words, store=shell.folder)
        assert_one_sentence(ran)
        assert f"{shell.folder} is a folder" in ran.err


def test_what_is_wrong_with_a_store_is_said_with_its_name(agency: World, shell: Shell) -> None:
    """SPEC 10.4: whoever has several stores reads which one is damaged, or is no store."""
    damaged, other = shell.folder / "damaged.sqlite", shell.folder / "other.sqlite"
    whole = shell.path.read_bytes()
    damaged.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE diary (day TEXT)")
    for store in (damaged, other):
        ran = shell("active", "--user", "kim", store=store)
        assert_one_sentence(ran)
        assert ran.err.count(str(store)) == 1


def test_a_file_that_cannot_be_written_is_one_sentence(agency: World, shell: Shell) -> None:
    """Files that the system refuses are named."""
    ran = shell("export", shell.folder / "no such folder" / "out.csv")
    assert_one_sentence(ran)
    assert "no such folder" in ran.err


def test_the_store_is_never_written_over(agency: World, shell: Shell, export: Path) -> None:
    """A list that would be written over the store is refused, whatever the store is called."""
    before = shell.path.read_bytes()
    other_name = shell.folder / "other name"
    other_name.hardlink_to(shell.path)
    assert_one_sentence(shell("export", shell.path))
    assert_one_sentence(shell("export", shell.folder / "." / shell.path.name))
    assert_one_sentence(shell("audit", "--csv", other_name))
    assert shell.path.read_bytes() == before
    new = shell.folder / "new.sqlite"
    assert_one_sentence(shell("import", export, "--issues", new, store=new))
    assert not new.exists()


def test_what_should_not_happen_shows_no_traceback(
    agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 8.4: even a defect shows where it is, and never a value."""

    def fail(*_: object) -> None:
        raise KeyError(MARK)

    monkeypatch.setattr(lists, "user_of", fail)
    ran = shell("active", "--user", "kim")
    assert_one_sentence(ran)
    assert "KeyError, line" in ran.err
    assert MARK not in ran.err


def test_an_interrupt_ends_with_130(agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl+C is told that nothing is half done."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(acts, "acting_user", interrupt)
    assert_one_sentence(shell("exit", "e", "--user", "kim"), status=130)


# history, audit


def test_history_prints_whole_lines(agency: World, shell: Shell) -> None:
    """SPEC 7.8: the lines of an enrollment, an assignment, a client, a user or a batch."""
    stint = agency.kim.assign(agency.stay("c1"), reason="intake").assignment
    lines = shell.json("history", "--enrollment", stint.enrollment_id)
    assert all(keys(line) == HISTORY_KEYS for line in lines)
    assert [line["record"]["kind"] for line in lines] == ["enrollment", "assignment"]
    assert lines[1]["record"]["id"] == stint.assignment_id
    assert [(line["user_id"], line["before"], line["reason"]) for line in lines] == [
        (None, None, None),
        ("kim", None, "intake"),
    ]
    assert lines[1]["after"]["start_date"] == "2026-03-02"
    assert shell.json("history", "--assignment", stint.assignment_id) == lines[1:]
    assert shell.json("history", "--batch", lines[1]["batch_id"]) == lines[1:]
    assert shell.json("history", "--client", "c1")[1:] == lines
    assert shell.json("history", "--user", "kim")[1:] == lines[1:]
    told = shell("history", "--assignment", stint.assignment_id).out
    assert told.startswith(
        f"History of assignment {stint.assignment_id}\n2 Mar 2026 12:00 UTC, Kim Example assigned them"
    )


def test_history_is_verified(agency: World, shell: Shell) -> None:
    """SPEC 8.5: a history that was tampered with ends with 1 and says where."""
    agency.stay("c1")
    head = agency.system.history_head()
    assert shell.json("verify") == {"breaks": [], "head": {"number": head.number, "digest": head.digest}}
    assert shell("verify").out.startswith("The history is whole")
    with closing(sqlite3.connect(shell.path, isolation_level=None)) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE change SET reason = 'because' WHERE number = 2")
        for _, statement in triggers:
            db.execute(statement)
    ran = shell("verify", "--json")
    assert ran.status == 1
    assert ran.json["breaks"][0]["number"] == 2
    told = shell("verify")
    assert (told.status, told.err) == (1, "")
    assert told.out.startswith("Line 2 of the history: ")


def test_an_audit_prints_the_objects_of_the_contract(agency: World, shell: Shell) -> None:
    """API: audit prints as_of, counts and violations; only a required violation ends with 1."""
    stay = agency.stay("c1")
    audit = shell.json("audit", "--as-of", "2026-03-02")
    assert keys(audit) == "as_of counts violations"
    assert audit["as_of"] == "2026-03-02"
    assert audit["counts"] == {"unassigned": 1}
    assert audit["violations"] == [
        {
            "code": "unassigned",
            "required": False,
            "assignment_id": None,
            "enrollment_id": stay.enrollment_id,
            "user_id": None,
            "personal_id": "c1",
            "household_id": stay.household_id,
            "message": f"nobody is active on enrollment {stay.enrollment_id}",
        }
    ]
    early = CaseAssignment(assignment_id="a", enrollment_id=stay.enrollment_id, user_id="kim", start_date=day("01-01"))
    agency.put_raw(early, attrs.evolve(early, assignment_id="b"))
    ran = shell("audit", "--as-of", "2026-03-02", "--json")
    assert ran.status == 1
    assert ran.json["counts"] == {"overlaps-own": 1, "starts-before-entry": 2}
    assert len(ran.json["violations"]) == 3
    told = shell("audit", "--as-of", "2026-03-02")
    assert told.status == 1
    assert told.out.startswith("Audit as of 2 Mar 2026\nRequired: 3 violations.\n")


def test_an_audit_is_narrowed(agency: World, shell: Shell) -> None:
    """SPEC 7.9: over all data or a part."""
    agency.stay("c1")
    agency.stay("c2", project="th")
    assert shell.json("audit", "--organization", "bridge")["counts"] == {"unassigned": 1}
    assert shell.json("audit", "--project", "rrh") == shell.json("audit", "--project", "rrh") | {"violations": []}
    assert shell("audit", "--project", "rrh").out.endswith("Advisory: 0 violations.\n")


def test_an_audit_is_written_as_csv(agency: World, shell: Shell) -> None:
    """SPEC 7.9: as data, table or CSV; with --json too, both say the same."""
    agency.stay("c1")
    agency.stay("c2")
    file = shell.folder / "audit.csv"
    told = shell("audit", "--csv", file, "--as-of", "2026-03-02")
    assert told.out.endswith(f"2 violations written to {file}.\n")
    audit = shell.json("audit", "--csv", file, "--as-of", "2026-03-02")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    plain = [{key: "" if value is None else str(value) for key, value in row.items()} for row in audit["violations"]]
    assert rows == plain


def test_a_long_audit_shows_the_first_fifty(shell: Shell, tmp_path: Path) -> None:
    """People are shown fifty violations and told how many more there are."""
    write_export(tmp_path / "export", dirt=0)
    shell.json("import", tmp_path / "export")
    found = len(shell.json("audit", "--as-of", "2026-03-02")["violations"])
    told = shell("audit", "--as-of", "2026-03-02").out
    assert found > 50
    assert told.endswith(f"… and {found - 50} more; --json or --csv lists all.\n")
    assert told.count("nobody is active") == 50


# export, user, demo


def test_assignments_are_exported(agency: World, shell: Shell) -> None:
    """SPEC 9.6: CaseAssignment.csv, with a Status column as of a day for people to read."""
    stint = agency.kim.assign(agency.stay("c1"), start="2026-03-02").assignment
    file = shell.folder / "CaseAssignment.csv"
    assert shell("export", file).out == f"1 assignment written to {file}.\n"
    assert shell.json("export", file, "--as-of", "2026-03-01") == {"assignments": 1}
    with file.open(encoding="utf-8", newline="") as lines:
        (row,) = csv.DictReader(lines)
    assert (row["AssignmentID"], row["PersonalID"], row["Status"]) == (stint.assignment_id, "c1", "Upcoming")


def test_a_user_is_shown_added_and_changed(agency: World, shell: Shell) -> None:
    """SPEC 2: a user with name, organizations, permissions, availability and first day gone."""
    added = shell.json("user", "new", "--name", "Ana Maria Lopez", "--organization", "haven", "bridge")
    assert added == {
        "user_id": "new",
        "first_name": "Ana",
        "last_name": "Maria Lopez",
        "organization_ids": ["bridge", "haven"],
        "permissions": [],
        "is_case_manager": True,
        "left_on": None,
    }
    words = (
        "--permission",
        "batch.undo",
        "--permission",
        "audit.run",
        "--not-a-case-manager",
        "--left-on",
        "2026-05-05",
    )
    changed = shell.json("user", "new", "--organization", "haven", *words, "--reason", "leaves")
    assert changed == added | {
        "organization_ids": ["haven"],
        "permissions": ["audit.run", "batch.undo"],
        "is_case_manager": False,
        "left_on": "2026-05-05",
    }
    assert shell.json("user", "new") == changed
    assert "First day gone: 5 May 2026" in shell("user", "new").out
    back = shell("user", "new", "--organization", "--left-on", "none", "--case-manager", "--name", "Ana")
    assert back.out.startswith("Changed 1 user: new.\n\nUser Ana (new)\nOrganizations: none\n")
    assert "First day gone: none" in back.out
    assert shell("user", "new", "--name", "Ana").out.startswith("Nothing to do: all is so already.\n")
    assert shell.json("user", "new", "--name", " ")["first_name"] is None
    history = shell.json("history", "--user", "new")
    assert [line["action"] for line in history] == ["user.manage"] * 4
    assert history[1]["reason"] == "leaves"


def test_a_permission_that_means_nothing_is_pointed_out(agency: World, shell: Shell) -> None:
    """SPEC 8.1: a host may have names of its own, so it is kept; whoever mistyped one reads it on standard error."""
    ran = shell("user", "kim", "--permission", "caseload.view", "all-organizations", "caseload.veiw")
    assert ran.status == 0
    assert ran.err.startswith("caseassign: warning: no action is called caseload.veiw: ")
    assert "caseload.veiw" in shell("user", "kim").out
    assert shell("user", "kim", "--permission", "caseload.view").err == ""


def test_a_user_can_be_the_first_record_of_a_store(shell: Shell) -> None:
    """`user` makes the store, but not for a dry run, and not where it fails."""
    dry = shell("user", "U1", "--name", "Kim Example", "--dry-run")
    assert dry.out.startswith("Dry run, nothing written.\nWould have added 1 user: U1.\n")
    assert_one_sentence(shell("user", "U1", "--organization", "nowhere"))
    assert not shell.path.exists()
    assert shell.json("user", "U1", "--name", "Kim Example")["user_id"] == "U1"
    assert shell.path.exists()


def test_the_demo_tells_its_story(shell: Shell) -> None:
    """`caseassign demo` tells the story of the two guides; with --json, the same lines."""
    told = shell.bare("demo")
    lines = shell.bare("demo", "--json")
    assert (told.status, lines.status) == (0, 0)
    assert "Active cases of Kim" in told.out
    assert len(lines.json) == len(told.out.splitlines())


# what is printed, and where


def test_nothing_personal_is_in_an_error(agency: World, shell: Shell) -> None:
    """SPEC 8.4: names and reasons never appear in errors."""
    agency.system.add(Client(personal_id="c1", first_name=MARK, last_name=MARK))
    agency.system.add(User(user_id="kim", last_name=MARK, organization_ids=frozenset({"haven"})))
    stint = agency.kim.assign(agency.stay("c1"), reason=MARK, start="2026-01-12").assignment
    stay = stint.enrollment_id
    reason = ("--user", "kim", "--reason", MARK)
    failures = [
        shell("enroll", "c1", "--project", "es", *reason),
        shell("enroll", "c1", "--project", "th", *reason),
        shell("enroll", "c1", "--project", "nowhere", *reason),
        shell("assign", stay, "--start", "2026-01-20", *reason),
        shell("assign", stay, "--case-manager", "bo", *reason),
        shell("assign", stay, "--client", "c2", *reason),
        shell("end", stint.assignment_id, "--on", "2026-01-01", *reason),
        shell("amend", stint.assignment_id, "--end-date", "2026-01-01", *reason),
        shell("reactivate", stint.assignment_id, "--on", "2026-01-01", *reason),
        shell("exit", stay, "--on", "2026-01-01", *reason),
        shell("exit", stay, "--on", MARK, *reason),
        shell("exit", stay, "--on", "2026-02-01", "--user", "kim", "--reason", "a", MARK),
        shell("edit", stay, "--exit-date", "2026-01-01", *reason),
        shell("user", "kim", "--name", MARK, "--organization", "nowhere"),
    ]
    assert [ran.status for ran in failures if ran.status not in {1, 2}] == []
    assert MARK not in "".join(ran.out + ran.err for ran in failures)


def test_names_cannot_steer_the_terminal(agency: World, shell: Shell) -> None:
    """A name with control characters or markup is shown without them; JSON escapes them."""
    agency.system.add(Client(personal_id="c1", first_name="A\x1b[2Jda", last_name="[bold]\u202ex\n"))
    agency.kim.assign(agency.stay("c1"), start="2026-01-12")
    words = ("active", "--user", "kim", "--as-of", "2026-03-02")
    told = shell(*words).out
    assert "[bold]\ufffdx , A\ufffd[2Jda" in told
    assert "\x1b" not in told
    assert shell.json(*words)[0]["client_name"] == "[bold]\u202ex\n, A\x1b[2Jda"


def test_json_is_utf_8_whatever_the_locale(agency: World, shell: Shell) -> None:
    """One JSON document in UTF-8, with letters as letters; people get what their encoding has."""
    agency.system.add(Client(personal_id="c1", first_name="José", last_name="李"))
    agency.kim.assign(agency.stay("c1"), start="2026-01-12")
    words = [*PYTHON_M, "active", "--user", "kim", "--as-of", "2026-03-02", "--store", str(shell.path)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    data = subprocess.run([*words, "--json"], env=environment, capture_output=True, check=True).stdout
    assert "李, José" in data.decode("utf-8")
    table = subprocess.run(words, env=environment, capture_output=True, check=True).stdout
    assert "?, Jos?" in table.decode("ascii")


def test_a_reader_who_has_read_enough_ends_the_command_quietly(agency: World, shell: Shell) -> None:
    """`caseassign … | head` ends without a word."""
    for client in ("c1", "c2", "c3"):
        stint = agency.kim.assign(agency.stay(client)).assignment
        for number in range(40):
            agency.kim.amend(stint, role=f"Role {number}")
    command = [*PYTHON_M, "history", "--user", "kim", "--json", "--store", str(shell.path)]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        ran = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_is_full_is_one_sentence(agency: World, shell: Shell) -> None:
    """What cannot be printed ends with 2."""
    command = [*PYTHON_M, "user", "kim", "--store", str(shell.path)]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    assert (ran.returncode, ran.stderr) == (2, f"caseassign: the output cannot be used: {os.strerror(errno.ENOSPC)}\n")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_act_that_cannot_be_told_is_done_all_the_same(
    agency: World,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: tuple[str, ...],
) -> None:
    """SPEC 6: what was written is written, though nobody can read about it: it is said so, and ends with 2."""
    stay = agency.stay("c1").enrollment_id
    store = ("--store", str(shell.path))
    exits = ("exit", stay, "--user", "kim", "--on", "2026-03-01")
    for words, is_written in ((exits, True), (exits, False), (("user", "kim", "--left-on", "2026-09-01"), True)):
        with Path("/dev/full").open("w", encoding="utf-8") as full, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", full)
            assert main([*words, *store, *form]) == 2
        err = capsys.readouterr().err
        problem = "what it did cannot be shown" if is_written else "the output cannot be used"
        assert err.startswith("caseassign: it was carried out, as batch ") == is_written
        assert err.endswith(f"{problem}: {os.strerror(errno.ENOSPC)}\n")
    assert agency.system.client_record("c1").enrollments[0].enrollment.exit_date == day("03-01")


class Gone(io.StringIO):
    """An output whose reader has gone."""

    def write(self, _text: str) -> int:
        """Fail as the system does."""
        raise BrokenPipeError


def test_an_act_whose_reader_has_gone_is_done_quietly(
    agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`caseassign exit … | head -0` is no failure: whoever reads has read enough."""
    stay = agency.stay("c1").enrollment_id
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Gone())
        assert main(["exit", stay, "--user", "kim", "--on", "2026-03-01", "--store", str(shell.path)]) == 0
    assert capsys.readouterr().err == ""
    assert agency.system.client_record("c1").enrollments[0].enrollment.exit_date == day("03-01")


class Terminal(io.StringIO):
    """Something that claims to be a terminal."""

    def isatty(self) -> bool:
        """Claim it."""
        return True


def test_a_terminal_gets_what_rich_draws(agency: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables for people come through rich where it is installed and somebody is looking."""
    agency.kim.assign(agency.stay("c1"), start="2026-01-12")
    monkeypatch.setenv("COLUMNS", "300")
    words = ["active", "--user", "kim", "--as-of", "2026-03-02", "--store", str(shell.path)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", drawn := Terminal())
        assert main(words) == 0
    assert "───" in drawn.getvalue()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "rich", None)
        patch.delitem(sys.modules, "caseassign.display.terminal")
        patch.delattr("caseassign.display.terminal")
        patch.setattr(sys, "stdout", plain := Terminal())
        assert main(words) == 0
    assert plain.getvalue().startswith("Active cases of Kim Example (kim) as of 2 Mar 2026\nClient ")


def test_progress_is_shown_on_a_terminal_and_wiped_away(
    shell: Shell, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 7.9, 9.2: progress goes to standard error, and only where somebody is looking."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", seen := Terminal())
        shell.bare("import", export, "--store", shell.path)
        shell.bare("audit", "--store", shell.path)
    assert "Enrollment.csv: 146" in seen.getvalue()
    assert "Enrollments looked at: " in seen.getvalue()
    assert seen.getvalue().endswith("\r\x1b[2K")
    assert shell("import", export).err == ""


def test_the_command_is_installed(shell: Shell, agency: World) -> None:
    """The entry point `caseassign` is the same command line."""
    command = shutil.which("caseassign", path=str(Path(sys.executable).parent))
    assert command is not None
    ran = subprocess.run([command, "user", "kim", "--store", shell.path], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("User Kim Example (kim)\n")


def test_closed_outputs_do_not_stop_a_command(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """API: what is done matters, even where nobody reads what is said."""
    monkeypatch.setattr("sys.stdout", None)
    assert main(["demo"]) == 0
    sys.stdout.close()
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert main(["active", "--store", "nowhere.sqlite", "--user", "U1"]) == 2


def test_an_empty_file_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """API: a question does not turn an empty file into a store, whose audit would find nothing."""
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    assert main(["audit", "--store", str(empty)]) == 2
    assert "is not there" in capsys.readouterr().err
    assert empty.stat().st_size == 0


def test_a_legacy_list_says_what_its_end_dates_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SPEC 9.6: the caller names whether end dates are last days, and what counts where Status and dates disagree."""
    write_export(tmp_path / "export")
    store = str(tmp_path / "store.sqlite")
    legacy = tmp_path / "legacy.csv"
    legacy.write_text(
        "EnrollmentID,UserID,StartDate,EndDate,Status\n"
        "E0017,U2,2026-02-01,2026-02-10,Inactive\n"
        "E0061,U2,2026-02-01,2026-02-10,Active\n",
        encoding="utf-8",
    )
    given = ["--assignments", str(legacy), "--end-dates", "last-day", "--trust", "status"]
    assert main(["import", str(tmp_path / "export"), "--store", store, *given]) == 0
    capsys.readouterr()
    ends: dict[str, str | None] = {}
    for client in ("C0011", "C0046"):
        assert main(["managers", client, "--store", store, "--json"]) == 0
        ends |= {row["enrollment_id"]: row["end_date"] for row in json.loads(capsys.readouterr().out)}
    assert ends == {"E0017": "2026-02-11", "E0061": None}
