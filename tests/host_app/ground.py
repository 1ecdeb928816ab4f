"""Where the sample host application runs: databases with the demonstration, a new one for each test; and servers.

A database is filled once, by the command that fills it for people, and then copied.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias
from uuid import uuid4

import psycopg
from postgres_server import database
from psycopg.conninfo import conninfo_to_dict, make_conninfo

HOST = Path(__file__).parents[2] / "docs" / "examples" / "host_app"
TESTS = Path(__file__).parents[1]
SECONDS_TO_START = 60

Engine: TypeAlias = Literal["sqlite", "postgres"]


def environment(name: str) -> dict[str, str]:
    """Return the environment for a process of the application on a database."""
    own = {"AGENCY_DATABASE": name, "DJANGO_SETTINGS_MODULE": "host_app.settings", "PYTHONPATH": str(TESTS)}
    return {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"}


def fill(name: str) -> None:
    """Fill a database as the command does that people use."""
    command = [sys.executable, "manage.py", "demo", "--only-fill"]
    subprocess.run(command, cwd=HOST, env=environment(name), check=True, capture_output=True)


class Ground(Protocol):
    """Lends databases, as what AGENCY_DATABASE says."""

    def empty(self) -> AbstractContextManager[str]:
        """Lend a database without any tables."""

    def filled(self) -> AbstractContextManager[str]:
        """Lend a database with the demonstration in it."""

    def refill(self, name: str) -> None:
        """Put a database that was lent back to how it was, under a server that has it open."""


class OnSQLite:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend a file that is not there yet."""
        yield str(self._folder / f"{uuid4().hex}.sqlite3")

    @contextmanager
    def filled(self) -> Iterator[str]:
        """Lend a copy of the file that is filled."""
        if not self._template.exists():
            fill(str(self._template))
        with self.empty() as name:
            self.refill(name)
            yield name

    def refill(self, name: str) -> None:
        """Put a copy of the filled file in its place, at once."""
        copy = shutil.copy(self._template, f"{name}-new")
        Path(copy).replace(name)


class OnPostgres:
    """Databases of a server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._template: str | None = None

    @contextmanager
    def empty(self, template: str = "template0") -> Iterator[str]:
        """Lend a new database, which goes afterwards."""
        name = f"agency_{uuid4().hex}"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield make_conninfo(self._dsn, dbname=name)
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @contextmanager
    def filled(self) -> Iterator[str]:
        """Lend a copy of the database that is filled, and goes with the server."""
        if self._template is None:
            name = f"agency_{uuid4().hex}"
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            fill(make_conninfo(self._dsn, dbname=name))
            self._template = name
        with self.empty(self._template) as copy:
            yield copy

    def refill(self, name: str) -> None:
        """Drop the database, and copy the filled one under its name."""
        again = conninfo_to_dict(name)["dbname"]
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {again} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {again} TEMPLATE {self._template}".encode())


@contextmanager
def ground_on(engine: Engine, folder: Path) -> Iterator[Ground]:
    """Open what lends databases of an engine."""
    if engine == "sqlite":
        yield OnSQLite(folder)
        return
    with database() as dsn:
        yield OnPostgres(dsn)


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(name: str, log: Path) -> Iterator[str]:
    """Serve the application on a database, as the command does that people use; return where."""
    port = free_port()
    command = [sys.executable, "manage.py", "demo", f"127.0.0.1:{port}"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=HOST, env=environment(name), stdout=output, stderr=output)
    try:
        for _ in range(SECONDS_TO_START * 20):
            with socket.socket() as knocking:
                if knocking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
