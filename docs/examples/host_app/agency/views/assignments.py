"""The forms of one case assignment: add it, and edit it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from agency.access import worker_of
from agency.forms import AssignmentForm, EditAssignmentForm
from agency.models import Assignment
from agency.pages import page, record_of
from agency.templatetags.agency import day, named, person
from caseassign import ME, Casework, NotFoundError


@page
def add(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """Add Case Assignment: only those are offered who may take one of the client's enrollments."""
    record, me = record_of(work, personal_id), worker_of(request.user).hmis_id
    enrollments = [each.enrollment for each in record.enrollments]
    may = {user.user_id: user for each in enrollments for user in work.find_case_managers("", enrollment=each)}
    form = AssignmentForm(request.POST or None)
    found = [user.user_id for user in work.find_case_managers(form.searched) if user.user_id in may]
    form.fields["case_manager"].initial = me
    form.offer(may, found, me)
    if form.searched and found:
        form.initial["case_manager"] = found[0]
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
    context = {"client": record.client, "form": form, "found": len(found)}
    return render(request, "agency/add_assignment.html", context)


def stay(each: object) -> str:
    """Return an enrollment as one chooses it."""
    enrollment = each.enrollment
    left = f", exited on {day(enrollment.exit_date)}" if enrollment.exit_date else ""
    return f"{named(each.project)}, since {day(enrollment.entry_date)}{left}"


@page
def edit_client(request: HttpRequest, work: Casework, personal_id: str, assignment_id: str) -> HttpResponse:
    """The edit icon of the client's list: the Case Manager Assignment page."""
    back = reverse("case-managers", args=[personal_id])
    return edit(request, work, personal_id, assignment_id, "Case Manager Assignment", back)


@page
def edit_mine(request: HttpRequest, work: Casework, assignment_id: str) -> HttpResponse:
    """The edit icon of my inactive cases: the Client Case Assignment form."""
    mine = Assignment.objects.filter(hmis_id=assignment_id, worker__account=request.user.pk)
    personal_id = mine.values_list("enrollment__client__hmis_id", flat=True).first()
    if personal_id is None:
        raise NotFoundError("assignment", (assignment_id,))
    return edit(request, work, personal_id, assignment_id, "Client Case Assignment", reverse("inactive"))


def edit(
    request: HttpRequest, work: Casework, personal_id: str, assignment_id: str, title: str, back: str
) -> HttpResponse:
    """End it, reactivate it, or change its end: what the end date and the status say together; or void it."""
    found = [case for case in work.case_managers(personal_id) if case.assignment.assignment_id == assignment_id]
    if not found and request.POST.get("status") == "Void":  # a button that is pressed twice finds it void already
        return redirect(back)
    if not found:
        raise NotFoundError("assignment", (assignment_id,))
    [case] = found
    stint = case.assignment
    form = EditAssignmentForm(request.POST or None, end_date=stint.end_date, status=case.status.capitalize())
    if form.is_valid():
        status, reason = form.cleaned_data["status"], form.cleaned_data["reason"] or None
        with form.explained():
            if status == "Void":
                done = work.void(stint, reason, command_id=form.command_id)
            else:
                end_date = form.kept("end_date")
                done = work.set_status(stint, status, end_date=end_date, reason=reason, command_id=form.command_id)
            said = "Saved" if done.changes else "Nothing was changed, and nothing saved"
            messages.success(request, f"{said}: {person(case.case_manager)} for {person(case.client)}.")
            return redirect(back)
    context = {"case": case, "client": case.client, "form": form, "title": title, "back": back}
    return render(request, "agency/edit_assignment.html", context)
