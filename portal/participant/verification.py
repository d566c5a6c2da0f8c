"""What the verifier does with an assigned report: the result, the return, the answers (domain §4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from portal.errors import NotFound, PortalError, Problem, Refusal, refuse
from portal.extensions import db_session
from portal.models import Opinion
from portal.participant import pages
from portal.participant.files import RowForm, again, uploaded
from portal.participant.reports import ways
from portal.participant.verification_forms import AnswerForm, GrantForm, ReasonForm, ResultForm, result_form
from portal.participant.verification_report import refused, to_report
from portal.permissions import Permission
from portal.services import report_views, verification, verification_draft
from portal.services.checklist import Answer
from portal.web import actor, carry_out, done, requires, show_problems, texts
from portal.web_text import number
from portal.web_uploads import admit


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


def _to_desk() -> Any:
    return redirect(url_for("participant.verifier_desk"))


@pages.post("/verification/<int:report_id>/result")
@requires(Permission.REPORT_VERIFY)
def verifier_result(report_id: int) -> Any:
    """Keep a draft, register the verification report, or register it and request approval with it."""
    form = result_form()
    wish = request.form.get("do", "")
    sent = uploaded(form.file)
    # a draft keeps no file
    files = () if wish == "draft" else (sent,)
    if not _carried(form, lambda: _work(report_id, form, wish, sent)(), *files):
        return refused(report_id, result=form)
    if wish == "draft":
        done(_("下書きを保存しました。"))
        return to_report(report_id)
    _point_out(form)
    if wish == "register":
        done(_("検証報告書を登録しました。"))
        return to_report(report_id)
    done(_("検証報告書を登録し、事務局に承認を依頼しました。"))
    return _to_desk()


def _point_out(form: ResultForm) -> None:
    """An unqualified opinion beside items that do not conform is taken, and pointed out."""
    wrong = sum(one.answer == Answer.NOT for one in form.given().values())
    if wrong and form.opinion.data == Opinion.UNQUALIFIED:
        shown = number(wrong)
        flash(
            ngettext(
                "検証意見は無限定適正ですが、不適合の項目が%(n)s件あります。",
                "検証意見は無限定適正ですが、不適合の項目が%(n)s件あります。",
                wrong,
                n=shown,
            ),
            "warn",
        )


def _work(report_id: int, form: ResultForm, wish: str, sent: tuple[str, bytes]) -> Callable[[], object]:
    """What the pressed button does, in the words of the services."""
    if wish == "draft":
        return lambda: verification_draft.save_draft(
            db_session(),
            report_id,
            form.written(),
            actor=actor(),
            version=form.shown,
            draft_version=form.draft_version,
            key=form.once,
        )
    acts = {
        "register": verification.register_verification,
        "approve": verification.register_and_request,
    }
    act = acts.get(wish)
    if act is None:
        raise refuse(Refusal.ACT_UNKNOWN)
    name, data = sent
    return lambda: act(
        db_session(),
        report_id,
        name,
        data,
        form.opinion.data,
        form.verified.data,
        form.work(),
        actor=actor(),
        version=form.shown,
        key=form.once,
    )


@pages.post("/verification/<int:report_id>/approval-request")
@requires(Permission.REPORT_VERIFY)
def verifier_request(report_id: int) -> Any:
    """Request approval with the verification report that is registered already."""
    form = RowForm()
    if not _carried(
        form,
        lambda: verification.request_approval(db_session(), report_id, actor=actor(), version=form.shown),
    ):
        return refused(report_id)
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


@pages.route("/verification/<int:report_id>/send-back", methods=["GET", "POST"])
@requires(Permission.REPORT_VERIFY)
def verifier_grant(report_id: int) -> Any:
    """Grant the holder's send-back request, asked once more: the report goes back, with a word if wanted."""
    form = GrantForm()

    def work() -> object:
        return verification.grant_send_back(
            db_session(), report_id, form.reason.data, actor=actor(), version=form.shown
        )

    if _carried(form, work):
        done(_("差戻依頼に応じて、目標保有者に差し戻しました。"))
        return _to_desk()
    return _reason_page(report_id, form, "grant_send_back", "participant/verification/grant.html")


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
        return to_report(report_id)
    return _reason_page(report_id, form, "decline_send_back", "participant/verification/decline.html")


def _reason_page(report_id: int, form: ReasonForm | GrantForm, action: str, template: str) -> Any:
    view = report_views.report_view(db_session(), report_id, actor())
    if action not in view.actions:
        if request.method == "GET":
            for text in texts([view.blocked.get(action, Problem(Refusal.WRONG_STATE))]):
                flash(text, "warn")
        return to_report(report_id)
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
        return refused(report_id, answer=form)
    done(_("査読書類に回答しました。"))
    return to_report(report_id)
