"""Version 1 of the registration application form, as data (domain §3, briefing §5).

Every cell that is filled in or checked is named here once; the blank form and its reader go by this
list. Holders, traders and verifiers have a form each; what differs is the items only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

Kind = Literal["holder", "trader", "verifier"]
Label = tuple[str, str]

FORM_ID = "ASSET-REG"
VERSION = "1"
SHEET = "登録申請書"
#: rows for joint companies; whoever has more attaches a list, which the secretariat types
JOINT_ROWS = 10

#: what the form is called, and how each kind and phase is named on it
KIND_NAMES: dict[Kind, Label] = {
    "holder": ("目標保有者", "Target holder"),
    "trader": ("取引参加者", "Trader"),
    "verifier": ("検証機関", "Verifier"),
}
NO_PHASE = "—"

#: the head of the form: name → cell. Each cell has a defined name of the same name.
HEAD_CELLS = {"form_id": "C4", "form_version": "D4", "form_kind": "C5", "form_phase": "D5"}
TABLE_HEAD = 6
FIRST_ROW = 7
SECTION, LABEL, INPUT, SECOND, NOTE = "A", "B", "C", "D", "E"

YES_NO: tuple[tuple[str, str, str], ...] = (("True", "有", "Yes"), ("False", "無", "No"))
CONSENT = (("True", "同意する", "I agree"), ("False", "同意しない", "I do not agree"))
SITE_KINDS = (("factory", "工場", "Factory"), ("workplace", "事業場", "Workplace"))
PARTICIPATION = (("single", "単独", "Single"), ("group", "グループ", "Group"))


@dataclass(frozen=True)
class Item:
    """One item of the form. ``field`` is the application's field; ``options`` are (value, ja, en)."""

    field: str
    label: Label
    required: bool = True
    options: tuple[tuple[str, str, str], ...] = ()
    note: Label = ("", "")
    height: float = 28


@dataclass(frozen=True)
class Section:
    """One part of the form: its heading, its items, whether joint companies follow them."""

    label: Label
    items: tuple[Item, ...]
    joint: bool = False


@dataclass(frozen=True)
class Placed:
    """An item in its row."""

    item: Item
    row: int

    @property
    def cell(self) -> str:
        """Where it is filled in: the first cell of the merged pair."""
        return f"{INPUT}{self.row}"

    @property
    def label_cell(self) -> str:
        return f"{LABEL}{self.row}"


@dataclass(frozen=True)
class Layout:
    """Where everything is on the form of one kind."""

    kind: Kind
    sections: tuple[tuple[Section, int, int], ...]  # with first and last row
    placed: tuple[Placed, ...]
    joint_head: int | None
    last_row: int
    cells: dict[str, str] = field(hash=False)

    def joint_cells(self) -> Iterator[tuple[int, str, str]]:
        """(number, cell of the name, cell of the kana) of each row for a joint company."""
        if self.joint_head is not None:
            for number in range(JOINT_ROWS):
                row = self.joint_head + 1 + number
                yield number, f"{INPUT}{row}", f"{SECOND}{row}"

    def labels(self) -> Iterator[tuple[str, Label]]:
        """(cell, label) of every fixed label by which the reader knows that nothing has moved."""
        for placed in self.placed:
            yield placed.label_cell, placed.item.label
        if self.joint_head is not None:
            yield f"{LABEL}{self.joint_head}", JOINT
            yield f"{INPUT}{self.joint_head}", JOINT_NAME
            yield f"{SECOND}{self.joint_head}", JOINT_KANA

    def merged(self) -> set[str]:
        """The ranges of input cells that the form itself merges."""
        return {f"{INPUT}{placed.row}:{SECOND}{placed.row}" for placed in self.placed}


JOINT: Label = ("共同事業者", "Joint companies")
JOINT_NAME: Label = ("法人名", "Company name")
JOINT_KANA: Label = ("法人名（ひらがな）", "Company name in hiragana")
JOINT_NOTE: Label = (
    "【共同事業者】\n目標保有者が複数いる場合は、代表事業者が申請内容を取りまとめ、1行に1社ずつ記入してください。"
    "いない場合は空欄のままにしてください。11社以上のときは、続きを別紙に書いて添えてください。",
    "[Joint companies]\nThe representative company lists them, one a row. Leave the rows blank if there "
    "are none. If there are more than 10, attach a list.",
)
SEAL: Label = ("押印（社印）", "Company seal")
SEAL_NOTES: dict[Kind, Label] = {
    "holder": ("【押印欄】代表事業者の社印を押印ください。", "[Seal] Seal of the representative company."),
    "trader": ("【押印欄】社印を押印ください。", "[Seal] Seal of the company."),
    "verifier": ("【押印欄】社印を押印ください。", "[Seal] Seal of the company."),
}


def _companies(whose: Label) -> tuple[Item, ...]:
    ja, en = whose
    return (
        Item("company_name", (f"{ja}法人名", en)),
        Item("company_kana", (f"{ja}法人名（ひらがな）", "Company name in hiragana")),
        Item("representative_name", (f"{ja}代表者氏名", "Representative")),
        Item("representative_kana", (f"{ja}代表者氏名（ひらがな）", "Representative in hiragana")),
    )


_CONTACT_COMPANY: dict[Kind, Label] = {
    "holder": (
        "【担当者】\n代表事業者または共同事業者に所属する方としてください。事務局との連絡窓口となり、"
        "ログインIDとパスワードの通知書をお送りします。",
        "[Contact person]\nMust belong to the representative or a joint company, and receives the letter "
        "with login IDs and passwords.",
    ),
    "trader": (
        "【担当者】\n事務局との連絡窓口となり、ログインIDとパスワードの通知書をお送りします。",
        "[Contact person]\nReceives the letter with login ID and password.",
    ),
}
_MAIL_A: Label = (
    "【担当者メールアドレス（メールアドレスA）】\n目標保有者A用アドレスとなります。"
    "担当者が閲覧できるメールアドレスを記入ください。",
    "[Mail address A]\nFor login A. An address that the contact person can read.",
)
_MAIL_B: Label = (
    "【メールアドレスB】\n目標保有者B用アドレスとなります。任意ですので記入しなくとも結構です。"
    "担当者のメールアドレスである必要はありません。",
    "[Mail address B]\nFor login B. Optional; it need not be the contact person's.",
)
_CONSENT: Label = (
    "【公開の同意】\n同意いただくと、同じく同意した参加者どうしで担当者情報を共有できます（事務局より提供）。"
    "排出枠の取引相手を探すために活用いただけます。",
    "[Consent]\nParticipants who agree find each other's contact data, for trading allowances.",
)
_ACCOUNT: Label = (
    "【口座名】\nほかの参加者（排出枠の取引先など）が見て分かりやすい名称としてください。",
    "[Account name]\nEasy for trading partners to recognise.",
)
_SITE: Label = (
    "【事業所名】\n公募申請時の事業場・工場名（環境省報道発表によるASSET採択リストに記載）を記入してください。",
    "[Site]\nThe name in the published list of adopted projects.",
)
_POSTAL: Label = ("例：123-4567", "e.g. 123-4567")
_PHONE: Label = ("例：03-1234-5678", "e.g. 03-1234-5678")


def _contact(kind: Kind) -> Section:
    holder = kind == "holder"
    items = [
        Item(
            "contact_company",
            ("担当者法人名", "Company of the contact person"),
            note=_CONTACT_COMPANY["holder" if holder else "trader"],
            required=holder,
            height=64 if holder else 44,
        ),
        Item("contact_department", ("担当者部署", "Department"), required=False),
        Item("contact_post", ("担当者役職", "Post"), required=False),
        Item("contact_name", ("担当者氏名", "Contact person")),
        Item("contact_kana", ("担当者氏名（ひらがな）", "Contact person in hiragana")),
        Item("contact_postal_code", ("担当者郵便番号", "Postal code"), note=_POSTAL),
        Item("contact_address", ("担当者住所", "Address")),
        Item("contact_telephone", ("担当者電話番号", "Telephone"), note=_PHONE),
        Item("contact_fax", ("担当者FAX番号（任意）", "Fax (optional)"), required=False),
    ]
    if holder:
        items += [
            Item("mail_a", ("担当者メールアドレス（A）", "Mail address A"), note=_MAIL_A, height=56),
            Item(
                "mail_b",
                ("メールアドレスB（任意）", "Mail address B (optional)"),
                required=False,
                note=_MAIL_B,
                height=56,
            ),
        ]
    else:
        items.append(Item("mail_a", ("担当者メールアドレス", "Mail address")))
    return Section(("担当者情報", "Contact"), tuple(items))


_PUBLISHED = Section(
    ("公開の同意", "Consent"),
    (
        Item(
            "disclosure_consent",
            (
                "上記の担当者情報を他の参加者へ公開することに同意しますか？",
                "Disclosure to other participants",
            ),
            options=CONSENT,
            note=_CONSENT,
            height=66,
        ),
    ),
)
_ACCOUNT_ITEM = Item("account_name", ("口座名", "Account name"), note=_ACCOUNT, height=44)
_SITE_SECTION = Section(
    ("事業所情報", "Site"),
    (
        Item("site_name", ("事業所名", "Site"), note=_SITE, height=56),
        Item("site_kana", ("事業所名（ひらがな）", "Site in hiragana")),
        Item("site_address", ("事業所住所", "Address of the site")),
        Item("site_kind", ("事業所種別（工場/事業場）", "Factory or workplace"), options=SITE_KINDS),
        Item("participation", ("参加形態（単独/グループ）", "Single or group"), options=PARTICIPATION),
        _ACCOUNT_ITEM,
        Item(
            "other_scheme",
            ("東京都、埼玉県制度への参加有無", "In the Tokyo or Saitama scheme"),
            options=YES_NO,
        ),
    ),
)

_SECTIONS: dict[Kind, tuple[Section, ...]] = {
    "holder": (
        Section(
            ("目標保有者情報", "Target holder"),
            _companies(("代表事業者", "Representative company")),
            joint=True,
        ),
        _contact("holder"),
        _PUBLISHED,
        _SITE_SECTION,
    ),
    "trader": (
        Section(("取引参加者情報", "Trader"), _companies(("", "Company name"))),
        _contact("trader"),
        _PUBLISHED,
        Section(("口座情報", "Account"), (_ACCOUNT_ITEM,)),
    ),
    "verifier": (
        Section(("検証機関情報", "Verifier"), _companies(("", "Company name"))),
        _contact("verifier"),
    ),
}


@cache
def layout(kind: Kind) -> Layout:
    """The form of ``kind`` with every item in its row."""
    row, joint_head = FIRST_ROW, None
    sections: list[tuple[Section, int, int]] = []
    placed: list[Placed] = []
    for section in _SECTIONS[kind]:
        first = row
        for item in section.items:
            placed.append(Placed(item, row))
            row += 1
        if section.joint:
            joint_head = row
            row += 1 + JOINT_ROWS
        sections.append((section, first, row - 1))
    found = Layout(kind, tuple(sections), tuple(placed), joint_head, row - 1, {})
    found.cells.update({one.item.field: one.cell for one in placed})
    for number, name, kana in found.joint_cells():
        found.cells[f"joint_companies-{number}-name"] = name
        found.cells[f"joint_companies-{number}-kana"] = kana
    if kind == "holder":
        found.cells["phase_id"] = HEAD_CELLS["form_phase"]
    return found


def phase_cell(number: int | None) -> str:
    """What the form's cell for the phase says."""
    return NO_PHASE if number is None else f"第{number}期"


def item_of(kind: Kind, field_name: str) -> Item | None:
    """The item behind a field of the application; ``None`` for joint companies and the head."""
    return next((one.item for one in layout(kind).placed if one.item.field == field_name), None)


def all_labels() -> dict[str, str]:
    """Japanese label → English label of everything on the three forms."""
    kinds: tuple[Kind, ...] = ("holder", "trader", "verifier")
    found = {ja: en for kind in kinds for _cell, (ja, en) in layout(kind).labels()}
    return found | {SEAL[0]: SEAL[1]}
