"""Files of other kinds and packages that lie: name → (bytes, the code that refuses it)."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile

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


def _zip_with(parts: dict[str, bytes], **how: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **how) as package:  # type: ignore[arg-type]
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
