"""The registry's accounts: whose, in what state, what they hold and what moved (read only)."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.base import SecretariatView
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.extensions import db_session
from portal.models import (
    Account,
    AccountKind,
    AccountState,
    Holder,
    Holding,
    Movement,
    MovementState,
    Trader,
    UnitClass,
)
from portal.permissions import Permission
from portal.services import statements
from portal.services.figures import figures_of
from portal.web_text import label


def _code(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    return Markup('<span class="as-code">{}</span>').format(model.code)


def owner_of(account: Account) -> str:
    """Whose account it is; the scheme's own belong to nobody else."""
    if account.holder is not None:
        return account.holder.label
    if account.trader is not None:
        return account.trader.label
    return _("制度の口座")


class AccountView(KeySearch, SecretariatView):
    """口座."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW
    column_list = ("id", "name", "owner", "kind", "state", "opened_at")
    column_default_sort = ("id", False)
    column_sortable_list = ("id", "name", "opened_at")
    column_labels: Any = {
        "id": _l("口座番号"),
        "name": _l("口座名"),
        "owner": _l("口座の持ち主"),
        "kind": _l("種類"),
        "state": _l("状態"),
        "opened_at": _l("開設"),
    }
    column_formatters = {
        "id": _code,
        "owner": lambda _v, _c, m, _n: owner_of(m),
        "kind": formats.word,
        "state": formats.state,
        "opened_at": lambda v, _c, m, _n: formats.day(v, m.opened_at),
    }
    column_formatters_export = {
        "id": lambda _v, _c, m, _n: m.code,
        "owner": lambda _v, _c, m, _n: owner_of(m),
    }
    column_filters = (
        ChoiceFilter(Account.kind, _l("種類"), lambda: [(k, label(k)) for k in AccountKind]),
        ChoiceFilter(Account.state, _l("状態"), lambda: [(s, label(s)) for s in AccountState]),
        FromDayFilter(Account.opened_at, _l("開設（から）")),
        ToDayFilter(Account.opened_at, _l("開設（まで）")),
    )
    search_help = _l("口座名・会社名・事業所名（漢字・かな）、口座番号で探せます。")
    details_template = "admin/account/details.html"

    def get_query(self) -> Any:
        holder, trader = joinedload(Account.holder), joinedload(Account.trader)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.phase),
                trader.joinedload(Trader.organisation),
            )
        )

    def title_of(self, model: Account) -> str:
        return f"{model.code}　{model.name}"

    def details_context(self, model: Account) -> dict[str, Any]:
        session = db_session()
        holdings = session.scalars(
            select(Holding)
            .join(Holding.unit_class)
            .where(Holding.account_id == model.id)
            .options(joinedload(Holding.unit_class).joinedload(UnitClass.phase))
            .order_by(UnitClass.phase_id.is_(None), UnitClass.phase_id)
        ).all()
        wanted = request.args.get("page", "1")
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else 1
        waiting = session.scalars(
            select(Movement)
            .where(
                (Movement.source_id == model.id) | (Movement.target_id == model.id),
                Movement.state == MovementState.PROPOSED,
            )
            .options(joinedload(Movement.unit_class).joinedload(UnitClass.phase))
            .order_by(Movement.id)
        ).all()
        return {
            "owner": owner_of(model),
            "holdings": holdings,
            "history_page": statements.history(session, model, statements.Filters(), number),
            "waiting": waiting,
            "figures": figures_of(session, model.holder) if model.holder is not None else None,
        }


def views() -> list[Any]:
    return [AccountView(Account, name=_lp("list", "口座"), endpoint="account")]
