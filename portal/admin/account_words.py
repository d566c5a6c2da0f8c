"""The life of an account in words: what a step does, what a state allows."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.errors import Amount
from portal.models import Account, AccountAction
from portal.services.account_life import Ability
from portal.web_text import locale_name

#: the button of each step
PROPOSE: dict[AccountAction, Any] = {
    AccountAction.SUSPEND: _l("停止を起案する"),
    AccountAction.RESUME: _l("再開を起案する"),
    AccountAction.CLOSE: _l("閉鎖を起案する"),
}
CONFIRM: dict[AccountAction, Any] = {
    AccountAction.SUSPEND: _l("口座を停止する"),
    AccountAction.RESUME: _l("口座を再開する"),
    AccountAction.CLOSE: _l("口座を閉鎖する"),
}
DONE: dict[AccountAction, Any] = {
    AccountAction.SUSPEND: _l("口座を停止しました。"),
    AccountAction.RESUME: _l("口座を再開しました。"),
    AccountAction.CLOSE: _l("口座を閉鎖しました。"),
}
ABILITIES: dict[Ability, Any] = {
    Ability.READ: _l("残高・履歴・報告書を見る"),
    Ability.RECEIVE: _l("ほかの口座から移転を受け取る"),
    Ability.BE_ISSUED: _l("JAA・jVERの発行を受ける"),
    Ability.BE_CORRECTED_TO: _l("訂正で戻る排出枠を受け取る"),
    Ability.MOVE: _l("移転・取消・オフセットをする"),
    Ability.RETIRE: _l("償却する"),
    Ability.BANK: _l("バンキングで次の期へ繰り越す"),
    Ability.BE_CORRECTED_FROM: _l("訂正で排出枠を戻す"),
    Ability.BE_FOUND: _l("担当者リストに載る（公開に同意しているとき）"),
    Ability.CHANGE_CONTACT: _l("担当者の変更を申請する"),
    Ability.GET_LETTERS: _l("通知書でパスワードの再発行を受ける"),
}


def says(account: Account, action: AccountAction) -> str:
    """What the step does, in one sentence."""
    words = {"account": account.code, "name": account.name}
    if action is AccountAction.SUSPEND:
        return _("口座%(account)s（%(name)s）を停止します。", **words)
    if action is AccountAction.RESUME:
        return _("口座%(account)s（%(name)s）の停止を解き、もとのように使えるようにします。", **words)
    return _("口座%(account)s（%(name)s）を閉鎖します。", **words)


def means(action: AccountAction) -> str:
    """What changes for the owner."""
    if action is AccountAction.SUSPEND:
        return _("停止中は、排出枠を受け取れますが、口座から動かせません。")
    if action is AccountAction.RESUME:
        return _("移転・償却・取消・オフセットが、またできるようになります。")
    return _("排出枠を受け取ることも動かすこともできなくなります。ログインIDは、閲覧のために残ります。")


def left_behind(left: tuple[Amount, ...]) -> list[str]:
    """What stays in an account that is closed, because it cannot move any more; nothing if nothing does."""
    if not left:
        return []
    units = _("、").join(one.shown(locale_name()) for one in left)
    return [_("口座に残る%(units)sは、もう動かせないため、そのまま残ります。", units=units)]
