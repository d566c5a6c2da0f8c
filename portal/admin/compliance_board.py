"""Who may miss the retirement deadline: the whole phase as a table and as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import IO, Any

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal import clock
from portal.admin.door import SecretariatPage, page
from portal.admin.file_orders import MakesFiles
from portal.admin.listing import told
from portal.errors import NotFound
from portal.extensions import db_session
from portal.models import ComplianceSnapshot, Phase
from portal.permissions import Permission
from portal.services import boards
from portal.services.boards import Outlook, PhaseBoard, Standing
from portal.services.documents import CSV
from portal.services.exports import XLSX, csv_file, xlsx_file
from portal.services.list_files import Made
from portal.services.numbers import search_key
from portal.web_downloads import download
from portal.web_text import fiscal, label

_KINDS = ("csv", "xlsx")
#: holders on one page; the file has all
PAGE = 100

#: outlook → (word, fill in the picture, tone of its badge)
OUTLOOKS: dict[Outlook, tuple[Any, str, str]] = {
    Outlook.MET: (_l("遵守"), "done", "good"),
    Outlook.TO_RETIRE: (_l("償却待ち（残高は足りる）"), "held", "go"),
    Outlook.TO_BUY: (_l("購入が必要（残高が足りない）"), "warn", "warn"),
    Outlook.MISSED: (_l("期限超過・未遵守"), "fact", "bad"),
    Outlook.UNCONFIRMED: (_l("排出量が未確定"), "rest", ""),
    Outlook.NOT_OBLIGED: (_l("対象外"), "base", "off"),
}


#: what the table's own columns of balance and shortage say is not said again in its badge
_SHORT = {Outlook.TO_RETIRE: _l("償却待ち"), Outlook.TO_BUY: _l("購入が必要")}


def short_word(standing: Standing) -> str:
    """The outlook in the words of a badge of the table."""
    word = _SHORT.get(standing.outlook)
    return outlook_word(standing) if word is None else str(word)


def outlook_word(standing: Standing) -> str:
    """The outlook in words; a report that was not even handed in is said as such."""
    if standing.outlook is Outlook.UNCONFIRMED and standing.not_submitted:
        return _("報告書が未提出")
    return str(OUTLOOKS[standing.outlook][0])


def titles(phase: Phase, *, over: bool) -> list[str]:
    """The heads of the file's columns; after the deadline also what was recorded at it."""
    return [
        _("口座番号"),
        _("目標保有者"),
        _("発行量（JAA）"),
        _("%(year)s排出量（t-CO2）", year=fiscal(phase.target_year)),
        _("報告書の状態"),
        _("償却済量（t-CO2）"),
        _("うちjVER（jVER）"),
        _("あと必要（t-CO2）"),
        _("残高（JAA）"),
        _("残高（jVER）"),
        _("不足（t-CO2）"),
        _("最後のお知らせ"),
        _("次のお知らせ"),
        *(_records_titles() if over else ()),
        _("状況") if over else _("見通し"),
    ]


def _records_titles() -> list[str]:
    return [
        _("償却済量（期限の時点、t-CO2）"),
        _("不足（期限の時点、t-CO2）"),
        _("期限の記録の番号"),
        _("期限の記録の確定"),
    ]


def _recorded(record: ComplianceSnapshot | None) -> list[Any]:
    if record is None:
        return [None, None, None, None]
    return [record.retired, record.missing, record.number, record.frozen_at]


def _rows(board: PhaseBoard, standings: Sequence[Standing]) -> Iterator[list[Any]]:
    for one in standings:
        figures = one.figures
        yield [
            one.holder.account.code,
            one.holder.label,
            figures.issued,
            figures.target_emissions,
            label(one.report_state),
            figures.retired,
            figures.retired - figures.retired_jaa,
            figures.missing,
            figures.held,
            figures.held_jver,
            figures.to_buy,
            one.reminded.last,
            one.reminded.next,
            *(_recorded(one.record) if board.over else ()),
            outlook_word(one),
        ]


def chosen_phase(found: list[Phase]) -> Phase | None:
    """The phase the address names (``?phase=2``), or the present one. Raises ``NotFound``."""
    wanted = request.args.get("phase")
    if wanted is None:
        return boards.present_phase(db_session(), found)
    for one in found:
        if str(one.number) == wanted:
            return one
    raise NotFound


def chosen_board() -> tuple[list[Phase], PhaseBoard | None]:
    """All phases, and the board of the one :func:`chosen_phase` says."""
    found = boards.phases(db_session())
    chosen = chosen_phase(found)
    return found, boards.phase_board(db_session(), chosen) if chosen is not None else None


def _less(one: Standing) -> int:
    return one.figures.missing if one.figures.missing is not None else -1


#: what the list may be ordered by, as the address says it; without one the most endangered come first
SORTS: dict[str, Callable[[Standing], Any]] = {
    "name": lambda one: (one.holder.representative.name_kana, one.holder.site_kana, one.holder.id),
    "issued": lambda one: one.figures.issued,
    "emissions": lambda one: one.figures.target_emissions or 0,
    "retired": lambda one: one.figures.retired,
    "missing": _less,
    "held": lambda one: one.figures.held,
    "to_buy": lambda one: one.figures.to_buy or 0,
    "recorded": lambda one: one.record.retired if one.record is not None else -1,
    "recorded_missing": lambda one: (one.record.missing or 0) if one.record is not None else -1,
}


def _asked(standings: Sequence[Standing]) -> list[Standing]:
    """The holders the address asks for, in its order (``?sort=held&desc=1``)."""
    found, order = _narrowed(standings), SORTS.get(request.args.get("sort", ""))
    if order is None:
        return found
    return sorted(found, key=order, reverse=request.args.get("desc") == "1")


def _narrowed(standings: Sequence[Standing]) -> list[Standing]:
    """The holders the address asks for: by number or name (``?search=``), by ``?outlook=``."""
    words = [search_key(one) for one in request.args.get("search", "")[:100].split()]
    outlook = request.args.get("outlook", "")
    return [
        one
        for one in standings
        if outlook in ("", one.outlook.value)
        and all(word in search_key(one.holder.account.code, one.holder.label) for word in words)
    ]


def _page_of(count: int) -> tuple[int, int]:
    """(page the address asks for, counted from 1; how many there are) of ``count`` holders."""
    pages = max(1, -(-count // PAGE))
    asked = request.args.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return min(max(number, 1), pages), pages


class ComplianceBoard(MakesFiles, SecretariatPage):
    """期限の見通し."""

    permission_view = Permission.ALLOWANCE_ALL_VIEW

    def _phase(self) -> Phase:
        chosen = chosen_phase(boards.phases(db_session()))
        if chosen is None:
            raise NotFound
        return chosen

    @page("/", Permission.ALLOWANCE_ALL_VIEW)
    def index(self) -> Any:
        found, board = chosen_board()
        if board is None:
            abort(404)
        asked = _asked(board.standings)
        number, pages = _page_of(len(asked))
        return self.render(
            "admin/board/index.html",
            phases=found,
            board=board,
            shown=asked[(number - 1) * PAGE : number * PAGE],
            found=len(asked),
            narrowed=len(asked) < len(board.standings),
            number=number,
            pages=pages,
            first=(number - 1) * PAGE + 1,
            page_address=lambda n: self.get_url(".index", **self._kept(board.phase.number), page=n),
            order=partial(self._order_of, board.phase.number),
            sorted_by=request.args.get("sort", "") if request.args.get("sort") in SORTS else "",
            downwards=request.args.get("desc") == "1",
            search=request.args.get("search", "").strip()[:100],
            chosen=request.args.get("outlook", ""),
            outlooks=[
                (one.value, str(words[0]))
                for one, words in OUTLOOKS.items()
                if not board.over or one in (Outlook.MET, Outlook.MISSED, Outlook.NOT_OBLIGED)
            ],
            outlook_word=short_word,
            long=len(board.standings) > self.export_at_once,
        )

    def _kept(self, number: int | None = None) -> dict[str, Any]:
        """What narrows and orders the list of phase ``number``, for its addresses."""
        names = ("search", "outlook", "sort", "desc")
        kept = {name: value for name in names if (value := request.args.get(name, "")[:100])}
        return {"phase": self._phase().number if number is None else number, **kept}

    def _order_of(self, number: int, name: str) -> tuple[str, str]:
        """(address of the list ordered by ``name``, how it is ordered by it now).

        Figures are ordered from the largest first, names from the first; again the other way round.
        """
        here, down = request.args.get("sort") == name, request.args.get("desc") == "1"
        then = not down if here else name != "name"
        asked = {**self._kept(number), "sort": name, "desc": "1" if then else None}
        address = self.get_url(".index", **asked)
        return str(address), ("descending" if down else "ascending") if here else ""

    # ---- as a file

    def list_address(self, **changes: Any) -> str:
        return str(self.get_url(".index", **self._kept()))

    def export_address(self, kind: str) -> str:
        return str(self.get_url(".export", kind=kind, **self._kept()))

    @page("/export/<kind>/", Permission.ALLOWANCE_ALL_VIEW, methods=("GET", "POST"))
    def export(self, kind: str) -> Any:
        """What the list shows as a file, of a small phase at once, of a large one through the worker."""
        if kind not in _KINDS:
            abort(404)
        count = boards.holders_in(db_session(), self._phase())
        if count > self.export_at_once:
            return self._order(kind, count)
        board = boards.phase_board(db_session(), self._phase())
        return download(_file_name(board, kind), *_file(board, kind, _rows(board, _asked(board.standings))))

    def made(self, export_type: str, tell: Callable[[int, int], None]) -> Made:
        board = boards.phase_board(db_session(), self._phase())
        found = _asked(board.standings)
        count = len(found)
        media_type, file, _size = _file(board, export_type, told(_rows(board, found), count, tell))
        with file:
            return Made(_file_name(board, export_type), media_type, file.read(), count)


def _file_name(board: PhaseBoard, kind: str) -> str:
    return f"compliance_{board.phase.number}_{clock.today():%Y%m%d}.{kind}"


def _file(board: PhaseBoard, kind: str, rows: Iterable[list[Any]]) -> tuple[str, IO[bytes], int]:
    """(media type, temporary file, its size)."""
    if kind == "csv":
        return CSV, *csv_file(titles(board.phase, over=board.over), rows)
    return XLSX, *xlsx_file(titles(board.phase, over=board.over), rows, f"compliance_{board.phase.number}")


def views() -> list[Any]:
    return [ComplianceBoard(name=_l("期限の見通し"), endpoint="compliance_board", url="/admin/outlook")]
