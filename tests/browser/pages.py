"""Every page of the application, by name, and how one gets there: for the tests of every page, and for pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from browser.people import MINE, NAMES, PAST, RECORD, Person


def _contradiction(me: Person) -> None:
    _edit(me)
    me.fill("End date", "2026-04-30").choose("Status", "Inactive").press("Save")


def _edit(me: Person) -> None:
    me.log_in("kim").go(f"{RECORD}case-managers/").click(f"Edit {NAMES['kim']}")


def _household(me: Person) -> None:
    me.log_in("kim").go("/clients/C0044/enroll/")
    me.choose("Project", "Lantern House Street Outreach")
    for member in ("Mateo Copperquill", "Anouk Candlelark"):
        me.page.get_by_label(member).check()
    me.press("Continue")


def _plan(me: Person) -> None:
    me.log_in("sam").go("/reassignment/")
    me.choose("Reassign the cases of", f"{NAMES['kim']} (11 cases)")
    for receiver in (NAMES["lee"], NAMES["sam"]):
        me.page.get_by_label(receiver).check()
    me.press("Preview the plan")


def _applied(me: Person) -> None:
    _plan(me)
    me.press("Apply")


PAGES: Final[dict[str, Callable[[Person], object]]] = {
    "login": lambda me: me.go("/login/"),
    "dashboard": lambda me: me.log_in("kim"),
    "active": lambda me: me.log_in("kim").go("/active/"),
    "inactive": lambda me: me.log_in("kim").go("/inactive/"),
    "edit-mine": lambda me: me.log_in("kim").go("/inactive/").click(f"Edit case assignment of {PAST}"),
    "clients": lambda me: me.log_in("kim").go("/clients/?search=quinn"),
    "client": lambda me: me.log_in("kim").go("/active/").click(f"Select client {MINE}"),
    "case-managers": lambda me: me.log_in("kim").go("/clients/C0099/case-managers/"),
    "add-assignment": lambda me: me.log_in("lee").go(f"{RECORD}case-managers/add/"),
    "edit-assignment": _edit,
    "contradiction": _contradiction,
    "edit-enrollment": lambda me: me.log_in("kim").go("/clients/C0044/enrollments/E0058/"),
    "entry": lambda me: me.log_in("kim").go("/clients/C0044/enroll/"),
    "entry-household": _household,
    "exit": lambda me: me.log_in("kim").go("/clients/C0044/enrollments/E0058/exit/"),
    "reassignment": lambda me: me.log_in("sam").go("/reassignment/"),
    "plan": _plan,
    "reassigned": _applied,
}
"""The pages, each with what leads to it."""
