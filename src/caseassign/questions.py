"""The questions about cases: who holds whom, who did, who will, and who is held by nobody.

Each is answered in one read transaction, with a number of queries that does not depend on the number of rows.
Lists show what the acting user may see and say how many rows were withheld; everybody sees their own stints,
with names withheld where their access is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final, Literal, TypeAlias, get_args

import attrs

from caseassign.cases import EVERYTHING, Assembler, Case, Cases, PageKey, Selection, name_of
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.gather import caseload_facts
from caseassign.model import (
    COVER,
    Actor,
    AssignmentStatus,
    CaseAssignment,
    Client,
    Enrollment,
    Household,
    Project,
    User,
)
from caseassign.past import present
from caseassign.policy import Action
from caseassign.results import Streamed
from caseassign.rules import AssignmentFacts, CaseloadFacts, by_subject, check
from caseassign.sight import Sight
from caseassign.storage import Transaction, one

Order: TypeAlias = Literal["client", "start"]

_ACTIVE_FIRST: Final = {AssignmentStatus.ACTIVE: "0", AssignmentStatus.INACTIVE: "1", AssignmentStatus.UPCOMING: "2"}


@attrs.frozen(kw_only=True)
class Page:
    """How a list is sorted, and which part of it is wanted: at most ``limit`` rows that follow ``after``."""

    order: Order = "client"
    limit: int | None = None
    after: PageKey | None = None

    def __attrs_post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise InvalidRecordError("Page", "order", "is neither 'client' nor 'start'")
        if self.limit is not None and (type(self.limit) is not int or self.limit < 1):
            raise InvalidRecordError("Page", "limit", "is no whole number that is at least 1")
        if not isinstance(self.after, PageKey | None):
            raise InvalidRecordError("Page", "after", "is no place in a list: give the next_page of the part before")


WHOLE: Final = Page()
"""The whole list, sorted by client name."""


def held(
    desk: Desk,
    status: AssignmentStatus,
    user: str | Actor,
    as_of: date,
    *,
    selection: Selection = EVERYTHING,
    page: Page = WHOLE,
) -> Cases:
    """Return the cases that a user holds, held or will hold, as of a day.

    A past stint is shown only where the user does not hold that enrollment in that role as of the day, and cover
    that has run out is not shown at all.
    """
    with desk.asking(Action.CASELOAD_VIEW) as (tx, actor):
        holder = holder_of(tx, actor, user)
        desk.authorize(actor, Action.CASELOAD_VIEW, user=holder)
        past = status is AssignmentStatus.INACTIVE
        projects = None if selection.takes_every_project else [p.key for p in tx.projects if selection.takes(p)]
        stints = tx.assignments.of_users([holder.user_id], None if past else as_of, projects)
        stints = [stint for stint in stints if not stint.voided]
        wanted = [stint for stint in stints if stint.status(as_of) is status]
        if past:
            now = {(s.enrollment_id, s.role) for s in stints if s.status(as_of) is AssignmentStatus.ACTIVE}
            wanted = [s for s in wanted if (s.enrollment_id, s.role) not in now and s.role != COVER]
        assembler = Assembler(desk, tx, actor, as_of, selection)
        cases = assembler.of_stints(wanted)
        about = as_known(tx, holder)
    found = paged(desk, f"{status.capitalize()} cases", as_of, cases, assembler.withheld, selection, page)
    return attrs.evolve(found, about=about)


def case_managers(desk: Desk, personal_id: str, as_of: date, *, household: bool) -> Cases:
    """Return every stint of a client: active first, then inactive, then upcoming, each grouped by enrollment."""
    with desk.asking(Action.CLIENT_VIEW) as (tx, actor):
        desk.authorize(actor, Action.CLIENT_VIEW)
        one(tx.clients, "client", personal_id)
        enrollments = tx.enrollments.of_clients([personal_id])
        if household:
            keys = {key for e in enrollments if not e.deleted and (key := e.household_key) is not None}
            enrollments = list({e.key: e for e in [*enrollments, *tx.enrollments.of_households(keys)]}.values())
        stints = tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in enrollments])
        assembler = Assembler(desk, tx, actor, as_of)
        cases = assembler.of_stints([stint for stint in stints if not stint.voided])
    cases.sort(key=lambda case: (*_by_status(case), _page_key(case, "start").place))
    own = (case.client for case in cases if case.client.personal_id == personal_id)
    about = next(own, Client(personal_id=personal_id))
    return Cases(
        title="Case managers",
        as_of=as_of,
        rows=tuple(cases),
        withheld=assembler.withheld,
        about=about,
        known_at=desk.known_at,
    )


def unassigned(desk: Desk, as_of: date, *, selection: Selection = EVERYTHING, page: Page = WHOLE) -> Cases:
    """Return the open enrollments on which nobody is active as of a day, whoever held them before."""
    with desk.asking(Action.AUDIT_RUN) as (tx, actor):
        desk.authorize(actor, Action.AUDIT_RUN)
        part = Sight(desk, tx, actor).part(selection.takes)
        hidden = tx.enrollments.count(part.hidden, unassigned_on=as_of) if part.hidden else 0
        assembler = Assembler(desk, tx, actor, as_of, selection)
        cases = assembler.of_enrollments(tx.enrollments.unassigned(as_of, part.shown))
    return paged(desk, "Unassigned enrollments", as_of, cases, hidden + assembler.withheld, selection, page)


class Users(tuple[User, ...], Streamed[User]):
    """Users who were found, by name."""

    __slots__ = ()


@attrs.frozen(kw_only=True)
class EnrollmentRecord:
    """One enrollment of a client record: its members, and everybody who holds, held or will hold it."""

    enrollment: Enrollment
    project: Project
    members: tuple[tuple[Enrollment, Client], ...]
    case_managers: tuple[Case, ...]


@attrs.frozen(kw_only=True)
class ClientRecord(Streamed[Case]):
    """What one sees on selecting a client: all enrollments, open ones first, and what an exit form shows.

    Its rows are the cases of each enrollment, one without assignment where nobody held it. ``known_at`` is the moment
    up to which what was recorded counts.
    """

    client: Client
    as_of: date
    enrollments: tuple[EnrollmentRecord, ...]
    withheld: int = 0
    known_at: datetime | None = attrs.field(default=None, eq=False)

    def __iter__(self) -> Iterator[Case]:
        for of_one in self.enrollments:
            yield from of_one.case_managers or (self._held_by_nobody(of_one),)

    def _held_by_nobody(self, of_one: EnrollmentRecord) -> Case:
        household = Household(members=tuple(member for member, _ in of_one.members))
        clients = {client.personal_id: client for _, client in of_one.members}
        return Case(
            as_of=self.as_of,
            enrollment=of_one.enrollment,
            client=self.client,
            project=of_one.project,
            head_of_household=None if household.head is None else clients[household.head.personal_id],
            household_size=len(household.open_clients(self.as_of) | {self.client.personal_id}),
        )


def client_record(desk: Desk, personal_id: str, as_of: date) -> ClientRecord:
    """Return a client's enrollments, those with nobody assigned included, open first, then the latest first."""
    with desk.asking(Action.CLIENT_VIEW) as (tx, actor):
        desk.authorize(actor, Action.CLIENT_VIEW)
        client = one(tx.clients, "client", personal_id)
        sight = Sight(desk, tx, actor)
        every = [e for e in tx.enrollments.of_clients([personal_id]) if not e.deleted]
        seen = sight.of_enrollments({e.enrollment_id: e.project_id for e in every})
        shown = [e for e in every if e.enrollment_id in seen]
        projects = tx.projects.get({e.project_id for e in shown})
        stints = tx.assignments.of_enrollments([e.enrollment_id for e in shown])
        cases = Assembler(desk, tx, actor, as_of).of_stints([s for s in stints if not s.voided])
        keys = {key for e in shown if (key := e.household_key) is not None}
        members = {m.key: m for m in [*shown, *tx.enrollments.of_households(keys)] if not m.deleted}
        clients = tx.clients.get({member.personal_id for member in members.values()})
        is_named = bool(shown) or not (every or sight.hidden_clients([personal_id]))
    cases.sort(key=lambda case: (_by_status(case), _page_key(case, "start").place))
    shown.sort(key=lambda e: (e.entry_date, e.enrollment_id), reverse=True)
    shown.sort(key=lambda e: not e.is_open(as_of))
    return ClientRecord(
        client=client if is_named else Client(personal_id=personal_id),
        as_of=as_of,
        withheld=len(every) - len(shown),
        known_at=desk.known_at,
        enrollments=tuple(
            EnrollmentRecord(
                enrollment=enrollment,
                project=projects[enrollment.project_id],
                members=tuple((m, clients[m.personal_id]) for m in members.values() if _are_together(m, enrollment)),
                case_managers=tuple(c for c in cases if c.enrollment.enrollment_id == enrollment.enrollment_id),
            )
            for enrollment in shown
        ),
    )


def find_case_managers(desk: Desk, text: str, *, enrollment_id: str | None, project_id: str | None) -> Users:
    """Return the users whose name or id has every word of ``text`` in it, by name.

    With an enrollment or a project, only those who may take it from today on, or from its entry, as the guards say.
    """
    words = text.casefold().split()
    today = desk.today
    with desk.asking(Action.ASSIGNMENT_START) as (tx, actor):
        enrollment = _to_take(tx, enrollment_id, project_id, today)
        project = None if enrollment is None else one(tx.projects, "project", enrollment.project_id)
        now = {} if project is None else present(tx).projects.get([project.project_id])
        desk.authorize(actor, Action.ASSIGNMENT_START, projects=now.values())
        found = [user for user in tx.users if _matches(user, words)]
        if enrollment is not None and project is not None:
            found = list(_who_may_take(desk, tx, found, enrollment, project, max(today, enrollment.entry_date)))
    return Users(sorted(found, key=lambda user: (_sort_name(user), user.user_id)))


def holder_of(tx: Transaction, actor: User | Actor, user: str | Actor) -> User:
    """Return the user whose cases are asked for, as known now, which is what the policy is asked about.

    Raises `NotFoundError` for one who is not known, or was not at the time that is asked about.
    """
    if user is Actor.ME and isinstance(actor, User):
        holder = actor
    elif isinstance(user, Actor):
        raise InvalidRecordError("User", "user", "is the system, which holds no cases: name a user")
    else:
        holder = one(present(tx).users, "user", user)
    if present(tx) is not tx:
        one(tx.users, "user", holder.user_id)
    return holder


def as_known(tx: Transaction, user: User) -> User:
    """Return a user as the store that is asked knows them, now or then."""
    return user if present(tx) is tx else one(tx.users, User.KIND, user.user_id)


def _to_take(tx: Transaction, enrollment_id: str | None, project_id: str | None, today: date) -> Enrollment | None:
    if enrollment_id is not None:
        return one(tx.enrollments, "enrollment", enrollment_id)
    if project_id is not None:
        return Enrollment(enrollment_id="to be made", personal_id="any", project_id=project_id, entry_date=today)
    return None


def _who_may_take(
    desk: Desk, tx: Transaction, users: Sequence[User], enrollment: Enrollment, project: Project, start: date
) -> Iterator[User]:
    """Yield those of the users who could hold an enrollment from a day on, in a role that is yet to be chosen."""
    held = caseload_facts(tx, users, start) if by_subject(desk.guards)[CaseloadFacts] else {}
    for user in users:
        stint = CaseAssignment(
            assignment_id="to be made", enrollment_id=enrollment.enrollment_id, user_id=user.user_id, start_date=start
        )
        case = AssignmentFacts(assignment=stint, enrollment=enrollment, project=project, user=user, as_of=start)
        caseload = CaseloadFacts(user=user, cases=(*held.get(user.user_id, ()), case), as_of=start)
        if all(violation.field == "role" for violation in check(desk.guards, [case, caseload])):
            yield user


def _matches(user: User, words: Sequence[str]) -> bool:
    return all(word in f"{user.first_name or ''} {user.last_name or ''} {user.user_id}".casefold() for word in words)


def _are_together(member: Enrollment, enrollment: Enrollment) -> bool:
    if enrollment.household_key is None:
        return member.enrollment_id == enrollment.enrollment_id
    return member.household_key == enrollment.household_key


def _sort_name(person: Client | User) -> tuple[str, str]:
    return ("1", "") if (name := name_of(person)) is None else ("0", name.casefold())


def _by_status(case: Case) -> tuple[str, int, str]:
    rank = "" if case.status is None else _ACTIVE_FIRST[case.status]
    return rank, -case.enrollment.entry_date.toordinal(), case.enrollment.enrollment_id


def _page_key(case: Case, order: Order) -> PageKey:
    stint = case.assignment
    start = (case.enrollment.entry_date if stint is None else stint.start_date).isoformat()
    client = (*_sort_name(case.client), case.client.personal_id)
    sort = (*client, start) if order == "client" else (start, *client)
    return PageKey(sort, case.enrollment.enrollment_id, "" if stint is None else stint.assignment_id)


def paged(
    desk: Desk, title: str, as_of: date, cases: Sequence[Case], withheld: int, selection: Selection, page: Page
) -> Cases:
    """Return the part of a list that is wanted, in its order."""
    rows = sorted(((_page_key(case, page.order), case) for case in cases), key=lambda row: row[0].place)
    if page.after is not None:
        rows = [row for row in rows if row[0].place > page.after.place]
    part = rows if page.limit is None else rows[: page.limit]
    return Cases(
        title=title,
        as_of=as_of,
        rows=tuple(case for _, case in part),
        withheld=withheld,
        next_page=part[-1][0] if part and len(part) < len(rows) else None,
        selection=selection,
        known_at=desk.known_at,
    )
