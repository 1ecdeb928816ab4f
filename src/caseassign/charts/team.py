"""The caseloads of a team: who holds how much as of a day, and how that went over days, such as the ends of months."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import altair as alt

from caseassign.caseloads import Caseload, Caseloads
from caseassign.charts.grid import grid
from caseassign.charts.look import (
    BLUE,
    INK,
    LABELS,
    ORANGE,
    STEP,
    VERMILION,
    WIDTH,
    as_of_day,
    called,
    colours,
    nothing,
    table,
    ticks,
    titled,
    under,
)
from caseassign.display.words import counted, day
from caseassign.errors import InvalidRecordError
from caseassign.model import User

_OWN: Final = "Own cases"
_COVER: Final = "Cover"
_HELD: Final = {_OWN: BLUE, _COVER: ORANGE}


def caseloads(of: Caseloads, *, limit: int | None = None, names: bool = False) -> Any:
    """Return how many cases each user holds, most first, with cover apart; ``limit`` draws a line.

    Who has left as of the day is marked.
    """
    title = "Caseloads" if of.period is None else "Caseloads during a period"
    when = (
        as_of_day(of.as_of)
        if of.period is None
        else f"from {day(of.period.start)} until {day(of.period.end or of.as_of)}"
    )
    when = under(when, of, of.withheld, "case")
    if not of.rows:
        return nothing(title, when, "Nobody holds a case, and nobody could take one.")
    rows = sorted(of, key=lambda row: (-row.cases, -row.cover, called(row.user, names=names).casefold()))
    labels = [_label(row, of, names=names) for row in rows]
    bars = [
        {"user": label, "what": what, "order": order, "count": count, "households": row.households}
        for label, row in zip(labels, rows, strict=True)
        for order, (what, count) in enumerate(((_OWN, row.cases), (_COVER, row.cover)))
        if count
    ]
    totals = [
        {"user": label, "total": row.cases + row.cover, "says": _total(row)}
        for label, row in zip(labels, rows, strict=True)
    ]
    y = alt.Y("user:N", sort=labels, title=None, axis=LABELS)
    most = max(limit or 0, *(row.cases + row.cover for row in rows))
    axis, scale = alt.Axis(values=ticks(most), format=",d"), alt.Scale(domain=[0, max(most, 1)])
    layers: list[Any] = [
        alt.Chart(table(totals))
        .mark_text(align="left", dx=5, fontSize=12, color=INK)
        .encode(x=alt.X("total:Q", title="Cases", axis=axis, scale=scale), y=y, text="says:N"),
    ]
    if bars:
        drawn = alt.Chart(table(bars)).mark_bar(height=STEP * 0.7)
        drawn = drawn.encode(
            x=alt.X("count:Q", stack="zero"),
            y=y,
            color=colours(_HELD, {str(bar["what"]) for bar in bars}),
            order="order:Q",
            tooltip=[
                alt.Tooltip("user:N", title="User"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("count:Q", title="Cases"),
                alt.Tooltip("households:Q", title="Households"),
            ],
        )
        layers.insert(0, drawn)
    if limit is not None:
        of_what = " of own cases" if any(row.cover for row in rows) else ""
        line = alt.Chart(table([{"limit": limit, "says": f"Limit{of_what}: {limit:,}"}])).encode(x="limit:Q")
        layers += [
            line.mark_rule(color=VERMILION, strokeWidth=2),
            line.mark_text(color=INK, fontSize=12, baseline="bottom", dy=-4).encode(y=alt.value(0), text="says:N"),
        ]
    drawn = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP))
    cases = sum(row.cases for row in rows)
    return titled(drawn, title, when, f"{title} {when}: {counted(len(rows), 'user')}, {counted(cases, 'case')}.")


def _label(row: Caseload, of: Caseloads, *, names: bool) -> str:
    left = row.left_on is not None and row.left_on <= of.as_of
    return f"{called(row.user, names=names)}{', has left' if left else ''}"


def _total(row: Caseload) -> str:
    return f"{row.cases:,} + {row.cover:,}" if row.cover else f"{row.cases:,}"


def caseloads_over_time(of: Iterable[Caseloads], *, names: bool = False) -> Any:
    """Return how many cases each user held as of each of several days, cover aside: a row for each user.

    Raises `InvalidRecordError` for a day that is given twice, or for the caseloads of a period.
    """
    loads = sorted(of, key=lambda each: each.as_of)
    at = [each.as_of for each in loads]
    if len(set(at)) < len(at) or any(each.period is not None for each in loads):
        raise InvalidRecordError("Chart", "of", "is not one list of caseloads for each of several days")
    title = "Caseloads over time"
    users: dict[str, User] = {row.user_id: row.user for each in loads for row in each}
    if not users:
        return nothing(title, "", "Nobody held a case, and nobody could have taken one.")
    span = f"as of {counted(len(loads), 'day')} from {day(at[0])} on, the last one {day(at[-1])}"
    span = under(span, loads[0], max(each.withheld for each in loads), "case")
    labels = {key: called(user, names=names) for key, user in users.items()}
    numbers = {(labels[row.user_id], day(each.as_of)): row.cases for each in loads for row in each}
    drawn = grid(numbers, sorted(labels.values(), key=str.casefold), list(map(day, at)))
    most = max(numbers.values())
    return titled(
        drawn, title, span, f"{title} {span}: {counted(len(users), 'user')}, {counted(most, 'case')} at most."
    )
