"""Verifiers: their record, their logins and how much lies with them (domain §1, §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, g, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from wtforms import StringField

from portal.admin import formats
from portal.admin.acts import KeySearch, Needed, ProvenKeyForm, Question, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.participant_record import RecordPages
from portal.admin.reissue import reissue_page
from portal.extensions import db_session
from portal.models import EmissionsReport, Holder, Letter, ParticipantKind, User, Verifier, VerifierAssignment
from portal.permissions import Permission
from portal.services import verifiers
from portal.services.verifiers import VerifierLoad
from portal.web import actor
from portal.web_text import number


class LoginForm(ProvenKeyForm):
    """A further person of a verifier."""

    name = StringField(_l("氏名"), validators=[Needed()])
    email = StringField(_l("メールアドレス"), validators=[Needed()])


def loads() -> dict[int, VerifierLoad]:
    """Every verifier's load by its id, read once for a request."""
    if "verifier_loads" not in g:
        g.verifier_loads = {one.verifier.id: one for one in verifiers.load(db_session())}
    found: dict[int, VerifierLoad] = g.verifier_loads
    return found


def _load(name: str) -> Any:
    return lambda _view, _context, model, _name: number(getattr(loads()[model.id], name))


class VerifierView(RecordPages, KeySearch, SecretariatView):
    """検証機関."""

    record_kind = ParticipantKind.VERIFIER
    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("number", "organisation.name", "contact.name", "assigned", "waiting", "done")
    column_default_sort = ("number", False)
    column_sortable_list: Any = ("number", ("organisation.name", "organisation.name_kana"))
    column_labels: Any = {
        "number": _l("番号"),
        "organisation.name": _l("法人名"),
        "contact.name": _l("担当者"),
        "assigned": _l("担当する報告書"),
        "waiting": _l("うち検証中"),
        "done": _l("うち承認済"),
    }
    column_figures = frozenset({"assigned", "waiting", "done"})
    column_formatters: Any = {
        "number": lambda _v, _c, m, _n: m.code,
        "contact.name": formats.two_lines("contact.mail"),
        "assigned": _load("assigned"),
        "waiting": _load("waiting"),
        "done": _load("done"),
    }
    column_formatters_export: Any = {
        "number": lambda _v, _c, m, _n: m.code,
        "contact.name": lambda _v, _c, m, _n: m.contact.name,
        "assigned": lambda _v, _c, m, _n: loads()[m.id].assigned,
        "waiting": lambda _v, _c, m, _n: loads()[m.id].waiting,
        "done": lambda _v, _c, m, _n: loads()[m.id].done,
    }
    search_help = _l("会社名（漢字・かな）、番号、担当者、メールアドレスで探せます。")
    details_template = "admin/verifier/details.html"

    def get_query(self) -> Any:
        return super().get_query().options(joinedload(Verifier.organisation), joinedload(Verifier.contact))

    def title_of(self, model: Verifier) -> str:
        return model.label

    def details_context(self, model: Verifier) -> dict[str, Any]:
        live = (
            select(EmissionsReport)
            .join(VerifierAssignment, VerifierAssignment.report_id == EmissionsReport.id)
            .where(VerifierAssignment.verifier_id == model.id, VerifierAssignment.ended_at.is_(None))
            .options(
                joinedload(EmissionsReport.holder).joinedload(Holder.representative),
                joinedload(EmissionsReport.holder).joinedload(Holder.account),
                joinedload(EmissionsReport.holder).joinedload(Holder.phase),
            )
            .order_by(EmissionsReport.holder_id, EmissionsReport.id)
        )
        return {
            "load": loads()[model.id],
            "reports": list(db_session.scalars(live)),
            **self.record_context(model),
        }

    def steps_for(self, model: Verifier) -> Sequence[Step]:
        steps = []
        if self.allows(Permission.LOGIN_REISSUE):
            steps += [
                Step(_("ログインを追加する"), self.get_url(".add_view", id=model.id)),
                Step(_("パスワードを再発行する"), self.get_url(".reissue_view", id=model.id), "other"),
            ]
        return [*self.waiting_steps(model), *steps, *self.record_steps(model)]

    def history_of(self, model: Verifier) -> Sequence[tuple[Any, ...]]:
        return self.record_history(model)

    @page("/reissue/", Permission.LOGIN_REISSUE, methods=("GET", "POST"))
    def reissue_view(self) -> Any:
        return reissue_page(self, self.get_one(request.args.get("id", "")))

    @page("/add/", Permission.LOGIN_REISSUE, methods=("GET", "POST"))
    def add_view(self) -> Any:
        row: Verifier = self.get_one(request.args.get("id", ""))
        row_id = row.id
        form = LoginForm()

        def add() -> tuple[User, Letter]:
            form.prove()
            name, email = form["name"].data or "", form["email"].data or ""
            return verifiers.add_user(db_session(), row_id, name, email, actor=actor(), key=form["key"].data)

        made = submitted(form, add)
        if made is not None:
            user, letter = made
            words = _("ログイン%(login)sを作りました。通知書を印刷して送ってください。", login=user.login_id)
            flash(words, "good")
            return redirect(self.get_url("letter.details_view", id=letter.id))
        row = self.get_one(str(row_id))
        back = self.get_url(".details_view", id=row_id)
        question = Question(
            _("ログインを追加する"),
            [(self.name, self.get_url(".index_view")), (row.label, back)],
            say=_("この検証機関のログインを1つ作り、初期パスワードの通知書を作ります。"),
            verb=_("ログインを追加する"),
            back=back,
            facts=[(_("検証機関"), row.label)],
        )
        return ask(self, form, question)


def views() -> list[Any]:
    """The screens of this subject."""
    return [VerifierView(Verifier, name=_lp("list", "検証機関"), endpoint="verifier")]
