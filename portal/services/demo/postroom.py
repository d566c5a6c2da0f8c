"""Scenes of the post room: what happened to letters lately, and what waits for the printer."""

from __future__ import annotations

from sqlalchemy import select

from portal import clock
from portal.models import Holder, Letter, LetterState, Trader, Verifier
from portal.services import letters
from portal.services.demo.stage import Stage


def old_letters(stage: Stage) -> None:
    """What came back or was left lying in 2014 was sent after all."""
    stage.at("2014-09-22 11:00")
    for row in stage.session.scalars(select(Letter).where(Letter.id.in_(stage.letters))).all():
        if row.state is LetterState.RETURNED:
            stage.play(letters.print_letter, stage.session, row.id, actor=stage.officer())
        if row.state is not LetterState.POSTED:
            stage.play(letters.mark_posted, stage.session, row.id, clock.today(), actor=stage.officer())


def letters_on_their_way(stage: Stage) -> None:
    """Of the last reissues one came back and one was posted; one is printed; three wait for the printer."""
    for number, position in enumerate((7, 19)):
        stage.at("2015-09-28 11:00", minutes=number)
        letter_id = stage.play(_reissue, stage, stage.holder(position))
        stage.play(letters.print_letter, stage.session, letter_id, actor=stage.officer(2))
        stage.play(letters.mark_posted, stage.session, letter_id, clock.today(), actor=stage.officer(2))
        if number == 0:
            stage.at("2015-10-07 15:00")
            day = clock.today()
            stage.play(letters.mark_returned, stage.session, letter_id, day, actor=stage.officer(2))
    stage.at("2015-10-13 16:00")
    for participant in (stage.holder(11), stage.trader(4), stage.verifier(3)):
        stage.play(_reissue, stage, participant)
    printed = stage.play(_reissue, stage, stage.holder(26))
    stage.at("2015-10-14 10:00")
    stage.play(letters.print_letter, stage.session, printed, actor=stage.officer())


def _reissue(stage: Stage, participant: Holder | Trader | Verifier) -> int:
    users = list(participant.users)
    return letters.make_reissue(stage.session, participant, users, actor=stage.officer(2)).id
