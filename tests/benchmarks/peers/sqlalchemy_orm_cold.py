"""A command that lists a user's active cases with the ORM: ``python -m benchmarks.peers.sqlalchemy_orm_cold …``."""

from __future__ import annotations

import argparse
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from benchmarks.peers.sqlalchemy_models import Assignment, Enrollment, opened

parser = argparse.ArgumentParser()
for name in ("file", "user", "day"):
    parser.add_argument(name)
args = parser.parse_args()
today = date.fromisoformat(args.day)
with opened(args.file, begin="BEGIN") as engine, Session(engine) as session:
    held = (
        select(Assignment)
        .join(Assignment.enrollment)
        .where(Assignment.user_id == args.user, ~Assignment.voided, Assignment.start_date <= today, ~Enrollment.deleted)
        .where((Assignment.end_date.is_(None)) | (Assignment.end_date > today))
        .options(
            joinedload(Assignment.enrollment).options(joinedload(Enrollment.client), joinedload(Enrollment.project))
        )
    )
    for stint in session.scalars(held):
        stay = stint.enrollment
        name = ", ".join(part for part in (stay.client.last_name, stay.client.first_name) if part)
        cells = (name, stay.project.project_name, stay.entry_date, stint.start_date, stint.role)
        print("".join(f"{cell!s:<24}" for cell in cells))
