"""Mutated forms against the jailed reader: refused with a reason, or accepted with the figure of their rows.

Run from the top of the project: ``python -m bench.form_mutants [--files 10000] [--seed 1] [--threads 2]``.
A mutant is made again from its seed and number (``--only NUMBER`` writes it out). The figure of an accepted
mutant is computed a second time here, from the cells that a reader of the workbook sees.
"""

from __future__ import annotations

import argparse
import collections
import io
import random
import re
import resource
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path

from openpyxl import load_workbook

from portal.services.spreadsheets import warm
from portal.services.spreadsheets.factor_table import fold
from portal.services.spreadsheets.form_types import FormExpectation, FormReading, Period
from portal.services.spreadsheets.jail import read_form_jailed
from portal.services.spreadsheets.layouts.layout import (
    ACTIVITY,
    COVER,
    FACTORS,
    SHEETS,
    SOURCES,
    SUMMARY,
    Layout,
)
from portal.services.spreadsheets.layouts.versions import LAYOUTS
from tests.services.spreadsheets.samples import FORMS, expectation, packed, parts_of, worked_form

Change = Callable[[random.Random, bytes], bytes]
_TOKEN = re.compile(r"<[^<>]+>|[^<>]+")
_VALUE = re.compile(r"<v>[^<]*</v>|<t(?: [^>]*)?>[^<]*</t>")
_ATTRIBUTE = re.compile(r' [a-zA-Z:]+="[^"]*"')
VALUES = (
    *("0", "1", "-1", "66", "66.5", "1e5", "1E-9", "1e400", "INF", "", " ", "１２", "1,000", "12kl"),
    *(
        "#REF!",
        "999999999999",
        "1000000000000",
        "0.0005",
        "2014-04-01",
        "true",
        "AST1002",
        "基準年度",
        "\ufffd",
    ),
)


@dataclass(frozen=True)
class Sample:
    """A good form and what it has to say."""

    data: bytes
    expected: FormExpectation


def samples() -> list[Sample]:
    """Forms as the portal fills them and as LibreOffice saves them, for one year and for three."""
    periods: tuple[Period, ...] = ("target", "base")
    kept = [
        Sample(Path(FORMS, f"calculation_{period}_ja_libreoffice.xlsx").read_bytes(), expectation(period))
        for period in periods
    ]
    made = [
        Sample(worked_form(period, layout), expectation(period))
        for period in periods
        for layout in LAYOUTS.values()
    ]
    return made + kept


def flip(chance: random.Random, data: bytes) -> bytes:
    """One to eight bytes are others."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def splice(chance: random.Random, data: bytes) -> bytes:
    """A stretch of bytes is gone, there twice, or elsewhere."""
    at, to = chance.randrange(len(data)), chance.randrange(len(data))
    stretch = data[at : at + chance.randint(1, 300)]
    rest = data[:at] + data[at + len(stretch) :]
    return (rest, data[:to] + stretch + data[to:], rest[:to] + stretch + rest[to:])[chance.randrange(3)]


def headers(chance: random.Random, data: bytes) -> bytes:
    """A field of the ZIP's directory, of a part's header or of its end lies."""
    mark = chance.choice((b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"))
    places = [found.start() for found in re.finditer(re.escape(mark), data)]
    at = chance.choice(places) + chance.randrange(4, 46)
    return (
        data[:at]
        + bytes(chance.choice((0, 1, 0x7F, 0xFF)) for _ in range(chance.choice((1, 2, 4))))
        + data[at + 2 :]
    )


def parts(chance: random.Random, data: bytes) -> bytes:
    """A part is gone, exchanged with another, under another name, there twice, or the order is another."""
    found = list(parts_of(data).items())
    one, other = chance.randrange(len(found)), chance.randrange(len(found))
    (name, content), (other_name, other_content) = found[one], found[other]
    deed = chance.randrange(5)
    if deed == 0:
        del found[one]
    elif deed == 1:
        found[one], found[other] = (name, other_content), (other_name, content)
    elif deed == 2:
        found[one] = (
            chance.choice((name.upper(), name + "x", "../" + name, name.replace("/", "\\"))),
            content,
        )
    elif deed == 3:
        found.append((chance.choice((other_name, "xl/worksheets/sheet9.xml")), content))
    else:
        chance.shuffle(found)
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", chance.choice((0, 8))) as package:
        warnings.simplefilter("ignore")
        for each, inside in found:
            package.writestr(each, inside)
    return out.getvalue()


def _in_part(chance: random.Random, data: bytes, change: Callable[[str], str], only: str = "") -> bytes:
    found = parts_of(data)
    names = [name for name in found if name.endswith((".xml", ".rels")) and only in name]
    name = chance.choice(names)
    return packed({**found, name: change(found[name].decode()).encode()})


def tokens(chance: random.Random, data: bytes) -> bytes:
    """Tokens of a part's XML are exchanged, gone or there twice."""

    def change(xml: str) -> str:
        pieces = _TOKEN.findall(xml)
        for _ in range(chance.randint(1, 3)):
            one, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
            deed = chance.randrange(3)
            if deed == 0:
                pieces[one], pieces[other] = pieces[other], pieces[one]
            elif deed == 1 and len(pieces) > 1:
                del pieces[one]
            else:
                pieces.insert(other, pieces[one])
        return "".join(pieces)

    return _in_part(chance, data, change)


def _replaced(chance: random.Random, xml: str, pattern: re.Pattern[str], make: Callable[[str], str]) -> str:
    found = list(pattern.finditer(xml))
    if not found:
        return xml
    one = chance.choice(found)
    return xml[: one.start()] + make(one.group()) + xml[one.end() :]


def attributes(chance: random.Random, data: bytes) -> bytes:
    """An attribute is gone, has another's value, or one of the values that break things."""

    def change(xml: str) -> str:
        others = _ATTRIBUTE.findall(xml) or [' x="1"']

        def make(old: str) -> str:
            name = old.partition("=")[0]
            other = chance.choice(others).partition("=")[2]
            return chance.choice(("", f"{name}={other}", f'{name}="{chance.choice(VALUES)}"'))

        return _replaced(chance, xml, _ATTRIBUTE, make)

    return _in_part(chance, data, change)


def values(chance: random.Random, data: bytes) -> bytes:
    """A saved value or text is another."""

    def make(old: str) -> str:
        start, _, rest = old.partition(">")
        old_value = rest.partition("<")[0]
        changed = (chance.choice(VALUES), old_value + "0", "-" + old_value, old_value[:-1])
        return f"{start}>{chance.choice(changed)}</{start[1:].partition(' ')[0]}>"

    def change(xml: str) -> str:
        for _ in range(chance.randint(1, 2)):
            xml = _replaced(chance, xml, _VALUE, make)
        return xml

    return _in_part(chance, data, change, only="sheet")


def typed(chance: random.Random, data: bytes) -> bytes:
    """Another value stands in one to three cells that are read."""
    for _ in range(chance.randint(1, 3)):
        sheet, cell = chance.choice(READ)
        number = SHEETS.index(sheet) + 1
        pattern = re.compile(rf'<c r="{cell}"((?: [a-z]+="[^"]*")*) ?(?:/>|>.*?</c>)', re.DOTALL)
        value = chance.choice(VALUES) if chance.random() < 0.7 else str(chance.randint(0, 2_000_000))
        inside = chance.choice(
            (f"><v>{value}</v>", f' t="str"><v>{value}</v>', f' t="inlineStr"><is><t>{value}</t></is>')
        )

        def put(xml: str, cell: str = cell, inside: str = inside, pattern: re.Pattern[str] = pattern) -> str:
            return pattern.sub(lambda _: f'<c r="{cell}"{inside}</c>', xml, count=1)

        data = _in_part(chance, data, put, only=f"xl/worksheets/sheet{number}.xml")
    return data


def _read(layout: Layout) -> list[tuple[str, str]]:
    """The cells of a version that decide: cover, sources, months, factors, result."""
    fields = (*layout.cover, *layout.year_cells)
    first = layout.factors.first
    columns = (layout.factors.at("code"), *layout.factor_years[0])
    return [
        *((COVER, field.cell) for field in fields),
        *(
            (SOURCES, f"{layout.sources.at(role)}{layout.sources.first + n}")
            for role in ("name", "factor")
            for n in range(4)
        ),
        *((ACTIVITY, f"{month}{layout.activity_row(0, n)}") for month in layout.months for n in range(4)),
        *((FACTORS, f"{column}{first + n}") for column in columns for n in range(10)),
        *((SUMMARY, layout.result.cell),) * 4,
    ]


READ = [cell for layout in LAYOUTS.values() for cell in _read(layout)]

CHANGES: tuple[Change, ...] = (flip, splice, headers, parts, tokens, attributes, values, typed)


def mutant(seed: int, number: int, among: Sequence[Sample]) -> tuple[str, bytes, FormExpectation]:
    """(how it was made, its bytes, what its form has to say) of the mutant ``number``."""
    chance = random.Random(f"{seed}/{number}")
    sample = chance.choice(among)
    changes = chance.sample(CHANGES, 2) if chance.random() < 0.2 else [chance.choice(CHANGES)]
    # what goes into the package first, what breaks it last
    changes.sort(key=lambda change: CHANGES.index(change), reverse=True)
    data = sample.data
    for change in changes:
        data = change(chance, data)
    return "+".join(change.__name__ for change in changes), data, sample.expected


def figure_of_rows(data: bytes, expected: FormExpectation) -> int:
    """The figure (t-CO2) of the cells that are seen, computed apart from the portal's reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(io.BytesIO(data), data_only=True)
    layout = next(
        one
        for one in LAYOUTS.values()
        if str(book[COVER][one.field("version").cell].value).strip() == one.version
    )
    years = expected.identity.fiscal_years
    total = Fraction(0)
    for number in range(layout.source_rows):
        label = book[SOURCES][f"{layout.sources.at('factor')}{layout.sources.first + number}"].value
        if label is None or not str(label).strip():
            continue
        for place, year in enumerate(years):
            (factor,) = (
                each
                for each in expected.factors[year]
                if fold(str(label)) in {fold(each.code), fold(each.name_ja), fold(each.name_en)}
            )
            if factor.factor is None:
                unit = Fraction(factor.calorific or 0) * Fraction(factor.carbon or 0) * 44 / 12
            else:
                unit = Fraction(factor.factor)
            row = layout.activity_row(place, number)
            months = [book[ACTIVITY][f"{column}{row}"].value for column in layout.months]
            total += sum(map(_month, months)) * unit
    return floor(total / len(years))


def _month(value: object) -> Fraction:
    text = (
        str(value).translate(str.maketrans("０１２３４５６７８９．", "0123456789.")).replace(",", "").strip()
    )
    return Fraction(Decimal(text) if not isinstance(value, float) else Decimal(f"{value:.15g}"))


def fault_of(reading: FormReading, data: bytes, expected: FormExpectation) -> str:
    """Why this answer to a mutant is wrong; empty when it is right."""
    if not reading.ok:
        unsaid = [p.code for p in reading.problems if not (p.message("ja") and p.message("en"))]
        return f"no words for {unsaid}" if unsaid else "" if reading.problems else "refused without a reason"
    own = figure_of_rows(data, expected)
    return "" if own == reading.emissions else f"accepted with {reading.emissions}, its rows say {own}"


def judged(seed: int, number: int, among: Sequence[Sample]) -> tuple[str, str, str, float]:
    """(how it was made, "accepted" or the first reason, the fault, seconds) of one mutant."""
    how, data, expected = mutant(seed, number, among)
    began = time.perf_counter()
    reading = read_form_jailed(data, expected)
    taken = time.perf_counter() - began
    answer = "accepted" if reading.ok else reading.problems[0].code if reading.problems else "nothing"
    return how, answer, fault_of(reading, data, expected), taken


def main() -> int:
    """Judge the mutants, print the figures; 1 if any answer was wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--files", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--only", type=int)
    given = asked.parse_args()
    among = samples()
    if given.only is not None:
        sys.stdout.buffer.write(mutant(given.seed, given.only, among)[1])
        return 0
    began = time.perf_counter()
    with ThreadPoolExecutor(given.threads) as threads:
        answers = list(threads.map(lambda number: judged(given.seed, number, among), range(given.files)))
    taken = time.perf_counter() - began
    warm.readers.stop()
    for line in _told(answers, taken, given.seed):
        print(line)
    return int(any(fault for _, _, fault, _ in answers))


def _told(answers: list[tuple[str, str, str, float]], taken: float, seed: int) -> Iterator[str]:
    yield f"{len(answers):,} mutants, seed {seed}: {len(answers) / taken:.1f} a second ({taken:.0f} s)"
    good = sum(answer == "accepted" for _, answer, _, _ in answers)
    yield f"refused with a reason {len(answers) - good:,}, accepted with the figure of their rows {good:,}"
    for code, count in collections.Counter(answer for _, answer, _, _ in answers).most_common():
        yield f"  {code:24} {count:6,}"
    times = sorted(time for _, _, _, time in answers)
    late = [number for number, (*_, time) in enumerate(answers) if time > 2][:9]
    yield f"median {times[len(times) // 2]:.3f} s, slowest {times[-1]:.3f} s, over 2 s: {late}"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield f"largest reader {peak:.0f} MiB (limit 256 MiB of addresses)"
    wrong = [(number, how, fault) for number, (how, _, fault, _) in enumerate(answers) if fault]
    yield f"wrong answers: {len(wrong)} of {len(answers):,}"
    for number, how, fault in wrong[:20]:
        yield f"  --seed {seed} --only {number} ({how}): {fault}"


if __name__ == "__main__":
    raise SystemExit(main())
