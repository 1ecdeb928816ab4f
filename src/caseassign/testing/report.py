"""What came of checking a store: a result for each check, as a table and as plain data."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import attrs

from caseassign.display.blocks import Block, Column, Line, Table, Title, plain
from caseassign.testing.checks import CHECKS, name_of

Outcome: TypeAlias = Literal["passed", "failed", "skipped"]


@attrs.frozen(kw_only=True)
class Result:
    """What came of one check: its name, the sentence of the contract, and how it ended.

    ``why`` is what was expected and what came, or why it was skipped. ``declared`` is true where it was skipped
    because the store is declared unable to do it, and not because it could not be run.
    """

    check: str
    sentence: str
    outcome: Outcome
    why: str | None = None
    declared: bool = False


@attrs.frozen(kw_only=True)
class Report:
    """What came of all checks of a store; as text a table.

    A store is certified if every check passed, except those for what it is declared not to do. ``durable`` and
    ``shared`` are what is declared of it, and ``because`` the reason that was given.
    """

    store: str
    results: tuple[Result, ...]
    durable: bool = True
    shared: bool = True
    because: str | None = None

    @property
    def certified(self) -> bool:
        """Whether every check of the kit is among the results, and passed unless it is declared away."""
        reported = {result.check for result in self.results}
        return reported.issuperset(map(name_of, CHECKS)) and all(
            result.outcome == "passed" or result.declared for result in self.results
        )

    @property
    def passed(self) -> tuple[str, ...]:
        """The names of the checks that passed."""
        return tuple(result.check for result in self.results if result.outcome == "passed")

    @property
    def failures(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(result.check for result in self.results if result.outcome == "failed")

    @property
    def skipped(self) -> dict[str, str]:
        """Why each check that was skipped was, by its name."""
        return {result.check: result.why or "" for result in self.results if result.outcome == "skipped"}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "store": self.store,
            "certified": self.certified,
            "durable": self.durable,
            "shared": self.shared,
            "because": self.because,
            "passed": list(self.passed),
            "failures": list(self.failures),
            "skipped": self.skipped,
            "checks": [attrs.asdict(result) for result in self.results],
        }

    def blocks(self) -> tuple[Block, ...]:
        """Return the report as blocks for people."""
        unusual = [result for result in self.results if result.outcome != "passed"]
        why = (Line(f"{result.check} {result.outcome}: {result.why}") for result in unusual)
        counts = f"{len(self.passed)} passed, {len(self.failures)} failed, {len(self.skipped)} skipped"
        return (Title(f"{self.store}: {self._verdict()}"), Line(counts), Table.of(_COLUMNS, self.results), *why)

    def _verdict(self) -> str:
        """Return whether the store is certified, and what it is declared not to do."""
        away = [f", not {name}" for name, has_it in (("durable", self.durable), ("shared", self.shared)) if not has_it]
        unexplained = " (no reason is given)" if away and not self.because else ""
        return f"{'certified' if self.certified else 'not certified'}{''.join(away)}{unexplained}"

    def __str__(self) -> str:
        return "\n".join(plain(self.blocks()))


_COLUMNS: Final[tuple[Column[Result], ...]] = (
    Column("Check", lambda result: result.check),
    Column("Result", lambda result: result.outcome),
    Column("What must be true", lambda result: result.sentence),
)
