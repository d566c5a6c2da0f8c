"""Who may miss the retirement deadline: the whole phase as a table and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal import clock
from portal.admin.door import SecretariatPage, page
from portal.admin.export import csv_response, xlsx_response
from portal.extensions import db_session
from portal.models import Phase
from portal.permissions import Permission
from portal.services import boards
from portal.services.boards import Outlook, PhaseBoard, Standing
from portal.web_text import fiscal, label

#: outlook → (word, fill in the picture, tone of its badge)
OUTLOOKS: dict[Outlook, tuple[Any, str, str]] = {
    Outlook.MET: (_l("遵守"), "done", "good"),
    Outlook.TO_RETIRE: (_l("償却待ち（残高は足りる）"), "held", "go"),
    Outlook.TO_BUY: (_l("購入が必要（残高が足りない）"), "warn", "warn"),
    Outlook.MISSED: (_l("期限超過・未遵守"), "fact", "bad"),
    Outlook.UNCONFIRMED: (_l("排出量が未確定"), "rest", ""),
}


def outlook_word(standing: Standing) -> str:
    """The outlook in words; a report that was not even handed in is said as such."""
    if standing.outlook is Outlook.UNCONFIRMED and standing.not_submitted:
        return _("報告書が未提出")
    return str(OUTLOOKS[standing.outlook][0])


def titles(phase: Phase) -> list[str]:
    """The heads of the file's columns."""
    return [
        _("口座番号"),
        _("目標保有者"),
        _("%(year)s排出量（t-CO2）", year=fiscal(phase.target_year)),
        _("報告書の状態"),
        _("償却済量（JAA）"),
        _("あと必要（JAA）"),
        _("残高（JAA）"),
        _("不足（JAA）"),
        _("見通し"),
    ]


def _rows(board: PhaseBoard) -> Iterator[list[Any]]:
    for one in board.standings:
        figures = one.figures
        yield [
            one.holder.account.code,
            one.holder.label,
            figures.target_emissions,
            label(one.report_state),
            figures.retired,
            figures.missing,
            figures.held,
            figures.to_buy,
            outlook_word(one),
        ]


def chosen_board() -> tuple[list[Phase], PhaseBoard | None]:
    """All phases, and the board of the one the address names (``?phase=2``), or of the present one."""
    found = boards.phases(db_session())
    wanted = request.args.get("phase")
    if wanted is None:
        chosen = boards.present_phase(found)
    else:
        chosen = next((one for one in found if str(one.number) == wanted), None) or abort(404)
    return found, boards.phase_board(db_session(), chosen) if chosen is not None else None


class ComplianceBoard(SecretariatPage):
    """期限の見通し."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW

    @page("/", Permission.ALLOWANCE_ALL_VIEW)
    def index(self) -> Any:
        found, board = chosen_board()
        if board is None:
            abort(404)
        return self.render("admin/board/index.html", phases=found, board=board, outlook_word=outlook_word)

    @page("/export/<kind>/", Permission.ALLOWANCE_ALL_VIEW)
    def export(self, kind: str) -> Any:
        writers = {"csv": csv_response, "xlsx": xlsx_response}
        if kind not in writers:
            abort(404)
        _found, board = chosen_board()
        if board is None:
            abort(404)
        name = f"compliance_{board.phase.number}_{clock.today():%Y%m%d}.{kind}"
        return writers[kind](name, titles(board.phase), _rows(board))


def views() -> list[Any]:
    return [ComplianceBoard(name=_l("期限の見通し"), endpoint="compliance_board", url="/admin/outlook")]
