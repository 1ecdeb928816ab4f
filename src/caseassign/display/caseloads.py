"""Caseloads as a supervisor reads them: who holds how much, whom a user held, and what is coming up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from caseassign.caseloads import Caseload, Caseloads
from caseassign.cases import Case, Cases, name_of
from caseassign.coming_up import ComingUp, Ending
from caseassign.display.blocks import Block, Column, Line, Table, Title
from caseassign.display.columns import ASSIGNMENT, CASES, CLIENT, ENROLLMENT
from caseassign.display.words import counted, day, person, withheld
from caseassign.model import User
from caseassign.period import Period

_CASELOADS: Final[tuple[Column[Caseload], ...]] = (
    Column("Case manager", lambda of: name_of(of.user) or "", "case manager"),
    Column("User", lambda of: of.user_id, "case manager"),
    Column("Cases", lambda of: f"{of.cases:,}", is_number=True),
    Column("Clients", lambda of: f"{of.clients:,}", is_number=True),
    Column("Households", lambda of: f"{of.households:,}", is_number=True),
    Column("Cover", lambda of: f"{of.cover:,}" if of.cover else "", is_number=True),
    Column("First day gone", lambda of: "" if of.left_on is None else day(of.left_on)),
)


def caseloads(of: Caseloads, user: User | None = None, at_most: int | None = None) -> Iterator[Block]:
    """Yield how much each user holds, or held during a period; ``user`` is who alone was asked about."""
    when = f"as of {day(of.as_of)}" if of.period is None else _during(of.period)
    cases, cover = sum(row.cases for row in of), sum(row.cover for row in of)
    hidden = f" {counted(of.withheld, 'case')} withheld." if of.withheld else ""
    if of.rows:
        yield Title(f"Caseloads {when}")
        yield Table.of(_CASELOADS, of, at_most)
        more = f", and cover of {counted(cover, 'case')}" if cover else ""
        yield Line(f"{counted(len(of), 'user')}, {counted(cases, 'case')}{more}.{hidden}")
    elif user is None:
        yield Line(f"Nobody holds a case, and nobody could take one {when}.{hidden}")
    else:
        yield Line(f"{person(user)} holds no case {when}.{hidden}")


def cases_during(cases: Cases, user: User, period: Period, at_most: int | None = None) -> Iterator[Block]:
    """Yield whom a user held during a period."""
    who, when = person(user), _during(period)
    if cases.rows:
        yield Title(f"Cases of {who} {when}")
        yield Table.of(CASES, cases, at_most)
        more = " More follow." if cases.next_page else ""
        yield Line(f"{counted(len(cases), 'case')}.{more}{withheld(cases.withheld)}")
    else:
        yield Line(f"{who} held no cases {when}.{withheld(cases.withheld)}")


def coming_up(of: ComingUp, user: User | None = None, at_most: int | None = None) -> Iterator[Block]:
    """Yield what ends within some days, for one user or for all."""
    who = "" if user is None else f" for {person(user)}"
    if of.rows:
        yield Title(f"Coming up{who} after {day(of.as_of)}, by {day(of.until)}")
        yield Table.of(_COMING_UP, of, at_most)
        yield Line(f"{counted(len(of), 'row')}.{withheld(of.withheld)}")
    else:
        yield Line(f"Nothing ends{who} after {day(of.as_of)}, by {day(of.until)}.{withheld(of.withheld)}")


def _during(period: Period) -> str:
    return f"from {' until '.join(day(each) for each in (period.start, period.end) if each is not None)}"


def _on(kind: str) -> Callable[[Ending], str]:
    return lambda ending: day(ending.day) if ending.kind == kind else ""


def _of_case(column: Column[Case]) -> Column[Ending]:
    """Return a column of lists of cases, which says nothing where no case ends."""
    return Column(column.header, lambda ending: "" if ending.case is None else column.says(ending.case), column.stack)


_COMING_UP: Final[tuple[Column[Ending], ...]] = (
    Column("Ends on", _on("assignment-ends"), "days"),
    Column("Back on", _on("cover-ends"), "days"),
    Column("First day gone", _on("user-leaves"), "days"),
    Column("Case manager", lambda ending: name_of(ending.user) or "", "case manager"),
    Column("User", lambda ending: ending.user_id, "case manager"),
    Column("Covers for", lambda ending: "; ".join(map(person, ending.covers_for)), "case manager"),
    Column("Cases still held", lambda ending: "" if ending.cases is None else f"{ending.cases:,}", is_number=True),
    *(_of_case(column) for column in (*CLIENT, *ENROLLMENT, ASSIGNMENT)),
)
