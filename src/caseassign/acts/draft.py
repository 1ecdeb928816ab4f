"""A draft: an act in the making. What it found, what it puts in its place, and what is asked before it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import attrs

from caseassign.acts.outcome import Outcome, Skipped
from caseassign.desk import Desk
from caseassign.errors import NotFoundError, RuleViolationError, Violation
from caseassign.history import Change, RecordKey
from caseassign.model import KINDS, Actor, CaseAssignment, Enrollment, HouseholdKey, Project, Record, User, id_of
from caseassign.policy import Action
from caseassign.rules import AssignmentFacts, EnrollmentFacts, Facts, HouseholdFacts, by_subject, check
from caseassign.storage import Records, Transaction

_R = TypeVar("_R", bound=Record)


def refuse(code: str, field: str, ids: Iterable[str], message: str) -> NoReturn:
    """Refuse an act for something that cannot be said of a record."""
    raise RuleViolationError((Violation(code, field, ids, message),))


class Draft:
    """The records of one act, as they were found and as they shall be.

    Several small acts on one draft are one act: one transaction, one batch, one check of the rules.
    """

    def __init__(self, desk: Desk, tx: Transaction, action: Action) -> None:
        self.desk = desk
        self.tx = tx
        self.action = action
        self.actor = desk.actor(tx, action)
        desk.authorize(self.actor, action)
        self._found: dict[RecordKey, Record] = {}
        self._put: dict[RecordKey, Record] = {}
        self._actions: dict[RecordKey, Action] = {}
        self._stints: dict[str, dict[str, None]] = {}
        self._to_check: set[str] = set()
        self._days_set: set[tuple[RecordKey, str]] = set()
        self._to_guard: list[tuple[CaseAssignment, str | None]] = []
        self._answer: list[RecordKey] = []
        self._skipped: list[Skipped] = []

    # What is there

    def find(self, kind: type[_R], ids: Iterable[str]) -> dict[str, _R]:
        """Return those of the records that are there, by id, as the act leaves them."""
        wanted = [RecordKey(kind.KIND, key) for key in ids]
        missing = {key.id for key in wanted if key not in self._put and key not in self._found}
        if missing:
            found = self._records(kind.KIND).get(sorted(missing))
            self._found |= {RecordKey(kind.KIND, key): record for key, record in found.items()}
        there = {key.id: self._put.get(key) or self._found.get(key) for key in wanted}
        return {key: record for key, record in there.items() if isinstance(record, kind)}

    def load(self, kind: type[_R], ids: Iterable[str]) -> list[_R]:
        """Return records as the act leaves them; raise `NotFoundError` for ids that the store does not have."""
        wanted = list(ids)
        found = self.find(kind, wanted)
        unknown = sorted(set(wanted) - found.keys())
        if unknown:
            raise NotFoundError(kind.KIND, tuple(unknown))
        return [found[key] for key in wanted]

    def open(self, enrollment_ids: Iterable[str]) -> list[Enrollment]:
        """Return enrollments, with their projects, stints and holders at hand, after asking the policy for them."""
        enrollments = self.load(Enrollment, enrollment_ids)
        new = [e for e in enrollments if e.enrollment_id not in self._stints]
        if new:
            projects = self.load(Project, {e.project_id for e in new})
            self.authorize(projects=projects)
            self._stints |= {e.enrollment_id: {} for e in new}
            stints = self.tx.assignments.of_enrollments([e.enrollment_id for e in new])
            for stint in stints:
                self._found[RecordKey(stint.KIND, stint.key)] = stint
                self._stints[stint.enrollment_id][stint.assignment_id] = None
            self.load(User, {stint.user_id for stint in stints})
        return enrollments

    def enrollment(self, enrollment_id: str) -> Enrollment:
        """Return one enrollment, opened."""
        return self.open([enrollment_id])[0]

    def assignment(self, assignment_id: str) -> CaseAssignment:
        """Return one assignment, its enrollment opened."""
        assignment = self.load(CaseAssignment, [assignment_id])[0]
        self.open([assignment.enrollment_id])
        return assignment

    def stints(self, enrollment_id: str) -> list[CaseAssignment]:
        """Return the live stints of an enrollment that was opened, as the act leaves them."""
        stints = self.load(CaseAssignment, self._stints[enrollment_id])
        return [stint for stint in stints if not stint.voided]

    def household(self, enrollment: Enrollment) -> list[Enrollment]:
        """Return the members of a household who are not deleted, opened, by entry date and id."""
        key = enrollment.household_key
        if key is None or enrollment.deleted:
            return self.open([enrollment.enrollment_id])
        members = [member for member in self.tx.enrollments.of_households([key]) if not member.deleted]
        return self.open([member.enrollment_id for member in members])

    def case_manager(self, user: User | str | Actor) -> str:
        """Return the id of the user who shall hold a case, after making sure that there is one."""
        if user is Actor.ME and isinstance(self.actor, User):
            user = self.actor
        if isinstance(user, Actor):
            refuse("not-a-case-manager", "user_id", (), "the system is nobody's case manager: name a user")
        return self.load(User, [id_of(user, User)])[0].user_id

    def authorize(self, *, projects: Iterable[Project] = (), action: Action | None = None, **named: Any) -> None:
        """Ask the policy for this act, or for a part of it that has a name of its own."""
        self.desk.authorize(self.actor, action or self.action, projects=projects, **named)

    def become(self, action: Action) -> None:
        """Go on as another act, after asking the policy for it."""
        self.action = action
        projects = {e.project_id for e in self.load(Enrollment, self._stints)}
        self.authorize(projects=self.load(Project, sorted(projects)))

    # What shall be

    def put(self, record: Record, *, action: Action | None = None, ending: bool = False) -> None:
        """Put a record in the place of the one with its id, or as a new one.

        ``ending`` says that a stint is only ended or voided, which no rule refuses.
        """
        key = RecordKey(record.KIND, record.key)
        self._put[key] = record
        self._actions[key] = action or self.action
        if isinstance(record, CaseAssignment | Enrollment):
            stints = self._stints.setdefault(record.enrollment_id, {})
            if isinstance(record, CaseAssignment):
                stints[record.assignment_id] = None
            if not ending:
                self._to_check.add(record.enrollment_id)

    def guard(self, assignment: CaseAssignment, client: str | None = None) -> None:
        """Ask the guards about a stint that the act gives its holder or its start."""
        self._to_guard.append((assignment, client))

    def sets(self, record: Record, *fields: str) -> None:
        """Say which days the act itself sets: on those it may not leave a violation that it found."""
        self._days_set |= {(RecordKey(record.KIND, record.key), field) for field in fields}

    def answer(self, *records: CaseAssignment | Enrollment) -> None:
        """Name records that the outcome shall show."""
        for record in records:
            key = RecordKey(record.KIND, record.key)
            if key not in self._answer:
                self._answer.append(key)

    def skip(self, record: Record, reason: str) -> None:
        """Name a record that the act leaves as it was."""
        self._skipped.append(Skipped(record.KIND, record.key, reason))

    # Check, write, answer

    def check(self) -> None:
        """Raise `RuleViolationError` with every violation that the act would introduce."""
        if by_subject(self.desk.required)[HouseholdFacts]:
            self._take_households()
        before = {(v.code, v.ids) for v in check(self.desk.required, self._facts(self._found))}
        after = check(self.desk.required, self._facts(self._found | self._put))
        introduced = [v for v in after if (v.code, v.ids) not in before or self._is_on_day_set(v)]
        guarded = [self._guarded(assignment, client) for assignment, client in self._to_guard]
        violations = (*introduced, *check(self.desk.guards, guarded))
        if violations:
            raise RuleViolationError(violations)

    def changes(self) -> list[tuple[Record | None, Record, Action]]:
        """Return what is not as it was found: before, after and action, each kind after those that it refers to."""
        kinds = list(KINDS)
        keys = [key for key, record in self._put.items() if self._found.get(key) != record]
        keys.sort(key=lambda key: kinds.index(key.kind))
        return [(self._found.get(key), self._put[key], self._actions[key]) for key in keys]

    def write(self, changes: Iterable[tuple[Record | None, Record, Action]], batch_id: str) -> None:
        """Write the records; each new one carries the batch that first recorded it."""
        for before, after, _ in changes:
            records: Records[Any] = self._records(after.KIND)
            if before is None:
                records.add([attrs.evolve(after, batch_id=batch_id)])
            else:
                records.replace([attrs.evolve(after, batch_id=before.batch_id)])

    def outcome(self, changes: tuple[Change, ...], batch_id: str | None) -> Outcome:
        """Return what the act did."""
        records = [self._now(key) for key in self._answer]
        return Outcome(
            action=self.action,
            assignments=tuple(r for r in records if isinstance(r, CaseAssignment)),
            enrollments=tuple(r for r in records if isinstance(r, Enrollment)),
            changes=changes,
            batch_id=batch_id,
            skipped=tuple(self._skipped),
        )

    def _records(self, kind: str) -> Records[Any]:
        return getattr(self.tx, f"{kind}s")  # type: ignore[no-any-return]  # each kind's collection has its name

    def _now(self, key: RecordKey) -> Record:
        return self._put.get(key) or self._found[key]

    def _facts(self, records: Mapping[RecordKey, Record]) -> list[Facts]:
        """Return the facts of what is to be checked: households where a rule is about them, else enrollments."""
        users = {key.id: record for key, record in records.items() if isinstance(record, User)}
        facts = [
            self._enrollment_facts(enrollment, records, users)
            for key in sorted(self._to_check)
            if isinstance(enrollment := records.get(RecordKey(Enrollment.KIND, key)), Enrollment)
        ]
        if not by_subject(self.desk.required)[HouseholdFacts]:
            return [*facts]
        households: defaultdict[HouseholdKey | str, list[EnrollmentFacts]] = defaultdict(list)
        for each in facts:
            if not each.enrollment.deleted:
                households[each.enrollment.household_key or each.enrollment.enrollment_id].append(each)
        deleted = [each for each in facts if each.enrollment.deleted]
        return [*(HouseholdFacts(members=tuple(m), as_of=self.desk.today) for m in households.values()), *deleted]

    def _enrollment_facts(
        self, enrollment: Enrollment, records: Mapping[RecordKey, Record], users: Mapping[str, User]
    ) -> EnrollmentFacts:
        stints = [records.get(RecordKey(CaseAssignment.KIND, key)) for key in self._stints[enrollment.enrollment_id]]
        live = [stint for stint in stints if isinstance(stint, CaseAssignment) and not stint.voided]
        return EnrollmentFacts(
            enrollment=enrollment,
            project=self.load(Project, [enrollment.project_id])[0],
            assignments=tuple(sorted(live, key=lambda stint: (stint.start_date, stint.assignment_id))),
            users=users,
            as_of=self.desk.today,
        )

    def _take_households(self) -> None:
        """Have whole households checked, as they were and as they shall be."""
        touched = [RecordKey(Enrollment.KIND, key) for key in self._to_check]
        versions = [records[key] for records in (self._found, self._put) for key in touched if key in records]
        keys = {v.household_key for v in versions if isinstance(v, Enrollment) and v.household_key is not None}
        members = self.open([member.enrollment_id for member in self.tx.enrollments.of_households(keys)])
        self._to_check |= {member.enrollment_id for member in members}

    def _guarded(self, assignment: CaseAssignment, client: str | None) -> AssignmentFacts:
        enrollment = self.enrollment(assignment.enrollment_id)
        return AssignmentFacts(
            assignment=assignment,
            enrollment=enrollment,
            project=self.load(Project, [enrollment.project_id])[0],
            user=self.load(User, [assignment.user_id])[0],
            as_of=self.desk.today,
            client=client,
        )

    def _is_on_day_set(self, violation: Violation) -> bool:
        records = {RecordKey(kind, key) for kind in ("assignment", "enrollment") for key in violation.ids}
        for key in violation.ids:
            stint = self._put.get(RecordKey("assignment", key)) or self._found.get(RecordKey("assignment", key))
            if isinstance(stint, CaseAssignment):
                records.add(RecordKey("enrollment", stint.enrollment_id))
        fields = (violation.field, violation.against)
        return any((record, field) in self._days_set for record in records for field in fields)
