"""Coming up: what ends within some days. Assignments that end, covers that run out, users who leave."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import attrs

from caseassign.batches import in_batches
from caseassign.caseloads import Scope
from caseassign.cases import EVERYTHING, Assembler, Case, Selection, name_of
from caseassign.desk import Desk
from caseassign.errors import InvalidRecordError, PermissionDeniedError
from caseassign.model import COVER, Actor, CaseAssignment, User
from caseassign.policy import Action
from caseassign.questions import holder_of
from caseassign.results import Listed
from caseassign.storage import Transaction, one

EndingKind: TypeAlias = Literal["assignment-ends", "cover-ends", "user-leaves"]

_OF_CASE: Final = (
    "assignment_id",
    "enrollment_id",
    "personal_id",
    "client_name",
    "project_id",
    "project_name",
    "role",
    "start_date",
    "end_date",
)
_USERS_AT_ONCE: Final = 100


@attrs.frozen(kw_only=True)
class Ending:
    """Something that ends on ``day``: the first day on which the user no longer holds the case, or no longer works.

    ``case`` is what ends; it is None where a user leaves. ``cases`` is then how many cases, cover among them, the
    user still holds as of that day, and None otherwise. Where a cover runs out, ``user`` is who stands in, and
    ``covers_for`` are those for whom: they are back on ``day``.
    """

    kind: EndingKind
    day: date
    user: User
    case: Case | None = None
    cases: int | None = None
    covers_for: tuple[User, ...] = ()

    @property
    def user_id(self) -> str:
        """The id of the user whose assignment ends, or who leaves."""
        return self.user.user_id

    @property
    def assignment(self) -> CaseAssignment | None:
        """The assignment that ends; None where a user leaves."""
        return None if self.case is None else self.case.assignment

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data: null where something does not apply."""
        of_case = {} if self.case is None else self.case.to_dict()
        covers_for = [user.user_id for user in self.covers_for] if self.kind == "cover-ends" else None
        return {
            "kind": self.kind,
            "day": self.day.isoformat(),
            "user_id": self.user_id,
            "case_manager_name": name_of(self.user),
            "cases": self.cases,
            "covers_for": covers_for,
            **{name: of_case.get(name) for name in _OF_CASE},
        }


@attrs.frozen(kw_only=True)
class ComingUp(Listed[Ending]):
    """What ends after ``as_of``, and on ``until`` at the latest, by day. ``withheld`` rows may not be seen.

    ``about`` is the user who was asked about; None for everybody. ``selection`` is what it was narrowed to,
    ``known_at`` the moment up to which what was recorded counts.
    """

    as_of: date
    until: date
    rows: tuple[Ending, ...]
    withheld: int = 0
    about: User | None = attrs.field(default=None, repr=lambda user: repr(user and user.key))
    selection: Selection = attrs.field(default=EVERYTHING, eq=False)
    known_at: datetime | None = attrs.field(default=None, eq=False)


def coming_up(
    desk: Desk, days: int, as_of: date, user: str | Actor | None, *, selection: Selection = EVERYTHING
) -> ComingUp:
    """Return what ends within ``days`` days after a day.

    Of one user, with the covers by which others stand in for them; or, without ``user``, of everybody whose cases the
    acting user may see, and of the acting user alone if they may not see the caseloads of others. A user who leaves is
    listed if they can access, or still hold then, what the acting user sees.
    """
    until = _until(days, as_of)
    rows: list[Ending] = []
    withheld = 0
    with desk.asking(Action.CASELOAD_VIEW) as (tx, actor):
        only = _asked_about(desk, tx, actor, user)
        scope = Scope(desk, tx, actor, selection)
        assembler = Assembler(desk, tx, actor, as_of, selection)
        for batch in in_batches(tx.users if only is None else [only], _USERS_AT_ONCE):
            stints = tx.assignments.of_users([each.user_id for each in batch], as_of, scope.projects)
            by_others = () if only is None else _by_others(tx, only, stints, as_of)
            ending = [stint for stint in (*stints, *by_others) if _ends_by(stint, until)]
            rows += _ends(tx, scope, assembler.of_stints(ending))
            leaving = [(each, day) for each in batch if (day := each.left_on) is not None and as_of < day <= until]
            leavers, hidden = _leavers(scope, leaving, stints)
            rows += leavers
            withheld += hidden
    rows.sort(key=_by_day)
    withheld += assembler.withheld
    return ComingUp(
        as_of=as_of,
        until=until,
        rows=tuple(rows),
        withheld=withheld,
        about=only,
        selection=selection,
        known_at=desk.known_at,
    )


def _until(days: int, as_of: date) -> date:
    if type(days) is not int or days < 1:
        raise InvalidRecordError("ComingUp", "days", "is no whole number that is at least 1")
    try:
        return as_of + timedelta(days=days)
    except OverflowError:
        raise InvalidRecordError("ComingUp", "days", "lead beyond the calendar: give fewer") from None


def _asked_about(desk: Desk, tx: Transaction, actor: User | Actor, user: str | Actor | None) -> User | None:
    """Return the one user who is asked about; None for everybody."""
    if user is None:
        try:
            desk.authorize(actor, Action.CASELOAD_VIEW)
        except PermissionDeniedError:
            if not isinstance(actor, User):
                raise
            user = Actor.ME
        else:
            return None
    holder = holder_of(tx, actor, user)
    desk.authorize(actor, Action.CASELOAD_VIEW, user=holder)
    return one(tx.users, User.KIND, holder.user_id)


def _ends_by(stint: CaseAssignment, until: date) -> bool:
    """Whether a stint ends by a day. With a same-day stint nothing ends: it is held on no day."""
    end = stint.end_date
    return end is not None and end <= until and not stint.period.is_empty and not stint.voided


def covered_by(cover: CaseAssignment, together: Iterable[CaseAssignment]) -> frozenset[str]:
    """Return the ids of the users for whom a cover is; ``together`` are the stints on its enrollment.

    It is not on record, for a cover stands beside whoever holds the case: those who hold it in another role on its
    first day, or, where nobody does, on any day of it.
    """
    others = [s for s in together if s.role != COVER and s.user_id != cover.user_id and not s.voided]
    on_first_day = frozenset(stint.user_id for stint in others if cover.start_date in stint.period)
    return on_first_day or frozenset(stint.user_id for stint in others if stint.period.overlaps(cover.period))


def stints_together(tx: Transaction, enrollment_ids: Iterable[str]) -> Mapping[str, Sequence[CaseAssignment]]:
    """Return the stints on each of these enrollments."""
    together: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
    for stint in tx.assignments.of_enrollments(set(enrollment_ids)):
        together[stint.enrollment_id].append(stint)
    return together


def _by_others(tx: Transaction, user: User, stints: Iterable[CaseAssignment], as_of: date) -> Iterator[CaseAssignment]:
    """Yield the covers by which others stand in for a user, of whom all stints are given."""
    own = {stint.enrollment_id for stint in stints if stint.role != COVER}
    for together in stints_together(tx, own).values():
        for stint in together:
            is_over = stint.role != COVER or stint.period.has_ended(as_of)
            if not is_over and user.user_id in covered_by(stint, together):
                yield stint


def _ends(tx: Transaction, scope: Scope, cases: Sequence[Case]) -> list[Ending]:
    """Return a row for each case; for whom a cover is, is said as far as it may be seen."""
    covers = [stint for case in cases if (stint := case.assignment) is not None and stint.role == COVER]
    together = stints_together(tx, [cover.enrollment_id for cover in covers])
    seen, _ = scope.parted(stint for on_one in together.values() for stint in on_one)
    shown = {stint.assignment_id for stint in seen}
    covered = {
        cover.assignment_id: sorted(
            covered_by(cover, [s for s in together[cover.enrollment_id] if s.assignment_id in shown])
        )
        for cover in covers
    }
    users = tx.users.get({user_id for ids in covered.values() for user_id in ids})
    return [
        Ending(
            kind="cover-ends" if stint.role == COVER else "assignment-ends",
            day=day,
            user=user,
            case=case,
            covers_for=tuple(users[user_id] for user_id in covered.get(stint.assignment_id, ())),
        )
        for case in cases
        if (stint := case.assignment) is not None
        and (day := stint.end_date) is not None
        and (user := case.case_manager) is not None
    ]


def _leavers(
    scope: Scope, leaving: Sequence[tuple[User, date]], stints: Iterable[CaseAssignment]
) -> tuple[list[Ending], int]:
    """Return a row for each user who leaves and may be seen, and how many hold what may not be seen."""
    first_day_gone = {user.user_id: day for user, day in leaving}
    seen, hidden = scope.parted(
        stint for stint in stints if (day := first_day_gone.get(stint.user_id)) is not None and day in stint.period
    )
    held = Counter(stint.user_id for stint in seen)
    rows = [
        Ending(kind="user-leaves", day=day, user=user, cases=held[user.user_id])
        for user, day in leaving
        if held[user.user_id] or scope.is_own(user.user_id) or scope.is_everything or scope.is_open_to(user)
    ]
    return rows, len({stint.user_id for stint in hidden} - {row.user_id for row in rows})


def _by_day(ending: Ending) -> tuple[date, str, str, str, str]:
    stint = ending.assignment
    name = (name_of(ending.user) or "").casefold()
    ids = ("", "") if stint is None else (stint.enrollment_id, stint.assignment_id)
    return ending.day, name, ending.user_id, *ids
