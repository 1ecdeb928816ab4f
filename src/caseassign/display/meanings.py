"""What the codes of rules and of issues mean, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from caseassign.rules import (
    ADVISORY_RULES,
    GUARDS,
    REQUIRED_RULES,
    Rules,
    caseload_at_most,
    exclusive_role,
    known_roles,
)


def _sentences(rules: Rules) -> dict[str, str]:
    return {rule.__name__.replace("_", "-"): str(rule.__doc__).partition("\n")[0] for rule in rules}


RULES: Final[Mapping[str, str]] = _sentences((*REQUIRED_RULES, *GUARDS, *ADVISORY_RULES))
"""What must be true, by the code of its violation."""

OF_AGENCIES: Final[Mapping[str, str]] = _sentences((caseload_at_most(0), exclusive_role("any"), known_roles("any")))
"""What must be true by the rules that an agency makes its own."""

ISSUES: Final[Mapping[str, str]] = {
    "absent": "A full refresh has no row for an enrollment that an earlier import brought.",
    "bad-date": "An entry or exit date cannot be read: the enrollment is kept out.",
    "bad-value": "A code is not in its picklist, or a day cannot be read: the field is left empty.",
    "broken-row": "A quote is opened and not closed: the row is kept out.",
    "date-format": "Days are not written YYYY-MM-DD; they are read. Reported once for each file and column.",
    "duplicate-id": "Rows share an id: the one with the latest DateUpdated is taken, this one is not.",
    "exit-before-entry": "The exit lies before the entry: the enrollment is kept out.",
    "extra-row": "Export.csv has more than one row: the first one counts, this one is left out.",
    "missing-value": "A value is missing: the row is kept out if it is needed, else the field is left empty.",
    "no-exits": "The export has no exits at all: this enrollment's stays as it is.",
    "older-export": "The export was made before the last one that was imported: what is newer may be taken back.",
    "orphan-exit": "An exit belongs to no enrollment that is imported.",
    "other-client": "An exit names another client than its enrollment; it is taken for the enrollment.",
    "ragged-row": "A row has more values than the header has columns: the surplus is left out.",
    "unknown-client": "Client.csv lacks the client of an enrollment: only the id is imported.",
    "unknown-organization": "Organization.csv lacks the organization of a project: only the id is imported.",
    "unknown-project": "Project.csv lacks the project of an enrollment: only the id is imported.",
    "unknown-user": "User.csv lacks the user who entered an enrollment: only the id is imported.",
}
"""What is wrong with an export and what becomes of it, by the code of the issue."""

_LEFT_OUT: Final = "the row is left out."

LIST_ISSUES: Final[Mapping[str, str]] = {
    "bad-date": f"A day is not written YYYY-MM-DD: {_LEFT_OUT}",
    "bad-value": "A Status is not understood, or a flag is neither 0 nor 1; a row with such a flag is left out.",
    "broken-row": f"A quote is opened and not closed: {_LEFT_OUT}",
    "duplicate-id": f"An AssignmentID stands in the list already: {_LEFT_OUT}",
    "ends-before-start": f"The end lies before the start: {_LEFT_OUT}",
    "missing-value": f"A value that is needed is missing: {_LEFT_OUT}",
    "other-client": f"The enrollment is of another client: {_LEFT_OUT}",
    "other-enrollment": f"The AssignmentID is that of an assignment on another enrollment: {_LEFT_OUT}",
    "other-user": f"The AssignmentID is that of another user's assignment: {_LEFT_OUT}",
    "ragged-row": f"A row has more values than the header has columns: {_LEFT_OUT}",
    "status-disagrees": "Status and days disagree: the days count.",
    "unknown-enrollment": f"The store does not have the enrollment: {_LEFT_OUT}",
    "unknown-user": f"The store does not have the user: {_LEFT_OUT}",
}
"""What is wrong with a list of assignments and what becomes of it; besides, a row can break a required rule."""
