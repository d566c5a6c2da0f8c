"""One letter printed: the page that asks, the PDF that leaves once, the kept copy (domain §3)."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, request, send_file
from flask_babel import gettext as _
from sqlalchemy import select

from portal.admin.acts import ProvenForm, Question, VersionForm, status, submitted
from portal.admin.door import page
from portal.admin.letter_formats import kind_word
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import Event, Letter, LetterState
from portal.permissions import Permission
from portal.services import documents, letter_present, letters
from portal.services.letter_words import from_json
from portal.web import actor
from portal.web_text import day

if TYPE_CHECKING:
    from portal.admin.base import SecretariatView as _View
else:
    _View = object


class LetterPrints(_View):
    """The pages of one letter's printing. Mix in before the list's view."""

    def _row(self) -> Letter:
        row: Letter = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: Letter, title: str, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        facts = [
            (_("通知書番号"), row.number),
            (_("種類"), kind_word(row)),
            (_("送り先"), row.addressee),
        ]
        parents = [(self.name, self.get_url(".index_view")), (row.number, back)]
        return Question(title, parents, back=back, facts=[*facts, *more.pop("facts", [])], **more)

    @page("/print/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def print_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, number = row.id, row.number
        secret = bool(from_json(row.content).logins)
        form = (ProvenForm if secret else VersionForm)(data={"version": row.version})

        def print_it() -> bytes:
            if isinstance(form, ProvenForm):
                form.prove()
            return letters.print_letter(db_session(), row_id, actor=actor(), version=form["version"].data)

        pdf = submitted(form, print_it)
        if pdf is not None:
            return self._pdf(pdf, number)
        row = self._row()
        if form.form_errors and self._printed_from(row, form["version"].data):
            flash(self._printed_words(row), "warn")
            return redirect(self.get_url(".details_view", id=row_id))
        html = self.render("admin/letter/print.html", form=form, question=self._printing(row))
        return html, status()

    def _printed_from(self, row: Letter, version: int | None) -> bool:
        """Whether the reader's own page of ``version`` made the last print: its button was pressed twice."""
        last = select(Event).where(Event.subject_type == "letter", Event.subject_id == row.id)
        made = db_session.scalars(last.order_by(Event.id.desc())).first()
        own = made is not None and made.actor_id == actor().id
        return own and row.state is LetterState.PRINTED and (version or 0) < row.version

    def _printed_words(self, row: Letter) -> str:
        if not from_json(row.content).logins:
            return _("この通知書のPDFは、もうダウンロードしました。送ったら、発送日を記録してください。")
        return _(
            "この通知書は、もう印刷しました。ダウンロードしたPDFがあるときは、それを使ってください。"
            "ないときは、もう一度印刷してください。そのときはパスワードが新しくなり、"
            "前のものは使えなくなります。"
        )

    def _printing(self, row: Letter) -> Question:
        content = letter_present.present(db_session(), row)
        logins = [login.login_id for login in content.logins]
        address = content.address
        where = [(_("住所"), _("〒%(code)s　%(address)s", code=address.postal_code, address=address.address))]
        due = content.answer_by and date.fromisoformat(content.answer_by)
        if due and content.answer_by != row.content.get("answer_by"):
            moved = _("%(day)s（前の期限を過ぎたため、印刷する日から14日後にします）", day=day(due))
            where.append((_("提出期限"), moved))
        elif due:
            where.append((_("提出期限"), day(due)))
        verb = _("通知書を印刷する") if not row.prints else _("もう一度印刷する")
        if not logins:
            say = _("通知書のPDFをダウンロードします。印刷して、担当者に送ってください。")
            return self._question(row, verb, say=say, verb=verb, facts=where)
        return self._question(
            row,
            verb,
            say=_(
                "初期パスワードを作り、通知書のPDFをダウンロードします。印刷して、担当者に送ってください。"
            ),
            verb=verb,
            facts=[*where, (_("ログインID"), _("、").join(logins))],
            warn=(
                _("パスワードが印刷されるのは、この1回だけです。"),
                _(
                    "控えではパスワードを黒く塗ります。もう一度印刷すると新しいパスワードになり、"
                    "前のものは使えなくなります。"
                ),
            ),
        )

    def _pdf(self, data: bytes, number: str) -> Any:
        name = f"{number}.pdf"
        return send_file(BytesIO(data), mimetype=documents.PDF, as_attachment=True, download_name=name)

    @page("/copy/", Permission.REGISTRATION_VIEW)
    def copy_view(self) -> Any:
        """The kept copy: passwords are blacked out in it."""
        row = self._row()
        if row.copy is None:
            abort(404)
        return self._pdf(documents.read(db_session(), row.copy), row.number)
