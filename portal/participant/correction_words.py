"""What pages say of corrections that wait for another person of the office."""

from __future__ import annotations

from typing import NamedTuple

from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Account
from portal.services import corrections
from portal.web_text import number


class Waiting(NamedTuple):
    """A correction that waits, in words; ``code`` is what it corrects, whose receipt the owner may read."""

    code: str
    says: str
    reason: str
    #: the unit class of which the account's own units wait; none where units would come in
    holds: int | None


def waiting_of(account: Account) -> list[Waiting]:
    """The corrections about ``account`` that another person of the office has still to confirm."""
    found = []
    for one in corrections.waiting(db_session(), account):
        amount = f"{number(one.quantity)} {one.unit_class.unit_type.value}"
        says = (
            _(
                "事務局が、この口座から%(amount)sを戻す訂正を起案しました。確認されるまで、この量は動かせません。",
                amount=amount,
            )
            if one.source_id == account.id
            else _(
                "事務局が、この口座へ%(amount)sを戻す訂正を起案しました。確認されると、口座に入ります。",
                amount=amount,
            )
        )
        holds = one.unit_class_id if one.source_id == account.id else None
        found.append(Waiting(f"T-{one.reverses_id:06d}", says, one.reason or "", holds))
    return found
