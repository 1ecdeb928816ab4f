"""A command that lists a user's active cases, by hand: ``python -m benchmarks.peers.by_hand_cold FILE USER DAY``."""

from __future__ import annotations

import argparse
import sqlite3

parser = argparse.ArgumentParser()
for name in ("file", "user", "day"):
    parser.add_argument(name)
args = parser.parse_args()
cases = sqlite3.connect(args.file).execute(
    """
    SELECT ifnull(c.last_name || ', ', '') || ifnull(c.first_name, ''), p.project_name, e.entry_date, a.start_date,
        a.role
    FROM assignment AS a JOIN enrollment AS e ON e.enrollment_id = a.enrollment_id
    JOIN client AS c ON c.personal_id = e.personal_id JOIN project AS p ON p.project_id = e.project_id
    WHERE a.user_id = :user AND NOT a.voided AND ifnull(a.end_date, '~') > :day AND a.start_date <= :day
        AND NOT e.deleted ORDER BY 1
    """,
    {"user": args.user, "day": args.day},
)
for case in cases:
    print("".join(f"{cell:<24}" for cell in case))
