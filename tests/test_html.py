"""Results that draw themselves: HTML for notebooks, text for terminals, and nothing in either that does not belong."""

from __future__ import annotations

import inspect
import io
import re
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from html.parser import HTMLParser
from typing import ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_audit_tables import TABLES
from world import World, day

import caseassign
from caseassign import (
    SYSTEM,
    Audit,
    Client,
    Finding,
    Project,
    User,
    audit_tables,
    caseload_at_most,
)
from caseassign.acts.import_assignments import AssignmentRow
from caseassign.demo.synthetic import bundled_export
from caseassign.display.blocks import Column, Line, Table, Title, clean, plain
from caseassign.display.html import html
from caseassign.display.results import _SAID
from caseassign.display.terminal import draw
from caseassign.formats import hmis_csv
from caseassign.histories import History
from caseassign.results import AT_MOST, Result

TAGS = {"div", "p", "strong", "table", "caption", "br", "thead", "tbody", "tr", "th", "td"}
SCRIPT = "<script>alert('x')</script>"


class Drawn(HTMLParser):
    """A page as a browser takes it: its tags, and what stands in captions, headers and cells; refuses what is open."""

    EMPTY: ClassVar = {"br"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: dict[str, list[str]] = {}
        self.tables: list[list[list[tuple[str, str]]]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"th", "td"}:
            self.tables[-1][-1].append((str(dict(attrs).get("scope")), ""))
        if tag not in self.EMPTY:
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Take the end of an element."""
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not data.strip():
            return
        within = {tag for tag, _ in self._open}
        for tag in within:
            self.said.setdefault(tag, []).append(data)
        if within & {"th", "td"}:
            scope, text = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = (scope, text + data)


def drawn(result: Result) -> Drawn:
    """Return how a notebook draws a result."""
    return Drawn(result._repr_html_())


def named(world: World) -> World:
    """Return the world with names that try to be markup."""
    project = Project(project_id="es", organization_id="haven", project_name=SCRIPT)
    user = User(user_id="kim", first_name=SCRIPT, last_name="</td></table>", organization_ids=frozenset({"haven"}))
    world.system.add(Client(personal_id="c1", first_name="Ada & Co", last_name=SCRIPT), project, user)
    return world


def every_result(world: World) -> dict[str, Result]:
    """Return a result of each question and act, of a world in which there is something to say to each."""
    here, there = world.family(2, entry="01-10", reason=f"why {SCRIPT}")
    stint = world.kim.assign(here, start="2026-01-12", reason=f"why {SCRIPT}").assignment
    world.kim.assign(here, "lee", start="2026-01-20", end="2026-03-20")
    world.lee.end(world.lee.assign(here, start="2026-01-12", end="2026-01-18").assignment, on="2026-01-14")
    past = world.stay("c4", "01-02")
    world.kim.assign(past, start="2026-01-05")
    world.kim.exit(past, on="2026-02-01")
    world.kim.assign(world.stay("c5"), start="2026-04-01")
    plan = world.system.plan_reassignment("kim", ["lee"], on="2026-03-09")
    rows = [
        AssignmentRow(enrollment_id=there.enrollment_id, user_id="kim", start_date=day("02-01")),
        AssignmentRow(enrollment_id="none", user_id="kim", start_date=day("02-01")),
    ]
    with bundled_export() as folder, hmis_csv.read(folder) as export:
        imported = World().system.import_export(export, case_managers_from="Enrollment.UserID")
    return {
        "active_cases": world.kim.active_cases(),
        "inactive_cases": world.kim.inactive_cases(),
        "upcoming_cases": world.kim.upcoming_cases(),
        "no_cases": world.sam.active_cases(),
        "case_managers": world.kim.case_managers("c1", household=True),
        "no_case_managers": world.kim.case_managers("c3"),
        "client_record": world.kim.client_record("c1"),
        "find_case_managers": world.kim.find_case_managers("kim"),
        "nobody_found": world.kim.find_case_managers("nobody is called so"),
        "cases_during": world.kim.cases_during(start="2026-01-01", end="2026-02-01"),
        "coming_up": world.system.coming_up(30),
        "nothing_coming_up": world.kim.coming_up(5),
        "caseloads": world.system.caseloads(),
        "caseloads_during": world.system.caseloads_during("2026-01-01", "2026-02-01"),
        "unassigned": world.system.unassigned(),
        "history": world.system.history(here),
        "out_of_use": world.system.out_of_use("2026-03-02"),
        "audit": world.system.audit(),
        "plan_reassignment": plan,
        "outcome": world.kim.end(stint, dry_run=True),
        "repeated": world.system.undo_exit(here),
        "skipped": world.system.deactivate("kim", on="2026-03-20", dry_run=True),
        "applied": world.system.apply(plan),
        "import_assignments": world.system.import_assignments(rows),
        "import_export": imported,
        "import_tried": attrs.evolve(imported, batch_id=None),
    }


NAMES = sorted(every_result(World()))


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """A result of each kind, in a world whose names try to be markup."""
    return every_result(named(World()))


# What is drawn


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_data_says_becomes_markup(name: str, results: dict[str, Result]) -> None:
    """SPEC 8.4: a name, a project or a reason is shown as the text that it is, whatever it tries to be."""
    page = drawn(results[name])
    assert {tag for tag, _ in page.tags} <= TAGS
    attributes = {key for _, given in page.tags for key in given}
    assert attributes <= {"style", "scope", "role", "aria-label", "tabindex"}


def test_names_are_shown_as_they_are_written(results: dict[str, Result]) -> None:
    """SPEC 7.1: a list that is drawn says the names that the acting user may see, to the letter."""
    said = drawn(results["active_cases"]).said
    assert f"{SCRIPT}, Ada & Co" in said["th"]
    assert SCRIPT in said["td"]


@pytest.mark.parametrize("name", NAMES)
def test_every_table_says_what_it_is_and_what_its_cells_are_of(name: str, results: dict[str, Result]) -> None:
    """SPEC 3.6: who hears a page read aloud hears a caption, a header for each column and one for each row."""
    page = drawn(results[name])
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == len(page.tables)
    for headers, *rows in page.tables:
        assert {scope for scope, _ in headers} == {"col"}
        assert all(text for _, text in headers)
        for row in rows:
            assert len(row) == len(headers)
            assert [bool(text) for scope, text in row if scope == "row"] == [True]
    regions = [given for _, given in page.tags if given.get("role") == "region"]
    assert len(regions) == len(page.tables)
    assert all(given["tabindex"] == "0" and given["aria-label"] for given in regions)


@pytest.mark.parametrize("name", NAMES)
def test_no_colour_is_chosen(name: str, results: dict[str, Result]) -> None:
    """House: what is drawn takes the colours of the theme around it, so that dark ones stay readable."""
    styles = " ".join(style for _, given in drawn(results[name]).tags if (style := given.get("style")))
    assert not re.search(r"color|background|#[0-9a-f]{3}|rgb", styles)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_says_what_the_drawing_says(name: str, results: dict[str, Result]) -> None:
    """House: a result as text for a terminal has every word of the drawing, and no markup of its own."""
    text = results[name].to_text()
    page = drawn(results[name])
    assert text
    shown = "".join(text.split())
    for each in (*page.said.get("p", []), *page.said.get("th", []), *page.said.get("td", [])):
        assert "".join(each.split()) in shown
    assert "<table>" not in text.replace("</table>", "")


@pytest.mark.parametrize("name", NAMES)
def test_repr_and_str_show_no_names(name: str, results: dict[str, Result]) -> None:
    """SPEC 8.4: what ends up in logs shows ids, and neither names nor reasons."""
    for shown in (repr(results[name]), str(results[name]), f"{results[name]}"):
        assert not re.search(r"Ada|Marigold|Lee|Sample|why", shown)


def test_every_question_and_act_returns_what_draws_itself(results: dict[str, Result]) -> None:
    """House: whatever a question or an act returns can be looked at."""
    kinds = {type(result).__name__ for result in results.values()} | {"TablesAudit"}
    things = {name: getattr(caseassign, name) for name in vars(caseassign)["__all__"]}
    public = {name for name, thing in things.items() if inspect.isclass(thing) and issubclass(thing, Result)}
    assert kinds == public | {"History", "Users"}


# What it says


def test_a_list_says_whose_it_is() -> None:
    """SPEC 7.1: the caption names the user, and the day."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    page = drawn(world.super.active_cases("kim"))
    assert page.said["caption"] == ["Active cases of Kim Example (kim) as of 2 Mar 2026"]
    assert drawn(world.super.active_cases("lee")).said["p"] == [
        "Lee Sample (lee) has no active cases as of 2 Mar 2026."
    ]


def test_a_client_whose_name_may_not_be_seen_is_an_id_in_the_caption() -> None:
    """SPEC 8.2: drawing the case managers of a client tells no name that the list withholds."""
    world = World()
    world.sam.enroll("c1", "th", on=day("01-10"))
    assert (
        world.kim.case_managers("c1").to_text() == "c1 has no case managers on record as of 2 Mar 2026. 1 row withheld."
    )
    assert "Ada Marigold (c1)" in world.sam.case_managers("c1").to_text()


def test_a_period_is_half_open_in_words() -> None:
    """SPEC 3.6: cases of a period are from a day, until a day."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    text = world.kim.cases_during(start="2026-01-01", end="2026-02-01").to_text()
    assert text.startswith("Cases of Kim Example (kim) from 1 Jan 2026 until 1 Feb 2026\n")


def test_a_list_of_the_past_names_its_user_as_known_then() -> None:
    """SPEC 7.8: what is asked as known at a moment is drawn with the names of that moment."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    then = world.now()
    world.system.add(User(user_id="kim", first_name="Kim", last_name="Newname", organization_ids=frozenset({"haven"})))
    first, last = "2026-01-01", "2026-02-01"
    for known_at, name in ((then, "Example"), (None, "Newname")):
        assert f"Active cases of Kim {name} (kim)" in world.system.active_cases("kim", known_at=known_at).to_text()
        assert f"Cases of Kim {name} (kim)" in world.system.cases_during("kim", first, last, known_at).to_text()


def test_a_history_of_which_nothing_may_be_seen_does_not_say_of_what_it_is() -> None:
    """SPEC 8.2: what is withheld is counted, and not named."""
    world = World()
    stay = world.sam.enroll("c1", "th", on=day("01-10")).enrollment
    assert world.kim.history(stay).to_text() == "History of a record\n0 lines. 2 rows withheld."


def test_a_history_says_of_what_it_is() -> None:
    """SPEC 7.8: a history names the record that was asked about; one that was put together by hand none."""
    world = World()
    stay = world.stay("c1")
    assert world.system.history(stay).to_text().startswith(f"History of enrollment {stay.enrollment_id}\n")
    assert History(lines=()).to_text() == "History of a record\n0 lines."


def test_an_outcome_says_what_was_done_and_how_it_stands_now() -> None:
    """SPEC 6: an outcome tells the deed, the stints as they are now, and the batch that undoes it."""
    world = World()
    stay = world.stay("c1")
    outcome = world.kim.assign(stay, start="2026-01-12")
    page = drawn(outcome)
    assert page.said["caption"] == ["Assignments as they are after it"]
    assert page.said["p"][-1] == f"Batch {outcome.batch_id}."
    tried = drawn(world.kim.end(outcome.assignment, dry_run=True))
    assert tried.said["p"][0] == "Dry run, nothing written."
    assert tried.said["caption"] == ["Assignments as they would be after it"]
    again = drawn(world.system.undo_exit(stay))
    assert again.said["p"] == [f"Nothing to do: enrollment {stay.enrollment_id} is not exited."]


def test_a_stint_in_an_outcome_reads_as_on_a_screen() -> None:
    """SPEC 3.6: a same-day stint reads "Same day", without an end, and cover is "Back on"."""
    world = World()
    stay = world.stay("c1")
    same_day = drawn(world.kim.assign(stay, start="2026-01-12", end="2026-01-12"))
    [headers, row] = [[text for _, text in row][2:4] for row in same_day.tables[0]]
    assert (headers, row) == (["Starts on", "Role"], ["Same day, 12 Jan 2026", "Case Manager"])
    stint = world.kim.assign(stay, start="2026-01-12", end="2026-04-01").assignment
    cover = drawn(world.system.cover("kim", "lee", "2026-03-02", "2026-03-09"))
    [headers, row] = [[text for _, text in row][2:4] for row in cover.tables[0]]
    assert (headers, row) == (["Starts on", "Back on"], ["2 Mar 2026", "9 Mar 2026"])
    ended = drawn(world.system.end(stint, on="2026-03-16"))
    [headers, row] = [[text for _, text in row][2:4] for row in ended.tables[0]]
    assert (headers, row) == (["Starts on", "Ends on"], ["12 Jan 2026", "16 Mar 2026"])


def test_an_audit_says_how_much_may_not_be_seen() -> None:
    """SPEC 8.2: who sees a part of the enrollments is told how many are not among those that were looked at."""
    world = World()
    world.stay("c1")
    world.system.add(User(user_id="ann", organization_ids=frozenset({"other"}), permissions=frozenset({"audit.run"})))
    assert world.as_("ann").audit().to_text().splitlines()[-1] == "1 enrollment withheld."


def test_an_audit_says_how_many_there_are_of_each_and_shows_the_first() -> None:
    """SPEC 7.9: a drawn audit has counts by code, what must be true, and the violations."""
    world = World()
    for client in ("c1", "c2", "c3"):
        world.stay(client)
    page = drawn(world.system.audit())
    as_of, none, three, each = page.said["caption"]
    assert (as_of, none) == ("Audit as of 2 Mar 2026", "Required: 0 violations.")
    assert (three, each) == ("Advisory: 3 violations.", "Violations")
    assert [text for _, text in page.tables[0][1]][:2] == ["3", "unassigned"]
    assert len(page.tables[1]) == 1 + 3


def test_an_audit_says_what_an_agency_s_own_limit_means() -> None:
    """SPEC 5, caseload-above: the rules that an agency makes its own have a sentence too."""
    world = World()
    world.kim.assign(world.stay("c1"), start="2026-01-12")
    page = drawn(world.as_(SYSTEM, advisory=(caseload_at_most(0),)).audit())
    assert [text for _, text in page.tables[0][1]] == [
        "1",
        "caseload-above",
        "A user holds no more cases, or households, than the agency's limit.",
    ]


def test_an_audit_that_finds_nothing_says_so() -> None:
    """SPEC 7.9: nothing found is an answer, and no empty table."""
    assert World().system.audit().to_text() == (
        "Audit as of 2 Mar 2026\nRequired: 0 violations.\nAdvisory: 0 violations."
    )


def test_an_audit_of_tables_draws_itself_like_an_audit() -> None:
    """SPEC 5.3: the audit that runs where the tables lie is drawn with the ids that it knows."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        audit = audit_tables(connection, as_of="2026-03-02")
        page, found = drawn(audit), audit.to_dicts()
        connection.executescript("DELETE FROM assignments; DELETE FROM enrollments")
        assert audit.to_text() == "Audit as of 2 Mar 2026\nRequired: 0 violations.\nAdvisory: 0 violations."
    headers, *rows = page.tables[-1]
    assert ("col", "Other assignment") in headers
    assert [row[0] for row in rows] == [("row", each["code"]) for each in found]
    assert "held-by-departed" in {text for row in rows for _, text in row}


# Caps


def some(number: int) -> Iterator[str]:
    """Yield so many texts."""
    return (f"row {each}" for each in range(number))


NAMED = Column[str]("Name", str)


@given(st.integers(0, 12), st.none() | st.integers(0, 12), st.integers(0, 3))
def test_a_table_is_cut_off_and_says_how_many_more_there_are(number: int, at_most: int | None, more: int) -> None:
    """House: a capped table has its first rows, and counts all the others."""
    table = Table.of([NAMED], some(number), at_most, more=more)
    shown = number if at_most is None else min(number, at_most)
    assert list(table.rows) == [(text,) for text in some(shown)]
    assert table.more == number - shown + more
    assert table.stacked().rest == table.rest
    said = list(plain([table]))
    assert (said[-1] == f"… and {table.more:,} more") is bool(table.more)
    assert html([table]).count("<tr>") == 1 + shown


def test_a_terminal_says_how_many_more_there_are() -> None:
    """House: rich counts what it does not show, as plain text does."""
    file = io.StringIO()
    draw([Table.of([NAMED], some(3), 2)], file)
    assert file.getvalue().splitlines()[-1] == "… and 1 more"


class Printer:
    """What IPython hands to results, where they are printed."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.text = self.printed.append


def test_a_list_is_cut_off_unless_all_is_asked_for() -> None:
    """House: what draws itself shows fifty rows; the text shows as many as are wanted."""
    world = World()
    world.system.add(*(Client(personal_id=f"n{number:03}", first_name="N") for number in range(60)))
    for number in range(60):
        world.kim.enroll(f"n{number:03}", "es", on=day("01-10"))
    cases = world.kim.active_cases()
    printer = Printer()
    cases._repr_pretty_(printer, cycle=False)
    assert printer.printed == [cases.to_text()]
    page = drawn(cases)
    assert len(page.tables[0]) == 1 + AT_MOST
    assert page.said["p"] == ["… and 10 more", "60 cases."]
    assert cases.to_text(at_most=3).splitlines()[-2:] == ["… and 57 more", "60 cases."]
    assert "more" not in cases.to_text(at_most=None)
    history = world.system.history(user="kim")
    assert drawn(history).said["p"][-2:] == [f"… and {len(history) - AT_MOST} more", f"{len(history)} lines."]
    plan = world.system.plan_reassignment("kim", "lee")
    assert "… and 10 more" in drawn(plan).said["p"]
    assert "… and 70 more" in drawn(world.system.apply(plan)).said["p"]
    world.system.add(Client(personal_id="c9"))
    for number in range(4):
        first = day("01-01") + number * timedelta(days=1)
        stay = world.system.enroll("c9", "es", on=first, case_manager=None).enrollment
        world.system.exit(stay, on=first + timedelta(days=1))
    record = world.system.client_record("c9").to_text(at_most=3).splitlines()
    assert len([line for line in record if "Exited on" in line and "enrollment" in line]) == 3
    assert record[-1] == "… and 1 more"


class Finds(Audit):
    """An audit that finds a lot, and counts how often it is gone through."""

    def __init__(self, number: int) -> None:
        self.as_of = day("03-02")
        self.withheld = 0
        self.number = number
        self.walks = 0

    def __iter__(self) -> Iterator[Finding]:
        self.walks += 1
        for number in range(self.number):
            yield Finding(code="unassigned", field="x", ids=(f"e{number}",), message="m", required=bool(number % 2))


def test_a_large_audit_is_gone_through_once_and_kept_nowhere() -> None:
    """SPEC 7.9: drawing an audit streams it: one walk, the first rows, and memory that does not grow with it."""
    audit = Finds(30_000)
    tracemalloc.start()
    blocks = list(_SAID[Audit](audit, AT_MOST))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert audit.walks == 1
    assert peak < 200_000
    table = blocks[-1]
    assert isinstance(table, Table)
    assert (len(table.rows), table.rest) == (AT_MOST, "… and 29,950 more")


# Blocks as HTML


@given(st.text())
def test_whatever_a_block_says_it_is_text(data: str) -> None:
    """SPEC 8.4: titles, lines, headers and cells come back from the page as they were shown, and never as tags."""
    name, number = Column[str]("Name", lambda text: f".{text}"), Column[str](f".{clean(data)}", lambda _: "1")
    table = Table.of([name, number], [data])
    page = Drawn(html([Title(f".{data}"), table, Line(f".{data}")]))
    assert [tag for tag, _ in page.tags].count("td") == 1
    shown = table.rows[0][0]
    assert "".join(page.said["strong"]) == shown
    assert page.tables[0][1][0] == ("row", shown)
    assert page.tables[0][0][1] == ("col", shown)
    assert "".join(page.said["p"]) == shown or not shown.strip()


def test_what_stands_before_a_table_is_its_caption() -> None:
    """House: a caption is what leads to the table, from the last title on."""
    table = Table.of([NAMED], ["x"])
    page = Drawn(html([Title("one"), Line("two"), Title("three"), Line("four"), table, Line("five"), table]))
    assert page.said["caption"] == ["three", "four", "five"]
    assert page.said["p"] == ["one", "two"]
    assert [given["aria-label"] for _, given in page.tags if "aria-label" in given] == ["three four", "five"]


def test_a_table_alone_has_a_name_and_no_caption() -> None:
    """House: a region always has a name."""
    page = Drawn(html([Table.of([Column[str]("Number", str, is_number=True)], ["1"])]))
    assert "caption" not in page.said
    assert page.tables == [[[("col", "Number")], [("None", "1")]]]


def test_prose_may_break_and_ids_may_not() -> None:
    """House: an id stays in one piece, to be copied."""
    table = Table.of([NAMED, Column[str]("Why", str, is_prose=True)], ["x"])
    styles = [given["style"] for tag, given in Drawn(html([table])).tags if tag in {"th", "td"}]
    assert [("nowrap" in str(style)) for style in styles] == [True, False, True, False]
