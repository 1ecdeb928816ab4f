"""The store and the store in memory, the reference, side by side: the same steps, and the same answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from caseassign.errors import AlreadyExistsError, CaseAssignError, NotFoundError
from caseassign.history import RecordKey
from caseassign.model import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User
from caseassign.storage import Transaction
from caseassign.stores.memory import MemoryStore
from caseassign.testing.expecting import CheckFailedError, UndoError, expect, told
from caseassign.testing.place import Place, of_every_kind

NAMES: Final = ("a", "B", "é", "😀")
DAYS: Final = tuple(date(2026, 3, number) for number in (1, 2, 3))
SEED: Final = 2
_BLOCKS: Final = 15

_NONE_OR_NAME: Final = (None, *NAMES)
_NONE_OR_DAY: Final = (None, *DAYS)
_PARTS: Final[tuple[tuple[str, ...] | None, ...]] = (None, (), ("é",), ("é", "a", "no"))

VOCABULARY: Final[Mapping[str, tuple[Callable[..., Any], Mapping[str, Collection[Any]]]]] = {
    "organizations": (
        Organization,
        {"organization_id": NAMES, "organization_name": _NONE_OR_NAME, "batch_id": _NONE_OR_NAME},
    ),
    "projects": (Project, {"project_id": NAMES, "organization_id": _NONE_OR_NAME, "batch_id": _NONE_OR_NAME}),
    "users": (User, {"user_id": NAMES, "left_on": _NONE_OR_DAY, "is_case_manager": (True, False)}),
    "clients": (Client, {"personal_id": NAMES, "last_name": _NONE_OR_NAME, "batch_id": _NONE_OR_NAME}),
    "enrollments": (
        Enrollment,
        {
            "enrollment_id": NAMES,
            "personal_id": NAMES,
            "project_id": NAMES,
            "household_id": _NONE_OR_NAME,
            "entry_date": DAYS,
            "exit_date": _NONE_OR_DAY,
            "deleted": (False, True),
        },
    ),
    "assignments": (
        CaseAssignment,
        {
            "assignment_id": NAMES,
            "enrollment_id": NAMES,
            "user_id": NAMES,
            "start_date": DAYS[:1],
            "end_date": _NONE_OR_DAY,
            "voided": (False, True),
            "batch_id": _NONE_OR_NAME,
        },
    ),
    "history": (
        dict,
        {"change_id": tuple("0123456789"), "record": NAMES, "batch_id": NAMES, "minutes": (0, 1), "gap": (0, 0, 0, 1)},
    ),
    "imported": (dict, {"kind": NAMES, "id": NAMES, "said": NAMES}),
    "personal": (dict, {"imprint": NAMES, "text": NAMES}),
}
"""What the parts of a transaction are given: how each is made, and the values that its fields can have.

They are few, so that ids meet again, and references find something, and sometimes nothing.
"""


PARTS: Final = (*VOCABULARY, "enrollments", "assignments", "history")
"""What steps are taken on, the more often the more there is to it."""


class Step(NamedTuple):
    """One call on one part of a transaction, with the fields of what it is given.

    What ``replaces`` replaces records, or removes texts; the rest adds, appends, puts.
    """

    part: str
    given: tuple[Mapping[str, Any], ...]
    replaces: bool = False


GROUND: Final = (
    Step("organizations", ({"organization_id": "a"}, {"organization_id": "é"})),
    Step("projects", tuple({"project_id": name} for name in NAMES[:3])),
    Step("users", ({"user_id": "B"}, {"user_id": "é"})),
    Step("clients", ({"personal_id": "a"}, {"personal_id": "B"})),
    Step(
        "enrollments",
        (
            {"enrollment_id": "a", "personal_id": "B", "project_id": "é", "entry_date": DAYS[0], "household_id": "a"},
            {"enrollment_id": "B", "personal_id": "B", "project_id": "a", "entry_date": DAYS[0], "household_id": "a"},
            {"enrollment_id": "é", "personal_id": "a", "project_id": "é", "entry_date": DAYS[1], "deleted": True},
        ),
    ),
    Step(
        "assignments",
        (
            {"assignment_id": "a", "enrollment_id": "a", "user_id": "B", "start_date": DAYS[0]},
            {"assignment_id": "B", "enrollment_id": "a", "user_id": "B", "start_date": DAYS[0], "end_date": DAYS[1]},
        ),
    ),
    Step("history", ({"change_id": "0", "record": "a", "batch_id": "a", "minutes": 0, "gap": 0},)),
)
"""What makes most references good, and gives the finders something to find."""


class SideBySide:
    """Takes the same steps on the store and on the reference, and fails where they say something else."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._reference = MemoryStore()
        with place.store.transaction() as tx, self._reference.transaction(write=True) as reference:
            reference.history.append(tx.history)
        self._blocks: list[AbstractContextManager[Transaction]] = []
        self._sides: list[Transaction] = []

    @property
    def is_in_block(self) -> bool:
        """Whether a block is open."""
        return bool(self._blocks)

    def begin(self) -> None:
        """Open a block on both."""
        self._blocks = [store.transaction(write=True) for store in (self._place.store, self._reference)]
        self._sides = [block.__enter__() for block in self._blocks]

    def take(self, step: Step) -> None:
        """Make a call on both, and expect that both do it or refuse it."""
        came, expected = (self._error(tx, step) for tx in self._sides)
        if isinstance(came, type(expected)) and isinstance(expected, AlreadyExistsError | NotFoundError):
            expect(f"what the error of {step.part} names", (came.kind, came.ids), (expected.kind, expected.ids))
        if (came is None) != (expected is None):
            sentences = ["done" if error is None else told(error) for error in (expected, came)]
            raise CheckFailedError(f"a call on {step.part}: expected {sentences[0]}, came {sentences[1]}")

    def compare(self) -> None:
        """Expect the same answer from every finder of both."""
        came, expected = (self._answers(tx) for tx in self._sides)
        for finder, answer in expected.items():
            expect(finder, came[finder], answer)

    def end(self, *, undone: bool) -> None:
        """Leave the block on both, and compare what is there then."""
        self._leave(UndoError() if undone else None)
        self.begin()
        self.compare()
        self._leave(None)

    def take_block(self, steps: Iterable[Step], *, undone: bool) -> None:
        """Take steps in a block of their own, and compare after each."""
        self.begin()
        for step in steps:
            self.take(step)
            self.compare()
        self.end(undone=undone)

    def reopen(self) -> None:
        """Close the store, and open it again."""
        self._place.close()

    def abandon(self) -> None:
        """Leave the block, if there is one, without keeping anything."""
        if self.is_in_block:
            self._leave(UndoError())

    def _leave(self, error: UndoError | None) -> None:
        blocks, self._blocks, self._sides = self._blocks, [], []
        for block in blocks:
            with suppress(UndoError):
                block.__exit__(None if error is None else UndoError, error, None)

    def _error(self, tx: Transaction, step: Step) -> Any:
        try:
            self._take(tx, step)
        except CaseAssignError as error:
            return error
        except Exception as error:
            raise CheckFailedError(f"a call on {step.part}: {told(error)} came out") from error
        return None

    def _take(self, tx: Transaction, step: Step) -> None:
        if step.part == "history":
            tx.history.append(self._lines(tx, step))
        elif step.part == "imported":
            for each in step.given:
                tx.imported.put(self._place.id(each["kind"]), {self._place.id(each["id"]): each["said"]})
        elif step.part == "personal":
            texts = {self._place.id(each["imprint"]): each["text"] for each in step.given}
            if step.replaces:
                tx.personal.remove(texts)
            else:
                tx.personal.put(texts)
        else:
            make, _ = VOCABULARY[step.part]
            records = [make(**self._own(fields)) for fields in step.given]
            part: Any = getattr(tx, step.part)
            (part.replace if step.replaces else part.add)(records)

    def _own(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields in which the ids are the check's own."""
        return {
            name: self._place.id(value) if name.endswith("_id") and value is not None else value
            for name, value in fields.items()
        }

    def _lines(self, tx: Transaction, step: Step) -> list[Any]:
        head = tx.history.head()
        moment, number, drafts = self._place.moment(head), head.number, []
        for each in step.given:
            moment += timedelta(minutes=each["minutes"])
            number += 1 + each["gap"]
            drafts.append(
                {
                    "number": number,
                    "change_id": self._place.id(each["change_id"]),
                    "record": self._about(each["record"]),
                    "batch_id": self._place.id(each["batch_id"]),
                    "recorded_at": moment,
                }
            )
        return self._place.lines(head, *drafts)

    def _about(self, name: str) -> RecordKey:
        return RecordKey(self._place.id("client" if name < "b" else "user"), self._place.id(name))

    def _answers(self, tx: Transaction) -> dict[str, Any]:
        """Return what every finder says of the check's own records."""
        place, stays, stints, history = self._place, tx.enrollments, tx.assignments, tx.history
        ids = place.ids(NAMES)
        households = [HouseholdKey(project, household) for project in ids for household in ids]
        parts = [None if part is None else place.ids(part) for part in _PARTS]
        about = [self._about(name) for name in NAMES]
        own_lines = [line for line in history if place.is_own(line.change_id)]
        answers: dict[str, Any] = {
            "iterate": [place.own(records) for records in of_every_kind(tx)],
            "of_clients": [stays.of_clients(ids), *(stays.of_clients([key]) for key in ids)],
            "of_households": [stays.of_households(households), *(stays.of_households([key]) for key in households)],
            "by_household": [place.own(stays.by_household(part)) for part in parts],
            "unassigned": [place.own(stays.unassigned(day, part)) for part in parts for day in DAYS],
            "count": [stays.count(part, day) for part in parts[1:] for day in (None, *DAYS)],
            "projects_of": [stays.projects_of(ids), stays.projects_of(ids, deleted=False)],
            "of_enrollments": [stints.of_enrollments(ids), *(stints.of_enrollments([key]) for key in ids)],
            "of_users": [stints.of_users(ids, day, part) for part in parts for day in (None, *DAYS)],
            "head": history.head(),
            "iterate the history": own_lines,
            "of_records": [history.of_records(about), *(history.of_records([key]) for key in about)],
            "count of the history": history.count(about),
            "of_batches": [history.of_batches([key]) for key in ids],
            "of_kind": history.of_kind(about[0].kind),
            "after": [list(history.after(line.recorded_at)) for line in own_lines],
            "what imports said": [tx.imported.get(key, ids) for key in ids],
            "personal texts": tx.personal.get(ids),
        }
        return answers


def agrees_with_the_reference(place: Place) -> None:
    """After any calls, refused or not, and blocks, undone or not, every finder says what the store in memory says."""
    chance = random.Random(SEED)  # noqa: S311  # the same steps each time
    sides = SideBySide(place)
    try:
        sides.take_block(GROUND, undone=False)
        for _ in range(_BLOCKS):
            steps = [_any_step(chance) for _ in range(chance.randrange(1, 6))]
            sides.take_block(steps, undone=chance.choice((True, False, False)))
    finally:
        sides.abandon()


def _any_step(chance: random.Random) -> Step:
    part = chance.choice(PARTS)
    _, fields = VOCABULARY[part]
    given = [
        {name: chance.choice(tuple(values)) for name, values in fields.items()}
        for _ in range(chance.choice((1, 1, 2, 3)))
    ]
    return Step(part, tuple(given), replaces=chance.choice((True, False, False)))
