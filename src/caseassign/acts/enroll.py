"""Enroll one client, or a household at once, with their case managers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from caseassign.acts.assign import start_stint
from caseassign.acts.draft import Draft, refuse
from caseassign.errors import InvalidRecordError
from caseassign.ids import new_id
from caseassign.model import Actor, Client, Enrollment, HouseholdKey, Project, RelationshipToHoH, User, id_of
from caseassign.period import Period

CaseManager: TypeAlias = User | str | Actor | None
Members: TypeAlias = Client | str | Mapping[Client | str, int] | Mapping[Client, int] | Mapping[str, int]
PerMember: TypeAlias = (
    Mapping[Client | str, CaseManager] | Mapping[Client, CaseManager] | Mapping[str, CaseManager] | Mapping[str, str]
)


def enroll(
    draft: Draft,
    members: Members,
    project_id: str,
    on: date,
    case_manager: CaseManager | PerMember,
    household_id: str | None,
) -> None:
    """Enroll clients in a project on a day; their stints start on the entry date.

    A client alone is the head of household, or joins one that has a head without saying how they are related.
    """
    project = draft.load(Project, [project_id])[0]
    draft.authorize(projects=[project])
    household_id = household_id or new_id()
    relationships = _relationships(draft, members, HouseholdKey(project_id, household_id))
    case_managers = _case_managers(draft, case_manager, list(relationships))
    _refuse_enrolled_already(draft, list(relationships), project_id, on)
    for personal_id, relationship in relationships.items():
        enrollment = Enrollment(
            enrollment_id=new_id(),
            personal_id=personal_id,
            project_id=project_id,
            household_id=household_id,
            relationship_to_hoh=relationship,
            entry_date=on,
        )
        draft.put(enrollment)
        draft.answer(enrollment)
        user_id = case_managers[personal_id]
        if user_id is not None:
            start_stint(draft, enrollment, user_id, Period(on))


def _relationships(draft: Draft, members: Members, key: HouseholdKey) -> dict[str, RelationshipToHoH]:
    if isinstance(members, Mapping):
        if not members:
            raise InvalidRecordError("Household", "members", "are none: name at least one client")
        codes = {id_of(client, Client): code for client, code in members.items()}
        if len(codes) != len(members):
            raise InvalidRecordError("Household", "members", "name a client twice")
        if not set(codes.values()) <= set(RelationshipToHoH):
            raise InvalidRecordError("Enrollment", "relationship_to_hoh", "is not in the HMIS picklist")
        relationships = {personal_id: RelationshipToHoH(code) for personal_id, code in codes.items()}
    else:
        there = draft.tx.enrollments.of_households([key])
        has_head = any(member.is_head for member in there if not member.deleted)
        alone = RelationshipToHoH.DATA_NOT_COLLECTED if has_head else RelationshipToHoH.SELF
        relationships = {id_of(members, Client): alone}
    draft.load(Client, relationships)
    return relationships


def _case_managers(
    draft: Draft, case_manager: CaseManager | PerMember, personal_ids: list[str]
) -> dict[str, str | None]:
    if isinstance(case_manager, Mapping):
        named = {id_of(client, Client): user for client, user in case_manager.items()}
        if not named.keys() <= set(personal_ids):
            raise InvalidRecordError("Household", "case_manager", "names a client who is not a member")
    else:
        named = dict.fromkeys(personal_ids, case_manager)
    chosen = {personal_id: named.get(personal_id, Actor.ME) for personal_id in personal_ids}
    return {personal_id: None if user is None else draft.case_manager(user) for personal_id, user in chosen.items()}


def _refuse_enrolled_already(draft: Draft, personal_ids: list[str], project_id: str, on: date) -> None:
    overlapping = [
        enrollment.enrollment_id
        for enrollment in draft.tx.enrollments.of_clients(personal_ids)
        if enrollment.project_id == project_id
        and not enrollment.deleted
        and (enrollment.exit_date is None or enrollment.exit_date > max(on, enrollment.entry_date))
    ]
    if overlapping:
        refuse(
            "already-enrolled",
            "entry_date",
            overlapping,
            f"a client is enrolled in project {project_id} on some of these days already: {', '.join(overlapping)}",
        )
