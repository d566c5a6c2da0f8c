"""The reports that are late or may become so: past the day they were due, or near it and not through."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView
from portal.admin.filters import ChoiceFilter, HolderPhaseFilter
from portal.admin.report_deadline_words import CONCERNS, concern_badge, days_left
from portal.admin.report_grid import concern_choices, concerns_of, figure_of
from portal.admin.reports import VerifierFilter, verifier_choices
from portal.models import EmissionsReport, Holder, Period, Phase, Verifier, VerifierAssignment
from portal.permissions import Permission
from portal.services.report_deadlines import Concern, Standing, concerned, day_expression, standing_of
from portal.services.report_rules import live_verifier
from portal.web_text import day, label, number, phase_name

_CONCERN = 2  # its place in ``column_filters``


def late_address(choice: str) -> str:
    """The list of the reports of one choice of ``concern_choices``."""
    chosen: dict[str, Any] = {f"flt{_CONCERN}_{_CONCERN}": choice}
    return url_for("late_report.index_view", **chosen)


class ConcernFilter(ChoiceFilter):
    """Reports by why they are here."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        late = concerned(*concerns_of(str(value))).subquery()
        return query.filter(EmissionsReport.id.in_(select(late.c.id)))


def _standing(model: EmissionsReport) -> Standing:
    return standing_of(model)


def _holder(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    holder = model.holder
    more = Markup('{}\u3000<span class="as-nb">{}</span>').format(holder.site_name, holder.account.code)
    return Markup('<a class="as-link" href="{}">{}</a><span class="as-table__more">{}</span>').format(
        url_for("report.details_view", id=model.id), holder.representative.name, more
    )


def _period(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    return Markup('{}<span class="as-table__more">{}</span>').format(
        label(model.period), phase_name(model.holder.phase.number)
    )


def _state(view: Any, context: Any, model: EmissionsReport, name: str) -> Any:
    figure = figure_of(model)
    more = Markup('<span class="as-table__more as-nb">{} t-CO2</span>').format(number(figure))
    return formats.state(view, context, model, name) + (more if figure is not None else Markup(""))


def _concern(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    found = _standing(model).concern
    return concern_badge(found) if found is not None else "—"


def _day(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    standing = _standing(model)
    return Markup('<span class="as-nb">{}</span><span class="as-table__more">{}</span>').format(
        day(standing.day), days_left(standing)
    )


def _verifier(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    verifier = live_verifier(model)
    return verifier.label if verifier is not None else "—"


def _concern_word(_view: Any, _context: Any, model: EmissionsReport, _name: str) -> Any:
    found: Concern | None = _standing(model).concern
    return str(CONCERNS[found]) if found is not None else None


def _days(count: int | None) -> int | None:
    """So many days, if it is so many at all: the other column has them then."""
    return count if count is not None and count >= 0 else None


class LateReportView(KeySearch, SecretariatView):
    """期限に遅れる報告書."""

    permission_view = Permission.REPORT_ALL_VIEW
    can_view_details = False
    column_list: Any = ("holder", "period", "state", "concern", "day", "verifier")
    column_export_list: Any = (
        "holder.account.code",
        "company",
        "site",
        "phase",
        "period",
        "state",
        "emissions",
        "concern",
        "day",
        "left",
        "over",
        "verifier",
    )
    column_searchable_list = ("holder.search_key",)
    #: without a wish of the reader: by the day that counts, the longest past first
    column_default_sort = ("id", False)
    column_sortable_list: Any = ()
    column_figures = frozenset({"emissions", "left", "over"})
    column_labels: Any = {
        "holder": _l("目標保有者"),
        "holder.account.code": _l("口座番号"),
        "company": _l("代表事業者"),
        "site": _l("事業所名"),
        "phase": _l("期"),
        "period": _l("報告期間"),
        "state": _l("状態"),
        "emissions": _l("報告された排出量（t-CO2）"),
        "concern": _l("遅れ"),
        "day": _l("期限"),
        "left": _l("残りの日数"),
        "over": _l("超過した日数"),
        "verifier": _l("検証機関"),
    }
    column_formatters: Any = {
        "holder": _holder,
        "period": _period,
        "state": _state,
        "concern": _concern,
        "day": _day,
        "verifier": _verifier,
    }
    column_formatters_export: Any = {
        "holder.account.code": lambda _v, _c, m, _n: m.holder.account.code,
        "company": lambda _v, _c, m, _n: m.holder.representative.name,
        "site": lambda _v, _c, m, _n: m.holder.site_name,
        "phase": lambda _v, _c, m, _n: phase_name(m.holder.phase.number),
        "period": lambda _v, _c, m, _n: label(m.period),
        "state": lambda _v, _c, m, _n: label(m.state),
        "concern": _concern_word,
        "day": lambda _v, _c, m, _n: _standing(m).day,
        "left": lambda _v, _c, m, _n: _days(_standing(m).days_left),
        "over": lambda _v, _c, m, _n: _days(-(_standing(m).days_left or 0)),
        "verifier": lambda v, c, m, n: _verifier(v, c, m, n),
    }
    column_filters: Any = (
        HolderPhaseFilter(EmissionsReport.holder_id, _l("第何期"), phase_choices),
        ChoiceFilter(EmissionsReport.period, _l("報告期間"), lambda: [(p, label(p)) for p in Period]),
        ConcernFilter(EmissionsReport.id, _l("遅れ"), concern_choices),
        VerifierFilter(EmissionsReport.id, _l("検証機関"), verifier_choices),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号で探せます。")
    list_template = "admin/report/list.html"

    def scope(self, query: Any) -> Any:
        late = concerned().subquery()
        return query.filter(EmissionsReport.id.in_(select(late.c.id)))

    def get_query(self) -> Any:
        holder = joinedload(EmissionsReport.holder)
        assignments = selectinload(EmissionsReport.assignments)
        return (
            super()
            .get_query()
            .options(
                holder.joinedload(Holder.representative),
                holder.joinedload(Holder.account),
                holder.joinedload(Holder.phase).selectinload(Phase.rules),
                assignments.joinedload(VerifierAssignment.verifier).joinedload(Verifier.organisation),
            )
        )

    def _apply_sorting(self, query: Any, joins: Any, sort_column: Any, sort_desc: bool) -> Any:
        return super()._apply_sorting(query.order_by(day_expression()), joins, sort_column, sort_desc)


def views() -> list[Any]:
    """The screens of this subject."""
    return [LateReportView(EmissionsReport, name=_l("期限に遅れる報告書"), endpoint="late_report")]
