"""Casework: the front door. What one acting user can do and ask, bound to a store, a policy, clocks and rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Unpack

from caseassign.acts import add, assign, edit, enroll
from caseassign.acts.assign import UNCHANGED, Unset
from caseassign.acts.deidentify import deidentify
from caseassign.acts.exit import exit_enrollment, undo_exit
from caseassign.acts.export import Export
from caseassign.acts.import_assignments import AssignmentImport, AssignmentRow, import_assignments
from caseassign.acts.import_export import CaseManagersFrom, ImportResult, WhenAbsent, import_export
from caseassign.acts.outcome import Outcome
from caseassign.acts.refresh import AtExit
from caseassign.acts.run import How, Repeat
from caseassign.errors import InvalidRecordError
from caseassign.model import (
    CASE_MANAGER,
    Actor,
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Organization,
    Project,
    User,
    id_of,
)
from caseassign.period import as_day
from caseassign.policy import Action
from caseassign.teamwork import Teamwork
from caseassign.viewer import Day

_ME = Actor.ME


class Casework(Teamwork):
    """What one acting user can do and ask. A host application makes one for each request.

    ``user`` is a `User`, its id, or ``SYSTEM`` for set-up and batch jobs. ``clock`` says which day it is, and
    ``now`` which moment history records. Wherever a record is wanted, its id will do.

    Every act is one transaction. It takes ``reason``, which history keeps; ``command_id``, with which it happens
    once however often it is sent; and ``dry_run``, which computes and returns everything and writes nothing. It
    raises `PermissionDeniedError`, `RuleViolationError` with every violation that it would introduce, or
    `NotFoundError`, and then nothing was written.
    """

    def add(
        self,
        *records: Client | User | Organization | Project,
        **how: Unpack[How],
    ) -> Outcome:
        """Add clients, users, organizations and projects, or update those that are there."""
        return self._act(Action.RECORD_ADD, lambda draft: add.add(draft, records), **how)

    def enroll(
        self,
        client: enroll.Members,
        project: Project | str,
        on: Day | None = None,
        case_manager: enroll.CaseManager | enroll.PerMember = _ME,
        household_id: str | None = None,
        **how: Unpack[How],
    ) -> Outcome:
        """Enroll a client, or a household ``{client: relationship}`` at once, in a project on a day.

        ``case_manager`` is the acting user, another one, one per member ``{client: user}`` (the acting user for
        members who are not named), or None for nobody. Stints start on the entry date.
        """
        day = self._day(on, "on")
        return self._act(
            Action.ENROLLMENT_START,
            lambda draft: enroll.enroll(draft, client, id_of(project, Project), day, case_manager, household_id),
            **how,
        )

    def assign(
        self,
        enrollment: Enrollment | str,
        case_manager: User | str | Actor = _ME,
        start: Day | None = None,
        end: Day | None = None,
        role: str = CASE_MANAGER,
        household: bool = False,
        client: Client | str | None = None,
        replace: bool = False,
        **how: Unpack[How],
    ) -> Outcome:
        """Make a user responsible for an enrollment from ``start`` until ``end``, the first day no longer responsible.

        With ``household`` every member who has not exited by the start, each from the later of the start and their
        own entry; ``skipped`` names those who were left out. With ``client`` the enrollment must be theirs. With
        ``replace`` whoever holds the role ends on the start; that is refused where another holder starts later, or
        would have held past ``end``.
        """
        first, last = self._day(start, "start"), _optional_day(end, "end")
        return self._act(
            Action.ASSIGNMENT_START,
            lambda draft: assign.assign(
                draft,
                id_of(enrollment, Enrollment),
                case_manager,
                first,
                last,
                role=role,
                household=household,
                client=client,
                replace=replace,
            ),
            **how,
        )

    def end(
        self,
        assignment: CaseAssignment | str,
        on: Day | None = None,
        reason: str | None = None,
        **how: Unpack[Repeat],
    ) -> Outcome:
        """End a stint on a day, the first on which the user is no longer responsible.

        By default that is today, or, on an exited enrollment, the exit day, unless the stint is kept.
        """
        day = _optional_day(on, "on")
        return self._act(
            Action.ASSIGNMENT_END,
            lambda draft: assign.end(draft, id_of(assignment, CaseAssignment), day),
            reason=reason,
            **how,
        )

    def amend(
        self,
        assignment: CaseAssignment | str,
        start_date: Day | Unset = UNCHANGED,
        end_date: Day | Unset | None = UNCHANGED,
        role: str | Unset = UNCHANGED,
        reason: str | None = None,
        **how: Unpack[Repeat],
    ) -> Outcome:
        """Correct a stint's days or role. ``end_date=None`` makes it open-ended; what is left out is unchanged."""
        start, end = _given_day(start_date, "start_date"), _given_end(end_date, "end_date")
        return self._act(
            Action.ASSIGNMENT_AMEND,
            lambda draft: assign.amend(draft, id_of(assignment, CaseAssignment), start, end, role),
            reason=reason,
            **how,
        )

    def reactivate(
        self,
        assignment: CaseAssignment | str,
        on: Day | None = None,
        **how: Unpack[How],
    ) -> Outcome:
        """Make the user of an inactive stint responsible again from a day, in a new stint of the same role.

        Where that user and role are active there already, that stint is returned and nothing is written.
        """
        day = self._day(on, "on")
        return self._act(
            Action.ASSIGNMENT_REACTIVATE,
            lambda draft: assign.reactivate(draft, id_of(assignment, CaseAssignment), day),
            **how,
        )

    def hand_over(
        self,
        assignment: CaseAssignment | str,
        to: User | str | Actor,
        on: Day | None = None,
        **how: Unpack[How],
    ) -> Outcome:
        """End a stint on a day and start another user's on the same day, with the same role and planned end.

        The day defaults to today, or to the first day of a stint that has not begun.
        """
        day = _optional_day(on, "on")
        return self._act(
            Action.ASSIGNMENT_HAND_OVER,
            lambda draft: assign.hand_over(draft, id_of(assignment, CaseAssignment), to, day),
            **how,
        )

    def void(
        self,
        assignment: CaseAssignment | str,
        reason: str,
        **how: Unpack[Repeat],
    ) -> Outcome:
        """Say that a stint should never have existed, and why. It leaves every list and stays in history."""
        if not reason or not reason.strip():
            raise InvalidRecordError("Void", "reason", "is empty: say why the assignment should never have existed")
        return self._act(
            Action.ASSIGNMENT_VOID,
            lambda draft: assign.void(draft, id_of(assignment, CaseAssignment)),
            reason=reason,
            **how,
        )

    def set_status(
        self,
        assignment: CaseAssignment | str,
        status: AssignmentStatus | str,
        end_date: Day | Unset | None = UNCHANGED,
        **how: Unpack[How],
    ) -> Outcome:
        """Save an edit form that has a Status box beside an end date.

        Inactive ends the stint, today if no end date is given; Active on an inactive stint reactivates it. Inactive
        with a future end, or Active with a past one, is refused with both readings. An end date that is left out is
        unchanged; None is an empty box.
        """
        wanted, end = _status(status), _given_end(end_date, "end_date")
        return self._act(
            Action.CLIENT_VIEW,
            lambda draft: assign.set_status(draft, id_of(assignment, CaseAssignment), wanted, end),
            **how,
        )

    def exit(
        self,
        enrollment: Enrollment | str,
        on: Day | None = None,
        end_assignments: bool | Collection[CaseAssignment | str] = True,  # the form's box
        household: bool = False,
        **how: Unpack[How],
    ) -> Outcome:
        """Exit an enrollment, or all open members of its household, on a day, which may lie in the past.

        Stints that run past the exit end on it. With ``end_assignments=False``, or a list of those to end, the
        others are marked as kept. Stints that start after the exit are voided.
        """
        day = self._day(on, "on")
        return self._act(
            Action.ENROLLMENT_EXIT,
            lambda draft: exit_enrollment(
                draft, id_of(enrollment, Enrollment), day, end_assignments, household=household
            ),
            **how,
        )

    def undo_exit(
        self,
        enrollment: Enrollment | str,
        household: bool = False,
        **how: Unpack[How],
    ) -> Outcome:
        """Open an exited enrollment again, with each stint that is still as that exit left it.

        ``skipped`` names those that are not. With ``household`` every member that the same act exited is opened.
        """
        return self._act(
            Action.ENROLLMENT_UNDO_EXIT,
            lambda draft: undo_exit(draft, id_of(enrollment, Enrollment), household=household),
            **how,
        )

    def edit_enrollment(
        self,
        enrollment: Enrollment | str,
        entry_date: Day | Unset = UNCHANGED,
        exit_date: Day | Unset | None = UNCHANGED,
        relationship_to_hoh: int | Unset | None = UNCHANGED,
        household_id: str | Unset | None = UNCHANGED,
        adjust: bool = False,
        **how: Unpack[How],
    ) -> Outcome:
        """Correct an enrollment. Stints that would fall outside refuse it, or are clipped or voided with ``adjust``."""
        entry, leave = _given_day(entry_date, "entry_date"), _given_end(exit_date, "exit_date")
        return self._act(
            Action.ENROLLMENT_EDIT,
            lambda draft: edit.edit_enrollment(
                draft,
                id_of(enrollment, Enrollment),
                entry_date=entry,
                exit_date=leave,
                relationship_to_hoh=relationship_to_hoh,
                household_id=household_id,
                adjust=adjust,
            ),
            **how,
        )

    def import_export(
        self,
        export: Export,
        *,
        case_managers_from: CaseManagersFrom = None,
        at_exit: AtExit = "report",
        absent: WhenAbsent = "report",
        other_implementation: bool = False,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> ImportResult:
        """Import an export: add what is new, update what it says otherwise than last time, delete nothing.

        ``case_managers_from="Enrollment.UserID"`` makes the last editor of each enrollment that this import adds
        its case manager from entry to exit, and gives that user access to the project's organization.

        Exits, moved days and removed exits that arrive are reported, and assignments stay. With ``at_exit="end"``
        they are carried out, as `exit`, `edit_enrollment` with ``adjust`` and `undo_exit` would; what is kept past
        an exit stays kept; so is what arrived before and was only reported, if its stints do not fit it still. With
        ``absent="delete"`` enrollments that a full refresh no longer has are marked deleted.
        """
        return import_export(
            self._desk,
            export,
            case_managers_from=case_managers_from,
            at_exit=at_exit,
            absent=absent,
            other_implementation=other_implementation,
            reason=reason,
            dry_run=dry_run,
        )

    def import_assignments(
        self, rows: Iterable[AssignmentRow], *, reason: str | None = None, dry_run: bool = False
    ) -> AssignmentImport:
        """Take a list of assignments into the store: add what is new, amend what it says otherwise, delete nothing.

        A row that names what the store does not have, or that would break a required rule, is left out with an
        issue. No guard is asked: a list tells what was.
        """
        return import_assignments(self._desk, rows, reason=reason, dry_run=dry_run)

    def deidentify(self, clients: Client | str | Iterable[Client | str], **how: Unpack[How]) -> Outcome:
        """Remove who clients were: their names, and every name and reason that history keeps about them, for good.

        Ids, days and who was responsible stay, and history can be verified as before. Refused for clients who are
        enrolled, or held by somebody, today or later (`out_of_use` names those who are not). Nobody can undo it;
        doing it again writes nothing. An import that still has the names brings them back. A reason that lines about
        a client share with others of its batch goes for all of them; the reason of this act stays.
        """
        named = [clients] if isinstance(clients, Client | str) else clients
        personal_ids = [id_of(client, Client) for client in named]
        return self._act(Action.CLIENT_DEIDENTIFY, lambda draft: deidentify(draft, personal_ids), **how)


def _status(status: AssignmentStatus | str) -> AssignmentStatus:
    try:
        return AssignmentStatus(status.lower())
    except ValueError:
        raise InvalidRecordError("CaseAssignment", "status", "is not Active, Inactive or Upcoming") from None


def _optional_day(day: Day | None, field: str) -> date | None:
    return None if day is None else as_day(day, field)


def _given_day(day: Day | Unset, field: str) -> date | Unset:
    return day if isinstance(day, Unset) else as_day(day, field)


def _given_end(day: Day | Unset | None, field: str) -> date | Unset | None:
    return None if day is None else _given_day(day, field)
