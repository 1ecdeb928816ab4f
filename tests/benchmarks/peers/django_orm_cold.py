"""A command that lists the active cases of a user with Django: ``python -m benchmarks.peers.django_orm_cold …``."""

from __future__ import annotations

import argparse
from datetime import date

from benchmarks.peers.django_models import connect, models

parser = argparse.ArgumentParser()
for name in ("file", "user", "day"):
    parser.add_argument(name)
args = parser.parse_args()
today = date.fromisoformat(args.day)
connect(args.file)
held = models().Assignment.objects.filter(user_id=args.user, voided=False, start_date__lte=today)
held = held.exclude(end_date__lte=today).filter(enrollment__deleted=False)
for stint in held.select_related("enrollment__client", "enrollment__project"):
    stay = stint.enrollment
    name = ", ".join(part for part in (stay.client.last_name, stay.client.first_name) if part)
    cells = (name, stay.project.project_name, stay.entry_date, stint.start_date, stint.role)
    print("".join(f"{cell!s:<24}" for cell in cells))
