"""What must be true of the finders of enrollments and assignments."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, Final

import attrs

from caseassign.storage import Transaction, household_order
from caseassign.testing.expecting import expect
from caseassign.testing.place import ENTRY, Place
from caseassign.testing.records import KEYS

DAY: Final = date(2026, 3, 2)
BEFORE: Final = DAY - timedelta(days=1)
AFTER: Final = DAY + timedelta(days=1)


def finders_find_what_belongs(place: Place) -> None:
    """Each finder finds the records of just those that it is asked about; unknown and repeated ids do no harm."""
    with place.fill(place.stint("a3", enrollment_id=place.id("e2"))).transaction() as tx:
        stays, stints = tx.enrollments, tx.assignments
        expect("of_clients", place.names(stays.of_clients(place.ids(["no", "c1", "c1"]))), ["e1"])
        both, no = [place.household("h1")] * 2, [place.household("h1", "th"), place.household("no")]
        expect("of_households", place.names(stays.of_households(both)), ["e1", "e2"])
        expect("of_households that are not there", stays.of_households(no), [])
        expect("of_enrollments", place.names(stints.of_enrollments(place.ids(["no", "e2", "e2"]))), ["a2", "a3"])
        expect("of_users", place.names(stints.of_users(place.ids(["no", "kim", "kim"]))), ["a1", "a3"])
        others = place.ids(["C1", "KIM", "E1", "c1 ", " kim", "e1\n", "c", "ki", "e"])
        expect("ids that are alike", (stays.of_clients(others), stints.of_users(others)), ([], []))
        expect("of_enrollments that are alike", stints.of_enrollments(others), [])
        expect("of_households that are alike", stays.of_households([place.household("H1")]), [])
        nothing = stays.of_clients([]), stays.of_households([]), stints.of_enrollments([]), stints.of_users([])
        expect("who asks for nothing", nothing, ([], [], [], []))


def answers_have_a_total_order(place: Place) -> None:
    """Finders answer by day and then by id, by code point, whatever the order of writing and of asking."""
    later = ENTRY + timedelta(days=1)
    owners = [("c1", "kim"), ("c2", "lee")] * len(KEYS)
    stays = [
        place.enrollment(f"E{key}", personal_id=place.id(client), household_id=place.id(client))
        for key, (client, _) in zip(KEYS, owners, strict=False)
    ]
    stints = [
        place.stint(f"A{key}", user_id=place.id(user), enrollment_id=stays[number % 2].key)
        for number, (key, (_, user)) in enumerate(zip(KEYS, owners, strict=False))
    ]
    store = place.fill(*stays, *stints)
    with store.transaction(write=True) as tx:
        tx.enrollments.replace([attrs.evolve(stays[4], entry_date=later)])
        tx.assignments.replace([attrs.evolve(stints[4], start_date=later)])
    first = sorted(key for key in KEYS if key != KEYS[4])
    expected, held = [*(f"E{key}" for key in first), f"E{KEYS[4]}"], [*(f"A{key}" for key in first), f"A{KEYS[4]}"]
    with store.transaction() as tx:
        households = [place.household("c2"), place.household("c1")]
        expect("of_households", place.names(tx.enrollments.of_households(households)), expected)
        asked = place.ids(["c2", "c1"])
        expect("of_clients", place.names(tx.enrollments.of_clients(asked)), [*expected[:-1], "e1", "e2", expected[-1]])
        of_all = tx.assignments.of_enrollments([stay.key for stay in reversed(stays)])
        expect("of_enrollments", place.names(of_all), held)
        of_users = place.names(tx.assignments.of_users(place.ids(["lee", "kim"])))
        expect("of_users", of_users, [*held[:-1], "a1", "a2", held[-1]])


def members_of_a_household_come_together(place: Place) -> None:
    """`by_household` yields every enrollment by project, household and id, those without household first."""
    in_household = {"household_id": place.id("h1")}
    store = place.fill(
        place.enrollment("a", **in_household),
        place.enrollment("h1"),
        place.enrollment("z", **in_household),
        place.enrollment("h0"),
        place.enrollment("n", **in_household, project_id=place.id("th")),
        place.enrollment("h1x", household_id=place.id("h0")),
        place.enrollment("b", household_id=place.id("h0")),
        *(place.project(key) for key in (*KEYS, "of")),
        *(place.enrollment(f"in {key}", project_id=place.id(key)) for key in KEYS),
        *(place.enrollment(f"of {key}", project_id=place.id("of"), household_id=place.id(key)) for key in KEYS),
        *(place.enrollment(f"with {key}", project_id=place.id("of")) for key in KEYS),
    )
    expected = ["h0", "h1", "b", "h1x", "a", "e1", "e2", "z", "n"]
    with store.transaction() as tx:
        expect("by_household", place.names(tx.enrollments.by_household(place.ids(["es", "th"]))), expected)
        ordered = place.names(sorted(place.own(tx.enrollments), key=household_order))
        expect("by_household of all", place.names(tx.enrollments.by_household()), ordered)
        idle = [name for name in ordered if name not in ("e1", "e2")]
        expect("unassigned", place.names(tx.enrollments.unassigned(DAY)), idle)


def deleted_and_void_records_are_among_the_answers(place: Place) -> None:
    """Deleted enrollments and void assignments are found like any other; whoever asks leaves them out."""
    gone = place.enrollment("gone", deleted=True, household_id=place.id("h1"))
    store = place.fill(gone, place.stint("void", voided=True))
    with store.transaction() as tx:
        expect("get", [*tx.enrollments.get([gone.key])], [gone.key])
        expect("of_clients", place.names(tx.enrollments.of_clients(place.ids(["c1"]))), ["e1", "gone"])
        expect(
            "of_households", place.names(tx.enrollments.of_households([place.household("h1")])), ["e1", "e2", "gone"]
        )
        expect("by_household", place.names(tx.enrollments.by_household()), ["e1", "e2", "gone"])
        expect("count", tx.enrollments.count(place.ids(["es"])), 3)
        expect("of_enrollments", place.names(tx.assignments.of_enrollments(place.ids(["e1"]))), ["a1", "void"])
        expect("of_users", place.names(tx.assignments.of_users(place.ids(["kim"]))), ["a1", "void"])


def what_has_ended_is_left_out(place: Place) -> None:
    """`of_users` with a day leaves out what ends on it or before, and keeps what ends later, never, or starts later."""
    ends = {"before": BEFORE, "on": DAY, "after": AFTER, "never": None}
    store = place.fill(
        *(place.stint(name, end_date=end) for name, end in ends.items()),
        place.stint("same day", start_date=DAY, end_date=DAY),
        place.stint("upcoming", start_date=AFTER, end_date=AFTER, voided=True),
    )
    with store.transaction() as tx:
        kim = place.ids(["kim"])
        expect("of_users", place.names(tx.assignments.of_users(kim, DAY)), ["a1", "after", "never", "upcoming"])
        expect("a day later", place.names(tx.assignments.of_users(kim, AFTER)), ["a1", "never"])
        expect("on the last day of all", place.names(tx.assignments.of_users(kim, date.max)), ["a1", "never"])
        expect("without a day", len(tx.assignments.of_users(kim)), 7)


def who_is_unassigned(place: Place) -> None:
    """`unassigned` yields just those open at the close of a day on which nobody is active then; `count` counts them."""
    cases: list[tuple[dict[str, Any], list[dict[str, Any]], bool]] = [
        ({}, [], True),
        ({}, [{}], False),
        ({}, [{"voided": True}], True),
        ({}, [{"end_date": DAY}], True),
        ({}, [{"end_date": AFTER}], False),
        ({}, [{"start_date": DAY}], False),
        ({}, [{"start_date": AFTER}], True),
        ({}, [{"start_date": DAY, "end_date": DAY}], True),
        ({}, [{"end_date": BEFORE}, {"start_date": BEFORE}], False),
        ({}, [{"end_date": BEFORE}, {"voided": True}], True),
        ({"deleted": True}, [], False),
        ({"exit_date": DAY}, [], False),
        ({"exit_date": AFTER}, [], True),
        ({"entry_date": DAY}, [], True),
        ({"entry_date": AFTER}, [], False),
    ]
    stays = [
        place.enrollment(f"{number:02}", project_id=place.id("th"), **days) for number, (days, _, _) in enumerate(cases)
    ]
    stints = [
        place.stint(f"{number:02}-{nth}", enrollment_id=stays[number].key, **values)
        for number, (_, held, _) in enumerate(cases)
        for nth, values in enumerate(held)
    ]
    listed = [f"{number:02}" for number, (_, _, is_listed) in enumerate(cases) if is_listed]
    with place.fill(*stays, *stints).transaction() as tx:
        expect("unassigned", place.names(tx.enrollments.unassigned(DAY)), listed)
        th = place.ids(["th"])
        expect("unassigned in one project", place.names(tx.enrollments.unassigned(DAY, th)), listed)
        expect("count", tx.enrollments.count(th, DAY), len(listed))
        expect("count of all", tx.enrollments.count(None, DAY), sum(1 for _ in tx.enrollments.unassigned(DAY)))


def finders_keep_to_projects(place: Place) -> None:
    """A finder with projects finds just what belongs to them, with none of them nothing, and with None everything."""
    in_th = {"project_id": place.id("th")}
    store = place.fill(
        place.enrollment("f1", **in_th),
        place.enrollment("f2", **in_th),
        place.stint("t1", enrollment_id=place.id("f1")),
    )
    with store.transaction() as tx:
        _expect_part(place, tx, None, stays=["e1", "e2", "f1", "f2"], nobodys=["f2"], stints=["a1", "t1"])
        for part in (place.ids(["th", "no"]), set(place.ids(["th"])), tuple(place.ids(["th", "th"]))):
            _expect_part(place, tx, part, stays=["f1", "f2"], nobodys=["f2"], stints=["t1"])
        _expect_part(place, tx, frozenset(place.ids(["es"])), stays=["e1", "e2"], nobodys=[], stints=["a1"])
        for part in (place.ids(["no"]), ()):
            _expect_part(place, tx, part, stays=[], nobodys=[], stints=[])


def projects_of_enrollments(place: Place) -> None:
    """`projects_of` names the project of each enrollment by its id, of deleted ones unless it is said otherwise."""
    store = place.fill(
        place.enrollment("f1", project_id=place.id("th")),
        place.enrollment("gone", project_id=place.id("th"), deleted=True),
        *(place.enrollment(key) for key in KEYS),
    )
    with store.transaction() as tx:
        es, th = place.ids(["es", "th"])
        asked = place.ids(["gone", "f1", "e1", "no", "e1"])
        e1, f1, gone = place.ids(["e1", "f1", "gone"])
        found = tx.enrollments.projects_of(asked)
        expect("projects_of", dict(found), {e1: es, f1: th, gone: th})
        expect("the order of projects_of", list(found), [e1, f1, gone])
        expect("without deleted ones", dict(tx.enrollments.projects_of(asked, deleted=False)), {e1: es, f1: th})
        expect("of none", dict(tx.enrollments.projects_of([])), {})
        keys = sorted(place.ids(KEYS))
        expect("the order by code point", list(tx.enrollments.projects_of(reversed(keys))), keys)


def finders_follow_what_is_replaced(place: Place) -> None:
    """A record that was replaced is found under what it says now, and no more under what it said."""
    store = place.fill()
    with store.transaction(write=True) as tx:
        tx.enrollments.replace([place.enrollment("e2", project_id=place.id("th"))])
        tx.assignments.replace([place.stint("a2")])
    with store.transaction() as tx:
        expect("of_clients", place.names(tx.enrollments.of_clients(place.ids(["c1"]))), ["e1", "e2"])
        expect("of_clients, before", tx.enrollments.of_clients(place.ids(["c2"])), [])
        expect("of_households", place.names(tx.enrollments.of_households([place.household("h1")])), ["e1"])
        expect("count", tx.enrollments.count(place.ids(["th"])), 1)
        expect("of_enrollments", place.names(tx.assignments.of_enrollments(place.ids(["e1"]))), ["a1", "a2"])
        expect("of_enrollments, before", tx.assignments.of_enrollments(place.ids(["e2"])), [])
        expect("of_users, before", tx.assignments.of_users(place.ids(["lee"])), [])


def _expect_part(
    place: Place,
    tx: Transaction,
    part: Collection[str] | None,
    *,
    stays: list[str],
    nobodys: list[str],
    stints: list[str],
) -> None:
    of = "all projects" if part is None else f"{len(part)} projects"
    expect(f"by_household of {of}", place.names(tx.enrollments.by_household(part)), stays)
    expect(f"unassigned of {of}", place.names(tx.enrollments.unassigned(DAY, part)), nobodys)
    expect(f"of_users of {of}", place.names(tx.assignments.of_users(place.ids(["kim"]), None, part)), stints)
    expect(f"of_users of {of}, with a day", place.names(tx.assignments.of_users(place.ids(["kim"]), DAY, part)), stints)
    counts = tx.enrollments.count(part), tx.enrollments.count(part, DAY)
    if part is not None:
        expect(f"count of {of}", counts, (len(stays), len(nobodys)))
    else:
        every, idle = tx.enrollments.by_household(), tx.enrollments.unassigned(DAY)
        expect("count of all", counts, (sum(1 for _ in every), sum(1 for _ in idle)))
