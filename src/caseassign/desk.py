"""The desk: what every act and question needs at hand. The store, who asks, the policy, the clocks, the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import attrs

from caseassign.clock import Clock, Now
from caseassign.errors import InvalidRecordError, PermissionDeniedError
from caseassign.model import Actor, Organization, Project, User
from caseassign.past import Past
from caseassign.period import as_day
from caseassign.policy import Action, Policy, Request
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, Facts, HouseholdFacts, Rules, by_subject
from caseassign.storage import Store, Transaction


@attrs.frozen(kw_only=True)
class Desk:
    """What one acting user has at hand; bound once, and the same for every act and question.

    With ``known_at``, a moment with a time zone, questions are answered from what was recorded up to it.
    """

    store: Store
    user: str | Actor
    policy: Policy
    clock: Clock
    now: Now
    required: Rules
    guards: Rules
    advisory: Rules
    known_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        if self.known_at is not None and getattr(self.known_at, "tzinfo", None) is None:
            raise InvalidRecordError("Casework", "known_at", "is no moment: give a datetime with a time zone")
        refuse_others(self.required, "required", {AssignmentFacts, EnrollmentFacts, HouseholdFacts})
        refuse_others(self.guards, "guards", {AssignmentFacts, CaseloadFacts})

    @property
    def today(self) -> date:
        """The day that the clock says."""
        return as_day(self.clock(), "clock")

    @property
    def moment(self) -> datetime:
        """The moment that the second clock says, in UTC."""
        now = self.now()
        if getattr(now, "tzinfo", None) is None:
            raise InvalidRecordError("Casework", "now", "gives no moment with a time zone")
        return now.astimezone(UTC)

    def day(self, given: date | str | None, field: str) -> date:
        """Return the day that was given, or today."""
        return self.today if given is None else as_day(given, field)

    @property
    def user_id(self) -> str | None:
        """The id of the acting user; None for the system."""
        return None if isinstance(self.user, Actor) else self.user

    def actor(self, tx: Transaction, action: Action) -> User | Actor:
        """Return who acts; raise `PermissionDeniedError` for a user whom the store does not know."""
        if isinstance(self.user, Actor):
            return self.user
        found = tx.users.get([self.user])
        if self.user not in found:
            raise PermissionDeniedError(action, f"user {self.user} is not known")
        return found[self.user]

    @contextmanager
    def asking(self, action: Action) -> Iterator[tuple[Transaction, User | Actor]]:
        """Open a transaction for a question; yield what to ask, and who asks.

        What is asked is the store as it stands, or, with ``known_at``, as it was known then. Who asks is always
        taken from the records as they stand now.
        """
        with self.store.transaction() as tx:
            actor = self.actor(tx, action)
            yield tx if self.known_at is None else Past(tx, self.known_at), actor

    def authorize(
        self,
        actor: User | Actor,
        action: Action,
        *,
        projects: Iterable[Project] = (),
        organizations: Collection[Organization] = (),
        user: User | None = None,
    ) -> None:
        """Ask the policy; raise `PermissionDeniedError` with its reason."""
        request = Request(
            actor=actor,
            action=action,
            today=self.today,
            projects=tuple(projects),
            organizations=organizations,
            user=user,
        )
        reason = self.policy.denial(request)
        if reason is not None:
            raise PermissionDeniedError(action, reason)


def refuse_others(rules: Rules, name: str, kinds: set[type[Facts]], *, of: str = "Casework") -> None:
    """Refuse rules about what no act could ask them about, so that none is left unasked in silence."""
    for kind, about in by_subject(rules).items():
        if about and kind not in kinds:
            asked = " or ".join(sorted(wanted.__name__ for wanted in kinds))
            raise InvalidRecordError(of, name, f"holds a rule about {kind.__name__}, and can only be about {asked}")
