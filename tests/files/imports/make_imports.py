"""Makes the workbook kept beside this file: a blank one, filled with openpyxl, saved by LibreOffice.

Run from the top of the project: ``python -m tests.files.imports.make_imports``.
"""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from portal.models import ParticipantKind
from portal.services.registration import ApplicationData
from tests.factories.imports import plain_holder, plain_trader, plain_verifier, workbook
from tests.files.forms.make_calculation_forms import saved_by_libreoffice

KEPT = Path(__file__).resolve().parent / "applications_libreoffice.xlsx"


def items() -> list[ApplicationData]:
    """Two holders, a trader and a verifier."""
    return [plain_holder(3), plain_holder(4), plain_trader(1), plain_verifier(1)]


def as_typed() -> bytes:
    """The workbook as openpyxl saves it; one date is a real date, one is typed as text."""
    assert [one.kind for one in items()].count(ParticipantKind.HOLDER) == 2
    return workbook(
        items(), {0: {"received_on": datetime(2013, 9, 2)}, 1: {"received_on": "２０１３年９月２日"}}
    )


def main() -> None:
    """Write the kept file."""
    with tempfile.TemporaryDirectory() as folder:
        KEPT.write_bytes(saved_by_libreoffice(as_typed(), Path(folder)))


if __name__ == "__main__":
    main()
