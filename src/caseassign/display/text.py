"""What acts, imports and audits return, as blocks for people: titles, sentences and tables.

The words are those of a screen: "Since", "Ends on", "Ended on", "Exited on". Days are half-open everywhere: what
ended on a day is no longer so at the close of that day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple, Self

from caseassign.acts.import_assignments import AssignmentImport
from caseassign.acts.import_export import ImportResult
from caseassign.acts.outcome import Outcome
from caseassign.acts.refresh import DAY_RULES
from caseassign.audit import Finding
from caseassign.display.blocks import Block, Column, Line, Table, Title
from caseassign.display.deeds import deeds, left_out
from caseassign.display.meanings import ISSUES, LIST_ISSUES, OF_AGENCIES, RULES
from caseassign.display.words import counted, day, person, stint, withheld
from caseassign.model import Client, User
from caseassign.out_of_use import OutOfUse

# Clients


def out_of_use(of: OutOfUse, at_most: int | None = None) -> Iterator[Block]:
    """Yield the list of the clients who have not been in use since a day."""
    since = day(of.since)
    if of.clients:
        yield Title(f"Out of use since {since}")
        yield Table.of((_OUT_OF_USE,), of.clients, at_most)
        yield Line(f"{counted(len(of), 'client')}.{withheld(of.withheld)}")
    else:
        yield Line(f"Nobody who has been out of use since {since} is left to be de-identified.{withheld(of.withheld)}")


_OUT_OF_USE: Final[Column[Client]] = Column("Client", person)


# Acts


def outcome(of: Outcome, *, dry_run: bool = False, today: date | None = None) -> Iterator[Block]:
    """Yield what an act did, or would do, in a sentence; of what is over ``today`` it is said that it ended."""
    if dry_run:
        yield Line("Dry run, nothing written.")
    if of.changes:
        clauses = [*deeds(of.changes, today), *left_out(of.skipped)]
        said = "; ".join(clauses)
        yield Line(f"Would have {said}." if dry_run else f"{said[0].upper()}{said[1:]}.")
    else:
        yield Line(f"Nothing to do: {'; '.join(_as_it_is(of, today)) or 'all is so already'}.")


def _as_it_is(of: Outcome, today: date | None) -> Iterator[str]:
    for enrollment in of.enrollments:
        if enrollment.exit_date is None:
            said = "is not exited"
        else:
            is_over = today is None or enrollment.exit_date <= today
            said = f"{'exited' if is_over else 'exits'} on {day(enrollment.exit_date)}"
        yield f"enrollment {enrollment.enrollment_id} {said}"
    for assignment in of.assignments:
        held = "is void" if assignment.voided else f"is that of {stint(assignment, today)}"
        yield f"assignment {assignment.assignment_id} {held}"


# Imports, audits


_SHOWN: Final = 50
"""How many assignments that were not restored an import shows one by one."""

_EXAMPLES: Final = 10
"""How many violations, and how many enrollments of a kind, an import shows."""


def imported(
    result: ImportResult, name: str, *, seeded: bool = False, follows: bool = False, dry_run: bool = False
) -> Iterator[Block]:
    """Yield what an import did, or would do.

    ``seeded`` says that last editors became case managers, ``follows`` that assignments followed what arrived.
    """
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
    yield from _arrived(result)
    if result.issues:
        yield Title("Issues with the export")
        yield _counts(result.issues, "What it means", ISSUES)
    if result.violations:
        yield Title("Violations that the update brought")
        yield _counts(Counter(violation.code for violation in result.violations), "Must be true, and is not", RULES)
        for violation in result.violations[:_EXAMPLES]:
            yield Line(f"{violation.code} {', '.join(violation.ids)}: {violation.message}")
        if len(result.violations) > _EXAMPLES:
            yield Line(f"… and {len(result.violations) - _EXAMPLES:,} more; caseassign audit lists all.")
        yield from map(Line, _what_to_do({v.code for v in result.violations}, follows=follows, dry_run=dry_run))
    if result.batch_id is not None:
        yield Line(f"Batch {result.batch_id}.")


_ARRIVED: Final[Mapping[str, str]] = {
    "exited": "exited",
    "moved": "with moved days",
    "reopened": "open again",
    "deleted": "deleted",
    "returned": "no longer deleted",
    "absent": "absent from the export",
}
"""What an import says of enrollments that were there, by the key under which it names them."""


def _what_to_do(codes: Collection[str], *, follows: bool, dry_run: bool) -> Iterator[str]:
    """Yield what can be done about violations, each thing once, with the codes that it is about."""
    late = sorted(DAY_RULES.intersection(codes))
    if late and not follows:
        again = "import it" if dry_run else "import it again"
        yield f"What to do about {', '.join(late)}: {again} with --at-exit end, and the assignments follow."
    if late and follows:
        yield f"What to do about {', '.join(late)}: correct the days of the enrollment, and import it again."
    if "enrollment-deleted" in codes:
        yield "What to do about enrollment-deleted: void the assignments, or leave them if it may come back."


def _arrived(result: ImportResult) -> Iterator[Block]:
    """Yield what arrived for enrollments that were there, and what became of their assignments."""
    if any(result.arrived.values()):
        yield Title("What arrived for enrollments that were there")
        yield Line(_list_of({said: len(result.arrived[what]) for what, said in _ARRIVED.items()}))
    if result.caught_up:
        late = counted(len(result.caught_up), "enrollment")
        yield Line(f"{late} whose days had arrived before: the assignments follow now.")
    if any(result.adjusted.values()):
        yield Line(f"Of their assignments {_list_of(result.adjusted)}")
    for skipped in result.not_restored[:_SHOWN]:
        yield Line(f"Not restored: assignment {skipped.id} ({skipped.reason}).")
    if len(result.not_restored) > _SHOWN:
        yield Line(f"… and {len(result.not_restored) - _SHOWN:,} more that were not restored.")
    if result.unassigned:
        more = len(result.unassigned) - _EXAMPLES
        named = ", ".join(result.unassigned[:_EXAMPLES]) + (f", … and {more:,} more" if more > 0 else "")
        yield Line(
            f"Nobody is responsible now for {len(result.unassigned):,} of those that are open again: {named}. "
            "caseassign unassigned lists them."
        )


def _list_of(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number) + "."


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
        Column(header, lambda row: meanings.get(row[0], ""), is_prose=True),
    )
    return Table.of(columns, sorted(counts.items()))


def audit(as_of: date, required: Mapping[str, int], advisory: Mapping[str, int], withheld: int = 0) -> Iterator[Block]:
    """Yield how many violations of each code an audit found, and how many enrollments it could not look at."""
    yield Title(f"Audit as of {day(as_of)}")
    for kind, counts in (("Required", required), ("Advisory", advisory)):
        yield Line(f"{kind}: {counted(sum(counts.values()), 'violation')}.")
        if counts:
            yield _counts(counts, "Must be true, and is not", {**RULES, **OF_AGENCIES})
    if withheld:
        yield Line(f"{counted(withheld, 'enrollment')} withheld.")


def violations(findings: Iterable[Finding], more: int = 0) -> Iterator[Block]:
    """Yield violations that an audit found, one by one, and how many more there are."""
    columns: tuple[Column[Finding], ...] = (
        Column("Code", lambda finding: finding.code),
        Column("Violation", lambda finding: finding.message, is_prose=True),
        Column("Client ID", lambda finding: finding.personal_id or "", "whose"),
        Column("Household ID", lambda finding: finding.household_id or "", "whose"),
        Column("User", lambda finding: finding.user_id or "", "whose"),
        Column("Enrollment", lambda finding: finding.enrollment_id or "", "ids"),
        Column("Assignment", lambda finding: finding.assignment_id or "", "ids"),
    )
    yield Title("Violations")
    yield Table.of(columns, findings, more=more)


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
