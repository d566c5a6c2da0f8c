"""What was frozen at the retirement deadline, and what is official: a holder's newest record (domain §5).

A record never changes. The first is made in the night after the deadline (``deadline.py``). If a correction
confirmed later changes what had been retired in time, another record with the next number is frozen beside
it, in the correction's transaction; the night looks again for whatever else may have come between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, Table, select
from sqlalchemy.orm import Session, aliased, joinedload

from portal import clock
from portal.models import (
    ComplianceSnapshot,
    Holder,
    LedgerTransaction,
    Movement,
    MovementKind,
    PhaseRule,
    User,
)
from portal.services import audit
from portal.services.audit import EventTag
from portal.services.compliance import Compliance, Figures, status
from portal.services.documents import insert_if_absent
from portal.services.figures import HolderIds, figures_for
from portal.services.mail import KnownLogins, MailKind, known_logins, notify

#: the status as mails say it
WORDS = {Compliance.MET: ("遵守", "met"), Compliance.MISSED: ("期限超過・未遵守", "missed")}


@dataclass(frozen=True)
class Due:
    """A phase whose deadline has passed."""

    phase_id: int
    deadline: date

    @property
    def moment(self) -> datetime:
        """The first moment after the deadline day, in Tokyo."""
        return clock.end_of_day(self.deadline)


@dataclass(frozen=True)
class Record:
    """What a record says of one holder: the official figures of the deadline. t-CO2 and units."""

    status: Compliance
    target_emissions: int | None
    retired: int
    missing: int | None


def in_time(figures: Figures, moment: datetime) -> Record:
    """What ``figures`` say of the deadline, whose end ``moment`` is: approved and retired by it. Pure."""
    needed, retired = figures.emissions_in_time, figures.retired_in_time
    missing = None if needed is None else max(0, needed - retired)
    return Record(status(figures, moment), needed, retired, missing)


def has_record(figures: Figures, moment: datetime) -> bool:
    """Whether the deadline, whose end ``moment`` is, has anything to say of a holder. Pure.

    Nothing of who was registered after it, nor of who left the scheme before it without having complied.
    """
    return in_time(figures, moment).status is not Compliance.NOT_OBLIGED


# ---- the official status


def newest() -> Select[ComplianceSnapshot]:
    """The official records: the newest one of each holder."""
    later = aliased(ComplianceSnapshot)
    return select(ComplianceSnapshot).where(
        ~select(later.id)
        .where(later.holder_id == ComplianceSnapshot.holder_id, later.number > ComplianceSnapshot.number)
        .exists()
    )


def official(
    session: Session,
    figures: Mapping[int, Figures],
    records: Mapping[int, ComplianceSnapshot] | None = None,
) -> dict[int, Compliance]:
    """The one official status of each holder, from its present figures: by holder id, in one query.

    What was frozen last, if anything was; before the deadline, and in the night after it, what the
    figures say now. Who had nothing to do by the deadline has missed nothing, even if an earlier version
    of the portal froze it so. Home, board, files, the public page and a phase's closing all read this.
    ``records``: what :func:`newest_of` found already.
    """
    now = clock.now()
    if records is None:
        records = newest_of(session, figures)
    return {
        holder_id: status(one, now)
        if holder_id not in records or is_void(records[holder_id], obliged=one.obliged)
        else Compliance(records[holder_id].status)
        for holder_id, one in figures.items()
    }


def is_void(record: ComplianceSnapshot, *, obliged: bool) -> bool:
    """Whether a record calls missed who had nothing to do by its deadline: none is made any more. Pure."""
    return Compliance(record.status) is Compliance.MISSED and not obliged


def newest_of(session: Session, ids: HolderIds) -> dict[int, ComplianceSnapshot]:
    """The official record of each of the holders ``ids`` that has one, by holder id; one query."""
    query = newest().where(ComplianceSnapshot.holder_id.in_(ids if isinstance(ids, Select) else list(ids)))
    return {one.holder_id: one for one in session.scalars(query)}


def records_of(session: Session, holder_id: int) -> Sequence[ComplianceSnapshot]:
    """What was frozen for a holder, the first record first; the last one is the official one."""
    query = select(ComplianceSnapshot).filter_by(holder_id=holder_id).order_by(ComplianceSnapshot.number)
    return session.scalars(query).all()


def rests_on(session: Session, posting: LedgerTransaction) -> bool:
    """Whether a deadline record counts this posting: its correction freezes another record."""
    holder_id = posting.movement.source.holder_id
    if posting.kind is not MovementKind.RETIRE or holder_id is None:
        return False
    record = newest_of(session, [holder_id]).get(holder_id)
    return record is not None and posting.posted_at < record.deadline_at


# ---- freezing


def holders_of(session: Session, ids: Sequence[int]) -> Sequence[Holder]:
    return session.scalars(
        select(Holder)
        .where(Holder.id.in_(ids))
        .options(joinedload(Holder.account), joinedload(Holder.representative), joinedload(Holder.phase))
        .order_by(Holder.id)
    ).all()


def keep(
    session: Session, due: Due, holder_id: int, number: int, figures: Figures
) -> ComplianceSnapshot | None:
    """Freeze a record of that number; ``None`` if another run was first."""
    said = in_time(figures, due.moment)
    table = ComplianceSnapshot.__table__
    assert isinstance(table, Table)
    kept = insert_if_absent(
        session,
        table,
        holder_id=holder_id,
        number=number,
        deadline_at=due.moment,
        frozen_at=clock.now(),
        status=said.status.value,
        target_emissions=said.target_emissions,
        retired=said.retired,
        missing=said.missing,
        base_emissions=figures.base_emissions,
        reduction_target=figures.reduction_target,
        issued=figures.issued,
        held=figures.held,
    )
    if not kept:
        return None
    return session.scalars(select(ComplianceSnapshot).filter_by(holder_id=holder_id, number=number)).one()


# ---- putting right


def corrected(session: Session, movement: Movement, *, actor: User) -> None:
    """A correction was posted: freeze another record of whose retirement in time it took back.

    Called under the lock of the holder's account. Before the first record there is nothing to do.
    """
    if movement.kind is not MovementKind.CORRECTION:
        return
    assert movement.reverses_id is not None  # the database holds corrections to that
    wrong = session.get_one(LedgerTransaction, movement.reverses_id)
    holder_id = movement.target.holder_id
    if wrong.kind is not MovementKind.RETIRE or holder_id is None:
        return
    due = session.execute(
        select(PhaseRule.phase_id, PhaseRule.retirement_deadline)
        .join(Holder, Holder.phase_id == PhaseRule.phase_id)
        .where(Holder.id == holder_id, PhaseRule.superseded_at.is_(None))
    ).one()
    look_again(session, Due(*due), [holder_id], actor=actor)


def look_again(session: Session, due: Due, ids: Sequence[int], actor: User | None = None) -> int:
    """Freeze another record of each of ``ids`` whose deadline reads otherwise than its newest one."""
    # the records before the figures: what is posted meanwhile is then found here or has its own record
    before = newest_of(session, ids)
    figures = figures_for(session, list(before), at=due.moment, put_right=True)
    changed = [
        one
        for one in before
        if has_record(figures[one], due.moment) and _said(before[one]) != in_time(figures[one], due.moment)
    ]
    known = known_logins(session, holders=changed) if changed else None
    put_right = 0
    for holder in holders_of(session, changed) if changed else ():
        old = before[holder.id]
        row = keep(session, due, holder.id, old.number + 1, figures[holder.id])
        if row is not None:
            _tell_again(session, due, holder, (old, row), known, actor)
            put_right += 1
    return put_right


def _said(row: ComplianceSnapshot) -> Record:
    return Record(Compliance(row.status), row.target_emissions, row.retired, row.missing)


def _tell_again(
    session: Session,
    due: Due,
    holder: Holder,
    rows: tuple[ComplianceSnapshot, ComplianceSnapshot],
    known: KnownLogins | None,
    actor: User | None,
) -> None:
    old, row = rows
    audit.record(
        session,
        EventTag.COMPLIANCE_PUT_RIGHT,
        row,
        actor=actor,
        holder_id=holder.id,
        number=row.number,
        status=row.status,
        retired=row.retired,
        missing=row.missing,
    )
    notify(
        session,
        MailKind.COMPLIANCE_PUT_RIGHT,
        holder=holder,
        row=holder,
        actor=actor,
        known=known,
        due=due.deadline,
        number=row.number,
        before=WORDS[Compliance(old.status)],
        status=WORDS[Compliance(row.status)],
        retired=row.retired,
        quantity=row.missing or None,
        missed=True if row.status == Compliance.MISSED.value else None,
    )
