"""Where a holder stands, in one sentence with the one next step (domain §5; words of the mockups)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.models import Account, EmissionsReport, Holder, Period, PhaseRule, ReportState, UnitType
from portal.participant.event_words import report_year
from portal.services.compliance import Compliance, Figures, days_left
from portal.services.positions import Position, Unusable, own_jaa
from portal.web_text import day, days, fiscal, label, number, tone

FINAL = frozenset({ReportState.APPROVED, ReportState.RECEIVED})
_ORDER = (Period.BASE, Period.TARGET, Period.ADJUSTMENT)
_LOOKS = {
    Compliance.UNCONFIRMED: "",
    Compliance.SHORT: "short",
    Compliance.MET: "met",
    Compliance.MISSED: "missed",
}


@dataclass(frozen=True)
class Standing:
    """The head of a home page: tone, state badge, sentence, text, buttons (label, url), days left."""

    look: str
    about: str
    state: str
    state_tone: str
    head: str
    text: tuple[str, ...] = ()
    buttons: tuple[tuple[str, str], ...] = ()
    until: date | None = None
    left: int | None = None


@dataclass(frozen=True)
class Due:
    """One line of the procedures with a term."""

    name: str
    since: date | None
    until: date
    left: str
    state: str
    state_tone: str
    url: str = ""
    link: str = ""


@dataclass(frozen=True)
class Offer:
    """What a holder can retire now, by the rules of retiring: (unit class, units) of own JAA and of jVER.

    ``why``: the sentence that says why nothing can be, however much is held.
    """

    jaa: tuple[int, int] | None = None
    jver: tuple[int, int] | None = None
    why: str = ""

    @property
    def any(self) -> bool:
        return self.jaa is not None or self.jver is not None


def offer_of(account: Account, held: Sequence[Position]) -> Offer:
    """What of the positions of a holder's account it can retire now."""
    free = {one.unit_class.unit_type: (one.unit_class.id, one.retirable) for one in held if one.retirable}
    own = own_jaa(account, held)
    stuck = own is not None and own.why_not is not None and not free
    return Offer(free.get(UnitType.JAA), free.get(UnitType.JVER), _why(own) if stuck and own else "")


def _why(one: Position) -> str:
    if one.why_not is Unusable.PHASE_CLOSED:
        return _("期が%(day)sに締められたため、もう償却できません。", day=day(one.closed_at))
    if one.why_not is Unusable.WINDOW_OVER:
        return _("排出枠を使える期間が%(day)sで終わったため、もう償却できません。", day=day(one.until))
    if one.why_not is Unusable.BOOKS_DISAGREE:
        return _("台帳の照合で不一致が見つかったため、いまは償却できません。事務局が確認しています。")
    return _("口座が利用中でないため、いまは償却できません。")


def report_terms(rule: PhaseRule, period: Period) -> tuple[date, date]:
    """(first day, last day) for handing in the report of a period."""
    return {
        Period.BASE: (rule.base_report_from, rule.base_report_due),
        Period.TARGET: (rule.target_report_from, rule.target_report_due),
        Period.ADJUSTMENT: (rule.adjustment_report_from, rule.adjustment_report_due),
    }[period]


def in_order(holder: Holder) -> list[EmissionsReport]:
    return sorted(holder.reports, key=lambda report: _ORDER.index(report.period))


def _first(opened: list[EmissionsReport], due: Callable[[EmissionsReport], date]) -> EmissionsReport | None:
    """Of the reports whose time has come, what the holder must hand in, the first that is due; else any."""
    own = [report for report in opened if report.state is ReportState.NOT_SUBMITTED]
    return min(own, key=due) if own else next(iter(opened), None)


def report_standing(holder: Holder, rule: PhaseRule, today: date) -> Standing:
    """Where the holder stands with its reports; the same for logins A and B."""
    waiting = [r for r in in_order(holder) if r.state not in FINAL]
    now = _first(
        [r for r in waiting if report_terms(rule, r.period)[0] <= today],
        lambda r: report_terms(rule, r.period)[1],
    )
    buttons = ((_("報告書を見る"), url_for("participant.report_list")),)
    if now is None:
        text: tuple[str, ...] = ()
        if waiting:
            opens, until = report_terms(rule, waiting[0].period)
            year = report_year(waiting[0], holder.phase)
            text = (
                _(
                    "次は、%(year)sの算定報告書を、%(since)sから%(until)sまで受け付けます。",
                    year=year,
                    since=day(opens),
                    until=day(until),
                ),
            )
        return Standing(
            "met", _("報告書"), _("手続きなし"), "good", _("いま必要な手続きはありません"), text, buttons
        )
    head, mine = _report_head(now, holder, report_terms(rule, now.period)[1], today)
    due = report_terms(rule, now.period)[1]
    calm = () if mine else (_("いま必要な手続きはありません。結果が出ると、メールでお知らせします。"),)
    look = ("missed" if today > due else "short") if mine else ""
    return Standing(
        look,
        _("報告書"),
        label(now.state),
        tone(now.state),
        head,
        calm,
        buttons,
        due if mine else None,
        days_left(due, today) if mine and today <= due else None,
    )


def _report_head(report: EmissionsReport, holder: Holder, due: date, today: date) -> tuple[str, bool]:
    """(the sentence, whether it is the holder's turn)."""
    values = {"year": report_year(report, holder.phase), "day": day(due)}
    adjustment = report.period is Period.ADJUSTMENT
    if report.state is ReportState.NOT_SUBMITTED:
        if report.returned_at is not None and adjustment:
            return _(
                "%(year)sの算定報告書が差し戻されました。直して、もう一度提出してください", **values
            ), True
        if report.returned_at is not None:
            return (
                _("%(year)sの算定報告書が差し戻されました。直して、もう一度検証を依頼してください", **values),
                True,
            )
        if today > due:
            return _("%(year)sの算定報告書の期限は、%(day)sでした。すぐに手続きしてください", **values), True
        if adjustment:
            return _("%(day)sまでに、%(year)sの算定報告書を提出してください", **values), True
        return _("%(day)sまでに、%(year)sの算定報告書の検証を依頼してください", **values), True
    if report.state is ReportState.VERIFICATION_REQUESTED:
        return _("%(year)sの算定報告書を、検証機関が検証しています", **values), False
    if report.state is ReportState.SUBMITTED:
        return _("%(year)sの算定報告書は、事務局の受領を待っています", **values), False
    return _("%(year)sの算定報告書は、事務局の承認を待っています", **values), False


def compliance_standing(
    holder: Holder, figures: Figures, state: Compliance, rule: PhaseRule, today: date, offer: Offer
) -> Standing:
    """Where login A stands with the target; while nothing is to retire yet, with the reports."""
    if state is Compliance.UNCONFIRMED:
        reports = report_standing(holder, rule, today)
        if reports.left is not None or reports.look in ("short", "missed"):
            return reports
    if state is Compliance.MET:
        # the target is met; a report may still be the reader's to hand in
        reports = report_standing(holder, rule, today)
        if reports.look in ("short", "missed"):
            return replace(reports, text=(_("目標は達成しています。"), *reports.text))
    if state is Compliance.MISSED and figures.missing is None:
        # nothing to retire is known yet; a report may be the reader's to hand in
        reports = report_standing(holder, rule, today)
        if reports.look in ("short", "missed"):
            return replace(reports, text=(_compliance_head(holder, figures, state), *reports.text))
    left = days_left(figures.deadline, today)
    buttons: list[tuple[str, str]] = []
    if state in (Compliance.SHORT, Compliance.MISSED) and figures.missing:
        buttons += _retirements(figures.missing, offer)
    buttons.append((_("残高詳細を見る"), url_for("participant.balance")))
    return Standing(
        _LOOKS[state],
        _("目標の遵守状況"),
        label(state),
        tone(state),
        _compliance_head(holder, figures, state),
        _compliance_text(holder, figures, state, offer),
        tuple(buttons),
        figures.deadline if state in (Compliance.SHORT, Compliance.UNCONFIRMED) else None,
        left if state in (Compliance.SHORT, Compliance.UNCONFIRMED) else None,
    )


def _retirements(missing: int, offer: Offer) -> list[tuple[str, str]]:
    """The next step, if the act would let it pass: as much of what is missing as can be retired now."""
    if offer.jaa is not None:
        can = min(missing, offer.jaa[1])
        return [(_("%(n)s JAAを償却する", n=number(can)), url_for("participant.retire", quantity=can))]
    if offer.jver is not None:
        unit, can = offer.jver[0], min(missing, offer.jver[1])
        url = url_for("participant.retire", quantity=can, unit=unit)
        return [(_("%(n)s jVERを償却する", n=number(can)), url)]
    return []


def _compliance_head(holder: Holder, figures: Figures, state: Compliance) -> str:
    year = fiscal(holder.phase.target_year)
    if state is Compliance.MET:
        return _("目標を達成しました。必要な手続きはありません")
    if state is Compliance.UNCONFIRMED:
        return _("%(year)sの排出量が承認されると、償却が必要な量が決まります", year=year)
    if state is Compliance.SHORT:
        return _(
            "%(day)sまでに、あと%(n)s t-CO2分の排出枠を償却してください",
            day=day(figures.deadline),
            n=number(figures.missing),
        )
    if figures.missing is None:
        return _("償却期限を過ぎました。%(year)sの排出量は、まだ承認されていません", year=year)
    if figures.missing == 0 and figures.approved_late:
        return _(
            "%(year)sの排出量は、償却期限のあとに承認されました。期限までの目標遵守にはなりません", year=year
        )
    if figures.missing == 0:
        return _("償却期限後に償却が済みました。期限までの目標遵守にはなりません")
    return _("償却期限を過ぎました。%(n)s JAA足りません", n=number(figures.missing))


def _compliance_text(holder: Holder, figures: Figures, state: Compliance, offer: Offer) -> tuple[str, ...]:
    why = (offer.why,) if offer.why else ()
    if state is Compliance.MISSED:
        more = _("いまからの償却は、期限後の償却として記録され、期限までの目標遵守にはなりません。")
        return (
            _("今後の手続きは、事務局からご連絡します。"),
            *((why or (more,)) if figures.missing else ()),
        )
    if state is Compliance.UNCONFIRMED:
        if why:
            return (_("償却期限は%(day)sです。", day=day(figures.deadline)), *why)
        return (_("償却期限は%(day)sです。その前でも償却できます。", day=day(figures.deadline)),)
    found = [
        _(
            "%(year)s（削減目標年度）の排出量は、%(n)s t-CO2に確定しました。",
            year=fiscal(holder.phase.target_year),
            n=number(figures.target_emissions),
        )
    ]
    if figures.retired:
        found.append(_("これまでに%(n)s t-CO2分を償却しています。", n=number(figures.retired)))
    if state is Compliance.SHORT and why:
        return (*found, *why)
    if state is Compliance.SHORT:
        values = {"held": number(figures.available), "n": number(figures.missing)}
        if figures.to_buy:
            values["n"] = number(figures.to_buy)
            found.append(
                _("口座の残高は%(held)s JAAで、%(n)s JAA足りません。期限までに購入してください。", **values)
            )
        elif figures.available < (figures.missing or 0):
            values["jver"] = number(figures.held_jver)
            found.append(
                _(
                    "口座のJAA %(held)sとjVER %(jver)sのうち、あと%(n)sを償却すると、目標遵守となります。",
                    **values,
                )
            )
        elif figures.available == figures.missing:
            found.append(
                _("口座の残高%(held)s JAAをすべて償却すると、目標遵守となります。", held=values["held"])
            )
        else:
            found.append(
                _("口座の残高は%(held)s JAAです。あと%(n)s JAAを償却すると、目標遵守となります。", **values)
            )
    return tuple(found)


def deadlines(
    holder: Holder,
    rule: PhaseRule,
    today: date,
    state: Compliance | None = None,
    figures: Figures | None = None,
    offer: Offer | None = None,
) -> list[Due]:
    """What has a term and is not over; without ``state`` (login B): reports only."""
    found = []
    for report in in_order(holder):
        since, until = report_terms(rule, report.period)
        done = report.state in FINAL
        if done and until < today:
            continue
        year = report_year(report, holder.phase)
        name = _("%(year)s 算定報告書の検証依頼", year=year)
        if report.period is Period.ADJUSTMENT:
            name = _("%(year)s 算定報告書の提出", year=year)
        early = today < since and not done
        handed = done or report.state is not ReportState.NOT_SUBMITTED
        found.append(
            Due(
                name,
                since,
                until,
                "—" if handed else left_words(since, until, today),
                _("受付前") if early else label(report.state),
                "off" if early else tone(report.state),
                "" if early else url_for("participant.report_list"),
                "" if early else _("報告書を見る"),
            )
        )
    if state is not None and figures is not None and offer is not None:
        found += _allowance_deadlines(holder, rule, today, state, figures, offer)
    return sorted(found, key=lambda due: due.until)


def _allowance_deadlines(
    holder: Holder, rule: PhaseRule, today: date, state: Compliance, figures: Figures, offer: Offer
) -> list[Due]:
    found = []
    until = rule.retirement_deadline
    if state is not Compliance.MET or today <= until:
        unit = offer.jver[0] if offer.jver is not None and offer.jaa is None else None
        url = url_for("participant.retire", unit=unit) if offer.any else ""
        # done, in time or late: nothing more to retire
        done = state is Compliance.MET or figures.missing == 0
        name = _("%(year)sの排出量に応じた償却", year=fiscal(holder.phase.target_year))
        left = "—" if done else left_words(None, until, today)
        link = "" if done or not url else _("償却する")
        found.append(Due(name, None, until, left, label(state), tone(state), "" if done else url, link))
    return found


def left_words(since: date | None, until: date, today: date) -> str:
    if since is not None and today < since:
        before = (since - today).days
        return ngettext("受付開始まで%(n)s日", "受付開始まで%(n)s日", before, n=number(before))
    if today > until:
        return _("%(n)s日過ぎています", n=number((today - until).days))
    return _("今日まで") if today == until else days((until - today).days)
