"""Bulk imports: a workbook sent, what each row will become, the start by a person, the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from flask import abort, current_app, flash, g, redirect, request, send_file
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from wtforms import FileField

from portal.admin import formats, import_words
from portal.admin.acts import KeyForm, Needed, Question, VersionForm, ask, status, submitted
from portal.admin.application_list import phase_choices
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter
from portal.admin.offered import not_offered
from portal.errors import Refused
from portal.extensions import db_session
from portal.models import Import, ImportKind, ImportState
from portal.permissions import Permission
from portal.services import documents, import_retention, imports
from portal.web import actor, carry_out, texts
from portal.web_forms import KeyField
from portal.web_text import label, number


class UploadForm(KeyForm):
    """The workbook; what it is and what stands in it is the service's and the worker's to say."""

    file = FileField(_l("記入したファイル"), validators=[Needed()])


class StartForm(VersionForm):
    """The button that makes all rows: a second press does nothing more."""

    key = KeyField()


@dataclass(frozen=True)
class Shown:
    """Which rows of the import the page shows."""

    only: str
    page: int
    pages: int
    total: int
    lines: list[import_words.RowLine]


class ImportView(SecretariatView):
    """一括取り込み."""

    permission_view = Permission.REGISTRATION_VIEW
    permission_edit = Permission.REGISTRATION_EDIT
    column_list: Any = (
        "file_name",
        "kind",
        "rows_total",
        "rows_bad",
        "state",
        "created_by.name",
        "created_at",
    )
    column_default_sort = ("created_at", True)
    column_sortable_list: Any = ("rows_total", "rows_bad", "created_at")
    column_searchable_list: Any = ("file_name",)
    column_labels: Any = {
        "file_name": _l("ファイル"),
        "kind": _l("種類"),
        "rows_total": _l("行数"),
        "rows_bad": _l("不備のある行"),
        "state": _l("状態"),
        "created_by.name": _l("送付者"),
        "created_at": _l("受付"),
    }
    column_figures = frozenset({"rows_total", "rows_bad"})
    column_formatters: Any = {
        "kind": formats.word,
        "state": formats.state,
        "rows_total": formats.figure,
        "rows_bad": formats.figure,
        "created_by.name": formats.unbroken(lambda m: m.created_by.name),
    }
    column_filters: Any = (
        ChoiceFilter(Import.kind, _l("種類"), lambda: [(k, label(k)) for k in ImportKind]),
        ChoiceFilter(Import.state, _l("状態"), lambda: [(s, label(s)) for s in ImportState]),
    )
    search_help = _l("ファイルの名前で探せます。")
    list_template = "admin/import/list.html"
    details_template = "admin/import/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(Import.created_by), joinedload(Import.job))

    def kinds(self) -> list[tuple[ImportKind, Any]]:
        """What may be imported, with the words of its button."""
        return [
            (ImportKind.APPLICATIONS, _("登録申請を取り込む")),
            (ImportKind.TARGETS, _("削減目標量を取り込む")),
        ]

    def title_of(self, model: Import) -> str:
        return model.file_name

    # ---- the row's page

    def details_context(self, model: Import) -> dict[str, Any]:
        session = db_session()
        chosen = request.args.get("only", "")
        return {
            "findings": imports.findings(model),
            "shown": self._shown(model, chosen if chosen in imports.ONLY else ""),
            "clears_on": import_retention.last_day(model),
            "similar": imports.count(session, model.id, "similar"),
            "progress": imports.progress(model),
            "at_work": model.state in imports.AT_WORK,
            "stuck": imports.is_stuck(model),
            "starter": imports.started_by(session, model),
            "same": imports.same_file(session, model) if model.state is ImportState.READY else None,
            "results_url": self._results(model),
        }

    def _shown(self, model: Import, only: str) -> Shown:
        session = db_session()
        if model.cleared_at is not None:
            return Shown("", 1, 1, 0, [])  # what the rows said was thrown away
        total = imports.count(session, model.id, only)
        pages = max(1, -(-total // imports.PAGE))
        asked = request.args.get("page", "")
        at = min(int(asked), pages) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 7 else 1
        lines = imports.rows(session, model.id, page=max(at, 1) - 1, only=only)
        return Shown(only, max(at, 1), pages, total, import_words.row_lines(session, model, lines))

    def _results(self, model: Import) -> str | None:
        """The list of what was made."""
        if model.state is not ImportState.DONE:
            return None
        if model.kind is ImportKind.TARGETS:
            return str(self.get_url("target.index_view"))
        view: Any = next(v for v in current_app.extensions["admin"][0]._views if v.endpoint == "application")
        shown = import_words.filter_arguments(view, model.id)
        return str(self.get_url("application.index_view", **shown))

    def steps_for(self, model: Import) -> Sequence[Step]:
        if not self.allows(Permission.REGISTRATION_EDIT):
            return ()
        again = Step(_("直したファイルを送る"), self.get_url(".upload_view", kind=model.kind.value))
        discard = Step(_("ファイルを破棄する"), self.get_url(".discard_view", id=model.id), "other")
        if imports.is_stuck(model):
            return (discard,)
        if model.state is ImportState.READY:
            words = ngettext(
                "%(n)s件を取り込む", "%(n)s件を取り込む", model.rows_total, n=number(model.rows_total)
            )
            return Step(words, self.get_url(".start_view", id=model.id)), discard
        if model.state in (ImportState.REFUSED, ImportState.FAILED):
            return again, discard
        return ()

    def later_for(self, model: Import) -> tuple[Any, Any] | None:
        if model.state not in imports.AT_WORK or imports.is_stuck(model):
            return None
        return _("いま処理しています"), _("終わると、ここに次の操作が出ます。")

    def history_of(self, model: Import) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("import", [model.id])])

    def _row(self) -> Import:
        row: Import = self.get_one(request.args.get("id", ""))
        return row

    # ---- the file

    def _kind(self) -> ImportKind:
        asked = request.args.get("kind", "")
        return next((kind for kind in ImportKind if kind.value == asked), None) or abort(404)

    @page("/upload/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def upload_view(self) -> Any:
        kind, form = self._kind(), UploadForm()
        sent = form["file"].data
        name = str(getattr(sent, "filename", "") or "")
        data = bytes(sent.read()) if hasattr(sent, "read") else b""
        made = submitted(
            form,
            lambda: imports.upload(
                db_session(),
                kind,
                name,
                data,
                actor=actor(),
                limit_mb=g.settings.upload_limit_mb,
                key=form["key"].data,
            ),
            files=[(name, data)],
        )
        if made is not None:
            flash(_("ファイルを受け付けました。読み取りが終わると、ここに結果が出ます。"), "good")
            return redirect(self.get_url(".details_view", id=made.id))
        html = self.render(
            "admin/import/upload.html",
            form=form,
            kind=kind,
            title=dict(self.kinds())[kind],
            limit=g.settings.upload_limit_mb,
            most=imports.MOST_ROWS,
            phases=phase_choices() if kind is ImportKind.TARGETS else [],
        )
        return html, status()

    @page("/blank/", Permission.REGISTRATION_EDIT)
    def blank_view(self) -> Any:
        kind, phase = self._kind(), request.args.get("phase", "")
        phase_id = int(phase) if phase.isascii() and phase.isdigit() and len(phase) < 16 else None
        try:
            data = imports.blank_workbook(db_session(), kind, actor=actor(), phase_id=phase_id)
        except Refused as refused:
            flash(texts(refused.problems)[0], "warn")
            return redirect(self.get_url(".upload_view", kind=kind.value))
        return _handed_out(f"{label(kind)}.xlsx", documents.XLSX, data)

    @page("/marked/", Permission.REGISTRATION_VIEW)
    def marked_view(self) -> Any:
        row_id = self._row().id
        return _handed_out(*carry_out(lambda: imports.open_marked(db_session(), row_id, actor=actor())))

    @page("/progress/", Permission.REGISTRATION_VIEW)
    def progress_view(self) -> Any:
        far = imports.progress(self._row())
        return {"state": far.state.value, "done": far.done, "total": far.total}

    # ---- acts

    @page("/start/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def start_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, form = row.id, StartForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: imports.start(
                db_session(), row_id, actor=actor(), version=form["version"].data, key=form["key"].data
            ),
        )
        if done is not None:
            flash(_("取り込みを始めました。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, self._start_question(self._row()))

    def _start_question(self, row: Import) -> Question:
        words = _start_words(row)
        if row.kind is ImportKind.APPLICATIONS:
            say = ngettext(
                "登録申請%(n)s件を、受付済として記録します。",
                "登録申請%(n)s件を、受付済として記録します。",
                row.rows_total,
                n=number(row.rows_total),
            )
        else:
            say = ngettext(
                "削減目標量%(n)s件を起案します。確定は、ほかの承認者が行います。",
                "削減目標量%(n)s件を起案します。確定は、ほかの承認者が行います。",
                row.rows_total,
                n=number(row.rows_total),
            )
        similar = imports.count(db_session(), row.id, "similar")
        warn = None
        if similar:
            head = ngettext(
                "似た登録のある行が%(n)s件あります",
                "似た登録のある行が%(n)s件あります",
                similar,
                n=number(similar),
            )
            warn = head, _("同じ申請でないことを確かめてから、取り込んでください。")
        return Question(
            words,
            self._parents(row),
            say=say,
            verb=words,
            back=self.get_url(".details_view", id=row.id),
            facts=[(_("ファイル"), row.file_name), (_("行数"), number(row.rows_total))],
            makes=[_("すべての行をまとめて取り込みます。1件でも取り込めないときは、何も記録しません。")],
            warn=warn,
        )

    def _parents(self, row: Import) -> list[tuple[Any, str]]:
        return [
            (self.name, self.get_url(".index_view")),
            (row.file_name, self.get_url(".details_view", id=row.id)),
        ]

    @page("/discard/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def discard_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, form = row.id, VersionForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: imports.discard(db_session(), row_id, actor=actor(), version=form["version"].data),
        )
        if done is not None:
            flash(_("ファイルを破棄しました。何も記録していません。"), "good")
            return redirect(self.get_url(".index_view"))
        row = self._row()
        question = Question(
            _("ファイルを破棄する"),
            self._parents(row),
            say=_(
                "このファイルを取り込まずに破棄します。何も記録されません。ファイルと行の内容は消去します。"
            ),
            verb=_("ファイルを破棄する"),
            back=self.get_url(".details_view", id=row.id),
            facts=[(_("ファイル"), row.file_name)],
        )
        return ask(self, form, question)


def _start_words(row: Import) -> str:
    n = row.rows_total
    return ngettext("%(n)s件を取り込む", "%(n)s件を取り込む", n, n=number(n))


def _handed_out(name: str, media_type: str, data: bytes) -> Any:
    return send_file(BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)


def views() -> list[Any]:
    """The screens of this subject."""
    return [ImportView(Import, name=_l("一括取り込み"), endpoint="import")]
