"""The store of the host application is a store: the kit certifies it, on both engines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from host_app.ground import HOST, Ground, environment


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("factory", ["open_store", "open_joined"])
def test_the_store_is_certified(grounds: Callable[[Any], Ground], engine: str, factory: str) -> None:
    """SPEC 10.3: alone, and in a transaction that the host has open, it passes every check, and none is skipped."""
    command = [sys.executable, "-m", "caseassign", "check-store", f"certify:{factory}"]
    with grounds(engine).empty() as name:
        told = subprocess.run(command, cwd=HOST, env=environment(name), capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    first, second, *_ = told.stdout.splitlines()
    assert first.endswith(": certified")
    assert second.endswith(" passed, 0 failed, 0 skipped")
