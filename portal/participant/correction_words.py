"""What pages and files say of corrections: what was corrected, what corrects it, what still waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Account
from portal.services import corrections
from portal.services.statements import Line
from portal.web_text import number


def of_line(line: Line, corrected: Mapping[int, str]) -> str:
    """T-000105の訂正, or T-000107で訂正されました; nothing of most lines."""
    if line.reverses_id is not None:
        return _("%(code)sの訂正", code=f"T-{line.reverses_id:06d}")
    code = corrected.get(line.transaction_id)
    return was_corrected(code) if code else ""


def was_corrected(code: str) -> str:
    """The same of one posting whose correction has this ledger number."""
    return _("%(code)sで訂正されました", code=code)


class Waiting(NamedTuple):
    """A correction that waits, in words; ``code`` is what it corrects, whose receipt the owner may read."""

    code: str
    says: str
    reason: str


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
        found.append(Waiting(f"T-{one.reverses_id:06d}", says, one.reason or ""))
    return found
