"""What people read: blocks, words, lists, acts and reviews as text."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import TODAY, World, day

from caseassign import (
    ADVISORY_RULES,
    GUARDS,
    REQUIRED_RULES,
    SYSTEM,
    CaseAssignment,
    Casework,
    Client,
    ImportResult,
    Project,
    RelationshipToHoH,
    RuleViolationError,
    User,
    Violation,
)
from caseassign.acts.import_assignments import AssignmentImport
from caseassign.cases import Selection
from caseassign.display import lists, meanings, text, words
from caseassign.display.blocks import Block, Column, Line, Table, Title, clean, plain
from caseassign.display.terminal import draw


def said(blocks: Iterable[Block]) -> str:
    """Blocks as plain text."""
    return "\n".join(plain(blocks))


def drawn(blocks: Iterable[Block], width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Blocks as rich draws them, in a window of a width."""
    monkeypatch.setenv("COLUMNS", str(width))
    file = io.StringIO()
    draw(blocks, file)
    return file.getvalue()


def stint_of(start: str = "03-02", end: str | None = None, **fields: object) -> CaseAssignment:
    """An assignment of Kim's."""
    stint = CaseAssignment(
        assignment_id="a1",
        enrollment_id="e1",
        user_id="kim",
        start_date=day(start),
        end_date=None if end is None else day(end),
    )
    return attrs.evolve(stint, **fields)  # type: ignore[arg-type]  # the fields of the record


# Blocks


@given(st.text())
def test_nothing_shown_can_steer_a_terminal(data: str) -> None:
    """Whatever data says, no control character, half character or line break is shown."""
    shown = clean(data)
    assert len(shown) == len(data)
    assert not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, shown))
    assert shown.isprintable() or not data.isprintable()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("Ada \x1b[31mExample", "Ada \ufffd[31mExample"),
        ("Ada\x9b31mExample", "Ada\ufffd31mExample"),
        ("Ada\r\nExample\tx", "Ada  Example x"),
        ("Ada \u202eelpmaxE", "Ada \ufffdelpmaxE"),
        ("Ada\u2028Example", "Ada Example"),
        ("\ud800", "\ufffd"),
        ("José 李 ع\u200cب", "José 李 ع\u200cب"),
    ],
)
def test_control_characters_are_replaced_and_letters_are_not(data: str, shown: str) -> None:
    """Escape sequences lose their escape, lines stay one line, and every script stays as it is."""
    assert clean(data) == shown
    assert said([Title(data), Line(data), Table.of([Column("Name", str)], [data])]).count(shown) == 3


def test_columns_stand_below_each_other_whatever_the_letters_measure() -> None:
    """Plain tables are aligned: wide letters take two places, accents none; the ends of numbers meet."""
    items = [("李娜", 1), ("Jose\u0301", 1_000), ("Ada", 20)]
    columns: list[Column[tuple[str, int]]] = [
        Column("Name", lambda item: item[0]),
        Column("Count", lambda item: f"{item[1]:,}", is_number=True),
        Column("Left", lambda item: str(item[1])),
    ]
    assert list(plain([Table.of(columns, items)])) == [
        "Name  Count  Left",
        "李娜      1  1",
        "Jose\u0301  1,000  1000",
        "Ada      20  20",
    ]


def test_a_column_that_says_nothing_is_left_out() -> None:
    """A list shows only what applies to some of its rows."""
    columns: list[Column[str]] = [Column("A", str), Column("B", lambda _: "")]
    assert Table.of(columns, ["x"]).headers == ("A",)
    assert list(plain([Table.of(columns, [])])) == [""]


def test_titles_stand_apart() -> None:
    """An empty line stands before each title but the first."""
    assert list(plain([Title("A"), Line("a"), Title("B"), Line("b")])) == ["A", "a", "", "B", "b"]


def test_a_table_that_does_not_fit_is_stacked() -> None:
    """Columns of one stack stand below each other; those without one stay alone, also next to each other."""
    columns: list[Column[str]] = [
        Column("Name", str, "person"),
        Column("ID", lambda _: "1", "person", is_number=True),
        Column("Size", lambda _: "2", is_number=True),
        Column("Sort", lambda _: "3", is_number=True),
    ]
    stacked = Table.of(columns, ["Ada"]).stacked()
    assert stacked.headers == ("Name\nID", "Size", "Sort")
    assert stacked.rows == (("Ada\n1", "2", "3"),)
    assert stacked.numbers == (False, True, True)


# On a terminal


def test_a_terminal_shows_the_same_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich draws what plain text says, on one line a row where there is room."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    cases = world.kim.active_cases()
    wide = drawn(lists.held(cases, user_of(world, "kim")), 300, monkeypatch)
    row = next(line for line in wide.splitlines() if "Marigold, Ada" in line)
    assert stint.assignment_id in row
    assert "Active cases of Kim Example (kim) as of 2 Mar 2026" in wide
    assert "1 case." in wide


def test_a_narrow_terminal_shows_ids_in_one_piece(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a row needs several lines, an id can still be copied."""
    stint = world.kim.assign(world.stay()).assignment
    narrow = drawn(lists.held(world.kim.active_cases(), user_of(world, "kim")), 125, monkeypatch)
    assert stint.assignment_id in narrow
    assert stint.enrollment_id in narrow
    assert max(map(len, narrow.splitlines())) <= 125


@pytest.mark.parametrize("width", [44, 60, 80, 100, 125, 200, 400])
def test_nothing_is_left_out_however_narrow_the_window(
    world: World, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Every cell is shown: ids in one piece, on lines that fit the window, and sentences without a lost word."""
    stay = world.stay("c3")
    world.kim.assign(stay, start="2026-01-12")
    world.system.exit(stay, on="2026-02-20", end_assignments=False)
    tables: list[Iterable[Block]] = [
        lists.held(world.kim.active_cases(), user_of(world, "kim")),
        lists.case_managers(world.system.case_managers("c3"), Client(personal_id="c3")),
        text.violations(world.system.audit()),
        text.audit(TODAY, {"ends-after-exit": 3}, {"household-differs": 2}),
    ]
    for blocks in map(list, tables):
        shown = drawn(blocks, width, monkeypatch)
        assert max(map(len, shown.splitlines())) <= width
        cells = {
            cell for block in blocks if isinstance(block, Table) for row in (block.headers, *block.rows) for cell in row
        }
        assert [word for cell in cells for word in cell.split() if word not in shown] == []


def test_a_window_that_is_too_narrow_for_columns_shows_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row as lines of header and cell, one stack on a line, what is empty left out; an id is not broken."""
    key = "01a2055d-2da6-7001-928f-d737352df253"
    columns: list[Column[str]] = [
        Column("Name", str, "person"),
        Column("ID", lambda name: name[:1].lower(), "person"),
        Column("Sort", lambda name: "" if name == "Ada" else "z", "ids"),
        Column("Key", lambda _: key, "ids"),
    ]
    shown = drawn([Table.of(columns, ["Ada", "Ben"]), Line("2 rows.")], 45, monkeypatch)
    card = [["Name: Ada   ID: a", f"Key: {key}", ""], ["Name: Ben   ID: b", "Sort: z", f"Key: {key}", ""]]
    assert shown.splitlines() == [*card[0], *card[1], "2 rows."]
    long = "a name that needs all of the room that there is"
    assert f"Sort: z   Key: {key}" in drawn([Table.of(columns, [long])], 60, monkeypatch)


def test_sentences_go_on_in_the_next_line_before_rows_are_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence takes several lines where that saves the columns; an id in it stays in one piece."""
    key = "01a2055d-2da6-7001-928f-d737352df253"
    said_of = f"user kim has no access to the organization that runs project {key} of the agency"
    columns: list[Column[str]] = [Column("Code", lambda _: "no-access"), Column("Why", str, is_prose=True)]
    shown = drawn([Table.of(columns, [said_of])], 60, monkeypatch)
    assert key in shown
    assert shown.splitlines()[2].startswith("no-access   user kim has no access")
    assert max(map(len, shown.splitlines())) <= 60
    assert "Code: no-access" in drawn([Table.of(columns, [said_of])], 45, monkeypatch)


def test_markup_in_data_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich markup, links and emoji codes in data are shown as they are."""
    data = "[bold red]Ada[/] :smile: [link=https://example.org]x[/link]"
    blocks: list[Block] = [Title(data), Line(data), Table.of([Column("Name", str)], [data]), Title(data)]
    assert drawn(blocks, 120, monkeypatch).count(data) == 4


def user_of(world: World, user_id: str) -> User:
    """A user of the agency."""
    with world.store.transaction() as tx:
        return tx.users.get([user_id])[user_id]


# Words


def test_days_and_moments_read_the_same_in_every_language() -> None:
    """SPEC 3.6: a day reads "2 Mar 2026"; a moment is told in UTC, to the minute."""
    assert words.day(date(2026, 3, 2)) == "2 Mar 2026"
    moment = datetime(2026, 3, 2, 23, 5, 59, tzinfo=timezone(timedelta(hours=-5)))
    assert words.moment(moment) == "3 Mar 2026 04:05 UTC"


def test_an_answer_says_what_alone_it_holds_for(world: World) -> None:
    """SPEC 7.1, 7.8: its first words name the projects, organizations, roles and the moment that were asked about."""
    then = datetime(2026, 11, 22, 21, 59, 59, 999_999, tzinfo=UTC)
    system = Casework(world.store, user=SYSTEM, clock=lambda: TODAY)
    assert system.caseloads(known_at=then, projects=["es"]).to_text().splitlines()[0] == (
        "Caseloads as of 2 Mar 2026, in project es, as known at 22 Nov 2026 21:59 UTC"
    )
    exact = then.replace(second=7).astimezone(timezone(timedelta(hours=-5)))
    assert system.active_cases(
        "kim", known_at=exact, organizations=["haven"], roles=["Primary", "Cover"]
    ).to_text() == (
        "In organization haven, in roles Cover, Primary, as known at 22 Nov 2026 21:59:07 UTC:\n"
        "Kim Example (kim) has no active cases as of 2 Mar 2026."
    )
    assert system.active_cases("kim").to_text() == "Kim Example (kim) has no active cases as of 2 Mar 2026."


@pytest.mark.parametrize(
    ("projects", "named"),
    [
        ([], "in no project"),
        (["a"], "in project a"),
        (list("edcba"), "in projects a, b, c, d, e"),
        (list("gfedcba"), "in projects a, b, c, d, e and 2 more"),
    ],
)
def test_many_projects_are_not_all_named(projects: list[str], named: str) -> None:
    """SPEC 7.1: a few of the projects that a list is narrowed to are named, and the others counted."""
    assert words.narrowed_to(Selection(projects=projects), None) == named


def test_what_is_over_has_ended() -> None:
    """SPEC 3.6: "Ended on" and "Exited on" of days that are not ahead, "Ends on" and "Exits on" of others."""
    stint = stint_of(end="03-20")
    assert words.stint(stint, day("03-20")).endswith("from 2 Mar 2026, ended on 20 Mar 2026, as Case Manager")
    assert words.stint(stint, day("03-19")).endswith("from 2 Mar 2026, ends on 20 Mar 2026, as Case Manager")


def test_an_act_says_what_is_over_and_what_is_ahead(world: World) -> None:
    """SPEC 3.6, 6: the sentence about an act knows which day it is."""
    stay = world.stay()
    made = world.kim.assign(stay, start="2026-02-01", end="2026-03-20")
    assert ", ended on 20 Mar 2026, " in said(text.outcome(made, today=day("03-20")))
    assert ", ends on 20 Mar 2026, " in said(text.outcome(made, today=day("03-19")))
    amended = world.kim.amend(made.assignment, end_date="2026-03-10")
    assert ": ended on 10 Mar 2026 (before: 20 Mar 2026))" in said(text.outcome(amended, today=day("03-10")))
    assert ": ends on 10 Mar 2026 (before: 20 Mar 2026))" in said(text.outcome(amended, today=day("03-09")))
    world.system.exit(stay, on="2026-03-10")
    again = world.system.exit(stay, on="2026-03-10")
    assert said(text.outcome(again, today=day("03-10"))).endswith("exited on 10 Mar 2026.")
    assert said(text.outcome(again, today=day("03-09"))).endswith("exits on 10 Mar 2026.")


def test_numbers_have_their_noun() -> None:
    """One case, two cases."""
    assert [words.counted(number, "case") for number in (0, 1, 1_200)] == ["0 cases", "1 case", "1,200 cases"]


def test_a_person_without_a_name_is_their_id() -> None:
    """SPEC 7, 8.2: where no name is known, or may be shown, the id stands alone."""
    assert words.person(User(user_id="U1", first_name="Kim", last_name="Example")) == "Kim Example (U1)"
    assert words.person(Client(personal_id="C1", last_name="Example")) == "Example (C1)"
    assert words.person(Client(personal_id="C1")) == "C1"


def test_relationships_are_said_in_words() -> None:
    """HMIS 3.15.1, for people."""
    said_of = [words.relationship(code) for code in (None, *RelationshipToHoH)]
    assert said_of[:4] == ["relationship unknown", "head", "child", "spouse or partner"]
    assert said_of[-1] == "relationship data not collected"


def test_the_days_of_a_stint_never_say_through() -> None:
    """SPEC 3.6: "Ends on", "Same day", and never "through", "to" or "last day"."""
    assert words.stint(stint_of()) == "kim on enrollment e1 from 2 Mar 2026, as Case Manager"
    assert words.stint(stint_of(end="05-05")).endswith("from 2 Mar 2026, ends on 5 May 2026, as Case Manager")
    assert words.stint(stint_of(end="03-02")) == "kim on enrollment e1, Same day, 2 Mar 2026, as Case Manager"


def test_every_rule_has_its_sentence() -> None:
    """SPEC 5: a rule's docstring is the sentence that must be true."""
    rules = (*REQUIRED_RULES, *GUARDS, *ADVISORY_RULES)
    assert set(meanings.RULES) == {rule.__name__.replace("_", "-") for rule in rules}
    assert all(sentence.endswith(".") for sentence in meanings.RULES.values())


# Lists


def test_a_list_says_whose_it_is_as_of_when_and_how_many(world: World) -> None:
    """SPEC 7.1: client, enrollment, head, household size, role and since when, for people."""
    head, *_ = world.family(3)
    stint = world.kim.assign(head, start="2026-02-01").assignment
    lines = said(lists.held(world.kim.active_cases(), user_of(world, "kim"))).splitlines()
    assert lines[0] == "Active cases of Kim Example (kim) as of 2 Mar 2026"
    assert lines[1].split("  ")[0] == "Client"
    for shown in ("Marigold, Ada", "c1", "Haven Shelter", head.enrollment_id, "10 Jan 2026", "1 Feb 2026"):
        assert shown in lines[2]
    assert stint.assignment_id in lines[2]
    assert "Household size" in lines[1]
    assert lines[2].endswith("3")
    assert lines[3] == "1 case."


def test_an_empty_list_is_a_sentence(world: World) -> None:
    """An empty list says so."""
    kim = user_of(world, "kim")
    assert (
        said(lists.held(world.kim.upcoming_cases(), kim)) == "Kim Example (kim) has no upcoming cases as of 2 Mar 2026."
    )
    nothing = said(lists.unassigned(world.system.unassigned()))
    assert nothing == "No open enrollment is without case manager as of 2 Mar 2026."
    client = Client(personal_id="c1", first_name="Ada", last_name="Marigold")
    managers = said(lists.case_managers(world.system.case_managers("c1"), client))
    assert managers == "Ada Marigold (c1) has no case managers on record as of 2 Mar 2026."


def test_rows_that_may_not_be_seen_are_counted(world: World) -> None:
    """SPEC 8.2: lists say how many rows were withheld."""
    world.stay("c1")
    world.stay("c2", project="th")
    kim = world.as_("kim")
    assert said(lists.unassigned(kim.unassigned())).endswith("1 enrollment. 1 row withheld.")
    bo = world.as_("bo", policy=None)
    world.stay("c3")
    assert said(lists.unassigned(bo.unassigned(projects=["th", "es"]))).endswith("1 enrollment. 2 rows withheld.")
    only_closed = world.as_("kim").unassigned(projects=["th"])
    assert said(lists.unassigned(only_closed)).endswith("as of 2 Mar 2026. 1 row withheld.")


def test_a_part_of_a_list_says_that_more_follow(world: World) -> None:
    """SPEC 7.10: a list that is cut says so."""
    for client in ("c1", "c2"):
        world.kim.assign(world.stay(client))
    kim = user_of(world, "kim")
    assert said(lists.held(world.kim.active_cases(limit=1), kim)).endswith("1 case. More follow.")


def test_days_are_named_by_what_they_are_as_of_the_day(world: World) -> None:
    """SPEC 3.6: Since, Ends on, Ended on, Exits on, Exited on, Starts on."""
    past, planned, future = world.stay("c1"), world.stay("c2"), world.stay("c3")
    world.kim.assign(past, start="2026-01-12")
    world.system.exit(past, on="2026-02-20")
    world.kim.assign(planned, start="2026-01-13", end="2026-04-04")
    world.system.exit(planned, on="2026-05-05")
    world.kim.assign(future, start="2026-06-06")
    kim = user_of(world, "kim")

    def headers_of(blocks: Iterable[Block]) -> set[str]:
        return {header for block in blocks if isinstance(block, Table) for header in block.headers}

    days = {"Since", "Ends on", "Ended on", "Exits on", "Exited on", "Starts on"}
    assert headers_of(lists.held(world.kim.active_cases(), kim)) & days == {"Since", "Ends on", "Exits on"}
    assert headers_of(lists.held(world.kim.inactive_cases(), kim)) & days == {"Since", "Ended on", "Exited on"}
    assert headers_of(lists.held(world.kim.upcoming_cases(), kim)) & days == {"Starts on"}


def test_a_cover_says_when_the_holder_is_back(world: World) -> None:
    """SPEC 3.6: of an assignment it is said when it ends, of cover when the holder is back."""
    world.kim.assign(world.stay("c1"), end="2026-04-04")
    world.kim.assign(world.stay("c2"), end="2026-05-05", role="Cover")
    table = next(
        block for block in lists.held(world.kim.active_cases(), user_of(world, "kim")) if isinstance(block, Table)
    )
    days = [
        (row["Ends on"], row["Back on"]) for row in (dict(zip(table.headers, row, strict=True)) for row in table.rows)
    ]
    assert days == [("4 Apr 2026", ""), ("", "5 May 2026")]


def test_a_same_day_stint_reads_same_day(world: World) -> None:
    """SPEC 3.6: a same-day stint reads "Same day, 5 May 2026"."""
    world.kim.assign(world.stay(), start="2026-02-05", end="2026-02-05")
    assert "Same day, 5 Feb 2026" in said(lists.held(world.kim.inactive_cases(), user_of(world, "kim")))
    upcoming = said(lists.held(world.kim.upcoming_cases(as_of="2026-02-04"), user_of(world, "kim")))
    assert "Starts on" in upcoming
    assert "Same day, 5 Feb 2026" in upcoming
    assert not {"Since", "Ends on"} & set(upcoming.splitlines()[1].split("  "))


def test_what_is_not_known_is_left_empty_or_its_id(world: World) -> None:
    """Clients and projects without a name, and households without a head, are shown all the same."""
    world.system.add(Client(personal_id="x"), Client(personal_id="y"), Project(project_id="p", organization_id="haven"))
    world.system.enroll({"x": 1, "y": 2}, "p", on="2026-01-10", case_manager=None)
    world.system.enroll({"c1": 2}, "p", on="2026-01-10", case_manager=None)
    blocks = list(lists.unassigned(world.system.unassigned()))
    table = next(block for block in blocks if isinstance(block, Table))
    heads = {dict(zip(table.headers, row, strict=True))["Head of household"] for row in table.rows}
    projects = {dict(zip(table.headers, row, strict=True))["Project"] for row in table.rows}
    assert (heads, projects) == ({"x", ""}, {"p"})


def test_case_managers_are_grouped_by_status(world: World) -> None:
    """SPEC 7.4: active first, then inactive, then upcoming, with the household on request."""
    head, child = world.family(2)
    world.kim.assign(head, start="2026-02-01")
    world.lee.assign(head, start="2026-01-15", end="2026-02-01")
    world.sam.assign(child, start="2026-04-01")
    client = Client(personal_id="c1", first_name="Ada", last_name="Marigold")
    alone = said(lists.case_managers(world.system.case_managers("c1"), client))
    assert alone.startswith("Case managers of Ada Marigold (c1) as of 2 Mar 2026\n\nActive\n")
    assert alone.index("Example, Kim") < alone.index("\nInactive\n") < alone.index("Sample, Lee")
    assert "Client ID" not in alone
    together = said(lists.case_managers(world.system.case_managers("c1", household=True), client))
    assert together.index("\nInactive\n") < together.index("\nUpcoming\n") < together.index("Specimen, Sam")
    assert "Client ID" in together
    assert together.endswith("3 assignments.")


def test_a_client_record_shows_what_an_exit_form_shows(world: World) -> None:
    """SPEC 7.11: every enrollment, open first, with household members and case managers, or nobody."""
    head, _ = world.family(2, household_id="h")
    world.kim.assign(head)
    past = world.stay("c1", project="rrh", entry="01-01")
    world.system.exit(past, on="2026-02-01")
    coming = world.stay("c1", project="rrh", entry="02-02")
    world.system.exit(coming, on="2026-05-05")
    world.put_raw(Project(project_id="rrh", organization_id="haven"))
    shown = said(lists.client_record(world.system.client_record("c1")))
    assert shown.startswith("Ada Marigold (c1) as of 2 Mar 2026\n3 enrollments.\n")
    assert "Household: Ada Marigold (c1), head; Ben Marigold (c2), child" in shown
    assert f"Haven Shelter, enrollment {head.enrollment_id}: Entered on 10 Jan 2026\n" in shown
    assert f"rrh, enrollment {past.enrollment_id}: Entered on 1 Jan 2026, Exited on 1 Feb 2026\n" in shown
    assert "Entered on 2 Feb 2026, Exits on 5 May 2026\n" in shown
    assert "Example, Kim" in shown
    assert shown.endswith("Nobody is assigned.")


# Acts


def test_an_act_is_told_in_a_sentence(world: World) -> None:
    """What an act did: one clause for each thing that it did, with ids."""
    outcome = world.kim.enroll("c1", "es", on="2026-03-02")
    stay, stint = outcome.enrollment.enrollment_id, outcome.assignment.assignment_id
    assert said(text.outcome(outcome)) == (
        f"Enrolled 1 client in project es on 2 Mar 2026: c1 (enrollment {stay}); "
        f"made 1 assignment: {stint} (kim on enrollment {stay} from 2 Mar 2026, as Case Manager)."
    )


def test_an_exit_says_what_was_ended_kept_voided_and_left_out(world: World) -> None:
    """SPEC 6.7, 6.8: every stint that an exit touches is named, and so is a member who is left out."""
    head, gone = world.family(2)
    ended = world.kim.assign(head).assignment
    kept = world.lee.assign(head).assignment
    voided = world.sam.assign(head, start="2026-06-01").assignment
    world.system.exit(gone, on="2026-02-01")
    outcome = world.system.exit(head, on="2026-03-02", end_assignments=[ended], household=True)
    who = f"on enrollment {head.enrollment_id}"
    assert said(text.outcome(outcome)) == (
        f"Exited enrollment {head.enrollment_id} on 2 Mar 2026; "
        f"ended 1 assignment: {ended.assignment_id} (kim {who}: ends on 2 Mar 2026 (before: none)); "
        f"kept 1 assignment: {kept.assignment_id} (lee {who}); "
        f"voided 1 assignment: {voided.assignment_id} (sam {who}); "
        f"left out: {gone.enrollment_id} (the member has exited already)."
    )
    undone = said(text.outcome(world.system.undo_exit(head)))
    assert undone.startswith(f"Re-opened enrollment {head.enrollment_id}; restored 3 assignments: ")
    assert "void no (before: yes)" in undone
    assert "kept after exit no (before: yes)" in undone


def test_several_enrollments_are_told_together(world: World) -> None:
    """A household's exit is one clause."""
    head, child = world.family(2)
    outcome = world.system.exit(head, on="2026-03-01", household=True)
    both = ", ".join(sorted([head.enrollment_id, child.enrollment_id]))
    assert said(text.outcome(outcome)) == f"Exited 2 enrollments on 1 Mar 2026: {both}."


def test_a_correction_says_what_was_and_what_is(world: World) -> None:
    """SPEC 6.4, 6.10: before and after, field by field."""
    stint = world.kim.assign(world.stay()).assignment
    amended = said(text.outcome(world.kim.amend(stint, end_date="2026-05-05", role="Navigator")))
    assert "Changed 1 assignment" in amended
    assert "(kim on enrollment" in amended
    assert "ends on 5 May 2026 (before: none); role Navigator (before: Case Manager))." in amended
    edited = said(text.outcome(world.system.edit_enrollment(stint.enrollment_id, relationship_to_hoh=None)))
    assert edited == f"Changed enrollment {stint.enrollment_id} (relationship to head none (before: 1))."


def test_users_and_other_records_are_named_by_id_alone(world: World) -> None:
    """SPEC 8.4: what was added or changed is told without names."""
    outcome = world.system.add(User(user_id="new", last_name="Hidden"), User(user_id="kim", last_name="Hidden"))
    assert said(text.outcome(outcome)) == "Added 1 user: new; changed 1 user: kim."


def test_a_dry_run_says_that_nothing_was_written(world: World) -> None:
    """SPEC 6: a dry run says what would be."""
    stint = world.kim.assign(world.stay()).assignment
    dry = world.kim.end(stint, dry_run=True)
    assert said(text.outcome(dry, dry_run=True)).startswith(
        "Dry run, nothing written.\nWould have ended 1 assignment: "
    )


def test_an_act_with_nothing_to_do_says_what_stands(world: World) -> None:
    """SPEC 6: repeating an act writes nothing, and the answer says why."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    world.kim.end(stint)
    again = said(text.outcome(world.kim.end(stint)))
    assert again == (
        f"Nothing to do: assignment {stint.assignment_id} is that of kim on enrollment {stay.enrollment_id}, "
        "Same day, 2 Mar 2026, as Case Manager."
    )
    world.kim.void(stint, "typed twice")
    assert said(text.outcome(world.kim.void(stint, "typed twice"))).endswith(f"{stint.assignment_id} is void.")
    assert said(text.outcome(world.system.undo_exit(stay))).endswith(f"enrollment {stay.enrollment_id} is not exited.")
    world.system.exit(stay, on="2026-03-01")
    exited = said(text.outcome(world.system.exit(stay, on="2026-03-01")))
    assert exited == f"Nothing to do: enrollment {stay.enrollment_id} exited on 1 Mar 2026."
    assert said(text.outcome(world.system.add(user_of(world, "kim")))) == "Nothing to do: all is so already."


def test_a_refusal_says_each_reason_once(world: World) -> None:
    """SPEC 5.1: every reason, with its code, and none twice."""
    head, *_ = world.family(2)
    with pytest.raises(RuleViolationError) as refused:
        world.kim.assign(head, "bo", household=True)
    assert words.refusal(refused.value.violations) == (
        "user bo has no access to the organization that runs project es (no-access)"
    )


# Imports, audits


def import_result(**fields: object) -> ImportResult:
    """What an import of three enrollments did."""
    kinds = ("clients", "users", "organizations", "projects", "enrollments", "assignments")
    result = ImportResult(
        imported=dict.fromkeys(kinds, 0) | {"enrollments": 1_200, "assignments": 2},
        changed=dict.fromkeys(kinds, 0),
        kept_out={"enrollments": 1},
        issues={},
        violations=(),
        batch_id="b",
    )
    return attrs.evolve(result, **fields)  # type: ignore[arg-type]  # the fields of the record


def test_an_import_says_what_became_of_the_records() -> None:
    """SPEC 9.2, 9.3: new, changed and kept out, by kind."""
    lines = said(text.imported(import_result(), "fy26.zip")).splitlines()
    assert lines[:2] == ["Import of fy26.zip", "Records          New  Changed  Kept out"]
    assert "Enrollments    1,200        0         1" in lines
    assert lines[-1] == "Batch b."
    assert len(lines) == 9


def test_an_import_explains_issues_violations_and_whom_it_made_case_manager() -> None:
    """SPEC 9.2, 9.3, 9.5: what codes mean, what an update brought, what was taken from Enrollment.UserID."""
    violation = Violation("ends-after-exit", "end_date", ["a"], "…")
    result = import_result(issues={"orphan-exit": 3, "new-code": 1}, violations=(violation, violation))
    shown = said(text.imported(result, "fy26", seeded=True))
    assert "became its case manager (2 assignments), and was given access to the organization" in shown
    assert "    3  orphan-exit  An exit belongs to no enrollment that is imported." in shown
    assert "    1  new-code" in shown
    assert f"    2  ends-after-exit  {meanings.RULES['ends-after-exit']}" in shown


def test_an_import_without_news_says_so() -> None:
    """SPEC 9.3: importing the same export again changes nothing."""
    nothing = dict.fromkeys(import_result().imported, 0)
    shown = said(text.imported(import_result(imported=nothing, batch_id=None), "fy26"))
    assert shown.startswith("Import of fy26\nNothing was changed.\n")
    dry = said(text.imported(import_result(batch_id=None), "fy26", dry_run=True))
    assert dry.startswith("Dry run, nothing written.\n\nImport of fy26\nRecords ")


def test_the_import_of_a_list_says_what_became_of_the_rows() -> None:
    """SPEC 9.6: new, changed and unchanged rows, and what is wrong with the others."""
    result = AssignmentImport(added=2, changed=1, unchanged=3, issues=(), batch_id="b")
    assert said(text.imported_list(result, "list.csv", {})) == (
        "Import of list.csv\n2 assignments new, 1 changed, 3 as they were."
    )
    shown = said(text.imported_list(result, "list.csv", {"unknown-user": 1, "overlaps-own": 1}))
    assert meanings.LIST_ISSUES["unknown-user"] in shown
    assert meanings.RULES["overlaps-own"] in shown


def test_an_audit_shows_required_violations_first() -> None:
    """SPEC 5, 7.9: counts by code, each with what must be true."""
    shown = said(text.audit(TODAY, {"overlaps-own": 2}, {"unassigned": 1}))
    assert shown.startswith("Audit as of 2 Mar 2026\nRequired: 2 violations.\nCount  Code")
    assert shown.index("overlaps-own") < shown.index("Advisory: 1 violation.") < shown.index("unassigned")
    assert meanings.RULES["unassigned"] in shown
    clean_bill = said(text.audit(TODAY, {}, {}))
    assert clean_bill == "Audit as of 2 Mar 2026\nRequired: 0 violations.\nAdvisory: 0 violations."


def test_violations_are_listed_with_whatever_they_are_about(world: World) -> None:
    """SPEC 7.9: a violation with its ids."""
    stay = world.stay()
    shown = said(text.violations(world.system.audit()))
    assert shown.startswith("Violations\nCode")
    assert f"nobody is active on enrollment {stay.enrollment_id}" in shown


def test_a_user_is_shown_with_access_and_permissions() -> None:
    """SPEC 2, 3.6: a leaver has a first day gone."""
    user = User(
        user_id="U1",
        first_name="Kim",
        organization_ids=frozenset({"b", "a"}),
        permissions=frozenset({"batch.undo", "audit.run"}),
        is_case_manager=False,
        left_on=date(2026, 5, 5),
    )
    assert said(text.user(user)).splitlines() == [
        "User Kim (U1)",
        "Organizations: a, b",
        "Permissions: audit.run, batch.undo",
        "Available as case manager: no",
        "First day gone: 5 May 2026",
    ]
    assert said(text.user(User(user_id="U2"))).splitlines()[1:] == [
        "Organizations: none",
        "Permissions: none",
        "Available as case manager: yes",
        "First day gone: none",
    ]


def test_moments_are_utc_in_the_end() -> None:
    """History tells moments in UTC."""
    assert words.moment(datetime(2026, 1, 1, tzinfo=UTC)) == "1 Jan 2026 00:00 UTC"


def test_an_import_lists_the_violations_that_it_brought() -> None:
    """SPEC 9.3: which assignments now break a rule, one by one, capped."""
    brought = tuple(
        Violation("open-after-exit", "end_date", [f"a{number:02}"], "it has no end") for number in range(60)
    )
    lines = said(text.imported(import_result(violations=brought), "fy26.zip")).splitlines()
    assert "open-after-exit a00: it has no end" in lines
    assert "open-after-exit a09: it has no end" in lines
    assert "open-after-exit a10: it has no end" not in lines
    assert "… and 50 more; caseassign audit lists all." in lines
