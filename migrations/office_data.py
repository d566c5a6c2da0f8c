"""Data of the migration of the registration office, as the program wrote them on the day of publication.

A migration must not change with the program, so the folding of names is copied here.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

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


def search_key(text: str | None) -> str:
    folded = unicodedata.normalize("NFKC", text or "").casefold()
    folded = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in folded)
    return re.sub(r"[\s\-‐－ー・,，.。]", "", folded)


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


def telephone_key(number: str | None) -> str:
    """A telephone number's digits: where the hyphens stand tells nothing."""
    return "".join(c for c in unicodedata.normalize("NFKC", number or "") if c.isascii() and c.isdigit())[:40]


def mail_key(address: str | None) -> str:
    """A mail address without regard to case and width."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", address or "")).casefold()[:_LIMIT]


def account_name_key(name: str | None) -> str:
    """An account name in common kanji."""
    return _folded(name)[:_LIMIT]


def fill_likeness_keys(connection: sa.Connection) -> None:
    """Fill in the folded keys of every application; of accepted ones as their participants stand now."""
    rows = connection.execute(
        sa.text(
            "SELECT id, company_name, company_kana, site_name, site_address, contact_address,"
            " contact_telephone, mail_a, account_name FROM registration_application"
        )
    )
    known: dict[int, Any] = {row["id"]: row for row in rows.mappings().all()}
    for query in _PARTICIPANTS.values():
        for row in connection.execute(sa.text(query)).mappings().all():
            known[row["application_id"]] = row
    change = sa.text(
        "UPDATE registration_application SET company_key = :company, kana_key = :kana, site_key = :site,"
        " address_key = :address, telephone_key = :telephone, mail_key = :mail,"
        " account_name_key = :account WHERE id = :id"
    )
    for application_id, row in known.items():
        values = {
            "id": application_id,
            "company": company_key(row["company_name"]),
            "kana": kana_key(row["company_kana"]),
            "site": site_name_key(row.get("site_name")),
            "address": address_key(row.get("site_address") or row["contact_address"]),
            "telephone": telephone_key(row["contact_telephone"]),
            "mail": mail_key(row["mail_a"]),
            "account": account_name_key(row.get("account_name")),
        }
        connection.execute(change, values)


_CONTACT = (
    "o.name AS contact_company, c.department AS contact_department, c.post AS contact_post,"
    " c.name AS contact_name, c.name_kana AS contact_kana, c.postal_code AS contact_postal_code,"
    " c.address AS contact_address, c.telephone AS contact_telephone, c.fax AS contact_fax, c.mail AS mail_a"
)
_COMPANY = "r.name AS company_name, r.name_kana AS company_kana, r.representative_name, r.representative_kana"
_FROM_CONTACT = " JOIN contact c ON c.id = p.contact_id JOIN organisation o ON o.id = c.organisation_id"
_IDS = "p.id, p.application_id"
_PARTICIPANTS = {
    "holder": f"SELECT {_IDS}, {_COMPANY}, {_CONTACT}, p.mail_b, p.disclosure_consent, p.site_name,"
    " p.site_kana, p.site_address, p.site_kind, p.participation, p.other_scheme, a.name AS account_name"
    f" FROM holder p JOIN organisation r ON r.id = p.representative_id{_FROM_CONTACT}"
    " JOIN account a ON a.holder_id = p.id",
    "trader": f"SELECT {_IDS}, {_COMPANY}, {_CONTACT}, p.disclosure_consent, a.name AS account_name"
    f" FROM trader p JOIN organisation r ON r.id = p.organisation_id{_FROM_CONTACT}"
    " JOIN account a ON a.trader_id = p.id",
    "verifier": f"SELECT {_IDS}, {_COMPANY}, {_CONTACT}"
    f" FROM verifier p JOIN organisation r ON r.id = p.organisation_id{_FROM_CONTACT}",
}
_OWN = ("id", "application_id")
_YES_NO = ("disclosure_consent", "other_scheme")


def begin_histories(connection: sa.Connection) -> None:
    """Every participant's first line of history: what stands registered at the upgrade."""
    version = sa.table(
        "registration_version",
        *(sa.column(f"{kind}_id", sa.BigInteger()) for kind in _PARTICIPANTS),
        sa.column("valid_from", sa.DateTime(timezone=True)),
        sa.column("cause", sa.String()),
        sa.column("facts", sa.JSON()),
    )
    now = datetime.now(UTC)
    moment = now.replace(tzinfo=None) if connection.dialect.name == "sqlite" else now
    joint = _joint_companies(connection)
    for kind, query in _PARTICIPANTS.items():
        for row in connection.execute(sa.text(query)).mappings().all():
            facts: dict[str, Any] = {name: value for name, value in row.items() if name not in _OWN}
            for name in _YES_NO:
                if facts.get(name) is not None:
                    facts[name] = bool(facts[name])
            if kind == "holder":
                facts["joint_companies"] = joint.get(row["id"], [])
            json.dumps(facts)  # what is no JSON must fail here, not when it is read
            values = {f"{kind}_id": row["id"], "valid_from": moment, "cause": "carried_over", "facts": facts}
            connection.execute(version.insert().values(**values))


def _joint_companies(connection: sa.Connection) -> dict[int, list[list[str]]]:
    found: dict[int, list[list[str]]] = {}
    rows = connection.execute(
        sa.text(
            "SELECT j.holder_id, o.name, o.name_kana FROM joint_company j"
            " JOIN organisation o ON o.id = j.organisation_id ORDER BY j.holder_id, j.position"
        )
    )
    for holder_id, name, kana in rows:
        found.setdefault(holder_id, []).append([name, kana])
    return found
