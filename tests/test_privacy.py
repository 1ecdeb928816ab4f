"""Nothing personal in errors, violations, logs or repr."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from test_import_export import Row, Sent
from test_invariants import SEQUENCES, busy_world, carry_out
from world import CLIENTS, USERS, World, day

from caseassign import CaseAssignError, Client, Enrollment, InvalidRecordError, Organization, Project, User

MARK = "Zzyzx"


def marked(world: World) -> World:
    """Give everybody the marked name."""
    people: list[Any] = [Client(personal_id=c.personal_id, first_name=MARK, last_name=MARK) for c in CLIENTS]
    people += [
        User(
            user_id=u.user_id,
            first_name=MARK,
            last_name=MARK,
            organization_ids=u.organization_ids,
            permissions=u.permissions,
            is_case_manager=u.is_case_manager,
            left_on=u.left_on,
        )
        for u in USERS
    ]
    world.system.add(*people, reason=MARK)
    return world


def shown(error: BaseException) -> str:
    """All that an error shows of itself, its causes included."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + str(error)


@settings(max_examples=80)
@given(SEQUENCES)
def test_no_act_shows_a_name_whether_it_is_refused_or_not(acts: list[tuple[Any, ...]]) -> None:
    """SPEC 8.4: any sequence of acts, and neither what is raised nor what is returned shows the mark."""
    world = marked(busy_world())
    raised: list[BaseException] = []
    returned: list[object] = []

    class Watched:
        """The front door, with every outcome and error written down."""

        def __getattr__(self, name: str) -> Any:
            method = getattr(World.as_(world, "sam"), name)

            def call(*args: Any, **kwargs: Any) -> Any:
                try:
                    outcome = method(*args, reason=MARK, **kwargs) if name != "void" else method(args[0], MARK)
                except CaseAssignError as error:
                    raised.append(error)
                    raise
                returned.append(outcome)
                return outcome

            return call

    world.sam = Watched()  # type: ignore[assignment]  # wrong on purpose
    for act in acts:
        carry_out(world, act)
    returned += [world.system.active_cases(user.user_id) for user in USERS]
    returned += [world.system.client_record("c1"), world.system.history(client="c1"), list(world.system.audit())]
    returned += [list(history) for history in (world.system.history(client="c1"), world.system.history(user="kim"))]
    assert any(MARK in str(line.after) for line in world.system.history(client="c1"))
    for error in raised:
        assert MARK not in shown(error)
        assert type(pickle.loads(pickle.dumps(error))) is type(error)  # noqa: S301  # our own pickle
    assert MARK not in repr(returned)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Client(personal_id="", first_name=MARK),
        lambda: Client(personal_id="c", first_name=[MARK]),  # type: ignore[arg-type]  # wrong on purpose
        lambda: User(user_id="u", organization_ids=MARK),
        lambda: User(user_id="u", left_on=MARK),  # type: ignore[arg-type]  # wrong on purpose
        lambda: Enrollment(enrollment_id="e", personal_id="c", project_id="p", entry_date=MARK),  # type: ignore[arg-type]  # wrong on purpose
        lambda: Enrollment(
            enrollment_id="e",
            personal_id="c",
            project_id="p",
            entry_date=day("01-01"),
            relationship_to_hoh=MARK,  # type: ignore[arg-type]  # wrong on purpose
        ),
        lambda: Project(project_id="p", project_type=MARK),  # type: ignore[arg-type]  # wrong on purpose
        lambda: World().kim.enroll("c1", "es", on=MARK),
        lambda: World().kim.active_cases(as_of=MARK),
    ],
)
def test_a_record_that_cannot_be_built_does_not_repeat_what_it_was_given(build: Any) -> None:
    """SPEC 8.4: the kind and the field, never the value."""
    with pytest.raises(InvalidRecordError) as error:
        build()
    assert MARK not in str(error.value)
    assert MARK not in repr(error.value)


def test_an_import_shows_counts_and_ids(world: World) -> None:
    """SPEC 8.4: neither the result nor the line of history holds a name."""
    export = Sent([Row(Organization(organization_id="O1")), Row(Client(personal_id="C1", first_name=MARK))])
    result = world.system.import_export(export)
    assert MARK not in repr(result)
    assert MARK not in str([line.after for line in world.system.history(batch=result.batch_id)])


def test_nothing_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """SPEC 8.4: the library writes no log of its own."""
    caplog.set_level(logging.DEBUG)
    marked(world).kim.enroll("c1", "es", reason=MARK)
    list(world.system.audit())
    assert caplog.records == []
