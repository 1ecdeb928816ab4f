"""The timeline of a client or a household: when they were enrolled, who was responsible, and when nobody was.

Each enrollment is a band, and below it each user who held it has a row of bars, one for each stint. A stint that ended
on its first day is a diamond, and what goes on until further notice has an arrow. Days up to now on which nobody was
responsible stand in a row of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

import altair as alt
import attrs

from caseassign.charts.look import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    STEP,
    VERMILION,
    WIDTH,
    as_of_day,
    called,
    colours,
    days,
    moved,
    nothing,
    shown,
    table,
    titled,
    under,
)
from caseassign.display.words import counted, day
from caseassign.errors import InvalidRecordError
from caseassign.model import CASE_MANAGER, COVER, CaseAssignment
from caseassign.period import Period
from caseassign.questions import ClientRecord, EnrollmentRecord

_ENROLLED: Final = "Enrolled"
_HELD: Final = "Case manager"
_OTHER: Final = "Other role"
_COVERED: Final = "Cover"
_KEPT: Final = "Kept after exit"
_NOBODY: Final = "Nobody responsible"
_COLOURS: Final = {
    _ENROLLED: GREY,
    _HELD: BLUE,
    _OTHER: GREEN,
    _COVERED: ORANGE,
    _KEPT: PURPLE,
    _NOBODY: VERMILION,
}
_ROLES: Final = {CASE_MANAGER: _HELD, COVER: _COVERED}

_DAY: Final = timedelta(days=1)
_SHORTEST: Final = 28
"""How many days a timeline shows at least."""

_FAR: Final = timedelta(days=3 * 365)
"""How far ahead it looks at most: what ends later is drawn as what goes on."""

_FEW: Final = 3
"""How many clients a title names at most."""


@attrs.frozen
class _Bar:
    """Something that was so on some days; ``says`` is what is told of it."""

    what: str
    days: Period
    says: str


_Lane: TypeAlias = tuple[str, Sequence[_Bar]]
"""What a row of the picture is called, and the bars in it."""


def timeline(*records: ClientRecord, names: bool = False) -> Any:
    """Return the timeline of a client: all enrollments that the record has, the earliest first.

    With the records of several clients it is that of a household. Raises `InvalidRecordError` without any.
    """
    if not records:
        raise InvalidRecordError("Chart", "records", "are none: give the client record of a client, or of several")
    as_of = max(record.as_of for record in records)
    clients = [called(record.client, names=names) for record in records]
    who = ", ".join(clients) if len(clients) <= _FEW else f"{len(clients)} clients"
    lanes = [
        (f"{called(record.client, names=names)}: {label}" if is_band and len(records) > 1 else label, bars)
        for stay, record in sorted(_stays(records), key=_earliest_first)
        for is_band, (label, bars) in _lanes(stay, as_of, names=names)
    ]
    title = f"Timeline of {who}"
    hidden = sum(record.withheld for record in records)
    when = under(as_of_day(as_of), records[0], hidden, "enrollment")
    if not lanes:
        return nothing(title, when, "No enrollments that may be seen." if hidden else "No enrollments.")
    return titled(_drawn(lanes, as_of), title, when, _described(lanes))


def _stays(records: Sequence[ClientRecord]) -> Iterator[tuple[EnrollmentRecord, ClientRecord]]:
    return ((stay, record) for record in records for stay in record.enrollments)


def _earliest_first(of: tuple[EnrollmentRecord, ClientRecord]) -> tuple[date, str]:
    return of[0].enrollment.entry_date, of[0].enrollment.enrollment_id


# What is in it


def _lanes(stay: EnrollmentRecord, as_of: date, *, names: bool) -> Iterator[tuple[bool, _Lane]]:
    """Yield the rows of an enrollment: its band, one for each user in each role, and one for nobody."""
    enrollment, project = stay.enrollment, stay.project
    entry_date, exit_date = enrollment.entry_date, enrollment.exit_date
    # An exit before the entry comes with dirty data. It is for the audit to say so; here nobody stays on any day.
    period = Period(entry_date, None if exit_date is None else max(entry_date, exit_date))
    label = shown(project.project_name or project.project_id)
    yield True, (label, [_Bar(_ENROLLED, period, enrollment.enrollment_id)])
    held: dict[str, list[_Bar]] = {}
    stints = [(case.assignment, case.case_manager) for case in stay.case_managers]
    known = [(stint, user) for stint, user in stints if stint is not None and user is not None]
    known.sort(key=lambda of: (of[0].start_date, of[0].assignment_id))
    for stint, user in known:
        role = "" if stint.role == CASE_MANAGER else f", {shown(stint.role)}"
        held.setdefault(f"{called(user, names=names)}{role}", []).extend(_bars(stint, exit_date))
    yield from ((False, lane) for lane in held.items())
    gaps = [_Bar(_NOBODY, gap, "") for gap in _gaps(period, [stint.period for stint, _ in known], as_of)]
    if gaps:
        yield False, ("nobody", gaps)


def _bars(stint: CaseAssignment, exit_date: date | None) -> Iterator[_Bar]:
    """Yield the bar of a stint, and another one for what is kept of it after the exit."""
    what, period = _ROLES.get(stint.role, _OTHER), stint.period
    if not stint.kept_after_exit or exit_date is None or period.has_ended(exit_date):
        yield _Bar(what, period, stint.assignment_id)
        return
    if period.start < exit_date:
        yield _Bar(what, Period(period.start, exit_date), stint.assignment_id)
    yield _Bar(_KEPT, Period(max(period.start, exit_date), period.end), stint.assignment_id)


def _gaps(stay: Period, held: Sequence[Period], as_of: date) -> Iterator[Period]:
    """Yield the days of a stay up to a day, that day included, that are in no stint. ``held`` is sorted by start."""
    until = moved(as_of, _DAY)
    until = until if stay.end is None else min(stay.end, until)
    reached = stay.start
    for period in (each for each in held if not each.is_empty):
        if reached < min(period.start, until):
            yield Period(reached, min(period.start, until))
        reached = until if period.end is None else max(reached, period.end)
    if reached < until:
        yield Period(reached, until)


# How it is drawn


def _drawn(lanes: Sequence[_Lane], as_of: date) -> Any:
    bars = [(number, bar) for number, (_, of_lane) in enumerate(lanes) for bar in of_lane]
    known = [each for _, bar in bars for each in (bar.days.start, bar.days.end) if each is not None]
    now = moved(as_of, _DAY)
    first = min(known)
    last = max(now, moved(first, _SHORTEST * _DAY), *(each for each in known if each <= moved(now, _FAR)))
    margin = max((last - first) / 40, _DAY)
    first, last = moved(first, -margin), moved(last, margin)
    rows = [
        {
            "lane": number,
            "what": bar.what,
            "from": bar.days.start,
            "until": min(bar.days.end or last, last),
            "open": bar.days.end is None or bar.days.end > last,
            "same_day": bar.days.is_empty,
            "days": _said(bar.days),
            "id": bar.says,
        }
        for number, bar in bars
    ]
    names = [label for label, _ in lanes]
    bands = [number for number, (_, of_lane) in enumerate(lanes) if of_lane[0].what == _ENROLLED]
    axis = alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        labelPadding=6,
        labelExpr=f"{json.dumps(names)}[datum.value]",
        labelFontWeight={
            "condition": {"test": f"indexof({bands}, datum.value) >= 0", "value": "bold"},
            "value": "normal",
        },
    )
    colour = colours(_COLOURS, {bar.what for _, bar in bars})
    base = alt.Chart(table(rows)).encode(
        x=days("from", first, last),
        y=alt.Y("lane:O", axis=axis, scale=alt.Scale(paddingInner=0, paddingOuter=0.2)),
        color=colour,
        tooltip=[
            alt.Tooltip("what:N", title="What"),
            alt.Tooltip("days:N", title="Days"),
            alt.Tooltip("id:N", title="ID"),
        ],
    )
    lasting, at_once = "!datum.same_day", "datum.same_day"
    band = f"datum.what == '{_ENROLLED}'"
    today = alt.Chart(table([{"from": now, "says": day(as_of)}])).encode(x="from:T")
    layers = [
        base.transform_filter(f"{band} && {lasting}").mark_bar(height=STEP - 4).encode(x2="until:T"),
        today.mark_rule(color=INK, strokeDash=[3, 3]),
        today.mark_text(color=INK, fontSize=12, baseline="bottom", dy=-4).encode(y=alt.value(0), text="says:N"),
        # The line around a bar is what is left to see of a day among years.
        base.transform_filter(f"!({band}) && {lasting}")
        .mark_bar(height=STEP / 2, strokeWidth=1.5)
        .encode(x2="until:T", stroke=colour),
        base.transform_filter("datum.open")
        .mark_point(shape="triangle-right", filled=True, opacity=1, size=170, xOffset=6)
        .encode(x="until:T"),
        base.transform_filter(at_once).mark_point(
            shape="diamond", filled=True, opacity=1, size=130, stroke=INK, strokeWidth=1
        ),
    ]
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP))


def _said(of: Period) -> str:
    """Return the days of a bar in words."""
    if of.is_empty:
        return f"Same day, {day(of.start)}"
    return f"from {day(of.start)}" + ("" if of.end is None else f", ends on {day(of.end)}")


def _described(lanes: Sequence[_Lane]) -> str:
    """Return what the picture shows, for those who cannot see it."""
    counts = {what: sum(bar.what == what for _, bars in lanes for bar in bars) for what in _COLOURS}
    stints = sum(counts[what] for what in (_HELD, _OTHER, _COVERED))
    return (
        f"{counted(counts[_ENROLLED], 'enrollment')} with {counted(stints, 'assignment')}, "
        f"{counted(counts[_KEPT], 'time')} kept after the exit, {counted(counts[_NOBODY], 'gap')} without case manager."
    )
