"""The blank registration application form of holders, traders and verifiers (briefing §5)."""

from __future__ import annotations

import io
from functools import lru_cache

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from portal.services.spreadsheets import form_styles as look
from portal.services.spreadsheets.layouts import application as form
from portal.services.spreadsheets.layouts.application import Kind, Label, Layout

_TITLE: Label = ("ASSETシステム登録申請書", "ASSET system: registration application")
_HINT: Label = (
    "黄色のセルに記入し、印刷して押印のうえ、個人情報提供の同意書とともに事務局へ郵送してください。"
    "「任意」の項目は空欄でもかまいません。",
    "Fill in the yellow cells, print, seal, and post it with the consent form to the secretariat. "
    "Optional items may stay blank.",
)
_HEADS: dict[str, Label] = {
    form.LABEL: ("申請項目名", "Item"),
    form.INPUT: ("記入欄", "Entry"),
    form.NOTE: form.SEAL,
}
_IDENTITY: tuple[Label, ...] = (("様式番号・版", "Form, version"), ("区分・期", "Kind, phase"))
_WIDTHS = {"A": 5.0, "B": 30.0, "C": 28.0, "D": 28.0, "E": 38.0}
_JOINT_HEIGHT = 20
_SMALL = Font(name="Yu Gothic", size=8.5, color="FF1A1A1A")
_DOTTED = Side(style="dashed", color="FF666666")
_SEAL_BOX = Border(left=_DOTTED, right=_DOTTED, top=_DOTTED, bottom=_DOTTED)
_UPRIGHT = Alignment(text_rotation=255, vertical="center", horizontal="center")
_SIDEWAYS = Alignment(text_rotation=90, vertical="center", horizontal="center", wrap_text=True)
_NOTE_PLACE = Alignment(wrap_text=True, vertical="center", horizontal="left", indent=1)
#: 平成 and 令和: the year before their first, and the first fiscal year counted by them
_ERAS = (("令和", 2018, 2019), ("平成", 1988, 1989))


def era_year(year: int) -> str:
    """A fiscal year as official papers write it: ``平成25年度``."""
    name, before, _ = next(one for one in _ERAS if year >= one[2])
    return f"{name}{year - before}年度"


@lru_cache(maxsize=64)
def build_application(
    kind: Kind, phase: int | None = None, adopted: int | None = None, locale: str = "ja"
) -> bytes:
    """The blank form of ``kind`` as the bytes of an .xlsx file; built once and kept.

    Holders' forms name their phase by number and ``adopted``, its installation year. ``locale`` says
    which language leads; both are there. Raises ``ValueError`` for a holder's form without a phase.
    """
    if (kind == "holder") != (phase is not None):
        raise ValueError("a holder's form has a phase, the others have none")
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = form.SHEET
    layout = form.layout(kind)
    _top(sheet, kind, phase, adopted, locale)
    _items(sheet, layout, locale)
    _joint(sheet, layout, locale)
    _seal(sheet, layout, locale)
    look.finish(sheet, _WIDTHS, portrait=True)
    sheet.print_area = f"A1:{form.NOTE}{layout.last_row}"
    for name, cell in form.HEAD_CELLS.items():
        book.defined_names[name] = DefinedName(name, attr_text=f"'{form.SHEET}'!${cell[0]}${cell[1:]}")
    book.security = WorkbookProtection(lockStructure=True)
    book.properties.creator = "ASSET"
    book.properties.title = _TITLE[0]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _whose(kind: Kind, phase: int | None, adopted: int | None, locale: str) -> str:
    ja, en = form.KIND_NAMES[kind]
    if locale == "en":
        of_phase = f"Phase {phase} (adopted in FY{adopted}), " if adopted else f"Phase {phase}, "
        return f"{of_phase if phase else ''}for the {en.lower()}"
    of_phase = f"第{phase}期（{era_year(adopted)}採択）" if adopted else f"第{phase}期　"
    return f"{of_phase if phase else ''}{ja}用"


def _top(sheet: Worksheet, kind: Kind, phase: int | None, adopted: int | None, locale: str) -> None:
    """Title, whose form it is, and the cells by which the reader knows it."""
    sheet["A1"], sheet["A2"] = _TITLE[locale == "en"], _whose(kind, phase, adopted, locale)
    sheet["A3"] = _HINT[locale == "en"]
    sheet["A1"].font, sheet["A2"].font, sheet["A3"].font = look.TITLE, look.STRONG, look.QUIET
    sheet["A1"].alignment = sheet["A2"].alignment = look.CENTRE
    sheet["A3"].alignment = look.WRAP
    for row, height in ((1, 28), (2, 20), (3, 28)):
        sheet.merge_cells(f"A{row}:{form.NOTE}{row}")
        sheet.row_dimensions[row].height = height
    values = {
        "form_id": form.FORM_ID,
        "form_version": form.VERSION,
        "form_kind": form.KIND_NAMES[kind][locale == "en"],
        "form_phase": form.phase_cell(phase),
    }
    for name, cell in form.HEAD_CELLS.items():
        look.fixed(sheet, cell, values[name]).number_format = "@"
    for row, label in zip((4, 5), _IDENTITY, strict=True):
        _label(sheet, f"A{row}", label, locale)
        sheet.merge_cells(f"A{row}:{form.LABEL}{row}")
        sheet.row_dimensions[row].height = 26
    for column, label in _HEADS.items():
        look.head(sheet, f"{column}{form.TABLE_HEAD}", label, locale)
    look.head(sheet, f"A{form.TABLE_HEAD}", ("", ""), locale)
    sheet[f"A{form.TABLE_HEAD}"].value = None
    sheet.merge_cells(f"{form.INPUT}{form.TABLE_HEAD}:{form.SECOND}{form.TABLE_HEAD}")
    sheet.row_dimensions[form.TABLE_HEAD].height = 26


def _label(sheet: Worksheet, cell: str, label: Label, locale: str) -> None:
    look.head(sheet, cell, label, locale)
    sheet[cell].alignment = look.LEFT


def _open(sheet: Worksheet, cell: str) -> None:
    look.typed(sheet, cell).number_format = "@"  # or a spreadsheet program makes numbers and dates of them


def _items(sheet: Worksheet, layout: Layout, locale: str) -> None:
    upright = _UPRIGHT if locale != "en" else _SIDEWAYS
    for section, first, last in layout.sections:
        head = f"{form.SECTION}{first}"
        sheet[head] = section.label[locale == "en"]
        sheet[head].font, sheet[head].fill, sheet[head].alignment = look.STRONG, look.HEAD_FILL, upright
        if last - first < 2:
            sheet[head].font = _SMALL
        for row in range(first, last + 1):
            sheet[f"{form.SECTION}{row}"].border = look.BOX
            sheet[f"{form.NOTE}{row}"].border = look.BOX
        if last > first:
            sheet.merge_cells(f"{head}:{form.SECTION}{last}")
    for placed in layout.placed:
        item, row = placed.item, placed.row
        _label(sheet, placed.label_cell, item.label, locale)
        _open(sheet, placed.cell)
        sheet[f"{form.SECOND}{row}"].border = look.BOX
        sheet.merge_cells(f"{placed.cell}:{form.SECOND}{row}")
        sheet.row_dimensions[row].height = item.height
        _note(sheet, f"{form.NOTE}{row}", item.note, locale)
        if item.options:
            _choice(sheet, placed.cell, [(ja, en)[locale == "en"] for _value, ja, en in item.options], locale)


def _note(sheet: Worksheet, cell: str, note: Label, locale: str) -> None:
    if note[0]:
        sheet[cell] = note[locale == "en"]
    sheet[cell].font, sheet[cell].alignment = _SMALL, _NOTE_PLACE


def _choice(sheet: Worksheet, cell: str, words: list[str], locale: str) -> None:
    choice = DataValidation(
        type="list",
        formula1=f'"{",".join(words)}"',
        allow_blank=True,
        showErrorMessage=True,
        showInputMessage=True,
        errorTitle=("選択", "Choice")[locale == "en"],
        error=("一覧から選んでください。", "Choose from the list.")[locale == "en"],
    )
    choice.add(cell)
    sheet.add_data_validation(choice)


def _joint(sheet: Worksheet, layout: Layout, locale: str) -> None:
    top = layout.joint_head
    if top is None:
        return
    for column, label in (
        (form.LABEL, form.JOINT),
        (form.INPUT, form.JOINT_NAME),
        (form.SECOND, form.JOINT_KANA),
    ):
        look.head(sheet, f"{column}{top}", label, locale)
    sheet.row_dimensions[top].height = 26
    for number, name, kana in layout.joint_cells():
        row = top + 1 + number
        circled = chr(ord("①") + number)
        look.fixed(
            sheet, f"{form.LABEL}{row}", f"{('共同事業者', 'Joint company')[locale == 'en']} {circled}"
        )
        _open(sheet, name)
        _open(sheet, kana)
        sheet.row_dimensions[row].height = _JOINT_HEIGHT
    sheet.merge_cells(f"{form.NOTE}{top}:{form.NOTE}{top + form.JOINT_ROWS}")
    _note(sheet, f"{form.NOTE}{top}", form.JOINT_NOTE, locale)


def _seal(sheet: Worksheet, layout: Layout, locale: str) -> None:
    """The box for the seal beside the company's items, with its note at the top."""
    first, last = form.FIRST_ROW, form.FIRST_ROW + 3
    box = f"{form.NOTE}{first}"
    sheet[box] = form.SEAL_NOTES[layout.kind][locale == "en"]
    sheet[box].font, sheet[box].alignment = _SMALL, look.TOP
    for row in range(first, last + 1):
        sheet[f"{form.NOTE}{row}"].border = _SEAL_BOX
    sheet.merge_cells(f"{box}:{form.NOTE}{last}")
