"""DuckDB over the tables of the hand-written peer, as they lie in SQLite's file: one statement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import duckdb

from benchmarks.clockwork import streaming
from benchmarks.errands import Task

_AUDIT: Final = """
WITH e AS MATERIALIZED (
    SELECT enrollment_id, project_id, household_id, relationship_to_hoh, entry_date, exit_date, deleted <> 0 AS deleted,
        NOT deleted AND entry_date <= $day AND (exit_date IS NULL OR exit_date > $day) AS is_open
    FROM f.enrollment
), s AS MATERIALIZED (
    SELECT a.assignment_id, a.enrollment_id, a.user_id, a.start_date, a.end_date, a.role,
        a.kept_after_exit <> 0 AS kept, e.entry_date, e.exit_date, e.deleted, e.is_open, e.project_id,
        a.start_date <= $day AND (a.end_date IS NULL OR a.end_date > $day) AS active
    FROM f.assignment AS a JOIN e USING (enrollment_id) WHERE a.voided = 0
), held AS (
    SELECT s.assignment_id, u.left_on IS NOT NULL AND u.left_on <= $day AS departed,
        u.sees_all = 0 AND x.user_id IS NULL AS stranger
    FROM s JOIN f.user AS u USING (user_id) JOIN f.project AS p USING (project_id)
    LEFT JOIN f.access AS x ON x.user_id = s.user_id AND x.organization_id = p.organization_id
    WHERE s.active AND NOT s.deleted
), stay AS (
    SELECT enrollment_id, any_value(entry_date) AS entry, any_value(exit_date) AS exit_date,
        greatest(any_value(entry_date), min(start_date)) AS first,
        least(coalesce(any_value(exit_date), '9999'), $tomorrow) AS bound,
        coalesce(max(coalesce(end_date, '9999')) FILTER (end_date IS NULL OR end_date > start_date), '') AS last
    FROM s WHERE NOT deleted GROUP BY enrollment_id
), hole AS (
    SELECT enrollment_id, start_date AS until, max(coalesce(end_date, '9999')) OVER (
        PARTITION BY enrollment_id ORDER BY start_date, assignment_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS since
    FROM s WHERE NOT deleted AND (end_date IS NULL OR end_date > start_date)
    UNION ALL SELECT enrollment_id, '9999', last FROM stay
), household AS (
    SELECT project_id, coalesce(household_id, enrollment_id) AS household_id, household_id IS NULL AS alone,
        count(*) FILTER (relationship_to_hoh = 1) AS heads,
        string_agg(enrollment_id, ' ') AS ids,
        string_agg(enrollment_id, ' ') FILTER (relationship_to_hoh = 1) AS head_ids
    FROM e WHERE NOT deleted GROUP BY ALL
), holders AS (
    SELECT e.enrollment_id, e.project_id, e.household_id,
        coalesce(string_agg(DISTINCT s.user_id, ' ' ORDER BY s.user_id), '') AS users
    FROM e LEFT JOIN s ON s.enrollment_id = e.enrollment_id AND s.active AND s.role <> 'Cover'
    WHERE e.is_open AND e.household_id IS NOT NULL GROUP BY ALL
)
SELECT 'starts-before-entry', assignment_id FROM s WHERE start_date < entry_date
UNION ALL SELECT 'starts-after-exit', assignment_id FROM s WHERE start_date > exit_date AND NOT kept
UNION ALL SELECT 'ends-after-exit', assignment_id FROM s WHERE end_date > exit_date AND NOT kept
UNION ALL SELECT 'open-after-exit', assignment_id FROM s WHERE exit_date IS NOT NULL AND end_date IS NULL AND NOT kept
UNION ALL SELECT 'enrollment-deleted', assignment_id FROM s WHERE deleted
UNION ALL SELECT 'exits-before-entry', enrollment_id FROM e WHERE exit_date < entry_date
UNION ALL SELECT 'kept-after-exit', assignment_id FROM s
    WHERE kept AND NOT deleted AND exit_date IS NOT NULL AND (end_date IS NULL OR end_date > $day)
UNION ALL SELECT 'held-by-departed', assignment_id FROM held WHERE departed
UNION ALL SELECT 'held-without-access', assignment_id FROM held WHERE stranger
UNION ALL SELECT 'overlaps-own', a.assignment_id || ' ' || b.assignment_id FROM s AS a JOIN s AS b
    ON a.enrollment_id = b.enrollment_id AND a.user_id = b.user_id AND a.role = b.role
    AND a.assignment_id < b.assignment_id
    WHERE greatest(a.start_date, b.start_date) < least(coalesce(a.end_date, '9999'), coalesce(b.end_date, '9999'))
UNION ALL SELECT 'unassigned', enrollment_id FROM e
    WHERE is_open AND NOT EXISTS (SELECT 1 FROM s WHERE s.enrollment_id = e.enrollment_id AND s.active)
UNION ALL SELECT 'only-cover', enrollment_id FROM s WHERE is_open AND active
    GROUP BY enrollment_id HAVING bool_and(role = 'Cover')
UNION ALL SELECT 'gap', enrollment_id FROM hole JOIN stay USING (enrollment_id)
    WHERE greatest(coalesce(since, ''), first) < least(until, bound)
UNION ALL SELECT 'no-head', ids FROM household WHERE heads = 0
UNION ALL SELECT 'several-heads', head_ids FROM household WHERE heads > 1
UNION ALL SELECT 'household-differs', string_agg(enrollment_id, ' ') FROM holders
    GROUP BY project_id, household_id HAVING count(DISTINCT users) > 1
"""


def audit(task: Task) -> dict[str, Any]:
    """Walk through every violation."""
    today = date.fromisoformat(task.asked()["today"])
    with duckdb.connect() as db:
        db.execute(f"LOAD '{_extension()}'")
        db.execute(f"ATTACH '{task.file}' AS f (TYPE sqlite, READ_ONLY)")

        def found() -> Iterator[tuple[str, ...]]:
            values = {"day": today.isoformat(), "tomorrow": (today + timedelta(days=1)).isoformat()}
            answer = db.execute(_AUDIT, values)
            while rows := answer.fetchmany(10_000):
                for code, ids in rows:
                    yield (code, *sorted(ids.split(" ")))

        return streaming(task, found())


def _extension() -> Path:
    """Return the extension for files of SQLite, which comes in a package of its own for each version."""
    spec = find_spec("duckdb_extension_sqlite_scanner")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("duckdb-extension-sqlite-scanner is not installed")
    return Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / "sqlite_scanner.duckdb_extension"
