"""The figures of an account on one axis, and the same in words for who does not see the picture."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _

from portal.services.compliance import Figures
from portal.services.positions import Position
from portal.web_charts import BarChart, BarRow, bars
from portal.web_positions import own_name
from portal.web_text import number, unit_name


def of_holder(
    figures: Figures, own: Position | None, others: Sequence[Position]
) -> tuple[BarChart | None, str]:
    """The figures on one axis, and the same in words; ``others``: units besides the own phase's JAA."""
    missing = figures.missing or 0
    wanted = [
        (_("基準年度排出量"), figures.base_emissions, "base", 0),
        (_("JAA発行量"), figures.issued or None, "issued", 0),
        (_("削減目標年度排出量"), figures.target_emissions, "fact", 0),
        (_("償却済量"), figures.retired if figures.issued or figures.retired else None, "done", missing),
        (
            own_name(_("残高"), own, others),
            figures.held if figures.issued or figures.held else None,
            "held",
            0,
        ),
        (_("リザーブ量"), figures.reserve if figures.issued else None, "rest", 0),
    ]
    return _drawn(
        [
            BarRow(name, value, fill, extra, _("あと%(n)s", n=number(extra)) if extra else "")
            for name, value, fill, extra in wanted
            if value is not None
        ]
        + _held(others),
        figures.target_emissions,
    )


def _held(others: Sequence[Position]) -> list[BarRow]:
    return [BarRow(unit_name(one.unit_class), one.held, "held") for one in others]


def of_account(
    figures: Figures, own: Position | None, others: Sequence[Position]
) -> tuple[BarChart | None, str]:
    """A holder's JAA: what is held, what of it must stay, what may move, and what was retired."""
    rows = [
        BarRow(own_name(_("残高"), own, others), max(0, figures.held), "held"),
        BarRow(_("リザーブ量"), figures.reserve, "rest"),
        BarRow(own_name(_("移転できる最大量"), own, others), own.movable if own is not None else 0, "issued"),
        BarRow(
            _("償却済量"),
            figures.retired,
            "done",
            figures.missing or 0,
            _("あと%(n)s", n=number(figures.missing)) if figures.missing else "",
        ),
    ]
    if figures.promised:
        rows.insert(1, BarRow(_("手続き中の量"), figures.promised, "base"))
    rows += _held(others)
    return _drawn(rows if any(row.value for row in rows) else [], figures.target_emissions)


def of_classes(held: Sequence[Position]) -> tuple[BarChart | None, str]:
    """Several unit classes side by side; one alone needs no picture."""
    rows = _held(held)
    return _drawn(rows if len(rows) > 1 else [], None)


def _drawn(rows: list[BarRow], goal: int | None) -> tuple[BarChart | None, str]:
    if not rows:
        return None, ""
    words = _("、").join(
        _("%(name)s%(n)s", name=row.label, n=number(row.value))
        if not row.extra
        else _("%(name)s%(n)sとあと%(more)s", name=row.label, n=number(row.value), more=number(row.extra))
        for row in rows
    )
    return bars(rows, goal), _("%(figures)s。数値は表と同じです。", figures=words)
