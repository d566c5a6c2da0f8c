"""Scenes of phase 1's leftover units: one carry-over decided by two persons, one application that waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from portal.models import Holder
from portal.services import banking, issuance
from portal.services.demo.stage import Stage, tokyo

#: units, told apart from every other figure of the demonstration
_CARRIED, _WAITING = 97, 83


def leftovers(stage: Stage) -> Iterator[datetime]:
    """In phase 1's banking window: the first holder's units were carried over, the second's were not yet."""
    first, second = (stage.session.get_one(Holder, number) for number in stage.earlier_holders[:2])
    yield tokyo("2015-01-08 10:10")
    row = stage.play(
        banking.apply, stage.session, str(_CARRIED), key=stage.key(), actor=stage.login_of(first)
    )
    yield tokyo("2015-01-13 11:00")
    made = stage.play(
        banking.propose,
        stage.session,
        row.id,
        version=row.version,
        key=stage.key(),
        actor=stage.officer(),
    )
    yield tokyo("2015-01-14 14:20")
    stage.play(issuance.confirm, stage.session, made.id, version=made.version, actor=stage.approver())
    yield tokyo("2015-01-29 16:40")
    stage.play(banking.apply, stage.session, str(_WAITING), key=stage.key(), actor=stage.login_of(second))
