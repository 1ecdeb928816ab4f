"""The required rules: what must hold of the records, whenever one looks. Each in two forms that say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from caseassign.errors import Violation
from caseassign.model import CaseAssignment
from caseassign.rules.facts import AssignmentFacts, EnrollmentFacts
from caseassign.rules.sql import SHARE_A_DAY, Rows, in_sql


@in_sql("assignment.start_date < enrollment.entry_date")
def starts_before_entry(facts: AssignmentFacts) -> Iterator[Violation]:
    """An assignment starts on or after the enrollment's entry."""
    if facts.assignment.start_date < facts.enrollment.entry_date:
        yield Violation(
            "starts-before-entry",
            "start_date",
            [facts.assignment.assignment_id],
            f"the assignment starts before the entry of enrollment {facts.enrollment.enrollment_id}",
            against="entry_date",
        )


@in_sql("assignment.start_date > enrollment.exit_date AND NOT assignment.kept_after_exit")
def starts_after_exit(facts: AssignmentFacts) -> Iterator[Violation]:
    """An assignment starts on or before the exit, if there is one, unless it is kept."""
    exit_date = facts.enrollment.exit_date
    if exit_date is not None and facts.assignment.start_date > exit_date and not facts.assignment.kept_after_exit:
        yield Violation(
            "starts-after-exit",
            "start_date",
            [facts.assignment.assignment_id],
            f"the assignment starts after the exit of enrollment {facts.enrollment.enrollment_id}",
            against="exit_date",
        )


@in_sql("assignment.end_date > enrollment.exit_date AND NOT assignment.kept_after_exit")
def ends_after_exit(facts: AssignmentFacts) -> Iterator[Violation]:
    """An assignment ends on or before the exit, if there is one, unless it is kept."""
    assignment, exit_date = facts.assignment, facts.enrollment.exit_date
    if exit_date is None or assignment.end_date is None or assignment.kept_after_exit:
        return
    if assignment.end_date > exit_date:
        yield Violation(
            "ends-after-exit",
            "end_date",
            [assignment.assignment_id],
            f"the assignment ends after the exit of enrollment {facts.enrollment.enrollment_id}",
            against="exit_date",
        )


@in_sql(
    "assignment.end_date IS NULL AND enrollment.exit_date IS NOT NULL AND NOT assignment.kept_after_exit",
)
def open_after_exit(facts: AssignmentFacts) -> Iterator[Violation]:
    """An exited enrollment has no open-ended assignment, unless it is kept."""
    assignment = facts.assignment
    if facts.enrollment.exit_date is not None and assignment.end_date is None and not assignment.kept_after_exit:
        yield Violation(
            "open-after-exit",
            "end_date",
            [assignment.assignment_id],
            f"the assignment has no end, and enrollment {facts.enrollment.enrollment_id} is exited",
            against="exit_date",
        )


@in_sql(f"assignment.user_id = other.user_id AND assignment.role = other.role AND {SHARE_A_DAY}", Rows.PAIRS)
def overlaps_own(facts: EnrollmentFacts) -> Iterator[Violation]:
    """One user has no two stints on one enrollment, in one role, that share a day."""
    own: defaultdict[tuple[str, str], list[CaseAssignment]] = defaultdict(list)
    for assignment in facts.assignments:
        own[assignment.user_id, assignment.role].append(assignment)
    for (user_id, _), stints in own.items():
        for one, other in combinations(stints, 2):
            if one.period.overlaps(other.period):
                yield Violation(
                    "overlaps-own",
                    "start_date",
                    [one.assignment_id, other.assignment_id],
                    f"user {user_id} holds enrollment {facts.enrollment.enrollment_id} in this role "
                    "on some of these days already",
                    against="end_date",
                )


@in_sql("enrollment.deleted")
def enrollment_deleted(facts: AssignmentFacts) -> Iterator[Violation]:
    """No live stint stands on a deleted enrollment."""
    if facts.enrollment.deleted:
        yield Violation(
            "enrollment-deleted",
            "enrollment_id",
            [facts.assignment.assignment_id],
            f"enrollment {facts.enrollment.enrollment_id} is deleted",
            against="deleted",
        )


@in_sql("enrollment.exit_date < enrollment.entry_date")
def exits_before_entry(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An enrollment exits on or after its entry."""
    enrollment = facts.enrollment
    if enrollment.exit_date is not None and enrollment.exit_date < enrollment.entry_date:
        yield Violation(
            "exits-before-entry",
            "exit_date",
            [enrollment.enrollment_id],
            f"enrollment {enrollment.enrollment_id} exits before its entry",
            against="entry_date",
        )


REQUIRED_RULES = (
    starts_before_entry,
    starts_after_exit,
    ends_after_exit,
    open_after_exit,
    overlaps_own,
    enrollment_deleted,
    exits_before_entry,
)
"""The required rules that need nothing from an agency."""
