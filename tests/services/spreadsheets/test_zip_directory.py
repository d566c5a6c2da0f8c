"""A ZIP is read strictly, and what honest programs write is in order."""

from __future__ import annotations

import io
import struct
import time
import zipfile

import pytest

from portal.services import documents
from portal.services.spreadsheets.zip_directory import (
    DirectoryWrong,
    TooManyEntries,
    entries,
    expect_no_gaps,
)

PARTS = {"[Content_Types].xml": b"<a/>", "xl/": b"", "xl/workbook.xml": b"<b/>" * 2_000}


class Pipe(io.RawIOBase):
    """A stream that cannot go back: sizes then stand behind the parts."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        taken = bytes(piece)  # type: ignore[call-overload]
        self.written += taken
        return len(taken)


def streamed() -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in PARTS.items():
            package.writestr(name, content)
    return bytes(pipe.written)


def plain() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in PARTS.items():
            package.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("data", [plain(), streamed()], ids=["plain", "streamed"])
def test_what_a_program_writes_in_order_is_read_as_python_reads_it(data: bytes) -> None:
    found = entries(data, 10)
    expect_no_gaps(data, found)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        wanted = [(one.filename, one.header_offset, one.compress_size) for one in package.infolist()]
    assert [(one.filename, one.header_offset, one.compress_size) for one in found] == wanted


def test_more_entries_than_wanted_are_not_looked_at() -> None:
    with pytest.raises(TooManyEntries):
        entries(plain(), 2)


def test_any_single_byte_of_a_directory_changed_is_refused_or_changes_nothing_that_is_read() -> None:
    """What is accepted is still told alike by this reader and by Python's."""
    data = plain()
    begin = data.find(b"PK\x01\x02")
    for place in range(begin, len(data)):
        for flip in (0x01, 0x80, 0xFF):
            other = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
            try:
                found = entries(other, 10)
                expect_no_gaps(other, found)
            except DirectoryWrong:
                continue
            with zipfile.ZipFile(io.BytesIO(other)) as package:
                told = [(one.filename, one.header_offset, one.compress_size) for one in package.infolist()]
            assert told == [(one.filename, one.header_offset, one.compress_size) for one in found], place


def test_a_directory_of_half_a_million_entries_costs_nothing() -> None:
    one = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    front, crowd = b"PK\3\4" + b"\0" * 26, one * 440_000
    for told in (5, 2_000, 65_534):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, told, told, len(crowd), len(front), 0)
        data = front + crowd + end
        began = time.process_time()
        assert documents.sniff(data) is None
        assert time.process_time() - began < 0.2
