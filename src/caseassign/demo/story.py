"""The story that ``caseassign demo`` tells: a day of a case manager, on the bundled export.

It follows the two public guides to ClientTrack's case assignments: the home workspace and its active cases, a
client's case managers, adding an assignment, exiting with the box ticked and unticked, inactive cases, reactivating.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from caseassign.casework import Casework
from caseassign.demo.synthetic import bundled_export
from caseassign.display import lists, story, text
from caseassign.display.blocks import Block, Line, Title
from caseassign.display.words import refusal
from caseassign.errors import RuleViolationError
from caseassign.formats import hmis_csv
from caseassign.model import Actor, AssignmentStatus, CaseAssignment, User
from caseassign.stores.memory import MemoryStore

TODAY: Final = date(2026, 3, 2)
"""The day on which the story takes place, whatever day it is told on."""

NOW: Final = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
"""The moment that its history records."""

_KIM, _LEE, _ROBIN = "U1", "U2", "U3"
_MOVED_OUT, _STAYS_IN_TOUCH, _COMES_BACK = "E0017", "E0061", "E0117"


def tell() -> Iterator[Block]:
    """Yield the story, scene by scene. Nothing of it is kept."""
    store = MemoryStore()
    system = Casework(store, user=Actor.SYSTEM, clock=lambda: TODAY, now=lambda: NOW)
    with bundled_export() as folder, hmis_csv.read(folder) as export:
        yield Title("1. A HUD HMIS CSV export comes in")
        yield Line("It is made up: nobody in it exists. The CSV has no case manager, so the last editor of each")
        yield Line("enrollment (Enrollment.UserID) is taken as its first one, because we say so.")
        result = system.import_export(export, case_managers_from="Enrollment.UserID")
        yield from text.imported(result, "the bundled export", seeded=True)
    kim = Casework(store, user=_KIM, clock=lambda: TODAY, now=lambda: NOW)
    lee, me = kim.find_case_managers(_LEE)[0], kim.find_case_managers(_KIM)[0]
    yield from _home(kim, me)
    yield from _client(kim, lee)
    yield from _exits(kim)
    yield from _inactive(kim, me)
    yield from _audit(system)


def _home(kim: Casework, me: User) -> Iterator[Block]:
    yield Title("2. Home workspace: my active cases")
    yield from lists.held(kim.active_cases(), me)


def _client(kim: Casework, lee: User) -> Iterator[Block]:
    family = next(case for case in kim.active_cases() if case.household_size > 1)
    enrollment, client = family.enrollment, family.client
    yield Title("3. Select a client: who is responsible, and who was")
    yield from lists.client_record(kim.client_record(client))
    yield Title("4. Add a case assignment for the whole household")
    yield Line(f"Robin ({_ROBIN}) works for another organization:")
    try:
        kim.assign(enrollment, _ROBIN, household=True)
    except RuleViolationError as error:
        yield Line(f"Refused, and nothing was written. {refusal(error.violations)}")
    yield Line("Lee works here, and helps from today on:")
    yield from text.outcome(kim.assign(enrollment, lee, household=True, reason="housing search"))
    yield from lists.case_managers(kim.case_managers(client), client)


def _exits(kim: Casework) -> Iterator[Block]:
    yield Title("5. Two exits: the box ticked, and unticked")
    yield Line("One client moved out yesterday; the box that ends the case assignment is ticked:")
    yield from text.outcome(kim.exit(_MOVED_OUT, on=date(2026, 3, 1), reason="moved to own apartment"))
    yield Line("Another one moves out today, and Kim stays in touch; the box is unticked:")
    yield from text.outcome(kim.exit(_STAYS_IN_TOUCH, end_assignments=False, reason="follow-up for a month"))
    yield Line("And one client has not been seen since 20 February; the case ends without an exit:")
    yield from text.outcome(kim.end(_stint(kim, _COMES_BACK), on=date(2026, 2, 20), reason="no contact"))


def _inactive(kim: Casework, me: User) -> Iterator[Block]:
    yield Title("6. View inactive cases, and reactivate one")
    yield from lists.held(kim.inactive_cases(), me)
    past = next(case for case in kim.inactive_cases() if case.enrollment.enrollment_id == _COMES_BACK)
    yield Line("The client is back. Status: Active. They leave this list, for Kim holds the case again from today:")
    yield from text.outcome(kim.set_status(past.assignment or "", AssignmentStatus.ACTIVE))
    yield Line(f"Inactive cases now: {len(kim.inactive_cases())}. Active cases now: {len(kim.active_cases())}.")


def _audit(system: Casework) -> Iterator[Block]:
    yield Title("7. Audit: what must hold does, and what is worth a look")
    findings = list(system.audit())
    required = _counted(finding.code for finding in findings if finding.required)
    advisory = _counted(finding.code for finding in findings if not finding.required)
    yield from text.audit(TODAY, required, advisory)
    yield Title("8. History: who said so")
    with_names = {user.user_id: user for user in system.find_case_managers("")}
    yield from story.history(f"enrollment {_MOVED_OUT}", system.history(enrollment=_MOVED_OUT), with_names)
    yield from story.verification(system.verify_history())


def _stint(kim: Casework, enrollment_id: str) -> CaseAssignment:
    held = [case.assignment for case in kim.active_cases() if case.enrollment.enrollment_id == enrollment_id]
    return next(assignment for assignment in held if assignment is not None)


def _counted(codes: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for code in codes:
        counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items()))
