"""The viewer: the half of the front door that only asks. One object that binds store, acting user, policy and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import TypeAlias, TypedDict, Unpack

import attrs

from caseassign import questions
from caseassign.audit import Audit
from caseassign.caseloads import Caseloads, caseloads, caseloads_during
from caseassign.cases import Cases, PageKey, Selection
from caseassign.clock import Clock, Now, agency_today, utc_now
from caseassign.coming_up import ComingUp, coming_up
from caseassign.desk import Desk
from caseassign.during import cases_during
from caseassign.errors import InvalidRecordError
from caseassign.histories import History, history_head, history_of, verify_history
from caseassign.history import Break, Head
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
from caseassign.out_of_use import OutOfUse, out_of_use
from caseassign.period import Period, as_day
from caseassign.policy import DefaultPolicy, Policy
from caseassign.questions import ClientRecord, Order, Page
from caseassign.rules import ADVISORY_RULES, GUARDS, REQUIRED_RULES, Rules, with_hard_limits
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
    """What one acting user can ask. Lists show what they may see, and say how many rows were withheld.

    Every question takes ``known_at``, a `datetime` with a time zone, and is then answered from what was recorded up
    to, and including, that moment. What the acting user may see is judged by what they may see now. Only what is
    asked of the store as it stands does not: `verify_history`, `history_head` and `out_of_use`.
    """

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
            policy=DefaultPolicy() if policy is None else policy,
            clock=clock,
            now=now,
            required=tuple(required),
            guards=with_hard_limits(tuple(guards), tuple(advisory)),
            advisory=tuple(advisory),
        )

    def active_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        known_at: datetime | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the cases of a user that are active as of a day, by client name or by start.

        ``limit`` rows at a time; what follows is asked for with ``after=`` the ``next_page`` of the part before.
        """
        return self._held(AssignmentStatus.ACTIVE, user, as_of, known_at, listing)

    def inactive_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        known_at: datetime | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the past cases of a user: one row for each past stint that is not held again as of the day."""
        return self._held(AssignmentStatus.INACTIVE, user, as_of, known_at, listing)

    def upcoming_cases(
        self,
        user: User | str | Actor = _ME,
        as_of: Day | None = None,
        known_at: datetime | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return the cases of a user that start after a day."""
        return self._held(AssignmentStatus.UPCOMING, user, as_of, known_at, listing)

    def case_managers(
        self,
        client: Client | str,
        as_of: Day | None = None,
        household: bool = False,
        known_at: datetime | None = None,
    ) -> Cases:
        """Return every stint of a client, active first, then inactive, then upcoming, grouped by enrollment."""
        day = self._day(as_of, "as_of")
        return questions.case_managers(self._desk_at(known_at), id_of(client, Client), day, household=household)

    def client_record(
        self, client: Client | str, as_of: Day | None = None, known_at: datetime | None = None
    ) -> ClientRecord:
        """Return all enrollments of a client, open first, each with household members and case managers."""
        day = self._day(as_of, "as_of")
        return questions.client_record(self._desk_at(known_at), id_of(client, Client), day)

    def find_case_managers(
        self,
        text: str,
        enrollment: Enrollment | str | None = None,
        project: Project | str | None = None,
        known_at: datetime | None = None,
    ) -> tuple[User, ...]:
        """Return users by part of a name or id; with an enrollment or a project, those who may take it."""
        return questions.find_case_managers(
            self._desk_at(known_at),
            text,
            enrollment_id=None if enrollment is None else id_of(enrollment, Enrollment),
            project_id=None if project is None else id_of(project, Project),
        )

    def unassigned(
        self, as_of: Day | None = None, known_at: datetime | None = None, **listing: Unpack[Listing]
    ) -> Cases:
        """Return the open enrollments on which nobody is active as of a day."""
        selection, page = _selection_and_page(listing)
        day = self._day(as_of, "as_of")
        return questions.unassigned(self._desk_at(known_at), day, selection=selection, page=page)

    def cases_during(
        self,
        user: User | str | Actor = _ME,
        start: Day | None = None,
        end: Day | None = None,
        known_at: datetime | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return whom a user held at any time from ``start`` until ``end``, the first day that no longer counts.

        Same-day stints that start inside are among them. Rows stand as of the last day of the period.
        """
        selection, page = _selection_and_page(listing)
        holder = user if isinstance(user, Actor) else id_of(user, User)
        return cases_during(self._desk_at(known_at), holder, _period(start, end), selection=selection, page=page)

    def caseloads(
        self,
        as_of: Day | None = None,
        known_at: datetime | None = None,
        *,
        projects: Iterable[Project | str] | None = None,
        organizations: Iterable[Organization | str] | None = None,
    ) -> Caseloads:
        """Return how many cases, clients and households each user holds as of a day, cover apart, by name."""
        selection = Selection(projects=projects, organizations=organizations)
        return caseloads(self._desk_at(known_at), self._day(as_of, "as_of"), selection=selection)

    def caseloads_during(
        self,
        start: Day,
        end: Day,
        known_at: datetime | None = None,
        *,
        projects: Iterable[Project | str] | None = None,
        organizations: Iterable[Organization | str] | None = None,
    ) -> Caseloads:
        """Return how much each user held at any time from ``start`` until ``end``, as `cases_during` counts it."""
        selection = Selection(projects=projects, organizations=organizations)
        return caseloads_during(self._desk_at(known_at), _period(start, end), selection=selection)

    def coming_up(
        self,
        days: int,
        as_of: Day | None = None,
        user: User | str | Actor | None = None,
        known_at: datetime | None = None,
        *,
        projects: Iterable[Project | str] | None = None,
        organizations: Iterable[Organization | str] | None = None,
    ) -> ComingUp:
        """Return which assignments end, which covers run out and which users leave within ``days`` days after a day.

        Of one user; by default of everybody, or of the acting user alone, if they may not see others' caseloads.
        """
        holder = user if user is None or isinstance(user, Actor) else id_of(user, User)
        selection = Selection(projects=projects, organizations=organizations)
        day = self._day(as_of, "as_of")
        return coming_up(self._desk_at(known_at), days, day, holder, selection=selection)

    def history(
        self,
        record: Record | None = None,
        *,
        enrollment: Enrollment | str | None = None,
        assignment: CaseAssignment | str | None = None,
        client: Client | str | None = None,
        user: User | str | None = None,
        batch: str | None = None,
        known_at: datetime | None = None,
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
        desk = self._desk_at(known_at)
        return history_of(desk, kind, str(each) if kind == "batch" else id_of(each, KINDS[kind]))

    def verify_history(self, anchors: Iterable[Head] = ()) -> tuple[Break, ...]:
        """Return every place at which the history is not as it was written; none if all is well.

        That is where a line was changed, removed or put in, or the text changed that a line stands for; a text that
        was removed breaks nothing. ``anchors`` are heads that were noted down elsewhere: with them it is found too if
        somebody removed the last lines, or wrote others, and the head anew.
        """
        return verify_history(self._desk, anchors)

    def history_head(self) -> Head:
        """Return where the history ends: the number and the digest of its last line, to be noted down elsewhere."""
        return history_head(self._desk)

    def out_of_use(self, since: Day) -> OutOfUse:
        """Return the clients who have not been enrolled, or held, since a day, and are not de-identified.

        As of that day or later none of their enrollments is open and none of their assignments lasts, deleted and
        void ones aside; one who was never enrolled was recorded, and changed last, on it or before.
        """
        return out_of_use(self._desk, as_day(since, "since"))

    def audit(
        self,
        as_of: Day | None = None,
        *,
        projects: Iterable[Project | str] | None = None,
        organizations: Iterable[Organization | str] | None = None,
        progress: Callable[[int], None] | None = None,
        known_at: datetime | None = None,
    ) -> Audit:
        """Return every violation, required and advisory, as a stream; ``progress`` hears of enrollments seen."""
        selection = Selection(projects=projects, organizations=organizations)
        return Audit(self._desk_at(known_at), self._day(as_of, "as_of"), selection, progress)

    def _held(
        self,
        status: AssignmentStatus,
        user: User | str | Actor,
        as_of: Day | None,
        known_at: datetime | None,
        listing: Listing,
    ) -> Cases:
        holder = user if isinstance(user, Actor) else id_of(user, User)
        selection, page = _selection_and_page(listing)
        day = self._day(as_of, "as_of")
        return questions.held(self._desk_at(known_at), status, holder, day, selection=selection, page=page)

    def _desk_at(self, known_at: datetime | None) -> Desk:
        return self._desk if known_at is None else attrs.evolve(self._desk, known_at=known_at)

    def _day(self, day: Day | None, field: str) -> date:
        return self._desk.day(day, field)


def _selection_and_page(listing: Listing) -> tuple[Selection, Page]:
    names = ("projects", "organizations", "roles")
    narrowed = {name: value for name, value in listing.items() if name in names}
    paged = {name: value for name, value in listing.items() if name not in names}
    return Selection(**narrowed), Page(**paged)  # type: ignore[arg-type]  # a Listing is made of the two


def _period(start: Day | None, end: Day | None) -> Period:
    if start is None or end is None:
        raise InvalidRecordError("Period", "start, end", "are both needed: the first day, and the first one after it")
    return Period(as_day(start, "start"), as_day(end, "end"))
