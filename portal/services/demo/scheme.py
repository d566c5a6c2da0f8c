"""Scenes of phases, targets and verifiers that wait on the demonstration's day: the next cohort begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from portal.services import (
    factor_proposals,
    factor_rules,
    factors,
    phase_proposals,
    phases,
    targets,
)
from portal.services.demo import registry
from portal.services.demo.assigning import assign_holder
from portal.services.demo.stage import Stage

#: companies of phase 2 that take part again with another site
_AGAIN = (25, 27, 29, 31, 32, 34, 36, 37)
#: t-CO2, told apart from every other figure of the demonstration
_TARGETS = (1_071, 1_083, 1_097, 1_103, 1_119, 1_127, 1_139, 1_151)
_REPLACEMENT = 1_163


def next_cohort(stage: Stage) -> None:
    """Eight holders of phase 4: two without verifier, six targets to confirm, two confirmed."""
    holders = []
    for place, position in enumerate(_AGAIN):
        stage.at("2015-10-02 10:00", minutes=4 * place)
        site = ("第二工場", "だいにこうじょう") if place % 2 else ("別館", "べっかん")
        accepted = registry.with_another_site(stage, position, site, phase=4, received=date(2015, 9, 18))
        assert accepted.holder is not None
        holders.append(accepted.holder.id)
    for place, (holder_id, quantity) in enumerate(zip(holders, _TARGETS, strict=True)):
        stage.at("2015-10-13 15:00", minutes=place)
        by = stage.approver(2) if place == 5 else stage.officer()
        made = stage.play(targets.propose_target, stage.session, holder_id, quantity, actor=by)
        if place > 5:
            stage.at("2015-10-13 17:00", minutes=place)
            stage.play(targets.confirm_target, stage.session, made.id, actor=stage.approver())
        if place < 6:
            chosen = stage.verifiers[place % 4]
            stage.play(assign_holder, stage.session, holder_id, chosen, actor=stage.officer())
    stage.at("2015-10-14 10:20")
    stage.play(
        targets.propose_target,
        stage.session,
        holders[-1],
        _REPLACEMENT,
        actor=stage.officer(2),
        reason="公募の採択通知書と量が違っていたため。",
    )


def phase_change(stage: Stage) -> None:
    """New dates of phase 4 wait for an approver."""
    now = phases.dates_of(phases.rule_in_force(stage.session, stage.phase(4)))
    later = replace(now, base_report_due=date(2016, 1, 29))
    stage.at("2015-10-13 11:30")
    stage.play(
        phase_proposals.propose_rule,
        stage.session,
        stage.phases[4],
        later,
        reason="年末年始に検証が集中するため、基準年度の報告書の締切を延ばす。",
        actor=stage.officer(),
    )


def factor_tables(stage: Stage) -> None:
    """FY2017 has got a free row; new figures of FY2016 wait for an approver."""
    now = [factor_rules.typed(one) for one in factors.factors_for(stage.session, [2016])[2016]]
    free = factor_rules.TypedRow(
        "mihon_biogas", "みほんバイオガス", "Sample biogas", "千Nm³", "fuel", "21.2", "0.0135"
    )
    stage.at("2015-10-07 14:00")
    proposed = stage.play(
        factor_proposals.propose,
        stage.session,
        2017,
        [*now, free],
        reason="バイオガスを使う事業所が加わるため。",
        actor=stage.officer(),
    )
    stage.at("2015-10-08 09:40")
    stage.play(factor_proposals.confirm, stage.session, proposed.id, actor=stage.approver())
    stage.at("2015-10-14 16:10")
    new: dict[str, dict[str, Any]] = {
        "electricity": {"factor": "0.000579"},
        "city_gas": {"calorific": "44.8"},
    }
    stage.play(
        factor_proposals.propose,
        stage.session,
        2016,
        [replace(row, **new.get(row.code, {})) for row in now],
        reason="電気の排出係数と都市ガスの発熱量が、告示で改正されたため。",
        actor=stage.officer(),
    )
