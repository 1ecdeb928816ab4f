"""Every case that could be a difference between the two forms of a rule, all of them in one world.

Rules compare days with one another, and ask flags, roles and who holds what. So which day comes before which, which
fall together and which are missing, is all that a rule can see of them: their order type. There are not many of them,
and each is a case here, with an enrollment, a household or a user of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import chain, combinations, combinations_with_replacement, product
from typing import Any, Final, NamedTuple, TypeAlias

from caseassign import CaseAssignment, Client, Enrollment, HouseholdKey, Organization, Project, User, Violation
from caseassign.model import ALL_ORGANIZATIONS, CASE_MANAGER, COVER, KINDS, Record
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, Facts, HouseholdFacts, Rules, examine

AS_OF: Final = date(2026, 3, 2)
ODD_ROLE: Final = "O'{Brien} \\ 100%"
"""A role that has to be quoted with care."""

FEW: Final = 300
"""Of how many cases of a kind none is left out."""

OrderType: TypeAlias = dict[str, Any]
"""Days by name, each as a number of days after ``as_of``, or None for one that is missing."""

Key: TypeAlias = tuple[str, ...]
"""What a violation is about: an enrollment, an assignment or two, the project and id of a household, or a user."""

Found: TypeAlias = Counter[tuple[str, bool, Key]]
"""How often each rule, by its name and as a required one or not, is broken, and where."""


def weak_orders(names: Sequence[str]) -> Iterator[list[list[str]]]:
    """Yield every ranking of names, ties included: each as the list of those that come at once."""
    if not names:
        yield []
        return
    first, *others = names
    for ranks in weak_orders(others):
        for place in range(len(ranks) + 1):
            yield [*ranks[:place], [first], *ranks[place:]]
            if place < len(ranks):
                yield [*ranks[:place], [first, *ranks[place]], *ranks[place + 1 :]]


def order_types(*names: str, spans: Iterable[tuple[str, str]] = ()) -> list[OrderType]:
    """Return every order type of days, those left out in which a span ends before it starts, which no record can.

    A name with ``?`` is of a day that may be missing. Where ``as_of`` is among them, it is day 0.
    """
    optional = [name[:-1] for name in names if name.endswith("?")]
    found: list[OrderType] = []
    for missing in chain.from_iterable(combinations(optional, number) for number in range(len(optional) + 1)):
        for ranks in weak_orders([name for each in names if (name := each.rstrip("?")) not in missing]):
            days = {name: rank for rank, tied in enumerate(ranks) for name in tied}
            if all(days[start] <= days.get(end, days[start]) for start, end in spans):
                today = days.get("as_of", 0)
                found.append({name: rank - today for name, rank in days.items()} | dict.fromkeys(missing))
    return found


def day(number: int) -> date:
    """Return the day that lies so many days after ``AS_OF``."""
    return AS_OF + timedelta(days=number)


def some_day(number: int | None) -> date | None:
    """Return the day that lies so many days after ``AS_OF``, where one is said."""
    return None if number is None else day(number)


class Stint(NamedTuple):
    """A stint as a case describes it: from long ago, until further notice, unless it is said otherwise."""

    start: int = -100
    end: int | None = None
    user: str = "kim"
    role: str = CASE_MANAGER
    kept: bool = False
    voided: bool = False


class Stay(NamedTuple):
    """A stay as a case describes it: since long ago, and open, of a head of household alone."""

    stints: Sequence[Stint] = ()
    entry: int = -100
    exit: int | None = None
    deleted: bool = False
    project: str = "es"
    household: str | None = None
    relationship: int | None = 1


USUAL: Final = (
    Organization(organization_id="haven"),
    Organization(organization_id="bridge"),
    Project(project_id="es", organization_id="haven", project_type=1),
    Project(project_id="rrh", organization_id="haven", project_type=13),
    Project(project_id="untyped", organization_id="haven"),
    Project(project_id="nobodys"),
    User(user_id="kim", organization_ids=frozenset({"haven"})),
    User(user_id="lee", organization_ids=frozenset({"haven"})),
    Client(personal_id="c1"),
)


class World:
    """Records as of a day: those of the cases that are added to it, or, of a kind with many, of one in so many."""

    def __init__(self, records: Iterable[Record] = USUAL, as_of: date = AS_OF, one_in: int = 1) -> None:
        self.cases: Counter[str] = Counter()
        self.as_of = as_of
        self._one_in = one_in
        self._records: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        for record in records:
            self._records[record.KIND][record.key] = record

    def of(self, kind: str) -> Mapping[str, Any]:
        """Return the records of one kind, by id."""
        return self._records[kind]

    def case(self, kind: str, *stays: Stay, users: Iterable[User] = ()) -> None:
        """Add a case, whose enrollments and users are its own: ``{}`` in their ids is the id of the case."""
        self.cases[kind] += 1
        if self.cases[kind] > FEW and self.cases[kind] % self._one_in:
            return
        case = f"{kind} {self.cases[kind]}"
        for user in users:
            key = user.user_id.format(case)
            self._records["user"][key] = User(
                user_id=key,
                organization_ids=user.organization_ids,
                permissions=user.permissions,
                left_on=user.left_on,
            )
        for number, stay in enumerate(stays):
            self._stay(case, f"{case} {'xyz'[number]}", stay)

    def _stay(self, case: str, key: str, stay: Stay) -> None:
        self._records["enrollment"][key] = Enrollment(
            enrollment_id=key,
            personal_id="c1",
            project_id=stay.project,
            household_id=None if stay.household is None else stay.household.format(case),
            relationship_to_hoh=stay.relationship,
            entry_date=day(stay.entry),
            exit_date=some_day(stay.exit),
            deleted=stay.deleted,
        )
        for letter, stint in zip("abc", stay.stints, strict=False):
            self._records["assignment"][f"{key} {letter}"] = CaseAssignment(
                assignment_id=f"{key} {letter}",
                enrollment_id=key,
                user_id=stint.user.format(case),
                start_date=day(stint.start),
                end_date=some_day(stint.end),
                role=stint.role,
                kept_after_exit=stint.kept,
                voided=stint.voided,
            )

    def facts(self) -> Iterator[Facts]:
        """Yield the facts of each household, and of each user's caseload; of a deleted stay, its own."""
        stints: defaultdict[str, list[CaseAssignment]] = defaultdict(list)
        for stint in self.of("assignment").values():
            stints[stint.enrollment_id].append(stint)
        households: defaultdict[HouseholdKey | str, list[EnrollmentFacts]] = defaultdict(list)
        caseloads: defaultdict[str, list[AssignmentFacts]] = defaultdict(list)
        for stay in self.of("enrollment").values():
            project, users = self.of("project")[stay.project_id], self.of("user")
            facts = EnrollmentFacts.of(stay, project, stints[stay.key], users, self.as_of)
            if stay.deleted:
                yield facts
                continue
            households[stay.household_key or stay.key].append(facts)
            for case in facts.stints:
                if case.is_active:
                    caseloads[case.user.user_id].append(case)
        for members in households.values():
            yield HouseholdFacts(members=tuple(members), as_of=self.as_of)
        for user_id, cases in caseloads.items():
            yield CaseloadFacts(user=self.of("user")[user_id], cases=tuple(cases), as_of=self.as_of)

    def found(self, required: Rules, advisory: Rules) -> Found:
        """Return what Python finds: for required rules on deleted stays too."""
        found: Found = Counter()
        for facts in self.facts():
            found.update((each.code, True, key_of(about, each)) for about, each in examine(required, [facts]))
            if not (isinstance(facts, EnrollmentFacts) and facts.enrollment.deleted):
                found.update((each.code, False, key_of(about, each)) for about, each in examine(advisory, [facts]))
        return found


def key_of(facts: Facts, violation: Violation) -> Key:
    """Return what a violation is about; a household by what its members share."""
    if not isinstance(facts, HouseholdFacts):
        return violation.ids
    first = facts.members[0].enrollment
    return first.household_key or (first.enrollment_id,)


SPAN: Final = [("start", "end")]
SPANS: Final = [("start_1", "end_1"), ("start_2", "end_2")]
STINT: Final = order_types("as_of", "start", "end?", spans=SPAN)
STAY: Final = order_types("as_of", "entry", "exit?")


def of_one_stint(world: World) -> None:
    """Add all order types of a stay and a stint as of a day: kept, deleted, both, voided, cover."""
    usual = Stint()
    flags = [*product([usual, usual._replace(kept=True)], [False, True])]
    flags += [(usual._replace(voided=True), False), (usual._replace(role=COVER), False)]
    for days in order_types("entry", "exit?", "as_of", "start", "end?", spans=SPAN):
        for flagged, deleted in flags:
            stint = flagged._replace(start=days["start"], end=days["end"])
            world.case("one stint", Stay([stint], days["entry"], days["exit"], deleted))
    for days, deleted in product(STAY, [False, True]):
        world.case("no stint", Stay([], days["entry"], days["exit"], deleted))


def of_two_stints_in_an_exited_stay(world: World) -> None:
    """Add all order types of a stay with an exit and two stints, as of a day."""
    for days in order_types("entry", "exit", "as_of", "start_1", "end_1?", "start_2", "end_2?", spans=SPANS):
        one, other = Stint(days["start_1"], days["end_1"]), Stint(days["start_2"], days["end_2"])
        world.case("two stints in an exited stay", Stay([one, other], days["entry"], days["exit"]))


def of_two_stints(world: World) -> None:
    """Add all order types of a stay and two stints as of a day; and of two stints, whoever holds them in any role."""
    for days in order_types("entry", "as_of", "start_1", "end_1?", "start_2", "end_2?", spans=SPANS):
        one, other = Stint(days["start_1"], days["end_1"]), Stint(days["start_2"], days["end_2"])
        world.case("two stints in a stay", Stay([one, other], days["entry"]))
    holders = list(product(["kim"], ["kim", "lee"], *[["Primary", ODD_ROLE]] * 2))
    for days, (user, another, role, other_role), gone in product(
        order_types("start_1", "end_1?", "start_2", "end_2?", spans=SPANS),
        holders,
        ["", "deleted", "first voided", "second voided"],
    ):
        one = Stint(days["start_1"], days["end_1"], user, role, voided=gone == "first voided")
        other = Stint(days["start_2"], days["end_2"], another, other_role, voided=gone == "second voided")
        world.case("two stints of somebody", Stay([one, other], deleted=gone == "deleted"))
    for days, roles in product(
        order_types("as_of", "start_1", "end_1?", "start_2", "end_2?", spans=SPANS),
        product([CASE_MANAGER, COVER], repeat=2),
    ):
        one, other = Stint(days["start_1"], days["end_1"], role=roles[0]), Stint(days["start_2"], days["end_2"])
        world.case("two stints in a role", Stay([one, other._replace(role=roles[1])]))


def of_three_stints(world: World) -> None:
    """Add all order types of three stints, in a stay that began before them, as of a day after them."""
    spans = [*SPANS, ("start_3", "end_3")]
    for days in order_types("start_1", "end_1?", "start_2", "end_2?", "start_3", "end_3?", spans=spans):
        stints = [Stint(days[start] - 10, None if days[end] is None else days[end] - 10) for start, end in spans]
        world.case("three stints", Stay(stints))


def of_holders(world: World) -> None:
    """Add all order types of a stint and of the day on which its holder leaves; and all that opens a project."""
    for days, deleted in product(order_types("as_of", "start", "end?", "left_on?", spans=SPAN), [False, True]):
        user = User(user_id="{}", organization_ids=frozenset({"haven"}), left_on=some_day(days["left_on"]))
        world.case("leaver", Stay([Stint(days["start"], days["end"], "{}")], deleted=deleted), users=[user])
    organizations = [frozenset(each) for each in ((), ("haven",), ("bridge",), ("haven", "bridge"))]
    permissions = [frozenset(each) for each in ((), (ALL_ORGANIZATIONS,), ("caseload.view",))]
    for days, project, of_user, allowed, deleted in product(
        STINT, ["es", "nobodys"], organizations, permissions, [False, True]
    ):
        user = User(user_id="{}", organization_ids=of_user, permissions=allowed)
        stay = Stay([Stint(days["start"], days["end"], "{}")], project=project, deleted=deleted)
        world.case("access", stay, users=[user])


def of_households(world: World) -> None:
    """Add every two members, each of any order type, held by one of two users or in cover; and three of a few."""
    now, at_no_time = Stint(-1), Stint(0, 0)
    members = [
        Stay(stints, days["entry"], days["exit"], deleted)
        for days, stints, deleted in [*product(STAY, [(), (now,)], [False]), (STAY[-1], (now,), True)]
    ]
    members += [
        Stay([Stint(days["start"], days["end"], user, role)])
        for days, (user, role) in product(STINT, [("kim", CASE_MANAGER), ("lee", CASE_MANAGER), ("lee", COVER)])
    ]
    members.append(Stay([now._replace(voided=True)]))
    members += [Stay([now, other]) for other in (now, now._replace(user="lee"), now._replace(role=COVER), at_no_time)]
    for one, other in combinations_with_replacement(members, 2):
        world.case("two members", *(each._replace(household="{}") for each in (one, other)))
    for one in members:
        world.case("alone", one)
        world.case("alone with an id", one._replace(household="{}"))
    few = [(), (now,), (now._replace(user="lee"),), (now, now._replace(user="lee"))]
    for stints in product(few, repeat=3):
        world.case("three members", *(Stay(each, household="{}") for each in stints))
        one, *others = (Stay(each, household="{}") for each in stints)
        world.case("one id in two projects", one, *(other._replace(project="rrh") for other in others))
    for size in (1, 2, 3):
        kinds = list(product([1, 2, None], [False, True], ["es", "rrh"]))
        for each in combinations_with_replacement(kinds, size):
            stays = [Stay((), -9, None, gone, at, "{}", relation) for relation, gone, at in each]
            world.case("heads", *stays)


def of_caseloads(world: World) -> None:
    """Add every two cases of a user, each of any order type, in all ways in which they can lie together; and three."""
    kinds = [
        Stay([Stint(days["start"], days["end"], "{}", role)]) for days, role in product(STINT, [CASE_MANAGER, COVER])
    ]
    now = Stint(-1, None, "{}")
    kinds += [Stay([now], exit=-1), Stay([now], deleted=True), Stay([now._replace(voided=True)])]
    lying = [(None, None, "es"), ("{}", "{}", "es"), ("{}", "{}", "rrh"), ("{}", None, "es"), (None, "{}", "rrh")]
    lying.append(("{} 1", "{} 2", "es"))
    user = User(user_id="{}", organization_ids=frozenset({"haven"}))
    for (one, other), (its, others, project) in product(combinations_with_replacement(kinds, 2), lying):
        stays = [one._replace(household=its), other._replace(household=others, project=project)]
        world.case("two cases", *stays, users=[user])
    for stints in combinations_with_replacement([kind.stints[0] for kind in kinds], 2):
        world.case("two cases on one enrollment", Stay(stints), users=[user])
    for households in product([None, "{} 1", "{} 2"], repeat=3):
        world.case("three cases", *(Stay([now], household=each) for each in households), users=[user])


def of_narrowed(world: World) -> None:
    """Add stays in projects of any type, of any member, on which something is wrong, or is not."""
    for project, relation, exit_day, stints in product(
        ["es", "rrh", "untyped"],
        [1, 2, None],
        [None, -5],
        [(), (Stint(-9, -7),), (Stint(-300),), (Stint(-9), Stint(-8))],
    ):
        stay = Stay(stints, exit=exit_day, project=project, relationship=relation)
        world.case("narrowed", stay)
        world.case("narrowed", stay._replace(household="{}"), stay._replace(household="{}", stints=[]))


@cache
def every_case(one_in: int = 1) -> World:
    """Return the world with every case in it, or with one in so many, but `of_two_stints_in_an_exited_stay`."""
    world = World(one_in=one_in)
    of_one_stint(world)
    of_two_stints(world)
    of_three_stints(world)
    of_holders(world)
    of_households(world)
    of_caseloads(world)
    of_narrowed(world)
    return world
