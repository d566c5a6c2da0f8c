"""The statement of account (取引明細書) for any span: on the page, as PDF, Excel and CSV."""

from __future__ import annotations

from typing import Any

from flask import render_template, url_for

from portal import web_statements
from portal.extensions import db_session
from portal.participant import pages
from portal.permissions import Permission
from portal.services.allowances import own_account
from portal.web import actor, requires


@pages.get("/allowances/statement")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def account_statement() -> Any:
    """The span, its balances and the files to save."""
    found, status = web_statements.shown(own_account(db_session(), actor()), _page_at, _file_at, "history")
    return render_template("participant/allowances/statement.html", **found), status


def _page_at(**span: Any) -> str:
    return url_for("participant.account_statement", **span)


def _file_at(**span: Any) -> str:
    return url_for("participant.account_statement_file", **span)


@pages.get("/allowances/statement.<any(pdf, xlsx, csv):file>")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def account_statement_file(file: str) -> Any:
    """The statement as a file."""
    return web_statements.file_of(own_account(db_session(), actor()), file, _page_at)
