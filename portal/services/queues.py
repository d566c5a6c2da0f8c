"""What waits for the secretariat: how many of each kind, since when, and who could get an issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, select, union_all
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal import clock
from portal.errors import Problem, UnitName
from portal.models import (
    FOUR_EYES_KINDS,
    Account,
    AccountChange,
    ApprovalRevocation,
    BankingApplication,
    ContactChange,
    DecisionState,
    EmissionsReport,
    FactorProposal,
    Holder,
    Import,
    ImportState,
    IssueBatch,
    IssueBatchState,
    Letter,
    LetterState,
    MailMessage,
    MailState,
    Movement,
    MovementState,
    Period,
    PhaseClosing,
    PhaseProposal,
    PhaseRule,
    ProposalState,
    Publication,
    PublicationState,
    ReductionTarget,
    RegistrationApplication,
    ReportState,
    RevocationState,
    TargetState,
    UnitClass,
)
from portal.services import standing_issues
from portal.services.allowance_rules import Side
from portal.services.compiled import Prepared, compiled
from portal.services.issue_cases import issued_by_class
from portal.services.issue_rules import IssueCase, issue_problems
from portal.services.registration_checks import OPEN_STATES

#: states in which a report waits for the secretariat
REPORTS_HERE = (ReportState.APPROVAL_REQUESTED, ReportState.UNDER_REVIEW, ReportState.SUBMITTED)


@dataclass(frozen=True)
class Waiting:
    """How many things of each kind wait for the secretariat now."""

    applications: int
    contact_changes: int
    targets: int
    reports: int
    movements: int
    banking: int
    letters: int
    mails: int
    imports: int
    phase_proposals: int
    account_changes: int
    factor_proposals: int
    publications: int
    issue_batches: int
    phase_closings: int


def waiting(session: Session) -> Waiting:
    """The counts beside the navigation, in one query."""
    (row,) = _counts().run(session, {})
    return Waiting(**row._asdict())


@cache
def _counts() -> Prepared:
    """Compiled once: every page of the secretariat asks for them."""
    counted = {
        "applications": (RegistrationApplication, RegistrationApplication.state.in_(OPEN_STATES)),
        "contact_changes": (ContactChange, ContactChange.state == DecisionState.APPLIED),
        "targets": (ReductionTarget, ReductionTarget.state == TargetState.PROPOSED),
        "reports": (EmissionsReport, EmissionsReport.state.in_(REPORTS_HERE)),
        "movements": (Movement, _to_confirm()),
        "banking": (
            BankingApplication,
            and_(BankingApplication.state == DecisionState.APPLIED, BankingApplication.movement_id.is_(None)),
        ),
        "letters": (Letter, Letter.state == LetterState.WAITING),
        "mails": (MailMessage, MailMessage.state == MailState.FAILED),
        "imports": (Import, Import.state.in_((ImportState.READY, ImportState.REFUSED))),
        "phase_proposals": (PhaseProposal, PhaseProposal.state == ProposalState.PROPOSED),
        "account_changes": (AccountChange, AccountChange.state == ProposalState.PROPOSED),
        "factor_proposals": (FactorProposal, FactorProposal.state == ProposalState.PROPOSED),
        "publications": (Publication, Publication.state == PublicationState.PROPOSED),
        "issue_batches": (IssueBatch, IssueBatch.state == IssueBatchState.PROPOSED),
        "phase_closings": (PhaseClosing, PhaseClosing.state == ProposalState.PROPOSED),
    }
    return compiled(
        select(
            *(
                select(func.count()).select_from(model).where(condition).scalar_subquery().label(name)
                for name, (model, condition) in counted.items()
            )
        )
    )


def _to_confirm() -> ColumnElement[bool]:
    return and_(
        Movement.state == MovementState.PROPOSED,
        Movement.kind.in_(FOUR_EYES_KINDS),
        Movement.batch_id.is_(None),  # those wait as one
    )


class QueueKind(StrEnum):
    """One line of the table on the secretariat's home."""

    APPLICATIONS = "applications"
    APPROVAL_REQUESTS = "approval_requests"
    MAILS = "mails"
    REVIEWS = "reviews"
    SUBMITTED = "submitted"
    CONTACT_CHANGES = "contact_changes"
    TARGETS = "targets"
    LETTERS = "letters"
    MOVEMENTS = "movements"
    REVOCATIONS = "revocations"
    ISSUES = "issues"
    RETURNED_LETTERS = "returned_letters"
    PHASES = "phases"
    ACCOUNT_CHANGES = "account_changes"
    FACTORS = "factors"
    PUBLICATIONS = "publications"
    BANKING = "banking"
    ISSUE_BATCHES = "issue_batches"
    PHASE_CLOSINGS = "phase_closings"
    PUBLICATIONS_OUTDATED = "publications_outdated"


#: how long each kind should wait at most (decided: office practice, no rule of the scheme)
GUIDES: dict[QueueKind, timedelta] = {
    QueueKind.APPLICATIONS: timedelta(days=10),
    QueueKind.APPROVAL_REQUESTS: timedelta(days=5),
    QueueKind.MAILS: timedelta(hours=1),
    QueueKind.REVIEWS: timedelta(days=20),
    QueueKind.SUBMITTED: timedelta(days=10),
    QueueKind.CONTACT_CHANGES: timedelta(days=5),
    QueueKind.TARGETS: timedelta(days=3),
    QueueKind.LETTERS: timedelta(days=3),
    QueueKind.MOVEMENTS: timedelta(days=1),
    QueueKind.REVOCATIONS: timedelta(days=1),
    QueueKind.ISSUES: timedelta(days=5),
    QueueKind.RETURNED_LETTERS: timedelta(days=7),
    QueueKind.PHASES: timedelta(days=3),
    QueueKind.ACCOUNT_CHANGES: timedelta(days=1),
    QueueKind.FACTORS: timedelta(days=3),
    QueueKind.PUBLICATIONS: timedelta(days=3),
    QueueKind.BANKING: timedelta(days=5),
    QueueKind.ISSUE_BATCHES: timedelta(days=1),
    QueueKind.PHASE_CLOSINGS: timedelta(days=3),
    QueueKind.PUBLICATIONS_OUTDATED: timedelta(days=5),
}


@dataclass(frozen=True)
class Queue:
    """One queue: how many wait, since when the oldest, how many longer than the guide."""

    kind: QueueKind
    count: int
    oldest: datetime | None
    late: int

    @property
    def guide(self) -> timedelta:
        return GUIDES[self.kind]


def queues(session: Session) -> list[Queue]:
    """Every queue of the secretariat, the late ones first, the empty ones last; four queries."""
    now = clock.now()
    selects = []
    for kind, (since, condition) in _queue_rows().items():
        late = case((since < now - GUIDES[kind], 1), else_=0)
        selects.append(
            select(
                literal(kind.value).label("kind"),
                func.count().label("count"),
                func.min(since).label("oldest"),
                func.coalesce(func.sum(late), 0).label("late"),
            ).where(condition)
        )
    found = [
        Queue(QueueKind(kind), count, oldest, int(late))
        for kind, count, oldest, late in session.execute(union_all(*selects))
    ]
    found += [_application_queue(session), _issue_queue(session, now), _returned_queue(session)]
    order = list(QueueKind)
    return sorted(found, key=lambda q: (q.late == 0, q.count == 0, order.index(q.kind)))


def _queue_rows() -> dict[QueueKind, tuple[Any, ColumnElement[bool]]]:
    """For each kind, since when a row waits and which rows do."""

    def reports(state: ReportState) -> tuple[Any, ColumnElement[bool]]:
        return EmissionsReport.state_since, EmissionsReport.state == state

    return {
        QueueKind.APPROVAL_REQUESTS: reports(ReportState.APPROVAL_REQUESTED),
        QueueKind.MAILS: (MailMessage.created_at, MailMessage.state == MailState.FAILED),
        QueueKind.REVIEWS: reports(ReportState.UNDER_REVIEW),
        QueueKind.SUBMITTED: reports(ReportState.SUBMITTED),
        QueueKind.CONTACT_CHANGES: (ContactChange.applied_at, ContactChange.state == DecisionState.APPLIED),
        QueueKind.TARGETS: (ReductionTarget.proposed_at, ReductionTarget.state == TargetState.PROPOSED),
        QueueKind.LETTERS: (Letter.created_at, Letter.state == LetterState.WAITING),
        QueueKind.MOVEMENTS: (Movement.proposed_at, _to_confirm()),
        QueueKind.REVOCATIONS: (
            ApprovalRevocation.proposed_at,
            ApprovalRevocation.state == RevocationState.PROPOSED,
        ),
        QueueKind.PHASES: (PhaseProposal.proposed_at, PhaseProposal.state == ProposalState.PROPOSED),
        QueueKind.ACCOUNT_CHANGES: (
            AccountChange.proposed_at,
            AccountChange.state == ProposalState.PROPOSED,
        ),
        QueueKind.FACTORS: (FactorProposal.proposed_at, FactorProposal.state == ProposalState.PROPOSED),
        QueueKind.PUBLICATIONS: (Publication.proposed_at, Publication.state == PublicationState.PROPOSED),
        QueueKind.BANKING: (
            BankingApplication.applied_at,
            and_(
                BankingApplication.state == DecisionState.APPLIED,
                # a proposed carry-over waits among the movements
                BankingApplication.movement_id.is_(None),
            ),
        ),
        QueueKind.ISSUE_BATCHES: (IssueBatch.proposed_at, IssueBatch.state == IssueBatchState.PROPOSED),
        QueueKind.PHASE_CLOSINGS: (PhaseClosing.proposed_at, PhaseClosing.state == ProposalState.PROPOSED),
        QueueKind.PUBLICATIONS_OUTDATED: (
            Publication.differs_since,
            and_(Publication.state == PublicationState.RELEASED, Publication.differs_since.is_not(None)),
        ),
    }


def _application_queue(session: Session) -> Queue:
    """Applications wait since the day the paper came, whenever it was typed; whole days in Tokyo."""
    received, waits = RegistrationApplication.received_on, RegistrationApplication.state.in_(OPEN_STATES)
    return _by_day(session, QueueKind.APPLICATIONS, received, waits)


def _returned_queue(session: Session) -> Queue:
    """Letters that came back wait for a better address, and to be printed once more."""
    came_back = Letter.state == LetterState.RETURNED
    return _by_day(session, QueueKind.RETURNED_LETTERS, Letter.returned_on, came_back)


def _by_day(session: Session, kind: QueueKind, since: Any, waits: ColumnElement[bool]) -> Queue:
    latest = clock.today() - GUIDES[kind]
    count, oldest, late = session.execute(
        select(
            func.count(), func.min(since), func.coalesce(func.sum(case((since < latest, 1), else_=0)), 0)
        ).where(waits)
    ).one()
    return Queue(kind, count, clock.at_tokyo(oldest) if oldest is not None else None, int(late))


@dataclass(frozen=True)
class Issuable:
    """A holder with a confirmed base-year figure and target, and no issue yet. t-CO2 and units."""

    holder: Holder
    base: int
    target: int
    since: datetime
    case: IssueCase

    @property
    def quantity(self) -> int:
        """What would be issued: base − target."""
        return self.base - self.target

    @property
    def problems(self) -> list[Problem]:
        """Why the issue cannot be proposed today: the very rules of the proposal."""
        return issue_problems(self.case)


def issuable(session: Session, holder_id: int | None = None) -> list[Issuable]:
    """The holders of whom no issue stands, by phase and account; two queries.

    ``holder_id`` asks about one holder.
    """
    query = (
        select(
            Holder,
            EmissionsReport.confirmed_emissions,
            ReductionTarget.quantity,
            EmissionsReport.confirmed_at,
            ReductionTarget.confirmed_at,
            PhaseRule,
            UnitClass,
        )
        .join(EmissionsReport, EmissionsReport.holder_id == Holder.id)
        .join(ReductionTarget, ReductionTarget.holder_id == Holder.id)
        .join(PhaseRule, PhaseRule.phase_id == Holder.phase_id)
        .join(UnitClass, UnitClass.phase_id == Holder.phase_id)
        .join(Holder.account)
        .where(
            EmissionsReport.period == Period.BASE,
            EmissionsReport.confirmed_emissions.is_not(None),
            ReductionTarget.state == TargetState.CONFIRMED,
            ReductionTarget.superseded_at.is_(None),
            PhaseRule.superseded_at.is_(None),
            ~standing_issues.has_one(Holder.id),
        )
        .options(contains_eager(Holder.account), joinedload(Holder.representative), joinedload(Holder.phase))
        .order_by(Holder.phase_id, Account.id)
    )
    if holder_id is not None:
        query = query.where(Holder.id == holder_id)
    rows = session.execute(query).all()
    spent = issued_by_class(session) if rows else {}
    return [
        Issuable(
            holder,
            base,
            target,
            max(approved, confirmed, clock.at_tokyo(rule.issue_from)),
            _issue_case(holder, base, target, rule, unit_class, spent),
        )
        for holder, base, target, approved, confirmed, rule, unit_class in rows
        if base is not None and approved is not None and confirmed is not None
    ]


def _issue_case(
    holder: Holder, base: int, target: int, rule: PhaseRule, unit_class: UnitClass, spent: dict[int, int]
) -> IssueCase:
    account = holder.account
    return IssueCase(
        base=base,
        target=target,
        account=Side(account.code, account.kind, account.state),
        unit_name=UnitName(unit_class.unit_type.value, holder.phase.number),
        opens=rule.issue_from,
        today=clock.today(),
        cap=rule.issue_cap,
        issued=spent.get(unit_class.id, 0),
        closed=holder.phase.closed_at is not None,
    )


def _issue_queue(session: Session, now: datetime) -> Queue:
    ready = [one for one in issuable(session) if not one.problems]
    late = sum(1 for one in ready if one.since < now - GUIDES[QueueKind.ISSUES])
    return Queue(QueueKind.ISSUES, len(ready), min((one.since for one in ready), default=None), late)
