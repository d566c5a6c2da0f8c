"""登録情報: the own registered data, the change of contact data, the passwords of logins A and B."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import DataRequired

from portal.errors import PortalError
from portal.extensions import db_session
from portal.models import ContactChange, Holder, User, Verifier
from portal.participant import pages
from portal.permissions import Permission, Role, may
from portal.services import contacts, once, users
from portal.services.contacts import ContactData
from portal.web import actor, carry_out, done, requires, show_problems
from portal.web_account import not_in_a_pause
from portal.web_forms import KeyField, PageForm

_NEEDED = _l("入力してください。")


class ContactForm(PageForm):
    """New contact data; what is wrong with them the service says."""

    company = SelectField(_l("担当者の会社"), validate_choice=False)
    department = StringField(_l("部署"))
    post = StringField(_l("役職"))
    name = StringField(_l("氏名"), validators=[DataRequired(_NEEDED)])
    name_kana = StringField(_l("氏名（ふりがな）"), validators=[DataRequired(_NEEDED)])
    postal_code = StringField(
        _l("郵便番号"), validators=[DataRequired(_NEEDED)], description=_l("例：123-4567")
    )
    address = StringField(_l("住所"), validators=[DataRequired(_NEEDED)])
    telephone = StringField(
        _l("電話番号"), validators=[DataRequired(_NEEDED)], description=_l("例：03-1234-5678")
    )
    fax = StringField(_l("FAX番号"))
    mail = StringField(_l("メールアドレスA"), validators=[DataRequired(_NEEDED)])
    mail_b = StringField(_l("メールアドレスB"), description=_l("報告書のお知らせだけが届きます。"))
    key = KeyField()


class LoginBForm(PageForm):
    """Login A sets the password of login B."""

    current = PasswordField(_l("あなた（目標保有者A）のパスワード"), validators=[DataRequired(_NEEDED)])
    new = PasswordField(
        _l("目標保有者Bの新しいパスワード"),
        validators=[DataRequired(_NEEDED)],
        description=_l("12文字以上。ほかの人が思いつかない、長い言葉の組み合わせにしてください。"),
    )
    repeat = PasswordField(_l("新しいパスワード（確認）"), validators=[DataRequired(_NEEDED)])


#: the items of a change in words, in the form's order
_ITEMS: dict[str, Any] = {
    "company": _l("会社"),
    "department": _l("部署"),
    "post": _l("役職"),
    "name": _l("氏名"),
    "name_kana": _l("氏名（ふりがな）"),
    "postal_code": _l("郵便番号"),
    "address": _l("住所"),
    "telephone": _l("電話番号"),
    "fax": _l("FAX番号"),
    "mail": _l("メールアドレスA"),
    "mail_b": _l("メールアドレスB"),
}


def _sides(change: ContactChange | None) -> list[tuple[Any, Any, Any]]:
    """(item, as registered, as applied for) of each item that would change."""
    if change is None:
        return []
    items = contacts.changed_items(change)
    return [(_ITEMS[item], change.old.get(item), change.new.get(item)) for item in items]


@pages.get("/registration")
@requires(Permission.SIGNED_IN)
def registration() -> Any:
    """What is registered about the reader's participant."""
    user = actor()
    if user.holder_id is None and user.trader_id is None and user.verifier_id is None:
        abort(404)
    participant = contacts.own_participant(db_session(), user)
    changes = may(user.role, Permission.CONTACT_CHANGE_APPLY)
    change = contacts.open_change(db_session(), participant.contact_id) if changes else None
    return render_template(
        "participant/profile/registration.html",
        participant=participant,
        holder=participant if isinstance(participant, Holder) else None,
        verifier=participant if isinstance(participant, Verifier) else None,
        companies=contacts.companies(participant),
        contact=contacts.present(participant),
        # whose account it is login B and verifiers are not told (domain §2)
        account=_account_of(participant, user),
        logins=participant.users,
        change=change,
        sides=_sides(change),
    )


def _account_of(participant: contacts.Participant, user: User) -> Any:
    if isinstance(participant, Verifier) or not may(user.role, Permission.ALLOWANCE_OWN_VIEW):
        return None
    return participant.account


@pages.route("/registration/contact", methods=["GET", "POST"])
@requires(Permission.CONTACT_CHANGE_APPLY)
def registration_contact() -> Any:
    """Apply for a change of the contact data; the secretariat decides."""
    participant = contacts.own_participant(db_session(), actor())
    if contacts.open_change(db_session(), participant.contact_id) is not None and request.method == "GET":
        return redirect(url_for("participant.registration"))
    form = ContactForm(obj=contacts.present(participant))
    form.company.choices = [(c.name, c.name) for c in contacts.companies(participant)]
    if not isinstance(participant, Holder):
        del form.mail_b
        form.mail.label.text = _("メールアドレス")
    if request.method == "GET":
        form.key.data = once.new_key()
    if form.validate_on_submit():
        data, key = _contact_data(form), str(form.key.data or "")
        try:
            carry_out(lambda: _apply(data, key))
        except PortalError as error:
            show_problems(error, form)
        else:
            done(_("担当者情報の変更を申請しました。事務局が確認すると、メールでお知らせします。"))
            return redirect(url_for("participant.registration"))
    return render_template("participant/profile/contact.html", form=form), _status()


def _apply(data: ContactData, key: str) -> int:
    return contacts.apply_for_change(db_session(), data, actor=actor(), key=key).id


def _contact_data(form: ContactForm) -> ContactData:
    values = {
        name: str(form[name].data or "") if name in form else "" for name in ContactData.__dataclass_fields__
    }
    return ContactData(**values)


def _status() -> int:
    """What is shown after a POST was refused; one that worked has gone elsewhere."""
    return 422 if request.method == "POST" else 200


@pages.route("/registration/password-b", methods=["GET", "POST"])
@requires(Permission.PASSWORD_HOLDER_LOGINS)
def registration_password_b() -> Any:
    """Login A sets login B's password (domain §2)."""
    form = LoginBForm()
    if form.validate_on_submit():
        values = [str(field.data) for field in (form.current, form.new, form.repeat)]
        try:
            not_in_a_pause(values[0])
            carry_out(lambda: _set_b(values))
        except PortalError as error:
            show_problems(error, form)
        else:
            done(_("目標保有者Bのパスワードを変更しました。新しいパスワードを、使う方に伝えてください。"))
            return redirect(url_for("participant.registration"))
    login = next((u for u in _own_logins() if u.role is Role.HOLDER_B), None)
    if login is None:
        abort(404)
    return render_template("participant/profile/password_b.html", form=form, login=login), _status()


def _own_logins() -> list[User]:
    holder = actor().holder
    return list(holder.users) if holder is not None else []


def _set_b(values: list[str]) -> None:
    current, new, repeat = values
    users.change_holder_password(db_session(), "B", current, new, repeat, actor=actor())
