"""The form of 登録情報変更申請書 on screen: the present values, to be written over (domain §3).

Shape only, like the application's: what is wrong is said by the service, all at once.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

from flask import g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, FileField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import clock
from portal.admin.application_forms import WIDTHS, ApplicationForm, TraderForm
from portal.admin.forms import AdminForm, VersionField
from portal.models import ParticipantKind
from portal.services.once import new_key
from portal.services.registration_data import ApplicationData

#: blank rows behind the registered joint companies; a button asks for more
ROWS = 3
MOST_ROWS = 60
_JOINT = re.compile(r"joint_companies-([0-9]{1,3})-(?:name|kana)")
#: names a form's round trip carries by itself
_CARRIED = ("csrf_token", "version", "key", "more_rows", "back", "confirmed")

__all__ = ["WIDTHS", "PaperForm", "made", "typed"]


class PaperForm(AdminForm):
    """A holder's paper: every item it may change."""

    version = VersionField()
    key = HiddenField(default=new_key)
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

    def joint_rows(self) -> list[tuple[Any, Any]]:
        """The rows for joint companies, as pairs of fields: the registered ones keep their places."""
        places = sorted({int(found[1]) for name in self._fields if (found := _JOINT.fullmatch(name))})
        return [(self[f"joint_companies-{n}-name"], self[f"joint_companies-{n}-kana"]) for n in places]

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

    def sections(self) -> list[tuple[Any, list[Any]]]:
        """The parts of the page with the fields that this kind's paper has."""
        parts: tuple[tuple[Any, tuple[str, ...]], ...] = (
            (_l("書面"), ("received_on", "seal_received")),
            (_l("事業者"), ("company_name", "company_kana", "representative_name", "representative_kana")),
            (_l("担当者"), ("contact_company",)),
            (_l("事業所と口座"), ("site_name", "site_kana", "site_address", "site_kind", "participation")),
            (_l("口座"), ("account_name", "other_scheme")),
            (_l("事務局のメモ"), ("note",)),
        )
        if "site_name" in self._fields:
            parts = (*parts[:3], (parts[3][0], (*parts[3][1], *parts[4][1])), parts[5])
        found = [(head, [self[name] for name in names if name in self._fields]) for head, names in parts]
        return [(head, some) for head, some in found if some]

    def in_order(self) -> list[Any]:
        """All fields as the page shows them; the rows of joint companies end the second part."""
        parts = [some for _head, some in self.sections()]
        rows = [field for pair in self.joint_rows() for field in pair]
        shown = [field for some in (*parts[:2], rows, *parts[2:]) for field in some]
        return shown + [field for field in self if all(field is not one for one in shown)]


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
        items: dict[str, Any] = {}
        for place in range(min(_rows(len(present.joint_companies)), MOST_ROWS)):
            items[f"joint_companies-{place}-name"] = StringField(_l("法人名"))
            items[f"joint_companies-{place}-kana"] = StringField(_l("ふりがな"))
        kind = type(kind.__name__, (kind,), items)
        for place, (name, kana) in enumerate(data.pop("joint_companies")):
            data[f"joint_companies-{place}-name"] = name
            data[f"joint_companies-{place}-kana"] = kana
    return kind(data=data)


def _rows(registered: int) -> int:
    sent = [int(found[1]) + 1 for name in request.form if (found := _JOINT.fullmatch(name))]
    more = ROWS if "more_rows" in request.form else 0
    return max([registered + ROWS, *sent]) + more


def typed() -> list[tuple[str, str]]:
    """What was sent, for the page that asks once more: it carries the answers along."""
    return [(name, value) for name, value in request.form.items(multi=True) if name not in _CARRIED]
