"""What tests/faults/migrate.py finds: nothing in the library's migrations, and every fault that is planted."""

from __future__ import annotations

import pytest
from test_faults_kill import run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "kills", "every"),
    [
        ("sqlite3", "5", "400"),
        pytest.param("sqlite3-wal", "50", "10", marks=pytest.mark.long),
        pytest.param("apsw-wal", "50", "10", marks=pytest.mark.long),
    ],
)
def test_a_migration_is_done_or_not_done(engine: str, kills: str, every: str) -> None:
    """SPEC 10.4: a migration that is killed, or meets a disk that fails, is done whole or not at all, beside a copy."""
    status, report = run("migrate.py", "--engine", engine, "--kills", kills, "--every", every)
    assert status == 0, report
    assert " 0 times something was lost" in report


@pytest.mark.long
@pytest.mark.parametrize(
    ("broken", "problem"), [("piecemeal", "cannot be used"), ("no-copy", "no whole copy of what it was")]
)
def test_a_migration_that_is_no_transaction_is_found_out(broken: str, problem: str) -> None:
    """SPEC 10.4: a migration in pieces, and one without a copy, are found."""
    status, report = run("migrate.py", "--kills", "40", "--every", "20", "--broken", broken)
    assert status == 1, report
    assert problem in report
