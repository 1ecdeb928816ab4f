"""The commands that bring data in and out: an HMIS CSV export in, CaseAssignment.csv in and out."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from caseassign.acts.import_assignments import AssignmentImport
from caseassign.acts.import_assignments import Issue as ListIssue
from caseassign.acts.import_export import ImportResult
from caseassign.acts.refresh import FITTED
from caseassign.batches import in_batches
from caseassign.casework import Casework
from caseassign.cli import arguments
from caseassign.cli.arguments import DONE, Commands
from caseassign.cli.output import answer, progress
from caseassign.cli.store import opened, opened_or_new, output_file
from caseassign.clock import agency_today
from caseassign.display import text
from caseassign.display.blocks import Block, Line
from caseassign.display.words import counted
from caseassign.errors import StorageError
from caseassign.model import Actor, CaseAssignment
from caseassign.storage import Transaction

if TYPE_CHECKING:
    from caseassign.formats.hmis_csv import Issue

_ROWS_AT_ONCE: Final = 2_000
_LAST_EDITOR: Final = "Enrollment.UserID"
_COLUMNS: Final = ("file", "line", "column", "code", "record_id")


def add_commands(commands: Commands) -> None:
    """Add the commands that bring data in and out."""
    import_ = arguments.command(commands, "import", _import, "Import an HMIS CSV export: what is new or has changed.")
    import_.add_argument("export", metavar="EXPORT", help="the export, a folder or a zip")
    import_.add_argument(
        "--case-managers-from",
        choices=[_LAST_EDITOR],
        help="make the last editor of each new enrollment its case manager, and give them access",
    )
    import_.add_argument(
        "--at-exit",
        choices=["report", "end"],
        default="report",
        help="what exits, moved days and removed exits that arrive do to assignments; report them, if nothing is said",
    )
    import_.add_argument(
        "--absent",
        choices=["report", "delete"],
        default="report",
        help="what becomes of enrollments that a full refresh no longer has; report them, if nothing is said",
    )
    import_.add_argument("--assignments", metavar="CaseAssignment.csv", help="then import this list of assignments")
    import_.add_argument(
        "--end-dates",
        choices=["first-day-after", "last-day"],
        default="first-day-after",
        help="what the end dates of the list mean; the first day after, if nothing is said",
    )
    import_.add_argument(
        "--trust",
        choices=["dates", "status"],
        default="dates",
        help="what counts where the Status of the list and its dates disagree; the dates, if nothing is said",
    )
    import_.add_argument("--issues", metavar="FILE", help="write every issue with what is read to this CSV file")
    import_.add_argument(
        "--other-implementation", action="store_true", help="import it although it comes from another HMIS"
    )
    import_.add_argument("--reason", metavar="TEXT", help="why, for the history")
    import_.add_argument("--dry-run", action="store_true", help="say what would be imported, and write nothing")

    export = arguments.command(commands, "export", _export, "Write every assignment to a CaseAssignment.csv.")
    export.add_argument("file", metavar="CaseAssignment.csv", help="the file to write")
    arguments.as_of(export)


def _import(args: Namespace) -> int:
    from caseassign.formats import assignment_csv, hmis_csv  # noqa: PLC0415  # few commands read files

    with ExitStack() as stack:
        issues_file = None if args.issues is None else stack.enter_context(_issues_file(args))
        rows = None
        if args.assignments is not None:
            how = {"end_dates": args.end_dates, "trust": args.trust}
            rows = assignment_csv.read(args.assignments, as_of=agency_today(), **how)
        with progress() as show:
            export = stack.enter_context(hmis_csv.read(args.export, show))
        store = stack.enter_context(opened_or_new(args, write=not args.dry_run))
        casework = Casework(store, user=Actor.SYSTEM)
        result = casework.import_export(
            export,
            case_managers_from=args.case_managers_from,
            at_exit=args.at_exit,
            absent=args.absent,
            other_implementation=args.other_implementation,
            reason=args.reason,
            dry_run=args.dry_run,
        )
        listed = None
        if rows is not None:
            taken = casework.import_assignments(rows, reason=args.reason, dry_run=args.dry_run)
            listed = _Listed(rows.name, taken, (*rows.issues, *taken.issues))
        if issues_file is not None:
            _write_issues(issues_file, export.issues, result, listed)
    answer(args, data=lambda: _plain(result, listed), blocks=lambda: _blocks(args, export.name, result, listed))
    return DONE


class _Listed(NamedTuple):
    """What became of a list of assignments: of what it is called, and of its rows."""

    name: str
    taken: AssignmentImport
    issues: tuple[ListIssue, ...]

    @property
    def issue_counts(self) -> Counter[str]:
        """How many issues of each code there are."""
        return Counter(issue.code for issue in self.issues)


def _plain(result: ImportResult, listed: _Listed | None) -> dict[str, Any]:
    data = result.to_dict()
    if listed is None:
        return data
    return data | {
        "imported": _with_more(result.imported, {"assignments": listed.taken.added}),
        "changed": _with_more(result.changed, {"assignments": listed.taken.changed}),
        "issues": _with_more(result.issues, listed.issue_counts),
    }


def _with_more(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{key: counts.get(key, 0) + number for key, number in more.items()}}


def _blocks(args: Namespace, name: str, result: ImportResult, listed: _Listed | None) -> Iterator[Block]:
    seeded, follows = args.case_managers_from is not None, args.at_exit == "end"
    yield from text.imported(result, name, seeded=seeded, follows=follows, dry_run=args.dry_run)
    if listed is not None:
        yield from text.imported_list(listed.taken, listed.name, listed.issue_counts)
    if args.dry_run and args.at_exit == "report" and any(result.arrived[what] for what in FITTED):
        yield Line("Assignments would stay as they are; with --at-exit end they would follow.")
    if args.dry_run and listed is not None and any(result.imported.values()):
        yield Line("The list was compared with what the store has now, without what the export would add to it.")
    if args.issues is not None:
        yield Line(f"Every issue is in {args.issues}.")


def _issues_file(args: Namespace) -> AbstractContextManager[TextIO]:
    """Open the file for issues, which must be none of those that are read."""
    path, export = Path(args.issues), Path(args.export)
    read = [export, *([] if args.assignments is None else [Path(args.assignments)])]
    is_read = any(path.exists() and other.exists() and path.samefile(other) for other in read)
    if is_read or export.resolve() in path.resolve().parents:
        raise StorageError(f"{args.issues} is, or is among, what is imported: give another file to write the issues to")
    return output_file(args, args.issues)


def _write_issues(file: TextIO, issues: Iterable[Issue], result: ImportResult, listed: _Listed | None) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(issues)
    writer.writerows(result.found)
    if listed is not None:
        writer.writerows(listed.issues)


def _export(args: Namespace) -> int:
    from caseassign.formats import assignment_csv  # noqa: PLC0415  # few commands write files

    as_of = args.as_of or agency_today()
    with opened(args) as store, output_file(args, args.file) as file, store.transaction() as tx:
        count = assignment_csv.write(file, _assignments(tx), as_of)
    answer(
        args,
        data=lambda: {"assignments": count},
        blocks=lambda: [Line(f"{counted(count, 'assignment')} written to {args.file}.")],
    )
    return DONE


def _assignments(tx: Transaction) -> Iterator[tuple[CaseAssignment, str]]:
    """Yield every assignment, with the client of its enrollment."""
    for assignments in in_batches(tx.assignments, _ROWS_AT_ONCE):
        enrollments = tx.enrollments.get({assignment.enrollment_id for assignment in assignments})
        for assignment in assignments:
            yield assignment, enrollments[assignment.enrollment_id].personal_id
