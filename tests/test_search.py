"""Searches in a store: where they run, what they see, and what is left of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from rule_worlds import ODD_ROLE
from sqlite_files import WAL, raw
from store_examples import enrollment, fill, lines_after
from world import TODAY, World, day

from caseassign import (
    ADVISORY_RULES,
    REQUIRED_RULES,
    CaseAssignment,
    Enrollment,
    MemoryStore,
    ProjectType,
    SQLiteStore,
    Violation,
)
from caseassign.errors import StorageError
from caseassign.history import EMPTY
from caseassign.model import COVER
from caseassign.rules import CaseloadFacts, EnrollmentFacts, for_heads_of_household, for_project_types, in_sql
from caseassign.rules.advisory import unassigned
from caseassign.rules.sql import Tables, quoted, sql_of
from caseassign.search import searches
from caseassign.storage import Searchable, Store
from caseassign.stores.block import Block
from caseassign.stores.sqlite_search import open_readers
from caseassign.stores.sqlite_session import Session

ENDLESS: Final = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
COUNT: Final = "SELECT count(*) FROM {}"
SECONDS: Final = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file of SQLite is to be."""
    return tmp_path / "a 100% odd #name?.sqlite"


@pytest.fixture
def sqlite(path: Path) -> Iterator[SQLiteStore]:
    """A store with an enrollment in it, which waits for nobody."""
    with closing(SQLiteStore(path, timeout=0.05)) as store:
        fill(store)
        with store.transaction(write=True) as tx:
            tx.enrollments.add([enrollment("e1")])
            tx.history.append(lines_after(EMPTY, {}))
        yield store


def count(tx: Any) -> int:
    """Return how many enrollments a search counts."""
    [(_, (number,))] = list(tx.search([COUNT.format(tx.tables.enrollments)]))
    return int(number)


@contextmanager
def all_given_back() -> Iterator[None]:
    """See that no thread is left of what happens inside, in due time."""
    before, began = set(threading.enumerate()), time.monotonic()
    yield
    assert set(threading.enumerate()) <= before
    assert time.monotonic() - began < SECONDS


def test_rows_come_with_the_number_of_their_statement_in_its_place(store: Store) -> None:
    """SPEC 7.9: statements are answered in their order, by whichever thread."""
    if isinstance(store, MemoryStore):
        with store.transaction() as tx:
            assert not isinstance(tx, Searchable)
        return
    fill(store)
    with store.transaction() as tx:
        assert isinstance(tx, Searchable)
        found = list(tx.search([f"SELECT {n}, '100%' UNION ALL SELECT {n}, '%s' ORDER BY 2" for n in range(9)]))
        assert found == [(n, (n, text)) for n in range(9) for text in ("%s", "100%")]
        assert list(tx.search([])) == []
        assert list(tx.search(["SELECT 1 WHERE 1 = 0"])) == []


def test_a_search_sees_what_its_block_has_written(store: Store) -> None:
    """SPEC 10.1: a transaction sees its own writes."""
    if isinstance(store, MemoryStore):
        return
    fill(store)
    with store.transaction(write=True) as tx:
        assert count(tx) == 0
        tx.enrollments.add([enrollment("e1")])
        assert count(tx) == 1


def test_a_search_sees_what_its_block_sees_whatever_is_committed_meanwhile(sqlite: SQLiteStore, path: Path) -> None:
    """SPEC 10.1: a writer who waits to commit, or has committed beside the block, is not seen, and not waited for."""
    add = "INSERT INTO enrollment SELECT 'e2', 'c1', 'es', NULL, NULL, entry_date, NULL, 0, NULL FROM enrollment"
    with sqlite.transaction() as tx, raw(path, timeout=0) as writer:
        assert list(tx.enrollments.get(["e1"])) == ["e1"]
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(add)
        writer.execute("UPDATE change_head SET number = 2")
        if WAL:
            writer.execute("COMMIT")
        else:
            with pytest.raises(Exception, match="locked"):
                writer.execute("COMMIT")
        assert count(tx) == 1
    with sqlite.transaction() as tx:
        assert count(tx) == 1 + WAL


@pytest.mark.parametrize("number", [0, 1])
def test_readers_in_a_file_with_a_log_see_what_the_block_sees_or_are_not_had(path: Path, number: int) -> None:
    """SPEC 10.1: where a writer does not wait for the block, the end of the history tells what was committed since."""
    with raw(path) as connection, raw(path) as writer:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE change_head AS SELECT 0 AS number")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM change_head").fetchall()
        writer.execute("UPDATE change_head SET number = ?", [number])
        readers = open_readers(path, connection)
        assert len(readers) == (0 if number else 2)
        for reader in readers:
            reader.close()


def test_who_stops_listening_leaves_no_thread_and_no_lock(sqlite: SQLiteStore, path: Path) -> None:
    """SPEC 7.9: an audit may be left at any time, whatever is being searched for."""
    for listened in (0, 1, 100_000):
        with all_given_back(), sqlite.transaction() as tx:
            rows = tx.search([ENDLESS, f"{ENDLESS} WHERE i < 0", ENDLESS])
            assert list(islice(rows, listened)) == [(0, (n + 1,)) for n in range(listened)]
        with pytest.raises(StorageError, match="the transaction is over"):
            next(rows)
        with sqlite.transaction(write=True) as tx:
            tx.enrollments.add([enrollment(f"after {listened}")])


def test_what_fails_in_a_search_is_an_error_of_the_librarys_own(store: Store) -> None:
    """SPEC 8.4: in a thread too; what came before it has come."""
    if isinstance(store, MemoryStore):
        return
    found: list[Any] = []

    def listen() -> None:
        with store.transaction() as tx:
            assert isinstance(tx, Searchable)
            found.extend(tx.search(["SELECT 1"]))
            for each in tx.search(["SELECT 2", "SELECT secret FROM nowhere", "SELECT 3"]):
                found.append(each)  # noqa: PERF402  # what comes before the error comes

    with all_given_back(), pytest.raises(StorageError) as caught:
        listen()
    assert found == [(0, (1,)), (0, (2,))]
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    with store.transaction() as tx:
        assert list(tx.clients) == []


def test_nothing_is_held_open_afterwards(sqlite: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a store that was audited and closed can be moved and deleted."""
    world = World(sqlite)
    assert list(world.system.audit())
    next(iter(world.system.audit()))
    sqlite.close()
    held = {each.resolve().name for each in Path("/proc/self/fd").glob("*")}  # on Linux; elsewhere there is none
    assert not {each for each in held if each.startswith(path.name)}
    path.unlink()


def test_a_connection_without_a_path_is_searched_itself(path: Path, sqlite: SQLiteStore) -> None:
    """SPEC 10.1: where nothing is known but the connection, it answers one statement after the other."""
    with raw(path) as connection, Session(connection, Block(write=False)) as session:
        connection.execute("BEGIN")
        assert list(session.search(["SELECT 1", "SELECT 2"])) == [(0, (1,)), (1, (2,))]


def test_an_audit_of_nothing_finds_nothing(any_world: World) -> None:
    """SPEC 7.9: of no project, or of one that is not there, and of no rules."""
    any_world.put_raw(
        Enrollment(
            enrollment_id="e", personal_id="c1", project_id="es", entry_date=day("02-01"), exit_date=day("01-01")
        )
    )
    assert list(any_world.system.audit(projects=[])) == []
    assert list(any_world.system.audit(organizations=["nobody's"])) == []
    assert list(any_world.as_("bo").audit(projects=["es"])) == []
    seen: list[int] = []
    none = any_world.as_("kim", required=(), advisory=())
    assert list(none.audit(progress=seen.append)) == []
    assert any_world.system.audit(projects=["es"]).counts() == {"exits-before-entry": 1, "no-head": 1}


def test_an_audit_says_how_far_it_is_on_every_store(any_world: World) -> None:
    """SPEC 7.9: progress never goes back, and ends with every enrollment."""
    any_world.family()
    seen: list[int] = []
    list(any_world.system.audit(progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 4


@in_sql("caseload.cases > 0")
def holds(facts: CaseloadFacts) -> Iterator[Violation]:
    """A rule that says what it sees of a caseload."""
    yield Violation("holds", "user_id", [case.assignment.assignment_id for case in facts.cases], "holds these")


def test_a_rule_sees_the_same_caseload_on_every_store(any_world: World) -> None:
    """SPEC 7.9: what is active as of the day, cover too; not what is upcoming, voided, or on a deleted stay."""
    gone = any_world.stay("c2")
    any_world.put_raw(attrs.evolve(gone, deleted=True))
    stay = any_world.stay()
    stints: dict[str, dict[str, Any]] = {
        "now": {},
        "cover": {"role": COVER},
        "upcoming": {"start_date": day("12-01")},
        "over": {"end_date": day("02-01")},
        "voided": {"voided": True},
        "gone": {"enrollment_id": gone.enrollment_id},
    }
    for key, values in stints.items():
        usual: dict[str, Any] = {"enrollment_id": stay.enrollment_id, "user_id": "kim", "start_date": day("01-10")}
        any_world.put_raw(CaseAssignment(assignment_id=key, **(usual | values)))
    [finding] = any_world.as_("kim", required=(), advisory=(holds,)).audit()
    assert (finding.user_id, finding.ids) == ("kim", ("cover", "now"))


def empty(facts: EnrollmentFacts) -> Iterator[Violation]:
    """A rule without SQL, that finds nothing."""
    yield from ()


def test_a_narrowed_rule_has_sql_where_the_rule_has() -> None:
    """SPEC 5.3: narrowing takes nothing away, and makes nothing up; narrowed twice is what both leave."""
    shelter, outreach = ProjectType.EMERGENCY_SHELTER_ENTRY_EXIT, ProjectType.STREET_OUTREACH
    assert sql_of(for_project_types(empty, [shelter])) is None
    assert sql_of(for_heads_of_household(empty)) is None
    twice = sql_of(for_project_types(for_project_types(unassigned, [shelter, outreach]), [outreach]))
    assert twice is not None
    assert twice.project_types == frozenset({outreach})


def test_rules_without_sql_are_left_to_python() -> None:
    """SPEC 5: each in its own set, in the order in which they were given."""
    found, required, advisory = searches((*REQUIRED_RULES, empty), (empty, *ADVISORY_RULES), TODAY)
    assert (required, advisory) == ((empty,), (empty,))
    asked = [each.rule for search in found for each in search.asked]
    assert sorted(map(repr, asked)) == sorted(map(repr, (*REQUIRED_RULES, *ADVISORY_RULES)))


def test_only_who_needs_an_order_has_what_is_found_sorted() -> None:
    """SPEC 7.9: a store reads what is found in the order of its enrollments; a warehouse would sort for nobody."""
    for apart, count in ((False, 3), (True, 0)):
        found, *_ = searches(REQUIRED_RULES, ADVISORY_RULES, TODAY, apart=apart)
        statements = [search.sql(Tables()) for search in found]
        assert sum(sql.endswith(("ORDER BY enrollment_id", ".enrollment_id")) for sql in statements) == count
        assert any("ORDER BY" in sql for sql in statements) is not apart


def test_a_text_is_written_as_the_engine_reads_it() -> None:
    """SPEC 5.3: what the rules and the ids of projects say is not what Spark takes a backslash for."""
    said = f"a = {quoted(ODD_ROLE)} AND b = 'plain' AND c = '' AND d = {quoted('{x}')} AND e <= {{as_of}}"
    plain = Tables(users="(SELECT '\\n')").named_in(said, TODAY)
    assert plain == "a = 'O''{Brien} \\ 100%' AND b = 'plain' AND c = '' AND d = '{x}' AND e <= '2026-03-02'"
    on_spark = Tables(backslashes=True).named_in(said, TODAY)
    assert on_spark == plain.replace("\\", r"\\").replace("O''", r"O\'")
    names = Tables(users=r"(SELECT '\'')", backslashes=True)
    assert names.named_in("FROM {users}", TODAY) == r"FROM (SELECT '\'')"
