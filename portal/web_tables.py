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

from portal.models import PublicationSubject, UnitType
from portal.services.compliance import Compliance
from portal.services.publication_content import day_of
from portal.web_text import fiscal, label, number, phase_name


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
        return {"content": content, "totals": emissions_totals(content)}
    return {
        "content": content,
        "day": day_of(content),
        "units": unit_lines(content),
        "heads": [word for word, _name in _amounts()],
        "accounts": account_lines(content),
        "deadline": date.fromisoformat(content["deadline"]),
        "standings": {one.value: one for one in Compliance},
    }


def sheet_of(content: Mapping[str, Any], *, totals: bool, words: bool) -> Sheet:
    """A file of ``content``: its totals, or holder by holder. ``words``: 未確定 where a figure is unknown.

    Without words such a cell is empty, so that a program reads a column of figures and nothing else.
    """
    if content["subject"] == PublicationSubject.EMISSIONS:
        return _emissions_totals(content, words) if totals else _emissions(content, words)
    return _allowance_totals(content) if totals else _standings(content)


def _known(figure: int | None, words: bool = True) -> Any:
    return _("未確定") if figure is None and words else figure


_COLUMNS = ("base", "target", "actual", "reduced")


def emissions_totals(content: Mapping[str, Any]) -> list[tuple[str, list[int | str]]]:
    """(what is summed, base, target, actual and reduction in t-CO2): each line over the same holders.

    While some figures are open there are two: of the holders whose both figures are confirmed, and, of all,
    what is known; a dash is not told, because it would be of other holders than the rest of the line.
    """
    sums, rows = content["sums"], content["rows"]
    both = [row for row in rows if row["reduced"] is not None]
    if not both or len(both) == len(rows):
        return [(_("合計"), [_known(sums[name]) for name in _COLUMNS])]
    confirmed = [sum(row[name] or 0 for row in both) for name in _COLUMNS]
    return [
        (_("合計（排出量が確定した%(n)s者）", n=number(len(both))), [*confirmed]),
        (_("合計（全%(n)s者の確定した値）", n=number(len(rows))), [sums["base"], sums["target"], "—", "—"]),
    ]


def _emissions(content: Mapping[str, Any], words: bool) -> Sheet:
    titles = [_("会社名"), _("事業所名"), *_emissions_heads(content)]
    rows = [
        [row["company"], row["site"], *(_known(row[name], words) for name in _COLUMNS)]
        for row in content["rows"]
    ]
    return Sheet(titles, rows, (2, 3, 4, 5))


def _emissions_heads(content: Mapping[str, Any]) -> list[str]:
    return [
        _("基準年度排出量（t-CO2）"),
        _("削減目標量（t-CO2）"),
        _("%(year)s排出量（t-CO2）", year=fiscal(content["target_year"])),
        _("削減量（t-CO2）"),
    ]


def _emissions_totals(content: Mapping[str, Any], words: bool) -> Sheet:
    unknown = {_("未確定"), "—"}
    rows = [
        [head, *(None if not words and figure in unknown else figure for figure in figures)]
        for head, figures in emissions_totals(content)
    ]
    return Sheet([_("合計の範囲"), *_emissions_heads(content)], rows, (1, 2, 3, 4))


def _amounts() -> list[tuple[str, str]]:
    """(what, its name in a content's units): where units came from and where they are."""
    return [
        (_("発行された量"), "issued"),
        (_("前の期からバンキングした量"), "carried_in"),
        (_("次の期へバンキングした量"), "carried_out"),
        (_("償却された量"), "retired"),
        (_("取り消された量"), "cancelled"),
        (_("オフセットされた量"), "offset"),
        (_("口座に残っている量"), "held"),
        (_("移転された量"), "transferred"),
    ]


def unit_lines(content: Mapping[str, Any]) -> list[tuple[str, str, list[int | None]]]:
    """(which units, the unit, its amounts in the order of the heads); older tables lack some."""
    sums = content["sums"]
    found = sums.get("units") or [{"unit": UnitType.JAA.value, **sums}]
    return [
        (
            _("%(phase)sのJAA", phase=phase_name(content["phase"]))
            if one["unit"] == UnitType.JAA
            else one["unit"],
            one["unit"],
            [one.get(name) for _word, name in _amounts()],
        )
        for one in found
    ]


def account_lines(content: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """How many accounts: (what, how many, the unit)."""
    sums = content["sums"]
    return [
        (_("遵守口座の数"), sums["compliance_accounts"], pgettext("unit", "口座")),
        (_("取引口座の数"), sums["trading_accounts"], pgettext("unit", "口座")),
    ]


def _standings(content: Mapping[str, Any]) -> Sheet:
    rows = [[row["company"], row["site"], label(Compliance(row["standing"]))] for row in content["rows"]]
    return Sheet([_("会社名"), _("事業所名"), _("目標遵守")], rows, ())


def _allowance_totals(content: Mapping[str, Any]) -> Sheet:
    """What there is of each unit and how many accounts, each line with the day it tells of."""
    as_of = day_of(content)
    rows: list[list[Any]] = []
    for name, unit, amounts in unit_lines(content):
        shown_amounts = zip(_amounts(), amounts, strict=True)
        rows += [[as_of, what, name, n, unit] for (what, _name), n in shown_amounts if n is not None]
    rows += [[as_of, what, None, figure, unit] for what, figure, unit in account_lines(content)]
    return Sheet([_("数量の日"), _("項目"), _("排出枠"), _("数量"), _("単位")], rows, (3,))
