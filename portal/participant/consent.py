"""担当者リストでの公開: a participant gives or withdraws its consent to be found (domain §2, §3)."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from wtforms import HiddenField

from portal.errors import PortalError, Refusal, Stale
from portal.extensions import db_session
from portal.models import Verifier
from portal.participant import pages
from portal.participant.files import KeyForm
from portal.permissions import Permission
from portal.services import consent, contacts
from portal.web import actor, carry_out, done, requires, texts


class ConsentForm(KeyForm):
    """What the page asked: to agree (``1``) or to agree no longer (``0``)."""

    agree = HiddenField()


@pages.route("/registration/consent", methods=["GET", "POST"])
@requires(Permission.CONSENT_OWN)
def registration_consent() -> Any:
    """Ask what the change means, then make it. It works at once."""
    form = ConsentForm()
    if form.validate_on_submit() and form.agree.data in ("0", "1"):
        agreed = form.agree.data == "1"
        try:
            carry_out(lambda: _change(agreed, form.shown, form.once))
        except PortalError as error:
            _why_not(error)
        else:
            done(
                _("同意しました。担当者リストに載り、ほかの参加者の連絡先を見られます。")
                if agreed
                else _("同意を取りやめました。担当者リストには、もう載っていません。")
            )
        return redirect(url_for("participant.registration"))
    own = contacts.own_participant(db_session(), actor())
    assert not isinstance(own, Verifier)
    form.version.data, form.version.raw_data = own.version, None
    form.agree.data = "0" if own.disclosure_consent else "1"
    contact = contacts.present(own)
    html = render_template("participant/profile/consent.html", form=form, own=own, contact=contact)
    return html, 422 if request.method == "POST" else 200


def _change(agreed: bool, version: int, key: str) -> int:
    return consent.change_own(db_session(), agreed, actor=actor(), version=version, key=key).id


def _why_not(error: PortalError) -> None:
    """A refusal leads back to the registered data: the question on the old page may be the wrong one now."""
    if isinstance(error, Stale) or any(one.refusal is Refusal.NOTHING_CHANGED for one in error.problems):
        flash(_("公開の同意は変えませんでした。いまの登録内容を確かめてください。"), "warn")
        return
    for text in texts(error.problems):
        flash(text, "bad")
