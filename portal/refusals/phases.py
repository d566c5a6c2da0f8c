"""Why a phase cannot have this number, these fiscal years or these dates."""

from __future__ import annotations

from portal.refusals.codes import Refusal

TEXTS: dict[Refusal, tuple[str, str]] = {
    Refusal.NUMBER_RANGE: (
        "{least}以上{most}以下の数にしてください。",
        "Enter a number from {least} to {most}.",
    ),
    Refusal.DATE_OUT_OF_RANGE: (
        "{least}年から{most}年までの日付にしてください。",
        "Enter a date between {least} and {most}.",
    ),
    Refusal.BASE_YEARS_REVERSED: (
        "基準年度の終わりは、はじめの{year}年度以降にしてください。",
        "The last base year must not be before the first, FY{year}.",
    ),
    Refusal.YEAR_NOT_AFTER: (
        "{year}年度より後の年度にしてください。",
        "It must be after FY{year}.",
    ),
    Refusal.WINDOW_ENDS_FIRST: (
        "締切は、受付開始の{day}以降にしてください。",
        "The last day must not be before the first, {day}.",
    ),
    Refusal.APPLICATIONS_AFTER_BASE_REPORTS: (
        "登録申請の締切は、基準年度の報告書の締切（{day}）までにしてください。",
        "Applications must close no later than base-year reports are due ({day}).",
    ),
    Refusal.BASE_REPORTS_AFTER_ISSUE: (
        "基準年度の報告書の締切は、排出枠を発行できる日（{day}）までにしてください。",
        "Base-year reports must be due no later than the first day of issue ({day}).",
    ),
    Refusal.ISSUE_AFTER_TARGET_REPORTS: (
        "排出枠を発行できる日は、削減目標年度の報告書の受付開始（{day}）までにしてください。",
        "The first day of issue must be no later than target-year reports open ({day}).",
    ),
    Refusal.ISSUE_AFTER_DEADLINE: (
        "排出枠を発行できる日は、償却期限（{day}）までにしてください。",
        "The first day of issue must be no later than the retirement deadline ({day}).",
    ),
    Refusal.TARGET_REPORTS_AFTER_DEADLINE: (
        "削減目標年度の報告書の締切は、償却期限（{day}）までにしてください。",
        "Target-year reports must be due no later than the retirement deadline ({day}).",
    ),
    Refusal.BANKING_BEFORE_DEADLINE: (
        "バンキング申請の締切は、償却期限（{day}）以降にしてください。",
        "Banking must not close before the retirement deadline ({day}).",
    ),
    Refusal.ADJUSTMENT_BEFORE_TARGET_REPORTS: (
        "調整・自主削減年度の報告書の受付開始は、削減目標年度の報告書の締切（{day}）以降にしてください。",
        "Adjustment-year reports must not open before target-year reports are due ({day}).",
    ),
}
