"""Makes the application forms kept beside this file: filled with openpyxl, saved by LibreOffice.

Run from the top of the project: ``python -m tests.files.applications.make_applications``. Who saved
them, when and on which machine is taken out.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from pathlib import Path

from tests.files.forms.make_calculation_forms import saved_by_libreoffice
from tests.services.spreadsheets.application_samples import KINDS, filled

HERE = Path(__file__).resolve().parent
_ZIP_TIME = (2013, 4, 1, 0, 0, 0)
_PERSONAL = re.compile(
    r"<(dc:creator|cp:lastModifiedBy|dcterms:created|dcterms:modified|Application|AppVersion|TotalTime)"
    r"[^>]*>[^<]*</\1>"
)


def nameless(data: bytes) -> bytes:
    """The workbook without what its properties tell of people, moments and programs."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(out, "w") as bare:
        for name in book.namelist():
            content = book.read(name)
            if name.startswith("docProps/"):
                content = _PERSONAL.sub("", content.decode()).encode()
            bare.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def main() -> None:
    """Write the kept files."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for locale in ("ja", "en"):
                saved = saved_by_libreoffice(filled(kind, locale), Path(folder))
                (HERE / f"{kind}_{locale}_libreoffice.xlsx").write_bytes(nameless(saved))


if __name__ == "__main__":
    main()
