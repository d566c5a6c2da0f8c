"""What was put right while a report's form was read (domain §8), for whoever may see the report."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal.models import EmissionsReport, User
from portal.services import access
from portal.services.report_files import check_reader
from portal.services.spreadsheets.form_types import FormReading, Note


def current_notes(session: Session, report_id: int, actor: User) -> tuple[Note, ...]:
    """The notes of the current file's reading, in the order of the sheets; empty without a file.

    Raises ``NotAllowed`` or ``NotFound``.
    """
    check_reader(actor)
    report = access.get_visible(session, EmissionsReport, report_id, actor)
    file = report.current_file
    if file is None or file.reading is None:
        return ()
    return FormReading.from_dict(file.reading).notes
