"""The SQLAlchemy ORM, with eager loading, a session for each request, and bulk inserts where they help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session, joinedload, selectinload

from benchmarks import rules
from benchmarks.clockwork import acting, asking
from benchmarks.errands import Task, day, digest, peak
from benchmarks.peers.sqlalchemy_models import (
    Access,
    Assignment,
    Base,
    Change,
    Client,
    Enrollment,
    Move,
    Organization,
    Project,
    User,
    opened,
)
from benchmarks.reading import Reading

_AT_ONCE = 5_000


def build(task: Task) -> dict[str, Any]:
    """Write a world into a new file."""
    world = task.world()
    with opened(task.file) as engine, engine.begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(insert(Organization), [row._asdict() for row in world.organizations])
        connection.execute(insert(Project), [row._asdict() for row in world.projects])
        users = [row._asdict() | {"permissions": " ".join(row.permissions)} for row in world.users]
        connection.execute(insert(User), [{k: v for k, v in u.items() if k != "organization_ids"} for u in users])
        access = [{"user_id": u.user_id, "organization_id": key} for u in world.users for key in u.organization_ids]
        connection.execute(insert(Access), access)
        tables: dict[Any, list[Any]]
        tables = {Client: world.clients, Enrollment: world.enrollments, Assignment: world.assignments}
        for table, rows in tables.items():
            stream = iter(rows)
            while batch := [row._asdict() for row in islice(stream, _AT_ONCE)]:
                connection.execute(insert(table), batch)
    return {}


def active(session: Session, user_id: str, today: date) -> tuple[User, list[Assignment]]:
    """Return a user, and the stints in which they are active, with all that a list shows of them."""
    user = session.get_one(User, user_id, options=[selectinload(User.access)])
    held = (
        select(Assignment)
        .join(Assignment.enrollment)
        .where(
            Assignment.user_id == user_id,
            ~Assignment.voided,
            Assignment.start_date <= today,
            (Assignment.end_date.is_(None)) | (Assignment.end_date > today),
            ~Enrollment.deleted,
        )
        .options(
            joinedload(Assignment.enrollment).options(
                joinedload(Enrollment.client),
                joinedload(Enrollment.project),
                selectinload(Enrollment.assignments),
                selectinload(Enrollment.members).joinedload(Enrollment.client),
            )
        )
    )
    stints = list(session.scalars(held).unique())
    stints.sort(key=lambda stint: rules.case_order(stint, seen=user.can_access(stint.enrollment.project)))
    return user, stints


def told(found: tuple[User, list[Assignment], date]) -> list[dict[str, Any]]:
    """Return a list of cases as plain data."""
    user, stints, today = found
    return [
        rules.row(
            stint,
            stint.enrollment.members if stint.enrollment.household_id is not None else [stint.enrollment],
            user,
            today,
            seen=user.can_access(stint.enrollment.project),
        )
        for stint in stints
    ]


def cases(task: Task) -> dict[str, Any]:
    """Ask for the active cases of one user after the other."""
    asked = task.asked()
    today = date.fromisoformat(asked["today"])
    with opened(task.file, begin="BEGIN") as engine:

        def ask(user_id: str) -> tuple[User, list[Assignment], date]:
            with Session(engine, expire_on_commit=False) as session:
                return *active(session, user_id, today), today

        return asking(task, asked["users"], ask, told)


def assigning(engine: Engine, today: date) -> Callable[[Sequence[str]], str]:
    """Return what makes one user responsible, and says ``"done"``, or why not."""

    def assign(errand: Sequence[str]) -> str:
        enrollment_id, user_id, start, role = errand
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                user = session.get_one(User, user_id, options=[selectinload(User.access)])
                wanted = [joinedload(Enrollment.project), selectinload(Enrollment.assignments)]
                enrollment = session.get_one(Enrollment, enrollment_id, options=wanted)
                sees = user.can_access(enrollment.project)
                if (user.left_on is not None and user.left_on <= today) or not sees:
                    return "denied"
                begin = date.fromisoformat(start)
                codes = rules.refusals(user, enrollment, enrollment.assignments, begin, None, role, sees=sees)
                if codes:
                    return " ".join(codes)
                stint = Assignment(
                    assignment_id=rules.new_id(),
                    enrollment_id=enrollment_id,
                    user_id=user_id,
                    start_date=begin,
                    end_date=None,
                    role=role,
                    kept_after_exit=False,
                    voided=False,
                )
                session.add(stint)
                session.add(_line(session, user_id, stint))
        except rules.RefusedError as refused:
            return str(refused)
        return "done"

    return assign


def _line(session: Session, user_id: str, stint: Assignment) -> Change:
    last = session.scalar(select(Change).order_by(Change.number.desc()).limit(1))
    recorded_at = max(datetime.now(UTC).isoformat(), "" if last is None else last.recorded_at)
    number, change_id, batch_id = 1 if last is None else last.number + 1, rules.new_id(), rules.new_id()
    after = rules.plain(stint)
    said = ["assignment.start", "assignment", stint.assignment_id, None, after, None, batch_id]
    sealed = rules.sealed("" if last is None else last.digest, [number, change_id, recorded_at, user_id, *said])
    return Change(
        number=number,
        change_id=change_id,
        recorded_at=recorded_at,
        user_id=user_id,
        action="assignment.start",
        kind="assignment",
        record_id=stint.assignment_id,
        after=rules.to_json(after),
        batch_id=batch_id,
        digest=sealed,
    )


def add(task: Task) -> dict[str, Any]:
    """Assign one after the other."""
    asked = task.asked()
    with opened(task.file) as engine:
        result = acting(task, asked, assigning(engine, date.fromisoformat(asked["today"])))
        if task.check:
            touched = sorted({errand[0] for errand in (*asked["refused"], *asked["adds"])})
            with Session(engine) as session:
                rows: list[list[str]] = []
                for key in touched:
                    wanted = select(Assignment).where(Assignment.enrollment_id == key, ~Assignment.voided)
                    found = session.scalars(wanted)
                    rows += ([s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.role] for s in found)
                written = session.scalar(select(func.count()).select_from(Change))
            result["answer"] += f"{digest(rows)} {written} lines"
    return result


four = add


def reassign(task: Task) -> dict[str, Any]:
    """Move a whole caseload and move it back, without history."""
    asked = task.asked()
    holder, receiver, today = asked["holder"], asked["receiver"], date.fromisoformat(asked["today"])
    with opened(task.file) as engine:
        begin = perf_counter()
        with Session(engine, expire_on_commit=False) as session, session.begin():
            user, stints = active(session, holder, today)
            case_rows = told((user, stints, today)) if task.check else []
            batch_id = _move(session, stints, receiver, today)
        middle = perf_counter()
        with Session(engine, expire_on_commit=False) as session, session.begin():
            undone = _move_back(session, batch_id, today)
        end = perf_counter()
        result: dict[str, Any] = {
            "seconds": {"reassign": middle - begin, "undo": end - middle},
            "answer": f"{len(stints) * 2} {undone * 2}",
            "peak": peak(),
        }
        if task.check:
            with Session(engine) as session:
                found = session.scalars(select(Assignment).where(Assignment.user_id.in_([holder, receiver])))
                rows = [[s.enrollment_id, s.user_id, str(s.start_date), str(s.end_date), s.voided] for s in found]
            result["answer"] += f" {digest(rows)} {digest(case_rows)}"
    return result


def _move(session: Session, stints: Sequence[Assignment], receiver: str, today: date) -> str:
    to = session.get_one(User, receiver, options=[selectinload(User.access)])
    batch_id = rules.new_id()
    for stint in stints:
        stay = stint.enrollment
        sees = to.can_access(stay.project)
        codes = rules.refusals(to, stay, stay.assignments, today, stint.end_date, stint.role, sees=sees)
        if codes:
            raise rules.RefusedError(" ".join(codes))
    for stint in stints:
        new = Assignment(
            assignment_id=rules.new_id(),
            enrollment_id=stint.enrollment_id,
            user_id=receiver,
            start_date=today,
            end_date=stint.end_date,
            role=stint.role,
            kept_after_exit=stint.kept_after_exit,
            voided=False,
        )
        session.add(new)
        session.add(Move(ended=stint, started=new, end_before=stint.end_date, batch_id=batch_id))
        stint.end_date = today
    return batch_id


def _move_back(session: Session, batch_id: str, today: date) -> int:
    of_batch = select(Move).where(Move.batch_id == batch_id)
    moves = session.scalars(of_batch.options(joinedload(Move.ended), joinedload(Move.started))).all()
    for move in moves:
        if move.ended.end_date != today or move.started.voided:
            raise rules.RefusedError("changed since")
        move.ended.end_date = move.end_before
        move.started.voided = True
    return len(moves)


_TABLES: dict[str, tuple[type[Base], tuple[str, ...], tuple[str, ...]]] = {
    "organization": (Organization, ("organization_id", "organization_name"), ()),
    "project": (
        Project,
        ("project_id", "organization_id", "project_name", "project_type", "operating_start_date", "operating_end_date"),
        ("operating_start_date", "operating_end_date"),
    ),
    "user": (User, ("user_id", "first_name", "last_name"), ()),
    "client": (Client, ("personal_id", "first_name", "last_name"), ()),
    "enrollment": (
        Enrollment,
        (
            "enrollment_id",
            "personal_id",
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


def _fields(kind: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[list[dict[str, Any]]]:
    _, names, days = _TABLES[kind]
    stream = iter(rows)
    while batch := [dict(zip(names, row, strict=False)) for row in islice(stream, _AT_ONCE)]:
        for each in batch:
            for name in days:
                each[name] = day(each.get(name))
        yield batch


def _compared(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith("operating")]


def import_(task: Task) -> dict[str, Any]:
    """Read an export into an empty file, a session full of objects at a time."""

    def write(session: Session, kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
        for batch in _fields(kind, rows):
            session.add_all(_TABLES[kind][0](**each) for each in batch)
            session.flush()
            session.expunge_all()

    return _import(task, write)


def import_core(task: Task) -> dict[str, Any]:
    """Read an export into an empty file, with the statements of SQLAlchemy and without its objects."""

    def write(session: Session, kind: str, rows: Iterable[tuple[Any, ...]]) -> None:
        connection = session.connection()
        for batch in _fields(kind, rows):
            connection.execute(insert(_TABLES[kind][0].__table__), batch)  # type: ignore[arg-type]  # it is a table

    return _import(task, write)


def _import(task: Task, write: Callable[[Session, str, Iterable[tuple[Any, ...]]], None]) -> dict[str, Any]:
    with opened(task.file) as engine:
        Base.metadata.create_all(engine)
        begin = perf_counter()
        with Session(engine) as session, session.begin():
            reading = Reading(task.export, lambda kind, rows: write(session, kind, rows))
            reading.carry_out()
        result: dict[str, Any] = {"seconds": {"import": perf_counter() - begin}, "answer": "", "peak": peak()}
        if task.check:
            with Session(engine) as session:
                rows = {
                    kind: [
                        [getattr(each, name) for name in _compared(names)] for each in session.scalars(select(table))
                    ]
                    for kind, (table, names, _) in _TABLES.items()
                }
            result["answer"] = reading.answer(rows)
    return result
