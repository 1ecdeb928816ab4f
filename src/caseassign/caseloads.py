"""Caseloads: how much each user holds, for a supervisor who looks at who is full and who has room.

A case is an assignment on an enrollment that is not deleted. Own cases and cover are counted apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import attrs

from caseassign.batches import in_batches
from caseassign.cases import EVERYTHING, Selection, name_of
from caseassign.desk import Desk
from caseassign.model import COVER, Actor, AssignmentStatus, CaseAssignment, Enrollment, User
from caseassign.period import Period
from caseassign.policy import Action
from caseassign.results import Listed
from caseassign.sight import Sight
from caseassign.storage import Transaction

_USERS_AT_ONCE: Final = 100


@attrs.frozen(kw_only=True)
class Caseload:
    """How much one user holds.

    ``cases`` are the user's own, ``clients`` and ``households`` those that they are about, each counted once.
    ``cover`` is how many cases the user holds as Cover; they count nowhere else.
    """

    user: User
    cases: int
    clients: int
    households: int
    cover: int

    @property
    def user_id(self) -> str:
        """The id of the user."""
        return self.user.user_id

    @property
    def left_on(self) -> date | None:
        """The first day that the user no longer works, if it is known."""
        return self.user.left_on

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {
            "user_id": self.user_id,
            "case_manager_name": name_of(self.user),
            "cases": self.cases,
            "clients": self.clients,
            "households": self.households,
            "cover": self.cover,
            "left_on": None if self.left_on is None else self.left_on.isoformat(),
        }


@attrs.frozen(kw_only=True)
class Caseloads(Listed[Caseload]):
    """A row for each user, by name. ``withheld`` is how many cases the acting user may not see; they are not counted.

    ``period`` is what was asked about, if not a day; ``as_of`` is then its last day. ``selection`` is what it was
    narrowed to, ``known_at`` the moment up to which what was recorded counts.
    """

    as_of: date
    rows: tuple[Caseload, ...]
    withheld: int = 0
    period: Period | None = None
    selection: Selection = attrs.field(default=EVERYTHING, eq=False)
    known_at: datetime | None = attrs.field(default=None, eq=False)


def caseloads(desk: Desk, as_of: date, *, selection: Selection = EVERYTHING) -> Caseloads:
    """Return how much each user holds as of a day.

    Listed are all who hold a case that the acting user may see, those who have left among them, the acting user
    whatever they hold, and every case manager who works as of the day and can access what the acting user sees.
    """

    def is_held(stint: CaseAssignment) -> bool:
        return stint.status(as_of) is AssignmentStatus.ACTIVE

    rows, withheld = _counted(desk, is_held, as_of, as_of, selection)
    return Caseloads(as_of=as_of, rows=rows, withheld=withheld, selection=selection, known_at=desk.known_at)


def caseloads_during(desk: Desk, period: Period, *, selection: Selection = EVERYTHING) -> Caseloads:
    """Return how much each user held at any time during a period, same-day stints included.

    Listed are the same as of its first day.
    """
    rows, withheld = _counted(
        desk, lambda stint: is_held_during(stint, period), day_before(period.start), period.start, selection
    )
    return Caseloads(
        as_of=period.last_day or period.start,
        rows=rows,
        withheld=withheld,
        period=period,
        selection=selection,
        known_at=desk.known_at,
    )


def is_held_during(stint: CaseAssignment, period: Period) -> bool:
    """Whether a stint shares a day with a period, or is a same-day stint that starts inside it."""
    days = stint.period
    return days.start in period if days.is_empty else days.overlaps(period)


def day_before(day: date) -> date | None:
    """Return the day before a day; None before the first of all."""
    return None if day == date.min else day - timedelta(days=1)


class Scope:
    """What a question about users is about, and what of it the acting user may see.

    ``projects`` are those that it is about, None for all there are. ``is_everything`` says that these are all, and
    that the acting user may see all of them.
    """

    def __init__(self, desk: Desk, tx: Transaction, actor: User | Actor, selection: Selection) -> None:
        self._enrollments = tx.enrollments
        self._actor = actor
        self._sight = Sight(desk, tx, actor)
        shown, hidden = self._sight.part(selection.takes)
        self.is_everything = shown is None
        self.projects = None if shown is None else shown | hidden
        seen = [project for project in tx.projects if shown is None or project.project_id in shown]
        self._one_of_each_organization = tuple({project.organization_id: project for project in seen}.values())

    def is_own(self, user_id: str) -> bool:
        """Whether a user is the one who asks."""
        return isinstance(self._actor, User) and self._actor.user_id == user_id

    def is_open_to(self, user: User) -> bool:
        """Whether a user can access a project that the question is about and the acting user may see."""
        return any(map(user.can_access, self._one_of_each_organization))

    def parted(self, stints: Iterable[CaseAssignment]) -> tuple[list[CaseAssignment], list[CaseAssignment]]:
        """Return which stints of ``projects`` the actor may see, and which not, without those that do not count."""
        live = [stint for stint in stints if not stint.voided]
        project_ids = self._enrollments.projects_of({stint.enrollment_id for stint in live}, deleted=False)
        open_to_actor = self._sight.of_enrollments(project_ids)
        seen: list[CaseAssignment] = []
        hidden: list[CaseAssignment] = []
        for stint in live:
            if stint.enrollment_id in project_ids:
                may_be_seen = stint.enrollment_id in open_to_actor or self.is_own(stint.user_id)
                (seen if may_be_seen else hidden).append(stint)
        return seen, hidden


def _counted(
    desk: Desk,
    is_held: Callable[[CaseAssignment], bool],
    ending_after: date | None,
    working_on: date,
    selection: Selection,
) -> tuple[tuple[Caseload, ...], int]:
    rows: list[Caseload] = []
    withheld = 0
    with desk.asking(Action.CASELOAD_VIEW) as (tx, actor):
        desk.authorize(actor, Action.CASELOAD_VIEW)
        scope = Scope(desk, tx, actor, selection)
        for users in in_batches(tx.users, _USERS_AT_ONCE):
            stints = tx.assignments.of_users([user.user_id for user in users], ending_after, scope.projects)
            held: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
            seen, hidden = scope.parted(stint for stint in stints if is_held(stint))
            withheld += len(hidden)
            for stint in seen:
                held[stint.user_id].append(stint)
            enrollments = tx.enrollments.get({stint.enrollment_id for stint in seen if stint.role != COVER})
            for user in users:
                has_room = user.is_case_manager and not user.has_left(working_on) and scope.is_open_to(user)
                if user.user_id in held or has_room or scope.is_own(user.user_id):
                    rows.append(_caseload(user, held[user.user_id], enrollments))
    rows.sort(key=_by_name)
    return tuple(rows), withheld


def _caseload(user: User, held: Sequence[CaseAssignment], enrollments: Mapping[str, Enrollment]) -> Caseload:
    own = [enrollments[stint.enrollment_id] for stint in held if stint.role != COVER]
    return Caseload(
        user=user,
        cases=len(own),
        clients=len({enrollment.personal_id for enrollment in own}),
        households=len({enrollment.household_key or enrollment.enrollment_id for enrollment in own}),
        cover=len(held) - len(own),
    )


def _by_name(caseload: Caseload) -> tuple[bool, str, str]:
    name = name_of(caseload.user)
    return name is None, (name or "").casefold(), caseload.user_id
