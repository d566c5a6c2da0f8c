"""New initial passwords for a participant's logins: a letter that waits to be printed (domain §2)."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, ListWidget

from portal.admin.acts import Needed, ProvenKeyForm, Question, ask, submitted
from portal.extensions import db_session
from portal.models import Holder, Trader, Verifier
from portal.services import reissues
from portal.services.reissues import Reissue
from portal.web import actor
from portal.web_text import label


class ReissueForm(ProvenKeyForm):
    """Which logins get a new password."""

    logins = SelectMultipleField(
        _l("対象のログイン"),
        coerce=str,
        validators=[Needed()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    reason = StringField(
        _l("理由"),
        validators=[Needed()],
        description=_l(
            "200文字まで。事務局の記録に残ります。通知書には載りません。例：通知書をなくしたと電話があった"
        ),
    )


def reissue_page(view: Any, row: Holder | Trader | Verifier) -> Any:
    """The page that asks which logins, and writes the letter."""
    active = [user for user in row.users if user.active]
    asked = [user.login_id for user in active if user.login_id in request.args.getlist("login")]
    form = ReissueForm(data={"logins": asked or [user.login_id for user in active]})
    choices = [(user.login_id, _login_words(user)) for user in active]
    form["logins"].choices = choices
    back = view.get_url(".details_view", id=row.id)

    def write() -> Reissue:
        form.prove()
        chosen = form["logins"].data or []
        return reissues.ask(
            db_session(),
            row,
            chosen,
            reason=form["reason"].data,
            actor=actor(),
            key=form["key"].data,
        )

    made = submitted(form, write)
    if made is not None:
        if made.waited:
            flash(_("同じログインIDの通知書が、まだ印刷待ちです。新しくは作りませんでした。"), "warn")
        else:
            flash(_("再発行の通知書を作りました。印刷すると、新しいパスワードになります。"), "good")
        return redirect(view.get_url("letter.details_view", id=made.letter.id))
    question = Question(
        _("パスワードを再発行する"),
        [(view.name, view.get_url(".index_view")), (row.label, back)],
        say=_("新しい初期パスワードの通知書を作ります。いまのパスワードは、通知書を印刷するまで使えます。"),
        verb=_("再発行の通知書を作る"),
        back=back,
        facts=[(_("参加者"), row.label), (_("送り先"), row.contact.name)],
    )
    return ask(view, form, question)


def _login_words(user: Any) -> str:
    return _("%(login)s（%(role)s）", login=user.login_id, role=label(user.role))
