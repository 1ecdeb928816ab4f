"""No peer: what all of them are asked, and the export that they import, are made here in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.errands import Task, errands_of
from benchmarks.exports import write_export


def errands(task: Task) -> dict[str, Any]:
    """Write what is asked of a world."""
    Path(task.file).write_text(json.dumps(errands_of(task.world())), encoding="utf-8")
    return {}


def export(task: Task) -> dict[str, Any]:
    """Write the export of a world."""
    write_export(task.world(), Path(task.file))
    return {}
