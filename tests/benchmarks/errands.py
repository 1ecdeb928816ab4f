"""What each peer is asked to do: one task, in a process of its own, and the errands that all of them run."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchmarks.world import World

USERS_ASKED: Final = 200
FEWEST_CASES: Final = 30
MOST_CASES: Final = 50
ACTS: Final = 20_000
REFUSED: Final = 40


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task: who does which work, on which file. With ``check`` it is done to see the answer, and not timed.

    ``errands`` is the file that says what is asked, ``share`` which part of it a process takes of how many.
    """

    peer: str
    work: str
    size: str | None
    seed: int
    file: str
    errands: str = ""
    export: str = ""
    check: bool = False
    seconds: float = 10.0
    share: tuple[int, int] = (0, 1)

    def world(self) -> World:
        """Return the world of the task's size."""
        from benchmarks.world import SIZES, World  # noqa: PLC0415  # only who builds needs it

        return World(SIZES[str(self.size)], seed=self.seed)

    def asked(self) -> dict[str, Any]:
        """Return what is asked."""
        asked: dict[str, Any] = json.loads(Path(self.errands).read_text(encoding="utf-8"))
        return asked

    def to_json(self) -> str:
        """Return the task as text."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Task:
        """Return the task that a text says."""
        said = json.loads(text)
        return cls(**said | {"share": tuple(said["share"])})


def errands_of(world: World) -> dict[str, Any]:
    """Return what all peers are asked about a world."""
    from benchmarks.world import TODAY  # noqa: PLC0415  # only who builds needs it

    active: Counter[str] = Counter()
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for stint in world.assignments:
        holders[stint.enrollment_id].add(stint.user_id)
        if not stint.voided and stint.start_date <= TODAY and (stint.end_date is None or stint.end_date > TODAY):
            active[stint.user_id] += 1
    working = {user.user_id for user in world.users if user.left_on is None} - {world.backlog_holder}
    usual = [key for key, count in active.items() if FEWEST_CASES <= count <= MOST_CASES and key in working]
    return {
        "today": TODAY.isoformat(),
        "users": sorted(usual or working)[:USERS_ASKED],
        "adds": list(_adds(world, holders)),
        "refused": list(_refused(world)),
        "holder": world.backlog_holder,
        "receiver": world.working_team("ORG1")[0].user_id,
    }


def _adds(world: World, holders: dict[str, set[str]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield acts that are allowed: enrollment, user, start and role."""
    from benchmarks.world import TODAY  # noqa: PLC0415  # only who builds needs it

    organization_of = {project.project_id: project.organization_id for project in world.projects}
    staying = [e for e in world.enrollments if e.exit_date is None and not e.deleted and e.entry_date <= TODAY]
    for number in range(ACTS):
        stay = staying[number * 7919 % len(staying)]
        team = world.working_team(organization_of[stay.project_id])
        user = next(user for user in (*team[number % len(team) :], *team))
        is_new = number < len(staying) and user.user_id not in holders[stay.enrollment_id]
        role = "Case Manager" if is_new else f"Navigator {number}"
        yield stay.enrollment_id, user.user_id, TODAY.isoformat(), role


def _refused(world: World) -> Iterator[tuple[str, str, str, str]]:
    """Yield acts that are refused, by rules, by guards or by the policy."""
    from benchmarks.world import TODAY  # noqa: PLC0415  # only who builds needs it

    organization_of = {project.project_id: project.organization_id for project in world.projects}
    gone = next(user for user in world.users if user.left_on is not None)
    for enrollment in world.enrollments[:: len(world.enrollments) // REFUSED]:
        team = world.working_team(organization_of[enrollment.project_id])
        early = enrollment.entry_date - timedelta(days=3)
        yield enrollment.enrollment_id, team[0].user_id, early.isoformat(), "Case Manager"
        if enrollment.exit_date is not None:
            yield enrollment.enrollment_id, team[-1].user_id, TODAY.isoformat(), "Case Manager"
        yield enrollment.enrollment_id, gone.user_id, TODAY.isoformat(), "Case Manager"
        strangers = [
            user for user in world.users[1:] if organization_of[enrollment.project_id] not in user.organization_ids
        ]
        yield enrollment.enrollment_id, strangers[0].user_id, TODAY.isoformat(), "Case Manager"
    for stint in world.assignments[:: len(world.assignments) // REFUSED]:
        yield stint.enrollment_id, stint.user_id, stint.start_date.isoformat(), stint.role


def digest(rows: Iterable[Any]) -> str:
    """Return what an answer is compared by: the same for the same rows, in whatever order."""
    lines = sorted(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    sealed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{len(lines)} {sealed}"


def peak() -> float:
    """Return how much memory this process has taken at most, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def day(text: str | None) -> date | None:
    """Return the day that a text is."""
    return None if text is None else date.fromisoformat(text)
