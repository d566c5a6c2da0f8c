"""What the parts of a workbook are said to be: content types and relationships, held against what is known.

A program finds a sheet by its relationship or its content type, whatever the part is called. So every part
that is not read as XML has to be a picture or a printer's settings by both, and nothing is related that a
workbook without macros, controls, embedded objects and connections does not have.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from defusedxml import ElementTree

from portal.services.spreadsheets.xml_scan import PartRefused

CONTENT_TYPES = "[Content_Types].xml"
_BOOK = "xl/workbook.xml"
_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_SHARED = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_PRINTER = "application/vnd.openxmlformats-officedocument.spreadsheetml.printerSettings"

_XML_ENDINGS = (".xml", ".rels", ".vml", ".svg")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf")
#: the beginnings of content types that a workbook may have
_KNOWN_TYPES = (
    *("application/xml", "text/xml", "image/", "application/vnd.openxmlformats-"),
    *("application/vnd.ms-excel.", "application/vnd.ms-office."),
)
#: in the name of a type: what it stands for does or fetches something → the code that refuses it
_ACTIVE_TYPES = {
    "macro": "macros",
    "vba": "macros",
    "dialogsheet": "macros",
    "externallink": "external_links",
    "volatiledependencies": "external_links",
    "activex": "active_content",
    "oleobject": "active_content",
    "embeddings": "active_content",
    "controlproperties": "active_content",
    "connections": "active_content",
    "querytable": "active_content",
    "customui": "active_content",
    "webextension": "active_content",
    "xmlmaps": "active_content",
}
#: relationships to a picture or to a printer's settings; all others lead to XML
_TO_BINARY = frozenset({"image", "thumbnail", "printersettings"})
_RELATIONS = _TO_BINARY | frozenset(
    {
        *("officedocument", "core-properties", "extended-properties", "custom-properties"),
        *("worksheet", "chartsheet", "styles", "theme", "themeoverride", "sharedstrings", "calcchain"),
        *("drawing", "vmldrawing", "comments", "threadedcomment", "person", "hyperlink", "table"),
        *("chart", "chartex", "chartusershapes", "chartstyle", "chartcolorstyle"),
        *("diagramdata", "diagramlayout", "diagramquickstyle", "diagramcolors", "diagramdrawing"),
        *("customxml", "customxmlprops", "sheetmetadata", "featurepropertybag", "classificationlabels"),
        *("rdrichvalue", "rdrichvaluestructure", "rdrichvaluetypes", "rdarray", "richvaluerel"),
        *("rdsupportingpropertybag", "rdsupportingpropertybagstructure", "richstyles"),
        *("pivottable", "pivotcachedefinition", "pivotcacherecords", "slicer", "slicercache"),
        *("revisionheaders", "revisionlog", "usernames", "namedsheetviews", "documenttasks"),
    }
)


def is_xml(name: str) -> bool:
    """Whether a part of this name is read as XML; every other must be a picture or a printer's settings."""
    return name.lower().endswith(_XML_ENDINGS)


def expect_known_parts(names: Sequence[str], about: Mapping[str, bytes]) -> None:
    """Raise :class:`PartRefused` for a part, a type or a relationship that a plain workbook does not have.

    ``names``: of all parts but empty folders; ``about``: the content of ``[Content_Types].xml`` and of every
    ``.rels``, which were scanned before.
    """
    by_ending, by_part = _types(about[CONTENT_TYPES])
    for name in names:
        if not is_xml(name):
            _expect_harmless(name, by_part.get(f"/{name}".lower(), by_ending.get(_ending(name), "")))
    _expect_one(by_part, _MAIN, f"/{_BOOK}")
    shared = [part for part, kind in by_part.items() if kind == _SHARED.lower()]
    if len(shared) > 1:
        raise PartRefused("package_broken", shared[1])
    for name, content in about.items():
        if name != CONTENT_TYPES:
            _expect_known_relations(name, content, shared)


def _ending(name: str) -> str:
    return posixpath.splitext(name.lower())[1]


def _types(content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """(content type by ending, content type by part), all in small letters."""
    by_ending: dict[str, str] = {}
    by_part: dict[str, str] = {}
    for tag, attributes in _elements(content):
        kind = attributes.get("ContentType", "").lower()
        ending = "." + attributes.get("Extension", "").lower()
        if tag == "Override" or is_xml(ending):
            # a kind that no part has is none of our business: writers list what they might write
            _expect_passive(kind)
        if tag == "Override":
            part = attributes.get("PartName", "").lower()
            if part in by_part:
                raise PartRefused("package_broken", CONTENT_TYPES)
            by_part[part] = kind
            if not kind.startswith(_KNOWN_TYPES):
                raise PartRefused("active_content", part[:60])
        elif tag == "Default":
            by_ending[ending] = kind
    return by_ending, by_part


def _expect_passive(kind: str) -> None:
    code = next((code for word, code in _ACTIVE_TYPES.items() if word in kind), "")
    if code:
        raise PartRefused(code, kind.rpartition(".")[2][:40])


def _elements(content: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    for element in ElementTree.fromstring(content):
        yield str(element.tag).rpartition("}")[2], dict(element.attrib)


def _expect_harmless(name: str, kind: str) -> None:
    ending = _ending(name)
    # a picture whose kind is left out is one that no program shows
    picture = ending in _PICTURES and (not kind or kind.startswith("image/"))
    printer = ending == ".bin" and kind == _PRINTER.lower()
    if not picture and not printer:
        raise PartRefused("active_content", name[:60])


def _expect_one(by_part: Mapping[str, str], kind: str, wanted: str) -> None:
    """The one part of a kind is the one that is read here: programs look for it by its kind."""
    found = [part for part, own in by_part.items() if own == kind.lower()]
    if found != [wanted]:
        raise PartRefused("package_broken", (found or [CONTENT_TYPES])[-1][:60])


def _expect_known_relations(name: str, content: bytes, shared: Sequence[str]) -> None:
    folder = posixpath.dirname(posixpath.dirname(name))
    seen: set[str] = set()
    for tag, attributes in _elements(content):
        if tag != "Relationship" or attributes.get("TargetMode") == "External":
            continue  # an external one was looked at while scanning
        kind = attributes.get("Type", "").rpartition("/")[2].lower()
        given = attributes.get("Target", "")
        target = given[1:] if given.startswith("/") else posixpath.normpath(posixpath.join(folder, given))
        if kind not in _RELATIONS:
            raise PartRefused("active_content", f"{name[:40]}: {kind[:30]}")
        if kind == "hyperlink" and given.startswith("#"):
            continue
        if is_xml(target) == (kind in _TO_BINARY) and not target.lower().endswith(".svg"):
            raise PartRefused("active_content", f"{name[:40]}: {given[:30]}")
        if kind in ("officedocument", "sharedstrings", "styles"):
            if kind in seen:
                raise PartRefused("package_broken", name[:60])
            seen.add(kind)
        wrong_book = kind == "officedocument" and target != _BOOK
        wrong_texts = kind == "sharedstrings" and [f"/{target}".lower()] != list(shared)
        if wrong_book or wrong_texts:
            raise PartRefused("package_broken", f"{name[:40]}: {given[:30]}")
