"""What an export says of exits: row by row in a delta, and not at all without a row in Exit.csv."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hmis_files import HEADERS, write
from test_import_export import NOTHING, LoneExit, Row, Sent, county
from world import World, day

from caseassign import SYSTEM, Casework, Enrollment, MemoryStore
from caseassign.cli import main
from caseassign.formats import hmis_csv

STAYS = [f"E{number},C1,P1,2026-01-05,H{number},1,U1,," for number in (1, 2, 3)]
EXITED = [f"X{number},E{number},C1,2026-02-01,," for number in (1, 2, 3)]


def export_of(folder: Path, *, stays: list[str], exits: list[str] | bytes | None, directive: int = 1) -> Path:
    """Write an export, a delta unless told otherwise."""
    row = f"X1,IMP,2026 v1.0,2026-01-01,2026-06-30,{directive},1"
    return write(folder, Export=[row], Enrollment=stays, Exit=exits)


def exits_after(tmp_path: Path, *exports: Path, **how: Any) -> tuple[dict[str, date | None], dict[str, int]]:
    """Import three stays, all exited, and then these exports; return the exits, and the issues of the last import."""
    full = export_of(tmp_path / "full", stays=STAYS, exits=EXITED, directive=2)
    system = Casework(MemoryStore(), user=SYSTEM)
    issues: dict[str, int] = {}
    for folder in (full, *exports):
        with hmis_csv.read(folder) as export:
            issues = system.import_export(export, **how).issues
    stays = [each.enrollment for each in system.client_record("C1").enrollments]
    return {stay.enrollment_id: stay.exit_date for stay in stays}, issues


OUT = date(2026, 2, 1)


@pytest.mark.parametrize(
    ("exits", "first"),
    [
        ([], OUT),
        (None, OUT),
        (["X2,E2,C1,2026-02-01,,"], OUT),
        (["X1,E1,C1,2026-02-03,,"], date(2026, 2, 3)),
        (["X1,E1,C1,2026-02-01,,2026-02-09"], None),
    ],
)
@pytest.mark.parametrize("at_exit", ["report", "end"])
def test_an_enrollment_in_a_delta_says_of_its_exit_what_the_exit_row_says(
    tmp_path: Path, exits: list[str] | None, first: date | None, at_exit: str
) -> None:
    """SPEC 9.3, 9.4: without row the exit stays as it was; a DateDeleted on its row removes it."""
    stays = ["E1,C1,P1,2026-01-05,H1,2,U1,,"]
    delta = export_of(tmp_path / "delta", stays=stays, exits=exits)
    assert exits_after(tmp_path, delta, at_exit=at_exit) == ({"E1": first, "E2": OUT, "E3": OUT}, {})


@pytest.mark.parametrize(
    ("exits", "first"),
    [(["X1,E1,C1,2026-02-03,,"], date(2026, 2, 3)), (["X1,E1,C1,2026-02-01,,2026-02-09"], None)],
)
def test_an_exit_in_a_delta_needs_no_row_of_its_enrollment(tmp_path: Path, exits: list[str], first: date) -> None:
    """SPEC 9.3, 9.4: the enrollment that the store has exits, or is open again, and the next full export agrees."""
    delta = export_of(tmp_path / "delta", stays=STAYS[1:2], exits=exits)
    assert exits_after(tmp_path, delta) == ({"E1": first, "E2": OUT, "E3": OUT}, {})
    full = export_of(tmp_path / "next", stays=STAYS, exits=EXITED, directive=2)
    assert exits_after(tmp_path, delta, full) == ({"E1": OUT, "E2": OUT, "E3": OUT}, {})


def test_an_exit_without_enrollment_that_cannot_be_taken_is_an_issue(tmp_path: Path) -> None:
    """SPEC 9.2: in a delta it is held against the store; each row is taken, or one issue, on its line."""
    exits = [
        "X1,E1,C1,,,",
        "X2,E2,C1,soon,,",
        "X3,E3,C9,2026-02-02,,",
        "X4,E8,C1,2026-02-02,,",
        "X5,E9,C1,2026-02-02,,2026-02-09",
        "X6,,C1,2026-02-02,,",
    ]
    folder = export_of(tmp_path / "delta", stays=["E7,C1,P1,soon,H1,1,U1,,"], exits=[*exits, "X7,E7,C1,x,,2026-01-01"])
    with hmis_csv.read(folder) as export:
        assert [(issue.line, issue.column, issue.code) for issue in export.issues if issue.file == "Exit.csv"] == [
            (2, "ExitDate", "missing-value"),
            (3, "ExitDate", "bad-date"),
            (7, "EnrollmentID", "missing-value"),
        ]
        assert [(exit_.line, exit_.enrollment_id, exit_.exit_date) for exit_ in export.lone_exits()] == [
            (4, "E3", date(2026, 2, 2)),
            (5, "E8", date(2026, 2, 2)),
            (6, "E9", None),
        ]
    found, issues = exits_after(tmp_path, folder)
    assert found == {"E1": OUT, "E2": OUT, "E3": date(2026, 2, 2)}
    assert issues == {"bad-date": 2, "missing-value": 2, "orphan-exit": 1, "other-client": 1}


def test_in_any_other_export_an_exit_without_enrollment_stays_an_orphan(tmp_path: Path) -> None:
    """SPEC 9.2: a full export has every enrollment, so that such an exit belongs to none."""
    full = export_of(tmp_path / "other", stays=STAYS[1:], exits=["X1,E1,C1,2026-02-03,,", *EXITED[1:]], directive=2)
    with hmis_csv.read(full) as export:
        assert (list(export.lone_exits()), export.issue_counts, export.is_delta) == ([], {"orphan-exit": 1}, False)


def test_exits_that_come_alone_end_assignments_like_any_other(any_world: World) -> None:
    """SPEC 9.3, 9.4: an exit before the entry is left out; what is unchanged changes nothing."""
    world = any_world
    world.system.import_export(county(), case_managers_from="Enrollment.UserID")
    delta = Sent([], exits=[LoneExit(2, "E1", "C1", day("02-20"))])
    result = world.system.import_export(delta, at_exit="end")
    assert (result.arrived["exited"], result.adjusted["ended"], result.issues) == (("E1",), 1, {"bad-date": 2})
    assert world.system.import_export(delta, at_exit="end").batch_id is None
    early = Sent([], exits=[LoneExit(2, "E1", None, day("01-01"))])
    refused = world.system.import_export(early)
    assert [(issue.line, issue.code, issue.record_id) for issue in refused.found] == [(2, "exit-before-entry", "E1")]
    assert refused.changed == NOTHING
    gone = world.system.import_export(Sent([], exits=[LoneExit(2, "E1", "C1", None)]), at_exit="end")
    assert (gone.arrived["reopened"], gone.adjusted["restored"]) == (("E1",), 1)


def test_what_no_import_ever_told_can_be_exited_by_a_delta(world: World) -> None:
    """SPEC 9.3: an enrollment of another source keeps what it has, and takes the exit alone."""
    world.system.import_export(county())
    stay = Enrollment(
        enrollment_id="E9",
        personal_id="C1",
        project_id="P1",
        entry_date=day("01-07"),
        exit_date=day("02-01"),
        relationship_to_hoh=3,
    )
    world.put_raw(stay)
    silent = Sent([Row(Enrollment(enrollment_id="E9", personal_id="C1", project_id="P1", entry_date=day("01-07")))])
    silent.sent[0] = silent.sent[0]._replace(tells_exit=False)
    world.system.import_export(silent)
    assert world.system.client_record("C1").enrollments[1].enrollment.exit_date == day("02-01")
    world.put_raw(Enrollment(enrollment_id="E8", personal_id="C1", project_id="P1", entry_date=day("01-08")))
    world.system.import_export(Sent([], exits=[LoneExit(2, "E8", "C1", day("02-20"))]))
    exits = {
        each.enrollment.enrollment_id: each.enrollment.exit_date
        for each in world.system.client_record("C1").enrollments
    }
    assert exits == {"E1": None, "E8": day("02-20"), "E9": day("02-01")}


@pytest.mark.parametrize("exits", [[], None, b"", [",,,,,"], ["X1,,C1,2026-02-01,,"]])
def test_a_full_export_without_a_row_in_exit_csv_removes_nobodys_exit_and_says_so(
    tmp_path: Path, exits: list[str] | bytes | None
) -> None:
    """SPEC 9.2, 9.3: a header alone says no more than a file that is missing; each exit that stays is an issue."""
    full = export_of(tmp_path / "none", stays=STAYS, exits=exits, directive=2)
    found, issues = exits_after(tmp_path, full)
    assert (found, issues["no-exits"]) == ({"E1": OUT, "E2": OUT, "E3": OUT}, 3)
    one = export_of(tmp_path / "one", stays=STAYS, exits=EXITED[:1], directive=2)
    assert exits_after(tmp_path, one) == ({"E1": OUT, "E2": None, "E3": None}, {})


@pytest.mark.parametrize(
    ("first", "second", "is_older"),
    [
        ("2026-02-01 10:00:00", "2026-02-01 09:59:59", True),
        ("2026-02-01", "2026-01-31", True),
        ("2026-02-01", "2026-02-01", False),
        ("2026-02-01", "2/2/2026", False),
        ("2026-02-01", "soon", False),
        ("", "2026-02-01", False),
    ],
)
def test_an_export_that_is_older_than_the_last_import_is_reported_and_taken(
    tmp_path: Path, first: str, second: str, is_older: bool
) -> None:
    """SPEC 9.3: by ExportDate; what the older export says is taken, and its caller is told."""
    header = f"ExportDate,{HEADERS['Export']}\n"
    stays = [STAYS[0], STAYS[0].replace("01-05", "01-06")]
    folders = [
        write(
            tmp_path / str(number),
            Export=f"{header}{made},X{number},IMP,2026 v1.0,2026-01-01,2026-06-30,2,1\n".encode(),
            Enrollment=[stays[number]],
        )
        for number, made in enumerate((first, second))
    ]
    system = Casework(MemoryStore(), user=SYSTEM)
    results = []
    for folder in folders:
        with hmis_csv.read(folder) as export:
            results.append(system.import_export(export))
    assert results[1].issues == ({"older-export": 1} if is_older else {})
    assert [(i.file, i.line, i.column, i.code, i.record_id) for i in results[1].found] == [
        ("Export.csv", None, "ExportDate", "older-export", "X1")
    ] * is_older
    assert results[1].changed["enrollments"] == 1


def test_issues_that_only_the_import_can_find_are_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SPEC 9.2: by file, line, column, code and id, after those of reading."""
    store = str(tmp_path / "store.sqlite")
    assert (
        main(["import", str(export_of(tmp_path / "a", stays=STAYS, exits=EXITED, directive=2)), "--store", store]) == 0
    )
    delta = export_of(tmp_path / "b", stays=["E4,C1,P1,2026-01-05,,1,U1,,"], exits=["X4,E8,C1,2026-02-02,,"])
    issues = tmp_path / "issues.csv"
    capsys.readouterr()
    assert main(["import", str(delta), "--store", store, "--issues", str(issues), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["issues"] == {"missing-value": 1, "orphan-exit": 1}
    assert issues.read_text(encoding="utf-8").splitlines()[1:] == [
        "Enrollment.csv,2,HouseholdID,missing-value,E4",
        "Exit.csv,2,EnrollmentID,orphan-exit,E8",
    ]


def test_the_issues_never_take_the_place_of_what_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SPEC 9.2: not a file of the export, nor its zip, nor the list; nothing is written, and the reason is said."""
    folder = export_of(tmp_path / "a", stays=STAYS, exits=EXITED)
    listed = tmp_path / "CaseAssignment.csv"
    listed.write_text("EnrollmentID,UserID,StartDate\n", encoding="utf-8")
    words = ["import", str(folder), "--store", str(tmp_path / "s.sqlite"), "--assignments", str(listed), "--issues"]
    for target in (folder / "Client.csv", folder / "new.csv", listed):
        before = target.read_bytes() if target.exists() else None
        assert main([*words, str(target)]) == 2
        assert "is, or is among, what is imported: give another file" in capsys.readouterr().err
        assert (target.read_bytes() if target.exists() else None) == before
    assert main([*words, str(tmp_path / "issues.csv")]) == 0


def test_what_is_wrong_with_an_exit_alone_names_its_place_and_the_others_are_taken(world: World) -> None:
    """SPEC 9.2, 9.3: file, line, column, code and enrollment; an exit on the entry day is a same-day stay."""
    world.system.import_export(county())
    exits = [
        LoneExit(2, "E8", None, day("02-20")),
        LoneExit(3, "E1", "C2", day("01-05")),
        LoneExit(4, "E2", "C2", day("01-04")),
    ]
    result = world.system.import_export(Sent([], exits=exits))
    assert [(each.file, each.line, each.column, each.code, each.record_id) for each in result.found] == [
        ("Exit.csv", 2, "EnrollmentID", "orphan-exit", "E8"),
        ("Exit.csv", 3, "PersonalID", "other-client", "E1"),
        ("Exit.csv", 4, "ExitDate", "exit-before-entry", "E2"),
    ]
    assert result.arrived["exited"] == ("E1",)


def test_what_an_export_is_silent_about_is_remembered_as_it_was_said(world: World) -> None:
    """SPEC 9.3: an act's exit stays, after an export without exits, where the next one says what was always said."""
    world.system.import_export(county())
    world.system.exit("E1", on="2026-02-10")
    silent = county(entry_date=day("01-06"))
    silent.has_exits = False
    world.system.import_export(silent)
    world.system.import_export(county(entry_date=day("01-06")))
    stay = world.system.client_record("C1").enrollments[0].enrollment
    assert (stay.entry_date, stay.exit_date) == (day("01-06"), day("02-10"))


def test_an_exit_alone_says_nothing_of_the_rest_of_its_enrollment(world: World) -> None:
    """SPEC 9.3: what an act changed stays, where the next export says what was always said of it."""
    world.system.import_export(county())
    world.system.edit_enrollment("E1", entry_date="2026-01-06")
    world.system.import_export(Sent([], exits=[LoneExit(2, "E1", "C1", day("02-20"))]))
    world.system.import_export(county(exit_date=day("02-20")))
    stay = world.system.client_record("C1").enrollments[0].enrollment
    assert (stay.entry_date, stay.exit_date) == (day("01-06"), day("02-20"))
