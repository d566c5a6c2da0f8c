"""The small scheme with an open market, ready for campaigns of processes."""

from __future__ import annotations

from dataclasses import dataclass

from portal.extensions import make_engine, make_session
from portal.models import User
from portal.services import issuance
from portal.services.transaction import one_transaction
from tests.campaigns import ledger_machine
from tests.factories.ledger_cast import Cast
from tests.factories.ledger_model import Model
from tests.factories.small_scheme import small_scheme

#: jVER of the first trader, beside what the machine's opening gives
PLENTY = 1_000_000


@dataclass(frozen=True)
class World:
    """A database with accounts that hold units, as plain values; nobody is connected to it."""

    url: str
    cast: Cast
    model: Model

    @property
    def reserves(self) -> dict[int, int]:
        """What each holder must keep of its own JAA, by account."""
        return {account: self.model.reserve(account) for account in self.cast.holders}


def open_world(url: str, *, plenty: bool = True, unissued: int = 0) -> World:
    """Make the small scheme in a migrated database and open its market.

    ``plenty``: the first trader gets a million jVER, which the model does not know. ``unissued``: holders
    of phase 3 that wait for their issue.
    """
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        cast = small_scheme(session, unissued=unissued)
    engine.dispose()
    world = World(url, cast, ledger_machine.opened(url, cast))
    if not plenty:
        return world
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        maker, checker = (session.get_one(User, number) for number in (cast.proposers[0], cast.approvers[0]))
        trader = f"AST-{next(iter(cast.traders))}"
        given = issuance.propose_jver(session, trader, PLENTY, "申請", key="plenty", actor=maker)
        issuance.confirm(session, given.id, version=given.version, actor=checker)
    engine.dispose()
    return world
