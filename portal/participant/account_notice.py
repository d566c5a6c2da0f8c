"""What the owner of a suspended or closed account must know first; not for login B (domain §2)."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Account, AccountKind, AccountState
from portal.services import account_life
from portal.web_text import day


@dataclass(frozen=True)
class Notice:
    """A banner: its tone, head and sentences."""

    tone: str
    head: str
    text: tuple[str, ...]


def notice_of(account: Account) -> Notice | None:
    """What to say of the account's state, with the reason; nothing of an open one."""
    if account.state is AccountState.OPEN:
        return None
    change = account_life.last_change(db_session(), account.id)
    since = day(change.confirmed_at) if change is not None and change.confirmed_at is not None else ""
    words = {"account": account.code, "day": since}
    if account.state is AccountState.SUSPENDED:
        head = _("口座%(account)sは、%(day)sから停止されています", **words)
        text = (
            _("停止中は、排出枠を受け取れますが、移転・償却・取消・オフセットはできません。")
            if account.kind is AccountKind.COMPLIANCE
            else _("停止中は、排出枠を受け取れますが、移転・取消・オフセットはできません。")
        )
    else:
        head = _("口座%(account)sは、%(day)sに閉鎖されました", **words)
        text = _("排出枠を受け取ることも動かすこともできません。")
    why = (_("理由：%(reason)s", reason=change.reason),) if change is not None else ()
    return Notice(
        "warn" if account.state is AccountState.SUSPENDED else "bad",
        head,
        (
            text,
            *why,
            _("残高と履歴は、これまでどおり見られます。ご不明な点は、事務局にお問い合わせください。"),
        ),
    )
