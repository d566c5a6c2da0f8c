"""Reduction targets: entered by one person of the secretariat, confirmed by another (domain §2, §5).

A confirmed target is never edited: another proposal with a reason takes its place once it is confirmed,
as long as no allowance was issued on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused, Stale
from portal.models import (
    EmissionsReport,
    Holder,
    Movement,
    Period,
    ReductionTarget,
    TargetState,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    four_eyes,
    ledger,
    once,
    proposal_ends,
    shown,
    standing_issues,
    transitions,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.mail import KnownLogins, MailKind, known_logins, notify
from portal.services.numbers import parse_quantity

#: targets confirmed with one press
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class TargetFacts:
    """What decides about a holder's target. Figures in t-CO2."""

    base: int | None
    confirmed: ReductionTarget | None
    proposed: ReductionTarget | None
    #: an issue is proposed or was executed on the confirmed target
    issue: bool

    @property
    def current(self) -> int | None:
        return self.confirmed.quantity if self.confirmed is not None else None


def facts_for(session: Session, holder_ids: Collection[int]) -> dict[int, TargetFacts]:
    """The deciding facts of each holder, however many: three queries."""
    live: dict[tuple[int, TargetState], ReductionTarget] = {
        (row.holder_id, row.state): row
        for row in session.scalars(
            select(ReductionTarget).where(
                ReductionTarget.holder_id.in_(holder_ids),
                ReductionTarget.state != TargetState.WITHDRAWN,
                ReductionTarget.superseded_at.is_(None),
            )
        )
    }
    bases = dict(
        session.execute(
            select(EmissionsReport.holder_id, EmissionsReport.confirmed_emissions).where(
                EmissionsReport.holder_id.in_(holder_ids),
                EmissionsReport.period == Period.BASE,
                EmissionsReport.confirmed_emissions.is_not(None),
            )
        ).all()
    )
    issues = set(
        session.scalars(
            select(Movement.holder_id).where(Movement.holder_id.in_(holder_ids), standing_issues.stands())
        )
    )
    return {
        holder_id: TargetFacts(
            base=bases.get(holder_id),
            confirmed=live.get((holder_id, TargetState.CONFIRMED)),
            proposed=live.get((holder_id, TargetState.PROPOSED)),
            issue=holder_id in issues,
        )
        for holder_id in holder_ids
    }


def figures_of(facts: TargetFacts) -> dict[str, Any]:
    """What a page says beside a holder's target, as ``shown`` marks it. t-CO2."""
    return {"base": facts.base, "current": facts.current}


def judge(facts: TargetFacts, quantity: int) -> list[Problem]:
    """Why ``quantity`` t-CO2 cannot become the holder's confirmed target; pure, all of it at once."""
    found = []
    if facts.issue:
        found.append(Problem(Refusal.TARGET_ISSUED, "quantity"))
    if facts.current == quantity:
        found.append(Problem(Refusal.TARGET_SAME, "quantity"))
    if facts.base is not None and quantity >= facts.base:
        found.append(Problem(Refusal.TARGET_ABOVE_BASE, "quantity", {"base": facts.base}))
    return found


def propose_target(
    session: Session,
    holder_id: int,
    quantity: str | int | None,
    *,
    actor: User,
    key: str | None = None,
    tell: bool = True,
    reason: str | None = None,
    seen: str | None = None,
) -> ReductionTarget:
    """Propose ``quantity`` t-CO2 as the holder's reduction target, or in the place of the confirmed one.

    ``reason`` is needed where a confirmed target is to be replaced. Without ``tell`` no mail is sent: a bulk
    import sends one for all its targets. Raises ``Refused`` with everything against it: what is wrong with
    the quantity, TARGET_EXISTS, what :func:`judge` finds, REASON_NEEDED; or with FIGURES_CHANGED if the page
    said other figures (``seen``: the mark of :func:`figures_of`).
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"holder": holder_id, "quantity": str(quantity)}
    if reason:
        content["reason"] = reason
    # locked before the key is looked up: of two presses at once the second finds the first's answer
    holder = access.get_visible(session, Holder, holder_id, actor, lock=True)
    made = once.earlier(session, key, "propose_target", content, actor=actor)
    if made is not None:
        return access.get_visible(session, ReductionTarget, made, actor)
    facts = facts_for(session, [holder.id])[holder.id]
    amount, why = _judged(facts, quantity, reason)
    shown.expect(seen, figures_of(facts))
    target = ReductionTarget(
        holder_id=holder.id,
        quantity=amount,
        state=TargetState.PROPOSED,
        reason=why,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(target)
    audit.record(
        session,
        EventTag.TARGET_PROPOSED,
        target,
        actor=actor,
        holder_id=holder.id,
        reason=why,
        before=facts.current,
        after=amount,
    )
    once.remember(session, key, "propose_target", content, target.id, actor=actor)
    if tell:
        notify(session, MailKind.TARGET_TO_CONFIRM, holder=holder, actor=actor, row=target, quantity=amount)
    return target


def _judged(facts: TargetFacts, quantity: str | int | None, reason: str | None) -> tuple[int, str | None]:
    """The quantity and the reason as they are kept, or everything against the proposal."""
    problems: list[Problem] = []
    amount, why = None, None
    try:
        amount = parse_quantity(quantity)
    except PortalError as error:
        problems += error.problems
    if facts.proposed is not None:
        problems.append(Problem(Refusal.TARGET_EXISTS, "quantity"))
    problems += judge(facts, amount) if amount is not None else []
    try:
        why = workflow.clean_reason(reason, needed=facts.confirmed is not None)
    except PortalError as error:
        problems += error.problems
    if problems or amount is None:
        raise Refused(*problems)
    return amount, why


@dataclass(frozen=True)
class TargetLine:
    """A proposed target as a page lists it before it is confirmed. Figures in t-CO2 and units."""

    target: ReductionTarget
    facts: TargetFacts
    #: why this reader cannot confirm it now; empty if he may
    problems: tuple[Problem, ...]

    @property
    def issue(self) -> int | None:
        """What would be issued: base − target; unknown until the base year is approved."""
        return self.facts.base - self.target.quantity if self.facts.base is not None else None


def lines(session: Session, target_ids: Collection[int], *, actor: User) -> list[TargetLine]:
    """Each of the targets, by account, with everything against confirming it; the same for page and lock."""
    found = session.scalars(_read(target_ids)).all()
    return _lines(session, sorted(found, key=lambda one: one.holder.account.id), actor)


def _read(target_ids: Collection[int]) -> Select[ReductionTarget]:
    holder = joinedload(ReductionTarget.holder)
    return (
        select(ReductionTarget)
        .where(ReductionTarget.id.in_(target_ids))
        .options(
            holder.joinedload(Holder.account),
            holder.joinedload(Holder.representative),
            holder.joinedload(Holder.phase),
            joinedload(ReductionTarget.proposed_by),
        )
        .order_by(ReductionTarget.id)
    )


def _lines(session: Session, found: Collection[ReductionTarget], actor: User) -> list[TargetLine]:
    facts = facts_for(session, [one.holder_id for one in found])
    issued = four_eyes.issued_to(session, [actor.id, *(one.proposed_by_id for one in found)])

    def line(one: ReductionTarget) -> TargetLine:
        known = facts[one.holder_id]
        return TargetLine(one, known, tuple(_against(session, one, known, issued, actor)))

    return [line(one) for one in found]


def _against(
    session: Session, target: ReductionTarget, facts: TargetFacts, issued: four_eyes.Issued, actor: User
) -> list[Problem]:
    if target.state is not TargetState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    problems = four_eyes.problems(
        session, target.proposed_by, actor, proposed_at=target.proposed_at, issued=issued
    )
    return problems + [Problem(one.refusal, None, one.figures) for one in judge(facts, target.quantity)]


def confirm_target(
    session: Session,
    target_id: int,
    *,
    actor: User,
    version: int | None = None,
    seen: str | None = None,
) -> ReductionTarget:
    """Confirm a proposed target as another person than its proposer, who must be active (safety 8).

    The confirmed target before it, if any, is superseded. Raises ``Refused`` with everything against it, or
    with FIGURES_CHANGED if the page said other figures (``seen``: the mark of :func:`figures_of`).
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    target = access.get_visible(session, ReductionTarget, target_id, actor)
    (line,) = _locked(session, {target.id: version}, actor)
    if line.problems:
        raise Refused(*line.problems)
    shown.expect(seen, figures_of(line.facts))
    _confirm(session, line, actor)
    return target


def figures_of_lines(found: Iterable[TargetLine]) -> dict[str, Any]:
    """The same of many targets that are confirmed together."""
    return {str(line.target.id): figures_of(line.facts) for line in found}


def confirm_targets(
    session: Session, versions: Mapping[int, int], *, actor: User, seen: str | None = None
) -> list[ReductionTarget]:
    """Confirm many targets at once, all or none; ``versions``: target id → the version the page showed.

    Each is an act of its own: event, mail, superseding. Raises ``Stale`` for an old page, or ``Refused``
    with NOTHING_CHOSEN, with ROWS_REFUSED naming the accounts and every reason, or with FIGURES_CHANGED
    (``seen``: the mark of :func:`figures_of_lines`).
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    if not versions or len(versions) > MOST_AT_ONCE:
        raise Refused(Problem(Refusal.NOTHING_CHOSEN, None, {"limit": MOST_AT_ONCE}))
    found = _locked(session, versions, actor)
    refused = [line for line in found if line.problems]
    if refused:
        accounts = [line.target.holder.account.code for line in refused]
        reasons = dict.fromkeys(problem.refusal for line in refused for problem in line.problems)
        first = {p.refusal: p for line in reversed(refused) for p in line.problems}
        named = Problem(Refusal.ROWS_REFUSED, None, {"rows": tuple(accounts)})
        raise Refused(named, *(first[one] for one in reasons))
    shown.expect(seen, figures_of_lines(found))
    known = known_logins(session, holders=[line.target.holder_id for line in found])
    for line in found:
        _confirm(session, line, actor, known)
    return [line.target for line in found]


def _locked(session: Session, versions: Mapping[int, int | None], actor: User) -> list[TargetLine]:
    """The targets and their accounts, locked in id order, and judged.

    An issue is proposed under the account's lock: whoever comes second finds what the first has done.
    """
    targets = session.scalars(
        _read(versions.keys()).with_for_update(of=ReductionTarget).execution_options(populate_existing=True)
    ).all()
    if len(targets) != len(versions):
        raise Stale
    for target in targets:
        workflow.expect_version(target, versions[target.id])
    ledger.lock_accounts(session, *(target.holder.account.id for target in targets))
    return _lines(session, targets, actor)


def _confirm(session: Session, line: TargetLine, actor: User, known: KnownLogins | None = None) -> None:
    target, old = line.target, line.facts.confirmed
    now = clock.now()
    if old is not None:
        old.superseded_at = now
        audit.record(
            session,
            EventTag.TARGET_SUPERSEDED,
            old,
            actor=actor,
            holder_id=old.holder_id,
            reason=target.reason,
            before=old.quantity,
            after=target.quantity,
        )
    target.confirmed_by_id = actor.id
    target.confirmed_at = now
    workflow.advance(
        session,
        transitions.TARGET,
        target,
        "confirm",
        actor=actor,
        holder_id=target.holder_id,
        quantity=target.quantity,
    )
    notify(
        session,
        MailKind.TARGET_CONFIRMED,
        holder=target.holder,
        actor=actor,
        known=known,
        quantity=target.quantity,
    )


def withdraw_target(
    session: Session, target_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> ReductionTarget:
    """End a proposed target: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    target = access.get_visible(session, ReductionTarget, target_id, actor, lock=True)
    action, why = proposal_ends.way_out(
        session, transitions.TARGET, target, actor=actor, reason=reason, version=version
    )
    workflow.advance(
        session,
        transitions.TARGET,
        target,
        action,
        actor=actor,
        reason=why,
        holder_id=target.holder_id,
        quantity=target.quantity,
    )
    what = (f"削減目標量 {target.quantity:,} t-CO2", f"reduction target of {target.quantity:,} t-CO2")
    proposal_ends.tell(session, target, what, actor=actor, reason=why, holder=target.holder)
    return target
