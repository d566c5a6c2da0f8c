"""An application that came as Excel: uploaded, read, compared with the paper, recorded (domain §3).

The child process reads the file while no transaction is open. What can be read fills the ordinary page
for typing; nothing is recorded before the clerk says so.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import abort, flash, g, redirect, request, send_file
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField

from portal import clock
from portal.admin import application_forms
from portal.admin.acts import status, submitted
from portal.admin.door import SecretariatPage, page
from portal.admin.forms import AdminForm, show_problems
from portal.errors import NotAllowed, NotFound, PortalError
from portal.extensions import db_session
from portal.models import ParticipantKind
from portal.permissions import Permission
from portal.services import application_intake, marked_copies
from portal.services.application_intake import KeptForm, Upload
from portal.web import actor, carry_out
from portal.web_text import locale_name
from portal.web_uploads import admit


class UploadForm(AdminForm):
    """The applicant's file; that there is one is the service's to say."""

    file = FileField(_l("登録申請書のファイル"))


def _number() -> int:
    """The number that the address names; anything else does not exist."""
    typed = request.args.get("id", "")
    if not (typed.isascii() and typed.isdigit() and len(typed) < 16):
        abort(404)
    return int(typed)


class ApplicationExcel(SecretariatPage):
    """申請書（Excel）から取り込む."""

    permission_view = Permission.REGISTRATION_EDIT

    # ---- the file

    @page("/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def index(self) -> Any:
        form: Any = UploadForm()
        if not form.validate_on_submit():
            return self._upload_page(form)
        storage = form.file.data
        name, data = (str(storage.filename or ""), storage.read()) if storage else ("", b"")
        limits = g.settings
        try:
            admit((name, data))
            upload = application_intake.read_upload(
                db_session(),
                name,
                data,
                actor=actor(),
                limit_mb=limits.form_limit_mb,
                seconds=limits.reader_seconds,
                memory_mb=limits.reader_memory_mb,
            )
        except NotAllowed:
            raise
        except PortalError as refused:
            show_problems(form, refused)
            return self._upload_page(form)
        kept = self._kept(upload)
        if upload.problems:
            received = {"name": upload.name, "size": len(data), "at": clock.now()}
            return self._upload_page(form, upload=upload, kept=kept, received=received)
        return redirect(self.get_url(".new", id=kept.form_id, kind=upload.reading.kind))

    def _kept(self, upload: Upload) -> application_intake.Kept:
        marked = application_intake.marked_copy(upload, locale=locale_name())
        named = (_("印付き_%(name)s", name=upload.name), marked) if marked is not None else None
        return carry_out(
            lambda: application_intake.keep_upload(db_session(), upload, actor=actor(), marked=named)
        )

    def _upload_page(self, form: Any, **more: Any) -> tuple[str, int]:
        limit = g.settings.form_limit_mb
        return self.render("admin/application/upload.html", form=form, limit=limit, **more), status()

    @page("/marked/", Permission.REGISTRATION_EDIT)
    def marked(self) -> Any:
        name, media_type, data = marked_copies.open_copy(db_session(), _number(), actor=actor())
        return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)

    # ---- the page for typing, filled

    @page("/new/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def new(self) -> Any:
        form_id = _number()
        kept = self._open(form_id)
        kind = kept.judged.kind if kept is not None else self._kind_asked()
        form: Any = application_forms.new_form(kind, kept.judged.values if kept is not None else None)
        made = None
        if "more_rows" not in request.form:
            made = submitted(
                form,
                lambda: application_intake.record_form(
                    db_session(), form_id, form.application_data(kind), actor=actor(), key=form["key"].data
                ),
            )
        if made is not None:
            return self._recorded(*made)
        if request.method == "GET" and kept is not None:
            self._show_at_fields(form, kept)
        asked_rows = "more_rows" in request.form
        return self._filled(form, kind, kept), 200 if asked_rows else status()

    def _open(self, form_id: int) -> KeptForm | None:
        """The form that was read. Gone before it is sent: what the clerk typed meanwhile still counts."""
        try:
            return application_intake.open_form(db_session(), form_id, actor=actor())
        except NotFound:
            if request.method == "GET":
                raise
            return None

    def _kind_asked(self) -> ParticipantKind:
        kind = request.args.get("kind")
        return ParticipantKind(kind) if kind in list(ParticipantKind) else abort(404)

    def _show_at_fields(self, form: Any, kept: KeptForm) -> None:
        """Each thing that could not be read stands at its field; what has none stands above."""
        locale, placed = locale_name(), set()
        for name, problem in kept.judged.at_field:
            if name in form:
                form[name].errors = [*form[name].errors, problem.message(locale)]
                placed.add(problem)
        for problem in kept.judged.problems:
            if problem not in placed:
                text = problem.message(locale)
                form.form_errors.append(_("セル%(cell)s：%(text)s", cell=problem.cell, text=text))

    def _filled(self, form: Any, kind: ParticipantKind, kept: KeptForm | None) -> str:
        return self.render(
            "admin/application/from_excel.html",
            form=form,
            kind=kind,
            title=_("読み取った申請を記録する"),
            back=self.get_url("application.index_view"),
            widths=application_forms.WIDTHS,
            changing=False,
            kept=kept,
            notes=kept.judged.notes if kept is not None else (),
            problems=kept.judged.problems if kept is not None else (),
            first_look=request.method == "GET",
        )

    def _recorded(self, row: Any, attached: bool) -> Any:
        flash(_("申請を記録しました。受付番号は%(number)sです。", number=row.number), "good")
        if not attached:
            flash(_("Excelファイルは、保存の期間が過ぎたため添付していません。"), "warn")
        return redirect(self.get_url("application.details_view", id=row.id))


def views() -> list[Any]:
    """The screens of this subject."""
    name = _l("申請書（Excel）から取り込む")
    return [ApplicationExcel(name=name, endpoint="application_excel", url="/admin/application-excel")]
