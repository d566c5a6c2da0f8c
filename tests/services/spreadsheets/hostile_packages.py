"""Files of other kinds and packages that lie: name → (bytes, the code that refuses it)."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
import zlib

from tests.services.spreadsheets.samples import SHEET_PARTS, packed, parts_of

Hostile = dict[str, tuple[bytes, str]]

_ACTIVITY = SHEET_PARTS["活動量"]
_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_TYPES = "[Content_Types].xml"


def other_kinds(good: bytes) -> Hostile:
    """What people take for the form, and files that are two kinds at once."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("form.xlsx"))
    table = "<html><table><tr><td>電気</td><td>100</td></tr></table></html>"
    xml_2003 = '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>'
    parts = parts_of(good)
    template = parts[_TYPES].replace(b"spreadsheetml.sheet.main", b"spreadsheetml.template.main")
    add_in = parts[_TYPES].replace(
        b"vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"vnd.ms-excel.addin.macroEnabled.main+xml",
    )
    return {
        "tsv in utf-16": ("排出源\t4月\r\n電気\t100\r\n".encode("utf-16"), "not_xlsx"),
        "csv in shift-jis": ("排出源,4月\r\n電気,100\r\n".encode("cp932"), "not_xlsx"),
        "html table named xlsx": (table.encode(), "not_xlsx"),
        "spreadsheet xml of 2003": (xml_2003.encode(), "not_xlsx"),
        "rich text": (b"{\\rtf1 100}", "not_xlsx"),
        "json": (b'{"emissions": 1}', "not_xlsx"),
        "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 64, "not_xlsx"),
        "gif": (b"GIF89a" + b"\0" * 64, "not_xlsx"),
        "gzip of the form": (gzip.compress(good), "not_xlsx"),
        "tar of the form": (tar.getvalue(), "not_xlsx"),
        "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 64, "not_xlsx"),
        "program": (b"\x7fELF\x02\x01\x01" + b"\0" * 64, "not_xlsx"),
        "raw biff": (b"\x09\x08\x10\0\0\x06\x05\0" + b"\0" * 64, "not_xlsx"),
        "one byte": (b"P", "not_xlsx"),
        "signature only": (b"PK\x03\x04", "package_broken"),
        "empty zip": (b"PK\x05\x06" + b"\0" * 18, "package_broken"),
        "zip that spans disks": (b"PK\x07\x08" + good, "package_broken"),
        "pdf with the form behind": (b"%PDF-1.7\n" + good, "not_xlsx"),
        "gif with the form behind": (b"GIF89a" + good, "not_xlsx"),
        "script with the form behind": (b"#!/bin/sh\nexit\n" + good, "not_xlsx"),
        "the form with a page behind": (good + b"<html><script>alert(1)</script>", "package_broken"),
        "pptx": (packed({_TYPES: b"<a/>", "ppt/presentation.xml": b"<a/>"}), "not_xlsx"),
        "numbers": (packed({"Index/Document.iwa": b"x", "Metadata/Properties.plist": b"x"}), "not_xlsx"),
        "the form inside a zip": (packed({"form.xlsx": good}), "not_xlsx"),
        "template": (packed({**parts, _TYPES: template}), "not_xlsx"),
        "add-in": (packed({**parts, _TYPES: add_in}), "macros"),
    }


def _zip_with(parts: dict[str, bytes], *, compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


def _twice(parts: dict[str, bytes], name: str) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as package:
        warnings.simplefilter("ignore")
        for each, content in [*parts.items(), (name, parts[name])]:
            package.writestr(each, content)
    return out.getvalue()


def _bytes_at(data: bytes, mark: bytes, offset: int, new: bytes, *, last: bool = True) -> bytes:
    at = (data.rfind(mark) if last else data.find(mark)) + offset
    return data[:at] + new + data[at + len(new) :]


def packages(good: bytes) -> Hostile:
    """ZIP directories that lie, names that lead elsewhere, parts that are not there."""
    parts = parts_of(good)
    end, entry, local = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
    without = {
        f"without {name}": (packed({k: v for k, v in parts.items() if k != name}), code)
        for name, code in (
            (_TYPES, "not_xlsx"),
            (_BOOK, "not_xlsx"),
            ("xl/_rels/workbook.xml.rels", "package_broken"),
        )
    }
    nested = packed({"b": packed({"c": b"\0" * 15_000_000})})
    return {
        **without,
        "zip64 sign in the end": (_bytes_at(good, end, 8, b"\xff\xff\xff\xff"), "package_broken"),
        "zip64 offset in the end": (_bytes_at(good, end, 16, b"\xff\xff\xff\xff"), "package_broken"),
        "fewer entries than there are": (_bytes_at(good, end, 8, b"\x01\0\x01\0"), "package_broken"),
        "more entries than there are": (_bytes_at(good, end, 8, b"\x63\0\x63\0"), "package_broken"),
        "directory elsewhere": (_bytes_at(good, end, 16, b"\0\0\0\0"), "package_broken"),
        "second disk": (_bytes_at(good, end, 4, b"\x01\0"), "package_broken"),
        "comment after the end": (_bytes_at(good, end, 20, b"\x04\0") + b"note", "package_broken"),
        "a second end": (good + end + b"\0" * 18, "package_broken"),
        "no end": (good[: good.rfind(end)], "package_broken"),
        "half of the last byte": (good[:-1], "package_broken"),
        "first kilobyte": (good[:1024], "package_broken"),
        "encrypted part": (_bytes_at(good, entry, 8, b"\x01\0"), "encrypted"),
        "unknown compression": (_bytes_at(good, entry, 10, b"\x63\0"), "package_broken"),
        "bzip2": (_zip_with(parts, compression=zipfile.ZIP_BZIP2), "package_broken"),
        "lzma": (_zip_with(parts, compression=zipfile.ZIP_LZMA), "package_broken"),
        "wrong checksum": (_bytes_at(good, entry, 16, b"\1\2\3\4"), "package_broken"),
        "claims four gigabytes": (_bytes_at(good, entry, 24, b"\xfe\xff\xff\xff"), "package_bomb"),
        "claims to be packed larger": (_bytes_at(good, entry, 20, b"\xfe\xff\xff\x0f"), "package_bomb"),
        "part before the file": (_bytes_at(good, entry, 42, b"\xf0\xff\xff\xff"), "package_bomb"),
        "other name in front": (_bytes_at(good, local, 30, b"x", last=False), "package_broken"),
        "deflate of noise": (_bytes_at(good, local, 60, b"\xff" * 40, last=False), "package_broken"),
        "exactly the same name": (_twice(parts, _ACTIVITY), "package_names"),
        "backslashes": (packed({**parts, "xl\\evil.xml": b"<a/>"}), "package_names"),
        "drive letter": (packed({**parts, "C:/evil.xml": b"<a/>"}), "package_names"),
        "name with a bell": (packed({**parts, "xl/\x07.xml": b"<a/>"}), "package_names"),
        "endless name": (packed({**parts, "x" * 300 + ".xml": b"<a/>"}), "package_names"),
        "name that reads backwards": (packed({**parts, "xl/\u202eslx.xml": b"<a/>"}), "package_names"),
        "xlm macro sheet": (packed({**parts, "xl/macrosheets/sheet1.xml": b"<a/>"}), "macros"),
        "dialog sheet": (packed({**parts, "xl/dialogsheets/sheet1.xml": b"<a/>"}), "macros"),
        "macro data": (packed({**parts, "xl/vbaData.xml": b"<a/>"}), "macros"),
        "form control": (packed({**parts, "xl/ctrlProps/ctrlProp1.xml": b"<a/>"}), "active_content"),
        "query table": (packed({**parts, "xl/queryTables/q1.xml": b"<a/>"}), "active_content"),
        "ribbon of its own": (packed({**parts, "customUI/customUI.xml": b"<a/>"}), "active_content"),
        "web extension": (packed({**parts, "xl/webextensions/webextension1.xml": b"<a/>"}), "active_content"),
        "nested bomb": (
            packed({**parts, "xl/media/a.zip": nested, "xl/media/b": b"\0" * 3_000_000}),
            "package_bomb",
        ),
    }


def _zip(parts: dict[str, bytes], *, extra: bytes = b"", gap: bytes = b"", comment: bytes = b"") -> bytes:
    """A ZIP by hand: ``extra`` and ``comment`` in the last entry, ``gap`` before the directory."""
    body, told = io.BytesIO(), []
    for name, content in parts.items():
        packed_content = zlib.compress(content)[2:-4]
        head = (0x800, 8, 0, 0x21, zlib.crc32(content), len(packed_content), len(content))
        told.append((name.encode(), head, body.tell()))
        body.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, *head, len(name.encode()), 0))
        body.write(name.encode() + packed_content)
    body.write(gap)
    begin = body.tell()
    for place, (told_name, head, offset) in enumerate(told):
        last = place == len(told) - 1
        more, said = (extra, comment) if last else (b"", b"")
        sizes = (len(told_name), len(more), len(said))
        body.write(struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *head, *sizes, 0, 0, 0, offset))
        body.write(told_name + more + said)
    size = body.tell() - begin
    body.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(told), len(told), size, begin, 0))
    return body.getvalue()


def _two_directories(parts: dict[str, bytes]) -> bytes:
    """Two workbooks in one file: readers that follow ZIP64 see the first, others the second.

    The first one's directory stands in the comment of the second one's last entry.
    """
    other = _zip(parts)
    at = other.rfind(b"PK\5\6")
    count, size, offset = struct.unpack("<H2L", other[at + 10 : at + 20])
    directory = other[offset:at]
    # the comment's place follows from its length, which does not depend on it
    length = size + 56 + 20
    begin = len(_zip(parts, comment=b"\0" * length)) - 22 - length
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, begin + size, 1)
    return _zip(parts, comment=directory + record + locator)


def _odd_directories(parts: dict[str, bytes]) -> Hostile:
    """ZIPs in which readers find different parts, or too many."""
    many = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    crowd = many * 200_000
    front = b"PK\3\4" + b"\0" * 26
    return {
        "a folder with something in it": (
            packed({**parts, "xl/hidden/": parts[_ACTIVITY]}),
            "active_content",
        ),
        "two directories by zip64": (_two_directories(parts), "package_broken"),
        "zip64 in an entry": (_zip(parts, extra=struct.pack("<2HQ", 1, 8, 9)), "package_broken"),
        "comment of an entry": (_zip(parts, comment=b"note"), "package_broken"),
        "bytes between the parts and the directory": (_zip(parts, gap=b"PK\3\4hidden"), "package_broken"),
        "two hundred thousand entries that say five": (
            front + crowd + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, len(crowd), len(front), 0),
            "package_broken",
        ),
    }


def two_readings(good: bytes) -> Hostile:
    """Files that one reader takes for another workbook than the next one, or that hide a part's kind."""
    parts = parts_of(good)
    sheet = parts[_ACTIVITY]
    fetches = sheet.replace(
        b"</sheetData>",
        b'<row r="1500"><c r="A1500"><f>WEBSERVICE("http://x/")</f><v>1</v></c></row></sheetData>',
    )
    name = _ACTIVITY.rpartition("/")[2].encode()

    def renamed(content: bytes, ending: bytes, more: dict[str, bytes] | None = None) -> bytes:
        moved = {part: text for part, text in parts.items() if part != _ACTIVITY}
        to = name.replace(b".xml", ending)
        moved[_ACTIVITY.replace(".xml", ending.decode())] = content
        for part in (_RELATIONS, _TYPES):
            moved[part] = moved[part].replace(name, to)
        return packed({**moved, **(more or {})})

    def with_relation(kind: bytes, target: bytes) -> bytes:
        one = b'<Relationship Id="rIdX" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        one += b"relationships/" + kind + b'" Target="' + target + b'"/></Relationships>'
        relations = parts[_RELATIONS].replace(b"</Relationships>", one)
        return packed({**parts, _RELATIONS: relations, f"xl/{target.decode()}": b"<a/>"})

    def with_type(kind: bytes, part: bytes = b"/xl/other.xml") -> bytes:
        one = b'<Override PartName="' + part + b'" ContentType="' + kind + b'"/></Types>'
        return packed({**parts, _TYPES: parts[_TYPES].replace(b"</Types>", one), "xl/other.xml": b"<a/>"})

    excel = b"application/vnd.openxmlformats-officedocument.spreadsheetml."
    return {
        **_odd_directories(parts),
        "sheet under another ending": (renamed(sheet, b".dat"), "active_content"),
        "sheet that fetches under another ending": (renamed(fetches, b".dat"), "active_content"),
        "sheet that fetches as a picture": (renamed(fetches, b".png"), "active_content"),
        "sheet that fetches as a printer's settings": (renamed(fetches, b".bin"), "active_content"),
        "text hidden behind a sheet's quotes": (
            packed(
                {
                    **parts,
                    _ACTIVITY: fetches.replace(
                        b'WEBSERVICE("http://x/")',
                        b"'a&quot;b'!A1&amp;WEBSERVICE(\"http://x/\")&amp;'a&quot;b'!A1",
                    ),
                }
            ),
            "external_links",
        ),
        "object under a plain name": (with_relation(b"oleObject", b"plain.xml"), "active_content"),
        "control under a plain name": (with_relation(b"control", b"plain.xml"), "active_content"),
        "connections under a plain name": (with_relation(b"connections", b"plain.xml"), "active_content"),
        "a relationship nobody knows": (with_relation(b"surprise", b"plain.xml"), "active_content"),
        "a sheet related to a picture": (with_relation(b"worksheet", b"plain.png"), "active_content"),
        "a second book": (with_type(excel + b"sheet.main+xml"), "package_broken"),
        "a second list of texts": (with_relation(b"sharedStrings", b"other.xml"), "package_broken"),
        "connections by type": (with_type(excel + b"connections+xml"), "active_content"),
        "macros by type": (with_type(b"application/vnd.ms-office.vbaProject"), "macros"),
        "live data by type": (with_type(excel + b"volatileDependencies+xml"), "external_links"),
        "one part of two types": (with_type(excel + b"worksheet+xml", b"/xl/workbook.xml"), "package_broken"),
        "a part of no office program": (with_type(b"application/x-program"), "active_content"),
    }
