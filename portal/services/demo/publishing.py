"""Scenes of the public page: phase 1's tables are out, phase 2's emissions wait for an approver."""

from __future__ import annotations

from portal.models import PublicationSubject
from portal.services import publications
from portal.services.demo.stage import Stage


def tables(stage: Stage) -> None:
    """What two persons released, and what one of them has just proposed."""
    for place, subject in enumerate(PublicationSubject):
        stage.at("2015-10-05 10:00", minutes=9 * place)
        row = stage.play(publications.propose, stage.session, stage.phases[1], subject, actor=stage.officer())
        stage.at("2015-10-06 14:00", minutes=9 * place)
        stage.play(publications.release, stage.session, row.id, actor=stage.approver())
    stage.at("2015-10-14 16:40")
    stage.play(
        publications.propose,
        stage.session,
        stage.phases[2],
        PublicationSubject.EMISSIONS,
        actor=stage.officer(),
        note="査読中の事業所は「未確定」のまま公表します。承認後に差し替えます。",
    )
