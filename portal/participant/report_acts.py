"""What the holder does with a report besides uploading it: attach, hand in, ask for it back (domain §4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField, TextAreaField

from portal.errors import NotFound, PortalError, Problem, Refusal
from portal.extensions import db_session
from portal.participant import pages
from portal.participant.files import KeyForm, RowForm, again, uploaded
from portal.participant.reports import period_view, ways
from portal.permissions import Permission
from portal.services import report_files, reports
from portal.services.report_rules import ATTACHMENT_LIMIT, FILE_LIMIT_MB
from portal.services.report_views import ReportView
from portal.web import actor, carry_out, done, requires, show_problems, texts
from portal.web_uploads import admit


class Asked:
    """Marks a field as required on the page; that it is filled is the service's to say, with all the rest."""

    field_flags = {"required": True}

    def __call__(self, _form: Any, _field: Any) -> None:
        return None


class HandInForm(RowForm):
    """A confirmation: nothing to type."""


class SendBackForm(KeyForm):
    """Asking for a report back says why."""

    reason = TextAreaField(
        _l("理由"), validators=[Asked()], description=_l("検証機関に、このまま伝わります。2,000字まで")
    )


class AttachForm(KeyForm):
    """One attachment at a time."""

    file = FileField(_l("添付ファイル"), validators=[Asked()])


def _not_now(view: ReportView, action: str) -> Any:
    """Say why an act is not possible and go to the report's page."""
    problem = view.blocked.get(action, Problem(Refusal.WRONG_STATE))
    for text in texts([problem]):
        flash(text, "warn")
    return redirect(url_for("participant.report_show", period=view.period.value))


def _act(
    period: str,
    action: str,
    form: RowForm,
    template: str,
    work: Callable[[ReportView], object],
    sentence: Callable[[], str],
) -> Any:
    """Ask, then do: the confirmation page of ``action``, its refusals, and the way on."""
    view = period_view(period)
    if form.validate_on_submit():
        try:
            carry_out(lambda: work(view))
        except NotFound:
            raise
        except PortalError as error:
            view = again(form, period_view(period))
            if action not in view.actions and action not in view.blocked:
                for text in texts(error.problems):
                    flash(text, "warn")
                return redirect(url_for("participant.report_show", period=period))
            show_problems(error, form)
            return render_template(template, view=view, form=form, **ways()), 422
        done(sentence())
        return redirect(url_for("participant.report_show", period=period))
    if action not in view.actions:
        return _not_now(view, action)
    again(form, view)
    return render_template(template, view=view, form=form, **ways())


@pages.route("/reports/<period>/verification-request", methods=["GET", "POST"])
@requires(Permission.REPORT_OWN_EDIT)
def report_request(period: str) -> Any:
    """Hand the report to the verifier; the files are locked from then on."""
    form = HandInForm()
    return _act(
        period,
        "request_verification",
        form,
        "participant/reports/request.html",
        lambda view: reports.request_verification(db_session(), view.id, actor=actor(), version=form.shown),
        lambda: _("検証を依頼しました。結果が届くと、メールでお知らせします。"),
    )


@pages.route("/reports/<period>/submit", methods=["GET", "POST"])
@requires(Permission.REPORT_OWN_EDIT)
def report_submit(period: str) -> Any:
    """Hand the adjustment-year report to the secretariat."""
    form = HandInForm()
    return _act(
        period,
        "submit",
        form,
        "participant/reports/submit.html",
        lambda view: reports.submit(db_session(), view.id, actor=actor(), version=form.shown),
        lambda: _("算定報告書を提出しました。事務局が受領すると、メールでお知らせします。"),
    )


@pages.route("/reports/<period>/send-back", methods=["GET", "POST"])
@requires(Permission.REPORT_OWN_EDIT)
def report_send_back(period: str) -> Any:
    """Ask the verifier to give the report back."""
    form = SendBackForm()
    return _act(
        period,
        "request_send_back",
        form,
        "participant/reports/send_back.html",
        lambda view: reports.request_send_back(
            db_session(),
            view.id,
            str(form.reason.data or ""),
            actor=actor(),
            version=form.shown,
            key=form.once,
        ),
        lambda: _("検証機関に差戻依頼をしました。"),
    )


@pages.route("/reports/<period>/attachments", methods=["GET", "POST"])
@requires(Permission.REPORT_OWN_EDIT)
def report_attachments(period: str) -> Any:
    """The attachments of a report: site plan and so on, all optional."""
    view = period_view(period)
    form = AttachForm()
    status = 200
    if form.validate_on_submit():
        name, data = uploaded(form.file)
        try:
            admit((name, data))
            carry_out(
                lambda: report_files.attach_file(
                    db_session(), view.id, name, data, actor=actor(), version=form.shown, key=form.once
                )
            )
        except NotFound:
            raise
        except PortalError as error:
            show_problems(error, form)
            status = 422
        else:
            done(_("添付ファイルを登録しました。"))
            return redirect(url_for("participant.report_attachments", period=period))
    view = again(form, period_view(period))
    page = render_template(
        "participant/reports/attachments.html",
        view=view,
        form=form,
        most=ATTACHMENT_LIMIT,
        limit=FILE_LIMIT_MB,
        why=texts([view.blocked["attach_file"]]) if "attach_file" in view.blocked else [],
        **ways(),
    )
    return page, status


@pages.post("/reports/<period>/attachments/<int:file_id>/remove")
@requires(Permission.REPORT_OWN_EDIT)
def report_detach(period: str, file_id: int) -> Any:
    """Take an attachment off a report that is still with the holder."""
    period_view(period)
    form = RowForm()
    if form.validate_on_submit():
        try:
            carry_out(
                lambda: report_files.remove_attachment(
                    db_session(), file_id, actor=actor(), version=form.shown
                )
            )
        except NotFound:
            raise
        except PortalError as error:
            show_problems(error)
        else:
            done(_("添付ファイルを外しました。"))
    return redirect(url_for("participant.report_attachments", period=period))
