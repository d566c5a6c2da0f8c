"""Factor tables by two persons: one proposes the whole table of a fiscal year, another confirms (domain §4).

Confirming supersedes the rows that change and tells the holders whose reports are not handed in yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused, Stale
from portal.models import (
    EmissionFactor,
    EmissionsReport,
    FactorProposal,
    Holder,
    Period,
    Phase,
    ProposalState,
    ReportState,
    User,
)
from portal.permissions import Permission
from portal.services import (
    access,
    audit,
    factor_rules,
    factors,
    four_eyes,
    once,
    proposal_days,
    proposal_ends,
    transitions,
    workflow,
)
from portal.services.audit import EventTag
from portal.services.factor_rules import FIRST_YEAR, LAST_YEAR, TypedRow
from portal.services.mail import MailKind, known_logins, notify
from portal.services.spreadsheets.form_types import Factor


def open_proposals(session: Session) -> dict[int, FactorProposal]:
    """The proposals that wait for another person, by fiscal year; at most one for each."""
    waiting = select(FactorProposal).where(FactorProposal.state == ProposalState.PROPOSED)
    return {row.fiscal_year: row for row in session.scalars(waiting)}


def proposals_of(session: Session, year: int) -> list[FactorProposal]:
    """Every proposal about ``year``, the newest first."""
    query = (
        select(FactorProposal).where(FactorProposal.fiscal_year == year).order_by(FactorProposal.id.desc())
    )
    people = joinedload(FactorProposal.proposed_by), joinedload(FactorProposal.confirmed_by)
    return list(session.scalars(query.options(*people)))


def sides(proposal: FactorProposal) -> tuple[tuple[Factor, ...], tuple[Factor, ...]]:
    """(the table in force when it was proposed, the table as it will be)."""
    before, after = proposal.content.get("before", []), proposal.content["rows"]
    return (
        tuple(factor_rules.from_stored(row) for row in before),
        tuple(factor_rules.from_stored(row) for row in after),
    )


def basis_of(rows: Sequence[EmissionFactor]) -> str:
    """What a page carries of the table it showed, so that a page older than the table is refused."""
    return f"{len(rows)}:{max((row.id for row in rows), default=0)}"


def propose(
    session: Session,
    year: int | None,
    rows: Sequence[TypedRow],
    *,
    reason: str,
    actor: User,
    basis: str | None = None,
    key: str | None = None,
) -> FactorProposal:
    """Propose ``rows`` as the whole factor table of fiscal year ``year``.

    Raises ``Stale`` if the table in force is no longer that of ``basis``, or ``Refused`` with everything
    against it, at its field: FACTOR_YEAR, what :func:`.factor_rules.judge` and :func:`.factor_rules.beside`
    find, NOTHING_CHANGED, FACTOR_PROPOSAL_OPEN, REASON_NEEDED.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    content = {"year": year, "rows": [vars(row) for row in rows], "reason": reason}
    once.hold(session, actor)
    made = once.earlier(session, key, "propose_factors", content, actor=actor)
    if made is not None:
        return access.get_visible(session, FactorProposal, made, actor)
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        figures = {"first": str(FIRST_YEAR), "last": str(LAST_YEAR)}
        raise Refused(Problem(Refusal.FACTOR_YEAR, "year", figures))
    now = factors.in_force(session, [year]).get(year, [])
    if basis is not None and basis != basis_of(now):
        raise Stale
    after, why = _judged(session, year, rows, factors.table_of(now), reason)
    row = FactorProposal(
        fiscal_year=year,
        content={
            "rows": [factor_rules.stored_row(factor) for factor in after],
            "before": [factors.vars_of(one) for one in now],
        },
        reason=why,
        state=ProposalState.PROPOSED,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
    )
    session.add(row)
    session.flush()
    audit.record(session, EventTag.FACTORS_PROPOSED, row, actor=actor, reason=why, **facts_of(row))
    until = proposal_days.ends_at(session, row)
    notify(session, MailKind.FACTORS_TO_CONFIRM, actor=actor, row=row, year=str(year), until=until)
    once.remember(session, key, "propose_factors", content, row.id, actor=actor)
    return row


def _judged(
    session: Session, year: int, rows: Sequence[TypedRow], now: tuple[Factor, ...], reason: str
) -> tuple[tuple[Factor, ...], str]:
    """The table and the reason as they are kept, or everything against the proposal."""
    good, problems = factor_rules.judge(rows)
    problems += _beside(session, year, good)
    after = tuple(good.values())
    if not problems and not any(change.changed for change in factor_rules.changes(now, after)):
        problems.append(Problem(Refusal.NOTHING_CHANGED))
    if year in open_proposals(session):
        problems.append(Problem(Refusal.FACTOR_PROPOSAL_OPEN, None, {"year": str(year)}))
    why = None
    try:
        why = workflow.clean_reason(reason, needed=True)
    except PortalError as error:
        problems += error.problems
    if problems or why is None:
        raise Refused(*_once(problems))
    return after, why


def _once(problems: Sequence[Problem]) -> list[Problem]:
    """The problems without those that say the same at the same field."""
    seen: dict[tuple[Refusal, str | None], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.refusal, problem.field), problem)
    return list(seen.values())


def _spans(session: Session, year: int) -> list[range]:
    """The base years of each phase that ``year`` is one of: their tables stand in one form."""
    found = session.execute(
        select(Phase.base_first_year, Phase.base_last_year)
        .where(Phase.base_first_year <= year, Phase.base_last_year >= year)
        .distinct()
    )
    return [range(first, last + 1) for first, last in found]


def _beside(session: Session, year: int, rows: Mapping[int, Factor]) -> list[Problem]:
    problems: list[Problem] = []
    for span in _spans(session, year):
        tables = factors.in_force(session, [other for other in span if other != year])
        found = factor_rules.beside(rows, {other: factors.table_of(table) for other, table in tables.items()})
        problems += [problem for problem in found if problem not in problems]
    return problems


def facts_of(row: FactorProposal) -> dict[str, Any]:
    """What the record keeps of a proposal: the year, and the codes of the rows that change."""
    changed = [change.code for change in factor_rules.changes(*sides(row)) if change.changed]
    return {"year": str(row.fiscal_year), "codes": changed}


def confirm_problems(session: Session, proposal: FactorProposal, actor: User) -> list[Problem]:
    """Why this person cannot confirm this proposal now; the page before the button asks the same."""
    if proposal.state is not ProposalState.PROPOSED:
        return [Problem(Refusal.WRONG_STATE)]
    found = four_eyes.problems(session, proposal.proposed_by, actor, proposed_at=proposal.proposed_at)
    found += proposal_days.problems(session, proposal)
    _before, after = sides(proposal)
    # another year's table may have changed meanwhile; there is no field here
    problems = _beside(session, proposal.fiscal_year, dict(enumerate(after)))
    return found + [Problem(one.refusal, None, one.figures) for one in problems]


def confirm(session: Session, proposal_id: int, *, actor: User, version: int | None = None) -> FactorProposal:
    """Confirm as another person than the proposer; then the table is in force, and holders are told.

    Raises ``NotAllowed``, ``Stale``, or ``Refused`` with what :func:`confirm_problems` finds under lock.
    """
    access.check(actor, Permission.TARGET_CONFIRM)
    row = access.get_visible(session, FactorProposal, proposal_id, actor, lock=True)
    workflow.expect_version(row, version)
    year = row.fiscal_year
    # the tables that stand beside it in a form are locked too: two confirmations see one another
    locked = factors.in_force(
        session, {year, *(one for span in _spans(session, year) for one in span)}, lock=True
    )
    problems = confirm_problems(session, row, actor)
    if problems:
        raise Refused(*problems)
    before, after = sides(row)
    if factors.table_of(locked.get(year, [])) != before:
        raise Stale  # the page showed another table beside the new one
    row.confirmed_by_id = actor.id
    row.confirmed_at = clock.now()
    workflow.advance(session, transitions.FACTOR_PROPOSAL, row, "confirm", actor=actor, **facts_of(row))
    factors.replace_table(session, year, after)
    if before:
        _tell_holders(session, year, actor)
    return row


def concerned(session: Session, year: int) -> list[EmissionsReport]:
    """The reports not handed in yet whose form holds the factors of ``year``; one query."""
    base = and_(
        EmissionsReport.period == Period.BASE, Phase.base_first_year <= year, Phase.base_last_year >= year
    )
    target = and_(EmissionsReport.period == Period.TARGET, Phase.target_year == year)
    adjustment = and_(EmissionsReport.period == Period.ADJUSTMENT, Phase.adjustment_year == year)
    holder = joinedload(EmissionsReport.holder)
    query = (
        select(EmissionsReport)
        .join(EmissionsReport.holder)
        .join(Holder.phase)
        .where(EmissionsReport.state == ReportState.NOT_SUBMITTED, or_(base, target, adjustment))
        .options(
            holder.joinedload(Holder.phase),
            holder.joinedload(Holder.account),
            holder.joinedload(Holder.representative),
        )
        .order_by(EmissionsReport.id)
    )
    return list(session.scalars(query))


def _tell_holders(session: Session, year: int, actor: User) -> None:
    reports = concerned(session, year)
    known = known_logins(session, holders=[report.holder_id for report in reports])
    for report in reports:
        notify(session, MailKind.FACTORS_CHANGED, report=report, actor=actor, known=known, year=str(year))


def withdraw(
    session: Session, proposal_id: int, *, actor: User, version: int | None = None, reason: str | None = None
) -> FactorProposal:
    """End a proposal: its proposer withdraws it, who could confirm it declines it with a reason.

    Raises what :func:`proposal_ends.way_out` finds.
    """
    access.check(actor, Permission.TARGET_PROPOSE)
    row = access.get_visible(session, FactorProposal, proposal_id, actor, lock=True)
    action, why = proposal_ends.way_out(
        session, transitions.FACTOR_PROPOSAL, row, actor=actor, reason=reason, version=version
    )
    workflow.advance(
        session,
        transitions.FACTOR_PROPOSAL,
        row,
        action,
        actor=actor,
        reason=why,
        **facts_of(row),
    )
    proposal_ends.tell(session, row, words_of(row), actor=actor, reason=why)
    return row


def words_of(row: FactorProposal) -> tuple[str, str]:
    """What mails call the proposal."""
    year = row.fiscal_year
    return f"{year}年度の排出係数の変更", f"change of the emission factors of FY{year}"
