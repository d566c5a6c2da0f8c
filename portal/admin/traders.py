"""Traders: the record of those who buy and sell (domain §1, §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.base import SecretariatView, Step
from portal.admin.consents import consent_page, consent_step
from portal.admin.door import page
from portal.admin.filters import AccountStateFilter, YesNoFilter
from portal.admin.participant_record import RecordPages
from portal.admin.reissue import reissue_page
from portal.models import Account, ParticipantKind, Trader
from portal.permissions import Permission


class TraderView(RecordPages, KeySearch, SecretariatView):
    """取引参加者."""

    record_kind = ParticipantKind.TRADER
    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("account.id", "organisation.name", "account.name", "account.state", "contact.name")
    column_default_sort = ("id", False)
    column_sortable_list: Any = (("organisation.name", "organisation.name_kana"),)
    column_labels: Any = {
        "account.id": _l("口座番号"),
        "organisation.name": _l("法人名"),
        "account.name": _l("口座名"),
        "account.state": _l("口座の状態"),
        "contact.name": _l("担当者"),
    }
    column_formatters: Any = {
        "account.id": formats.unbroken(lambda m: m.account.code),
        "account.state": formats.state,
        "contact.name": formats.two_lines("contact.mail"),
    }
    column_formatters_export: Any = {
        "account.id": lambda _v, _c, m, _n: m.account.code,
        "contact.name": lambda _v, _c, m, _n: m.contact.name,
    }
    column_filters: Any = (
        YesNoFilter(Trader.disclosure_consent, _l("担当者情報の公開"), _l("同意する"), _l("同意しない")),
        AccountStateFilter(Trader.id, _l("口座の状態"), Account.trader_id),
    )
    search_help = _l("会社名（漢字・かな）、口座番号、担当者、メールアドレスで探せます。")
    details_template = "admin/trader/details.html"

    def get_query(self) -> Any:
        wanted = (Trader.organisation, Trader.account, Trader.contact)
        return super().get_query().options(*(joinedload(one) for one in wanted))

    def title_of(self, model: Trader) -> str:
        return model.label

    def details_context(self, model: Trader) -> dict[str, Any]:
        return self.record_context(model)

    def steps_for(self, model: Trader) -> Sequence[Step]:
        steps = []
        if self.allows(Permission.LOGIN_REISSUE):
            url = self.get_url(".reissue_view", id=model.id)
            steps.append(Step(_("パスワードを再発行する"), url, "other"))
        return [*self.waiting_steps(model), *steps, *consent_step(self, model), *self.record_steps(model)]

    def history_of(self, model: Trader) -> Sequence[tuple[Any, ...]]:
        return self.record_history(model, ("account", [model.account.id]))

    @page("/reissue/", Permission.LOGIN_REISSUE, methods=("GET", "POST"))
    def reissue_view(self) -> Any:
        return reissue_page(self, self.get_one(request.args.get("id", "")))

    @page("/consent/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def consent_view(self) -> Any:
        return consent_page(self, self.get_one(request.args.get("id", "")))


def views() -> list[Any]:
    """The screens of this subject."""
    return [TraderView(Trader, name=_lp("list", "取引参加者"), endpoint="trader")]
