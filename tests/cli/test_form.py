"""The designated form without a server: handed out, read, refused with everything that is wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from portal.extensions import make_session
from portal.models import Period
from portal.services import report_forms
from portal.services.spreadsheets.filled import fill_form
from portal.services.spreadsheets.form_types import FormExpectation
from portal.services.transaction import one_transaction
from tests.cli.typing_commands import Run
from tests.factories.readers import people
from tests.services.spreadsheets import application_samples

JSON_OF_A_PROBLEM = {"sheet", "cell", "found", "expected", "code", "message"}


@pytest.fixture
def expected(engine: Engine) -> FormExpectation:
    """What the target-year form of AST-1001 must say."""
    with make_session(engine) as session, one_transaction(session):
        made = people(session)
        return report_forms.expectation(session, made.report(Period.TARGET))


def filled(expected: FormExpectation, monthly_gj: int, **more: Any) -> bytes:
    """A form with one source of 12 equal months of the first energy of the factor table."""
    year = expected.identity.fiscal_years[0]
    factor = next(factor for factor in expected.factors[year] if factor.kind == "energy")
    months = [Decimal(monthly_gj)] * 12
    return fill_form(expected, [("購入電力", factor.code, {year: months})], **more)


def test_a_blank_form_is_handed_out_and_refused_when_it_comes_back_empty(
    typed: Run, database_url: str, expected: FormExpectation, tmp_path: Path
) -> None:
    out = tmp_path / "form.xlsx"
    made = typed(
        "form", "blank", "--holder", "AST1001", "--period", "target", "-o", str(out), url=database_url
    )
    assert made.exit_code == 0, made.output
    assert out.read_bytes().startswith(b"PK")
    result = typed("form", "read", str(out), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1 and answer["ok"] is False
    assert set(answer) == {"ok", "problems"}
    assert all(set(problem) == JSON_OF_A_PROBLEM for problem in answer["problems"])


def test_a_filled_form_gives_its_figure(
    typed: Run, database_url: str, expected: FormExpectation, tmp_path: Path
) -> None:
    file = tmp_path / "filled.xlsx"
    file.write_bytes(filled(expected, 1_000_000))
    result = typed("form", "read", str(file), "--json", url=database_url)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer == {"ok": True, "period": "target", "holder": "AST1001", "emissions": answer["emissions"]}
    assert answer["emissions"] > 0
    assert f"{answer['emissions']:,} t-CO2" in typed("form", "read", str(file)).stdout


def test_a_form_of_nobody_here_is_refused_by_name(
    typed: Run, database_url: str, expected: FormExpectation, tmp_path: Path
) -> None:
    file = tmp_path / "other.xlsx"
    identity = type(expected.identity)(**{**vars(expected.identity), "holder": "AST9999"})
    file.write_bytes(filled(FormExpectation(identity, expected.factors), 1_000_000))
    result = typed("form", "read", str(file), "--json", "--locale", "en", url=database_url)
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["code"], problem["found"]) == ("holder_unknown", "AST9999")
    assert problem["sheet"] == "表紙" and problem["cell"]


def test_a_wrong_total_and_another_kind_of_file_are_refused(
    typed: Run, database_url: str, expected: FormExpectation, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.xlsx"
    file.write_bytes(filled(expected, 1_000_000, wrong_total=1))
    result = typed("form", "read", str(file), "--json", url=database_url)
    assert result.exit_code == 1
    assert "total_differs" in [problem["code"] for problem in json.loads(result.stdout)["problems"]]
    file.write_bytes(b"%PDF-1.7")
    assert typed("form", "read", str(file), "--json").exit_code == 1


def test_an_unknown_holder_is_named(typed: Run, database_url: str, tmp_path: Path) -> None:
    out = str(tmp_path / "form.xlsx")
    command = ("form", "blank", "--period", "base", "-o", out)
    assert typed(*command, "--holder", "AST1001", url=database_url).exit_code == 1
    assert typed(*command, "--holder", "nobody").exit_code == 1
    assert not Path(out).exists()


def test_an_application_form_is_handed_out_and_read_back(
    typed: Run, database_url: str, expected: FormExpectation, tmp_path: Path
) -> None:
    out = tmp_path / "application.xlsx"
    made = typed("form", "application", "--kind", "holder", "--phase", "2", "-o", str(out), url=database_url)
    assert made.exit_code == 0, made.output
    result = typed("form", "application-read", str(out), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1 and set(answer) == {"ok", "problems"}
    assert all(set(problem) == JSON_OF_A_PROBLEM for problem in answer["problems"])
    assert "登録申請書 C7: " in typed("form", "application-read", str(out)).stdout
    out.write_bytes(application_samples.filled("holder"))
    result = typed("form", "application-read", str(out), "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 0 and (answer["kind"], answer["phase"]) == ("holder", 2)
    assert answer["data"]["site_kind"] == "workplace" and len(answer["data"]["joint_companies"]) == 2
    assert "company_name: みほん印刷株式会社" in typed("form", "application-read", str(out)).stdout


def test_an_application_form_of_no_phase_is_not_handed_out(
    typed: Run, database_url: str, tmp_path: Path
) -> None:
    out = tmp_path / "application.xlsx"
    assert typed("form", "application", "--kind", "holder", "-o", str(out), url=database_url).exit_code == 1
    assert not out.exists()
    assert typed("form", "application", "--kind", "verifier", "-o", str(out)).exit_code == 0
