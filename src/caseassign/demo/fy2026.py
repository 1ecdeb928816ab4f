"""The columns of the HMIS CSV files that are written, in the order of the FY2026 format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TABLES: Final = {
    "Export": (
        "ExportID SourceType SourceID SourceName SourceContactFirst SourceContactLast SourceContactPhone "
        "SourceContactExtension SourceContactEmail ExportDate ExportStartDate ExportEndDate SoftwareName "
        "SoftwareVersion CSVVersion ExportPeriodType ExportDirective HashStatus ImplementationID "
    ),
    "User": (
        "UserID UserFirstName UserLastName UserPhone UserExtension UserEmail DateCreated DateUpdated DateDeleted "
        "ExportID "
    ),
    "Organization": (
        "OrganizationID OrganizationName VictimServiceProvider OrganizationCommonName DateCreated DateUpdated UserID "
        "DateDeleted ExportID "
    ),
    "Project": (
        "ProjectID OrganizationID ProjectName ProjectCommonName OperatingStartDate OperatingEndDate ContinuumProject "
        "ProjectType HousingType RRHSubType ResidentialAffiliation TargetPopulation HOPWAMedAssistedLivingFac "
        "PITCount DateCreated DateUpdated UserID DateDeleted ExportID "
    ),
    "Client": (
        "PersonalID FirstName MiddleName LastName NameSuffix NameDataQuality SSN SSNDataQuality DOB DOBDataQuality "
        "Sex AmIndAKNative Asian BlackAfAmerican HispanicLatinao MidEastNAfrican NativeHIPacific White RaceNone "
        "AdditionalRaceEthnicity VeteranStatus YearEnteredService YearSeparated WorldWarII KoreanWar VietnamWar "
        "DesertStorm AfghanistanOEF IraqOIF IraqOND OtherTheater MilitaryBranch DischargeStatus DateCreated "
        "DateUpdated UserID DateDeleted ExportID "
    ),
    "Enrollment": (
        "EnrollmentID PersonalID ProjectID EntryDate HouseholdID RelationshipToHoH EnrollmentCoC LivingSituation "
        "RentalSubsidyType LengthOfStay LOSUnderThreshold PreviousStreetESSH DateToStreetESSH "
        "TimesHomelessPastThreeYears MonthsHomelessPastThreeYears DisablingCondition DateOfEngagement MoveInDate "
        "DateOfPATHStatus ClientEnrolledInPATH ReasonNotEnrolled PercentAMI ReferralSource "
        "CountOutreachReferralApproaches DateOfBCPStatus EligibleForRHY ReasonNoServices RunawayYouth "
        "FormerWardChildWelfare ChildWelfareYears ChildWelfareMonths FormerWardJuvenileJustice JuvenileJusticeYears "
        "JuvenileJusticeMonths UnemploymentFam MentalHealthDisorderFam PhysicalDisabilityFam "
        "AlcoholDrugUseDisorderFam InsufficientIncome IncarceratedParent VAMCStation TargetScreenReqd "
        "TimeToHousingLoss AnnualPercentAMI LiteralHomelessHistory ClientLeaseholder HOHLeaseholder SubsidyAtRisk "
        "EvictionHistory CriminalRecord IncarceratedAdult PrisonDischarge SexOffender DisabledHoH CurrentPregnant "
        "SingleParent DependentUnder6 HH5Plus CoCPrioritized HPScreeningScore ThresholdScore MentalHealthConsultation "
        "DateCreated DateUpdated UserID DateDeleted ExportID "
    ),
    "Exit": (
        "ExitID EnrollmentID PersonalID ExitDate Destination DestinationSubsidyType OtherDestination "
        "HousingAssessment SubsidyInformation ProjectCompletionStatus EarlyExitReason ExchangeForSex "
        "ExchangeForSexPastThreeMonths CountOfExchangeForSex AskedOrForcedToExchangeForSex "
        "AskedOrForcedToExchangeForSexPastThreeMonths WorkplaceViolenceThreats WorkplacePromiseDifference "
        "CoercedToContinueWork LaborExploitPastThreeMonths CounselingReceived IndividualCounseling FamilyCounseling "
        "GroupCounseling SessionCountAtExit PostExitCounselingPlan SessionsInPlan DestinationSafeClient "
        "DestinationSafeWorker PosAdultConnections PosPeerConnections PosCommunityConnections AftercareDate "
        "AftercareProvided EmailSocialMedia Telephone InPersonIndividual InPersonGroup CMExitReason DateCreated "
        "DateUpdated UserID DateDeleted ExportID "
    ),
}

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {table: tuple(names.split()) for table, names in _TABLES.items()}
"""The columns of each file, by its name without ``.csv``."""
