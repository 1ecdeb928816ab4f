"""History as it is told: who did what to whom, as of which day, why, and in which batch."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from test_import_export import county
from world import World, day

from caseassign import CaseAssignment, Casework, Client, Enrollment, Outcome, Project, RecordKey, User
from caseassign.acts.draft import Draft
from caseassign.acts.run import run
from caseassign.display import story
from caseassign.display.blocks import plain
from caseassign.histories import History
from caseassign.history import Break, Change, Head
from caseassign.policy import Action


def told(world: World, lines: History) -> list[str]:
    """The lines of a story, without the title and the count."""
    with world.store.transaction() as tx:
        users = tx.users.get(story.users_in(lines))
    return list(plain(story.history("it", lines, users)))[1:-1]


def deeds(world: World, outcome: Outcome) -> list[str]:
    """What the acting user did in one batch, without when, who and which batch."""
    first, *more = told(world, world.system.history(batch=outcome.batch_id))
    clause = first.partition(", ")[2].removesuffix(f", batch {outcome.batch_id}")
    return [clause, *(line.removeprefix("  and ") for line in more)]


def put(world: World, door: Casework, action: Action, record: Any) -> list[str]:
    """What is told of an act that puts one record."""

    def act(draft: Draft) -> None:
        draft.find(type(record), [record.key])
        draft.put(record)

    return deeds(world, run(door._desk, action, act))


@pytest.fixture
def stay(world: World) -> Enrollment:
    """An enrollment that nobody holds."""
    return world.stay()


@pytest.fixture
def stint(world: World, stay: Enrollment) -> CaseAssignment:
    """Lee's assignment to it."""
    return world.system.assign(stay, "lee", start="2026-02-01").assignment


def test_a_line_says_who_did_what_to_whom_as_of_when_why_and_in_which_batch(
    world: World, stint: CaseAssignment
) -> None:
    """SPEC 7.8: history reads like a story, a sentence for each change."""
    batch = world.kim.end(stint, "2026-03-01", "transfer").batch_id
    assert told(world, world.kim.history(batch=batch)) == [
        (
            f"2 Mar 2026 12:00 UTC, Kim Example ended Lee Sample's assignment to enrollment {stint.enrollment_id} "
            f"as of 1 Mar 2026: transfer, batch {batch}"
        )
    ]


def test_the_changes_of_one_batch_follow_each_other(world: World) -> None:
    """SPEC 7.8: who, when, why and the batch are said once for all that one act did."""
    outcome = world.kim.enroll("c1", "es", on="2026-03-02", household_id="h", reason="intake\x1b[2J")
    key = outcome.enrollment.enrollment_id
    history = world.kim.history(outcome.enrollment)
    assert told(world, history) == [
        (
            f"2 Mar 2026 12:00 UTC, Kim Example enrolled client c1 in project es on 2 Mar 2026 (enrollment {key}, "
            f"household h, head): intake\ufffd[2J, batch {outcome.batch_id}"
        ),
        f"  and assigned themselves to enrollment {key} as Case Manager from 2 Mar 2026",
    ]
    assert list(plain(story.history("it", history, {})))[-1] == "2 lines."
    world.kim.end(outcome.assignment)
    again = told(world, world.kim.history(outcome.enrollment))
    assert len(again) == 3
    assert again[2].startswith("2 Mar 2026 12:00 UTC, Kim Example ended their own assignment")


def test_users_are_named_where_their_names_are_known_and_told_apart(world: World, stay: Enrollment) -> None:
    """SPEC 7.8: people read names; an id stands where there is none, and beside a name that two users share."""
    world.system.add(User(user_id="kim2", first_name="Kim", last_name="Example", organization_ids={"haven"}))
    ours = world.kim.assign(stay, "kim2")
    lines = world.system.history(batch=ours.batch_id)
    assert story.users_in(lines) == {"kim", "kim2"}
    assert ", Kim Example (kim) assigned Kim Example (kim2) to " in told(world, lines)[0]
    assert ", kim assigned kim2 to " in list(plain(story.history("it", lines, {})))[1]
    assert "the system assigned super to" in deeds(world, world.system.assign(stay, "super"))[0]


def test_a_new_assignment_is_told_with_its_days(world: World, stay: Enrollment) -> None:
    """SPEC 3.6: from a day, ending on one; a same-day stint reads "Same day"; cover is back on a day."""
    key = stay.enrollment_id

    def made(**days: Any) -> str:
        outcome = world.system.assign(stay, "lee", **days)
        world.system.void(outcome.assignment, "again")
        return deeds(world, outcome)[0]

    start = f"the system assigned Lee Sample to enrollment {key} as "
    assert made(start="2026-02-01") == f"{start}Case Manager from 1 Feb 2026"
    assert made(start="2026-02-01", end="2026-05-05", role="Navigator") == (
        f"{start}Navigator from 1 Feb 2026, ending on 5 May 2026"
    )
    assert made(start="2026-02-01", end="2026-02-01") == f"{start}Case Manager, Same day, 1 Feb 2026"
    assert made(start="2026-02-01", end="2026-05-05", role="Cover") == (
        f"the system assigned Lee Sample to cover enrollment {key} from 1 Feb 2026, back on 5 May 2026"
    )


def test_acts_on_an_assignment_are_told_by_their_verbs(world: World, stint: CaseAssignment) -> None:
    """SPEC 7.8, 6.3 to 6.6, 6.16: ended, handed over, reactivated, amended, voided."""
    to = f"to enrollment {stint.enrollment_id}"
    handed = world.kim.hand_over(stint, "sam", "2026-03-01")
    assert deeds(world, handed) == [
        f"Kim Example handed Lee Sample's assignment {to} over to Sam Specimen as of 1 Mar 2026",
        f"assigned Sam Specimen {to} as Case Manager from 1 Mar 2026",
    ]
    sams = handed.assignments[1]
    amended = world.kim.amend(sams, end_date="2026-05-05", role="Navigator")
    assert deeds(world, amended)[0].endswith(
        f"Sam Specimen's assignment {to} as Navigator "
        "(ends on 5 May 2026 (before: none); role Navigator (before: Case Manager))"
    )
    earlier = world.kim.end(sams, "2026-03-02")
    assert deeds(world, earlier) == [
        f"Kim Example ended Sam Specimen's assignment {to} as Navigator as of 2 Mar 2026 instead of 5 May 2026"
    ]
    assert deeds(world, world.kim.amend(sams, end_date="2026-03-01"))[0].startswith("Kim Example amended Sam")
    back = world.kim.reactivate(sams)
    assert deeds(world, back) == [
        f"Kim Example reactivated Sam Specimen's assignment {to} as Navigator from 2 Mar 2026"
    ]
    assert deeds(world, world.kim.void(back.assignment, "typed twice")) == [
        f"Kim Example voided Sam Specimen's assignment {to} as Navigator from 2 Mar 2026: typed twice"
    ]


def test_an_exit_and_its_undo_are_told(world: World, stay: Enrollment, stint: CaseAssignment) -> None:
    """SPEC 6.7 to 6.9: exited, ended, kept, voided; re-opened and restored."""
    key = stay.enrollment_id
    world.system.assign(stay, "kim", start="2026-02-01")
    world.system.assign(stay, "sam", start="2026-04-01", end="2026-05-05")
    exited, *ends = deeds(world, world.super.exit(stay, "2026-03-01", [stint]))
    assert exited == f"super exited enrollment {key} as of 1 Mar 2026"
    assert sorted(ends) == [
        f"ended Lee Sample's assignment to enrollment {key} as of 1 Mar 2026",
        f"kept Kim Example's assignment to enrollment {key} after the exit",
        f"voided Sam Specimen's assignment to enrollment {key} from 1 Apr 2026, ending on 5 May 2026",
    ]
    reopened, *restored = deeds(world, world.super.undo_exit(stay))
    assert reopened == f"super re-opened enrollment {key}, which had exited on 1 Mar 2026"
    assert sorted(restored) == [
        f"restored Kim Example's assignment to enrollment {key} from 1 Feb 2026, until further notice",
        f"restored Lee Sample's assignment to enrollment {key} from 1 Feb 2026, until further notice",
        f"restored Sam Specimen's assignment to enrollment {key} from 1 Apr 2026, ending on 5 May 2026",
    ]


def test_a_kept_assignment_that_is_handed_over_is_kept(world: World, stay: Enrollment, stint: CaseAssignment) -> None:
    """SPEC 6.8: an assignment that begins after the exit says that it is kept."""
    world.kim.exit(stay, "2026-03-01", end_assignments=False)
    assert deeds(world, world.kim.hand_over(stint, "sam", "2026-03-02"))[1] == (
        f"assigned Sam Specimen to enrollment {stay.enrollment_id} as Case Manager from 2 Mar 2026, kept after the exit"
    )


def test_the_acts_on_caseloads_are_told_by_what_they_do(world: World, stint: CaseAssignment) -> None:
    """SPEC 6.11, 6.12, 6.14: reassigned, covered, restored by an undo."""
    to = f"to enrollment {stint.enrollment_id}"
    ended = attrs.evolve(stint, end_date=day("03-01"))
    assert put(world, world.system, Action.CASELOAD_REASSIGN, ended) == [
        f"the system ended Lee Sample's assignment {to} as of 1 Mar 2026"
    ]
    longer = attrs.evolve(stint, end_date=day("03-05"))
    assert put(world, world.system, Action.HOUSEHOLD_CHANGE, longer) == [
        f"the system amended Lee Sample's assignment {to} (ends on 5 Mar 2026 (before: 1 Mar 2026))"
    ]
    assert put(world, world.system, Action.BATCH_UNDO, stint) == [
        f"the system restored Lee Sample's assignment {to} from 1 Feb 2026, until further notice"
    ]
    cover = world.system.assign(stint.enrollment_id, "sam", start="2026-03-01", end="2026-04-01", role="Cover")
    assert deeds(world, world.system.end(cover.assignment, "2026-03-05")) == [
        (
            f"the system ended Sam Specimen's cover of enrollment {stint.enrollment_id} as of 5 Mar 2026 "
            "instead of 1 Apr 2026"
        )
    ]


def test_households_that_change_are_told(world: World, stay: Enrollment) -> None:
    """SPEC 6.15: put into a household, moved into another one, taken out of it."""
    key = f"enrollment {stay.enrollment_id}"

    def to(household_id: str | None, relationship: int | None) -> str:
        changed = attrs.evolve(stay, household_id=household_id, relationship_to_hoh=relationship)
        return put(world, world.system, Action.HOUSEHOLD_CHANGE, changed)[0].removeprefix("the system ")

    assert to("h1", 1) == f"moved {key} from household {stay.household_id} into household h1 (head)"
    assert to("h2", None) == f"moved {key} from household h1 into household h2 (relationship unknown)"
    assert to(None, None) == f"took {key} out of household h2"
    assert to("h3", 2) == f"put {key} into household h3 (child)"
    assert to("h3", 3) == f"changed {key} (relationship to head 3 (before: 2))"


def test_edited_enrollments_are_told(world: World, stay: Enrollment) -> None:
    """SPEC 6.10: what an edit does that an exit does reads the same; all else with before and after."""
    key = f"enrollment {stay.enrollment_id}"

    def edited(**changed: Any) -> str:
        return put(world, world.system, Action.ENROLLMENT_EDIT, attrs.evolve(stay, **changed))[0]

    assert edited(exit_date=day("03-01")) == f"the system exited {key} as of 1 Mar 2026"
    assert edited(exit_date=day("02-20")) == f"the system changed {key} (exits on 20 Feb 2026 (before: 1 Mar 2026))"
    assert edited() == f"the system re-opened {key}, which had exited on 20 Feb 2026"
    assert edited(deleted=True) == f"the system marked {key} as deleted"
    assert edited() == f"the system marked {key} as no longer deleted"
    alone = Enrollment(enrollment_id="e", personal_id="c2", project_id="es", entry_date=day("01-10"))
    assert put(world, world.system, Action.ENROLLMENT_START, alone) == [
        "the system enrolled client c2 in project es on 10 Jan 2026 (enrollment e, relationship unknown)"
    ]


def test_users_and_other_records_are_told_field_by_field(world: World) -> None:
    """SPEC 8.5: what is new is told whole, what changed with before and after; a leaver has a first day gone."""
    lee = User(user_id="lee", first_name="Lee", last_name="Sample", organization_ids={"haven"})
    left, other, new = (
        world.system.add(attrs.evolve(lee, left_on=day("04-01"))),
        world.system.add(attrs.evolve(lee, organization_ids=frozenset(), is_case_manager=False)),
        world.system.add(User(user_id="bare"), Client(personal_id="bare"), Project(project_id="p", project_name="P")),
    )
    with world.store.transaction() as tx:
        users = tx.users.get(["lee"])

    def said(outcome: Outcome) -> str:
        return "\n".join(plain(story.history("it", world.system.history(batch=outcome.batch_id), users)))

    assert "the system set 1 Apr 2026 as the first day gone of Lee Sample, batch " in said(left)
    assert (
        "changed user Lee Sample (organizations none (before: haven); available as case manager no (before: yes); "
        "first day gone none (before: 1 Apr 2026)), batch " in said(other)
    )
    assert "added project p (project name P), batch " in said(new)
    assert "  and added user bare (available as case manager yes)\n" in said(new)
    assert "  and added client bare (known by its id alone)\n" in said(new)
    back = [world.system.add(attrs.evolve(lee, left_on=on)) for on in (None, day("04-01"), None)][-1]
    assert "changed user Lee Sample (first day gone none (before: 1 Apr 2026))" in said(back)


def line_of_import(**imported: int) -> Change:
    """The line of an import."""
    return Change(
        number=1,
        change_id="c",
        recorded_at=World().now(),
        user_id=None,
        action=Action.EXPORT_IMPORT,
        record=RecordKey("import", "b"),
        before=None,
        after={"export_id": "X", "imported": imported},
        reason=None,
        batch_id="b",
    )


def test_an_import_is_told_with_what_was_new() -> None:
    """SPEC 8.5: one line stands for all records that an import saw for the first time."""
    lines = History(lines=(line_of_import(clients=1_200, users=1, projects=0), line_of_import()))
    first, second = list(plain(story.history("it", lines, {})))[1:-1]
    assert first.endswith("the system imported export X (1,200 clients, 1 user new), batch b")
    assert second == "  and imported export X (nothing new)"


def test_the_line_of_an_import_comes_first_and_its_changes_are_told_as_an_imports(world: World) -> None:
    """SPEC 8.5: a batch begins with the import; a line of it that is told by itself says that it came so."""
    world.system.import_export(county())
    result = world.system.import_export(county(exit_date=day("02-01")), reason="October")
    batch = list(plain(story.history("it", world.system.history(batch=result.batch_id), {})))[1:-1]
    assert batch[0].endswith(
        f"the system imported export x1 (nothing new, 1 record changed): October, batch {result.batch_id}"
    )
    assert batch[1:] == ["  and exited enrollment E1 as of 1 Feb 2026"]
    lines = list(plain(story.history("it", world.system.history(enrollment="E1"), {})))
    assert f"the system exited enrollment E1 as of 1 Feb 2026 by import: October, batch {result.batch_id}" in lines[2]


def test_no_story_says_through_or_last_day(world: World, stay: Enrollment, stint: CaseAssignment) -> None:
    """SPEC 3.6: an end is "as of" or "ending on" a day, and never "through" one, or a "last day"."""
    world.kim.end(stint, "2026-03-01")
    world.kim.exit(stay, "2026-03-02")
    lines = told(world, world.system.history(stay))
    assert len(lines) == 4
    assert not any(word in line for line in lines for word in ("through", "last day", " to 1 ", " to 2 "))


def test_history_says_how_many_lines_are_withheld() -> None:
    """SPEC 8.2: what may not be seen is counted."""
    blocks = story.history("it", History(lines=(), withheld=2), {})
    assert list(plain(blocks)) == ["History of it", "0 lines. 2 rows withheld."]


def test_verifying_says_where_the_history_breaks() -> None:
    """SPEC 8.5: whole, or the number of each line that is wrong."""
    whole = "The history is whole: no line of it was changed, removed or put in."
    assert list(plain(story.verification([]))) == [whole]
    head = Head(12, "ab" * 32)
    assert list(plain(story.verification([], head))) == [whole, f"Note down elsewhere where it ends: 12:{'ab' * 32}"]
    assert list(plain(story.verification([Break(7, "it is gone")], head))) == ["Line 7 of the history: it is gone."]


def test_de_identifying_is_told(world: World) -> None:
    """SPEC 8.5: that it was done, and of a change of a name that is gone that there was one."""
    world.system.add(Client(personal_id="c1", first_name="Adah", last_name="Marigold"))
    world.system.deidentify("c1", reason="seven years")
    lines = told(world, world.system.history(client="c1"))
    assert "changed client c1 (what has been removed since), batch" in lines[1]
    assert "de-identified client c1: seven years, batch" in lines[2]


def test_to_whom_a_case_was_handed_over_is_told(world: World, stay: Enrollment, stint: CaseAssignment) -> None:
    """SPEC 7.8: the receiver is named, also where the history is that of the former holder alone."""
    to = f"to enrollment {stay.enrollment_id}"
    moved = world.system.reassign("lee", "sam", on="2026-03-01")
    lines = world.system.history(user="lee")
    batches = story.batches_of_hand_overs(lines)
    assert batches == {moved.batch_id}
    with world.store.transaction() as tx:
        more = tx.history.of_batches(batches)
        users = tx.users.get(story.users_in((*lines, *more)))
    (ended,) = (line for line in plain(story.history("it", lines, users, more)) if "handed" in line)
    assert f"handed Lee Sample's assignment {to} over to Sam Specimen as of 1 Mar 2026, batch" in ended
    assert not any("handed" in line for line in told(world, lines))
    sams = moved.assignments[1]
    back = world.sam.hand_over(sams, "lee", "2026-03-02")
    assert "their own assignment" in deeds(world, back)[0]
    assert deeds(world, world.sam.hand_over(back.assignments[1], "sam", "2026-03-03"))[0].endswith(
        f"handed Lee Sample's assignment {to} over to themselves as of 3 Mar 2026"
    )


def test_for_whom_a_cover_is_is_told(world: World, stay: Enrollment, stint: CaseAssignment) -> None:
    """SPEC 6.14, 7.8: who covers for whom, where that is known."""
    covered = world.system.cover("lee", "sam", "2026-03-05", "2026-03-20")
    lines = world.system.history(batch=covered.batch_id)
    (cover,) = story.covers_in(world.system.history(stay))
    assert cover == covered.assignment
    with world.store.transaction() as tx:
        users = tx.users.get(["lee", "sam"])
    for known, said in (({cover.assignment_id: {"lee"}}, "for Lee Sample on "), ({}, "")):
        line = list(plain(story.history("it", lines, users, (), known)))[1]
        assert f"assigned Sam Specimen to cover {said}enrollment {stay.enrollment_id} from 5 Mar 2026, back" in line


def test_each_case_of_one_enrollment_is_handed_over_to_its_own_receiver(world: World, stay: Enrollment) -> None:
    """SPEC 7.8: two stints of one user in one role, in one act: who goes on is told by the days."""
    first = world.system.assign(stay, "lee", start="2026-02-01", end="2026-03-10").assignment
    second = world.system.assign(stay, "lee", start="2026-03-20").assignment
    moved = world.system.reassign("lee", {first: "sam", second: "kim"}, on="2026-03-05")
    lines = [
        attrs.evolve(line, after={**(line.before or {}), "end_date": "2026-03-25"})
        if line.record.id == second.assignment_id
        else line
        for line in moved.changes
    ]
    said = [line for line in plain(story.history("it", History(lines=tuple(lines)), {})) if "handed" in line]
    assert [line.partition(" over to ")[2].partition(" as of ")[0] for line in said] == ["sam", "kim"]
