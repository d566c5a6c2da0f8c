"""What happened to a report, in words, as its reader sees it: one's own acts have no subject.

Report figures only: nothing here tells of allowances (safety 14).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup, escape

from portal.models import EmissionsReport, ReviewSide, User
from portal.permissions import SECRETARIAT, Role
from portal.services import documents
from portal.services.audit import EventTag
from portal.services.mail_words import fiscal_years
from portal.services.report_lines import ReviewStatus
from portal.services.report_timeline import TimeLineEntry
from portal.web_text import fiscal, label, number

_HOLDERS = frozenset({Role.HOLDER_A, Role.HOLDER_B})
#: (event, it was the reader's own side) → sentence
Say = Callable[[TimeLineEntry, bool], str]


def _registered(event: TimeLineEntry, own: bool) -> str:
    figures = {"number": event.facts.get("number"), "emissions": number(event.emissions)}
    if own:
        return _("算定報告書の第%(number)s版を登録しました（%(emissions)s t-CO2）", **figures)
    return _("目標保有者が算定報告書の第%(number)s版を登録しました（%(emissions)s t-CO2）", **figures)


def _refused(event: TimeLineEntry, own: bool) -> str:
    return _("算定報告書を登録できませんでした（直すところ%(n)sか所）", n=number(event.facts.get("count")))


def tries(count: int) -> str:
    """So many forms that could not be registered, one after the other."""
    return ngettext(
        "算定報告書を登録できませんでした（続けて%(n)s回）",
        "算定報告書を登録できませんでした（続けて%(n)s回）",
        count,
        n=number(count),
    )


def _attached(event: TimeLineEntry, own: bool) -> str:
    return _("添付ファイル「%(name)s」を登録しました", name=event.facts.get("filename"))


def _detached(event: TimeLineEntry, own: bool) -> str:
    return _("添付ファイル「%(name)s」を外しました", name=event.facts.get("filename"))


def _returned(event: TimeLineEntry, own: bool) -> str:
    if event.facts.get("granted"):
        return _("差戻依頼に応じて差し戻しました") if own else _("検証機関が差戻依頼に応じて差し戻しました")
    if own:
        return _("算定報告書を差し戻しました")
    if event.actor_role in SECRETARIAT:
        return _("事務局が算定報告書を差し戻しました")
    return _("検証機関が算定報告書を差し戻しました")


def _verified(event: TimeLineEntry, own: bool) -> str:
    if own:
        return _("検証報告書を登録しました")
    return _("検証機関が検証報告書を登録しました")


def _assigned(event: TimeLineEntry, own: bool) -> str:
    name = event.facts.get("verifier")
    return (
        _("担当の検証機関が%(name)sに決まりました", name=name) if name else _("担当の検証機関が決まりました")
    )


def _unassigned(event: TimeLineEntry, own: bool) -> str:
    name = event.facts.get("verifier")
    return _("%(name)sの担当が終わりました", name=name) if name else _("検証機関の担当が終わりました")


def _in_charge(event: TimeLineEntry, own: bool) -> str:
    name = event.facts.get("name")
    return _("検証の担当を%(name)s さんに決めました", name=name) if name else _("検証の担当を外しました")


def _reviewed(event: TimeLineEntry, own: bool) -> str:
    if event.facts.get("side") == ReviewSide.SECRETARIAT.value:
        return _("事務局が査読書類を送りました")
    return _("査読書類に回答しました") if own else _("検証機関が査読書類に回答しました")


def _approved(event: TimeLineEntry, own: bool) -> str:
    figure = number(event.emissions)
    return _("事務局が承認しました（排出量%(emissions)s t-CO2で確定）", emissions=figure)


def _both(mine: Callable[[], str], theirs: Callable[[], str]) -> Say:
    return lambda event, own: mine() if own else theirs()


def _one(sentence: Callable[[], str]) -> Say:
    return lambda event, own: sentence()


_SAY: dict[EventTag, Say] = {
    EventTag.VERIFIER_ASSIGNED: _assigned,
    EventTag.VERIFIER_UNASSIGNED: _unassigned,
    EventTag.REPORT_REGISTERED: _registered,
    EventTag.REPORT_REFUSED: _refused,
    EventTag.REPORT_ATTACHED: _attached,
    EventTag.REPORT_ATTACHMENT_REMOVED: _detached,
    EventTag.VERIFICATION_REQUESTED: _both(
        lambda: _("検証を依頼しました"), lambda: _("検証依頼を受けました")
    ),
    EventTag.SEND_BACK_REQUESTED: _both(
        lambda: _("検証機関に差戻依頼をしました"), lambda: _("目標保有者から差戻依頼が届きました")
    ),
    EventTag.SEND_BACK_GRANTED: _both(
        lambda: _("差戻依頼に応じました"), lambda: _("検証機関が差戻依頼に応じました")
    ),
    EventTag.SEND_BACK_DECLINED: _both(
        lambda: _("差戻依頼を断りました"), lambda: _("検証機関が差戻依頼を断りました")
    ),
    EventTag.REPORT_RETURNED: _returned,
    EventTag.VERIFICATION_REGISTERED: _verified,
    EventTag.VERIFICATION_CHARGE_CHOSEN: _in_charge,
    EventTag.APPROVAL_REQUESTED: _both(
        lambda: _("事務局に承認を依頼しました"), lambda: _("検証機関が事務局に承認を依頼しました")
    ),
    EventTag.REVIEW_STARTED: _one(lambda: _("事務局が査読を始めました")),
    EventTag.REVIEW_DOCUMENT_SENT: _reviewed,
    EventTag.REPORT_RETURNED_TO_VERIFIER: _one(lambda: _("事務局が検証機関に差し戻しました")),
    EventTag.REPORT_APPROVED: _approved,
    EventTag.REPORT_SUBMITTED: _one(lambda: _("算定報告書を事務局に提出しました")),
    EventTag.REPORT_RECEIVED: _one(lambda: _("事務局が算定報告書を受領しました")),
    EventTag.REVOCATION_CONFIRMED: _one(lambda: _("事務局が承認を取り消しました")),
}


def sentence(event: TimeLineEntry, reader: User) -> str:
    """What ``event`` says to ``reader``."""
    own = _side(event.actor_role) == _side(reader.role)
    if reader.verifier_id is not None and event.event.actor is not None:
        own = event.event.actor.verifier_id == reader.verifier_id
    return _SAY[event.tag](event, own)


def _side(role: Role | None) -> str:
    if role is None or role in SECRETARIAT:
        return "secretariat"
    return "holder" if role in _HOLDERS else "verifier"


def who(event: TimeLineEntry) -> str:
    """Whose act it was; colleagues of the secretariat have no name of their own for participants."""
    if event.actor_name is None or event.actor_role is None:
        return _("事務局")
    if event.actor_organisation is not None:
        return _("%(name)s さん（%(role)s）", name=event.actor_name, role=event.actor_organisation)
    return _("%(name)s さん（%(role)s）", name=event.actor_name, role=label(Role(event.actor_role)))


def review_badge(status: ReviewStatus) -> tuple[str, str]:
    """(word, tone) of how questions and answers stand."""
    return {
        ReviewStatus.NONE: (_("なし"), "off"),
        ReviewStatus.WAITING: (_("回答待ち"), "go"),
        ReviewStatus.ANSWERED: (_("回答済"), "go"),
        ReviewStatus.CLOSED: (_("完了"), "good"),
    }[status]


def file_kind(media_type: str) -> str:
    """Excel, PDF, Word …, as a link says it."""
    return documents.KIND_NAMES.get(media_type, media_type).split(" ")[0]


_FIGURE = re.compile(r"[0-9][0-9,.]* t-CO2")


def whole_figures(text: str) -> Markup:
    """``text`` with each figure and its unit kept on one line."""
    pieces, end = [], 0
    for found in _FIGURE.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        pieces.append(Markup('<span class="as-nb">{}</span>').format(found.group()))
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def years_of(report: EmissionsReport) -> str:
    """2014年度; 2010～2012年度."""
    return fiscal(fiscal_years(report.holder.phase, report.period))
