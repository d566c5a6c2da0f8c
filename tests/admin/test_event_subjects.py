"""The audit trail names what each event was about, with its page, and reads it for a page at once."""

from __future__ import annotations

import csv
import io
import re

from flask import Flask
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from portal.admin import event_subjects
from portal.admin.event_facts import plain_lines
from portal.models import Base, Event, Holder, Movement, PublicationSubject
from portal.services import phase_proposals, phases, publications, targets
from portal.services.transaction import one_transaction
from tests.admin.desk import Clerk, office
from tests.factories import allowances
from tests.factories import registration as make


def cells(page: str) -> list[tuple[str | None, str]]:
    """(address, text) of each row's subject."""
    found = re.findall(r'data-head="操作の対象"><span>(.*?)</span></td>', page, re.DOTALL)
    links = [re.search(r'href="([^"]+)"', one) for one in found]
    texts = [re.sub(r"<[^>]+>", " ", one).strip() for one in found]
    return [
        (link[1].replace("&amp;", "&") if link else None, text)
        for link, text in zip(links, texts, strict=True)
    ]


def test_each_row_names_its_object_and_leads_to_it(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        market = allowances.market(session)
        holder = market.holder
        phase, officer = holder.phase, market.officer
        dates = phases.dates_of(phases.rule_in_force(session, phase))
        later = phases.RuleDates(**{**vars(dates), "proposal_days": 7})
        phase_proposals.propose_rule(session, phase.id, later, reason="短くする", actor=officer)
        publications.propose(session, phase.id, PublicationSubject.EMISSIONS, actor=officer)
    movement = session.scalars(select(Movement)).first()
    assert movement is not None
    viewer = Clerk(app, session, "viewer")
    shown = cells(viewer.get("/admin/event/?page_size=100").text)
    company = holder.representative.name
    wanted = {
        f"/admin/movement/details/?id={movement.id}": "8,500 JAA",
        f"/admin/application/details/?id={holder.application_id}": company,
        f"/admin/report/details/?id={market.scheme.report().id}": company,
        f"/admin/account/details/?id={holder.account.id}": f"{holder.account.code}　{holder.account.name}",
        "/admin/phase_proposal/details/?id=1": "第2期",
        "/admin/publication/details/?id=1": "第2期　検証済排出量",
    }
    known = {url: text for url, text in shown if url}
    assert {url: text in known.get(url, "") for url, text in wanted.items()} == dict.fromkeys(wanted, True)
    assert not any(re.fullmatch(r"[0-9,]+ +\S+", text) for _url, text in shown), shown
    assert "Phase 2" in viewer.get("/admin/event/?lang=en&flt2_2=phase_proposal").text
    viewer.get("/admin/event/?lang=ja")
    rows = list(
        csv.reader(io.StringIO(viewer.get("/admin/event/export/csv/").get_data().decode("utf-8-sig")))
    )
    assert any(company in cell for row in rows for cell in row)


def test_a_page_of_many_objects_costs_no_more_reads_than_one_of_few(app: Flask, session: Session) -> None:
    office(session)
    viewer = Clerk(app, session, "viewer")

    def reads() -> int:
        seen: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            seen.append(statement)

        event.listen(Engine, "before_cursor_execute", count)
        try:
            page = viewer.get("/admin/event/?flt2_2=reduction_target").text
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        assert "t-CO2" in page and seen
        return len(seen)

    def more(n: int) -> None:
        with one_transaction(session):
            actor = make.office(session, make.Role.OFFICER)
            for _ in range(n):
                targets.propose_target(session, make.holder(session).id, 50, actor=actor)

    more(1)
    viewer.get("/admin/event/?flt2_2=reduction_target")
    few = reads()
    more(4)
    assert session.scalar(select(Holder.id).limit(1)) and session.scalar(select(Event.id).limit(1))
    assert reads() == few


def test_whatever_an_event_is_about_is_a_table_of_ours_and_most_have_a_name() -> None:
    assert set(event_subjects.SUBJECTS) <= set(Base.metadata.tables)
    nameless = {"portal_state", "letter_batch", "book_check", "job"}
    assert set(event_subjects.SUBJECTS) - set(event_subjects._READ) == nameless
    for make_query, _words in event_subjects._READ.values():
        str(make_query())  # each can be built


def test_facts_say_in_words_what_their_table_means_by_them(app: Flask) -> None:
    def lines(table: str, **facts: object) -> list[tuple[str, str]]:
        with app.test_request_context("/?lang=ja"):
            return plain_lines(Event(subject_type=table, facts=facts))

    assert lines("publication", number=2, kind="emissions") == [("期", "第2期"), ("種類", "検証済排出量")]
    assert lines("factor_proposal", codes=["city_gas"]) == [("変わる行", "city_gas")]
    assert lines("emissions_report", codes=["total"])[0][0] == "問題の種類"
    frozen = lines("compliance_snapshot", status="missed", retired=7_000, missing=400)
    assert [value for _word, value in frozen] == ["期限超過・未遵守", "7,000", "400"]
    assert lines("reminder", due="2015-11-30", days=-1)[0] == ("期限", "2015年11月30日（月）")
