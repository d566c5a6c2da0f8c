"""The statement of account (取引明細書) for any span: on the page, as PDF, Excel and CSV."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _

from portal import clock, web_papers
from portal.errors import Refused
from portal.extensions import db_session
from portal.models import Account
from portal.participant import pages
from portal.permissions import Permission
from portal.services import account_statement as statements
from portal.services import corrections, papers
from portal.services.account_statement import MOST_LINES, MOST_ON_PAPER, Statement
from portal.services.allowances import own_account
from portal.services.exports import XLSX, csv_file, xlsx_file
from portal.services.line_search import Filters
from portal.web import actor, carry_out, requires, texts
from portal.web_lines import (
    FIGURES,
    asked_page,
    correction_words,
    kind_words,
    other_words,
    statement_rows,
    statement_titles,
    typed_day,
)


def _span() -> tuple[date, date]:
    return statements.span(typed_day(request.args.get("from")), typed_day(request.args.get("to")))


def _asked(most: int) -> Statement:
    """The statement the address asks for; ``Refused`` says why there is none."""
    session = db_session()
    return statements.statement(session, own_account(session, actor()), *_span(), most=most)


@pages.get("/allowances/statement")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def account_statement() -> Any:
    """The span, its balances and the files to save."""
    made, problem = None, ""
    try:
        made = statements.overview(db_session(), own_account(db_session(), actor()), *_span())
    except Refused as refused:
        problem = " ".join(texts(refused.problems))
    since, until = request.args.get("from", "")[:10], request.args.get("to", "")[:10]
    lines: dict[str, Any] = {}
    if made is not None:
        since, until = made.since.isoformat(), made.until.isoformat()
        lines = _lines(made.account, made.since, made.until)
    page = render_template(
        "participant/allowances/statement.html",
        account=own_account(db_session(), actor()),
        made=made,
        problem=problem,
        since=since,
        until=until,
        today=clock.today(),
        most_on_paper=MOST_ON_PAPER,
        **lines,
    )
    return page, 200 if made is not None else 422


def _lines(account: Account, since: date, until: date) -> dict[str, Any]:
    """A page of the span's movements, newest first, as the history writes them."""

    def page_at(**neighbour: int) -> str:
        place: dict[str, Any] = {"from": since.isoformat(), "to": until.isoformat(), **neighbour}
        return url_for("participant.account_statement", **place) + "#history"

    past, newer, older = asked_page(db_session(), account, Filters(since=since, until=until), page_at)
    return {
        "history": past,
        "kind_words": kind_words,
        "other_words": other_words,
        "correction_words": correction_words,
        "corrected": corrections.corrected(db_session(), account),
        "newer": newer,
        "older": older,
    }


@pages.get("/allowances/statement.<any(pdf, xlsx, csv):file>")
@requires(Permission.ALLOWANCE_OWN_VIEW)
def account_statement_file(file: str) -> Any:
    """The statement as a file; a PDF is recorded, for it may be shown to others as proof."""
    try:
        made = _asked(MOST_ON_PAPER if file == "pdf" else MOST_LINES)
    except Refused as refused:
        for sentence in texts(refused.problems):
            flash(sentence, "error")
        wanted: dict[str, Any] = {
            name: value for name in ("from", "to") if (value := request.args.get(name, "")[:10])
        }
        return redirect(url_for("participant.account_statement", **wanted))
    name = f"{made.account.code}_{_('取引明細書')}_{made.since:%Y%m%d}-{made.until:%Y%m%d}.{file}"
    if file == "pdf":
        pdf = papers.render(web_papers.of_statement(made))
        carry_out(lambda: statements.record_made(db_session(), made, actor=actor()))
        return send_file(io.BytesIO(pdf), mimetype="application/pdf", as_attachment=True, download_name=name)
    titles = statement_titles()
    rows = statement_rows(made, corrections.corrected(db_session(), made.account))
    if file == "xlsx":
        book, _size = xlsx_file(titles, rows, _("取引明細書"), figures=FIGURES)
        return send_file(book, mimetype=XLSX, as_attachment=True, download_name=name)
    table, _size = csv_file(titles, rows)
    return send_file(table, mimetype="text/csv", as_attachment=True, download_name=name)
