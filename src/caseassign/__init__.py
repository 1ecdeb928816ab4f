"""caseassign: who is responsible for this client, since when, until when, and who said so.

A tour. Open a store, and a front door to it for whoever acts::

    from caseassign import SYSTEM, Casework, Client, MemoryStore, Organization, Project, User

    store = MemoryStore()                       # or SQLiteStore("haven.sqlite")
    system = Casework(store, user=SYSTEM)
    system.add(
        Organization(organization_id="haven", organization_name="Haven"),
        Project(project_id="es", organization_id="haven", project_name="Haven Shelter"),
        User(user_id="kim", organization_ids={"haven"}),
        User(user_id="lee", organization_ids={"haven"}),
        Client(personal_id="c1", first_name="Ada", last_name="Example"),
    )

    kim = Casework(store, user="kim")
    stay = kim.enroll("c1", "es", on="2026-03-02").enrollment       # kim is the case manager
    kim.active_cases(as_of="2026-03-02")                            # ada, since 2 March
    kim.hand_over(kim.active_cases()[0].assignment, "lee")          # one act, no gap, no overlap
    kim.exit(stay, on="2026-06-30")                                 # ends lee's assignment with the stay
    kim.history(stay)                                               # who did all that, when, and why

Days are half-open: the end is the first day on which something no longer holds. An act that would break a rule
is refused whole, with every violation. Everything here is explained in the documentation.
"""

import sys
from importlib import import_module
from typing import Any, Final

_HOMES: Final = {
    "acts.assign": "UNCHANGED",
    "acts.import_assignments": "AssignmentImport",
    "acts.import_export": "ImportResult",
    "acts.outcome": "Outcome",
    "acts.plan": "PlannedCase PlannedOutcome ReassignmentPlan",
    "audit": "Audit Finding",
    "caseloads": "Caseload Caseloads",
    "cases": "Case Cases",
    "casework": "Casework",
    "clock": "today_in",
    "coming_up": "ComingUp Ending",
    "errors": (
        "AlreadyExistsError CaseAssignError ConflictError DamagedStoreError HmisCsvError InvalidRecordError "
        "NotFoundError PermissionDeniedError RuleViolationError StorageError Violation WrongStoreError"
    ),
    "history": "Change Head RecordKey",
    "model": (
        "ME SYSTEM Actor AssignmentStatus CaseAssignment Client Enrollment Household HouseholdKey Organization "
        "Project ProjectType RelationshipToHoH User"
    ),
    "out_of_use": "OutOfUse",
    "period": "Period",
    "policy": "Action DefaultPolicy Policy Request Unrestricted",
    "questions": "ClientRecord",
    "retry": "retrying",
    "rules": (
        "ADVISORY_RULES GUARDS REQUIRED_RULES Tables caseload_at_most exclusive_role for_heads_of_household "
        "for_project_types known_roles"
    ),
    "stores.memory": "MemoryStore",
    "stores.postgres": "PostgresStore",
    "stores.sqlite": "SQLiteStore",
    "tables_audit": "Broken TablesAudit audit_tables",
}
"""Where each public name comes from: from this module, once somebody asks for it. ``__init__.pyi`` says so to types."""

_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  # each of them stands above


def __getattr__(name: str) -> Any:
    """Return what a public name stands for, or a module that public names come from, and keep what was loaded for it.

    Nobody needs all of it, and what it takes to make the classes is most of what an import costs.
    """
    home = _HOME_OF.get(name)
    if home is not None:
        module = import_module(f"{__name__}.{home}")
        globals().update({each: getattr(module, each) for each in _HOMES[home].split()})
        return globals()[name]
    if any(name == home.partition(".")[0] for home in _HOMES):
        return import_module(f"{__name__}.{name}")  # which makes it an attribute of this one
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
