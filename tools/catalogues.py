"""Compile every message catalogue whose text is newer than what was compiled from it."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

TRANSLATIONS = Path(__file__).resolve().parent.parent / "portal" / "translations"


def compile_catalogue(po: Path) -> list[str]:
    """Write the ``.mo`` beside ``po``; the answer names every entry that cannot be used."""
    with po.open("rb") as text:
        catalogue = read_po(text, locale=po.parent.parent.name, abort_invalid=True)
    problems = [
        f"{po.name}: {message.id!r}: {error}" for message, errors in catalogue.check() for error in errors
    ]
    # whole or not at all: a server that reads it meanwhile must not see half a file
    part = po.with_suffix(".mo.part")
    with part.open("wb") as compiled:
        write_mo(compiled, catalogue)
    part.replace(po.with_suffix(".mo"))
    return problems


def main() -> int:
    """Compile what is out of date. Ends with 1 and the entries' names if one is wrong."""
    problems: list[str] = []
    for po in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/*.po")):
        mo = po.with_suffix(".mo")
        if not mo.exists() or mo.stat().st_mtime_ns < po.stat().st_mtime_ns:
            problems += compile_catalogue(po)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
