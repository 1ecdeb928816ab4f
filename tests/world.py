"""A small agency for the tests: two organizations, a few workers, a family, and fronts doors for whoever acts."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

from caseassign import (
    SYSTEM,
    Actor,
    Casework,
    Client,
    Enrollment,
    MemoryStore,
    Organization,
    Project,
    User,
)
from caseassign.history import to_plain
from caseassign.model import KINDS
from caseassign.storage import Store

TODAY = date(2026, 3, 2)

ORGANIZATIONS = (
    Organization(organization_id="haven", organization_name="Haven"),
    Organization(organization_id="bridge", organization_name="Bridge"),
)
PROJECTS = (
    Project(project_id="es", organization_id="haven", project_name="Haven Shelter", project_type=1),
    Project(project_id="rrh", organization_id="haven", project_name="Haven Homes", project_type=13),
    Project(project_id="th", organization_id="bridge", project_name="Bridge House", project_type=2),
    Project(project_id="nobodys"),
)
USERS = (
    User(user_id="kim", first_name="Kim", last_name="Example", organization_ids=frozenset({"haven"})),
    User(user_id="lee", first_name="Lee", last_name="Sample", organization_ids=frozenset({"haven"})),
    User(user_id="sam", first_name="Sam", last_name="Specimen", organization_ids=frozenset({"haven", "bridge"})),
    User(user_id="bo", first_name="Bo", last_name="Bridge", organization_ids=frozenset({"bridge"})),
    User(user_id="gone", organization_ids=frozenset({"haven"}), left_on=date(2026, 2, 1)),
    User(user_id="clerk", organization_ids=frozenset({"haven"}), is_case_manager=False),
    User(
        user_id="super",
        organization_ids=frozenset({"haven"}),
        permissions=frozenset({"caseload.view", "user.manage", "caseload.reassign"}),
    ),
)
CLIENTS = tuple(
    Client(personal_id=f"c{number}", first_name=first, last_name="Marigold")
    for number, first in enumerate(("Ada", "Ben", "Cleo", "Dov", "Eve"), start=1)
)


def effort(examples: int) -> int:
    """Return how many examples a property tries: CASEASSIGN_EFFORT, a whole number, multiplies them."""
    return examples * int(os.environ.get("CASEASSIGN_EFFORT", "1"))


def day(text: str) -> date:
    """Return a day of 2026 from text like ``03-02``."""
    return date.fromisoformat(f"2026-{text}")


class Ticking:
    """A clock of moments that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the next moment."""
        self.moment += timedelta(seconds=1)
        return self.moment


class World:
    """A store with the agency in it; ``as_(user)`` is that user's front door."""

    def __init__(self, store: Store | None = None, today: date = TODAY) -> None:
        self.store = MemoryStore() if store is None else store
        self.today = today
        self.now = Ticking()
        self.system = self.as_(SYSTEM)
        self.system.add(*ORGANIZATIONS, *PROJECTS, *USERS, *CLIENTS)
        self.kim = self.as_("kim")
        self.lee = self.as_("lee")
        self.sam = self.as_("sam")
        self.super = self.as_("super")

    def as_(self, user: str | Actor, **options: Any) -> Casework:
        """Return the front door of a user."""
        return Casework(self.store, user=user, clock=lambda: self.today, now=self.now, **options)

    def stay(self, client: str = "c1", entry: str = "01-10", **options: Any) -> Enrollment:
        """Return a new enrollment in the shelter, by default one that nobody holds."""
        options = {"project": "es", "case_manager": None} | options
        return self.system.enroll(client, options.pop("project"), on=day(entry), **options).enrollment

    def family(self, size: int = 4, entry: str = "01-10", **options: Any) -> list[Enrollment]:
        """Return the enrollments of a new household: a head and children, by default held by nobody."""
        members = {f"c{number}": 1 if number == 1 else 2 for number in range(1, size + 1)}
        options = {"case_manager": None} | options
        return list(self.system.enroll(members, "es", on=day(entry), **options).enrollments)

    def state(self) -> dict[str, Any]:
        """Return everything that is on record, history aside, as plain data."""
        with self.store.transaction() as tx:
            return {kind: [to_plain(record) for record in getattr(tx, f"{kind}s")] for kind in KINDS}

    def lines(self) -> int:
        """Return how many lines of history there are."""
        with self.store.transaction() as tx:
            return tx.history.head().number

    def put_raw(self, *records: Any) -> None:
        """Put records past every act and rule, as a dirty migration would."""
        with self.store.transaction(write=True) as tx:
            for record in records:
                of_kind = getattr(tx, f"{record.KIND}s")
                (of_kind.replace if record.key in of_kind.get([record.key]) else of_kind.add)([record])
