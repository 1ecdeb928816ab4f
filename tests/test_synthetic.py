"""The synthetic export: the same bytes every time, sound but for its quirks, and flat in memory at any size."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from caseassign.demo.synthetic import bundled_export, write_export
from caseassign.errors import InvalidRecordError

# From the FY2026 field tables, and not from the code that is tested.
FY2026_COLUMNS = {
    "Export": """
        ExportID SourceType SourceID SourceName SourceContactFirst SourceContactLast SourceContactPhone
        SourceContactExtension SourceContactEmail ExportDate ExportStartDate ExportEndDate SoftwareName
        SoftwareVersion CSVVersion ExportPeriodType ExportDirective HashStatus ImplementationID
    """,
    "User": """
        UserID UserFirstName UserLastName UserPhone UserExtension UserEmail DateCreated DateUpdated DateDeleted
        ExportID
    """,
    "Organization": """
        OrganizationID OrganizationName VictimServiceProvider OrganizationCommonName DateCreated DateUpdated UserID
        DateDeleted ExportID
    """,
    "Project": """
        ProjectID OrganizationID ProjectName ProjectCommonName OperatingStartDate OperatingEndDate ContinuumProject
        ProjectType HousingType RRHSubType ResidentialAffiliation TargetPopulation HOPWAMedAssistedLivingFac PITCount
        DateCreated DateUpdated UserID DateDeleted ExportID
    """,
    "Client": """
        PersonalID FirstName MiddleName LastName NameSuffix NameDataQuality SSN SSNDataQuality DOB DOBDataQuality Sex
        AmIndAKNative Asian BlackAfAmerican HispanicLatinao MidEastNAfrican NativeHIPacific White RaceNone
        AdditionalRaceEthnicity VeteranStatus YearEnteredService YearSeparated WorldWarII KoreanWar VietnamWar
        DesertStorm AfghanistanOEF IraqOIF IraqOND OtherTheater MilitaryBranch DischargeStatus DateCreated DateUpdated
        UserID DateDeleted ExportID
    """,
    "Enrollment": """
        EnrollmentID PersonalID ProjectID EntryDate HouseholdID RelationshipToHoH EnrollmentCoC LivingSituation
        RentalSubsidyType LengthOfStay LOSUnderThreshold PreviousStreetESSH DateToStreetESSH
        TimesHomelessPastThreeYears MonthsHomelessPastThreeYears DisablingCondition DateOfEngagement MoveInDate
        DateOfPATHStatus ClientEnrolledInPATH ReasonNotEnrolled PercentAMI ReferralSource
        CountOutreachReferralApproaches DateOfBCPStatus EligibleForRHY ReasonNoServices RunawayYouth
        FormerWardChildWelfare ChildWelfareYears ChildWelfareMonths FormerWardJuvenileJustice JuvenileJusticeYears
        JuvenileJusticeMonths UnemploymentFam MentalHealthDisorderFam PhysicalDisabilityFam AlcoholDrugUseDisorderFam
        InsufficientIncome IncarceratedParent VAMCStation TargetScreenReqd TimeToHousingLoss AnnualPercentAMI
        LiteralHomelessHistory ClientLeaseholder HOHLeaseholder SubsidyAtRisk EvictionHistory CriminalRecord
        IncarceratedAdult PrisonDischarge SexOffender DisabledHoH CurrentPregnant SingleParent DependentUnder6 HH5Plus
        CoCPrioritized HPScreeningScore ThresholdScore MentalHealthConsultation DateCreated DateUpdated UserID
        DateDeleted ExportID
    """,
    "Exit": """
        ExitID EnrollmentID PersonalID ExitDate Destination DestinationSubsidyType OtherDestination HousingAssessment
        SubsidyInformation ProjectCompletionStatus EarlyExitReason ExchangeForSex ExchangeForSexPastThreeMonths
        CountOfExchangeForSex AskedOrForcedToExchangeForSex AskedOrForcedToExchangeForSexPastThreeMonths
        WorkplaceViolenceThreats WorkplacePromiseDifference CoercedToContinueWork LaborExploitPastThreeMonths
        CounselingReceived IndividualCounseling FamilyCounseling GroupCounseling SessionCountAtExit
        PostExitCounselingPlan SessionsInPlan DestinationSafeClient DestinationSafeWorker PosAdultConnections
        PosPeerConnections PosCommunityConnections AftercareDate AftercareProvided EmailSocialMedia Telephone
        InPersonIndividual InPersonGroup CMExitReason DateCreated DateUpdated UserID DateDeleted ExportID
    """,
}

TODAY = "2026-03-02"
THREE_YEARS_AGO = "2023-03-02"

Rows = list[dict[str, str]]


class Export:
    """An export, read with nothing but `csv.DictReader`."""

    def __init__(self, folder: Path) -> None:
        self.users = _read(folder, "User")
        self.organizations = _read(folder, "Organization")
        self.projects = _read(folder, "Project")
        self.clients = _read(folder, "Client")
        self.enrollments = _read(folder, "Enrollment")
        self.exits = _read(folder, "Exit")
        self.exit_days = {row["EnrollmentID"]: row["ExitDate"] for row in self.exits}

    def households(self) -> dict[str, Rows]:
        """Return the enrollments by HouseholdID."""
        members = defaultdict(list)
        for row in self.enrollments:
            members[row["HouseholdID"]].append(row)
        return members

    def enrollment(self, enrollment_id: str) -> dict[str, str]:
        """Return the first row of an EnrollmentID."""
        return next(row for row in self.enrollments if row["EnrollmentID"] == enrollment_id)


def _read(folder: Path, table: str) -> Rows:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _ids(rows: Rows, column: str) -> list[str]:
    return [row[column] for row in rows]


def _is_day(text: str) -> bool:
    try:
        return str(date.fromisoformat(text)) == text
    except ValueError:
        return False


@pytest.fixture(scope="module")
def bundled() -> Export:
    """The export that comes with the package."""
    with bundled_export() as folder:
        return Export(folder)


@pytest.fixture(scope="module", params=[2026, 7])
def clean(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """An export of 400 households without quirks."""
    folder = tmp_path_factory.mktemp("clean")
    write_export(folder, households=400, users=20, organizations=6, seed=request.param, dirt=0)
    return Export(folder)


# The bytes


def test_the_bundled_export_is_what_the_generator_writes(tmp_path: Path) -> None:
    """The bundled files are, byte for byte, what `write_export` writes when nothing is chosen."""
    write_export(tmp_path)
    with bundled_export() as folder:
        assert _bytes(folder) == _bytes(tmp_path)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Two calls with the same arguments write the same bytes, even over files that are there."""
    write_export(tmp_path / "a", households=99, seed=3, dirt=0.2)
    write_export(tmp_path / "b", households=5)
    write_export(str(tmp_path / "b"), households=99, seed=3, dirt=0.2)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_another_seed_gives_another_export(tmp_path: Path) -> None:
    """Another seed tells of other people, and says so with another ImplementationID (SPEC 9.7)."""
    write_export(tmp_path / "a", seed=1)
    write_export(tmp_path / "b", seed=2)
    for table in ("Client", "Enrollment", "Exit"):
        assert (tmp_path / "a" / f"{table}.csv").read_bytes() != (tmp_path / "b" / f"{table}.csv").read_bytes()
    implementations = [_read(tmp_path / name, "Export")[0]["ImplementationID"] for name in "ab"]
    assert implementations == ["synthetic-1", "synthetic-2"]


def test_files_and_columns_are_those_of_fy2026(tmp_path: Path) -> None:
    """Seven files with exactly the columns of the FY2026 tables, in their order, in UTF-8 with LF (SPEC 9.1)."""
    write_export(tmp_path, households=0)
    headers = {path.stem: path.read_text("utf-8").splitlines()[0].split(",") for path in tmp_path.iterdir()}
    assert headers == {table: names.split() for table, names in FY2026_COLUMNS.items()}
    with bundled_export() as folder:
        assert not any(b"\r" in content or content.startswith(b"\xef") for content in _bytes(folder).values())


def test_quirks_change_nothing_but_their_own_rows(tmp_path: Path) -> None:
    """Without quirks every other byte stays as it is, and every row of clients, users and projects."""
    write_export(tmp_path, dirt=0)
    with bundled_export() as folder:
        dirty, clean = _bytes(folder), _bytes(tmp_path)
    assert [name for name in sorted(dirty) if dirty[name] != clean[name]] == ["Enrollment.csv", "Exit.csv"]
    spoiled = set(dirty["Enrollment.csv"].splitlines()) - set(clean["Enrollment.csv"].splitlines())
    assert sorted(line[:5].decode() for line in spoiled) == [
        *("E0020", "E0042", "E0069", "E0076", "E0087", "E0115", "E0136", "E0145"),
    ]
    spoiled = set(dirty["Exit.csv"].splitlines()) - set(clean["Exit.csv"].splitlines())
    assert sorted(line.decode().split(",")[0] for line in spoiled) == ["X0006X", "X0078", "X0138"]


def test_dirt_leaves_the_first_sixty_households_alone(tmp_path: Path) -> None:
    """A larger and dirtier export of the same seed begins with the bundled one, which has each quirk once."""
    write_export(tmp_path, households=90, dirt=1)
    larger = _bytes(tmp_path)
    with bundled_export() as folder:
        for name, content in _bytes(folder).items():
            assert larger[name].startswith(content)


# What holds without quirks


def test_every_reference_leads_somewhere(clean: Export) -> None:
    """Every id that a row refers to is there, every key is there once, and every client has an enrollment."""
    users, clients = _ids(clean.users, "UserID"), _ids(clean.clients, "PersonalID")
    projects, organizations = _ids(clean.projects, "ProjectID"), _ids(clean.organizations, "OrganizationID")
    enrollments, exits = _ids(clean.enrollments, "EnrollmentID"), _ids(clean.exits, "EnrollmentID")
    for keys in (users, clients, projects, organizations, enrollments, exits, _ids(clean.exits, "ExitID")):
        assert len(set(keys)) == len(keys)
    assert set(_ids(clean.projects, "OrganizationID")) == set(organizations)
    assert set(_ids(clean.enrollments, "PersonalID")) == set(clients)
    assert set(_ids(clean.enrollments, "ProjectID")) <= set(projects)
    assert {(row["EnrollmentID"], row["PersonalID"]) for row in clean.exits} <= {
        (row["EnrollmentID"], row["PersonalID"]) for row in clean.enrollments
    }
    for rows in (clean.organizations, clean.projects, clean.clients, clean.enrollments, clean.exits):
        assert set(_ids(rows, "UserID")) <= set(users)
        assert set(_ids(rows, "ExportID")) == {"SYN20260302"}


def test_a_household_has_one_head_and_one_project(clean: Export) -> None:
    """A household has one to five members, one of them its head, all in one project, each of them once."""
    sizes = Counter(len(members) for members in clean.households().values())
    assert set(sizes) == {1, 2, 3, 4, 5}
    for members in clean.households().values():
        assert _ids(members, "RelationshipToHoH").count("1") == 1
        assert len(set(_ids(members, "ProjectID"))) == 1
        assert len(set(_ids(members, "PersonalID"))) == len(members)
    assert set(_ids(clean.enrollments, "RelationshipToHoH")) == {"1", "2", "3", "4", "5"}


def test_heads_are_adults_and_children_are_not(clean: Export) -> None:
    """When a household first enters, its children are under 18 and born, and all others are 18 or older."""
    born = {row["PersonalID"]: date.fromisoformat(row["DOB"]) for row in clean.clients}
    seen: set[str] = set()
    for members in clean.households().values():
        entry = date.fromisoformat(min(_ids(members, "EntryDate")))
        for row in members:
            if row["PersonalID"] not in seen:
                seen.add(row["PersonalID"])
                birth = born[row["PersonalID"]]
                years = entry.year - birth.year - ((entry.month, entry.day) < (birth.month, birth.day))
                assert (0 <= years < 18) == (row["RelationshipToHoH"] == "2")
    assert seen == set(born)


def test_days_lie_in_order(clean: Export) -> None:
    """Entries lie in the three years before today, exits after their entry and not after today (SPEC 3)."""
    for row in clean.enrollments:
        assert THREE_YEARS_AGO <= row["EntryDate"] <= TODAY
        assert row["EntryDate"] < clean.exit_days.get(row["EnrollmentID"], "9999")
        assert clean.exit_days.get(row["EnrollmentID"], TODAY) <= TODAY
    for rows in (clean.clients, clean.enrollments, clean.exits):
        assert all(row["DateCreated"] < row["DateUpdated"] <= f"{TODAY} 23:59:59" for row in rows)
    assert 0.45 < len(clean.exits) / len(clean.enrollments) < 0.65


def test_members_mostly_enter_and_exit_together(clean: Export) -> None:
    """Nobody is there before or after the head; some members join later or leave earlier, but few."""
    later = earlier = 0
    for members in clean.households().values():
        head = next(row for row in members if row["RelationshipToHoH"] == "1")
        head_exit = clean.exit_days.get(head["EnrollmentID"], "9999")
        for row in members:
            left = clean.exit_days.get(row["EnrollmentID"], "9999")
            assert head["EntryDate"] <= row["EntryDate"] <= left <= head_exit
            later += head["EntryDate"] < row["EntryDate"]
            earlier += left < head_exit
    assert 0 < earlier < later < len(clean.enrollments) / 10


def test_some_clients_come_back_to_another_project(clean: Export) -> None:
    """Those who left with their household may come back, never before they left, and to another project."""
    stays = defaultdict(list)
    heads = [row for row in clean.enrollments if row["RelationshipToHoH"] == "1"]
    household_exits = {row["HouseholdID"]: clean.exit_days.get(row["EnrollmentID"]) for row in heads}
    for row in clean.enrollments:
        stays[row["PersonalID"]].append(row)
    touching = 0
    for one_persons in stays.values():
        for before, after in pairwise(one_persons):
            assert clean.exit_days[before["EnrollmentID"]] == household_exits[before["HouseholdID"]]
            assert clean.exit_days[before["EnrollmentID"]] <= after["EntryDate"]
            assert before["ProjectID"] != after["ProjectID"]
            assert before["HouseholdID"] != after["HouseholdID"]
            touching += clean.exit_days[before["EnrollmentID"]] == after["EntryDate"]
    assert touching > 0
    assert 0.05 < sum(len(rows) > 1 for rows in stays.values()) / len(stays) < 0.5


def test_users_work_mostly_for_one_organization(clean: Export) -> None:
    """Most enrollments of a household have one user, and most of a user's are in one organization."""
    organization = {row["ProjectID"]: row["OrganizationID"] for row in clean.projects}
    together = sum(Counter(_ids(members, "UserID")).most_common(1)[0][1] for members in clean.households().values())
    assert 0.85 < together / len(clean.enrollments) < 1
    worked: dict[str, Counter[str]] = defaultdict(Counter)
    for row in clean.enrollments:
        worked[row["UserID"]][organization[row["ProjectID"]]] += 1
    assert set(worked) == set(_ids(clean.users, "UserID"))
    at_home = sum(counter.most_common(1)[0][1] for counter in worked.values())
    assert 0.7 < at_home / len(clean.enrollments) < 1


def test_project_types_come_from_the_picklist(clean: Export) -> None:
    """Projects are shelters, outreach, housing and coordinated entry; only rapid re-housing has a sub-type."""
    assert set(_ids(clean.projects, "ProjectType")) == {"0", "1", "2", "3", "4", "13", "14"}
    for row in clean.projects:
        assert row["RRHSubType"] == ("2" if row["ProjectType"] == "13" else "")


# The quirks of the bundled export, each found by its own search


def test_the_bundled_export_is_as_large_as_its_story(bundled: Export) -> None:
    """The bundled export has 60 households with 145 enrollments in 7 projects of 3 organizations with 6 users."""
    assert [len(bundled.users), len(bundled.organizations), len(bundled.projects)] == [6, 3, 7]
    assert len(bundled.clients) == 120
    assert len(set(_ids(bundled.enrollments, "EnrollmentID"))) == 145
    assert len({key for key in bundled.households() if key}) == 71
    assert len(set(bundled.exit_days) & set(_ids(bundled.enrollments, "EnrollmentID"))) == 74


def test_quirk_duplicate_enrollment_id(bundled: Export) -> None:
    """E0020 is there twice, and only that one; the second row is older, and says a week earlier (SPEC 9.2)."""
    counts = Counter(_ids(bundled.enrollments, "EnrollmentID"))
    assert [key for key, times in counts.items() if times > 1] == ["E0020"]
    newer, older = (row for row in bundled.enrollments if row["EnrollmentID"] == "E0020")
    assert (newer["EntryDate"], older["EntryDate"]) == ("2025-12-29", "2025-12-22")
    assert older["DateUpdated"] < newer["DateUpdated"]
    changed = {column for column in newer if newer[column] != older[column]}
    assert changed == {"EntryDate", "DateUpdated"}


def test_quirk_exit_without_enrollment(bundled: Export) -> None:
    """The exit from E0006X has no enrollment, and only that one; no enrollment has two exits (SPEC 9.2)."""
    missing = set(bundled.exit_days) - set(_ids(bundled.enrollments, "EnrollmentID"))
    assert missing == {"E0006X"}
    assert len(bundled.exit_days) == len(bundled.exits)


def test_quirk_missing_household_id(bundled: Export) -> None:
    """E0042 has no HouseholdID, and only that one (SPEC 9.2)."""
    assert _ids(bundled.households()[""], "EnrollmentID") == ["E0042"]


def test_quirk_entry_dates(bundled: Export) -> None:
    """E0069 enters on a day as Excel writes it, E0076 on none, and everybody else on a proper one (SPEC 3.4)."""
    odd = {row["EnrollmentID"]: row["EntryDate"] for row in bundled.enrollments if not _is_day(row["EntryDate"])}
    assert odd == {"E0069": "12/19/2025", "E0076": "2025-02-30"}
    assert all(_is_day(row["ExitDate"]) for row in bundled.exits)


def test_quirk_exit_before_entry_and_same_day_stay(bundled: Export) -> None:
    """E0078 exits a week before its entry, E0138 on the day of it, and nobody else does (SPEC 3.3)."""
    days = {
        row["EnrollmentID"]: (row["EntryDate"], bundled.exit_days[row["EnrollmentID"]])
        for row in bundled.enrollments
        if bundled.exit_days.get(row["EnrollmentID"], "9999") <= row["EntryDate"] and _is_day(row["EntryDate"])
    }
    assert days == {"E0078": ("2025-06-13", "2025-06-06"), "E0138": ("2025-05-21", "2025-05-21")}


def test_quirk_relationship_outside_the_picklist(bundled: Export) -> None:
    """E0087 has relationship 7, and everybody else one of the picklist (SPEC 9.2)."""
    known = {"1", "2", "3", "4", "5", "99"}
    odd = [row for row in bundled.enrollments if row["RelationshipToHoH"] not in known]
    assert [(row["EnrollmentID"], row["RelationshipToHoH"]) for row in odd] == [("E0087", "7")]


def test_quirk_household_without_head(bundled: Export) -> None:
    """H0068 has no head, since E0136 has relationship 99; every other household has exactly one."""
    heads = {key: _ids(rows, "RelationshipToHoH").count("1") for key, rows in bundled.households().items()}
    heads["H0010"] -= 1  # The head of H0010 is the duplicate.
    assert {key: number for key, number in heads.items() if number != 1} == {"H0068": 0}
    assert _ids(bundled.households()["H0068"], "EnrollmentID") == ["E0136", "E0137"]
    assert bundled.enrollment("E0136")["RelationshipToHoH"] == "99"


def test_quirk_unknown_user(bundled: Export) -> None:
    """E0115 was last edited by U0, whom User.csv does not have, and only that one (SPEC 9.5)."""
    users = {"U1", "U2", "U3", "U4", "U5", "U6"}
    assert set(_ids(bundled.users, "UserID")) == users
    odd = [row for row in bundled.enrollments if row["UserID"] not in users]
    assert [(row["EnrollmentID"], row["UserID"]) for row in odd] == [("E0115", "U0")]
    assert set(_ids([*bundled.clients, *bundled.exits], "UserID")) <= users


def test_quirk_deleted_enrollment(bundled: Export) -> None:
    """E0145 has a DateDeleted, and no other row of any file has one (SPEC 9.3)."""
    tables = (bundled.users, bundled.organizations, bundled.projects, bundled.clients, bundled.exits)
    assert not any(row["DateDeleted"] for table in tables for row in table)
    deleted = [row for row in bundled.enrollments if row["DateDeleted"]]
    assert _ids(deleted, "EnrollmentID") == ["E0145"]
    assert datetime.fromisoformat(deleted[0]["DateDeleted"]).date() == date(2025, 10, 6)


def test_the_bundled_export_has_somebody_to_tell_of(bundled: Export) -> None:
    """Kim holds 12 open enrollments in Lantern House, two families among them, and Lee works there too."""
    organization = {row["ProjectID"]: row["OrganizationID"] for row in bundled.projects}
    staff = [(row["UserID"], row["UserFirstName"]) for row in bundled.users]
    assert staff[:3] == [("U1", "Kim"), ("U2", "Lee"), ("U3", "Robin")]
    held = defaultdict(list)
    for row in bundled.enrollments:
        if row["EnrollmentID"] not in bundled.exit_days:
            held[row["UserID"]].append(row)
    assert {organization[row["ProjectID"]] for row in held["U1"]} == {"ORG1"}
    assert Counter(_ids(held["U1"], "HouseholdID")) == {
        "H0026": 3,
        "H0048": 3,
        **dict.fromkeys(["H0008", "H0028", "H0040", "H0056", "H0059", "H0060"], 1),
    }
    assert Counter(organization[row["ProjectID"]] for row in held["U2"]).most_common(1)[0][0] == "ORG1"
    assert {organization[row["ProjectID"]] for row in held["U3"]} == {"ORG2"}


# Size, dirt and arguments


def test_dirt_is_the_share_of_enrollments_with_a_quirk(tmp_path: Path) -> None:
    """After the first sixty households about as many enrollments carry a quirk as ``dirt`` says."""
    for name, dirt in (("clean", 0.0), ("dirty", 0.05)):
        write_export(tmp_path / name, households=3000, dirt=dirt)
    spoiled = 0
    for table in ("Enrollment", "Exit"):
        lines = [set((tmp_path / name / f"{table}.csv").read_bytes().splitlines()) for name in ("clean", "dirty")]
        spoiled += len(lines[1] - lines[0])
    clean = len(_read(tmp_path / "clean", "Enrollment"))
    assert 0.04 < spoiled / clean < 0.06


_WRITE_MANY = """
import sys
from caseassign.demo.synthetic import write_export

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

write_export(sys.argv[1], households=10)
before = peak()
write_export(sys.argv[1], households=20_000, users=500, organizations=40)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory as Linux tells it")
def test_memory_stays_flat(tmp_path: Path) -> None:
    """20,000 households take no more memory than ten, and every EnrollmentID is theirs alone but for the quirk."""
    command = [sys.executable, "-c", _WRITE_MANY, str(tmp_path)]
    grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(grown) < 16 * 1024  # KiB; holding on to the rows takes 97 MiB.
    with (tmp_path / "Enrollment.csv").open(encoding="utf-8", newline="") as file:
        counts = Counter(row["EnrollmentID"] for row in csv.DictReader(file))
    assert len(counts) > 48_000
    assert max(counts.values()) == 2
    twice = sum(times == 2 for times in counts.values())
    assert 0 < twice < 0.002 * len(counts)


def test_another_day_moves_the_export(tmp_path: Path) -> None:
    """On another day the same people come and go, as many days later."""
    write_export(tmp_path / "before")
    write_export(tmp_path / "after", today=date(2026, 3, 12))
    before, after = (Export(tmp_path / name).enrollment("E0001")["EntryDate"] for name in ("before", "after"))
    assert (date.fromisoformat(after) - date.fromisoformat(before)).days == 10
    assert _read(tmp_path / "after", "Export")[0]["ExportEndDate"] == "2026-03-12"


def test_small_exports_are_exports_too(tmp_path: Path) -> None:
    """One user for five organizations edits every enrollment, and nobody is left out."""
    write_export(tmp_path, households=3, users=1, organizations=5)
    export = Export(tmp_path)
    assert len(export.organizations) == 5
    assert set(_ids(export.enrollments, "UserID")) == {"U1"}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"households": -1}, {"users": 0}, {"organizations": 0}, {"dirt": -0.1}, {"dirt": 1.1}),
        {"today": datetime(2026, 3, 2, 12)},  # noqa: DTZ001  # the datetime is the mistake
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """What cannot be an export is refused before a file is written, and so is a datetime (SPEC 3.4)."""
    with pytest.raises(InvalidRecordError):
        write_export(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []
