"""What a user holds, and which part of it is meant: where every act on a caseload begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import TypeAlias

import attrs

from caseassign.acts.draft import Draft
from caseassign.cases import EVERYTHING, Selection
from caseassign.errors import InvalidRecordError
from caseassign.model import (
    CaseAssignment,
    Client,
    Enrollment,
    Household,
    HouseholdKey,
    Organization,
    Project,
    User,
    id_of,
)

AHousehold: TypeAlias = Household | HouseholdKey | str
"""A household, its key, or its HouseholdID, which real exports use in several projects."""


@attrs.frozen(kw_only=True)
class Held:
    """A stint of the user whose caseload it is, with what it stands on."""

    stint: CaseAssignment
    enrollment: Enrollment
    project: Project

    @property
    def household(self) -> tuple[str, str]:
        """What the members of a household share; an enrollment without HouseholdID shares it with none."""
        return self.enrollment.household_key or ("", self.enrollment.enrollment_id)


def _clients(given: Iterable[Client | str] | None) -> frozenset[str] | None:
    if isinstance(given, str):
        raise InvalidRecordError("Caseload", "clients", "is one text: give a list of clients")
    return None if given is None else frozenset(id_of(client, Client) for client in given)


def _households(given: Iterable[AHousehold] | None) -> frozenset[HouseholdKey | str] | None:
    if isinstance(given, str | HouseholdKey):
        raise InvalidRecordError("Caseload", "households", "is one household: give a list of households")
    return None if given is None else frozenset(map(household_named, given))


def household_named(given: AHousehold) -> HouseholdKey | str:
    """Return the key of a household, or its HouseholdID where no more is given."""
    if isinstance(given, str | HouseholdKey):
        return given
    if not isinstance(given, Household):
        raise InvalidRecordError(
            "Caseload", "households", "names what is no household, no key of one and no HouseholdID"
        )
    key = given.members[0].household_key if given.members else None
    if key is None:
        raise InvalidRecordError("Caseload", "households", "has no HouseholdID: name its client")
    return key


@attrs.frozen(kw_only=True)
class Part:
    """Which part of a caseload is meant. A household is meant whole, if one member of it is, unless it may be split."""

    selection: Selection = EVERYTHING
    clients: frozenset[str] | None = attrs.field(default=None, converter=_clients)
    households: frozenset[HouseholdKey | str] | None = attrs.field(default=None, converter=_households)
    whole_households: bool = True

    def of(self, cases: Iterable[Held]) -> list[Held]:
        """Return those of the cases that are meant."""
        fitting = [case for case in cases if self.selection.takes(case.project, case.stint)]
        self._refuse_two_meanings(fitting)
        meant = [case for case in fitting if self._names(case.enrollment)]
        if self.whole_households:
            whole = {case.household for case in meant}
            meant = [case for case in fitting if case.household in whole]
        return meant

    def _refuse_two_meanings(self, cases: Iterable[Held]) -> None:
        """Refuse a HouseholdID alone that stands for households in several projects."""
        keys = {key for case in cases if (key := case.enrollment.household_key) is not None}
        ids = Counter(key.household_id for key in keys if key.household_id in (self.households or ()))
        if any(number > 1 for number in ids.values()):
            raise InvalidRecordError(
                "Caseload", "households", "names a HouseholdID of several projects: give HouseholdKey(project_id, id)"
            )

    def _names(self, enrollment: Enrollment) -> bool:
        return (self.clients is None or enrollment.personal_id in self.clients) and (
            self.households is None
            or enrollment.household_id in self.households
            or enrollment.household_key in self.households
        )


def held_by(draft: Draft, user: User, ending_after: date) -> list[Held]:
    """Return what a user holds and has not ended as of a day; what the actor may not see is withheld."""
    stints = draft.tx.assignments.of_users([user.user_id], ending_after)
    stints = [stint for stint in stints if not stint.voided]
    enrollments = draft.find(Enrollment, {stint.enrollment_id for stint in stints})
    projects = draft.find(Project, {enrollment.project_id for enrollment in enrollments.values()})
    seen = {key for key, project in projects.items() if draft.desk.policy.may_see(draft.actor, project)}
    cases = [
        Held(stint=stint, enrollment=enrollment, project=projects[enrollment.project_id])
        for stint in stints
        if not (enrollment := enrollments[stint.enrollment_id]).deleted
    ]
    visible = [case for case in cases if case.project.project_id in seen]
    draft.withheld = len(cases) - len(visible)
    return visible


def opened(draft: Draft, part: Part, cases: Iterable[Held]) -> list[Held]:
    """Return those of the cases that are meant, opened, after asking the policy for them.

    Raises `NotFoundError` for what the store does not have: a slip of the pen shall not mean nothing at all.
    """
    draft.load(Client, part.clients or ())
    draft.load(Project, part.selection.projects or ())
    draft.load(Organization, part.selection.organizations or ())
    meant = part.of(cases)
    draft.open(dict.fromkeys(case.enrollment.enrollment_id for case in meant))
    return meant


def by_household(cases: Iterable[Held]) -> list[list[Held]]:
    """Return cases household by household, the largest first, then in the order of their keys."""
    households: dict[tuple[str, str], list[Held]] = {}
    for case in cases:
        households.setdefault(case.household, []).append(case)
    return [of_one for _, of_one in sorted(households.items(), key=lambda item: (-len(item[1]), item[0]))]
