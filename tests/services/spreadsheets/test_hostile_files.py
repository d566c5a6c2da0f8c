"""Every hostile file is refused with its own reason, in time, by the jailed reader (safety.md, Uploads)."""

from __future__ import annotations

import os
import random
import resource
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from portal.models import Period
from portal.services import report_forms, reports
from portal.services.spreadsheets import warm
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import FormReading
from portal.services.spreadsheets.jail import mark_jailed, peek_jailed, read_form_jailed
from portal.services.transaction import one_transaction
from tests.factories import reports as make
from tests.services.spreadsheets.hostile import every_file, hostile_files
from tests.services.spreadsheets.hostile_forms import sources_for
from tests.services.spreadsheets.samples import (
    SHEET_PARTS,
    changed,
    expectation,
    packed,
    parts_of,
    worked_form,
)

EXPECTED = expectation()
FILES = hostile_files(worked_form())


def busy_seconds() -> float:
    """CPU time of this process and of the readers: what a wall clock says depends on what else is running."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own = sum(each.ru_utime + each.ru_stime for each in used)
    process = warm.readers._process
    if process is None or sys.platform != "linux":
        return own
    # the warm process's own time, and that of the readers it has waited for
    times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return own + sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def fault_of(reading: FormReading, code: str, taken: float) -> str:
    """Why a file was not refused as it should be; empty when it was."""
    codes = [problem.code for problem in reading.problems]
    said = all(problem.message("ja") != problem.message("en") for problem in reading.problems)
    if reading.ok or reading.emissions is not None or reading.lines:
        return f"accepted with {reading.emissions}"
    if code not in codes or not said:
        return f"refused with {codes[:5]} instead of {code}"
    return f"{taken:.1f} s" if taken >= 2 else ""


def test_every_hostile_or_wrong_file_is_refused_with_its_reason_within_two_seconds(
    session: Session, database_kind: str
) -> None:
    """Through the service that the upload page calls; each database reads every second file."""
    with one_transaction(session):
        made = make.scheme(session)
    make.at(make.WHEN[Period.TARGET])
    report = made.report(Period.TARGET)
    report_id, actor = report.id, made.a
    expected = report_forms.expectation(session, report)
    files = every_file(fill_form(expected, sources_for(expected)), expected)
    assert len(files) > 250
    faults: dict[str, str] = {}
    for number, (name, (data, code)) in enumerate(files.items()):
        if number % 2 == (database_kind == "sqlite") or not data or len(data) > 10 * 1024 * 1024:
            continue
        begun = busy_seconds()
        reading = reports.read_upload(session, report_id, "form.xlsx", data, actor=actor)
        fault = fault_of(reading, code, busy_seconds() - begun)
        faults.update({name: fault} if fault else {})
    assert not faults


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
