"""What a newer export brings for the enrollments that the store has, and what becomes of their stints.

Stints stay as they are, unless the caller wants what arrives to be carried out. Then an exit counts as exiting with
every box ticked, moved days as an edit that adjusts, and a removed exit as undoing it; but nobody is there to be asked.
So what a person decided stays (a kept stint is kept), and nothing is restored against what was done since.

What was only reported when it arrived is caught up with: stints that lie outside of the days of an enrollment of the
export are fitted to them, even where its row says nothing new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import attrs

from caseassign.acts.check import introduced
from caseassign.acts.draft import Draft
from caseassign.acts.edit import adjusted
from caseassign.acts.exit import as_exit_left, exit_stint, let_go_of_kept, lines_of_exit
from caseassign.acts.outcome import Skipped
from caseassign.history import Change, RecordKey, from_plain
from caseassign.model import CaseAssignment, Enrollment, Project, User
from caseassign.rules import EnrollmentFacts, check
from caseassign.storage import Transaction

AtExit: TypeAlias = Literal["report", "end"]

ARRIVALS: Final = ("exited", "moved", "reopened", "deleted", "returned", "absent")
"""What can arrive for an enrollment: ``returned`` was deleted and is no longer, ``absent`` is what an export lacks."""

FITTED: Final = ("exited", "moved", "reopened", "returned")
"""What stints follow, where that is wanted."""

ADJUSTMENTS: Final = ("ended", "clipped", "voided", "restored")
"""What can become of a stint."""


DAY_RULES: Final = frozenset({"starts-before-entry", "starts-after-exit", "ends-after-exit", "open-after-exit"})
"""The codes of the rules that a stint breaks where it lies outside of the days of its enrollment."""


class Refresh:
    """What arrived so far, and what became of the stints."""

    def __init__(self, at_exit: AtExit) -> None:
        self._carries_out = at_exit == "end"
        self.arrived: dict[str, list[str]] = {what: [] for what in ARRIVALS}
        self.adjusted = dict.fromkeys(ADJUSTMENTS, 0)
        self.not_restored: list[Skipped] = []
        self.caught_up: list[str] = []

    def behind(self, tx: Transaction, enrollments: Collection[Enrollment]) -> list[str]:
        """Return the ids of those of the enrollments whose stints may have to catch up with their days."""
        if not self._carries_out or not enrollments:
            return []
        stints: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
        for stint in tx.assignments.of_enrollments([each.enrollment_id for each in enrollments]):
            stints[stint.enrollment_id].append(stint)
        return [e.enrollment_id for e in enrollments if any(_is_outside(stint, e) for stint in stints[e.enrollment_id])]

    def put(self, draft: Draft, updated: Iterable[Enrollment], behind: Iterable[str] = ()) -> None:
        """Put enrollments as an export says that they are, with their stints where that is wanted.

        Of the enrollments that are ``behind`` the export says nothing new.
        """
        after = {enrollment.enrollment_id: enrollment for enrollment in updated}
        before = {enrollment.enrollment_id: enrollment for enrollment in draft.open(after)}
        news = {key: frozenset(_news(before[key], after[key])) for key in after}
        for key, of_one in news.items():
            for what in of_one:
                self.arrived[what].append(key)
        if not self._carries_out:
            for enrollment in after.values():
                draft.put(enrollment)
            return
        exits = _exits_of(draft, [key for key, of_one in news.items() if "reopened" in of_one])
        for key, of_one in news.items():
            if "reopened" in of_one:
                _reopen(draft, before[key], exits.get(key))
            draft.put(after[key])
            if _can_hold(after[key]):
                _fit(draft, after[key], of_one)
        caught_up = _caught_up(draft, [*after, *behind])
        self.caught_up += caught_up
        news |= {key: news.get(key, frozenset()) | {"exited"} for key in caught_up}
        for was, stint, _ in draft.changes():
            if isinstance(was, CaseAssignment) and isinstance(stint, CaseAssignment):
                self.adjusted[_adjustment(was, stint, news[stint.enrollment_id])] += 1
        self.not_restored += draft.outcome((), None).skipped


def _news(before: Enrollment, after: Enrollment) -> Iterator[str]:
    """Yield what arrives. Of what is deleted only the deletion counts: it is in no list, whatever its days are."""
    if after.deleted:
        if not before.deleted:
            yield "deleted"
        return
    if before.deleted:
        yield "returned"
    if before.exit_date is None and after.exit_date is not None:
        yield "exited"
    if before.exit_date is not None and after.exit_date is None:
        yield "reopened"
    both_exited = before.exit_date is not None and after.exit_date is not None
    if before.entry_date != after.entry_date or (both_exited and before.exit_date != after.exit_date):
        yield "moved"


class _Exit(NamedTuple):
    """What exited an enrollment, an act or an import: the days that it found or set, and what it did to stints."""

    enrollment: Enrollment
    lines: list[Change]


def _exits_of(draft: Draft, enrollment_ids: list[str]) -> dict[str, _Exit]:
    """Return the last exit of each enrollment; none for one that came exited."""
    made = lines_of_exit(draft, enrollment_ids)
    exits = {key: _Exit(from_plain(Enrollment.KIND, line.after or {}), []) for key, line in made.items()}
    stints = [RecordKey(CaseAssignment.KIND, stint) for key in exits for stint in draft.stint_ids(key)]
    for line in draft.tx.history.of_records(stints):
        after: Any = line.after
        if line.batch_id == made[after["enrollment_id"]].batch_id:
            exits[after["enrollment_id"]].lines.append(line)
    return exits


def _reopen(draft: Draft, enrollment: Enrollment, exit_: _Exit | None) -> None:
    """Put an enrollment that is open again, with the stints that can be as they were before the exit."""
    reopened = attrs.evolve(enrollment, exit_date=None, deleted=False)
    draft.put(reopened)
    if exit_ is not None:
        _restore(draft, reopened, exit_)
    let_go_of_kept(draft, enrollment.enrollment_id)


def _restore(draft: Draft, reopened: Enrollment, exit_: _Exit) -> None:
    """Put the stints of an enrollment as the exit found them; what moved days did to them stays."""
    unexited = attrs.evolve(exit_.enrollment, exit_date=None)
    for stint, before in as_exit_left(draft, reopened.enrollment_id, exit_.lines):
        restored = adjusted(adjusted(before, unexited), reopened)
        if restored.voided:
            continue
        branch = draft.branch()
        branch.put(restored)
        violations = introduced(branch)
        if violations:
            codes = ", ".join(sorted({violation.code for violation in violations}))
            draft.skip(stint, f"as it was before the exit it would now break a rule ({codes})")
        else:
            draft.join(branch)


def _can_hold(enrollment: Enrollment) -> bool:
    """Whether stints can be fitted to an enrollment: not where it is deleted, nor where its days make no sense."""
    exit_date = enrollment.exit_date
    return not enrollment.deleted and (exit_date is None or exit_date >= enrollment.entry_date)


def _fit(draft: Draft, enrollment: Enrollment, news: frozenset[str]) -> None:
    for stint in draft.stints(enrollment.enrollment_id):
        if not news.isdisjoint({"moved", "returned"}):
            draft.put(adjusted(stint, enrollment))
        elif "exited" in news and enrollment.exit_date is not None and not stint.kept_after_exit:
            exit_stint(draft, stint, enrollment.exit_date, is_ticked=True)


def _is_outside(stint: CaseAssignment, enrollment: Enrollment) -> bool:
    """Whether a live stint starts before the entry, or runs past the exit and is not kept."""
    on = enrollment.exit_date
    runs_on = on is not None and not stint.kept_after_exit and not stint.period.has_ended(on)
    return not stint.voided and (stint.start_date < enrollment.entry_date or runs_on)


def _caught_up(draft: Draft, enrollment_ids: Iterable[str]) -> list[str]:
    """Fit what still breaks a rule about the days of its enrollment; return the enrollments on which there was any."""
    fitted: dict[str, None] = {}
    for enrollment in filter(_can_hold, draft.open(enrollment_ids)):
        stints = draft.stints(enrollment.enrollment_id)
        if any(_is_outside(stint, enrollment) for stint in stints):
            broken = _out_of_days(draft, enrollment, stints)
            for stint in stints:
                if stint.assignment_id in broken:
                    _fit_late(draft, stint, enrollment)
                    fitted[enrollment.enrollment_id] = None
    return list(fitted)


def _fit_late(draft: Draft, stint: CaseAssignment, enrollment: Enrollment) -> None:
    if stint.start_date < enrollment.entry_date or enrollment.exit_date is None:
        draft.put(adjusted(stint, enrollment))
    else:
        exit_stint(draft, stint, enrollment.exit_date, is_ticked=True)


def _out_of_days(draft: Draft, enrollment: Enrollment, stints: list[CaseAssignment]) -> frozenset[str]:
    """Return the ids of the stints that break a rule about days: an agency may have left one out."""
    facts = EnrollmentFacts.of(
        enrollment,
        draft.load(Project, [enrollment.project_id])[0],
        stints,
        draft.find(User, {stint.user_id for stint in stints}),
        draft.desk.today,
    )
    return frozenset(key for v in check(draft.desk.required, [facts]) if v.code in DAY_RULES for key in v.ids)


def _adjustment(before: CaseAssignment, after: CaseAssignment, news: frozenset[str]) -> str:
    if after.voided:
        return "voided"
    ends_later = before.end_date is not None and not after.period.has_ended(before.end_date)
    if before.voided or before.kept_after_exit != after.kept_after_exit or ends_later:
        return "restored"
    return "ended" if "exited" in news and before.end_date != after.end_date else "clipped"
