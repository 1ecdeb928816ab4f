"""The commands for acts on more than one case: caseloads, users who leave, households, and batches that are undone.

What moves a caseload shows its plan first, and asks. Where nobody can be asked, ``--yes`` has to say it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from caseassign.acts.assign import UNCHANGED
from caseassign.acts.caseload import AHousehold
from caseassign.acts.outcome import Outcome
from caseassign.acts.plan import EndedSince, PlannedCase, ReassignmentPlan
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.acts import Act, Doing, acting, add_day, add_enrollment, how
from caseassign.cli.arguments import DONE, NONE, REFUSED, Commands, Parser, WrongUsageError
from caseassign.cli.output import print_blocks, print_data, print_error
from caseassign.cli.store import check_known, check_part, opened, user_of
from caseassign.clock import agency_today
from caseassign.display import plans
from caseassign.display.blocks import Block, clean
from caseassign.display.words import counted
from caseassign.errors import RuleViolationError
from caseassign.model import Client, HouseholdKey
from caseassign.period import Period
from caseassign.storage import Store
from caseassign.teamwork import OfCaseload

_YES: Final = frozenset({"y", "yes"})


def add_commands(commands: Commands) -> None:
    """Add every command for teamwork."""
    reassign = acting(commands, "reassign", _reassign, "Hand over a caseload, or a part of it, after showing the plan.")
    reassign.add_argument("--from", dest="from_", required=True, metavar="ID", help="whose caseload")
    _receivers(reassign)
    add_day(reassign, "the first day of those who take over; default: today")
    _part(reassign)

    deactivate = acting(commands, "deactivate", _deactivate, "Say that a user leaves, and hand over what they hold.")
    deactivate.add_argument("worker", metavar="WORKER", help="the id of the user who leaves")
    add_day(deactivate, "the first day no longer worked; default: today")
    _receivers(deactivate)

    cover = acting(commands, "cover", _cover, "Have a user stand in for another one who is away.")
    cover.add_argument("--for", dest="for_", required=True, metavar="ID", help="the user who is away")
    cover.add_argument("--by", required=True, metavar="ID", help="the user who stands in")
    cover.add_argument("--start", type=arguments.day, required=True, metavar="DAY", help="the first day of the cover")
    cover.add_argument("--end", type=arguments.day, required=True, metavar="DAY", help="the first day back")
    _part(cover)

    undo = _simple(commands, "undo", _undo, "Reverse a batch: what it created is voided, what it changed is as before.")
    undo.add_argument("batch", metavar="BATCH", help="the id of the batch, as the act showed it")

    summary = "Let an enrollment join or leave a household, or make two households one."
    words = commands.add_parser("household", help=summary, description=summary).add_subparsers(
        metavar="join|leave|merge", required=True
    )
    join = _simple(words, "join", _join, "Let an enrollment join a household of its project.")
    add_enrollment(join)
    join.add_argument("household", metavar="HOUSEHOLD", help="the HouseholdID")
    add_day(join, "from when on the household's case managers are responsible; default: today")
    join.add_argument("--no-share", action="store_true", help="leave the case managers of the enrollment as they are")
    join.add_argument(
        "--relationship",
        type=arguments.number_or_none,
        default=UNCHANGED,
        metavar="N|none",
        help="what the client is to the head, as HMIS code",
    )
    leave = _simple(words, "leave", _leave, "Let an enrollment leave its household and be one of its own.")
    add_enrollment(leave)
    add_day(leave, "the day; not before the entry; default: today")
    merge = _simple(words, "merge", _merge, "Make two households of one project one.")
    merge.add_argument("from_", metavar="FROM", help="the HouseholdID that will be no more")
    merge.add_argument("into", metavar="INTO", help="the HouseholdID that stays")
    merge.add_argument("--project", metavar="ID", help="the project, where the HouseholdID stands in several")
    add_day(merge, "from when on everybody is responsible who was so in either; default: today")


def _simple(commands: Commands, name: str, act: Act, summary: str) -> Parser:
    parser = acting(commands, name, _run, summary)
    parser.set_defaults(act=act)
    return parser


def _receivers(parser: Parser) -> None:
    """Add who takes over, and how that is agreed to."""
    arguments.several(parser, "--to", "ID", "the user who takes over, or several with --balance")
    parser.add_argument("--balance", action="store_true", help="spread households, to the lightest caseload first")
    arguments.several(
        parser,
        "--to-case",
        "CASE=ID",
        f"who gets this case (an assignment, enrollment or client, with its household); CASE={NONE}: it stays",
        type=_case_to,
    )
    parser.add_argument(
        "--ended-since",
        choices=get_args(EndedSince),
        default="move",
        help="what becomes of a case that has ended since a past day; default: move",
    )
    parser.add_argument("--leave-refused", action="store_true", help="leave cases that a rule refuses, move the others")
    parser.add_argument("--yes", action="store_true", help="carry the plan out without asking")


def _part(parser: Parser) -> None:
    """Add which part of a caseload is meant."""
    arguments.part(parser)
    arguments.several(parser, "--household", "ID", "only these households")
    arguments.several(parser, "--client", "ID", "only these clients")
    arguments.several(parser, "--role", "ROLE", "only these roles")
    parser.add_argument("--split-households", action="store_true", help="not the whole household of whoever is meant")


def _case_to(word: str) -> tuple[str, str | None]:
    """Return the case that was typed, and who gets it."""
    case, _, user_id = word.rpartition("=")
    if not (case and user_id):
        raise ArgumentTypeError(f"write CASE=ID, such as E1=U2; CASE={NONE} leaves the case where it is")
    return case, arguments.text_or_none(user_id)


# Caseloads


def _reassign(args: Namespace) -> int:
    _check_receivers(args, args.from_, required=True)
    with opened(args) as store:
        doing = Doing.of(store, args)
        casework = doing.casework
        if doing.is_repeated:  # then there is no plan, and the first outcome is told again
            outcome = casework.reassign(args.from_, args.to or {}, args.on, balance=args.balance, **how(args))
            return doing.told(args, outcome, lambda: _done(args, outcome))
        plan = _plan(casework, args, args.from_, _part_of(store, args))
        status = _status_unless_agreed(store, args, plan)
        if status is not None:
            return status
        outcome = casework.apply(plan, **how(args))
    return doing.told(args, outcome, lambda: plans.carried_out(plan))


def _deactivate(args: Namespace) -> int:
    _check_receivers(args, args.worker, required=False)
    with opened(args) as store:
        doing = Doing.of(store, args)
        casework = doing.casework
        leaver, plan, day = user_of(store, args.worker), None, args.on
        if (args.to or args.to_case) and not doing.is_repeated:
            casework.deactivate(leaver, day, dry_run=True)  # nobody is asked about what would then be denied
            plan = _plan(casework, args, leaver.user_id, {})
            day = plan.on
            status = _status_unless_agreed(store, args, plan)
            if status is not None:
                return status
        outcome = casework.deactivate(leaver, day, plan, **how(args))
    moved = () if plan is None else plans.carried_out(plan)
    return doing.told(args, outcome, lambda: (*moved, *plans.departure(leaver, outcome, dry_run=args.dry_run)))


def _cover(args: Namespace) -> int:
    with opened(args) as store:
        doing = Doing.of(store, args)
        part = _part_of(store, args)
        outcome = doing.casework.cover(args.for_, args.by, args.start, args.end, **part, **how(args))
        away, stand_in = user_of(store, args.for_), user_of(store, args.by)
    asked = Period(args.start, args.end)
    return doing.told(args, outcome, lambda: plans.cover(outcome, away, stand_in, asked, dry_run=args.dry_run))


def _check_receivers(args: Namespace, holder: str, *, required: bool) -> None:
    if holder in (args.to or ()):
        raise WrongUsageError("--to names the user whose caseload it is")
    if required and not (args.to or args.to_case):
        raise WrongUsageError("say who takes over: --to ID for all cases, --to-case CASE=ID for some")
    if len(set(args.to or ())) > 1 and not args.balance:
        raise WrongUsageError(
            "several users take over: add --balance to spread the households among them, "
            "or say with --to-case CASE=ID who gets which"
        )


def _part_of(store: Store, args: Namespace) -> OfCaseload:
    """Return which part of a caseload is meant, after making sure that there is what is named."""
    check_part(store, args)
    check_known(store, Client.KIND, args.client)
    return {
        "projects": args.project,
        "organizations": args.organization,
        "households": args.household,
        "clients": args.client,
        "roles": args.role,
        "whole_households": not args.split_households,
    }


def _plan(casework: Casework, args: Namespace, holder: str, part: OfCaseload) -> ReassignmentPlan:
    """Return the plan: all goes to whom ``--to`` names, but for the cases that ``--to-case`` names."""
    named = dict(args.to_case or ())

    def planned(to: list[str] | Mapping[str, str | None]) -> ReassignmentPlan:
        return casework.plan_reassignment(
            holder, to, args.on, balance=args.balance, ended_since=args.ended_since, **part
        )

    if not args.to:
        return planned(named)
    plan = planned(args.to)
    if not named:
        return plan
    together = _together if part.get("whole_households", True) else _alone
    apart = {together(line) for line in plan if not named.keys().isdisjoint(_ids(line))}
    others = {
        line.assignment.assignment_id: line.to for line in plan if line.to is not None and together(line) not in apart
    }
    return planned({**others, **named})


def _ids(line: PlannedCase) -> tuple[str, str, str]:
    """Return by what a case can be named."""
    enrollment = line.case.enrollment
    return line.assignment.assignment_id, enrollment.enrollment_id, enrollment.personal_id


def _alone(line: PlannedCase) -> object:
    return line.assignment.assignment_id


def _together(line: PlannedCase) -> object:
    """Return what is the same for cases that are moved together."""
    return line.case.enrollment.household_key or line.case.enrollment.enrollment_id


# Agreeing to a plan


def _status_unless_agreed(store: Store, args: Namespace, plan: ReassignmentPlan) -> int | None:
    """Show a plan; return None if it shall be carried out, else the exit status. Never wait where nobody sees it."""
    named = [user_id for _, user_id in args.to_case or () if user_id is not None]
    receivers = dict.fromkeys((*(args.to or ()), *named))
    with store.transaction() as tx:
        users = tx.users.get({plan.from_, *receivers, *(line.to for line in plan if line.to is not None)})
    if not args.json:
        print_blocks([*([plans.DRY_RUN] if args.dry_run else []), *plans.plan(plan, users, receivers)])
    if args.dry_run:
        return _with_plan(args, plan, DONE)
    if not any(line.is_carried_out for line in plan):
        return None  # there is nothing to agree to, and carrying it out says why
    if args.yes:
        return _status_of_refused(args, plan)
    if not args.json and _is_conversation():
        sys.stdout.write(clean(plans.question(plan, users)))
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() in _YES:
            return None
        print_error("nothing was written")
        return REFUSED
    print_error("nothing was written, for nobody could be asked: read the plan, then give --yes to carry it out")
    return _with_plan(args, plan, REFUSED)


def _status_of_refused(args: Namespace, plan: ReassignmentPlan) -> int | None:
    """Return None if no case is refused, or if those may stay where they are."""
    refused = [line for line in plan if line.violations]
    if not refused or args.leave_refused:
        return None
    if args.json:
        raise RuleViolationError(tuple(dict.fromkeys(violation for line in refused for violation in line.violations)))
    print_error(
        f"nothing was written, for {counted(len(refused), 'case')} cannot move: --leave-refused moves the others only"
    )
    return REFUSED


def _with_plan(args: Namespace, plan: ReassignmentPlan, status: int) -> int:
    if args.json:
        print_data(plan.to_dict())
    return status


def _is_conversation() -> bool:
    """Whether somebody sees the plan and can answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


# Households and batches


def _run(args: Namespace) -> int:
    with opened(args) as store:
        doing = Doing.of(store, args)
        outcome = args.act(doing.casework, args)
    return doing.told(args, outcome, lambda: _done(args, outcome))


def _done(args: Namespace, outcome: Outcome) -> Iterable[Block]:
    return plans.done(outcome, dry_run=args.dry_run, today=agency_today())


def _undo(casework: Casework, args: Namespace) -> Outcome:
    return casework.undo(args.batch, **how(args))


def _join(casework: Casework, args: Namespace) -> Outcome:
    return casework.join_household(
        args.enrollment, args.household, args.on, not args.no_share, args.relationship, **how(args)
    )


def _leave(casework: Casework, args: Namespace) -> Outcome:
    return casework.leave_household(args.enrollment, args.on, **how(args))


def _merge(casework: Casework, args: Namespace) -> Outcome:
    def named(household_id: str) -> AHousehold:
        return household_id if args.project is None else HouseholdKey(args.project, household_id)

    return casework.merge_households(named(args.from_), named(args.into), args.on, **how(args))
