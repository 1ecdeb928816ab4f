"""Who may do what on the pages: permissions are Django's, and caseassign asks them through the agency's policy."""

from __future__ import annotations

from typing import Any

import pytest

from caseassign import Action
from host_app.conftest import Agency

CLIENT = "C0102"  # Kim's, alone in Lantern House
PAGES = {
    "dashboard": "/",
    "active": "/active/",
    "inactive": "/inactive/",
    "clients": "/clients/",
    "record": f"/clients/{CLIENT}/",
    "case managers": f"/clients/{CLIENT}/case-managers/",
    "add": f"/clients/{CLIENT}/case-managers/add/",
    "entry": f"/clients/{CLIENT}/enroll/",
    "entry of a household": f"/clients/{CLIENT}/enroll/household/?project=P02&entry_date=2026-03-02",
    "edit enrollment": f"/clients/{CLIENT}/enrollments/E0121/",
    "exit": f"/clients/{CLIENT}/enrollments/E0121/exit/",
}
OF_THE_CLIENT = {name: path for name, path in PAGES.items() if CLIENT in path}


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_worker_sees_every_page_and_looking_writes_nothing(agency: Agency, path: str) -> None:
    """SPEC 8.1: who has the permissions sees the page; to ask for a page changes nothing."""
    before = agency.state()
    assert agency.browser("kim").get(path).status_code == 200
    assert agency.state() == before


@pytest.mark.parametrize("path", [*PAGES.values(), "/reassignment/"])
def test_the_outsider_gets_nothing(agency: Agency, path: str) -> None:
    """SPEC 8.1: an account of nobody on the staff gets no page at all."""
    answer = agency.browser("olga").get(path)
    assert answer.status_code == 403
    assert b"Lantern" not in answer.content


@pytest.mark.parametrize("path", OF_THE_CLIENT.values(), ids=OF_THE_CLIENT)
def test_another_organization_gets_nothing_of_the_client(agency: Agency, path: str) -> None:
    """SPEC 8.2: a worker of another organization gets no page of the client, and no name."""
    answer = agency.browser("robin").get(path)
    assert answer.status_code in {403, 404}
    name = agency.as_("U1").client_record(CLIENT).client.last_name or ""
    assert name
    assert name.encode() not in answer.content


@pytest.mark.parametrize("path", [*PAGES.values(), "/reassignment/"])
def test_nobody_who_is_not_logged_in_sees_anything(agency: Agency, path: str) -> None:
    """SPEC 8.1: without log-in every page leads to it."""
    browser = agency.browser("kim")
    browser.logout()
    assert browser.get(path).headers["Location"].startswith("/login/")


def test_reassignment_is_for_those_with_access_to_hmis_reports(agency: Agency) -> None:
    """SPEC 6.11: the tool is there for those who have its permission, and for nobody else; the menu says so."""
    link = b'href="/reassignment/"'
    kim, sam = agency.browser("kim"), agency.browser("sam")
    assert (kim.get("/reassignment/").status_code, sam.get("/reassignment/").status_code) == (403, 200)
    assert (link in kim.get("/").content, link in sam.get("/").content) == (False, True)


def test_a_group_is_all_that_it_takes(agency: Agency) -> None:
    """SPEC 8.1: who is given the group may, at the next click; from whom it is taken may not any more."""
    from django.contrib.auth.models import Group, User  # noqa: PLC0415  # Django has to be set up first

    kim = User.objects.get(username="kim")
    browser = agency.browser("kim")
    kim.groups.add(Group.objects.get(name="HMIS Reports"))
    assert browser.get("/reassignment/").status_code == 200
    kim.groups.clear()
    assert browser.get("/reassignment/").status_code == 403
    assert browser.get("/active/").status_code == 403


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            f"/clients/{CLIENT}/case-managers/add/",
            {"start_date": "2026-03-02", "case_manager": "U3", "enrollment": "E0121"},
        ),
        (f"/clients/{CLIENT}/enrollments/E0121/exit/", {"exit_date": "2026-03-02"}),
        (f"/clients/{CLIENT}/enrollments/E0121/", {"entry_date": "2026-01-01"}),
        ("/reassignment/", {"from_": "U1", "to": "U3", "on": "2026-03-02", "apply": "1"}),
    ],
)
@pytest.mark.parametrize("who", ["robin", "olga"])
def test_who_posts_past_the_pages_is_refused_too(agency: Agency, path: str, said: dict[str, Any], who: str) -> None:
    """SPEC 8.1: the server asks, and not only the pages: a form that somebody made up writes nothing."""
    before = agency.state()
    assert agency.browser(who).post(path, said).status_code in {403, 404}
    assert agency.state() == before


def test_every_write_needs_the_token_of_the_site(agency: Agency) -> None:
    """A form of another site is refused before anybody is asked (CSRF)."""
    before = agency.state()
    browser = agency.browser("kim", enforce_csrf_checks=True)
    assert browser.post(f"/clients/{CLIENT}/enrollments/E0121/exit/", {"exit_date": "2026-03-02"}).status_code == 403
    assert agency.state() == before


def test_what_writes_at_one_click_answers_to_post_alone(agency: Agency) -> None:
    """A link that is followed, by a robot too, reactivates nothing; who had to log in first is led back to the list."""
    past = agency.assignments.get(worker__hmis_id="U1", enrollment__hmis_id="E0117").hmis_id
    before = agency.state()
    assert agency.browser("kim").get(f"/inactive/{past}/reactivate/").headers["Location"] == "/inactive/"
    assert agency.state() == before


def test_who_has_left_sees_nothing_any_more(agency: Agency) -> None:
    """SPEC 8.1: from the first day no longer worked, no page shows anything to them, the agency's own ones included."""
    browser = agency.browser("kim")
    assert browser.get("/clients/?search=quinn").status_code == 200
    agency.workers.filter(hmis_id="U1").update(left_on="2026-03-03")
    assert browser.get("/clients/?search=quinn").status_code == 200
    agency.workers.filter(hmis_id="U1").update(left_on="2026-03-02")
    for path in PAGES.values():
        answer = browser.get(path)
        assert answer.status_code == 403
        assert b"Quinn" not in answer.content


def test_every_action_is_one_permission_of_django(agency: Agency) -> None:
    """SPEC 8.1: actions and permissions go together one to one."""
    from agency.access import codename  # noqa: PLC0415
    from django.contrib.auth.models import Permission  # noqa: PLC0415

    known = set(Permission.objects.filter(content_type__model="assignment").values_list("codename", flat=True))
    assert known == {codename(action) for action in Action}
    assert len(known) == len(Action)
