"""Who may do what: Django's users, groups and permissions decide, through a policy that caseassign asks."""

from datetime import date

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from agency.models import Worker
from agency.store import AgencyStore
from caseassign import Action, Casework, PermissionDeniedError, Project, User, today_in
from caseassign.policy import Request

STORE = AgencyStore()

CASE_MANAGERS = (
    Action.CLIENT_VIEW,
    Action.HISTORY_VIEW,
    Action.ENROLLMENT_START,
    Action.ENROLLMENT_EDIT,
    Action.ENROLLMENT_EXIT,
    Action.ASSIGNMENT_START,
    Action.ASSIGNMENT_END,
    Action.ASSIGNMENT_AMEND,
    Action.ASSIGNMENT_REACTIVATE,
    Action.ASSIGNMENT_VOID,
)
HMIS_REPORTS = (Action.CASELOAD_VIEW, Action.CASELOAD_REASSIGN, Action.BATCH_UNDO)
GROUPS = {"Case Managers": CASE_MANAGERS, "HMIS Reports": HMIS_REPORTS}
"""The groups that the agency gives its staff, and what each of them may do."""


def codename(action: Action) -> str:
    """Return what the permission for an action is called: enrollment_undo_exit for enrollment.undo-exit."""
    return action.replace(".", "_").replace("-", "_")


class AgencyPolicy:
    """Asks the permissions of the account that is logged in, and the organizations of its worker."""

    def __init__(self, account: AbstractBaseUser) -> None:
        self._account = account

    def denial(self, request: Request) -> str | None:
        """Return why a request is denied; None where it is allowed."""
        name = self._account.get_username()
        if request.actor.has_left(request.today):
            return f"{name} has left"
        is_own = request.action is Action.CASELOAD_VIEW and request.user == request.actor
        permission = f"agency.{codename(Action.CLIENT_VIEW if is_own else request.action)}"
        if not self._account.has_perm(permission):
            return f"{name} lacks the permission {permission}"
        closed = sorted(project.project_id for project in request.projects if not self.may_see(request.actor, project))
        return f"{name} has no access to project {', '.join(closed)}" if closed else None

    def may_see(self, actor: User, project: Project) -> bool:
        """Whether lists show the cases of a project."""
        return actor.can_access(project)


def today() -> date:
    """Return the day that it is for the agency."""
    return settings.TODAY or today_in(settings.TIME_ZONE)()


def worker_of(account: AbstractBaseUser) -> Worker | None:
    """Return the worker behind an account; None where there is none, or where they have left."""
    return Worker.objects.filter(account=account.pk).exclude(left_on__lte=today()).first()


def casework_for(account: AbstractBaseUser) -> Casework:
    """Return what the worker behind an account can do and ask: one for each request."""
    worker = worker_of(account)
    if worker is None:
        raise PermissionDeniedError("log-in", f"{account.get_username()} is nobody of the staff")
    return Casework(STORE, user=worker.hmis_id, policy=AgencyPolicy(account), clock=today)
