"""送り先を直す: a letter came back undelivered, and the office has learnt where its reader is (domain §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, redirect
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.widgets import HiddenInput

from portal.admin.acts import Needed, VersionForm, status, submitted
from portal.admin.contact_changes import ITEMS
from portal.admin.door import page
from portal.admin.letter_formats import kind_word
from portal.admin.offered import not_offered
from portal.extensions import db_session
from portal.models import Letter
from portal.permissions import Permission
from portal.services import letter_addresses
from portal.services.contacts import ContactData
from portal.services.letter_addresses import Addressee, LearntBy
from portal.web import actor
from portal.web_forms import KeyField
from portal.web_text import label

if TYPE_CHECKING:
    from portal.admin.letter_prints import LetterPrints as _View
else:
    _View = object

#: how wide the inputs are, in characters
WIDTHS = {
    "department": "20",
    "post": "20",
    "name": "20",
    "name_kana": "20",
    "postal_code": "10",
    "telephone": "20",
    "fax": "20",
}


class AddressForm(VersionForm):
    """Where the letter goes from now on: what is registered stands there, to be written over."""

    postal_code = StringField(_l("郵便番号"), validators=[Needed()], description=_l("例：123-4567"))
    address = StringField(_l("住所"), validators=[Needed()])
    company = SelectField(_l("所属する法人名"), validators=[Needed()], validate_choice=False)
    department = StringField(_l("部署"))
    post = StringField(_l("役職"))
    name = StringField(_l("担当者氏名"), validators=[Needed()])
    name_kana = StringField(_l("担当者氏名のふりがな"), validators=[Needed()])
    telephone = StringField(_l("電話番号"), validators=[Needed()], description=_l("例：03-1234-5678"))
    fax = StringField(_l("FAX番号"))
    mail = StringField(_l("メールアドレスA"), validators=[Needed()])
    mail_b = StringField(_l("メールアドレスB"))
    learnt_by = RadioField(
        _l("確かめた方法"),
        choices=[(one.value, "") for one in LearntBy],
        validators=[Needed()],
        validate_choice=False,
    )
    reason = TextAreaField(
        _l("理由"),
        validators=[Needed()],
        description=_l("いつ、だれに確かめたかなど。事務局の記録に残ります。通知書やメールには載りません。"),
    )
    basis = IntegerField(widget=HiddenInput())
    key = KeyField()

    def fitted(self, to: Addressee) -> AddressForm:
        """The form for ``to``: its companies to choose from, address B only where there is one."""
        self["company"].choices = [(name, name) for name in to.companies]
        self["learnt_by"].choices = [(one.value, label(one)) for one in LearntBy]
        if not to.with_b:
            self._fields.pop("mail_b", None)
        return self

    def contact_data(self) -> ContactData:
        """What was typed."""
        names = ContactData.__dataclass_fields__
        return ContactData(**{name: str(self[name].data or "") if name in self else "" for name in names})


class LetterAddresses(_View):
    """The page that corrects where a returned letter goes. Mix in before the list's view."""

    @page("/address/", Permission.REGISTRATION_EDIT, methods=("GET", "POST"))
    def address_view(self) -> Any:
        row = self._row()
        if (away := not_offered(self, row)) is not None:
            return away
        row_id, to = row.id, letter_addresses.addressee_of(db_session(), row)
        form = AddressForm(obj=to.data, data={"version": row.version, "basis": to.basis}).fitted(to)
        done = submitted(
            form,
            lambda: letter_addresses.correct(
                db_session(),
                row_id,
                form.contact_data(),
                learnt_by=form["learnt_by"].data,
                reason=form["reason"].data,
                actor=actor(),
                version=form["version"].data,
                basis=form["basis"].data,
                key=form["key"].data,
            ),
        )
        back = str(self.get_url(".details_view", id=row_id))
        if done is not None:
            flash(_("送り先を直しました。新しい送り先で、もう一度印刷してください。"), "good")
            return redirect(back)
        return self._address_page(form, self._row(), back), status()

    def _address_page(self, form: AddressForm, row: Letter, back: str) -> str:
        to = letter_addresses.addressee_of(db_session(), row)
        html: str = self.render(
            "admin/letter/address.html",
            form=form,
            items=[
                (field, str(ITEMS[field.short_name]), getattr(to.data, field.short_name))
                for field in form
                if field.short_name in ITEMS
            ],
            parents=[(self.name, self.get_url(".index_view")), (row.number, back)],
            facts=[
                (_("通知書番号"), row.number),
                (_("種類"), kind_word(row)),
                (_("前の送り先"), row.addressee),
            ],
            widths=WIDTHS,
            logins=bool(row.content["logins"]),
            back=back,
        )
        return html

    def may_correct(self, row: Letter) -> Any:
        """Why the address of ``row`` may not be corrected here; ``None`` if it may."""
        return letter_addresses.refusal(row, letter_addresses.addressee_of(db_session(), row).target)
