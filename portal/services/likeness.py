"""By what names and addresses are known again, however they are written (domain §3, near-duplicates)."""

from __future__ import annotations

import re
import unicodedata

from portal.services.numbers import search_key

#: how legal forms are written, folded by ``search_key``
_LEGAL = re.compile(
    r"株式会社|有限会社|合同会社|合資会社|合名会社|相互会社|(?:一般|公益)(?:社団|財団)法人|有限責任事業組合"
    r"|社会福祉法人|(?:特定|特別)?医療法人(?:社団|財団)?|学校法人|宗教法人|(?:認定)?(?:npo|特定非営利活動)法人"
    r"|(?:地方)?独立行政法人|国立研究開発法人|(?:国立|公立)大学法人|(?:弁護士|税理士|監査|農事組合)法人"
    r"|(?:事業|農業|漁業|生活)?協同組合|協業組合|企業組合"
    r"|\((?:株|有|同|資|名|相|社|財|学|医|福|宗|協|企|独|大|特非|一社|一財|公社|公財|社福|地独|生協|農)\)"
)
_LEGAL_KANA = re.compile(
    r"(?:かぶしき|ゆうげん|ごうどう|ごうし|ごうめい|そうご)(?:がいしゃ|かいしゃ)"
    r"|(?:いっぱん|こうえき)(?:しゃだん|ざいだん)ほうじん"
    r"|(?:とくていひえいりかつどう|えぬぴおう?|しゃかいふくし|がっこう|しゅうきょう|(?:こくりつ|こうりつ)だいがく"
    r"|(?:ちほう)?どくりつぎょうせい|こくりつけんきゅうかいはつ|のうじくみあい)ほうじん"
    r"|いりょうほうじん(?:しゃだん|ざいだん)?|(?:じぎょう|のうぎょう|ぎょぎょう|せいかつ)?きょうどうくみあい"
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
_NUMBERED_PLACE = re.compile(f"{_KANJI_NUMBER}(?=丁目|番|号|条|線|階)")
_NUMBERED_SITE = re.compile(f"(?<=第){_KANJI_NUMBER}")
_HYPHENS = re.compile("[‐‑‒–—―−－]|(?<=[0-9])ー(?=[0-9])")
_PLACES = re.compile(r"(?<=[0-9])(?:丁目|番地の|番地|番の|番|号室|号の|号|の|階|f(?![a-z]))")
#: 大字 and 字 are written or not; the 字 of 十文字 is a name
_AZA = re.compile(r"大字|小字|(?<!文)字(?=[一-龥ぁ-ゖァ-ヶ])")
_PREFECTURE = re.compile(
    r"^(?:北海道|東京都|京都府|大阪府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山"
    r"|石川|福井|山梨|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知"
    r"|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県)(?=.)"
)
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
    """An address with its numbers written alike: 三丁目2番1号 and 3-2-1 are one, 32-1 is another.

    The prefecture, 大字 and 字 are left out, for many leave them out.
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", address or "")).casefold().translate(_VARIANTS)
    plain = _AZA.sub("", _PREFECTURE.sub("", _GA.sub("が", plain)))
    plain = _NUMBERED_PLACE.sub(lambda found: _number(found[0]), plain)
    return _PLACES.sub("-", _HYPHENS.sub("-", plain)).rstrip("-").replace("--", "-")[:_LIMIT]


_MUNICIPALITY = re.compile(r"[^市町村]{1,4}区|.{1,8}?市(?!市)|.{1,5}?郡.{1,6}?[町村]|.{1,6}?[町村]|.{1,4}")


def municipality(key: str) -> str:
    """With what an address of the same municipality begins, of what :func:`address_key` made; 川口市."""
    found = _MUNICIPALITY.match(key)
    return found[0] if found is not None else ""


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
