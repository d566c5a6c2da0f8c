"""What mails call the values of a phase's rule, in both languages, and how a change of them reads."""

from __future__ import annotations

from datetime import date

from portal.services.mail_words import day
from portal.services.phases import RuleDates

#: what a participant is told of; how long a proposal of the office lasts is not among it
_WORDS: dict[str, tuple[str, str]] = {
    "application_due": ("登録申請の締切", "applications due"),
    "base_report_from": ("基準年度の報告書の受付開始", "base-year reports from"),
    "base_report_due": ("基準年度の報告書の締切", "base-year reports due"),
    "issue_from": ("排出枠を発行できる日", "issue from"),
    "target_report_from": ("削減目標年度の報告書の受付開始", "target-year reports from"),
    "target_report_due": ("削減目標年度の報告書の締切", "target-year reports due"),
    "retirement_deadline": ("償却期限", "retirement deadline"),
    "banking_from": ("バンキング申請の受付開始", "banking applications from"),
    "banking_until": ("バンキング申請の締切", "banking applications until"),
    "adjustment_report_from": ("調整・自主削減年度の報告書の受付開始", "adjustment-year reports from"),
    "adjustment_report_due": ("調整・自主削減年度の報告書の締切", "adjustment-year reports due"),
    "reserve_released_by_compliance": (
        "目標を達成すると、コミットメントリザーブ量を0にする",
        "reserve falls to 0 once the target is met",
    ),
    "jver_counts_for_reserve": (
        "jVERの償却をコミットメントリザーブ量に数える",
        "retired jVER count for the reserve",
    ),
    "jver_counts_for_compliance": ("jVERの償却を目標遵守に数える", "retired jVER count for compliance"),
}
_YES_NO = {True: ("はい", "yes"), False: ("いいえ", "no")}


def phase_fact(number: int) -> tuple[str, str]:
    """第2期 / phase 2, as a mail's fact."""
    return f"第{number}期", f"phase {number}"


def changes_fact(old: RuleDates, new: RuleDates) -> tuple[str, str] | None:
    """What changed from what to what, as a mail's fact; ``None`` if nothing a participant is told of."""
    changed = [name for name in _WORDS if getattr(old, name) != getattr(new, name)]
    if not changed:
        return None
    texts = []
    for place, locale in enumerate(("ja", "en")):
        items = []
        for name in changed:
            before, after = (_value(getattr(rule, name), locale) for rule in (old, new))
            colon = ": " if locale == "en" else "："
            items.append(f"{_WORDS[name][place]}{colon}{before} → {after}")
        texts.append("; ".join(items) if locale == "en" else "、".join(items))
    return texts[0], texts[1]


def _value(value: date | bool, locale: str) -> str:
    if isinstance(value, bool):
        return _YES_NO[value][1 if locale == "en" else 0]
    return day(value, locale)
