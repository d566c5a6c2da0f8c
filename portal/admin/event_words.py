"""What happened, in words: one sentence for every tag of the audit trail, for the time lines of this room."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from portal.models import Event, Movement
from portal.services.audit import EventTag
from portal.services.report_timeline import says_what_was_asked
from portal.web_text import number

WORDS: dict[EventTag, Any] = {
    EventTag.APPLICATION_RECORDED: _l("申請を記録しました"),
    EventTag.APPLICATION_CHANGED: _l("申請の内容を直しました"),
    EventTag.APPLICATION_PAPERS_RECORDED: _l("書類の受領を記録しました"),
    EventTag.APPLICATION_CORRECTION_ASKED: _l("補正を求めました"),
    EventTag.APPLICATION_CORRECTED: _l("補正された内容を記録しました"),
    EventTag.APPLICATION_ACCEPTED: _l("申請を受理しました"),
    EventTag.APPLICATION_REJECTED: _l("申請を却下しました"),
    EventTag.APPLICATION_WITHDRAWN: _l("申請の取下げを記録しました"),
    EventTag.LETTER_PRINTED: _l("通知書を印刷しました"),
    EventTag.LETTER_POSTED: _l("通知書の発送を記録しました"),
    EventTag.LETTER_RETURNED: _l("通知書の返送を記録しました"),
    EventTag.ACCOUNT_OPENED: _l("口座を開設しました"),
    EventTag.TARGET_PROPOSED: _l("削減目標量を起案しました"),
    EventTag.TARGET_CONFIRMED: _l("削減目標量を確定しました"),
    EventTag.TARGET_WITHDRAWN: _l("削減目標量の起案を取り下げました"),
    EventTag.PHASE_CREATED: _l("期を登録しました"),
    EventTag.PHASE_RULE_CHANGED: _l("期限を変更しました"),
    EventTag.FACTORS_CHANGED: _l("排出係数を変更しました"),
    EventTag.VERIFIER_ASSIGNED: _l("検証機関を決めました"),
    EventTag.REPORT_REGISTERED: _l("算定報告書を登録しました"),
    EventTag.REPORT_ATTACHED: _l("添付ファイルを登録しました"),
    EventTag.REPORT_ATTACHMENT_REMOVED: _l("添付ファイルを外しました"),
    EventTag.REPORT_REFUSED: _l("算定報告書を登録できませんでした"),
    EventTag.VERIFICATION_REQUESTED: _l("検証を依頼しました"),
    EventTag.SEND_BACK_REQUESTED: _l("差戻依頼をしました"),
    EventTag.SEND_BACK_GRANTED: _l("差戻依頼に応じました"),
    EventTag.SEND_BACK_DECLINED: _l("差戻依頼を断りました"),
    EventTag.REPORT_RETURNED: _l("算定報告書を差し戻しました"),
    EventTag.VERIFICATION_REGISTERED: _l("検証報告書を登録しました"),
    EventTag.APPROVAL_REQUESTED: _l("承認を依頼しました"),
    EventTag.REVIEW_STARTED: _l("査読を始めました"),
    EventTag.REVIEW_DOCUMENT_SENT: _l("査読書類を送りました"),
    EventTag.REPORT_RETURNED_TO_VERIFIER: _l("検証機関に差し戻しました"),
    EventTag.REPORT_APPROVED: _l("算定報告書を承認しました"),
    EventTag.REPORT_SUBMITTED: _l("算定報告書を提出しました"),
    EventTag.REPORT_RECEIVED: _l("算定報告書を受領しました"),
    EventTag.REVOCATION_PROPOSED: _l("承認の取消しを起案しました"),
    EventTag.REVOCATION_CONFIRMED: _l("承認を取り消しました"),
    EventTag.REVOCATION_WITHDRAWN: _l("承認の取消しの起案を取り下げました"),
    EventTag.MOVEMENT_PROPOSED: _l("移動を起案しました"),
    EventTag.MOVEMENT_EXECUTED: _l("移動を実行しました"),
    EventTag.MOVEMENT_WITHDRAWN: _l("移動の起案を取り下げました"),
    EventTag.MOVEMENT_EXPIRED: _l("移動の起案が期限切れになりました"),
    EventTag.MOVEMENT_REFUSED: _l("移動を受け付けませんでした"),
    EventTag.CONTACT_CHANGE_APPLIED: _l("担当者の変更を申請しました"),
    EventTag.CONTACT_CHANGE_ACCEPTED: _l("担当者の変更を承認しました"),
    EventTag.CONTACT_CHANGE_DECLINED: _l("担当者の変更を不承認にしました"),
    EventTag.BANKING_APPLIED: _l("バンキングを申請しました"),
    EventTag.BANKING_ACCEPTED: _l("バンキングを承認しました"),
    EventTag.BANKING_DECLINED: _l("バンキングを不承認にしました"),
    EventTag.COMPLIANCE_FROZEN: _l("償却期限の記録を確定しました"),
    EventTag.LOGIN_SUCCEEDED: _l("ログインしました"),
    EventTag.LOGIN_FAILED: _l("ログインに失敗しました"),
    EventTag.LOGGED_OUT: _l("ログアウトしました"),
    EventTag.PASSWORD_CHANGED: _l("パスワードを変更しました"),
    EventTag.PASSWORD_ISSUED: _l("初期パスワードを発行しました"),
    EventTag.USER_CREATED: _l("ログインIDを作成しました"),
    EventTag.USER_DISABLED: _l("ログインIDを停止しました"),
    EventTag.USER_ENABLED: _l("ログインIDの停止を解きました"),
    EventTag.DOCUMENT_DOWNLOADED: _l("ファイルをダウンロードしました"),
    EventTag.DEMO_CLOCK_SET: _l("システムの時計を変えました"),
    EventTag.MAIL_RESENT: _l("メールをもう一度送りました"),
    EventTag.APPLICATION_TAKEN: _l("申請の担当を決めました"),
    EventTag.APPLICATION_SCAN_ATTACHED: _l("書類の画像を添付しました"),
    EventTag.APPLICATION_SCAN_REMOVED: _l("書類の画像を外しました"),
    EventTag.IMPORT_UPLOADED: _l("一括取り込みのファイルを受け付けました"),
    EventTag.IMPORT_READ: _l("一括取り込みのファイルを読み取りました"),
    EventTag.IMPORT_REFUSED: _l("一括取り込みのファイルに不備がありました"),
    EventTag.IMPORT_STARTED: _l("一括取り込みを始めました"),
    EventTag.IMPORT_FINISHED: _l("一括取り込みが終わりました"),
    EventTag.IMPORT_FAILED: _l("一括取り込みができませんでした"),
    EventTag.IMPORT_DISCARDED: _l("一括取り込みのファイルを破棄しました"),
    EventTag.LETTER_BATCH_QUEUED: _l("通知書のまとめ印刷を始めました"),
    EventTag.LETTER_BATCH_READY: _l("通知書をまとめて印刷しました"),
    EventTag.LETTER_BATCH_FETCHED: _l("まとめて印刷したPDFをダウンロードしました"),
    EventTag.LETTER_BATCH_DESTROYED: _l("まとめて印刷したPDFを消去しました"),
    EventTag.LETTER_BATCH_FAILED: _l("通知書のまとめ印刷ができませんでした"),
    EventTag.IMPORT_CLEARED: _l("一括取り込みのファイルと行の内容を消去しました"),
    EventTag.LETTER_VOIDED: _l("印刷待ちの通知書を取り消しました"),
    EventTag.LETTER_ADDRESS_CORRECTED: _l("届かなかった通知書の送り先を直しました"),
    EventTag.REISSUE_ASKED: _l("パスワード再発行の通知書を作りました"),
    EventTag.PHASE_PROPOSED: _l("期の開始または期限の変更を起案しました"),
    EventTag.PHASE_PROPOSAL_CONFIRMED: _l("期の開始または期限の変更を確定しました"),
    EventTag.PHASE_PROPOSAL_WITHDRAWN: _l("期の開始または期限の変更の起案を取り下げました"),
    EventTag.TARGET_SUPERSEDED: _l("前の削減目標量を置き換えました"),
    EventTag.VERIFIER_UNASSIGNED: _l("検証機関の担当を終えました"),
    EventTag.LOGIN_LOCKED: _l("ログインIDをロックしました"),
    EventTag.LOGIN_UNLOCKED: _l("ログインIDのロックを解きました"),
    EventTag.COMPANY_CHANGED: _l("書面により登録内容を変更しました"),
    EventTag.CONSENT_CHANGED: _l("担当者情報の公開の同意を変更しました"),
    EventTag.ACCOUNT_CHANGE_PROPOSED: _l("口座の状態の変更を起案しました"),
    EventTag.ACCOUNT_CHANGE_CONFIRMED: _l("口座の状態の変更を確定しました"),
    EventTag.ACCOUNT_CHANGE_WITHDRAWN: _l("口座の状態の変更の起案を取り下げました"),
    EventTag.ACCOUNT_SUSPENDED: _l("口座を停止しました"),
    EventTag.ACCOUNT_RESUMED: _l("口座の停止を解きました"),
    EventTag.ACCOUNT_CLOSED: _l("口座を閉鎖しました"),
    EventTag.NOTE_WRITTEN: _l("メモを書きました"),
    EventTag.APPLICATION_FORM_REFUSED: _l("登録申請書（Excel）を読み取れませんでした"),
    EventTag.DIRECTORY_EXPORTED: _l("担当者リストをファイルにしました"),
    EventTag.USER_ROLE_CHANGED: _l("役割を変更しました"),
    EventTag.CONTACT_CHANGE_WITHDRAWN: _l("担当者の変更申請を取り下げました"),
    EventTag.REPORT_CLERK_CHOSEN: _l("報告書の事務局の担当者を決めました"),
    EventTag.VERIFICATION_CHARGE_CHOSEN: _l("検証の担当者を決めました"),
    EventTag.VERIFICATION_DRAFT_SAVED: _l("検証の記録を下書き保存しました"),
    EventTag.FACTORS_PROPOSED: _l("排出係数の変更を起案しました"),
    EventTag.FACTORS_CONFIRMED: _l("排出係数の変更を確定しました"),
    EventTag.FACTORS_WITHDRAWN: _l("排出係数の変更の起案を取り下げました"),
    EventTag.REMINDER_SENT: _l("期限のお知らせを送りました"),
    EventTag.RETIREMENT_REMINDED: _l("償却期限のお知らせを送りました"),
    EventTag.ISSUE_BATCH_PROPOSED: _l("一括発行を起案しました"),
    EventTag.ISSUE_BATCH_EXECUTED: _l("一括発行を実行しました"),
    EventTag.ISSUE_BATCH_WITHDRAWN: _l("一括発行の起案を取り下げました"),
    EventTag.ISSUE_BATCH_EXPIRED: _l("一括発行の起案が期限切れになりました"),
    EventTag.PHASE_CLOSING_PROPOSED: _l("期の締めを起案しました"),
    EventTag.PHASE_CLOSED: _l("期を締めました"),
    EventTag.PHASE_CLOSING_WITHDRAWN: _l("期の締めの起案を取り下げました"),
    EventTag.BOOKS_COMPARED: _l("台帳を第二の帳簿と照合しました"),
    EventTag.BOOKS_DISAGREED: _l("台帳と第二の帳簿が一致しませんでした"),
    EventTag.BANKING_WITHDRAWN: _l("バンキングの申請を取り下げました"),
    EventTag.BANKING_PROPOSED: _l("バンキングを起案しました"),
    EventTag.STATEMENT_MADE: _l("取引明細書をPDFにしました"),
    EventTag.COMPLIANCE_PUT_RIGHT: _l("償却期限の記録を、訂正後の数量でもう一つ確定しました"),
    EventTag.BANKING_REMINDED: _l("バンキングの申請期限のお知らせを送りました"),
    EventTag.PUBLICATION_OUTDATED: _l("公表している内容が記録と違っています"),
    EventTag.PUBLICATION_PROPOSED: _l("公表を起案しました"),
    EventTag.PUBLICATION_RELEASED: _l("公表しました"),
    EventTag.PUBLICATION_WITHDRAWN: _l("公表の起案を取り下げました"),
    EventTag.TARGET_DECLINED: _l("削減目標量の起案を却下しました"),
    EventTag.REVOCATION_DECLINED: _l("承認の取消しの起案を却下しました"),
    EventTag.MOVEMENT_DECLINED: _l("移動の起案を却下しました"),
    EventTag.PHASE_PROPOSAL_DECLINED: _l("期の開始または期限の変更の起案を却下しました"),
    EventTag.ACCOUNT_CHANGE_DECLINED: _l("口座の状態の変更の起案を却下しました"),
    EventTag.FACTORS_DECLINED: _l("排出係数の変更の起案を却下しました"),
    EventTag.PUBLICATION_DECLINED: _l("公表の起案を却下しました"),
    EventTag.ISSUE_BATCH_DECLINED: _l("一括発行の起案を却下しました"),
    EventTag.PHASE_CLOSING_DECLINED: _l("期の締めの起案を却下しました"),
    EventTag.PUBLICATION_REPLACED: _l("公表の内容を差し替えました"),
    EventTag.PUBLICATION_ENDED: _l("公表を終えました"),
    EventTag.FILE_INFECTED: _l("ウイルスを検出したファイルを受け付けませんでした"),
    EventTag.CASE_FILE_MADE: _l("報告書の一件書類をPDFにしました"),
    EventTag.NIGHT_WORK_FAILED: _l("夜間の処理が失敗しました"),
    EventTag.BOOKS_NOT_COMPARED: _l("台帳の照合が行われていないことを知らせました"),
    EventTag.ACCOUNT_CHANGE_EXPIRED: _l("口座の状態の変更の起案が期限切れになりました"),
    EventTag.REVOCATION_EXPIRED: _l("承認の取消しの起案が期限切れになりました"),
    EventTag.PHASE_PROPOSAL_EXPIRED: _l("期の開始または期限の変更の起案が期限切れになりました"),
    EventTag.PHASE_CLOSING_EXPIRED: _l("期の締めの起案が期限切れになりました"),
    EventTag.PUBLICATION_EXPIRED: _l("公表の起案が期限切れになりました"),
    EventTag.FACTORS_EXPIRED: _l("排出係数の変更の起案が期限切れになりました"),
}

_BY_VALUE = {tag.value: word for tag, word in WORDS.items()}

#: how many events a page shows
LONGEST = 50
#: a login's coming and going is no part of a row's history
_NOISE = (EventTag.LOGIN_SUCCEEDED, EventTag.LOGIN_FAILED, EventTag.LOGGED_OUT, EventTag.DOCUMENT_DOWNLOADED)


def event_word(tag: str) -> str:
    """The sentence for a stored tag; a tag that is no longer used is shown as it is stored."""
    return str(_BY_VALUE.get(tag, tag))


#: events whose sentence says that somebody was chosen, with the fact that says whom
_WHOM = {
    EventTag.REPORT_CLERK_CHOSEN.value: "after",
    EventTag.VERIFICATION_CHARGE_CHOSEN.value: "after",
    EventTag.VERIFIER_ASSIGNED.value: "after",
    EventTag.VERIFIER_UNASSIGNED.value: "before",
}


def said(event: Event) -> str:
    """The sentence of an event, with whom it is about where that is what matters."""
    fact = _WHOM.get(event.tag)
    if event.tag == EventTag.MOVEMENT_REFUSED and event.subject_type == Movement.__tablename__:
        return _("この移動についての操作を受け付けませんでした")  # it may well have been executed
    if fact is None or fact not in event.facts:
        return event_word(event.tag)
    return _("%(what)s（%(name)s）", what=event_word(event.tag), name=event.facts[fact] or _("未定"))


#: events about a report's files, with the name of the file
_OF_A_FILE = frozenset(
    {
        EventTag.REPORT_REGISTERED.value,
        EventTag.REPORT_REFUSED.value,
        EventTag.REPORT_ATTACHED.value,
        EventTag.REPORT_ATTACHMENT_REMOVED.value,
    }
)


def run_of(event: Event) -> object:
    """What makes events one line: forms that were refused one after the other by the same person."""
    return event.actor_id if event.tag == EventTag.REPORT_REFUSED.value else event


def told(run: Sequence[Event]) -> str:
    """The line of a run: of one event with version, figure and file where it has them."""
    event, name = run[0], run[0].facts.get("filename")
    if len(run) > 1:
        return _("%(what)s（続けて%(n)s回）", what=event_word(event.tag), n=number(len(run)))
    what = said(event)
    if event.tag == EventTag.REPORT_REGISTERED.value and event.facts.get("number"):
        what = _(
            "算定報告書の第%(number)s版を登録しました（%(emissions)s t-CO2）",
            number=event.facts["number"],
            emissions=number(event.facts.get("after")),
        )
    return _("%(what)s（%(name)s）", what=what, name=name) if name and event.tag in _OF_A_FILE else what


def _by(event: Event, asked: Collection[str]) -> str:
    who = event.actor.name if event.actor is not None else _("システム")
    if not event.reason:
        return who
    if says_what_was_asked(event, asked):
        return _("%(who)s（依頼の理由：%(reason)s）", who=who, reason=event.reason)
    return _("%(who)s（理由：%(reason)s）", who=who, reason=event.reason)


def history(
    session: Session,
    subjects: Sequence[tuple[str, Sequence[int]]],
    *,
    holder_id: int | None = None,
    besides: Sequence[tuple[str, EventTag]] = (),
    asked: Collection[str] = (),
    longest: int = LONGEST,
) -> list[tuple[datetime, str, str, bool]]:
    """The newest events about some rows, for ``macros/data.timeline``; one query.

    ``subjects`` are (table name, ids); ``holder_id`` adds all that happened to a holder's affairs;
    ``besides`` names (table, tag) of what is told by another row's event; ``asked`` are the reasons of a
    report's send-back requests.
    """
    wanted: list[Any] = [
        and_(Event.subject_type == table, Event.subject_id.in_(ids)) for table, ids in subjects if ids
    ]
    if holder_id is not None:
        wanted.append(Event.holder_id == holder_id)
    if not wanted:
        return []
    events = session.scalars(
        select(Event)
        .options(joinedload(Event.actor))
        .where(
            or_(*wanted),
            Event.tag.not_in([tag.value for tag in _NOISE]),
            *(or_(Event.subject_type != table, Event.tag != tag.value) for table, tag in besides),
        )
        .order_by(Event.id.desc())
        .limit(longest)
    )
    runs = [list(run) for _who, run in groupby(events, key=run_of)]
    # what was refused has changed nothing: how things stand, the step before it says
    newest = next((place for place, run in enumerate(runs) if run[0].tag != EventTag.MOVEMENT_REFUSED), 0)
    return [(run[0].at, told(run), _by(run[0], asked), place == newest) for place, run in enumerate(runs)]
