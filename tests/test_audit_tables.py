"""The audit of tables on any engine."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from dirty_worlds import worlds
from hypothesis import given, settings
from rule_engines import in_sqlite
from rule_worlds import AS_OF
from rule_worlds import World as RuleWorld
from world import effort

from caseassign import (
    ADVISORY_RULES,
    REQUIRED_RULES,
    InvalidRecordError,
    ProjectType,
    Tables,
    User,
    Violation,
    audit_tables,
)
from caseassign.rules import (
    AssignmentFacts,
    CaseloadFacts,
    EnrollmentFacts,
    HouseholdFacts,
    for_project_types,
    in_sql,
)
from caseassign.rules.advisory import (
    held_by_departed,
    held_without_access,
    household_differs,
    kept_after_exit,
    no_head,
    unassigned,
)
from caseassign.rules.required import overlaps_own, starts_before_entry
from caseassign.search import code_of
from caseassign.table_facts import households

TABLES = """
    CREATE TABLE enrollments (
        enrollment_id, personal_id, project_id, household_id, relationship_to_hoh, entry_date, exit_date, deleted);
    INSERT INTO enrollments VALUES
        ('e1', 'c1', 'p1', 'h', 1, '2026-01-05', NULL, 0),
        ('e2', 'c2', 'p1', 'h', 2, '2026-01-05', NULL, 0),
        ('e3', 'c3', 'p2', NULL, NULL, '2026-01-20', '2026-02-20', 0),
        ('e4', 'c4', 'p2', 'h', 1, '2026-01-20', NULL, 1),
        ('e5', 'c5', 'nowhere', 'x', 1, '2026-01-20', NULL, 0);
    CREATE TABLE assignments (
        assignment_id, enrollment_id, user_id, start_date, end_date, role, kept_after_exit, voided);
    INSERT INTO assignments VALUES
        ('a1', 'e1', 'kim', '2026-01-05', NULL, 'Case Manager', 0, 0),
        ('a2', 'e1', 'kim', '2026-02-01', '2026-02-09', 'Case Manager', 0, 0),
        ('a3', 'e3', 'lee', '2026-01-20', NULL, 'Case Manager', 1, 0),
        ('a4', 'e2', 'kim', '2026-01-05', NULL, 'Case Manager', 0, 1),
        ('a5', 'e5', 'nobody', '2026-01-20', NULL, 'Case Manager', 0, 0);
    CREATE TABLE projects (project_id, organization_id, project_type);
    INSERT INTO projects VALUES ('p1', 'haven', 13), ('p2', 'haven', 0);
    CREATE TABLE users (user_id, left_on);
    INSERT INTO users VALUES ('kim', NULL), ('lee', '2026-02-01');
    CREATE TABLE user_organizations (user_id, organization_id);
    INSERT INTO user_organizations VALUES ('kim', 'haven');
    CREATE TABLE user_permissions (user_id, permission);
    INSERT INTO user_permissions VALUES ('lee', 'all-organizations');
"""


@pytest.fixture
def warehouse() -> Iterator[sqlite3.Connection]:
    """Six tables of somebody else, in which things are not as they must be."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLES)
    yield connection
    connection.close()


class Session:
    """What a Spark session is to the audit: a query gives rows that are iterated."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._query = ""

    def sql(self, query: str) -> Session:
        """Take a query."""
        self._query = query
        return self

    def toLocalIterator(self) -> Iterator[Any]:  # noqa: N802  # as Spark calls it
        """Yield its rows."""
        return iter(self._connection.execute(self._query))


def plain(value: Any) -> Any:
    """A value as SQLite has it, which knows no truth but one and nought."""
    return int(value) if isinstance(value, bool) else value


def only_in_python(rule: Any, facts: type) -> Any:
    """The rule without its second form."""

    def alone(facts: Any) -> Any:
        return rule(facts)

    alone.__name__ = rule.__name__
    alone.__annotations__ = {"facts": facts}
    return alone


def crowded(facts: CaseloadFacts) -> Iterator[Violation]:
    """A user holds nobody."""
    yield Violation("crowded", "user_id", [facts.user.user_id], "holds somebody")


WHAT_IS_WRONG = {
    "held-by-departed": 1,
    "held-without-access": 1,
    "household-differs": 1,
    "kept-after-exit": 1,
    "no-head": 1,
    "overlaps-own": 1,
    "unassigned": 1,
}


def test_tables_are_audited_where_they_lie(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.3, 7.9: on a connection or a session, the rules' SQL finds every violation, with the ids it is about."""
    for engine in (warehouse, Session(warehouse)):
        audit = audit_tables(engine, as_of="2026-03-02")
        assert audit.counts() == WHAT_IS_WRONG
        found = {broken.code: broken.to_dict() for broken in audit}
        about = {"personal_id": "c1", "project_id": "p1", "household_id": "h"}
        assert found["overlaps-own"] == about | {
            "code": "overlaps-own",
            "required": True,
            "assignment_id": "a1",
            "other_assignment_id": "a2",
            "enrollment_id": "e1",
            "user_id": "kim",
        }


def test_what_is_found_can_be_kept_as_a_table(warehouse: sqlite3.Connection) -> None:
    """SPEC 7.9: one query finds all that iterating finds, as a table with the fields as columns."""
    audit = audit_tables(warehouse, as_of="2026-03-02")
    warehouse.execute(f"CREATE TABLE violations AS {audit.sql()}")
    kept = warehouse.execute("SELECT * FROM violations").fetchall()
    assert sorted(kept, key=repr) == sorted(
        (tuple(map(plain, broken.to_dict().values())) for broken in audit), key=repr
    )


def test_rules_without_sql_are_asked_of_facts(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.3: where a rule has no SQL, Python finds in the same tables what the SQL would find."""
    kinds = {
        overlaps_own: EnrollmentFacts,
        held_by_departed: AssignmentFacts,
        household_differs: HouseholdFacts,
        no_head: HouseholdFacts,
        unassigned: EnrollmentFacts,
    }
    for rule, kind in kinds.items():
        sets = [(rule,), (only_in_python(rule, kind),)]
        in_sql, in_python = (list(audit_tables(warehouse, as_of="2026-03-02", required=s, advisory=())) for s in sets)
        assert in_sql == in_python != []
    both = audit_tables(warehouse, as_of="2026-03-02", advisory=(*ADVISORY_RULES, crowded))
    assert both.counts() == WHAT_IS_WRONG | {"crowded": 3}
    assert {broken.user_id for broken in both if broken.code == "crowded"} == {"kim", "lee", "nobody"}


def test_an_audit_can_be_narrowed_and_tables_have_other_names(warehouse: sqlite3.Connection) -> None:
    """SPEC 7.9: over all data or a part, whatever the tables are called."""
    warehouse.execute("ALTER TABLE enrollments RENAME TO hmis_enrollment")
    for rules in (REQUIRED_RULES, (only_in_python(overlaps_own, EnrollmentFacts),)):
        for projects, count in ((["p1"], 1), (["p2"], 0), ([], 0)):
            tables = Tables(enrollments="hmis_enrollment")
            audit = audit_tables(warehouse, tables, as_of="2026-03-02", required=rules, advisory=(), projects=projects)
            assert len(list(audit)) == count


def test_what_has_no_sql_is_in_no_query(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.3: a rule that only Python knows is not left out in silence."""
    audit = audit_tables(warehouse, as_of="2026-03-02", advisory=(crowded,))
    with pytest.raises(InvalidRecordError, match=r"Rule\.crowded has no SQL"):
        audit.sql()


def lists(facts: AssignmentFacts) -> Iterator[Violation]:
    """No assignment is right."""
    yield Violation("listed", "role", [facts.assignment.assignment_id], "is there")


@settings(max_examples=effort(60))
@given(world=worlds())
def test_facts_are_read_as_they_stand(world: RuleWorld) -> None:
    """SPEC 5.3: a rule without SQL sees every field of what the six tables hold, households together."""
    stints: defaultdict[str, list[Any]] = defaultdict(list)
    holders: defaultdict[str, dict[str, User]] = defaultdict(dict)
    for stint in world.of("assignment").values():
        if not stint.voided:
            stints[stint.enrollment_id].append(stint)
            holders[stint.enrollment_id][stint.user_id] = world.of("user")[stint.user_id]
    expected = {
        key: EnrollmentFacts.of(stay, world.of("project")[stay.project_id], stints[key], holders[key], AS_OF)
        for key, stay in world.of("enrollment").items()
    }
    with in_sqlite(world) as engine:
        found = list(households(lambda sql: iter(engine.ask(sql)), engine.tables, AS_OF, None))
    assert {facts.enrollment.enrollment_id: facts for members in found for facts in members} == expected
    together = [{facts.enrollment.household_key for facts in members} for members in found]
    keys = [key for each in together for key in each if key is not None]
    assert all(len(each) == 1 for each in together)
    assert len(keys) == len(set(keys))


def test_many_rows_are_read_to_the_last(warehouse: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 7.9: rows come in batches, and none of them is the only one."""
    monkeypatch.setattr("caseassign.tables_audit._ROWS_AT_ONCE", 2)
    audit = audit_tables(warehouse, as_of="2026-03-02", required=(lists,), advisory=())
    assert audit.counts() == {"listed": 4}


def test_access_counts_without_a_row_of_the_user(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.3: both forms take access from its own table, whether or not the user stands in that of the users."""
    warehouse.execute("DELETE FROM users WHERE user_id = 'kim'")
    rules = (held_without_access,)
    without_sql = (only_in_python(held_without_access, AssignmentFacts),)
    audits = [
        audit_tables(warehouse, as_of="2026-03-02", required=(), advisory=each).counts()
        for each in (rules, without_sql)
    ]
    assert audits == [{"held-without-access": 1}] * 2


NUMBERED = """
    CREATE TABLE enrollments (enrollment_id BIGINT, personal_id BIGINT, project_id BIGINT, household_id BIGINT,
        relationship_to_hoh INTEGER, entry_date TIMESTAMP, exit_date TIMESTAMP, deleted BOOLEAN);
    INSERT INTO enrollments VALUES (1, 10, 20, NULL, 2, '2026-01-05', NULL, FALSE);
    CREATE TABLE assignments (assignment_id BIGINT, enrollment_id BIGINT, user_id BIGINT, start_date TIMESTAMP,
        end_date TIMESTAMP, role VARCHAR(40), kept_after_exit BOOLEAN, voided BOOLEAN);
    INSERT INTO assignments VALUES (7, 1, 3, '2026-01-01', NULL, 'Case Manager', FALSE, FALSE),
        (8, 1, 3, '2026-02-01', NULL, 'Case Manager', FALSE, FALSE);
    CREATE TABLE projects (project_id BIGINT, organization_id BIGINT, project_type INTEGER);
    INSERT INTO projects VALUES (20, 30, 13);
    CREATE TABLE users (user_id BIGINT, left_on TIMESTAMP);
    INSERT INTO users VALUES (3, NULL);
    CREATE TABLE user_organizations (user_id BIGINT, organization_id BIGINT);
    INSERT INTO user_organizations VALUES (3, 30), (NULL, 30), (3, NULL);
    CREATE TABLE user_permissions (user_id BIGINT, permission VARCHAR(40));
"""


@pytest.fixture
def numbered(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Tables in which ids are numbers and days are moments."""
    if request.param == "duckdb":
        with closing(pytest.importorskip("duckdb").connect()) as connection:
            for statement in NUMBERED.split(";")[:-1]:
                connection.execute(statement.replace("CREATE", "CREATE TEMPORARY"))
            yield connection
        return
    with psycopg.connect(request.getfixturevalue("dsn")) as connection:
        connection.execute(NUMBERED.replace("CREATE", "CREATE TEMPORARY").encode())
        yield connection
        connection.rollback()


@pytest.mark.parametrize("numbered", ["duckdb", "postgres"], indirect=True)
def test_ids_may_be_numbers_and_days_moments(numbered: Any) -> None:
    """SPEC 5.3: what an engine keeps as ids and days is its own affair; what is found names ids as text."""
    as_of = "2026-03-02"
    in_sql, in_python = (
        [(each.code, each.enrollment_id, each.assignment_id, each.other_assignment_id) for each in audit]
        for audit in (
            audit_tables(numbered, as_of=as_of),
            audit_tables(
                numbered,
                as_of=as_of,
                required=(
                    only_in_python(starts_before_entry, AssignmentFacts),
                    only_in_python(overlaps_own, EnrollmentFacts),
                ),
                advisory=(only_in_python(no_head, HouseholdFacts),),
            ),
        )
    )
    assert sorted(in_sql, key=repr) == sorted(in_python, key=repr)
    assert ("overlaps-own", "1", "7", "8") in in_sql
    numbered.execute(f"CREATE TEMPORARY TABLE violations AS {audit_tables(numbered, as_of=as_of).sql()}")
    kept = numbered.execute("SELECT code, enrollment_id, assignment_id, other_assignment_id FROM violations").fetchall()
    assert sorted(kept, key=repr) == sorted(in_sql, key=repr)


def test_a_connection_may_give_rows_with_names(warehouse: sqlite3.Connection) -> None:
    """SPEC 7.9: whatever kind of rows a connection was made for."""
    expected = list(audit_tables(warehouse, as_of="2026-03-02"))
    warehouse.row_factory = lambda cursor, row: dict(
        zip((column[0] for column in cursor.description), row, strict=True)
    )
    assert list(audit_tables(warehouse, as_of="2026-03-02")) == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE assignments SET role = NULL WHERE assignment_id = 'a3'", "CaseAssignment.role .* assignment_id a3"),
        ("UPDATE assignments SET end_date = '2025-01-01' WHERE assignment_id = 'a1'", "end_date .* assignment_id a1"),
        ("UPDATE assignments SET start_date = 'soon' WHERE assignment_id = 'a1'", "assignment_id a1"),
        ("UPDATE enrollments SET deleted = 'perhaps' WHERE enrollment_id = 'e2'", "neither .* enrollment_id e2"),
        ("UPDATE enrollments SET relationship_to_hoh = 'head'", "no number .* enrollment_id"),
        ("UPDATE enrollments SET relationship_to_hoh = 7 WHERE enrollment_id = 'e1'", "picklist .* enrollment_id e1"),
        ("UPDATE projects SET project_type = 5 WHERE project_id = 'p2'", "picklist .* project_id p2"),
    ],
)
def test_a_row_that_is_no_record_is_named(warehouse: sqlite3.Connection, change: str, named: str) -> None:
    """SPEC 11: a rule without SQL has nothing but records to look at, so the error says which row is none."""
    warehouse.execute(change)
    audit = audit_tables(warehouse, as_of="2026-03-02", required=(lists,), advisory=())
    with pytest.raises(InvalidRecordError, match=rf"{named}.*a rule without SQL needs rows that can be records"):
        list(audit)


def test_flags_and_numbers_may_be_text(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.3: what a file of text says of true and false, and of numbers, is understood."""
    warehouse.execute("UPDATE enrollments SET deleted = CASE deleted WHEN 1 THEN 'True' ELSE 'false' END")
    warehouse.execute("UPDATE assignments SET kept_after_exit = CASE kept_after_exit WHEN 1 THEN 't' ELSE 'F' END")
    warehouse.execute("UPDATE enrollments SET relationship_to_hoh = coalesce(relationship_to_hoh || '', '')")
    rules = (only_in_python(no_head, HouseholdFacts), only_in_python(kept_after_exit, AssignmentFacts))
    audit = audit_tables(warehouse, as_of="2026-03-02", required=(), advisory=rules)
    assert audit.counts() == {"kept-after-exit": 1, "no-head": 1}


def test_what_cannot_be_asked_is_refused(warehouse: sqlite3.Connection) -> None:
    """House: a clear error instead of an audit that finds nothing because it asks nothing."""
    for said, problem in (
        ({"projects": "p1"}, r"Audit\.projects is one text"),
        ({"required": (crowded,)}, r"Audit\.required holds a rule about CaseloadFacts"),
    ):
        with pytest.raises(InvalidRecordError, match=problem):
            audit_tables(warehouse, as_of="2026-03-02", **said)
    with pytest.raises(InvalidRecordError, match=r"Audit\.engine is neither"):
        audit_tables("haven.duckdb", as_of="2026-03-02")
    with pytest.raises(InvalidRecordError, match=r"is none: give at least one rule"):
        audit_tables(warehouse, as_of="2026-03-02", required=(), advisory=()).sql()


class AtMost:
    """A rule with a number in it."""

    def __call__(self, facts: EnrollmentFacts) -> Iterator[Violation]:
        """Every enrollment is of somebody else."""
        yield Violation("AtMost", "enrollment_id", [facts.enrollment.enrollment_id], "is there")


def test_a_narrowed_rule_keeps_its_name(warehouse: sqlite3.Connection) -> None:
    """SPEC 5.5: narrowed to some projects, an object that can be called finds under its own code, in both forms."""
    written = in_sql("enrollment.enrollment_id IS NOT NULL")(AtMost())
    narrowed = for_project_types(written, [ProjectType.RAPID_REHOUSING])
    assert code_of(narrowed) == code_of(written) == "AtMost"
    assert audit_tables(warehouse, as_of="2026-03-02", required=(narrowed,), advisory=()).counts() == {"AtMost": 2}
