"""The first public guide to ClientTrack's case assignments, sentence by sentence: each docstring is one of them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.people import MINE, NAMES, PAST, RECORD, Person

pytestmark = pytest.mark.browser

HELD = {"kim": 11, "sam": 1}
"""How many clients each of them holds."""


def test_my_case_assignments_on_the_dashboard_list_all_clients_assigned_to_you(me: Person) -> None:
    """In the Home workspace, on the user dashboard under 'My Case Assignments,' you can see a list of all the clients
    currently assigned to you.
    """
    me.click("Home")
    assert me.heading() == "Dashboard"
    mine = me.page.get_by_role("region", name="My Case Assignments")
    expect(mine.get_by_role("rowheader")).to_have_count(HELD[me.account])
    expect(me.row(MINE, within=mine)).to_be_visible()
    expect(mine.get_by_role("rowheader", name=PAST)).to_have_count(0)


def test_they_are_also_under_active_case_assignments_in_the_tools_menu(me: Person) -> None:
    """You can also find your case assignments under 'Active Case Assignments' in the Tools menu in the home
    workspace.
    """
    me.click("Active Case Assignments", within=me.menu("Home").get_by_role("list", name="Tools"))
    assert me.heading() == "Active Case Assignments"
    assert len(me.rows()) == HELD[me.account]


def test_the_page_shows_the_enrollment_and_the_head_of_household(me: Person) -> None:
    """On the Active Case Assignments page, you can see basic information about the enrollment and the Head of
    Household.
    """
    me.go("/active/")
    for column in ("Enrollment", "Entered on", "Head of Household"):
        expect(me.page.get_by_role("columnheader", name=column)).to_be_visible()
    row = me.row(MINE)
    expect(row).to_contain_text("Lantern House Emergency Shelter")
    expect(row).to_contain_text("7 Jan 2026")
    expect(row.get_by_role("cell", name=MINE, exact=True)).to_be_visible()


def test_the_head_of_household_is_that_of_the_household(visitor: Person) -> None:
    """Head of Household: of a child, somebody else than the client."""
    visitor.log_in("kim").go("/active/")
    row = visitor.page.get_by_role("row").filter(has=visitor.page.get_by_role("rowheader", name="Anouk Candlelark"))
    expect(row).to_contain_text("Mateo Copperquill (household of 3)")


def test_select_client_goes_directly_to_the_client_record(me: Person) -> None:
    """You can go directly to the client record by clicking the select client button."""
    me.go("/active/").click(f"Select client {MINE}")
    assert me.heading() == MINE
    me.says("Lantern House Emergency Shelter")


def test_the_pen_edits_the_enrollment(me: Person) -> None:
    """You can edit the enrollment by clicking on the pen."""
    me.go("/active/").click(f"Edit enrollment of {MINE}")
    assert me.heading() == "Edit enrollment"
    me.fill("Entry date", "2026-01-05").fill("Bed", "12 B").press("Save")
    me.says("Enrollment saved.").says("5 Jan 2026")
    me.go("/active/").click(f"Edit enrollment of {MINE}")
    expect(me.page.get_by_label("Bed")).to_have_value("12 B")
    me.fill("Bed", "13 A").click("Cancel")
    assert me.heading() == MINE
    me.go("/active/").click(f"Edit enrollment of {MINE}")
    expect(me.page.get_by_label("Bed")).to_have_value("12 B")


def test_the_case_manager_list_is_under_case_management_in_the_clients_workspace(me: Person) -> None:
    """You can find the client's Case Manager list in the Clients workspace under the Case Management menu."""
    me.go("/active/").click(f"Select client {MINE}")
    me.click("Case Managers", within=me.menu("Client").get_by_role("list", name="Case Management"))
    assert me.heading() == "Case Manager Assignments"
    assert me.rows() == [NAMES["kim"], NAMES["sam"]]


def enter(me: Person, *members: str) -> None:
    """Begin to enroll Quinn Cinderwick, and perhaps others, in Lantern House Street Outreach."""
    me.go(RECORD).click("Enrollment Entry", within=me.menu("Client"))
    for member in members:
        me.fill("Search for further members of the household", member).press("Search")
    me.choose("Project", "Lantern House Street Outreach").fill("Entry date", "2026-02-25")
    for member in members:
        me.page.get_by_label(member).check()
    me.press("Continue")


def test_clients_are_added_to_your_list_when_an_enrollment_is_created(me: Person) -> None:
    """Clients are often added to your case assignments list when enrollment is created."""
    enter(me, "Malik Cloverquill")
    me.press("Enroll")
    me.says(f"Enrolled: {MINE}, Malik Cloverquill.")
    me.go("/active/")
    expect(me.row("Malik Cloverquill")).to_contain_text("Since 25 Feb 2026")
    assert len(me.rows()) == HELD[me.account] + 2


def test_the_case_manager_defaults_to_the_user_who_creates_the_enrollment(me: Person) -> None:
    """The Case Manager information defaults to the user that is creating the enrollment."""
    enter(me, "Malik Cloverquill")
    for member in (MINE, "Malik Cloverquill"):
        group = me.page.get_by_role("group", name=member)
        assert me.chosen("Case manager", within=group) == f"{me.name} (me)"


def test_the_search_selects_a_different_user(me: Person) -> None:
    """However, you can use the search function to select a different user."""
    enter(me, "Malik Cloverquill")
    me.fill("Search for a different case manager", "juniper").press("Search")
    mine, theirs = (me.page.get_by_role("group", name=member) for member in (MINE, "Malik Cloverquill"))
    offered = mine.get_by_label("Case manager").locator("option").all_inner_texts()
    assert offered == [f"{me.name} (me)", NAMES["lee"], "Nobody yet"]
    mine.get_by_label("Case manager").select_option(label=NAMES["lee"])
    assert me.chosen("Case manager", within=theirs) == f"{me.name} (me)"
    me.press("Enroll")
    me.says(f"{NAMES['lee']}, Case Manager: Since 25 Feb 2026")
    me.go("/active/")
    assert len(me.rows()) == HELD[me.account] + 1
    expect(me.row("Malik Cloverquill")).to_contain_text("Since 25 Feb 2026")


def test_case_managers_are_added_by_clicking_on_add_case_assignment(me: Person) -> None:
    """You can add case managers on the Case Manager Assignments page by clicking on 'Add Case Assignment.'"""
    me.go(f"{RECORD}case-managers/")
    assert me.heading() == "Case Manager Assignments"
    me.click("Add Case Assignment")
    assert me.heading() == "Add Case Assignment"


def test_add_the_start_date_case_manager_and_enrollment_and_click_save(me: Person) -> None:
    """Simply add the assignment start date, case manager name (will default to yours, or you can search for a different
    case manager), enrollment (must be open during the case assignment timeframe), and click save.
    """
    enter(me)
    me.press("Enroll").go(f"{RECORD}case-managers/add/")
    assert me.chosen("Case manager") == f"{me.name} (me)"
    expect(me.page.get_by_label("Assignment start date")).to_have_value("2026-03-02")
    me.fill("Search for a different case manager", "fennel").press("Search").says("0 found")  # works elsewhere
    assert NAMES["robin"] not in me.page.get_by_label("Case manager", exact=True).inner_text()
    me.fill("Search for a different case manager", "lee").press("Search")
    assert me.chosen("Case manager") == NAMES["lee"]
    me.choose("Enrollment", "Lantern House Emergency Shelter, since 7 Jan 2026")
    me.fill("Assignment start date", "2026-01-01").press("Save")
    assert "starts before the entry" in me.error_of("Assignment start date")  # not open during all of it
    me.fill("Assignment start date", "2026-02-01").press("Save")
    me.says("Case assignment saved.")
    expect(me.row(NAMES["lee"])).to_contain_text("Lantern House Emergency Shelter Case Manager Since 1 Feb 2026")


def test_the_enrollment_must_be_open_after_the_start_too(me: Person) -> None:
    """Enrollment (must be open during the case assignment timeframe): not one that has exited by then."""
    me.go("/clients/C0039/case-managers/add/")
    me.choose("Enrollment", "Lantern House Rapid Re-Housing, since 24 Oct 2025, exited on 18 Nov 2025")
    me.press("Save")
    assert "exit" in me.error_of("Assignment start date")
    me.click("Cancel")
    assert "2 Mar 2026" not in me.page.get_by_role("main").inner_text()


def exit_mine(me: Person) -> None:
    """Open the exit form of Quinn Cinderwick's enrollment."""
    me.go("/active/").click(f"Select client {MINE}").click("Enrollment Exit")
    assert me.heading() == "Enrollment Exit"


def test_clients_are_removed_from_the_active_list_when_enrollments_are_exited(me: Person) -> None:
    """Clients are often removed from the active case list when enrollments are exited."""
    exit_mine(me)
    me.fill("Exit date", "2026-03-01").press("Exit").says("Exited.")
    me.go("/active/")
    assert MINE not in me.rows()
    me.go("/inactive/")
    expect(me.row(MINE)).to_contain_text("Ended on 1 Mar 2026")
    me.go(f"{RECORD}case-managers/")
    ended = me.page.get_by_role("region", name="Inactive")
    for name in (NAMES["kim"], NAMES["sam"]):
        expect(me.row(name, within=ended)).to_contain_text("Ended on 1 Mar 2026")


def test_the_case_manager_appears_on_the_exit_form_with_a_check_box(me: Person) -> None:
    """The case manager will appear on the enrollment exit form, and a check box below asks if you want to end the case
    assignment.
    """
    exit_mine(me)
    asked = me.page.get_by_role("group", name="End the case assignment of")
    expect(asked.get_by_role("checkbox", name=me.name)).to_be_visible()
    expect(asked.get_by_role("checkbox")).to_have_count(2)


def test_the_box_is_checked_and_can_be_unchecked(me: Person) -> None:
    """This checkbox defaults as checked, but users could uncheck it during the exit assessment workflow if needed."""
    exit_mine(me)
    for box in me.page.get_by_role("group", name="End the case assignment of").get_by_role("checkbox").all():
        expect(box).to_be_checked()
    me.page.get_by_label(me.name).uncheck()
    me.press("Exit")
    me.says("kept after the exit")
    me.go("/active/")
    expect(me.row(MINE)).to_contain_text("Exited on 2 Mar 2026")
    [other] = {NAMES["kim"], NAMES["sam"]} - {me.name}
    me.go(f"{RECORD}case-managers/")
    expect(me.row(other)).to_contain_text("Ended on 2 Mar 2026")
    expect(me.row(me.name)).to_contain_text("Kept after the exit")


def open_edit(me: Person) -> Any:
    """Open the edit form of the own assignment from the client's workspace."""
    me.go(RECORD).click("Case Managers", within=me.menu("Client"))
    return me.click(f"Edit {me.name} in Lantern House Emergency Shelter")


def test_an_assignment_can_be_ended_from_the_clients_workspace(me: Person) -> None:
    """You can end a case manager's assignment with a client from the client's workspace."""
    open_edit(me)
    me.choose("Status", "Inactive").press("Save")
    headings = me.page.get_by_role("main").get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Active", "Inactive"]
    expect(me.row(me.name, within=me.page.get_by_role("region", name="Inactive"))).to_contain_text(
        "Ended on 2 Mar 2026"
    )


def test_click_on_case_managers_in_the_case_management_menu(me: Person) -> None:
    """Click on 'Case Managers' in the Case Management menu."""
    me.go(RECORD).click("Case Managers", within=me.menu("Client"))
    expect(me.menu("Client").get_by_role("link", name="Case Managers").first).to_have_attribute("aria-current", "page")


def test_click_on_the_edit_icon_for_the_case_manager_and_the_enrollment(me: Person) -> None:
    """Then click on the edit icon for the case manager and the enrollment you wish to edit."""
    open_edit(me)
    me.says(f"{me.name}, Case Manager").says("Lantern House Emergency Shelter")


def test_add_an_end_date_and_change_the_status_to_inactive_then_click_save(me: Person) -> None:
    """On the Case Manager Assignment page, add an end date and change the status from active to 'Inactive,' then click
    save.
    """
    open_edit(me)
    assert me.heading() == "Case Manager Assignment"
    assert me.chosen("Status") == "Active"
    me.fill("End date", "2026-02-27").choose("Status", "Inactive").press("Save")
    assert me.heading() == "Case Manager Assignments"
    expect(me.row("Ended on 27 Feb 2026")).to_contain_text(me.name)
    me.go("/active/")
    assert MINE not in me.rows()


def test_inactive_assignments_are_in_the_tools_menu(me: Person) -> None:
    """You can see your inactive assignments in the tools menu in the home workspace."""
    me.click("Home").click("Inactive Case Assignments", within=me.menu("Home").get_by_role("list", name="Tools"))
    assert me.heading() == "Inactive Case Assignments"


def test_they_show_all_past_clients_associated_with_you(me: Person) -> None:
    """The inactive case assignments show you all past clients associated with you."""
    me.go("/inactive/")
    assert PAST in me.rows()
    assert MINE not in me.rows()
    assert len(me.rows()) == {"kim": 13, "sam": 1}[me.account]
