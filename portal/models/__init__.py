"""Columns, relationships, named constraints, enums. No queries, no Flask, no commit."""

from portal.models.account import (
    CANCELLATION_ACCOUNT,
    ISSUANCE_ACCOUNT,
    OFFSET_ACCOUNT,
    RETIREMENT_ACCOUNT,
    Account,
    AccountKind,
    AccountState,
    Holding,
    UnitClass,
    UnitType,
)
from portal.models.base import MAX_QUANTITY, Base
from portal.models.change import BankingApplication, ComplianceSnapshot, ContactChange, DecisionState
from portal.models.document import Document, DocumentContent
from portal.models.event import Event
from portal.models.job import DoneOnce, Job, JobState, PortalState
from portal.models.ledger import LedgerEntry, LedgerHead, LedgerTransaction
from portal.models.letter import Letter, LetterKind, LetterState
from portal.models.mail import MailMessage, MailState
from portal.models.movement import FOUR_EYES_KINDS, Movement, MovementKind, MovementState
from portal.models.organisation import (
    Contact,
    Holder,
    JointCompany,
    Organisation,
    Participation,
    ReductionTarget,
    SiteKind,
    TargetState,
    Trader,
    Verifier,
)
from portal.models.phase import EmissionFactor, Phase, PhaseRule
from portal.models.registration import (
    ApplicationJointCompany,
    ApplicationState,
    ParticipantKind,
    RegistrationApplication,
)
from portal.models.report import (
    PASSING_OPINIONS,
    ApprovalRevocation,
    EmissionsReport,
    FileKind,
    Opinion,
    Period,
    ReportFile,
    ReportState,
    RequestAnswer,
    ReviewDocument,
    ReviewSide,
    RevocationState,
    SendBackRequest,
    VerificationReport,
    VerifierAssignment,
)
from portal.models.user import LoginAttempts, NumberSeries, User

__all__ = [name for name in dir() if name[0].isupper()]
