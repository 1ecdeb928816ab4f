"""Dirt: what the audit's rules find, done on purpose. Each kind spoils a household; it may break a second rule too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

Spoil = Callable[[Any, Any, list[Any], list[Any]], None]
"""Changes the members of a household and their stints, given the world and the stay that they share."""


def starts_before_entry(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint starts a week before the entry."""
    stints[0] = stints[0]._replace(start_date=stay.entry - timedelta(days=7))


def starts_after_exit(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint starts and ends after the exit."""
    later = stay.exit + timedelta(days=3)
    stints[-1] = stints[-1]._replace(start_date=later, end_date=later + timedelta(days=9), voided=False)


def ends_after_exit(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint ends a month after the exit."""
    stints[-1] = stints[-1]._replace(end_date=stay.exit + timedelta(days=30), voided=False)


def open_after_exit(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint has no end, and the client has gone."""
    stints[-1] = stints[-1]._replace(end_date=None, voided=False)


def overlaps_own(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint is there twice."""
    stints.append(stints[0]._replace(assignment_id=world.dice.id_of_day(stay.entry)))


def enrollment_deleted(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """An enrollment is deleted, and its stints stand."""
    members[-1] = members[-1]._replace(deleted=True)


def exits_before_entry(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A member exits a week before the entry."""
    members[-1] = members[-1]._replace(exit_date=members[-1].entry_date - timedelta(days=7))


def unassigned(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """Nobody holds any member."""
    stints.clear()


def gap(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A member is held for the first days, and then for nothing but the last."""
    own = [stint for stint in stints if stint.enrollment_id == members[0].enrollment_id][:1]
    others = [stint for stint in stints if stint.enrollment_id != members[0].enrollment_id]
    first = own[0]._replace(start_date=stay.entry, end_date=stay.entry + timedelta(days=4), voided=False)
    last = first._replace(
        assignment_id=world.dice.id_of_day(stay.entry), start_date=stay.entry + timedelta(days=12), end_date=stay.exit
    )
    stints[:] = [first, last, *others]


def only_cover(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """Every member is held by cover alone."""
    stints[:] = [stint._replace(role="Cover") for stint in stints]


def household_differs(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """One member has another case manager than the others."""
    last = members[-1].enrollment_id
    held = {stint.user_id for stint in stints}
    other = next(user.user_id for user in (*stay.team, *world.users) if user.user_id not in held)
    stints[:] = [stint._replace(user_id=other) if stint.enrollment_id == last else stint for stint in stints]


def held_by_departed(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """Whoever holds the household has left."""
    gone = world.departed()
    stints[:] = [stint._replace(user_id=gone) for stint in stints if stint.end_date is None]


def held_without_access(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """Whoever holds the household cannot access its organization."""
    stranger = world.outsider(stay)
    stints[:] = [stint._replace(user_id=stranger) for stint in stints if stint.end_date is None]


def kept_after_exit(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """A stint was kept open past the exit."""
    stints[0] = stints[0]._replace(end_date=None, kept_after_exit=True)


def no_head(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """The head has relationship 99."""
    members[0] = members[0]._replace(relationship_to_hoh=99)


def several_heads(world: Any, stay: Any, members: list[Any], stints: list[Any]) -> None:
    """Every member is the head."""
    members[:] = [member._replace(relationship_to_hoh=1) for member in members]


DIRT: Final[tuple[Spoil, ...]] = (
    starts_before_entry,
    starts_after_exit,
    ends_after_exit,
    open_after_exit,
    overlaps_own,
    enrollment_deleted,
    exits_before_entry,
    unassigned,
    gap,
    only_cover,
    household_differs,
    held_by_departed,
    held_without_access,
    kept_after_exit,
    no_head,
    several_heads,
)

NEEDS_OPEN: Final = {
    f.__name__ for f in (unassigned, only_cover, household_differs, held_by_departed, held_without_access)
}
NEEDS_SHUT: Final = {
    f.__name__
    for f in (
        starts_after_exit,
        ends_after_exit,
        open_after_exit,
        exits_before_entry,
        kept_after_exit,
        gap,
        overlaps_own,
    )
}
