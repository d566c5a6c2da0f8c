"""Closing a phase (期の締め): one proposes, another confirms; then its units never move again (domain §5).

Only after the banking window, when every deadline record is frozen and nothing waits. The totals are
frozen with it. A correction is possible until then, not afterwards (decided): what is wrong is put
right before the books of a phase are shut.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    AccountKind,
    BankingApplication,
    ComplianceSnapshot,
    DecisionState,
    Holder,
    Holding,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    Phase,
    PhaseClosing,
    PhaseProposal,
    PhaseRule,
    ProposalState,
    Trader,
    UnitClass,
    User,
)
from portal.permissions import Permission
from portal.services import access, audit, banking_case, four_eyes, ledger, once, phase_words, workflow
from portal.services.allowances import unit_name
from portal.services.audit import EventTag
from portal.services.compliance import Compliance
from portal.services.mail import MailKind, known_logins, notify
from portal.services.transitions import PHASE_CLOSING


@dataclass(frozen=True)
class Totals:
    """A phase's units and holders. issued + carried_in − carried_out = held + retired + cancelled + offset.

    ``issued``: without what was corrected. ``held`` stays in the accounts, visible and unusable.
    """

    issued: int
    carried_in: int
    carried_out: int
    held: int
    retired: int
    cancelled: int
    offset: int
    holders: int
    met: int
    missed: int

    @property
    def adds_up(self) -> bool:
        """Whether everything that came in is somewhere (safety 1)."""
        came = self.issued + self.carried_in - self.carried_out
        return came == self.held + self.retired + self.cancelled + self.offset


def totals(session: Session, phase: Phase) -> Totals:
    """The totals of ``phase`` as they stand; five queries. Units and holders."""
    unit_class = banking_case.class_of(session, phase.id)
    at = {
        kind: int(units)
        for kind, units in session.execute(
            select(Account.kind, func.sum(Holding.quantity))
            .join(Account, Account.id == Holding.account_id)
            .where(Holding.unit_class_id == unit_class.id)
            .group_by(Account.kind)
        )
    }
    found: dict[Compliance, int] = {
        Compliance(status): count
        for status, count in session.execute(
            select(ComplianceSnapshot.status, func.count())
            .join(ComplianceSnapshot.holder)
            .where(Holder.phase_id == phase.id)
            .group_by(ComplianceSnapshot.status)
        )
    }
    holders = session.scalar(select(func.count()).select_from(Holder).where(Holder.phase_id == phase.id))
    moved = _moved(session, unit_class)
    return Totals(
        issued=moved["issue"] - moved["correction"],
        carried_in=moved["in"],
        carried_out=moved["out"],
        held=at.get(AccountKind.COMPLIANCE, 0) + at.get(AccountKind.TRADING, 0),
        retired=at.get(AccountKind.RETIREMENT, 0),
        cancelled=at.get(AccountKind.CANCELLATION, 0),
        offset=at.get(AccountKind.OFFSET, 0),
        holders=holders or 0,
        met=found.get(Compliance.MET, 0),
        missed=found.get(Compliance.MISSED, 0),
    )


def _moved(session: Session, unit_class: UnitClass) -> dict[str, int]:
    """What was issued, corrected, carried in and out of the class, from the executed movements."""
    original = aliased(LedgerTransaction)

    def units(*conditions: ColumnElement[bool]) -> int:
        query = select(func.coalesce(func.sum(Movement.quantity), 0)).where(
            Movement.state == MovementState.EXECUTED, *conditions
        )
        return int(session.scalar(query) or 0)

    kind, carried = Movement.kind, Movement.kind == MovementKind.CARRY_OVER
    issues = select(original.id).where(original.kind == MovementKind.ISSUE)
    return {
        "issue": units(kind == MovementKind.ISSUE, Movement.unit_class_id == unit_class.id),
        "correction": units(
            kind == MovementKind.CORRECTION,
            Movement.unit_class_id == unit_class.id,
            Movement.reverses_id.in_(issues),
        ),
        "in": units(carried, Movement.target_class_id == unit_class.id),
        "out": units(carried, Movement.unit_class_id == unit_class.id),
    }


# ---- may it be closed


def closing_problems(session: Session, phase: Phase) -> list[Problem]:
    """Why ``phase`` cannot be closed now, all of it in order; for the page and again under lock."""
    unit_class = banking_case.class_of(session, phase.id)
    closed_at, until, deadline = session.execute(
        select(Phase.closed_at, PhaseRule.banking_until, PhaseRule.retirement_deadline)
        .join(PhaseRule, PhaseRule.phase_id == Phase.id)
        .where(Phase.id == phase.id, PhaseRule.superseded_at.is_(None))
    ).one()
    if closed_at is not None:
        return [Problem(Refusal.PHASE_CLOSED, None, {"unit_class": unit_name(unit_class)})]
    found = []
    if clock.today() <= until:
        found.append(Problem(Refusal.CLOSING_TOO_EARLY, None, {"day": until}))
    frozen = select(ComplianceSnapshot.holder_id)
    loose = session.scalar(
        select(func.count())
        .select_from(Holder)
        .where(
            Holder.phase_id == phase.id,
            # whoever was registered after the deadline has no record (deadline.py)
            Holder.created_at < clock.end_of_day(deadline),
            Holder.id.not_in(frozen),
        )
    )
    if loose:
        found.append(Problem(Refusal.CLOSING_NOT_FROZEN, None, {"count": loose}))
    waiting = pending(session, phase, unit_class)
    if waiting:
        found.append(Problem(Refusal.CLOSING_PENDING, None, {"count": waiting}))
    return found


def pending(session: Session, phase: Phase, unit_class: UnitClass) -> int:
    """How many proposals and applications about the phase's units still wait; a batch is its movements."""
    moves = or_(Movement.unit_class_id == unit_class.id, Movement.target_class_id == unit_class.id)
    counted = (
        select(func.count()).where(Movement.state == MovementState.PROPOSED, moves),
        select(func.count()).where(
            BankingApplication.state == DecisionState.APPLIED,
            # one whose carry-over is proposed is counted as that movement
            BankingApplication.movement_id.is_(None),
            or_(
                BankingApplication.unit_class_id == unit_class.id,
                BankingApplication.target_class_id == unit_class.id,
            ),
        ),
        select(func.count()).where(
            PhaseProposal.number == phase.number, PhaseProposal.state == ProposalState.PROPOSED
        ),
    )
    return sum(session.scalar(one) or 0 for one in counted)


def live(session: Session, phase_id: int) -> PhaseClosing | None:
    """The phase's closing that waits or is confirmed, if any."""
    return session.scalars(
        select(PhaseClosing).where(
            PhaseClosing.phase_id == phase_id, PhaseClosing.state != ProposalState.WITHDRAWN
        )
    ).one_or_none()


# ---- two persons


def propose(
    session: Session,
    phase_id: int,
    *,
    reason: str,
    actor: User,
    version: int | None = None,
    key: str | None = None,
) -> PhaseClosing:
    """Propose to close a phase. A second press with the same ``key`` gives the first answer.

    Raises ``Stale``, or ``Refused`` with everything against it: what :func:`closing_problems` finds,
    CLOSING_OPEN, REASON_NEEDED.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"phase": phase_id, "reason": reason}
    made = once.earlier(session, key, "close_phase", content, actor=actor)
    if made is not None:
        return access.get_visible(session, PhaseClosing, made, actor)
    phase = access.get_visible(session, Phase, phase_id, actor, lock=True)
    workflow.expect_version(phase, version)
    found = closing_problems(session, phase)
    if not phase.closed_at and live(session, phase_id) is not None:
        found.append(Problem(Refusal.CLOSING_OPEN))
    why = None
    try:
        why = workflow.clean_reason(reason, needed=True)
    except Refused as refused:
        found.extend(refused.problems)
    if found or why is None:
        raise Refused(*found)
    row = PhaseClosing(
        phase_id=phase_id,
        state=ProposalState.PROPOSED,
        reason=why,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(row)
    audit.record(session, EventTag.PHASE_CLOSING_PROPOSED, row, actor=actor, reason=why, phase=phase.number)
    notify(
        session,
        MailKind.PHASE_CLOSING_TO_CONFIRM,
        actor=actor,
        phase=phase_words.phase_fact(phase.number),
    )
    once.remember(session, key, "close_phase", content, row.id, actor=actor)
    return row


def confirm_problems(session: Session, row: PhaseClosing, actor: User) -> list[Problem]:
    """Why this person cannot confirm this closing now; the page before the button asks the same."""
    if row.state is not ProposalState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, row.proposed_by, actor, proposed_at=row.proposed_at)
    return found + closing_problems(session, row.phase)


def _hold_units(session: Session, unit_class: UnitClass) -> None:
    """Lock every account that has the units: whoever moves them comes before, or finds the phase closed.

    Whoever came before may have brought them to an account that had none: looked at again until none is new.
    """
    locked = {ISSUANCE_ACCOUNT}
    while True:
        holding = select(Holding.account_id).where(Holding.unit_class_id == unit_class.id)
        found = {ISSUANCE_ACCOUNT, *session.scalars(holding)}
        ledger.lock_accounts(session, *found)
        if found <= locked:
            return
        locked |= found


def confirm(session: Session, closing_id: int, *, actor: User, version: int | None = None) -> PhaseClosing:
    """Close the phase as another person than the proposer: totals are frozen, participants are told.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`confirm_problems` finds under lock.
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    found = access.get_visible(session, PhaseClosing, closing_id, actor)
    unit_class = banking_case.class_of(session, found.phase_id)
    _hold_units(session, unit_class)
    row = access.get_visible(session, PhaseClosing, closing_id, actor, lock=True)
    workflow.expect_version(row, version)
    phase = access.get_visible(session, Phase, row.phase_id, actor, lock=True)
    problems = confirm_problems(session, row, actor)
    if problems:
        raise Refused(*problems)
    kept = asdict(totals(session, phase))
    now = clock.now()
    with session.no_autoflush:
        row.confirmed_by_id, row.confirmed_at, row.totals = actor.id, now, kept
        phase.closed_at = now
        workflow.advance(session, PHASE_CLOSING, row, "confirm", actor=actor, phase=phase.number, totals=kept)
    _tell(session, phase, unit_class, actor)
    return row


def _tell(session: Session, phase: Phase, unit_class: UnitClass, actor: User) -> None:
    """The phase's holders, and every trader that still holds its units."""
    named = phase_words.phase_fact(phase.number)
    holders = session.scalars(select(Holder).where(Holder.phase_id == phase.id).order_by(Holder.id)).all()
    known = known_logins(session, holders=[one.id for one in holders])
    for holder in holders:
        notify(session, MailKind.PHASE_CLOSED, holder=holder, actor=actor, known=known, phase=named)
    traders = session.scalars(
        select(Trader)
        .join(Account, Account.trader_id == Trader.id)
        .join(Holding, Holding.account_id == Account.id)
        .where(Holding.unit_class_id == unit_class.id, Holding.quantity > 0)
        .order_by(Trader.id)
    )
    for trader in traders.all():
        notify(session, MailKind.PHASE_CLOSED, trader=trader, actor=actor, phase=named)


def withdraw(
    session: Session, closing_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> PhaseClosing:
    """Take the proposal back: whoever proposed may, and every colleague who may propose."""
    access.check(actor, Permission.TARGET_PROPOSE)
    row = access.get_visible(session, PhaseClosing, closing_id, actor, lock=True)
    number = row.phase.number
    workflow.advance(
        session,
        PHASE_CLOSING,
        row,
        "withdraw",
        actor=actor,
        version=version,
        reason=reason,
        phase=number,
    )
    ja, en = phase_words.phase_fact(number)
    what = (f"{ja}の締め", f"closing of {en}")
    notify(session, MailKind.PROPOSAL_WITHDRAWN, actor=actor, proposal=what, reason=reason)
    return row


def kept_totals(row: PhaseClosing) -> Totals | None:
    """The totals that were frozen at the confirmation; ``None`` before it."""
    return Totals(**row.totals) if row.totals is not None else None
