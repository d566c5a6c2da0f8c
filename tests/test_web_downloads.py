"""The names of downloads: no sign that a file system refuses, and an ASCII name that says what it is."""

from __future__ import annotations

import io
from urllib.parse import unquote

import pytest
from flask import Flask, send_file

from portal import web_downloads


@pytest.mark.parametrize(
    ("name", "plain", "own"),
    [
        ("2014年度算定報告書_AST-1001.xlsx", "FY2014_calculation_report_AST-1001.xlsx", None),
        ("2010～2012年度算定報告書_AST-1001.xlsx", "FY2010-2012_calculation_report_AST-1001.xlsx", None),
        ("第2期_検証済排出量.csv", "Phase_2_verified_emissions.csv", None),
        ("Phase 2: Verified.csv", "Phase_2_Verified.csv", "Phase 2_ Verified.csv"),
        ("境界図.pdf", "file.pdf", None),
        ("期限に遅れる報告書_20151015.csv", "late_reports_20151015.csv", None),
        ("目標保有者ごとの報告の状況_20151015.xlsx", "reports_by_holder_20151015.xlsx", None),
        ("AST-1049_取引明細書_20150401-20160331.pdf", "AST-1049_statement_20150401-20160331.pdf", None),
    ],
)
def test_a_file_handed_out_is_called_so_in_both_scripts(name: str, plain: str, own: str | None) -> None:
    app = Flask("names")
    web_downloads.install(app)
    app.add_url_rule(
        "/",
        "file",
        lambda: send_file(io.BytesIO(b"x"), mimetype="text/csv", as_attachment=True, download_name=name),
    )
    header = app.test_client().get("/").headers["Content-Disposition"]
    first, _semicolon, second = header.partition("; filename*=UTF-8''")
    assert first == f'attachment; filename="{plain}"'
    assert unquote(second) == (own or name)
    assert ":" not in unquote(second)
