"""Scenes of phase 3, whose targets were fixed late: what can be issued on the demonstration's day."""

from __future__ import annotations

from datetime import date

from portal.models import Holder, Period
from portal.services import issue_batches, targets
from portal.services.demo import registry, reporting
from portal.services.demo.assigning import assign_holder
from portal.services.demo.stage import Stage

#: companies of phase 2 that take part with another site
_COMPANIES = (5, 9, 14, 18)
#: t-CO2, told apart from every other figure of the demonstration
_BASES = (2_677, 3_083, 3_571, 4_093)
_TARGETS = (293, 337, 409, 443)


def registered(stage: Stage) -> None:
    """Four holders of phase 3, each with its verifier."""
    for place, position in enumerate(_COMPANIES):
        stage.at("2014-09-04 10:00", minutes=7 * place)
        site = ("第三工場", "だいさんこうじょう") if place % 2 else ("南館", "みなみかん")
        accepted = registry.with_another_site(stage, position, site, phase=3, received=date(2014, 9, 2))
        assert accepted.holder is not None
        stage.letters.append(accepted.letter.id)
        stage.later_holders.append(accepted.holder.id)
        stage.at("2014-09-05 10:00", minutes=7 * place)
        chosen = stage.verifiers[place % 4]
        stage.play(assign_holder, stage.session, accepted.holder.id, chosen, actor=stage.officer())


def base_years(stage: Stage) -> None:
    """Their base-year figures are approved."""
    for place, holder_id in enumerate(stage.later_holders):
        holder = stage.session.get_one(Holder, holder_id)
        reporting.approved(stage, holder, Period.BASE, _BASES[place], "2014-11-26 10:00", place)


def issues_to_confirm(stage: Stage) -> None:
    """Targets confirmed two days ago; two issues wait as one for an approver, two can be proposed."""
    for place, (holder_id, quantity) in enumerate(zip(stage.later_holders, _TARGETS, strict=True)):
        stage.at("2015-10-09 11:00", minutes=place)
        made = stage.play(targets.propose_target, stage.session, holder_id, quantity, actor=stage.officer(2))
        stage.at("2015-10-13 13:20", minutes=place)
        stage.play(targets.confirm_target, stage.session, made.id, actor=stage.approver())
    stage.at("2015-10-14 15:10")
    phase, officer = stage.phases[3], stage.officer()
    ready = issue_batches.table(stage.session, phase, actor=officer).ready[:2]
    shown = {line.holder.id: line.quantity or 0 for line in ready}
    stage.play(issue_batches.propose, stage.session, phase, shown, key=stage.key(), actor=officer)
