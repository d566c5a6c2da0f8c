"""By what names and addresses are known again, however they are written (domain §3, near-duplicates)."""

from __future__ import annotations

import re
import unicodedata

from portal.services.numbers import search_key

#: how legal forms are written, folded by ``search_key``
_LEGAL = re.compile(
    r"株式会社|有限会社|合同会社|合資会社|合名会社|相互会社|一般社団法人|一般財団法人|公益社団法人|公益財団法人"
    r"|社会福祉法人|医療法人社団|医療法人財団|医療法人|学校法人|宗教法人|独立行政法人|地方独立行政法人"
    r"|\((?:株|有|同|資|名|社|財|学|医|福)\)"
)
_LEGAL_KANA = re.compile(
    r"かぶしき(?:がいしゃ|かいしゃ)|ゆうげん(?:がいしゃ|かいしゃ)|ごうどう(?:がいしゃ|かいしゃ)"
    r"|(?:いっぱん|こうえき)(?:しゃだん|ざいだん)ほうじん"
)
#: old and variant kanji of names and places → the common ones
_VARIANTS = str.maketrans(
    "髙﨑𠮷德澤濱邊邉齋齊斎櫻廣嶋嶌國學會澁瀧龍檜檢驗實寶壽榮條圓團縣鐵廳惠曾豐關應假專對黑",
    "高崎吉徳沢浜辺辺斉斉斉桜広島島国学会渋滝竜桧検験実宝寿栄条円団県鉄庁恵曽豊関応仮専対黒",
)
#: 霞ヶ関, 霞ケ関 and 霞が関 are one place
_GA = re.compile(r"(?<=[一-龥])[ヶケゖけ](?=[一-龥])")
_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}
_KANJI_NUMBER = "[〇一二三四五六七八九十百]+"
_NUMBERED_PLACE = re.compile(f"{_KANJI_NUMBER}(?=丁目|番|号)")
_NUMBERED_SITE = re.compile(f"(?<=第){_KANJI_NUMBER}")
_HYPHENS = re.compile("[‐‑‒–—―−－]|(?<=[0-9])ー(?=[0-9])")
_PLACES = re.compile(r"(?<=[0-9])(?:丁目|番地の|番地|番の|番|号室|号の|号|の)")
_LIMIT = 200


def _number(kanji: str) -> str:
    """十二 and 一二 → 12, 二十 → 20, 百三 → 103; what is no number stays."""
    if not set(kanji) & {"十", "百"}:
        return "".join(str(_DIGITS[sign]) for sign in kanji)
    total, digit = 0, 0
    for sign in kanji:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        else:
            total, digit = total + (digit or 1) * (10 if sign == "十" else 100), 0
    return str(total + digit)


def _folded(text: str | None) -> str:
    return _GA.sub("が", search_key(text).translate(_VARIANTS))


def company_key(name: str | None) -> str:
    """A company's name without its legal form, in common kanji: ㈱髙橋 and 高橋株式会社 are one."""
    folded = _folded(name)
    return (_LEGAL.sub("", folded) or folded)[:_LIMIT]


def kana_key(kana: str | None) -> str:
    """The reading without its legal form."""
    folded = search_key(kana)
    return (_LEGAL_KANA.sub("", folded) or folded)[:_LIMIT]


def site_name_key(name: str | None) -> str:
    """A site's name in common kanji: 第三工場 and 第3工場 are one."""
    return _NUMBERED_SITE.sub(lambda found: _number(found[0]), _folded(name))[:_LIMIT]


def address_key(address: str | None) -> str:
    """An address with its numbers written alike: 三丁目2番1号 and 3-2-1 are one, 32-1 is another."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", address or "")).casefold().translate(_VARIANTS)
    plain = _NUMBERED_PLACE.sub(lambda found: _number(found[0]), _GA.sub("が", plain))
    return _PLACES.sub("-", _HYPHENS.sub("-", plain)).rstrip("-").replace("--", "-")[:_LIMIT]


def telephone_key(number: str | None) -> str:
    """A telephone number's digits: where the hyphens stand tells nothing."""
    return "".join(c for c in unicodedata.normalize("NFKC", number or "") if c.isascii() and c.isdigit())[:40]


def mail_key(address: str | None) -> str:
    """A mail address without regard to case and width."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", address or "")).casefold()[:_LIMIT]


def account_name_key(name: str | None) -> str:
    """An account name in common kanji."""
    return _folded(name)[:_LIMIT]


def keys(
    *,
    company_name: str | None,
    company_kana: str | None,
    site_name: str | None,
    address: str | None,
    telephone: str | None,
    mail: str | None,
    account_name: str | None,
) -> dict[str, str]:
    """The columns by which near-duplicates are found, each with its folded item; empty: nothing to find."""
    return {
        "company_key": company_key(company_name),
        "kana_key": kana_key(company_kana),
        "site_key": site_name_key(site_name),
        "address_key": address_key(address),
        "telephone_key": telephone_key(telephone),
        "mail_key": mail_key(mail),
        "account_name_key": account_name_key(account_name),
    }
