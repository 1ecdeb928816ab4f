"""Rules: what must be true of assignments, enrollments, households and caseloads.

A rule is a plain function. Its parameter is annotated with the facts of its one subject, its docstring is the
sentence that must be true, and it yields a `Violation` for everything that makes the sentence false::

    def at_most_two(facts: EnrollmentFacts) -> Iterator[Violation]:
        '''At most two case managers are active on an enrollment.'''
        if len(facts.holders) > 2:
            yield Violation("at-most-two", "user_id", [facts.enrollment.enrollment_id], "more than two case managers")

    Casework(store, user="kim", required=(*REQUIRED_RULES, at_most_two))

An agency leaves a rule out by giving a tuple without it.
"""

from caseassign.rules.advisory import ADVISORY_RULES
from caseassign.rules.agency import caseload_at_most, exclusive_role, known_roles, with_hard_limits
from caseassign.rules.engine import (
    Rule,
    Rules,
    by_subject,
    check,
    examine,
    for_heads_of_household,
    for_project_types,
    subject,
)
from caseassign.rules.facts import AssignmentFacts, CaseloadFacts, EnrollmentFacts, Facts, HouseholdFacts
from caseassign.rules.guards import GUARDS
from caseassign.rules.required import REQUIRED_RULES
from caseassign.rules.sql import InSQL, Rows, Tables, in_sql

__all__ = [
    "ADVISORY_RULES",
    "GUARDS",
    "REQUIRED_RULES",
    "AssignmentFacts",
    "CaseloadFacts",
    "EnrollmentFacts",
    "Facts",
    "HouseholdFacts",
    "InSQL",
    "Rows",
    "Rule",
    "Rules",
    "Tables",
    "by_subject",
    "caseload_at_most",
    "check",
    "examine",
    "exclusive_role",
    "for_heads_of_household",
    "for_project_types",
    "in_sql",
    "known_roles",
    "subject",
    "with_hard_limits",
]
