"""The two forms of each rule say the same: what Python finds is what the rule's SQL finds, on every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from functools import cache
from typing import Any, Final

import pytest
from dirty_worlds import ODD, PROJECTS, as_ofs, part_of, worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres_server import EmptySchemas
from rule_engines import Engine, fill, in_duckdb, in_postgres, in_sqlite, in_store
from rule_forms import (
    ADVISORY,
    BUILT_IN,
    PLANTS,
    REQUIRED,
    RULES,
    SAME,
    SOURCE_PLANTS,
    called,
    every_plant,
    unnoticed,
    unnoticed_in_source,
)
from rule_worlds import AS_OF, Found, Stay, Stint, World, every_case, of_two_stints_in_an_exited_stay
from sqlite_files import new_sqlite_store
from world import effort

from caseassign import (
    ADVISORY_RULES,
    REQUIRED_RULES,
    SYSTEM,
    Casework,
    Finding,
    MemoryStore,
    ProjectType,
    User,
    Violation,
)
from caseassign.rules import (
    AssignmentFacts,
    EnrollmentFacts,
    advisory,
    caseload_at_most,
    exclusive_role,
    for_heads_of_household,
    for_project_types,
    in_sql,
)
from caseassign.search import searches
from caseassign.storage import Store

CASES: Final = {
    "one stint": 2_640,
    "no stint": 32,
    "two stints in a stay": 2_151,
    "two stints of somebody": 1_440,
    "two stints in a role": 1_108,
    "three stints": 1_491,
    "leaver": 136,
    "access": 528,
    "two members": 2_556,
    "three members": 64,
    "one id in two projects": 64,
    "alone": 71,
    "alone with an id": 71,
    "heads": 454,
    "two cases": 1_950,
    "two cases on one enrollment": 325,
    "three cases": 27,
    "narrowed": 144,
}
DUCKDB_WITH_TEXT: Final = "duckdb with days as text"
ENGINES: Final = (
    "sqlite",
    "sqlite store",
    "postgres",
    "duckdb",
    pytest.param(DUCKDB_WITH_TEXT, marks=pytest.mark.slow),
)
SLOW_ENGINES: Final = (*(pytest.param(name, marks=pytest.mark.slow) for name in ENGINES[:4]), ENGINES[4])
"""The same, where day to day can do without."""
ONE_IN: Final = 5


@cache
def in_python(one_in: int = 1) -> Found:
    """Return what Python finds among the cases."""
    return every_case(one_in).found(REQUIRED, ADVISORY)


@cache
def two_stints_in_an_exited_stay() -> tuple[World, Found]:
    """Return a world that is for the slow tests, and what Python finds in it."""
    world = World()
    of_two_stints_in_an_exited_stay(world)
    return world, world.found(REQUIRED, ADVISORY)


@pytest.fixture(scope="session")
def opened(request: pytest.FixtureRequest) -> Callable[[str, World], AbstractContextManager[Engine]]:
    """What opens an engine, by its name, with a world in it."""

    def opened(name: str, world: World) -> AbstractContextManager[Engine]:
        match name:
            case "sqlite":
                return in_sqlite(world)
            case "sqlite store":
                return in_store(world)
            case "postgres":
                return in_postgres(world, request.getfixturevalue("dsn"))
            case _:
                return in_duckdb(world, "text" if name == DUCKDB_WITH_TEXT else "date")

    return opened


def test_no_case_is_left_out() -> None:
    """SPEC 5.3: every order type of the days that a rule looks at, nulls included; so many, and no fewer."""
    assert every_case().cases == CASES
    assert sum(CASES.values()) == 15_252


def test_each_rule_is_broken_somewhere() -> None:
    """SPEC 5.3: no rule is proved over cases that it says nothing about."""
    assert RULES.keys() - {code for code, *_ in in_python()} == {"unassigned-nowhere", "no-case-nowhere"}


@pytest.mark.parametrize("name", [ENGINES[0], *SLOW_ENGINES[1:3], *ENGINES[3:]])
def test_both_forms_of_each_rule_find_the_same(name: str, opened: Any) -> None:
    """SPEC 5.3: in every case, whether the rule is required or advisory, narrowed or not, and as often."""
    with opened(name, every_case()) as engine:
        assert engine.found(REQUIRED, ADVISORY) == in_python()


@pytest.mark.parametrize("name", SLOW_ENGINES)
def test_a_planted_difference_shows(name: str, opened: Any) -> None:
    """SPEC 5.3: a day moved, a forgotten NOT or flag, in each rule and on each engine; a part of the cases will do."""
    assert {plant.rule for plant in PLANTS} >= {*BUILT_IN, "role-taken", "one-case", "one-household"}
    with opened(name, every_case(ONE_IN)) as engine:
        assert engine.found(REQUIRED, ADVISORY) == in_python(ONE_IN)
        assert unnoticed(PLANTS, engine, in_python(ONE_IN)) == []
        assert unnoticed_in_source(SOURCE_PLANTS, engine, in_python(ONE_IN)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_every_difference_of_one_word_shows(name: str, opened: Any) -> None:
    """SPEC 5.3: every comparison of every rule is to the day, and none of its words is too many or too few."""
    plants = [plant for rule in (*BUILT_IN, "role-taken", "no-case", "one-household") for plant in every_plant(rule)]
    assert len(plants) > 150
    with opened(name, every_case(ONE_IN)) as engine:
        assert {each for plant in plants for each in unnoticed([plant], engine, in_python(ONE_IN))} == SAME


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sqlite", "postgres", "duckdb"])
def test_both_forms_find_the_same_of_two_stints_in_an_exited_stay(name: str, opened: Any) -> None:
    """SPEC 5.3: every order type of seven days: entry, exit, as_of, and the starts and ends of two stints."""
    world, expected = two_stints_in_an_exited_stay()
    assert world.cases.total() == 20_065
    with opened(name, world) as engine:
        assert engine.found(REQUIRED, ADVISORY) == expected


def lonely(facts: EnrollmentFacts) -> Iterator[Violation]:
    """An outsider's rule without SQL: nobody holds a case alone."""
    if len(facts.holders) == 1:
        yield Violation("lonely", "user_id", [facts.enrollment.enrollment_id], "is held by one user alone")


@in_sql("assignment.role LIKE '%{{b}}' OR enrollment.personal_id = 'O''{{b}}'")
def odd(facts: AssignmentFacts) -> Iterator[Violation]:
    """An outsider's rule with SQL that has quotes, braces and a percent sign in it: nothing is odd."""
    if facts.assignment.role.endswith("{b}") or facts.enrollment.personal_id == ODD:
        yield Violation("odd", "role", [facts.assignment.assignment_id], "is odd")


ALL_REQUIRED: Final = (*REQUIRED_RULES, advisory.gap, exclusive_role(ODD), odd, lonely)
ALL_ADVISORY: Final = (
    *ADVISORY_RULES,
    caseload_at_most(1),
    caseload_at_most(1, "households", hard=True),
    for_project_types(for_heads_of_household(odd), [ProjectType.TRANSITIONAL_HOUSING]),
    for_project_types(caseload_at_most(0), list(ProjectType)[:2]),
    lonely,
)
WITH_SQL: Final = tuple(tuple(rule for rule in of if rule is not lonely) for of in (ALL_REQUIRED, ALL_ADVISORY))
projects_asked = st.none() | st.lists(st.sampled_from(PROJECTS), unique=True)


def audited(store: Store, as_of: date, user: Any, projects: list[str] | None) -> tuple[Counter[Finding], int]:
    """Return what an audit finds, every field of it, and how much it withholds."""
    casework = Casework(store, user=user, clock=lambda: AS_OF, required=ALL_REQUIRED, advisory=ALL_ADVISORY)
    audit = casework.audit(as_of=as_of, projects=projects)
    return Counter(audit), audit.withheld


@settings(max_examples=effort(12))
@given(world=worlds(), as_of=as_ofs, user=st.sampled_from([SYSTEM, "eye"]), projects=projects_asked)
def test_an_audit_finds_the_same_on_every_store(
    empty_schemas: EmptySchemas, world: World, as_of: date, user: Any, projects: list[str] | None
) -> None:
    """SPEC 5.3, 7.9: with SQL or without it, for whoever asks, of all projects or some: to the letter of a message."""
    memory = MemoryStore()
    fill(memory, world)
    expected = audited(memory, as_of, user, projects)
    for opened in (new_sqlite_store(), empty_schemas.store()):
        with opened as store:
            fill(store, world)
            assert audited(store, as_of, user, projects) == expected


def test_an_audit_says_all_that_is_wrong_on_one_enrollment() -> None:
    """SPEC 7.9: stints that break different rules are on one enrollment, and none of it is lost."""
    world = World()
    gone = User(user_id="gone {}", left_on=AS_OF)
    world.case("much", Stay([Stint(-200, -150), Stint(user="gone {}"), Stint(-20, kept=True)]), users=[gone])
    audits = []
    for opened in (nullcontext(MemoryStore()), new_sqlite_store()):
        with opened as store:
            fill(store, world)
            audits.append(audited(store, AS_OF, SYSTEM, None)[0])
    assert audits[0] == audits[1]
    codes = {finding.code for finding in audits[0]}
    assert codes >= {"starts-before-entry", "held-by-departed", "held-without-access"}


@settings(max_examples=effort(20))
@given(
    world=worlds(),
    as_of=as_ofs,
    projects=projects_asked,
    name=st.sampled_from(["sqlite", "postgres", "duckdb", DUCKDB_WITH_TEXT]),
)
def test_both_forms_find_the_same_in_any_world(
    opened: Any, world: World, as_of: date, projects: list[str] | None, name: str
) -> None:
    """SPEC 5.3: in worlds as no act would leave them, with ids that are hard to write, on tables of anybody's."""
    expected = part_of(world, PROJECTS if projects is None else projects, as_of).found(*WITH_SQL)
    with opened(name, world) as engine:
        assert engine.found(*WITH_SQL, as_of, projects) == expected


def test_there_may_be_any_number_of_rules() -> None:
    """SPEC 5: an agency may narrow a rule to each of many project types; one statement takes 62 of them."""
    rules = tuple(called(f"early-{number}", REQUIRED_RULES[0]) for number in range(130))
    made, *_ = searches(rules, (), AS_OF)
    assert [len(search.asked) for search in made] == [62, 62, 6]
    world = World()
    world.case("early", Stay([Stint(-200)]))
    with in_sqlite(world) as engine:
        found = engine.found(rules, ())
    assert found == world.found(rules, ())
    assert len(found) == len(rules)
