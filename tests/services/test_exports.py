"""Files that Excel opens as they were meant: words stay words, days are days, and memory stays flat."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from portal.services.exports import csv_lines, xlsx_file
from portal.services.file_names import disposition

MOMENT = datetime(2015, 10, 14, 23, 30, tzinfo=UTC)


def as_csv(*values: Any) -> list[str]:
    text = "".join(csv_lines(["見出し"] * len(values), [values])).removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text, newline="")))[1]


def as_sheet(*values: Any, figures: tuple[int, ...] = ()) -> list[Any]:
    file, _size = xlsx_file(["見出し"] * len(values), [values], "一覧", figures)
    with file:
        sheet = load_workbook(io.BytesIO(file.read())).active
    assert sheet is not None
    return list(list(sheet.iter_rows())[1])


@pytest.mark.parametrize("text", ["0312345678", "1-2-3", "3/4", "2015-10", "1e5", "1234567890123456", "007"])
def test_a_word_that_excel_would_count_with_stays_a_word(text: str) -> None:
    assert as_csv(text) == [f"'{text}"]
    (cell,) = as_sheet(text)
    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")


@pytest.mark.parametrize("text", ["03-1234-5678", "123-4567", "AST-1001", "第2期", "1,234", "みほん町1-2-3"])
def test_other_words_are_left_as_they_are(text: str) -> None:
    assert as_csv(text) == [text]


@pytest.mark.parametrize("text", ["=1+1", "＝1", "+81", "-1", "@x", "＠x", "\t=1", "－1"])
def test_nothing_begins_a_formula(text: str) -> None:
    assert as_csv(text) == [f"'{text}"]
    (cell,) = as_sheet(text)
    assert (cell.value, cell.data_type) == (f"'{text}", "s")


def test_figures_days_and_moments_are_what_they_are() -> None:
    shown = as_csv(1234, Decimal("1.5"), date(2015, 10, 15), MOMENT, None, '改行\nあり,"引用"')
    assert shown == ["1234", "1.5", "2015-10-15", "2015-10-15 08:30", "", '改行\nあり,"引用"']
    cells = as_sheet(1234, 2015, date(2015, 10, 15), MOMENT, None, "鉛\x07筆", 10**16, figures=(0,))
    assert [cell.number_format for cell in cells[:4]] == [
        "#,##0",
        "General",
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
    ]
    assert cells[2].value == datetime(2015, 10, 15)
    assert cells[3].value == datetime(2015, 10, 15, 8, 30)  # Tokyo's wall
    assert (cells[4].value, cells[5].value, cells[6].value) == (None, "鉛筆", str(10**16))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("目標保有者_20151015.csv", "holders_20151015.csv"),
        ("Target holders_20151015.xlsx", "Target_holders_20151015.xlsx"),
        ('a"b;\r\nc.csv', "a_b_c.csv"),
        ("..csv", "list.csv"),
    ],
)
def test_a_download_has_a_name_that_every_program_can_read(name: str, plain: str) -> None:
    header = disposition(name)
    assert header.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
    assert header.isascii() and "\n" not in header


def rows(count: int) -> Iterator[list[Any]]:
    for number in range(count):
        yield [f"AST-{number}", "みほん株式会社　みほん工場", number, MOMENT]


def peak(count: int) -> int:
    tracemalloc.start()
    file, _size = xlsx_file(["a", "b", "c", "d"], rows(count))
    file.close()
    for _portion in csv_lines(["a", "b", "c", "d"], rows(count)):
        pass
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_ten_times_the_rows_take_no_more_memory() -> None:
    peak(10)  # what is loaded once
    assert peak(2_000) < peak(200) * 1.5 + 1_000_000
