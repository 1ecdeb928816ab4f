"""The viewer: the half of the front door that only asks. One object that binds store, acting user, policy and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TypeAlias, TypedDict, Unpack

from caseassign import questions
from caseassign.audit import Audit
from caseassign.cases import Cases, PageKey, Selection
from caseassign.clock import Clock, Now, agency_today, utc_now
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.histories import History, history_of, verify_history
from caseassign.history import Break
from caseassign.model import (
    KINDS,
    Actor,
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Organization,
    Project,
    Record,
    User,
    id_of,
)
from caseassign.policy import DefaultPolicy, Policy
from caseassign.questions import ClientRecord, Order, Page
from caseassign.rules import ADVISORY_RULES, GUARDS, REQUIRED_RULES, Rules
from caseassign.storage import Store

Day: TypeAlias = date | str
"""A day: a ``date``, or text of exactly ``YYYY-MM-DD``."""

_ME = Actor.ME


class Listing(TypedDict, total=False):
    """How a list is narrowed, sorted and cut into pages."""

    projects: Iterable[Project | str] | None
    organizations: Iterable[Organization | str] | None
    roles: Iterable[str] | None
    order: Order
    limit: int | None
    after: PageKey | None


class Viewer:
    """What one acting user can ask. Lists show what they may see, and say how many rows were withheld."""

    def __init__(
        self,
        store: Store,
        *,
        user: User | str | Actor,
        clock: Clock = agency_today,
        now: Now = utc_now,
        policy: Policy | None = None,
        required: Rules = REQUIRED_RULES,
        guards: Rules = GUARDS,
        advisory: Rules = ADVISORY_RULES,
    ) -> None:
        if user is Actor.ME:
            raise InvalidRecordError("Casework", "user", "is ME: name the acting user")
        self._desk = Desk(
            store=store,
            user=user if isinstance(user, Actor) else id_of(user, User),
            policy=policy or DefaultPolicy(),
            clock=clock,
            now=now,
            required=tuple(required),
            guards=tuple(guards),
            advisory=tuple(advisory),
        )

    def active_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the cases of a user that are active as of a day, by client name or by start.

        ``limit`` rows at a time; what follows is asked for with ``after=`` the ``next_page`` of the part before.
        """
        return self._held(AssignmentStatus.ACTIVE, user, as_of, listing)

    def inactive_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the past cases of a user: one row for each past stint that is not held again as of the day."""
        return self._held(AssignmentStatus.INACTIVE, user, as_of, listing)

    def upcoming_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the cases of a user that start after a day."""
        return self._held(AssignmentStatus.UPCOMING, user, as_of, listing)

    def case_managers(self, client: Client | str, as_of: Day | None = None, household: bool = False) -> Cases:
        """Return every stint of a client, active first, then inactive, then upcoming, grouped by enrollment."""
        day = self._day(as_of, "as_of")
        return questions.case_managers(self._desk, id_of(client, Client), day, household=household)

    def client_record(self, client: Client | str, as_of: Day | None = None) -> ClientRecord:
        """Return all enrollments of a client, open first, each with household members and case managers."""
        return questions.client_record(self._desk, id_of(client, Client), self._day(as_of, "as_of"))

    def find_case_managers(
        self, text: str, enrollment: Enrollment | str | None = None, project: Project | str | None = None
    ) -> tuple[User, ...]:
        """Return users by part of a name or id; with an enrollment or a project, those who may take it."""
        return questions.find_case_managers(
            self._desk,
            text,
            enrollment_id=None if enrollment is None else id_of(enrollment, Enrollment),
            project_id=None if project is None else id_of(project, Project),
        )

    def unassigned(self, as_of: Day | None = None, **listing: Unpack[Listing]) -> Cases:
        """Return the open enrollments on which nobody is active as of a day."""
        selection, page = _selection_and_page(listing)
        return questions.unassigned(self._desk, self._day(as_of, "as_of"), selection=selection, page=page)

    def history(
        self,
        record: Record | None = None,
        *,
        enrollment: Enrollment | str | None = None,
        assignment: CaseAssignment | str | None = None,
        client: Client | str | None = None,
        user: User | str | None = None,
        batch: str | None = None,
    ) -> History:
        """Return the history of one record, or of one batch, in the order in which it was written."""
        named: dict[str, Record | str | None]
        named = {"enrollment": enrollment, "assignment": assignment, "client": client, "user": user, "batch": batch}
        asked = [(kind, each) for kind, each in named.items() if each is not None]
        if record is not None:
            asked.append((getattr(record, "KIND", ""), record))
        kind, each = asked[0] if len(asked) == 1 else ("", "")
        if kind != "batch" and kind not in KINDS:
            raise InvalidRecordError("History", "record", "must be one: give a record, or one id by its kind")
        return history_of(self._desk, kind, str(each) if kind == "batch" else id_of(each, KINDS[kind]))

    def verify_history(self) -> tuple[Break, ...]:
        """Return every place at which a line of history was changed, removed or put in; none if all is well."""
        return verify_history(self._desk)

    def audit(
        self,
        as_of: Day | None = None,
        *,
        projects: Iterable[Project | str] | None = None,
        organizations: Iterable[Organization | str] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Audit:
        """Return every violation, required and advisory, as a stream; ``progress`` hears of enrollments seen."""
        selection = Selection(projects=projects, organizations=organizations)
        return Audit(self._desk, self._day(as_of, "as_of"), selection, progress)

    def _held(self, status: AssignmentStatus, user: User | str | Actor, as_of: Day | None, listing: Listing) -> Cases:
        holder = user if isinstance(user, Actor) else id_of(user, User)
        selection, page = _selection_and_page(listing)
        day = self._day(as_of, "as_of")
        return questions.held(self._desk, status, holder, day, selection=selection, page=page)

    def _day(self, day: Day | None, field: str) -> date:
        return self._desk.day(day, field)


def _selection_and_page(listing: Listing) -> tuple[Selection, Page]:
    names = ("projects", "organizations", "roles")
    narrowed = {name: value for name, value in listing.items() if name in names}
    paged = {name: value for name, value in listing.items() if name not in names}
    return Selection(**narrowed), Page(**paged)  # type: ignore[arg-type]  # a Listing is made of the two
