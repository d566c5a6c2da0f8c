"""What processes of the office do in campaigns: each act a few forms, each of which may be sent again.

A step that makes something carries its key; a step that confirms looks first whether it was confirmed, as
somebody does who comes back to the page after the connection broke.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import (
    BankingApplication,
    DecisionState,
    IssueBatch,
    IssueBatchState,
    LedgerTransaction,
    Movement,
    MovementKind,
    MovementState,
    User,
)
from portal.services import allowances, banking, issuance, issue_batches
from portal.services.allowances import Request
from tests.factories.ledger_cast import JAA, JVER, Cast

#: inside the banking window of the small scheme
IN_THE_WINDOW = "2015-12-10 09:00"


@dataclass(frozen=True)
class Wish:
    """One act: what, for which accounts, how many units, and the key its forms carry."""

    what: str
    key: str
    accounts: tuple[int, ...]
    quantity: int = 1


#: (session, who is there, the wish, what the steps before answered) → its answer: the number of a row
Step = Callable[[Session, Cast, Wish, Sequence[int]], int]


def _officer(session: Session, cast: Cast) -> User:
    return session.get_one(User, cast.proposers[0])


def _approver(session: Session, cast: Cast) -> User:
    return session.get_one(User, cast.approvers[0])


def _owner(session: Session, cast: Cast, account: int) -> User:
    facts = cast.holders.get(account)
    return session.get_one(User, facts.login if facts is not None else cast.traders[account])


def _transfer(session: Session, cast: Cast, wish: Wish, _before: Sequence[int]) -> int:
    source, target = wish.accounts
    request = Request(MovementKind.TRANSFER, str(wish.quantity), f"AST-{target}", cast.classes[JVER])
    return allowances.move(session, request, key=wish.key, actor=_owner(session, cast, source)).id


def _propose_jver(session: Session, cast: Cast, wish: Wish, _before: Sequence[int]) -> int:
    (account,) = wish.accounts
    return issuance.propose_jver(
        session,
        f"AST-{account}",
        wish.quantity,
        "申請",
        key=f"{wish.key}-p",
        actor=_officer(session, cast),
    ).id


def _propose_correction(session: Session, cast: Cast, wish: Wish, before: Sequence[int]) -> int:
    """Of the movement that the step before made."""
    number = session.scalars(
        select(LedgerTransaction.id).where(LedgerTransaction.movement_id == before[-1])
    ).one()
    return issuance.propose_correction(
        session, number, "誤り", key=f"{wish.key}-p", actor=_officer(session, cast)
    ).id


def _confirm(session: Session, cast: Cast, _wish: Wish, before: Sequence[int]) -> int:
    movement = session.get_one(Movement, before[-1])
    if movement.state is MovementState.EXECUTED:
        return movement.id
    return issuance.confirm(session, movement.id, version=movement.version, actor=_approver(session, cast)).id


def _apply(session: Session, cast: Cast, wish: Wish, _before: Sequence[int]) -> int:
    (account,) = wish.accounts
    return banking.apply(
        session, str(wish.quantity), key=f"{wish.key}-a", actor=_owner(session, cast, account)
    ).id


def _propose_carry_over(session: Session, cast: Cast, wish: Wish, before: Sequence[int]) -> int:
    row = session.get_one(BankingApplication, before[-1])
    return banking.propose(
        session, row.id, version=row.version, key=f"{wish.key}-p", actor=_officer(session, cast)
    ).id


def _propose_batch(session: Session, cast: Cast, wish: Wish, _before: Sequence[int]) -> int:
    facts = {account: cast.holders[account] for account in wish.accounts}
    quantities = {cast.holder_ids[account]: one.due for account, one in facts.items()}
    phase = cast.phases[next(iter(facts.values())).phase]
    return issue_batches.propose(
        session, phase, quantities, key=f"{wish.key}-p", actor=_officer(session, cast)
    ).id


def _execute_batch(session: Session, cast: Cast, _wish: Wish, before: Sequence[int]) -> int:
    batch = session.get_one(IssueBatch, before[-1])
    if batch.state is IssueBatchState.EXECUTED:
        return batch.id
    return issue_batches.execute_all(
        session, batch.id, version=batch.version, actor=_approver(session, cast)
    ).id


STEPS: dict[str, tuple[Step, ...]] = {
    "transfer": (_transfer,),
    "jver": (_propose_jver, _confirm),
    "correction": (_transfer, _propose_correction, _confirm),
    "carry over": (_apply, _propose_carry_over, _confirm),
    "batch": (_propose_batch, _execute_batch),
}


def made_by(session: Session, wish: Wish, answers: Sequence[int]) -> list[int]:
    """The movements that the answers of an act's steps stand for, as far as it came."""
    posts = {"transfer": (0,), "jver": (1,), "correction": (0, 2), "carry over": (2,), "batch": (1,)}
    found = [answers[place] for place in posts[wish.what] if place < len(answers)]
    if wish.what != "batch":
        return found
    return list(session.scalars(select(Movement.id).where(Movement.batch_id.in_(found))))


def give_back(session: Session, cast: Cast, account: int) -> bool:
    """Let a holder take back an application that nobody could propose; whether there was one."""
    row = banking.open_application(session, cast.holder_ids[account])
    if row is None or row.movement_id is not None or row.state is not DecisionState.APPLIED:
        return False
    banking.withdraw(session, row.id, version=row.version, actor=_owner(session, cast, account))
    return True


def unissued(cast: Cast) -> list[int]:
    """The accounts that were made to be issued in batches."""
    return [account for account, facts in cast.holders.items() if facts.phase == 3 and facts.report is None]


def bankers(cast: Cast) -> list[int]:
    """The accounts whose holders may carry units over into the next phase."""
    return [account for account, facts in cast.holders.items() if facts.unit == JAA]
