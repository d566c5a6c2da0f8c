"""The participants' top navigation: only what the reader's role may open."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _l

from portal.models import User
from portal.permissions import Permission, may
from portal.web import NavGroup, NavItem

#: (label, endpoint, permission, what the endpoints of this subject begin with)
_SUBJECTS: tuple[tuple[Any, str, Permission, tuple[str, ...]], ...] = (
    (_l("ホーム"), "home", Permission.SIGNED_IN, ("home", "events")),
    (_l("検証"), "verifier_desk", Permission.REPORT_ASSIGNED_VIEW, ("verif",)),
    (_l("報告書"), "report_list", Permission.REPORT_OWN_VIEW, ("report",)),
    (
        _l("排出枠"),
        "balance",
        Permission.ALLOWANCE_OWN_VIEW,
        ("balance", "history", "transfer", "retire", "cancel", "offset", "receipt", "banking", "account_"),
    ),
    (_l("担当者リスト"), "directory", Permission.DIRECTORY_VIEW, ("directory",)),
    (_l("登録情報"), "registration", Permission.SIGNED_IN, ("registration",)),
)


def build(user: User) -> list[NavGroup]:
    """The links for ``user``; a verifier's home is its desk, so it gets no second one."""
    here = (request.endpoint or "").removeprefix("participant.")
    desk = may(user.role, Permission.REPORT_ASSIGNED_VIEW)
    items = [
        NavItem(str(label), url_for(f"participant.{endpoint}"), current=here.startswith(begins))
        for label, endpoint, permission, begins in _SUBJECTS
        if may(user.role, permission) and not (desk and endpoint == "home")
    ]
    return [NavGroup(None, items)]
