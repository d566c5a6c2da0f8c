"""How every act on a report begins and how a state change ends: permission, scope, lock, rule, mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from portal import clock
from portal.errors import Refusal, Refused, refuse
from portal.models import ApprovalRevocation, EmissionsReport, RevocationState, User
from portal.permissions import may
from portal.services import access, factors, workflow
from portal.services.mail import MailKind, notify
from portal.services.report_rules import HANDING_IN, facts_of, permission_of, refusal
from portal.services.transitions import REPORT


def begin(
    session: Session, report_id: int, action: str, *, actor: User, version: int | None = None
) -> EmissionsReport:
    """The report, locked, if ``actor`` may do ``action`` with it now.

    Raises ``NotAllowed``, ``NotFound``, ``Stale``, or ``Refused`` with the first rule against it.
    """
    access.check(actor, permission_of(action))
    report = access.get_visible(session, EmissionsReport, report_id, actor, lock=True)
    workflow.expect_version(report, version)
    revocation = open_revocation(session, report) is not None
    old = factors.outdated(session, [report]) if action in HANDING_IN else {}
    facts = facts_of(report, revocation_open=revocation, outdated=old.get(report.id, ()))
    problem = refusal(action, facts)
    if problem is not None:
        raise Refused(problem)
    return report


def hold(session: Session, report_id: int, *, actor: User) -> None:
    """Wait for whoever has the report now. What carries a key asks this first.

    Otherwise two presses at one moment both find the key unused, and the slower one is told that its
    page is old instead of getting the first answer. Raises ``NotFound``.
    """
    access.get_visible(session, EmissionsReport, report_id, actor, lock=True)


def open_revocation(session: Session, report: EmissionsReport) -> ApprovalRevocation | None:
    """The revocation of the report's approval that waits for another person, if any."""
    return session.scalars(
        select(ApprovalRevocation).where(
            ApprovalRevocation.report_id == report.id, ApprovalRevocation.state == RevocationState.PROPOSED
        )
    ).one_or_none()


def revoked(session: Session, report: EmissionsReport) -> bool:
    """Whether the report was approved before and is not now, because the approval was taken back."""
    taken = select(ApprovalRevocation.id).where(
        ApprovalRevocation.report_id == report.id, ApprovalRevocation.state == RevocationState.CONFIRMED
    )
    return report.confirmed_at is None and session.scalars(taken.limit(1)).first() is not None


def step(
    session: Session,
    report: EmissionsReport,
    action: str,
    *,
    actor: User,
    reason: str | None = None,
    told: Mapping[str, Any] | None = None,
    **facts: Any,
) -> None:
    """Take ``report``, which :func:`begin` gave, along the table's line, and tell whom it concerns.

    ``facts`` go into the record, ``told`` into the mail.
    A line with a reason is a return: the report keeps why it came back until it goes on again.
    Raises ``Refused(REASON_NEEDED)``; then nothing changed.
    """
    edge = REPORT.edge(report.state, action)
    if edge is None or not may(actor.role, edge.permission):
        raise refuse(Refusal.WRONG_STATE)
    why = workflow.clean_reason(reason, needed=edge.reason)
    report.returned_reason = why if edge.reason else None
    report.returned_at = clock.now() if edge.reason else None
    report.returned_by_id = actor.id if edge.reason else None
    workflow.advance(
        session, REPORT, report, action, actor=actor, reason=why, holder_id=report.holder_id, **facts
    )
    if edge.mail is not None:
        words: dict[str, Any] = {**(told or {}), **({"reason": why} if why is not None else {})}
        if report.confirmed_emissions is not None:
            words["emissions"] = report.confirmed_emissions
        notify(session, MailKind(edge.mail), report=report, actor=actor, **words)


def touch(report: EmissionsReport) -> None:
    """Count something that hangs on the report as a change of it: pages show both as one thing."""
    flag_modified(report, "late")
