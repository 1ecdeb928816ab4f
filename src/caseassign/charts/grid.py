"""A grid of numbers: the higher a number, the darker its cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import altair as alt

from caseassign.charts.look import INK, LABELS, STEP, WIDTH, table

_FEW: Final = 8
"""Up to how many columns have their names written upright."""

_NARROWEST: Final = 34
"""How many pixels a column takes at least."""

_DARK: Final = 0.7
"""From which share of the highest number on letters on a cell are white."""


def grid(numbers: Mapping[tuple[str, str], int], rows: Sequence[str], columns: Sequence[str]) -> Any:
    """Return a grid of the numbers by row and column, in the order given; where there is no number it is empty."""
    cells = [{"row": row, "column": column, "number": number} for (row, column), number in numbers.items()]
    most = max(numbers.values(), default=0)
    upright = len(columns) <= _FEW and not _are_long(columns)
    across = alt.Axis(orient="top", labelAngle=0 if upright else -45, domain=False, ticks=False, labelPadding=6)
    base = alt.Chart(table(cells)).encode(
        x=alt.X("column:N", sort=None, scale=alt.Scale(domain=list(columns)), title=None, axis=across),
        y=alt.Y("row:N", sort=None, scale=alt.Scale(domain=list(rows)), title=None, axis=LABELS),
    )
    shade = alt.Color("number:Q", scale=alt.Scale(scheme="blues", domain=[0, max(most, 1)]), legend=None)
    letters = alt.condition(f"datum.number > {most * _DARK}", alt.value("white"), alt.value(INK))
    layers = (
        base.mark_rect(stroke="white", strokeWidth=2).encode(color=shade),
        base.mark_text(fontSize=12).encode(text=alt.Text("number:Q", format=",d"), color=letters),
    )
    width = max(min(WIDTH, 110 * len(columns)), _NARROWEST * len(columns))
    return alt.layer(*layers).properties(width=width, height=alt.Step(STEP))


def _are_long(columns: Iterable[str]) -> bool:
    """Whether names of columns have no room side by side."""
    names = list(columns)
    return max(map(len, names)) * 7 > min(WIDTH / len(names), 110)
