"""Every act on a report, by every role, in every state; and the way a report goes (domain §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import EmissionsReport, Event, FileKind, MailMessage, Period, ReportState, User
from portal.permissions import Role
from portal.services import (
    report_files,
    report_rules,
    report_steps,
    reports,
    review_desk,
    reviews,
    verification,
    verification_charge,
    verification_draft,
    verifiers,
)
from portal.services.audit import EventTag
from portal.services.transaction import one_transaction
from portal.services.transitions import REPORT
from portal.services.verification_draft import Written
from tests.factories import registration as make
from tests.factories import reports as made
from tests.factories.reports import PDF, Scheme

S = ReportState
HOLDER, VERIFIER = {Role.HOLDER_A, Role.HOLDER_B}, {Role.VERIFIER}
OFFICE, APPROVER = {Role.OFFICER, Role.APPROVER}, {Role.APPROVER}

#: domain §4 by hand: what may be done in which state, by whom; everything else is refused
MAY: dict[S, dict[str, set[Role]]] = {
    S.NOT_SUBMITTED: {
        "register_file": HOLDER,
        "attach_file": HOLDER,
        "remove_attachment": HOLDER,
        "request_verification": HOLDER,
        "choose_charge": VERIFIER,
    },
    S.VERIFICATION_REQUESTED: {
        "request_send_back": HOLDER,
        "save_draft": VERIFIER,
        "choose_charge": VERIFIER,
        "register_verification": VERIFIER,
        "register_and_request": VERIFIER,
        "grant_send_back": VERIFIER,
        "decline_send_back": VERIFIER,
        "return_to_holder": VERIFIER,
        "request_approval": VERIFIER,
    },
    S.APPROVAL_REQUESTED: {
        "start_review": OFFICE,
        "return_to_verifier": OFFICE,
        "choose_charge": VERIFIER,
        "take": OFFICE,
    },
    S.UNDER_REVIEW: {
        "send_review_document": OFFICE,
        "answer_review": VERIFIER,
        "choose_charge": VERIFIER,
        "return_to_verifier": OFFICE,
        "approve": APPROVER,
        "take": OFFICE,
    },
    S.APPROVED: {"propose_revocation": OFFICE, "withdraw_revocation": OFFICE, "revoke": APPROVER},
    S.SUBMITTED: {"receive": OFFICE, "return_submitted": OFFICE, "take": OFFICE},
    S.RECEIVED: {},
}
#: the adjustment year is handed in without verification; the rest of its way is in the table
WITH_HOLDER = {
    act: who
    for act, who in MAY[S.NOT_SUBMITTED].items()
    if act not in ("request_verification", "choose_charge")
}
SQUARES: list[tuple[S, Period | None, dict[str, set[Role]]]] = [
    *((state, None, acts) for state, acts in MAY.items()),
    (S.NOT_SUBMITTED, Period.ADJUSTMENT, {**WITH_HOLDER, "submit": HOLDER}),
]


def name_of(value: object) -> str:
    return str(value) if isinstance(value, StrEnum) else ""


Act = Callable[[Session, EmissionsReport, User], object]


def _other_of(session: Session, report: EmissionsReport, who: User) -> int | None:
    """Whoever is not in charge of it: choosing who is would be no change."""
    assignment = report_rules.live_assignment(report)
    return who.id if assignment is None or assignment.in_charge_id is None else None


ACTS: dict[str, Act] = {
    "register_file": lambda s, r, who: made.register(s, r, 7_000, actor=who),
    "attach_file": lambda s, r, who: report_files.attach_file(s, r.id, "境界図.pdf", PDF, actor=who),
    "request_verification": lambda s, r, who: reports.request_verification(s, r.id, actor=who),
    "submit": lambda s, r, who: reports.submit(s, r.id, actor=who),
    "request_send_back": lambda s, r, who: reports.request_send_back(s, r.id, "誤りを見つけた", actor=who),
    "register_verification": lambda s, r, who: verification.register_verification(
        s, r.id, "検証.pdf", PDF, "qualified", r.emissions, made.work("qualified"), actor=who
    ),
    "save_draft": lambda s, r, who: verification_draft.save_draft(
        s, r.id, Written({}, verified="1"), actor=who
    ),
    "choose_charge": lambda s, r, who: verification_charge.choose(s, r.id, _other_of(s, r, who), actor=who),
    "grant_send_back": lambda s, r, who: verification.grant_send_back(s, r.id, actor=who),
    "decline_send_back": lambda s, r, who: verification.decline_send_back(s, r.id, "検証済み", actor=who),
    "return_to_holder": lambda s, r, who: verification.return_to_holder(s, r.id, "11月が違う", actor=who),
    "request_approval": lambda s, r, who: verification.request_approval(s, r.id, actor=who),
    "start_review": lambda s, r, who: reviews.start_review(s, r.id, actor=who),
    "return_to_verifier": lambda s, r, who: reviews.return_to_verifier(s, r.id, "日付がない", actor=who),
    "send_review_document": lambda s, r, who: reviews.send_review_document(s, r.id, "期間は？", actor=who),
    "answer_review": lambda s, r, who: verification.answer_review(s, r.id, "末日まで", actor=who),
    "approve": lambda s, r, who: reviews.approve(s, r.id, actor=who),
    "propose_revocation": lambda s, r, who: reviews.propose_revocation(s, r.id, "計算の誤り", actor=who),
    "receive": lambda s, r, who: reviews.receive(s, r.id, actor=who),
    "remove_attachment": lambda s, r, who: report_files.remove_attachment(s, attached(r), actor=who),
    "register_and_request": lambda s, r, who: verification.register_and_request(
        s, r.id, "検証.pdf", PDF, "qualified", r.emissions, made.work("qualified"), actor=who
    ),
    "revoke": lambda s, r, who: reviews.confirm_revocation(s, proposed(s, r), actor=who),
    "withdraw_revocation": lambda s, r, who: reviews.withdraw_revocation(
        s, proposed(s, r), actor=who, reason="誤りではない"
    ),
    "take": lambda s, r, who: review_desk.take(s, r.id, actor=who),
    "return_submitted": lambda s, r, who: reviews.return_submitted(s, r.id, "年度が違う", actor=who),
}


def attached(report: EmissionsReport) -> int:
    return next(file.id for file in report.files if file.kind is FileKind.ATTACHMENT)


def proposed(session: Session, report: EmissionsReport) -> int:
    row = report_steps.open_revocation(session, report)
    return row.id if row is not None else 0


def prepare(session: Session, scheme: Scheme, report: EmissionsReport, act: str) -> None:
    """What ``act`` needs besides the right state."""
    if report.state is S.VERIFICATION_REQUESTED and act in ("grant_send_back", "decline_send_back"):
        ACTS["request_send_back"](session, report, scheme.a)
    if report.state is S.VERIFICATION_REQUESTED and act == "request_approval":
        made.verify(session, scheme, report)
    if report.state is S.UNDER_REVIEW and act == "answer_review":
        ACTS["send_review_document"](session, report, scheme.officer)
    if report.state is S.APPROVED and act in ("revoke", "withdraw_revocation"):
        ACTS["propose_revocation"](session, report, scheme.officer)


@contextmanager
def written(engine: Engine) -> Iterator[list[str]]:
    """Every statement that is no reading."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "PRAGMA", "ROLLBACK")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def refusal_of(work: Callable[[], object]) -> Refusal:
    with pytest.raises(PortalError) as caught:
        work()
    return caught.value.refusal


def test_the_table_by_hand_names_every_act_of_the_code() -> None:
    by_hand = {act for _state, _period, acts in SQUARES for act in acts}
    beside = {"register_and_request", "withdraw_revocation", "take", "choose_charge"}
    assert by_hand - beside == {edge.action for edge in REPORT.edges} | set(report_rules.SIDE_ACTS)
    assert by_hand == set(ACTS)


@pytest.mark.parametrize(
    ("state", "period", "may"), SQUARES, ids=lambda one: str(one) if isinstance(one, StrEnum) else ""
)
def test_each_act_is_done_by_its_roles_in_its_state_and_refused_otherwise(
    session: Session, engine: Engine, state: S, period: Period | None, may: dict[str, set[Role]]
) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        adjustment = period is Period.ADJUSTMENT or state in (S.SUBMITTED, S.RECEIVED)
        which = period or (Period.ADJUSTMENT if adjustment else Period.BASE)
        made.at(made.WHEN[which])
        ACTS["attach_file"](session, scheme.report(which), scheme.a)
        report = made.bring(session, scheme, state, which)
        trader = make.trader(session).users[0]
        logins = {role: (trader if role is Role.TRADER else scheme.login(role)).id for role in Role}
    wrong: list[Any] = []
    for act, work in ACTS.items():
        for role in Role:
            who = session.get_one(User, logins[role])
            prepare(session, scheme, report, act)
            session.flush()
            with written(engine) as statements:
                try:
                    work(session, report, who)
                    happened = True
                except PortalError:
                    happened = False
                    if statements or session.new or session.dirty:
                        wrong.append((act, role, "wrote although refused", statements))
            if happened != (role in may.get(act, set())):
                wrong.append((act, role, "done" if happened else "refused"))
            session.rollback()
    assert wrong == []


@pytest.mark.parametrize("period", [Period.BASE, Period.TARGET])
def test_a_report_goes_all_the_way_to_its_confirmed_figure(session: Session, period: Period) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.APPROVED, period, 8_937)
    assert (report.confirmed_emissions, report.late) == (8_937, False)
    found = session.scalars(
        select(Event.tag).where(Event.subject_type == "emissions_report", Event.subject_id == report.id)
    )
    assert list(found) == [
        EventTag.VERIFIER_ASSIGNED,
        EventTag.REPORT_REGISTERED,
        EventTag.VERIFICATION_REQUESTED,
        EventTag.VERIFICATION_REGISTERED,
        EventTag.APPROVAL_REQUESTED,
        EventTag.REVIEW_STARTED,
        EventTag.REPORT_APPROVED,
    ]
    kinds = set(session.scalars(select(MailMessage.kind)))
    assert {"report_registered", "verification_requested", "approval_requested", "report_approved"} <= kinds


def test_the_adjustment_year_is_submitted_and_received_without_verification(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.NOT_SUBMITTED, Period.ADJUSTMENT)
        ask = lambda: reports.request_verification(session, report.id, actor=scheme.a)  # noqa: E731
        assert refusal_of(ask) is Refusal.NO_VERIFICATION_HERE
        made.at("2016-08-01 00:00")
        reports.submit(session, report.id, actor=scheme.b)
        assert report.late
        reviews.return_submitted(session, report.id, "年度が違います", actor=scheme.officer)
        assert (report.state, report.returned_reason) == (S.NOT_SUBMITTED, "年度が違います")
        reports.submit(session, report.id, actor=scheme.a)
        assert report.returned_reason is None
        reviews.receive(session, report.id, actor=scheme.officer)
    assert report.confirmed_emissions == 7_460


def test_nothing_is_handed_in_before_its_day_without_a_form_or_without_a_verifier(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session, assigned=False)
        report, later = scheme.report(Period.TARGET), scheme.report(Period.ADJUSTMENT)
    made.at("2015-03-31 23:59")
    with pytest.raises(PortalError) as early:
        made.register(session, report, actor=scheme.a)
    problem = early.value.problems[0]
    assert problem.refusal is Refusal.PERIOD_NOT_OPEN
    assert "2015年4月1日" in problem.text("ja")
    assert "1 Apr 2015" in problem.text("en")
    made.at("2015-04-01 00:00")
    ask = lambda: reports.request_verification(session, report.id, actor=scheme.a)  # noqa: E731
    assert refusal_of(ask) is Refusal.NO_VALID_REPORT
    made.register(session, report, actor=scheme.a)
    assert refusal_of(ask) is Refusal.NO_VERIFIER
    assert refusal_of(lambda: reports.submit(session, later.id, actor=scheme.a)) is Refusal.PERIOD_NOT_OPEN


def test_another_participants_report_does_not_exist(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        stranger, rival = make.holder(session), make.verifier(session)
    for who in (stranger.users[0], stranger.users[1]):
        with pytest.raises(NotFound):
            reports.request_send_back(session, report.id, "なぜ", actor=who)
    with pytest.raises(NotFound):
        verification.return_to_holder(session, report.id, "なぜ", actor=rival.users[0])


def test_a_verifier_that_lost_the_report_can_do_nothing_more(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        made.verify(session, scheme, report)
        verification.return_to_holder(session, report.id, "11月が違う", actor=scheme.v)
        rival = make.verifier(session)
        verifiers.assign(session, report.id, rival.id, actor=scheme.officer)
        reports.request_verification(session, report.id, actor=scheme.a)
    with pytest.raises(NotFound):
        verification.request_approval(session, report.id, actor=scheme.v)
    # the verification report of the one before is not the new one's
    new = rival.users[0]
    ask = lambda: verification.request_approval(session, report.id, actor=new)  # noqa: E731
    assert refusal_of(ask) is Refusal.VERIFICATION_MISSING


def test_an_old_page_is_told_and_a_disabled_login_does_nothing(session: Session) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.NOT_SUBMITTED)
        shown = report.version
        report_files.attach_file(session, report.id, "境界図.pdf", PDF, actor=scheme.b, version=shown)
    with pytest.raises(Stale):
        reports.request_verification(session, report.id, actor=scheme.a, version=shown)
    scheme.a.active = False
    with pytest.raises(NotAllowed):
        reports.request_verification(session, report.id, actor=scheme.a)
