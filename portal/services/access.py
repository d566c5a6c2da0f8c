"""Row scope: whose row is it. Another participant's row does not exist for you (domain §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound
from portal.models import (
    Account,
    BankingApplication,
    Contact,
    ContactChange,
    EmissionsReport,
    Holder,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    ReportFile,
    ReviewDocument,
    ReviewSide,
    Trader,
    User,
    VerificationReport,
    Verifier,
    VerifierAssignment,
)
from portal.permissions import SECRETARIAT, Permission, Role, may

R = TypeVar("R")
Scope = Callable[[User], Any]


def check(actor: User | None, permission: Permission) -> User:
    """The actor, if it may act at all and holds ``permission``; else :class:`NotAllowed`.

    A disabled or locked login does nothing more, whatever page it still has open.
    """
    if actor is None:
        raise NotAllowed
    check_login(actor.usable, actor.role, permission)
    return actor


def check_login(usable: bool, role: Role, permission: Permission) -> None:
    """The same question about a login whose row is no mapped one."""
    if not usable or not may(role, permission):
        raise NotAllowed


def _reports(actor: User) -> Any:
    if actor.holder_id is not None:
        return EmissionsReport.holder_id == actor.holder_id
    if actor.verifier_id is not None:
        assigned = select(VerifierAssignment.report_id).where(
            VerifierAssignment.verifier_id == actor.verifier_id, VerifierAssignment.ended_at.is_(None)
        )
        return EmissionsReport.id.in_(assigned)
    return false()


def _verifications(actor: User) -> Any:
    """A verifier sees its own verification reports only: what another found is no part of its work."""
    assigned = VerificationReport.report_id.in_(select(EmissionsReport.id).where(_reports(actor)))
    if actor.verifier_id is not None:
        return assigned & (VerificationReport.verifier_id == actor.verifier_id)
    return assigned


def _review_documents(actor: User) -> Any:
    """A verifier sees the office's questions and its own answers, not those of a verifier before."""
    assigned = ReviewDocument.report_id.in_(select(EmissionsReport.id).where(_reports(actor)))
    if actor.verifier_id is not None:
        people = select(User.id).where(User.verifier_id == actor.verifier_id)
        theirs = ReviewDocument.side == ReviewSide.SECRETARIAT
        return assigned & (theirs | ReviewDocument.sent_by_id.in_(people))
    return assigned


def _of_report(column: Any) -> Scope:
    return lambda actor: column.in_(select(EmissionsReport.id).where(_reports(actor)))


def own_account(actor: User) -> Any:
    """The condition for the accounts an actor may see the figures of; login B: none."""
    if not may(actor.role, Permission.ALLOWANCE_OWN_VIEW):
        return false()
    if actor.holder_id is not None:
        return Account.holder_id == actor.holder_id
    if actor.trader_id is not None:
        return Account.trader_id == actor.trader_id
    return false()


def _accounts_of(actor: User) -> Any:
    return select(Account.id).where(own_account(actor))


def _contact(actor: User) -> Any:
    if actor.holder_id is not None:
        return Contact.id.in_(select(Holder.contact_id).where(Holder.id == actor.holder_id))
    if actor.trader_id is not None:
        return Contact.id.in_(select(Trader.contact_id).where(Trader.id == actor.trader_id))
    if actor.verifier_id is not None:
        return Contact.id.in_(select(Verifier.contact_id).where(Verifier.id == actor.verifier_id))
    return false()


_SCOPES: dict[type[Any], Scope] = {
    Holder: lambda actor: Holder.id == actor.holder_id if actor.holder_id is not None else false(),
    Trader: lambda actor: Trader.id == actor.trader_id if actor.trader_id is not None else false(),
    Verifier: lambda actor: Verifier.id == actor.verifier_id if actor.verifier_id is not None else false(),
    EmissionsReport: _reports,
    ReportFile: _of_report(ReportFile.report_id),
    VerificationReport: _verifications,
    ReviewDocument: _review_documents,
    Account: own_account,
    Movement: lambda actor: or_(
        Movement.source_id.in_(_accounts_of(actor)), Movement.target_id.in_(_accounts_of(actor))
    ),
    LedgerTransaction: lambda actor: LedgerTransaction.id.in_(
        select(LedgerEntry.transaction_id).where(LedgerEntry.account_id.in_(_accounts_of(actor)))
    ),
    LedgerEntry: lambda actor: LedgerEntry.account_id.in_(_accounts_of(actor)),
    Contact: _contact,
    ContactChange: lambda actor: ContactChange.contact_id.in_(select(Contact.id).where(_contact(actor))),
    BankingApplication: lambda actor: (
        BankingApplication.holder_id == actor.holder_id
        if may(actor.role, Permission.ALLOWANCE_OWN_VIEW) and actor.holder_id is not None
        else false()
    ),
}


def visible(model: type[R], actor: User) -> Select[R]:
    """A select of the rows of ``model`` that exist for ``actor``.

    The secretariat sees all (its pages name their own permission); a model without a scope
    shows nothing to anybody else.
    """
    query = select(model)
    if actor.role in SECRETARIAT:
        return query
    scope = _SCOPES.get(model)
    return query.where(scope(actor) if scope is not None else false())


def get_visible(session: Session, model: type[R], row_id: int, actor: User, *, lock: bool = False) -> R:
    """The row, if it exists for ``actor``; else :class:`NotFound` (404, never 403).

    ``lock`` takes it FOR UPDATE on PostgreSQL and re-reads it; SQLite is already alone.
    """
    query = visible(model, actor).where(model.id == row_id)  # type: ignore[attr-defined]
    asked = query
    if lock:
        query = query.with_for_update(of=model).execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    # whoever had to wait for the lock may have lost the row meanwhile: PostgreSQL looks again at the row
    # alone, not at what makes it visible
    if row is None or (lock and actor.role not in SECRETARIAT and session.scalar(asked) is None):
        raise NotFound
    return row
