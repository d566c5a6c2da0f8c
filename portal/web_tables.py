"""Tables for the public as files: the heads and the lines of a publication's frozen content.

The page itself is ``templates/macros/publication.html``, for the public and for the office alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import pgettext

from portal.models import PublicationSubject
from portal.services.compliance import Compliance
from portal.web_text import fiscal, label, phase_name


@dataclass(frozen=True)
class Sheet:
    """A publication as rows; ``figures`` are the places of its columns of figures."""

    titles: list[str]
    rows: list[list[Any]]
    figures: tuple[int, ...]


def publication_name(phase: int, subject: PublicationSubject) -> str:
    """第2期　検証済排出量."""
    return _("%(phase)s　%(subject)s", phase=phase_name(phase), subject=label(subject))


def shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """What ``templates/macros/publication.html`` shows of ``content``."""
    if content["subject"] == PublicationSubject.EMISSIONS:
        return {"content": content}
    return {
        "content": content,
        "totals": total_lines(content),
        "deadline": date.fromisoformat(content["deadline"]),
        "standings": {one.value: one for one in Compliance},
    }


def sheet_of(content: Mapping[str, Any]) -> Sheet:
    """The lines of a file of ``content``."""
    if content["subject"] == PublicationSubject.EMISSIONS:
        return _emissions(content)
    return _allowances(content)


def _known(figure: int | None) -> Any:
    return _("未確定") if figure is None else figure


def _emissions(content: Mapping[str, Any]) -> Sheet:
    target_year, sums = fiscal(content["target_year"]), content["sums"]
    titles = [
        _("会社名"),
        _("事業所名"),
        _("基準年度排出量（t-CO2）"),
        _("削減目標量（t-CO2）"),
        _("%(year)s排出量（t-CO2）", year=target_year),
        _("削減量（t-CO2）"),
    ]
    columns = ("base", "target", "actual", "reduced")
    rows = [
        [row["company"], row["site"], *(_known(row[name]) for name in columns)] for row in content["rows"]
    ]
    rows.append([_("合計"), None, *(_known(sums[name]) for name in columns)])
    return Sheet(titles, rows, (2, 3, 4, 5))


def total_lines(content: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """The totals of the allowances of a phase: (what, how many, the unit)."""
    sums = content["sums"]
    return [
        (_("発行された量"), sums["issued"], "JAA"),
        (_("移転された量"), sums["transferred"], "JAA"),
        (_("償却された量"), sums["retired"], "JAA"),
        (_("取り消された量"), sums["cancelled"], "JAA"),
        (_("オフセットされた量"), sums["offset"], "JAA"),
        (_("遵守口座の数"), sums["compliance_accounts"], pgettext("unit", "口座")),
        (_("取引口座の数"), sums["trading_accounts"], pgettext("unit", "口座")),
    ]


def _allowances(content: Mapping[str, Any]) -> Sheet:
    titles = [_("項目"), _("事業所名"), _("数量"), _("単位"), _("目標遵守")]
    rows: list[list[Any]] = [[what, None, figure, unit, None] for what, figure, unit in total_lines(content)]
    rows += [
        [row["company"], row["site"], None, None, label(Compliance(row["standing"]))]
        for row in content["rows"]
    ]
    return Sheet(titles, rows, (2,))
