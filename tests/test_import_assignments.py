"""Importing a list of assignments: what is taken, what is left out and why, and that nothing is done by halves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import TODAY, World, day

from caseassign import (
    REQUIRED_RULES,
    SYSTEM,
    CaseAssignment,
    Enrollment,
    InvalidRecordError,
    PermissionDeniedError,
    RuleViolationError,
    Violation,
)
from caseassign.acts.import_assignments import AssignmentImport, AssignmentRow, Issue, import_assignments
from caseassign.casework import Casework
from caseassign.formats import assignment_csv
from caseassign.rules import EnrollmentFacts

EMPTY = AssignmentImport(added=0, changed=0, unchanged=0, issues=(), batch_id=None)


def row(**fields: Any) -> AssignmentRow:
    """A row: kim on e1 from the entry on, unless said otherwise."""
    least: dict[str, Any] = {"file": "list.csv", "enrollment_id": "e1", "user_id": "kim", "start_date": day("01-10")}
    return AssignmentRow(**(least | fields))


def stint(**fields: Any) -> CaseAssignment:
    """An assignment as `row` has it."""
    key = fields.pop("assignment_id", "a1")
    return row(**fields).assignment(key)


def take(world: World, *rows: AssignmentRow, casework: Casework | None = None, **how: Any) -> AssignmentImport:
    """Import a list whose rows stand on the lines 1, 2, … of a file."""
    numbered = [attrs.evolve(each, line=line) for line, each in enumerate(rows, start=1)]
    desk = (casework or world.system)._desk
    return import_assignments(desk, numbered, **({"reason": None, "dry_run": False} | how))


def stays(world: World) -> World:
    """Put three stays into the shelter: e1 is open, e2 has exited, e3 is deleted; and one into another house."""
    entered: dict[str, Any] = {"entry_date": day("01-10"), "relationship_to_hoh": 1}
    world.put_raw(
        Enrollment(enrollment_id="e1", personal_id="c1", project_id="es", **entered),
        Enrollment(enrollment_id="e2", personal_id="c2", project_id="es", exit_date=day("02-10"), **entered),
        Enrollment(enrollment_id="e3", personal_id="c3", project_id="es", deleted=True, **entered),
        Enrollment(enrollment_id="e4", personal_id="c4", project_id="th", **entered),
    )
    return world


@pytest.fixture
def listed(world: World) -> World:
    """The agency with its stays, in memory."""
    return stays(world)


def there(world: World) -> dict[str, CaseAssignment]:
    """Return every assignment by its id."""
    with world.store.transaction() as tx:
        return {each.assignment_id: each for each in tx.assignments}


def told(result: AssignmentImport) -> list[tuple[int, str | None, str]]:
    """Return line, column and code of each issue."""
    return [(issue.line, issue.column, issue.code) for issue in result.issues]


# What is taken


def test_new_assignments_are_added_as_they_are_listed(any_world: World) -> None:
    """SPEC 9.6: with id, role, days, kept and void as listed, on every store, in one batch with a line for each."""
    world = stays(any_world)
    result = take(
        world,
        row(assignment_id="a1", personal_id="c1", end_date=day("02-01")),
        row(assignment_id="a2", role="Cover", user_id="lee"),
        row(assignment_id="a3", enrollment_id="e2", start_date=day("03-01"), kept_after_exit=True),
        row(assignment_id="a4", voided=True),
        reason="from the old system",
    )
    assert (result.added, result.changed, result.unchanged, result.issues) == (4, 0, 0, ())
    assert list(there(world).values()) == [
        stint(assignment_id="a1", end_date=day("02-01")),
        stint(assignment_id="a2", role="Cover", user_id="lee"),
        stint(assignment_id="a3", enrollment_id="e2", start_date=day("03-01"), kept_after_exit=True),
        stint(assignment_id="a4", voided=True),
    ]
    assert {each.batch_id for each in there(world).values()} == {result.batch_id}
    lines = world.system.history(batch=result.batch_id)
    assert {(line.action, line.reason, line.before) for line in lines} == {
        ("export.import", "from the old system", None)
    }
    assert sorted(line.record.id for line in lines) == ["a1", "a2", "a3", "a4"]
    assert world.system.verify_history() == ()
    assert result.to_dict() == {"added": 4, "changed": 0, "unchanged": 0, "issues": {}, "batch_id": result.batch_id}


def test_a_row_without_id_gets_one(listed: World) -> None:
    """SPEC 9.6: an assignment that has no id in a list gets a new one."""
    assert take(listed, row()).added == 1
    ((key, added),) = there(listed).items()
    assert len(key) == 36
    assert added == stint(assignment_id=key)


def test_what_the_store_says_already_is_unchanged(listed: World) -> None:
    """SPEC 9.6: importing a list again changes nothing, not even for rows without an id, and writes nothing."""
    rows = [row(assignment_id="a1"), row(user_id="lee"), row(user_id="sam", voided=True)]
    same_day = row(user_id="sam", end_date=day("01-10"))
    assert take(listed, *rows, same_day).added == 4
    before, lines = listed.state(), listed.lines()
    assert take(listed, *rows, same_day) == attrs.evolve(EMPTY, unchanged=4)
    assert (listed.state(), listed.lines()) == (before, lines)
    assert take(listed) == EMPTY


def test_what_a_list_says_otherwise_is_amended(listed: World) -> None:
    """SPEC 9.6: days, role, kept and void become what the list says, with before and after in history."""
    listed.put_raw(stint(), stint(assignment_id="a2", user_id="lee"), stint(assignment_id="a3", voided=True))
    result = take(
        listed,
        row(assignment_id="a1", start_date=day("01-12"), end_date=day("02-01"), role="Primary", kept_after_exit=True),
        row(assignment_id="a2", user_id="lee", voided=True),
        row(assignment_id="a3"),
    )
    assert (result.added, result.changed, result.unchanged, result.issues) == (0, 3, 0, ())
    changed = stint(start_date=day("01-12"), end_date=day("02-01"), role="Primary", kept_after_exit=True)
    assert there(listed) == {
        "a1": changed,
        "a2": stint(assignment_id="a2", user_id="lee", voided=True),
        "a3": stint(assignment_id="a3"),
    }
    (line,) = listed.system.history(assignment="a1")
    assert (line.before or {})["end_date"] is None
    assert (line.after or {})["end_date"] == "2026-02-01"


def test_a_row_without_id_is_not_taken_for_a_stint_that_another_row_names(listed: World) -> None:
    """SPEC 9.6: a row without id stands for what is there only where no other row says that this shall be otherwise."""
    listed.put_raw(stint())
    result = take(listed, row(), row(assignment_id="a1", end_date=day("01-10")))
    assert (result.added, result.changed, result.unchanged, result.issues) == (1, 1, 0, ())


def test_no_guard_is_asked(listed: World) -> None:
    """SPEC 9.6: a list is history: whoever has left since, or has no access any more, held what they held."""
    rows = [row(user_id=user_id) for user_id in ("gone", "bo", "clerk")]
    assert take(listed, *(attrs.evolve(each, start_date=day("02-20")) for each in rows)).added == 3


# What is left out


@pytest.mark.parametrize(
    ("fields", "issues"),
    [
        ({"enrollment_id": "e9"}, [("EnrollmentID", "unknown-enrollment")]),
        ({"user_id": "nobody"}, [("UserID", "unknown-user")]),
        ({"personal_id": "c2"}, [("PersonalID", "other-client")]),
        ({"personal_id": "c2", "user_id": "nobody"}, [("PersonalID", "other-client"), ("UserID", "unknown-user")]),
        ({"enrollment_id": "e9", "personal_id": "c2"}, [("EnrollmentID", "unknown-enrollment")]),
        ({"assignment_id": "a0"}, [("AssignmentID", "duplicate-id")]),
        ({"assignment_id": "a8", "enrollment_id": "e2"}, [("EnrollmentID", "other-enrollment")]),
        ({"assignment_id": "a8", "user_id": "lee"}, [("UserID", "other-user")]),
        ({"start_date": day("01-09"), "end_date": day("01-10")}, [("StartDate", "starts-before-entry")]),
        ({"enrollment_id": "e2"}, [("EndDate", "open-after-exit")]),
        (
            {"enrollment_id": "e2", "start_date": day("02-11"), "end_date": day("02-12")},
            [("StartDate", "starts-after-exit"), ("EndDate", "ends-after-exit")],
        ),
        ({"enrollment_id": "e3"}, [("EnrollmentID", "enrollment-deleted")]),
        ({"role": "Primary", "end_date": day("02-01")}, [("StartDate", "overlaps-own")]),
        ({"assignment_id": "a8", "role": "Primary"}, [("StartDate", "overlaps-own")]),
    ],
)
def test_a_row_that_cannot_stand_is_left_out(
    listed: World, fields: dict[str, Any], issues: list[tuple[str, str]]
) -> None:
    """SPEC 9.6: a row that names what is not there, or would break a required rule, is reported; others are taken."""
    listed.put_raw(stint(assignment_id="a8", role="Held"), stint(assignment_id="a9", role="Primary"))
    result = take(listed, row(assignment_id="a0", user_id="lee"), row(**fields), row(assignment_id="a2"))
    assert (result.added, result.changed, result.unchanged) == (2, 0, 0)
    key = fields.get("assignment_id")
    assert result.issues == tuple(Issue("list.csv", 2, column, code, key) for column, code in issues)
    assert sorted(there(listed)) == ["a0", "a2", "a8", "a9"]
    assert there(listed)["a8"] == stint(assignment_id="a8", role="Held")
    assert result.to_dict()["issues"] == {code: 1 for _, code in issues}


def test_the_later_of_two_rows_that_exclude_each_other_is_left_out(listed: World) -> None:
    """SPEC 5.2, 9.6: of rows that overlap, the first stands, and so does what overlaps only a row left out."""
    result = take(
        listed,
        row(assignment_id="a3", start_date=day("02-01"), end_date=day("02-10")),
        row(assignment_id="a2", start_date=day("02-05"), end_date=day("02-15")),
        row(assignment_id="a1", start_date=day("02-12"), end_date=day("02-20")),
    )
    assert told(result) == [(2, "StartDate", "overlaps-own")]
    assert sorted(there(listed)) == ["a1", "a3"]


def test_rows_are_judged_together_and_not_one_by_one(listed: World) -> None:
    """SPEC 9.6: two stints may change places, and a new one may begin where a later row ends the one before."""
    listed.put_raw(stint(end_date=day("02-01")), stint(assignment_id="a2", start_date=day("02-01")))
    result = take(
        listed,
        row(assignment_id="a3", start_date=day("03-01")),
        row(assignment_id="a1", start_date=day("02-01"), end_date=day("03-01")),
        row(assignment_id="a2", start_date=day("01-10"), end_date=day("02-01")),
        row(assignment_id="a4", start_date=day("01-01"), user_id="lee"),
    )
    assert (result.added, result.changed) == (1, 2)
    assert told(result) == [(4, "StartDate", "starts-before-entry")]


def test_what_depends_on_a_row_that_is_left_out_is_left_out_too(listed: World) -> None:
    """SPEC 9.6: a stint that needs another one to end first falls with the row that would have ended it."""
    listed.put_raw(stint())
    result = take(
        listed,
        row(assignment_id="a2", start_date=day("02-01")),
        row(assignment_id="a1", start_date=day("01-01"), end_date=day("02-01")),
    )
    assert told(result) == [(1, "StartDate", "overlaps-own"), (2, "StartDate", "starts-before-entry")]
    assert there(listed) == {"a1": stint()}


def test_a_row_is_not_left_out_for_one_that_is_left_out_itself(listed: World) -> None:
    """SPEC 9.6: what spoke against a row only as long as another one stood does not keep it out."""
    listed.put_raw(stint(end_date=day("02-15")))
    result = take(
        listed,
        row(assignment_id="a1", start_date=day("01-01"), end_date=day("02-01")),
        row(assignment_id="a2", start_date=day("02-01"), end_date=day("03-01")),
        row(assignment_id="a3", start_date=day("02-20"), end_date=day("04-01")),
    )
    assert told(result) == [(1, "StartDate", "starts-before-entry"), (2, "StartDate", "overlaps-own")]
    assert sorted(there(listed)) == ["a1", "a3"]


def test_what_was_wrong_before_may_stay_unless_the_row_sets_that_day(listed: World) -> None:
    """SPEC 5.1, 9.6: a row may leave a violation that it found, except on a field that it changes itself."""
    dirty = stint(enrollment_id="e2", start_date=day("01-01"))
    listed.put_raw(dirty)
    again = {"assignment_id": "a1", "enrollment_id": "e2"}
    result = take(listed, row(**again, start_date=day("01-01"), role="Primary"))
    assert (result.changed, result.issues) == (1, ())
    result = take(listed, row(**again, start_date=day("01-02"), end_date=day("02-01")))
    assert told(result) == [(1, "StartDate", "starts-before-entry")]
    result = take(listed, row(**again, start_date=day("01-01"), end_date=day("02-01")))
    assert (result.changed, result.issues) == (1, ())


def test_issues_come_by_line(listed: World) -> None:
    """SPEC 9.6: whatever is found first, issues are told in the order of the lines."""
    result = take(listed, row(start_date=day("01-01")), row(user_id="nobody"), row(enrollment_id="e2"))
    assert told(result) == [
        (1, "StartDate", "starts-before-entry"),
        (2, "UserID", "unknown-user"),
        (3, "EndDate", "open-after-exit"),
    ]
    assert result.batch_id is None


# Rules of an agency


def one_holder(facts: EnrollmentFacts) -> Iterator[Violation]:
    """At most one stint is on an enrollment, whoever holds it."""
    if len(facts.assignments) > 1:
        yield Violation("one-holder", "case_manager", [facts.enrollment.enrollment_id], "more than one")


def some_holder(facts: EnrollmentFacts) -> Iterator[Violation]:
    """Some stint is on an enrollment."""
    if not facts.assignments:
        yield Violation("some-holder", "case_manager", [facts.enrollment.enrollment_id], "none")


def test_a_rule_about_the_enrollment_keeps_the_last_rows_out(listed: World) -> None:
    """SPEC 5, 9.6: where a violation names no row, the last ones give way until it is gone; no column is to blame."""
    casework = listed.as_(SYSTEM, required=(*REQUIRED_RULES, one_holder))
    result = take(
        listed,
        row(),
        row(user_id="lee"),
        row(user_id="sam"),
        row(enrollment_id="e2", end_date=day("02-01")),
        casework=casework,
    )
    assert result.added == 2
    assert told(result) == [(2, None, "one-holder"), (3, None, "one-holder")]


def test_no_rule_refuses_that_something_is_void(listed: World) -> None:
    """SPEC 5.1, 9.6: voiding is never refused by a rule, and what cannot stand beside it is left out alone."""
    listed.put_raw(stint())
    casework = listed.as_(SYSTEM, required=(*REQUIRED_RULES, some_holder))
    bad = row(user_id="lee", start_date=day("01-01"))
    result = take(listed, row(assignment_id="a1", voided=True), bad, casework=casework)
    assert (result.added, result.changed) == (0, 1)
    assert told(result) == [(2, "StartDate", "starts-before-entry")]
    assert there(listed) == {"a1": stint(voided=True)}


# One act


def grant(world: World, user_id: str, *permissions: str) -> None:
    """Let a user import, and whatever else is named."""
    with world.store.transaction() as tx:
        user = tx.users.get([user_id])[user_id]
    world.put_raw(attrs.evolve(user, permissions=user.permissions | {"export.import", *permissions}))


def test_importing_needs_the_permission(listed: World) -> None:
    """SPEC 8.1: a list is imported by those who may ``export.import``, and before any row is looked at."""
    with pytest.raises(PermissionDeniedError) as denied:
        take(listed, row(enrollment_id="e9"), casework=listed.kim)
    assert denied.value.action == "export.import"
    grant(listed, "kim")
    assert take(listed, row(), casework=listed.kim).added == 1


def test_enrollments_out_of_reach_refuse_the_list(listed: World) -> None:
    """SPEC 8.2: a list that touches what the acting user cannot access is denied, and nothing of it is written."""
    grant(listed, "kim")
    before = listed.state()
    with pytest.raises(PermissionDeniedError, match="project th"):
        take(listed, row(), row(enrollment_id="e4"), casework=listed.kim)
    assert listed.state() == before
    assert take(listed, row(), row(enrollment_id="e4", user_id="nobody"), casework=listed.kim).added == 1


def test_a_dry_run_says_the_same_and_writes_nothing(listed: World) -> None:
    """SPEC 6: a dry run returns what the import would do, without a batch."""
    listed.put_raw(stint())
    rows = [row(assignment_id="a1", end_date=day("02-01")), row(user_id="lee"), row(enrollment_id="e9")]
    before, lines = listed.state(), listed.lines()
    dry = take(listed, *rows, dry_run=True)
    assert (listed.state(), listed.lines()) == (before, lines)
    done = take(listed, *rows)
    assert attrs.evolve(done, batch_id=None) == dry
    assert (done.added, done.changed, len(done.issues)) == (1, 1, 1)


def test_what_was_wrong_at_the_last_moment_refuses_everything(listed: World) -> None:
    """SPEC 6: where the rules say something else when the act is checked, nothing is written."""
    calls = Counter[str]()

    def moody(facts: EnrollmentFacts) -> Iterator[Violation]:
        """It is as it was."""
        calls["n"] += len(facts.assignments)
        if facts.assignments and calls["n"] > 1:
            yield Violation("moody", "role", [], "not today")

    before = listed.state()
    with pytest.raises(RuleViolationError, match="moody"):
        take(listed, row(), casework=listed.as_(SYSTEM, required=(moody,)))
    assert listed.state() == before


def test_a_row_of_a_host_that_can_be_no_record_is_refused(listed: World) -> None:
    """SPEC 3.3: a host that makes rows itself is told what cannot be; a reader reports such a row."""
    with pytest.raises(InvalidRecordError, match="end_date"):
        take(listed, row(end_date=day("01-01")))


# Any list

LISTS = st.lists(
    st.builds(
        row,
        assignment_id=st.sampled_from([None, "a1", "a2", "a3", "a4", "a5", "a6"]),
        enrollment_id=st.sampled_from(["e1", "e1", "e1", "e2", "e2", "e3", "e9"]),
        personal_id=st.sampled_from([None, None, None, "c1", "c2"]),
        user_id=st.sampled_from(["kim", "kim", "kim", "lee", "nobody"]),
        start_date=st.integers(-1, 6).map(lambda n: day("01-10") + timedelta(weeks=n)),
        role=st.sampled_from(["Case Manager", "Cover"]),
        kept_after_exit=st.sampled_from([False, False, True]),
        voided=st.sampled_from([False, False, False, True]),
    ).flatmap(
        lambda each: st.sampled_from([None, 0, 1, 2, 4]).map(
            lambda weeks: attrs.evolve(
                each, end_date=None if weeks is None else each.start_date + timedelta(weeks=weeks)
            )
        )
    ),
    max_size=8,
)


FOUND = st.lists(
    st.sampled_from(
        [
            stint(),
            stint(assignment_id="a2", start_date=day("01-03"), end_date=day("01-17")),
            stint(assignment_id="a3", start_date=day("01-24"), role="Cover"),
            stint(assignment_id="a4", enrollment_id="e2", user_id="lee"),
            stint(assignment_id="a5", voided=True),
            stint(assignment_id="a7", enrollment_id="e3"),
        ]
    ),
    unique_by=lambda each: each.assignment_id,
)


def broken(world: World) -> set[tuple[str, tuple[str, ...]]]:
    """Return the required rules that are broken, and by what."""
    return {(finding.code, finding.ids) for finding in world.system.audit() if finding.required}


@given(FOUND, LISTS)
def test_every_row_is_taken_or_told_and_no_rule_is_broken(
    found: list[CaseAssignment], rows: list[AssignmentRow]
) -> None:
    """SPEC 5.1, 9.6: whatever is listed and whatever was there, each row counts once, and nothing new is wrong."""
    world = stays(World())
    world.put_raw(*found)
    before = broken(world)
    dry = take(world, *rows, dry_run=True)
    result = take(world, *rows)
    assert attrs.evolve(result, batch_id=None) == dry
    left_out = {issue.line for issue in result.issues}
    assert result.added + result.changed + result.unchanged + len(left_out) == len(rows)
    assert len(there(world)) == len(found) + result.added
    assert broken(world) <= before
    assert world.system.verify_history() == ()
    for line, each in enumerate(rows, start=1):
        if line not in left_out:
            assert any(each.assignment(key) == stored for key, stored in there(world).items())
            assert each.assignment_id is None or there(world)[each.assignment_id] == each.assignment(each.assignment_id)


@given(FOUND, LISTS)
def test_what_was_taken_is_there_when_it_comes_again(found: list[CaseAssignment], rows: list[AssignmentRow]) -> None:
    """SPEC 9.6: the rows that were taken, imported once more, are all unchanged."""
    world = stays(World())
    world.put_raw(*found)
    result = take(world, *rows)
    left_out = {issue.line for issue in result.issues}
    taken = [each for line, each in enumerate(rows, start=1) if line not in left_out]
    state = world.state()
    assert take(world, *taken) == attrs.evolve(EMPTY, unchanged=len(taken))
    assert world.state() == state


def test_a_store_can_be_filled_from_the_list_of_another(listed: World, tmp_path: Path) -> None:
    """SPEC 9.6: assignments that go out and come in again are the same: here nothing new, elsewhere all of them."""
    take(
        listed,
        row(role="=Lead"),
        row(enrollment_id="e2", kept_after_exit=True),
        row(user_id="lee", voided=True),
        row(user_id="sam", end_date=day("02-01")),
    )
    clients = {"e1": "c1", "e2": "c2"}
    path = tmp_path / "CaseAssignment.csv"
    assignment_csv.write(path, ((each, clients[each.enrollment_id]) for each in there(listed).values()), TODAY)
    rows = assignment_csv.read(path, as_of=TODAY, trust="status")
    assert list(rows.issues) == []
    assert take(listed, *rows) == attrs.evolve(EMPTY, unchanged=4)
    other = stays(World())
    assert take(other, *rows).added == 4
    assert there(other) == there(listed)


def test_a_long_list_takes_few_questions(listed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: what a list refers to is loaded at once, however long it is."""
    asked = Counter[str]()

    def counted(kind: type, name: str) -> None:
        ask = getattr(kind, name)

        def asking(self: Any, *ids: Any) -> Any:
            asked[name] += 1
            return ask(self, *ids)

        monkeypatch.setattr(kind, name, asking)

    with listed.store.transaction() as tx:
        counted(type(tx.users), "get")
        counted(type(tx.assignments), "of_enrollments")
    counts = []
    for number in (1, 50):
        asked.clear()
        take(listed, *(row(assignment_id=f"b{n}", role=f"role {n}") for n in range(number)), dry_run=True)
        counts.append(dict(asked))
    assert counts[0] == counts[1]
