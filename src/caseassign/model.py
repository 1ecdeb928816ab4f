"""The records: what an HMIS knows of clients, staff and stays, and the assignment that ties them together.

Names follow the HUD HMIS CSV in snake_case. A record guards only what is true of itself alone; whatever must
hold between records is a rule. ``repr`` shows ids and never a name. A day is a
``date`` and never a ``datetime``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias

import attrs

from caseassign.errors import InvalidRecordError
from caseassign.period import Period


class Actor(enum.Enum):
    """Who acts, where no user is named: ``ME`` is the acting user, ``SYSTEM`` is set-up and batch jobs."""

    ME = "ME"
    SYSTEM = "SYSTEM"


ME: Final = Actor.ME
SYSTEM: Final = Actor.SYSTEM


class AssignmentStatus(enum.StrEnum):
    """What an assignment is as of a day; computed from its days, and stored nowhere."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    INACTIVE = "inactive"


class RelationshipToHoH(enum.IntEnum):
    """HMIS 3.15.1: what a member is to the head of household."""

    SELF = 1
    CHILD = 2
    SPOUSE_OR_PARTNER = 3
    OTHER_RELATION = 4
    NON_RELATION = 5
    DATA_NOT_COLLECTED = 99


class ProjectType(enum.IntEnum):
    """HMIS 2.02.6: what kind of program a project runs."""

    EMERGENCY_SHELTER_ENTRY_EXIT = 0
    EMERGENCY_SHELTER_NIGHT_BY_NIGHT = 1
    TRANSITIONAL_HOUSING = 2
    PERMANENT_SUPPORTIVE_HOUSING = 3
    STREET_OUTREACH = 4
    SERVICES_ONLY = 6
    OTHER = 7
    SAFE_HAVEN = 8
    HOUSING_ONLY = 9
    HOUSING_WITH_SERVICES = 10
    DAY_SHELTER = 11
    HOMELESSNESS_PREVENTION = 12
    RAPID_REHOUSING = 13
    COORDINATED_ENTRY = 14


CASE_MANAGER: Final = "Case Manager"
"""The role of an assignment that names no other."""

COVER: Final = "Cover"
"""The role of somebody who stands in for a while."""

ALL_ORGANIZATIONS: Final = "all-organizations"
"""The permission that opens every organization to a user."""


class HouseholdKey(NamedTuple):
    """What the enrollments of one household share: real exports use one HouseholdID in several projects."""

    project_id: str
    household_id: str


_HALVES: Final = re.compile("[\ud800-\udfff]")


def _refuse(record: object, field: attrs.Attribute[Any], problem: str) -> None:
    raise InvalidRecordError(type(record).__name__, field.name, problem)


def is_text(value: object) -> bool:
    """Whether a value is text that can be written down: without NUL, and without halves of characters."""
    return isinstance(value, str) and "\0" not in value and (value.isascii() or not _HALVES.search(value))


def _check_id(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if not is_text(value) or not value:
        _refuse(record, field, "is no text, is empty, or has a character that cannot be written")


def _check_reference(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _check_id(record, field, value)


def _check_text(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not is_text(value):
        _refuse(record, field, "is no text, or has a character that cannot be written")


def _check_flag(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        _refuse(record, field, "is neither true nor false")


def _check_day(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, date):
        _refuse(record, field, "is no day: give a date")
    if isinstance(value, datetime):
        _refuse(record, field, "is a datetime: give the day, as a date")


def _check_optional_day(record: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _check_day(record, field, value)


def _texts(values: Iterable[str]) -> frozenset[str]:
    texts = None if isinstance(values, str) else frozenset(values)
    if texts is None or not all(map(is_text, texts)):
        raise InvalidRecordError("User", "organization_ids, permissions", "is no set of texts")
    return texts


def _relationship(value: int | None) -> RelationshipToHoH | None:
    try:
        return None if value is None else RelationshipToHoH(value)
    except ValueError:
        raise InvalidRecordError("Enrollment", "relationship_to_hoh", "is not in the HMIS picklist") from None


def _project_type(value: int | None) -> ProjectType | None:
    try:
        return None if value is None else ProjectType(value)
    except ValueError:
        raise InvalidRecordError("Project", "project_type", "is not in the HMIS picklist") from None


@attrs.frozen(kw_only=True)
class Client:
    """A person served."""

    KIND: ClassVar = "client"
    personal_id: str = attrs.field(validator=_check_id)
    first_name: str | None = attrs.field(default=None, validator=_check_text, repr=False)
    last_name: str | None = attrs.field(default=None, validator=_check_text, repr=False)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.personal_id


@attrs.frozen(kw_only=True)
class Organization:
    """Who runs projects. One that is known by its id alone has no name."""

    KIND: ClassVar = "organization"
    organization_id: str = attrs.field(validator=_check_id)
    organization_name: str | None = attrs.field(default=None, validator=_check_text)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.organization_id


@attrs.frozen(kw_only=True)
class Project:
    """A program of an organization. One that is known by its id alone has neither organization nor name."""

    KIND: ClassVar = "project"
    project_id: str = attrs.field(validator=_check_id)
    organization_id: str | None = attrs.field(default=None, validator=_check_reference)
    project_name: str | None = attrs.field(default=None, validator=_check_text)
    project_type: ProjectType | None = attrs.field(default=None, converter=_project_type)
    operating_start_date: date | None = attrs.field(default=None, validator=_check_optional_day)
    operating_end_date: date | None = attrs.field(default=None, validator=_check_optional_day)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.project_id


@attrs.frozen(kw_only=True)
class User:
    """A person who works in the HMIS; any user may be a case manager unless it is said otherwise.

    ``left_on`` is the first day no longer worked.
    """

    KIND: ClassVar = "user"
    user_id: str = attrs.field(validator=_check_id)
    first_name: str | None = attrs.field(default=None, validator=_check_text, repr=False)
    last_name: str | None = attrs.field(default=None, validator=_check_text, repr=False)
    organization_ids: frozenset[str] = attrs.field(default=frozenset(), converter=_texts)
    permissions: frozenset[str] = attrs.field(default=frozenset(), converter=_texts)
    is_case_manager: bool = attrs.field(default=True, validator=_check_flag)
    left_on: date | None = attrs.field(default=None, validator=_check_optional_day)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.user_id

    def has_left(self, day: date) -> bool:
        """Whether the user no longer works as of ``day``."""
        return self.left_on is not None and self.left_on <= day

    def can_access(self, project: Project) -> bool:
        """Whether the user can access the organization that runs ``project``.

        A project without organization is open only to those who can access all of them.
        """
        return ALL_ORGANIZATIONS in self.permissions or project.organization_id in self.organization_ids


@attrs.frozen(kw_only=True)
class Enrollment:
    """One client's stay in one project, from ``entry_date`` up to, but not including, ``exit_date``."""

    KIND: ClassVar = "enrollment"
    enrollment_id: str = attrs.field(validator=_check_id)
    personal_id: str = attrs.field(validator=_check_id)
    project_id: str = attrs.field(validator=_check_id)
    household_id: str | None = attrs.field(default=None, validator=_check_reference)
    relationship_to_hoh: RelationshipToHoH | None = attrs.field(default=None, converter=_relationship)
    entry_date: date = attrs.field(validator=_check_day)
    exit_date: date | None = attrs.field(default=None, validator=_check_optional_day)
    deleted: bool = attrs.field(default=False, validator=_check_flag)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.enrollment_id

    @property
    def household_key(self) -> HouseholdKey | None:
        """What the members of this household share; None where the enrollment is a household of its own."""
        return None if self.household_id is None else HouseholdKey(self.project_id, self.household_id)

    @property
    def is_head(self) -> bool:
        """Whether this member is the head of household."""
        return self.relationship_to_hoh is RelationshipToHoH.SELF

    @property
    def period(self) -> Period:
        """The days of the stay. Raises `InvalidRecordError` for one that exits before its entry."""
        return Period(self.entry_date, self.exit_date)

    def is_open(self, day: date) -> bool:
        """Whether the stay is open as of ``day``: entered, not exited, not deleted."""
        exited = self.exit_date is not None and self.exit_date <= day
        return self.entry_date <= day and not exited and not self.deleted


def _check_end(record: CaseAssignment, field: attrs.Attribute[Any], value: date | None) -> None:
    _check_optional_day(record, field, value)
    if value is not None and value < record.start_date:
        _refuse(record, field, "lies before start_date")


@attrs.frozen(kw_only=True)
class CaseAssignment:
    """One stint: this user is responsible for this enrollment from ``start_date`` until ``end_date``.

    Half-open: ``end_date`` is the first day on which the user is no longer responsible. Without it the stint
    lasts until further notice. ``start_date == end_date`` is on record and never active.
    """

    KIND: ClassVar = "assignment"
    assignment_id: str = attrs.field(validator=_check_id)
    enrollment_id: str = attrs.field(validator=_check_id)
    user_id: str = attrs.field(validator=_check_id)
    start_date: date = attrs.field(validator=_check_day)
    end_date: date | None = attrs.field(default=None, validator=_check_end)
    role: str = attrs.field(default=CASE_MANAGER, validator=_check_id)
    kept_after_exit: bool = attrs.field(default=False, validator=_check_flag)
    voided: bool = attrs.field(default=False, validator=_check_flag)
    batch_id: str | None = attrs.field(default=None, validator=_check_text, eq=False, repr=False)

    @property
    def key(self) -> str:
        """The id under which a store keeps the record."""
        return self.assignment_id

    @property
    def period(self) -> Period:
        """The days of the stint."""
        return Period(self.start_date, self.end_date)

    def status(self, as_of: date) -> AssignmentStatus:
        """Return what the stint is at the close of ``as_of``."""
        if as_of < self.start_date:
            return AssignmentStatus.UPCOMING
        return AssignmentStatus.ACTIVE if as_of in self.period else AssignmentStatus.INACTIVE


@attrs.frozen(kw_only=True)
class Household:
    """The enrollments that share a HouseholdID and a project. Derived from them, and stored nowhere."""

    members: tuple[Enrollment, ...]

    @property
    def head(self) -> Enrollment | None:
        """The member with relationship 1, whatever their dates; None where there is none, or several."""
        heads = [member for member in self.members if member.is_head]
        return heads[0] if len(heads) == 1 else None

    def open_clients(self, as_of: date) -> frozenset[str]:
        """Return the ids of the clients whose stay in the household is open as of a day."""
        return frozenset(member.personal_id for member in self.members if member.is_open(as_of))


Record: TypeAlias = Client | Organization | Project | User | Enrollment | CaseAssignment

KINDS: Final[Mapping[str, type[Record]]] = {
    kind.KIND: kind for kind in (Organization, Project, User, Client, Enrollment, CaseAssignment)
}
"""Every kind of record by its name, each after the kinds that it refers to."""


def id_of(record: Record | str, kind: type[Record]) -> str:
    """Return the id that a record of this kind stands for; an id stands for itself."""
    if isinstance(record, str):
        return record
    if not isinstance(record, kind):
        raise InvalidRecordError(type(record).__name__, "id", f"is given where one {kind.KIND}, or its id, is meant")
    return record.key
