"""The sample host application in this process, on a database of its own for each test."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from caseassign import Casework
from host_app.ground import HOST, Ground, OnSQLite, ground_on


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> OnSQLite:
    """Files of SQLite, for the whole session."""
    return OnSQLite(tmp_path_factory.mktemp("agency"))


@pytest.fixture(scope="session")
def django(files: OnSQLite) -> Iterator[None]:
    """Django, set up for the application as its command does for people."""
    with files.empty() as name:
        os.environ |= {"AGENCY_DATABASE": name, "AGENCY_TODAY": "2026-03-02"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "host_app.settings"
    sys.path.insert(0, str(HOST))
    from django import setup  # noqa: PLC0415  # the environment comes first

    setup()
    from django.test.utils import setup_test_environment, teardown_test_environment  # noqa: PLC0415

    setup_test_environment()
    yield
    teardown_test_environment()
    sys.path.remove(str(HOST))
    for name in ("AGENCY_DATABASE", "AGENCY_TODAY", "DJANGO_SETTINGS_MODULE"):
        del os.environ[name]


class Agency:
    """The application on a database with the demonstration in it."""

    def __init__(self) -> None:
        from agency.access import STORE, today  # noqa: PLC0415  # Django has to be set up first
        from agency.models import Assignment, Enrollment, Worker  # noqa: PLC0415

        self.assignments, self.enrollments, self.workers = Assignment.objects, Enrollment.objects, Worker.objects
        self.store, self.today = STORE, today

    def as_(self, user: Any, **options: Any) -> Casework:
        """Return what a user can do outside of any page."""
        return Casework(self.store, user=user, clock=self.today, **options)

    def browser(self, name: str, **options: Any) -> Any:
        """Return Django's stand-in for a browser, in which somebody is logged in."""
        from django.contrib.auth.models import User  # noqa: PLC0415
        from django.test import Client  # noqa: PLC0415

        client = Client(**options)
        client.force_login(User.objects.get(username=name))
        return client

    def state(self) -> tuple[Any, ...]:
        """Return all assignments and enrollments with what the agency keeps of them, and how long the history is."""
        with self.store.transaction() as tx:
            lines = tx.history.head().number
        rows = (list(self.assignments.order_by("pk").values()), list(self.enrollments.order_by("pk").values()))
        return (*rows, lines)

    def held(self, enrollment_id: str) -> list[tuple[str, str, str | None]]:
        """Return who holds, held or will hold an enrollment: user, start and end."""
        stints = self.assignments.filter(enrollment__hmis_id=enrollment_id, voided=False).order_by("start_date", "pk")
        return [
            (stint.worker.hmis_id, str(stint.start_date), None if stint.end_date is None else str(stint.end_date))
            for stint in stints
        ]


@pytest.fixture
def agency(django: None, files: OnSQLite) -> Iterator[Agency]:
    """The application, on a database of its own."""
    from django.db import connection  # noqa: PLC0415  # Django has to be set up first

    with files.filled() as name:
        connection.close()
        connection.settings_dict["NAME"] = name
        yield Agency()
        connection.close()


@pytest.fixture(scope="session")
def grounds(files: OnSQLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], Ground]]:
    """What lends databases, by the name of the engine."""
    opened: dict[str, Ground] = {"sqlite": files}
    with ExitStack() as stack:

        def on(engine: Any) -> Ground:
            if engine not in opened:
                folder: Path = tmp_path_factory.mktemp(engine)
                opened[engine] = stack.enter_context(ground_on(engine, folder))
            return opened[engine]

        yield on


@pytest.fixture(params=["sqlite", "postgres"])
def ground(request: pytest.FixtureRequest, grounds: Callable[[Any], Ground]) -> Ground:
    """What lends databases of each engine in turn."""
    return grounds(request.param)
