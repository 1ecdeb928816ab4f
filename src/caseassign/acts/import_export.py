"""Import an export of another system: what is new is added, what it says otherwise than last time is updated.

A row is compared with what the last import said of it, not with what stands now. So an unchanged row changes
nothing, even where an act has changed the record since, and of a changed row only the fields that changed count.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from caseassign.acts.ledger import Ledger
from caseassign.batches import in_batches
from caseassign.desk import Desk
from caseassign.errors import HmisCsvError, InvalidRecordError, Violation
from caseassign.history import IMPORT, RecordKey, from_plain, to_json, to_plain
from caseassign.ids import new_id
from caseassign.model import CaseAssignment, Client, Enrollment, Organization, Project, Record, User
from caseassign.policy import Action
from caseassign.rules import EnrollmentFacts, check
from caseassign.storage import Records, Transaction

CaseManagersFrom: TypeAlias = Literal["Enrollment.UserID"] | None

_ROWS_AT_ONCE: Final = 2_000
_SAID: Final[Mapping[type[Record], tuple[str, ...]]] = {
    Organization: ("organization_name",),
    Project: ("organization_id", "project_name", "project_type", "operating_start_date", "operating_end_date"),
    User: ("first_name", "last_name"),
    Client: ("first_name", "last_name"),
    Enrollment: (
        "personal_id",
        "project_id",
        "household_id",
        "relationship_to_hoh",
        "entry_date",
        "exit_date",
        "deleted",
    ),
}
"""What an export says of each kind of record; the rest belongs to those who work here."""


class Row(Protocol):
    """One record of an export. ``bare`` ones are known by their id alone; ``entered_by`` edited an enrollment last."""

    @property
    def record(self) -> Any:
        """The record."""

    @property
    def bare(self) -> bool:
        """Whether the export only refers to it."""

    @property
    def entered_by(self) -> str | None:
        """The id of the user who edited an enrollment last."""


class Export(Protocol):
    """What can be imported: the rows of each kind, as often as they are asked for, and where they come from."""

    @property
    def name(self) -> str:
        """The name of the file or folder."""

    @property
    def export_id(self) -> str | None:
        """What the sending system calls the export."""

    @property
    def implementation_id(self) -> str | None:
        """Which system it comes from."""

    @property
    def sha256(self) -> str:
        """The digest of the files."""

    @property
    def issue_counts(self) -> Mapping[str, int]:
        """How many issues of each code reading it gave."""

    @property
    def kept_out(self) -> Mapping[str, int]:
        """How many rows of each kind could not become a record."""

    @property
    def has_exits(self) -> bool:
        """Whether it says who has exited; where it does not, nobody's exit is taken to be removed."""

    def rows(self, kind: str) -> Iterable[Row]:
        """Yield the rows of one kind."""


@attrs.frozen(kw_only=True)
class ImportResult:
    """What an import did. ``imported`` counts records that the store did not have, ``changed`` those it updated.

    ``violations`` are those that the updates brought. ``batch_id`` is None where nothing was new.
    """

    imported: dict[str, int]
    changed: dict[str, int]
    kept_out: dict[str, int]
    issues: dict[str, int]
    violations: tuple[Violation, ...]
    batch_id: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, violations as counts by code."""
        return {
            "imported": self.imported,
            "changed": self.changed,
            "kept_out": self.kept_out,
            "issues": self.issues,
            "violations": dict(sorted(Counter(v.code for v in self.violations).items())),
        }


class _DryRun(Exception):  # noqa: N818  # no error: it undoes the transaction
    """Carries the result of an import that shall not be kept out of its transaction."""

    def __init__(self, result: ImportResult) -> None:
        self.result = result


def import_export(
    desk: Desk,
    export: Export,
    *,
    case_managers_from: CaseManagersFrom,
    other_implementation: bool,
    reason: str | None,
    dry_run: bool,
) -> ImportResult:
    """Import an export in one transaction and one batch."""
    if case_managers_from not in (None, "Enrollment.UserID"):
        raise InvalidRecordError("Import", "case_managers_from", "is neither None nor 'Enrollment.UserID'")
    try:
        with desk.store.transaction(write=True) as tx:
            actor = desk.actor(tx, Action.EXPORT_IMPORT)
            desk.authorize(actor, Action.EXPORT_IMPORT)
            if not other_implementation:
                _refuse_other_implementation(tx, export)
            importing = _Import(desk, tx, reason, seeding=case_managers_from is not None)
            result = importing.carry_out(export)
            if dry_run:
                raise _DryRun(result)  # noqa: TRY301  # leaving the block by an exception undoes it
            return result
    except _DryRun as dry:
        return attrs.evolve(dry.result, batch_id=None)


def _refuse_other_implementation(tx: Transaction, export: Export) -> None:
    lines: list[Any] = [line.after for line in tx.history.of_kind(IMPORT)]
    known = {after["implementation_id"] for after in lines} - {None}
    if known and export.implementation_id is not None and export.implementation_id not in known:
        raise HmisCsvError(
            export.name,
            "comes from another HMIS implementation than what is in the store, and ids would collide: "
            "import it into a store of its own",
        )


class _Import:
    """One import on its way: what it has counted, and whom it gave access to what."""

    def __init__(self, desk: Desk, tx: Transaction, reason: str | None, *, seeding: bool) -> None:
        self._desk = desk
        self._tx = tx
        self._ledger = Ledger(desk, tx, reason)
        self._seeding = seeding
        self._has_exits = True
        kinds = ("clients", "users", "organizations", "projects", "enrollments", "assignments")
        self._imported = dict.fromkeys(kinds, 0)
        self._changed = dict.fromkeys(kinds, 0)
        self._violations: list[Violation] = []
        self._access: defaultdict[str, set[str]] = defaultdict(set)

    def carry_out(self, export: Export) -> ImportResult:
        """Take the rows of an export, kind after kind, and write the import's line."""
        self._has_exits = export.has_exits
        for kind in _SAID:
            for rows in in_batches(export.rows(kind.KIND), _ROWS_AT_ONCE):
                self._take(kind, rows)
        self._give_access()
        has_news = any(self._imported.values()) or any(self._changed.values())
        if has_news:
            self._record(export)
        return ImportResult(
            imported=self._imported,
            changed=self._changed,
            kept_out=dict(export.kept_out),
            issues=dict(export.issue_counts),
            violations=tuple(self._violations),
            batch_id=self._ledger.batch_id if has_news else None,
        )

    def _take(self, kind: type[Record], rows: list[Row]) -> None:
        records: Records[Any] = getattr(self._tx, f"{kind.KIND}s")
        ids = [row.record.key for row in rows]
        there = records.get(ids)
        said_before = self._tx.imported.get(kind.KIND, ids)
        new: list[Row] = []
        updated: list[tuple[Any, Any]] = []
        said: dict[str, str] = {}
        for row in rows:
            key = row.record.key
            if row.bare:
                if key not in there:
                    new.append(row)
                continue
            says = _say(kind, row.record)
            if kind is Enrollment and not self._has_exits and key in said_before:
                says = _with_exit_of(says, said_before[key])
            if says == said_before.get(key):
                continue
            said[key] = says
            if key not in there:
                new.append(row)
                continue
            after = _merged(there[key], says, said_before.get(key))
            if after != there[key]:
                updated.append((there[key], after))
        records.add(attrs.evolve(row.record, batch_id=self._ledger.batch_id) for row in new)
        records.replace(after for _, after in updated)
        self._tx.imported.put(kind.KIND, said)
        self._imported[f"{kind.KIND}s"] += len(new)
        self._changes(kind, updated)
        if kind is Enrollment:
            self._check(updated)
            if self._seeding:
                self._seed(new)

    def _changes(self, kind: type[Record], updated: list[tuple[Any, Any]]) -> None:
        self._changed[f"{kind.KIND}s"] += len(updated)
        change = self._ledger.change
        self._ledger.append(change(Action.EXPORT_IMPORT, before, after) for before, after in updated)

    def _seed(self, rows: list[Row]) -> None:
        """Give each new enrollment its last editor as case manager, and the editor access to the organization."""
        entered = [row for row in rows if row.entered_by is not None and not row.record.deleted]
        projects = self._tx.projects.get({row.record.project_id for row in entered})
        stints = []
        for row in entered:
            enrollment, user_id = row.record, str(row.entered_by)
            stints.append(
                CaseAssignment(
                    assignment_id=new_id(),
                    enrollment_id=enrollment.enrollment_id,
                    user_id=user_id,
                    start_date=enrollment.entry_date,
                    end_date=enrollment.exit_date,
                    batch_id=self._ledger.batch_id,
                )
            )
            organization_id = projects[enrollment.project_id].organization_id
            if organization_id is not None:
                self._access[user_id].add(organization_id)
        self._tx.assignments.add(stints)
        self._imported["assignments"] += len(stints)

    def _give_access(self) -> None:
        updated = []
        for user_id, user in sorted(self._tx.users.get(self._access).items()):
            after = attrs.evolve(user, organization_ids=user.organization_ids | self._access[user_id])
            if after != user:
                updated.append((user, after))
        self._tx.users.replace(after for _, after in updated)
        self._changes(User, [(u, after) for u, after in updated if u.batch_id != self._ledger.batch_id])

    def _check(self, updated: list[tuple[Enrollment, Enrollment]]) -> None:
        """Remember the violations that updates of enrollments brought."""
        projects = self._tx.projects.get({e.project_id for pair in updated for e in pair})
        stints: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
        for stint in self._tx.assignments.of_enrollments([after.enrollment_id for _, after in updated]):
            if not stint.voided:
                stints[stint.enrollment_id].append(stint)
        users = self._tx.users.get({stint.user_id for of_one in stints.values() for stint in of_one})
        today = self._desk.today

        def violations(enrollment: Enrollment) -> Iterator[Violation]:
            facts = EnrollmentFacts(
                enrollment=enrollment,
                project=projects[enrollment.project_id],
                assignments=tuple(stints[enrollment.enrollment_id]),
                users=users,
                as_of=today,
            )
            return check(self._desk.required, [facts])

        for before, after in updated:
            found = {(violation.code, violation.ids) for violation in violations(before)}
            self._violations += [v for v in violations(after) if (v.code, v.ids) not in found]

    def _record(self, export: Export) -> None:
        """Write the line that stands for all records which this import saw for the first time."""
        after = {
            "export_id": export.export_id,
            "implementation_id": export.implementation_id,
            "sha256": export.sha256,
            "imported": self._imported,
            "changed": self._changed,
            "case_managers_from": "Enrollment.UserID" if self._seeding else None,
        }
        record = RecordKey(IMPORT, self._ledger.batch_id)
        self._ledger.append([self._ledger.line(Action.EXPORT_IMPORT, record, None, after)])


def _say(kind: type[Record], record: Record) -> str:
    plain = to_plain(record)
    return to_json([plain[field] for field in _SAID[kind]])


def _with_exit_of(says: str, said: str) -> str:
    """Return what an export says, with the exit as the last import said it."""
    at = _SAID[Enrollment].index("exit_date")
    now, then = json.loads(says), json.loads(said)
    return to_json([*now[:at], then[at], *now[at + 1 :]])


def _merged(there: Record, says: str, said: str | None) -> Record:
    """Return the record with those fields changed of which the export says something else than last time."""
    fields = _SAID[type(there)]
    now = dict(zip(fields, json.loads(says), strict=True))
    then = {} if said is None else dict(zip(fields, json.loads(said), strict=True))
    news = {field: value for field, value in now.items() if field not in then or then[field] != value}
    merged: Record = from_plain(there.KIND, to_plain(there) | news, there.batch_id)
    return merged
