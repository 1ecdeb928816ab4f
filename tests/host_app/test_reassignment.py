"""Case Load Reassignment: what is applied is the plan that was looked at, once, and it can be undone."""

from __future__ import annotations

from typing import Any

import pytest

from caseassign import Action
from host_app.conftest import Agency

PAGE = "/reassignment/"


def plan_of(browser: Any, **said: Any) -> dict[str, Any]:
    """Look at a plan, and return what the button Apply sends."""
    chosen = {"mark": "m", "from_": "U1", "to": ["U2"], "on": "2026-03-02", **said}
    form = browser.post(PAGE, {**chosen, "preview": ""}).context["form"]
    return {**chosen, "seen": form["seen"].value(), "apply": "1"}


def test_who_applies_twice_sees_the_first_outcome(agency: Agency) -> None:
    """SPEC 6: Apply, pressed twice, is one act; also where the first one left nothing of the caseload of who leaves."""
    agency.workers.filter(hmis_id="U1").update(left_on="2026-03-02")
    browser = agency.browser("sam")
    sent = plan_of(browser)
    first = browser.post(PAGE, sent)
    state = agency.state()
    again = browser.post(PAGE, sent)
    assert (first.status_code, again.status_code) == (302, 302)
    assert first.headers["Location"] == again.headers["Location"]
    assert agency.state() == state


def test_a_plan_that_has_changed_is_not_applied_but_shown_again(agency: Agency) -> None:
    """SPEC 6.11: what is applied is the plan that was looked at, or else nothing."""
    browser = agency.browser("sam")
    looked_at = plan_of(browser)
    agency.as_("U1").exit("E0121", on="2026-03-01")
    before = agency.state()
    assert b"Something has changed" in browser.post(PAGE, looked_at).content
    assert agency.state() == before


def test_a_day_that_is_changed_after_the_preview_is_another_plan(agency: Agency) -> None:
    """SPEC 6.11: Apply sends what is entered by then, and a plan for another day is one to look at first."""
    browser, before = agency.browser("sam"), agency.state()
    answer = browser.post(PAGE, {**plan_of(browser), "on": "2026-03-09"})
    assert b"Something has changed" in answer.content
    assert str(answer.context["plan"].on) == "2026-03-09"
    assert agency.state() == before
    browser.post(PAGE, {**plan_of(browser), "on": "2026-03-09", "seen": answer.context["form"]["seen"].value()})
    assert ("U2", "2026-03-09", None) in agency.held("E0121")


def test_a_reason_that_is_changed_after_the_preview_is_the_one_that_counts(agency: Agency) -> None:
    """SPEC 6.11: the reason does not change the plan, and is kept as it stands when one applies."""
    browser = agency.browser("sam")
    done = browser.post(PAGE, {**plan_of(browser), "reason": "leaves on Friday"}).headers["Location"]
    assert {change.reason for change in browser.get(done).context["changes"]} == {"leaves on Friday"}


def test_the_page_has_one_form_for_the_plan_and_for_applying_it(agency: Agency) -> None:
    """What is typed after the preview is sent by the button Apply as well, as it is of the same form."""
    browser = agency.browser("sam")
    chosen = {"mark": "m", "from_": "U1", "to": ["U2"], "on": "2026-03-02"}
    page = browser.post(PAGE, chosen).content.decode()
    assert page.count('name="on"') == page.count('name="reason"') == page.count('name="seen"') == 1
    assert '<button class="main" form="choose" name="apply"' in page
    browser.post(PAGE, plan_of(browser))
    nothing = browser.post(PAGE, chosen).content.decode()
    assert "0 to be moved" in nothing
    assert 'name="apply"' not in nothing


def test_a_reassignment_that_only_ends_is_undone_as_any_other(agency: Agency) -> None:
    """SPEC 6.11, 6.12: where the receiver holds every case already, cases end, and the page offers the way back."""
    browser, before = agency.browser("sam"), (agency.held("E0017"), agency.held("E0061"))
    done = browser.post(PAGE, plan_of(browser, from_="S1", to=["U1"])).headers["Location"]
    assert (agency.held("E0017"), agency.held("E0061")) != before
    page = browser.get(done)
    assert b"0 case assignments began with it, and 2 ended" in page.content
    assert b"Undo this reassignment" in page.content
    browser.post(done)
    assert (agency.held("E0017"), agency.held("E0061")) == before
    page = browser.get(done)
    assert b"This reassignment was undone" in page.content
    assert b"Undo this reassignment" not in page.content


def test_whose_cases_all_begin_later_can_be_chosen(agency: Agency) -> None:
    """SPEC 6.11: what is upcoming is reassigned too; so who holds nothing else is among those to choose from."""
    agency.as_("S1").assign("E0121", "U4", start="2026-04-01")
    browser = agency.browser("sam")
    assert "U4" in dict(browser.get(PAGE).context["form"].fields["from_"].widget.choices)
    browser.post(PAGE, plan_of(browser, from_="U4"))
    assert ("U2", "2026-04-01", None) in agency.held("E0121")


@pytest.mark.parametrize("action", [Action.EXPORT_IMPORT, Action.ENROLLMENT_EXIT])
def test_other_batches_are_no_reassignments(agency: Agency, action: Action) -> None:
    """SPEC 6.12: the page of a reassignment neither speaks of an import or an exit, nor undoes it."""
    stint = agency.assignments.get(enrollment__hmis_id="E0121")
    batch = stint.batch_id
    if action is Action.ENROLLMENT_EXIT:
        batch = agency.as_("S1").exit("E0121").batch_id
    browser, before = agency.browser("sam"), agency.state()
    assert browser.get(f"{PAGE}{batch}/").status_code == 404
    assert browser.post(f"{PAGE}{batch}/").status_code == 404
    assert agency.state() == before
