"""What must be true of records by their ids, whatever their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import attrs

from caseassign.errors import AlreadyExistsError, CaseAssignError, NotFoundError, StorageError
from caseassign.model import ProjectType, Record, RelationshipToHoH
from caseassign.storage import Transaction
from caseassign.testing.expecting import UndoError, expect, fail, refused, refuses
from caseassign.testing.ids import names_of_ground
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

_NAME: Final = "Marked Name"
"""A name that no error may tell."""

_FEW: Final = 20
"""With how many of those that come something is written."""

_BATCHES: Final = ("", " ", "007", "7", "7.0", " 7", "7 ", "a,b", "é", "x" * 500)
"""Batches that come back wrong if they are kept as anything but texts."""

_PERMISSIONS: Final = ("a", "B", "a,b", "a;b", "a b", " a", "a ", "a\nb", '["a"]', "{a,b}", "A", "é", "x" * 500)
"""Names that come back wrong if they are kept joined together."""

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


def every_kind_comes_back_equal(place: Place) -> None:
    """A record of any kind comes back equal to what went in, with every field and the types of its values."""
    _come_back(
        place,
        [
            *place.ground(),
            place.organization("full", organization_name="Haven"),
            *(place.project(f"type {int(kind)}", project_type=kind) for kind in ProjectType),
            place.project("full", organization_id=place.id("haven"), project_name="Shelter"),
            place.user("full", first_name="Kim", last_name="Example", permissions=_PERMISSIONS, is_case_manager=False),
            place.user("of two", organization_ids={place.id("haven"), "not there"}),
            place.client("full", first_name="Ada", last_name="Example"),
            *(place.enrollment(f"to head {int(kind)}", relationship_to_hoh=kind) for kind in RelationshipToHoH),
            place.enrollment("deleted", deleted=True),
            place.stint("full", role="Cover", kept_after_exit=True, voided=True),
        ],
    )


def texts_come_back_equal(place: Place) -> None:
    """A text comes back character for character, and an empty one is not none at all."""
    place.fill()
    records: list[Any] = []
    for number, text in enumerate(TEXTS):
        records += [
            place.organization(f"o{number}", organization_name=text),
            place.project(f"p{number}", project_name=text),
            place.client(f"c-{number}", first_name=text, last_name=None),
            place.client(f"d-{number}", first_name=None, last_name=text),
            place.user(f"u{number}", first_name=text, last_name=None),
            place.user(f"v{number}", last_name=text, permissions={text}, organization_ids={text, f"{text},{text}"}),
        ]
        if text:  # an id, and a role, is never empty
            records += [
                place.enrollment(f"e-{number}", household_id=text),
                place.stint(f"a-{number}", role=text),
            ]
    _come_back(place, records)


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
    ground = place.ground()
    records = [attrs.evolve(record, batch_id=f"batch {number}") for number, record in enumerate(ground)]
    _come_back(place, records)
    for text in _BATCHES:
        _replace_each(place, [attrs.evolve(record, batch_id=text) for record in ground])
    _replace_each(place, [attrs.evolve(record, batch_id=None) for record in records])


def records_come_in_the_order_of_their_ids(place: Place) -> None:
    """Iteration and `get` answer in the order of the ids by code point, for every kind of record."""
    place.fill(
        *(make(key) for make in (place.organization, place.project, place.user, place.client) for key in KEYS),
        *(place.enrollment(key) for key in KEYS),
        *(place.stint(key) for key in KEYS),
    )
    with place.store.transaction() as tx:
        for part, names in zip(of_every_kind(tx), names_of_ground(), strict=True):
            records: Any = part
            ordered = sorted([*KEYS, *names])
            expect("iterate", place.names(records), ordered)
            expect("get", place.names(records.get(place.ids(reversed(ordered))).values()), ordered)


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
    fresh = [attrs.evolve(record, batch_id="fresh") for record in place.ground()]
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        calls: dict[str, tuple[Callable[[Any], None], Any]] = {
            "append": (tx.history.append, place.lines(tx.history.head(), {})[0]),
            "remove a text": (tx.personal.remove, place.id("p1")),
        }
        for part, there, new in zip(of_every_kind(tx), _one_of_each(fresh), _one_of_each(_news(place)), strict=True):
            calls[f"{new.KIND}: add"] = part.add, new
            calls[f"{new.KIND}: replace"] = part.replace, there
        for error in (UndoError("on the way"), ValueError("on the way")):
            for what, (call, given) in calls.items():
                came = _raised(partial(call, _failing(given, error)))
                expect(f"{what}: the error of whoever hands over", came is error, expected=True)
                expect(f"after a call that failed on the way, {what}", place.everything(tx), before)
        tx.clients.add([place.client("n2")])
    with place.store.transaction() as tx:
        expect("after a call that failed on the way", place.names(tx.clients), ["c1", "c2", "n2"])


def calls_with_nothing_do_nothing(place: Place) -> None:
    """Who adds, replaces, appends, puts or removes nothing is refused nothing, and changes nothing."""
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        for part in of_every_kind(tx):
            for call in (part.add, part.replace):
                call([])
                call(iter(()))
        tx.history.append([])
        tx.history.append(iter(()))
        tx.imported.put("client", {})
        tx.personal.put({})
        tx.personal.remove([])
        tx.personal.remove(iter(()))
        expect("after calls with nothing", place.everything(tx), before)
    with place.store.transaction() as tx:
        expect("in the next block", place.everything(tx), before)


def errors_tell_no_names(place: Place) -> None:
    """What is refused is named by its ids: neither the error nor what it was raised from tells a name."""
    named: dict[str, Any] = {"first_name": _NAME, "last_name": _NAME}
    no = place.id("not there")
    with place.fill().transaction(write=True) as tx:
        calls: list[Callable[[], None]] = [
            lambda: tx.clients.add([place.client("c1", **named)]),
            lambda: tx.clients.add([place.client("n1", **named), place.client("n1", **named)]),
            lambda: tx.clients.replace([place.client("n1", **named)]),
            lambda: tx.users.add([place.user("kim", **named)]),
            lambda: tx.users.replace([place.user("n1", **named)]),
            lambda: tx.organizations.add([place.organization("haven", organization_name=_NAME)]),
            lambda: tx.projects.add([place.project("n1", organization_id=no, project_name=_NAME)]),
            lambda: tx.projects.replace([place.project("es", organization_id=no, project_name=_NAME)]),
            lambda: tx.enrollments.add([place.enrollment("n1", personal_id=no, batch_id=_NAME)]),
            lambda: tx.assignments.add([place.stint("n1", user_id=no, batch_id=_NAME)]),
            lambda: tx.history.append(place.lines(tx.history.head(), {"number": 1, "reason": _NAME})),
            lambda: tx.history.append(
                place.lines(tx.history.head(), {"change_id": place.id("first"), "after": {"name": _NAME}})
            ),
        ]
        for call in calls:
            came = _raised(call)
            if not isinstance(came, CaseAssignError):
                fail(f"what cannot be written was not refused by an error of the library: {came!r}")
            while came is not None:
                if _NAME in f"{came} {came!r} {came.args} {vars(came)}":
                    fail(f"{type(came).__name__} tells what was written beside the ids")
                came = came.__cause__ or came.__context__


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
        _write_while_iterating(place, tx)
        tx.clients.replace(tx.clients.get([key])[key] for key in place.ids(["c1", "c2"]))


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


def _write_while_iterating(place: Place, tx: Transaction) -> None:
    """Add and replace records of each kind with each that comes, and expect those that were there."""
    for records in of_every_kind(tx):
        was_there = place.names(records)
        seen = []
        for record in records:
            if place.is_own(record.key):
                seen.append(record)
                if len(seen) <= _FEW:
                    key = f" {len(seen)}"
                    records.add(each for each in _news(place, key, f"z{key}") if each.KIND == record.KIND)
                    records.replace([record])
        came = [name for name in place.names(seen) if name in set(was_there)]
        expect(f"iterate while writing: each {seen[0].KIND}", came, was_there)
    was_idle, idle = place.names(tx.enrollments.unassigned(ENTRY, [place.id("es")])), []
    for number, stay in enumerate(tx.enrollments.unassigned(ENTRY, [place.id("es")])):
        idle.append(stay)
        if number < _FEW:
            tx.assignments.add([place.stint(f"to {number}", enrollment_id=stay.key)])
            tx.enrollments.add([place.enrollment(f" u{number}"), place.enrollment(f"zz{number}")])
    expect("unassigned while writing", [name for name in place.names(idle) if name in set(was_idle)], was_idle)


def _news(place: Place, *names: str) -> list[Any]:
    """Return new records of each kind."""
    makes = (place.organization, place.project, place.user, place.client, place.enrollment, place.stint)
    return [make(name) for make in makes for name in names or ("n1",)]


def _one_of_each(records: Sequence[Any]) -> list[Any]:
    """Return the first record of each kind."""
    return list({record.KIND: record for record in reversed(records)}.values())[::-1]


def _failing(given: Any, error: Exception) -> Iterator[Any]:
    yield given
    raise error


def _raised(call: Callable[[], None]) -> BaseException | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001  # it is looked at
        return error
    return None


@contextmanager
def _writing(place: Place, kind: str) -> Iterator[Any]:
    with place.store.transaction(write=True) as tx:
        yield kind_of(tx, kind)
