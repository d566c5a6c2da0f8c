"""A participant's movement as it is written: made and executed in one act, with its event and its mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.util import identity_key

from portal.models import Movement, MovementKind, MovementState, User
from portal.services import ledger, mail, mail_words, posting
from portal.services.mail import MailKind
from portal.services.movement_parties import Mover, Party
from portal.services.transitions import MOVEMENT
from portal.services.workflow import allowed


@dataclass(frozen=True)
class Wanted:
    """What is to move; ``unit`` as it is printed."""

    kind: MovementKind
    unit_class_id: int
    unit: str
    unit_class: tuple[str, str]  # with its phase, as mails name it
    quantity: int
    note: str | None
    voluntary: bool
    key: str
    content_hash: str
    late: bool = False  # a retirement after its deadline
    number: int | None = None  # the movement's, where it was given out before the rules were judged


def make(
    session: Session, wanted: Wanted, mover: Mover, source: Party, target: Party, now: datetime
) -> Movement:
    """Write the movement, its posting, its event and its mails: the rules are judged, the accounts locked.

    ``now`` is the moment the rules were judged at. The answer's columns are read when somebody asks.
    """
    edge = allowed(MOVEMENT, MovementState.PROPOSED, "execute", mover.role)
    sides = [
        (source.id, wanted.unit_class_id, -wanted.quantity),
        (target.id, wanted.unit_class_id, wanted.quantity),
    ]
    ledger.assert_balanced(sides)
    movement_id = posting.carry_out(
        session,
        posting.Act(
            movement={
                "id": wanted.number,
                "kind": wanted.kind.value,
                "state": edge.to.value,
                "source_id": source.id,
                "target_id": target.id,
                "unit_class_id": wanted.unit_class_id,
                "quantity": wanted.quantity,
                "note": wanted.note,
                "voluntary": wanted.voluntary,
                "idempotency_key": wanted.key,
                "content_hash": wanted.content_hash,
                "proposed_by_id": mover.id,
                "proposed_at": now,
                "decided_by_id": mover.id,
                "decided_at": now,
                "version": 1,
            },
            sides=sides,
            event={
                "at": now,
                "tag": edge.tag.value,
                "actor_id": mover.id,
                "subject_type": Movement.__tablename__,
                "holder_id": source.holder_id or target.holder_id,
                "facts": {
                    "before": MovementState.PROPOSED.value,
                    "after": edge.to.value,
                    "kind": wanted.kind.value,
                    "quantity": wanted.quantity,
                    "source": source.code,
                    "target": target.code,
                },
            },
            mails=_mails(wanted, source, target),
            posted_at=now,
            posted_by_id=mover.id,
        ),
    )
    ledger.read_again(session, sides)
    return _read_later(session, movement_id)


def _read_later(session: Session, movement_id: int) -> Movement:
    """The movement without reading it: its columns come when somebody asks for them."""
    known = session.identity_map.get(identity_key(Movement, movement_id))
    if known is not None:
        # what a rolled-back try left: SQLite gives its number again
        session.expire(known)
        return known
    movement = Movement(id=movement_id)
    make_transient_to_detached(movement)
    session.add(movement)
    return movement


def _mails(wanted: Wanted, source: Party, target: Party) -> list[dict[str, Any]]:
    facts = {
        "movement_kind": mail_words.RETIRED_LATE if wanted.late else wanted.kind.value,
        "quantity": wanted.quantity,
        "unit": wanted.unit,
        "unit_class": wanted.unit_class,
        "source": source.code,
        "target": target.code,
        "source_name": source.name,
        "target_name": target.name,
        "ledger_number": posting.NUMBER_COMES,
    }
    found: list[dict[str, Any]] = []
    for kind, party in ((MailKind.MOVEMENT_EXECUTED, source), (MailKind.MOVEMENT_RECEIVED, target)):
        if party.logins:
            found += mail.rows(kind, party.logins, party.label, **facts)
    return found


def tell(session: Session, movement: Movement, code: str, actor: User) -> None:
    """Tell the owners of both sides of a movement that was posted under the ledger number ``code``."""
    facts: dict[str, Any] = {
        "movement_kind": movement.kind.value,
        "quantity": movement.quantity,
        "unit": movement.unit_class.unit_type.value,
        "unit_class": mail_words.units_of(movement.unit_class, movement.target_class),
        "source": movement.source.code,
        "target": movement.target.code,
        "source_name": movement.source.name,
        "target_name": movement.target.name,
        "ledger_number": code,
    }
    if movement.reverses_id is not None:
        facts |= {"corrects": f"T-{movement.reverses_id:06d}", "reason": movement.reason}
    for kind, account in (
        (MailKind.MOVEMENT_EXECUTED, movement.source),
        (MailKind.MOVEMENT_RECEIVED, movement.target),
    ):
        if kind is MailKind.MOVEMENT_RECEIVED and movement.source_id == movement.target_id:
            continue  # a carry-over stays in its account: told once
        if account.holder is not None or account.trader is not None:
            mail.notify(session, kind, holder=account.holder, trader=account.trader, actor=actor, **facts)
