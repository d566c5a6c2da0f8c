"""Proposed changes of accounts' states: the queue, and the second person's yes (domain §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.account_words import CONFIRM, DONE, left_behind, means, says
from portal.admin.acts import KeySearch
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.second_person import Confirmation, Proposals, ProposalView
from portal.extensions import db_session
from portal.models import AccountAction, AccountChange, ProposalState
from portal.permissions import Permission
from portal.services import account_life
from portal.web import actor
from portal.web_text import badge, label

#: what the second person's pages know of it; the account's own page offers the same steps
PROPOSALS = Proposals(
    endpoint="account_change",
    propose=Permission.ACCOUNT_PROPOSE,
    confirm=Permission.ACCOUNT_CONFIRM,
    waits=lambda change: change.state is ProposalState.PROPOSED,
    problems=lambda change: account_life.confirm_problems(db_session(), change, actor()),
)


class AccountChangeView(KeySearch, ProposalView):
    """口座の状態の変更."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    proposals = PROPOSALS
    waiting_filter = (0, ProposalState.PROPOSED.value)
    withdrawal_says = _l("この起案を取り下げます。口座の状態は変わりません。")
    withdrawal_told = _l("起案を取り下げました。口座の状態は変わっていません。")
    column_list = ("account.id", "account.name", "action", "reason", "proposed_at", "state")
    column_searchable_list = ("account.search_key",)
    column_default_sort = ("proposed_at", True)
    column_sortable_list = ("proposed_at",)
    column_labels: Any = {
        "account.id": _l("口座番号"),
        "account.name": _l("口座名"),
        "action": _l("内容"),
        "reason": _l("理由"),
        "proposed_at": _l("起案"),
        "state": _l("状態"),
    }
    column_formatters = {
        "account.id": formats.unbroken(lambda m: m.account.code),
        "action": formats.word,
        "reason": formats.beginning,
        "state": formats.state_until,
        "proposed_at": formats.moment_and("proposed_by.name"),
    }
    column_formatters_export = {
        "account.id": lambda _v, _c, m, _n: m.account.code,
        "proposed_at": lambda _v, _c, m, _n: m.proposed_at,
        "reason": lambda _v, _c, m, _n: m.reason,
    }
    column_filters = (
        ChoiceFilter(AccountChange.state, _l("状態"), lambda: [(s, label(s)) for s in ProposalState]),
        ChoiceFilter(AccountChange.action, _l("内容"), lambda: [(a, label(a)) for a in AccountAction]),
    )
    search_help = _l("口座名・会社名（漢字・かな）、口座番号で探せます。")
    details_template = "admin/account/change.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(AccountChange.account),
                joinedload(AccountChange.proposed_by),
                joinedload(AccountChange.confirmed_by),
            )
        )

    def title_of(self, model: AccountChange) -> Any:
        return _("%(account)s　%(action)s", account=model.account.code, action=label(model.action))

    def details_context(self, model: AccountChange) -> dict[str, Any]:
        return {"says": says(model.account, model.action), "means": means(model.action)}

    def history_of(self, model: AccountChange) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("account_change", [model.id])])

    # ---- the second person

    def shown(self, row: AccountChange) -> list[tuple[Any, Any]]:
        return [
            (_("口座"), f"{row.account.code}　{row.account.name}"),
            (_("いまの状態"), badge(row.account.state)),
            (_("変更後の状態"), badge(account_life.LEADS_TO[row.action])),
        ]

    def confirmation(self, row: AccountChange) -> Confirmation:
        closing = row.action is AccountAction.CLOSE
        left = left_behind(account_life.standing_of(db_session(), row.account).left) if closing else []
        return Confirmation(
            CONFIRM[row.action],
            says(row.account, row.action),
            CONFIRM[row.action],
            makes=[means(row.action), *left, _("口座の持ち主に、理由を添えてメールでお知らせします。")],
            warn=(
                _("閉鎖すると、元に戻せません。"),
                _("口座番号が、ほかの口座に使われることもありません。"),
            )
            if closing
            else None,
            danger=closing,
        )

    def figures(self, row: Any) -> Mapping[str, Any]:
        return account_life.figures_of(account_life.standing_of(db_session(), row.account), row.action)

    def service_confirm(self, row_id: int, version: int, seen: str) -> Any:
        return account_life.confirm(db_session(), row_id, version=version, seen=seen, actor=actor())

    def service_withdraw(self, row_id: int, version: int, reason: str | None) -> Any:
        return account_life.withdraw(db_session(), row_id, version=version, reason=reason, actor=actor())

    def confirmed_told(self, row: AccountChange) -> Any:
        return DONE[row.action]

    def address_after(self, row: AccountChange) -> str:
        return str(self.get_url("account.details_view", id=row.account_id))


def views() -> list[Any]:
    """The screens of this subject."""
    return [AccountChangeView(AccountChange, name=_l("口座の状態の変更"), endpoint="account_change")]
