"""The worker: delivers mail and runs jobs, round after round, until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event

from portal.services import (
    application_intake,
    book_checks,
    deadline,
    guards,
    import_jobs,
    import_retention,
    installation,
    issue_batch_jobs,
    jobs,
    kept_forms,
    lapses,
    letter_batches,
    letter_printing,
    list_files,
    marked_copies,
    night_watch,
    outbox,
    publication_watch,
    reminders,
    seals,
    transfer_totals,
)
from portal.services.outbox import OpenSession
from portal.services.transaction import run
from portal.services.transports import Transport

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
#: after a round that broke (the database is away), so that the log does not fill
LONG_PAUSE_SECONDS = 15.0
MOST_JOBS_IN_A_ROUND = 20
#: services that bring work of their own; knowing them here registers it
BRING_WORK = (
    marked_copies,
    application_intake,
    book_checks,
    deadline,
    guards,
    import_jobs,
    import_retention,
    issue_batch_jobs,
    kept_forms,
    lapses,
    letter_batches,
    letter_printing,
    list_files,
    publication_watch,
    reminders,
    seals,
    transfer_totals,
)


def one_round(open_session: OpenSession, transport: Transport, stop: Event | None = None) -> int:
    """Run what is due and send what waits, until nothing is left; how many things were done."""
    with open_session() as session:
        installation.show_time(session)
        run(session, lambda: jobs.schedule(session))
    done = 0
    while done < MOST_JOBS_IN_A_ROUND and not _told(stop):
        if jobs.run_one(open_session) is None:
            break
        done += 1
    done += night_watch.tell(open_session)
    while not _told(stop):
        delivered = outbox.deliver(open_session, transport)
        done += delivered.sent + delivered.refused
        if delivered.unreachable is not None:
            log.warning("mail server unreachable: %s", delivered.unreachable)
            break
        if delivered.sent + delivered.refused == 0:
            break
    return done


def _told(stop: Event | None) -> bool:
    return stop is not None and stop.is_set()


def work(open_session: OpenSession, make_transport: Callable[[], Transport], stop: Event) -> None:
    """Go round until ``stop`` is set. Whatever breaks is logged and tried again in the next round."""
    while not stop.is_set():
        wait = PAUSE_SECONDS
        try:
            one_round(open_session, make_transport(), stop)
        except Exception:
            log.exception("the worker's round broke; it goes on in %d seconds", LONG_PAUSE_SECONDS)
            wait = LONG_PAUSE_SECONDS
        stop.wait(wait)
