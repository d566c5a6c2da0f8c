"""The reader of uploads: what it cannot do, and that one reading leaves nothing for the next."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.services.spreadsheets import jail, syscall_filter, warm
from tests.services.spreadsheets.samples import expectation, with_text, worked_form

EXPECTED = expectation()
GOOD = worked_form()
_ATTEMPTS = (sys.executable, "-m", "tests.services.spreadsheets.confined_attempts")
#: what the filter of system calls adds; it exists on Linux for x86-64
BY_THE_SYSTEM = os.uname().machine == "x86_64" and sys.platform == "linux"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[warm.Warm]:
    """A warm process of this test's own."""
    own = warm.Warm()
    monkeypatch.setattr(warm, "readers", own)
    yield own
    own.stop()


def attempted(way: str) -> tuple[bool, dict[str, str]]:
    """(has it left the network, what was tried → how it ended) by a reader alone or of the warm process."""
    if way == "alone":
        done = subprocess.run([*_ATTEMPTS, way], capture_output=True, check=True)
        return done.stderr == b"True", json.loads(done.stdout)
    ours, theirs = socket.socketpair()
    told, end = os.pipe()
    with ours, theirs, tempfile.TemporaryFile() as task, tempfile.TemporaryFile() as answer:
        process = subprocess.Popen([*_ATTEMPTS, way], stdin=theirs.fileno(), stderr=subprocess.PIPE)
        theirs.close()
        socket.send_fds(ours, [warm.ORDER.pack(20)], [task.fileno(), answer.fileno(), end])
        os.close(end)
        assert warm.END.unpack(os.read(told, 4))[0] == 0
        os.close(told)
        ours.close()
        left = process.communicate(timeout=60)[1]
        answer.seek(0)
        return left == b"True", json.loads(answer.read())


@pytest.mark.parametrize("way", ["alone", "warm"])
def test_a_reader_opens_no_socket_starts_no_process_and_writes_no_file(way: str) -> None:
    left, ended = attempted(way)
    assert ended.pop("allowed: read a file") == "done"
    loopback = ended.pop("before, loopback")
    assert loopback == (os.strerror(errno.ENETUNREACH) if left else "done"), "the namespace has a network"
    if not BY_THE_SYSTEM:
        ended = {name: how for name, how in ended.items() if name.startswith("python")}
    assert "done" not in ended.values(), ended
    by_system = {how for name, how in ended.items() if name.startswith("system")}
    assert by_system <= {os.strerror(errno.EPERM)}, "Python's own hook came before the system"
    assert len(ended) > 10
    assert not os.path.exists("/tmp/a-reader-must-not-write-this")


def test_the_filter_is_a_program_the_kernel_can_take() -> None:
    steps = syscall_filter._steps()
    assert len(steps) < 4096
    for at, (operation, yes, no, _) in enumerate(steps):
        assert operation == syscall_filter._RETURN or at + 1 + max(yes, no) < len(steps)
    assert steps[-1] == (syscall_filter._RETURN, 0, 0, syscall_filter._DENY)


def test_a_reader_that_breaks_takes_nobody_with_it(fresh: warm.Warm) -> None:
    assert jail.read_form_jailed(GOOD, EXPECTED).emissions == 8937
    first = fresh._process
    assert first is not None
    assert [p.code for p in jail.read_form_jailed(GOOD, EXPECTED, seconds=0).problems] == ["reader_timeout"]
    assert jail.read_form_jailed(GOOD, EXPECTED).emissions == 8937
    assert fresh._process is first


def test_a_warm_process_that_died_is_begun_again_and_the_upload_is_read(fresh: warm.Warm) -> None:
    assert jail.read_form_jailed(GOOD, EXPECTED).emissions == 8937
    assert fresh._process is not None
    os.kill(fresh._process.pid, signal.SIGKILL)
    assert jail.read_form_jailed(GOOD, EXPECTED).emissions == 8937


def test_without_a_warm_process_each_upload_has_a_process_of_its_own(
    fresh: warm.Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise warm.Broken

    monkeypatch.setattr(fresh, "read", broken)
    assert jail.read_form_jailed(GOOD, EXPECTED).emissions == 8937
    wrong = with_text(GOOD, "活動量", "H10", "たくさん")
    assert jail.mark_jailed(wrong, jail.read_form_jailed(wrong, EXPECTED).problems) is not None
    assert [p.code for p in jail.read_form_jailed(GOOD, EXPECTED, seconds=0).problems] == ["reader_timeout"]


def test_many_at_once_get_each_their_own_answer(fresh: warm.Warm) -> None:
    wrong = with_text(GOOD, "活動量", "H10", "たくさん")
    files = [GOOD, wrong] * 5
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda data: jail.read_form_jailed(data, EXPECTED).emissions, files))
    assert answers == [8937, None] * 5


def test_the_warm_process_ends_with_the_process_that_began_it() -> None:
    script = (
        "import os, signal; from portal.services.spreadsheets import jail, warm;"
        "from tests.services.spreadsheets.samples import worked_form;"
        "assert jail.peek_jailed(worked_form()).ok; print(warm.readers._process.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE)
    begun = Path("/proc", done.stdout.decode().strip())
    deadline = time.monotonic() + 60
    while begun.exists() and _state(begun) != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not begun.exists() or _state(begun) == "Z"


def _state(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_fork_of_the_web_process_begins_a_warm_process_of_its_own(fresh: warm.Warm) -> None:
    script = (
        "import os; from portal.services.spreadsheets import jail, warm;"
        "from tests.services.spreadsheets.samples import worked_form;"
        "assert jail.peek_jailed(worked_form()).ok; first = warm.readers._process.pid; pid = os.fork();"
        "assert jail.peek_jailed(worked_form()).ok; same = warm.readers._process.pid == first;"
        "assert same == bool(pid);"
        "assert not pid or os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_nothing_of_one_upload_is_open_or_kept_in_the_next(fresh: warm.Warm) -> None:
    """While one reading waits in a child, another child holds its own three files only."""
    assert jail.peek_jailed(GOOD).ok
    template = fresh._process
    assert template is not None
    before = sorted(os.listdir(f"/proc/{template.pid}/fd"))
    with ThreadPoolExecutor(4) as threads:
        readings = [threads.submit(jail.read_form_jailed, GOOD, EXPECTED) for _ in range(6)]
        seen = _files_of_children(template.pid, readings[-1].done)
        assert all(reading.result().ok for reading in readings)
    assert seen <= {"0", "1", "2"}, seen
    # it puts its own end of the last reading away after the answer is out; what leaks stays
    ends = time.monotonic() + 20
    while (left := sorted(os.listdir(f"/proc/{template.pid}/fd"))) != before and time.monotonic() < ends:
        time.sleep(0.01)
    assert left == before


def _files_of_children(parent: int, over: Callable[[], bool]) -> set[str]:
    """What children of ``parent`` that are bound already had open, until ``over()``."""
    seen: set[str] = set()
    deadline = time.monotonic() + 20
    while not over() and time.monotonic() < deadline:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            try:
                bound = "Seccomp:\t2" in Path(f"/proc/{child}/status").read_text()
                opened = set(os.listdir(f"/proc/{child}/fd"))
            except OSError:
                continue
            if bound:
                seen |= opened - {"3"}  # a module may just be read
    return seen
