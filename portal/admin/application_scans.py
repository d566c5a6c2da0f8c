"""The paper as pictures: attached, read, taken off; also after the decision, for the archive."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import flash, g, redirect, request, send_file
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import MultipleFileField, RadioField, TextAreaField

from portal.admin.acts import KeyForm, Needed, ask, status, submitted
from portal.admin.application_list import ApplicationList
from portal.admin.door import page
from portal.errors import NotFound
from portal.extensions import db_session
from portal.models import ApplicationScan, ScanKind
from portal.permissions import Permission
from portal.services import scans
from portal.web import actor, carry_out
from portal.web_forms import KeyField
from portal.web_text import filesize, label, moment, number


class AttachForm(KeyForm):
    """Files of one kind of paper."""

    kind = RadioField(_l("書類の種類"), validators=[Needed()], validate_choice=False)
    files = MultipleFileField(_l("ファイル"), validators=[Needed()])

    def chosen_kind(self) -> ScanKind | None:
        return next((kind for kind in scans.KINDS if kind.value == self["kind"].data), None)


class TakeOffForm(KeyForm):
    """Why a scan is taken off."""

    key = KeyField()
    reason = TextAreaField(_l("理由"), validators=[Needed()], description=_l("記録に、このまま載ります。"))


def _sent() -> list[tuple[str, bytes]]:
    """The files that were sent, in order; an empty field of files is none.

    Read once, before the act: it may be tried again, and a stream gives its bytes only once.
    """
    sent = request.files.getlist("files")
    return [(file.filename, file.stream.read()) for file in sent if file.filename]


class ApplicationScans(ApplicationList):
    """登録申請の書類の画像."""

    @page("/attach/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def attach_view(self) -> Any:
        row = self._row()
        row_id, number_of = row.id, row.number
        form = AttachForm()
        form["kind"].choices = [(kind.value, label(kind)) for kind in scans.KINDS]
        sent = _sent()
        done = submitted(
            form,
            lambda: scans.attach(
                db_session(),
                row_id,
                form.chosen_kind(),
                sent,
                actor=actor(),
                key=form["key"].data,
                limit_mb=g.settings.upload_limit_mb,
            ),
            files=sent,
            files_field="files",
        )
        if done is not None:
            n = len(done)
            told = ngettext("%(n)s件の画像を添付しました。", "%(n)s件の画像を添付しました。", n, n=number(n))
            flash(told, "good")
            return redirect(self._details(row_id))
        html = self.render(
            "admin/application/attach.html",
            form=form,
            row=self._row(),
            number=number_of,
            left=max(0, scans.MOST - scans.live_count(db_session(), row_id)),
            most=scans.MOST,
            limit=g.settings.upload_limit_mb,
            back=self._details(row_id),
        )
        return html, status()

    @page("/scan/<int:file_id>/", Permission.REGISTRATION_VIEW)
    def scan(self, file_id: int) -> Any:
        """One picture as a download; that it was read is recorded."""
        name, media_type, data = carry_out(lambda: scans.open_scan(db_session(), file_id, actor=actor()))
        return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)

    @page("/detach/<int:file_id>/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def detach_view(self, file_id: int) -> Any:
        row_id = self._scan(file_id).application_id
        form = TakeOffForm()
        done = submitted(
            form,
            lambda: scans.take_off(
                db_session(), file_id, form["reason"].data, actor=actor(), key=form["key"].data
            ),
        )
        if done is not None:
            flash(_("画像を外しました。事務局は、これからも読めます。"), "good")
            return redirect(self._details(row_id))
        scan = self._scan(file_id)
        if scan.removed_at is not None and request.method == "GET":
            flash(_("この操作は、いまはできません。いまの状態は、次のとおりです。"), "warn")
            return redirect(self._details(row_id))
        question = self._question(
            scan.application,
            _("画像を外す"),
            say=_("この画像を申請から外します。消去はせず、外したことと理由を記録します。"),
            verb=_("画像を外す"),
            danger=True,
            facts=[
                (_("ファイル"), f"{scan.document.name}（{filesize(scan.document.size)}）"),
                (_("種類"), label(scan.kind)),
                (_("添付した日時"), moment(scan.created_at)),
            ],
        )
        return ask(self, form, question)

    def _scan(self, file_id: int) -> ApplicationScan:
        found = db_session.get(ApplicationScan, file_id)
        if found is None:
            raise NotFound
        return found
