"""Logins of everybody: their state, enabling and disabling, new colleagues of the secretariat (domain §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy.orm import joinedload
from wtforms import SelectField, StringField

from portal.admin import formats
from portal.admin.acts import Needed, ProvenForm, Question, ReasonForm, ask, submitted
from portal.admin.base import SecretariatView, Step
from portal.admin.door import page
from portal.admin.event_words import history
from portal.admin.filters import ChoiceFilter, YesNoFilter
from portal.admin.forms import AdminForm
from portal.extensions import db_session
from portal.models import Holder, Trader, User, Verifier
from portal.permissions import SECRETARIAT, Permission, Role
from portal.services import users
from portal.web import actor
from portal.web_text import label

_OFFICE = (Role.OFFICER, Role.APPROVER, Role.VIEWER)


class ColleagueForm(AdminForm):
    """A new login of the secretariat."""

    login_id = StringField(
        _l("ログインID"),
        validators=[Needed()],
        description=_l("半角の英小文字で始まる、英数字3～40文字"),
    )
    name = StringField(_l("氏名"), validators=[Needed()])
    role = SelectField(_l("役割"), validators=[Needed()], validate_choice=False)
    email = StringField(_l("メールアドレス"))


def _affiliation(_view: Any, _context: Any, model: User, _name: str) -> str:
    return affiliation(model)


def affiliation(user: User) -> str:
    """Whose login it is."""
    owner: Any = user.holder or user.trader or user.verifier
    return str(owner.label) if owner is not None else _("事務局")


class UserView(SecretariatView):
    """利用者."""

    permission_view = Permission.RECORD_VIEW
    permission_edit = Permission.USERS_MANAGE
    can_create = True
    form = ColleagueForm
    create_label = _l("事務局の利用者を追加する")
    column_list: Any = ("login_id", "name", "role", "holder", "active", "last_login_at")
    column_default_sort = ("login_id", False)
    column_sortable_list: Any = ("login_id", "name", "last_login_at")
    column_searchable_list: Any = ("login_id", "name", "email")
    column_labels: Any = {
        "login_id": _l("ログインID"),
        "name": _l("氏名"),
        "role": _l("役割"),
        "holder": _l("所属"),
        "active": _l("状態"),
        "last_login_at": _l("最後のログイン"),
    }
    column_formatters: Any = {
        "role": formats.word,
        "holder": _affiliation,
        "active": lambda _v, _c, m, _n: active_badge(m),
    }
    column_formatters_export: Any = {
        "active": lambda _v, _c, m, _n: _("利用中") if m.active else _("停止中"),
        "holder": _affiliation,
    }
    column_filters: Any = (
        ChoiceFilter(User.role, _l("役割"), lambda: [(r, label(r)) for r in Role]),
        YesNoFilter(User.active, _l("状態"), _l("利用中"), _l("停止中")),
    )
    search_help = _l("ログインID、氏名、メールアドレスで探せます。")
    details_template = "admin/user/details.html"

    def get_query(self) -> Any:
        return (
            super()
            .get_query()
            .options(
                joinedload(User.holder).joinedload(Holder.representative),
                joinedload(User.trader).joinedload(Trader.organisation),
                joinedload(User.verifier).joinedload(Verifier.organisation),
            )
        )

    def title_of(self, model: User) -> str:
        return model.login_id

    def details_context(self, model: User) -> dict[str, Any]:
        return {"affiliation": affiliation(model), "badge": active_badge(model)}

    def steps_for(self, model: User) -> Sequence[Step]:
        if not self.allows(Permission.USERS_MANAGE):
            return ()
        steps = []
        if model.role in SECRETARIAT and model.id != actor().id and model.active:
            steps.append(Step(_("パスワードを再発行する"), self.get_url(".password_view", id=model.id)))
        if not model.active:
            steps.append(Step(_("停止を解く"), self.get_url(".enable_view", id=model.id)))
        elif model.id != actor().id:
            url = self.get_url(".disable_view", id=model.id)
            steps.append(Step(_("停止する"), url, "danger-quiet"))
        return steps

    def later_for(self, model: User) -> tuple[Any, Any] | None:
        if model.role in SECRETARIAT:
            return None
        return (
            _("パスワードの再発行は、手紙で行います"),
            _("参加者の画面の「パスワードを再発行する」から、通知書を作ります。"),
        )

    def history_of(self, model: User) -> Sequence[tuple[Any, ...]]:
        return history(db_session(), [("user", [model.id])])

    # ---- acts

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        form = ColleagueForm()
        form["role"].choices = [(role.value, label(role)) for role in _OFFICE]
        made = submitted(
            form,
            lambda: users.create_secretariat_user(
                db_session(),
                form["login_id"].data or "",
                form["name"].data or "",
                next((role for role in _OFFICE if role.value == form["role"].data), Role.HOLDER_A),
                form["email"].data,
                actor=actor(),
            ),
        )
        if made is not None:
            return self._told_once(*made)
        back = self.get_url(".index_view")
        question = Question(
            self.create_label,
            [(self.name, back)],
            say=_("ログインIDを作ります。初期パスワードは、次の画面に1度だけ出ます。"),
            verb=_("ログインIDを作る"),
            back=back,
        )
        return ask(self, form, question)

    def _told_once(self, user: User, password: str) -> Any:
        """The page with the one-time password; nowhere else and never again."""
        return self.render("admin/user/password.html", user=user, password=password)

    def _row(self) -> User:
        row: User = self.get_one(request.args.get("id", ""))
        return row

    def _question(self, row: User, title: str, say: str, danger: bool = False) -> Question:
        back = self.get_url(".details_view", id=row.id)
        facts = [(_("ログインID"), row.login_id), (_("氏名"), row.name), (_("所属"), affiliation(row))]
        parents = [(self.name, self.get_url(".index_view")), (row.login_id, back)]
        return Question(title, parents, say=say, verb=title, back=back, facts=facts, danger=danger)

    @page("/password/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def password_view(self) -> Any:
        row = self._row()
        row_id = row.id
        form = ProvenForm(data={"version": row.version})

        def reissue() -> tuple[User, str]:
            form.prove()
            return users.reissue_office_password(
                db_session(), row_id, actor=actor(), version=form["version"].data
            )

        made = submitted(form, reissue)
        if made is not None:
            return self._told_once(*made)
        say = _(
            "新しい初期パスワードを作ります。いまのパスワードは使えなくなり、ログイン中の画面は終わります。"
        )
        return ask(self, form, self._question(self._row(), _("パスワードを再発行する"), say))

    def _switch(self, active: bool, title: str, say: str, told: str) -> Any:
        row = self._row()
        row_id = row.id
        form = ReasonForm(data={"version": row.version})
        form["reason"].description = ""
        done = submitted(
            form,
            lambda: users.set_active(
                db_session(),
                row_id,
                active,
                reason=form["reason"].data or "",
                actor=actor(),
                version=form["version"].data,
            ),
        )
        if done is not None:
            flash(told, "good")
            return redirect(self.get_url(".details_view", id=row_id))
        return ask(self, form, self._question(self._row(), title, say, danger=not active))

    @page("/disable/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def disable_view(self) -> Any:
        return self._switch(
            False,
            _("停止する"),
            _("このログインIDを使えなくします。ログイン中の画面は、すべて終わります。"),
            _("停止しました。"),
        )

    @page("/enable/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def enable_view(self) -> Any:
        return self._switch(
            True,
            _("停止を解く"),
            _("このログインIDを、また使えるようにします。"),
            _("停止を解きました。"),
        )


def active_badge(user: User) -> Any:
    """Whether the login can be used, as a badge."""
    tone, word = ("good", _("利用中")) if user.active else ("bad", _("停止中"))
    return Markup('<span class="as-badge as-badge--{}">{}</span>').format(tone, word)


def views() -> list[Any]:
    """The screens of this subject."""
    return [UserView(User, name=_l("利用者"), endpoint="user")]
