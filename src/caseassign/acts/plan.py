"""The plan of a reassignment: what would happen to each case, to be read, narrowed and applied."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import attrs

from caseassign.acts.caseload import Part
from caseassign.cases import Case
from caseassign.errors import InvalidRecordError, Violation
from caseassign.history import RecordKey
from caseassign.model import CaseAssignment
from caseassign.period import Period
from caseassign.results import Listed

LEFT_OUT: Final = "left out of the plan"
"""Why a case stays that was taken out of a plan."""

EndedSince: TypeAlias = Literal["move", "keep"]
"""What becomes of a stint that was active on a past hand-over day and has ended since."""


class PlannedOutcome(enum.StrEnum):
    """What a reassignment does with one case."""

    MOVE = "move"
    END_ONLY = "end-only"
    KEEP = "keep"
    REFUSE = "refuse"


@attrs.frozen(kw_only=True)
class PlannedCase:
    """What would happen to one case.

    ``move``: it ends on the day ``on``, and the user ``to`` gets the ``days``, those that they do not hold already in
    that role. ``end-only``: ``to`` holds all of them already. ``keep``: it stays, and ``reason`` says why.
    ``refuse``: it stays because of the ``violations``, which name the stint itself where its successor would break
    a rule.
    """

    outcome: PlannedOutcome
    assignment: CaseAssignment
    case: Case = attrs.field(eq=False)
    to: str | None = None
    on: date | None = None
    days: tuple[Period, ...] = ()
    reason: str | None = None
    violations: tuple[Violation, ...] = ()

    @property
    def is_carried_out(self) -> bool:
        """Whether applying the plan changes this case."""
        return self.outcome in {PlannedOutcome.MOVE, PlannedOutcome.END_ONLY}

    def to_dict(self) -> dict[str, Any]:
        """Return the line as plain data: what would happen, and the case as lists show it."""
        return {
            "outcome": str(self.outcome),
            "to": self.to,
            "on": None if self.on is None else self.on.isoformat(),
            "days": [
                {"start_date": days.start.isoformat(), "end_date": None if days.end is None else days.end.isoformat()}
                for days in self.days
            ],
            "reason": self.reason,
            "violations": [{"code": v.code, "ids": list(v.ids), "message": v.message} for v in self.violations],
            **self.case.to_dict(),
        }


@attrs.frozen(kw_only=True)
class Reassignment:
    """What was asked for, and when: whose caseload, which part of it, to whom, from which day on."""

    from_: str
    on: date
    part: Part
    today: date
    receivers: tuple[str, ...] = ()
    by_case: Mapping[RecordKey | str, str | None] | None = None
    ended_since: EndedSince = "move"


@attrs.frozen(kw_only=True)
class ReassignmentPlan(Listed[PlannedCase]):
    """What a reassignment would do with each case; nothing of it is done before it is applied.

    ``withheld`` is how many cases of that user the acting user may not see; they stay as they are.
    """

    request: Reassignment
    computed: tuple[PlannedCase, ...] = attrs.field(repr=False)
    lines: tuple[PlannedCase, ...] = attrs.field(repr=False)
    withheld: int = 0

    @property
    def from_(self) -> str:
        """The id of the user whose caseload it is."""
        return self.request.from_

    @property
    def on(self) -> date:
        """The hand-over day: the first day of the receivers."""
        return self.request.on

    @property
    def rows(self) -> tuple[PlannedCase, ...]:
        """The lines."""
        return self.lines

    @property
    def counts(self) -> dict[str, int]:
        """How many cases there are of each outcome."""
        counted = Counter(str(line.outcome) for line in self.lines)
        return {str(outcome): counted[outcome] for outcome in PlannedOutcome}

    @property
    def receivers(self) -> dict[CaseAssignment, str | None]:
        """Who would get each case, by its assignment; None where it stays.

        It can be changed and given as ``to`` for another plan.
        """
        return {line.assignment: line.to if line.is_carried_out else None for line in self.lines}

    def without(self, *cases: CaseAssignment | Case | PlannedCase | str) -> ReassignmentPlan:
        """Return the plan with these cases, or assignments by their id, left out."""
        ids = {_assignment_id(case) for case in cases}
        unknown = ids - {line.assignment.assignment_id for line in self.computed}
        if unknown:
            raise InvalidRecordError("ReassignmentPlan", "cases", f"are not in the plan: {', '.join(sorted(unknown))}")
        lines = (_left_out(line) if line.assignment.assignment_id in ids else line for line in self.lines)
        return attrs.evolve(self, lines=tuple(lines))

    def only(self, wanted: Callable[[PlannedCase], bool]) -> ReassignmentPlan:
        """Return the plan with every case left out for which ``wanted`` is not true."""
        return self.without(*(line for line in self.lines if not wanted(line)))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "from": self.from_,
            "on": self.on.isoformat(),
            "counts": self.counts,
            "withheld": self.withheld,
            "cases": [line.to_dict() for line in self.lines],
        }


def kept(assignment: CaseAssignment, case: Case, reason: str) -> PlannedCase:
    """Return the line of a case that stays as it is."""
    return PlannedCase(outcome=PlannedOutcome.KEEP, assignment=assignment, case=case, reason=reason)


def _left_out(line: PlannedCase) -> PlannedCase:
    return kept(line.assignment, line.case, LEFT_OUT)


def _assignment_id(case: CaseAssignment | Case | PlannedCase | str) -> str:
    if isinstance(case, str):
        return case
    assignment = case if isinstance(case, CaseAssignment) else case.assignment
    if assignment is None:
        raise InvalidRecordError("ReassignmentPlan", "cases", "has no assignment")
    return assignment.assignment_id
