"""担当者リスト: how to reach the participants that agreed to be found (domain §2). No figure of any kind."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from portal.extensions import db_session
from portal.models import AccountKind
from portal.participant import pages
from portal.permissions import Permission
from portal.services import contacts
from portal.services.numbers import search_key
from portal.web import actor, requires
from portal.web_text import label

_PER_PAGE = 50


@pages.get("/directory")
@requires(Permission.DIRECTORY_VIEW)
def directory() -> Any:
    """Who agreed to be found, for those who agreed themselves."""
    session, words = db_session(), request.args.get("search", "").strip()[:100]
    entries = contacts.directory(session, actor())
    wanted = search_key(words)
    found = [
        e
        for e in entries
        if wanted in search_key(e.account, e.account_name, e.company, e.department, e.contact_name)
    ]
    pages_count = max(1, -(-len(found) // _PER_PAGE))
    page = max(1, min(request.args.get("page", 1, type=int), pages_count))
    return render_template(
        "participant/directory/list.html",
        allowed=contacts.may_read_directory(session, actor()),
        entries=found[(page - 1) * _PER_PAGE : page * _PER_PAGE],
        search=words,
        total=len(found),
        page=page,
        pages_count=pages_count,
        first=(page - 1) * _PER_PAGE + 1,
        kind_words=lambda entry: label(AccountKind(entry.kind)),
    )
