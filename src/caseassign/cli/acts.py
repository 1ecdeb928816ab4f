"""The commands that act, one for each act of `Casework`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from shlex import quote
from typing import Any, Final, TypeAlias

import attrs

from caseassign.acts.assign import UNCHANGED
from caseassign.acts.outcome import Outcome
from caseassign.acts.run import How
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands, Parser, Run, WrongUsageError
from caseassign.cli.output import answer, telling
from caseassign.cli.store import acting_user, opened
from caseassign.clock import agency_today
from caseassign.display import text
from caseassign.display.blocks import Block, Line, clean
from caseassign.history import COMMAND, RecordKey, to_plain
from caseassign.model import CASE_MANAGER, Actor
from caseassign.policy import Action, DefaultPolicy, Request
from caseassign.storage import Store

Act: TypeAlias = Callable[[Casework, Namespace], Outcome]

NOBODY: Final = "nobody"
"""What is typed where an enrollment shall have no case manager."""


def add_commands(commands: Commands) -> None:
    """Add every command that acts."""
    enroll = _command(commands, "enroll", _enroll, "Enroll a client, or a household at once, in a project.")
    enroll.add_argument(
        "clients",
        nargs="+",
        metavar="CLIENT[=RELATIONSHIP]",
        help="a client, of a household with the HMIS code, as C1=1",
    )
    enroll.add_argument("--project", required=True, metavar="ID", help="the project")
    add_day(enroll, "the entry; default: today")
    arguments.several(
        enroll, "--case-manager", "ID", f"a user, {NOBODY}, or CLIENT=ID for one member; default: the acting user"
    )
    enroll.add_argument("--household-id", metavar="ID", help="the household; default: a new one")

    assign = _command(commands, "assign", _assign, "Make a user responsible for an enrollment.")
    add_enrollment(assign)
    assign.add_argument("--case-manager", default=Actor.ME, metavar="ID", help="the user; default: the acting user")
    assign.add_argument("--start", type=arguments.day, metavar="DAY", help="the first day responsible; default: today")
    assign.add_argument("--end", type=arguments.day, metavar="DAY", help="the first day no longer responsible")
    assign.add_argument("--role", default=CASE_MANAGER, metavar="ROLE", help=f"default: {CASE_MANAGER}")
    assign.add_argument("--household", action="store_true", help="assign every member who has not exited")
    assign.add_argument("--client", metavar="ID", help="make sure that the enrollment is this client's")
    assign.add_argument("--replace", action="store_true", help="end whoever holds the role on the day of the start")

    end = _command(commands, "end", _end, "End an assignment.")
    _assignment(end)
    add_day(end, "the first day no longer responsible; default: today, or the exit of an exited enrollment")

    amend = _command(commands, "amend", _amend, "Correct the days or the role of an assignment.")
    _assignment(amend)
    amend.add_argument("--start-date", type=arguments.day, default=UNCHANGED, metavar="DAY", help="the first day")
    amend.add_argument(
        "--end-date", type=arguments.day_or_none, default=UNCHANGED, metavar="DAY|none", help="the first day after"
    )
    amend.add_argument("--role", default=UNCHANGED, metavar="ROLE", help="the role")

    hand_over = _command(commands, "hand-over", _hand_over, "End an assignment and start another user's, in one act.")
    _assignment(hand_over)
    hand_over.add_argument("--to", required=True, metavar="ID", help="the user who takes over")
    add_day(hand_over, "the first day of the other user; default: today")

    reactivate = _command(commands, "reactivate", _reactivate, "Make the user of a past assignment responsible again.")
    _assignment(reactivate)
    add_day(reactivate, "the first day responsible again; default: today")

    void = _command(commands, "void", _void, "Say that an assignment should never have existed.", reason_required=True)
    _assignment(void)

    exit_ = _command(commands, "exit", _exit, "Exit an enrollment, and end its assignments.")
    add_enrollment(exit_)
    add_day(exit_, "the exit; default: today")
    which = exit_.add_mutually_exclusive_group()
    which.add_argument("--keep", action="store_true", help="end no assignment: those that run past the exit are kept")
    arguments.several(which, "--end", "ASSIGNMENT", "end these only, and keep the others")
    exit_.add_argument("--household", action="store_true", help="exit every open member of the household")

    undo_exit = _command(commands, "undo-exit", _undo_exit, "Open an exited enrollment again, as it was.")
    add_enrollment(undo_exit)
    undo_exit.add_argument("--household", action="store_true", help="open every member that the same act exited")

    edit = _command(commands, "edit", _edit, "Correct the days, the relationship or the household of an enrollment.")
    add_enrollment(edit)
    edit.add_argument("--entry-date", type=arguments.day, default=UNCHANGED, metavar="DAY", help="the entry")
    edit.add_argument("--exit-date", type=arguments.day_or_none, default=UNCHANGED, metavar="DAY|none", help="the exit")
    edit.add_argument(
        "--relationship",
        type=arguments.number_or_none,
        default=UNCHANGED,
        metavar="N|none",
        help="what the client is to the head, as HMIS code",
    )
    edit.add_argument(
        "--household-id", type=arguments.text_or_none, default=UNCHANGED, metavar="ID|none", help="the household"
    )
    edit.add_argument("--adjust", action="store_true", help="clip or void assignments that would fall outside")


def acting(commands: Commands, name: str, run: Run, summary: str, *, reason_required: bool = False) -> Parser:
    """Add a command that acts, with the options that every one of them has, and return its parser."""
    parser = arguments.command(commands, name, run, summary)
    parser.add_argument("--user", required=True, metavar="ID", help="who acts; SYSTEM for the system")
    arguments.how(parser, reason_required=reason_required)
    return parser


def how(args: Namespace) -> How:
    """Return why an act is carried out, and in what manner."""
    return {"reason": args.reason, "command_id": args.command_id, "dry_run": args.dry_run}


def plain(outcome: Outcome) -> dict[str, Any]:
    """Return what an act did as plain data."""
    data: dict[str, Any] = {
        "batch_id": outcome.batch_id,
        "assignments": [to_plain(assignment) for assignment in outcome.assignments],
        "enrollments": [to_plain(enrollment) for enrollment in outcome.enrollments],
        "changes": len(outcome.changes),
    }
    if outcome.skipped:
        data["skipped"] = [attrs.asdict(skipped) for skipped in outcome.skipped]
    if outcome.withheld:
        data["withheld"] = outcome.withheld
    return data


def _command(commands: Commands, name: str, act: Act, summary: str, *, reason_required: bool = False) -> Parser:
    parser = acting(commands, name, _run, summary, reason_required=reason_required)
    parser.set_defaults(act=act)
    return parser


def add_enrollment(parser: Parser) -> None:
    """Add the enrollment that an act is about."""
    parser.add_argument("enrollment", metavar="ENROLLMENT", help="the id of the enrollment")


def _assignment(parser: Parser) -> None:
    parser.add_argument("assignment", metavar="ASSIGNMENT", help="the id of the assignment")


def add_day(parser: Parser, summary: str) -> None:
    """Add the day on which an act takes effect."""
    parser.add_argument("--on", type=arguments.day, metavar="DAY", help=summary)


@attrs.frozen
class Doing:
    """An act that is being carried out: who acts, whether it was carried out before, and who may take it back."""

    casework: Casework
    is_repeated: bool
    may_undo: bool

    @classmethod
    def of(cls, store: Store, args: Namespace) -> Doing:
        """Return what is known before the act."""
        user = acting_user(store, args.user)
        return cls(Casework(store, user=user), _is_repeated(store, args.command_id), _may_undo(store, user))

    def told(self, args: Namespace, outcome: Outcome, blocks: Callable[[], Iterable[Block]]) -> int:
        """Print what the act did, and how to take it back: on one line, however long, for it to be copied."""
        before = (Line(_REPEATED),) if self.is_repeated else ()
        with telling(outcome.batch_id):
            answer(args, data=lambda: plain(outcome), blocks=lambda: (*before, *blocks()))
            if outcome.batch_id is not None and not args.json:
                sys.stdout.write(clean(self._last_line(args, outcome.batch_id)) + "\n")
        return DONE

    def _last_line(self, args: Namespace, batch_id: str) -> str:
        if not self.may_undo:
            return f"Batch {batch_id}."
        words = ["caseassign", "undo", batch_id, "--store", args.store, "--user", args.user]
        return f"Undo with: {' '.join(map(quote, words))}"


_REPEATED: Final = "The command with this id was carried out before; this is what it did then."


def _is_repeated(store: Store, command_id: str | None) -> bool:
    if command_id is None:
        return False
    with store.transaction() as tx:
        return bool(tx.history.of_records([RecordKey(COMMAND, command_id)]))


def _may_undo(store: Store, user: str | Actor) -> bool:
    if isinstance(user, Actor):
        return True
    with store.transaction() as tx:
        actor = tx.users.get([user]).get(user)
    if actor is None:
        return False
    return DefaultPolicy().denial(Request(actor=actor, action=Action.BATCH_UNDO, today=agency_today())) is None


def _run(args: Namespace) -> int:
    with opened(args) as store:
        doing = Doing.of(store, args)
        outcome = args.act(doing.casework, args)
    return doing.told(args, outcome, lambda: text.outcome(outcome, dry_run=args.dry_run, today=agency_today()))


def _enroll(casework: Casework, args: Namespace) -> Outcome:
    members = _members(args.clients)
    relationships = {client: code for client, code in members.items() if code is not None}
    if not relationships and len(members) == 1:
        clients: Any = next(iter(members))
    elif len(relationships) == len(members):
        clients = relationships
    else:
        raise WrongUsageError("say what each member is to the head of household, such as C1=1 C2=3")
    case_manager = _case_managers(list(members), args.case_manager)
    return casework.enroll(clients, args.project, args.on, case_manager, args.household_id, **how(args))


def _members(words: list[str]) -> dict[str, int | None]:
    """Return clients with their relationship to the head; an ``=`` that no number follows belongs to an id."""
    members: dict[str, int | None] = {}
    for word in words:
        client, _, code = word.rpartition("=")
        if client and code.isascii() and code.isdigit():
            members[client] = int(code)
        else:
            members[word] = None
    if len(members) < len(words):
        raise WrongUsageError("a client is named twice: name each member once")
    return members


def _case_managers(clients: list[str], words: list[str] | None) -> Any:
    """Return one case manager for all, or one for each client."""
    for_all: list[Any] = []
    for_one: dict[str, Any] = {}
    for word in words or ():
        of = [client for client in clients if word.startswith(f"{client}=")]
        if of:
            client = max(of, key=len)
            for_one[client] = _somebody(word[len(client) + 1 :])
        else:
            for_all.append(_somebody(word))
    if len(for_all) > 1:
        raise WrongUsageError("name one case manager for all, or CLIENT=ID for each member")
    default = for_all[0] if for_all else Actor.ME
    return {client: for_one.get(client, default) for client in clients} if for_one else default


def _somebody(word: str) -> str | None:
    return None if word == NOBODY else word


def _assign(casework: Casework, args: Namespace) -> Outcome:
    return casework.assign(
        args.enrollment,
        args.case_manager,
        args.start,
        args.end,
        args.role,
        household=args.household,
        client=args.client,
        replace=args.replace,
        **how(args),
    )


def _end(casework: Casework, args: Namespace) -> Outcome:
    return casework.end(args.assignment, args.on, **how(args))


def _amend(casework: Casework, args: Namespace) -> Outcome:
    _check_corrected(args, "start_date", "end_date", "role")
    return casework.amend(args.assignment, args.start_date, args.end_date, args.role, **how(args))


def _check_corrected(args: Namespace, *fields: str) -> None:
    """Refuse a correction that corrects nothing."""
    if all(getattr(args, field) is UNCHANGED for field in fields):
        options = ", ".join(f"--{field.replace('_', '-')}" for field in fields)
        raise WrongUsageError(f"say what shall be corrected: {options}")


def _hand_over(casework: Casework, args: Namespace) -> Outcome:
    return casework.hand_over(args.assignment, args.to, args.on, **how(args))


def _reactivate(casework: Casework, args: Namespace) -> Outcome:
    return casework.reactivate(args.assignment, args.on, **how(args))


def _void(casework: Casework, args: Namespace) -> Outcome:
    return casework.void(args.assignment, args.reason, command_id=args.command_id, dry_run=args.dry_run)


def _exit(casework: Casework, args: Namespace) -> Outcome:
    ends = not args.keep if args.end is None else args.end
    return casework.exit(args.enrollment, args.on, ends, household=args.household, **how(args))


def _undo_exit(casework: Casework, args: Namespace) -> Outcome:
    return casework.undo_exit(args.enrollment, household=args.household, **how(args))


def _edit(casework: Casework, args: Namespace) -> Outcome:
    _check_corrected(args, "entry_date", "exit_date", "relationship", "household_id")
    return casework.edit_enrollment(
        args.enrollment,
        args.entry_date,
        args.exit_date,
        args.relationship,
        args.household_id,
        adjust=args.adjust,
        **how(args),
    )
