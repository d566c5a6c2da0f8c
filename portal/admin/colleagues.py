"""Colleagues of the secretariat, managed by approvers: made, given a password, given a role (domain §2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import flash, redirect
from flask_admin.base import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField

from portal.admin.acts import Needed, ProvenForm, ProvenKeyForm, ProvenReasonForm, Question, ask, submitted
from portal.admin.door import page
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import User
from portal.permissions import Permission, Role
from portal.services import colleagues
from portal.web import actor
from portal.web_forms import KeyField
from portal.web_text import label

_OFFICE = (Role.OFFICER, Role.APPROVER, Role.VIEWER)
_TOLD = _l("本人とほかの承認者に、メールで知らせます。")


class ColleagueForm(ProvenKeyForm):
    """A new login of the secretariat."""

    login_id = StringField(
        _l("ログインID"),
        validators=[Needed()],
        description=_l("半角の英小文字で始まる、英数字3～40文字"),
    )
    name = StringField(_l("氏名"), validators=[Needed()])
    role = SelectField(_l("役割"), validators=[Needed()], validate_choice=False)
    email = StringField(_l("メールアドレス"))


class PasswordForm(ProvenForm):
    """A new one-time password: told once, whatever is pressed again."""

    key = KeyField()


class RoleForm(ProvenReasonForm):
    """A colleague's new role, and why."""

    role = SelectField(_l("新しい役割"), validators=[Needed()], validate_choice=False)


def _role(value: str | None) -> Role:
    """The chosen role of the office; what is none of them the service refuses."""
    return next((role for role in _OFFICE if role.value == value), Role.HOLDER_A)


class ColleaguePages:
    """The acts of approvers on colleagues' logins. Mix in before ``SecretariatView``."""

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        form = ColleagueForm()
        form["role"].choices = [(role.value, label(role)) for role in _OFFICE]

        def add() -> tuple[User, str | None]:
            form.prove()
            return colleagues.add_colleague(
                db_session(),
                form["login_id"].data or "",
                form["name"].data or "",
                _role(form["role"].data),
                form["email"].data,
                actor=actor(),
                key=form["key"].data,
            )

        made = submitted(form, add)
        if made is not None:
            return self._told_once(*made)
        view: Any = self
        back = view.get_url(".index_view")
        question = Question(
            view.create_label,
            [(view.name, back)],
            say=_("ログインIDを作ります。初期パスワードは、次の画面に1度だけ出ます。"),
            verb=_("ログインIDを作る"),
            back=back,
            makes=[_TOLD],
            notes=[
                _(
                    "あなたと新しい利用者は、一方が起案したものを、もう一方が確認できなくなります。"
                    "あなたが追加した利用者どうしも同じです。"
                    "互いに確認する承認者は、サーバーの管理者に追加してもらってください。"
                )
            ],
        )
        return ask(view, form, question)

    def _told_once(self, user: User, password: str | None) -> Any:
        """The page with the one-time password; nowhere else and never again, not for a second press."""
        view: Any = self
        if password is None:
            flash(
                _(
                    "この操作は、もう済んでいます。初期パスワードは、はじめの画面に1度だけ出ました。"
                    "控えていないときは、「パスワードを再発行する」で新しくしてください。"
                ),
                "warn",
            )
            return redirect(view.get_url(".details_view", id=user.id))
        return view.render("admin/user/password.html", user=user, password=password)

    @page("/password/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def password_view(self) -> Any:
        view: Any = self
        row = view._row()
        row_id = row.id
        form = PasswordForm(data={"version": row.version})

        def reissue() -> tuple[User, str | None]:
            form.prove()
            version, key = form["version"].data, form["key"].data
            return colleagues.reissue_password(db_session(), row_id, actor=actor(), version=version, key=key)

        made = submitted(form, reissue)
        if made is not None:
            return self._told_once(*made)
        say = _(
            "新しい初期パスワードを作ります。いまのパスワードは使えなくなり、ログイン中の画面は終わります。"
        )
        note = _(
            "あなたと%(login)sは、一方が起案したものを、もう一方が確認できなくなります。"
            "あなたが初期パスワードを発行したほかの利用者と%(login)sも同じです。"
            "それで困るときは、サーバーの管理者に再発行してもらってください。",
            login=row.login_id,
        )
        question = view._question(view._row(), _("パスワードを再発行する"), say)
        return ask(view, form, replace(question, makes=[_TOLD], notes=[note]))

    @page("/role/", Permission.USERS_MANAGE, methods=("GET", "POST"))
    def role_view(self) -> Any:
        """A colleague gets another role."""
        view: Any = self
        row = view._row()
        if (away := not_offered(view, row)) is not None:
            return away
        row_id = row.id
        form = RoleForm(data={"version": row.version, "role": row.role.value})
        form["role"].choices = [(role.value, label(role)) for role in _OFFICE]
        form["reason"].description = _("本人へのメールと記録に、このまま載ります。")

        def change() -> User:
            form.prove()
            return colleagues.change_role(
                db_session(),
                row_id,
                _role(form["role"].data),
                reason=form["reason"].data or "",
                actor=actor(),
                version=form["version"].data,
            )

        done = submitted(form, change)
        if done is not None:
            flash(_("役割を変更しました。"), "good")
            return redirect(view.get_url(".details_view", id=row_id))
        say = _("この利用者の役割を変更します。ログイン中の画面は、すべて終わります。")
        question = view._question(view._row(), _("役割を変更する"), say)
        return ask(view, form, replace(question, makes=[_TOLD]))
