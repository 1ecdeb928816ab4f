"""Where a check works: openings of the store that is checked, and records with ids that are the check's own.

A store may hold anything before a check begins, and other checks leave theirs in it. So each check makes up the
ids of its records, and looks at no others.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, Final, TypeAlias

from caseassign.history import Change, Head, RecordKey
from caseassign.model import (
    CaseAssignment,
    Client,
    Enrollment,
    HouseholdKey,
    Organization,
    Project,
    ProjectType,
    Record,
    RelationshipToHoH,
    User,
)
from caseassign.storage import Store, Transaction
from caseassign.testing.expecting import UndoError

OpenStore: TypeAlias = Callable[[], Store]
"""Opens the store; called twice, it opens the same data."""

START: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENTRY: Final = date(2026, 1, 10)


class Place:
    """The store that one check works on, and ids of the check's own.

    ``stays_open`` is a store that is open already, and not closed here: one that keeps nothing when it is closed.
    Where ``prefix`` is another check's, so are the ids.
    """

    def __init__(self, open_store: OpenStore, *, stays_open: Store | None = None, prefix: str | None = None) -> None:
        self.open_store = open_store
        self.prefix = f"{secrets.token_hex(4)}-" if prefix is None else prefix
        self._store = stays_open
        self._opened: list[Store] = []
        self._to_end: list[Callable[[], object]] = []

    @property
    def store(self) -> Store:
        """The store, opened when it is first asked for."""
        if self._store is None:
            self._store = self.open()
        return self._store

    def open(self) -> Store:
        """Open the store once more, and see to its being closed."""
        self._opened.append(self.open_store())
        return self._opened[-1]

    def close(self) -> None:
        """Close what was opened here; the next use opens it again."""
        opened, self._opened = self._opened, []
        for store in opened:
            if store is self._store:
                self._store = None
            store.close()

    def at_the_end(self, end: Callable[[], object]) -> None:
        """Remember what `leave` shall do."""
        self._to_end.append(end)

    def leave(self) -> None:
        """End what was begun here, and close what was opened."""
        self.abandon()
        self.close()

    def abandon(self) -> None:
        """End what was begun here, and leave open what was opened, as somebody may be hanging in it."""
        while self._to_end:
            self._to_end.pop()()

    def id(self, name: str) -> str:
        """Return an id of this check's own."""
        return f"{self.prefix}{name}"

    def ids(self, names: Iterable[str]) -> list[str]:
        """Return ids of this check's own."""
        return [self.id(name) for name in names]

    def is_own(self, key: str) -> bool:
        """Whether an id is one of this check's own."""
        return key.startswith(self.prefix)

    def own(self, records: Iterable[Any]) -> list[Any]:
        """Return those records that are this check's own."""
        return [record for record in records if self.is_own(record.key)]

    def names(self, records: Iterable[Any]) -> list[str]:
        """Return what the own ones of some records, or lines, are called without what makes their ids its own."""
        keys = (record.change_id if isinstance(record, Change) else record.key for record in records)
        return [key.removeprefix(self.prefix) for key in keys if self.is_own(key)]

    def organization(self, name: str, **values: Any) -> Organization:
        """Return an organization."""
        return Organization(organization_id=self.id(name), **values)

    def project(self, name: str, **values: Any) -> Project:
        """Return a project without organization, unless it is said otherwise."""
        return Project(project_id=self.id(name), **values)

    def user(self, name: str, **values: Any) -> User:
        """Return a user."""
        return User(user_id=self.id(name), **values)

    def client(self, name: str, **values: Any) -> Client:
        """Return a client."""
        return Client(personal_id=self.id(name), **values)

    def enrollment(self, name: str, **values: Any) -> Enrollment:
        """Return an enrollment of the client ``c1`` in the project ``es``, unless it is said otherwise."""
        usual: dict[str, Any] = {"personal_id": self.id("c1"), "project_id": self.id("es"), "entry_date": ENTRY}
        return Enrollment(enrollment_id=self.id(name), **(usual | values))

    def stint(self, name: str, **values: Any) -> CaseAssignment:
        """Return an assignment of the user ``kim`` to the enrollment ``e1``, unless it is said otherwise."""
        usual: dict[str, Any] = {"enrollment_id": self.id("e1"), "user_id": self.id("kim"), "start_date": ENTRY}
        return CaseAssignment(assignment_id=self.id(name), **(usual | values))

    def household(self, name: str, project: str = "es") -> HouseholdKey:
        """Return the key of a household."""
        return HouseholdKey(self.id(project), self.id(name))

    def about(self, kind: str, name: str) -> RecordKey:
        """Return what a line of history is about."""
        return RecordKey(kind, self.id(name))

    def lines(self, head: Head, *drafts: Mapping[str, Any]) -> list[Change]:
        """Return sealed lines that continue a history, one for each draft."""
        lines: list[Change] = []
        for draft in drafts:
            number = head.number + 1
            usual: dict[str, Any] = {
                "number": number,
                "change_id": self.id(f"line {number}"),
                "recorded_at": self.moment(head),
                "user_id": self.id("kim"),
                "action": "assignment.start",
                "record": self.about("assignment", "a1"),
                "before": None,
                "after": {"role": "Cover"},
                "reason": None,
                "batch_id": self.id("b1"),
            }
            lines.append(Change(**{**usual, **draft}).sealed(head))
            head = lines[-1].head
        return lines

    def moment(self, head: Head) -> datetime:
        """Return a moment at which the next line can be recorded, as those never go back."""
        return max(START, head.recorded_at or START)

    def ground(self) -> list[Record]:
        """Return two of most kinds, each after those that it refers to."""
        return [
            self.organization("haven"),
            self.project("es"),
            self.project("th"),
            self.user("kim"),
            self.user("lee"),
            self.client("c1", first_name="Ada", batch_id="b0"),
            self.client("c2", first_name="Ben"),
            self.enrollment("e1", household_id=self.id("h1")),
            self.enrollment("e2", household_id=self.id("h1"), personal_id=self.id("c2")),
            self.stint("a1"),
            self.stint("a2", user_id=self.id("lee"), enrollment_id=self.id("e2")),
        ]

    def filled(self, text: str, day: date = ENTRY) -> list[Record]:
        """Return one record of the ground of each kind with a value in every field, made of a text and a day."""
        return [
            self.organization("haven", organization_name=text, batch_id=text),
            self.project(
                "th",
                organization_id=self.id("haven"),
                project_name=text,
                project_type=ProjectType.SAFE_HAVEN,
                operating_start_date=day,
                operating_end_date=day,
                batch_id=text,
            ),
            self.user(
                "kim",
                first_name=text,
                last_name=text,
                organization_ids={text, f"{text},{text}", self.id("haven")},
                permissions={text, f"{text},{text}", "a", "B"},
                is_case_manager=False,
                left_on=day,
                batch_id=text,
            ),
            self.client("c1", first_name=text, last_name=text, batch_id=text),
            self.enrollment(
                "e2",
                personal_id=self.id("c2"),
                household_id=self.id("h2"),
                relationship_to_hoh=RelationshipToHoH.SPOUSE_OR_PARTNER,
                entry_date=day,
                exit_date=day,
                deleted=True,
                batch_id=text,
            ),
            self.stint("a1", start_date=day, end_date=day, role=text, kept_after_exit=True, voided=True, batch_id=text),
        ]

    def fill(self, *more: Record) -> Store:
        """Put the ground, and more records, into the store, with a line of history, something imported, two texts."""
        with self.store.transaction(write=True) as tx:
            add(tx, [*self.ground(), *more])
            tx.history.append(self.lines(tx.history.head(), {"change_id": self.id("first")}))
            tx.imported.put("client", {self.id("c1"): "said"})
            tx.personal.put({self.id("p1"): "Ada", self.id("p2"): "Ben"})
        return self.store

    def everything(self, tx: Transaction) -> dict[str, Any]:
        """Return all that a transaction says of the ground, and of the own records beside it."""
        return {
            "the records": [self.own(records) for records in of_every_kind(tx)],
            "by their ids": [part.get([record.key for record in self.own(part)]) for part in of_every_kind(tx)],
            "projects_of": tx.enrollments.projects_of(self.ids(["e1", "e2"])),
            "of_clients": tx.enrollments.of_clients(self.ids(["c1", "c2"])),
            "of_households": tx.enrollments.of_households([self.household("h1")]),
            "by_household": self.own(tx.enrollments.by_household()),
            "of_enrollments": tx.assignments.of_enrollments(self.ids(["e1", "e2"])),
            "of_users": [tx.assignments.of_users(self.ids([name])) for name in ("kim", "lee")],
            "head": tx.history.head(),
            "the lines": [line for line in tx.history if self.is_own(line.change_id)],
            "of_records": tx.history.of_records([self.about("assignment", "a1")]),
            "of_batches": tx.history.of_batches([self.id("b1")]),
            "imported": tx.imported.get("client", self.ids(["c1", "new"])),
            "personal": tx.personal.get(self.ids(["p1", "p2", "new"])),
        }


def kind_of(tx: Transaction, kind: str) -> Any:
    """Return where a transaction has the records of a kind."""
    return getattr(tx, f"{kind}s")


def of_every_kind(tx: Transaction) -> tuple[Any, ...]:
    """Return where a transaction has the records of each kind."""
    return tx.organizations, tx.projects, tx.users, tx.clients, tx.enrollments, tx.assignments


def add(tx: Transaction, records: Iterable[Record]) -> None:
    """Add records of any kinds, in their order."""
    for record in records:
        kind_of(tx, record.KIND).add([record])


def replace(tx: Transaction, records: Iterable[Record]) -> None:
    """Replace records of any kinds."""
    for record in records:
        kind_of(tx, record.KIND).replace([record])


@contextmanager
def undone(store: Store) -> Iterator[Transaction]:
    """Open a transaction of which nothing is kept."""
    with suppress(UndoError), store.transaction(write=True) as tx:
        yield tx
        raise UndoError
