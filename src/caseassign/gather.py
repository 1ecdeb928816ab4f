"""Gathers the facts that rules look at, with a few queries however many they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date

from caseassign.model import CaseAssignment, Enrollment, User
from caseassign.rules import AssignmentFacts, EnrollmentFacts
from caseassign.storage import Transaction


def enrollment_facts(tx: Transaction, enrollments: Sequence[Enrollment], as_of: date) -> list[EnrollmentFacts]:
    """Return the facts of each of these enrollments, in their order."""
    projects = tx.projects.get({enrollment.project_id for enrollment in enrollments})
    stints: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
    for stint in tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in enrollments]):
        if not stint.voided:
            stints[stint.enrollment_id].append(stint)
    users = tx.users.get({stint.user_id for of_one in stints.values() for stint in of_one})
    return [
        EnrollmentFacts(
            enrollment=enrollment,
            project=projects[enrollment.project_id],
            assignments=tuple(stints[enrollment.enrollment_id]),
            users=users,
            as_of=as_of,
        )
        for enrollment in enrollments
    ]


def caseload_facts(
    tx: Transaction, users: Iterable[User], as_of: date, projects: Collection[str] | None = None
) -> dict[str, list[AssignmentFacts]]:
    """Return the facts of the cases in which users are active as of a day, by user; without those who have none."""
    of_ids = {user.user_id: user for user in users}
    stints = [stint for stint in tx.assignments.of_users(of_ids, as_of, projects) if not stint.voided]
    enrollments = tx.enrollments.get({stint.enrollment_id for stint in stints})
    projects_of = tx.projects.get({enrollment.project_id for enrollment in enrollments.values()})
    held: defaultdict[str, list[AssignmentFacts]] = defaultdict(list)
    for stint in stints:
        enrollment = enrollments[stint.enrollment_id]
        facts = AssignmentFacts(
            assignment=stint,
            enrollment=enrollment,
            project=projects_of[enrollment.project_id],
            user=of_ids[stint.user_id],
            as_of=as_of,
        )
        if facts.is_active:
            held[stint.user_id].append(facts)
    return dict(held)
