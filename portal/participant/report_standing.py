"""Where a holder stands with its reports: the head of the home page and the procedures with a term.

The same for logins A and B: nothing here tells of allowances (safety 14).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.extensions import db_session
from portal.models import EmissionsReport, Holder, Period, PhaseRule, ReportState, RequestAnswer
from portal.participant.event_words import report_year
from portal.permissions import Role
from portal.services import factors, report_rules
from portal.services.compliance import days_left
from portal.web import texts
from portal.web_text import day, days, label, number, tone

#: of a reason, what a home page shows; the report's own page has all of it
_REASON = 120
FINAL = frozenset({ReportState.APPROVED, ReportState.RECEIVED})
_ORDER = (Period.BASE, Period.TARGET, Period.ADJUSTMENT)


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
        all_of_them = ((_("報告書を見る"), url_for("participant.report_list")),)
        return Standing(
            "met", _("報告書"), _("手続きなし"), "good", _("いま必要な手続きはありません"), text, all_of_them
        )
    due = report_terms(rule, now.period)[1]
    if now.state is ReportState.NOT_SUBMITTED:
        return _to_hand_in(now, holder, due, today)
    calm = _("いま必要な手続きはありません。結果が出ると、メールでお知らせします。")
    return Standing(
        "",
        _("報告書"),
        label(now.state),
        tone(now.state),
        _elsewhere(now, holder),
        (*send_back_news(holder), calm),
        ((_("報告書を見る"), page_of(now)),),
    )


def page_of(report: EmissionsReport) -> str:
    """The address of a report's own page."""
    return url_for("participant.report_show", period=report.period.value)


def _to_hand_in(report: EmissionsReport, holder: Holder, due: date, today: date) -> Standing:
    """It is the holder's turn: the one next step, why the report came back, what lateness means."""
    old = factors.outdated(db_session(), [report]).get(report.id, ())
    may, blocked = report_rules.possible(report_rules.facts_of(report, outdated=old), Role.HOLDER_B)
    hand_in = "submit" if report.period is Period.ADJUSTMENT else "request_verification"
    ready = hand_in in may and not (report.returned_at is not None and not mended(report))
    step = (
        (_("算定報告書を登録する"), url_for("participant.report_upload", period=report.period.value))
        if not ready
        else (_("事務局に提出する"), url_for("participant.report_submit", period=report.period.value))
        if report.period is Period.ADJUSTMENT
        else (_("検証を依頼する"), url_for("participant.report_request", period=report.period.value))
    )
    # registered and waiting for something that is not the holder's to do: its page says what
    stuck = not ready and hand_in in blocked and report.current_file_id is not None and not old
    text = texts([blocked[hand_in]]) if (stuck or old) and hand_in in blocked else []
    if today > due:
        text.append(_("期限を過ぎても提出できます。期限後の提出として記録されます。"))
    if report.returned_at is not None:
        text += _why_back(report)
    see = (_("報告書を見る"), page_of(report))
    return Standing(
        "missed" if today > due else "short",
        _("報告書"),
        _("未提出（差戻し）") if report.returned_at is not None else label(report.state),
        "warn" if report.returned_at is not None else tone(report.state),
        _hand_in_head(report, holder, due, today, ready),
        tuple(text),
        (see,) if stuck else (step, see),
        due,
        days_left(due, today) if today <= due else None,
    )


def mended(report: EmissionsReport) -> bool:
    """A returned report that has a newer file already: what is left is to hand it in again."""
    file = report.current_file
    return file is not None and report.returned_at is not None and file.uploaded_at > report.returned_at


def _hand_in_head(report: EmissionsReport, holder: Holder, due: date, today: date, ready: bool) -> str:
    values = {"year": report_year(report, holder.phase), "day": day(due)}
    adjustment = report.period is Period.ADJUSTMENT
    if report.returned_at is not None:
        if adjustment:
            return (
                _("%(year)sの算定報告書は、直したものが登録されています。もう一度提出してください", **values)
                if ready
                else _("%(year)sの算定報告書が差し戻されました。直して、もう一度提出してください", **values)
            )
        return (
            _(
                "%(year)sの算定報告書は、直したものが登録されています。もう一度検証を依頼してください",
                **values,
            )
            if ready
            else _("%(year)sの算定報告書が差し戻されました。直して、もう一度検証を依頼してください", **values)
        )
    if today <= due:
        if adjustment:
            return _("%(day)sまでに、%(year)sの算定報告書を提出してください", **values)
        return _("%(day)sまでに、%(year)sの算定報告書の検証を依頼してください", **values)
    if adjustment:
        return _(
            "%(year)sの算定報告書の期限は、%(day)sでした。いまからでも、事務局に提出してください", **values
        )
    return _("%(year)sの算定報告書の期限は、%(day)sでした。いまからでも、検証を依頼してください", **values)


def _why_back(report: EmissionsReport) -> list[str]:
    """Why a report is with its holder again."""
    last = max(report.send_back_requests, key=lambda one: one.id, default=None)
    if last is not None and last.answer is RequestAnswer.GRANTED and last.reason == report.returned_reason:
        return [_("あなたの差戻依頼に応じて、検証機関が返しました。")]
    return [_("差戻しの理由：%(reason)s", reason=_short(report.returned_reason or ""))]


def _short(reason: str) -> str:
    said = " ".join(reason.split())
    return said if len(said) <= _REASON else f"{said[:_REASON]}…"


def _elsewhere(report: EmissionsReport, holder: Holder) -> str:
    values = {"year": report_year(report, holder.phase)}
    if report.state is ReportState.VERIFICATION_REQUESTED:
        return _("%(year)sの算定報告書を、検証機関が検証しています", **values)
    if report.state is ReportState.SUBMITTED:
        return _("%(year)sの算定報告書は、事務局の受領を待っています", **values)
    return _("%(year)sの算定報告書は、事務局の承認を待っています", **values)


def send_back_news(holder: Holder) -> tuple[str, ...]:
    """What became of the holder's newest request for each report that its verifier has."""
    found: list[str] = []
    for report in in_order(holder):
        last = max(report.send_back_requests, key=lambda one: one.id, default=None)
        if last is None or report.state is not ReportState.VERIFICATION_REQUESTED:
            continue
        # a request of an earlier round is over: the report was handed in again since
        if last.requested_at < report.state_since:
            continue
        year = report_year(report, holder.phase)
        if last.answer is RequestAnswer.OPEN:
            found.append(_("%(year)sの算定報告書の差戻しを、検証機関に依頼しています。", year=year))
        elif last.answer is RequestAnswer.DECLINED:
            found.append(_("%(year)sの算定報告書の差戻依頼は、検証機関に断られました。", year=year))
            found.append(_("理由：%(reason)s", reason=_short(last.answer_reason or "")))
    return tuple(found)


def report_deadlines(holder: Holder, rule: PhaseRule, today: date) -> list[Due]:
    """The reports' lines among the procedures with a term."""
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
                "" if early else page_of(report),
                "" if early else _("報告書を見る"),
            )
        )
    return found


def left_words(since: date | None, until: date, today: date) -> str:
    if since is not None and today < since:
        before = (since - today).days
        return ngettext("受付開始まで%(n)s日", "受付開始まで%(n)s日", before, n=number(before))
    if today > until:
        return _("%(n)s日過ぎています", n=number((today - until).days))
    return _("今日まで") if today == until else days((until - today).days)
