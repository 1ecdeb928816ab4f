"""The guards: asked only when an act gives a stint its holder or its start. What happens later is for the audit."""

from __future__ import annotations

from collections.abc import Iterator

from caseassign.errors import Violation
from caseassign.rules.facts import AssignmentFacts


def case_manager_left(facts: AssignmentFacts) -> Iterator[Violation]:
    """The user has not left by the start of the stint."""
    if facts.user.has_left(facts.assignment.start_date):
        yield Violation(
            "case-manager-left",
            "user_id",
            [facts.assignment.assignment_id],
            f"user {facts.user.user_id} has left by the start of the assignment",
            against="start_date",
        )


def no_access(facts: AssignmentFacts) -> Iterator[Violation]:
    """The user can access the organization that runs the project."""
    if not facts.user.can_access(facts.project):
        yield Violation(
            "no-access",
            "user_id",
            [facts.assignment.assignment_id],
            f"user {facts.user.user_id} has no access to the organization that runs project {facts.project.project_id}",
        )


def not_a_case_manager(facts: AssignmentFacts) -> Iterator[Violation]:
    """The user is available for assignment."""
    if not facts.user.is_case_manager:
        yield Violation(
            "not-a-case-manager",
            "user_id",
            [facts.assignment.assignment_id],
            f"user {facts.user.user_id} is not available as a case manager",
        )


def wrong_client(facts: AssignmentFacts) -> Iterator[Violation]:
    """The enrollment belongs to the client that was named."""
    if facts.client is not None and facts.client != facts.enrollment.personal_id:
        yield Violation(
            "wrong-client",
            "enrollment_id",
            [facts.assignment.assignment_id],
            f"enrollment {facts.enrollment.enrollment_id} is not one of client {facts.client}",
            against="personal_id",
        )


GUARDS = (case_manager_left, no_access, not_a_case_manager, wrong_client)
"""The guards that need nothing from an agency."""
