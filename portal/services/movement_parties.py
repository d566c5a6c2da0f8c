"""Whose movement it is: the mover, both accounts with their lock, and whoever is told about it (domain §5).

One statement finds the actor's account and the other one, with the logins that read about them, and
locks both in the order of their numbers, the other one only against change. Plain values, no mapped rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, Select, Subquery, and_, bindparam, func, or_, select, true, union_all
from sqlalchemy.orm import Session, aliased

from portal.models import Account, AccountKind, AccountState, Holder, Organisation, Trader, User
from portal.models.base import BigId
from portal.permissions import Role
from portal.services.compiled import compiled


@dataclass(frozen=True)
class Login:
    """Somebody who may be told, as :mod:`portal.services.mail` reads a login."""

    id: int
    login_id: str
    role: Role
    name: str
    email: str | None
    locale: str


@dataclass(frozen=True)
class Party:
    """One account of a movement, with its owner's name and the logins that read about it."""

    id: int
    kind: AccountKind
    state: AccountState
    name: str
    holder_id: int | None
    trader_id: int | None
    label: str
    logins: tuple[Login, ...]

    @property
    def code(self) -> str:
        return f"AST-{self.id}"


@dataclass(frozen=True)
class Mover:
    """Who moves: the login as the database knows it now."""

    id: int
    role: Role
    usable: bool


@dataclass(frozen=True)
class Parties:
    """The mover, the own account and the one it moves to, if there is such an account."""

    mover: Mover
    source: Party
    target: Party | None


def parties(session: Session, actor_id: int, target_number: int) -> Parties | None:
    """The accounts of a movement, locked in number order; ``None`` if the actor owns none.

    ``target_number`` need not exist.
    """
    rows = _PARTIES.run(session, {"actor": actor_id, "target": target_number})
    if not rows:
        return None
    first = rows[0]
    mover = Mover(first.actor_id, Role(first.actor_role), bool(first.active) and first.locked_at is None)
    found: dict[int, Party] = {}
    for row in rows:
        if row.id not in found:
            logins = tuple(
                Login(one.user_id, one.login_id, Role(one.role), one.user_name, one.email, one.locale)
                for one in rows
                # an address of blanks is none, as the mails say (mail.notify)
                if one.id == row.id and one.user_id is not None and (one.email or "").strip()
            )
            found[row.id] = _party(row, logins)
    own = [one for one in found.values() if _owns(first, one)]
    if len(own) != 1:
        return None
    return Parties(mover, own[0], found.get(target_number))


def _owns(actor: Any, party: Party) -> bool:
    if actor.actor_holder_id is not None:
        return bool(party.holder_id == actor.actor_holder_id)
    return actor.actor_trader_id is not None and bool(party.trader_id == actor.actor_trader_id)


def _party(row: Any, logins: tuple[Login, ...]) -> Party:
    label = "　".join(part for part in (row.company, row.site_name) if part)
    return Party(
        id=row.id,
        kind=AccountKind(row.kind),
        state=AccountState(row.state),
        name=row.name,
        holder_id=row.holder_id,
        trader_id=row.trader_id,
        label=f"AST-{row.id}　{label}",
        logins=logins,
    )


def _locked_accounts(actor: CTE) -> Subquery:
    """Both accounts, locked in the order of their numbers: the own one against everybody, the other one
    only against whoever would change it.

    So many may pay into one account at the same time: what they move there is added up in the one queue
    behind the chain's head. No figure of that account is judged, but what it is and whether it is open.
    """
    target, owned = bindparam("target", type_=BigId), aliased(Account, name="owned")
    # no account changes its owner, so that its number may be read before the lock
    mine = (
        select(owned.id.label("id"))
        .join(actor, or_(owned.holder_id == actor.c.holder_id, owned.trader_id == actor.c.trader_id))
        .cte("mine")
    )
    number = select(func.min(mine.c.id)).scalar_subquery()
    columns = (getattr(Account, name) for name in ("id", "kind", "state", "name", "holder_id", "trader_id"))
    one = select(*columns)

    def after(earlier: CTE) -> Any:
        # asks for the earlier lock, so that it is taken first; a count is never below zero
        return select(func.count()).select_from(earlier).scalar_subquery() >= 0

    below = one.where(Account.id == target, Account.id < number).with_for_update(read=True).cte("below")
    own = one.where(Account.id == number, after(below)).with_for_update().cte("own")
    above = one.where(Account.id == target, Account.id > number, after(own))
    last = above.with_for_update(read=True).cte("above")
    return union_all(select(below), select(own), select(last)).subquery("account")


def _parties() -> Select[*tuple[Any, ...]]:
    login, owner, company = aliased(User, name="login"), aliased(Holder), aliased(Organisation)
    actor = (
        select(User.id, User.role, User.active, User.locked_at, User.holder_id, User.trader_id)
        .where(User.id == bindparam("actor", type_=BigId))
        .cte("actor")
    )
    account = _locked_accounts(actor)
    return (
        select(
            actor.c.id.label("actor_id"),
            actor.c.role.label("actor_role"),
            actor.c.active,
            actor.c.locked_at,
            actor.c.holder_id.label("actor_holder_id"),
            actor.c.trader_id.label("actor_trader_id"),
            *account.c,
            company.name.label("company"),
            owner.site_name,
            login.id.label("user_id"),
            login.login_id,
            login.role,
            login.name.label("user_name"),
            login.email,
            login.locale,
        )
        .select_from(actor)
        .join(account, true())
        .outerjoin(owner, owner.id == account.c.holder_id)
        .outerjoin(Trader, Trader.id == account.c.trader_id)
        .outerjoin(company, company.id == func.coalesce(owner.representative_id, Trader.organisation_id))
        .outerjoin(
            login,
            and_(
                or_(login.holder_id == account.c.holder_id, login.trader_id == account.c.trader_id),
                login.active,
                login.email.is_not(None),
            ),
        )
        .order_by(account.c.id, login.login_id)
    )


_PARTIES = compiled(_parties())
