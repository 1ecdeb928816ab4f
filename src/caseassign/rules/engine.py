"""The engine: runs any set of rules over any set of facts, and reports every violation, not the first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from typing import Any, TypeAlias, get_args, get_type_hints

import attrs

from caseassign.errors import InvalidRecordError, Violation
from caseassign.model import ProjectType
from caseassign.rules.facts import CaseloadFacts, EnrollmentFacts, Facts, HouseholdFacts
from caseassign.rules.sql import InSQL, carry, narrowed_to_heads, narrowed_to_types, sql_of

Rule: TypeAlias = Callable[[Any], Iterable[Violation]]
"""A rule: a function of the facts of its subject. The annotation of its parameter says which facts it wants."""

Rules: TypeAlias = tuple[Rule, ...]


@cache
def subject(rule: Rule) -> type[Facts]:
    """Return the kind of facts that a rule wants: what its parameter is annotated with."""
    function = rule if inspect.isroutine(rule) else type(rule).__call__
    try:
        hints = get_type_hints(function)
    except NameError:
        hints = {}
    hints.pop("return", None)
    hint = next(iter(hints.values()), None)
    if hint in get_args(Facts):
        return hint  # type: ignore[return-value]  # just found to be one of the kinds of facts
    kinds = ", ".join(kind.__name__ for kind in get_args(Facts))
    raise InvalidRecordError(
        "Rule",
        getattr(rule, "__name__", type(rule).__name__),
        f"does not say what it is about: annotate its parameter with one of {kinds}",
    )


@cache
def by_subject(rules: Rules) -> dict[type[Facts], Rules]:
    """Return the rules by the kind of facts that they want."""
    kinds: tuple[type[Facts], ...] = get_args(Facts)
    return {kind: tuple(rule for rule in rules if subject(rule) is kind) for kind in kinds}


def check(rules: Rules, facts: Iterable[Facts]) -> Iterator[Violation]:
    """Yield every violation of ``rules`` in ``facts``.

    The facts of a household contain those of its members, and the facts of an enrollment those of its stints:
    each rule sees all that is of its kind, however deep it lies.
    """
    for _, violation in examine(rules, facts):
        yield violation


def examine(rules: Rules, facts: Iterable[Facts]) -> Iterator[tuple[Facts, Violation]]:
    """Yield what `check` yields, each violation with the facts in which it was found."""
    wanted = by_subject(rules)
    for each in facts:
        for rule in wanted[type(each)]:
            for violation in rule(each):
                yield each, violation
        yield from examine(rules, _parts(each))


def _parts(facts: Facts) -> Iterable[Facts]:
    if isinstance(facts, HouseholdFacts):
        return facts.members
    return facts.stints if isinstance(facts, EnrollmentFacts) else ()


def for_project_types(rule: Rule, project_types: Iterable[ProjectType]) -> Rule:
    """Return ``rule`` narrowed to projects of these types; a rule about a caseload sees only the cases in them."""
    wanted = frozenset(project_types)

    @wraps(rule)
    def narrowed(facts: Any) -> Iterable[Violation]:
        if isinstance(facts, CaseloadFacts):
            within = tuple(case for case in facts.cases if case.project.project_type in wanted)
            return rule(attrs.evolve(facts, cases=within))
        project = facts.members[0].project if isinstance(facts, HouseholdFacts) else facts.project
        return rule(facts) if project.project_type in wanted else ()

    return _about(rule, narrowed, narrowed_to_types(sql_of(rule), wanted))


def for_heads_of_household(rule: Rule) -> Rule:
    """Return ``rule``, which is about assignments or enrollments, narrowed to heads of household.

    Raises `InvalidRecordError` for a rule about what has no head: a household as a whole, or a caseload.
    """
    kind = subject(rule)
    if kind in {HouseholdFacts, CaseloadFacts}:
        raise InvalidRecordError("Rule", "for_heads_of_household", f"cannot narrow a rule about {kind.__name__}")

    @wraps(rule)
    def narrowed(facts: Any) -> Iterable[Violation]:
        return rule(facts) if facts.enrollment.is_head else ()

    return _about(rule, narrowed, narrowed_to_heads(sql_of(rule)))


def name_of(rule: Rule) -> str:
    """Return what a rule is called; an object that can be called, as its class."""
    return str(getattr(rule, "__name__", type(rule).__name__))


def _about(rule: Rule, narrowed: Rule, form: InSQL | None) -> Rule:
    """Say of a narrowed rule what it is about, and its name; `wraps` takes them over only from a function."""
    narrowed.__annotations__ = {"facts": subject(rule)}
    narrowed.__name__ = name_of(rule)
    return carry(narrowed, form)
