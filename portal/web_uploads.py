"""The way in for files: whatever a page takes is searched for viruses before anything reads or keeps it."""

from __future__ import annotations

from portal.extensions import db_session
from portal.services import documents
from portal.services.transaction import begin_reading
from portal.web import actor, carry_out


def admit(*files: tuple[str, bytes] | None, field: str = "file") -> None:
    """Let the files (name, bytes) in. Call it before the act, never within its transaction.

    Raises ``Refused`` with FILE_INFECTED (kept as an event), SCANNER_AWAY or FILE_TOO_LARGE at ``field``.
    """
    sent = [file for file in files if file is not None and file[1]]
    if not sent:
        return
    try:
        documents.admit(db_session(), sent, field=field)
    except documents.Infected as infected:
        found = infected
        carry_out(lambda: documents.record_infected(db_session(), found, actor=actor()))
        raise
    finally:
        begin_reading(db_session())
