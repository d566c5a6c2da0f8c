"""担当者リスト: how to reach the participants that agreed to be found (domain §2). No figure of any kind."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from portal.extensions import db_session
from portal.models import AccountKind
from portal.participant import pages
from portal.permissions import Permission
from portal.services import directory as listed
from portal.web import actor, requires
from portal.web_text import label

_LONGEST = 100
_KINDS = (AccountKind.COMPLIANCE, AccountKind.TRADING)


@pages.get("/directory")
@requires(Permission.DIRECTORY_VIEW)
def directory() -> Any:
    """Who agreed to be found, for those who agreed themselves."""
    words = request.args.get("search", "").strip()[:_LONGEST]
    kind = next((one for one in _KINDS if one.value == request.args.get("kind")), None)
    page = request.args.get("page", 1, type=int)
    session = db_session()
    return render_template(
        "participant/directory/list.html",
        standing=listed.standing(session, actor()),
        found=listed.look(session, actor(), words=words, kind=kind, page=page),
        search=words,
        kind=kind.value if kind is not None else "",
        kinds=[(one.value, label(one)) for one in _KINDS],
    )
