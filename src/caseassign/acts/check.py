"""What is asked before a draft is written: the required rules, before and after, and the guards of what is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TypeAlias

import attrs

from caseassign.acts.draft import Draft
from caseassign.errors import RuleViolationError, Violation
from caseassign.history import RecordKey
from caseassign.model import CaseAssignment, Enrollment, HouseholdKey, Project, Record, User
from caseassign.policy import Action
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, Facts, HouseholdFacts, by_subject, check

Version: TypeAlias = Callable[[RecordKey], Record | None]
"""Which version of a record one looks at: `Draft.before` or `Draft.now`."""


def check_draft(draft: Draft) -> None:
    """Raise `RuleViolationError` with every violation that the act would introduce."""
    violations = introduced(draft)
    if violations:
        raise RuleViolationError(violations)


def introduced(draft: Draft) -> tuple[Violation, ...]:
    """Return every violation that a draft brings: of required rules, and of the guards."""
    return (*_required(draft), *_guarded(draft), *_overloaded(draft))


def _required(draft: Draft) -> Iterator[Violation]:
    """Yield what is not as it must be afterwards and was before, or is on a day that the act itself sets.

    No rule refuses that a stint ends, or is voided: what is wrong with such stints alone is left out.
    """
    rules = draft.desk.required
    touched = _with_households(draft) if by_subject(rules)[HouseholdFacts] else list(draft.touched)
    after = list(check(rules, _facts(draft, touched, draft.now)))
    after = [v for v in after if not (v.ids and draft.ended.issuperset(v.ids))]
    if after:
        before = {(v.code, v.ids) for v in check(rules, _facts(draft, touched, draft.before))}
        yield from (v for v in after if (v.code, v.ids) not in before or _is_on_day_set(draft, v))


def _guarded(draft: Draft) -> Iterator[Violation]:
    """Yield what speaks against a stint that the act gives its holder or its start."""
    for assignment, client in draft.given:
        enrollment = draft.enrollment(assignment.enrollment_id)
        facts = AssignmentFacts(
            assignment=assignment,
            enrollment=enrollment,
            project=draft.load(Project, [enrollment.project_id])[0],
            user=draft.load(User, [assignment.user_id])[0],
            as_of=draft.desk.today,
            client=client,
        )
        yield from check(draft.desk.guards, [facts])


def _overloaded(draft: Draft) -> Iterator[Violation]:
    """Yield what speaks against a caseload as it would be, on the first day on which it was not so before."""
    rules = by_subject(draft.desk.guards)[CaseloadFacts]
    given: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
    for stint in _with_days_given(draft) if rules else ():
        given[stint.user_id].append(stint)
    for user_id, stints in given.items():
        first_day = min(stint.start_date for stint in stints)
        then, now = (_cases(draft, user_id, first_day, version) for version in (draft.before, draft.now))
        for day in _turning_days([*then, *now]):
            if not any(day in stint.period for stint in stints):
                continue
            above = list(check(rules, [_caseload(draft, user_id, now, day)]))
            if above:
                before = list(check(rules, [_caseload(draft, user_id, then, day)]))
                above = [v for v in above if not any(_is_found(v, found) for found in before)]
            if above:
                yield from above
                break


def _is_found(violation: Violation, found: Violation) -> bool:
    """Whether a violation is one that was there before, and is no worse."""
    is_same = (violation.code, violation.ids) == (found.code, found.ids)
    return is_same and (violation.amount or 0) <= (found.amount or 0)


def _turning_days(cases: Iterable[AssignmentFacts]) -> list[date]:
    """Return the days on which a caseload changes: on others nothing can be news."""
    days = {day for case in cases for day in (case.assignment.start_date, case.assignment.end_date)}
    return sorted(day for day in days if day is not None)


def _with_days_given(draft: Draft) -> Iterator[CaseAssignment]:
    """Yield the stints to which an act gives their holder, their start, or their end; a list tells what was."""
    yield from (stint for stint, _ in draft.given)
    for key, field in draft.days_set if draft.action is not Action.EXPORT_IMPORT else ():
        stint = draft.now(key)
        if field == "end_date" and isinstance(stint, CaseAssignment):
            yield stint


def _facts(draft: Draft, enrollment_ids: list[str], version: Version) -> list[Facts]:
    """Return the facts of enrollments: as households where a rule is about them."""
    facts = [each for key in sorted(enrollment_ids) if (each := _enrollment_facts(draft, key, version)) is not None]
    if not by_subject(draft.desk.required)[HouseholdFacts]:
        return [*facts]
    households: defaultdict[HouseholdKey | str, list[EnrollmentFacts]] = defaultdict(list)
    for each in facts:
        if not each.enrollment.deleted:
            households[each.enrollment.household_key or each.enrollment.enrollment_id].append(each)
    deleted = [each for each in facts if each.enrollment.deleted]
    return [*(HouseholdFacts(members=tuple(m), as_of=draft.desk.today) for m in households.values()), *deleted]


def _enrollment_facts(draft: Draft, enrollment_id: str, version: Version) -> EnrollmentFacts | None:
    enrollment = version(RecordKey(Enrollment.KIND, enrollment_id))
    if not isinstance(enrollment, Enrollment):
        return None
    stints = _stints(draft.stint_ids(enrollment_id), version)
    return EnrollmentFacts.of(
        enrollment,
        draft.load(Project, [enrollment.project_id])[0],
        stints,
        draft.find(User, {stint.user_id for stint in stints}),
        draft.desk.today,
    )


def _with_households(draft: Draft) -> list[str]:
    """Return what is to be checked, with the households that it was in and shall be in."""
    touched = [RecordKey(Enrollment.KIND, key) for key in draft.touched]
    versions = [version(key) for version in (draft.before, draft.now) for key in touched]
    keys = {v.household_key for v in versions if isinstance(v, Enrollment) and v.household_key is not None}
    members = draft.open([member.enrollment_id for member in draft.found.members(keys)])
    return list(draft.touched | dict.fromkeys(member.enrollment_id for member in members))


def _cases(draft: Draft, user_id: str, first_day: date, version: Version) -> list[AssignmentFacts]:
    """Return the facts of what a user holds on a day or later."""
    user = draft.load(User, [user_id])[0]
    cases = []
    for stint in _stints(draft.caseload(user_id), version):
        enrollment = version(RecordKey(Enrollment.KIND, stint.enrollment_id))
        is_over = stint.voided or stint.period.has_ended(first_day)
        if isinstance(enrollment, Enrollment) and not is_over and not enrollment.deleted:
            project = draft.load(Project, [enrollment.project_id])[0]
            cases.append(
                AssignmentFacts(assignment=stint, enrollment=enrollment, project=project, user=user, as_of=first_day)
            )
    return cases


def _caseload(draft: Draft, user_id: str, cases: Iterable[AssignmentFacts], day: date) -> CaseloadFacts:
    active = [attrs.evolve(case, as_of=day) for case in cases if day in case.assignment.period]
    return CaseloadFacts(user=draft.load(User, [user_id])[0], cases=tuple(active), as_of=day)


def _stints(ids: list[str], version: Version) -> list[CaseAssignment]:
    versions = [version(RecordKey(CaseAssignment.KIND, key)) for key in ids]
    return [stint for stint in versions if isinstance(stint, CaseAssignment)]


def _is_on_day_set(draft: Draft, violation: Violation) -> bool:
    records = {RecordKey(kind, key) for kind in (CaseAssignment.KIND, Enrollment.KIND) for key in violation.ids}
    for key in violation.ids:
        stint = draft.now(RecordKey(CaseAssignment.KIND, key))
        if isinstance(stint, CaseAssignment):
            records.add(RecordKey(Enrollment.KIND, stint.enrollment_id))
    return any(
        (record, field) in draft.days_set for record in records for field in (violation.field, violation.against)
    )
