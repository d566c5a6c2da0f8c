"""Looks at an uploaded workbook before openpyxl does, and says why it must not be opened.

safety.md "Uploads": bombs, entities, shape lies, polyglots, macros. Two steps: :func:`scan_directory`
reads the ZIP directory only and unpacks nothing, so it may run anywhere; :func:`scan` unpacks part by
part within limits and belongs into the jailed child.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from portal.services.spreadsheets.form_types import Problem, file_problem
from portal.services.spreadsheets.package_parts import CONTENT_TYPES, expect_known_parts, is_xml
from portal.services.spreadsheets.xml_scan import PartRefused, XmlLimits, scan_part
from portal.services.spreadsheets.zip_directory import (
    DirectoryWrong,
    Entry,
    TooManyEntries,
    entries,
    expect_no_gaps,
)

MAX_FILE = 10 * 1024 * 1024
MAX_ENTRIES = 200
MAX_PART = 16 * 1024 * 1024
MAX_TOTAL = 40 * 1024 * 1024
#: An honest sheet of equal rows packs 1:40; a bomb 1:1000.
MAX_RATIO = 150
RATIO_FROM = 200_000

_MAIN_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "PDFファイル"),
    (b"\x89PNG", "画像ファイル"),
    (b"\xff\xd8\xff", "画像ファイル"),
    (b"GIF8", "画像ファイル"),
)
#: in the name of a part: it holds macros
MACROS = ("vbaproject", "vbadata", "macrosheets/", "dialogsheets/")
_ACTIVE = (
    *("activex/", "embeddings/", "ctrlprops/", "connections.xml", "querytables/", "oleobject"),
    *("customui/", "webextensions/"),
)
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"


def scan_directory(data: bytes) -> list[Problem]:
    """What is wrong with the file as its first bytes and its ZIP directory tell. Unpacks nothing."""
    if not data:
        return [file_problem("empty_file", "空欄")]
    if len(data) > MAX_FILE:
        return [file_problem("too_large", f"{len(data) / 1024 / 1024:.1f} MB", "10 MB以内")]
    if not data.startswith(b"PK\x03\x04"):
        return [_other_kind(data)]
    try:
        infos = entries(data, MAX_ENTRIES)
        problems = _names(infos) or _sizes(infos, len(data)) or _kind(infos)
        if not problems:
            expect_no_gaps(data, infos)
    except TooManyEntries as many:
        return [file_problem("package_bomb", str(many))]
    except DirectoryWrong as wrong:
        return [file_problem("package_broken", str(wrong))]
    return problems


def scan(data: bytes, limits: XmlLimits | None = None) -> list[Problem]:
    """Everything :func:`scan_directory` looks at, and then every part unpacked within ``limits``.

    Without them it is the designated form that is looked at.
    """
    problems = scan_directory(data)
    if problems:
        return problems
    limits = limits or XmlLimits()
    total = 0
    about: dict[str, bytes] = {}
    names = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            for info in package.infolist():
                content = _unpack(package, info)
                total += len(content)
                if total > MAX_TOTAL:
                    return [file_problem("package_bomb", info.filename)]
                if not (info.is_dir() and not content):  # a folder's own entry, with nothing in it
                    names.append(info.filename)
                if not is_xml(info.filename):
                    continue
                if info.filename == CONTENT_TYPES and _MAIN_TYPE.encode() not in content:
                    return [_content_type(content)]
                if info.filename == "xl/workbook.xml" and _STRICT in content[:4096]:
                    return [file_problem("strict_format", "Strict Open XML")]
                scan_part(info.filename, content, limits)
                if info.filename == CONTENT_TYPES or info.filename.lower().endswith(".rels"):
                    about[info.filename] = content
        expect_known_parts(names, about)
    except PartRefused as refused:
        return [file_problem(refused.code, refused.found)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        return [file_problem("package_broken", type(error).__name__)]
    return []


def _other_kind(data: bytes) -> Problem:
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data or "EncryptionInfo".encode("utf-16-le") in data:
            return file_problem("encrypted", "encrypted")
        return file_problem("old_excel", ".xls")
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return file_problem("not_xlsx", name)
    head = data[:2048]
    if head.startswith(b"PK"):
        return file_problem("package_broken", "ZIP")
    if b"\0" not in head and not any(byte < 9 for byte in head):
        return file_problem("not_xlsx", "テキストファイル")
    return file_problem("not_xlsx", "不明な形式のファイル")


def _names(infos: list[Entry]) -> list[Problem]:
    seen: set[str] = set()
    for info in infos:
        name = info.filename
        odd = (
            name.startswith(("/", "\\"))
            or "\\" in info.orig_filename
            or "\0" in info.orig_filename
            or ":" in name
            or ".." in name.split("/")
            or len(name) > 200
            or not name.isprintable()
        )
        if odd or name.lower() in seen:
            return [file_problem("package_names", _short(name))]
        seen.add(name.lower())
        if info.flag_bits & 0x1:
            return [file_problem("encrypted", _short(name))]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return [file_problem("package_broken", f"{_short(name)}: {info.compress_type}")]
    return []


def _sizes(infos: list[Entry], length: int) -> list[Problem]:
    if sum(info.file_size for info in infos) > MAX_TOTAL:
        return [file_problem("package_bomb", f"{sum(i.file_size for i in infos) // 1024 // 1024} MB")]
    end = 0
    for info in sorted(infos, key=lambda each: each.header_offset):
        # Parts that overlap are how a small ZIP holds a huge one.
        if info.header_offset < end or info.header_offset + info.compress_size > length:
            return [file_problem("package_bomb", _short(info.filename))]
        end = info.header_offset + 30 + info.compress_size
        packed = max(info.compress_size, 1)
        if info.file_size > MAX_PART or (info.file_size > RATIO_FROM and info.file_size / packed > MAX_RATIO):
            return [file_problem("package_bomb", f"{_short(info.filename)} 1:{info.file_size // packed}")]
    return []


def _kind(infos: list[Entry]) -> list[Problem]:
    names = [info.filename.lower() for info in infos]
    for name in names:
        if any(part in name for part in MACROS):
            return [file_problem("macros", _short(name))]
        if "externallinks/" in name:
            return [file_problem("external_links", _short(name))]
        if any(part in name for part in _ACTIVE):
            return [file_problem("active_content", _short(name))]
    kinds = (
        ("xl/workbook.bin", "Excelバイナリブック（.xlsb）"),
        ("word/document.xml", "Word文書"),
        ("ppt/presentation.xml", "PowerPoint文書"),
        ("content.xml", "ODF形式のファイル"),
    )
    for mark, kind in kinds:
        if mark in names:
            return [file_problem("not_xlsx", kind)]
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        return [file_problem("not_xlsx", "ZIPファイル")]
    return []


def _content_type(content: bytes) -> Problem:
    if b"macroEnabled" in content:
        return file_problem("macros", ".xlsm")
    if b"sheet.template" in content or b"spreadsheetml.template" in content:
        return file_problem("not_xlsx", "Excelテンプレート")
    return file_problem("not_xlsx", "不明な形式のファイル")


def _unpack(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One part's bytes; a part that unpacks to more than it declared is refused."""
    content = b"".join(_pieces(package, info))
    if len(content) != info.file_size:
        raise zipfile.BadZipFile(info.filename)
    return content


def _pieces(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    size = 0
    with package.open(info) as part:
        while piece := part.read(1 << 16):
            size += len(piece)
            if size > MAX_PART:
                raise PartRefused("package_bomb", _short(info.filename))
            yield piece


def _short(name: str) -> str:
    printable = re.sub(r"[^\x20-\x7e]", "?", name)
    return printable if len(printable) <= 60 else printable[:59] + "…"
