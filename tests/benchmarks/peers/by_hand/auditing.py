"""Every violation of the default rules, by hand: one statement of a few passes, each in the order of an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from typing import Any, Final

from benchmarks.clockwork import streaming
from benchmarks.errands import Task
from benchmarks.peers.by_hand.files import connect

# Each pass is over a part of its keys, so that two threads can share the work. In the first, what is wrong with one
# stint alone makes bits of one mask, and codes are looked up for the few that have any.
AUDIT: Final = """
WITH code (bit, name) AS (VALUES
    (1, 'starts-before-entry'), (2, 'starts-after-exit'), (4, 'ends-after-exit'), (8, 'open-after-exit'),
    (16, 'enrollment-deleted'), (32, 'kept-after-exit'), (64, 'held-by-departed'), (128, 'held-without-access'),
    (256, 'gap')
), stint AS MATERIALIZED (SELECT * FROM (
    SELECT a.assignment_id, a.enrollment_id,
        (a.start_date < e.entry_date)
        + 2 * (NOT a.kept_after_exit AND e.exit_date IS NOT NULL AND a.start_date > e.exit_date)
        + 4 * (
            NOT a.kept_after_exit AND e.exit_date IS NOT NULL AND a.end_date IS NOT NULL AND a.end_date > e.exit_date
        )
        + 8 * (NOT a.kept_after_exit AND e.exit_date IS NOT NULL AND a.end_date IS NULL)
        + 16 * e.deleted
        + 32 * (a.kept_after_exit AND NOT e.deleted AND e.exit_date IS NOT NULL
            AND (a.end_date IS NULL OR a.end_date > :day))
        + CASE WHEN (a.end_date IS NULL OR a.end_date > :day) AND a.start_date <= :day AND NOT e.deleted THEN (
            SELECT 64 * (u.left_on IS NOT NULL AND u.left_on <= :day)
                + 128 * (NOT u.sees_all AND NOT EXISTS (
                    SELECT 1 FROM access AS x JOIN project AS p
                    ON p.organization_id = x.organization_id WHERE x.user_id = u.user_id AND p.project_id = e.project_id
                ))
            FROM "user" AS u WHERE u.user_id = a.user_id
        ) ELSE 0 END
        -- A gap begins where a stint ends and no other goes on; of two that end on one day, one counts.
        + CASE WHEN a.end_date < ifnull(e.exit_date, '~') AND a.end_date < :tomorrow AND a.end_date > e.entry_date
            AND a.start_date < a.end_date AND NOT e.deleted
        THEN 256 * NOT EXISTS (
            SELECT 1 FROM assignment AS b WHERE b.enrollment_id = e.enrollment_id AND NOT b.voided AND (
                (b.start_date <= a.end_date AND (b.end_date IS NULL OR b.end_date > a.end_date))
                OR (b.end_date = a.end_date AND b.start_date < b.end_date AND b.assignment_id < a.assignment_id)
            )
        ) ELSE 0 END AS mask
    FROM enrollment AS e CROSS JOIN assignment AS a ON a.enrollment_id = e.enrollment_id AND NOT a.voided
    WHERE e.enrollment_id >= :low AND e.enrollment_id < :high
) WHERE mask <> 0), early AS MATERIALIZED (
    SELECT DISTINCT a.enrollment_id FROM enrollment AS e CROSS JOIN assignment AS a
        ON a.enrollment_id = e.enrollment_id AND NOT a.voided
    WHERE e.enrollment_id >= :low AND e.enrollment_id < :high
        AND NOT e.deleted AND (a.start_date = a.end_date OR a.start_date < e.entry_date)
), stay AS NOT MATERIALIZED (
    SELECT * FROM enrollment WHERE enrollment_id >= :low AND enrollment_id < :high
), household AS (
    SELECT project_id, household_id, sum(relationship_to_hoh IS 1) AS heads,
        sum(entry_date <= :day AND (exit_date IS NULL OR exit_date > :day)) AS present
    FROM enrollment WHERE NOT deleted AND household_id IS NOT NULL
        AND project_id >= :low_project AND project_id < :high_project
    GROUP BY project_id, household_id
)
SELECT code.name, CASE code.name WHEN 'gap' THEN stint.enrollment_id ELSE stint.assignment_id END
FROM stint CROSS JOIN code ON mask & bit
UNION ALL
SELECT 'overlaps-own', min(a.assignment_id, b.assignment_id) || ' ' || max(a.assignment_id, b.assignment_id)
FROM (
    SELECT enrollment_id, user_id, role FROM assignment
    WHERE NOT voided AND enrollment_id >= :low AND enrollment_id < :high
    GROUP BY enrollment_id, user_id, role HAVING count(*) > 1
) AS own
JOIN assignment AS a USING (enrollment_id, user_id, role)
JOIN assignment AS b USING (enrollment_id, user_id, role)
WHERE NOT a.voided AND NOT b.voided AND a.assignment_id < b.assignment_id
    AND (a.end_date IS NULL OR max(a.start_date, b.start_date) < a.end_date)
    AND (b.end_date IS NULL OR max(a.start_date, b.start_date) < b.end_date)
UNION ALL
SELECT 'exits-before-entry', enrollment_id FROM stay WHERE exit_date < entry_date
UNION ALL
SELECT CASE WHEN holding IS NULL THEN 'unassigned' ELSE 'only-cover' END, enrollment_id FROM (
    SELECT enrollment_id, (
        SELECT max(a.role <> 'Cover') FROM assignment AS a WHERE a.enrollment_id = stay.enrollment_id AND NOT a.voided
            AND a.start_date <= :day AND (a.end_date IS NULL OR a.end_date > :day)
    ) AS holding FROM stay
    WHERE NOT deleted AND entry_date <= :day AND (exit_date IS NULL OR exit_date > :day)
) WHERE holding IS NULL OR holding = 0
UNION ALL
-- A gap begins with the stay, too, if the first stint is empty or over by then and nobody else holds the first day.
SELECT 'gap', enrollment_id FROM (
    SELECT e.enrollment_id, e.exit_date, max(e.entry_date, (
        SELECT min(b.start_date) FROM assignment AS b WHERE b.enrollment_id = e.enrollment_id AND NOT b.voided
    )) AS first
    FROM early CROSS JOIN enrollment AS e ON e.enrollment_id = early.enrollment_id
) AS late
WHERE first < :tomorrow AND (exit_date IS NULL OR first < exit_date) AND NOT EXISTS (
    SELECT 1 FROM assignment AS b WHERE b.enrollment_id = late.enrollment_id AND NOT b.voided
        AND b.start_date <= first AND (b.end_date IS NULL OR b.end_date > first)
)
UNION ALL
SELECT CASE WHEN heads = 0 THEN 'no-head' ELSE 'several-heads' END, (
    SELECT group_concat(e.enrollment_id, ' ') FROM enrollment AS e
    WHERE e.project_id = h.project_id AND e.household_id = h.household_id AND NOT e.deleted
        AND (heads = 0 OR e.relationship_to_hoh IS 1)
) FROM household AS h WHERE heads <> 1
UNION ALL
SELECT 'no-head', enrollment_id FROM stay WHERE household_id IS NULL AND NOT deleted AND relationship_to_hoh IS NOT 1
UNION ALL
-- Members share their case managers where each of these holds each of the members.
SELECT 'household-differs', group_concat(DISTINCT e.enrollment_id)
FROM household AS h
JOIN enrollment AS e ON e.project_id = h.project_id AND e.household_id = h.household_id AND NOT e.deleted
    AND e.entry_date <= :day AND (e.exit_date IS NULL OR e.exit_date > :day)
LEFT JOIN assignment AS a ON a.enrollment_id = e.enrollment_id AND NOT a.voided AND a.role <> 'Cover'
    AND a.start_date <= :day AND (a.end_date IS NULL OR a.end_date > :day)
WHERE h.present > 1
GROUP BY h.project_id, h.household_id
HAVING count(DISTINCT e.enrollment_id || a.user_id) <> count(DISTINCT a.user_id) * count(DISTINCT e.enrollment_id)
"""


def found(db: sqlite3.Connection, today: date, part: Sequence[str] = ("", "~", "", "~")) -> Iterator[tuple[str, ...]]:
    """Yield code and ids of every violation in a part of the keys: enrollments and projects, from and below."""
    values = dict(zip(("low", "high", "low_project", "high_project"), part, strict=True))
    values |= {"day": today.isoformat(), "tomorrow": (today + timedelta(days=1)).isoformat()}
    for code, ids in db.execute(AUDIT, values):
        yield (code, *sorted(ids.replace(",", " ").split()))


def audit(task: Task) -> dict[str, Any]:
    """Walk through every violation."""
    today = date.fromisoformat(task.asked()["today"])
    with closing(connect(task.file)) as db:
        return streaming(task, found(db, today))


def audit_in_two_threads(task: Task) -> dict[str, Any]:
    """Walk through every violation, half of the keys in one thread and half in another: sqlite3 lets go of the lock."""
    today = date.fromisoformat(task.asked()["today"])
    with closing(connect(task.file)) as one, closing(connect(task.file)) as other:
        ((middle,),) = one.execute(
            "SELECT project_id FROM project ORDER BY 1 LIMIT 1 OFFSET (SELECT count(*) / 2 FROM project)"
        )

        def both() -> Iterator[tuple[str, ...]]:
            with ThreadPoolExecutor(2) as pool:
                halves = (one, ("", "8", "", middle)), (other, ("8", "~", middle, "~"))
                for half in pool.map(lambda half: list(found(half[0], today, half[1])), halves):
                    yield from half

        return streaming(task, both())
