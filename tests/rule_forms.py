"""The rules of which both forms are held against each other, and the differences that are planted to see it work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import wraps
from typing import Any, Final, NamedTuple

import attrs
from rule_engines import Engine
from rule_worlds import AS_OF, ODD_ROLE, Found, Key

from caseassign import ADVISORY_RULES, REQUIRED_RULES, ProjectType, Violation
from caseassign.rules import (
    CaseloadFacts,
    Rule,
    advisory,
    caseload_at_most,
    exclusive_role,
    for_heads_of_household,
    for_project_types,
    required,
    subject,
)
from caseassign.rules.sql import carry, sql_of
from caseassign.search import searches


def called(name: str, rule: Rule) -> Rule:
    """Return a rule under a name and a code of its own, so that it is told from others."""

    @wraps(rule)
    def renamed(facts: Any) -> Iterator[Violation]:
        for violation in rule(facts):
            yield attrs.evolve(violation, code=name)

    renamed.__annotations__ = {"facts": subject(rule)}
    renamed.__name__ = name
    return renamed


SHELTER, RAPID = ProjectType.EMERGENCY_SHELTER_NIGHT_BY_NIGHT, ProjectType.RAPID_REHOUSING


def in_shelters(rule: Rule) -> Rule:
    """Return a rule narrowed to shelters."""
    return for_project_types(rule, [SHELTER])


def in_two_types(rule: Rule) -> Rule:
    """Return a rule narrowed to projects of two types."""
    return for_project_types(rule, [SHELTER, RAPID])


BUILT_IN: Final = {rule.__name__.replace("_", "-"): rule for rule in (*REQUIRED_RULES, *ADVISORY_RULES)}
AGENCYS: Final = {
    "role-taken": exclusive_role("Primary"),
    "odd-role-taken": exclusive_role(ODD_ROLE),
    "no-case": caseload_at_most(0),
    "one-case": caseload_at_most(1),
    "two-cases": caseload_at_most(2),
    "no-household": caseload_at_most(0, "households"),
    "one-household": caseload_at_most(1, "households"),
    "two-households": caseload_at_most(2, "households"),
}
NARROWED: Final = {
    "unassigned-shelter": in_shelters(advisory.unassigned),
    "unassigned-head": for_heads_of_household(advisory.unassigned),
    "unassigned-head-in-shelter": in_shelters(for_heads_of_household(advisory.unassigned)),
    "unassigned-nowhere": for_project_types(advisory.unassigned, []),
    "gap-of-head-in-two-types": for_heads_of_household(in_two_types(advisory.gap)),
    "kept-head": for_heads_of_household(advisory.kept_after_exit),
    "early-head": for_heads_of_household(required.starts_before_entry),
    "early-in-shelter": in_shelters(required.starts_before_entry),
    "overlap-of-head-in-shelter": for_heads_of_household(in_shelters(required.overlaps_own)),
    "role-taken-of-head": for_heads_of_household(exclusive_role("Primary")),
    "differs-in-shelter": in_shelters(advisory.household_differs),
    "no-head-in-two-types": in_two_types(advisory.no_head),
    "one-case-in-shelters": in_shelters(caseload_at_most(1)),
    "one-household-in-two-types": in_two_types(caseload_at_most(1, "households")),
    "no-case-in-shelters-of-two-types": in_two_types(in_shelters(caseload_at_most(0))),
    "no-case-nowhere": for_project_types(caseload_at_most(0), []),
}
RULES: Final = BUILT_IN | {name: called(name, rule) for name, rule in {**AGENCYS, **NARROWED}.items()}

ADVISORY: Final = tuple(RULES.values())
REQUIRED: Final = tuple(
    RULES[name] for name in (*BUILT_IN, "role-taken", "odd-role-taken", "early-head", "early-in-shelter")
)
"""Any rule can be a required one, which looks at deleted stays too, but those about caseloads."""


class Plant(NamedTuple):
    """A difference: where the condition of a rule says ``old`` for the first time, or whichever, it says ``new``.

    With 0 it does so wherever it says it.
    """

    rule: str
    old: str
    new: str
    at: int = 1

    def planted(self, name: str) -> Rule:
        """Return the rule, under a name of its own, with the difference in its second form."""
        rule = RULES[self.rule]
        form = sql_of(rule)
        assert form is not None
        parts = condition(rule).split(self.old)
        assert len(parts) > max(self.at, 1), f"{self} replaces nothing"
        if self.at:
            parts = [self.old.join(parts[: self.at]), self.old.join(parts[self.at :])]
        return carry(called(name, rule), attrs.evolve(form, violated=self.new.join(parts)))


def condition(rule: Rule) -> str:
    """Return the condition of a rule on one line."""
    form = sql_of(rule)
    assert form is not None
    return " ".join(form.violated.split())


PLANTS: Final = (
    Plant("starts-before-entry", "<", "<="),
    Plant("starts-after-exit", ">", ">="),
    Plant("starts-after-exit", " AND NOT assignment.kept_after_exit", ""),
    Plant("ends-after-exit", ">", ">="),
    Plant("ends-after-exit", " AND NOT assignment.kept_after_exit", ""),
    Plant("open-after-exit", " AND NOT assignment.kept_after_exit", ""),
    Plant("overlaps-own", "assignment.role = other.role AND ", ""),
    Plant("overlaps-own", "other.start_date < assignment.end_date", "other.start_date <= assignment.end_date"),
    Plant("overlaps-own", "other.end_date IS NULL", "other.end_date IS NOT NULL"),
    Plant("enrollment-deleted", "enrollment.deleted", "NOT enrollment.deleted"),
    Plant("exits-before-entry", "<", "<="),
    Plant("unassigned", "enrollment.entry_date <= {as_of}", "enrollment.entry_date < {as_of}"),
    Plant("unassigned", "held.end_date > {as_of}", "held.end_date >= {as_of}"),
    Plant("unassigned", " AND NOT held.voided", ""),
    Plant("gap", "assignment.end_date <= {as_of}", "assignment.end_date < {as_of}"),
    Plant("gap", "assignment.end_date < enrollment.exit_date", "assignment.end_date <= enrollment.exit_date", 0),
    Plant("gap", "held.end_date > assignment.end_date", "held.end_date >= assignment.end_date"),
    Plant("gap", "held.assignment_id < assignment.assignment_id", "held.assignment_id <> assignment.assignment_id"),
    Plant("gap", "assignment.start_date = assignment.end_date", "assignment.start_date > assignment.end_date", 0),
    Plant("gap", "NOT enrollment.deleted AND ", ""),
    Plant("only-cover", "held.role <> 'Cover'", "held.role = 'Cover'"),
    Plant("only-cover", "enrollment.exit_date > {as_of}", "enrollment.exit_date >= {as_of}"),
    Plant("household-differs", "<>", ">"),
    Plant("held-by-departed", "left_on <= {as_of}", "left_on < {as_of}"),
    Plant("held-by-departed", "NOT enrollment.deleted AND ", ""),
    Plant("held-without-access", "assignment.end_date > {as_of}", "assignment.end_date >= {as_of}"),
    Plant("held-without-access", "permission = 'all-organizations'", "permission <> 'all-organizations'"),
    Plant("kept-after-exit", "assignment.end_date > {as_of}", "assignment.end_date >= {as_of}"),
    Plant("kept-after-exit", "NOT enrollment.deleted AND ", ""),
    Plant("no-head", "= 0", "<= 1"),
    Plant("several-heads", "> 1", "> 2"),
    Plant("role-taken", "assignment.user_id <> other.user_id AND ", ""),
    Plant("role-taken", "other.start_date < other.end_date", "other.start_date <= other.end_date"),
    Plant("odd-role-taken", "{{Brien}}", "{{Bryan}}"),
    Plant("one-case", "caseload.cases", "caseload.households"),
    Plant("two-cases", "> 2", ">= 2"),
    Plant("one-household", "caseload.households", "caseload.cases"),
    Plant("early-head", "enrollment.relationship_to_hoh = 1", "enrollment.relationship_to_hoh > 0"),
)
"""At least one difference in each rule: a day moved, a NOT or a flag forgotten."""

SOURCE_PLANTS: Final = (
    Plant("starts-before-entry", " AND NOT assignment.voided", ""),
    Plant("overlaps-own", " AND NOT other.voided", ""),
    Plant("household-differs", "assignment.role <> 'Cover'", "assignment.role = 'Cover'"),
    Plant("household-differs", "SELECT DISTINCT", "SELECT"),
    Plant("household-differs", "COUNT(DISTINCT user_id)", "COUNT(user_id)"),
    Plant("household-differs", "NOT enrollment.deleted AND enrollment.entry_date", "enrollment.entry_date"),
    Plant("several-heads", "NOT enrollment.deleted AND enrollment.household_id", "enrollment.household_id"),
    Plant("no-head", "LEFT JOIN", "JOIN"),
    Plant("household-differs", "held.project_id = members.project_id AND ", ""),
    Plant("one-case", "assignment.role <> 'Cover'", "assignment.role = 'Cover'"),
    Plant("one-case", " AND NOT enrollment.deleted", ""),
    Plant("one-household", ", enrollment.household_id, CASE", ", CASE"),
    Plant("one-household", "THEN enrollment.enrollment_id END", "THEN enrollment.project_id END"),
    Plant("early-in-shelter", "project_type IN (1)", "project_type IN (1, 13)"),
    Plant("one-case-in-shelters", "project_type IN (1)", "project_type IN (1, 13)"),
)
"""Differences in what the search adds to a condition: where its rows come from, and what narrows them."""

_OTHERWISE: Final = {
    "<=": "<",
    "<>": "=",
    "<": "<=",
    ">": ">=",
    "=": "<>",
    "IS NULL": "IS NOT NULL",
    "IS NOT NULL": "IS NULL",
    "AND": "OR",
    "OR": "AND",
    "NOT ": "",
}
_WORDS: Final = re.compile(r"<=|<>|<|>|=|\bIS NULL|\bIS NOT NULL|\bAND\b|\bOR\b|\bNOT (?!NULL)")

SAME: Final = frozenset(
    # Of two days that are one, either may be taken.
    {Plant("gap", "<", "<=", at) for at in (11, 12)}
    # A stint with days that starts on the entry covers it; one without days is meant anyway.
    | {Plant("gap", "<", "<=", 7)}
    # Who holds nothing has no row.
    | {Plant("no-case", ">", ">=")}
)
"""Differences of one word that are none."""


def every_plant(name: str) -> list[Plant]:
    """Return every difference of one word in the condition of a rule: each comparison moved, each NOT lost."""
    said = condition(RULES[name])
    return [
        Plant(name, old, _OTHERWISE[old], 1 + said.count(old, 0, word.start()))
        for word in _WORDS.finditer(said)
        if (old := word.group())
    ]


def unnoticed(plants: Iterable[Plant], engine: Engine, truth: Found) -> list[Plant]:
    """Return those of the differences that do not show on an engine."""
    names = {f"plant-{number}": plant for number, plant in enumerate(plants)}
    rules = {name: plant.planted(name) for name, plant in names.items()}
    about_caseloads = tuple(rule for rule in rules.values() if subject(rule) is CaseloadFacts)
    found = engine.found(tuple(rule for rule in rules.values() if rule not in about_caseloads), about_caseloads)
    return [
        plant
        for name, plant in names.items()
        if where(rules[name], name, found) == where(rules[name], plant.rule, truth)
    ]


def unnoticed_in_source(plants: Iterable[Plant], engine: Engine, truth: Found) -> list[Plant]:
    """Return those of the differences in whole statements that do not show on an engine."""
    same = []
    for plant in plants:
        rule = RULES[plant.rule]
        required, advisory = ((), (rule,)) if subject(rule) is CaseloadFacts else ((rule,), ())
        [search], *_ = searches(required, advisory, AS_OF)
        said = " ".join(search.sql(engine.tables).split())
        assert plant.old in said, f"{plant} has nothing to replace in {said}"
        found: Found = Counter(engine.read(search, said.replace(plant.old, plant.new)))
        if where(rule, plant.rule, found) == where(rule, plant.rule, truth):
            same.append(plant)
    return same


def where(rule: Rule, name: str, found: Found) -> dict[Key, int]:
    """Return where a rule is broken, by its name: on deleted stays too, unless it is about caseloads."""
    is_required = subject(rule) is not CaseloadFacts
    return {key: number for (code, required, key), number in found.items() if (code, required) == (name, is_required)}
