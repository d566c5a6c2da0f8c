"""Letters: the queue of what waits to be printed, printing, posting, what came back (domain §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar, cast

from flask import flash, redirect, request
from flask_admin.actions import action
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from portal import clock
from portal.admin.acts import KeySearch, Question, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.letter_addresses import LetterAddresses
from portal.admin.letter_batches import keys_asked, pairs, shortened
from portal.admin.letter_batches import views as batch_views
from portal.admin.letter_formats import addressee, kind_word, on_day, state_and_wait, waiting_days, with_kind
from portal.admin.letter_forms import TogetherForm, VoidForm, day_form
from portal.admin.letter_prints import LetterPrints
from portal.admin.offered import not_offered
from portal.errors import Problem, Refusal
from portal.extensions import db_session
from portal.models import Letter, LetterBatch, LetterKind, LetterState
from portal.permissions import Permission
from portal.services import access, letter_batches, letter_present, letters
from portal.services.letter_pdf import LetterAddress
from portal.services.letter_words import from_json
from portal.web import actor, texts
from portal.web_text import label


class LetterView(LetterAddresses, LetterPrints, KeySearch, SecretariatView):
    """通知書の印刷."""

    permission_view = Permission.REGISTRATION_VIEW
    column_list = (
        "number",
        "addressee",
        "state",
        "created_at",
        "printed_at",
        "posted_on",
        "returned_on",
    )
    column_export_list: Any = ("number", "addressee", "address", "kind", "state", "waits", *column_list[3:])
    column_default_sort = ("created_at", True)
    column_sortable_list = ("number", "addressee", "created_at", "printed_at", "posted_on", "returned_on")
    column_searchable_list: Any = ("number", "addressee", "application.search_key")
    column_labels: Any = {
        "number": _l("通知書番号"),
        "addressee": _l("送り先"),
        "address": _l("住所"),
        "kind": _l("種類"),
        "state": _l("状態"),
        "waits": _l("待ち日数"),
        "created_at": _l("作成"),
        "printed_at": _l("印刷"),
        "posted_on": _l("発送"),
        "returned_on": _l("返送"),
    }
    column_formatters: Any = {
        "number": with_kind,
        "addressee": lambda _v, _c, m, _n: addressee(m),
        "kind": lambda _v, _c, m, _n: kind_word(m),
        "state": state_and_wait,
        "created_at": on_day,
        "printed_at": on_day,
        "posted_on": on_day,
        "returned_on": on_day,
    }
    column_formatters_export: Any = {
        "state": lambda _v, _c, m, _n: label(m.state),
        "waits": lambda _v, _c, m, _n: waiting_days(m),
        "address": lambda _v, _c, m, _n: "〒{postal_code} {address}".format(**m.content["address"]),
    }
    column_filters: Any = (
        ChoiceFilter(Letter.state, _l("状態"), lambda: [(s, label(s)) for s in LetterState]),
        ChoiceFilter(Letter.kind, _l("種類"), lambda: [(k, label(k)) for k in LetterKind]),
        FromDayFilter(Letter.created_at, _l("作成日（から）")),
        ToDayFilter(Letter.created_at, _l("作成日（まで）")),
    )
    search_help = _l("通知書番号、送り先、会社名（漢字・かな）で探せます。")
    list_template = "admin/letter/list.html"
    details_template = "admin/letter/details.html"
    action_permissions: ClassVar[Mapping[str, Permission]] = {
        "print_together": Permission.LETTER_PRINT,
        "post_together": Permission.LETTER_PRINT,
    }

    def permission_of(self, method: str) -> Permission | None:
        # whatever is done to many letters is printing or what follows it
        return Permission.LETTER_PRINT if method == "action_view" else super().permission_of(method)

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(Letter.application))

    def _apply_sorting(self, query: Any, joins: Any, sort_column: Any, sort_desc: bool) -> Any:
        if getattr(sort_column, "key", sort_column) != "addressee":
            return super()._apply_sorting(query, joins, sort_column, sort_desc)
        # by the address, as the post sorts
        parts = [
            Letter.content["address"][part].as_string() for part in ("postal_code", "address", "company")
        ]
        order = [part.desc() if sort_desc else part for part in (*parts, Letter.addressee)]
        return query.order_by(*order, Letter.id), joins

    @action("print_together", cast(str, _l("まとめて印刷する")))
    def print_together(self, ids: list[str]) -> Any:
        return redirect(self.get_url("letter_batch.start_view", id=ids))

    @action("post_together", cast(str, _l("発送を記録する")))
    def post_together(self, ids: list[str]) -> Any:
        return redirect(self.get_url(".post_together_view", id=ids))

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            return redirect(self.list_address(filters=[(0, "", LetterState.WAITING.value)]))
        return super().index_view()

    @page("/returned/", Permission.REGISTRATION_VIEW)
    def returned(self) -> Any:
        """What came back and was not sent again."""
        return redirect(self.list_address(filters=[(0, "", LetterState.RETURNED.value)]))

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what waits; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def title_of(self, model: Letter) -> str:
        return model.number

    def details_context(self, model: Letter) -> dict[str, Any]:
        kept = from_json(model.content)
        returned = model.state is LetterState.RETURNED
        return {
            "logins": [login.login_id for login in kept.logins],
            "address": kept.address,
            "moved_to": self._moved_to(model),
            "kind": kind_word(model),
            # a returned letter: whose the change of the address is
            "own_affair": returned and self.may_correct(model) is Refusal.ADDRESS_BY_APPLICATION,
            "office_affair": returned and self.may_correct(model) is None,
            "answer_by": date.fromisoformat(kept.answer_by) if kept.answer_by else None,
            "participant": letter_present.reader_of(db_session(), model),
        }

    def _moved_to(self, model: Letter) -> LetterAddress | None:
        """Where it would go if it were printed now, if that is somewhere else."""
        now = letter_present.present(db_session(), model).address
        return now if now != from_json(model.content).address else None

    def steps_for(self, model: Letter) -> Sequence[Step]:
        if not self.allows(Permission.LETTER_PRINT):
            return ()

        def at(name: str) -> str:
            return str(self.get_url(f".{name}", id=model.id))

        again = Step(_("もう一度印刷する"), at("print_view"))
        if model.state is LetterState.VOID:
            return ()
        if model.state is LetterState.WAITING:
            return [
                Step(_("通知書を印刷する"), at("print_view")),
                Step(_("通知書を取り消す"), at("void_view"), "other"),
            ]
        if model.state is LetterState.PRINTED:
            return [Step(_("発送を記録する"), at("post_view")), again]
        if model.state is LetterState.POSTED:
            return [Step(_("返送を記録する"), at("return_view"), "other"), replace(again, tone="other")]
        if self.may_correct(model) is not None or not self.allows(Permission.REGISTRATION_EDIT):
            return [again]
        address = Step(_("送り先を直す"), at("address_view"))
        # first what is still to do
        steps = [address, again] if self._moved_to(model) is None else [again, address]
        return [steps[0], replace(steps[1], tone="other")]

    def later_for(self, model: Letter) -> tuple[Any, Any] | None:
        if model.state is not LetterState.VOID:
            return None
        head = _("この通知書は取り消されました")
        if model.content["logins"]:
            return head, _(
                "パスワードの通知書が要るときは、参加者の画面の「パスワードを再発行する」で作ります。"
            )
        return head, _("印刷も発送もされません。")

    def history_of(self, model: Letter) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("letter", [model.id])])

    def waiting(self) -> int:
        """How many letters wait to be printed."""
        count = select(func.count()).where(Letter.state == LetterState.WAITING)
        return db_session.scalar(count) or 0

    # ---- acts

    def _dated(self, title: str, say: str, field: str, work: Callable[..., Any], told: str) -> Any:
        """A page that asks for a day, then does ``work``. ``field`` is what the service calls the day."""
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = day_form(field, {"version": row.version, field: clock.today()})
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

    @page("/post-together/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def post_together_view(self) -> Any:
        """One day of posting for many printed letters; those of ``batch`` or those chosen."""
        rows = self._to_post()
        back = self.get_url(".index_view", **self._get_filters([(0, "", LetterState.PRINTED.value)]))
        if not rows and request.method == "GET":
            flash(_("発送を記録できる通知書がありません。記録できるのは、印刷済の通知書だけです。"), "warn")
            return redirect(back)
        if request.method == "GET" and (missing := letter_batches.unfetched(db_session(), rows)):
            problem = Problem(Refusal.LETTERS_NOT_FETCHED, None, {"count": len(missing)})
            flash(texts([problem])[0], "warn")
            return redirect(back)
        form = TogetherForm(
            data={"posted_on": clock.today(), "chosen": ",".join(f"{row.id}:{row.version}" for row in rows)}
        )
        done = submitted(
            form,
            lambda: letters.post_together(
                db_session(),
                pairs(form["chosen"].data),
                form["posted_on"].data,
                actor=actor(),
                key=form["key"].data,
            ),
        )
        if done is not None:
            flash(
                ngettext("%(n)s通の発送を記録しました。", "%(n)s通の発送を記録しました。", done, n=done),
                "good",
            )
            return redirect(back)
        rows = self._to_post()
        say = ngettext(
            "印刷済の通知書%(n)s通を、同じ日に送ったと記録します。",
            "印刷済の通知書%(n)s通を、同じ日に送ったと記録します。",
            len(rows),
            n=len(rows),
        )
        question = Question(
            _("発送をまとめて記録する"),
            [(self.name, self.get_url(".index_view"))],
            say=say,
            verb=ngettext("%(n)s通の発送を記録する", "%(n)s通の発送を記録する", len(rows), n=len(rows)),
            back=back,
            makes=shortened([f"{row.number}　{row.addressee}" for row in rows]),
        )
        return ask(self, form, question)

    def _to_post(self) -> list[Letter]:
        session = db_session()
        if batch_ids := keys_asked("batch"):
            batch = access.get_visible(session, LetterBatch, batch_ids[0], actor())
            return letter_batches.to_post(session, batch)
        query = select(Letter).where(Letter.id.in_(keys_asked("id")), Letter.state == LetterState.PRINTED)
        return list(session.scalars(query.order_by(Letter.id)))

    @page("/return/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def return_view(self) -> Any:
        return self._dated(
            _("返送を記録する"),
            _("この通知書が届かずに戻ってきた日を記録します。送り先を確かめて、もう一度印刷できます。"),
            "returned_on",
            letters.mark_returned,
            _("返送を記録しました。"),
        )

    @page("/void/", Permission.LETTER_PRINT, methods=("GET", "POST"))
    def void_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = VoidForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: letters.void(
                db_session(), row_id, form["reason"].data, actor=actor(), version=form["version"].data
            ),
        )
        if done is not None:
            flash(_("通知書を取り消しました。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        title = _("通知書を取り消す")
        say = _("この通知書を印刷待ちから外します。印刷も発送もされません。取消は元に戻せません。")
        return ask(self, form, self._question(self._row(), title, say=say, verb=title, danger=True))


def views() -> list[Any]:
    """The screens of this subject."""
    return [LetterView(Letter, name=_l("通知書の印刷"), endpoint="letter"), *batch_views()]
