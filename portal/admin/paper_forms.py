"""The form of 登録情報変更申請書 on screen: the present values, to be written over (domain §3).

Shape only, like the application's: what is wrong is said by the service, all at once.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, FileField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import clock
from portal.admin.application_forms import WIDTHS, ApplicationForm, TraderForm
from portal.admin.forms import VersionField
from portal.admin.joint_rows import JointRowsForm, Sections, row_fields, row_values, rows_wanted
from portal.models import ParticipantKind
from portal.services.registration_data import COMPANY_ITEMS, SITE_ITEMS, ApplicationData
from portal.web_forms import KeyField

#: blank rows behind the registered joint companies; a button asks for more
ROWS = 3
#: names a form's round trip carries by itself
_CARRIED = ("csrf_token", "version", "key", "more_rows", "back", "confirmed")

__all__ = ["WIDTHS", "PaperForm", "made", "typed"]


class PaperForm(JointRowsForm):
    """A holder's paper: every item it may change."""

    version = VersionField()
    key = KeyField()
    received_on = DateField(
        _l("受付日"),
        validators=[InputRequired(_l("日付を入力してください。"))],
        default=clock.today,
        description=_l("登録情報変更申請書が届いた日"),
    )
    seal_received = BooleanField(_l("登録情報変更申請書に社印がある"))
    company_name = ApplicationForm.company_name
    company_kana = ApplicationForm.company_kana
    representative_name = ApplicationForm.representative_name
    representative_kana = ApplicationForm.representative_kana
    contact_company: Any = StringField(
        _l("担当者の所属する法人名"),
        description=_l(
            "法人名が変わっても、所属先はそのままです。別の法人に移るときだけ、変更後の法人名を記入します。"
        ),
    )
    site_name = ApplicationForm.site_name
    site_kana = ApplicationForm.site_kana
    site_address = ApplicationForm.site_address
    site_kind = ApplicationForm.site_kind
    participation = ApplicationForm.participation
    account_name = ApplicationForm.account_name
    other_scheme = ApplicationForm.other_scheme
    note = TextAreaField(_l("メモ"), description=_l("変更の理由など。参加者には伝わりません。"))
    scan: Any = FileField(_l("登録情報変更申請書のスキャン"))

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self["scan"].description = _("PDF、PNG、JPEG。%(limit)s MBまで。", limit=g.settings.upload_limit_mb)

    def paper_data(self, present: ApplicationData) -> ApplicationData:
        """What was typed, laid over what is registered now."""
        values: dict[str, Any] = {
            item.name: self[item.name].data for item in fields(present) if item.name in self._fields
        }
        joint = tuple((name.data or "", kana.data or "") for name, kana in self.joint_rows())
        return replace(present, **values, joint_companies=joint)

    def uploaded(self) -> tuple[str, bytes] | None:
        """(name, bytes) of the scan, if one was chosen; read once, the act may be tried again."""
        storage = self.scan.data
        if storage is None or isinstance(storage, str) or not storage.filename:
            return None
        return str(storage.filename), bytes(storage.read())

    def parts(self) -> Sections:
        has_site = "site_name" in self._fields
        return (
            (_l("書面"), ("received_on", "seal_received")),
            (_l("事業者"), COMPANY_ITEMS),
            (_l("担当者"), ("contact_company",)),
            (_l("事業所と口座") if has_site else _l("口座"), SITE_ITEMS),
            (_l("事務局のメモ"), ("note",)),
        )


class TraderPaper(PaperForm):
    """A trader's: no site, no joint companies."""

    contact_company = None
    site_name = None
    site_kana = None
    site_address = None
    site_kind = None
    participation = None
    other_scheme = None
    company_name = TraderForm.company_name


class VerifierPaper(TraderPaper):
    """A verifier's: a trader's without the account."""

    account_name = None


_FORMS: dict[ParticipantKind, type[PaperForm]] = {
    ParticipantKind.HOLDER: PaperForm,
    ParticipantKind.TRADER: TraderPaper,
    ParticipantKind.VERIFIER: VerifierPaper,
}


def made(present: ApplicationData, version: int | None) -> PaperForm:
    """The form with the present values, or what was just sent."""
    kind = _FORMS[present.kind]
    data: dict[str, Any] = {item.name: getattr(present, item.name) for item in fields(present)}
    data |= {"version": version or 0, "note": None, "seal_received": False}
    if present.kind is ParticipantKind.HOLDER:
        registered = data.pop("joint_companies")
        rows = rows_wanted(len(registered) + ROWS, ROWS)
        kind = type(kind.__name__, (kind,), row_fields(rows))
        data |= row_values(registered)
    return kind(data=data)


def typed() -> list[tuple[str, str]]:
    """What was sent, for the page that asks once more: it carries the answers along."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in _CARRIED]
