"""Plans for people: what a reassignment would do with each case, and what acts on caseloads and households did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final, TypeAlias

from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import PlannedCase, PlannedOutcome, ReassignmentPlan
from caseassign.cases import Case, name_of
from caseassign.display import text
from caseassign.display.blocks import Block, Column, Line, Table, Title
from caseassign.display.columns import CLIENT, ENROLLMENT
from caseassign.display.deeds import left_out
from caseassign.display.words import counted, day, person, refusal
from caseassign.history import from_plain
from caseassign.model import CASE_MANAGER, User
from caseassign.period import Period

Users: TypeAlias = Mapping[str, User]
"""The users whose names are known, by their ids."""

DRY_RUN: Final = Line("Dry run, nothing written.")

_SECTIONS: Final[Mapping[PlannedOutcome, str]] = {
    PlannedOutcome.MOVE: "Move",
    PlannedOutcome.END_ONLY: "End only, for the receiver holds them already",
    PlannedOutcome.KEEP: "Stay as they are",
    PlannedOutcome.REFUSE: "Refused, and stay as they are",
}
"""What each outcome is called, in the order in which a plan shows them."""


def plan(
    of: ReassignmentPlan, users: Users, receivers: Iterable[str] = (), at_most: int | None = None
) -> Iterator[Block]:
    """Yield what would happen to each case: a table for each outcome, households together, and the counts.

    ``receivers`` are those who were named to take over: it is said of each what they get, and of some that it is none.
    """
    who, on = _called(of.from_, users), day(of.on)
    yield Title(f"Plan: the caseload of {who}, handed over on {on}")
    if not of.lines:
        yield Line(f"{who} holds no case on that day or later.{_withheld(of.withheld)}")
        return
    lines = sorted(of.lines, key=_place)
    for outcome, called in _SECTIONS.items():
        of_outcome = [line for line in lines if line.outcome is outcome]
        if of_outcome:
            yield Title(f"{called}: {counted(len(of_outcome), 'case')}")
            yield Table.of(_columns(users), of_outcome, at_most)
    yield Title("In all")
    received = _received(lines)
    for user_id in sorted({*received, *receivers}):
        yield Line(f"{_called(user_id, users)} gets {received.get(user_id, 'none')}.")
    yield Line(f"{_counts(of)}{_withheld(of.withheld)}")


def question(of: ReassignmentPlan, users: Users) -> str:
    """Return what is asked before a plan is carried out; it names how many cases stay because they are refused."""
    refused = of.counts[PlannedOutcome.REFUSE]
    stay = f"{counted(refused, 'case')} that cannot move {'stays' if refused == 1 else 'stay'} with "
    return f"{f'{stay}{_called(of.from_, users)}. ' if refused else ''}Carry out? [y/N] "


def carried_out(of: ReassignmentPlan) -> Iterator[Block]:
    """Yield how many cases of a plan moved."""
    counts = of.counts
    moved, ended = counts[PlannedOutcome.MOVE], counts[PlannedOutcome.END_ONLY]
    stayed = counts[PlannedOutcome.KEEP] + counts[PlannedOutcome.REFUSE]
    if moved or ended:
        also = f", ended {counted(ended, 'case')} that the receiver holds already" if ended else ""
        stay = f"; {counted(stayed, 'case')} stayed" if stayed else ""
        yield Line(f"Moved {counted(moved, 'case')}{also}{stay}.")
    else:
        yield Line("Nothing to do: no case moves.")


def departure(user: User, of: Outcome, *, dry_run: bool) -> Iterator[Block]:
    """Yield that a user leaves, and how many cases stay with them; ``user`` is as before the act."""
    if dry_run:
        yield DRY_RUN
    said = [from_plain(User.KIND, change.after or {}) for change in of.changes if change.record.kind == User.KIND]
    leaver: User = said[0] if said else user
    gone = "" if leaver.left_on is None else f" First day gone: {day(leaver.left_on)}."
    yield Line(f"{person(user)} leaves.{gone}")
    stay = len(of.skipped)
    if stay:
        verb, key = "stays" if stay == 1 else "stay", user.user_id
        hint = f"caseassign reassign --from {key} hands over"
        yield Line(f"{counted(stay, 'case')} {verb} with {key} (held-by-departed): {hint}.{_withheld(of.withheld)}")
    else:
        yield Line(f"{user.user_id} holds no case from that day on.{_withheld(of.withheld)}")


def cover(of: Outcome, away: User, stand_in: User, asked: Period, *, dry_run: bool) -> Iterator[Block]:
    """Yield for how many cases a user stands in, from when, and when the other one is back."""
    days = [Period(stint.start_date, stint.end_date) for stint in of.assignments]
    ends = [each.end for each in days if each.end is not None]
    if not ends and of.skipped:
        yield from done(of, dry_run=dry_run)
        return
    if not ends:
        span = " until ".join(day(each) for each in (asked.start, asked.end) if each is not None)
        yield Line(f"Nothing to do: there is no case of {person(away)} to cover from {span}.{_withheld(of.withheld)}")
        return
    if dry_run:
        yield DRY_RUN
    cases = counted(len({stint.enrollment_id for stint in of.assignments}), "case")
    start, back = day(min(each.start for each in days)), day(max(ends))
    verb = "would cover" if dry_run else "covers"
    yield Line(f"{person(stand_in)} {verb} {cases} of {person(away)} from {start}. Back on {back}.")
    for clause in left_out(of.skipped):
        yield Line(f"{clause[0].upper()}{clause[1:]}.")
    if of.withheld:
        yield Line(_withheld(of.withheld).strip())


def done(of: Outcome, *, dry_run: bool, today: date | None = None) -> Iterator[Block]:
    """Yield what an act on several records did, or would do, in a sentence."""
    if of.changes:
        yield from text.outcome(of, dry_run=dry_run, today=today)
    else:
        yield Line(f"Nothing to do: {'; '.join(left_out(of.skipped)) or 'all is so already'}.")
    if of.withheld:
        yield Line(_withheld(of.withheld).strip())


def _called(user_id: str, users: Users) -> str:
    return person(users[user_id]) if user_id in users else user_id


def _withheld(number: int) -> str:
    return f" {counted(number, 'case')} withheld." if number else ""


def _place(line: PlannedCase) -> tuple[str, str, bool, str, str]:
    """Return where a line stands: households by the name of the head, who comes first, then the others by name."""
    case = line.case
    name, household = name_of(case.client) or "", case.enrollment.household_id or ""
    head = _other_head(line)
    return (head or name).casefold(), household, bool(head), name.casefold(), line.assignment.assignment_id


def _columns(users: Users) -> tuple[Column[PlannedCase], ...]:
    return (
        *map(_of_case, CLIENT),
        Column("Head of household", _other_head, "client"),
        *map(_of_case, ENROLLMENT),
        Column("To", lambda line: _called(line.to, users) if line.is_carried_out and line.to else "", "to"),
        Column("Starts on", lambda line: "; ".join(day(days.start) for days in line.days), "to"),
        Column("Ends on", lambda line: "; ".join(day(days.end) for days in line.days if days.end), "to"),
        Column("Role", lambda line: "" if line.assignment.role == CASE_MANAGER else line.assignment.role, "to"),
        Column("Why", lambda line: line.reason or refusal(line.violations), is_prose=True),
    )


def _of_case(column: Column[Case]) -> Column[PlannedCase]:
    return Column(column.header, lambda line: column.says(line.case), column.stack)


def _other_head(line: PlannedCase) -> str:
    """Return the name of the head, where that is somebody else."""
    head = line.case.head_of_household
    return "" if head is None or head == line.case.client else name_of(head) or head.personal_id


def _received(lines: Iterable[PlannedCase]) -> dict[str, str]:
    """Return how much each receiver gets."""
    cases: Counter[str] = Counter()
    households: dict[str, set[object]] = {}
    for line in lines:
        if line.is_carried_out and line.to is not None:
            cases[line.to] += 1
            enrollment = line.case.enrollment
            households.setdefault(line.to, set()).add(enrollment.household_key or enrollment.enrollment_id)
    return {
        user_id: f"{counted(cases[user_id], 'case')} of {counted(len(households[user_id]), 'household')}"
        for user_id in cases
    }


def _counts(of: ReassignmentPlan) -> str:
    said = {"move": "move", "end-only": "end only", "keep": "stay", "refuse": "refused"}
    parts = [f"{number:,} {said[outcome]}" for outcome, number in of.counts.items() if number]
    return f"{counted(len(of), 'case')}: {', '.join(parts)}."
