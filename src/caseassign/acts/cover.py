"""Cover for a user: another one stands in beside them for a span of days, and no longer than they are responsible."""

from __future__ import annotations

from caseassign.acts.assign import start_stint, stays_kept
from caseassign.acts.caseload import Part, held_by, opened
from caseassign.acts.draft import Draft
from caseassign.errors import InvalidRecordError
from caseassign.model import COVER, Actor, User
from caseassign.period import Period


def cover(draft: Draft, user_id: str, by: User | str | Actor, days: Period, part: Part) -> None:
    """Give ``by`` the cases of a user on ``days``, in role Cover, beside them, where ``by`` does not hold them yet."""
    covered = draft.load(User, [user_id])[0]
    draft.authorize(user=covered)
    stand_in = draft.case_manager(by)
    if stand_in == user_id:
        raise InvalidRecordError("Cover", "by", "names the user who is to be covered")
    if days.end is None or days.is_empty:
        raise InvalidRecordError("Cover", "end", "leaves no span of days: name the first day on which the user is back")
    cases = [case for case in held_by(draft, covered, days.start) if case.stint.role != COVER]
    for case in opened(draft, part, [case for case in cases if case.stint.period.overlaps(days)]):
        common = case.stint.period.clipped_to(days)
        held = [stint.period for stint in draft.stints(case.enrollment.enrollment_id) if stint.user_id == stand_in]
        free = [] if common is None else list(common.without(held))
        if not free:
            draft.skip(case.stint, f"user {stand_in} holds the enrollment on these days already")
        for piece in free:
            kept = stays_kept(case.stint, case.enrollment)
            start_stint(draft, case.enrollment, stand_in, piece, role=COVER, kept=kept)
