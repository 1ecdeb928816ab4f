"""Add and update clients, users, organizations and projects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from caseassign.acts.draft import Draft
from caseassign.errors import InvalidRecordError
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
        for key, record in by_kind[kind].items():
            _authorize(draft, record, there.get(key))
            if there.get(key) != record:
                draft.put(record, action=Action.USER_MANAGE if kind is User else None)
    projects = [project for project in by_kind[Project].values() if isinstance(project, Project)]
    draft.load(Organization, {p.organization_id for p in projects if p.organization_id is not None})


def _authorize(draft: Draft, record: Addable, before: Addable | None) -> None:
    if isinstance(before, Client):
        _authorize_client(draft, before)
    versions = [version for version in (before, record) if version is not None]
    if isinstance(record, User):
        draft.authorize(action=Action.USER_MANAGE)
    draft.authorize(
        projects=[version for version in versions if isinstance(version, Project)],
        organizations=[version for version in versions if isinstance(version, Organization)],
    )


def _authorize_client(draft: Draft, client: Client) -> None:
    """Ask for one of the projects that a client is enrolled in: who may see none of them does not know the client."""
    enrollments = draft.tx.enrollments.of_clients([client.personal_id])
    projects = draft.load(Project, {enrollment.project_id for enrollment in enrollments})
    seen = [project for project in projects if draft.desk.policy.may_see(draft.actor, project)]
    draft.authorize(projects=seen[:1] or projects)
