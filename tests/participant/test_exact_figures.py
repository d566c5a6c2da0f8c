"""One figure, one way to shorten it: holder, verifier and office read the same digits (domain §4)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from math import floor

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy.orm import Session

from portal.models import ReportState
from portal.services.transaction import one_transaction
from portal.web_text import as_entered, places_change, three_places
from tests.admin.desk import Clerk, office
from tests.factories import reports as make
from tests.participant.visitor import Visitor, words

#: 971.6356…: rounded it would end in 6
EMISSIONS = Fraction(2_914_907, 3_000)
SAID = "小数第3位まで示し、その下を切り捨てています"


def test_a_figure_is_cut_at_three_places_and_an_activity_is_whole() -> None:
    assert three_places(EMISSIONS) == "971.635"
    assert three_places(Decimal("1795.1999")) == "1,795.199"
    assert three_places(Fraction(0)) == "0.000"
    assert as_entered("12000000") == "12,000,000"
    assert as_entered(Decimal("1234.50")) == "1,234.50"


def test_a_change_is_what_a_reader_reckons_from_the_two_figures_beside_it() -> None:
    # 115.0603… cut by itself would say .060
    before, after = Fraction("1083.4995"), Fraction("1198.5602")
    assert (three_places(before), three_places(after)) == ("1,083.499", "1,198.560")
    assert places_change(before, after) == "+115.061"
    assert places_change(after, before) == "−115.061"
    assert (places_change(before, before), places_change(None, before)) == ("0.000", "+1,083.499")


@given(st.fractions(min_value=0, max_value=10**9, max_denominator=10**6))
def test_what_is_shown_is_never_more_than_the_figure_nor_a_thousandth_less(figure: Fraction) -> None:
    shown = Fraction(three_places(figure).replace(",", ""))
    assert 0 <= figure - shown < Fraction(1, 1000)
    assert floor(shown) == floor(figure)


def test_holder_verifier_and_office_read_the_same_digits(app: Flask, session: Session) -> None:
    office(session)
    with one_transaction(session):
        made = make.scheme(session)
        report = make.bring(session, made, ReportState.APPROVAL_REQUESTED)
        file = report.current_file
        assert file is not None and file.reading is not None
        lines = [{**line, "emissions": str(EMISSIONS)} for line in file.reading["lines"]]
        file.reading = {**file.reading, "lines": lines}
        report_id, a, v = report.id, made.a.login_id, made.v.login_id
    pages = [
        words(Visitor(app, a).get("/reports/base")),
        words(Visitor(app, v).get(f"/verification/{report_id}")),
        Clerk(app, session, "officer").get(f"/admin/report/details/?id={report_id}").text,
    ]
    case = Clerk(app, session, "officer").get(f"/admin/report/case-file/?id={report_id}")
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(case.data)).pages)
    assert "971.635" in text and "971.636" not in text
    for page in pages:
        assert "971.635" in page and "971.636" not in page and SAID in page
