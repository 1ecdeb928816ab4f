"""Edit an enrollment: its days, the relationship to the head, the household."""

from __future__ import annotations

from datetime import date

import attrs

from caseassign.acts.assign import UNCHANGED, Unset
from caseassign.acts.draft import Draft
from caseassign.acts.exit import let_go_of_kept
from caseassign.model import CaseAssignment, Enrollment
from caseassign.period import Period


def edit_enrollment(
    draft: Draft,
    enrollment_id: str,
    *,
    entry_date: date | Unset,
    exit_date: date | Unset | None,
    relationship_to_hoh: int | Unset | None,
    household_id: str | Unset | None,
    adjust: bool,
) -> None:
    """Correct an enrollment. Stints that would fall outside its days refuse the edit, or are adjusted to them.

    What ``adjust`` leaves nothing of is voided. An enrollment that is open again keeps nothing past its exit.
    """
    enrollment = draft.enrollment(enrollment_id)
    given = {
        "entry_date": entry_date,
        "exit_date": exit_date,
        "relationship_to_hoh": relationship_to_hoh,
        "household_id": household_id,
    }
    changed = {name: value for name, value in given.items() if value is not UNCHANGED}
    edited = attrs.evolve(enrollment, **changed)  # type: ignore[arg-type]  # the values of its own fields
    draft.answer(enrollment)
    if edited == enrollment:
        return
    draft.put(edited)
    draft.sets(edited, *changed)
    if edited.exit_date is None:
        let_go_of_kept(draft, enrollment_id)
    if adjust and (edited.exit_date is None or edited.exit_date >= edited.entry_date):
        for stint in draft.stints(enrollment_id):
            within = adjusted(stint, edited)
            if within != stint:
                draft.put(within)
                draft.answer(within)


def adjusted(stint: CaseAssignment, enrollment: Enrollment) -> CaseAssignment:
    """Return a stint clipped to the days of its enrollment, or void; one that is kept may run past the exit."""
    bounds = Period(enrollment.entry_date, None if stint.kept_after_exit else enrollment.exit_date)
    days = stint.period.clipped_to(bounds)
    if days is None:
        return attrs.evolve(stint, voided=True)
    return attrs.evolve(stint, start_date=days.start, end_date=days.end)
