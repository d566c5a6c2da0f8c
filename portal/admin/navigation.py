"""The secretariat's side navigation: what the reader's role may open, with what waits behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp

from portal.extensions import db_session
from portal.models import User
from portal.permissions import Permission, may
from portal.services.queues import Waiting, waiting
from portal.web import NavGroup, NavItem


@dataclass(frozen=True)
class _Link:
    label: Any
    endpoint: str
    permission: Permission
    count: str = ""
    #: further screens that belong to this one
    also: tuple[str, ...] = ()


_GROUPS: tuple[tuple[Any, tuple[_Link, ...]], ...] = (
    (None, (_Link(_l("ホーム"), "admin.index", Permission.SIGNED_IN),)),
    (
        _lp("list", "参加者"),
        (
            _Link(
                _l("登録申請"),
                "application.index_view",
                Permission.REGISTRATION_VIEW,
                "applications",
                also=("application_excel",),
            ),
            _Link(_l("一括取り込み"), "import.index_view", Permission.REGISTRATION_VIEW, "imports"),
            _Link(
                _l("担当者の変更申請"), "contact_change.index_view", Permission.RECORD_VIEW, "contact_changes"
            ),
            _Link(
                _lp("list", "目標保有者"), "holder.index_view", Permission.RECORD_VIEW, also=("assignment",)
            ),
            _Link(_lp("list", "取引参加者"), "trader.index_view", Permission.RECORD_VIEW),
            _Link(_lp("list", "検証機関"), "verifier.index_view", Permission.RECORD_VIEW),
            _Link(_l("書面による変更"), "company_change.index_view", Permission.RECORD_VIEW),
            _Link(_l("担当者リスト"), "directory.index_view", Permission.DIRECTORY_ALL),
        ),
    ),
    (
        _l("排出量"),
        (
            _Link(
                _l("報告書"),
                "report.index_view",
                Permission.REPORT_ALL_VIEW,
                "reports",
                also=("report_grid", "late_report"),
            ),
            _Link(_lp("list", "削減目標量"), "target.index_view", Permission.RECORD_VIEW, "targets"),
            _Link(
                _lp("list", "排出係数"),
                "factor.index",
                Permission.RECORD_VIEW,
                "factor_proposals",
                also=("factor_proposal",),
            ),
            _Link(_lp("list", "公表"), "publication.index_view", Permission.RECORD_VIEW, "publications"),
        ),
    ),
    (
        _l("排出枠"),
        (
            _Link(_lp("list", "口座"), "account.index_view", Permission.ALLOWANCE_ALL_VIEW),
            _Link(
                _l("口座の状態の変更"),
                "account_change.index_view",
                Permission.ALLOWANCE_ALL_VIEW,
                "account_changes",
            ),
            _Link(_l("発行"), "issue.index", Permission.ALLOWANCE_ALL_VIEW),
            _Link(_l("一括発行"), "issue_batch.index_view", Permission.ALLOWANCE_ALL_VIEW, "issue_batches"),
            _Link(_l("バンキング申請"), "banking.index_view", Permission.ALLOWANCE_ALL_VIEW, "banking"),
            _Link(_l("移動の確認"), "movement.index_view", Permission.ALLOWANCE_ALL_VIEW, "movements"),
            _Link(_l("台帳"), "ledger.index_view", Permission.ALLOWANCE_ALL_VIEW),
            _Link(_l("帳簿の照合"), "book_check.index_view", Permission.ALLOWANCE_ALL_VIEW),
        ),
    ),
    (
        _l("運用"),
        (
            _Link(
                _l("通知書の印刷"),
                "letter.index_view",
                Permission.REGISTRATION_VIEW,
                "letters",
                also=("letter_batch",),
            ),
            _Link(_l("メール"), "mail.index_view", Permission.RECORD_VIEW, "mails"),
            _Link(
                _l("期と期限"),
                "phase.index_view",
                Permission.RECORD_VIEW,
                "phase_proposals",
                also=("phase_proposal",),
            ),
            _Link(
                _l("期の締め"), "phase_closing.index_view", Permission.ALLOWANCE_ALL_VIEW, "phase_closings"
            ),
            _Link(_l("利用者"), "user.index_view", Permission.RECORD_VIEW),
            _Link(_l("操作の記録"), "event.index_view", Permission.RECORD_VIEW),
            _Link(_l("ファイルにした一覧"), "list_file.index", Permission.RECORD_VIEW),
        ),
    ),
)


def build(user: User) -> list[NavGroup]:
    """The groups of links for ``user``; the counts cost one query."""
    counts = waiting(db_session())
    groups = []
    for label, links in _GROUPS:
        items = [_item(link, counts) for link in links if may(user.role, link.permission)]
        if items:
            groups.append(NavGroup(str(label) if label is not None else None, items))
    return groups


def _item(link: _Link, counts: Waiting) -> NavItem:
    here = (request.endpoint or "").split(".")[0]
    screens = (link.endpoint.split(".")[0], *link.also)
    return NavItem(
        str(link.label),
        url_for(link.endpoint),
        current=here in screens,
        count=getattr(counts, link.count) if link.count else None,
    )
