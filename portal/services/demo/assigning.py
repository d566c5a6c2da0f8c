"""A holder's reports in a verifier's hands, as the office does it one by one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.models import Holder, ReportState, User, VerifierAssignment
from portal.services.verifiers import VERIFIED_PERIODS, assign


def assign_holder(
    session: Session, holder_id: int, verifier_id: int, *, actor: User
) -> list[VerifierAssignment]:
    """Assign a verifier to the verified periods of a holder that are still with it."""
    holder = session.get_one(Holder, holder_id)
    chosen = [
        report.id
        for report in holder.reports
        if report.period in VERIFIED_PERIODS and report.state is ReportState.NOT_SUBMITTED
    ]
    return [assign(session, report_id, verifier_id, actor=actor) for report_id in chosen]
