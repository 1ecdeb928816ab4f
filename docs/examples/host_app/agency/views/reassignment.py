"""Case Load Reassignment, for those who may: choose, look at the plan, apply it, undo it."""

import json
from datetime import date
from hashlib import sha256

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from agency.access import codename, today, worker_of
from agency.forms import ReassignmentForm
from agency.models import Assignment, Project
from agency.pages import page
from agency.templatetags.agency import person
from caseassign import (
    Action,
    Casework,
    NotFoundError,
    PermissionDeniedError,
    PlannedOutcome,
    ReassignmentPlan,
    RuleViolationError,
    User,
)


@page
def choose(request: HttpRequest, work: Casework) -> HttpResponse:
    """Choose, and look at the plan; what is applied is the plan that was looked at, or else nothing."""
    may_or_deny(request)
    loads = work.caseloads_during(today(), date.max)  # what is held, and what will be
    names = {load.user_id: person(load.user) for load in loads}
    said = request.POST.copy()
    form = ReassignmentForm(said or None)
    held = {load.user_id: load.cases for load in loads}
    form.fields["from_"].widget.choices = [
        (load.user_id, f"{names[load.user_id]} ({counted(load.cases)})") for load in loads if load.cases or load.cover
    ]
    form.fields["to"].choices = [
        (user.user_id, f"{person(user)} ({counted(held.get(user.user_id, 0))})") for user in receivers(request, work)
    ]
    plan = None
    if form.is_valid():
        with form.explained():
            plan = planned(work, form)
            if "apply" in request.POST:
                # Another plan is not applied. But a button that is pressed twice is answered like the first time.
                done = work.apply(
                    plan,
                    reason=form.cleaned_data["reason"] or None,
                    command_id=form.command_id,
                    dry_run=form.cleaned_data["seen"] != digest(plan),
                )
                if done.batch_id:
                    messages.success(request, "Applied.")
                    return redirect("reassigned", done.batch_id)
                messages.error(request, "Something has changed since you looked at the plan: look again, then apply.")
    context = {"form": form, "plan": plan, "names": names}
    if plan is not None:
        said["seen"] = digest(plan)
        context["held_already"] = plan.counts[PlannedOutcome.END_ONLY]
    return render(request, "agency/reassignment.html", context)


def planned(work: Casework, form: ReassignmentForm) -> ReassignmentPlan:
    """Return the plan for what is chosen."""
    said = form.cleaned_data
    several = len(said["to"]) > 1
    return work.plan_reassignment(said["from_"], said["to"] if several else said["to"][0], said["on"], balance=several)


def digest(plan: ReassignmentPlan) -> str:
    """Return what tells one plan from another."""
    return sha256(json.dumps(plan.to_dict(), sort_keys=True).encode()).hexdigest()


def counted(cases: int) -> str:
    """Return how many cases there are, in words."""
    return f"{cases} case{'' if cases == 1 else 's'}"


def receivers(request: HttpRequest, work: Casework) -> list[User]:
    """Return who may take a case in one of the projects that are open to the worker who is logged in."""
    projects = Project.objects.filter(organization__hmis_id__in=worker_of(request.user).organizations)
    may = {user.user_id: user for project in projects for user in work.find_case_managers("", project=project.hmis_id)}
    return sorted(may.values(), key=lambda user: (user.last_name or "", user.first_name or "", user.user_id))


def may_or_deny(request: HttpRequest) -> None:
    """Keep the tool from those who have no access to HMIS Reports; caseassign asks again before it does anything."""
    if not request.user.has_perm(f"agency.{codename(Action.CASELOAD_REASSIGN)}"):
        raise PermissionDeniedError(
            Action.CASELOAD_REASSIGN, "Case Load Reassignment needs access to HMIS Reports: ask for it"
        )


@page
def done(request: HttpRequest, work: Casework, batch_id: str) -> HttpResponse:
    """What a reassignment did, and the way back."""
    may_or_deny(request)
    changes = work.history(batch=batch_id)
    if {change.action for change in changes} != {Action.CASELOAD_REASSIGN}:
        raise NotFoundError("reassignment", (batch_id,))
    if request.method == "POST":
        try:
            work.undo(batch_id)
        except RuleViolationError as refused:
            for violation in refused.violations:
                messages.error(request, f"Not undone: {violation.message}.")
        else:
            messages.success(request, "Undone: every case is held as before.")
        return redirect("reassigned", batch_id)
    began = [change.record.id for change in changes if change.before is None]
    rows = Assignment.objects.filter(hmis_id__in=began).select_related(
        "worker", "enrollment__client", "enrollment__project"
    )
    context = {
        "changes": changes,
        "begun": rows.order_by("enrollment__client__last_name", "hmis_id"),
        "ended": len(changes) - len(began),
        "is_undone": is_undone(work, batch_id),
    }
    return render(request, "agency/reassigned.html", context)


def is_undone(work: Casework, batch_id: str) -> bool:
    """Whether nothing is left to undo of a reassignment; what cannot be undone is not."""
    try:
        return not work.undo(batch_id, dry_run=True).changes
    except (PermissionDeniedError, RuleViolationError):
        return False
