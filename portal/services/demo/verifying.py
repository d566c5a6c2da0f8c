"""Scenes at the verifiers': second people at two of them, who is in charge of what, a checklist half done."""

from __future__ import annotations

from sqlalchemy import select

from portal import clock
from portal.models import EmissionsReport, ReportState
from portal.services import letters, verification_charge, verification_draft, verifiers
from portal.services.checklist import ITEMS, Answer, Given
from portal.services.demo.stage import Stage
from portal.services.report_rules import live_assignment
from portal.services.verification_draft import Written

#: verifier's place → the name of its second person
_SECOND = {0: "検証 次郎", 1: "認証 二葉"}


def second_people(stage: Stage) -> None:
    """Two verifiers have a second login, whose letter was posted."""
    for place, name in _SECOND.items():
        stage.at("2015-04-06 10:00", minutes=place)
        _user, letter = stage.play(
            verifiers.add_user,
            stage.session,
            stage.verifiers[place],
            name,
            f"v{place + 1}b@verifier.example",
            actor=stage.officer(),
        )
        stage.play(letters.print_letter, stage.session, letter.id, actor=stage.officer())
        stage.play(letters.mark_posted, stage.session, letter.id, clock.today(), actor=stage.officer())


def work_in_hand(stage: Stage) -> None:
    """Most of what lies with a verifier is in somebody's charge; the first checklist is half done."""
    stage.at("2015-10-13 17:00")
    waiting = stage.session.scalars(
        select(EmissionsReport.id)
        .where(EmissionsReport.state == ReportState.VERIFICATION_REQUESTED)
        .order_by(EmissionsReport.id)
    ).all()
    for number, report_id in enumerate(waiting):
        report = stage.session.get_one(EmissionsReport, report_id)
        assignment = live_assignment(report)
        assert assignment is not None
        people = assignment.verifier.users
        first, chosen = people[0], people[number % len(people)]
        if number % 4 != 2:
            stage.play(verification_charge.choose, stage.session, report_id, chosen.id, actor=first)
        if number == 0:
            stage.play(verification_draft.save_draft, stage.session, report_id, _half(), actor=chosen)


def _half() -> Written:
    answers = {item.code: Given(Answer.CONFORMS) for item in ITEMS[: len(ITEMS) // 2]}
    answers["meters"] = Given(Answer.CONFORMS, "流量計3台、電力量計1台の検定証を確認")
    return Written(answers, findings="都市ガスの検針日を確認中")
