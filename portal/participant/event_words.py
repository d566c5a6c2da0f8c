"""A participant's events as sentences: one whole sentence for each kind, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.models import EmissionsReport, MovementKind, Period, Phase
from portal.services.audit import EventTag
from portal.services.statements import Line
from portal.services.timeline import Happening
from portal.web_text import fiscal, number


@dataclass(frozen=True)
class Told:
    """One line of the list of events; the link leads to what it is about."""

    at: datetime
    text: str
    url: str = ""
    link: str = ""


#: sentences about a report; %(year)s is its fiscal year
_REPORT = {
    EventTag.VERIFIER_ASSIGNED: _l("%(year)sの報告書を検証する検証機関が決まりました。"),
    EventTag.REPORT_REGISTERED: _l("%(year)sの算定報告書を登録しました。"),
    EventTag.VERIFICATION_REQUESTED: _l("%(year)sの算定報告書の検証を依頼しました。"),
    EventTag.SEND_BACK_REQUESTED: _l("%(year)sの算定報告書の差し戻しを依頼しました。"),
    EventTag.SEND_BACK_DECLINED: _l("%(year)sの算定報告書の差戻依頼は、検証機関に断られました。"),
    EventTag.REPORT_RETURNED: _l("%(year)sの算定報告書が差し戻されました。"),
    EventTag.VERIFICATION_REGISTERED: _l("検証機関が%(year)sの検証報告書を登録しました。"),
    EventTag.APPROVAL_REQUESTED: _l("検証機関が%(year)sの報告書の承認を事務局に依頼しました。"),
    EventTag.REVIEW_STARTED: _l("事務局が%(year)sの報告書の査読を始めました。"),
    EventTag.REVIEW_DOCUMENT_SENT: _l("%(year)sの報告書の査読書類が送られました。"),
    EventTag.REPORT_RETURNED_TO_VERIFIER: _l("事務局が%(year)sの報告書を検証機関に差し戻しました。"),
    EventTag.REPORT_APPROVED: _l("%(year)sの算定報告書が承認され、排出量が確定しました。"),
    EventTag.REPORT_SUBMITTED: _l("%(year)sの算定報告書を提出しました。"),
    EventTag.REPORT_RECEIVED: _l("%(year)sの算定報告書が受領されました。"),
    EventTag.REVOCATION_CONFIRMED: _l("%(year)sの算定報告書の承認が取り消されました。"),
}
_APPROVED = _l("%(year)sの算定報告書が承認され、排出量が%(n)s t-CO2に確定しました。")
_OTHER = {
    EventTag.ACCOUNT_OPENED: _l("口座が開設されました。"),
    EventTag.TARGET_CONFIRMED: _l("削減目標量が確定しました。"),
    EventTag.CONTACT_CHANGE_APPLIED: _l("担当者情報の変更を申請しました。"),
    EventTag.CONTACT_CHANGE_ACCEPTED: _l("担当者情報の変更が承認されました。"),
    EventTag.CONTACT_CHANGE_DECLINED: _l("担当者情報の変更は承認されませんでした。"),
    EventTag.CONTACT_CHANGE_WITHDRAWN: _l("担当者情報の変更申請を取り下げました。"),
    EventTag.COMPANY_CHANGED: _l("登録情報変更申請書により、登録内容が変わりました。"),
    EventTag.BANKING_APPLIED: _l("バンキングを申請しました。"),
    EventTag.BANKING_ACCEPTED: _l("バンキングの申請が承認されました。"),
    EventTag.BANKING_DECLINED: _l("バンキングの申請は承認されませんでした。"),
    EventTag.PASSWORD_CHANGED: _l("%(login)sのパスワードを変更しました。"),
    EventTag.ACCOUNT_SUSPENDED: _l("口座が停止されました。"),
    EventTag.ACCOUNT_RESUMED: _l("口座の停止が解かれました。"),
    EventTag.ACCOUNT_CLOSED: _l("口座が閉鎖されました。"),
    EventTag.LOGIN_LOCKED: _l("%(login)sがロックされました。"),
    EventTag.LOGIN_UNLOCKED: _l("%(login)sのロックが解かれました。"),
    EventTag.USER_DISABLED: _l("%(login)sが停止されました。"),
    EventTag.USER_ENABLED: _l("%(login)sの停止が解かれました。"),
    EventTag.CONSENT_CHANGED: _l("担当者情報の公開の同意を変更しました。"),
}
#: sentences about a movement, by (kind, incoming)
_MOVEMENT = {
    (MovementKind.ISSUE, True): _l("%(amount)sが発行されました。"),
    (MovementKind.ISSUE_JVER, True): _l("%(amount)sが発行されました。"),
    (MovementKind.TRANSFER, True): _l("%(code)s（%(name)s）から%(amount)sを受け取りました。"),
    (MovementKind.TRANSFER, False): _l("%(code)s（%(name)s）へ%(amount)sを移転しました。"),
    (MovementKind.RETIRE, False): _l("%(amount)sを償却しました。"),
    (MovementKind.CANCEL, False): _l("%(amount)sを取り消しました。"),
    (MovementKind.OFFSET, False): _l("%(amount)sをオフセットしました。"),
    (MovementKind.CARRY_OVER, True): _l("バンキングにより、%(amount)sを受け取りました。"),
    (MovementKind.CARRY_OVER, False): _l("バンキングにより、%(amount)sを次の期へ繰り越しました。"),
    (MovementKind.CORRECTION, True): _l("訂正により、%(amount)sが戻りました。"),
    (MovementKind.CORRECTION, False): _l("訂正により、%(amount)sを戻しました。"),
}


def report_year(report: EmissionsReport, phase: Phase) -> str:
    """The fiscal year or years a report is about: 2014年度, 2010～2012年度."""
    if report.period is Period.BASE:
        return fiscal((phase.base_first_year, phase.base_last_year))
    return fiscal(phase.target_year if report.period is Period.TARGET else phase.adjustment_year)


def told(happenings: list[Happening], phase: Phase | None) -> list[Told]:
    """The sentences; an event nobody has words for is left out."""
    found = (_of_line(h.line) if h.line is not None else _of_event(h, phase) for h in happenings)
    return [one for one in found if one is not None]


def _of_line(line: Line) -> Told | None:
    text = _MOVEMENT.get((line.kind, line.incoming))
    if text is None:
        return None
    if line.late:
        text = _l("%(amount)sを償却しました（期限後の償却）。")
    amount = f"{number(abs(line.quantity))} {line.unit_class.unit_type.value}"
    sentence = str(text) % {"amount": amount, "code": line.other_code, "name": line.other_name}
    return Told(line.at, sentence, url_for("participant.receipt", code=line.code), _("受領書を見る"))


def _of_event(happening: Happening, phase: Phase | None) -> Told | None:
    event = happening.event
    assert event is not None
    tag = EventTag(event.tag)
    if happening.report is not None and phase is not None and tag in _REPORT:
        year = report_year(happening.report, phase)
        text = str(_REPORT[tag]) % {"year": year}
        # as it was approved then: it may have been taken back, and another one approved
        figure = event.facts.get("emissions")
        if tag is EventTag.REPORT_APPROVED and figure is not None:
            text = str(_APPROVED) % {"year": year, "n": number(figure)}
        return Told(
            event.at,
            text,
            url_for("participant.report_show", period=happening.report.period.value),
            _("報告書を見る"),
        )
    if tag in _OTHER:
        return Told(event.at, str(_OTHER[tag]) % {"login": event.facts.get("login_id", "")})
    return None
