"""The second public guide, "Active Cases: Subfolder", sentence by sentence: each docstring is one of them.

Its sentences that point to other chapters of the manual it is taken from say nothing of case assignments.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.people import MINE, NAMES, PAST, Person

pytestmark = pytest.mark.browser


def test_the_active_cases_subfolder_displays_a_users_active_case_assignments(me: Person) -> None:
    """The "Active Cases" subfolder displays a user's active case assignments."""
    me.go("/active/")
    assert MINE in me.rows()
    assert PAST not in me.rows()


def test_navigate_to_the_home_workspace(me: Person) -> None:
    """Step 1: Navigate to the Home Workspace."""
    me.go("/clients/C0011/").click("Home")
    expect(me.menu("Home")).to_be_visible()
    expect(me.page.get_by_role("link", name="Home", exact=True)).to_have_attribute("aria-current", "true")


def test_a_dropdown_menu_appears_under_my_clienttrack(me: Person) -> None:
    """Step 2: Select the "My ClientTrack" secondary sidebar menu option. A dropdown menu will appear under the
    "My ClientTrack" folder.
    """
    option = me.menu("Home").get_by_role("link", name="Active Cases", exact=True)
    expect(option).to_be_hidden()
    me.menu("Home").get_by_text("My ClientTrack").click()
    expect(option).to_be_visible()


def test_active_cases_navigates_to_active_case_assignments(me: Person) -> None:
    """Step 3.1: Select the "Active Cases" secondary sidebar menu option. ClientTrack will navigate to the "Active Case
    Assignments" workspace container.
    """
    me.menu("Home").get_by_text("My ClientTrack").click()
    me.click("Active Cases", within=me.menu("Home"), exact=True)
    assert me.heading() == "Active Case Assignments"


def test_the_select_icon_is_next_to_each_client(me: Person) -> None:
    """To select a client, click the select icon next to the appropriate client."""
    me.go("/active/")
    for client in me.rows():
        row = me.page.get_by_role("row").filter(has=me.page.get_by_role("rowheader", name=client))
        expect(row.get_by_role("link", name=f"Select client {client}")).to_be_visible()


def test_selecting_switches_from_the_home_workspace_to_the_client_workspace(me: Person) -> None:
    """ClientTrack will navigate to the client's dashboard and switch from the Home Workspace to the Client
    Workspace.
    """
    me.go("/active/").click(f"Select client {MINE}")
    assert me.heading() == MINE
    expect(me.menu("Client")).to_be_visible()
    expect(me.menu("Home")).to_have_count(0)


def test_view_inactive_cases_is_in_the_top_right_corner(me: Person) -> None:
    """Method #1: Select the "View Inactive Cases" button on the top right corner of the "Active Case Assignments"
    workspace container.
    """
    me.go("/active/")
    button = me.page.get_by_role("link", name="View Inactive Cases").bounding_box()
    main = me.page.get_by_role("main").bounding_box()
    heading = me.page.get_by_role("heading", level=1).bounding_box()
    assert button["x"] + button["width"] > main["x"] + 0.9 * main["width"]
    assert abs(button["y"] - heading["y"]) < heading["height"]


def test_it_navigates_to_inactive_case_assignments(me: Person) -> None:
    """Client Track will navigate to the "Inactive Case Assignments" workspace container."""
    me.go("/active/").click("View Inactive Cases")
    assert me.heading() == "Inactive Case Assignments"


def test_the_edit_icon_is_next_to_each_client(me: Person) -> None:
    """Step 4: Click the edit icon next to the appropriate client."""
    me.go("/inactive/")
    for row in me.page.get_by_role("row").filter(has=me.page.get_by_role("rowheader")).all():
        name = row.get_by_role("rowheader").inner_text().strip()
        expect(row.get_by_role("link", name=f"Edit case assignment of {name}")).to_be_visible()
    icons = me.page.get_by_role("link", name="Edit case assignment of").all()
    assert len({icon.get_attribute("href") for icon in icons}) == len(icons) == len(me.rows())


def test_it_navigates_to_the_client_case_assignment_form(me: Person) -> None:
    """ClientTrack will navigate to the "Client Case Assignment" workspace container form."""
    me.go("/inactive/").click(f"Edit case assignment of {PAST}")
    assert me.heading() == "Client Case Assignment"
    me.says(PAST)


def test_select_active_in_the_status_box(me: Person) -> None:
    """Step 5: Select the "Status" box and select the "active" to change the client's status."""
    me.go("/inactive/").click(f"Edit case assignment of {PAST}")
    assert me.chosen("Status") == "Inactive"
    me.choose("Status", "Active")
    assert me.chosen("Status") == "Active"


def test_click_save_to_close(me: Person) -> None:
    """Step 6: Click "Save" to close."""
    me.go("/inactive/").click(f"Edit case assignment of {PAST}")
    me.choose("Status", "Active").press("Save")
    me.says(f"Saved: {me.name} for {PAST}.")
    me.go("/active/")
    expect(me.row(PAST)).to_contain_text("Since 2 Mar 2026")


def test_click_cancel_to_exit_without_saving(me: Person) -> None:
    """Click "Cancel" to exit without saving."""
    me.go("/inactive/").click(f"Edit case assignment of {PAST}")
    me.choose("Status", "Active").click("Cancel")
    assert me.heading() == "Inactive Case Assignments"
    assert PAST in me.rows()
    me.go("/active/")
    assert PAST not in me.rows()


def test_the_newly_activated_client_is_removed_from_the_list(me: Person) -> None:
    """ClientTrack will navigate to the "Client Case" Assignment" workspace container and the newly activated client
    will be removed from the populated list.
    """  # which is the list of inactive ones: the container of that name has none
    me.go("/inactive/").click(f"Edit case assignment of {PAST}")
    me.choose("Status", "Active").press("Save")
    assert me.heading() == "Inactive Case Assignments"
    assert PAST not in me.rows()


def test_active_and_inactive_cases_are_managed_in_the_edit_client_subfolder_too(me: Person) -> None:
    """Method #2: Managing Active and Inactive Cases through "Case Manager Assignments" in the "Edit Client"
    subfolder.
    """
    me.go("/clients/C0099/").menu("Client").get_by_text("Edit Client").click()
    me.click("Case Managers", within=me.menu("Client").get_by_role("group"))
    assert me.heading() == "Case Manager Assignments"
    me.click(f"Edit {me.name} in Lantern House Rapid Re-Housing").choose("Status", "Active").press("Save")
    active = me.page.get_by_role("region", name="Active", exact=True)
    expect(me.row(me.name, within=active)).to_contain_text("Since 2 Mar 2026")


def test_to_reassign_cases_a_user_needs_access_to_hmis_reports(visitor: Person) -> None:
    """To reassign cases via the "Case Load Reassignment" tool, a user will need access to "HMIS Reports"."""
    worker = visitor.log_in("kim")
    expect(worker.menu("Home").get_by_role("link", name="Case Load Reassignment")).to_have_count(0)
    assert worker.go("/reassignment/").heading() == "No access"
    supervisor = visitor.log_in("sam")
    expect(supervisor.menu("Home").get_by_role("heading", name="HMIS Reports")).to_be_visible()
    supervisor.click("Case Load Reassignment", within=supervisor.menu("Home"))
    assert supervisor.heading() == "Case Load Reassignment"
    supervisor.choose("Reassign the cases of", f"{NAMES['kim']} (11 cases)")
    supervisor.page.get_by_label(NAMES["lee"]).check()
    supervisor.press("Preview the plan").says("Nothing is done yet. 11 to be moved")
    supervisor.press("Apply").says("11 case assignments began with it")
    visitor.log_in("kim").go("/active/").says("No client is assigned to you.")
    visitor.log_in("lee").go("/active/").says(MINE)


def test_access_has_to_be_requested(visitor: Person) -> None:
    """To request access, email …"""
    visitor.log_in("kim").go("/reassignment/").says("Case Load Reassignment needs access to HMIS Reports: ask for it")
