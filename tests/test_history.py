"""The chain of history, and the history of a record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from caseassign import Change, Head, InvalidRecordError, NotFoundError, RecordKey, User
from caseassign.history import EMPTY, to_json, verify


def chain(length: int) -> list[Change]:
    """A sealed history of so many lines."""
    lines: list[Change] = []
    head = EMPTY
    for number in range(1, length + 1):
        line = Change(
            number=number,
            change_id=f"ch{number}",
            recorded_at=datetime(2026, 3, 2, 12, number, tzinfo=UTC),
            user_id="kim",
            action="assignment.start",
            record=RecordKey("assignment", f"a{number}"),
            before=None,
            after={"start_date": "2026-03-02"},
            reason=None,
            batch_id="b",
        ).sealed(head)
        head = line.head
        lines.append(line)
    return lines


CHANGES: dict[str, Any] = {
    "number": 99,
    "change_id": "other",
    "recorded_at": datetime(2020, 1, 1, tzinfo=UTC),
    "user_id": None,
    "action": "assignment.end",
    "record": RecordKey("assignment", "other"),
    "before": {},
    "after": {"start_date": "2026-03-03"},
    "reason": "another",
    "batch_id": "other",
    "digest": "0" * 64,
}


@given(length=st.integers(1, 8), data=st.data())
def test_a_changed_line_is_found(length: int, data: st.DataObject) -> None:
    """SPEC 8.5: whichever field of whichever line was changed, verify finds it there."""
    lines = chain(length)
    at = data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(sorted(CHANGES)))
    head = lines[-1].head
    lines[at] = attrs.evolve(lines[at], **{field: CHANGES[field]})
    assert next(verify(lines, head)).number == lines[at].number


@given(length=st.integers(1, 8), data=st.data())
def test_a_removed_line_is_found(length: int, data: st.DataObject) -> None:
    """SPEC 8.5: the last one too, since the head is kept apart from the lines."""
    lines = chain(length)
    head = lines[-1].head
    assert list(verify(lines, head)) == []
    del lines[data.draw(st.integers(0, length - 1))]
    assert list(verify(lines, head))


@given(length=st.integers(1, 8), data=st.data())
def test_an_inserted_line_is_found(length: int, data: st.DataObject) -> None:
    """SPEC 8.5: even one that is sealed by the line before it."""
    lines = chain(length)
    head = lines[-1].head
    at = data.draw(st.integers(0, length))
    previous = lines[at - 1].head if at else EMPTY
    lines.insert(at, attrs.evolve(lines[0], change_id="put in", number=at + 1).sealed(previous))
    assert list(verify(lines, head))


@given(length=st.integers(1, 8), data=st.data())
def test_a_history_that_was_written_anew_is_found_by_an_anchor(length: int, data: st.DataObject) -> None:
    """SPEC 8.5: whoever cuts the tail off, or writes another, with a head that fits, cannot go through the anchor."""
    lines = chain(length)
    anchors = [line.head for line in data.draw(st.lists(st.sampled_from(lines), max_size=3))]
    assert list(verify(lines, lines[-1].head, anchors)) == []
    kept = data.draw(st.integers(0, length - 1))
    forged = lines[:kept]
    for line in lines[kept : data.draw(st.integers(kept, length))]:
        forged.append(attrs.evolve(line, user_id="lee").sealed(forged[-1].head if forged else EMPTY))
    head = forged[-1].head if forged else EMPTY
    assert list(verify(forged, head)) == []
    found = [each.number for each in verify(forged, head, iter(anchors))]
    assert found == sorted({anchor.number for anchor in anchors if anchor.number > kept})


def test_an_anchor_is_a_number_and_a_digest(world: World) -> None:
    """SPEC 8.5: the moment need not be noted down; of two that disagree one is wrong."""
    head = world.system.history_head()
    assert (head.number, len(head.digest)) == (world.lines(), 64)
    world.stay()
    noted = Head(head.number, head.digest)
    assert world.system.verify_history([noted, head]) == ()
    breaks = world.system.verify_history([noted, Head(head.number, "0" * 64)])
    assert [found.number for found in breaks] == [head.number]
    assert "written anew" in breaks[0].problem


def test_a_cut_tail_is_found_only_with_an_anchor(world: World) -> None:
    """SPEC 8.5: somebody with the whole store can take back the last lines and the head; not what was noted down."""
    world.stay()
    anchor = world.system.history_head()
    world.stay("c2")
    later = world.system.history_head()
    store: Any = world.store
    for _ in range(2):
        lines = store._data.lines
        lines.take_back(lines.lines[-2].head)
    assert world.system.verify_history() == ()
    assert [found.number for found in world.system.verify_history([later, anchor])] == [anchor.number, later.number]
    assert "removed at the end" in world.system.verify_history([later])[0].problem
    assert world.system.verify_history([lines.head]) == ()


def test_a_whole_history_verifies_without_its_head() -> None:
    """SPEC 8.5: the lines alone are a chain."""
    assert list(verify(chain(5))) == []
    assert list(verify([])) == []
    assert list(verify([], EMPTY)) == []


def test_plain_data_has_one_form() -> None:
    """SPEC 8.5: the digest does not depend on the order of keys."""
    assert to_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'


def test_a_line_shows_no_content(world: World) -> None:
    """SPEC 8.4: names and free-text reasons never appear in repr."""
    line = world.system.history(client="c1")[0]
    assert "Ada" in str(line.after)
    assert "Ada" not in repr(line)


def test_the_history_of_an_enrollment_includes_its_stints(world: World) -> None:
    """SPEC 7.8: and nothing of others."""
    stay = world.stay()
    stint = world.kim.assign(stay).assignment
    world.kim.assign(world.stay("c2"))
    world.kim.end(stint, on="2026-03-10", reason="transfer")
    lines = world.kim.history(stay)
    assert [(line.record.kind, line.action) for line in lines] == [
        ("enrollment", "enrollment.start"),
        ("assignment", "assignment.start"),
        ("assignment", "assignment.end"),
    ]
    assert [line.record.kind for line in world.kim.history(assignment=stint.assignment_id)] == ["assignment"] * 2
    assert lines[2].reason == "transfer"
    assert lines[:1] == (lines[0],)
    assert len(lines) == 3


def test_the_history_of_a_client_includes_enrollments_and_stints(world: World) -> None:
    """SPEC 7.8: history of a client."""
    world.kim.assign(world.stay())
    kinds = [line.record.kind for line in world.kim.history(client="c1")]
    assert kinds == ["client", "enrollment", "assignment"]


def test_the_history_of_a_user_is_of_the_record_and_of_the_stints_they_hold(world: World) -> None:
    """SPEC 7.8: history of a user."""
    world.kim.assign(world.stay(), "lee")
    world.super.add(User(user_id="lee", organization_ids=frozenset({"haven", "bridge"})))
    assert [(line.record.kind, line.action) for line in world.super.history(user="lee")] == [
        ("user", "user.manage"),
        ("assignment", "assignment.start"),
        ("user", "user.manage"),
    ]


def test_history_asks_for_one_record(world: World) -> None:
    """SPEC 7.8: one record or one batch, and what is not there is named."""
    with pytest.raises(InvalidRecordError):
        world.kim.history()
    stay = world.stay()
    with pytest.raises(InvalidRecordError):
        world.kim.history(stay, client="c1")
    with pytest.raises(InvalidRecordError):
        world.kim.history(stay.enrollment_id)  # type: ignore[arg-type]  # wrong on purpose
    assert list(world.kim.history(enrollment=stay)) == list(world.kim.history(stay))
    for kind in ("client", "assignment", "batch", "user", "enrollment"):
        unknown: dict[str, Any] = {kind: "x"}
        with pytest.raises(NotFoundError):
            world.kim.history(**unknown)


def test_lines_that_may_not_be_seen_are_withheld(world: World) -> None:
    """SPEC 8.2: no history leaks what the acting user may not see."""
    outcome = world.sam.enroll("c1", "th")
    history = world.kim.history(client="c1")
    assert (len(history), history.withheld) == (0, 3)
    batch = world.kim.history(batch=outcome.batch_id)
    assert (len(batch), batch.withheld) == (0, 2)
    world.stay("c1")
    assert [line.record.kind for line in world.kim.history(client="c1")] == ["client", "enrollment"]


def test_a_command_is_no_line_that_people_read(world: World) -> None:
    """SPEC 6, 8.5: what a command remembers belongs to the chain and to nobody's history."""
    outcome = world.kim.enroll("c1", "es", command_id="once")
    assert {line.record.kind for line in world.kim.history(batch=outcome.batch_id)} == {"enrollment", "assignment"}
    assert world.system.verify_history() == ()


def test_nobody_holds_the_data_of_a_line(any_world: World) -> None:
    """SPEC 8.5: what is done to a line that was handed out, or in, is done to a copy."""
    world = any_world
    handed_out = world.kim.enroll("c1", "es").changes[0]
    for line in (handed_out, world.kim.history(client="c1")[-1]):
        assert isinstance(line.after, dict)
        line.after["role"] = "Boss"
    assert "Boss" not in str([line.after for line in world.kim.history(client="c1")])
    assert world.system.verify_history() == ()
