"""Sight: what one acting user may see of what a question is about, and how much of it they may not.

The policy is asked about projects as they stand now, also where the past is asked: nobody sees more of the past than
of the present. What may not be seen is left out by the store's queries, and counted there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from caseassign.desk import Desk
from caseassign.model import Actor, Project, User
from caseassign.past import present
from caseassign.storage import Transaction


class Part(NamedTuple):
    """The projects that a question is about: those that are ``shown``, None for all there are, and the others."""

    shown: frozenset[str] | None
    hidden: frozenset[str]


class Sight:
    """What one actor may see in one transaction."""

    def __init__(self, desk: Desk, tx: Transaction, actor: User | Actor) -> None:
        self._policy = desk.policy
        self._tx = tx
        self._actor = actor

    def of_projects(self, project_ids: Iterable[str]) -> frozenset[str]:
        """Return those projects of which the actor may see the cases."""
        projects = present(self._tx).projects.get(project_ids)
        return frozenset(key for key, project in projects.items() if self._policy.may_see(self._actor, project))

    def of_enrollments(self, project_ids: Mapping[str, str]) -> frozenset[str]:
        """Return those enrollments, of which each is given with its project, that the actor may see.

        One that was moved since must be open to the actor both where it was and where it is.
        """
        now = present(self._tx)
        moved = {} if now is self._tx else now.enrollments.projects_of(project_ids)
        seen = self.of_projects({*project_ids.values(), *moved.values()})
        return frozenset(key for key, project in project_ids.items() if {project, moved.get(key, project)} <= seen)

    def hidden_clients(self, personal_ids: Collection[str]) -> frozenset[str]:
        """Return those of these clients who are enrolled now, and only where the actor may not see it."""
        enrollments = present(self._tx).enrollments.of_clients(personal_ids)
        seen = self.of_enrollments({e.enrollment_id: e.project_id for e in enrollments})
        shown = {e.personal_id for e in enrollments if e.enrollment_id in seen}
        return frozenset(e.personal_id for e in enrollments) - shown

    def part(self, takes: Callable[[Project], bool]) -> Part:
        """Return which of all projects are shown, and which are hidden, of those that the question takes."""
        every = {project.project_id: project for project in self._tx.projects}
        wanted = frozenset(key for key, project in every.items() if takes(project))
        shown = self.of_projects(wanted)
        return Part(None if len(shown) == len(every) else shown, wanted - shown)
