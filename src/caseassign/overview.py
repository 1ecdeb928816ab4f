"""The overview: what one can ask about caseloads, about what was done, and about what is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Unpack

from caseassign.audit import Audit
from caseassign.caseloads import Caseloads, caseloads, caseloads_during
from caseassign.cases import Cases, Selection
from caseassign.coming_up import ComingUp, coming_up
from caseassign.during import cases_during
from caseassign.errors import InvalidRecordError
from caseassign.histories import History, history_head, history_of, verify_history
from caseassign.history import Break, Head
from caseassign.model import (
    KINDS,
    Actor,
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
from caseassign.viewer import Day, Listing, Viewer, selection_and_page


class Overview(Viewer):
    """What one acting user can ask besides: of a supervisor's desk, of the history, and of an audit.

    Three questions are asked of the store as it stands, and take no ``known_at``: `verify_history`, `history_head`
    and `out_of_use`.
    """

    def cases_during(
        self,
        user: User | str | Actor = Actor.ME,
        start: Day | None = None,
        end: Day | None = None,
        known_at: datetime | None = None,
        **listing: Unpack[Listing],
    ) -> Cases:
        """Return whom a user held at any time from ``start`` until ``end``, the first day that no longer counts.

        Same-day stints that start inside are among them. Rows stand as of the last day of the period.
        """
        selection, page = selection_and_page(listing)
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


def _period(start: Day | None, end: Day | None) -> Period:
    if start is None or end is None:
        raise InvalidRecordError("Period", "start, end", "are both needed: the first day, and the first one after it")
    return Period(as_day(start, "start"), as_day(end, "end"))
