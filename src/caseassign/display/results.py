"""What a result says: the blocks that fit what a question or an act returned, made of nothing but the result itself.

Whoever asked knows more than the result does, as the command line does, and may say it better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from caseassign.acts.import_assignments import AssignmentImport
from caseassign.acts.import_export import ImportResult
from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import ReassignmentPlan
from caseassign.audit import Audit, Finding
from caseassign.caseloads import Caseloads
from caseassign.cases import Cases
from caseassign.coming_up import ComingUp
from caseassign.display import caseloads, lists, plans, story, text
from caseassign.display.blocks import Block, Column, Line, Table, Title, as_asked
from caseassign.display.words import counted, day, person
from caseassign.histories import History
from caseassign.model import COVER, CaseAssignment, Client, User
from caseassign.out_of_use import OutOfUse
from caseassign.questions import ClientRecord, Users
from caseassign.results import Result
from caseassign.tables_audit import Broken, TablesAudit

_F = TypeVar("_F", Finding, Broken)


def _end(of: CaseAssignment, *, cover: bool) -> str:
    is_meant = not of.period.is_empty and (of.role == COVER) is cover
    return "" if of.end_date is None or not is_meant else day(of.end_date)


_STINTS: Final[tuple[Column[CaseAssignment], ...]] = (
    Column("Enrollment", lambda stint: stint.enrollment_id),
    Column("User", lambda stint: stint.user_id),
    Column("Starts on", lambda stint: f"{'Same day, ' if stint.period.is_empty else ''}{day(stint.start_date)}"),
    Column("Ends on", lambda stint: _end(stint, cover=False)),
    Column("Back on", lambda stint: _end(stint, cover=True)),
    Column("Role", lambda stint: stint.role),
    Column("Kept after exit", lambda stint: "yes" if stint.kept_after_exit else ""),
    Column("Void", lambda stint: "yes" if stint.voided else ""),
    Column("Assignment", lambda stint: stint.assignment_id),
)
_USERS: Final[tuple[Column[User], ...]] = (
    Column("Case manager", person),
    Column("Organizations", lambda user: ", ".join(sorted(user.organization_ids))),
    Column("First day gone", lambda user: "" if user.left_on is None else day(user.left_on)),
)
_BROKEN: Final[tuple[Column[Broken], ...]] = (
    Column("Code", lambda broken: broken.code),
    Column("Client ID", lambda broken: broken.personal_id or ""),
    Column("Household ID", lambda broken: broken.household_id or ""),
    Column("User", lambda broken: broken.user_id or ""),
    Column("Project", lambda broken: broken.project_id or ""),
    Column("Enrollment", lambda broken: broken.enrollment_id or ""),
    Column("Assignment", lambda broken: broken.assignment_id or ""),
    Column("Other assignment", lambda broken: broken.other_assignment_id or ""),
)


def blocks(of: Result, at_most: int | None) -> Iterator[Block]:
    """Return the blocks that say what a result says, with at most so many rows of each table."""
    return as_asked(of, _SAID[type(of)](of, at_most))


def _cases(of: Cases, at_most: int | None) -> Iterator[Block]:
    if isinstance(of.about, Client):
        return lists.case_managers(of, of.about, at_most)
    if of.about is None:
        return lists.unassigned(of, at_most)
    if of.period is None:
        return lists.held(of, of.about, at_most)
    return caseloads.cases_during(of, of.about, of.period, at_most)


def _plan(of: ReassignmentPlan, at_most: int | None) -> Iterator[Block]:
    holders = {line.case.case_manager for line in of} - {None}
    users = {holder.user_id: holder for holder in holders if holder is not None}
    return plans.plan(of, users, of.request.receivers, at_most)


def _history(of: History, at_most: int | None) -> Iterator[Block]:
    about = "a record" if of.about is None else " ".join(of.about)
    return story.history(about, of, {}, at_most=at_most)


def _outcome(of: Outcome, at_most: int | None) -> Iterator[Block]:
    is_dry_run = bool(of.changes) and of.batch_id is None
    told = plans.done if of.skipped or of.withheld else text.outcome
    yield from told(of, dry_run=is_dry_run)
    if of.assignments:
        yield Title(f"Assignments as they {'would be' if is_dry_run else 'are'} after it")
        yield Table.of(_STINTS, of.assignments, at_most)
    if of.batch_id is not None:
        yield Line(f"Batch {of.batch_id}.")


def _imported(of: ImportResult, _: int | None) -> Iterator[Block]:
    is_dry_run = of.batch_id is None and any((*of.imported.values(), *of.changed.values()))
    seeded, follows = bool(of.imported["assignments"]), any(of.adjusted.values())
    return text.imported(of, "an HMIS CSV export", seeded=seeded, follows=follows, dry_run=is_dry_run)


def _imported_list(of: AssignmentImport, _: int | None) -> Iterator[Block]:
    return text.imported_list(of, "a list of assignments", Counter(issue.code for issue in of.issues))


def _audit(of: Audit, at_most: int | None) -> Iterator[Block]:
    required, advisory, first = _tallied(of, at_most)
    yield from text.audit(of.as_of, required, advisory, of.withheld)
    total = required.total() + advisory.total()
    if first:
        yield from text.violations(first, total - len(first))


def _tables_audit(of: TablesAudit, at_most: int | None) -> Iterator[Block]:
    required, advisory, first = _tallied(of, at_most)
    yield from text.audit(of.as_of, required, advisory)
    if first:
        yield Title("Violations")
        yield Table.of(_BROKEN, first, more=required.total() + advisory.total() - len(first))


def _tallied(audit: Iterable[_F], at_most: int | None) -> tuple[Counter[str], Counter[str], list[_F]]:
    """Return how many violations of each code an audit finds, required and advisory, and the first ones of all.

    The audit is gone through once, and no more than those is kept.
    """
    required, advisory, first = Counter[str](), Counter[str](), list[_F]()
    for found in audit:
        (required if found.required else advisory)[found.code] += 1
        if at_most is None or len(first) < at_most:
            first.append(found)
    return required, advisory, first


def _users(of: Users, at_most: int | None) -> Iterator[Block]:
    yield Title(f"{counted(len(of), 'user')} who may be meant" if of else "Nobody is found.")
    if of:
        yield Table.of(_USERS, of, at_most)


_SAID: Final[Mapping[type[Result], Callable[[Any, int | None], Iterator[Block]]]] = {
    AssignmentImport: _imported_list,
    Audit: _audit,
    Caseloads: lambda of, at_most: caseloads.caseloads(of, None, at_most),
    Cases: _cases,
    ClientRecord: lists.client_record,
    ComingUp: lambda of, at_most: caseloads.coming_up(of, of.about, at_most),
    History: _history,
    ImportResult: _imported,
    OutOfUse: text.out_of_use,
    Outcome: _outcome,
    ReassignmentPlan: _plan,
    TablesAudit: _tables_audit,
    Users: _users,
}
"""What says it, for each kind of result."""
