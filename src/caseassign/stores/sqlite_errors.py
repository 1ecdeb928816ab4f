"""SQLite's failures in the library's own words: a kind and a sentence, and never a value that was being written."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from typing import Final

from caseassign.errors import ConflictError, DamagedStoreError, StorageError

_BUSY: Final = ConflictError, "another process is writing: try again"
_DAMAGED: Final = DamagedStoreError, "the file is damaged or no SQLite database: keep it as it is, and restore a backup"

_MEANINGS: Final[dict[int, tuple[type[StorageError], str]]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: (StorageError, "the disk is full"),
    sqlite3.SQLITE_IOERR: (StorageError, "the disk, or the file system, failed"),
    sqlite3.SQLITE_READONLY: (StorageError, "the file, or its folder, may only be read"),
    sqlite3.SQLITE_CANTOPEN: (StorageError, "the file cannot be opened: is it a file, and may it be read?"),
    sqlite3.SQLITE_CONSTRAINT: (StorageError, "a value is not what its column can hold"),
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: (StorageError, "a record refers to another one that is not in the store"),
}


class _Translated:
    """What `translated` returns: a class, as every statement of a store passes here."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _meaning(error) from None
        if isinstance(error, UnicodeDecodeError):  # SQLite complains, in garbled words of the file's
            kind, problem = _DAMAGED
            raise kind(problem) from None
        if isinstance(error, UnicodeError):
            raise StorageError("a text holds half a character (a lone surrogate), which cannot be stored") from None
        if isinstance(error, OSError):
            raise StorageError(f"the file system refused: {error.strerror}") from None


_TRANSLATED: Final = _Translated()


def translated() -> AbstractContextManager[None]:
    """Raise a `StorageError` for whatever SQLite, or the file system, raises inside the block."""
    return _TRANSLATED


def _meaning(error: sqlite3.Error) -> StorageError:
    # A text of the file that is no UTF-8 is an OperationalError without a code.
    unnumbered = sqlite3.SQLITE_CORRUPT if isinstance(error, sqlite3.OperationalError) else sqlite3.SQLITE_ERROR
    code = getattr(error, "sqlite_errorcode", unnumbered)
    kind, problem = _MEANINGS.get(code) or _MEANINGS.get(code & 0xFF) or (StorageError, "SQLite failed")
    return kind(problem)
