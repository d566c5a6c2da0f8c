"""Contact changes applied for online: old and new side by side, decided here (domain §2, §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from portal.admin import formats
from portal.admin.acts import KeySearch, Question, ReasonForm, VersionForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, FromDayFilter, ToDayFilter
from portal.admin.offered import not_offered
from portal.admin.users import affiliation
from portal.extensions import db_session
from portal.models import ContactChange, DecisionState, Holder, Trader, User, Verifier
from portal.permissions import Permission
from portal.services import contacts
from portal.web import actor
from portal.web_text import day, label

ITEMS: dict[str, Any] = {
    "company": _l("所属する法人名"),
    "department": _l("部署"),
    "post": _l("役職"),
    "name": _l("担当者氏名"),
    "name_kana": _l("担当者氏名のふりがな"),
    "postal_code": _l("郵便番号"),
    "address": _l("住所"),
    "telephone": _l("電話番号"),
    "fax": _l("FAX番号"),
    "mail": _l("メールアドレスA"),
    "mail_b": _l("メールアドレスB"),
}


def _whose(_view: Any, _context: Any, model: ContactChange, _name: str) -> str:
    return affiliation(model.applied_by)


def _items(_view: Any, _context: Any, model: ContactChange, _name: str) -> str:
    return _("、").join(str(ITEMS[item]) for item in contacts.changed_items(model))


def _told_besides(model: ContactChange) -> list[str]:
    """Who is told of a changed mail address, besides the applicant; address B gets report mail only."""
    changed, told = contacts.changed_items(model), []
    if "mail" in changed:
        told.append(
            _("前のメールアドレスA（%(mail)s）にも、変わったことを知らせます。", mail=model.old["mail"])
        )
    if "mail_b" in changed:
        told.append(_("メールアドレスBの変更は、メールアドレスAに知らせます。Bには知らせません。"))
    return told


class ContactChangeView(KeySearch, SecretariatView):
    """担当者の変更申請."""

    permission_view = Permission.RECORD_VIEW
    column_list: Any = ("id", "applied_by", "new", "applied_at", "state", "decided_at")
    column_default_sort = ("applied_at", False)
    column_sortable_list: Any = ("applied_at", "decided_at")
    column_labels: Any = {
        "id": _l("受付番号"),
        "applied_by": _l("申請者"),
        "new": _l("変わる項目"),
        "applied_at": _l("申請"),
        "state": _l("状態"),
        "decided_at": _l("決定"),
    }
    column_formatters: Any = {
        "id": lambda _v, _c, m, _n: f"C-{m.id:04d}",
        "applied_by": _whose,
        "new": _items,
        "state": formats.state,
    }
    column_formatters_export: Any = {
        "id": lambda _v, _c, m, _n: f"C-{m.id:04d}",
        "applied_by": _whose,
        "new": _items,
        "state": lambda _v, _c, m, _n: label(m.state),
    }
    column_filters: Any = (
        ChoiceFilter(ContactChange.state, _l("状態"), lambda: [(s, label(s)) for s in DecisionState]),
        FromDayFilter(ContactChange.applied_at, _l("申請日（から）")),
        ToDayFilter(ContactChange.applied_at, _l("申請日（まで）")),
    )
    column_searchable_list: Any = (
        "applied_by.holder.search_key",
        "applied_by.trader.search_key",
        "applied_by.verifier.search_key",
    )
    search_help = _l("会社名・事業所名（漢字・かな）、口座番号、検証機関番号、担当者で探せます。")
    details_template = "admin/contact_change/details.html"

    def get_query(self) -> Any:
        by = joinedload(ContactChange.applied_by)
        return (
            super()
            .get_query()
            .options(
                by.joinedload(User.holder).joinedload(Holder.representative),
                by.joinedload(User.trader).joinedload(Trader.organisation),
                by.joinedload(User.verifier).joinedload(Verifier.organisation),
                joinedload(ContactChange.decided_by),
            )
        )

    @expose("/")
    def index_view(self) -> Any:
        if not request.args:
            return redirect(self.list_address(filters=[(0, "", DecisionState.APPLIED.value)]))
        return super().index_view()

    def _get_list_url(self, view_args: Any) -> str:
        # the bare address shows what waits; without any filter the address says so
        url = str(super()._get_list_url(view_args))
        return url if "?" in url else f"{url}?page=0"

    def title_of(self, model: ContactChange) -> str:
        return _("%(who)sの担当者の変更", who=affiliation(model.applied_by))

    def details_context(self, model: ContactChange) -> dict[str, Any]:
        changed = set(contacts.changed_items(model))
        rows = [
            (words, model.old.get(item), model.new.get(item), item in changed)
            for item, words in ITEMS.items()
            if item in model.new and (item != "mail_b" or model.applied_by.holder_id is not None)
        ]
        return {"rows": rows, "whose": affiliation(model.applied_by)}

    def steps_for(self, model: ContactChange) -> Sequence[Step]:
        if model.state is not DecisionState.APPLIED or not self.allows(Permission.CONTACT_CHANGE_DECIDE):
            return ()
        return [
            Step(_("変更を承認する"), self.get_url(".accept_view", id=model.id)),
            Step(_("不承認にする"), self.get_url(".decline_view", id=model.id), "danger-quiet"),
        ]

    def history_of(self, model: ContactChange) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("contact_change", [model.id])])

    # ---- acts

    def _row(self) -> ContactChange:
        row: ContactChange = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: ContactChange, title: str, **more: Any) -> Question:
        back = self.get_url(".details_view", id=row.id)
        facts = [(_("申請者"), affiliation(row.applied_by)), (_("申請日"), day(row.applied_at))]
        for item in contacts.changed_items(row):
            before, after = (values.get(item) or _("記入なし") for values in (row.old, row.new))
            words = _("%(before)s から %(after)s に変わります", before=before, after=after)
            facts.append((str(ITEMS[item]), words))
        parents = [(self.name, self.get_url(".index_view")), (self.title_of(row), back)]
        return Question(title, parents, verb=title, back=back, facts=facts, **more)

    @page("/accept/", Permission.CONTACT_CHANGE_DECIDE, methods=("GET", "POST"))
    def accept_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = VersionForm(data={"version": row.version})
        done = submitted(
            form,
            lambda: contacts.accept_change(db_session(), row_id, actor=actor(), version=form["version"].data),
        )
        if done is not None:
            flash(_("変更を承認しました。新しい担当者情報を使います。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        say = _("担当者情報を次のとおり変更し、申請者にメールで知らせます。")
        row = self._row()
        return ask(self, form, self._question(row, _("変更を承認する"), say=say, makes=_told_besides(row)))

    @page("/decline/", Permission.CONTACT_CHANGE_DECIDE, methods=("GET", "POST"))
    def decline_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id = row.id
        form = ReasonForm(data={"version": row.version})
        form["reason"].description = _("申請者へのメールに、このまま載ります。")
        done = submitted(
            form,
            lambda: contacts.decline_change(
                db_session(),
                row_id,
                form["reason"].data or "",
                actor=actor(),
                version=form["version"].data,
            ),
        )
        if done is not None:
            flash(_("不承認にしました。担当者情報は変わりません。"), "good")
            return redirect(self.get_url(".details_view", id=row_id))
        say = _("この変更を行わず、理由を申請者にメールで知らせます。")
        return ask(self, form, self._question(self._row(), _("不承認にする"), say=say, danger=True))


def views() -> list[Any]:
    """The screens of this subject."""
    return [ContactChangeView(ContactChange, name=_l("担当者の変更申請"), endpoint="contact_change")]
