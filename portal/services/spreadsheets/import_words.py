"""What is wrong in a workbook of many rows: one cell, one row or the whole file, in both languages.

A finding is named by a text of this module, by one of the designated form's (the file as a whole) or
by a refusal of the house; all three are kept as JSON beside the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from portal.errors import Problem as Refusing
from portal.errors import Refusal, refusal_text
from portal.services.spreadsheets import problems

#: code → (Japanese, English); places: {found}, {expected}, {sheet}, {cell} and the finding's figures
TEXTS: dict[str, tuple[str, str]] = {
    "not_an_import": (
        "一括取り込みのファイルではありません。この画面で渡す様式（シート「{expected}」）に記入してください。",
        "This is no workbook for bulk import. Fill in the workbook from this page (sheet “{expected}”).",
    ),
    "head_missing": (
        "見出しの行がありません。{row}行目の見出しを、渡した様式のとおりに戻してください。",
        "The headings are missing. Put row {row} back as in the workbook that was handed out.",
    ),
    "column_missing": (
        "列「{expected}」がありません。渡した様式のとおりに戻してください。",
        "The column “{expected}” is missing. Put it back as in the workbook that was handed out.",
    ),
    "column_unknown": (
        "様式にない列です。読み落としを防ぐため、この列を消してください。",
        "This column is not part of the workbook. Delete it, so that nothing is overlooked.",
    ),
    "column_twice": (
        "同じ見出しの列が2つあります。1つにしてください。",
        "Two columns have this heading. Keep one.",
    ),
    "beside_columns": (
        "見出しのない列に値があります。値を消してください。",
        "There is a value in a column without a heading. Delete it.",
    ),
    "formula": (
        "数式は読み取りません。コピーして「値の貼り付け」をしてください。",
        "Formulas are not read. Copy the cells and paste them as values.",
    ),
    "formula_error": (
        "セルがエラーになっています。値を入力してください。",
        "The cell is an error. Enter a value.",
    ),
    "date_for_text": (
        "日付として入力されています。セルの書式を「文字列」にして、入力し直してください。",
        "This was entered as a date. Format the cell as text and enter it again.",
    ),
    "date_shape": (
        "日付として読めません。2013/9/2の形で入力してください。",
        "This is not a date. Write it as 2013/9/2.",
    ),
    "choice": ("{expected}のどれかを入力してください。", "Enter one of: {expected}."),
    "phase_unknown": (
        "登録されていない期です。「第2期」の形で入力してください（{expected}）。",
        "There is no such phase. Write it as 第2期 ({expected}).",
    ),
    "same_name_in_file": (
        "同じ口座名が、シート「{other_sheet}」の{other_row}行目にもあります。どちらかを直してください。",
        "The same account name stands on the sheet “{other_sheet}”, row {other_row}. Change one of them.",
    ),
    "same_site_in_file": (
        "同じ期の同じ事業所が、シート「{other_sheet}」の{other_row}行目にもあります。どちらかを消してください。",
        "The same site in the same phase stands on the sheet “{other_sheet}”, row {other_row}. Delete one.",
    ),
    "same_company_in_file": (
        "同じ法人が、シート「{other_sheet}」の{other_row}行目にもあります。どちらかを消してください。",
        "The same company stands on the sheet “{other_sheet}”, row {other_row}. Delete one of them.",
    ),
    "received_already": (
        "この申請は、{place}として受け付け済みです。",
        "This application has already been received as {place}.",
    ),
    "same_account_in_file": (
        "同じ口座番号が、シート「{other_sheet}」の{other_row}行目にもあります。どちらかを消してください。",
        "The same account number stands on the sheet “{other_sheet}”, row {other_row}. Delete one of them.",
    ),
    "not_the_holder": (
        "口座番号の相手の登録と違います（登録は「{expected}」）。口座番号か名称を直してください。",
        "This is not the holder of the account number (registered: “{expected}”). Correct one of them.",
    ),
    "gave_up": (
        "処理が途中で終わったため、何も取り込んでいません。もう一度送ってください。",
        "The work ended before it was complete; nothing was imported. Send the file again.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, what was found, why (``code`` and its ``figures``)."""

    code: str
    sheet: str = ""
    cell: str = ""
    #: the heading of the cell's column, in both languages
    item: tuple[str, str] = ("", "")
    found: str = ""
    expected: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    def message(self, locale: str) -> str:
        """What is wrong and how to mend it, in ``ja`` or ``en``."""
        places = {
            "sheet": self.sheet,
            "cell": self.cell,
            "found": problems.word(self.found, locale),
            "expected": self.expected,
        }
        if self.code in TEXTS:
            return TEXTS[self.code][locale == "en"].format(**{**places, **self.figures})
        if self.code in problems.TEXTS:
            return problems.message(self.code, locale, **places)
        return refusal_text(Refusal[self.code], locale, **_figures(self.figures))

    def shown_found(self, locale: str) -> str:
        """``found`` as the reader's language says it."""
        return problems.word(self.found, locale)

    def shown_item(self, locale: str) -> str:
        """The heading of its column."""
        return self.item[locale == "en"]

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON values; :func:`finding_of` gives it back."""
        return {
            "code": self.code,
            "sheet": self.sheet,
            "cell": self.cell,
            "item": list(self.item),
            "found": self.found,
            "expected": self.expected,
            "figures": {name: _plain(value) for name, value in self.figures.items()},
        }


def finding_of(values: Mapping[str, Any]) -> Finding:
    """The finding that :meth:`Finding.as_json` wrote."""
    ja, en = values["item"]
    return Finding(**{**values, "item": (ja, en)})


def refused(problem: Refusing, **more: Any) -> Finding:
    """A refusal of the house as a finding; ``more`` says where."""
    return Finding(problem.refusal.name, figures=dict(problem.figures), **more)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return {"day": value.isoformat()}
    return list(value) if isinstance(value, tuple) else value


def _figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    def back(value: Any) -> Any:
        if isinstance(value, dict) and "day" in value:
            return date.fromisoformat(value["day"])
        return tuple(value) if isinstance(value, list) else value

    return {name: back(value) for name, value in figures.items()}
