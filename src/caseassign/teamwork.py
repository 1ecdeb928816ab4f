"""Teamwork: the acts on more than one case. Caseloads change hands, users leave, households and batches change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict, Unpack

from caseassign.acts import household, reassign
from caseassign.acts.assign import UNCHANGED, Unset
from caseassign.acts.caseload import AHousehold, Part
from caseassign.acts.cover import cover
from caseassign.acts.deactivate import deactivate
from caseassign.acts.draft import Draft
from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import EndedSince, Reassignment, ReassignmentPlan
from caseassign.acts.reassign import Receivers
from caseassign.acts.run import How, run
from caseassign.acts.undo import undo
from caseassign.cases import Selection
from caseassign.errors import InvalidRecordError
from caseassign.model import Actor, Client, Enrollment, Organization, Project, User, id_of
from caseassign.overview import Overview
from caseassign.period import Period
from caseassign.policy import Action
from caseassign.viewer import Day


class OfCaseload(TypedDict, total=False):
    """Which part of a caseload is meant, by default all of it; of a household that is meant in part, the whole."""

    projects: Iterable[Project | str] | None
    organizations: Iterable[Organization | str] | None
    households: Iterable[AHousehold] | None
    clients: Iterable[Client | str] | None
    roles: Iterable[str] | None
    whole_households: bool


class OnCaseload(OfCaseload, How, total=False):
    """What an act on a caseload takes besides."""


class Teamwork(Overview):
    """What one acting user can do with caseloads, users who leave, households and batches."""

    def plan_reassignment(
        self,
        from_: User | str | Actor,
        to: Receivers,
        on: Day | None = None,
        *,
        balance: bool = False,
        ended_since: EndedSince = "move",
        **part: Unpack[OfCaseload],
    ) -> ReassignmentPlan:
        """Return what would happen to each case of a user from a hand-over day on; writes nothing.

        There is a line for each case that is not over today, or as of the hand-over day if that is earlier.
        ``to`` is one user; several, with ``balance=True``, among whom households are spread, to the lightest caseload
        first; or a mapping from cases, enrollments or clients to users, where None keeps a case. On a past day
        ``ended_since`` says whether a stint that has ended since is moved up to its end, or kept.
        """
        asked = self._reassignment(from_, to, on, balance, ended_since, _part_and_how(part)[0])
        with self._desk.store.transaction() as tx:
            return reassign.plan_reassignment(Draft(self._desk, tx, Action.CASELOAD_REASSIGN), asked)

    def apply(self, plan: ReassignmentPlan, **how: Unpack[How]) -> Outcome:
        """Carry out a plan in one act, or nothing of it if what it rests on has changed since it was made.

        Cases that the plan refuses stay as they are, and ``skipped`` names them; a plan that could move none because
        of them is refused, with all their violations.
        """
        return self._act(Action.CASELOAD_REASSIGN, lambda draft: reassign.apply(draft, plan), **how)

    def reassign(
        self,
        from_: User | str | Actor,
        to: Receivers,
        on: Day | None = None,
        *,
        balance: bool = False,
        ended_since: EndedSince = "move",
        **options: Unpack[OnCaseload],
    ) -> Outcome:
        """Plan a reassignment and carry it out at once; one case that a rule refuses refuses them all."""
        part, how = _part_and_how(options)
        asked = self._reassignment(from_, to, on, balance, ended_since, part)
        return self._act(Action.CASELOAD_REASSIGN, lambda draft: reassign.reassign(draft, asked), **how)

    def cover(
        self,
        user: User | str | Actor,
        by: User | str | Actor,
        start: Day,
        end: Day,
        **options: Unpack[OnCaseload],
    ) -> Outcome:
        """Have ``by`` stand in for a user from ``start`` until ``end``, the first day on which the user is back.

        Each case gets a stint in role Cover, beside the user's and no longer than it. Where ``by`` holds an enrollment
        already it gets none, and ``skipped`` names it if that is so on every day.
        """
        days, (part, how) = Period(start, end), _part_and_how(options)
        user_id = self._user_id(user)
        return self._act(Action.CASELOAD_COVER, lambda draft: cover(draft, user_id, by, days, part), **how)

    def deactivate(
        self,
        user: User | str,
        on: Day | None = None,
        plan: ReassignmentPlan | None = None,
        **how: Unpack[How],
    ) -> Outcome:
        """Say that a user leaves; ``on`` is the first day no longer worked. A plan is carried out in the same act.

        ``assignments`` are those that they hold on that day or later, and those that the plan gives to others;
        ``skipped`` names those that stay with them.
        """
        day, user_id = self._day(on, "on"), id_of(user, User)
        return self._act(Action.USER_MANAGE, lambda draft: deactivate(draft, user_id, day, plan), **how)

    def join_household(
        self,
        enrollment: Enrollment | str,
        household_id: str,
        on: Day | None = None,
        share_case_managers: bool = True,
        relationship_to_hoh: int | Unset | None = UNCHANGED,
        **how: Unpack[How],
    ) -> Outcome:
        """Let an enrollment join a household of its project; from ``on`` the household's case managers take it over.

        With ``share_case_managers=False`` its own stay as they are. A head who joins a household that has one is no
        longer a head, unless the relationship is given.
        """
        day, enrollment_id = self._day(on, "on"), id_of(enrollment, Enrollment)
        return self._act(
            Action.HOUSEHOLD_CHANGE,
            lambda draft: household.join_household(
                draft, enrollment_id, household_id, day, relationship_to_hoh, share_case_managers=share_case_managers
            ),
            **how,
        )

    def leave_household(self, enrollment: Enrollment | str, on: Day | None = None, **how: Unpack[How]) -> Outcome:
        """Let an enrollment leave its household and be one of its own; its case managers stay.

        Households have no days of their own: ``on`` is only checked, and must not lie before the entry.
        """
        day, enrollment_id = self._day(on, "on"), id_of(enrollment, Enrollment)
        return self._act(
            Action.HOUSEHOLD_CHANGE, lambda draft: household.leave_household(draft, enrollment_id, day), **how
        )

    def merge_households(
        self, from_: AHousehold, into: AHousehold, on: Day | None = None, **how: Unpack[How]
    ) -> Outcome:
        """Make two households of one project one; from ``on`` everybody is responsible who was so in either.

        Two enrollments of one client on the same days become the earlier one, with all that was on both: where one
        user held both in one role, in one stint from the earliest start.
        """
        day = self._day(on, "on")
        return self._act(
            Action.HOUSEHOLD_CHANGE, lambda draft: household.merge_households(draft, from_, into, day), **how
        )

    def undo(self, batch_id: str, **how: Unpack[How]) -> Outcome:
        """Reverse a batch, unless it is an import: what it created is voided, what it changed is as before.

        Refused where a record was changed since, or something else stands on it. Undoing again writes nothing.
        Clients, users, organizations and projects that it added stay on record.
        """
        return self._act(Action.BATCH_UNDO, lambda draft: undo(draft, batch_id), **how)

    def _reassignment(
        self,
        from_: User | str | Actor,
        to: Receivers,
        on: Day | None,
        balance: bool,
        ended_since: EndedSince,
        part: Part,
    ) -> Reassignment:
        day, today = self._day(on, "on"), self._desk.today
        receivers = self._user_id(Actor.ME) if to is Actor.ME else to
        return reassign.request(
            self._user_id(from_), receivers, day, part, today=today, balance=balance, ended_since=ended_since
        )

    def _user_id(self, user: User | str | Actor) -> str:
        """Return the id of the user whose caseload is meant."""
        user_id = self._desk.user_id if user is Actor.ME else user
        if user_id is None or isinstance(user_id, Actor):
            raise InvalidRecordError("User", "user", "is the system, which holds no cases: name a user")
        return id_of(user_id, User)

    def _act(self, action: Action, act: Callable[[Draft], None], **how: Unpack[How]) -> Outcome:
        return run(self._desk, action, act, **how)


def _part_and_how(options: Mapping[str, Any]) -> tuple[Part, How]:
    """Return which part of a caseload is meant, and how the act is carried out; refuse an option that is unknown."""
    unknown = options.keys() - OnCaseload.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}")
    part = {name: options[name] for name in ("clients", "households", "whole_households") if name in options}
    selection = {name: options[name] for name in ("projects", "organizations", "roles") if name in options}
    how = {name: options[name] for name in How.__annotations__ if name in options}
    return Part(selection=Selection(**selection), **part), How(**how)  # type: ignore[typeddict-item]  # of its own names
