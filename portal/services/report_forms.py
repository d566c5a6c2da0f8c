"""The designated form of one report: what it must say, and the prefilled blank (domain §4)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from portal import clock
from portal.errors import Refusal, refuse
from portal.models import EmissionsReport, User
from portal.permissions import Permission
from portal.services import access, factors
from portal.services.mail_words import fiscal_years
from portal.services.spreadsheets.blank import build_form
from portal.services.spreadsheets.form_types import FormExpectation, FormIdentity
from portal.services.spreadsheets.layouts import versions


def identity(report: EmissionsReport) -> FormIdentity:
    """Whose form it is and for which years, as the cover must say it."""
    holder = report.holder
    code = holder.account.code
    return FormIdentity(
        holder=code.replace("-", ""),
        account=code,
        holder_name=holder.representative.name,
        site_name=holder.site_name,
        site_address=holder.site_address,
        period=report.period.value,
        fiscal_years=fiscal_years(holder.phase, report.period),
        phase=holder.phase.number,
    )


def expectation(session: Session, report: EmissionsReport) -> FormExpectation:
    """What the form of ``report`` must say: its identity, the factor table of each of its years, its version.

    Raises ``NotFound`` for a fiscal year without a factor table.
    """
    whose = identity(report)
    tables = factors.factors_for(session, whose.fiscal_years)
    earlier = factors.earlier_tables(session, whose.fiscal_years)
    return FormExpectation(whose, tables, versions.accepted(clock.today()), earlier)


def file_name(report: EmissionsReport, locale: str = "ja") -> str:
    """How the form of ``report`` is called: ``2014年度算定報告書_AST-1001.xlsx``."""
    whose = identity(report)
    years = whose.fiscal_years
    if locale == "en":
        span = f"FY{years[0]}" if len(years) == 1 else f"FY{years[0]}-{years[-1]}"
        return f"calculation_report_{span}_{whose.account}.xlsx"
    span = f"{years[0]}年度" if len(years) == 1 else f"{years[0]}～{years[-1]}年度"
    return f"{span}算定報告書_{whose.account}.xlsx"


def blank(session: Session, report: EmissionsReport, *, actor: User, locale: str = "ja") -> tuple[str, bytes]:
    """(file name, bytes) of the prefilled blank, for the holder whose report it is.

    Raises ``NotAllowed``, ``NotFound`` for another's report, or ``Refused`` with FORM_IMPOSSIBLE for a
    phase whose years or tables no form can hold.
    """
    access.check(actor, Permission.REPORT_OWN_VIEW)
    own = access.get_visible(session, EmissionsReport, report.id, actor)
    try:
        made = build_form(expectation(session, own), locale=locale)
    except ValueError as error:
        raise refuse(Refusal.FORM_IMPOSSIBLE) from error
    return file_name(own, locale), made
