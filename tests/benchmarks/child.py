"""One task, carried out in a process of its own: ``python -m benchmarks.child TASK`` prints what came of it as JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from benchmarks.errands import Task


def main() -> None:
    """Carry out the task that the command line says."""
    task = Task.of_json(sys.argv[1])
    print(json.dumps(getattr(import_module(f"benchmarks.peers.{task.peer}"), task.work)(task)))


if __name__ == "__main__":
    main()
