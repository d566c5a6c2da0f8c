"""Every hostile file is refused with its own reason, in time, by the jailed reader (safety.md, Uploads)."""

from __future__ import annotations

import random
import resource

import pytest

from portal.services.spreadsheets.jail import mark_jailed, peek_jailed, read_form_jailed
from tests.services.spreadsheets.hostile import hostile_files
from tests.services.spreadsheets.samples import (
    SHEET_PARTS,
    changed,
    expectation,
    packed,
    parts_of,
    worked_form,
)

FILES = hostile_files()
EXPECTED = expectation()


def busy_seconds() -> float:
    """CPU time of this process and its children: what a wall clock says depends on what else is running."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_is_refused_with_its_reason_within_two_seconds(name: str) -> None:
    data, code = FILES[name]
    begun = busy_seconds()
    reading = read_form_jailed(data, EXPECTED)
    taken = busy_seconds() - begun
    assert not reading.ok
    assert [problem.code for problem in reading.problems] == [code], reading.problems
    assert reading.emissions is None
    assert reading.lines == ()
    assert taken < 2
    for locale in ("ja", "en"):
        assert reading.problems[0].message(locale)


@pytest.mark.parametrize("name", ["zip bomb", "entities", "merged bomb", "pdf"])
def test_peeking_and_marking_refuse_hostile_files_too(name: str) -> None:
    data, code = FILES[name]
    assert [problem.code for problem in peek_jailed(data).problems] == [code]
    assert mark_jailed(data, []) is None


def test_a_child_that_takes_too_long_is_killed_and_refused() -> None:
    reading = read_form_jailed(worked_form(), EXPECTED, seconds=0)
    assert [problem.code for problem in reading.problems] == ["reader_timeout"]


def test_a_child_without_memory_is_a_refusal_and_no_crash() -> None:
    parts = {**parts_of(worked_form()), "xl/media/image1.png": random.Random(1).randbytes(9_000_000)}
    reading = read_form_jailed(packed(parts), EXPECTED, memory_mb=1)
    assert [problem.code for problem in reading.problems] in (["reader_failed"], ["too_much_content"])
    assert read_form_jailed(packed(parts), EXPECTED).ok


def test_the_largest_workbook_let_through_is_still_read_in_time() -> None:
    names = "".join(f'<definedName name="n{n}">1</definedName>' for n in range(25_000))
    names_file = changed(
        worked_form(),
        "xl/workbook.xml",
        lambda xml: xml.replace("</definedNames>", names + "</definedNames>"),
    )
    rows = "".join(
        f'<row r="{row}">' + "".join(f"<c><v>{row}.{column}</v></c>" for column in range(20)) + "</row>"
        for row in range(100, 750)
    )
    cells_file = changed(
        worked_form(), SHEET_PARTS["敷地境界"], lambda xml: xml.replace("</sheetData>", rows + "</sheetData>")
    )
    for data in (names_file, cells_file):
        begun = busy_seconds()
        assert read_form_jailed(data, EXPECTED).emissions == 8937
        assert busy_seconds() - begun < 2


def test_every_single_byte_of_damage_is_refused_or_leaves_the_figure_as_it_was() -> None:
    good = worked_form()
    whole = read_form_jailed(good, EXPECTED).emissions
    for at in range(7, len(good), len(good) // 12):
        damaged = good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]
        reading = read_form_jailed(damaged, EXPECTED)
        assert reading.problems or reading.emissions == whole
