"""The workbooks for bulk import, as data: sheets, columns, what each cell may hold.

*Decided*: one sheet for each kind of participant, so that no column is left empty by rule; a sheet
without rows is simply not used. Blank workbook, reader and marks all go by this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Label = tuple[str, str]
CellKind = Literal["text", "date", "choice", "number"]

TITLE_ROW = 1
HINT_ROW = 2
HEAD_ROW = 3
NOTE_ROW = 4
FIRST_ROW = 5
#: rows that hold something, in the whole workbook
MOST_ROWS = 2_000
MOST_JOINT = 5
EXAMPLE = "記入例"
#: what a cell may hold at most is judged later; more than this is not even carried there
MOST_SIGNS = 3_000

#: words of a choice → the value; the first of each value is what the workbook offers
Choices = tuple[tuple[str, str], ...]
YES_NO: Choices = (("はい", "yes"), ("いいえ", "no"), ("yes", "yes"), ("no", "no"))
CONSENT: Choices = (("同意する", "yes"), ("同意しない", "no"), *YES_NO)
PRESENT: Choices = (("有", "yes"), ("無", "no"), ("あり", "yes"), ("なし", "no"), *YES_NO)
SITE: Choices = (
    ("工場", "factory"),
    ("事業場", "workplace"),
    ("factory", "factory"),
    ("workplace", "workplace"),
)
PARTICIPATION: Choices = (
    ("単独", "single"),
    ("グループ", "group"),
    ("single", "single"),
    ("group", "group"),
)


@dataclass(frozen=True)
class Column:
    """One column: the field it fills, its heading and note in both languages, an example."""

    field: str
    label: Label
    note: Label
    example: str = ""
    kind: CellKind = "text"
    choices: Choices = ()
    width: float = 18.0

    @property
    def offered(self) -> tuple[str, ...]:
        """The words the workbook offers: the first of each value."""
        first: dict[str, str] = {}
        for word, value in self.choices:
            first.setdefault(value, word)
        return tuple(first.values())


@dataclass(frozen=True)
class Layout:
    """One sheet: its name, what it is for, its columns from A on."""

    sheet: str
    kind: str
    title: Label
    columns: tuple[Column, ...]


_NEEDED: Label = ("必須", "Required")
_HIRAGANA: Label = ("必須。ひらがな", "Required. Hiragana")
_MAY: Label = ("任意", "Optional")
_DATE: Label = ("必須。例：2013/9/2", "Required. E.g. 2013/9/2")


def _received() -> tuple[Column, ...]:
    papers: Label = ("届いていれば「はい」", "“はい” once it has arrived")
    return (
        Column("received_on", ("受付日", "Received on"), _DATE, "2013/9/2", "date", width=17),
        Column("seal_received", ("社印", "Seal"), papers, "はい", "choice", YES_NO, 17),
        Column("consent_received", ("同意書", "Consent form"), papers, "いいえ", "choice", YES_NO, 17),
    )


def _company(name: Label, example: str, kana: str) -> tuple[Column, ...]:
    return (
        Column("company_name", name, _NEEDED, example, width=30),
        Column("company_kana", (f"{name[0]}のふりがな", f"{name[1]}, kana"), _HIRAGANA, kana, width=30),
        Column("representative_name", ("代表者氏名", "Representative"), _NEEDED, "見本 太郎"),
        Column(
            "representative_kana",
            ("代表者のふりがな", "Representative, kana"),
            _HIRAGANA,
            "みほん たろう",
        ),
    )


def _joint() -> tuple[Column, ...]:
    note: Label = ("任意。ふりがなも", "Optional, with kana")
    return tuple(
        column
        for n in range(1, MOST_JOINT + 1)
        for column in (
            Column(
                f"joint_companies-{n - 1}-name",
                (f"共同事業者{n}", f"Joint company {n}"),
                note,
                "みほんリース株式会社" if n == 1 else "",
                width=24,
            ),
            Column(
                f"joint_companies-{n - 1}-kana",
                (f"共同事業者{n}のふりがな", f"Joint company {n}, kana"),
                note,
                "みほんりーすかぶしきがいしゃ" if n == 1 else "",
                width=24,
            ),
        )
    )


def _contact(example: str, *, holder: bool) -> tuple[Column, ...]:
    where: Label = (
        ("必須。代表事業者か共同事業者", "Required. Representative or joint company") if holder else _MAY
    )
    columns = (
        Column("contact_company", ("担当者の所属", "Contact: company"), where, example, width=30),
        Column("contact_department", ("担当者の部署", "Contact: department"), _MAY, "総務部"),
        Column("contact_post", ("担当者の役職", "Contact: post"), _MAY, "環境課長"),
        Column("contact_name", ("担当者氏名", "Contact: name"), _NEEDED, "見本 花子"),
        Column("contact_kana", ("担当者のふりがな", "Contact: kana"), _HIRAGANA, "みほん はなこ"),
        Column(
            "contact_postal_code",
            ("郵便番号", "Postal code"),
            ("必須。123-4567の形", "Required. 123-4567"),
            "123-4567",
            width=12,
        ),
        Column(
            "contact_address",
            ("担当者の住所", "Contact: address"),
            _NEEDED,
            "みほん県みほん市1-2-3",
            width=34,
        ),
        Column(
            "contact_telephone",
            ("電話番号", "Telephone"),
            ("必須。03-1234-5678の形", "Required. 03-1234-5678"),
            "03-0000-0000",
            width=16,
        ),
        Column("contact_fax", ("FAX番号", "Fax"), _MAY, "03-0000-0001", width=16),
        Column("mail_a", ("メールアドレスA", "Mail address A"), _NEEDED, "a@mihon.example", width=26),
    )
    return (
        (*columns, Column("mail_b", ("メールアドレスB", "Mail address B"), _MAY, "b@mihon.example", width=26))
        if holder
        else columns
    )


def _disclosure() -> Column:
    return Column(
        "disclosure_consent",
        ("担当者情報の公開", "Disclosure"),
        ("必須。同意する／同意しない", "Required. 同意する (yes) / 同意しない (no)"),
        "同意する",
        "choice",
        CONSENT,
        16,
    )


def _account_name() -> Column:
    return Column(
        "account_name",
        ("口座名", "Account name"),
        ("必須。取引相手がわかる名称", "Required. Easy for partners to recognise"),
        "みほん製作所 第一工場",
        width=30,
    )


def _site() -> tuple[Column, ...]:
    return (
        Column("site_name", ("事業所名", "Site"), _NEEDED, "第一工場", width=24),
        Column("site_kana", ("事業所名のふりがな", "Site, kana"), _HIRAGANA, "だいいちこうじょう", width=24),
        Column(
            "site_address", ("事業所の所在地", "Site: address"), _NEEDED, "みほん県みほん市4-5-6", width=34
        ),
        Column(
            "site_kind",
            ("事業所の種類", "Site: type"),
            ("必須。工場／事業場", "Required. 工場 (factory) / 事業場 (workplace)"),
            "工場",
            "choice",
            SITE,
            14,
        ),
        Column(
            "participation",
            ("参加の形", "Participation"),
            ("必須。単独／グループ", "Required. 単独 (single) / グループ (group)"),
            "単独",
            "choice",
            PARTICIPATION,
            14,
        ),
        _account_name(),
        Column(
            "other_scheme",
            ("東京都・埼玉県の制度", "Tokyo / Saitama scheme"),
            ("必須。有／無", "Required. 有 (yes) / 無 (no)"),
            "無",
            "choice",
            PRESENT,
            16,
        ),
    )


_NOTE = Column("note", ("事務局のメモ", "Office note"), _MAY, width=30)


@cache
def applications() -> tuple[Layout, ...]:
    """The sheets of the workbook of registration applications; they are recorded in this order."""
    representative: Label = ("代表事業者", "Representative company")
    company: Label = ("法人名", "Company")
    mihon, kana = "みほん製作所株式会社", "みほんせいさくしょかぶしきがいしゃ"
    phase = Column("phase", ("期", "Phase"), ("必須。例：第2期", "Required. E.g. 第2期"), "第2期", width=14)
    return (
        Layout(
            "目標保有者",
            "holder",
            ("登録申請の一括取り込み：目標保有者", "Bulk import of applications: holders"),
            (
                phase,
                *_received(),
                *_company(representative, mihon, kana),
                *_joint(),
                *_contact(mihon, holder=True),
                _disclosure(),
                *_site(),
                _NOTE,
            ),
        ),
        Layout(
            "取引参加者",
            "trader",
            ("登録申請の一括取り込み：取引参加者", "Bulk import of applications: traders"),
            (
                *_received(),
                *_company(company, "みほん商事株式会社", "みほんしょうじかぶしきがいしゃ"),
                *_contact("みほん商事株式会社", holder=False),
                _disclosure(),
                _account_name(),
                _NOTE,
            ),
        ),
        Layout(
            "検証機関",
            "verifier",
            ("登録申請の一括取り込み：検証機関", "Bulk import of applications: verifiers"),
            (
                *_received(),
                *_company(
                    company,
                    "一般財団法人みほん検証協会",
                    "いっぱんざいだんほうじんみほんけんしょうきょうかい",
                ),
                *_contact("一般財団法人みほん検証協会", holder=False),
                _NOTE,
            ),
        ),
    )


@cache
def targets() -> tuple[Layout, ...]:
    """The one sheet of the workbook of reduction targets."""
    compare: Label = ("照合用。変えないでください", "For comparison; leave as it is")
    return (
        Layout(
            "削減目標量",
            "target",
            ("削減目標量の一括取り込み", "Bulk import of reduction targets"),
            (
                Column("account", ("口座番号", "Account number"), _NEEDED, "AST-1001", width=14),
                Column(
                    "company_name",
                    ("代表事業者", "Representative company"),
                    compare,
                    "みほん製作所株式会社",
                    width=36,
                ),
                Column("site_name", ("事業所名", "Site"), compare, "第一工場", width=28),
                Column(
                    "quantity",
                    ("削減目標量（t-CO2）", "Reduction target (t-CO2)"),
                    ("必須。1以上の整数", "Required. A whole number of 1 or more"),
                    "1500",
                    "number",
                    width=22,
                ),
            ),
        ),
    )


def layouts_of(kind: str) -> tuple[Layout, ...]:
    """The sheets of an import of ``applications`` or ``targets``."""
    return {"applications": applications, "targets": targets}[kind]()


def of_sheet(kind: str, sheet: str) -> Layout:
    """The layout of a sheet. Raises ``StopIteration`` for a sheet that is none of them."""
    return next(layout for layout in layouts_of(kind) if layout.sheet == sheet)
