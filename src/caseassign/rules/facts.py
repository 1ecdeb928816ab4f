"""The facts that a rule looks at: one assignment, one enrollment, one household, or one user's caseload.

Facts are plain records put side by side as they stand at one moment. Voided stints are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Self, TypeAlias

import attrs

from caseassign.model import AssignmentStatus, CaseAssignment, Enrollment, Project, User


@attrs.frozen(kw_only=True)
class AssignmentFacts:
    """One stint, and all that it refers to.

    ``client`` is the id of the client that the act named, where it named one; ``as_of`` is the day on which one looks.
    """

    assignment: CaseAssignment
    enrollment: Enrollment
    project: Project
    user: User
    as_of: date
    client: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether the user is responsible as of the day, on an enrollment that counts."""
        return not self.enrollment.deleted and self.assignment.status(self.as_of) is AssignmentStatus.ACTIVE


@attrs.frozen(kw_only=True)
class EnrollmentFacts:
    """One enrollment with every stint on it, by start date and id, and the users who hold them."""

    enrollment: Enrollment
    project: Project
    assignments: tuple[CaseAssignment, ...]
    users: Mapping[str, User] = attrs.field(repr=False)
    as_of: date

    @classmethod
    def of(
        cls,
        enrollment: Enrollment,
        project: Project,
        stints: Iterable[CaseAssignment],
        users: Mapping[str, User],
        as_of: date,
    ) -> Self:
        """Return the facts of an enrollment, given every stint on it, in any order, voided ones too."""
        live = [stint for stint in stints if not stint.voided]
        live.sort(key=lambda stint: (stint.start_date, stint.assignment_id))
        return cls(enrollment=enrollment, project=project, assignments=tuple(live), users=users, as_of=as_of)

    @property
    def stints(self) -> Iterator[AssignmentFacts]:
        """The facts of each stint."""
        for assignment in self.assignments:
            yield AssignmentFacts(
                assignment=assignment,
                enrollment=self.enrollment,
                project=self.project,
                user=self.users[assignment.user_id],
                as_of=self.as_of,
            )

    @property
    def holders(self) -> frozenset[str]:
        """The ids of the users who are active on the enrollment as of the day."""
        return frozenset(a.user_id for a in self.assignments if a.status(self.as_of) is AssignmentStatus.ACTIVE)


@attrs.frozen(kw_only=True)
class HouseholdFacts:
    """One household: its members who are not deleted, each with their stints."""

    members: tuple[EnrollmentFacts, ...]
    as_of: date

    @property
    def ids(self) -> tuple[str, ...]:
        """The enrollment ids of the members."""
        return tuple(member.enrollment.enrollment_id for member in self.members)


@attrs.frozen(kw_only=True)
class CaseloadFacts:
    """One user, and the stints in which they are active as of the day, cover among them."""

    user: User
    cases: tuple[AssignmentFacts, ...]
    as_of: date


Facts: TypeAlias = AssignmentFacts | EnrollmentFacts | HouseholdFacts | CaseloadFacts
