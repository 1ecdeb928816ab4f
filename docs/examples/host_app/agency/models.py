"""The tables of the agency. All but the last are as any agency might have them; in the last are the case assignments.

What caseassign asks of them is in `Known`: a text id that comes from outside, and the batch that first recorded a row.
"""

from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models

from caseassign import Action
from caseassign.model import CASE_MANAGER


def new_id() -> str:
    """Return an id for a row that the agency makes itself."""
    return str(uuid4())


class CodePointField(models.TextField):
    """Text that is compared and ordered by code point, as it is on SQLite by itself."""

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        """Return the type of the column, with the collation that it needs on PostgreSQL."""
        parameters = super().db_parameters(connection)
        return {**parameters, "collation": "C"} if connection.vendor == "postgresql" else parameters


class Known(models.Model):
    """What a table needs so that caseassign can speak of its rows."""

    hmis_id = CodePointField(unique=True, default=new_id)
    batch_id = models.TextField(null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def key(self) -> str:
        """The id, as caseassign's records call it."""
        return self.hmis_id


class Organization(Known):
    """Who runs projects."""

    name = models.TextField(null=True)
    phone = models.TextField(blank=True)


class Project(Known):
    """A program of an organization."""

    organization = models.ForeignKey(Organization, models.PROTECT, null=True)
    name = models.TextField(null=True)
    kind = models.IntegerField(null=True)
    opened_on = models.DateField(null=True)
    closed_on = models.DateField(null=True)


class Worker(Known):
    """Somebody of the staff; whoever may log in has an account, which is Django's, with its groups and permissions."""

    account = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="worker")
    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)
    phone = models.TextField(blank=True)
    organizations = models.JSONField(default=list)
    """The ids of the organizations that they can access."""
    permissions = models.JSONField(default=list)
    """What caseassign keeps of permissions; here it is Django's that count."""
    takes_cases = models.BooleanField(default=True)
    left_on = models.DateField(null=True)


class Client(Known):
    """A person served."""

    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)
    pronouns = models.TextField(blank=True)


class Enrollment(Known):
    """A stay of a client in a project."""

    client = models.ForeignKey(Client, models.PROTECT)
    project = models.ForeignKey(Project, models.PROTECT)
    household_id = CodePointField(null=True, db_index=True)
    relationship = models.IntegerField(null=True)
    entered_on = models.DateField()
    exited_on = models.DateField(null=True)
    deleted = models.BooleanField(default=False)
    bed = models.TextField(blank=True)
    destination = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(bed__startswith=" "), name="a_bed_begins_with_no_blank"),
        ]


class Assignment(Known):
    """Who is responsible for an enrollment: only caseassign writes here, through `agency.store`."""

    enrollment = models.ForeignKey(Enrollment, models.PROTECT)
    worker = models.ForeignKey(Worker, models.PROTECT)
    start_date = models.DateField()
    end_date = models.DateField(null=True)
    role = models.TextField(default=CASE_MANAGER)
    kept_after_exit = models.BooleanField(default=False)
    voided = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        # One for each action: assignment.start is agency.assignment_start. Groups are given them as any others.
        permissions: ClassVar = [(action.replace(".", "_").replace("-", "_"), str(action)) for action in Action]
