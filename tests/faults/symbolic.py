"""Look for a day on which periods or rules go wrong by solving for it, where chance would not meet it.

hypothesis thinks of days at random. With crosshair behind it, the days are unknowns: the code runs on them, each
comparison splits them in two, and a solver finds days for every way through the code. The properties here compare
periods and rules with the same sentence about days that are compared one by one, over every day that there is. With
--plant, one day in three million is dealt with wrongly.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.statistics import collector

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from caseassign import REQUIRED_RULES, CaseAssignment, Enrollment, Period, Project, User, exclusive_role
from caseassign.rules import AssignmentFacts, EnrollmentFacts, check

DAYS = st.dates(max_value=date(9998, 12, 31))
ENDS = st.none() | DAYS
NEVER = date.max
PLANTED = date(2031, 3, 17)


def period(start: date, end: date | None) -> Period:
    """A period that can be built."""
    assume(end is None or start <= end)
    return Period(start, end)


def a_period_holds_the_days_from_its_start_up_to_its_end(start: date, end: date | None, on: date) -> None:
    """SPEC 3.1."""
    within = period(start, end)
    assert (on in within) == (start <= on and (end is None or on < end))
    assert within.has_ended(on) == (end is not None and end <= on)


def two_periods_overlap_if_the_later_starts_before_both_end(
    start: date, end: date | None, other_start: date, other_end: date | None
) -> None:
    """SPEC 3.1."""
    one, other = period(start, end), period(other_start, other_end)
    shared = max(start, other_start) < min(end or NEVER, other_end or NEVER)
    assert one.overlaps(other) == other.overlaps(one) == shared


def a_period_is_clipped_to_what_lies_within(
    start: date, end: date | None, other_start: date, other_end: date | None
) -> None:
    """SPEC 6.10."""
    one, bounds = period(start, end), period(other_start, other_end)
    clipped = one.clipped_to(bounds)
    first, last = max(start, other_start), min(end or NEVER, other_end or NEVER)
    if first < last:
        assert clipped == period(first, None if last == NEVER else last)
    assert clipped is None or (clipped.start == first and bounds.contains(clipped))


def what_is_left_without_another_period_are_the_days_before_it_and_after_it(
    start: date, end: date | None, other_start: date, other_end: date | None
) -> None:
    """SPEC 6.11."""
    one, other = period(start, end), period(other_start, other_end)
    left = list(one.without([other]))
    if one.overlaps(other):
        before = [period(start, other_start)] if start < other_start else []
        after = [period(other_end, end)] if other_end is not None and other_end < (end or NEVER) else []
        assert left == before + after
    else:
        assert left == ([] if start == end else [one])


def the_required_rules_say_what_the_days_say(
    entry: date, exit_: date | None, start: date, end: date | None, kept: bool
) -> None:
    """SPEC 5, 6.8."""
    assume(end is None or start <= end)
    stay = Enrollment(enrollment_id="e", personal_id="c", project_id="p", entry_date=entry, exit_date=exit_)
    assignment = stint("a", "kim", start, end, kept=kept)
    facts = AssignmentFacts(
        assignment=assignment, enrollment=stay, project=PROJECT, user=USERS["kim"], as_of=date(2026, 3, 2)
    )
    expected = {
        "starts-before-entry": start < entry,
        "starts-after-exit": exit_ is not None and start > exit_ and not kept,
        "ends-after-exit": exit_ is not None and end is not None and end > exit_ and not kept,
        "open-after-exit": exit_ is not None and end is None and not kept,
    }
    assert [violation.code for violation in check(REQUIRED_RULES, [facts])] == [
        c for c, wrong in expected.items() if wrong
    ]


def two_stints_in_a_role_are_found_if_they_share_a_day(
    start: date, end: date | None, other_start: date, other_end: date | None, same: bool
) -> None:
    """SPEC 5, 5.2: overlaps-own for one user, role-taken for two."""
    assume((end is None or start <= end) and (other_end is None or other_start <= other_end))
    stints = [stint("a", "kim", start, end), stint("b", "kim" if same else "lee", other_start, other_end)]
    stay = Enrollment(enrollment_id="e", personal_id="c", project_id="p", entry_date=date.min)
    facts = EnrollmentFacts(
        enrollment=stay, project=PROJECT, assignments=tuple(stints), users=USERS, as_of=date(2026, 3, 2)
    )
    shared = max(start, other_start) < min(end or NEVER, other_end or NEVER)
    code = "overlaps-own" if same else "role-taken"
    found = [violation.code for violation in check((*REQUIRED_RULES, exclusive_role("Case Manager")), [facts])]
    assert found == [code] * shared


PROJECT = Project(project_id="p", organization_id="o", project_type=1)
USERS = {key: User(user_id=key, organization_ids=frozenset({"o"})) for key in ("kim", "lee")}


def stint(assignment_id: str, user_id: str, start: date, end: date | None, *, kept: bool = False) -> CaseAssignment:
    """A stint on these days."""
    return CaseAssignment(
        assignment_id=assignment_id,
        enrollment_id="e",
        user_id=user_id,
        start_date=start,
        end_date=end,
        kept_after_exit=kept,
    )


TWO = (DAYS, ENDS, DAYS, ENDS)
PROPERTIES: dict[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    a_period_holds_the_days_from_its_start_up_to_its_end: (DAYS, ENDS, DAYS),
    two_periods_overlap_if_the_later_starts_before_both_end: TWO,
    a_period_is_clipped_to_what_lies_within: TWO,
    what_is_left_without_another_period_are_the_days_before_it_and_after_it: TWO,
    the_required_rules_say_what_the_days_say: (DAYS, ENDS, DAYS, ENDS, st.booleans()),
    two_stints_in_a_role_are_found_if_they_share_a_day: (*TWO, st.booleans()),
}


def has_ended_but_on_one_day(self: Period, day: date) -> bool:
    """`Period.has_ended` with a bug that one day in three million shows."""
    return self.end is not None and (self.end <= day or self.end == PLANTED)


def tried(holds: Callable[..., None], days: tuple[st.SearchStrategy[Any], ...], backend: str, examples: int) -> bool:
    """Try a property, say how it went, and return whether it held."""
    said: list[dict[str, Any]] = []
    limits = settings(
        backend=backend,
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=backend == "hypothesis",
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    begun = time.perf_counter()
    try:
        with collector.with_value(said.append):  # type: ignore[arg-type]  # hypothesis calls whatever it is given
            limits(given(*days)(holds))()
    except AssertionError as error:
        notes = " ".join(getattr(error, "__notes__", ())).replace("\n", " ")
        outcome = f"FOUND: {notes}"
    else:
        outcome = "held"
    ways = sum(len(part.get("test-cases", ())) for one in said for part in one.values() if isinstance(part, dict))
    stopped = said[-1].get("stopped-because", "") if said else ""
    name = holds.__name__.replace("_", " ")
    print(f"{name}: {outcome}; {ways} ways through in {time.perf_counter() - begun:.0f} s ({stopped})", flush=True)
    return outcome == "held"


def main() -> int:
    """Try every property."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--backend", choices=["crosshair", "hypothesis"], default="crosshair", help="who thinks of days"
    )
    parser.add_argument("--examples", type=int, default=100, help="how many ways through the code to try, at most")
    parser.add_argument("--only", default="", help="only properties whose name has this in it")
    parser.add_argument("--plant", action="store_true", help="deal with one day wrongly")
    asked = parser.parse_args()
    if asked.plant:
        Period.has_ended = has_ended_but_on_one_day  # type: ignore[method-assign]  # the planted bug
    held = [
        tried(holds, days, asked.backend, asked.examples)
        for holds, days in PROPERTIES.items()
        if asked.only in holds.__name__
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
