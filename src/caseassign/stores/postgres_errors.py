"""PostgreSQL's failures in the library's own words: a kind and a sentence, and never a value that was being written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from caseassign.errors import ConflictError, DamagedStoreError, StorageError

_CONFLICT: Final = ConflictError, "another transaction was in the way: try again"
_DAMAGED: Final = DamagedStoreError, "the database is damaged: keep it as it is, and restore a backup"
_LOST: Final = StorageError, "the server cannot be reached, or the connection to it was lost"
_UNFIT: Final = StorageError, "a value is not what its column can hold"

# By SQLSTATE, or by its class, which is its first two characters.
_MEANINGS: Final[dict[str, tuple[type[StorageError], str]]] = {
    "40": _CONFLICT,
    "40003": _LOST,  # of servers that share one database: whether it was committed is not known
    "23505": _CONFLICT,  # an id that was not there when it was looked for
    "55P03": (ConflictError, "another transaction is writing: try again"),
    "23503": (StorageError, "a record refers to another one that is not in the store"),
    "22": _UNFIT,
    "23": _UNFIT,
    "08": _LOST,
    "57": _LOST,
    "57014": (StorageError, "a statement was cancelled, or took longer than the server allows"),
    "28": (StorageError, "the server refuses the login"),
    "3D": (StorageError, "the server has no such database"),
    "25006": (StorageError, "the database may only be read"),
    "0A": (StorageError, "the server cannot do this: perhaps it is a replica, which can only be read"),
    "25P03": (StorageError, "the transaction was open for longer than the server allows"),
    "25P04": (StorageError, "the transaction was open for longer than the server allows"),
    "3B": (StorageError, "the transaction of this connection was ended inside a block"),
    "25P02": (StorageError, "the transaction of this connection has failed already: roll it back first"),
    "42501": (StorageError, "the role that is logged in may not do this in the schema of the store"),
    "3F": (StorageError, "the schema of the store is not there any more"),
    "42P01": (StorageError, "the tables of the store are not there any more"),
    "53": (StorageError, "the server has no room left: on the disk, in memory, or for connections"),
    "54": (StorageError, "an id is longer than PostgreSQL can index"),
    "58": (StorageError, "the disk, or the file system, of the server failed"),
    "XX": _DAMAGED,
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise a `StorageError` for whatever psycopg raises inside the block."""
    try:
        yield
    except psycopg.Error as error:
        raise _meaning(error) from None
    except UnicodeError:
        raise StorageError("a text holds half a character (a lone surrogate), which cannot be stored") from None


def _meaning(error: psycopg.Error) -> StorageError:
    code = error.sqlstate or ""
    kind, problem = _MEANINGS.get(code) or _MEANINGS.get(code[:2]) or _without_code(error)
    return kind(problem)


def _without_code(error: psycopg.Error) -> tuple[type[StorageError], str]:
    """Return what an error means that did not come from the server, or that is none of those that are known."""
    match error:
        case psycopg.OperationalError():
            return _LOST
        case psycopg.DataError():
            return _UNFIT
        case _:
            return StorageError, "PostgreSQL failed"
