"""The registration application form: blanks as the briefing has them, and a reader that tells all at once."""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.cell.cell import Cell

from portal.services.spreadsheets import application_problems
from portal.services.spreadsheets.application_blank import build_application, era_year
from portal.services.spreadsheets.application_form import read_application
from portal.services.spreadsheets.application_reading import ApplicationReading
from portal.services.spreadsheets.form_types import Problem
from portal.services.spreadsheets.jail import mark_jailed, read_application_jailed
from portal.services.spreadsheets.layouts import application as form
from portal.services.spreadsheets.layouts.application import Kind
from tests.services.spreadsheets.application_samples import (
    APPLICATIONS,
    KINDS,
    VALUES,
    cell,
    changed,
    filled,
    opened,
    saved,
)
from tests.services.spreadsheets.hostile import hostile_files
from tests.services.spreadsheets.samples import packed, parts_of, worked_form

HOSTILE = hostile_files()
HOSTILE_NAMES = (
    *("empty", "csv", "pdf", "old xls", "encrypted", "docx", "too large", "truncated"),
    *("zip bomb", "merged bomb", "entities in styles"),
    *("macro part", "macro type", "external link", "embedded object"),
)


def found(data: bytes) -> dict[str, str]:
    """Cell → code of each problem; both languages have a sentence for it."""
    reading = read_application(data)
    for problem in reading.problems:
        assert all(problem.message(locale) for locale in ("ja", "en"))
    return {problem.cell: problem.code for problem in reading.problems}


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_form_saved_by_openpyxl_or_libreoffice_says_the_same(kind: Kind, locale: str) -> None:
    kept = (Path(APPLICATIONS) / f"{kind}_{locale}_libreoffice.xlsx").read_bytes()
    for data in (filled(kind, locale), kept):
        reading = read_application_jailed(data)
        assert reading == ApplicationReading(
            kind=kind, phase=2 if kind == "holder" else None, values=VALUES[kind]
        )
        assert ApplicationReading.from_json(reading.to_json()) == reading


def test_the_blank_form_has_every_item_of_the_briefing_with_its_notes_and_the_seal() -> None:
    sheet = load_workbook(io.BytesIO(build_application("holder", 2, 2013)))[form.SHEET]
    text = "\n".join(str(c.value) for row in sheet.iter_rows() for c in row if c.value is not None)
    for wanted in (
        "ASSETシステム登録申請書",
        "第2期（平成25年度採択）目標保有者用",
        "押印（社印）",
        "代表事業者の社印を押印ください。",
        "代表事業者代表者氏名（ひらがな）",
        "共同事業者 ⑩",
        "担当者役職",
        "メールアドレスB（任意）",
        "上記の担当者情報を他の参加者へ公開することに同意しますか？",
        "参加形態（単独/グループ）",
        "東京都、埼玉県制度への参加有無",
        "環境省報道発表によるASSET採択リスト",
    ):
        assert wanted in text, wanted
    assert "Representative in hiragana" in text  # the other language stands beneath


def test_traders_and_verifiers_have_shorter_forms() -> None:
    fields = {kind: set(form.layout(kind).cells) for kind in KINDS}
    assert {"site_name", "mail_b", "phase_id", "joint_companies-9-kana"} <= fields["holder"]
    assert fields["trader"] & {"site_name", "mail_b", "phase_id", "joint_companies-0-name"} == set()
    assert fields["trader"] - fields["verifier"] == {"account_name", "disclosure_consent"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_filled_in_is_open_and_the_form_prints_on_one_upright_page(kind: Kind) -> None:
    phase = (2, 2013) if kind == "holder" else (None, None)
    book = load_workbook(io.BytesIO(build_application(kind, *phase)))
    sheet = book[form.SHEET]
    cells = form.layout(kind).cells
    written = [c for row in sheet.iter_rows() for c in row if isinstance(c, Cell)]
    unlocked = {c.coordinate for c in written if not c.protection.locked}
    assert unlocked == {at for name, at in cells.items() if name != "phase_id"}
    assert sheet.protection.sheet and book.security.lockStructure
    assert all(sheet[at].number_format == "@" for at in unlocked)
    page = sheet.page_setup
    assert (page.orientation, page.fitToWidth, page.fitToHeight) == ("portrait", 1, 1)
    assert set(book.defined_names) == set(form.HEAD_CELLS)
    lists = {str(v.sqref): v.formula1 for v in sheet.data_validations.dataValidation}
    choices = {one.cell for one in form.layout(kind).placed if one.item.options}
    assert set(lists) == choices
    if kind == "holder":
        assert lists[cell("disclosure_consent")] == '"同意する,同意しない"'
        assert lists[cell("participation")] == '"単独,グループ"'


def test_a_holders_form_names_its_phase_and_the_others_have_none() -> None:
    assert [era_year(year) for year in (2013, 2018, 2019, 2026)] == [
        "平成25年度",
        "平成30年度",
        "令和1年度",
        "令和8年度",
    ]
    for kind, phase in (("holder", None), ("trader", 2)):
        with pytest.raises(ValueError):
            build_application(kind, phase)
    assert build_application("trader") is build_application("trader")  # built once


WRONG: dict[str, tuple[Any, str, str]] = {
    "company_name": ("=B1", "formula_in_input", "=B1"),
    "contact_name": (datetime.datetime(2013, 4, 5), "not_text", "日付"),
    "contact_post": (True, "not_text", "真偽値"),
    "contact_department": ("#REF!", "formula_error", "#REF!"),
    "site_kind": ("倉庫", "choice_unknown", "倉庫"),
    "participation": (None, "choice_blank", "空欄"),
    "disclosure_consent": ("■", "choice_unknown", "■"),
    "joint_companies-9-kana": ("=1+1", "formula_in_input", "=1+1"),
}


def test_every_cell_that_cannot_be_read_is_named_at_once() -> None:
    reading = read_application(filled(**{name: value for name, (value, _code, _found) in WRONG.items()}))
    assert reading.kind == "holder"
    assert {(one.cell, one.code, one.found) for one in reading.problems} == {
        (cell(name), code, said) for name, (_value, code, said) in WRONG.items()
    }
    rows = [int(one.cell[1:]) for one in reading.problems]
    assert rows == sorted(rows)  # as one goes through the form
    assert set(reading.values) == set(VALUES["holder"]) - set(WRONG)
    choice = next(one for one in reading.problems if one.cell == cell("site_kind"))
    assert (
        choice.shown_expected("ja") == "工場・事業場" and choice.shown_expected("en") == "Factory, Workplace"
    )


def test_numbers_and_choices_in_other_signs_are_understood() -> None:
    reading = read_application(
        filled(contact_telephone=312345678, site_kind=" 工場 ", participation="GROUP", contact_post="  部長 ")
    )
    assert reading.problems == ()
    said = {name: reading.values[name] for name in ("contact_telephone", "site_kind", "participation")}
    assert said == {"contact_telephone": "312345678", "site_kind": "factory", "participation": "group"}
    assert reading.values["contact_post"] == "部長"


HEAD = form.HEAD_CELLS


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({HEAD["form_id"]: "ASSET-CALC"}, (HEAD["form_id"], "form_id_wrong")),
        ({HEAD["form_version"]: "2"}, (HEAD["form_version"], "version_wrong")),
        ({HEAD["form_kind"]: "事務局"}, (HEAD["form_kind"], "kind_wrong")),
        # a trader's form says that it is a holder's: its rows are elsewhere
        ({HEAD["form_kind"]: "取引参加者"}, ("B17", "layout_changed")),
    ],
)
def test_another_form_is_refused_at_its_head_and_read_no_further(
    cells: Mapping[str, Any], problem: tuple[str, str]
) -> None:
    reading = read_application(changed(cells))
    (only,) = reading.problems
    assert only.code == problem[1] and reading.kind is None and reading.values == {}
    if problem[1] != "layout_changed":
        assert only.cell == problem[0]


def test_changed_labels_phase_and_merged_cells_are_named_and_the_rest_is_read() -> None:
    book, sheet = opened()
    label = form.layout("holder").placed[0].label_cell
    sheet[label] = "会社名"
    sheet[HEAD["form_phase"]] = "来期"
    sheet.merge_cells(f"{cell('joint_companies-4-name')}:{cell('joint_companies-5-kana')}")
    reading = read_application(saved(book))
    area = f"{cell('joint_companies-4-name')}:{cell('joint_companies-5-kana')}"
    assert {(one.cell, one.code) for one in reading.problems} == {
        (label, "label_changed"),
        (HEAD["form_phase"], "phase_altered"),
        (area, "cells_merged"),
    }
    assert reading.values == VALUES["holder"] and reading.phase is None


def test_inserted_rows_are_told_once_not_cell_by_cell() -> None:
    book, sheet = opened()
    sheet.insert_rows(12)
    assert list(found(saved(book)).values()) == ["layout_changed"]


def test_a_missing_sheet_and_a_calculation_report_are_told_apart() -> None:
    book, sheet = opened()
    sheet.title = "Sheet1"
    assert found(saved(book)) == {"": "sheet_missing"}
    assert found(worked_form()) == {"": "another_form"}


def test_what_stands_beside_the_form_is_not_read_and_told() -> None:
    book, sheet = opened()
    sheet["H9"] = "電話は午後に"
    pair = f"{cell('company_name')}:D{cell('company_name')[1:]}"
    sheet.unmerge_cells(pair)
    sheet[pair.split(":")[1]] = "旧社名"
    reading = read_application(saved(book))
    assert reading.problems == ()
    assert [(note.cell, note.found) for note in reading.notes] == [("D7", "旧社名"), ("H9", "電話は午後に")]
    assert "電話は午後に" in reading.notes[1].message("ja")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_files_are_refused_with_their_reason(name: str) -> None:
    data, code = HOSTILE[name]
    reading = read_application_jailed(data)
    assert [one.code for one in reading.problems] == [code]
    assert reading.kind is None and reading.values == {}


def test_a_form_with_macros_or_an_entity_is_refused_however_good_its_cells_are() -> None:
    parts = parts_of(filled())
    assert found(packed({**parts, "xl/vbaProject.bin": b"x"})) == {"": "macros"}
    sheet = parts["xl/worksheets/sheet1.xml"]
    entity = sheet.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "ha">]><worksheet', 1)
    assert found(packed({**parts, "xl/worksheets/sheet1.xml": entity})) == {"": "xml_entities"}


def test_a_child_that_takes_too_long_is_a_refusal() -> None:
    assert [one.code for one in read_application_jailed(filled(), seconds=0).problems] == ["reader_timeout"]


def test_the_marked_copy_shows_each_problem_in_its_cell_and_is_clean_again_when_mended() -> None:
    data = filled(site_kind="倉庫", company_name="=B1")
    problems = read_application(data).problems
    marked = mark_jailed(data, problems, locale="en")
    assert marked is not None
    sheet = load_workbook(io.BytesIO(marked))[form.SHEET]
    for problem in problems:
        assert sheet[problem.cell].fill.fgColor.rgb == "FFFFC7CE"
        assert problem.message("en") in sheet[problem.cell].comment.text
    again = load_workbook(io.BytesIO(mark_jailed(marked, []) or b""))[form.SHEET][cell("site_kind")]
    assert again.fill.fgColor.rgb == "FFFFF8D6" and again.comment is None


def test_every_text_of_a_problem_is_there_in_both_languages() -> None:
    for code in application_problems.TEXTS:
        problem = Problem(form.SHEET, "C7", "空欄", "200字以内", code, "𠮷")
        assert problem.message("ja") != problem.message("en")
        assert "{" not in problem.message("ja") + problem.message("en")
    for options in (form.YES_NO, form.CONSENT, form.SITE_KINDS, form.PARTICIPATION):
        assert application_problems.english("・".join(ja for _v, ja, _e in options))


_WRITABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    max_size=40,
)
_CELL = st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), _WRITABLE)


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(sorted(form.layout("trader").cells)), _CELL, min_size=1, max_size=6))
def test_whatever_is_written_is_read_as_written_or_named_at_its_cell(written: dict[str, Any]) -> None:
    reading = read_application(filled("trader", **written))
    named = {one.cell for one in reading.problems}
    for name, value in written.items():
        item = form.item_of("trader", name)
        assert item is not None
        if cell(name, "trader") in named or item.options:
            continue
        assert reading.values.get(name, "") == ("" if value is None else str(value).strip())
