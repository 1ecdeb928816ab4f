"""The forms of the pages, one for each act."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from agency.access import today
from agency.basic_forms import ActForm, DayField, Form, SearchingForm
from caseassign import RelationshipToHoH

RELATIONSHIPS = [
    (RelationshipToHoH.SELF, "Self (head of household)"),
    (RelationshipToHoH.CHILD, "Child"),
    (RelationshipToHoH.SPOUSE_OR_PARTNER, "Spouse or partner"),
    (RelationshipToHoH.OTHER_RELATION, "Other relation"),
    (RelationshipToHoH.NON_RELATION, "Non-relation"),
    (RelationshipToHoH.DATA_NOT_COLLECTED, "Data not collected"),
]


class LogInForm(AuthenticationForm):
    """Django's own, drawn like the others."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, label_suffix="", **options)


class AssignmentForm(SearchingForm):
    """Add Case Assignment: the start is today and the case manager is oneself, unless one says otherwise."""

    start_date = DayField(label="Assignment start date", initial=today)
    case_manager = forms.ChoiceField(label="Case manager")
    enrollment = forms.ChoiceField(
        label="Enrollment", help_text="It must be open during the whole time of the assignment."
    )
    household = forms.BooleanField(label="Assign every member of the household", required=False)
    reason = forms.CharField(label="Reason", required=False, max_length=200)


class EditAssignmentForm(ActForm):
    """An end date beside a status box, which must not contradict each other, nor what the assignment is by now."""

    end_date = DayField(
        label="End date",
        required=False,
        show_hidden_initial=True,
        help_text="The assignment ends on this day: the day before is the last day responsible.",
    )
    status = forms.ChoiceField(label="Status", show_hidden_initial=True)
    reason = forms.CharField(label="Reason", required=False, max_length=200)

    def __init__(self, data: Any, *, end_date: date | None, status: str) -> None:
        super().__init__(data, initial={"end_date": end_date, "status": status})
        lasting = ["Upcoming"] if status == "Upcoming" else ["Active", "Inactive"]
        void = ("Void", "Void: it should never have existed")
        self.fields["status"].choices = [*((each, each) for each in lasting), void]

    def clean(self) -> None:
        """Refuse a status that nobody chose: it was there when the form was opened, and has changed since."""
        status, now = self.cleaned_data.get("status"), self.initial["status"]
        if not status or "status" in self.changed_data:
            return
        if status != now:
            self.add_error("status", f"It is {now} by now: somebody has changed it. Open the form again.")
        elif status == "Inactive" and "end_date" in self.cleaned_data and self.kept("end_date") is None:
            self.add_error("end_date", "Inactive, yet its end is taken away: Inactive with an end, or Active?")


class EditEnrollmentForm(ActForm):
    """The pen: the days of an enrollment, and who a member is to the head of household."""

    entry_date = DayField(label="Entry date", show_hidden_initial=True)
    exit_date = DayField(label="Exit date", required=False, show_hidden_initial=True)
    relationship_to_hoh = forms.TypedChoiceField(
        label="Relationship to head of household",
        choices=[("", "Not known"), *RELATIONSHIPS],
        coerce=int,
        empty_value=None,
        required=False,
        show_hidden_initial=True,
    )
    bed = forms.CharField(label="Bed", required=False, max_length=20, show_hidden_initial=True)
    adjust = forms.BooleanField(
        label="Fit the case assignments to these days",
        required=False,
        help_text="What would fall outside is cut off, or void where nothing is left of it.",
    )
    reason = forms.CharField(label="Reason", required=False, max_length=200)


class ExitForm(ActForm):
    """Enrollment Exit: each case manager has a box, which is ticked."""

    DESTINATIONS = ("", "Rental", "With family", "Permanent housing", "Emergency shelter", "Not known")

    exit_date = DayField(label="Exit date", initial=today)
    destination = forms.ChoiceField(
        label="Destination", choices=[(d, d or "Choose") for d in DESTINATIONS], required=False
    )
    household = forms.BooleanField(label="Exit every open member of the household", required=False)
    end_assignments = forms.MultipleChoiceField(
        label="End the case assignment of",
        widget=forms.CheckboxSelectMultiple,
        required=False,
        show_hidden_initial=True,
        help_text="Who is unticked stays responsible. With an exit in the past, what has ended since then ends on that day.",
    )
    reason = forms.CharField(label="Reason", required=False, max_length=200)

    @property
    def shown(self) -> set[str]:
        """Whose boxes were there when the form was opened."""
        return set(self.data.getlist(self["end_assignments"].html_initial_name)) if self.is_bound else set()


class EntryForm(Form):
    """Enrollment Entry, first part: where, when, and who comes along."""

    project = forms.ChoiceField(label="Project")
    entry_date = DayField(label="Entry date", initial=today)
    member = forms.MultipleChoiceField(
        label="Household members who enroll as well", widget=forms.CheckboxSelectMultiple, required=False
    )


class HouseholdForm(SearchingForm):
    """Enrollment Entry, second part: for each member the relationship, the case manager and the bed."""

    def __init__(
        self,
        data: Any,
        *,
        members: list[tuple[str, str]],
        relationships: Mapping[str, RelationshipToHoH | None],
        me: str,
    ) -> None:
        super().__init__(data)
        self.members = members
        for key, _ in members:
            self.fields[f"relationship_{key}"] = forms.TypedChoiceField(
                label="Relationship to head of household",
                choices=RELATIONSHIPS,
                coerce=int,
                initial=relationships.get(key),
            )
            self.fields[f"case_manager_{key}"] = forms.ChoiceField(
                label="Case manager", choices=[("", "Nobody yet")], required=False, initial=me
            )
            self.fields[f"bed_{key}"] = forms.CharField(label="Bed", required=False, max_length=20)
        self.fields["reason"] = forms.CharField(label="Reason", required=False, max_length=200)

    def of_members(self, field: str) -> dict[str, Any]:
        """Return what is entered for each member."""
        return {key: self.cleaned_data[f"{field}_{key}"] for key, _ in self.members}

    @property
    def groups(self) -> list[tuple[str, list[Any]]]:
        """Return the fields of each member, under their name."""
        kinds = ("relationship", "case_manager", "bed")
        return [(name, [self[f"{kind}_{key}"] for kind in kinds]) for key, name in self.members]


class ReassignmentForm(ActForm):
    """Case Load Reassignment: whose caseload, to whom, from which day on."""

    PLACES: ClassVar = {"user_id": "to", "start_date": "on", "assignment_id": ""}

    from_ = forms.CharField(label="Reassign the cases of", widget=forms.Select)
    to = forms.MultipleChoiceField(
        label="To",
        widget=forms.CheckboxSelectMultiple,
        help_text="Among several, households are spread to the lightest caseload first.",
    )
    on = DayField(label="First day of the new case manager", initial=today)
    reason = forms.CharField(label="Reason", required=False, max_length=200)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    """What the plan was when it was looked at."""
