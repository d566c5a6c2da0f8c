"""The verifier's desk: whose turn, how late, in whose charge; found, sorted, page by page, in few queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, Table, event, func, insert, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed
from portal.extensions import make_session
from portal.models import (
    Contact,
    EmissionsReport,
    Holder,
    RegistrationApplication,
    User,
    VerifierAssignment,
)
from portal.models import ReportState as S
from portal.models.base import Base
from portal.services import reports, reviews, verification_charge, verification_desk
from portal.services.demo.assigning import assign_holder
from portal.services.report_rules import Turn, facts_of, turn
from portal.services.transaction import one_transaction
from portal.services.verification_desk import PER_PAGE, Lateness, Order, Wanted
from tests.factories import registration
from tests.factories import reports as made
from tests.factories.reports import Scheme


def two_holders(session: Session) -> tuple[Scheme, Scheme]:
    first = made.scheme(session)
    second = Scheme(registration.holder(session), first.verifier, first.officer, first.approver, first.viewer)
    assign_holder(session, second.holder.id, first.verifier.id, actor=first.officer)
    session.flush()
    return first, second


def test_reports_lie_under_whose_turn_it_is_and_late_ones_are_told_apart(session: Session) -> None:
    with one_transaction(session):
        first, second = two_holders(session)
        late = made.bring(session, first, S.VERIFICATION_REQUESTED)
        review = made.bring(session, second, S.UNDER_REVIEW)
        reports.request_send_back(session, late.id, "差し替えたい", actor=first.a)
        rival = registration.verifier(session).users[0]
    made.at("2013-12-06 09:00")
    desk = verification_desk.look(session, first.v)
    (row,) = desk.rows
    assert (row.id, row.days, row.waiting_long, row.send_back_open) == (late.id, 31, True, True)
    assert (row.due - clock.today()).days == row.left
    assert desk.counts == {Turn.VERIFIER: 1, Turn.HOLDER: 2, Turn.SECRETARIAT: 1, Turn.NOBODY: 0}
    assert (desk.waiting_long, desk.send_backs, desk.overdue) == (1, 1, int(row.left < 0))
    # a question of the office makes it the verifier's turn
    with one_transaction(session):
        reviews.send_review_document(session, review.id, "期間は？", actor=first.officer)
    desk = verification_desk.look(session, first.v)
    assert [(one.id, one.question_open) for one in desk.rows] == [(late.id, False), (review.id, True)]
    # what the database says of a turn is what the rule says of one report
    for report in session.scalars(select(EmissionsReport)):
        found = session.scalar(select(verification_desk.TURN).where(EmissionsReport.id == report.id))
        assert found == turn(facts_of(report))
    made.at(f"{row.due:%Y-%m-%d} 23:59")
    assert verification_desk.look(session, first.v).overdue == 0
    made.at("2014-12-31 00:01")
    assert verification_desk.look(session, first.v).overdue == 2
    assert verification_desk.look(session, rival).total == 0
    with pytest.raises(NotAllowed):
        verification_desk.look(session, first.a)


def test_the_desk_is_narrowed_by_charge_state_lateness_and_words(session: Session) -> None:
    with one_transaction(session):
        first, second = two_holders(session)
        one = made.bring(session, first, S.VERIFICATION_REQUESTED)
        two = made.bring(session, second, S.VERIFICATION_REQUESTED)
        verification_charge.choose(session, two.id, first.v.id, actor=first.v)
    found = lambda **asked: {  # noqa: E731
        row.id for row in verification_desk.look(session, first.v, Wanted(**asked)).rows
    }
    assert found(charge=first.v.id) == {two.id}
    assert found(charge=0) == {one.id}
    assert found(charge=10**9) == set()
    assert found(state=S.VERIFICATION_REQUESTED) == {one.id, two.id}
    assert found(state=S.UNDER_REVIEW) == set()
    assert found(late=Lateness.WAITING) == set()
    site, company = first.holder.site_name, first.holder.representative.name
    assert one.id in found(words=site)
    assert one.id in found(words=company[:4])
    assert one.id in found(words=first.holder.representative.name_kana)
    # contact person, account and addresses are not shown, so they are not searched
    for hidden in (first.holder.contact.mail, first.holder.contact.telephone, "AST-1001", "%", "|"):
        assert found(words=hidden) == set()
    due = verification_desk.look(session, first.v).rows[0].due
    made.at(f"{due:%Y-%m-%d} 09:00")
    assert found(late=Lateness.SOON) == {one.id, two.id}
    assert found(late=Lateness.OVERDUE) == set()


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def copies(
    session: Session, model: type[Base], row_id: int, count: int, **own: Callable[[int], object]
) -> int:
    """``count`` copies of a row, beside the services: acts of their own would take minutes. The first id."""
    table = model.__table__
    assert isinstance(table, Table)
    row = dict(session.execute(select(table).where(table.c.id == row_id)).mappings().one())
    first = (session.scalar(select(func.max(table.c.id))) or 0) + 1
    session.execute(
        insert(table),
        [{**row, "id": first + n, **{name: make(n) for name, make in own.items()}} for n in range(count)],
    )
    return int(first)


def many(session: Session, scheme: Scheme, count: int) -> None:
    """``count`` reports more that wait for the verifier of ``scheme``."""
    holder, report = scheme.holder, scheme.report()
    applications = copies(
        session,
        RegistrationApplication,
        holder.application_id,
        count,
        number=lambda n: f"R9-{n:04d}",
    )
    contacts = copies(session, Contact, holder.contact_id, count)
    holders = copies(
        session,
        Holder,
        holder.id,
        count,
        application_id=lambda n: applications + n,
        contact_id=lambda n: contacts + n,
        site_key=lambda n: f"site-{n}",
        site_name=lambda n: f"第{n}工場",
    )
    rows = copies(
        session, EmissionsReport, report.id, count, holder_id=lambda n: holders + n, emissions=lambda n: n
    )
    assignment = report.assignments[-1].id
    copies(session, VerifierAssignment, assignment, count, report_id=lambda n: rows + n)


def test_three_hundred_reports_are_read_page_by_page_in_as_few_queries_as_one(
    session: Session, engine: Engine
) -> None:
    with one_transaction(session):
        scheme = made.scheme(session)
        made.bring(session, scheme, S.VERIFICATION_REQUESTED)
    who = scheme.v.id

    def look(**asked: object) -> tuple[verification_desk.DeskPage, int]:
        session.rollback()
        with make_session(engine) as fresh:
            actor = fresh.get_one(User, who)
            with counted(engine) as seen:
                page = verification_desk.look(fresh, actor, Wanted(**asked))  # type: ignore[arg-type]
                labels = [(row.holder.label, row.in_charge, row.fiscal_years) for row in page.rows]
            assert len(labels) == len(page.rows)
            return page, len(seen)

    _one, few = look()
    with one_transaction(session):
        many(session, scheme, 299)
    page, queries = look()
    assert (page.total, page.pages, len(page.rows)) == (300, -(-300 // PER_PAGE), PER_PAGE)
    assert queries == few <= 5
    last, _queries = look(page=page.pages + 5)
    assert (last.page, last.first) == (page.pages, (page.pages - 1) * PER_PAGE + 1)
    ordered, _queries = look(order=Order.EMISSIONS, descending=True, page=2)
    figures = [row.emissions or 0 for row in ordered.rows]
    assert figures == sorted(figures, reverse=True)
    assert (
        len({row.id for row in ordered.rows} | {row.id for row in look(order=Order.DUE)[0].rows}) > PER_PAGE
    )
    found, _queries = look(words="第17工場")
    assert [row.holder.site_name for row in found.rows] == ["第17工場"]
