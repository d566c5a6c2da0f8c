"""What waits for the secretariat: how many of each kind, in one query."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from portal.models import (
    FOUR_EYES_KINDS,
    BankingApplication,
    ContactChange,
    DecisionState,
    EmissionsReport,
    Letter,
    LetterState,
    MailMessage,
    MailState,
    Movement,
    MovementState,
    ReductionTarget,
    RegistrationApplication,
    ReportState,
    TargetState,
)
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


def waiting(session: Session) -> Waiting:
    """The counts beside the navigation, in one query."""
    counted = {
        "applications": (RegistrationApplication, RegistrationApplication.state.in_(OPEN_STATES)),
        "contact_changes": (ContactChange, ContactChange.state == DecisionState.APPLIED),
        "targets": (ReductionTarget, ReductionTarget.state == TargetState.PROPOSED),
        "reports": (EmissionsReport, EmissionsReport.state.in_(REPORTS_HERE)),
        "movements": (Movement, _to_confirm()),
        "banking": (BankingApplication, BankingApplication.state == DecisionState.APPLIED),
        "letters": (Letter, Letter.state == LetterState.WAITING),
        "mails": (MailMessage, MailMessage.state == MailState.FAILED),
    }
    row = session.execute(
        select(
            *(
                select(func.count())
                .select_from(model)
                .where(condition)
                .scalar_subquery()
                .label(name)
                for name, (model, condition) in counted.items()
            )
        )
    ).one()
    return Waiting(**{field.name: int(getattr(row, field.name)) for field in fields(Waiting)})


def _to_confirm() -> ColumnElement[bool]:
    return and_(Movement.state == MovementState.PROPOSED, Movement.kind.in_(FOUR_EYES_KINDS))
