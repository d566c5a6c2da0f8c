"""Issuing to a whole phase as one proposal with a table: two persons, all or none (domain §5, §2).

The table names every holder of the phase with base − target and every reason why not. What is proposed
waits as movements of one batch: they are confirmed, withdrawn and expire together, never one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused
from portal.models import (
    ISSUANCE_ACCOUNT,
    Account,
    Holder,
    IssueBatch,
    IssueBatchState,
    Movement,
    MovementKind,
    MovementState,
    Phase,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    books,
    four_eyes,
    issuance,
    issue_batch_posting,
    issue_cases,
    ledger,
    once,
    phase_words,
    proposal_days,
    proposal_ends,
    workflow,
)
from portal.services.audit import EventTag, record, record_all
from portal.services.issue_cases import IssueLine, PhaseTerms
from portal.services.issue_rules import issue_problems, most
from portal.services.mail import MailKind, notify
from portal.services.transitions import ISSUE_BATCH


@dataclass(frozen=True)
class BatchLine:
    """One holder in the table; ``quantity`` ``None``: a confirmed figure is missing."""

    holder: Holder
    base: int | None
    target: int | None
    quantity: int | None
    problems: tuple[Problem, ...]
    #: which issue of the holder it is: one more for each that was corrected
    attempt: int = 1


@dataclass(frozen=True)
class Table:
    """The whole phase. Units."""

    terms: PhaseTerms
    lines: list[BatchLine]
    #: the cap, if all that can be issued together is more than it leaves
    cap_problem: Problem | None
    #: the batch that waits, if any
    open: IssueBatch | None

    @property
    def ready(self) -> list[BatchLine]:
        """Those to whom can be issued now, each looked at alone."""
        return [line for line in self.lines if not line.problems]

    @property
    def total(self) -> int:
        return sum(line.quantity or 0 for line in self.ready)


def _judged(lines: Iterable[IssueLine]) -> list[BatchLine]:
    return [
        BatchLine(
            one.holder,
            one.case.base,
            one.case.target,
            one.case.due,
            tuple(issue_problems(one.case)),
            one.case.attempt,
        )
        for one in lines
    ]


def _cap(terms: PhaseTerms, lines: Iterable[BatchLine]) -> Problem | None:
    """CAP_REACHED if ``lines`` together are more than the cap leaves; pure."""
    total = sum(line.quantity or 0 for line in lines)
    left = max(0, most(terms.cap) - terms.issued)
    if total <= left:
        return None
    return Problem(Refusal.CAP_REACHED, None, {"cap": most(terms.cap), "issued": terms.issued, "left": left})


def table(session: Session, phase_id: int, *, actor: User) -> Table:
    """Every holder of the phase with what would be issued and every reason why not; few queries."""
    access.check(actor, Permission.ALLOWANCE_ALL_VIEW)
    terms = issue_cases.terms_of(session, phase_id)
    lines = _judged(issue_cases.lines_of(session, terms))
    ready = [line for line in lines if not line.problems]
    return Table(terms, lines, _cap(terms, ready), open_batch(session, phase_id))


def open_batch(session: Session, phase_id: int) -> IssueBatch | None:
    """The batch of the phase that waits for another person, if any."""
    query = select(IssueBatch).where(
        IssueBatch.phase_id == phase_id, IssueBatch.state == IssueBatchState.PROPOSED
    )
    return session.scalars(query).one_or_none()


def propose(
    session: Session, phase_id: int, quantities: Mapping[int, int], *, key: str, actor: User
) -> IssueBatch:
    """Propose the issue to the holders of ``quantities``: units by holder as the page showed them.

    All or none. Raises ``Refused`` with everything against it: ISSUE_BATCH_EMPTY, ISSUE_BATCH_OPEN,
    STALE_PAGE if one of them can no longer get just that issue, CAP_REACHED for all together.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    chosen = sorted(quantities)
    content = {"phase": phase_id, "quantities": [[one, quantities[one]] for one in chosen]}
    accounts = session.scalars(select(Account.id).where(Account.holder_id.in_(chosen))).all()
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT, *accounts)
    made = once.earlier(session, key, "issue_batch", content, actor=actor)
    if made is not None:
        return access.get_visible(session, IssueBatch, made, actor)
    terms = issue_cases.terms_of(session, phase_id)
    lines = _judged(issue_cases.lines_of(session, terms, holder_ids=chosen, quantities=dict(quantities)))
    found = _proposal_problems(session, terms, lines, chosen)
    if found:
        raise Refused(*found)
    batch = _written(session, terms, lines, actor)
    once.remember(session, key, "issue_batch", content, batch.id, actor=actor)
    return batch


def _proposal_problems(
    session: Session, terms: PhaseTerms, lines: list[BatchLine], chosen: list[int]
) -> list[Problem]:
    found = []
    if not chosen:
        found.append(Problem(Refusal.ISSUE_BATCH_EMPTY))
    if open_batch(session, terms.phase.id) is not None:
        found.append(Problem(Refusal.ISSUE_BATCH_OPEN))
    wrong = [one for line in lines for one in line.problems if one.refusal is not Refusal.CAP_REACHED]
    if wrong or len(lines) != len(chosen):
        # the table that comes back says for each what has changed
        found.append(Problem(Refusal.STALE_PAGE))
    cap = _cap(terms, lines)
    return [*found, cap] if cap is not None else found


def _written(session: Session, terms: PhaseTerms, lines: list[BatchLine], actor: User) -> IssueBatch:
    now = clock.now()
    total = sum(line.quantity or 0 for line in lines)
    batch = IssueBatch(
        phase_id=terms.phase.id,
        state=IssueBatchState.PROPOSED,
        count=len(lines),
        total=total,
        proposed_by_id=actor.id,
        proposed_at=now,
        expires_at=now + proposal_days.expiry(session, terms.phase.id),
    )
    session.add(batch)
    session.flush()
    movements = [
        Movement(
            kind=MovementKind.ISSUE,
            state=MovementState.PROPOSED,
            holder_id=line.holder.id,
            attempt=line.attempt,
            source_id=ISSUANCE_ACCOUNT,
            target_id=line.holder.account.id,
            unit_class_id=terms.unit_class.id,
            quantity=line.quantity,
            idempotency_key=once.new_key(),  # the form's own key is the batch's
            content_hash=once.content_hash({"batch": batch.id, "holder": line.holder.id}),
            proposed_by_id=actor.id,
            proposed_at=now,
            expires_at=batch.expires_at,
            batch_id=batch.id,
        )
        for line in lines
    ]
    session.add_all(movements)
    session.flush()
    record_all(
        session,
        EventTag.MOVEMENT_PROPOSED,
        [(one, {"kind": one.kind.value, "quantity": one.quantity, "batch": batch.id}) for one in movements],
        actor=actor,
        holders=lambda one: one.holder_id,
    )
    _announce(session, batch, terms.phase.number, actor)
    return batch


def _announce(session: Session, batch: IssueBatch, number: int, actor: User) -> None:
    """One event and one mail for all."""
    record(
        session,
        EventTag.ISSUE_BATCH_PROPOSED,
        batch,
        actor=actor,
        phase=number,
        count=batch.count,
        quantity=batch.total,
    )
    notify(
        session,
        MailKind.ISSUE_BATCH_TO_CONFIRM,
        actor=actor,
        row=batch,
        phase=phase_words.phase_fact(number),
        count=batch.count,
        quantity=batch.total,
        until=batch.expires_at,
    )


# ---- the second person


def judged(session: Session, batch: IssueBatch) -> list[BatchLine]:
    """The proposed issues of a batch with what stands against each now; its own proposals left out."""
    movements = {one.holder_id: one for one in batch.movements}
    own = [one.id for one in batch.movements]
    terms = issue_cases.terms_of(session, batch.phase_id, without=own)
    quantities = {holder: one.quantity for holder, one in movements.items() if holder is not None}
    lines = issue_cases.lines_of(
        session, terms, holder_ids=list(quantities), quantities=quantities, without=own
    )
    return [replace(line, quantity=quantities[line.holder.id]) for line in _judged(lines)]


def confirm_problems(session: Session, batch: IssueBatch, actor: User) -> list[Problem]:
    """Why this person cannot confirm this batch now; also for the page, before the button."""
    if batch.state is not IssueBatchState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, batch.proposed_by, actor, proposed_at=batch.proposed_at)
    found += proposal_days.problems(session, batch)
    found += books.problems(session)
    lines = judged(session, batch)
    # what binds all alike is said once, what changed for single ones by their accounts
    common: dict[Refusal, Problem] = {}
    changed = []
    for line in lines:
        own = [one for one in line.problems if one.refusal not in _OF_THE_PHASE]
        common |= {one.refusal: one for one in line.problems if one.refusal in _OF_THE_PHASE}
        if own:
            changed.append(line.holder.account.code)
    found += [one for kind, one in common.items() if kind is not Refusal.CAP_REACHED]
    terms = issue_cases.terms_of(session, batch.phase_id, without=[one.id for one in batch.movements])
    cap = _cap(terms, lines)
    if cap is not None:
        found.append(cap)
    if changed:
        found.append(Problem(Refusal.ISSUE_BATCH_CHANGED, None, {"accounts": tuple(changed)}))
    return found


#: refusals that say the same of every holder of the phase
_OF_THE_PHASE = frozenset({Refusal.ISSUE_TOO_EARLY, Refusal.PHASE_CLOSED, Refusal.CAP_REACHED})


def waiting_phases(session: Session) -> set[int]:
    """The numbers of the phases in which a batch waits: another one is proposed after it is decided."""
    return set(
        session.scalars(
            select(Phase.number).join(IssueBatch).where(IssueBatch.state == IssueBatchState.PROPOSED)
        )
    )


def locked(session: Session, batch_id: int, actor: User | None) -> IssueBatch:
    """The batch with its movements, locked behind its accounts: as every movement locks."""
    query = select(IssueBatch).where(IssueBatch.id == batch_id)
    targets = session.scalars(select(Movement.target_id).where(Movement.batch_id == batch_id)).all()
    ledger.lock_accounts(session, ISSUANCE_ACCOUNT, *targets)
    batch = session.scalars(
        query.with_for_update(of=IssueBatch)
        .options(
            selectinload(IssueBatch.movements).options(
                joinedload(Movement.source),
                joinedload(Movement.target),
                joinedload(Movement.unit_class),
                joinedload(Movement.holder).joinedload(Holder.representative),
            ),
            joinedload(IssueBatch.phase),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if batch is None:
        raise PortalError(Problem(Refusal.NOT_FOUND))
    return batch


def execute_all(session: Session, batch_id: int, *, version: int | None, actor: User) -> IssueBatch:
    """Check every rule again under lock and post every movement, in one transaction: all or none.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`confirm_problems` finds.
    """
    access.check(actor, Permission.MOVEMENT_CONFIRM)
    batch = locked(session, batch_id, actor)
    workflow.expect_version(batch, version)
    found = confirm_problems(session, batch, actor)
    if found:
        raise Refused(*found)
    issue_batch_posting.execute(
        session,
        sorted(batch.movements, key=lambda one: one.target_id),
        actor=actor,
        before_posting=lambda: _executed(session, batch, actor),
    )
    return batch


def _executed(session: Session, batch: IssueBatch, actor: User) -> None:
    with session.no_autoflush:
        batch.decided_by_id, batch.decided_at = actor.id, clock.now()
        workflow.advance(
            session,
            ISSUE_BATCH,
            batch,
            "confirm",
            actor=actor,
            phase=batch.phase.number,
            count=batch.count,
            quantity=batch.total,
        )


def withdraw(
    session: Session, batch_id: int, *, version: int | None, actor: User, reason: str | None = None
) -> IssueBatch:
    """End the whole proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.MOVEMENT_PROPOSE)
    batch = locked(session, batch_id, actor)
    action, why = proposal_ends.way_out(
        session, ISSUE_BATCH, batch, actor=actor, reason=reason, version=version
    )
    _leave(session, batch, action, actor=actor, reason=why)
    proposal_ends.tell(session, batch, _fact(batch), actor=actor, reason=why)
    return batch


def _fact(batch: IssueBatch) -> tuple[str, str]:
    ja, en = phase_words.phase_fact(batch.phase.number)
    return f"{ja}の一括発行", f"issue to {en}"


def due(session: Session) -> list[int]:
    """The batches past their day that wait still, by their ids."""
    query = select(IssueBatch.id).where(
        IssueBatch.state == IssueBatchState.PROPOSED, IssueBatch.expires_at <= clock.now()
    )
    return list(session.scalars(query.order_by(IssueBatch.id)))


def expire(session: Session, batch_id: int) -> bool:
    """Let a batch past its day go, in a transaction of its own; whether it still waited."""
    batch = locked(session, batch_id, None)
    if batch.state is not IssueBatchState.PROPOSED:
        return False
    _leave(session, batch, "expire", actor=None)
    issuance.tell_expired(session, batch, _fact(batch), (batch.expires_at - batch.proposed_at).days)
    return True


def _leave(
    session: Session, batch: IssueBatch, action: str, *, actor: User | None, reason: str | None = None
) -> None:
    if batch.state is IssueBatchState.PROPOSED:
        for movement in batch.movements:
            issuance.leave(session, movement, action, actor=actor, version=None, reason=reason)
    with session.no_autoflush:
        if batch.state is IssueBatchState.PROPOSED:
            batch.decided_at = clock.now()
            batch.decided_by_id = actor.id if actor is not None else None
        workflow.advance(
            session, ISSUE_BATCH, batch, action, actor=actor, reason=reason, phase=batch.phase.number
        )
