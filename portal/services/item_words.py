"""How mails name the items of a registration, in Japanese and English."""

from __future__ import annotations

from collections.abc import Iterable

_WORDS: dict[str, tuple[str, str]] = {
    "company_name": ("法人名", "company name"),
    "company_kana": ("法人名のふりがな", "company name in kana"),
    "representative_name": ("代表者氏名", "representative"),
    "representative_kana": ("代表者氏名のふりがな", "representative in kana"),
    "joint_companies": ("共同事業者", "joint companies"),
    "contact_company": ("担当者の所属する法人名", "company of the contact person"),
    "site_name": ("事業所名", "site name"),
    "site_kana": ("事業所名のふりがな", "site name in kana"),
    "site_address": ("所在地", "site address"),
    "site_kind": ("事業所の種類", "kind of site"),
    "participation": ("参加の形", "participation"),
    "account_name": ("口座名", "account name"),
    "other_scheme": ("東京都・埼玉県の制度への参加", "Tokyo or Saitama scheme"),
    # the contact person's, by their names in ``contacts.ContactData``
    "company": ("所属する法人名", "company"),
    "department": ("部署", "department"),
    "post": ("役職", "post"),
    "name": ("担当者氏名", "name"),
    "name_kana": ("担当者氏名のふりがな", "name in kana"),
    "postal_code": ("郵便番号", "postal code"),
    "address": ("住所", "address"),
    "telephone": ("電話番号", "telephone"),
    "fax": ("FAX番号", "fax"),
    "mail": ("メールアドレスA", "mail address A"),
    "mail_b": ("メールアドレスB", "mail address B"),
}


def in_words(items: Iterable[str]) -> tuple[str, str]:
    """The items in one line, for the facts of a mail: (Japanese, English)."""
    words = [_WORDS[item] for item in items]
    return "、".join(ja for ja, _en in words), ", ".join(en for _ja, en in words)
