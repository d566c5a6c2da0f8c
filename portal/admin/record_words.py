"""The items of a registration and their values in words, for the history and the changes from paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.admin.application_forms import SECTIONS, ApplicationForm, TraderForm, VerifierForm
from portal.models import ParticipantKind, Participation, SiteKind
from portal.web_text import label

_FORMS: dict[ParticipantKind, type[ApplicationForm]] = {
    ParticipantKind.HOLDER: ApplicationForm,
    ParticipantKind.TRADER: TraderForm,
    ParticipantKind.VERIFIER: VerifierForm,
}
_OWN: dict[str, Any] = {
    "joint_companies": _l("共同事業者"),
    "contact_company": _l("担当者の所属する法人名"),
}


def word(item: str, kind: ParticipantKind = ParticipantKind.HOLDER) -> str:
    """The item as the form of ``kind`` names it."""
    if item in _OWN:
        return str(_OWN[item])
    field = getattr(_FORMS[kind], item, None)
    return str(field.args[0]) if field is not None else item


def shown(item: str, value: Any) -> str:
    """A kept value as the reader's language writes it."""
    if item == "joint_companies":
        pairs = [_("%(name)s（%(kana)s）", name=name, kana=kana) for name, kana in value or ()]
        return _("、").join(pairs) or _("なし")
    if value is None or value == "":
        return _("記入なし")
    if item == "disclosure_consent":
        return _("同意する") if value else _("同意しない")
    if item == "other_scheme":
        return _("有") if value else _("無")
    if item == "site_kind":
        return label(SiteKind(value))
    return label(Participation(value)) if item == "participation" else str(value)


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], kind: ParticipantKind
) -> list[tuple[str, str, str]]:
    """(item, before, after) in words, in the order of ``new``."""
    return [(word(item, kind), shown(item, old.get(item)), shown(item, value)) for item, value in new.items()]


def by_section(items: Iterable[str]) -> list[tuple[Any, list[str]]]:
    """The items under the headings of the form; headings without an item are left out."""
    given = set(items)
    found = [(head, [name for name in names if name in given]) for head, names in SECTIONS]
    return [(head, some) for head, some in found if some]
