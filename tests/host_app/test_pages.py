"""What the forms do, quickly: what is refused stands beside its field, and a button that is pressed twice acts once."""

from __future__ import annotations

from typing import Any

import pytest

from host_app.conftest import Agency
from host_app.entering import entered, errors

CLIENT, ENROLLMENT = "C0102", "E0121"
ADD = f"/clients/{CLIENT}/case-managers/add/"
EXIT = f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/exit/"
EDIT = f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/"


def test_the_form_to_add_begins_with_today_and_me(agency: Agency) -> None:
    """SPEC 6.2: the start defaults to today, the case manager to oneself."""
    form = agency.browser("lee").get(ADD).context["form"]
    assert (str(form["start_date"].value()), form["case_manager"].value()) == ("2026-03-02", "U2")


def test_only_those_are_offered_who_may_take_the_case(agency: Agency) -> None:
    """SPEC 7.5: the search lists users with access to the organization."""
    form = agency.browser("kim").get(ADD).context["form"]
    offered = [key for key, _ in form.fields["case_manager"].choices]
    assert offered[0] == "U1"
    assert {*offered} == {user.user_id for user in agency.as_("U1").find_case_managers("", enrollment=ENROLLMENT)}
    assert "U3" not in offered  # Robin, who works for another organization


def test_what_is_refused_stands_beside_the_field_that_it_names(agency: Agency) -> None:
    """SPEC 5.1, 6: a refused act writes nothing, and every violation is shown where it belongs."""
    browser, before = agency.browser("lee"), agency.state()
    answer = browser.post(ADD, entered(browser.get(ADD), start_date="2020-01-01"))
    assert set(errors(answer)) == {"start_date"}
    assert "before the entry" in errors(answer)["start_date"][0]
    assert b'aria-describedby="id_start_date_error"' in answer.content
    assert agency.state() == before


def test_all_violations_are_shown_at_once(agency: Agency) -> None:
    """SPEC 5: the form reports all, not the first."""
    agency.as_("U1").exit(ENROLLMENT, on="2026-03-01")
    browser = agency.browser("lee")
    answer = browser.post(ADD, entered(browser.get(ADD), start_date="2026-03-02"))
    assert {*errors(answer)} == {"start_date", "__all__"}  # it starts after the exit; and it has no end


TWICE: dict[str, tuple[str, dict[str, Any]]] = {
    "add": (ADD, {"case_manager": "U2"}),
    "edit the enrollment": (EDIT, {"entry_date": "2025-11-05"}),
    "exit": (EXIT, {"exit_date": "2026-03-01"}),
    "exit before a case manager begins": ("/clients/C0046/enrollments/E0061/exit/", {}),
    "exit a household": ("/clients/C0044/enrollments/E0058/exit/", {"household": "on"}),
    "enroll": (f"/clients/{CLIENT}/enroll/household/?project=P01&entry_date=2026-03-01&member=C0003", {}),
    "end": (f"/clients/{CLIENT}/case-managers/STINT/", {"status": "Inactive"}),
    "reactivate": ("/inactive/PAST/", {"status": "Active"}),
    "void": ("/inactive/PAST/", {"status": "Void", "reason": "another client was meant"}),
}


@pytest.mark.parametrize(("path", "said"), TWICE.values(), ids=TWICE)
def test_a_button_that_is_pressed_twice_acts_once(agency: Agency, path: str, said: dict[str, Any]) -> None:
    """SPEC 6: the same form, sent again, is the same command, and is answered like the first time."""
    of_kim = agency.assignments.filter(worker__hmis_id="U1")
    path = path.replace("STINT", of_kim.get(enrollment__hmis_id=ENROLLMENT).hmis_id)
    path = path.replace("PAST", of_kim.get(enrollment__hmis_id="E0117").hmis_id)
    browser, before = agency.browser("kim"), agency.state()
    sent = entered(browser.get(path), **said)
    first = browser.post(path, sent)
    state = agency.state()
    again = browser.post(path, sent)
    assert (first.status_code, again.status_code) == (302, 302)
    assert first.headers["Location"] == again.headers["Location"]
    assert before != state == agency.state()


def test_the_same_form_opened_anew_is_another_command(agency: Agency) -> None:
    """SPEC 6: who opens the form again and enters the same is refused, like with any other overlap."""
    browser = agency.browser("lee")
    browser.post(ADD, entered(browser.get(ADD)))
    state = agency.state()
    assert "start_date" in errors(browser.post(ADD, entered(browser.get(ADD))))
    assert agency.state() == state


def test_a_form_that_is_changed_after_going_back_is_another_command(agency: Agency) -> None:
    """SPEC 6: what is entered anew into a form that was sent is not taken for the first sending."""
    browser = agency.browser("kim")
    said = entered(browser.get(EDIT), bed="12 B")
    browser.post(EDIT, said)
    browser.post(EDIT, {**said, "entry_date": "2025-11-01"})
    assert str(agency.enrollments.get(hmis_id=ENROLLMENT).entered_on) == "2025-11-01"


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"status": "Inactive", "end_date": "2026-03-20"}, True),
        ({"status": "Active", "end_date": "2026-02-20"}, True),
        ({"status": "Inactive", "end_date": "2026-02-20"}, False),
        ({"status": "Active", "end_date": "2026-03-20"}, False),
        ({"status": "Inactive"}, False),
    ],
)
def test_status_and_end_date_must_agree(agency: Agency, said: dict[str, str], refused: bool) -> None:
    """SPEC 4.1: what contradicts itself is refused with both readings, beside the end date."""
    browser = agency.browser("kim")
    [stint] = agency.assignments.filter(enrollment__hmis_id=ENROLLMENT)
    page = f"/clients/{CLIENT}/case-managers/{stint.hmis_id}/"
    before = agency.state()
    answer = browser.post(page, entered(browser.get(page), **said))
    if refused:
        [message] = errors(answer)["end_date"]
        assert "Inactive" in message
        assert "Active" in message
        assert agency.state() == before
    else:
        end = said.get("end_date", "2026-03-02")
        assert agency.held(ENROLLMENT) == [("U1", str(stint.start_date), end)]


def test_two_who_edit_at_once_do_not_undo_one_another(agency: Agency) -> None:
    """SPEC 6.4: a field that was not touched on the form is left as it is by now, not as it was."""
    kim, lee = agency.browser("kim"), agency.browser("lee")
    of_kim, of_lee = kim.get(EDIT), lee.get(EDIT)
    kim.post(EDIT, entered(of_kim, entry_date="2025-11-01"))
    lee.post(EDIT, entered(of_lee, bed="12 B"))
    row = agency.enrollments.get(hmis_id=ENROLLMENT)
    assert (str(row.entered_on), row.bed) == ("2025-11-01", "12 B")


def test_the_exit_form_saves_what_only_the_agency_asks(agency: Agency) -> None:
    """SPEC 6.7: the exit, the ended assignment and the agency's own destination come together."""
    browser = agency.browser("kim")
    browser.post(EXIT, entered(browser.get(EXIT), exit_date="2026-03-01", destination="Rental"))
    row = agency.enrollments.get(hmis_id=ENROLLMENT)
    assert (str(row.exited_on), row.destination) == ("2026-03-01", "Rental")
    assert [end for _, _, end in agency.held(ENROLLMENT)] == ["2026-03-01"]


def test_the_search_for_members_is_none_for_case_managers(agency: Agency) -> None:
    """SPEC 6.1: what the first part of the entry was searched for does not narrow the second."""
    entry = f"/clients/{CLIENT}/enroll/?project=P01&entry_date=2026-03-01&search=Malik&member=C0003"
    browser = agency.browser("kim")
    assert "C0003" in dict(browser.get(entry).context["form"].fields["member"].choices)
    form = browser.get(f"{entry}&continue=1", follow=True).context["form"]
    assert [key for key, _ in form.members] == [CLIENT, "C0003"]
    assert "U2" in dict(form.fields["case_manager_C0003"].choices)


def test_a_household_is_enrolled_with_a_case_manager_for_each(agency: Agency) -> None:
    """SPEC 6.1: oneself, another one, or nobody; and the bed, which only the agency knows, with it."""
    page = f"/clients/{CLIENT}/enroll/household/?project=P01&entry_date=2026-03-01&member=C0003&member=C0004"
    browser = agency.browser("kim")
    said = {"case_manager_C0003": "U2", "case_manager_C0004": "", "bed_C0004": "12 B"}
    browser.post(page, entered(browser.get(page), **said))
    rows = {
        row.client.hmis_id: row for row in agency.enrollments.filter(project__hmis_id="P01", entered_on="2026-03-01")
    }
    held = {key: [user for user, _, _ in agency.held(row.hmis_id)] for key, row in rows.items()}
    assert held == {CLIENT: ["U1"], "C0003": ["U2"], "C0004": []}
    assert {key: row.bed for key, row in rows.items()} == {CLIENT: "", "C0003": "", "C0004": "12 B"}
    assert len({row.household_id for row in rows.values()}) == 1
