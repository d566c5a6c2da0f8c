"""What is filled in about a publication: the note of its proposal, the reason of its end."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField

from portal.admin.acts import KeyForm, Needed, ProvenReasonForm, SeenField


class ProposeForm(KeyForm):
    """What the preview shows, proposed as it stands; the note is for whoever confirms."""

    note = TextAreaField(
        _l("確認する人への申し送り"),
        description=_l("公表する人だけが読みます。公開ページには載りません。"),
    )
    seen = SeenField()


class EndForm(ProvenReasonForm):
    """Why a table is taken from the public page."""

    reason = TextAreaField(
        _l("理由"),
        validators=[Needed()],
        description=_l("事務局の記録に残ります。公開ページには載りません。"),
    )
