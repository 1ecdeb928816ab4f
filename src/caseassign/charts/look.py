"""How pictures look: their colours, their letters, their axis of days, and what they say where there is nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import altair as alt

from caseassign.cases import EVERYTHING
from caseassign.display.blocks import clean
from caseassign.display.words import counted, day, narrowed_to, person
from caseassign.model import Client, User

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#D5D5D5"
INK: Final = "#1B1B1B"
"""Colours that can be told apart by people who do not see all of them (Okabe and Ito), and two for what is quiet."""

WIDTH: Final = 720
STEP: Final = 24
"""How wide a picture is, and how high one of its rows."""

_A_SEASON: Final = 120
"""From how many days on an axis shows months, and no days."""

_TICKS: Final = 7
"""How many days are written on an axis, about."""

_NUMBERS: Final = 6
"""How many steps an axis of numbers has at most."""

_FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"
"""Letters that are equally wide on every machine, so that what was measured here is not cut off elsewhere."""

LABELS: Final = alt.Axis(domain=False, ticks=False, labelPadding=6)
"""The axis of rows that are called something."""


def table(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Return rows as the data of a chart. They are in the chart, however many there are."""
    return alt.Data(values=[{key: _plain(value) for key, value in row.items()} for row in rows])


def _plain(value: object) -> object:
    return shown(value) if isinstance(value, str) else value.isoformat() if isinstance(value, date) else value


def shown(text: str) -> str:
    """Return a text as a picture shows it: on one line, and with an angle that nobody takes for that of a tag.

    A notebook gets a picture as a page with a script, into which altair writes texts as they are.
    """
    return clean(text).replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}")


def days(field: str, first: date, last: date, **how: Any) -> alt.X:
    """Return the axis of days, from one until another. Days are those of the data, whatever zone the machine is in."""
    scale = alt.Scale(type="utc", domain=[first.isoformat(), last.isoformat()], nice=False)
    length = (last - first).days
    written = "%-d %b %Y" if length < _A_SEASON else "%b %Y"
    axis = alt.Axis(
        title=None,
        grid=True,
        labelOverlap=True,
        labelFlush=False,
        tickCount="day" if length <= _TICKS else _TICKS,
        format=written,
    )
    return alt.X(f"{field}:T", scale=scale, axis=axis, **how)


def ticks(most: int, least: int = 0) -> list[int]:
    """Return what is written on an axis of whole numbers: nought and round ones up and down to these."""
    far = max(most - least, 1)
    step = next(step for power in range(len(str(far)) + 1) for step in _steps(power) if far <= step * _NUMBERS)
    return list(range(-(-least // step) * step, most + 1, step))


def _steps(power: int) -> tuple[int, int, int]:
    return 10**power, 2 * 10**power, 5 * 10**power


def moved(of: date, by: timedelta) -> date:
    """Return a day so much later or earlier, or the last or the first day that there is."""
    try:
        return of + by
    except OverflowError:
        return date.max if by > timedelta() else date.min


def colours(of: Mapping[str, str], wanted: Collection[str], field: str = "what") -> alt.Color:
    """Return the colours of what a field says, and a legend of those that are in the picture."""
    domain = [what for what in of if what in wanted]
    scale = alt.Scale(domain=domain, range=[of[what] for what in domain])
    return alt.Color(
        f"{field}:N", scale=scale, legend=alt.Legend(title=None, orient="bottom", columns=6, symbolType="square")
    )


def called(of: Client | User, *, names: bool) -> str:
    """Return what a person is called in a picture: their id, or their name and their id."""
    return shown(person(of) if names else of.key)


def under(when: str, of: Any, hidden: int, noun: str) -> str:
    """Return what stands below a title: when, what the question was narrowed to, and what may not be seen."""
    narrowed = narrowed_to(getattr(of, "selection", EVERYTHING), getattr(of, "known_at", None))
    said = f"{when}, {shown(narrowed)}" if narrowed else when
    return f"{said}; {counted(hidden, noun)} withheld" if hidden else said


def titled(chart: Any, title: str, subtitle: str, description: str) -> Any:
    """Return a chart that says what it is, to those who see it and to those who have it read to them."""
    return (
        chart.properties(
            title=alt.TitleParams(title, subtitle=subtitle, anchor="start", frame="group", offset=12),
            description=description,
        )
        .configure(background="white", padding=12, font=_FONT)
        .configure_title(fontSize=16, subtitleFontSize=12, color=INK, subtitleColor=INK)
        .configure_axis(
            labelFontSize=12, titleFontSize=12, labelColor=INK, titleColor=INK, labelLimit=0, gridColor="#EDEDED"
        )
        .configure_legend(
            labelFontSize=12, titleFontSize=12, labelColor=INK, titleColor=INK, labelLimit=0, symbolLimit=0
        )
        .configure_view(stroke=None)
    )


def nothing(title: str, subtitle: str, says: str) -> Any:
    """Return the picture of nothing, which says so."""
    chart = alt.Chart(table([{"says": says}])).mark_text(fontSize=13, color=INK, align="left")
    chart = chart.encode(text="says:N", x=alt.value(0), y=alt.value(12)).properties(width=WIDTH, height=STEP)
    return titled(chart, title, subtitle, f"{title}: {says}")


def as_of_day(of: date) -> str:
    """Return as of which day a picture is, in words."""
    return f"as of {day(of)}"
