"""The kit can fail: each broken store is caught by the check that is named for it, in each of the three forms."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from broken_in_corners import CORNERS, UNHARMED
from broken_stores import BROKEN, BrokenStore, Hangs, KeepsOldValues, KeepsWhatFailed, RemembersUndone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from caseassign.testing import CHECKS, CheckFailedError, check_store, name_of, sentence_of
from caseassign.testing.machine import store_machine
from caseassign.testing.run import Candidate, run

pytestmark = pytest.mark.slow

ALL = (*BROKEN, *CORNERS)
BY_NAME = {name_of(check): check for check in CHECKS}
QUICK = [check for check in CHECKS[:-1] if not check.__module__.endswith(("races", "side_by_side", "durability"))]

HARD_TO_FIND = {KeepsOldValues, KeepsWhatFailed, RemembersUndone}
"""Stores for which the machine, which tries steps at random, takes a while."""

RACING = {name for name, check in BY_NAME.items() if check.__module__.endswith("races")}
"""Checks that catch a store by timing: on a crowded machine a race may be lost now and then."""

SUITES = """
import pytest
from broken_in_corners import CORNERS
from broken_stores import BROKEN
from caseassign.testing.suite import StoreSuite

def suite(number, broken):
    @pytest.fixture
    def open_store(self, tmp_path):
        return broken.opener(tmp_path)
    return type(f"TestBroken{number}", (StoreSuite,), {"open_store": open_store, "limit": 20.0})

for number, broken in enumerate((*BROKEN, *CORNERS)):
    globals()[f"TestBroken{number}"] = suite(number, broken)
"""


def named(broken: BrokenStore) -> str:
    """Return what a broken store is called in the names of tests."""
    return f"{broken.kind.__name__}-{broken.check}"


def test_every_check_has_a_store_that_it_catches() -> None:
    """SPEC 10.3: no check is there that was never seen to fail, and more than twenty stores are broken."""
    assert {broken.check for broken in ALL} == set(BY_NAME)
    assert len({broken.kind for broken in BROKEN}) > 20


@pytest.mark.parametrize("broken", ALL, ids=named)
def test_a_broken_store_is_caught(broken: BrokenStore, tmp_path: Path) -> None:
    """SPEC 10.3: the check that is named for what is wrong with a store fails, and says what it expected."""
    for attempt in range(5 if broken.check in RACING else 1):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        result = run(BY_NAME[broken.check], Candidate.of(broken.opener(folder)), limit=60)
        if result.outcome == "failed":
            break
    assert result.outcome == "failed"
    assert result.why
    assert "did not come to an end" not in result.why


@pytest.mark.parametrize("good", UNHARMED, ids=named)
def test_what_the_contract_allows_is_not_caught(good: BrokenStore, tmp_path: Path) -> None:
    """SPEC 10.3: a check refuses what the contract forbids, and not what it leaves to the store."""
    assert run(BY_NAME[good.check], Candidate.of(good.opener(tmp_path)), limit=60).why is None


@pytest.mark.parametrize("broken", [each for each in BROKEN if BY_NAME[each.check] in QUICK], ids=named)
@pytest.mark.long
def test_a_broken_store_passes_most_checks(broken: BrokenStore, tmp_path: Path) -> None:
    """SPEC 10.3: what is wrong with a store shows where it is, and not everywhere."""
    candidate = Candidate.of(broken.opener(tmp_path))
    failed = [check for check in QUICK if run(check, candidate, limit=20).outcome == "failed"]
    assert len(failed) <= 9, [name_of(check) for check in failed]


@pytest.mark.parametrize("number", [0, 4])
def test_a_broken_store_is_not_certified(number: int, tmp_path: Path) -> None:
    """SPEC 10.3: the report on a broken store names the check, goes on to the end, and does not certify."""
    broken = BROKEN[number]
    report = check_store(broken.opener(tmp_path))
    assert broken.check in report.failures
    assert not report.certified
    assert len(report.results) == len(CHECKS)


def test_broken_stores_fail_as_tests(tmp_path: Path) -> None:
    """SPEC 10.3: as tests of pytest, the checks catch the same stores, and show the sentence of the contract."""
    file = tmp_path / "test_broken.py"
    file.write_text(SUITES)
    sure = [(number, broken) for number, broken in enumerate(ALL) if broken.check not in RACING]
    tests = [f"{file}::TestBroken{number}::test_store[{broken.check}]" for number, broken in sure]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-n", "0", *tests],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(rf"^{len(sure)} failed in", ran.stdout, re.MULTILINE), ran.stdout
    assert all(sentence_of(BY_NAME[broken.check]) in ran.stdout for _, broken in sure)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(broken, marks=pytest.mark.long) if broken.kind in HARD_TO_FIND else broken
        for broken in BROKEN
        if broken.in_machine
    ],
    ids=named,
)
def test_the_machine_catches_a_broken_store(broken: BrokenStore, tmp_path: Path) -> None:
    """SPEC 10.3: side by side with the store in memory, a store that answers wrongly is found out by any steps."""
    how = settings(
        max_examples=150,
        stateful_step_count=20,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(CheckFailedError):
        run_state_machine_as_test(store_machine(broken.opener(tmp_path)), settings=how)


def test_a_store_that_hangs_is_caught() -> None:
    """SPEC 10.3: a check that does not come to an end fails, and those after it run on the store opened once more."""
    candidate = Candidate.of(Hangs)
    hung = run(BY_NAME["lines-are-found"], candidate, limit=0.3)
    assert hung.why == "it did not come to an end within 0.3 seconds"
    assert run(BY_NAME["lines-come-back-equal"], candidate, limit=20).outcome == "passed"
