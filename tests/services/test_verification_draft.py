"""Drafts and checklists of a verification: kept at any time, judged at registration, nobody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.errors import NotAllowed, NotFound, PortalError, Refusal, Stale
from portal.models import Event, MailMessage, User, VerificationDraft, VerificationReport
from portal.models import ReportState as S
from portal.services import reports, verification, verification_charge, verification_draft, verifiers
from portal.services.audit import EventTag
from portal.services.checklist import ITEMS, Answer, Given
from portal.services.transaction import one_transaction
from portal.services.verification_draft import Written
from tests.factories import registration
from tests.factories import reports as made
from tests.factories.reports import PDF, Scheme
from tests.services.test_races import at_once


def begun(session: Session) -> tuple[Scheme, int, User]:
    """Verification is requested; the verifier has a second login."""
    with one_transaction(session):
        scheme = made.scheme(session)
        report = made.bring(session, scheme, S.VERIFICATION_REQUESTED)
        second = registration.colleague_of(session, scheme.verifier, scheme.officer)
    return scheme, report.id, second


def draft(**answers: str) -> Written:
    return Written({code: Given(answer) for code, answer in answers.items()})


def register(session: Session, report_id: int, who: User, **change: object) -> VerificationReport:
    opinion = str(change.pop("opinion", "unqualified"))
    work = replace(made.work(), **change)  # type: ignore[arg-type]
    return verification.register_verification(
        session, report_id, "検証.pdf", PDF, opinion, 7_460, work, actor=who
    )


def problems(work: object) -> list[tuple[str | None, Refusal]]:
    with pytest.raises(PortalError) as caught:
        work()  # type: ignore[operator]
    return [(one.field, one.refusal) for one in caught.value.problems]


def test_a_draft_is_kept_unfinished_and_read_by_the_verifiers_people_only(session: Session) -> None:
    scheme, report_id, second = begun(session)
    with one_transaction(session):
        verification_draft.save_draft(
            session,
            report_id,
            replace(draft(boundary="conforms", sources="not"), verified="7,4", findings="途中です"),
            actor=scheme.v,
            draft_version=0,
        )
    seen = verification_draft.draft_view(session, report_id, second)
    assert seen.written.answers == {
        "boundary": Given("conforms", version=1),
        "sources": Given("not", version=1),
    }
    assert (seen.written.verified, seen.saved_by) == ("7,4", scheme.v.name)
    for stranger in (scheme.a, scheme.b, scheme.officer, scheme.approver, scheme.viewer):
        with pytest.raises(NotAllowed):
            verification_draft.draft_view(session, report_id, stranger)
    (event,) = session.scalars(select(Event).where(Event.tag == EventTag.VERIFICATION_DRAFT_SAVED)).all()
    assert (event.subject_type, event.holder_id) == ("verification_draft", None)
    assert "途中" not in str(event.facts)


def test_what_no_draft_can_hold_is_said_at_its_field(session: Session) -> None:
    scheme, report_id, _second = begun(session)
    wrong = Written(
        {"boundary": Given("yes"), "sources": Given("not", "x" * 501)}, "good", "1" * 41, "x" * 4_001
    )
    assert problems(lambda: verification_draft.save_draft(session, report_id, wrong, actor=scheme.v)) == [
        ("check_boundary", Refusal.CHOICE_UNKNOWN),
        ("remark_sources", Refusal.TOO_LONG),
        ("opinion", Refusal.CHOICE_UNKNOWN),
        ("verified", Refusal.TOO_LONG),
        ("findings", Refusal.TOO_LONG),
    ]


def test_a_colleagues_older_page_neither_saves_nor_registers(session: Session) -> None:
    scheme, report_id, second = begun(session)
    save = lambda who, shown, **more: verification_draft.save_draft(  # noqa: E731
        session, report_id, draft(boundary="conforms"), actor=who, draft_version=shown, **more
    )
    with one_transaction(session):
        first = save(scheme.v, 0, key="one-press-of-the-button")
        assert save(scheme.v, 0, key="one-press-of-the-button").id == first.id
    with pytest.raises(Stale):
        save(second, 0)
    with pytest.raises(Stale):
        register(session, report_id, second, draft_version=0)
    with one_transaction(session):
        register(session, report_id, second, draft_version=first.version)


def test_of_two_colleagues_who_save_at_once_one_is_told(engine: Engine, session: Session) -> None:
    scheme, report_id, second = begun(session)
    people = [scheme.v.id, second.id]
    session.rollback()

    def saver(user_id: int, shown: int) -> object:
        return lambda s: (
            verification_draft.save_draft(
                s,
                report_id,
                Written({}, findings=f"{user_id} {shown}"),
                actor=s.get_one(User, user_id),
                draft_version=shown,
            ).version
        )

    for shown in (0, 1):  # the draft that is not there yet, and the one that is
        answers = at_once(engine, [saver(one, shown) for one in people])
        assert sorted(map(str, answers)) == sorted([str(shown + 1), str(Refusal.STALE_PAGE)])
    assert session.scalar(select(func.count()).select_from(VerificationDraft)) == 1


def test_registering_needs_every_answer_a_reason_for_what_does_not_conform_and_findings(
    session: Session,
) -> None:
    scheme, report_id, _second = begun(session)
    answers = dict(made.work().answers)
    del answers["boundary"], answers["documents"]
    answers["sources"] = Given(Answer.NOT)
    assert problems(lambda: register(session, report_id, scheme.v, answers=answers, opinion="qualified")) == [
        ("checklist", Refusal.CHECKLIST_OPEN),
        ("check_boundary", Refusal.REQUIRED),
        ("check_documents", Refusal.REQUIRED),
        ("remark_sources", Refusal.REQUIRED),
        ("findings", Refusal.FINDINGS_NEEDED),
    ]
    for opinion in ("qualified", "adverse", "disclaimer"):
        assert problems(lambda: register(session, report_id, scheme.v, opinion=opinion)) == [  # noqa: B023
            ("findings", Refusal.FINDINGS_NEEDED)
        ]
    with one_transaction(session):
        row = register(session, report_id, scheme.v, opinion="qualified", findings=" 検針日のずれ ")
    assert row.findings == "検針日のずれ"
    assert row.checklist == {item.code: {"answer": "conforms", "remark": ""} for item in ITEMS}


def test_a_new_version_starts_with_the_last_answers_marked_and_asks_to_look_again(session: Session) -> None:
    scheme, report_id, _second = begun(session)
    with one_transaction(session):
        register(session, report_id, scheme.v)
        report = verification.return_to_holder(session, report_id, "11月が違います", actor=scheme.v)
        made.register(session, report, 7_460, actor=scheme.a)
        reports.request_verification(session, report_id, actor=scheme.a)
    seen = verification_draft.draft_view(session, report_id, scheme.v)
    assert len(seen.carried(2)) == len(ITEMS)
    assert seen.result_version == 1
    left = problems(lambda: register(session, report_id, scheme.v))
    assert left[0] == ("checklist", Refusal.CHECKLIST_OPEN)
    assert len(left) == 1 + len(ITEMS)
    # an answer that is changed is given anew; what was only kept is confirmed as a whole
    with one_transaction(session):
        changed = {**made.work().answers, "activity": Given(Answer.NOT, "12月を確認")}
        verification_draft.save_draft(session, report_id, Written(changed), actor=scheme.v)
    assert "activity" not in verification_draft.draft_view(session, report_id, scheme.v).carried(2)
    with one_transaction(session):
        register(session, report_id, scheme.v, answers=changed, confirmed=True)
    assert verification_draft.draft_view(session, report_id, scheme.v).carried(2) == []


def test_a_draft_ends_with_its_assignment_whoever_comes_next(session: Session) -> None:
    scheme, report_id, _second = begun(session)
    with one_transaction(session):
        verification_draft.save_draft(session, report_id, Written({}, findings="秘密"), actor=scheme.v)
        rival = registration.verifier(session)
        take = lambda who: verifiers.assign(  # noqa: E731
            session, report_id, who.id, actor=scheme.officer, reason="交代"
        )
        take(rival)
    assert verification_draft.draft_view(session, report_id, rival.users[0]) == verification_draft.NOTHING
    for act in (
        lambda: verification_draft.draft_view(session, report_id, scheme.v),
        lambda: verification_draft.save_draft(session, report_id, Written({}), actor=scheme.v),
        lambda: verification_charge.choose(session, report_id, scheme.v.id, actor=scheme.v),
    ):
        with pytest.raises(NotFound):
            act()
    with one_transaction(session):
        take(scheme.verifier)
    assert verification_draft.draft_view(session, report_id, scheme.v) == verification_draft.NOTHING


def test_who_is_in_charge_is_a_promise_told_to_the_colleagues_when_it_changes_hands(session: Session) -> None:
    scheme, report_id, second = begun(session)

    def told() -> int:
        kind = MailMessage.kind == "verification_handed_over"
        return session.scalar(select(func.count()).select_from(MailMessage).where(kind)) or 0

    choose = lambda who, by, shown=None: verification_charge.choose(  # noqa: E731
        session, report_id, who, actor=by, shown=shown
    )
    with one_transaction(session):
        assert choose(scheme.v.id, scheme.v, 0).in_charge_id == scheme.v.id
        assert told() == 0  # nobody's promise was touched
        choose(scheme.v.id, second, 0)  # already so: nothing more
    with pytest.raises(Stale):
        choose(second.id, second, 0)
    with one_transaction(session):
        choose(second.id, scheme.v, scheme.v.id)
    addresses = set(
        session.scalars(select(MailMessage.recipient).where(MailMessage.kind == "verification_handed_over"))
    )
    assert addresses == {second.email}  # whoever hands it over knows
    # no right: the one who is not in charge goes on all the same
    with one_transaction(session):
        register(session, report_id, scheme.v)
        choose(scheme.v.id, second)
        second.active = False
    for nobody in (second.id, scheme.a.id, scheme.officer.id, 10**9):
        assert problems(lambda: choose(nobody, scheme.v)) == [("user", Refusal.CHOICE_UNKNOWN)]  # noqa: B023
    tags = select(func.count()).where(Event.tag == EventTag.VERIFICATION_CHARGE_CHOSEN)
    assert session.scalar(tags) == 3
