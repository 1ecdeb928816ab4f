"""How people, days and stays are called on the screens."""

from datetime import date
from typing import Any

from django import template
from django.utils.formats import date_format

from caseassign import AssignmentStatus, Case, Client, PlannedCase, PlannedOutcome, Project

register = template.Library()


@register.filter
def person(someone: Any) -> str:
    """Return a name, first name first; the id of whom no name is known, or may be shown."""
    names = [name for name in (someone.first_name, someone.last_name) if name]
    if names:
        return " ".join(names)
    return f"{someone.key} (name withheld)" if isinstance(someone, Client) else someone.key


@register.filter
def named(project: Project) -> str:
    """Return what a project is called."""
    return project.project_name or project.project_id


@register.filter
def day(value: date | None) -> str:
    """Return a day as people write it; nothing where there is none."""
    return date_format(value, "j M Y").replace(" ", "\N{NO-BREAK SPACE}") if value else ""


@register.filter
def ending(case: Case) -> str:
    """Return when an assignment ends or ended: as of its end date nobody is responsible by it any more."""
    stint = case.assignment
    if stint.end_date is None:
        return "Until further notice"
    if case.is_same_day:
        return f"Same day, {day(stint.end_date)}"
    return f"{'Ended' if case.status is AssignmentStatus.INACTIVE else 'Ends'} on {day(stint.end_date)}"


@register.filter
def since(case: Case) -> str:
    """Return from when on somebody is, or was, responsible without a break."""
    return f"{'Starts on' if case.status is AssignmentStatus.UPCOMING else 'Since'} {day(case.since)}"


HAPPENS = {
    PlannedOutcome.MOVE: "Moves",
    PlannedOutcome.END_ONLY: "Ends: the new case manager holds it already",
    PlannedOutcome.KEEP: "Stays",
    PlannedOutcome.REFUSE: "Refused",
}


@register.filter
def happens(line: PlannedCase) -> str:
    """Return what a plan does with a case, and why where it does nothing."""
    reasons = [violation.message for violation in line.violations] or [line.reason or ""]
    return HAPPENS[line.outcome] + "".join(f": {reason}" for reason in reasons if reason)


@register.filter
def receiver(line: PlannedCase, names: dict[str, str]) -> str:
    """Return who gets a case."""
    return names.get(line.to, line.to) if line.is_carried_out else ""
