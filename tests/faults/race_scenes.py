"""What two participants do at once: how each round is prepared, what each does, and what must be true afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
from hmis_files import write
from race_meeting import Answer, Step

from caseassign import (
    REQUIRED_RULES,
    SYSTEM,
    Actor,
    CaseAssignment,
    Casework,
    Client,
    Enrollment,
    Organization,
    Project,
    User,
    exclusive_role,
)
from caseassign.formats import hmis_csv
from caseassign.history import COMMAND, Change
from caseassign.policy import Action
from caseassign.storage import Store

TODAY: Final = date(2026, 3, 2)
ENTRY: Final = date(2026, 1, 5)
PRIMARY: Final = "Primary"
REQUIRED: Final = (*REQUIRED_RULES, exclusive_role(PRIMARY))

Front: TypeAlias = Callable[[str | Actor], Casework]
"""The front door of each user."""

Known: TypeAlias = Any
"""What the participants of a round are told: the ids that preparing it made."""


def front_of(store: Store, casework: type[Casework] = Casework) -> Front:
    """Return the front doors of a store."""
    return lambda user: casework(store, user=user, clock=lambda: TODAY, required=REQUIRED)


def fill(front: Front) -> None:
    """Put the agency in which all scenes play into a new store."""
    haven = frozenset({"haven"})
    rights = frozenset({"caseload.view", "caseload.reassign", "batch.undo", "export.import"})
    front(SYSTEM).add(
        Organization(organization_id="haven"),
        Project(project_id="es", organization_id="haven", project_type=1),
        *(User(user_id=name, organization_ids=haven) for name in ("kim", "lee")),
        *(User(user_id=name, organization_ids=haven, permissions=rights) for name in ("ann", "bob")),
    )


@attrs.frozen
class Round:
    """One round: its number, which kind of its scene it is, and a folder for the files that it needs."""

    number: int
    variant: int
    folder: Path

    def id(self, name: str) -> str:
        """Return an id that no other round has."""
        return f"r{self.number}-{name}"

    def name(self, key: str) -> str:
        """Return what `id` was given, or the id itself if it is no id of this round."""
        return key.removeprefix(f"r{self.number}-")


@attrs.frozen
class After:
    """What there is of a round when it is over."""

    round: Round
    known: Known
    answers: Sequence[Sequence[Answer]]
    stays: Sequence[Enrollment]
    stints: Sequence[CaseAssignment]
    lines: Sequence[Change]
    findings: Sequence[tuple[str, str]]

    @property
    def said(self) -> list[str]:
        """What the two were told, of which each takes one step, in alphabetical order."""
        return sorted(answer.said for answers in self.answers for answer in answers)

    def holders(self) -> Mapping[str, list[str]]:
        """Return who is responsible today for each enrollment."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for stint in self.stints:
            if not stint.voided and TODAY in stint.period:
                found[stint.enrollment_id].append(stint.user_id)
        return found


@attrs.frozen(kw_only=True)
class Scene:
    """A race: what is there before, the steps of each of two participants, and what is wrong afterwards.

    It is held besides to what its steps give one after the other, in any order.
    """

    promise: str
    prepare: Callable[[Front, Round], Known]
    steps: Callable[[Front, Round, Known, int], list[Step]]
    problems: Callable[[After], Iterator[str]]
    variants: int = 1


def _stay(front: Front, round_: Round, case_manager: str | None = None) -> str:
    client = round_.id("c")
    front(SYSTEM).add(Client(personal_id=client))
    return front(SYSTEM).enroll(client, "es", on=ENTRY, case_manager=case_manager).enrollment.enrollment_id


def _assign_primary(front: Front, round_: Round, stay: Known, seat: int) -> list[Step]:
    user = ("kim", "lee")[seat]
    return [lambda: front(user).assign(stay, role=PRIMARY)]


def _one_primary(after: After) -> Iterator[str]:
    held = [stint for stint in after.stints if stint.role == PRIMARY and not stint.voided]
    if len(held) != 1:
        yield f"{len(held)} hold the exclusive role"
    if after.said != ["done", "refused: role-taken"]:
        yield f"told: {after.said}"


def _exit_or_assign(front: Front, round_: Round, stay: Known, seat: int) -> list[Step]:
    if seat == 1:
        return [lambda: front("lee").assign(stay, start=date(2026, 2, 1))]
    # In every other round nobody's box is ticked: what is there is kept on purpose.
    return [lambda: front("kim").exit(stay, end_assignments=round_.variant == 0)]


def _nobody_is_left_open(after: After) -> Iterator[str]:
    (stay,) = after.stays
    if stay.exit_date != TODAY:
        yield "the exit is lost"
    for stint in after.stints:
        if not stint.period.has_ended(TODAY) and not (after.round.variant == 1 and stint.kept_after_exit):
            yield "somebody is open after the exit, and nobody wanted to keep them"
    (assigned,) = after.answers[1]
    lees = [stint for stint in after.stints if stint.user_id == "lee"]
    if assigned.said.startswith("refused: ") == bool(lees):
        yield f"told: {assigned.said}, and there are {len(lees)} stints"


def _caseload(front: Front, round_: Round) -> Known:
    """Give somebody a household of three and one more client; return their id."""
    holder = round_.id("holder")
    clients = {round_.id(f"c{number}"): 1 if number == 1 else 2 for number in range(1, 4)}
    alone = round_.id("alone")
    front(SYSTEM).add(
        User(user_id=holder, organization_ids=frozenset({"haven"})),
        *(Client(personal_id=client) for client in [*clients, alone]),
    )
    front(SYSTEM).enroll(clients, "es", on=ENTRY, case_manager=holder)
    front(SYSTEM).enroll(alone, "es", on=ENTRY, case_manager=holder)
    return holder


def _reassign(front: Front, round_: Round, holder: Known, seat: int) -> list[Step]:
    by, to = (("ann", "kim"), ("bob", "lee"))[seat]
    return [lambda: front(by).reassign(holder, to)]


def _plan_and_apply(front: Front, round_: Round, holder: Known, seat: int) -> list[Step]:
    by, to = (("ann", "kim"), ("bob", "lee"))[seat]
    plans: list[Any] = []

    def plan() -> Any:
        plans.append(front(by).plan_reassignment(holder, to))
        return plans[-1]

    def apply() -> Any:
        return front(by).apply(plans[-1])

    if round_.variant == 0:
        plan()  # both have read their plans before anybody begins
        return [apply]
    return [plan, apply]


def _one_holder_each(after: After) -> Iterator[str]:
    holders = after.holders()
    if len(holders) != 4 or any(len(users) != 1 for users in holders.values()):
        yield f"of 4 cases there are {sorted(map(len, holders.values()))} holders"
    if len({user for users in holders.values() for user in users}) != 1:
        yield "the caseload was torn apart"
    if after.known in {user for users in holders.values() for user in users}:
        yield "nobody got the caseload"


def _one_plan_each(after: After) -> Iterator[str]:
    yield from _one_holder_each(after)
    if after.round.variant == 0 and after.said != ["done", "refused: plan-outdated"]:
        yield f"told: {after.said}"


def _batch(front: Front, round_: Round) -> Known:
    """Do what can be undone: a reassignment, or the exit of a household."""
    holder = _caseload(front, round_)
    if round_.variant == 0:
        return holder, front("ann").reassign(holder, "kim").batch_id
    stay = front(SYSTEM).case_managers(round_.id("c1"))[0].enrollment
    return holder, front("kim").exit(stay, household=True).batch_id


def _undo(front: Front, round_: Round, known: Known, seat: int) -> list[Step]:
    _, batch_id = known
    return [lambda: front(("ann", "bob")[seat]).undo(batch_id)]


def _undone_once(after: After) -> Iterator[str]:
    holder, _ = after.known
    if any(users != [holder] for users in after.holders().values()) or len(after.holders()) != 4:
        yield "it is not as it was before the batch"
    undos = {line.batch_id for line in after.lines if line.action == Action.BATCH_UNDO}
    if len(undos) != 1:
        yield f"history shows {len(undos)} undos"
    if after.said != ["done", "nothing"]:
        yield f"told: {after.said}"


_EXPORT: Final = "{},IMP,2026 v1.0,2026-01-01,2026-06-30,1,1"


def _import_first(front: Front, round_: Round) -> Known:
    """Import four clients; write the next export, which ends the first stay, moves the second, and has a fifth."""
    row = round_.id("e{0}") + "," + round_.id("c{0}") + ",es,{1}," + round_.id("h{0}") + ",1,kim,,"
    stays = [row.format(number, ENTRY) for number in range(1, 5)]
    shared = {"Organization": ["haven,,"], "User": ["kim,,,"], "Project": ["es,haven,,1,2020-01-01,,"]}
    shared["Client"] = [round_.id(f"c{number}") + ",,," for number in range(1, 5)]
    first, second = round_.folder / round_.id("first"), round_.folder / round_.id("second")
    left = f"{round_.id('x4')},{round_.id('e4')},{round_.id('c4')},2026-02-01,,"
    write(first, Export=[_EXPORT.format(round_.id("1"))], Enrollment=stays, Exit=[left], **shared)
    stays[1] = row.format(2, "2026-01-12")
    again = f"{round_.id('e5')},{round_.id('c4')},es,2026-02-01,{round_.id('h5')},1,lee,,"
    gone = f"{round_.id('x1')},{round_.id('e1')},{round_.id('c1')},2026-02-20,,"
    write(second, Export=[_EXPORT.format(round_.id("2"))], Enrollment=[*stays, again], Exit=[left, gone], **shared)
    with hmis_csv.read(first) as export:
        front("ann").import_export(export, case_managers_from="Enrollment.UserID")
    (held,) = [case.assignment for case in front(SYSTEM).case_managers(round_.id("c3"))]
    assert held is not None
    return second, held.assignment_id


def _import_or_act(front: Front, round_: Round, known: Known, seat: int) -> list[Step]:
    path, held = known
    if seat == 0:
        export = hmis_csv.read(path)
        at_exit: Any = ("report", "end")[round_.variant]
        return [lambda: front("ann").import_export(export, case_managers_from="Enrollment.UserID", at_exit=at_exit)]
    lee = front("lee")
    return [
        lambda: lee.assign(round_.id("e2"), start=date(2026, 1, 8)),
        lambda: lee.assign(round_.id("e1"), start=date(2026, 2, 1), role="Navigator"),
        lambda: lee.hand_over(held, "lee"),
    ]


def _nothing_is_lost(after: After) -> Iterator[str]:
    stays = {after.round.name(stay.enrollment_id): stay for stay in after.stays}
    if sorted(stays) != ["e1", "e2", "e3", "e4", "e5"]:
        yield f"there are the stays {sorted(stays)}"
        return
    if (stays["e1"].exit_date, stays["e2"].entry_date) != (date(2026, 2, 20), date(2026, 1, 12)):
        yield "what the import said is lost"
    (_, acts) = after.answers
    lees = {stint.enrollment_id for stint in after.stints if stint.user_id == "lee"}
    for answer, name in zip(acts, ("e2", "e1", "e3"), strict=True):
        if (answer.said == "done") != (stays[name].enrollment_id in lees):
            yield f"of the act on {name} was said: {answer.said}"
    if after.holders()[stays["e3"].enrollment_id] != ["lee"]:
        yield "what was handed over is not held by whom it was given to"
    brought = {stays["e1"].enrollment_id, stays["e2"].enrollment_id} if after.round.variant == 0 else set()
    if not {enrollment_id for _, enrollment_id in after.findings} <= brought:
        yield "a required violation that the import did not bring"


def _stay_and_newcomer(front: Front, round_: Round) -> Known:
    front(SYSTEM).add(Client(personal_id=round_.id("new")))
    return _stay(front, round_)


def _command(front: Front, round_: Round, stay: Known, seat: int) -> list[Step]:
    command_id = round_.id("command")
    if round_.variant == 0:
        return [lambda: front("kim").assign(stay, command_id=command_id)]
    return [lambda: front("kim").enroll(round_.id("new"), "es", on=TODAY, command_id=command_id)]


def _carried_out_once(after: After) -> Iterator[str]:
    (one,), (other,) = after.answers
    if (one.said, one.gave) != ("done", other.gave):
        yield f"two answers: {one.said} and {other.said}"
    made = len(after.stays) - 1 if after.round.variant else len(after.stints)
    if made != 1 or sum(line.record.kind == COMMAND for line in after.lines) != 1:
        yield f"carried out {made} times"


SCENES: Final = {
    "primaries": Scene(
        promise="of two who take one exclusive role, one gets it and the other is refused",
        prepare=_stay,
        steps=_assign_primary,
        problems=_one_primary,
    ),
    "exits": Scene(
        promise="nobody is left open after an exit, unless kept on purpose",
        prepare=lambda front, round_: _stay(front, round_, "kim"),
        steps=_exit_or_assign,
        problems=_nobody_is_left_open,
        variants=2,
    ),
    "reassignments": Scene(
        promise="each case of a caseload that two give away has one holder",
        prepare=_caseload,
        steps=_reassign,
        problems=_one_holder_each,
    ),
    "plans": Scene(
        promise="of two plans for one caseload, the one that is applied second is outdated, or finds nothing",
        prepare=_caseload,
        steps=_plan_and_apply,
        problems=_one_plan_each,
        variants=2,
    ),
    "undos": Scene(
        promise="a batch that two undo is undone once",
        prepare=_batch,
        steps=_undo,
        problems=_undone_once,
        variants=2,
    ),
    "imports": Scene(
        promise="an import and acts on its clients lose nothing of each other",
        prepare=_import_first,
        steps=_import_or_act,
        problems=_nothing_is_lost,
        variants=2,
    ),
    "commands": Scene(
        promise="a command that is sent twice at once is carried out once, and both get one answer",
        prepare=_stay_and_newcomer,
        steps=_command,
        problems=_carried_out_once,
        variants=2,
    ),
}
