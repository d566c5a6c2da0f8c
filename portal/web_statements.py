"""The statement of an account (取引明細書) for any span in both rooms: on the page, as PDF, Excel and CSV."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import flash, redirect, request, send_file
from flask_babel import gettext as _

from portal import clock, web_papers
from portal.errors import Problem, Refusal, Refused
from portal.extensions import db_session
from portal.models import Account
from portal.services import account_statement as spans
from portal.services import corrections, papers
from portal.services.account_statement import MOST_LINES, MOST_ON_PAPER
from portal.services.documents import PDF
from portal.services.line_search import Filters
from portal.web import actor, carry_out, texts
from portal.web_downloads import table_file
from portal.web_lines import FIGURES, asked_page, line_words, statement_rows, statement_titles, typed_day


def _span() -> tuple[date, date]:
    """The span of the address. Raises ``Refused``: a statement of other days than were typed misleads."""
    days = {name: typed_day(request.args.get(name)) for name in ("from", "to")}
    for name, day in days.items():
        if day is None and request.args.get(name, "").strip():
            raise Refused(Problem(Refusal.SPAN_UNREADABLE, name))
    return spans.span(days["from"], days["to"])


def shown(
    account: Account, page_at: Callable[..., str], file_at: Callable[..., str], section: str
) -> tuple[dict[str, Any], int]:
    """What the page shows of the span that the address asks for, and its HTTP status.

    ``page_at`` and ``file_at`` give the addresses of a span's page and of its files (``file=``); ``section``:
    where its lines stand on the page. ``made`` is an Overview, or nothing where ``problem`` says why.
    """
    session, made, problem = db_session(), None, None
    try:
        made = spans.overview(session, account, *_span())
    except Refused as refused:
        # both days of a span are judged together: there is one problem, at one of them
        problem = refused.problems[0].field, texts(refused.problems)[0]
    since, until = request.args.get("from", "")[:10], request.args.get("to", "")[:10]
    found: dict[str, Any] = {}
    if made is not None:
        since, until = made.since.isoformat(), made.until.isoformat()
        span = {"from": since, "to": until}
        filters = Filters(since=made.since, until=made.until)

        def beside(**place: int) -> str:
            return f"{page_at(**span, **place)}#{section}"

        lines, newer, older = asked_page(session, account, filters, beside)
        named = {"pdf": _("PDFで保存"), "xlsx": _("Excelで保存"), "csv": _("CSVで保存")}
        found = {
            "history": lines,
            "newer": newer,
            "older": older,
            # paper holds fewer lines than tables
            "files": [
                (words, file_at(file=file, **span))
                for file, words in named.items()
                if file != "pdf" or made.count <= MOST_ON_PAPER
            ],
            **line_words(session, account),
        }
    form = {"problem": problem, "since": since, "until": until, "today": clock.today()}
    shown = {"account": account, "made": made, "most_on_paper": MOST_ON_PAPER, **form, **found}
    return shown, 200 if made is not None else 422


def file_of(account: Account, file: str, page_at: Callable[..., str]) -> Any:
    """The statement as a file (``pdf``, ``xlsx``, ``csv``); refused, back to its page, which says why.

    A PDF is recorded, for it may be shown to others as proof.
    """
    session = db_session()
    try:
        made = spans.statement(
            session, account, *_span(), most=MOST_ON_PAPER if file == "pdf" else MOST_LINES
        )
    except Refused as refused:
        for sentence in texts(refused.problems):
            flash(sentence, "error")
        asked = {name: day for name in ("from", "to") if (day := request.args.get(name, "")[:10])}
        return redirect(page_at(**asked))
    name = f"{account.code}_{_('取引明細書')}_{made.since:%Y%m%d}-{made.until:%Y%m%d}"
    if file == "pdf":
        pdf = papers.render(web_papers.of_statement(made))
        carry_out(lambda: spans.record_made(session, made, actor=actor()))
        return send_file(io.BytesIO(pdf), mimetype=PDF, as_attachment=True, download_name=f"{name}.pdf")
    rows = statement_rows(made, corrections.corrected(session, account))
    return table_file(name, file, statement_titles(), rows, _("取引明細書"), FIGURES)
