"""What the schema of a PostgreSQL store promises: how it is opened, refused, migrated, and what it refuses itself."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import attrs
import psycopg
import psycopg_pool
import pytest
from postgres_server import CARELESS, add_client, client_ids, server, small_store
from psycopg import sql
from psycopg.conninfo import make_conninfo
from store_examples import UndoError, enrollment, fill, lines_after

from caseassign import PostgresStore
from caseassign.errors import ConflictError, DamagedStoreError, StorageError, WrongStoreError
from caseassign.history import EMPTY, verify
from caseassign.model import KINDS, Client
from caseassign.stores.postgres_connections import Hosts, Own
from caseassign.stores.postgres_errors import translated
from caseassign.stores.postgres_schema import STEPS, Schema, check_version


@pytest.fixture
def store(dsn: str, schema: str) -> Iterator[PostgresStore]:
    """A store with a few records and a line of history, that waits for nobody."""
    with small_store(dsn, schema) as store:
        yield store


def tables(raw: psycopg.Connection[Any], schema: str) -> list[str]:
    """Return the names of the tables in a schema."""
    found = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename", [schema])
    return [name for (name,) in found]


# Opening


def test_without_psycopg_the_extra_is_named() -> None:
    """HOUSE: everything can be imported without the extra, and who wants the store without it is told its name."""
    code = """
import sys
sys.modules["psycopg"] = None
from caseassign import *
try:
    PostgresStore("")
except ImportError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "caseassign[postgres]" in ran.stdout


@pytest.mark.parametrize(
    ("dsn", "problem"),
    [
        ("SECRET", "connection string"),
        ("host=/no/such/folder password=SECRET", "reached"),
        ("postgresql://kim:SECRET@127.0.0.1:1/county", "reached"),
    ],
)
def test_a_server_that_is_not_there(dsn: str, problem: str) -> None:
    """SPEC 10.1, 8.4: a connection string that leads nowhere is refused, without what stands in it."""
    with pytest.raises(StorageError, match=problem) as caught:
        PostgresStore(dsn)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("schema", ["", "Case", "a-b", "1st", "x" * 64, 'a"; DROP SCHEMA public; --'])
def test_a_schema_has_a_plain_name(dsn: str, schema: str) -> None:
    """SPEC 10.4: the name of a schema needs no quotes, and cannot be more than a name."""
    with pytest.raises(StorageError, match="small letters"):
        PostgresStore(dsn, schema=schema)


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_a_schema_becomes_a_store(dsn: str, schema: str, raw: psycopg.Connection[Any], there: bool) -> None:
    """SPEC 10.2, 10.4: a schema that is new or empty becomes a store, which holds what it held when opened again."""
    if there:
        raw.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    with closing(PostgresStore(dsn, schema=schema)) as store:
        add_client(store, "n1")
    assert raw.execute("SELECT version FROM caseassign_version").fetchall() == [(len(STEPS),)]
    with closing(PostgresStore(dsn, schema=schema)) as store:
        assert client_ids(store) == ["n1"]


def test_an_analyst_finds_fields_as_columns(store: PostgresStore, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: each kind of record is a table, its fields are the columns, in the same order, and days are dates."""
    assert store is not None
    for kind, record in KINDS.items():
        found = raw.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
            "ORDER BY ordinal_position",
            [schema, kind],
        )
        assert [name for (name,) in found] == [field.name for field in attrs.fields(record)]
    assert raw.execute("SELECT CURRENT_DATE - start_date > 0 FROM assignment").fetchall() == [(True,)]


def test_texts_are_ordered_by_code_point(store: PostgresStore, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.1: no index sorts texts as the database does by default."""
    assert store is not None
    collations = raw.execute(
        "SELECT DISTINCT collname FROM pg_index JOIN pg_class ON indrelid = pg_class.oid "
        "CROSS JOIN unnest(indcollation) AS used JOIN pg_collation ON used = pg_collation.oid "
        "WHERE relnamespace = to_regnamespace(%s) AND relname <> 'change_head'",
        [schema],
    )
    assert collations.fetchall() == [("C",)]


def test_a_schema_of_another_application_is_refused(dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: a schema with other tables in it is refused and left as it is."""
    raw.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    raw.execute("CREATE TABLE note (text text)")
    with pytest.raises(WrongStoreError, match="another application"):
        PostgresStore(dsn, schema=schema)
    assert tables(raw, schema) == ["note"]


def test_a_schema_with_anything_in_it_is_refused(dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: a schema that has no tables, but something else, belongs to another application too."""
    raw.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    raw.execute("CREATE DOMAIN day AS integer")
    with pytest.raises(WrongStoreError, match="another application"):
        PostgresStore(dsn, schema=schema)
    assert tables(raw, schema) == []


# What stands in the way of PostgreSQL's own types and functions, for who looks for names there first.
MISLEADING = """
CREATE SCHEMA {0};
CREATE DOMAIN {0}.text AS integer;
CREATE FUNCTION {0}.never(pg_catalog.text, pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR {0}.<= (FUNCTION = {0}.never, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text);
CREATE FUNCTION {0}.to_regclass(pg_catalog.text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'
"""


@pytest.mark.parametrize("way", ["its own", "a pool's", "the host's"])
def test_names_mean_what_they_mean_to_postgresql(dsn: str, schema: str, raw: psycopg.Connection[Any], way: str) -> None:
    """SPEC 10.1: what else the database has under the names of PostgreSQL's types and functions is never taken."""
    misleading = f"{schema[:50]}_misleads"
    raw.execute(sql.SQL(MISLEADING).format(sql.Identifier(misleading)))
    misled = make_conninfo(dsn, options=f"-c search_path={misleading},pg_catalog")
    with psycopg_pool.ConnectionPool(misled, min_size=1, max_size=1) as pool, psycopg.connect(misled) as host:
        database: Any = {"its own": misled, "a pool's": pool, "the host's": host}[way]
        store = PostgresStore(database, schema=schema)
        with store.transaction(write=True) as tx:
            tx.clients.add([Client(personal_id="n1")])
        if way == "the host's":  # in which names mean what they mean to the host
            assert host.execute("SHOW search_path").fetchall() == [(f"{misleading},pg_catalog",)]
            host.commit()
        else:
            assert client_ids(store) == ["n1"]
        store.close()
    raw.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(misleading)))
    with closing(PostgresStore(dsn, schema=schema)) as store:
        assert client_ids(store) == ["n1"]


def test_an_old_server_is_refused() -> None:
    """SPEC 10.2: a server before PostgreSQL 15 is refused, and 15 is not."""
    check_version(15_00_00)
    with pytest.raises(StorageError, match="PostgreSQL 15"):
        check_version(14_00_20)


def test_a_connection_in_another_encoding_is_refused(store: PostgresStore, dsn: str, schema: str) -> None:
    """SPEC 10.1: the connection of a host that cannot carry every text is refused, before one is lost or changed."""
    assert store is not None
    with psycopg.connect(dsn, client_encoding="LATIN1") as host, pytest.raises(StorageError, match="UTF8"):
        client_ids(PostgresStore(host, schema=schema))


def test_an_id_that_is_too_long_to_index(store: PostgresStore) -> None:
    """SPEC 10.1: an id that PostgreSQL cannot index is refused, and the block goes on."""
    key = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(3_000))
    with store.transaction(write=True) as tx:
        with pytest.raises(StorageError, match="longer"):
            tx.clients.add([Client(personal_id=key)])
        tx.clients.add([Client(personal_id="n1")])
    assert client_ids(store) == ["c1", "c2", "n1"]


def test_a_newer_schema_is_refused(store: PostgresStore, dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: a schema of a newer version is refused when it is opened, and by a store that has it open."""
    raw.execute("UPDATE caseassign_version SET version = version + 1")
    with pytest.raises(WrongStoreError, match="upgrade"):
        PostgresStore(dsn, schema=schema)
    with pytest.raises(WrongStoreError, match="upgrade"):
        add_client(store, "n1")
    with pytest.raises(WrongStoreError, match="upgrade"):
        client_ids(store)


def test_a_database_in_another_encoding_is_refused(dsn: str) -> None:
    """SPEC 10.1: a database that could not hold every text is refused."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(WrongStoreError, match="UTF8"):
                PostgresStore(make_conninfo(dsn, dbname="old"))
        finally:
            connection.execute("DROP DATABASE old")


def test_tables_that_are_gone(store: PostgresStore, dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: a store whose tables are removed while it is open says so; opened again, it begins anew."""
    raw.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    for _ in range(2):
        with pytest.raises(StorageError, match="not there any more"):
            client_ids(store)
        with pytest.raises(StorageError, match="not there any more"):
            add_client(store, "n1")
    with closing(PostgresStore(dsn, schema=schema)) as again:
        assert client_ids(again) == []


def test_many_who_open_one_new_schema(dsn: str, schema: str) -> None:
    """SPEC 10.4: whoever opens one new schema at the same moment as others succeeds, and it is created once."""
    with ThreadPoolExecutor(8) as pool:
        for number, opening in enumerate([pool.submit(PostgresStore, dsn, schema=schema) for _ in range(8)]):
            with closing(opening.result()) as store:
                add_client(store, f"n{number}")
                assert len(client_ids(store)) == number + 1


@pytest.mark.slow
def test_a_replica_can_be_read() -> None:
    """SPEC 10.1: a replica answers all questions; a write is refused, and says why."""
    with server(*CARELESS) as started:
        with closing(PostgresStore(started.dsn)) as store:
            add_client(store, "n1")
        started.stop()
        (started.folder / "data" / "standby.signal").touch()
        started.start()
        with closing(PostgresStore(started.dsn)) as store:
            assert client_ids(store) == ["n1"]
            with pytest.raises(StorageError, match="replica"):
                add_client(store, "n2")


# Versions


NICKNAMES = (
    'ALTER TABLE "{schema}".client ADD COLUMN nickname text',
    'UPDATE "{schema}".client SET nickname = first_name',
)


def test_an_older_schema_is_migrated(store: PostgresStore, dsn: str, schema: str, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: an older schema becomes the new version with all that it holds, once; who had it open is told."""
    newer = Schema(schema, (*STEPS, NICKNAMES))
    for _ in range(2):
        Own(dsn, newer, 1).close_idle()
        assert raw.execute("SELECT version FROM caseassign_version").fetchall() == [(len(STEPS) + 1,)]
    found = raw.execute("SELECT personal_id, nickname FROM client ORDER BY 1").fetchall()
    assert found == [("c1", "Ada"), ("c2", "Ada")]
    with pytest.raises(WrongStoreError, match="upgrade"):
        client_ids(store)


def test_a_migration_waits_for_those_inside(store: PostgresStore, dsn: str, schema: str) -> None:
    """SPEC 10.4: no schema is migrated under an open block, be it one that only reads."""
    newer = Schema(schema, (*STEPS, NICKNAMES))
    for write in (False, True):
        with store.transaction(write=write), pytest.raises(ConflictError):
            Own(dsn, newer, 0.05)
    assert client_ids(store) == ["c1", "c2"]
    Own(dsn, newer, 1).close_idle()


@pytest.mark.parametrize("use", [client_ids, partial(add_client, key="n1")], ids=["reading", "writing"])
def test_who_comes_during_a_migration_waits(
    store: PostgresStore, dsn: str, schema: str, raw: psycopg.Connection[Any], use: Callable[[PostgresStore], object]
) -> None:
    """SPEC 10.4: a block that begins while the schema is migrated waits, and is then refused, not half at home."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'caseassign_version'::regclass"
    with closing(PostgresStore(dsn, schema=schema)) as old, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(dsn) as migrating:
            Schema(schema, (*STEPS, NICKNAMES)).migrate(migrating)
            using = pool.submit(use, old)
            while not raw.execute(waiting).fetchall():
                assert not using.done()
        with pytest.raises(WrongStoreError, match="upgrade"):
            using.result()
    assert raw.execute("SELECT personal_id FROM client ORDER BY 1").fetchall() == [("c1",), ("c2",)]


def test_a_migration_that_fails_changes_nothing(
    store: PostgresStore, dsn: str, schema: str, raw: psycopg.Connection[Any]
) -> None:
    """SPEC 10.4: a migration happens whole or not at all."""
    with pytest.raises(StorageError):
        Own(dsn, Schema(schema, (*STEPS, (*NICKNAMES, "UPDATE nothing SET no = 1"))), 1)
    assert raw.execute("SELECT version FROM caseassign_version").fetchall() == [(len(STEPS),)]
    assert client_ids(store) == ["c1", "c2"]


def test_a_schema_that_was_set_back_is_refused(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 10.4: where an older version is restored under a store that is open, nothing is read from it or written."""
    raw.execute("UPDATE caseassign_version SET version = 0")
    with pytest.raises(StorageError, match="older version"):
        client_ids(store)


def test_a_host_migrates_in_its_own_transaction(store: PostgresStore, dsn: str, schema: str) -> None:
    """SPEC 10.4: an older schema is migrated in the transaction of the host, and stays old where that is undone."""
    newer = Schema(schema, (*STEPS, NICKNAMES))
    with psycopg.connect(dsn) as connection:
        joined = PostgresStore(connection, schema=schema)
        joined._source = Hosts(connection, newer, 1)
        for keys in (["n1"], ["n1", "n2"]):
            add_client(joined, keys[-1])
            assert client_ids(joined) == ["c1", "c2", *keys]
        connection.rollback()
    assert client_ids(store) == ["c1", "c2"]


# Damage


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE project SET project_type = 77", lambda tx: list(tx.projects)),
        ("UPDATE \"user\" SET permissions = '{NULL}'", lambda tx: tx.users.get(["kim"])),
        ("UPDATE client SET personal_id = '' WHERE personal_id = 'c2'", lambda tx: list(tx.clients)),
        ("DELETE FROM change_head", lambda tx: tx.history.head()),
        ("DELETE FROM change_head", lambda tx: tx.history.append(lines_after(EMPTY, {}))),
    ],
    ids=["no project type", "no set", "no id", "no head", "no head to append to"],
)
def test_rows_that_are_no_records(
    store: PostgresStore, raw: psycopg.Connection[Any], damage: str, read: Callable[..., object]
) -> None:
    """SPEC 10.4: a row that no record can be is reported as damage."""
    raw.execute(damage)
    with pytest.raises(DamagedStoreError), store.transaction(write=True) as tx:
        read(tx)


def test_a_missing_end_of_history_is_found(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    """SPEC 8.5: the head stands apart from the lines, so that lines missing at the end are found out."""
    with store.transaction(write=True) as tx:
        tx.history.append(lines_after(tx.history.head(), {}))
    raw.execute("DROP TRIGGER change_is_never_changed ON change")
    raw.execute("DELETE FROM change WHERE number = 2")
    with store.transaction() as tx:
        assert tx.history.head().number == 2
        assert [broken.number for broken in verify(tx.history, tx.history.head())] == [1]


# What the tables themselves refuse


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enrollment SET entry_date = 'infinity'",
        "UPDATE enrollment SET exit_date = '0044-03-15 BC'",
        "UPDATE enrollment SET entry_date = NULL",
        "UPDATE assignment SET end_date = '2026-01-09'",
        "UPDATE \"user\" SET left_on = '10000-01-01'",
        "INSERT INTO client (personal_id) VALUES (NULL)",
        "INSERT INTO change_head VALUES ('another', 1, '', NULL)",
        "UPDATE enrollment SET personal_id = 'no'",
        "DELETE FROM client",
        "INSERT INTO change SELECT 2, 'c', '', NULL, '', '', '', 'no JSON', NULL, NULL, '', ''",
    ],
)
def test_the_tables_refuse_what_no_record_can_be(
    store: PostgresStore, raw: psycopg.Connection[Any], statement: str
) -> None:
    """SPEC 3.3, 3.4: a program that writes to the tables is kept from days that are none and references to nothing."""
    assert store is not None
    with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
        raw.execute(statement)


REWRITING = (
    "UPDATE change SET reason = 'other'",
    "DELETE FROM change",
    "DELETE FROM change WHERE number = 7",
    "TRUNCATE change",
    "INSERT INTO change SELECT * FROM change ON CONFLICT (number) DO UPDATE SET reason = 'other'",
    "MERGE INTO change USING (SELECT 1 AS n) AS one ON number = n WHEN MATCHED THEN DELETE",
)


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("statement", REWRITING)
def test_history_cannot_be_rewritten(
    store: PostgresStore, raw: psycopg.Connection[Any], statement: str, role: str
) -> None:
    """SPEC 8.5: even who may do everything is refused to change, remove or replace a line of history."""
    raw.execute(f"SET session_replication_role = {role}")  # of a replica, most triggers are off
    with pytest.raises(psycopg.errors.RestrictViolation, match="appended"):
        raw.execute(statement)
    with store.transaction() as tx:
        assert list(tx.history) == lines_after(EMPTY, {})


@pytest.fixture
def owner(dsn: str, schema: str) -> Iterator[str]:
    """The connection string of a role without other rights, who owns the schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(name, name))
        yield make_conninfo(dsn, user=schema)
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.mark.parametrize("statement", REWRITING)
def test_the_owner_has_no_right_to_rewrite_history(owner: str, schema: str, statement: str) -> None:
    """SPEC 8.5: the role that owns the tables has no right to change the history, and can do all else."""
    with closing(PostgresStore(owner, schema=schema)) as store:
        fill(store)
        with store.transaction(write=True) as tx:
            tx.history.append(lines_after(EMPTY, {}))
            tx.clients.replace([Client(personal_id="c1", last_name="Other")])
        with (
            psycopg.connect(owner, options=f"-c search_path={schema}") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)
        with store.transaction() as tx:
            assert list(verify(tx.history, tx.history.head())) == []


def test_a_role_that_may_only_read(dsn: str, owner: str, schema: str) -> None:
    """SPEC 10.1: who may only read can read the store; a write is refused, and says why."""
    with closing(PostgresStore(dsn, schema=schema)) as store, psycopg.connect(dsn, autocommit=True) as connection:
        fill(store)
        for grant in ("USAGE ON SCHEMA {}", "SELECT ON ALL TABLES IN SCHEMA {}"):
            connection.execute(sql.SQL(f"GRANT {grant} TO {{}}").format(*[sql.Identifier(schema)] * 2))
    with closing(PostgresStore(owner, schema=schema)) as store:
        assert client_ids(store) == ["c1", "c2"]
        with pytest.raises(StorageError, match="may not"):
            add_client(store, "n1")


# Texts, and errors


@pytest.mark.parametrize("key", ["n1\0n2", "\ud83d"], ids=["NUL", "half a character"])
def test_text_that_cannot_be_stored(store: PostgresStore, key: str) -> None:
    """SPEC 10.1: an id with NUL or half a character is refused, nothing of the call stays, and the block goes on."""
    with store.transaction(write=True) as tx:
        with pytest.raises(StorageError):
            tx.imported.put("client", {"n0": "said", key: "said"})
        assert tx.imported.get("client", ["n0", key]) == {}
        assert tx.imported.get(key, ["n0"]) == {}
        assert tx.history.of_kind(key) == []
        head = tx.history.head()
        with pytest.raises(StorageError):
            tx.history.append(lines_after(head, {}, {"batch_id": "b1\0"}))
        assert (tx.history.head(), len(list(tx.history))) == (head, 1)


SECRET = "SEC" + "RET" * 2  # which stands in no line of a traceback


@pytest.mark.parametrize(
    "use",
    [
        lambda tx: tx.enrollments.add([enrollment("e2", personal_id=SECRET)]),
        lambda tx: tx.imported.put("client", {f"{SECRET}\0": SECRET}),
        lambda tx: tx.history.append(
            lines_after(EMPTY, {"change_id": "c", "reason": SECRET, "after": {"n": float("nan")}})
        ),
    ],
    ids=["reference", "text", "column"],
)
def test_errors_hold_no_values(store: PostgresStore, raw: psycopg.Connection[Any], use: Callable[..., None]) -> None:
    """SPEC 8.4: what PostgreSQL says of a value does not come out."""
    raw.execute("UPDATE change_head SET number = 0, digest = '', recorded_at = NULL")
    with pytest.raises(StorageError) as caught, store.transaction(write=True) as tx:
        use(tx)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("code", "kind", "problem"),
    [
        ("40001", ConflictError, "try again"),
        ("40P01", ConflictError, "try again"),
        ("55P03", ConflictError, "try again"),
        ("23505", ConflictError, "try again"),
        ("40003", StorageError, "lost"),
        ("25P03", StorageError, "longer"),
        ("25P04", StorageError, "longer"),
        ("23514", StorageError, "column"),
        ("57P01", StorageError, "lost"),
        ("57014", StorageError, "cancelled"),
        ("25006", StorageError, "only be read"),
        ("53100", StorageError, "no room"),
        ("28P01", StorageError, "login"),
        ("XX001", DamagedStoreError, "backup"),
        ("42601", StorageError, "PostgreSQL failed"),
    ],
)
def test_what_the_server_says_has_a_meaning(code: str, kind: type[StorageError], problem: str) -> None:
    """SPEC 10.1, 10.4: only the library's errors come out, and those that are worth another attempt are conflicts."""
    with pytest.raises(kind, match=problem) as caught, translated():
        raise psycopg.errors.lookup(code)("SECRET")
    assert (type(caught.value), "SECRET" in str(caught.value)) == (kind, False)


def test_an_iteration_ends_with_the_call_that_began_it(store: PostgresStore) -> None:
    """SPEC 10.1: where a call fails, an iteration that began in it ends too, and the block goes on."""
    more = [f"d{number:04}" for number in range(6_000)]
    with store.transaction(write=True) as tx:
        tx.clients.add(Client(personal_id=key) for key in more)
        kept, drained = iter(tx.clients), iter(tx.clients)
        next(drained)
        assert next(kept).personal_id == "c1"
        lost: list[Iterator[Client]] = []

        def failing() -> Iterator[Client]:
            list(drained)
            lost.append(iter(tx.clients))
            next(lost[0])
            yield Client(personal_id="n1")
            raise UndoError

        with pytest.raises(UndoError):
            tx.clients.add(failing())
        assert [client.personal_id for client in kept] == ["c2", *more]
        with pytest.raises(StorageError, match="failed"):
            list(lost[0])
        tx.clients.add([Client(personal_id="n2")])
    assert client_ids(store) == ["c1", "c2", *more, "n2"]
