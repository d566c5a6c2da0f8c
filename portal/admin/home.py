"""The secretariat's home: what waits, how the phase stands, who may miss the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal import clock
from portal.admin import compliance_board
from portal.admin.compliance_board import OUTLOOKS, chosen_board, short_word
from portal.admin.door import SecretariatIndex, page
from portal.admin.late_reports import late_address
from portal.admin.report_deadline_words import CONCERNS
from portal.admin.reports import state_address
from portal.extensions import db_session
from portal.models import ReportState
from portal.permissions import Permission
from portal.services import boards, books, night_watch, report_deadlines
from portal.services.queues import Queue, QueueKind, queues
from portal.web_charts import shares, stacked
from portal.web_text import days, fiscal, number

#: how many endangered holders the home shows
SHOWN = 6

NAMES: dict[QueueKind, Any] = {
    QueueKind.APPLICATIONS: _l("登録申請"),
    QueueKind.APPROVAL_REQUESTS: _l("承認依頼（査読の開始待ち）"),
    QueueKind.MAILS: _l("送信できなかったメール"),
    QueueKind.REVIEWS: _l("査読中の報告書"),
    QueueKind.SUBMITTED: _l("受領を待つ報告書（調整・自主削減年度）"),
    QueueKind.CONTACT_CHANGES: _l("担当者の変更申請"),
    QueueKind.TARGETS: _l("確認を待つ削減目標量（起案者以外が確認）"),
    QueueKind.LETTERS: _l("印刷を待つ通知書"),
    QueueKind.MOVEMENTS: _l("確認を待つ移動（起案者以外が確認）"),
    QueueKind.REVOCATIONS: _l("確認を待つ承認の取消し（起案者以外が確認）"),
    QueueKind.ISSUES: _l("発行の起案"),
    QueueKind.RETURNED_LETTERS: _l("届かずに戻ってきた通知書"),
    QueueKind.PHASES: _l("確認を待つ期と期限（起案者以外が確認）"),
    QueueKind.ACCOUNT_CHANGES: _l("確認を待つ口座の状態の変更（起案者以外が確認）"),
    QueueKind.FACTORS: _l("確認を待つ排出係数（起案者以外が確認）"),
    QueueKind.PUBLICATIONS: _l("確認を待つ公表（起案者以外が確認）"),
    QueueKind.BANKING: _l("バンキング申請"),
    QueueKind.ISSUE_BATCHES: _l("確認を待つ一括発行（起案者以外が確認）"),
    QueueKind.PHASE_CLOSINGS: _l("確認を待つ期の締め（起案者以外が確認）"),
    QueueKind.PUBLICATIONS_OUTDATED: _l("記録と違ってきた公表"),
}
_SCREENS: dict[QueueKind, str] = {
    QueueKind.APPLICATIONS: "application.index_view",
    QueueKind.MAILS: "mail.failed",
    QueueKind.CONTACT_CHANGES: "contact_change.index_view",
    QueueKind.TARGETS: "target.index_view",
    QueueKind.LETTERS: "letter.index_view",
    QueueKind.MOVEMENTS: "movement.index_view",
    QueueKind.REVOCATIONS: "report.revocations",
    QueueKind.ISSUES: "issue.index",
    QueueKind.RETURNED_LETTERS: "letter.returned",
    QueueKind.PHASES: "phase_proposal.index_view",
    QueueKind.ACCOUNT_CHANGES: "account_change.index_view",
    QueueKind.FACTORS: "factor_proposal.waiting",
    QueueKind.PUBLICATIONS: "publication.waiting",
    QueueKind.BANKING: "banking.index_view",
    QueueKind.ISSUE_BATCHES: "issue_batch.index_view",
    QueueKind.PHASE_CLOSINGS: "phase_closing.index_view",
    QueueKind.PUBLICATIONS_OUTDATED: "publication.differing",
}
#: work of the night, where it failed
NIGHT_WORK: dict[str, Any] = {
    "ledger_verify": _l("台帳の検証"),
    "compare_books": _l("帳簿の照合"),
    "freeze_compliance": _l("償却期限の記録"),
    "expire_proposals": _l("起案の失効"),
    "remind": _l("期限のお知らせ"),
    "forget_imports": _l("一括登録の古いファイルの消去"),
    "forget_old_attempts": _l("ログインの失敗の記録の消去"),
    "compare_publications": _l("公表した表と記録の照合"),
    "add_up_transfers": _l("移転量の累計"),
    "look_at_guards": _l("データベースの保護の点検"),
    "seal_history": _l("履歴の封印"),
}
_REPORT_STATES: dict[QueueKind, ReportState] = {
    QueueKind.APPROVAL_REQUESTS: ReportState.APPROVAL_REQUESTED,
    QueueKind.REVIEWS: ReportState.UNDER_REVIEW,
    QueueKind.SUBMITTED: ReportState.SUBMITTED,
}


@dataclass(frozen=True)
class QueueLine:
    """A queue as the table shows it."""

    name: str
    count: int
    oldest: str | None
    guide: str
    late: int
    url: str


def span(length: timedelta) -> str:
    """40分, 3時間, 15日: the largest unit that fits."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 60:
        return _("%(n)s分", n=max(0, minutes))
    if minutes < 24 * 60:
        return _("%(n)s時間", n=minutes // 60)
    return days(minutes // (24 * 60))


def _line(queue: Queue) -> QueueLine:
    state = _REPORT_STATES.get(queue.kind)
    url = state_address(state) if state is not None else url_for(_SCREENS[queue.kind])
    oldest = None if queue.oldest is None else _("%(span)s前", span=span(clock.now() - queue.oldest))
    return QueueLine(str(NAMES[queue.kind]), queue.count, oldest, span(queue.guide), queue.late, url)


def steps_of(board: boards.PhaseBoard) -> list[tuple[str, int, int]]:
    """(step, holders through with it, all holders) of a phase."""
    done, whole = board.progress, len(board.standings)
    year = fiscal(board.phase.target_year)
    return [
        (_("登録"), done.registered, whole),
        (_("基準年度の承認"), done.base_approved, whole),
        (_("排出枠の発行"), done.issued, whole),
        (_("%(year)sの検証依頼", year=year), done.verification_requested, whole),
        (_("%(year)sの承認", year=year), done.target_approved, whole),
        (_("償却による遵守"), done.met, whole),
    ]


def spoken(parts: list[tuple[str, int]]) -> str:
    """A picture in words, for those who do not see it."""
    return _("、").join(_("%(label)s：%(value)s", label=name, value=number(count)) for name, count in parts)


def concern_lines() -> list[tuple[str, bool, int, str]]:
    """(why, whether its day has passed, how many reports, their list) of the late and the endangered."""
    counted = report_deadlines.counts(db_session())
    return [
        (str(CONCERNS[one]), one in report_deadlines.LATE, count, late_address(one.value))
        for one, count in counted.items()
        if count
    ]


class Home(SecretariatIndex):
    """ホーム."""

    permission_view = Permission.SIGNED_IN

    @page("/", Permission.SIGNED_IN)
    def index(self) -> Any:
        lines = [_line(queue) for queue in queues(db_session())]
        found_trouble = night_watch.trouble(db_session())
        found, board = chosen_board()
        context: dict[str, Any] = {}
        if board is not None:
            steps = steps_of(board)
            outlooks = [
                (str(OUTLOOKS[kind][0]), board.outlooks[kind], OUTLOOKS[kind][1])
                for kind in OUTLOOKS
                if board.outlooks[kind] or kind not in (boards.Outlook.MISSED, boards.Outlook.NOT_OBLIGED)
            ]
            context = {
                "steps": shares(steps),
                "steps_spoken": spoken([(name, count) for name, count, _whole in steps]),
                "outlooks": outlooks,
                "outlook_picture": stacked(outlooks),
                "outlook_spoken": spoken([(name, count) for name, count, _fill in outlooks]),
                "at_risk": board.at_risk[:SHOWN],
            }
        return self.render(
            "admin/desk/index.html",
            now=clock.now(),
            lines=lines,
            waiting=sum(line.count for line in lines),
            late=sum(line.late for line in lines),
            phases=found,
            board=board,
            outlook_word=short_word,
            concerns=concern_lines(),
            books=books.newest(db_session()),
            trouble=found_trouble,
            failed=[
                (str(NIGHT_WORK[job.kind]), job.finished_at, job.last_error) for job in found_trouble.failed
            ],
            **context,
        )


def views() -> list[Any]:
    return [Home(name=_l("ホーム")), *compliance_board.views()]
