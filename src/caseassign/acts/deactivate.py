"""A user leaves: from a day on they no longer work here, and what they hold is moved, or named."""

from __future__ import annotations

from datetime import date

import attrs

from caseassign.acts.caseload import held_by
from caseassign.acts.draft import Draft
from caseassign.acts.plan import ReassignmentPlan
from caseassign.acts.reassign import carry_out
from caseassign.errors import InvalidRecordError
from caseassign.model import CaseAssignment, User
from caseassign.policy import Action


def deactivate(draft: Draft, user_id: str, on: date, plan: ReassignmentPlan | None) -> None:
    """Say that a user leaves on a day, and carry out a plan for their caseload, if there is one.

    The outcome shows what they held on that day or later, and whoever got it; what stays with them is named as skipped.
    """
    user = draft.load(User, [user_id])[0]
    draft.authorize(user=user)
    if plan is not None:
        draft.become(Action.CASELOAD_REASSIGN)
        carry_out(draft, plan)
        if plan.from_ != user_id:
            raise InvalidRecordError("Deactivate", "plan", "is for another user's caseload")
        draft.become(Action.USER_MANAGE)
    cases = held_by(draft, user, on)
    named = {skipped.id for skipped in draft.skipped}
    for stint in draft.load(CaseAssignment, [case.stint.assignment_id for case in cases]):
        draft.answer(stint)
        if not (stint.period.is_empty or stint.period.has_ended(on) or stint.assignment_id in named):
            draft.skip(stint, "it stays with the user who leaves (held-by-departed)")
    draft.put(attrs.evolve(user, left_on=on))
