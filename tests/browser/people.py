"""Somebody at the pages: what they click on and read, by the names that stand there."""

from __future__ import annotations

from typing import Any, Self

from playwright.sync_api import expect

NAMES = {"kim": "Kim Cinderbank", "lee": "Lee Juniperbridge", "sam": "Sam Cinderfell", "robin": "Robin Fennelbank"}
MINE, PAST = "Quinn Cinderwick", "Yusuf Amberrow"
"""Whom both Kim and Sam hold, and whom both have held."""

RECORD = "/clients/C0011/"
"""The record of Quinn Cinderwick."""


class Person:
    """Whoever sits before the browser."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.account = ""

    @property
    def name(self) -> str:
        """What they are called on the pages."""
        return NAMES[self.account]

    def log_in(self, account: str) -> Self:
        """Log in with the password of the demonstration."""
        self.page.context.clear_cookies()
        self.page.goto("/login/")
        self.fill("Username", account)
        self.fill("Password", "demo")
        self.press("Log in")
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()
        self.account = account
        return self

    def go(self, path: str) -> Self:
        """Open a page by its address."""
        self.page.goto(path)
        return self

    def menu(self, workspace: str) -> Any:
        """Return the menu of a workspace."""
        return self.page.get_by_role("navigation", name=f"{workspace} workspace")

    def click(self, name: str, *, within: Any = None, exact: bool = False) -> Self:
        """Follow a link, by its name, to the page that it leads to."""
        with self.page.expect_navigation():
            (within or self.page).get_by_role("link", name=name, exact=exact).first.click()
        return self

    def press(self, name: str) -> Self:
        """Press a button, by its name, and wait for the page that answers."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()
        return self

    def fill(self, label: str, value: str) -> Self:
        """Enter something into a field, by its label."""
        self.page.get_by_label(label, exact=True).fill(value)
        return self

    def choose(self, label: str, choice: str) -> Self:
        """Choose something in a box, by the label of both."""
        self.page.get_by_label(label, exact=True).select_option(label=choice)
        return self

    def chosen(self, label: str, within: Any = None) -> str:
        """Return what is chosen in a box."""
        box = (within or self.page).get_by_label(label, exact=True)
        return str(box.locator("option:checked").inner_text())

    def heading(self) -> str:
        """Return what the page is called."""
        return str(self.page.get_by_role("heading", level=1).inner_text())

    def row(self, text: str, *, within: Any = None) -> Any:
        """Return the row of a table in which something stands."""
        return (within or self.page).get_by_role("row").filter(has_text=text).first

    def rows(self) -> list[str]:
        """Return who or what the rows of the tables are about."""
        return [str(cell).strip() for cell in self.page.get_by_role("rowheader").all_inner_texts()]

    def says(self, text: str) -> Self:
        """Make sure that something stands on the page."""
        expect(self.page.get_by_role("main")).to_contain_text(text)
        return self

    def error_of(self, label: str) -> str:
        """Return what stands beside a field and is said of it by a screen reader, too."""
        field = self.page.get_by_label(label, exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        ids = str(field.get_attribute("aria-describedby")).split()
        return " ".join(str(self.page.locator(f"#{each}").inner_text()) for each in ids if each.endswith("_error"))
