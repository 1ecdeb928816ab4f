"""The tables in PostgreSQL of what stands beside the records: the history, what imports said, and personal texts.

They stand among the other tables of a store, or, without those, in a schema beside the tables of a host.
"""

from __future__ import annotations

from typing import Final

from caseassign.stores.sql import Steps

VERSION: Final = (
    'CREATE TABLE "{schema}".caseassign_version (version integer NOT NULL)',
    'INSERT INTO "{schema}".caseassign_version VALUES (0)',
)
"""What marks a schema of PostgreSQL as ours."""

HISTORY: Final = (
    """
    CREATE TABLE "{schema}".change (
        number bigint PRIMARY KEY,
        change_id text COLLATE "C" NOT NULL UNIQUE,
        recorded_at text NOT NULL,
        user_id text,
        action text NOT NULL,
        kind text COLLATE "C" NOT NULL,
        record_id text COLLATE "C" NOT NULL,
        before text CHECK (before IS NULL OR before::json IS NOT NULL),
        after text CHECK (after IS NULL OR after::json IS NOT NULL),
        reason text,
        batch_id text COLLATE "C" NOT NULL,
        digest text NOT NULL
    )
    """,
    'CREATE INDEX change_by_record ON "{schema}".change (kind, record_id)',
    'CREATE INDEX change_by_batch ON "{schema}".change (batch_id)',
    """
    CREATE FUNCTION "{schema}".history_can_only_be_appended() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE restrict_violation USING MESSAGE = 'history can only be appended'; END $$
    """,
    """
    CREATE TRIGGER change_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON "{schema}".change
    FOR EACH STATEMENT EXECUTE FUNCTION "{schema}".history_can_only_be_appended()
    """,
    # Also where somebody has switched triggers off for their session.
    'ALTER TABLE "{schema}".change ENABLE ALWAYS TRIGGER change_is_never_changed',
    # The owner of a table may do everything with it, but what it has taken from itself.
    'REVOKE UPDATE, DELETE, TRUNCATE ON "{schema}".change FROM PUBLIC, CURRENT_USER',
    """
    CREATE TABLE "{schema}".change_head (
        chain text PRIMARY KEY CHECK (chain = 'history'),
        number bigint NOT NULL,
        digest text NOT NULL,
        recorded_at text
    )
    """,
    """INSERT INTO "{schema}".change_head VALUES ('history', 0, '', NULL)""",
    """
    CREATE TABLE "{schema}".imported (
        kind text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        said text NOT NULL,
        PRIMARY KEY (kind, id)
    )
    """,
)
"""What version 1 of a store has in the ``{schema}`` of PostgreSQL."""

PERSONAL: Final = ("""CREATE TABLE "{schema}".personal (imprint text COLLATE "C" PRIMARY KEY, text text NOT NULL)""",)
"""What version 2 added."""

BESIDE_STEPS: Final[Steps] = ((*VERSION, *HISTORY, *PERSONAL),)
"""The steps of the tables beside those of a host."""
