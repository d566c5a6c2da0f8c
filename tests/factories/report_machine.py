"""The report machine: any order of acts by anybody, with retries, old pages, rollbacks and a jumping clock.

The services do it on a real database, ``report_model`` in plain Python; after every step both say the same.
Tests run it briefly, ``bench/report_machine.py`` for as long as one likes; a failure prints its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import PortalError
from portal.extensions import make_engine, make_session
from portal.models import (
    ApprovalRevocation,
    EmissionsReport,
    Event,
    FileKind,
    ReviewSide,
    RevocationState,
    User,
)
from portal.services import report_files, report_rules, reports, review_desk, reviews, verification
from portal.services.transaction import one_transaction
from tests import databases
from tests.factories import registration, report_model
from tests.factories import reports as make
from tests.factories.report_model import ACTS, PEOPLE, Model, done

FIGURES, OPINIONS = (7_000, 7_460), ("unqualified", "qualified", "adverse", "disclaimer")
#: days of the base-year window: before it, within it, its last one, after it
MOMENTS = ("2013-09-01 00:00", "2013-11-05 10:00", "2013-12-24 23:59", "2014-01-31 23:59", "2014-02-01 00:00")
#: the main road of a report
FORWARD = (
    ("register_file", "a"),
    ("request_verification", "b"),
    ("register_verification", "v"),
    ("request_approval", "v"),
    ("start_review", "officer"),
    ("send_review_document", "officer"),
    ("approve", "approver"),
    ("propose_revocation", "officer"),
)
MODES = st.sampled_from(["plain", "plain", "plain", "twice", "old page", "rolled back"])


@dataclass(frozen=True)
class Cast:
    """The small world every run starts from, as plain values."""

    report: int
    people: dict[str, int]
    opens: date
    due: date


def prepared(url: str) -> Cast:
    """Make the world in the database at ``url``."""
    engine = make_engine(url)
    with make_session(engine) as session, one_transaction(session):
        scheme = make.scheme(session)
        second = registration.office(session, scheme.approver.role)
        rival, stranger = registration.verifier(session), registration.holder(session)
        session.flush()
        people = {
            "a": scheme.a.id,
            "b": scheme.b.id,
            "v": scheme.v.id,
            "officer": scheme.officer.id,
            "approver": scheme.approver.id,
            "second": second.id,
            "viewer": scheme.viewer.id,
            "rival": rival.users[0].id,
            "stranger": stranger.users[0].id,
        }
        report = scheme.report()
        opens, due = report_rules.window(report_rules.rule_of(scheme.holder.phase), report.period)
        cast = Cast(report.id, people, opens, due)
    engine.dispose()
    return cast


Do = Callable[[Session, EmissionsReport, User, Any, dict[str, Any]], object]

#: how each act of the model is really done; the last argument holds the page's version and perhaps a key
DO: dict[str, Do] = {
    "register_file": lambda s, r, who, given, more: _register(s, r, who, given, more),
    "attach_file": lambda s, r, who, _, more: report_files.attach_file(
        s, r.id, "境界図.pdf", make.PDF, actor=who, **more
    ),
    "request_verification": lambda s, r, who, _, more: reports.request_verification(
        s, r.id, actor=who, **more
    ),
    "request_send_back": lambda s, r, who, _, more: reports.request_send_back(
        s, r.id, "差し替えたい", actor=who, **more
    ),
    "register_verification": lambda s, r, who, given, more: verification.register_verification(
        s,
        r.id,
        "検証.pdf",
        make.PDF,
        given,
        r.emissions,
        replace(make.work(given), confirmed=True),
        actor=who,
        **more,
    ),
    "grant_send_back": lambda s, r, who, _, more: verification.grant_send_back(s, r.id, actor=who, **more),
    "decline_send_back": lambda s, r, who, _, more: verification.decline_send_back(
        s, r.id, "検証済み", actor=who, **more
    ),
    "return_to_holder": lambda s, r, who, _, more: verification.return_to_holder(
        s, r.id, "11月", actor=who, **more
    ),
    "request_approval": lambda s, r, who, _, more: verification.request_approval(s, r.id, actor=who, **more),
    "start_review": lambda s, r, who, _, more: reviews.start_review(s, r.id, actor=who, **more),
    "return_to_verifier": lambda s, r, who, _, more: reviews.return_to_verifier(
        s, r.id, "日付", actor=who, **more
    ),
    "send_review_document": lambda s, r, who, _, more: reviews.send_review_document(
        s, r.id, "期間は？", actor=who, **more
    ),
    "answer_review": lambda s, r, who, _, more: verification.answer_review(
        s, r.id, "末日", actor=who, **more
    ),
    "approve": lambda s, r, who, _, more: reviews.approve(s, r.id, actor=who, **more),
    "propose_revocation": lambda s, r, who, _, more: reviews.propose_revocation(
        s, r.id, "誤り", actor=who, **more
    ),
    "confirm_revocation": lambda s, r, who, _, more: reviews.confirm_revocation(
        s, _revocation(s, r), actor=who, **_row_version(s, r, more)
    ),
    "withdraw_revocation": lambda s, r, who, _, more: reviews.withdraw_revocation(
        s, _revocation(s, r), actor=who, reason="起案の誤り", **_row_version(s, r, more)
    ),
    "take": lambda s, r, who, _, more: review_desk.take(s, r.id, actor=who, **more),
}


def _register(
    session: Session, report: EmissionsReport, who: User, figure: int, more: dict[str, Any]
) -> object:
    data, reading = make.filled(session, report, figure)
    return reports.register_file(session, report.id, "算定.xlsx", data, actor=who, reading=reading, **more)


def _open(session: Session, report: EmissionsReport) -> ApprovalRevocation | None:
    query = select(ApprovalRevocation).where(
        ApprovalRevocation.report_id == report.id, ApprovalRevocation.state == RevocationState.PROPOSED
    )
    return session.scalars(query).one_or_none()


def _revocation(session: Session, report: EmissionsReport) -> int:
    row = _open(session, report)
    return row.id if row is not None else 0


def _row_version(session: Session, report: EmissionsReport, more: dict[str, Any]) -> dict[str, Any]:
    """The version of the proposal instead of the report's: one too old stays one too old."""
    row = _open(session, report)
    old = more.get("version", 0) < report.version
    return {"version": (row.version if row is not None else 1) - (1 if old else 0)}


class ReportMachine(RuleBasedStateMachine):
    """One run on a copy of the prepared database."""

    def __init__(self, template: str, folder: Path, cast: Cast) -> None:
        super().__init__()
        self.cast, self.url = cast, databases.copy(template, folder)
        self.engine = make_engine(self.url)
        self.session = make_session(self.engine)
        self.keys = 0
        self.model = Model(date(2013, 11, 5), cast.opens, cast.due)

    def teardown(self) -> None:
        self.session.close()
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            databases.drop(self.url)

    @initialize(ahead=st.integers(0, len(FORWARD)))
    def begin(self, ahead: int) -> None:
        """The run begins somewhere along the main road: few would get far by chance alone."""
        make.at(MOMENTS[1])
        self.model = replace(self.model, events=self._events(), now=clock.now())
        for act, who in FORWARD[:ahead]:
            self._act(act, who, "plain", FIGURES[0] if act == "register_file" else OPINIONS[0])

    def _events(self) -> int:
        query = select(func.count(Event.id)).where(
            Event.subject_type == "emissions_report", Event.subject_id == self.cast.report
        )
        return self.session.scalar(query) or 0

    def _report(self) -> EmissionsReport:
        return self.session.get_one(EmissionsReport, self.cast.report, populate_existing=True)

    def _once(self, act: str, who: str, given: Any, more: dict[str, Any], *, keep: bool = True) -> bool:
        """Do it in a transaction of its own; whether it was not refused."""

        class Undone(Exception):
            pass

        try:
            with one_transaction(self.session):
                actor = self.session.get_one(User, self.cast.people[who], populate_existing=True)
                DO[act](self.session, self._report(), actor, given, more)
                if not keep:
                    raise Undone
        except Undone:
            return True
        except PortalError:
            return False
        return True

    @rule(
        act=st.sampled_from(sorted(ACTS)),
        who=st.sampled_from(PEOPLE),
        mode=MODES,
        figure=st.sampled_from(FIGURES),
        opinion=st.sampled_from(OPINIONS),
    )
    def anybody(self, act: str, who: str, mode: str, figure: int, opinion: str) -> None:
        """Anybody tries anything."""
        self._act(act, who, mode, figure if act == "register_file" else opinion)

    @rule(pick=st.integers(0, 10_000), mode=MODES, opinion=st.sampled_from(OPINIONS[:3]))
    def somebody_who_may(self, pick: int, mode: str, opinion: str) -> None:
        """What is possible now, by somebody who may: so that reports do get on."""
        can = [(act, who) for act in sorted(ACTS) for who in PEOPLE if done(self.model, act, who, opinion)]
        if can:
            act, who = can[pick % len(can)]
            self._act(act, who, mode, FIGURES[pick % 2] if act == "register_file" else opinion)

    @rule(pick=st.integers(0, 10_000), mode=MODES, opinion=st.sampled_from(OPINIONS))
    def somebody_too_early(self, pick: int, mode: str, opinion: str) -> None:
        """The right person in the right state, but something else stands against it."""
        cannot = [
            (act, who)
            for act, one in sorted(ACTS.items())
            for who in one.who
            if self.model.state in one.states and done(self.model, act, who, opinion) is None
        ]
        if cannot:
            self._act(*cannot[pick % len(cannot)], mode, opinion)

    def _act(self, act: str, who: str, mode: str, given: Any) -> None:
        given = FIGURES[0] if act == "register_file" and given not in FIGURES else given
        after = done(self.model, act, who, given)
        self.keys += 1
        more: dict[str, Any] = {"key": f"machine-{self.keys}"} if ACTS[act].keyed else {}
        more["version"] = self._report().version - (1 if mode == "old page" else 0)
        self.session.rollback()
        # taking what one has already is an answer before the page's age is asked
        answered = act == "take" and self.model.clerk == who
        legal = after is not None and (mode != "old page" or answered)
        assert self._once(act, who, given, more, keep=mode != "rolled back") is legal
        if not legal or mode == "rolled back":
            return
        assert after is not None
        self.model = after
        if mode == "twice":
            # the second press of the same page: the first answer where there is a key, else told it is old
            again = self._once(act, who, given, more)
            assert again is (ACTS[act].keyed or act == "take")

    @rule(moment=st.sampled_from(MOMENTS), minutes=st.integers(-3, 3))
    def clock_jumps(self, moment: str, minutes: int) -> None:
        make.at(moment)
        clock.set_time(clock.now() + timedelta(minutes=minutes))
        self.model = replace(self.model, today=clock.today(), now=clock.now())

    @invariant()
    def both_say_the_same(self) -> None:
        self.session.rollback()
        report = self._report()
        self.session.expire_all()
        names = {number: name for name, number in self.cast.people.items()}
        proposed = _open(self.session, report)
        found = replace(
            self.model,
            state=report.state.value,
            files=sum(f.kind is FileKind.CALCULATION for f in report.files),
            figure=report.emissions,
            attachments=sum(f.kind is FileKind.ATTACHMENT for f in report.files),
            asked_back=report_rules.open_request(report) is not None,
            verified=_opinion(report),
            papers=len(report.verification_reports),
            questions=sum(d.side is ReviewSide.SECRETARIAT for d in report.review_documents),
            answers=sum(d.side is ReviewSide.VERIFIER for d in report.review_documents),
            turn=report_rules.turn(report_rules.facts_of(report)).value,
            confirmed=report.confirmed_emissions,
            late=report.late,
            returned=report.returned_reason is not None,
            proposer=names[proposed.proposed_by_id] if proposed is not None else None,
            clerk=names[report.clerk_id] if report.clerk_id is not None else None,
            events=self._events(),
        )
        self.session.rollback()
        assert found == self.model


def _opinion(report: EmissionsReport) -> str | None:
    current = report_rules.current_verification(report)
    return current.opinion.value if current is not None else None


def play(
    template: str,
    folder: Path,
    cast: Cast,
    *,
    runs: int,
    steps: int,
    seed: Callable[[Any], Any] | None = None,
    shrink: bool = True,
) -> None:
    """Run the machine on copies of ``template``; raises at the first step where both differ.

    Without ``shrink`` it does not look for fewer steps that fail too, which takes its time.
    """
    assert set(DO) == set(report_model.ACTS)

    class Seeded(ReportMachine):
        def __init__(self) -> None:
            super().__init__(template, folder, cast)

    assert settings.default is not None
    run_state_machine_as_test(
        seed(Seeded) if seed is not None else Seeded,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            phases=[phase for phase in Phase if shrink or phase not in (Phase.shrink, Phase.explain)],
            database=None if seed is not None else settings.default.database,
            suppress_health_check=list(HealthCheck),
        ),
    )
