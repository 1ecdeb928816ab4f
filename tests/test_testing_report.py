"""What the kit reports, what it can be told, and what it does without."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from broken_stores import Forgets
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from caseassign import Client, MemoryStore, NotFoundError, SQLiteStore, StorageError
from caseassign.cli import main
from caseassign.period import Period
from caseassign.testing import (
    CHECKS,
    CheckFailedError,
    NotCheckableError,
    Place,
    Report,
    Result,
    check_store,
    name_of,
    sentence_of,
)
from caseassign.testing import strategies as kit
from caseassign.testing.durability import _expect_whole_blocks, keep_writing, read_days, write_and_wait, write_days
from caseassign.testing.expecting import expect, refused, told
from caseassign.testing.machine import store_machine
from caseassign.testing.process import main as in_child
from caseassign.testing.process import start
from caseassign.testing.races import insist, meet_and_count, meet_and_take_roles
from caseassign.testing.run import Candidate, run
from caseassign.testing.suite import StoreSuite

BY_NAME = {name_of(check): check for check in CHECKS}
ROOT = Path(__file__).parents[1]


def result(name: str, outcome: Any = "passed", **more: Any) -> Result:
    """Return a result of a check that is made up."""
    return Result(check=name, sentence=f"What {name} says.", outcome=outcome, **more)


PASSED, FAILED = result("one"), result("two", "failed", why="expected 1, came 2")
DECLARED, NOT_RUN = result("three", "skipped", why="declared", declared=True), result("four", "skipped", why="cannot")


@pytest.mark.parametrize(
    ("results", "certified"),
    [
        ([], True),
        ([PASSED, DECLARED], True),
        ([PASSED, NOT_RUN], False),
        ([PASSED, FAILED], False),
        ([PASSED, FAILED, DECLARED], False),
    ],
)
def test_certified_means_that_all_else_passed(results: list[Result], certified: bool) -> None:
    """SPEC 10.3: a store is certified if all passed but what is declared away; nothing passes by being skipped."""
    all_passed = [result(name) for name in BY_NAME]
    assert Report(store="Haven", results=(*all_passed, *results)).certified is certified


def test_certified_means_that_every_check_ran() -> None:
    """SPEC 10.3: a report that is without one check of the kit, or without any, certifies nothing."""
    for left_out in range(len(CHECKS)):
        some = [result(name) for name in BY_NAME]
        del some[left_out]
        assert not Report(store="Haven", results=tuple(some)).certified
    assert not Report(store="Haven", results=()).certified


@pytest.mark.parametrize(
    ("declared", "headline"),
    [
        ({}, "Haven: certified"),
        ({"shared": False, "because": "one file"}, "Haven: certified, not shared"),
        ({"durable": False, "shared": False}, "Haven: certified, not durable, not shared (no reason is given)"),
    ],
)
def test_the_headline_says_what_is_declared_away(declared: dict[str, Any], headline: str) -> None:
    """SPEC 10.3: what a store is declared not to do stands beside the verdict, and so does that nobody says why."""
    report = Report(store="Haven", results=tuple(result(name) for name in BY_NAME), **declared)
    assert str(report).splitlines()[0] == headline
    said = {"durable": True, "shared": True, "because": None} | declared
    assert {name: report.to_dict()[name] for name in said} == said


def test_a_report_as_text_and_as_data() -> None:
    """SPEC 10.3: a report is a table with each check, its result and its sentence, and the same as plain data."""
    report = Report(store="HavenStore", results=(PASSED, FAILED, DECLARED, NOT_RUN))
    assert str(report).splitlines() == [
        "HavenStore: not certified",
        "1 passed, 1 failed, 2 skipped",
        "Check  Result   What must be true",
        "one    passed   What one says.",
        "two    failed   What two says.",
        "three  skipped  What three says.",
        "four   skipped  What four says.",
        "two failed: expected 1, came 2",
        "three skipped: declared",
        "four skipped: cannot",
    ]
    data = json.loads(json.dumps(report.to_dict()))
    assert (data["store"], data["certified"], data["passed"]) == ("HavenStore", False, ["one"])
    assert (data["failures"], data["skipped"]) == (["two"], {"three": "declared", "four": "cannot"})
    assert data["checks"][1] == attrs.asdict(FAILED)


@pytest.mark.parametrize(
    ("said", "declared", "durable", "shared"),
    [
        (MemoryStore, {}, False, False),
        (MemoryStore, {"durable": True}, True, True),
        (MemoryStore, {"shared": True}, False, True),
        (Forgets, {}, True, False),
        (Forgets, {"durable": False, "shared": False}, False, False),
    ],
)
def test_what_is_declared_counts_before_what_a_store_says(
    said: Any, declared: dict[str, Any], durable: bool, shared: bool
) -> None:
    """SPEC 10.3: what a store cannot do is declared by the caller, or else by the store itself."""
    candidate = Candidate.of(said, **declared)
    assert (candidate.durable, candidate.shared) == (durable, shared)
    assert (candidate.stays_open is None) is (durable or shared)
    candidate.let_go()
    candidate.place()
    assert (candidate.stays_open is None) is (durable or shared)
    candidate.close()
    assert candidate.stays_open is None


def test_the_reason_is_in_the_report() -> None:
    """SPEC 10.3: what is declared away is skipped with the reason that was given."""
    candidate = Candidate.of(Forgets, durable=False, because="it is a draft")
    opened, killed = (
        run(BY_NAME[name], candidate)
        for name in ("openings-see-one-another", "a-kill-inside-a-block-leaves-nothing-of-it")
    )
    assert (opened.outcome, opened.why, opened.declared) == ("skipped", "declared shared=False: it is a draft", True)
    assert (killed.outcome, killed.why, killed.declared) == ("skipped", "declared durable=False: it is a draft", True)


def test_a_check_that_cannot_be_run_does_not_certify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.3: where no other process can open the store, its checks are skipped, and not declared away."""
    monkeypatch.delattr(os, "fork")
    came = run(
        BY_NAME["days-do-not-depend-on-the-time-zone"], Candidate.of(lambda: SQLiteStore(tmp_path / "store.sqlite"))
    )
    assert (came.outcome, came.declared) == ("skipped", False)
    assert "import" in (came.why or "")
    assert not Report(store="SQLiteStore", results=(came,)).certified


@pytest.mark.slow
def test_the_kit_leaves_what_is_there_alone() -> None:
    """SPEC 10.3: what a store holds before the checks is there afterwards, and whoever wants is told of each result."""
    store = MemoryStore()
    with store.transaction(write=True) as tx:
        tx.clients.add([Client(personal_id="c1", first_name="Ada")])
    told_of: list[Result] = []
    report = check_store(lambda: NeverClosed(store), told_of=told_of.append, limit=30)
    assert report.failures == ("closing-ends-it",)
    assert tuple(told_of) == report.results
    with store.transaction() as tx:
        assert tx.clients.get(["c1"]) == {"c1": Client(personal_id="c1", first_name="Ada")}


class NeverClosed:
    """Passes everything on but being closed."""

    durable = False

    def __init__(self, store: MemoryStore) -> None:
        self.transaction = store.transaction

    def close(self) -> None:
        """Do nothing."""


BLOCKED = """
import sys
for name in ("pytest", "hypothesis"):
    sys.modules[name] = None
from caseassign import MemoryStore
from caseassign.testing import check_store
assert check_store(MemoryStore).certified
"""


@pytest.mark.slow
def test_check_store_needs_neither_pytest_nor_hypothesis() -> None:
    """SPEC 10.3: stores are checked where neither pytest nor hypothesis is installed."""
    subprocess.run([sys.executable, "-c", BLOCKED], check=True)


def test_only_two_modules_of_the_kit_import_what_is_optional() -> None:
    """SPEC 10.3: pytest is imported by the suite alone, hypothesis by the machine and the strategies."""
    importing = {
        path.stem: name
        for path in (ROOT / "src" / "caseassign").rglob("*.py")
        for name in ("pytest", "hypothesis")
        if f"import {name}" in path.read_text(encoding="utf-8") or f"from {name}" in path.read_text(encoding="utf-8")
    }
    assert importing == {"suite": "pytest", "machine": "hypothesis", "strategies": "hypothesis"}


def test_every_check_is_in_the_reference() -> None:
    """SPEC 10.3: the reference lists every check with its sentence, and no others."""
    page = (ROOT / "docs" / "reference" / "testing.md").read_text(encoding="utf-8").partition("## Records")[2]
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", page, re.MULTILINE))
    assert listed == {name_of(check): sentence_of(check) for check in CHECKS}


def test_a_check_is_one_sentence() -> None:
    """SPEC 10.3: each check is one sentence of the contract, and is called like none other."""
    assert len(BY_NAME) == len(CHECKS)
    assert all(re.fullmatch(r"[A-Z`][^\n]+\.", sentence_of(check)) for check in CHECKS)


# The suite of pytest


@pytest.mark.parametrize("name", ["test_store", "__init_subclass__", "__test__", "__init__", "__new__"])
def test_a_suite_cannot_replace_a_test(name: str) -> None:
    """SPEC 10.3: a suite that replaces a check, or that pytest would pass over, is refused when it is defined."""
    with pytest.raises(TypeError, match=rf"TestHaven replaces {name} \(in TestHaven\)"):
        type("TestHaven", (StoreSuite,), {name: lambda self: None})


@pytest.mark.parametrize("name", ["test_store", "__test__", "__init__", "__new__"])
def test_a_base_of_a_suite_cannot_replace_a_test(name: str) -> None:
    """SPEC 10.3: nor may any base do so, wherever it stands."""
    mixin = type("Mixin", (), {name: lambda self: None})
    haven = type("Haven", (StoreSuite,), {})
    for bases in ((mixin, StoreSuite), (StoreSuite, mixin), (mixin, haven)):
        with pytest.raises(TypeError, match=rf"TestHaven replaces {name} \(in Mixin\)"):
            type("TestHaven", bases, {})


def test_a_suite_may_have_bases_that_replace_nothing() -> None:
    """SPEC 10.3: a base that brings the fixture, and another suite, are bases like any others."""
    mixin = type("Mixin", (), {"open_store": None})
    haven: Any = type("Haven", (mixin, StoreSuite), {"limit": 1})
    assert type("TestHaven", (haven,), {}).limit == 1  # type: ignore[attr-defined]  # it is inherited


class Counted(MemoryStore):
    """A store that knows how many are open."""

    is_open: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.is_open.add(id(self))

    def close(self) -> None:
        """Close it."""
        super().close()
        self.is_open.discard(id(self))


def test_every_form_closes_what_it_opens() -> None:
    """SPEC 10.3: a store that stays open is closed in the end, by the function, also on an error, suite and machine."""
    suite: Any = type("Haven", (StoreSuite,), {})()
    suite.test_store(BY_NAME["lines-are-found"], Counted)
    assert Counted.is_open == set()
    how = settings(max_examples=2, stateful_step_count=2, database=None)
    run_state_machine_as_test(store_machine(Counted), settings=how)
    assert Counted.is_open == set()
    with pytest.raises(Enough):
        check_store(Counted, limit=30, told_of=enough)
    assert Counted.is_open == set()


def enough(_: Result) -> None:
    """Have seen enough of a report."""
    raise Enough


def test_a_suite_is_collected_whatever_its_name() -> None:
    """SPEC 10.3: a subclass of the suite is a test of pytest even if it is not called one; the suite itself is none."""
    haven: Any = type("Haven", (StoreSuite,), {})
    assert haven.__test__ is True
    assert not hasattr(StoreSuite, "__test__")


def test_a_suite_skips_what_is_declared_and_fails_what_cannot_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.3: as a test of pytest, a check that is declared away is skipped, and one that cannot run fails."""
    suite: Any = type("Haven", (StoreSuite,), {"because": "so it is"})()
    check, store = BY_NAME["processes-lose-no-update"], MemoryStore()
    with pytest.raises(pytest.skip.Exception, match="so it is"):
        suite.test_store(check, MemoryStore)
    monkeypatch.delattr(os, "fork")
    shared: Any = type("Haven", (StoreSuite,), {"shared": True})()
    with pytest.raises(pytest.fail.Exception, match="skipped"):
        shared.test_store(check, lambda: NeverClosed(store))


# The command


@pytest.mark.slow
def test_the_command_certifies(capsys: pytest.CaptureFixture[str]) -> None:
    """API: `caseassign check-store MODULE:FACTORY` prints the report, and exits with 0 if the store is certified."""
    assert main(["check-store", "caseassign:MemoryStore", "--because", "it lives in memory"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("MemoryStore: certified, not durable, not shared\n")
    assert "declared durable=False: it lives in memory" in printed


OPENERS = """
import time
from functools import partial
from caseassign import MemoryStore, SQLiteStore
an_instance = MemoryStore()
partly = partial(SQLiteStore)
def raises():
    raise RuntimeError("password=hunter2")
def nothing():
    return None
def hangs():
    time.sleep(600)
class Unsaid(MemoryStore):
    durable = None
class Said(MemoryStore):
    durable = "no"
a_dict = dict
"""

TAKES_NOTHING = "give a function or a class that takes nothing and returns a store"


@pytest.fixture
def openers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A module ``openers`` that can be imported, of which each name is returned."""
    (tmp_path / "openers.py").write_text(OPENERS)
    monkeypatch.syspath_prepend(tmp_path)
    yield partial(getattr, importlib.import_module("openers"))
    del sys.modules["openers"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("an_instance", f"what opens the store is a MemoryStore, no function: {TAKES_NOTHING}"),
        ("SQLiteStore", f"what opens the store needs arguments (path): {TAKES_NOTHING}"),
        ("partly", f"what opens the store needs arguments (path): {TAKES_NOTHING}"),
        ("raises", f"what opens the store raised RuntimeError (line 8 of openers.py): {TAKES_NOTHING}"),
        ("nothing", f"what opens the store returned a NoneType, without transaction or close: {TAKES_NOTHING}"),
        ("a_dict", f"what opens the store returned a dict, without transaction or close: {TAKES_NOTHING}"),
        ("Unsaid", "durable is declared with a NoneType: declare it with True or False"),
        ("Said", "durable is declared with a str: declare it with True or False"),
    ],
)
def test_what_opens_no_store_is_refused(
    name: str, said: str, openers: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """API: what opens no store, or declares what nobody understands, is told in a sentence that says what to do."""
    assert main(["check-store", f"openers:{name}"]) == 2
    assert capsys.readouterr().err == f"caseassign: openers:{name} cannot be checked: {said}\n"
    with pytest.raises(NotCheckableError, match=re.escape(said)):
        check_store(openers(name))


@pytest.mark.parametrize("ability", ["durable", "shared"])
def test_a_declaration_is_true_or_false(ability: str) -> None:
    """SPEC 10.3: what the caller declares is True or False too."""
    declared: Any = {ability: "no"}
    with pytest.raises(NotCheckableError, match=f"{ability} is declared with a str"):
        check_store(MemoryStore, **declared)


@pytest.mark.slow
def test_what_never_opens_the_store_fails(openers: Callable[[str], Any], capsys: pytest.CaptureFixture[str]) -> None:
    """SPEC 10.3: a store that does not open within the limit is reported on like a check that hangs."""
    assert main(["check-store", "openers:hangs", "--limit", "1"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("hangs: not certified\n0 passed, 1 failed, 0 skipped\n")
    assert "opens failed: it did not come to an end within 1 seconds" in printed
    told_of: list[Result] = []
    report = check_store(openers("hangs"), limit=0.1, told_of=told_of.append)
    assert report.failures == ("opens",)
    assert tuple(told_of) == report.results
    assert check_store(openers("hangs"), limit=0.1) == report


def test_a_store_that_hangs_while_it_is_closed_holds_up_nobody() -> None:
    """SPEC 10.3: closing a store that lasts for all checks is within the limit too."""

    class Clings(MemoryStore):
        def close(self) -> None:
            time.sleep(600)

    candidate = Candidate.of(Clings)
    began = time.monotonic()
    candidate.close(limit=0.1)
    assert time.monotonic() - began < 60


DEADLOCK = """
import sys, threading
from contextlib import contextmanager
from caseassign import MemoryStore
from caseassign.testing import check_store, name_of
from caseassign.testing import run as kit

class Waits(MemoryStore):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    @contextmanager
    def transaction(self, *, write=False):
        if not self.lock.acquire(False):
            threading.Event().wait()
        try:
            with super().transaction(write=write) as tx:
                yield tx
        finally:
            self.lock.release()

kit.CHECKS = [check for check in kit.CHECKS if name_of(check) in sys.argv[1:]]
print(len(check_store(Waits, limit=0.5).failures))
"""


def test_the_program_ends_although_a_check_hangs() -> None:
    """SPEC 10.3: threads that hang in a store are left behind, and do not keep the interpreter from ending."""
    names = ["no-update-is-lost", "a-reader-sees-one-state", "a-transaction-belongs-to-its-thread"]
    ran = subprocess.run(
        [sys.executable, "-c", DEADLOCK, *names], check=True, timeout=60, capture_output=True, text=True
    )
    assert ran.stdout.strip() in {"2", "3"}


@pytest.mark.parametrize(
    ("text", "said"), [("raise RuntimeError('password=hunter2')", "RuntimeError"), ("import", "SyntaxError")]
)
def test_a_module_that_cannot_be_imported_is_named(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """API: a module that fails while it is imported is wrong usage, and what its error says is not repeated."""
    (tmp_path / "haven_broken.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["check-store", "haven_broken:open_it"]) == 2
    assert f"the module haven_broken cannot be imported: {said} came out\n" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """API: for a store that is not certified it exits with 1; modules of the current folder are found."""
    (tmp_path / "haven.py").write_text("from broken_stores import LosesEnds\nclass stores:\n    open_it = LosesEnds\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    words = ["check-store", "haven:stores.open_it", "--json", "--not-durable", "--not-shared"]
    assert main(words) == 1
    assert "ends-come-back" in json.loads(capsys.readouterr().out)["failures"]
    assert main(["check-store", "haven:nothing"]) == 2
    assert "the module haven has no nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("haven", "MODULE:FACTORY"),
        (":open", "MODULE:FACTORY"),
        ("no_such_module:open", "there is no module no_such_module"),
    ],
)
def test_the_command_says_what_it_cannot_find(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """API: what cannot be imported is wrong usage, in one sentence."""
    assert main(["check-store", name]) == 2
    assert said in capsys.readouterr().err


# What checks are made of


def test_a_failure_says_what_differs() -> None:
    """SPEC 10.3: a failed check says what was expected and what came, fields that a repr leaves out included."""
    with pytest.raises(CheckFailedError, match="what differs is batch_id of Client"):
        expect("get", [Client(personal_id="c1")], [Client(personal_id="c1", batch_id="b1")])
    with pytest.raises(CheckFailedError, match=r"count: expected 1, came True$"):
        expect("count", came=True, expected=1)
    with pytest.raises(CheckFailedError, match=r"…, came"):
        expect("text", "", "x" * 1_000)
    expect("get", {"c1": Client(personal_id="c1")}, {"c1": Client(personal_id="c1")})


def test_a_refusal_is_expected_of_the_right_kind() -> None:
    """SPEC 10.1: a call that is not refused fails a check, and so does one that is refused with another error."""
    with refused("add", NotFoundError) as caught:
        raise NotFoundError("client", ("c1",))
    assert caught[0].ids == ("c1",)
    with pytest.raises(CheckFailedError, match="nothing was raised"), refused("add", NotFoundError):
        pass
    with (
        pytest.raises(CheckFailedError, match=r"expected NotFoundError, came StorageError \(full\)"),
        refused("add", NotFoundError),
    ):
        raise StorageError("full")
    with pytest.raises(CheckFailedError, match="inner"), refused("add", NotFoundError):
        raise CheckFailedError("inner")


def test_an_error_of_others_is_told_without_its_values() -> None:
    """SPEC 8.4: what an error that is not the library's says is not repeated, only where it came from."""
    with pytest.raises(ValueError, match="Ada") as caught:
        int("Ada")
    assert re.fullmatch(r"ValueError \(line \d+ of test_testing_report.py\)", told(caught.value))
    assert told(ValueError("Ada")) == "ValueError"


def test_conflicts_are_tried_again_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.1: a check tries again what was in conflict; a store in which nobody ever gets on fails it."""
    from caseassign import ConflictError  # noqa: PLC0415  # only here

    left = [ConflictError("busy"), ConflictError("busy")]

    def get_on() -> str:
        if left:
            raise left.pop()
        return "done"

    assert insist(get_on) == "done"
    monkeypatch.setattr("caseassign.testing.races._TRIES", 2)
    left.extend([ConflictError("busy")] * 3)
    with pytest.raises(CheckFailedError, match="nobody gets on"):
        insist(get_on)


# Other processes


def fail_there(place: Place, say: Any) -> None:
    """Fail, in another process."""
    print("what a store prints itself")  # noqa: T201  # is not taken for an answer
    say("about to fail")
    raise ValueError("Ada")


def expect_there(place: Place, say: Any) -> None:
    """Fail a check, in another process."""
    raise CheckFailedError(place.id("x").replace(place.prefix, "own\n"))


def wait_there(place: Place, say: Any) -> None:
    """Say something, and wait to be killed."""
    say("one")
    say("two")
    time.sleep(60)


@pytest.fixture(params=["spawned", "forked"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place on which other processes are started in either way."""

    def open_store() -> MemoryStore:
        return MemoryStore()

    place = Place(MemoryStore if request.param == "spawned" else open_store)
    yield place
    place.leave()


def test_what_fails_in_another_process_fails_here(place: Place) -> None:
    """SPEC 10.3: an error in another process comes here, in one line, as the check that failed there."""
    process = start(place, fail_there)
    assert process.read() == "about to fail"
    with pytest.raises(
        CheckFailedError, match=r"in another process: ValueError \(line \d+ of test_testing_report.py\)"
    ):
        process.read()
    with pytest.raises(CheckFailedError, match="in another process: own x"):
        start(place, expect_there).finish()


def test_a_process_that_is_killed_has_not_finished(place: Place) -> None:
    """SPEC 10.3: what a process had said before it was killed is heard, and that it has not finished is noticed."""
    process = start(place, wait_there)
    assert process.read() == "one"
    assert process.kill() in (["two"], [])
    assert process.kill() == []
    ended = start(place, wait_there)
    ended._kill()
    with pytest.raises(CheckFailedError, match="ended before"):
        ended.finish()
    ended._let_go()
    with suppress(ValueError):
        assert ended.kill() == []


class Enough(Exception):  # noqa: N818  # it is no error
    """What ends a task that would go on for ever."""


def test_the_task_that_is_killed() -> None:
    """SPEC 10.3: what is killed while it writes acknowledges each block; a block that nobody was told of is found."""
    place = Place(MemoryStore)
    with place.store.transaction(write=True) as tx:
        tx.clients.add([place.client("last")])
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text == "3":
            raise Enough

    with pytest.raises(Enough):
        keep_writing(place, say, 0)
    assert said == ["1", "2", "3"]
    with place.store.transaction() as tx:
        assert [_expect_whole_blocks(place, tx, acknowledged) for acknowledged in (2, 3)] == [3, 3]
        with pytest.raises(CheckFailedError, match="nobody had been told"):
            _expect_whole_blocks(place, tx, 1)
    place.leave()


def test_the_tasks_of_other_processes(tmp_path: Path) -> None:
    """SPEC 10.3: what checks let other processes do works in this one."""
    place = Place(MemoryStore)
    place.fill(*(place.enrollment(f"r{number:02}") for number in range(50)))
    said: list[str] = []
    write_and_wait(place, said.append, 0)
    assert said == ["inside"]
    environment = dict(os.environ)
    try:
        write_days(place, said.append, "EAST-13")
        write_days(place, said.append, "WEST+11")
        read_days(place, said.append, "EAST-13")
    finally:
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
    for number in range(50):
        (tmp_path / f"0-{number}").touch()
    meet_and_count(place, said.append, str(tmp_path), 1, 2)
    meet_and_take_roles(place, said.append, str(tmp_path), 1)
    with place.store.transaction() as tx:
        assert tx.clients.get(place.ids(["c2"]))[place.id("c2")].last_name == "2"
        taken = tx.assignments.of_enrollments(place.ids(f"r{number:02}" for number in range(50)))
        assert len(taken) == 50
    place.leave()


def test_what_the_child_reads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """SPEC 10.3: a process does what it was sent, and says when it has done it, or why it could not."""

    class Stdin:
        buffer: Any

    for sent, said in (
        (pickle.dumps((MemoryStore, "p-", write_and_wait_not, (), {})), "caseassign: p-x\ncaseassign: done\n"),
        (b"nonsense", "caseassign: failed: UnpicklingError"),
    ):
        import io  # noqa: PLC0415  # only here

        stdin = Stdin()
        stdin.buffer = io.BytesIO(sent)
        monkeypatch.setattr(sys, "stdin", stdin)
        in_child()
        assert capsys.readouterr().out.startswith(said)


def test_what_a_fork_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.3: a fork of the process does its task, says so, and then ends without doing anything else."""

    def end(status: int) -> None:
        assert status == 0
        raise Enough

    done: list[str] = []

    def do(at: Place, say: Any) -> None:
        done.append(at.prefix)

    def open_store() -> MemoryStore:
        return MemoryStore()

    monkeypatch.setattr(os, "fork", lambda: 0)
    monkeypatch.setattr(os, "_exit", end)
    place = Place(open_store)
    with pytest.raises(Enough):
        start(place, do)
    assert done == [place.prefix]


def write_and_wait_not(place: Place, say: Any) -> None:
    """Say an id."""
    say(place.id("x"))


def test_what_a_script_defines_is_not_sent() -> None:
    """SPEC 10.3: what only a script defines is not sent to another process, which would have to run the script."""
    from caseassign.testing.process import _pickled  # noqa: PLC0415  # only here

    with pytest.raises(pickle.PicklingError):
        _pickled("__main__")


# Strategies


@settings(max_examples=25)
@given(world=kit.worlds())
def test_a_world_can_be_put_into_a_store(world: list[Any]) -> None:
    """SPEC 10.3: whatever world the strategies make, a store takes it, each record after those that it refers to."""
    store = MemoryStore()
    with store.transaction(write=True) as tx:
        for record in world:
            getattr(tx, f"{record.KIND}s").add([record])
    assert {record.KIND for record in world} >= {"project", "user", "client", "enrollment"}


@given(record=kit.records(), period=kit.periods(), client=kit.clients(last_name=None), moment=kit.moments())
def test_what_the_strategies_make(record: Any, period: Period, client: Client, moment: Any) -> None:
    """SPEC 10.3: records of any kind, periods, and moments with a zone; fields can be given."""
    assert record.key
    assert period.end is None or period.start <= period.end
    assert client.last_name is None
    assert moment.tzinfo is not None


@given(plain=kit.plains(), stay=kit.enrollments(deleted=st.just(True)), held=kit.assignments(role="Cover"))
def test_what_lines_hold(plain: Any, stay: Any, held: Any) -> None:
    """SPEC 8.5: plain data is what JSON can say."""
    assert json.loads(json.dumps(plain)) == plain
    assert (stay.deleted, held.role) == (True, "Cover")
