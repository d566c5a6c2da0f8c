"""The directory of a ZIP file, read strictly: what any reader would take for it, and nothing else.

Readers differ over files that are out of order: a ZIP64 record beside the plain one, comments with a second
directory in them, bytes between the parts. Such a file may be one workbook here and another one in the
secretariat's program. Office programs write none of that, so that it is refused. Only bytes are looked at,
within bounds; nothing is unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_END, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_ZIP64_LOCATOR = b"PK\x06\x07"
_DESCRIPTOR = b"PK\x07\x08"
_END_SIZE, _LOCATOR_SIZE = 22, 20
#: what stands in a plain field whose value is in a ZIP64 record
_IN_ZIP64 = {0xFFFF, 0xFFFFFFFF}
_ZIP64_EXTRA = 0x0001
_UTF8, _SIZES_BEHIND = 0x800, 0x8
#: the newest version of the format that a reader is asked to know: 6.3
_NEWEST_NEEDED = 63


class DirectoryWrong(ValueError):
    """The file is no ZIP that every reader reads alike; the text says where, for the refusal."""


class TooManyEntries(DirectoryWrong):
    """More entries than are wanted; none was looked at."""


@dataclass(frozen=True)
class Entry:
    """One part as the directory tells of it; sizes and offsets in bytes."""

    filename: str
    orig_filename: str
    flag_bits: int
    compress_type: int
    compress_size: int
    file_size: int
    header_offset: int
    raw_name: bytes


def entries(data: bytes, most: int) -> list[Entry]:
    """The directory's entries, at most ``most``.

    Raises :class:`DirectoryWrong`, or :class:`TooManyEntries` before anything is read.
    """
    at = len(data) - _END_SIZE
    if at < 0 or data.rfind(_END) != at:
        raise DirectoryWrong("end of ZIP")
    disk, first_disk, here, count, size, offset, comment = struct.unpack("<4H2LH", data[at + 4 :])
    if disk or first_disk or here != count or comment or _IN_ZIP64 & {count, size, offset}:
        raise DirectoryWrong(f"ZIP: {count}")
    if data[max(0, at - _LOCATOR_SIZE) :].startswith(_ZIP64_LOCATOR):
        raise DirectoryWrong("ZIP64")
    # a ZIP glued behind something else still opens; two readers may then see two files
    if offset + size != at:
        raise DirectoryWrong("ZIP directory")
    if count > most:
        raise TooManyEntries(f"{count} > {most}")
    found = list(_walk(data, offset, at, count))
    if len(found) != count:
        raise DirectoryWrong(f"ZIP: {count} / {len(found)}")
    return found


def _walk(data: bytes, begin: int, end: int, count: int) -> Iterator[Entry]:
    place = begin
    for _ in range(count):
        head = data[place : place + 46]
        if len(head) < 46 or place + 46 > end or not head.startswith(_ENTRY):
            raise DirectoryWrong("ZIP directory")
        needed, flags, method = struct.unpack("<3H", head[6:12])
        packed, size, name_length, extra_length, comment_length, disk = struct.unpack("<2L4H", head[20:36])
        (offset,) = struct.unpack("<L", head[42:46])
        after = place + 46 + name_length + extra_length
        if after > end or comment_length or disk or not name_length or needed > _NEWEST_NEEDED:
            raise DirectoryWrong("ZIP directory")
        raw = data[place + 46 : place + 46 + name_length]
        _no_zip64(data[place + 46 + name_length : after])
        name = _decoded(raw, flags)
        yield Entry(name.partition("\0")[0], name, flags, method, packed, size, offset, raw)
        place = after
    if place != end:
        raise DirectoryWrong("ZIP directory")


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise DirectoryWrong("ZIP: name") from error


def _no_zip64(extra: bytes) -> None:
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack("<2H", extra[place : place + 4])
        if kind == _ZIP64_EXTRA:
            raise DirectoryWrong("ZIP64")
        place += 4 + length


def expect_no_gaps(data: bytes, found: Sequence[Entry]) -> None:
    """Raise :class:`DirectoryWrong` unless the parts, each under its own name, fill the file without a gap.

    What lies between parts no reader of the directory sees, but one that reads from the front does.
    """
    (directory,) = struct.unpack("<L", data[-6:-2])
    place = 0
    for entry in sorted(found, key=lambda one: one.header_offset):
        head = data[place : place + 30]
        if entry.header_offset != place or len(head) < 30 or not head.startswith(_LOCAL):
            raise DirectoryWrong(f"ZIP: {place}")
        _version, flags, method = struct.unpack("<3H", head[4:10])
        name_length, extra_length = struct.unpack("<2H", head[26:30])
        name = data[place + 30 : place + 30 + name_length]
        if (flags & 0x9, method, name) != (entry.flag_bits & 0x9, entry.compress_type, entry.raw_name):
            raise DirectoryWrong("ZIP: local header")
        place += 30 + name_length + extra_length + entry.compress_size
        if flags & _SIZES_BEHIND:
            place = _behind_descriptor(data, place, entry)
    if place != directory:
        raise DirectoryWrong(f"ZIP: {place}")


def _behind_descriptor(data: bytes, place: int, entry: Entry) -> int:
    """Where the data descriptor at ``place`` ends; its sizes are those of the directory."""
    signed = data[place : place + 4] == _DESCRIPTOR
    begin = place + 8 if signed else place + 4
    if data[begin : begin + 8] == struct.pack("<2L", entry.compress_size, entry.file_size):
        return begin + 8
    if data[begin : begin + 16] == struct.pack("<2Q", entry.compress_size, entry.file_size):
        return begin + 16
    raise DirectoryWrong("ZIP: descriptor")
