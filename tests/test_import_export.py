"""Importing an export: what is new, what it says otherwise than last time, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World, day

from caseassign import (
    CaseAssignment,
    Client,
    Enrollment,
    HmisCsvError,
    InvalidRecordError,
    Organization,
    PermissionDeniedError,
    Project,
    User,
)


class Row(NamedTuple):
    """One record of an export."""

    record: Any
    bare: bool = False
    entered_by: str | None = None
    tells_exit: bool = True


class LoneExit(NamedTuple):
    """An exit without its enrollment."""

    line: int
    enrollment_id: str
    personal_id: str | None
    exit_date: date | None


@attrs.define
class Sent:
    """An export in memory."""

    sent: list[Row]
    implementation_id: str | None = "county"
    name: str = "export.zip"
    export_id: str | None = "x1"
    sha256: str = "5" * 64
    exported_at: datetime | None = None
    has_exits: bool = True
    exits: list[LoneExit] = attrs.field(factory=list)
    issue_counts: dict[str, int] = attrs.field(factory=lambda: {"bad-date": 2})
    kept_out: dict[str, int] = attrs.field(factory=lambda: {"enrollments": 2})
    full_refresh: tuple[date, date] | None = None
    kept_out_ids: frozenset[str] = frozenset()

    def rows(self, kind: str, batch_id: str | None = None) -> Iterable[Row]:
        """Yield the rows of one kind."""
        for row in self.sent:
            if kind == row.record.KIND:
                record = attrs.evolve(row.record, batch_id=batch_id)
                yield row._replace(record=record, tells_exit=row.tells_exit and self.has_exits)

    def lone_exits(self) -> Iterable[LoneExit]:
        """Yield the exits without their enrollments."""
        return self.exits

    def lacking(self, enrollment_ids: Iterable[str]) -> Collection[str]:
        """Return the ids that it has no row for."""
        return set(enrollment_ids) - {row.record.key for row in self.rows("enrollment")} - self.kept_out_ids


def county(**changes: Any) -> Sent:
    """An export of a county: one organization, one project, two workers, two clients, two stays."""
    stay: dict[str, Any] = {
        "enrollment_id": "E1",
        "personal_id": "C1",
        "project_id": "P1",
        "entry_date": day("01-05"),
        "household_id": "H1",
    }
    first = Enrollment(**(stay | changes))
    second = Enrollment(
        enrollment_id="E2", personal_id="C2", project_id="P1", entry_date=day("01-05"), exit_date=day("02-01")
    )
    return Sent(
        [
            Row(Organization(organization_id="O1", organization_name="County")),
            Row(Project(project_id="P1", organization_id="O1", project_name="Shelter", project_type=1)),
            Row(User(user_id="U1", first_name="Uma")),
            Row(User(user_id="U2"), bare=True),
            Row(Client(personal_id="C1", first_name="Ada")),
            Row(Client(personal_id="C2"), bare=True),
            Row(first, entered_by="U1"),
            Row(second, entered_by="U2"),
        ]
    )


SEED: dict[str, Any] = {"case_managers_from": "Enrollment.UserID"}
NOTHING = {"clients": 0, "users": 0, "organizations": 0, "projects": 0, "enrollments": 0, "assignments": 0}


def test_an_import_adds_what_is_new_and_counts_it(world: World) -> None:
    """SPEC 9.3: imported counts records that the store did not have."""
    result = world.system.import_export(county())
    assert result.imported == {
        "clients": 2,
        "users": 2,
        "organizations": 1,
        "projects": 1,
        "enrollments": 2,
        "assignments": 0,
    }
    assert result.changed == NOTHING
    assert result.to_dict() == {
        "imported": result.imported,
        "changed": NOTHING,
        "kept_out": {"enrollments": 2},
        "issues": {"bad-date": 2},
        "violations": {},
        "arrived": dict.fromkeys(("exited", "moved", "reopened", "deleted", "returned", "absent"), 0),
        "adjusted": dict.fromkeys(("ended", "clipped", "voided", "restored"), 0),
        "not_restored": [],
        "caught_up": 0,
        "unassigned": [],
    }


def test_importing_again_changes_nothing(any_world: World) -> None:
    """SPEC 9.3: an unchanged row changes nothing, and no line of history is written."""
    world = any_world
    world.system.import_export(county(), **SEED)
    state, lines = world.state(), world.lines()
    again = world.system.import_export(county(), **SEED)
    assert (again.imported, again.changed, again.batch_id) == (NOTHING, NOTHING, None)
    assert (world.state(), world.lines()) == (state, lines)


def test_the_last_editor_becomes_case_manager_where_the_caller_says_so(world: World) -> None:
    """SPEC 9.5: from the entry to the exit, with access to the project's organization."""
    result = world.system.import_export(county(), **SEED)
    assert result.imported["assignments"] == 2
    rows = {
        row["enrollment_id"]: row for client in ("C1", "C2") for row in world.system.case_managers(client).to_dicts()
    }
    assert (rows["E1"]["user_id"], rows["E1"]["start_date"], rows["E1"]["end_date"]) == ("U1", "2026-01-05", None)
    assert (rows["E2"]["user_id"], rows["E2"]["end_date"], rows["E2"]["status"]) == ("U2", "2026-02-01", "inactive")
    assert [finding.code for finding in world.system.audit() if finding.required] == []
    assert "held-without-access" not in world.system.audit().counts()


def test_case_managers_are_counted_batch_by_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.4: however many rows there are, every assignment that an import makes is counted."""
    monkeypatch.setattr("caseassign.acts.import_export._ROWS_AT_ONCE", 1)
    imported = world.system.import_export(county(), **SEED).imported
    assert (imported["enrollments"], imported["assignments"]) == (2, 2)


def test_an_enrollment_that_the_store_had_gets_no_case_manager_from_an_import(world: World) -> None:
    """SPEC 9.5: a later editor is no hand-over; a deleted enrollment and one without editor get none."""
    world.system.import_export(county())
    assert world.system.import_export(county(relationship_to_hoh=1), **SEED).imported["assignments"] == 0
    stay: dict[str, Any] = {"personal_id": "C1", "project_id": "P1", "entry_date": day("02-01")}
    deleted = Enrollment(enrollment_id="E3", deleted=True, **stay)
    more = Sent([Row(deleted, entered_by="U1"), Row(Enrollment(enrollment_id="E4", **stay))])
    assert world.system.import_export(more, **SEED).imported["assignments"] == 0


def test_access_that_a_user_has_already_is_not_given_again(world: World) -> None:
    """SPEC 9.5, 8.5: nothing changes, and nothing is written of it."""
    world.system.import_export(county(), **SEED)
    stay = Enrollment(enrollment_id="E3", personal_id="C1", project_id="P1", entry_date=day("02-01"))
    result = world.system.import_export(Sent([Row(stay, entered_by="U1")]), **SEED)
    assert (result.imported["assignments"], result.changed["users"]) == (1, 0)


def test_a_project_without_organization_gives_no_access(world: World) -> None:
    """SPEC 9.5, 8.2: there is nothing to give access to; the audit says so."""
    stay = Enrollment(enrollment_id="E1", personal_id="C1", project_id="PX", entry_date=day("01-05"))
    others = [Row(Project(project_id="PX"), bare=True), Row(User(user_id="U1")), Row(Client(personal_id="C1"))]
    bare = Sent([*others, Row(stay, entered_by="U1")])
    world.system.import_export(bare, **SEED)
    assert "held-without-access" in world.system.audit().counts()


def test_a_newer_export_updates_and_lists_the_violations_that_it_brings(any_world: World) -> None:
    """SPEC 9.3: reports what changed and which assignments now break a rule."""
    world = any_world
    world.system.import_export(county(), **SEED)
    result = world.system.import_export(county(exit_date=day("02-20"), entry_date=day("01-06")))
    assert result.changed == NOTHING | {"enrollments": 1}
    assert sorted(violation.code for violation in result.violations) == ["open-after-exit", "starts-before-entry"]
    assert result.to_dict()["violations"] == {"open-after-exit": 1, "starts-before-entry": 1}
    line = world.system.history(enrollment="E1")[1]
    assert (line.action, line.record.id) == ("export.import", "E1")
    assert line.before is not None
    assert line.after is not None
    assert (line.before["exit_date"], line.after["exit_date"]) == (None, "2026-02-20")


def test_what_an_act_changed_stays_where_the_export_says_what_it_said(any_world: World) -> None:
    """SPEC 9.3: a row is compared with what the last import said of it, not with what stands now."""
    world = any_world
    world.system.import_export(county(), **SEED)
    world.system.exit("E1", on="2026-02-10")
    world.system.add(Client(personal_id="C1", first_name="Adele"))
    assert world.system.import_export(county()).changed == NOTHING
    assert world.system.client_record("C1").enrollments[0].enrollment.exit_date == day("02-10")
    result = world.system.import_export(county(relationship_to_hoh=1))
    assert result.changed["enrollments"] == 1
    stay = world.system.client_record("C1").enrollments[0].enrollment
    assert (stay.exit_date, stay.relationship_to_hoh) == (day("02-10"), 1)
    assert world.system.client_record("C1").client.first_name == "Adele"


def test_an_export_that_catches_up_with_an_act_is_remembered(world: World) -> None:
    """SPEC 9.3: what an import said is kept even where it changed nothing, so that it says nothing new next time."""
    world.system.import_export(county(), **SEED)
    world.system.exit("E1", on="2026-02-10")
    assert world.system.import_export(county(exit_date=day("02-10"))).changed == NOTHING
    world.system.undo_exit("E1")
    assert world.system.import_export(county(exit_date=day("02-10"))).changed == NOTHING
    assert world.system.client_record("C1").enrollments[0].enrollment.exit_date is None
    assert world.system.import_export(county()).changed == NOTHING
    assert world.system.import_export(county(exit_date=day("02-12"))).changed["enrollments"] == 1


def test_a_bare_record_never_takes_the_place_of_one_that_is_known(world: World) -> None:
    """SPEC 9.2: an export that lacks a file leaves the stored record as it was; a later one fills it."""
    world.system.import_export(county())
    lacking = Sent([Row(Client(personal_id="C1"), bare=True), Row(User(user_id="U1"), bare=True)])
    assert world.system.import_export(lacking).changed == NOTHING
    assert world.system.client_record("C1").client.first_name == "Ada"
    filled = Sent([Row(Client(personal_id="C2", first_name="Ben")), Row(User(user_id="U2", last_name="Ng"))])
    assert world.system.import_export(filled).changed == NOTHING | {"clients": 1, "users": 1}


def test_an_export_without_exits_opens_nobody_again(world: World) -> None:
    """SPEC 9.3, 9.2: where Exit.csv is missing, nobody's exit is taken to be removed, now or later."""
    world.system.import_export(county(exit_date=day("02-01")))
    lacking = county(entry_date=day("01-06"))
    lacking.has_exits = False
    result = world.system.import_export(lacking)
    assert result.changed["enrollments"] == 1
    assert {(issue.file, issue.record_id) for issue in result.found if issue.code == "no-exits"} == {
        ("Exit.csv", "E1"),
        ("Exit.csv", "E2"),
    }
    stay = world.system.client_record("C1").enrollments[0].enrollment
    assert (stay.entry_date, stay.exit_date) == (day("01-06"), day("02-01"))
    assert world.system.import_export(county(exit_date=day("02-01"), entry_date=day("01-06"))).changed == NOTHING
    assert world.system.import_export(county(entry_date=day("01-06"))).changed["enrollments"] == 1


def test_what_the_export_does_not_say_of_a_user_stays(world: World) -> None:
    """SPEC 9.1: access, permissions and the last day are not in User.csv, and belong to those who work here."""
    world.system.import_export(county(), **SEED)
    world.system.add(User(user_id="U1", permissions=frozenset({"caseload.view"}), left_on=day("03-01")))
    world.system.import_export(Sent([Row(User(user_id="U1", first_name="Una"))]))
    with world.store.transaction() as tx:
        user = tx.users.get(["U1"])["U1"]
    assert (user.first_name, user.permissions, user.left_on) == ("Una", frozenset({"caseload.view"}), day("03-01"))


def test_access_that_an_import_gives_to_a_known_user_is_a_line_of_history(world: World) -> None:
    """SPEC 8.5: a line for each record that an import changed."""
    world.system.add(User(user_id="U1", organization_ids=frozenset({"haven"})))
    result = world.system.import_export(county(), **SEED)
    assert result.changed["users"] == 2
    assert [line.action for line in world.system.history(user="U1")][-2:] == ["export.import", "export.import"]
    assert [line.record.kind for line in world.system.history(user="U2")] == ["import"]


def test_the_history_of_an_imported_record_begins_with_the_imports_line(any_world: World) -> None:
    """SPEC 8.5: one line for all records that it saw for the first time, with counts and the digest of the file."""
    world = any_world
    result = world.system.import_export(county(), **SEED, reason="first load")
    world.system.exit("E1", on="2026-02-10")
    lines = world.system.history(enrollment="E1")
    assert [line.record.kind for line in lines] == ["import", "enrollment", "assignment"]
    assert lines[0].after is not None
    assert (lines[0].batch_id, lines[0].reason, lines[0].after["sha256"]) == (result.batch_id, "first load", "5" * 64)
    assert lines[0].after["imported"] == result.imported
    assert (lines[0].after["changed"], lines[0].after["export_id"]) == (NOTHING, "x1")
    stint = world.system.case_managers("C1")[0].assignment
    assert stint is not None
    assert stint.batch_id == result.batch_id
    assert [line.record.kind for line in world.system.history(stint)] == ["import", "assignment"]
    assert world.system.verify_history() == ()


def test_an_export_of_another_implementation_is_refused(world: World) -> None:
    """SPEC 9.7: ids would collide, unless the caller says so."""
    world.system.import_export(county())
    other = county()
    other.implementation_id = "another"
    nameless = Sent([Row(Client(personal_id="C9"))], implementation_id=None)
    world.system.import_export(nameless)
    with pytest.raises(
        HmisCsvError, match=r"another HMIS implementation \(another\).* \(county\).*--other-implementation"
    ):
        world.system.import_export(other)
    other.sent.append(Row(Client(personal_id="C10")))
    world.system.import_export(other, other_implementation=True)
    world.system.import_export(county())
    world.system.import_export(other)


@attrs.define
class Unread(Sent):
    """An export that nobody may read."""

    def rows(self, kind: str, batch_id: str | None = None) -> Iterable[Row]:
        """Fail."""
        raise AssertionError(kind)


def test_an_export_of_another_implementation_is_refused_unread(any_world: World) -> None:
    """SPEC 9.7: before a row of it is looked at, and before anything is written."""
    world = any_world
    world.system.import_export(county())
    state, lines = world.state(), world.lines()
    with pytest.raises(HmisCsvError, match="another HMIS implementation"):
        world.system.import_export(Unread([], implementation_id="another"))
    assert (world.state(), world.lines()) == (state, lines)


def test_a_dry_run_of_an_import_writes_nothing(any_world: World) -> None:
    """SPEC 6: dry_run computes everything and writes nothing."""
    world = any_world
    state, lines = world.state(), world.lines()
    result = world.system.import_export(county(), **SEED, dry_run=True)
    assert (result.imported["enrollments"], result.imported["assignments"], result.batch_id) == (2, 2, None)
    assert (world.state(), world.lines()) == (state, lines)


def test_importing_needs_its_permission_and_a_choice_that_is_known(world: World) -> None:
    """SPEC 8.1, 9.3 to 9.5: export.import; what an import does besides is a choice that the caller makes by name."""
    with pytest.raises(PermissionDeniedError, match=r"export\.import"):
        world.kim.import_export(county())
    for wrong in ({"case_managers_from": "UserID"}, {"at_exit": "ask"}, {"absent": "forget"}):
        choices: dict[str, Any] = wrong
        with pytest.raises(InvalidRecordError, match=rf"^Import\.{next(iter(wrong))} is not one of"):
            world.system.import_export(county(), **choices)


EXITS = st.none() | st.dates(day("01-05"), day("01-08"))


@given(st.lists(st.tuples(st.booleans(), EXITS), max_size=8))
def test_an_export_changes_a_field_only_when_it_says_something_new_of_it(steps: list[tuple[bool, Any]]) -> None:
    """SPEC 9.3: whatever acts and imports follow each other, held against a model of one field."""
    world = World()
    world.system.import_export(county())
    said = now = None
    for is_import, exit_date in steps:
        if is_import:
            world.system.import_export(county(exit_date=exit_date))
            now = now if exit_date == said else exit_date
            said = exit_date
        else:
            world.system.edit_enrollment("E1", exit_date=exit_date)
            now = exit_date
        assert world.system.client_record("C1").enrollments[0].enrollment.exit_date == now


def test_a_kept_stint_does_not_make_an_imported_exit_a_violation(world: World) -> None:
    """SPEC 6.8, 9.3: only violations that the update brought are listed."""
    world.system.import_export(county())
    world.put_raw(
        CaseAssignment(assignment_id="a", enrollment_id="E1", user_id="U1", start_date=day("01-01")),
        CaseAssignment(
            assignment_id="k", enrollment_id="E1", user_id="U2", start_date=day("01-05"), kept_after_exit=True
        ),
        CaseAssignment(assignment_id="v", enrollment_id="E1", user_id="U2", start_date=day("01-01"), voided=True),
    )
    result = world.system.import_export(county(exit_date=day("02-01")))
    assert [(violation.code, violation.ids) for violation in result.violations] == [("open-after-exit", ("a",))]
