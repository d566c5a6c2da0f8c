"""登録情報: taking one's own change of contact data back before it is decided (domain §3)."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _

from portal.extensions import db_session
from portal.participant import pages
from portal.participant.files import RowForm
from portal.participant.refused import carry_out_or_say
from portal.permissions import Permission
from portal.services import contact_withdrawals, contacts
from portal.web import actor, requires


@pages.route("/registration/contact/withdraw", methods=["GET", "POST"])
@requires(Permission.CONTACT_CHANGE_APPLY)
def registration_contact_withdraw() -> Any:
    """Ask, then withdraw; where nothing waits the way leads back to what is registered."""
    participant = contacts.own_participant(db_session(), actor())
    change = contacts.open_change(db_session(), participant.contact_id)
    back = redirect(url_for("participant.registration"))
    if change is None:
        flash(_("取り下げられる申請はありません。事務局が決定した申請は、取り下げられません。"), "warn")
        return back
    form, change_id = RowForm(version=change.version), change.id
    if not form.validate_on_submit():
        changed = contacts.changed_items(change)
        return render_template("participant/profile/withdraw.html", form=form, change=change, changed=changed)
    carry_out_or_say(
        lambda: contact_withdrawals.withdraw_change(
            db_session(), change_id, actor=actor(), version=form.shown
        ),
        _("申請を取り下げました。担当者情報は変わりません。"),
    )
    return back
