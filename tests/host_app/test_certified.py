"""The store of the host application is a store: the kit certifies it, on both engines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from host_app.ground import HOST, Ground, environment

# Of the four, these two show most: the others are there for whoever changes the store.
SLOW = [("sqlite", "open_joined"), ("postgres", "open_store")]
LONG = [("sqlite", "open_store"), ("postgres", "open_joined")]


@pytest.mark.parametrize(
    ("engine", "factory"),
    [
        *(pytest.param(*each, marks=pytest.mark.slow) for each in SLOW),
        *(pytest.param(*each, marks=pytest.mark.long) for each in LONG),
    ],
)
def test_the_store_is_certified(grounds: Callable[[Any], Ground], engine: str, factory: str) -> None:
    """SPEC 10.3: alone, and in a transaction that the host has open, it passes every check, and none is skipped."""
    command = [sys.executable, "-m", "caseassign", "check-store", f"certify:{factory}"]
    with grounds(engine).empty() as name:
        told = subprocess.run(command, cwd=HOST, env=environment(name), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    first, second, *_ = told.stdout.splitlines()
    assert first.endswith(": certified")
    assert second.endswith(" passed, 0 failed, 0 skipped")
