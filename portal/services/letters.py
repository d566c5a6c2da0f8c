"""Letters: made when something is decided, printed by an officer, posted, sometimes returned (domain §3).

Initial passwords are made at printing, go into the PDF that leaves once, and stay only as hashes;
the kept copy has them blacked out. A reprint makes new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotFound, Problem, Refusal, Refused, refuse
from portal.models import (
    Document,
    Letter,
    LetterKind,
    LetterState,
    RegistrationApplication,
    User,
)
from portal.permissions import Permission
from portal.services import access, documents, letter_words, transitions, users, workflow
from portal.services.letter_pdf import LetterContent, LetterTextError, render_letter
from portal.services.letter_words import Participant
from portal.services.numbers import next_number


def _number(session: Session, application: RegistrationApplication) -> str:
    """第2期 通知第0001号: a series for each phase, one for those without."""
    phase = application.phase
    if phase is None:
        return f"通知第{next_number(session, 'letter'):04d}号"
    return f"第{phase.number}期 通知第{next_number(session, f'letter:{phase.number}'):04d}号"


def _keep(
    session: Session,
    kind: LetterKind,
    application: RegistrationApplication,
    content: LetterContent,
    actor: User,
) -> Letter:
    letter = Letter(
        number=content.number,
        kind=kind,
        state=LetterState.WAITING,
        application_id=application.id,
        addressee=f"{content.address.company}　{content.address.name}"[:200],
        content=letter_words.to_json(content),
        copy_id=_copy(session, content, actor).id,
        created_at=clock.now(),
    )
    session.add(letter)
    session.flush()
    return letter


def _copy(session: Session, content: LetterContent, actor: User) -> Document:
    """The blacked-out PDF that stays here."""
    pdf = _render(letter_words.blackened(content))
    return documents.store(session, f"{content.number}.pdf", pdf, documents.PDF, actor=actor)


def _render(content: LetterContent) -> bytes:
    try:
        return render_letter(content)
    except LetterTextError as error:
        raise refuse(Refusal.GLYPH_MISSING, found="".join(error.characters)) from error


def make_completion(
    session: Session,
    application: RegistrationApplication,
    participant: Participant,
    logins: Sequence[User],
    *,
    actor: User,
) -> Letter:
    """The completion notice of an acceptance, waiting to be printed.

    Raises ``Refused(GLYPH_MISSING)`` if something cannot be printed, which refuses the acceptance.
    """
    number = _number(session, application)
    content = letter_words.completion(application, participant, list(logins), number, clock.today())
    return _keep(session, LetterKind.COMPLETION, application, content, actor)


def make_correction(
    session: Session, application: RegistrationApplication, reason: str, *, actor: User
) -> Letter:
    """The letter that asks for a correction, waiting to be printed."""
    content = letter_words.correction(application, reason, _number(session, application), clock.today())
    return _keep(session, LetterKind.CORRECTION, application, content, actor)


def make_rejection(
    session: Session, application: RegistrationApplication, reason: str, *, actor: User
) -> Letter:
    """The letter that says why an application is rejected, waiting to be printed."""
    content = letter_words.rejection(application, reason, _number(session, application), clock.today())
    return _keep(session, LetterKind.REJECTION, application, content, actor)


def make_reissue(
    session: Session, participant: Participant, logins: Sequence[User], *, actor: User
) -> Letter:
    """A letter with new initial passwords for some logins of one participant, waiting to be printed.

    The present passwords work until it is printed. Raises ``NotFound`` for a login of somebody else.
    """
    access.check(actor, Permission.LOGIN_REISSUE)
    own = {user.id for user in participant.users}
    if not logins or any(user.id not in own for user in logins):
        raise NotFound
    application = session.get_one(RegistrationApplication, participant.application_id)
    number = _number(session, application)
    content = letter_words.reissue(participant, list(logins), number, clock.today())
    return _keep(session, LetterKind.REISSUE, application, content, actor)


def print_letter(session: Session, letter_id: int, *, actor: User, version: int | None = None) -> bytes:
    """Print a letter: the PDF, which is not kept. Logins on it get new initial passwords.

    Every printing after the first is a reissue: the event says so, and passwords printed or chosen
    before no longer work. Raises ``Stale`` for an old page, ``NotAllowed``.
    """
    access.check(actor, Permission.LETTER_PRINT)
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    workflow.expect_version(letter, version)
    content = letter_words.from_json(letter.content)
    if content.logins:
        days = letter_words.password_days()
        passwords = {
            user.login_id: users.set_initial_password(session, user, actor=actor, days=days)
            for user in _logins(session, content)
        }
        last_day = clock.today() + timedelta(days=days)
        content = letter_words.to_print(content, passwords, printed_on=clock.today(), expires_on=last_day)
    else:
        content = letter_words.dated(content, clock.today())
    pdf = _render(content)
    letter.content = letter_words.to_json(content)
    letter.copy_id = _copy(session, content, actor).id
    letter.prints += 1
    letter.printed_at = clock.now()
    letter.posted_on = letter.returned_on = None
    workflow.advance(
        session,
        transitions.LETTER,
        letter,
        "print",
        actor=actor,
        prints=letter.prints,
        reissue=letter.prints > 1 or letter.kind is LetterKind.REISSUE,
        logins=[login.login_id for login in content.logins],
    )
    return pdf


def _logins(session: Session, content: LetterContent) -> list[User]:
    ids = [login.login_id for login in content.logins]
    found = session.scalars(
        select(User)
        .where(User.login_id.in_(ids))
        .order_by(User.id)
        .with_for_update(of=User)
        .execution_options(populate_existing=True)
    ).all()
    if len(found) != len(ids):
        raise NotFound
    return list(found)


def mark_posted(
    session: Session, letter_id: int, posted_on: date, *, actor: User, version: int | None = None
) -> Letter:
    """Record the day a printed letter was sent. Raises ``Refused(DATE_IN_FUTURE | DATES_ORDER)``."""
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    printed = clock.in_tokyo(letter.printed_at).date() if letter.printed_at else None
    _check_day("posted_on", posted_on, printed)
    letter.posted_on = posted_on
    workflow.advance(
        session, transitions.LETTER, letter, "post", actor=actor, version=version, day=posted_on.isoformat()
    )
    return letter


def mark_returned(
    session: Session, letter_id: int, returned_on: date, *, actor: User, version: int | None = None
) -> Letter:
    """Record that a posted letter came back undelivered; it can then be printed again."""
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    _check_day("returned_on", returned_on, letter.posted_on)
    letter.returned_on = returned_on
    workflow.advance(
        session,
        transitions.LETTER,
        letter,
        "return",
        actor=actor,
        version=version,
        day=returned_on.isoformat(),
    )
    return letter


def _check_day(field: str, day: date, earliest: date | None) -> None:
    if day > clock.today():
        raise Refused(Problem(Refusal.DATE_IN_FUTURE, field))
    if earliest is not None and day < earliest:
        raise Refused(Problem(Refusal.DATES_ORDER, field))
