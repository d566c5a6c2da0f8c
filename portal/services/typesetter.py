"""The typesetter (typst) as every paper uses it: fonts read once a process, a compiler for each thread.

Only the fonts in ``portal/fonts`` are used, a template reads nothing outside its own folder, no package is
fetched, and what a paper says goes in as data. The same data give the same bytes.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import typst

FONT_FOLDER = Path(__file__).resolve().parent.parent / "fonts"
#: over how many compilations typst's cache remembers
KEEPS = 11

_threads = threading.local()


def typeset(entry: Path, name: str, data: str, *, forget_after: int = 1) -> bytes:
    """The PDF that the template ``entry`` makes of ``data`` (JSON), which it finds in its input ``name``.

    ``forget_after``: so many empty compilations follow. One takes the data from the compiler, which lives as
    long as its thread (a letter holds passwords); ``KEEPS`` of them empty what the typesetter laid as well.
    """
    try:
        pdf = compiler(entry.parent).compile(input=entry, format="pdf", sys_inputs={name: data})
    finally:
        forget(entry.parent, forget_after)
    if not isinstance(pdf, bytes):
        raise TypeError("the typesetter gave no single PDF")
    return pdf


def forget(folder: Path, times: int = KEEPS) -> None:
    """Let the typesetter drop what it laid: it keeps that over its next compilations."""
    for _ in range(times):
        compiler(folder).compile(input=b"", format="pdf", sys_inputs=None)


def compiler(folder: Path) -> typst.Compiler:
    """This thread's compiler for the templates in ``folder``: one compiler must not serve two threads."""
    made: dict[Path, typst.Compiler] | None = getattr(_threads, "compilers", None)
    if made is None:
        made = _threads.compilers = {}
    if folder not in made:
        made[folder] = typst.Compiler(root=str(folder), font_paths=_fonts(), ignore_system_fonts=True)
    return made[folder]


@cache
def _fonts() -> typst.Fonts:
    """The fonts, for all compilers: read by each for itself they took 11 MB a thread and kind of paper."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONT_FOLDER)]
    )
