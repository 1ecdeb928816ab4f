"""The store that the documentation builds over a host's own models is a store: the kit certifies it."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import NullPool
from test_house import lines_of_code

from caseassign import (
    SYSTEM,
    Casework,
    Client,
    Enrollment,
    Organization,
    Project,
    RuleViolationError,
    StorageError,
    User,
)
from caseassign.storage import Transaction
from caseassign.testing import check_store
from caseassign.testing.machine import store_machine
from caseassign.testing.suite import StoreSuite

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "write-a-store.md").read_text(encoding="utf-8")
BUILT = PAGE.partition("## Is it a store?")[0]


def python_of(text: str) -> str:
    """Return the Python that a part of the page shows."""
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """What the page builds, as the module that it says it is, which other processes can import too."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "county.py").write_text(python_of(BUILT), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("county")
    finally:
        sys.path.remove(str(folder))
        del sys.modules["county"]


@pytest.fixture
def sessions(county: ModuleType, tmp_path: Path) -> Any:
    """What opens sessions of the host on a database of its own."""
    return county.open_county(f"sqlite:///{tmp_path / 'county.sqlite'}")


def open_alone(url: str) -> Any:
    """Open the store as one that has its own sessions."""
    county = importlib.import_module("county")
    return county.HostStore(county.open_county(url))


class HostThatCommits:
    """A host that lets the store join its session, and commits at once: so the kit can be put to what has joined."""

    def __init__(self, url: str) -> None:
        county = importlib.import_module("county")
        self._sessions = county.open_county(url)
        self._store: Callable[[Any], Any] = county.HostStore
        self._gate = county.Gate()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Transaction]:
        """Open a transaction of the host, and in it a block of a store that joins it."""
        with (
            self._gate.block(write=write),
            self._sessions.begin() as session,
            self._store(session.begin_nested).transaction(write=write) as tx,
        ):
            yield tx

    def close(self) -> None:
        """Open no more transactions."""
        self._gate.close()


def open_joined(url: str) -> HostThatCommits:
    """Open the store as one that joins the sessions of a host."""
    return HostThatCommits(url)


def open_on_postgres(dsn: str) -> Any:
    """Open the store on PostgreSQL."""
    county = importlib.import_module("county")
    engine = create_engine(
        "postgresql+psycopg://",
        creator=partial(psycopg.connect, dsn),
        isolation_level="SERIALIZABLE",
        poolclass=NullPool,
    )
    return county.HostStore(sessionmaker(engine))


@pytest.fixture
def county_database(dsn: str, schema: str) -> Iterator[str]:
    """A database of the host's own, by its connection string."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {schema}".encode())
        yield make_conninfo(dsn, dbname=schema)
        connection.execute(f"DROP DATABASE {schema} WITH (FORCE)".encode())


@pytest.mark.long
def test_it_is_certified_alone(county: ModuleType, tmp_path: Path) -> None:
    """SPEC 10.3: with sessions of its own it passes every check, and the report says what the page shows."""
    report = check_store(partial(open_alone, f"sqlite:///{tmp_path / 'county.sqlite'}"))
    assert (report.failures, report.skipped) == ((), {})
    [shown] = re.findall(r"^```text\n(HostStore: .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert str(report).startswith(shown)


@pytest.mark.slow
class TestJoined(StoreSuite):
    """SPEC 10.3: in the transaction of a host, which commits it, it passes the tests of the suite."""

    @pytest.fixture
    def open_store(self, county: ModuleType, tmp_path: Path) -> Callable[[], HostThatCommits]:
        """What opens a host in a file."""
        return partial(open_joined, f"sqlite:///{tmp_path / 'county.sqlite'}")


@pytest.mark.slow
def test_it_agrees_with_the_reference(county: ModuleType, tmp_path: Path) -> None:
    """SPEC 10.3: after any steps in any blocks it says what the store in memory says."""
    machine = store_machine(partial(open_alone, f"sqlite:///{tmp_path / 'county.sqlite'}"))
    run_state_machine_as_test(machine, settings=settings(max_examples=6, stateful_step_count=12))


@pytest.mark.long
def test_it_is_certified_on_postgres(county: ModuleType, county_database: str) -> None:
    """SPEC 10.3: with nothing changed but the engine it passes every check on PostgreSQL."""
    host = partial(open_on_postgres, county_database)
    with host()._begin() as session:
        county.Base.metadata.create_all(session.connection())
        county.create_beside(session.connection().connection.driver_connection)
        session.commit()
    report = check_store(host)
    assert (report.failures, report.skipped) == ((), {})


def test_it_is_as_short_as_the_page_says(tmp_path: Path) -> None:
    """SPEC 10.1: an adapter is written in a day: what is not the county's own fits in the lines that the page names."""
    written = BUILT.partition("## The assignments")[2].partition("## Alone")[0]
    (tmp_path / "store.py").write_text(python_of(written), encoding="utf-8")
    [named] = re.findall(r"in under (\d+) lines", PAGE)
    assert int(named) - 10 <= lines_of_code(tmp_path / "store.py") < int(named)


@pytest.fixture
def filled(sessions: Any, county: ModuleType) -> Any:
    """Sessions on a database in which Ada stays in a shelter and Kim has her case."""
    system = Casework(county.HostStore(sessions), user=SYSTEM)
    system.add(
        Organization(organization_id="haven"),
        Project(project_id="es", organization_id="haven"),
        User(user_id="kim", organization_ids={"haven"}),
        User(user_id="lee", organization_ids={"haven"}),
        Client(personal_id="c1", first_name="Ada"),
    )
    system.enroll("c1", "es", on="2026-03-02", case_manager="kim")
    return sessions


def counted(session: Any, county: ModuleType) -> tuple[int, int]:
    """Return how many assignments and lines of history there are."""
    return session.query(county.Stint).count(), session.scalar(text("SELECT count(*) FROM caseassign_change"))


def test_a_host_that_rolls_back_leaves_nothing(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: where the transaction of the host is rolled back, no assignment and no line of it is there."""
    with filled() as session:
        before = counted(session, county)
        stay = session.query(county.Stay).one()
        stay.bed = "12 B"
        Casework(county.HostStore(session.begin_nested), user="kim").assign(stay.hmis_id, "lee", start="2026-03-02")
        assert counted(session, county) != before
        session.rollback()
        assert counted(session, county) == before
        assert stay.bed is None


def test_a_host_that_commits_keeps_both(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: where the host commits, its own columns and what an act did are there together."""
    with filled() as session:
        stay = session.query(county.Stay).one()
        stay.bed = "12 B"
        Casework(county.HostStore(session.begin_nested), user="kim").exit(stay.hmis_id, on="2026-03-31")
        session.commit()
    with filled() as session:
        stay = session.query(county.Stay).one()
        assert (stay.bed, str(stay.left)) == ("12 B", "2026-03-31")
        assert [str(stint.end_date) for stint in session.query(county.Stint)] == ["2026-03-31"]


def test_an_act_that_is_refused_leaves_the_host_going_on(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: a refused act undoes what it did itself, and the transaction of the host commits all else."""
    with filled() as session:
        before = counted(session, county)
        stay = session.query(county.Stay).one()
        stay.bed = "12 B"
        kim = Casework(county.HostStore(session.begin_nested), user="kim")
        with pytest.raises(RuleViolationError):
            kim.assign(stay.hmis_id, "kim", start="2026-03-02")
        session.commit()
        assert counted(session, county) == before
        assert session.query(county.Stay).one().bed == "12 B"


def test_what_the_host_made_itself_has_an_id(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: a row that the application adds, and has not flushed, is a record in a block that joins it."""
    with filled() as session:
        person = county.Person(given_name="Bo", pronouns="they")
        session.add(person)
        with county.HostStore(session.begin_nested).transaction() as tx:
            assert tx.clients.get([person.hmis_id])[person.hmis_id].first_name == "Bo"


def test_what_an_act_replaces_keeps_the_columns_of_the_host(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: replacing a record leaves alone the columns that only the host knows."""
    with filled() as session:
        person = session.query(county.Person).one()
        person.pronouns = "she"
        with county.HostStore(session.begin_nested).transaction(write=True) as tx:
            tx.clients.replace([Client(personal_id="c1", first_name="Eda")])
        assert (person.given_name, person.pronouns) == ("Eda", "she")


def test_a_block_in_which_the_database_failed_is_not_committed(filled: Any, county: ModuleType) -> None:
    """SPEC 10.1: an error of the database comes out as the library's, and ends the block even if it is caught."""
    store = county.HostStore(filled)
    with filled() as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER t BEFORE INSERT ON stay BEGIN SELECT RAISE(ABORT, 'x'); END"
        )
        session.commit()

    def go_on_after_a_failure() -> None:
        with store.transaction(write=True) as tx:
            tx.clients.add([Client(personal_id="c2")])
            [stay] = tx.enrollments
            with pytest.raises(StorageError, match="SQLITE_CONSTRAINT"):
                tx.enrollments.add([Enrollment(**{**as_fields(stay), "enrollment_id": "new"})])

    with pytest.raises(StorageError, match="over"):
        go_on_after_a_failure()
    with store.transaction() as tx:
        assert [client.key for client in tx.clients] == ["c1"]


def as_fields(stay: Enrollment) -> dict[str, Any]:
    """Return the fields that an enrollment has to have."""
    return {"personal_id": stay.personal_id, "project_id": stay.project_id, "entry_date": stay.entry_date}
