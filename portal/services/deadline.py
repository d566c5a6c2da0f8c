"""The retirement deadline: what stood at its last moment is frozen, for each holder (domain §5).

The worker does it in the night after the deadline, from what was approved, confirmed and posted before
24:00 in Tokyo: however late it runs, it finds the same. It waits for whoever was stamped before and has not
committed yet (:func:`_stands`). Who had nothing to do by the deadline has no record. What is retired later
is late and shows in the present figures only. What the records are and which is official:
``compliance_records.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.models import (
    Account,
    ComplianceSnapshot,
    EmissionsReport,
    Holder,
    Period,
    Phase,
    PhaseRule,
    ReportState,
)
from portal.services import audit, jobs, ledger
from portal.services.audit import EventTag
from portal.services.compliance import Compliance
from portal.services.compliance_records import WORDS, Due, has_record, holders_of, keep, look_again
from portal.services.figures import figures_for
from portal.services.jobs import Work
from portal.services.mail import KnownLogins, MailKind, known_logins, notify
from portal.services.transaction import run

#: how many holders one transaction freezes
AT_ONCE = 100


@jobs.handler("freeze_compliance", nightly=True)
def freeze_compliance(work: Work) -> dict[str, Any]:
    """Freeze what is not frozen yet of every phase whose deadline has passed, and look again; how many."""
    frozen = put_right = 0
    with work.open_session() as session:
        for due in run(session, lambda: _passed(session)):
            for some in _portions(run(session, partial(_not_frozen, session, due))):
                frozen += run(session, partial(_freeze, session, due, some))
            for some in _portions(run(session, partial(_frozen, session, due))):
                put_right += run(session, partial(_look_again, session, due, some))
    return {"frozen": frozen, "put_right": put_right}


def _portions(ids: list[int]) -> Iterable[list[int]]:
    return (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))


# ---- freezing


def _passed(session: Session) -> list[Due]:
    # nothing of a closed phase changes any more
    query = (
        select(PhaseRule.phase_id, PhaseRule.retirement_deadline)
        .join(Phase, Phase.id == PhaseRule.phase_id)
        .where(
            PhaseRule.superseded_at.is_(None),
            PhaseRule.retirement_deadline < clock.today(),
            Phase.closed_at.is_(None),
        )
    )
    return [Due(phase_id, deadline) for phase_id, deadline in session.execute(query)]


def _not_frozen(session: Session, due: Due) -> list[int]:
    done = select(ComplianceSnapshot.holder_id)
    query = (
        select(Holder.id)
        .join(Account)
        # who was registered after the deadline had nothing to do by it
        .where(Holder.phase_id == due.phase_id, Holder.created_at < due.moment, Holder.id.not_in(done))
        .order_by(Holder.id)
    )
    return list(session.scalars(query))


def _frozen(session: Session, due: Due) -> list[int]:
    query = select(Holder.id).where(
        Holder.phase_id == due.phase_id, Holder.id.in_(select(ComplianceSnapshot.holder_id))
    )
    return list(session.scalars(query.order_by(Holder.id)))


def _stands(session: Session, due: Due, ids: Sequence[int]) -> bool:
    """Wait for whoever has reports, accounts or the phase of ``ids`` now; whether ``due`` still stands then.

    Whoever acts on them reads the clock when he has their locks: what is stamped before the deadline has
    committed afterwards, and what comes later is stamped after it. The order is everybody's: reports, as
    whoever approves or revokes, before accounts, and the phase last. A participant's movement waits as long
    as a portion takes.
    """
    reports = (
        select(EmissionsReport.id).where(EmissionsReport.holder_id.in_(ids)).order_by(EmissionsReport.id)
    )
    session.execute(reports.with_for_update())
    accounts = select(Account.id).where(Account.holder_id.in_(ids))
    ledger.lock_accounts(session, *session.scalars(accounts))
    # others may go on registering holders into it
    session.execute(select(Phase.id).where(Phase.id == due.phase_id).with_for_update(read=True))
    return due in _passed(session)


def _look_again(session: Session, due: Due, ids: Sequence[int]) -> int:
    return look_again(session, due, ids) if _stands(session, due, ids) else 0


def _freeze(session: Session, due: Due, ids: Sequence[int]) -> int:
    if not _stands(session, due, ids):
        return 0
    figures = figures_for(session, ids, at=due.moment)
    known = known_logins(session, holders=ids)
    unreported = _unreported(session, ids)
    frozen = 0
    for holder in holders_of(session, [one for one in ids if has_record(figures[one], due.moment)]):
        row = keep(session, due, holder.id, 1, figures[holder.id])
        if row is not None:
            _tell_first(session, due, holder, row, holder.id in unreported, known)
            frozen += 1
    return frozen


def _unreported(session: Session, ids: Sequence[int]) -> set[int]:
    """The holders of ``ids`` whose target-year report was not handed in: that can still be done."""
    query = select(EmissionsReport.holder_id).where(
        EmissionsReport.holder_id.in_(ids),
        EmissionsReport.period == Period.TARGET,
        EmissionsReport.state == ReportState.NOT_SUBMITTED,
    )
    return set(session.scalars(query))


def _tell_first(
    session: Session,
    due: Due,
    holder: Holder,
    row: ComplianceSnapshot,
    unreported: bool,
    known: KnownLogins,
) -> None:
    missed = row.status == Compliance.MISSED.value
    audit.record(
        session,
        EventTag.COMPLIANCE_FROZEN,
        row,
        actor=None,
        holder_id=holder.id,
        status=row.status,
        retired=row.retired,
        missing=row.missing,
    )
    notify(
        session,
        MailKind.COMPLIANCE_FROZEN,
        holder=holder,
        known=known,
        due=due.deadline,
        status=WORDS[Compliance(row.status)],
        quantity=row.missing or None,
        # what may still be done then makes up for nothing, but it can be done
        missed=True if missed else None,
        report_open=True if missed and unreported else None,
    )
