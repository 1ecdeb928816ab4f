"""The checks: what a store must do, each a function whose docstring is one sentence of the contract."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc
from typing import Final, TypeAlias

from caseassign.testing import blocks, durability, finders, ids, lines, races, records, side_by_side
from caseassign.testing.place import Place

Check: TypeAlias = Callable[[Place], None]
"""Raises whatever it likes where a store does not do what its docstring says."""

ALWAYS: Final[tuple[Check, ...]] = (
    records.every_kind_comes_back_equal,
    records.texts_come_back_equal,
    records.days_come_back_equal,
    records.ends_come_back,
    records.batches_come_back,
    ids.ids_are_told_apart,
    ids.ids_may_be_digits,
    ids.ids_no_record_can_have_find_nothing,
    ids.ids_may_be_unknown_or_repeated,
    records.records_come_in_the_order_of_their_ids,
    ids.many_ids_at_once,
    records.adding_what_is_there_is_refused,
    records.replacing_what_is_not_there_is_refused,
    records.replacing_replaces_every_field,
    records.a_reference_to_nothing_is_refused,
    records.what_is_added_may_fail_on_the_way,
    records.calls_with_nothing_do_nothing,
    records.errors_tell_no_names,
    records.what_is_iterated_may_be_written,
    finders.finders_find_what_belongs,
    finders.answers_have_a_total_order,
    finders.members_of_a_household_come_together,
    finders.deleted_and_void_records_are_among_the_answers,
    finders.what_has_ended_is_left_out,
    finders.who_is_unassigned,
    finders.finders_keep_to_projects,
    finders.projects_of_enrollments,
    finders.finders_follow_what_is_replaced,
    lines.lines_come_back_equal,
    lines.lines_are_found,
    lines.the_head_moves_on,
    lines.lines_after_a_moment,
    lines.a_line_that_does_not_continue_is_refused,
    lines.a_change_id_comes_once,
    lines.history_cannot_be_changed,
    lines.lines_are_handed_out_as_copies,
    lines.a_history_that_grows_comes_to_an_end,
    lines.what_imports_said_comes_back,
    lines.personal_texts_come_back,
    lines.personal_texts_can_be_removed,
    blocks.leaving_the_block_commits,
    blocks.own_writes_are_seen,
    blocks.an_exception_undoes_everything,
    blocks.an_interrupt_undoes_everything,
    blocks.errors_of_the_caller_come_out,
    blocks.a_failed_call_leaves_nothing,
    blocks.only_errors_of_the_library_come_out,
    blocks.a_reading_block_cannot_write,
    blocks.a_transaction_ends_with_its_block,
    blocks.a_thread_is_in_one_block_at_a_time,
    blocks.a_transaction_belongs_to_its_thread,
    blocks.blocks_of_two_stores_go_together,
    races.nobody_sees_what_is_not_committed,
    races.a_reader_sees_one_state,
    races.no_update_is_lost,
    races.what_was_decided_on_still_holds,
    races.an_exclusive_role_has_one_holder,
    races.a_history_does_not_fork,
    side_by_side.agrees_with_the_reference,
)
"""What every store must do."""

IF_SHARED: Final[tuple[Check, ...]] = (
    durability.openings_see_one_another,
    races.processes_lose_no_update,
    races.processes_share_an_exclusive_role,
)
"""What a store must do that can be open several times at once."""

IF_DURABLE: Final[tuple[Check, ...]] = (
    durability.what_was_committed_is_there_when_opened_again,
    durability.what_ends_after_closing_is_kept,
    durability.nothing_acknowledged_is_lost_to_a_kill,
    durability.a_kill_inside_a_block_leaves_nothing_of_it,
    durability.days_do_not_depend_on_the_time_zone,
)
"""What a store must do that keeps what it has when it is closed."""

CHECKS: Final[tuple[Check, ...]] = (*ALWAYS, *IF_SHARED, *IF_DURABLE, blocks.closing_ends_it)
"""Every check. The one that closes the store comes last, as a store that is not durable is open only once."""


def name_of(check: Check) -> str:
    """Return the name of a check, such as ``no-update-is-lost``."""
    return check.__name__.replace("_", "-")


def sentence_of(check: Check) -> str:
    """Return the sentence of the contract that a check is about."""
    return getdoc(check) or ""
