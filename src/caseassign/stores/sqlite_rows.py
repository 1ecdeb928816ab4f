"""Records as rows of a `SQLiteStore`, and back: by hand, column for column, because millions of them pass here.

Days are text like ``2026-03-02``, and sets are sorted JSON lists.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Final

from caseassign.history import to_json
from caseassign.model import CaseAssignment, Enrollment, Project, User
from caseassign.storage import Row
from caseassign.stores.sql import Form, Forms
from caseassign.stores.sql_rows import CHANGES, CLIENTS, HEADS, ORGANIZATIONS


def _project_row(record: Project) -> Row:
    return (
        record.project_id,
        record.organization_id,
        record.project_name,
        record.project_type,
        _day_text(record.operating_start_date),
        _day_text(record.operating_end_date),
        record.batch_id,
    )


def _project(
    project_id: str,
    organization_id: str | None,
    project_name: str | None,
    project_type: int | None,
    operating_start_date: str | None,
    operating_end_date: str | None,
    batch_id: str | None,
) -> Project:
    return Project(
        project_id=project_id,
        organization_id=organization_id,
        project_name=project_name,
        project_type=project_type,
        operating_start_date=_day(operating_start_date),
        operating_end_date=_day(operating_end_date),
        batch_id=batch_id,
    )


_PROJECTS: Final = Form("project", _project_row, _project)


def _user_row(record: User) -> Row:
    return (
        record.user_id,
        record.first_name,
        record.last_name,
        to_json(sorted(record.organization_ids)),
        to_json(sorted(record.permissions)),
        record.is_case_manager,
        _day_text(record.left_on),
        record.batch_id,
    )


def _user(
    user_id: str,
    first_name: str | None,
    last_name: str | None,
    organization_ids: str,
    permissions: str,
    is_case_manager: int,
    left_on: str | None,
    batch_id: str | None,
) -> User:
    return User(
        user_id=user_id,
        first_name=first_name,
        last_name=last_name,
        organization_ids=json.loads(organization_ids),
        permissions=json.loads(permissions),
        is_case_manager=bool(is_case_manager),
        left_on=_day(left_on),
        batch_id=batch_id,
    )


_USERS: Final = Form("user", _user_row, _user)


def _enrollment_row(record: Enrollment) -> Row:
    return (
        record.enrollment_id,
        record.personal_id,
        record.project_id,
        record.household_id,
        record.relationship_to_hoh,
        record.entry_date.isoformat(),
        _day_text(record.exit_date),
        record.deleted,
        record.batch_id,
    )


def _enrollment(
    enrollment_id: str,
    personal_id: str,
    project_id: str,
    household_id: str | None,
    relationship_to_hoh: int | None,
    entry_date: str,
    exit_date: str | None,
    deleted: int,
    batch_id: str | None,
) -> Enrollment:
    return Enrollment(
        enrollment_id=enrollment_id,
        personal_id=personal_id,
        project_id=project_id,
        household_id=household_id,
        relationship_to_hoh=relationship_to_hoh,
        entry_date=date.fromisoformat(entry_date),
        exit_date=_day(exit_date),
        deleted=bool(deleted),
        batch_id=batch_id,
    )


_ENROLLMENTS: Final = Form("enrollment", _enrollment_row, _enrollment)


def _assignment_row(record: CaseAssignment) -> Row:
    return (
        record.assignment_id,
        record.enrollment_id,
        record.user_id,
        record.start_date.isoformat(),
        _day_text(record.end_date),
        record.role,
        record.kept_after_exit,
        record.voided,
        record.batch_id,
    )


def _assignment(
    assignment_id: str,
    enrollment_id: str,
    user_id: str,
    start_date: str,
    end_date: str | None,
    role: str,
    kept_after_exit: int,
    voided: int,
    batch_id: str | None,
) -> CaseAssignment:
    return CaseAssignment(
        assignment_id=assignment_id,
        enrollment_id=enrollment_id,
        user_id=user_id,
        start_date=date.fromisoformat(start_date),
        end_date=_day(end_date),
        role=role,
        kept_after_exit=bool(kept_after_exit),
        voided=bool(voided),
        batch_id=batch_id,
    )


_ASSIGNMENTS: Final = Form("assignment", _assignment_row, _assignment)


def _day_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


FORMS: Final = Forms(
    organizations=ORGANIZATIONS,
    projects=_PROJECTS,
    users=_USERS,
    clients=CLIENTS,
    enrollments=_ENROLLMENTS,
    assignments=_ASSIGNMENTS,
    changes=CHANGES,
    heads=HEADS,
)
