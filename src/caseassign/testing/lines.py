"""What must be true of the history, of what imports said, and of the personal texts that lines stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, timedelta, timezone
from typing import Any, Final

import attrs

from caseassign.errors import AlreadyExistsError, ConflictError
from caseassign.history import EMPTY, Change, Head, RecordKey, verify
from caseassign.storage import History, Transaction
from caseassign.testing.expecting import expect, fail, refused
from caseassign.testing.place import Place, undone
from caseassign.testing.uses import FIRST_MOMENT

NEPAL: Final = timezone(timedelta(hours=5, minutes=45))
NEWFOUNDLAND: Final = timezone(-timedelta(hours=3, minutes=30))

_ORDERED: Final = ("Z", "a", "B", "b", "10", "9", "é", "e\u0301", "_", "-", "😀", "\uff5e")
"""Names whose order by code point is not that of any language, nor that by UTF-16."""

PLAINS: Final[tuple[dict[str, Any] | None, ...]] = (
    None,
    {},
    {"role": "Case Manager", "end_date": None, "voided": False, "number": 1, "ids": ["b", "a"], "é": "😀"},
    {"": "", "b": [], "a": "O'Brien\n"},
)
"""Plain data as lines hold it."""


_CHANGES: Final = {
    *("alter", "amend", "change", "clear", "correct", "delete", "discard", "drop", "edit", "erase", "forget"),
    *("insert", "overwrite", "pop", "prune", "purge", "put", "redact", "remove", "replace", "reset", "restore"),
    *("rewrite", "set", "truncate", "undo", "update", "wipe", "write"),
}
"""Words in the names of methods that change lines; a store may have finders of its own beside those of the contract."""


def lines_come_back_equal(place: Place) -> None:
    """A line of history comes back equal to what went in, its time zone included, and its digest is still right."""
    with place.store.transaction(write=True) as tx:
        head = tx.history.head()
        moment = place.moment(head)
        drafts: list[dict[str, Any]] = [
            {"before": plain, "after": PLAINS[number - 1], "recorded_at": moment.astimezone(zone)}
            for number, (plain, zone) in enumerate(zip(PLAINS, (UTC, NEPAL, NEWFOUNDLAND, UTC), strict=True))
        ]
        later = {"recorded_at": moment + timedelta(microseconds=1)}
        drafts += [
            later | {"user_id": None, "reason": "", "action": ""},
            later | {"reason": "O'Brien\r\n😀", "record": place.about("", " é"), "batch_id": place.id("b2")},
        ]
        lines = place.lines(head, *drafts)
        tx.history.append(lines)
        _expect_lines(place, tx, lines)
    with place.store.transaction() as tx:
        _expect_lines(place, tx, lines)


def lines_are_found(place: Place) -> None:
    """Lines are found by record, batch and kind, each once and by number, and counted without being read."""
    kind = place.id("kind")
    first, second = RecordKey(kind, "1"), RecordKey(kind, "2")
    b1, b2 = place.ids(["b1", "b2"])
    drafts = [
        {"record": second, "batch_id": b2},
        {"record": first, "batch_id": b1},
        {"record": second, "batch_id": b1},
        {"record": RecordKey(place.id("other kind"), "1"), "batch_id": b2},
    ]
    with place.store.transaction(write=True) as tx:
        lines = place.lines(tx.history.head(), *drafts)
        tx.history.append(iter(lines))
    with place.store.transaction() as tx:
        history = tx.history
        expect("of_records", history.of_records([second, RecordKey(kind, "no"), second]), [lines[0], lines[2]])
        expect("of_records of two", history.of_records([second, first]), lines[:3])
        expect("of_batches", history.of_batches([b2, place.id("no"), b2]), [lines[0], lines[3]])
        expect("of_batches of two", history.of_batches([b2, b1]), lines)
        expect("of_kind", history.of_kind(kind), lines[:3])
        expect("of_kind of none", history.of_kind(place.id("no")), [])
        expect("count", history.count([second, first, second, RecordKey(kind, "no")]), 3)
        expect("who asks for nothing", (history.of_records([]), history.of_batches([]), history.count([])), ([], [], 0))


def the_head_moves_on(place: Place) -> None:
    """The head is that of the last line, numbers count on without a gap, and the whole history verifies."""
    for step in range(3):
        with place.store.transaction(write=True) as tx:
            head = tx.history.head()
            lines = place.lines(head, *({"change_id": place.id(f"{step}-{number}")} for number in range(step)))
            tx.history.append(lines)
            expect("the head in the block", tx.history.head(), lines[-1].head if lines else head)
        with place.store.transaction() as tx:
            expect("the head in the next block", tx.history.head(), lines[-1].head if lines else head)
            expect_whole(tx)


def lines_after_a_moment(place: Place) -> None:
    """`after` yields what was recorded later than a moment, and not what was recorded at it, in any time zone."""
    minute = timedelta(minutes=1)
    with place.store.transaction(write=True) as tx:
        start = place.moment(tx.history.head())
        moments = [start + minute, start + minute, start + 2 * minute, (start + 3 * minute).astimezone(NEPAL)]
        lines = place.lines(tx.history.head(), *({"recorded_at": moment} for moment in moments))
        tx.history.append(lines)
    with place.store.transaction() as tx:
        asked = {start: 0, start + minute: 2, start + 1.5 * minute: 2, start + 2 * minute: 3, start + 3 * minute: 4}
        for moment, left_out in asked.items():
            for zone in (UTC, NEWFOUNDLAND):
                expect("after", list(tx.history.after(moment.astimezone(zone))), lines[left_out:])
    close = [start + 4 * minute + timedelta(microseconds=each) for each in (100, 100, 900, 999_999)]
    with place.store.transaction(write=True) as tx:
        lines = place.lines(tx.history.head(), *({"recorded_at": moment} for moment in close))
        tx.history.append(lines)
        for moment, left_out in {
            close[0] - timedelta(microseconds=1): 0,
            close[0]: 2,
            close[2]: 3,
            close[3]: 4,
        }.items():
            expect("after, within a second", list(tx.history.after(moment)), lines[left_out:])
    with place.store.transaction() as tx:
        early = list(tx.history.after(FIRST_MOMENT))
        expect("after the first moment of all", early[-len(lines) :], lines)


def a_line_that_does_not_continue_is_refused(place: Place) -> None:
    """Lines that do not continue the chain are refused with `ConflictError`, and none of them stays."""
    wrong: dict[str, Callable[[Head], list[Change]]] = {
        "lines after an older head": lambda _: place.lines(EMPTY, {"change_id": place.id("stale")}),
        "a gap": lambda head: place.lines(head, {"number": head.number + 2}),
        "a number that is taken": lambda head: place.lines(head, {"number": head.number}),
        "another chain": lambda head: place.lines(head._replace(digest="0" * 64), {}),
        "a line that was changed": lambda head: [attrs.evolve(line, reason="x") for line in place.lines(head, {})],
        "a fork": lambda head: [*place.lines(head, {}), *place.lines(head, {"change_id": place.id("other")})],
        "lines in reverse": lambda head: place.lines(head, {}, {})[::-1],
    }
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        for what, lines in wrong.items():
            with refused(f"append {what}", ConflictError):
                tx.history.append(lines(tx.history.head()))
            expect(f"after {what} was refused", place.everything(tx), before)
        tx.history.append(place.lines(tx.history.head(), {}))


def a_change_id_comes_once(place: Place) -> None:
    """A change id that is in the history, or twice in a call, raises `AlreadyExistsError` that names it."""
    with place.fill().transaction(write=True) as tx:
        before = place.everything(tx)
        again = [{"change_id": place.id(name)} for name in ("n1", "first", "n2", "n1")]
        with refused("append change ids that are there", AlreadyExistsError) as caught:
            tx.history.append(place.lines(tx.history.head(), *again))
        named = [(error.kind, tuple(error.ids)) for error in caught]
        expect("what the error names", named, [("change", tuple(place.ids(["first", "n1"])))])
        expect("after an append that was refused", place.everything(tx), before)


def history_cannot_be_changed(place: Place) -> None:
    """A line that is on record is not changed or removed: the history has nothing for it, and refuses to overwrite."""
    with place.fill().transaction(write=True) as tx:
        offered = {name for name in dir(tx.history) if not name.startswith("_")}
        allowed = {name for name in vars(History) if not name.startswith("_")}
        changing = sorted(name for name in offered - allowed if _CHANGES & set(name.split("_")))
        if changing:
            fail(f"the history offers what changes it: {', '.join(changing)}")
        [line] = tx.history.of_batches([place.id("b1")])
        before = place.everything(tx)
    for changed in (attrs.evolve(line, reason="other"), attrs.evolve(line, change_id=place.id("new"))):
        with (
            refused("append over a line", ConflictError, AlreadyExistsError),
            place.store.transaction(write=True) as tx,
        ):
            tx.history.append([changed])
    with place.store.transaction() as tx:
        expect("the history afterwards", place.everything(tx), before)


def lines_are_handed_out_as_copies(place: Place) -> None:
    """What a line was made of may be changed by whoever made it, or got it, and the line on record stays as it was."""
    before: dict[str, Any] = {"role": "Cover", "ids": ["a"]}
    after: dict[str, Any] = {"role": "Cover", "ids": ["a"]}
    with place.store.transaction(write=True) as tx:
        record = RecordKey(place.id("kind"), "1")
        lines = place.lines(tx.history.head(), {"before": before, "after": after, "record": record})
        tx.history.append(lines)
    as_it_was = {"role": "Cover", "ids": ["a"]}
    for plain in (before, after):
        plain["ids"].append("b")
        plain["role"] = "Other"
    ways: list[Callable[[History], list[Change]]] = [
        lambda history: [line for line in history if line.change_id == lines[0].change_id],
        lambda history: history.of_batches([lines[0].batch_id]),
        lambda history: history.of_records([lines[0].record]),
        lambda history: history.of_kind(lines[0].record.kind),
        lambda history: [line for line in history.after(FIRST_MOMENT) if line.change_id == lines[0].change_id],
    ]
    for way in ways:
        for _ in range(2):
            with place.store.transaction() as tx:
                [line] = way(tx.history)
                got: Any
                for got in (line.before, line.after):
                    expect("a line whose data was changed elsewhere", got, as_it_was)
                    got["ids"].append("c")
                    got["role"] = "Forged"


def a_history_that_grows_comes_to_an_end(place: Place) -> None:
    """A history that is appended to while it is iterated comes to an end, after the lines that were there."""
    with undone(place.store) as tx:
        tx.history.append(place.lines(tx.history.head(), *[{}] * 20))
        ways: list[Callable[[History], Iterable[Change]]] = [iter, lambda history: history.after(FIRST_MOMENT)]
        for way in ways:
            last, seen = tx.history.head().number, 0
            for line in way(tx.history):
                seen = line.number
                if seen > last:
                    break
                if seen > last - 10:
                    tx.history.append(place.lines(tx.history.head(), {}))
            expect("the number of the last line that came", seen, last)


def what_imports_said_comes_back(place: Place) -> None:
    """What an import said of a record comes back by kind and id, and what is put later stands in its place."""
    said = {place.id("c1"): "", place.id("c2"): '{"é": "😀"}\n', place.id("\uffff"): "x" * 5_000}
    said |= {place.id(key): key for key in _ORDERED}
    kind, other = place.id("kind"), place.id("other kind")
    with place.store.transaction(write=True) as tx:
        tx.imported.put(kind, said)
        tx.imported.put(other, {place.id("c1"): "other"})
        tx.imported.put(kind, {})
    with place.store.transaction(write=True) as tx:
        asked = [*said, place.id("no"), *said]
        came = tx.imported.get(kind, asked)
        expect("get", dict(came), said)
        expect("the order of get", list(came), sorted(said))
        expect("get of another kind", dict(tx.imported.get(other, asked)), {place.id("c1"): "other"})
        expect("get of none", dict(tx.imported.get(place.id("no"), asked)), {})
        tx.imported.put(kind, {place.id("c1"): "later"})
    with place.store.transaction() as tx:
        expect("get what was put later", dict(tx.imported.get(kind, said)), said | {place.id("c1"): "later"})


def personal_texts_come_back(place: Place) -> None:
    """A personal text comes back by its imprint, character for character, and what is put later stands in its place."""
    texts = {place.id("p1"): "", place.id("\uffff"): "O'Brien\r\n😀 ", place.id("p2"): "x" * 5_000}
    texts |= {place.id(key): f" {key} " for key in _ORDERED}
    with place.store.transaction(write=True) as tx:
        tx.personal.put(texts)
        tx.personal.put({})
    with place.store.transaction(write=True) as tx:
        came = tx.personal.get([*reversed(texts), place.id("no"), *texts])
        expect("get", dict(came), texts)
        expect("the order of get", list(came), sorted(texts))
        expect("get of none", dict(tx.personal.get([])), {})
        tx.personal.put({place.id("p1"): "later", place.id("p3"): "new"})
    with place.store.transaction() as tx:
        later = texts | {place.id("p1"): "later", place.id("p3"): "new"}
        expect("get what was put later", dict(tx.personal.get(later)), later)


def personal_texts_can_be_removed(place: Place) -> None:
    """A personal text that is removed is gone, the others stay, and to remove what is not there does no harm."""
    texts = {place.id(f"p{number}"): f"text {number}" for number in range(5)}
    with place.store.transaction(write=True) as tx:
        tx.personal.put(texts)
    with place.store.transaction(write=True) as tx:
        tx.personal.remove(iter(place.ids(["p1", "p3", "p1", "no"])))
        tx.personal.remove([])
        left = {place.id(name): texts[place.id(name)] for name in ("p0", "p2", "p4")}
        expect("in the block", dict(tx.personal.get(texts)), left)
    with place.store.transaction(write=True) as tx:
        expect("in the next block", dict(tx.personal.get(texts)), left)
        tx.personal.remove(place.ids(["p1"]))
        tx.personal.put({place.id("p3"): "again"})
    with place.store.transaction() as tx:
        expect("what was put again", dict(tx.personal.get(texts)), left | {place.id("p3"): "again"})


def expect_whole(tx: Transaction) -> None:
    """Expect that the chain of the whole history verifies up to its head."""
    broken = [f"line {found.number}: {found.problem}" for found in verify(tx.history, tx.history.head())]
    expect("what is broken in the history", broken[:3], [])


def _expect_lines(place: Place, tx: Transaction, lines: list[Change]) -> None:
    numbers = {line.number for line in lines}
    history = tx.history
    expect("iterate", [line for line in history if line.number in numbers], lines)
    expect("of_records", history.of_records([line.record for line in lines]), lines)
    expect("of_batches", history.of_batches(place.ids(["b1", "b2"])), lines)
    expect("after", [line for line in history.after(FIRST_MOMENT) if line.number in numbers], lines)
    for line, previous in zip(lines[1:], lines, strict=False):
        [found] = (each for each in history.of_records([line.record]) if each.number == line.number)
        expect("the digest", found.digest_after(previous.digest), line.digest)
