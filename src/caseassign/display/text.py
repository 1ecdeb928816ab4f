"""What questions and acts return, as blocks for people: titles, sentences and tables.

The words are those of a screen: "Since", "Ends on", "Ended on", "Exited on". Days are half-open everywhere: what
ended on a day is no longer so at the close of that day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple, Self

from caseassign.acts.import_assignments import AssignmentImport
from caseassign.acts.import_export import ImportResult
from caseassign.acts.outcome import Outcome
from caseassign.audit import Finding
from caseassign.cases import Case, Cases, name_of
from caseassign.display.blocks import Block, Column, Line, Table, Title
from caseassign.display.deeds import deeds, in_full
from caseassign.display.meanings import ISSUES, LIST_ISSUES, RULES
from caseassign.display.words import counted, day, moment, person, relationship, stint
from caseassign.errors import Violation
from caseassign.histories import History
from caseassign.history import Break, Change
from caseassign.model import AssignmentStatus, Client, User
from caseassign.questions import ClientRecord, EnrollmentRecord

# Lists of cases


def _day_or_blank(of: date | None, *, wanted: bool = True) -> str:
    return day(of) if of is not None and wanted else ""


def _head(case: Case) -> str:
    head = case.head_of_household
    return "" if head is None else name_of(head) or head.personal_id


def _since(case: Case) -> str:
    if case.assignment is None or case.status is AssignmentStatus.UPCOMING:
        return ""
    if case.assignment.period.is_empty:
        return f"Same day, {day(case.assignment.start_date)}"
    return _day_or_blank(case.since)


def _starts_on(case: Case) -> str:
    upcoming = case.status is AssignmentStatus.UPCOMING
    return "" if case.assignment is None else _day_or_blank(case.assignment.start_date, wanted=upcoming)


def _end(case: Case, *, past: bool) -> str:
    if case.assignment is None:
        return ""
    return _day_or_blank(case.assignment.end_date, wanted=past == (case.status is AssignmentStatus.INACTIVE))


def _exit(case: Case, *, past: bool) -> str:
    exit_date = case.enrollment.exit_date
    return _day_or_blank(exit_date, wanted=exit_date is not None and past == (exit_date <= case.as_of))


_CLIENT: Final[tuple[Column[Case], ...]] = (
    Column("Client", lambda case: name_of(case.client) or "", "client"),
    Column("Client ID", lambda case: case.client.personal_id, "client"),
)
_CASE_MANAGER: Final[tuple[Column[Case], ...]] = (
    Column("Case manager", lambda case: name_of(case.case_manager) or "", "case manager"),
    Column("User", lambda case: "" if case.assignment is None else case.assignment.user_id, "case manager"),
)
_STATUS: Final[Column[Case]] = Column("Status", lambda case: str(case.status).capitalize())
_ENROLLMENT: Final[tuple[Column[Case], ...]] = (
    Column("Project", lambda case: case.project.project_name or case.project.project_id, "ids"),
    Column("Enrollment", lambda case: case.enrollment.enrollment_id, "ids"),
)
_ASSIGNMENT: Final[Column[Case]] = Column(
    "Assignment", lambda case: "" if case.assignment is None else case.assignment.assignment_id, "ids"
)
_STAY: Final[tuple[Column[Case], ...]] = (
    Column("Entered on", lambda case: day(case.enrollment.entry_date), "days"),
    Column("Exits on", lambda case: _exit(case, past=False), "days"),
    Column("Exited on", lambda case: _exit(case, past=True), "days"),
)
_STINT: Final[tuple[Column[Case], ...]] = (
    Column("Starts on", _starts_on, "days"),
    Column("Since", _since, "days"),
    Column("Ends on", lambda case: _end(case, past=False), "days"),
    Column("Ended on", lambda case: _end(case, past=True), "days"),
)
_ROLE: Final[tuple[Column[Case], ...]] = (
    Column("Role", lambda case: "" if case.assignment is None else case.assignment.role, "role"),
    Column(
        "Kept after exit", lambda case: "yes" if case.assignment and case.assignment.kept_after_exit else "", "role"
    ),
)
_HOUSEHOLD: Final[tuple[Column[Case], ...]] = (
    Column("Head of household", _head, "household"),
    Column("Household size", lambda case: str(case.household_size), "household", is_number=True),
)
_CASES: Final = (*_CLIENT, *_ENROLLMENT, _ASSIGNMENT, *_STAY, *_STINT, *_ROLE, *_HOUSEHOLD)
"""What a list of cases shows; what does not apply to any of them is left out."""


def held(cases: Cases, user: User) -> Iterator[Block]:
    """Yield the list of what a user holds, held or will hold."""
    who, as_of = person(user), day(cases.as_of)
    if cases.rows:
        yield Title(f"{cases.title} of {who} as of {as_of}")
        yield Table.of(_CASES, cases)
        yield Line(_count(cases, "case"))
    else:
        yield Line(f"{who} has no {cases.title.lower()} as of {as_of}.{_withheld(cases.withheld)}")


def unassigned(cases: Cases) -> Iterator[Block]:
    """Yield the list of open enrollments that nobody holds."""
    as_of = day(cases.as_of)
    if cases.rows:
        yield Title(f"{cases.title} as of {as_of}")
        yield Table.of(_CASES, cases)
        yield Line(_count(cases, "enrollment"))
    else:
        yield Line(f"No open enrollment is without case manager as of {as_of}.{_withheld(cases.withheld)}")


def case_managers(cases: Cases, client: Client) -> Iterator[Block]:
    """Yield everybody who holds, held or will hold a client, by status and enrollment."""
    who, as_of = person(client), day(cases.as_of)
    if not cases.rows:
        yield Line(f"{who} has no case managers on record as of {as_of}.{_withheld(cases.withheld)}")
        return
    yield Title(f"{cases.title} of {who} as of {as_of}")
    alone = all(case.client == client for case in cases)
    columns = (*(() if alone else _CLIENT), *_CASE_MANAGER, *_ENROLLMENT, _ASSIGNMENT, *_STAY, *_STINT, *_ROLE)
    for status, of_status in groupby(cases, key=lambda case: case.status):
        yield Title(str(status).capitalize())
        yield Table.of(columns, of_status)
    yield Line(_count(cases, "assignment"))


def client_record(record: ClientRecord) -> Iterator[Block]:
    """Yield a client's enrollments, each with its household and its case managers."""
    yield Title(f"{person(record.client)} as of {day(record.as_of)}")
    yield Line(f"{counted(len(record.enrollments), 'enrollment')}.{_withheld(record.withheld)}")
    for of_one in record.enrollments:
        yield Title(_enrollment_title(of_one, record.as_of))
        members = [f"{person(client)}, {relationship(member.relationship_to_hoh)}" for member, client in of_one.members]
        yield Line(f"Household: {'; '.join(members)}")
        if of_one.case_managers:
            yield Table.of((*_CASE_MANAGER, _STATUS, _ASSIGNMENT, *_STINT, *_ROLE), of_one.case_managers)
        else:
            yield Line("Nobody is assigned.")


def _enrollment_title(record: EnrollmentRecord, as_of: date) -> str:
    enrollment, project = record.enrollment, record.project
    title = f"{project.project_name or project.project_id}, enrollment {enrollment.enrollment_id}"
    title += f": Entered on {day(enrollment.entry_date)}"
    if enrollment.exit_date is None:
        return title
    return f"{title}, {'Exited' if enrollment.exit_date <= as_of else 'Exits'} on {day(enrollment.exit_date)}"


def _count(cases: Cases, noun: str) -> str:
    more = " More follow." if cases.next_page else ""
    return f"{counted(len(cases), noun)}.{more}{_withheld(cases.withheld)}"


def _withheld(number: int) -> str:
    return f" {counted(number, 'row')} withheld." if number else ""


# Acts


def outcome(of: Outcome, *, dry_run: bool = False) -> Iterator[Block]:
    """Yield what an act did, or would do, in a sentence."""
    if dry_run:
        yield Line("Dry run, nothing written.")
    if of.changes:
        clauses = [*deeds(of.changes), *(f"left out: {one.id} ({one.reason})" for one in of.skipped)]
        said = "; ".join(clauses)
        yield Line(f"Would have {said}." if dry_run else f"{said[0].upper()}{said[1:]}.")
    else:
        yield Line(f"Nothing to do: {'; '.join(_as_it_is(of)) or 'all is so already'}.")


def refusal(violations: Iterable[Violation]) -> str:
    """Return why an act was refused, each reason once, with its code."""
    return "; ".join(dict.fromkeys(f"{violation.message} ({violation.code})" for violation in violations))


def _as_it_is(of: Outcome) -> Iterator[str]:
    for enrollment in of.enrollments:
        exited = "is not exited" if enrollment.exit_date is None else f"is exited on {day(enrollment.exit_date)}"
        yield f"enrollment {enrollment.enrollment_id} {exited}"
    for assignment in of.assignments:
        held = "is void" if assignment.voided else f"is that of {stint(assignment)}"
        yield f"assignment {assignment.assignment_id} {held}"


# Imports, audits, history


_SHOWN: Final = 50
"""How many violations an import shows one by one."""


def imported(result: ImportResult, name: str, *, seeded: bool = False, dry_run: bool = False) -> Iterator[Block]:
    """Yield what an import did, or would do. ``seeded`` says that last editors became case managers."""
    if dry_run:
        yield Line("Dry run, nothing written.")
    yield Title(f"Import of {name}")
    if not (any(result.imported.values()) or any(result.changed.values())):
        yield Line("Nothing was changed.")
    yield Table.of(_IMPORTED, [_Imported.of(kind, result) for kind in result.imported])
    if seeded:
        yield Line(
            f"From Enrollment.UserID: the last editor of each new enrollment became its case manager "
            f"({counted(result.imported['assignments'], 'assignment')}), and was given access to the organization that "
            "runs the project."
        )
    if result.issues:
        yield Title("Issues with the export")
        yield _counts(result.issues, "What it means", ISSUES)
    if result.violations:
        yield Title("Violations that the update brought")
        yield _counts(Counter(violation.code for violation in result.violations), "Must be true, and is not", RULES)
        for violation in result.violations[:_SHOWN]:
            yield Line(f"{violation.code} {', '.join(violation.ids)}: {violation.message}")
        if len(result.violations) > _SHOWN:
            yield Line(f"… and {len(result.violations) - _SHOWN:,} more; caseassign audit lists all.")
    if result.batch_id is not None:
        yield Line(f"Batch {result.batch_id}.")


def imported_list(result: AssignmentImport, name: str, issues: Mapping[str, int]) -> Iterator[Block]:
    """Yield what the import of a list of assignments did, or would do; ``issues`` are counted by code."""
    yield Title(f"Import of {name}")
    yield Line(
        f"{counted(result.added, 'assignment')} new, {result.changed:,} changed, {result.unchanged:,} as they were."
    )
    if issues:
        yield _counts(issues, "What it means", {**RULES, **LIST_ISSUES})


class _Imported(NamedTuple):
    """What became of the records of one kind."""

    kind: str
    new: int
    changed: int
    kept_out: int

    @classmethod
    def of(cls, kind: str, result: ImportResult) -> Self:
        return cls(kind.capitalize(), result.imported[kind], result.changed[kind], result.kept_out.get(kind, 0))


_IMPORTED: Final[tuple[Column[_Imported], ...]] = (
    Column("Records", lambda row: row.kind),
    Column("New", lambda row: f"{row.new:,}", is_number=True),
    Column("Changed", lambda row: f"{row.changed:,}", is_number=True),
    Column("Kept out", lambda row: f"{row.kept_out:,}", is_number=True),
)


def _counts(counts: Mapping[str, int], header: str, meanings: Mapping[str, str]) -> Table:
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("Count", lambda row: f"{row[1]:,}", is_number=True),
        Column("Code", lambda row: row[0]),
        Column(header, lambda row: meanings.get(row[0], "")),
    )
    return Table.of(columns, sorted(counts.items()))


def audit(as_of: date, required: Mapping[str, int], advisory: Mapping[str, int]) -> Iterator[Block]:
    """Yield how many violations of each code an audit found."""
    yield Title(f"Audit as of {day(as_of)}")
    for kind, counts in (("Required", required), ("Advisory", advisory)):
        yield Line(f"{kind}: {counted(sum(counts.values()), 'violation')}.")
        if counts:
            yield _counts(counts, "Must be true, and is not", RULES)


def violations(findings: Iterable[Finding]) -> Iterator[Block]:
    """Yield violations that an audit found, one by one."""
    columns: tuple[Column[Finding], ...] = (
        Column("Code", lambda finding: finding.code),
        Column("Violation", lambda finding: finding.message),
        Column("Client ID", lambda finding: finding.personal_id or ""),
        Column("Household ID", lambda finding: finding.household_id or ""),
        Column("Enrollment", lambda finding: finding.enrollment_id or ""),
        Column("User", lambda finding: finding.user_id or ""),
        Column("Assignment", lambda finding: finding.assignment_id or ""),
    )
    yield Title("Violations")
    yield Table.of(columns, findings)


def history(of: str, lines: History, users: Mapping[str, User]) -> Iterator[Block]:
    """Yield the history of a record, or of a batch, a line each; ``users`` are those whose names are known."""
    yield Title(f"History of {of}")
    for line in lines:
        yield Line(_history_line(line, users))
    yield Line(f"{counted(len(lines), 'line')}.{_withheld(lines.withheld)}")


def _history_line(line: Change, users: Mapping[str, User]) -> str:
    if line.user_id is None:
        who = "the system"
    else:
        user = users.get(line.user_id)
        who = line.user_id if user is None else person(user)
    reason = f". Reason: {line.reason}" if line.reason else ""
    return f"{moment(line.recorded_at)}, {who}, {line.action}: {in_full(line)}{reason}. Batch {line.batch_id}"


def verification(breaks: Sequence[Break]) -> Iterator[Block]:
    """Yield what verifying the history found."""
    if not breaks:
        yield Line("The history is whole: no line of it was changed, removed or put in.")
    for found in breaks:
        yield Line(f"Line {found.number} of the history: {found.problem}.")


# People who work here


def user(of: User) -> Iterator[Block]:
    """Yield what is known of a user."""
    facts = [
        ("Organizations", ", ".join(sorted(of.organization_ids)) or "none"),
        ("Permissions", ", ".join(sorted(of.permissions)) or "none"),
        ("Available as case manager", "yes" if of.is_case_manager else "no"),
        ("First day gone", "none" if of.left_on is None else day(of.left_on)),
    ]
    yield Title(f"User {person(of)}")
    for name, value in facts:
        yield Line(f"{name}: {value}")
