"""Reassign a caseload: plan what would happen to each case, without writing, and carry it out as one act.

Planning is trying: each household is moved on a branch of the draft, and the rules are asked about it, just as when
a case is handed over by itself. So a plan says what carrying it out does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from caseassign.acts.assign import hand_on, start_stint, stays_kept
from caseassign.acts.caseload import Held, Part, by_household, held_by, opened
from caseassign.acts.check import introduced
from caseassign.acts.draft import Draft, refuse
from caseassign.acts.plan import LEFT_OUT, EndedSince, PlannedCase, PlannedOutcome, Reassignment, ReassignmentPlan, kept
from caseassign.cases import Assembler, Case
from caseassign.errors import InvalidRecordError, RuleViolationError, Violation
from caseassign.history import RecordKey
from caseassign.model import COVER, Actor, AssignmentStatus, CaseAssignment, Client, Enrollment, Record, User, id_of
from caseassign.period import Period

K = TypeVar("K", bound=Hashable)

Receiver: TypeAlias = User | str
Named: TypeAlias = Receiver | Iterable[Receiver] | Mapping[Any, Receiver | None]
Receivers: TypeAlias = Named | Literal[Actor.ME]
"""Who gets a caseload: one user, several among whom it is balanced, or a user for each case, enrollment or client.

A mapping's keys are cases, assignments, enrollments, clients, or ids of them. To a type checker they are anything, for
it takes no mapping from one kind of record where it is told of several.
"""


def request(
    from_: str, to: Named, on: date, part: Part, *, today: date, balance: bool, ended_since: EndedSince
) -> Reassignment:
    """Return what is asked for, after making sure that it says one thing."""
    asked = Reassignment(from_=from_, on=on, part=part, today=today, ended_since=ended_since)
    if ended_since not in {"move", "keep"}:
        raise InvalidRecordError("Reassignment", "ended_since", "is neither 'move' nor 'keep'")
    if isinstance(to, Mapping):
        by_case: dict[RecordKey | str, str | None] = {}
        for case, user in to.items():
            _name(by_case, _case_key(case), None if user is None else id_of(user, User))
        return attrs.evolve(asked, by_case=by_case)
    receivers = [to] if isinstance(to, User | str) or not isinstance(to, Iterable) else list(to)
    ids = tuple(dict.fromkeys(id_of(user, User) for user in receivers))
    if not ids:
        raise InvalidRecordError("Reassignment", "to", "names nobody: name at least one user")
    if len(ids) > 1 and not balance:
        raise InvalidRecordError("Reassignment", "to", "names several users: say balance=True, or who gets which case")
    if from_ in ids:
        raise InvalidRecordError("Reassignment", "to", "names the user whose caseload it is")
    return attrs.evolve(asked, receivers=ids)


def plan_reassignment(draft: Draft, asked: Reassignment, shown: Mapping[str, Case] | None = None) -> ReassignmentPlan:
    """Return what would happen to each case of the holder, and join it to the draft.

    Cases that are ``shown`` already, by their assignment's id, are not looked up for that once more.
    """
    holder = draft.load(User, [asked.from_])[0]
    draft.authorize(user=holder)
    draft.load(User, [*asked.receivers, *(user for user in (asked.by_case or {}).values() if user is not None)])
    cases = held_by(draft, holder, min(asked.today, asked.on))
    lines = tuple(_Planning(draft, asked, cases, shown or {}).lines())
    return ReassignmentPlan(request=asked, computed=lines, lines=lines, withheld=draft.withheld)


def reassign(draft: Draft, asked: Reassignment) -> None:
    """Plan and carry out; since nobody reads the plan, one case that is refused refuses them all."""
    plan = plan_reassignment(draft, asked)
    violations = [violation for line in plan for violation in line.violations]
    if violations:
        raise RuleViolationError(tuple(dict.fromkeys(violations)))


def apply(draft: Draft, plan: ReassignmentPlan) -> None:
    """Carry out a plan that was read; one that could move nothing and refuses something is refused."""
    carry_out(draft, plan)
    violations = [violation for line in plan for violation in line.violations]
    if violations and not any(line.is_carried_out for line in plan):
        raise RuleViolationError(tuple(dict.fromkeys(violations)))


def carry_out(draft: Draft, plan: ReassignmentPlan) -> None:
    """Do what a plan says, if it would still say the same; what it refuses stays, and is named as skipped."""
    if not isinstance(plan, ReassignmentPlan):
        raise InvalidRecordError("Reassignment", "plan", "is no plan: make one with plan_reassignment")
    now = plan_reassignment(draft.branch(), plan.request, {line.assignment.assignment_id: line.case for line in plan})
    draft.withheld = now.withheld
    _refuse_outdated(plan, now.computed)
    for line in plan:
        if line.is_carried_out and line.to is not None and line.on is not None:
            _move(draft, line.assignment, line.to, line.on, line.days)
        elif line.outcome is PlannedOutcome.REFUSE:
            draft.skip(line.assignment, ", ".join(dict.fromkeys(v.code for v in line.violations)))


def _refuse_outdated(plan: ReassignmentPlan, now: Sequence[PlannedCase]) -> None:
    """Refuse a plan if a case that it moves or refuses would fare otherwise now, or if there is another one to move."""
    left_out = {line.assignment.assignment_id for line in plan if line.reason == LEFT_OUT}
    then = {line.assignment.assignment_id: line for line in plan.computed if line.outcome is not PlannedOutcome.KEEP}
    new = {line.assignment.assignment_id: line for line in now if line.outcome is not PlannedOutcome.KEEP}
    changed = sorted(key for key in (then.keys() | new.keys()) - left_out if then.get(key) != new.get(key))
    if changed:
        refuse(
            "plan-outdated",
            "assignment_id",
            changed,
            f"what the plan rests on has changed for {len(changed)} of the cases: make the plan again",
        )


def _missing(draft: Draft, stint: CaseAssignment, to: str, on: date) -> tuple[Period, ...]:
    """Return the days that a stint has from a day on, without those that ``to`` holds in that role already.

    Nobody covers for themselves: of cover, the days that ``to`` holds in any role are left out.
    """
    held = [other for other in draft.stints(stint.enrollment_id) if other.user_id == to]
    own = [other.period for other in held if stint.role in {COVER, other.role}]
    return tuple(Period(on, stint.end_date).without(own))


def _move(draft: Draft, stint: CaseAssignment, to: str, on: date, days: Iterable[Period]) -> list[CaseAssignment]:
    """End a stint on a day and give ``to`` days of it, in the same role; return their stints."""
    enrollment = draft.enrollment(stint.enrollment_id)
    draft.answer(stint)
    hand_on(draft, stint, on)
    kept_on = stays_kept(stint, enrollment)
    return [start_stint(draft, enrollment, to, piece, role=stint.role, kept=kept_on) for piece in days]


class _Planning:
    """A plan in the making, on a draft that every household joins which can be moved."""

    def __init__(self, draft: Draft, asked: Reassignment, cases: Sequence[Held], shown: Mapping[str, Case]) -> None:
        self._draft = draft
        self._asked = asked
        self._cases = cases
        assembler = Assembler(draft.desk, draft.tx, draft.actor, asked.on)
        new = assembler.of_stints([case.stint for case in cases if case.stint.assignment_id not in shown])
        self._shown = {**shown, **{case.assignment.assignment_id: case for case in new if case.assignment is not None}}
        self._lines: dict[str, PlannedCase] = {}
        self._by_case = None if asked.by_case is None else _resolved(asked.by_case, cases)
        self._loads = {user_id: self._load(user_id) for user_id in asked.receivers}

    def lines(self) -> Iterator[PlannedCase]:
        """Yield a line for each case, in the order of the cases."""
        to_hand_over = []
        for case in self._cases:
            reason = self._reason_to_keep(case.stint)
            if reason is None:
                to_hand_over.append(case)
            else:
                self._keep(case, reason)
        households = by_household(opened(self._draft, self._asked.part, to_hand_over))
        if self._asked.part.whole_households:
            self._plan_all(households)
        else:
            self._plan_all([[case] for household in households for case in household])
        for case in self._cases:
            yield self._lines.get(case.stint.assignment_id) or self._kept(case, "outside the selection")

    def _reason_to_keep(self, stint: CaseAssignment) -> str | None:
        on, today = self._asked.on, self._asked.today
        if stint.period.has_ended(on):
            return "ends by the hand-over day"
        if stint.period.is_empty:
            return "begins and ends on one day"
        if self._asked.ended_since == "keep" and stint.period.has_ended(today):
            return "has ended since the hand-over day"
        return None

    def _plan_all(self, units: Sequence[Sequence[Held]]) -> None:
        """Plan for all units at once, if no rule refuses anything of it, as mostly none does; else one by one."""
        branch, loads = self._draft.branch(), dict(self._loads)
        lines: dict[str, PlannedCase] = {}
        for unit in units:
            moved, _ = self._moved(branch, unit, next(self._ways(unit)))
            lines |= moved
            self._count(moved)
        if not introduced(branch):
            self._draft.join(branch)
            self._lines |= lines
            return
        self._loads = loads
        for unit in units:
            self._plan(unit)

    def _plan(self, unit: Sequence[Held]) -> None:
        """Plan for cases that go together: the first way that no rule refuses, or why the first of all is refused."""
        first: dict[str, PlannedCase] | None = None
        for receivers in self._ways(unit):
            branch = self._draft.branch()
            lines, successor_of = self._moved(branch, unit, receivers)
            violations = list(dict.fromkeys(_of_predecessors(v, successor_of) for v in introduced(branch)))
            if not violations:
                self._draft.join(branch)
                self._lines |= lines
                self._count(lines)
                return
            first = first or {key: _refused(line, violations) for key, line in lines.items()}
        self._lines |= first or {}

    def _count(self, lines: Mapping[str, PlannedCase]) -> None:
        """Count what receivers get of their own."""
        for line in lines.values():
            if line.outcome is PlannedOutcome.MOVE and line.to in self._loads and line.assignment.role != COVER:
                self._loads[line.to] += 1

    def _ways(self, unit: Sequence[Held]) -> Iterator[dict[str, str | None]]:
        """Yield who could get each of the cases, the best first: the user with the lightest caseload."""
        if self._by_case is not None:
            yield self._named(unit, self._by_case)
            return
        for user_id in sorted(self._asked.receivers, key=lambda user_id: (self._loads[user_id], user_id)):
            yield dict.fromkeys((case.stint.assignment_id for case in unit), user_id)

    def _named(self, unit: Sequence[Held], by_case: Mapping[RecordKey, str | None]) -> dict[str, str | None]:
        """Return who is named for each case; one that is not named goes along with the others, if these stay one."""
        named = {
            case.stint.assignment_id: by_case[key]
            for case in unit
            if (key := next((key for key in _keys(case) if key in by_case), None)) is not None
        }
        receivers = {user_id for user_id in named.values() if user_id is not None}
        along = next(iter(receivers)) if len(receivers) == 1 else None
        return {case.stint.assignment_id: named.get(case.stint.assignment_id, along) for case in unit}

    def _moved(
        self, branch: Draft, unit: Sequence[Held], receivers: Mapping[str, str | None]
    ) -> tuple[dict[str, PlannedCase], dict[str, str]]:
        """Move cases on a branch; return what becomes of each, and which stint each new one follows."""
        lines: dict[str, PlannedCase] = {}
        successor_of: dict[str, str] = {}
        for case in unit:
            key = case.stint.assignment_id
            to = receivers[key]
            if to is None or to == case.stint.user_id:
                lines[key] = self._kept(case, "no receiver is named" if to is None else "it is the receiver's already")
                continue
            on = max(self._asked.on, case.stint.start_date)
            new = _move(branch, case.stint, to, on, _missing(branch, case.stint, to, on))
            successor_of |= {stint.assignment_id: key for stint in new}
            lines[key] = PlannedCase(
                outcome=PlannedOutcome.MOVE if new else PlannedOutcome.END_ONLY,
                assignment=case.stint,
                case=self._shown[key],
                to=to,
                on=on,
                days=tuple(stint.period for stint in new),
            )
        return lines, successor_of

    def _load(self, user_id: str) -> int:
        """Return how many cases a user holds as of the hand-over day, cover aside."""
        stints = self._draft.load(CaseAssignment, self._draft.caseload(user_id))
        own = [
            stint
            for stint in stints
            if not stint.voided and stint.role != COVER and stint.status(self._asked.on) is AssignmentStatus.ACTIVE
        ]
        enrollments = self._draft.find(Enrollment, {stint.enrollment_id for stint in own})
        return sum(not enrollments[stint.enrollment_id].deleted for stint in own)

    def _keep(self, case: Held, reason: str) -> None:
        self._lines[case.stint.assignment_id] = self._kept(case, reason)

    def _kept(self, case: Held, reason: str) -> PlannedCase:
        return kept(case.stint, self._shown[case.stint.assignment_id], reason)


def _of_predecessors(violation: Violation, successor_of: Mapping[str, str]) -> Violation:
    """Return a violation that names stints which were tried out by those that they would have followed."""
    message = violation.message
    for new, old in successor_of.items():
        message = message.replace(new, old)
    return attrs.evolve(violation, ids=[successor_of.get(key, key) for key in violation.ids], message=message)


def _refused(line: PlannedCase, violations: Sequence[Violation]) -> PlannedCase:
    """Return the line of a case that cannot be moved, or not without the other members of its household."""
    if not line.is_carried_out:
        return line
    key, enrollment_id = line.assignment.assignment_id, line.assignment.enrollment_id
    own = tuple(v for v in violations if not {key, enrollment_id, line.to}.isdisjoint(v.ids))
    if not own:
        said = "another member of the household is refused, and households are moved whole"
        own = (Violation("household-split", "household_id", [key], said),)
    return attrs.evolve(line, outcome=PlannedOutcome.REFUSE, days=(), violations=own)


def _case_key(case: Case | Record | str) -> RecordKey | str:
    if isinstance(case, str):
        return case
    record = case.assignment if isinstance(case, Case) else case
    if not isinstance(record, CaseAssignment | Enrollment | Client):
        raise InvalidRecordError("Reassignment", "to", "names what is no case, assignment, enrollment or client")
    return RecordKey(record.KIND, record.key)


def _resolved(by_case: Mapping[RecordKey | str, str | None], cases: Sequence[Held]) -> dict[RecordKey, str | None]:
    """Return who is named for which assignment, enrollment or client; refuse what names none of them, or two."""
    known = {key for case in cases for key in _keys(case)}
    by_id: defaultdict[str, list[RecordKey]] = defaultdict(list)
    for key in known:
        by_id[key.id].append(key)
    resolved: dict[RecordKey, str | None] = {}
    for named, user_id in by_case.items():
        meant = by_id.get(named, []) if isinstance(named, str) else [key for key in [named] if key in known]
        if len(meant) != 1:
            problem = "is an id of several kinds: give the record" if meant else "is no case of that user"
            raise InvalidRecordError(
                "Reassignment", "to", f"names {named if isinstance(named, str) else named.id}, which {problem}"
            )
        _name(resolved, meant[0], user_id)
    return resolved


def _name(named: dict[K, str | None], case: K, user_id: str | None) -> None:
    """Say who gets a case; refuse another user for one that was named already."""
    if named.setdefault(case, user_id) != user_id:
        raise InvalidRecordError("Reassignment", "to", "names one case twice, for two users")


def _keys(case: Held) -> tuple[RecordKey, ...]:
    """Return by what a case can be named, the most exact first."""
    enrollment = case.enrollment
    return (
        RecordKey(CaseAssignment.KIND, case.stint.assignment_id),
        RecordKey(Enrollment.KIND, enrollment.enrollment_id),
        RecordKey(Client.KIND, enrollment.personal_id),
    )
