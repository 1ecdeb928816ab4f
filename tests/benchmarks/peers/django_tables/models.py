"""The models of the Django peer."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class Organization(models.Model):
    """One organization."""

    organization_id = models.TextField(primary_key=True)
    organization_name = models.TextField(null=True)


class Project(models.Model):
    """One project."""

    project_id = models.TextField(primary_key=True)
    organization = models.ForeignKey(Organization, models.PROTECT, null=True)
    project_name = models.TextField(null=True)
    project_type = models.IntegerField(null=True)
    operating_start_date = models.DateField(null=True)
    operating_end_date = models.DateField(null=True)


class User(models.Model):
    """One user."""

    user_id = models.TextField(primary_key=True)
    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)
    permissions = models.TextField(default="")
    is_case_manager = models.BooleanField(default=True)
    left_on = models.DateField(null=True)

    def can_access(self, project: Project) -> bool:
        """Whether the user can access the organization that runs a project."""
        if "all-organizations" in self.permissions:
            return True
        return any(access.organization_id == project.organization_id for access in self.access.all())


class Access(models.Model):
    """That a user can access an organization."""

    user = models.ForeignKey(User, models.PROTECT, related_name="access")
    organization_id = models.TextField()


class Client(models.Model):
    """One client."""

    personal_id = models.TextField(primary_key=True)
    first_name = models.TextField(null=True)
    last_name = models.TextField(null=True)


class Enrollment(models.Model):
    """One enrollment."""

    enrollment_id = models.TextField(primary_key=True)
    client = models.ForeignKey(Client, models.PROTECT, db_column="personal_id")
    project = models.ForeignKey(Project, models.PROTECT, db_index=False)
    household_id = models.TextField(null=True)
    relationship_to_hoh = models.IntegerField(null=True)
    entry_date = models.DateField()
    exit_date = models.DateField(null=True)
    deleted = models.BooleanField(default=False)

    class Meta:
        """Its indexes."""

        indexes: ClassVar = [models.Index(fields=["project", "household_id"])]

    @property
    def personal_id(self) -> Any:
        """The id of the client."""
        return self.client_id

    def assignments_(self) -> Any:
        """Return the stints on the enrollment."""
        return self.assignments.all()


class Assignment(models.Model):
    """One stint."""

    assignment_id = models.TextField(primary_key=True)
    enrollment = models.ForeignKey(Enrollment, models.PROTECT, related_name="assignments")
    user = models.ForeignKey(User, models.PROTECT, db_index=False)
    start_date = models.DateField()
    end_date = models.DateField(null=True)
    role = models.TextField(default="Case Manager")
    kept_after_exit = models.BooleanField(default=False)
    voided = models.BooleanField(default=False)

    class Meta:
        """Its indexes."""

        indexes: ClassVar = [models.Index(fields=["user", "end_date"])]


class Change(models.Model):
    """One line of history."""

    number = models.IntegerField(primary_key=True)
    change_id = models.TextField()
    recorded_at = models.TextField()
    user_id = models.TextField(null=True)
    action = models.TextField()
    kind = models.TextField()
    record_id = models.TextField(db_index=True)
    before = models.TextField(null=True)
    after = models.TextField(null=True)
    reason = models.TextField(null=True)
    batch_id = models.TextField(db_index=True)
    digest = models.TextField()


class Move(models.Model):
    """One stint that a reassignment has ended, and the one that follows it."""

    ended = models.ForeignKey(Assignment, models.PROTECT, related_name="+")
    started = models.ForeignKey(Assignment, models.PROTECT, related_name="+")
    end_before = models.DateField(null=True)
    batch_id = models.TextField(db_index=True)
