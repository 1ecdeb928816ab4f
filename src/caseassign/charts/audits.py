"""Where the findings of audits are: how many there are of each code, in one place or in several beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import altair as alt

from caseassign.audit import Audit
from caseassign.cases import EVERYTHING
from caseassign.charts.grid import grid
from caseassign.charts.look import (
    BLUE,
    INK,
    LABELS,
    STEP,
    VERMILION,
    WIDTH,
    colours,
    nothing,
    shown,
    table,
    ticks,
    titled,
    under,
)
from caseassign.display.words import counted, day
from caseassign.errors import InvalidRecordError
from caseassign.tables_audit import TablesAudit

AnAudit: TypeAlias = Audit | TablesAudit

_Kind: TypeAlias = tuple[bool, str]
"""Whether a finding is advisory, and its code."""

_REQUIRED: Final = "Required"
_ADVISORY: Final = "Advisory"
_COLOURS: Final = {_REQUIRED: VERMILION, _ADVISORY: BLUE}


def findings(of: AnAudit | Mapping[str, AnAudit]) -> Any:
    """Return how many findings of each code an audit has, required ones first.

    With several audits, each by the name of its place (a project, an organization, a month), it says where they are.
    Each audit is gone through once, and none of what it finds is kept. Raises `InvalidRecordError` without any.
    """
    audits = {"": of} if isinstance(of, AnAudit) else {shown(place): audit for place, audit in of.items()}
    if not audits:
        raise InvalidRecordError("Chart", "of", "is no audit, and has none")
    numbers: Counter[tuple[str, _Kind]] = Counter()
    for place, audit in audits.items():
        for found in audit:
            numbers[place, (not found.required, shown(found.code))] += 1
    title, when, hidden = "Findings of the audit", *_when(list(audits.values()))
    if not numbers:
        says = "Nothing found in what may be seen." if hidden else "Nothing found: all is as it should be."
        return nothing(title, when, says)
    totals: Counter[_Kind] = Counter()
    for (_, kind), number in numbers.items():
        totals[kind] += number
    kinds = sorted(totals, key=lambda kind: (kind[0], -totals[kind], kind[1]))
    if isinstance(of, AnAudit):
        drawn = _bars([(kind, totals[kind]) for kind in kinds])
    else:
        columns = {kind: kind[1] if kind[0] else f"{kind[1]} (required)" for kind in kinds}
        named = {(place, columns[kind]): number for (place, kind), number in numbers.items()}
        drawn = grid(named, list(audits), list(columns.values()))
    required = sum(number for (is_advisory, _), number in totals.items() if not is_advisory)
    said = f"{counted(required, 'required finding')}, {counted(totals.total() - required, 'advisory finding')}"
    return titled(drawn, title, f"{when}: {said}", f"{title} {when}: {said}.")


def _when(audits: Sequence[AnAudit]) -> tuple[str, int]:
    """Return what stands below the title, and how many enrollments were withheld, of each place as of one day."""
    days = sorted({audit.as_of for audit in audits})
    number = sum if len(days) == 1 else max
    hidden = number(getattr(audit, "withheld", 0) for audit in audits)
    asked = {(getattr(audit, "selection", EVERYTHING), getattr(audit, "known_at", None)) for audit in audits}
    of = audits[0] if len(asked) == 1 else None
    return under(f"as of {', '.join(map(day, days))}", of, hidden, "enrollment"), hidden


def _bars(numbers: Sequence[tuple[_Kind, int]]) -> Any:
    rows = [
        {"code": code, "number": number, "what": _ADVISORY if is_advisory else _REQUIRED}
        for (is_advisory, code), number in numbers
    ]
    base = alt.Chart(table(rows)).encode(
        x=alt.X(
            "number:Q", title="Findings", axis=alt.Axis(values=ticks(max(number for _, number in numbers)), format=",d")
        ),
        y=alt.Y("code:N", sort=[row["code"] for row in rows], title=None, axis=LABELS),
    )
    layers = (
        base.mark_bar(height=STEP * 0.7).encode(color=colours(_COLOURS, {str(row["what"]) for row in rows})),
        base.mark_text(align="left", dx=5, fontSize=12, color=INK).encode(text=alt.Text("number:Q", format=",d")),
    )
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(STEP))
