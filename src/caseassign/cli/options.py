"""What the library says of an argument, said of the option that was typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from caseassign.errors import InvalidRecordError

_OPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("Act", "command_id"): "--command-id",
    ("Act", "reason"): "--reason",
    ("CaseAssignment", "role"): "--role",
    ("Caseload", "households"): "--household",
    ("Clock", "time_zone"): "the environment variable CASEASSIGN_TIME_ZONE",
    ("ComingUp", "days"): "--days",
    ("Command", "command_id"): "--command-id",
    ("Cover", "by"): "--by",
    ("Cover", "end"): "--end",
    ("Enrollment", "household_id"): "--household-id",
    ("Enrollment", "relationship_to_hoh"): "--relationship",
    ("Household", "into"): "INTO",
    ("Period", "end"): "--end",
    ("Reassignment", "to"): "--to-case",
    ("User", "first_name"): "--name",
    ("User", "last_name"): "--name",
    ("User", "user_id"): "ID",
    ("Void", "reason"): "--reason",
}
"""What is typed for a field, in most commands."""

_OF_COMMAND: Final[Mapping[tuple[str, str, str], str]] = {
    ("caseloads", "Period", "end"): "--until",
    ("enroll", "Enrollment", "relationship_to_hoh"): "the relationship in CLIENT=RELATIONSHIP",
    ("held", "Period", "end"): "--until",
}
"""What is typed for it in one command."""


def of_options(error: InvalidRecordError, command: str) -> str:
    """Return what is wrong with an argument, as whoever typed the command would say it."""
    field = error.kind, error.field
    option = _OF_COMMAND.get((command, *field)) or _OPTIONS.get(field) or error.field.replace("_", " ")
    problem, of_python, _ = error.problem.partition("give HouseholdKey")
    return f"{option} {problem}{'say which with --project' if of_python else ''}"
