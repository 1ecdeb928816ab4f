"""The caseload of a user over time: how many cases they held as of each day, and what came and went.

A case came because somebody handed it over, or anew; it went because it was handed over, or ended. Cover is drawn on
top of the user's own cases, and is not among what came and went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal, Self, TypeAlias

import altair as alt
import attrs

from caseassign.cases import Cases
from caseassign.charts.look import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    WIDTH,
    called,
    colours,
    days,
    moved,
    nothing,
    table,
    ticks,
    titled,
    under,
)
from caseassign.display.words import counted, day
from caseassign.errors import InvalidRecordError
from caseassign.histories import History
from caseassign.history import RecordKey
from caseassign.model import COVER, CaseAssignment, User
from caseassign.policy import Action

_Unit: TypeAlias = Literal["day", "week", "month"]

_OWN: Final = "Own cases"
_COVER: Final = "Cover"
_HELD: Final = {_OWN: BLUE, _COVER: ORANGE}

_NEW: Final = "New"
_TAKEN: Final = "Taken over"
_ENDED: Final = "Ended"
_HANDED: Final = "Handed over"
_CAME: Final = "Came"
_WENT: Final = "Went"
_MOVES: Final = {_NEW: SKY, _TAKEN: GREEN, _CAME: SKY, _ENDED: ORANGE, _HANDED: VERMILION, _WENT: ORANGE}
_SIGNS: Final = {_NEW: 1, _TAKEN: 1, _CAME: 1, _ENDED: -1, _HANDED: -1, _WENT: -1}

_HANDING_OVER: Final = frozenset[str]({Action.ASSIGNMENT_HAND_OVER, Action.CASELOAD_REASSIGN})

_DAY: Final = timedelta(days=1)
_BY_DAY: Final = timedelta(days=70)
_BY_WEEK: Final = timedelta(days=400)
"""Up to which length a picture counts by day, and up to which by week; beyond it counts by month."""


def caseload(cases: Cases, history: History | None = None, *, names: bool = False) -> Any:
    """Return the caseload of a user over the days of `cases_during`, as of the close of each.

    With the ``history`` of the user it tells cases that were handed over from those that are new, or ended. Raises
    `InvalidRecordError` for a list of another question, for a part of a list, and for the history of something else.
    """
    user, period = cases.about, cases.period
    if not isinstance(user, User) or period is None or period.end is None or cases.next_page is not None:
        raise InvalidRecordError("Chart", "cases", "are no whole list of cases_during: ask for a user and two days")
    title = f"Caseload of {called(user, names=names)}"
    if history is not None and history.about not in {None, RecordKey(User.KIND, user.key)}:
        raise InvalidRecordError("Chart", "history", "is not that of the user whose cases they are")
    span = under(f"from {day(period.start)} until {day(period.end)}", cases, cases.withheld, "case")
    stints = [case.assignment for case in cases if case.assignment is not None]
    if not stints:
        return nothing(title, span, "No cases that may be seen." if cases.withheld else "No cases.")
    unit = _unit(period.end - period.start)
    came_and_went = _moves(stints, None if history is None else _HandOvers.of(history))
    moves = Counter((_first_of(unit, when), what) for when, what in came_and_went if when in period)
    drawn = _levels(stints, period.start, period.end)
    if moves:
        drawn = alt.vconcat(drawn, _come_and_gone(moves, unit, period.start, period.end))
    totals = {what: sum(number for (_, each), number in moves.items() if each == what) for what in _MOVES}
    said = ", ".join(f"{number:,} {what.lower()}" for what, number in totals.items() if number)
    described = f"{title} {span}: {counted(len(stints), 'assignment')}; {said or 'nothing came or went'}."
    return titled(drawn.resolve_scale(color="independent"), title, span, described)


# How many are held


def _kind(stint: CaseAssignment) -> str:
    return _COVER if stint.role == COVER else _OWN


def _levels(stints: Sequence[CaseAssignment], start: date, end: date) -> Any:
    turns = {start, *(turn for stint in stints for turn in (stint.start_date, stint.end_date) if turn is not None)}
    kinds = [kind for kind in _HELD if kind in map(_kind, stints)]
    # From each day on that many are drawn as are held at its close; where the picture ends, as many as the day before.
    drawn = [(turn, turn) for turn in sorted(turns) if start <= turn < end] + [(end, end - _DAY)]
    most = max(sum(as_of in stint.period for stint in stints) for _, as_of in drawn)
    rows = [
        {"day": at, "what": kind, "order": order, "number": sum(as_of in stint.period for stint in of_kind)}
        for order, kind in enumerate(kinds)
        for of_kind in [[stint for stint in stints if _kind(stint) == kind]]
        for at, as_of in drawn
    ]
    chart = alt.Chart(table(rows)).mark_area(interpolate="step-after")
    chart = chart.encode(
        x=days("day", start, end),
        y=alt.Y("number:Q", title="Cases held", axis=alt.Axis(values=ticks(most), format=",d"), stack="zero"),
        color=colours(_HELD, kinds),
        order=alt.Order("order:Q"),
    )
    return chart.properties(width=WIDTH, height=180)


# What came and went


@attrs.frozen
class _HandOvers:
    """The stints that began by a hand-over, and those whose end, as it stands now, is that of one."""

    began: frozenset[str]
    ended: frozenset[str]

    @classmethod
    def of(cls, history: History) -> Self:
        began, ends, ended = set[str](), set[tuple[str, object]](), dict[str, bool]()
        for line in history:
            if line.record.kind != CaseAssignment.KIND:
                continue
            before, after = line.before or {}, line.after or {}
            key, end, is_one = line.record.id, after["end_date"], line.action in _HANDING_OVER
            if is_one and line.before is None:
                began.add(key)
            elif is_one:
                ends.add((key, end))
            if end != before.get("end_date"):
                # What undoes an undo puts the end of the hand-over back.
                ended[key] = is_one or (line.action == Action.BATCH_UNDO and (key, end) in ends)
        return cls(frozenset(began), frozenset(key for key, is_one in ended.items() if is_one))


def _moves(stints: Iterable[CaseAssignment], hand_overs: _HandOvers | None) -> Iterator[tuple[date, str]]:
    """Yield each day on which a case came or went, cover aside, and, if there is the history, how."""
    for stint in (stint for stint in stints if stint.role != COVER):
        key, end = stint.assignment_id, stint.end_date
        if hand_overs is None:
            came, went = _CAME, _WENT
        else:
            came = _TAKEN if key in hand_overs.began else _NEW
            went = _HANDED if key in hand_overs.ended else _ENDED
        yield stint.start_date, came
        if end is not None:
            yield end, went


def _come_and_gone(moves: Mapping[tuple[date, str], int], unit: _Unit, start: date, end: date) -> Any:
    """Return what came, upwards from nothing, and what went, downwards."""
    rows: list[dict[str, Any]] = []
    reached: Counter[tuple[date, int]] = Counter()
    for first in sorted({first for first, _ in moves}):
        for what, sign in _SIGNS.items():
            number = moves.get((first, what), 0)
            if number:
                base = reached[first, sign]
                reached[first, sign] += sign * number
                rows.append(
                    {
                        "from": max(first, start),
                        "until": min(_next(unit, first), end),
                        "low": base,
                        "high": reached[first, sign],
                        "what": what,
                        "number": number,
                        "says": day(max(first, start)),
                    }
                )
    ends = [0, *reached.values()]
    scale = alt.Scale(domain=[min(ends) - 1, max(ends) + 1])
    axis = alt.Axis(
        values=ticks(max(ends), min(ends)),
        labelOverlap=False,
        labelExpr="datum.value == 0 ? '0' : format(datum.value, '+d')",
    )
    tooltip = [("what:N", "What"), ("number:Q", "Cases"), ("says:N", "From")]
    chart = alt.Chart(table(rows)).encode(
        x=days("from", start, end),
        x2="until:T",
        y=alt.Y("low:Q", title=f"Came and went by {unit}", axis=axis, scale=scale),
        y2="high:Q",
        color=colours(_MOVES, {what for _, what in moves}),
        tooltip=[alt.Tooltip(field, title=header) for field, header in tooltip],
    )
    nought = alt.Chart(table([{"low": 0}])).mark_rule(color=INK).encode(y="low:Q")
    return alt.layer(chart.mark_bar(stroke=INK, strokeWidth=0.6), nought).properties(width=WIDTH, height=150)


def _unit(length: timedelta) -> _Unit:
    if length <= _BY_DAY:
        return "day"
    return "week" if length <= _BY_WEEK else "month"


def _first_of(unit: _Unit, of: date) -> date:
    """Return the first day of the day, the week or the month that a day is in."""
    if unit == "month":
        return of.replace(day=1)
    return of - of.weekday() * _DAY if unit == "week" else of


def _next(unit: _Unit, first: date) -> date:
    """Return the first day of the one after."""
    if unit == "month":
        return moved(first, 31 * _DAY).replace(day=1)
    return moved(first, (7 if unit == "week" else 1) * _DAY)
