"""During a period: whom a user held at any time of it."""

from __future__ import annotations

import attrs

from caseassign.caseloads import day_before, is_held_during
from caseassign.cases import EVERYTHING, Assembler, Cases, Selection
from caseassign.desk import Desk
from caseassign.model import Actor
from caseassign.period import Period
from caseassign.policy import Action
from caseassign.questions import WHOLE, Page, as_known, holder_of, paged


def cases_during(
    desk: Desk, user: str | Actor, period: Period, *, selection: Selection = EVERYTHING, page: Page = WHOLE
) -> Cases:
    """Return the stints of a user that share a day with a period, and same-day stints that start inside it.

    They are shown as they stand as of the last day of the period.
    """
    as_of = period.last_day or period.start
    with desk.asking(Action.CASELOAD_VIEW) as (tx, actor):
        holder = holder_of(tx, actor, user)
        desk.authorize(actor, Action.CASELOAD_VIEW, user=holder)
        stints = tx.assignments.of_users([holder.user_id], day_before(period.start))
        assembler = Assembler(desk, tx, actor, as_of, selection)
        cases = assembler.of_stints([s for s in stints if not s.voided and is_held_during(s, period)])
        about = as_known(tx, holder)
    found = paged(
        desk, f"Cases from {period.start} until {period.end}", as_of, cases, assembler.withheld, selection, page
    )
    return attrs.evolve(found, about=about, period=period)
