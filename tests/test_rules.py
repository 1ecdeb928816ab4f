"""The rules and the engine that runs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from test_model import stay, stint
from world import TODAY, USERS, day

from caseassign import (
    ADVISORY_RULES,
    GUARDS,
    REQUIRED_RULES,
    CaseAssignment,
    Enrollment,
    Project,
    ProjectType,
    User,
    Violation,
)
from caseassign.errors import InvalidRecordError
from caseassign.rules import (
    AssignmentFacts,
    CaseloadFacts,
    EnrollmentFacts,
    HouseholdFacts,
    advisory,
    check,
    for_heads_of_household,
    for_project_types,
    guards,
    required,
)
from caseassign.rules.engine import subject

SHELTER = Project(project_id="es", organization_id="haven", project_type=1)
KIM, LEE = USERS[0], USERS[1]


def about_stint(assignment: CaseAssignment, enrollment: Enrollment, user: User = KIM, **more: Any) -> AssignmentFacts:
    """The facts of one stint."""
    return AssignmentFacts(
        assignment=assignment, enrollment=enrollment, project=SHELTER, user=user, as_of=more.pop("as_of", TODAY), **more
    )


def about_stay(enrollment: Enrollment, *assignments: CaseAssignment, as_of: Any = TODAY) -> EnrollmentFacts:
    """The facts of one stay."""
    users = {user.user_id: user for user in USERS}
    return EnrollmentFacts(enrollment=enrollment, project=SHELTER, assignments=assignments, users=users, as_of=as_of)


def codes(rules: Any, *facts: Any) -> list[str]:
    """The codes of the violations, in order."""
    return [violation.code for violation in check(rules, facts)]


STAY = stay(entry_date=day("01-10"), exit_date=day("02-10"))


@pytest.mark.parametrize(
    ("assignment", "found"),
    [
        (stint("01-10", "02-10"), []),
        (stint("01-09", "02-10"), ["starts-before-entry"]),
        (stint("02-10", "02-10"), []),
        (stint("02-11", "02-12"), ["starts-after-exit", "ends-after-exit"]),
        (stint("01-10", "02-11"), ["ends-after-exit"]),
        (stint("01-10"), ["open-after-exit"]),
        (stint("02-11"), ["starts-after-exit", "open-after-exit"]),
        (stint("01-10", kept_after_exit=True), []),
        (stint("02-11", "02-12", kept_after_exit=True), []),
        (stint("01-09", kept_after_exit=True), ["starts-before-entry"]),
    ],
)
def test_a_stint_lies_within_the_stay_unless_it_is_kept(assignment: CaseAssignment, found: list[str]) -> None:
    """SPEC 5, 6.8: starts-before-entry, starts-after-exit, ends-after-exit and open-after-exit, to the day."""
    assert codes(REQUIRED_RULES, about_stint(assignment, STAY)) == found


def test_a_stay_without_exit_asks_nothing_of_the_end() -> None:
    """SPEC 5: the exit rules hold if there is an exit."""
    assert codes(REQUIRED_RULES, about_stint(stint("12-31"), stay())) == []


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (("01-10", "01-20"), ("01-20", "01-30"), False),
        (("01-10", "01-20"), ("01-19", "01-30"), True),
        (("01-10", None), ("02-01", None), True),
        (("02-01", "02-05"), ("01-10", None), True),
        (("01-20", "01-20"), ("01-10", None), False),
        (("01-10", "01-20"), ("02-01", "02-05"), False),
    ],
)
def test_one_user_holds_an_enrollment_in_a_role_once_a_day(one: Any, other: Any, overlap: bool) -> None:
    """SPEC 5.2: overlap is checked against the whole timeline, in both directions; touching is none."""
    pair = (stint(*one, assignment_id="a2"), stint(*other, assignment_id="a1"))
    for stints in (pair, pair[::-1]):
        found = list(check(REQUIRED_RULES, [about_stay(stay(), *stints)]))
        assert [(violation.code, violation.ids) for violation in found] == [("overlaps-own", ("a1", "a2"))] * overlap


def test_other_users_and_other_roles_may_overlap() -> None:
    """SPEC 6.2: several case managers at once are allowed."""
    facts = about_stay(
        stay(), stint(), stint(assignment_id="a2", user_id="lee"), stint(assignment_id="a3", role="Navigator")
    )
    assert codes(REQUIRED_RULES, facts) == []


def test_three_stints_that_overlap_are_three_violations() -> None:
    """SPEC 5: every violation is reported, one about two records once."""
    stints = [stint(assignment_id=f"a{n}") for n in range(3)]
    assert codes(REQUIRED_RULES, about_stay(stay(), *stints)) == ["overlaps-own"] * 3


def test_no_live_stint_stands_on_a_deleted_enrollment() -> None:
    """SPEC 5: enrollment-deleted."""
    assert codes(REQUIRED_RULES, about_stay(stay(deleted=True), stint())) == ["enrollment-deleted"]


def test_an_enrollment_exits_on_or_after_its_entry() -> None:
    """SPEC 5: exits-before-entry; a same-day stay is fine."""
    assert codes(REQUIRED_RULES, about_stay(stay(exit_date=day("01-09")))) == ["exits-before-entry"]
    assert codes(REQUIRED_RULES, about_stay(stay(exit_date=day("01-10")))) == []


@pytest.mark.parametrize(
    ("user", "start", "found"),
    [
        (KIM, "03-02", []),
        (User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=day("03-02")), "03-01", []),
        (
            User(user_id="kim", organization_ids=frozenset({"haven"}), left_on=day("03-02")),
            "03-02",
            ["case-manager-left"],
        ),
        (User(user_id="kim", organization_ids=frozenset({"bridge"})), "03-02", ["no-access"]),
        (User(user_id="kim", permissions=frozenset({"all-organizations"})), "03-02", []),
        (
            User(user_id="kim", organization_ids=frozenset({"haven"}), is_case_manager=False),
            "03-02",
            ["not-a-case-manager"],
        ),
    ],
)
def test_the_guards_ask_who_may_hold_a_case(user: User, start: str, found: list[str]) -> None:
    """SPEC 5: case-manager-left, no-access and not-a-case-manager."""
    assert codes(GUARDS, about_stint(stint(start), stay(), user)) == found


def test_the_enrollment_belongs_to_the_client_that_was_named() -> None:
    """SPEC 5: wrong-client is asked only where a client was named."""
    assert codes(GUARDS, about_stint(stint(), stay(), client="c2")) == ["wrong-client"]
    assert codes(GUARDS, about_stint(stint(), stay(), client="c1")) == []


@pytest.mark.parametrize(
    ("enrollment", "assignments", "found"),
    [
        (stay(), [], ["unassigned"]),
        (stay(), [stint("01-10", "02-01")], ["unassigned"]),
        (stay(), [stint("01-10", "02-01"), stint("02-01", assignment_id="a2")], []),
        (stay(), [stint("03-03")], ["unassigned"]),
        (stay(exit_date=TODAY), [], []),
        (stay(entry_date=day("03-03")), [], []),
        (stay(deleted=True), [], []),
    ],
)
def test_an_open_enrollment_with_nobody_active_is_unassigned(enrollment: Any, assignments: Any, found: Any) -> None:
    """SPEC 5, 7.7: a case with one ended and one live stint is not unassigned."""
    assert codes((advisory.unassigned,), about_stay(enrollment, *assignments)) == found


LEES = {"assignment_id": "a2", "user_id": "lee"}


@pytest.mark.parametrize(
    ("enrollment", "assignments", "found"),
    [
        (stay(), [], []),
        (stay(), [stint("02-01")], []),
        (stay(), [stint("01-10", "02-01"), stint("02-01", **LEES)], []),
        (stay(), [stint("01-10", "02-01"), stint("02-02", **LEES)], [("02-01", "02-02")]),
        (stay(), [stint("01-10", "02-01")], [("02-01", "03-03")]),
        (stay(), [stint("01-10", "03-02")], [("03-02", "03-03")]),
        (stay(), [stint("01-10", "03-03")], []),
        (stay(), [stint("03-05")], []),
        (stay(), [stint("01-10", "01-10")], [("01-10", "03-03")]),
        (
            stay(),
            [stint("01-12", "01-14"), stint("01-13", "01-20", **LEES), stint("02-01", "02-05", assignment_id="a3")],
            [("01-20", "02-01"), ("02-05", "03-03")],
        ),
        (stay(), [stint("01-10", "02-01"), stint("02-10", role="Cover", **LEES)], [("02-01", "02-10")]),
        (stay(), [stint("01-01", "01-20"), stint("01-25", **LEES)], [("01-20", "01-25")]),
        (stay(), [stint("01-01", "01-05")], [("01-10", "03-03")]),
        (stay(exit_date=day("02-10")), [stint("01-10", "02-01")], [("02-01", "02-10")]),
        (stay(exit_date=day("02-10")), [stint("01-10", "02-10")], []),
        (stay(exit_date=day("03-20")), [stint("01-10", "02-01")], [("02-01", "03-03")]),
        (stay(exit_date=day("01-05")), [stint("01-10", "02-01")], []),
        (stay(deleted=True), [stint("01-10", "02-01")], []),
    ],
)
def test_days_that_nobody_covers_are_gaps(enrollment: Any, assignments: Any, found: Any) -> None:
    """SPEC 5: one gap for each run of days, from the first assignment to the close of the day, or the exit."""
    violations = list(check((advisory.gap,), [about_stay(enrollment, *assignments)]))
    assert [(v.code, v.ids, v.message.split(" e1 ")[1]) for v in violations] == [
        ("gap", ("e1",), f"from 2026-{start} until 2026-{end}") for start, end in found
    ]


def test_a_gap_on_the_last_day_of_all_is_found() -> None:
    """SPEC 3.1: there is no day after it, and an audit of it is still one."""
    (violation,) = check((advisory.gap,), [about_stay(stay(), stint("01-10", "02-01"), as_of=date.max)])
    assert violation.message.endswith("from 2026-02-01 until further notice")
    exited = stay(exit_date=day("02-05"))
    assert len(codes((advisory.gap,), about_stay(exited, stint("01-10", "02-01"), as_of=date.max))) == 1


COVERS = {"role": "Cover", "assignment_id": "a2", "user_id": "lee"}


@pytest.mark.parametrize(
    ("enrollment", "assignments", "found"),
    [
        (stay(), [stint("02-01", **COVERS)], ["only-cover"]),
        (stay(), [stint("02-01", "03-02"), stint("02-01", **COVERS)], ["only-cover"]),
        (stay(), [stint("02-01"), stint("02-01", **COVERS)], []),
        (stay(), [stint("02-01", "03-02", **COVERS)], []),
        (stay(), [], []),
        (stay(exit_date=TODAY), [stint("02-01", **COVERS)], []),
        (stay(deleted=True), [stint("02-01", **COVERS)], []),
    ],
)
def test_an_open_enrollment_that_is_only_covered_is_found(enrollment: Any, assignments: Any, found: Any) -> None:
    """SPEC 5: only-cover, where somebody is active and everybody is in role Cover."""
    assert codes((advisory.only_cover,), about_stay(enrollment, *assignments)) == found


def member(number: int, *holders: CaseAssignment, **fields: Any) -> EnrollmentFacts:
    """The facts of one member of a household."""
    fields = {"enrollment_id": f"e{number}", "personal_id": f"c{number}", "household_id": "h"} | fields
    return about_stay(stay(**fields), *holders)


def household(*members: EnrollmentFacts) -> HouseholdFacts:
    """The facts of a household."""
    return HouseholdFacts(members=members, as_of=TODAY)


def test_members_who_are_open_share_their_case_managers() -> None:
    """SPEC 5: household-differs looks at members who are open as of the day, cover aside (SPEC 6.14)."""
    rule = (advisory.household_differs,)
    kims, lees = stint(), stint(assignment_id="a2", user_id="lee")
    cover = stint(assignment_id="a3", user_id="sam", role="Cover")
    assert codes(rule, household(member(1, kims), member(2, lees))) == ["household-differs"]
    assert codes(rule, household(member(1, kims, lees), member(2, lees, kims))) == []
    assert codes(rule, household(member(1, kims, cover), member(2, kims))) == []
    assert codes(rule, household(member(1, kims), member(2, exit_date=TODAY))) == []
    assert codes(rule, household(member(1, kims), member(2))) == ["household-differs"]
    violation = next(check(rule, [household(member(2, kims), member(1), member(3, exit_date=TODAY))]))
    assert violation.ids == ("e1", "e2")


def test_a_household_has_one_head() -> None:
    """SPEC 5: no-head and several-heads, whatever the members' dates."""
    rules = (advisory.no_head, advisory.several_heads)
    head, child = {"relationship_to_hoh": 1}, {"relationship_to_hoh": 2}
    assert codes(rules, household(member(1, **head), member(2, **child))) == []
    assert codes(rules, household(member(1, **child))) == ["no-head"]
    assert codes(rules, household(member(1, **head), member(2, **head, exit_date=day("02-01")))) == ["several-heads"]


@pytest.mark.parametrize(
    ("rule", "user", "assignment", "enrollment", "found"),
    [
        (advisory.held_by_departed, USERS[4], stint(), stay(), 1),
        (advisory.held_by_departed, USERS[4], stint(end="03-02"), stay(), 0),
        (advisory.held_by_departed, KIM, stint(), stay(), 0),
        (advisory.held_by_departed, USERS[4], stint(), stay(deleted=True), 0),
        (advisory.held_without_access, USERS[3], stint(), stay(), 1),
        (advisory.held_without_access, USERS[3], stint("03-03"), stay(), 0),
        (advisory.held_without_access, KIM, stint(), stay(), 0),
        (advisory.kept_after_exit, KIM, stint(kept_after_exit=True), stay(exit_date=TODAY), 1),
        (advisory.kept_after_exit, KIM, stint(kept_after_exit=True), stay(exit_date=day("12-01")), 1),
        (advisory.kept_after_exit, KIM, stint("02-01", "03-02", kept_after_exit=True), stay(exit_date=TODAY), 0),
        (advisory.kept_after_exit, KIM, stint(kept_after_exit=True), stay(), 0),
        (advisory.kept_after_exit, KIM, stint(), stay(exit_date=TODAY), 0),
        (advisory.kept_after_exit, KIM, stint(kept_after_exit=True), stay(exit_date=TODAY, deleted=True), 0),
    ],
)
def test_the_audit_lists_cases_that_are_held_oddly(
    rule: Any, user: Any, assignment: Any, enrollment: Any, found: int
) -> None:
    """SPEC 5: held-by-departed, held-without-access and kept-after-exit."""
    assert len(codes((rule,), about_stint(assignment, enrollment, user))) == found


LEFT = User(user_id="gone", organization_ids=frozenset({"haven"}), left_on=day("02-01"))
ABROAD = User(user_id="bo", organization_ids=frozenset({"bridge"}))
COVERED = stint("02-01", role="Cover")
EXITED = stay(exit_date=day("02-10"))
FOUND: list[tuple[Any, str, str, str | None, tuple[str, ...]]] = [
    (about_stint(stint("01-09", "02-10"), EXITED), "starts-before-entry", "start_date", "entry_date", ("a1",)),
    (about_stint(stint("02-11", "02-12"), EXITED), "starts-after-exit", "start_date", "exit_date", ("a1",)),
    (about_stint(stint("01-10", "02-11"), EXITED), "ends-after-exit", "end_date", "exit_date", ("a1",)),
    (about_stint(stint("01-10"), EXITED), "open-after-exit", "end_date", "exit_date", ("a1",)),
    (about_stint(stint(), stay(deleted=True)), "enrollment-deleted", "enrollment_id", "deleted", ("a1",)),
    (about_stint(stint(), stay(), LEFT), "case-manager-left", "user_id", "start_date", ("a1",)),
    (about_stint(stint(), stay(), ABROAD), "no-access", "user_id", None, ("a1",)),
    (about_stint(stint(), stay(), USERS[5]), "not-a-case-manager", "user_id", None, ("a1",)),
    (about_stint(stint(), stay(), client="c2"), "wrong-client", "enrollment_id", "personal_id", ("a1",)),
    (about_stint(stint(), stay(), LEFT), "held-by-departed", "user_id", None, ("a1",)),
    (about_stint(stint(), stay(), ABROAD), "held-without-access", "user_id", None, ("a1",)),
    (about_stint(stint(kept_after_exit=True), EXITED), "kept-after-exit", "end_date", "exit_date", ("a1",)),
    (about_stay(stay(), stint(), stint(assignment_id="a2")), "overlaps-own", "start_date", "end_date", ("a1", "a2")),
    (about_stay(stay(exit_date=day("01-09"))), "exits-before-entry", "exit_date", "entry_date", ("e1",)),
    (about_stay(stay()), "unassigned", "enrollment_id", None, ("e1",)),
    (about_stay(stay(), stint("01-10", "02-01")), "gap", "start_date", None, ("e1",)),
    (about_stay(stay(), COVERED), "only-cover", "role", None, ("e1",)),
    (household(member(1, stint()), member(2)), "household-differs", "user_id", None, ("e1", "e2")),
    (household(member(1)), "no-head", "relationship_to_hoh", None, ("e1",)),
    (
        household(*(member(number, relationship_to_hoh=1) for number in (2, 1))),
        "several-heads",
        "relationship_to_hoh",
        None,
        ("e1", "e2"),
    ),
]


@pytest.mark.parametrize(("facts", "code", "field", "against", "ids"), FOUND, ids=[found[1] for found in FOUND])
def test_a_violation_names_the_field_that_a_form_marks_the_other_one_and_the_records(
    facts: Any, code: str, field: str, against: str | None, ids: tuple[str, ...]
) -> None:
    """SPEC 5: code, field and ids; and where two fields contradict each other, both."""
    found = [v for v in check((*REQUIRED_RULES, *GUARDS, *ADVISORY_RULES), [facts]) if v.code == code]
    assert [(v.field, v.against, v.ids, v.amount) for v in found] == [(field, against, ids, None)]
    assert all(v.message for v in found)


def test_the_fields_of_every_rule_are_held_to() -> None:
    """SPEC 5: no rule's fields are left to chance."""
    names = [rule.__name__.replace("_", "-") for rule in (*REQUIRED_RULES, *GUARDS, *ADVISORY_RULES)]
    assert sorted(found[1] for found in FOUND) == sorted(names)


def test_every_rule_carries_its_code_as_its_name_and_its_sentence_as_its_docstring() -> None:
    """SPEC 5: a rule's function carries the code in snake_case; its docstring is the sentence that must be true."""
    for rule in (*REQUIRED_RULES, *GUARDS, *ADVISORY_RULES):
        source = {v for v in rule.__code__.co_consts if isinstance(v, str)}
        assert rule.__name__.replace("_", "-") in source
        assert (rule.__doc__ or "").rstrip().endswith(".")


def test_the_sets_are_tuples_that_hold_what_their_modules_define() -> None:
    """SPEC 5: three sets, three tuples, none forgotten."""
    for module, rules in ((required, REQUIRED_RULES), (guards, GUARDS), (advisory, ADVISORY_RULES)):
        defined = {
            v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__ and callable(v)
        }
        assert defined == set(rules)


def test_a_household_is_checked_down_to_its_stints() -> None:
    """SPEC 5: the engine runs any set of rules over any set of facts and reports all violations."""
    facts = household(member(1, stint("01-01"), stint("01-02", assignment_id="a2")))
    assert sorted(codes((*REQUIRED_RULES, advisory.no_head), facts)) == [
        "no-head",
        "overlaps-own",
        "starts-before-entry",
        "starts-before-entry",
    ]


def too_many(facts: CaseloadFacts) -> Iterator[Violation]:
    """An agency's own rule about a caseload."""
    if len(facts.cases) > 1:
        yield Violation("too-many", "user_id", [facts.user.user_id], "more than one case")


def test_an_outsiders_rule_is_a_plain_function_of_the_facts_that_it_is_annotated_with() -> None:
    """SPEC 5: agencies add their own rules."""
    case = about_stint(stint(), stay())
    assert codes((too_many,), CaseloadFacts(user=KIM, cases=(case, case), as_of=TODAY)) == ["too-many"]
    assert codes((too_many,), case) == []


class AtMost:
    """A rule may be an object that is called."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, facts: EnrollmentFacts) -> Iterator[Violation]:
        """At most so many are active on an enrollment."""
        if len(facts.holders) > self.limit:
            yield Violation("at-most", "user_id", [facts.enrollment.enrollment_id], "too many")


def test_a_rule_may_be_an_object() -> None:
    """SPEC 5: a rule is whatever can be called with its facts."""
    facts = about_stay(stay(), stint(), stint(assignment_id="a2", user_id="lee"))
    assert codes((AtMost(1),), facts) == ["at-most"]
    assert codes((AtMost(2),), facts) == []


class Mute:
    """An object that does not say what it is about."""

    def __call__(self, facts):  # type: ignore[no-untyped-def]  # wrong on purpose
        """Nothing."""
        return ()


def test_a_rule_that_does_not_say_what_it_is_about_is_refused_with_a_hint() -> None:
    """SPEC 5: a rule has one subject; what it returns is none, and neither are facts of our own making."""

    def lost(facts):  # type: ignore[no-untyped-def]  # wrong on purpose
        return ()

    def backwards(facts) -> EnrollmentFacts:  # type: ignore[no-untyped-def]  # wrong on purpose
        return facts  # type: ignore[no-any-return]  # wrong on purpose

    def misspelt(facts: "EnrolmentFacts") -> Any:  # type: ignore[name-defined]  # noqa: F821, UP037
        return ()

    for rule in (lost, backwards, misspelt, Mute, Mute()):
        with pytest.raises(InvalidRecordError) as error:
            subject(rule)
        name = "Mute" if isinstance(rule, Mute) else rule.__name__
        assert (error.value.kind, error.value.field) == ("Rule", name)
        kinds = "AssignmentFacts, EnrollmentFacts, HouseholdFacts, CaseloadFacts"
        assert error.value.problem.endswith(f"annotate its parameter with one of {kinds}")


def test_a_rule_is_narrowed_to_project_types() -> None:
    """SPEC 5: rules per project type, for stints, stays and households."""
    shelters_only = for_project_types(advisory.unassigned, {1})  # type: ignore[arg-type]  # wrong on purpose
    homes_only = for_project_types(advisory.unassigned, {13})  # type: ignore[arg-type]  # wrong on purpose
    assert codes((shelters_only, homes_only), about_stay(stay())) == ["unassigned"]
    heads_of_shelters = for_project_types(advisory.no_head, {1})  # type: ignore[arg-type]  # wrong on purpose
    assert codes((heads_of_shelters,), household(member(1))) == ["no-head"]


def test_a_rule_is_narrowed_to_heads_of_household() -> None:
    """SPEC 5: unassigned may be asked of heads of household only."""
    rule = (for_heads_of_household(advisory.unassigned),)
    assert codes(rule, member(1, relationship_to_hoh=1)) == ["unassigned"]
    assert codes(rule, member(1, relationship_to_hoh=2)) == []
    for whole in (advisory.household_differs, too_many):
        with pytest.raises(InvalidRecordError, match=r"^Rule\.for_heads_of_household cannot narrow a rule about"):
            for_heads_of_household(whole)


def test_a_narrowed_rule_keeps_its_name_its_sentence_and_its_subject() -> None:
    """SPEC 5: its function carries the code, and it can be narrowed again."""
    narrow = for_project_types(for_heads_of_household(advisory.unassigned), [ProjectType(1)])
    assert (narrow.__name__, narrow.__doc__) == ("unassigned", advisory.unassigned.__doc__)
    assert codes((narrow,), member(1, relationship_to_hoh=1), member(2, relationship_to_hoh=2)) == ["unassigned"]
    objects = for_heads_of_household(for_project_types(AtMost(0), [ProjectType(1)]))
    assert codes((objects,), about_stay(stay(relationship_to_hoh=1), stint())) == ["at-most"]
    assert codes((for_heads_of_household(AtMost(0)),), about_stay(stay(), stint())) == []
