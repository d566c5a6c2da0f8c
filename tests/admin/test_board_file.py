"""The outlook of a large phase goes to a file through the worker, like any long list."""

from __future__ import annotations

import csv
import io

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.admin import compliance_board
from portal.admin.compliance_board import ComplianceBoard
from portal.extensions import make_session
from portal.services import jobs, list_files
from portal.services.transaction import one_transaction
from tests.admin.desk import TOKEN, Clerk, office
from tests.factories import registration as make
from tests.participant.test_allowances import queries

FILE = "/admin/outlook/export/csv/?phase=2"


def test_a_large_phase_is_written_by_the_worker_and_a_small_one_at_once(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(session)
    with one_transaction(session):
        codes = {make.holder(session).account.code for _ in range(3)}
    clerk = Clerk(app, session, "officer")
    at_once = clerk.get(FILE)
    assert rows(at_once.get_data()) == codes
    with queries(app) as seen:
        clerk.get("/admin/outlook/?phase=2")
    # ten for the board; not one for each of its columns, nor for each holder
    assert len([one for one in seen if "FROM phase " in one]) <= 4 and len(seen) <= 24, "\n".join(seen)
    monkeypatch.setattr(compliance_board, "PAGE", 2)
    pages = [clerk.get(f"/admin/outlook/?phase=2&sort=name&page={one}").text for one in (1, 2, 99)]
    shown = [{code for code in codes if code in page} for page in pages]
    assert [len(some) for some in shown] == [2, 1, 1] and shown[0] | shown[1] == codes
    assert "3件中 3～3件目" in pages[1] and "phase=2&amp;sort=name&amp;page=1" in pages[1]
    monkeypatch.setattr(ComplianceBoard, "export_at_once", 2)
    asked = clerk.get(FILE).text
    assert "3件あるため" in asked and 'method="post"' in clerk.get("/admin/outlook/").text
    token = TOKEN.search(asked)
    assert token is not None
    page = str(clerk.post(FILE, {"csrf_token": token[1]}).location)
    assert "期限の見通し" in clerk.get(page).text
    session.rollback()
    assert jobs.run_one(lambda: make_session(session.get_bind())) == list_files.KIND  # type: ignore[arg-type]
    assert "ファイルができました" in clerk.get(page).text
    file = clerk.get(page.replace("list-file/", "list-file/fetch/"))
    assert rows(file.data) == codes and "compliance_2_" in file.headers["Content-Disposition"]
    assert clerk.get("/admin/outlook/export/csv/?phase=77").status_code == 404


def rows(data: bytes) -> set[str]:
    """The account numbers in the file."""
    return {row[0] for row in list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))[1:]}
