"""Add and update clients, users, organizations and projects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from caseassign.acts.draft import Draft
from caseassign.errors import InvalidRecordError, PermissionDeniedError
from caseassign.model import Client, Organization, Project, User
from caseassign.policy import Action

Addable: TypeAlias = Client | User | Organization | Project


_KINDS: Final[tuple[type[Addable], ...]] = (Organization, Project, User, Client)


def add(draft: Draft, records: Iterable[Addable]) -> None:
    """Put records into the store, new or in the place of those with their ids; what is there already stays."""
    by_kind: defaultdict[type[Addable], dict[str, Addable]] = defaultdict(dict)
    for record in records:
        if not isinstance(record, Client | User | Organization | Project):
            raise InvalidRecordError(type(record).__name__, "kind", "is not added but enrolled or assigned")
        by_kind[type(record)][record.key] = record
    for kind in _KINDS:
        there: Mapping[str, Addable] = draft.find(kind, by_kind[kind])
        if kind is Client:
            _authorize_clients(draft, there)
        action = Action.USER_MANAGE if kind is User and draft.action is Action.RECORD_ADD else None
        for key, record in by_kind[kind].items():
            _authorize(draft, record, there.get(key))
            if there.get(key) != record:
                draft.put(record, action=action)
    projects = [project for project in by_kind[Project].values() if isinstance(project, Project)]
    draft.load(Organization, {p.organization_id for p in projects if p.organization_id is not None})


def _authorize(draft: Draft, record: Addable, before: Addable | None) -> None:
    versions = [version for version in (before, record) if version is not None]
    if isinstance(record, User):
        draft.authorize(action=Action.USER_MANAGE)
    draft.authorize(
        projects=[version for version in versions if isinstance(version, Project)],
        organizations=[version for version in versions if isinstance(version, Organization)],
    )


def _authorize_clients(draft: Draft, clients: Iterable[str]) -> None:
    """Refuse clients who are enrolled, and only where the actor may see nothing: nobody else's clients are known."""
    projects_of: defaultdict[str, set[str]] = defaultdict(set)
    for enrollment in draft.tx.enrollments.of_clients(clients):
        projects_of[enrollment.personal_id].add(enrollment.project_id)
    projects = draft.find(Project, {project_id for of_one in projects_of.values() for project_id in of_one})
    seen = {key for key, project in projects.items() if draft.desk.policy.may_see(draft.actor, project)}
    hidden = sorted(personal_id for personal_id, of_one in projects_of.items() if of_one.isdisjoint(seen))
    if hidden:
        raise PermissionDeniedError(draft.action, f"no access to any project of client {', '.join(hidden)}")
