"""The outbox against a real mail server: at least once, same Message-ID, nothing lost, nobody blocked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal import clock
from portal.errors import NotAllowed, NotFound, Refused
from portal.extensions import make_session
from portal.models import Event, Job, JobState, MailMessage, MailState
from portal.permissions import Role
from portal.services import jobs, mail, outbox, users, worker
from portal.services.outbox import deliver, pause
from portal.services.transaction import one_transaction
from portal.services.transports import FileTransport, SmtpTransport, transport_for
from portal.settings import Settings
from tests.servers import MailServer

SENDER = "ASSET事務局 <asset@office.example>"


def queue(engine: Engine, count: int = 1, recipient: str = "a@holder.example") -> None:
    with make_session(engine) as session, one_transaction(session):
        for n in range(count):
            session.add(
                MailMessage(
                    kind="report_received",
                    locale="ja",
                    recipient=recipient,
                    recipient_name="環境 太郎",
                    about_allowances=False,
                    subject=f"【ASSET】調整・自主削減年度の算定報告書が受領されました {n}",
                    body="環境 太郎 様\n\n算定報告書を受領しました。\n",
                    message_id=f"<{n}.{recipient.split('@')[0]}@asset.example>",
                    state=MailState.QUEUED,
                    next_try_at=clock.now(),
                    created_at=clock.now(),
                )
            )


def only(engine: Engine) -> MailMessage:
    with make_session(engine) as session:
        row = session.scalars(select(MailMessage)).one()
        session.expunge(row)
        return row


def opener(engine: Engine) -> Callable[[], Session]:
    return lambda: make_session(engine)


def test_a_message_arrives_as_it_was_written(engine: Engine, smtp_server: MailServer) -> None:
    queue(engine)
    done = deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER))
    assert (done.sent, done.refused) == (1, 0)
    (got,) = smtp_server.to("a@holder.example")
    assert got.subject.startswith("【ASSET】調整・自主削減年度の算定報告書が受領されました")
    assert "算定報告書を受領しました。" in got.text
    assert got.message["Message-ID"] == "<0.a@asset.example>"
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.sender == "asset@office.example"
    row = only(engine)
    assert row.state is MailState.SENT and row.sent_at is not None and row.attempts == 1
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 0


def test_a_worker_that_dies_after_sending_sends_once_more_with_the_same_id(
    engine: Engine, smtp_server: MailServer, at: Callable[[str], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    at("2015-10-15 09:00")
    queue(engine)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_mark_sent", die)
        with pytest.raises(Killed):
            deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER))
    assert len(smtp_server.messages) == 1
    # the lease still stands: nobody sends it meanwhile
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 0
    clock.step(outbox.LEASE)
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 1
    assert [m.message["Message-ID"] for m in smtp_server.messages] == ["<0.a@asset.example>"] * 2
    assert only(engine).state is MailState.SENT


def test_a_server_that_is_down_loses_nothing(
    engine: Engine, bound_socket: socket.socket, smtp_server: MailServer, at: Callable[[str], datetime]
) -> None:
    at("2015-10-15 09:00")
    queue(engine, 3)
    nobody = f"smtp://127.0.0.1:{bound_socket.getsockname()[1]}"
    for _ in range(outbox.LAST_TRY + 3):
        done = deliver(opener(engine), SmtpTransport(nobody, SENDER))
        assert done.unreachable is not None and done.sent == 0
        clock.step(timedelta(minutes=1))
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 3


def test_a_refused_message_waits_longer_each_time_and_holds_up_nobody(
    engine: Engine, smtp_server: MailServer, at: Callable[[str], datetime]
) -> None:
    at("2015-10-15 09:00")
    queue(engine)
    smtp_server.answer = "451 try later"
    for tries in range(1, outbox.LAST_TRY + 1):
        assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).refused == 1
        assert only(engine).next_try_at == clock.now() + pause(tries)
        assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).refused == 0
        clock.step(pause(tries))
    row = only(engine)
    assert row.state is MailState.FAILED and row.attempts == 12
    assert row.last_error == "451 try later"
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).refused == 0


def test_the_pauses_are_one_two_four_and_at_most_sixty_minutes() -> None:
    assert [pause(n).total_seconds() / 60 for n in (1, 2, 3, 6, 7, 12)] == [1, 2, 4, 32, 60, 60]


def test_one_bad_recipient_does_not_stop_the_others(engine: Engine, smtp_server: MailServer) -> None:
    queue(engine, recipient="環境@holder.example")
    queue(engine, recipient="b@holder.example")
    done = deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER))
    assert (done.sent, done.refused) == (1, 1)
    assert len(smtp_server.to("b@holder.example")) == 1


def test_a_failed_message_goes_again_on_demand(engine: Engine, smtp_server: MailServer) -> None:
    queue(engine)
    with make_session(engine) as session, one_transaction(session):
        office = users.create_secretariat_user(session, "office01", "事務", Role.OFFICER, None, actor=None)[0]
        viewer = users.create_secretariat_user(session, "office03", "閲覧", Role.VIEWER, None, actor=None)[0]
        row = session.scalars(select(MailMessage)).one()
        with pytest.raises(Refused):
            outbox.resend(session, row.id, actor=office)
        with pytest.raises(NotAllowed):
            outbox.resend(session, row.id, actor=viewer)
        with pytest.raises(NotFound):
            outbox.resend(session, 999, actor=office)
        row.state, row.attempts = MailState.FAILED, 12
        session.flush()
        outbox.resend(session, row.id, actor=office)
        assert session.scalars(select(Event).where(Event.tag == "mail_resent")).one().actor_id == office.id
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 1
    assert smtp_server.messages[0].message["Message-ID"] == "<0.a@asset.example>"


def test_two_workers_send_each_message_once(engine: Engine, smtp_server: MailServer) -> None:
    queue(engine, 12)

    def work() -> None:
        while deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER), limit=2).sent:
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    ids = [message.message["Message-ID"] for message in smtp_server.messages]
    assert len(ids) == len(set(ids)) == 12


def test_without_a_server_messages_lie_readable_in_the_folder(engine: Engine, tmp_path: Path) -> None:
    queue(engine)
    transport = transport_for(Settings(instance=tmp_path / "instance"))
    assert isinstance(transport, FileTransport)
    assert deliver(opener(engine), transport).sent == 1
    (file,) = (tmp_path / "instance" / "mail").iterdir()
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert file.suffix == ".eml"
    assert message["To"] == "環境 太郎 <a@holder.example>"
    body = message.get_body()
    assert body is not None and "算定報告書を受領しました。" in body.get_content()


def test_what_is_rolled_back_is_never_sent(engine: Engine, smtp_server: MailServer) -> None:
    with make_session(engine) as session:
        office, _ = users.create_secretariat_user(
            session, "office01", "事務", Role.OFFICER, "o@office.example", actor=None
        )
        with pytest.raises(RuntimeError), one_transaction(session):
            assert mail.notify(session, mail.MailKind.PASSWORD_CHANGED, user=office)
            session.flush()
            raise RuntimeError
        assert session.scalars(select(MailMessage)).all() == []
    assert deliver(opener(engine), SmtpTransport(smtp_server.url, SENDER)).sent == 0


def test_a_round_of_the_worker_does_what_is_due(
    engine: Engine, smtp_server: MailServer, at: Callable[[str], datetime]
) -> None:
    at("2015-10-15 09:00")
    queue(engine, 25)
    assert worker.one_round(opener(engine), SmtpTransport(smtp_server.url, SENDER)) == 25 + len(jobs.NIGHTLY)
    assert worker.one_round(opener(engine), SmtpTransport(smtp_server.url, SENDER)) == 0
    with make_session(engine) as session:
        found = {job.kind: job for job in session.scalars(select(Job))}
    assert set(found) == set(jobs.NIGHTLY)
    assert all(job.state is JobState.DONE for job in found.values())
    clock.step(timedelta(days=1))
    assert worker.one_round(opener(engine), SmtpTransport(smtp_server.url, SENDER)) == len(jobs.NIGHTLY)


def test_work_that_breaks_is_tried_again_and_then_has_failed(
    engine: Engine, at: Callable[[str], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    at("2015-10-15 09:00")

    def broken(work: jobs.Work) -> dict[str, object]:
        work.progress(1, 2)
        raise RuntimeError("no")

    monkeypatch.setitem(jobs.HANDLERS, "broken", broken)
    with make_session(engine) as session, one_transaction(session):
        first = jobs.enqueue(session, "broken", once_key="only")
        assert jobs.enqueue(session, "broken", once_key="only").id == first.id
    for _ in range(jobs.LAST_TRY):
        assert jobs.run_one(opener(engine)) == "broken"
        assert jobs.run_one(opener(engine)) is None
        clock.step(timedelta(hours=1))
    assert jobs.run_one(opener(engine)) is None
    with make_session(engine) as session:
        job = session.scalars(select(Job)).one()
        assert (job.state, job.last_error, job.progress, job.total) == (
            JobState.FAILED,
            "RuntimeError: no",
            1,
            2,
        )
