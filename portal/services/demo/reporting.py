"""Scenes of the reports: forms really filled, read, verified, reviewed, approved, and some on their way."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from portal.models import EmissionsReport, Holder, Opinion, Period, User
from portal.permissions import Role
from portal.services import report_forms, reports, reviews, verification
from portal.services.checklist import ITEMS, Answer, Given
from portal.services.demo import plan
from portal.services.demo.papers import small_pdf
from portal.services.demo.plan import Progress
from portal.services.demo.stage import Stage
from portal.services.spreadsheets.calculation_form import read_form
from portal.services.spreadsheets.filled import Source, fill_form

#: t-CO2 a unit: city gas (45.0 × 0.0136 × 44/12) and A heavy oil (39.1 × 0.0189 × 44/12), domain §4
_GAS = Fraction("45.0") * Fraction("0.0136") * Fraction(44, 12)
_POWER = Fraction("0.000550")


def sources(figures: dict[int, int], position: int) -> list[Source]:
    """City gas and electricity whose emissions come to ``figures`` (t-CO2 for each fiscal year)."""
    gas: dict[int, list[Decimal]] = {}
    power: dict[int, list[Decimal]] = {}
    for year, total in figures.items():
        tonnes = Fraction(total, 5)
        monthly = [
            Decimal(int(tonnes / _GAS / 12 * (90 + (month * 7 + position) % 21) / 100 * 10)) / 10
            for month in range(12)
        ]
        rest = (Fraction(total) + Fraction(1, 2) - sum(Fraction(m) for m in monthly) * _GAS) / _POWER
        whole = int(rest)
        base = whole // 12
        gas[year] = monthly
        power[year] = [Decimal(base)] * 11 + [Decimal(whole - base * 11)]
    return [("都市ガス", "city_gas", gas), ("受電", "electricity", power)]


def _report(stage: Stage, holder: Holder, period: Period) -> EmissionsReport:
    return next(report for report in holder.reports if report.period is period)


def register(stage: Stage, report: EmissionsReport, figure: int, position: int, actor: User) -> None:
    """Fill the designated form so that it says ``figure`` t-CO2, read it, register it."""
    expected = report_forms.expectation(stage.session, report)
    years = expected.identity.fiscal_years
    spread = max(1, figure // 40) if len(years) == 3 else 0
    figures = {year: figure + spread * (1 - index) for index, year in enumerate(years)}
    data = fill_form(expected, sources(figures, position))
    reading = read_form(data, expected)
    assert reading.ok and reading.emissions == figure, (reading.problems, reading.emissions, figure)
    stage.play(
        reports.register_file,
        stage.session,
        report.id,
        report_forms.file_name(report),
        data,
        actor=actor,
        reading=reading,
    )


def _work(report: EmissionsReport, opinion: Opinion) -> verification.Work:
    """A checklist as a verifier leaves it: the base years have nothing before them to be compared with."""
    base = report.period is Period.BASE
    answers = {
        item.code: Given(Answer.NOT_APPLICABLE if base and item.code == "base_years" else Answer.CONFORMS)
        for item in ITEMS
    }
    answers["documents"] = Given(Answer.CONFORMS, "検針票と請求書の原本（12か月分）")
    if opinion is Opinion.UNQUALIFIED:
        return verification.Work(answers)
    answers["meters"] = Given(Answer.NOT, "構内の流量計1台の校正期限が切れていた")
    findings = "構内の流量計1台の校正期限切れ。購買伝票と照合し、影響がないことを確かめました。"
    return verification.Work(answers, findings)


def _verify(stage: Stage, report: EmissionsReport, opinion: Opinion = Opinion.UNQUALIFIED) -> None:
    verifier = stage.verifier_login(report)
    paper = small_pdf(f"Verification report {report.holder.account.code} {report.period.value}")
    assert report.emissions is not None
    stage.play(
        verification.register_verification,
        stage.session,
        report.id,
        f"検証報告書_{report.holder.account.code}.pdf",
        paper,
        opinion,
        report.emissions,
        _work(report, opinion),
        actor=verifier,
    )
    stage.play(verification.request_approval, stage.session, report.id, actor=stage.verifier_login(report))


def _review(stage: Stage, report: EmissionsReport, *, asked: bool, answered: bool = False) -> None:
    stage.play(reviews.start_review, stage.session, report.id, actor=stage.officer())
    if not asked:
        return
    stage.play(
        reviews.send_review_document,
        stage.session,
        report.id,
        "都市ガスの換算に用いた検針票の期間を教えてください。",
        actor=stage.officer(),
    )
    # nothing is approved over a question that waits; of those still under review some wait
    if answered or report.id % 2:
        stage.play(
            verification.answer_review,
            stage.session,
            report.id,
            "検針票は各月1日から末日までです。写しを確認済みです。",
            actor=stage.verifier_login(report),
        )


def approved(stage: Stage, holder: Holder, period: Period, figure: int, when: str, number: int) -> None:
    """The whole way of one report: registered, verified, reviewed, approved."""
    actor = stage.login_of(holder, Role.HOLDER_B if number % 4 == 0 else Role.HOLDER_A)
    report = _report(stage, holder, period)
    stage.at(when, minutes=11 * number)
    register(stage, report, figure, number, actor)
    stage.at(when, days=1, minutes=11 * number)
    stage.play(reports.request_verification, stage.session, report.id, actor=actor)
    stage.at(when, days=24, minutes=11 * number)
    _verify(stage, report, Opinion.QUALIFIED if number % 17 == 3 else Opinion.UNQUALIFIED)
    stage.at(when, days=35, minutes=11 * number)
    _review(stage, report, asked=number % 6 == 0, answered=True)
    stage.at(when, days=48, minutes=11 * number)
    stage.play(reviews.approve, stage.session, report.id, actor=stage.approver(1 + number % 2))


def base_years(stage: Stage) -> None:
    """Every base-year figure of phase 2 and of phase 1's three is approved."""
    for one in plan.holders():
        approved(stage, stage.holder(one.position), Period.BASE, one.base, "2013-11-25 10:00", one.position)
    for number, holder_id in enumerate(stage.earlier_holders):
        holder = stage.session.get_one(Holder, holder_id)
        approved(stage, holder, Period.BASE, 1_913 + 211 * number, "2014-07-28 10:00", number)


def earlier_years(stage: Stage) -> None:
    """Phase 1's target year, and its adjustment-year reports: received, submitted, returned."""
    for number, holder_id in enumerate(stage.earlier_holders):
        holder = stage.session.get_one(Holder, holder_id)
        figure = 1_617 + 193 * number
        stage.earlier_emissions.append(figure)
        approved(stage, holder, Period.TARGET, figure, "2014-09-24 10:00", number)
        report = _report(stage, holder, Period.ADJUSTMENT)
        actor = stage.login_of(holder)
        stage.at("2015-06-10 10:00", days=number)
        register(stage, report, figure - 41, number, actor)
        stage.play(reports.submit, stage.session, report.id, actor=actor)
        stage.at("2015-06-25 10:00", days=number)
        if number == 0:
            stage.play(reviews.receive, stage.session, report.id, actor=stage.officer())


def target_years(stage: Stage) -> None:
    """The target-year reports of phase 2, each as far as its plan says."""
    for one in plan.holders():
        holder = stage.holder(one.position)
        if one.progress in (Progress.EXAMPLE, Progress.MET, Progress.TO_RETIRE, Progress.TO_BUY):
            approved(stage, holder, Period.TARGET, one.emissions, "2015-05-20 10:00", one.position)
        elif one.progress is not Progress.NOTHING:
            _on_its_way(stage, holder, one)


def _on_its_way(stage: Stage, holder: Holder, one: plan.HolderPlan) -> None:
    far, report, actor = one.progress, _report(stage, holder, Period.TARGET), stage.login_of(holder)
    stage.at("2015-06-24 10:00", minutes=one.position)
    register(stage, report, one.emissions, one.position, actor)
    if far is Progress.REGISTERED:
        return
    stage.at("2015-09-08 10:00", days=one.position % 9)
    stage.play(reports.request_verification, stage.session, report.id, actor=actor)
    verified = "2015-10-08 10:00" if far is Progress.APPROVAL else "2015-09-24 10:00"
    stage.at(verified, days=one.position % 5)
    if far is Progress.SENT_BACK:
        why = "都市ガスの使用量に誤りを見つけたため、差し替えさせてください。"
        stage.play(reports.request_send_back, stage.session, report.id, why, actor=actor)
    if far is Progress.RETURNED:
        stage.play(
            verification.return_to_holder,
            stage.session,
            report.id,
            "活動量シートの都市ガス（2014年11月から2015年1月まで）が、検針票の使用量と一致していません。"
            "検針票を確認して、3か月分を入力し直してください。",
            actor=stage.verifier_login(report),
        )
    if far in (Progress.APPROVAL, Progress.REVIEW, Progress.FROM_REVIEW):
        _verify(stage, report)
    stage.at("2015-10-05 10:00", days=one.position % 6)
    if far is Progress.REVIEW:
        _review(stage, report, asked=True)
    if far is Progress.FROM_REVIEW:
        _review(stage, report, asked=True)
        stage.play(
            reviews.return_to_verifier,
            stage.session,
            report.id,
            "検証報告書に、現地で確認した日が書かれていません。追記してください。",
            actor=stage.officer(),
        )
