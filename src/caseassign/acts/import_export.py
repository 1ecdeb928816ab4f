"""Import an export of another system: what is new is added, what it says otherwise than last time is updated.

A row is compared with what the last import said of it, not with what stands now. So an unchanged row changes
nothing, even where an act has changed the record since, and of a changed row only the fields that changed count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import attrs

from caseassign.acts.check import introduced
from caseassign.acts.draft import Draft
from caseassign.acts.export import Export, ImportIssue, LoneExit, Row
from caseassign.acts.ledger import Ledger
from caseassign.acts.outcome import Skipped
from caseassign.acts.refresh import ADJUSTMENTS, ARRIVALS, AtExit, Refresh
from caseassign.acts.said import SAID, heard, merged, said_otherwise, say
from caseassign.batches import in_batches
from caseassign.desk import Desk
from caseassign.errors import HmisCsvError, InvalidRecordError, Violation
from caseassign.history import IMPORT, Change, RecordKey
from caseassign.ids import new_id
from caseassign.model import CaseAssignment, Enrollment, Project, Record, User
from caseassign.policy import Action, Unrestricted
from caseassign.results import Result
from caseassign.storage import Fillable, Records, Transaction

CaseManagersFrom: TypeAlias = Literal["Enrollment.UserID"] | None
WhenAbsent: TypeAlias = Literal["report", "delete"]

_ROWS_AT_ONCE: Final = 2_000


@attrs.frozen(kw_only=True)
class ImportResult(Result):
    """What an import did. ``imported`` counts records that the store did not have, ``changed`` those it updated.

    ``violations`` are those that the updates brought. ``batch_id`` is None where nothing was new.

    ``arrived`` has the ids of the enrollments that were there and for which something arrived: ``"exited"``,
    ``"moved"`` (the day of the entry, or of an exit that was known), ``"reopened"``, ``"deleted"``, ``"returned"``
    (deleted before, and no longer) and ``"absent"``. With ``at_exit="end"``, ``adjusted`` counts the assignments that
    were ``"ended"``, ``"clipped"``, ``"voided"`` and ``"restored"``, ``not_restored`` names those that a removed
    exit could not put back, and why, and ``caught_up`` the enrollments whose assignments were fitted to days that
    had arrived before. ``unassigned`` has those of the enrollments that are open again on which nobody is active.
    ``found`` has the issues that only the import could find; ``issues`` counts them too.
    """

    imported: dict[str, int]
    changed: dict[str, int]
    kept_out: dict[str, int]
    issues: dict[str, int]
    violations: tuple[Violation, ...]
    batch_id: str | None
    arrived: Mapping[str, tuple[str, ...]] = attrs.field(factory=lambda: dict.fromkeys(ARRIVALS, ()))
    adjusted: Mapping[str, int] = attrs.field(factory=lambda: dict.fromkeys(ADJUSTMENTS, 0))
    not_restored: tuple[Skipped, ...] = ()
    caught_up: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    found: tuple[ImportIssue, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data: violations as counts by code, what arrived as counts of enrollments."""
        return {
            "imported": self.imported,
            "changed": self.changed,
            "kept_out": self.kept_out,
            "issues": self.issues,
            "violations": dict(sorted(Counter(v.code for v in self.violations).items())),
            "arrived": {what: len(ids) for what, ids in self.arrived.items()},
            "adjusted": dict(self.adjusted),
            "not_restored": [skipped.id for skipped in self.not_restored],
            "caught_up": len(self.caught_up),
            "unassigned": list(self.unassigned),
        }


class _Again(NamedTuple):
    """The row of an enrollment as it was sent before, with another exit."""

    record: Enrollment
    bare: bool = False
    entered_by: str | None = None
    tells_exit: bool = True


class _DryRun(Exception):  # noqa: N818  # no error: it undoes the transaction
    """Carries the result of an import that shall not be kept out of its transaction."""

    def __init__(self, result: ImportResult) -> None:
        self.result = result


def import_export(
    desk: Desk,
    export: Export,
    *,
    case_managers_from: CaseManagersFrom,
    at_exit: AtExit,
    absent: WhenAbsent,
    other_implementation: bool,
    reason: str | None,
    dry_run: bool,
) -> ImportResult:
    """Import an export in one transaction and one batch."""
    _check_choice("case_managers_from", case_managers_from, (None, "Enrollment.UserID"))
    _check_choice("at_exit", at_exit, ("report", "end"))
    _check_choice("absent", absent, ("report", "delete"))
    how = {"case_managers_from": case_managers_from, "at_exit": at_exit, "absent": absent}
    try:
        with desk.store.transaction(write=True) as tx:
            actor = desk.actor(tx, Action.EXPORT_IMPORT)
            desk.authorize(actor, Action.EXPORT_IMPORT)
            earlier = tx.history.of_kind(IMPORT)
            if not other_implementation:
                _refuse_other_implementation(earlier, export)
            importing = _Import(desk, tx, reason, how, is_first=not earlier)
            importing.found += _older(earlier, export)
            result = importing.carry_out(export)
            if dry_run:
                raise _DryRun(result)  # noqa: TRY301  # leaving the block by an exception undoes it
            return result
    except _DryRun as dry:
        return attrs.evolve(dry.result, batch_id=None)


def _check_choice(name: str, given: str | None, choices: tuple[str | None, ...]) -> None:
    if given not in choices:
        raise InvalidRecordError("Import", name, f"is not one of {', '.join(map(repr, choices))}")


def _refuse_other_implementation(earlier: Iterable[Change], export: Export) -> None:
    lines: list[Any] = [line.after for line in earlier]
    known = {after["implementation_id"] for after in lines} - {None}
    if known and export.implementation_id is not None and export.implementation_id not in known:
        raise HmisCsvError(
            export.name,
            f"comes from another HMIS implementation ({export.implementation_id}) than what is in the store "
            f"({', '.join(sorted(known))}), and ids would collide: import it into a store of its own, or, if it is the "
            "same HMIS under another name, say so (other_implementation=True, --other-implementation)",
        )


def _older(earlier: Iterable[Change], export: Export) -> Iterator[ImportIssue]:
    """Yield an issue where an export was made before the last one of its implementation that changed something."""
    lines: list[Any] = [line.after for line in earlier]
    same = [after for after in lines if after["implementation_id"] == export.implementation_id]
    made = [after["exported_at"] for after in same if after.get("exported_at") is not None]
    if made and export.exported_at is not None and export.exported_at < datetime.fromisoformat(made[-1]):
        yield ImportIssue("Export.csv", None, "ExportDate", "older-export", export.export_id)


class _Import:
    """One import on its way: what it has counted, and whom it gave access to what."""

    def __init__(
        self, desk: Desk, tx: Transaction, reason: str | None, how: Mapping[str, Any], *, is_first: bool
    ) -> None:
        # An import is allowed as a whole: the policy is not asked again for each project that it touches.
        self._desk = attrs.evolve(desk, policy=Unrestricted())
        self._tx = tx
        self._ledger = Ledger(desk, tx, reason)
        self._how = how
        self._is_first = is_first
        self.found: list[ImportIssue] = []
        kinds = ("clients", "users", "organizations", "projects", "enrollments", "assignments")
        self._imported = dict.fromkeys(kinds, 0)
        self._changed = dict.fromkeys(kinds, 0)
        self._violations: list[Violation] = []
        self._access: defaultdict[str, set[str]] = defaultdict(set)
        self._projects: set[str] = set()
        self._refresh = Refresh(how["at_exit"])

    def carry_out(self, export: Export) -> ImportResult:
        """Take the rows of an export, kind after kind, and write the import's line."""
        with self._tx.filling() if isinstance(self._tx, Fillable) else nullcontext():
            for kind in SAID:
                for rows in in_batches(export.rows(kind.KIND, self._ledger.batch_id), _ROWS_AT_ONCE):
                    self._take(kind, rows, has_exits=export.has_exits)
        for exits in in_batches(export.lone_exits(), _ROWS_AT_ONCE):
            self._take_exits(exits)
        self._give_access()
        for absent in self._absent(export):
            self._refresh.arrived["absent"] += absent
            self.found += (ImportIssue("Enrollment.csv", None, None, "absent", key) for key in absent)
            if self._how["absent"] == "delete":
                self._delete(absent)
        has_news = any(self._imported.values()) or any(self._changed.values())
        if has_news:
            self._record(export)
        refresh = self._refresh
        issues = Counter(export.issue_counts) + Counter(issue.code for issue in self.found)
        return ImportResult(
            imported=self._imported,
            changed=self._changed,
            kept_out=dict(export.kept_out),
            issues=dict(sorted(issues.items())),
            violations=tuple(self._violations),
            batch_id=self._ledger.batch_id if has_news else None,
            arrived={what: tuple(ids) for what, ids in refresh.arrived.items()},
            adjusted=refresh.adjusted,
            not_restored=tuple(refresh.not_restored),
            caught_up=tuple(refresh.caught_up),
            unassigned=tuple(self._unassigned(refresh.arrived["reopened"])),
            found=tuple(self.found),
        )

    def _take(self, kind: type[Record], rows: Collection[Row], *, has_exits: bool = True) -> None:
        records: Records[Any] = getattr(self._tx, f"{kind.KIND}s")
        ids = [row.record.key for row in rows]
        there = records.get(ids)
        said_before = self._tx.imported.get(kind.KIND, ids)
        if kind is Project:
            self._projects.update(row.record.key for row in rows if not row.bare)
        new: list[Row] = []
        updated: list[Any] = []
        said: dict[str, str] = {}
        for row in rows:
            key = row.record.key
            if row.bare:
                if key not in there:
                    new.append(row)
                continue
            says = self._told_by(row, there.get(key), said_before.get(key), has_exits=has_exits)
            if says == said_before.get(key):
                continue
            said[key] = says
            if key not in there:
                new.append(row)
                continue
            after = merged(there[key], says, said_before.get(key))
            if after != there[key]:
                updated.append(after)
        records.add(row.record for row in new)
        self._tx.imported.put(kind.KIND, said)
        self._imported[f"{kind.KIND}s"] += len(new)
        if kind is Enrollment:
            self._refresh_enrollments(there, updated)
            if self._how["case_managers_from"] is not None:
                self._seed(new)
        else:
            self._update(kind, updated)

    def _told_by(self, row: Row, there: Record | None, said: str | None, *, has_exits: bool) -> str:
        """Return what a row says; where it is silent about an exit, that is what was said before.

        Where the export should have told the exit, it is reported.
        """
        says = say(row.record)
        if row.tells_exit or not isinstance(there, Enrollment):
            return says
        exit_date = heard(Enrollment, said or say(there))["exit_date"]
        if exit_date is not None and not has_exits:
            self.found.append(ImportIssue("Exit.csv", None, None, "no-exits", there.enrollment_id))
        return said_otherwise(Enrollment, says, exit_date=exit_date)

    def _take_exits(self, exits: list[LoneExit]) -> None:
        """Take exits that came without their enrollments as if the rest of the row had come again as it was."""
        ids = [exit_.enrollment_id for exit_ in exits]
        there, said = self._tx.enrollments.get(ids), self._tx.imported.get(Enrollment.KIND, ids)
        rows = []
        for exit_ in exits:
            key, on = exit_.enrollment_id, exit_.exit_date
            if key not in there:
                # What is removed may have been removed before it was ever sent.
                self._find(exit_, "EnrollmentID", "orphan-exit", when=on is not None)
                continue
            told: Enrollment = merged(there[key], said[key]) if key in said else there[key]
            self._find(exit_, "PersonalID", "other-client", when=exit_.personal_id not in (None, told.personal_id))
            if on is not None and on < told.entry_date:
                self._find(exit_, "ExitDate", "exit-before-entry")
            else:
                rows.append(_Again(attrs.evolve(told, exit_date=on)))
        self._take(Enrollment, rows)

    def _find(self, exit_: LoneExit, column: str, code: str, *, when: bool = True) -> None:
        if when:
            self.found.append(ImportIssue("Exit.csv", exit_.line, column, code, exit_.enrollment_id))

    def _refresh_enrollments(self, there: Mapping[str, Enrollment], updated: list[Enrollment]) -> None:
        """Put enrollments as the export says that they are; assignments follow where that is wanted."""
        changed = {after.enrollment_id for after in updated}
        behind = self._refresh.behind(self._tx, [each for key, each in there.items() if key not in changed])
        if updated or behind:
            draft = self._draft()
            self._refresh.put(draft, updated, behind)
            self._write(draft)

    def _update(self, kind: type[Record], updated: list[Any]) -> None:
        if updated:
            draft = self._draft()
            draft.find(kind, [after.key for after in updated])
            for after in updated:
                draft.put(after)
            self._write(draft)

    def _draft(self) -> Draft:
        return Draft(self._desk, self._tx, Action.EXPORT_IMPORT)

    def _write(self, draft: Draft) -> None:
        """Write what a draft puts, a line for each record, and remember the violations that it brings."""
        self._violations += introduced(draft)
        changes = draft.changes()
        draft.write(changes, self._ledger.batch_id)
        self._ledger.append([self._ledger.change(action, before, after) for before, after, action in changes])
        for _, after, _ in changes:
            self._changed[f"{after.KIND}s"] += 1

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
        """Give access to those who became case managers; for users whom this import adds, without a line."""
        there = self._tx.users.get(self._access)
        given = [attrs.evolve(u, organization_ids=u.organization_ids | self._access[key]) for key, u in there.items()]
        self._tx.users.replace(user for user in given if user.batch_id == self._ledger.batch_id)
        self._update(User, [user for user in given if user.batch_id != self._ledger.batch_id])

    def _unassigned(self, enrollment_ids: Collection[str]) -> Iterator[str]:
        """Yield those of the enrollments that are open today, and on which nobody is active."""
        for ids in in_batches(enrollment_ids, _ROWS_AT_ONCE):
            stints = self._tx.assignments.of_enrollments(ids)
            held = {s.enrollment_id for s in stints if not s.voided and self._desk.today in s.period}
            there = self._tx.enrollments.get(ids)
            yield from (key for key in ids if key not in held and there[key].is_open(self._desk.today))

    def _absent(self, export: Export) -> Iterator[list[str]]:
        """Yield the ids of the enrollments that a full refresh no longer has, batch by batch.

        They are of its projects and of its period, as they stand now and as the last import told of them: where the
        two differ, the other system may rightly have left them out.
        """
        days = export.full_refresh
        if days is None or self._is_first:
            return

        def belongs(enrollment: Enrollment) -> bool:
            return enrollment.project_id in self._projects and _is_of_period(enrollment, days)

        for enrollments in in_batches(self._tx.enrollments, _ROWS_AT_ONCE):
            candidates = {each.enrollment_id: each for each in enrollments if belongs(each)}
            said = self._tx.imported.get(Enrollment.KIND, export.lacking(candidates))
            absent = [key for key, told in said.items() if belongs(merged(candidates[key], told))]
            if absent:
                yield absent

    def _delete(self, enrollment_ids: Collection[str]) -> None:
        """Mark enrollments as deleted, as if the export had said so; then the row that comes back is news."""
        draft = self._draft()
        for enrollment in draft.open(enrollment_ids):
            draft.put(attrs.evolve(enrollment, deleted=True))
        self._write(draft)
        said = self._tx.imported.get(Enrollment.KIND, enrollment_ids)
        gone = {key: said_otherwise(Enrollment, told, deleted=True) for key, told in said.items()}
        self._tx.imported.put(Enrollment.KIND, gone)

    def _record(self, export: Export) -> None:
        """Write the line that stands for all records which this import saw for the first time."""
        after = {
            "export_id": export.export_id,
            "implementation_id": export.implementation_id,
            "exported_at": None if export.exported_at is None else export.exported_at.isoformat(),
            "sha256": export.sha256,
            "imported": self._imported,
            "changed": self._changed,
            **self._how,
        }
        record = RecordKey(IMPORT, self._ledger.batch_id)
        self._ledger.append([self._ledger.line(Action.EXPORT_IMPORT, record, None, after)])


def _is_of_period(enrollment: Enrollment, days: tuple[date, date]) -> bool:
    """Whether an export of a period, from its first to its last day, has an enrollment: the day of the exit counts."""
    first, last = days
    exit_date = enrollment.exit_date
    return not enrollment.deleted and enrollment.entry_date <= last and (exit_date is None or exit_date >= first)
