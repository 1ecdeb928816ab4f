"""Measure caseassign and its peers: ``python tests/benchmarks/run.py --size L``; ``--help`` says what can be chosen."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # so that the modules are those of a package, here and in each child

from benchmarks.command import main  # noqa: E402  # found by what stands above

if __name__ == "__main__":
    sys.exit(main())
