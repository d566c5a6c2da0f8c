"""The client of clamd: what it says is believed, everything else is no answer; settings and self-check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.services import selfcheck, virus_scan
from portal.services.virus_scan import Away, Scanner
from portal.settings import Settings, SettingsError, read_settings
from tests.scanners import EICAR, SIGNATURE, Stub, clamd
from tests.servers import loopback_socket


@pytest.fixture
def stub() -> Iterator[Stub]:
    with clamd() as running:
        yield running


def scanner(stub: Stub, seconds: float = 5) -> Scanner:
    return Scanner(stub.address, seconds, 25)


def test_what_is_found_is_named_and_what_is_clean_passes_whole(stub: Stub) -> None:
    long = bytes(range(256)) * 1_000
    assert scanner(stub).signature(long) is None
    assert scanner(stub).signature(b"") is None
    assert scanner(stub).signature(long + EICAR + long) == SIGNATURE
    assert stub.seen == [long, b"", long + EICAR + long]


def test_a_socket_of_the_same_machine_works_too(tmp_path: Path) -> None:
    with clamd(tmp_path / "clamd.sock") as stub:
        assert scanner(stub).signature(EICAR) == SIGNATURE
        assert scanner(stub).alive() and scanner(stub).version().startswith("ClamAV")


@pytest.mark.parametrize(
    "mood", ["hang_up", "UNKNOWN COMMAND", "stream: ", "stream: Access denied. ERROR", "OK", "FOUND"]
)
def test_anything_but_a_clear_answer_is_none(stub: Stub, mood: str) -> None:
    stub.mood = mood
    with pytest.raises(Away):
        scanner(stub).signature(b"%PDF-1.4")
    assert not scanner(stub).alive()


def test_a_file_longer_than_clamd_takes_is_not_clean(stub: Stub) -> None:
    stub.longest = 1_000
    with pytest.raises(Away):
        scanner(stub).signature(b"x" * 3_000_000)


def test_a_scanner_that_says_nothing_is_waited_for_no_longer_than_was_set(stub: Stub) -> None:
    stub.mood, began = "silent", time.monotonic()
    with pytest.raises(Away):
        scanner(stub, seconds=0.3).signature(b"x")
    assert time.monotonic() - began < 3


def test_nobody_there_is_away() -> None:
    with loopback_socket() as closed:
        nobody = Scanner(f"tcp://127.0.0.1:{closed.getsockname()[1]}", 2, 25)
        with pytest.raises(Away):
            nobody.signature(b"x")
    with pytest.raises(Away):
        Scanner("unix:/nowhere/clamd.sock", 2, 25).version()


def test_the_self_check_says_whether_the_scanner_answers(stub: Stub) -> None:
    def finding(settings: Settings) -> selfcheck.Finding:
        return next(one for one in selfcheck.run_checks(settings) if one.name == "virus scanner")

    none = Settings(database_url="sqlite:////nowhere/portal.db")
    assert finding(none).ok and "not searched" in finding(none).detail
    given = Settings(database_url=none.database_url, clamd=stub.address)
    assert finding(given).ok and "ClamAV" in finding(given).detail
    stub.mood = "hang_up"
    assert not finding(given).ok and "no upload is accepted" in finding(given).detail


@pytest.mark.parametrize(
    "wrong",
    ["clamd:3310", "tcp://host", "tcp://:3310", "tcp://h:99999", "tcp://h:1/x", "unix:clamd", "unix:/"],
)
def test_a_wrong_address_stops_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError) as problems:
        read_settings({"PORTAL_CLAMD": wrong})
    assert "PORTAL_CLAMD: " in str(problems.value)


def test_addresses_and_limits_are_read_from_the_environment() -> None:
    assert read_settings({}).clamd is None and virus_scan.scanner_of(read_settings({})) is None
    given = {
        "PORTAL_CLAMD": "tcp://127.0.0.1:3310",
        "PORTAL_CLAMD_SECONDS": "7",
        "PORTAL_CLAMD_LIMIT_MB": "30",
    }
    assert virus_scan.scanner_of(read_settings(given)) == Scanner("tcp://127.0.0.1:3310", 7, 30)
    assert read_settings({"PORTAL_CLAMD": "unix:/run/clamav/clamd.ctl"}).clamd == "unix:/run/clamav/clamd.ctl"
    assert read_settings({"PORTAL_CLAMD": "tcp://[::1]:3310"}).clamd is not None
    with pytest.raises(SettingsError) as problems:
        read_settings({**given, "PORTAL_UPLOAD_LIMIT_MB": "40"})
    assert "PORTAL_CLAMD_LIMIT_MB: at least 40" in str(problems.value)
