"""A made-up HMIS of any size, as plain rows: the same for the same seed, with dirt of every kind that an audit finds.

Clean households have no violation at all. About one per cent carry dirt, each of one kind by chance. Ids are as mixed
as those of real exports: 32 hexadecimal digits for clients and enrollments, short ones for users and projects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final, NamedTuple, TypeVar

from benchmarks.dirt import DIRT, NEEDS_OPEN, NEEDS_SHUT

T = TypeVar("T")

TODAY: Final = date(2026, 3, 2)
SPAN: Final = 3650
"""How far back entries lie, in days."""

MEAN_STAY: Final = 290
"""Days; so that one stay in twelve is open, and a user has some 40 cases."""

_HOUSEHOLD_SIZES: Final = (1,) * 62 + (2,) * 18 + (3,) * 12 + (4,) * 6 + (5,) * 2
_PROJECT_TYPES: Final = (0, 13, 4, 3, 1, 2, 14, 12)
_FIRST_NAMES: Final = (
    "Aiyana",
    "Bao",
    "Carmen",
    "Dalia",
    "Elif",
    "Farah",
    "Gus",
    "Hana",
    "Inés",
    "Jamal",
    "Kaya",
    "Zoë",
)
_LAST_NAMES: Final = ("Amberbank", "Cinderfell", "Cloverdale", "Copperquill", "Indigosong", "Juniperrow", "Saffronvale")


class Size(NamedTuple):
    """How much there is of a world, counted in enrollments; the rest follows."""

    name: str
    enrollments: int
    dirt: float = 0.01
    """The share of households that carry some."""

    @property
    def organizations(self) -> int:
        """How many organizations there are; each has four projects and a team."""
        return max(3, self.enrollments // 10_000)

    @property
    def users(self) -> int:
        """How many users there are."""
        return max(12, self.enrollments // 500)

    @property
    def backlog(self) -> int:
        """How many cases one user holds alone: those that are reassigned."""
        return max(8, self.enrollments // 100)


SIZES: Final = {
    size.name: size for size in (Size("T", 600, dirt=0.4), Size("S", 10_000), Size("M", 100_000), Size("L", 1_000_000))
}


class Organization(NamedTuple):
    """One organization."""

    organization_id: str
    organization_name: str


class Project(NamedTuple):
    """One project."""

    project_id: str
    organization_id: str
    project_name: str
    project_type: int


class User(NamedTuple):
    """One user; those of a team can access its organization."""

    user_id: str
    first_name: str
    last_name: str
    organization_ids: tuple[str, ...]
    permissions: tuple[str, ...]
    left_on: date | None


class Client(NamedTuple):
    """One client."""

    personal_id: str
    first_name: str | None
    last_name: str


class Enrollment(NamedTuple):
    """One enrollment, as it stands."""

    enrollment_id: str
    personal_id: str
    project_id: str
    household_id: str | None
    relationship_to_hoh: int
    entry_date: date
    exit_date: date | None
    deleted: bool


class Assignment(NamedTuple):
    """One stint."""

    assignment_id: str
    enrollment_id: str
    user_id: str
    start_date: date
    end_date: date | None
    role: str = "Case Manager"
    kept_after_exit: bool = False
    voided: bool = False


class Stay(NamedTuple):
    """What the members of a household share in one project, and who works there."""

    project: Project
    team: Sequence[User]
    entry: date
    exit: date | None


class Dice:
    """Chance from a seed."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self.share = self._random.random
        self._bits = self._random.getrandbits

    def between(self, low: int, high: int) -> int:
        """Return a whole number, its bounds included."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.share() * len(choices))]

    def hexadecimal(self) -> str:
        """Return an id of 32 hexadecimal digits."""
        return f"{self._bits(128):032x}"

    def id_of_day(self, day: date) -> str:
        """Return an id as the library makes them (UUID version 7), made at some moment of a day."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        stamp = int((midnight + self.share() * 86_400) * 1000) % (1 << 48)
        value = f"{stamp << 80 | 7 << 76 | self._bits(12) << 64 | 2 << 62 | self._bits(62):032x}"
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


class World:
    """All rows of a world, each list in the order of the ids, and what the works ask about."""

    def __init__(self, size: Size, *, seed: int = 2026) -> None:
        self.size = size
        self._dice = Dice(f"{seed} {size.enrollments}")
        self._dirt = size.dirt
        self.organizations = [
            Organization(f"ORG{n}", f"{_LAST_NAMES[n % len(_LAST_NAMES)]} House {n}")
            for n in range(1, size.organizations + 1)
        ]
        self.projects = [
            Project(f"{n}", self.organizations[(n - 1) // 4].organization_id, f"Program {n}", _PROJECT_TYPES[n % 8])
            for n in range(1, size.organizations * 4 + 1)
        ]
        self.users = list(self._make_users())
        self._teams = {organization.organization_id: self._team(organization) for organization in self.organizations}
        self.clients: list[Client] = []
        self.enrollments: list[Enrollment] = []
        self.assignments: list[Assignment] = []
        self.backlog_holder = self.users[0].user_id
        """The user who holds the backlog, in the first organization, and may do everything with caseloads."""
        self._families: list[list[str]] = []
        self._households = 0
        self._make_backlog()
        while len(self.enrollments) < size.enrollments:
            self._make_household()
        for rows in (self.organizations, self.projects, self.users, self.clients, self.enrollments, self.assignments):
            rows.sort()

    def working_team(self, organization_id: str) -> Sequence[User]:
        """Return those of an organization's team who have not left."""
        return self._teams[organization_id]

    def _make_users(self) -> Iterator[User]:
        for n in range(self.size.users):
            own = self.organizations[n * len(self.organizations) // self.size.users].organization_id
            more = self._dice.pick(self.organizations).organization_id
            organizations = {own, more} if n and self._dice.share() < 0.1 else {own}
            everything = ("all-organizations", "batch.undo", "caseload.reassign", "caseload.view")
            first, last = self._dice.pick(_FIRST_NAMES), self._dice.pick(_LAST_NAMES)
            left = TODAY - timedelta(days=self._dice.between(1, 900)) if n % 25 == 11 else None
            permissions = everything if n == 0 else ()
            yield User(f"u{n + 1}", first, last, tuple(sorted(organizations)), permissions, left)

    def _team(self, organization: Organization) -> list[User]:
        own = [user for user in self.users if organization.organization_id in user.organization_ids]
        return [user for user in own if user.left_on is None and not user.permissions]

    def _make_backlog(self) -> None:
        """Give one user open stays in the first organization, one person a household, so that all of it can move."""
        for _ in range(self.size.backlog):
            project = self.projects[self._dice.between(0, 3)]
            entry = TODAY - timedelta(days=self._dice.between(10, 700))
            for member in self._members(Stay(project, (), entry, None), size=1):
                self.enrollments.append(member)
                self._assign(member, self.backlog_holder, entry, None)

    def _make_household(self) -> None:
        dice = self._dice
        kind = dice.pick(DIRT) if dice.share() < self._dirt else None
        stay = self._stay(kind.__name__ if kind is not None else "")
        members = self._members(stay, size=dice.pick(_HOUSEHOLD_SIZES) + (1 if kind is not None else 0))
        first_stint = len(self.assignments)
        self._hold(members, stay)
        if kind is not None:
            stints = self.assignments[first_stint:]
            kind(self, stay, members, stints)
            self.assignments[first_stint:] = stints
        self.enrollments += members

    def _stay(self, kind: str) -> Stay:
        dice = self._dice
        project = dice.pick(self.projects)
        length = 1 + int(-MEAN_STAY * math.log(1 - dice.share()))
        if kind in NEEDS_OPEN:
            entry, left = TODAY - timedelta(days=dice.between(30, 600)), None
        elif kind in NEEDS_SHUT:
            entry = TODAY - timedelta(days=length + 30 + dice.between(0, SPAN))
            left = entry + timedelta(days=length + 20)
        else:
            entry = TODAY - timedelta(days=dice.between(0, SPAN))
            ends = entry + timedelta(days=length - 1)
            left = ends if ends <= TODAY else None
        return Stay(project, self._teams[project.organization_id], entry, left)

    def _members(self, stay: Stay, size: int) -> list[Enrollment]:
        """Make the enrollments of a household, whose people may have stayed before."""
        dice = self._dice
        if self._families and dice.share() < 0.4:
            people = dice.pick(self._families)[:size]
        else:
            people = []
            family = dice.pick(_LAST_NAMES)
            for _ in range(size):
                people.append(dice.hexadecimal())
                first = dice.pick(_FIRST_NAMES) if dice.share() < 0.97 else None
                self.clients.append(Client(people[-1], first, family if dice.share() < 0.8 else dice.pick(_LAST_NAMES)))
            self._families.append(people)
        self._households += 1
        household_id = f"H{self._households}" if size > 1 or dice.share() > 0.01 else None
        key = stay.project.project_id
        members = [
            Enrollment(dice.hexadecimal(), people[0], key, household_id, 1, stay.entry, stay.exit, deleted=False)
        ]
        for person in people[1:]:
            entry = stay.entry
            days = ((stay.exit or TODAY) - stay.entry).days
            if days > 10 and dice.share() < 0.05:
                entry += timedelta(days=dice.between(1, days // 2))
            relation = dice.pick((2, 2, 3, 4, 5))
            members.append(
                Enrollment(dice.hexadecimal(), person, key, household_id, relation, entry, stay.exit, deleted=False)
            )
        return members

    def _hold(self, members: Sequence[Enrollment], stay: Stay) -> None:
        """Give each member the same case managers: one, one after the other, there and back, or two side by side."""
        dice = self._dice
        start = min(stay.entry + timedelta(days=dice.between(0, 5)), stay.exit or TODAY)
        days = ((stay.exit or TODAY) - start).days
        one, other = dice.pick(stay.team).user_id, dice.pick(stay.team).user_id
        chance = dice.share() if days > 6 and one != other else 0.0
        middle = start + timedelta(days=days // 3)
        later = middle + timedelta(days=days // 3)
        plan: list[tuple[str, date, date | None, str]] = [(one, start, stay.exit, "Case Manager")]
        if 0.75 <= chance < 0.9:
            plan = [(one, start, middle, "Case Manager"), (other, middle, stay.exit, "Case Manager")]
        elif 0.9 <= chance < 0.94:
            plan = [(one, start, middle, "Case Manager"), (other, middle, later, "Case Manager")]
            plan.append((one, later, stay.exit, "Case Manager"))
        elif chance >= 0.94:
            plan.append((other, start, stay.exit, "Navigator"))
        if days > 6 and dice.share() < 0.02:
            plan.append((dice.pick(stay.team).user_id, middle, later, "Cover"))
        for member in members:
            for user_id, begin, end, role in plan:
                if end is None or end > member.entry_date or end == stay.exit:
                    self._assign(member, user_id, max(begin, member.entry_date), end, role)
            if dice.share() < 0.01:
                self._assign(member, other, start, stay.exit, voided=True)

    def _assign(
        self,
        member: Enrollment,
        user_id: str,
        start: date,
        end: date | None,
        role: str = "Case Manager",
        *,
        voided: bool = False,
    ) -> None:
        key = self._dice.id_of_day(start)
        self.assignments.append(
            Assignment(key, member.enrollment_id, user_id, start, end, role, kept_after_exit=False, voided=voided)
        )

    @property
    def dice(self) -> Dice:
        """What chance the dirt takes."""
        return self._dice

    def departed(self) -> str:
        """Return the id of a user who has left, and can access nothing that matters."""
        return self._dice.pick([user for user in self.users if user.left_on is not None]).user_id

    def outsider(self, stay: Stay) -> str:
        """Return the id of a user who works, and cannot access the organization of a stay."""
        while True:
            user = self._dice.pick(self.users)
            strange = stay.project.organization_id not in user.organization_ids
            if strange and user.left_on is None and not user.permissions:
                return user.user_id
