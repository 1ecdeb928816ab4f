"""The Django ORM, with select_related, prefetch_related and bulk operations where they help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from time import perf_counter
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q

from benchmarks import rules
from benchmarks.clockwork import acting, asking
from benchmarks.errands import Task, day, digest, peak
from benchmarks.peers.django_models import connect, models
from benchmarks.reading import Reading

_AT_ONCE: Final = 5_000


def _tables(task: Task) -> Any:
    connect(task.file)
    return models()


def _create(tables: Any) -> None:
    kinds = ("Organization", "Project", "User", "Access", "Client", "Enrollment", "Assignment", "Change", "Move")
    with connection.schema_editor() as editor:
        for kind in kinds:
            editor.create_model(getattr(tables, kind))


def build(task: Task) -> dict[str, Any]:
    """Write a world into a new file."""
    tables, world = _tables(task), task.world()
    connection.cursor().execute("PRAGMA foreign_keys=OFF")  # which the editor of schemas asks for
    _create(tables)
    with transaction.atomic():
        _bulk(tables.Organization, (tables.Organization(**row._asdict()) for row in world.organizations))
        _bulk(tables.Project, (tables.Project(**row._asdict()) for row in world.projects))
        users = [row._asdict() | {"permissions": " ".join(row.permissions)} for row in world.users]
        _bulk(
            tables.User, (tables.User(**{k: v for k, v in user.items() if k != "organization_ids"}) for user in users)
        )
        pairs = [(row.user_id, key) for row in world.users for key in row.organization_ids]
        _bulk(tables.Access, (tables.Access(user_id=user, organization_id=key) for user, key in pairs))
        _bulk(tables.Client, (tables.Client(**row._asdict()) for row in world.clients))
        _bulk(tables.Enrollment, (tables.Enrollment(**_as_client(row._asdict())) for row in world.enrollments))
        _bulk(tables.Assignment, (tables.Assignment(**row._asdict()) for row in world.assignments))
    return {}


def _as_client(fields: dict[str, Any]) -> dict[str, Any]:
    return {"client_id" if name == "personal_id" else name: value for name, value in fields.items()}


def _bulk(table: Any, objects: Iterable[Any]) -> None:
    stream = iter(objects)
    while batch := list(islice(stream, _AT_ONCE)):
        table.objects.bulk_create(batch)


def active(tables: Any, user_id: str, today: date) -> tuple[Any, list[Any], dict[Any, list[Any]]]:
    """Return a user, the stints in which they are active, and the members of the households."""
    user = tables.User.objects.prefetch_related("access").get(pk=user_id)
    stints = list(
        tables.Assignment.objects.filter(
            user_id=user_id, voided=False, start_date__lte=today, enrollment__deleted=False
        )
        .filter(Q(end_date__isnull=True) | Q(end_date__gt=today))
        .select_related("enrollment__client", "enrollment__project")
        .prefetch_related("enrollment__assignments")
    )
    households = {stint.enrollment.household_id for stint in stints} - {None}
    projects = {stint.enrollment.project_id for stint in stints}
    members: dict[Any, list[Any]] = defaultdict(list)
    found = tables.Enrollment.objects.filter(household_id__in=households, project_id__in=projects)
    for member in found.select_related("client"):
        members[member.project_id, member.household_id].append(member)
    stints.sort(key=lambda stint: rules.case_order(stint, seen=user.can_access(stint.enrollment.project)))
    return user, stints, members


def told(found: tuple[Any, list[Any], dict[Any, list[Any]]], today: date) -> list[dict[str, Any]]:
    """Return a list of cases as plain data."""
    user, stints, members = found
    rows = []
    for stint in stints:
        stay = stint.enrollment
        household = [stay] if stay.household_id is None else members[stay.project_id, stay.household_id]
        rows.append(rules.row(stint, household, user, today, seen=user.can_access(stay.project)))
    return rows


def cases(task: Task) -> dict[str, Any]:
    """Ask for the active cases of one user after the other."""
    asked, tables = task.asked(), _tables(task)
    today = date.fromisoformat(asked["today"])
    return asking(task, asked["users"], lambda user: active(tables, user, today), lambda found: told(found, today))


def assigning(tables: Any, today: date) -> Callable[[Sequence[str]], str]:
    """Return what makes one user responsible, and says ``"done"``, or why not."""

    def assign(errand: Sequence[str]) -> str:
        enrollment_id, user_id, start, role = errand
        with transaction.atomic():
            user = tables.User.objects.prefetch_related("access").get(pk=user_id)
            wanted = tables.Enrollment.objects.select_related("project").prefetch_related("assignments")
            enrollment = wanted.get(pk=enrollment_id)
            sees = user.can_access(enrollment.project)
            if (user.left_on is not None and user.left_on <= today) or not sees:
                return "denied"
            begin = date.fromisoformat(start)
            codes = rules.refusals(user, enrollment, enrollment.assignments.all(), begin, None, role, sees=sees)
            if codes:
                return " ".join(codes)
            stint = tables.Assignment.objects.create(
                assignment_id=rules.new_id(), enrollment_id=enrollment_id, user_id=user_id, start_date=begin, role=role
            )
            _append(tables, user_id, stint)
        return "done"

    return assign


def _append(tables: Any, user_id: str, stint: Any) -> None:
    last = tables.Change.objects.order_by("-number").first()
    recorded_at = max(datetime.now(UTC).isoformat(), "" if last is None else last.recorded_at)
    number, change_id, batch_id = 1 if last is None else last.number + 1, rules.new_id(), rules.new_id()
    after = rules.plain(stint)
    said = ["assignment.start", "assignment", stint.assignment_id, None, after, None, batch_id]
    tables.Change.objects.create(
        number=number,
        change_id=change_id,
        recorded_at=recorded_at,
        user_id=user_id,
        action="assignment.start",
        kind="assignment",
        record_id=stint.assignment_id,
        after=rules.to_json(after),
        batch_id=batch_id,
        digest=rules.sealed("" if last is None else last.digest, [number, change_id, recorded_at, user_id, *said]),
    )


def add(task: Task) -> dict[str, Any]:
    """Assign one after the other."""
    asked, tables = task.asked(), _tables(task)
    result = acting(task, asked, assigning(tables, date.fromisoformat(asked["today"])))
    if task.check:
        touched = sorted({errand[0] for errand in (*asked["refused"], *asked["adds"])})
        stints = []
        for key in touched:
            found = tables.Assignment.objects.filter(enrollment_id=key, voided=False)
            stints += [[s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.role] for s in found]
        result["answer"] += digest(stints) + f" {tables.Change.objects.count()} lines"
    return result


four = add


def reassign(task: Task) -> dict[str, Any]:
    """Move a whole caseload and move it back, without history."""
    asked, tables = task.asked(), _tables(task)
    holder, receiver, today = asked["holder"], asked["receiver"], date.fromisoformat(asked["today"])
    begin = perf_counter()
    with transaction.atomic():
        user, stints, members = active(tables, holder, today)
        to = tables.User.objects.prefetch_related("access").get(pk=receiver)
        batch_id = rules.new_id()
        case_rows = told((user, stints, members), today) if task.check else []
        started, moves = [], []
        for stint in stints:
            stay = stint.enrollment
            sees = to.can_access(stay.project)
            codes = rules.refusals(to, stay, stay.assignments.all(), today, stint.end_date, stint.role, sees=sees)
            if codes:
                raise rules.RefusedError(" ".join(codes))
            new = tables.Assignment(
                assignment_id=rules.new_id(),
                enrollment_id=stint.enrollment_id,
                user_id=receiver,
                start_date=today,
                end_date=stint.end_date,
                role=stint.role,
                kept_after_exit=stint.kept_after_exit,
            )
            started.append(new)
            moves.append(tables.Move(ended=stint, started=new, end_before=stint.end_date, batch_id=batch_id))
            stint.end_date = today
        tables.Assignment.objects.bulk_update(stints, ["end_date"], batch_size=400)
        tables.Assignment.objects.bulk_create(started)
        tables.Move.objects.bulk_create(moves)
    middle = perf_counter()
    with transaction.atomic():
        undone = list(tables.Move.objects.filter(batch_id=batch_id).select_related("ended", "started"))
        for move in undone:
            if move.ended.end_date != today or move.started.voided:
                raise rules.RefusedError("changed since")
            move.ended.end_date = move.end_before
            move.started.voided = True
        changed = [*(move.ended for move in undone), *(move.started for move in undone)]
        tables.Assignment.objects.bulk_update(changed, ["end_date", "voided"], batch_size=300)
    end = perf_counter()
    result: dict[str, Any] = {
        "seconds": {"reassign": middle - begin, "undo": end - middle},
        "answer": f"{len(stints) * 2} {len(undone) * 2}",
        "peak": peak(),
    }
    if task.check:
        found = tables.Assignment.objects.filter(user_id__in=[holder, receiver])
        rows = [[s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.voided] for s in found]
        result["answer"] += f" {digest(rows)} {digest(case_rows)}"
    return result


_FIELDS: Final[dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "organization": ("Organization", ("organization_id", "organization_name"), ()),
    "project": (
        "Project",
        ("project_id", "organization_id", "project_name", "project_type", "operating_start_date", "operating_end_date"),
        ("operating_start_date", "operating_end_date"),
    ),
    "user": ("User", ("user_id", "first_name", "last_name"), ()),
    "client": ("Client", ("personal_id", "first_name", "last_name"), ()),
    "enrollment": (
        "Enrollment",
        (
            "enrollment_id",
            "client_id",
            "project_id",
            "household_id",
            "relationship_to_hoh",
            "entry_date",
            "exit_date",
            "deleted",
        ),
        ("entry_date", "exit_date"),
    ),
}


def import_(task: Task) -> dict[str, Any]:
    """Read an export into an empty file."""
    tables = _tables(task)
    connection.cursor().execute("PRAGMA foreign_keys=OFF")  # which the editor of schemas asks for
    _create(tables)
    begin = perf_counter()

    def write(kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
        name, fields, days = _FIELDS[kind]
        table = getattr(tables, name)

        def made(row: tuple[Any, ...]) -> Any:
            values = dict(zip(fields, row, strict=True))
            for field in days:
                values[field] = day(values[field])
            return table(**values)

        _bulk(table, map(made, rows))

    reading = Reading(task.export, write)
    with transaction.atomic():
        reading.carry_out()
    result: dict[str, Any] = {"seconds": {"import": perf_counter() - begin}, "answer": "", "peak": peak()}
    if task.check:
        rows = {}
        for kind, (name, fields, _) in _FIELDS.items():
            compared = [field for field in fields if not field.startswith("operating")]
            rows[kind] = list(getattr(tables, name).objects.values_list(*compared))
        result["answer"] = reading.answer(rows)
    return result
