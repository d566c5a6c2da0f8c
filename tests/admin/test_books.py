"""The office sees how the books stand, asks for a comparison, and a disagreement is not to be overlooked."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from portal.extensions import make_session
from portal.models import Job
from portal.services import jobs
from tests.admin.desk import Clerk, office
from tests.factories import forgery


def test_the_books_are_compared_by_a_press_and_a_disagreement_stands_on_the_home(
    app: Flask, session: Session, engine: Engine, database_url: str
) -> None:
    office(session)
    clerk, viewer = Clerk(app, session, "officer"), Clerk(app, session, "viewer")
    assert "まだ照合していません" in clerk.get("/admin/").text
    assert "いま照合する" not in viewer.get("/admin/book_check/").text
    form = clerk.form("/admin/book_check/")
    for _ in range(2):
        clerk.post("/admin/book_check/compare/", form)
    assert session.scalars(select(Job.kind)).all() == ["compare_books"]
    assert "照合しています" in clerk.get("/admin/book_check/").text
    session.rollback()
    jobs.run_one(lambda: make_session(engine))
    page = clerk.get("/admin/book_check/").text
    assert "台帳と第二の帳簿は一致しています" in page and "照合しています" not in page
    assert "一致しました" in clerk.get("/admin/").text

    forger = forgery.unguarded(database_url)
    with forger.begin() as connection:
        connection.execute(text("UPDATE ledger_head SET last_hash = 'x'"))
    forger.dispose()
    clerk.post("/admin/book_check/compare/", form)
    session.rollback()
    jobs.run_one(lambda: make_session(engine))
    for url in ("/admin/", "/admin/book_check/"):
        assert "台帳と第二の帳簿が一致していません" in viewer.get(url).text
