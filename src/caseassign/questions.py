"""The questions about cases: who holds whom, who did, who will, and who is held by nobody.

Each is answered in one read transaction, with a number of queries that does not depend on the number of rows.
Lists show what the acting user may see and say how many rows were withheld; everybody sees their own stints,
with names withheld where their access is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal, TypeAlias, get_args

import attrs

from caseassign.batches import in_batches
from caseassign.cases import EVERYTHING, Assembler, Case, Cases, PageKey, Selection, name_of
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError
from caseassign.model import COVER, Actor, AssignmentStatus, CaseAssignment, Client, Enrollment, Project, User
from caseassign.policy import Action
from caseassign.rules import AssignmentFacts, check
from caseassign.storage import Transaction, one

Order: TypeAlias = Literal["client", "start"]

_ACTIVE_FIRST: Final = {AssignmentStatus.ACTIVE: "0", AssignmentStatus.INACTIVE: "1", AssignmentStatus.UPCOMING: "2"}
_ENROLLMENTS_AT_ONCE: Final = 2_000


@attrs.frozen(kw_only=True)
class Page:
    """How a list is sorted, and which part of it is wanted: at most ``limit`` rows that follow ``after``."""

    order: Order = "client"
    limit: int | None = None
    after: PageKey | None = None

    def __attrs_post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise InvalidRecordError("Page", "order", "is neither 'client' nor 'start'")
        if self.limit is not None and self.limit < 1:
            raise InvalidRecordError("Page", "limit", "is not at least 1")


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
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.CASELOAD_VIEW)
        holder = _holder(tx, actor, user)
        desk.authorize(actor, Action.CASELOAD_VIEW, user=holder)
        past = status is AssignmentStatus.INACTIVE
        stints = tx.assignments.of_users([holder.user_id], None if past else as_of)
        stints = [stint for stint in stints if not stint.voided]
        wanted = [stint for stint in stints if stint.status(as_of) is status]
        if past:
            now = {(s.enrollment_id, s.role) for s in stints if s.status(as_of) is AssignmentStatus.ACTIVE}
            wanted = [s for s in wanted if (s.enrollment_id, s.role) not in now and s.role != COVER]
        assembler = Assembler(desk, tx, actor, as_of, selection)
        cases = assembler.of_stints(wanted)
    return _page(f"{status.capitalize()} cases", as_of, cases, assembler.withheld, page)


def case_managers(desk: Desk, personal_id: str, as_of: date, *, household: bool) -> Cases:
    """Return every stint of a client: active first, then inactive, then upcoming, each grouped by enrollment."""
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.CLIENT_VIEW)
        desk.authorize(actor, Action.CLIENT_VIEW)
        one(tx.clients, "client", personal_id)
        enrollments = tx.enrollments.of_clients([personal_id])
        if household:
            keys = {key for e in enrollments if not e.deleted and (key := e.household_key) is not None}
            enrollments = list({e.key: e for e in [*enrollments, *tx.enrollments.of_households(keys)]}.values())
        stints = tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in enrollments])
        assembler = Assembler(desk, tx, actor, as_of)
        cases = assembler.of_stints([stint for stint in stints if not stint.voided])
    cases.sort(key=lambda case: (*_by_status(case), _page_key(case, "start")))
    return Cases(title="Case managers", as_of=as_of, rows=tuple(cases), withheld=assembler.withheld)


def unassigned(desk: Desk, as_of: date, *, selection: Selection = EVERYTHING, page: Page = WHOLE) -> Cases:
    """Return the open enrollments on which nobody is active as of a day, whoever held them before."""
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.AUDIT_RUN)
        desk.authorize(actor, Action.AUDIT_RUN)
        nobodys: list[Enrollment] = []
        for enrollments in in_batches(tx.enrollments.by_household(), _ENROLLMENTS_AT_ONCE):
            open_ones = [enrollment for enrollment in enrollments if enrollment.is_open(as_of)]
            stints = tx.assignments.of_enrollments([enrollment.enrollment_id for enrollment in open_ones])
            assigned = {s.enrollment_id for s in stints if not s.voided and as_of in s.period}
            nobodys += [e for e in open_ones if e.enrollment_id not in assigned]
        assembler = Assembler(desk, tx, actor, as_of, selection)
        cases = assembler.of_enrollments(nobodys)
    return _page("Unassigned enrollments", as_of, cases, assembler.withheld, page)


@attrs.frozen(kw_only=True)
class EnrollmentRecord:
    """One enrollment of a client record: its members, and everybody who holds, held or will hold it."""

    enrollment: Enrollment
    project: Project
    members: tuple[tuple[Enrollment, Client], ...]
    case_managers: tuple[Case, ...]


@attrs.frozen(kw_only=True)
class ClientRecord:
    """What one sees on selecting a client: all enrollments, open ones first, and what an exit form shows."""

    client: Client
    as_of: date
    enrollments: tuple[EnrollmentRecord, ...]
    withheld: int = 0


def client_record(desk: Desk, personal_id: str, as_of: date) -> ClientRecord:
    """Return a client's enrollments, those with nobody assigned included, open first, then the latest first."""
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.CLIENT_VIEW)
        desk.authorize(actor, Action.CLIENT_VIEW)
        client = one(tx.clients, "client", personal_id)
        every = [e for e in tx.enrollments.of_clients([personal_id]) if not e.deleted]
        projects = tx.projects.get({e.project_id for e in every})
        shown = [e for e in every if desk.policy.may_see(actor, projects[e.project_id])]
        stints = tx.assignments.of_enrollments([e.enrollment_id for e in shown])
        cases = Assembler(desk, tx, actor, as_of).of_stints([s for s in stints if not s.voided])
        keys = {key for e in shown if (key := e.household_key) is not None}
        members = {m.key: m for m in [*shown, *tx.enrollments.of_households(keys)] if not m.deleted}
        clients = tx.clients.get({member.personal_id for member in members.values()})
    cases.sort(key=lambda case: (_by_status(case), _page_key(case, "start")))
    shown.sort(key=lambda e: (e.entry_date, e.enrollment_id), reverse=True)
    shown.sort(key=lambda e: not e.is_open(as_of))
    return ClientRecord(
        client=client if shown or not every else Client(personal_id=personal_id),
        as_of=as_of,
        withheld=len(every) - len(shown),
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


def find_case_managers(desk: Desk, text: str, *, enrollment_id: str | None, project_id: str | None) -> tuple[User, ...]:
    """Return the users whose name or id has every word of ``text`` in it, by name.

    With an enrollment or a project, only those who may take it from today on, as the guards say.
    """
    words = text.casefold().split()
    today = desk.today
    with desk.store.transaction() as tx:
        actor = desk.actor(tx, Action.ASSIGNMENT_START)
        enrollment = _to_take(tx, enrollment_id, project_id, today)
        project = None if enrollment is None else one(tx.projects, "project", enrollment.project_id)
        desk.authorize(actor, Action.ASSIGNMENT_START, projects=[] if project is None else [project])
        found = [user for user in tx.users if _matches(user, words)]
    if enrollment is not None and project is not None:
        first_day = max(today, enrollment.entry_date)
        found = [user for user in found if _may_take(desk, user, enrollment, project, first_day)]
    return tuple(sorted(found, key=lambda user: (_sort_name(user), user.user_id)))


def _holder(tx: Transaction, actor: User | Actor, user: str | Actor) -> User:
    if user is Actor.ME and isinstance(actor, User):
        return actor
    if isinstance(user, Actor):
        raise InvalidRecordError("User", "user", "is the system, which holds no cases: name a user")
    return one(tx.users, "user", user)


def _to_take(tx: Transaction, enrollment_id: str | None, project_id: str | None, today: date) -> Enrollment | None:
    if enrollment_id is not None:
        return one(tx.enrollments, "enrollment", enrollment_id)
    if project_id is not None:
        return Enrollment(enrollment_id="to be made", personal_id="any", project_id=project_id, entry_date=today)
    return None


def _may_take(desk: Desk, user: User, enrollment: Enrollment, project: Project, start: date) -> bool:
    stint = CaseAssignment(
        assignment_id="to be made", enrollment_id=enrollment.enrollment_id, user_id=user.user_id, start_date=start
    )
    facts = AssignmentFacts(assignment=stint, enrollment=enrollment, project=project, user=user, as_of=start)
    return not any(check(desk.guards, [facts]))


def _matches(user: User, words: Sequence[str]) -> bool:
    name = f"{user.first_name or ''} {user.last_name or ''} {user.user_id}".casefold()
    return all(word in name for word in words)


def _are_together(member: Enrollment, enrollment: Enrollment) -> bool:
    if enrollment.household_key is None:
        return member.enrollment_id == enrollment.enrollment_id
    return member.household_key == enrollment.household_key


def _sort_name(person: Client | User) -> tuple[str, str]:
    name = name_of(person)
    return ("1", "") if name is None else ("0", name.casefold())


def _by_status(case: Case) -> tuple[str, int, str]:
    status = case.status
    rank = "" if status is None else _ACTIVE_FIRST[status]
    return rank, -case.enrollment.entry_date.toordinal(), case.enrollment.enrollment_id


def _page_key(case: Case, order: Order) -> PageKey:
    stint = case.assignment
    start = (case.enrollment.entry_date if stint is None else stint.start_date).isoformat()
    client = (*_sort_name(case.client), case.client.personal_id)
    sort = (*client, start) if order == "client" else (start, *client)
    return PageKey(sort, case.enrollment.enrollment_id, "" if stint is None else stint.assignment_id)


def _page(title: str, as_of: date, cases: Sequence[Case], withheld: int, page: Page) -> Cases:
    rows = sorted(((_page_key(case, page.order), case) for case in cases), key=lambda row: row[0])
    if page.after is not None:
        rows = [row for row in rows if row[0] > page.after]
    part = rows if page.limit is None else rows[: page.limit]
    return Cases(
        title=title,
        as_of=as_of,
        rows=tuple(case for _, case in part),
        withheld=withheld,
        next_page=part[-1][0] if part and len(part) < len(rows) else None,
    )
