"""What the pages do that the guides have not: a plan to look at and a way back, households, reasons beside fields."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.pages import PAGES
from browser.people import MINE, NAMES, PAST, RECORD, Person

pytestmark = pytest.mark.browser


def test_a_reassignment_is_previewed_applied_and_undone(visitor: Person) -> None:
    """SPEC 6.11, 6.12: nothing is done before it is applied, and undone everything is as before."""
    kim, sam, plan = visitor, visitor, PAGES["plan"]
    kim.log_in("kim").go("/active/")
    before = kim.page.get_by_role("table").inner_text()
    plan(sam)
    sam.says("Nothing is done yet. 10 to be moved, 1 held by the receiver already, 0 to stay, 0 refused.")
    expect(sam.row(MINE)).to_contain_text("the new case manager holds it already")
    assert kim.log_in("kim").go("/active/").page.get_by_role("table").inner_text() == before
    plan(sam)
    sam.fill("First day of the new case manager", "2026-03-09").press("Apply").says("look again, then apply")
    expect(sam.page.get_by_label("First day of the new case manager")).to_have_value("2026-03-09")
    sam.fill("First day of the new case manager", "2026-03-02").press("Preview the plan")
    sam.press("Apply").says("10 case assignments began with it")
    done = sam.page.url
    kim.log_in("kim").go("/active/").says("No client is assigned to you.")
    sam.log_in("sam").go(done).press("Undo this reassignment").says("Undone: every case is held as before.")
    expect(sam.page.get_by_role("button", name="Undo this reassignment")).to_have_count(0)
    assert kim.log_in("kim").go("/active/").page.get_by_role("table").inner_text() == before


def test_an_undo_that_later_changes_stand_on_says_why_not(visitor: Person) -> None:
    """SPEC 6.12: what was changed since the reassignment keeps it from being undone, and is named."""
    PAGES["plan"](visitor)
    visitor.press("Apply")
    done = visitor.page.url
    visitor.go("/active/").click("Select client Hana Cloverfell").click("Enrollment Exit").press("Exit").says("Exited.")
    visitor.go(done).press("Undo this reassignment")
    expect(visitor.page.get_by_role("alert").first).to_contain_text("Not undone:")
    expect(visitor.page.get_by_role("button", name="Undo this reassignment")).to_be_visible()


def test_a_household_exits_together_and_one_case_manager_stays(visitor: Person) -> None:
    """SPEC 6.7, 6.8: every member exits on the day, and who is unticked stays responsible for theirs."""
    PAGES["exit"](visitor)
    visitor.page.get_by_label("Exit every open member of the household").check()
    visitor.page.get_by_label("for Anouk Candlelark").uncheck()
    visitor.fill("Exit date", "2026-02-28").press("Exit").says("3 members exited.")
    visitor.go("/active/")
    assert "Anouk Candlelark" in visitor.rows()
    assert not {"Marisol Candlelark", "Mateo Copperquill"} & {*visitor.rows()}


def test_one_click_reactivates(visitor: Person) -> None:
    """SPEC 6.5: responsible again from today, and gone from the inactive list."""
    visitor.log_in("kim").go("/inactive/").press(f"Reactivate {PAST}").says("The case is active again, from today on.")
    assert PAST not in visitor.rows()


def test_one_click_that_is_refused_says_why(visitor: Person) -> None:
    """SPEC 5.1: who has exited is not taken up again by a click, and nothing is written."""
    visitor.log_in("kim").go("/inactive/").press("Reactivate Marcus Saffronfell")
    expect(visitor.page.get_by_role("alert").first).to_contain_text("after the exit")
    assert "Marcus Saffronfell" in visitor.rows()


def test_each_violation_stands_beside_its_field(visitor: Person) -> None:
    """SPEC 5, 6.10: days that leave assignments outside are refused beside the day; with the box, they are fitted."""
    visitor.log_in("kim").go(f"{RECORD}enrollments/E0017/").fill("Entry date", "2026-02-01").press("Save")
    assert "starts before the entry" in visitor.error_of("Entry date")
    visitor.page.get_by_label("Fit the case assignments to these days").check()
    visitor.press("Save").says("Enrollment saved.").says(f"{NAMES['kim']}, Case Manager: Since 1 Feb 2026")
