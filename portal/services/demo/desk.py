"""Scenes of the office's desk: contact changes in every state, and the mail of the past years."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from portal import clock
from portal.models import Trader
from portal.services import consent, contacts, outbox
from portal.services.demo.stage import Stage, tokyo
from portal.services.outbox import OpenSession
from portal.services.transports import NotTaken, Outgoing

#: the address whose mail comes back in the demonstration
BROKEN_ADDRESS = "a5@holder.example"
BROKEN_SINCE = tokyo("2015-10-01 00:00")


def contact_changes(stage: Stage) -> None:
    """Two wait, one was accepted, one was declined."""
    for number, position in enumerate((5, 12, 17, 23)):
        stage.at("2015-10-06 11:00", days=2 * number)
        holder = stage.holder(position)
        old = contacts.present(holder)
        new = replace(
            old,
            department="環境推進部",
            telephone=f"03-0000-7{number:03d}",
            mail=f"new{position}@holder.example",
        )
        change = stage.play(
            contacts.apply_for_change,
            stage.session,
            new,
            actor=stage.login_of(holder),
            key=stage.key(),
        )
        if number == 0:
            stage.play(contacts.accept_change, stage.session, change.id, actor=stage.officer())
        if number == 1:
            why = "電話番号が使われていません。確かめてから、もう一度申請してください。"
            stage.play(contacts.decline_change, stage.session, change.id, why, actor=stage.officer())


def consents(stage: Stage) -> None:
    """A holder withdrew its consent itself; the office recorded a trader's from the telephone."""
    stage.at("2015-10-09 16:20")
    holder = stage.holder(47)
    stage.play(consent.change_own, stage.session, False, actor=stage.login_of(holder), key=stage.key())
    stage.at("2015-10-13 10:40")
    why = "担当者から電話で申し出がありました。10月13日、事務 一子が受けました。"
    trader = stage.trader(4)
    stage.play(
        consent.record, stage.session, Trader, trader.id, False, why, actor=stage.officer(), key=stage.key()
    )


class _Past:
    """Mail of the past years: it is taken as sent, but for one address that stopped working."""

    def send(self, outgoing: Outgoing) -> None:
        if outgoing.recipient == BROKEN_ADDRESS and outgoing.created_at >= BROKEN_SINCE:
            raise NotTaken("550 5.1.1 no such user")

    def close(self) -> None:
        """Nothing is open."""


def deliver_past_mail(open_session: OpenSession) -> None:
    """Let everything queued leave as of the evening before; one address fails for good."""
    transport, moment = _Past(), tokyo("2015-10-14 17:00")
    for step in range(outbox.LAST_TRY + 1):
        clock.set_time(moment + timedelta(minutes=61 * step))
        while outbox.deliver(open_session, transport, limit=500).sent:
            pass
