"""The columns of lists of cases, with the words of a screen; what does not apply to any row of a list is left out."""

from __future__ import annotations

from datetime import date
from typing import Final

from caseassign.cases import Case, name_of
from caseassign.display.blocks import Column
from caseassign.display.words import day
from caseassign.model import COVER, AssignmentStatus


def _day_or_blank(of: date | None, *, wanted: bool = True) -> str:
    return day(of) if of is not None and wanted else ""


def _head(case: Case) -> str:
    head = case.head_of_household
    return "" if head is None else name_of(head) or head.personal_id


def _since(case: Case) -> str:
    if case.assignment is None or case.status is AssignmentStatus.UPCOMING:
        return ""
    return _same_day(case) or _day_or_blank(case.since)


def _starts_on(case: Case) -> str:
    if case.assignment is None or case.status is not AssignmentStatus.UPCOMING:
        return ""
    return _same_day(case) or day(case.assignment.start_date)


def _same_day(case: Case) -> str:
    return f"Same day, {day(case.assignment.start_date)}" if case.assignment and case.is_same_day else ""


def _end(case: Case, *, past: bool = False, cover: bool = False) -> str:
    if case.assignment is None or case.is_same_day:
        return ""
    is_past, is_cover = case.status is AssignmentStatus.INACTIVE, case.assignment.role == COVER
    return _day_or_blank(case.assignment.end_date, wanted=is_past == past and (past or is_cover == cover))


def _exit(case: Case, *, past: bool) -> str:
    exit_date = case.enrollment.exit_date
    return _day_or_blank(exit_date, wanted=exit_date is not None and past == (exit_date <= case.as_of))


CLIENT: Final[tuple[Column[Case], ...]] = (
    Column("Client", lambda case: name_of(case.client) or "", "client"),
    Column("Client ID", lambda case: case.client.personal_id, "client"),
)
CASE_MANAGER: Final[tuple[Column[Case], ...]] = (
    Column("Case manager", lambda case: name_of(case.case_manager) or "", "case manager"),
    Column("User", lambda case: "" if case.assignment is None else case.assignment.user_id, "case manager"),
)
STATUS: Final[Column[Case]] = Column("Status", lambda case: str(case.status).capitalize())
ENROLLMENT: Final[tuple[Column[Case], ...]] = (
    Column("Project", lambda case: case.project.project_name or case.project.project_id, "ids"),
    Column("Enrollment", lambda case: case.enrollment.enrollment_id, "ids"),
)
ASSIGNMENT: Final[Column[Case]] = Column(
    "Assignment", lambda case: "" if case.assignment is None else case.assignment.assignment_id, "ids"
)
STAY: Final[tuple[Column[Case], ...]] = (
    Column("Entered on", lambda case: day(case.enrollment.entry_date), "days"),
    Column("Exits on", lambda case: _exit(case, past=False), "days"),
    Column("Exited on", lambda case: _exit(case, past=True), "days"),
)
STINT: Final[tuple[Column[Case], ...]] = (
    Column("Starts on", _starts_on, "days"),
    Column("Since", _since, "days"),
    Column("Ends on", _end, "days"),
    Column("Back on", lambda case: _end(case, cover=True), "days"),
    Column("Ended on", lambda case: _end(case, past=True), "days"),
)
ROLE: Final[tuple[Column[Case], ...]] = (
    Column("Role", lambda case: "" if case.assignment is None else case.assignment.role, "role"),
    Column(
        "Kept after exit", lambda case: "yes" if case.assignment and case.assignment.kept_after_exit else "", "role"
    ),
)
HOUSEHOLD: Final[tuple[Column[Case], ...]] = (
    Column("Head of household", _head, "household"),
    Column("Household size", lambda case: str(case.household_size), "household", is_number=True),
)
CASES: Final = (*CLIENT, *ENROLLMENT, ASSIGNMENT, *STAY, *STINT, *ROLE, *HOUSEHOLD)
"""What a list of cases shows; what does not apply to any of them is left out."""
