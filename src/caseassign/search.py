"""The search for what breaks the rules, in SQL: one statement for each kind of rows, for up to 62 rules about them.

A statement yields a row for everything that breaks a rule, and in its first column the sum of what stands for each
rule that is broken there: 1, 2, 4 and so on, in the order in which the rules were given.
"""

# ruff: noqa: S608  # the SQL is that of rules, which are code, and what comes from outside is quoted

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final

import attrs

from caseassign.batches import in_batches
from caseassign.model import COVER, ProjectType
from caseassign.rules import AssignmentFacts, CaseloadFacts, EnrollmentFacts, HouseholdFacts, Rule, Rules, subject
from caseassign.rules.engine import name_of
from caseassign.rules.sql import ACTIVE, OPEN, InSQL, Rows, Tables, quoted, sql_of

_ROWS_OF: Final = {
    AssignmentFacts: Rows.ASSIGNMENTS,
    EnrollmentFacts: Rows.ENROLLMENTS,
    HouseholdFacts: Rows.HOUSEHOLDS,
    CaseloadFacts: Rows.CASELOADS,
}

_STAY: Final = ("enrollment_id", "personal_id", "project_id", "household_id")
_STINT: Final = ("assignment_id", "user_id")

COLUMNS: Final[Mapping[Rows, tuple[str, ...]]] = {
    Rows.ASSIGNMENTS: (*_STAY, *_STINT),
    Rows.PAIRS: (*_STAY, *_STINT, "other_assignment_id"),
    Rows.ENROLLMENTS: _STAY,
    Rows.HOUSEHOLDS: ("enrollment_id", "project_id", "household_id"),
    Rows.CASELOADS: ("user_id",),
}
"""What the statement about each kind of rows says of a row, after the sum."""

_STAYS: Final = "{enrollments} enrollment"
_STINTS: Final = (
    f"{_STAYS} {{join}} {{assignments}} assignment "
    "ON assignment.enrollment_id = enrollment.enrollment_id AND NOT assignment.voided"
)
_FROM: Final = {
    Rows.ASSIGNMENTS: _STINTS,
    Rows.PAIRS: f"{_STINTS} {{join}} {{assignments}} other ON other.enrollment_id = assignment.enrollment_id "
    "AND other.assignment_id > assignment.assignment_id AND NOT other.voided",
    Rows.ENROLLMENTS: _STAYS,
}

_IN_ONE_SUM: Final = 62
"""For how many rules one sum can stand, which is a number of 64 bits with a sign."""

_ONE_IF: Final = "CASE WHEN {} THEN 1 ELSE 0 END"
_HEADS: Final = _ONE_IF.format("enrollment.relationship_to_hoh = 1")
_OPEN: Final = _ONE_IF.format(OPEN)
_IS_COUNTED: Final = f"{ACTIVE} AND assignment.role <> {quoted(COVER)}"


@attrs.frozen(kw_only=True)
class Asked:
    """A rule of which a search is made, in the second form that it carries."""

    rule: Rule
    form: InSQL
    required: bool

    @property
    def code(self) -> str:
        """The code of its violations: the name of the rule."""
        return code_of(self.rule)

    @property
    def rows(self) -> Rows:
        """The rows over which it is written."""
        return self.form.rows or _ROWS_OF[subject(self.rule)]


@attrs.frozen(kw_only=True)
class Search:
    """What one statement finds: where rules about one kind of rows are broken, as of a day, in a part of the projects.

    A limit to caseloads that counts only some project types has a statement of its own. Rows about enrollments come in
    their order, unless it is said that they need not: a warehouse would join everything twice to sort what is found.
    """

    rows: Rows
    asked: tuple[Asked, ...]
    as_of: date
    projects: frozenset[str] | None = None
    in_order: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what the statement yields, after the sum."""
        return COLUMNS[self.rows]

    def broken(self, total: int) -> tuple[Asked, ...]:
        """Return the rules for which a sum stands."""
        return tuple(each for number, each in enumerate(self.asked) if total >> number & 1)

    def sql(self, tables: Tables) -> str:
        """Return the statement, for tables that are called so."""
        if len(self.asked) == 1:
            statement = f"SELECT 1 AS broken, {self._named()} FROM {self._source(self._condition(self.asked[0]))}"
            order = " ORDER BY enrollment.enrollment_id"
        else:
            total = " + ".join(
                f"CASE WHEN {self._condition(each)} THEN {1 << number} ELSE 0 END"
                for number, each in enumerate(self.asked)
            )
            found = f"SELECT {total} AS broken, {self._named()} FROM {self._source()}"
            statement = f"SELECT * FROM ({found}) found WHERE broken > 0"
            order = " ORDER BY enrollment_id"
        if self.in_order and self.rows in _FROM:
            statement += order
        return tables.named_in(statement, self.as_of)

    def _condition(self, asked: Asked) -> str:
        said = [asked.form.violated]
        if self.rows in _FROM and not asked.required:
            said.append("NOT enrollment.deleted")
        if self.rows is not Rows.CASELOADS and asked.form.project_types is not None:
            said.append(_of_types("enrollment" if self.rows in _FROM else "household", asked.form.project_types))
        return " AND ".join(f"({each})" for each in reversed(said))

    def _named(self) -> str:
        if self.rows is Rows.HOUSEHOLDS:
            return ", ".join(f"household.{name}" for name in self.columns)
        if self.rows is Rows.CASELOADS:
            return "caseload.user_id"
        columns = [f"enrollment.{name}" for name in _STAY]
        if self.rows is not Rows.ENROLLMENTS:
            columns += [f"assignment.{name}" for name in _STINT]
        if self.rows is Rows.PAIRS:
            columns.append("other.assignment_id AS other_assignment_id")
        return ", ".join(columns)

    def _source(self, *conditions: str) -> str:
        if self.rows in _FROM:
            return _FROM[self.rows] + self._where(*conditions)
        source = self._households() if self.rows is Rows.HOUSEHOLDS else self._caseloads()
        return source + in_projects(None, *conditions)

    def _where(self, *conditions: str) -> str:
        """Return what limits stays to the part, and to what else is said."""
        return in_projects(self.projects, *conditions)

    def _households(self) -> str:
        together = self._where("NOT enrollment.deleted AND enrollment.household_id IS NOT NULL")
        alone = self._where("NOT enrollment.deleted AND enrollment.household_id IS NULL")
        held = self._where(f"{OPEN} AND {_IS_COUNTED} AND enrollment.household_id IS NOT NULL")
        return f"""(
            SELECT members.project_id, members.household_id, NULL AS enrollment_id, members.heads,
            members.open_members, COALESCE(held.holders, 0) AS holders, COALESCE(held.holdings, 0) AS holdings
            FROM (
                SELECT enrollment.project_id, enrollment.household_id, SUM({_HEADS}) AS heads,
                SUM({_OPEN}) AS open_members FROM {_STAYS}{together}
                GROUP BY enrollment.project_id, enrollment.household_id
            ) members LEFT JOIN (
                SELECT project_id, household_id, COUNT(*) AS holdings, COUNT(DISTINCT user_id) AS holders FROM (
                    SELECT DISTINCT enrollment.project_id, enrollment.household_id, enrollment.enrollment_id,
                    assignment.user_id FROM {_STINTS}{held}
                ) holding GROUP BY project_id, household_id
            ) held ON held.project_id = members.project_id AND held.household_id = members.household_id
            UNION ALL
            SELECT enrollment.project_id, enrollment.household_id, enrollment.enrollment_id, {_HEADS}, 0, 0, 0
            FROM {_STAYS}{alone}
        ) household"""

    def _caseloads(self) -> str:
        [types] = {each.form.project_types for each in self.asked}
        conditions = [f"{_IS_COUNTED} AND NOT enrollment.deleted"]
        if types is not None:
            conditions.append(_of_types("enrollment", types))
        own = "CASE WHEN enrollment.household_id IS NULL THEN enrollment.enrollment_id END"
        return f"""(
            SELECT user_id, SUM(cases) AS cases, COUNT(*) AS households FROM (
                SELECT assignment.user_id, COUNT(*) AS cases FROM {_STINTS}{self._where(*conditions)}
                GROUP BY assignment.user_id, enrollment.project_id, enrollment.household_id, {own}
            ) held GROUP BY user_id
        ) caseload"""


def searches(
    required: Iterable[Rule],
    advisory: Iterable[Rule],
    as_of: date,
    projects: Collection[str] | None = None,
    *,
    apart: bool = False,
) -> tuple[list[Search], Rules, Rules]:
    """Return the searches for what breaks these rules, and the required and advisory ones that have no second form.

    With ``apart``, a rule that looks at more than its row has a search of its own, and rows come in no order. It suits
    an engine which joins whole tables, as it can sift the rows first; one that looks up row by row goes through them
    once for all rules.
    """
    asked: defaultdict[tuple[Rows, object, object], list[Asked]] = defaultdict(list)
    rest: tuple[list[Rule], list[Rule]] = ([], [])
    for rules, is_required in ((required, True), (advisory, False)):
        for rule in rules:
            form = sql_of(rule)
            if form is None:
                rest[not is_required].append(rule)
                continue
            each = Asked(rule=rule, form=form, required=is_required)
            types = form.project_types if each.rows is Rows.CASELOADS else None
            asked[each.rows, types, rule if apart and "SELECT" in form.violated else None].append(each)
    part = None if projects is None else frozenset(projects)
    found = [
        Search(rows=rows, asked=tuple(together), as_of=as_of, projects=part, in_order=not apart)
        for (rows, *_), of_rows in asked.items()
        for together in in_batches(of_rows, _IN_ONE_SUM)
    ]
    found.sort(key=lambda search: list(Rows).index(search.rows))
    return found, tuple(rest[0]), tuple(rest[1])


def code_of(rule: Rule) -> str:
    """Return the code that a rule's violations carry: its name."""
    return name_of(rule).replace("_", "-")


def in_projects(projects: Collection[str] | None, *conditions: str) -> str:
    """Return the end of a query that limits each ``enrollment`` to projects, None for all, and to what else is said."""
    said = list(conditions)
    if projects is not None:
        listed = ", ".join(map(quoted, sorted(projects))) or "NULL"
        said.append(f"enrollment.project_id IN ({listed})")
    return " WHERE " + " AND ".join(f"({each})" for each in said) if said else ""


def _of_types(row: str, types: Collection[ProjectType]) -> str:
    wanted = ", ".join(str(int(each)) for each in sorted(types)) or "NULL"
    return f"{row}.project_id IN (SELECT project_id FROM {{projects}} project WHERE project_type IN ({wanted}))"
