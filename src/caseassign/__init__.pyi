# What type checkers see of the package, whose names are loaded when somebody asks for them.

from caseassign.acts.assign import UNCHANGED as UNCHANGED
from caseassign.acts.import_assignments import AssignmentImport as AssignmentImport
from caseassign.acts.import_export import ImportResult as ImportResult
from caseassign.acts.outcome import Outcome as Outcome
from caseassign.acts.plan import (
    PlannedCase as PlannedCase,
    PlannedOutcome as PlannedOutcome,
    ReassignmentPlan as ReassignmentPlan,
)
from caseassign.audit import (
    Audit as Audit,
    Finding as Finding,
)
from caseassign.caseloads import (
    Caseload as Caseload,
    Caseloads as Caseloads,
)
from caseassign.cases import (
    Case as Case,
    Cases as Cases,
)
from caseassign.casework import Casework as Casework
from caseassign.clock import today_in as today_in
from caseassign.coming_up import (
    ComingUp as ComingUp,
    Ending as Ending,
)
from caseassign.errors import (
    AlreadyExistsError as AlreadyExistsError,
    CaseAssignError as CaseAssignError,
    ConflictError as ConflictError,
    DamagedStoreError as DamagedStoreError,
    HmisCsvError as HmisCsvError,
    InvalidRecordError as InvalidRecordError,
    NotFoundError as NotFoundError,
    PermissionDeniedError as PermissionDeniedError,
    RuleViolationError as RuleViolationError,
    StorageError as StorageError,
    Violation as Violation,
    WrongStoreError as WrongStoreError,
)
from caseassign.history import (
    Change as Change,
    Head as Head,
    RecordKey as RecordKey,
)
from caseassign.model import (
    ME as ME,
    SYSTEM as SYSTEM,
    Actor as Actor,
    AssignmentStatus as AssignmentStatus,
    CaseAssignment as CaseAssignment,
    Client as Client,
    Enrollment as Enrollment,
    Household as Household,
    HouseholdKey as HouseholdKey,
    Organization as Organization,
    Project as Project,
    ProjectType as ProjectType,
    RelationshipToHoH as RelationshipToHoH,
    User as User,
)
from caseassign.out_of_use import OutOfUse as OutOfUse
from caseassign.period import Period as Period
from caseassign.policy import (
    Action as Action,
    DefaultPolicy as DefaultPolicy,
    Policy as Policy,
    Request as Request,
    Unrestricted as Unrestricted,
)
from caseassign.questions import ClientRecord as ClientRecord
from caseassign.retry import retrying as retrying
from caseassign.rules import (
    ADVISORY_RULES as ADVISORY_RULES,
    GUARDS as GUARDS,
    REQUIRED_RULES as REQUIRED_RULES,
    Tables as Tables,
    caseload_at_most as caseload_at_most,
    exclusive_role as exclusive_role,
    for_heads_of_household as for_heads_of_household,
    for_project_types as for_project_types,
    known_roles as known_roles,
)
from caseassign.stores.memory import MemoryStore as MemoryStore
from caseassign.stores.postgres import PostgresStore as PostgresStore
from caseassign.stores.sqlite import SQLiteStore as SQLiteStore
from caseassign.tables_audit import (
    Broken as Broken,
    TablesAudit as TablesAudit,
    audit_tables as audit_tables,
)
