"""How checks, items and the results of an acceptance are worded on the pages of applications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.models import ParticipantKind, RegistrationApplication
from portal.services.near_duplicates import Alike, code_of, compare
from portal.services.registration_checks import Check, CheckCode, CheckResult
from portal.web import texts

CHECKS: dict[CheckCode, Any] = {
    CheckCode.SEAL: _l("申請書に社印がある"),
    CheckCode.CONSENT: _l("同意書に責任者印がある"),
    CheckCode.KANA: _l("ふりがながすべてひらがな"),
    CheckCode.POSTAL_CODE: _l("郵便番号の形"),
    CheckCode.TELEPHONE: _l("電話番号・FAX番号の形"),
    CheckCode.MAIL: _l("メールアドレスの形"),
    CheckCode.CONTACT_COMPANY: _l("担当者の所属が申請した法人"),
    CheckCode.ACCOUNT_NAME: _l("口座名がほかにない"),
    CheckCode.SITE: _l("事業所がほかの登録と重ならない"),
    CheckCode.RECEIVED_ON: _l("受付日が登録申請の締切まで"),
}
RESULTS: dict[CheckResult, tuple[str, Any]] = {
    CheckResult.OK: ("ok", _l("適合")),
    CheckResult.BAD: ("no", _l("不備")),
    CheckResult.ASK: ("ask", _l("要確認")),
}
ITEMS: dict[str, Any] = {
    "company_name": _l("法人名"),
    "company_kana": _l("法人名のふりがな"),
    "representative_name": _l("代表者氏名"),
    "representative_kana": _l("代表者氏名のふりがな"),
    "joint_companies": _l("共同事業者"),
    "site_name": _l("事業所名"),
    "site_kana": _l("事業所名のふりがな"),
    "site_address": _l("所在地"),
    "account_name": _l("口座名"),
    "contact_company": _l("担当者の所属"),
    "contact_department": _l("部署"),
    "contact_post": _l("役職"),
    "contact_name": _l("担当者氏名"),
    "contact_kana": _l("担当者氏名のふりがな"),
    "contact_postal_code": _l("郵便番号"),
    "contact_address": _l("住所"),
    "contact_telephone": _l("電話番号"),
    "contact_fax": _l("FAX番号"),
    "mail_a": _l("メールアドレスA"),
    "mail_b": _l("メールアドレスB"),
}
#: (badge's tone, word) of how an item stands to the other's
ALIKE: dict[Alike, tuple[str, Any]] = {
    Alike.SAME: ("warn", _l("同じ")),
    Alike.FOLDED: ("warn", _l("書き方だけ違う")),
    Alike.DIFFERENT: ("", ""),
}


def check_line(check: Check) -> tuple[str, str, str, str]:
    """One check for ``macros/data.checks``: (mark, result, what, why)."""
    mark, result = RESULTS[check.result]
    why = " ".join(dict.fromkeys(texts(check.problems)))
    if check.result is CheckResult.ASK and not check.problems:
        why = _("似た登録があります。下の「重複のおそれ」を確かめてください。")
    return mark, str(result), str(CHECKS[check.code]), why


def only_papers(found: Sequence[Check]) -> bool:
    """Whether nothing but papers is missing: to record them is the next step."""
    bad = {check.code for check in found if check.result is CheckResult.BAD}
    return bool(bad) and bad <= {CheckCode.SEAL, CheckCode.CONSENT}


def item_words(names: Sequence[str]) -> str:
    """The items in which two registrations are the same."""
    return _("、").join(str(ITEMS[name]) for name in names)


def comparison(
    session: Session, row: RegistrationApplication, other: RegistrationApplication
) -> dict[str, Any]:
    """For the page that shows two applications side by side."""
    found = compare(session, row, other)
    lines = [
        (str(ITEMS[one.item]), _value(one.mine), _value(one.other), *ALIKE[one.alike]) for one in found.items
    ]
    return {
        "other": other,
        "participant": found.participant,
        "code": code_of(found.participant) if found.participant is not None else other.number,
        "lines": lines,
        "alike": sum(one.alike is not Alike.DIFFERENT for one in found.items),
    }


def _value(value: Any) -> str:
    if isinstance(value, list):
        return _("、").join(str(name) for name, _kana in value)
    return str(value or "")


def acceptance_facts(row: RegistrationApplication) -> list[tuple[str, Any]]:
    """What is worth a last look before an application is accepted."""
    address = _(
        "〒%(code)s　%(address)s　%(company)s　%(name)s 様",
        code=row.contact_postal_code,
        address=row.contact_address,
        company=row.contact_company,
        name=row.contact_name,
    )
    facts: list[tuple[str, Any]] = [(_("通知書の送り先"), address)]
    if row.kind is not ParticipantKind.VERIFIER:
        facts.insert(0, (_("口座名"), row.account_name))
    return facts


def what_is_made(row: RegistrationApplication) -> list[str]:
    """What an acceptance makes (domain §3), one line each."""
    letter = _("登録完了通知書。ログインIDと初期パスワードを載せ、印刷を待ちます。")
    if row.kind is ParticipantKind.HOLDER:
        return [
            _("目標保有者としての登録と、次の番号の遵守口座"),
            _("ログインA（すべての手続き）とログインB（排出量の報告だけ）"),
            _("基準年度、削減目標年度、調整・自主削減年度の報告書の欄"),
            letter,
        ]
    if row.kind is ParticipantKind.TRADER:
        return [_("取引参加者としての登録と、次の番号の取引口座"), _("取引参加者のログイン"), letter]
    return [_("検証機関としての登録"), _("検証機関の1人目のログイン"), letter]
