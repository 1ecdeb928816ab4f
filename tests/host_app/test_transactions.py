"""What the host keeps, and what caseassign keeps, is in one transaction: both are there, or neither."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from caseassign import ConflictError, RuleViolationError, StorageError
from host_app.conftest import Agency

CLIENT, ENROLLMENT = "C0102", "E0121"  # Kim's, of one person alone


def exit_and(agency: Agency, bed: str, error: type[Exception] | None = None) -> None:
    """Exit an enrollment and write its bed, in one transaction of the host, and fail in it if it is to."""
    from agency.store import serial  # noqa: PLC0415  # Django has to be set up first

    with serial():
        agency.as_("U1").exit(ENROLLMENT, on="2026-03-01")
        agency.enrollments.filter(hmis_id=ENROLLMENT).update(bed=bed)
        if error is not None:
            raise error


def test_a_host_that_rolls_back_leaves_no_assignment_and_no_line(agency: Agency) -> None:
    """SPEC 10.1: what an act did is gone with the transaction of the host, history included."""
    before = agency.state()
    with pytest.raises(ZeroDivisionError):
        exit_and(agency, "12 B", ZeroDivisionError)
    assert agency.state() == before


def test_what_the_database_refuses_of_the_host_takes_the_act_with_it(agency: Agency) -> None:
    """SPEC 10.1: a constraint of the host's own, broken after the act, leaves nothing of the act."""
    before = agency.state()
    with pytest.raises(StorageError, match="SQLITE_CONSTRAINT"):
        exit_and(agency, " 12 B")  # the agency has no beds that begin with a blank
    assert agency.state() == before


def test_a_page_whose_own_part_fails_leaves_nothing_of_the_act(
    agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """SPEC 10.1: where the agency's own column cannot be written, the exit of the same form is undone with it.

    The answer is a page, and a line of the log, which say nothing of the client.
    """
    from django.db import connection  # noqa: PLC0415  # Django has to be set up first

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF destination ON agency_enrollment WHEN NEW.destination <> '' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    before = agency.state()
    said = {"mark": "m", "exit_date": "2026-03-01", "destination": "Rental"}
    answer = agency.browser("kim").post(f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/exit/", said)
    assert agency.state() == before
    assert answer.status_code == 500
    assert b"Something failed" in answer.content
    lines = [line.getMessage() for line in caplog.records if line.name == "agency.pages"]
    assert lines == ["exit failed: the database refused: SQLITE_CONSTRAINT_TRIGGER"]


def test_a_host_that_commits_keeps_both(agency: Agency) -> None:
    """SPEC 10.1: the bed, the exit, the end of the assignment and its lines are there together."""
    lines = agency.state()[-1]
    exit_and(agency, "12 B")
    row = agency.enrollments.get(hmis_id=ENROLLMENT)
    assert (row.bed, str(row.exited_on)) == ("12 B", "2026-03-01")
    assert [end for _, _, end in agency.held(ENROLLMENT)] == ["2026-03-01"]
    assert agency.state()[-1] > lines
    assert agency.as_("U1").verify_history() == ()


def test_a_refused_act_leaves_the_host_going_on(agency: Agency) -> None:
    """SPEC 10.1: an act is a savepoint: what it did is undone, and what the host did itself is kept."""
    from agency.store import serial  # noqa: PLC0415

    lines = agency.state()[-1]
    with serial():
        agency.enrollments.filter(hmis_id=ENROLLMENT).update(bed="12 B")
        with pytest.raises(RuleViolationError):
            agency.as_("U1").assign(ENROLLMENT)  # Kim has it already
    assert agency.enrollments.get(hmis_id=ENROLLMENT).bed == "12 B"
    assert agency.state()[-1] == lines


def test_an_act_leaves_alone_what_only_the_host_knows(agency: Agency) -> None:
    """SPEC 10.1: replacing a record changes no column of the host's own."""
    agency.enrollments.filter(hmis_id=ENROLLMENT).update(bed="12 B")
    agency.as_("U1").exit(ENROLLMENT)
    assert agency.enrollments.get(hmis_id=ENROLLMENT).bed == "12 B"


def test_who_waits_too_long_is_told_that_there_is_a_conflict(agency: Agency) -> None:
    """SPEC 10.1: where somebody else is writing for longer than one waits, it is a `ConflictError`."""
    from agency.store import serial  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    came: list[Any] = []

    def wait() -> None:
        try:
            connection.ensure_connection()
            connection.connection.execute("PRAGMA busy_timeout = 50")
            agency.as_("U1").exit(ENROLLMENT)
        except ConflictError as conflict:
            came.append(conflict)
        finally:
            connection.close()

    with serial():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert len(came) == 1


def test_a_page_says_that_somebody_else_was_saving(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 10.1: a form that finds others writing for too long is answered with 409, and has written nothing."""
    from agency.store import serial  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    page = f"/clients/{CLIENT}/enrollments/{ENROLLMENT}/exit/"
    browser = agency.browser("kim")
    said = {"mark": "m", "exit_date": "2026-03-01"}
    came: list[Any] = []

    def press() -> None:
        try:
            came.append(browser.post(page, said))
        finally:
            connection.close()

    before = agency.state()
    with monkeypatch.context() as patch, serial():
        patch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.01)
        thread = threading.Thread(target=press)
        thread.start()
        thread.join()
    [answer] = came
    assert answer.status_code == 409
    assert b"Somebody else was saving" in answer.content
    assert agency.state() == before
    assert browser.post(page, said).status_code == 302
