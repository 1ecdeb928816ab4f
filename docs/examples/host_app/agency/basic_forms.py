"""What the forms have in common: what is refused stands beside its field; a button pressed twice acts once."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from typing import Any, ClassVar

from django import forms

from agency.models import new_id
from agency.pages import searched
from agency.templatetags.agency import person
from caseassign import UNCHANGED, InvalidRecordError, RuleViolationError, User
from caseassign.period import as_day


class DayField(forms.DateField):
    """A day, as browsers let people choose it, and as they send it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(widget=widget, input_formats=["%Y-%m-%d"], **options)

    def strptime(self, value: str, format: str) -> date:  # noqa: A002  # as Django calls it
        """Return the day, if it is written in full."""
        return as_day(value, "day")


class Form(forms.Form):
    """A form, with its fields drawn one below the other."""

    template_name = "agency/fields.html"

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)


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
                self._explain(violation.message, violation.field, violation.against)
        except InvalidRecordError as invalid:
            self._explain(f"{invalid.field} {invalid.problem}", invalid.field)

    def _explain(self, message: str, *named: str | None) -> None:
        places = (self.PLACES.get(field, field) for field in named)
        sentence = f"{message[:1].upper()}{message[1:]}"
        self.add_error(
            next((place for place in places if place in self.fields), None),
            sentence if sentence.endswith("?") else f"{sentence}.",
        )

    def kept(self, field: str) -> Any:
        """Return what is in a field, or that it is unchanged since the form was opened."""
        return self.cleaned_data[field] if field in self.changed_data else UNCHANGED


class SearchingForm(ActForm):
    """A form with a search for case managers in it: its button keeps what is entered, and carries out nothing."""

    def __init__(self, data: Any, **options: Any) -> None:
        self.is_searching = bool(data) and "find" in data
        self.searched = searched(data) if self.is_searching else ""
        options |= {"initial": data.dict()} if self.is_searching else {}
        super().__init__(None if self.is_searching else data, **options)

    def offer(self, may: Mapping[str, User], found: Iterable[str], me: str) -> None:
        """Let choose oneself, who was found, and who is chosen already; of all of them, who may take the case."""
        for name, field in self.fields.items():
            if name.startswith("case_manager"):
                wanted = {me, self.get_initial_for_field(field, name), *found}
                named = [
                    (key, person(user) + (" (me)" if key == me else "")) for key, user in may.items() if key in wanted
                ]
                field.choices = [*sorted(named, key=lambda choice: choice[0] != me), *field.choices]
