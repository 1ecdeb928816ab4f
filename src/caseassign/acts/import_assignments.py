"""Import a list of case assignments: what is new is added, what it says otherwise is amended, nothing is deleted.

A bad row never stops the import and is never left out in silence: it becomes an `Issue`. The list is history, like
an import: it tells what was, so no guard is asked whether it may begin.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import attrs

from caseassign.acts.draft import Draft
from caseassign.acts.run import run
from caseassign.desk import Desk
from caseassign.errors import Violation
from caseassign.ids import new_id
from caseassign.model import CASE_MANAGER, CaseAssignment, Enrollment, Project, User
from caseassign.policy import Action
from caseassign.results import Result
from caseassign.rules import EnrollmentFacts, Rules, check

COLUMNS: Final[Mapping[str, str]] = {
    "assignment_id": "AssignmentID",
    "enrollment_id": "EnrollmentID",
    "personal_id": "PersonalID",
    "user_id": "UserID",
    "role": "Role",
    "start_date": "StartDate",
    "end_date": "EndDate",
    "kept_after_exit": "KeptAfterExit",
    "status": "Status",
    "voided": "Voided",
}
"""What the fields of a row are called in a list, in the order of CaseAssignment.csv."""

_AMENDED: Final = ("start_date", "end_date", "role", "kept_after_exit", "voided")
"""What a row may say otherwise of a stint that is there."""


class Issue(NamedTuple):
    """One thing that is wrong with a list, without personal data.

    ``line`` is the one on which the row starts (in JSON, the number of the assignment, counted from 1). ``column``
    is None where the row as a whole is meant, ``record_id`` is the AssignmentID, and None where the row has none.
    """

    file: str
    line: int
    column: str | None
    code: str
    record_id: str | None


@attrs.frozen(kw_only=True)
class AssignmentRow:
    """One row of a list. Without ``assignment_id`` it gets a new one; ``personal_id`` is only compared."""

    file: str = ""
    line: int = 0
    assignment_id: str | None = None
    enrollment_id: str
    personal_id: str | None = None
    user_id: str
    role: str = CASE_MANAGER
    start_date: date
    end_date: date | None = None
    kept_after_exit: bool = False
    voided: bool = False

    def assignment(self, assignment_id: str) -> CaseAssignment:
        """Return the row as a record with this id."""
        return CaseAssignment(
            assignment_id=assignment_id,
            enrollment_id=self.enrollment_id,
            user_id=self.user_id,
            start_date=self.start_date,
            end_date=self.end_date,
            role=self.role,
            kept_after_exit=self.kept_after_exit,
            voided=self.voided,
        )

    def issue(self, field: str, code: str) -> Issue:
        """Return the issue that a field of the row gives."""
        return Issue(self.file, self.line, COLUMNS.get(field), code, self.assignment_id)


@attrs.frozen(kw_only=True)
class AssignmentImport(Result):
    """What the import of a list did; each row was added, changed, unchanged, or left out with an issue.

    ``batch_id`` is None where nothing was written.
    """

    added: int
    changed: int
    unchanged: int
    issues: tuple[Issue, ...]
    batch_id: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, issues as counts by code."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "issues": dict(sorted(Counter(issue.code for issue in self.issues).items())),
            "batch_id": self.batch_id,
        }


def import_assignments(
    desk: Desk,
    rows: Iterable[AssignmentRow],
    *,
    reason: str | None,
    dry_run: bool,
) -> AssignmentImport:
    """Take a list of assignments into the store, in one act.

    Left out are rows that name what the store does not have (``unknown-enrollment``, ``unknown-user``), another
    client than the enrollment's (``other-client``), an id that stands for a stint of another enrollment or user
    (``other-enrollment``, ``other-user``; a stint is never moved) or twice in the list (``duplicate-id``), and
    those that would introduce a violation of a required rule, with its code. Where two rows exclude each other, the
    later one is left out. A row that says what the store has, its id aside if it gives none, changes nothing.
    """
    report = _Report()
    outcome = run(
        desk, Action.EXPORT_IMPORT, lambda draft: _take_in(draft, list(rows), report), reason=reason, dry_run=dry_run
    )
    added = sum(line.before is None for line in outcome.changes)
    return AssignmentImport(
        added=added,
        changed=len(outcome.changes) - added,
        unchanged=report.unchanged,
        issues=tuple(sorted(report.issues, key=lambda issue: (issue.file, issue.line))),
        batch_id=outcome.batch_id,
    )


@attrs.define
class _Report:
    """What became of the rows that changed nothing."""

    unchanged: int = 0
    issues: list[Issue] = attrs.Factory(list)


class _Change(NamedTuple):
    """A row that says something new: the stint as it was found, and as it shall be."""

    row: AssignmentRow
    before: CaseAssignment | None
    after: CaseAssignment

    @property
    def fields(self) -> list[str]:
        """What the row says otherwise of a stint that was there."""
        return [
            field for field in _AMENDED if self.before and getattr(self.before, field) != getattr(self.after, field)
        ]

    def sets_day_of(self, violation: Violation) -> bool:
        """Whether a violation is about a field that the row changes."""
        about = self.after.assignment_id in violation.ids
        return about and not {violation.field, violation.against}.isdisjoint(self.fields)


@attrs.frozen(kw_only=True)
class _Timeline:
    """One enrollment with all its stints, and what must hold of them."""

    enrollment: Enrollment
    project: Project
    stints: Mapping[str, CaseAssignment]
    users: Mapping[str, User]
    required: Rules
    today: date

    def change(self, row: AssignmentRow, named: Container[str | None]) -> _Change | None:
        """Return what a row says new; None where it says what is there, under its id or one that no row names."""
        if row.assignment_id is not None:
            before, after = self.stints.get(row.assignment_id), row.assignment(row.assignment_id)
            return None if after == before else _Change(row, before, after)
        if any(row.assignment(key) == stint for key, stint in self.stints.items() if key not in named):
            return None
        return _Change(row, None, row.assignment(new_id()))

    def admit(self, changes: Sequence[_Change], issues: list[Issue]) -> Sequence[_Change]:
        """Return the changes that introduce no violation together; what each other one would becomes issues.

        Of those with a part in a violation the last of the list is left out, until there is none; what spoke against
        one that was left out may have been left out itself. Voiding is never to blame.
        """
        admitted = list(changes)
        while blamed := _blamed(admitted, self._introduced(admitted)):
            admitted = [change for change in admitted if change not in blamed]
        left_out = [change for change in changes if change not in admitted]
        while fitting := next((change for change in left_out if not self._introduced([*admitted, change])), None):
            admitted.append(fitting)
            left_out.remove(fitting)
        for change in left_out:
            violations = self._introduced([*admitted, change])
            issues += dict.fromkeys(change.row.issue(violation.field, violation.code) for violation in violations)
        return admitted

    def _introduced(self, changes: Sequence[_Change]) -> list[Violation]:
        after = list(check(self.required, [self._facts(changes)]))
        if not after:
            return []
        before = {(v.code, v.ids) for v in check(self.required, [self._facts([])])}
        return [v for v in after if (v.code, v.ids) not in before or any(c.sets_day_of(v) for c in changes)]

    def _facts(self, changes: Sequence[_Change]) -> EnrollmentFacts:
        stints = {**self.stints, **{change.after.assignment_id: change.after for change in changes}}
        return EnrollmentFacts.of(self.enrollment, self.project, stints.values(), self.users, self.today)


def _blamed(changes: Sequence[_Change], violations: Iterable[Violation]) -> list[_Change]:
    """Return, of each violation, the last change with a part in it, or the last of all where it names none.

    Where one of them is blamed already, none is: without that one the violation may not arise.
    """
    possible = [change for change in changes if not change.after.voided]
    places = {change.after.assignment_id: place for place, change in enumerate(possible)}
    blamed: set[int] = set()
    parts = [[places[key] for key in violation.ids if key in places] or [*places.values()] for violation in violations]
    for part in sorted(parts, key=lambda part: max(part, default=0)):
        if part and blamed.isdisjoint(part):
            blamed.add(max(part))
    return [possible[place] for place in sorted(blamed)]


def _take_in(draft: Draft, rows: Sequence[AssignmentRow], report: _Report) -> None:
    rows_of: defaultdict[str, list[AssignmentRow]] = defaultdict(list)
    for row in _without_strangers(draft, rows, report.issues):
        rows_of[row.enrollment_id].append(row)
    named = {row.assignment_id for row in rows}
    for timeline in _timelines(draft, rows_of, {row.user_id for of_one in rows_of.values() for row in of_one}):
        planned = [timeline.change(row, named) for row in rows_of[timeline.enrollment.enrollment_id]]
        changes = [change for change in planned if change is not None]
        report.unchanged += len(planned) - len(changes)
        for change in timeline.admit(changes, report.issues):
            draft.put(change.after, ending=change.after.voided)
            draft.sets(change.after, *change.fields)


def _without_strangers(draft: Draft, rows: Sequence[AssignmentRow], issues: list[Issue]) -> list[AssignmentRow]:
    """Return the rows that name what the store has, each id once; of every other row, note the reasons."""
    enrollments = draft.find(Enrollment, {row.enrollment_id for row in rows})
    users = draft.find(User, {row.user_id for row in rows})
    stints = draft.find(CaseAssignment, {row.assignment_id for row in rows if row.assignment_id is not None})
    seen: set[str] = set()
    known = []
    for row in rows:
        reasons = [
            *_strange_names(row, enrollments, users),
            *(_strange_id(row, row.assignment_id, stints, seen) if row.assignment_id is not None else ()),
        ]
        issues += reasons
        if not reasons:
            known.append(row)
    return known


def _strange_names(
    row: AssignmentRow, enrollments: Mapping[str, Enrollment], users: Mapping[str, User]
) -> Iterator[Issue]:
    enrollment = enrollments.get(row.enrollment_id)
    if enrollment is None:
        yield row.issue("enrollment_id", "unknown-enrollment")
    elif row.personal_id not in {None, enrollment.personal_id}:
        yield row.issue("personal_id", "other-client")
    if row.user_id not in users:
        yield row.issue("user_id", "unknown-user")


def _strange_id(
    row: AssignmentRow, assignment_id: str, stints: Mapping[str, CaseAssignment], seen: set[str]
) -> Iterator[Issue]:
    stint = stints.get(assignment_id)
    if assignment_id in seen:
        yield row.issue("assignment_id", "duplicate-id")
    elif stint is not None and stint.enrollment_id != row.enrollment_id:
        yield row.issue("enrollment_id", "other-enrollment")
    elif stint is not None and stint.user_id != row.user_id:
        yield row.issue("user_id", "other-user")
    seen.add(assignment_id)


def _timelines(draft: Draft, enrollment_ids: Iterable[str], holders: Iterable[str]) -> list[_Timeline]:
    """Return the timelines of enrollments, all loaded at once, after asking the policy for them."""
    enrollments = draft.open(enrollment_ids)
    projects = draft.find(Project, {enrollment.project_id for enrollment in enrollments})
    stints: defaultdict[str, dict[str, CaseAssignment]] = defaultdict(dict)
    for stint in draft.tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in enrollments]):
        stints[stint.enrollment_id][stint.assignment_id] = stint
    users = draft.find(User, {*holders, *(stint.user_id for of_one in stints.values() for stint in of_one.values())})
    today = draft.desk.today
    return [
        _Timeline(
            enrollment=enrollment,
            project=projects[enrollment.project_id],
            stints=stints[enrollment.enrollment_id],
            users=users,
            required=draft.desk.required,
            today=today,
        )
        for enrollment in enrollments
    ]
