"""Hostile and wrong files, each made from a good form: name → (bytes, the code that must refuse it)."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable

from portal.services.spreadsheets.form_types import FormExpectation
from tests.services.spreadsheets.hostile_forms import wrong_forms
from tests.services.spreadsheets.hostile_packages import other_kinds, packages, two_readings
from tests.services.spreadsheets.hostile_xml import documents
from tests.services.spreadsheets.samples import SHEET_PARTS, changed, packed, parts_of, worked_form

_ACTIVITY = SHEET_PARTS["活動量"]
_ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

Hostile = dict[str, tuple[bytes, str]]


def _after_declaration(extra: str) -> Callable[[str], str]:
    def change(xml: str) -> str:
        if xml.startswith("<?xml"):
            head, _, rest = xml.partition("?>")
            return f"{head}?>{extra}{rest}"
        return extra + xml

    return change


def _in_sheet(before: str, extra: str) -> Callable[[str], str]:
    return lambda xml: xml.replace(before, extra + before, 1)


def _other_files() -> Hostile:
    return {
        "empty": (b"", "empty_file"),
        "csv": ("排出源,4月\n電気,100\n".encode(), "not_xlsx"),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not_xlsx"),
        "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "not_xlsx"),
        "noise": (bytes(range(256)) * 8, "not_xlsx"),
        "old xls": (_OLE + b"\0" * 2048 + "Workbook".encode("utf-16-le"), "old_excel"),
        "encrypted": (_OLE + b"\0" * 2048 + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        "too large": (b"PK\x03\x04" + b"\0" * (10 * 1024 * 1024), "too_large"),
        "ods": (packed({"mimetype": b"x", "content.xml": b"<a/>"}), "not_xlsx"),
        "docx": (packed({"[Content_Types].xml": b"<a/>", "word/document.xml": b"<a/>"}), "not_xlsx"),
        "plain zip": (packed({"readme.txt": b"hello"}), "not_xlsx"),
        "xlsb": (packed({"[Content_Types].xml": b"<a/>", "xl/workbook.bin": b"x"}), "not_xlsx"),
    }


def _packages(good: bytes) -> Hostile:
    parts = parts_of(good)
    macro_type = parts["[Content_Types].xml"].replace(
        b"vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        b"vnd.ms-excel.sheet.macroEnabled.main+xml",
    )
    lying = bytearray(good)
    at = lying.rfind(b"PK\x01\x02")
    lying[at + 24 : at + 28] = struct.pack("<I", 10)
    many = {**parts, **{f"xl/media/{n}.xml": b"<a/>" for n in range(300)}}
    return {
        "truncated": (good[: len(good) // 2], "package_broken"),
        "bytes after the end": (good + b"<script>", "package_broken"),
        "glued behind a picture": (b"PK\x03\x04" + b"\x89PNG" + good, "package_broken"),
        "damaged data": (good[:3000] + b"\xff" * 400 + good[3400:], "package_broken"),
        "lying size": (bytes(lying), "package_broken"),
        "zip bomb": (packed({**parts, "xl/media/a.bin": b"\0" * 15_000_000}), "package_bomb"),
        "huge total": (packed({**parts, **{f"x{n}": b"\0" * 15_000_000 for n in range(4)}}), "package_bomb"),
        "overlapping parts": (_overlapping(), "package_bomb"),
        "many entries": (packed(many), "package_bomb"),
        "path upwards": (packed({**parts, "../evil.xml": b"<a/>"}), "package_names"),
        "absolute path": (packed({**parts, "/etc/x.xml": b"<a/>"}), "package_names"),
        "same name twice": (packed({**parts, "xl/Workbook.xml": b"<a/>"}), "package_names"),
        "macro part": (packed({**parts, "xl/vbaProject.bin": b"x"}), "macros"),
        "macro type": (packed({**parts, "[Content_Types].xml": macro_type}), "macros"),
        "external link": (packed({**parts, "xl/externalLinks/externalLink1.xml": b"<a/>"}), "external_links"),
        "external target": (_external(good), "external_links"),
        "embedded object": (packed({**parts, "xl/embeddings/oleObject1.bin": b"x"}), "active_content"),
        "control": (packed({**parts, "xl/activeX/activeX1.xml": b"<a/>"}), "active_content"),
        "data connection": (packed({**parts, "xl/connections.xml": b"<a/>"}), "active_content"),
    }


def _sheets(good: bytes) -> Hostile:
    parts = parts_of(good)
    sheet = parts[_ACTIVITY].decode()
    utf16 = ('<?xml version="1.0" encoding="UTF-16"?>' + sheet).encode("utf-16")
    strict = parts["xl/workbook.xml"].replace(
        b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        b"http://purl.oclc.org/ooxml/spreadsheetml/main",
    )

    def put(extra: str, before: str = "</sheetData>") -> bytes:
        return changed(good, _ACTIVITY, _in_sheet(before, extra))

    return {
        "entities": (changed(good, _ACTIVITY, _after_declaration(_ENTITIES)), "xml_entities"),
        "entities in styles": (changed(good, "xl/styles.xml", _after_declaration(_ENTITIES)), "xml_entities"),
        "utf-16 part": (packed({**parts, _ACTIVITY: utf16}), "xml_encoding"),
        "utf-7 part": (
            packed({**parts, _ACTIVITY: f'<?xml version="1.0" encoding="UTF-7"?>{sheet}'.encode()}),
            "xml_encoding",
        ),
        "strict workbook": (packed({**parts, "xl/workbook.xml": strict}), "strict_format"),
        "deep nesting": (put("<a>" * 5000 + "</a>" * 5000), "too_much_content"),
        "cell address of nonsense": (put('<row r="99"><c r="ZZZZZ9"/></row>'), "package_broken"),
        "broken xml": (changed(good, _ACTIVITY, lambda xml: xml[:-200]), "package_broken"),
        "sheet without its part": (
            changed(good, "xl/_rels/workbook.xml.rels", lambda xml: xml.replace("sheet3.xml", "none.xml")),
            "sheet_missing",
        ),
        "style out of range": (
            changed(good, _ACTIVITY, lambda xml: re.sub(r'\bs="\d+"', 's="99999"', xml, count=5)),
            "package_broken",
        ),
        "text index out of range": (
            put('<row r="99"><c r="A99" t="s"><v>99999</v></c></row>'),
            "package_broken",
        ),
    }


def _bombs(good: bytes) -> Hostile:
    rows = "".join(f'<row r="{n}"><c r="A{n}"/></row>' for n in range(1, 1900))
    cells = "".join("<c/>" for _ in range(20_000))
    last = "XFD1048576"

    def put(extra: str, before: str = "</sheetData>") -> bytes:
        return changed(good, _ACTIVITY, _in_sheet(before, extra))

    return {
        "far cell": (put(f'<row r="1048576"><c r="{last}"><v>1</v></c></row>'), "cell_out_of_range"),
        "row bomb": (put(rows + f"<row>{cells}</row>"), "cell_out_of_range"),
        "element bomb": (put("<row>" + "<x/>" * 70_000 + "</row>"), "too_much_content"),
        "merged over and over": (
            put(
                "<mergeCells>"
                + "".join(f'<mergeCell ref="A{n}:GR1990"/>' for n in range(100, 500))
                + "</mergeCells>",
                "<pageMargins",
            ),
            "too_much_content",
        ),
        "endless list of cells": (
            put(f'<ignoredErrors sqref="{" ".join(f"A{n}" for n in range(1, 30_000))}"/>', "<pageMargins"),
            "too_much_content",
        ),
        "merged bomb": (
            put(f'<mergeCells><mergeCell ref="A1:{last}"/></mergeCells>', "<pageMargins"),
            "cell_out_of_range",
        ),
        "link bomb": (
            put(f'<hyperlinks><hyperlink ref="A1:{last}"/></hyperlinks>', "<pageMargins"),
            "cell_out_of_range",
        ),
    }


def _external(good: bytes) -> bytes:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    extra = f'<Relationship Id="rX" Type="{kind}" Target="http://192.0.2.1/x" TargetMode="External"/>'
    return changed(good, "xl/_rels/workbook.xml.rels", _in_sheet("</Relationships>", extra))


def _overlapping() -> bytes:
    """Two directory entries that name one and the same stored part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("xl/workbook.xml", b"<a/>" * 100)
        package.writestr("xl/workbook.xm2", b"<a/>" * 100)
        package.filelist[1].header_offset = package.filelist[0].header_offset
    return out.getvalue()


def hostile_files(good: bytes | None = None) -> Hostile:
    """The best known of what must not be opened, made from ``good``: each refused as a whole."""
    good = good or worked_form()
    return {**_other_files(), **_packages(good), **_sheets(good), **_bombs(good)}


def every_file(good: bytes, expected: FormExpectation) -> Hostile:
    """Those, more of their kinds, and workbooks in order that say what is wrong or another's.

    Made once for each ``good``: the bombs take their time.
    """
    if good not in _made:
        more = {**other_kinds(good), **packages(good), **two_readings(good), **documents(good)}
        _made[good] = {**hostile_files(good), **more, **wrong_forms(good, expected)}
    return _made[good]


_made: dict[bytes, Hostile] = {}
