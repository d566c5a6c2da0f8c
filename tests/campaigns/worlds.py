"""The small scheme with an open market, ready for campaigns of processes."""

from __future__ import annotations

from dataclasses import dataclass

from portal.extensions import make_engine, make_session
from portal.services.transaction import one_transaction
from tests.campaigns import ledger_machine
from tests.factories.ledger_model import Cast, Model, small_scheme


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


def open_world(url: str) -> World:
    """Make the small scheme in a migrated database and open its market."""
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        cast = small_scheme(session)
    engine.dispose()
    return World(url, cast, ledger_machine.opened(url, cast))
