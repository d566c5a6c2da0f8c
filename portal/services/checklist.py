"""The checklist of a verification: what is looked at in a calculation report, and how it is answered.

*Decided*: the items are what a verification of such a report looks at (boundary, sources, activity, factors,
calculation, comparison, papers seen); every item is answered before a verification report is registered,
and an item that does not conform says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.errors import Problem, Refusal

REMARK_LIMIT = 500


class Answer(StrEnum):
    CONFORMS = "conforms"  # 適合
    NOT = "not"  # 不適合
    NOT_APPLICABLE = "na"  # 該当なし


@dataclass(frozen=True)
class Item:
    """One item: its ``code`` is stored, ``ja`` and ``en`` are what the pages say."""

    code: str
    ja: str
    en: str

    def word(self, locale: str) -> str:
        """The item in the reader's language."""
        return self.en if locale == "en" else self.ja


ITEMS: tuple[Item, ...] = (
    Item(
        "identity",
        "事業者、事業所、対象年度が登録の内容と一致している",
        "Company, site and years are those registered",
    ),
    Item(
        "boundary",
        "敷地境界が図面と現地の状況に一致している",
        "The site boundary agrees with the plans and with the site",
    ),
    Item(
        "sources",
        "排出源に漏れと重複がない",
        "No emission source is missing or counted twice",
    ),
    Item(
        "activity",
        "活動量が請求書、購買伝票、検針票と一致している",
        "Activity data agree with invoices, purchase slips and meter readings",
    ),
    Item(
        "meters",
        "計量器の検定または校正が有効期間内である",
        "Meters are verified or calibrated, and the term has not lapsed",
    ),
    Item(
        "units",
        "単位の換算と、対象年度への月割りが正しい",
        "Units are converted and months allotted to the year correctly",
    ),
    Item(
        "factors",
        "単位発熱量と排出係数が対象年度のものである",
        "Calorific values and emission factors are those of the year",
    ),
    Item(
        "calculation",
        "計算の過程、合計、端数の処理が正しい",
        "Calculation, sums and rounding are correct",
    ),
    Item(
        "base_years",
        "算定の範囲と方法が基準年度とそろっている",
        "Scope and method are consistent with the base years",
    ),
    Item(
        "changes",
        "前の年度からの大きな増減の理由を確かめた",
        "The reasons of large changes since the year before were established",
    ),
    Item(
        "data_flow",
        "データの記録、承認、保存の体制が整っている",
        "Data are recorded, approved and kept in an orderly way",
    ),
    Item(
        "materiality",
        "見つかった誤りの合計が、重要性の基準を下回っている",
        "Errors found stay below the materiality threshold in total",
    ),
    Item(
        "site_visit",
        "現地で排出源と計量器を確かめた",
        "Sources and meters were seen on site",
    ),
    Item(
        "documents",
        "根拠となる書類の原本または写しを確かめた",
        "The supporting documents were seen, originals or copies",
    ),
    Item(
        "earlier_points",
        "前回の検証と査読で指摘した点に対応している",
        "Points raised in earlier verification and review are settled",
    ),
)
CODES = frozenset(item.code for item in ITEMS)


@dataclass(frozen=True)
class Given:
    """How one item was answered; ``version`` is the version of the report that it was answered for."""

    answer: str = ""
    remark: str = ""
    version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        kept: dict[str, Any] = {"answer": self.answer, "remark": self.remark}
        return kept if self.version is None else {**kept, "version": self.version}


Answers = Mapping[str, Given]


def answers_from(stored: Mapping[str, Any] | None) -> dict[str, Given]:
    """The answers in what JSON kept; items of former checklists are left out."""
    return {code: Given(**value) for code, value in (stored or {}).items() if code in CODES}


def tidied(given: Answers) -> dict[str, Given]:
    """The answers of known items without blanks around them; what says nothing is left out."""
    found = {
        code: Given(one.answer.strip(), one.remark.strip(), one.version)
        for code, one in given.items()
        if code in CODES
    }
    return {code: one for code, one in found.items() if one.answer or one.remark}


def answer_field(code: str) -> str:
    """The field of an item's answer in a form, where a refusal is shown."""
    return f"check_{code}"


def remark_field(code: str) -> str:
    """The field of an item's remark."""
    return f"remark_{code}"


def shape_problems(given: Answers) -> list[Problem]:
    """What is wrong with answers wherever they are kept, in a draft too. Pure."""
    problems = []
    for code, one in given.items():
        if one.answer and one.answer not in list(Answer):
            problems.append(Problem(Refusal.CHOICE_UNKNOWN, answer_field(code)))
        if len(one.remark) > REMARK_LIMIT:
            problems.append(Problem(Refusal.TOO_LONG, remark_field(code), {"limit": REMARK_LIMIT}))
    return problems


def open_items(given: Answers, version: int) -> list[Item]:
    """The items without an answer for ``version``, in the order of the checklist. Pure."""
    return [
        item
        for item in ITEMS
        if not (one := given.get(item.code, Given())).answer or one.version not in (None, version)
    ]


def problems(given: Answers, version: int) -> list[Problem]:
    """Everything that stands against registering: open items, each named at its field, and bare refusals.

    ``version`` is the version that is verified. Pure.
    """
    found = shape_problems(given)
    left = open_items(given, version)
    if left:
        found.insert(0, Problem(Refusal.CHECKLIST_OPEN, "checklist", {"count": len(left)}))
    found += [Problem(Refusal.REQUIRED, answer_field(item.code)) for item in left]
    found += [
        Problem(Refusal.REQUIRED, remark_field(code))
        for code, one in given.items()
        if one.answer == Answer.NOT and not one.remark
    ]
    return found


@dataclass(frozen=True)
class ChecklistLine:
    """An item as it was answered, for reading."""

    item: Item
    answer: Answer
    remark: str


def lines(stored: Mapping[str, Any] | None) -> tuple[ChecklistLine, ...]:
    """The registered checklist in its order; empty for those registered before there was one."""
    given = answers_from(stored)
    return tuple(
        ChecklistLine(item, Answer(given[item.code].answer), given[item.code].remark)
        for item in ITEMS
        if item.code in given and given[item.code].answer
    )
