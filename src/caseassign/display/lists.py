"""Lists of cases, and the record of a client, as blocks for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby

from caseassign.cases import Cases
from caseassign.display.blocks import Block, Line, Table, Title
from caseassign.display.columns import (
    ASSIGNMENT,
    CASE_MANAGER,
    CASES,
    CLIENT,
    ENROLLMENT,
    ROLE,
    STATUS,
    STAY,
    STINT,
)
from caseassign.display.words import counted, day, person, relationship, withheld
from caseassign.model import Client, User
from caseassign.questions import ClientRecord, EnrollmentRecord


def held(cases: Cases, user: User, at_most: int | None = None) -> Iterator[Block]:
    """Yield the list of what a user holds, held or will hold."""
    who, as_of = person(user), day(cases.as_of)
    if cases.rows:
        yield Title(f"{cases.title} of {who} as of {as_of}")
        yield Table.of(CASES, cases, at_most)
        yield Line(_count(cases, "case"))
    else:
        yield Line(f"{who} has no {cases.title.lower()} as of {as_of}.{withheld(cases.withheld)}")


def unassigned(cases: Cases, at_most: int | None = None) -> Iterator[Block]:
    """Yield the list of open enrollments that nobody holds."""
    as_of = day(cases.as_of)
    if cases.rows:
        yield Title(f"{cases.title} as of {as_of}")
        yield Table.of(CASES, cases, at_most)
        yield Line(_count(cases, "enrollment"))
    else:
        yield Line(f"No open enrollment is without case manager as of {as_of}.{withheld(cases.withheld)}")


def case_managers(cases: Cases, client: Client, at_most: int | None = None) -> Iterator[Block]:
    """Yield everybody who holds, held or will hold a client, by status and enrollment."""
    who, as_of = person(client), day(cases.as_of)
    if not cases.rows:
        yield Line(f"{who} has no case managers on record as of {as_of}.{withheld(cases.withheld)}")
        return
    yield Title(f"{cases.title} of {who} as of {as_of}")
    alone = all(case.client == client for case in cases)
    columns = (*(() if alone else CLIENT), *CASE_MANAGER, *ENROLLMENT, ASSIGNMENT, *STAY, *STINT, *ROLE)
    for status, of_status in groupby(cases, key=lambda case: case.status):
        yield Title(str(status).capitalize())
        yield Table.of(columns, of_status, at_most)
    yield Line(_count(cases, "assignment"))


def client_record(record: ClientRecord, at_most: int | None = None) -> Iterator[Block]:
    """Yield a client's enrollments, each with its household and its case managers."""
    yield Title(f"{person(record.client)} as of {day(record.as_of)}")
    yield Line(f"{counted(len(record.enrollments), 'enrollment')}.{withheld(record.withheld)}")
    for of_one in record.enrollments[:at_most]:
        yield Title(_enrollment_title(of_one, record.as_of))
        members = [f"{person(client)}, {relationship(member.relationship_to_hoh)}" for member, client in of_one.members]
        yield Line(f"Household: {'; '.join(members)}")
        if of_one.case_managers:
            yield Table.of((*CASE_MANAGER, STATUS, ASSIGNMENT, *STINT, *ROLE), of_one.case_managers, at_most)
        else:
            yield Line("Nobody is assigned.")
    if at_most is not None and len(record.enrollments) > at_most:
        yield Line(f"… and {len(record.enrollments) - at_most:,} more")


def _enrollment_title(record: EnrollmentRecord, as_of: date) -> str:
    enrollment, project = record.enrollment, record.project
    title = f"{project.project_name or project.project_id}, enrollment {enrollment.enrollment_id}"
    title += f": Entered on {day(enrollment.entry_date)}"
    if enrollment.exit_date is None:
        return title
    return f"{title}, {'Exited' if enrollment.exit_date <= as_of else 'Exits'} on {day(enrollment.exit_date)}"


def _count(cases: Cases, noun: str) -> str:
    more = " More follow." if cases.next_page else ""
    return f"{counted(len(cases), noun)}.{more}{withheld(cases.withheld)}"
