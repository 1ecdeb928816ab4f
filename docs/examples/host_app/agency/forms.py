"""The forms: plain, with what caseassign refuses beside the field that it names."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from agency.access import today
from agency.models import new_id
from agency.templatetags.agency import person
from caseassign import UNCHANGED, InvalidRecordError, RelationshipToHoH, RuleViolationError, User

RELATIONSHIPS = [
    (RelationshipToHoH.SELF, "Self (head of household)"),
    (RelationshipToHoH.CHILD, "Child"),
    (RelationshipToHoH.SPOUSE_OR_PARTNER, "Spouse or partner"),
    (RelationshipToHoH.OTHER_RELATION, "Other relation"),
    (RelationshipToHoH.NON_RELATION, "Non-relation"),
    (RelationshipToHoH.DATA_NOT_COLLECTED, "Data not collected"),
]


class DayField(forms.DateField):
    """A day, as browsers let people choose it, and as they send it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(widget=widget, input_formats=["%Y-%m-%d"], **options)


class Form(forms.Form):
    """A form, with its fields drawn one below the other."""

    template_name = "agency/fields.html"

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)


class LogInForm(AuthenticationForm):
    """Django's own, drawn like the others."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, label_suffix="", **options)


class ActForm(Form):
    """A form whose button carries out an act."""

    mark = forms.CharField(widget=forms.HiddenInput, initial=new_id)
    """What tells this form from the same one, opened again."""

    PLACES: ClassVar[dict[str, str]] = {"user_id": "case_manager", "enrollment_id": "enrollment"}
    """Where a field of a record is called otherwise on the form."""

    @property
    def command_id(self) -> str:
        """What makes one act of a button that is pressed twice: this form, with this in it."""
        said = sorted((name, self.data.getlist(name)) for name in self.data if name != "csrfmiddlewaretoken")
        return sha256(json.dumps(said).encode()).hexdigest()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Put what an act is refused with beside the field that it names."""
        try:
            yield
        except RuleViolationError as refused:
            for violation in refused.violations:
                self._explain(violation.field, violation.message)
        except InvalidRecordError as invalid:
            self._explain(invalid.field, f"{invalid.field} {invalid.problem}")

    def _explain(self, field: str, message: str) -> None:
        place = self.PLACES.get(field, field)
        sentence = f"{message[:1].upper()}{message[1:]}"
        self.add_error(place if place in self.fields else None, sentence if sentence.endswith("?") else f"{sentence}.")

    def kept(self, field: str) -> Any:
        """Return what is in a field, or that it is unchanged since the form was opened."""
        return self.cleaned_data[field] if field in self.changed_data else UNCHANGED


def people(users: Iterable[User], me: str) -> list[tuple[str, str]]:
    """Return users to choose from, with oneself first."""
    named = [(user.user_id, person(user) + (" (me)" if user.user_id == me else "")) for user in users]
    return sorted(named, key=lambda choice: choice[0] != me)


class AssignmentForm(ActForm):
    """Add Case Assignment: the start is today and the case manager is oneself, unless one says otherwise."""

    start_date = DayField(label="Assignment start date", initial=today)
    case_manager = forms.ChoiceField(label="Case manager")
    enrollment = forms.ChoiceField(
        label="Enrollment", help_text="It must be open during the whole time of the assignment."
    )
    household = forms.BooleanField(label="Assign every member of the household", required=False)
    reason = forms.CharField(label="Reason", required=False, max_length=200)


class EditAssignmentForm(ActForm):
    """An end date beside a status box, which must not contradict each other."""

    end_date = DayField(
        label="End date",
        required=False,
        show_hidden_initial=True,
        help_text="The assignment ends on this day: the day before is the last day responsible.",
    )
    status = forms.ChoiceField(label="Status", choices=[("Active", "Active"), ("Inactive", "Inactive")])
    reason = forms.CharField(label="Reason", required=False, max_length=200)


class EditEnrollmentForm(ActForm):
    """The pen: the days of an enrollment, and who a member is to the head of household."""

    PLACES: ClassVar = {"start_date": "entry_date", "end_date": "exit_date"}

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
    bed = forms.CharField(label="Bed", required=False, max_length=20)
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
        label="End the case assignment of", widget=forms.CheckboxSelectMultiple, required=False
    )
    reason = forms.CharField(label="Reason", required=False, max_length=200)


class EntryForm(Form):
    """Enrollment Entry, first part: where, when, and who comes along."""

    project = forms.ChoiceField(label="Project")
    entry_date = DayField(label="Entry date", initial=today)
    member = forms.MultipleChoiceField(
        label="Household members who enroll as well", widget=forms.CheckboxSelectMultiple, required=False
    )


class HouseholdForm(ActForm):
    """Enrollment Entry, second part: for each member the relationship, the case manager and the bed."""

    def __init__(
        self,
        data: Any,
        *,
        members: list[tuple[str, str]],
        relationships: Mapping[str, RelationshipToHoH | None],
        case_managers: list[tuple[str, str]],
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
                label="Case manager",
                choices=[*case_managers, ("", "Nobody yet")],
                required=False,
                initial=case_managers[0][0] if case_managers else "",
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

    from_ = forms.ChoiceField(label="Reassign the cases of")
    to = forms.MultipleChoiceField(
        label="To",
        widget=forms.CheckboxSelectMultiple,
        help_text="Among several, households are spread to the lightest caseload first.",
    )
    on = DayField(label="First day of the new case manager", initial=today)
    reason = forms.CharField(label="Reason", required=False, max_length=200)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    """What the plan was when it was looked at."""
