"""The audit of tables that lie on any engine: a database, a data frame engine, a warehouse.

Nothing is imported and nothing copied: the rules' SQL runs where the tables are, and what comes back is what it found.
"""

# ruff: noqa: S608  # the SQL is that of rules, which are code; the names are those that the caller gives for tables

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from itertools import chain
from operator import attrgetter
from typing import Any, Final

import attrs

from caseassign.desk import refuse_others
from caseassign.errors import InvalidRecordError
from caseassign.model import CaseAssignment, Project, id_of
from caseassign.period import as_day
from caseassign.results import Streamed
from caseassign.rules import (
    ADVISORY_RULES,
    REQUIRED_RULES,
    AssignmentFacts,
    CaseloadFacts,
    EnrollmentFacts,
    HouseholdFacts,
    Rules,
    Tables,
)
from caseassign.rules.sql import quoted
from caseassign.search import Search, code_of, searches
from caseassign.storage import Row
from caseassign.table_facts import households
from caseassign.walk import Met, walked

_ROWS_AT_ONCE: Final = 5_000


@attrs.frozen(kw_only=True)
class Broken:
    """One violation in the tables: its code, and the ids of what it is about, as text.

    Of two assignments that contradict each other, ``assignment_id`` is one and ``other_assignment_id`` the other. A
    household is named by ``project_id`` and ``household_id``; one alone without HouseholdID, by ``enrollment_id``. Of a
    gap that the SQL finds, ``assignment_id`` is the one after which it begins.
    """

    code: str
    required: bool
    assignment_id: str | None = None
    other_assignment_id: str | None = None
    enrollment_id: str | None = None
    personal_id: str | None = None
    project_id: str | None = None
    household_id: str | None = None
    user_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the violation as plain data."""
        return attrs.asdict(self)


_IDS: Final = tuple(field.name for field in attrs.fields(Broken))[2:]


class TablesAudit(Streamed[Broken]):
    """Every violation in six tables as of a day. Each iteration asks the engine anew, with flat memory."""

    def __init__(
        self,
        engine: Any,
        tables: Tables,
        as_of: date,
        required: Rules,
        advisory: Rules,
        projects: frozenset[str] | None,
    ) -> None:
        self.as_of = as_of
        self._engine = engine
        self._tables = tables
        self._projects = projects
        self._searches, *self._others = searches(required, advisory, as_of, projects, apart=True)

    def __iter__(self) -> Iterator[Broken]:
        for search in self._searches:
            for total, *ids in _rows(self._engine, search.sql(self._tables)):
                about = dict(zip(search.columns, map(_text, ids), strict=True))
                for each in search.broken(total):
                    yield Broken(code=each.code, required=each.required, **about)
        required, advisory = self._others
        if required or advisory:
            facts = households(lambda sql: _rows(self._engine, sql), self._tables, self.as_of, self._projects)
            yield from map(_broken, walked(facts, required, advisory, self.as_of))

    def counts(self) -> dict[str, int]:
        """Return how many violations there are of each code, by code."""
        return dict(sorted(Counter(broken.code for broken in self).items()))

    def sql(self) -> str:
        """Return the one query that finds all of it; its columns are the fields of `Broken`.

        So an engine keeps what was found as a table of its own: ``CREATE TABLE violations AS`` and this query. Raises
        `InvalidRecordError` for a rule without SQL, which only an iteration can ask, and where there is no rule at all.
        """
        if not self._searches and not any(self._others):
            raise InvalidRecordError("Rule", "required, advisory", "is none: give at least one rule with SQL")
        for rule in chain(*self._others):
            raise InvalidRecordError("Rule", code_of(rule), "has no SQL: iterate over the audit, or leave the rule out")
        return " UNION ALL ".join(self._exploded(search) for search in self._searches)

    def _exploded(self, search: Search) -> str:
        """Return the query with a row for each rule that is broken, where the search has one for all of them."""
        codes = " UNION ALL ".join(
            f"SELECT {1 << number} AS bit, {quoted(each.code)} AS code, {str(each.required).upper()} AS required"
            for number, each in enumerate(search.asked)
        )
        # As text, so that the parts go together whatever an engine keeps as ids, and has no type for nothing.
        ids = ", ".join(f"'' || {f'hit.{name}' if name in search.columns else 'NULL'} AS {name}" for name in _IDS)
        return (
            f"SELECT rule.code, rule.required, {ids} FROM ({search.sql(self._tables)}) hit "
            f"JOIN ({codes}) rule ON (hit.broken & rule.bit) <> 0"
        )


def audit_tables(
    engine: Any,
    tables: Tables | None = None,
    *,
    as_of: date | str,
    required: Rules = REQUIRED_RULES,
    advisory: Rules = ADVISORY_RULES,
    projects: Iterable[Project | str] | None = None,
) -> TablesAudit:
    """Return every violation, as of a day, in tables that lie on ``engine``, as a stream, or as a query for a table.

    ``engine`` is a connection of the Python database API (PEP 249), one of DuckDB among them, or a Spark session.
    ``tables`` says what the six tables of `caseassign.rules.sql` are called there. Rules without SQL are asked of facts
    that are read from the tables, household by household, and raise `InvalidRecordError` for a row that can be no
    record. Other errors are those of the engine.
    """
    if not hasattr(engine, "cursor") and not hasattr(engine, "sql"):
        raise InvalidRecordError(
            "Audit", "engine", "is neither a connection of a Python database API nor a Spark session"
        )
    if isinstance(projects, str):
        raise InvalidRecordError("Audit", "projects", "is one text: give a list of projects, or of their ids")
    refuse_others(required, "required", {AssignmentFacts, EnrollmentFacts, HouseholdFacts}, of="Audit")
    part = None if projects is None else frozenset(id_of(project, Project) for project in projects)
    tables = tables or Tables()
    if not _is_connection(engine):
        tables = attrs.evolve(tables, backslashes=True)
    return TablesAudit(engine, tables, as_day(as_of, "as_of"), required, advisory, part)


def _is_connection(engine: Any) -> bool:
    """Whether it is a connection, and not a Spark session."""
    return hasattr(engine, "cursor")


def _rows(engine: Any, sql: str) -> Iterator[Row]:
    """Yield the rows of a query, batch by batch."""
    if not _is_connection(engine):
        # Spark fetches partition by partition, and works each out only then: it shuffles once more, and they all are.
        yield from map(tuple, engine.sql(f"SELECT /*+ REBALANCE */ * FROM ({sql}) found").toLocalIterator())
        return
    if hasattr(engine, "fetchall"):
        # A cursor of DuckDB is another connection, which sees no temporary table, no registered frame, no open change.
        # Its own result lasts until its next query, which may be somebody else's: so it is fetched at once.
        yield from engine.execute(sql).fetchall()
        return
    with closing(engine.cursor()) as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield from (tuple(row.values()) if isinstance(row, Mapping) else tuple(row) for row in rows)


def _text(key: object) -> str | None:
    return None if key is None else str(key)


def _broken(met: Met) -> Broken:
    facts, violation, required = met
    broken = Broken(code=violation.code, required=required)
    if isinstance(facts, CaseloadFacts):
        return attrs.evolve(broken, user_id=facts.user.user_id)
    if isinstance(facts, HouseholdFacts):
        first = facts.members[0].enrollment
        alone = first.enrollment_id if first.household_id is None else None
        return attrs.evolve(broken, project_id=first.project_id, household_id=first.household_id, enrollment_id=alone)
    stay = facts.enrollment
    stints: list[CaseAssignment | None] = [None, None]
    if isinstance(facts, AssignmentFacts):
        stints = [facts.assignment, None]
    elif violation.ids != (stay.enrollment_id,):
        named = [stint for stint in facts.assignments if stint.assignment_id in violation.ids]
        stints = [*sorted(named, key=attrgetter("assignment_id")), None, None][:2]
    one, other = stints
    return attrs.evolve(
        broken,
        enrollment_id=stay.enrollment_id,
        personal_id=stay.personal_id,
        project_id=stay.project_id,
        household_id=stay.household_id,
        assignment_id=None if one is None else one.assignment_id,
        other_assignment_id=None if other is None else other.assignment_id,
        user_id=None if one is None else one.user_id,
    )
