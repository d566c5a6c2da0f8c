"""How a downloaded file is called: as every file system takes it, and in ASCII that says something."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from portal.services.documents import safe_name

#: words of our file names, for the name that old programs read; what holds another comes before it
_WORDS = {
    "期限に遅れる報告書": "late_reports",
    "目標保有者ごとの報告の状況": "reports_by_holder",
    "担当者の変更申請": "contact_changes",
    "口座の状態の変更": "account_changes",
    "排出係数の起案": "factor_proposals",
    "期と期限の起案": "phase_proposals",
    "書面による変更": "paper_changes",
    "担当者リスト": "directory",
    "バンキング申請": "banking",
    "操作の記録": "events",
    "移動の確認": "movements",
    "期と期限": "phases",
    "期の締め": "phase_closings",
    "一括取り込み": "imports",
    "一括発行": "issues_to_phases",
    "目標保有者": "holders",
    "取引参加者": "traders",
    "算定報告書": "calculation_report",
    "検証報告書": "verification_report",
    "登録申請書": "application_form",
    "登録申請": "applications",
    "削減目標量": "targets",
    "通知書": "letters",
    "取引明細書": "statement",
    "移動の履歴": "history",
    "印付き": "marked",
    "検証済排出量": "verified_emissions",
    "排出量": "emissions",
    "実績": "results",
    "目標遵守": "compliance",
    "検証機関": "verifiers",
    "報告書": "reports",
    "利用者": "users",
    "台帳": "ledger",
    "口座": "accounts",
    "公表": "publications",
    "排出枠": "allowances",
}


def disposition(name: str, *, kind: str = "list") -> str:
    """The header that names a download: in its own script, and in ASCII for what cannot read that.

    ``kind`` is put before an ASCII name of which no letter is left to begin with.
    """
    stem, dot, ending = unicodedata.normalize("NFKC", in_english(name)).rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", stem).strip("_.-")
    if not re.match(r"[A-Za-z]", plain):
        plain = f"{kind}_{plain}".rstrip("_")
    return (
        f"attachment; filename=\"{plain}{dot}{ending}\"; filename*=UTF-8''{quote(safe_name(name), safe='')}"
    )


def in_english(name: str) -> str:
    """``name`` with the words of our own names in English: phases, fiscal years, what is in the file."""
    plain = re.sub(r"第([0-9]+)期", r"Phase_\1_", unicodedata.normalize("NFKC", name))
    plain = re.sub(r"([0-9]{4})(?:[~～-]([0-9]{4}))?年度", _years, plain)
    for word, english in _WORDS.items():
        plain = plain.replace(word, f"_{english}_")
    return plain


def _years(found: re.Match[str]) -> str:
    return f"FY{found[1]}-{found[2]}_" if found[2] else f"FY{found[1]}_"
