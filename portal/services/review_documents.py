"""Review documents: questions and answers between secretariat and verifier (domain §4)."""

from __future__ import annotations

import hashlib

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError, Problem, Refusal, Refused
from portal.models import ReviewDocument, ReviewSide, User
from portal.services import access, audit, documents, once
from portal.services.audit import EventTag
from portal.services.mail import MailKind, notify
from portal.services.report_files import PAPERS, store_paper
from portal.services.report_rules import FILE_LIMIT_MB, permission_of
from portal.services.report_steps import begin, hold, touch

_ACTS = {ReviewSide.SECRETARIAT: "send_review_document", ReviewSide.VERIFIER: "answer_review"}
_BODY_LIMIT = 2000


def send_document(
    session: Session,
    report_id: int,
    side: ReviewSide,
    body: str | None,
    filename: str | None,
    data: bytes | None,
    *,
    actor: User,
    version: int | None,
    key: str | None,
) -> ReviewDocument:
    """One review document of ``side``: a text (at most 2,000 characters), a file, or both.

    A question of the secretariat opens the next round, an answer belongs to the newest. Raises
    ``Refused`` with WRONG_STATE, NO_QUESTION, or all that is wrong with text and file.
    """
    act = _ACTS[side]
    access.check(actor, permission_of(act))
    content = {
        "report": report_id,
        "body": body or "",
        "name": filename or "",
        "sha256": hashlib.sha256(data or b"").hexdigest(),
    }
    hold(session, report_id, actor=actor)
    made = once.earlier(session, key, act, content, actor=actor)
    if made is not None:
        return access.get_visible(session, ReviewDocument, made, actor)
    report = begin(session, report_id, act, actor=actor, version=version)
    text = _judged(body, filename, data)
    rounds = max((d.round for d in report.review_documents), default=0)
    row = ReviewDocument(
        report=report,
        round=rounds + 1 if side is ReviewSide.SECRETARIAT else rounds,
        side=side,
        body=text,
        document=store_paper(session, filename or "", data, actor=actor) if data else None,
        sent_by=actor,
        sent_at=clock.now(),
    )
    session.add(row)
    touch(report)
    session.flush()
    _tell(session, row, actor)
    once.remember(session, key, act, content, row.id, actor=actor)
    return row


def _tell(session: Session, row: ReviewDocument, actor: User) -> None:
    """Record it and mail it to the other side."""
    audit.record(
        session,
        EventTag.REVIEW_DOCUMENT_SENT,
        row.report,
        actor=actor,
        holder_id=row.report.holder_id,
        review=row.id,
        side=row.side.value,
        round=row.round,
        filename=row.document.name if row.document is not None else None,
    )
    notify(
        session,
        MailKind.REVIEW_DOCUMENT_SENT,
        report=row.report,
        actor=actor,
        side=row.side.value,
        round=row.round,
        question=row.body or None,
    )


def _judged(body: str | None, filename: str | None, data: bytes | None) -> str:
    text = (body or "").strip()
    problems: list[Problem] = []
    if not text and not data:
        problems.append(Problem(Refusal.REVIEW_DOCUMENT_NEEDED, "body"))
    if len(text) > _BODY_LIMIT:
        problems.append(Problem(Refusal.TOO_LONG, "body", {"limit": _BODY_LIMIT}))
    if data:
        try:
            documents.check_upload(filename or "", data, kinds=PAPERS, limit_mb=FILE_LIMIT_MB)
        except PortalError as error:
            problems += error.problems
    if problems:
        raise Refused(*problems)
    return text
