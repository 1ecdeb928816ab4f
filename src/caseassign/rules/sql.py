"""The second form of a rule: portable SQL that finds what makes its sentence false, where the data lies.

It is a condition over one row, and true where the rule is violated::

    @in_sql("assignment.start_date < enrollment.entry_date")
    def starts_before_entry(facts: AssignmentFacts) -> Iterator[Violation]: ...

What a row is follows from the facts that the rule wants, or is said: see `Rows`. A condition holds comparisons,
``AND``, ``OR``, ``NOT``, ``CASE``, ``IN`` and ``EXISTS``, which mean the same on every engine. In braces stand the day
on which one looks, ``{as_of}``, and the six tables, named after the records, whatever they are called where they lie:

=========================  ====================================================================================
``{enrollments}``          ``enrollment_id personal_id project_id household_id relationship_to_hoh entry_date
                           exit_date deleted``
``{assignments}``          ``assignment_id enrollment_id user_id start_date end_date role kept_after_exit voided``
``{projects}``             ``project_id organization_id project_type``
``{users}``                ``user_id left_on``
``{user_organizations}``   ``user_id organization_id``: the organizations that each user can access
``{user_permissions}``     ``user_id permission``
=========================  ====================================================================================

Days may be dates or text like ``2026-03-02``, but of one kind throughout: both compare alike. ``deleted``,
``kept_after_exit`` and ``voided`` are what the engine takes for a condition.
"""

# ruff: noqa: S608  # the conditions are constants of this package, and a rule is code

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs

from caseassign.model import ProjectType


@attrs.frozen(kw_only=True)
class Tables:
    """What the six tables are called where they lie: their names, or any SQL that may stand for one after FROM.

    ``join`` joins two of them. With ``backslashes``, a backslash in a text says something of the next character, as it
    does on Spark.
    """

    enrollments: str = "enrollments"
    assignments: str = "assignments"
    projects: str = "projects"
    users: str = "users"
    user_organizations: str = "user_organizations"
    user_permissions: str = "user_permissions"
    join: str = "JOIN"
    backslashes: bool = False

    def named_in(self, sql: str, as_of: date) -> str:
        """Return SQL with the names of the tables, and the day, where braces stood."""
        if self.backslashes:
            sql = _TEXT.sub(_with_backslashes, sql)
        return sql.format(as_of=quoted(as_of.isoformat()), **attrs.asdict(self))


_TEXT: Final = re.compile("'((?:[^']|'')*)'")


def _with_backslashes(text: re.Match[str]) -> str:
    said = text[1].replace("\\", r"\\").replace("''", r"\'")
    return f"'{said}'"


_SQL: Final = "sql"

R = TypeVar("R", bound=Callable[..., Any])


class Rows(StrEnum):
    """What one row is over which a rule is written: the names that its condition may use, with their columns.

    Voided stints are in none of them, and stays that were deleted only where a required rule asks.
    """

    ASSIGNMENTS = "assignments"
    """``assignment`` and its ``enrollment``."""
    PAIRS = "pairs"
    """``assignment`` and ``other``, each two on one ``enrollment`` once."""
    ENROLLMENTS = "enrollments"
    """``enrollment``."""
    HOUSEHOLDS = "households"
    """``household``: ``project_id household_id heads open_members holders holdings``, where ``holders`` counts the
    users who hold, cover aside, an open member, and ``holdings`` the pairs of such a user and member. An enrollment
    without ``household_id`` is a household of its own, with its ``enrollment_id``."""
    CASELOADS = "caseloads"
    """``caseload``: ``user_id cases households``, of the stints that are active as of the day, cover aside."""


@attrs.frozen(kw_only=True)
class InSQL:
    """What makes a rule false, in SQL: a condition over rows, of projects of these types only where some are named."""

    violated: str
    rows: Rows | None = None
    project_types: frozenset[ProjectType] | None = None


def in_sql(violated: str, rows: Rows | None = None) -> Callable[[R], R]:
    """Give a rule its second form. ``rows`` is said where it is not the subject of the rule itself."""

    def carrying(rule: R) -> R:
        return carry(rule, InSQL(violated=violated, rows=rows))

    return carrying


def carry(rule: R, form: InSQL | None) -> R:
    """Put a second form beside a rule, or take it away."""
    setattr(rule, _SQL, form)
    return rule


def sql_of(rule: Callable[..., Any]) -> InSQL | None:
    """Return the second form of a rule; None where it has none."""
    form: InSQL | None = getattr(rule, _SQL, None)
    return form


def narrowed_to_types(form: InSQL | None, project_types: Iterable[ProjectType]) -> InSQL | None:
    """Return the form narrowed to projects of these types."""
    if form is None:
        return None
    wanted = frozenset(project_types)
    return attrs.evolve(form, project_types=wanted if form.project_types is None else wanted & form.project_types)


def narrowed_to_heads(form: InSQL | None) -> InSQL | None:
    """Return the form narrowed to heads of household."""
    return (
        None
        if form is None
        else attrs.evolve(form, violated=f"enrollment.relationship_to_hoh = 1 AND ({form.violated})")
    )


def quoted(text: str) -> str:
    """Return a text as a condition writes it."""
    return "'" + text.replace("'", "''").replace("{", "{{").replace("}", "}}") + "'"


# What is said of rows time and again

ACTIVE: Final = "assignment.start_date <= {as_of} AND (assignment.end_date IS NULL OR assignment.end_date > {as_of})"
"""The stint is active as of the day."""

OPEN: Final = (
    "NOT enrollment.deleted AND enrollment.entry_date <= {as_of} "
    "AND (enrollment.exit_date IS NULL OR enrollment.exit_date > {as_of})"
)
"""The stay is open as of the day."""

SHARE_A_DAY: Final = (
    "(assignment.end_date IS NULL OR (assignment.start_date < assignment.end_date "
    "AND other.start_date < assignment.end_date)) "
    "AND (other.end_date IS NULL OR (assignment.start_date < other.end_date AND other.start_date < other.end_date))"
)
"""The two stints of a pair share a day, which an empty one shares with none."""


def stint_where(condition: str) -> str:
    """Say that there is a live stint on the enrollment, called ``held``, of which the condition holds."""
    return (
        "EXISTS (SELECT 1 FROM {assignments} held "
        f"WHERE held.enrollment_id = enrollment.enrollment_id AND NOT held.voided AND {condition})"
    )


def held_on(day: str) -> str:
    """Say that ``held`` covers a day."""
    return f"held.start_date <= {day} AND (held.end_date IS NULL OR held.end_date > {day})"


def past(day: str) -> str:
    """Say that a day is not after the day on which one looks, and before the exit."""
    return f"{day} <= {{as_of}} AND (enrollment.exit_date IS NULL OR {day} < enrollment.exit_date)"


def uncovered(day: str) -> str:
    """Say that nobody covers a day."""
    return f"NOT {stint_where(held_on(day))}"
