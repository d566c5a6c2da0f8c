"""The office records a consent to be found, or its withdrawal, that came by paper or telephone."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, TextAreaField

from portal.admin.acts import Needed, Question, VersionForm, ask, submitted
from portal.admin.base import Step
from portal.extensions import db_session
from portal.models import Holder, Trader
from portal.permissions import Permission
from portal.services import consent
from portal.web import actor
from portal.web_forms import KeyField


class ConsentForm(VersionForm):
    """How the office learned of it; the mail to the participant says it too."""

    reason = TextAreaField(
        _l("理由"),
        validators=[Needed()],
        description=_l("だれから、いつ、どのように申し出があったか。参加者へのメールに、このまま載ります。"),
    )
    agree = HiddenField()
    key = KeyField()


def consent_step(view: Any, row: Holder | Trader) -> list[Step]:
    """The act on the details page, for those who may."""
    if not view.allows(Permission.REGISTRATION_EDIT):
        return []
    words = _("公開の同意の取りやめを記録する") if row.disclosure_consent else _("公開の同意を記録する")
    return [Step(words, view.get_url(".consent_view", id=row.id), "other")]


def consent_page(view: Any, row: Holder | Trader) -> Any:
    """The page that asks how it came, and records it. It works at once."""
    agreed = not row.disclosure_consent
    kind, row_id, name = type(row), row.id, row.label
    form = ConsentForm(data={"version": row.version, "agree": "1" if agreed else "0"})
    back = view.get_url(".details_view", id=row_id)
    # what the page asked, not what would be asked now: the version tells the slower one
    wanted = form["agree"].data == "1"
    done = submitted(
        form,
        lambda: consent.record(
            db_session(),
            kind,
            row_id,
            wanted,
            form["reason"].data or "",
            actor=actor(),
            version=form["version"].data,
            key=form["key"].data,
        ),
    )
    if done is not None:
        flash(
            _("公開の同意を記録しました。") if wanted else _("公開の同意の取りやめを記録しました。"), "good"
        )
        return redirect(back)
    question = Question(
        _("公開の同意を記録する") if wanted else _("公開の同意の取りやめを記録する"),
        [(view.name, view.get_url(".index_view")), (name, back)],
        say=_("%(name)sの担当者を、担当者リストに載せます。", name=name)
        if wanted
        else _("%(name)sの担当者を、担当者リストから外します。", name=name),
        verb=_("同意を記録する") if wanted else _("取りやめを記録する"),
        back=back,
        facts=[(_("担当者"), row.contact.name), (_("口座番号"), row.account.code)],
        makes=[_("記録すると、すぐに担当者リストに反映します。"), _("参加者にメールでお知らせします。")],
    )
    return ask(view, form, question)
