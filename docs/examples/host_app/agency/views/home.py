"""The Home workspace: what is mine, and what was."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agency.pages import page
from caseassign import AssignmentStatus, Casework, RuleViolationError


@page
def dashboard(request: HttpRequest, work: Casework) -> HttpResponse:
    """The user dashboard, with My Case Assignments."""
    found = {"cases": work.active_cases(), "upcoming": work.upcoming_cases()}
    return render(request, "agency/dashboard.html", found)


@page
def active(request: HttpRequest, work: Casework) -> HttpResponse:
    """Active Case Assignments: enrollment and head of household; select the client, or edit the enrollment."""
    return render(request, "agency/active.html", {"cases": work.active_cases()})


@page
def inactive(request: HttpRequest, work: Casework) -> HttpResponse:
    """Inactive Case Assignments: my past clients; edit, or reactivate."""
    return render(request, "agency/inactive.html", {"cases": work.inactive_cases()})


@page
def reactivate(request: HttpRequest, work: Casework, assignment_id: str) -> HttpResponse:
    """Make me, or whoever it was, responsible again from today; who had to log in first presses the button again."""
    if request.method != "POST":
        return redirect("inactive")
    try:
        work.set_status(assignment_id, AssignmentStatus.ACTIVE)
    except RuleViolationError as refused:
        for violation in refused.violations:
            messages.error(request, f"Not reactivated: {violation.message}.")
    else:
        messages.success(request, "The case is active again, from today on.")
    return redirect("inactive")
