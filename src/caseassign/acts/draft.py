"""A draft: an act in the making. The records that it puts in the place of those that it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NoReturn, TypeVar

import attrs

from caseassign.acts.found import Found
from caseassign.acts.outcome import Outcome, Skipped
from caseassign.desk import Desk
from caseassign.errors import NotFoundError, RuleViolationError, Violation
from caseassign.history import Change, RecordKey
from caseassign.model import KINDS, Actor, CaseAssignment, Enrollment, Project, Record, User, id_of
from caseassign.policy import Action
from caseassign.storage import Records, Transaction

_R = TypeVar("_R", bound=Record)


def refuse(code: str, field: str, ids: Iterable[str], message: str) -> NoReturn:
    """Refuse an act for something that cannot be said of a record."""
    raise RuleViolationError((Violation(code, field, ids, message),))


class Draft:
    """The records of one act, as they were found and as they shall be.

    Several small acts on one draft are one act: one transaction, one batch, one check of the rules. A `branch`
    tries something out: what it puts counts only once it is joined.
    """

    def __init__(self, desk: Desk, tx: Transaction, action: Action, *, trunk: Draft | None = None) -> None:
        self.desk = desk
        self.tx = tx
        self.action = action
        self._trunk = trunk
        self.lineage: tuple[Draft, ...] = (self,) if trunk is None else (*trunk.lineage, self)
        self.puts: dict[RecordKey, Record] = {}
        self._actions: dict[RecordKey, Action] = {}
        self._new_stints: dict[str, list[str]] = {}
        self.newly_held: dict[str, list[str]] = {}
        self._answer: dict[RecordKey, None] = {}
        self.skipped: list[Skipped] = []
        self.withheld = 0
        self.touched: dict[str, None] = {}
        self.ended: set[str] = set()
        self.days_set: set[tuple[RecordKey, str]] = set()
        self.given: list[tuple[CaseAssignment, str | None]] = []
        self._noted: set[RecordKey] = set()
        self._besides: list[Callable[[Transaction], None]] = []
        if trunk is None:
            self.found = Found(tx)
            self.actor = desk.actor(tx, action)
            if isinstance(self.actor, User):
                self.found.take([self.actor])
            desk.authorize(self.actor, action)
        else:
            self.found = trunk.found
            self.actor = trunk.actor

    def branch(self) -> Draft:
        """Return a draft on top of this one, to try something out."""
        return Draft(self.desk, self.tx, self.action, trunk=self)

    def join(self, branch: Draft) -> None:
        """Take over all that a branch puts."""
        self.puts |= branch.puts
        self._actions |= branch._actions
        for enrollment_id, stints in branch._new_stints.items():
            self._new_stints.setdefault(enrollment_id, []).extend(stints)
        for user_id, stints in branch.newly_held.items():
            self.newly_held.setdefault(user_id, []).extend(stints)
        self._answer |= branch._answer
        self.skipped += branch.skipped
        self.touched |= branch.touched
        self.ended = (self.ended - {key.id for key in branch.puts}) | branch.ended
        self.days_set |= branch.days_set
        self.given += branch.given

    # What is there

    def before(self, key: RecordKey) -> Record | None:
        """Return a record as the draft found it; None where there was none."""
        return self.found.get(key) if self._trunk is None else self._trunk.now(key)

    def now(self, key: RecordKey) -> Record | None:
        """Return a record as the draft leaves it."""
        record = self.puts.get(key)
        if record is None:
            record = self.found.get(key) if self._trunk is None else self._trunk.now(key)
        return record

    def find(self, kind: type[_R], ids: Iterable[str]) -> dict[str, _R]:
        """Return those of the records that are there, by id, as the act leaves them."""
        there: dict[str, Any] = {}
        unread = []
        for key in ids:
            record = self.now(RecordKey(kind.KIND, key))
            if record is None:
                unread.append(key)
            else:
                there[key] = record
        if unread:
            there |= self.found.read(kind.KIND, unread)
        return there

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
        new = [e for e in enrollments if not self.found.is_open(e.enrollment_id)]
        if new:
            self.authorize(projects=self.load(Project, {e.project_id for e in new}))
            self.found.open(e.enrollment_id for e in new)
        return enrollments

    def enrollment(self, enrollment_id: str) -> Enrollment:
        """Return one enrollment, opened."""
        return self.open([enrollment_id])[0]

    def assignment(self, assignment_id: str) -> CaseAssignment:
        """Return one assignment, its enrollment opened."""
        assignment = self.load(CaseAssignment, [assignment_id])[0]
        self.open([assignment.enrollment_id])
        return assignment

    def stint_ids(self, enrollment_id: str) -> list[str]:
        """Return the ids of the stints on an enrollment that was opened, voided ones and new ones too."""
        below = self.found.stints_on(enrollment_id) if self._trunk is None else self._trunk.stint_ids(enrollment_id)
        return [*below, *self._new_stints.get(enrollment_id, ())]

    def stints(self, enrollment_id: str) -> list[CaseAssignment]:
        """Return the live stints of an enrollment that was opened, as the act leaves them."""
        stints = self.load(CaseAssignment, self.stint_ids(enrollment_id))
        return [stint for stint in stints if not stint.voided]

    def caseload(self, user_id: str) -> list[str]:
        """Return the ids of all stints of a user, voided ones and new ones too, with their enrollments at hand."""
        new = [key for draft in self.lineage for key in draft.newly_held.get(user_id, ())]
        return [*self.found.caseload(user_id), *new]

    def household(self, enrollment: Enrollment) -> list[Enrollment]:
        """Return the members of a household who are not deleted, opened, by entry date and id."""
        key = enrollment.household_key
        if key is None or enrollment.deleted:
            return self.open([enrollment.enrollment_id])
        ids = [member.enrollment_id for member in self.found.members([key])]
        ids += [put.id for draft in self.lineage for put in draft.puts if put.kind == Enrollment.KIND]
        members = self.load(Enrollment, dict.fromkeys(ids))
        members = [member for member in members if member.household_key == key and not member.deleted]
        members.sort(key=lambda member: (member.entry_date, member.enrollment_id))
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
        projects = {e.project_id for e in self.load(Enrollment, self.found.opened)}
        self.authorize(projects=self.load(Project, sorted(projects)))

    # What shall be

    def put(self, record: Record, *, action: Action | None = None, ending: bool = False) -> None:
        """Put a record in the place of the one with its id, or as a new one.

        ``ending`` says that a stint is only ended or voided, which no rule refuses.
        """
        key = RecordKey(record.KIND, record.key)
        if isinstance(record, CaseAssignment) and self.now(key) is None:
            self._new_stints.setdefault(record.enrollment_id, []).append(record.assignment_id)
            self.newly_held.setdefault(record.user_id, []).append(record.assignment_id)
        if isinstance(record, CaseAssignment | Enrollment) and not ending:
            self.touched[record.enrollment_id] = None
        (self.ended.add if ending else self.ended.discard)(record.key)
        self.puts[key] = record
        self._actions[key] = action or self.action

    def guard(self, assignment: CaseAssignment, client: str | None = None) -> None:
        """Ask the guards about a stint that the act gives its holder or its start."""
        self.given.append((assignment, client))

    def sets(self, record: Record, *fields: str) -> None:
        """Say which days the act itself sets: on those it may not leave a violation that it found."""
        self.days_set |= {(RecordKey(record.KIND, record.key), field) for field in fields}

    def answer(self, *records: CaseAssignment | Enrollment) -> None:
        """Name records that the outcome shall show."""
        self._answer |= {RecordKey(record.KIND, record.key): None for record in records}

    def note(self, record: Record) -> None:
        """Have a line about a record that is put, also where it is as it was found."""
        self._noted.add(RecordKey(record.KIND, record.key))

    def besides(self, write: Callable[[Transaction], None]) -> None:
        """Write something that is no record, with the records."""
        self._besides.append(write)

    def skip(self, record: Record, reason: str) -> None:
        """Name a record that the act leaves as it was."""
        self.skipped.append(Skipped(record.KIND, record.key, reason))

    # Write, answer

    def changes(self) -> list[tuple[Record | None, Record, Action]]:
        """Return what is not as it was found, or noted: before, after and action.

        Each kind comes after those that it refers to.
        """
        kinds = list(KINDS)
        keys = [key for key, record in self.puts.items() if self.before(key) != record or key in self._noted]
        keys.sort(key=lambda key: kinds.index(key.kind))
        return [(self.before(key), self.puts[key], self._actions[key]) for key in keys]

    def write(self, changes: Iterable[tuple[Record | None, Record, Action]], batch_id: str) -> None:
        """Write the records, and what is no record; each new one carries the batch that first recorded it."""
        for kind, of_kind in groupby(changes, key=lambda change: change[1].KIND):
            records: Records[Any] = getattr(self.tx, f"{kind}s")
            pairs = [(before, after) for before, after, _ in of_kind]
            added = [_of_batch(after, batch_id) for before, after in pairs if before is None]
            if added:
                records.add(added)
            if len(added) < len(pairs):
                records.replace([_of_batch(new, old.batch_id) for old, new in pairs if old is not None])
        for write in self._besides:
            write(self.tx)

    def outcome(self, changes: tuple[Change, ...], batch_id: str | None) -> Outcome:
        """Return what the act did."""
        records = [self.now(key) for key in self._answer]
        return Outcome(
            action=self.action,
            assignments=tuple(r for r in records if isinstance(r, CaseAssignment)),
            enrollments=tuple(r for r in records if isinstance(r, Enrollment)),
            changes=changes,
            batch_id=batch_id,
            skipped=tuple(self.skipped),
            withheld=self.withheld,
        )


def _of_batch(record: Record, batch_id: str | None) -> Record:
    return record if record.batch_id == batch_id else attrs.evolve(record, batch_id=batch_id)
