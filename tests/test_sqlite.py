"""What the file of a SQLite store promises: how it is opened, refused and migrated, and what it refuses itself."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from sqlite_files import WAL, add_client, client_ids, raw, small_store
from store_examples import UndoError, lines_after, stint

from caseassign import SYSTEM, Casework
from caseassign.errors import ConflictError, DamagedStoreError, StorageError, WrongStoreError
from caseassign.history import EMPTY, verify
from caseassign.model import KINDS, Client
from caseassign.storage import Transaction
from caseassign.stores.sqlite import SQLiteStore
from caseassign.stores.sqlite_schema import APPLICATION_ID, STEPS, journal_mode, open_file, set_behaviour


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be created."""
    return tmp_path / "haven.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """A store with a few records and a line of history, that waits for nobody."""
    with small_store(path) as store:
        yield store


# Opening


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_store_in_memory_is_refused(path: str) -> None:
    """SPEC 10.2: what SQLite would keep in memory is refused, with a hint at the store for that."""
    with pytest.raises(StorageError, match=r"MemoryStore\(\)"):
        SQLiteStore(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """SPEC 10.4: a path in a folder that is not there is refused, and says which."""
    with pytest.raises(StorageError, match=r"folder .*no is not there"):
        SQLiteStore(tmp_path / "no" / "haven.sqlite")


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """SPEC 10.4: a folder in place of a file is refused."""
    with pytest.raises(StorageError, match="cannot be opened"):
        SQLiteStore(tmp_path)


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_a_new_file_is_marked_as_ours(path: Path, there: bool) -> None:
    """SPEC 10.4: a file that is new or empty becomes a store, with our application id and the schema version."""
    if there:
        path.touch()
    SQLiteStore(path).close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


def test_what_was_written_is_there_after_reopening(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.2: a store that is opened again holds what it held."""
    store.close()
    with closing(SQLiteStore(str(path))) as reopened, reopened.transaction() as tx:
        assert tx.assignments.get(["a1"]) == {"a1": stint("a1")}
        assert tx.history.head() == lines_after(EMPTY, {})[0].head


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.2: a store stays the same file when the process goes to another folder."""
    monkeypatch.chdir(tmp_path)
    with closing(SQLiteStore("haven.sqlite")) as store:
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        with pytest.raises(UndoError), store.transaction():
            raise UndoError
        add_client(store, "n1")
        assert not list((tmp_path / "other").iterdir())
        assert client_ids(store) == ["n1"]


def test_an_analyst_finds_fields_as_columns(path: Path) -> None:
    """SPEC 10.4: each kind of record is a table, and its fields are the columns, in the same order."""
    SQLiteStore(path).close()
    with raw(path) as connection:
        for kind, record in KINDS.items():
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({kind})")]
            assert columns == [field.name for field in attrs.fields(record)]


@pytest.mark.parametrize(
    "statements",
    [
        ("CREATE TABLE note (text)",),
        ("CREATE TABLE note (text)", "PRAGMA application_id = 1196444487"),
        ("PRAGMA application_id = 1196444487",),
        ("PRAGMA user_version = 7",),
        ("CREATE TABLE note (text)", "PRAGMA journal_mode = WAL"),
    ],
    ids=["unmarked", "another's", "marked only", "version only", "write-ahead"],
)
def test_a_file_of_another_application_is_refused(path: Path, statements: tuple[str, ...]) -> None:
    """SPEC 10.4: a SQLite file that is not ours is refused and left as it is, byte for byte."""
    with raw(path) as connection:
        for statement in statements:
            connection.execute(statement)
    before = path.read_bytes()
    with pytest.raises(WrongStoreError, match="another application"):
        SQLiteStore(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_newer_file_is_refused(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a file of a newer version is refused and left as it is, byte for byte."""
    store.close()
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    before = path.read_bytes()
    with pytest.raises(WrongStoreError, match="upgrade"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_becomes_newer_is_refused(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a store whose file another process has migrated refuses to read and to write it from then on."""
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(WrongStoreError, match="upgrade"):
        add_client(store, "n1")
    with pytest.raises(WrongStoreError, match="upgrade"):
        client_ids(store)


@pytest.mark.parametrize(
    "version",
    [(3, 51, 3), (3, 52, 0), (4, 0, 0), (3, 50, 7), (3, 50, 8), (3, 44, 6), (3, 44, 9)],
)
def test_write_ahead_logs_where_they_are_safe(version: tuple[int, ...]) -> None:
    """SPEC 10.2: a version of SQLite in which write-ahead logs lose nothing uses them."""
    assert journal_mode(version) == "WAL"


@pytest.mark.parametrize(
    "version",
    [(3, 37, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 49, 9), (3, 50, 6), (3, 51, 0), (3, 51, 2)],
)
def test_rollback_journals_elsewhere(version: tuple[int, ...]) -> None:
    """SPEC 10.2: a version of SQLite in which write-ahead logs can lose data keeps a rollback journal."""
    assert journal_mode(version) == "TRUNCATE"


def test_a_sqlite_that_is_too_old() -> None:
    """SPEC 10.4: a SQLite that does not know our kind of tables is named as what is in the way."""
    with pytest.raises(StorageError, match=r"3\.37"):
        journal_mode((3, 36, 0))


def test_the_journal_is_the_safe_one(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.2: a store keeps the journal that is safe with the SQLite at hand."""
    assert store is not None
    journal = path.with_name(f"{path.name}-{'wal' if WAL else 'journal'}")
    assert journal.exists()
    assert WAL or not journal.stat().st_size


@pytest.mark.skipif(WAL, reason="this SQLite may use the write-ahead log")
def test_a_write_ahead_log_that_others_keep(path: Path) -> None:
    """SPEC 10.2: a file that another process keeps in a mode that is not safe here is refused until it lets go."""
    SQLiteStore(path).close()
    with raw(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT * FROM client").fetchall()
        with pytest.raises(ConflictError, match="mode"):
            SQLiteStore(path, timeout=0.05)
    SQLiteStore(path).close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() != ("wal",)


def test_a_connection_is_as_strict_as_can_be(path: Path) -> None:
    """SPEC 10.1: a connection enforces references, or is refused where it cannot be made to."""
    with closing(open_file(path, 1)) as connection:
        for pragma, value in [
            ("foreign_keys", 1),
            ("recursive_triggers", 1),
            ("trusted_schema", 0),
            ("synchronous", 2),
        ]:
            assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    with raw(path) as connection:
        connection.execute("BEGIN")  # inside a transaction, foreign keys cannot be switched on
        with pytest.raises(StorageError, match="foreign_keys"):
            set_behaviour(connection)


# Versions of the file


def test_an_older_file_is_migrated(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: an older file becomes the new version with all that it holds, and a copy of it stays beside it."""
    store.close()
    path.chmod(0o640)
    (path.parent / f"haven.sqlite.version-{len(STEPS)}").write_text("left from a failed attempt")
    steps = (*STEPS, ("ALTER TABLE client ADD COLUMN nickname TEXT", "UPDATE client SET nickname = first_name"))
    with closing(open_file(path, 1, steps)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
        assert connection.execute("SELECT personal_id, nickname FROM client").fetchall() == [
            ("c1", "Ada"),
            ("c2", "Ada"),
        ]
    with closing(open_file(path, 1, steps)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(steps),)
    backup = path.parent / f"haven.sqlite.version-{len(STEPS)}"
    assert backup.stat().st_mode & 0o777 == 0o640
    with closing(SQLiteStore(backup)) as old:
        assert client_ids(old) == ["c1", "c2"]


def test_a_migration_that_fails_changes_nothing(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a migration happens whole or not at all."""
    store.close()
    before = path.read_bytes()
    with pytest.raises(StorageError):
        open_file(path, 1, (*STEPS, ("ALTER TABLE client ADD COLUMN nickname TEXT", "UPDATE nothing SET no = 1")))
    assert path.read_bytes() == before
    with closing(SQLiteStore(path)) as again:
        assert client_ids(again) == ["c1", "c2"]


def test_no_migration_without_a_copy(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: where the copy cannot be made, the file is not migrated."""
    store.close()
    before = path.read_bytes()
    (path.parent / f"haven.sqlite.version-{len(STEPS)}").mkdir()
    with pytest.raises(StorageError, match="file system refused"):
        open_file(path, 1, (*STEPS, ("ALTER TABLE client ADD COLUMN nickname TEXT",)))
    assert path.read_bytes() == before


# Damage


@pytest.mark.parametrize(
    "content",
    [b"EnrollmentID,PersonalID\n1,2\n", b"\0" * 4096, b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 8192],
    ids=["text", "zeros", "cut off", "garbage"],
)
def test_what_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    """SPEC 10.4: a file that is no SQLite database is reported as damaged, and left as it is, byte for byte."""
    path.write_bytes(content)
    with pytest.raises(DamagedStoreError):
        SQLiteStore(path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_truncated_file_is_damaged(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a store that lost its end is reported as damaged, and left as it is, byte for byte."""
    store.close()
    content = path.read_bytes()[:-4096]
    path.write_bytes(content)
    with pytest.raises(DamagedStoreError, match="backup"):
        SQLiteStore(path)
    assert path.read_bytes() == content


def test_damage_inside_is_found_when_it_is_read(store: SQLiteStore, path: Path) -> None:
    """SPEC 10.4: a page that is damaged is reported when it is read, by readers and writers, and left as it is."""
    with store.transaction(write=True) as tx:
        tx.clients.add(Client(personal_id=f"n{number:04}", last_name="x" * 50) for number in range(2000))
    store.close()
    content = bytearray(path.read_bytes())
    with raw(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'client'").fetchone()
    content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with closing(SQLiteStore(path)) as damaged:
        with pytest.raises(DamagedStoreError):
            client_ids(damaged)
        with pytest.raises(DamagedStoreError):
            add_client(damaged, "n1")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("UPDATE user SET permissions = 'none'", lambda tx: tx.users.get(["kim"])),
        ("UPDATE user SET permissions = '7'", lambda tx: list(tx.users)),
        ("UPDATE project SET project_type = 77", lambda tx: list(tx.projects)),
        ("UPDATE client SET first_name = CAST(x'5345435245540aff' AS TEXT)", lambda tx: tx.clients.get(["c1"])),
        ("DELETE FROM change_head", lambda tx: tx.history.head()),
        ("DELETE FROM change_head", lambda tx: tx.history.append(lines_after(EMPTY, {}))),
    ],
    ids=["no JSON", "no set", "no project type", "no text", "no head", "no head to append to"],
)
def test_rows_that_are_no_records(store: SQLiteStore, path: Path, damage: str, read: Callable[..., object]) -> None:
    """SPEC 10.4, 8.4: a row that no record can be is reported as damage, without what stands in it."""
    with raw(path) as connection:
        connection.execute(damage)
    with pytest.raises(DamagedStoreError) as caught, store.transaction(write=True) as tx:
        read(tx)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def verified(tx: Transaction) -> object:
    """Read the whole history."""
    return list(verify(tx.history, tx.history.head()))


def since_eleven(tx: Transaction) -> object:
    """Read what was recorded after a moment."""
    return list(tx.history.after(datetime(2026, 3, 2, 11, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        ("recorded_at = 'SECRET'", verified),
        ("recorded_at = 'SECRET'", since_eleven),
        ("recorded_at = '2026-03-02T12:00:00'", since_eleven),
        ("\"after\" = 'SECRET'", verified),
        ("\"after\" = 'SECRET'", since_eleven),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    store: SQLiteStore, path: Path, damage: str, read: Callable[[Transaction], object]
) -> None:
    """SPEC 8.5, 10.4, 8.4: damage to a line of history is reported with its number, and without what stands in it."""
    with store.transaction(write=True) as tx:
        tx.history.append(lines_after(tx.history.head(), {}, {}))
    with raw(path) as connection:
        connection.execute("DROP TRIGGER change_is_never_changed")
        connection.execute(f"UPDATE change SET {damage} WHERE number = 2")  # noqa: S608  # of this test
    with pytest.raises(DamagedStoreError, match="number 2") as caught, store.transaction() as tx:
        read(tx)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


# What the file itself refuses


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enrollment SET entry_date = '2026-02-30'",
        "UPDATE enrollment SET exit_date = '2026-2-3'",
        "UPDATE enrollment SET exit_date = '2026-03-02 12:00'",
        "UPDATE enrollment SET entry_date = NULL",
        "UPDATE enrollment SET deleted = 2",
        "UPDATE enrollment SET household_id = char(104, 0, 49)",
        "UPDATE assignment SET end_date = '2026-01-09'",
        "UPDATE assignment SET end_date = '2026-02-29'",
        "UPDATE assignment SET voided = 'no'",
        "UPDATE user SET left_on = '2026-04-31'",
        "UPDATE project SET operating_end_date = 'never'",
        "INSERT INTO client (personal_id) VALUES (NULL)",
        "INSERT INTO change_head VALUES ('another', 1, '', NULL)",
        "UPDATE enrollment SET personal_id = 'no'",
        "DELETE FROM client",
    ],
)
def test_the_file_refuses_what_no_record_can_be(store: SQLiteStore, path: Path, statement: str) -> None:
    """SPEC 3.3, 3.4: any program that writes to the file is kept from days that are none and references to nothing."""
    assert store is not None
    with raw(path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change SET reason = 'other'",
        "UPDATE OR REPLACE change SET number = 2",
        "DELETE FROM change",
        "INSERT OR REPLACE INTO change SELECT * FROM change",
        "REPLACE INTO change SELECT 1, 'other', '', NULL, '', '', '', NULL, NULL, NULL, '', ''",
        "REPLACE INTO change SELECT 2, 'change-1', '', NULL, '', '', '', NULL, NULL, NULL, '', ''",
    ],
)
def test_history_cannot_be_rewritten(store: SQLiteStore, path: Path, statement: str, recursive_triggers: str) -> None:
    """SPEC 8.5: any program that opens the file is refused to change, remove or replace a line of history."""
    with raw(path) as connection:
        connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
        with pytest.raises(sqlite3.IntegrityError, match="appended"):
            connection.execute(statement)
    with store.transaction() as tx:
        assert list(tx.history) == lines_after(EMPTY, {})


@pytest.mark.parametrize("what", ["TABLE personal", "TRIGGER change_is_never_removed", "INDEX change_by_batch"])
def test_a_file_that_lacks_something_does_not_open(store: SQLiteStore, path: Path, what: str) -> None:
    """SPEC 8.5, 10.4: without its tables it is damaged, and without its triggers history could be rewritten."""
    store.close()
    with raw(path) as connection:
        connection.execute(f"DROP {what}")
    before = path.read_bytes()
    with pytest.raises(DamagedStoreError, match=what.rpartition(" ")[2]):
        SQLiteStore(path)
    assert path.read_bytes() == before


def breaks(store: SQLiteStore) -> int:
    """How many places of the history are not as they were written; a line that cannot be read is one."""
    try:
        return len(Casework(store, user=SYSTEM).verify_history())
    except DamagedStoreError:
        return 1


@pytest.mark.parametrize("after", ["[1]", "5", '{"first_name": 5}'])
def test_a_line_of_another_shape_is_damage_or_a_break(store: SQLiteStore, path: Path, after: str) -> None:
    """SPEC 8.5, 10.4: whoever wrote something else into a line is found out, and never by an error of Python."""
    Casework(store, user=SYSTEM).add(Client(personal_id="c9", first_name="Ida"))
    with raw(path) as connection:
        connection.execute("DROP TRIGGER change_is_never_changed")
        connection.execute("UPDATE change SET after = ? WHERE record_id = 'c9'", (after,))
    assert breaks(store) == 1


def test_a_missing_end_of_history_is_found(store: SQLiteStore, path: Path) -> None:
    """SPEC 8.5: the head stands apart from the lines, so that lines missing at the end are found out."""
    with store.transaction(write=True) as tx:
        tx.history.append(lines_after(tx.history.head(), {}))
    with raw(path) as connection:
        connection.execute("DROP TRIGGER change_is_never_removed")
        connection.execute("DELETE FROM change WHERE number = 2")
    with store.transaction() as tx:
        assert tx.history.head().number == 2
        assert [broken.number for broken in verify(tx.history, tx.history.head())] == [1]


@pytest.mark.parametrize("key", ["n1\0n2", "\ud83d"], ids=["NUL", "half a character"])
def test_text_that_cannot_be_stored(store: SQLiteStore, key: str) -> None:
    """SPEC 10.1: an id with NUL or half a character is refused, nothing of the call stays, and the block goes on."""
    with store.transaction(write=True) as tx:
        with pytest.raises(StorageError):
            tx.imported.put("client", {"n0": "said", key: "said"})
        assert tx.imported.get("client", ["n0"]) == {}


def test_a_batch_id_with_nul_cannot_be_stored(store: SQLiteStore) -> None:
    """SPEC 10.1: a line of history that could not be found again is refused, and the history stays as it was."""
    with store.transaction(write=True) as tx:
        head = tx.history.head()
        with pytest.raises(StorageError, match="column"):
            tx.history.append(lines_after(head, {}, {"batch_id": "b1\0"}))
        assert (tx.history.head(), len(list(tx.history))) == (head, 1)
