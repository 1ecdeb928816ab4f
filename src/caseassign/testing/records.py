"""What must be true of records by their ids, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import attrs

from caseassign.errors import AlreadyExistsError, NotFoundError, StorageError
from caseassign.model import Client, ProjectType, Record, RelationshipToHoH
from caseassign.testing.expecting import UndoError, expect, refused, refuses
from caseassign.testing.place import ENTRY, Place, add, kind_of, of_every_kind, undone

TEXTS: Final = (
    "",
    " ",
    " between ",
    "O'Brien",
    '"',
    "\\",
    "%_",
    "null",
    "1e3",
    "007",
    "é",
    "e\u0301",
    "ﬁ",
    "😀👩‍👩‍👧",
    "\x01\x1b\x7f",
    "a\r\nb\n",
    "\ufeff",
    "x" * 5_000,
)
"""Texts that storage engines like to take for something else."""

KEYS: Final = ("é", "e\u0301", "Z", "a", "10", "9", "_", "-", "😀", "\uffff")
"""Names whose order by code point is not that of any language."""

DAYS: Final = (
    date.min,
    date(1900, 1, 1),
    date(1969, 12, 31),
    date(2024, 2, 29),
    date(2026, 3, 8),
    date(2026, 11, 1),
    date.max,
)
"""Days at the ends of the calendar, a leap day, and days on which clocks are changed."""

MANY: Final = 70_000
"""More ids than a statement of SQLite or of PostgreSQL takes as parameters."""


def every_kind_comes_back_equal(place: Place) -> None:
    """A record of any kind comes back equal to what went in, with every field and the types of its values."""
    _come_back(
        place,
        [
            *place.ground(),
            place.organization("full", organization_name="Haven"),
            *(place.project(f"type {int(kind)}", project_type=kind) for kind in ProjectType),
            place.project("full", organization_id=place.id("haven"), project_name="Shelter"),
            place.user("full", first_name="Kim", last_name="Example", permissions={"a", "B"}, is_case_manager=False),
            place.user("of two", organization_ids={place.id("haven"), "not there"}),
            place.client("full", first_name="Ada", last_name="Example"),
            *(place.enrollment(f"to head {int(kind)}", relationship_to_hoh=kind) for kind in RelationshipToHoH),
            place.enrollment("deleted", deleted=True),
            place.stint("full", role="Cover", kept_after_exit=True, voided=True),
        ],
    )


def texts_come_back_equal(place: Place) -> None:
    """A text comes back character for character, and an empty one is not none at all."""
    for number, text in enumerate(TEXTS):
        _come_back(
            place,
            [
                place.organization(f"o{number}", organization_name=text),
                place.client(f"c{number}", first_name=text, last_name=None),
                place.user(f"u{number}", last_name=text, permissions={text}),
            ],
        )


def days_come_back_equal(place: Place) -> None:
    """A day comes back as the same day, from the first of the calendar to the last, whatever the time zone."""
    records: list[Record] = [*place.ground()]
    for number, day in enumerate(DAYS):
        records += [
            place.project(f"p{number}", operating_start_date=day, operating_end_date=day),
            place.user(f"u{number}", left_on=day),
            place.enrollment(f"e-{number}", entry_date=day, exit_date=day),
            place.stint(f"a-{number}", start_date=day, end_date=day),
        ]
    _come_back(place, records)


def ends_come_back(place: Place) -> None:
    """An end comes back where there is one, and does not where there is none, added or replaced."""
    later = ENTRY + timedelta(days=9)
    ended: list[Any] = [
        place.project("p", operating_end_date=later),
        place.user("u", left_on=later),
        place.enrollment("e", exit_date=later),
        place.stint("a", end_date=later),
    ]
    fields = ("operating_end_date", "left_on", "exit_date", "end_date")
    open_ended = [attrs.evolve(record, **{field: None}) for record, field in zip(ended, fields, strict=True)]
    _come_back(place, [*place.ground(), *ended])
    _replace_each(place, open_ended)
    _replace_each(place, ended)


def batches_come_back(place: Place) -> None:
    """A record comes back with the batch that first recorded it, although equality leaves that aside."""
    records = [attrs.evolve(record, batch_id=f"batch {number}") for number, record in enumerate(place.ground())]
    _come_back(place, records)
    _replace_each(place, [attrs.evolve(record, batch_id=None) for record in records])


def ids_are_told_apart(place: Place) -> None:
    """Ids that differ in case, accents, blanks or digits are different ids, and one with NUL after it finds nothing."""
    names = (
        "a",
        "A",
        "é",
        "e\u0301",
        "É",
        "ß",
        "ss",
        "ﬁ",
        "fi",
        " a",
        "a ",
        "%",
        "_",
        "1",
        "01",
        "1.0",
        "😀",
        "a\u200b",
    )
    clients = [place.client(name, last_name=f"number {number}") for number, name in enumerate(names)]
    with place.store.transaction(write=True) as tx:
        tx.clients.add(clients)
    with place.store.transaction() as tx:
        for client in clients:
            expect(f"get {client!r}", dict(tx.clients.get([client.key])), {client.key: client})
        expect("get an id with NUL", dict(tx.clients.get([place.id("a\0"), f"\0{place.id('a')}"])), {})


def ids_may_be_unknown_or_repeated(place: Place) -> None:
    """Unknown ids are left out, an id may be given twice and in any order, and who asks for nothing gets nothing."""
    with place.fill().transaction() as tx:
        for kind, names in zip(of_every_kind(tx), _names_of_ground(), strict=True):
            records: Any = kind
            asked = [*reversed(names), "no", *names]
            found = records.get(iter(place.ids(asked)))
            expect("get in the order of ids", list(found), place.ids(sorted(names)))
            expect("get nothing", dict(records.get([])), {})


def records_come_in_the_order_of_their_ids(place: Place) -> None:
    """Iteration and `get` answer in the order of the ids by code point, for every kind of record."""
    place.fill(
        *(make(key) for make in (place.organization, place.project, place.user, place.client) for key in KEYS),
        *(place.enrollment(key) for key in KEYS),
        *(place.stint(key) for key in KEYS),
    )
    with place.store.transaction() as tx:
        for part, names in zip(of_every_kind(tx), _names_of_ground(), strict=True):
            records: Any = part
            ordered = sorted([*KEYS, *names])
            expect("iterate", place.names(records), ordered)
            expect("get", place.names(records.get(place.ids(reversed(ordered))).values()), ordered)


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


def adding_what_is_there_is_refused(place: Place) -> None:
    """Adding an id that is there, or twice in a call, raises `AlreadyExistsError` that names each, and adds nothing."""
    clients = [place.client(name, first_name="Other") for name in ("n1", "c2", "n2", "n2", "c1", "n3")]
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        with refused("add ids that are there", AlreadyExistsError) as caught:
            tx.clients.add(iter(clients))
        _expect_named(caught, "client", place.ids(["c1", "c2", "n2"]))
        expect("after an add that was refused", place.everything(tx), before)
        for record in place.ground():
            with refused(f"{record.KIND}: add the same again", AlreadyExistsError):
                kind_of(tx, record.KIND).add([record])


def replacing_what_is_not_there_is_refused(place: Place) -> None:
    """Replacing an id that is not there raises `NotFoundError` that names each, and adds and replaces nothing."""
    users = [place.user(name, first_name="Other") for name in ("kim", "z", "lee", "no", "no")]
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        with refused("replace ids that are not there", NotFoundError) as caught:
            tx.users.replace(iter(users))
        _expect_named(caught, "user", place.ids(["no", "z"]))
        for record in (place.client("z"), place.enrollment("z"), place.stint("z"), place.project("z")):
            with refused(f"{record.KIND}: replace what is not there", NotFoundError):
                kind_of(tx, record.KIND).replace([record])
        expect("after a replace that was refused", place.everything(tx), before)


def replacing_replaces_every_field(place: Place) -> None:
    """A replaced record is the new one in every field, filled or empty, and of two with one id the later one stays."""
    full = place.stint("a1", end_date=ENTRY, role="Cover", kept_after_exit=True, voided=True, batch_id="b9")
    bare = place.stint("a1", start_date=ENTRY + timedelta(days=1))
    named = place.client("c1", first_name="Ada", last_name="Example", batch_id="b9")
    moved = place.enrollment("e1", personal_id=place.id("c2"), project_id=place.id("th"), relationship_to_hoh=1)
    place.fill()
    for records in ([full], [bare], [named, moved], [place.client("c1"), place.enrollment("e1")]):
        _replace_each(place, records)
    with place.store.transaction(write=True) as tx:
        tx.assignments.replace([bare, full])
        expect("the later of two", tx.assignments.get([full.key])[full.key], full)


def a_reference_to_nothing_is_refused(place: Place) -> None:
    """A record that refers to one that is not there is refused with `StorageError`, added or replaced."""
    no = place.id("not there")
    cases: list[tuple[Record, Record]] = [
        (place.project("es", organization_id=no), place.project("new", organization_id=no)),
        (place.enrollment("e1", personal_id=no), place.enrollment("new", personal_id=no)),
        (place.enrollment("e1", project_id=no), place.enrollment("new", project_id=no)),
        (place.stint("a1", enrollment_id=no), place.stint("new", enrollment_id=no)),
        (place.stint("a1", user_id=no), place.stint("new", user_id=no)),
    ]
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
    for there, new in cases:
        with _writing(place, new.KIND) as records:
            refuses(f"{new.KIND}: add what refers to nothing", partial(records.add, [new]), StorageError)
        with _writing(place, new.KIND) as records:
            refuses(f"{new.KIND}: replace by what refers to nothing", partial(records.replace, [there]), StorageError)
    with place.store.transaction() as tx:
        expect("after what was refused", place.everything(tx), before)


def what_is_added_may_fail_on_the_way(place: Place) -> None:
    """An error of whoever hands over the records comes out as it is, and nothing of the call stays."""

    def failing() -> Iterator[Client]:
        yield place.client("n1")
        raise UndoError

    with place.store.transaction(write=True) as tx:
        _expect_undo_error(lambda: tx.clients.add(failing()))
        tx.clients.add([place.client("n2")])
    with place.store.transaction() as tx:
        expect("after a call that failed on the way", place.names(tx.clients), ["n2"])


def what_is_iterated_may_be_written(place: Place) -> None:
    """Records may be replaced and added while they are iterated, and each that was there comes exactly once."""
    names = [f"{number:04}" for number in range(2_500)]
    was_there = {*names, "c1", "c2"}
    place.fill()
    with undone(place.store) as tx:
        tx.clients.add(place.client(name) for name in names)
        tx.enrollments.add(place.enrollment(name, household_id=place.id(f"x{name}")) for name in names)
        seen, moved = [], []
        for client in tx.clients:
            if place.is_own(client.key):
                seen.append(client)
                if len(seen) % 100 == 0:
                    tx.clients.replace([attrs.evolve(client, last_name="Seen")])
                    tx.clients.add([place.client(f" {len(seen)}"), place.client(f"z{len(seen)}")])
        expect("iterate", [name for name in place.names(seen) if name in was_there], sorted(was_there))
        for stay in tx.enrollments.by_household([place.id("es")]):
            moved.append(stay)
            if len(moved) % 100 == 0:
                tx.enrollments.replace([attrs.evolve(stay, household_id=place.id("z"))])
        expect("by_household", place.names(moved), ["e1", "e2", *names])


def _come_back(place: Place, records: Sequence[Any]) -> None:
    """Add records, and expect each from `get` and from iteration, in that block and in the next."""
    with place.store.transaction(write=True) as tx:
        add(tx, records)
        _expect_there(tx, records)
    with place.store.transaction() as tx:
        _expect_there(tx, records)
        for kind in {record.KIND for record in records}:
            by_key = {record.key: record for record in records if kind == record.KIND}
            for record in kind_of(tx, kind):
                expect("iterate", record, by_key.get(record.key, record))


def _replace_each(place: Place, records: Sequence[Any]) -> None:
    """Replace records, and expect each, in that block and in the next."""
    with place.store.transaction(write=True) as tx:
        for record in records:
            kind_of(tx, record.KIND).replace([record])
        _expect_there(tx, records)
    with place.store.transaction() as tx:
        _expect_there(tx, records)


def _expect_there(tx: Any, records: Sequence[Any]) -> None:
    for record in records:
        expect(f"get {record!r}", kind_of(tx, record.KIND).get([record.key]).get(record.key), record)


def _expect_named(caught: Sequence[Any], kind: str, ids: Sequence[str]) -> None:
    expect("what the error names", [(error.kind, tuple(error.ids)) for error in caught], [(kind, tuple(ids))])


def _expect_undo_error(use: Callable[[], object]) -> None:
    try:
        use()
    except UndoError:
        return
    expect("the error of whoever hands over the records", None, UndoError)


@contextmanager
def _writing(place: Place, kind: str) -> Iterator[Any]:
    with place.store.transaction(write=True) as tx:
        yield kind_of(tx, kind)


def _names_of_ground() -> tuple[tuple[str, ...], ...]:
    return ("haven",), ("es", "th"), ("kim", "lee"), ("c1", "c2"), ("e1", "e2"), ("a1", "a2")
