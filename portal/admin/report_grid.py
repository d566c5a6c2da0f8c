"""All holders and their three periods in one table: state, figure, day and verifier of each report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload, selectinload

from portal.admin import formats
from portal.admin.acts import KeySearch
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView
from portal.admin.filters import ChoiceFilter, Choices
from portal.admin.report_deadline_words import CONCERNS, concern_badge, day_line
from portal.admin.reports import verifier_choices, verifier_name
from portal.models import EmissionsReport, Holder, Period, Phase, ReportState, Verifier, VerifierAssignment
from portal.permissions import Permission
from portal.services.report_deadlines import LATE, Concern, concerned, standing_of
from portal.services.report_rules import live_verifier
from portal.web_text import badge, label, number, phase_name

LATE_NOW, MAY_BE = "late", "any"


def report_of(holder: Holder, period: Period) -> EmissionsReport | None:
    """The holder's report of ``period``."""
    return next((one for one in holder.reports if one.period is period), None)


def figure_of(report: EmissionsReport) -> int | None:
    """The confirmed figure, or what the report says so far (t-CO2)."""
    return report.emissions if report.confirmed_emissions is None else report.confirmed_emissions


class PeriodStateFilter(ChoiceFilter):
    """Holders whose report of one period is in a state."""

    def __init__(self, period: Period, name: Any, states: Callable[[], Choices]) -> None:
        super().__init__(Holder.id, name, states)
        self._period = period

    def operation(self) -> str:
        return f"{self._period}_state"

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        found = select(EmissionsReport.holder_id).where(
            EmissionsReport.period == self._period, EmissionsReport.state == value
        )
        return query.filter(Holder.id.in_(found))


def concern_choices() -> list[tuple[Any, Any]]:
    """All the late together, all the endangered together, then one by one."""
    together = [(LATE_NOW, _("期限を過ぎたもの")), (MAY_BE, _("過ぎたものと、近いもの"))]
    return [*together, *((one.value, str(CONCERNS[one])) for one in Concern)]


def concerns_of(value: str) -> tuple[Concern, ...]:
    """What a choice of :func:`concern_choices` means."""
    if value == LATE_NOW:
        return tuple(LATE)
    return tuple(Concern) if value == MAY_BE else (Concern(value),)


class LateHolderFilter(ChoiceFilter):
    """Holders with a report that is late, or may be."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        late = concerned(*concerns_of(str(value))).subquery()
        return query.filter(Holder.id.in_(select(late.c.holder_id)))


class HolderVerifierFilter(ChoiceFilter):
    """Holders of whom a report is assigned to one verifier now."""

    def apply(self, query: Any, value: Any, alias: Any = None) -> Any:
        assigned: ColumnElement[bool] = Holder.id.in_(
            select(EmissionsReport.holder_id)
            .join(VerifierAssignment, VerifierAssignment.report_id == EmissionsReport.id)
            .where(VerifierAssignment.verifier_id == value, VerifierAssignment.ended_at.is_(None))
        )
        return query.filter(assigned)


def _states_of(period: Period) -> Callable[[], Choices]:
    adjustment = (ReportState.NOT_SUBMITTED, ReportState.SUBMITTED, ReportState.RECEIVED)
    verified = [one for one in ReportState if one not in adjustment[1:]]
    return lambda: [(s, label(s)) for s in (adjustment if period is Period.ADJUSTMENT else verified)]


def _line(text: Any) -> Markup:
    return Markup('<span class="as-table__more">{}</span>').format(text) if text else Markup("")


def _cell(period: Period) -> Any:
    """State, figure, day and verifier of one report, with the way to it."""

    def show(_view: Any, _context: Any, model: Holder, _name: str) -> Any:
        report = report_of(model, period)
        if report is None:
            return "—"
        standing, verifier, figure = standing_of(report), live_verifier(report), figure_of(report)
        about = _("%(holder)sの%(period)sの報告書", holder=model.label, period=label(period))
        link = Markup('<a class="as-link" href="{}">{}<span class="as-hidden">：{}</span></a>').format(
            url_for("report.details_view", id=report.id), badge(report.state), about
        )
        amount = _("%(n)s t-CO2", n=number(figure)) if figure is not None else ""
        unsure = figure is not None and report.confirmed_emissions is None
        lines = [
            _line(_("%(amount)s（未確定）", amount=amount) if unsure else amount),
            _line(concern_badge(standing.concern)) if standing.concern is not None else "",
            _line(day_line(standing)),
            _line(_("期限後の提出")) if report.late and standing.day is None else "",
            _line(verifier_name(verifier)) if verifier is not None else "",
        ]
        return link + Markup("").join(lines)

    return show


def _holder(_view: Any, _context: Any, model: Holder, _name: str) -> Any:
    more = Markup('{}\u3000<span class="as-nb">{}</span>').format(model.site_name, model.account.code)
    cell = Markup(
        '<a class="as-link" lang="ja" href="{}">{}</a><span class="as-table__more" lang="ja">{}</span>'
    )
    return cell.format(url_for("holder.details_view", id=model.id), model.representative.name, more)


_PERIODS: dict[str, Any] = {
    Period.BASE.value: _l("基準年度"),
    Period.TARGET.value: _l("削減目標年度"),
    Period.ADJUSTMENT.value: _l("調整・自主削減年度"),
}
#: what the file has of each period: (name, head)
_PARTS: tuple[tuple[str, Any], ...] = (
    ("state", _l("状態")),
    ("figure", _l("排出量（t-CO2）")),
    ("confirmed", _l("確定した排出量（t-CO2）")),
    ("day", _l("期限")),
    ("concern", _l("遅れ")),
    ("verifier", _l("検証機関")),
)


def _part(report: EmissionsReport | None, part: str) -> Any:
    if report is None:
        return None
    if part == "state":
        return label(report.state)
    if part == "figure":
        return figure_of(report)
    if part == "confirmed":
        return report.confirmed_emissions
    if part == "verifier":
        verifier = live_verifier(report)
        return verifier.label if verifier is not None else None
    standing = standing_of(report)
    if part == "day":
        return standing.day
    return str(CONCERNS[standing.concern]) if standing.concern is not None else None


def _file_column(period: Period, part: str) -> Any:
    return lambda _v, _c, model, _n: _part(report_of(model, period), part)


_FILE = {f"{period.value}_{part}": (period, part) for period in Period for part, _head in _PARTS}


class ReportGridView(KeySearch, SecretariatView):
    """目標保有者ごとの報告の状況."""

    permission_view = Permission.REPORT_ALL_VIEW
    can_view_details = False
    column_list: Any = ("representative.name", "phase.number", *(period.value for period in Period))
    column_export_list: Any = ("account.id", "company", "site_name", "phase.number", *_FILE)
    column_default_sort = ("id", False)
    column_sortable_list: Any = (
        ("representative.name", "representative.name_kana"),
        ("phase.number", "phase.number"),
    )
    column_figures = frozenset(name for name in _FILE if name.endswith(("_figure", "_confirmed")))
    column_formatters: Any = {
        "representative.name": _holder,
        "phase.number": formats.unbroken(lambda m: phase_name(m.phase.number)),
        **{period.value: _cell(period) for period in Period},
    }
    column_formatters_export: Any = {
        "account.id": lambda _v, _c, m, _n: m.account.code,
        "company": lambda _v, _c, m, _n: m.representative.name,
        **{name: _file_column(period, part) for name, (period, part) in _FILE.items()},
    }
    column_labels: Any = {
        "account.id": _l("口座番号"),
        "representative.name": _l("代表事業者・事業所"),
        "company": _l("代表事業者"),
        "site_name": _l("事業所名"),
        "phase.number": _l("期"),
        **_PERIODS,
        **{
            f"{period}_{part}": _l("%(period)s：%(part)s", period=words, part=head)
            for period, words in _PERIODS.items()
            for part, head in _PARTS
        },
    }
    column_filters: Any = (
        ChoiceFilter(Holder.phase_id, _l("期"), phase_choices),
        LateHolderFilter(Holder.id, _l("遅れ"), concern_choices),
        *(
            PeriodStateFilter(period, words, _states_of(period))
            for period, words in (
                (Period.BASE, _l("基準年度の状態")),
                (Period.TARGET, _l("削減目標年度の状態")),
                (Period.ADJUSTMENT, _l("調整・自主削減年度の状態")),
            )
        ),
        HolderVerifierFilter(Holder.id, _l("検証機関"), verifier_choices),
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号、担当者、メールアドレスで探せます。")
    list_template = "admin/report/list.html"

    def get_query(self) -> Any:
        assignments = selectinload(Holder.reports).selectinload(EmissionsReport.assignments)
        return (
            super()
            .get_query()
            .options(
                joinedload(Holder.representative),
                joinedload(Holder.account),
                joinedload(Holder.phase).selectinload(Phase.rules),
                assignments.joinedload(VerifierAssignment.verifier).joinedload(Verifier.organisation),
            )
        )


def views() -> list[Any]:
    """The screens of this subject."""
    return [ReportGridView(Holder, name=_l("目標保有者ごとの報告の状況"), endpoint="report_grid")]
