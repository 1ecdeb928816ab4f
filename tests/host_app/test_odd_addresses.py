"""What nobody types: addresses and searches that a database cannot take are answered like any that find nothing."""

from __future__ import annotations

import pytest

from host_app.conftest import Agency

HOUSEHOLD = "/clients/C0011/enroll/household/?project=P01&entry_date=2026-03-01"


@pytest.mark.parametrize(
    "path",
    [
        "/clients/?search=a%00b",
        "/clients/C0011%00/",
        "/clients/C0011/case-managers/%00/",
        "/clients/C0011/enroll/?member=%00",
        "/clients/C0011/enroll/household/?project=%00&entry_date=2026-03-01",
        f"{HOUSEHOLD}&member=%00",
        "/inactive/%00/",
        "/reassignment/%00/",
    ],
)
def test_an_address_with_nul_in_it_is_not_there(agency: Agency, path: str) -> None:
    """PostgreSQL has no text with NUL in it: such an address is refused before anything is asked."""
    assert agency.browser("sam").get(path).status_code == 404


@pytest.mark.parametrize("day", ["2026-3-2", "20260302", "2026-03-32", "02.03.2026", "today"])
def test_a_day_is_written_in_full(agency: Agency, day: str) -> None:
    """SPEC 3.4: a day is exactly YYYY-MM-DD on the forms, too; all else is refused beside the field."""
    before = agency.state()
    page = "/clients/C0102/enrollments/E0121/exit/"
    answer = agency.browser("kim").post(page, {"mark": "m", "exit_date": day})
    assert set(answer.context["form"].errors) == {"exit_date"}
    assert agency.state() == before


@pytest.mark.parametrize("text", ["x" * 60_000, "a " * 3_000])
@pytest.mark.parametrize("path", ["/clients/?search=", "/clients/C0011/enroll/?search="])
def test_a_search_is_only_so_long(agency: Agency, path: str, text: str) -> None:
    """SPEC 7.5: a search that no name is as long as is cut, and neither fails nor takes minutes."""
    answer = agency.browser("kim").get(f"{path}{text}")
    assert answer.status_code == 200
    assert len(answer.context["search"]) == 100
