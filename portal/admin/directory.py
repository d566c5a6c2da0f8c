"""担当者リスト: how to reach every participant, and which of them the participants see (domain §2)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView
from portal.admin.filters import ChoiceFilter, ConditionFilter, HolderPhaseFilter
from portal.models import Account, AccountKind, AccountState, Contact, Holder, Trader
from portal.permissions import Permission
from portal.services import directory, list_files
from portal.services.audit import EventTag
from portal.web_text import label

#: where the filter stands that tells what the participants see
_LISTED = 3
#: the filters' names in the audit trail
_FILTERS = ("consent", "kind", "phase", "listed")
_KINDS = (AccountKind.COMPLIANCE, AccountKind.TRADING)


def _owner(model: Account) -> Any:
    return model.holder or model.trader


def _contact(model: Account) -> Contact:
    contact: Contact = _owner(model).contact
    return contact


def _company(model: Account) -> Any:
    holder = model.holder
    return holder.representative if holder is not None else _owner(model).organisation


def _employer(model: Account) -> str | None:
    """The contact person's company where it is another one."""
    employer = _contact(model).organisation
    return employer.name if employer.name != _company(model).name else None


def _account_cell(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    return Markup(
        '{}<span class="as-table__more"><span class="as-nb as-code">{}</span>\u3000'
        '<span class="as-nb">{}</span></span>'
    ).format(model.name, model.code, label(model.kind))


def _reach_cell(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    contact = _contact(model)
    return Markup('<span class="as-nb">{}</span><span class="as-table__more">{}</span>').format(
        contact.telephone, contact.mail
    )


def _contact_cell(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    contact = _contact(model)
    more = "\u3000".join(one for one in (_employer(model), contact.department) if one)
    line = Markup('<span class="as-table__more">{}</span>').format(more) if more else ""
    return Markup('<span class="as-nb">{}</span>{}').format(contact.name, line)


def _consent_cell(_view: Any, _context: Any, model: Account, _name: str) -> Any:
    agreed = _owner(model).disclosure_consent
    dress = "as-badge as-badge--good" if agreed else "as-badge as-badge--off"
    closed = model.state is AccountState.CLOSED
    more = Markup('<span class="as-table__more">{}</span>').format(_("口座は閉鎖済み")) if closed else ""
    return Markup('<span class="{}">{}</span>{}').format(dress, _agreed(model), more)


def _agreed(model: Account) -> str:
    return _("同意する") if _owner(model).disclosure_consent else _("同意しない")


class DirectoryView(SecretariatView):
    """担当者リスト."""

    permission_view = Permission.DIRECTORY_ALL
    can_view_details = False
    column_list: Any = ("company", "account", "contact", "reach", "consent")
    column_export_list: Any = (
        "company",
        "id",
        "name",
        "kind",
        "employer",
        "department",
        "contact",
        "telephone",
        "mail",
        "consent",
    )
    column_default_sort = ("id", False)
    column_sortable_list: Any = (("account", "id"),)
    column_searchable_list: Any = ("search_key",)
    column_labels: Any = {
        "company": _l("会社名"),
        "account": _l("口座"),
        "id": _l("口座番号"),
        "name": _l("口座名"),
        "kind": _l("種類"),
        "employer": _l("担当者の会社"),
        "department": _l("部署"),
        "contact": _l("担当者"),
        "telephone": _l("電話番号"),
        "mail": _l("メールアドレス"),
        "reach": _l("連絡先"),
        "consent": _l("公開の同意"),
    }
    column_formatters: Any = {
        "company": lambda v, _c, m, _n: v.company_link(m),
        "account": _account_cell,
        "kind": formats.word,
        "contact": _contact_cell,
        "reach": _reach_cell,
        "consent": _consent_cell,
    }
    column_formatters_export: Any = {
        "company": lambda _v, _c, m, _n: _company(m).name,
        "id": lambda _v, _c, m, _n: m.code,
        "employer": lambda _v, _c, m, _n: _employer(m),
        "department": lambda _v, _c, m, _n: _contact(m).department,
        "contact": lambda _v, _c, m, _n: _contact(m).name,
        "telephone": lambda _v, _c, m, _n: _contact(m).telephone,
        "mail": lambda _v, _c, m, _n: _contact(m).mail,
        "consent": lambda _v, _c, m, _n: _agreed(m),
    }
    column_filters: Any = (
        ConditionFilter(Account.id, _l("公開の同意"), _l("同意する"), _l("同意しない"), directory.CONSENTED),
        ChoiceFilter(Account.kind, _l("口座の種類"), lambda: [(k, label(k)) for k in _KINDS]),
        HolderPhaseFilter(Account.holder_id, _l("期"), phase_choices),
        ConditionFilter(
            Account.state, _l("参加者の担当者リスト"), _l("載っている"), _l("載っていない"), directory.LISTED
        ),
    )
    search_help = _l("会社名・口座名・担当者名（漢字・かな）、口座番号、電話番号、メールアドレスで探せます。")
    list_template = "admin/directory/list.html"

    def get_query(self) -> Any:
        holder, trader = joinedload(Account.holder), joinedload(Account.trader)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.contact).joinedload(Contact.organisation),
                trader.joinedload(Trader.organisation),
                trader.joinedload(Trader.contact).joinedload(Contact.organisation),
            )
        )

    def scope(self, query: Any) -> Any:
        return directory.with_people(query)

    def get_sortable_columns(self) -> Any:
        return {"account": Account.id, "company": directory.Company.name_kana}

    def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
        found = directory.matching(search)
        return query.filter(found), count_query.filter(found), joins, count_joins

    def title_of(self, model: Account) -> Any:
        return _company(model).name

    def company_link(self, model: Account) -> Any:
        """The company with the way to its record."""
        screen = "holder" if model.holder is not None else "trader"
        url = self.get_url(f"{screen}.details_view", id=_owner(model).id)
        return Markup('<a class="as-link" href="{}">{}</a>').format(url, _company(model).name)

    def listed_address(self, listed: bool) -> str:
        """The list as the participants see it, or all."""
        chosen = [(_LISTED, "", "1")] if listed else []
        return self.list_address(filters=chosen, search=None, page=0)

    def listed_only(self) -> bool:
        """Whether the list shows what the participants see and nothing else."""
        return [one[0::2] for one in self._get_list_filter_args()] == [(_LISTED, "1")]

    def export_event(self, count: int) -> list_files.Event:
        chosen = {_FILTERS[one[0]]: one[2] for one in self._get_list_filter_args()}
        return EventTag.DIRECTORY_EXPORTED, {"count": count, "chosen": chosen}


def views() -> list[Any]:
    """The screens of this subject."""
    return [DirectoryView(Account, name=_l("担当者リスト"), endpoint="directory")]
