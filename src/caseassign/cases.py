"""Cases: what a list shows. An assignment with its client, enrollment, project and head of household."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import attrs

from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.model import (
    Actor,
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Household,
    HouseholdKey,
    Organization,
    Project,
    Record,
    User,
)
from caseassign.period import Period
from caseassign.results import Listed
from caseassign.sight import Sight
from caseassign.storage import Transaction


def name_of(person: Client | User | None) -> str | None:
    """Return a person's name as lists show it, ``Last, First``; None where no name is known, or may be shown."""
    if person is None:
        return None
    return ", ".join(name for name in (person.last_name, person.first_name) if name) or None


@attrs.frozen(kw_only=True)
class Case:
    """One row of a list, as of a day.

    ``since`` is the start of the unbroken run of touching stints of that user in that role. ``household_size``
    counts the clients who are open in the household as of the day, the case's own always. ``assignment``,
    ``case_manager`` and ``since`` are None on an enrollment that nobody holds.
    """

    as_of: date
    assignment: CaseAssignment | None = None
    enrollment: Enrollment
    client: Client
    project: Project
    head_of_household: Client | None
    household_size: int
    case_manager: User | None = None
    since: date | None = None

    @property
    def status(self) -> AssignmentStatus | None:
        """What the assignment is as of the day."""
        return None if self.assignment is None else self.assignment.status(self.as_of)

    @property
    def is_same_day(self) -> bool:
        """Whether the assignment ends on the day on which it starts, and so is active as of no day."""
        return self.assignment is not None and self.assignment.period.is_empty

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data: days as ``YYYY-MM-DD``, null where something does not apply."""
        stint, head = self.assignment, self.head_of_household
        return {
            "assignment_id": None if stint is None else stint.assignment_id,
            "enrollment_id": self.enrollment.enrollment_id,
            "personal_id": self.enrollment.personal_id,
            "client_name": name_of(self.client),
            "project_id": self.project.project_id,
            "project_name": self.project.project_name,
            "entry_date": _iso(self.enrollment.entry_date),
            "exit_date": _iso(self.enrollment.exit_date),
            "household_id": self.enrollment.household_id,
            "household_size": self.household_size,
            "head_of_household": None if head is None else head.personal_id,
            "head_name": name_of(head),
            "user_id": None if stint is None else stint.user_id,
            "case_manager_name": name_of(self.case_manager),
            "role": None if stint is None else stint.role,
            "start_date": None if stint is None else _iso(stint.start_date),
            "end_date": None if stint is None else _iso(stint.end_date),
            "since": _iso(self.since),
            "status": None if self.status is None else str(self.status),
        }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


@attrs.frozen
class PageKey:
    """Where a page of cases ended: what the rows are sorted by, and the ids that break ties."""

    sort: tuple[str, ...] = attrs.field(repr=False)
    enrollment_id: str
    assignment_id: str

    @property
    def place(self) -> tuple[tuple[str, ...], str, str]:
        """What one place in the list is told before another by."""
        return self.sort, self.enrollment_id, self.assignment_id


_NARROWED_TO: Final = "projects, organizations, roles"


def _ids(records: Iterable[Record | str] | None) -> frozenset[str] | None:
    if records is None:
        return None
    if isinstance(records, str) or not isinstance(records, Iterable):
        raise InvalidRecordError("Selection", _NARROWED_TO, "is one text, or no list: give a list of texts")
    given = list(records)
    if not all(isinstance(record, str | Project | Organization) for record in given):
        raise InvalidRecordError("Selection", _NARROWED_TO, "names what is neither a text nor such a record")
    return frozenset(record if isinstance(record, str) else record.key for record in given)


@attrs.frozen(kw_only=True)
class Selection:
    """What a list is narrowed to: projects, organizations and roles; None where it is not."""

    projects: frozenset[str] | None = attrs.field(default=None, converter=_ids)
    organizations: frozenset[str] | None = attrs.field(default=None, converter=_ids)
    roles: frozenset[str] | None = attrs.field(default=None, converter=_ids)

    @property
    def takes_every_project(self) -> bool:
        """Whether the list is narrowed neither to projects nor to organizations."""
        return self.projects is None and self.organizations is None

    def takes(self, project: Project, stint: CaseAssignment | None = None) -> bool:
        """Whether a case belongs into the list, or, without one, whether cases of the project may."""
        return (
            (self.projects is None or project.project_id in self.projects)
            and (self.organizations is None or project.organization_id in self.organizations)
            and (self.roles is None or stint is None or stint.role in self.roles)
        )


EVERYTHING: Final = Selection()
"""A list that is narrowed to nothing."""


@attrs.frozen(kw_only=True)
class Cases(Listed[Case]):
    """Rows of a list. ``withheld`` is how many rows the acting user may not see.

    ``next_page`` is what to give as ``after`` for the rows that follow; None where these are the last. ``about`` is the
    user or the client who was asked about, ``period`` the days, if not one day. ``selection`` is what the list is
    narrowed to, ``known_at`` the moment up to which what was recorded counts; neither makes two lists unlike.
    """

    title: str
    as_of: date
    rows: tuple[Case, ...]
    withheld: int = 0
    next_page: PageKey | None = attrs.field(default=None, repr=False)

    period: Period | None = None
    about: User | Client | None = attrs.field(default=None, repr=lambda person: repr(person and person.key))
    selection: Selection = attrs.field(default=EVERYTHING, eq=False)
    known_at: datetime | None = attrs.field(default=None, eq=False)


class Assembler:
    """Puts stints and enrollments beside what lists show of them, with a few queries however many they are.

    Of a stint that the actor may not see, neither enrollment nor household nor client is loaded. ``withheld`` counts
    them.
    """

    def __init__(
        self, desk: Desk, tx: Transaction, actor: User | Actor, as_of: date, selection: Selection = EVERYTHING
    ) -> None:
        self._sight = Sight(desk, tx, actor)
        self._tx = tx
        self._actor = actor
        self._as_of = as_of
        self._selection = selection
        self.withheld = 0

    def of_stints(self, stints: Sequence[CaseAssignment]) -> list[Case]:
        """Return the case of each stint, in their order, without those on deleted enrollments."""
        own = self._tx.enrollments.get({stint.enrollment_id for stint in stints if self._is_own(stint)})
        of_ids = {key: enrollment.project_id for key, enrollment in own.items() if not enrollment.deleted}
        if others := {stint.enrollment_id for stint in stints} - own.keys():
            of_ids |= self._tx.enrollments.projects_of(others, deleted=False)
        projects = self._tx.projects.get(of_ids.values())
        wanted = [
            stint
            for stint in stints
            if stint.enrollment_id in of_ids and self._selection.takes(projects[of_ids[stint.enrollment_id]], stint)
        ]
        seen = self._sight.of_enrollments(of_ids)
        shown = [stint for stint in wanted if stint.enrollment_id in seen or self._is_own(stint)]
        self.withheld += len(wanted) - len(shown)
        enrollments = {**own}
        if others := {stint.enrollment_id for stint in shown} - own.keys():
            enrollments |= self._tx.enrollments.get(others)
        return self._cases([(enrollments[stint.enrollment_id], stint) for stint in shown], projects, seen)

    def of_enrollments(self, enrollments: Iterable[Enrollment]) -> list[Case]:
        """Return a case without assignment for each enrollment, in their order, without deleted ones."""
        live = [enrollment for enrollment in enrollments if not enrollment.deleted]
        projects = self._tx.projects.get({enrollment.project_id for enrollment in live})
        wanted = [e for e in live if self._selection.takes(projects[e.project_id], None)]
        seen = self._sight.of_enrollments({e.enrollment_id: e.project_id for e in wanted})
        shown = [e for e in wanted if e.enrollment_id in seen]
        self.withheld += len(wanted) - len(shown)
        return self._cases([(enrollment, None) for enrollment in shown], projects, seen)

    def _cases(
        self,
        pairs: Sequence[tuple[Enrollment, CaseAssignment | None]],
        projects: Mapping[str, Project],
        seen: Collection[str],
    ) -> list[Case]:
        tx = self._tx
        households = self._households([enrollment for enrollment, _ in pairs])
        own = {e.enrollment_id: households.get(e.household_key) or Household(members=(e,)) for e, _ in pairs}
        named = {e.personal_id for e, _ in pairs if e.enrollment_id in seen}
        named |= {head.personal_id for key, of_one in own.items() if key in seen and (head := of_one.head)}
        clients = tx.clients.get(named)
        users = tx.users.get({stint.user_id for _, stint in pairs if stint is not None})
        since = self._since([stint for _, stint in pairs if stint is not None])

        def shown(enrollment: Enrollment, personal_id: str) -> Client:
            return clients[personal_id] if enrollment.enrollment_id in seen else Client(personal_id=personal_id)

        cases = []
        for enrollment, stint in pairs:
            household = own[enrollment.enrollment_id]
            head = household.head
            cases.append(
                Case(
                    as_of=self._as_of,
                    assignment=stint,
                    enrollment=enrollment,
                    client=shown(enrollment, enrollment.personal_id),
                    project=projects[enrollment.project_id],
                    head_of_household=None if head is None else shown(enrollment, head.personal_id),
                    household_size=len(household.open_clients(self._as_of) | {enrollment.personal_id}),
                    case_manager=None if stint is None else users[stint.user_id],
                    since=None if stint is None else since[stint.assignment_id],
                )
            )
        return cases

    def _is_own(self, stint: CaseAssignment | None) -> bool:
        return stint is not None and isinstance(self._actor, User) and stint.user_id == self._actor.user_id

    def _households(self, enrollments: Iterable[Enrollment]) -> dict[HouseholdKey | None, Household]:
        """Return the households; an enrollment without HouseholdID is one of its own, and not among them."""
        keys = {key for enrollment in enrollments if (key := enrollment.household_key) is not None}
        members: defaultdict[HouseholdKey | None, list[Enrollment]] = defaultdict(list)
        for member in self._tx.enrollments.of_households(keys):
            if not member.deleted:
                members[member.household_key].append(member)
        return {key: Household(members=tuple(of_key)) for key, of_key in members.items()}

    def _since(self, stints: Sequence[CaseAssignment]) -> dict[str, date]:
        """Return for each stint the start of the unbroken run of touching stints of that user in that role."""
        runs: defaultdict[tuple[str, str, str], list[CaseAssignment]] = defaultdict(list)
        for stint in self._tx.assignments.of_enrollments({stint.enrollment_id for stint in stints}):
            if not stint.voided:
                runs[stint.enrollment_id, stint.user_id, stint.role].append(stint)
        return {s.assignment_id: _run_start(s, runs[s.enrollment_id, s.user_id, s.role]) for s in stints}


def _run_start(stint: CaseAssignment, own: Sequence[CaseAssignment]) -> date:
    start = stint.start_date
    for earlier in reversed(own):
        if earlier.start_date < start and (earlier.end_date is None or earlier.end_date >= start):
            start = earlier.start_date
    return start
