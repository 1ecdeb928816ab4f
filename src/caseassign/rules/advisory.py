"""The advisory rules: worth looking at. They never block an act; the audit lists them. Each in two forms."""

# ruff: noqa: S608  # the conditions are constants of this package, and a rule is code

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from caseassign.errors import Violation
from caseassign.model import ALL_ORGANIZATIONS, COVER, AssignmentStatus
from caseassign.period import Period
from caseassign.rules.facts import AssignmentFacts, EnrollmentFacts, HouseholdFacts
from caseassign.rules.sql import ACTIVE, OPEN, Rows, held_on, in_sql, past, stint_where, uncovered

_HELD_NOW: Final = held_on("{as_of}")
_FIRST_DAY: Final = (
    "CASE WHEN assignment.start_date < enrollment.entry_date THEN enrollment.entry_date ELSE assignment.start_date END"
)


_AFTER_THE_SAME_DAY: Final = stint_where(
    "held.end_date = assignment.end_date AND held.start_date < held.end_date "
    "AND held.assignment_id < assignment.assignment_id"
)
_BEFORE_IT: Final = stint_where(
    "(held.start_date < assignment.start_date OR (held.start_date = assignment.start_date "
    "AND held.assignment_id < assignment.assignment_id))"
)

# A gap begins after a stint with days, or on the first day of all: that of the first stint, or of the entry after it.
# Of several stints after which it begins, the first by id counts. One that has not ended leaves none.
_GAP: Final = f"""{past("assignment.end_date")} AND (
    (
        assignment.start_date < assignment.end_date AND assignment.end_date > enrollment.entry_date
        AND {uncovered("assignment.end_date")} AND NOT {_AFTER_THE_SAME_DAY}
    ) OR (
        (assignment.start_date < enrollment.entry_date OR assignment.start_date = assignment.end_date)
        AND {past("enrollment.entry_date")} AND {uncovered(_FIRST_DAY)} AND NOT {_BEFORE_IT}
    )
)"""

_HELD_BY_OTHERS: Final = stint_where(f"held.role <> '{COVER}' AND {_HELD_NOW}")
_CAN_ACCESS: Final = f"""(
    EXISTS (
        SELECT 1 FROM {{user_organizations}} access JOIN {{projects}} project
        ON project.organization_id = access.organization_id
        WHERE access.user_id = assignment.user_id AND project.project_id = enrollment.project_id
    ) OR EXISTS (
        SELECT 1 FROM {{user_permissions}} permission
        WHERE permission.user_id = assignment.user_id AND permission.permission = '{ALL_ORGANIZATIONS}'
    )
)"""


@in_sql(f"{OPEN} AND NOT {stint_where(_HELD_NOW)}")
def unassigned(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An open enrollment has somebody active on it."""
    if facts.enrollment.is_open(facts.as_of) and not facts.holders:
        yield Violation(
            "unassigned",
            "enrollment_id",
            [facts.enrollment.enrollment_id],
            f"nobody is active on enrollment {facts.enrollment.enrollment_id}",
        )


@in_sql(f"NOT enrollment.deleted AND {_GAP}", Rows.ASSIGNMENTS)
def gap(facts: EnrollmentFacts) -> Iterator[Violation]:
    """Somebody is responsible on every day of a stay up to now, from its first assignment on."""
    first = min((stint.start_date for stint in facts.assignments), default=None)
    if facts.enrollment.deleted or first is None:
        return
    ends = [] if facts.as_of == date.max else [facts.as_of + timedelta(days=1)]
    if facts.enrollment.exit_date is not None:
        ends.append(facts.enrollment.exit_date)
    start, end = max(first, facts.enrollment.entry_date), min(ends, default=None)
    if end is not None and start >= end:
        return
    key = facts.enrollment.enrollment_id
    for days in Period(start, end).without(stint.period for stint in facts.assignments):
        until = days.end or "further notice"
        message = f"nobody was responsible for enrollment {key} from {days.start} until {until}"
        yield Violation("gap", "start_date", [key], message)


@in_sql(f"{OPEN} AND {stint_where(_HELD_NOW)} AND NOT {_HELD_BY_OTHERS}")
def only_cover(facts: EnrollmentFacts) -> Iterator[Violation]:
    """Not everybody who is active on an open enrollment only covers for somebody."""
    active = [stint for stint in facts.assignments if stint.status(facts.as_of) is AssignmentStatus.ACTIVE]
    if facts.enrollment.is_open(facts.as_of) and active and all(stint.role == COVER for stint in active):
        yield Violation(
            "only-cover",
            "role",
            [facts.enrollment.enrollment_id],
            f"enrollment {facts.enrollment.enrollment_id} is held by nobody but cover",
        )


@in_sql("household.holdings <> household.open_members * household.holders")
def household_differs(facts: HouseholdFacts) -> Iterator[Violation]:
    """Members of one household who are open as of the day share the same active case managers, cover aside."""
    holders = {
        frozenset(
            stint.user_id
            for stint in member.assignments
            if stint.role != COVER and stint.status(facts.as_of) is AssignmentStatus.ACTIVE
        )
        for member in facts.members
        if member.enrollment.is_open(facts.as_of)
    }
    if len(holders) > 1:
        yield Violation(
            "household-differs",
            "user_id",
            [m.enrollment.enrollment_id for m in facts.members if m.enrollment.is_open(facts.as_of)],
            "members of one household have different case managers",
        )


@in_sql(
    f"NOT enrollment.deleted AND {ACTIVE} "
    "AND assignment.user_id IN (SELECT user_id FROM {users} departed WHERE left_on <= {as_of})"
)
def held_by_departed(facts: AssignmentFacts) -> Iterator[Violation]:
    """Whoever is active on a case has not left."""
    if facts.is_active and facts.user.has_left(facts.as_of):
        yield Violation(
            "held-by-departed",
            "user_id",
            [facts.assignment.assignment_id],
            f"user {facts.user.user_id} has left and still holds enrollment {facts.enrollment.enrollment_id}",
        )


@in_sql(f"NOT enrollment.deleted AND {ACTIVE} AND NOT {_CAN_ACCESS}")
def held_without_access(facts: AssignmentFacts) -> Iterator[Violation]:
    """Whoever is active on a case can access the organization that runs the project."""
    if facts.is_active and not facts.user.can_access(facts.project):
        yield Violation(
            "held-without-access",
            "user_id",
            [facts.assignment.assignment_id],
            f"user {facts.user.user_id} holds enrollment {facts.enrollment.enrollment_id} without access to project "
            f"{facts.project.project_id}",
        )


@in_sql(
    "NOT enrollment.deleted AND assignment.kept_after_exit AND enrollment.exit_date IS NOT NULL "
    "AND (assignment.end_date IS NULL OR assignment.end_date > {as_of})",
)
def kept_after_exit(facts: AssignmentFacts) -> Iterator[Violation]:
    """A case that was deliberately kept open past the exit has since been ended."""
    assignment = facts.assignment
    if facts.enrollment.deleted or facts.enrollment.exit_date is None or not assignment.kept_after_exit:
        return
    if assignment.status(facts.as_of) is not AssignmentStatus.INACTIVE:
        yield Violation(
            "kept-after-exit",
            "end_date",
            [assignment.assignment_id],
            f"the assignment was kept open past the exit of enrollment {facts.enrollment.enrollment_id}",
            against="exit_date",
        )


@in_sql("household.heads = 0")
def no_head(facts: HouseholdFacts) -> Iterator[Violation]:
    """A household has a head."""
    if not any(member.enrollment.is_head for member in facts.members):
        yield Violation("no-head", "relationship_to_hoh", facts.ids, "the household has no head")


@in_sql("household.heads > 1")
def several_heads(facts: HouseholdFacts) -> Iterator[Violation]:
    """A household has only one head."""
    heads = [member.enrollment.enrollment_id for member in facts.members if member.enrollment.is_head]
    if len(heads) > 1:
        yield Violation("several-heads", "relationship_to_hoh", heads, "the household has more than one head")


ADVISORY_RULES = (
    unassigned,
    gap,
    only_cover,
    household_differs,
    held_by_departed,
    held_without_access,
    kept_after_exit,
    no_head,
    several_heads,
)
"""The advisory rules that need nothing from an agency."""
