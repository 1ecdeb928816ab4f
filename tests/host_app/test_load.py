"""Twenty people click at once: nothing is lost, and nobody sees an error but that somebody else was saving."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

import pytest

from host_app.ground import HOST, Ground, environment, serving

pytestmark = pytest.mark.long

PEOPLE = 20
HELPERS = ("U4", "U5", "U6")
# Enrollments at Lantern House, with their clients: one for each of the people.
WORK = [
    pair.split(":")
    for pair in [
        "C0003:E0004",
        "C0004:E0005",
        "C0041:E0055",
        "C0042:E0056",
        "C0043:E0057",
        "C0044:E0058",
        "C0045:E0059",
        "C0046:E0061",
        "C0060:E0075",
        "C0062:E0077",
        "C0065:E0080",
        "C0066:E0081",
        "C0068:E0083",
        "C0069:E0084",
        "C0070:E0085",
        "C0083:E0099",
        "C0084:E0100",
        "C0085:E0101",
        "C0096:E0114",
        "C0102:E0121",
    ]
]
ALL_WANT = ("C0011", "E0017")

SUMMARY = """
import certify
from agency.models import Assignment
from caseassign import SYSTEM, Casework
store = certify.open_store()
assert Casework(store, user=SYSTEM).verify_history() == ()
with store.transaction() as tx:
    lines = tx.history.head().number
print(Assignment.objects.count(), Assignment.objects.filter(end_date="2026-03-01").count(), lines)
"""


class Clicker:
    """Somebody who clicks without a browser: plain requests, and what came of each."""

    def __init__(self, url: str, account: str) -> None:
        self._url = url
        self._open = build_opener(HTTPCookieProcessor(CookieJar()), Stays()).open
        self.came: list[int] = []
        self.send("/login/", username=account, password="demo")  # noqa: S106  # that of the demonstration

    def get(self, path: str) -> str:
        """Look at a page; once more where somebody was saving."""
        return self._answer(Request(f"{self._url}{path}"))  # noqa: S310  # http, to this machine

    def send(self, path: str, **said: str) -> str:
        """Open a form, enter something, and press its button until nobody is in the way."""
        page = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w[\w-]*)" value="([^"]*)"', page))
        data = urlencode(hidden | said).encode()
        while True:
            answer = self._answer(Request(f"{self._url}{path}", data))  # noqa: S310
            if self.came[-1] != 409:
                return answer

    def _answer(self, request: Request) -> str:
        try:
            with self._open(request, timeout=120) as answer:
                self.came.append(answer.status)
                return str(answer.read().decode())
        except HTTPError as error:
            with error:
                self.came.append(error.code)
                return error.read().decode()


class Stays(HTTPRedirectHandler):
    """Does not follow: where a form leads to says that it was saved."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def at_work(url: str, number: int) -> Iterator[int]:
    """Do one person's clicks, and yield what came of each."""
    person = Clicker(url, ("kim", "lee", "sam")[number % 3])
    client, enrollment = WORK[number]
    add = f"/clients/{client}/case-managers/add/"
    for helper in HELPERS:
        person.send(add, start_date="2026-02-20", case_manager=helper, enrollment=enrollment, reason=f"person {number}")
        person.get("/active/")
    listed = person.get(f"/clients/{client}/case-managers/")
    edit = re.findall(rf'href="(/clients/{client}/case-managers/[^"]+)"[^>]*>(?:(?!</a>).)*Noor', listed, re.DOTALL)
    person.send(edit[0], end_date="2026-03-01", status="Inactive")
    client, enrollment = ALL_WANT
    add = f"/clients/{client}/case-managers/add/"
    person.send(add, start_date="2026-02-20", case_manager="U4", enrollment=enrollment)
    yield from person.came


def summary(name: str) -> tuple[int, ...]:
    """Return how many assignments there are, how many ended on the day of the test, and how many lines of history."""
    command = [sys.executable, "-c", SUMMARY]
    told = subprocess.run(command, cwd=HOST, env=environment(name), check=True, capture_output=True, text=True)
    return tuple(map(int, told.stdout.split()))


def test_twenty_who_click_at_once_lose_nothing(ground: Ground, tmp_path: Path) -> None:
    """SPEC 10.1: every saved assignment is there once, one of twenty gets what all want, and the history verifies."""
    with ground.filled() as name:
        before = summary(name)
        with serving(name, tmp_path / "log") as url, ThreadPoolExecutor(PEOPLE) as pool:
            came = Counter(
                code for codes in pool.map(lambda number: [*at_work(url, number)], range(PEOPLE)) for code in codes
            )
        after = summary(name)
    added, ended, lines = (later - earlier for earlier, later in zip(before, after, strict=True))
    assert (added, ended) == (PEOPLE * len(HELPERS) + 1, PEOPLE)
    assert lines >= added + ended
    assert set(came) <= {200, 302, 409}, came
    assert came[302] == PEOPLE * (1 + len(HELPERS) + 1) + 1  # each log-in, each saved form, and what one of them got
