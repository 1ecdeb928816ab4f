"""The audit of tables on any engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from caseassign import ADVISORY_RULES, REQUIRED_RULES, InvalidRecordError, Tables, Violation, audit_tables
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, HouseholdFacts
from caseassign.rules.advisory import held_by_departed, household_differs, no_head, unassigned
from caseassign.rules.required import overlaps_own

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
