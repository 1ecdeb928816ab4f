"""What holds of every page: an automated check of accessibility, the keyboard alone, and nothing for outsiders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from browser.pages import PAGES
from browser.people import MINE, NAMES, PAST, RECORD, Person

pytestmark = pytest.mark.browser


def problems(page: Any) -> Iterator[str]:
    """Yield what axe finds wrong with a page."""
    for found in Axe().run(page).response["violations"]:
        for node in found["nodes"]:
            yield f"{found['id']}: {found['help']} {node['target']}"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_passes_an_automated_check_of_accessibility(visitor: Person, name: str) -> None:
    """Every page has landmarks, headings, labels and enough contrast, in light and in dark; it fits on a telephone."""
    PAGES[name](visitor)
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert list(problems(visitor.page)) == []
    expect(visitor.page.get_by_role("heading", level=1)).to_have_count(1)
    expect(visitor.page.get_by_role("main")).to_have_count(1)
    visitor.page.set_viewport_size({"width": 360, "height": 720})
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_check_finds_what_is_wrong(visitor: Person) -> None:
    """The check can fail: a field without label, and a colour that is too weak, are found."""
    PAGES["edit-assignment"](visitor)
    visitor.page.evaluate("document.querySelector('label').remove(); document.body.style.color = '#999'")
    assert {problem.partition(":")[0] for problem in problems(visitor.page)} >= {"label", "color-contrast"}


@pytest.mark.parametrize("name", PAGES)
def test_everything_on_the_page_is_reached_by_the_keyboard(visitor: Person, name: str) -> None:
    """Tab leads to every link, button and field, in the order of the page, and what has the focus shows it."""
    PAGES[name](visitor)
    page = visitor.page
    reachable = "a[href], button, input:not([type=hidden]), select, summary"
    page.evaluate(
        "selector => [...document.querySelectorAll(selector)].filter(each => each.checkVisibility())"
        ".forEach((each, number) => each.dataset.number = number)",
        reachable,
    )
    wanted = page.locator("[data-number]").count()
    page.evaluate("document.querySelector('[data-number]').focus()")
    reached = [0]
    for _ in range(3 * wanted):  # a day is chosen in three steps
        page.keyboard.press("Tab")
        number, outline = page.evaluate(
            "[document.activeElement.dataset.number, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if number is None:
            break
        assert outline != "none", number
        reached.append(int(number))
    assert list(dict.fromkeys(reached)) == list(range(wanted))


def test_a_case_is_ended_with_the_keyboard_alone(visitor: Person) -> None:
    """From the log-in to the saved form without a mouse."""
    page = visitor.page
    visitor.go("/login/")
    page.get_by_label("Username").focus()
    for keys in ("kim", "Tab", "demo", "Enter"):
        page.keyboard.press(keys) if keys in {"Tab", "Enter"} else page.keyboard.type(keys)
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    visitor.go(f"{RECORD}case-managers/")
    page.get_by_role("link", name=f"Edit {NAMES['kim']}").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Status").focus()
    page.keyboard.type("Inactive")
    page.keyboard.press("Tab")
    page.keyboard.type("moved")
    page.keyboard.press("Enter")
    visitor.says("Ended on 2 Mar 2026")


def test_the_first_stop_of_the_keyboard_skips_to_the_page(visitor: Person) -> None:
    """Who uses the keyboard need not go through the menu each time."""
    visitor.log_in("kim")
    visitor.go("/active/").page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.id") == "main"


def test_no_page_needs_a_script(visitor: Person, chromium: Any, url: str) -> None:
    """With scripts switched off the pages do all that they do."""
    context = chromium.new_context(base_url=url, java_script_enabled=False)
    try:
        me = Person(context.new_page()).log_in("kim")
        me.go("/inactive/").click(f"Edit case assignment of {PAST}")
        me.choose("Status", "Active").press("Save").says("Saved")
    finally:
        context.close()


def test_contradictory_input_is_explained_beside_the_field(visitor: Person) -> None:
    """SPEC 4.1: Inactive with an end to come is refused with both readings, and nothing is lost of what was entered."""
    me = visitor.log_in("kim")
    PAGES["edit-assignment"](me)
    me.fill("End date", "2026-04-30").choose("Status", "Inactive").press("Save")
    said = me.error_of("End date")
    assert "Inactive as of today, or Active until then?" in said
    expect(me.page.get_by_label("End date")).to_have_value("2026-04-30")
    me.page.get_by_role("alert").get_by_role("link", name="End date").click()
    assert me.page.evaluate("document.activeElement.id") == "id_end_date"
    me.choose("Status", "Active").press("Save").says("Ends on 30 Apr 2026")


@pytest.mark.parametrize("name", [name for name in PAGES if name != "login"])
def test_the_outsider_gets_nothing(visitor: Person, name: str) -> None:
    """SPEC 8.1: at every page, an account of nobody on the staff is told that there is no access, and nothing else."""
    PAGES[name](visitor)
    address = visitor.page.url
    visitor.log_in("olga").go(address)
    assert visitor.heading() == "No access"
    text = visitor.page.locator("body").inner_text()
    assert not any(secret in text for secret in (MINE, PAST, "Lantern House", *NAMES.values()))


def test_a_worker_of_another_organization_gets_nothing_of_the_client(visitor: Person) -> None:
    """SPEC 8.2: neither by searching nor by the address."""
    robin = visitor.log_in("robin")
    robin.click("Clients").fill("Name or id, or a part of it", MINE).press("Search").says("0 clients")
    for path in (
        "",
        "case-managers/",
        "case-managers/add/",
        "enroll/",
        "enrollments/E0017/",
        "enrollments/E0017/exit/",
    ):
        robin.go(f"{RECORD}{path}")
        assert robin.heading() in {"No access", "Not there"}
        assert MINE not in robin.page.locator("body").inner_text()
