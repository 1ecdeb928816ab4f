"""Forms that stand open while somebody else saves, and what is typed before a search: nothing is lost, or undone."""

from __future__ import annotations

from typing import Any

import pytest

from caseassign import SYSTEM
from host_app.conftest import Agency
from host_app.entering import entered, errors

CLIENT, ENROLLMENT = "C0102", "E0121"
EXIT = f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/exit/"
EDIT = f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/"
ADD = f"/clients/{CLIENT}/case-managers/add/"
HOUSEHOLD = f"/clients/{CLIENT}/enroll/household/?project=P01&entry_date=2026-03-10&member=C0003"


def stint_page(agency: Agency, client: str, enrollment: str, worker: str = "U1") -> str:
    """Return where an assignment is edited."""
    stint = agency.assignments.get(enrollment__hmis_id=enrollment, worker__hmis_id=worker)
    return f"/clients/{client}/case-managers/{stint.hmis_id}/"


def test_a_stale_form_reactivates_nobody(agency: Agency) -> None:
    """SPEC 4.1, 6.5: who leaves the status as it was does not make anybody responsible whom somebody else ended."""
    page, browser = stint_page(agency, CLIENT, ENROLLMENT), agency.browser("kim")
    form = browser.get(page)
    agency.as_("S1").end(form.context["case"].assignment, on="2026-02-20")
    before = agency.state()
    answer = browser.post(page, entered(form, reason="a note"))
    assert errors(answer)["status"] == ["It is Inactive by now: somebody has changed it. Open the form again."]
    assert agency.state() == before
    assert browser.post(page, entered(browser.get(page), status="Active")).status_code == 302
    assert [start for _, start, _ in agency.held(ENROLLMENT)][-1] == "2026-03-02"


def test_an_end_that_is_taken_away_contradicts_inactive(agency: Agency) -> None:
    """SPEC 4.1: Inactive without an end is refused with both readings; Active without it reactivates."""
    page, browser = stint_page(agency, "C0099", "E0117"), agency.browser("kim")
    before = agency.state()
    [message] = errors(browser.post(page, entered(browser.get(page), end_date="")))["end_date"]
    assert "Inactive with an end, or Active?" in message
    assert agency.state() == before
    assert browser.post(page, entered(browser.get(page), end_date="", status="Active")).status_code == 302


def test_a_form_in_which_nothing_was_changed_says_so(agency: Agency) -> None:
    """SPEC 6: where nothing is written, the page does not say that it was saved."""
    page, browser = stint_page(agency, CLIENT, ENROLLMENT), agency.browser("kim")
    before = agency.state()[:2]
    answer = browser.post(page, entered(browser.get(page), reason="a note"), follow=True)
    assert "Nothing was changed, and nothing saved" in answer.content.decode()
    assert agency.state()[:2] == before


def test_one_who_is_to_begin_later_can_be_void(agency: Agency) -> None:
    """SPEC 4.2, 6.6: an upcoming assignment is not made inactive but void, with a reason, which is asked for."""
    page, browser = stint_page(agency, "C0046", "E0061", "S1"), agency.browser("kim")
    form = browser.get(page)
    assert [key for key, _ in form.context["form"].fields["status"].choices] == ["Upcoming", "Void"]
    before = agency.state()
    assert "say why" in errors(browser.post(page, entered(form, status="Void")))["reason"][0]
    assert agency.state() == before
    browser.post(page, entered(form, status="Void", reason="does not come"))
    assert [user for user, _, _ in agency.held("E0061")] == ["U1"]


def test_two_who_save_beds_and_days_keep_both(agency: Agency) -> None:
    """SPEC 6.10: a bed that was not touched on the form stays as it is by now, as days do."""
    kim, lee = agency.browser("kim"), agency.browser("lee")
    of_kim, of_lee = kim.get(EDIT), lee.get(EDIT)
    kim.post(EDIT, entered(of_kim, bed="12 B"))
    lee.post(EDIT, entered(of_lee, entry_date="2025-11-01"))
    row = agency.enrollments.get(hmis_id=ENROLLMENT)
    assert (str(row.entered_on), row.bed) == ("2025-11-01", "12 B")


def test_a_second_exit_leaves_the_destination_of_the_first(agency: Agency) -> None:
    """SPEC 6.7: exiting again writes nothing, in the agency's own column neither, and the page says so."""
    kim, lee = agency.browser("kim"), agency.browser("lee")
    of_kim, of_lee = kim.get(EXIT), lee.get(EXIT)
    kim.post(EXIT, entered(of_kim, destination="Rental"))
    before = agency.state()[:2]
    answer = lee.post(EXIT, entered(of_lee, destination="With family"), follow=True)
    assert agency.state()[:2] == before
    assert "Exited on that day already" in answer.content.decode()


def test_who_has_ended_since_an_exit_in_the_past_ends_with_it(agency: Agency) -> None:
    """SPEC 6.7, 6.8: nobody is kept but whom somebody unticked: there is no box for who has ended by now."""
    agency.as_("U2").assign(ENROLLMENT, "U2", start="2026-01-05", end="2026-02-20")
    browser = agency.browser("kim")
    form = browser.get(EXIT)
    [kim] = [key for key, _ in form.context["form"].fields["end_assignments"].choices]
    assert kim == agency.assignments.get(enrollment__hmis_id=ENROLLMENT, worker__hmis_id="U1").hmis_id
    browser.post(EXIT, entered(form, exit_date="2026-02-01", end_assignments=[]))
    stints = agency.assignments.filter(enrollment__hmis_id=ENROLLMENT)
    assert {(s.worker.hmis_id, str(s.end_date), s.kept_after_exit) for s in stints} == {
        ("U1", "None", True),
        ("U2", "2026-02-01", False),
    }


def test_an_exit_in_the_past_with_every_box_ticked_keeps_nobody(agency: Agency) -> None:
    """SPEC 6.7: the boxes as they come end whoever held the enrollment on the day or later."""
    browser, page = agency.browser("kim"), "/clients/C0099/enrollments/E0117/exit/"
    browser.post(page, entered(browser.get(page), exit_date="2026-02-01"))
    assert {end for _, _, end in agency.held("E0117")} == {"2026-02-01"}
    assert not agency.assignments.filter(enrollment__hmis_id="E0117", kept_after_exit=True).exists()


def test_who_is_given_the_case_while_the_exit_form_is_open_is_not_kept(agency: Agency) -> None:
    """SPEC 6.7: a box that was never shown was not unticked."""
    browser = agency.browser("kim")
    form = browser.get(EXIT)
    agency.as_("U2").assign(ENROLLMENT, "U2", start="2026-02-01")
    browser.post(EXIT, entered(form, exit_date="2026-03-01"))
    assert [end for _, _, end in agency.held(ENROLLMENT)] == ["2026-03-01", "2026-03-01"]


def test_the_box_of_who_begins_later_says_so(agency: Agency) -> None:
    """SPEC 6.7: what starts after the exit is void, ticked or not; in a later exit the box counts."""
    page, browser = "/clients/C0046/enrollments/E0061/exit/", agency.browser("kim")
    form = browser.get(page)
    boxes = {label: key for key, label in form.context["form"].fields["end_assignments"].choices}
    upcoming = "Sam Cinderfell, from 16\N{NO-BREAK SPACE}Mar\N{NO-BREAK SPACE}2026 on (void if the exit is earlier)"
    assert set(boxes) == {"Kim Cinderbank", upcoming}
    browser.post(page, entered(form, exit_date="2026-03-20", end_assignments=[boxes["Kim Cinderbank"]]))
    assert agency.held("E0061")[-1] == ("S1", "2026-03-16", None)


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        (ADD, {"start_date": "2026-02-01", "reason": "housing search", "household": "on"}, "case_manager"),
        (HOUSEHOLD, {f"bed_{CLIENT}": "7", "relationship_C0003": "3", "reason": "moved"}, "case_manager_C0003"),
    ],
)
def test_a_search_keeps_what_was_typed(agency: Agency, path: str, said: dict[str, Any], field: str) -> None:
    """SPEC 7.5: who searches for a case manager loses nothing, whom they chose before included, and saves nothing."""
    browser, before = agency.browser("kim"), agency.state()
    first = browser.get(path)
    found = browser.post(path, entered(first, **said, **{field: "U4"}, search="juniper", find="1"))
    assert agency.state() == before
    form = found.context["form"]
    assert {name: str(form[name].value()) for name in said} == said
    assert form["mark"].value() == first.context["form"]["mark"].value()
    assert {key for key, _ in form.fields[field].choices if key} == {"U1", "U2", "U4"}
    assert form[field].value() == ("U2" if path == ADD else "U4")
    assert browser.post(path, entered(found)).status_code == 302


def test_who_has_left_by_the_entry_is_not_offered(agency: Agency) -> None:
    """SPEC 5, 6.1: the household's case managers are those who work on the day of the entry; oneself, if so."""
    agency.workers.filter(hmis_id__in=["U1", "U2"]).update(left_on="2026-03-10")
    browser = agency.browser("kim")
    field = "case_manager_C0003"
    form = browser.get(HOUSEHOLD)
    assert not {"U1", "U2"} & {key for key, _ in form.context["form"].fields[field].choices}
    assert form.context["form"][field].value() == ""
    assert field in errors(browser.post(HOUSEHOLD, entered(form, **{field: "U2"})))


def test_a_violation_stands_beside_the_day_that_was_entered(agency: Agency) -> None:
    """SPEC 5.1, 6.10: on the pen, what the exit breaks stands beside the exit, and what the entry breaks beside it."""
    page, browser = "/clients/C0046/enrollments/E0061/", agency.browser("kim")
    assert set(errors(browser.post(page, entered(browser.get(page), exit_date="2026-03-10")))) == {"exit_date"}
    assert set(errors(browser.post(page, entered(browser.get(page), entry_date="2026-03-20")))) == {"entry_date"}


def test_the_dashboard_counts_cases(agency: Agency) -> None:
    """SPEC 7.1: a client who is held in two projects is two cases."""
    agency.as_(SYSTEM).enroll("C0011", "P02", on="2026-03-01", case_manager="U1")
    assert b"12 cases assigned to me" in agency.browser("kim").get("/").content
