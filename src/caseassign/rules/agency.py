"""The rules that an agency makes its own: an exclusive role, a list of roles, a limit to caseloads.

Each is made by a function that takes what the agency decides, and stands in a tuple like any other rule::

    REQUIRED = (*REQUIRED_RULES, exclusive_role("Primary"))
    GUARDS_ = (*GUARDS, known_roles("Primary", "Navigator"))
    ADVISORY = (*ADVISORY_RULES, caseload_at_most(25, counting="households", hard=True))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final, Literal, TypeAlias, get_args

from caseassign.errors import InvalidRecordError, Violation
from caseassign.model import COVER, is_text
from caseassign.rules.engine import Rule, Rules
from caseassign.rules.facts import AssignmentFacts, CaseloadFacts, EnrollmentFacts
from caseassign.rules.sql import SHARE_A_DAY, Rows, in_sql, quoted

Counting: TypeAlias = Literal["cases", "households"]
"""What a limit counts."""

_HARD: Final = "is_hard_limit"


def exclusive_role(role: str) -> Rule:
    """Return the required rule that an enrollment has at most one holder in ``role``, as of any day."""
    _refuse_no_role("exclusive_role", [role])

    both_in_it = f"assignment.role = {quoted(role)} AND other.role = {quoted(role)}"

    @in_sql(f"{both_in_it} AND assignment.user_id <> other.user_id AND {SHARE_A_DAY}", Rows.PAIRS)
    def role_taken(facts: EnrollmentFacts) -> Iterator[Violation]:
        """In an exclusive role, an enrollment has at most one holder as of any day."""
        held = [stint for stint in facts.assignments if stint.role == role]
        for one, other in combinations(held, 2):
            if one.user_id != other.user_id and one.period.overlaps(other.period):
                yield Violation(
                    "role-taken",
                    "role",
                    [one.assignment_id, other.assignment_id],
                    f"enrollment {facts.enrollment.enrollment_id} has two holders in an exclusive role on some days",
                    against="start_date",
                )

    return role_taken


def known_roles(*roles: str) -> Rule:
    """Return the guard that a stint is in one of ``roles``, to the letter, or covers for somebody."""
    _refuse_no_role("known_roles", roles)
    known = {*roles, COVER}

    def unknown_role(facts: AssignmentFacts) -> Iterator[Violation]:
        """Where an agency lists its roles, the role is one of them, to the letter."""
        if facts.assignment.role not in known:
            yield Violation(
                "unknown-role",
                "role",
                [facts.assignment.assignment_id],
                "the role is none of those that the agency lists",
            )

    return unknown_role


def caseload_at_most(limit: int, counting: Counting = "cases", hard: bool = False) -> Rule:
    """Return the rule that a user holds at most ``limit`` cases, or households, as of any day; cover is not counted.

    It stands among the advisory rules, and the audit lists who is above it. A ``hard`` limit is a guard too: an act
    that gives a user one above it is refused, and one that leaves the number as it is, or makes it less, is not.
    """
    if counting not in get_args(Counting):
        raise InvalidRecordError("Rule", "counting", "is neither 'cases' nor 'households'")
    if limit < 0:
        raise InvalidRecordError("Rule", "limit", "is below zero")

    @in_sql(f"caseload.{counting} > {limit}")
    def caseload_above(facts: CaseloadFacts) -> Iterator[Violation]:
        """A user holds no more cases, or households, than the agency's limit."""
        own = [case for case in facts.cases if case.assignment.role != COVER]
        held = len(own) if counting == "cases" else len({_household(case) for case in own})
        if held > limit:
            yield Violation(
                "caseload-above",
                "user_id",
                [facts.user.user_id],
                f"user {facts.user.user_id} holds more than {limit} {counting} as of {facts.as_of}",
                amount=held,
            )

    setattr(caseload_above, _HARD, hard)
    return caseload_above


def with_hard_limits(guards: Rules, advisory: Rules) -> Rules:
    """Return the guards, and with them every hard limit that stands among the advisory rules alone.

    Raises `InvalidRecordError` for a limit among the guards that is not hard, for a guard refuses.
    """
    if any(_is_hard(rule) is False for rule in guards):
        raise InvalidRecordError(
            "Casework", "guards", "holds a limit that is not hard: give it among the advisory rules, or say hard=True"
        )
    return (*guards, *(rule for rule in advisory if _is_hard(rule) and rule not in guards))


def _is_hard(rule: Rule) -> bool | None:
    """Whether a limit is hard; None for any other rule."""
    hard: bool | None = getattr(rule, _HARD, None)
    return hard


def _refuse_no_role(rule: str, roles: Sequence[str]) -> None:
    if not roles or not all(is_text(role) and role for role in roles):
        raise InvalidRecordError("Rule", rule, "names no role: give each as a text")


def _household(case: AssignmentFacts) -> tuple[str, str]:
    return case.enrollment.household_key or ("", case.enrollment.enrollment_id)
