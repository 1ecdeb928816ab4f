"""What must be true of ids: any text is one, and each is another one, of every kind and in every finder."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs

from caseassign.history import Change, RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, Organization, Project, User
from caseassign.storage import Transaction
from caseassign.testing.expecting import expect
from caseassign.testing.place import ENTRY, Place, add, of_every_kind, undone
from caseassign.testing.uses import FINDERS, PLURAL

MANY: Final = 70_000
"""More ids than a statement of SQLite or of PostgreSQL takes as parameters."""

_SOME: Final = 2_500
"""More ids than a list in a statement of some databases takes."""

_UNLIKE: Final = (
    *("a", "A", "é", "e\u0301", "É", "ß", "ss", "ﬁ", "fi"),
    *(" a", "a ", "%", "_", "1", "01", "1.0", "😀", "a\u200b", "a,b", "a'b", 'a"b', "a\\b", "a\nb"),
)
"""Texts that storage engines like to take for one another."""

_NOBODYS: Final = ("\0", "\0{}", "{}\0", "{}\0x")
"""Texts that no record can have as its id."""


def ids_are_told_apart(place: Place) -> None:
    """Ids that differ in case, accents, blanks or digits are different ids, and one with NUL after it finds nothing."""
    _expect_told_apart(place, place.ids(_UNLIKE))
    with place.store.transaction() as tx:
        expect("get an id with NUL", dict(tx.clients.get([place.id("a\0"), f"\0{place.id('a')}"])), {})


def ids_may_be_digits(place: Place) -> None:
    """An id of digits is a text like any other: no zero or blank goes, and what is the same number is another id."""
    digits = str(secrets.choice(range(10**11, 10**12)))
    _expect_told_apart(
        place,
        [
            *(digits, f"0{digits}", f"00{digits}", f"{digits}0", f"{digits}.0", f"{digits}.", f"{digits}e0"),
            *(f" {digits}", f"{digits} ", f"\t{digits}", f"+{digits}", f"-{digits}", f"{digits[:3]},{digits[3:]}"),
            *(digits * 5, digits * 100, f"{digits * 100}0"),
        ],
    )


def ids_no_record_can_have_find_nothing(place: Place) -> None:
    """A text with NUL in it, which no record can have as its id, finds nothing in any finder, and harms nothing."""
    nobodys = [text.format(place.id("a")) for text in _NOBODYS]
    _expect_told_apart(place, place.ids(["a"]))
    with place.store.transaction() as tx:
        for finder, ask in FINDERS.items():
            for asked in ([nobody] for nobody in nobodys):
                expect(f"{finder} of {asked[0]!r}", bool(ask(tx, asked)), expected=False)
            _expect_found(finder, ask(tx, [*nobodys, place.id("a"), *nobodys]), place.id("a"))


def ids_may_be_unknown_or_repeated(place: Place) -> None:
    """Unknown ids are left out, an id may be given twice and in any order, and who asks for nothing gets nothing."""
    with place.fill().transaction() as tx:
        for kind, names in zip(of_every_kind(tx), names_of_ground(), strict=True):
            records: Any = kind
            asked = [*reversed(names), "no", *names]
            found = records.get(iter(place.ids(asked)))
            expect("get in the order of ids", list(found), place.ids(sorted(names)))
            expect("get nothing", dict(records.get([])), {})
        for finder, ask in FINDERS.items():
            expect(f"{finder} of nothing", bool(ask(tx, [])), expected=False)


def many_ids_at_once(place: Place) -> None:
    """As many ids as one likes are asked for at once, and as many records as one likes are added and replaced."""
    names = [f"{number:05}" for number in range(2_000)]
    unknown = (f"no {number}" for number in range(MANY))
    place.fill()
    with undone(place.store) as tx:
        tx.enrollments.add(place.enrollment(name, household_id=place.id("h")) for name in names)
        tx.enrollments.replace(place.enrollment(name, household_id=place.id(f"h{name}")) for name in names)
        ids = place.ids([*names, *unknown])
        expect("get", len(tx.enrollments.get(ids)), len(names))
        expect("of_enrollments", place.names(tx.assignments.of_enrollments([*ids, place.id("e1")])), ["a1"])
        households = [place.household(f"h{name}") for name in names]
        expect("of_households", place.names(tx.enrollments.of_households(households)), names)
        _add_all(place, tx, place.ids(["there"]))
        some = place.ids(f"nobody {number}" for number in range(_SOME))
        for finder, ask in PLURAL.items():
            _expect_found(f"{finder} of many", ask(tx, [*some, place.id("there")]), place.id("there"))
        tx.personal.remove([*some, place.id("there")])
        expect("the text removed among many", dict(tx.personal.get(place.ids(["there"]))), {})


def names_of_ground() -> tuple[tuple[str, ...], ...]:
    """Return what the records of the ground are called, of each kind."""
    return ("haven",), ("es", "th"), ("kim", "lee"), ("c1", "c2"), ("e1", "e2"), ("a1", "a2")


def _expect_told_apart(place: Place, ids: Sequence[str]) -> None:
    """Give records of every kind each of the ids, and expect that every finder finds under each id just its own."""
    with place.store.transaction(write=True) as tx:
        records = _add_all(place, tx, ids)
    with place.store.transaction() as tx:
        for number, key in enumerate(ids):
            for finder, ask in FINDERS.items():
                _expect_found(f"{finder} of {key!r}", ask(tx, [key]), key)
            for record in records[number]:
                found: Any = getattr(tx, f"{record.KIND}s").get([key])[key]
                expect(f"get the {record.KIND} {key!r}", found, record)
        for part in of_every_kind(tx):
            wanted = sorted(ids)
            expect("iterate", [record.key for record in part if record.key in set(ids)], wanted)


def _add_all(place: Place, tx: Transaction, ids: Sequence[str]) -> list[list[Any]]:
    """Add records of every kind that have each of the ids, and refer to one another by it, and lines and texts."""
    records = [_records(key, number) for number, key in enumerate(ids)]
    for each in records:
        add(tx, each)
    drafts = [{"change_id": key, "record": RecordKey(key, key), "batch_id": key} for key in ids]
    tx.history.append(place.lines(tx.history.head(), *drafts))
    tx.imported.put("client", {key: key for key in ids})
    tx.personal.put({key: key for key in ids})
    for key in ids:
        tx.imported.put(key, {key: key})
    return records


def _records(key: str, number: int) -> list[Any]:
    """Return a record of each kind with one id; nobody is assigned on the day of the entry."""
    stay: dict[str, Any] = {"personal_id": key, "project_id": key, "household_id": key, "entry_date": ENTRY}
    day_after = ENTRY + timedelta(days=1)
    records: list[Any] = [
        Organization(organization_id=key, organization_name=f"number {number}"),
        Project(project_id=key, organization_id=key),
        User(user_id=key, organization_ids={key}, permissions={key}),
        Client(personal_id=key, last_name=f"number {number}"),
        Enrollment(enrollment_id=key, **stay),
        CaseAssignment(assignment_id=key, enrollment_id=key, user_id=key, start_date=day_after),
    ]
    return [attrs.evolve(record, batch_id=key) for record in records]


def _expect_found(what: str, found: Any, key: str) -> None:
    """Expect that a finder found one thing, and that it has the id."""
    if isinstance(found, int):
        expect(what, found, 1)
    elif isinstance(found, Mapping):
        expect(what, list(found), [key])
    else:
        expect(what, [each.change_id if isinstance(each, Change) else each.key for each in found], [key])
