"""``python -m caseassign`` is ``caseassign``."""

from __future__ import annotations

import sys

from caseassign.cli import main

if __name__ == "__main__":
    sys.exit(main())
