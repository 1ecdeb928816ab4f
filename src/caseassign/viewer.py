"""The viewer: what one can ask about cases. One object that binds store, acting user, policy and rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TypeAlias, TypedDict, Unpack

import attrs

from caseassign import questions
from caseassign.cases import Cases, PageKey, Selection
from caseassign.clock import Clock, Now, agency_today, utc_now
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.model import Actor, AssignmentStatus, Client, Enrollment, Organization, Project, User, id_of
from caseassign.policy import DefaultPolicy, Policy
from caseassign.questions import ClientRecord, Order, Page, Users
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
    to, and including, that moment. What the acting user may see is judged by what they may see now.
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
    ) -> Users:
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
        selection, page = selection_and_page(listing)
        day = self._day(as_of, "as_of")
        return questions.unassigned(self._desk_at(known_at), day, selection=selection, page=page)

    def _held(
        self,
        status: AssignmentStatus,
        user: User | str | Actor,
        as_of: Day | None,
        known_at: datetime | None,
        listing: Listing,
    ) -> Cases:
        holder = user if isinstance(user, Actor) else id_of(user, User)
        selection, page = selection_and_page(listing)
        day = self._day(as_of, "as_of")
        return questions.held(self._desk_at(known_at), status, holder, day, selection=selection, page=page)

    def _desk_at(self, known_at: datetime | None) -> Desk:
        return self._desk if known_at is None else attrs.evolve(self._desk, known_at=known_at)

    def _day(self, day: Day | None, field: str) -> date:
        return self._desk.day(day, field)


def selection_and_page(listing: Listing) -> tuple[Selection, Page]:
    """Return what a list is narrowed to, and which part of it is wanted."""
    names = ("projects", "organizations", "roles")
    narrowed = {name: value for name, value in listing.items() if name in names}
    paged = {name: value for name, value in listing.items() if name not in names}
    return Selection(**narrowed), Page(**paged)  # type: ignore[arg-type]  # a Listing is made of the two
