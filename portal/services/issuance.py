"""The secretariat's movements: issue, jVER issue, correction.

One proposes, another confirms (domain §2, §5).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Problem, Refusal, Refused, refuse
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    Holder,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    UnitClass,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    banking_case,
    banking_results,
    books,
    compliance_records,
    four_eyes,
    issue_cases,
    ledger,
    mail_words,
    movement_figures,
    office_cases,
    once,
    proposal_days,
    proposal_ends,
    proposal_words,
    shown,
)
from portal.services.allowance_rules import problems
from portal.services.allowances import execute
from portal.services.audit import EventTag, record
from portal.services.correction_rules import correction_problems
from portal.services.issue_rules import IssueCase, issue_problems
from portal.services.jver_rules import jver_problems
from portal.services.mail import MailKind, notify
from portal.services.transitions import MOVEMENT
from portal.services.workflow import advance, clean_reason, expect_version

#: kinds whose units are promised from the proposal on (safety 2)
PROMISING = frozenset({MovementKind.CORRECTION, MovementKind.CARRY_OVER})


def issue_case(session: Session, holder_id: int, *, actor: User) -> tuple[Holder, IssueCase]:
    """The holder and what the rules of its issue look at, for the page before the button."""
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    holder = access.get_visible(session, Holder, holder_id, actor)
    return holder, issue_cases.case_of(session, holder)


def propose_issue(
    session: Session, holder_id: int, *, key: str, actor: User, seen: str | None = None
) -> Movement:
    """Propose the issue of base − target units to a holder, once (domain §5).

    Raises ``Refused`` with every failing rule (``issue_rules``) at once, or with FIGURES_CHANGED if the page
    said other figures (``seen``: the mark of ``movement_figures.of_issue``).
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    holder = access.get_visible(session, Holder, holder_id, actor)
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT, holder.account.id)
    content = {"kind": "issue", "holder": holder_id}
    made = once.earlier_movement(session, key, content, actor=actor)
    if made is not None:
        return made
    case = issue_cases.case_of(session, holder)
    found = issue_problems(case)
    if found or case.due is None:
        raise Refused(*found)
    shown.expect(seen, movement_figures.of_issue(case))
    unit_class = session.scalars(select(UnitClass).where(UnitClass.phase_id == holder.phase_id)).one()
    return propose_movement(
        session,
        Movement(
            kind=MovementKind.ISSUE,
            state=MovementState.PROPOSED,
            holder_id=holder_id,
            attempt=case.attempt,
            source_id=ISSUANCE_ACCOUNT,
            target_id=holder.account.id,
            unit_class_id=unit_class.id,
            quantity=case.due,
        ),
        key=key,
        content=content,
        phase_id=holder.phase_id,
        actor=actor,
    )


def propose_jver(
    session: Session, account: str, quantity: str | int, reason: str, *, key: str, actor: User
) -> Movement:
    """Propose jVER for an account, by application (domain §5); ``reason`` names the application.

    Raises ``Refused`` with every failing rule (``jver_rules``) at once.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    typed = office_cases.jver_draft(session, account, quantity, reason)
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT, *([typed.number] if typed.number is not None else []))
    content: dict[str, object] = {
        "kind": "jver",
        "account": typed.number,
        "quantity": typed.quantity,
        "reason": typed.reason,
    }
    made = once.earlier_movement(session, key, content, actor=actor)
    if made is not None:
        return made
    plan = office_cases.jver_draft(session, account, quantity, reason)
    if plan.problems or plan.number is None or plan.quantity is None:
        raise Refused(*plan.problems)
    return propose_movement(
        session,
        Movement(
            kind=MovementKind.ISSUE_JVER,
            state=MovementState.PROPOSED,
            source_id=ISSUANCE_ACCOUNT,
            target_id=plan.number,
            unit_class_id=office_cases.jver_class(session).id,
            quantity=plan.quantity,
            reason=plan.reason,
        ),
        key=key,
        content=content,
        phase_id=None,
        actor=actor,
    )


def propose_correction(
    session: Session,
    transaction_id: int,
    reason: str,
    *,
    key: str,
    actor: User,
    seen: str | None = None,
) -> Movement:
    """Propose the mirror image of a wrong movement, once, with a reason (domain §5).

    The units are promised at once, so that they cannot leave before the second person decides.
    Like every movement it takes nothing out of a suspended or closed account and puts nothing into a
    closed one. The reserve does not bind it: an approved mistake must be reversible. Raises
    ``Refused`` with every failing rule (``correction_rules``) and the reason's at once, or FIGURES_CHANGED.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    original = access.get_visible(session, LedgerTransaction, transaction_id, actor)
    wrong = original.movement
    ledger.lock_accounts(session, wrong.source_id, wrong.target_id)
    content = {"kind": "correction", "transaction": transaction_id, "reason": reason.strip()}
    made = once.earlier_movement(session, key, content, actor=actor)
    if made is not None:
        return made
    found = correction_problems(office_cases.correction_case(session, original))
    why = None
    try:
        why = clean_reason(reason, needed=True)
    except Refused as refused:
        found.extend(refused.problems)
    if found:
        raise Refused(*found)
    shown.expect(seen, movement_figures.of_correction(session, original))
    row = ledger.holding(session, wrong.target_id, wrong.unit_class_id, lock=True)
    row.promised += wrong.quantity
    return propose_movement(
        session,
        Movement(
            kind=MovementKind.CORRECTION,
            state=MovementState.PROPOSED,
            source_id=wrong.target_id,
            target_id=wrong.source_id,
            unit_class_id=wrong.unit_class_id,
            quantity=wrong.quantity,
            reverses_id=transaction_id,
            reason=why,
        ),
        key=key,
        content=content,
        phase_id=wrong.unit_class.phase_id,
        actor=actor,
    )


def confirm(
    session: Session, movement_id: int, *, version: int, actor: User, seen: str | None = None
) -> Movement:
    """The second person confirms: every rule is checked again under lock, then it is posted.

    ``seen``: the mark of what the page said beside it (``movement_figures.of_proposal``).
    """
    access.check(actor, Permission.MOVEMENT_CONFIRM)
    movement = _locked(session, movement_id, actor)
    expect_version(movement, version)
    found = confirm_problems(session, movement, actor)
    if found:
        raise Refused(*found)
    shown.expect(seen, movement_figures.of_proposal(session, movement))
    _release(session, movement)
    execute(session, movement, "confirm", actor=actor, version=version)
    if movement.kind is MovementKind.CARRY_OVER:
        banking_results.accepted(session, movement, actor=actor)
    compliance_records.corrected(session, movement, actor=actor)
    return movement


def confirm_problems(session: Session, movement: Movement, actor: User) -> list[Problem]:
    """Why this person cannot confirm this proposal now; also for the page, before the button.

    The reserve does not bind a correction; the states of the accounts bind every kind.
    """
    if movement.state is not MovementState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, movement.proposed_by, actor, proposed_at=movement.proposed_at)
    found += proposal_days.problems(session, movement)
    if movement.batch_id is not None:
        found.append(Problem(Refusal.ISSUE_IN_BATCH))
    if movement.kind is MovementKind.ISSUE and movement.holder is not None:
        found += books.problems(session)
        return found + issue_problems(issue_cases.case_of(session, movement.holder, movement=movement))
    if movement.kind is MovementKind.CARRY_OVER:
        found += books.problems(session)
        return found + problems(banking_case.of_movement(session, movement))
    if movement.kind is MovementKind.CORRECTION and movement.reverses_id is not None:
        # the books are not asked: a correction is how a wrong posting is put right
        original = session.get_one(LedgerTransaction, movement.reverses_id)
        return found + correction_problems(office_cases.correction_case(session, original, own=movement))
    found += books.problems(session)
    return found + jver_problems(office_cases.jver_case(session, movement))


def withdraw(
    session: Session, movement_id: int, *, version: int, actor: User, reason: str | None = None
) -> Movement:
    """End a proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds, or ``Refused(ISSUE_IN_BATCH)``.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    movement = _locked(session, movement_id, actor)
    if movement.batch_id is not None and movement.state is MovementState.PROPOSED:
        raise refuse(Refusal.ISSUE_IN_BATCH)
    action, why = proposal_ends.way_out(
        session, MOVEMENT, movement, actor=actor, reason=reason, version=version
    )
    leave(session, movement, action, actor=actor, version=version, reason=why)
    what = proposal_words.movement_fact(movement)
    proposal_ends.tell(session, movement, what, actor=actor, reason=why)
    return movement


def due(session: Session) -> list[int]:
    """The proposals past their day that wait still, by their ids. Batches go as a whole."""
    query = select(Movement.id).where(
        Movement.state == MovementState.PROPOSED,
        Movement.expires_at <= clock.now(),
        Movement.batch_id.is_(None),
    )
    return list(session.scalars(query.order_by(Movement.id)))


def expire(session: Session, movement_id: int) -> bool:
    """Let a proposal past its day go; whether it still waited.

    In a transaction of its own: accounts are locked in the order of their numbers only within one movement.
    """
    movement = _locked(session, movement_id, None)
    if movement.state is not MovementState.PROPOSED:
        return False
    leave(session, movement, "expire", actor=None, version=None)
    assert movement.expires_at is not None
    days = (movement.expires_at - movement.proposed_at).days
    tell_expired(session, movement, proposal_words.movement_fact(movement), days)
    return True


def tell_expired(session: Session, row: object, what: tuple[str, str], days: int) -> None:
    """Tell the office that a proposal waited its ``days`` in vain; whoever proposed it is among them."""
    notify(session, MailKind.PROPOSAL_EXPIRED, row=row, proposal=what, days=days)


def leave(
    session: Session,
    movement: Movement,
    action: str,
    *,
    actor: User | None,
    version: int | None,
    reason: str | None = None,
) -> None:
    """Take a locked proposal out of the queue without executing it: what it promised is free again."""
    if movement.state is MovementState.PROPOSED:
        expect_version(movement, version)
        _release(session, movement)
        if movement.kind is MovementKind.CARRY_OVER:
            banking_results.freed(session, movement)
    # decider and state go to the database in one write, as its CHECK wants
    with session.no_autoflush:
        if movement.state is MovementState.PROPOSED:
            movement.decided_at = clock.now()
            movement.decided_by_id = actor.id if actor is not None else None
        advance(
            session,
            MOVEMENT,
            movement,
            action,
            actor=actor,
            version=version,
            reason=reason,
            holder_id=movement.holder_id,
        )


def _release(session: Session, movement: Movement) -> None:
    if movement.kind in PROMISING:
        row = ledger.holding(session, movement.source_id, movement.unit_class_id, lock=True)
        row.promised -= movement.quantity


def propose_movement(
    session: Session,
    movement: Movement,
    *,
    key: str,
    content: dict[str, object],
    phase_id: int | None,
    actor: User,
) -> Movement:
    """Write a proposal whose rules were just checked under lock, and tell who may confirm it."""
    now = clock.now()
    movement.idempotency_key, movement.content_hash = key, once.content_hash(content)
    movement.proposed_by_id, movement.proposed_at = actor.id, now
    movement.expires_at = now + proposal_days.expiry(session, phase_id)
    session.add(movement)
    session.flush()
    record(
        session,
        EventTag.MOVEMENT_PROPOSED,
        movement,
        actor=actor,
        holder_id=movement.holder_id,
        reason=movement.reason,
        kind=movement.kind.value,
        quantity=movement.quantity,
    )
    _ask_second_person(session, movement, actor)
    return movement


def _ask_second_person(session: Session, movement: Movement, actor: User) -> None:
    units = session.get_one(UnitClass, movement.unit_class_id)
    after = movement.target_class_id and session.get_one(UnitClass, movement.target_class_id)
    source, target = (session.get_one(Account, one) for one in (movement.source_id, movement.target_id))
    # whose affair it is: the scheme's own accounts have no owner
    owned = target if target.holder is not None or target.trader is not None else source
    corrects = f"T-{movement.reverses_id:06d}" if movement.reverses_id is not None else None
    notify(
        session,
        MailKind.MOVEMENT_TO_CONFIRM,
        holder=owned.holder,
        trader=owned.trader,
        actor=actor,
        row=movement,
        movement_kind=movement.kind.value,
        quantity=movement.quantity,
        unit=units.unit_type.value,
        unit_class=mail_words.units_of(units, after or None),
        source=source.code,
        target=target.code,
        source_name=source.name,
        target_name=target.name,
        corrects=corrects,
        reason=movement.reason,
        expires_at=movement.expires_at,
    )


def _locked(session: Session, movement_id: int, actor: User | None) -> Movement:
    query = select(Movement).where(Movement.id == movement_id)
    movement = session.scalars(query).one_or_none()
    if movement is None:
        raise refuse(Refusal.NOT_FOUND)
    # every account the posting touches: a carry-over passes through the issuance account
    ledger.lock_accounts(session, *(account for account, _class, _units in ledger.sides_of(movement)))
    return session.scalars(query.with_for_update(of=Movement).execution_options(populate_existing=True)).one()
