"""What a browser sends of a form, and what stands beside its fields."""

from __future__ import annotations

from typing import Any


def entered(answer: Any, **said: Any) -> dict[str, Any]:
    """Return what a browser sends of a form that was opened, with something entered into it."""
    form = answer.context["form"]
    values = {name: form[name].value() for name in form.fields}
    for name, field in form.fields.items():  # of a box in which nothing is chosen, the first choice is sent
        if values[name] is None and hasattr(field, "choices"):
            values[name] = next(iter(field.choices))[0]
    before = {
        form[name].html_initial_name: values[name] for name in form.fields if form[name].field.show_hidden_initial
    }
    sent = values | before | said
    return {name: value for name, value in sent.items() if value is not None and value is not False}


def errors(answer: Any) -> dict[str, list[str]]:
    """Return what stands beside each field."""
    return {field: list(problems) for field, problems in answer.context["form"].errors.items()}
