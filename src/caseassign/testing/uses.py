"""What can be done with a transaction: every plural finder, every iteration, and one write of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from caseassign.history import RecordKey
from caseassign.model import HouseholdKey
from caseassign.storage import Transaction
from caseassign.testing.place import ENTRY, Place

Ask: TypeAlias = Callable[[Transaction, Sequence[str]], Any]
"""Asks a finder about ids, and returns all that it found: records, lines, a mapping by id, or a number."""

FIRST_MOMENT: Final = datetime(1, 1, 2, tzinfo=UTC)

PLURAL: Final[dict[str, Ask]] = {
    "organizations.get": lambda tx, ids: tx.organizations.get(ids),
    "projects.get": lambda tx, ids: tx.projects.get(ids),
    "users.get": lambda tx, ids: tx.users.get(ids),
    "clients.get": lambda tx, ids: tx.clients.get(ids),
    "enrollments.get": lambda tx, ids: tx.enrollments.get(ids),
    "assignments.get": lambda tx, ids: tx.assignments.get(ids),
    "of_clients": lambda tx, ids: tx.enrollments.of_clients(ids),
    "of_households": lambda tx, ids: tx.enrollments.of_households(HouseholdKey(key, key) for key in ids),
    "by_household in projects": lambda tx, ids: list(tx.enrollments.by_household(ids)),
    "unassigned in projects": lambda tx, ids: list(tx.enrollments.unassigned(ENTRY, ids)),
    "count in projects": lambda tx, ids: tx.enrollments.count(ids),
    "count of unassigned in projects": lambda tx, ids: tx.enrollments.count(ids, ENTRY),
    "projects_of": lambda tx, ids: tx.enrollments.projects_of(ids),
    "of_enrollments": lambda tx, ids: tx.assignments.of_enrollments(ids),
    "of_users": lambda tx, ids: tx.assignments.of_users(ids),
    "of_users in projects": lambda tx, ids: tx.assignments.of_users(ids, None, ids),
    "of_users with a day, in projects": lambda tx, ids: tx.assignments.of_users(ids, ENTRY, ids),
    "of_records": lambda tx, ids: tx.history.of_records(RecordKey(key, key) for key in ids),
    "count of lines": lambda tx, ids: tx.history.count(RecordKey(key, key) for key in ids),
    "of_batches": lambda tx, ids: tx.history.of_batches(ids),
    "what imports said": lambda tx, ids: tx.imported.get("client", ids),
    "personal texts": lambda tx, ids: tx.personal.get(ids),
}
"""Every finder that takes as many ids as one likes."""

FINDERS: Final[dict[str, Ask]] = PLURAL | {
    "of_kind": lambda tx, ids: [line for key in ids for line in tx.history.of_kind(key)],
    "what imports said of a kind": lambda tx, ids: {
        key: said for kind in ids for key, said in tx.imported.get(kind, ids).items()
    },
}
"""Every finder that takes ids, one or many."""

ITERATORS: Final[dict[str, Callable[[Transaction], Iterator[Any]]]] = {
    "iterate organizations": lambda tx: iter(tx.organizations),
    "iterate projects": lambda tx: iter(tx.projects),
    "iterate users": lambda tx: iter(tx.users),
    "iterate clients": lambda tx: iter(tx.clients),
    "iterate enrollments": lambda tx: iter(tx.enrollments),
    "iterate assignments": lambda tx: iter(tx.assignments),
    "by_household": lambda tx: tx.enrollments.by_household(),
    "unassigned": lambda tx: tx.enrollments.unassigned(ENTRY),
    "iterate the history": lambda tx: iter(tx.history),
    "after": lambda tx: tx.history.after(FIRST_MOMENT),
}
"""Everything that yields."""

WRITES: Final[dict[str, Callable[[Place, Transaction], None]]] = {
    "add an organization": lambda place, tx: tx.organizations.add([place.organization("new")]),
    "replace an organization": lambda place, tx: tx.organizations.replace(
        [place.organization("haven", organization_name="Haven")]
    ),
    "add a project": lambda place, tx: tx.projects.add([place.project("new")]),
    "replace a project": lambda place, tx: tx.projects.replace([place.project("th", project_name="House")]),
    "add a user": lambda place, tx: tx.users.add([place.user("new")]),
    "replace a user": lambda place, tx: tx.users.replace([place.user("kim", first_name="Kim")]),
    "add a client": lambda place, tx: tx.clients.add([place.client("new")]),
    "replace a client": lambda place, tx: tx.clients.replace([place.client("c2", first_name="Other")]),
    "add an enrollment": lambda place, tx: tx.enrollments.add([place.enrollment("new", household_id=place.id("h1"))]),
    "replace an enrollment": lambda place, tx: tx.enrollments.replace([place.enrollment("e2")]),
    "add an assignment": lambda place, tx: tx.assignments.add([place.stint("new")]),
    "replace an assignment": lambda place, tx: tx.assignments.replace([place.stint("a1", user_id=place.id("lee"))]),
    "append": lambda place, tx: tx.history.append(place.lines(tx.history.head(), {}, {})),
    "put": lambda place, tx: tx.imported.put("client", {place.id("new"): "…"}),
    "put over": lambda place, tx: tx.imported.put("client", {place.id("c1"): "…"}),
    "put a text": lambda place, tx: tx.personal.put({place.id("new"): "…"}),
    "put over a text": lambda place, tx: tx.personal.put({place.id("p1"): "…"}),
    "remove a text": lambda place, tx: tx.personal.remove([place.id("p2")]),
}
"""One write of each kind on the ground."""


def write_all(place: Place, tx: Transaction) -> None:
    """Write one of each kind."""
    for write in WRITES.values():
        write(place, tx)


def all_uses(place: Place, tx: Transaction) -> dict[str, Callable[[], object]]:
    """Return each way of using a transaction that stands on the ground."""
    return {
        **{name: partial(ask, tx, place.ids(["c1", "e1", "kim"])) for name, ask in FINDERS.items()},
        **{name: partial(_all, begin, tx) for name, begin in ITERATORS.items()},
        **{name: partial(write, place, tx) for name, write in WRITES.items()},
        "head": partial(_head, tx),
    }


def _all(begin: Callable[[Transaction], Iterator[Any]], tx: Transaction) -> object:
    return list(begin(tx))


def _head(tx: Transaction) -> object:
    return tx.history.head()
