"""Write all assignments as a list, by hand: one statement, and a CSV writer."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from benchmarks.clockwork import writing_a_list
from benchmarks.errands import Task
from benchmarks.peers.by_hand.files import connect

_HEADER: Final = (
    "AssignmentID", "EnrollmentID", "PersonalID", "UserID", "Role", "StartDate", "EndDate", "KeptAfterExit", "Status",
    "Voided",
)  # fmt: skip

_LIST: Final = """
SELECT a.assignment_id, a.enrollment_id, e.personal_id, a.user_id, a.role, a.start_date, a.end_date, a.kept_after_exit,
    CASE WHEN a.voided THEN '' WHEN a.start_date > :day THEN 'Upcoming' WHEN a.end_date <= :day THEN 'Inactive'
    ELSE 'Active' END, a.voided
FROM assignment AS a CROSS JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id ORDER BY a.assignment_id
"""


def export(task: Task) -> dict[str, Any]:
    """Write the list of all assignments."""
    today = task.asked()["today"]

    def write(path: Path) -> None:
        with closing(connect(task.file)) as db, path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(_HEADER)
            lines.writerows(db.execute(_LIST, {"day": today}))

    return writing_a_list(task, write)
