"""The verifier's desk: what is assigned, whose turn it is, and the one form for the result (domain §4).

Only assigned reports exist here, and only while they are assigned (safety 15). No allowance figure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField, RadioField, StringField, TextAreaField

from portal.errors import NotFound, PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.models import Opinion, Period
from portal.participant import pages
from portal.participant.files import KeyForm, RowForm, again, uploaded
from portal.participant.report_acts import Asked
from portal.participant.reports import figure_years, lines_of, steps_of, ways
from portal.permissions import Permission
from portal.services import report_views, verification
from portal.services.report_rules import FILE_LIMIT_MB
from portal.services.report_views import Desk, DeskRow, ReportView
from portal.web import actor, carry_out, done, requires, show_problems, texts
from portal.web_text import label
from portal.web_uploads import admit

TABS = ("mine", "holder", "secretariat", "approved")


class ResultForm(KeyForm):
    """The verifier's result: opinion, figure and file; the service judges all three at once."""

    opinion = RadioField(
        _l("検証意見"),
        validators=[Asked()],
        choices=[],
        validate_choice=False,
        description=_l("不適正と意見不表明では承認を依頼できません。理由を書いて差し戻してください。"),
    )
    verified = StringField(_l("検証済排出量"), validators=[Asked()])
    file = FileField(_l("検証報告書"), validators=[Asked()])


class ReasonForm(RowForm):
    """Giving a report back, or keeping it, says why."""

    reason = TextAreaField(
        _l("理由"), validators=[Asked()], description=_l("目標保有者に、このまま伝わります。2,000字まで")
    )


class AnswerForm(KeyForm):
    """An answer to the secretariat's question: a text, a file or both."""

    body = TextAreaField(_l("回答"), description=_l("目標保有者も読むことができます。2,000字まで"))
    file = FileField(_l("回答のファイル"))


@pages.get("/verification")
@requires(Permission.REPORT_ASSIGNED_VIEW)
def verifier_desk() -> Any:
    """What is assigned, by whose turn it is, the oldest first."""
    return _desk(None)


@pages.get("/verification/<int:report_id>")
@requires(Permission.REPORT_ASSIGNED_VIEW)
def verifier_report(report_id: int) -> Any:
    """The desk with one report open below its list."""
    return _desk(report_views.report_view(db_session(), report_id, actor()))


def _desk(view: ReportView | None, **forms: Any) -> str:
    reader = actor()
    desk = report_views.verifier_desk(db_session(), reader)
    tab = _tab(desk, view)
    rows: tuple[DeskRow, ...] = getattr(desk, tab)
    newest = request.args.get("order") == "newest"
    return render_template(
        "participant/verification/desk.html",
        desk=desk,
        tab=tab,
        tabs=_tabs(desk, tab),
        rows=tuple(reversed(rows)) if newest else rows,
        newest=newest,
        view=view,
        limit=FILE_LIMIT_MB,
        **(_open(view, forms) if view is not None else {}),
        **{**ways(), "file_endpoint": "participant.verification_file"},
    )


def _tab(desk: Desk, view: ReportView | None) -> str:
    """The tab that shows the open report, else the one asked for."""
    if view is not None:
        return next((tab for tab in TABS if any(row.id == view.id for row in getattr(desk, tab))), TABS[0])
    asked = request.args.get("turn", "")
    return asked if asked in TABS else TABS[0]


def _tabs(desk: Desk, here: str) -> list[tuple[str, str, bool]]:
    words = {
        "mine": _("あなたの番 %(n)s件", n=len(desk.mine)),
        "holder": _("目標保有者の番 %(n)s件", n=len(desk.holder)),
        "secretariat": _("事務局の番 %(n)s件", n=len(desk.secretariat)),
        "approved": _("承認済 %(n)s件", n=len(desk.approved)),
    }
    return [(words[tab], url_for("participant.verifier_desk", turn=tab), tab == here) for tab in TABS]


def _open(view: ReportView, forms: dict[str, Any]) -> dict[str, Any]:
    """What the page needs besides of the report that is open."""
    reader = actor()
    target = view.period is Period.TARGET
    return {
        "years": figure_years(report_views.source_figures(db_session(), view.id, reader)),
        "steps": steps_of(view, reader),
        "lines": lines_of(view, reader),
        "base": report_views.base_emissions(db_session(), view.holder.id) if target else None,
        "result": forms.get("result") or _result_form(view),
        "answer": forms.get("answer") or AnswerForm(formdata=None, version=view.version),
    }


def _result_form(view: ReportView | None = None) -> ResultForm:
    form = ResultForm(formdata=None, version=view.version) if view is not None else ResultForm()
    form.opinion.choices = [(opinion.value, label(opinion)) for opinion in Opinion]
    return form


def _carried(form: RowForm, work: Callable[[], object], *files: tuple[str, bytes]) -> bool:
    """Whether ``work`` was done with the ``files`` that came; otherwise every reason stands at its field."""
    if not form.validate_on_submit():
        return False
    try:
        admit(*files)
        carry_out(work)
    except NotFound:
        raise
    except PortalError as error:
        show_problems(error, form)
        return False
    return True


def _refused(report_id: int, **forms: RowForm) -> Any:
    """The desk again with what was typed; the form speaks of the report as it is now."""
    view = report_views.report_view(db_session(), report_id, actor())
    for form in forms.values():
        again(form, view)
    return _desk(view, **forms), 422


def _to_desk() -> Any:
    return redirect(url_for("participant.verifier_desk"))


def _to_report(report_id: int) -> Any:
    return redirect(url_for("participant.verifier_report", report_id=report_id))


@pages.post("/verification/<int:report_id>/result")
@requires(Permission.REPORT_VERIFY)
def verifier_result(report_id: int) -> Any:
    """Register the verification report; unless only that was asked, request approval with it."""
    form = _result_form()
    only_register = request.form.get("do") == "register"
    act = verification.register_verification if only_register else verification.register_and_request
    name, data = uploaded(form.file)

    def work() -> object:
        return act(
            db_session(),
            report_id,
            name,
            data,
            form.opinion.data,
            form.verified.data,
            actor=actor(),
            version=form.shown,
            key=form.once,
        )

    if not _carried(form, work, (name, data)):
        return _refused(report_id, result=form)
    if only_register:
        done(_("検証報告書を登録しました。"))
        return _to_report(report_id)
    done(_("検証報告書を登録し、事務局に承認を依頼しました。"))
    return _to_desk()


@pages.post("/verification/<int:report_id>/approval-request")
@requires(Permission.REPORT_VERIFY)
def verifier_request(report_id: int) -> Any:
    """Request approval with the verification report that is registered already."""
    form = RowForm()
    if not _carried(
        form,
        lambda: verification.request_approval(db_session(), report_id, actor=actor(), version=form.shown),
    ):
        return _refused(report_id)
    done(_("事務局に承認を依頼しました。"))
    return _to_desk()


@pages.route("/verification/<int:report_id>/return", methods=["GET", "POST"])
@requires(Permission.REPORT_VERIFY)
def verifier_return(report_id: int) -> Any:
    """Give the report back to the holder, with a reason."""
    form = ReasonForm()

    def work() -> object:
        return verification.return_to_holder(
            db_session(), report_id, str(form.reason.data or ""), actor=actor(), version=form.shown
        )

    if _carried(form, work):
        done(_("目標保有者に差し戻しました。"))
        return _to_desk()
    return _reason_page(report_id, form, "return_to_holder", "participant/verification/return.html")


@pages.post("/verification/<int:report_id>/send-back")
@requires(Permission.REPORT_VERIFY)
def verifier_grant(report_id: int) -> Any:
    """Grant the holder's send-back request: the report goes back with the holder's own reason."""
    form = RowForm()
    if not _carried(
        form,
        lambda: verification.grant_send_back(db_session(), report_id, actor=actor(), version=form.shown),
    ):
        return _refused(report_id)
    done(_("差戻依頼に応じて、目標保有者に差し戻しました。"))
    return _to_desk()


@pages.route("/verification/<int:report_id>/decline", methods=["GET", "POST"])
@requires(Permission.REPORT_VERIFY)
def verifier_decline(report_id: int) -> Any:
    """Keep the report although the holder asked for it, with a reason."""
    form = ReasonForm()

    def work() -> object:
        return verification.decline_send_back(
            db_session(), report_id, str(form.reason.data or ""), actor=actor(), version=form.shown
        )

    if _carried(form, work):
        done(_("差戻依頼を断りました。検証を続けてください。"))
        return _to_report(report_id)
    return _reason_page(report_id, form, "decline_send_back", "participant/verification/decline.html")


def _reason_page(report_id: int, form: ReasonForm, action: str, template: str) -> Any:
    view = report_views.report_view(db_session(), report_id, actor())
    if action not in view.actions:
        if request.method == "GET":
            for text in texts([view.blocked.get(action, Problem(Refusal.WRONG_STATE))]):
                flash(text, "warn")
        return _to_report(report_id)
    again(form, view)
    page = render_template(template, view=view, form=form, **ways())
    return page, 422 if request.method == "POST" else 200


@pages.post("/verification/<int:report_id>/answer")
@requires(Permission.REPORT_VERIFY)
def verifier_answer(report_id: int) -> Any:
    """Answer the secretariat's review document."""
    form = AnswerForm()
    name, data = uploaded(form.file)

    def work() -> object:
        return verification.answer_review(
            db_session(),
            report_id,
            str(form.body.data or ""),
            name or None,
            data or None,
            actor=actor(),
            version=form.shown,
            key=form.once,
        )

    if not _carried(form, work, (name, data)):
        return _refused(report_id, answer=form)
    done(_("査読書類に回答しました。"))
    return _to_report(report_id)
