"""The checks as tests of pytest: a class to inherit from, and one fixture to provide. Needs the extra ``testing``.

::

    from caseassign.testing.suite import StoreSuite

    class TestHavenStore(StoreSuite):
        @pytest.fixture
        def open_store(self, tmp_path):
            return partial(HavenStore, tmp_path / "haven")

What the store cannot do is declared by the class attributes ``durable`` and ``shared``, with ``because``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, final

import pytest

from caseassign.testing.checks import CHECKS, Check, name_of
from caseassign.testing.place import OpenStore
from caseassign.testing.run import LIMIT, Candidate, run


class StoreSuite:
    """Every check as a test. ``open_store`` is a fixture that returns what opens the store; each test gets a new one.

    A subclass is collected whatever its name is. It may not replace a test, nor have a base that does, and has no
    ``__init__``, as pytest would pass it over: `TypeError`. A check that is declared away is skipped; one that cannot
    be run here fails, as nothing passes by being skipped.
    """

    durable: ClassVar[bool | None] = None
    shared: ClassVar[bool | None] = None
    because: ClassVar[str | None] = None
    limit: ClassVar[float] = LIMIT

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        foreign = [each for each in cls.__mro__[:-1] if each is cls or not issubclass(each, StoreSuite)]
        replaced = {name: each.__name__ for each in foreign for name in _FINAL if name in vars(each)}
        if replaced:
            where = ", ".join(f"{name} (in {replaced[name]})" for name in sorted(replaced))
            raise TypeError(
                f"{cls.__name__} replaces {where}: a store passes the checks as they are, and pytest collects no class "
                "with a constructor; set things up in the fixture open_store"
            )
        cls.__test__ = True  # type: ignore[attr-defined]  # what pytest asks

    @final
    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    def test_store(self, check: Check, open_store: OpenStore) -> None:
        """The store does what the sentence of the check says."""
        candidate = Candidate.of(open_store, self.durable, self.shared, self.because, self.limit)
        try:
            result = run(check, candidate, self.limit)
        finally:
            candidate.close(self.limit)
        if result.declared:
            pytest.skip(result.why or "")
        if result.outcome != "passed":
            pytest.fail(f"{result.sentence}\n{result.outcome}: {result.why}", pytrace=False)


_FINAL: Final = ("__init__", "__init_subclass__", "__new__", "__test__", "test_store")
