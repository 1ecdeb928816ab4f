"""The command that shows the sample: tables, made-up data, people to log in as, and the server."""

import os
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.models import User as Account
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand, CommandParser

from agency.access import GROUPS, STORE, codename, today
from agency.models import Assignment, Client, Worker
from agency.store import serial
from caseassign import SYSTEM, Casework, User
from caseassign.demo.story import TODAY
from caseassign.demo.synthetic import bundled_export
from caseassign.formats import hmis_csv

PASSWORD = "demo"  # for made-up data on this machine alone
PEOPLE = {
    "kim": ("U1", ["Case Managers"], "case manager at Lantern House"),
    "lee": ("U2", ["Case Managers"], "case manager at Lantern House"),
    "robin": ("U3", ["Case Managers"], "case manager at Marigold House"),
    "sam": ("S1", ["Case Managers", "HMIS Reports"], "supervisor at Lantern House"),
    "olga": (None, [], "has an account, and is nobody of the staff"),
}


class Command(BaseCommand):
    """Fill an empty database, and serve the pages on this machine."""

    help = "Shows the sample: fills an empty database with made-up data, and serves the pages on 127.0.0.1."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address."""
        parser.add_argument("address", nargs="?", default="127.0.0.1:8000", help="where to listen (127.0.0.1:8000)")
        parser.add_argument("--only-fill", action="store_true", help="fill the database, and serve nothing")

    def handle(self, *, address: str, only_fill: bool, **_: Any) -> None:
        """Do it. On the day of the made-up data, unless another one is named."""
        settings.TODAY = settings.TODAY or TODAY
        call_command("migrate", verbosity=0)
        if not Account.objects.exists():
            if Client.objects.exists():
                raise CommandError("this database has clients and no accounts: it is not one for the demonstration")
            with serial():
                fill()
        elif not Account.objects.filter(username="olga").exists():
            raise CommandError("this database is not one for the demonstration: name another one in AGENCY_DATABASE")
        for name, (_, _, who) in PEOPLE.items():
            self.stdout.write(f"  {name:6} {PASSWORD}   {who}")
        if not only_fill:
            self.stdout.write(f"http://{address}/")
            os.environ["AGENCY_TODAY"] = str(today())
            # runserver gives out the stylesheet although DEBUG is off, which is what it calls insecure.
            call_command("runserver", address, use_reloader=False, insecure_serving=True)


def fill() -> None:
    """Import the made-up export, and give its people accounts, groups and permissions."""
    system = Casework(STORE, user=SYSTEM, clock=today)
    with bundled_export() as folder, hmis_csv.read(folder) as export:
        system.import_export(export, case_managers_from="Enrollment.UserID")
    system.add(User(user_id="S1", first_name="Sam", last_name="Cinderfell", organization_ids={"ORG1"}))
    # Something to see in every list: Sam helps Kim, has helped, and will; and Kim has lost sight of somebody.
    system.assign("E0017", "S1", start="2026-02-02", reason="housing search")
    system.assign("E0117", "S1", start="2026-01-12", end="2026-02-16")
    system.assign("E0061", "S1", start="2026-03-16")
    of_kim = Assignment.objects.get(enrollment__hmis_id="E0117", worker__hmis_id="U1")
    system.end(of_kim.hmis_id, on="2026-02-20", reason="no contact")
    for name, actions in GROUPS.items():
        group = Group.objects.create(name=name)
        group.permissions.set(Permission.objects.filter(codename__in=map(codename, actions)))
    for name, (hmis_id, groups, _) in PEOPLE.items():
        account = Account.objects.create_user(name, password=PASSWORD)
        account.groups.set(Group.objects.filter(name__in=groups))
        Worker.objects.filter(hmis_id=hmis_id).update(account=account)
