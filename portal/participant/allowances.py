"""Balance and history of the own account: as of any day, narrowed, paged, as a file (残高詳細)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from portal import clock
from portal.extensions import db_session
from portal.models import Account
from portal.participant import pages, pictures
from portal.participant.account_notice import notice_of
from portal.participant.correction_words import waiting_of
from portal.permissions import Permission
from portal.services import corrections, positions, statements
from portal.services.allowances import own_account, unit_classes
from portal.services.compliance import Figures
from portal.services.positions import Position
from portal.web import actor, requires
from portal.web_downloads import table_file
from portal.web_lines import (
    FIGURES,
    KINDS,
    as_of,
    asked_filters,
    history_rows,
    history_titles,
    line_words,
    typed_day,
    typed_number,
)
from portal.web_positions import own_name, why_not_words
from portal.web_text import label, number, unit_name

#: lines that a file of the history holds at the most
MOST_IN_A_FILE = 10_000
_KEPT = ("from", "to", "kind", "other", "unit", "way", "asof")


@dataclass(frozen=True)
class Stat:
    """One large figure with the line that explains it."""

    label: str
    value: int
    unit: str
    more: str


def _misread() -> list[str]:
    """What of the address could not be used, and what is shown instead."""
    typed = {name: request.args.get(name, "").strip() for name in ("asof", "from", "to")}
    days = {name: typed_day(text) for name, text in typed.items()}
    found = []
    if typed["asof"] and days["asof"] is None:
        found.append(_("基準日を読み取れないため、今日の数量を表示しています。"))
    elif days["asof"] is not None and days["asof"] > clock.today():
        found.append(_("基準日が先の日付のため、今日の数量を表示しています。"))
    if any(typed[name] and days[name] is None for name in ("from", "to")):
        found.append(_("期間の日付を読み取れないため、その条件を外しました。"))
    if days["from"] is not None and days["to"] is not None and days["from"] > days["to"]:
        found.append(_("期間のはじめが、終わりより後になっています。"))
    return found


def _reserve_why(figures: Figures) -> str:
    """Where the reserve comes from: issued − target − retired, or why it is 0."""
    if not figures.issued:
        return _("まだ発行されていません")
    if figures.missing == 0 and figures.rule.released_by_compliance:
        return _("償却を終えたため、残しておく量はありません")
    parts = (figures.issued, figures.reduction_target or 0, figures.retired_jaa)
    return " − ".join(number(part) for part in parts)


def _stats(account: Account, figures: Figures | None, held: list[Position]) -> list[Stat]:
    """Balance, reserve, movable, retired; a trader has one balance for each unit class."""
    if figures is None:
        return [
            Stat(
                _("残高（%(unit)s）", unit=unit_name(one.unit_class)),
                one.held,
                one.unit_class.unit_type.value,
                why_not_words(one),
            )
            for one in held
        ]
    parts = _("、").join(f"{unit_name(one.unit_class)} {number(one.held)}" for one in held)
    need = _("排出量が承認されると、必要な量が決まります")
    if figures.target_emissions is not None:
        need = _(
            "必要な%(whole)sまで、あと%(missing)s",
            whole=number(figures.target_emissions),
            missing=number(figures.missing),
        )
    own, others = positions.own_jaa(account, held), positions.besides(account, held)
    retired_unit = "t-CO2" if figures.retired_jver else "JAA"
    return [
        Stat(own_name(_("残高"), own, others), figures.held, "JAA", parts),
        *(_other(one) for one in others),
        Stat(_("コミットメントリザーブ量"), figures.reserve, "JAA", _reserve_why(figures)),
        _movable(own, others),
        Stat(_("償却済量"), figures.retired, retired_unit, need),
    ]


def _other(one: positions.Position) -> Stat:
    """Units besides the JAA of the holder's own phase: how many, and how many of them may move."""
    more = (
        why_not_words(one) if one.why_not is not None else _("うち移転できる量 %(n)s", n=number(one.movable))
    )
    name = _("残高（%(unit)s）", unit=unit_name(one.unit_class))
    return Stat(name, one.held, one.unit_class.unit_type.value, more)


def _movable(own: Position | None, others: list[Position]) -> Stat:
    more = _("残高からリザーブ量を引いた量")
    if own is not None and own.promised:
        more = _("残高から手続き中の量とリザーブ量を引いた量")
    if own is not None and own.why_not is not None:
        more = why_not_words(own)
    return Stat(
        own_name(_("移転できる最大量"), own, others), own.movable if own is not None else 0, "JAA", more
    )


def _kept() -> dict[str, Any]:
    """What narrows the history, for the addresses of its pages and files."""
    return {k: v for k, v in request.args.items() if k in _KEPT and v}


@pages.get("/allowances")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def balance() -> Any:
    """The balance as of a day and the history."""
    session = db_session()
    account = own_account(session, actor())
    today = clock.today()
    asof = min(typed_day(request.args.get("asof")) or today, today)
    filters = asked_filters()
    past = statements.look_back(
        session, account, as_of(asked_filters()), before=typed_number("before"), after=typed_number("after")
    )
    holder = account.holder
    figures = positions.figures_as_of(session, holder, asof) if holder is not None else None
    held = positions.positions(session, account, figures, asof)
    own = positions.own_jaa(account, held)
    chart, summary = (
        pictures.of_account(figures, own, positions.besides(account, held))
        if figures is not None
        else pictures.of_classes(held)
    )
    kept = _kept()
    return render_template(
        "participant/allowances/balance.html",
        account=account,
        notice=notice_of(account),
        asof=asof,
        misread=_misread(),
        not_yet=account.opened_at >= clock.end_of_day(asof),
        today=today,
        stats=_stats(account, figures, held),
        held=held,
        chart=chart,
        summary=summary,
        why_not_words=why_not_words,
        filters=filters,
        kinds=[(kind.value, label(kind)) for kind in KINDS],
        units=[(str(one.id), unit_name(one)) for one, _row in unit_classes(session, account)],
        ways=[("in", _("増えたもの")), ("out", _("減ったもの"))],
        history=past,
        most=statements.COUNTED_ON_A_PAGE,
        **line_words(session, account),
        # a past day knows nothing of what waits today
        waiting=waiting_of(account) if asof == today else [],
        kept=kept,
        newer=_page(kept, after=past.newer),
        older=_page(kept, before=past.older),
    )


def _page(kept: dict[str, Any], **neighbour: int | None) -> str:
    """The address of the neighbouring page of the history; nothing if there is none."""
    if None in neighbour.values():
        return ""
    return url_for("participant.balance", **{**kept, **neighbour}) + "#history"


@pages.get("/allowances/history.<any(csv, xlsx):file>")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def history_file(file: str) -> Any:
    """The narrowed history as a file, written while the reader waits: so it has its bounds."""
    session = db_session()
    account = own_account(session, actor())
    if statements.counted(session, account, as_of(asked_filters())) > MOST_IN_A_FILE:
        most = number(MOST_IN_A_FILE)
        flash(_("%(n)s件を超えるため、ファイルにできません。期間や種類で絞ってください。", n=most), "error")
        return redirect(url_for("participant.balance", **_kept()) + "#history")
    name = f"{account.code}_{_('移動の履歴')}_{clock.today():%Y%m%d}"
    lines = statements.all_lines(session, account, as_of(asked_filters()))
    rows = history_rows(lines, corrections.corrected(session, account))
    return table_file(name, file, history_titles(), rows, _("移動の履歴"), FIGURES)
