"""The tables in SQLite of what stands beside the records: the history, what imports said, and personal texts.

They stand among the other tables of a store, or, without those, beside the tables of a host.
"""

from __future__ import annotations

from typing import Final

from caseassign.stores.sql import Steps

PREFIX: Final = "caseassign_"
"""What the names of the tables begin with in a SQLite file of the host."""

HISTORY: Final = (
    """
    CREATE TABLE "{prefix}change" (
        number INTEGER PRIMARY KEY,
        change_id TEXT NOT NULL UNIQUE CHECK (instr(change_id, char(0)) = 0),
        recorded_at TEXT NOT NULL,
        user_id TEXT,
        "action" TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (instr(kind, char(0)) = 0),
        record_id TEXT NOT NULL CHECK (instr(record_id, char(0)) = 0),
        "before" TEXT,
        "after" TEXT,
        reason TEXT,
        batch_id TEXT NOT NULL CHECK (instr(batch_id, char(0)) = 0),
        digest TEXT NOT NULL
    ) STRICT
    """,
    'CREATE INDEX {prefix}change_by_record ON "{prefix}change" (kind, record_id)',
    'CREATE INDEX {prefix}change_by_batch ON "{prefix}change" (batch_id)',
    """
    CREATE TRIGGER {prefix}change_is_never_changed BEFORE UPDATE ON "{prefix}change"
    BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END
    """,
    """
    CREATE TRIGGER {prefix}change_is_never_removed BEFORE DELETE ON "{prefix}change"
    BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END
    """,
    # INSERT OR REPLACE removes rows without a DELETE trigger, on a connection without recursive triggers.
    """
    CREATE TRIGGER {prefix}change_is_never_replaced BEFORE INSERT ON "{prefix}change"
    WHEN EXISTS (SELECT 1 FROM "{prefix}change" WHERE number = NEW.number OR change_id = NEW.change_id)
    BEGIN SELECT RAISE(ABORT, 'history can only be appended'); END
    """,
    """
    CREATE TABLE {prefix}change_head (
        chain TEXT NOT NULL PRIMARY KEY CHECK (chain = 'history'),
        number INTEGER NOT NULL,
        digest TEXT NOT NULL,
        recorded_at TEXT
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO {prefix}change_head VALUES ('history', 0, '', NULL)",
    """
    CREATE TABLE {prefix}imported (
        kind TEXT NOT NULL CHECK (instr(kind, char(0)) = 0),
        id TEXT NOT NULL CHECK (instr(id, char(0)) = 0),
        said TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID
    """,
)
"""What version 1 of a store has in SQLite; the name of each thing follows ``{prefix}``."""

PERSONAL: Final = (
    """
    CREATE TABLE {prefix}personal (
        imprint TEXT NOT NULL PRIMARY KEY CHECK (instr(imprint, char(0)) = 0),
        "text" TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
"""What version 2 added."""

BESIDE_STEPS: Final[Steps] = (
    tuple(
        statement.format(prefix=PREFIX)
        for statement in (
            "CREATE TABLE {prefix}version (version INTEGER NOT NULL) STRICT",
            "INSERT INTO {prefix}version VALUES (0)",
            *HISTORY,
            *PERSONAL,
        )
    ),
)
"""The steps of the tables beside those of a host."""
