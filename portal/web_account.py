"""The pages every login has: home, first password, change of the own password, health."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from wtforms import PasswordField
from wtforms.validators import DataRequired

from portal.errors import PortalError, Refusal, Refused
from portal.extensions import db_session
from portal.permissions import Permission
from portal.services import users, virus_scan
from portal.services.transaction import give_up
from portal.web import actor, carry_out, done, home_url, reader, requires, show_problems
from portal.web_forms import PageForm
from portal.web_login import mark_fresh, prove

pages = Blueprint("account_password", __name__)
NEEDED = _l("入力してください。")


class FirstPasswordForm(PageForm):
    """The first login demands a password of one's own (domain §3)."""

    new = PasswordField(
        _l("新しいパスワード"),
        validators=[DataRequired(NEEDED)],
        description=_l("12文字以上。ほかの人が思いつかない、長い言葉の組み合わせにしてください。"),
    )
    repeat = PasswordField(_l("新しいパスワード（確認）"), validators=[DataRequired(NEEDED)])


class OwnPasswordForm(FirstPasswordForm):
    """The own password, changed later."""

    current = PasswordField(_l("いまのパスワード"), validators=[DataRequired(NEEDED)])


@pages.get("/")
@requires(Permission.PUBLIC)
def root() -> Any:
    """To the reader's own home, or to the door."""
    return redirect(home_url(reader()))


@pages.get("/health")
@requires(Permission.PUBLIC)
def health() -> tuple[str, int]:
    """For a load balancer: the database answers. A scanner that does not stops uploads, not the portal."""
    db_session.execute(text("SELECT 1"))
    give_up(db_session())
    scanner = virus_scan.scanner()
    return ("ok" if scanner is None or scanner.alive() else "ok; virus scanner away"), 200


@pages.route("/password/first", methods=["GET", "POST"])
@requires(Permission.SIGNED_IN)
def first() -> Any:
    """Set the own password after the letter's."""
    user = actor()
    if not user.must_change_password:
        return redirect(home_url(user))
    form = FirstPasswordForm()
    if form.validate_on_submit():
        try:
            carry_out(
                lambda: users.set_first_password(
                    db_session(), str(form.new.data), str(form.repeat.data), actor=actor()
                )
            )
        except PortalError as error:
            show_problems(error, form)
        else:
            _stay_in()
            done(_("パスワードを設定しました。次からは、新しいパスワードでログインしてください。"))
            return redirect(home_url(actor()))
    return render_template("security/first_password.html", form=form), _status()


@pages.route("/password", methods=["GET", "POST"])
@requires(Permission.PASSWORD_OWN)
def own() -> Any:
    """Change the own password."""
    form = OwnPasswordForm()
    if form.validate_on_submit():
        current, new, repeat = (str(field.data) for field in (form.current, form.new, form.repeat))
        try:
            not_in_a_pause(current)
            carry_out(lambda: users.change_own_password(db_session(), current, new, repeat, actor=actor()))
        except PortalError as error:
            show_problems(error, form)
        else:
            _stay_in()
            done(_("パスワードを変更しました。ほかの端末のログインは、すべて終わりました。"))
            return redirect(home_url(actor()))
    return render_template("security/own_password.html", form=form), _status()


def not_in_a_pause(current: str) -> None:
    """Count a wrong present password like a failed login; raises ``Refused`` during a pause only.

    That it is wrong says the service, together with all else that is.
    """
    problem = prove(current, "current")
    if problem is not None and problem.refusal is not Refusal.PASSWORD_WRONG:
        raise Refused(problem)


def _status() -> int:
    # a POST that worked has gone elsewhere
    return 422 if request.method == "POST" else 200


def _stay_in() -> None:
    """The change ended all sessions of this login; this one goes on."""
    from flask_security import login_user

    login_user(actor(), remember=False)
    mark_fresh()


def install(app: Flask) -> None:
    app.register_blueprint(pages)
