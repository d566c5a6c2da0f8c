"""Letters as PDF: one page, words printed literally, no password in the kept copy (domain §3)."""

from __future__ import annotations

import io
import json
import re
import struct
import threading
import zlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace

import pytest
import typst
from pypdf import PdfReader

from portal.services import letter_pdf, typesetter
from portal.services.letter_pdf import (
    LetterAddress,
    LetterContent,
    LetterTextError,
    LoginLine,
    check_letter_text,
    letter_texts,
    missing_glyphs,
    render_letter,
    render_letters,
)

PASSWORDS = ("wq7m-Hd3t-9kRx-4LvE", "Tn4c-pX8r-Ym6b-G2hs")
LONG_COMPANY = (
    "独立行政法人国立環境先進対策効率的実施推進機構グループホールディングス"
    "インターナショナル関東甲信越広域事業統括本部株式会社"
)
HOSTILE = '#import "x": *; *bold* _i_ $x$ [#read("/etc/passwd")] <a> \\ `c` // @ref = h'

LETTER = LetterContent(
    kind="completion",
    number="第2期 通知第0001号",
    date_label="2013年10月8日",
    sender_lines=("環境省", "ASSET事務局"),
    address=LetterAddress(
        "123-4567", "東京都千代田区XXX－XXX", "株式会社アセット不動産", "環境部", "環境部長", "環境　太郎"
    ),
    title="ASSETシステム登録完了通知書",
    intro=(
        "ASSETシステム登録申請書（第2期・目標保有者用）を受理し、下記のとおり登録しました。",
        "この通知書にはパスワードを記載しています。担当者ご本人が大切に保管してください。",
    ),
    facts=(
        ("代表事業者", "ABCリース株式会社"),
        ("共同事業者", "株式会社アセット不動産"),
        ("事業所", "アセット第一ビル（事業場・単独）"),
        ("口座番号・口座名", "AST-1001　株式会社アセット不動産　アセット第一ビル"),
    ),
    logins=(
        LoginLine("目標保有者A", "AST1001A", PASSWORDS[0], "すべての機能"),
        LoginLine("目標保有者B", "AST1001B", PASSWORDS[1], "排出量管理のみ"),
    ),
    notes=(
        (
            "はじめてログインするとき",
            (
                "ASSETシステムのログイン画面で、上のログインIDと初期パスワードを入力してください。",
                "画面の案内に従って、新しいパスワード（12文字以上）を設定してください。",
                "初期パスワードは一度しか使えません。有効期限は2013年11月7日です。",
                "有効期限を過ぎたときは、事務局へご連絡ください。新しい通知書をお送りします。",
            ),
        ),
        (
            "ご注意",
            (
                "事務局が電話やメールでパスワードをお尋ねすることはありません。",
                "目標保有者BのログインIDは、排出量管理だけを行う方がいる場合にお使いください。",
            ),
        ),
    ),
    footer="お問い合わせ　ASSET事務局　電話 03-XXXX-XXXX（平日10時から17時）　電子メール asset@example.jp",
)

CORRECTION = replace(
    LETTER,
    kind="correction",
    title="ASSETシステム登録申請書の補正のお願い",
    logins=(),
    notes=(("補正が必要な事項", ("「郵便番号」は123-4567の形で記入してください。",)),),
)


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def squeezed(text: str) -> str:
    """Line ends and the places where a long word may break are no part of what is printed."""
    return re.sub(r"[\s\u200b]", "", text)


def everything_in(pdf: bytes) -> bytes:
    """The file as it is, followed by every stream in it unpacked."""
    streams = [pdf]
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            streams.append(zlib.decompress(match.group(1)))
        except zlib.error:
            continue
    return b"\n".join(streams)


def ink(letter: LetterContent) -> list[list[tuple[float, float]]]:
    """Every dark spot of each page, in millimetres from the left and the top."""
    pictures = typesetter.compiler(letter_pdf.TEMPLATE_FOLDER).compile(
        input=letter_pdf.TEMPLATE_FOLDER / "letters.typ",
        format="png",
        ppi=36,
        sys_inputs={"letters": json.dumps([asdict(letter)])},
    )
    unit = 25.4 / 36
    found = []
    for picture in pictures if isinstance(pictures, list) else [pictures]:
        assert isinstance(picture, bytes)
        found.append([(x * unit, y * unit) for x, y in dark_pixels(picture)])
    return found


def dark_pixels(picture: bytes) -> Iterator[tuple[int, int]]:
    """Read a PNG (8-bit RGBA, not interlaced) and give the pixels that are not nearly white."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", picture[16:29])
    assert (depth, colour, interlaced) == (8, 6, 0)
    packed, at = b"", 8
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        if picture[at + 4 : at + 8] == b"IDAT":
            packed += picture[at + 8 : at + 8 + length]
        at += length + 12
    rows, stride = zlib.decompress(packed), width * 4
    above = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        above = unfiltered(rows[start], rows[start + 1 : start + 1 + stride], above)
        yield from ((x, y) for x in range(width) if above[x * 4] < 200)


def unfiltered(kind: int, line: bytes, above: bytearray) -> bytearray:
    """Undo the five filters of the PNG standard (section 9) for one line."""
    row = bytearray(len(line))
    for i, value in enumerate(line):
        left, up, corner = (row[i - 4], above[i], above[i - 4]) if i >= 4 else (0, above[i], 0)
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda near: abs(guess - near))
        row[i] = (value + (0, left, up, (left + up) // 2, nearest)[kind]) % 256
    return row


def heights_of(pdf: bytes, words: Collection[str]) -> list[float]:
    """How far below the top of the first page, in millimetres, the base lines of these words are."""
    page, found = PdfReader(io.BytesIO(pdf)).pages[0], []

    def visit(text: str, cm: list[float], tm: list[float], *_: object) -> None:
        if any(word in text for word in words):
            y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            found.append((float(page.mediabox.height) - y) * 25.4 / 72)

    page.extract_text(visitor_text=visit)
    return found


def test_the_normal_letter_is_one_page_with_its_ids_and_passwords() -> None:
    (text,) = pages(render_letter(LETTER))
    for word in ("AST1001A", "AST1001B", *PASSWORDS, "環境　太郎", "〒123-4567", "記", "以上"):
        assert squeezed(word) in squeezed(text)


def test_the_paper_is_a4() -> None:
    box = PdfReader(io.BytesIO(render_letter(LETTER))).pages[0].mediabox
    assert (round(float(box.width) * 25.4 / 72), round(float(box.height) * 25.4 / 72)) == (210, 297)


def test_the_same_contents_give_the_same_bytes_without_a_date() -> None:
    first = render_letter(LETTER)
    render_letter(CORRECTION)
    assert render_letter(LETTER) == first
    assert b"CreationDate" not in everything_in(first)


def test_the_kept_copy_holds_no_password_anywhere() -> None:
    black = tuple(replace(login, password=None) for login in LETTER.logins)
    render_letter(LETTER)
    pdf = render_letter(replace(LETTER, logins=black))
    (text,) = pages(pdf)
    assert "AST1001A" in text
    for password in PASSWORDS:
        for part in (password, *password.split("-")):
            assert part not in squeezed(text)
            for encoding in ("ascii", "utf-16-be"):
                assert part.encode(encoding) not in everything_in(pdf)


def test_a_password_is_not_shown_by_repr() -> None:
    assert PASSWORDS[0] not in repr(LETTER)


def test_passwords_stay_between_the_folds_even_with_long_names() -> None:
    joint = "\n".join(LONG_COMPANY for _ in range(5))
    crowded = replace(LETTER, facts=(("代表事業者", LONG_COMPANY), ("共同事業者", joint), *LETTER.facts[2:]))
    for letter in (LETTER, crowded):
        pdf = render_letter(letter)
        assert len(pages(pdf)) == 1
        heights = heights_of(pdf, PASSWORDS)
        assert len(heights) == 2
        assert all(99 + 5 < height < 198 - 3 for height in heights)


def test_a_long_address_stays_inside_the_window() -> None:
    address = LetterAddress(
        "123-4567",
        "神奈川県横浜市都筑区東山田町字長坂原一丁目二番地三号　"
        "アセット横浜北部インダストリアルパーク第二工業団地内　"
        "環境共生イノベーションセンタービルディング東館35階3501号室",
        LONG_COMPANY,
        "サステナビリティ推進本部環境マネジメント統括部地球温暖化対策推進室",
        "エネルギー管理統括者代理兼環境管理責任者",
        "長宗我部　権左衛門左右衛門",
    )
    letter = replace(LETTER, address=address)
    (text,) = pages(render_letter(letter))
    for value in asdict(address).values():
        assert squeezed(value) in squeezed(text)
    (spots,) = ink(letter)
    window = [(x, y) for x, y in spots if x < 120 and y < 60]
    assert len(window) > 500
    assert all(23 <= x <= 106.5 and 15 <= y <= 54.5 for x, y in window)


def test_really_much_continues_on_numbered_pages() -> None:
    many = tuple((f"共同事業者{number}", LONG_COMPANY) for number in range(1, 41))
    texts = pages(render_letter(replace(LETTER, facts=LETTER.facts + many)))
    assert len(texts) == 3
    assert PASSWORDS[0] in texts[0]
    for number, text in enumerate(texts, 1):
        assert f"{number}/3" in squeezed(text)
        assert "第2期通知第0001号" in squeezed(text)
    assert "共同事業者40" in "".join(texts)
    assert "以上" in texts[-1]


def test_hostile_words_print_literally_and_stay_on_the_paper() -> None:
    letter = replace(
        LETTER,
        number=HOSTILE,
        title=HOSTILE,
        address=LetterAddress(HOSTILE, HOSTILE, "W" * 200, HOSTILE, HOSTILE, HOSTILE),
        facts=((HOSTILE, HOSTILE), ("英字", "A" * 300)),
        logins=(LoginLine(HOSTILE, "AST1001A", PASSWORDS[0], HOSTILE),),
    )
    pdf = render_letter(letter)
    text = squeezed("".join(pages(pdf)))
    assert squeezed(HOSTILE) in text
    assert text.count("A" * 300) == 1
    assert "root:" not in text
    for spots in ink(letter):
        words = [(x, y) for x, y in spots if x > 6]
        assert all(21 <= x <= 189 and 10 <= y <= 288 for x, y in words)


def test_a_template_cannot_read_outside_its_folder() -> None:
    compiler = typesetter.compiler(letter_pdf.TEMPLATE_FOLDER)
    for path in ("/etc/passwd", "../../pyproject.toml"):
        with pytest.raises(typst.TypstError):
            compiler.compile(input=f'#read("{path}")'.encode(), format="pdf")
    with pytest.raises(typst.TypstError):
        compiler.compile(input=b'#import "@preview/example:0.1.0": *', format="pdf")


def test_a_notice_without_logins_uses_the_same_frame_without_a_password_table() -> None:
    (text,) = pages(render_letter(CORRECTION))
    assert "補正が必要な事項" in text
    assert "初期パスワード" not in text
    assert "様" in text


def test_a_letter_without_a_person_goes_to_the_company() -> None:
    address = replace(LETTER.address, department="", post="", name="")
    (text,) = pages(render_letter(replace(CORRECTION, address=address)))
    assert "御中" in text
    assert "様" not in text


def test_twenty_letters_make_one_file_in_order() -> None:
    texts = pages(render_letters([replace(LETTER, number=f"第2期 通知第{n:04}号") for n in range(1, 21)]))
    assert len(texts) == 20
    for number, text in enumerate(texts, 1):
        assert f"通知第{number:04}号" in text
        assert "1/20" not in squeezed(text)
        # the head of continuation pages stands on none of these first pages
        assert text.count(f"通知第{number:04}号") == 1


def test_more_letters_than_the_typesetter_takes_at_once_are_joined_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letter_pdf, "AT_ONCE", 2)
    monkeypatch.setattr(letter_pdf, "KEEPS", 1)
    told: list[int] = []
    five = [replace(CORRECTION, number=f"第2期 通知第{n:04}号") for n in range(1, 6)]
    pdf = render_letters(five, told=told.append)
    assert [f"通知第{n:04}号" in text for n, text in enumerate(pages(pdf), 1)] == [True] * 5
    assert told == [2, 2, 1]
    assert b"CreationDate" not in everything_in(pdf)
    assert render_letters(five) == pdf


def test_no_letter_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter"):
        render_letters([])


def test_missing_characters_are_named_once_and_in_order() -> None:
    assert missing_glyphs("𠮷田😀𠮷　髙﨑\t\n①㈱〒−～－") == ["𠮷", "😀"]
    assert check_letter_text("環境　太郎", "𠮷野", "😀𠮷") == ["𠮷", "😀"]
    assert missing_glyphs("") == []


def test_what_cannot_be_seen_is_named_by_its_number() -> None:
    assert missing_glyphs("環\u202e境") == ["U+202E"]
    assert missing_glyphs("\U000e0100") == ["U+E0100"]
    assert missing_glyphs("環\U000e01ef") == ["環\U000e01ef"]


def test_a_letter_with_a_missing_character_is_refused_by_name() -> None:
    letter = replace(LETTER, address=replace(LETTER.address, name="𠮷田　太郎"))
    assert check_letter_text(*letter_texts(letter)) == ["𠮷"]
    with pytest.raises(LetterTextError) as refused:
        render_letter(letter)
    assert refused.value.characters == ("𠮷",)


def test_threads_render_the_same_letter_with_their_own_compilers_and_the_same_fonts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = render_letter(LETTER)
    monkeypatch.setattr(typst, "Fonts", lambda **_given: pytest.fail("20 MB of fonts are read once more"))
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(render_letter(LETTER))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
