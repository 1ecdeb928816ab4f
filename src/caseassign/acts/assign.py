"""Stints: assign, end, hand over, reactivate, amend, void, and the Status box of an edit form."""

from __future__ import annotations

import enum
from datetime import date
from typing import Final

import attrs

from caseassign.acts.draft import Draft, refuse
from caseassign.ids import new_id
from caseassign.model import (
    CASE_MANAGER,
    Actor,
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Project,
    User,
    id_of,
)
from caseassign.period import Period
from caseassign.policy import Action


class Unset(enum.Enum):
    """What stands for an argument that was left out, where None means something."""

    UNCHANGED = "UNCHANGED"


UNCHANGED: Final = Unset.UNCHANGED


def start_stint(
    draft: Draft,
    enrollment: Enrollment,
    user_id: str,
    days: Period,
    *,
    role: str = CASE_MANAGER,
    kept: bool = False,
    client: str | None = None,
) -> CaseAssignment:
    """Put a new stint on an enrollment that was opened, and ask the guards about it."""
    assignment = CaseAssignment(
        assignment_id=new_id(),
        enrollment_id=enrollment.enrollment_id,
        user_id=user_id,
        start_date=days.start,
        end_date=days.end,
        role=role,
        kept_after_exit=kept,
    )
    draft.put(assignment)
    draft.guard(assignment, client)
    draft.answer(assignment)
    return assignment


def assign(
    draft: Draft,
    enrollment_id: str,
    case_manager: User | str | Actor,
    start: date,
    end: date | None,
    *,
    role: str,
    household: bool,
    client: Client | str | None,
    replace: bool,
) -> None:
    """Make a user responsible for an enrollment, or for every member of its household who has not exited.

    With ``replace`` whoever holds the role ends on the day on which the user starts.
    """
    named = draft.enrollment(enrollment_id)
    user_id = draft.case_manager(case_manager)
    if end is not None and end < start:
        _refuse_end_before_start([enrollment_id])
    for enrollment in draft.household(named) if household else [named]:
        first_day = max(start, enrollment.entry_date) if household else start
        if household and enrollment.exit_date is not None and enrollment.exit_date <= start:
            draft.skip(enrollment, "the member has exited by the start")
        elif household and end is not None and first_day >= end and first_day != start:
            draft.skip(enrollment, "the member enters after the end")
        else:
            of_client = None if client is None or enrollment is not named else id_of(client, Client)
            days = Period(first_day, end)
            if replace:
                _end_holders(draft, enrollment, user_id, days, role)
            start_stint(draft, enrollment, user_id, days, role=role, client=of_client)


def _end_holders(draft: Draft, enrollment: Enrollment, user_id: str, days: Period, role: str) -> None:
    """End whoever else holds a role on the first of ``days``; refuse where that would leave days to nobody, or two."""
    others = [s for s in draft.stints(enrollment.enrollment_id) if s.role == role and s.user_id != user_id]
    for stint in others:
        if stint.start_date > days.start and stint.period.overlaps(days):
            refuse("role-taken", "start_date", [stint.assignment_id], "another user holds the role from a later day on")
        if stint.start_date <= days.start and not stint.period.has_ended(days.start):
            if days.end is not None and not stint.period.has_ended(days.end):
                refuse("role-taken", "end_date", [stint.assignment_id], "the holder would have held past the new end")
            projects = draft.load(Project, [enrollment.project_id])
            draft.authorize(action=Action.ASSIGNMENT_END, projects=projects)
            draft.answer(stint)
            end_on(draft, stint, days.start)


def end(draft: Draft, assignment_id: str, on: date | None) -> None:
    """End a stint on a day, the first on which the user is no longer responsible.

    By default that is today, or, on an exited enrollment, the exit day, unless the stint is kept.
    """
    assignment = _live(draft, assignment_id)
    enrollment = draft.enrollment(assignment.enrollment_id)
    day = draft.desk.today if on is None else on
    if on is None and enrollment.exit_date is not None and not assignment.kept_after_exit:
        day = max(min(day, enrollment.exit_date), min(day, assignment.start_date))
    draft.answer(assignment)
    if assignment.end_date == day or (on is None and assignment.period.has_ended(day)):
        return
    if assignment.period.has_ended(day):
        refuse(
            "already-ended",
            "end_date",
            [assignment_id],
            "the assignment has ended before that day: to move its end to a later day, amend it",
        )
    end_on(draft, assignment, day)


def hand_on(draft: Draft, assignment: CaseAssignment, day: date) -> None:
    """Put a stint that another user's follows on a day; one that has not begun, and is followed whole, is void."""
    if draft.desk.today < assignment.start_date == day:
        draft.put(attrs.evolve(assignment, voided=True), ending=True)
    else:
        end_on(draft, assignment, day)


def end_on(draft: Draft, assignment: CaseAssignment, day: date) -> None:
    """Put a stint that ends on a day."""
    if day < assignment.start_date:
        _refuse_end_before_start([assignment.assignment_id])
    draft.put(attrs.evolve(assignment, end_date=day), ending=True)


def hand_over(draft: Draft, assignment_id: str, to: User | str | Actor, on: date | None) -> None:
    """End a stint and start another user's on the same day, with the same role and planned end."""
    assignment = _live(draft, assignment_id)
    user_id = draft.case_manager(to)
    draft.answer(assignment)
    if user_id == assignment.user_id:
        return
    day = max(draft.desk.today, assignment.start_date) if on is None else on
    if assignment.period.has_ended(day):
        refuse(
            "already-ended",
            "end_date",
            [assignment_id],
            "the assignment has ended by that day: assign the user instead",
        )
    hand_on(draft, assignment, day)
    enrollment = draft.enrollment(assignment.enrollment_id)
    days = Period(day, assignment.end_date)
    start_stint(draft, enrollment, user_id, days, role=assignment.role, kept=stays_kept(assignment, enrollment))


def reactivate(draft: Draft, assignment_id: str, on: date, end_date: date | None = None) -> None:
    """Make the user of an inactive stint responsible again from a day, in a stint of its own."""
    assignment = _live(draft, assignment_id)
    for stint in draft.stints(assignment.enrollment_id):
        same = (stint.user_id, stint.role) == (assignment.user_id, assignment.role)
        if same and stint.status(on) is AssignmentStatus.ACTIVE:
            draft.answer(stint)
            return
    if assignment.status(on) is not AssignmentStatus.INACTIVE:
        refuse("not-inactive", "start_date", [assignment_id], "the assignment is not inactive as of that day")
    enrollment = draft.enrollment(assignment.enrollment_id)
    kept = stays_kept(assignment, enrollment)
    start_stint(draft, enrollment, assignment.user_id, Period(on, end_date), role=assignment.role, kept=kept)


def amend(
    draft: Draft,
    assignment_id: str,
    start_date: date | Unset,
    end_date: date | Unset | None,
    role: str | Unset,
) -> None:
    """Correct a stint's days or role; it is checked again like a new one."""
    assignment = _live(draft, assignment_id)
    given = {"start_date": start_date, "end_date": end_date, "role": role}
    changed = {name: value for name, value in given.items() if value is not UNCHANGED}
    draft.answer(assignment)
    days = {"start_date": assignment.start_date, "end_date": assignment.end_date} | changed
    if days["end_date"] is not None and days["end_date"] < days["start_date"]:  # type: ignore[operator]  # both are days
        _refuse_end_before_start([assignment_id])
    amended = attrs.evolve(assignment, **changed)  # type: ignore[arg-type]  # the values of its own fields
    if amended == assignment:
        return
    draft.put(amended)
    draft.sets(amended, *changed)
    if (amended.start_date, amended.role) != (assignment.start_date, assignment.role):
        draft.guard(amended)


def void(draft: Draft, assignment_id: str) -> None:
    """Say that a stint should never have existed. Voiding again writes nothing."""
    assignment = draft.assignment(assignment_id)
    draft.answer(assignment)
    if not assignment.voided:
        draft.put(attrs.evolve(assignment, voided=True), ending=True)


def set_status(draft: Draft, assignment_id: str, status: AssignmentStatus, end_date: date | Unset | None) -> None:
    """Save an edit form that has a Status box beside an end date, and refuse the two where they contradict."""
    assignment = _live(draft, assignment_id)
    today = draft.desk.today
    given = end_date if isinstance(end_date, date) else None
    if status is AssignmentStatus.INACTIVE and given is not None and given > today:
        _refuse_status(
            assignment_id, "Inactive, yet it ends in the future: Inactive as of today, or Active until then?"
        )
    if status is not AssignmentStatus.INACTIVE and given is not None and given <= today:
        _refuse_status(
            assignment_id, "Active, yet its end has passed: Inactive since then, or Active without that end?"
        )
    if status is AssignmentStatus.INACTIVE:
        draft.become(Action.ASSIGNMENT_END)
        end(draft, assignment_id, given)
    elif assignment.status(today) is AssignmentStatus.INACTIVE:
        draft.become(Action.ASSIGNMENT_REACTIVATE)
        reactivate(draft, assignment_id, today, given)
    else:
        draft.become(Action.ASSIGNMENT_AMEND)
        amend(draft, assignment_id, UNCHANGED, end_date, UNCHANGED)


def _live(draft: Draft, assignment_id: str) -> CaseAssignment:
    assignment = draft.assignment(assignment_id)
    if assignment.voided:
        refuse("voided", "voided", [assignment_id], "the assignment is void: it should never have existed")
    return assignment


def stays_kept(assignment: CaseAssignment, enrollment: Enrollment) -> bool:
    """Whether a stint that follows this one on the enrollment is kept past the exit like it."""
    return assignment.kept_after_exit and enrollment.exit_date is not None


def _refuse_end_before_start(ids: list[str]) -> None:
    refuse(
        "ends-before-start",
        "end_date",
        ids,
        "the assignment would end before it starts: give a later day, or void it if it should never have existed",
    )


def _refuse_status(assignment_id: str, both_readings: str) -> None:
    refuse("status-contradicts-end", "end_date", [assignment_id], f"the status says {both_readings}")
