"""Closing a phase (期の締め): one proposes, another confirms; then its units never move again (domain §5).

Only after the banking window, when every deadline record is frozen and nothing waits. The totals are
frozen with it. A correction is possible until then, not afterwards (decided): what is wrong is put
right before the books of a phase are shut.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    BankingApplication,
    ComplianceSnapshot,
    DecisionState,
    Holder,
    Holding,
    LedgerEntry,
    Movement,
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
from portal.services import (
    access,
    audit,
    banking_case,
    books,
    compliance_records,
    four_eyes,
    ledger,
    once,
    phase_words,
    proposal_days,
    proposal_ends,
    shown,
    unit_totals,
    workflow,
)
from portal.services.allowances import unit_name
from portal.services.audit import EventTag
from portal.services.compliance import Compliance
from portal.services.figures import not_obliged
from portal.services.ledger_days import last_entry
from portal.services.mail import MailKind, known_logins, notify
from portal.services.transitions import PHASE_CLOSING
from portal.services.unit_totals import UnitTotals, totals_of


@dataclass(frozen=True, kw_only=True)
class Totals(UnitTotals):
    """A phase's units (``unit_totals.py``) and holders. ``held`` stays in the accounts, unusable."""

    holders: int
    met: int
    missed: int
    #: who had nothing to do by the deadline; closings of earlier versions did not count them
    not_obliged: int = 0


def totals(session: Session, phase: Phase) -> Totals:
    """The totals of ``phase`` as they stand; seven queries. Units and holders."""
    unit_class = banking_case.class_of(session, phase.id)
    units = totals_of(session, [unit_class.id], transfers=True)[unit_class.id]
    official = compliance_records.newest().join(ComplianceSnapshot.holder).where(Holder.phase_id == phase.id)
    free = not_obliged(session, select(Holder.id).where(Holder.phase_id == phase.id))
    standing = {one: Compliance.NOT_OBLIGED for one in free} | {
        one.holder_id: Compliance(one.status)
        for one in session.scalars(official)
        if not compliance_records.is_void(one, obliged=one.holder_id not in free)
    }
    counted = Counter(standing.values())
    holders = session.scalar(select(func.count()).select_from(Holder).where(Holder.phase_id == phase.id))
    return Totals(
        **asdict(units),
        holders=holders or 0,
        met=counted[Compliance.MET],
        missed=counted[Compliance.MISSED],
        not_obliged=counted[Compliance.NOT_OBLIGED],
    )


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
    frozen, end = select(ComplianceSnapshot.holder_id), clock.end_of_day(deadline)
    loose = session.scalar(
        select(func.count())
        .select_from(Holder)
        .join(Account, Account.holder_id == Holder.id)
        .where(
            Holder.phase_id == phase.id,
            # whoever was registered after the deadline, or left before it, has no record (deadline.py)
            Holder.created_at < end,
            or_(Account.closed_at.is_(None), Account.closed_at >= end),
            Holder.id.not_in(frozen),
        )
    )
    if loose:
        found.append(Problem(Refusal.CLOSING_NOT_FROZEN, None, {"count": loose}))
    waiting = pending_of(session, phase).count
    if waiting:
        found.append(Problem(Refusal.CLOSING_PENDING, None, {"count": waiting}))
    return found + _book_problems(session, unit_class)


def _book_problems(session: Session, unit_class: UnitClass) -> list[Problem]:
    """What the books say against shutting the class for good: nothing of it can be put right afterwards.

    The newest comparison must agree and have read the class's last posting; the totals must add up.
    """
    found = books.problems(session)
    last = _last_posting(session, unit_class)
    check = books.newest(session)
    if not found and last and (check is None or check.last_number < last):
        found.append(Problem(Refusal.CLOSING_NOT_COMPARED, None, {"number": f"T-{last:06d}"}))
    return found + unit_totals.problems(totals_of(session, [unit_class.id])[unit_class.id])


def _last_posting(session: Session, unit_class: UnitClass) -> int:
    """The ledger number of the last posting of the class; 0 if there is none. An index step an account."""
    newest = last_entry(LedgerEntry.transaction_id, Holding.account_id, Holding.unit_class_id)
    query = select(func.max(newest)).where(Holding.unit_class_id == unit_class.id)
    return session.scalar(query) or 0


@dataclass(frozen=True)
class Waiting:
    """What about a phase's units still waits for somebody, counted where it is decided."""

    movements: int
    #: movements that are parts of issues to a whole phase
    batched: int
    applications: int
    #: changes of the phase's own dates
    phase_proposals: int

    @property
    def count(self) -> int:
        return self.movements + self.batched + self.applications + self.phase_proposals


def pending_of(session: Session, phase: Phase) -> Waiting:
    """The proposals and applications about the phase's units that still wait; a batch is its movements."""
    unit_class = banking_case.class_of(session, phase.id)
    moves = or_(Movement.unit_class_id == unit_class.id, Movement.target_class_id == unit_class.id)
    waits = Movement.state == MovementState.PROPOSED
    counted = (
        select(func.count()).where(waits, moves, Movement.batch_id.is_(None)),
        select(func.count()).where(waits, moves, Movement.batch_id.is_not(None)),
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
    return Waiting(*(session.scalar(one) or 0 for one in counted))


#: a phase has one closing of these at most
LIVE = (ProposalState.PROPOSED, ProposalState.CONFIRMED)


def live(session: Session, phase_id: int) -> PhaseClosing | None:
    """The phase's closing that waits or is confirmed, if any."""
    return session.scalars(
        select(PhaseClosing).where(PhaseClosing.phase_id == phase_id, PhaseClosing.state.in_(LIVE))
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
    seen: str | None = None,
) -> PhaseClosing:
    """Propose to close a phase. A second press with the same ``key`` gives the first answer.

    Raises ``Stale``, or ``Refused`` with everything against it: what :func:`closing_problems` finds,
    CLOSING_OPEN, REASON_NEEDED; or FIGURES_CHANGED if the page said other totals (``seen``: their mark).
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"phase": phase_id, "reason": reason}
    # locked before the key is looked up: of two presses at once the second finds the first's answer
    phase = access.get_visible(session, Phase, phase_id, actor, lock=True)
    made = once.earlier(session, key, "close_phase", content, actor=actor)
    if made is not None:
        return access.get_visible(session, PhaseClosing, made, actor)
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
    if seen is not None:
        shown.expect(seen, asdict(totals(session, phase)))
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
        row=row,
        phase=phase_words.phase_fact(phase.number),
        until=proposal_days.ends_at(session, row),
    )
    once.remember(session, key, "close_phase", content, row.id, actor=actor)
    return row


def confirm_problems(session: Session, row: PhaseClosing, actor: User) -> list[Problem]:
    """Why this person cannot confirm this closing now; the page before the button asks the same."""
    if row.state is not ProposalState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, row.proposed_by, actor, proposed_at=row.proposed_at)
    return found + proposal_days.problems(session, row) + closing_problems(session, row.phase)


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


def confirm(
    session: Session,
    closing_id: int,
    *,
    actor: User,
    version: int | None = None,
    seen: str | None = None,
) -> PhaseClosing:
    """Close the phase as another person than the proposer: totals are frozen, participants are told.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`confirm_problems` finds under lock, or
    with FIGURES_CHANGED if the page said other totals (``seen``: their mark).
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
    shown.expect(seen, kept)
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
    found = traders.all()
    known = known_logins(session, traders=[one.id for one in found])
    for trader in found:
        notify(session, MailKind.PHASE_CLOSED, trader=trader, actor=actor, known=known, phase=named)


def withdraw(
    session: Session, closing_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> PhaseClosing:
    """End the proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    row = access.get_visible(session, PhaseClosing, closing_id, actor, lock=True)
    number = row.phase.number
    action, why = proposal_ends.way_out(
        session, PHASE_CLOSING, row, actor=actor, reason=reason, version=version
    )
    workflow.advance(
        session,
        PHASE_CLOSING,
        row,
        action,
        actor=actor,
        reason=why,
        phase=number,
    )
    proposal_ends.tell(session, row, words_of(row), actor=actor, reason=why)
    return row


def words_of(row: PhaseClosing) -> tuple[str, str]:
    """What mails call the proposal."""
    ja, en = phase_words.phase_fact(row.phase.number)
    return f"{ja}の締め", f"closing of {en}"


def kept_totals(row: PhaseClosing) -> Totals | None:
    """The totals that were frozen at the confirmation; ``None`` before it."""
    return Totals(**row.totals) if row.totals is not None else None
