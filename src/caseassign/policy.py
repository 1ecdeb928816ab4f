"""Who may do what: the actions by their stable names, the policy protocol, and the two policies that come along."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import date
from typing import ClassVar, Protocol

import attrs

from caseassign.model import ALL_ORGANIZATIONS, Actor, Organization, Project, User


class Action(enum.StrEnum):
    """What can be allowed or denied. The names are stable: a host maps its own permissions to them."""

    RECORD_ADD = "record.add"
    USER_MANAGE = "user.manage"
    ENROLLMENT_START = "enrollment.start"
    ENROLLMENT_EDIT = "enrollment.edit"
    ENROLLMENT_EXIT = "enrollment.exit"
    ENROLLMENT_UNDO_EXIT = "enrollment.undo-exit"
    ASSIGNMENT_START = "assignment.start"
    ASSIGNMENT_END = "assignment.end"
    ASSIGNMENT_AMEND = "assignment.amend"
    ASSIGNMENT_REACTIVATE = "assignment.reactivate"
    ASSIGNMENT_HAND_OVER = "assignment.hand-over"
    ASSIGNMENT_VOID = "assignment.void"
    CASELOAD_VIEW = "caseload.view"
    CASELOAD_REASSIGN = "caseload.reassign"
    CASELOAD_COVER = "caseload.cover"
    HOUSEHOLD_CHANGE = "household.change"
    BATCH_UNDO = "batch.undo"
    CLIENT_VIEW = "client.view"
    HISTORY_VIEW = "history.view"
    AUDIT_RUN = "audit.run"
    EXPORT_IMPORT = "export.import"
    CLIENT_DEIDENTIFY = "client.deidentify"


@attrs.frozen(kw_only=True)
class Request:
    """What a policy is asked: may ``actor`` do ``action`` today?

    ``projects`` are those that the action touches, ``organizations`` those that it adds or changes, and ``user``
    is whose caseload it is about.
    """

    actor: User | Actor
    action: Action
    today: date
    projects: Collection[Project] = ()
    organizations: Collection[Organization] = ()
    user: User | None = None


class Policy(Protocol):
    """Decides who may do and see what. A host application may put its own in the place of the default."""

    def denial(self, request: Request) -> str | None:
        """Return why the request is denied, without personal data; None where it is allowed."""

    def may_see(self, actor: User | Actor, project: Project) -> bool:
        """Whether lists show the actor the cases of ``project``."""


class DefaultPolicy:
    """The policy that needs nothing from a host: access to organizations, and a few permissions by name.

    A user who has left may do nothing. Everybody else may act on the enrollments of organizations that they can
    access. ``user.manage``, ``caseload.view``, ``caseload.reassign``, ``caseload.cover``, ``batch.undo``,
    ``export.import`` and ``client.deidentify`` need the permission of that name; adding organizations needs
    ``all-organizations``, which also opens every organization. A project without organization is open to the system
    and to those who have it.
    """

    _BY_PERMISSION: ClassVar = frozenset[str](
        {
            Action.USER_MANAGE,
            Action.CASELOAD_VIEW,
            Action.CASELOAD_REASSIGN,
            Action.CASELOAD_COVER,
            Action.BATCH_UNDO,
            Action.EXPORT_IMPORT,
            Action.CLIENT_DEIDENTIFY,
        }
    )

    def denial(self, request: Request) -> str | None:
        """Return why the request is denied; None where it is allowed."""
        actor = request.actor
        if isinstance(actor, Actor):
            return None
        if actor.has_left(request.today):
            return f"user {actor.user_id} has left"
        missing = sorted(self._needed(request, actor) - actor.permissions)
        if missing:
            return f"user {actor.user_id} lacks the permission {', '.join(missing)}"
        closed = sorted(p.project_id for p in request.projects if not self.may_see(actor, p))
        if closed:
            return f"user {actor.user_id} has no access to the organization of project {', '.join(closed)}"
        return None

    def _needed(self, request: Request, actor: User) -> set[str]:
        about = None if request.user is None else request.user.user_id
        own_caseload = request.action is Action.CASELOAD_VIEW and about == actor.user_id
        needed = {str(request.action)} & self._BY_PERMISSION if not own_caseload else set()
        return needed | ({ALL_ORGANIZATIONS} if request.organizations else set())

    def may_see(self, actor: User | Actor, project: Project) -> bool:
        """Whether the actor can access the organization that runs the project."""
        return isinstance(actor, Actor) or actor.can_access(project)


class Unrestricted:
    """Allows everything to everybody; for a host that has asked already, or a notebook. Asked for by name."""

    def denial(self, request: Request) -> str | None:  # noqa: ARG002  # the protocol's name
        """Allow the request."""
        return None

    def may_see(self, actor: User | Actor, project: Project) -> bool:  # noqa: ARG002  # the protocol's names
        """Show every case."""
        return True
