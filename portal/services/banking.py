"""Banking (バンキング): leftover JAA of phase N become JAA of phase N+1 at 1:1, on application (domain §5).

Login A applies inside the window of its phase. The office declines with a reason, or proposes the
carry-over, by which the units are promised; another person confirms it, and only then is the application
accepted and the movement posted. A proposal that is withdrawn or lapses leaves the application waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import Amount, NotFound, Problem, Refusal, Refused, refuse
from portal.models import (
    BankingApplication,
    DecisionState,
    Event,
    Holder,
    Movement,
    MovementKind,
    MovementState,
    Phase,
    PhaseRule,
    UnitClass,
    User,
)
from portal.permissions import Permission
from portal.services import access, issuance, ledger, movement_figures, once, shown, workflow
from portal.services.allowances import unit_name
from portal.services.audit import EventTag, record
from portal.services.banking_case import case_of, class_of
from portal.services.banking_rules import (
    ApplicationCase,
    CarryOverCase,
    application_problems,
    carry_over_problems,
)
from portal.services.mail import MailKind, notify
from portal.services.numbers import parse_quantity
from portal.services.report_rules import rule_of
from portal.services.transitions import BANKING


@dataclass(frozen=True)
class Window:
    """When A may apply, and into which phase the units go (none yet: it is not opened)."""

    opens: date
    until: date
    next_phase: Phase | None


@dataclass(frozen=True)
class Draft:
    """What an application would carry over, and every reason why it may not be made. Units."""

    holder: Holder
    window: Window
    quantity: int | None
    held: int
    promised: int
    movable: int
    reserve: int
    missing: int | None  # still to retire for the target; it warns, it refuses nothing
    open: BankingApplication | None
    problems: tuple[Problem, ...]


def window_of(session: Session, phase: Phase) -> Window:
    """The banking window of ``phase`` and the phase after it."""
    rule: PhaseRule = rule_of(phase)
    after = session.scalars(select(Phase).where(Phase.number == phase.number + 1)).one_or_none()
    return Window(rule.banking_from, rule.banking_until, after)


def own_holder(session: Session, actor: User) -> Holder:
    """The holder of login A. Raises ``NotAllowed`` or ``NotFound``."""
    access.check(actor, Permission.BANKING_APPLY)
    if actor.holder_id is None:
        raise NotFound
    return access.get_visible(session, Holder, actor.holder_id, actor)


def draft(session: Session, quantity: str, *, actor: User) -> Draft:
    """Look at an application without making it: the figures, and all failing rules at once."""
    holder = own_holder(session, actor)
    window = window_of(session, holder.phase)
    waiting = open_application(session, holder.id)
    units, slip = None, None
    try:
        units = parse_quantity(quantity)
    except Refused as refused:
        (slip,) = refused.problems
    target_phase = window.next_phase.id if window.next_phase is not None else None
    case = case_of(session, holder, units, target_phase=target_phase)
    found = application_problems(
        ApplicationCase(
            opens=window.opens,
            until=window.until,
            today=clock.today(),
            has_next=window.next_phase is not None,
            waits=waiting is not None,
            slip=slip,
            movement=case,
        )
    )
    figures = case.figures
    assert figures is not None
    return Draft(
        holder=holder,
        window=window,
        quantity=units,
        held=case.held,
        promised=case.promised,
        movable=case.movable,
        reserve=figures.reserve,
        missing=figures.missing,
        open=waiting,
        problems=tuple(found),
    )


def code_of(row: BankingApplication) -> str:
    """How people name an application: B-000012."""
    return f"B-{row.id:06d}"


def own_applications(session: Session, holder: Holder, *, actor: User) -> list[BankingApplication]:
    """Every application of the holder, the newest first; one query."""
    query = (
        access.visible(BankingApplication, actor)
        .where(BankingApplication.holder_id == holder.id)
        .options(
            joinedload(BankingApplication.unit_class).joinedload(UnitClass.phase),
            joinedload(BankingApplication.target_class).joinedload(UnitClass.phase),
            joinedload(BankingApplication.movement).joinedload(Movement.transaction),
        )
        .order_by(BankingApplication.id.desc())
    )
    return list(session.scalars(query))


def open_application(session: Session, holder_id: int) -> BankingApplication | None:
    """The holder's application that waits, if any."""
    return session.scalars(
        select(BankingApplication).where(
            BankingApplication.holder_id == holder_id, BankingApplication.state == DecisionState.APPLIED
        )
    ).one_or_none()


def apply(session: Session, quantity: str, *, key: str, actor: User) -> BankingApplication:
    """Apply for carrying ``quantity`` units over; the same key gives the first application again.

    Raises ``Refused`` with BANKING_CLOSED, BANKING_NO_NEXT, BANKING_OPEN, BALANCE_SHORT, RESERVE,
    SOURCE_NOT_OPEN or what is wrong with the quantity: all at once; then nothing changed.
    """
    holder = own_holder(session, actor)
    ledger.lock_accounts(session, holder.account.id)
    content = {"holder": holder.id, "quantity": quantity.strip()}
    made = once.earlier(session, key, "apply_banking", content, actor=actor)
    if made is not None:
        return access.get_visible(session, BankingApplication, made, actor)
    plan = draft(session, quantity, actor=actor)
    if plan.problems or plan.quantity is None or plan.window.next_phase is None:
        raise Refused(*plan.problems)
    row = BankingApplication(
        holder=holder,
        unit_class=class_of(session, holder.phase_id),
        target_class_id=class_of(session, plan.window.next_phase.id).id,
        quantity=plan.quantity,
        state=DecisionState.APPLIED,
        applied_by_id=actor.id,
        applied_at=clock.now(),
    )
    session.add(row)
    record(session, EventTag.BANKING_APPLIED, row, actor=actor, holder_id=holder.id, quantity=plan.quantity)
    _tell(session, MailKind.BANKING_APPLIED, row, actor)
    once.remember(session, key, "apply_banking", content, row.id, actor=actor)
    return row


def withdraw(session: Session, application_id: int, *, version: int, actor: User) -> BankingApplication:
    """A takes its application back while nothing is proposed on it.

    Raises ``Refused`` with WRONG_STATE or BANKING_PENDING, ``Stale``.
    """
    access.check(actor, Permission.BANKING_APPLY)
    row = _locked(session, application_id, actor)
    _expect_free(row, version)
    workflow.advance(session, BANKING, row, "withdraw", actor=actor, holder_id=row.holder_id)
    _tell(session, MailKind.BANKING_WITHDRAWN, row, actor)
    return row


def decline(
    session: Session, application_id: int, reason: str, *, version: int, actor: User
) -> BankingApplication:
    """Decline with a reason while nothing is proposed on it.

    Raises ``Refused`` with WRONG_STATE, BANKING_PENDING, REASON_NEEDED, ``Stale``.
    """
    access.check(actor, Permission.BANKING_DECIDE)
    row = _locked(session, application_id, actor)
    _expect_free(row, version)
    why = workflow.clean_reason(reason, needed=True)
    with session.no_autoflush:
        row.decided_by_id, row.decided_at, row.decision_reason = actor.id, clock.now(), why
        workflow.advance(session, BANKING, row, "decline", actor=actor, reason=why, holder_id=row.holder_id)
    _tell(session, MailKind.BANKING_DECLINED, row, actor, reason=why)
    return row


def _tell(
    session: Session, kind: MailKind, row: BankingApplication, actor: User, reason: str | None = None
) -> None:
    units = Amount(row.quantity, unit_name(row.unit_class))
    notify(session, kind, holder=row.holder, actor=actor, row=row, quantity=units, reason=reason)


def proposal_problems(session: Session, row: BankingApplication) -> list[Problem]:
    """Why the carry-over cannot be proposed now, in the order of the rules; for the page and under lock."""
    case = case_of(session, row.holder, row.quantity, target_phase=row.target_class.phase_id)
    waits, proposed = row.state is DecisionState.APPLIED, row.movement_id is not None
    return carry_over_problems(CarryOverCase(waits, proposed, case))


def figures_of(session: Session, row: BankingApplication) -> dict[str, Any]:
    """What the page says of the account beside the application, before a carry-over is proposed. Units."""
    return movement_figures.of_carry_over(case_of(session, row.holder, row.quantity))


def propose(
    session: Session,
    application_id: int,
    *,
    version: int,
    key: str,
    actor: User,
    seen: str | None = None,
) -> Movement:
    """Propose the carry-over of an application; the units are promised until another person decides.

    Raises ``Refused`` with every failing rule, or with FIGURES_CHANGED if the page said other figures
    (``seen``: the mark of :func:`figures_of`), ``Stale``.
    """
    access.check(actor, Permission.BANKING_DECIDE)
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    found = access.get_visible(session, BankingApplication, application_id, actor)
    content = {"kind": "carry_over", "application": application_id}
    ledger.lock_accounts(session, found.holder.account.id)
    made = once.earlier_movement(session, key, content, actor=actor)
    if made is not None:
        return made
    row = _locked(session, application_id, actor)
    workflow.expect_version(row, version)
    wrong = proposal_problems(session, row)
    if wrong:
        raise Refused(*wrong)
    shown.expect(seen, figures_of(session, row))
    account = row.holder.account
    ledger.holding(session, account.id, row.unit_class_id, lock=True).promised += row.quantity
    movement = issuance.propose_movement(
        session,
        Movement(
            kind=MovementKind.CARRY_OVER,
            state=MovementState.PROPOSED,
            source_id=account.id,
            target_id=account.id,
            unit_class_id=row.unit_class_id,
            target_class_id=row.target_class_id,
            quantity=row.quantity,
        ),
        key=key,
        content=content,
        phase_id=row.holder.phase_id,
        actor=actor,
    )
    row.movement_id = movement.id
    record(
        session,
        EventTag.BANKING_PROPOSED,
        row,
        actor=actor,
        holder_id=row.holder_id,
        quantity=row.quantity,
        movement=movement.id,
    )
    return movement


def carry_overs(session: Session, row: BankingApplication) -> list[Movement]:
    """Every carry-over that was ever proposed for the application, the oldest first.

    One that came to nothing is no longer the application's: its event still says which it was.
    """
    events = session.scalars(
        select(Event).where(
            Event.subject_type == BankingApplication.__tablename__,
            Event.subject_id == row.id,
            Event.tag == EventTag.BANKING_PROPOSED.value,
        )
    )
    numbers = [one.facts["movement"] for one in events]
    query = select(Movement).where(Movement.id.in_(numbers)).order_by(Movement.id)
    return list(session.scalars(query.options(joinedload(Movement.decided_by)))) if numbers else []


def application_of(session: Session, movement: Movement) -> BankingApplication | None:
    """The application that the carry-over ``movement`` was proposed for; see :func:`carry_overs`."""
    numbers = session.execute(
        select(Event.subject_id, Event.facts).where(
            Event.subject_type == BankingApplication.__tablename__,
            Event.subject_id.in_(
                select(BankingApplication.id).where(BankingApplication.holder_id == movement.source.holder_id)
            ),
            Event.tag == EventTag.BANKING_PROPOSED.value,
        )
    )
    found = next((number for number, facts in numbers if facts["movement"] == movement.id), None)
    return session.get(BankingApplication, found) if found is not None else None


def _expect_free(row: BankingApplication, version: int) -> None:
    workflow.expect_version(row, version)
    if row.state is not DecisionState.APPLIED:
        raise refuse(Refusal.WRONG_STATE)
    if row.movement_id is not None:
        raise refuse(Refusal.BANKING_PENDING)


def _locked(session: Session, application_id: int, actor: User) -> BankingApplication:
    """The application, locked behind its account: as every movement locks."""
    row = access.get_visible(session, BankingApplication, application_id, actor)
    ledger.lock_accounts(session, row.holder.account.id)
    return access.get_visible(session, BankingApplication, application_id, actor, lock=True)
