"""The forms of one case assignment: add it, and edit it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from agency.access import today
from agency.forms import AssignmentForm, EditAssignmentForm, people
from agency.models import Assignment, Worker
from agency.pages import page, record_of
from agency.templatetags.agency import day, named, person
from caseassign import ME, AssignmentStatus, Case, Casework, NotFoundError


def me_of(request: HttpRequest) -> str:
    """Return the id of the worker who is logged in."""
    return Worker.objects.get(account=request.user.pk).hmis_id


@page
def add(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """Add Case Assignment: only those are offered who may take one of the client's enrollments."""
    record, me, text = record_of(work, personal_id), me_of(request), request.GET.get("search", "")
    enrollments = [each.enrollment for each in record.enrollments]
    may = {user.user_id: user for each in enrollments for user in work.find_case_managers("", enrollment=each)}
    found = [user for user in work.find_case_managers(text) if user.user_id in may]
    offered = [*([may[me]] if me in may else []), *(user for user in found if user.user_id != me)]
    form = AssignmentForm(request.POST or None)
    form.fields["case_manager"].choices = people(offered, me)
    form.fields["case_manager"].initial = found[0].user_id if text and found else me
    form.fields["enrollment"].choices = [(each.enrollment.key, stay(each)) for each in record.enrollments]
    if form.is_valid():
        said = form.cleaned_data
        with form.explained():
            done = work.assign(
                said["enrollment"],
                said["case_manager"] if said["case_manager"] != me else ME,
                start=said["start_date"],
                household=said["household"],
                client=personal_id,
                reason=said["reason"] or None,
                command_id=form.command_id,
            )
            count = len(done.assignments)
            messages.success(request, "Case assignment saved." if count == 1 else f"{count} case assignments saved.")
            return redirect("case-managers", personal_id)
    context = {"client": record.client, "form": form, "search": text, "found": len(found)}
    return render(request, "agency/add_assignment.html", context)


def stay(each: object) -> str:
    """Return an enrollment as one chooses it."""
    enrollment = each.enrollment
    left = f", exited on {day(enrollment.exit_date)}" if enrollment.exit_date else ""
    return f"{named(each.project)}, since {day(enrollment.entry_date)}{left}"


@page
def edit_client(request: HttpRequest, work: Casework, personal_id: str, assignment_id: str) -> HttpResponse:
    """The edit icon of the client's list: the Case Manager Assignment page."""
    cases = work.case_managers(personal_id)
    back = reverse("case-managers", args=[personal_id])
    return edit(request, work, one_of(cases, assignment_id), "Case Manager Assignment", back)


@page
def edit_mine(request: HttpRequest, work: Casework, assignment_id: str) -> HttpResponse:
    """The edit icon of my inactive cases: the Client Case Assignment form."""
    mine = Assignment.objects.filter(hmis_id=assignment_id, worker__account=request.user.pk)
    personal_id = mine.values_list("enrollment__client__hmis_id", flat=True).first()
    cases = work.case_managers(personal_id) if personal_id else []
    return edit(request, work, one_of(cases, assignment_id), "Client Case Assignment", reverse("inactive"))


def one_of(cases: list[Case], assignment_id: str) -> Case:
    """Return the case with an assignment; raises `NotFoundError` where the worker sees none."""
    found = [case for case in cases if case.assignment.assignment_id == assignment_id]
    if not found:
        raise NotFoundError("assignment", (assignment_id,))
    return found[0]


def edit(request: HttpRequest, work: Casework, case: Case, title: str, back: str) -> HttpResponse:
    """End it, reactivate it, or change its end: what the end date and the status say together."""
    stint, status = case.assignment, case.status.capitalize()
    form = EditAssignmentForm(request.POST or None, initial={"end_date": stint.end_date, "status": status})
    if case.status is AssignmentStatus.UPCOMING:
        form.fields["status"].choices = [("Upcoming", "Upcoming"), ("Inactive", "Inactive")]
    if form.is_valid():
        with form.explained():
            work.set_status(
                stint,
                form.cleaned_data["status"],
                end_date=form.kept("end_date"),
                reason=form.cleaned_data["reason"] or None,
                command_id=form.command_id,
            )
            messages.success(request, f"Saved: {person(case.case_manager)} for {person(case.client)}.")
            return redirect(back)
    context = {"case": case, "client": case.client, "form": form, "title": title, "back": back, "now": today()}
    return render(request, "agency/edit_assignment.html", context)
