"""How figures, dates and states are written on pages: filters and labels in the reader's language."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import floor
from typing import Any

from flask import Flask, request, session
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from portal import clock
from portal.models import (
    AccountAction,
    AccountKind,
    AccountState,
    ApplicationState,
    BatchState,
    DecisionState,
    ImportKind,
    ImportState,
    IssueBatchState,
    JobState,
    LetterKind,
    LetterState,
    MailState,
    MovementKind,
    MovementState,
    Opinion,
    ParticipantKind,
    Participation,
    Period,
    ProposalState,
    PublicationState,
    PublicationSubject,
    RecordCause,
    ReminderSubject,
    ReportState,
    ReviewSide,
    ScanKind,
    SiteKind,
    TargetState,
)
from portal.permissions import Role
from portal.services.checklist import Answer
from portal.services.comparison import in_percent
from portal.services.compliance import Compliance
from portal.services.letter_addresses import LearntBy

_WEEKDAYS = "月火水木金土日"
NOTHING = "—"

#: (state, word, tone of the badge): '' recorded, go moving, good done, warn needs a hand,
#: bad late or stopped, off not begun
_WORDS: tuple[tuple[StrEnum, Any, str], ...] = (
    (Role.HOLDER_A, _l("目標保有者A"), ""),
    (Role.HOLDER_B, _l("目標保有者B"), ""),
    (Role.TRADER, _l("取引参加者"), ""),
    (Role.VERIFIER, _l("検証機関"), ""),
    (Role.OFFICER, _l("事務局 担当者"), ""),
    (Role.APPROVER, _l("事務局 承認者"), ""),
    (Role.VIEWER, _l("事務局 閲覧者"), ""),
    (ParticipantKind.HOLDER, _l("目標保有者"), ""),
    (ParticipantKind.TRADER, _l("取引参加者"), ""),
    (ParticipantKind.VERIFIER, _l("検証機関"), ""),
    (ApplicationState.RECEIVED, _l("受付済"), ""),
    (ApplicationState.CORRECTION_ASKED, _l("補正待ち"), "warn"),
    (ApplicationState.ACCEPTED, _l("受理済"), "good"),
    (ApplicationState.REJECTED, _l("却下"), "bad"),
    (ApplicationState.WITHDRAWN, _l("取下げ"), "off"),
    (SiteKind.FACTORY, _l("工場"), ""),
    (SiteKind.WORKPLACE, _l("事業場"), ""),
    (Participation.SINGLE, _l("単独"), ""),
    (Participation.GROUP, _l("グループ"), ""),
    (Period.BASE, _l("基準年度"), ""),
    (Period.TARGET, _l("削減目標年度"), ""),
    (Period.ADJUSTMENT, _l("調整・自主削減年度"), ""),
    (ReportState.NOT_SUBMITTED, _l("未提出"), "off"),
    (ReportState.VERIFICATION_REQUESTED, _l("検証依頼中"), "go"),
    (ReportState.APPROVAL_REQUESTED, _l("承認依頼中"), "go"),
    (ReportState.UNDER_REVIEW, _l("査読中"), "go"),
    (ReportState.APPROVED, _l("承認済"), "good"),
    (ReportState.SUBMITTED, _l("提出済"), "go"),
    (ReportState.RECEIVED, _l("受領済"), "good"),
    (Opinion.UNQUALIFIED, _l("無限定適正"), "good"),
    (Opinion.QUALIFIED, _l("限定付適正"), "good"),
    (Opinion.ADVERSE, _l("不適正"), "bad"),
    (Opinion.DISCLAIMER, _l("意見不表明"), "bad"),
    (Answer.CONFORMS, _l("適合"), "good"),
    (Answer.NOT, _l("不適合"), "bad"),
    (Answer.NOT_APPLICABLE, _l("該当なし"), "off"),
    (ReviewSide.SECRETARIAT, _l("事務局"), ""),
    (ReviewSide.VERIFIER, _l("検証機関"), ""),
    (AccountKind.COMPLIANCE, _l("遵守口座"), ""),
    (AccountKind.TRADING, _l("取引口座"), ""),
    (AccountKind.ISSUANCE, _l("発行口座"), ""),
    (AccountKind.RETIREMENT, _l("償却口座"), ""),
    (AccountKind.CANCELLATION, _l("取消口座"), ""),
    (AccountKind.OFFSET, _l("オフセット口座"), ""),
    (AccountState.OPEN, _l("利用中"), "good"),
    (AccountState.SUSPENDED, _l("停止中"), "bad"),
    (AccountState.CLOSED, _l("閉鎖"), "off"),
    (MovementKind.ISSUE, _l("発行"), ""),
    (MovementKind.ISSUE_JVER, _l("jVERの発行"), ""),
    (MovementKind.TRANSFER, _l("移転"), ""),
    (MovementKind.RETIRE, _l("償却"), ""),
    (MovementKind.CANCEL, _l("取消"), ""),
    (MovementKind.OFFSET, _l("オフセット"), ""),
    (MovementKind.CARRY_OVER, _l("バンキング"), ""),
    (MovementKind.CORRECTION, _l("訂正"), ""),
    (MovementState.PROPOSED, _l("確認待ち"), "go"),
    (MovementState.EXECUTED, _l("実行済"), "good"),
    (MovementState.WITHDRAWN, _l("取下げ・却下"), "off"),
    (MovementState.EXPIRED, _l("起案の期限切れ"), "off"),
    (TargetState.PROPOSED, _l("確認待ち"), "go"),
    (TargetState.CONFIRMED, _l("確定"), "good"),
    (TargetState.WITHDRAWN, _l("取下げ・却下"), "off"),
    (LearntBy.TELEPHONE, _l("電話で確かめた"), ""),
    (LearntBy.PAPER, _l("新しい書面が届いた"), ""),
    (LetterKind.COMPLETION, _l("登録完了通知書"), ""),
    (LetterKind.CORRECTION, _l("補正のお願い"), ""),
    (LetterKind.REJECTION, _l("却下の通知書"), ""),
    (LetterKind.REISSUE, _l("パスワード再発行通知書"), ""),
    (LetterState.WAITING, _l("印刷待ち"), "warn"),
    (LetterState.PRINTED, _l("印刷済"), "go"),
    (LetterState.POSTED, _l("発送済"), "good"),
    (LetterState.RETURNED, _l("不達で返送"), "bad"),
    (LetterState.VOID, _l("取消済"), "off"),
    (MailState.QUEUED, _l("送信待ち"), "go"),
    (MailState.SENT, _l("送信済"), "good"),
    (MailState.FAILED, _l("送信できず"), "bad"),
    (JobState.QUEUED, _l("実行待ち"), "go"),
    (JobState.RUNNING, _l("実行中"), "go"),
    (JobState.DONE, _l("完了"), "good"),
    (JobState.FAILED, _l("失敗"), "bad"),
    (DecisionState.APPLIED, _l("審査待ち"), "go"),
    (DecisionState.ACCEPTED, _l("承認"), "good"),
    (DecisionState.DECLINED, _l("不承認"), "bad"),
    (DecisionState.WITHDRAWN, _l("取下げ"), "off"),
    (ProposalState.PROPOSED, _l("確認待ち"), "go"),
    (ProposalState.CONFIRMED, _l("確定"), "good"),
    (ProposalState.WITHDRAWN, _l("取下げ・却下"), "off"),
    (ProposalState.EXPIRED, _l("起案の期限切れ"), "off"),
    (AccountAction.SUSPEND, _l("口座の停止"), ""),
    (AccountAction.RESUME, _l("口座の再開"), ""),
    (AccountAction.CLOSE, _l("口座の閉鎖"), ""),
    (ImportKind.APPLICATIONS, _l("登録申請の一括取り込み"), ""),
    (ImportKind.TARGETS, _l("削減目標量の一括取り込み"), ""),
    (ImportState.UPLOADED, _l("読み取り中"), "go"),
    (ImportState.READY, _l("確認待ち"), "warn"),
    (ImportState.REFUSED, _l("不備あり"), "bad"),
    (ImportState.RUNNING, _l("取り込み中"), "go"),
    (ImportState.DONE, _l("取り込み済"), "good"),
    (ImportState.FAILED, _l("取り込めず"), "bad"),
    (ImportState.DISCARDED, _l("破棄済"), "off"),
    (BatchState.QUEUED, _l("作成中"), "go"),
    (BatchState.READY, _l("ダウンロードできます"), "warn"),
    (BatchState.GONE, _l("消去済"), "off"),
    (BatchState.FAILED, _l("作成できず"), "bad"),
    (ScanKind.APPLICATION, _l("登録申請書"), ""),
    (ScanKind.CONSENT, _l("個人情報提供の同意書"), ""),
    (ScanKind.CORRECTION, _l("補正された書類"), ""),
    (ScanKind.FORM, _l("登録申請書（Excel）"), ""),
    (ScanKind.OTHER, _l("そのほかの書類"), ""),
    (RecordCause.REGISTERED, _l("登録の受理"), ""),
    (RecordCause.CONTACT_CHANGE, _l("担当者の変更申請"), ""),
    (RecordCause.COMPANY_CHANGE, _l("登録情報変更申請書（書面）"), ""),
    (RecordCause.CONSENT, _l("公開の同意の変更"), ""),
    (RecordCause.CARRIED_OVER, _l("履歴を始めたときの内容"), ""),
    (ReminderSubject.BASE, _l("基準年度の算定報告書"), ""),
    (ReminderSubject.TARGET, _l("削減目標年度の算定報告書"), ""),
    (ReminderSubject.ADJUSTMENT, _l("調整・自主削減年度の算定報告書"), ""),
    (ReminderSubject.RETIREMENT, _l("排出枠の償却"), ""),
    (PublicationSubject.EMISSIONS, _l("検証済排出量"), ""),
    (PublicationSubject.ALLOWANCES, _l("排出枠の総量と目標の遵守"), ""),
    (PublicationState.PROPOSED, _l("確認待ち"), "go"),
    (PublicationState.RELEASED, _l("公表中"), "good"),
    (PublicationState.WITHDRAWN, _l("取下げ・却下"), "off"),
    (PublicationState.REPLACED, _l("差替え済"), "off"),
    (PublicationState.ENDED, _l("公表終了"), "off"),
    (PublicationState.EXPIRED, _l("起案の期限切れ"), "off"),
    (IssueBatchState.PROPOSED, _l("確認待ち"), "go"),
    (IssueBatchState.EXECUTED, _l("実行済"), "good"),
    (IssueBatchState.WITHDRAWN, _l("取下げ・却下"), "off"),
    (IssueBatchState.EXPIRED, _l("起案の期限切れ"), "off"),
    (Compliance.UNCONFIRMED, _l("未確定"), ""),
    (Compliance.SHORT, _l("不足"), "warn"),
    (Compliance.MET, _l("遵守"), "good"),
    (Compliance.MISSED, _l("期限超過・未遵守"), "bad"),
    (Compliance.NOT_OBLIGED, _l("対象外"), "off"),
)
#: kept by (enum, value): members of different enums are equal when their values are
_ENTRIES = {(type(member), member.value): (word, kind) for member, word, kind in _WORDS}


def note_language() -> None:
    """What ?lang= says holds from here on, also if this address only leads to another."""
    if (chosen := request.args.get("lang")) in ("ja", "en"):
        session["lang"] = chosen


def locale_name() -> str:
    """``ja`` or ``en``."""
    locale = get_locale()
    return "en" if locale is not None and locale.language == "en" else "ja"


def english() -> bool:
    return locale_name() == "en"


def number(value: int | None) -> str:
    """1,234; nothing is —; the minus sign is U+2212."""
    if value is None:
        return NOTHING
    return f"{value:,}".replace("-", "−")


def three_places(value: Decimal | Fraction) -> str:
    """A tonnage to three places, cut down like every total of the scheme, never rounded up: 971.635.

    The one way an exact figure is shortened on screen (domain §4): all readers see the same digits.
    """
    thousandths = floor(Fraction(value) * 1000)
    return f"{thousandths // 1000:,}.{thousandths % 1000:03d}"


def as_entered(value: Decimal | str) -> str:
    """An activity with every digit that the form holds: 1,234.5."""
    return f"{Decimal(value):,f}"


def signed(value: int | None) -> str:
    """+1,234 or −1,234: the change a movement makes."""
    if value is None:
        return NOTHING
    return ("+" if value > 0 else "") + number(value)


def day(value: date | datetime | None) -> str:
    """2015年11月30日（月） / 30 Nov 2015, in Tokyo."""
    if value is None:
        return NOTHING
    local = clock.in_tokyo(value).date() if isinstance(value, datetime) else value
    if english():
        return f"{local.day} {local:%b %Y}"
    return f"{local.year}年{local.month}月{local.day}日（{_WEEKDAYS[local.weekday()]}）"


def short_day(value: date | datetime | None) -> str:
    """10月13日（火） / 13 Oct: in lists of one year."""
    if value is None:
        return NOTHING
    local = clock.in_tokyo(value).date() if isinstance(value, datetime) else value
    if english():
        return f"{local.day} {local:%b}"
    return f"{local.month}月{local.day}日（{_WEEKDAYS[local.weekday()]}）"


def time_of(value: datetime | None) -> str:
    """14:20, in Tokyo."""
    if value is None:
        return NOTHING
    local = clock.in_tokyo(value)
    return f"{local.hour}:{local.minute:02d}"


def moment(value: datetime | None) -> str:
    """2015年6月17日（水）14:20 / 17 Jun 2015 14:20."""
    if value is None:
        return NOTHING
    return f"{day(value)} {time_of(value)}" if english() else f"{day(value)}{time_of(value)}"


def last_day(until: datetime | None) -> str:
    """The last day before ``until``, the first moment that is too late: as letters name it."""
    return NOTHING if until is None else day(until - timedelta(microseconds=1))


def percent(share: Fraction | None) -> str:
    """+12.3%, −4.0%: a share in the words of :func:`~portal.services.comparison.in_percent`."""
    return NOTHING if share is None else in_percent(share)


def places_change(before: Decimal | Fraction | None, after: Decimal | Fraction | None) -> str:
    """+3,686.144 or −12.000: from one tonnage to the other, as whoever reckons with the shown ones finds it.

    Both sides are cut to three places, as they are shown; a missing side counts as nothing.
    """
    was, now = (floor(Fraction(side or 0) * 1000) for side in (before, after))
    sign = "" if was == now else "+" if now > was else "−"
    return sign + three_places(Fraction(abs(now - was), 1000))


def filesize(value: int | None) -> str:
    """184 KB, 1.4 MB."""
    if value is None:
        return NOTHING
    if value < 1024 * 1024:
        return f"{max(1, round(value / 1024)):,} KB"
    return f"{value / (1024 * 1024):.1f} MB"


def days(value: int | None) -> str:
    """33日 / 33 days."""
    if value is None:
        return NOTHING
    if value == 1 and english():
        return "1 day"
    return _("%(n)s日", n=number(value))


def label(value: StrEnum | None) -> str:
    """The word of a state or kind in the reader's language."""
    if value is None:
        return NOTHING
    return str(_ENTRIES[(type(value), value.value)][0])


def tone(value: StrEnum | None) -> str:
    """The tone of its badge."""
    return "" if value is None else _ENTRIES[(type(value), value.value)][1]


def badge(value: StrEnum | None) -> Markup:
    """The whole badge of a state."""
    if value is None:
        return escape(NOTHING)
    kind = tone(value)
    extra = f" as-badge--{kind}" if kind else ""
    return Markup('<span class="as-badge{}">{}</span>').format(extra, escape(label(value)))


def fiscal(years: tuple[int, ...] | int) -> str:
    """2014年度, 2010～2012年度 / FY2014, FY2010–2012."""
    if isinstance(years, int):
        years = (years,)
    span = f"{years[0]}" if len(years) == 1 else f"{years[0]}{'–' if english() else '～'}{years[-1]}"
    return f"FY{span}" if english() else f"{span}年度"


def fiscal_list(years: tuple[int, ...]) -> str:
    """Single fiscal years, one after the other: 2010年度、2012年度."""
    return (", " if english() else "、").join(fiscal(year) for year in years)


def phase_name(number_of_phase: int) -> str:
    """第2期 / Phase 2."""
    return _("第%(n)s期", n=number_of_phase)


def unit_name(unit_class: Any) -> str:
    """第2期 JAA / Phase 2 JAA; jVER."""
    if unit_class.phase is None:
        return str(unit_class.unit_type.value)
    return f"{phase_name(unit_class.phase.number)} {unit_class.unit_type.value}"


def account_name(account: Any) -> str:
    """An account's name; the scheme's own accounts in the reader's language."""
    own = account.kind in (AccountKind.COMPLIANCE, AccountKind.TRADING)
    return str(account.name) if own else label(account.kind)


def install(app: Flask) -> None:
    """Give the templates their filters."""
    app.jinja_env.filters.update(
        number=number,
        signed=signed,
        three_places=three_places,
        as_entered=as_entered,
        date=day,
        day=short_day,
        datetime=moment,
        last_day=last_day,
        time=time_of,
        filesize=filesize,
        days=days,
        label=label,
        tone=tone,
        state_badge=badge,
        fiscal=fiscal,
        fiscal_list=fiscal_list,
        phase_name=phase_name,
        unit_name=unit_name,
        account_name=account_name,
        percent=percent,
        places_change=places_change,
    )
