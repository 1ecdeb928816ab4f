"""The forms of an enrollment: entry, the pen, and exit. What only the agency knows is saved in the same transaction."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from agency.access import today, worker_of
from agency.forms import EditEnrollmentForm, EntryForm, ExitForm, HouseholdForm
from agency.models import Enrollment, Project
from agency.pages import page, record_of, searched
from agency.store import serial
from agency.templatetags.agency import day, person
from agency.views.clients import clients_seen_by, search
from caseassign import AssignmentStatus, Case, Casework, NotFoundError, RelationshipToHoH
from caseassign.questions import ClientRecord, EnrollmentRecord


def one_of(record: ClientRecord, enrollment_id: str) -> EnrollmentRecord:
    """Return one enrollment of a client; raises `NotFoundError` where the worker sees none."""
    found = [each for each in record.enrollments if each.enrollment.enrollment_id == enrollment_id]
    if not found:
        raise NotFoundError("enrollment", (enrollment_id,))
    return found[0]


@page
def entry(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """Enrollment Entry: the project, the day, and who enrolls as well. It only asks, and writes nothing."""
    record, text = record_of(work, personal_id), searched(request.GET)
    organizations = worker_of(request.user).organizations
    projects = Project.objects.filter(organization__hmis_id__in=organizations).order_by("name")
    known = {member.personal_id: person(member) for each in record.enrollments for _, member in each.members}
    chosen = clients_seen_by(request.user).filter(hmis_id__in=request.GET.getlist("member"))
    found = search(request.user, text)[:20] if text else []
    known |= {client.hmis_id: person(client) for client in [*chosen, *found]}
    known.pop(personal_id, None)
    said = {name: request.GET.get(name) for name in ("project", "entry_date") if name in request.GET}
    goes_on = "continue" in request.GET
    form = EntryForm(
        request.GET if goes_on else None, initial={**said, "member": [client.hmis_id for client in chosen]}
    )
    form.fields["project"].choices = [(each.hmis_id, each.name or each.hmis_id) for each in projects]
    form.fields["member"].choices = [(key, f"{name} ({key})") for key, name in known.items()]
    if form.is_valid():
        asked = QueryDict(mutable=True)
        for name in form.fields:
            asked.setlist(name, request.GET.getlist(name))
        return redirect(f"{reverse('entry-household', args=[personal_id])}?{asked.urlencode()}")
    context = {"client": record.client, "form": form, "search": text, "found": len(found)}
    return render(request, "agency/entry.html", context)


@page
def household(request: HttpRequest, work: Casework, personal_id: str) -> HttpResponse:
    """Enrollment Entry: a case manager for each member, who is oneself unless another one is chosen."""
    me, asked = worker_of(request.user).hmis_id, EntryForm(request.GET)
    ids = list(dict.fromkeys([personal_id, *request.GET.getlist("member")]))
    asked.fields["project"].choices = [(request.GET.get("project", ""),) * 2]
    asked.fields["member"].choices = [(key, key) for key in ids]
    if not asked.is_valid():
        return redirect("entry", personal_id)
    project, entry_date = asked.cleaned_data["project"], asked.cleaned_data["entry_date"]
    may = {user.user_id: user for user in work.find_case_managers("", project=project) if not user.has_left(entry_date)}
    record = record_of(work, personal_id)
    members = [(key, person(record_of(work, key).client)) for key in ids]
    form = HouseholdForm(
        request.POST or None,
        members=members,
        relationships=relationships(record, ids),
        me=me if me in may else "",
    )
    found = [user.user_id for user in work.find_case_managers(form.searched) if user.user_id in may]
    form.offer(may, found, me)
    if form.is_valid():
        with form.explained():
            with serial():
                done = work.enroll(
                    form.of_members("relationship"),
                    project,
                    on=entry_date,
                    case_manager={key: user or None for key, user in form.of_members("case_manager").items()},
                    reason=form.cleaned_data["reason"] or None,
                    command_id=form.command_id,
                )
                for enrollment in done.enrollments:
                    bed = form.of_members("bed")[enrollment.personal_id]
                    Enrollment.objects.filter(hmis_id=enrollment.enrollment_id).update(bed=bed)
            messages.success(request, f"Enrolled: {', '.join(name for _, name in members)}.")
            return redirect("client", personal_id)
    row = Project.objects.filter(hmis_id=project).first()
    context = {"form": form, "project": row, "day": entry_date, "client": record.client, "found": len(found)}
    return render(request, "agency/entry_household.html", context)


def relationships(record: ClientRecord, ids: list[str]) -> dict[str, RelationshipToHoH | None]:
    """Return who was what in the latest household; where nobody of them was its head, the client is."""
    latest = {
        member.personal_id: member.relationship_to_hoh
        for each in reversed(record.enrollments)
        for member, _ in each.members
        if member.personal_id in ids
    }
    unknown = dict.fromkeys(ids, RelationshipToHoH.DATA_NOT_COLLECTED)
    has_head = RelationshipToHoH.SELF in latest.values()
    return unknown | latest | ({} if has_head else {record.client.personal_id: RelationshipToHoH.SELF})


@page
def edit(request: HttpRequest, work: Casework, personal_id: str, enrollment_id: str) -> HttpResponse:
    """The pen: correct an enrollment, and the bed, of which caseassign knows nothing."""
    record = record_of(work, personal_id)
    each = one_of(record, enrollment_id)
    row = Enrollment.objects.get(hmis_id=enrollment_id)
    before = {
        "entry_date": each.enrollment.entry_date,
        "exit_date": each.enrollment.exit_date,
        "relationship_to_hoh": each.enrollment.relationship_to_hoh,
        "bed": row.bed,
    }
    form = EditEnrollmentForm(request.POST or None, initial=before)
    if form.is_valid():
        with form.explained():
            with serial():
                work.edit_enrollment(
                    enrollment_id,
                    entry_date=form.kept("entry_date"),
                    exit_date=form.kept("exit_date"),
                    relationship_to_hoh=form.kept("relationship_to_hoh"),
                    adjust=form.cleaned_data["adjust"],
                    reason=form.cleaned_data["reason"] or None,
                    command_id=form.command_id,
                )
                if "bed" in form.changed_data:
                    Enrollment.objects.filter(hmis_id=enrollment_id).update(bed=form.cleaned_data["bed"])
            messages.success(request, "Enrollment saved.")
            return redirect("client", personal_id)
    return render(request, "agency/edit_enrollment.html", {"client": record.client, "each": each, "form": form})


@page
def leave(request: HttpRequest, work: Casework, personal_id: str, enrollment_id: str) -> HttpResponse:
    """Enrollment Exit: the box of each case manager is ticked; who is unticked stays responsible."""
    record = record_of(work, personal_id)
    each = one_of(record, enrollment_id)
    family = {member.enrollment_id: member for member, _ in each.members}
    cases = {
        case.assignment.assignment_id: case
        for personal in dict.fromkeys(client.personal_id for _, client in each.members)
        for case in work.case_managers(personal)
        if case.enrollment.enrollment_id in family
    }
    leaving = {key for key, member in family.items() if member.is_open(today())} | {enrollment_id}
    form = ExitForm(request.POST or None)
    if len(leaving) == 1 and "household" not in request.POST:
        del form.fields["household"]
    # A button that is pressed twice finds them ended, or void, already.
    offered = dict.fromkeys(form.shown, "Ended, or void, by now") | {
        key: box(case, is_own=case.enrollment == each.enrollment)
        for key, case in cases.items()
        if case.enrollment.enrollment_id in leaving and case.status is not AssignmentStatus.INACTIVE
    }
    form.fields["end_assignments"].choices = offered.items()
    form.fields["end_assignments"].initial = list(offered)
    if form.is_valid():
        said = form.cleaned_data
        on, household = said["exit_date"], said.get("household", False)
        kept = form.shown - set(said["end_assignments"])
        meant = {key for key, member in family.items() if household and member.is_open(on)} | {enrollment_id}
        ended = [key for key, case in cases.items() if case.enrollment.enrollment_id in meant and key not in kept]
        with form.explained():
            with serial():
                done = work.exit(
                    enrollment_id,
                    on=on,
                    end_assignments=ended if kept else True,
                    household=household,
                    reason=said["reason"] or None,
                    command_id=form.command_id,
                )
                left = [change.record.id for change in done.changes if change.record.kind == "enrollment"]
                Enrollment.objects.filter(hmis_id__in=left).update(destination=said["destination"])
            exited = "Exited." if len(left) == 1 else f"{len(left)} members exited."
            messages.success(request, exited if left else "Exited on that day already: nothing was changed.")
            return redirect("client", personal_id)
    context = {"client": record.client, "each": each, "form": form}
    return render(request, "agency/exit.html", context)


def box(case: Case, *, is_own: bool) -> str:
    """Return what stands beside the box of a case manager."""
    is_upcoming = case.status is AssignmentStatus.UPCOMING
    begins = f", from {day(case.assignment.start_date)} on (void if the exit is earlier)" if is_upcoming else ""
    return (
        person(case.case_manager) + begins + ("" if is_own else f", for {person(case.client)}, if the household exits")
    )
