"""What lies around the reports goes with its tables on the way back; what was there before stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from portal.extensions import make_engine, make_session
from portal.models import Period, PublicationSubject, Reminder, ReminderSubject, ReportState
from portal.permissions import Role
from portal.services import (
    factor_proposals,
    publications,
    review_desk,
    verification,
    verification_charge,
    verification_draft,
)
from portal.services.factor_rules import typed
from portal.services.factors import default_factors
from portal.services.transaction import one_transaction
from tests.factories import allowances, registration, reports
from tests.migrations.test_migrations import go

BEFORE, REPORTING = "20261126_1_registration_office", "20261126_2_reporting"
NEW = ("verification_draft", "factor_proposal", "reminder", "publication", "issue_batch", "book_check")
LATER = ("phase_closing", "transfer_total", "ledger_unfinished", "record_seal")


@pytest.fixture
def filled(empty_database_url: str, running_clock: None) -> Iterator[Engine]:
    """A database with a row of every kind that the two migrations bring."""
    engine = make_engine(empty_database_url)
    go(engine, "head")
    with make_session(engine) as session, one_transaction(session):
        made = allowances.market(session)
        scheme, officer = made.scheme, made.officer
        row = reports.bring(session, scheme, ReportState.VERIFICATION_REQUESTED, Period.TARGET, 7_400)
        verification_charge.choose(session, row.id, scheme.v.id, actor=scheme.v)
        verification_draft.save_draft(
            session, row.id, verification_draft.Written({}, findings="途中"), actor=scheme.v
        )
        work = reports.work("qualified")
        verification.register_and_request(
            session, row.id, "検証.pdf", reports.PDF, "qualified", 7_400, work, actor=scheme.v
        )
        review_desk.take(session, row.id, actor=officer)
        second = registration.office(session, Role.APPROVER)
        proposal = factor_proposals.propose(
            session, 2019, [typed(one) for one in default_factors()], reason="省令", actor=officer
        )
        factor_proposals.confirm(session, proposal.id, actor=second)
        table = publications.propose(
            session, made.holder.phase_id, PublicationSubject.EMISSIONS, actor=officer
        )
        publications.release(session, table.id, actor=second)
        session.add(
            Reminder(
                holder_id=made.holder.id,
                subject=ReminderSubject.TARGET,
                due=row.state_since.date(),
                days=7,
                told_to="holder",
                sent_at=row.state_since,
            )
        )
    yield engine
    engine.dispose()


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Every row of the tables and columns that stood before."""
    found = {}
    with engine.begin() as connection:
        for table in sorted(set(inspect(connection).get_table_names()) - {*NEW, *LATER}):
            columns = {one["name"] for one in inspect(connection).get_columns(table)}
            columns -= {
                "clerk_id",
                "in_charge_id",
                "checklist",
                "findings",
                "batch_id",
                "closed_at",
                "issue_cap",
                "attempt",
                "balance_after",
                "behind",
                "latest_at",
                "told_to",
                "differs_since",
            }
            if table == "compliance_snapshot":
                columns -= {"base_emissions", "reduction_target", "issued", "held", "number"}
            if table != "alembic_version":
                named = ", ".join(f'"{one}"' for one in sorted(columns))
                rows = connection.execute(text(f'SELECT {named} FROM "{table}"'))
                found[table] = sorted(map(str, rows))
    return found


def test_reports_ledger_and_events_outlive_the_way_back_and_forth(filled: Engine) -> None:
    before = contents(filled)
    assert len(before["ledger_entry"]) > 1 and len(before["verification_report"]) == 2
    go(filled, REPORTING, down=True)
    assert "publication" in inspect(filled).get_table_names()
    go(filled, BEFORE, down=True)
    assert not set(NEW) & set(inspect(filled).get_table_names())
    assert contents(filled) == before
    go(filled, "head")
    assert contents(filled) == before
    with filled.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM publication")).scalar() == 0
