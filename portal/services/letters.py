"""Letters: made when something is decided, printed by an officer, posted, sometimes returned (domain §3).

Initial passwords are made at printing, go into the PDF that leaves once, and stay only as hashes;
the kept copy has them blacked out. A reprint makes new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

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
from portal.services import (
    access,
    documents,
    letter_batches,
    letter_present,
    letter_words,
    once,
    transitions,
    users,
    workflow,
)
from portal.services.letter_pdf import LetterContent, LetterTextError, render_letter
from portal.services.letter_words import Participant
from portal.services.mail import MailKind, notify
from portal.services.numbers import next_number
from portal.services.passwords import InitialPassword, make_initial_password
from portal.services.registration_data import glyph_problem


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
        addressee=letter_present.addressee(content),
        content=letter_words.to_json(content),
        copy_id=_keep_copy(session, content.number, typeset(letter_words.blackened(content)), actor).id,
        created_at=clock.now(),
    )
    session.add(letter)
    session.flush()
    return letter


def _keep_copy(session: Session, number: str, pdf: bytes, actor: User) -> Document:
    """The blacked-out PDF that stays here."""
    return documents.store(session, f"{number}.pdf", pdf, documents.PDF, actor=actor)


def typeset(content: LetterContent) -> bytes:
    """One letter as PDF. Raises ``Refused(GLYPH_MISSING)`` naming what cannot be printed."""
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
    session: Session,
    application: RegistrationApplication,
    reason: str,
    *,
    answer_by: date | None = None,
    actor: User,
) -> Letter:
    """The letter that asks for a correction by ``answer_by``, waiting to be printed.

    Raises ``Refused``: GLYPH_MISSING, at ``reason`` if the reason cannot be printed.
    """
    _check_reason(reason)
    today = clock.today()
    due = answer_by or today + letter_words.ANSWER_WITHIN
    content = letter_words.correction(application, reason, _number(session, application), today, due)
    return _keep(session, LetterKind.CORRECTION, application, content, actor)


def make_rejection(
    session: Session, application: RegistrationApplication, reason: str, *, actor: User
) -> Letter:
    """The letter that says why an application is rejected, waiting to be printed.

    Raises ``Refused(GLYPH_MISSING)``, at ``reason`` if the reason cannot be printed.
    """
    _check_reason(reason)
    content = letter_words.rejection(application, reason, _number(session, application), clock.today())
    return _keep(session, LetterKind.REJECTION, application, content, actor)


def _check_reason(reason: str) -> None:
    """What was typed is named where it was typed."""
    problem = glyph_problem(reason, "reason")
    if problem is not None:
        raise Refused(problem)


def make_reissue(
    session: Session, participant: Participant, logins: Sequence[User], *, actor: User, new: bool = False
) -> Letter:
    """A letter with new initial passwords for some logins of one participant, waiting to be printed.

    The present passwords work until it is printed. ``new``: the logins were just made. Raises
    ``NotFound`` for a login of somebody else.
    """
    access.check(actor, Permission.LOGIN_REISSUE)
    own = {user.id for user in participant.users}
    if not logins or any(user.id not in own for user in logins):
        raise NotFound
    application = session.get_one(RegistrationApplication, participant.application_id)
    number = _number(session, application)
    content = letter_words.reissue(participant, list(logins), number, clock.today(), new=new)
    return _keep(session, LetterKind.REISSUE, application, content, actor)


def print_letter(session: Session, letter_id: int, *, actor: User, version: int | None = None) -> bytes:
    """Print a letter: the PDF, which is not kept. Logins on it get new initial passwords.

    It goes to where its reader is registered now. Every printing after the first is a reissue: the
    event says so, and passwords printed or chosen before no longer work. Raises ``Stale`` for an
    old page, ``NotAllowed``, ``Refused(GLYPH_MISSING)``.
    """
    access.check(actor, Permission.LETTER_PRINT)
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    workflow.expect_version(letter, version)
    content = letter_present.present(session, letter)
    made = {login.login_id: make_initial_password() for login in content.logins}
    printed = with_passwords(content, made)
    pdf = typeset(printed)
    give_passwords(session, made, actor=actor)
    record_printing(session, letter, printed, typeset(letter_words.blackened(printed)), actor=actor)
    tell_of_passwords(session, [letter], actor=actor)
    return pdf


def with_passwords(content: LetterContent, made: Mapping[str, InitialPassword]) -> LetterContent:
    """``content`` with its passwords and their last day, to be printed today."""
    if not content.logins:
        return content
    words = {login.login_id: made[login.login_id].word for login in content.logins}
    today = clock.today()
    last_day = today + timedelta(days=letter_words.password_days())
    return letter_words.to_print(content, words, printed_on=today, expires_on=last_day)


def give_passwords(session: Session, made: Mapping[str, InitialPassword], *, actor: User) -> None:
    """Let the logins have what their letters say. Raises ``NotFound`` if one is not there."""
    days = letter_words.password_days()
    for user in _logins(session, made):
        users.set_initial_password(session, user, actor=actor, days=days, made=made[user.login_id])


def _logins(session: Session, login_ids: Collection[str]) -> list[User]:
    """The logins, locked in the order of their ids."""
    if not login_ids:
        return []
    found = session.scalars(
        select(User)
        .where(User.login_id.in_(login_ids))
        .order_by(User.id)
        .with_for_update(of=User)
        .execution_options(populate_existing=True)
    ).all()
    if len(found) != len(set(login_ids)):
        raise NotFound
    return list(found)


def record_printing(
    session: Session,
    letter: Letter,
    printed: LetterContent,
    copy: bytes,
    *,
    actor: User,
    batch: int | None = None,
) -> None:
    """Note that ``letter`` was printed as ``printed``; ``copy`` is its blacked-out PDF, which is kept."""
    letter.content = letter_words.to_json(printed)
    letter.addressee = letter_present.addressee(printed)
    letter.copy_id = _keep_copy(session, printed.number, copy, actor).id
    more: dict[str, Any] = {} if batch is None else {"batch": batch}
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
        reissue=is_again(letter),
        logins=[login.login_id for login in printed.logins],
        **more,
    )


def is_again(letter: Letter) -> bool:
    """Whether its last print replaced passwords that may be in use."""
    return letter.prints > 1 or letter.kind is LetterKind.REISSUE


def tell_of_passwords(session: Session, printed: Iterable[Letter], *, actor: User) -> None:
    """Mail whoever's password a reissue or a reprint has just replaced (B's: to A).

    One mail for each address, naming every login of its participant that was replaced. A first
    completion notice tells nobody: the acceptance did.
    """
    again = [letter for letter in printed if is_again(letter)]
    ids = {login["login_id"] for letter in again for login in letter.content["logins"]}
    told: dict[tuple[Any, ...], list[User]] = {}
    for user in session.scalars(select(User).where(User.login_id.in_(ids)).order_by(User.id)) if ids else ():
        # a holder's logins are A's to know of (safety 17); a verifier's each have their own address
        address = "" if user.holder_id is not None else (user.email or "").strip().casefold()
        told.setdefault((user.holder_id, user.trader_id, user.verifier_id, address), []).append(user)
    for users_told in told.values():
        names = (
            "、".join(user.login_id for user in users_told),
            ", ".join(user.login_id for user in users_told),
        )
        notify(session, MailKind.PASSWORD_LETTER, user=users_told[0], actor=actor, logins=names)


def mark_posted(
    session: Session, letter_id: int, posted_on: date, *, actor: User, version: int | None = None
) -> Letter:
    """Record the day a printed letter was sent.

    Raises ``Refused(DATE_IN_FUTURE | DATES_ORDER | LETTERS_NOT_FETCHED)``.
    """
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    workflow.expect_version(letter, version)
    _check_paper(session, [letter])
    _post(session, letter, posted_on, actor)
    return letter


def _post(session: Session, letter: Letter, posted_on: date, actor: User) -> None:
    printed = clock.in_tokyo(letter.printed_at).date() if letter.printed_at else None
    _check_day("posted_on", posted_on, printed)
    letter.posted_on = posted_on
    workflow.advance(session, transitions.LETTER, letter, "post", actor=actor, day=posted_on.isoformat())


def _check_paper(session: Session, rows: Sequence[Letter]) -> None:
    """A letter in a PDF that was never downloaded is on no paper that could be posted."""
    found = letter_batches.unfetched(session, rows)
    if found:
        raise refuse(Refusal.LETTERS_NOT_FETCHED, count=len(found))


def post_together(
    session: Session, chosen: Mapping[int, int], posted_on: date, *, actor: User, key: str | None = None
) -> int:
    """Record one day of posting for many printed letters, all or none; how many.

    ``chosen`` says which version of each letter the page showed: one that was printed again meanwhile
    is another paper. Raises ``Stale``, ``NotFound``, ``Refused(DATE_IN_FUTURE | DATES_ORDER | WRONG_STATE |
    LETTERS_NOT_FETCHED)``.
    """
    access.check(actor, Permission.LETTER_PRINT)
    content = {"letters": sorted(chosen.items()), "day": posted_on}
    query = access.visible(Letter, actor).where(Letter.id.in_(chosen)).order_by(Letter.id)
    rows = session.scalars(query.with_for_update(of=Letter).execution_options(populate_existing=True)).all()
    if (done := once.earlier(session, key, "post_letters", content, actor=actor)) is not None:
        return done
    if not rows or len(rows) != len(chosen):
        raise NotFound
    for letter in rows:
        workflow.expect_version(letter, chosen[letter.id])
    _check_paper(session, rows)
    for letter in rows:
        _post(session, letter, posted_on, actor)
    once.remember(session, key, "post_letters", content, len(rows), actor=actor)
    return len(rows)


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


def void(
    session: Session, letter_id: int, reason: str | None, *, actor: User, version: int | None = None
) -> Letter:
    """Void a letter that waits to be printed and shall not go out, with a reason; nothing prints it any more.

    Raises ``Refused`` with REASON_NEEDED, or WRONG_STATE for one that was printed.
    """
    access.check(actor, Permission.LETTER_PRINT)
    letter = access.get_visible(session, Letter, letter_id, actor, lock=True)
    workflow.advance(session, transitions.LETTER, letter, "void", actor=actor, version=version, reason=reason)
    return letter


#: why a request for a correction that was not printed yet is void, by the act on the application
_SETTLED = {
    "correct": "申請が補正されたため",
    "reject": "申請が却下されたため",
    "withdraw": "申請が取り下げられたため",
    "accept": "申請が承認されたため",
}


def void_corrections(
    session: Session, application: RegistrationApplication, act: str, *, actor: User
) -> None:
    """Void the application's requests for a correction that still wait to be printed: ``act`` settled it.

    What was printed is with the applicant, or may be, and stays as it is.
    """
    waiting = (
        select(Letter)
        .where(
            Letter.application_id == application.id,
            Letter.kind == LetterKind.CORRECTION,
            Letter.state == LetterState.WAITING,
        )
        .order_by(Letter.id)
        .with_for_update(of=Letter)
        .execution_options(populate_existing=True)
    )
    for letter in session.scalars(waiting).all():
        workflow.advance(session, transitions.LETTER, letter, "void", actor=actor, reason=_SETTLED[act])


def _check_day(field: str, day: date, earliest: date | None) -> None:
    if day > clock.today():
        raise Refused(Problem(Refusal.DATE_IN_FUTURE, field))
    if earliest is not None and day < earliest:
        raise Refused(Problem(Refusal.DATES_ORDER, field))
