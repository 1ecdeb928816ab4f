"""The Client workspace: find a client, their record, and their case managers."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from agency.access import codename, worker_of
from agency.models import Client
from agency.pages import page, record_of, searched
from caseassign import Action, AssignmentStatus, Casework, PermissionDeniedError


def clients_seen_by(account: Any) -> QuerySet[Client]:
    """Return the clients with an enrollment that the account may see, and those without any: a question of our own."""
    if not account.has_perm(f"agency.{codename(Action.CLIENT_VIEW)}"):
        raise PermissionDeniedError(Action.CLIENT_VIEW, f"{account.get_username()} may not look at clients")
    organizations = worker_of(account).organizations
    theirs = Q(enrollment__project__organization__hmis_id__in=organizations, enrollment__deleted=False)
    return Client.objects.filter(theirs | Q(enrollment__isnull=True)).distinct()


def search(account: Any, text: str) -> QuerySet[Client]:
    """Return the clients whose name or id has every word of the text in it, by name."""
    found = clients_seen_by(account)
    for word in text.split():
        found = found.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(hmis_id__icontains=word))
    return found.order_by("last_name", "first_name", "hmis_id")


@page
def find(request: HttpRequest, work: Casework) -> HttpResponse:
    """Find a client by a part of the name, or the id."""
    text = searched(request.GET)
    found = search(request.user, text)
    context = {"search": text, "clients": found[:50], "count": found.count(), "workspace": "client"}
    return render(request, "agency/clients.html", context)


@page
def record(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """The client record: all enrollments, open ones first, with household and case managers."""
    own = Client.objects.filter(hmis_id=personal_id).first()
    record = record_of(work, personal_id)
    return render(request, "agency/record.html", {"record": record, "client": record.client, "own": own})


@page
def case_managers(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """Case Manager Assignments: active first, then inactive, then upcoming, by enrollment."""
    record = record_of(work, personal_id)
    cases = work.case_managers(personal_id)
    order = AssignmentStatus.ACTIVE, AssignmentStatus.INACTIVE, AssignmentStatus.UPCOMING
    groups = [(str(status), [case for case in cases if case.status is status]) for status in order]
    context = {"record": record, "client": record.client, "groups": groups, "withheld": cases.withheld}
    return render(request, "agency/case_managers.html", context)
