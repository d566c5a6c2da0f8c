"""Register the calculation report: hand out the form, read what comes back, say all that is wrong.

Domain §4. The child process reads the file while no transaction is open; only then is it registered.
"""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField

from portal import clock
from portal.errors import NotFound, PortalError, Refused
from portal.extensions import db_session
from portal.models import EmissionsReport, Period
from portal.participant import pages
from portal.participant.files import KeyForm, again, handed_out, uploaded
from portal.participant.report_words import whole_figures, years_of
from portal.participant.reports import mended, period_view
from portal.permissions import Permission
from portal.services import access, documents, marked_copies, report_forms, reports
from portal.services.report_rules import FORM_LIMIT_MB, facts_of, refusal
from portal.services.spreadsheets.form_types import FormReading
from portal.services.spreadsheets.layouts.layout import SUMMARY
from portal.web import actor, carry_out, done, requires, show_problems, texts
from portal.web_text import locale_name, number
from portal.web_uploads import admit


class UploadForm(KeyForm):
    """The calculation report's file; that there is one is the service's to say."""

    file = FileField(_l("算定報告書"))


def own_report(period: str) -> EmissionsReport:
    """The reader's own report of ``period``; anything else does not exist."""
    if period not in list(Period):
        raise NotFound
    query = access.visible(EmissionsReport, actor()).where(EmissionsReport.period == Period(period))
    report = db_session().scalars(query).one_or_none()
    if report is None:
        raise NotFound
    return report


@pages.get("/reports/<period>/form")
@requires(Permission.REPORT_OWN_VIEW)
def report_form(period: str) -> Any:
    """The prefilled designated form of the reader's own report."""
    report = own_report(period)
    try:
        name, data = report_forms.blank(db_session(), report, actor=actor(), locale=locale_name())
    except Refused as refused:
        for text in texts(refused.problems):
            flash(text, "warn")
        return redirect(url_for("participant.report_show", period=period))
    return handed_out((name, documents.XLSX, data))


@pages.route("/reports/<period>/upload", methods=["GET", "POST"])
@requires(Permission.REPORT_OWN_EDIT)
def report_upload(period: str) -> Any:
    """Choose the file; what comes back is the figure that was read, or everything that is wrong."""
    report = own_report(period)
    form = UploadForm(version=report.version)
    if not form.validate_on_submit():
        problem = refusal("register_file", facts_of(report))
        return _page(report, form, closed=texts([problem]) if problem is not None else [])
    report_id, locale = report.id, locale_name()
    name, data = uploaded(form.file)
    same = reports.same_as_current(report, data)
    try:
        admit((name, data))
        reading = reports.read_upload(
            db_session(),
            report_id,
            name,
            data,
            actor=actor(),
            seconds=g.settings.reader_seconds,
            memory_mb=g.settings.reader_memory_mb,
        )
        if not reading.ok:
            return _refused(period, form, name, data, reading, locale)
        version_number = carry_out(lambda: _register(report_id, name, data, form, reading))
    except NotFound:
        raise
    except PortalError as error:
        show_problems(error, form)
        return _page(again(form, own_report(period)), form), 422
    done(
        _(
            "排出量%(emissions)s t-CO2を読み取り、第%(number)s版として登録しました"
            "（シート「%(sheet)s」、セル%(cell)s）。",
            emissions=number(reading.emissions),
            number=version_number,
            sheet=SUMMARY,
            cell=reading.result_cell,
        )
    )
    if same is not None:
        flash(_("このファイルの内容は、前の版（第%(number)s版）とまったく同じです。", number=same), "warn")
    return redirect(url_for("participant.report_show", period=period))


def _register(report_id: int, name: str, data: bytes, form: UploadForm, reading: FormReading) -> int:
    """The number of the version that was registered."""
    file = reports.register_file(
        db_session(),
        report_id,
        name,
        data,
        actor=actor(),
        version=form.shown,
        key=form.once,
        reading=reading,
    )
    return file.version_number


def _refused(period: str, form: UploadForm, name: str, data: bytes, reading: FormReading, locale: str) -> Any:
    """Every problem at once, and the same file back with the cells marked."""
    marked = reports.marked_copy(data, reading, locale=locale)
    copy_name = _("印付き_%(name)s", name=name)

    def keep() -> int | None:
        report = own_report(period)
        reports.record_refusal(db_session(), report.id, name, reading, actor=actor())
        if marked is None:
            return None
        return marked_copies.keep(db_session(), copy_name, marked, actor=actor())

    copy_id = carry_out(keep)
    received = {"name": name, "size": len(data), "at": clock.now()}
    return _page(
        again(form, own_report(period)), form, reading=reading, copy_id=copy_id, received=received
    ), 422


def _page(report: EmissionsReport, form: UploadForm, closed: list[str] | None = None, **more: Any) -> str:
    return render_template(
        "participant/reports/upload.html",
        report=report,
        view=period_view(report.period.value),
        mended=mended,
        years=years_of(report),
        form=form,
        closed=closed or [],
        limit=FORM_LIMIT_MB,
        whole_figures=whole_figures,
        **more,
    )


@pages.get("/reports/marked/<int:copy_id>")
@requires(Permission.REPORT_OWN_EDIT)
def report_marked(copy_id: int) -> Any:
    """The refused file with its cells marked, for a day, for whoever uploaded it."""
    return handed_out(marked_copies.open_copy(db_session(), copy_id, actor=actor()))
