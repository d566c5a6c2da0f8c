"""The paper form on screen: every item of domain §3, less for traders and verifiers.

Shape only: what is required, well-formed or taken is said by the service, all at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import BooleanField, DateField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import clock
from portal.admin.acts import Needed
from portal.admin.forms import VersionField
from portal.admin.joint_rows import JointRowsForm, Sections, row_count, row_fields, row_values, rows_wanted
from portal.extensions import db_session
from portal.models import ParticipantKind, Participation, Phase, RegistrationApplication, SiteKind
from portal.services.registration import ApplicationData, data_of
from portal.services.registration_data import COMPANY_ITEMS, CONTACT_ITEMS, SITE_ITEMS
from portal.web_forms import KeyField
from portal.web_handout import blank_forms
from portal.web_text import label, phase_name

#: blank rows for joint companies; a button asks for more
ROWS = 5

#: the parts of the page: (heading, fields); the joint companies are rows of their own
SECTIONS: Sections = (
    (_l("受付"), ("phase_id", "received_on", "seal_received", "consent_received")),
    (_l("事業者"), COMPANY_ITEMS),
    (_l("担当者"), CONTACT_ITEMS),
    (_l("事業所と口座"), SITE_ITEMS),
    (_l("事務局のメモ"), ("note",)),
)
#: the character widths of the inputs; the others take the whole line
WIDTHS = {
    "received_on": "10",
    "representative_name": "20",
    "representative_kana": "20",
    "contact_department": "20",
    "contact_post": "20",
    "contact_name": "20",
    "contact_kana": "20",
    "contact_postal_code": "10",
    "contact_telephone": "20",
    "contact_fax": "20",
    "phase_id": "10",
}


def _member(kind: type[StrEnum]) -> Callable[[Any], StrEnum | None]:
    """A choice as its enum's member; anything else counts as not chosen."""
    return lambda value: next((member for member in kind if member.value == str(value)), None)


def _phase_id(value: Any) -> int | None:
    return int(value) if str(value).isdigit() and len(str(value)) < 10 else None


def _yes_no(value: Any) -> bool | None:
    return {"True": True, "False": False, "1": True, "0": False}.get(str(value))


def _text(name: Any, *, needed: bool = True, help: Any = "") -> Any:
    return StringField(name, validators=[Needed()] if needed else [], description=help)


def _radio(name: Any, choices: list[tuple[str, Any]], coerce: Callable[[Any], Any], help: Any = "") -> Any:
    return RadioField(
        name, validators=[Needed()], choices=choices, coerce=coerce, validate_choice=False, description=help
    )


_HIRAGANA = _l("ひらがな")


class ApplicationForm(JointRowsForm):
    """A holder's application, all items."""

    key = KeyField()
    phase_id: Any = SelectField(_l("期"), validators=[Needed()], coerce=_phase_id, validate_choice=False)
    received_on = DateField(
        _l("受付日"),
        validators=[InputRequired(_l("日付を入力してください。"))],
        default=clock.today,
        description=_l("申請書が届いた日"),
    )
    seal_received = BooleanField(_l("申請書に社印がある"))
    consent_received = BooleanField(_l("個人情報提供の同意書（責任者印あり）を受け取った"))
    company_name = _text(_l("代表事業者の法人名"))
    company_kana = _text(_l("法人名のふりがな"), help=_HIRAGANA)
    representative_name = _text(_l("代表者氏名"))
    representative_kana = _text(_l("代表者氏名のふりがな"), help=_HIRAGANA)
    contact_company = _text(_l("所属する法人名"), help=_l("代表事業者または共同事業者の法人名"))
    contact_department = _text(_l("部署"), needed=False)
    contact_post = _text(_l("役職"), needed=False)
    contact_name = _text(_l("担当者氏名"))
    contact_kana = _text(_l("担当者氏名のふりがな"), help=_HIRAGANA)
    contact_postal_code = _text(_l("郵便番号"), help=_l("例：123-4567"))
    contact_address = _text(_l("住所"), help=_l("通知書の送り先"))
    contact_telephone = _text(_l("電話番号"), help=_l("例：03-1234-5678"))
    contact_fax = _text(_l("FAX番号"), needed=False)
    mail_a = _text(_l("メールアドレスA"), help=_l("すべてのお知らせの送り先"))
    mail_b = _text(
        _l("メールアドレスB"),
        needed=False,
        help=_l("排出量の報告のお知らせだけを送ります。担当者のアドレスでなくてもかまいません。"),
    )
    disclosure_consent = _radio(
        _l("ほかの参加者への担当者情報の公開"),
        [("True", _l("同意する")), ("False", _l("同意しない"))],
        _yes_no,
    )
    site_name = _text(_l("事業所名"))
    site_kana = _text(_l("事業所名のふりがな"), help=_HIRAGANA)
    site_address = _text(_l("所在地"))
    site_kind = _radio(
        _l("事業所の種類"),
        [(kind.value, word) for kind, word in zip(SiteKind, (_l("工場"), _l("事業場")), strict=True)],
        _member(SiteKind),
    )
    participation = _radio(
        _l("参加の形"),
        [(kind.value, word) for kind, word in zip(Participation, (_l("単独"), _l("グループ")), strict=True)],
        _member(Participation),
    )
    account_name = _text(_l("口座名"), help=_l("取引の相手に分かりやすい、ほかにない名称"))
    other_scheme = _radio(
        _l("東京都・埼玉県の制度への参加"), [("True", _l("有")), ("False", _l("無"))], _yes_no
    )
    note = TextAreaField(_l("メモ"))

    def _joint(self) -> tuple[tuple[str, str], ...]:
        """The companies that were typed; the rows move up, so that a reason meets its row again."""
        rows = self.joint_rows()
        typed = [((name.data or "").strip(), (kana.data or "").strip()) for name, kana in rows]
        filled = [pair for pair in typed if any(pair)]
        for place, (name, kana) in enumerate(rows):
            name.data, kana.data = filled[place] if place < len(filled) else ("", "")
        return tuple(filled)

    def application_data(self, kind: ParticipantKind) -> ApplicationData:
        """What was typed, for the service; items that the kind's form does not ask stay empty."""
        values: dict[str, Any] = {}
        for item in fields(ApplicationData):
            field = self._fields.get(item.name)
            if field is not None:
                values[item.name] = field.data
        return ApplicationData(kind=kind, joint_companies=self._joint(), **values)

    def parts(self) -> Sections:
        return SECTIONS


class TraderForm(ApplicationForm):
    """The shorter form of a trader: no phase, site, joint companies or second address."""

    phase_id = None
    mail_b = None
    site_name = None
    site_kana = None
    site_address = None
    site_kind = None
    participation = None
    other_scheme = None
    company_name = _text(_l("法人名"))
    mail_a = _text(_l("メールアドレス"), help=_l("すべてのお知らせの送り先"))
    contact_company = _text(_l("所属する法人名"), needed=False, help=_l("空欄のときは、申請した法人です。"))


class VerifierForm(TraderForm):
    """The form of a verifier: a trader's without the account."""

    account_name = None
    disclosure_consent = None


_FORMS: dict[ParticipantKind, type[ApplicationForm]] = {
    ParticipantKind.HOLDER: ApplicationForm,
    ParticipantKind.TRADER: TraderForm,
    ParticipantKind.VERIFIER: VerifierForm,
}


def _made(kind: ParticipantKind, rows: int, more: dict[str, Any], data: dict[str, Any]) -> ApplicationForm:
    made = _FORMS[kind]
    if kind is ParticipantKind.HOLDER:
        rows = rows_wanted(max(rows, ROWS), ROWS)
        made = type(made.__name__, (made,), {**more, **row_fields(rows)})
    elif more:
        made = type(made.__name__, (made,), more)
    form = made(data=data)
    if "phase_id" in form:
        phases = db_session.scalars(select(Phase).order_by(Phase.number.desc()))
        form["phase_id"].choices = [(phase.id, phase_name(phase.number)) for phase in phases]
    return form


def new_form(kind: ParticipantKind, read: dict[str, Any] | None = None) -> ApplicationForm:
    """A blank form for an application of ``kind``, filled with what was ``read``, or what was just sent."""
    return _made(kind, row_count(read or {}), {}, read or {})


def change_form(row: RegistrationApplication) -> ApplicationForm:
    """The form of a recorded application with its present items and version, or what was just sent."""
    stored = data_of(row)
    data: dict[str, Any] = {item.name: getattr(stored, item.name) for item in fields(stored)}
    data |= row_values(data.pop("joint_companies"))
    data["version"] = row.version
    # kind and phase stay as recorded: the number names them
    more = {"version": VersionField(), "phase_id": None, "key": None}
    return _made(row.kind, len(stored.joint_companies) + 1, more, data)


def kind_page() -> dict[str, Any]:
    """What the page needs that asks for the kind: the three kinds, and the blank forms to hand out."""
    return {"kinds": [(kind, label(kind)) for kind in ParticipantKind], "blanks": blank_forms()}
