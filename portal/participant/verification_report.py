"""One assigned report as its verifier sees it: figures, files, comparison, and the form of the next act.

Only assigned reports exist here, and only while they are assigned (safety 15). No allowance figure.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _

from portal.extensions import db_session
from portal.models import Period, User
from portal.participant import pages
from portal.participant.files import RowForm, again
from portal.participant.reports import figure_years, lines_of, steps_of, ways
from portal.participant.verification_forms import AnswerForm, ResultForm, number_of, result_form
from portal.permissions import Permission
from portal.services import (
    base_papers,
    report_comparison,
    report_notes,
    report_views,
    verification_charge,
    verification_draft,
)
from portal.services.checklist import ITEMS, Answer, Given, answer_field, remark_field
from portal.services.report_rules import FILE_LIMIT_MB
from portal.services.report_views import ReportView
from portal.services.verification_draft import DraftView
from portal.web import actor, requires
from portal.web_text import label


@pages.get("/verification/<int:report_id>")
@requires(Permission.REPORT_ASSIGNED_VIEW)
def verifier_report(report_id: int) -> Any:
    """One assigned report: its figures, files, comparison, and the form of the next act."""
    return report_page(report_views.report_view(db_session(), report_id, actor()))


def report_page(view: ReportView, **forms: RowForm) -> str:
    """The page of ``view``; ``forms`` are refused ones, with what was typed."""
    reader, session = actor(), db_session()
    target = view.period is Period.TARGET
    draft = verification_draft.draft_view(session, view.id, reader)
    return render_template(
        "participant/verification/report.html",
        view=view,
        limit=FILE_LIMIT_MB,
        years=figure_years(report_views.source_figures(session, view.id, reader)),
        compared=report_comparison.comparisons(
            session, view.id, reader, version=request.args.get("against", type=int)
        ),
        notes=report_notes.current_notes(session, view.id, reader),
        steps=steps_of(view, reader),
        lines=lines_of(view, reader),
        base=report_views.base_emissions(session, view.holder.id) if target else None,
        base_papers=base_papers.base_papers(session, view.holder.id, reader) if target else None,
        **_charge(view, reader),
        **_result(view, draft, forms),
        **{**ways(), "file_endpoint": "participant.verification_file"},
    )


def _charge(view: ReportView, reader: User) -> dict[str, Any]:
    """Who is in charge, and who might be."""
    open_ = view.state in verification_charge.OPEN_STATES
    return {
        "in_charge": verification_charge.in_charge(db_session(), view.id, reader),
        "people": verification_charge.colleagues(db_session(), reader) if open_ else [],
        "me": reader,
    }


def _result(view: ReportView, draft: DraftView, forms: dict[str, Any]) -> dict[str, Any]:
    """The forms of the next act, the draft behind them, and what a colleague answered meanwhile."""
    number, typed = number_of(view), forms.get("result")
    stale = isinstance(typed, ResultForm) and typed.draft_version != draft.row_version
    form = typed or result_form(view, draft)
    given = form.given()
    theirs = {
        code: _said(one)
        for code, one in draft.written.answers.items()
        if stale and (one.answer, one.remark) != (given[code].answer, given[code].remark)
    }
    if stale:
        form.draft.data = str(draft.row_version)
    return {
        "result": form,
        "answer": forms.get("answer") or AnswerForm(formdata=None, version=view.version),
        "draft": draft,
        "number": number,
        "items": ITEMS,
        "kept_for": {code: draft.written.answers[code].version for code in draft.carried(number)},
        "theirs": theirs,
        "answer_field": answer_field,
        "remark_field": remark_field,
    }


def _said(one: Given) -> str:
    """An answer and its remark in words."""
    answer = label(Answer(one.answer)) if one.answer else _("未回答")
    return f"{answer}　{one.remark}" if one.remark else answer


def refused(report_id: int, **forms: RowForm) -> Any:
    """The page again with what was typed; the form speaks of the report as it is now."""
    view = report_views.report_view(db_session(), report_id, actor())
    for form in forms.values():
        again(form, view)
    return report_page(view, **forms), 422


def to_report(report_id: int) -> Any:
    """The report's own page."""
    return redirect(url_for("participant.verifier_report", report_id=report_id))
