"""Letters: the queue of what waits to be printed, printing, posting, what came back (domain §3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from flask import abort, flash, redirect, request, send_file
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import clock
from portal.admin import formats
from portal.admin.acts import DayForm, KeySearch, Question, VersionForm, ask, status, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import Event, Letter, LetterKind, LetterState
from portal.permissions import Permission
from portal.services import documents, letters
from portal.services.letter_words import from_json
from portal.web import actor
from portal.web_text import label


class LetterView(KeySearch, SecretariatView):
    """通知書の印刷."""

    permission_view = Permission.REGISTRATION_VIEW
    column_list = ("number", "addressee", "kind", "state", "created_at", "printed_at", "posted_on")
    column_default_sort = ("created_at", True)
    column_sortable_list = ("number", "created_at", "printed_at", "posted_on")
    column_searchable_list: Any = ("number", "addressee", "application.search_key")
    column_labels: Any = {
        "number": _l("通知書番号"),
        "addressee": _l("送り先"),
        "kind": _l("種類"),
        "state": _l("状態"),
        "created_at": _l("作成"),
        "printed_at": _l("印刷"),
        "posted_on": _l("発送"),
    }
    column_formatters: Any = {
        "number": formats.unbroken(lambda m: m.number),
        "addressee": lambda _v, _c, m, _n: m.addressee.replace(" ", "\u00a0"),
        "kind": formats.word,
        "state": formats.state,
    }
    column_filters: Any = (
        ChoiceFilter(Letter.state, _l("状態"), lambda: [(s, label(s)) for s in LetterState]),
        ChoiceFilter(Letter.kind, _l("種類"), lambda: [(k, label(k)) for k in LetterKind]),
        FromDayFilter(Letter.created_at, _l("作成日（から）")),
        ToDayFilter(Letter.created_at, _l("作成日（まで）")),
    )
    search_help = _l("通知書番号、送り先、会社名（漢字・かな）で探せます。")
    details_template = "admin/letter/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(Letter.application))

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            return redirect(self.list_address(filters=[(0, "", LetterState.WAITING.value)]))
        return super().index_view()

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what waits; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def title_of(self, model: Letter) -> str:
        return model.number

    def details_context(self, model: Letter) -> dict[str, Any]:
        content = from_json(model.content)
        return {"logins": [login.login_id for login in content.logins]}

    def steps_for(self, model: Letter) -> Sequence[Step]:
        if not self.allows(Permission.LETTER_PRINT):
            return ()

        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id))

        again = Step(_("もう一度印刷する"), at("print_view"))
        if model.state is LetterState.WAITING:
            return [Step(_("通知書を印刷する"), at("print_view"))]
        if model.state is LetterState.PRINTED:
            return [Step(_("発送を記録する"), at("post_view")), again]
        if model.state is LetterState.POSTED:
            return [Step(_("返送を記録する"), at("return_view")), again]
        return [again]

    def history_of(self, model: Letter) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("letter", [model.id])])

    # ---- acts

    def _row(self) -> Letter:
        row: Letter = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: Letter, title: str, **more: Any) -> Question:
        back = str(self.get_url(".details_view", id=row.id))
        facts = [
            (_("通知書番号"), row.number),
            (_("種類"), label(row.kind)),
            (_("送り先"), row.addressee),
        ]
        parents = [(self.name, self.get_url(".index_view")), (row.number, back)]
        return Question(title, parents, back=back, facts=[*facts, *more.pop("facts", [])], **more)

    @page("/print/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def print_view(self) -> Any:
        row = self._row()
        row_id, number = row.id, row.number
        form = VersionForm(data={"version": row.version})
        pdf = submitted(
            form,
            lambda: letters.print_letter(db_session(), row_id, actor=actor(), version=form["version"].data),
        )
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
        logins = [login.login_id for login in from_json(row.content).logins]
        verb = _("通知書を印刷する") if not row.prints else _("もう一度印刷する")
        if not logins:
            say = _("通知書のPDFをダウンロードします。印刷して、担当者に送ってください。")
            return self._question(row, verb, say=say, verb=verb)
        return self._question(
            row,
            verb,
            say=_(
                "初期パスワードを作り、通知書のPDFをダウンロードします。印刷して、担当者に送ってください。"
            ),
            verb=verb,
            facts=[(_("ログインID"), _("、").join(logins))],
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

    def _dated(self, title: str, say: str, field: str, work: Callable[..., Any], told: str) -> Any:
        """A page that asks for a day, then does ``work``. ``field`` is what the service calls the day."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = _day_form(field, {"version": row.version, field: clock.today()})
        done = submitted(
            form,
            lambda: work(db_session(), row_id, form[field].data, actor=actor(), version=form["version"].data),
        )
        if done is not None:
            flash(told, "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, self._question(self._row(), title, say=say, verb=title))

    @page("/post/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def post_view(self) -> Any:
        return self._dated(
            _("発送を記録する"),
            _("この通知書を送った日を記録します。"),
            "posted_on",
            letters.mark_posted,
            _("発送を記録しました。"),
        )

    @page("/return/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def return_view(self) -> Any:
        return self._dated(
            _("返送を記録する"),
            _("この通知書が届かずに戻ってきた日を記録します。送り先を確かめて、もう一度印刷できます。"),
            "returned_on",
            letters.mark_returned,
            _("返送を記録しました。"),
        )


def _day_form(field: str, data: dict[str, Any]) -> Any:
    """A form whose day has the name by which the service refuses it."""
    return type("DayForm", (DayForm,), {"day": None, field: DayForm.day})(data=data)


def views() -> list[Any]:
    """The screens of this subject."""
    return [LetterView(Letter, name=_l("通知書の印刷"), endpoint="letter")]
